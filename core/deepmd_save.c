/* Writes systems in deepmd layout (npy, npy/mixed, raw).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A set holds frames with the same labels, at most 5000 of them; the order of frames is kept, so frames with other
 * labels in between open a new set. */
#include "core/deepmd.h"
#include "core/error.h"
#include <stdio.h>
#include <string.h>

enum { SET_FRAMES = 5000 };

/* ---- arranging ---- */

static kr_status refuse_partial(kr_context *ctx, const kr_system *system) {
    int sum = (system->pbc[0] != 0) + (system->pbc[1] != 0) + (system->pbc[2] != 0);
    if (sum == 0 || sum == 3) return KR_OK;
    return KR_ERROR(ctx, KR_ERR_UNSUPPORTED,
                    "'%s' is periodic along %d of 3 cell vectors; deepmd data are periodic along all or none",
                    system->name, sum);
}

/* The mixed system that systems [first …] with the same natoms and pbc make together. */
static kr_status mix(kr_context *ctx, const kr_dataset *parts, int first, const kr_names *names, kr_system **mixed) {
    kr_status status = KR_OK;
    const kr_system *model = parts->system[first];
    size_t natoms = (size_t)model->natoms;
    int nframes = 0;
    *mixed = NULL;
    for (int s = first; s < parts->nsystems; s++)
        if (parts->system[s]->natoms == model->natoms && memcmp(parts->system[s]->pbc, model->pbc, 3) == 0)
            nframes += parts->system[s]->nframes;
    KR_TRY(kr_system_create(ctx, model->name, model->natoms, nframes, names->n, (const char *const *)names->name, 1,
                            mixed));
    memcpy((*mixed)->pbc, model->pbc, 3);
    size_t g = 0; /* frame of the mixed system */
    for (int s = first; s < parts->nsystems; s++) {
        const kr_system *part = parts->system[s];
        size_t n = (size_t)part->nframes;
        if (part->natoms != model->natoms || memcmp(part->pbc, model->pbc, 3) != 0) continue;
        memcpy((*mixed)->coord + g * natoms * 3, part->coord, n * natoms * 3 * sizeof(double));
        memcpy((*mixed)->box + g * 9, part->box, n * 9 * sizeof(double));
        memcpy((*mixed)->has + g, part->has, n * sizeof *part->has);
        for (size_t f = 0; f < n; f++)
            memcpy((*mixed)->type + (g + f) * natoms, kr_system_types(part, (int)f), natoms * sizeof(int));
        for (int l = 0; l < KR_LABEL_COUNT; l++) {
            if (!part->label[l]) continue;
            KR_TRY(kr_system_set_label(ctx, *mixed, l, part->width[l]));
            size_t row = (size_t)part->width[l] * (kr_label_per_atom(l) ? natoms : 1);
            memcpy((*mixed)->label[l] + g * row, part->label[l], n * row * sizeof(double));
        }
        g += n;
    }
done:
    if (status != KR_OK) kr_system_destroy(mixed);
    return status;
}

static kr_status mix_all(kr_context *ctx, const kr_dataset *parts, const kr_names *names, kr_dataset *arranged) {
    kr_status status = KR_OK;
    kr_system *mixed = NULL;
    for (int s = 0; s < parts->nsystems; s++) {
        int earlier = 0;
        for (int e = 0; e < s && !earlier; e++)
            earlier = parts->system[e]->natoms == parts->system[s]->natoms &&
                      memcmp(parts->system[e]->pbc, parts->system[s]->pbc, 3) == 0;
        if (earlier) continue;
        KR_TRY(mix(ctx, parts, s, names, &mixed));
        KR_TRY(kr_dataset_append(ctx, arranged, &mixed));
    }
done:
    kr_system_destroy(&mixed);
    return status;
}

kr_status kr_deepmd_arrange(kr_context *ctx, const kr_dataset *dataset, kr_layout layout, kr_dataset **arranged,
                            kr_names *names) {
    kr_status status = KR_OK;
    kr_frames frames = {NULL};
    kr_builder builder = {.merge = 0};
    kr_dataset *parts = NULL;
    kr_frame frame;
    *arranged = NULL;
    *names = (kr_names){0, NULL};
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    KR_TRY(kr_builder_begin(ctx, "", 1, &builder));
    for (int s = 0; s < dataset->nsystems; s++) {
        KR_TRY(refuse_partial(ctx, dataset->system[s]));
        for (int f = 0; f < dataset->system[s]->nframes; f++) {
            KR_TRY(kr_frames_get(ctx, &frames, s, f, &frame));
            KR_TRY(kr_builder_add(ctx, &builder, &frame));
        }
    }
    KR_TRY(kr_dataset_create(ctx, &parts));
    KR_TRY(kr_builder_finish(ctx, &builder, parts));
    if (parts->nsystems == 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the dataset has no frames to write");
    if (!frames.anonymous || layout == KR_LAYOUT_MIXED) { /* the mixed layout needs names */
        *names = frames.names;
        frames.names = (kr_names){0, NULL};
    }
    if (layout == KR_LAYOUT_MIXED) {
        KR_TRY(kr_dataset_create(ctx, arranged));
        KR_TRY(mix_all(ctx, parts, names, *arranged));
    } else {
        *arranged = parts;
        parts = NULL;
    }
done:
    kr_frames_clear(&frames);
    kr_builder_clear(&builder);
    kr_dataset_destroy(&parts);
    if (status != KR_OK) {
        kr_dataset_destroy(arranged);
        kr_names_clear(names);
    }
    return status;
}

kr_status kr_deepmd_folder_name(kr_context *ctx, const kr_system *system, const kr_names *names, kr_names *taken,
                                const char **name) {
    kr_status status = KR_OK;
    char text[200], unique[224];
    size_t n = 0;
    int index = 0;
    *text = 0;
    for (int t = 0; t < (names->n ? names->n : 10000) && !system->mixed && n < 150; t++) {
        int count = 0;
        for (int i = 0; i < system->natoms; i++) count += system->type[i] == t;
        if (count == 0) continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%.20s", names->n ? names->name[t] : "X");
        n += (size_t)snprintf(text + n, sizeof text - n, "%d", count);
    }
    if (system->mixed) snprintf(text, sizeof text, "%d", system->natoms);
    for (char *c = text; *c; c++) /* element names are letters; what else a type map holds is no file name */
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9'))) *c = '_';
    for (int attempt = 1;; attempt++) {
        if (attempt == 1)
            snprintf(unique, sizeof unique, "%s", text);
        else
            snprintf(unique, sizeof unique, "%s_%d", text, attempt);
        if (kr_names_find(taken, unique, strlen(unique)) < 0) break;
    }
    KR_TRY(kr_names_add(ctx, taken, unique, strlen(unique), &index));
    *name = taken->name[index];
done:
    return status;
}

/* ---- writing ---- */

/* First frame of the set after the one that begins at `first`. */
static int set_end(const kr_system *system, int first) {
    int f = first + 1;
    while (f < system->nframes && f - first < SET_FRAMES && system->has[f] == system->has[first]) f++;
    return f;
}

static kr_status put(kr_context *ctx, const kr_store *store, const char *set, const char *stem, kr_dtype dtype,
                     size_t rows, size_t columns, const double *data) {
    char name[128];
    const size_t shape[2] = {rows, columns};
    if (set)
        snprintf(name, sizeof name, "%s/%s.npy", set, stem);
    else
        snprintf(name, sizeof name, "%s.raw", stem);
    return kr_store_put(ctx, store, name, dtype, columns > 1 ? 2 : 1, shape, data);
}

static kr_status put_types(kr_context *ctx, const kr_store *store, const char *set, const kr_system *system, int first,
                           int last) {
    kr_status status = KR_OK;
    size_t natoms = (size_t)system->natoms, n = (size_t)(last - first) * natoms;
    const size_t shape[2] = {(size_t)(last - first), natoms};
    char name[128];
    double *type = NULL;
    KR_NEW(ctx, type, n);
    for (size_t i = 0; i < n; i++) type[i] = system->type[(size_t)first * natoms + i];
    snprintf(name, sizeof name, "%s/real_atom_types.npy", set);
    KR_TRY(kr_store_put(ctx, store, name, KR_INT32, 2, shape, type));
done:
    kr_free(type);
    return status;
}

/* Frames first … last − 1 into a set (NULL: raw layout, all frames). labels: bits to write. */
static kr_status save_set(kr_context *ctx, const kr_store *store, const char *set, const kr_system *system, int first,
                          int last, uint32_t labels) {
    kr_status status = KR_OK;
    size_t natoms = (size_t)system->natoms, n = (size_t)(last - first), at = (size_t)first;
    int has_box = 0;
    if (set) KR_TRY(kr_store_make(ctx, store, set));
    KR_TRY(put(ctx, store, set, "coord", KR_FLOAT64, n, natoms * 3, system->coord + at * natoms * 3));
    for (size_t i = 0; i < n * 9 && !has_box; i++) has_box = system->box[at * 9 + i] != 0;
    if (has_box) KR_TRY(put(ctx, store, set, "box", KR_FLOAT64, n, 9, system->box + at * 9));
    if (set && system->mixed) KR_TRY(put_types(ctx, store, set, system, first, last));
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        if (!(labels >> l & 1)) continue;
        size_t row = (size_t)system->width[l] * (kr_label_per_atom(l) ? natoms : 1);
        KR_TRY(put(ctx, store, set, kr_label_name(l), KR_FLOAT64, n, row, system->label[l] + at * row));
    }
done:
    return status;
}

static kr_status save_raw(kr_context *ctx, const kr_store *store, const kr_system *system) {
    uint32_t all = ~0u, some = 0;
    for (int f = 0; f < system->nframes; f++) {
        all &= system->has[f];
        some |= system->has[f];
    }
    for (int l = 0; l < KR_LABEL_COUNT; l++)
        if ((some & ~all) >> l & 1)
            kr_log(ctx, KR_LOG_WARNING, "%s: %s is left out, because only some frames have it", store->where,
                   kr_label_name(l));
    return save_set(ctx, store, NULL, system, 0, system->nframes, all & some);
}

kr_status kr_deepmd_save(kr_context *ctx, const kr_store *store, kr_layout layout, const kr_system *system,
                         const kr_names *names) {
    kr_status status = KR_OK;
    const size_t natoms = (size_t)system->natoms;
    double *type = NULL;
    char set[32], number[16];
    int nsets = 0, digits = 3;
    KR_NEW(ctx, type, natoms);
    for (size_t i = 0; i < natoms; i++) type[i] = system->mixed ? 0 : system->type[i];
    KR_TRY(kr_store_put(ctx, store, "type.raw", KR_INT32, 1, &natoms, type));
    if (names->n > 0) KR_TRY(kr_store_put_names(ctx, store, "type_map.raw", names));
    if (!system->pbc[0]) KR_TRY(kr_store_put_marker(ctx, store, "nopbc"));
    if (layout == KR_LAYOUT_RAW) {
        KR_TRY(save_raw(ctx, store, system));
        goto done;
    }
    for (int f = 0; f < system->nframes; f = set_end(system, f)) nsets++;
    for (int n = nsets - 1; n >= 1000; n /= 10) digits++; /* set names sort in the order of frames */
    nsets = 0;
    for (int f = 0, end; f < system->nframes; f = end, nsets++) {
        end = set_end(system, f);
        snprintf(number, sizeof number, "%010d", nsets);
        snprintf(set, sizeof set, "set.%s", number + 10 - digits);
        KR_TRY(save_set(ctx, store, set, system, f, end, system->has[f]));
    }
done:
    kr_free(type);
    return status;
}
