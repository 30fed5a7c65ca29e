/* The inside of a campaign: what its stages share.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * An iteration is a row of stages. A stage works from what the ledger and the files say, keeps what it found in memory
 * or in files under their final names, and closes by one transaction; killed before, it is done again from the same
 * inputs with the same random numbers (counters, core/random.h), so that it finds the same. Tasks within a stage are
 * committed one by one by the queue. What an iteration decides about the next one (opening, levels, final) is written
 * down as metrics of scope "next" when it closes. */
#ifndef KR_EELT_CAMPAIGN_H
#define KR_EELT_CAMPAIGN_H

#include "core/frames.h"
#include "core/random.h"
#include "eelt/config.h"
#include "eelt/explorer.h"
#include "eelt/label_store.h"
#include "eelt/ledger.h"
#include "eelt/novelty.h"
#include <kramers/campaign.h>
#include <kramers/examine.h>
#include <kramers/potential.h>
#include <limits.h>

/* A system at one temperature and pressure of one stage of the schedule. */
typedef struct kr_cell {
    int stage, system, opening;
    kr_range T, P;
    char name[96]; /* "fcc 300 K 0 GPa" */
} kr_cell;

typedef struct kr_campaign {
    kr_config config;
    const kr_campaign_options *options;
    kr_ledger *ledger;
    kr_db *db;
    kr_label_store store;
    kr_explorer *explorer;
    char *folder; /* absolute */
    int ncells, nopenings;
    kr_cell *cell; /* [ncells] */
    /* of the current iteration: */
    int iteration;
    int bootstrap; /* open systems have elements without data: start structures are labelled, nothing is explored */
    unsigned char *shaken; /* [nsystems] which systems these are */
    int first;             /* the first iteration that explores with models trained from the beginning: short runs */
    int final;             /* fresh frames of the whole window are labelled for the certificate */
    int pool;    /* of a final iteration: the first one that explored with the same models; their frames count, too */
    long wanted; /* fresh frames that a final iteration labels */
    int opening; /* cells with this number are explored */
    kr_levels levels;
    void *state; /* of the running stage */
} kr_campaign;

/* work: whatever takes long; record: what it found, inside the transaction that closes the stage; after: what follows
 * from the ledger alone (done again when it was interrupted); clear: frees state. Any may be NULL. */
typedef struct kr_stage_kind {
    const char *name;
    kr_status (*work)(kr_context *ctx, kr_campaign *campaign);
    kr_status (*record)(kr_context *ctx, kr_campaign *campaign);
    kr_status (*after)(kr_context *ctx, kr_campaign *campaign);
    void (*clear)(kr_campaign *campaign);
} kr_stage_kind;

extern const kr_stage_kind kr_stage_train, kr_stage_explore, kr_stage_examine, kr_stage_select, kr_stage_label,
    kr_stage_collect, kr_stage_audit, kr_stage_report;

/* The file in the campaign's folder that asks it to stop. */
#define KR_CAMPAIGN_STOP "stop"

/* Purposes of random numbers (kr_stream); entity and draw are the stage's own. */
enum { KR_RANDOM_TRAIN = 101, KR_RANDOM_EXPLORE, KR_RANDOM_START, KR_RANDOM_SELECT, KR_RANDOM_AUDIT };
kr_stream kr_campaign_stream(const kr_campaign *campaign, int purpose);

/* ---- campaign.c ---- */
/* Reads the input, takes the folder; options are set. */
kr_status kr_campaign_open(kr_context *ctx, kr_campaign *campaign);
void kr_campaign_close(kr_campaign *campaign);
void kr_campaign_say(const kr_campaign *campaign, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* scope and name of a number of this iteration; inside a transaction. lo, hi NaN: none. */
kr_status kr_campaign_metric(kr_context *ctx, kr_campaign *campaign, const char *scope, const char *name, double value,
                             double lo, double hi);
/* NaN when there is none. */
kr_status kr_campaign_get_metric(kr_context *ctx, kr_campaign *campaign, int iteration, const char *scope,
                                 const char *name, double *value);
/* "folder/iter.000002/sub" */
char *kr_campaign_path(kr_context *ctx, const kr_campaign *campaign, int iteration, const char *sub);
/* Does the file folder/name below the campaign's folder hold this key? Results lie beside the key of their task. */
kr_status kr_campaign_has_key(kr_context *ctx, const kr_campaign *campaign, const char *folder, const char *name,
                              const char *key, int *same);
kr_status kr_campaign_make_folder(kr_context *ctx, const char *path);
/* Tasks of a kind to their ends; KR_CANCELLED and KR_NOT_CONVERGED are passed on. */
kr_status kr_campaign_queue(kr_context *ctx, kr_campaign *campaign, int job, const kr_work *work);

/* ---- campaign_folder.c ---- */
/* Removes temporary files and folders of dead processes from the folder and its iterations; the caller has the lock. */
kr_status kr_campaign_sweep(kr_context *ctx, const char *folder);
/* The folder of the attempt whose state a new attempt in `folder` may go on from, NULL = begin anew: the last one that
 * was started, unless it failed by itself. By kr_free. */
kr_status kr_campaign_previous(kr_context *ctx, kr_campaign *campaign, const kr_task *task, const char *folder,
                               char **previous);

/* ---- campaign_plan.c ---- */
kr_status kr_plan_cells(kr_context *ctx, kr_campaign *campaign);
/* What the iteration before decided. */
kr_status kr_plan_load(kr_context *ctx, kr_campaign *campaign);
/* Number of the start structure of a run of this iteration. */
long kr_plan_start(const kr_campaign *campaign, int cell, int replica);

/* Accurate samples of this iteration by cell (in a final exploration all samples are of that class); *weight by
 * kr_free. */
kr_status kr_campaign_populations(kr_context *ctx, kr_campaign *campaign, double **weight);

/* ---- campaign_bootstrap.c ---- */
/* Sets bootstrap and shaken from the data that there are. */
kr_status kr_bootstrap_plan(kr_context *ctx, kr_campaign *campaign);
/* Iterations from the given one to the one before the present that labelled start structures. */
kr_status kr_bootstrap_count(kr_context *ctx, const kr_campaign *campaign, int iteration, int *n);
kr_status kr_bootstrap_work(kr_context *ctx, kr_campaign *campaign);
kr_status kr_bootstrap_record(kr_context *ctx, kr_campaign *campaign);

/* ---- campaign_data.c ---- */
typedef struct kr_data_list {
    int n, nold;        /* the first nold are older than the last iteration's */
    char **path;        /* [n] absolute */
    long *frames;       /* [n] */
    char (*digest)[65]; /* [n] of the content */
} kr_data_list;
/* The absolute name, which a task in another folder understands. */
kr_status kr_path_real(kr_context *ctx, const char *path, char **full);
/* All data that models of this iteration are trained on. */
kr_status kr_data_list_make(kr_context *ctx, const kr_campaign *campaign, kr_data_list *list);
void kr_data_list_free(kr_data_list *list);
/* Moves the systems of one data set to the end of another; the first is destroyed. */
kr_status kr_campaign_move_systems(kr_context *ctx, kr_dataset **from, kr_dataset *to);
/* Writes every system of a merged set as a deepmd/npy folder: base, base.1, base.2 … in `folder`. */
kr_status kr_campaign_write_sets(kr_context *ctx, kr_dataset *merged, const char *folder, const char *base);
kr_status kr_data_list_read(kr_context *ctx, const kr_campaign *campaign, const kr_data_list *list, kr_dataset **data);

/* ---- campaign_room.c ---- */
/* Do the last iteration's data have more neighbours than a model sees? Says so; *anew: a new model would see them. */
kr_status kr_campaign_room(kr_context *ctx, const kr_campaign *campaign, const kr_data_list *list, const char *model,
                           int *anew);

/* Paths of this iteration's models (absolute), and the potential made of the first `most` of them. */
#define KR_ALL_MODELS INT_MAX
kr_status kr_campaign_models(kr_context *ctx, kr_campaign *campaign, int iteration, int *n, char ***paths);
kr_status kr_campaign_potential(kr_context *ctx, kr_campaign *campaign, int most, kr_potential **potential,
                                kr_novelty **novelty);
/* Path of the novelty of a model, NULL when the deviation of an ensemble is examined. */
#define KR_CAMPAIGN_NOVELTY "novelty"
char *kr_campaign_novelty(kr_context *ctx, const kr_campaign *campaign, const char *model);
/* Makes it for the iteration's model: of the data in the list, sized by validation data where there are any. */
kr_status kr_campaign_make_novelty(kr_context *ctx, const kr_campaign *campaign, const kr_data_list *list,
                                   int nvalidation, char *const *validation);

/* Frames that the ledger knows. */
typedef struct kr_frame_row {
    int64_t id, run, step;
    double dev_f, dev_v, time_ps;
    double weight; /* of an accurate frame: frames that it stands for */
    int cell, system, iteration;
    char frame_class[12], decision[16];
} kr_frame_row;
typedef struct kr_frame_set {
    long n;
    kr_frame_row *row; /* [n] */
    kr_dataset *data;  /* n frames in the order of row */
} kr_frame_set;
/* where: an SQL condition on f (frame) and r (run); in the order of the frames' ids. */
kr_status kr_frame_set_read(kr_context *ctx, kr_campaign *campaign, const char *where, kr_frame_set *set);
void kr_frame_set_free(kr_frame_set *set);

#endif
