/* Sweeps of the Kalman filter in double precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 0
#include "core/isa/kalman.inl"
