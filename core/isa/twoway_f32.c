/* Products of a few rows, both ways, in single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#include "core/isa/twoway.inl"
