/* Explorer "lammps": LAMMPS with pair_style kramers and fix kramers/examine.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * `prepare` writes in.lammps and conf.lmp; a run that was cut short goes on from its last whole restart file (one every
 * tenth of the run; LAMMPS closes such a file with the words that open it). A LAMMPS that breaks off because atoms flew
 * apart between two samples is a run that failed physically; other errors are failures of the task. */
#include "core/error.h"
#include "core/file.h"
#include "core/formats.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "eelt/explore_logs.h"
#include "eelt/explore_script.h"
#include "eelt/labeller.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lammps {
    kr_lammps_options options;
    kr_tree *complete;
    char *plugin; /* absolute, or "" */
} lammps;

static const kr_parameter table[] = {
    {.name = "command",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(lammps, options.command),
     .initial = "\"lmp\"",
     .help = "how to start LAMMPS; ' -in in.lammps -log log.lammps -screen none' is appended"},
    {.name = "plugin",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(lammps, options.plugin),
     .initial = "\"\"",
     .help = "path of kramersplugin.so; empty: the command has the styles (lmp-kramers, LAMMPS_PLUGIN_PATH)"},
    {.name = "pair_words",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(lammps, options.pair_words),
     .initial = "\"\"",
     .help = "more words of pair_style kramers: precision mixed, table 1e-5 …"},
    {.name = "template",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(lammps, options.template_file),
     .initial = "null",
     .help = "LAMMPS input with {{fields}} instead of the built-in one"},
    {.name = "tau_t_ps",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(lammps, options.tau_t),
     .initial = "0.1",
     .unit = "ps",
     .range = "> 0",
     .help = "relaxation time of the thermostat"},
    {.name = "tau_p_ps",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(lammps, options.tau_p),
     .initial = "0.5",
     .unit = "ps",
     .range = "> 0",
     .help = "relaxation time of the barostat"},
    {0}};

static void destroy(void **state) {
    lammps *l = *state;
    if (!l) return;
    kr_tree_destroy(&l->complete);
    kr_free(l->options.template_text);
    kr_free(l->plugin);
    kr_free(l);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, const char *program, void **state) {
    kr_status status = KR_OK;
    lammps *l = NULL;
    char *path = NULL;
    size_t length;
    (void)program;
    KR_NEW(ctx, l, 1);
    *state = l;
    KR_TRY(kr_parameters_read(ctx, table, options, "explore", &l->options, &l->complete));
    if (l->options.plugin[0]) {
        path = kr_label_path(ctx, base, l->options.plugin);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        status = kr_explore_full_path(ctx, path, &l->plugin);
        if (status != KR_OK) kr_error_prefix(ctx, "explore.options.plugin");
        KR_TRY(status);
        l->options.plugin = l->plugin;
    }
    if (l->options.template_file) {
        kr_free(path);
        path = kr_label_path(ctx, base, l->options.template_file);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_file_read(ctx, path, &l->options.template_text, &length));
        KR_TRY(kr_script_check(ctx, l->options.template_text, l->options.template_file));
    }
done:
    kr_free(path);
    if (status != KR_OK && l) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    const lammps *l = state;
    const double numbers[] = {l->options.tau_t, l->options.tau_p};
    (void)ctx;
    kr_digest_add(digest, numbers, sizeof numbers);
    kr_digest_text(digest, l->options.pair_words);
    kr_digest_text(digest, l->options.template_text ? l->options.template_text : "");
    return KR_OK;
}

/* ---- prepare ---- */

/* conf.lmp: all elements are types, in their order. */
static kr_status write_start(kr_context *ctx, const kr_explore_spec *s, const char *folder) {
    kr_status status = KR_OK;
    kr_builder builder = {0};
    kr_dataset *data = NULL;
    kr_frame frame = s->frame;
    double *mass = NULL;
    int index;
    char *path = kr_path_join(ctx, folder, "conf.lmp");
    if (!path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_dataset_create(ctx, &data));
    KR_TRY(kr_builder_begin(ctx, "start", 0, &builder));
    for (int t = 0; t < s->ntypes; t++)
        KR_TRY(kr_names_add(ctx, &builder.names, s->names[t], strlen(s->names[t]), &index));
    memset(frame.label, 0, sizeof frame.label);
    memset(frame.width, 0, sizeof frame.width);
    frame.label[KR_LABEL_VELOCITY] = s->frame.label[KR_LABEL_VELOCITY];
    frame.width[KR_LABEL_VELOCITY] = frame.label[KR_LABEL_VELOCITY] ? 3 : 0;
    if (s->masses) {
        KR_NEW(ctx, mass, (size_t)frame.natoms + 1);
        for (int i = 0; i < frame.natoms; i++) mass[i] = s->masses[frame.type[i]];
        frame.label[KR_LABEL_MASS] = mass;
        frame.width[KR_LABEL_MASS] = 1;
    }
    KR_TRY(kr_builder_add(ctx, &builder, &frame));
    KR_TRY(kr_builder_finish(ctx, &builder, data));
    KR_TRY(kr_lammps_data_write(ctx, data, path, 1));
done:
    kr_builder_clear(&builder);
    kr_dataset_destroy(&data);
    kr_free(mass);
    kr_free(path);
    return status;
}

/* The newest restart file of a folder that was written to its end: its step, −1 = none. */
static kr_status find_restart(kr_context *ctx, const char *folder, int64_t *step) {
    kr_status status = KR_OK;
    static const char words[16] = "LammpS RestartT";
    int count = 0;
    char **names = NULL, *text = NULL;
    size_t length;
    *step = -1;
    if (!kr_file_is_folder(folder)) return KR_OK;
    KR_TRY(kr_folder_list(ctx, folder, &count, &names));
    for (int i = 0; i < count; i++) {
        int64_t at;
        if (strncmp(names[i], "restart.", 8) != 0 || !kr_word_int((kr_word){names[i] + 8, strlen(names[i] + 8)}, &at) ||
            at <= *step)
            continue;
        char *path = kr_path_join(ctx, folder, names[i]);
        status = path ? kr_file_read(ctx, path, &text, &length) : KR_ERR_MEMORY;
        kr_free(path);
        KR_TRY(status);
        if (length >= 2 * sizeof words && !memcmp(text, words, sizeof words) &&
            !memcmp(text + length - sizeof words, words, sizeof words))
            *step = at;
        kr_free(text);
        text = NULL;
    }
done:
    kr_free(text);
    kr_names_free(count, names);
    return status;
}

/* Takes over what an earlier attempt left; *restart is the name of the file to go on from, "" = begin anew. */
static kr_status take_over(kr_context *ctx, const kr_explore_spec *s, const char *folder, char restart[40]) {
    kr_status status = KR_OK;
    int64_t here, before = -1;
    restart[0] = 0;
    KR_TRY(find_restart(ctx, folder, &here));
    if (s->previous) KR_TRY(find_restart(ctx, s->previous, &before));
    int64_t step = here > before ? here : before;
    if (step >= 0) snprintf(restart, 40, "restart.%" PRId64, step);
    if (before > here) {
        KR_TRY(kr_explore_copy(ctx, s->previous, folder, KR_EXPLORE_CANDIDATES ".part"));
        KR_TRY(kr_explore_copy(ctx, s->previous, folder, KR_EXPLORE_CANDIDATES)); /* killed behind its end */
        KR_TRY(kr_explore_copy(ctx, s->previous, folder, KR_EXPLORE_DEVIATIONS));
        KR_TRY(kr_explore_copy(ctx, s->previous, folder, restart)); /* last: it speaks of the others */
    }
    /* the step of the restart is computed, and its row written, once more */
    KR_TRY(kr_explore_cut_log(ctx, folder, KR_EXPLORE_DEVIATIONS, step - 1));
done:
    return status;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_explore_spec *s, const char *folder,
                         kr_string *command) {
    const lammps *l = state;
    kr_status status = KR_OK;
    kr_string out = {0};
    char **models = NULL, restart[40];
    if (s->mc_swap > 0 && s->T_K[0] != s->T_K[1])
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "LAMMPS exchanges atoms at one temperature, not along a ramp");
    KR_NEW(ctx, models, (size_t)s->nmodels);
    for (int m = 0, at = 1; m < s->nmodels; m++)
        KR_TRY(kr_explore_full_path(ctx, s->models[m], &models[m == s->driver ? 0 : at++]));
    KR_TRY(take_over(ctx, s, folder, restart));
    KR_TRY(write_start(ctx, s, folder));
    KR_TRY(kr_script_print(ctx, &l->options, s, (const char *const *)models, restart[0] ? restart : NULL, &out));
    KR_TRY(kr_file_write(ctx, folder, "in.lammps", out.data, out.length));
    KR_TRY(kr_string_printf(ctx, command, "%s -in in.lammps -log log.lammps -screen none", l->options.command));
done:
    for (int m = 0; models && m < s->nmodels; m++) kr_free(models[m]);
    kr_free(models);
    kr_free(out.data);
    return status;
}

/* ---- judge ---- */

/* Sentences with which LAMMPS and the pair style give up atoms that are nowhere any more. */
static const char *const physical[] = {"Lost atoms",          "Non-numeric",  "Out of range atoms", "is not finite",
                                       "simulation unstable", "not a finite", "degenerate",         "too far"};

static kr_status judge(kr_context *ctx, const void *state, const char *folder, const kr_usage *usage,
                       kr_explore_result *r) {
    kr_status status = KR_OK;
    char *log = NULL;
    size_t length;
    (void)state;
    KR_TRY(kr_label_text(ctx, folder, "log.lammps", &log, &length));
    const char *error = log ? strstr(log, "ERROR") : NULL;
    if (!error) {
        kr_free(log);
        log = NULL;
        KR_TRY(kr_label_text(ctx, folder, "stderr", &log, &length));
        error = log && log[0] ? log : "no message";
    }
    r->outcome = KR_OUTCOME_CRASHED;
    for (size_t k = 0; k < sizeof physical / sizeof *physical; k++)
        if (r->counts.sampled > 0 && strstr(error, physical[k])) r->outcome = KR_OUTCOME_DONE;
    snprintf(r->message, sizeof r->message, "LAMMPS ended with status %d: %.*s", usage->exit_status,
             (int)(strcspn(error, "\n") < 180 ? strcspn(error, "\n") : 180), error);
done:
    kr_free(log);
    return status;
}

const kr_explorer_kind kr_explorer_lammps = {
    .name = "lammps",
    .summary = "LAMMPS with pair_style kramers and fix kramers/examine",
    .reference = "A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022)",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .judge = judge,
};
