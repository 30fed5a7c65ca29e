/* Instruction sets by cpuid, including whether the operating system saves the wide registers.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/isa.h"
#include "core/error.h"
#include <string.h>
#if defined(KR_WITH_AMX)
#include <cpuid.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const names[KR_ISA_COUNT] = {"baseline", "avx2", "avx512", "amx"};

const char *kr_isa_name(kr_isa isa) { return (unsigned)isa < KR_ISA_COUNT ? names[isa] : "unknown"; }

#if defined(KR_WITH_AMX)
/* AMX with bf16, bf16 conversions, and the system's permission, which holds for all threads of the process. */
static int amx_available(void) {
    enum { ASK_PERMISSION = 0x1023, TILE_DATA = 18 };
    static atomic_int known; /* 0 not yet asked, 1 no, 2 yes */
    if (!known) {
        unsigned a, b, c, d, yes = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1);
        yes = yes && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
        known = yes && syscall(SYS_arch_prctl, ASK_PERMISSION, TILE_DATA) == 0 ? 2 : 1;
    }
    return known == 2;
}
#endif

int kr_isa_available(kr_isa isa) {
    if (isa == KR_ISA_BASELINE) return 1;
#if defined(__x86_64__)
    /* The builtins look at XGETBV too, so a system that does not save zmm registers counts as one without them. */
    __builtin_cpu_init();
    if (isa == KR_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == KR_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
#endif
#if defined(KR_WITH_AMX)
    if (isa == KR_ISA_AMX) return kr_isa_available(KR_ISA_AVX512) && amx_available();
#endif
    return 0;
}

kr_status kr_isa_choose(kr_context *ctx, const char *name, kr_isa *isa) {
    *isa = KR_ISA_BASELINE;
    if (!name || !*name) {
        for (int i = 0; i < KR_ISA_COUNT; i++)
            if (kr_isa_available((kr_isa)i)) *isa = (kr_isa)i;
        return KR_OK;
    }
    for (int i = 0; i < KR_ISA_COUNT; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        if (!kr_isa_available((kr_isa)i))
            return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "this processor has no %s instructions", name);
        *isa = (kr_isa)i;
        return KR_OK;
    }
    return KR_ERROR(ctx, KR_ERR_ARGUMENT, "isa is \"%s\", allowed are baseline, avx2, avx512 and amx", name);
}
