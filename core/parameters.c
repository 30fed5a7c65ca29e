/* Tables of parameters: strict reading, defaults, help.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/parameters.h"
#include "core/error.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "core/text.h"
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_KEYS = 128, TEXT_ROOM = 256 };

static const char *const type_name[] = {"true or false",     "an integer", "an integer",         "a number",
                                        "a string",          "one of",     "a list of integers", "a list of numbers",
                                        "a list of strings", "a value"};

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static kr_status fail_list(kr_context *ctx, const char *where, const char *key, const kr_tree *value,
                           const char *format, va_list list) {
    char text[TEXT_ROOM * 2], place[48];
    vsnprintf(text, sizeof text, format, list);
    return KR_ERROR(ctx, KR_ERR_FORMAT, "%s%s%s: %s%s", where, *where && *key ? "." : "", key, text,
                    kr_tree_place(value, place));
}

kr_status kr_parameter_fail(kr_context *ctx, const char *where, const char *key, const kr_tree *value,
                            const char *format, ...) {
    va_list list;
    va_start(list, format);
    kr_status status = fail_list(ctx, where, key, value, format, list);
    va_end(list);
    return status;
}

/* The value as it stands in the input, cut when long. */
static const char *show(const kr_tree *value, char text[TEXT_ROOM]) {
    char *json = NULL;
    text[0] = 0;
    if (kr_json_format(NULL, value, 0, &json) == KR_OK)
        snprintf(text, TEXT_ROOM, strlen(json) > 60 ? "%.57s..." : "%s", json);
    kr_free(json);
    return text;
}

/* "a number > 0", "one of exp|cosine" */
static const char *expected(const kr_parameter *p, char text[TEXT_ROOM]) {
    const char *which = p->allowed ? p->allowed : p->range ? p->range : "";
    snprintf(text, TEXT_ROOM, "%s%s%s%s%s", type_name[p->type], *which ? " " : "", which, p->unit ? " in " : "",
             p->unit ? p->unit : "");
    return text;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Is `word` among the words of `list`, which are separated by `separator`? */
static int has_word(const char *list, char separator, const char *word) {
    size_t n = strlen(word);
    for (const char *c = list; c && *c;) {
        const char *end = strchr(c, separator);
        size_t length = end ? (size_t)(end - c) : strlen(c);
        if (length == n && !memcmp(c, word, n)) return 1;
        c = end ? end + 1 : NULL;
    }
    return 0;
}

static const kr_parameter *find(const kr_parameter *table, const char *key) {
    for (const kr_parameter *p = table; p->name; p++)
        if (!strcmp(p->name, key) || has_word(p->aliases, ' ', key)) return p;
    return NULL;
}

static kr_status unknown_key(kr_context *ctx, const kr_parameter *table, const kr_tree *map, int child,
                             const char *where) {
    const char *names[MOST_KEYS];
    char place[48];
    int n = 0;
    for (const kr_parameter *p = table; p->name && n < MOST_KEYS; p++) names[n++] = p->refusal ? NULL : p->name;
    KR_ERROR(ctx, KR_ERR_FORMAT, "%s: unknown key \"%s\"%s", where, map->key[child],
             kr_tree_place(map->child[child], place));
    kr_suggest_hint(ctx, map->key[child], n, names, '"');
    return KR_ERR_FORMAT;
}

/* Place of a word among "exp|cosine=cos|wsd", −1 when absent; *first is the spelling that is kept. */
static int choice_of(const char *allowed, const char *word, char first[TEXT_ROOM]) {
    int place = 0;
    for (const char *c = allowed; *c; place++) {
        size_t n = strcspn(c, "|"), length = n < TEXT_ROOM - 1 ? n : TEXT_ROOM - 1;
        char group[TEXT_ROOM];
        memcpy(group, c, length);
        group[length] = 0;
        if (has_word(group, '=', word)) {
            group[strcspn(group, "=")] = 0;
            memcpy(first, group, TEXT_ROOM);
            return place;
        }
        c += n + (c[n] == '|');
    }
    return -1;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* "> 0", ">= 1", "[0, 1)": is x inside? */
static int in_range(const char *range, double x) {
    const char *end;
    if (!range) return 1;
    if (range[0] == '>' && range[1] == '=') return x >= kr_read_real(range + 2, NULL);
    if (range[0] == '>') return x > kr_read_real(range + 1, NULL);
    if (range[0] != '[' && range[0] != '(') return 1;
    double low = kr_read_real(range + 1, &end);
    if (*end != ',') return 1;
    double high = kr_read_real(end + 1, &end);
    return (range[0] == '[' ? x >= low : x > low) && (*end == ']' ? x <= high : x < high);
}

static int is_number(const kr_tree *value) {
    return (value->kind == KR_TREE_INT || value->kind == KR_TREE_REAL) && isfinite(value->real);
}

static int element_fits(const kr_parameter *p, const kr_tree *value) {
    if (p->type == KR_PARAMETER_TEXTS) return value->kind == KR_TREE_STRING;
    int whole = value->kind == KR_TREE_INT && value->integer >= INT_MIN && value->integer <= INT_MAX;
    return (p->type == KR_PARAMETER_INTS ? whole : is_number(value)) && in_range(p->range, value->real);
}

static int may_be_null(const kr_parameter *p) {
    return p->initial && (!*p->initial || !strcmp(p->initial, "null") || p->type == KR_PARAMETER_TREE);
}

static int fits(const kr_parameter *p, const kr_tree *value) {
    char word[TEXT_ROOM];
    if (value->kind == KR_TREE_NULL) return may_be_null(p);
    switch (p->type) {
    case KR_PARAMETER_FLAG:
        return value->kind == KR_TREE_BOOL;
    case KR_PARAMETER_INT:
        return value->kind == KR_TREE_INT && value->integer > INT_MIN && value->integer <= INT_MAX &&
               in_range(p->range, value->real);
    case KR_PARAMETER_LONG:
        return value->kind == KR_TREE_INT && in_range(p->range, value->real);
    case KR_PARAMETER_REAL:
        return is_number(value) && in_range(p->range, value->real);
    case KR_PARAMETER_TEXT:
        return value->kind == KR_TREE_STRING;
    case KR_PARAMETER_CHOICE:
        return value->kind == KR_TREE_STRING && choice_of(p->allowed, value->string, word) >= 0;
    case KR_PARAMETER_INTS:
    case KR_PARAMETER_REALS:
    case KR_PARAMETER_TEXTS:
        if (value->kind != KR_TREE_LIST) return 0;
        for (int i = 0; i < value->count; i++)
            if (!element_fits(p, value->child[i])) return 0;
        return 1;
    case KR_PARAMETER_TREE:
        return 1;
    }
    return 0;
}

static kr_status mismatch(kr_context *ctx, const kr_parameter *p, const kr_tree *value, const char *where) {
    char found[TEXT_ROOM], wanted[TEXT_ROOM];
    kr_parameter_fail(ctx, where, p->name, value, "found %s, expected %s", show(value, found), expected(p, wanted));
    if (p->type == KR_PARAMETER_CHOICE && value->kind == KR_TREE_STRING) {
        char copy[TEXT_ROOM];
        const char *words[32];
        int n = 0;
        snprintf(copy, sizeof copy, "%s", p->allowed);
        for (char *rest = copy, *word; n < 32 && (word = strtok_r(rest, "|=", &rest));) words[n++] = word;
        if (kr_suggest(value->string, n, words)) kr_suggest_hint(ctx, value->string, n, words, '"');
    }
    return KR_ERR_FORMAT;
}

static int trees_equal(const kr_tree *a, const kr_tree *b) {
    int numbers =
        (a->kind == KR_TREE_INT || a->kind == KR_TREE_REAL) && (b->kind == KR_TREE_INT || b->kind == KR_TREE_REAL);
    if (numbers) return a->real == b->real;
    if (a->kind != b->kind || a->count != b->count || a->integer != b->integer) return 0;
    if (a->kind == KR_TREE_STRING) return !strcmp(a->string, b->string);
    for (int i = 0; i < a->count; i++)
        if ((a->key && strcmp(a->key[i], b->key[i])) || !trees_equal(a->child[i], b->child[i])) return 0;
    return 1;
}

/* A value that the table knows but the program does not do. */
static kr_status refuse(kr_context *ctx, const kr_parameter *p, const kr_tree *value, const char *where) {
    kr_status status = KR_OK;
    kr_tree *initial = NULL;
    char found[TEXT_ROOM], place[48];
    if (!p->refusal || value->kind == KR_TREE_NULL) return KR_OK;
    if (p->initial && *p->initial) {
        KR_TRY(kr_json_parse(ctx, p->initial, strlen(p->initial), p->name, &initial));
        if (trees_equal(value, initial)) goto done;
    }
    if (*p->refusal == '~')
        kr_log(ctx, KR_LOG_WARNING, "%s.%s = %s has no effect: %s%s", where, p->name, show(value, found),
               p->refusal + 1, kr_tree_place(value, place));
    else
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s.%s = %s: %s%s", where, p->name, show(value, found), p->refusal,
                kr_tree_place(value, place));
done:
    kr_tree_destroy(&initial);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* One given key → complete. */
static kr_status take(kr_context *ctx, const kr_parameter *p, const kr_tree *value, const char *where,
                      kr_tree *complete) {
    kr_status status = KR_OK;
    kr_tree *copy = NULL;
    char word[TEXT_ROOM], place[48];
    if (kr_tree_get(complete, p->name))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s is given twice, by its name and by another spelling%s", where, p->name,
                kr_tree_place(value, place));
    if (!fits(p, value)) {
        status = mismatch(ctx, p, value, where);
        goto done;
    }
    KR_TRY(refuse(ctx, p, value, where));
    if (p->type == KR_PARAMETER_CHOICE && value->kind == KR_TREE_STRING) {
        choice_of(p->allowed, value->string, word);
        KR_TRY(kr_tree_new_string(ctx, word, &copy));
        copy->line = value->line;
        copy->column = value->column;
    } else {
        KR_TRY(kr_tree_copy(ctx, value, &copy));
    }
    KR_TRY(kr_tree_add(ctx, complete, p->name, &copy));
done:
    kr_tree_destroy(&copy);
    return status;
}

static void store(const kr_parameter *p, const kr_tree *value, void *target) {
    char word[TEXT_ROOM];
    int null = kr_tree_is_null(value);
    if (p->offset == KR_PARAMETER_UNUSED || !target) return;
    void *field = (char *)target + p->offset;
    switch (p->type) {
    case KR_PARAMETER_FLAG:
        *(int *)field = null ? 0 : value->integer != 0;
        break;
    case KR_PARAMETER_INT:
        *(int *)field = null ? KR_PARAMETER_NULL : (int)value->integer;
        break;
    case KR_PARAMETER_LONG:
        *(int64_t *)field = null ? KR_PARAMETER_NULL : value->integer;
        break;
    case KR_PARAMETER_REAL:
        *(double *)field = null ? NAN : value->real;
        break;
    case KR_PARAMETER_TEXT:
        *(const char **)field = null ? NULL : value->string;
        break;
    case KR_PARAMETER_CHOICE:
        *(int *)field = null ? KR_PARAMETER_NULL : choice_of(p->allowed, value->string, word);
        break;
    default:
        *(const kr_tree **)field = null ? NULL : value;
    }
}

/* Is this a mistake that somebody collects? Then reading goes on. */
static kr_status told(kr_context *ctx, kr_status status, int *mistakes) {
    if ((status != KR_ERR_FORMAT && status != KR_ERR_UNSUPPORTED) || !kr_context_mistake(ctx)) return status;
    (*mistakes)++;
    return KR_OK;
}

/* What was not given → default. */
static kr_status settle(kr_context *ctx, const kr_parameter *p, const kr_tree *given, const char *where, void *target,
                        kr_tree *complete, int *mistakes) {
    kr_status status = KR_OK;
    kr_tree *initial = NULL;
    char place[48];
    const kr_tree *value = kr_tree_get(complete, p->name);
    if (!value && !p->initial && !kr_tree_get(given, p->name)) /* given but wrong: was told already */
        KR_TRY(told(
            ctx,
            KR_ERROR(ctx, KR_ERR_FORMAT, "%s: key \"%s\" is missing%s", where, p->name, kr_tree_place(given, place)),
            mistakes));
    if (!value && p->initial && *p->initial) {
        KR_TRY(kr_json_parse(ctx, p->initial, strlen(p->initial), p->name, &initial));
        initial->line = initial->column = 0;
        KR_TRY(kr_tree_add(ctx, complete, p->name, &initial));
        value = kr_tree_get(complete, p->name);
    }
    store(p, value, target);
done:
    kr_tree_destroy(&initial);
    return status;
}

kr_status kr_parameters_survey(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                               void *target, kr_tree **complete, int *mistakes) {
    kr_status status = KR_OK;
    char place[48], found[TEXT_ROOM];
    *complete = NULL;
    *mistakes = 0;
    if (given && given->kind != KR_TREE_MAP) {
        KR_TRY(told(ctx,
                    KR_ERROR(ctx, KR_ERR_FORMAT, "%s: found %s, expected { ... }%s", where, show(given, found),
                             kr_tree_place(given, place)),
                    mistakes));
        given = NULL;
    }
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, complete));
    if (given) {
        (*complete)->line = given->line;
        (*complete)->column = given->column;
    }
    for (int i = 0; given && i < given->count; i++) {
        if (given->key[i][0] == '_') continue;
        const kr_parameter *p = find(table, given->key[i]);
        status = p ? take(ctx, p, given->child[i], where, *complete) : unknown_key(ctx, table, given, i, where);
        KR_TRY(told(ctx, status, mistakes));
    }
    for (const kr_parameter *p = table; p->name; p++) KR_TRY(settle(ctx, p, given, where, target, *complete, mistakes));
done:
    if (status < 0) kr_tree_destroy(complete);
    return status;
}

kr_status kr_parameters_read(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                             void *target, kr_tree **complete) {
    int mistakes;
    kr_status status = kr_parameters_survey(ctx, table, given, where, target, complete, &mistakes);
    if (status == KR_OK && mistakes) {
        kr_tree_destroy(complete);
        status = kr_context_status(ctx);
    }
    return status;
}

kr_status kr_parameters_nest(kr_context *ctx, kr_tree *complete, const char *key, kr_tree **child) {
    return kr_tree_set(ctx, complete, key, child);
}

kr_status kr_parameter_ints(kr_context *ctx, const kr_tree *list, int *n, int **values) {
    kr_status status = KR_OK;
    int one = list && list->kind == KR_TREE_INT;
    *n = 0;
    *values = NULL;
    if (!list) return KR_OK;
    KR_NEW(ctx, *values, (size_t)(one ? 1 : list->count));
    *n = one ? 1 : list->count;
    for (int i = 0; i < *n; i++) (*values)[i] = (int)(one ? list : list->child[i])->integer;
done:
    return status;
}

kr_status kr_parameter_reals(kr_context *ctx, const kr_tree *list, int *n, double **values) {
    kr_status status = KR_OK;
    int one = list && (list->kind == KR_TREE_INT || list->kind == KR_TREE_REAL);
    *n = 0;
    *values = NULL;
    if (!list) return KR_OK;
    KR_NEW(ctx, *values, (size_t)(one ? 1 : list->count));
    *n = one ? 1 : list->count;
    for (int i = 0; i < *n; i++) (*values)[i] = (one ? list : list->child[i])->real;
done:
    return status;
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

void kr_parameters_describe(const kr_parameter *table, void (*line)(const char *text, void *payload), void *payload) {
    for (const kr_parameter *p = table; p->name; p++) {
        char text[2 * TEXT_ROOM], what[TEXT_ROOM];
        if (p->refusal) continue; /* known for the sake of foreign inputs only */
        snprintf(text, sizeof text, "  %s%s%s%s  %s, %s%s: %s", p->name, p->aliases ? " (" : "",
                 p->aliases ? p->aliases : "", p->aliases ? ")" : "", expected(p, what),
                 !p->initial    ? "required"
                 : !*p->initial ? "optional"
                                : "default ",
                 p->initial ? p->initial : "", p->help ? p->help : "");
        line(text, payload);
    }
}
