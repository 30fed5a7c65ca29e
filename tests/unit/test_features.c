/* Features: atomic energies are linear in them, they are invariant, the same bits for any number of threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/random.h"
#include "kr_test.h"
#include "potential/fitting.h"
#include <dirent.h>

enum { N = 20 };

/* A frame of random atoms in a skewed cell; one virtual atom. */
typedef struct case_frame {
    double x[3 * N], box[9], fparam[16], aparam[16 * N];
    int type[N];
} case_frame;

static void make_frame(int ntypes, case_frame *f) {
    *f = (case_frame){.box = {9, 0, 0, 1.5, 8.5, 0, -0.5, 1, 8}};
    for (int i = 0; i < N; i++) {
        double s[3], r[4];
        for (int c = 0; c < 3; c++) s[c] = kr_random_uniform((kr_stream){3, 5}, 0, (uint64_t)i, (uint64_t)c);
        for (int c = 0; c < 3; c++) f->x[3 * i + c] = s[0] * f->box[c] + s[1] * f->box[3 + c] + s[2] * f->box[6 + c];
        kr_random_normal((kr_stream){3, 6}, 0, (uint64_t)i, 0, r);
        for (int c = 0; c < 16; c++) f->aparam[16 * i + c] = 0.1 * r[c % 4];
        f->type[i] = i % ntypes;
    }
    f->type[7] = -1;
    for (int c = 0; c < 16; c++) f->fparam[c] = 0.2 + 0.1 * c;
}

static kr_potential *load(kr_context *ctx, const char *path, kr_table table) {
    kr_potential *p = NULL;
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    o.table = table;
    kr_assert_ok(ctx, kr_potential_load(ctx, 1, &path, &o, &p));
    return p;
}

static double *rows_of(kr_context *ctx, const kr_potential *p, kr_features_kind kind, const case_frame *f, int *width) {
    kr_features *features = NULL;
    kr_assert_ok(ctx, kr_features_create(ctx, p, 0, kind, &features));
    *width = kr_features_width(features);
    double *rows = calloc((size_t)N * (size_t)*width, sizeof *rows);
    kr_assert_ok(ctx, kr_features_frame(ctx, features, N, f->x, f->type, f->box, NULL, f->fparam, f->aparam, rows));
    kr_features_destroy(&features);
    return rows;
}

/* E_i − w·h_i is one number per element: biases, or nothing where the element has no energy of its own. */
static void check_linear(kr_context *ctx, const char *path) {
    kr_potential *p = load(ctx, path, KR_TABLE_OFF);
    kr_workspace *w = NULL;
    const kr_model *m = kr_potential_model(p, 0);
    case_frame f;
    double energy[N], rest[16], varies = 0;
    int width, seen[16] = {0};
    make_frame(m->ntypes, &f);
    double *rows = rows_of(ctx, p, KR_FEATURES_LAST_LAYER, &f, &width);
    kr_assert_ok(ctx, kr_workspace_create(ctx, p, &w));
    const kr_result result = {.atom_energy = energy};
    kr_assert_ok(ctx, kr_potential_compute_frame(p, w, N, f.x, f.type, f.box, NULL, f.fparam, f.aparam, &result));
    for (int i = 0; i < N; i++) {
        int t = f.type[i];
        double sum = 0;
        if (t < 0) {
            for (int k = 0; k < width; k++) assert_true(rows[i * width + k] == 0);
            continue;
        }
        if (kr_fitting_is_silent(m, t)) continue;
        const kr_net *net = m->fitting.net[m->fitting.mixed_types ? 0 : t];
        const kr_layer *last = &net->layer[net->nlayers - 1];
        for (int k = 0; k < last->in; k++) sum += m->theta[last->w + (size_t)k] * rows[i * width + k];
        if (!seen[t]++) rest[t] = energy[i] - sum;
        kr_assert_near(energy[i] - sum, rest[t], 1e-11, 1e-11);
        varies += fabs(sum);
    }
    if (!(varies > 0)) print_error("%s\n", path);
    assert_true(varies > 0);
    free(rows);
    kr_workspace_destroy(&w);
    kr_potential_destroy(&p);
}

static void test_linear(void **state) {
    const char *const folders[] = {KR_TEST_DATA "/deepmd", KR_TEST_DATA "/deepmd_kit/models"};
    int count = 0;
    for (int k = 0; k < 2; k++) {
        DIR *d = opendir(folders[k]);
        for (struct dirent *e; d && (e = readdir(d));) {
            char path[600];
            const char *end = strrchr(e->d_name, '.');
            if (!end || strcmp(end, ".dp")) continue;
            snprintf(path, sizeof path, "%s/%s", folders[k], e->d_name);
            check_linear(*state, path);
            count++;
        }
        if (d) closedir(d);
    }
    assert_true(count >= 8);
}

/* ---- invariance ---- */

static void rotate(case_frame *f) { /* a proper rotation and a reflection, then a shift */
    const double r[9] = {0.36, 0.48, -0.8, -0.8, 0.6, 0, -0.48, -0.64, -0.6};
    double *sets[2] = {f->x, f->box};
    const int counts[2] = {N, 3};
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < counts[s]; i++) {
            double v[3];
            memcpy(v, sets[s] + 3 * i, sizeof v);
            for (int a = 0; a < 3; a++)
                sets[s][3 * i + a] =
                    r[3 * a] * v[0] + r[3 * a + 1] * v[1] + r[3 * a + 2] * v[2] + (s == 0 ? 1.7 * a : 0);
        }
}

static void test_invariance(void **state) {
    kr_context *ctx = *state;
    const char *const models[] = {"se_e2_a_twoside", "se_e2_r_oneside", "dpa1_concat_attn2", "se_atten_v2_attn0"};
    for (int m = 0; m < 4; m++)
        for (int kind = 0; kind < 2; kind++) {
            char path[600];
            snprintf(path, sizeof path, KR_TEST_DATA "/deepmd/%s.dp", models[m]);
            kr_potential *p = load(ctx, path, KR_TABLE_SPLINE); /* tables change nothing here */
            case_frame f, g;
            int width;
            make_frame(kr_model_ntypes(kr_potential_model(p, 0)), &f);
            f.type[7] = 0; /* DPA-1 takes the type of atom 0 for empty slots: atoms are exchanged within the rest */
            double *a = rows_of(ctx, p, (kr_features_kind)kind, &f, &width);
            g = f;
            rotate(&g);
            for (int c = 0; c < 3; c++) g.x[3 * 4 + c] += 2 * g.box[c] - g.box[6 + c];
            const double *moved = g.x;
            case_frame h = g;
            for (int i = 1; i < N; i++) { /* all but the first in reverse order */
                memcpy(h.x + 3 * i, moved + 3 * (size_t)(N - i), 3 * sizeof(double));
                h.type[i] = g.type[N - i];
                memcpy(h.aparam + i, g.aparam + (N - i), sizeof(double));
            }
            double *b = rows_of(ctx, p, (kr_features_kind)kind, &h, &width);
            for (int i = 0; i < N; i++)
                kr_assert_close(width, b + i * width, a + (i ? N - i : 0) * width, 1e-11, 1e-10);
            f.x[0] += 0.05; /* and something does change them */
            double *c = rows_of(ctx, p, (kr_features_kind)kind, &f, &width), change = 0;
            for (int k = 0; k < width; k++) change = fmax(change, fabs(c[k] - a[k]));
            assert_true(change > 1e-6);
            free(a);
            free(b);
            free(c);
            kr_potential_destroy(&p);
        }
}

/* ---- datasets ---- */

static kr_dataset *make_dataset(kr_context *ctx, int nframes, const char *first, const char *second) {
    kr_dataset *d = NULL;
    kr_system *s = NULL;
    const char *names[] = {first, second};
    case_frame f;
    kr_assert_ok(ctx, kr_dataset_create(ctx, &d));
    kr_assert_ok(ctx, kr_system_create(ctx, "made", N, nframes, 2, names, 0, &s));
    memset(s->pbc, 1, 3);
    make_frame(2, &f);
    f.type[7] = 1;
    memcpy(s->type, f.type, sizeof f.type);
    for (int k = 0; k < nframes; k++) {
        memcpy(s->box + 9 * k, f.box, sizeof f.box);
        for (int i = 0; i < 3 * N; i++) s->coord[3 * N * k + i] = f.x[i] + 0.1 * ((i * (k + 1)) % 7);
    }
    kr_assert_ok(ctx, kr_dataset_append(ctx, d, &s));
    return d;
}

static void test_dataset(void **state) {
    kr_context *ctx = *state;
    enum { F = 9 };
    kr_potential *p = load(ctx, KR_TEST_DATA "/deepmd/se_e2_a_twoside.dp", KR_TABLE_OFF);
    const kr_model *m = kr_potential_model(p, 0);
    kr_dataset *d = make_dataset(ctx, F, m->type_map[1], m->type_map[0]); /* types the other way round */
    kr_feature_rows *r[3] = {NULL};
    unsigned char keep[F] = {1, 0, 1, 1, 1, 1, 1, 1, 1};
    const int threads[3] = {1, 3, 8};
    for (int k = 0; k < 3; k++) {
        kr_context_set_threads(ctx, threads[k]);
        kr_assert_ok(ctx, kr_features_dataset(ctx, p, 0, KR_FEATURES_LAST_LAYER, d, keep, &r[k]));
        assert_memory_equal(r[k]->row, r[0]->row, (size_t)(r[0]->nrows * r[0]->width) * sizeof(double));
    }
    assert_true(r[0]->nframes == F && r[0]->nrows == (F - 1) * N && r[0]->first[1] == r[0]->first[2]);
    const kr_system *s = d->system[0];
    kr_features *features = NULL;
    int type[N];
    for (int i = 0; i < N; i++) type[i] = !s->type[i];
    kr_assert_ok(ctx, kr_features_create(ctx, p, 0, KR_FEATURES_LAST_LAYER, &features));
    double *rows = calloc((size_t)(N * r[0]->width), sizeof *rows);
    kr_assert_ok(ctx, kr_features_frame(ctx, features, N, s->coord + 3 * N * 5, type, s->box, NULL, NULL, NULL, rows));
    kr_assert_close(N * r[0]->width, r[0]->row + r[0]->first[5] * r[0]->width, rows, 0, 0);
    for (int i = 0; i < N; i++) assert_true(r[0]->type[r[0]->first[5] + i] == type[i]);
    kr_features_destroy(&features);
    free(rows);
    /* standardised per element: mean 0, variance 1 */
    long width = r[0]->width;
    double *mean = calloc((size_t)(2 * width), sizeof *mean), *spread = calloc((size_t)(2 * width), sizeof *spread);
    const kr_feature_rows *sets[2] = {r[0], r[1]};
    kr_assert_ok(ctx, kr_features_statistics(ctx, 2, 2, sets, mean, spread));
    kr_features_standardise(r[0], mean, spread);
    kr_features_standardise(r[1], mean, spread);
    kr_assert_ok(ctx, kr_features_statistics(ctx, 2, 2, sets, mean, spread));
    for (long k = 0; k < 2 * width; k++) {
        kr_assert_near(mean[k], 0, 1e-9, 0);
        kr_assert_near(spread[k], 1, 1e-9, 0);
    }
    free(mean);
    free(spread);
    for (int k = 0; k < 3; k++) kr_feature_rows_destroy(&r[k]);
    kr_dataset_destroy(&d);
    d = make_dataset(ctx, 1, m->type_map[0], "Xx");
    assert_int_equal(kr_features_dataset(ctx, p, 0, KR_FEATURES_LAST_LAYER, d, NULL, &r[0]), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "atoms of type Xx"));
    kr_dataset_destroy(&d);
    kr_potential_destroy(&p);
}

static void test_failures(void **state) {
    kr_context *ctx = *state;
    kr_potential *p = load(ctx, KR_TEST_DATA "/deepmd/se_e2_a_twoside.dp", KR_TABLE_OFF);
    const kr_model *m = kr_potential_model(p, 0);
    kr_dataset *d = make_dataset(ctx, 2, m->type_map[1], m->type_map[0]);
    kr_feature_rows *r = NULL;
    kr_context_set_threads(ctx, 1);
    long live = kr_memory_live();
    kr_status status = KR_ERR_MEMORY;
    for (long n = 1; status == KR_ERR_MEMORY; n++) {
        kr_memory_fail_at(n);
        status = kr_features_dataset(ctx, p, 0, KR_FEATURES_LAST_LAYER, d, NULL, &r);
        kr_memory_fail_at(0);
        if (status == KR_ERR_MEMORY) {
            assert_null(r);
            assert_int_equal(kr_memory_live(), live);
        }
    }
    kr_assert_ok(ctx, status);
    kr_feature_rows_destroy(&r);
    kr_dataset_destroy(&d);
    kr_potential_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_linear, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_invariance, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_dataset, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_failures, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
