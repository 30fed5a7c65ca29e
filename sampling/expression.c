/* Formulas: the list of operations, its evaluation and the reverse sweep that gives gradients.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Node i has value v_i = op(v_a, v_b, v_c) with a, b, c < i. For an output o the adjoints w_i = ∂v_o/∂v_i follow from
 * w_o = 1 and, downwards, w_a += w_i ∂op/∂v_a and so on: the gradient costs about as much as two evaluations. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/expression_internal.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

kr_status kr_expression_create(kr_context *ctx, int nvars, const char *const *variable, kr_expression **expression) {
    kr_status status = KR_OK;
    kr_expression *e = NULL;
    *expression = NULL;
    KR_NEW(ctx, e, 1);
    e->nvars = nvars;
    /* Nodes 0 … nvars−1 are the variables. */
    for (int i = 0; i < nvars; i++) {
        if (kr_expression_node(ctx, e, KR_OP_VARIABLE, i, 0, 0, 0) < 0) {
            status = KR_ERR_MEMORY;
            goto done;
        }
    }
    for (int i = 0; variable && i < nvars; i++) KR_TRY(kr_expression_variable(ctx, e, i, variable[i], NULL));
    *expression = e;
    e = NULL;
done:
    kr_expression_destroy(&e);
    return status;
}

void kr_expression_destroy(kr_expression **expression) {
    if (!expression || !*expression) return;
    for (int i = 0; i < (*expression)->nnames; i++) kr_free((*expression)->name[i].name);
    kr_free((*expression)->name);
    kr_free((*expression)->node);
    kr_free((*expression)->output);
    kr_free(*expression);
    *expression = NULL;
}

/* Room for one more element of an array that grows by doubling. */
static void *more(kr_context *ctx, void *array, int n, int *room, size_t size) {
    if (n < *room) return array;
    int larger = *room ? 2 * *room : 16;
    void *grown = kr_realloc(ctx, array, (size_t)n, (size_t)larger, size);
    if (grown) *room = larger;
    return grown;
}

int kr_expression_node(kr_context *ctx, kr_expression *e, kr_op op, int a, int b, int c, double value) {
    if (e->nnodes == KR_EXPRESSION_NODES) {
        KR_ERROR(ctx, KR_ERR_FORMAT, "the formulas have more than %d operations", KR_EXPRESSION_NODES);
        kr_error_hint(ctx, "a C plug-in has no such limit (problem kind \"plugin\")");
        return -1;
    }
    kr_node *grown = more(ctx, e->node, e->nnodes, &e->room, sizeof *grown);
    if (!grown) return -1;
    e->node = grown;
    const kr_node *n = e->node;
    int fold =
        op > KR_OP_VARIABLE && n[a].op == KR_OP_CONSTANT && n[b].op == KR_OP_CONSTANT && n[c].op == KR_OP_CONSTANT;
    if (fold) {
        value = kr_op_apply(op, n[a].value, n[b].value, n[c].value);
        op = KR_OP_CONSTANT;
    }
    if (op == KR_OP_POW && n[b].op == KR_OP_CONSTANT && fabs(n[b].value) <= 64 && n[b].value == floor(n[b].value))
        op = KR_OP_POWI;
    e->node[e->nnodes] = (kr_node){op, a, b, c, value};
    return e->nnodes++;
}

/* over: the name may be one of those that variables have anyhow (x, y, z). */
static kr_status add_name(kr_context *ctx, kr_expression *e, const char *name, int node, int over,
                          const kr_tree *where) {
    kr_status status = KR_OK;
    char place[48];
    size_t letters = strlen(name);
    int good = letters && (isalpha((unsigned char)name[0]) || name[0] == '_');
    for (size_t i = 0; i < letters && good; i++) good = isalnum((unsigned char)name[i]) || name[i] == '_';
    if (!good)
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is no name for a formula: letters, digits and _ expected%s", name,
                kr_tree_place(where, place));
    int known, taken = !over && kr_expression_parse(NULL, e, name, NULL, &known) == KR_OK;
    for (int i = 0; i < e->nnames; i++) taken |= !strcmp(e->name[i].name, name);
    if (taken) KR_FAIL(ctx, KR_ERR_FORMAT, "the name '%s' is taken%s", name, kr_tree_place(where, place));
    kr_name *grown = more(ctx, e->name, e->nnames, &e->names_room, sizeof *grown);
    if (!grown) return KR_ERR_MEMORY;
    e->name = grown;
    char *copy = kr_strdup(ctx, name);
    if (!copy) return KR_ERR_MEMORY;
    e->name[e->nnames++] = (kr_name){copy, node};
done:
    return status;
}

kr_status kr_expression_constant(kr_context *ctx, kr_expression *e, const char *name, double value,
                                 const kr_tree *node) {
    int index = kr_expression_node(ctx, e, KR_OP_CONSTANT, 0, 0, 0, value);
    return index < 0 ? KR_ERR_MEMORY : add_name(ctx, e, name, index, 0, node);
}

kr_status kr_expression_variable(kr_context *ctx, kr_expression *e, int index, const char *name, const kr_tree *node) {
    char own[32];
    snprintf(own, sizeof own, "x%d", index + 1);
    if (!strcmp(own, name)) return KR_OK;
    return add_name(ctx, e, name, index, strlen(name) == 1 && strchr("xyz", name[0]), node);
}

kr_status kr_expression_define(kr_context *ctx, kr_expression *e, const char *name, const char *text,
                               const kr_tree *node) {
    kr_status status = KR_OK;
    int root;
    KR_TRY(kr_expression_parse(ctx, e, text, node, &root));
    KR_TRY(add_name(ctx, e, name, root, 0, node));
done:
    return status;
}

kr_status kr_expression_output(kr_context *ctx, kr_expression *e, const char *text, const kr_tree *node) {
    kr_status status = KR_OK;
    int root;
    KR_TRY(kr_expression_parse(ctx, e, text, node, &root));
    int *grown = more(ctx, e->output, e->noutputs, &e->outputs_room, sizeof *grown);
    if (!grown) return KR_ERR_MEMORY;
    e->output = grown;
    e->output[e->noutputs++] = root;
done:
    return status;
}

int kr_expression_outputs(const kr_expression *e) { return e->noutputs; }

static double power_integer(double base, int n) {
    double result = 1;
    for (unsigned k = (unsigned)(n < 0 ? -n : n); k; k >>= 1, base *= base)
        if (k & 1) result *= base;
    return n < 0 ? 1 / result : result;
}

double kr_op_apply(kr_op op, double a, double b, double c) {
    switch (op) {
    case KR_OP_CONSTANT:
    case KR_OP_VARIABLE:
        break;
    case KR_OP_ADD:
        return a + b;
    case KR_OP_SUB:
        return a - b;
    case KR_OP_MUL:
        return a * b;
    case KR_OP_DIV:
        return a / b;
    case KR_OP_NEG:
        return -a;
    case KR_OP_POWI:
        return power_integer(a, (int)b);
    case KR_OP_POW:
        return pow(a, b);
    case KR_OP_IF:
        return a > 0 ? b : c;
    case KR_OP_MIN:
        return a < b ? a : b;
    case KR_OP_MAX:
        return a > b ? a : b;
    case KR_OP_ATAN2:
        return atan2(a, b);
    case KR_OP_HYPOT:
        return hypot(a, b);
    case KR_OP_EXP:
        return exp(a);
    case KR_OP_LOG:
        return log(a);
    case KR_OP_SQRT:
        return sqrt(a);
    case KR_OP_SIN:
        return sin(a);
    case KR_OP_COS:
        return cos(a);
    case KR_OP_TAN:
        return tan(a);
    case KR_OP_ASIN:
        return asin(a);
    case KR_OP_ACOS:
        return acos(a);
    case KR_OP_ATAN:
        return atan(a);
    case KR_OP_SINH:
        return sinh(a);
    case KR_OP_COSH:
        return cosh(a);
    case KR_OP_TANH:
        return tanh(a);
    case KR_OP_ERF:
        return erf(a);
    case KR_OP_ABS:
        return fabs(a);
    case KR_OP_SIGN:
        return (a > 0) - (a < 0);
    case KR_OP_STEP:
        return a > 0;
    }
    return NAN;
}

static void forward(const kr_expression *e, int last, const double *x, double *value) {
    for (int i = 0; i <= last; i++) {
        const kr_node *n = &e->node[i];
        value[i] = n->op == KR_OP_VARIABLE   ? x[n->a]
                   : n->op == KR_OP_CONSTANT ? n->value
                                             : kr_op_apply(n->op, value[n->a], value[n->b], value[n->c]);
    }
}

/* ∂op/∂a of the functions of one argument; v = op(a). */
static double slope(kr_op op, double a, double v) {
    switch (op) {
    case KR_OP_EXP:
        return v;
    case KR_OP_LOG:
        return 1 / a;
    case KR_OP_SQRT:
        return 0.5 / v;
    case KR_OP_SIN:
        return cos(a);
    case KR_OP_COS:
        return -sin(a);
    case KR_OP_TAN:
        return 1 + v * v;
    case KR_OP_ASIN:
        return 1 / sqrt(1 - a * a);
    case KR_OP_ACOS:
        return -1 / sqrt(1 - a * a);
    case KR_OP_ATAN:
        return 1 / (1 + a * a);
    case KR_OP_SINH:
        return cosh(a);
    case KR_OP_COSH:
        return sinh(a);
    case KR_OP_TANH:
        return 1 - v * v;
    case KR_OP_ERF:
        return M_2_SQRTPI * exp(-a * a);
    case KR_OP_ABS:
        return (a > 0) - (a < 0);
    default: /* sign, step */
        return 0;
    }
}

/* Adds w · ∂op/∂operand to the adjoints of the operands. */
static void reverse_node(const kr_expression *e, int i, const double *value, double *adjoint) {
    const kr_node *n = &e->node[i];
    double w = adjoint[i], a = value[n->a], b = value[n->b];
    switch (n->op) {
    case KR_OP_CONSTANT:
    case KR_OP_VARIABLE:
        break;
    case KR_OP_ADD:
        adjoint[n->a] += w;
        adjoint[n->b] += w;
        break;
    case KR_OP_SUB:
        adjoint[n->a] += w;
        adjoint[n->b] -= w;
        break;
    case KR_OP_MUL:
        adjoint[n->a] += w * b;
        adjoint[n->b] += w * a;
        break;
    case KR_OP_DIV:
        adjoint[n->a] += w / b;
        adjoint[n->b] -= w * value[i] / b;
        break;
    case KR_OP_NEG:
        adjoint[n->a] -= w;
        break;
    case KR_OP_POWI:
        if (b != 0) adjoint[n->a] += w * b * power_integer(a, (int)b - 1);
        break;
    case KR_OP_POW:
        if (b != 0) adjoint[n->a] += w * b * pow(a, b - 1);
        if (e->node[n->b].op != KR_OP_CONSTANT) adjoint[n->b] += a == 0 && b > 0 ? 0 : w * value[i] * log(a);
        break;
    case KR_OP_IF:
        adjoint[a > 0 ? n->b : n->c] += w;
        break;
    case KR_OP_MIN:
        adjoint[a < b ? n->a : n->b] += w;
        break;
    case KR_OP_MAX:
        adjoint[a > b ? n->a : n->b] += w;
        break;
    case KR_OP_ATAN2:
        adjoint[n->a] += w * b / (a * a + b * b);
        adjoint[n->b] -= w * a / (a * a + b * b);
        break;
    case KR_OP_HYPOT:
        adjoint[n->a] += value[i] > 0 ? w * a / value[i] : 0;
        adjoint[n->b] += value[i] > 0 ? w * b / value[i] : 0;
        break;
    default:
        adjoint[n->a] += w * slope(n->op, a, value[i]);
    }
}

void kr_expression_values(const kr_expression *e, const double *x, double *value) {
    double work[KR_EXPRESSION_NODES];
    int last = -1;
    for (int k = 0; k < e->noutputs; k++) last = e->output[k] > last ? e->output[k] : last;
    forward(e, last, x, work);
    for (int k = 0; k < e->noutputs; k++) value[k] = work[e->output[k]];
}

double kr_expression_gradient(const kr_expression *e, int output, const double *x, double *gradient) {
    double value[KR_EXPRESSION_NODES], adjoint[KR_EXPRESSION_NODES];
    int root = e->output[output];
    forward(e, root, x, value);
    if (!gradient) return value[root];
    int n = root >= e->nvars ? root + 1 : e->nvars;
    memset(adjoint, 0, (size_t)n * sizeof *adjoint);
    adjoint[root] = 1;
    for (int i = root; i >= e->nvars; i--)
        if (adjoint[i] != 0) reverse_node(e, i, value, adjoint);
    memcpy(gradient, adjoint, (size_t)e->nvars * sizeof *gradient);
    return value[root];
}
