/* LAMMPS data and dump files: writers.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Cells are written in restricted triclinic form (lammps_cell.h); units are metal. Types are numbered in the order of
 * the type map; the names stand in the comments of Masses and in the element column. */
#include "core/elements.h"
#include "core/error.h"
#include "core/file.h"
#include "core/formats.h"
#include "core/lammps_cell.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_numbers(FILE *stream, int n, const double *value) {
    char text[32];
    for (int i = 0; i < n; i++) {
        fputc(' ', stream);
        fputs(kr_format_real(value[i], text), stream);
    }
}

static void put_rotated(FILE *stream, const kr_lammps_cell *cell, const double *x) {
    double turned[3];
    kr_lammps_rotate(cell, x, turned);
    put_numbers(stream, 3, turned);
}

/* ---- data ---- */

/* Mass of type t: of its first atom, of the element, or 1 with a warning. */
static double mass_of(kr_context *ctx, const char *path, const kr_frame *frame, const char *name, int t) {
    const double *mass = frame->label[KR_LABEL_MASS];
    for (int i = 0; mass && i < frame->natoms; i++)
        if (frame->type[i] == t && mass[i] > 0) return mass[i];
    double weight = kr_element_mass(kr_element_number(name, strlen(name)));
    if (weight > 0) return weight;
    kr_log(ctx, KR_LOG_WARNING, "%s: '%s' is no element, its mass is written as 1", path, name);
    return 1;
}

static void put_masses(kr_context *ctx, FILE *stream, const char *path, const kr_frame *frame, const kr_names *names) {
    fputs("\nMasses\n\n", stream);
    for (int t = 0; t < names->n; t++) {
        double mass = mass_of(ctx, path, frame, names->name[t], t);
        fprintf(stream, "%d", t + 1);
        put_numbers(stream, 1, &mass);
        fprintf(stream, " # %s\n", names->name[t]);
    }
}

/* named: the type map is known; without it there are no masses either. */
static void put_data(kr_context *ctx, FILE *stream, const char *path, const kr_frame *frame, const kr_names *names,
                     int named, const kr_lammps_cell *cell) {
    static const char axis[] = "xyz";
    fprintf(stream, "LAMMPS data file written by Kramers, units = metal\n\n%d atoms\n%d atom types\n\n", frame->natoms,
            names->n);
    for (int k = 0; k < 3; k++) {
        const double bounds[2] = {cell->lo[k], cell->hi[k]};
        put_numbers(stream, 2, bounds);
        fprintf(stream, " %clo %chi\n", axis[k], axis[k]);
    }
    if (cell->tilt[0] != 0 || cell->tilt[1] != 0 || cell->tilt[2] != 0) {
        put_numbers(stream, 3, cell->tilt);
        fputs(" xy xz yz\n", stream);
    }
    if (named) put_masses(ctx, stream, path, frame, names);
    fputs("\nAtoms # atomic\n\n", stream);
    for (int i = 0; i < frame->natoms; i++) {
        fprintf(stream, "%d %d", i + 1, frame->type[i] + 1);
        put_rotated(stream, cell, frame->coord + 3 * (size_t)i);
        fputc('\n', stream);
    }
    const double *velocity = frame->label[KR_LABEL_VELOCITY];
    if (velocity) fputs("\nVelocities\n\n", stream);
    for (int i = 0; velocity && i < frame->natoms; i++) {
        fprintf(stream, "%d", i + 1);
        put_rotated(stream, cell, velocity + 3 * (size_t)i);
        fputc('\n', stream);
    }
}

kr_status kr_lammps_data_write(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    kr_status status = KR_OK;
    kr_frames frames = {NULL};
    kr_file_writer writer = {NULL, NULL, NULL};
    kr_frame frame;
    kr_lammps_cell cell;
    int n = 0, s = 0, said = 0;
    for (int i = dataset->nsystems - 1; i >= 0; i--) {
        n += dataset->system[i]->nframes;
        if (dataset->system[i]->nframes > 0) s = i;
    }
    if (n != 1) {
        KR_ERROR(ctx, KR_ERR_ARGUMENT, "'%s': a LAMMPS data file holds 1 frame, the dataset has %d", path, n);
        kr_error_hint(ctx, "the format lammps-dump (suffix .dump) holds many frames");
        return KR_ERR_ARGUMENT;
    }
    KR_TRY(kr_file_target(ctx, path, overwrite));
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    KR_TRY(kr_frames_get(ctx, &frames, s, 0, &frame));
    KR_TRY(kr_lammps_cell_of(ctx, &frame, &cell));
    KR_TRY(kr_file_begin(ctx, path, &writer));
    put_data(ctx, writer.stream, path, &frame, &frames.names, !frames.anonymous, &cell);
    KR_TRY(kr_file_commit(ctx, &writer));
    kr_lammps_explain(ctx, path, &cell, &said);
    if (!frame.pbc[0] && !frame.pbc[1] && !frame.pbc[2])
        kr_log(ctx, KR_LOG_INFO, "%s: the frame is open, its box is 10 A around the atoms; use 'boundary f f f'", path);
done:
    kr_file_abandon(&writer);
    kr_frames_clear(&frames);
    return status;
}

/* ---- dump ---- */

static void put_bounds(FILE *stream, const kr_frame *frame, const kr_lammps_cell *cell) {
    double xy = cell->tilt[0], xz = cell->tilt[1], yz = cell->tilt[2];
    int tilted = xy != 0 || xz != 0 || yz != 0;
    const double below[3] = {fmin(fmin(0, xy), fmin(xz, xy + xz)), fmin(0, yz), 0};
    const double above[3] = {fmax(fmax(0, xy), fmax(xz, xy + xz)), fmax(0, yz), 0};
    fputs(tilted ? "ITEM: BOX BOUNDS xy xz yz" : "ITEM: BOX BOUNDS", stream);
    for (int k = 0; k < 3; k++) fputs(frame->pbc[k] ? " pp" : " ff", stream);
    fputc('\n', stream);
    for (int k = 0; k < 3; k++) {
        const double row[3] = {cell->lo[k] + below[k], cell->hi[k] + above[k], cell->tilt[k]};
        put_numbers(stream, tilted ? 3 : 2, row);
        fputc('\n', stream);
    }
}

static void put_frame(FILE *stream, const kr_frame *frame, const kr_names *names, int named, const kr_lammps_cell *cell,
                      long step) {
    const double *velocity = frame->label[KR_LABEL_VELOCITY], *force = frame->label[KR_LABEL_FORCE];
    const double *mass = frame->label[KR_LABEL_MASS];
    fprintf(stream, "ITEM: TIMESTEP\n%ld\nITEM: NUMBER OF ATOMS\n%d\n", step, frame->natoms);
    put_bounds(stream, frame, cell);
    fprintf(stream, "ITEM: ATOMS id type%s%s xu yu zu%s%s\n", named ? " element" : "", mass ? " mass" : "",
            velocity ? " vx vy vz" : "", force ? " fx fy fz" : "");
    for (int i = 0; i < frame->natoms; i++) {
        fprintf(stream, "%d %d", i + 1, frame->type[i] + 1);
        if (named) fprintf(stream, " %s", names->name[frame->type[i]]);
        if (mass) put_numbers(stream, 1, mass + i);
        put_rotated(stream, cell, frame->coord + 3 * (size_t)i);
        if (velocity) put_rotated(stream, cell, velocity + 3 * (size_t)i);
        if (force) put_rotated(stream, cell, force + 3 * (size_t)i);
        fputc('\n', stream);
    }
}

kr_status kr_lammps_dump_write(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    kr_status status = KR_OK;
    kr_frames frames = {NULL};
    kr_file_writer writer = {NULL, NULL, NULL};
    kr_frame frame;
    kr_lammps_cell cell;
    int said = 0;
    long step = 0;
    KR_TRY(kr_file_target(ctx, path, overwrite));
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    KR_TRY(kr_file_begin(ctx, path, &writer));
    for (int s = 0; s < dataset->nsystems; s++)
        for (int f = 0; f < dataset->system[s]->nframes; f++) {
            KR_TRY(kr_frames_get(ctx, &frames, s, f, &frame));
            KR_TRY(kr_lammps_cell_of(ctx, &frame, &cell));
            put_frame(writer.stream, &frame, &frames.names, !frames.anonymous, &cell, step++);
            kr_lammps_explain(ctx, path, &cell, &said);
        }
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    kr_frames_clear(&frames);
    return status;
}
