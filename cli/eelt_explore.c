/* kramers eelt explore: a run of the built-in explorer.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"

static int explore(const void *values, int nargs, char **args) {
    (void)values, (void)nargs;
    cli_progress shown;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    cli_catch_interrupts();
    cli_progress_begin(&shown, "steps", -1, 1);
    kr_context_set_progress(ctx, cli_eelt_progress, &shown);
    kr_status status = kr_explore_execute(ctx, args[0]);
    if (status >= 0 || shown.printed) cli_progress_end(&shown, shown.total);
    int result = status < 0 ? cli_library_error(ctx) : CLI_DONE;
    if (status == KR_CANCELLED) {
        cli_note("stopped; the same command goes on from here");
        result = CLI_STOPPED;
    }
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_explore = {
    .name = "eelt explore",
    .summary = "Make or continue the exploration of a folder (runners call this)",
    .usage = "FOLDER",
    .text = "Reads explore.json in FOLDER and leaves candidates, a random sample of the accurate frames, counts and "
            "deviations there. A run that was stopped or killed goes on from its last checkpoint, to the same bits.",
    .least = 1,
    .most = 1,
    .size = 1,
    .run = explore,
};
