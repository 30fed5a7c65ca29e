/* Intervals, ranks and monotone fits.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/statistics.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Continued fraction of I_x(a, b) for x < (a + 1)/(a + b + 2), where it converges fast. */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabs(d) < tiny) d = tiny;
    d = 1 / d;
    double h = d;
    for (int m = 1; m < 10000; m++) {
        double step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 + step * d;
        c = 1 + step / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        h *= d * c;
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + step * d;
        c = 1 + step / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16) break;
    }
    return h;
}

double kr_beta_incomplete(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double kr_beta_inverse(double a, double b, double p) {
    double low = 0, high = 1;
    if (p <= 0) return 0;
    if (p >= 1) return 1;
    for (int i = 0; i < 200 && high - low > 1e-16 * high; i++) {
        double middle = 0.5 * (low + high);
        if (kr_beta_incomplete(a, b, middle) < p)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

double kr_normal_quantile(double p) {
    /* Newton on Φ(x) = erfc(−x/√2)/2 from a start that is right to 5e-4 (Abramowitz and Stegun 26.2.23). */
    if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    double tail = p < 0.5 ? p : 1 - p, t = sqrt(-2 * log(tail));
    double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 4; i++) {
        double error = 0.5 * erfc(x / sqrt(2.0)) - tail, density = exp(-0.5 * x * x) / sqrt(2 * acos(-1.0));
        x += error / density;
    }
    return p < 0.5 ? -x : x;
}

void kr_interval_exact(long k, long n, double confidence, double *low, double *high) {
    double side = 0.5 * (1 - confidence);
    *low = k > 0 ? kr_beta_inverse((double)k, (double)(n - k + 1), side) : 0;
    *high = k < n ? kr_beta_inverse((double)(k + 1), (double)(n - k), 1 - side) : 1;
}

double kr_upper_limit(double k, double n, double confidence) {
    return k < n ? kr_beta_inverse(k + 1, n - k, confidence) : 1;
}

void kr_interval_wilson(double k, double n, double confidence, double *low, double *high) {
    *low = 0;
    *high = 1;
    if (!(n > 0)) return;
    double z = kr_normal_quantile(0.5 + 0.5 * confidence), p = k / n;
    double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *low = k == 0 ? 0 : fmax(0, middle - half);
    *high = k == n ? 1 : fmin(1, middle + half);
}

double kr_upper_limit_stratified(int nstrata, const double *weight, const double *k, const double *n,
                                 double confidence) {
    double p = 0, variance = 0, unseen = 0, worst = 0, total = 0;
    for (int s = 0; s < nstrata; s++) {
        if (!(n[s] > 0)) {
            unseen += weight[s];
            continue;
        }
        /* Variances of strata from shrunken rates: 0 of n does not mean that nothing is uncertain. */
        double rate = (k[s] + 0.5) / (n[s] + 1);
        p += weight[s] * k[s] / n[s];
        variance += weight[s] * weight[s] * rate * (1 - rate) / n[s];
        total += n[s];
        worst = fmax(worst, weight[s] / n[s]);
    }
    if (total == 0) return 1;
    if (nstrata == 1) return kr_upper_limit(k[0], n[0], confidence);
    double seen = 1 - unseen, share = p / seen, shrunk = 0;
    for (int s = 0; s < nstrata; s++)
        if (n[s] > 0) shrunk += weight[s] / seen * (k[s] + 0.5) / (n[s] + 1);
    double effective = shrunk * (1 - shrunk) / (variance / (seen * seen));
    if (!(effective < total)) effective = total;
    if (effective > seen / worst) effective = seen / worst; /* no better than the thinnest stratum everywhere */
    /* The exact limit with real-valued counts. */
    return fmin(1, unseen + seen * kr_upper_limit(share * effective, effective, confidence));
}

/* ---- ranks ---- */

typedef struct ranked {
    double value;
    long index;
} ranked;

static int by_value(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

kr_status kr_ranks(kr_context *ctx, long n, const double *value, double *rank) {
    kr_status status = KR_OK;
    ranked *list = NULL;
    KR_NEW(ctx, list, (size_t)n + 1);
    for (long i = 0; i < n; i++) list[i] = (ranked){value[i], i};
    qsort(list, (size_t)n, sizeof *list, by_value);
    for (long i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && list[j].value == list[i].value;) j++;
        for (long k = i; k < j; k++) rank[list[k].index] = 0.5 * (double)(i + j + 1);
    }
done:
    kr_free(list);
    return status;
}

kr_status kr_spearman(kr_context *ctx, long n, const double *x, const double *y, double *rho) {
    kr_status status = KR_OK;
    double *a = NULL, *b = NULL, sxx = 0, syy = 0, sxy = 0, mean = 0.5 * (double)(n + 1);
    *rho = NAN;
    KR_NEW(ctx, a, (size_t)n + 1);
    KR_NEW(ctx, b, (size_t)n + 1);
    KR_TRY(kr_ranks(ctx, n, x, a));
    KR_TRY(kr_ranks(ctx, n, y, b));
    for (long i = 0; i < n; i++) {
        sxx += (a[i] - mean) * (a[i] - mean);
        syy += (b[i] - mean) * (b[i] - mean);
        sxy += (a[i] - mean) * (b[i] - mean);
    }
    if (sxx > 0 && syy > 0) *rho = sxy / sqrt(sxx * syy);
done:
    kr_free(a);
    kr_free(b);
    return status;
}

kr_status kr_isotonic(kr_context *ctx, long n, const double *y, const double *w, double *fit) {
    kr_status status = KR_OK;
    double *mean = NULL, *weight = NULL;
    long *count = NULL, blocks = 0;
    KR_NEW(ctx, mean, (size_t)n + 1);
    KR_NEW(ctx, weight, (size_t)n + 1);
    KR_NEW(ctx, count, (size_t)n + 1);
    for (long i = 0; i < n; i++) {
        mean[blocks] = y[i];
        weight[blocks] = w ? w[i] : 1;
        count[blocks++] = 1;
        while (blocks > 1 && mean[blocks - 2] >= mean[blocks - 1]) { /* a violator: pooled with its neighbour */
            double total = weight[blocks - 2] + weight[blocks - 1];
            mean[blocks - 2] = (mean[blocks - 2] * weight[blocks - 2] + mean[blocks - 1] * weight[blocks - 1]) / total;
            weight[blocks - 2] = total;
            count[blocks - 2] += count[blocks - 1];
            blocks--;
        }
    }
    for (long b = 0, i = 0; b < blocks; b++)
        for (long k = 0; k < count[b]; k++) fit[i++] = mean[b];
done:
    kr_free(mean);
    kr_free(weight);
    kr_free(count);
    return status;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle_of(long n, double *sorted) {
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

kr_status kr_median_mad(kr_context *ctx, long n, const double *value, double *median, double *sigma) {
    kr_status status = KR_OK;
    double *copy = NULL;
    *median = *sigma = NAN;
    KR_NEW(ctx, copy, (size_t)n + 1);
    if (n > 0) {
        memcpy(copy, value, (size_t)n * sizeof *copy);
        *median = middle_of(n, copy);
        for (long i = 0; i < n; i++) copy[i] = fabs(value[i] - *median);
        *sigma = 1.4826 * middle_of(n, copy);
    }
done:
    kr_free(copy);
    return status;
}
