/* The fast path's block evaluation in double precision, angular moments up to l = 4.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 0
#define KR_LMAX 4
#include "potential/isa/fast_block.inl"
