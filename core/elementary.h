/* Elementary functions of arrays: e^x, sine and cosine, pairs of normals.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every element has the same bits on every instruction set and wherever it stands in an array (no fused products, no
 * order of sums), within 3 units in the last place, 5 for normals. An output may be an input, else arrays do not
 * overlap. */
#ifndef KR_CORE_ELEMENTARY_H
#define KR_CORE_ELEMENTARY_H

#include "core/isa.h"
#include <stddef.h>
#include <stdint.h>

typedef struct kr_elementary {
    /* y ← e^x [n]: 0 below −707, ∞ above 709.78; NaN stays NaN. */
    void (*exp)(size_t n, const double *x, double *y);
    /* s, c ← sin x, cos x [n]; beyond ±1e5 by the C library. */
    void (*sincos)(size_t n, const double *x, double *s, double *c);
    /* Box–Muller: two uniform 64-bit words each give two independent standard normals, none beyond 8.6. */
    void (*normals)(size_t n, const uint64_t *a, const uint64_t *b, double *first, double *second);
} kr_elementary;

/* KR_ISA_AMX is KR_ISA_AVX512 here. */
const kr_elementary *kr_elementary_of(kr_isa isa);
/* Of the fastest set that this machine has. */
const kr_elementary *kr_elementary_fastest(void);

#endif
