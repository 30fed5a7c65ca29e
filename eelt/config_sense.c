/* What fits the tables of eelt.json key by key, and does not make sense together.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading does the first checks, so that a campaign does not start with them either: levels in the wrong order, the
 * same cell twice, a slab whose vacuum the barostat closes, tested frames that are trained on. Numbers of frames that
 * cannot be reached are told before a campaign; it runs, and says itself what it lacked. */
#include "core/error.h"
#include "eelt/config.h"
#include "eelt/explorer.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The value of a key as given, or its section, for the place in a message. */
static const kr_tree *given(const kr_tree *section, const char *key, const kr_tree *otherwise) {
    const kr_tree *value = kr_tree_get(section, key);
    return value ? value : section ? section : otherwise;
}

/* ---- levels ---- */

static kr_status check_order(kr_context *ctx, const kr_tree *section, const char *where, const char *low, double a,
                             const char *high, double b) {
    if (!(a >= b)) return KR_OK; /* NaN: not used */
    return kr_config_told(
        ctx, kr_parameter_fail(ctx, where, low, given(section, low, NULL), "%g is not below %s, %g", a, high, b));
}

static kr_status check_levels(kr_context *ctx, const kr_config *c) {
    kr_status status = KR_OK;
    const kr_config_trust *t = &c->trust;
    const kr_config_select *s = &c->select;
    static const char where[] = "examine.trust";
    KR_TRY(check_order(ctx, c->examine.trust, where, "f_lo_eV_per_A", t->f_lo, "f_hi_eV_per_A", t->f_hi));
    KR_TRY(check_order(ctx, c->examine.trust, where, "v_lo_eV", t->v_lo, "v_hi_eV", t->v_hi));
    KR_TRY(check_order(ctx, c->examine.trust, where, "gamma_lo", t->gamma_lo, "gamma_hi", t->gamma_hi));
    if (s->accurate_soft > s->accurate_hard)
        KR_TRY(kr_config_told(
            ctx, kr_parameter_fail(ctx, "select", "accurate_soft", given(c->top.select, "accurate_soft", NULL),
                                   "found %g, above accurate_hard, %g", s->accurate_soft, s->accurate_hard)));
done:
    return status;
}

/* ---- stages ---- */

static kr_status check_twice(kr_context *ctx, const char *where, const char *key, const kr_tree *list, int n,
                             const kr_range *range) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            if (range[i].value[0] == range[k].value[0] && range[i].value[1] == range[k].value[1])
                return kr_config_told(ctx, kr_parameter_fail(ctx, where, key, list,
                                                             "%g is there twice: replicas are "
                                                             "runs of the same temperature and pressure",
                                                             range[i].value[0]));
    return KR_OK;
}

/* A slab with vacuum among the structures that a system makes. */
static int has_slab(const kr_tree *generate) {
    const int n = !generate ? 0 : generate->kind == KR_TREE_LIST ? generate->count : 1;
    for (int i = 0; i < n; i++) {
        const kr_tree *kind = kr_tree_get(generate->kind == KR_TREE_LIST ? generate->child[i] : generate, "kind");
        if (kind && kind->kind == KR_TREE_STRING && !strcmp(kind->string, "slab")) return 1;
    }
    return 0;
}

static kr_status check_stage(kr_context *ctx, const kr_config *c, int i) {
    kr_status status = KR_OK;
    const kr_config_stage *s = &c->stage[i];
    const kr_tree *node = c->explore.stages->child[i];
    char where[64];
    snprintf(where, sizeof where, "explore.stages[%d]", i);
    KR_TRY(check_twice(ctx, where, "T_K", given(node, "T_K", NULL), s->nT, s->T_K));
    KR_TRY(check_twice(ctx, where, "P_GPa", given(node, "P_GPa", NULL), s->nP, s->P_GPa));
    if (s->ensemble < KR_ENSEMBLE_NPT_ISO && s->nP > 1)
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, where, "P_GPa", given(node, "P_GPa", NULL),
                                                     "%d pressures, but the volume is constant (ensemble %s)", s->nP,
                                                     kr_ensemble_word((kr_ensemble)s->ensemble))));
    for (int k = 0; k < c->nsystems && s->uses && s->ensemble >= KR_ENSEMBLE_NPT_ISO; k++)
        if (s->uses[k] && has_slab(c->system[k].generate)) {
            KR_TRY(
                kr_config_told(ctx, kr_parameter_fail(ctx, where, "ensemble", given(node, "ensemble", NULL),
                                                      "%s closes the vacuum of the slabs in \"%s\": expected nvt or "
                                                      "nve",
                                                      kr_ensemble_word((kr_ensemble)s->ensemble), c->system[k].name)));
            break;
        }
done:
    return status;
}

/* ---- numbers of frames ---- */

/* Systems of the first stage: those that a campaign without data begins with. */
static int first_systems(const kr_config *c) {
    int n = 0;
    for (int k = 0; k < c->nsystems && c->nstages && c->stage[0].uses; k++) n += c->stage[0].uses[k];
    return n;
}

kr_status kr_config_enough(kr_context *ctx, const kr_config *c) {
    kr_status status = KR_OK;
    const kr_config_audit *a = &c->audit;
    double kept = 0, first = (double)first_systems(c) * c->bootstrap.frames;
    for (int i = 0; i < c->nstages; i++)
        for (int k = 0; k < c->nsystems && c->stage[i].uses; k++)
            if (c->stage[i].uses[k])
                kept += (double)c->stage[i].nT * c->stage[i].nP * c->stage[i].replicas * c->explore.reservoir;
    if (kept > 0 && a->per_iteration != KR_PARAMETER_NULL && a->per_iteration > kept)
        KR_TRY(kr_config_told(
            ctx, kr_parameter_fail(ctx, "audit", "per_iteration", given(c->top.audit, "per_iteration", NULL),
                                   "found %d, but all runs together keep %.0f accurate frames (explore.reservoir is %d "
                                   "a run)",
                                   a->per_iteration, kept, c->explore.reservoir)));
    if (a->most != KR_PARAMETER_NULL && a->most < a->certificate)
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, "audit", "certificate_most",
                                                     given(c->top.audit, "certificate_most", NULL),
                                                     "found %d, less than certificate, %d", a->most, a->certificate)));
    if (c->budget.labels != KR_PARAMETER_NULL && (double)c->budget.labels < first &&
        !(c->data.initial && c->data.initial->count))
        KR_TRY(kr_config_told(
            ctx, kr_parameter_fail(ctx, "campaign.budget", "labels", given(c->campaign.budget, "labels", NULL),
                                   "found %" PRId64 ", but the first labels alone are %.0f (explore.bootstrap.frames "
                                   "is %d a system)",
                                   c->budget.labels, first, c->bootstrap.frames)));
done:
    return status;
}

/* ---- data ---- */

static kr_status check_test(kr_context *ctx, const kr_config *c) {
    const kr_tree *initial = c->data.initial, *test = c->data.test;
    for (int i = 0; test && i < test->count; i++)
        for (int k = 0; initial && k < initial->count; k++)
            if (!strcmp(test->child[i]->string, initial->child[k]->string))
                return kr_config_told(ctx, kr_parameter_fail(ctx, "data", "test", test->child[i],
                                                             "'%s' is in data.initial, too: models are trained on it",
                                                             initial->child[k]->string));
    return KR_OK;
}

kr_status kr_config_sense(kr_context *ctx, const kr_config *c) {
    kr_status status = KR_OK;
    KR_TRY(check_levels(ctx, c));
    for (int i = 0; i < c->nstages; i++) KR_TRY(check_stage(ctx, c, i));
    KR_TRY(check_test(ctx, c));
done:
    return status;
}
