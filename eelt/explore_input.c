/* The input of a built-in run, written by `prepare`, read by the run.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Reals are written so that they read back to the same bits; levels that are off are null. */
#include "eelt/explore_input.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/parameters.h"
#include <inttypes.h>
#include <kramers/potential.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

static const kr_parameter option_table[] = {
    {.name = "mode",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(kr_builtin_options, mode),
     .initial = "\"md\"",
     .allowed = "md|mc",
     .help = "molecular dynamics or Monte Carlo; a step of mc tries one move"},
    {.name = "tau_t_ps",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(kr_builtin_options, tau_t),
     .initial = "0.1",
     .unit = "ps",
     .range = "> 0",
     .help = "relaxation time of the velocities: 1 / friction"},
    {.name = "tau_p_ps",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(kr_builtin_options, tau_p),
     .initial = "0.5",
     .unit = "ps",
     .range = "> 0",
     .help = "relaxation time of the pressure"},
    {.name = "compressibility_per_GPa",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(kr_builtin_options, compressibility),
     .initial = "0.02",
     .unit = "1/GPa",
     .range = "> 0",
     .help = "rough compressibility of the material, for tau_p; averages do not depend on it"},
    {.name = "precision",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(kr_builtin_options, precision),
     .initial = "\"double\"",
     .allowed = "double|mixed",
     .help = "of the evaluation of the models"},
    {.name = "tolerance",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(kr_builtin_options, tolerance),
     .initial = "1e-6",
     .unit = "eV/A",
     .range = "[0, 1]",
     .help = "force tolerance of the splines; 0: exact networks"},
    {0}};

kr_status kr_builtin_options_read(kr_context *ctx, const kr_tree *given, kr_builtin_options *options) {
    kr_tree *complete = NULL;
    kr_status status = kr_parameters_read(ctx, option_table, given, "explore", options, &complete);
    kr_tree_destroy(&complete);
    return status;
}

/* ---- writing ---- */

typedef struct writer {
    kr_context *ctx;
    kr_string out;
    kr_status status;
    int fields;
} writer;

static void put(writer *w, const char *text) {
    if (w->status == KR_OK) w->status = kr_string_puts(w->ctx, &w->out, text);
}

static void put_number(writer *w, double value) {
    char text[32];
    put(w, isfinite(value) ? kr_format_real(value, text) : "null");
}

static void key(writer *w, const char *name) {
    put(w, w->fields++ ? ",\n  \"" : "{\n  \"");
    put(w, name);
    put(w, "\": ");
}

static void put_real(writer *w, const char *name, double value) {
    key(w, name);
    put_number(w, value);
}

static void put_int(writer *w, const char *name, int64_t value) {
    key(w, name);
    if (w->status == KR_OK) w->status = kr_string_printf(w->ctx, &w->out, "%" PRId64, value);
}

static void put_reals(writer *w, const char *name, size_t n, const double *value) {
    key(w, name);
    for (size_t i = 0; i < n; i++) {
        put(w, i ? ", " : "[");
        put_number(w, value[i]);
    }
    put(w, n ? "]" : "[]");
}

/* A string with what JSON escapes. */
static void put_text(writer *w, const char *text) {
    kr_tree *tree = NULL;
    char *json = NULL;
    if (w->status == KR_OK) w->status = kr_tree_new_string(w->ctx, text, &tree);
    if (w->status == KR_OK) w->status = kr_json_format(w->ctx, tree, 0, &json);
    if (w->status == KR_OK) put(w, json);
    kr_free(json);
    kr_tree_destroy(&tree);
}

static void put_texts(writer *w, const char *name, int n, const char *const *text) {
    key(w, name);
    for (int i = 0; i < n; i++) {
        put(w, i ? ", " : "[");
        put_text(w, text[i]);
    }
    put(w, n ? "]" : "[]");
}

static void put_frame(writer *w, const kr_explore_spec *s) {
    const kr_frame *f = &s->frame;
    const double *velocity = f->label[KR_LABEL_VELOCITY];
    key(w, "types");
    for (int i = 0; i < f->natoms && w->status == KR_OK; i++)
        w->status = kr_string_printf(w->ctx, &w->out, "%s%d", i ? ", " : "[", f->type[i]);
    put(w, "]");
    put_reals(w, "coord_A", 3 * (size_t)f->natoms, f->coord);
    if (velocity) put_reals(w, "velocity_A_per_ps", 3 * (size_t)f->natoms, velocity);
    put_reals(w, "box_A", 9, f->box);
    const double pbc[3] = {f->pbc[0], f->pbc[1], f->pbc[2]};
    put_reals(w, "pbc", 3, pbc);
}

kr_status kr_explore_input_write(kr_context *ctx, const kr_explore_spec *s, const kr_builtin_options *o,
                                 const char *folder) {
    writer w = {.ctx = ctx};
    put_texts(&w, "models", s->nmodels, s->models);
    put_int(&w, "driver", s->driver);
    if (s->novelty) {
        key(&w, "novelty");
        put_text(&w, s->novelty);
    }
    put_texts(&w, "elements", s->ntypes, s->names);
    if (s->masses) put_reals(&w, "masses_amu", (size_t)s->ntypes, s->masses);
    put_int(&w, "ensemble", s->ensemble);
    put_reals(&w, "T_K", 2, s->T_K);
    put_reals(&w, "P_GPa", 2, s->P_GPa);
    put_int(&w, "steps", s->steps);
    put_real(&w, "dt_fs", s->dt_fs);
    put_int(&w, "sample_every", s->sample_every);
    put_int(&w, "seed", (int64_t)s->seed);
    put_real(&w, "f_lo", s->f_lo);
    put_real(&w, "f_hi", s->f_hi);
    put_real(&w, "v_lo", s->v_lo);
    put_real(&w, "v_hi", s->v_hi);
    put_int(&w, "reservoir", s->reservoir);
    put_real(&w, "correlation_ps", s->correlation_ps);
    put_int(&w, "stop", s->stop);
    put_real(&w, "mc_swap", s->mc_swap);
    put_real(&w, "temperature_hi", s->temperature_hi);
    put_real(&w, "volume_factor", s->volume_factor);
    put_real(&w, "closest", s->closest);
    const double options[] = {o->mode, o->tau_t, o->tau_p, o->compressibility, o->precision, o->tolerance};
    put_reals(&w, "options", sizeof options / sizeof *options, options);
    put_frame(&w, s);
    put(&w, "\n}\n");
    if (w.status == KR_OK) w.status = kr_file_write(ctx, folder, KR_EXPLORE_INPUT, w.out.data, w.out.length);
    kr_free(w.out.data);
    return w.status;
}

/* ---- reading ---- */

typedef struct fields {
    const kr_tree *models, *elements, *masses, *T, *P, *options, *types, *coord, *velocity, *box, *pbc;
    const char *novelty;
    int64_t steps, seed;
    int driver, ensemble, sample_every, reservoir, stop;
    double dt, f_lo, f_hi, v_lo, v_hi, correlation, mc_swap, temperature_hi, volume_factor, closest;
} fields;

#define FIELD(word, kind, place, ...) \
    { .name = word, .type = KR_PARAMETER_##kind, .offset = offsetof(fields, place), __VA_ARGS__ }
static const kr_parameter table[] = {FIELD("models", TEXTS, models),
                                     FIELD("novelty", TEXT, novelty, .initial = "null"),
                                     FIELD("driver", INT, driver, .range = ">= 0"),
                                     FIELD("elements", TEXTS, elements),
                                     FIELD("masses_amu", REALS, masses, .initial = ""),
                                     FIELD("ensemble", INT, ensemble, .range = "[0, 4]"),
                                     FIELD("T_K", REALS, T),
                                     FIELD("P_GPa", REALS, P),
                                     FIELD("steps", LONG, steps, .range = ">= 0"),
                                     FIELD("dt_fs", REAL, dt, .range = "> 0"),
                                     FIELD("sample_every", INT, sample_every, .range = ">= 1"),
                                     FIELD("seed", LONG, seed),
                                     FIELD("f_lo", REAL, f_lo, .initial = "null"),
                                     FIELD("f_hi", REAL, f_hi, .initial = "null"),
                                     FIELD("v_lo", REAL, v_lo, .initial = "null"),
                                     FIELD("v_hi", REAL, v_hi, .initial = "null"),
                                     FIELD("reservoir", INT, reservoir, .range = ">= 0"),
                                     FIELD("correlation_ps", REAL, correlation),
                                     FIELD("stop", INT, stop, .range = ">= 0"),
                                     FIELD("mc_swap", REAL, mc_swap),
                                     FIELD("temperature_hi", REAL, temperature_hi),
                                     FIELD("volume_factor", REAL, volume_factor),
                                     FIELD("closest", REAL, closest),
                                     FIELD("options", REALS, options),
                                     FIELD("types", INTS, types),
                                     FIELD("coord_A", REALS, coord),
                                     FIELD("velocity_A_per_ps", REALS, velocity, .initial = ""),
                                     FIELD("box_A", REALS, box),
                                     FIELD("pbc", REALS, pbc),
                                     {0}};
#undef FIELD

static kr_status reals(kr_context *ctx, const kr_tree *list, const char *name, int n, double **out) {
    int found;
    kr_status status = kr_parameter_reals(ctx, list, &found, out);
    if (status == KR_OK && found != n)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s has %d numbers, expected %d", name, found, n);
    return status;
}

static kr_status few(kr_context *ctx, const kr_tree *list, const char *name, int n, double *out) {
    double *value = NULL;
    kr_status status = reals(ctx, list, name, n, &value);
    if (status == KR_OK) memcpy(out, value, (size_t)n * sizeof *out);
    kr_free(value);
    return status;
}

static kr_status texts(kr_context *ctx, const kr_tree *list, int *n, const char ***out) {
    kr_status status = KR_OK;
    KR_NEW(ctx, *out, (size_t)list->count + 1);
    *n = list->count;
    for (int i = 0; i < *n; i++) (*out)[i] = list->child[i]->string;
done:
    return status;
}

static double level(double value) { return isnan(value) ? INFINITY : value; }

static kr_status take_fields(kr_context *ctx, const fields *f, kr_explore_input *in) {
    kr_status status = KR_OK;
    kr_explore_spec *s = &in->spec;
    kr_frame *frame = &s->frame;
    double options[6], pbc[3];
    *s = (kr_explore_spec){.driver = f->driver,
                           .novelty = f->novelty,
                           .ensemble = (kr_ensemble)f->ensemble,
                           .steps = f->steps,
                           .dt_fs = f->dt,
                           .sample_every = f->sample_every,
                           .seed = (uint64_t)f->seed,
                           .f_lo = level(f->f_lo),
                           .f_hi = level(f->f_hi),
                           .v_lo = level(f->v_lo),
                           .v_hi = level(f->v_hi),
                           .reservoir = f->reservoir,
                           .correlation_ps = f->correlation,
                           .stop = f->stop,
                           .mc_swap = f->mc_swap,
                           .temperature_hi = f->temperature_hi,
                           .volume_factor = f->volume_factor,
                           .closest = f->closest};
    KR_TRY(texts(ctx, f->models, &s->nmodels, &in->models));
    KR_TRY(texts(ctx, f->elements, &s->ntypes, &in->names));
    s->models = in->models;
    s->names = in->names;
    if (s->driver >= s->nmodels) KR_FAIL(ctx, KR_ERR_FORMAT, "driver %d of %d models", s->driver, s->nmodels);
    if (f->masses) KR_TRY(reals(ctx, f->masses, "masses_amu", s->ntypes, &in->masses));
    s->masses = in->masses;
    KR_TRY(few(ctx, f->T, "T_K", 2, s->T_K));
    KR_TRY(few(ctx, f->P, "P_GPa", 2, s->P_GPa));
    KR_TRY(few(ctx, f->options, "options", 6, options));
    in->options =
        (kr_builtin_options){(int)options[0], options[1], options[2], options[3], (int)options[4], options[5]};
    KR_TRY(few(ctx, f->box, "box_A", 9, frame->box));
    KR_TRY(few(ctx, f->pbc, "pbc", 3, pbc));
    for (int c = 0; c < 3; c++) frame->pbc[c] = pbc[c] != 0;
    KR_TRY(kr_parameter_ints(ctx, f->types, &frame->natoms, &in->type));
    for (int i = 0; i < frame->natoms; i++)
        if (in->type[i] < 0 || in->type[i] >= s->ntypes)
            KR_FAIL(ctx, KR_ERR_FORMAT, "types[%d] is %d of %d elements", i, in->type[i], s->ntypes);
    KR_TRY(reals(ctx, f->coord, "coord_A", 3 * frame->natoms, &in->coord));
    if (f->velocity) KR_TRY(reals(ctx, f->velocity, "velocity_A_per_ps", 3 * frame->natoms, &in->velocity));
    frame->type = in->type;
    frame->coord = in->coord;
    frame->label[KR_LABEL_VELOCITY] = in->velocity;
done:
    return status;
}

kr_status kr_explore_input_read(kr_context *ctx, const char *folder, kr_explore_input *in) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    kr_tree *given = NULL;
    fields f = {0};
    char *path = kr_path_join(ctx, folder, KR_EXPLORE_INPUT);
    *in = (kr_explore_input){0};
    if (!path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_json_read(ctx, path, &given));
    KR_TRY(kr_parameters_read(ctx, table, given, KR_EXPLORE_INPUT, &f, &in->tree));
    KR_TRY(take_fields(ctx, &f, in));
    KR_TRY(kr_digest_create(ctx, &digest));
    KR_TRY(kr_digest_file(ctx, digest, path));
    kr_digest_end(digest, in->sha);
done:
    kr_digest_destroy(&digest);
    kr_tree_destroy(&given);
    kr_free(path);
    return status;
}

void kr_explore_input_free(kr_explore_input *in) {
    kr_tree_destroy(&in->tree);
    kr_free(in->models);
    kr_free(in->names);
    kr_free(in->type);
    kr_free(in->coord);
    kr_free(in->velocity);
    kr_free(in->masses);
    *in = (kr_explore_input){0};
}
