/* The list of operations behind a formula: made by expression_parse.c, run by expression.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_EXPRESSION_INTERNAL_H
#define KR_SAMPLING_EXPRESSION_INTERNAL_H

#include "sampling/expression.h"

typedef enum kr_op {
    KR_OP_CONSTANT,
    KR_OP_VARIABLE,
    KR_OP_ADD,
    KR_OP_SUB,
    KR_OP_MUL,
    KR_OP_DIV,
    KR_OP_NEG,
    KR_OP_POWI, /* a^b, b a constant integer */
    KR_OP_POW,
    KR_OP_IF,
    KR_OP_MIN,
    KR_OP_MAX,
    KR_OP_ATAN2,
    KR_OP_HYPOT,
    KR_OP_EXP,
    KR_OP_LOG,
    KR_OP_SQRT,
    KR_OP_SIN,
    KR_OP_COS,
    KR_OP_TAN,
    KR_OP_ASIN,
    KR_OP_ACOS,
    KR_OP_ATAN,
    KR_OP_SINH,
    KR_OP_COSH,
    KR_OP_TANH,
    KR_OP_ERF,
    KR_OP_ABS,
    KR_OP_SIGN,
    KR_OP_STEP
} kr_op;

/* Values live on the stack of the evaluating thread: 2 × 8 × KR_EXPRESSION_NODES bytes. */
enum { KR_EXPRESSION_NODES = 8192 };

typedef struct kr_node {
    kr_op op;
    int a, b, c;  /* earlier nodes; VARIABLE: a = its index */
    double value; /* CONSTANT */
} kr_node;

typedef struct kr_name {
    char *name;
    int node;
} kr_name;

struct kr_expression {
    int nvars, nnodes, room, nnames, names_room, noutputs, outputs_room;
    kr_node *node; /* operands come before operators */
    kr_name *name; /* constants, definitions, named variables */
    int *output;   /* nodes */
};

/* op applied to numbers. */
double kr_op_apply(kr_op op, double a, double b, double c);
/* New node, folded to a constant when its operands are; its index, or −1 (out of memory or too long, ctx is set). */
int kr_expression_node(kr_context *ctx, kr_expression *expression, kr_op op, int a, int b, int c, double value);
/* Index of the node of `text`. */
kr_status kr_expression_parse(kr_context *ctx, kr_expression *expression, const char *text, const kr_tree *node,
                              int *root);

#endif
