/* Overflow-checked, 64-byte aligned memory.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_MEMORY_H
#define KR_CORE_MEMORY_H

#include <kramers/context.h>
#include <stddef.h>

#define KR_ALIGN 64

/* count * size zeroed bytes; count 0 gives a valid pointer. NULL on failure with KR_ERR_MEMORY set in ctx. */
void *kr_calloc(kr_context *ctx, size_t count, size_t size);
/* Not zeroed. */
void *kr_malloc(kr_context *ctx, size_t count, size_t size);
/* Keeps the first min(old_count, count) elements, the rest is not zeroed. NULL on failure: `old` stays valid. */
void *kr_realloc(kr_context *ctx, void *old, size_t old_count, size_t count, size_t size);
void kr_free(void *pointer);
char *kr_strdup(kr_context *ctx, const char *text);
/* printf into a new string. */
char *kr_strprintf(kr_context *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `target = kr_calloc(...)` with the jump to done: of error.h. */
#define KR_NEW(ctx, target, count)                              \
    do {                                                        \
        (target) = kr_calloc((ctx), (count), sizeof *(target)); \
        if (!(target)) {                                        \
            status = KR_ERR_MEMORY;                             \
            goto done;                                          \
        }                                                       \
    } while (0)

/* A grow-only buffer: scratch that is kept between calls. */
typedef struct kr_buffer {
    void *data;
    size_t bytes;
} kr_buffer;
/* Room for count * size bytes; contents are lost when it grows. */
kr_status kr_buffer_reserve(kr_context *ctx, kr_buffer *buffer, size_t count, size_t size);
void kr_buffer_free(kr_buffer *buffer);

/* For tests: the n-th allocation from now on fails (n ≥ 1); 0 switches it off. Counts over all threads. */
void kr_memory_fail_at(long n);
/* For tests: allocations that are live. */
long kr_memory_live(void);

#endif
