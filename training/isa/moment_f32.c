/* A step of the moment engine in single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#include "training/isa/moment.inl"
