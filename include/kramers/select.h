/* Choosing the frames worth a label: sane, new, different from each other, within quotas.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Steps, in this order: sane geometry → no equal structures (of the pool, of the training set) → one frame per
 * correlation time of a run → no near duplicates, by the model's features → a rule orders what is left and the quotas
 * cut. Every frame keeps its decision and a sentence that gives the reason; nothing is drawn twice. Candidates and
 * training frames are numbered through in file order. */
#ifndef KRAMERS_SELECT_H
#define KRAMERS_SELECT_H

#include <kramers/features.h>
#include <kramers/system.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of a candidate besides its structure. */
typedef struct kr_candidate {
    double u;            /* largest force deviation, eV/Å: weight of fps, order of topdev; NaN counts as 0 */
    double f_max;        /* largest force of the model, eV/Å; NaN = unknown */
    int run, cell;       /* numbers; −1 = unknown */
    int system;          /* start structure, for quotas; −1 = unknown */
    int atom;            /* of the largest deviation; −1 = unknown */
    double time_ps;      /* within the run; NaN = unknown */
    double start_volume; /* Å^3 per atom of the run's start; 0 = unknown */
    double cost;         /* s that its label will take; 0 = unknown */
} kr_candidate;
extern const kr_candidate kr_candidate_unknown;

/* X(NAME, "word") */
#define KR_DECISION_LIST(X)     \
    X(CHOSEN, "chosen")         \
    X(INSANE, "insane")         \
    X(DUPLICATE, "duplicate")   \
    X(KNOWN, "known")           \
    X(CORRELATED, "correlated") \
    X(OVER_QUOTA, "over_quota") \
    X(NOT_REACHED, "not_reached")
typedef enum kr_decision {
#define KR_DECISION_ENUM(name, word) KR_DECISION_##name,
    KR_DECISION_LIST(KR_DECISION_ENUM)
#undef KR_DECISION_ENUM
        KR_DECISION_COUNT
} kr_decision;
const char *kr_decision_word(kr_decision decision);

/* Shortest distance of two elements, Å, instead of the one by radii. */
typedef struct kr_sane_pair {
    const char *a, *b;
    double distance;
} kr_sane_pair;

/* Limits of the sanity check; a value ≤ 0 switches that one off. */
typedef struct kr_sane_options {
    double distance;      /* of covalent radii added up: 0.6 */
    double volume_factor; /* volume per atom against start_volume: 3 */
    double height;        /* shortest distance of opposite faces along periodic directions, Å: 2 */
    double f_max;         /* largest force of the model, eV/Å: 100 */
    double min_distance;  /* Å, of every pair, instead of `distance` where it is larger; 0 */
    int npairs;
    const kr_sane_pair *pair; /* [npairs] */
} kr_sane_options;

typedef struct kr_select_options {
    const char *rule; /* "fps" (default), "maxvol", "random", "topdev", "inverse_population" */
    long most;        /* frames to choose */
    long per_system;  /* at most of one system, cell, element (of the atom that decided); 0 = any number */
    long per_cell, per_element;
    double most_cost; /* of all chosen frames, s; 0 = any. A frame that does not fit leaves room for cheaper ones */
    kr_sane_options sane;
    int dedup;             /* 1 */
    double near_distance;  /* of near duplicates, in units of the median nearest-neighbour distance in the training set:
                              0.05 */
    double correlation_ps; /* 0.1; 0 = keep all */
    double u_power;        /* a of u^a, fps: 1 */
    uint64_t seed, step;   /* of random draws: campaign seed, iteration */
    kr_features_kind features;
} kr_select_options;
extern const kr_select_options kr_select_defaults;

/* Frames before and after a step of the pipeline. */
typedef struct kr_select_step {
    const char *name; /* "sane", "dedup", "decorrelate", "fps" … */
    long before, removed;
} kr_select_step;
enum { KR_SELECT_STEPS = 8 };

typedef struct kr_choice {
    kr_decision decision;
    long order;       /* 0 = chosen first; −1 = not chosen */
    long other;       /* candidate that it duplicates, −1 = none */
    double score;     /* of the rule when it was looked at; NaN = not ranked */
    double distance;  /* to the nearest known environment before the choice, standardised features; NaN = not known */
    char reason[120]; /* one line with values and limits */
} kr_choice;

typedef struct kr_selection {
    long n, nchosen;
    kr_choice *choice; /* [n] */
    long *chosen;      /* [nchosen] candidates in the order of choice */
    int nsteps;
    kr_select_step step[KR_SELECT_STEPS];
    /* largest distance of a candidate's environment (of those that reached the features) to the nearest known one,
     * before and after; NaN = no model */
    double radius_before, radius_after;
    double near_distance; /* of near duplicates that was used, standardised features; NaN = no model */
} kr_selection;

/* candidates and training (may be NULL or empty) name their elements. meta [candidates] (NULL = all unknown).
 * potential: features come from its first model; NULL: only rules without features, near duplicates are then told by
 * the fingerprints of kr_dataset_group. The result is the same for any number of threads. */
kr_status kr_select(kr_context *ctx, const kr_select_options *options, const kr_potential *potential,
                    const kr_dataset *candidates, const kr_candidate *meta, const kr_dataset *training,
                    kr_selection **selection);
void kr_selection_destroy(kr_selection **selection);
/* Table of all candidates, tab-separated with a header, by rename: index, system, frame, decision, order, … reason. */
kr_status kr_selection_write(kr_context *ctx, const kr_selection *selection, const kr_dataset *candidates,
                             const kr_candidate *meta, const char *path);

/* Frames of files of any format, *meta [frames] by kr_candidates_free. Every path is one run, cell and system;
 * deviations come from the files where they have them (label model_devi, or the comments of an exploration), times from
 * the steps of an exploration and dt_fs (0 = unknown). */
kr_status kr_candidates_read(kr_context *ctx, int npaths, const char *const *paths, double dt_fs, kr_dataset **dataset,
                             kr_candidate **meta);
void kr_candidates_free(kr_candidate **meta);
/* Sets f_max (of the first model) and, with two models or more, u and atom by evaluating every frame. */
kr_status kr_candidates_evaluate(kr_context *ctx, const kr_potential *potential, const kr_dataset *candidates,
                                 kr_candidate *meta);

/* grade [candidates]: the largest extrapolation grade of a frame's environments against those of the training frames
 * (MaxVol, element by element, rows as they are); INFINITY where the training set lacks an element. */
kr_status kr_candidates_grades(kr_context *ctx, const kr_potential *potential, kr_features_kind kind,
                               const kr_dataset *training, const kr_dataset *candidates, double *grade);

/* Names and summaries of the rules; NULL beyond the last one. */
const char *kr_select_rule_name(int index);
const char *kr_select_rule_summary(int index);

/* DP-GEN's taper: `most` where the accurate share is below `soft`, none from `hard` on, linear between (rounded
 * down). */
long kr_select_taper(long most, double accurate, double soft, double hard);
/* Its fp_task_min: none when fewer than `least`. */
long kr_select_least(long count, long least);

#ifdef __cplusplus
}
#endif
#endif
