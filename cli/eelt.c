/* kramers eelt: labelling of many frames by electronic-structure programs.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include "inputs.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_kill_point(void *killer) {
    cli_killer *k = killer;
    if (++k->now == k->at) raise(SIGKILL);
}

/* ---- label ---- */

typedef struct label_settings {
    const char *output, *to;
    cli_names type_map;
    int force, break_lock, check, check_stress, kill_at;
} label_settings;

static const cli_option label_options[] = {
    {"output", 'o', CLI_TEXT, offsetof(label_settings, output), "PATH",
     "where the labelled frames go (npy folder, .xyz, .hdf5)"},
    {"to", 0, CLI_TEXT, offsetof(label_settings, to), "FORMAT", "of the output, when its name does not tell"},
    {"type-map", 0, CLI_NAMES, offsetof(label_settings, type_map), "El,...", "elements of numeric types"},
    {"check", 0, CLI_FLAG, offsetof(label_settings, check), NULL, "check input and frames, start nothing"},
    {"check-stress", 0, CLI_FLAG, offsetof(label_settings, check_stress), NULL,
     "label the first frame and strained ones: are forces and stress the derivatives of the energy?"},
    {"break-lock", 0, CLI_FLAG, offsetof(label_settings, break_lock), NULL,
     "take over the folder from a process of another host that is dead for certain"},
    {"force", 0, CLI_FLAG, offsetof(label_settings, force), NULL, "replace an existing output"},
    {"kill-at", 0, CLI_COUNT, offsetof(label_settings, kill_at), "N",
     "for tests: kill this process at its N-th commit or rename"},
    {0}};

int cli_eelt_progress(const char *what, long done, long total, void *payload) {
    cli_progress *p = payload;
    (void)what;
    p->total = total;
    cli_progress_at(p, done);
    return cli_interrupted();
}

static int say_report(const kr_label_report *r, const char *output) {
    cli_note("%ld frames, %ld different: %ld labelled (%ld known before), %ld without a label; %ld attempts", r->frames,
             r->unique, r->labelled, r->known, r->failed, r->attempts);
    if (r->failures[0]) cli_note("attempts that failed: %s", r->failures);
    if (output) cli_note("written to %s", output);
    return r->failed ? CLI_STOPPED : CLI_DONE;
}

/* Labelled against numeric derivatives; the last column is relative to the largest number of its kind. */
static void say_stress(const kr_stress_check *c) {
    static const char *const names[] = {"xx", "xy", "xz", "", "yy", "yz", "", "", "zz"};
    double largest = 0, gpa = 160.2176634;
    printf("# component labelled from_energies relative_difference\n");
    printf("force_along_random_direction_eV/A %.8g %.8g %.2e\n", c->force, c->numeric_force,
           fabs(c->force - c->numeric_force) / fmax(fabs(c->numeric_force), 1e-12));
    if (c->volume == 0 || !c->has_virial) {
        printf("# no stress: %s\n", c->volume == 0 ? "the frame is not periodic" : "the program gave none");
        return;
    }
    for (int i = 0; i < 9; i++) largest = fmax(largest, fabs(c->numeric[i]));
    for (int i = 0; i < 9; i++)
        if (names[i][0])
            printf("stress_%s_GPa %.8g %.8g %.2e\n", names[i], gpa * c->virial[i] / c->volume,
                   gpa * c->numeric[i] / c->volume, fabs(c->virial[i] - c->numeric[i]) / fmax(largest, 1e-12));
}

/* Labels the frames, or the strained ones of --check-stress, and says how it went. */
static int label_frames(kr_context *ctx, const label_settings *s, const kr_label_options *options,
                        const kr_dataset *data) {
    kr_dataset *labelled = NULL;
    kr_label_report report = {0};
    kr_stress_check stress;
    cli_progress shown;
    int result = CLI_DONE;
    cli_catch_more_interrupts(2);
    cli_progress_begin(&shown, "labels", -1, cli_count_frames(data));
    kr_context_set_progress(ctx, cli_eelt_progress, &shown);
    kr_status status = s->check_stress ? kr_label_check_stress(ctx, options, data, 0.002, &report, &stress)
                                       : kr_label_dataset(ctx, options, data, &labelled, &report);
    if (shown.printed || (status >= 0 && !s->check)) cli_progress_end(&shown, report.labelled + report.failed);
    if (status < 0)
        result = cli_library_error(ctx);
    else if (status == KR_NOT_CONVERGED)
        cli_note("%s", kr_context_message(ctx));
    else if (s->check)
        cli_note("%ld frames, %ld different: nothing wrong found", report.frames, report.unique);
    else if (status == KR_OK && s->check_stress)
        say_stress(&stress);
    if (labelled && report.labelled && s->output && kr_dataset_write(ctx, labelled, s->output, s->to, s->force) < 0)
        result = cli_library_error(ctx);
    if (labelled && result == CLI_DONE) result = say_report(&report, report.labelled ? s->output : NULL);
    if (status == KR_CANCELLED) cli_note("stopped; the same command goes on from here");
    if (status == KR_CANCELLED || status == KR_NOT_CONVERGED) result = CLI_STOPPED;
    kr_dataset_destroy(&labelled);
    return result;
}

static int label(const void *values, int nargs, char **args) {
    const label_settings *s = values;
    kr_dataset *data = NULL;
    kr_label_options options;
    cli_killer k = {s->kill_at, 0};
    char program[4096];
    if (cli_program(program, sizeof program) != CLI_DONE) return CLI_FAILED;
    if (s->output && cli_output_allowed(s->output, s->force) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    kr_label_options_default(&options);
    options.input = args[0];
    options.program = program;
    options.break_lock = s->break_lock;
    options.dry = s->check;
    if (s->kill_at) {
        options.point = cli_kill_point;
        options.payload = &k;
    }
    int result = cli_read_systems(ctx, nargs - 1, args + 1, NULL, &s->type_map, &data);
    if (result == CLI_DONE) result = label_frames(ctx, s, &options, data);
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

static const cli_command command_label = {
    .name = "eelt label",
    .summary = "Label frames with Quantum ESPRESSO, CP2K, xtb, LAMMPS or any program",
    .usage = "INPUT.json FRAMES... [-o PATH]",
    .text = "INPUT.json says which program labels and where its jobs run; FRAMES are structure files of any format. "
            "Only results that their program calls converged are accepted. A run that was killed goes on where it "
            "was when the same command is given again; a structure that has a label is not calculated again. Exit "
            "code 3: some frames have no label.",
    .least = 2,
    .most = -1,
    .options = label_options,
    .size = sizeof(label_settings),
    .run = label,
};

/* ---- exec ---- */

static int execute(const void *values, int nargs, char **args) {
    (void)values, (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = kr_task_execute(ctx, args[0]) < 0 ? cli_library_error(ctx) : CLI_DONE;
    kr_context_destroy(&ctx);
    return result;
}

static const cli_command command_exec = {
    .name = "eelt exec",
    .summary = "Run the task of a folder under its limits (runners call this)",
    .usage = "FOLDER",
    .least = 1,
    .most = 1,
    .size = 1,
    .run = execute,
};

/* ---- status, retry ---- */

static void print_line(const char *text, void *payload) {
    (void)payload;
    printf("%s\n", text);
}

static int show_status(const void *values, int nargs, char **args) {
    (void)values, (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = kr_campaign_status(ctx, args[0], print_line, NULL) < 0 ? cli_library_error(ctx) : CLI_DONE;
    kr_context_destroy(&ctx);
    return result;
}

static const cli_command command_status = {
    .name = "eelt status",
    .summary = "What a campaign has done and what failed",
    .usage = "FOLDER",
    .text = "Reads only; may be called while the campaign runs.",
    .least = 1,
    .most = 1,
    .size = 1,
    .run = show_status,
};

typedef struct retry_settings {
    const char *class_name;
    int break_lock;
} retry_settings;

static const cli_option retry_options[] = {
    {"class", 0, CLI_TEXT, offsetof(retry_settings, class_name), "CLASS",
     "only tasks whose last attempt ended so: not_converged, crashed, timeout, stalled, out_of_memory …"},
    {"break-lock", 0, CLI_FLAG, offsetof(retry_settings, break_lock), NULL,
     "take over the folder from a process of another host that is dead for certain"},
    {0}};

static int retry(const void *values, int nargs, char **args) {
    const retry_settings *s = values;
    long count;
    (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = CLI_DONE;
    if (kr_campaign_retry(ctx, args[0], s->class_name, s->break_lock, &count) < 0)
        result = cli_library_error(ctx);
    else
        cli_note("%ld tasks may run again", count);
    kr_context_destroy(&ctx);
    return result;
}

static const cli_command command_retry = {
    .name = "eelt retry",
    .summary = "Give tasks that were given up or held another chance",
    .usage = "FOLDER [--class CLASS]",
    .least = 1,
    .most = 1,
    .options = retry_options,
    .size = sizeof(retry_settings),
    .run = retry,
};

static const cli_command *const commands[] = {&cli_eelt_init,
                                              &cli_eelt_check,
                                              &cli_eelt_run,
                                              &command_status,
                                              &cli_eelt_report,
                                              &cli_eelt_stop,
                                              &command_retry,
                                              &cli_eelt_rollback,
                                              &command_label,
                                              &command_exec,
                                              &cli_eelt_explore,
                                              &cli_eelt_structures,
                                              &cli_eelt_select,
                                              &cli_eelt_audit,
                                              &cli_eelt_drop,
                                              &cli_eelt_add,
                                              &cli_eelt_export,
                                              &cli_eelt_import,
                                              NULL};

extern const cli_command cli_command_eelt;
const cli_command cli_command_eelt = {
    .name = "eelt",
    .summary = "Make a potential: explore, examine, label, train; label structures",
    .usage = "COMMAND",
    .sub = commands,
};
