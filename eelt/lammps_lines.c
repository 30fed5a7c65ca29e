/* The lines of a LAMMPS potential, looked at before LAMMPS sees them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * What is refused would be refused by LAMMPS, too, once for every frame; or not at all: "pair_coeff * * file Mg Al"
 * for the types Al, Mg gives labels, wrong ones. `pair_coeff I J …`: I and J are a type, "*" or a range a*b of them;
 * styles of files with several elements end with one name for every type, "NULL" for a type that is not theirs. */
#include "eelt/lammps_lines.h"
#include "core/elements.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "core/text.h"
#include "eelt/config.h"
#include <string.h>

/* What a line may begin with: the potential and how it is evaluated, nothing that touches atoms, cell or forces. */
static const char *const allowed[] = {"pair_style",    "pair_coeff",    "pair_modify", "pair_write",   "kspace_style",
                                      "kspace_modify", "special_bonds", "neighbor",    "neigh_modify", "comm_modify",
                                      "comm_style",    "dielectric",    "mass",        "variable",     "plugin",
                                      "package",       "suffix",        "log",         "echo",         "print"};
enum { ALLOWED = sizeof allowed / sizeof *allowed, WORDS = 256 };

typedef struct checker {
    const kr_tree *elements, *files;
    const char *base;
    int style, none, named; /* is there a pair_style; is it one without coefficients; one whose lines end with names */
    int open;               /* a pair_coeff line whose types are not known here */
    unsigned char *covered; /* [elements] has coefficients with itself */
} checker;

static kr_status told(kr_context *ctx, kr_status status, const char *hint) {
    if (hint) kr_error_hint(ctx, "%s", hint);
    return kr_config_told(ctx, status);
}

static kr_status check_command(kr_context *ctx, const kr_tree *line, kr_word command) {
    char shown[32], hint[64];
    for (int k = 0; k < ALLOWED; k++)
        if (kr_word_is(command, allowed[k])) return KR_OK;
    kr_word_show(command, shown, sizeof shown);
    const char *near = kr_suggest(shown, ALLOWED, allowed);
    if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    return told(ctx,
                kr_parameter_fail(ctx, "label", "lines", line,
                                  "'%s' is no part of a potential: it may change the atoms, the cell or the forces",
                                  shown),
                near ? hint : NULL);
}

/* ---- types ---- */

/* "2", "*", "2*", "*3", "2*3" → first and last type; 0: something else, a variable or a label. */
static int read_range(kr_word word, int ntypes, int64_t range[2]) {
    const char *star = memchr(word.text, '*', word.n);
    kr_word left = {word.text, star ? (size_t)(star - word.text) : word.n};
    kr_word right = {star ? star + 1 : word.text, star ? word.n - left.n - 1 : word.n};
    range[0] = 1;
    range[1] = ntypes;
    if (left.n && !kr_word_int(left, &range[0])) return 0;
    return !right.n || kr_word_int(right, &range[1]);
}

static kr_status check_types(kr_context *ctx, checker *c, const kr_tree *line, const kr_word *word) {
    int64_t range[2][2];
    const int n = c->elements->count;
    for (int k = 0; k < 2; k++) {
        char shown[32];
        if (!read_range(word[1 + k], n, range[k])) {
            c->open = 1;
            return KR_OK;
        }
        if (range[k][0] >= 1 && range[k][1] <= n && range[k][0] <= range[k][1]) continue;
        kr_word_show(word[1 + k], shown, sizeof shown);
        return told(
            ctx,
            kr_parameter_fail(ctx, "label", "lines", line, "'%s': type %s, expected 1 to %d", line->string, shown, n),
            "label.elements has one entry for every type");
    }
    for (int t = 0; t < n; t++)
        c->covered[t] |= range[0][0] <= t + 1 && t + 1 <= range[0][1] && range[1][0] <= t + 1 && t + 1 <= range[1][1];
    return KR_OK;
}

/* ---- names and files ---- */

static int is_name(kr_word word) { return kr_word_is(word, "NULL") || kr_element_number(word.text, word.n) > 0; }

/* The names at the end of "pair_coeff * * …": one for every type, in their order. */
static kr_status check_names(kr_context *ctx, const checker *c, const kr_tree *line, int n, const kr_word *name) {
    static const char hint[] = "one name for every type, in the order of label.elements; NULL where there is none";
    for (int k = 0; n == c->elements->count && k < n; k++) {
        const char *element = c->elements->child[k]->string;
        char shown[16];
        if (kr_word_is(name[k], element) || kr_word_is(name[k], "NULL")) continue;
        kr_word_show(name[k], shown, sizeof shown);
        return told(ctx,
                    kr_parameter_fail(ctx, "label", "lines", line, "'%s': type %d is %s here and %s in label.elements",
                                      line->string, k + 1, shown, element),
                    hint);
    }
    if (n == c->elements->count) return KR_OK;
    return told(ctx,
                kr_parameter_fail(ctx, "label", "lines", line, "'%s' names %d element%s, expected %d", line->string, n,
                                  n == 1 ? "" : "s", c->elements->count),
                hint);
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The file before the names. One that is nowhere may be LAMMPS' own; one that lies here, or is called nearly like a
 * listed one, was meant to be listed. */
static kr_status check_file(kr_context *ctx, const checker *c, const kr_tree *line, kr_word file) {
    kr_status status = KR_OK;
    const char *names[64], *near;
    char shown[200], hint[240], *path;
    int n = 0;
    double number;
    if (!memchr(file.text, '.', file.n) || kr_word_real(file, &number) || file.n >= sizeof shown) return KR_OK;
    kr_word_show(file, shown, sizeof shown);
    for (int k = 0; c->files && k < c->files->count && n < 64; k++) {
        const char *listed = c->files->child[k]->string;
        if (!strcmp(listed, shown) || !strcmp(last_part(listed), shown)) return KR_OK;
        names[n++] = last_part(listed);
    }
    if (*shown == '/') return KR_OK;
    path = kr_label_path(ctx, c->base, shown);
    if (!path) return KR_ERR_MEMORY;
    near = kr_file_exists(path) ? shown : kr_suggest(shown, n, names);
    if (near == shown)
        snprintf(hint, sizeof hint, "tasks run in other folders, and the label depends on it: \"files\": [\"%s\"]",
                 shown);
    else
        snprintf(hint, sizeof hint, "did you mean '%s'?", near ? near : "");
    if (near)
        status = told(ctx, kr_parameter_fail(ctx, "label", "lines", line, "'%s' is not in label.files", shown), hint);
    kr_free(path);
    return status;
}

/* ---- lines ---- */

static kr_status check_coefficients(kr_context *ctx, checker *c, const kr_tree *line, int n, const kr_word *word) {
    kr_status status = KR_OK;
    int first = n;
    if (n < 3)
        return told(
            ctx, kr_parameter_fail(ctx, "label", "lines", line, "'%s': expected pair_coeff TYPE TYPE …", line->string),
            NULL);
    KR_TRY(check_types(ctx, c, line, word));
    if (!kr_word_is(word[1], "*") || !kr_word_is(word[2], "*") || kr_word_is(word[n - 1], "&")) return KR_OK;
    while (first > 3 && is_name(word[first - 1])) first--;
    if (first == n && !c->named) return KR_OK;
    KR_TRY(check_names(ctx, c, line, n - first, word + first));
    if (first > 3) KR_TRY(check_file(ctx, c, line, word[first - 1]));
done:
    return status;
}

static void look_at_style(checker *c, kr_word style) {
    static const char *const named[] = {"eam/alloy", "eam/fs", "eam/cd", "adp", "sw", "tersoff", "edip", "vashishta"};
    c->style = 1;
    c->none |= kr_word_is(style, "none") || kr_word_is(style, "zero");
    for (size_t k = 0; k < sizeof named / sizeof *named; k++) c->named |= kr_word_is(style, named[k]);
}

static kr_status check_line(kr_context *ctx, checker *c, const kr_tree *line) {
    kr_word rest = {line->string, strcspn(line->string, "#")}, word[WORDS];
    int n = 0;
    while (n < WORDS && kr_word_next(&rest, &word[n])) n++;
    if (!n) return KR_OK;
    if (kr_word_is(word[0], "pair_style") && n > 1) look_at_style(c, word[1]);
    if (kr_word_is(word[0], "pair_coeff")) return check_coefficients(ctx, c, line, n, word);
    return check_command(ctx, line, word[0]);
}

static kr_status check_elements(kr_context *ctx, const checker *c) {
    for (int i = 0; i < c->elements->count; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(c->elements->child[i]->string, c->elements->child[k]->string))
                return told(ctx,
                            kr_parameter_fail(ctx, "label", "elements", c->elements->child[i], "%s is there twice",
                                              c->elements->child[i]->string),
                            NULL);
    return KR_OK;
}

kr_status kr_lammps_lines_check(kr_context *ctx, const kr_tree *lines, const kr_tree *elements, const kr_tree *files,
                                const char *base) {
    kr_status status = KR_OK;
    checker c = {.elements = elements, .files = files, .base = base};
    KR_NEW(ctx, c.covered, (size_t)elements->count + 1);
    KR_TRY(check_elements(ctx, &c));
    for (int i = 0; i < lines->count; i++) KR_TRY(check_line(ctx, &c, lines->child[i]));
    if (!c.style) KR_TRY(told(ctx, kr_parameter_fail(ctx, "label", "lines", lines, "there is no pair_style"), NULL));
    for (int t = 0; t < elements->count && c.style && !c.none && !c.open; t++)
        if (!c.covered[t]) {
            KR_TRY(told(ctx,
                        kr_parameter_fail(ctx, "label", "lines", lines, "no pair_coeff is for type %d, %s", t + 1,
                                          elements->child[t]->string),
                        NULL));
            break; /* the others are likely to lack the same line */
        }
done:
    kr_free(c.covered);
    return status;
}
