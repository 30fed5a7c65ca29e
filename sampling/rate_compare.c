/* Do independent routes to a rate agree?
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Two results agree when |k1 − k2| ≤ s sqrt(σ1² + σ2²). Results without an error bar (asymptotic formulas) are shown
 * with their ratio and take no part. */
#include "core/error.h"
#include "core/json.h"
#include "core/memory.h"
#include "sampling/rate.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct route {
    const char *name;
    double value, error;
} route;

static double real_of(const kr_tree *map, const char *key) {
    const kr_tree *node = kr_tree_get(map, key);
    return node && (node->kind == KR_TREE_REAL || node->kind == KR_TREE_INT) ? node->real : NAN;
}

/* The routes of a "methods" map that have k_ab. */
static int collect(const kr_tree *methods, route *routes, int n, int most) {
    for (int i = 0; methods && methods->kind == KR_TREE_MAP && i < methods->count && n < most; i++) {
        route r = {methods->key[i], real_of(methods->child[i], "k_ab"), real_of(methods->child[i], "k_ab_error")};
        if (!isnan(r.value)) routes[n++] = r;
    }
    return n;
}

/* Weighted mean of those with errors; the number of pairs that disagree. */
static int compare(const route *routes, int n, double allowed, double *mean, double *error, double *worst) {
    double weight = 0, sum = 0;
    int wrong = 0;
    *worst = 0;
    for (int i = 0; i < n; i++) {
        if (!(routes[i].error > 0)) continue;
        double w = 1 / (routes[i].error * routes[i].error);
        weight += w;
        sum += w * routes[i].value;
        for (int j = 0; j < i; j++) {
            if (!(routes[j].error > 0)) continue;
            double apart = fabs(routes[i].value - routes[j].value) / hypot(routes[i].error, routes[j].error);
            *worst = fmax(*worst, apart);
            wrong += apart > allowed;
        }
    }
    *mean = sum / weight;
    *error = 1 / sqrt(weight);
    return wrong;
}

kr_status kr_rates_agree(kr_context *ctx, kr_sampling *run, const kr_tree *methods, double allowed) {
    kr_status status = KR_OK;
    enum { MOST = 256 };
    route *routes = NULL;
    kr_tree *map;
    double mean, error, worst;
    int with_errors = 0;
    KR_NEW(ctx, routes, MOST);
    int n = collect(methods, routes, 0, MOST), wrong = compare(routes, n, allowed, &mean, &error, &worst);
    for (int i = 0; i < n; i++) with_errors += routes[i].error > 0;
    KR_TRY(kr_run_set_map(ctx, run->results, "agreement", &map));
    KR_TRY(kr_run_set_int(ctx, map, "routes", with_errors));
    KR_TRY(kr_run_set_int(ctx, map, "pairs_that_disagree", wrong));
    KR_TRY(kr_run_set_real(ctx, map, "worst_difference_in_errors", worst));
    KR_TRY(kr_run_set_real(ctx, map, "k_ab", mean));
    KR_TRY(kr_run_set_real(ctx, map, "k_ab_error", error));
    if (with_errors >= 2 && wrong)
        KR_TRY(kr_run_line(ctx, run, "%d pairs of %d routes DISAGREE: up to %.1f standard errors apart, %.1f allowed",
                           wrong, with_errors, worst, allowed));
    if (with_errors >= 2 && !wrong)
        KR_TRY(kr_run_line(ctx, run, "%d routes agree: at most %.1f standard errors apart, %.1f allowed", with_errors,
                           worst, allowed));
    for (int i = 0; i < n && with_errors; i++)
        if (!(routes[i].error > 0))
            KR_TRY(
                kr_run_line(ctx, run, "%s over the mean of the others: %.4f", routes[i].name, routes[i].value / mean));
    if (wrong) status = KR_NOT_CONVERGED;
done:
    kr_free(routes);
    return status;
}

/* ---- several results.json ------------------------------------------------------------------------------------------
 */

/* Routes of one file; names become "file: method" when there are several files. */
static kr_status collect_file(kr_context *ctx, const kr_tree *file, const char *path, int several, route *routes,
                              int *n, int most, char **names) {
    const kr_tree *methods = kr_tree_get(file, "methods");
    int first = *n;
    kr_estimate k_ab, k_ba, nu;
    *n = collect(methods, routes, *n, most);
    if (!methods && *n < most && kr_committor_rates(file, &k_ab, &k_ba, &nu))
        routes[(*n)++] = (route){"committor", k_ab.value, k_ab.error};
    if (*n == first) return KR_ERROR(ctx, KR_ERR_FORMAT, "%s holds no rates (methods with k_ab, or a committor)", path);
    for (int i = first; several && i < *n; i++) {
        names[i] = kr_strprintf(ctx, "%s: %s", path, routes[i].name);
        if (!names[i]) return KR_ERR_MEMORY;
        routes[i].name = names[i];
    }
    return KR_OK;
}

static kr_status print(const route *routes, int n, double allowed, void (*line)(const char *, void *), void *payload) {
    double mean, error, worst;
    char text[512];
    int wrong = compare(routes, n, allowed, &mean, &error, &worst), with_errors = 0;
    for (int i = 0; i < n; i++) {
        with_errors += routes[i].error > 0;
        if (routes[i].error > 0)
            snprintf(text, sizeof text, "%-48.200s k_AB %14.6g +- %-10.2g", routes[i].name, routes[i].value,
                     routes[i].error);
        else
            snprintf(text, sizeof text, "%-48.200s k_AB %14.6g    no error bar", routes[i].name, routes[i].value);
        line(text, payload);
    }
    if (with_errors) {
        snprintf(text, sizeof text, "%-48s k_AB %14.6g +- %-10.2g", "weighted mean", mean, error);
        line(text, payload);
    }
    if (with_errors >= 2) {
        snprintf(text, sizeof text, "%s: at most %.1f standard errors apart, %.1f allowed",
                 wrong ? "DISAGREE" : "agree", worst, allowed);
        line(text, payload);
    }
    return wrong ? KR_NOT_CONVERGED : KR_OK;
}

kr_status kr_sampling_compare(kr_context *ctx, int n, const char *const *paths, double allowed,
                              void (*line)(const char *text, void *payload), void *payload) {
    kr_status status = KR_OK;
    enum { MOST = 256 };
    kr_tree **files = NULL;
    route *routes = NULL;
    char **names = NULL;
    int found = 0;
    if (!ctx || n < 1 || !paths || !line || !(allowed > 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "an argument is NULL, or no files, or allowed = %g", allowed);
    KR_NEW(ctx, files, (size_t)n);
    KR_NEW(ctx, routes, MOST);
    KR_NEW(ctx, names, MOST);
    for (int i = 0; i < n; i++) {
        KR_TRY(kr_json_read(ctx, paths[i], &files[i]));
        KR_TRY(collect_file(ctx, files[i], paths[i], n > 1, routes, &found, MOST, names));
    }
    status = print(routes, found, allowed, line, payload);
done:
    for (int i = 0; files && i < n; i++) kr_tree_destroy(&files[i]);
    for (int i = 0; names && i < MOST; i++) kr_free(names[i]);
    kr_free(files);
    kr_free(routes);
    kr_free(names);
    return status;
}
