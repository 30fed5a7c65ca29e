/* Reads one system in deepmd layout (npy, npy/mixed, raw).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * type.raw [natoms], type_map.raw names, nopbc marker; set.NAME/ in sorted order with coord [nf][3N], box [nf][9]
 * and optional labels; mixed: real_atom_types [nf][N], −1 = virtual. raw: one set, NAME.raw in the folder itself.
 * Only the number of entries of an array has to fit, because 1-D and (1, n) arrays are in use. */
#include "core/deepmd.h"
#include "core/error.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *kr_deepmd_other_name(kr_label label) {
    switch (label) {
    case KR_LABEL_ATOM_ENER:
        return "atomic_ener";
    case KR_LABEL_ATOM_VIRIAL:
        return "atomic_virial";
    case KR_LABEL_ATOM_PREF:
        return "atomic_pref";
    case KR_LABEL_VELOCITY:
        return "velocities";
    default:
        return NULL;
    }
}

typedef struct loader {
    kr_context *ctx;
    const kr_store *store;
    kr_layout layout;
    int *type; /* [natoms] of type.raw */
    int natoms;
    kr_names names;
    int open; /* nopbc */
    kr_system *system;
    int used; /* frames filled; system->nframes is the room */
} loader;

/* File name of an array of a set: "set.000/coord.npy", or "coord.raw" of the raw layout (set NULL). */
static void file_name(const char *set, const char *stem, char name[512]) {
    if (set)
        snprintf(name, 512, "%s/%s.npy", set, stem);
    else
        snprintf(name, 512, "%s.raw", stem);
}

static void show_shape(const kr_tree *array, char text[128]) {
    int n = snprintf(text, 128, "(");
    for (int d = 0; d < array->ndim && n < 100; d++)
        n += snprintf(text + n, 128 - (size_t)n, d ? ", %zu" : "%zu", array->shape[d]);
    snprintf(text + n, 128 - (size_t)n, array->ndim == 1 ? ",)" : ")");
}

static kr_status wrong_shape(loader *l, const char *name, const kr_tree *array, const char *expected) {
    char shape[128];
    show_shape(array, shape);
    return KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s/%s: shape %s, expected %s", l->store->where, name, shape, expected);
}

/* Every entry finite; row = entries per frame. */
static kr_status check_finite(loader *l, const char *name, const kr_tree *array, size_t row) {
    size_t n = kr_tree_array_size(array);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(array->data[i]))
            return KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s/%s: %g at frame %zu, entry %zu, expected finite numbers",
                            l->store->where, name, array->data[i], i / row, i % row);
    return KR_OK;
}

/* A whole number from low to high in an array, as type index. */
static kr_status whole(loader *l, const char *name, size_t i, double value, int low, int *out) {
    int high = l->names.n > 0 ? l->names.n - 1 : 9999;
    if (value >= low && value <= high && value == floor(value)) {
        *out = (int)value;
        return KR_OK;
    }
    kr_status status = KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s/%s: type %g at entry %zu, allowed %d to %d", l->store->where,
                                name, value, i, low, high);
    if (l->names.n > 0) kr_error_hint(l->ctx, "type_map.raw names %d types", l->names.n);
    return status;
}

static kr_status load_types(loader *l) {
    kr_status status = KR_OK;
    kr_context *ctx = l->ctx;
    kr_tree *array = NULL;
    if (kr_store_has(l->store, "type_map.raw")) KR_TRY(kr_store_names(ctx, l->store, "type_map.raw", &l->names));
    KR_TRY(kr_store_array(ctx, l->store, "type.raw", &array));
    size_t n = kr_tree_array_size(array);
    if (n < 1 || n > INT_MAX / 16)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s/type.raw: %zu atoms, allowed 1 to %d", l->store->where, n, INT_MAX / 16);
    KR_NEW(ctx, l->type, n);
    for (size_t i = 0; i < n; i++) KR_TRY(whole(l, "type.raw", i, array->data[i], -1, &l->type[i]));
    l->natoms = (int)n;
    l->open = kr_store_has(l->store, "nopbc");
done:
    kr_tree_destroy(&array);
    return status;
}

/* Number of frames of a coord array [nf][3N]; a 1-D array is one frame. */
static kr_status frames_of(loader *l, const char *name, const kr_tree *coord, int *nframes) {
    char expected[96];
    size_t row = 3 * (size_t)l->natoms, n = kr_tree_array_size(coord);
    size_t nf = coord->ndim > 1 ? coord->shape[0] : 1;
    if (n > 0 && n % row == 0 && n / row == nf && nf <= (size_t)(INT_MAX - l->used)) {
        *nframes = (int)nf;
        return KR_OK;
    }
    snprintf(expected, sizeof expected, "(frames, %zu) for %d atoms, frames 1 and more", row, l->natoms);
    return wrong_shape(l, name, coord, expected);
}

/* Entries per frame of a label array for nf frames, *width of them per atom or frame. */
static kr_status width_of(loader *l, const char *name, kr_label label, const kr_tree *array, int nf, int *width) {
    char expected[96];
    size_t rows = (size_t)nf * (kr_label_per_atom(label) ? (size_t)l->natoms : 1), n = kr_tree_array_size(array);
    static const int components[KR_LABEL_COUNT] = {
#define KR_LABEL_COMPONENTS(id, stem, per_atom, count, unit) count,
        KR_LABEL_LIST(KR_LABEL_COMPONENTS)
#undef KR_LABEL_COMPONENTS
    };
    int wanted = components[label];
    /* (1, n) and 1-D arrays hold all frames in one row; otherwise the first dimension must count the frames. */
    int frames_first = array->ndim < 2 || array->shape[0] == (size_t)nf || array->shape[0] == 1;
    *width = n / rows <= INT_MAX ? (int)(n / rows) : 0;
    if (frames_first && n % rows == 0 && *width > 0 && (wanted == 0 || *width == wanted)) return KR_OK;
    if (wanted)
        snprintf(expected, sizeof expected, "(%d, %zu)", nf, rows / (size_t)nf * (size_t)wanted);
    else
        snprintf(expected, sizeof expected, "(%d, a multiple of %zu)", nf, rows / (size_t)nf);
    return wrong_shape(l, name, array, expected);
}

static kr_status make_room(loader *l, int nframes) {
    kr_status status = KR_OK;
    if (!l->system) {
        KR_TRY(kr_system_create(l->ctx, l->store->where, l->natoms, nframes, l->names.n,
                                (const char *const *)l->names.name, l->layout == KR_LAYOUT_MIXED, &l->system));
        if (!l->system->mixed) memcpy(l->system->type, l->type, (size_t)l->natoms * sizeof(int));
        memset(l->system->pbc, !l->open, 3);
    } else if (l->used + nframes > l->system->nframes) {
        int twice = l->system->nframes < INT_MAX / 2 ? 2 * l->system->nframes : INT_MAX;
        KR_TRY(kr_system_resize(l->ctx, l->system, l->used + nframes > twice ? l->used + nframes : twice));
    }
done:
    return status;
}

static kr_status load_box(loader *l, const char *set, int nframes) {
    kr_status status = KR_OK;
    kr_context *ctx = l->ctx;
    kr_tree *array = NULL;
    char name[512], expected[32];
    file_name(set, "box", name);
    if (!kr_store_has(l->store, name)) {
        if (l->open) return KR_OK;
        status = KR_ERROR(ctx, KR_ERR_FORMAT, "%s/%s is missing", l->store->where, name);
        kr_error_hint(ctx, "a system without periodic boundaries has an empty file 'nopbc' beside type.raw");
        return status;
    }
    KR_TRY(kr_store_array(ctx, l->store, name, &array));
    snprintf(expected, sizeof expected, "(%d, 9)", nframes);
    if (kr_tree_array_size(array) != (size_t)nframes * 9) {
        status = wrong_shape(l, name, array, expected);
        goto done;
    }
    KR_TRY(check_finite(l, name, array, 9));
    for (int f = 0; f < nframes && !l->open; f++)
        if (!(kr_box_volume(array->data + (size_t)f * 9) > 0))
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s/%s: cell of frame %d has no volume", l->store->where, name, f);
    memcpy(l->system->box + (size_t)l->used * 9, array->data, (size_t)nframes * 9 * sizeof(double));
done:
    kr_tree_destroy(&array);
    return status;
}

static kr_status load_label(loader *l, const char *set, kr_label label, int nframes) {
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    char name[512];
    int width;
    file_name(set, kr_label_name(label), name);
    if (!kr_store_has(l->store, name)) {
        if (!kr_deepmd_other_name(label)) return KR_OK;
        file_name(set, kr_deepmd_other_name(label), name);
        if (!kr_store_has(l->store, name)) return KR_OK;
    }
    KR_TRY(kr_store_array(l->ctx, l->store, name, &array));
    KR_TRY(width_of(l, name, label, array, nframes, &width));
    size_t row = kr_tree_array_size(array) / (size_t)nframes;
    KR_TRY(check_finite(l, name, array, row));
    if (l->system->label[label] && l->system->width[label] != width)
        KR_FAIL(l->ctx, KR_ERR_FORMAT, "%s/%s: %d components, expected %d as in the sets before", l->store->where, name,
                width, l->system->width[label]);
    KR_TRY(kr_system_set_label(l->ctx, l->system, label, width));
    memcpy(l->system->label[label] + (size_t)l->used * row, array->data, row * (size_t)nframes * sizeof(double));
    for (int f = 0; f < nframes; f++) l->system->has[l->used + f] |= 1u << label;
done:
    kr_tree_destroy(&array);
    return status;
}

static kr_status load_real_types(loader *l, const char *set, int nframes) {
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    char name[512], expected[64];
    size_t natoms = (size_t)l->natoms, n = (size_t)nframes * natoms;
    file_name(set, "real_atom_types", name);
    KR_TRY(kr_store_array(l->ctx, l->store, name, &array));
    snprintf(expected, sizeof expected, "(%d, %d)", nframes, l->natoms);
    if (kr_tree_array_size(array) != n) {
        status = wrong_shape(l, name, array, expected);
        goto done;
    }
    int *type = l->system->type + (size_t)l->used * natoms;
    for (size_t i = 0; i < n; i++) KR_TRY(whole(l, name, i, array->data[i], -1, &type[i]));
done:
    kr_tree_destroy(&array);
    return status;
}

/* One set; set NULL = the folder itself in raw layout. */
static kr_status load_set(loader *l, const char *set) {
    kr_status status = KR_OK;
    kr_tree *coord = NULL;
    char name[512];
    int nframes;
    size_t row = 3 * (size_t)l->natoms;
    file_name(set, "coord", name);
    KR_TRY(kr_store_array(l->ctx, l->store, name, &coord));
    KR_TRY(frames_of(l, name, coord, &nframes));
    KR_TRY(check_finite(l, name, coord, row));
    KR_TRY(make_room(l, nframes));
    memcpy(l->system->coord + (size_t)l->used * row, coord->data, (size_t)nframes * row * sizeof(double));
    kr_tree_destroy(&coord);
    if (l->layout == KR_LAYOUT_MIXED) KR_TRY(load_real_types(l, set, nframes));
    KR_TRY(load_box(l, set, nframes));
    for (int label = 0; label < KR_LABEL_COUNT; label++) KR_TRY(load_label(l, set, label, nframes));
    l->used += nframes;
done:
    kr_tree_destroy(&coord);
    return status;
}

static int is_set(const kr_store *store, const char *name) {
    return strncmp(name, "set.", 4) == 0 && strlen(name) < 400 && kr_store_has_folder(store, name);
}

/* Which layout the store holds; all sets must agree. */
static kr_status find_layout(loader *l, int count, char **names, kr_layout wanted) {
    char path[512];
    int nsets = 0, nmixed = 0;
    for (int i = 0; i < count; i++) {
        if (!is_set(l->store, names[i])) continue;
        file_name(names[i], "real_atom_types", path);
        nsets++;
        nmixed += kr_store_has(l->store, path);
    }
    if (nmixed > 0 && nmixed < nsets)
        return KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s: %d of %d sets have real_atom_types.npy, expected all or none",
                        l->store->where, nmixed, nsets);
    l->layout = nmixed ? KR_LAYOUT_MIXED : nsets ? KR_LAYOUT_NPY : KR_LAYOUT_RAW;
    if (wanted == KR_LAYOUT_RAW) l->layout = KR_LAYOUT_RAW;
    if (wanted == KR_LAYOUT_MIXED && l->layout != KR_LAYOUT_MIXED)
        return KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s: no real_atom_types.npy in its sets, expected the mixed layout",
                        l->store->where);
    if (l->layout == KR_LAYOUT_RAW && (wanted == KR_LAYOUT_NPY || !kr_store_has(l->store, "coord.raw")))
        return KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s: no set.* folder with coord.npy%s", l->store->where,
                        wanted == KR_LAYOUT_NPY ? "" : " and no coord.raw");
    if (l->layout == KR_LAYOUT_MIXED && l->names.n == 0)
        return KR_ERROR(l->ctx, KR_ERR_FORMAT, "%s: type_map.raw is missing, the mixed layout needs it",
                        l->store->where);
    return KR_OK;
}

kr_status kr_deepmd_load(kr_context *ctx, const kr_store *store, kr_layout wanted, kr_system **system) {
    kr_status status = KR_OK;
    loader l = {.ctx = ctx, .store = store};
    int count = 0;
    char **names = NULL;
    *system = NULL;
    KR_TRY(load_types(&l));
    KR_TRY(kr_store_list(ctx, store, &count, &names));
    KR_TRY(find_layout(&l, count, names, wanted));
    if (l.layout == KR_LAYOUT_RAW) KR_TRY(load_set(&l, NULL));
    for (int i = 0; i < count && l.layout != KR_LAYOUT_RAW; i++)
        if (is_set(store, names[i])) KR_TRY(load_set(&l, names[i]));
    KR_TRY(kr_system_resize(ctx, l.system, l.used));
    *system = l.system;
    l.system = NULL;
done:
    kr_system_destroy(&l.system);
    kr_names_clear(&l.names);
    kr_names_free(count, names);
    kr_free(l.type);
    return status;
}
