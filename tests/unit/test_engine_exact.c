/* The exact engine: values as evaluation gives them, θ-gradients against finite differences, threads, allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "potential/evaluate.h"
#include "training/descriptor_gradient.h"
#include "training_case.h"

typedef struct fixture {
    kr_context *ctx;
    kr_training_case c;
    kr_engine *engine;
    kr_loss_options o;
    kr_loss_workspace ws;
} fixture;

static void open_case(fixture *t, const char *descriptor, uint64_t seed, int natoms) {
    *t = (fixture){0};
    kr_random_model_options o = {.descriptor = descriptor, .seed = seed, .rcut = 3.5};
    kr_assert_ok(NULL, kr_context_create(&t->ctx));
    kr_context_set_threads(t->ctx, 1); /* tiny work, and who computes which part would be up to the threads */
    kr_assert_ok(t->ctx, kr_training_case_make(t->ctx, &o, natoms, 2, &t->c));
    kr_assert_ok(t->ctx, kr_engine_create(t->ctx, kr_engine_find("exact"), t->c.model, NULL, &t->engine));
    kr_loss_defaults(&t->o);
}

static void close_case(fixture *t) {
    kr_loss_workspace_free(&t->ws);
    kr_engine_destroy(&t->engine);
    kr_training_case_free(&t->c);
    kr_context_destroy(&t->ctx);
}

static const char *const variants[] = {"se_e2_a", "se_e2_r", "dpa1", "dpa1/4", "dpa1/3s", "se_atten_v2"};
enum { VARIANTS = 6 };

static int trainable(const char *variant) {
    char kind[24];
    kr_random_model_kind(variant, kind);
    return kr_descriptor_gradient_find(kr_descriptor_find(kind)) != NULL;
}

/* E_i, F and W of every frame as from kr_reference_block, whose pairs are summed here. */
static void test_values(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++)
        for (uint64_t seed = 1; seed <= 8 && trainable(variants[v]); seed++) {
            fixture t;
            open_case(&t, variants[v], seed, 21); /* parts, chunks and frames end in different places */
            const kr_batch *b = &t.c.batch;
            size_t n = (size_t)b->natoms, np = (size_t)b->npairs, nf = (size_t)b->nframes;
            double *e = malloc((8 * n + 18 * nf + 3 * np + 1) * sizeof *e), *f = e + n, *w = f + 3 * n;
            double *e2 = w + 9 * nf, *f2 = e2 + n, *w2 = f2 + 3 * n, *gr = w2 + 9 * nf;
            kr_assert_ok(t.ctx, kr_engine_value(t.ctx, t.engine, b, e, f, w));
            kr_reference_workspace ws = {0};
            size_t atom = 0, pair = 0;
            for (int k = 0; k < b->nframes; k++) {
                const kr_training_frame *frame = b->frame[k];
                kr_assert_ok(t.ctx, kr_reference_block(t.ctx, t.c.model, &frame->env, frame->fparam, frame->aparam,
                                                       e2 + atom, gr + 3 * pair, &ws));
                atom += (size_t)frame->natoms;
                pair += (size_t)frame->env.npairs;
            }
            kr_reference_workspace_free(&ws);
            kr_batch_forces(b, gr, f2, w2);
            kr_assert_close((long)n, e, e2, 1e-12, 1e-12);
            kr_assert_close((long)(3 * n), f, f2, 1e-11, 1e-11);
            kr_assert_close((long)(9 * nf), w, w2, 1e-11, 1e-11);
            kr_assert_ok(t.ctx, kr_engine_value(t.ctx, t.engine, b, e2, NULL, NULL));
            kr_assert_close((long)n, e2, e, 0, 0);
            free(e);
            close_case(&t);
        }
}

/* One term alone, or all (KR_LOSS_TERMS). */
static void choose_terms(fixture *t, int term) {
    for (int k = 0; k < KR_LOSS_TERMS; k++) t->o.start[k] = t->o.limit[k] = term == k || term == KR_LOSS_TERMS;
    t->o.start[KR_LOSS_E] *= 10;
}

static void test_gradients(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++)
        for (uint64_t seed = 1; seed <= 24 && trainable(variants[v]); seed++) {
            fixture t;
            char what[64];
            open_case(&t, variants[v], seed, 5);
            choose_terms(&t, (int)(seed % (KR_LOSS_TERMS + 1)));
            snprintf(what, sizeof what, "%s, seed %d", variants[v], (int)seed);
            kr_training_case_check(t.ctx, &t.c, t.engine, &t.o, 12, seed, 1e-6, what);
            close_case(&t);
        }
}

/* Frames of one atom, alone or with its own images; and frames without a pair at all. */
static void test_lone_atoms(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++)
        for (uint64_t seed = 50; seed < 58 && trainable(variants[v]); seed++) {
            fixture t;
            char what[64];
            open_case(&t, variants[v], seed, 1);
            int pairs = t.c.batch.npairs, silent = 1;
            for (int k = 0; k < t.c.batch.nframes; k++) silent &= t.c.frame[k]->nincluded == 0;
            choose_terms(&t, KR_LOSS_TERMS);
            snprintf(what, sizeof what, "%s, seed %d, %d pairs", variants[v], (int)seed, pairs);
            if (!silent) kr_training_case_check(t.ctx, &t.c, t.engine, &t.o, 6, seed, 1e-6, what);
            close_case(&t);
        }
}

/* After one value several gradients may follow (Kalman filters); each of them starts from the same state. */
static void test_several_gradients(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        if (!trainable(variants[v])) continue;
        fixture t;
        open_case(&t, variants[v], 4, 9);
        size_t n = t.c.model->ntheta, natoms = (size_t)t.c.batch.natoms;
        double *g = calloc(3 * n + 7 * natoms, sizeof *g), *e = g + 3 * n, *f = e + natoms, *fbar = f + 3 * natoms;
        kr_test_random random = {4};
        for (size_t k = 0; k < 3 * natoms; k++) fbar[k] = kr_test_normal(&random);
        for (int k = 0; k < 3; k++) {
            const double *only = k == 1 ? NULL : fbar; /* energies alone in between */
            if (k == 0) kr_assert_ok(t.ctx, kr_engine_value(t.ctx, t.engine, &t.c.batch, e, f, NULL));
            kr_assert_ok(t.ctx, kr_engine_gradient(t.ctx, t.engine, &t.c.batch, e, only, NULL, g + (size_t)k * n));
        }
        assert_memory_equal(g, g + 2 * n, n * sizeof *g);
        kr_batch other = {.nframes = 1, .frame = t.c.frame, .natoms = t.c.frame[0]->natoms};
        assert_int_equal(kr_engine_gradient(t.ctx, t.engine, &other, e, NULL, NULL, g), KR_ERR_ARGUMENT);
        free(g);
        close_case(&t);
    }
}

/* The same bits for any number of threads, in value and gradient. */
static void test_threads(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        if (!trainable(variants[v])) continue;
        fixture t;
        open_case(&t, variants[v], 3, 40);
        choose_terms(&t, KR_LOSS_TERMS);
        size_t n = t.c.model->ntheta;
        double *g = calloc(2 * n, sizeof *g);
        kr_loss_report first, report;
        static const int threads[] = {1, 2, 3, 8};
        for (int k = 0; k < 4; k++) {
            kr_context_set_threads(t.ctx, threads[k]);
            double *to = k ? g + n : g;
            memset(to, 0, n * sizeof *to);
            kr_assert_ok(t.ctx, kr_loss_gradient(t.ctx, &t.o, 1, t.engine, &t.c.batch, NULL, to, &report, &t.ws));
            if (k == 0) first = report;
            assert_memory_equal(&first, &report, sizeof first);
            assert_memory_equal(g, to, n * sizeof *g);
        }
        free(g);
        close_case(&t);
    }
}

/* The n-th allocation fails: nothing is lost, and afterwards everything works. */
static void test_allocations(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        if (!trainable(variants[v])) continue;
        fixture t;
        open_case(&t, variants[v], 5, 5);
        kr_engine_destroy(&t.engine);
        choose_terms(&t, KR_LOSS_TERMS);
        double *g = calloc(t.c.model->ntheta, sizeof *g);
        long live = kr_memory_live();
        for (long n = 1;; n++) {
            kr_loss_report report;
            kr_memory_fail_at(n);
            kr_status status = kr_engine_create(t.ctx, kr_engine_find("exact"), t.c.model, NULL, &t.engine);
            if (status == KR_OK)
                status = kr_loss_gradient(t.ctx, &t.o, 1, t.engine, &t.c.batch, NULL, g, &report, &t.ws);
            kr_memory_fail_at(0);
            kr_engine_destroy(&t.engine);
            kr_loss_workspace_free(&t.ws);
            t.ws = (kr_loss_workspace){0};
            assert_int_equal(kr_memory_live(), live);
            if (status == KR_OK) break;
            assert_int_equal(status, KR_ERR_MEMORY);
        }
        free(g);
        close_case(&t);
    }
}

/* A second call of the same size allocates nothing. */
static void test_no_allocation_after_warm_up(void **state) {
    (void)state;
    fixture t;
    open_case(&t, "se_e2_a", 5, 9);
    choose_terms(&t, KR_LOSS_TERMS);
    double *g = calloc(t.c.model->ntheta, sizeof *g);
    kr_loss_report report;
    kr_assert_ok(t.ctx, kr_loss_gradient(t.ctx, &t.o, 1, t.engine, &t.c.batch, NULL, g, &report, &t.ws));
    kr_memory_fail_at(1);
    kr_assert_ok(t.ctx, kr_loss_gradient(t.ctx, &t.o, 1, t.engine, &t.c.batch, NULL, g, &report, &t.ws));
    kr_memory_fail_at(0);
    kr_batch none = {.frame = t.c.frame};
    kr_assert_ok(t.ctx, kr_engine_value(t.ctx, t.engine, &none, NULL, NULL, NULL));
    kr_assert_ok(t.ctx, kr_engine_gradient(t.ctx, t.engine, &none, NULL, NULL, NULL, g));
    free(g);
    close_case(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_lone_atoms),
        cmocka_unit_test(test_several_gradients),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_no_allocation_after_warm_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
