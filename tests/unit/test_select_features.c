/* Selection with a model's features: planted duplicates, farthest points and coverage against brute force.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/random.h"
#include "kr_test.h"

#define MODEL KR_TEST_DATA "/deepmd/se_e2_a_twoside.dp"

static kr_potential *load(kr_context *ctx) {
    const char *path = MODEL;
    kr_potential *p = NULL;
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    o.table = KR_TABLE_OFF;
    kr_assert_ok(ctx, kr_potential_load(ctx, 1, &path, &o, &p));
    return p;
}

/* ---- frames: 16 atoms of two elements near the sites of a lattice ---- */

enum { ATOMS = 16 };
static kr_dataset *make_dataset(kr_context *ctx, const kr_potential *p, int seed, int nframes, double amplitude) {
    kr_dataset *d = NULL;
    kr_system *s = NULL;
    const kr_model *m = kr_potential_model(p, 0);
    const char *names[] = {kr_model_type_name(m, 0), kr_model_type_name(m, 1)};
    kr_assert_ok(ctx, kr_dataset_create(ctx, &d));
    kr_assert_ok(ctx, kr_system_create(ctx, "made", ATOMS, nframes, 2, names, 0, &s));
    memset(s->pbc, 1, 3);
    for (int i = 0; i < ATOMS; i++) s->type[i] = i % 3 == 1;
    for (int f = 0; f < nframes; f++) {
        const double box[9] = {6.8, 0, 0, 0.3, 7.0, 0, 0, 0, 13.8}; /* sparse enough for sel */
        memcpy(s->box + 9 * f, box, sizeof box);
        for (int i = 0; i < ATOMS; i++)
            for (int c = 0; c < 3; c++) {
                double r[4];
                int site = c < 2 ? (i >> c) & 1 : i >> 2;
                kr_random_normal((kr_stream){12, (uint64_t)seed}, (uint64_t)f, (uint64_t)i, (uint64_t)c, r);
                s->coord[3 * (ATOMS * f + i) + c] = 3.4 * site + amplitude * r[0];
            }
    }
    kr_assert_ok(ctx, kr_dataset_append(ctx, d, &s));
    return d;
}

static void copy_frame(kr_system *s, int from, int to) {
    memcpy(s->coord + 3 * ATOMS * to, s->coord + 3 * ATOMS * from, 3 * ATOMS * sizeof(double));
    memcpy(s->box + 9 * to, s->box + 9 * from, 9 * sizeof(double));
}

static void rotate(double *v, int n) {
    const double r[9] = {0.36, 0.48, -0.8, -0.8, 0.6, 0, 0.48, 0.64, 0.6};
    for (int i = 0; i < n; i++) {
        double x[3];
        memcpy(x, v + 3 * i, sizeof x);
        for (int a = 0; a < 3; a++) v[3 * i + a] = r[3 * a] * x[0] + r[3 * a + 1] * x[1] + r[3 * a + 2] * x[2];
    }
}

enum { WRAPPED, PERMUTED, ROTATED, SHIFTED, LATTICE, NOISE, DISGUISES };

/* Frame `to` becomes frame `from` in disguise. */
static void plant(kr_system *s, int from, int to, int disguise) {
    double *x = s->coord + 3 * ATOMS * to, *box = s->box + 9 * to, r[4];
    copy_frame(s, from, to);
    for (int i = 0; i < ATOMS; i++)
        for (int c = 0; c < 3; c++) {
            double *y = &x[3 * i + c];
            kr_random_normal((kr_stream){13, (uint64_t)to}, (uint64_t)disguise, (uint64_t)i, (uint64_t)c, r);
            if (disguise == WRAPPED) *y += i % 2 ? box[c] - 2 * box[6 + c] : 0;
            if (disguise == SHIFTED) *y += 0.7 * (c + 1);
            if (disguise == LATTICE) *y += box[3 + c];
            if (disguise == NOISE) *y += 1e-9 * r[0];
        }
    if (disguise == ROTATED) {
        rotate(x, ATOMS);
        rotate(box, 3);
    }
    if (disguise != PERMUTED) return;
    for (int i = 0, j = ATOMS - 1; i < j; j--) { /* exchanges atoms of the same element from both ends */
        if (s->type[i] != s->type[j]) continue;
        for (int c = 0; c < 3; c++) {
            double swap = x[3 * i + c];
            x[3 * i + c] = x[3 * j + c];
            x[3 * j + c] = swap;
        }
        i++;
    }
}

/* Frames 0 … 5: originals. 6 … 11: their disguises. 12 …: disguises of training frames. Then frames that differ by
 * 0.05 Å: one atom, all atoms; must stay. */
static void test_duplicates(void **state) {
    enum { FALSE = 3 * DISGUISES, N = FALSE + 6 };
    kr_context *ctx = *state;
    kr_potential *p = load(ctx);
    for (int threads = 1; threads < 4; threads += 2) {
        kr_dataset *d = make_dataset(ctx, p, 1, N, 0.12), *known = make_dataset(ctx, p, 2, 24, 0.12);
        kr_system *s = d->system[0];
        kr_selection *r = NULL;
        for (int k = 0; k < DISGUISES; k++) {
            plant(s, k, DISGUISES + k, k);
            memcpy(s->coord + 3 * ATOMS * (2 * DISGUISES + k), known->system[0]->coord + 3 * ATOMS * 3 * k,
                   3 * ATOMS * sizeof(double));
            plant(s, 2 * DISGUISES + k, 2 * DISGUISES + k, k);
        }
        for (int k = FALSE; k < N; k++) {
            copy_frame(s, k % DISGUISES, k);
            for (int i = 0; i < (k % 2 ? 1 : ATOMS); i++) {
                double e[4], length;
                kr_random_normal((kr_stream){14, 1}, (uint64_t)k, (uint64_t)i, 0, e);
                length = sqrt(e[0] * e[0] + e[1] * e[1] + e[2] * e[2]);
                for (int c = 0; c < 3; c++) s->coord[3 * (ATOMS * k + i) + c] += 0.05 * e[c] / length;
            }
        }
        kr_context_set_threads(ctx, threads);
        kr_select_options o = kr_select_defaults;
        o.sane.distance = 0;
        kr_assert_ok(ctx, kr_select(ctx, &o, p, d, NULL, known, &r));
        for (int k = 0; k < N; k++) {
            kr_decision wanted = k < DISGUISES       ? KR_DECISION_CHOSEN
                                 : k < 2 * DISGUISES ? KR_DECISION_DUPLICATE
                                 : k < FALSE         ? KR_DECISION_KNOWN
                                                     : KR_DECISION_CHOSEN;
            if (r->choice[k].decision != wanted)
                print_error("frame %d: %s (%s)\n", k, kr_decision_word(r->choice[k].decision), r->choice[k].reason);
            assert_int_equal(r->choice[k].decision, wanted);
            if (wanted == KR_DECISION_DUPLICATE) assert_int_equal(r->choice[k].other, k - DISGUISES);
        }
        assert_true(r->near_distance > 0 && r->radius_after <= 1e-6 && r->radius_before > r->near_distance);
        kr_selection_destroy(&r);
        kr_dataset_destroy(&d);
        kr_dataset_destroy(&known);
    }
    kr_potential_destroy(&p);
}

/* ---- farthest points, by the book ---- */

typedef struct book {
    kr_feature_rows *rows, *known;
    double *d; /* [rows] to the nearest known */
} book;

static double apart(const book *b, const double *x, const double *y) {
    double sum = 0;
    for (int k = 0; k < b->rows->width; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
    return sqrt(sum);
}

static void book_add(book *b, const kr_feature_rows *from, long frame) {
    for (long i = 0; i < b->rows->nrows; i++)
        for (long j = from->first[frame]; j < from->first[frame + 1]; j++)
            if (from->type[j] == b->rows->type[i])
                b->d[i] = fmin(b->d[i], apart(b, b->rows->row + i * b->rows->width, from->row + j * from->width));
}

static double frame_distance(const book *b, long f) {
    double d = 0;
    for (long i = b->rows->first[f]; i < b->rows->first[f + 1]; i++) d = fmax(d, b->d[i]);
    return d;
}

static void book_begin(kr_context *ctx, const kr_potential *p, const kr_dataset *d, const kr_dataset *known, book *b) {
    kr_assert_ok(ctx, kr_features_dataset(ctx, p, 0, KR_FEATURES_LAST_LAYER, d, NULL, &b->rows));
    kr_assert_ok(ctx, kr_features_dataset(ctx, p, 0, KR_FEATURES_LAST_LAYER, known, NULL, &b->known));
    long room = 2 * b->rows->width;
    double *mean = calloc((size_t)room, sizeof *mean), *spread = calloc((size_t)room, sizeof *spread);
    const kr_feature_rows *sets[2] = {b->rows, b->known};
    kr_assert_ok(ctx, kr_features_statistics(ctx, 2, 2, sets, mean, spread));
    kr_features_standardise(b->rows, mean, spread);
    kr_features_standardise(b->known, mean, spread);
    free(mean);
    free(spread);
    b->d = malloc((size_t)b->rows->nrows * sizeof *b->d);
    for (long i = 0; i < b->rows->nrows; i++) b->d[i] = INFINITY;
    for (long f = 0; f < b->known->nframes; f++) book_add(b, b->known, f);
}

static double book_radius(const book *b) {
    double radius = 0;
    for (long f = 0; f < b->rows->nframes; f++) radius = fmax(radius, frame_distance(b, f));
    return radius;
}

static void test_fps(void **state) {
    enum { N = 70, MOST = 25 };
    kr_context *ctx = *state;
    kr_potential *p = load(ctx);
    kr_dataset *d = make_dataset(ctx, p, 3, N, 0.2), *known = make_dataset(ctx, p, 4, 8, 0.1);
    kr_candidate meta[N];
    kr_select_options o = kr_select_defaults;
    kr_selection *s = NULL;
    book b;
    o.most = MOST;
    o.sane.distance = 0;
    for (int i = 0; i < N; i++) {
        meta[i] = kr_candidate_unknown;
        meta[i].u = 0.1 + 0.05 * kr_random_uniform((kr_stream){15, 1}, 0, (uint64_t)i, 0);
    }
    for (int threads = 1; threads < 9; threads += 3) {
        kr_context_set_threads(ctx, threads);
        kr_assert_ok(ctx, kr_select(ctx, &o, p, d, meta, known, &s));
        book_begin(ctx, p, d, known, &b);
        kr_assert_near(s->radius_before, book_radius(&b), 0, 1e-9);
        assert_int_equal(s->nchosen, MOST);
        for (int k = 0; k < MOST; k++) {
            long best = -1;
            double most = -1;
            for (long f = 0; f < N; f++)
                if (frame_distance(&b, f) * meta[f].u > most) {
                    most = frame_distance(&b, f) * meta[f].u;
                    best = f;
                }
            assert_int_equal(s->chosen[k], best);
            kr_assert_near(s->choice[best].score, most, 0, 1e-9);
            assert_int_equal(s->choice[best].order, k);
            book_add(&b, b.rows, best);
        }
        kr_assert_near(s->radius_after, book_radius(&b), 0, 1e-9);
        kr_feature_rows_destroy(&b.rows);
        kr_feature_rows_destroy(&b.known);
        free(b.d);
        kr_selection_destroy(&s);
    }
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&known);
    kr_potential_destroy(&p);
}

/* Nothing is known: environments of unknown elements first, no number is infinite where it must not be. */
static void test_from_nothing(void **state) {
    kr_context *ctx = *state;
    kr_potential *p = load(ctx);
    kr_dataset *d = make_dataset(ctx, p, 5, 10, 0.2);
    kr_select_options o = kr_select_defaults;
    kr_selection *s = NULL;
    o.most = 3;
    o.sane.distance = 0;
    kr_assert_ok(ctx, kr_select(ctx, &o, p, d, NULL, NULL, &s));
    assert_int_equal(s->nchosen, 3);
    assert_true(isinf(s->radius_before) && s->radius_after > 0 && isfinite(s->radius_after));
    assert_true(isinf(s->choice[s->chosen[0]].score) && isfinite(s->choice[s->chosen[1]].score));
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
    kr_potential_destroy(&p);
}

/* Two runs of the other rules on the same pool: the coverage that fps promises is better than that of chance. */
static void test_coverage(void **state) {
    enum { N = 120 };
    kr_context *ctx = *state;
    kr_potential *p = load(ctx);
    kr_dataset *d = make_dataset(ctx, p, 6, N, 0.2), *known = make_dataset(ctx, p, 7, 4, 0.1);
    const char *const rules[] = {"fps", "random", "topdev"};
    double radius[3];
    for (int k = 0; k < 3; k++) {
        kr_select_options o = kr_select_defaults;
        kr_selection *s = NULL;
        o.rule = rules[k];
        o.most = 12;
        o.sane.distance = 0;
        kr_assert_ok(ctx, kr_select(ctx, &o, p, d, NULL, known, &s));
        radius[k] = s->radius_after;
        kr_selection_destroy(&s);
    }
    assert_true(radius[0] < radius[1] && radius[0] < radius[2]);
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&known);
    kr_potential_destroy(&p);
}

/* Rule maxvol: what leaves the span comes first, what lies within is not offered. */
static void test_maxvol(void **state) {
    enum { N = 24, WILD = 20 };
    kr_context *ctx = *state;
    kr_potential *p = load(ctx);
    kr_dataset *d = make_dataset(ctx, p, 10, N, 0.1), *known = make_dataset(ctx, p, 11, 30, 0.1);
    kr_select_options o = kr_select_defaults;
    kr_selection *s = NULL;
    double *x = d->system[0]->coord;
    for (int i = 3 * ATOMS * WILD; i < 3 * ATOMS * N; i++) {
        double r[4];
        kr_random_normal((kr_stream){16, 1}, 0, (uint64_t)i, 0, r);
        x[i] += 0.4 * r[0];
    }
    o.rule = "maxvol";
    o.sane.distance = 0;
    kr_assert_ok(ctx, kr_select(ctx, &o, p, d, NULL, known, &s));
    assert_true(s->nchosen >= 1 && s->nchosen < WILD);
    assert_true(s->chosen[0] >= WILD && s->choice[s->chosen[0]].score > 1.5);
    for (long k = 0; k < s->nchosen; k++) assert_true(s->choice[s->chosen[k]].score > 1);
    kr_selection_destroy(&s);
    /* grades: none of the training set itself, some of the wild ones, all where an element is new */
    double grade[30];
    kr_assert_ok(ctx, kr_candidates_grades(ctx, p, KR_FEATURES_LAST_LAYER, known, known, grade));
    for (int f = 0; f < 30; f++) assert_true(grade[f] > 0 && grade[f] <= 1.001 + 1e-6);
    kr_assert_ok(ctx, kr_candidates_grades(ctx, p, KR_FEATURES_LAST_LAYER, known, d, grade));
    for (int f = WILD; f < N; f++) assert_true(grade[f] > 1.1);
    for (int i = 0; i < ATOMS; i++) known->system[0]->type[i] = 0;
    kr_assert_ok(ctx, kr_candidates_grades(ctx, p, KR_FEATURES_LAST_LAYER, known, d, grade));
    for (int f = 0; f < N; f++) assert_true(isinf(grade[f]));
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&known);
    kr_potential_destroy(&p);
}

static void test_failures(void **state) {
    kr_context *ctx = *state;
    kr_potential *p = load(ctx);
    kr_dataset *d = make_dataset(ctx, p, 8, 3, 0.2), *known = make_dataset(ctx, p, 9, 2, 0.1);
    kr_select_options o = kr_select_defaults;
    kr_selection *s = NULL;
    kr_status status = KR_ERR_MEMORY;
    long live = kr_memory_live(), n = 1;
    kr_context_set_threads(ctx, 1);
    o.sane.distance = 0;
    for (; status == KR_ERR_MEMORY; n++) {
        kr_memory_fail_at(n);
        status = kr_select(ctx, &o, p, d, NULL, known, &s);
        kr_memory_fail_at(0);
        if (status != KR_ERR_MEMORY) break;
        assert_null(s);
        assert_int_equal(kr_memory_live(), live);
    }
    kr_assert_ok(ctx, status);
    assert_true(n > 30);
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&known);
    kr_potential_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_duplicates, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_fps, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_from_nothing, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_coverage, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_maxvol, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_failures, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
