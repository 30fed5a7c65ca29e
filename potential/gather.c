/* Packing the neighbours of a block of centres: cutoff, type map, exclusion, grouping by type, truncation to sel.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Usual way: one pass over the list keeps what lies within the cutoff (no square root for what does not), one more
 * groups it by type. Only where `sel` overflows, or the statistics differ from slot to slot, neighbours are sorted.
 *
 * Truncation: nearest per type (TensorFlow, LAMMPS), or first the nearest Σ sel of all types (PyTorch, NumPy).
 * Descriptors without type blocks keep the nearest Σ sel. */
#include "potential/gather.h"
#include "core/error.h"
#include <math.h>
#include <string.h>

/* Neighbours within the cutoff, before they are grouped. */
typedef struct candidates {
    int n;
    int *j, *type;
    double *x, *y, *z, *r2;
} candidates;

typedef struct sort_key {
    double r2;
    int j, index;
} sort_key;

void kr_gather_rule_set(const kr_model *model, kr_sel_rule sel_rule, kr_gather_rule *rule) {
    const kr_descriptor *d = &model->descriptor;
    *rule = (kr_gather_rule){.ntypes = model->ntypes,
                             .nsel = d->nsel,
                             .nnei = d->nnei,
                             .mixed = d->mixed_types,
                             .sorted = kr_descriptor_slot_dependent(d, model->ntypes),
                             .sel = d->sel,
                             .pair_excluded = model->pair_excluded,
                             .rcut = d->rcut,
                             .sel_rule = sel_rule};
}

int kr_gather_rule_equal(const kr_gather_rule *a, const kr_gather_rule *b) {
    size_t nt = (size_t)a->ntypes;
    if (a->ntypes != b->ntypes || a->nsel != b->nsel || a->mixed != b->mixed || a->sorted != b->sorted ||
        a->rcut != b->rcut || a->sel_rule != b->sel_rule || !a->pair_excluded != !b->pair_excluded)
        return 0;
    if (a->pair_excluded && memcmp(a->pair_excluded, b->pair_excluded, nt * nt)) return 0;
    return !memcmp(a->sel, b->sel, (size_t)a->nsel * sizeof *a->sel);
}

void kr_gathered_free(kr_gathered *gathered) {
    if (!gathered) return;
    kr_buffer_free(&gathered->pairs);
    kr_buffer_free(&gathered->index);
    kr_buffer_free(&gathered->candidate);
    kr_buffer_free(&gathered->key);
}

size_t kr_gathered_bytes(const kr_gathered *g) {
    return g->pairs.bytes + g->index.bytes + g->candidate.bytes + g->key.bytes;
}

/* The hot loop. Every entry is written, the write position moves on only for those that count: no branch to predict.
 * keep [ntypes + 1]: does a neighbour type count; the last entry is for virtual atoms. */
static int find_candidates(const kr_gather_rule *rule, const kr_list *list, int i, const int *keep, candidates *c) {
    const double *x = list->x, xi = x[3 * (size_t)i], yi = x[3 * (size_t)i + 1], zi = x[3 * (size_t)i + 2];
    const double unit = list->length_unit > 0 ? list->length_unit : 1, limit = rule->rcut * rule->rcut;
    const int *neighbor = list->firstneigh[i], *type = list->type, *map = list->type_map;
    const int mask = list->neighmask ? list->neighmask : -1, virtual_type = rule->ntypes;
    int n = 0;
    for (int k = 0; k < list->numneigh[i]; k++) {
        int j = neighbor[k] & mask, t = map ? map[type[j]] : type[j];
        double dx = (x[3 * (size_t)j] - xi) * unit, dy = (x[3 * (size_t)j + 1] - yi) * unit;
        double dz = (x[3 * (size_t)j + 2] - zi) * unit, r2 = dx * dx + dy * dy + dz * dz;
        c->j[n] = j;
        c->type[n] = t;
        c->x[n] = dx;
        c->y[n] = dy;
        c->z[n] = dz;
        c->r2[n] = r2;
        n += (!(r2 > limit)) & keep[t < 0 ? virtual_type : t]; /* NaN is kept, so that it is noticed */
    }
    return c->n = n;
}

/* Largest excess of a block over what was seen before. */
static void note_overflow(kr_overflow *o, int count, int sel, int center_type, int neighbor_type) {
    if (count - sel <= o->worst_count - o->worst_sel) return;
    o->worst_count = count;
    o->worst_sel = sel;
    o->worst_center_type = center_type;
    o->worst_neighbor_type = neighbor_type;
}

/* Records overflow; non-zero when neighbours must be sorted. */
static int count_overflow(const kr_gather_rule *rule, const candidates *c, const int *count, int center_type,
                          kr_overflow *overflow) {
    int over = 0;
    overflow->evaluations++;
    if (rule->mixed || rule->sel_rule == KR_SEL_NEAREST_TOTAL) {
        over = c->n > rule->nnei;
        if (over) note_overflow(overflow, c->n, rule->nnei, center_type, -1);
    }
    if (!rule->mixed)
        for (int t = 0; t < rule->ntypes; t++)
            if (count[t] > rule->sel[t]) {
                over = 1;
                note_overflow(overflow, count[t], rule->sel[t], center_type, t);
            }
    overflow->environments += over;
    return over;
}

static int key_less(sort_key a, sort_key b) { return a.r2 < b.r2 || (a.r2 == b.r2 && a.j < b.j); }

/* Heap sort: no memory, no worst case. */
static void sort_keys(sort_key *key, int n) {
    for (int end = n, start = n / 2; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            end--;
            sort_key swap = key[end];
            key[end] = key[0];
            key[0] = swap;
        }
        int root = start;
        sort_key sift = key[root];
        for (int child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && key_less(key[child], key[child + 1])) child++;
            if (!key_less(sift, key[child])) break;
            key[root] = key[child];
        }
        key[root] = sift;
    }
}

/* Reorders the candidates by distance and drops those beyond sel; count [ntypes] is made anew. */
static kr_status truncate(kr_context *ctx, const kr_gather_rule *rule, candidates *c, int *count, sort_key **keys,
                          kr_gathered *g) {
    kr_status status = KR_OK;
    KR_TRY(kr_buffer_reserve(ctx, &g->key, (size_t)c->n, sizeof(sort_key)));
    sort_key *key = *keys = g->key.data;
    for (int k = 0; k < c->n; k++) key[k] = (sort_key){c->r2[k], c->j[k], k};
    sort_keys(key, c->n);
    int n = c->n, kept = 0;
    if ((rule->mixed || rule->sel_rule == KR_SEL_NEAREST_TOTAL) && n > rule->nnei) n = rule->nnei;
    memset(count, 0, (size_t)rule->ntypes * sizeof *count);
    for (int k = 0; k < n; k++) {
        int t = c->type[key[k].index];
        if (!rule->mixed && count[t] >= rule->sel[t]) continue;
        count[t]++;
        key[kept++] = key[k];
    }
    c->n = kept;
done:
    return status;
}

/* Appends the candidates, grouped by type in the order given by key (NULL: as they are), to the env from `at` on. */
static int place(const kr_gather_rule *rule, const candidates *c, const int *count, const sort_key *key, int at,
                 int *first, int *next, kr_env *env) {
    int *slot = (int *)env->slot, *neighbor = (int *)env->neighbor;
    double *x = (double *)env->x, *y = (double *)env->y, *z = (double *)env->z, *r = (double *)env->r;
    int begin = at;
    for (int t = 0; t < rule->ntypes; at += count[t], t++) first[t] = next[t] = at;
    for (int k = 0; k < c->n; k++) {
        int from = key ? key[k].index : k, p = next[c->type[from]]++;
        slot[p] = k; /* right for one block of slots; type blocks are numbered below */
        neighbor[p] = c->j[from];
        x[p] = c->x[from];
        y[p] = c->y[from];
        z[p] = c->z[from];
        r[p] = c->r2[from];
    }
    if (!rule->mixed)
        for (int t = 0, offset = 0; t < rule->ntypes; offset += rule->sel[t], t++)
            for (int k = 0; k < count[t]; k++) slot[first[t] + k] = offset + k;
    for (int p = begin; p < at; p++) r[p] = sqrt(r[p]);
    return at;
}

/* Room for all neighbours in the list; rounded up so that vector kernels may read a little further. */
static kr_status reserve(kr_context *ctx, const kr_gather_rule *rule, const kr_list *list, int n, const int *center,
                         kr_gathered *g, candidates *c) {
    kr_status status = KR_OK;
    size_t total = 0, most = 0;
    for (int i = 0; i < n; i++) {
        size_t count = (size_t)list->numneigh[center[i]];
        total += count;
        if (count > most) most = count;
    }
    size_t room = (total / 16 + 2) * 16, one = most + 1;
    KR_TRY(kr_buffer_reserve(ctx, &g->pairs, room * (4 * sizeof(double) + 2 * sizeof(int)), 1));
    KR_TRY(kr_buffer_reserve(ctx, &g->index, ((size_t)n + 3) * (size_t)rule->ntypes + 2, sizeof(int)));
    KR_TRY(kr_buffer_reserve(ctx, &g->candidate, one * (4 * sizeof(double) + 2 * sizeof(int)), 1));
    double *base = g->pairs.data, *base_c = g->candidate.data;
    int *base_i = (int *)(base + 4 * room);
    g->env.x = base;
    g->env.y = base + room;
    g->env.z = base + 2 * room;
    g->env.r = base + 3 * room;
    g->env.slot = base_i;
    g->env.neighbor = base_i + room;
    *c = (candidates){.x = base_c, .y = base_c + one, .z = base_c + 2 * one, .r2 = base_c + 3 * one};
    c->j = (int *)(base_c + 4 * one);
    c->type = c->j + one;
done:
    return status;
}

kr_status kr_gather_block(kr_context *ctx, const kr_gather_rule *rule, const kr_list *list, int n, const int *center,
                          const int *center_type, kr_gathered *g) {
    kr_status status = KR_OK;
    int nt = rule->ntypes;
    candidates c;
    KR_TRY(reserve(ctx, rule, list, n, center, g, &c));
    int *first = g->index.data, *count = first + (size_t)n * (size_t)nt + 1, *next = count + nt, *keep = next + nt;
    int at = 0;
    g->overflow = (kr_overflow){.worst_neighbor_type = -1, .worst_center_type = -1};
    for (int i = 0; i < n; i++) {
        for (int t = 0; t < nt; t++) keep[t] = !(rule->pair_excluded && rule->pair_excluded[center_type[i] * nt + t]);
        keep[nt] = 0;
        find_candidates(rule, list, center[i], keep, &c);
        memset(count, 0, (size_t)nt * sizeof *count);
        for (int k = 0; k < c.n; k++) count[c.type[k]]++;
        sort_key *key = NULL;
        if (count_overflow(rule, &c, count, center_type[i], &g->overflow) || rule->sorted)
            KR_TRY(truncate(ctx, rule, &c, count, &key, g));
        at = place(rule, &c, count, key, at, first + (size_t)i * (size_t)nt, next, &g->env);
    }
    first[(size_t)n * (size_t)nt] = at;
    int type0 = list->nall > 0 ? list->type[0] : -1;
    if (type0 >= 0 && list->type_map) type0 = list->type_map[type0];
    if (list->pad_type) type0 = *list->pad_type;
    g->env.pad_type = type0 < 0 ? 0 : type0; /* DeePMD-kit makes virtual atoms type 0 before it looks */
    g->env.natoms = n;
    g->env.ntypes = nt;
    g->env.npairs = at;
    g->env.center_type = center_type;
    g->env.first = first;
done:
    return status;
}
