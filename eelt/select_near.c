/* Second step, second part: structures that are nearly the same, in the eyes of the model or, without one, by the
 * fingerprints of kr_dataset_group.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With a model and δ = near_distance of the pool: a candidate is known when each of its environments lies within δ of
 * one in the training set; two candidates are duplicates when they have as many atoms of each element, every
 * environment of either lies within δ of one of the other, and the means of their rows do. The means come first: if the
 * rows match pairwise within δ then so do the means, and they are sorted along one direction, so that few pairs are
 * looked at. */
#include "core/error.h"
#include "core/frame_table.h"
#include "eelt/select.h"
#include <kramers/dataset_tools.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- against the training set ---- */

static void drop_known(kr_pool *pool) {
    for (long f = 0; f < pool->n; f++)
        if (pool->alive[f] && pool->choice[f].distance < pool->near_distance)
            kr_pool_drop(pool, f, KR_DECISION_KNOWN, "every environment within %.3g of a known one, limit %.3g",
                         pool->choice[f].distance, pool->near_distance);
}

/* ---- among the candidates ---- */

typedef struct place {
    double along; /* coordinate of the mean on which candidates are sorted */
    long frame;
} place;

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->along != y->along) return x->along < y->along ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

typedef struct search {
    kr_pool *pool;
    long n;
    place *list;  /* [n] sorted */
    double *mean; /* [frames of the pool][width] */
    kr_buffer product;
} search;

/* Means of the rows, and the column of the means that varies most. */
static int find_means(search *s) {
    const kr_feature_rows *r = s->pool->rows;
    size_t width = (size_t)r->width;
    int best = 0;
    double widest = -1;
    for (long f = 0; f < s->pool->n; f++) {
        long n = r->first[f + 1] - r->first[f];
        for (long i = r->first[f]; i < r->first[f + 1]; i++)
            for (size_t k = 0; k < width; k++)
                s->mean[(size_t)f * width + k] += r->row[(size_t)i * width + k] / (double)n;
    }
    for (size_t k = 0; k < width; k++) {
        double sum = 0, square = 0;
        for (long j = 0; j < s->n; j++) {
            double x = s->mean[(size_t)s->list[j].frame * width + k];
            sum += x;
            square += x * x;
        }
        if (square - sum * sum / (double)s->n > widest) {
            widest = square - sum * sum / (double)s->n;
            best = (int)k;
        }
    }
    return best;
}

static int means_near(const search *s, long a, long b) {
    size_t width = (size_t)s->pool->rows->width;
    const double *x = s->mean + (size_t)a * width, *y = s->mean + (size_t)b * width;
    double limit = s->pool->near_distance * s->pool->near_distance, sum = 0;
    for (size_t k = 0; k < width && sum <= limit; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
    return sum <= limit;
}

/* Rows a … a + n − 1 and b … b + n − 1 of one element: has each one a partner within δ, on both sides? */
static kr_status rows_match(kr_context *ctx, search *s, long a, long b, long n, int *match) {
    kr_status status = KR_OK;
    const kr_feature_rows *r = s->pool->rows;
    size_t width = (size_t)r->width;
    double limit = s->pool->near_distance * s->pool->near_distance;
    *match = 1;
    KR_TRY(kr_buffer_reserve(ctx, &s->product, 2 * (size_t)n, sizeof(double)));
    double *least = s->product.data; /* [n] of a, [n] of b */
    for (long i = 0; i < 2 * n; i++) least[i] = INFINITY;
    for (long i = 0; i < n; i++)
        for (long j = 0; j < n; j++) {
            const double *x = r->row + (size_t)(a + i) * width, *y = r->row + (size_t)(b + j) * width;
            double sum = 0;
            for (size_t k = 0; k < width && sum <= limit; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
            least[i] = fmin(least[i], sum);
            least[n + j] = fmin(least[n + j], sum);
        }
    for (long i = 0; i < 2 * n; i++) *match &= least[i] <= limit;
done:
    return status;
}

static kr_status frames_match(kr_context *ctx, search *s, long a, long b, int *match) {
    kr_status status = KR_OK;
    const kr_feature_rows *r = s->pool->rows;
    long i = r->first[a], j = r->first[b], n = r->first[a + 1] - i;
    *match = r->first[b + 1] - j == n && memcmp(r->type + i, r->type + j, (size_t)n * sizeof *r->type) == 0 &&
             means_near(s, a, b);
    for (long k = 0, next; k < n && *match; k = next) {
        for (next = k + 1; next < n && r->type[i + next] == r->type[i + k];) next++;
        KR_TRY(rows_match(ctx, s, i + k, j + k, next - k, match));
    }
done:
    return status;
}

/* Drops the later ones of the candidates that nearly equal list[at]. */
static kr_status drop_like(kr_context *ctx, search *s, long at) {
    kr_status status = KR_OK;
    kr_pool *pool = s->pool;
    long self = s->list[at].frame;
    for (long step = -1; step <= 1; step += 2)
        for (long k = at + step; k >= 0 && k < s->n; k += step) {
            long other = s->list[k].frame;
            int match;
            if (fabs(s->list[k].along - s->list[at].along) > pool->near_distance) break;
            if (!pool->alive[other] || other < self) continue;
            KR_TRY(frames_match(ctx, s, self, other, &match));
            if (!match) continue;
            pool->choice[other].other = self;
            kr_pool_drop(pool, other, KR_DECISION_DUPLICATE, "nearly the same structure as candidate %ld (within %.3g)",
                         self, pool->near_distance);
        }
done:
    return status;
}

static kr_status drop_duplicates(kr_context *ctx, kr_pool *pool) {
    kr_status status = KR_OK;
    search s = {.pool = pool};
    long *where = NULL;
    size_t width = (size_t)pool->rows->width;
    KR_NEW(ctx, s.list, (size_t)pool->n + 1);
    KR_NEW(ctx, where, (size_t)pool->n + 1);
    KR_NEW(ctx, s.mean, (size_t)pool->n * width + 1);
    for (long f = 0; f < pool->n; f++)
        if (pool->alive[f]) s.list[s.n++].frame = f;
    int column = find_means(&s);
    for (long k = 0; k < s.n; k++) s.list[k].along = s.mean[(size_t)s.list[k].frame * width + (size_t)column];
    qsort(s.list, (size_t)s.n, sizeof *s.list, by_place);
    for (long k = 0; k < s.n; k++) where[s.list[k].frame] = k;
    for (long f = 0; f < pool->n; f++)
        if (pool->alive[f]) KR_TRY(drop_like(ctx, &s, where[f]));
done:
    kr_buffer_free(&s.product);
    kr_free(s.list);
    kr_free(s.mean);
    kr_free(where);
    return status;
}

/* ---- without a model ---- */

static kr_status drop_by_fingerprint(kr_context *ctx, kr_pool *pool, const kr_dataset *training) {
    kr_status status = KR_OK;
    int nt = training ? training->nsystems : 0, nc = pool->dataset->nsystems, *group = NULL;
    long known = training ? kr_dataset_frames(training) : 0;
    kr_dataset both = {.nsystems = nt + nc};
    KR_NEW(ctx, both.system, (size_t)both.nsystems + 1);
    for (int s = 0; s < nt; s++) both.system[s] = training->system[s];
    for (int s = 0; s < nc; s++) both.system[nt + s] = pool->dataset->system[s];
    KR_NEW(ctx, group, (size_t)(known + pool->n) + 1);
    KR_TRY(kr_dataset_group(ctx, &both, 1e-4, group));
    for (long f = 0; f < pool->n; f++) {
        long first = group[known + f];
        if (!pool->alive[f] || first == known + f) continue;
        if (first < known) {
            kr_pool_drop(pool, f, KR_DECISION_KNOWN, "fingerprint of training frame %ld", first);
        } else if (pool->alive[first - known]) {
            pool->choice[f].other = first - known;
            kr_pool_drop(pool, f, KR_DECISION_DUPLICATE, "fingerprint of candidate %ld", first - known);
        }
    }
done:
    kr_free(both.system);
    kr_free(group);
    return status;
}

kr_status kr_select_near(kr_context *ctx, kr_pool *pool, const kr_dataset *training) {
    if (!pool->rows) return drop_by_fingerprint(ctx, pool, training);
    if (!(pool->near_distance > 0)) return KR_OK;
    drop_known(pool);
    return drop_duplicates(ctx, pool);
}
