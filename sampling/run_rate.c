/* The command rate: runs a list of methods on one problem, puts their results side by side and tests whether they
 * agree. SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "sampling/rate.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct rates {
    const kr_tree *methods, *coordinate;
    double dt, agreement;
    const char *integrator;
    int n;
    kr_rate *method; /* [n] */
} rates;

#define ENTRY(field) .offset = offsetof(rates, field)
static const kr_parameter parameters[] = {
    {.name = "dt",
     .type = KR_PARAMETER_REAL,
     ENTRY(dt),
     .range = "> 0",
     .unit = "time",
     .help = "time step of the dynamics"},
    {.name = "integrator",
     .type = KR_PARAMETER_TEXT,
     ENTRY(integrator),
     .initial = "",
     .help = "euler, heun, leimkuhler_matthews, baoab, obabo, aboba; null: what fits the problem"},
    {.name = "coordinate",
     .type = KR_PARAMETER_TREE,
     ENTRY(coordinate),
     .initial = "",
     .help = "for ffs and ams: a formula that grows from A to B, or {\"committor\": \"FOLDER\"}, a learned one; null: "
             "from the "
             "distances to A and B"},
    {.name = "methods",
     .type = KR_PARAMETER_TREE,
     ENTRY(methods),
     .help = "a list: {\"kind\": \"mfpt\", ...}; `kramers rate --keys mfpt` explains one"},
    {.name = "agreement",
     .type = KR_PARAMETER_REAL,
     ENTRY(agreement),
     .initial = "3",
     .range = "> 0",
     .help = "methods disagree when they differ by more than this many standard errors"},
    {0}};

/* Of every method; its own state follows in memory. */
typedef struct method_common {
    const char *kind, *label, *integrator;
    const kr_tree *coordinate;
    double dt;
} method_common;
static const kr_parameter method_table[] = {
    {.name = "kind", .type = KR_PARAMETER_TEXT, .offset = offsetof(method_common, kind), .help = "which method"},
    {.name = "label",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(method_common, label),
     .initial = "",
     .help = "its name in the results; null: the kind"},
    {.name = "dt",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(method_common, dt),
     .initial = "null",
     .range = "> 0",
     .help = "time step; null: that of the run"},
    {.name = "integrator",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(method_common, integrator),
     .initial = "",
     .help = "null: that of the run"},
    {.name = "coordinate",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(method_common, coordinate),
     .initial = "",
     .help = "null: that of the run"},
};
enum {
    NCOMMON = sizeof method_table / sizeof *method_table,
    MOST = 32,
    STATE_AT = (sizeof(method_common) + 63) / 64 * 64
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static kr_status find_kind(kr_context *ctx, const kr_tree *object, const kr_rate_kind **kind) {
    const char *names[MOST], *name;
    char place[48];
    int n = kr_rate_count();
    if (object->kind != KR_TREE_MAP)
        return kr_parameter_fail(ctx, "methods", "", object, "a method expected, {\"kind\": \"mfpt\"}");
    kr_status status = kr_tree_get_string(ctx, object, "kind", &name);
    if (status != KR_OK) return status;
    for (int k = 0; k < n; k++) {
        names[k] = (*kind = kr_rate_at(k))->name;
        if (!strcmp(names[k], name)) return KR_OK;
    }
    KR_ERROR(ctx, KR_ERR_FORMAT, "methods: there is no method '%.60s'%s", name,
             kr_tree_place(kr_tree_get(object, "kind"), place));
    kr_suggest_hint(ctx, name, n, names, '\'');
    return KR_ERR_FORMAT;
}

static void method_parameters(const kr_rate_kind *kind, kr_parameter table[MOST]) {
    memset(table, 0, MOST * sizeof *table);
    memcpy(table, method_table, sizeof method_table);
    int n = NCOMMON;
    for (const kr_parameter *k = kind->parameters; k && k->name && n < MOST - 1; k++, n++) {
        table[n] = *k;
        table[n].offset += STATE_AT;
    }
}

static kr_status prepare_method(kr_context *ctx, kr_sampling *run, const kr_tree *object, kr_rate *m) {
    kr_status status = KR_OK;
    const rates *s = run->state;
    kr_parameter table[MOST];
    char *block = NULL;
    kr_mover *mover = NULL;
    KR_TRY(find_kind(ctx, object, &m->kind));
    method_parameters(m->kind, table);
    KR_NEW(ctx, block, STATE_AT + m->kind->size);
    m->block = block;
    m->state = block + STATE_AT;
    m->run = run;
    m->problem = run->problem;
    KR_TRY(kr_parameters_read(ctx, table, object, m->kind->name, block, &m->complete));
    const method_common *c = (const method_common *)(const void *)block;
    m->label = c->label ? c->label : m->kind->name;
    m->dt = c->dt > 0 ? c->dt : s->dt;
    m->integrator = c->integrator ? c->integrator : s->integrator;
    m->converged = 1;
    m->k_ab = m->k_ba = m->nu = (kr_estimate){NAN, NAN};
    m->pieces = 1;
    KR_TRY(kr_coordinate_create(ctx, m->problem, c->coordinate ? c->coordinate : s->coordinate, &m->coordinate));
    KR_TRY(kr_rate_mover(ctx, m, 0, 0, m->dt, &mover)); /* checks the integrator */
    m->margin = kr_first_passage_margin(mover);
    KR_TRY(m->kind->prepare(ctx, m));
    KR_NEW(ctx, m->out, (size_t)m->pieces * (size_t)m->width);
    for (int i = 0; i < m->index; i++)
        if (!strcmp(m->label, s->method[i].label))
            KR_TRY(kr_parameter_fail(ctx, "methods", "", object, "two are called '%s', give them labels", m->label));
done:
    kr_mover_destroy(&mover);
    return status;
}

static kr_status prepare(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    rates *s = run->state;
    if (!run->problem) return kr_parameter_fail(ctx, "rate", "problem", NULL, "the key is missing");
    KR_TRY(kr_problem_need_states(ctx, run->problem));
    if (kr_tree_is_null(s->methods) || s->methods->kind != KR_TREE_LIST || !s->methods->count)
        return kr_parameter_fail(ctx, "rate", "methods", s->methods, "a list of methods expected");
    if (s->methods->count > 256) return kr_parameter_fail(ctx, "rate", "methods", s->methods, "at most 256 methods");
    KR_NEW(ctx, s->method, (size_t)s->methods->count);
    for (; s->n < s->methods->count; s->n++) {
        s->method[s->n].index = s->n;
        status = prepare_method(ctx, run, s->methods->child[s->n], &s->method[s->n]);
        if (status < 0) {
            s->n++;
            goto done;
        }
    }
done:
    return status;
}

static void destroy(kr_sampling *run) {
    rates *s = run->state;
    for (int i = 0; i < s->n; i++) {
        kr_rate *m = &s->method[i];
        if (m->kind && m->state && m->kind->destroy) m->kind->destroy(m);
        kr_coordinate_destroy(&m->coordinate);
        kr_tree_destroy(&m->complete);
        kr_free(m->out);
        kr_free(m->block);
    }
    kr_free(s->method);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* done pieces of every method: "0": [numbers] … */
static kr_status write_checkpoint(kr_context *ctx, kr_sampling *run, const int *done_of) {
    kr_status status = KR_OK;
    const rates *s = run->state;
    kr_tree *state = NULL;
    char key[16];
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &state));
    for (int i = 0; i < s->n; i++) {
        snprintf(key, sizeof key, "%d", i);
        KR_TRY(kr_run_set_reals(ctx, state, key, (long)done_of[i] * s->method[i].width, s->method[i].out));
    }
    KR_TRY(kr_run_checkpoint_write(ctx, run, state));
done:
    kr_tree_destroy(&state);
    return status;
}

static kr_status read_checkpoint(kr_context *ctx, kr_sampling *run, int *done_of) {
    kr_status status = KR_OK;
    const rates *s = run->state;
    kr_tree *state = NULL;
    char key[16];
    KR_TRY(kr_run_checkpoint_read(ctx, run, &state));
    for (int i = 0; state && i < s->n; i++) {
        snprintf(key, sizeof key, "%d", i);
        const kr_tree *list = kr_tree_get(state, key);
        int count = list && list->kind == KR_TREE_LIST ? list->count : 0;
        if (count % s->method[i].width || count > s->method[i].pieces * s->method[i].width)
            KR_FAIL(ctx, KR_ERR_FORMAT, "checkpoint.json has %d numbers for method %d", count, i);
        KR_TRY(kr_run_get_reals(ctx, state, key, count, s->method[i].out));
        done_of[i] = count / s->method[i].width;
    }
done:
    kr_tree_destroy(&state);
    return status;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* KR_CANCELLED after a checkpoint. */
static kr_status run_method(kr_context *ctx, kr_sampling *run, kr_rate *m, int *done_of) {
    kr_status status = KR_OK;
    kr_tree *all;
    int *finished = &done_of[m->index];
    double started = now();
    all = (kr_tree *)kr_tree_get(run->results, "methods");
    KR_TRY(kr_run_set_map(ctx, all, m->label, &m->results));
    if (m->kind->begin) KR_TRY(m->kind->begin(ctx, m));
    while (*finished < m->pieces) {
        status = kr_progress(ctx, m->label, *finished, m->pieces);
        if (status == KR_OK) status = m->kind->piece(ctx, m, *finished, m->out + (long)*finished * m->width);
        if (status < 0) goto done;
        if (status == KR_OK) ++*finished;
        if (status == KR_CANCELLED || kr_run_checkpoint_due(run)) {
            kr_status written = write_checkpoint(ctx, run, done_of);
            if (written < 0) return written;
        }
        if (status == KR_CANCELLED) return KR_CANCELLED;
    }
    kr_progress(ctx, m->label, m->pieces, m->pieces);
    KR_TRY(m->kind->combine(ctx, m));
    KR_TRY(kr_run_set_text(ctx, m->results, "kind", m->kind->name));
    KR_TRY(kr_rate_set(ctx, m->results, "k_ab", m->k_ab));
    KR_TRY(kr_rate_set(ctx, m->results, "k_ba", m->k_ba));
    KR_TRY(kr_rate_set(ctx, m->results, "nu", m->nu));
    KR_TRY(kr_run_set_text(ctx, m->results, "error_from", m->error_from ? m->error_from : "none"));
    KR_TRY(kr_run_set_bool(ctx, m->results, "converged", m->converged));
    if (!m->converged) KR_TRY(kr_run_set_text(ctx, m->results, "doubt", m->why));
    KR_TRY(kr_run_set_real(ctx, m->results, "seconds", now() - started));
done:
    return status < 0 ? status : KR_OK;
}

/* The table for people. */
static kr_status report(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    const rates *s = run->state;
    KR_TRY(
        kr_run_line(ctx, run, "%-20s %14s %10s %14s %10s %14s %10s", "method", "k_AB", "+-", "k_BA", "+-", "nu", "+-"));
    for (int i = 0; i < s->n; i++) {
        const kr_rate *m = &s->method[i];
        kr_estimate e[3] = {m->k_ab, m->k_ba, m->nu};
        char text[3][32];
        for (int k = 0; k < 3; k++) {
            if (isnan(e[k].value))
                snprintf(text[k], sizeof text[k], "%14s %10s", "-", "");
            else if (isnan(e[k].error))
                snprintf(text[k], sizeof text[k], "%14.6g %10s", e[k].value, "none");
            else
                snprintf(text[k], sizeof text[k], "%14.6g %10.2g", e[k].value, e[k].error);
        }
        KR_TRY(kr_run_line(ctx, run, "%-20s %s %s %s", m->label, text[0], text[1], text[2]));
    }
    for (int i = 0; i < s->n; i++)
        if (!s->method[i].converged)
            KR_TRY(kr_run_line(ctx, run, "%s is not to be trusted: %s", s->method[i].label, s->method[i].why));
done:
    return status;
}

/* rates.dat: one line per method, for pictures and other programs. */
static kr_status write_table(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    const rates *s = run->state;
    kr_string text = {0};
    char line[512];
    KR_TRY(kr_string_puts(ctx, &text, "# method k_ab error k_ba error nu error converged (nan: not given)\n"));
    for (int i = 0; i < s->n; i++) {
        const kr_rate *m = &s->method[i];
        snprintf(line, sizeof line, "\"%.100s\" %.9g %.3g %.9g %.3g %.9g %.3g %d\n", m->label, m->k_ab.value,
                 m->k_ab.error, m->k_ba.value, m->k_ba.error, m->nu.value, m->nu.error, m->converged);
        KR_TRY(kr_string_puts(ctx, &text, line));
    }
    KR_TRY(kr_run_write_text(ctx, run, "rates.dat", text.data));
done:
    kr_free(text.data);
    return status;
}

static kr_status execute(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    rates *s = run->state;
    kr_tree *methods;
    int *done_of = NULL, doubts = 0;
    KR_NEW(ctx, done_of, (size_t)s->n);
    KR_TRY(kr_run_set_map(ctx, run->results, "methods", &methods));
    KR_TRY(read_checkpoint(ctx, run, done_of));
    for (int i = 0; i < s->n; i++) {
        KR_TRY(run_method(ctx, run, &s->method[i], done_of));
        doubts += !s->method[i].converged;
    }
    KR_TRY(report(ctx, run));
    KR_TRY(write_table(ctx, run));
    KR_TRY(kr_rates_agree(ctx, run, methods, s->agreement));
    if (doubts) status = KR_NOT_CONVERGED;
done:
    kr_free(done_of);
    return status;
}

static int help(const char *word, void (*line)(const char *, void *), void *payload) {
    char text[512];
    if (!*word) line("methods:", payload);
    for (int k = 0; k < kr_rate_count(); k++) {
        const kr_rate_kind *kind = kr_rate_at(k);
        if (*word && strcmp(word, kind->name) != 0) continue;
        snprintf(text, sizeof text, "  %-16s %s", kind->name, kind->summary);
        line(text, payload);
        if (!*word) continue;
        kr_parameter table[MOST];
        method_parameters(kind, table);
        snprintf(text, sizeof text, "  source: %s", kind->reference);
        line(text, payload);
        kr_parameters_describe(table, line, payload);
        return 1;
    }
    return !*word;
}

const kr_run_kind kr_run_rate = {
    .name = "rate",
    .summary = "transition rates by independent methods",
    .parameters = parameters,
    .size = sizeof(rates),
    .prepare = prepare,
    .execute = execute,
    .destroy = destroy,
    .help = help,
};
