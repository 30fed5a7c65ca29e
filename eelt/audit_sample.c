/* Which accurate frames are audited: a random sample, stratified by cell (kramers/audit.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every offer gets the key log(U)/weight (Efraimidis and Spirakis 2006); within a cell the largest keys come first,
 * passing over frames too near in time to one that was taken from the same run. */
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include <kramers/audit.h>
#include <math.h>
#include <stdlib.h>

enum { PURPOSE = 0x61756469 };

typedef struct drawn {
    double key;
    long index;
    int cell, taken;
} drawn;

static int by_cell_and_key(const void *a, const void *b) {
    const drawn *x = a, *y = b;
    if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Offers of one cell, by descending key. */
typedef struct cell_state {
    drawn *first;
    long n, next, taken;
    double weight;
} cell_state;

static int too_near(const cell_state *cell, const kr_audit_offer *offers, long index, double gap) {
    for (long k = 0; k < cell->next; k++) {
        const kr_audit_offer *o = &offers[cell->first[k].index];
        if (cell->first[k].taken && o->run == offers[index].run &&
            fabs(o->time_ps - offers[index].time_ps) < gap * (1 - 1e-9))
            return 1;
    }
    return 0;
}

/* Takes the next frame of the cell; 0 when it has none left. */
static int take_one(cell_state *cell, const kr_audit_offer *offers, double gap) {
    while (cell->next < cell->n) {
        drawn *d = &cell->first[cell->next];
        int near = too_near(cell, offers, d->index, gap);
        cell->next++;
        if (near) continue;
        d->taken = 1;
        cell->taken++;
        return 1;
    }
    return 0;
}

/* The cell that is farthest behind its share: largest weight/(taken + 1/2) (Webster's method); cells without any come
 * first, so that each gets one. −1 = none is left. */
static int most_behind(int ncells, const cell_state *cells) {
    int best = -1;
    double worst = 0;
    for (int c = 0; c < ncells; c++) {
        if (!(cells[c].weight > 0) || cells[c].next >= cells[c].n) continue;
        double behind = cells[c].weight / ((double)cells[c].taken + 0.5);
        int first = best < 0 || (!cells[c].taken && cells[best].taken);
        int worse = best >= 0 && !cells[c].taken == !cells[best].taken && behind > worst;
        if (!first && !worse) continue;
        best = c;
        worst = behind;
    }
    return best;
}

static kr_status check(kr_context *ctx, int ncells, const double *weight, long n, const kr_audit_offer *offers) {
    for (int c = 0; c < ncells; c++)
        if (!(weight[c] >= 0) || !isfinite(weight[c]))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "weight %g of cell %d, must be >= 0 and finite", weight[c], c);
    for (long i = 0; i < n; i++)
        if (offers[i].cell < 0 || offers[i].cell >= ncells || !(offers[i].weight > 0))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "offer %ld is of cell %d with weight %g, allowed 0 … %d and > 0", i,
                            offers[i].cell, offers[i].weight, ncells - 1);
    return KR_OK;
}

kr_status kr_audit_sample(kr_context *ctx, uint64_t seed, uint64_t step, long most, double correlation_ps, int ncells,
                          const double *weight, long n, const kr_audit_offer *offers, long *nchosen, long **chosen) {
    kr_status status = KR_OK;
    drawn *list = NULL;
    cell_state *cells = NULL;
    long *result = NULL, count = 0;
    unsigned char *flag = NULL;
    if (!nchosen || !chosen || ncells < 1 || !weight || n < 0 || (n && !offers) || most < 0)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld of %ld frames in %d cells: an array is missing or a number below 0",
                        most, n, ncells);
    *nchosen = 0;
    *chosen = NULL;
    KR_TRY(check(ctx, ncells, weight, n, offers));
    KR_NEW(ctx, list, (size_t)n + 1);
    KR_NEW(ctx, cells, (size_t)ncells);
    KR_NEW(ctx, result, (size_t)n + 1);
    KR_NEW(ctx, flag, (size_t)n + 1);
    for (long i = 0; i < n; i++) {
        double u = kr_random_uniform((kr_stream){seed, PURPOSE}, step, (uint64_t)i, 0);
        list[i] = (drawn){log(u) / offers[i].weight, i, offers[i].cell, 0};
        cells[offers[i].cell].n++;
    }
    qsort(list, (size_t)n, sizeof *list, by_cell_and_key);
    drawn *at = list;
    for (int c = 0; c < ncells; c++) {
        cells[c].first = at;
        cells[c].weight = weight[c];
        at += cells[c].n;
    }
    for (int c; count < most && (c = most_behind(ncells, cells)) >= 0;)
        count += take_one(&cells[c], offers, correlation_ps);
    for (long k = 0; k < n; k++) flag[list[k].index] = (unsigned char)list[k].taken;
    count = 0;
    for (long i = 0; i < n; i++)
        if (flag[i]) result[count++] = i;
    *nchosen = count;
    *chosen = result;
    result = NULL;
done:
    kr_free(list);
    kr_free(cells);
    kr_free(flag);
    kr_free(result);
    return status;
}

void kr_audit_free(long **chosen) {
    if (!chosen) return;
    kr_free(*chosen);
    *chosen = NULL;
}
