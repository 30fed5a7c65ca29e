/* Random labelled frames of random models.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training_case.h"
#include "core/error.h"
#include "core/grad_check.h"
#include "kr_test.h"

static kr_status add_label(kr_context *ctx, kr_system *s, kr_label label, int width, kr_test_random *random) {
    kr_status status = KR_OK;
    KR_TRY(kr_system_set_label(ctx, s, label, width));
    size_t n = (size_t)width * (size_t)(kr_label_per_atom(label) ? s->natoms : 1);
    for (size_t k = 0; k < n; k++) {
        double value = kr_test_normal(random);
        s->label[label][k] = label == KR_LABEL_ATOM_PREF ? value * value : value;
    }
    s->has[0] |= 1u << label;
done:
    return status;
}

/* One frame as a system of its own; with `hole` its last but one atom is virtual. */
static kr_status make_frame(kr_context *ctx, const kr_model *model, int n, int periodic, int hole, uint64_t seed,
                            int index, kr_training_frame **frame) {
    kr_status status = KR_OK;
    kr_random_frame f = {0};
    kr_system *s = NULL;
    kr_test_random random = {seed * 977 + 5};
    KR_TRY(kr_random_frame_make(ctx, model, n, periodic, seed, &f));
    KR_TRY(kr_system_create(ctx, "random", n, 1, model->ntypes, (const char *const *)model->type_map, 1, &s));
    memcpy(s->coord, f.x, 3 * (size_t)n * sizeof *f.x);
    memcpy(s->type, f.type, (size_t)n * sizeof *f.type);
    memcpy(s->box, f.box, sizeof f.box);
    if (hole) s->type[n - 2] = -1;
    for (int a = 0; a < 3; a++) s->pbc[a] = (unsigned char)(periodic != 0);
    KR_TRY(add_label(ctx, s, KR_LABEL_ENERGY, 1, &random));
    KR_TRY(add_label(ctx, s, KR_LABEL_FORCE, 3, &random));
    KR_TRY(add_label(ctx, s, KR_LABEL_VIRIAL, 9, &random));
    KR_TRY(add_label(ctx, s, KR_LABEL_ATOM_ENER, 1, &random));
    KR_TRY(add_label(ctx, s, KR_LABEL_ATOM_PREF, 1, &random));
    if (f.fparam) KR_TRY(add_label(ctx, s, KR_LABEL_FPARAM, model->fitting.numb_fparam, &random));
    if (f.aparam) KR_TRY(add_label(ctx, s, KR_LABEL_APARAM, model->fitting.numb_aparam, &random));
    KR_TRY(kr_training_frame_create(ctx, model, s, index, 0, 0.5, NULL, frame));
done:
    kr_system_destroy(&s);
    kr_random_frame_free(&f);
    return status;
}

kr_status kr_training_case_make(kr_context *ctx, const kr_random_model_options *options, int natoms, int periodic,
                                kr_training_case *c) {
    kr_status status = KR_OK;
    *c = (kr_training_case){.batch = {.nframes = KR_CASE_FRAMES}};
    KR_TRY(kr_random_model(ctx, options, &c->model));
    c->batch.frame = c->frame;
    for (int k = 0; k < KR_CASE_FRAMES; k++) {
        int boundary = periodic == 2 ? (int)(options->seed + (uint64_t)k) % 3 != 0 : periodic;
        KR_TRY(
            make_frame(ctx, c->model, natoms + k, boundary, k == 1, options->seed * 10 + (uint64_t)k, k, &c->frame[k]));
        c->batch.natoms += c->frame[k]->natoms;
        c->batch.npairs += c->frame[k]->env.npairs;
    }
done:
    if (status < 0) kr_training_case_free(c);
    return status;
}

void kr_training_case_free(kr_training_case *c) {
    for (int k = 0; k < KR_CASE_FRAMES; k++) kr_training_frame_destroy(&c->frame[k]);
    kr_model_destroy(&c->model);
    *c = (kr_training_case){0};
}

typedef struct objective {
    kr_context *ctx;
    kr_training_case *c;
    kr_engine *engine;
    const kr_loss_options *o;
    kr_loss_workspace ws;
} objective;

static kr_status loss_of(void *payload, const double *theta, double *loss) {
    objective *t = payload;
    kr_loss_report report;
    if (theta != t->c->model->theta) return KR_ERR_INTERNAL;
    kr_status status = kr_loss_gradient(t->ctx, t->o, 1, t->engine, &t->c->batch, NULL, NULL, &report, &t->ws);
    *loss = report.loss;
    return status;
}

void kr_training_case_check(kr_context *ctx, kr_training_case *c, kr_engine *engine, const kr_loss_options *o,
                            int ncomponents, uint64_t seed, double tolerance, const char *what) {
    enum { MOST = 1000 };
    kr_model *m = c->model;
    objective t = {.ctx = ctx, .c = c, .engine = engine, .o = o};
    kr_test_random random = {seed};
    kr_loss_report report;
    kr_grad_report worst;
    int which[MOST], n = 0;
    double *g = malloc(m->ntheta * sizeof *g), largest = 0;
    for (size_t k = 0; k < m->ntheta; k++) g[k] = 1; /* it is added to */
    kr_assert_ok(ctx, kr_loss_gradient(ctx, o, 1, engine, &c->batch, NULL, g, &report, &t.ws));
    for (size_t k = 0; k < m->ntheta; k++) {
        g[k] -= 1;
        if (fabs(g[k]) > largest) largest = fabs(g[k]);
    }
    while (n < ncomponents && n < MOST) { /* blocks are as likely as each other, whatever their size */
        const kr_block *b = &m->block[kr_test_below(&random, m->nblocks)];
        if (b->count) which[n++] = (int)(b->offset + (size_t)kr_test_below(&random, (int)b->count));
    }
    double scale = 1e-3 * largest + 1e-5 * report.loss;
    if (!(report.loss > 0 && largest > 0)) fail_msg("%s: loss %g, largest entry %g", what, report.loss, largest);
    kr_assert_ok(ctx, kr_grad_check(ctx, loss_of, &t, (int)m->ntheta, m->theta, g, n, which, 1e-4, scale, &worst));
    if (!(worst.worst <= tolerance)) {
        int block = 0;
        while (block + 1 < m->nblocks && m->block[block + 1].offset <= (size_t)worst.index) block++;
        fail_msg("%s: dL/d(%s) analytic %.12g, difference %.12g, error %.2g", what, m->block[block].name,
                 worst.analytic, worst.difference, worst.worst);
    }
    kr_loss_workspace_free(&t.ws);
    free(g);
}
