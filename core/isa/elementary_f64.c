/* Elementary functions in double precision. Built without fused products: one result on every instruction set.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 0
#include "core/isa/elementary.inl"
