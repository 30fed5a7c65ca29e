/* kramers train: a Deep Potential model from frames and an input.json of DeePMD-kit.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "processes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *completed, *folder, *init_model, *finetune, *restart_from;
    int restart, ensemble, threads, describe, force, quiet, report;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "MODEL", "the final model; default model.dp"},
    {"restart", 'r', CLI_FLAG, offsetof(settings, restart), NULL,
     "go on from the last checkpoint of this folder (named in the file `checkpoint`): the result has the same bits as "
     "a run without interruption"},
    {"restart-from", 0, CLI_TEXT, offsetof(settings, restart_from), "CHECKPOINT", "go on from this checkpoint"},
    {"init-model", 'i', CLI_TEXT, offsetof(settings, init_model), "MODEL", "start with the parameters of this model"},
    {"finetune", 't', CLI_TEXT, offsetof(settings, finetune), "MODEL",
     "the same, and fit its energy bias to the data first"},
    {"ensemble", 0, CLI_COUNT, offsetof(settings, ensemble), "N",
     "train N models with seeds of their own, in the folders 0, 1 ...; data and neighbours are shared"},
    {"folder", 0, CLI_TEXT, offsetof(settings, folder), "FOLDER",
     "where lcurve.out, checkpoints and the model go; default the current folder"},
    {"completed", 0, CLI_TEXT, offsetof(settings, completed), "FILE",
     "the input with all defaults; default out.json, none to skip it"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing final model"},
    {"threads", 0, CLI_COUNT, offsetof(settings, threads), "N",
     "number of threads; default all; the model has the same bits for any number"},
    {"quiet", 'q', CLI_FLAG, offsetof(settings, quiet), NULL, "no rows on the terminal"},
    {"keys", 0, CLI_FLAG, offsetof(settings, describe), NULL, "list the keys of input.json and end"},
    {0}};

extern const cli_command cli_command_train;

typedef struct job {
    const settings *settings;
    cli_progress progress;
    int headed, started, silent;
} job;

static void print_line(const char *text, void *payload) { fprintf(payload, "%s\n", text); }
static void note_line(const char *text, void *payload) {
    (void)payload;
    cli_note("%s", text);
}

static void print_row(const kr_training_row *row, void *payload) {
    job *j = payload;
    char text[512];
    int used = 0;
    if (j->settings->quiet) return;
    if (!row->nterms) {
        if (row->saved) cli_note("%9lld  saved %s", (long long)row->step, row->saved);
        return;
    }
    if (!j->headed) {
        used = snprintf(text, sizeof text, "%9s", "step");
        for (int k = 0; k < row->nterms; k++)
            used += snprintf(text + used, sizeof text - (size_t)used, row->has_validation ? "  %11s %8s" : "  %11s",
                             row->names[k], "(valid.)");
        cli_note("%s  %9s", text, "lr");
        j->headed = 1;
    }
    used = snprintf(text, sizeof text, "%9lld", (long long)row->step);
    for (int k = 0; k < row->nterms; k++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "  %11.3e", row->training[k]);
        if (row->has_validation)
            used += snprintf(text + used, sizeof text - (size_t)used, " %8.2e", row->validation[k]);
    }
    cli_note("%s  %9.2e%s%s", text, row->rate, row->saved ? "  saved " : "", row->saved ? row->saved : "");
}

static int on_progress(const char *what, long done, long total, void *payload) {
    job *j = payload;
    if (!j->started) {
        cli_progress_begin(&j->progress, what, done - 1, total);
        j->started = 1;
    }
    if (!j->silent) cli_progress_at(&j->progress, done);
    return cli_interrupted();
}

static void drop_line(const char *text, void *payload) {
    (void)text;
    (void)payload;
}

/* How a run that was stopped goes on. */
static const char *way_on(const settings *s) {
    if (s->init_model) return "the same command with --restart instead of --init-model goes on";
    if (s->finetune) return "the same command with --restart instead of --finetune goes on";
    if (s->restart_from) return "the same command with --restart instead of --restart-from goes on";
    return s->restart ? "the same command goes on" : "the same command with --restart goes on";
}

/* rank 0 speaks; every process makes the same calls. */
static int train(kr_context *ctx, const settings *s, const char *input, int rank, int nranks) {
    kr_training *training = NULL;
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    job j = {.settings = s, .silent = rank != 0};
    o.output = s->output;
    o.completed = s->completed && !strcmp(s->completed, "none") ? "" : s->completed;
    o.folder = s->folder;
    o.init_model = s->init_model;
    o.finetune = s->finetune;
    o.restart = s->restart_from ? s->restart_from : s->restart ? "" : NULL;
    o.ensemble = s->ensemble;
    o.rank = rank;
    o.nranks = nranks;
    o.sum = cli_processes_sum;
    if (kr_training_create(ctx, input, &o, &training) < 0) return cli_library_error(ctx);
    if (!s->quiet && !rank) kr_training_describe(training, note_line, NULL);
    kr_context_set_progress(ctx, on_progress, &j);
    cli_catch_interrupts();
    kr_status status = kr_training_run(ctx, training, rank ? NULL : print_row, &j);
    kr_context_set_progress(ctx, NULL, NULL);
    int result = CLI_DONE;
    if (status < 0) {
        result = cli_library_error(ctx);
        if (!rank && *kr_training_checkpoint(training))
            cli_note("the last checkpoint is %s; %s from it", kr_training_checkpoint(training), way_on(s));
    } else {
        if (j.started && !rank) cli_progress_end(&j.progress, (long)kr_training_step(training));
        if (status == KR_CANCELLED) {
            if (!rank)
                cli_note("stopped at step %lld of %lld, saved %s; %s", (long long)kr_training_step(training),
                         (long long)kr_training_last(training), kr_training_checkpoint(training), way_on(s));
            result = CLI_STOPPED;
        } else if (!s->quiet && kr_training_report(ctx, training, rank ? drop_line : note_line, NULL) < 0) {
            result = cli_library_error(ctx);
        }
    }
    kr_training_destroy(&training);
    return result;
}

static int run(const void *settings_, int nargs, char **args) {
    const settings *s = settings_;
    const char *output = s->output ? s->output : "model.dp";
    if (s->describe) {
        kr_training_describe_input(print_line, stdout);
        return CLI_DONE;
    }
    if (nargs < 1) return cli_usage_error(&cli_command_train, "an argument is missing: INPUT");
    if (nargs > 1 && s->restart)
        return cli_usage_error(
            &cli_command_train,
            "--restart takes no value; --restart-from CHECKPOINT goes on from a checkpoint of that name");
    if (nargs > 1) return cli_usage_error(&cli_command_train, "one argument too many: %s", args[1]);
    if ((s->restart || s->restart_from) + (s->init_model != NULL) + (s->finetune != NULL) > 1)
        return cli_usage_error(&cli_command_train, "only one of --restart, --init-model and --finetune can be given");
    if (s->ensemble <= 1 && !s->folder && cli_output_allowed(output, s->force || s->restart || s->restart_from))
        return CLI_FAILED;
    int rank, nranks, result = cli_processes_begin(&rank, &nranks);
    kr_context *ctx = result == CLI_DONE ? cli_context(s->threads) : NULL;
    if (ctx)
        result = train(ctx, s, args[0], rank, nranks);
    else
        result = CLI_FAILED;
    kr_context_destroy(&ctx);
    cli_processes_end(result == CLI_FAILED);
    return result;
}

const cli_command cli_command_train = {
    .name = "train",
    .summary = "train a model",
    .usage = "INPUT",
    .text =
        "Trains a Deep Potential model as an input.json of DeePMD-kit says (se_e2_a, se_e2_r, se_atten, se_atten_v2; "
        "energies, forces, virials). The learning curve is written to lcurve.out, checkpoints to model.ckpt-STEP.dp, "
        "and the final model to model.dp, which LAMMPS (pair_style kramers), DeePMD-kit and all commands here read.\n"
        "\n"
        "SIGINT and SIGTERM finish the step and write a checkpoint; --restart goes on from it. Keys of the input: "
        "--keys.",
    .least = 0,
    .most = 2, /* a second one has a message of its own */
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
