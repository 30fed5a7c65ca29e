/* Which process is this, and does it still live? A pid alone may have been given to another process since.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_PROCESS_H
#define KR_EELT_PROCESS_H

#include <kramers/context.h>
#include <stdint.h>

/* Host, boot and start time make a pid unique. */
typedef struct kr_process {
    char host[64], boot[40]; /* boot: kernel's boot id */
    int64_t pid, start;      /* start: clock ticks since boot */
} kr_process;

/* The calling process, or the process `pid` of this host; start is 0 when it does not live. */
void kr_process_self(kr_process *process);
void kr_process_of(int64_t pid, kr_process *process);
/* "host boot pid start", and back: 0 when the text is none. */
const char *kr_process_format(const kr_process *process, char text[160]);
int kr_process_parse(const char *text, kr_process *process);

typedef enum kr_life {
    KR_PROCESS_DEAD,
    KR_PROCESS_ALIVE,
    KR_PROCESS_ELSEWHERE /* on another host: nobody here can tell */
} kr_life;
kr_life kr_process_life(const kr_process *process);

/* Memory in kB (resident) and CPU seconds of all processes of a session, and their number. */
void kr_process_session(int64_t session, int64_t *count, int64_t *rss_kB, double *cpu_s);

#endif
