/* kramers eelt audit: how good models are on labelled frames, with limits that hold; calibration of the deviation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include "inputs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    cli_names model;
    cli_reals weights;
    const char *table, *certificate, *window, *date;
    int block, mean, attach, threads, force;
    double target, confidence, allowed, lo, hi;
} settings;

/* clang-format off */
static const cli_option options[] = {
    {"model", 'm', CLI_NAMES, offsetof(settings, model), "FILE,...", "models; errors are those of the first"},
    {"mean", 0, CLI_FLAG, offsetof(settings, mean), NULL, "errors of the mean of the models"},
    {"target", 0, CLI_REAL, offsetof(settings, target), "E",
     "force error that a frame must not exceed; default 0.15 eV/A"},
    {"confidence", 0, CLI_REAL, offsetof(settings, confidence), "P", "of all limits; default 0.95"},
    {"block", 0, CLI_COUNT, offsetof(settings, block), "N",
     "N consecutive frames of a file belong to one run and are alike; default 1: all independent"},
    {"weights", 0, CLI_REALS, offsetof(settings, weights), "X,...", "populations of the files; default equal"},
    {"lo", 0, CLI_REAL, offsetof(settings, lo), "F", "trust level that the calibration begins with; default 0.05 eV/A"},
    {"hi", 0, CLI_REAL, offsetof(settings, hi), "F", "the upper one; default 0.2 eV/A"},
    {"table", 0, CLI_TEXT, offsetof(settings, table), "FILE.tsv", "every frame with its deviation and errors"},
    {"certificate", 0, CLI_TEXT, offsetof(settings, certificate), "FILE.json", "write the record of what holds"},
    {"window", 0, CLI_TEXT, offsetof(settings, window), "TEXT", "for the record: where the frames come from"},
    {"date", 0, CLI_TEXT, offsetof(settings, date), "DATE", "for the record"},
    {"allowed", 0, CLI_REAL, offsetof(settings, allowed), "P",
     "share of frames above the target that is allowed; default 0.05"},
    {"attach", 0, CLI_FLAG, offsetof(settings, attach), NULL, "with --certificate: add the record to the model files"},
    {"threads", 0, CLI_COUNT, offsetof(settings, threads), "N", "number of threads; default all"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace existing files"},
    {0}};
/* clang-format on */

static const settings defaults = {
    .block = 1, .target = 0.15, .confidence = 0.95, .allowed = 0.05, .lo = 0.05, .hi = 0.2};
extern const cli_command cli_eelt_audit;

typedef struct work {
    kr_context *ctx;
    kr_potential *potential;
    kr_dataset *data;
    int nfiles, *run, *cell;
    char **file;
    long n;
    kr_scored *scored;
    kr_audit_report *report;
} work;

/* Every file is a cell; runs are numbered through. */
static int load(const settings *s, work *w) {
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    kr_dataset *part = NULL;
    int runs = 0;
    o.table = KR_TABLE_OFF;
    if (kr_potential_load(w->ctx, s->model.n, (const char *const *)s->model.name, &o, &w->potential) < 0 ||
        kr_dataset_create(w->ctx, &w->data) < 0)
        return cli_library_error(w->ctx);
    for (int p = 0; p < w->nfiles; p++) {
        if (cli_read_systems(w->ctx, 1, &w->file[p], NULL, NULL, &part) != CLI_DONE) return CLI_FAILED;
        long more = cli_count_frames(part);
        int *run = realloc(w->run, (size_t)(w->n + more + 1) * sizeof *run);
        int *cell = realloc(w->cell, (size_t)(w->n + more + 1) * sizeof *cell);
        if (run) w->run = run;
        if (cell) w->cell = cell;
        if (!run || !cell) return cli_error(NULL, "memory ran out");
        for (long k = 0; k < more; k++) {
            w->run[w->n + k] = runs + (int)(k / s->block);
            w->cell[w->n + k] = p;
        }
        runs += (int)((more + s->block - 1) / s->block);
        w->n += more;
        for (int q = 0; q < part->nsystems; q++)
            if (kr_dataset_append(w->ctx, w->data, &part->system[q]) < 0) return cli_library_error(w->ctx);
        kr_dataset_destroy(&part);
    }
    return CLI_DONE;
}

static int evaluate(const settings *s, work *w) {
    kr_audit_options o = kr_audit_defaults;
    o.e_target = s->target;
    o.confidence = s->confidence;
    w->scored = cli_calloc((size_t)w->n + 1, sizeof *w->scored);
    if (kr_audit_score(w->ctx, w->potential, s->mean ? -1 : 0, w->data, w->run, w->cell, w->scored) != KR_OK ||
        kr_audit_evaluate(w->ctx, &o, w->nfiles, s->weights.n ? s->weights.value : NULL, w->n, w->scored, &w->report) <
            0)
        return cli_library_error(w->ctx);
    return CLI_DONE;
}

static void print_rate(const char *name, const kr_audit_rate *r) {
    printf("%7ld %6ld %8.4f %8.4f %9.4g %9.4g %9.4g %9.4g %9.4g  %s\n", r->frames, r->above, r->rate.value, r->bound,
           r->rmse_f.value, r->mae_f.value, r->rmse_e.value, r->mae_e.value, r->rmse_v.value, name);
}

static void print_report(const settings *s, const work *w) {
    const kr_audit_rate *a = &w->report->all;
    printf("%7s %6s %8s %8s %9s %9s %9s %9s %9s  %s\n", "frames", "above", "rate", "bound", "rmse_f", "mae_f", "rmse_e",
           "mae_e", "rmse_v", "file");
    for (int c = 0; c < w->nfiles && w->nfiles > 1; c++) print_rate(w->file[c], &w->report->cell[c]);
    print_rate("all", a);
    printf("forces in eV/A, energies and virials in eV per atom; above: largest force error over %g eV/A\n", s->target);
    printf("at %g %% confidence at most %.2f %% of such frames are above it (%s, %.0f independent frames)\n",
           100 * s->confidence, 100 * a->bound, a->method, a->independent);
    printf("force RMSE %.4g eV/A, %g %% interval %.4g to %.4g\n", a->rmse_f.value, 100 * s->confidence, a->rmse_f.low,
           a->rmse_f.high);
}

static int calibrate(const settings *s, const work *w) {
    kr_error_pair *pairs = cli_calloc((size_t)w->n + 1, sizeof *pairs);
    kr_levels levels = kr_levels_off;
    kr_calibration c;
    kr_calibrate_options o = kr_calibrate_defaults;
    o.e_target = s->target;
    o.confidence = s->confidence;
    o.alpha = s->allowed;
    levels.f_lo = s->lo;
    levels.f_hi = s->hi;
    for (long k = 0; k < w->n; k++)
        pairs[k] = (kr_error_pair){w->scored[k].u, w->scored[k].e, w->scored[k].run, w->scored[k].cell};
    int result = CLI_DONE;
    if (kr_levels_calibrate(w->ctx, &o, w->n, pairs, &levels, &c) < 0) {
        result = cli_library_error(w->ctx);
    } else {
        printf("deviation: errors are %.3g times as large, rank correlation %.3f, %.1f %% of the errors below that\n",
               c.scale, c.spearman, 100 * c.coverage);
        printf("%s\n", c.note);
        kr_calibration_clear(&c);
    }
    free(pairs);
    return result;
}

static int write_table(const settings *s, const work *w) {
    cli_output out = {0};
    if (cli_output_open(&out, s->table) != CLI_DONE) return CLI_FAILED;
    fprintf(out.file, "frame\tfile\trun\tnatoms\tu_eV_per_A\te_eV_per_A\trmse_f_eV_per_A\tde_eV_per_atom\t"
                      "rmse_v_eV_per_atom\n");
    for (long k = 0; k < w->n; k++) {
        const kr_scored *r = &w->scored[k];
        fprintf(out.file, "%ld\t%s\t%d\t%d\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\n", k, w->file[r->cell], r->run, r->natoms,
                r->u, r->e, sqrt(r->f2 / (3 * r->natoms)), r->de, sqrt(r->w2 / 9));
    }
    return cli_output_commit(&out);
}

static int certify(const settings *s, const work *w) {
    const kr_certificate_options o = {.campaign = "",
                                      .window = s->window,
                                      .date = s->date,
                                      .cell_name = (const char *const *)w->file,
                                      .nmodels = s->model.n,
                                      .model_path = (const char *const *)s->model.name,
                                      .e_target = s->target,
                                      .confidence = s->confidence,
                                      .allowed = s->allowed};
    char *text = NULL;
    cli_output out = {0};
    int holds, result = CLI_DONE;
    if (kr_certificate_make(w->ctx, &o, w->report, &text, &holds) < 0) return cli_library_error(w->ctx);
    if (cli_output_open(&out, s->certificate) != CLI_DONE) {
        result = CLI_FAILED;
    } else {
        fprintf(out.file, "%s\n", text);
        result = cli_output_commit(&out);
    }
    for (int m = 0; m < s->model.n && s->attach && result == CLI_DONE; m++)
        if (kr_certificate_attach(w->ctx, text, s->model.name[m]) < 0) result = cli_library_error(w->ctx);
    kr_audit_text_free(&text);
    if (result == CLI_DONE)
        cli_note("%s: the allowed share of %g %% %s", s->certificate, 100 * s->allowed,
                 holds ? "holds" : "does not hold");
    return result == CLI_DONE && !holds ? CLI_STOPPED : result;
}

static int check(const settings *s, int nargs) {
    if (!s->model.n) return cli_usage_error(&cli_eelt_audit, "--model is missing");
    if (s->block < 1) return cli_usage_error(&cli_eelt_audit, "--block must be at least 1");
    if (s->weights.n && s->weights.n != nargs)
        return cli_usage_error(&cli_eelt_audit, "--weights has %d numbers for %d files", s->weights.n, nargs);
    if (s->attach && !s->certificate) return cli_usage_error(&cli_eelt_audit, "--attach needs --certificate");
    if (s->table && cli_output_allowed(s->table, s->force) != CLI_DONE) return CLI_FAILED;
    if (s->certificate && cli_output_allowed(s->certificate, s->force) != CLI_DONE) return CLI_FAILED;
    return CLI_DONE;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    work w = {.nfiles = nargs, .file = args};
    int result = check(s, nargs);
    if (result != CLI_DONE) return result;
    w.ctx = cli_context(s->threads);
    if (!w.ctx) return CLI_FAILED;
    result = load(s, &w);
    if (result == CLI_DONE) result = evaluate(s, &w);
    if (result == CLI_DONE) print_report(s, &w);
    if (result == CLI_DONE && s->model.n > 1) result = calibrate(s, &w);
    if (result == CLI_DONE && s->table) result = write_table(s, &w);
    if (result == CLI_DONE && s->certificate) result = certify(s, &w);
    kr_audit_report_destroy(&w.report);
    kr_dataset_destroy(&w.data);
    kr_potential_destroy(&w.potential);
    free(w.scored);
    free(w.run);
    free(w.cell);
    kr_context_destroy(&w.ctx);
    return result;
}

const cli_command cli_eelt_audit = {
    .name = "eelt audit",
    .summary = "Error rates of models on labelled frames with confidence limits",
    .usage = "LABELLED... -m MODEL,... [--table FILE.tsv] [--certificate FILE.json]",
    .text = "Every file is a cell of its own. Limits are for frames like those of the files: draw them at random. With "
            "two models or more the deviation is calibrated: its scale, its rank correlation with the error, and the "
            "trust level below which the target holds. Exit code 3: a certificate was asked for and does not hold.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
