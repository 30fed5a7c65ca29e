/* Protocol-buffer reader, nodes and constants of a frozen TensorFlow graph.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "potential/graph.h"
#include <math.h>
#include <string.h>

static int read_varint(kr_bytes *m, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64 && m->n; shift += 7) {
        unsigned char byte = *m->data++;
        m->n--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return 1;
    }
    return 0;
}

static uint64_t little_endian(const unsigned char *data, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++) value |= (uint64_t)data[i] << (8 * i);
    return value;
}

int kr_pb_next(kr_bytes *message, kr_pb_field *field) {
    uint64_t tag, length;
    if (message->n == 0) return 0;
    if (!read_varint(message, &tag) || tag >> 3 == 0 || tag >> 3 > INT32_MAX) return -1;
    memset(field, 0, sizeof *field);
    field->number = (int)(tag >> 3);
    field->wire = (int)(tag & 7);
    switch (field->wire) {
    case 0:
        return read_varint(message, &field->value) ? 1 : -1;
    case 1:
    case 5:
        length = field->wire == 1 ? 8 : 4;
        if (message->n < length) return -1;
        field->value = little_endian(message->data, (int)length);
        break;
    case 2:
        if (!read_varint(message, &length) || length > message->n) return -1;
        field->bytes = (kr_bytes){message->data, (size_t)length};
        break;
    default: /* groups are long obsolete */
        return -1;
    }
    message->data += length;
    message->n -= (size_t)length;
    return 1;
}

int kr_bytes_equal(kr_bytes bytes, const char *text) {
    return bytes.n == strlen(text) && !memcmp(bytes.data, text, bytes.n);
}

/* ---- graph ------------------------------------------------------------------------------------------------------ */

static kr_status malformed(kr_context *ctx, const kr_graph *graph) {
    return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: this is no complete TensorFlow graph (malformed or cut off)", graph->path);
}

/* Nodes of the GraphDef; with node NULL they are only counted. −1 when malformed or cut off: the field `versions` (4)
 * comes after the last node. */
static int scan_nodes(kr_bytes graph, kr_node *node) {
    kr_pb_field field, part;
    int more, n = 0, complete = 0;
    while ((more = kr_pb_next(&graph, &field)) > 0) {
        complete |= field.number == 4;
        if (field.number != 1 || field.wire != 2) continue;
        kr_node made = {.message = field.bytes};
        kr_bytes message = field.bytes;
        while ((more = kr_pb_next(&message, &part)) > 0) {
            if (part.wire == 2 && part.number == 1) made.name = part.bytes;
            if (part.wire == 2 && part.number == 2) made.op = part.bytes;
        }
        if (more < 0) return -1;
        if (node) node[n] = made;
        n++;
    }
    return more < 0 || !complete ? -1 : n;
}

kr_status kr_graph_read(kr_context *ctx, const char *path, kr_graph **out) {
    kr_status status = KR_OK;
    kr_graph *graph = NULL;
    size_t length;
    *out = NULL;
    KR_NEW(ctx, graph, 1);
    graph->path = kr_strdup(ctx, path);
    if (!graph->path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_file_read(ctx, path, &graph->file, &length));
    kr_bytes all = {(const unsigned char *)graph->file, length};
    graph->nnodes = scan_nodes(all, NULL);
    if (graph->nnodes <= 0) KR_TRY(malformed(ctx, graph));
    KR_NEW(ctx, graph->node, (size_t)graph->nnodes);
    scan_nodes(all, graph->node);
    *out = graph;
    graph = NULL;
done:
    kr_graph_destroy(&graph);
    return status;
}

void kr_graph_destroy(kr_graph **graph) {
    if (!graph || !*graph) return;
    kr_free((*graph)->node);
    kr_free((*graph)->file);
    kr_free((*graph)->path);
    kr_free(*graph);
    *graph = NULL;
}

const kr_node *kr_graph_find(const kr_graph *graph, const char *name) {
    for (int i = 0; i < graph->nnodes; i++)
        if (kr_bytes_equal(graph->node[i].name, name)) return &graph->node[i];
    return NULL;
}

const kr_node *kr_graph_find_op(const kr_graph *graph, const char *op) {
    for (int i = 0; i < graph->nnodes; i++)
        if (kr_bytes_equal(graph->node[i].op, op)) return &graph->node[i];
    return NULL;
}

/* NodeDef.attr (5) is a map: entries {1: key, 2: AttrValue}. */
int kr_node_attribute(const kr_node *node, const char *key, kr_bytes *value) {
    kr_bytes message = node->message;
    kr_pb_field field, part;
    while (kr_pb_next(&message, &field) > 0) {
        if (field.number != 5 || field.wire != 2) continue;
        kr_bytes entry = field.bytes, name = {0}, found = {0};
        while (kr_pb_next(&entry, &part) > 0) {
            if (part.number == 1 && part.wire == 2) name = part.bytes;
            if (part.number == 2 && part.wire == 2) found = part.bytes;
        }
        if (!name.n || !kr_bytes_equal(name, key)) continue;
        *value = found;
        return 1;
    }
    return 0;
}

static double as_float(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return (double)value;
}

static double as_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int kr_node_float(const kr_node *node, const char *key, double *value) {
    kr_bytes attribute;
    kr_pb_field field;
    if (!kr_node_attribute(node, key, &attribute)) return 0;
    while (kr_pb_next(&attribute, &field) > 0)
        if (field.number == 4 && field.wire == 5) {
            *value = as_float(field.value);
            return 1;
        }
    return 0;
}

/* AttrValue.list (1), ListValue.i (3): packed or one by one. */
int kr_node_ints(const kr_node *node, const char *key, int room, int *values) {
    kr_bytes attribute;
    kr_pb_field field, item;
    uint64_t value;
    int n = 0;
    if (!kr_node_attribute(node, key, &attribute)) return 0;
    while (kr_pb_next(&attribute, &field) > 0) {
        if (field.number != 1 || field.wire != 2) continue;
        kr_bytes list = field.bytes;
        while (kr_pb_next(&list, &item) > 0) {
            if (item.number != 3) continue;
            if (item.wire == 0 && n < room) values[n++] = (int)item.value;
            while (item.wire == 2 && n < room && item.bytes.n && read_varint(&item.bytes, &value))
                values[n++] = (int)value;
        }
    }
    return n;
}

/* ---- constants -------------------------------------------------------------------------------------------------- */

/* The kinds of numbers in a TensorProto: enum DataType, bytes in tensor_content, field with single values. */
typedef struct tensor_type {
    int code, width, field;
    kr_dtype dtype;
} tensor_type;
static const tensor_type types[] = {{1, 4, 5, KR_FLOAT32},  {2, 8, 6, KR_FLOAT64}, {3, 4, 7, KR_INT32},
                                    {9, 8, 10, KR_INT64},   {10, 1, 11, KR_INT32}, {14, 2, 13, KR_BFLOAT16},
                                    {19, 2, 13, KR_FLOAT16}};

typedef struct tensor {
    const tensor_type *type;
    int is_text, ndim;
    size_t shape[8], count;
    kr_bytes content, text;
    kr_bytes message;
} tensor;

/* IEEE 754 binary16. */
static double half_to_double(uint64_t bits) {
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), sign = bits & 0x8000 ? -1 : 1;
    if (exponent == 31) return fraction > 0 ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static double decode(const tensor_type *type, uint64_t bits) {
    switch (type->code) {
    case 1:
        return as_float(bits);
    case 2:
        return as_double(bits);
    case 3:
        return (double)(int32_t)bits;
    case 9:
        return (double)(int64_t)bits;
    case 14:
        return as_float(bits << 16);
    case 19:
        return half_to_double(bits);
    default:
        return bits != 0;
    }
}

/* TensorShapeProto: repeated dim (2) {1: size}. 0 when malformed. */
static int read_shape(kr_bytes message, tensor *t) {
    kr_pb_field field, part;
    int more;
    while ((more = kr_pb_next(&message, &field)) > 0) {
        if (field.number != 2 || field.wire != 2) continue;
        kr_bytes dim = field.bytes;
        uint64_t size = 0; /* proto3 leaves a zero out */
        while (kr_pb_next(&dim, &part) > 0)
            if (part.number == 1 && part.wire == 0) size = part.value;
        if (t->ndim == 8 || size > ((uint64_t)1 << 32)) return 0;
        t->shape[t->ndim++] = (size_t)size;
    }
    return more == 0;
}

/* The attribute "value" of a Const node. 0 when malformed or of no known type. */
static int read_tensor(const kr_node *node, tensor *t) {
    kr_bytes attribute;
    kr_pb_field field;
    int more, code = 0;
    memset(t, 0, sizeof *t);
    if (!kr_node_attribute(node, "value", &attribute)) return 0;
    while (kr_pb_next(&attribute, &field) > 0)
        if (field.number == 8 && field.wire == 2) t->message = field.bytes;
    kr_bytes message = t->message;
    while ((more = kr_pb_next(&message, &field)) > 0) {
        if (field.number == 1 && field.wire == 0) code = (int)(field.value & 0xff);
        if (field.number == 2 && field.wire == 2 && !read_shape(field.bytes, t)) return 0;
        if (field.number == 4 && field.wire == 2) t->content = field.bytes;
        if (field.number == 8 && field.wire == 2) t->text = field.bytes;
    }
    t->is_text = code == 7;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code) t->type = &types[i];
    t->count = 1;
    for (int i = 0; i < t->ndim; i++) {
        /* a filled tensor may be larger than the file, within reason */
        if (t->shape[i] && t->count > ((size_t)1 << 24) / t->shape[i] && !t->content.n) return 0;
        if (t->shape[i] && t->count > t->content.n / t->shape[i] && t->content.n) return 0;
        t->count *= t->shape[i];
    }
    return more == 0 && (t->is_text || t->type);
}

/* Values in the typed field, packed or one by one; the last one fills what is left. 0 when malformed. */
static int read_values(const tensor *t, double *data) {
    kr_bytes message = t->message;
    kr_pb_field field;
    size_t n = 0;
    while (kr_pb_next(&message, &field) > 0) {
        if (field.number != t->type->field) continue;
        if (field.wire != 2) {
            if (n < t->count) data[n++] = decode(t->type, field.value);
            continue;
        }
        while (field.bytes.n && n < t->count) {
            uint64_t bits;
            size_t width = t->type->code <= 2 ? (size_t)t->type->width : 0; /* floats are fixed, the others varints */
            if (width > field.bytes.n || (!width && !read_varint(&field.bytes, &bits))) return 0;
            if (width) {
                bits = little_endian(field.bytes.data, (int)width);
                field.bytes.data += width;
                field.bytes.n -= width;
            }
            data[n++] = decode(t->type, bits);
        }
    }
    for (size_t i = n; n && i < t->count; i++) data[i] = data[n - 1];
    return 1;
}

static kr_status find_constant(kr_context *ctx, const kr_graph *graph, const char *name, const kr_node **node) {
    *node = kr_graph_find(graph, name);
    if (!*node || kr_bytes_equal((*node)->op, "Const")) return KR_OK;
    KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "%s: node %s is a %.*s, not a constant: the graph is not frozen", graph->path,
             name, (int)(*node)->op.n, (const char *)(*node)->op.data);
    kr_error_hint(ctx, "'dp freeze' makes a frozen graph of a checkpoint");
    return KR_ERR_UNSUPPORTED;
}

kr_status kr_graph_array(kr_context *ctx, const kr_graph *graph, const char *name, kr_tree **array) {
    kr_status status = KR_OK;
    const kr_node *node;
    kr_tree *made = NULL;
    tensor t;
    *array = NULL;
    KR_TRY(find_constant(ctx, graph, name, &node));
    if (!node) goto done;
    if (!read_tensor(node, &t) || t.is_text)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: constant %s holds no numbers that can be read", graph->path, name);
    KR_TRY(kr_tree_new(ctx, KR_TREE_ARRAY, &made));
    made->dtype = t.type->dtype;
    made->ndim = t.ndim;
    memcpy(made->shape, t.shape, sizeof t.shape);
    KR_NEW(ctx, made->data, t.count);
    size_t width = (size_t)t.type->width;
    int good = t.content.n ? t.content.n == t.count * width : read_values(&t, made->data);
    if (!good) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: constant %s does not have the length of its shape", graph->path, name);
    for (size_t i = 0; t.content.n && i < t.count; i++)
        made->data[i] = decode(t.type, little_endian(t.content.data + i * width, (int)width));
    *array = made;
    made = NULL;
done:
    kr_tree_destroy(&made);
    return status;
}

kr_status kr_graph_text(kr_context *ctx, const kr_graph *graph, const char *name, char **text) {
    kr_status status = KR_OK;
    const kr_node *node;
    tensor t;
    *text = NULL;
    KR_TRY(find_constant(ctx, graph, name, &node));
    if (!node) goto done;
    if (!read_tensor(node, &t) || !t.is_text ||
        memchr(t.text.data ? t.text.data : (const unsigned char *)"", 0, t.text.n))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: constant %s is no text", graph->path, name);
    *text = kr_malloc(ctx, t.text.n + 1, 1);
    if (!*text) KR_TRY(KR_ERR_MEMORY);
    if (t.text.n) memcpy(*text, t.text.data, t.text.n);
    (*text)[t.text.n] = 0;
done:
    return status;
}
