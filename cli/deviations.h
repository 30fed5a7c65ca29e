/* Deviations of several models, frame by frame, into model_devi.out in the layout of `dp model-devi`.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_DEVIATIONS_H
#define KR_CLI_DEVIATIONS_H

#include "cli.h"

typedef struct cli_deviation_settings {
    double relative, relative_v; /* levels; negative = absolute deviations */
} cli_deviation_settings;

typedef struct cli_deviation_file {
    kr_context *ctx;
    kr_devi_file *file;
    char *path, *temporary;
    cli_deviation_settings settings;
    int nmodels;
} cli_deviation_file;

/* Opens model_devi.out in the folder of `beside`; it gets its name when it is closed. CLI_DONE, or CLI_FAILED after a
 * message. */
int cli_deviation_open(cli_deviation_file *file, kr_context *ctx, int nmodels, const char *beside,
                       const cli_deviation_settings *settings, int atomic, int force);
int cli_deviation_system(cli_deviation_file *file, const char *system);
/* Virtual atoms (type −1) do not count. summary [7]: the components of KR_LABEL_MODEL_DEVI. */
int cli_deviation_row(cli_deviation_file *file, int frame, int natoms, const int *type, const kr_result *result,
                      double *summary);
int cli_deviation_close(cli_deviation_file *file);
void cli_deviation_discard(cli_deviation_file *file);

#endif
