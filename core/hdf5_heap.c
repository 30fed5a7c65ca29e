/* Strings of variable length in HDF5 files: the global heap.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A dataset or attribute holds references {length (4), address of a collection (8), object (4)}. A collection: "GCOL",
 * version, size (8 bytes at 8), then objects {index (2), references (2), unused (4), size (8), data in whole words};
 * index 0 is what is free and ends the list. Source: HDF5 File Format Specification Version 3.0, section III.E.
 * The collections carry no checksum in any version of the format, and the HDF5 library loops forever on a size of 0. */
#include "core/error.h"
#include "core/hdf5_classic.h"
#include "core/memory.h"
#include <string.h>

#define NUMBER(p, bytes) kr_h5c_number((p), (bytes))

static kr_status broken(kr_context *ctx, const kr_h5c *file, uint64_t address) {
    return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: damaged HDF5 file: heap of strings at byte %llu", file->path,
                    (unsigned long long)(file->base + address));
}

/* The collection at an address, kept until another one is wanted. */
static kr_status read_collection(kr_context *ctx, kr_h5c *file, uint64_t address) {
    kr_status status = KR_OK;
    unsigned char head[16];
    if (file->heap && file->heap_address == address) return KR_OK;
    kr_free(file->heap);
    file->heap = NULL;
    KR_TRY(kr_h5c_read(ctx, file, address, sizeof head, head, "a heap of strings"));
    uint64_t size = NUMBER(head + 8, 8);
    if (memcmp(head, "GCOL\1", 5) || size < 16 || size > file->bytes) return broken(ctx, file, address);
    file->heap = kr_malloc(ctx, (size_t)size, 1);
    if (!file->heap) return KR_ERR_MEMORY;
    KR_TRY(kr_h5c_read(ctx, file, address, (size_t)size, file->heap, "a heap of strings"));
    file->heap_address = address;
    file->heap_bytes = size;
done:
    if (status < 0) {
        kr_free(file->heap);
        file->heap = NULL;
    }
    return status;
}

/* Object `index` of the collection in memory, NULL without one. */
static const unsigned char *find_object(const kr_h5c *file, uint64_t index, uint64_t *size) {
    for (uint64_t at = 16; file->heap_bytes - at >= 16;) {
        const unsigned char *p = file->heap + at;
        uint64_t left = file->heap_bytes - at - 16;
        *size = NUMBER(p + 8, 8);
        if (NUMBER(p, 2) == 0 || *size > left) return NULL;
        if (NUMBER(p, 2) == index) return p + 16;
        uint64_t step = *size + (-*size & 7);
        at += 16 + (step < left ? step : left);
    }
    return NULL;
}

kr_status kr_h5c_string(kr_context *ctx, kr_h5c *file, const char *name, const unsigned char *reference, char **text) {
    kr_status status = KR_OK;
    const unsigned char *object = NULL;
    uint64_t length = NUMBER(reference, 4), size = 0;
    size_t n = 0;
    *text = NULL;
    if (length > 0) {
        KR_TRY(read_collection(ctx, file, NUMBER(reference + 4, 8)));
        object = find_object(file, NUMBER(reference + 12, 4), &size);
        if (!object || size < length)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: %s refers to a string that is not in its heap", file->path, name);
        n = strnlen((const char *)object, (size_t)length);
    }
    *text = kr_malloc(ctx, n + 1, 1);
    if (!*text) KR_TRY(KR_ERR_MEMORY);
    if (n) memcpy(*text, object, n);
    (*text)[n] = 0;
done:
    return status;
}

/* Would the library come to the end of this collection? Every step must go forward and end inside. */
static kr_status check_collection(kr_context *ctx, const kr_h5c *file, uint64_t address, uint64_t size) {
    kr_status status = KR_OK;
    unsigned char object[16];
    for (uint64_t at = 16; size - at >= 16;) {
        KR_TRY(kr_h5c_read(ctx, file, address + at, sizeof object, object, "a heap of strings"));
        uint64_t n = NUMBER(object + 8, 8);
        uint64_t step = NUMBER(object, 2) ? 16 + n + (-n & 7) : n; /* the free object counts its own head */
        if (n > size - at || step < 16 || step > size - at) return broken(ctx, file, address);
        at += step;
    }
done:
    return status;
}

kr_status kr_h5c_heaps_check(kr_context *ctx, const kr_h5c *file) {
    enum { BLOCK = 65536, HEAD = 16 };
    kr_status status = KR_OK;
    unsigned char *block = kr_malloc(ctx, BLOCK, 1);
    const uint64_t bytes = file->bytes - file->base;
    if (!block) return KR_ERR_MEMORY;
    for (uint64_t at = 0; bytes - at > HEAD; at += BLOCK - HEAD) {
        size_t n = bytes - at < BLOCK ? (size_t)(bytes - at) : BLOCK;
        KR_TRY(kr_h5c_read(ctx, file, at, n, block, "data"));
        for (size_t i = 0; i + HEAD <= n; i++) {
            const unsigned char *p = memchr(block + i, 'G', n - HEAD + 1 - i);
            if (!p) break;
            i = (size_t)(p - block);
            /* what is longer than the rest of the file is no collection: the library could not read it */
            if (!memcmp(p, "GCOL\1", 5) && NUMBER(p + 8, 8) >= HEAD && NUMBER(p + 8, 8) <= bytes - at - i)
                KR_TRY(check_collection(ctx, file, at + i, NUMBER(p + 8, 8)));
        }
        if (n < BLOCK) break;
    }
done:
    kr_free(block);
    return status;
}
