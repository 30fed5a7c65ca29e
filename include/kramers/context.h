/* The context: where messages go and what limits apply.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Create one per thread that calls the library. Objects made with a context may be used with another one. */
#ifndef KRAMERS_CONTEXT_H
#define KRAMERS_CONTEXT_H

#include <kramers/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_context kr_context;

typedef enum kr_log_level { KR_LOG_INFO = 0, KR_LOG_WARNING = 1 } kr_log_level;

/* Receives one line (no newline) about something worth knowing that is no failure. */
typedef void (*kr_log_fn)(kr_log_level level, const char *line, void *payload);

/* Called at step or batch boundaries of long work: `done` of `total` units of `what`.
 * Returning non-zero asks the work to stop; the call then returns KR_CANCELLED. */
typedef int (*kr_progress_fn)(const char *what, long done, long total, void *payload);

kr_status kr_context_create(kr_context **ctx);
void kr_context_destroy(kr_context **ctx);

/* The message of the last failure: one line, what, value, allowed, where. "" when there was none.
 * Borrowed; valid until the next failure or kr_context_clear. */
const char *kr_context_message(const kr_context *ctx);
/* The optional hint that goes with the message, or "". */
const char *kr_context_hint(const kr_context *ctx);
/* Source location "file:line" of the last failure, for bug reports. */
const char *kr_context_where(const kr_context *ctx);
kr_status kr_context_status(const kr_context *ctx);
void kr_context_clear(kr_context *ctx);

/* Without a log function (the default) nothing is reported. */
void kr_context_set_log(kr_context *ctx, kr_log_fn log, void *payload);
void kr_context_set_progress(kr_context *ctx, kr_progress_fn progress, void *payload);

/* Number of OpenMP threads the library may use; 0 (default) = what OpenMP gives. Results do not depend on it. */
void kr_context_set_threads(kr_context *ctx, int nthreads);
int kr_context_threads(const kr_context *ctx);

/* "1.2.3" and the facts of this build on one line. */
const char *kr_version(void);
const char *kr_build_info(void);

#ifdef __cplusplus
}
#endif
#endif
