/* Start structures "files": frames of structure files in any format that the library reads.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/generate.h"
#include "eelt/labeller.h"
#include <string.h>

typedef struct files {
    kr_generate_common common;
    const kr_tree *paths, *elements;
    const char *format;
} files;

static const kr_parameter table[] = {
    KR_GENERATE_COMMON(files),
    {.name = "files", .type = KR_PARAMETER_TEXTS, .offset = offsetof(files, paths), .help = "paths"},
    {.name = "format",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(files, format),
     .initial = "null",
     .help = "when the names do not tell: extxyz, poscar, lammps-data, lammps-dump, npy, hdf5 …"},
    {.name = "elements",
     .type = KR_PARAMETER_TEXTS,
     .offset = offsetof(files, elements),
     .initial = "null",
     .help = "of LAMMPS types 1, 2 …"},
    {0}};

static kr_status take_frames(kr_context *ctx, const kr_dataset *data, kr_maker *maker) {
    kr_status status = KR_OK;
    kr_frames frames = {NULL};
    kr_frame frame;
    kr_shape *s;
    KR_TRY(kr_frames_begin(ctx, data, &frames));
    for (int k = 0; k < data->nsystems; k++)
        for (int f = 0; f < data->system[k]->nframes; f++) {
            KR_TRY(kr_frames_get(ctx, &frames, k, f, &frame));
            KR_TRY(kr_maker_add(ctx, maker, frame.natoms, &s));
            for (int i = 0; i < frame.natoms; i++) {
                const char *name = frames.names.name[frame.type[i]];
                KR_TRY(kr_names_add(ctx, &maker->names, name, strlen(name), &s->type[i]));
            }
            memcpy(s->x, frame.coord, 3 * (size_t)frame.natoms * sizeof *s->x);
            memcpy(s->box, frame.box, sizeof s->box);
            memcpy(s->pbc, frame.pbc, sizeof s->pbc);
        }
done:
    kr_frames_clear(&frames);
    return status;
}

static kr_status make(kr_context *ctx, const void *settings, kr_maker *maker) {
    const files *f = settings;
    kr_status status = KR_OK;
    kr_dataset *data = NULL;
    const char **elements = NULL;
    char *path = NULL;
    int n = f->elements ? f->elements->count : 0;
    KR_NEW(ctx, elements, (size_t)n + 1);
    for (int k = 0; k < n; k++) elements[k] = f->elements->child[k]->string;
    for (int k = 0; k < f->paths->count; k++) {
        path = kr_label_path(ctx, maker->base, f->paths->child[k]->string);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_dataset_read(ctx, path, f->format, n, elements, &data));
        KR_TRY(take_frames(ctx, data, maker));
        kr_dataset_destroy(&data);
        kr_free(path);
        path = NULL;
    }
done:
    kr_dataset_destroy(&data);
    kr_free(path);
    kr_free(elements);
    return status;
}

const kr_generate_kind kr_generate_files = {
    .name = "files", .summary = "structures that are there", .table = table, .size = sizeof(files), .make = make};
