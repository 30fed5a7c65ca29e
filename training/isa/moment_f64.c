/* A step of the moment engine in double precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 0
#include "training/isa/moment.inl"
