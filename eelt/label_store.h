/* Labels by their keys: one small HDF5 file each, in a folder that campaigns may share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LABEL_STORE_H
#define KR_EELT_LABEL_STORE_H

#include "eelt/labeller.h"

typedef struct kr_label_store {
    char *own, *shared; /* folders; shared may be NULL, and may be read-only */
    int warned;
} kr_label_store;

kr_status kr_label_store_open(kr_context *ctx, const char *own, const char *shared, kr_label_store *store);
void kr_label_store_close(kr_label_store *store);
int kr_label_store_has(kr_context *ctx, const kr_label_store *store, const char *key);
/* Writes by rename, atoms in canonical order (structure.h); to the shared folder, or to our own when that one cannot
 * be written. */
kr_status kr_label_store_put(kr_context *ctx, kr_label_store *store, const char *key, const kr_label_frame *frame,
                             const kr_label_result *result);
/* The label in the order of this frame's atoms. */
kr_status kr_label_store_get(kr_context *ctx, const kr_label_store *store, const char *key, const kr_label_frame *frame,
                             kr_label_result *result);

#endif
