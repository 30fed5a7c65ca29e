/* Mean absolute and root mean square errors. Sums of |Δ| and Δ² merge exactly, so that the average over systems is
 * weighted by the number of values.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "errors.h"
#include <math.h>

void cli_errors_add(cli_errors *errors, cli_error_kind kind, int n, const double *data, const double *made,
                    double factor) {
    for (int i = 0; i < n; i++) {
        double difference = factor * (made[i] - data[i]);
        errors->absolute[kind] += fabs(difference);
        errors->square[kind] += difference * difference;
    }
    errors->count[kind] += n;
}

void cli_errors_add_weighted(cli_errors *errors, cli_error_kind kind, int n, int width, const double *data,
                             const double *made, const double *weight) {
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < width; c++) {
            double difference = made[i * width + c] - data[i * width + c];
            errors->absolute[kind] += weight[i] * fabs(difference);
            errors->square[kind] += weight[i] * difference * difference;
        }
        errors->count[kind] += weight[i] * width;
    }
}

void cli_errors_merge(cli_errors *into, const cli_errors *from) {
    for (int k = 0; k < CLI_ERROR_KINDS; k++) {
        if (!(from->count[k] > 0)) continue;
        into->count[k] += from->count[k];
        into->absolute[k] += from->absolute[k];
        into->square[k] += from->square[k];
    }
}

void cli_errors_print(FILE *out, const cli_errors *errors) {
    static const struct {
        const char *mae, *rmse, *unit;
    } text[] = {
#define CLI_ERROR_TEXT(name, mae, rmse, unit) {mae, rmse, unit},
        CLI_ERROR_LIST(CLI_ERROR_TEXT)
#undef CLI_ERROR_TEXT
    };
    for (int k = 0; k < CLI_ERROR_KINDS; k++) {
        if (!(errors->count[k] > 0)) continue;
        fprintf(out, "%s: %e %s\n", text[k].mae, errors->absolute[k] / errors->count[k], text[k].unit);
        fprintf(out, "%s: %e %s\n", text[k].rmse, sqrt(errors->square[k] / errors->count[k]), text[k].unit);
    }
}
