/* The fast path's block evaluation in single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#define KR_LMAX 1
#include "potential/isa/fast_block.inl"
