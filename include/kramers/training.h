/* Training of Deep Potential models from an input.json of DeePMD-kit.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * kr_training_create reads the input and the data, counts neighbours where sel is "auto", makes the model and its
 * statistics; kr_training_run does the steps, writes lcurve.out, checkpoints and the final model. The keys of the input
 * are listed by kr_training_describe_input and in docs/training.md. */
#ifndef KRAMERS_TRAINING_H
#define KRAMERS_TRAINING_H

#include <kramers/context.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_training kr_training;

/* Sum over all processes, in place, the same bits on all of them; n numbers. Non-zero = failure. */
typedef int (*kr_sum_fn)(double *values, long n, void *payload);

typedef struct kr_training_options {
    const char *restart;    /* checkpoint to go on from (.dp), "" = the one that the file `checkpoint` names */
    const char *init_model; /* model whose parameters to start from */
    const char *finetune;   /* the same, and the energy bias is fitted to the new data */
    const char *output;     /* the final model; NULL = "model.dp" */
    const char *completed;  /* input with all defaults; NULL = "out.json", "" = not written */
    const char *folder;     /* where files with relative names go; NULL = the current folder. Data are read as named */
    int ensemble;           /* models with seeds of their own, folders 0, 1 …; 0 or 1 = one model */
    /* Data-parallel runs: every process makes the same calls with the same input; frames of a batch are shared out. */
    int rank, nranks; /* nranks 0 = 1 */
    kr_sum_fn sum;    /* needed for nranks > 1 */
    void *sum_payload;
} kr_training_options;
#define KR_TRAINING_OPTIONS_DEFAULT \
    { 0 }

/* What a run reports while it goes on. Arrays are in the order of `names`. */
enum { KR_TRAINING_TERMS = 6 };
typedef struct kr_training_row {
    int member;         /* of an ensemble, from 0 */
    int64_t step, last; /* updates done; the run ends at `last` */
    double rate;        /* learning rate */
    double seconds;     /* since the run began */
    int nterms;
    const char *names[KR_TRAINING_TERMS];                              /* "rmse", "rmse_e", "rmse_f" … */
    double training[KR_TRAINING_TERMS], validation[KR_TRAINING_TERMS]; /* as in lcurve.out; NaN = no data */
    int has_validation;
    const char *saved; /* checkpoint that was just written, or NULL */
} kr_training_row;
typedef void (*kr_training_row_fn)(const kr_training_row *row, void *payload);

kr_status kr_training_create(kr_context *ctx, const char *input, const kr_training_options *options,
                             kr_training **training);
void kr_training_destroy(kr_training **training);
/* Progress (kr_context_set_progress) is called as "steps" at every step; asking to stop writes a checkpoint and returns
 * KR_CANCELLED. row may be NULL. Returns KR_OK also when it stopped early by itself (kramers.patience). */
kr_status kr_training_run(kr_context *ctx, kr_training *training, kr_training_row_fn row, void *payload);
/* Where the run stands: steps done, of how many; the last checkpoint ("" = none). */
int64_t kr_training_step(const kr_training *training);
int64_t kr_training_last(const kr_training *training);
const char *kr_training_checkpoint(const kr_training *training);
/* What was read and made: data, sel, model, engine, one fact a line. */
void kr_training_describe(const kr_training *training, void (*line)(const char *text, void *payload), void *payload);
/* After the run: errors by system and element, outliers, sel overflow, sharpness of the minimum, one fact a line. */
kr_status kr_training_report(kr_context *ctx, kr_training *training, void (*line)(const char *text, void *payload),
                             void *payload);
/* The keys of input.json, their defaults and meaning. */
void kr_training_describe_input(void (*line)(const char *text, void *payload), void *payload);

#ifdef __cplusplus
}
#endif
#endif
