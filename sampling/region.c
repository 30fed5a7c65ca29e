/* Regions: level functions, their gradients, reading.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/region.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "sampling/expression.h"
#include <math.h>
#include <string.h>

typedef enum shape { BALL, CYLINDER, ELLIPSOID, HALF_SPACE, LEVEL, ANY_OF, ALL_OF, OUTSIDE } shape;
static const char *const shape_names[] = {"ball",  "cylinder", "ellipsoid", "half_space",
                                          "level", "any_of",   "all_of",    "outside"};
enum { NSHAPES = 8, DEPTH = 8 };

struct kr_region {
    shape shape;
    int dim, used;  /* length of x; leading coordinates that count */
    double *center; /* [used]; HALF_SPACE: the unit normal */
    double *radii;  /* [used] ELLIPSOID */
    double *period; /* [dim] or NULL */
    double radius;  /* BALL, CYLINDER; ELLIPSOID: the smallest; HALF_SPACE: offset */
    kr_expression *level;
    int nparts;
    kr_region **part; /* ANY_OF, ALL_OF, OUTSIDE */
};

void kr_region_destroy(kr_region **region) {
    if (!region || !*region) return;
    kr_region *r = *region;
    for (int i = 0; i < r->nparts; i++) kr_region_destroy(&r->part[i]);
    kr_free(r->part);
    kr_free(r->center);
    kr_free(r->radii);
    kr_free(r->period);
    kr_expression_destroy(&r->level);
    kr_free(r);
    *region = NULL;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

typedef struct ball_form {
    const kr_tree *center;
    double radius;
} ball_form;
static const kr_parameter ball_table[] = {
    {.name = "center", .type = KR_PARAMETER_REALS, .offset = offsetof(ball_form, center), .help = "centre"},
    {.name = "radius",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(ball_form, radius),
     .range = "> 0",
     .help = "radius"},
    {0}};

typedef struct ellipsoid_form {
    const kr_tree *center, *radii;
} ellipsoid_form;
static const kr_parameter ellipsoid_table[] = {
    {.name = "center", .type = KR_PARAMETER_REALS, .offset = offsetof(ellipsoid_form, center), .help = "centre"},
    {.name = "radii",
     .type = KR_PARAMETER_REALS,
     .offset = offsetof(ellipsoid_form, radii),
     .range = "> 0",
     .help = "half-axes"},
    {0}};

typedef struct half_form {
    const kr_tree *normal;
    double offset;
} half_form;
static const kr_parameter half_table[] = {
    {.name = "normal", .type = KR_PARAMETER_REALS, .offset = offsetof(half_form, normal), .help = "outer normal"},
    {.name = "offset",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(half_form, offset),
     .help = "the region is normal·x <= offset"},
    {0}};

/* The list as numbers; its length is dim, or 1 … dim where the region may be a cylinder. */
static kr_status vector(kr_context *ctx, const kr_tree *list, int dim, int may_be_shorter, const char *where,
                        const char *key, int *n, double **values) {
    kr_status status = KR_OK;
    KR_TRY(kr_parameter_reals(ctx, list, n, values));
    if (*n == dim || (may_be_shorter && *n >= 1 && *n < dim)) return KR_OK;
    KR_TRY(kr_parameter_fail(ctx, where, key, list, "%d numbers, the problem has %d dimensions", *n, dim));
done:
    if (status == KR_ERR_FORMAT && !may_be_shorter && *n < dim)
        kr_error_hint(ctx, "a region in the first coordinates only is a \"cylinder\"");
    return status;
}

static kr_status read_ball(kr_context *ctx, const kr_tree *object, const char *where, kr_region *r) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    ball_form form;
    KR_TRY(kr_parameters_read(ctx, ball_table, object, where, &form, &complete));
    KR_TRY(vector(ctx, form.center, r->dim, r->shape == CYLINDER, where, "center", &r->used, &r->center));
    r->radius = form.radius;
done:
    kr_tree_destroy(&complete);
    return status;
}

static kr_status read_ellipsoid(kr_context *ctx, const kr_tree *object, const char *where, kr_region *r) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    ellipsoid_form form;
    int n;
    KR_TRY(kr_parameters_read(ctx, ellipsoid_table, object, where, &form, &complete));
    KR_TRY(vector(ctx, form.center, r->dim, 1, where, "center", &r->used, &r->center));
    KR_TRY(vector(ctx, form.radii, r->used, 0, where, "radii", &n, &r->radii));
    r->radius = r->radii[0];
    for (int i = 1; i < n; i++) r->radius = fmin(r->radius, r->radii[i]);
done:
    kr_tree_destroy(&complete);
    return status;
}

static kr_status read_half(kr_context *ctx, const kr_tree *object, const char *where, kr_region *r) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    half_form form;
    double square = 0;
    KR_TRY(kr_parameters_read(ctx, half_table, object, where, &form, &complete));
    KR_TRY(vector(ctx, form.normal, r->dim, 1, where, "normal", &r->used, &r->center));
    for (int i = 0; i < r->used; i++) square += r->center[i] * r->center[i];
    if (!(square > 0)) KR_TRY(kr_parameter_fail(ctx, where, "normal", form.normal, "the normal is zero"));
    for (int i = 0; i < r->used; i++) r->center[i] /= sqrt(square);
    r->radius = form.offset / sqrt(square);
done:
    kr_tree_destroy(&complete);
    return status;
}

static kr_status read_level(kr_context *ctx, const kr_tree *text, const char *where, kr_region *r) {
    kr_status status = KR_OK;
    if (text->kind != KR_TREE_STRING)
        KR_TRY(kr_parameter_fail(ctx, where, "level", text, "a formula in quotation marks expected"));
    KR_TRY(kr_expression_create(ctx, r->dim, NULL, &r->level));
    KR_TRY(kr_expression_output(ctx, r->level, text->string, text));
done:
    if (status != KR_OK) kr_error_prefix(ctx, "%s", where);
    return status;
}

static kr_status create(kr_context *ctx, const kr_tree *object, int dim, const double *period, const char *where,
                        int depth, kr_region **region);

static kr_status read_parts(kr_context *ctx, const kr_tree *list, const double *period, const char *where, int depth,
                            kr_region *r) {
    kr_status status = KR_OK;
    const char *key = shape_names[r->shape];
    if (r->shape == OUTSIDE) {
        KR_NEW(ctx, r->part, 1);
        r->nparts = 1;
        return create(ctx, list, r->dim, period, where, depth + 1, &r->part[0]);
    }
    if (list->kind != KR_TREE_LIST || !list->count)
        KR_TRY(kr_parameter_fail(ctx, where, key, list, "a list of regions expected"));
    if (depth == DEPTH) KR_TRY(kr_parameter_fail(ctx, where, key, list, "regions nested more than %d deep", DEPTH));
    KR_NEW(ctx, r->part, (size_t)list->count);
    for (; r->nparts < list->count; r->nparts++)
        KR_TRY(create(ctx, list->child[r->nparts], r->dim, period, where, depth + 1, &r->part[r->nparts]));
done:
    return status;
}

static kr_status create(kr_context *ctx, const kr_tree *object, int dim, const double *period, const char *where,
                        int depth, kr_region **region) {
    kr_status status = KR_OK;
    kr_region *r = NULL;
    *region = NULL;
    if (object->kind != KR_TREE_MAP || object->count != 1) {
        kr_parameter_fail(ctx, where, "", object, "a region expected, one of %s",
                          "ball, cylinder, ellipsoid, half_space, level, any_of, all_of, outside");
        kr_error_hint(ctx, "for instance {\"ball\": {\"center\": [0, 0], \"radius\": 0.1}} or {\"level\": \"x1 + 1\"}");
        return KR_ERR_FORMAT;
    }
    KR_TRY(kr_tree_check_keys(ctx, object, NSHAPES, shape_names));
    KR_NEW(ctx, r, 1);
    r->dim = dim;
    const kr_tree *form = object->child[0];
    while (strcmp(object->key[0], shape_names[r->shape]) != 0) r->shape++;
    if (period) {
        KR_NEW(ctx, r->period, (size_t)dim);
        memcpy(r->period, period, (size_t)dim * sizeof *period);
    }
    if (r->shape <= CYLINDER)
        KR_TRY(read_ball(ctx, form, where, r));
    else if (r->shape == ELLIPSOID)
        KR_TRY(read_ellipsoid(ctx, form, where, r));
    else if (r->shape == HALF_SPACE)
        KR_TRY(read_half(ctx, form, where, r));
    else if (r->shape == LEVEL)
        KR_TRY(read_level(ctx, form, where, r));
    else
        KR_TRY(read_parts(ctx, form, period, where, depth, r));
    *region = r;
    r = NULL;
done:
    kr_region_destroy(&r);
    return status;
}

kr_status kr_region_create(kr_context *ctx, const kr_tree *object, int dim, const double *period, const char *where,
                           kr_region **region) {
    return create(ctx, object, dim, period, where, 0, region);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* x_i − c_i, to the nearest image where periodic. */
static double difference(const kr_region *r, const double *x, int i) {
    double d = x[i] - r->center[i];
    if (r->period && r->period[i] > 0) d -= r->period[i] * nearbyint(d / r->period[i]);
    return d;
}

static double round_level(const kr_region *r, const double *x, double *gradient) {
    double square = 0;
    for (int i = 0; i < r->used; i++) {
        double d = difference(r, x, i) / (r->radii ? r->radii[i] : 1);
        square += d * d;
    }
    double length = sqrt(square), scale = r->radii ? r->radius : 1;
    if (gradient && length > 0)
        for (int i = 0; i < r->used; i++) {
            double radius = r->radii ? r->radii[i] : 1;
            gradient[i] = scale * difference(r, x, i) / (radius * radius * length);
        }
    return r->radii ? scale * (length - 1) : length - r->radius;
}

double kr_region_level(const kr_region *r, const double *x, double *gradient) {
    double level = 0;
    if (gradient) memset(gradient, 0, (size_t)r->dim * sizeof *gradient);
    switch (r->shape) {
    case BALL:
    case CYLINDER:
    case ELLIPSOID:
        return round_level(r, x, gradient);
    case HALF_SPACE:
        for (int i = 0; i < r->used; i++) level += r->center[i] * x[i];
        if (gradient) memcpy(gradient, r->center, (size_t)r->used * sizeof *gradient);
        return level - r->radius;
    case LEVEL:
        return kr_expression_gradient(r->level, 0, x, gradient);
    case OUTSIDE:
        level = -kr_region_level(r->part[0], x, gradient);
        for (int i = 0; gradient && i < r->dim; i++) gradient[i] = -gradient[i];
        return level;
    case ANY_OF:
    case ALL_OF:
        break;
    }
    int best = 0;
    level = kr_region_level(r->part[0], x, NULL);
    for (int i = 1; i < r->nparts; i++) {
        double other = kr_region_level(r->part[i], x, NULL);
        if (r->shape == ANY_OF ? other < level : other > level) {
            level = other;
            best = i;
        }
    }
    return gradient ? kr_region_level(r->part[best], x, gradient) : level;
}

void kr_region_levels(const kr_region *r, int n, const double *x, double *level) {
    int used = r->used, d = r->dim, round = r->shape <= ELLIPSOID && !r->period;
    const double *c = r->center, *radii = r->radii;
    for (int i = 0; i < n; i++) {
        const double *at = x + (long)i * d;
        if (!round) {
            level[i] = kr_region_level(r, at, NULL);
            continue;
        }
        double square = 0;
        for (int k = 0; k < used; k++) {
            double u = radii ? (at[k] - c[k]) / radii[k] : at[k] - c[k];
            square += u * u;
        }
        level[i] = radii ? r->radius * (sqrt(square) - 1) : sqrt(square) - r->radius;
    }
}

int kr_region_center(const kr_region *r, double *x) {
    memset(x, 0, (size_t)r->dim * sizeof *x);
    if (r->shape == OUTSIDE) return 0;
    if (r->nparts) return kr_region_center(r->part[0], x) && kr_region_level(r, x, NULL) <= 0;
    if (!r->center || r->shape == HALF_SPACE) return 0;
    memcpy(x, r->center, (size_t)r->used * sizeof *x);
    return 1;
}

int kr_region_project(const kr_region *r, double *x) {
    double *gradient = kr_malloc(NULL, (size_t)r->dim, sizeof *gradient);
    for (int step = 0; gradient && step < 100; step++) {
        double level = kr_region_level(r, x, gradient), square = 0;
        if (!(level > 0 && isfinite(level))) break;
        for (int i = 0; i < r->dim; i++) square += gradient[i] * gradient[i];
        if (!(square > 0)) break;
        /* A little beyond the zero of the linear model, so that a flat edge is crossed in one step. */
        for (int i = 0; i < r->dim; i++) x[i] -= (1 + 1e-6) * level * gradient[i] / square;
    }
    kr_free(gradient);
    return kr_region_level(r, x, NULL) <= 0;
}
