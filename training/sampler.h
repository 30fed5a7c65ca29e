/* Batch sizes, probabilities of systems, order of frames: the rules behind kr_data_batch.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_SAMPLER_H
#define KR_TRAINING_SAMPLER_H

#include "training/data.h"

kr_status kr_sampler_set(kr_context *ctx, kr_data_set *set, const kr_input_data *options, const char *where, int order,
                         uint64_t seed);
/* Is it one of the words of a batch_size: auto, auto:N, max:N, filter:N, mixed:N? */
int kr_sampler_word(const char *text);

#endif
