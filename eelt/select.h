/* Inside the selection of frames: the pool that the steps work on, and the rules.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A rule is one const record at the bottom of select_<name>.c and one line of select_kinds.def. It offers frames one
 * after the other, best first; the pipeline takes an offer or passes it over (a quota is full) and tells the rule. */
#ifndef KR_EELT_SELECT_H
#define KR_EELT_SELECT_H

#include "core/frames.h"
#include <kramers/select.h>

typedef struct kr_pool {
    const kr_select_options *options;
    const kr_dataset *dataset;
    const kr_candidate *meta; /* [n] */
    long n;
    int *system, *frame;  /* [n] place in the dataset */
    unsigned char *alive; /* [n] still in the race */
    kr_choice *choice;    /* [n] */
    /* With a model; standardised per element. */
    const kr_model *model;
    kr_feature_rows *rows, *known; /* of the candidates that are sane, of the training frames */
    double *gap;                   /* [rows->nrows] distance to the nearest known row of the element; INFINITY: none */
    double near_distance;
} kr_pool;

/* Drops a frame with its reason. */
void kr_pool_drop(kr_pool *pool, long frame, kr_decision decision, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
long kr_pool_alive(const kr_pool *pool);
/* Deviation of a frame, 0 where it is not known. */
double kr_pool_deviation(const kr_pool *pool, long frame);

/* Features, gaps and near_distance of the frames that are alive; their distances go into the choices. */
kr_status kr_pool_features(kr_context *ctx, kr_pool *pool, const kr_potential *potential, const kr_dataset *training);
void kr_pool_features_free(kr_pool *pool);
/* Largest distance of a frame with features to what is known, before and after the choice. */
kr_status kr_pool_radius(kr_context *ctx, const kr_pool *pool, const kr_selection *s, double *before, double *after);

/* The steps before the rules. */
kr_status kr_select_sane(kr_context *ctx, kr_pool *pool);
kr_status kr_select_equal(kr_context *ctx, kr_pool *pool, const kr_dataset *training); /* the same structure */
kr_status kr_select_near(kr_context *ctx, kr_pool *pool, const kr_dataset *training);  /* nearly the same */
kr_status kr_select_decorrelate(kr_context *ctx, kr_pool *pool);

/* ---- rules ---- */

typedef struct kr_offer {
    long frame; /* −1: no more */
    double score;
    int atom; /* that decided; −1 = unknown */
    char reason[120];
} kr_offer;

typedef struct kr_select_kind {
    const char *name, *summary;
    int needs_features;
    kr_status (*begin)(kr_context *ctx, const kr_pool *pool, void **state);
    /* Never offers a frame twice, nor one that is not alive. */
    kr_status (*next)(kr_context *ctx, void *state, kr_offer *offer);
    /* The frame just offered was chosen; NULL: nothing to do. */
    kr_status (*take)(kr_context *ctx, void *state, long frame);
    void (*end)(void **state);
} kr_select_kind;

const kr_select_kind *kr_select_find(const char *name); /* NULL when unknown */

/* For rules that give every frame a number once: frames that are alive by descending key, equal ones by index. */
typedef double (*kr_select_key)(const kr_pool *pool, const void *payload, long frame);
typedef struct kr_ranking {
    const kr_pool *pool;
    long n, at;
    struct kr_ranked *list; /* [n] */
} kr_ranking;
/* *state ← the ranking, for the record's `begin`; kr_ranking_end is its `end`. */
kr_status kr_ranking_begin(kr_context *ctx, const kr_pool *pool, kr_select_key key, const void *payload, void **state);
/* The next frame with its key as score and the pool's atom; no reason yet. */
void kr_ranking_next(kr_ranking *ranking, kr_offer *offer);
void kr_ranking_end(void **state);

#endif
