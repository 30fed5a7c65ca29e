/* kramers quasipotential: landscapes of drifts without detailed balance.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling.h"

typedef struct settings {
    cli_sampling_settings common;
} settings;

static const cli_option options[] = {CLI_SAMPLING_OPTIONS(settings, common), {0}};
extern const cli_command cli_command_quasipotential;

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    if (s->common.keys) return cli_sampling_keys("quasipotential", s->common.keys);
    if (nargs != 1) return cli_usage_error(&cli_command_quasipotential, "one run file is needed: RUN.json");
    return cli_sampling_run("quasipotential", &s->common, args[0]);
}

const cli_command cli_command_quasipotential = {
    .name = "quasipotential",
    .summary = "Landscape of a drift without detailed balance",
    .usage = "RUN.json [options]",
    .text =
        "Finds the attractors and V with rho ~ exp(-V/epsilon): by a network in any dimension, for a known drift or "
        "from trajectories, by ordered line integrals on a grid in two dimensions, or by the Lyapunov equation at "
        "the attractors alone. A network whose curvature at an attractor is wrong, or whose V is not the action of "
        "its paths, has collapsed: exit code 3, not validated. U = 2V is what quasipotential papers print.",
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
