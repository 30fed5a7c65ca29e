/* The Adam update with state in single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#include "core/isa/adam.inl"
