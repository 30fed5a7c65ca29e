/* Finite differences against an analytic gradient.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * D(h) = [8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))] / 12h, error O(h⁴). D is taken at h and h/2: where rounding is
 * not the limit the Richardson value (16 D(h/2) − D(h)) / 15 is better; of D(h), D(h/2) and that value the one closest
 * to the analytic value counts, so that one badly chosen step does not accuse a right gradient. A wrong gradient is
 * far from all three. */
#include "core/grad_check.h"
#include "core/error.h"
#include <math.h>

static kr_status difference(kr_scalar_fn value, void *payload, double *x, int i, double h, double *d) {
    static const double step[4] = {1, -1, 2, -2}, weight[4] = {8, -8, -1, 1};
    kr_status status = KR_OK;
    double at = x[i], sum = 0;
    for (int k = 0; k < 4 && status >= 0; k++) {
        double f = 0;
        x[i] = at + step[k] * h;
        status = value(payload, x, &f);
        sum += weight[k] * f;
    }
    x[i] = at;
    *d = sum / (12 * h);
    return status;
}

kr_status kr_grad_check(kr_context *ctx, kr_scalar_fn value, void *payload, int n, double *x, const double *gradient,
                        int nwhich, const int *which, double h, double scale, kr_grad_report *report) {
    if (!value || !x || !gradient || !report || n < 0 || !(h > 0) || !(scale > 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "gradient check: n = %d, h = %g, scale = %g, or an array is missing", n,
                        h, scale);
    *report = (kr_grad_report){0, -1, 0, 0};
    for (int k = 0; k < (which ? nwhich : n); k++) {
        int i = which ? which[k] : k;
        if (i < 0 || i >= n)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "gradient check: component %d of %d asked for", i, n);
        double magnitude = fabs(x[i]), step = h * (magnitude > 1 ? magnitude : 1), d[3];
        kr_status status = difference(value, payload, x, i, step, &d[0]);
        if (status >= 0) status = difference(value, payload, x, i, step / 2, &d[1]);
        if (status < 0) return status;
        d[2] = (16 * d[1] - d[0]) / 15;
        double error = INFINITY, closest = d[0];
        for (int c = 0; c < 3; c++) {
            double e = fabs(gradient[i] - d[c]) / (scale + fabs(d[c]));
            if (e < error) {
                error = e;
                closest = d[c];
            }
        }
        if (error > report->worst || report->index < 0) *report = (kr_grad_report){error, i, gradient[i], closest};
    }
    return KR_OK;
}
