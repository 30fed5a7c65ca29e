/* The loss alone, behind an engine that returns given energies, forces and virials: formulas and derivatives.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/grad_check.h"
#include "kr_test.h"
#include "random_model.h"
#include "training/loss.h"

enum { FRAMES = 3, ATOMS = 9, X = 4 * ATOMS + 9 * FRAMES };

/* What the engine returns: E_i, F, W one after the other; and what it was asked to propagate. */
static double given[X], bars[X];

static kr_status value(kr_context *ctx, void *state, const kr_batch *batch, double *energy, double *force,
                       double *virial) {
    (void)ctx, (void)state;
    memcpy(energy, given, (size_t)batch->natoms * sizeof *energy);
    if (force) memcpy(force, given + ATOMS, 3 * (size_t)batch->natoms * sizeof *force);
    if (virial) memcpy(virial, given + 4 * ATOMS, 9 * (size_t)batch->nframes * sizeof *virial);
    return KR_OK;
}

static kr_status gradient(kr_context *ctx, void *state, const kr_batch *batch, const double *ebar, const double *fbar,
                          const double *wbar, int set, double *gtheta) {
    (void)ctx, (void)state, (void)set, (void)gtheta;
    memset(bars, 0, sizeof bars);
    if (ebar) memcpy(bars, ebar, (size_t)batch->natoms * sizeof *bars);
    if (fbar) memcpy(bars + ATOMS, fbar, 3 * (size_t)batch->natoms * sizeof *bars);
    if (wbar) memcpy(bars + 4 * ATOMS, wbar, 9 * (size_t)batch->nframes * sizeof *bars);
    return KR_OK;
}

static kr_status create(kr_context *ctx, const kr_model *model, const kr_engine_options *options, void **state) {
    (void)ctx, (void)model, (void)options, (void)state;
    return KR_OK;
}
static void destroy(void **state) { (void)state; }

static const kr_engine_kind mirror = {
    "mirror", "returns what it is given", NULL, create, destroy, value, gradient, NULL, NULL};

typedef struct fixture {
    kr_context *ctx;
    kr_engine *engine;
    kr_training_frame frame[FRAMES], *list[FRAMES];
    kr_batch batch;
    double force[3 * ATOMS], atom_ener[ATOMS], atom_pref[ATOMS];
    unsigned char excluded[ATOMS];
    kr_loss_workspace ws;
    kr_loss_options o;
    double ratio;
} fixture;

/* Frames of 2, 3 and 4 atoms; the last atom of the third is of an excluded type. */
static void setup(fixture *t) {
    kr_test_random random = {7};
    *t = (fixture){.batch = {FRAMES, t->list, ATOMS, 0}, .ratio = 0.3};
    kr_assert_ok(NULL, kr_context_create(&t->ctx));
    kr_assert_ok(t->ctx, kr_engine_create(t->ctx, &mirror, NULL, NULL, &t->engine));
    for (int i = 0; i < X; i++) given[i] = kr_test_normal(&random);
    for (int i = 0; i < 3 * ATOMS; i++) t->force[i] = kr_test_normal(&random);
    for (int i = 0; i < ATOMS; i++) t->atom_ener[i] = kr_test_normal(&random);
    for (int i = 0; i < ATOMS; i++) t->atom_pref[i] = kr_test_uniform(&random, 0, 2);
    t->excluded[ATOMS - 1] = 1;
    for (int k = 0, at = 0; k < FRAMES; at += k + 2, k++) {
        kr_training_frame *f = t->list[k] = &t->frame[k];
        *f = (kr_training_frame){.natoms = k + 2, .nincluded = k + 2 - (k == 2), .system = 5, .index = 10 + k};
        f->has = ~0u;
        f->energy = kr_test_normal(&random);
        for (int c = 0; c < 9; c++) f->virial[c] = kr_test_normal(&random);
        f->force = t->force + 3 * (size_t)at;
        f->atom_ener = t->atom_ener + at;
        f->atom_pref = t->atom_pref + at;
        f->excluded = k == 2 ? t->excluded + at : NULL;
    }
    kr_loss_defaults(&t->o);
    for (int k = 0; k < KR_LOSS_TERMS; k++) t->o.start[k] = 2 + k, t->o.limit[k] = 1.0 / (k + 1);
}

static void teardown(fixture *t) {
    kr_engine_destroy(&t->engine);
    kr_loss_workspace_free(&t->ws);
    kr_context_destroy(&t->ctx);
}

static kr_loss_report run(fixture *t) {
    kr_loss_report report;
    double dummy;
    kr_assert_ok(t->ctx, kr_loss_check(t->ctx, &t->o));
    kr_assert_ok(t->ctx,
                 kr_loss_gradient(t->ctx, &t->o, t->ratio, t->engine, &t->batch, NULL, &dummy, &report, &t->ws));
    return report;
}

static kr_status loss_of(void *payload, const double *x, double *loss) {
    fixture *t = payload;
    kr_loss_report report;
    double keep[X];
    memcpy(keep, given, sizeof keep);
    memcpy(given, x, sizeof given);
    kr_status status = kr_loss_gradient(t->ctx, &t->o, t->ratio, t->engine, &t->batch, NULL, NULL, &report, &t->ws);
    memcpy(given, keep, sizeof given);
    *loss = report.loss;
    return status;
}

/* ∂L/∂E_i, ∂L/∂F, ∂L/∂W against finite differences, for every variant. */
static void test_derivatives(void **state) {
    (void)state;
    for (int variant = 0; variant < 64; variant++) {
        fixture t;
        setup(&t);
        t.o.huber = variant & 1;
        t.o.mae = variant >> 1 & 1;
        t.o.f_use_norm = variant >> 2 & 1;
        t.o.intensive = variant >> 3 & 1;
        t.o.relative_f = variant >> 4 & 1 ? 0.3 : -1;
        t.o.huber_delta[0] = 0.2, t.o.huber_delta[1] = 0.7, t.o.huber_delta[2] = 0.1;
        if (variant >> 5 & 1) { /* labels missing here and there */
            t.frame[0].has &= ~(1u << KR_LABEL_FORCE | 1u << KR_LABEL_ENERGY);
            t.frame[1].has &= ~(1u << KR_LABEL_ATOM_PREF);
            t.o.use_default_pf = variant & 8;
            if (t.o.use_default_pf) t.frame[1].atom_pref = NULL;
        }
        if (t.o.huber && !t.o.mae) t.o.start[KR_LOSS_PF] = t.o.limit[KR_LOSS_PF] = 0;
        if (kr_loss_check(t.ctx, &t.o) == KR_OK) {
            double x[X], expected[X];
            kr_grad_report report;
            run(&t);
            memcpy(x, given, sizeof x);
            memcpy(expected, bars, sizeof expected);
            kr_assert_ok(t.ctx, kr_grad_check(t.ctx, loss_of, &t, X, x, expected, 0, NULL, 1e-5, 0.1, &report));
            if (report.worst > 1e-8) {
                print_error("variant %d: [%d] analytic %.12g difference %.12g\n", variant, report.index,
                            report.analytic, report.difference);
                fail();
            }
        } else {
            assert_true((t.o.f_use_norm && !t.o.mae && !t.o.huber) || (t.o.huber && t.o.relative_f >= 0));
        }
        teardown(&t);
    }
}

/* Two frames of different size by hand. */
static void test_formula(void **state) {
    (void)state;
    fixture t;
    setup(&t);
    t.batch.nframes = 2;
    t.batch.natoms = 5;
    double e = 0, ae = 0, f = 0, v = 0, pf = 0, rmse_e = 0, rmse_v = 0;
    for (int k = 0, at = 0; k < 2; at += 2, k++) {
        int n = k + 2;
        double de = -t.frame[k].energy;
        for (int i = 0; i < n; i++) {
            de += given[at + i];
            ae += pow(given[at + i] - t.atom_ener[at + i], 2) / 5;
            for (int a = 0; a < 3; a++) {
                double d = given[ATOMS + 3 * (at + i) + a] - t.force[3 * (at + i) + a];
                f += d * d / 15;
                pf += t.atom_pref[at + i] * d * d / 15;
            }
        }
        e += de * de / n / 2;
        rmse_e += de * de / n / n / 2;
        for (int c = 0; c < 9; c++) {
            double d = given[4 * ATOMS + 9 * k + c] - t.frame[k].virial[c];
            v += d * d / n / 18;
            rmse_v += d * d / n / n / 18;
        }
    }
    double mean[] = {e, ae, f, v, pf}, square[] = {rmse_e, ae, f, rmse_v, pf}, sum = 0;
    kr_loss_report r = run(&t);
    for (int k = 0; k < KR_LOSS_TERMS; k++) {
        double pref = t.o.limit[k] + (t.o.start[k] - t.o.limit[k]) * 0.3;
        kr_assert_near(r.term[k], pref * mean[k], 0, 1e-14);
        kr_assert_near(r.rmse[k], sqrt(square[k]), 0, 1e-14);
        sum += pref * mean[k];
    }
    kr_assert_near(r.loss, sum, 0, 1e-14);
    assert_true(r.natoms == 5 && r.nframes == 2);
    /* without labels: nothing, and it is said */
    t.frame[0].has = t.frame[1].has = 0;
    r = run(&t);
    assert_true(r.loss == 0 && isnan(r.rmse[KR_LOSS_E]) && isnan(r.rmse[KR_LOSS_F]));
    /* switched off */
    t.frame[0].has = ~0u;
    t.o.start[KR_LOSS_E] = t.o.limit[KR_LOSS_E] = 0;
    r = run(&t);
    assert_true(r.term[KR_LOSS_E] == 0 && isnan(r.rmse[KR_LOSS_E]) && r.rmse[KR_LOSS_F] > 0);
    teardown(&t);
}

/* Parts with the counts of the whole add up to the whole. */
static void test_parts(void **state) {
    (void)state;
    fixture t;
    setup(&t);
    t.frame[1].has &= ~(1u << KR_LABEL_VIRIAL);
    kr_loss_report whole = run(&t), part, sum = {0};
    double count[KR_LOSS_TERMS] = {0}, all[X], added[X] = {0}, dummy;
    memcpy(all, bars, sizeof all);
    kr_loss_count(&t.o, &t.batch, count);
    assert_true(count[KR_LOSS_E] == 3 && count[KR_LOSS_V] == 2 && count[KR_LOSS_F] == 8);
    double keep[X];
    memcpy(keep, given, sizeof keep);
    for (int k = 0, at = 0; k < FRAMES; at += k + 2, k++) {
        int n = k + 2;
        kr_batch one = {.nframes = 1, .frame = t.list + k, .natoms = n};
        memcpy(given, keep + at, (size_t)n * sizeof *keep);
        memcpy(given + ATOMS, keep + ATOMS + 3 * at, 3 * (size_t)n * sizeof *keep);
        memcpy(given + 4 * ATOMS, keep + 4 * ATOMS + 9 * k, 9 * sizeof *keep);
        kr_assert_ok(t.ctx, kr_loss_gradient(t.ctx, &t.o, t.ratio, t.engine, &one, count, &dummy, &part, &t.ws));
        sum.loss += part.loss;
        for (int l = 0; l < KR_LOSS_TERMS; l++) sum.mean[l] += part.mean[l], sum.term[l] += part.term[l];
        memcpy(added + at, bars, (size_t)n * sizeof *bars);
        memcpy(added + ATOMS + 3 * at, bars + ATOMS, 3 * (size_t)n * sizeof *bars);
        memcpy(added + 4 * ATOMS + 9 * k, bars + 4 * ATOMS, 9 * sizeof *bars);
    }
    kr_loss_report_finish(&t.o, count, &sum);
    kr_assert_near(sum.loss, whole.loss, 0, 1e-14);
    kr_assert_close(KR_LOSS_TERMS, sum.term, whole.term, 0, 1e-14);
    kr_assert_close(KR_LOSS_TERMS, sum.rmse, whole.rmse, 0, 1e-14);
    kr_assert_close(X, added, all, 0, 1e-14);
    kr_batch none = {.frame = t.list};
    kr_assert_ok(t.ctx, kr_loss_gradient(t.ctx, &t.o, t.ratio, t.engine, &none, count, &dummy, &part, &t.ws));
    assert_true(part.loss == 0);
    teardown(&t);
}

static void test_checks(void **state) {
    (void)state;
    fixture t;
    kr_loss_report report;
    setup(&t);
    given[3] = NAN;
    assert_int_equal(kr_loss_gradient(t.ctx, &t.o, 1, t.engine, &t.batch, NULL, NULL, &report, &t.ws), KR_ERR_NUMERIC);
    assert_non_null(strstr(kr_context_message(t.ctx), "(e) of system 5, frame 11 is not finite"));
    t.o.start[KR_LOSS_F] = -1;
    assert_int_equal(kr_loss_check(t.ctx, &t.o), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(t.ctx), "start_pref_f is -1"));
    kr_loss_defaults(&t.o);
    kr_assert_ok(t.ctx, kr_loss_check(t.ctx, &t.o));
    t.o.huber = 1;
    t.o.huber_delta[1] = 0;
    assert_int_equal(kr_loss_check(t.ctx, &t.o), KR_ERR_ARGUMENT);
    t.o.huber_delta[1] = 1;
    t.o.limit[KR_LOSS_PF] = 1;
    assert_int_equal(kr_loss_check(t.ctx, &t.o), KR_ERR_UNSUPPORTED);
    t.o.huber = 0;
    t.o.f_use_norm = 1;
    assert_int_equal(kr_loss_check(t.ctx, &t.o), KR_ERR_ARGUMENT);
    teardown(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
