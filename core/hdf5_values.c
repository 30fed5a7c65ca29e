/* HDF5 files of the first layout: numbers, strings, attributes. Every number of the file is checked.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Source: HDF5 File Format Specification Version 3.0, sections IV.A.2.b (dataspace), d (datatype),
 * i (layout), m (attribute). Storage: contiguous and compact. */
#include "core/error.h"
#include "core/hdf5_classic.h"
#include "core/memory.h"
#include <string.h>

#define NUMBER(p, bytes) kr_h5c_number((p), (bytes))

typedef enum value_class {
    CLASS_FLOAT,
    CLASS_SIGNED,
    CLASS_UNSIGNED,
    CLASS_FIXED_STRING,
    CLASS_VARIABLE_STRING
} value_class;

/* What is stored and where. */
typedef struct values {
    value_class kind;
    kr_dtype dtype;
    size_t width; /* bytes per element */
    int big_endian, exponent_bits, space_padded;
    int ndim;
    size_t shape[8], count;
    const unsigned char *inside; /* compact data and attributes: they lie in the object header; otherwise NULL */
    uint64_t address;            /* contiguous data */
} values;

static kr_status refuse(kr_context *ctx, const kr_h5c *file, const char *name, const char *what) {
    return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: dataset %s %s", file->path, name, what);
}

/* ---- descriptions ---- */

/* Version 1: version, rank, flags, 5 unused bytes, sizes. Version 2: version, rank, flags, kind (2 = null), sizes. */
static int parse_space(const unsigned char *p, size_t n, values *v) {
    size_t head = n >= 4 && p[0] == 1 ? 8 : 4;
    if (n < head || (p[0] != 1 && p[0] != 2) || p[1] > 8 || (p[0] == 2 && p[3] > 1) || n < head + 8 * (size_t)p[1])
        return 0;
    v->ndim = p[1];
    v->count = 1;
    for (int i = 0; i < v->ndim; i++) {
        uint64_t size = NUMBER(p + head + 8 * (size_t)i, 8);
        if (size > SIZE_MAX / 64 || (size && v->count > SIZE_MAX / 64 / size)) return 0;
        v->shape[i] = (size_t)size;
        v->count *= (size_t)size;
    }
    return 1;
}

/* Floating point: the four IEEE-like types, whole and in the usual order of sign, exponent and mantissa. Properties:
 * bit offset (2), precision (2), exponent at, exponent bits, mantissa at, mantissa bits, bias (4). */
static int parse_float(const unsigned char *p, size_t n, values *v) {
    static const struct {
        size_t width;
        int exponent, mantissa;
        uint64_t bias;
        kr_dtype dtype;
    } known[] = {{8, 11, 52, 1023, KR_FLOAT64},
                 {4, 8, 23, 127, KR_FLOAT32},
                 {2, 5, 10, 15, KR_FLOAT16},
                 {2, 8, 7, 127, KR_BFLOAT16}};
    if (n < 20 || (p[1] & 0x70) != 0x20) return 0; /* normalized with a hidden bit, no VAX order */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (v->width != known[i].width || p[13] != known[i].exponent) continue;
        v->dtype = known[i].dtype;
        v->exponent_bits = p[13];
        return !NUMBER(p + 8, 2) && NUMBER(p + 10, 2) == 8 * v->width && p[12] == known[i].mantissa && !p[14] &&
               p[15] == known[i].mantissa && NUMBER(p + 16, 4) == known[i].bias && p[2] == 8 * v->width - 1;
    }
    return 0;
}

/* Datatype: class and version, three bytes of flags, size (4), properties. Also h5py's booleans (an enumeration: its
 * properties begin with the type below) and bfloat16 of ml_dtypes (two opaque bytes). */
static int parse_type(const unsigned char *p, size_t n, values *v) {
    if (n < 8 || p[0] >> 4 < 1 || p[0] >> 4 > 3) return 0;
    size_t width = (size_t)NUMBER(p + 4, 4);
    v->width = width;
    v->big_endian = p[1] & 1;
    if (width == 0) return 0;
    switch (p[0] & 15) {
    case 0: /* integer */
        v->kind = p[1] & 8 ? CLASS_SIGNED : CLASS_UNSIGNED;
        v->dtype = width < 4 || (width == 4 && p[1] & 8) ? KR_INT32 : KR_INT64;
        return n >= 12 && (width == 1 || width == 2 || width == 4 || width == 8) && !NUMBER(p + 8, 2) &&
               NUMBER(p + 10, 2) == 8 * width;
    case 1:
        v->kind = CLASS_FLOAT;
        return parse_float(p, n, v);
    case 3:
        v->kind = CLASS_FIXED_STRING;
        v->space_padded = (p[1] & 15) == 2;
        return 1;
    case 5:
        v->kind = CLASS_FLOAT;
        v->dtype = KR_BFLOAT16;
        v->exponent_bits = 8;
        v->big_endian = 0;
        return width == 2;
    case 8:
        if (n < 16 || (p[8] & 15) != 0 || !parse_type(p + 8, n - 8, v)) return 0;
        v->dtype = KR_INT32;
        return v->width == width;
    case 9: /* variable length: kind 1 is a string; length (4), heap collection (8), object (4) */
        v->kind = CLASS_VARIABLE_STRING;
        return width == 16 && (p[1] & 15) == 1;
    default:
        return 0;
    }
}

/* Layout of version 3: version, class (0 compact: size (2), data; 1 contiguous: address, size; 2 chunks). */
static kr_status parse_layout(kr_context *ctx, const kr_h5c *file, const char *name, const unsigned char *p, size_t n,
                              values *v) {
    size_t need = v->count * v->width; /* parse_space leaves room for widths up to 64; others are checked */
    if (v->width > 64 && v->count > SIZE_MAX / v->width) return refuse(ctx, file, name, "is larger than the file");
    if (n < 2 || p[0] != 3) return refuse(ctx, file, name, "has an unknown storage layout");
    if (p[1] == 2) return KR_ERR_UNSUPPORTED; /* chunks */
    if (p[1] == 0 && n >= 4) {
        if (NUMBER(p + 2, 2) < need || n - 4 < need) return refuse(ctx, file, name, "is larger than its storage");
        v->inside = p + 4;
        return KR_OK;
    }
    if (p[1] != 1 || n < 18) return refuse(ctx, file, name, "has an unknown storage layout");
    v->address = NUMBER(p + 2, 8);
    if (need && v->address == UINT64_MAX) return refuse(ctx, file, name, "was never written");
    if (need > NUMBER(p + 10, 8) || need > file->bytes - file->base ||
        (need && v->address > file->bytes - file->base - need))
        return refuse(ctx, file, name, "is larger than the file");
    return KR_OK;
}

/* The description of a dataset; header is to be freed by the caller, v->inside points into it. */
static kr_status open_values(kr_context *ctx, kr_h5c *file, const char *name, kr_h5c_header *header, values *v) {
    kr_status status = KR_OK;
    uint64_t address = 0;
    size_t space = 0, type = 0, layout = 0, unused;
    int found;
    KR_TRY(kr_h5c_find_object(ctx, file, name, &address, &found));
    if (!found) KR_TRY(refuse(ctx, file, name, "does not exist"));
    KR_TRY(kr_h5c_header_read(ctx, file, address, header));
    const unsigned char *s = kr_h5c_find(header, KR_H5C_SPACE, &space), *t = kr_h5c_find(header, KR_H5C_TYPE, &type),
                        *l = kr_h5c_find(header, KR_H5C_LAYOUT, &layout);
    if (!s || !t || !l) KR_TRY(refuse(ctx, file, name, "is no dataset"));
    for (int i = 0; i < header->count; i++)
        if (header->message[i].flags & 2)
            KR_TRY(refuse(ctx, file, name, "shares its description, which is not supported"));
    if (kr_h5c_find(header, KR_H5C_EXTERNAL, &unused)) KR_TRY(refuse(ctx, file, name, "lies in another file"));
    if (!parse_space(s, space, v)) KR_TRY(refuse(ctx, file, name, "has no usable shape (0 to 8 dimensions)"));
    if (!parse_type(t, type, v)) KR_TRY(refuse(ctx, file, name, "holds neither numbers nor strings"));
    KR_TRY(parse_layout(ctx, file, name, l, layout, v));
done:
    return status;
}

/* ---- numbers ---- */

/* One number of floating point with `exponent_bits`; every value fits a double. */
static double decode_float(const values *v, uint64_t bits) {
    double d;
    float f;
    if (v->width == 8) {
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    uint32_t word = (uint32_t)bits;
    if (v->width == 2 && v->exponent_bits == 8) word <<= 16; /* bfloat16: the upper half of a float */
    if (v->width == 2 && v->exponent_bits == 5) {
        uint32_t sign = word >> 15 << 31, exponent = word >> 10 & 31, mantissa = word & 1023;
        if (exponent == 0) return (sign ? -1 : 1) * (double)mantissa * 0x1p-24; /* zero and subnormal */
        word = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
    }
    memcpy(&f, &word, sizeof f);
    return f;
}

static double decode(const values *v, const unsigned char *p) {
    uint64_t bits = 0;
    if (v->big_endian)
        for (size_t i = 0; i < v->width; i++) bits = bits << 8 | p[i];
    else
        bits = NUMBER(p, (int)v->width);
    if (v->kind == CLASS_FLOAT) return decode_float(v, bits);
    if (v->kind == CLASS_UNSIGNED) return (double)bits;
    int unused = 64 - 8 * (int)v->width; /* sign extension */
    return (double)((int64_t)(bits << unused) / ((int64_t)1 << unused));
}

static kr_status read_numbers(kr_context *ctx, const kr_h5c *file, const values *v, double *data) {
    kr_status status = KR_OK;
    unsigned char block[8192];
    const size_t most = sizeof block / v->width;
    for (size_t i = 0; i < v->count;) {
        size_t n = v->count - i < most ? v->count - i : most;
        const unsigned char *p = v->inside ? v->inside + i * v->width : block;
        if (!v->inside)
            KR_TRY(kr_h5c_read(ctx, file, v->address + i * v->width, n * v->width, block, "the data of a dataset"));
        for (size_t k = 0; k < n; k++) data[i + k] = decode(v, p + k * v->width);
        i += n;
    }
done:
    return status;
}

kr_status kr_h5c_read_array(kr_context *ctx, kr_h5c *file, const char *name, kr_tree **array) {
    kr_status status = KR_OK;
    kr_h5c_header header = {NULL, 0, NULL, 0};
    kr_tree *node = NULL;
    values v = {0};
    *array = NULL;
    KR_TRY(open_values(ctx, file, name, &header, &v));
    if (v.kind >= CLASS_FIXED_STRING) KR_TRY(refuse(ctx, file, name, "holds no numbers"));
    KR_TRY(kr_tree_new(ctx, KR_TREE_ARRAY, &node));
    node->dtype = v.dtype;
    node->ndim = v.ndim;
    memcpy(node->shape, v.shape, sizeof v.shape);
    KR_NEW(ctx, node->data, v.count);
    KR_TRY(read_numbers(ctx, file, &v, node->data));
    *array = node;
    node = NULL;
done:
    kr_tree_destroy(&node);
    kr_h5c_header_free(&header);
    return status;
}

/* ---- strings ---- */

/* The string of one element whose bytes are at p. */
static kr_status read_string(kr_context *ctx, kr_h5c *file, const values *v, const char *name, const unsigned char *p,
                             char **text) {
    if (v->kind == CLASS_VARIABLE_STRING) return kr_h5c_string(ctx, file, name, p, text);
    size_t n = strnlen((const char *)p, v->width);
    while (v->space_padded && n && p[n - 1] == ' ') n--;
    *text = kr_malloc(ctx, n + 1, 1);
    if (!*text) return KR_ERR_MEMORY;
    memcpy(*text, p, n);
    (*text)[n] = 0;
    return KR_OK;
}

kr_status kr_h5c_read_strings(kr_context *ctx, kr_h5c *file, const char *name, int *count, char ***strings) {
    kr_status status = KR_OK;
    kr_h5c_header header = {NULL, 0, NULL, 0};
    unsigned char *bytes = NULL;
    char **list = NULL;
    values v = {0};
    int n = 0;
    *count = 0;
    *strings = NULL;
    KR_TRY(open_values(ctx, file, name, &header, &v));
    if (v.kind < CLASS_FIXED_STRING) KR_TRY(refuse(ctx, file, name, "holds no strings"));
    if (v.ndim > 1 || v.count > INT32_MAX) KR_TRY(refuse(ctx, file, name, "has too many dimensions for strings"));
    if (!v.inside) {
        bytes = kr_malloc(ctx, v.count, v.width);
        if (!bytes) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_h5c_read(ctx, file, v.count ? v.address : 0, v.count * v.width, bytes, "the data of a dataset"));
        v.inside = bytes;
    }
    KR_NEW(ctx, list, v.count);
    for (; n < (int)v.count; n++) KR_TRY(read_string(ctx, file, &v, name, v.inside + (size_t)n * v.width, &list[n]));
    *count = n;
    *strings = list;
    list = NULL;
done:
    for (int i = 0; list && i < n; i++) kr_free(list[i]);
    kr_free(list);
    kr_free(bytes);
    kr_h5c_header_free(&header);
    return status;
}

/* ---- attributes ---- */

/* Attribute: version, flags, sizes of name, type and space (2 each), in version 3 the character set; then the three and
 * the data, in version 1 each of the three in whole words. 1: it is the one called `name`, and v describes it; −1: it
 * is damaged or no string. */
static int parse_attribute(const unsigned char *p, size_t n, const char *name, values *v) {
    if (n < 9 || p[0] < 1 || p[0] > 3) return 0;
    size_t at = p[0] == 3 ? 9 : 8, size[3], start[3];
    for (int i = 0; i < 3; i++) {
        size[i] = (size_t)NUMBER(p + 2 + 2 * i, 2);
        start[i] = at;
        at += p[0] == 1 ? (size[i] + 7) / 8 * 8 : size[i];
    }
    if (at > n || strnlen((const char *)p + start[0], size[0]) != strlen(name) ||
        memcmp(p + start[0], name, strlen(name)))
        return 0;
    if ((p[0] > 1 && p[1]) || !parse_type(p + start[1], size[1], v) || !parse_space(p + start[2], size[2], v))
        return -1;
    if (v->kind < CLASS_FIXED_STRING || v->count != 1 || v->width > n - at) return -1;
    v->inside = p + at;
    return 1;
}

kr_status kr_h5c_read_attribute(kr_context *ctx, kr_h5c *file, const char *name, char **text) {
    kr_status status = KR_OK;
    kr_h5c_header header = {NULL, 0, NULL, 0};
    values v = {0};
    size_t unused;
    int found = 0;
    *text = NULL;
    KR_TRY(kr_h5c_header_read(ctx, file, file->root, &header));
    for (int i = 0; i < header.count && !found; i++)
        if (header.message[i].type == KR_H5C_ATTRIBUTE && !(header.message[i].flags & 2))
            found = parse_attribute(header.data + header.message[i].at, header.message[i].size, name, &v);
    if (!found && kr_h5c_find(&header, KR_H5C_ATTRIBUTES, &unused)) KR_TRY(KR_ERR_UNSUPPORTED);
    if (!found) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the HDF5 file has no root attribute '%s'", file->path, name);
    if (found < 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the root attribute '%s' is not one string", file->path, name);
    KR_TRY(read_string(ctx, file, &v, name, v.inside, text));
done:
    kr_h5c_header_free(&header);
    return status;
}
