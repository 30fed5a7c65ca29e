/* Quasipotential at finite noise: V against the counts of cells, as a loss.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V_c = −ε ln ⟨e^{−V/ε}⟩ over the points of a cell,  m_c = V_c − v_c − ⟨V_c − v_c⟩,  L = ⟨m_c²⟩/ε²
 * A cell is as long as V is curved, so its middle alone would not do. The mean difference depends on θ, too, but
 * Σ m_c = 0 takes its derivative away. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/quasipotential_net_parts.h"
#include <string.h>

typedef struct job {
    kr_quasi_sum sum;
    const double *theta, *x, *bar;
    long rows;
} job;

static kr_status block(void *payload, kr_context *ctx, long number, int thread) {
    kr_status status = KR_OK;
    const job *j = payload;
    const kr_quasi_net *m = j->sum.model;
    size_t d = (size_t)m->dim, R = KR_QUASI_ROWS;
    long first = number * (long)R;
    int n = (int)(j->rows - first < (long)R ? j->rows - first : (long)R);
    double *slot = m->slots + (size_t)thread * (m->nparams + 3);
    double *u = m->scratch + (size_t)thread * m->scratch_size, *gu = u + R * d, *p = gu + R * d;
    memset(slot, 0, (m->nparams + 3) * sizeof *slot);
    KR_TRY(kr_quasi_rows(ctx, m, j->theta, thread, n, j->x + first * m->dim, u, gu, NULL, p));
    KR_TRY(kr_net_backprop(ctx, m->v, j->theta, n, u, j->bar + first, NULL, NULL, slot, NULL, &m->workspace[thread]));
done:
    return status;
}

kr_status kr_quasi_net_cells(kr_context *ctx, const kr_quasi_net *m, const double *theta, double weight, long n,
                             const double *x, const double *v, double *gradient, double *loss) {
    kr_status status = KR_OK;
    double *value = NULL, *bar = NULL, *miss = NULL, shift = 0, epsilon = m->problem->epsilon;
    *loss = 0;
    KR_NEW(ctx, value, (size_t)n * KR_QUASI_CELL);
    KR_NEW(ctx, bar, (size_t)n * KR_QUASI_CELL);
    KR_NEW(ctx, miss, (size_t)n);
    KR_TRY(kr_quasi_net_evaluate(ctx, m, theta, n * KR_QUASI_CELL, x, value, NULL));
    for (long c = 0; c < n; c++) {
        miss[c] = kr_quasi_cell_value(epsilon, value + c * KR_QUASI_CELL, bar + c * KR_QUASI_CELL) - v[c];
        shift += miss[c] / (double)n;
    }
    for (long c = 0; c < n; c++) {
        double one = (miss[c] - shift) / epsilon;
        *loss += one * one / (double)n;
        for (int g = 0; g < KR_QUASI_CELL; g++)
            bar[c * KR_QUASI_CELL + g] *= 2 * one / (epsilon * (double)n) * m->factor_v;
    }
    job j = {kr_quasi_sum_begin(m), theta, x, bar, n * KR_QUASI_CELL};
    KR_TRY(kr_parallel_blocks(ctx, (j.rows + KR_QUASI_ROWS - 1) / KR_QUASI_ROWS, block, kr_quasi_sum_add, &j));
    for (size_t i = 0; i < m->nparams; i++) gradient[i] += weight * j.sum.total[i];
done:
    kr_free(value);
    kr_free(bar);
    kr_free(miss);
    return status;
}
