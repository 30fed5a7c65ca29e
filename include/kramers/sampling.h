/* Rare events: committors, quasipotentials and rates, each a run described by one JSON file.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A file has "problem" (the diffusion with states A and B), "seed", "output" (a folder for results, checkpoint and
 * data) and what the command asks for; `kramers help` of the command lists the keys. Results do not depend on the
 * number of threads, and a run that is stopped and resumed gives the same bits as one that is not. */
#ifndef KRAMERS_SAMPLING_H
#define KRAMERS_SAMPLING_H

#include <kramers/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_sampling kr_sampling;

/* What the function of a problem "plugin" looks like. x [dim]; non-zero = failure. Called from several threads.
 * Drift f [dim] of dx = f dt + sqrt(2 epsilon) dW; or V (NULL = not wanted) and its gradient [dim] (or NULL). */
typedef int (*kr_plugin_drift_fn)(int dim, const double *x, double *f);
typedef int (*kr_plugin_potential_fn)(int dim, const double *x, double *v, double *gradient);
/* Finds `function` in the shared object `library` (dlopen, dlsym), or returns NULL with the reason in *reason. */
typedef void *(*kr_loader_fn)(const char *library, const char *function, const char **reason, void *payload);

typedef struct kr_sampling_options {
    const char *output;        /* instead of the file's "output"; NULL = the file's */
    int resume;                /* continue from the checkpoint in the output folder, when there is one */
    int overwrite;             /* results in the output folder may be replaced */
    double checkpoint_seconds; /* at most this long between checkpoints; 0 = 60 */
    kr_loader_fn load;         /* for problems of kind "plugin"; NULL = they are refused */
    void *load_payload;
} kr_sampling_options;

#define KR_SAMPLING_OPTIONS_INIT \
    { 0, 0, 0, 0, 0, 0 }

/* command: "committor", "quasipotential", "rate" … Reads and checks the whole file; nothing is computed or written.
 * options NULL = defaults. KR_ERR_FORMAT: what is wrong, with line and column. */
kr_status kr_sampling_create(kr_context *ctx, const char *command, const char *path, const kr_sampling_options *options,
                             kr_sampling **run);
void kr_sampling_destroy(kr_sampling **run);

/* Computes; progress and the wish to stop go through the context. Writes results.json (and what else the command has)
 * into the output folder. KR_NOT_CONVERGED: ended, but the checks that belong to the method did not pass; KR_CANCELLED:
 * stopped early, with a checkpoint to resume from. */
kr_status kr_sampling_run(kr_context *ctx, kr_sampling *run);

/* The folder; borrowed. */
const char *kr_sampling_output(const kr_sampling *run);
/* The table for people, line by line, after a run. */
void kr_sampling_report(const kr_sampling *run, void (*line)(const char *text, void *payload), void *payload);
/* results.json as text, after a run ("" before); borrowed. */
const char *kr_sampling_results(const kr_sampling *run);

/* Puts the rates of several results.json side by side, line by line. KR_NOT_CONVERGED when two of them differ by more
 * than `allowed` standard errors. */
kr_status kr_sampling_compare(kr_context *ctx, int n, const char *const *paths, double allowed,
                              void (*line)(const char *text, void *payload), void *payload);

/* Help: the keys of a command's file (command), or of a kind of problem or method ("problem", "problem mueller",
 * "rate ffs"). KR_ERR_ARGUMENT when there is no such topic; the hint names the nearest. */
kr_status kr_sampling_help(kr_context *ctx, const char *topic, void (*line)(const char *text, void *payload),
                           void *payload);

#ifdef __cplusplus
}
#endif
#endif
