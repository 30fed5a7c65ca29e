/* Copies of frames: selecting and merging.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/frame_table.h"
#include "core/memory.h"
#include <kramers/dataset_tools.h>
#include <string.h>

/* Where atom i of the target comes from; NULL = the same order. */
static void copy_frame(const kr_system *from, int f, const int *origin, kr_system *to, int g) {
    size_t n = (size_t)from->natoms, a = (size_t)f, b = (size_t)g;
    memcpy(to->box + b * 9, from->box + a * 9, 9 * sizeof *to->box);
    for (size_t i = 0; i < n; i++) {
        size_t o = origin ? (size_t)origin[i] : i;
        memcpy(to->coord + (b * n + i) * 3, from->coord + (a * n + o) * 3, 3 * sizeof *to->coord);
    }
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        if (!from->label[l] || !((from->has[f] >> l) & 1)) continue;
        size_t w = (size_t)from->width[l], count = kr_label_per_atom((kr_label)l) ? n : 1;
        for (size_t i = 0; i < count; i++) {
            size_t o = origin && count == n ? (size_t)origin[i] : i;
            memcpy(to->label[l] + (b * count + i) * w, from->label[l] + (a * count + o) * w, w * sizeof(double));
        }
        to->has[g] |= 1u << l;
    }
}

/* Room for the labels that any of the frames has; a label must have one width. */
static kr_status take_labels(kr_context *ctx, const kr_system *from, kr_system *to) {
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        if (!from->label[l]) continue;
        if (to->label[l] && to->width[l] != from->width[l])
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s has %d numbers in %s and %d in %s", kr_label_name((kr_label)l),
                            to->width[l], to->name, from->width[l], from->name);
        kr_status status = kr_system_set_label(ctx, to, (kr_label)l, from->width[l]);
        if (status < 0) return status;
    }
    return KR_OK;
}

kr_status kr_dataset_select(kr_context *ctx, const kr_dataset *dataset, const unsigned char *keep,
                            kr_dataset **result) {
    kr_status status = KR_OK;
    kr_dataset *out = NULL;
    kr_system *to = NULL;
    if (!dataset || !keep || !result) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no dataset, selection or result");
    *result = NULL;
    KR_TRY(kr_dataset_create(ctx, &out));
    for (int k = 0, flat = 0; k < dataset->nsystems; flat += dataset->system[k++]->nframes) {
        const kr_system *s = dataset->system[k];
        int n = 0, g = 0;
        for (int f = 0; f < s->nframes; f++) n += keep[flat + f] != 0;
        if (!n) continue;
        KR_TRY(
            kr_system_create(ctx, s->name, s->natoms, n, s->ntypes, (const char *const *)s->type_map, s->mixed, &to));
        memcpy(to->pbc, s->pbc, sizeof to->pbc);
        KR_TRY(take_labels(ctx, s, to));
        if (!s->mixed && s->natoms) memcpy(to->type, s->type, (size_t)s->natoms * sizeof *to->type);
        for (int f = 0; f < s->nframes; f++) {
            if (!keep[flat + f]) continue;
            copy_frame(s, f, NULL, to, g);
            if (s->mixed)
                memcpy(to->type + (size_t)g * (size_t)s->natoms, kr_system_types(s, f),
                       (size_t)s->natoms * sizeof *to->type);
            g++;
        }
        KR_TRY(kr_dataset_append(ctx, out, &to));
    }
    *result = out;
    out = NULL;
done:
    kr_system_destroy(&to);
    kr_dataset_destroy(&out);
    return status;
}

/* ---- merging ---- */

/* Frames that go into one system: equal counts of elements and boundaries. */
static int fits(const kr_dataset *d, const kr_frame_table *t, int a, int b) {
    size_t ne = (size_t)t->nelements;
    return t->row[a].composition == t->row[b].composition && t->row[a].natoms == t->row[b].natoms &&
           !memcmp(t->count + (size_t)a * ne, t->count + (size_t)b * ne, ne * sizeof *t->count) &&
           !memcmp(d->system[t->row[a].system]->pbc, d->system[t->row[b].system]->pbc, 3);
}

/* A real atom's order: by element, then as before. Virtual atoms are dropped. */
static void order_atoms(const kr_dataset *d, const kr_frame_table *t, int flat, int *origin) {
    const kr_system *s = d->system[t->row[flat].system];
    const int *type = kr_system_types(s, t->row[flat].frame), *element = t->type[t->row[flat].system];
    int n = 0;
    for (int e = 0; e < t->nelements; e++)
        for (int i = 0; i < s->natoms; i++)
            if (type[i] >= 0 && element[type[i]] == e) origin[n++] = i;
}

/* As copy_frame, from a frame with padding to one without. */
static void copy_real(const kr_system *from, int f, int nreal, const int *origin, kr_system *to, int g) {
    kr_system view = *from; /* the frame alone, its padded atoms behind the real ones that origin names */
    size_t n = (size_t)from->natoms, a = (size_t)f;
    view.coord = from->coord + a * n * 3;
    view.box = from->box + a * 9;
    view.has = from->has + a;
    view.natoms = nreal;
    for (int l = 0; l < KR_LABEL_COUNT; l++)
        if (from->label[l])
            view.label[l] = from->label[l] + a * (size_t)from->width[l] * (kr_label_per_atom((kr_label)l) ? n : 1);
    copy_frame(&view, 0, origin, to, g);
}

static kr_status merge_from(kr_context *ctx, const kr_dataset *d, const kr_frame_table *t, int first, int named,
                            unsigned char *done_with, int *origin, kr_system **result) {
    kr_status status = KR_OK;
    kr_system *to = NULL;
    int n = 0, natoms = t->row[first].natoms, at = 0;
    for (int i = first; i < t->nframes; i++) n += !done_with[i] && fits(d, t, first, i);
    KR_TRY(kr_system_create(ctx, d->system[t->row[first].system]->name, natoms, n, named ? t->nelements : 0,
                            named ? (const char *const *)t->element : NULL, 0, &to));
    memcpy(to->pbc, d->system[t->row[first].system]->pbc, sizeof to->pbc);
    for (int e = 0; e < t->nelements; e++)
        for (int c = t->count[(size_t)first * (size_t)t->nelements + (size_t)e]; c > 0; c--) to->type[at++] = e;
    for (int i = first, last = -1; i < t->nframes; i++)
        if (!done_with[i] && t->row[i].system != last && fits(d, t, first, i))
            KR_TRY(take_labels(ctx, d->system[last = t->row[i].system], to));
    for (int i = first, g = 0; i < t->nframes; i++) {
        if (done_with[i] || !fits(d, t, first, i)) continue;
        done_with[i] = 1;
        order_atoms(d, t, i, origin);
        copy_real(d->system[t->row[i].system], t->row[i].frame, natoms, origin, to, g++);
    }
    *result = to;
    to = NULL;
done:
    kr_system_destroy(&to);
    return status;
}

kr_status kr_dataset_merge(kr_context *ctx, const kr_dataset *dataset, kr_dataset **result) {
    kr_status status = KR_OK;
    kr_dataset *out = NULL;
    kr_frame_table *t = NULL;
    kr_system *to = NULL;
    unsigned char *done_with = NULL;
    int *origin = NULL, named = -1;
    size_t most = 0;
    if (!dataset || !result) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no dataset or no place for the result");
    *result = NULL;
    for (int k = 0; k < dataset->nsystems; k++) {
        const kr_system *s = dataset->system[k];
        if (named >= 0 && named != (s->ntypes > 0))
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s %s its elements, the systems before do%s", s->name,
                    s->ntypes ? "names" : "does not name", s->ntypes ? " not" : "");
        named = s->ntypes > 0;
        if ((size_t)s->natoms > most) most = (size_t)s->natoms;
    }
    KR_TRY(kr_frame_table_create(ctx, dataset, 0, &t));
    KR_NEW(ctx, done_with, (size_t)t->nframes);
    KR_NEW(ctx, origin, most);
    KR_TRY(kr_dataset_create(ctx, &out));
    for (int i = 0; i < t->nframes; i++) {
        if (done_with[i]) continue;
        KR_TRY(merge_from(ctx, dataset, t, i, named, done_with, origin, &to));
        KR_TRY(kr_dataset_append(ctx, out, &to));
    }
    *result = out;
    out = NULL;
done:
    kr_system_destroy(&to);
    kr_dataset_destroy(&out);
    kr_frame_table_destroy(&t);
    kr_free(done_with);
    kr_free(origin);
    return status;
}
