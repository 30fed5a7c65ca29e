/* Methods that give rates: registry and what they share.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/rate.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KR_RATE_KIND(name) extern const kr_rate_kind kr_rate_##name;
#include "sampling/rate_kinds.def"
#undef KR_RATE_KIND

static const kr_rate_kind *const kinds[] = {
#define KR_RATE_KIND(name) &kr_rate_##name,
#include "sampling/rate_kinds.def"
#undef KR_RATE_KIND
    NULL};

int kr_rate_count(void) { return (int)(sizeof kinds / sizeof *kinds) - 1; }

const kr_rate_kind *kr_rate_at(int index) { return index >= 0 && index < kr_rate_count() ? kinds[index] : NULL; }

kr_stream kr_rate_stream(const kr_rate *rate, int piece, int use) {
    /* 'rate', then which method, piece and use: one number per combination. */
    uint64_t purpose = 0x72617465ull << 32 ^ (uint64_t)(rate->index & 0xff) << 56 ^ (uint64_t)(piece & 0xffffff) << 8 ^
                       (uint64_t)(use & 0xff);
    return (kr_stream){rate->run->seed, purpose};
}

kr_status kr_rate_mover(kr_context *ctx, const kr_rate *rate, int piece, int use, double dt, kr_mover **mover) {
    kr_mover_options options = {.integrator = rate->integrator, .dt = dt, .stream = kr_rate_stream(rate, piece, use)};
    return kr_mover_create(ctx, rate->problem, &options, mover);
}

kr_status kr_rate_start(kr_context *ctx, const kr_rate *rate, int in_b, double *x) {
    if (kr_problem_inner_point(rate->problem, in_b, x)) return KR_OK;
    KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s: no point of state %s was found", rate->problem->where, in_b ? "B" : "A");
    kr_error_hint(ctx, "describe it as a ball, cylinder or ellipsoid, or give \"start\"");
    return KR_ERR_ARGUMENT;
}

kr_estimate kr_rate_mean(const kr_rate *rate, int c) {
    int n = rate->pieces;
    double sum = 0, square = 0;
    for (int i = 0; i < n; i++) sum += rate->out[i * rate->width + c];
    for (int i = 0; i < n; i++) {
        double d = rate->out[i * rate->width + c] - sum / n;
        square += d * d;
    }
    return (kr_estimate){sum / n, n > 1 ? sqrt(square / n / (n - 1)) : NAN};
}

kr_estimate kr_rate_ratio(const kr_rate *rate, int a, int b) {
    int n = rate->pieces;
    double sa = 0, sb = 0, square = 0;
    for (int i = 0; i < n; i++) {
        sa += rate->out[i * rate->width + a];
        sb += rate->out[i * rate->width + b];
    }
    double all = sa / sb;
    for (int i = 0; i < n; i++) {
        double without = (sa - rate->out[i * rate->width + a]) / (sb - rate->out[i * rate->width + b]) - all;
        square += without * without;
    }
    return (kr_estimate){all, n > 1 ? sqrt(square * (n - 1) / n) : NAN};
}

kr_status kr_rate_set(kr_context *ctx, kr_tree *map, const char *key, kr_estimate estimate) {
    kr_status status = KR_OK;
    char name[80];
    snprintf(name, sizeof name, "%s_error", key);
    KR_TRY(kr_run_set_real(ctx, map, key, estimate.value));
    KR_TRY(kr_run_set_real(ctx, map, name, estimate.error));
done:
    return status;
}

void kr_rate_doubt(kr_rate *rate, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (rate->converged) vsnprintf(rate->why, sizeof rate->why, format, list);
    va_end(list);
    rate->converged = 0;
}
