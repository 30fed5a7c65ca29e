/* What the files share that read sections of input.json. Private to input.c, input_model.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_INPUT_SECTIONS_H
#define KR_TRAINING_INPUT_SECTIONS_H

#include "core/error.h"
#include "training/input.h"

/* One section: given → values and, completed, into `parent` under `key`. The values borrow from the completed tree,
 * which stays where it is. */
kr_status kr_input_section(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                           void *values, kr_tree *parent, const char *key);

/* The child to write into. kr_tree_get is const for readers; the completed tree is ours. */
static inline kr_tree *kr_input_child(kr_tree *map, const char *key) { return (kr_tree *)kr_tree_get(map, key); }

/* A section that failed ends the reading, unless somebody collects mistakes (kr_context_set_mistake): then the next one
 * is read as well, and *failed keeps that one failed. */
static inline kr_status kr_input_gather(kr_context *ctx, kr_status status, kr_status *failed) {
    if (status != KR_ERR_FORMAT && status != KR_ERR_UNSUPPORTED) return status;
    *failed = status;
    return kr_context_mistake(ctx) ? KR_OK : status;
}

kr_status kr_input_read_model(kr_context *ctx, kr_input *in);

#endif
