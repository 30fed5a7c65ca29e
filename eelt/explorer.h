/* Explorers: what moves the atoms with the current models and examines what comes.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * An exploration is one task: `prepare` writes the inputs of a run into a folder and gives the command, the queue's
 * supervisor runs it, `read` tells what came out. All kinds leave the same files (kramers/watch.h, docs/exploring.md).
 * A run that fails physically (the models disagree everywhere, atoms fly apart) is a result, not a failed task. A kind
 * is one const record at the bottom of explorer_<kind>.c and one line of explorer_kinds.def. Units: Å, eV, K, GPa, fs.
 */
#ifndef KR_EELT_EXPLORER_H
#define KR_EELT_EXPLORER_H

#include "core/frames.h"
#include "core/text.h"
#include "core/tree.h"
#include "eelt/digest.h"
#include "eelt/outcome.h"
#include <kramers/watch.h>

/* X(NAME, "word") */
#define KR_ENSEMBLE_LIST(X)   \
    X(NVE, "nve")             \
    X(NVT, "nvt")             \
    X(NPT_ISO, "npt-iso")     \
    X(NPT_ANISO, "npt-aniso") \
    X(NPT_TRI, "npt-tri")
typedef enum kr_ensemble {
#define KR_ENSEMBLE_ENUM(name, word) KR_ENSEMBLE_##name,
    KR_ENSEMBLE_LIST(KR_ENSEMBLE_ENUM)
#undef KR_ENSEMBLE_ENUM
        KR_ENSEMBLE_COUNT
} kr_ensemble;
const char *kr_ensemble_word(kr_ensemble ensemble);
int kr_ensemble_find(const char *word); /* −1 = none */

/* One run. Everything is borrowed. */
typedef struct kr_explore_spec {
    int nmodels;
    const char *const *models; /* [nmodels] paths */
    int driver;                /* the model that moves the atoms; all examine */
    kr_frame frame;            /* start; types index names; a VELOCITY label is used when it is there */
    int ntypes;
    const char *const *names; /* [ntypes] elements: types of the model that atoms may have */
    const double *masses;     /* [ntypes] amu; NULL = standard weights */
    kr_ensemble ensemble;
    double T_K[2], P_GPa[2]; /* at the beginning and at the end: linear ramps */
    int64_t steps;
    double dt_fs;
    int sample_every;              /* steps */
    uint64_t seed;                 /* of velocities, noise and choice */
    const char *novelty;           /* file that examines for a single model (novelty.h); NULL = deviations */
    double f_lo, f_hi, v_lo, v_hi; /* levels; INFINITY = off */
    int reservoir;                 /* accurate frames kept */
    double correlation_ps;         /* at most one accurate frame in so long */
    int stop;                      /* failed samples in a row that end the run; 0 = never */
    double mc_swap;                /* tried exchanges of two atoms of different elements per step; 0 = none */
    double temperature_hi;         /* K, the run has failed above; 0 = ten times the highest T, at least 3000 K */
    double volume_factor, closest; /* as in kr_watch_options */
    const char *previous;          /* folder of an earlier attempt that may hold a restart file; NULL = none */
} kr_explore_spec;
/* NVT, 300 K, 0 GPa, 1000 steps of 1 fs, every 10, levels off, reservoir 20, 0.1 ps, stop 5. */
void kr_explore_defaults(kr_explore_spec *spec);

/* The beginning of an engine's sentence about a run that met more neighbours than its models see. */
#define KR_EXPLORE_OVERFLOW "sel overflowed for "

typedef struct kr_explore_result {
    kr_outcome outcome; /* DONE: the run ended or failed physically, counts and files are there */
    char message[256];  /* why not, or how it ended */
    kr_end end;
    int64_t steps; /* done */
    kr_watch_counts counts;
} kr_explore_result;

/* Names of the files in the folder. They exist after `read` said DONE; candidates, accurate, failed and last_good may
 * be absent when there are none. */
#define KR_EXPLORE_CANDIDATES "candidates.xyz"
#define KR_EXPLORE_ACCURATE "accurate_sample.xyz"
#define KR_EXPLORE_FAILED "failed.xyz"
#define KR_EXPLORE_LAST_GOOD "last_good.xyz"
#define KR_EXPLORE_SUMMARY "examine.json"
#define KR_EXPLORE_DEVIATIONS "model_devi.out"

typedef struct kr_explorer_kind {
    const char *name, *summary, *reference;
    /* options: JSON object of the engine, strict. base: folder that relative paths refer to. program: path of the
     * program `kramers`. */
    kr_status (*create)(kr_context *ctx, const kr_tree *options, const char *base, const char *program, void **state);
    void (*destroy)(void **state);
    /* Everything of the options that determines the trajectory. */
    kr_status (*fingerprint)(kr_context *ctx, const void *state, kr_digest *digest);
    /* KR_ERR_ARGUMENT or KR_ERR_UNSUPPORTED: this run cannot be done by this kind. */
    kr_status (*prepare)(kr_context *ctx, const void *state, const kr_explore_spec *spec, const char *folder,
                         kr_string *command);
    /* Called when the files do not say that the run ended: sets end and message from what the engine left, or outcome
     * when it is no physical failure. */
    kr_status (*judge)(kr_context *ctx, const void *state, const char *folder, const kr_usage *usage,
                       kr_explore_result *result);
} kr_explorer_kind;

int kr_explorer_count(void);
const kr_explorer_kind *kr_explorer_at(int index);
const kr_explorer_kind *kr_explorer_find(const char *name);

typedef struct kr_explorer kr_explorer;

/* `object`: {"engine": name, …options…}. */
kr_status kr_explorer_create(kr_context *ctx, const kr_tree *object, const char *base, const char *program,
                             kr_explorer **explorer);
void kr_explorer_destroy(kr_explorer **explorer);
const kr_explorer_kind *kr_explorer_get_kind(const kr_explorer *explorer);
/* SHA-256 of explorer, models' contents, start frame and all of the spec but `previous`: the key of the task. */
kr_status kr_explorer_key(kr_context *ctx, const kr_explorer *explorer, const kr_explore_spec *spec, char key[65]);
/* Writes the inputs into the folder, which exists, and the shell command that is run there. A folder where a run
 * stopped half-way, or spec->previous, is continued from its last restart file. */
kr_status kr_explorer_prepare(kr_context *ctx, const kr_explorer *explorer, const kr_explore_spec *spec,
                              const char *folder, kr_string *command);
kr_status kr_explorer_read(kr_context *ctx, const kr_explorer *explorer, const char *folder, const kr_usage *usage,
                           kr_explore_result *result);

/* What stands in the comment of an examined frame. */
typedef struct kr_explored {
    int64_t step;
    kr_class frame_class;
    kr_end reason; /* of a failed one */
    kr_deviation deviation;
    double rank, weight; /* of an accurate one: its random rank; frames it stands for (1 / inclusion probability) */
} kr_explored;
/* Frames of one of the files: *dataset in the order of the file (kr_frames_get), *info [*n] by kr_free. An absent file
 * has no frames. */
kr_status kr_explored_read(kr_context *ctx, const char *folder, const char *name, kr_dataset **dataset, int *n,
                           kr_explored **info);

/* ---- for the kinds ---- */

/* kr_watch_options of a run. */
void kr_explore_watch_options(const kr_explore_spec *spec, kr_watch_options *options);

#endif
