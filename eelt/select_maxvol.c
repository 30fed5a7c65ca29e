/* Rule "maxvol": frames whose environments widen what the training set spans. The rows of largest volume are found
 * among the training set and all candidates together, element by element; frames come by the number of their rows in
 * it. SPDX-License-Identifier: BSD-3-Clause
 *
 * As in MLIP (Podryabinkin and Shapeev 2017). When no candidate is left whose row was taken, the rule has no more to
 * offer: the others lie within what is spanned. */
#include "core/error.h"
#include "eelt/grades.h"
#include "eelt/maxvol.h"
#include "eelt/select.h"
#include <math.h>
#include <stdio.h>

#define THRESHOLD 1.001

typedef struct volume {
    kr_ranking *ranking; /* by number of rows, then grade */
    double *rows;        /* [n] rows of a frame in the active sets */
    double *grade;       /* [n] largest grade against the training set alone */
} volume;

/* Active set of the training rows, grades of the candidates against it, then the candidates' rows compete. */
static kr_status one_element(kr_context *ctx, const kr_pool *pool, int element, volume *v) {
    kr_status status = KR_OK;
    kr_maxvol *maxvol = NULL;
    double *known = NULL, *rows = NULL, *grade = NULL;
    long *from = NULL, *frame = NULL, nknown, n;
    int width = pool->rows->width;
    KR_TRY(kr_element_rows(ctx, pool->known, NULL, element, &nknown, &known, &from));
    KR_TRY(kr_element_rows(ctx, pool->rows, pool->alive, element, &n, &rows, &frame));
    if (!n) goto done;
    /* standardised rows have the length sqrt(width) */
    KR_TRY(kr_maxvol_create(ctx, width, 1e-3 * sqrt(width), &maxvol));
    KR_TRY(kr_maxvol_extend(ctx, maxvol, nknown, known, 0, THRESHOLD, NULL));
    KR_NEW(ctx, grade, (size_t)n);
    KR_TRY(kr_maxvol_grades(ctx, maxvol, n, rows, grade));
    KR_TRY(kr_maxvol_extend(ctx, maxvol, n, rows, nknown, THRESHOLD, NULL));
    for (long i = 0; i < n; i++) v->grade[frame[i]] = fmax(v->grade[frame[i]], grade[i]);
    for (int j = 0; j < width; j++) {
        long id = kr_maxvol_ids(maxvol)[j];
        if (id >= nknown) v->rows[frame[id - nknown]]++;
    }
done:
    kr_maxvol_destroy(&maxvol);
    kr_free(known);
    kr_free(rows);
    kr_free(grade);
    kr_free(from);
    kr_free(frame);
    return status;
}

/* Rows count first; γ/(1 + γ) < 1 orders frames with as many. */
static double key(const kr_pool *pool, const void *payload, long frame) {
    const volume *v = payload;
    (void)pool;
    return v->rows[frame] + v->grade[frame] / (1 + v->grade[frame]);
}

static kr_status begin(kr_context *ctx, const kr_pool *pool, void **state) {
    kr_status status = KR_OK;
    volume *v = NULL;
    void *ranking = NULL;
    KR_NEW(ctx, v, 1);
    *state = v;
    KR_NEW(ctx, v->rows, (size_t)pool->n + 1);
    KR_NEW(ctx, v->grade, (size_t)pool->n + 1);
    for (int e = 0; e < kr_model_ntypes(pool->model); e++) KR_TRY(one_element(ctx, pool, e, v));
    status = kr_ranking_begin(ctx, pool, key, v, &ranking);
    v->ranking = ranking;
done:
    return status;
}

static kr_status next(kr_context *ctx, void *state, kr_offer *offer) {
    volume *v = state;
    (void)ctx;
    kr_ranking_next(v->ranking, offer);
    if (offer->frame < 0) return KR_OK;
    offer->score = v->grade[offer->frame];
    if (v->rows[offer->frame] < 1) {
        offer->frame = -1;
        return KR_OK;
    }
    snprintf(offer->reason, sizeof offer->reason, "%.0f of its environments widen the span, grade %.4g",
             v->rows[offer->frame], offer->score);
    return KR_OK;
}

static void end(void **state) {
    volume *v = *state;
    void *ranking = v->ranking;
    kr_ranking_end(&ranking);
    kr_free(v->rows);
    kr_free(v->grade);
    kr_free(v);
    *state = NULL;
}

const kr_select_kind kr_select_kind_maxvol = {
    .name = "maxvol",
    .summary = "frames whose environments widen what the training set spans (MLIP's rule)",
    .needs_features = 1,
    .begin = begin,
    .next = next,
    .end = end,
};
