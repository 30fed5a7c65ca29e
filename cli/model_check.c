/* kramers model check: is a model file sound, and does this machine evaluate it rightly?
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Random frames (a triclinic cell smaller than two cutoffs and an open cluster) are evaluated by the exact network and
 * by the fast path; forces and virial are compared with central differences of fourth order, and the energy must not
 * change when the frame is moved, rotated, renumbered or wrapped, and must double with the cell. Frames in which `sel`
 * overflows are thinned out first: there the model itself is not continuous. */
#include "check.h"
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    int atoms, seed, threads;
    double tolerance;
} settings;

static const cli_option options[] = {
    {"atoms", 'n', CLI_COUNT, offsetof(settings, atoms), "N", "atoms of the random frames; default 16"},
    {"seed", 0, CLI_COUNT, offsetof(settings, seed), "N", "of the random frames; default 1"},
    {"tolerance", 0, CLI_REAL, offsetof(settings, tolerance), "TOL",
     "force tolerance of the fast path, eV/A; default 1e-6"},
    {"threads", 0, CLI_COUNT, offsetof(settings, threads), "N", "number of threads; default all"},
    {0}};

static const settings defaults = {.atoms = 16, .seed = 1, .tolerance = 1e-6};
extern const cli_command cli_command_model_check;

static int check_file(kr_context *ctx, const char *path, const settings *s) {
    kr_model *model = NULL;
    if (kr_model_load(ctx, path, &model) < 0) return cli_library_error(ctx);
    printf("%s: %s, %ld parameters, rcut %g A\n", path, kr_model_descriptor_name(model), kr_model_nparameters(model),
           kr_model_rcut(model));
    cli_check check = {
        .ctx = ctx, .model = model, .natoms = s->atoms, .tolerance = s->tolerance, .random = (uint64_t)s->seed};
    int result = cli_check_open(&check);
    if (result == CLI_DONE) {
        printf("  %-34s %12s %12s\n", "check", "largest", "allowed");
        for (check.open_frame = 0; check.open_frame < 2 && result == CLI_DONE; check.open_frame++)
            result = cli_check_frame(&check);
    }
    cli_check_close(&check);
    kr_model_destroy(&model);
    if (result != CLI_DONE) return result;
    printf("  %s\n", check.failures ? "FAILED" : "passed");
    return check.failures ? CLI_FAILED : CLI_DONE;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    int result = CLI_DONE;
    if (s->atoms < 2 || s->atoms > 1000)
        return cli_usage_error(&cli_command_model_check, "--atoms %d: 2 to 1000 expected", s->atoms);
    if (!(s->tolerance >= KR_TOLERANCE_LEAST && s->tolerance <= KR_TOLERANCE_MOST))
        return cli_usage_error(&cli_command_model_check, "--tolerance %g: %g to %g expected", s->tolerance,
                               KR_TOLERANCE_LEAST, KR_TOLERANCE_MOST);
    kr_context *ctx = cli_context(s->threads);
    if (!ctx) return CLI_FAILED;
    for (int k = 0; k < nargs; k++)
        if (check_file(ctx, args[k], s) != CLI_DONE) result = CLI_FAILED;
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_model_check = {
    .name = "model check",
    .summary = "Test a model on random frames: fast path, derivatives, symmetries",
    .usage = "FILE... [options]",
    .text = "Prints one line a check with the largest error and what is allowed; ends with code 1 when one fails.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
