/* The training input of a campaign: the user's model.training with elements, data, seeds and length filled in.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_CONFIG_TRAINING_H
#define KR_EELT_CONFIG_TRAINING_H

#include "eelt/config.h"

typedef struct kr_training_fill {
    int nsystems, nvalidation; /* paths, as the training will read them */
    char *const *systems, *const *validation;
    const char *auto_prob; /* NULL = the user's */
    uint64_t seed;         /* of everything random; < 2^31 */
    double steps, rate;    /* factors of numb_steps and start_lr */
} kr_training_fill;

/* *input: a new tree. */
kr_status kr_config_training(kr_context *ctx, const kr_config *config, const kr_training_fill *fill, kr_tree **input);
/* Is it an input that can be trained? Mistakes are told with the place in eelt.json or in the file of the input. */
kr_status kr_config_training_check(kr_context *ctx, const kr_config *config);

#endif
