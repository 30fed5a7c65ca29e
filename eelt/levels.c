/* Levels that follow the data: DP-GEN's two rules, and calibration with labelled frames (kramers/examine.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/statistics.h"
#include <kramers/examine.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const kr_adapt_options kr_adapt_dpgen = {10, 0, 0, 0};
const kr_adapt_options kr_adapt_dpgen2 = {200, 0, 1, 0};
const kr_calibrate_options kr_calibrate_defaults = {0.15, 0.05, 0.95, 40, 0};

/* ---- adaptive ---- */

typedef struct ranked {
    double value;
    long index;
} ranked;

static int ascending(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* The largest `count` (or percent) of list [n] become candidates; the smallest of them, `none` when there are none. */
static double take_top(long n, ranked *list, long count, double percent, double none, kr_class *classes) {
    long share = (long)(percent * 0.01 * (double)n);
    if (count < share) count = share;
    if (count > n) count = n;
    qsort(list, (size_t)n, sizeof *list, ascending);
    for (long i = n - count; i < n; i++) classes[list[i].index] = KR_CLASS_CANDIDATE;
    return count > 0 ? list[n - count].value : none;
}

kr_status kr_levels_adapt(kr_context *ctx, const kr_adapt_options *options, long skip_steps, long n,
                          const kr_sample *samples, kr_levels *levels, kr_class *classes) {
    kr_status status = KR_OK;
    ranked *f = NULL, *v = NULL;
    long left = 0;
    if (!options || !levels || n < 0 || (n > 0 && (!samples || !classes)))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%ld samples without options, levels, samples or room for classes", n);
    if (options->count_f < 0 || options->count_v < 0 || !(options->percent_f >= 0 && options->percent_f <= 100) ||
        !(options->percent_v >= 0 && options->percent_v <= 100))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "candidates: %ld or %g %% by force, %ld or %g %% by virial; allowed >= 0, <= 100",
                options->count_f, options->percent_f, options->count_v, options->percent_v);
    KR_NEW(ctx, f, (size_t)n + 1);
    KR_NEW(ctx, v, (size_t)n + 1);
    for (long i = 0; i < n; i++) {
        const kr_sample *s = &samples[i];
        classes[i] = KR_CLASS_SKIPPED;
        if (s->step < skip_steps) continue;
        classes[i] = KR_CLASS_FAILED;
        if (s->insane || isnan(s->dev_f) || isnan(s->dev_v) || s->dev_f > levels->f_hi || s->dev_v > levels->v_hi)
            continue;
        classes[i] = KR_CLASS_ACCURATE;
        f[left] = (ranked){s->dev_f, i};
        v[left++] = (ranked){s->dev_v, i};
    }
    levels->f_lo = take_top(left, f, options->count_f, options->percent_f, levels->f_hi, classes);
    levels->v_lo = take_top(left, v, options->count_v, options->percent_v, levels->v_hi, classes);
done:
    kr_free(f);
    kr_free(v);
    return status;
}

int kr_levels_settled(long n, const double *f_lo, int checked, double tolerance) {
    if (!f_lo || checked < 2 || n < checked) return 0;
    for (long i = n - checked + 1; i < n; i++)
        if (!(fabs(f_lo[i] - f_lo[i - 1]) < tolerance)) return 0;
    return 1;
}

/* ---- calibrated ---- */

/* Pairs in ascending order of u. */
typedef struct sorted {
    double u, e;
} sorted;

static int by_u(const void *a, const void *b) {
    const sorted *x = a, *y = b;
    if (x->u != y->u) return x->u < y->u ? -1 : 1;
    return (x->e > y->e) - (x->e < y->e);
}

/* Isotonic fit of `event` [n] over ascending u; upper limit at u: Clopper and Pearson over all pairs up to u, which
 * bounds the share of frames above the target among those that a level at u would call accurate. Pairs of equal u stand
 * together.
 * */
static kr_status curve(kr_context *ctx, const kr_calibrate_options *o, long n, const sorted *list,
                       kr_calibration_point *point) {
    kr_status status = KR_OK;
    double *event = NULL, *fit = NULL;
    long above = 0;
    KR_NEW(ctx, event, (size_t)n + 1);
    KR_NEW(ctx, fit, (size_t)n + 1);
    for (long i = 0; i < n; i++) event[i] = list[i].e > o->e_target;
    KR_TRY(kr_isotonic(ctx, n, event, NULL, fit));
    for (long i = 0; i < n; i++) {
        above += event[i] > 0;
        point[i] = (kr_calibration_point){list[i].u, fit[i], kr_upper_limit(above, i + 1, o->confidence)};
    }
done:
    kr_free(event);
    kr_free(fit);
    return status;
}

/* s, rank correlation, coverage. */
static kr_status quality(kr_context *ctx, long n, const sorted *list, kr_calibration *c) {
    kr_status status = KR_OK;
    double *u = NULL, *e = NULL, uu = 0, ee = 0;
    long covered = 0;
    KR_NEW(ctx, u, (size_t)n + 1);
    KR_NEW(ctx, e, (size_t)n + 1);
    for (long i = 0; i < n; i++) {
        u[i] = list[i].u;
        e[i] = list[i].e;
        uu += u[i] * u[i];
        ee += e[i] * e[i];
    }
    c->scale = uu > 0 ? sqrt(ee / uu) : NAN;
    for (long i = 0; i < n; i++) covered += e[i] <= c->scale * u[i];
    c->coverage = n ? (double)covered / (double)n : NAN;
    KR_TRY(kr_spearman(ctx, n, u, e, &c->spearman));
done:
    kr_free(u);
    kr_free(e);
    return status;
}

/* Largest level at which what was counted below it has an upper limit of alpha; pairs of equal u are in or out
 * together. −1 = none: zero of 59 is the least that can show 5 %. */
static long last_by_count(const kr_calibrate_options *o, const sorted *list, const kr_calibration *c) {
    long last = -1;
    for (long i = 0; i < c->npoints; i++)
        if ((i + 1 == c->npoints || list[i + 1].u > list[i].u) && c->point[i].high <= o->alpha) last = i;
    return last;
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* When there are too few pairs below any level, all pairs together tell the law of e/u: P(e > e_target | u) =
 * P(e/u > e_target/u), and k of n pairs above that ratio limit it. *level: the largest u with a limit of alpha, NaN
 * when even none above would not do. */
static kr_status level_by_scale(kr_context *ctx, const kr_calibrate_options *o, const sorted *list,
                                const kr_calibration *c, double *level) {
    kr_status status = KR_OK;
    double *ratio = NULL;
    long n = c->npoints, k = -1;
    *level = NAN;
    KR_NEW(ctx, ratio, (size_t)n + 1);
    for (long i = 0; i < n; i++) ratio[i] = list[i].u > 0 ? list[i].e / list[i].u : INFINITY;
    qsort(ratio, (size_t)n, sizeof *ratio, descending);
    while (k + 1 < n && kr_upper_limit((double)(k + 1), (double)n, o->confidence) <= o->alpha) k++;
    if (k >= 0 && isfinite(ratio[k]) && ratio[k] > 0) *level = o->e_target / ratio[k];
done:
    kr_free(ratio);
    return status;
}

/* Pairs at most at a level, and how many of them are above the target. */
static long count_below(const kr_calibrate_options *o, const sorted *list, long n, double level, long *above) {
    long count = 0;
    *above = 0;
    for (; count < n && list[count].u <= level; count++) *above += list[count].e > o->e_target;
    return count;
}

static const char *unit(const kr_calibrate_options *o) { return o->unit_free ? "" : " eV/A"; }

static kr_status set_lo(kr_context *ctx, const kr_calibrate_options *o, const sorted *list, kr_levels *levels,
                        kr_calibration *c) {
    kr_status status = KR_OK;
    long last = last_by_count(o, list, c), above, below;
    double level, low, high;
    KR_TRY(level_by_scale(ctx, o, list, c, &level));
    below = isfinite(level) ? count_below(o, list, c->npoints, level, &above) : 0;
    if (below) kr_interval_exact(above, below, o->confidence, &low, &high);
    if (last >= 0) {
        levels->f_lo = c->point[last].u;
        snprintf(c->note, sizeof c->note, "f_lo %.4g%s: of %ld labelled frames below, at most %.1f %% exceed %g eV/A",
                 levels->f_lo, unit(o), last + 1, 100 * c->point[last].high, o->e_target);
    } else if (below && low > o->alpha) {
        snprintf(c->note, sizeof c->note,
                 "f_lo stays %.4g%s: %ld of %ld frames below %.4g exceed %g eV/A, %s does not see it", levels->f_lo,
                 unit(o), above, below, level, o->e_target, o->unit_free ? "the grade" : "the deviation");
    } else if (isfinite(level)) {
        levels->f_lo = level;
        snprintf(c->note, sizeof c->note,
                 "f_lo %.4g%s: by the ratio e/u of %ld labelled frames, too few lie below any level", level, unit(o),
                 c->npoints);
    } else {
        snprintf(c->note, sizeof c->note,
                 "f_lo stays %.4g%s: no level has an upper limit of %g %% with these %ld pairs", levels->f_lo, unit(o),
                 100 * o->alpha, c->npoints);
    }
    c->lo_changed = last >= 0 || (isfinite(level) && !(below && low > o->alpha));
    below = count_below(o, list, c->npoints, levels->f_lo, &above);
    c->rate_below = below ? (double)above / (double)below : NAN;
    c->high_below = kr_upper_limit((double)above, (double)below, o->confidence);
done:
    return status;
}

/* hi: where the isotonic fit of the labeller's failures passes one half. */
static kr_status set_hi(kr_context *ctx, long n, const kr_error_pair *pairs, kr_levels *levels, kr_calibration *c) {
    kr_status status = KR_OK;
    sorted *all = NULL;
    double *event = NULL, *fit = NULL;
    long used = 0;
    if (!c->failures) goto done;
    KR_NEW(ctx, all, (size_t)n);
    KR_NEW(ctx, event, (size_t)n);
    KR_NEW(ctx, fit, (size_t)n);
    for (long i = 0; i < n; i++)
        if (isfinite(pairs[i].u)) all[used++] = (sorted){pairs[i].u, !isfinite(pairs[i].e)};
    qsort(all, (size_t)used, sizeof *all, by_u);
    for (long i = 0; i < used; i++) event[i] = all[i].e;
    KR_TRY(kr_isotonic(ctx, used, event, NULL, fit));
    for (long i = 0; i < used; i++) {
        if (!(fit[i] > 0.5)) continue;
        levels->f_hi = all[i].u;
        c->hi_changed = 1;
        break;
    }
done:
    /* frames just above lo must be candidates, not failures, whatever hi was */
    if (levels->f_hi < 2 * levels->f_lo) {
        levels->f_hi = 2 * levels->f_lo;
        c->hi_changed = 1;
    }
    kr_free(all);
    kr_free(event);
    kr_free(fit);
    return status;
}

kr_status kr_levels_calibrate(kr_context *ctx, const kr_calibrate_options *options, long n, const kr_error_pair *pairs,
                              kr_levels *levels, kr_calibration *calibration) {
    kr_status status = KR_OK;
    const kr_calibrate_options *o = options ? options : &kr_calibrate_defaults;
    sorted *list = NULL;
    long used = 0;
    if (!levels || !calibration || n < 0 || (n > 0 && !pairs))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld pairs without pairs, levels or room for the calibration", n);
    *calibration = (kr_calibration){.scale = NAN, .spearman = NAN, .coverage = NAN, .rate_below = NAN, .high_below = 1};
    if (!(o->alpha > 0 && o->alpha < 1) || !(o->confidence > 0 && o->confidence < 1) || !(o->e_target > 0))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "calibration: e_target %g (> 0), alpha %g and confidence %g (0 to 1)",
                o->e_target, o->alpha, o->confidence);
    KR_NEW(ctx, list, (size_t)n + 1);
    for (long i = 0; i < n; i++) {
        if (!isfinite(pairs[i].u)) continue;
        if (isfinite(pairs[i].e))
            list[used++] = (sorted){pairs[i].u, pairs[i].e};
        else
            calibration->failures++;
    }
    calibration->pairs = calibration->npoints = used;
    qsort(list, (size_t)used, sizeof *list, by_u);
    KR_NEW(ctx, calibration->point, (size_t)used + 1);
    KR_TRY(curve(ctx, o, used, list, calibration->point));
    KR_TRY(quality(ctx, used, list, calibration));
    if (used < o->least_pairs) {
        snprintf(calibration->note, sizeof calibration->note,
                 "levels stay %.4g and %.4g%s: %ld labelled frames, at least %ld are needed", levels->f_lo,
                 levels->f_hi, unit(o), used, o->least_pairs);
        goto done;
    }
    KR_TRY(set_lo(ctx, o, list, levels, calibration));
    KR_TRY(set_hi(ctx, n, pairs, levels, calibration));
done:
    kr_free(list);
    if (status < 0) kr_calibration_clear(calibration);
    return status;
}

void kr_calibration_clear(kr_calibration *calibration) {
    if (!calibration) return;
    kr_free(calibration->point);
    calibration->point = NULL;
    calibration->npoints = 0;
}
