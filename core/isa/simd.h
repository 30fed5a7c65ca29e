/* Vectors of the instruction set and precision that a kernel file is compiled for.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A kernel is written once as <kernel>.inl; <kernel>_f64.c and <kernel>_f32.c set KR_SINGLE and include it, and
 * CMake compiles each once per instruction set with -DKR_ISA=<name>. GCC and clang vector extensions only. */
#ifndef KR_CORE_ISA_SIMD_H
#define KR_CORE_ISA_SIMD_H

#include <stdint.h>
#include <string.h>
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(KR_ISA_avx512)
#define KR_VECTOR_BYTES 64
#elif defined(KR_ISA_avx2)
#define KR_VECTOR_BYTES 32
#else
#define KR_VECTOR_BYTES 16
#endif

#if KR_SINGLE
typedef float real;
#define KR_SUFFIX f32
#else
typedef double real;
#define KR_SUFFIX f64
#endif
#define KR_LANES ((int)(KR_VECTOR_BYTES / sizeof(real)))
#define KR_DLANES ((int)(KR_VECTOR_BYTES / sizeof(double)))

#define KR_PASTE_(name, suffix, isa) kr_##name##_##suffix##_##isa
#define KR_PASTE(name, suffix, isa) KR_PASTE_(name, suffix, isa)
/* Name of a kernel's entry for this precision and instruction set: kr_gemm_f64_avx2. */
#define KR_KERNEL(name) KR_PASTE(name, KR_SUFFIX, KR_ISA)

#define KR_INLINE static inline __attribute__((always_inline))

typedef real kr_vec __attribute__((vector_size(KR_VECTOR_BYTES)));
typedef real kr_vec_mem __attribute__((vector_size(KR_VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef double kr_dvec __attribute__((vector_size(KR_VECTOR_BYTES)));
typedef double kr_dvec_mem __attribute__((vector_size(KR_VECTOR_BYTES), aligned(8), may_alias));
typedef int64_t kr_lvec __attribute__((vector_size(KR_VECTOR_BYTES)));
typedef uint64_t kr_uvec __attribute__((vector_size(KR_VECTOR_BYTES)));
/* Four reals, for example the columns (s, x, y, z) of one row of the environment matrix. */
typedef real kr_quad __attribute__((vector_size(4 * sizeof(real))));
typedef real kr_quad_mem __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));

/* Eight reals, whatever the registers hold. */
typedef real kr_oct __attribute__((vector_size(8 * sizeof(real))));
typedef real kr_oct_mem __attribute__((vector_size(8 * sizeof(real)), aligned(sizeof(real)), may_alias));

KR_INLINE kr_vec kr_load(const real *p) { return *(const kr_vec_mem *)p; }
KR_INLINE void kr_store(real *p, kr_vec v) { *(kr_vec_mem *)p = v; }
KR_INLINE kr_dvec kr_dload(const double *p) { return *(const kr_dvec_mem *)p; }
KR_INLINE void kr_dstore(double *p, kr_dvec v) { *(kr_dvec_mem *)p = v; }
/* x − 0 is x for every x, x + 0 is not (−0): only the difference compiles to a plain broadcast. */
KR_INLINE kr_vec kr_splat(real x) { return x - (kr_vec){0}; }
KR_INLINE kr_dvec kr_dsplat(double x) { return x - (kr_dvec){0}; }
KR_INLINE kr_quad kr_qload(const real *p) { return *(const kr_quad_mem *)p; }
KR_INLINE void kr_qstore(real *p, kr_quad v) { *(kr_quad_mem *)p = v; }
KR_INLINE kr_quad kr_qsplat(real x) { return x - (kr_quad){0}; }
KR_INLINE kr_oct kr_oload(const real *p) { return *(const kr_oct_mem *)p; }
KR_INLINE void kr_ostore(real *p, kr_oct v) { *(kr_oct_mem *)p = v; }
KR_INLINE kr_oct kr_osplat(real x) { return x - (kr_oct){0}; }

/* mask ? a : b, lane by lane, for the masks that comparisons give. */
KR_INLINE kr_dvec kr_dselect(kr_lvec mask, kr_dvec a, kr_dvec b) {
    return (kr_dvec)((mask & (kr_lvec)a) | (~mask & (kr_lvec)b));
}
/* Smaller of limit and v; NaN in v stays NaN. */
KR_INLINE kr_dvec kr_dmin(kr_dvec limit, kr_dvec v) {
#if defined(KR_ISA_avx512)
    return (kr_dvec)_mm512_min_pd((__m512d)limit, (__m512d)v);
#elif defined(KR_ISA_avx2)
    return (kr_dvec)_mm256_min_pd((__m256d)limit, (__m256d)v);
#else
    return kr_dselect(v > limit, limit, v);
#endif
}
KR_INLINE kr_dvec kr_dmax(kr_dvec limit, kr_dvec v) {
#if defined(KR_ISA_avx512)
    return (kr_dvec)_mm512_max_pd((__m512d)limit, (__m512d)v);
#elif defined(KR_ISA_avx2)
    return (kr_dvec)_mm256_max_pd((__m256d)limit, (__m256d)v);
#else
    return kr_dselect(v < limit, limit, v);
#endif
}

#endif
