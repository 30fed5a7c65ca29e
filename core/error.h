/* How library code reports failure.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Body of a fallible function: `kr_status status = KR_OK;`, handles start NULL, KR_TRY(...) / KR_FAIL(...), one
 * `done:` label that destroys what was made and returns status. */
#ifndef KR_CORE_ERROR_H
#define KR_CORE_ERROR_H

#include <kramers/context.h>

#if defined(__GNUC__)
#define KR_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#else
#define KR_PRINTF(format_index, first_index)
#endif

/* Stores message and place in the context (NULL context: only returns the status) and returns `status`. */
kr_status kr_error_set(kr_context *ctx, kr_status status, const char *file, int line, const char *format, ...)
    KR_PRINTF(5, 6);
/* Adds a hint with the likely cure to the failure that was just set. */
void kr_error_hint(kr_context *ctx, const char *format, ...) KR_PRINTF(2, 3);
/* Puts "prefix: " before the message that is already there (a lower level's message is passed up, not replaced). */
void kr_error_prefix(kr_context *ctx, const char *format, ...) KR_PRINTF(2, 3);
/* Hands a warning or a piece of information to the log function of the context. */
void kr_log(kr_context *ctx, kr_log_level level, const char *format, ...) KR_PRINTF(3, 4);
/* Calls the progress function; KR_CANCELLED when it asks to stop. */
kr_status kr_progress(kr_context *ctx, const char *what, long done, long total);

/* For checks that want every mistake, not the first one: `mistake` is called with the failure in the context wherever
 * reading can go on after it (core/parameters.h). NULL switches it off. */
typedef void (*kr_mistake_fn)(kr_context *ctx, void *payload);
void kr_context_set_mistake(kr_context *ctx, kr_mistake_fn mistake, void *payload);
kr_mistake_fn kr_context_get_mistake(const kr_context *ctx, void **payload);
/* Tells the failure that was just set; 0 when nobody collects. */
int kr_context_mistake(kr_context *ctx);

/* Who hears of progress now: for functions that put their own in front of it. */
kr_progress_fn kr_context_get_progress(const kr_context *ctx, void **payload);

/* For parallel regions (core/parallel.c uses them for you): n children of ctx, each for one worker thread; their log
 * lines reach the parent's log function one at a time, messages are taken over by kr_context_take_message. */
kr_status kr_context_reserve_children(kr_context *ctx, int n);
kr_context *kr_context_child(kr_context *ctx, int i);
void kr_context_take_message(kr_context *ctx, const kr_context *from);

#define KR_ERROR(ctx, status, ...) kr_error_set((ctx), (status), __FILE__, __LINE__, __VA_ARGS__)

/* On failure, and when the caller cancels, to the one label `done`; KR_NOT_CONVERGED has a result and goes on: who
 * calls what may not converge looks at `status` itself. */
#define KR_TRY(call)                                         \
    do {                                                     \
        status = (call);                                     \
        if (status < 0 || status == KR_CANCELLED) goto done; \
    } while (0)

#define KR_FAIL(ctx, code, ...)                        \
    do {                                               \
        status = KR_ERROR((ctx), (code), __VA_ARGS__); \
        goto done;                                     \
    } while (0)

#endif
