/* HDF5 files of the first layout: superblock, object headers, groups. Every number of the file is checked.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Source: HDF5 File Format Specification Version 3.0, sections II (superblock), III.A.1 (B-tree 1), III.B (symbol table
 * node), III.D (local heap), IV.A.1 (object header 1). All numbers are little-endian, addresses and lengths 8 bytes. */
#include "core/hdf5_classic.h"
#include "core/error.h"
#include "core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBER(p, bytes) kr_h5c_number((p), (bytes))

static kr_status broken(kr_context *ctx, const kr_h5c *file, const char *what, uint64_t address) {
    return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: damaged HDF5 file: %s at byte %llu", file->path, what,
                    (unsigned long long)(file->base + address));
}

kr_status kr_h5c_read(kr_context *ctx, const kr_h5c *file, uint64_t address, size_t n, void *to, const char *what) {
    uint64_t room = file->bytes - file->base;
    if (address > room || n > room - address) return broken(ctx, file, what, address);
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(file->fd, (char *)to + done, n - done, (off_t)(file->base + address + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return KR_ERROR(ctx, KR_ERR_IO, "%s: cannot read: %s", file->path, strerror(got ? errno : EIO));
        done += (size_t)got;
    }
    return KR_OK;
}

/* ---- open and close ---- */

/* The signature stands at byte 0, 512, 1024, 2048 … */
static void find_superblock(kr_h5c *file) {
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[9];
    for (uint64_t at = 0; at < file->bytes && file->bytes - at >= 96; at = at ? 2 * at : 512) {
        if (pread(file->fd, head, 9, (off_t)at) != 9) return;
        if (memcmp(head, signature, 8)) continue;
        file->base = at;
        file->known = head[8] <= 1;
        return;
    }
}

/* Superblock 0 and 1 differ by four bytes before the addresses. Its last field is the entry of the root group. */
static kr_status read_superblock(kr_context *ctx, kr_h5c *file) {
    kr_status status = KR_OK;
    unsigned char block[100] = {0};
    KR_TRY(kr_h5c_read(ctx, file, 0, 96, block, "the superblock"));
    const unsigned char *p = block + (block[8] == 1 ? 28 : 24);
    if (block[13] != 8 || block[14] != 8)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the HDF5 file has addresses of %d and lengths of %d bytes, 8 are allowed",
                file->path, block[13], block[14]);
    uint64_t end = NUMBER(p + 16, 8);
    if (end > file->bytes)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the HDF5 file should have %llu bytes and has %llu: it was cut off", file->path,
                (unsigned long long)end, (unsigned long long)file->bytes);
    file->root = NUMBER(p + 40, 8);
done:
    return status;
}

kr_status kr_h5c_open(kr_context *ctx, const char *path, kr_h5c **out) {
    kr_status status = KR_OK;
    kr_h5c *file = NULL;
    struct stat info;
    *out = NULL;
    KR_NEW(ctx, file, 1);
    file->path = path;
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &info)) KR_FAIL(ctx, KR_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    file->bytes = (uint64_t)info.st_size;
    if (S_ISDIR(info.st_mode)) KR_FAIL(ctx, KR_ERR_IO, "%s: is a folder", path);
    find_superblock(file);
    if (file->known) KR_TRY(read_superblock(ctx, file));
    *out = file;
    file = NULL;
done:
    kr_h5c_close(&file);
    return status;
}

static void free_group(kr_h5c_group *group) {
    if (!group) return;
    kr_free(group->names);
    kr_free(group->member);
    kr_free(group);
}

void kr_h5c_close(kr_h5c **file) {
    if (!*file) return;
    for (kr_h5c_group *group = (*file)->groups, *next; group; group = next) {
        next = group->next;
        free_group(group);
    }
    if ((*file)->fd >= 0) close((*file)->fd);
    kr_free((*file)->heap);
    kr_free(*file);
    *file = NULL;
}

/* ---- object headers ---- */

void kr_h5c_header_free(kr_h5c_header *header) {
    kr_free(header->data);
    kr_free(header->message);
    *header = (kr_h5c_header){NULL, 0, NULL, 0};
}

const unsigned char *kr_h5c_find(const kr_h5c_header *header, int type, size_t *size) {
    for (int i = 0; i < header->count; i++) {
        if (header->message[i].type != type) continue;
        *size = header->message[i].size;
        return header->data + header->message[i].at;
    }
    return NULL;
}

/* Appends the bytes of one chunk to header->data. All chunks together are no larger than the file, so that a chain of
 * continuations that meets itself ends. */
static kr_status read_chunk(kr_context *ctx, const kr_h5c *file, uint64_t address, uint64_t size,
                            kr_h5c_header *header) {
    kr_status status = KR_OK;
    if (size > file->bytes - header->bytes) return broken(ctx, file, "the size of an object header", address);
    unsigned char *data = kr_realloc(ctx, header->data, header->bytes, header->bytes + (size_t)size, 1);
    if (!data) return KR_ERR_MEMORY;
    header->data = data;
    KR_TRY(kr_h5c_read(ctx, file, address, (size_t)size, data + header->bytes, "an object header"));
    header->bytes += (size_t)size;
done:
    return status;
}

/* Header: version, messages (2 bytes at 2), size of the first chunk (4 bytes at 8). Message: type (2), size (2), flags,
 * three unused bytes, data. */
kr_status kr_h5c_header_read(kr_context *ctx, const kr_h5c *file, uint64_t address, kr_h5c_header *header) {
    kr_status status = KR_OK;
    unsigned char head[16];
    *header = (kr_h5c_header){NULL, 0, NULL, 0};
    KR_TRY(kr_h5c_read(ctx, file, address, sizeof head, head, "an object header"));
    if (!memcmp(head, "OHDR", 4)) return KR_ERR_UNSUPPORTED; /* object header 2 */
    if (head[0] != 1) KR_TRY(broken(ctx, file, "an object header", address));
    int count = (int)NUMBER(head + 2, 2);
    KR_NEW(ctx, header->message, (size_t)count);
    KR_TRY(read_chunk(ctx, file, address + 16, NUMBER(head + 8, 4), header));
    size_t at = 0;
    while (header->count < count && header->bytes - at >= 8) {
        const unsigned char *p = header->data + at;
        kr_h5c_message *message = &header->message[header->count++];
        *message = (kr_h5c_message){(int)NUMBER(p, 2), p[4], at + 8, (size_t)NUMBER(p + 2, 2)};
        if (message->size > header->bytes - message->at) KR_TRY(broken(ctx, file, "a message of the object", address));
        at = message->at + message->size;
        if (message->type != KR_H5C_CONTINUATION) continue;
        if (message->size < 16) KR_TRY(broken(ctx, file, "a continuation of the object", address));
        KR_TRY(read_chunk(ctx, file, NUMBER(p + 8, 8), NUMBER(p + 16, 8), header));
    }
done:
    if (status < 0) kr_h5c_header_free(header);
    return status;
}

/* ---- groups ---- */

typedef struct group_reader {
    kr_context *ctx;
    const kr_h5c *file;
    kr_h5c_group *group;
    size_t room, name_bytes;
    uint64_t nodes; /* that may still be visited */
} group_reader;

/* Local heap: "HEAP", version, size (8 bytes at 8), address of the data (8 bytes at 24). It is kept with a final zero,
 * so that every name in it ends. */
static kr_status read_names(group_reader *r, uint64_t address) {
    kr_status status = KR_OK;
    unsigned char head[32];
    KR_TRY(kr_h5c_read(r->ctx, r->file, address, sizeof head, head, "a heap of names"));
    uint64_t size = NUMBER(head + 8, 8);
    if (memcmp(head, "HEAP", 5) || size > r->file->bytes) return broken(r->ctx, r->file, "a heap of names", address);
    r->name_bytes = (size_t)size;
    r->group->names = kr_malloc(r->ctx, r->name_bytes + 1, 1);
    if (!r->group->names) return KR_ERR_MEMORY;
    KR_TRY(kr_h5c_read(r->ctx, r->file, NUMBER(head + 24, 8), r->name_bytes, r->group->names, "names of a group"));
    r->group->names[size] = 0;
done:
    return status;
}

/* Does a name begin at this byte of the heap and end within it? The HDF5 library follows it to its zero. */
static int is_name(const group_reader *r, uint64_t at) {
    return at < r->name_bytes && memchr(r->group->names + at, 0, r->name_bytes - (size_t)at);
}

/* Symbol table node: "SNOD", version, entries (2 bytes at 6); entry of 40 bytes: name, object header, kind (4 bytes at
 * 16; 2 = soft link, whose target is a name at 24). */
static kr_status read_symbols(group_reader *r, uint64_t address) {
    kr_status status = KR_OK;
    unsigned char head[8], entry[40];
    KR_TRY(kr_h5c_read(r->ctx, r->file, address, sizeof head, head, "a node of a group"));
    if (memcmp(head, "SNOD\1", 5) || r->nodes-- == 0) return broken(r->ctx, r->file, "a node of a group", address);
    int count = (int)NUMBER(head + 6, 2);
    for (int i = 0; i < count; i++) {
        kr_h5c_group *group = r->group;
        KR_TRY(
            kr_h5c_read(r->ctx, r->file, address + 8 + 40 * (uint64_t)i, sizeof entry, entry, "a member of a group"));
        uint64_t name = NUMBER(entry, 8);
        if (!is_name(r, name)) return broken(r->ctx, r->file, "the name of a member of a group", address);
        if (group->count == r->room) {
            size_t room = 2 * r->room + 16;
            kr_h5c_member *members = kr_realloc(r->ctx, group->member, group->count, room, sizeof *members);
            if (!members) return KR_ERR_MEMORY;
            group->member = members;
            r->room = room;
        }
        kr_h5c_member *member = &group->member[group->count];
        *member = (kr_h5c_member){group->names + name, NULL, NUMBER(entry + 8, 8)};
        if (NUMBER(entry + 16, 4) == 2) {
            uint64_t target = NUMBER(entry + 24, 4);
            if (!is_name(r, target)) return broken(r->ctx, r->file, "a soft link of a group", address);
            member->target = group->names + target;
        }
        if (group->count && strcmp(member[-1].name, member->name) >= 0)
            return broken(r->ctx, r->file, "the order of the names of a group", address);
        group->count++;
    }
done:
    return status;
}

/* B-tree node: "TREE", type 0, level, children (2 bytes at 6), siblings, then key, child, key, child … key; keys are
 * names between the children. Children of level 0 are symbol table nodes. level < 0: any. */
static kr_status read_tree(group_reader *r, uint64_t address, int level) {
    kr_status status = KR_OK;
    unsigned char head[24], pair[16];
    KR_TRY(kr_h5c_read(r->ctx, r->file, address, sizeof head, head, "a tree of a group"));
    if (memcmp(head, "TREE", 5) || (level >= 0 && head[5] != level) || r->nodes-- == 0)
        return broken(r->ctx, r->file, "a tree of a group", address);
    level = head[5];
    int count = (int)NUMBER(head + 6, 2);
    for (int i = 0; i < count; i++) {
        KR_TRY(kr_h5c_read(r->ctx, r->file, address + 24 + 16 * (uint64_t)i, sizeof pair, pair, "a tree of a group"));
        if (!is_name(r, NUMBER(pair, 8))) return broken(r->ctx, r->file, "a tree of a group", address);
        KR_TRY(level ? read_tree(r, NUMBER(pair + 8, 8), level - 1) : read_symbols(r, NUMBER(pair + 8, 8)));
    }
    if (count) KR_TRY(kr_h5c_read(r->ctx, r->file, address + 24 + 16 * (uint64_t)count, 8, pair, "a tree of a group"));
    if (count && !is_name(r, NUMBER(pair, 8))) return broken(r->ctx, r->file, "a tree of a group", address);
done:
    return status;
}

/* *out is NULL when the object is no group. */
static kr_status read_group(kr_context *ctx, kr_h5c *file, uint64_t address, kr_h5c_group **out) {
    kr_status status = KR_OK;
    kr_h5c_header header = {NULL, 0, NULL, 0};
    kr_h5c_group *group = NULL;
    size_t size = 0;
    *out = NULL;
    for (kr_h5c_group **link = &file->groups; *link; link = &(*link)->next)
        if ((*link)->address == address) { /* known: to the front */
            group = *link;
            *link = group->next;
            goto keep;
        }
    KR_TRY(kr_h5c_header_read(ctx, file, address, &header));
    const unsigned char *symbols = kr_h5c_find(&header, KR_H5C_SYMBOLS, &size);
    if (!symbols) {
        status = kr_h5c_find(&header, KR_H5C_LINKS, &size) ? KR_ERR_UNSUPPORTED : KR_OK;
        goto done;
    }
    if (size < 16) KR_TRY(broken(ctx, file, "a group", address));
    KR_NEW(ctx, group, 1);
    group->address = address;
    group_reader reader = {ctx, file, group, 0, 0, file->bytes / 8};
    KR_TRY(read_names(&reader, NUMBER(symbols + 8, 8)));
    KR_TRY(read_tree(&reader, NUMBER(symbols, 8), -1));
keep:
    group->next = file->groups;
    file->groups = group;
    *out = group;
    group = NULL;
done:
    free_group(group);
    kr_h5c_header_free(&header);
    return status;
}

static const kr_h5c_member *find_member(const kr_h5c_group *group, const char *name, size_t n) {
    size_t low = 0, high = group->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(group->member[middle].name, name, n);
        if (order == 0 && !group->member[middle].name[n]) return &group->member[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The object `name` counted from the group `start`, or from the root when it begins with a slash. */
static kr_status find_from(kr_context *ctx, kr_h5c *file, uint64_t start, const char *name, int *links,
                           uint64_t *address, int *found) {
    kr_status status = KR_OK;
    uint64_t at = *name == '/' ? file->root : start;
    *found = 0;
    for (const char *rest = name; *rest;) {
        size_t n = strcspn(rest, "/");
        if (n > 0 && !(n == 1 && *rest == '.')) {
            kr_h5c_group *group = NULL;
            KR_TRY(read_group(ctx, file, at, &group));
            const kr_h5c_member *member = group ? find_member(group, rest, n) : NULL;
            if (!member) goto done;
            if (member->target) { /* a soft link, from the group it stands in */
                if (--*links < 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: too many soft links at %s", file->path, name);
                KR_TRY(find_from(ctx, file, at, member->target, links, &at, found));
                if (!*found) goto done;
                *found = 0;
            } else {
                at = member->address;
            }
        }
        rest += n + (rest[n] == '/');
    }
    *address = at;
    *found = 1;
done:
    return status;
}

kr_status kr_h5c_find_object(kr_context *ctx, kr_h5c *file, const char *name, uint64_t *address, int *found) {
    int links = 16; /* in all, so that links that meet themselves end */
    return find_from(ctx, file, file->root, name, &links, address, found);
}

kr_status kr_h5c_find_group(kr_context *ctx, kr_h5c *file, const char *name, kr_h5c_group **group) {
    kr_status status = KR_OK;
    uint64_t address = 0;
    int found;
    *group = NULL;
    KR_TRY(kr_h5c_find_object(ctx, file, name, &address, &found));
    if (found) KR_TRY(read_group(ctx, file, address, group));
done:
    return status;
}
