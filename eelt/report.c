/* The report of a campaign: one page without anything from outside, and tables with every number.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/report.h"
#include "core/file.h"
#include "core/memory.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- queries ---- */

kr_status kr_report_series(kr_context *ctx, kr_db *db, const char *sql, int columns, kr_series *s) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    size_t room = 0;
    int more = 1;
    memset(s, 0, sizeof *s);
    KR_TRY(kr_db_query(ctx, db, &rows, sql, NULL));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        if ((size_t)s->n == room) {
            for (int c = 0; c < columns; c++) {
                double *larger = kr_realloc(ctx, s->column[c], room, 2 * room + 32, sizeof *larger);
                if (!larger) KR_TRY(KR_ERR_MEMORY);
                s->column[c] = larger;
            }
            room = 2 * room + 32;
        }
        for (int c = 0; c < columns; c++) s->column[c][s->n] = kr_rows_real(rows, c);
        s->n++;
    }
done:
    kr_rows_destroy(&rows);
    if (status != KR_OK) kr_series_free(s);
    return status;
}

void kr_series_free(kr_series *s) {
    for (int c = 0; c < 6; c++) kr_free(s->column[c]);
    memset(s, 0, sizeof *s);
}

/* A number as people read it; other texts as they are. */
static kr_status put_cell(kr_context *ctx, kr_string *out, const char *text) {
    double value;
    int64_t whole;
    kr_word word = {text, strlen(text)};
    char number[32];
    if (kr_word_int(word, &whole) || !kr_word_real(word, &value)) return kr_html_text(ctx, out, text);
    snprintf(number, sizeof number, "%.4g", value);
    return kr_string_puts(ctx, out, number);
}

kr_status kr_report_table(kr_context *ctx, kr_db *db, kr_string *out, const char *sql, int columns,
                          const char *const *heads) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1;
    KR_TRY(kr_db_query(ctx, db, &rows, sql, NULL));
    KR_TRY(kr_string_puts(ctx, out, "<table><tr>"));
    for (int c = 0; c < columns; c++) KR_TRY(kr_string_printf(ctx, out, "<th>%s</th>", heads[c]));
    KR_TRY(kr_string_puts(ctx, out, "</tr>\n"));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        KR_TRY(kr_string_puts(ctx, out, "<tr>"));
        for (int c = 0; c < columns; c++) {
            KR_TRY(kr_string_puts(ctx, out, "<td>"));
            KR_TRY(put_cell(ctx, out, kr_rows_text(rows, c)));
            KR_TRY(kr_string_puts(ctx, out, "</td>"));
        }
        KR_TRY(kr_string_puts(ctx, out, "</tr>\n"));
    }
    KR_TRY(kr_string_puts(ctx, out, "</table>\n"));
done:
    kr_rows_destroy(&rows);
    return status;
}

/* ---- tables ---- */

static kr_status write_tsv(kr_context *ctx, kr_db *db, const char *folder, const char *name, const char *head,
                           int columns, const char *sql) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    kr_string out = {0};
    int more = 1;
    KR_TRY(kr_string_puts(ctx, &out, head));
    KR_TRY(kr_db_query(ctx, db, &rows, sql, NULL));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        for (int c = 0; c < columns; c++) {
            KR_TRY(kr_string_puts(ctx, &out, c ? "\t" : "\n"));
            KR_TRY(kr_string_puts(ctx, &out, kr_rows_text(rows, c)));
        }
    }
    KR_TRY(kr_string_puts(ctx, &out, "\n"));
    KR_TRY(kr_file_write(ctx, folder, name, out.data, out.length));
done:
    kr_rows_destroy(&rows);
    kr_free(out.data);
    return status;
}

static kr_status write_tables(kr_context *ctx, kr_db *db, const char *folder) {
    kr_status status = KR_OK;
    KR_TRY(write_tsv(ctx, db, folder, "report.tsv", "iteration\tscope\tname\tvalue\tlow95\thigh95", 6,
                     "SELECT iteration, scope, name, value, lo95, hi95 FROM metric WHERE hidden = 0 ORDER BY rowid"));
    KR_TRY(write_tsv(ctx, db, folder, "report_runs.tsv",
                     "iteration\tfolder\tT_K\tP_GPa\treplica\tend\tsteps\tsamples\taccurate\tcandidate\tfailed", 11,
                     "SELECT iteration, path, T_K, P_GPa, replica, end_reason, steps, sampled, n_accurate, "
                     "n_candidate, n_failed FROM run WHERE hidden = 0 ORDER BY iteration, path"));
    KR_TRY(write_tsv(ctx, db, folder, "report_frames.tsv",
                     "frame\titeration\tfile\tplace\tstep\tdeviation_f\tdeviation_v\tclass\tdecision\terror_f\t"
                     "error_e\treason",
                     12,
                     "SELECT f.id, r.iteration, f.file, f.place, f.step, f.dev_f, f.dev_v, f.class, f.decision, "
                     "f.err_f, f.err_e, f.reason FROM frame f JOIN run r ON r.id = f.run WHERE f.hidden = 0 ORDER BY "
                     "f.id"));
done:
    return status;
}

/* ---- the page ---- */

static const char head[] =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\n"
    "<style>body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:980px;padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:1.6em}svg{margin:.4em .8em .4em 0}"
    "table{border-collapse:collapse;margin:.5em 0}td,th{padding:.15em .6em;border-bottom:1px solid #ddd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}th{font-weight:600}"
    ".m td{text-align:center;font-size:11px}text{font-size:11px;fill:#333}.t{font-size:13px;font-weight:600}"
    ".x{text-anchor:middle}.y{text-anchor:end}.l{text-anchor:end}.g{stroke:#eee}.f{fill:none;stroke:#999}"
    "</style>\n";

static kr_status put_events(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1;
    KR_TRY(kr_string_puts(ctx, out, "<h2>History</h2><ul>\n"));
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT kind, text, datetime(time, 'unixepoch') FROM event WHERE kind NOT IN ('config', "
                       "'given_up') ORDER BY seq",
                       NULL));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        KR_TRY(kr_string_printf(ctx, out, "<li>%s UTC, %s: ", kr_rows_text(rows, 2), kr_rows_text(rows, 0)));
        KR_TRY(kr_html_text(ctx, out, kr_rows_text(rows, 1)));
        KR_TRY(kr_string_puts(ctx, out, "</li>\n"));
    }
    KR_TRY(kr_string_puts(ctx, out, "</ul>\n"));
done:
    kr_rows_destroy(&rows);
    return status;
}

static kr_status put_head(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    int64_t iterations, labels, sampled, converged;
    KR_TRY(kr_db_int(ctx, db, &iterations, "SELECT count(*) FROM stage WHERE name = 'report' AND hidden = 0", NULL));
    KR_TRY(kr_db_int(ctx, db, &labels, "SELECT count(*) FROM label WHERE hidden = 0", NULL));
    KR_TRY(kr_db_int(ctx, db, &sampled, "SELECT coalesce(sum(sampled), 0) FROM run WHERE hidden = 0", NULL));
    KR_TRY(kr_db_int(ctx, db, &converged,
                     "SELECT count(*) FROM metric WHERE scope = 'next' AND name = 'converged' AND value = 1 AND "
                     "hidden = 0",
                     NULL));
    KR_TRY(kr_string_puts(ctx, out, head));
    KR_TRY(kr_string_printf(ctx, out,
                            "<title>Campaign</title><h1>Campaign</h1><p><b>%s</b>: %" PRId64 " iterations, %" PRId64
                            " frames sampled, %" PRId64 " labelled (%.3g %%).</p>\n",
                            converged ? "Converged" : "Not converged yet", iterations, sampled, labels,
                            sampled ? 100.0 * (double)labels / (double)sampled : 0.0));
done:
    return status;
}

/* What the audits of final explorations say, nothing before the first of them. */
static kr_status put_certificate(kr_context *ctx, kr_db *db, kr_string *out) {
    static const char *const heads[] = {"certificate", "iteration", "value", "low 95 %", "high 95 %"};
    kr_status status = KR_OK;
    int64_t looks;
    KR_TRY(kr_db_int(ctx, db, &looks, "SELECT count(*) FROM metric WHERE scope = 'certificate' AND hidden = 0", NULL));
    if (!looks) goto done;
    KR_TRY(kr_report_table(ctx, db, out,
                           "SELECT name, iteration, value, lo95, hi95 FROM metric WHERE hidden = 0 AND iteration IN "
                           "(SELECT iteration FROM metric WHERE scope = 'certificate' AND hidden = 0) AND (scope = "
                           "'certificate' OR (scope = 'all' AND (name LIKE 'audit%' OR name LIKE 'rmse%' OR name LIKE "
                           "'mae%'))) ORDER BY iteration, rowid",
                           5, heads));
done:
    return status;
}

static kr_status put_page(kr_context *ctx, kr_db *db, kr_string *out) {
    kr_status status = KR_OK;
    KR_TRY(put_head(ctx, db, out));
    KR_TRY(put_certificate(ctx, db, out));
    KR_TRY(kr_string_puts(ctx, out, "<h2>Progress</h2>\n"));
    KR_TRY(kr_report_fractions(ctx, db, out));
    KR_TRY(kr_report_errors(ctx, db, out));
    KR_TRY(kr_report_history(ctx, db, out));
    KR_TRY(kr_report_histograms(ctx, db, out));
    KR_TRY(kr_report_coverage(ctx, db, out));
    KR_TRY(kr_report_calibration(ctx, db, out));
    KR_TRY(kr_report_cells(ctx, db, out));
    KR_TRY(kr_report_map(ctx, db, out));
    KR_TRY(kr_report_failures(ctx, db, out));
    KR_TRY(kr_report_cost(ctx, db, out));
    KR_TRY(put_events(ctx, db, out));
    KR_TRY(kr_string_puts(ctx, out, "</html>\n"));
done:
    return status;
}

kr_status kr_report_write(kr_context *ctx, kr_db *db, const char *folder) {
    kr_status status = KR_OK;
    kr_string page = {0};
    KR_TRY(put_page(ctx, db, &page));
    KR_TRY(kr_file_write(ctx, folder, "report.html", page.data, page.length));
    KR_TRY(write_tables(ctx, db, folder));
done:
    kr_free(page.data);
    return status;
}
