/* key=value pairs of extended XYZ.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * In use: key=word, key="words with \"escapes\"", key='words', key=[T, T, T], key={1 2 3}, key=[[1, 0], [0, 1]],
 * blanks around '=', and bare flags. */
#include "core/extxyz_comment.h"
#include <string.h>

static int blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

typedef struct reader {
    const char *start, *next, *end;
    const char *expected;
} reader;

static int fail(reader *r, const char *expected) {
    r->expected = expected;
    return (int)(r->next - r->start) + 1;
}

static void skip_blanks(reader *r) {
    while (r->next < r->end && blank(*r->next)) r->next++;
}

/* "…" or '…': the text between the quotes. */
static int quoted(reader *r, kr_word *word) {
    const char quote = *r->next, *start = r->next + 1, *c = start;
    while (c < r->end && *c != quote) c += *c == '\\' && c + 1 < r->end ? 2 : 1;
    if (c >= r->end) return fail(r, "a closing quote");
    *word = (kr_word){start, (size_t)(c - start)};
    r->next = c + 1;
    return 0;
}

/* [ … ] or { … } with nesting: the text between the outer brackets. */
static int bracketed(reader *r, kr_word *word) {
    const char *start = r->next + 1, *c = r->next;
    int depth = 0;
    for (; c < r->end; c++) {
        if (*c == '[' || *c == '{') depth++;
        if ((*c == ']' || *c == '}') && --depth == 0) break;
    }
    if (c >= r->end) return fail(r, "a closing bracket");
    *word = (kr_word){start, (size_t)(c - start)};
    r->next = c + 1;
    return 0;
}

static int read_value(reader *r, kr_word *word) {
    skip_blanks(r);
    if (r->next >= r->end) return fail(r, "a value after '='");
    if (*r->next == '"' || *r->next == '\'') return quoted(r, word);
    if (*r->next == '[' || *r->next == '{') return bracketed(r, word);
    const char *start = r->next;
    while (r->next < r->end && !blank(*r->next)) r->next++;
    *word = (kr_word){start, (size_t)(r->next - start)};
    return 0;
}

static int read_key(reader *r, kr_word *word) {
    if (*r->next == '"') return quoted(r, word);
    const char *start = r->next;
    while (r->next < r->end && !blank(*r->next) && *r->next != '=') r->next++;
    *word = (kr_word){start, (size_t)(r->next - start)};
    return word->n ? 0 : fail(r, "a key before '='");
}

int kr_comment_parse(kr_word line, kr_comment *comment, const char **expected) {
    reader r = {line.text, line.text, line.text + line.n, ""};
    int column = 0;
    comment->n = 0;
    for (;;) {
        skip_blanks(&r);
        if (r.next >= r.end) break;
        if (comment->n == KR_COMMENT_PAIRS) {
            column = fail(&r, "at most 256 keys");
            break;
        }
        kr_pair *pair = &comment->pair[comment->n];
        column = read_key(&r, &pair->key);
        if (column) break;
        const char *behind = r.next;
        skip_blanks(&r);
        if (r.next < r.end && *r.next == '=') {
            r.next++;
            column = read_value(&r, &pair->value);
            if (column) break;
        } else {
            r.next = behind;
            pair->value = (kr_word){"T", 1};
        }
        comment->n++;
    }
    *expected = r.expected;
    return column;
}

const kr_word *kr_comment_get(const kr_comment *comment, const char *key) {
    for (int i = 0; i < comment->n; i++)
        if (kr_word_is_nocase(comment->pair[i].key, key)) return &comment->pair[i].value;
    return NULL;
}

static int separator(char c) { return blank(c) || strchr(",;[]{}()\"", c) != NULL; }

int kr_comment_item(kr_word *rest, kr_word *item) {
    size_t i = 0, start;
    while (i < rest->n && separator(rest->text[i])) i++;
    start = i;
    while (i < rest->n && !separator(rest->text[i])) i++;
    *item = (kr_word){rest->text + start, i - start};
    *rest = (kr_word){rest->text + i, rest->n - i};
    return item->n > 0;
}

int kr_comment_numbers(kr_word list, int room, double *number) {
    kr_word item;
    double value;
    int n = 0;
    while (kr_comment_item(&list, &item)) {
        if (!kr_word_real(item, &value)) return -1;
        if (n == room) return room + 1;
        number[n++] = value;
    }
    return n;
}
