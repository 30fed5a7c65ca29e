/* Runs of the commands committor, quasipotential, rate …: what they share behind <kramers/sampling.h>.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A command is one const record at the bottom of run_<name>.c and one line of run_kinds.def. */
#ifndef KR_SAMPLING_RUN_H
#define KR_SAMPLING_RUN_H

#include "core/parameters.h"
#include "core/text.h"
#include "core/tree.h"
#include "sampling/problem.h"
#include <kramers/sampling.h>
#include <stdint.h>

typedef struct kr_run_kind {
    const char *name, *summary;
    const kr_parameter *parameters; /* top-level keys besides "problem", "seed", "output"; offsets into the state */
    size_t size;                    /* of the state, zeroed and filled from the table before prepare */
    /* Checks what the table cannot; the problem is made. `where` = the file's tree, alive as long as the run. */
    kr_status (*prepare)(kr_context *ctx, kr_sampling *run);
    /* Computes; fills run->results (kr_run_set_…) and the report (kr_run_line). */
    kr_status (*execute)(kr_context *ctx, kr_sampling *run);
    void (*destroy)(kr_sampling *run); /* what is inside the state; may be NULL */
    /* Help beyond the table: topics "<name> <word>"; 0 when there is none. May be NULL. */
    int (*help)(const char *word, void (*line)(const char *text, void *payload), void *payload);
} kr_run_kind;

struct kr_sampling {
    const kr_run_kind *kind;
    void *state;
    kr_problem *problem; /* NULL when the file has none and the kind does not need it */
    uint64_t seed;
    char *path, *output; /* the file, the folder */
    int resume, overwrite;
    double checkpoint_seconds, checkpoint_at;
    kr_tree *file;     /* as read */
    kr_tree *complete; /* with defaults */
    kr_tree *results;  /* MAP; written to results.json */
    kr_string report;
    char *json; /* results as text */
    void *block;
};

/* A section of a file: an object of its own table, nested in the top-level one. Offsets into the state. */
typedef struct kr_run_section {
    const char *name;
    const kr_parameter *table;
    size_t given; /* const kr_tree *, from the top-level table */
    size_t owned; /* kr_tree *: the section with defaults */
} kr_run_section;
kr_status kr_run_sections_read(kr_context *ctx, kr_sampling *run, int n, const kr_run_section *sections);
void kr_run_sections_free(kr_sampling *run, int n, const kr_run_section *sections);
/* Help of the section `word`; 0 when there is none. */
int kr_run_sections_help(const char *word, int n, const kr_run_section *sections,
                         void (*line)(const char *text, void *payload), void *payload);

/* Parts of several commands' input, checked while it is read. "points": x [n][dim], new array (x NULL: only checked).
 * The section of a network: how many hidden layers, which activation. */
kr_status kr_run_points(kr_context *ctx, const kr_tree *list, int dim, int *n, double **x);
kr_status kr_run_check_layers(kr_context *ctx, const kr_tree *section);

/* Appends a line to the report. */
kr_status kr_run_line(kr_context *ctx, kr_sampling *run, const char *format, ...) KR_PRINTF(3, 4);
/* Values of a MAP, for results and checkpoints. NaN and infinite become null. */
kr_status kr_run_set_real(kr_context *ctx, kr_tree *map, const char *key, double value);
kr_status kr_run_set_int(kr_context *ctx, kr_tree *map, const char *key, int64_t value);
kr_status kr_run_set_text(kr_context *ctx, kr_tree *map, const char *key, const char *value);
kr_status kr_run_set_bool(kr_context *ctx, kr_tree *map, const char *key, int value);
kr_status kr_run_set_reals(kr_context *ctx, kr_tree *map, const char *key, long n, const double *value);
/* A new MAP under key; borrowed in *child. */
kr_status kr_run_set_map(kr_context *ctx, kr_tree *map, const char *key, kr_tree **child);
/* Exactly n numbers of a list back into value [n]; KR_ERR_FORMAT otherwise. */
kr_status kr_run_get_reals(kr_context *ctx, const kr_tree *map, const char *key, long n, double *value);

/* "output/name", new string. The folder is made by kr_sampling_run before execute. */
char *kr_run_file(kr_context *ctx, const kr_sampling *run, const char *name);
kr_status kr_run_write_text(kr_context *ctx, const kr_sampling *run, const char *name, const char *text);
/* Is it time for a checkpoint? Then the next one is checkpoint_seconds away. */
int kr_run_checkpoint_due(kr_sampling *run);
/* checkpoint.json: `state` (a MAP, borrowed) with a fingerprint of the input. */
kr_status kr_run_checkpoint_write(kr_context *ctx, kr_sampling *run, const kr_tree *state);
/* *state stays NULL when there is no checkpoint or the run is not to be resumed; an error when it belongs to another
 * input. To be destroyed. */
kr_status kr_run_checkpoint_read(kr_context *ctx, kr_sampling *run, kr_tree **state);
void kr_run_checkpoint_remove(kr_sampling *run);
/* Copy with every list of numbers as an ARRAY: what kr_optimizer_load expects, after JSON. */
kr_status kr_run_lists_to_arrays(kr_context *ctx, const kr_tree *from, kr_tree **to);

#endif
