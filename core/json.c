/* JSON: Jansson parses and validates, a scanner that walks the text in step gives every value its position.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Jansson keeps no positions and hands objects out in the order of insertion (since 2.8), which is the order of the
 * text because duplicate keys are refused. The text is valid when the scanner sees it, so the scanner only has to
 * find where tokens begin and end; it still checks the bounds and what it meets, and reports a mismatch. */
#include "core/json.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct scanner {
    const char *next, *end;
    int line, column; /* of next, from 1; columns count characters, not bytes */
} scanner;

static void advance(scanner *s) {
    unsigned char c = (unsigned char)*s->next++;
    if (c == '\n') {
        s->line++;
        s->column = 1;
    } else if ((c & 0xC0) != 0x80) {
        s->column++;
    }
}

static void skip_space(scanner *s) {
    while (s->next < s->end && (*s->next == ' ' || *s->next == '\t' || *s->next == '\n' || *s->next == '\r'))
        advance(s);
}

static void skip_string(scanner *s) {
    advance(s);
    while (s->next < s->end && *s->next != '"') {
        if (*s->next == '\\') advance(s);
        if (s->next < s->end) advance(s);
    }
    if (s->next < s->end) advance(s);
}

/* A number, true, false, null. */
static void skip_word(scanner *s) {
    while (s->next < s->end && !strchr(" \t\r\n,:]}", *s->next)) advance(s);
}

static kr_status expect(kr_context *ctx, scanner *s, char c) {
    skip_space(s);
    if (s->next >= s->end || *s->next != c)
        return KR_ERROR(ctx, KR_ERR_INTERNAL, "scanner of JSON is out of step at line %d, column %d", s->line,
                        s->column);
    advance(s);
    return KR_OK;
}

static kr_status convert(kr_context *ctx, scanner *s, json_t *json, kr_tree **tree);

static kr_status convert_list(kr_context *ctx, scanner *s, json_t *json, kr_tree *list) {
    kr_status status = KR_OK;
    kr_tree *child = NULL;
    KR_TRY(expect(ctx, s, '['));
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (i > 0) KR_TRY(expect(ctx, s, ','));
        KR_TRY(convert(ctx, s, json_array_get(json, i), &child));
        KR_TRY(kr_tree_append(ctx, list, &child));
    }
    KR_TRY(expect(ctx, s, ']'));
done:
    return status;
}

static kr_status convert_map(kr_context *ctx, scanner *s, json_t *json, kr_tree *map) {
    kr_status status = KR_OK;
    kr_tree *child = NULL;
    const char *separator = "{";
    KR_TRY(expect(ctx, s, '{'));
    for (void *i = json_object_iter(json); i; i = json_object_iter_next(json, i)) {
        if (*separator == ',') KR_TRY(expect(ctx, s, ','));
        separator = ",";
        skip_space(s);
        if (s->next >= s->end || *s->next != '"') KR_TRY(expect(ctx, s, '"'));
        skip_string(s);
        KR_TRY(expect(ctx, s, ':'));
        KR_TRY(convert(ctx, s, json_object_iter_value(i), &child));
        KR_TRY(kr_tree_add(ctx, map, json_object_iter_key(i), &child));
    }
    KR_TRY(expect(ctx, s, '}'));
done:
    return status;
}

static kr_status convert(kr_context *ctx, scanner *s, json_t *json, kr_tree **tree) {
    kr_status status = KR_OK;
    *tree = NULL;
    skip_space(s);
    int line = s->line, column = s->column;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, tree));
        KR_TRY(convert_map(ctx, s, json, *tree));
        break;
    case JSON_ARRAY:
        KR_TRY(kr_tree_new(ctx, KR_TREE_LIST, tree));
        KR_TRY(convert_list(ctx, s, json, *tree));
        break;
    case JSON_STRING:
        KR_TRY(kr_tree_new_string(ctx, json_string_value(json), tree));
        skip_string(s);
        break;
    case JSON_INTEGER:
        KR_TRY(kr_tree_new_int(ctx, json_integer_value(json), tree));
        skip_word(s);
        break;
    case JSON_REAL:
        KR_TRY(kr_tree_new_real(ctx, json_real_value(json), tree));
        skip_word(s);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        KR_TRY(kr_tree_new_bool(ctx, json_is_true(json), tree));
        skip_word(s);
        break;
    case JSON_NULL:
        KR_TRY(kr_tree_new(ctx, KR_TREE_NULL, tree));
        skip_word(s);
        break;
    }
    (*tree)->line = line;
    (*tree)->column = column;
done:
    if (status != KR_OK) kr_tree_destroy(tree);
    return status;
}

kr_status kr_json_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_tree **tree) {
    kr_status status = KR_OK;
    json_error_t error;
    json_t *json = NULL;
    *tree = NULL;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark says nothing in UTF-8 */
        text += 3;
        length -= 3;
    }
    json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json && json_error_code(&error) == json_error_out_of_memory)
        KR_FAIL(ctx, KR_ERR_MEMORY, "%s: memory ran out while reading JSON", where);
    if (!json) KR_FAIL(ctx, KR_ERR_FORMAT, "%s:%d:%d: %s", where, error.line, error.column, error.text);
    scanner s = {text, text + length, 1, 1};
    KR_TRY(convert(ctx, &s, json, tree));
done:
    json_decref(json);
    return status;
}

kr_status kr_json_read(kr_context *ctx, const char *path, kr_tree **tree) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length;
    *tree = NULL;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(kr_json_parse(ctx, text, length, path, tree));
done:
    kr_free(text);
    return status;
}

/* ---- writing ---- */

typedef struct printer {
    kr_context *ctx;
    kr_string out;
    int indent;
} printer;

static kr_status put(printer *p, const char *text) { return kr_string_puts(p->ctx, &p->out, text); }

static kr_status new_line(printer *p, int level) {
    kr_status status = KR_OK;
    if (p->indent == 0) return KR_OK;
    KR_TRY(put(p, "\n"));
    for (int i = 0; i < level * p->indent; i++) KR_TRY(put(p, " "));
done:
    return status;
}

static kr_status put_string(printer *p, const char *text) {
    kr_status status = KR_OK;
    char escape[8];
    KR_TRY(put(p, "\""));
    for (const char *c = text; *c;) {
        size_t plain = 0;
        while ((unsigned char)c[plain] >= 32 && c[plain] != '"' && c[plain] != '\\') plain++;
        KR_TRY(kr_string_append(p->ctx, &p->out, c, plain));
        c += plain;
        if (!*c) break;
        if (*c == '"' || *c == '\\')
            snprintf(escape, sizeof escape, "\\%c", *c);
        else if (*c == '\n')
            snprintf(escape, sizeof escape, "\\n");
        else
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*c);
        KR_TRY(put(p, escape));
        c++;
    }
    KR_TRY(put(p, "\""));
done:
    return status;
}

static kr_status put_real(printer *p, double value) {
    kr_status status = KR_OK;
    char text[32];
    if (!isfinite(value)) KR_FAIL(p->ctx, KR_ERR_NUMERIC, "%s cannot be written as JSON", kr_format_real(value, text));
    KR_TRY(put(p, kr_format_real(value, text)));
    if (!strpbrk(text, ".e")) KR_TRY(put(p, ".0")); /* stays a real when it is read again */
done:
    return status;
}

/* Dimension d of an array whose entries begin at data; *data moves on. */
static kr_status put_array(printer *p, const kr_tree *array, int d, const double **data) {
    kr_status status = KR_OK;
    char text[32];
    if (d == array->ndim) {
        double value = *(*data)++;
        if (array->dtype != KR_INT64 && array->dtype != KR_INT32) return put_real(p, value);
        snprintf(text, sizeof text, "%.0f", value);
        return put(p, text);
    }
    KR_TRY(put(p, "["));
    for (size_t i = 0; i < array->shape[d]; i++) {
        if (i > 0) KR_TRY(put(p, p->indent ? ", " : ","));
        KR_TRY(put_array(p, array, d + 1, data));
    }
    KR_TRY(put(p, "]"));
done:
    return status;
}

static kr_status put_tree(printer *p, const kr_tree *tree, int level) {
    kr_status status = KR_OK;
    char text[32];
    const double *data = tree->data;
    int map = tree->kind == KR_TREE_MAP;
    switch (tree->kind) {
    case KR_TREE_NULL:
        return put(p, "null");
    case KR_TREE_BOOL:
        return put(p, tree->integer ? "true" : "false");
    case KR_TREE_INT:
        snprintf(text, sizeof text, "%lld", (long long)tree->integer);
        return put(p, text);
    case KR_TREE_REAL:
        return put_real(p, tree->real);
    case KR_TREE_STRING:
        return put_string(p, tree->string);
    case KR_TREE_ARRAY:
        return put_array(p, tree, 0, &data);
    case KR_TREE_LIST:
    case KR_TREE_MAP:
        break;
    }
    KR_TRY(put(p, map ? "{" : "["));
    for (int i = 0; i < tree->count; i++) {
        if (i > 0) KR_TRY(put(p, ","));
        KR_TRY(new_line(p, level + 1));
        if (map) {
            KR_TRY(put_string(p, tree->key[i]));
            KR_TRY(put(p, p->indent ? ": " : ":"));
        }
        KR_TRY(put_tree(p, tree->child[i], level + 1));
    }
    if (tree->count > 0) KR_TRY(new_line(p, level));
    KR_TRY(put(p, map ? "}" : "]"));
done:
    return status;
}

kr_status kr_json_format(kr_context *ctx, const kr_tree *tree, int indent, char **text) {
    printer p = {ctx, {NULL, 0, 0}, indent > 0 ? indent : 0};
    kr_status status = put_tree(&p, tree, 0);
    if (status != KR_OK) kr_free(p.out.data);
    *text = status == KR_OK ? p.out.data : NULL;
    return status;
}
