/* The readers under fuzzing (fuzz.c).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_FUZZ_H
#define KR_FUZZ_H

#include <kramers/context.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kr_fuzz_target {
    const char *name;
    void (*run)(kr_context *ctx, const char *name, const uint8_t *data, size_t size);
} kr_fuzz_target;

extern const kr_fuzz_target kr_fuzz_targets[]; /* ends with a NULL name */
void kr_fuzz_one(const kr_fuzz_target *target, const uint8_t *data, size_t size);
/* The bytes of a file (free), NULL when it cannot be read. */
char *kr_fuzz_load(const char *path, size_t *length);

#endif
