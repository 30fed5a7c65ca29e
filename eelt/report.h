/* report.html and the tables beside it, made from the ledger alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_REPORT_H
#define KR_EELT_REPORT_H

#include "core/text.h"
#include "eelt/database.h"

/* Writes report.html, report.tsv (every number), report_runs.tsv and report_frames.tsv into the folder, by rename. */
kr_status kr_report_write(kr_context *ctx, kr_db *db, const char *folder);

/* ---- drawing: a chart is one inline SVG ---- */

typedef struct kr_chart {
    kr_string *out;
    double x[2], y[2]; /* ranges; logarithms where the axis is logarithmic */
    int log_x, log_y;
} kr_chart;

kr_status kr_html_text(kr_context *ctx, kr_string *out, const char *text);
/* Axes with ticks. Ranges in the units of the data. */
kr_status kr_chart_begin(kr_context *ctx, kr_chart *chart, kr_string *out, const char *title, const char *x_label,
                         const char *y_label);
/* Points that are not finite (or not positive on a logarithmic axis) break the line. color: 0 … 7. */
kr_status kr_chart_line(kr_context *ctx, const kr_chart *chart, long n, const double *x, const double *y, int color,
                        const char *name);
kr_status kr_chart_points(kr_context *ctx, const kr_chart *chart, long n, const double *x, const double *y, int color,
                          const char *name);
/* Vertical bars from low to high. */
kr_status kr_chart_bars(kr_context *ctx, const kr_chart *chart, long n, const double *x, const double *low,
                        const double *high, int color);
kr_status kr_chart_end(kr_context *ctx, const kr_chart *chart);
/* Widens the range so that it holds the values; begin with {INFINITY, −INFINITY}. */
void kr_chart_include(double range[2], long n, const double *value, int logarithmic);

/* ---- report_sections.c: each appends a section, or nothing when there are no data ---- */
kr_status kr_report_fractions(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_cells(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_map(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_histograms(kr_context *ctx, kr_db *db, kr_string *out);
/* ---- report_quality.c ---- */
kr_status kr_report_errors(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_history(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_calibration(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_coverage(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_failures(kr_context *ctx, kr_db *db, kr_string *out);
kr_status kr_report_cost(kr_context *ctx, kr_db *db, kr_string *out);

/* A query's rows as an HTML table; numbers are cut to 4 digits. sql takes no values. */
kr_status kr_report_table(kr_context *ctx, kr_db *db, kr_string *out, const char *sql, int columns,
                          const char *const *heads);
/* Column c of a query as numbers [n]: x, y and intervals of a chart. */
typedef struct kr_series {
    long n;
    double *column[6];
} kr_series;
kr_status kr_report_series(kr_context *ctx, kr_db *db, const char *sql, int columns, kr_series *series);
void kr_series_free(kr_series *series);

#endif
