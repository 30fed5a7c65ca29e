/* Formulas of run files: parsed once, evaluated with their exact gradient by a reverse sweep.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   + − * / ^ ( ), numbers, pi, the variables x1 … xd or x[1] … x[d] (x, y, z too when d ≤ 3) and the names a file
 * gives them, parameters, definitions, sum(i, first, last, expression in i), if(c, a, b) = a where c > 0, b elsewhere,
 * and exp log sqrt sin cos tan asin acos atan sinh cosh tanh erf abs sign step min max atan2 hypot pow. ^ binds tighter
 * than the sign before it and to the right: −x^2 = −(x²), 2^3^2 = 2^9. One object holds several outputs over one list
 * of operations, so that shared definitions are evaluated once. */
#ifndef KR_SAMPLING_EXPRESSION_H
#define KR_SAMPLING_EXPRESSION_H

#include "core/tree.h"

typedef struct kr_expression kr_expression;

/* variable [nvars]: names besides x1 …; NULL = none. */
kr_status kr_expression_create(kr_context *ctx, int nvars, const char *const *variable, kr_expression **expression);
void kr_expression_destroy(kr_expression **expression);

/* A further name of variable `index`, from 0; x, y and z may be given to any of them. */
kr_status kr_expression_variable(kr_context *ctx, kr_expression *expression, int index, const char *name,
                                 const kr_tree *node);
/* A name for a number, or for a formula that later formulas may use. `node`: the JSON string that `text` comes from, or
 * NULL; with it, messages name line and column of the offending character in the file. KR_ERR_FORMAT: unknown name or
 * function, wrong number of arguments, unbalanced parentheses, name already taken … */
kr_status kr_expression_constant(kr_context *ctx, kr_expression *expression, const char *name, double value,
                                 const kr_tree *node);
kr_status kr_expression_define(kr_context *ctx, kr_expression *expression, const char *name, const char *text,
                               const kr_tree *node);
/* Appends an output. */
kr_status kr_expression_output(kr_context *ctx, kr_expression *expression, const char *text, const kr_tree *node);
int kr_expression_outputs(const kr_expression *expression);

/* value [outputs] at x [nvars]. Outside of a function's domain the result is NaN or infinite: callers check. */
void kr_expression_values(const kr_expression *expression, const double *x, double *value);
/* One output with its gradient [nvars] (NULL: not wanted). */
double kr_expression_gradient(const kr_expression *expression, int output, const double *x, double *gradient);

#endif
