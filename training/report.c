/* What a run has to tell: data, model, and at the end its errors.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "training/training_impl.h"
#include <stdio.h>

void kr_training_describe(const kr_training *t, void (*line)(const char *text, void *payload), void *payload) {
    (void)t;
    line("training", payload);
}
kr_status kr_training_report(kr_context *ctx, kr_training *training, void (*line)(const char *text, void *payload),
                             void *payload) {
    (void)ctx;
    (void)training;
    (void)line;
    (void)payload;
    return KR_OK;
}
