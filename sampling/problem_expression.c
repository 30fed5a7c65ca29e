/* The user's own problem as formulas: a potential, or a drift component by component (expression.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   {"kind": "expression", "variables": ["x", "y"], "parameters": {"k": 5}, "definitions": {"r2": "x^2 + y^2"},
 *    "potential": "(x^2 - 1)^2 + k*y^2/2"}              or "drift": ["x - x^3", "-y"]
 * Derivatives of the potential are exact; those of a drift too. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/expression.h"
#include "sampling/problem.h"

typedef struct formulas {
    int dim;
    const kr_tree *variables, *parameters, *definitions, *potential, *drift;
    kr_expression *expression; /* the potential, or the drift */
} formulas;

#define ENTRY(field) .offset = offsetof(formulas, field), .initial = ""
static const kr_parameter parameters[] = {
    {.name = "dim",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(formulas, dim),
     .initial = "null",
     .range = "[1, 1000]",
     .help = "dimensions; null: as many as variables or components of the drift"},
    {.name = "variables", .type = KR_PARAMETER_TEXTS, ENTRY(variables), .help = "names besides x1, x2 ..."},
    {.name = "parameters", .type = KR_PARAMETER_TREE, ENTRY(parameters), .help = "names with numbers"},
    {.name = "definitions",
     .type = KR_PARAMETER_TREE,
     ENTRY(definitions),
     .help = "names with formulas, which later ones may use"},
    {.name = "potential", .type = KR_PARAMETER_TREE, ENTRY(potential), .help = "V as a formula"},
    {.name = "drift", .type = KR_PARAMETER_TREE, ENTRY(drift), .help = "a list of formulas, one per dimension"},
    {0}};

static kr_status read_names(kr_context *ctx, const formulas *s, kr_expression *e) {
    kr_status status = KR_OK;
    const kr_tree *p = s->parameters, *d = s->definitions;
    if (p && p->kind != KR_TREE_MAP)
        KR_TRY(kr_parameter_fail(ctx, "problem", "parameters", p, "names with numbers expected, {\"k\": 5}"));
    if (d && d->kind != KR_TREE_MAP)
        KR_TRY(kr_parameter_fail(ctx, "problem", "definitions", d, "names with formulas expected, {\"r\": \"x^2\"}"));
    for (int i = 0; p && i < p->count; i++) {
        if (p->child[i]->kind != KR_TREE_INT && p->child[i]->kind != KR_TREE_REAL)
            KR_TRY(kr_parameter_fail(ctx, "problem.parameters", p->key[i], p->child[i], "a number expected"));
        KR_TRY(kr_expression_constant(ctx, e, p->key[i], p->child[i]->real, p->child[i]));
    }
    for (int i = 0; d && i < d->count; i++) {
        if (d->child[i]->kind != KR_TREE_STRING)
            KR_TRY(kr_parameter_fail(ctx, "problem.definitions", d->key[i], d->child[i], "a formula expected"));
        KR_TRY(kr_expression_define(ctx, e, d->key[i], d->child[i]->string, d->child[i]));
    }
done:
    return status;
}

static kr_status output(kr_context *ctx, const kr_tree *text, const char *key, kr_expression *e) {
    if (text->kind != KR_TREE_STRING)
        return kr_parameter_fail(ctx, "problem", key, text, "a formula in quotation marks expected");
    kr_status status = kr_expression_output(ctx, e, text->string, text);
    if (status == KR_ERR_FORMAT) kr_error_prefix(ctx, "problem.%s", key);
    return status;
}

static kr_status choose_dim(kr_context *ctx, formulas *s, const kr_tree *where) {
    int given = s->dim != KR_PARAMETER_NULL, names = s->variables ? s->variables->count : 0;
    int components = s->drift && s->drift->kind == KR_TREE_LIST ? s->drift->count : 0;
    if (!s->potential == !s->drift)
        return kr_parameter_fail(ctx, "problem", "", where, "one of \"potential\" and \"drift\" is needed");
    if (s->drift && !components)
        return kr_parameter_fail(ctx, "problem", "drift", s->drift, "a list of formulas expected");
    if (!given) s->dim = components ? components : names;
    if (!s->dim)
        return kr_parameter_fail(ctx, "problem", "", where, "\"dim\" or \"variables\" is needed beside a potential");
    if (components && components != s->dim)
        return kr_parameter_fail(ctx, "problem", "drift", s->drift, "%d components, the problem has %d dimensions",
                                 components, s->dim);
    if (names && names != s->dim)
        return kr_parameter_fail(ctx, "problem", "variables", s->variables, "%d names, the problem has %d dimensions",
                                 names, s->dim);
    return KR_OK;
}

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    kr_status status = KR_OK;
    formulas *s = problem->state;
    KR_TRY(choose_dim(ctx, s, where));
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    KR_TRY(kr_expression_create(ctx, s->dim, NULL, &s->expression));
    for (int i = 0; s->variables && i < s->dim; i++) {
        status = kr_expression_variable(ctx, s->expression, i, s->variables->child[i]->string, s->variables->child[i]);
        if (status == KR_ERR_FORMAT) kr_error_prefix(ctx, "problem.variables");
        if (status != KR_OK) goto done;
    }
    KR_TRY(read_names(ctx, s, s->expression));
    if (s->potential) KR_TRY(output(ctx, s->potential, "potential", s->expression));
    for (int i = 0; s->drift && i < s->dim; i++) KR_TRY(output(ctx, s->drift->child[i], "drift", s->expression));
    problem->nplaces = s->potential ? 1 : s->dim;
    KR_NEW(ctx, problem->places, (size_t)problem->nplaces);
    for (int i = 0; i < problem->nplaces; i++)
        kr_tree_place(s->potential ? s->potential : s->drift->child[i], problem->places[i]);
    problem->no_potential = !s->potential;
    problem->dynamics = s->potential ? KR_OVERDAMPED : KR_DIFFUSION;
done:
    return status;
}

static void destroy(kr_problem *problem) { kr_expression_destroy(&((formulas *)problem->state)->expression); }

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    (void)ctx;
    const formulas *s = problem->state;
    long d = s->dim;
    for (long i = 0; i < n; i++) {
        double value = kr_expression_gradient(s->expression, 0, x + i * d, grad ? grad + i * d : NULL);
        if (v) v[i] = value;
    }
    return KR_OK;
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    const formulas *s = problem->state;
    long d = s->dim;
    if (!s->potential) {
        for (long i = 0; i < n; i++) kr_expression_values(s->expression, x + i * d, f + i * d);
        return KR_OK;
    }
    kr_status status = potential(ctx, problem, n, x, NULL, f);
    for (long i = 0; i < n * d; i++) f[i] *= problem->mobility ? -problem->mobility[i % d] : -1;
    return status;
}

const kr_problem_kind kr_problem_expression = {
    .name = "expression",
    .summary = "your own potential or drift as formulas",
    .reference = "the run file",
    .parameters = parameters,
    .size = sizeof(formulas),
    .create = create,
    .destroy = destroy,
    .potential = potential,
    .drift = drift,
};
