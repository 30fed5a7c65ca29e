/* Uniform quintic B-splines in log r: knots, nodes and coefficients.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * On the interval of u in [cell, cell + 1], t = u − cell, six functions differ from zero:
 *     B_0 … B_5 = ((1−t)^5, 26 − 50t + 20t² + 20t³ − 20t⁴ + 5t⁵, 66 − 60t² + 30t⁴ − 10t⁵,
 *                  26 + 50t + 20t² − 20t³ − 20t⁴ + 10t⁵, 1 + 5t + 10t² + 10t³ + 5t⁴ − 5t⁵, t^5) / 120.
 * The values at the Greville points of the *clamped* knots fix the coefficients (Schoenberg–Whitney holds, the matrix
 * is totally positive: elimination needs no pivots). First and last node are the ends of the range, so that two
 * segments meet in the same value. Source: de Boor, A Practical Guide to Splines. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <math.h>
#include <string.h>

enum { BAND = 5, WIDTH = 2 * BAND + 1 };

static void segment_set(double r_begin, double r_end, int intervals, int offset, kr_fast_segment *s) {
    double x0 = log(r_begin), length = log(r_end) - x0;
    *s = (kr_fast_segment){r_begin, r_end, x0, intervals / length, intervals, offset};
}

void kr_fast_grid_set(double r_lo, double r_split, double rcut, const int intervals[2], kr_fast_grid *grid) {
    int split = r_split > r_lo && r_split < rcut;
    *grid = (kr_fast_grid){.nsegments = 1 + split};
    segment_set(r_lo, split ? r_split : rcut, intervals[0], 0, &grid->segment[0]);
    int used = intervals[0] + 5;
    if (split) {
        segment_set(r_split, rcut, intervals[1], used, &grid->segment[1]);
        used += intervals[1] + 5;
    }
    grid->ncoef = (used + 7) / 8 * 8;
}

/* Greville point i of the clamped knots 0,0,0,0,0,0,1,2,…,n,n,n,n,n,n: mean of five of them, in u. */
static double greville(int i, int n) {
    double sum = 0;
    for (int k = i + 1; k <= i + 5; k++) {
        int knot = k - 5;
        sum += knot < 0 ? 0 : knot > n ? n : knot;
    }
    return sum / 5;
}

void kr_fast_grid_nodes(const kr_fast_grid *grid, double *r) {
    const kr_fast_segment *s = grid->segment;
    for (int p = 0; p < grid->ncoef; p++) r[p] = s[grid->nsegments - 1].r_end;
    for (int g = 0; g < grid->nsegments; g++, s++)
        for (int i = 0; i < s->intervals + 5; i++)
            r[s->offset + i] = i == 0                  ? s->r_begin
                               : i == s->intervals + 4 ? s->r_end
                                                       : exp(s->x_begin + greville(i, s->intervals) / s->inv_h);
}

/* 120 B_k(t) */
void kr_fast_basis(double t, double b[6]) {
    double v = 1 - t, t2 = t * t;
    b[0] = v * v * v * v * v;
    b[1] = 26 + t * (-50 + t * (20 + t * (20 + t * (-20 + t * 5))));
    b[2] = 66 + t2 * (-60 + t2 * (30 - 10 * t));
    b[3] = 26 + t * (50 + t * (20 + t * (-20 + t * (-20 + t * 10))));
    b[4] = 1 + t * (5 + t * (10 + t * (10 + t * (5 - 5 * t))));
    b[5] = t2 * t2 * t;
}

/* Row i: columns i − BAND … i + BAND. Elimination without pivots, then back substitution for m right-hand sides. */
static void eliminate(int n, double (*a)[WIDTH], int m, double *v) {
    for (int k = 0; k < n; k++)
        for (int i = k + 1; i < n && i <= k + BAND; i++) {
            double factor = a[i][k - i + BAND] / a[k][BAND];
            if (factor == 0) continue;
            for (int j = k; j <= k + BAND; j++) a[i][j - i + BAND] -= factor * a[k][j - k + BAND];
            for (int c = 0; c < m; c++)
                v[(size_t)i * (size_t)m + (size_t)c] -= factor * v[(size_t)k * (size_t)m + (size_t)c];
        }
    for (int i = n - 1; i >= 0; i--) {
        double *row = v + (size_t)i * (size_t)m;
        for (int j = i + 1; j < n && j <= i + BAND; j++)
            for (int c = 0; c < m; c++) row[c] -= a[i][j - i + BAND] * v[(size_t)j * (size_t)m + (size_t)c];
        for (int c = 0; c < m; c++) row[c] /= a[i][BAND];
    }
}

kr_status kr_fast_grid_solve(kr_context *ctx, const kr_fast_grid *grid, int m, double *values) {
    double(*a)[WIDTH] = kr_malloc(ctx, KR_FAST_MAX_COEFFICIENTS, sizeof *a);
    if (!a) return KR_ERR_MEMORY;
    int used = 0;
    for (int g = 0; g < grid->nsegments; g++) {
        const kr_fast_segment *s = &grid->segment[g];
        int n = s->intervals + 5;
        memset(a, 0, (size_t)n * sizeof *a);
        for (int i = 0; i < n; i++) {
            double u = greville(i, s->intervals), b[6];
            int cell = (int)u < s->intervals ? (int)u : s->intervals - 1;
            kr_fast_basis(u - cell, b);
            /* The band holds columns i ± 5: what falls outside is a zero of the basis. */
            for (int k = 0; k < 6; k++)
                if (cell + k >= i - BAND && cell + k <= i + BAND) a[i][cell + k - i + BAND] = b[k];
        }
        eliminate(n, a, m, values + (size_t)s->offset * (size_t)m);
        used = s->offset + n;
    }
    memset(values + (size_t)used * (size_t)m, 0, (size_t)(grid->ncoef - used) * (size_t)m * sizeof *values);
    kr_free(a);
    return KR_OK;
}
