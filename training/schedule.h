/* Learning rates (DeePMD-kit's definitions).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * T = steps − warm-up, t = step − warm-up ≥ 0:
 *   exp     start · rate^⌊t/decay_steps⌋ (smooth: real exponent), at least stop;
 *           rate = (max(stop, 1e-10)/start)^(decay_steps/T) unless given
 *   cosine  stop + (start − stop) (1 + cos πt/T)/2
 *   wsd     start, then in the last decay_phase_ratio of the steps down to stop: inverse_linear, cosine or linear
 * Warm-up: f start + (1 − f) start · step/warm-up. */
#ifndef KR_TRAINING_SCHEDULE_H
#define KR_TRAINING_SCHEDULE_H

#include "training/input.h"

typedef struct kr_schedule {
    int type, smooth, decay_type;
    double start, stop, rate, warmup_start;
    int64_t steps, warmup, decay_steps, stable; /* stable: wsd, steps after the warm-up before the rate falls */
} kr_schedule;

kr_status kr_schedule_set(kr_context *ctx, const kr_input_rate *rate, int64_t numb_steps, kr_schedule *schedule);
double kr_schedule_at(const kr_schedule *schedule, int64_t step);

#endif
