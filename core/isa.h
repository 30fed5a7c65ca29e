/* Which instruction set the kernels run on: chosen once at run time, or forced by name.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * amx is avx512 with the matrix unit, which mixed precision uses. Linux gives it to a process that asks: asking is part
 * of finding out. The kernels under <layer>/isa/ are compiled once per set; their symbols end in the name of the set.
 */
#ifndef KR_CORE_ISA_H
#define KR_CORE_ISA_H

#include <kramers/context.h>

typedef enum kr_isa { KR_ISA_BASELINE, KR_ISA_AVX2, KR_ISA_AVX512, KR_ISA_AMX, KR_ISA_COUNT } kr_isa;

const char *kr_isa_name(kr_isa isa);
/* 1 when this build has the set, the processor has the instructions and the system saves the registers. */
int kr_isa_available(kr_isa isa);
/* name NULL or "" = the best available set. An unknown name or a set this machine lacks is an error. */
kr_status kr_isa_choose(kr_context *ctx, const char *name, kr_isa *isa);

#endif
