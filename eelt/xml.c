/* XML by expat.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/xml.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include <expat.h>
#include <limits.h>
#include <string.h>

typedef struct item {
    char *path;
    kr_string text;
    struct item *next;
} item;

struct kr_xml {
    item *first, *last;
};

enum { DEPTH = 64 };
typedef struct parser {
    kr_context *ctx;
    kr_xml *xml;
    kr_string path;
    item *open[DEPTH]; /* elements that are open */
    int depth;
    kr_status status;
    XML_Parser expat;
} parser;

static item *add(parser *p, char *path) {
    item *made = path ? kr_calloc(p->ctx, 1, sizeof *made) : NULL;
    if (!made) {
        kr_free(path);
        p->status = KR_ERR_MEMORY;
        XML_StopParser(p->expat, XML_FALSE);
        return NULL;
    }
    made->path = path;
    if (p->xml->last)
        p->xml->last->next = made;
    else
        p->xml->first = made;
    p->xml->last = made;
    return made;
}

static void fail(parser *p, kr_status status) {
    if (p->status == KR_OK) p->status = status;
    XML_StopParser(p->expat, XML_FALSE);
}

static void on_start(void *payload, const XML_Char *name, const XML_Char **attributes) {
    parser *p = payload;
    if (p->depth == DEPTH) {
        fail(p, KR_ERROR(p->ctx, KR_ERR_FORMAT, "elements are nested more than %d deep", DEPTH));
        return;
    }
    kr_status status = p->depth ? kr_string_puts(p->ctx, &p->path, "/") : KR_OK;
    if (status == KR_OK) status = kr_string_puts(p->ctx, &p->path, name);
    if (status != KR_OK) {
        fail(p, status);
        return;
    }
    p->open[p->depth++] = add(p, kr_strdup(p->ctx, p->path.data));
    for (int i = 0; attributes[i] && p->status == KR_OK; i += 2) {
        item *made = add(p, kr_strprintf(p->ctx, "%s@%s", p->path.data, attributes[i]));
        if (made && (status = kr_string_puts(p->ctx, &made->text, attributes[i + 1])) != KR_OK) fail(p, status);
    }
}

static void on_end(void *payload, const XML_Char *name) {
    parser *p = payload;
    size_t n = strlen(name) + (p->depth > 1);
    p->depth--;
    p->path.length -= n;
    p->path.data[p->path.length] = 0;
}

static void on_text(void *payload, const XML_Char *text, int length) {
    parser *p = payload;
    item *now = p->depth ? p->open[p->depth - 1] : NULL;
    kr_status status = now ? kr_string_append(p->ctx, &now->text, text, (size_t)length) : KR_OK;
    if (status != KR_OK) fail(p, status);
}

kr_status kr_xml_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_xml **xml) {
    kr_status status = KR_OK;
    parser p = {.ctx = ctx};
    *xml = NULL;
    KR_NEW(ctx, p.xml, 1);
    p.expat = XML_ParserCreate(NULL);
    if (!p.expat) KR_FAIL(ctx, KR_ERR_MEMORY, "'%s': no memory for the parser", where);
    XML_SetUserData(p.expat, &p);
    XML_SetElementHandler(p.expat, on_start, on_end);
    XML_SetCharacterDataHandler(p.expat, on_text);
    for (size_t begin = 0; begin <= length && p.status == KR_OK;) { /* expat counts in int */
        size_t n = length - begin < INT_MAX / 2 ? length - begin : INT_MAX / 2;
        int last = begin + n == length;
        if (XML_Parse(p.expat, text + begin, (int)n, last) == XML_STATUS_ERROR && p.status == KR_OK)
            KR_FAIL(ctx, KR_ERR_FORMAT, "'%s': %s (line %lu, column %lu)", where,
                    XML_ErrorString(XML_GetErrorCode(p.expat)), (unsigned long)XML_GetCurrentLineNumber(p.expat),
                    (unsigned long)XML_GetCurrentColumnNumber(p.expat) + 1);
        if (last) break;
        begin += n;
    }
    KR_TRY(p.status);
    *xml = p.xml;
    p.xml = NULL;
done:
    if (p.expat) XML_ParserFree(p.expat);
    kr_free(p.path.data);
    kr_xml_destroy(&p.xml);
    return status;
}

void kr_xml_destroy(kr_xml **xml) {
    if (!xml || !*xml) return;
    for (item *i = (*xml)->first, *next; i; i = next) {
        next = i->next;
        kr_free(i->path);
        kr_free(i->text.data);
        kr_free(i);
    }
    kr_free(*xml);
    *xml = NULL;
}

const char *kr_xml_find(const kr_xml *xml, const char *path) {
    for (const item *i = xml->first; i; i = i->next)
        if (!strcmp(i->path, path)) return i->text.data ? i->text.data : "";
    return NULL;
}
