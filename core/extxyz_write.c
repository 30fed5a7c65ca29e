/* Extended XYZ: writer, in the spelling that ASE reads.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Beside virial (eV, deepmd's sign) stands stress = −virial/volume (eV/Å^3, symmetrized), which ASE understands. */
#include "core/error.h"
#include "core/file.h"
#include "core/formats.h"
#include "core/frames.h"
#include "core/text.h"
#include <stdio.h>

/* Columns after species and pos: label and the name of the column. */
static const struct {
    kr_label label;
    const char *name;
} columns[] = {
    {KR_LABEL_FORCE, "forces"},        {KR_LABEL_ATOM_ENER, "energies"}, {KR_LABEL_ATOM_VIRIAL, "atom_virial"},
    {KR_LABEL_ATOM_PREF, "atom_pref"}, {KR_LABEL_APARAM, "aparam"},      {KR_LABEL_VELOCITY, "velocity"},
    {KR_LABEL_MASS, "masses"},
};
enum { NCOLUMNS = sizeof columns / sizeof *columns };

static void put_number(FILE *stream, double value) {
    char text[32];
    fputs(kr_format_real(value, text), stream);
}

static void put_list(FILE *stream, const char *key, int n, const double *value) {
    fprintf(stream, "%s=\"", key);
    for (int i = 0; i < n; i++) {
        if (i) fputc(' ', stream);
        put_number(stream, value[i]);
    }
    fputs("\" ", stream);
}

static void put_comment(FILE *stream, const kr_frame *frame) {
    int has_box = 0;
    for (int i = 0; i < 9; i++) has_box |= frame->box[i] != 0;
    if (has_box) put_list(stream, "Lattice", 9, frame->box);
    fputs("Properties=species:S:1:pos:R:3", stream);
    for (int c = 0; c < NCOLUMNS; c++)
        if (frame->label[columns[c].label])
            fprintf(stream, ":%s:R:%d", columns[c].name, frame->width[columns[c].label]);
    fputc(' ', stream);
    if (frame->label[KR_LABEL_ENERGY]) {
        fputs("energy=", stream);
        put_number(stream, *frame->label[KR_LABEL_ENERGY]);
        fputc(' ', stream);
    }
    const double *w = frame->label[KR_LABEL_VIRIAL];
    double volume = kr_box_volume(frame->box), stress[9];
    if (w) put_list(stream, "virial", 9, w);
    if (w && volume > 0 && frame->pbc[0] && frame->pbc[1] && frame->pbc[2]) {
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) stress[3 * a + b] = -(w[3 * a + b] + w[3 * b + a]) / 2 / volume;
        put_list(stream, "stress", 9, stress);
    }
    if (frame->label[KR_LABEL_FPARAM])
        put_list(stream, "fparam", frame->width[KR_LABEL_FPARAM], frame->label[KR_LABEL_FPARAM]);
    const double *devi = frame->label[KR_LABEL_MODEL_DEVI];
    for (int k = 0; devi && k < KR_MODEL_DEVI_KEYS; k++) {
        fprintf(stream, "%s=", kr_model_devi_key[k]);
        put_number(stream, devi[k]);
        fputc(' ', stream);
    }
    if (frame->label[KR_LABEL_NUMB_COPY]) put_list(stream, "numb_copy", 1, frame->label[KR_LABEL_NUMB_COPY]);
    fprintf(stream, "pbc=\"%c %c %c\"\n", "FT"[frame->pbc[0] != 0], "FT"[frame->pbc[1] != 0], "FT"[frame->pbc[2] != 0]);
}

static void put_row(FILE *stream, int n, const double *value) {
    for (int i = 0; i < n; i++) {
        fputc(' ', stream);
        put_number(stream, value[i]);
    }
}

static void put_frame(FILE *stream, const kr_frame *frame, const kr_names *names) {
    fprintf(stream, "%d\n", frame->natoms);
    put_comment(stream, frame);
    for (int i = 0; i < frame->natoms; i++) {
        fputs(names->name[frame->type[i]], stream);
        put_row(stream, 3, frame->coord + 3 * (size_t)i);
        for (int c = 0; c < NCOLUMNS; c++) {
            const double *label = frame->label[columns[c].label];
            int width = frame->width[columns[c].label];
            if (label) put_row(stream, width, label + (size_t)i * (size_t)width);
        }
        fputc('\n', stream);
    }
}

kr_status kr_extxyz_write(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    kr_status status = KR_OK;
    kr_frames frames = {NULL};
    kr_file_writer writer = {NULL, NULL, NULL};
    kr_frame frame;
    KR_TRY(kr_file_target(ctx, path, overwrite));
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    KR_TRY(kr_file_begin(ctx, path, &writer));
    for (int s = 0; s < dataset->nsystems; s++)
        for (int f = 0; f < dataset->system[s]->nframes; f++) {
            KR_TRY(kr_frames_get(ctx, &frames, s, f, &frame));
            put_frame(writer.stream, &frame, &frames.names);
        }
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    kr_frames_clear(&frames);
    return status;
}
