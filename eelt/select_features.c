/* Features of the pool and of the training set, standardised together; distances to what is known; coverage.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "eelt/cover.h"
#include "eelt/frontier.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a frame by element, so that matrix products get them in one piece. */
static kr_status sort_rows(kr_context *ctx, kr_feature_rows *r, int nelements) {
    kr_status status = KR_OK;
    long most = 1, k;
    size_t width = (size_t)r->width;
    double *row = NULL;
    int *type = NULL, *atom = NULL;
    for (long f = 0; f < r->nframes; f++)
        if (r->first[f + 1] - r->first[f] > most) most = r->first[f + 1] - r->first[f];
    KR_NEW(ctx, row, (size_t)most * width + 1);
    KR_NEW(ctx, type, (size_t)most);
    KR_NEW(ctx, atom, (size_t)most);
    for (long f = 0; f < r->nframes; f++) {
        long first = r->first[f], n = r->first[f + 1] - first;
        k = 0;
        for (int e = 0; e < nelements; e++)
            for (long i = first; i < first + n; i++) {
                if (r->type[i] != e) continue;
                memcpy(row + (size_t)k * width, r->row + (size_t)i * width, width * sizeof *row);
                type[k] = e;
                atom[k++] = r->atom[i];
            }
        memcpy(r->row + (size_t)first * width, row, (size_t)n * width * sizeof *row);
        memcpy(r->type + first, type, (size_t)n * sizeof *type);
        memcpy(r->atom + first, atom, (size_t)n * sizeof *atom);
    }
done:
    kr_free(row);
    kr_free(type);
    kr_free(atom);
    return status;
}

/* Mean and spread of both sets: what varies little among all of them must not decide. */
static kr_status standardise(kr_context *ctx, kr_pool *pool) {
    kr_status status = KR_OK;
    double *mean = NULL, *spread = NULL;
    int nelements = kr_model_ntypes(pool->model);
    size_t room = (size_t)nelements * (size_t)pool->rows->width;
    const kr_feature_rows *sets[2] = {pool->rows, pool->known};
    KR_NEW(ctx, mean, room + 1);
    KR_NEW(ctx, spread, room + 1);
    KR_TRY(kr_features_statistics(ctx, nelements, 2, sets, mean, spread));
    kr_features_standardise(pool->rows, mean, spread);
    kr_features_standardise(pool->known, mean, spread);
done:
    kr_free(mean);
    kr_free(spread);
    return status;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median distance of a row to the nearest one of another frame, over at most SAMPLE rows and without the distances of
 * symmetry-equivalent environments, which are only rounding. 0 where there is none. */
enum { SAMPLE = 4000 };
static kr_status typical_distance(kr_context *ctx, const kr_cover *cover, const kr_feature_rows *rows,
                                  double *distance) {
    kr_status status = KR_OK;
    double *d2 = NULL, least = 1e-10 * rows->width;
    long n = 0;
    KR_NEW(ctx, d2, (size_t)rows->nrows + 1);
    KR_TRY(kr_cover_distances(ctx, cover, rows, 1, 1 + rows->nrows / SAMPLE, d2));
    for (long i = 0; i < rows->nrows; i++)
        if (isfinite(d2[i]) && d2[i] > least) d2[n++] = d2[i];
    qsort(d2, (size_t)n, sizeof *d2, ascending);
    *distance = n ? sqrt(d2[n / 2]) : 0;
done:
    kr_free(d2);
    return status;
}

static kr_status cover_of(kr_context *ctx, const kr_pool *pool, const kr_feature_rows *rows, kr_cover *cover) {
    kr_status status = KR_OK;
    KR_TRY(kr_cover_create(ctx, rows->width, kr_model_ntypes(pool->model), cover));
    for (long f = 0; f < rows->nframes; f++) KR_TRY(kr_cover_add(ctx, cover, rows, f));
done:
    return status;
}

kr_status kr_pool_features(kr_context *ctx, kr_pool *pool, const kr_potential *potential, const kr_dataset *training) {
    kr_status status = KR_OK;
    kr_cover known = {0}, own = {0};
    kr_dataset none = {0};
    pool->model = kr_potential_model(potential, 0);
    int nelements = kr_model_ntypes(pool->model);
    KR_TRY(kr_features_dataset(ctx, potential, 0, pool->options->features, pool->dataset, pool->alive, &pool->rows));
    KR_TRY(kr_features_dataset(ctx, potential, 0, pool->options->features, training ? training : &none, NULL,
                               &pool->known));
    KR_TRY(sort_rows(ctx, pool->rows, nelements));
    KR_TRY(sort_rows(ctx, pool->known, nelements));
    KR_TRY(standardise(ctx, pool));
    KR_NEW(ctx, pool->gap, (size_t)pool->rows->nrows + 1);
    KR_TRY(cover_of(ctx, pool, pool->known, &known));
    KR_TRY(kr_cover_distances(ctx, &known, pool->rows, 0, 1, pool->gap));
    for (long i = 0; i < pool->rows->nrows; i++) pool->gap[i] = sqrt(pool->gap[i]);
    KR_TRY(typical_distance(ctx, &known, pool->known, &pool->near_distance));
    if (!(pool->near_distance > 0)) { /* no training set, or one structure: the pool itself must tell */
        KR_TRY(cover_of(ctx, pool, pool->rows, &own));
        KR_TRY(typical_distance(ctx, &own, pool->rows, &pool->near_distance));
    }
    pool->near_distance *= pool->options->near_distance;
    for (long f = 0; f < pool->n; f++)
        for (long i = pool->rows->first[f]; i < pool->rows->first[f + 1]; i++)
            if (!(pool->choice[f].distance >= pool->gap[i])) pool->choice[f].distance = pool->gap[i];
done:
    kr_cover_clear(&known);
    kr_cover_clear(&own);
    return status;
}

void kr_pool_features_free(kr_pool *pool) {
    kr_feature_rows_destroy(&pool->rows);
    kr_feature_rows_destroy(&pool->known);
    kr_free(pool->gap);
    pool->gap = NULL;
}

kr_status kr_pool_radius(kr_context *ctx, const kr_pool *pool, const kr_selection *s, double *before, double *after) {
    kr_status status = KR_OK;
    kr_frontier *frontier = NULL;
    unsigned char *include = NULL;
    long frame, row;
    double score;
    *before = *after = NAN;
    KR_NEW(ctx, include, (size_t)pool->n + 1);
    memset(include, 1, (size_t)pool->n);
    KR_TRY(kr_frontier_create(ctx, pool, include, NULL, &frontier));
    KR_TRY(kr_frontier_top(ctx, frontier, &frame, &score, before, &row));
    for (long k = 0; k < s->nchosen; k++) KR_TRY(kr_frontier_add(ctx, frontier, s->chosen[k]));
    KR_TRY(kr_frontier_top(ctx, frontier, &frame, &score, after, &row));
done:
    kr_frontier_destroy(&frontier);
    kr_free(include);
    return status;
}
