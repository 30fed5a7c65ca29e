/* What Slurm's words about a job mean for its task.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_SLURM_STATE_H
#define KR_EELT_SLURM_STATE_H

#include "eelt/runner.h"

typedef struct kr_slurm_verdict {
    kr_job_state state;
    kr_outcome outcome;
    int counts; /* is it a try of the task? */
} kr_slurm_verdict;

/* state: as printed by squeue, sacct ("CANCELLED by 0") or scontrol; "" = Slurm knows nothing of the job: ENDED, so
 * that its files decide. exit_code "status:signal", "" = unknown. An unknown word waits. */
kr_slurm_verdict kr_slurm_judge(const char *state, const char *exit_code);

#endif
