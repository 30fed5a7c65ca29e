/* Quasipotential at finite noise: the stationary Fokker–Planck equation as a loss.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   ρ = e^{−V/ε}, g = f + a p, p = ∇V:   div(ρ g) = 0   ⇔   R = p·g − ε div g = 0
 * Loss: mean R²/(|f|² + δ)², δ = 0.1 ⟨|f|²⟩. Stationary samples alone say little where few of them are: the relative
 * depth of two wells is that of the points between them. Nor does the equation: the committor from one well to the
 * other, added to V, has no residual but e^{−ΔV/ε}. So differences of V between attractors are held where the solution
 * of small noise has them. The divergence is taken by central differences of g, so that
 * the third sweep of the network (core/net.h) is all that is needed. A group of rows is a point and its 2 dim
 * neighbours. */
#include "core/error.h"
#include "core/parallel.h"
#include "sampling/quasipotential_net_parts.h"
#include <math.h>
#include <string.h>

typedef struct job {
    kr_quasi_sum sum;
    const double *theta, *x;
    long n; /* points */
    int groups, rows;
    double *mean_f;
} job;

static double mobility(const kr_quasi_net *m, size_t k) { return m->problem->mobility ? m->problem->mobility[k] : 1; }

static double width(const kr_quasi_net *m, size_t k) { return 1e-3 * m->scale[k]; }

/* Points of a group: x, then x + h e_k, x − h e_k. */
static void spread(const kr_quasi_net *m, const double *x, double *group) {
    size_t d = (size_t)m->dim;
    for (size_t r = 0; r < 2 * d + 1; r++) {
        memcpy(group + r * d, x, d * sizeof *x);
        if (r) group[r * d + (r - 1) / 2] += r % 2 ? width(m, (r - 1) / 2) : -width(m, (r - 1) / 2);
    }
}

/* R²/D² of a group; its derivatives by every p of the group into dp. */
static double group_loss(const job *j, const double *p, const double *f, double *dp) {
    const kr_quasi_net *m = j->sum.model;
    size_t d = (size_t)m->dim;
    double epsilon = m->problem->epsilon, residual = 0, size = 0;
    for (size_t k = 0; k < d; k++) {
        size_t up = (2 * k + 1) * d + k, down = (2 * k + 2) * d + k;
        residual += p[k] * (f[k] + mobility(m, k) * p[k]);
        residual -= epsilon * (f[up] - f[down] + mobility(m, k) * (p[up] - p[down])) / (2 * width(m, k));
        size += f[k] * f[k];
    }
    size += 0.1 * *j->mean_f;
    double factor = 2 * residual / (size * size * (double)j->n);
    memset(dp, 0, (2 * d + 1) * d * sizeof *dp);
    for (size_t k = 0; k < d; k++) {
        double side = factor * epsilon * mobility(m, k) / (2 * width(m, k));
        dp[k] = factor * (f[k] + 2 * mobility(m, k) * p[k]);
        dp[(2 * k + 1) * d + k] = -side;
        dp[(2 * k + 2) * d + k] = side;
    }
    return 0.5 * factor * residual;
}

static kr_status block(void *payload, kr_context *ctx, long number, int thread) {
    kr_status status = KR_OK;
    const job *j = payload;
    const kr_quasi_net *m = j->sum.model;
    size_t d = (size_t)m->dim, R = KR_QUASI_ROWS, each = 2 * d + 1;
    long first = number * j->groups;
    int n = (int)(j->n - first < j->groups ? j->n - first : j->groups), rows = n * (int)each;
    double *slot = m->slots + (size_t)thread * (m->nparams + 3);
    double *u = m->scratch + (size_t)thread * m->scratch_size, *gu = u + R * d, *p = gu + R * d, *x = p + R * d;
    double *f = x + R * d, *dp = f + R * d, *zero = dp + R * d;
    memset(slot, 0, (m->nparams + 3) * sizeof *slot);
    for (int i = 0; i < n; i++) spread(m, j->x + (size_t)(first + i) * d, x + (size_t)i * each * d);
    KR_TRY(kr_quasi_rows(ctx, m, j->theta, thread, rows, x, u, gu, NULL, p));
    KR_TRY(kr_problem_drift(ctx, m->problem, rows, x, f));
    for (size_t i = 0; i < (size_t)n; i++)
        slot[m->nparams] += group_loss(j, p + i * each * d, f + i * each * d, dp + i * each * d);
    for (size_t i = 0; i < (size_t)rows * d; i++) dp[i] *= m->factor_v / m->scale[i % d];
    memset(zero, 0, R * sizeof *zero);
    KR_TRY(kr_net_backprop(ctx, m->v, j->theta, rows, u, zero, dp, NULL, slot, NULL, &m->workspace[thread]));
done:
    return status;
}

kr_status kr_quasi_net_residual(kr_context *ctx, const kr_quasi_net *m, const double *theta, double weight,
                                double mean_f, long n, const double *x, double *gradient, double *loss) {
    int rows = 2 * m->dim + 1;
    if (rows > KR_QUASI_ROWS)
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "%d dimensions, the equation at finite noise takes %d", m->dim,
                        (KR_QUASI_ROWS - 1) / 2);
    job j = {kr_quasi_sum_begin(m), theta, x, n, KR_QUASI_ROWS / rows, rows, &mean_f};
    kr_status status = kr_parallel_blocks(ctx, (n + j.groups - 1) / j.groups, block, kr_quasi_sum_add, &j);
    for (size_t i = 0; i < m->nparams; i++) gradient[i] += weight * j.sum.total[i];
    *loss = j.sum.total[m->nparams];
    return status;
}

kr_status kr_quasi_net_depths(kr_context *ctx, const kr_quasi_net *m, const double *theta, double weight, int n,
                              const double *x, const double *depth, double *gradient, double *loss) {
    kr_status status = KR_OK;
    size_t d = (size_t)m->dim, R = KR_QUASI_ROWS;
    double *u = m->scratch, *gu = u + R * d, *p = gu + R * d, v[KR_QUASI_DEPTHS], bar[KR_QUASI_DEPTHS] = {0};
    double epsilon = m->problem->epsilon;
    *loss = 0;
    if (n > KR_QUASI_DEPTHS) n = KR_QUASI_DEPTHS;
    if (n < 2) return KR_OK;
    KR_TRY(kr_quasi_rows(ctx, m, theta, 0, n, x, u, gu, v, p));
    for (int i = 1; i < n; i++) {
        double miss = (v[i] - v[0] - depth[i]) / epsilon;
        *loss += miss * miss / (n - 1);
        bar[i] = weight * 2 * miss / (n - 1) / epsilon * m->factor_v;
        bar[0] -= bar[i];
    }
    KR_TRY(kr_net_backprop(ctx, m->v, theta, n, u, bar, NULL, NULL, gradient, NULL, &m->workspace[0]));
done:
    return status;
}
