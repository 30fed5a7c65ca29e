/* Slurm's job states (squeue(1), JOB STATE CODES).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/slurm_state.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    kr_slurm_verdict verdict;
} words[] = {
    {"PENDING", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"CONFIGURING", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"REQUEUED", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"REQUEUE_HOLD", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"REQUEUE_FED", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"RESV_DEL_HOLD", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"RESIZING", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"SPECIAL_EXIT", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"SUSPENDED", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"STAGE_OUT", {KR_JOB_WAITING, KR_OUTCOME_LOST, 0}},
    {"RUNNING", {KR_JOB_RUNNING, KR_OUTCOME_LOST, 0}},
    {"COMPLETING", {KR_JOB_RUNNING, KR_OUTCOME_LOST, 0}},
    {"SIGNALING", {KR_JOB_RUNNING, KR_OUTCOME_LOST, 0}},
    {"STOPPED", {KR_JOB_RUNNING, KR_OUTCOME_LOST, 0}},
    {"COMPLETED", {KR_JOB_ENDED, KR_OUTCOME_DONE, 1}},
    {"FAILED", {KR_JOB_ENDED, KR_OUTCOME_CRASHED, 1}},
    {"TIMEOUT", {KR_JOB_GONE, KR_OUTCOME_TIMEOUT, 1}},
    {"DEADLINE", {KR_JOB_GONE, KR_OUTCOME_TIMEOUT, 1}},
    {"OUT_OF_MEMORY", {KR_JOB_GONE, KR_OUTCOME_OUT_OF_MEMORY, 1}},
    {"NODE_FAIL", {KR_JOB_GONE, KR_OUTCOME_NODE_FAILURE, 0}},
    {"BOOT_FAIL", {KR_JOB_GONE, KR_OUTCOME_NODE_FAILURE, 0}},
    {"PREEMPTED", {KR_JOB_GONE, KR_OUTCOME_NODE_FAILURE, 0}},
    {"REVOKED", {KR_JOB_GONE, KR_OUTCOME_NODE_FAILURE, 0}},
    {"CANCELLED", {KR_JOB_GONE, KR_OUTCOME_CANCELLED, 0}},
};

kr_slurm_verdict kr_slurm_judge(const char *state, const char *exit_code) {
    size_t n = strcspn(state, " +|\n"); /* "CANCELLED by 1000", "CANCELLED+" */
    int status = 0, number = 0;
    if (!n) return (kr_slurm_verdict){KR_JOB_ENDED, KR_OUTCOME_LOST, 1};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].word) != n || strncmp(words[i].word, state, n)) continue;
        kr_slurm_verdict verdict = words[i].verdict;
        /* Without cgroups a job over its memory is FAILED by signal 9. The supervisor would have left rc. */
        if (!strcmp(words[i].word, "FAILED") && sscanf(exit_code, "%d:%d", &status, &number) == 2 && number == 9)
            verdict = (kr_slurm_verdict){KR_JOB_GONE, KR_OUTCOME_OUT_OF_MEMORY, 1};
        return verdict;
    }
    return (kr_slurm_verdict){KR_JOB_UNKNOWN, KR_OUTCOME_LOST, 0};
}
