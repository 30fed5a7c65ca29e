/* Turning the bases of SOAP.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Gram-Schmidt, each row twice: orthonormal to rounding however near to dependent the images are. LAPACK's
 * factorisations would use threads of their own here, and their last bits would depend on the number. */
#include "core/optimizer_soap.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

/* In lanes, which also keeps sums short: the second pass of Gram-Schmidt mends what single precision leaves. */
static double dot(int d, const float *a, const float *b) {
    float sum[16] = {0};
    double total = 0;
    int i = 0;
    for (; i + 16 <= d; i += 16)
        for (int k = 0; k < 16; k++) sum[k] += a[i + k] * b[i + k];
    for (; i < d; i++) sum[i % 16] += a[i] * b[i];
    for (int k = 0; k < 16; k++) total += (double)sum[k];
    return total;
}

void kr_soap_order(int d, const float *basis, const float *image, double *values, int *order) {
    for (int i = 0; i < d; i++) {
        values[i] = dot(d, basis + (size_t)i * (size_t)d, image + (size_t)i * (size_t)d);
        int j = i; /* stable insertion: after a few turns nearly sorted already */
        for (; j > 0 && values[order[j - 1]] < values[i]; j--) order[j] = order[j - 1];
        order[j] = i;
    }
}

/* v ← the part of v orthogonal to `n` rows of q, normalised; 0 when next to nothing is left. */
static int orthonormalize(int d, int n, const float *q, float *v) {
    double before = dot(d, v, v);
    if (!(before > 0)) return 0;
    float scale = (float)(1 / sqrt(before));
    for (int i = 0; i < d; i++) v[i] *= scale;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < n; k++) {
            const float *row = q + (size_t)k * (size_t)d;
            float f = (float)dot(d, row, v);
            for (int i = 0; i < d; i++) v[i] -= f * row[i];
        }
    double left = dot(d, v, v);
    if (!(left > 1e-10)) return 0;
    scale = (float)(1 / sqrt(left));
    for (int i = 0; i < d; i++) v[i] *= scale;
    if (left > 1e-2) return 1;
    for (int k = 0; k < n; k++) { /* what normalisation has magnified */
        const float *row = q + (size_t)k * (size_t)d;
        float f = (float)dot(d, row, v);
        for (int i = 0; i < d; i++) v[i] -= f * row[i];
    }
    scale = (float)(1 / sqrt(dot(d, v, v)));
    for (int i = 0; i < d; i++) v[i] *= scale;
    return 1;
}

void kr_soap_turn(int d, const int *order, float *basis, float *image) {
    size_t row = (size_t)d * sizeof *image;
    /* New rows grow in `image`, sorted in place of the old ones: row n is free once rows order[0 … n] are used, so
     * the images are sorted first, by cycles. */
    kr_soap_permute(0, d, d, order, image, NULL);
    int spare = 0; /* next old vector (sorted) to fill gaps with */
    for (int n = 0; n < d; n++) {
        float *v = image + (size_t)n * (size_t)d;
        int good = orthonormalize(d, n, image, v);
        if (!good) { /* its own old vector first, then the others, then unit vectors */
            memcpy(v, basis + (size_t)order[n] * (size_t)d, row);
            good = orthonormalize(d, n, image, v);
        }
        for (; !good && spare < 2 * d; spare++) {
            if (spare < d) {
                memcpy(v, basis + (size_t)order[spare] * (size_t)d, row);
            } else {
                memset(v, 0, row);
                v[spare - d] = 1;
            }
            good = orthonormalize(d, n, image, v);
        }
    }
    memcpy(basis, image, row * (size_t)d);
}

void kr_soap_permute(int side, int r, int c, const int *order, float *x, float *scratch) {
    size_t bytes = (size_t)c * sizeof *x;
    if (side == 0 && !scratch) { /* in place: swap rows along the cycles of the order */
        for (int i = 0; i < r; i++) {
            int from = order[i];
            while (from < i) from = order[from];
            if (from == i) continue;
            float *a = x + (size_t)i * (size_t)c, *b = x + (size_t)from * (size_t)c;
            for (int j = 0; j < c; j++) {
                float t = a[j];
                a[j] = b[j];
                b[j] = t;
            }
        }
        return;
    }
    for (int i = 0; i < r; i++) {
        const float *in = x + (size_t)(side ? i : order[i]) * (size_t)c;
        float *out = scratch + (size_t)i * (size_t)c;
        if (!side)
            memcpy(out, in, bytes);
        else
            for (int j = 0; j < c; j++) out[j] = in[order[j]];
    }
    memcpy(x, scratch, (size_t)r * bytes);
}
