/* Frozen TensorFlow graphs without TensorFlow: nodes, attributes and constants of a GraphDef.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * GraphDef is a protocol buffer (wire format: developers.google.com/protocol-buffers, message layout: tensorflow's
 * graph.proto, node_def.proto, attr_value.proto, tensor.proto). Everything is bounds-checked against the file. */
#ifndef KR_POTENTIAL_GRAPH_H
#define KR_POTENTIAL_GRAPH_H

#include "core/tree.h"

/* A piece of the file. */
typedef struct kr_bytes {
    const unsigned char *data;
    size_t n;
} kr_bytes;

/* One field of a message: `value` of a varint or fixed number, `bytes` of a length-delimited one. */
typedef struct kr_pb_field {
    int number, wire; /* wire: 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
    uint64_t value;
    kr_bytes bytes;
} kr_pb_field;
/* Takes the next field off *message. 1 = there is one, 0 = end, −1 = malformed. */
int kr_pb_next(kr_bytes *message, kr_pb_field *field);

typedef struct kr_node {
    kr_bytes name, op, message; /* message: the whole NodeDef */
} kr_node;

typedef struct kr_graph {
    char *file; /* content */
    char *path;
    int nnodes;
    kr_node *node; /* [nnodes] */
} kr_graph;

kr_status kr_graph_read(kr_context *ctx, const char *path, kr_graph **graph);
void kr_graph_destroy(kr_graph **graph);
/* By name; NULL when absent. */
const kr_node *kr_graph_find(const kr_graph *graph, const char *name);
/* First node with this operation; NULL when absent. */
const kr_node *kr_graph_find_op(const kr_graph *graph, const char *op);
int kr_bytes_equal(kr_bytes bytes, const char *text);

/* Attribute "key" of a node: 1 and the AttrValue message, or 0. */
int kr_node_attribute(const kr_node *node, const char *key, kr_bytes *value);
/* A float attribute; integers of a list attribute (at most room; returns their number). */
int kr_node_float(const kr_node *node, const char *key, double *value);
int kr_node_ints(const kr_node *node, const char *key, int room, int *values);

/* A numeric constant as an ARRAY node; *array = NULL when the graph has no node of this name. */
kr_status kr_graph_array(kr_context *ctx, const kr_graph *graph, const char *name, kr_tree **array);
/* A string constant as a new string; *text = NULL when absent. */
kr_status kr_graph_text(kr_context *ctx, const kr_graph *graph, const char *name, char **text);

#endif
