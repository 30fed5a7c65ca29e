/* Merging, splitting without leaks, and checks with planted defects.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"

static kr_context *ctx;

static uint64_t state = 7;
static double uniform(void) { /* (−1, 1) */
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * (2.0 / 9007199254740992.0) - 1;
}

/* ---- a pair potential gives labels that fit together: E = Σ ½ φ(r), φ = D (1 − e^{−a (r − r0)})² − D, cut smoothly
 * at 4 Å; images up to four cells away ---- */

enum { N = 8 };
static const int TYPE[N] = {0, 1, 0, 1, 0, 1, 0, 1};
static const char *const NAMES[] = {"Ga", "As"};
static const double EDGE = 5.4;

static void label(const double *x, const double *box, const int *type, int n, double *energy, double *force,
                  double *virial) {
    *energy = 0;
    memset(force, 0, (size_t)n * 3 * sizeof *force);
    memset(virial, 0, 9 * sizeof *virial);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int s = 0; s < 729; s++) {
                double d[3], r = 0, cell[3] = {s % 9 - 4, s / 9 % 9 - 4, s / 81 - 4};
                for (int k = 0; k < 3; k++) {
                    d[k] = x[3 * j + k] - x[3 * i + k];
                    for (int l = 0; l < 3; l++) d[k] += cell[l] * box[3 * l + k];
                    r += d[k] * d[k];
                }
                r = sqrt(r);
                if (r >= 4 || (i == j && s == 364)) continue;
                double depth = type[i] == type[j] ? 0.2 : 0.5, e = exp(-1.2 * (r - 2.4)), u = 1 - r * r / 16;
                double morse = depth * (1 - e) * (1 - e) - depth, slope = 2 * depth * (1 - e) * 1.2 * e;
                double g = slope * u * u - morse * 2 * u * r / 8;
                *energy += 0.5 * morse * u * u;
                for (int a = 0; a < 3; a++) {
                    force[3 * i + a] += g * d[a] / r;
                    for (int b = 0; b < 3; b++) virial[3 * a + b] -= 0.5 * g * d[a] * d[b] / r;
                }
            }
}

static void label_frame(kr_system *s, int f) {
    size_t n = (size_t)s->natoms, at = (size_t)f;
    label(s->coord + at * n * 3, s->box + at * 9, kr_system_types(s, f), s->natoms, s->label[KR_LABEL_ENERGY] + at,
          s->label[KR_LABEL_FORCE] + at * n * 3, s->label[KR_LABEL_VIRIAL] + at * 9);
    s->has[f] |= 1u << KR_LABEL_ENERGY | 1u << KR_LABEL_FORCE | 1u << KR_LABEL_VIRIAL;
}

static kr_system *new_system(int natoms, int nframes) {
    kr_system *s = NULL;
    kr_assert_ok(ctx, kr_system_create(ctx, "made", natoms, nframes, 2, NAMES, 0, &s));
    memset(s->pbc, 1, 3);
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_ENERGY, 1));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FORCE, 3));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_VIRIAL, 9));
    return s;
}

/* Zinc blende, strained and disturbed at random. */
static kr_dataset *make(int nframes, double strain, double shake) {
    static const double site[4][3] = {{0, 0, 0}, {0, .5, .5}, {.5, 0, .5}, {.5, .5, 0}};
    kr_dataset *d = NULL;
    kr_system *s = new_system(N, nframes);
    memcpy(s->type, TYPE, sizeof TYPE);
    for (int f = 0; f < nframes; f++) {
        double *box = s->box + 9 * f, *x = s->coord + 3 * N * f;
        for (int k = 0; k < 9; k++) box[k] = EDGE * ((k % 4 == 0) + strain * uniform());
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++) {
                x[3 * i + k] = shake * uniform();
                for (int l = 0; l < 3; l++) x[3 * i + k] += (site[i / 2][l] + 0.25 * (i % 2)) * box[3 * l + k];
            }
        label_frame(s, f);
    }
    kr_assert_ok(ctx, kr_dataset_create(ctx, &d));
    kr_assert_ok(ctx, kr_dataset_append(ctx, d, &s));
    return d;
}

/* Frame f of `from` turned, mirrored, shifted, wrapped, atoms exchanged, as frame g of `to`. */
static void disguise(const kr_system *from, int f, kr_system *to, int g) {
    static const double turn[9] = {0.36, 0.48, -0.8, -0.8, 0.6, 0, -0.48, -0.64, -0.6}; /* determinant −1 */
    const double *box = from->box + 9 * f, *x = from->coord + 3 * N * f;
    double shift[3] = {uniform() * 5, uniform() * 5, uniform() * 5};
    for (int l = 0; l < 3; l++)
        for (int k = 0; k < 3; k++) {
            to->box[9 * g + 3 * l + k] = 0;
            /* another cell of the lattice: b + a instead of b */
            for (int m = 0; m < 3; m++)
                to->box[9 * g + 3 * l + k] += (box[3 * l + m] + (l == 1 ? box[m] : 0)) * turn[3 * m + k];
        }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 3; k++) {
            double *y = to->coord + 3 * (N * g + (i + 2) % N) + k; /* types alternate: 2 further is the same element */
            *y = 0;
            for (int m = 0; m < 3; m++) *y += (x[3 * i + m] + shift[m] + (i % 3) * box[m]) * turn[3 * m + k];
        }
    label_frame(to, g);
}

static void test_groups(void **unused) {
    (void)unused;
    kr_dataset *d = make(12, 0.03, 0.1);
    kr_system *s = d->system[0], *twice = new_system(2 * N, 1);
    /* frame 7 is frame 2 in disguise, and the second system is frame 4 doubled along c */
    disguise(s, 2, s, 7);
    kr_assert_near(s->label[KR_LABEL_ENERGY][7], s->label[KR_LABEL_ENERGY][2], 1e-9, 0);
    for (int i = 0; i < 2 * N; i++) {
        twice->type[i] = TYPE[i % N];
        for (int k = 0; k < 3; k++)
            twice->coord[3 * i + k] = s->coord[3 * (4 * N + i % N) + k] + (i / N) * s->box[9 * 4 + 6 + k];
    }
    for (int k = 0; k < 9; k++) twice->box[k] = s->box[9 * 4 + k] * (k < 6 ? 1 : 2);
    kr_assert_ok(ctx, kr_dataset_append(ctx, d, &twice));
    int group[13];
    kr_assert_ok(ctx, kr_dataset_group(ctx, d, 1e-6, group));
    for (int i = 0; i < 13; i++) assert_int_equal(group[i], i == 7 ? 2 : i == 12 ? 4 : i);
    /* the same for any number of threads */
    int again[13];
    kr_context_set_threads(ctx, 3);
    kr_assert_ok(ctx, kr_dataset_group(ctx, d, 1e-6, again));
    kr_context_set_threads(ctx, 1);
    assert_memory_equal(group, again, sizeof group);
    /* one atom moved by 0.002 A is another structure */
    s->coord[3 * (N * 7 + 3)] += 0.002;
    kr_assert_ok(ctx, kr_dataset_group(ctx, d, 1e-6, group));
    assert_int_equal(group[7], 7);
    kr_dataset_destroy(&d);
}

static void test_split(void **unused) {
    (void)unused;
    enum { F = 120 };
    kr_dataset *d = make(F, 0.03, 0.1);
    for (int f = 1; f < F; f += 4) disguise(d->system[0], f - 1, d->system[0], f);
    kr_split_options o = kr_split_defaults;
    int part[F], again[F], other[F], count[3] = {0};
    kr_assert_ok(ctx, kr_dataset_split(ctx, d, &o, part));
    kr_assert_ok(ctx, kr_dataset_split(ctx, d, &o, again));
    assert_memory_equal(part, again, sizeof part);
    for (int f = 0; f < F; f++) count[part[f]]++;
    assert_true(abs(count[0] - 96) <= 1 && abs(count[1] - 12) <= 1 && count[2] >= 11);
    for (int f = 1; f < F; f += 4) assert_int_equal(part[f], part[f - 1]);
    o.seed = 2;
    kr_assert_ok(ctx, kr_dataset_split(ctx, d, &o, other));
    assert_memory_not_equal(part, other, sizeof part);
    /* runs of 10 with a gap of 2 */
    o.block = 10;
    o.gap = 2;
    o.tolerance = 0;
    o.fraction[2] = 0;
    kr_assert_ok(ctx, kr_dataset_split(ctx, d, &o, part));
    int left = 0;
    for (int f = 0; f < F; f++) {
        assert_int_not_equal(part[f], 2);
        left += part[f] < 0;
        for (int g = f + 1; g < F && g <= f + 2; g++) assert_true(part[f] < 0 || part[g] < 0 || part[f] == part[g]);
        if (f % 10 && part[f] >= 0 && part[f - 1] >= 0) assert_int_equal(part[f], part[f - 1]);
    }
    assert_true(left > 0);
    o.fraction[0] = o.fraction[1] = 0;
    assert_int_equal(kr_dataset_split(ctx, d, &o, part), KR_ERR_ARGUMENT);
    kr_dataset_destroy(&d);
}

static void test_merge(void **unused) {
    (void)unused;
    kr_dataset *d = make(3, 0.03, 0.1), *more = make(2, 0.03, 0.1), *merged = NULL, *chosen = NULL;
    /* the second system has its elements the other way round, no virials in one frame, and another type map */
    kr_system *s = more->system[0];
    for (int i = 0; i < N; i++) s->type[i] = 1 - s->type[i];
    char *swap = s->type_map[0];
    s->type_map[0] = s->type_map[1];
    s->type_map[1] = swap;
    s->has[1] &= ~(1u << KR_LABEL_VIRIAL);
    double x[3], f[3];
    memcpy(x, s->coord + 3 * (N + 3), sizeof x); /* atom 3 (As) of frame 1 */
    memcpy(f, s->label[KR_LABEL_FORCE] + 3 * (N + 3), sizeof f);
    kr_assert_ok(ctx, kr_dataset_append(ctx, d, &more->system[0]));
    more->nsystems = 0;
    kr_assert_ok(ctx, kr_dataset_merge(ctx, d, &merged));
    assert_int_equal(merged->nsystems, 1);
    s = merged->system[0];
    assert_int_equal(s->nframes, 5);
    for (int i = 0; i < N; i++) assert_int_equal(s->type[i], i >= N / 2);
    assert_string_equal(s->type_map[0], "Ga");
    assert_true(s->has[3] >> KR_LABEL_VIRIAL & 1 && !(s->has[4] >> KR_LABEL_VIRIAL & 1));
    assert_memory_equal(s->coord + 3 * (4 * N + N / 2 + 1), x, sizeof x);
    assert_memory_equal(s->label[KR_LABEL_FORCE] + 3 * (4 * N + N / 2 + 1), f, sizeof f);
    for (int k = 0; k < 5; k++) { /* labels still belong to their frames */
        double e, force[3 * N], w[9];
        label(s->coord + 3 * N * k, s->box + 9 * k, s->type, N, &e, force, w);
        kr_assert_near(s->label[KR_LABEL_ENERGY][k], e, 1e-12, 0);
        kr_assert_close(3 * N, s->label[KR_LABEL_FORCE] + 3 * N * k, force, 1e-12, 0);
    }
    static const unsigned char keep[5] = {0, 1, 0, 0, 1};
    kr_assert_ok(ctx, kr_dataset_select(ctx, merged, keep, &chosen));
    assert_int_equal(chosen->system[0]->nframes, 2);
    assert_memory_equal(chosen->system[0]->coord + 3 * N, s->coord + 3 * N * 4, sizeof(double) * 3 * N);
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&more);
    kr_dataset_destroy(&merged);
    kr_dataset_destroy(&chosen);
}

/* ---- checks ---- */

static const kr_finding *find(const kr_check_report *r, kr_finding_kind kind) {
    for (int k = 0; k < r->nfindings; k++)
        if (r->finding[k].kind == kind) return &r->finding[k];
    fail_msg("not found: %s", kr_finding_title(kind));
    return NULL;
}

static void test_clean(void **unused) {
    (void)unused;
    kr_dataset *d = make(60, 0.01, 0.04);
    kr_check_report *r = NULL;
    kr_assert_ok(ctx, kr_dataset_check(ctx, d, NULL, &r));
    assert_int_equal(r->nfindings, 0);
    assert_true(r->work.pairs > 40 && r->work.explained > 0.99);
    kr_assert_near(r->work.force_slope, 1, 0.02, 0);
    kr_assert_near(r->work.virial_slope, 1, 0.02, 0);
    kr_check_report_destroy(&r);
    kr_dataset_destroy(&d);
}

static void test_planted(void **unused) {
    (void)unused;
    kr_dataset *d = make(80, 0.02, 0.08);
    kr_system *s = d->system[0];
    s->coord[3 * (N * 10 + 4) + 1] = NAN;
    s->label[KR_LABEL_FORCE][3 * (N * 11 + 5)] = INFINITY;
    memset(s->box + 9 * 12, 0, 9 * sizeof *s->box);
    for (int k = 0; k < 3; k++) s->coord[3 * (N * 13 + 6) + k] = s->coord[3 * (N * 13 + 2) + k] + 0.1;
    s->label[KR_LABEL_ENERGY][20] += 3;
    s->label[KR_LABEL_FORCE][3 * (N * 21 + 7)] = 200;
    s->label[KR_LABEL_VIRIAL][9 * 22 + 1] += 0.5;
    disguise(s, 30, s, 31);
    memcpy(s->coord + 3 * N * 33, s->coord + 3 * N * 32, 3 * N * sizeof(double));
    memcpy(s->box + 9 * 33, s->box + 9 * 32, 9 * sizeof(double));
    label_frame(s, 33);
    disguise(s, 34, s, 35);
    s->label[KR_LABEL_ENERGY][35] += 0.01 * N;
    kr_check_report *r = NULL;
    kr_assert_ok(ctx, kr_dataset_check(ctx, d, NULL, &r));
    static const struct {
        kr_finding_kind kind;
        int frame, atom, other, count;
    } expected[] = {
        {KR_FINDING_NOT_FINITE, 10, 4, -1, 2},      {KR_FINDING_BAD_CELL, 12, -1, -1, 1},
        {KR_FINDING_TOO_CLOSE, 13, 2, -1, 1},       {KR_FINDING_ENERGY_OUTLIER, 20, -1, -1, 1},
        {KR_FINDING_FORCE_OUTLIER, 21, 7, -1, 1},   {KR_FINDING_VIRIAL_ASYMMETRY, 22, -1, -1, 1},
        {KR_FINDING_NEAR_DUPLICATE, 31, -1, 30, 2}, {KR_FINDING_DUPLICATE, 33, -1, 32, 1},
        {KR_FINDING_CONFLICT, 35, -1, 34, 1},
    };
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        const kr_finding *f = find(r, expected[k].kind);
        assert_int_equal(f->frame, expected[k].frame);
        assert_int_equal(f->atom, expected[k].atom);
        assert_int_equal(f->other_frame, expected[k].other);
        assert_int_equal(r->count[expected[k].kind], expected[k].count);
    }
    assert_int_equal(r->count[KR_FINDING_NET_FORCE], 1); /* of frame 21 */
    assert_int_equal(find(r, KR_FINDING_NET_FORCE)->frame, 21);
    kr_check_report_destroy(&r);
    kr_dataset_destroy(&d);
}

/* Signs and units of whole sets, by the work. */
static void test_work(void **unused) {
    (void)unused;
    static const struct {
        double energy, force, virial, position;
        int force_wrong, virial_wrong;
        const char *said;
    } cases[] = {{1, -1, 1, 1, 1, 0, "sign"},
                 {1, 1, -1, 1, 0, 1, "sign"},
                 {1 / 27.211386, 1, 1 / 27.211386, 1, 1, 0, "Hartree"},
                 {1, 1 / 25.711, 1, 1, 1, 0, "Rydberg/bohr"},
                 {1, 1, 1602.2, 1, 0, 1, "units"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        kr_dataset *d = make(60, 0.02, 0.08);
        kr_system *s = d->system[0];
        for (int f = 0; f < 60; f++) {
            s->label[KR_LABEL_ENERGY][f] *= cases[c].energy;
            for (int i = 0; i < 3 * N; i++) s->label[KR_LABEL_FORCE][3 * N * f + i] *= cases[c].force;
            for (int i = 0; i < 9; i++) s->label[KR_LABEL_VIRIAL][9 * f + i] *= cases[c].virial;
        }
        kr_check_report *r = NULL;
        kr_assert_ok(ctx, kr_dataset_check(ctx, d, NULL, &r));
        assert_int_equal(r->count[KR_FINDING_WORK_UNITS], cases[c].force_wrong);
        assert_int_equal(r->count[KR_FINDING_STRESS_SIGN], cases[c].virial_wrong);
        const kr_finding *f = find(r, cases[c].force_wrong ? KR_FINDING_WORK_UNITS : KR_FINDING_STRESS_SIGN);
        if (!strstr(f->text, cases[c].said)) fail_msg("%s", f->text);
        kr_check_report_destroy(&r);
        kr_dataset_destroy(&d);
    }
}

static void test_rounded(void **unused) {
    (void)unused;
    kr_dataset *d = make(10, 0.02, 0.08);
    for (int f = 0; f < 10; f++)
        d->system[0]->label[KR_LABEL_ENERGY][f] = (double)(float)(d->system[0]->label[KR_LABEL_ENERGY][f] - 9000);
    kr_check_report *r = NULL;
    kr_assert_ok(ctx, kr_dataset_check(ctx, d, NULL, &r));
    assert_int_equal(r->count[KR_FINDING_ROUNDED_ENERGY], 1);
    kr_check_report_destroy(&r);
    kr_dataset_destroy(&d);
}

static void test_allocations(void **unused) {
    (void)unused;
    kr_dataset *d = make(6, 0.02, 0.08);
    d->system[0]->coord[3] = NAN;
    int part[6];
    kr_status status = KR_ERR_MEMORY;
    long n = 1;
    for (; status == KR_ERR_MEMORY && n < 1000; n++) {
        kr_dataset *merged = NULL;
        kr_check_report *r = NULL;
        long live = kr_memory_live();
        kr_memory_fail_at(n);
        status = kr_dataset_merge(ctx, d, &merged);
        if (status >= 0) status = kr_dataset_split(ctx, d, NULL, part);
        if (status >= 0) status = kr_dataset_check(ctx, d, NULL, &r);
        kr_memory_fail_at(0);
        kr_dataset_destroy(&merged);
        kr_check_report_destroy(&r);
        assert_int_equal(kr_memory_live(), live);
    }
    assert_true(status == KR_OK && n > 20);
    kr_dataset_destroy(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_split),       cmocka_unit_test(test_merge),
        cmocka_unit_test(test_clean),   cmocka_unit_test(test_work),        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_rounded), cmocka_unit_test(test_allocations),
    };
    if (kr_context_create(&ctx) != KR_OK) return 1;
    kr_context_set_threads(ctx, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
