/* Sweeps of the Kalman filter in single precision.
 * SPDX-License-Identifier: BSD-3-Clause */
#define KR_SINGLE 1
#include "core/isa/kalman.inl"
