/* Stencil systems: modified incomplete factors, conjugate gradients, BiCGStab.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Preconditioner M = (D + L) D⁻¹ (D + U) with the off-diagonals of A and D chosen row by row; fill-in is added to the
 * diagonal with weight RELAX, which keeps row sums and with them slow modes (Gustafsson 1978; van der Vorst 1992 for
 * BiCGStab). Conductances of metastable systems span a hundred decades: products are formed as a·(b/D), never a·b.
 * Couplings across periodic walls are left out of M. */
#include "sampling/committor_stencil.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RELAX = 0.99;

kr_status kr_stencil_create(kr_context *ctx, int dim, const int *n, kr_stencil *matrix) {
    kr_status status = KR_OK;
    *matrix = (kr_stencil){.dim = dim, .n = 1};
    for (int k = dim - 1; k >= 0; k--) {
        matrix->stride[k] = matrix->n;
        matrix->n *= n[k];
    }
    KR_NEW(ctx, matrix->diag, (size_t)matrix->n);
    for (int k = 0; k < 2 * dim; k++) KR_NEW(ctx, matrix->off[k], (size_t)matrix->n);
    KR_NEW(ctx, matrix->pivot, (size_t)matrix->n);
done:
    if (status < 0) kr_stencil_free(matrix);
    return status;
}

void kr_stencil_free(kr_stencil *matrix) {
    kr_free(matrix->diag);
    for (int k = 0; k < 2 * KR_GRID_MOST; k++) kr_free(matrix->off[k]);
    kr_free(matrix->extra);
    kr_free(matrix->pivot);
    kr_free(matrix->scratch);
    *matrix = (kr_stencil){0};
}

kr_status kr_stencil_add_extra(kr_context *ctx, kr_stencil *matrix, long row, long column, double value) {
    if (matrix->nextra == matrix->room) {
        long room = matrix->room ? 2 * matrix->room : 64;
        void *grown = kr_realloc(ctx, matrix->extra, (size_t)matrix->room, (size_t)room, sizeof *matrix->extra);
        if (!grown) return KR_ERR_MEMORY;
        matrix->extra = grown;
        matrix->room = room;
    }
    matrix->extra[matrix->nextra++] = (kr_coupling){row, column, value};
    return KR_OK;
}

/* y = A x; x is padded by the largest stride on both sides, couplings that point outside are 0. */
static void multiply(const kr_stencil *m, const double *restrict x, double *restrict y) {
    for (long i = 0; i < m->n; i++) y[i] = m->diag[i] * x[i];
    for (int k = 0; k < m->dim; k++) {
        const double *restrict below = m->off[2 * k], *restrict above = m->off[2 * k + 1];
        const double *restrict xb = x - m->stride[k], *restrict xa = x + m->stride[k];
        for (long i = 0; i < m->n; i++) y[i] += below[i] * xb[i] + above[i] * xa[i];
    }
    for (long e = 0; e < m->nextra; e++) y[m->extra[e].row] += m->extra[e].value * x[m->extra[e].column];
}

/* Pivots D_i = A_ii − Σ_j (A_ij/D_j)(A_ji + RELAX Σ_m A_jm) over lower neighbours j, m their other upper ones. */
static void factorize(kr_stencil *m) {
    for (long i = 0; i < m->n; i++) {
        double d = m->diag[i];
        for (int k = 0; k < m->dim; k++) {
            double lower = m->off[2 * k][i];
            if (lower == 0) continue;
            long j = i - m->stride[k];
            double fill = m->off[2 * k + 1][j];
            for (int l = 0; l < m->dim; l++)
                if (l != k) fill += RELAX * m->off[2 * l + 1][j];
            d -= lower * (fill * m->pivot[j]);
        }
        /* A safeguard as usual for modified factors: a pivot that nearly vanishes is not used. */
        if (!(d * m->diag[i] > 0) || fabs(d) < 1e-3 * fabs(m->diag[i])) d = m->diag[i];
        m->pivot[i] = 1 / d;
    }
}

/* z = M⁻¹ r; z padded. */
static void precondition(const kr_stencil *m, const double *r, double *z) {
    for (long i = 0; i < m->n; i++) {
        double sum = r[i];
        for (int k = 0; k < m->dim; k++) sum -= m->off[2 * k][i] * z[i - m->stride[k]];
        z[i] = sum * m->pivot[i];
    }
    for (long i = m->n - 1; i >= 0; i--) {
        double sum = 0;
        for (int k = 0; k < m->dim; k++) sum += m->off[2 * k + 1][i] * z[i + m->stride[k]];
        z[i] -= sum * m->pivot[i];
    }
}

static double dot(long n, const double *a, const double *b) {
    double sum[4] = {0}; /* four chains: the order is fixed, the additions overlap */
    long i = 0;
    for (; i + 4 <= n; i += 4)
        for (int c = 0; c < 4; c++) sum[c] += a[i + c] * b[i + c];
    for (; i < n; i++) sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Vectors of the iteration: `count` of them, padded by the largest stride, which stays 0. */
static kr_status vectors(kr_context *ctx, kr_stencil *m, int count, double **v) {
    size_t length = (size_t)(m->n + 2 * m->stride[0]);
    kr_free(m->scratch);
    m->scratch = kr_calloc(ctx, length * (size_t)count, sizeof *m->scratch);
    if (!m->scratch) return KR_ERR_MEMORY;
    for (int c = 0; c < count; c++) v[c] = m->scratch + (size_t)c * length + m->stride[0];
    return KR_OK;
}

static kr_status conjugate_gradients(kr_context *ctx, kr_stencil *m, double tolerance, int most, const double *b,
                                     double *x, int *iterations) {
    double *v[4];
    if (vectors(ctx, m, 4, v) < 0) return KR_ERR_MEMORY;
    double *r = v[0], *z = v[1], *p = v[2], *ap = v[3];
    memcpy(p, x, (size_t)m->n * sizeof *p);
    multiply(m, p, ap);
    for (long i = 0; i < m->n; i++) r[i] = b[i] - ap[i];
    precondition(m, r, z);
    memcpy(p, z, (size_t)m->n * sizeof *p);
    double rz = dot(m->n, r, z), first = rz;
    for (int it = 0; it < most; it++) {
        *iterations = it;
        if (!(rz > tolerance * tolerance * first)) return isfinite(rz) ? KR_OK : KR_ERR_NUMERIC;
        multiply(m, p, ap);
        double alpha = rz / dot(m->n, p, ap);
        for (long i = 0; i < m->n; i++) {
            x[i] += alpha * p[i];
            r[i] -= alpha * ap[i];
        }
        precondition(m, r, z);
        double next = dot(m->n, r, z), beta = next / rz;
        for (long i = 0; i < m->n; i++) p[i] = z[i] + beta * p[i];
        rz = next;
        if (it % 16 == 0 && kr_progress(ctx, "iterations", it, most) != KR_OK) return KR_CANCELLED;
    }
    return KR_ERR_NUMERIC;
}

/* Right-hand preconditioning would hide slow modes: residuals are measured as M⁻¹ r, in units of x. */
static kr_status bicgstab(kr_context *ctx, kr_stencil *m, double tolerance, int most, const double *b, double *x,
                          int *iterations) {
    double *v[7];
    if (vectors(ctx, m, 7, v) < 0) return KR_ERR_MEMORY;
    double *r = v[0], *shadow = v[1], *p = v[2], *ap = v[3], *s = v[4], *as = v[5], *work = v[6];
    size_t bytes = (size_t)m->n * sizeof *r;
    memcpy(s, x, bytes);
    multiply(m, s, work);
    for (long i = 0; i < m->n; i++) work[i] = b[i] - work[i];
    precondition(m, work, r);
    memcpy(shadow, r, bytes);
    memcpy(p, r, bytes);
    double rho = dot(m->n, shadow, r), first = sqrt(dot(m->n, r, r));
    for (int it = 0; it < most; it++) {
        *iterations = it;
        if (sqrt(dot(m->n, r, r)) <= tolerance * first) return KR_OK;
        multiply(m, p, work);
        precondition(m, work, ap);
        double alpha = rho / dot(m->n, shadow, ap);
        for (long i = 0; i < m->n; i++) s[i] = r[i] - alpha * ap[i];
        multiply(m, s, work);
        precondition(m, work, as);
        double omega = dot(m->n, as, s) / dot(m->n, as, as);
        if (!isfinite(omega)) omega = 0;
        for (long i = 0; i < m->n; i++) {
            x[i] += alpha * p[i] + omega * s[i];
            r[i] = s[i] - omega * as[i];
        }
        double next = dot(m->n, shadow, r), beta = next / rho * alpha / omega;
        if (!isfinite(beta) || !isfinite(alpha)) { /* breakdown: begin again from what is reached */
            memcpy(shadow, r, bytes);
            memcpy(p, r, bytes);
            rho = dot(m->n, r, r);
            if (!isfinite(rho)) return KR_ERR_NUMERIC;
            continue;
        }
        for (long i = 0; i < m->n; i++) p[i] = r[i] + beta * (p[i] - omega * ap[i]);
        rho = next;
        if (it % 16 == 0 && kr_progress(ctx, "iterations", it, most) != KR_OK) return KR_CANCELLED;
    }
    return KR_ERR_NUMERIC;
}

long kr_stencil_half_width(const kr_stencil *m) {
    long half = m->stride[0];
    for (long e = 0; e < m->nextra; e++) {
        long distance = labs(m->extra[e].row - m->extra[e].column);
        if (distance > half) half = distance;
    }
    return half;
}

kr_status kr_stencil_band(kr_context *ctx, const kr_stencil *m, long half, double **band) {
    kr_status status = KR_OK;
    long width = 2 * half + 1;
    KR_NEW(ctx, *band, (size_t)(m->n * width));
    for (long i = 0; i < m->n; i++) {
        double *row = *band + i * width + half;
        row[0] = m->diag[i];
        for (int k = 0; k < m->dim; k++) {
            if (i >= m->stride[k]) row[-m->stride[k]] += m->off[2 * k][i];
            if (i + m->stride[k] < m->n) row[m->stride[k]] += m->off[2 * k + 1][i];
        }
    }
    for (long e = 0; e < m->nextra; e++)
        (*band)[m->extra[e].row * width + half + m->extra[e].column - m->extra[e].row] += m->extra[e].value;
done:
    return status;
}

/* Elimination in a band without pivoting: −L is an M-matrix, or close to one. b is overwritten, x the solution. */
static kr_status direct(kr_context *ctx, const kr_stencil *m, long half, const double *b, double *x) {
    kr_status status = KR_OK;
    double *band = NULL;
    long width = 2 * half + 1;
    KR_TRY(kr_stencil_band(ctx, m, half, &band));
    memcpy(x, b, (size_t)m->n * sizeof *x);
    for (long i = 0; i < m->n; i++) {
        double *row = band + i * width + half;
        for (long k = i > half ? i - half : 0; k < i; k++) {
            if (row[k - i] == 0) continue;
            const double *restrict from = band + k * width + half;
            double *restrict to = row + (k - i), f = to[0] / from[0];
            for (long j = 1; j <= half; j++) to[j] -= f * from[j];
            x[i] -= f * x[k];
        }
        if (i % 1024 == 0 && kr_progress(ctx, "rows", i, m->n) != KR_OK) KR_FAIL(ctx, KR_CANCELLED, "cancelled");
    }
    for (long i = m->n - 1; i >= 0; i--) {
        const double *row = band + i * width + half;
        long last = i + half < m->n ? half : m->n - 1 - i;
        double sum = x[i];
        for (long j = 1; j <= last; j++) sum -= row[j] * x[i + j];
        x[i] = sum / row[0];
        if (!isfinite(x[i])) KR_FAIL(ctx, KR_ERR_NUMERIC, "the linear system of %ld grid points is singular", m->n);
    }
done:
    kr_free(band);
    return status;
}

kr_status kr_stencil_solve(kr_context *ctx, kr_stencil *matrix, int symmetric, double tolerance, int most,
                           const double *b, double *x, int *iterations) {
    int used = 0;
    long half = kr_stencil_half_width(matrix);
    if (iterations) *iterations = 0;
    if (!symmetric && (double)matrix->n * (2.0 * (double)half + 1) <= KR_STENCIL_MOST_BAND)
        return direct(ctx, matrix, half, b, x);
    factorize(matrix);
    kr_status status = symmetric ? conjugate_gradients(ctx, matrix, tolerance, most, b, x, &used)
                                 : bicgstab(ctx, matrix, tolerance, most, b, x, &used);
    kr_free(matrix->scratch);
    matrix->scratch = NULL;
    if (iterations) *iterations = used;
    if (status == KR_ERR_NUMERIC)
        return KR_ERROR(ctx, KR_ERR_NUMERIC, "the linear system of %ld grid points has not converged in %d iterations",
                        matrix->n, used);
    if (status == KR_CANCELLED) return KR_ERROR(ctx, KR_CANCELLED, "cancelled in iteration %d", used);
    return status;
}
