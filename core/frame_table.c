/* All frames of a dataset in one table, with fingerprints.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Fingerprint of a frame of N atoms: with f_k(r) = g_k(r)·switch(r), Gaussians g_k of width 0.45 Å at 12 places up to
 * the cutoff 6 Å, a number q_e for each element (1/2 … 3/2, from its name), weights w ∈ {1, q} ρ_ik^w = Σ_j w(j)
 * f_k(r_ij),   (1/N) Σ_i w'(i) ρ_ik^w  (3 combinations)   and   (1/N) Σ_i w'(i) (ρ_ik^w)²/8  (4) The squares tell apart
 * what mean distances alone do not. */
#include "core/frame_table.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/neighbor.h"
#include "core/parallel.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CENTERS = 12 };
static const double CUTOFF = 6.0, WIDTH = 0.45;

int kr_dataset_frames(const kr_dataset *dataset) {
    int n = 0;
    for (int s = 0; s < dataset->nsystems; s++) n += dataset->system[s]->nframes;
    return n;
}

/* ---- elements and compositions ---- */

static kr_status element_of(kr_context *ctx, kr_frame_table *t, const char *name, int *index) {
    for (*index = 0; *index < t->nelements; ++*index)
        if (!strcmp(t->element[*index], name)) return KR_OK;
    size_t n = (size_t)t->nelements;
    char **grown = kr_realloc(ctx, t->element, n, n + 1, sizeof *grown);
    if (!grown) return KR_ERR_MEMORY;
    t->element = grown;
    t->element[n] = kr_strdup(ctx, name);
    if (!t->element[n]) return KR_ERR_MEMORY;
    t->nelements++;
    return KR_OK;
}

static kr_status map_types(kr_context *ctx, const kr_dataset *dataset, kr_frame_table *t) {
    kr_status status = KR_OK;
    KR_NEW(ctx, t->type, (size_t)dataset->nsystems);
    t->nsystems = dataset->nsystems;
    for (int k = 0; k < dataset->nsystems; k++) {
        const kr_system *s = dataset->system[k];
        long n = s->mixed ? (long)s->natoms * s->nframes : s->natoms;
        int types = 0;
        for (long i = 0; i < n; i++) types = s->type[i] >= types ? s->type[i] + 1 : types;
        KR_NEW(ctx, t->type[k], (size_t)types);
        for (int e = 0; e < types; e++) {
            char room[32];
            snprintf(room, sizeof room, "type %d", e + 1);
            KR_TRY(element_of(ctx, t, e < s->ntypes ? s->type_map[e] : room, &t->type[k][e]));
        }
    }
done:
    return status;
}

static int common_divisor(int a, int b) { return b ? common_divisor(b, a % b) : a; }

/* Counts of elements per frame, and a number for every ratio of them. */
static kr_status count_elements(kr_context *ctx, const kr_dataset *dataset, kr_frame_table *t) {
    kr_status status = KR_OK;
    size_t ne = (size_t)t->nelements;
    int *ratio = NULL, at = 0;
    KR_NEW(ctx, t->count, (size_t)t->nframes * ne);
    KR_NEW(ctx, ratio, (size_t)t->nframes * ne); /* of the compositions seen so far */
    for (int k = 0; k < dataset->nsystems; k++)
        for (int f = 0; f < dataset->system[k]->nframes; f++, at++) {
            const kr_system *s = dataset->system[k];
            const int *type = kr_system_types(s, f);
            int *count = t->count + (size_t)at * ne, *mine = ratio + (size_t)t->ncompositions * ne, divisor = 0, c;
            t->row[at].system = k;
            t->row[at].frame = f;
            for (int i = 0; i < s->natoms; i++)
                if (type[i] >= 0) {
                    count[t->type[k][type[i]]]++;
                    t->row[at].natoms++;
                }
            for (size_t e = 0; e < ne; e++) divisor = common_divisor(divisor, count[e]);
            for (size_t e = 0; e < ne; e++) mine[e] = divisor ? count[e] / divisor : 0;
            for (c = 0; memcmp(ratio + (size_t)c * ne, mine, ne * sizeof *mine) != 0; c++) continue;
            t->row[at].composition = c;
            if (c == t->ncompositions) t->ncompositions++;
        }
done:
    kr_free(ratio);
    return status;
}

/* ---- fingerprints ---- */

typedef struct fingerprints {
    const kr_dataset *dataset;
    kr_frame_table *table;
    kr_neighbors *list; /* [threads] */
    kr_buffer *scratch; /* [threads] skip [natoms] */
    double *color;      /* [elements] q_e */
} fingerprints;

/* 1/2 … 3/2 from the letters (FNV-1a), so that it does not depend on what else is in the set. */
static double color_of(const char *name) {
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    hash ^= hash >> 29;
    return 0.5 + (double)(hash % 100003u) / 100003.0;
}

static int all_finite(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

/* f_k(r) for all k. */
static void radial(double r, double f[CENTERS]) {
    double u = r / CUTOFF, cut = (1 - u * u) * (1 - u * u);
    for (int k = 0; k < CENTERS; k++) {
        double x = (r - (0.8 + (CUTOFF - 1.2) * k / (CENTERS - 1))) / WIDTH;
        f[k] = cut * exp(-0.5 * x * x);
    }
}

static void sum_frame(const fingerprints *p, const kr_neighbors *list, const int *element, const int *type,
                      kr_frame_row *row, double *out) {
    memset(out, 0, KR_FINGERPRINT * sizeof *out);
    for (int i = 0; i < list->nlocal; i++) {
        double rho[2][CENTERS] = {{0}}, f[CENTERS], qi;
        if (type[i] < 0) continue;
        for (long l = list->first[i]; l < list->first[i + 1]; l++) {
            const double *a = list->x + 3 * (size_t)i, *b = list->x + 3 * (size_t)list->neighbor[l];
            int j = list->owner[list->neighbor[l]];
            double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
            if (r < row->shortest) {
                row->shortest = r;
                row->closest[0] = i < j ? i : j;
                row->closest[1] = i < j ? j : i;
            }
            radial(r, f);
            for (int k = 0; k < CENTERS; k++) {
                rho[0][k] += f[k];
                rho[1][k] += p->color[element[type[j]]] * f[k];
            }
        }
        qi = p->color[element[type[i]]];
        for (int k = 0; k < CENTERS; k++) {
            out[k] += rho[0][k];
            out[CENTERS + k] += rho[1][k];
            out[2 * CENTERS + k] += qi * rho[1][k];
            out[3 * CENTERS + k] += rho[0][k] * rho[0][k] / 8;
            out[4 * CENTERS + k] += rho[1][k] * rho[1][k] / 8;
            out[5 * CENTERS + k] += qi * rho[0][k] * rho[0][k] / 8;
            out[6 * CENTERS + k] += qi * rho[1][k] * rho[1][k] / 8;
        }
    }
}

static kr_status frame_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    fingerprints *p = payload;
    kr_frame_row *row = &p->table->row[block];
    const kr_system *s = p->dataset->system[row->system];
    size_t n = (size_t)s->natoms, f = (size_t)row->frame;
    const int *type = kr_system_types(s, row->frame);
    const double *x = s->coord + f * n * 3, *box = s->box + f * 9;
    double *out = p->table->fingerprint + (size_t)block * KR_FINGERPRINT;
    int periodic = s->pbc[0] || s->pbc[1] || s->pbc[2];
    kr_cell cell;
    row->shortest = INFINITY;
    row->finite = all_finite(box, 9);
    for (size_t i = 0; i < n; i++)
        if (type[i] >= 0 && !all_finite(x + 3 * i, 3)) row->finite = 0;
    /* A cell without volume or an atom at the end of the world is a finding, not a failure. */
    if (row->finite && kr_cell_set(NULL, periodic ? box : NULL, periodic ? s->pbc : NULL, &cell) < 0) row->finite = 0;
    if (!row->finite) goto done;
    KR_TRY(kr_buffer_reserve(ctx, &p->scratch[thread], n, 1));
    unsigned char *skip = p->scratch[thread].data;
    for (size_t i = 0; i < n; i++) skip[i] = type[i] < 0;
    kr_neighbors *list = &p->list[thread];
    status = kr_neighbors_build(NULL, &cell, CUTOFF, (int)n, x, skip, list);
    if (status == KR_ERR_MEMORY) KR_FAIL(ctx, KR_ERR_MEMORY, "no memory for the neighbours of %s", s->name);
    row->finite = status == KR_OK;
    status = KR_OK;
    if (!row->finite) goto done;
    sum_frame(p, list, p->table->type[row->system], type, row, out);
    double square = 0, sum = 0, scale = row->natoms ? 1.0 / row->natoms : 0;
    for (int k = 0; k < KR_FINGERPRINT; k++) {
        out[k] *= scale;
        square += out[k] * out[k];
        sum += out[k];
    }
    row->norm = sqrt(square);
    row->place = sum / KR_FINGERPRINT;
done:
    return status;
}

static kr_status make_fingerprints(kr_context *ctx, const kr_dataset *dataset, kr_frame_table *t) {
    kr_status status = KR_OK;
    size_t threads = (size_t)kr_parallel_threads(ctx);
    fingerprints p = {.dataset = dataset, .table = t};
    KR_NEW(ctx, t->fingerprint, (size_t)t->nframes * KR_FINGERPRINT);
    KR_NEW(ctx, p.list, threads);
    KR_NEW(ctx, p.scratch, threads);
    KR_NEW(ctx, p.color, (size_t)t->nelements);
    for (int e = 0; e < t->nelements; e++) p.color[e] = color_of(t->element[e]);
    KR_TRY(kr_parallel_blocks(ctx, t->nframes, frame_block, NULL, &p));
done:
    for (size_t k = 0; k < threads; k++) {
        if (p.list) kr_neighbors_free(&p.list[k]);
        if (p.scratch) kr_buffer_free(&p.scratch[k]);
    }
    kr_free(p.list);
    kr_free(p.scratch);
    kr_free(p.color);
    return status;
}

kr_status kr_frame_table_create(kr_context *ctx, const kr_dataset *dataset, int with_fingerprints,
                                kr_frame_table **table) {
    kr_status status = KR_OK;
    kr_frame_table *t = NULL;
    *table = NULL;
    KR_NEW(ctx, t, 1);
    t->nframes = kr_dataset_frames(dataset);
    KR_NEW(ctx, t->row, (size_t)t->nframes);
    KR_TRY(map_types(ctx, dataset, t));
    KR_TRY(count_elements(ctx, dataset, t));
    if (with_fingerprints) KR_TRY(make_fingerprints(ctx, dataset, t));
    *table = t;
    t = NULL;
done:
    kr_frame_table_destroy(&t);
    return status;
}

void kr_frame_table_destroy(kr_frame_table **table) {
    if (!table || !*table) return;
    kr_frame_table *t = *table;
    for (int e = 0; e < t->nelements; e++) kr_free(t->element[e]);
    for (int k = 0; t->type && k < t->nsystems; k++) kr_free(t->type[k]);
    kr_free(t->element);
    kr_free(t->type);
    kr_free(t->count);
    kr_free(t->row);
    kr_free(t->fingerprint);
    kr_free(t);
    *table = NULL;
}

double kr_frame_table_difference(const kr_frame_table *t, int a, int b) {
    const double *x = t->fingerprint + (size_t)a * KR_FINGERPRINT, *y = t->fingerprint + (size_t)b * KR_FINGERPRINT;
    double sum = 0, scale = 0.5 * (t->row[a].norm * t->row[a].norm + t->row[b].norm * t->row[b].norm);
    for (int k = 0; k < KR_FINGERPRINT; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
    return scale > 0 ? sqrt(sum / scale) : 0; /* two frames of lone atoms are equal */
}

/* ---- groups ---- */

int kr_group_find(int *parent, int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

void kr_group_unite(int *parent, int a, int b) {
    a = kr_group_find(parent, a);
    b = kr_group_find(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

typedef struct place {
    int composition, index;
    double value;
} place;

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->composition != y->composition) return x->composition < y->composition ? -1 : 1;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

kr_status kr_frame_table_group(kr_context *ctx, const kr_frame_table *t, double tolerance, int *group,
                               kr_status (*near)(kr_context *ctx, void *payload, int a, int b), void *payload) {
    kr_status status = KR_OK;
    place *sorted = NULL;
    int n = 0;
    KR_NEW(ctx, sorted, (size_t)t->nframes);
    for (int i = 0; i < t->nframes; i++) {
        group[i] = i;
        if (t->row[i].finite) sorted[n++] = (place){t->row[i].composition, i, t->row[i].place};
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_place);
    /* Means of the numbers differ by less than the root mean square of the differences, so only a short way ahead in
     * the sorted list is looked at. */
    for (int k = 0; k < n; k++)
        for (int l = k + 1; l < n && sorted[l].composition == sorted[k].composition; l++) {
            int a = sorted[k].index, b = sorted[l].index;
            double reach = tolerance * fmax(t->row[a].norm, t->row[b].norm) / sqrt(KR_FINGERPRINT);
            if (sorted[l].value - sorted[k].value > 1.01 * reach + 1e-300) break;
            if (kr_frame_table_difference(t, a, b) > tolerance) continue;
            kr_group_unite(group, a, b);
            if (near) KR_TRY(near(ctx, payload, a < b ? a : b, a < b ? b : a));
        }
    for (int i = 0; i < t->nframes; i++) group[i] = kr_group_find(group, i);
done:
    kr_free(sorted);
    return status;
}
