/* The context: message, hint and place of the last failure, log and progress callbacks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages have a fixed room, so that reporting "memory ran out" needs no memory. A context belongs to one thread:
 * the workers of a parallel region get children of their own, kept for the next region. */
#include "core/error.h"
#include "core/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_ROOM = 1024, HINT_ROOM = 2048, WHERE_ROOM = 128, LINE_ROOM = 1024 };

struct kr_context {
    kr_status status;
    char message[MESSAGE_ROOM];
    char hint[HINT_ROOM];
    char where[WHERE_ROOM];
    kr_log_fn log;
    void *log_payload;
    kr_progress_fn progress;
    void *progress_payload;
    kr_mistake_fn mistake;
    void *mistake_payload;
    int nthreads;
    int is_child;
    kr_context **child; /* [nchildren] one per worker, grow-only */
    int nchildren;
};

const char *kr_status_text(kr_status status) {
    switch (status) {
#define KR_STATUS_CASE(name, value, sentence) \
    case KR_##name:                           \
        return sentence;
        KR_STATUS_LIST(KR_STATUS_CASE)
#undef KR_STATUS_CASE
    }
    return "unknown status";
}

kr_status kr_context_create(kr_context **ctx) {
    if (!ctx) return KR_ERR_ARGUMENT;
    *ctx = kr_calloc(NULL, 1, sizeof **ctx);
    return *ctx ? KR_OK : KR_ERR_MEMORY;
}

void kr_context_destroy(kr_context **ctx) {
    if (!ctx || !*ctx) return;
    for (int i = 0; i < (*ctx)->nchildren; i++) kr_free((*ctx)->child[i]);
    kr_free((*ctx)->child);
    kr_free(*ctx);
    *ctx = NULL;
}

void kr_context_set_mistake(kr_context *ctx, kr_mistake_fn mistake, void *payload) {
    if (!ctx) return;
    ctx->mistake = mistake;
    ctx->mistake_payload = payload;
}

kr_progress_fn kr_context_get_progress(const kr_context *ctx, void **payload) {
    *payload = ctx ? ctx->progress_payload : NULL;
    return ctx ? ctx->progress : NULL;
}

kr_mistake_fn kr_context_get_mistake(const kr_context *ctx, void **payload) {
    *payload = ctx ? ctx->mistake_payload : NULL;
    return ctx ? ctx->mistake : NULL;
}

int kr_context_mistake(kr_context *ctx) {
    if (!ctx || !ctx->mistake) return 0;
    ctx->mistake(ctx, ctx->mistake_payload);
    return 1;
}

const char *kr_context_message(const kr_context *ctx) { return ctx ? ctx->message : ""; }
const char *kr_context_hint(const kr_context *ctx) { return ctx ? ctx->hint : ""; }
const char *kr_context_where(const kr_context *ctx) { return ctx ? ctx->where : ""; }
kr_status kr_context_status(const kr_context *ctx) { return ctx ? ctx->status : KR_OK; }

void kr_context_clear(kr_context *ctx) {
    if (!ctx) return;
    ctx->status = KR_OK;
    ctx->message[0] = ctx->hint[0] = ctx->where[0] = 0;
}

void kr_context_set_log(kr_context *ctx, kr_log_fn log, void *payload) {
    if (!ctx) return;
    ctx->log = log;
    ctx->log_payload = payload;
}

void kr_context_set_progress(kr_context *ctx, kr_progress_fn progress, void *payload) {
    if (!ctx) return;
    ctx->progress = progress;
    ctx->progress_payload = payload;
}

void kr_context_set_threads(kr_context *ctx, int nthreads) {
    if (ctx) ctx->nthreads = nthreads > 0 ? nthreads : 0;
}

int kr_context_threads(const kr_context *ctx) { return ctx ? ctx->nthreads : 0; }

kr_status kr_context_reserve_children(kr_context *ctx, int n) {
    if (!ctx) return KR_OK;
    if (ctx->nchildren < n) {
        kr_context **child = kr_realloc(ctx, ctx->child, (size_t)ctx->nchildren, (size_t)n, sizeof(kr_context *));
        if (!child) return KR_ERR_MEMORY;
        ctx->child = child;
    }
    for (; ctx->nchildren < n; ctx->nchildren++) {
        kr_context *made = kr_calloc(ctx, 1, sizeof *made);
        if (!made) return KR_ERR_MEMORY;
        ctx->child[ctx->nchildren] = made;
    }
    for (int i = 0; i < n; i++) {
        kr_context *child = ctx->child[i];
        kr_context_clear(child);
        child->is_child = 1;
        child->nthreads = 1;
        child->log = ctx->log;
        child->log_payload = ctx->log_payload; /* no progress function: the thread of the caller polls */
    }
    return KR_OK;
}

kr_context *kr_context_child(kr_context *ctx, int i) { return ctx && i < ctx->nchildren ? ctx->child[i] : NULL; }

void kr_context_take_message(kr_context *ctx, const kr_context *from) {
    if (!ctx || !from || ctx == from) return;
    ctx->status = from->status;
    memcpy(ctx->message, from->message, sizeof ctx->message);
    memcpy(ctx->hint, from->hint, sizeof ctx->hint);
    memcpy(ctx->where, from->where, sizeof ctx->where);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Messages quote files: no line ends and no control characters for a terminal. */
static void one_line(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127) *text = ' ';
}

kr_status kr_error_set(kr_context *ctx, kr_status status, const char *file, int line, const char *format, ...) {
    if (!ctx) return status;
    /* The new message may quote the old one: format aside first. */
    char text[MESSAGE_ROOM];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    one_line(text);
    memcpy(ctx->message, text, sizeof text);
    ctx->hint[0] = 0;
    ctx->status = status;
    snprintf(ctx->where, sizeof ctx->where, "%s:%d", base_name(file), line);
    return status;
}

void kr_error_hint(kr_context *ctx, const char *format, ...) {
    if (!ctx) return;
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->hint, sizeof ctx->hint, format, args);
    va_end(args);
    one_line(ctx->hint);
}

/* Appends as much of `more` as there is room for. */
static void append(char *text, size_t room, const char *more) {
    size_t used = strlen(text), n = strlen(more);
    if (n > room - 1 - used) n = room - 1 - used;
    memcpy(text + used, more, n);
    text[used + n] = 0;
}

void kr_error_prefix(kr_context *ctx, const char *format, ...) {
    if (!ctx) return;
    char text[MESSAGE_ROOM];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) return;
    one_line(text);
    append(text, sizeof text, ": ");
    append(text, sizeof text, ctx->message);
    memcpy(ctx->message, text, sizeof text);
}

void kr_log(kr_context *ctx, kr_log_level level, const char *format, ...) {
    if (!ctx || !ctx->log) return;
    char line[LINE_ROOM];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    /* The log function of the caller need not be safe against itself. */
#pragma omp critical(kr_log)
    ctx->log(level, line, ctx->log_payload);
}

kr_status kr_progress(kr_context *ctx, const char *what, long done, long total) {
    if (!ctx || !ctx->progress) return KR_OK;
    return ctx->progress(what, done, total, ctx->progress_payload) ? KR_CANCELLED : KR_OK;
}

const char *kr_version(void) { return KR_VERSION; }
const char *kr_build_info(void) { return "Kramers " KR_VERSION ", " KR_BUILD_INFO; }
