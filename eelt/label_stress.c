/* Are forces and stress of a labelling program the derivatives of its energy? (kramers/eelt.h)
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Strained frames: x → (1 + ε) x, cell vectors too, ε symmetric. With W = −dE/dε the energy of a strain h in direction
 * (a, b) is E(h) = E − h (W_ab + W_ba)/2 + …, from ε_ab = ε_ba = h/2 (ε_aa = h). Forces: E(s) = E − s Σ F·d + … along
 * one random direction d of all atoms, |d| = 1. Central differences of one step: errors are of its second order. */
#include "core/error.h"
#include "core/frame_table.h"
#include "core/frames.h"
#include "core/memory.h"
#include "core/random.h"
#include <kramers/eelt.h>
#include <math.h>
#include <string.h>

enum { DIRECTIONS = 6, FRAMES = 1 + 2 * (DIRECTIONS + 1) };
static const int axis[DIRECTIONS][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};

/* out = v (1 + ε), one row vector. */
static void strain_vector(const double e[9], const double v[3], double out[3]) {
    for (int b = 0; b < 3; b++) out[b] = v[b] + v[0] * e[b] + v[1] * e[3 + b] + v[2] * e[6 + b];
}

/* Only what is periodic in all directions has a stress. */
static int first_of(const kr_frame *frame) { return frame->pbc[0] && frame->pbc[1] && frame->pbc[2] ? 0 : DIRECTIONS; }

/* The frame itself, two for each strain, two along d. */
static kr_status add_frames(kr_context *ctx, const kr_frame *frame, const double *d, double step, kr_builder *builder) {
    kr_status status = KR_OK;
    kr_frame moved = *frame;
    double *x = NULL;
    size_t n = 3 * (size_t)frame->natoms;
    KR_NEW(ctx, x, n);
    KR_TRY(kr_builder_add(ctx, builder, frame));
    moved.coord = x;
    for (int k = first_of(frame); k <= DIRECTIONS; k++)
        for (int sign = 1; sign >= -1; sign -= 2) {
            double e[9] = {0};
            if (k < DIRECTIONS) {
                int a = axis[k][0], b = axis[k][1];
                e[3 * a + b] += 0.5 * sign * step;
                e[3 * b + a] += 0.5 * sign * step;
            }
            for (int c = 0; c < 3; c++) strain_vector(e, frame->box + 3 * c, moved.box + 3 * c);
            for (int i = 0; i < frame->natoms; i++) strain_vector(e, frame->coord + 3 * i, x + 3 * i);
            for (size_t i = 0; i < n && k == DIRECTIONS; i++) x[i] = frame->coord[i] + sign * step * d[i];
            KR_TRY(kr_builder_add(ctx, builder, &moved));
        }
done:
    kr_free(x);
    return status;
}

static void random_direction(int n, double *d) {
    const kr_stream stream = {20, 1};
    double norm = 0;
    for (int i = 0; i < n; i++) {
        d[i] = 2 * kr_random_uniform(stream, (uint64_t)i, 0, 0) - 1;
        norm += d[i] * d[i];
    }
    for (int i = 0; i < n; i++) d[i] /= sqrt(norm);
}

/* Energies of all frames in their order; force and virial of the first. */
static kr_status compare(kr_context *ctx, const kr_dataset *labelled, const double *d, double step,
                         kr_stress_check *check) {
    kr_status status = KR_OK;
    kr_frames frames = {0};
    kr_frame frame;
    double energy[FRAMES];
    int n = 0, first = DIRECTIONS;
    KR_TRY(kr_frames_begin(ctx, labelled, &frames));
    for (int s = 0; s < labelled->nsystems; s++)
        for (int f = 0; f < labelled->system[s]->nframes && n < FRAMES; f++, n++) {
            KR_TRY(kr_frames_get(ctx, &frames, s, f, &frame));
            energy[n] = frame.label[KR_LABEL_ENERGY][0];
            if (n) continue;
            first = first_of(&frame);
            const double *virial = frame.label[KR_LABEL_VIRIAL];
            check->has_virial = virial != NULL;
            for (int c = 0; c < 9; c++) check->virial[c] = virial ? virial[c] : NAN;
            for (int i = 0; i < 3 * frame.natoms; i++) check->force += frame.label[KR_LABEL_FORCE][i] * d[i];
            check->volume = first ? 0 : kr_box_volume(frame.box);
        }
    for (int k = first; k < DIRECTIONS; k++) {
        int a = axis[k][0], b = axis[k][1];
        check->numeric[3 * a + b] = check->numeric[3 * b + a] =
            (energy[2 + 2 * (k - first)] - energy[1 + 2 * (k - first)]) / (2 * step);
    }
    check->numeric_force = (energy[n - 1] - energy[n - 2]) / (2 * step);
done:
    if (frames.dataset) kr_frames_clear(&frames);
    return status;
}

kr_status kr_label_check_stress(kr_context *ctx, const kr_label_options *options, const kr_dataset *dataset,
                                double step, kr_label_report *report, kr_stress_check *check) {
    kr_status status = KR_OK;
    kr_frames frames = {0};
    kr_builder builder = {0};
    kr_dataset *moved = NULL, *labelled = NULL;
    kr_frame frame;
    double *d = NULL;
    int index;
    memset(check, 0, sizeof *check);
    if (!(step > 0 && step < 0.1)) KR_FAIL(ctx, KR_ERR_ARGUMENT, "strain %g, expected > 0 and < 0.1", step);
    if (kr_dataset_frames(dataset) < 1) KR_FAIL(ctx, KR_ERR_ARGUMENT, "there is no frame to label");
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    if (frames.anonymous) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the elements of the atoms are not known");
    KR_TRY(kr_frames_get(ctx, &frames, 0, 0, &frame));
    KR_NEW(ctx, d, 3 * (size_t)frame.natoms);
    random_direction(3 * frame.natoms, d);
    KR_TRY(kr_builder_begin(ctx, "strained", 1, &builder));
    for (int t = 0; t < frames.names.n; t++)
        KR_TRY(kr_names_add(ctx, &builder.names, frames.names.name[t], strlen(frames.names.name[t]), &index));
    KR_TRY(kr_dataset_create(ctx, &moved));
    KR_TRY(add_frames(ctx, &frame, d, step, &builder));
    KR_TRY(kr_builder_finish(ctx, &builder, moved));
    KR_TRY(kr_label_dataset(ctx, options, moved, &labelled, report));
    if (status != KR_OK || options->dry) goto done;
    if (report->failed)
        KR_FAIL(ctx, KR_ERR_NUMERIC, "%ld of %ld moved frames have no label (%s)", report->failed, report->unique,
                report->failures);
    KR_TRY(compare(ctx, labelled, d, step, check));
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_builder_clear(&builder);
    kr_dataset_destroy(&moved);
    kr_dataset_destroy(&labelled);
    kr_free(d);
    return status;
}
