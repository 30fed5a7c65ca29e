/* Models ready to evaluate the frames of systems: options, elements by name, parameters.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include <stdlib.h>
#include <string.h>

/* "off", "deepmd" or a force tolerance in eV/Å. */
static int read_table(const cli_command *command, const char *text, kr_potential_options *options) {
    char *end;
    if (!text || !strcmp(text, "off")) {
        options->table = KR_TABLE_OFF;
        return CLI_DONE;
    }
    if (!strcmp(text, "deepmd")) {
        options->table = KR_TABLE_DEEPMD;
        return CLI_DONE;
    }
    options->table = KR_TABLE_SPLINE;
    options->tolerance = strtod(text, &end);
    if (end != text && !*end && options->tolerance >= KR_TOLERANCE_LEAST && options->tolerance <= KR_TOLERANCE_MOST)
        return CLI_DONE;
    return cli_usage_error(command, "--table %s: off, deepmd or a force tolerance of %g to %g eV/A expected", text,
                           KR_TOLERANCE_LEAST, KR_TOLERANCE_MOST);
}

int cli_predictor_open(cli_predictor *predictor, const cli_command *command, const cli_model_settings *settings) {
    *predictor = (cli_predictor){.settings = settings};
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    int n = settings->model.n;
    if (!n) return cli_usage_error(command, "no model: --model MODEL is needed");
    if (read_table(command, settings->table, &options) != CLI_DONE) return CLI_USAGE;
    options.precision = settings->precision ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
    options.sel_rule = settings->sel_rule ? KR_SEL_NEAREST_TOTAL : KR_SEL_NEAREST_PER_TYPE;
    options.float32_cutoff = settings->float32_cutoff;
    options.isa = (const char *const[]){NULL, "baseline", "avx2", "avx512", "amx"}[settings->isa];
    predictor->ctx = cli_context(settings->threads);
    if (!predictor->ctx) return CLI_FAILED;
    predictor->options = options;
    predictor->models = cli_calloc((size_t)n, sizeof *predictor->models);
    for (; predictor->nmodels < n; predictor->nmodels++)
        if (kr_model_load(predictor->ctx, settings->model.name[predictor->nmodels],
                          &predictor->models[predictor->nmodels]) < 0) {
            cli_library_error(predictor->ctx);
            cli_predictor_close(predictor);
            return CLI_FAILED;
        }
    predictor->model = predictor->models[0];
    return CLI_DONE;
}

static char *model_elements(const kr_model *model) {
    char *text = cli_strdup("");
    for (int t = 0; t < kr_model_ntypes(model); t++) {
        char *longer = cli_strprintf("%s%s%s", text, t ? " " : "", kr_model_type_name(model, t));
        free(text);
        text = longer;
    }
    return text;
}

/* The number of types that occur: one more than the largest. */
static int count_types(const kr_system *system) {
    long n = system->mixed ? (long)system->natoms * system->nframes : system->natoms;
    int largest = system->ntypes - 1;
    for (long i = 0; i < n; i++)
        if (system->type[i] > largest) largest = system->type[i];
    return largest + 1;
}

/* Which types of the system occur; a name that no atom has need not be known to the model. */
static void mark_types(const kr_system *system, char *occurs) {
    long n = system->mixed ? (long)system->natoms * system->nframes : system->natoms;
    for (long i = 0; i < n; i++)
        if (system->type[i] >= 0) occurs[system->type[i]] = 1;
}

static int map_elements(cli_predictor *p, const kr_system *system) {
    int n = count_types(system), known = kr_model_ntypes(p->model), result = CLI_DONE;
    const cli_names *given = &p->settings->type_map;
    char *occurs = cli_calloc((size_t)n, 1);
    free(p->map);
    p->map = cli_calloc((size_t)n, sizeof *p->map);
    mark_types(system, occurs);
    int nameless = !system->ntypes && !given->n;
    if (nameless && n && n <= known)
        cli_warn("%s names no elements: its types are taken as the model's (%s first)%s", system->name,
                 kr_model_type_name(p->model, 0), "; --type-map names them");
    for (int t = 0; t < n && result == CLI_DONE; t++) {
        char room[32];
        const char *name = cli_type_name(system, given, t, room);
        p->map[t] = nameless ? (t < known ? t : -1) : kr_model_type_index(p->model, name);
        if (p->map[t] >= 0 || !occurs[t]) continue;
        char *elements = model_elements(p->model);
        result = cli_error(system->ntypes ? NULL : "--type-map El,... names the types",
                           "%s has %s, which the model %s does not know (it knows %s)", system->name, name,
                           p->settings->model.name[0], elements);
        free(elements);
    }
    free(occurs);
    return result;
}

/* Which of the model's types occur in a system. Unknown names are complained about in map_elements. */
static void mark_used(const cli_predictor *p, const kr_system *system, unsigned char *used) {
    int n = count_types(system), known = kr_model_ntypes(p->model);
    const cli_names *given = &p->settings->type_map;
    char *occurs = cli_calloc((size_t)n, 1), room[32];
    mark_types(system, occurs);
    for (int t = 0; t < n; t++) {
        int nameless = !system->ntypes && !given->n;
        int type = nameless ? t : kr_model_type_index(p->model, cli_type_name(system, given, t, room));
        if (occurs[t] && type >= 0 && type < known) used[type] = 1;
    }
    free(occurs);
}

int cli_predictor_prepare(cli_predictor *p, const kr_dataset *input) {
    unsigned char *used = cli_calloc((size_t)kr_model_ntypes(p->model), 1);
    for (int k = 0; k < input->nsystems; k++) mark_used(p, input->system[k], used);
    p->options.used_types = used;
    int failed =
        kr_potential_create(p->ctx, p->nmodels, (const kr_model *const *)p->models, &p->options, &p->potential) < 0 ||
        kr_workspace_create(p->ctx, p->potential, &p->workspace) < 0;
    p->options.used_types = NULL;
    free(used);
    return failed ? cli_library_error(p->ctx) : CLI_DONE;
}

/* A parameter of the model comes from the data, else from the command line; fparam may have a default in the model. */
static int check_parameter(const cli_predictor *p, const kr_system *system, kr_label label, int wanted,
                           const cli_reals *given, int has_default) {
    const char *name = kr_label_name(label);
    if (!wanted) {
        if (!given->n) return CLI_DONE;
        return cli_error(NULL, "--%s was given, but the model %s takes none", name, p->settings->model.name[0]);
    }
    int found = system->label[label] ? system->width[label] : given->n;
    if (!found && has_default) return CLI_DONE;
    if (found == wanted) return CLI_DONE;
    char hint[64];
    snprintf(hint, sizeof hint, "%s.npy in each set of the data, or --%s", name, name);
    return cli_error(hint, "%s: %d numbers of %s, the model %s takes %d", system->name, found, name,
                     p->settings->model.name[0], wanted);
}

int cli_predictor_system(cli_predictor *p, const kr_system *system) {
    int dim_fparam = kr_model_dim_fparam(p->model), dim_aparam = kr_model_dim_aparam(p->model);
    p->system = system;
    if (map_elements(p, system) != CLI_DONE) return CLI_FAILED;
    if (check_parameter(p, system, KR_LABEL_FPARAM, dim_fparam, &p->settings->fparam,
                        kr_model_has_default_fparam(p->model)) != CLI_DONE ||
        check_parameter(p, system, KR_LABEL_APARAM, dim_aparam, &p->settings->aparam, 0) != CLI_DONE)
        return CLI_FAILED;
    if (system->natoms > p->natoms_room) {
        free(p->type);
        free(p->aparam);
        p->natoms_room = system->natoms;
        p->type = cli_calloc((size_t)system->natoms, sizeof *p->type);
        p->aparam = cli_calloc((size_t)system->natoms * (size_t)(dim_aparam + 1), sizeof *p->aparam);
    }
    if (p->settings->aparam.n == dim_aparam)
        for (int i = 0; i < system->natoms; i++)
            for (int k = 0; k < dim_aparam; k++) p->aparam[i * dim_aparam + k] = p->settings->aparam.value[k];
    return CLI_DONE;
}

int cli_predictor_frame(cli_predictor *p, int frame, const kr_result *result) {
    const kr_system *s = p->system;
    const int *type = kr_system_types(s, frame);
    int dim_aparam = kr_model_dim_aparam(p->model), width = s->width[KR_LABEL_FPARAM];
    for (int i = 0; i < s->natoms; i++) p->type[i] = type[i] < 0 ? -1 : p->map[type[i]];
    const double *fparam = p->settings->fparam.value, *aparam = dim_aparam ? p->aparam : NULL;
    if (kr_model_dim_fparam(p->model) && s->label[KR_LABEL_FPARAM])
        fparam = s->label[KR_LABEL_FPARAM] + (size_t)frame * (size_t)width;
    if (dim_aparam && s->label[KR_LABEL_APARAM])
        aparam = s->label[KR_LABEL_APARAM] + (size_t)frame * (size_t)s->natoms * (size_t)dim_aparam;
    const double *x = s->coord + (size_t)frame * (size_t)s->natoms * 3, *box = s->box + (size_t)frame * 9;
    if (kr_potential_compute_frame(p->potential, p->workspace, s->natoms, x, p->type, cli_is_periodic(s) ? box : NULL,
                                   s->pbc, fparam, aparam, result) == KR_OK)
        return CLI_DONE;
    cli_error(kr_context_hint(p->ctx), "%s, frame %d: %s", s->name, frame, kr_context_message(p->ctx));
    return CLI_FAILED;
}

const int *cli_predictor_types(const cli_predictor *p) { return p->type; }

void cli_predictor_report_overflow(const cli_predictor *p) {
    for (int m = 0; m < p->nmodels; m++) {
        kr_overflow o;
        if (kr_workspace_overflow(p->workspace, m, &o) != KR_OK || !o.environments) continue;
        const char *name = o.worst_neighbor_type < 0 ? "in all" : kr_model_type_name(p->model, o.worst_neighbor_type);
        cli_warn("model %s: %ld of %ld environments have more neighbours than sel; the worst has %d (%s), sel is %d",
                 p->settings->model.name[m], o.environments, o.evaluations, o.worst_count, name, o.worst_sel);
    }
}

void cli_predictor_close(cli_predictor *p) {
    kr_workspace_destroy(&p->workspace);
    kr_potential_destroy(&p->potential);
    for (int m = 0; m < p->nmodels; m++) kr_model_destroy(&p->models[m]);
    free(p->models);
    kr_context_destroy(&p->ctx);
    free(p->map);
    free(p->type);
    free(p->aparam);
    *p = (cli_predictor){0};
}
