/* One task under supervision: limits that hold when nobody else is alive.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The folder of a task holds   cmd.json     what to run and its limits
 *                              stdout stderr of the command
 *                              supervisor   who supervises, and the command's own process (kr_process lines)
 *                              usage.json   times, memory
 *                              rc           last of all: "exit_status signal outcome"; its presence means "ended" */
#ifndef KR_EELT_SUPERVISOR_H
#define KR_EELT_SUPERVISOR_H

#include "core/tree.h"
#include "eelt/outcome.h"
#include "eelt/process.h"

typedef struct kr_command {
    const char *line;    /* for /bin/sh -c, run in the folder of the task */
    double timeout_s;    /* wall time; 0 = no limit */
    double stall_s;      /* no growth of stdout, stderr or any file of the folder; 0 = no limit */
    double memory_MB;    /* resident, all processes of the command together; 0 = no limit */
    int first_cpu, cpus; /* bound to these CPUs; cpus 0 = not bound */
    int threads;         /* OMP_NUM_THREADS and its kin; 0 = left alone */
} kr_command;

/* Writes cmd.json. The folder must exist. */
kr_status kr_command_write(kr_context *ctx, const kr_command *command, const char *folder);
/* Reads it; the texts of the command belong to *tree, which the caller destroys. */
kr_status kr_command_read(kr_context *ctx, const char *folder, kr_tree **tree, kr_command *command);

/* Runs the command of a folder to its end and writes usage.json and rc. Returns at once with KR_OK when rc is there
 * already; KR_ERR_IO when another living supervisor has it. SIGTERM, SIGINT, SIGHUP to the calling process end the
 * command (outcome cancelled). TERM first, KILL after ten seconds, only to processes that the command started. */
kr_status kr_supervise(kr_context *ctx, const char *folder, kr_usage *usage);

typedef enum kr_task_life { KR_TASK_ABSENT, KR_TASK_LIVES, KR_TASK_ENDED, KR_TASK_VANISHED } kr_task_life;
/* What a folder tells: no supervisor ever, a living one (or one of another host), rc is there (usage is filled when
 * not NULL), or a supervisor that died without rc. */
kr_status kr_task_look(kr_context *ctx, const char *folder, kr_task_life *life, kr_usage *usage);
/* Makes sure that no supervisor can begin in a folder where none has begun: *won = 0 when one has. A folder that does
 * not exist is won. */
kr_status kr_task_void(kr_context *ctx, const char *folder, int *won);
/* Ends what a vanished supervisor left running, and asks a living one to end. */
kr_status kr_task_kill(kr_context *ctx, const char *folder);

#endif
