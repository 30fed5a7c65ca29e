/* A learned committor: networks with the same inputs, q is the mean of theirs. Saved in network.json of a run.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_COMMITTOR_MODEL_H
#define KR_SAMPLING_COMMITTOR_MODEL_H

#include "sampling/committor_net.h"

typedef struct kr_committor_model {
    kr_committor_net *net; /* its own θ is scratch */
    int members;
    double **theta; /* [members][nparams] */
} kr_committor_model;

/* New networks from the completed section "network" of a run file. */
kr_status kr_committor_model_create(kr_context *ctx, const kr_problem *problem, const kr_tree *section, int members,
                                    uint64_t seed, kr_committor_model *model);
/* From network.json in the folder of a run on the same problem. */
kr_status kr_committor_model_load(kr_context *ctx, const kr_problem *problem, const char *folder,
                                  kr_committor_model *model);
/* MAP with parameters and section: text of network.json. To be freed. */
kr_status kr_committor_model_format(kr_context *ctx, const kr_committor_model *model, const kr_tree *section,
                                    char **text);
void kr_committor_model_free(kr_committor_model *model);
/* q [n] and ∇q [n][dim] (NULL: not wanted) of the mean, or of member `one` when it is not negative. */
kr_status kr_committor_model_evaluate(kr_context *ctx, const kr_committor_model *model, int one, long n,
                                      const double *x, double *q, double *grad);
/* Logit of q [n], from inside a parallel region or outside; no memory is allocated for n ≤ KR_COMMITTOR_ROWS. */
kr_status kr_committor_model_logit(kr_context *ctx, const kr_committor_model *model, int n, const double *x, double *z);

#endif
