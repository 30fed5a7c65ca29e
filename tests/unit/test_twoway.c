/* Products of a few rows, both ways from one copy, against plain sums: every instruction set, both precisions, stored
 * as numbers and as integers, all edges; and the rounding to integers.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/twoway.h"
#include "kr_test.h"

/* Deterministic numbers in (−1, 1). */
static double number(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (1 << 23) - 1;
}

/* An array of either precision. */
typedef struct array {
    int single;
    void *data;
} array;
static double get(array a, int i) { return a.single ? (double)((float *)a.data)[i] : ((double *)a.data)[i]; }
static void fill(array a, int n, unsigned *state) {
    for (int i = 0; i < n; i++) {
        double value = number(state);
        if (a.single)
            ((float *)a.data)[i] = (float)value;
        else
            ((double *)a.data)[i] = value;
    }
}

typedef struct shape {
    int rows, k, n, accumulate, bias, integers;
} shape;

static void check(kr_context *ctx, kr_isa isa, int single, const shape *s) {
    const kr_dense *dense = kr_dense_for(isa, single);
    const kr_twoway_kernels *kernels = kr_twoway_for(isa, single);
    const int rows = s->rows, k = s->k, n = s->n, ldx = k + 3, ldy = n + 37;
    unsigned state = 5u + (unsigned)(rows * 31 + k * 7 + n);
    double *b = kr_calloc(ctx, (size_t)(k * n), sizeof *b), *before = kr_calloc(ctx, (size_t)(rows * ldy), 8);
    array x = {single, kr_calloc(ctx, (size_t)(rows * ldx), 8)}, y = {single, kr_calloc(ctx, (size_t)(rows * ldy), 8)};
    array bias = {single, kr_calloc(ctx, (size_t)n + 64, 8)};
    for (int i = 0; i < k * n; i++) b[i] = number(&state) * (i / n % 5 == 4 ? 1e-9 : 1) * (i / n % 7 != 6);
    kr_packed packed = {0};
    kr_twoway w = {0};
    if (s->integers) kr_twoway_round(k, n, b, n);
    kr_assert_ok(ctx, kr_packed_create(ctx, dense, k, n, b, n, 0, &packed));
    if (s->integers)
        kr_assert_ok(ctx, kr_twoway_create(ctx, dense, k, n, b, n, &w));
    else
        kr_twoway_view(&packed, &w);
    const double tolerance = single ? 2e-6 * (k + n) : 1e-15 * (k + n);

    fill(x, rows * ldx, &state);
    fill(y, rows * ldy, &state);
    fill(bias, n, &state);
    for (int i = 0; i < rows * ldy; i++) before[i] = get(y, i);
    kernels->forward(&w, rows, x.data, ldx, s->bias ? bias.data : NULL, s->accumulate, y.data, ldy);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++) {
            double expected = s->accumulate ? before[i * ldy + j] : s->bias ? get(bias, j) : 0;
            for (int m = 0; m < k; m++) expected += get(x, i * ldx + m) * (single ? (float)b[m * n + j] : b[m * n + j]);
            kr_assert_near(get(y, i * ldy + j), expected, tolerance, 0);
        }
    double *dx = kr_calloc(ctx, (size_t)(rows * ldx), sizeof *dx);
    fill(y, rows * ldy, &state);
    for (int i = 0; i < rows; i++) /* what lies behind the last column is not read */
        for (int j = n; j < ldy; j++)
            single ? (((float *)y.data)[i * ldy + j] = NAN) : (((double *)y.data)[i * ldy + j] = NAN);
    for (int i = 0; i < rows * ldx; i++) dx[i] = get(x, i);
    kernels->backward(&w, rows, y.data, ldy, s->accumulate, x.data, ldx);
    for (int i = 0; i < rows; i++)
        for (int m = 0; m < ldx; m++) {
            double expected = m < k && !s->accumulate ? 0 : dx[i * ldx + m];
            for (int j = 0; j < n && m < k; j++)
                expected += get(y, i * ldy + j) * (single ? (float)b[m * n + j] : b[m * n + j]);
            kr_assert_near(get(x, i * ldx + m), expected, m < k ? tolerance : 0, 0);
        }
    kr_twoway_free(&w);
    kr_packed_free(&packed);
    kr_free(b), kr_free(before), kr_free(dx), kr_free(x.data), kr_free(y.data), kr_free(bias.data);
}

static void every_shape(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    for (int isa = 0; isa < KR_ISA_COUNT; isa++)
        for (int single = 0; single < 2 && kr_isa_available((kr_isa)isa); single++)
            for (int rows = 1; rows <= KR_TWOWAY_ROWS; rows++)
                for (int variant = 0; variant < 8; variant++) {
                    if (single && variant & 4) continue; /* integers are for double precision */
                    static const int k[] = {1, 7, 48, 513}, n[] = {1, 19, 48, 240, 517};
                    for (int i = 0; i < 20; i++) {
                        shape s = {rows, k[i % 4], n[i / 4], variant & 1, variant >> 1 & 1, variant >> 2};
                        if (s.k * s.n < 1e5 || rows % 3 == 2) check(ctx, (kr_isa)isa, single, &s);
                    }
                }
    kr_context_destroy(&ctx);
}

static void rounding(void **state) {
    (void)state;
    unsigned seed = 3;
    double b[6][50], r[6][50];
    const double size[6] = {1, 1e-20, 1e12, 0, 1e-300, 0.75};
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 50; j++) b[i][j] = r[i][j] = size[i] * number(&seed);
    b[5][7] = r[5][7] = 1 - 0x1p-40; /* rounds up to a power of two */
    kr_twoway_round(6, 50, &r[0][0], 50);
    for (int i = 0; i < 6; i++) {
        double most = 0;
        for (int j = 0; j < 50; j++) most = fmax(most, fabs(b[i][j]));
        for (int j = 0; j < 50 && i != 4; j++) kr_assert_near(r[i][j], b[i][j], 0x1p-31 * most, 0);
    }
    double again[6][50];
    memcpy(again, r, sizeof r);
    kr_twoway_round(6, 50, &again[0][0], 50);
    assert_memory_equal(again, r, sizeof r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_shape), cmocka_unit_test(rounding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
