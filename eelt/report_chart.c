/* Charts as inline SVG.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "eelt/report.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 460, HEIGHT = 300, LEFT = 62, RIGHT = 12, TOP = 28, BOTTOM = 44 };
static const char *const colors[] = {"#1f6fb4", "#d1611f", "#2a9044", "#b02a37",
                                     "#7a4fa3", "#8a6d3b", "#c2589b", "#666"};

kr_status kr_html_text(kr_context *ctx, kr_string *out, const char *text) {
    kr_status status = KR_OK;
    for (const char *c = text; *c && status == KR_OK; c++) {
        const char *entity = *c == '<'   ? "&lt;"
                             : *c == '>' ? "&gt;"
                             : *c == '&' ? "&amp;"
                             : *c == '"' ? "&quot;"
                                         : NULL;
        status = entity ? kr_string_puts(ctx, out, entity) : kr_string_append(ctx, out, c, 1);
    }
    return status;
}

void kr_chart_include(double range[2], long n, const double *value, int logarithmic) {
    for (long k = 0; k < n; k++) {
        if (!isfinite(value[k]) || (logarithmic && value[k] <= 0)) continue;
        range[0] = fmin(range[0], value[k]);
        range[1] = fmax(range[1], value[k]);
    }
}

static double place(const double range[2], int logarithmic, double value, double from, double to) {
    double v = logarithmic ? log10(value) : value;
    return from + (v - range[0]) / (range[1] - range[0]) * (to - from);
}
static double at_x(const kr_chart *c, double x) { return place(c->x, c->log_x, x, LEFT, WIDTH - RIGHT); }
static double at_y(const kr_chart *c, double y) { return place(c->y, c->log_y, y, HEIGHT - BOTTOM, TOP); }

static int inside(const double range[2], int logarithmic, double value) {
    if (!isfinite(value) || (logarithmic && value <= 0)) return 0;
    double v = logarithmic ? log10(value) : value;
    return v >= range[0] - 1e-9 && v <= range[1] + 1e-9;
}
static int visible(const kr_chart *c, double x, double y) {
    return inside(c->x, c->log_x, x) && inside(c->y, c->log_y, y);
}

/* A range that can be divided by, with a margin; the logarithm of it where the axis is logarithmic. */
static void settle(double range[2], int logarithmic) {
    if (!(range[0] <= range[1])) range[0] = logarithmic ? 0.1 : 0, range[1] = 1;
    if (logarithmic) {
        range[0] = log10(range[0]);
        range[1] = log10(range[1]);
    }
    double margin = 0.04 * (range[1] - range[0]);
    if (margin < 1e-12) margin = fabs(range[0]) > 0 ? 0.1 * fabs(range[0]) : 0.5;
    range[0] -= margin;
    range[1] += margin;
}

/* 1, 2 or 5 times a power of ten, about five of them in the range. */
static double tick_step(double width) {
    double raw = width / 5, power = pow(10, floor(log10(raw))), digit = raw / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

static kr_status tick(kr_context *ctx, const kr_chart *c, int vertical, double value) {
    double v = (vertical ? c->log_y : c->log_x) ? pow(10, value) : value;
    if (vertical)
        return kr_string_printf(ctx, c->out,
                                "<line class=g x1='%d' x2='%d' y1='%.1f' y2='%.1f'/><text class=y x='%d' y='%.1f'>%.4g"
                                "</text>\n",
                                LEFT, WIDTH - RIGHT, at_y(c, v), at_y(c, v), LEFT - 5, at_y(c, v) + 4, v);
    return kr_string_printf(ctx, c->out,
                            "<line class=g x1='%.1f' x2='%.1f' y1='%d' y2='%d'/><text class=x x='%.1f' y='%d'>%.4g"
                            "</text>\n",
                            at_x(c, v), at_x(c, v), TOP, HEIGHT - BOTTOM, at_x(c, v), HEIGHT - BOTTOM + 15, v);
}

static kr_status ticks(kr_context *ctx, const kr_chart *c, int vertical) {
    kr_status status = KR_OK;
    const double *range = vertical ? c->y : c->x;
    double step = tick_step(range[1] - range[0]);
    if ((vertical ? c->log_y : c->log_x) && step < 1) step = range[1] - range[0] > 0.8 ? 1 : step;
    for (double v = step * ceil(range[0] / step); v <= range[1] && status == KR_OK; v += step)
        status = tick(ctx, c, vertical, fabs(v) < 1e-9 * step ? 0 : v);
    return status;
}

kr_status kr_chart_begin(kr_context *ctx, kr_chart *c, kr_string *out, const char *title, const char *x_label,
                         const char *y_label) {
    kr_status status = KR_OK;
    c->out = out;
    settle(c->x, c->log_x);
    settle(c->y, c->log_y);
    KR_TRY(kr_string_printf(ctx, out, "<svg viewBox='0 0 %d %d' width='%d' height='%d' role='img'><title>", WIDTH,
                            HEIGHT, WIDTH, HEIGHT));
    KR_TRY(kr_html_text(ctx, out, title));
    KR_TRY(kr_string_printf(ctx, out, "</title><text class=t x='%d' y='16'>", LEFT));
    KR_TRY(kr_html_text(ctx, out, title));
    KR_TRY(kr_string_puts(ctx, out, "</text>\n"));
    KR_TRY(ticks(ctx, c, 0));
    KR_TRY(ticks(ctx, c, 1));
    KR_TRY(kr_string_printf(ctx, out,
                            "<rect class=f x='%d' y='%d' width='%d' height='%d'/><text class=x x='%d' y='%d'>%s</text>"
                            "<text class=x transform='translate(14 %d) rotate(-90)'>%s</text>\n",
                            LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, (LEFT + WIDTH - RIGHT) / 2,
                            HEIGHT - 10, x_label, (TOP + HEIGHT - BOTTOM) / 2, y_label));
done:
    return status;
}

static kr_status legend(kr_context *ctx, const kr_chart *c, int color, const char *name) {
    if (!name) return KR_OK;
    kr_status status = kr_string_printf(ctx, c->out, "<text class=l fill='%s' x='%d' y='%d'>", colors[color % 8],
                                        WIDTH - RIGHT - 6, TOP + 14 + 14 * color);
    if (status == KR_OK) status = kr_html_text(ctx, c->out, name);
    return status == KR_OK ? kr_string_puts(ctx, c->out, "</text>\n") : status;
}

kr_status kr_chart_line(kr_context *ctx, const kr_chart *c, long n, const double *x, const double *y, int color,
                        const char *name) {
    kr_status status = KR_OK;
    int open = 0;
    KR_TRY(kr_string_printf(ctx, c->out, "<path fill='none' stroke-width='1.6' stroke='%s' d='", colors[color % 8]));
    for (long k = 0; k < n; k++) {
        if (!visible(c, x[k], y[k])) {
            open = 0;
            continue;
        }
        KR_TRY(kr_string_printf(ctx, c->out, "%c%.1f %.1f", open ? 'L' : 'M', at_x(c, x[k]), at_y(c, y[k])));
        open = 1;
    }
    KR_TRY(kr_string_puts(ctx, c->out, "'/>\n"));
    KR_TRY(legend(ctx, c, color, name));
done:
    return status;
}

kr_status kr_chart_points(kr_context *ctx, const kr_chart *c, long n, const double *x, const double *y, int color,
                          const char *name) {
    kr_status status = KR_OK;
    for (long k = 0; k < n; k++)
        if (visible(c, x[k], y[k]))
            KR_TRY(kr_string_printf(ctx, c->out, "<circle cx='%.1f' cy='%.1f' r='2.4' fill='%s' fill-opacity='.6'/>\n",
                                    at_x(c, x[k]), at_y(c, y[k]), colors[color % 8]));
    KR_TRY(legend(ctx, c, color, name));
done:
    return status;
}

kr_status kr_chart_bars(kr_context *ctx, const kr_chart *c, long n, const double *x, const double *low,
                        const double *high, int color) {
    kr_status status = KR_OK;
    for (long k = 0; k < n; k++) {
        double bottom = c->log_y && low[k] <= 0 ? pow(10, c->y[0]) : low[k]; /* reaches below a logarithmic axis */
        if (visible(c, x[k], bottom) && visible(c, x[k], high[k]))
            KR_TRY(kr_string_printf(ctx, c->out, "<path stroke='%s' stroke-opacity='.6' d='M%.1f %.1fV%.1f'/>\n",
                                    colors[color % 8], at_x(c, x[k]), at_y(c, bottom), at_y(c, high[k])));
    }
done:
    return status;
}

kr_status kr_chart_end(kr_context *ctx, const kr_chart *c) { return kr_string_puts(ctx, c->out, "</svg>\n"); }
