/* kramers committor: probability to reach B before A, rate, validation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling.h"

typedef struct settings {
    cli_sampling_settings common;
} settings;

static const cli_option options[] = {CLI_SAMPLING_OPTIONS(settings, common), {0}};
extern const cli_command cli_command_committor;

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    if (s->common.keys) return cli_sampling_keys("committor", s->common.keys);
    if (nargs != 1) return cli_usage_error(&cli_command_committor, "one run file is needed: RUN.json");
    return cli_sampling_run("committor", &s->common, args[0]);
}

const cli_command cli_command_committor = {
    .name = "committor",
    .summary = "Committor and rate by a network or on a grid, always validated",
    .usage = "RUN.json [options]",
    .text =
        "Learns q(x), the probability to reach B before A, from weighted samples (\"method\": \"network\" or "
        "\"random_features\"), or solves for it on a grid in 1 to 3 dimensions (\"grid\"). Prints the rate and tests "
        "the function itself: shots from where q is 1/2, flux through isosurfaces, values in A and B, simulation "
        "where that is affordable. Exit code 3: not validated.",
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
