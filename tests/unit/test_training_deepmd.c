/* Training against DeePMD-kit: loss and gradient at the start, losses along its Adam steps, the final model.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Fixed start weights, all frames in every batch (tests/data/deepmd_kit/README.md). Tolerances: loss at the start 1e-12
 * relative, gradient 1e-9 of its largest entry, losses along the steps 1e-6, energies and forces of the final model
 * 1e-6; float32 models 1e-3 (their gradient to 1e-4: single precision on the other side). In mixed data DeePMD-kit
 * forms 1/N in float32, which costs 6e-9. With -s the deviations are printed. */
#include "core/error.h"
#include "core/json.h"
#include "core/optimizer.h"
#include "kr_test.h"
#include "potential/evaluate.h"
#include "training/loss.h"
#include <kramers/system.h>

static int print_statistics;
enum { FRAMES = 8, COLUMNS = 12 };

typedef struct fixture {
    kr_context *ctx;
    char folder[256];
    const char *name;
    kr_model *model;
    kr_dataset *data;
    kr_training_frame *frame[FRAMES];
    kr_batch batch;
    kr_engine *engine;
    kr_tree *trace;
    kr_loss_options o;
    kr_loss_workspace ws;
    double ratio;
} fixture;

/* Deviations of one case. */
typedef struct deviation {
    double loss, gradient, trace, lcurve, energy, force;
} deviation;

static double real(const kr_tree *map, const char *key, double otherwise) {
    const kr_tree *found = kr_tree_get(map, key);
    return kr_tree_is_null(found) ? otherwise : found->kind == KR_TREE_BOOL ? (double)found->integer : found->real;
}

static void read_loss(const kr_tree *loss, kr_loss_options *o) {
    char key[40];
    kr_loss_defaults(o);
    for (int t = 0; t < KR_LOSS_TERMS; t++) {
        snprintf(key, sizeof key, "start_pref_%s", kr_loss_term_name(t));
        o->start[t] = real(loss, key, o->start[t]);
        snprintf(key, sizeof key, "limit_pref_%s", kr_loss_term_name(t));
        o->limit[t] = real(loss, key, o->limit[t]);
    }
    o->relative_f = real(loss, "relative_f", -1);
    o->huber = real(loss, "use_huber", 0) != 0;
    o->intensive = real(loss, "intensive_ener_virial", 0) != 0;
    for (int k = 0; k < 3; k++) o->huber_delta[k] = real(loss, "huber_delta", 0.01);
    const kr_tree *function = kr_tree_get(loss, "loss_func");
    o->mae = function && !strcmp(function->string, "mae");
}

static char *path(fixture *t, const char *file, char *out) {
    snprintf(out, 512, "%s/%s", t->folder, file);
    return out;
}

static void open_case(fixture *t, const char *name) {
    char file[512];
    kr_tree *input;
    *t = (fixture){.name = name, .ratio = 1};
    snprintf(t->folder, sizeof t->folder, KR_TEST_DATA "/deepmd_kit/training/%s", name);
    kr_assert_ok(NULL, kr_context_create(&t->ctx));
    kr_context_set_threads(t->ctx, 1);
    kr_assert_ok(t->ctx, kr_json_read(t->ctx, path(t, "input.json", file), &input));
    kr_assert_ok(t->ctx, kr_json_read(t->ctx, path(t, "trace.json", file), &t->trace));
    read_loss(kr_tree_get(input, "loss"), &t->o);
    kr_assert_ok(t->ctx, kr_loss_check(t->ctx, &t->o));
    kr_assert_ok(t->ctx, kr_model_load(t->ctx, path(t, "start.dp", file), &t->model));
    path(t, kr_tree_get(t->trace, "data")->string, file); /* from the folder of the case */
    kr_assert_ok(t->ctx, kr_dataset_read(t->ctx, file, NULL, 0, NULL, &t->data));
    const kr_system *s = t->data->system[0];
    t->batch = (kr_batch){.nframes = s->nframes, .frame = t->frame};
    for (int k = 0; k < s->nframes; k++) {
        kr_assert_ok(t->ctx, kr_training_frame_create(t->ctx, t->model, s, 0, k, 0.5, NULL, &t->frame[k]));
        t->batch.natoms += t->frame[k]->natoms;
        t->batch.npairs += t->frame[k]->env.npairs;
    }
    kr_assert_ok(t->ctx, kr_engine_create(t->ctx, kr_engine_find("exact"), t->model, NULL, &t->engine));
    kr_tree_destroy(&input);
}

static void close_case(fixture *t) {
    kr_loss_workspace_free(&t->ws);
    kr_engine_destroy(&t->engine);
    for (int k = 0; k < t->batch.nframes; k++) kr_training_frame_destroy(&t->frame[k]);
    kr_dataset_destroy(&t->data);
    kr_model_destroy(&t->model);
    kr_tree_destroy(&t->trace);
    kr_context_destroy(&t->ctx);
}

static kr_status evaluate(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    fixture *t = payload;
    kr_loss_report report;
    if (theta != t->model->theta) return KR_ERROR(ctx, KR_ERR_INTERNAL, "not the parameters of the model");
    if (gradient) memset(gradient, 0, t->model->ntheta * sizeof *gradient);
    kr_status status = kr_loss_gradient(ctx, &t->o, t->ratio, t->engine, &t->batch, NULL, gradient, &report, &t->ws);
    *loss = report.loss;
    return status;
}

static double relative(double value, double expected) { return fabs(value - expected) / fabs(expected); }
static void raise_to(double *largest, double value) {
    if (!(value <= *largest)) *largest = value;
}

static void check_gradient(fixture *t, deviation *d) {
    char file[512];
    kr_model *expected;
    size_t n = t->model->ntheta;
    double *g = calloc(n, sizeof *g), loss, largest = 0;
    kr_assert_ok(t->ctx, kr_model_load(t->ctx, path(t, "gradient_start.dp", file), &expected));
    assert_int_equal(expected->ntheta, n);
    kr_assert_ok(t->ctx, evaluate(t->ctx, t, t->model->theta, &loss, g));
    d->loss = relative(loss, kr_tree_get(t->trace, "loss_at_start_by_loss_class")->real);
    for (size_t k = 0; k < n; k++) raise_to(&largest, fabs(expected->theta[k]));
    for (size_t k = 0; k < n; k++) raise_to(&d->gradient, fabs(g[k] - expected->theta[k]) / largest);
    kr_model_destroy(&expected);
    free(g);
}

/* A row of lcurve.out: names of the header, numbers of step `step`; returns how many. */
static int lcurve_row(const char *file, int step, char name[COLUMNS][32], double *value) {
    char line[512];
    int n = 0, found = 0;
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *at = line, *end;
        if (!strncmp(line, "# step", 6))
            for (char *word = strtok(line + 6, " \n"); word && n < COLUMNS; word = strtok(NULL, " \n"))
                snprintf(name[n++], 32, "%s", word);
        else if (line[0] != '#' && strtol(line, &at, 10) == step) {
            for (int k = 0; k < n; k++, at = end) value[k] = strtod(at, &end);
            found = n;
        }
    }
    fclose(f);
    return found;
}

/* Printed with three digits; rmse of the whole is √loss. */
static void check_lcurve(fixture *t, const kr_loss_report *report, int step, deviation *d) {
    char file[512], name[COLUMNS][32], expected[32];
    double value[COLUMNS];
    int n = lcurve_row(path(t, "lcurve_pt.out", file), step, name, value);
    for (int k = 0; k < n; k++) {
        if (!strcmp(name[k], "rmse_trn")) raise_to(&d->lcurve, relative(sqrt(report->loss), value[k]));
        for (int term = 0; term < KR_LOSS_TERMS; term++) {
            snprintf(expected, sizeof expected, "%s_%s_trn", t->o.mae ? "mae" : "rmse", kr_loss_term_name(term));
            if (!strcmp(name[k], expected)) raise_to(&d->lcurve, relative(report->rmse[term], value[k]));
        }
    }
}

/* Adam with the learning rates of the trace; row k of the trace is the model after k updates. */
static void check_trace(fixture *t, deviation *d) {
    const kr_tree *rows = kr_tree_get(t->trace, "rows_pt"), *lr = kr_tree_get(t->trace, "learning_rate");
    int steps = (int)kr_tree_get(t->trace, "steps")->integer;
    kr_optimizer *adam;
    const kr_objective objective = {.payload = t, .evaluate = evaluate};
    kr_assert_ok(t->ctx, kr_optimizer_create(t->ctx, kr_optimizer_find("Adam"), NULL, t->model->ntheta,
                                             t->model->nblocks, t->model->block, NULL, &adam));
    for (int k = 0, row = 0; k <= steps; k++) {
        kr_loss_report report;
        t->ratio = lr->child[k]->real / lr->child[0]->real;
        if (row < rows->count && kr_tree_get(rows->child[row], "step")->integer == k) {
            const kr_tree *expected = rows->child[row++];
            kr_assert_ok(t->ctx,
                         kr_loss_gradient(t->ctx, &t->o, t->ratio, t->engine, &t->batch, NULL, NULL, &report, &t->ws));
            raise_to(&d->trace, relative(report.loss, kr_tree_get(expected, "loss")->real));
            if (k < steps) check_lcurve(t, &report, k + 1, d);
        }
        if (k < steps)
            kr_assert_ok(t->ctx,
                         kr_optimizer_step(t->ctx, adam, k, lr->child[k]->real, &objective, t->model->theta, NULL));
    }
    kr_optimizer_destroy(&adam);
}

static void check_final(fixture *t, deviation *d) {
    char file[512];
    kr_model *expected;
    kr_engine *engine;
    size_t n = (size_t)t->batch.natoms;
    double *ours = calloc(8 * n, sizeof *ours), *theirs = ours + 4 * n;
    kr_assert_ok(t->ctx, kr_model_load(t->ctx, path(t, "final_pt.dp", file), &expected));
    kr_assert_ok(t->ctx, kr_engine_create(t->ctx, kr_engine_find("exact"), expected, NULL, &engine));
    kr_assert_ok(t->ctx, kr_engine_value(t->ctx, t->engine, &t->batch, ours, ours + n, NULL));
    kr_assert_ok(t->ctx, kr_engine_value(t->ctx, engine, &t->batch, theirs, theirs + n, NULL));
    for (size_t k = 0; k < n; k++) raise_to(&d->energy, fabs(ours[k] - theirs[k]));
    for (size_t k = n; k < 4 * n; k++) raise_to(&d->force, fabs(ours[k] - theirs[k]));
    kr_engine_destroy(&engine);
    kr_model_destroy(&expected);
    free(ours);
}

static void run(const char *name) {
    fixture t;
    deviation d = {0};
    int single = !strcmp(name, "se_a_f32"), mixed = !strcmp(name, "dpa1_mixed");
    open_case(&t, name);
    check_gradient(&t, &d);
    check_trace(&t, &d);
    check_final(&t, &d);
    if (print_statistics)
        print_message("%-18s loss %.1e  gradient %.1e  trace %.1e  lcurve %.1e  final E_i %.1e  F %.1e\n", name, d.loss,
                      d.gradient, d.trace, d.lcurve, d.energy, d.force);
    kr_assert_near(d.loss, 0, single ? 1e-5 : mixed ? 1e-8 : 1e-12, 0);
    kr_assert_near(d.gradient, 0, single ? 1e-4 : 1e-9, 0);
    kr_assert_near(d.trace, 0, single ? 1e-3 : 1e-6, 0);
    kr_assert_near(d.lcurve, 0, 5.1e-3, 0); /* half of the last digit of 1.00 */
    kr_assert_near(d.energy, 0, single ? 1e-3 : 1e-6, 0);
    kr_assert_near(d.force, 0, single ? 1e-3 : 1e-6, 0);
    close_case(&t);
}

static void test_case(void **state) { run(*state); }

int main(int argc, char **argv) {
    print_statistics = argc > 1 && !strcmp(argv[1], "-s");
    static const char *const names[] = {"se_a_ef",    "se_a_efv_batch4",    "se_a_ef_ae",        "se_a_relative_f",
                                        "se_a_huber", "se_a_mae",           "se_a_intensive",    "se_a_f32",
                                        "se_r_efv",   "se_a_fparam_aparam", "dpa1_attn2_smooth", "dpa1_strip",
                                        "dpa1_mixed"};
    enum { N = sizeof names / sizeof names[0] };
    struct CMUnitTest tests[N];
    for (int k = 0; k < N; k++)
        tests[k] = (struct CMUnitTest){.name = names[k], .test_func = test_case, .initial_state = (void *)names[k]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
