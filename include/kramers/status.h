/* Status codes returned by every Kramers function that can fail.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * 0 is success, a negative value a failure, a positive value an outcome that the caller may act on.
 * The sentence that explains a failure is kept in the context (context.h). */
#ifndef KRAMERS_STATUS_H
#define KRAMERS_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, sentence) */
#define KR_STATUS_LIST(X)                                         \
    X(OK, 0, "success")                                           \
    X(ERR_ARGUMENT, -1, "an argument is not valid")               \
    X(ERR_MEMORY, -2, "memory ran out")                           \
    X(ERR_IO, -3, "a file could not be read or written")          \
    X(ERR_FORMAT, -4, "a file does not have the expected format") \
    X(ERR_UNSUPPORTED, -5, "this is not supported")               \
    X(ERR_NUMERIC, -6, "a result is not a finite number")         \
    X(ERR_CALLBACK, -7, "a callback of the caller failed")        \
    X(ERR_INTERNAL, -8, "an internal assumption does not hold")   \
    X(NOT_CONVERGED, 1, "stopped before convergence")             \
    X(CANCELLED, 2, "cancelled by the caller")

typedef enum kr_status {
#define KR_STATUS_ENUM(name, value, sentence) KR_##name = (value),
    KR_STATUS_LIST(KR_STATUS_ENUM)
#undef KR_STATUS_ENUM
} kr_status;

/* The sentence of a code; never NULL, also for a value that is no code. */
const char *kr_status_text(kr_status status);

#ifdef __cplusplus
}
#endif
#endif
