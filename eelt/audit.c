/* Rates and errors of an audit, by cell and over all (kramers/audit.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/audit.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/statistics.h"
#include <math.h>
#include <string.h>

const kr_audit_options kr_audit_defaults = {0.15, 0.95, 1000, 1, 0};

static double of_bound(const kr_audit_options *o) {
    return o->bound_confidence > 0 ? o->bound_confidence : o->confidence;
}

/* Rate of one stratum: limits of Clopper and Pearson at the number of independent frames. */
static void rate_of_cell(const kr_audit_options *o, int nruns, const kr_audit_run *runs, kr_likeness likeness,
                         kr_audit_rate *rate) {
    double n = 0, above = 0;
    for (int r = 0; r < nruns; r++) {
        n += runs[r].n;
        above += runs[r].above;
    }
    rate->frames = lround(n);
    rate->above = lround(above);
    rate->independent = kr_audit_independent(nruns, runs, likeness);
    rate->method = "Clopper-Pearson";
    double size = rate->independent, k = n > 0 ? above / n * size : 0, two = 0.5 + 0.5 * o->confidence;
    rate->rate =
        (kr_interval){n > 0 ? above / n : NAN, 1 - kr_upper_limit(size - k, size, two), kr_upper_limit(k, size, two)};
    rate->bound = kr_upper_limit(k, size, of_bound(o));
}

/* Over all cells; weight [ncells] sums up to 1. */
static kr_status rate_of_all(kr_context *ctx, const kr_audit_options *o, const double *weight,
                             kr_audit_report *report) {
    kr_status status = KR_OK;
    kr_audit_rate *all = &report->all;
    double *n = NULL, *k = NULL, seen = 0, two = 0.5 + 0.5 * o->confidence;
    int m = report->ncells;
    KR_NEW(ctx, n, (size_t)m);
    KR_NEW(ctx, k, (size_t)m);
    for (int c = 0; c < m; c++) {
        const kr_audit_rate *cell = &report->cell[c];
        all->frames += cell->frames;
        all->above += cell->above;
        all->independent += cell->independent;
        n[c] = cell->independent;
        if (!cell->frames) continue;
        k[c] = cell->rate.value * n[c];
        all->rate.value += weight[c] * cell->rate.value;
        seen += weight[c];
    }
    all->rate.value = seen > 0 ? all->rate.value / seen : NAN;
    all->method = m == 1 ? "Clopper-Pearson" : "stratified Wilson";
    all->bound = kr_upper_limit_stratified(m, weight, k, n, of_bound(o));
    all->rate.high = kr_upper_limit_stratified(m, weight, k, n, two);
    for (int c = 0; c < m; c++) k[c] = n[c] - k[c];
    all->rate.low = 1 - kr_upper_limit_stratified(m, weight, k, n, two);
done:
    kr_free(n);
    kr_free(k);
    return status;
}

static kr_status share_weights(kr_context *ctx, int ncells, const double *weight, double *share) {
    double total = 0;
    for (int c = 0; c < ncells; c++) {
        share[c] = weight ? weight[c] : 1;
        if (!(share[c] >= 0) || !isfinite(share[c]))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "weight %g of cell %d, must be >= 0 and finite", share[c], c);
        total += share[c];
    }
    if (!(total > 0)) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the weights of all %d cells are 0", ncells);
    for (int c = 0; c < ncells; c++) share[c] /= total;
    return KR_OK;
}

kr_status kr_audit_evaluate(kr_context *ctx, const kr_audit_options *options, int ncells, const double *weight, long n,
                            const kr_scored *scored, kr_audit_report **report) {
    kr_status status = KR_OK;
    const kr_audit_options *o = options ? options : &kr_audit_defaults;
    kr_audit_report *made = NULL;
    kr_audit_run *runs = NULL;
    double *share = NULL, one = 1;
    int *first = NULL, nruns;
    if (!report) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the report (NULL)");
    *report = NULL;
    if (ncells < 1 || n < 0 || (n && !scored) || !(o->e_target > 0) || !(o->confidence > 0 && o->confidence < 1) ||
        !(o->bound_confidence >= 0 && o->bound_confidence < 1))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "audit of %ld frames in %d cells, e_target %g (> 0), confidence %g (0 to 1)", n,
                ncells, o->e_target, o->confidence);
    KR_NEW(ctx, made, 1);
    KR_NEW(ctx, made->cell, (size_t)ncells);
    KR_NEW(ctx, share, (size_t)ncells);
    made->ncells = ncells;
    KR_TRY(share_weights(ctx, ncells, weight, share));
    KR_TRY(kr_audit_group(ctx, o->e_target, ncells, n, scored, &nruns, &runs, &first));
    kr_likeness likeness = kr_audit_likeness(ncells, runs, first);
    for (int c = 0; c < ncells; c++) {
        const int range[2] = {0, first[c + 1] - first[c]};
        rate_of_cell(o, range[1], runs + first[c], likeness, &made->cell[c]);
        KR_TRY(kr_audit_means(ctx, o, 1, &one, runs + first[c], range, (uint64_t)c + 1, &made->cell[c]));
    }
    KR_TRY(rate_of_all(ctx, o, share, made));
    KR_TRY(kr_audit_means(ctx, o, ncells, share, runs, first, 0, &made->all));
    made->likeness = likeness.error;
    *report = made;
    made = NULL;
done:
    kr_audit_report_destroy(&made);
    kr_free(share);
    kr_free(runs);
    kr_free(first);
    return status;
}

void kr_audit_report_destroy(kr_audit_report **report) {
    if (!report || !*report) return;
    kr_free((*report)->cell);
    kr_free(*report);
    *report = NULL;
}
