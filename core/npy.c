/* NumPy array files.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Layout: "\x93NUMPY", major, minor, header length (2 bytes in version 1, 4 in 2 and 3, little-endian), header, data.
 * The header is a Python dictionary in one line: {'descr': '<f8', 'fortran_order': False, 'shape': (80, 576), }.
 * Source: NumPy Enhancement Proposal 1. */
#include "core/npy.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include <math.h>
#include <string.h>

typedef struct npy_header {
    char kind;      /* f i u b */
    int size;       /* bytes per entry */
    int big_endian; /* only of entries of more than one byte */
    int fortran;
    int ndim;
    size_t shape[8];
    int seen; /* bits: descr 1, fortran_order 2, shape 4 */
} npy_header;

/* The text of the header while it is read. */
typedef struct cursor {
    kr_context *ctx;
    const char *where;
    const char *next, *end;
} cursor;

static kr_status broken(cursor *c, const char *expected) {
    char text[24];
    kr_word rest = {c->next, (size_t)(c->end - c->next)};
    return KR_ERROR(c->ctx, KR_ERR_FORMAT, "%s: header of the npy file has '%s', expected %s", c->where,
                    kr_word_show(rest, text, sizeof text), expected);
}

static void skip(cursor *c) {
    while (c->next < c->end && (*c->next == ' ' || *c->next == '\n' || *c->next == '\t')) c->next++;
}

/* Takes the letter when it is next. */
static int take(cursor *c, char letter) {
    skip(c);
    if (c->next >= c->end || *c->next != letter) return 0;
    c->next++;
    return 1;
}

static int take_quoted(cursor *c, kr_word *word) {
    skip(c);
    if (c->next >= c->end || (*c->next != '\'' && *c->next != '"')) return 0;
    const char *close = memchr(c->next + 1, *c->next, (size_t)(c->end - c->next - 1));
    if (!close) return 0;
    *word = (kr_word){c->next + 1, (size_t)(close - c->next - 1)};
    c->next = close + 1;
    return 1;
}

static int take_bare(cursor *c, kr_word *word) {
    skip(c);
    const char *start = c->next;
    while (c->next < c->end && !strchr(",:)} \n\t", *c->next)) c->next++;
    *word = (kr_word){start, (size_t)(c->next - start)};
    return word->n > 0;
}

static kr_status read_descr(cursor *c, npy_header *h) {
    kr_word word;
    char text[24];
    if (!take_quoted(c, &word)) {
        skip(c);
        if (c->next < c->end && *c->next == '[')
            return KR_ERROR(c->ctx, KR_ERR_UNSUPPORTED, "%s: structured npy arrays are not supported", c->where);
        return broken(c, "a dtype in quotes");
    }
    const char *order = "|";
    kr_word rest = word;
    if (rest.n && strchr("<>|=", rest.text[0])) {
        order = rest.text;
        rest = (kr_word){rest.text + 1, rest.n - 1};
    }
    int64_t size = 0;
    int good = rest.n >= 2 && kr_word_int((kr_word){rest.text + 1, rest.n - 1}, &size);
    h->kind = good ? rest.text[0] : '?';
    good = (h->kind == 'f' && (size == 2 || size == 4 || size == 8)) || (h->kind == 'b' && size == 1) ||
           ((h->kind == 'i' || h->kind == 'u') && (size == 1 || size == 2 || size == 4 || size == 8));
    if (!good)
        return KR_ERROR(c->ctx, KR_ERR_UNSUPPORTED, "%s: dtype '%s', supported f2 f4 f8 i1 … i8 u1 … u8 b1", c->where,
                        kr_word_show(word, text, sizeof text));
    h->size = (int)size;
    h->big_endian = *order == '>';
    h->seen |= 1;
    return KR_OK;
}

static kr_status read_shape(cursor *c, npy_header *h) {
    kr_word word;
    int64_t n;
    if (!take(c, '(')) return broken(c, "'(' of the shape");
    while (!take(c, ')')) {
        if (h->ndim == 8)
            return KR_ERROR(c->ctx, KR_ERR_UNSUPPORTED, "%s: array with more than 8 dimensions", c->where);
        if (!take_bare(c, &word) || word.n > 18) return broken(c, "a dimension from 0 to 10^18");
        if (word.text[word.n - 1] == 'L') word.n--; /* written by Python 2 */
        if (!kr_word_int(word, &n) || n < 0) {
            c->next = word.text;
            return broken(c, "a dimension from 0 to 10^18");
        }
        h->shape[h->ndim++] = (size_t)n;
        take(c, ',');
    }
    h->seen |= 4;
    return KR_OK;
}

static kr_status read_header(cursor *c, npy_header *h) {
    kr_status status = KR_OK;
    kr_word key, value;
    *h = (npy_header){.kind = 0};
    if (!take(c, '{')) return broken(c, "'{'");
    while (!take(c, '}')) {
        if (!take_quoted(c, &key)) return broken(c, "a key in quotes");
        if (!take(c, ':')) return broken(c, "':'");
        if (kr_word_is(key, "descr") && !(h->seen & 1)) {
            KR_TRY(read_descr(c, h));
        } else if (kr_word_is(key, "shape") && !(h->seen & 4)) {
            KR_TRY(read_shape(c, h));
        } else if (kr_word_is(key, "fortran_order") && !(h->seen & 2)) {
            if (!take_bare(c, &value) || !(kr_word_is(value, "True") || kr_word_is(value, "False")))
                return broken(c, "True or False");
            h->fortran = kr_word_is(value, "True");
            h->seen |= 2;
        } else {
            c->next = key.text;
            return broken(c, "descr, fortran_order and shape, once each");
        }
        take(c, ',');
    }
    if (h->seen != 7)
        KR_FAIL(c->ctx, KR_ERR_FORMAT, "%s: header of the npy file lacks descr, fortran_order or shape", c->where);
done:
    return status;
}

static double half(uint64_t bits) {
    int exponent = (int)(bits >> 10 & 31);
    double mantissa = (double)(bits & 1023), value;
    if (exponent == 31)
        value = mantissa > 0 ? NAN : INFINITY;
    else
        value = exponent ? ldexp(mantissa + 1024, exponent - 25) : ldexp(mantissa, -24);
    return bits >> 15 ? -value : value;
}

/* One entry of the data as double. */
static double entry(const npy_header *h, const unsigned char *p) {
    uint64_t bits = 0;
    for (int i = 0; i < h->size; i++) bits |= (uint64_t)p[h->big_endian ? h->size - 1 - i : i] << (8 * i);
    if (h->kind == 'f') {
        float single;
        double value;
        uint32_t low = (uint32_t)bits;
        if (h->size == 2) return half(bits);
        if (h->size == 4) {
            memcpy(&single, &low, sizeof single);
            return (double)single;
        }
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    if (h->kind == 'b') return bits != 0;
    if (h->kind == 'i' && h->size < 8 && bits >> (8 * h->size - 1)) bits |= ~(uint64_t)0 << (8 * h->size);
    return h->kind == 'i' ? (double)(int64_t)bits : (double)bits;
}

/* data [shape] in C order from a file in Fortran order: the first index runs fastest in the file. */
static void from_fortran(const npy_header *h, size_t n, const unsigned char *bytes, double *data) {
    size_t index[8] = {0};
    for (size_t k = 0; k < n; k++) {
        size_t place = 0;
        for (int d = 0; d < h->ndim; d++) place = place * h->shape[d] + index[d];
        data[place] = entry(h, bytes + k * (size_t)h->size);
        for (int d = 0; d < h->ndim && ++index[d] == h->shape[d]; d++) index[d] = 0;
    }
}

static kr_dtype dtype_of(const npy_header *h) {
    if (h->kind == 'f') return h->size == 8 ? KR_FLOAT64 : h->size == 4 ? KR_FLOAT32 : KR_FLOAT16;
    return h->size == 8 ? KR_INT64 : KR_INT32;
}

/* Number of entries; checked against the bytes that follow the header. */
static kr_status count_entries(kr_context *ctx, const npy_header *h, size_t bytes, const char *where, size_t *count) {
    size_t n = 1, limit = bytes / (size_t)h->size;
    int too_many = 0, empty = 0;
    for (int d = 0; d < h->ndim; d++) empty |= h->shape[d] == 0;
    for (int d = 0; d < h->ndim && !empty && !too_many; d++) {
        too_many = n > limit / h->shape[d];
        n *= h->shape[d];
    }
    if (empty) n = 0;
    *count = n;
    if (!too_many && n * (size_t)h->size == bytes) return KR_OK;
    kr_string shape = {NULL, 0, 0};
    char text[24];
    kr_status status = KR_OK;
    for (int d = 0; d < h->ndim; d++) {
        snprintf(text, sizeof text, d ? ", %zu" : "%zu", h->shape[d]);
        KR_TRY(kr_string_puts(ctx, &shape, text));
    }
    status = KR_ERROR(ctx, KR_ERR_FORMAT, "%s: shape (%s) of %d-byte entries %s the %zu bytes after the header", where,
                      shape.data ? shape.data : "", h->size,
                      too_many || n > limit ? "needs more than" : "does not fill", bytes);
done:
    kr_free(shape.data);
    return status;
}

kr_status kr_npy_parse(kr_context *ctx, const char *data, size_t length, const char *where, kr_tree **array) {
    kr_status status = KR_OK;
    const unsigned char *bytes = (const unsigned char *)data;
    npy_header h;
    *array = NULL;
    if (length < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: not an npy file", where);
    if (bytes[6] < 1 || bytes[6] > 3)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: npy version %d, supported 1 to 3", where, bytes[6]);
    size_t start = bytes[6] == 1 ? 10 : 12, n = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (start == 12 && length >= 12) n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length < start || n > length - start)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: header of %zu bytes in a file of %zu: the file is cut off", where, n, length);
    cursor c = {ctx, where, data + start, data + start + n};
    KR_TRY(read_header(&c, &h));
    bytes += start + n;
    size_t count;
    KR_TRY(count_entries(ctx, &h, length - start - n, where, &count));
    KR_TRY(kr_tree_new(ctx, KR_TREE_ARRAY, array));
    kr_tree *node = *array;
    node->dtype = dtype_of(&h);
    node->ndim = h.ndim;
    memcpy(node->shape, h.shape, sizeof h.shape);
    KR_NEW(ctx, node->data, count);
    if (h.fortran && h.ndim > 1)
        from_fortran(&h, count, bytes, node->data);
    else
        for (size_t i = 0; i < count; i++) node->data[i] = entry(&h, bytes + i * (size_t)h.size);
done:
    if (status != KR_OK) kr_tree_destroy(array);
    return status;
}

kr_status kr_npy_read(kr_context *ctx, const char *path, kr_tree **array) {
    kr_status status = KR_OK;
    char *data = NULL;
    size_t length;
    *array = NULL;
    KR_TRY(kr_file_read(ctx, path, &data, &length));
    KR_TRY(kr_npy_parse(ctx, data, length, path, array));
done:
    kr_free(data);
    return status;
}

/* Little-endian bytes of one entry; returns how many. */
static size_t encode(kr_dtype dtype, double value, unsigned char bytes[8]) {
    uint64_t bits;
    size_t size = dtype == KR_FLOAT32 || dtype == KR_INT32 ? 4 : 8;
    if (dtype == KR_FLOAT32) {
        float single = (float)value;
        uint32_t low;
        memcpy(&low, &single, sizeof low);
        bits = low;
    } else if (dtype == KR_FLOAT64) {
        memcpy(&bits, &value, sizeof bits);
    } else {
        bits = (uint64_t)(int64_t)value;
    }
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(bits >> (8 * i));
    return size;
}

kr_status kr_npy_put(kr_context *ctx, FILE *stream, kr_dtype dtype, int ndim, const size_t *shape, const double *data) {
    const char *descr = dtype == KR_FLOAT32 ? "<f4" : dtype == KR_INT32 ? "<i4" : dtype == KR_INT64 ? "<i8" : "<f8";
    if (dtype == KR_FLOAT16 || dtype == KR_BFLOAT16) dtype = KR_FLOAT64;
    char header[512];
    size_t count = 1;
    int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int d = 0; d < ndim && d < 8; d++) {
        n += snprintf(header + n, sizeof header - (size_t)n, "%s%zu", d ? ", " : "", shape[d]);
        count *= shape[d];
    }
    n += snprintf(header + n, sizeof header - (size_t)n, "%s), }", ndim == 1 ? "," : "");
    while ((10 + n + 1) % 64 != 0) header[n++] = ' ';
    header[n++] = '\n';
    fwrite("\x93NUMPY\x01\x00", 1, 8, stream);
    fputc(n & 255, stream);
    fputc(n >> 8, stream);
    fwrite(header, 1, (size_t)n, stream);
    unsigned char block[4096];
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        filled += encode(dtype, data[i], block + filled);
        if (filled + 8 > sizeof block || i + 1 == count) {
            fwrite(block, 1, filled, stream);
            filled = 0;
        }
    }
    return ferror(stream) ? KR_ERROR(ctx, KR_ERR_IO, "cannot write an npy file") : KR_OK;
}

kr_status kr_npy_write(kr_context *ctx, const char *path, kr_dtype dtype, int ndim, const size_t *shape,
                       const double *data) {
    kr_status status = KR_OK;
    kr_file_writer writer = {NULL, NULL, NULL};
    KR_TRY(kr_file_begin(ctx, path, &writer));
    KR_TRY(kr_npy_put(ctx, writer.stream, dtype, ndim, shape, data));
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    return status;
}
