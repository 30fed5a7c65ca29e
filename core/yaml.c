/* YAML to and from trees with libyaml.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Plain scalars are typed as PyYAML does it (YAML 1.1: yes/no/on/off are booleans, a leading 0 means octal), plus
 * numbers like 1e-3 that PyYAML takes for text. Aliases are copied; their number of nodes has a limit. */
#include "core/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_LIMIT = 200, ALIAS_LIMIT = 1000000 };

typedef struct anchor {
    char *name;
    kr_tree *node; /* a copy of its own */
} anchor;

typedef struct reader {
    kr_context *ctx;
    const char *where;
    yaml_parser_t parser;
    anchor *anchors;
    int nanchors;
    long copied; /* nodes made from aliases */
} reader;

static kr_status next_event(reader *r, yaml_event_t *event) {
    if (yaml_parser_parse(&r->parser, event)) return KR_OK;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return KR_ERROR(r->ctx, KR_ERR_MEMORY, "%s: no memory to read YAML", r->where);
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: line %zu, column %zu: %s%s%s", r->where, p->problem_mark.line + 1,
                    p->problem_mark.column + 1, p->problem ? p->problem : "not readable as YAML", p->context ? " " : "",
                    p->context ? p->context : "");
}

static kr_status fail_at(reader *r, const yaml_event_t *event, const char *what) {
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: line %zu, column %zu: %s", r->where, event->start_mark.line + 1,
                    event->start_mark.column + 1, what);
}

static int one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (!strcmp(text, *words)) return 1;
    return 0;
}

static const char *const null_words[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const true_words[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
static const char *const false_words[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};

/* [-+]?digits; a leading zero makes it octal when all digits are. */
static int is_integer(const char *text, int64_t *value) {
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return 0;
    if (digits[0] != '0' || !digits[1]) return kr_word_int((kr_word){text, strlen(text)}, value);
    if (strspn(digits, "01234567") != strlen(digits) || strlen(digits) > 20) return 0;
    *value = strtoll(text, NULL, 8);
    return 1;
}

static int is_real(const char *text, double *value) {
    const char *body = text + (*text == '-' || *text == '+');
    double sign = *text == '-' ? -1 : 1;
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL}, *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    if (one_of(body, inf)) {
        *value = sign * INFINITY;
        return 1;
    }
    if (one_of(text, nan)) {
        *value = NAN;
        return 1;
    }
    if (!strpbrk(body, "0123456789") || strspn(body, "0123456789.eE+-") != strlen(body)) return 0;
    return kr_word_real((kr_word){text, strlen(text)}, value);
}

/* The node of a plain (unquoted) scalar. */
static kr_status plain_scalar(kr_context *ctx, const char *text, kr_tree **node) {
    int64_t integer;
    double real;
    if (one_of(text, null_words)) return kr_tree_new(ctx, KR_TREE_NULL, node);
    if (one_of(text, true_words)) return kr_tree_new_bool(ctx, 1, node);
    if (one_of(text, false_words)) return kr_tree_new_bool(ctx, 0, node);
    if (is_integer(text, &integer)) return kr_tree_new_int(ctx, integer, node);
    if (is_real(text, &real)) return kr_tree_new_real(ctx, real, node);
    return kr_tree_new_string(ctx, text, node);
}

static kr_status read_scalar(reader *r, const yaml_event_t *event, kr_tree **node) {
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length) return fail_at(r, event, "a zero byte inside a text");
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return kr_tree_new_string(r->ctx, text, node);
    return plain_scalar(r->ctx, text, node);
}

/* ---- "@is_variable" mappings ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    kr_dtype dtype;
} dtypes[] = {{"float64", KR_FLOAT64}, {"float32", KR_FLOAT32}, {"float16", KR_FLOAT16}, {"bfloat16", KR_BFLOAT16},
              {"int64", KR_INT64},     {"int32", KR_INT32},     {"uint32", KR_INT64},    {"uint64", KR_INT64},
              {"int16", KR_INT32},     {"int8", KR_INT32},      {"uint8", KR_INT32},     {"bool", KR_INT32}};

static size_t count_leaves(const kr_tree *value) {
    if (value->kind != KR_TREE_LIST) return 1;
    size_t n = 0;
    for (int i = 0; i < value->count; i++) n += count_leaves(value->child[i]);
    return n;
}

/* Copies the numbers of a nested list of the given shape; the place of what does not fit goes to *bad. */
static int flatten(const kr_tree *value, int ndim, const size_t *shape, double **next, const kr_tree **bad) {
    *bad = value;
    if (ndim == 0) {
        if (value->kind != KR_TREE_INT && value->kind != KR_TREE_REAL && value->kind != KR_TREE_BOOL) return 0;
        *(*next)++ = value->kind == KR_TREE_BOOL ? (double)value->integer : value->real;
        return 1;
    }
    if (value->kind != KR_TREE_LIST || (size_t)value->count != shape[0]) return 0;
    for (int i = 0; i < value->count; i++)
        if (!flatten(value->child[i], ndim - 1, shape + 1, next, bad)) return 0;
    return 1;
}

/* A mapping {"@is_variable": true, dtype, value} becomes an ARRAY; any other one stays as it is. */
static kr_status to_array(reader *r, kr_tree **node) {
    kr_status status = KR_OK;
    kr_tree *map = *node, *array = NULL;
    const kr_tree *flag = kr_tree_get(map, "@is_variable"), *value = kr_tree_get(map, "value"), *bad = value;
    const kr_tree *type = kr_tree_get(map, "dtype");
    if (!flag || flag->kind != KR_TREE_BOOL || !flag->integer) return KR_OK;
    KR_TRY(kr_tree_new(r->ctx, KR_TREE_ARRAY, &array));
    array->line = map->line;
    array->column = map->column;
    size_t found = 0;
    while (type && type->kind == KR_TREE_STRING && found < sizeof dtypes / sizeof *dtypes &&
           strcmp(type->string, dtypes[found].name))
        found++;
    if (!type || type->kind != KR_TREE_STRING || found == sizeof dtypes / sizeof *dtypes || !value)
        KR_FAIL(r->ctx, KR_ERR_FORMAT, "%s: line %d, column %d: an array needs 'value' and a known 'dtype'", r->where,
                map->line, map->column);
    array->dtype = dtypes[found].dtype;
    for (const kr_tree *v = value; v->kind == KR_TREE_LIST && array->ndim < 8; v = v->child[0]) {
        array->shape[array->ndim++] = (size_t)v->count;
        if (v->count == 0) break;
    }
    KR_NEW(r->ctx, array->data, count_leaves(value));
    double *next = array->data;
    if (!flatten(value, array->ndim, array->shape, &next, &bad))
        KR_FAIL(r->ctx, KR_ERR_FORMAT,
                "%s: line %d, column %d: the nested lists of an array do not form a block of "
                "numbers",
                r->where, bad->line, bad->column);
    kr_tree_destroy(node);
    *node = array;
    array = NULL;
done:
    kr_tree_destroy(&array);
    return status;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------- */

static long count_nodes(const kr_tree *tree) {
    long n = 1 + (long)kr_tree_array_size(tree);
    for (int i = 0; i < tree->count; i++) n += count_nodes(tree->child[i]);
    return n;
}

static kr_status keep_anchor(reader *r, const char *name, const kr_tree *node) {
    kr_status status = KR_OK;
    anchor *anchors = kr_realloc(r->ctx, r->anchors, (size_t)r->nanchors, (size_t)r->nanchors + 1, sizeof *anchors);
    if (!anchors) return KR_ERR_MEMORY;
    r->anchors = anchors;
    anchor *made = &anchors[r->nanchors];
    memset(made, 0, sizeof *made);
    r->nanchors++;
    made->name = kr_strdup(r->ctx, name);
    if (!made->name) return KR_ERR_MEMORY;
    KR_TRY(kr_tree_copy(r->ctx, node, &made->node));
done:
    return status;
}

static kr_status use_alias(reader *r, const yaml_event_t *event, kr_tree **node) {
    const char *name = (const char *)event->data.alias.anchor;
    for (int i = r->nanchors - 1; i >= 0; i--) { /* the last definition holds */
        if (strcmp(r->anchors[i].name, name)) continue;
        r->copied += count_nodes(r->anchors[i].node);
        if (r->copied > ALIAS_LIMIT) return fail_at(r, event, "the aliases stand for too many values");
        return kr_tree_copy(r->ctx, r->anchors[i].node, node);
    }
    return fail_at(r, event, "an alias without its anchor");
}

static kr_status read_node(reader *r, const yaml_event_t *event, int depth, kr_tree **node);

static kr_status read_list(reader *r, int depth, kr_tree *list) {
    kr_status status = KR_OK;
    for (;;) {
        yaml_event_t event;
        kr_tree *child = NULL;
        KR_TRY(next_event(r, &event));
        int end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end) status = read_node(r, &event, depth, &child);
        yaml_event_delete(&event);
        if (end || status < 0) break;
        KR_TRY(kr_tree_append(r->ctx, list, &child));
    }
done:
    return status;
}

static kr_status read_map(reader *r, int depth, kr_tree *map) {
    kr_status status = KR_OK;
    yaml_event_t key, value;
    for (;;) {
        kr_tree *child = NULL;
        KR_TRY(next_event(r, &key));
        int end = key.type == YAML_MAPPING_END_EVENT;
        if (!end && key.type != YAML_SCALAR_EVENT)
            status = fail_at(r, &key, "a key must be a text");
        else if (!end && kr_tree_get(map, (const char *)key.data.scalar.value))
            status = fail_at(r, &key, "this key is given twice");
        else if (!end && (status = next_event(r, &value)) == KR_OK) {
            status = read_node(r, &value, depth, &child);
            yaml_event_delete(&value);
            if (status == KR_OK) status = kr_tree_add(r->ctx, map, (const char *)key.data.scalar.value, &child);
        }
        yaml_event_delete(&key);
        if (end || status < 0) break;
    }
done:
    return status;
}

/* The node that begins with `event`; the following events are taken from the parser. */
static kr_status read_node(reader *r, const yaml_event_t *event, int depth, kr_tree **node) {
    kr_status status = KR_OK;
    const yaml_char_t *name = NULL;
    kr_tree *made = NULL;
    if (depth > DEPTH_LIMIT) return fail_at(r, event, "nested too deeply");
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return use_alias(r, event, node);
    case YAML_SCALAR_EVENT:
        KR_TRY(read_scalar(r, event, &made));
        name = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        KR_TRY(kr_tree_new(r->ctx, KR_TREE_LIST, &made));
        KR_TRY(read_list(r, depth + 1, made));
        name = event->data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        KR_TRY(kr_tree_new(r->ctx, KR_TREE_MAP, &made));
        made->line = (int)event->start_mark.line + 1;
        made->column = (int)event->start_mark.column + 1;
        KR_TRY(read_map(r, depth + 1, made));
        KR_TRY(to_array(r, &made));
        name = event->data.mapping_start.anchor;
        break;
    default:
        return fail_at(r, event, "a value is missing");
    }
    made->line = (int)event->start_mark.line + 1;
    made->column = (int)event->start_mark.column + 1;
    if (name) KR_TRY(keep_anchor(r, (const char *)name, made));
    *node = made;
    made = NULL;
done:
    kr_tree_destroy(&made);
    return status;
}

static kr_status read_document(reader *r, kr_tree **tree) {
    kr_status status = KR_OK;
    for (;;) {
        yaml_event_t event;
        KR_TRY(next_event(r, &event));
        int end = event.type == YAML_STREAM_END_EVENT;
        int marker = event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT ||
                     event.type == YAML_DOCUMENT_END_EVENT;
        if (!end && !marker) {
            if (*tree)
                status = fail_at(r, &event, "a second document begins; only one is read");
            else
                status = read_node(r, &event, 0, tree);
        }
        yaml_event_delete(&event);
        if (end || status < 0) break;
    }
    if (status == KR_OK && !*tree) KR_FAIL(r->ctx, KR_ERR_FORMAT, "%s: the YAML text is empty", r->where);
done:
    return status;
}

kr_status kr_yaml_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_tree **tree) {
    if (!text || !tree) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_yaml_parse: text and tree must not be NULL");
    reader r = {.ctx = ctx, .where = where ? where : "YAML text"};
    *tree = NULL;
    if (!yaml_parser_initialize(&r.parser)) return KR_ERROR(ctx, KR_ERR_MEMORY, "%s: no memory to read YAML", r.where);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    kr_status status = read_document(&r, tree);
    yaml_parser_delete(&r.parser);
    for (int i = 0; i < r.nanchors; i++) {
        kr_free(r.anchors[i].name);
        kr_tree_destroy(&r.anchors[i].node);
    }
    kr_free(r.anchors);
    if (status < 0) kr_tree_destroy(tree);
    return status;
}

kr_status kr_yaml_read(kr_context *ctx, const char *path, kr_tree **tree) {
    char *text = NULL;
    size_t length;
    kr_status status = KR_OK;
    if (!tree) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_yaml_read: tree must not be NULL");
    *tree = NULL;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(kr_yaml_parse(ctx, text, length, path, tree));
done:
    kr_free(text);
    return status;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

typedef struct writer {
    kr_context *ctx;
    const char *where;
    yaml_emitter_t emitter;
} writer;

/* Hands an event, made by a yaml_*_event_initialize call that returned `made`, to the emitter. */
static kr_status emit(writer *w, int made, yaml_event_t *event) {
    if (made && yaml_emitter_emit(&w->emitter, event)) return KR_OK;
    const char *problem = made && w->emitter.problem ? w->emitter.problem : "no memory";
    return KR_ERROR(w->ctx, KR_ERR_IO, "%s: cannot write YAML: %s", w->where, problem);
}

static kr_status put_scalar(writer *w, const char *text, yaml_scalar_style_t style) {
    yaml_event_t event;
    int made =
        yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1, style);
    return emit(w, made, &event);
}

/* Text that no YAML reader takes for anything else stays without quotes. */
static kr_status put_text(writer *w, const char *text) {
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char *const words[] = {"y", "Y", "n", "N", "nan", "NaN", "inf", "Inf", NULL};
    int plain = *text && strchr(safe, *text) && strspn(text + 1, "0123456789-.") < strlen(text);
    for (const char *c = text; *c && plain; c++) plain = strchr(safe, *c) || strchr("0123456789-.", *c);
    if (one_of(text, words) || one_of(text, null_words) || one_of(text, true_words) || one_of(text, false_words))
        plain = 0;
    return put_scalar(w, text, plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* YAML 1.1 wants a point in every real number and a sign in every exponent. */
static kr_status put_real(writer *w, double value) {
    char digits[32], text[40];
    kr_format_real(value, digits);
    char *exponent = strchr(digits, 'e');
    if (!isfinite(value))
        snprintf(text, sizeof text, "%s", isnan(value) ? ".nan" : value < 0 ? "-.inf" : ".inf");
    else if (strchr(digits, '.'))
        snprintf(text, sizeof text, "%s", digits);
    else if (exponent)
        snprintf(text, sizeof text, "%.*s.0%s", (int)(exponent - digits), digits, exponent);
    else
        snprintf(text, sizeof text, "%s.0", digits);
    return put_scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
}

static kr_status begin_list(writer *w, int flow) {
    yaml_event_t event;
    int made = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                    flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
    return emit(w, made, &event);
}

static kr_status end_list(writer *w) {
    yaml_event_t event;
    return emit(w, yaml_sequence_end_event_initialize(&event), &event);
}

static kr_status put_block(writer *w, int integers, int ndim, const size_t *shape, const double **next) {
    kr_status status = KR_OK;
    char text[32];
    if (ndim == 0) {
        double value = *(*next)++;
        if (!integers) return put_real(w, value);
        snprintf(text, sizeof text, "%.0f", value);
        return put_scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
    }
    KR_TRY(begin_list(w, ndim == 1));
    for (size_t i = 0; i < shape[0]; i++) KR_TRY(put_block(w, integers, ndim - 1, shape + 1, next));
    KR_TRY(end_list(w));
done:
    return status;
}

static kr_status put_node(writer *w, const kr_tree *node);

static kr_status begin_map(writer *w) {
    yaml_event_t event;
    return emit(w, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE), &event);
}

static kr_status end_map(writer *w) {
    yaml_event_t event;
    return emit(w, yaml_mapping_end_event_initialize(&event), &event);
}

static kr_status put_array(writer *w, const kr_tree *array) {
    static const char *const names[] = {"float64", "float32", "float16", "bfloat16", "int64", "int32"};
    kr_status status = KR_OK;
    const double *next = array->data;
    KR_TRY(begin_map(w));
    KR_TRY(put_text(w, "@class"));
    KR_TRY(put_text(w, "np.ndarray"));
    KR_TRY(put_text(w, "@is_variable"));
    KR_TRY(put_scalar(w, "true", YAML_PLAIN_SCALAR_STYLE));
    KR_TRY(put_text(w, "@version"));
    KR_TRY(put_scalar(w, "1", YAML_PLAIN_SCALAR_STYLE));
    KR_TRY(put_text(w, "dtype"));
    KR_TRY(put_text(w, names[array->dtype]));
    KR_TRY(put_text(w, "value"));
    KR_TRY(put_block(w, array->dtype == KR_INT64 || array->dtype == KR_INT32, array->ndim, array->shape, &next));
    KR_TRY(end_map(w));
done:
    return status;
}

static kr_status put_collection(writer *w, const kr_tree *node) {
    kr_status status = KR_OK;
    int is_map = node->kind == KR_TREE_MAP, flow = 1;
    for (int i = 0; i < node->count; i++) flow = flow && node->child[i]->kind <= KR_TREE_STRING;
    KR_TRY(is_map ? begin_map(w) : begin_list(w, flow));
    for (int i = 0; i < node->count; i++) {
        if (is_map) KR_TRY(put_text(w, node->key[i]));
        KR_TRY(put_node(w, node->child[i]));
    }
    KR_TRY(is_map ? end_map(w) : end_list(w));
done:
    return status;
}

static kr_status put_node(writer *w, const kr_tree *node) {
    char text[32];
    switch (node->kind) {
    case KR_TREE_NULL:
        return put_scalar(w, "null", YAML_PLAIN_SCALAR_STYLE);
    case KR_TREE_BOOL:
        return put_scalar(w, node->integer ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
    case KR_TREE_INT:
        snprintf(text, sizeof text, "%lld", (long long)node->integer);
        return put_scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
    case KR_TREE_REAL:
        return put_real(w, node->real);
    case KR_TREE_STRING:
        return put_text(w, node->string);
    case KR_TREE_ARRAY:
        return put_array(w, node);
    case KR_TREE_LIST:
    case KR_TREE_MAP:
        return put_collection(w, node);
    }
    return KR_ERROR(w->ctx, KR_ERR_INTERNAL, "%s: a node of kind %d", w->where, (int)node->kind);
}

static kr_status put_document(writer *w, const kr_tree *tree) {
    kr_status status = KR_OK;
    yaml_event_t event;
    KR_TRY(emit(w, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event));
    KR_TRY(emit(w, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event));
    KR_TRY(put_node(w, tree));
    KR_TRY(emit(w, yaml_document_end_event_initialize(&event, 1), &event));
    KR_TRY(emit(w, yaml_stream_end_event_initialize(&event), &event));
done:
    return status;
}

kr_status kr_yaml_write(kr_context *ctx, const kr_tree *tree, const char *path) {
    if (!tree || !path) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_yaml_write: tree and path must not be NULL");
    kr_status status = KR_OK;
    kr_file_writer file = {0};
    writer w = {.ctx = ctx, .where = path};
    if (!yaml_emitter_initialize(&w.emitter)) return KR_ERROR(ctx, KR_ERR_MEMORY, "%s: no memory for YAML", path);
    KR_TRY(kr_file_begin(ctx, path, &file));
    yaml_emitter_set_output_file(&w.emitter, file.stream);
    yaml_emitter_set_width(&w.emitter, 120);
    yaml_emitter_set_unicode(&w.emitter, 1);
    KR_TRY(put_document(&w, tree));
    KR_TRY(kr_file_commit(ctx, &file));
done:
    yaml_emitter_delete(&w.emitter);
    kr_file_abandon(&file);
    return status;
}
