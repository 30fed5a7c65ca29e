/* The pair styles that a LAMMPS has (lammps_lines.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * "lmp -h" lists them in columns between "* Pair styles:" and the next line that begins with "*". */
#include "core/error.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "core/text.h"
#include "eelt/config.h"
#include "eelt/lammps_lines.h"
#include "eelt/spawn.h"
#include <stdio.h>
#include <string.h>

enum { STYLES = 4000, WORD = 64 };

typedef struct styles {
    int n;
    char *text; /* the words, each with a 0 behind it; owned */
    const char **name;
} styles;

static void styles_free(styles *s) {
    kr_free(s->text);
    kr_free(s->name);
}

/* n = 0: this is no LAMMPS, or it does not say. */
static kr_status ask(kr_context *ctx, const char *command, styles *s) {
    kr_status status = KR_OK;
    char *script = kr_strprintf(ctx, "%s -h", command), *complaint = NULL;
    const char *const argument[] = {"/bin/sh", "-c", script, NULL};
    int code;
    if (!script) return KR_ERR_MEMORY;
    KR_TRY(kr_capture(ctx, argument, 20, &s->text, &complaint, &code));
    char *at = code == 0 && s->text ? strstr(s->text, "* Pair styles:") : NULL;
    if (!at) goto done;
    at += strlen("* Pair styles:");
    char *end = strstr(at, "\n*");
    if (end) *end = 0;
    KR_NEW(ctx, s->name, STYLES);
    for (char *save = NULL, *word = strtok_r(at, " \n", &save); word && s->n < STYLES;
         word = strtok_r(NULL, " \n", &save))
        s->name[s->n++] = word;
done:
    kr_free(script);
    kr_free(complaint);
    return status;
}

static int known(const styles *s, const char *word) {
    for (int k = 0; k < s->n; k++)
        if (!strcmp(s->name[k], word)) return 1;
    return !strcmp(word, "none") || !strcmp(word, "hybrid") || !strcmp(word, "hybrid/overlay");
}

/* The style of a line "pair_style STYLE …"; of a hybrid its first part. 0: another line. */
static int style_of(const char *line, char style[WORD]) {
    kr_word rest = {line, strcspn(line, "#")}, word;
    if (!kr_word_next(&rest, &word) || !kr_word_is(word, "pair_style") || !kr_word_next(&rest, &word)) return 0;
    if (kr_word_is(word, "hybrid") || kr_word_is(word, "hybrid/overlay") || kr_word_is(word, "hybrid/scaled")) {
        do
            if (!kr_word_next(&rest, &word)) return 0;
        while (memchr("0123456789.v$", *word.text, 13)); /* the factors of hybrid/scaled */
    }
    kr_word_show(word, style, WORD);
    return 1;
}

kr_status kr_lammps_styles_check(kr_context *ctx, const kr_tree *lines, const char *command) {
    kr_status status = KR_OK;
    styles s = {0};
    char style[WORD];
    if (!lines || lines->kind != KR_TREE_LIST) return KR_OK;
    for (int i = 0; i < lines->count; i++)
        if (lines->child[i]->kind != KR_TREE_STRING || !strncmp(lines->child[i]->string, "plugin", 6)) return KR_OK;
    KR_TRY(ask(ctx, command, &s));
    for (int i = 0; i < lines->count && s.n; i++) {
        if (!style_of(lines->child[i]->string, style) || known(&s, style)) continue;
        kr_parameter_fail(ctx, "label", "lines", lines->child[i], "this LAMMPS has no pair_style '%s'", style);
        const char *near = kr_suggest(style, s.n, s.name);
        if (near)
            kr_error_hint(ctx, "did you mean '%s'?", near);
        else
            kr_error_hint(ctx, "'%s -h' lists its styles", command);
        KR_TRY(kr_config_told(ctx, KR_ERR_FORMAT));
    }
done:
    styles_free(&s);
    return status;
}
