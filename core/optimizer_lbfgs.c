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
    int pairs, oldest; /* pairs in use, ring */
    int have;          /* loss and gradient belong to the θ that the last step left */
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

static void destroy(void **state) {
    lbfgs *s = *state;
    kr_free(s->gradient);
    kr_free(s->direction);
    kr_free(s->trial);
    kr_free(s->trial_gradient);
    kr_free(s->s);
    kr_free(s->y);
    kr_free(s->rho);
    kr_free(s->alpha);
    kr_free(s->partial);
    kr_free(s);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const kr_optimizer_layout *layout, void **state) {
    kr_status status = KR_OK;
    void *made = NULL;
    lbfgs *s = NULL;
    KR_NEW(ctx, s, 1);
    made = s;
    s->layout = layout;
    KR_TRY(kr_optimizer_options(ctx, parameters, options, s));
    if (s->sufficient >= s->curvature)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "sufficient_decrease %g must be below curvature %g", s->sufficient, s->curvature);
    size_t n = layout->n, m = (size_t)s->history;
    if (n && m > SIZE_MAX / n) KR_FAIL(ctx, KR_ERR_MEMORY, "a history of %zu times %zu parameters", m, n);
    KR_NEW(ctx, s->gradient, n);
    KR_NEW(ctx, s->direction, n);
    KR_NEW(ctx, s->trial, n);
    KR_NEW(ctx, s->trial_gradient, n);
    KR_NEW(ctx, s->s, m * n);
    KR_NEW(ctx, s->y, m * n);
    KR_NEW(ctx, s->rho, m);
    KR_NEW(ctx, s->alpha, m);
    KR_NEW(ctx, s->partial, (size_t)layout->npieces);
done:
    if (status < 0 && made) destroy(&made);
    *state = made;
    return status;
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
    for (int k = s->pairs - 1; k >= 0; k--) {
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
    for (int k = 0; k < s->pairs; k++) {
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
    int slot = (s->oldest + s->pairs) % s->history;
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

static kr_status save(kr_context *ctx, const void *state, kr_tree **tree) {
    kr_status status = KR_OK;
    const lbfgs *s = state;
    size_t n = s->layout->n, m = (size_t)s->history;
    kr_tree *map = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_optimizer_put_int(ctx, map, "pairs", s->pairs));
    KR_TRY(kr_optimizer_put_int(ctx, map, "oldest", s->oldest));
    KR_TRY(kr_optimizer_put_int(ctx, map, "have", s->have));
    KR_TRY(kr_optimizer_put(ctx, map, "loss", 0, 1, &s->loss));
    KR_TRY(kr_optimizer_put(ctx, map, "gradient", 0, n, s->gradient));
    KR_TRY(kr_optimizer_put(ctx, map, "s", 0, m * n, s->s));
    KR_TRY(kr_optimizer_put(ctx, map, "y", 0, m * n, s->y));
    KR_TRY(kr_optimizer_put(ctx, map, "rho", 0, m, s->rho));
    *tree = map;
    map = NULL;
done:
    kr_tree_destroy(&map);
    return status;
}

static kr_status load(kr_context *ctx, void *state, const kr_tree *tree) {
    kr_status status = KR_OK;
    lbfgs *s = state;
    size_t n = s->layout->n, m = (size_t)s->history;
    int64_t pairs, oldest, have;
    KR_TRY(kr_optimizer_take_int(ctx, tree, "pairs", 0, s->history, &pairs));
    KR_TRY(kr_optimizer_take_int(ctx, tree, "oldest", 0, s->history - 1, &oldest));
    KR_TRY(kr_optimizer_take_int(ctx, tree, "have", 0, 1, &have));
    KR_TRY(kr_optimizer_take(ctx, tree, "loss", 0, 1, &s->loss));
    KR_TRY(kr_optimizer_take(ctx, tree, "gradient", 0, n, s->gradient));
    KR_TRY(kr_optimizer_take(ctx, tree, "s", 0, m * n, s->s));
    KR_TRY(kr_optimizer_take(ctx, tree, "y", 0, m * n, s->y));
    KR_TRY(kr_optimizer_take(ctx, tree, "rho", 0, m, s->rho));
    s->pairs = (int)pairs;
    s->oldest = (int)oldest;
    s->have = (int)have;
done:
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
    .create = create,
    .destroy = destroy,
    .step = step,
    .save = save,
    .load = load,
};
