/* Learning rates.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/schedule.h"
#include "core/error.h"
#include <math.h>

enum { FALL_INVERSE, FALL_COSINE, FALL_LINEAR };

kr_status kr_schedule_set(kr_context *ctx, const kr_input_rate *r, int64_t numb_steps, kr_schedule *s) {
    *s = (kr_schedule){.type = r->type,
                       .smooth = r->smooth,
                       .decay_type = r->decay_type,
                       .start = r->start_lr,
                       .stop = r->stop_lr,
                       .warmup_start = r->warmup_start_factor * r->start_lr,
                       .steps = numb_steps,
                       .warmup =
                           isnan(r->warmup_ratio) ? r->warmup_steps : (int64_t)(r->warmup_ratio * (double)numb_steps),
                       .decay_steps = r->decay_steps};
    if (s->warmup >= numb_steps && s->warmup > 0)
        return kr_parameter_fail(ctx, "learning_rate", "warmup_steps", NULL,
                                 "found %lld, expected less than %lld steps", (long long)s->warmup,
                                 (long long)numb_steps);
    int64_t rest = numb_steps - s->warmup;
    if (r->type == KR_RATE_WSD) {
        int64_t fall = (int64_t)(r->decay_phase_ratio * (double)numb_steps);
        fall = fall > rest ? rest : fall < 1 ? 1 : fall;
        s->stable = rest - fall;
        if (!(s->stop > 0))
            return kr_parameter_fail(ctx, "learning_rate", "stop_lr", NULL, "found %g, expected > 0 for wsd", s->stop);
    }
    if (r->type != KR_RATE_EXP) return KR_OK;
    s->rate = r->decay_rate;
    if (isnan(s->rate)) {
        if (s->decay_steps >= rest) s->decay_steps = rest / 10 > 100 ? 100 : rest / 100 + 1;
        s->rate =
            rest > 0 ? pow((s->stop > 1e-10 ? s->stop : 1e-10) / s->start, (double)s->decay_steps / (double)rest) : 1;
    }
    return KR_OK;
}

static double wsd_at(const kr_schedule *s, int64_t t) {
    int64_t fall = s->steps - s->warmup - s->stable;
    double x = fall > 0 ? (double)(t - s->stable) / (double)fall : 1;
    x = x < 0 ? 0 : x > 1 ? 1 : x;
    switch (s->decay_type) {
    case FALL_COSINE:
        return s->stop + 0.5 * (s->start - s->stop) * (1 + cos(M_PI * x));
    case FALL_LINEAR:
        return s->start + (s->stop - s->start) * x;
    default:
        return 1 / (x / s->stop + (1 - x) / s->start);
    }
}

double kr_schedule_at(const kr_schedule *s, int64_t step) {
    if (step < s->warmup) return s->warmup_start + (s->start - s->warmup_start) * (double)step / (double)s->warmup;
    int64_t t = step - s->warmup, rest = s->steps - s->warmup;
    double lr;
    switch (s->type) {
    case KR_RATE_COSINE:
        if (t >= rest) return s->stop;
        return s->stop + 0.5 * (s->start - s->stop) * (1 + cos(M_PI * (double)t / (double)rest));
    case KR_RATE_WSD:
        return wsd_at(s, t);
    default:
        lr = s->start * pow(s->rate, s->smooth ? (double)t / (double)s->decay_steps : (double)(t / s->decay_steps));
        return lr > s->stop ? lr : s->stop;
    }
}
