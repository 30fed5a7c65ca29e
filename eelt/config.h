/* eelt.json: the input of a campaign.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every section is a table (config_table.c). Reading collects all mistakes when the context has a function for them
 * (kr_context_set_mistake), and stops at the first otherwise. Paths are relative to the file. */
#ifndef KR_EELT_CONFIG_H
#define KR_EELT_CONFIG_H

#include "core/parameters.h"
#include "eelt/job_input.h"
#include "eelt/labeller.h"
#include <kramers/system.h>

typedef struct kr_config_top {
    const kr_tree *campaign, *data, *model, *explore, *examine, *select, *label, *audit, *converge, *jobs;
} kr_config_top;

typedef struct kr_config_campaign {
    const char *name, *folder, *store;
    int64_t seed;
    const kr_tree *elements, *budget;
    int max_iterations;
    double disk_free; /* GB that must stay free */
} kr_config_campaign;

typedef struct kr_config_budget {
    int64_t labels;            /* KR_PARAMETER_NULL = no limit, as NaN below */
    double core_hours, wall_h; /* of all tasks; of this program, all its runs together */
} kr_config_budget;

typedef struct kr_config_data {
    const kr_tree *initial, *validation, *test; /* paths of labelled data */
} kr_config_data;

typedef struct kr_config_warm {
    int enabled;
    double steps;      /* of a later iteration, relative to the first */
    double start_rate; /* first learning rate, relative to that of the first iteration */
    double new_weight; /* a new frame is drawn as often as so many old ones */
} kr_config_warm;

typedef struct kr_config_model {
    int ensemble;
    const kr_tree *training, *warm_start; /* training: object or path */
} kr_config_model;

typedef struct kr_config_audit {
    int per_iteration; /* frames; KR_PARAMETER_NULL = 5 % of select.per_iteration, at least 10 */
    int certificate;   /* fresh frames at the end; 0 = none */
    int most;          /* of them for the same models; KR_PARAMETER_NULL = four times as many */
    double e_target;   /* eV/Å: largest force error of a frame that counts as accurate */
    double bound;      /* part of the accurate frames that may exceed it */
    double confidence;
} kr_config_audit;

typedef struct kr_config_converge {
    double candidate, failed; /* largest fractions of a cell */
    int iterations;           /* in a row */
    double rmse;              /* eV/Å on the audit frames */
} kr_config_converge;

/* "explore" */
typedef struct kr_config_explore {
    const char *engine;
    const kr_tree *options, *systems, *stages;
    int schedule;                /* 0 adaptive, 1 fixed */
    int from_last;               /* later iterations go on from the last good frames of those before */
    double first_ps;             /* length of the runs of the first iteration, at most */
    int reservoir, stop, driver; /* as in kr_explore_spec; driver: 0 first, 1 rotate */
    double correlation_ps;
    const kr_tree *bootstrap;
} kr_config_explore;

/* "explore.bootstrap": the first labels of systems whose elements have no data. */
typedef struct kr_config_bootstrap {
    int frames;            /* of each system */
    double rattle, strain; /* A; 1 */
} kr_config_bootstrap;

/* A temperature or pressure: value[0] = value[1] unless it is a ramp. */
typedef struct kr_range {
    double value[2];
} kr_range;

/* "explore.stages[]" */
typedef struct kr_config_stage {
    const kr_tree *systems, *T, *P;
    int ensemble; /* kr_ensemble */
    int64_t steps;
    double dt_fs, mc_swap;
    int sample_every, replicas, one_by_one, iterations;
    /* from these: */
    kr_range *T_K, *P_GPa; /* [nT], [nP] owned */
    int nT, nP;
    unsigned char *uses; /* [nsystems] owned */
} kr_config_stage;

/* "explore.systems[]": start structures under one name. */
typedef struct kr_config_system {
    const char *name; /* borrowed */
    const kr_tree *files, *generate;
    const char *format;
    const kr_tree *node; /* where it stands */
    kr_tree *complete;   /* owned */
    kr_dataset *starts;  /* owned; read by kr_config_starts */
    long nstarts;
} kr_config_system;

typedef struct kr_config_examine {
    int method, levels, rule; /* method: kr_novelty_method; levels: kr_config_levels; rule: kr_class_rule */
    int64_t skip_steps;
    const kr_tree *trust;
} kr_config_examine;
enum { KR_LEVELS_FIXED, KR_LEVELS_CALIBRATED, KR_LEVELS_DPGEN, KR_LEVELS_DPGEN2 };

typedef struct kr_config_trust {
    double f_lo, f_hi, v_lo, v_hi; /* NaN: not used */
    double gamma_lo, gamma_hi;     /* of maxvol */
} kr_config_trust;

typedef struct kr_config_select {
    int per_iteration, per_system, per_cell, per_element, failed, least, dedup;
    const char *rule;
    double near_distance, correlation_ps, u_power, accurate_soft, accurate_hard, distance;
} kr_config_select;

enum { KR_CONFIG_TRAIN, KR_CONFIG_EXPLORE, KR_CONFIG_LABEL, KR_CONFIG_JOBS };
extern const char *const kr_config_job_name[KR_CONFIG_JOBS];

typedef struct kr_config {
    char *path, *base;    /* of the file; its folder */
    char *folder, *store; /* of the campaign; of shared labels or NULL */
    char *text;           /* the file, for the ledger */
    kr_tree *root;        /* as given */
    kr_tree *section[64]; /* completed sections, which own strings and lists */
    int nsections;
    kr_config_top top;
    kr_config_campaign campaign;
    kr_config_budget budget;
    kr_config_data data;
    kr_config_model model;
    kr_tree *training; /* the training input, read from its file where it is one */
    kr_config_warm warm;
    kr_config_explore explore;
    kr_config_bootstrap bootstrap;
    kr_tree *engine; /* {"engine": …, options}: for kr_explorer_create */
    int nsystems, nstages;
    kr_config_system *system; /* [nsystems] */
    kr_config_stage *stage;   /* [nstages] */
    kr_config_examine examine;
    kr_config_trust trust;
    kr_config_select select;
    kr_config_audit audit;
    kr_config_converge converge;
    kr_job_input job[KR_CONFIG_JOBS];
    kr_labeller *labeller;
    int nelements;
    const char **element; /* [nelements] borrowed */
} kr_config;

extern const kr_parameter kr_config_top_table[], kr_config_campaign_table[], kr_config_budget_table[],
    kr_config_data_table[], kr_config_model_table[], kr_config_warm_table[], kr_config_audit_table[],
    kr_config_converge_table[], kr_config_jobs_table[], kr_config_explore_table[], kr_config_bootstrap_table[],
    kr_config_stage_table[], kr_config_system_table[], kr_config_examine_table[], kr_config_trust_table[],
    kr_config_select_table[];

kr_status kr_config_read(kr_context *ctx, const char *path, kr_config *config);
void kr_config_free(kr_config *config);
/* A section through its table: mistakes are collected, the config keeps the completed tree. */
kr_status kr_config_section(kr_context *ctx, kr_config *config, const kr_parameter *table, const kr_tree *given,
                            const char *where, void *target);
/* KR_OK for a mistake that somebody collects. */
kr_status kr_config_told(kr_context *ctx, kr_status status);
/* Number of an element, −1 when it is none of the campaign's. */
int kr_config_element(const kr_config *config, const char *name);
/* explore, examine, select: config_explore.c. */
kr_status kr_config_read_explore(kr_context *ctx, kr_config *config);
void kr_config_free_explore(kr_config *config);
/* Reads or makes the start structures of all systems. */
kr_status kr_config_starts(kr_context *ctx, kr_config *config);
/* Å; a larger cutoff of the models was meant in another unit. */
#define KR_CONFIG_RCUT 30.0
/* Those of one system: could they be labelled, is there anything to learn from them? */
kr_status kr_config_starts_check(kr_context *ctx, const kr_config *config, int system);
/* The widest empty layer of structures from files that is narrower than the cutoff of the models, in A; 0 = none. */
kr_status kr_config_starts_gap(kr_context *ctx, const kr_config *config, int system, double *gap);
/* What fits key by key and not together; numbers of frames that cannot be reached: config_sense.c. */
kr_status kr_config_sense(kr_context *ctx, const kr_config *config);
kr_status kr_config_enough(kr_context *ctx, const kr_config *config);
/* Frames that the audit of an iteration asks for: audit.per_iteration or its default. */
long kr_config_audit_size(const kr_config *config);
/* Absolute folder of a file's name: tasks run in other folders. */
char *kr_config_base(kr_context *ctx, const char *path);

/* Everything that can be known without starting anything: paths, elements, numbers of tasks, disk. Each mistake is
 * told to the context's function for mistakes; `line` hears what the campaign will do. */
kr_status kr_config_check(kr_context *ctx, kr_config *config, void (*line)(const char *text, void *payload),
                          void *payload);

#endif
