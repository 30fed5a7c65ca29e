/* Prepares or reads a run of an explorer, for the tests.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   explore_case prepare FOLDER ENGINE.json DATA.lmp ENSEMBLE STEPS F_LO F_HI T0 T1 SWAP PREVIOUS|- MODEL…
 *   explore_case read FOLDER ENGINE.json EXIT_STATUS
 * The first prints the command, the second one line: outcome end steps sampled accurate candidate failed message. */
#include "core/json.h"
#include "core/memory.h"
#include "eelt/explorer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(kr_context *ctx) {
    fprintf(stderr, "%s (%s)\n", kr_context_message(ctx), kr_context_where(ctx));
    return 1;
}

static int read_run(kr_context *ctx, kr_explorer *e, char **argv) {
    kr_explore_result r;
    const kr_usage usage = {.outcome = KR_OUTCOME_DONE, .exit_status = atoi(argv[4])};
    if (kr_explorer_read(ctx, e, argv[2], &usage, &r) != KR_OK) return fail(ctx);
    printf("%s %s %" PRId64 " %" PRId64, kr_outcome_word(r.outcome), kr_end_word(r.end), r.steps, r.counts.sampled);
    for (int k = 0; k <= KR_CLASS_FAILED; k++) printf(" %" PRId64, r.counts.by_class[k]);
    printf(" %s\n", r.message);
    return 0;
}

static int prepare_run(kr_context *ctx, kr_explorer *e, int argc, char **argv) {
    static const char *const names[] = {"O", "H"};
    kr_dataset *data;
    kr_frames frames;
    kr_explore_spec s;
    kr_string command = {0};
    char key[65];
    kr_explore_defaults(&s);
    if (kr_dataset_read(ctx, argv[4], NULL, 2, names, &data) != KR_OK || kr_frames_begin(ctx, data, &frames) != KR_OK ||
        kr_frames_get(ctx, &frames, 0, 0, &s.frame) != KR_OK)
        return fail(ctx);
    s.names = names;
    s.ntypes = 2;
    s.ensemble = (kr_ensemble)kr_ensemble_find(argv[5]);
    s.steps = atoll(argv[6]);
    s.f_lo = atof(argv[7]);
    s.f_hi = atof(argv[8]);
    s.T_K[0] = atof(argv[9]);
    s.T_K[1] = atof(argv[10]);
    s.mc_swap = atof(argv[11]);
    s.previous = strcmp(argv[12], "-") ? argv[12] : NULL;
    s.nmodels = argc - 13;
    s.models = (const char *const *)argv + 13;
    s.dt_fs = 0.5;
    s.sample_every = 2;
    s.reservoir = 3;
    s.correlation_ps = 0.002;
    s.seed = 5;
    s.P_GPa[0] = s.P_GPa[1] = 0.1;
    if (kr_explorer_key(ctx, e, &s, key) != KR_OK || kr_explorer_prepare(ctx, e, &s, argv[2], &command) != KR_OK)
        return fail(ctx);
    printf("%s\n", command.data);
    kr_free(command.data);
    kr_frames_clear(&frames);
    kr_dataset_destroy(&data);
    return 0;
}

int main(int argc, char **argv) {
    kr_context *ctx;
    kr_tree *tree;
    kr_explorer *e;
    if (argc < 5 || kr_context_create(&ctx) != KR_OK) return 2;
    if (kr_json_read(ctx, argv[3], &tree) != KR_OK || kr_explorer_create(ctx, tree, ".", "kramers", &e) != KR_OK)
        return fail(ctx);
    int result = strcmp(argv[1], "read") ? prepare_run(ctx, e, argc, argv) : read_run(ctx, e, argv);
    kr_explorer_destroy(&e);
    kr_tree_destroy(&tree);
    kr_context_destroy(&ctx);
    return result;
}
