/* Systems and datasets: making, growing, labels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include <kramers/system.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

static const struct {
    const char *name;
    int per_atom, components;
    const char *unit;
} labels[KR_LABEL_COUNT] = {
#define KR_LABEL_ROW(name, stem, per_atom, components, unit) {stem, per_atom, components, unit},
    KR_LABEL_LIST(KR_LABEL_ROW)
#undef KR_LABEL_ROW
};

static int known(kr_label label) { return (int)label >= 0 && (int)label < KR_LABEL_COUNT; }

const char *kr_label_name(kr_label label) { return known(label) ? labels[label].name : "unknown"; }
int kr_label_per_atom(kr_label label) { return known(label) ? labels[label].per_atom : 0; }
const char *kr_label_unit(kr_label label) { return known(label) ? labels[label].unit : ""; }

/* a·b·c elements, SIZE_MAX when that overflows (which kr_calloc then refuses). */
static size_t product(size_t a, size_t b, size_t c) {
    if (b && a > SIZE_MAX / b) return SIZE_MAX;
    return c && a * b > SIZE_MAX / c ? SIZE_MAX : a * b * c;
}

static size_t label_size(const kr_system *system, kr_label label, int nframes) {
    size_t rows = labels[label].per_atom ? (size_t)system->natoms : 1;
    return product((size_t)nframes, rows, (size_t)system->width[label]);
}

static size_t type_size(const kr_system *system, int nframes) {
    return product(system->mixed ? (size_t)nframes : 1, (size_t)system->natoms, 1);
}

kr_status kr_system_create(kr_context *ctx, const char *name, int natoms, int nframes, int ntypes,
                           const char *const *type_map, int mixed, kr_system **system) {
    kr_status status = KR_OK;
    if (!system) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_system_create: system is NULL");
    *system = NULL;
    if (natoms < 1) KR_FAIL(ctx, KR_ERR_ARGUMENT, "a system of %d atoms, allowed 1 and more", natoms);
    if (nframes < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "a system of %d frames, allowed 0 and more", nframes);
    if (ntypes < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "a type map of %d entries, allowed 0 and more", ntypes);
    KR_NEW(ctx, *system, 1);
    kr_system *s = *system;
    s->natoms = natoms;
    s->nframes = nframes;
    s->mixed = mixed != 0;
    s->name = kr_strdup(ctx, name ? name : "");
    if (!s->name) {
        status = KR_ERR_MEMORY;
        goto done;
    }
    if (type_map && ntypes > 0) {
        KR_NEW(ctx, s->type_map, (size_t)ntypes);
        for (; s->ntypes < ntypes; s->ntypes++) {
            s->type_map[s->ntypes] = kr_strdup(ctx, type_map[s->ntypes]);
            if (!s->type_map[s->ntypes]) {
                status = KR_ERR_MEMORY;
                goto done;
            }
        }
    }
    KR_NEW(ctx, s->type, type_size(s, nframes));
    KR_NEW(ctx, s->coord, product((size_t)nframes, (size_t)natoms, 3));
    KR_NEW(ctx, s->box, product((size_t)nframes, 9, 1));
    KR_NEW(ctx, s->has, (size_t)nframes);
done:
    if (status != KR_OK) kr_system_destroy(system);
    return status;
}

void kr_system_destroy(kr_system **system) {
    if (!system || !*system) return;
    kr_system *s = *system;
    for (int t = 0; t < s->ntypes; t++) kr_free(s->type_map[t]);
    for (int l = 0; l < KR_LABEL_COUNT; l++) kr_free(s->label[l]);
    kr_free(s->type_map);
    kr_free(s->name);
    kr_free(s->type);
    kr_free(s->coord);
    kr_free(s->box);
    kr_free(s->has);
    kr_free(s);
    *system = NULL;
}

kr_status kr_system_set_label(kr_context *ctx, kr_system *system, kr_label label, int width) {
    if (!system || !known(label)) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_system_set_label: label %d", (int)label);
    int fixed = labels[label].components;
    if (width < 1 || (fixed && width != fixed))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s with %d components, allowed %d%s", labels[label].name, width,
                        fixed ? fixed : 1, fixed ? "" : " and more");
    if (system->label[label] && system->width[label] == width) return KR_OK;
    if (system->label[label])
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s has %d components in '%s', asked for %d", labels[label].name,
                        system->width[label], system->name, width);
    system->width[label] = width;
    system->label[label] = kr_calloc(ctx, label_size(system, label, system->nframes), sizeof(double));
    if (!system->label[label]) system->width[label] = 0;
    return system->label[label] ? KR_OK : KR_ERR_MEMORY;
}

/* Keeps the first `old` entries of an array, the others are zero. */
static kr_status resize(kr_context *ctx, void **array, size_t old, size_t count, size_t size) {
    char *data = kr_realloc(ctx, *array, old, count, size);
    if (!data) return KR_ERR_MEMORY;
    if (count > old) memset(data + old * size, 0, (count - old) * size);
    *array = data;
    return KR_OK;
}
#define RESIZE(array, old, count) resize(ctx, (void **)&(array), (old), (count), sizeof *(array))

kr_status kr_system_resize(kr_context *ctx, kr_system *system, int nframes) {
    kr_status status = KR_OK;
    if (!system) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_system_resize: system is NULL");
    if (nframes < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "a system of %d frames, allowed 0 and more", nframes);
    /* A failure half-way leaves arrays that are too long or too short: too short only if frames were removed, and
     * then nframes must already be the smaller number. */
    int old = system->nframes;
    size_t natoms = (size_t)system->natoms, from = (size_t)old, to = (size_t)nframes;
    if (nframes < old) system->nframes = nframes;
    if (system->mixed) KR_TRY(RESIZE(system->type, type_size(system, old), type_size(system, nframes)));
    KR_TRY(RESIZE(system->coord, product(from, natoms, 3), product(to, natoms, 3)));
    KR_TRY(RESIZE(system->box, from * 9, product(to, 9, 1)));
    KR_TRY(RESIZE(system->has, from, to));
    for (int l = 0; l < KR_LABEL_COUNT; l++)
        if (system->label[l])
            KR_TRY(RESIZE(system->label[l], label_size(system, l, old), label_size(system, l, nframes)));
    system->nframes = nframes;
done:
    return status;
}

const int *kr_system_types(const kr_system *system, int frame) {
    return system->mixed ? system->type + (size_t)frame * (size_t)system->natoms : system->type;
}

kr_status kr_dataset_create(kr_context *ctx, kr_dataset **dataset) {
    if (!dataset) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_dataset_create: dataset is NULL");
    *dataset = kr_calloc(ctx, 1, sizeof **dataset);
    return *dataset ? KR_OK : KR_ERR_MEMORY;
}

void kr_dataset_destroy(kr_dataset **dataset) {
    if (!dataset || !*dataset) return;
    for (int i = 0; i < (*dataset)->nsystems; i++) kr_system_destroy(&(*dataset)->system[i]);
    kr_free((*dataset)->system);
    kr_free(*dataset);
    *dataset = NULL;
}

kr_status kr_dataset_append(kr_context *ctx, kr_dataset *dataset, kr_system **system) {
    if (!dataset || !system || !*system) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_dataset_append: nothing to append");
    int n = dataset->nsystems;
    if (n == INT_MAX / 2) return KR_ERROR(ctx, KR_ERR_MEMORY, "a dataset has more than %d systems", n);
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) { /* room is 4, 8, 16 … */
        size_t room = n ? 2 * (size_t)n : 4;
        kr_system **list = kr_realloc(ctx, dataset->system, (size_t)n, room, sizeof *list);
        if (!list) return KR_ERR_MEMORY;
        dataset->system = list;
    }
    dataset->system[dataset->nsystems++] = *system;
    *system = NULL;
    return KR_OK;
}
