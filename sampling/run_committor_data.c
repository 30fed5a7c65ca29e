/* The command committor: weighted samples of a round, by raised temperature or by biases along the learned committor.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   temperature  b = −(1 − ε/ε') V along the heated coordinates
 *   kolmogorov   b = −λ ε ln(|∇q|² + e)                        (Kang, Trizio, Parrinello 2024; e = 1e-6 of its largest)
 *   stretch      b = ε λ ln ρ(r) on a grid of r = q^{1/n}/(q^{1/n} + (1 − q)^{1/n}), n = 10, which spreads the basins
 *                (Lin, Ren 2024); the free energy along r is estimated from the data so far
 *   umbrella     b = κ ε (z − z_k)²/2 in windows of the logit z, put together by the self-consistent weights of MBAR
 * The second to fourth come on top of the heating, from round 2 on. The Metropolis test needs no gradient of them. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRETCH_BINS = 200, ROWS = 64 };

void kr_committor_set_free(kr_committor_set *set) {
    kr_free(set->x);
    kr_free(set->w);
    kr_free(set->group);
    *set = (kr_committor_set){0};
}

typedef struct bias {
    const kr_sampling *run;
    const kr_committor_net *model;
    double center, floor; /* umbrella; kolmogorov: e */
    const double *table;  /* [STRETCH_BINS] */
    double *gradient;     /* [threads][ROWS][dim], kolmogorov */
} bias;

/* r = σ(z/n) */
static double stretched(double z) { return 1 / (1 + exp(-z / 10)); }

static kr_status bias_values(void *payload, kr_context *ctx, int thread, int n, const double *x, double *b,
                             double *grad) {
    const bias *s = payload;
    const kr_committor_settings *set = s->run->state;
    double epsilon = s->run->problem->epsilon, q[ROWS], z[ROWS];
    (void)grad;
    size_t dim = (size_t)s->run->problem->dim;
    double *g = s->gradient ? s->gradient + (size_t)thread * ROWS * dim : NULL;
    kr_status status = kr_committor_net_rows(ctx, s->model, s->model->theta, thread, n, x, q, z, g);
    for (int i = 0; i < n && status == KR_OK; i++) {
        if (g) {
            double square = 0;
            for (size_t k = 0; k < dim; k++) square += g[(size_t)i * dim + k] * g[(size_t)i * dim + k];
            b[i] -= set->sample.strength * epsilon * log(square + s->floor);
        } else if (set->sample.method == KR_BIAS_UMBRELLA) {
            b[i] += 0.5 * set->sample.stiffness * epsilon * (z[i] - s->center) * (z[i] - s->center);
        } else {
            double at = stretched(z[i]) * STRETCH_BINS - 0.5;
            int low = at < 0 ? 0 : at > STRETCH_BINS - 2 ? STRETCH_BINS - 2 : (int)at;
            double t = fmin(fmax(at - low, 0), 1);
            b[i] += epsilon * ((1 - t) * s->table[low] + t * s->table[low + 1]);
        }
    }
    return status;
}

/* e of the Kolmogorov bias, from the largest |∇q|² of heated points. */
static kr_status kolmogorov_floor(kr_context *ctx, const kr_sampling *run, const kr_samples *pilot, bias *how) {
    kr_status status = KR_OK;
    size_t dim = (size_t)run->problem->dim;
    double *grad = NULL, largest = 0;
    KR_NEW(ctx, how->gradient, (size_t)kr_parallel_threads(ctx) * ROWS * dim);
    KR_NEW(ctx, grad, (size_t)pilot->n * dim);
    KR_TRY(kr_committor_net_evaluate(ctx, how->model, how->model->theta, pilot->n, pilot->x, NULL, NULL, grad));
    for (long i = 0; i < pilot->n; i++) {
        double square = 0;
        for (size_t k = 0; k < dim; k++) square += grad[(size_t)i * dim + k] * grad[(size_t)i * dim + k];
        largest = fmax(largest, square);
    }
    how->floor = 1e-6 * largest;
done:
    kr_free(grad);
    return status;
}

kr_status kr_committor_starts(kr_context *ctx, const kr_sampling *run, double **start) {
    kr_status status = KR_OK;
    size_t dim = (size_t)run->problem->dim;
    *start = NULL;
    KR_NEW(ctx, *start, 2 * dim);
    for (int state = 0; state < 2; state++)
        if (!kr_problem_inner_point(run->problem, state, *start + (size_t)state * dim))
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "no point of state %s was found", state ? "B" : "A");
done:
    return status;
}

kr_status kr_committor_sample_options(kr_context *ctx, const kr_sampling *run, int **coordinates,
                                      kr_sample_options *o) {
    const kr_committor_settings *s = run->state;
    kr_status status = KR_OK;
    int n = 0;
    *coordinates = NULL;
    *o = (kr_sample_options){.walkers = s->sample.walkers, .stride = s->sample.stride, .burn = s->sample.burn};
    o->heating.epsilon = s->sample.epsilon > run->problem->epsilon ? s->sample.epsilon : 0;
    if (s->sample.epsilon > 0 && s->sample.epsilon < run->problem->epsilon)
        KR_TRY(kr_parameter_fail(ctx, "sampling", "epsilon", kr_tree_get(s->owned[3], "epsilon"),
                                 "%g is below that of the problem, %g: samples are heated, not cooled",
                                 s->sample.epsilon, run->problem->epsilon));
    if (s->sample.coordinates) {
        KR_TRY(kr_parameter_ints(ctx, s->sample.coordinates, &n, coordinates));
        for (int c = 0; c < n; c++) {
            int *one = *coordinates + c, dim = run->problem->dim;
            if (*one < 1 || *one > dim)
                KR_TRY(kr_parameter_fail(ctx, "sampling", "coordinates", s->sample.coordinates,
                                         "%d, the problem has 1 to %d", *one, dim));
            for (int k = 0; k < c; k++)
                if ((*coordinates)[k] == *one - 1)
                    KR_TRY(kr_parameter_fail(ctx, "sampling", "coordinates", s->sample.coordinates, "%d is given twice",
                                             *one));
            --*one;
        }
        o->heating.ncoordinates = n;
        o->heating.coordinate = *coordinates;
    }
done:
    return status;
}

kr_status kr_committor_set_make(kr_context *ctx, const kr_sampling *run, const kr_samples *s, int walkers,
                                kr_committor_set *set) {
    kr_status status = KR_OK;
    size_t dim = (size_t)run->problem->dim;
    double top = -INFINITY, sum = 0, square = 0, b[2] = {0}, all[2] = {0};
    *set = (kr_committor_set){.n = s->n, .groups = walkers, .acceptance = s->acceptance};
    KR_NEW(ctx, set->x, (size_t)s->n * dim);
    KR_NEW(ctx, set->w, (size_t)s->n);
    KR_NEW(ctx, set->group, (size_t)s->n);
    for (long i = 0; i < s->n; i++) top = fmax(top, s->log_weight[i]);
    for (int pass = 0; pass < 2; pass++) {
        long at = pass ? set->outside : 0;
        for (long i = 0; i < s->n; i++) {
            const double *x = s->x + (size_t)i * dim;
            int in_b = kr_region_level(run->problem->b, x, NULL) <= 0;
            int inside = in_b || kr_region_level(run->problem->a, x, NULL) <= 0;
            if (inside != pass) continue;
            double w = exp(s->log_weight[i] - top);
            memcpy(set->x + (size_t)at * dim, x, dim * sizeof *x);
            set->w[at] = w;
            set->group[at] = (int)(i % walkers);
            at++;
            sum += w;
            square += w * w;
            all[i % walkers % 2] += w;
            if (in_b) b[i % walkers % 2] += w;
        }
        if (!pass) set->outside = at;
    }
    for (long i = 0; i < s->n; i++) set->w[i] *= (double)s->n / sum;
    set->effective = sum * sum / square;
    set->from_a = b[0] / all[0];
    set->from_b = b[1] / all[1];
done:
    if (status < 0) kr_committor_set_free(set);
    return status;
}

/* λ ln ρ(r) of the data so far, smoothed; −∞ is cut 12 below the top. */
static kr_status stretch_table(kr_context *ctx, const kr_sampling *run, const kr_committor_net *model,
                               const kr_samples *pilot, double *table) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    double *z = NULL, top = -INFINITY, count[STRETCH_BINS] = {0};
    KR_NEW(ctx, z, (size_t)pilot->n);
    KR_TRY(kr_committor_net_evaluate(ctx, model, model->theta, pilot->n, pilot->x, NULL, z, NULL));
    for (long i = 0; i < pilot->n; i++) {
        int bin = (int)(stretched(z[i]) * STRETCH_BINS);
        count[bin < 0 ? 0 : bin >= STRETCH_BINS ? STRETCH_BINS - 1 : bin] += 1;
    }
    for (int k = 0; k < STRETCH_BINS; k++) {
        double smooth = 0, weight = 0;
        for (int j = -4; j <= 4; j++)
            if (k + j >= 0 && k + j < STRETCH_BINS) {
                smooth += count[k + j] * (5 - abs(j));
                weight += 5 - abs(j);
            }
        table[k] = log(smooth / weight + 1e-6 * (double)pilot->n / STRETCH_BINS);
        top = fmax(top, table[k]);
    }
    for (int k = 0; k < STRETCH_BINS; k++) table[k] = s->sample.strength * fmax(table[k] - top, -12);
done:
    kr_free(z);
    return status;
}

/* ---- umbrella windows ---- */

/* Weights by MBAR: w_i = 1/Σ_k N_k e^{f_k − u_k(x_i)}, f_k = −ln Σ_i w_i e^{−u_k}; u without the heating, which every
 * window shares. log_weight in: heating; out: heating + windows. */
static kr_status umbrella_weights(kr_context *ctx, const kr_sampling *run, const kr_committor_net *model, int windows,
                                  const double *centers, kr_samples *s, const double *heating) {
    kr_status status = KR_OK;
    const kr_committor_settings *set = run->state;
    double *z = NULL, *f = NULL, *next = NULL;
    KR_NEW(ctx, z, (size_t)s->n);
    KR_NEW(ctx, f, (size_t)windows);
    KR_NEW(ctx, next, (size_t)windows);
    KR_TRY(kr_committor_net_evaluate(ctx, model, model->theta, s->n, s->x, NULL, z, NULL));
    for (int it = 0; it < 500; it++) {
        double change = 0;
        for (int k = 0; k < windows; k++) next[k] = 0;
        for (long i = 0; i < s->n; i++) {
            double sum = 0;
            for (int k = 0; k < windows; k++)
                sum += exp(f[k] - 0.5 * set->sample.stiffness * (z[i] - centers[k]) * (z[i] - centers[k]));
            s->log_weight[i] = heating[i] - log(sum);
            for (int k = 0; k < windows; k++)
                next[k] += exp(-0.5 * set->sample.stiffness * (z[i] - centers[k]) * (z[i] - centers[k])) / sum;
        }
        for (int k = 0; k < windows; k++) {
            double value = -log(next[k]);
            change = fmax(change, fabs(value + log(next[0]) - (f[k] - f[0])));
            next[k] = value;
        }
        for (int k = 0; k < windows; k++) f[k] = next[k] - next[0];
        if (change < 1e-6) break;
    }
done:
    kr_free(z);
    kr_free(f);
    kr_free(next);
    return status;
}

static kr_status draw_umbrella(kr_context *ctx, const kr_sampling *run, const kr_committor_net *model,
                               kr_sample_options *o, bias *how, long count, kr_samples *all) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    int windows = s->sample.windows, dim = run->problem->dim;
    kr_samples part = {0};
    double *centers = NULL, *heating = NULL;
    long each = (count + windows - 1) / windows, at = 0;
    *all = (kr_samples){.n = each * windows, .dim = dim};
    KR_NEW(ctx, all->x, (size_t)all->n * (size_t)dim);
    KR_NEW(ctx, all->log_weight, (size_t)all->n);
    KR_NEW(ctx, centers, (size_t)windows);
    KR_NEW(ctx, heating, (size_t)all->n);
    for (int k = 0; k < windows; k++) centers[k] = windows > 1 ? s->train.margin * (2.0 * k / (windows - 1) - 1) : 0;
    for (int k = 0; k < windows; k++) {
        how->center = centers[k];
        o->count = each;
        o->stream.purpose += 17;
        kr_samples_free(&part);
        KR_TRY(kr_samples_draw(ctx, run->problem, o, &part));
        double *z = kr_malloc(ctx, (size_t)each, sizeof *z);
        if (!z) KR_FAIL(ctx, KR_ERR_MEMORY, "no memory for %ld numbers", each);
        status = kr_committor_net_evaluate(ctx, model, model->theta, each, part.x, NULL, z, NULL);
        memcpy(all->x + at * dim, part.x, (size_t)(each * dim) * sizeof *all->x);
        for (long i = 0; i < each; i++)
            heating[at + i] =
                part.log_weight[i] - 0.5 * s->sample.stiffness * (z[i] - how->center) * (z[i] - how->center);
        kr_free(z);
        KR_TRY(status);
        at += each;
        all->acceptance += part.acceptance / windows;
    }
    KR_TRY(umbrella_weights(ctx, run, model, windows, centers, all, heating));
done:
    kr_samples_free(&part);
    kr_free(centers);
    kr_free(heating);
    return status;
}

/* ---- points of a file ---- */

/* Every other point, for training or (later) for the test; in 32 blocks, as if of so many walkers, so that errors see
 * the correlation along a trajectory. */
static kr_status take_samples(kr_context *ctx, const kr_sampling *run, int later, kr_committor_set *set) {
    kr_status status = KR_OK;
    enum { BLOCKS = 32 };
    const kr_problem *p = run->problem;
    size_t dim = (size_t)p->dim;
    long each = p->nsamples / 2 / BLOCKS, at = 0;
    kr_samples s = {.n = each * BLOCKS, .dim = p->dim, .acceptance = 1};
    if (each < 1) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%ld points are too few, %d at least", p->nsamples, 2 * BLOCKS);
    KR_NEW(ctx, s.x, (size_t)s.n * dim);
    KR_NEW(ctx, s.log_weight, (size_t)s.n);
    for (long i = 0; i < each; i++)
        for (int b = 0; b < BLOCKS; b++, at++) {
            long from = 2 * (b * each + i) + later;
            memcpy(s.x + (size_t)at * dim, p->samples + (size_t)from * dim, dim * sizeof *s.x);
            s.log_weight[at] = log(p->weights[from]);
        }
    KR_TRY(kr_committor_set_make(ctx, run, &s, BLOCKS, set));
done:
    kr_samples_free(&s);
    return status;
}

kr_status kr_committor_draw(kr_context *ctx, kr_sampling *run, kr_committor_net *model, long count, uint64_t purpose,
                            int round, kr_committor_set *set) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    int *coordinates = NULL;
    double *start = NULL, table[STRETCH_BINS];
    kr_sample_options o;
    kr_samples samples = {0}, pilot = {0};
    bias how = {.run = run, .model = model, .table = table, .floor = 1e-6};
    if (run->problem->nsamples) return take_samples(ctx, run, purpose == KR_COMMITTOR_TEST, set);
    KR_TRY(kr_committor_starts(ctx, run, &start));
    KR_TRY(kr_committor_sample_options(ctx, run, &coordinates, &o));
    o.count = count;
    o.start = start;
    o.nstart = 2;
    o.stream = (kr_stream){run->seed, purpose};
    o.round = (uint64_t)round;
    if (model && s->sample.method != KR_BIAS_TEMPERATURE) {
        if (s->sample.method != KR_BIAS_UMBRELLA) {
            o.count = count / 4 + 1;
            KR_TRY(kr_samples_draw(ctx, run->problem, &o, &pilot));
            if (s->sample.method == KR_BIAS_STRETCH) KR_TRY(stretch_table(ctx, run, model, &pilot, table));
            if (s->sample.method == KR_BIAS_KOLMOGOROV) KR_TRY(kolmogorov_floor(ctx, run, &pilot, &how));
            o.count = count;
        }
        o.bias = bias_values;
        o.payload = &how;
        o.stream.purpose += 0x100;
    }
    if (o.bias && s->sample.method == KR_BIAS_UMBRELLA)
        KR_TRY(draw_umbrella(ctx, run, model, &o, &how, count, &samples));
    else
        KR_TRY(kr_samples_draw(ctx, run->problem, &o, &samples));
    KR_TRY(kr_committor_set_make(ctx, run, &samples, o.walkers > 0 && o.walkers < samples.n ? o.walkers : 1, set));
done:
    kr_samples_free(&samples);
    kr_samples_free(&pilot);
    kr_free(how.gradient);
    kr_free(coordinates);
    kr_free(start);
    return status;
}
