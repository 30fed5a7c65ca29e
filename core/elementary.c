/* Elementary functions of arrays: which instruction set.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/elementary.h"

extern const kr_elementary kr_elementary_f64_baseline;
#if defined(__x86_64__)
extern const kr_elementary kr_elementary_f64_avx2, kr_elementary_f64_avx512;
#endif

const kr_elementary *kr_elementary_of(kr_isa isa) {
#if defined(__x86_64__)
    if (isa >= KR_ISA_AVX512) return &kr_elementary_f64_avx512;
    if (isa == KR_ISA_AVX2) return &kr_elementary_f64_avx2;
#endif
    (void)isa;
    return &kr_elementary_f64_baseline;
}

const kr_elementary *kr_elementary_fastest(void) {
    static const kr_elementary *_Atomic known; /* asked for each few points */
    if (!known)
        known = kr_elementary_of(kr_isa_available(KR_ISA_AVX512) ? KR_ISA_AVX512
                                 : kr_isa_available(KR_ISA_AVX2) ? KR_ISA_AVX2
                                                                 : KR_ISA_BASELINE);
    return known;
}
