/* The input of a built-in run, explore.json in its folder: the spec of the run with the options of the engine.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_EXPLORE_INPUT_H
#define KR_EELT_EXPLORE_INPUT_H

#include "eelt/explorer.h"

#define KR_EXPLORE_INPUT "explore.json"
#define KR_EXPLORE_CHECKPOINT "checkpoint"
#define KR_EXPLORE_THERMO "thermo.out"

typedef enum kr_explore_mode { KR_EXPLORE_MD, KR_EXPLORE_MC } kr_explore_mode;

/* Options of the engine "builtin". */
typedef struct kr_builtin_options {
    int mode;               /* kr_explore_mode */
    double tau_t, tau_p;    /* ps */
    double compressibility; /* 1/GPa; sets the speed of the cell only */
    int precision;          /* kr_precision */
    double tolerance;       /* eV/Å, of the splines */
} kr_builtin_options;
/* complete owns nothing of *options. */
kr_status kr_builtin_options_read(kr_context *ctx, const kr_tree *given, kr_builtin_options *options);

typedef struct kr_explore_input {
    kr_explore_spec spec; /* points into the rest */
    kr_builtin_options options;
    char sha[65]; /* of the file: a checkpoint of another input is not used */
    kr_tree *tree;
    const char **models, **names;
    int *type;
    double *coord, *velocity, *masses;
} kr_explore_input;
kr_status kr_explore_input_write(kr_context *ctx, const kr_explore_spec *spec, const kr_builtin_options *options,
                                 const char *folder);
kr_status kr_explore_input_read(kr_context *ctx, const char *folder, kr_explore_input *input);
void kr_explore_input_free(kr_explore_input *input);

#endif
