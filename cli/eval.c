/* kramers eval: energies, forces and virials of structures; several models also give deviations.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The output holds the structures of the input with the labels of the first model (the one that drives dynamics in
 * LAMMPS). Deviations go to model_devi.out beside it, in the layout of `dp model-devi`. */
#include "deviations.h"
#include "inputs.h"
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    cli_model_settings models;
    const char *output, *output_format;
    cli_deviation_settings deviation;
    int atomic, force;
} settings;

static const cli_option options[] = {
    CLI_MODEL_OPTION(settings, models, "MODEL[,MODEL...]"),
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "OUTPUT",
     "a .xyz file, or a folder (deepmd/npy) when there is no suffix"},
    {"output-format", 0, CLI_TEXT, offsetof(settings, output_format), "FORMAT",
     "of the output, when its name does not tell"},
    {"atomic", 'a', CLI_FLAG, offsetof(settings, atomic), NULL,
     "virials of atoms in .xyz too (a folder always has them); deviations of atoms in model_devi.out"},
    {"relative", 0, CLI_REAL, offsetof(settings, deviation.relative), "L",
     "force deviations divided by |mean force| + L (eV/A)"},
    {"relative-v", 0, CLI_REAL, offsetof(settings, deviation.relative_v), "L",
     "virial deviations divided by the norm of the mean virial per atom + L (eV)"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing output"},
    CLI_EVALUATION_OPTIONS(settings, models),
    {0}};

static const settings defaults = {.deviation = {.relative = -1, .relative_v = -1}};

extern const cli_command cli_command_eval;

/* One evaluation: what is held while the frames pass. */
typedef struct job {
    const settings *settings;
    cli_predictor predictor;
    kr_dataset *input, *output;
    cli_deviation_file deviation;
    cli_progress progress;
    long frames, done;
    int wants_atom_virial;
} job;

static const char *suffix(const char *path) {
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    return dot ? dot + 1 : "";
}

/* Extended XYZ gets virials of atoms only on demand: nine columns more. */
static int is_xyz(const settings *s) {
    const char *name = s->output_format ? s->output_format : suffix(s->output);
    return !strcmp(name, "xyz") || !strcmp(name, "extxyz");
}

/* A copy of the structures (and the parameters that the model reads) without labels. Names come from the model when
 * the input has none. */
static kr_system *copy_structures(kr_context *ctx, const cli_predictor *p, const kr_system *from) {
    static const kr_label kept[] = {KR_LABEL_FPARAM, KR_LABEL_APARAM, KR_LABEL_VELOCITY, KR_LABEL_MASS};
    const cli_names *given = &p->settings->type_map;
    int ntypes = from->ntypes ? from->ntypes : given->n ? given->n : kr_model_ntypes(p->model);
    const char **names = cli_calloc((size_t)ntypes, sizeof *names);
    char room[32];
    for (int t = 0; t < ntypes; t++)
        names[t] = from->ntypes || given->n ? cli_type_name(from, given, t, room) : kr_model_type_name(p->model, t);
    kr_system *to = NULL;
    size_t nf = (size_t)from->nframes, n = (size_t)from->natoms;
    if (kr_system_create(ctx, from->name, from->natoms, from->nframes, ntypes, names, from->mixed, &to) < 0) goto done;
    memcpy(to->type, from->type, (from->mixed ? nf : 1) * n * sizeof *to->type);
    memcpy(to->pbc, from->pbc, sizeof to->pbc);
    memcpy(to->coord, from->coord, nf * n * 3 * sizeof *to->coord);
    memcpy(to->box, from->box, nf * 9 * sizeof *to->box);
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
        kr_label label = kept[k];
        int width = from->width[label];
        if (!from->label[label]) continue;
        if (kr_system_set_label(ctx, to, label, width) < 0) {
            kr_system_destroy(&to);
            goto done;
        }
        memcpy(to->label[label], from->label[label],
               nf * (kr_label_per_atom(label) ? n : 1) * (size_t)width * sizeof(double));
        for (size_t f = 0; f < nf; f++) to->has[f] |= from->has[f] & (1u << label);
    }
done:
    free(names);
    return to;
}

static int add_labels(kr_context *ctx, kr_system *system, int wants_atom_virial, int wants_deviation) {
    return kr_system_set_label(ctx, system, KR_LABEL_ENERGY, 1) < 0 ||
           kr_system_set_label(ctx, system, KR_LABEL_FORCE, 3) < 0 ||
           kr_system_set_label(ctx, system, KR_LABEL_VIRIAL, 9) < 0 ||
           kr_system_set_label(ctx, system, KR_LABEL_ATOM_ENER, 1) < 0 ||
           (wants_atom_virial && kr_system_set_label(ctx, system, KR_LABEL_ATOM_VIRIAL, 9) < 0) ||
           (wants_deviation && kr_system_set_label(ctx, system, KR_LABEL_MODEL_DEVI, 7) < 0);
}

static void store(kr_system *system, int frame, kr_label label, const double *value) {
    size_t n = (size_t)(kr_label_per_atom(label) ? system->natoms : 1) * (size_t)system->width[label];
    memcpy(system->label[label] + (size_t)frame * n, value, n * sizeof *value);
    system->has[frame] |= 1u << label;
}

/* Frames of one system; stops at a failure or an interrupt. *made counts the frames that are complete. */
static int evaluate_frames(job *j, kr_system *to, int *made) {
    size_t n = (size_t)to->natoms, m = (size_t)j->predictor.nmodels;
    double *room = cli_calloc(m * (n * (1 + 3 + 9) + 10), sizeof *room);
    kr_result r = {.energy = room, .virial = room + m, .force = room + 10 * m};
    r.atom_energy = r.force + 3 * n * m;
    if (j->wants_atom_virial) r.atom_virial = r.atom_energy + n * m;
    int result = CLI_DONE;
    for (*made = 0; *made < to->nframes && !cli_interrupted(); ++*made) {
        result = cli_predictor_frame(&j->predictor, *made, &r);
        if (result != CLI_DONE) break;
        store(to, *made, KR_LABEL_ENERGY, r.energy);
        store(to, *made, KR_LABEL_FORCE, r.force);
        store(to, *made, KR_LABEL_VIRIAL, r.virial);
        store(to, *made, KR_LABEL_ATOM_ENER, r.atom_energy);
        if (j->wants_atom_virial) store(to, *made, KR_LABEL_ATOM_VIRIAL, r.atom_virial);
        if (m > 1) {
            const int *type = cli_predictor_types(&j->predictor);
            double summary[7];
            result = cli_deviation_row(&j->deviation, *made, to->natoms, type, &r, summary);
            if (result != CLI_DONE) break;
            if (to->label[KR_LABEL_MODEL_DEVI]) store(to, *made, KR_LABEL_MODEL_DEVI, summary);
        }
        cli_progress_at(&j->progress, ++j->done);
    }
    free(room);
    return result;
}

static int evaluate_system(job *j, const kr_system *from) {
    kr_context *ctx = j->predictor.ctx;
    if (cli_predictor_system(&j->predictor, from) != CLI_DONE) return CLI_FAILED;
    kr_system *to = copy_structures(ctx, &j->predictor, from);
    int made = 0, result = CLI_FAILED;
    /* as keys of extended XYZ; folders have model_devi.out beside them */
    if (!to || add_labels(ctx, to, j->wants_atom_virial, j->predictor.nmodels > 1 && is_xyz(j->settings))) {
        cli_library_error(ctx);
        goto done;
    }
    result = j->predictor.nmodels > 1 ? cli_deviation_system(&j->deviation, from->name) : CLI_DONE;
    if (result == CLI_DONE) result = evaluate_frames(j, to, &made);
    if (result != CLI_DONE || !made) goto done;
    if ((made < to->nframes && kr_system_resize(ctx, to, made) < 0) || kr_dataset_append(ctx, j->output, &to) < 0)
        result = cli_library_error(ctx);
done:
    kr_system_destroy(&to);
    return result;
}

static int has_mixed(const kr_dataset *data) {
    for (int k = 0; k < data->nsystems; k++)
        if (data->system[k]->mixed) return 1;
    return 0;
}

/* Writes what was evaluated; an interrupted run leaves the frames that it finished. */
static int finish(job *j) {
    const settings *s = j->settings;
    cli_progress_end(&j->progress, j->done);
    cli_predictor_report_overflow(&j->predictor);
    if (!j->done) return cli_error(NULL, "no frame was evaluated, %s is not written", s->output);
    const char *format = s->output_format;
    if (!format && !*suffix(s->output) && has_mixed(j->output)) format = "mixed"; /* frames keep their order */
    if (kr_dataset_write(j->predictor.ctx, j->output, s->output, format, s->force) < 0)
        return cli_library_error(j->predictor.ctx);
    if (j->predictor.nmodels > 1 && cli_deviation_close(&j->deviation) != CLI_DONE) return CLI_FAILED;
    if (j->done == j->frames) return CLI_DONE;
    cli_error(NULL, "stopped by a signal after %ld of %ld frames; %s holds these", j->done, j->frames, s->output);
    return CLI_STOPPED;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    job j = {.settings = s};
    if (!s->output) return cli_usage_error(&cli_command_eval, "no output: --output OUTPUT is needed");
    if (cli_output_allowed(s->output, s->force) != CLI_DONE) return CLI_FAILED;
    j.wants_atom_virial = s->atomic || !is_xyz(s);
    int result = cli_predictor_open(&j.predictor, &cli_command_eval, &s->models);
    if (result != CLI_DONE) return result;
    kr_context *ctx = j.predictor.ctx;
    if (kr_dataset_writable(ctx, s->output, s->output_format) < 0) result = cli_library_error(ctx);
    if (result == CLI_DONE)
        result = cli_read_systems(ctx, nargs, args, s->models.format, &s->models.type_map, &j.input);
    if (result == CLI_DONE) result = cli_predictor_prepare(&j.predictor, j.input);
    if (result == CLI_DONE && kr_dataset_create(ctx, &j.output) < 0) result = cli_library_error(ctx);
    if (result == CLI_DONE && j.predictor.nmodels > 1)
        result =
            cli_deviation_open(&j.deviation, ctx, j.predictor.nmodels, s->output, &s->deviation, s->atomic, s->force);
    if (result == CLI_DONE) {
        j.frames = cli_count_frames(j.input);
        cli_catch_interrupts();
        cli_progress_begin(&j.progress, "frames", 0, j.frames);
        for (int k = 0; k < j.input->nsystems && result == CLI_DONE && !cli_interrupted(); k++)
            result = evaluate_system(&j, j.input->system[k]);
        if (result == CLI_DONE) result = finish(&j);
    }
    cli_deviation_discard(&j.deviation);
    kr_dataset_destroy(&j.input);
    kr_dataset_destroy(&j.output);
    cli_predictor_close(&j.predictor);
    return result;
}

const cli_command cli_command_eval = {
    .name = "eval",
    .summary = "Evaluate energies, forces and virials of structures",
    .usage = "-m MODEL[,MODEL...] INPUT... -o OUTPUT [options]",
    .text = "Evaluates every frame of the inputs (any structure file or deepmd folder) and writes them to OUTPUT with "
            "energy, force, virial and energies of atoms of the first model.\n"
            "With several models, deviations between them go to model_devi.out beside OUTPUT, in the columns of "
            "`dp model-devi`, and under the same names into a .xyz file.\n"
            "An interrupt (Ctrl-C) finishes the frame, writes the frames that are done and ends with code 3.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
