/* Reader of HDF5 files in their first layout (superblock 0 and 1, symbol-table groups, object headers 1), which is what
 * h5py, DeePMD-kit and this library write.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The HDF5 library trusts the numbers in such files, which carry no checksums: a damaged one makes it hang, write
 * beyond its memory or leak it. Here every address and length is checked. What this reader does not know (chunks, newer
 * object headers) is left to the library: KR_ERR_UNSUPPORTED without a message. core/hdf5.c is the only user. */
#ifndef KR_CORE_HDF5_CLASSIC_H
#define KR_CORE_HDF5_CLASSIC_H

#include "core/tree.h"
#include <stdint.h>

/* ---- the file: superblock, object headers, groups (hdf5_classic.c) ---- */

typedef struct kr_h5c_member {
    const char *name;   /* inside the group's names */
    const char *target; /* of a soft link, inside the group's names; NULL: an object */
    uint64_t address;   /* of the object header */
} kr_h5c_member;

typedef struct kr_h5c_group {
    struct kr_h5c_group *next;
    uint64_t address;
    char *names;
    kr_h5c_member *member; /* sorted by name */
    size_t count;
} kr_h5c_group;

typedef struct kr_h5c {
    int fd, known;              /* known: superblock 0 or 1; only the heap functions work for others */
    uint64_t bytes, base, root; /* size of the file; where its addresses count from; object header of "/" */
    const char *path;
    kr_h5c_group *groups; /* those that were read; the last one used comes first */
    unsigned char *heap;  /* the global heap collection read last */
    uint64_t heap_address, heap_bytes;
} kr_h5c;

/* All messages of an object header in one block. */
typedef struct kr_h5c_message {
    int type;
    unsigned flags;
    size_t at, size; /* in kr_h5c_header.data */
} kr_h5c_message;

typedef struct kr_h5c_header {
    unsigned char *data;
    size_t bytes;
    kr_h5c_message *message;
    int count;
} kr_h5c_header;

/* `path` is kept, not copied. */
kr_status kr_h5c_open(kr_context *ctx, const char *path, kr_h5c **out);
void kr_h5c_close(kr_h5c **file);
/* n bytes at an address of the file. */
kr_status kr_h5c_read(kr_context *ctx, const kr_h5c *file, uint64_t address, size_t n, void *to, const char *what);
kr_status kr_h5c_header_read(kr_context *ctx, const kr_h5c *file, uint64_t address, kr_h5c_header *header);
void kr_h5c_header_free(kr_h5c_header *header);
/* The first message of a type, NULL without one; *size its length. */
const unsigned char *kr_h5c_find(const kr_h5c_header *header, int type, size_t *size);
/* Address of the object "/a/b"; *found is 0 when there is none. What is damaged is an error, not missing. */
kr_status kr_h5c_find_object(kr_context *ctx, kr_h5c *file, const char *name, uint64_t *address, int *found);
/* The members of a group, which belong to the file; NULL when there is no such group. */
kr_status kr_h5c_find_group(kr_context *ctx, kr_h5c *file, const char *name, kr_h5c_group **group);

/* Message types. */
enum {
    KR_H5C_SPACE = 0x1,
    KR_H5C_LINKS = 0x2, /* of groups in a newer layout */
    KR_H5C_TYPE = 0x3,
    KR_H5C_EXTERNAL = 0x7,
    KR_H5C_LAYOUT = 0x8,
    KR_H5C_ATTRIBUTE = 0xc,
    KR_H5C_CONTINUATION = 0x10,
    KR_H5C_SYMBOLS = 0x11,
    KR_H5C_ATTRIBUTES = 0x15 /* attributes outside of the header */
};

static inline uint64_t kr_h5c_number(const unsigned char *p, int bytes) { /* little-endian */
    uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | p[bytes];
    return value;
}

/* ---- strings of variable length (hdf5_heap.c), in files of any version ---- */

/* The string behind the 16 bytes of a reference; `name` is for messages. */
kr_status kr_h5c_string(kr_context *ctx, kr_h5c *file, const char *name, const unsigned char *reference, char **text);
/* Looks at all heap collections before the library does, which trusts them. */
kr_status kr_h5c_heaps_check(kr_context *ctx, const kr_h5c *file);

/* ---- values (hdf5_values.c); as the functions of core/hdf5.h ---- */

kr_status kr_h5c_read_array(kr_context *ctx, kr_h5c *file, const char *name, kr_tree **array);
kr_status kr_h5c_read_strings(kr_context *ctx, kr_h5c *file, const char *name, int *count, char ***strings);
kr_status kr_h5c_read_attribute(kr_context *ctx, kr_h5c *file, const char *name, char **text);

#endif
