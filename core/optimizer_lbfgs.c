/* L-BFGS with a line search to the strong Wolfe conditions.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * d = −H g, H from the last `history` pairs s = Δθ, y = Δg by the two-loop recursion with H0 = (s·y)/(y·y);
 * θ ← θ + t d. Needs the same batch along a line, best at every step; the learning rate is not used (0 stands still).
 * Source: Liu & Nocedal 1989, Math. Program. 45, 503. */
#include "core/optimizer_line_search.h"
#include "core/optimizer_parts.h"
#include <math.h>
#include <string.h>

typedef struct lbfgs {
    const kr_optimizer_layout *layout;
    int history, evaluations; /* options */
    double sufficient, curvature;
    int64_t pairs, oldest; /* pairs in use, ring */
    int64_t have;          /* loss and gradient belong to the θ that the last step left */
    double loss;
    double *gradient, *direction, *trial, *trial_gradient; /* [n] */
    double *s, *y, *rho;                                   /* [history][n], 1/(s·y) [history] */
    double *alpha, *partial;                               /* scratch */
    /* of the line being searched */
    const kr_objective *objective;
    const double *origin;
    double at; /* trial and trial_gradient are at origin + at·direction; NaN = nothing there */
    double at_loss;
} lbfgs;

static const kr_parameter parameters[] = {KR_OPTIMIZER_TYPE,
                                          {.name = "history",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(lbfgs, history),
                                           .initial = "10",
                                           .range = "[1, 1000]",
                                           .help = "pairs of steps and gradient differences that are kept"},
                                          {.name = "max_evaluations",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(lbfgs, evaluations),
                                           .initial = "20",
                                           .range = "[2, 1000]",
                                           .help = "of the loss in one line search"},
                                          {.name = "sufficient_decrease",
                                           .aliases = "c1",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(lbfgs, sufficient),
                                           .initial = "1e-4",
                                           .range = "(0, 0.5)",
                                           .help = "first Wolfe condition"},
                                          {.name = "curvature",
                                           .aliases = "c2",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(lbfgs, curvature),
                                           .initial = "0.9",
                                           .range = "(0, 1)",
                                           .help = "second Wolfe condition"},
                                          {0}};

static kr_status prepare(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    lbfgs *s = state;
    if (s->sufficient >= s->curvature)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "sufficient_decrease %g must be below curvature %g", s->sufficient,
                        s->curvature);
    if (layout->n && (size_t)s->history > SIZE_MAX / layout->n)
        return KR_ERROR(ctx, KR_ERR_MEMORY, "a history of %d times %zu parameters", s->history, layout->n);
    s->layout = layout;
    return KR_OK;
}

static int items(void *state, kr_optimizer_item *list) {
    lbfgs *s = state;
    const size_t n = s->layout ? s->layout->n : 0, m = (size_t)s->history;
    const kr_optimizer_item all[] = {
        {"pairs", KR_ITEM_COUNTER, 1, &s->pairs, .most = s->history},
        {"oldest", KR_ITEM_COUNTER, 1, &s->oldest, .most = s->history - 1},
        {"have", KR_ITEM_COUNTER, 1, &s->have, .most = 1},
        {"loss", KR_ITEM_F64, 1, &s->loss, .inside = 1},
        {"gradient", KR_ITEM_F64, n, .place = &s->gradient},
        {"s", KR_ITEM_F64, m * n, .place = &s->s},
        {"y", KR_ITEM_F64, m * n, .place = &s->y},
        {"rho", KR_ITEM_F64, m, .place = &s->rho},
        {NULL, KR_ITEM_F64, n, .place = &s->direction},
        {NULL, KR_ITEM_F64, n, .place = &s->trial},
        {NULL, KR_ITEM_F64, n, .place = &s->trial_gradient},
        {NULL, KR_ITEM_F64, m, .place = &s->alpha},
        {NULL, KR_ITEM_F64, s->layout ? (size_t)s->layout->npieces : 0, .place = &s->partial},
    };
    memcpy(list, all, sizeof all);
    return sizeof all / sizeof *all;
}

static kr_status dot(kr_context *ctx, const lbfgs *s, const double *a, const double *b, double *out) {
    return kr_optimizer_dot(ctx, s->layout, a, b, s->partial, out);
}

/* direction ← −H gradient */
static kr_status find_direction(kr_context *ctx, lbfgs *s) {
    kr_status status = KR_OK;
    const kr_optimizer_layout *layout = s->layout;
    double *d = s->direction, value;
    KR_TRY(kr_optimizer_axpby(ctx, layout, -1, s->gradient, 0, d));
    for (int64_t k = s->pairs - 1; k >= 0; k--) {
        size_t slot = (size_t)((s->oldest + k) % s->history), at = slot * layout->n;
        KR_TRY(dot(ctx, s, s->s + at, d, &value));
        s->alpha[k] = s->rho[slot] * value;
        KR_TRY(kr_optimizer_axpby(ctx, layout, -s->alpha[k], s->y + at, 1, d));
    }
    if (s->pairs) {
        size_t slot = (size_t)((s->oldest + s->pairs - 1) % s->history), at = slot * layout->n;
        KR_TRY(dot(ctx, s, s->y + at, s->y + at, &value));
        KR_TRY(kr_optimizer_axpby(ctx, layout, 1 / (s->rho[slot] * value), d, 0, d));
    }
    for (int64_t k = 0; k < s->pairs; k++) {
        size_t slot = (size_t)((s->oldest + k) % s->history), at = slot * layout->n;
        KR_TRY(dot(ctx, s, s->y + at, d, &value));
        KR_TRY(kr_optimizer_axpby(ctx, layout, s->alpha[k] - s->rho[slot] * value, s->s + at, 1, d));
    }
done:
    return status;
}

static kr_status along(kr_context *ctx, void *payload, double t, double *value, double *slope) {
    kr_status status = KR_OK;
    lbfgs *s = payload;
    s->at = NAN;
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, 1, s->origin, 0, s->trial));
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, t, s->direction, 1, s->trial));
    KR_TRY(kr_optimizer_gradient(ctx, s->layout, s->objective, s->trial, value, s->trial_gradient));
    if (status != KR_OK) goto done;
    KR_TRY(dot(ctx, s, s->trial_gradient, s->direction, slope));
    s->at = t;
    s->at_loss = *value;
done:
    return status;
}

/* The pair of the step t that was taken replaces the oldest one, unless its curvature is none. */
static kr_status remember(kr_context *ctx, lbfgs *s, double t) {
    kr_status status = KR_OK;
    int64_t slot = (s->oldest + s->pairs) % s->history;
    double *ds = s->s + (size_t)slot * s->layout->n, *dy = s->y + (size_t)slot * s->layout->n, sy, yy;
    int full = s->pairs == s->history;
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, t, s->direction, 0, ds));
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, 1, s->trial_gradient, 0, dy));
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, -1, s->gradient, 1, dy));
    KR_TRY(dot(ctx, s, ds, dy, &sy));
    KR_TRY(dot(ctx, s, dy, dy, &yy));
    if (full) s->oldest = (s->oldest + 1) % s->history; /* its memory has been taken */
    if (sy > 1e-14 * yy && isfinite(1 / sy)) {
        s->rho[slot] = 1 / sy;
        s->pairs += !full;
    } else {
        s->pairs -= full;
    }
done:
    return status;
}

static kr_status step(kr_context *ctx, void *state, int64_t number, double lr, const kr_objective *objective,
                      double *theta, double *loss) {
    (void)number;
    kr_status status = KR_OK;
    lbfgs *s = state;
    double slope;
    s->objective = objective;
    s->origin = theta;
    if (s->layout->mask) memcpy(s->trial, theta, s->layout->n * sizeof *theta); /* its frozen entries are never moved */
    if (!s->have || !objective->unchanged)
        KR_TRY(kr_optimizer_gradient(ctx, s->layout, objective, theta, &s->loss, s->gradient));
    s->have = status == KR_OK;
    if (status != KR_OK) goto done;
    *loss = s->loss;
    if (lr == 0) goto done;
    KR_TRY(find_direction(ctx, s));
    KR_TRY(dot(ctx, s, s->gradient, s->direction, &slope));
    if (!(slope < 0) && s->pairs) { /* rounding: begin anew */
        s->pairs = s->oldest = 0;
        KR_TRY(find_direction(ctx, s));
        KR_TRY(dot(ctx, s, s->gradient, s->direction, &slope));
    }
    if (!(slope < 0)) {
        status = KR_NOT_CONVERGED; /* the gradient is zero */
        goto done;
    }
    kr_line_search line = {s->sufficient, s->curvature, s->evaluations, 1, 0, 0};
    if (!s->pairs) line.t = fmin(1, 1 / sqrt(-slope)); /* |d| = 1 at most: H has no scale yet */
    status = kr_line_search_wolfe(ctx, along, s, s->loss, slope, &line);
    if (status != KR_OK && status != KR_NOT_CONVERGED) goto done;
    if (line.t == 0) { /* nothing lower in this direction: once more without history, or the end */
        status = s->pairs ? KR_OK : KR_NOT_CONVERGED;
        s->pairs = s->oldest = 0;
        goto done;
    }
    if (line.t != s->at) KR_TRY(along(ctx, s, line.t, &line.value, &line.slope));
    if (line.t != s->at) goto done; /* cancelled */
    KR_TRY(remember(ctx, s, line.t));
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, 1, s->trial, 0, theta));
    KR_TRY(kr_optimizer_axpby(ctx, s->layout, 1, s->trial_gradient, 0, s->gradient));
    s->loss = s->at_loss;
    status = KR_OK;
done:
    s->have = s->have && status >= 0;
    return status;
}

extern const kr_optimizer_kind kr_optimizer_lbfgs;
const kr_optimizer_kind kr_optimizer_lbfgs = {
    .name = "LBFGS",
    .aliases = "L-BFGS",
    .summary = "quasi-Newton steps with a line search, for the whole data set at once",
    .reference = "Liu and Nocedal 1989, Math. Program. 45, 503",
    .parameters = parameters,
    .full_batch = 1,
    .size = sizeof(lbfgs),
    .prepare = prepare,
    .items = items,
    .step = step,
};
