/* A problem that is nothing but points with weights: no drift, no potential. Data for learned committors.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   {"kind": "samples", "points": "x.npy", "weights": "w.npy", "A": …, "B": …}
 * points [n][d] (.npy, or a text file with one point per line), weights [n] ≥ 0 proportional to density over sampling
 * density; without a file all are 1. "epsilon" is kT times the mobility. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/npy.h"
#include "core/text.h"
#include "sampling/problem.h"
#include <math.h>
#include <string.h>

typedef struct samples {
    const char *points, *weights;
} samples;

static const kr_parameter parameters[] = {{.name = "points",
                                           .type = KR_PARAMETER_TEXT,
                                           .offset = offsetof(samples, points),
                                           .help = "file of points: .npy [n][d], or text with one point per line"},
                                          {.name = "weights",
                                           .type = KR_PARAMETER_TEXT,
                                           .offset = offsetof(samples, weights),
                                           .initial = "",
                                           .help = "file of weights [n]; null: all 1"},
                                          {0}};

/* Numbers of a text file; every line has the same count. */
static kr_status read_text(kr_context *ctx, const char *path, long *n, int *d, double **values) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length, used = 0, room = 0;
    kr_word line, word;
    *values = NULL;
    *n = *d = 0;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    kr_lines lines = kr_lines_of(text, length);
    while (kr_lines_next(&lines, &line)) {
        line = kr_word_trim(line);
        int count = kr_word_count(line);
        if (!count || line.text[0] == '#') continue;
        if (*n && count != *d)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s, line %ld: %d numbers, %d before", path, lines.number, count, *d);
        *d = count;
        while (kr_word_next(&line, &word)) {
            char shown[40];
            if (used == room) {
                size_t larger = room ? 2 * room : 1024;
                double *grown = kr_realloc(ctx, *values, room, larger, sizeof *grown);
                if (!grown) {
                    status = KR_ERR_MEMORY;
                    goto done;
                }
                *values = grown;
                room = larger;
            }
            if (!kr_word_real(word, &(*values)[used]))
                KR_FAIL(ctx, KR_ERR_FORMAT, "%s, line %ld: '%s' is no number", path, lines.number,
                        kr_word_show(word, shown, sizeof shown));
            used++;
        }
        ++*n;
    }
done:
    kr_free(text);
    return status;
}

kr_status kr_points_read(kr_context *ctx, const char *path, long *n, int *d, double **values) {
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    size_t letters = strlen(path);
    *values = NULL;
    if (letters < 4 || strcmp(path + letters - 4, ".npy") != 0) {
        KR_TRY(read_text(ctx, path, n, d, values));
    } else {
        KR_TRY(kr_npy_read(ctx, path, &array));
        if (array->ndim < 1 || array->ndim > 2)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s has %d dimensions, 1 or 2 expected", path, array->ndim);
        *n = (long)array->shape[0];
        *d = array->ndim == 2 ? (int)array->shape[1] : 1;
        *values = array->data;
        array->data = NULL;
    }
    if (*n < 1 || *d < 1) KR_FAIL(ctx, KR_ERR_FORMAT, "%s holds no points", path);
    for (long k = 0; k < *n * *d; k++)
        if (!isfinite((*values)[k])) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: number %ld is not finite", path, k + 1);
done:
    kr_tree_destroy(&array);
    return status;
}

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    kr_status status = KR_OK;
    const samples *s = problem->state;
    long n;
    int d, one = 1;
    double sum = 0;
    KR_TRY(kr_points_read(ctx, s->points, &problem->nsamples, &d, &problem->samples));
    if (s->weights) {
        KR_TRY(kr_points_read(ctx, s->weights, &n, &one, &problem->weights));
        if (n * one != problem->nsamples)
            KR_TRY(kr_parameter_fail(ctx, "problem", "weights", kr_tree_get(where, "weights"),
                                     "%ld weights for %ld points", n * one, problem->nsamples));
        for (long i = 0; i < n; i++) {
            if (problem->weights[i] < 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: weight %ld is negative", s->weights, i + 1);
            sum += problem->weights[i];
        }
        if (!(sum > 0)) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: all weights are zero", s->weights);
    } else {
        KR_NEW(ctx, problem->weights, (size_t)problem->nsamples);
        for (long i = 0; i < problem->nsamples; i++) problem->weights[i] = 1;
    }
    KR_TRY(kr_problem_resize(ctx, problem, d));
    for (long i = 0; i < problem->nsamples; i++)
        for (int k = 0; k < d; k++) {
            double x = problem->samples[i * d + k];
            problem->low[k] = i ? fmin(problem->low[k], x) : x;
            problem->high[k] = i ? fmax(problem->high[k], x) : x;
        }
    for (int k = 0; k < d; k++)
        if (!(problem->low[k] < problem->high[k])) problem->high[k] = problem->low[k] + 1;
    problem->dynamics = KR_DIFFUSION;
    problem->epsilon = 0; /* the file must say it where a rate is wanted */
done:
    return status;
}

const kr_problem_kind kr_problem_samples = {
    .name = "samples",
    .summary = "points with weights instead of a drift",
    .reference = "the files",
    .parameters = parameters,
    .size = sizeof(samples),
    .create = create,
};
