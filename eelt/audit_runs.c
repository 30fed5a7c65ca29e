/* Frames of an audit by cell and run; how much the frames of a run are alike; means resampled by run.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Likeness: frames of one run share its temperature, its start, its defects. Whether e exceeds the target is too rare
 * an event to measure that by, so it is measured on y = log e: with R runs of n_r frames, within their cells, MSB = Σ
 * n_r (ȳ_r − ȳ_c)² / (R − C),  MSW = Σ (y − ȳ_r)² / (n − R),  n0 = Σ_c (n_c − Σ n_r²/n_c) / (R − C), ρ = (MSB − MSW) /
 * (MSB + (n0 − 1) MSW)                       (one-way analysis of variance; Donner 1986). An indicator e > target of
 * such a y is less alike than y itself, so ρ is on the safe side. Independent frames: n / (1 + (m − 1) ρ),  m = Σ n_r²
 * / n. */
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/statistics.h"
#include "eelt/audit.h"
#include <math.h>
#include <stdlib.h>

enum { PURPOSE = 0x626f6f74, EVENTS = 4 /* fewer say nothing about where they come together */ };

static int by_cell_and_run(const void *a, const void *b) {
    const kr_audit_run *x = a, *y = b;
    if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
    return (x->run > y->run) - (x->run < y->run);
}

static void add_sums(kr_audit_run *to, int quantity, double count, double square, double absolute) {
    if (!isfinite(square) || !isfinite(absolute)) return;
    to->count[quantity] += count;
    to->square[quantity] += square;
    to->absolute[quantity] += absolute;
}

static kr_audit_run of_frame(const kr_scored *s, double e_target) {
    kr_audit_run r = {.run = s->run, .cell = s->cell, .n = 1, .above = s->e > e_target};
    r.y = log(fmax(s->e, 1e-12));
    r.y2 = r.y * r.y;
    add_sums(&r, KR_AUDIT_F, 3.0 * s->natoms, s->f2, s->f1);
    add_sums(&r, KR_AUDIT_E, 1, s->de * s->de, fabs(s->de));
    add_sums(&r, KR_AUDIT_V, 9, s->w2, s->w1);
    return r;
}

static void merge(kr_audit_run *to, const kr_audit_run *from) {
    to->n += from->n;
    to->above += from->above;
    to->y += from->y;
    to->y2 += from->y2;
    for (int q = 0; q < KR_AUDIT_SUMS; q++) add_sums(to, q, from->count[q], from->square[q], from->absolute[q]);
}

kr_status kr_audit_group(kr_context *ctx, double e_target, int ncells, long n, const kr_scored *scored, int *nruns,
                         kr_audit_run **runs, int **first) {
    kr_status status = KR_OK;
    kr_audit_run *list = NULL;
    int *start = NULL, count = 0;
    KR_NEW(ctx, list, (size_t)n + 1);
    KR_NEW(ctx, start, (size_t)ncells + 1);
    for (long i = 0; i < n; i++) {
        if (scored[i].cell < 0 || scored[i].cell >= ncells || !isfinite(scored[i].e))
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "audit: frame %ld is of cell %d (allowed 0 … %d), its error is %g eV/A", i,
                    scored[i].cell, ncells - 1, scored[i].e);
        list[i] = of_frame(&scored[i], e_target);
    }
    qsort(list, (size_t)n, sizeof *list, by_cell_and_run);
    for (long i = 0; i < n; i++) {
        if (count && by_cell_and_run(&list[count - 1], &list[i]) == 0)
            merge(&list[count - 1], &list[i]);
        else
            list[count++] = list[i];
    }
    for (int c = 0, at = 0; c < ncells; c++) {
        while (at < count && list[at].cell == c) at++;
        start[c + 1] = at;
    }
    *nruns = count;
    *runs = list;
    *first = start;
    list = NULL;
    start = NULL;
done:
    kr_free(list);
    kr_free(start);
    return status;
}

/* Sums over the frames of a run of the quantity whose likeness is asked for: y, or the event. */
static double sum_of(const kr_audit_run *r, int event) { return event ? r->above : r->y; }
static double square_of(const kr_audit_run *r, int event) { return event ? r->above : r->y2; }

/* The analysis of variance above; NaN where it says nothing: one run a cell, or no variance. */
static double intraclass(int ncells, const kr_audit_run *runs, const int *first, int event) {
    double between = 0, within = 0, sizes = 0, frames = 0;
    int cells = 0, nruns = first[ncells];
    for (int c = 0; c < ncells; c++) {
        double n = 0, sum = 0, squares = 0;
        for (int r = first[c]; r < first[c + 1]; r++) {
            double s = sum_of(&runs[r], event);
            n += runs[r].n;
            sum += s;
            squares += runs[r].n * runs[r].n;
            within += square_of(&runs[r], event) - s * s / runs[r].n;
        }
        for (int r = first[c]; r < first[c + 1]; r++) {
            double d = sum_of(&runs[r], event) / runs[r].n - sum / n;
            between += runs[r].n * d * d;
        }
        if (n > 0) sizes += n - squares / n;
        cells += n > 0;
        frames += n;
    }
    if (frames <= nruns) return 0; /* a frame a run */
    if (nruns <= cells) return NAN;
    double msb = between / (nruns - cells), msw = within / (frames - nruns), n0 = sizes / (nruns - cells);
    double rho = (msb - msw) / (msb + (n0 - 1) * msw);
    return isnan(rho) ? NAN : fmax(0, fmin(rho, 1));
}

kr_likeness kr_audit_likeness(int ncells, const kr_audit_run *runs, const int *first) {
    double error = intraclass(ncells, runs, first, 0), event = intraclass(ncells, runs, first, 1);
    double above = 0, n = 0;
    for (int r = 0; r < first[ncells]; r++) {
        above += runs[r].above;
        n += runs[r].n;
    }
    if (above < EVENTS || isnan(event)) event = 0;
    return (kr_likeness){isnan(error) ? 1 : error, event, (above + 0.5) / (n + 1)};
}

/* κ of the head comment. The integrand is smooth but for 1/√(1 − r²): with r = sin t it is exp(−z²/(1 + sin t))/2π. */
static double event_likeness(double rho, double p) {
    double z = kr_normal_quantile(p), end = asin(rho), sum = 0;
    enum { STEPS = 64 };
    if (rho >= 1) return 1;
    for (int k = 0; k <= STEPS; k++) { /* Simpson */
        double t = end * k / STEPS, f = exp(-z * z / (1 + sin(t)));
        sum += f * (k == 0 || k == STEPS ? 1 : k % 2 ? 4 : 2);
    }
    return sum * end / (3 * STEPS) / (2 * acos(-1.0)) / (p * (1 - p));
}

double kr_audit_independent(int nruns, const kr_audit_run *runs, kr_likeness likeness) {
    double n = 0, above = 0, squares = 0;
    for (int r = 0; r < nruns; r++) {
        n += runs[r].n;
        above += runs[r].above;
        squares += runs[r].n * runs[r].n;
    }
    if (!(n > 0)) return 0;
    double p = (above + 2 * likeness.rate) / (n + 2), kappa = fmax(event_likeness(likeness.error, p), likeness.event);
    return n / (1 + (squares / n - 1) * fmin(kappa, 1));
}

/* ---- means ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Weighted over the cells; draw < 0: the runs as they are, else a resample with replacement within each cell. */
static void means(const kr_audit_options *o, int ncells, const double *weight, const kr_audit_run *runs,
                  const int *first, uint64_t entity, int draw, double square[KR_AUDIT_SUMS],
                  double absolute[KR_AUDIT_SUMS]) {
    double total[KR_AUDIT_SUMS] = {0};
    for (int q = 0; q < KR_AUDIT_SUMS; q++) square[q] = absolute[q] = 0;
    for (int c = 0; c < ncells; c++) {
        kr_audit_run sum = {0};
        int n = first[c + 1] - first[c];
        for (int r = 0; r < n; r++) {
            uint64_t pick = draw < 0 ? (uint64_t)r
                                     : kr_random_below((kr_stream){o->seed, PURPOSE + entity}, (uint64_t)draw,
                                                       (uint64_t)c, (uint64_t)r, (uint64_t)n);
            merge(&sum, &runs[first[c] + (int)pick]);
        }
        for (int q = 0; q < KR_AUDIT_SUMS; q++) {
            if (!(sum.count[q] > 0)) continue;
            square[q] += weight[c] * sum.square[q] / sum.count[q];
            absolute[q] += weight[c] * sum.absolute[q] / sum.count[q];
            total[q] += weight[c];
        }
    }
    for (int q = 0; q < KR_AUDIT_SUMS; q++) {
        square[q] = total[q] > 0 ? sqrt(square[q] / total[q]) : NAN;
        absolute[q] = total[q] > 0 ? absolute[q] / total[q] : NAN;
    }
}

/* Percentile interval of values [n], sorted here; NaN sorts nowhere, so there must be none. */
static void percentiles(int n, double *values, double confidence, kr_interval *interval) {
    int side = (int)(0.5 * (1 - confidence) * n);
    qsort(values, (size_t)n, sizeof *values, ascending);
    interval->low = values[side];
    interval->high = values[n - 1 - side];
}

kr_status kr_audit_means(kr_context *ctx, const kr_audit_options *o, int ncells, const double *weight,
                         const kr_audit_run *runs, const int *first, uint64_t entity, kr_audit_rate *rate) {
    kr_status status = KR_OK;
    double *values = NULL, square[KR_AUDIT_SUMS], absolute[KR_AUDIT_SUMS];
    kr_interval *interval[2 * KR_AUDIT_SUMS] = {&rate->rmse_f, &rate->rmse_e, &rate->rmse_v,
                                                &rate->mae_f,  &rate->mae_e,  &rate->mae_v};
    int resampled = 0, n = o->resamples;
    means(o, ncells, weight, runs, first, entity, -1, square, absolute);
    for (int q = 0; q < KR_AUDIT_SUMS; q++) {
        *interval[q] = (kr_interval){square[q], NAN, NAN};
        *interval[KR_AUDIT_SUMS + q] = (kr_interval){absolute[q], NAN, NAN};
    }
    for (int c = 0; c < ncells; c++) resampled |= first[c + 1] - first[c] > 1;
    if (!resampled || n < 1) goto done; /* one run tells nothing about others */
    KR_NEW(ctx, values, 2 * KR_AUDIT_SUMS * (size_t)n);
    for (int b = 0; b < n; b++) {
        means(o, ncells, weight, runs, first, entity, b, square, absolute);
        for (int q = 0; q < KR_AUDIT_SUMS; q++) {
            values[q * n + b] = square[q];
            values[(KR_AUDIT_SUMS + q) * n + b] = absolute[q];
        }
    }
    for (int q = 0; q < 2 * KR_AUDIT_SUMS; q++)
        if (isfinite(interval[q]->value)) percentiles(n, values + q * n, o->confidence, interval[q]);
done:
    kr_free(values);
    return status;
}
