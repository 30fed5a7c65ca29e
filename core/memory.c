/* Aligned, overflow-checked allocation with a switch that makes the n-th allocation fail (for tests).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/error.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

static atomic_long fail_countdown; /* 0 = off */
static atomic_long live;

void kr_memory_fail_at(long n) { atomic_store(&fail_countdown, n); }
long kr_memory_live(void) { return atomic_load(&live); }

static int must_fail(void) {
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) <= 0) return 0;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

enum { HUGE_PAGE = 2 << 20 };

/* Large arrays lie on huge pages where the system has them on request: sweeps over all parameters of a network, or all
 * frames of a block, would else wait for the address tables, and the processor fetches ahead within a page only. The
 * last page is a huge one, too, when that takes at most a third more memory. */
static void *allocate(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (whole - bytes > bytes / 3) whole -= HUGE_PAGE;
    if (whole > 0) {
        void *pointer; /* aligned_alloc wants a size that is a multiple of the alignment */
        if (posix_memalign(&pointer, HUGE_PAGE, whole > bytes ? whole : bytes) != 0) return NULL;
        (void)madvise(pointer, whole, MADV_HUGEPAGE); /* a wish: nothing depends on it */
        return pointer;
    }
#endif
    return aligned_alloc(KR_ALIGN, bytes);
}

void *kr_malloc(kr_context *ctx, size_t count, size_t size) {
    if (size && count > (PTRDIFF_MAX - KR_ALIGN) / size) { /* no object may be larger than PTRDIFF_MAX */
        KR_ERROR(ctx, KR_ERR_MEMORY, "%zu elements of %zu bytes are more than the address space holds", count, size);
        return NULL;
    }
    size_t bytes = count * size;
    size_t rounded = bytes ? (bytes + KR_ALIGN - 1) / KR_ALIGN * KR_ALIGN : KR_ALIGN;
    void *pointer = must_fail() ? NULL : allocate(rounded);
    if (!pointer) {
        KR_ERROR(ctx, KR_ERR_MEMORY, "cannot allocate %zu bytes", bytes);
        return NULL;
    }
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return pointer;
}

void *kr_calloc(kr_context *ctx, size_t count, size_t size) {
    void *pointer = kr_malloc(ctx, count, size);
    size_t bytes = count * size; /* no overflow: kr_malloc checked it */
    if (pointer) memset(pointer, 0, bytes > 0 ? bytes : KR_ALIGN);
    return pointer;
}

void *kr_realloc(kr_context *ctx, void *old, size_t old_count, size_t count, size_t size) {
    void *pointer = kr_malloc(ctx, count, size);
    if (!pointer) return NULL;
    if (old) memcpy(pointer, old, (old_count < count ? old_count : count) * size);
    kr_free(old);
    return pointer;
}

void kr_free(void *pointer) {
    if (!pointer) return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(pointer);
}

char *kr_strdup(kr_context *ctx, const char *text) {
    size_t n = strlen(text) + 1;
    char *copy = kr_malloc(ctx, n, 1);
    if (copy) memcpy(copy, text, n);
    return copy;
}

char *kr_strprintf(kr_context *ctx, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) return NULL;
    char *text = kr_malloc(ctx, (size_t)n + 1, 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

kr_status kr_buffer_reserve(kr_context *ctx, kr_buffer *buffer, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size)
        return KR_ERROR(ctx, KR_ERR_MEMORY, "%zu elements of %zu bytes are more than the address space holds", count,
                        size);
    size_t bytes = count * size;
    if (bytes <= buffer->bytes && buffer->data) return KR_OK;
    size_t room = buffer->bytes + buffer->bytes / 2;
    if (room < bytes) room = bytes;
    void *data = kr_malloc(ctx, room, 1);
    if (!data) return KR_ERR_MEMORY;
    kr_free(buffer->data);
    buffer->data = data;
    buffer->bytes = room;
    return KR_OK;
}

void kr_buffer_free(kr_buffer *buffer) {
    if (!buffer) return;
    kr_free(buffer->data);
    buffer->data = NULL;
    buffer->bytes = 0;
}
