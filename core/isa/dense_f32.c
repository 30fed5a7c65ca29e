/* Packed products and tanh in single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#include "core/isa/dense.inl"
