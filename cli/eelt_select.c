/* kramers eelt select: the frames worth a label, from files alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include "inputs.h"
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    cli_names model, training;
    const char *output, *table, *rule;
    int most, per_system, per_cell, per_element, descriptor, keep_duplicates, seed, threads, force;
    double dt_fs, correlation_ps, near_distance, u_power, distance;
} settings;

/* clang-format off */
static const cli_option options[] = {
    {"model", 'm', CLI_NAMES, offsetof(settings, model), "FILE,...",
     "models: the first gives the features; two or more give deviations where the files have none"},
    {"training", 't', CLI_NAMES, offsetof(settings, training), "PATH,...", "frames that have labels already"},
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PATH", "where the chosen frames go, in the order of choice"},
    {"table", 0, CLI_TEXT, offsetof(settings, table), "FILE.tsv", "every candidate with its decision and the reason"},
    {"rule", 'r', CLI_TEXT, offsetof(settings, rule), "RULE",
     "fps (default), maxvol, random, topdev, inverse_population"},
    {"most", 'n', CLI_COUNT, offsetof(settings, most), "N", "frames to choose; default 100"},
    {"per-file", 0, CLI_COUNT, offsetof(settings, per_cell), "N", "at most so many of one file"},
    {"per-element", 0, CLI_COUNT, offsetof(settings, per_element), "N",
     "at most so many whose decisive atom is of one element"},
    {"dt-fs", 0, CLI_REAL, offsetof(settings, dt_fs), "DT",
     "time step of the runs: with the steps in the files it gives times"},
    {"correlation-ps", 0, CLI_REAL, offsetof(settings, correlation_ps), "T",
     "one frame of a run (a file) in so long; default 0.1, needs --dt-fs"},
    {"near", 0, CLI_REAL, offsetof(settings, near_distance), "X",
     "near duplicates, in units of the usual distance in the training set; default 0.05"},
    {"u-power", 0, CLI_REAL, offsetof(settings, u_power), "A", "fps weighs distances with deviation^A; default 1"},
    {"distance", 0, CLI_REAL, offsetof(settings, distance), "X",
     "shortest distance over the sum of covalent radii; default 0.6; 0 = any"},
    {"descriptor", 0, CLI_FLAG, offsetof(settings, descriptor), NULL,
     "features: the descriptor, not the last hidden layer"},
    {"keep-duplicates", 0, CLI_FLAG, offsetof(settings, keep_duplicates), NULL, "do not look for them"},
    {"seed", 0, CLI_COUNT, offsetof(settings, seed), "N", "of the rules that draw; default 1"},
    {"threads", 0, CLI_COUNT, offsetof(settings, threads), "N", "number of threads; default all"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace existing files"},
    {0}};
/* clang-format on */

static const settings defaults = {
    .rule = "fps", .most = 100, .correlation_ps = 0.1, .near_distance = 0.05, .u_power = 1, .distance = 0.6, .seed = 1};

typedef struct work {
    kr_context *ctx;
    kr_potential *potential;
    kr_dataset *candidates, *training, *chosen;
    kr_candidate *meta;
    kr_selection *selection;
} work;

static int load(const settings *s, int nargs, char **args, work *w) {
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    int unknown = 0;
    o.table = KR_TABLE_OFF;
    if (kr_candidates_read(w->ctx, nargs, (const char *const *)args, s->dt_fs, &w->candidates, &w->meta) < 0)
        return cli_library_error(w->ctx);
    if (s->training.n &&
        cli_read_systems(w->ctx, s->training.n, s->training.name, NULL, NULL, &w->training) != CLI_DONE)
        return CLI_FAILED;
    if (!s->model.n) return CLI_DONE;
    if (kr_potential_load(w->ctx, s->model.n, (const char *const *)s->model.name, &o, &w->potential) < 0)
        return cli_library_error(w->ctx);
    long n = cli_count_frames(w->candidates);
    for (long i = 0; i < n; i++) unknown |= w->meta[i].u != w->meta[i].u;
    /* an ensemble tells what the files do not */
    if (unknown && s->model.n > 1 && kr_candidates_evaluate(w->ctx, w->potential, w->candidates, w->meta) < 0)
        return cli_library_error(w->ctx);
    return CLI_DONE;
}

static int choose(const settings *s, work *w) {
    kr_select_options o = kr_select_defaults;
    o.rule = s->rule;
    o.most = s->most;
    o.per_cell = s->per_cell;
    o.per_element = s->per_element;
    o.correlation_ps = s->correlation_ps;
    o.near_distance = s->near_distance;
    o.u_power = s->u_power;
    o.sane.distance = s->distance;
    o.dedup = !s->keep_duplicates;
    o.seed = (uint64_t)s->seed;
    o.features = s->descriptor ? KR_FEATURES_DESCRIPTOR : KR_FEATURES_LAST_LAYER;
    kr_status status = kr_select(w->ctx, &o, w->potential, w->candidates, w->meta, w->training, &w->selection);
    if (status == KR_CANCELLED) return CLI_STOPPED;
    return status < 0 ? cli_library_error(w->ctx) : CLI_DONE;
}

/* The chosen frames one after the other, each a system of its own: their order is the order of choice. */
static int write_chosen(const settings *s, work *w) {
    const kr_selection *c = w->selection;
    size_t n = (size_t)cli_count_frames(w->candidates);
    unsigned char *keep = cli_calloc(n + 1, 1);
    int result = CLI_DONE;
    if (kr_dataset_create(w->ctx, &w->chosen) < 0) result = cli_library_error(w->ctx);
    for (long k = 0; k < c->nchosen && result == CLI_DONE; k++) {
        kr_dataset *one = NULL;
        keep[c->chosen[k]] = 1;
        if (kr_dataset_select(w->ctx, w->candidates, keep, &one) < 0 ||
            kr_dataset_append(w->ctx, w->chosen, &one->system[0]) < 0)
            result = cli_library_error(w->ctx);
        kr_dataset_destroy(&one);
        keep[c->chosen[k]] = 0;
    }
    if (result == CLI_DONE && kr_dataset_write(w->ctx, w->chosen, s->output, NULL, s->force) < 0)
        result = cli_library_error(w->ctx);
    free(keep);
    return result;
}

static void report(const work *w) {
    const kr_selection *c = w->selection;
    printf("%-14s %10s %10s\n", "step", "frames", "removed");
    for (int k = 0; k < c->nsteps; k++)
        printf("%-14s %10ld %10ld\n", c->step[k].name, c->step[k].before, c->step[k].removed);
    printf("%-14s %10ld\n", "chosen", c->nchosen);
    if (c->radius_after == c->radius_after)
        printf("coverage radius %.4g before, %.4g after; near duplicates within %.4g\n", c->radius_before,
               c->radius_after, c->near_distance);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    work w = {.ctx = NULL};
    if (s->output && cli_output_allowed(s->output, s->force) != CLI_DONE) return CLI_FAILED;
    if (s->table && cli_output_allowed(s->table, s->force) != CLI_DONE) return CLI_FAILED;
    w.ctx = cli_context(s->threads);
    if (!w.ctx) return CLI_FAILED;
    int result = load(s, nargs, args, &w);
    if (result == CLI_DONE) result = choose(s, &w);
    if (result == CLI_DONE) report(&w);
    if (result == CLI_DONE && s->table && kr_selection_write(w.ctx, w.selection, w.candidates, w.meta, s->table) < 0)
        result = cli_library_error(w.ctx);
    if (result == CLI_DONE && s->output) {
        if (w.selection->nchosen)
            result = write_chosen(s, &w);
        else
            cli_note("no frame was chosen: %s is not written", s->output);
    }
    kr_selection_destroy(&w.selection);
    kr_candidates_free(&w.meta);
    kr_dataset_destroy(&w.chosen);
    kr_dataset_destroy(&w.candidates);
    kr_dataset_destroy(&w.training);
    kr_potential_destroy(&w.potential);
    kr_context_destroy(&w.ctx);
    return result;
}

const cli_command cli_eelt_select = {
    .name = "eelt select",
    .summary = "Choose the frames worth a label from files of candidates",
    .usage = "CANDIDATES... -m MODEL [-t TRAINING] [-o CHOSEN.xyz] [--table FILE.tsv]",
    .text = "Every file of candidates is one run. Frames without a sane geometry, duplicates of each other or of the "
            "training set, and frames too near in time are left out; then a rule orders the rest until --most frames "
            "are chosen. The table gives every frame's decision and why. Without a model only the rules random, "
            "topdev and inverse_population are possible.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
