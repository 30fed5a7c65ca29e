/* Shared by the files that make a neutral tree of a frozen graph (graph_*.c).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_GRAPH_IMPORT_H
#define KR_POTENTIAL_GRAPH_IMPORT_H

#include "core/error.h"
#include "core/memory.h"
#include "potential/graph.h"
#include "potential/tree_maker.h"

typedef enum kr_graph_kind { KR_GRAPH_SE_A, KR_GRAPH_SE_R, KR_GRAPH_SE_ATTEN } kr_graph_kind;

typedef struct kr_import {
    kr_context *ctx;
    kr_graph *graph;
    kr_tree_maker maker;
    kr_tree *script;                     /* training script of the graph, NULL in series 1.x */
    const kr_tree *descriptor, *fitting; /* its sections, NULL without a script */
    kr_graph_kind kind;
    char suffix[32]; /* of the scopes, "" or "_1" */
    int ntypes, ng, dim_descrpt, numb_fparam, numb_aparam, tebd_dim;
    int one_side;        /* embedding names without the centre's type */
    unsigned char *mask; /* [ntypes][ntypes] 1 = excluded */
    kr_tree *type_map;   /* owned; list */
} kr_import;

/* What is looked for in nodes that are named by a pattern. */
typedef struct kr_scope {
    char before[64], after[64]; /* "filter_type_0/matrix" + layer + "_1": "filter_type_0/", "_1" */
} kr_scope;

/* Name of the activation function: from the script, else from the operations of the scopes that begin with `scope`. */
kr_status kr_import_activation(kr_import *import, const kr_tree *section, const char *scope, const char **name);
/* One layer as a map (NULL with status OK when there is no such matrix). The names are those of constants.
 * resnet: −1 = by shape (equal widths), else the flag. */
kr_status kr_import_layer(kr_import *import, const char *w, const char *b, const char *idt, const char *activation,
                          int resnet, kr_tree **layer);
/* Network of the layers `before`matrix_1`after` … as a map, NULL when there is none. */
kr_status kr_import_embedding(kr_import *import, const kr_scope *scope, const char *activation, kr_tree **net);
kr_status kr_import_descriptor(kr_import *import, kr_tree **descriptor);
kr_status kr_import_fitting(kr_import *import, kr_tree **fitting);
/* Section of DPA-1 added to the descriptor. */
kr_status kr_import_atten(kr_import *import, kr_tree *descriptor);
/* Widths of the layers of a network as a list. */
kr_status kr_import_widths(kr_import *import, const kr_tree *net, int hidden, kr_tree **list);
/* Rows (0) or columns (1) of the matrix of a layer. */
int kr_import_width(const kr_tree *layer, int dimension);
const char *kr_import_precision(const kr_tree *net);
/* "float64", … as layers name it. */
const char *kr_import_dtype(kr_dtype dtype);
/* The attention section and the keys that belong to it, for `layers` (also 0) layers. */
kr_status kr_import_attention(kr_import *import, int layers, int smooth, kr_tree *descriptor);

#endif
