/* Products with packed matrices against plain sums, for every instruction set, both precisions, all tile edges.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/dense.h"
#include "kr_test.h"

enum { MAX = 128 };

/* Deterministic numbers in (−1, 1). */
static double number(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (1 << 23) - 1;
}

static double get(const void *array, int single, size_t i) {
    return single ? (double)((const float *)array)[i] : ((const double *)array)[i];
}
static void set(void *array, int single, size_t i, double value) {
    if (single)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

typedef struct shape {
    int rows, k, n, transposed, quad, accumulate, bias, k_begin, panel_begin;
} shape;

static void check(kr_context *ctx, const kr_dense *dense, const shape *s) {
    int single = dense->single;
    unsigned state = 7u + (unsigned)(s->rows * 31 + s->k * 7 + s->n);
    double *b = kr_calloc(ctx, (size_t)(s->k * s->n), sizeof *b);
    for (int i = 0; i < s->k * s->n; i++) b[i] = number(&state);
    kr_packed packed = {0};
    kr_assert_ok(ctx, kr_packed_create(ctx, dense, s->k, s->n, b, s->transposed ? s->k : s->n, s->transposed, &packed));
    int columns = kr_packed_columns(&packed), lda = s->k + 3, ldc = columns + 5;
    if (s->quad) lda *= s->quad;
    int groups = s->quad ? s->rows / s->quad : s->rows;
    void *a = kr_calloc(ctx, (size_t)(groups * lda), 8), *c = kr_calloc(ctx, (size_t)(s->rows * ldc), 8);
    void *bias = kr_calloc(ctx, (size_t)columns, 8);
    double *before = kr_calloc(ctx, (size_t)(s->rows * ldc), sizeof *before);
    for (int i = 0; i < groups * lda; i++) set(a, single, (size_t)i, number(&state));
    for (int i = 0; i < columns; i++) set(bias, single, (size_t)i, number(&state));
    for (int i = 0; i < s->rows * ldc; i++) {
        set(c, single, (size_t)i, number(&state));
        before[i] = get(c, single, (size_t)i);
    }
    kr_product how = {.rows = s->rows,
                      .lda = lda,
                      .ldc = ldc,
                      .quad = s->quad,
                      .k_begin = s->k_begin,
                      .k_end = s->k,
                      .panel_begin = s->panel_begin,
                      .bias = s->bias ? bias : NULL,
                      .accumulate = s->accumulate};
    dense->product(&packed, &how, a, c);
    double tolerance = single ? 1e-6 * s->k : 1e-15 * s->k;
    for (int i = 0; i < s->rows; i++)
        for (int j = 0; j < ldc; j++) {
            double expected = before[i * ldc + j];
            if (j >= s->panel_begin * dense->panel && j < columns) {
                if (!s->accumulate) expected = s->bias ? get(bias, single, (size_t)j) : 0;
                for (int k = s->k_begin; k < s->k && j < s->n; k++) {
                    int at = s->quad ? i / s->quad * lda + s->quad * k + i % s->quad : i * lda + k;
                    double value = s->transposed ? b[j * s->k + k] : b[k * s->n + j];
                    expected += get(a, single, (size_t)at) * (single ? (double)(float)value : value);
                }
            }
            kr_assert_near(get(c, single, (size_t)(i * ldc + j)), expected, tolerance + 1e-15, 0);
        }
    kr_packed_free(&packed);
    kr_free(a);
    kr_free(b);
    kr_free(c);
    kr_free(bias);
    kr_free(before);
}

static void every_shape(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    for (int isa = 0; isa < KR_ISA_COUNT; isa++) {
        if (!kr_isa_available((kr_isa)isa)) continue;
        for (int single = 0; single < 2; single++) {
            const kr_dense *dense = kr_dense_for((kr_isa)isa, single);
            for (int rows = 1; rows <= 19; rows++)
                for (int n = 1; n <= 101; n += n < 50 ? 7 : 25)
                    check(ctx, dense, &(shape){rows, 1 + rows * 3, n, n % 2, 0, rows % 3 == 0, rows % 3 == 1, 0, 0});
            for (int quad = 4; quad <= 32; quad += quad < 16 ? 4 : 16)
                for (int rows = quad; rows <= 36; rows += quad)
                    check(ctx, dense, &(shape){rows, 50, 100, 1, quad, rows % 8 == 0, 0, rows, 1});
            check(ctx, dense, &(shape){13, 20, 150, 0, 0, 0, 1, 20, 0}); /* empty range of k */
        }
    }
    kr_context_destroy(&ctx);
}

/* The same of products of split numbers; parts = 0: there is none, packed as usual. */
static void check_split(kr_context *ctx, const kr_dense *dense, int rows, int k, int n, int parts) {
    unsigned state = 11u + (unsigned)(rows * 31 + k * 7 + n);
    const int transposed = n % 2, accumulate = rows % 3 == 0, with_bias = rows % 3 == 1;
    double *b = kr_calloc(ctx, (size_t)(k * n), sizeof *b), worst = 0;
    for (int i = 0; i < k * n; i++) b[i] = number(&state);
    kr_packed packed = {0};
    kr_assert_ok(ctx, kr_packed_create_split(ctx, dense, k, n, b, transposed ? k : n, transposed, parts, &packed));
    assert_int_equal(packed.split, parts);
    int columns = kr_packed_columns(&packed), lda = k + 3, ldc = columns + 5;
    float *a = kr_calloc(ctx, (size_t)(rows * lda), sizeof *a), *c = kr_calloc(ctx, (size_t)(rows * ldc), sizeof *c);
    float *before = kr_calloc(ctx, (size_t)(rows * ldc), sizeof *c), *bias = kr_calloc(ctx, (size_t)columns, sizeof *c);
    char *scratch = kr_calloc(ctx, kr_split_bytes(rows, k, parts), 1);
    for (int i = 0; i < rows * lda; i++) a[i] = (float)number(&state);
    for (int i = 0; i < columns; i++) bias[i] = (float)number(&state);
    for (int i = 0; i < rows * ldc; i++) c[i] = before[i] = (float)number(&state);
    kr_product how = {
        .rows = rows, .lda = lda, .ldc = ldc, .bias = with_bias ? bias : NULL, .accumulate = accumulate, .k_end = k};
    dense->split(&packed, &how, a, c, scratch);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < ldc; j++) {
            double expected = before[i * ldc + j], size = 1;
            if (j < columns && !accumulate) expected = with_bias ? (double)bias[j] : 0;
            for (int m = 0; m < k && j < n; m++) {
                double term = (double)a[i * lda + m] * (double)(float)(transposed ? b[j * k + m] : b[m * n + j]);
                expected += term;
                size += fabs(term);
            }
            worst = fmax(worst, fabs((double)c[i * ldc + j] - expected) / size);
            if (j >= columns) assert_true(c[i * ldc + j] == before[i * ldc + j]);
        }
    assert_true(worst < (parts == 2 ? 8e-6 : 4e-7));
    kr_packed_free(&packed);
    kr_free(a);
    kr_free(b);
    kr_free(c);
    kr_free(bias);
    kr_free(before);
    kr_free(scratch);
}

static void split_numbers(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    for (int isa = 0; isa < KR_ISA_COUNT; isa++) {
        const kr_dense *dense = kr_isa_available((kr_isa)isa) ? kr_dense_for((kr_isa)isa, 1) : NULL;
        if (!dense || !dense->split) continue;
        for (int parts = 2; parts <= 3; parts++)
            for (int rows = 1; rows <= 53; rows += rows < 20 ? 1 : 4)
                for (int n = 1; n <= 101; n += n < 50 ? 7 : 25) check_split(ctx, dense, rows, 1 + rows * 7, n, parts);
    }
    kr_context_destroy(&ctx);
}

static void isa_names(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    kr_isa isa = KR_ISA_COUNT;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_assert_ok(ctx, kr_isa_choose(ctx, "baseline", &isa));
    assert_int_equal(isa, KR_ISA_BASELINE);
    kr_assert_ok(ctx, kr_isa_choose(ctx, NULL, &isa));
    assert_true(kr_isa_available(isa));
    assert_int_equal(kr_isa_choose(ctx, "sse9", &isa), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "sse9"));
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_shape), cmocka_unit_test(split_numbers),
                                       cmocka_unit_test(isa_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
