/* The measured ceilings of one core: clock, fused multiply-add, matrix products, memory. Every benchmark prints them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Times are CPU time of this process, best of several repeats. The multiply-add loops keep 12 independent chains of
 * vectors of the widest kind that the processor has, written with GCC's vector type, so one source serves all. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REPEATS 5

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* GF/s of 12 chains of vectors of BYTES bytes: name, element, bytes, target. The chains are named, not indexed, so
 * that each stays in a register. */
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define CHAIN_START(k) vector a##k = x + k;
#define CHAIN_STEP(k) a##k = a##k * x + y;
#define CHAIN_END(k) sum += a##k;
#define FMA_LOOP(name, element, bytes, target_name)                                       \
    __attribute__((target(target_name), noinline)) static double name(long n) {           \
        typedef element vector __attribute__((vector_size(bytes)));                       \
        vector x = {0}, y = {0}, sum = {0};                                               \
        x += (element)0.999;                                                              \
        y += (element)0.001;                                                              \
        CHAINS(CHAIN_START)                                                               \
        double start = now();                                                             \
        for (long i = 0; i < n; i++) {                                                    \
            CHAINS(CHAIN_STEP)                                                            \
        }                                                                                 \
        CHAINS(CHAIN_END)                                                                 \
        volatile element sink = sum[0];                                                   \
        (void)sink;                                                                       \
        return 24e-9 * (double)((bytes) / sizeof(element)) * (double)n / (now() - start); \
    }

#if defined(__x86_64__)
FMA_LOOP(fma_double_512, double, 64, "avx512f,avx512vl,fma,prefer-vector-width=512")
FMA_LOOP(fma_single_512, float, 64, "avx512f,avx512vl,fma,prefer-vector-width=512")
FMA_LOOP(fma_double_256, double, 32, "avx2,fma")
FMA_LOOP(fma_single_256, float, 32, "avx2,fma")
FMA_LOOP(fma_double_128, double, 16, "sse2")
FMA_LOOP(fma_single_128, float, 16, "sse2")
#endif

static double best(double (*loop)(long), long n) {
    double most = 0;
    for (int r = 0; r < REPEATS; r++) {
        double rate = loop(n);
        if (rate > most) most = rate;
    }
    return most;
}

/* GHz: a chain of dependent additions, one a cycle. */
static double clock_rate(long n) {
    double start = now();
    long a = 1;
    for (long i = 0; i < n; i++) __asm__ volatile("add %0, %0" : "+r"(a));
    return 1e-9 * (double)n / (now() - start);
}

/* GF/s of C[m][n] = A[m][k] B[k][n] of OpenBLAS on one thread. */
static double gemm(int single, int m, int n, int k) {
    size_t total = (size_t)m * k + (size_t)k * n + (size_t)m * n;
    double *d = calloc(total, sizeof *d), most = 0;
    float *s = (float *)d;
    if (!d) return 0;
    for (int r = 0; r < REPEATS; r++) {
        double start = now();
        if (single)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, s, k, s + (size_t)m * k, n, 0,
                        s + (size_t)m * k + (size_t)k * n, n);
        else
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, d, k, d + (size_t)m * k, n, 0,
                        d + (size_t)m * k + (size_t)k * n, n);
        double rate = 2e-9 * (double)m * n * k / (now() - start);
        if (rate > most) most = rate;
    }
    free(d);
    return most;
}

/* GB/s read by summing 256 MiB. */
static double stream(void) {
    size_t n = (size_t)32 << 20;
    double *x = malloc(n * sizeof *x), most = 0;
    if (!x) return 0;
    for (size_t i = 0; i < n; i++) x[i] = 1;
    for (int r = 0; r < REPEATS; r++) {
        double s[8] = {0}, start = now();
        for (size_t i = 0; i < n; i += 8)
            for (int k = 0; k < 8; k++) s[k] += x[i + (size_t)k];
        double rate = 8e-9 * (double)n / (now() - start);
        volatile double sink = s[0] + s[7];
        (void)sink;
        if (rate > most) most = rate;
    }
    free(x);
    return most;
}

int main(void) {
    openblas_set_num_threads(1);
    double fma_d = 0, fma_s = 0;
    const char *kind = "scalar";
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        kind = "AVX-512";
        fma_d = best(fma_double_512, 20000000);
        fma_s = best(fma_single_512, 20000000);
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        kind = "AVX2";
        fma_d = best(fma_double_256, 20000000);
        fma_s = best(fma_single_256, 20000000);
    } else {
        kind = "SSE2 (multiply, then add)";
        fma_d = best(fma_double_128, 10000000);
        fma_s = best(fma_single_128, 10000000);
    }
#endif
    printf("ceiling of one core: %.2f GHz; multiply-add %s double %.0f, single %.0f GF/s; ", clock_rate(200000000),
           kind, fma_d, fma_s);
    printf("GEMM 512x240x1600 double %.0f, single %.0f GF/s; read %.1f GB/s\n", gemm(0, 512, 240, 1600),
           gemm(1, 512, 240, 1600), stream());
    return 0;
}
