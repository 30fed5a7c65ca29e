/* The command quasipotential on a grid.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/npy.h"
#include "sampling/run_quasipotential.h"
#include <math.h>

static kr_status evaluate(kr_context *ctx, const void *payload, long n, const double *x, double *v) {
    const kr_olim *o = payload;
    (void)ctx;
    for (long i = 0; i < n; i++) v[i] = 0.5 * kr_olim_value(o, x + i * o->dim);
    return KR_OK;
}

/* The attractor nearest to the wish. */
static const double *choose(const kr_attractors *found, const double *wish) {
    const double *best = found->x;
    double least = INFINITY;
    for (int a = 0; a < found->n && wish; a++) {
        double square = 0;
        for (int k = 0; k < found->dim; k++) square += pow(found->x[a * found->dim + k] - wish[k], 2);
        if (square < least) {
            least = square;
            best = found->x + (long)a * found->dim;
        }
    }
    return best;
}

/* Nodes x [inside][dim] where U is that of this attractor: below the edge and below the pass to another one. */
static void select_inside(const kr_olim *o, const kr_attractors *found, const double *from, double *limit, double *x,
                          long *inside) {
    long n = 1;
    for (int k = 0; k < o->dim; k++) n *= o->n[k];
    *limit = o->largest;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < n; i++) {
            double *p = x + *inside * o->dim;
            long rest = i;
            for (int k = o->dim - 1; k >= 0; k--, rest /= o->n[k + 1])
                p[k] = o->low[k] + (double)(rest % o->n[k]) * (o->high[k] - o->low[k]) / (o->n[k] - 1);
            int other = found->n > 1 && choose(found, p) != from;
            if (!pass && other) *limit = fmin(*limit, o->u[i]);
            if (pass && !other && o->u[i] < 0.98 * *limit) ++*inside;
        }
}

/* The keys of the section: nodes [dim] (owned) and the wished attractor [dim] (owned, or NULL). */
static kr_status read_keys(kr_context *ctx, const kr_sampling *run, int **nodes, double **wish) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = run->state;
    int n, dim = run->problem->dim;
    KR_TRY(kr_parameter_ints(ctx, s->o.nodes, &n, nodes));
    if (!*nodes) {
        KR_NEW(ctx, *nodes, 3);
        for (n = 0; n < dim; n++) (*nodes)[n] = dim == 2 ? 513 : 65;
    }
    if (n != dim) KR_TRY(kr_parameter_fail(ctx, "olim", "nodes", s->o.nodes, "%d numbers expected", dim));
    KR_TRY(kr_parameter_reals(ctx, s->o.attractor, &n, wish));
    if (*wish && n != dim)
        KR_TRY(kr_parameter_fail(ctx, "olim", "attractor", s->o.attractor, "%d numbers expected", dim));
    for (int k = 0; *wish && k < dim; k++)
        if (!((*wish)[k] >= run->problem->low[k] && (*wish)[k] <= run->problem->high[k]))
            KR_TRY(kr_parameter_fail(ctx, "olim", "attractor", s->o.attractor,
                                     "coordinate %d, %g, is outside of the box, %g to %g", k + 1, (*wish)[k],
                                     run->problem->low[k], run->problem->high[k]));
done:
    return status;
}

kr_status kr_quasi_check_olim(kr_context *ctx, const kr_sampling *run) {
    int *nodes = NULL;
    double *wish = NULL;
    kr_status status = read_keys(ctx, run, &nodes, &wish);
    kr_free(nodes);
    kr_free(wish);
    return status;
}

kr_status kr_quasi_run_olim(kr_context *ctx, kr_sampling *run, const kr_attractors *found) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = run->state;
    kr_olim result = {0};
    int *nodes = NULL, dim = run->problem->dim;
    double *wish = NULL, *x = NULL, limit;
    char *path = NULL;
    long inside = 0;
    size_t shape[3], all = 1;
    KR_TRY(read_keys(ctx, run, &nodes, &wish));
    const double *from = choose(found, wish);
    KR_TRY(kr_olim_solve(ctx, run->problem, from, nodes, s->o.radius, &result));
    for (int k = 0; k < dim; k++) all *= shape[k] = (size_t)nodes[k];
    KR_TRY(kr_run_line(ctx, run, "%zu nodes, radius %d, from (%g, %g%s)", all, result.radius, from[0], from[1],
                       dim > 2 ? ", ..." : ""));
    KR_TRY(kr_run_line(ctx, run, "does not depend on the box up to V = %.6g, U = %.6g", 0.5 * result.largest,
                       result.largest));
    KR_TRY(kr_run_set_real(ctx, run->results, "largest_V", 0.5 * result.largest));
    path = kr_run_file(ctx, run, "U.npy");
    if (!path) KR_FAIL(ctx, KR_ERR_MEMORY, "no memory for a name");
    KR_TRY(kr_npy_write(ctx, path, KR_FLOAT64, dim, shape, result.u));
    KR_NEW(ctx, x, (all + 1) * (size_t)dim);
    select_inside(&result, found, from, &limit, x, &inside);
    if (limit < result.largest)
        KR_TRY(kr_run_line(ctx, run, "lowest way towards another attractor: about V = %.6g, U = %.6g", 0.5 * limit,
                           limit));
    KR_TRY(kr_run_set_real(ctx, run->results, "barrier_V", 0.5 * limit));
    KR_TRY(kr_quasi_report(ctx, run, evaluate, &result, from, inside, x));
done:
    kr_free(nodes);
    kr_free(wish);
    kr_free(x);
    kr_free(path);
    kr_olim_free(&result);
    return status;
}
