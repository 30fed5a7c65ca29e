/* The state of an optimizer as its kind lists it (kr_optimizer_item).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_OPTIMIZER_STATE_H
#define KR_CORE_OPTIMIZER_STATE_H

#include "core/optimizer.h"

/* options: a MAP (borrowed, strict keys, "type" is let through) or NULL = defaults. */
kr_status kr_optimizer_state_create(kr_context *ctx, const kr_optimizer_kind *kind, const kr_tree *options,
                                    const kr_optimizer_layout *layout, void **state);
void kr_optimizer_state_destroy(const kr_optimizer_kind *kind, void **state);
/* A MAP of the items that have a name. */
kr_status kr_optimizer_state_save(kr_context *ctx, const kr_optimizer_kind *kind, void *state, kr_tree **tree);
kr_status kr_optimizer_state_load(kr_context *ctx, const kr_optimizer_kind *kind, void *state, const kr_tree *tree);

kr_status kr_optimizer_put_counter(kr_context *ctx, kr_tree *map, const char *key, int64_t value);
kr_status kr_optimizer_take_counter(kr_context *ctx, const kr_tree *map, const char *key, int64_t most, int64_t *value);

#endif
