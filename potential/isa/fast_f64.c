/* The fast path's block evaluation in double precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 0
#define KR_LMAX 1
#include "potential/isa/fast_block.inl"
