/* Starting programs. With supervisor.c the only place of the library that makes processes.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_SPAWN_H
#define KR_EELT_SPAWN_H

#include <kramers/context.h>
#include <stdint.h>

typedef struct kr_spawn_options {
    const char *const *argument; /* program and arguments, NULL at the end; the program is looked up in PATH */
    const char *folder;          /* working folder; NULL = the caller's */
    const char *output, *error;  /* files (made anew, in the folder) for stdout and stderr; NULL = /dev/null */
    int error_bytes;             /* so much room for stderr is reserved: what is said of a full disk gets there */
    int first_cpu, cpus;         /* bound to these CPUs; cpus 0 = not bound */
    int threads;                 /* OMP_NUM_THREADS and its kin; 0 = left alone */
    int dies_with_caller;        /* killed by the kernel when the caller dies */
    int detached;                /* a grandchild: never the caller's to wait for */
} kr_spawn_options;

/* Starts a program in a session of its own with stdin from /dev/null and default signal handlers. *pid is that of the
 * session (0 when detached). A program that cannot be executed ends with status 127. */
kr_status kr_spawn(kr_context *ctx, const kr_spawn_options *options, int64_t *pid);

/* Runs a program, at most timeout_s, and gives what it wrote: text (stdout) and complaint (stderr) by kr_free.
 * exit_status is −1 when it was ended by a signal or by the limit. */
kr_status kr_capture(kr_context *ctx, const char *const *argument, double timeout_s, char **text, char **complaint,
                     int *exit_status);

#endif
