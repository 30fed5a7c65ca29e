/* The last-layer posterior in the eigenbasis of G, where every ς costs the same.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * G = Q Λ Qᵀ:  bᵀ (G + ς²)⁻¹ b = Σ_k (Q_k·b)² / (λ_k + ς²). */
#include "eelt/posterior.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

struct kr_posterior {
    int m, nelements;
    double *vectors; /* [nelements][m][m] columns */
    double *values;  /* [nelements][m] ≥ 0 */
    double alpha, sigma;
};

void kr_posterior_destroy(kr_posterior **posterior) {
    if (!posterior || !*posterior) return;
    kr_free((*posterior)->vectors);
    kr_free((*posterior)->values);
    kr_free(*posterior);
    *posterior = NULL;
}

void kr_posterior_set(kr_posterior *posterior, double alpha, double sigma) {
    posterior->alpha = alpha;
    posterior->sigma = sigma;
}

/* G += rows of one element, in blocks: the lower triangle is enough, but a product of all is faster. */
static kr_status add_rows(kr_context *ctx, int m, int element, long n, const int *type, const double *rows, double *g) {
    kr_status status = KR_OK;
    enum { BLOCK = 256 };
    size_t width = (size_t)m;
    double *block = NULL;
    int count = 0;
    KR_NEW(ctx, block, BLOCK * width);
    for (long i = 0; i <= n; i++) {
        if (i < n && type[i] == element)
            memcpy(block + (size_t)count++ * width, rows + (size_t)i * width, width * sizeof *rows);
        if (count == BLOCK || (i == n && count)) {
            kr_gemm(1, 0, m, m, count, 1, block, m, block, m, 1, g, m);
            count = 0;
        }
    }
done:
    kr_free(block);
    return status;
}

kr_status kr_posterior_create(kr_context *ctx, int m, int nelements, long n, const int *type, const double *rows,
                              kr_posterior **posterior) {
    kr_status status = KR_OK;
    kr_posterior *p = NULL;
    *posterior = NULL;
    if (m < 1 || nelements < 1 || n < 0)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "posterior of %ld rows of %d features of %d elements", n, m, nelements);
    size_t size = (size_t)m * (size_t)m;
    KR_NEW(ctx, p, 1);
    *p = (kr_posterior){.m = m, .nelements = nelements, .alpha = 1};
    KR_NEW(ctx, p->vectors, (size_t)nelements * size);
    KR_NEW(ctx, p->values, (size_t)nelements * (size_t)m);
    for (int e = 0; e < nelements; e++) {
        double *g = p->vectors + (size_t)e * size, *values = p->values + (size_t)e * (size_t)m;
        KR_TRY(add_rows(ctx, m, e, n, type, rows, g));
        KR_TRY(kr_eigen_symmetric(ctx, m, g, values));
        for (int k = 0; k < m; k++) values[k] = fmax(values[k], 0);
    }
    *posterior = p;
    p = NULL;
done:
    kr_posterior_destroy(&p);
    return status;
}

/* square [m] ← (Q_k·b)²; returns Σ_k square_k/(λ_k + ς²), which is infinite along directions that nothing is known of
 * when ς = 0. */
static double form(const kr_posterior *p, int element, const double *b, double sigma, double *square) {
    size_t m = (size_t)p->m;
    const double *q = p->vectors + (size_t)element * m * m, *values = p->values + (size_t)element * m;
    double sum = 0;
    memset(square, 0, m * sizeof *square);
    for (size_t j = 0; j < m; j++)
        for (size_t k = 0; k < m; k++) square[k] += q[j * m + k] * b[j];
    for (size_t k = 0; k < m; k++) {
        square[k] *= square[k];
        if (square[k] > 0) sum += square[k] / (values[k] + sigma * sigma);
    }
    return sum;
}

kr_status kr_posterior_variance(kr_context *ctx, const kr_posterior *p, long n, const int *type, const double *rows,
                                double *variance) {
    kr_status status = KR_OK;
    double *square = NULL;
    KR_NEW(ctx, square, (size_t)p->m);
    for (long i = 0; i < n; i++) {
        if (type[i] < 0 || type[i] >= p->nelements)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "row %ld is of element %d, allowed 0 … %d", i, type[i], p->nelements - 1);
        variance[i] = p->alpha * p->alpha * form(p, type[i], rows + (size_t)i * (size_t)p->m, p->sigma, square);
    }
done:
    kr_free(square);
    return status;
}

void kr_posterior_matrix(const kr_posterior *p, int element, double *matrix) {
    size_t m = (size_t)p->m;
    const double *q = p->vectors + (size_t)element * m * m, *values = p->values + (size_t)element * m;
    memset(matrix, 0, m * m * sizeof *matrix);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < m; k++) sum += q[i * m + k] * q[j * m + k] / (values[k] + p->sigma * p->sigma);
            matrix[i * m + j] = matrix[j * m + i] = p->alpha * p->alpha * sum;
        }
}

kr_status kr_posterior_frame_variance(kr_context *ctx, const kr_posterior *p, long nframes, const double *frames,
                                      double *variance) {
    kr_status status = KR_OK;
    double *square = NULL;
    KR_NEW(ctx, square, (size_t)p->m);
    for (long f = 0; f < nframes; f++) {
        double sum = 0;
        for (int e = 0; e < p->nelements; e++)
            sum += form(p, e, frames + ((size_t)f * (size_t)p->nelements + (size_t)e) * (size_t)p->m, p->sigma, square);
        variance[f] = p->alpha * p->alpha * sum;
    }
done:
    kr_free(square);
    return status;
}

/* −2 log likelihood but for a constant, at the best α: Σ log v + n log mean(r²/v). */
static double deviance(long n, const double *variance, const double *residual, double *alpha) {
    double logs = 0, mean = 0;
    for (long f = 0; f < n; f++) {
        logs += log(variance[f]);
        mean += residual[f] * residual[f] / variance[f] / (double)n;
    }
    *alpha = sqrt(mean);
    return logs + (double)n * log(mean);
}

/* variance [nframes] at this ς from squares [nframes][nelements·m]. */
static void variances(const kr_posterior *p, long nframes, const double *square, double sigma, double *variance) {
    size_t width = (size_t)p->nelements * (size_t)p->m;
    for (long f = 0; f < nframes; f++) {
        double sum = 0;
        for (size_t k = 0; k < width; k++) sum += square[(size_t)f * width + k] / (p->values[k] + sigma * sigma);
        variance[f] = sum;
    }
}

kr_status kr_posterior_fit(kr_context *ctx, kr_posterior *p, long nframes, const double *frames, const double *residual,
                           double *alpha, double *sigma) {
    kr_status status = KR_OK;
    enum { STEPS = 121 }; /* ς² over twelve decades, ten a decade */
    size_t width = (size_t)p->nelements * (size_t)p->m;
    double *square = NULL, *variance = NULL, largest = 0, best = INFINITY;
    if (nframes < 2) KR_FAIL(ctx, KR_ERR_ARGUMENT, "posterior: %ld validation frames, at least 2 are needed", nframes);
    KR_NEW(ctx, square, (size_t)nframes * width);
    KR_NEW(ctx, variance, (size_t)nframes);
    for (long f = 0; f < nframes; f++)
        for (int e = 0; e < p->nelements; e++) {
            size_t at = (size_t)f * width + (size_t)e * (size_t)p->m;
            form(p, e, frames + at, 1, square + at);
        }
    for (size_t k = 0; k < width; k++) largest = fmax(largest, p->values[k]);
    if (!(largest > 0)) KR_FAIL(ctx, KR_ERR_NUMERIC, "posterior: the training rows are all zero");
    for (int i = 0; i < STEPS; i++) {
        double s = sqrt(largest * pow(10, 0.1 * i - 12)), a, d;
        variances(p, nframes, square, s, variance);
        d = deviance(nframes, variance, residual, &a);
        if (!(d < best)) continue;
        best = d;
        *alpha = a;
        *sigma = s;
    }
    if (!isfinite(best)) KR_FAIL(ctx, KR_ERR_NUMERIC, "posterior: residuals or features are not finite, or all zero");
    kr_posterior_set(p, *alpha, *sigma);
done:
    kr_free(square);
    kr_free(variance);
    return status;
}
