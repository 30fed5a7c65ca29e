/* What a kr_training holds. Private to training.c, run.c, objective.c, checkpoint.c, lcurve.c, report.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_TRAINING_IMPL_H
#define KR_TRAINING_TRAINING_IMPL_H

#include "core/optimizer.h"
#include "training/data.h"
#include "training/schedule.h"
#include <kramers/training.h>

/* One model on its way. */
typedef struct kr_member {
    int index;
    kr_model *model;
    kr_engine *engine;
    kr_optimizer *optimizer;
    unsigned char *mask;
    double *theta; /* [ntheta] of the optimizer: the array of the model, or one of its own (line searches) */
    double *ema;   /* [ntheta] or NULL */
    double *tail;  /* [ntheta] Σ θ of the last steps, or NULL */
    int64_t tail_count;
    double *best; /* [ntheta] θ of the best validation, or NULL */
    double best_error;
    int64_t best_step, worse; /* validations since then */
    int64_t step;             /* updates done */
    int finished;
    kr_loss_report last;                                                 /* of the last update */
    double average[1 + KR_LOSS_TERMS], average_count[1 + KR_LOSS_TERMS]; /* disp_avg: sums since the last row */
} kr_member;

struct kr_training {
    kr_input *input;
    char *input_path, *folder, *output, *restart;
    kr_training_options options;
    kr_data_set *data, *validation; /* validation NULL = none */
    kr_schedule schedule;
    int64_t last; /* number of steps */
    int nmembers;
    kr_member *member; /* one at a time is at work */
    int current;
    const kr_engine_kind *engine_kind;
    int single;
    int *sel, nsel;
    double spread;    /* eV, of the energies beyond the bias; 0 when the model is not new */
    int fresh;        /* the model is new: statistics of its own */
    char *checkpoint; /* path of the last one written */
    /* scratch */
    kr_training_frame **frames;
    int frames_room;
    double *sums; /* gradient, report and flag for the all-reduce */
    kr_loss_workspace loss;
    int want, stop; /* this process was asked to stop; some process was */
    double started;
};

/* ---- objective.c ---- */

/* Loss of one batch (all processes together) at model->theta; gradient [ntheta] (overwritten; NULL = not wanted).
 * `cancel` (may be NULL): in: this process wants to stop, out: any does. */
kr_status kr_member_loss(kr_context *ctx, kr_training *t, kr_member *m, const kr_batch *batch, double ratio,
                         double *gradient, kr_loss_report *report, int *cancel);
/* One update with the batch of step m->step. */
kr_status kr_member_optimizer(kr_context *ctx, kr_training *t, kr_member *m, const kr_optimizer_kind *kind);
kr_status kr_member_update(kr_context *ctx, kr_training *t, kr_member *m, int *cancel);
/* Mean over all frames of a set, as one batch; evaluated in pieces. */
kr_status kr_member_evaluate(kr_context *ctx, kr_training *t, kr_member *m, kr_data_set *set, double ratio,
                             kr_loss_report *report);

/* ---- measure.c ---- */

/* Measurements of a batch for Kalman filters: their number, and the k-th at model->theta. */
int kr_member_groups(const kr_training *t);
kr_status kr_member_measure(kr_context *ctx, kr_training *t, kr_member *m, const kr_batch *batch, int group,
                            double *innovation, double *gradient);

/* ---- lcurve.c ---- */

/* Names in the order of the columns; returns their number. term [i]: −1 = the total. */
int kr_lcurve_columns(const kr_loss_options *loss, const char *names[KR_TRAINING_TERMS], int term[KR_TRAINING_TERMS]);
/* Begins the file, or, after a restart, cuts rows beyond `step`. */
kr_status kr_lcurve_begin(kr_context *ctx, const kr_training *t, const char *path, int64_t step);
kr_status kr_lcurve_append(kr_context *ctx, const kr_training *t, const char *path, const kr_training_row *row);

/* ---- checkpoint.c ---- */

/* Writes folder/save_ckpt-STEP.dp with the state of the run, notes it in the file `checkpoint`, removes old ones. */
kr_status kr_checkpoint_write(kr_context *ctx, kr_training *t, kr_member *m);
/* State of a checkpoint → member; the model was loaded from the same file. */
kr_status kr_checkpoint_read(kr_context *ctx, kr_training *t, kr_member *m, const char *path);
/* "" → the path that the file `checkpoint` of the folder names; new string. */
kr_status kr_checkpoint_find(kr_context *ctx, const char *folder, const char *given, char **path);
/* Path of a file of the member: folder, and the member's number in ensembles, before a relative name; new string. */
char *kr_training_path(kr_context *ctx, const kr_training *t, const kr_member *m, const char *name);

/* ---- training.c ---- */

/* Parameters to evaluate at → model->theta. */
void kr_member_place(kr_member *m, const double *theta);
/* Makes (again) the engine of a member, with so many spline nodes (0 = chosen). */
kr_status kr_member_engine(kr_context *ctx, const kr_training *t, kr_member *m, int knots);

/* ---- bias.c ---- */

/* Fits out_bias of the model to E − E_model on the first data_bias_nsample batches of each system. */
kr_status kr_member_change_bias(kr_context *ctx, kr_training *t, kr_member *m);

#endif
