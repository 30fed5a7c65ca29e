/* kramers test: errors of a model against labels, the printed lines and detail files of `dp test`.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Conventions of that command, kept on purpose: energies per atom divide by the padded atom count of mixed data and
 * virtual atoms count in the force average; a label that some frames lack is compared as 0 there; a label that all
 * frames lack leaves no printed line, but zeros in the detail files; stress = −W/V. */
#include "errors.h"
#include "inputs.h"
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    cli_model_settings models;
    cli_names system;
    const char *list, *detail;
    int frames, atomic, force;
} settings;

static const cli_option options[] = {
    CLI_MODEL_OPTION(settings, models, "MODEL"),
    {"system", 's', CLI_NAMES, offsetof(settings, system), "SYSTEM[,SYSTEM...]",
     "data with labels: a deepmd folder, a folder of such folders, file.hdf5#/group, .xyz ..."},
    {"datafile", 'f', CLI_TEXT, offsetof(settings, list), "FILE", "a file with one system a line"},
    {"numb-test", 'n', CLI_COUNT, offsetof(settings, frames), "N", "frames of each system; 0 (default) = all"},
    {"detail-file", 'd', CLI_TEXT, offsetof(settings, detail), "PREFIX",
     "write PREFIX.e.out, .e_peratom.out, .f.out, .v.out, .v_peratom.out, .s.out: data and prediction in columns"},
    {"atomic", 'a', CLI_FLAG, offsetof(settings, atomic), NULL, "errors of atomic energies too"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace existing detail files"},
    CLI_EVALUATION_OPTIONS(settings, models),
    {0}};

extern const cli_command cli_command_test;

/* ---- detail files ---- */

enum { FILE_E, FILE_EA, FILE_F, FILE_V, FILE_VA, FILE_S, FILES };
static const struct {
    const char *suffix, *unit, *data; /* columns of the data; the prediction repeats them */
    int width;
} detail_kind[FILES] = {
    {"e", "", "e", 1},
    {"e_peratom", "", "e", 1},
    {"f", "", "fx fy fz", 3},
    {"v", "", "vxx vxy vxz vyx vyy vyz vzx vzy vzz", 9},
    {"v_peratom", "", "vxx vxy vxz vyx vyy vyz vzx vzy vzz", 9},
    {"s", " (eV/Å³)", "sxx sxy sxz syx syy syz szx szy szz", 9},
};

typedef struct details {
    cli_output output[FILES];
    int open, rows[FILES];
} details;

static char *detail_path(const char *prefix, int kind) {
    return cli_strprintf("%s.%s.out", prefix, detail_kind[kind].suffix);
}

static int open_details(details *d, const char *prefix, int force) {
    int result = CLI_DONE;
    for (int k = 0; k < FILES && result == CLI_DONE; k++) {
        char *path = detail_path(prefix, k);
        result = cli_output_allowed(path, force);
        if (result == CLI_DONE) result = cli_output_open(&d->output[k], path);
        free(path);
    }
    d->open = result == CLI_DONE;
    return result;
}

static void print_columns(FILE *out, const char *prefix, const char *names) {
    while (*names) {
        int length = (int)strcspn(names, " ");
        fprintf(out, " %s_%.*s", prefix, length, names);
        names += length;
        if (*names) names++;
    }
}

/* One row "data … prediction …", values multiplied by `factor`; the header comes before the first row of a file. */
static void write_row(details *d, int kind, const char *system, const double *data, const double *made, double factor) {
    if (!d->open) return;
    FILE *out = d->output[kind].file;
    if (!d->rows[kind]++) {
        fprintf(out, "# %s%s:", system, detail_kind[kind].unit);
        print_columns(out, "data", detail_kind[kind].data);
        print_columns(out, "pred", detail_kind[kind].data);
        fputc('\n', out);
    }
    for (int side = 0; side < 2; side++)
        for (int c = 0; c < detail_kind[kind].width; c++)
            fprintf(out, "%s%.18e", side || c ? " " : "", (side ? made : data)[c] * factor);
    fputc('\n', out);
}

/* Files that got no row (stress without cells) are not left behind. */
static int close_details(details *d) {
    int result = CLI_DONE;
    for (int k = 0; k < FILES && d->open; k++) {
        if (!d->rows[k])
            cli_output_discard(&d->output[k]);
        else if (cli_output_commit(&d->output[k]) != CLI_DONE)
            result = CLI_FAILED;
    }
    return result;
}

/* ---- one system ---- */

static const double *label_of(const kr_system *s, kr_label label, int frame, const double *zeros) {
    size_t n = (size_t)(kr_label_per_atom(label) ? s->natoms : 1) * (size_t)s->width[label];
    return s->label[label] ? s->label[label] + (size_t)frame * n : zeros;
}

static void compare_frame(const kr_system *s, int frame, const kr_result *r, const double *zeros, int atomic,
                          cli_errors *errors, details *d) {
    int n = s->natoms, periodic = cli_is_periodic(s);
    const double *energy = label_of(s, KR_LABEL_ENERGY, frame, zeros);
    const double *force = label_of(s, KR_LABEL_FORCE, frame, zeros);
    const double *virial = label_of(s, KR_LABEL_VIRIAL, frame, zeros);
    if (s->label[KR_LABEL_ENERGY]) {
        cli_errors_add(errors, CLI_ERROR_E, 1, energy, r->energy, 1);
        cli_errors_add(errors, CLI_ERROR_EA, 1, energy, r->energy, 1.0 / n);
    }
    if (s->label[KR_LABEL_FORCE]) {
        cli_errors_add(errors, CLI_ERROR_F, 3 * n, force, r->force, 1);
        if (s->label[KR_LABEL_ATOM_PREF])
            cli_errors_add_weighted(errors, CLI_ERROR_FW, n, 3, force, r->force,
                                    label_of(s, KR_LABEL_ATOM_PREF, frame, zeros));
    }
    write_row(d, FILE_E, s->name, energy, r->energy, 1);
    write_row(d, FILE_EA, s->name, energy, r->energy, 1.0 / n);
    for (int i = 0; i < n; i++) write_row(d, FILE_F, s->name, force + 3 * i, r->force + 3 * i, 1);
    write_row(d, FILE_V, s->name, virial, r->virial, 1);
    write_row(d, FILE_VA, s->name, virial, r->virial, 1.0 / n);
    if (s->label[KR_LABEL_VIRIAL] && periodic) {
        double volume = cli_volume(s->box + (size_t)frame * 9);
        cli_errors_add(errors, CLI_ERROR_V, 9, virial, r->virial, 1);
        cli_errors_add(errors, CLI_ERROR_VA, 9, virial, r->virial, 1.0 / n);
        cli_errors_add(errors, CLI_ERROR_S, 9, virial, r->virial, 1.0 / volume);
        write_row(d, FILE_S, s->name, virial, r->virial, -1.0 / volume);
    }
    if (atomic)
        cli_errors_add(errors, CLI_ERROR_AE, n, label_of(s, KR_LABEL_ATOM_ENER, frame, zeros), r->atom_energy, 1);
}

static int test_system(cli_predictor *p, const kr_system *s, const settings *set, cli_errors *all, details *d) {
    cli_errors errors = {0};
    cli_progress progress;
    int frames = set->frames && set->frames < s->nframes ? set->frames : s->nframes, frame = 0;
    size_t n = (size_t)s->natoms, m = (size_t)p->nmodels;
    if (set->atomic && !s->label[KR_LABEL_ATOM_ENER])
        return cli_error("leave --atomic out", "%s has no atom_ener", s->name);
    int result = cli_predictor_system(p, s);
    if (result != CLI_DONE) return result;
    printf("# ---------------output of dp test--------------- \n# testing system : %s\n", s->name);
    double *room = cli_calloc(m * (4 * n + 10), sizeof *room), *zeros = cli_calloc(3 * n + 9, sizeof *zeros);
    kr_result r = {.energy = room, .virial = room + m, .force = room + 10 * m, .atom_energy = room + (10 + 3 * n) * m};
    cli_progress_begin(&progress, "frames", 0, frames);
    for (; frame < frames && result == CLI_DONE && !cli_interrupted(); frame++) {
        result = cli_predictor_frame(p, frame, &r);
        if (result != CLI_DONE) break;
        compare_frame(s, frame, &r, zeros, set->atomic, &errors, d);
        cli_progress_at(&progress, frame + 1);
    }
    cli_progress_end(&progress, frame);
    if (result == CLI_DONE) {
        printf("# number of test data : %d \n", frame);
        cli_errors_print(stdout, &errors);
        printf("# ----------------------------------------------- \n");
        fflush(stdout);
        errors.count[CLI_ERROR_AE] = 0; /* reported per system only */
        cli_errors_merge(all, &errors);
    }
    free(zeros);
    free(room);
    if (result == CLI_DONE && frame < frames) {
        cli_error(NULL, "%s: stopped by a signal after %d of %d frames", s->name, frame, frames);
        return CLI_STOPPED;
    }
    return result;
}

/* ---- the command ---- */

static int read_list(const char *path, cli_names *names) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    if (!file) return cli_error(NULL, "%s cannot be read", path);
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line) cli_names_add(names, line);
    }
    free(line);
    fclose(file);
    return CLI_DONE;
}

static int test_all(cli_predictor *p, const kr_dataset *data, const settings *s) {
    cli_errors all = {0};
    details d = {0};
    int result = s->detail ? open_details(&d, s->detail, s->force) : CLI_DONE;
    cli_catch_interrupts();
    for (int k = 0; k < data->nsystems && result == CLI_DONE; k++)
        result = test_system(p, data->system[k], s, &all, &d);
    if (result == CLI_DONE) {
        printf("# ----------weighted average of errors----------- \n# number of systems : %d\n", data->nsystems);
        cli_errors_print(stdout, &all);
        printf("# ----------------------------------------------- \n");
        cli_predictor_report_overflow(p);
    }
    if (result == CLI_DONE || result == CLI_STOPPED) {
        if (close_details(&d) != CLI_DONE) result = CLI_FAILED;
    }
    for (int k = 0; k < FILES; k++) cli_output_discard(&d.output[k]);
    return result;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    cli_predictor predictor = {0};
    cli_names paths = {0};
    kr_dataset *data = NULL;
    (void)nargs;
    (void)args;
    for (int k = 0; k < s->system.n; k++) cli_names_add(&paths, s->system.name[k]);
    int result = s->list ? read_list(s->list, &paths) : CLI_DONE;
    if (result == CLI_DONE && !paths.n)
        result = cli_usage_error(&cli_command_test, "no data: --system SYSTEM is needed");
    if (result == CLI_DONE && s->models.model.n > 1)
        result = cli_usage_error(&cli_command_test, "one model at a time, found %d", s->models.model.n);
    if (result == CLI_DONE) result = cli_predictor_open(&predictor, &cli_command_test, &s->models);
    if (result == CLI_DONE)
        result = cli_read_systems(predictor.ctx, paths.n, paths.name, s->models.format, &s->models.type_map, &data);
    if (result == CLI_DONE && !data->nsystems) result = cli_error(NULL, "no system found");
    if (result == CLI_DONE) result = cli_predictor_prepare(&predictor, data);
    if (result == CLI_DONE) result = test_all(&predictor, data, s);
    kr_dataset_destroy(&data);
    cli_names_free(&paths);
    cli_predictor_close(&predictor);
    return result;
}

const cli_command cli_command_test = {
    .name = "test",
    .summary = "Compare a model with labelled data, as dp test does",
    .usage = "-m MODEL -s SYSTEM [options]",
    .text = "Prints mean absolute and root mean square errors of energy, force, virial and stress of every system and "
            "their average weighted by the number of data, in the lines of `dp test`; -d writes its detail files.",
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
