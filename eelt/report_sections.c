/* Sections of the report about what was explored: fractions, cells, the T-P map, deviations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/text.h"
#include "eelt/report.h"
#include <kramers/watch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number of scope "all" or the like by iteration: iteration, value, lower, upper limit. */
static kr_status by_iteration(kr_context *ctx, kr_db *db, const char *scope, const char *name, kr_series *s) {
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT iteration, value, lo95, hi95 FROM metric WHERE hidden = 0 AND scope = '%s' AND name = '%s' "
             "ORDER BY iteration",
             scope, name);
    return kr_report_series(ctx, db, sql, 4, s);
}

kr_status kr_report_fractions(kr_context *ctx, kr_db *db, kr_string *out) {
    static const char *const names[] = {"accurate", "candidate", "failed"};
    kr_status status = KR_OK;
    kr_series series[3] = {{0}};
    kr_chart chart = {.x = {INFINITY, -INFINITY}, .y = {0, 1}};
    for (int k = 0; k < 3; k++) {
        KR_TRY(by_iteration(ctx, db, "all", names[k], &series[k]));
        kr_chart_include(chart.x, series[k].n, series[k].column[0], 0);
    }
    if (!series[0].n) goto done;
    KR_TRY(kr_chart_begin(ctx, &chart, out, "Fractions of all sampled frames", "iteration", "fraction"));
    for (int k = 0; k < 3; k++) {
        KR_TRY(
            kr_chart_bars(ctx, &chart, series[k].n, series[k].column[0], series[k].column[2], series[k].column[3], k));
        KR_TRY(kr_chart_line(ctx, &chart, series[k].n, series[k].column[0], series[k].column[1], k, names[k]));
    }
    KR_TRY(kr_chart_end(ctx, &chart));
done:
    for (int k = 0; k < 3; k++) kr_series_free(&series[k]);
    return status;
}

kr_status kr_report_cells(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    static const char *const heads[] = {"cell", "iteration",    "samples",      "candidates %",      "95 %", "failed %",
                                        "95 %", "audit frames", "above target", "force error meV/A", "95 %"};
    KR_TRY(kr_string_puts(ctx, out, "<h2>Cells</h2><p>The last iteration that explored each of them.</p>\n"));
    KR_TRY(kr_report_table(
        ctx, db, out,
        "SELECT s.scope, s.iteration, s.value, 100 * c.value, printf('%.2f to %.2f', 100 * c.lo95, 100 * c.hi95), "
        "100 * f.value, printf('%.2f to %.2f', 100 * f.lo95, 100 * f.hi95), a.value, b.value, 1000 * r.value, "
        "CASE WHEN r.lo95 IS NULL THEN '' ELSE printf('%.1f to %.1f', 1000 * r.lo95, 1000 * r.hi95) END "
        "FROM (SELECT l.scope, l.iteration, n.value, l.place FROM (SELECT scope, max(iteration) AS iteration, "
        "min(rowid) AS place FROM metric WHERE name = 'samples' AND hidden = 0 GROUP BY scope) l JOIN metric n ON "
        "n.scope = l.scope AND n.iteration = l.iteration AND n.name = 'samples' AND n.hidden = 0) s "
        "JOIN metric c ON c.scope = s.scope AND c.iteration = s.iteration AND c.name = 'candidate' AND c.hidden = 0 "
        "JOIN metric f ON f.scope = s.scope AND f.iteration = s.iteration AND f.name = 'failed' AND f.hidden = 0 "
        "LEFT JOIN metric a ON a.scope = s.scope AND a.iteration = s.iteration AND a.name = 'audit_frames' AND "
        "a.hidden = 0 "
        "LEFT JOIN metric b ON b.scope = s.scope AND b.iteration = s.iteration AND b.name = 'audit_above' AND "
        "b.hidden = 0 "
        "LEFT JOIN metric r ON r.scope = s.scope AND r.iteration = s.iteration AND r.name = 'rmse_f' AND r.hidden = 0 "
        "ORDER BY s.scope = 'all', s.place",
        11, heads));
done:
    return status;
}

/* One square per cell, by temperature and pressure, for every system; colour: candidates of its last iteration. */
static kr_status map_row(kr_context *ctx, kr_string *out, const kr_rows *rows) {
    double fraction = kr_rows_real(rows, 3), failed = kr_rows_real(rows, 4);
    /* white at 0, orange at 20 % candidates and more; a red frame where frames failed */
    int shade = (int)(fmin(fraction / 0.2, 1) * 200);
    return kr_string_printf(ctx, out,
                            "<td style='background:rgb(255,%d,%d);border:2px solid %s' title='%g K, %g GPa: %.2f %% "
                            "candidates, %.2f %% failed'>%g K %g GPa<br>%.2f %%</td>",
                            255 - shade / 2, 255 - shade, failed > 0.005 ? "#b02a37" : "#ddd", kr_rows_real(rows, 1),
                            kr_rows_real(rows, 2), 100 * fraction, 100 * failed, kr_rows_real(rows, 1),
                            kr_rows_real(rows, 2), 100 * fraction);
}

kr_status kr_report_map(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1, open = 0, n = 0;
    int64_t system = -1;
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT r.system, r.T_K, r.P_GPa, sum(r.n_candidate) * 1.0 / sum(r.sampled), "
                       "sum(r.n_failed) * 1.0 / sum(r.sampled), (SELECT name FROM metric WHERE scope = 'system' AND "
                       "value = r.system AND hidden = 0 LIMIT 1) FROM run r JOIN (SELECT cell, max(iteration) AS "
                       "iteration FROM run WHERE hidden = 0 AND steps > 0 GROUP BY cell) l ON l.cell = r.cell AND "
                       "l.iteration = r.iteration WHERE r.hidden = 0 AND r.steps > 0 GROUP BY r.cell "
                       "ORDER BY r.system, r.P_GPa, r.T_K",
                       NULL));
    KR_TRY(kr_string_puts(ctx, out,
                          "<h2>Temperature and pressure</h2><p>Candidates in the last iteration of every "
                          "cell; a red frame: more than 0.5 % failed.</p><table class=m>\n"));
    for (; more; n++) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        if (kr_rows_int(rows, 0) != system || n % 10 == 0) {
            if (kr_rows_int(rows, 0) != system) n = 0;
            system = kr_rows_int(rows, 0);
            KR_TRY(kr_string_printf(ctx, out, "%s<tr><th>", open ? "</tr>\n" : ""));
            KR_TRY(kr_html_text(ctx, out, kr_rows_text(rows, 5)));
            KR_TRY(kr_string_puts(ctx, out, "</th>"));
            open = 1;
        }
        KR_TRY(map_row(ctx, out, rows));
    }
    KR_TRY(kr_string_puts(ctx, out, open ? "</tr></table>\n" : "</table>\n"));
done:
    kr_rows_destroy(&rows);
    return status;
}

/* ---- deviations ---- */

static void add_histogram(const char *text, double *count) {
    const char *c = strchr(text, '[');
    for (int b = 0; c && b < KR_WATCH_BINS; b++) {
        count[b] += kr_read_real(c + 1, NULL);
        c = strpbrk(c + 1, ",]");
    }
}

kr_status kr_report_histograms(kr_context *ctx, kr_db *db, kr_string *out) {
    enum { MOST = 7 }; /* curves; the first iterations and then evenly to the last */
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    kr_series list = {0};
    double(*count)[KR_WATCH_BINS] = NULL, edge[KR_WATCH_BINS], sum;
    kr_chart chart = {.x = {1e-3, 10}, .y = {0, 0}, .log_x = 1};
    int more = 1;
    KR_TRY(kr_report_series(ctx, db,
                            "SELECT DISTINCT iteration FROM run WHERE hidden = 0 AND histogram IS NOT NULL ORDER BY "
                            "iteration",
                            1, &list));
    if (!list.n) goto done;
    KR_NEW(ctx, count, (size_t)list.n);
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT iteration, histogram FROM run WHERE hidden = 0 AND histogram IS NOT NULL", NULL));
    while (more) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        for (long k = 0; more && k < list.n; k++)
            if (list.column[0][k] == (double)kr_rows_int(rows, 0)) add_histogram(kr_rows_text(rows, 1), count[k]);
    }
    for (int b = 0; b < KR_WATCH_BINS; b++) edge[b] = KR_WATCH_LEAST * pow(10, (b + 0.5) / KR_WATCH_DECADE);
    for (long k = 0; k < list.n; k++) {
        sum = 0;
        for (int b = 0; b < KR_WATCH_BINS; b++) sum += count[k][b];
        for (int b = 0; b < KR_WATCH_BINS; b++) count[k][b] /= sum > 0 ? sum : 1;
        kr_chart_include(chart.y, KR_WATCH_BINS, count[k], 0);
    }
    KR_TRY(kr_chart_begin(ctx, &chart, out, "Largest force deviation of a frame", "eV/A", "part of the frames"));
    for (long k = 0; k < list.n && k < MOST; k++) {
        long which = list.n <= MOST ? k : k * (list.n - 1) / (MOST - 1);
        char name[32];
        snprintf(name, sizeof name, "iteration %g", list.column[0][which]);
        KR_TRY(kr_chart_line(ctx, &chart, KR_WATCH_BINS, edge, count[which], (int)k, name));
    }
    KR_TRY(kr_chart_end(ctx, &chart));
done:
    kr_rows_destroy(&rows);
    kr_series_free(&list);
    kr_free(count);
    return status;
}
