/* The fast path's block evaluation in double precision, angular moments up to l = 2.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 0
#define KR_LMAX 2
#include "potential/isa/fast_block.inl"
