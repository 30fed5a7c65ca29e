/* The fast path's block evaluation in single precision, angular moments up to l = 3.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#define KR_LMAX 3
#include "potential/isa/fast_block.inl"
