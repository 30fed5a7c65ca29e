/* The audit: draws without bias, errors against direct evaluation, limits against formulas, certificates in model
 * files. SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/statistics.h"
#include "kr_test.h"

#define MODEL KR_TEST_DATA "/deepmd/se_e2_a_twoside.dp"

/* ---- draws ---- */

static void test_shares(void **state) {
    enum { N = 300 };
    kr_audit_offer offers[N];
    const double weight[4] = {70, 25, 5, 0};
    long *chosen, n, count[4] = {0};
    for (int i = 0; i < N; i++) offers[i] = (kr_audit_offer){i / 10, i % 4, 0.04 * (i % 10), 1};
    kr_assert_ok(*state, kr_audit_sample(*state, 1, 0, 40, 0.1, 4, weight, N, offers, &n, &chosen));
    assert_int_equal(n, 40);
    for (long k = 0; k < n; k++) {
        count[offers[chosen[k]].cell]++;
        if (k) assert_true(chosen[k] > chosen[k - 1]);
        for (long l = 0; l < k; l++) { /* the correlation time of a cell's run */
            const kr_audit_offer *a = &offers[chosen[k]], *b = &offers[chosen[l]];
            assert_true(a->run != b->run || a->cell != b->cell || fabs(a->time_ps - b->time_ps) > 0.0999);
        }
    }
    assert_true(count[0] == 28 && count[1] == 10 && count[2] == 2 && count[3] == 0);
    kr_audit_free(&chosen);
    /* every cell that counts gets one; what one lacks goes to the others */
    kr_assert_ok(*state, kr_audit_sample(*state, 1, 0, 3, 0, 4, weight, N, offers, &n, &chosen));
    assert_true(n == 3 && offers[chosen[0]].cell + offers[chosen[1]].cell + offers[chosen[2]].cell == 3);
    kr_audit_free(&chosen);
    kr_assert_ok(*state, kr_audit_sample(*state, 1, 0, 200, 0, 4, weight, N, offers, &n, &chosen));
    assert_int_equal(n, 200);
    kr_audit_free(&chosen);
    kr_assert_ok(*state, kr_audit_sample(*state, 1, 0, 1000, 0, 4, weight, N, offers, &n, &chosen));
    assert_int_equal(n, 225);
    kr_audit_free(&chosen);
    offers[7].weight = 0;
    assert_int_equal(kr_audit_sample(*state, 1, 0, 10, 0, 4, weight, N, offers, &n, &chosen), KR_ERR_ARGUMENT);
}

/* Chances in proportion to the weights, when few of many are drawn. */
static void test_unbiased(void **state) {
    enum { N = 50, TRIALS = 4000 };
    kr_audit_offer offers[N];
    const double weight = 1;
    long *chosen, n, heavy = 0, again[2];
    for (int i = 0; i < N; i++) offers[i] = (kr_audit_offer){i, 0, NAN, i < 10 ? 4 : 1};
    for (int t = 0; t < TRIALS; t++) {
        kr_assert_ok(*state, kr_audit_sample(*state, 7, (uint64_t)t, 1, 0.1, 1, &weight, N, offers, &n, &chosen));
        heavy += chosen[0] < 10;
        kr_audit_free(&chosen);
    }
    assert_true(fabs((double)heavy - 0.5 * TRIALS) < 4 * sqrt(0.25 * TRIALS)); /* 40 of 80 */
    for (int k = 0; k < 2; k++) {
        kr_assert_ok(*state, kr_audit_sample(*state, 7, 3, 1, 0.1, 1, &weight, N, offers, &n, &chosen));
        again[k] = chosen[0];
        kr_audit_free(&chosen);
    }
    assert_int_equal(again[0], again[1]);
}

/* ---- rates ---- */

static kr_scored frame_of(int run, int cell, double e) {
    return (kr_scored){run, cell, 2, 0.1, e, e / 10, 6 * e * e, 3 * e, 9 * e * e / 4, NAN};
}

static void test_one_stratum(void **state) {
    enum { N = 70 };
    kr_scored s[N];
    kr_audit_report *r;
    double low, high, f2 = 0, f1 = 0;
    for (int i = 0; i < N; i++) {
        s[i] = frame_of(i, 0, i < 3 ? 0.2 : 0.001 * i);
        f2 += s[i].f2;
        f1 += s[i].f1;
    }
    kr_assert_ok(*state, kr_audit_evaluate(*state, NULL, 1, NULL, N, s, &r));
    assert_true(r->all.frames == N && r->all.above == 3 && r->ncells == 1);
    kr_assert_near(r->all.independent, N, 0, 0);
    kr_assert_near(r->all.bound, kr_upper_limit(3, N, 0.95), 1e-14, 0);
    kr_interval_exact(3, N, 0.95, &low, &high);
    kr_assert_near(r->all.rate.low, low, 1e-10, 0);
    kr_assert_near(r->all.rate.high, high, 1e-10, 0);
    assert_string_equal(r->all.method, "Clopper-Pearson");
    kr_assert_near(r->all.rmse_f.value, sqrt(f2 / (6 * N)), 1e-14, 0);
    kr_assert_near(r->all.mae_f.value, f1 / (6 * N), 1e-14, 0);
    /* the bootstrap's interval is about two standard errors wide on each side */
    double mean = r->all.mae_f.value, spread = 0;
    for (int i = 0; i < N; i++) spread += pow(s[i].f1 / 6 - mean, 2);
    spread = sqrt(spread) / N;
    kr_assert_near(mean - r->all.mae_f.low, 1.96 * spread, 0, 0.15);
    kr_assert_near(r->all.mae_f.high - mean, 1.96 * spread, 0, 0.15);
    assert_true(isnan(r->all.mae_v.value) && isnan(r->all.mae_v.low)); /* without virial labels */
    kr_audit_report_destroy(&r);
    for (int i = 0; i < N; i++) s[i].run = 0; /* one run: it speaks for itself alone */
    kr_assert_ok(*state, kr_audit_evaluate(*state, NULL, 1, NULL, N, s, &r));
    assert_true(r->all.independent < 1.001 && r->all.bound > 0.9 && isnan(r->all.rmse_f.low));
    kr_audit_report_destroy(&r);
    kr_assert_ok(*state, kr_audit_evaluate(*state, NULL, 1, NULL, 0, NULL, &r));
    assert_true(r->all.bound == 1 && isnan(r->all.rate.value));
    kr_audit_report_destroy(&r);
}

static void test_strata(void **state) {
    enum { N = 90 };
    kr_scored s[N];
    kr_audit_report *r;
    const double weight[3] = {8, 2, 0};
    for (int i = 0; i < N; i++) s[i] = frame_of(i, i < 30, i % 10 == 0 && i < 30 ? 0.3 : 0.01);
    kr_assert_ok(*state, kr_audit_evaluate(*state, NULL, 3, weight, N, s, &r));
    kr_assert_near(r->all.rate.value, 0.2 * 3 / 30.0, 1e-14, 0);
    assert_true(r->all.bound > r->all.rate.value && r->all.bound < 0.1);
    assert_true(r->all.rate.low < r->all.rate.value && r->all.rate.high > r->all.bound);
    kr_assert_near(r->cell[1].bound, kr_upper_limit(3, 30, 0.95), 1e-14, 0);
    double cell1 = (27 * 6 * 1e-4 + 3 * 6 * 0.09) / (30 * 6);
    kr_assert_near(r->all.rmse_f.value, sqrt(0.8 * 1e-4 + 0.2 * cell1), 1e-13, 0);
    kr_audit_report_destroy(&r);
    /* frames of a run that are alike count for less; with as many errors of their own they do not */
    for (int i = 0; i < N; i++) s[i] = frame_of(i / 10, 0, 0.01 * (1 + i / 10));
    kr_assert_ok(*state, kr_audit_evaluate(*state, NULL, 1, NULL, N, s, &r));
    kr_assert_near(r->likeness, 1, 1e-12, 0);
    kr_assert_near(r->all.independent, 9, 1e-5, 0);
    kr_audit_report_destroy(&r);
    for (int i = 0; i < N; i++) s[i] = frame_of(i % 9, 0, 0.01 * (1 + i / 10));
    kr_assert_ok(*state, kr_audit_evaluate(*state, NULL, 1, NULL, N, s, &r));
    kr_assert_near(r->likeness, 0, 1e-12, 0);
    kr_assert_near(r->all.independent, N, 1e-9, 0);
    kr_audit_report_destroy(&r);
    s[4].cell = 1;
    assert_int_equal(kr_audit_evaluate(*state, NULL, 1, NULL, N, s, &r), KR_ERR_ARGUMENT);
    assert_null(r);
}

/* ---- scores ---- */

enum { ATOMS = 12 };

/* Frames whose labels are those of a model plus known errors. */
static kr_dataset *labelled(kr_context *ctx, const kr_potential *p, kr_workspace *w) {
    kr_dataset *d = NULL;
    kr_system *s = NULL;
    const kr_model *m = kr_potential_model(p, 0);
    const char *names[2] = {kr_model_type_name(m, 1), kr_model_type_name(m, 0)}; /* another order than the model's */
    int type[ATOMS];
    kr_assert_ok(ctx, kr_dataset_create(ctx, &d));
    kr_assert_ok(ctx, kr_system_create(ctx, "made", ATOMS, 2, 2, names, 0, &s));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_ENERGY, 1));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FORCE, 3));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_VIRIAL, 9));
    memset(s->pbc, 1, 3);
    for (int i = 0; i < ATOMS; i++) {
        s->type[i] = i % 3 == 0;
        type[i] = !s->type[i];
    }
    for (int f = 0; f < 2; f++) {
        double *x = s->coord + 36 * f, *force = s->label[KR_LABEL_FORCE] + 36 * f;
        for (int i = 0; i < 36; i++)
            x[i] = 2.5 * (i % 3 == 0   ? (i / 3) % 3
                          : i % 3 == 1 ? (i / 9) % 2
                                       : i / 18) +
                   0.3 * kr_random_uniform((kr_stream){2, 2}, (uint64_t)f, (uint64_t)i, 0);
        for (int c = 0; c < 3; c++) s->box[9 * f + 4 * c] = 8;
        const kr_result result = {
            .energy = s->label[KR_LABEL_ENERGY] + f, .force = force, .virial = s->label[KR_LABEL_VIRIAL] + 9 * f};
        kr_assert_ok(ctx, kr_potential_compute_frame(p, w, ATOMS, x, type, s->box + 9 * f, NULL, NULL, NULL, &result));
        s->has[f] = 1u << KR_LABEL_ENERGY | 1u << KR_LABEL_FORCE | 1u << KR_LABEL_VIRIAL;
    }
    kr_assert_ok(ctx, kr_dataset_append(ctx, d, &s));
    return d;
}

static void test_score(void **state) {
    kr_context *ctx = *state;
    const char *paths[2] = {MODEL, MODEL};
    kr_potential *p = NULL;
    kr_workspace *w = NULL;
    kr_scored s[2];
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    o.table = KR_TABLE_OFF;
    kr_assert_ok(ctx, kr_potential_load(ctx, 1, paths, &o, &p));
    kr_assert_ok(ctx, kr_workspace_create(ctx, p, &w));
    kr_dataset *d = labelled(ctx, p, w);
    kr_workspace_destroy(&w);
    kr_potential_destroy(&p);
    double *force = d->system[0]->label[KR_LABEL_FORCE] + 36;
    force[6] += 0.3; /* atom 2 of frame 1: |ΔF| = 0.5 */
    force[8] -= 0.4;
    force[0] += 0.1;
    d->system[0]->label[KR_LABEL_ENERGY][1] -= 0.6;
    d->system[0]->label[KR_LABEL_VIRIAL][9 + 4] += 1.2;
    kr_assert_ok(ctx, kr_potential_load(ctx, 2, paths, &o, &p));
    for (int index = -1; index < 2; index++) {
        const int run[2] = {5, 6}, cell[2] = {1, 0};
        kr_assert_ok(ctx, kr_audit_score(ctx, p, index, d, run, cell, s));
        assert_true(s[0].run == 5 && s[1].cell == 0 && s[1].natoms == ATOMS);
        kr_assert_near(s[0].e, 0, 1e-9, 0);
        kr_assert_near(s[0].u, 0, 1e-9, 0);
        kr_assert_near(s[1].e, 0.5, 1e-9, 0);
        kr_assert_near(s[1].f2, 0.26, 1e-9, 0);
        kr_assert_near(s[1].f1, 0.8, 1e-9, 0);
        kr_assert_near(s[1].de, 0.6 / ATOMS, 1e-9, 0);
        kr_assert_near(s[1].w1, 0.1, 1e-9, 0);
        kr_assert_near(s[1].w2, 0.01, 1e-9, 0);
    }
    d->system[0]->has[1] &= ~(1u << KR_LABEL_FORCE);
    assert_int_equal(kr_audit_score(ctx, p, 0, d, NULL, NULL, s), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "frame 1 of made has no forces"));
    kr_dataset_destroy(&d);
    kr_potential_destroy(&p);
}

/* ---- certificate ---- */

static const char *hash_of(const kr_tree *record, const char *key) {
    const kr_tree *node = kr_tree_at(record, key);
    assert_non_null(node);
    return node->string;
}

static void test_certificate(void **state) {
    kr_context *ctx = *state;
    char copy[] = "/tmp/kr_certified_XXXXXX.dp", *bytes, *text, *again;
    size_t length;
    FILE *f = fdopen(mkstemps(copy, 3), "w");
    kr_scored s[60];
    kr_audit_report *r;
    kr_tree *record[2] = {NULL, NULL};
    kr_model *model = NULL;
    int holds;
    kr_assert_ok(ctx, kr_file_read(ctx, MODEL, &bytes, &length));
    fwrite(bytes, 1, length, f);
    fclose(f);
    kr_free(bytes);
    for (int i = 0; i < 60; i++) s[i] = frame_of(i, 0, 0.05);
    kr_assert_ok(ctx, kr_audit_evaluate(ctx, NULL, 1, NULL, 60, s, &r));
    const char *path = copy, *cells[] = {"Al fcc, 300 K, 0 GPa"};
    const kr_certificate_options o = {"test", "300 K", "2026-01-31", cells, 1, &path, 0.15, 0.95, 0.05, 1, 0};
    kr_assert_ok(ctx, kr_certificate_make(ctx, &o, r, &text, &holds));
    assert_true(holds); /* 0 of 60: 4.9 % */
    kr_assert_ok(ctx, kr_certificate_attach(ctx, text, copy));
    kr_assert_ok(ctx, kr_certificate_attach(ctx, text, copy)); /* twice is once */
    kr_assert_ok(ctx, kr_certificate_make(ctx, &o, r, &again, &holds));
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "first", &record[0]));
    kr_assert_ok(ctx, kr_json_parse(ctx, again, strlen(again), "second", &record[1]));
    /* the model is the same, its file is not */
    assert_string_equal(hash_of(record[0], "models[0].model_sha256"), hash_of(record[1], "models[0].model_sha256"));
    assert_string_not_equal(hash_of(record[0], "models[0].file_sha256"), hash_of(record[1], "models[0].file_sha256"));
    assert_string_equal(hash_of(record[0], "cells[0].name"), cells[0]);
    kr_assert_near(kr_tree_at(record[0], "all.bound")->real, r->all.bound, 0, 0);
    kr_assert_ok(ctx, kr_model_load(ctx, copy, &model));
    kr_model_destroy(&model);
    for (int k = 0; k < 2; k++) kr_tree_destroy(&record[k]);
    kr_audit_text_free(&text);
    kr_audit_text_free(&again);
    kr_audit_report_destroy(&r);
    remove(copy);
}

/* Every allocation fails once: an error, nothing half made, nothing lost. */
static kr_status all_of_it(kr_context *ctx, const kr_audit_offer *offers, const kr_scored *scored, int n) {
    const double weight[2] = {2, 1};
    const kr_certificate_options o = {"c", "w", "d", NULL, 0, NULL, 0.15, 0.95, 0.05, 2, 0.99};
    long *chosen = NULL, count;
    kr_audit_report *r = NULL;
    char *text = NULL;
    int holds;
    kr_audit_options few = kr_audit_defaults;
    few.resamples = 10;
    kr_status status = kr_audit_sample(ctx, 1, 0, 5, 0.1, 2, weight, n, offers, &count, &chosen);
    if (status >= 0) status = kr_audit_evaluate(ctx, &few, 2, weight, n, scored, &r);
    if (status >= 0) status = kr_certificate_make(ctx, &o, r, &text, &holds);
    if (status >= 0) assert_non_null(strstr(text, "\"cell 1\""));
    kr_audit_free(&chosen);
    kr_audit_report_destroy(&r);
    kr_audit_text_free(&text);
    return status;
}

static void test_failures(void **state) {
    enum { N = 24 };
    kr_audit_offer offers[N];
    kr_scored s[N];
    kr_status status = KR_ERR_MEMORY;
    long live = kr_memory_live(), n = 1;
    for (int i = 0; i < N; i++) {
        offers[i] = (kr_audit_offer){i / 3, i % 2, 0.1 * i, 1};
        s[i] = frame_of(i / 3, i % 2, 0.01 * i);
    }
    for (; n < 2000; n++) {
        kr_memory_fail_at(n);
        status = all_of_it(*state, offers, s, N);
        kr_memory_fail_at(0);
        assert_int_equal(kr_memory_live(), live);
        if (status != KR_ERR_MEMORY) break;
    }
    kr_assert_ok(*state, status);
    assert_true(n > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shares, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_unbiased, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_one_stratum, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_strata, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_score, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_certificate, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_failures, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
