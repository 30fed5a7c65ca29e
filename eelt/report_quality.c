/* Sections of the report about errors, calibration, coverage, failures and cost.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "eelt/report.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct curve {
    const char *where, *name, *title; /* where: a condition on the rows of metric */
    double factor;
} curve;

/* Numbers by iteration (the column or expression `x`) as lines with their intervals. */
static kr_status curves(kr_context *ctx, kr_db *db, kr_string *out, const char *title, const char *unit, int log_y,
                        const char *x, int n, const curve *list) {
    kr_status status = KR_OK;
    kr_series s[4] = {{0}};
    kr_chart chart = {.x = {INFINITY, -INFINITY}, .y = {INFINITY, -INFINITY}, .log_y = log_y};
    long points = 0;
    for (int k = 0; k < n; k++) {
        char sql[600];
        snprintf(sql, sizeof sql,
                 "SELECT %s, %g * value, %g * lo95, %g * hi95 FROM metric WHERE hidden = 0 AND %s AND name = '%s' "
                 "ORDER BY 1",
                 x, list[k].factor, list[k].factor, list[k].factor, list[k].where, list[k].name);
        KR_TRY(kr_report_series(ctx, db, sql, 4, &s[k]));
        kr_chart_include(chart.x, s[k].n, s[k].column[0], 0);
        for (int c = 1; c < 4; c++) kr_chart_include(chart.y, s[k].n, s[k].column[c], log_y);
        points += s[k].n;
    }
    if (!points) goto done;
    KR_TRY(kr_chart_begin(ctx, &chart, out, title, "iteration", unit));
    for (int k = 0; k < n; k++) {
        KR_TRY(kr_chart_bars(ctx, &chart, s[k].n, s[k].column[0], s[k].column[2], s[k].column[3], k));
        KR_TRY(kr_chart_points(ctx, &chart, s[k].n, s[k].column[0], s[k].column[1], k, NULL));
        KR_TRY(kr_chart_line(ctx, &chart, s[k].n, s[k].column[0], s[k].column[1], k, list[k].title));
    }
    KR_TRY(kr_chart_end(ctx, &chart));
done:
    for (int k = 0; k < n; k++) kr_series_free(&s[k]);
    return status;
}

kr_status kr_report_errors(kr_context *ctx, kr_db *db, kr_string *out) {
    static const curve list[] = {{"scope = 'new'", "rmse_f", "new labels, before training", 1000},
                                 {"scope = 'all'", "rmse_f", "audit", 1000},
                                 {"scope = 'test'", "rmse_f", "test data", 1000}};
    return curves(ctx, db, out, "Force error (root mean square)", "meV/A", 1, "iteration", 3, list);
}

/* The models of every iteration on the newest frames, which none of them was trained on (stage_audit.h). */
#define NEWEST                                                                                                  \
    "scope LIKE 'models %' AND iteration = (SELECT max(iteration) FROM metric WHERE hidden = 0 AND scope LIKE " \
    "'models %')"
kr_status kr_report_history(kr_context *ctx, kr_db *db, kr_string *out) {
    static const curve list[] = {{NEWEST, "rmse_f_audited", "audited frames", 1000},
                                 {NEWEST, "rmse_f_chosen", "chosen frames", 1000}};
    return curves(ctx, db, out, "Models of every iteration on the newest labels", "meV/A", 1,
                  "CAST(substr(scope, 8) AS INTEGER)", 2, list);
}

kr_status kr_report_coverage(kr_context *ctx, kr_db *db, kr_string *out) {
    static const curve list[] = {{"scope = 'select'", "radius_before", "before the choice", 1},
                                 {"scope = 'select'", "radius_after", "after it", 1}};
    return curves(ctx, db, out, "Coverage radius", "distance in standardised features", 0, "iteration", 2, list);
}

/* Pairs (u, e) of the last iteration that has some, and the fitted rate. */
kr_status kr_report_calibration(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    kr_series pairs = {0}, points = {0};
    kr_chart chart = {.x = {INFINITY, -INFINITY}, .y = {INFINITY, -INFINITY}, .log_x = 1, .log_y = 1};
    kr_chart rate = {.x = {INFINITY, -INFINITY}, .y = {0, 1}, .log_x = 1};
    KR_TRY(kr_report_series(ctx, db,
                            "SELECT f.dev_f, f.err_f FROM frame f JOIN run r ON r.id = f.run WHERE f.hidden = 0 AND "
                            "f.err_f IS NOT NULL AND f.dev_f > 0 AND r.iteration = (SELECT max(r2.iteration) FROM "
                            "frame f2 JOIN run r2 ON r2.id = f2.run WHERE f2.err_f IS NOT NULL AND f2.hidden = 0) "
                            "LIMIT 3000",
                            2, &pairs));
    if (pairs.n) {
        kr_chart_include(chart.x, pairs.n, pairs.column[0], 1);
        kr_chart_include(chart.y, pairs.n, pairs.column[1], 1);
        KR_TRY(kr_chart_begin(ctx, &chart, out, "Deviation and true error, last labels", "deviation, eV/A",
                              "largest force error, eV/A"));
        KR_TRY(kr_chart_points(ctx, &chart, pairs.n, pairs.column[0], pairs.column[1], 0, NULL));
        KR_TRY(kr_chart_end(ctx, &chart));
    }
    KR_TRY(kr_report_series(ctx, db,
                            "SELECT value, lo95, hi95 FROM metric WHERE scope = 'calibration' AND name LIKE 'point %' "
                            "AND hidden = 0 AND iteration = (SELECT max(iteration) FROM metric WHERE scope = "
                            "'calibration' AND name LIKE 'point %' AND hidden = 0) ORDER BY value",
                            3, &points));
    if (points.n) {
        kr_chart_include(rate.x, points.n, points.column[0], 1);
        KR_TRY(
            kr_chart_begin(ctx, &rate, out, "Chance of an error above the target", "deviation, eV/A", "probability"));
        KR_TRY(kr_chart_line(ctx, &rate, points.n, points.column[0], points.column[1], 0,
                             "at this deviation (isotonic fit)"));
        KR_TRY(kr_chart_line(ctx, &rate, points.n, points.column[0], points.column[2], 1,
                             "of all frames below, upper limit"));
        KR_TRY(kr_chart_end(ctx, &rate));
    }
done:
    kr_series_free(&pairs);
    kr_series_free(&points);
    return status;
}

kr_status kr_report_failures(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    static const char *const attempts[] = {"tasks", "ended", "attempts", "an example", "what it says"};
    static const char *const ends[] = {"runs ended", "number", "iterations"};
    KR_TRY(kr_string_puts(ctx, out, "<h2>Failures</h2>\n"));
    KR_TRY(kr_report_table(ctx, db, out,
                           "SELECT t.kind, a.class, count(*), max(a.dir), a.message FROM attempt a JOIN task t ON "
                           "t.id = a.task WHERE a.class != 'done' GROUP BY t.kind, a.class ORDER BY 3 DESC",
                           5, attempts));
    KR_TRY(kr_report_table(ctx, db, out,
                           "SELECT end_reason, count(*), group_concat(DISTINCT iteration) FROM run WHERE hidden = 0 "
                           "GROUP BY end_reason ORDER BY 2 DESC",
                           3, ends));
done:
    return status;
}

kr_status kr_report_cost(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    static const char *const tasks[] = {"tasks", "attempts", "CPU hours", "longest s", "largest MB"};
    static const char *const stages[] = {"stage", "times", "hours"};
    static const char *const labels[] = {"labels for", "number", "frames explored", "labelled %"};
    KR_TRY(kr_string_puts(ctx, out, "<h2>Cost</h2>\n"));
    KR_TRY(kr_report_table(ctx, db, out,
                           "SELECT t.kind, count(*), sum(a.cpu_s) / 3600, max(a.wall_s), max(a.maxrss_kB) / 1024.0 "
                           "FROM attempt a JOIN task t ON t.id = a.task GROUP BY t.kind",
                           5, tasks));
    KR_TRY(kr_report_table(ctx, db, out,
                           "SELECT name, count(*), sum(finished - started) / 3600 FROM stage GROUP BY name ORDER BY "
                           "min(id)",
                           3, stages));
    KR_TRY(kr_report_table(ctx, db, out,
                           "SELECT role, count(*), (SELECT sum(sampled) FROM run WHERE hidden = 0), 100.0 * count(*) "
                           "/ (SELECT sum(sampled) FROM run WHERE hidden = 0) FROM label WHERE hidden = 0 GROUP BY "
                           "role",
                           4, labels));
done:
    return status;
}
