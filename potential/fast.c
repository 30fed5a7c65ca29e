/* The fast path: creation, scratch, and the evaluation of a block.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Centres with a neighbour closer than the splines reach are rare; they are evaluated by the reference path. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_TYPES = 16 }; /* without a word about which ones occur */

/* Kernels of one instruction set: [precision][lmax − 1] */
#define RUNS(isa)                                                                                                   \
    kr_fast_run kr_fast_run_1_f64_##isa, kr_fast_run_2_f64_##isa, kr_fast_run_3_f64_##isa, kr_fast_run_4_f64_##isa, \
        kr_fast_run_1_f32_##isa, kr_fast_run_2_f32_##isa, kr_fast_run_3_f32_##isa, kr_fast_run_4_f32_##isa;
RUNS(baseline)
#if defined(__x86_64__)
RUNS(avx2)
RUNS(avx512)
#endif

static kr_fast_run *run_for(kr_isa isa, int single, int lmax) {
#define RUNS_OF(isa)                                                                                      \
    {kr_fast_run_1_f64_##isa, kr_fast_run_2_f64_##isa, kr_fast_run_3_f64_##isa, kr_fast_run_4_f64_##isa}, \
        {kr_fast_run_1_f32_##isa, kr_fast_run_2_f32_##isa, kr_fast_run_3_f32_##isa, kr_fast_run_4_f32_##isa}
    kr_fast_run *const run[2 * KR_ISA_COUNT][4] = {
        RUNS_OF(baseline),
#if defined(__x86_64__)
        RUNS_OF(avx2),
        RUNS_OF(avx512)
#endif
    };
    const int set = isa == KR_ISA_AVX512 || isa == KR_ISA_AMX ? 2 : isa == KR_ISA_AVX2;
    return run[2 * set + single][lmax - 1];
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void kr_fast_stage_end(kr_fast_workspace *ws, kr_fast_stage stage) {
    double now = seconds(CLOCK_THREAD_CPUTIME_ID);
    ws->stage[stage] += now - ws->now;
    ws->now = now;
}

static size_t center_bytes(const kr_fast *fast, const kr_fast_center *center) {
    size_t bytes = 0;
    if (!center->present) return 0;
    for (int t = 0; t < fast->ntypes; t++)
        if (kr_fast_uses(fast->used, t))
            bytes += kr_packed_bytes(fast->dense, &center->pair[t].forward) +
                     kr_packed_bytes(fast->dense, &center->pair[t].backward) +
                     kr_packed_bytes(fast->dense, &center->pair[t].slope) +
                     kr_packed_bytes(fast->dense, &center->pair[t].slope_rows);
    for (int c = 0; c < center->nchunks; c++)
        bytes += kr_packed_bytes(fast->dense, &center->chunk[c].forward) +
                 kr_packed_bytes(fast->dense, &center->chunk[c].backward) + kr_twoway_bytes(&center->chunk[c].few);
    for (int l = 0; l < center->nlayers; l++)
        bytes += kr_packed_bytes(fast->dense, &center->layer[l].forward) +
                 kr_packed_bytes(fast->dense, &center->layer[l].backward) + kr_twoway_bytes(&center->layer[l].few);
    return bytes;
}

kr_status kr_fast_build(kr_context *ctx, const kr_model *model, const unsigned char *used, int single, int rounded,
                        kr_isa isa, const kr_fast_grid *grid, const kr_fast_channels *channels, const kr_fast *base,
                        kr_fast **out) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *f = &model->fitting;
    kr_fast *fast = NULL;
    KR_NEW(ctx, fast, 1);
    fast->model = model;
    fast->isa = isa;
    fast->single = single;
    fast->rounded = rounded && !single;
    fast->base = base;
    fast->dense = kr_dense_for(isa, single);
    fast->twoway = kr_twoway_for(isa, single);
    fast->lmax = d->lmax > 1 ? d->lmax : 1;
    fast->columns = KR_FAST_COLUMNS(fast->lmax);
    fast->run = run_for(isa, single, fast->lmax);
    fast->ntypes = model->ntypes;
    fast->radial = d->ncolumns == 1;
    fast->mixed_types = d->mixed_types;
    fast->rcut = d->rcut;
    fast->rcut_smth = d->rcut_smth;
    fast->protection = d->env_protection;
    fast->nextra = f->numb_fparam + (f->use_aparam_as_mask ? 0 : f->numb_aparam);
    fast->grid = *grid;
    if (used) {
        unsigned char *copy = NULL;
        KR_NEW(ctx, copy, (size_t)model->ntypes);
        memcpy(copy, used, (size_t)model->ntypes);
        fast->used = copy;
    }
    KR_NEW(ctx, fast->center, (size_t)model->ntypes);
    for (int t = 0; t < model->ntypes; t++) {
        if (!kr_fast_uses(used, t)) continue;
        KR_TRY(kr_fast_center_create(ctx, fast, t, &channels[t], &fast->center[t]));
        fast->bytes += center_bytes(fast, &fast->center[t]);
    }
    *out = fast;
    fast = NULL;
done:
    kr_fast_destroy(&fast);
    return status;
}

/* Tables and their search cost as the square of the number of types. A caller that names the types in use gets what it
 * asks for; without names a model of many elements would take minutes. */
static const char *types_unsupported(const kr_model *model, const unsigned char *used) {
    if (!used) return model->ntypes > MAX_TYPES ? "more than 16 types; name the ones that occur (used_types)" : NULL;
    for (int t = 0; t < model->ntypes; t++)
        if (used[t]) return NULL;
    return "none of its types is in use";
}

kr_status kr_fast_create(kr_context *ctx, const kr_model *model, const kr_potential_options *options, kr_fast **fast,
                         const char **reason) {
    kr_status status = KR_OK;
    kr_isa isa;
    double start = seconds(CLOCK_MONOTONIC);
    *fast = NULL;
    *reason = NULL;
    KR_TRY(kr_isa_choose(ctx, options->isa, &isa));
    *reason = options->table == KR_TABLE_OFF ? "the exact network is evaluated in double precision"
                                             : kr_fast_unsupported(model);
    if (!*reason && options->table == KR_TABLE_DEEPMD) *reason = kr_fast_tables_unsupported(model);
    const int splines = options->table == KR_TABLE_SPLINE;
    if (!*reason && splines) *reason = types_unsupported(model, options->used_types);
    if (*reason) goto done;
    if (options->table == KR_TABLE_DEEPMD) {
        kr_fast *made = NULL;
        KR_NEW(ctx, made, 1);
        *fast = made;
        made->model = model;
        made->isa = isa;
        made->ntypes = model->ntypes;
        KR_TRY(kr_fast_tables_create(ctx, made));
    } else {
        KR_TRY(kr_fast_plan(ctx, model, options->used_types, isa, options->precision == KR_PRECISION_MIXED,
                            options->tolerance, fast));
    }
    (*fast)->build_ms = 1e3 * (seconds(CLOCK_MONOTONIC) - start);
done:
    if (status < 0) kr_fast_destroy(fast);
    return status;
}

void kr_fast_destroy(kr_fast **fast) {
    if (!fast || !*fast) return;
    for (int t = 0; (*fast)->center && t < (*fast)->ntypes; t++)
        kr_fast_center_free((*fast)->ntypes, &(*fast)->center[t]);
    kr_fast_tables_free(&(*fast)->tables);
    kr_free((*fast)->center);
    kr_free((void *)(*fast)->used);
    kr_free(*fast);
    *fast = NULL;
}

void kr_fast_describe(const kr_fast *fast, void (*line)(const char *text, void *payload), void *payload) {
    char text[256];
    const kr_fast_grid *grid = &fast->grid;
    if (fast->tables) {
        snprintf(text, sizeof text,
                 "DeePMD-kit's tables: strides 0.01 and 0.1, extrapolation 5, smallest distance %.4g Å%s, %.1f kB, "
                 "double precision, prepared in %.0f ms",
                 kr_fast_tables_closest(fast), fast->model->has_min_nbor_dist ? "" : " (guessed)",
                 (double)fast->bytes / 1024, fast->build_ms);
        line(text, payload);
        return;
    }
    snprintf(text, sizeof text, "splines: %d coefficients per pair of types in log r from %.3g to %g Å, %.1f kB",
             grid->ncoef, grid->segment[0].r_begin, fast->rcut, (double)fast->bytes / 1024);
    line(text, payload);
    for (int t = 0; t < fast->ntypes; t++) {
        const kr_fast_center *center = &fast->center[t];
        if (!center->present) continue;
        snprintf(text, sizeof text, "rank: %d of %d channels around %s",
                 center->rank ? center->rank : center->nchannels, center->nchannels, fast->model->type_map[t]);
        line(text, payload);
    }
    int n = snprintf(text, sizeof text, "estimated force error %.1e eV/Å (asked for %.1e", fast->error, fast->asked);
    if (fast->tolerance > fast->asked)
        n += snprintf(text + n, sizeof text - (size_t)n, "; mixed precision reaches about %.0e", fast->tolerance);
    snprintf(text + n, sizeof text - (size_t)n, ")%s",
             fast->error > fast->tolerance && !fast->single ? ": NOT REACHED" : "");
    line(text, payload);
    snprintf(text, sizeof text, "%s, %s, prepared in %.0f ms", kr_isa_name(fast->isa),
             fast->single ? "mixed precision" : "double precision", fast->build_ms);
    line(text, payload);
}

kr_status kr_fast_workspace_create(kr_context *ctx, const kr_fast *fast, kr_fast_workspace **out) {
    kr_status status = KR_OK;
    kr_fast_workspace *ws = NULL;
    KR_NEW(ctx, ws, 1);
    if (fast->tables) {
        *out = ws;
        return KR_OK;
    }
    const size_t real = fast->single ? sizeof(float) : sizeof(double), rows = KR_FAST_ROWS;
    const size_t width = (size_t)fast->max_columns, columns = (size_t)fast->columns, ncoef = (size_t)fast->grid.ncoef;
    const size_t widest = (size_t)kr_fast_stride((int)(width > ncoef ? width : ncoef));
    const size_t out_stride = (size_t)kr_fast_stride(fast->max_out), in = (size_t)kr_fast_stride(fast->max_width);
    const struct {
        void **array;
        size_t count;
    } need[] = {{&ws->moments, KR_FAST_GROUP * ncoef},
                {&ws->slopes, fast->single ? KR_FAST_GROUP * ncoef : 0},
                {&ws->product, KR_FAST_GROUP * widest},
                {&ws->t, rows * width * columns},
                {&ws->gt, rows * width * columns},
                {&ws->axis, (width + 16) * columns},
                {&ws->d, rows * in},
                {&ws->h[0], rows * out_stride},
                {&ws->h[1], rows * out_stride},
                {&ws->slope, rows * out_stride * (size_t)fast->max_layers},
                {&ws->g[0], rows * out_stride},
                {&ws->g[1], rows * out_stride},
                {&ws->extra, rows * (size_t)fast->nextra}};
    if (fast->dense->split) {
        const size_t split = kr_split_bytes(KR_FAST_ROWS, fast->max_width, 3),
                     upper = kr_split_bytes(KR_FAST_ROWS, fast->max_out, 2);
        KR_NEW(ctx, ws->split, split > upper ? split : upper);
        ws->bytes += split > upper ? split : upper;
    }
    for (size_t k = 0; k < sizeof need / sizeof *need; k++) {
        *need[k].array = kr_calloc(ctx, need[k].count, real);
        if (!*need[k].array) KR_FAIL(ctx, KR_ERR_MEMORY, "%s", kr_context_message(ctx));
        ws->bytes += need[k].count * real;
    }
    KR_NEW(ctx, ws->x_extra, rows * (size_t)fast->nextra);
    *out = ws;
    ws = NULL;
done:
    kr_fast_workspace_destroy(&ws);
    return status;
}

void kr_fast_workspace_destroy(kr_fast_workspace **ws) {
    if (!ws || !*ws) return;
    kr_fast_workspace *w = *ws;
    void *arrays[] = {w->moments, w->slopes, w->product, w->t,    w->gt,    w->axis,    w->d,    w->h[0],
                      w->h[1],    w->slope,  w->g[0],    w->g[1], w->extra, w->x_extra, w->split};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) kr_free(arrays[k]);
    kr_reference_workspace_free(&w->reference);
    kr_buffer_free(&w->table);
    kr_free(w);
    *ws = NULL;
}

size_t kr_fast_workspace_bytes(const kr_fast_workspace *ws) { return ws->bytes + ws->table.bytes; }

static void fill_extra(const kr_fitting *f, int natoms, const double *fparam, const double *aparam, double *x) {
    int naparam = f->use_aparam_as_mask ? 0 : f->numb_aparam;
    for (int i = 0; i < natoms; i++) {
        for (int k = 0; k < f->numb_fparam; k++)
            *x++ =
                (fparam[k] - (f->fparam_avg ? f->fparam_avg[k] : 0)) * (f->fparam_inv_std ? f->fparam_inv_std[k] : 1);
        for (int k = 0; k < naparam; k++)
            *x++ = (aparam[(size_t)i * (size_t)f->numb_aparam + (size_t)k] - (f->aparam_avg ? f->aparam_avg[k] : 0)) *
                   (f->aparam_inv_std ? f->aparam_inv_std[k] : 1);
    }
}

/* Does centre i see a type without tables? DPA-1's empty slots are of a type too. */
static int sees_stranger(const kr_fast *fast, const kr_env *env, int i) {
    const int *first = env->first + (size_t)i * (size_t)env->ntypes;
    const int pad = fast->mixed_types ? env->pad_type : -1;
    for (int t = 0; fast->used && t < env->ntypes; t++)
        if (!fast->used[t] && (first[t + 1] > first[t] || t == pad)) return 1;
    return 0;
}

/* Centres with a pair below the splines' range or of a type not declared to be in use, by the reference path. */
static kr_status exceptions(kr_context *ctx, const kr_fast *fast, const kr_env *env, int first, int natoms,
                            const double *fparam, const double *aparam, double *energy, double *gr,
                            kr_fast_workspace *ws) {
    kr_status status = KR_OK;
    const size_t nt = (size_t)env->ntypes, na = (size_t)fast->model->fitting.numb_aparam;
    const double r_lo = fast->grid.segment[0].r_begin;
    const int begin = env->first[(size_t)first * nt], end = env->first[(size_t)(first + natoms) * nt];
    int any = fast->used != NULL;
    for (int p = begin; p < end; p++) any |= env->r[p] < r_lo;
    for (int i = first; any && i < first + natoms; i++) {
        int close = sees_stranger(fast, env, i);
        for (int p = env->first[(size_t)i * nt]; p < env->first[(size_t)(i + 1) * nt]; p++) close |= env->r[p] < r_lo;
        if (!close) continue;
        kr_env one = *env;
        one.natoms = 1;
        one.center_type += i;
        one.first += (size_t)i * nt;
        KR_TRY(kr_reference_block(ctx, fast->model, &one, fparam, aparam ? aparam + (size_t)i * na : NULL, energy + i,
                                  gr, &ws->reference));
    }
done:
    return status;
}

kr_status kr_fast_block(kr_context *ctx, const kr_fast *fast, const kr_env *env, const double *fparam,
                        const double *aparam, double *energy, double *gr, kr_fast_workspace *ws) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const size_t na = (size_t)model->fitting.numb_aparam;
    if (env->natoms == 0) goto done;
    KR_TRY(kr_fitting_check_parameters(ctx, model, fparam, aparam));
    if (!fparam) fparam = model->fitting.default_fparam;
    if (fast->tables) return kr_fast_tables_block(ctx, fast, env, fparam, aparam, energy, gr, ws);
    const int type = env->center_type[0];
    const kr_fast_center *center = &fast->center[type];
    if (!kr_fast_uses(fast->used, type))
        return kr_reference_block(ctx, model, env, fparam, aparam, energy, gr, &ws->reference);
    if (!center->present)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s has no fitting net for type %s", model->path ? model->path : "the model",
                model->type_map[type]);
    for (int first = 0, n; first < env->natoms; first += n) {
        n = env->natoms - first < KR_FAST_ROWS ? env->natoms - first : KR_FAST_ROWS;
        if (center->silent) {
            const int begin = env->first[(size_t)first * (size_t)env->ntypes];
            const int end = env->first[(size_t)(first + n) * (size_t)env->ntypes];
            for (int i = 0; i < n; i++) energy[first + i] = center->energy;
            if (gr) memset(gr + 3 * (size_t)begin, 0, 3 * (size_t)(end - begin) * sizeof *gr);
            continue;
        }
        if (fast->nextra > 0)
            fill_extra(&model->fitting, n, fparam, aparam ? aparam + (size_t)first * na : NULL, ws->x_extra);
        fast->run(fast, env, first, n, ws->x_extra, energy + first, gr, ws);
        KR_TRY(exceptions(ctx, fast, env, first, n, fparam, aparam, energy, gr, ws));
    }
done:
    return status;
}
