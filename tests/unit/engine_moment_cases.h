/* What the tests of the moment engine share: random models with frames of every kind, and an engine's values on them.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TESTS_ENGINE_MOMENT_CASES_H
#define KR_TESTS_ENGINE_MOMENT_CASES_H

#include "core/isa.h"
#include "core/memory.h"
#include "kr_test.h"
#include "random_model.h"
#include "training/engine.h"

#ifndef SEEDS
#define SEEDS 6 /* test_engine_moment_more.c has more */
#endif
enum { FRAMES = 3, MOST = 16, VARIANTS = 8 };
static const char *const variants[VARIANTS] = {"se_e2_a", "se_e2_r", "dpa1",    "dpa1/4",
                                               "dpa1/2",  "dpa1/3s", "dpa1/4s", "se_atten_v2"};

/* A random model, frames of different sizes as one batch, and random ē, f̄, w̄. */
typedef struct fixture {
    kr_context *ctx;
    kr_model *model;
    kr_random_frame random[FRAMES];
    kr_training_frame *frame[FRAMES];
    kr_batch batch;
    int n; /* atoms */
    double ebar[FRAMES * MOST], fbar[3 * FRAMES * MOST], wbar[9 * FRAMES];
} fixture;

static kr_training_frame *training_frame(kr_context *ctx, const kr_model *model, const kr_random_frame *f) {
    kr_system *system;
    kr_training_frame *frame;
    kr_assert_ok(ctx, kr_system_create(ctx, "test", f->n, 1, 0, NULL, 0, &system));
    memcpy(system->type, f->type, (size_t)f->n * sizeof *f->type);
    memcpy(system->coord, f->x, 3 * (size_t)f->n * sizeof *f->x);
    for (int k = 0; k < 9; k++) system->box[k] = f->periodic ? f->box[k] : k % 4 ? 0 : 1;
    for (int k = 0; k < 3; k++) system->pbc[k] = f->periodic;
    if (f->fparam) {
        kr_assert_ok(ctx, kr_system_set_label(ctx, system, KR_LABEL_FPARAM, model->fitting.numb_fparam));
        system->has[0] |= 1u << KR_LABEL_FPARAM;
        memcpy(system->label[KR_LABEL_FPARAM], f->fparam, (size_t)model->fitting.numb_fparam * sizeof(double));
    }
    if (f->aparam) {
        kr_assert_ok(ctx, kr_system_set_label(ctx, system, KR_LABEL_APARAM, model->fitting.numb_aparam));
        system->has[0] |= 1u << KR_LABEL_APARAM;
        memcpy(system->label[KR_LABEL_APARAM], f->aparam,
               (size_t)f->n * (size_t)model->fitting.numb_aparam * sizeof(double));
    }
    kr_assert_ok(ctx, kr_training_frame_create(ctx, model, system, 0, 0, 0.1, NULL, &frame));
    kr_system_destroy(&system);
    return frame;
}

/* The same statistics for all slots of a block, no direction in the mean: what the splines take. */
static void tame(kr_descriptor *d, int nt) {
    size_t width = (size_t)d->ncolumns;
    for (int t = 0; t < nt; t++)
        for (int b = 0, slot = 0; b < d->nsel; slot += d->sel[b++])
            for (int k = 0; k < d->sel[b]; k++) {
                size_t first = ((size_t)t * (size_t)d->nnei + (size_t)slot) * width, at = first + (size_t)k * width;
                memcpy(d->dstd + at, d->dstd + first, width * sizeof(double));
                for (size_t c = 0; c < width; c++) d->davg[at + c] = c ? 0 : d->davg[first];
            }
}

/* Half of the models are plain, the others have all that the engine takes. */
static int open_case(const char *descriptor, uint64_t seed, fixture *f) {
    *f = (fixture){0};
    kr_random_model_options options = {.descriptor = descriptor, .seed = seed, .plain = seed % 4 == 0};
    assert_int_equal(kr_context_create(&f->ctx), KR_OK);
    kr_context_set_threads(f->ctx, 1);
    kr_assert_ok(f->ctx, kr_random_model(f->ctx, &options, &f->model));
    tame(&f->model->descriptor, f->model->ntypes);
    if (kr_engine_find("moment")->refuses(f->model)) return 0;
    f->batch = (kr_batch){.nframes = FRAMES, .frame = f->frame};
    for (int k = 0; k < FRAMES; k++) {
        const int sizes[FRAMES] = {9, 5, 13};
        kr_assert_ok(f->ctx, kr_random_frame_make(f->ctx, f->model, sizes[k], (k + (int)seed) % 3 > 0,
                                                  seed + 100 * (uint64_t)k, &f->random[k]));
        f->frame[k] = training_frame(f->ctx, f->model, &f->random[k]);
        f->batch.natoms += f->frame[k]->natoms;
        f->batch.npairs += f->frame[k]->env.npairs;
    }
    kr_test_random r = {seed};
    f->n = f->batch.natoms;
    for (int k = 0; k < f->n; k++) f->ebar[k] = kr_test_normal(&r);
    for (int k = 0; k < 3 * f->n; k++) f->fbar[k] = kr_test_normal(&r);
    for (int k = 0; k < 9 * FRAMES; k++) f->wbar[k] = 0.1 * kr_test_normal(&r);
    return 1;
}

static void close_case(fixture *f) {
    for (int k = 0; k < FRAMES; k++) {
        kr_random_frame_free(&f->random[k]);
        if (f->frame[k]) kr_training_frame_destroy(&f->frame[k]);
    }
    kr_model_destroy(&f->model);
    kr_context_destroy(&f->ctx);
}

static int for_all(uint64_t seeds, void (*check)(fixture *f)) {
    int cases = 0;
    for (int v = 0; v < VARIANTS; v++)
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            fixture f;
            if (open_case(variants[v], seed, &f)) {
                check(&f);
                cases++;
            }
            close_case(&f);
        }
    return cases;
}

static kr_engine *engine_of(fixture *f, const kr_engine_options *options) {
    kr_engine *e;
    kr_assert_ok(f->ctx, kr_engine_create(f->ctx, kr_engine_find("moment"), f->model, options, &e));
    return e;
}

typedef struct outcome {
    double energy[FRAMES * MOST], force[3 * FRAMES * MOST], virial[9 * FRAMES], *gtheta;
} outcome;

static void evaluate(fixture *f, kr_engine *e, outcome *o) {
    memset(o->energy, 0xff, sizeof o->energy); /* NaN: everything has to be written */
    memset(o->force, 0xff, sizeof o->force);
    memset(o->virial, 0xff, sizeof o->virial);
    kr_assert_ok(f->ctx, kr_engine_value(f->ctx, e, &f->batch, o->energy, o->force, o->virial));
    if (!o->gtheta) return;
    memset(o->gtheta, 0, f->model->ntheta * sizeof(double));
    kr_assert_ok(f->ctx, kr_engine_gradient(f->ctx, e, &f->batch, f->ebar, f->fbar, f->wbar, o->gtheta));
}

static double loss(fixture *f, kr_engine *e) {
    outcome o = {.gtheta = NULL};
    double sum = 0;
    evaluate(f, e, &o);
    for (int k = 0; k < f->n; k++) sum += f->ebar[k] * o.energy[k];
    for (int k = 0; k < 3 * f->n; k++) sum += f->fbar[k] * o.force[k];
    for (int k = 0; k < 9 * FRAMES; k++) sum += f->wbar[k] * o.virial[k];
    return sum;
}

#endif
