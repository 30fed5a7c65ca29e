/* How a task ended: the classes of failure, and what a supervisor leaves behind.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_OUTCOME_H
#define KR_EELT_OUTCOME_H

#include <kramers/context.h>
#include <stdint.h>

/* X(name, word in files and ledger, sentence) */
#define KR_OUTCOME_LIST(X)                                                         \
    X(DONE, "done", "finished with an accepted result")                            \
    X(NOT_CONVERGED, "not_converged", "the program says that it did not converge") \
    X(CRASHED, "crashed", "ended with an error or by a signal")                    \
    X(TIMEOUT, "timeout", "exceeded its wall time")                                \
    X(STALLED, "stalled", "wrote nothing for too long")                            \
    X(OUT_OF_MEMORY, "out_of_memory", "exceeded its memory")                       \
    X(NODE_FAILURE, "node_failure", "the machine failed or took the job back")     \
    X(BAD_OUTPUT, "bad_output", "the output is incomplete or fails a check")       \
    X(CANCELLED, "cancelled", "cancelled by somebody")                             \
    X(BAD_INPUT, "bad_input", "the input was refused")                             \
    X(LOST, "lost", "vanished without leaving a result")                           \
    X(NO_SPACE, "no_space", "the disk was full")

typedef enum kr_outcome {
#define KR_OUTCOME_ENUM(name, word, sentence) KR_OUTCOME_##name,
    KR_OUTCOME_LIST(KR_OUTCOME_ENUM)
#undef KR_OUTCOME_ENUM
        KR_OUTCOME_COUNT
} kr_outcome;

const char *kr_outcome_word(kr_outcome outcome);
const char *kr_outcome_text(kr_outcome outcome);
/* −1 when the word is none. */
int kr_outcome_find(const char *word);

/* What a supervisor wrote into the files rc and usage.json of a task's folder. */
typedef struct kr_usage {
    kr_outcome outcome; /* DONE: the command ended by itself, whatever its exit status */
    int exit_status;    /* −1 when ended by a signal */
    int signal;
    double wall_s, cpu_s;
    int64_t maxrss_kB;
} kr_usage;

#endif
