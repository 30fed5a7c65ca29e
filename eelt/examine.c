/* Classes of sampled frames, their shares by cell, and the reader of model_devi.out (kramers/examine.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/statistics.h"
#include "core/text.h"
#include <kramers/examine.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const kr_levels kr_levels_off = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};

const char *kr_class_word(kr_class frame_class) {
    static const char *const words[] = {
#define KR_CLASS_WORD(name, word) word,
        KR_CLASS_LIST(KR_CLASS_WORD)
#undef KR_CLASS_WORD
    };
    return frame_class >= 0 && frame_class < KR_CLASS_COUNT ? words[frame_class] : "unknown";
}

/* ---- classes ---- */

enum { INDICATORS = 3 };

/* The indicators of a sample and their levels, side by side. */
static void indicators(const kr_sample *s, const kr_levels *l, double value[INDICATORS], double lo[INDICATORS],
                       double hi[INDICATORS]) {
    const double v[] = {s->dev_f, s->dev_v, s->gamma}, low[] = {l->f_lo, l->v_lo, l->gamma_lo},
                 high[] = {l->f_hi, l->v_hi, l->gamma_hi};
    memcpy(value, v, sizeof v);
    memcpy(lo, low, sizeof low);
    memcpy(hi, high, sizeof high);
}

/* What is broken fails first, then the worst indicator decides. An infinite deviation is broken as well: it reaches
 * every level, the unused ones (INFINITY) too. */
static kr_class by_default(const kr_sample *s, const kr_levels *levels) {
    double value[INDICATORS], lo[INDICATORS], hi[INDICATORS];
    kr_class result = KR_CLASS_ACCURATE;
    indicators(s, levels, value, lo, hi);
    if (s->insane) return KR_CLASS_FAILED;
    for (int k = 0; k < INDICATORS; k++) {
        if (isnan(value[k]) || value[k] >= hi[k]) return KR_CLASS_FAILED;
        if (value[k] >= lo[k]) result = KR_CLASS_CANDIDATE;
    }
    return result;
}

/* DP-GEN's order, force and virial only: one indicator inside its window makes a candidate, whatever the other says.
 * There a frame that no comparison catches (a NaN and nothing else to decide) belongs to no class, or ends the run. */
static kr_class by_dpgen(const kr_sample *s, const kr_levels *l) {
    int v_in = s->dev_v >= l->v_lo && s->dev_v < l->v_hi, f_in = s->dev_f >= l->f_lo && s->dev_f < l->f_hi;
    if (v_in || f_in) return KR_CLASS_CANDIDATE;
    if (s->dev_v >= l->v_hi || s->dev_f >= l->f_hi) return KR_CLASS_FAILED;
    if (s->dev_v < l->v_lo && s->dev_f < l->f_lo) return KR_CLASS_ACCURATE;
    return KR_CLASS_SKIPPED;
}

static kr_status check_levels(kr_context *ctx, const kr_levels *l) {
    const double lo[] = {l->f_lo, l->v_lo, l->gamma_lo}, hi[] = {l->f_hi, l->v_hi, l->gamma_hi};
    static const char *const name[] = {"f", "v", "gamma"};
    for (int k = 0; k < INDICATORS; k++)
        if (!(lo[k] <= hi[k]))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "trust levels %s_lo %g and %s_hi %g: lo must not be above hi",
                            name[k], lo[k], name[k], hi[k]);
    return KR_OK;
}

kr_status kr_classify(kr_context *ctx, kr_class_rule rule, const kr_levels *levels, long skip_steps, long n,
                      const kr_sample *samples, kr_class *classes) {
    kr_status status = KR_OK;
    if (!levels || n < 0 || (n > 0 && (!samples || !classes)))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%ld samples without levels, samples or room for classes", n);
    if (rule != KR_CLASS_RULE_DEFAULT && rule != KR_CLASS_RULE_DPGEN)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "rule %d of classes, known are 0 (default) and 1 (dpgen)", (int)rule);
    KR_TRY(check_levels(ctx, levels));
    for (long i = 0; i < n; i++) {
        if (samples[i].step < skip_steps)
            classes[i] = KR_CLASS_SKIPPED;
        else
            classes[i] = rule == KR_CLASS_RULE_DPGEN ? by_dpgen(&samples[i], levels) : by_default(&samples[i], levels);
    }
done:
    return status;
}

/* ---- shares ---- */

/* Frames of one run in one cell. */
typedef struct run_count {
    int run, cell;
    long n[KR_CLASS_COUNT], total;
} run_count;

static int by_cell_and_run(const void *a, const void *b) {
    const run_count *x = a, *y = b;
    return x->cell != y->cell ? (x->cell > y->cell) - (x->cell < y->cell) : (x->run > y->run) - (x->run < y->run);
}

/* Frames that count as independent: binomial variance over the variance that the runs show,
 *   var(p) = R/(R−1) Σ_r (k_r − p n_r)² / n².
 * One run, or a share of 0 or 1, shows none: all frames count then. */
static double independent(int nruns, const run_count *runs, int class_, double p, double total) {
    double spread = 0, binomial = p * (1 - p) / total;
    if (nruns < 2 || !(binomial > 0)) return total;
    for (int r = 0; r < nruns; r++) {
        double d = (double)runs[r].n[class_] - p * (double)runs[r].total;
        spread += d * d;
    }
    spread *= (double)nruns / (nruns - 1.0) / (total * total);
    return spread > binomial ? total * binomial / spread : total;
}

static void summarise(int nruns, const run_count *runs, kr_cell_count *count) {
    memset(count, 0, sizeof *count);
    for (int r = 0; r < nruns; r++) {
        for (int c = 0; c < KR_CLASS_COUNT; c++) count->n[c] += runs[r].n[c];
        count->total += runs[r].total;
        count->runs += runs[r].total > 0;
    }
    for (int c = 0; c < KR_CLASS_COUNT; c++) {
        count->fraction[c] = count->total && c != KR_CLASS_SKIPPED ? (double)count->n[c] / (double)count->total : NAN;
        count->high[c] = 1;
        if (!(count->fraction[c] >= 0)) continue;
        double size = independent(nruns, runs, c, count->fraction[c], (double)count->total);
        kr_interval_wilson(count->fraction[c] * size, size, 0.95, &count->low[c], &count->high[c]);
    }
}

kr_status kr_count_classes(kr_context *ctx, long n, const kr_sample *samples, const kr_class *classes, int ncells,
                           kr_cell_count *counts) {
    kr_status status = KR_OK;
    run_count *runs = NULL;
    int nruns = 0;
    if (n < 0 || ncells < 0 || !counts || (n > 0 && (!samples || !classes)))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%ld samples in %d cells without samples, classes or room for counts", n, ncells);
    KR_NEW(ctx, runs, (size_t)n + 1);
    for (long i = 0; i < n; i++) {
        if (samples[i].cell < 0 || samples[i].cell >= ncells)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "sample %ld is of cell %d, allowed 0 … %d", i, samples[i].cell, ncells - 1);
        runs[i] = (run_count){.run = samples[i].run, .cell = samples[i].cell};
        runs[i].n[classes[i]] = 1;
        runs[i].total = classes[i] != KR_CLASS_SKIPPED;
    }
    qsort(runs, (size_t)n, sizeof *runs, by_cell_and_run);
    for (long i = 0; i < n; i++) { /* equal neighbours become one */
        if (nruns && by_cell_and_run(&runs[nruns - 1], &runs[i]) == 0) {
            for (int c = 0; c < KR_CLASS_COUNT; c++) runs[nruns - 1].n[c] += runs[i].n[c];
            runs[nruns - 1].total += runs[i].total;
        } else {
            runs[nruns++] = runs[i];
        }
    }
    for (int cell = 0, at = 0; cell < ncells; cell++) {
        int begin = at;
        while (at < nruns && runs[at].cell == cell) at++;
        summarise(at - begin, runs + begin, &counts[cell]);
    }
    summarise(nruns, runs, &counts[ncells]);
done:
    kr_free(runs);
    return status;
}

/* ---- model_devi.out ---- */

/* step, max/min/avg of v, max/min/avg of f, and more that does not matter here. */
enum { COLUMN_STEP = 0, COLUMN_V = 1, COLUMN_F = 4, COLUMNS = 7 };

static kr_status read_row(kr_context *ctx, const char *path, long number, kr_word line, kr_sample *sample) {
    double value[COLUMNS];
    kr_word rest = line, word;
    char shown[40];
    for (int c = 0; c < COLUMNS; c++) {
        if (!kr_word_next(&rest, &word))
            return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: line %ld has %d columns, at least %d expected", path, number, c,
                            COLUMNS);
        if (!kr_word_real(word, &value[c]))
            return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: line %ld, column %d: '%s' is no number", path, number, c + 1,
                            kr_word_show(word, shown, sizeof shown));
    }
    if (!(fabs(value[COLUMN_STEP]) < 1e15))
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: line %ld: the step is %g", path, number, value[COLUMN_STEP]);
    sample->step = (long)value[COLUMN_STEP];
    sample->dev_v = value[COLUMN_V];
    sample->dev_f = value[COLUMN_F];
    return KR_OK;
}

kr_status kr_devi_samples_read(kr_context *ctx, const char *path, int run, int cell, long *n, kr_sample **samples) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length, room = 0;
    kr_sample *list = NULL;
    kr_word line;
    if (!path || !n || !samples) KR_FAIL(ctx, KR_ERR_ARGUMENT, "path, n and samples must not be NULL");
    *n = 0;
    *samples = NULL;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    for (kr_lines lines = kr_lines_of(text, length); kr_lines_next(&lines, &line);) room++;
    KR_NEW(ctx, list, room + 1);
    for (kr_lines lines = kr_lines_of(text, length); kr_lines_next(&lines, &line);) {
        kr_word trimmed = kr_word_trim(line);
        if (!trimmed.n || trimmed.text[0] == '#') continue;
        list[*n].run = run;
        list[*n].cell = cell;
        KR_TRY(read_row(ctx, path, lines.number, trimmed, &list[*n]));
        ++*n;
    }
    *samples = list;
    list = NULL;
done:
    kr_free(list);
    kr_free(text);
    return status;
}

void kr_devi_samples_free(kr_sample **samples) {
    if (!samples) return;
    kr_free(*samples);
    *samples = NULL;
}
