/* The command quasipotential on a grid.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/npy.h"
#include "sampling/run_quasipotential.h"
#include <math.h>

/* V = U/2, bilinear. */
static kr_status evaluate(kr_context *ctx, const void *payload, long n, const double *x, double *v) {
    const kr_olim *o = payload;
    (void)ctx;
    for (long i = 0; i < n; i++) {
        double t[2];
        long cell[2];
        for (int k = 0; k < 2; k++) {
            double s = (x[2 * i + k] - o->low[k]) / (o->high[k] - o->low[k]) * (o->n[k] - 1);
            cell[k] = s < 0 ? 0 : s > o->n[k] - 2 ? o->n[k] - 2 : (long)s;
            t[k] = s - (double)cell[k];
        }
        const double *u = o->u + cell[0] * o->n[1] + cell[1];
        v[i] = 0.5 * ((1 - t[0]) * ((1 - t[1]) * u[0] + t[1] * u[1]) +
                      t[0] * ((1 - t[1]) * u[o->n[1]] + t[1] * u[o->n[1] + 1]));
    }
    return KR_OK;
}

/* The attractor nearest to the wish. */
static const double *choose(const kr_attractors *found, const double *wish) {
    const double *best = found->x;
    double least = INFINITY;
    for (int a = 0; a < found->n && wish; a++) {
        double d = hypot(found->x[2 * a] - wish[0], found->x[2 * a + 1] - wish[1]);
        if (d < least) {
            least = d;
            best = found->x + 2 * a;
        }
    }
    return best;
}

kr_status kr_quasi_run_olim(kr_context *ctx, kr_sampling *run, const kr_attractors *found) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = run->state;
    kr_olim result = {0};
    int n, *nodes = NULL;
    double *wish = NULL, *x = NULL;
    char *path = NULL;
    long inside = 0;
    KR_TRY(kr_parameter_ints(ctx, s->o.nodes, &n, &nodes));
    if (n != 2) KR_TRY(kr_parameter_fail(ctx, "olim", "nodes", s->o.nodes, "two numbers expected"));
    KR_TRY(kr_parameter_reals(ctx, s->o.attractor, &n, &wish));
    if (wish && n != 2) KR_TRY(kr_parameter_fail(ctx, "olim", "attractor", s->o.attractor, "two numbers expected"));
    const double *from = choose(found, wish);
    KR_TRY(kr_olim_solve(ctx, run->problem, from, nodes[0], nodes[1], s->o.radius, &result));
    KR_TRY(kr_run_line(ctx, run, "%d x %d nodes, radius %d, from (%g, %g)", nodes[0], nodes[1], result.radius, from[0],
                       from[1]));
    KR_TRY(kr_run_line(ctx, run, "does not depend on the box up to V = %.6g, U = %.6g", 0.5 * result.largest,
                       result.largest));
    KR_TRY(kr_run_set_real(ctx, run->results, "largest_V", 0.5 * result.largest));
    path = kr_run_file(ctx, run, "U.npy");
    if (!path) KR_FAIL(ctx, KR_ERR_MEMORY, "no memory for a name");
    KR_TRY(kr_npy_write(ctx, path, KR_FLOAT64, 2, (size_t[]){(size_t)nodes[0], (size_t)nodes[1]}, result.u));
    /* Compared with an exact V where it is that of this attractor: below the edge and the pass to another one. */
    KR_NEW(ctx, x, 2 * (size_t)nodes[0] * (size_t)nodes[1]);
    double limit = result.largest;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < (long)nodes[0] * nodes[1]; i++) {
            double p[2] = {result.low[0] + (double)(i / nodes[1]) * (result.high[0] - result.low[0]) / (nodes[0] - 1),
                           result.low[1] + (double)(i % nodes[1]) * (result.high[1] - result.low[1]) / (nodes[1] - 1)};
            int other = found->n > 1 && choose(found, p) != from;
            if (!pass) {
                if (other) limit = fmin(limit, result.u[i]);
                continue;
            }
            if (other || !(result.u[i] < 0.98 * limit)) continue;
            x[2 * inside] = p[0];
            x[2 * inside++ + 1] = p[1];
        }
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
