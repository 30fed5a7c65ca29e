/* Formulas: recursive descent from text to operations.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   sum     = product { (+ | −) product }          product = signed { (* | /) signed }
 *   signed  = (+ | −) signed | power               power   = atom [ ^ signed ]
 *   atom    = number | name | x [ whole ] | function ( sum {, sum} ) | sum ( i , whole , whole , sum ) | ( sum )
 * A sum over i is unrolled: its text is parsed once for each value of i. */
#include "core/error.h"
#include "core/suggest.h"
#include "core/text.h"
#include "sampling/expression_internal.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    kr_op op;
    int arguments;
} functions[] = {
    {"exp", KR_OP_EXP, 1},   {"log", KR_OP_LOG, 1},   {"sqrt", KR_OP_SQRT, 1},   {"sin", KR_OP_SIN, 1},
    {"cos", KR_OP_COS, 1},   {"tan", KR_OP_TAN, 1},   {"asin", KR_OP_ASIN, 1},   {"acos", KR_OP_ACOS, 1},
    {"atan", KR_OP_ATAN, 1}, {"sinh", KR_OP_SINH, 1}, {"cosh", KR_OP_COSH, 1},   {"tanh", KR_OP_TANH, 1},
    {"erf", KR_OP_ERF, 1},   {"abs", KR_OP_ABS, 1},   {"sign", KR_OP_SIGN, 1},   {"step", KR_OP_STEP, 1},
    {"min", KR_OP_MIN, 2},   {"max", KR_OP_MAX, 2},   {"atan2", KR_OP_ATAN2, 2}, {"hypot", KR_OP_HYPOT, 2},
    {"pow", KR_OP_POW, 2},   {"if", KR_OP_IF, 3},
};
enum { NFUNCTIONS = sizeof functions / sizeof *functions, DEPTH = 200, INDICES = 8 };

typedef struct parser {
    kr_context *ctx;
    kr_expression *e;
    const kr_tree *node;   /* where the text stands in a file, or NULL */
    const char *text, *at; /* all of it, the next character */
    int depth;             /* of parentheses, to keep recursion finite */
    int nindices;          /* sums that are being unrolled */
    char index[INDICES][32];
    long index_value[INDICES];
} parser;

static kr_status parse_sum(parser *p, int *root);

/* Formats the place of character `at`: in the file when the string's place is known, else in the formula. */
static kr_status fail(parser *p, const char *at, const char *format, const char *word) {
    char message[160];
    snprintf(message, sizeof message, format, word);
    int offset = (int)(at - p->text);
    if (p->node && p->node->line > 0) /* + 1: the quotation mark */
        return KR_ERROR(p->ctx, KR_ERR_FORMAT, "%s in \"%.60s\" (line %d, column %d)", message, p->text, p->node->line,
                        p->node->column + 1 + offset);
    return KR_ERROR(p->ctx, KR_ERR_FORMAT, "%s in \"%.60s\", character %d", message, p->text, offset + 1);
}

static void skip(parser *p) { p->at += strspn(p->at, " \t\n"); }

/* The next character if it is c. */
static int take(parser *p, char c) {
    skip(p);
    if (*p->at != c) return 0;
    p->at++;
    return 1;
}

static kr_status expect(parser *p, char c, const char *opened) {
    char word[] = {c, 0};
    if (take(p, c)) return KR_OK;
    if (!*p->at && c == ')') return fail(p, opened, "parenthesis '%s' is never closed", "(");
    return fail(p, p->at, "'%s' expected", word);
}

static kr_status add(parser *p, kr_op op, int a, int b, int c, double value, int *root) {
    *root = kr_expression_node(p->ctx, p->e, op, a, b, c, value);
    return *root >= 0 ? KR_OK : p->e->nnodes == KR_EXPRESSION_NODES ? KR_ERR_FORMAT : KR_ERR_MEMORY;
}

/* A sum whose value is a constant whole number: bounds and subscripts. */
static kr_status parse_whole(parser *p, long *value) {
    kr_status status = KR_OK;
    skip(p);
    const char *start = p->at;
    int root;
    KR_TRY(parse_sum(p, &root));
    const kr_node *n = &p->e->node[root];
    if (n->op != KR_OP_CONSTANT || n->value != floor(n->value) || fabs(n->value) > 1e6)
        return fail(p, start, "%s expected", "a whole number");
    *value = (long)n->value;
done:
    return status;
}

static kr_status parse_subscript(parser *p, int *root) {
    kr_status status = KR_OK;
    const char *opened = p->at - 1, *start = p->at;
    long i;
    KR_TRY(parse_whole(p, &i));
    KR_TRY(expect(p, ']', opened));
    if (i < 1 || i > p->e->nvars) {
        char word[64];
        snprintf(word, sizeof word, "x[%ld], allowed x[1] to x[%d]", i, p->e->nvars);
        return fail(p, start, "there is no %s", word);
    }
    *root = (int)i - 1;
done:
    return status;
}

/* sum(i, first, last, body), after the parenthesis. */
static kr_status parse_series(parser *p, const char *opened, int *root) {
    kr_status status = KR_OK;
    long first, last;
    skip(p);
    size_t n = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (!n || n >= sizeof p->index[0] || isdigit((unsigned char)*p->at))
        return fail(p, p->at, "%s expected: sum(i, first, last, formula)", "the name of an index");
    if (p->nindices == INDICES) return fail(p, p->at, "more than %s sums inside each other", "8");
    const char *name = p->at;
    p->at += n;
    KR_TRY(expect(p, ',', opened));
    KR_TRY(parse_whole(p, &first));
    KR_TRY(expect(p, ',', opened));
    KR_TRY(parse_whole(p, &last));
    KR_TRY(expect(p, ',', opened));
    const char *body = p->at;
    int k = p->nindices++, term;
    snprintf(p->index[k], sizeof p->index[k], "%.*s", (int)n, name);
    KR_TRY(add(p, KR_OP_CONSTANT, 0, 0, 0, 0, root));
    /* An empty range still needs its text parsed, to find the end: the operations stay unused. */
    for (long i = first; i <= last || i == first; i++) {
        p->at = body;
        p->index_value[k] = i;
        if (first > last) p->index_value[k] = 1;
        KR_TRY(parse_sum(p, &term));
        if (first <= last) KR_TRY(add(p, KR_OP_ADD, *root, term, term, 0, root));
    }
    p->nindices--;
    KR_TRY(expect(p, ')', opened));
done:
    return status;
}

static kr_status parse_call(parser *p, const char *name, const char *word, int *root) {
    kr_status status = KR_OK;
    const char *opened = p->at - 1, *names[NFUNCTIONS + 1];
    int which = -1, argument[3] = {0}, n = 0;
    if (!strcmp(word, "sum")) return parse_series(p, opened, root);
    for (int i = 0; i < NFUNCTIONS; i++) {
        names[i] = functions[i].name;
        if (!strcmp(word, names[i])) which = i;
    }
    if (which < 0) {
        names[NFUNCTIONS] = "sum";
        fail(p, name, "unknown function '%s'", word);
        kr_suggest_hint(p->ctx, word, NFUNCTIONS + 1, names, '\'');
        return KR_ERR_FORMAT;
    }
    if (!take(p, ')')) {
        do {
            int root_of;
            KR_TRY(parse_sum(p, &root_of));
            if (n < 3) argument[n] = root_of;
            n++;
        } while (take(p, ','));
        KR_TRY(expect(p, ')', opened));
    }
    if (n != functions[which].arguments) {
        char wrong[80];
        snprintf(wrong, sizeof wrong, "%s has %d argument%s, %d given", word, functions[which].arguments,
                 functions[which].arguments == 1 ? "" : "s", n);
        return fail(p, name, "function %s", wrong);
    }
    for (int i = n; i < 3; i++) argument[i] = argument[0];
    KR_TRY(add(p, functions[which].op, argument[0], argument[1], argument[2], 0, root));
done:
    return status;
}

static kr_status unknown_name(parser *p, const char *name, const char *word) {
    const char *names[64] = {"pi"};
    int n = 1;
    for (int i = 0; i < p->e->nnames && n < 64; i++) names[n++] = p->e->name[i].name;
    const char *near = kr_suggest(word, n, names);
    fail(p, name, "unknown name '%s'", word);
    if (near)
        kr_error_hint(p->ctx, "did you mean '%s'?", near);
    else
        kr_error_hint(p->ctx, "variables are x1 to x%d; parameters and definitions must come first", p->e->nvars);
    return KR_ERR_FORMAT;
}

static kr_status parse_name(parser *p, int *root) {
    char word[64];
    const char *name = p->at;
    size_t n = 0;
    while (isalnum((unsigned char)name[n]) || name[n] == '_') n++;
    if (n >= sizeof word) return fail(p, name, "%s is longer than 63 letters", "a name");
    memcpy(word, name, n);
    word[n] = 0;
    p->at += n;
    if (take(p, '(')) return parse_call(p, name, word, root);
    if (!strcmp(word, "x") && take(p, '[')) return parse_subscript(p, root);
    for (int k = p->nindices - 1; k >= 0; k--)
        if (!strcmp(word, p->index[k])) return add(p, KR_OP_CONSTANT, 0, 0, 0, (double)p->index_value[k], root);
    for (int k = 0; k < p->e->nnames; k++) {
        if (strcmp(word, p->e->name[k].name) != 0) continue;
        *root = p->e->name[k].node;
        return KR_OK;
    }
    if (!strcmp(word, "pi")) return add(p, KR_OP_CONSTANT, 0, 0, 0, M_PI, root);
    if (word[0] == 'x' && isdigit((unsigned char)word[1])) {
        char *end;
        long i = strtol(word + 1, &end, 10);
        if (!*end && i >= 1 && i <= p->e->nvars) {
            *root = (int)i - 1;
            return KR_OK;
        }
    }
    if (p->e->nvars <= 3 && n == 1 && word[0] >= 'x' && word[0] < 'x' + p->e->nvars) {
        *root = word[0] - 'x';
        return KR_OK;
    }
    return unknown_name(p, name, word);
}

/* Digits, point, exponent; by hand so that the locale does not matter and "2e" is seen as a mistake. */
static kr_status parse_number(parser *p, int *root) {
    const char *s = p->at;
    size_t n = strspn(s, "0123456789");
    if (s[n] == '.') n += 1 + strspn(s + n + 1, "0123456789");
    if ((s[n] == 'e' || s[n] == 'E')) {
        size_t sign = s[n + 1] == '+' || s[n + 1] == '-', digits = strspn(s + n + 1 + sign, "0123456789");
        if (digits) n += 1 + sign + digits;
    }
    kr_word word = {s, n};
    double value;
    if (isalpha((unsigned char)s[n]) || s[n] == '_' || !kr_word_real(word, &value))
        return fail(p, s, "%s expected (products need a *)", "a number");
    p->at += n;
    return add(p, KR_OP_CONSTANT, 0, 0, 0, value, root);
}

static kr_status parse_atom(parser *p, int *root) {
    kr_status status = KR_OK;
    skip(p);
    const char *start = p->at;
    if (isdigit((unsigned char)*start) || *start == '.') return parse_number(p, root);
    if (isalpha((unsigned char)*start) || *start == '_') return parse_name(p, root);
    if (take(p, '(')) {
        KR_TRY(parse_sum(p, root));
        return expect(p, ')', start);
    }
    if (!*start) return fail(p, start, "the formula ends where %s is expected", "a number or name");
    char word[] = {isprint((unsigned char)*start) ? *start : '?', 0};
    return fail(p, start, *start == ')' ? "'%s' without a partner or an operand" : "unexpected '%s'", word);
done:
    return status;
}

static kr_status parse_signed(parser *p, int *root) {
    kr_status status = KR_OK;
    if (p->depth >= DEPTH) return fail(p, p->at, "%s nested more than 200 deep", "formula");
    p->depth++;
    if (take(p, '-')) {
        KR_TRY(parse_signed(p, root));
        KR_TRY(add(p, KR_OP_NEG, *root, *root, *root, 0, root));
    } else if (take(p, '+')) {
        KR_TRY(parse_signed(p, root));
    } else {
        KR_TRY(parse_atom(p, root));
        if (take(p, '^')) {
            int exponent;
            KR_TRY(parse_signed(p, &exponent));
            KR_TRY(add(p, KR_OP_POW, *root, exponent, exponent, 0, root));
        }
    }
    p->depth--;
done:
    return status;
}

static kr_status parse_product(parser *p, int *root) {
    kr_status status = KR_OK;
    KR_TRY(parse_signed(p, root));
    for (;;) {
        kr_op op = take(p, '*') ? KR_OP_MUL : take(p, '/') ? KR_OP_DIV : KR_OP_CONSTANT;
        if (op == KR_OP_CONSTANT) break;
        int right;
        if (op == KR_OP_MUL && *p->at == '*') return fail(p, p->at - 1, "'%s' is no operator, use ^", "**");
        KR_TRY(parse_signed(p, &right));
        KR_TRY(add(p, op, *root, right, right, 0, root));
    }
done:
    return status;
}

static kr_status parse_sum(parser *p, int *root) {
    kr_status status = KR_OK;
    KR_TRY(parse_product(p, root));
    for (;;) {
        kr_op op = take(p, '+') ? KR_OP_ADD : take(p, '-') ? KR_OP_SUB : KR_OP_CONSTANT;
        if (op == KR_OP_CONSTANT) break;
        int right;
        KR_TRY(parse_product(p, &right));
        KR_TRY(add(p, op, *root, right, right, 0, root));
    }
done:
    return status;
}

kr_status kr_expression_parse(kr_context *ctx, kr_expression *e, const char *text, const kr_tree *node, int *root) {
    kr_status status = KR_OK;
    parser p = {.ctx = ctx, .e = e, .node = node, .text = text, .at = text};
    KR_TRY(parse_sum(&p, root));
    skip(&p);
    if (*p.at == ')') return fail(&p, p.at, "'%s' without a partner", ")");
    if (*p.at) {
        char word[] = {isprint((unsigned char)*p.at) ? *p.at : '?', 0};
        return fail(&p, p.at, "an operator is expected before '%s'", word);
    }
done:
    return status;
}
