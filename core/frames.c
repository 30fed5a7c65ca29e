/* Building datasets frame by frame and taking them apart again.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/frames.h"
#include "core/error.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const kr_model_devi_key[KR_MODEL_DEVI_KEYS] = {"max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f",
                                                           "min_devi_f", "avg_devi_f", "devi_e"};

double kr_box_volume(const double b[9]) {
    return fabs(b[0] * (b[4] * b[8] - b[5] * b[7]) - b[1] * (b[3] * b[8] - b[5] * b[6]) +
                b[2] * (b[3] * b[7] - b[4] * b[6]));
}

/* ---- names ---- */

int kr_names_find(const kr_names *names, const char *name, size_t length) {
    for (int i = 0; i < names->n; i++)
        if (strlen(names->name[i]) == length && memcmp(names->name[i], name, length) == 0) return i;
    return -1;
}

kr_status kr_names_add(kr_context *ctx, kr_names *names, const char *name, size_t length, int *index) {
    *index = kr_names_find(names, name, length);
    if (*index >= 0) return KR_OK;
    int n = names->n;
    if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) { /* room is 8, 16 … */
        char **list = kr_realloc(ctx, names->name, (size_t)n, n ? 2 * (size_t)n : 8, sizeof *list);
        if (!list) return KR_ERR_MEMORY;
        names->name = list;
    }
    char *copy = kr_malloc(ctx, length + 1, 1);
    if (!copy) return KR_ERR_MEMORY;
    memcpy(copy, name, length);
    copy[length] = 0;
    names->name[names->n] = copy;
    *index = names->n++;
    return KR_OK;
}

void kr_names_clear(kr_names *names) {
    for (int i = 0; i < names->n; i++) kr_free(names->name[i]);
    kr_free(names->name);
    *names = (kr_names){0, NULL};
}

/* ---- builder ---- */

kr_status kr_builder_begin(kr_context *ctx, const char *where, int merge, kr_builder *builder) {
    kr_status status = KR_OK;
    *builder = (kr_builder){.merge = merge};
    builder->where = kr_strdup(ctx, where);
    if (!builder->where) return KR_ERR_MEMORY;
    KR_TRY(kr_dataset_create(ctx, &builder->dataset));
done:
    if (status != KR_OK) kr_builder_clear(builder);
    return status;
}

void kr_builder_clear(kr_builder *builder) {
    kr_names_clear(&builder->names);
    kr_dataset_destroy(&builder->dataset);
    kr_free(builder->used);
    kr_free(builder->where);
    *builder = (kr_builder){.merge = 0};
}

static int fits(const kr_system *system, const kr_frame *frame) {
    if (system->natoms != frame->natoms || memcmp(system->pbc, frame->pbc, 3) != 0) return 0;
    if (memcmp(system->type, frame->type, (size_t)frame->natoms * sizeof(int)) != 0) return 0;
    for (int l = 0; l < KR_LABEL_COUNT; l++)
        if (frame->label[l] && system->label[l] && system->width[l] != frame->width[l]) return 0;
    return 1;
}

static kr_status new_system(kr_context *ctx, kr_builder *b, const kr_frame *frame) {
    kr_status status = KR_OK;
    kr_system *system = NULL;
    int n = b->dataset->nsystems;
    if (n == b->room) {
        int *used = kr_realloc(ctx, b->used, (size_t)n, 2 * (size_t)n + 8, sizeof *used);
        if (!used) return KR_ERR_MEMORY;
        b->used = used;
        b->room = 2 * n + 8;
    }
    KR_TRY(kr_system_create(ctx, b->where, frame->natoms, 1, 0, NULL, 0, &system));
    memcpy(system->type, frame->type, (size_t)frame->natoms * sizeof(int));
    memcpy(system->pbc, frame->pbc, 3);
    KR_TRY(kr_dataset_append(ctx, b->dataset, &system));
    b->used[n] = 0;
done:
    kr_system_destroy(&system);
    return status;
}

static size_t rows(kr_label label, int natoms) { return kr_label_per_atom(label) ? (size_t)natoms : 1; }

kr_status kr_builder_add(kr_context *ctx, kr_builder *b, const kr_frame *frame) {
    kr_status status = KR_OK;
    int s = b->dataset->nsystems - 1, last = b->merge ? 0 : s;
    while (s >= 0 && s >= last && !fits(b->dataset->system[s], frame)) s--;
    if (s < 0 || s < last) {
        KR_TRY(new_system(ctx, b, frame));
        s = b->dataset->nsystems - 1;
    }
    kr_system *system = b->dataset->system[s];
    int f = b->used[s];
    if (f == system->nframes) {
        if (f > INT_MAX / 2) KR_FAIL(ctx, KR_ERR_MEMORY, "a system has more than %d frames", f);
        KR_TRY(kr_system_resize(ctx, system, 2 * f));
    }
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        if (!frame->label[l]) continue;
        KR_TRY(kr_system_set_label(ctx, system, l, frame->width[l]));
        size_t n = rows(l, frame->natoms) * (size_t)frame->width[l];
        memcpy(system->label[l] + (size_t)f * n, frame->label[l], n * sizeof(double));
        system->has[f] |= 1u << l;
    }
    memcpy(system->coord + (size_t)f * (size_t)frame->natoms * 3, frame->coord,
           (size_t)frame->natoms * 3 * sizeof(double));
    memcpy(system->box + (size_t)f * 9, frame->box, sizeof frame->box);
    b->used[s]++;
done:
    return status;
}

static kr_status set_type_map(kr_context *ctx, kr_system *system, const kr_names *names) {
    if (names->n == 0) return KR_OK;
    system->type_map = kr_calloc(ctx, (size_t)names->n, sizeof *system->type_map);
    if (!system->type_map) return KR_ERR_MEMORY;
    for (; system->ntypes < names->n; system->ntypes++) {
        system->type_map[system->ntypes] = kr_strdup(ctx, names->name[system->ntypes]);
        if (!system->type_map[system->ntypes]) return KR_ERR_MEMORY;
    }
    return KR_OK;
}

kr_status kr_builder_finish(kr_context *ctx, kr_builder *b, kr_dataset *dataset) {
    kr_status status = KR_OK;
    for (int s = 0; s < b->dataset->nsystems; s++) {
        kr_system *system = b->dataset->system[s];
        KR_TRY(kr_system_resize(ctx, system, b->used[s]));
        KR_TRY(set_type_map(ctx, system, &b->names));
    }
    for (int s = 0; s < b->dataset->nsystems; s++) KR_TRY(kr_dataset_append(ctx, dataset, &b->dataset->system[s]));
done:
    kr_builder_clear(b);
    return status;
}

/* ---- frames of a dataset ---- */

kr_status kr_frames_begin(kr_context *ctx, const kr_dataset *dataset, kr_frames *frames) {
    kr_status status = KR_OK;
    char text[32];
    *frames = (kr_frames){.dataset = dataset, .anonymous = 1};
    KR_NEW(ctx, frames->map, (size_t)dataset->nsystems);
    for (int s = 0; s < dataset->nsystems; s++) {
        const kr_system *system = dataset->system[s];
        size_t entries = (size_t)system->natoms * (size_t)(system->mixed ? system->nframes : 1);
        int ntypes = system->ntypes;
        if (system->ntypes > 0) frames->anonymous = 0;
        for (size_t i = 0; i < entries; i++) {
            int t = system->type[i];
            if (t < -1 || (system->ntypes > 0 && t >= system->ntypes))
                KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s': type %d, allowed -1 to %d", system->name, t, system->ntypes - 1);
            if (t > 9999) KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s': type %d without a name", system->name, t);
            if (t >= ntypes) ntypes = t + 1;
        }
        KR_NEW(ctx, frames->map[s], (size_t)ntypes);
        for (int t = 0; t < ntypes; t++) {
            snprintf(text, sizeof text, "Type_%d", t);
            const char *name = t < system->ntypes ? system->type_map[t] : text;
            KR_TRY(kr_names_add(ctx, &frames->names, name, strlen(name), &frames->map[s][t]));
        }
    }
done:
    if (status != KR_OK) kr_frames_clear(frames);
    return status;
}

void kr_frames_clear(kr_frames *frames) {
    for (int s = 0; frames->map && s < frames->dataset->nsystems; s++) kr_free(frames->map[s]);
    kr_free(frames->map);
    kr_names_clear(&frames->names);
    kr_buffer_free(&frames->type);
    kr_buffer_free(&frames->coord);
    for (int l = 0; l < KR_LABEL_COUNT; l++) kr_buffer_free(&frames->label[l]);
    *frames = (kr_frames){.anonymous = 0};
}

/* Copies the rows [width] of real atoms together. */
static void gather(int natoms, const int *type, size_t width, const double *from, double *to) {
    for (int i = 0; i < natoms; i++)
        if (type[i] >= 0) {
            memcpy(to, from + (size_t)i * width, width * sizeof *to);
            to += width;
        }
}

kr_status kr_frames_get(kr_context *ctx, kr_frames *frames, int s, int f, kr_frame *frame) {
    kr_status status = KR_OK;
    const kr_system *system = frames->dataset->system[s];
    size_t natoms = (size_t)system->natoms;
    const int *type = kr_system_types(system, f);
    const double *coord = system->coord + (size_t)f * natoms * 3;
    *frame = (kr_frame){.natoms = 0};
    KR_TRY(kr_buffer_reserve(ctx, &frames->type, natoms, sizeof(int)));
    int *real_type = frames->type.data;
    for (size_t i = 0; i < natoms; i++)
        if (type[i] >= 0) real_type[frame->natoms++] = frames->map[s][type[i]];
    if (frame->natoms == 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s': frame %d has no real atom", system->name, f);
    int complete = frame->natoms == system->natoms;
    frame->type = real_type;
    frame->coord = coord;
    if (!complete) {
        KR_TRY(kr_buffer_reserve(ctx, &frames->coord, natoms, 3 * sizeof(double)));
        gather(system->natoms, type, 3, coord, frames->coord.data);
        frame->coord = frames->coord.data;
    }
    memcpy(frame->box, system->box + (size_t)f * 9, sizeof frame->box);
    memcpy(frame->pbc, system->pbc, 3);
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        if (!system->label[l] || !(system->has[f] >> l & 1)) continue;
        size_t width = (size_t)system->width[l];
        const double *data = system->label[l] + (size_t)f * rows(l, system->natoms) * width;
        frame->width[l] = system->width[l];
        frame->label[l] = data;
        if (complete || !kr_label_per_atom(l)) continue;
        KR_TRY(kr_buffer_reserve(ctx, &frames->label[l], natoms * width, sizeof(double)));
        gather(system->natoms, type, width, data, frames->label[l].data);
        frame->label[l] = frames->label[l].data;
    }
done:
    return status;
}
