/* Explorer "builtin": dynamics and Monte Carlo of this library, in a process of its own.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * `prepare` writes explore.json, the command is `kramers eelt explore .` (explore_run.c). What integrators and moves
 * compute stands in explore_dynamics.c and explore_monte_carlo.c. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/explore_input.h"
#include "eelt/explore_logs.h"
#include "eelt/labeller.h"
#include <stdio.h>
#include <string.h>

typedef struct builtin {
    kr_builtin_options options;
    char *program;
} builtin;

static void destroy(void **state) {
    builtin *b = *state;
    if (!b) return;
    kr_free(b->program);
    kr_free(b);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, const char *program, void **state) {
    kr_status status = KR_OK;
    builtin *b = NULL;
    (void)base;
    KR_NEW(ctx, b, 1);
    *state = b;
    KR_TRY(kr_builtin_options_read(ctx, options, &b->options));
    b->program = kr_strdup(ctx, program);
    if (!b->program) KR_TRY(KR_ERR_MEMORY);
done:
    if (status != KR_OK && b) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    const builtin *b = state;
    const double numbers[] = {b->options.mode,      b->options.tau_t,    b->options.tau_p, b->options.compressibility,
                              b->options.precision, b->options.tolerance};
    (void)ctx;
    kr_digest_add(digest, numbers, sizeof numbers);
    return KR_OK;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_explore_spec *spec, const char *folder,
                         kr_string *command) {
    const builtin *b = state;
    kr_status status = KR_OK;
    kr_explore_spec s = *spec;
    char **models = NULL, *novelty = NULL;
    /* the checkpoint last: without it the run begins anew, with it everything that it speaks of is there */
    static const char *const kept[] = {KR_EXPLORE_CANDIDATES ".part", KR_EXPLORE_CANDIDATES, KR_EXPLORE_THERMO,
                                       KR_EXPLORE_DEVIATIONS, KR_EXPLORE_CHECKPOINT};
    KR_NEW(ctx, models, (size_t)s.nmodels);
    for (int m = 0; m < s.nmodels; m++) KR_TRY(kr_explore_full_path(ctx, spec->models[m], &models[m]));
    s.models = (const char *const *)models;
    if (spec->novelty) KR_TRY(kr_explore_full_path(ctx, spec->novelty, &novelty));
    s.novelty = novelty;
    KR_TRY(kr_explore_input_write(ctx, &s, &b->options, folder));
    for (size_t i = 0; spec->previous && i < sizeof kept / sizeof *kept; i++)
        KR_TRY(kr_explore_copy(ctx, spec->previous, folder, kept[i]));
    KR_TRY(kr_string_quote(ctx, command, b->program));
    KR_TRY(kr_string_puts(ctx, command, " eelt explore ."));
done:
    for (int m = 0; models && m < s.nmodels; m++) kr_free(models[m]);
    kr_free(models);
    kr_free(novelty);
    return status;
}

/* The program says by its exit status that something was wrong; physical failures end with status 0. */
static kr_status judge(kr_context *ctx, const void *state, const char *folder, const kr_usage *usage,
                       kr_explore_result *r) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length = 0;
    (void)state;
    KR_TRY(kr_label_text(ctx, folder, "stderr", &text, &length));
    r->outcome = usage->exit_status == 3 ? KR_OUTCOME_CANCELLED : KR_OUTCOME_CRASHED;
    snprintf(r->message, sizeof r->message, "status %d: %.*s", usage->exit_status, text ? (int)strcspn(text, "\n") : 10,
             text ? text : "no message");
done:
    kr_free(text);
    return status;
}

const kr_explorer_kind kr_explorer_builtin = {
    .name = "builtin",
    .summary = "dynamics and Monte Carlo of this library",
    .reference = "B. Leimkuhler, C. Matthews, Appl. Math. Res. eXpress 2013, 34; M. Bernetti, G. Bussi, J. Chem. Phys. "
                 "153, 114107 (2020)",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .judge = judge,
};
