/* The driver around the descriptors: a caller's list gives what a frame gives, bits do not depend on threads, files
 * keep bits, ensembles are their members, failures are reported and leave nothing behind.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/neighbor.h"
#include "kr_test.h"
#include "potential/descriptor.h"
#include "random_model.h"
#include <unistd.h>

enum { ATOMS = 40, SEEDS = 3, VARIANTS = 4 };
static const char *const variants[VARIANTS] = {"se_e2_a", "se_e2_r", "dpa1", "se_atten_v2"};

/* Results of one evaluation of ATOMS atoms by up to two models. */
typedef struct results {
    double e[2], ei[2 * ATOMS], force[2 * 3 * ATOMS], virial[18], wi[2 * 9 * ATOMS];
} results;

static kr_result pointers(results *r) { return (kr_result){r->e, r->ei, r->force, r->virial, r->wi}; }

typedef struct fixture {
    kr_context *ctx;
    kr_model *model;
    kr_potential *p;
    kr_workspace *w;
    kr_random_frame f;
    results r;
} fixture;

static void frame_results(fixture *f, kr_potential *p, kr_workspace *w, results *out) {
    kr_result r = pointers(out);
    kr_assert_ok(f->ctx, kr_potential_compute_frame(p, w, f->f.n, f->f.x, f->f.type, f->f.periodic ? f->f.box : NULL,
                                                    NULL, f->f.fparam, f->f.aparam, &r));
}

static fixture open_case(const char *descriptor, uint64_t seed, kr_table table) {
    fixture f = {0};
    kr_random_model_options options = {.descriptor = descriptor, .seed = seed};
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    o.table = table;
    assert_int_equal(kr_context_create(&f.ctx), KR_OK);
    kr_assert_ok(f.ctx, kr_random_model(f.ctx, &options, &f.model));
    kr_assert_ok(f.ctx, kr_potential_create(f.ctx, 1, (const kr_model *const *)&f.model, &o, &f.p));
    kr_assert_ok(f.ctx, kr_workspace_create(f.ctx, f.p, &f.w));
    kr_assert_ok(f.ctx, kr_random_frame_make(f.ctx, f.model, ATOMS, 1, seed, &f.f));
    frame_results(&f, f.p, f.w, &f.r);
    return f;
}

static void close_case(fixture *f) {
    kr_random_frame_free(&f->f);
    kr_workspace_destroy(&f->w);
    kr_potential_destroy(&f->p);
    kr_model_destroy(&f->model);
    kr_context_destroy(&f->ctx);
}

static void for_all(void (*check)(fixture *f, uint64_t seed)) {
    for (int v = 0; v < VARIANTS; v++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            fixture f = open_case(variants[v], seed, seed % 2 ? KR_TABLE_OFF : KR_TABLE_SPLINE);
            check(&f, seed);
            close_case(&f);
        }
}

/* A list as LAMMPS makes one: a skin beyond the cutoff, any order of neighbours and centres, special bits in the
 * entries, the caller's own types and length unit (here: bohr). */
static void check_list(fixture *f, uint64_t seed) {
    enum { BITS = 0x20000000 | 0x40000000, MASK = 0x1FFFFFFF };
    const double bohr = 0.529177210903;
    kr_test_random random = {seed};
    kr_neighbors nb = {0};
    kr_cell cell;
    int ilist[ATOMS], map[5] = {-1, -1, 2, 1, 0};
    kr_assert_ok(f->ctx, kr_cell_set(f->ctx, f->f.box, NULL, &cell));
    kr_assert_ok(f->ctx, kr_neighbors_build(f->ctx, &cell, f->model->descriptor.rcut + 1, ATOMS, f->f.x, NULL, &nb));
    int *type = malloc((size_t)nb.nall * sizeof *type);
    double *force = calloc((size_t)nb.nall * 3, sizeof *force), *wi = calloc((size_t)nb.nall * 9, sizeof *wi);
    double *accumulated = calloc((size_t)nb.nall * 3, sizeof *force), e, virial[9], ei[ATOMS];
    for (int i = 0; i < nb.nall; i++) {
        type[i] = 4 - f->f.type[nb.owner[i]];
        for (int a = 0; a < 3; a++) {
            nb.x[3 * i + a] /= bohr;
            accumulated[3 * i + a] = 0.25;
        }
    }
    for (int i = 0; i < ATOMS; i++) {
        ilist[i] = ATOMS - 1 - i;
        for (int k = nb.numneigh[i] - 1; k > 0; k--) {
            int j = kr_test_below(&random, k + 1), swap = nb.firstneigh[i][k];
            nb.firstneigh[i][k] = nb.firstneigh[i][j];
            nb.firstneigh[i][j] = swap;
        }
        for (int k = 0; k < nb.numneigh[i]; k += 3) nb.firstneigh[i][k] |= BITS & ~MASK;
    }
    kr_list list = {.nlocal = ATOMS,
                    .nall = nb.nall,
                    .x = nb.x,
                    .type = type,
                    .type_map = map,
                    .inum = ATOMS,
                    .ilist = ilist,
                    .numneigh = nb.numneigh,
                    .firstneigh = nb.firstneigh,
                    .neighmask = MASK,
                    .length_unit = bohr};
    kr_result r = {&e, ei, force, virial, wi};
    kr_assert_ok(f->ctx, kr_potential_compute_list(f->p, f->w, &list, f->f.fparam, f->f.aparam, &r, accumulated, -2));
    for (int i = 0; i < 3 * nb.nall; i++) kr_assert_near(accumulated[i], 0.25 - 2 * force[i], 1e-12, 1e-12);
    for (int i = ATOMS; i < nb.nall; i++) { /* what ghosts received belongs to their owners */
        for (int a = 0; a < 3; a++) force[3 * nb.owner[i] + a] += force[3 * i + a];
        for (int a = 0; a < 9; a++) wi[9 * nb.owner[i] + a] += wi[9 * i + a];
    }
    kr_assert_near(e, f->r.e[0], 1e-10, 1e-11);
    kr_assert_close(ATOMS, ei, f->r.ei, 1e-10, 1e-11);
    kr_assert_close(3 * ATOMS, force, f->r.force, 1e-9, 1e-9);
    kr_assert_close(9, virial, f->r.virial, 1e-8, 1e-9);
    kr_assert_close(9 * ATOMS, wi, f->r.wi, 1e-9, 1e-9);
    free(type), free(force), free(wi), free(accumulated);
    kr_neighbors_free(&nb);
}
static void test_list_is_frame(void **state) {
    (void)state;
    for_all(check_list);
}

static void check_threads(fixture *f, uint64_t seed) {
    (void)seed;
    static results other;
    const int threads[] = {1, 2, 3, 8};
    for (int k = 0; k < 4; k++) {
        kr_context_set_threads(f->ctx, threads[k]);
        memset(&other, 1, sizeof other);
        frame_results(f, f->p, f->w, &other);
        assert_memory_equal(other.e, f->r.e, sizeof(double));
        assert_memory_equal(other.ei, f->r.ei, ATOMS * sizeof(double));
        assert_memory_equal(other.force, f->r.force, 3 * ATOMS * sizeof(double));
        assert_memory_equal(other.virial, f->r.virial, 9 * sizeof(double));
        assert_memory_equal(other.wi, f->r.wi, 9 * ATOMS * sizeof(double));
    }
    kr_context_set_threads(f->ctx, 0);
}
static void test_same_bits_for_any_threads(void **state) {
    (void)state;
    for_all(check_threads);
}

static void check_file(fixture *f, uint64_t seed) {
    static results other;
    const char *suffix[] = {"dp", "yaml"};
    for (int k = 0; k < 2; k++) {
        char path[256];
        const char *paths[] = {path};
        kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
        kr_potential *p;
        kr_workspace *w;
        o.table = seed % 2 ? KR_TABLE_OFF : KR_TABLE_SPLINE;
        snprintf(path, sizeof path, "test_potential_views_%ld.%s", (long)getpid(), suffix[k]);
        kr_assert_ok(f->ctx, kr_model_save(f->ctx, f->model, path));
        kr_assert_ok(f->ctx, kr_potential_load(f->ctx, 1, paths, &o, &p));
        remove(path);
        kr_assert_ok(f->ctx, kr_workspace_create(f->ctx, p, &w));
        frame_results(f, p, w, &other);
        assert_memory_equal(other.ei, f->r.ei, ATOMS * sizeof(double));
        assert_memory_equal(other.force, f->r.force, 3 * ATOMS * sizeof(double));
        kr_workspace_destroy(&w);
        kr_potential_destroy(&p);
    }
}
static void test_saved_model_gives_same_bits(void **state) {
    (void)state;
    for_all(check_file);
}

/* Members with different cutoffs and sel, one of them twice. */
static void test_ensemble(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        static results both, one;
        fixture f = open_case(variants[v], 2, KR_TABLE_OFF);
        kr_random_model_options options = {.descriptor = "se_e2_a", .ntypes = f.model->ntypes, .plain = 1, .rcut = 3.1};
        kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
        kr_model *second;
        kr_potential *p;
        kr_workspace *w;
        kr_assert_ok(f.ctx, kr_random_model(f.ctx, &options, &second));
        second->fitting.numb_fparam = f.model->fitting.numb_fparam; /* an ensemble has one fparam and aparam for all */
        second->fitting.numb_aparam = f.model->fitting.numb_aparam;
        if (second->fitting.numb_fparam || second->fitting.numb_aparam) {
            kr_model_destroy(&second);
            close_case(&f);
            continue;
        }
        o.table = KR_TABLE_OFF;
        const kr_model *models[] = {f.model, second};
        kr_assert_ok(f.ctx, kr_potential_create(f.ctx, 2, models, &o, &p));
        kr_assert_ok(f.ctx, kr_workspace_create(f.ctx, p, &w));
        assert_true(kr_potential_rcut(p) == f.model->descriptor.rcut && kr_potential_nmodels(p) == 2);
        frame_results(&f, p, w, &both);
        kr_workspace_destroy(&w);
        kr_potential_destroy(&p);
        for (int m = 0; m < 2; m++) {
            kr_assert_ok(f.ctx, kr_potential_create(f.ctx, 1, models + m, &o, &p));
            kr_assert_ok(f.ctx, kr_workspace_create(f.ctx, p, &w));
            frame_results(&f, p, w, &one);
            kr_assert_near(both.e[m], one.e[0], 1e-11, 1e-12);
            kr_assert_close(3 * ATOMS, both.force + m * 3 * ATOMS, one.force, 1e-11, 1e-11);
            kr_assert_close(9, both.virial + m * 9, one.virial, 1e-10, 1e-11);
            kr_workspace_destroy(&w);
            kr_potential_destroy(&p);
        }
        kr_model_destroy(&second);
        close_case(&f);
    }
}

/* Every allocation fails once; nothing leaks, and afterwards all is well. */
static void test_failing_allocations(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        fixture f = open_case(variants[v], 3, KR_TABLE_OFF);
        kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
        static results r;
        kr_result out = pointers(&r);
        kr_status status = KR_ERR_MEMORY;
        long live = kr_memory_live(), n = 0;
        o.table = v % 2 ? KR_TABLE_OFF : KR_TABLE_SPLINE;
        kr_context_set_threads(f.ctx, 1);
        while (status == KR_ERR_MEMORY) {
            kr_potential *p = NULL;
            kr_workspace *w = NULL;
            kr_memory_fail_at(++n);
            status = kr_potential_create(f.ctx, 1, (const kr_model *const *)&f.model, &o, &p);
            if (status == KR_OK) status = kr_workspace_create(f.ctx, p, &w);
            if (status == KR_OK)
                status =
                    kr_potential_compute_frame(p, w, 12, f.f.x, f.f.type, f.f.box, NULL, f.f.fparam, f.f.aparam, &out);
            kr_memory_fail_at(0);
            kr_workspace_destroy(&w);
            kr_potential_destroy(&p);
            assert_int_equal(kr_memory_live(), live);
        }
        kr_assert_ok(f.ctx, status);
        assert_true(n > 10);
        close_case(&f);
    }
}

/* A second evaluation of the same size takes no memory. */
static void check_warm(fixture *f, uint64_t seed) {
    (void)seed;
    static results other;
    kr_context_set_threads(f->ctx, 1);
    frame_results(f, f->p, f->w, &other);
    size_t bytes = kr_workspace_bytes(f->w);
    assert_true(bytes > 1000 && bytes < 100000000);
    kr_memory_fail_at(1);
    frame_results(f, f->p, f->w, &other);
    kr_memory_fail_at(0);
    assert_int_equal(kr_workspace_bytes(f->w), bytes);
}
static void test_no_memory_after_warm_up(void **state) {
    (void)state;
    for_all(check_warm);
}

/* Virtual atoms neither feel nor cause anything. */
static void check_virtual(fixture *f, uint64_t seed) {
    (void)seed;
    enum { MORE = ATOMS + 2 };
    double x[3 * MORE], aparam[MORE * 4] = {0}, e, ei[MORE], force[3 * MORE];
    int type[MORE], na = f->model->fitting.numb_aparam;
    memcpy(x, f->f.x, 3 * ATOMS * sizeof *x);
    memcpy(type, f->f.type, ATOMS * sizeof *type);
    for (int i = 0; i < ATOMS * na; i++) aparam[i] = f->f.aparam[i];
    for (int i = 3 * ATOMS; i < 3 * MORE; i++) x[i] = 0.3 * i;
    type[ATOMS] = type[ATOMS + 1] = -1;
    kr_result r = {&e, ei, force, NULL, NULL};
    kr_assert_ok(f->ctx, kr_potential_compute_frame(f->p, f->w, MORE, x, type, f->f.box, NULL, f->f.fparam,
                                                    na ? aparam : NULL, &r));
    kr_assert_near(e, f->r.e[0], 1e-11, 1e-12);
    kr_assert_close(3 * ATOMS, force, f->r.force, 1e-11, 1e-11);
    assert_true(ei[ATOMS] == 0 && force[3 * ATOMS] == 0 && force[3 * ATOMS + 5] == 0);
    kr_assert_ok(f->ctx, kr_potential_compute_frame(f->p, f->w, 0, x, type, NULL, NULL, NULL, NULL, &r));
    assert_true(e == 0);
    kr_list empty = {0}; /* a rank without atoms, without parameters */
    e = 1;
    kr_assert_ok(f->ctx, kr_potential_compute_list(f->p, f->w, &empty, NULL, NULL, &r, NULL, 0));
    assert_true(e == 0);
}
static void test_virtual_and_no_atoms(void **state) {
    (void)state;
    for_all(check_virtual);
}

static void expect(fixture *f, kr_status status, kr_status expected, const char *word) {
    assert_int_equal(status, expected);
    if (strstr(kr_context_message(f->ctx), word)) return;
    print_error("no \"%s\" in: %s\n", word, kr_context_message(f->ctx));
    fail();
}

static void test_errors(void **state) {
    (void)state;
    fixture f = open_case("se_e2_a", 1, KR_TABLE_OFF);
    double e, x[6] = {0, 0, 0, 0, 0, 0};
    int type[2] = {0, 0}, one = 1, zero = 0, ilist[2] = {0, 1}, numneigh[2] = {1, 1}, *firstneigh[2] = {&one, &zero};
    long tag[2] = {101, 102};
    kr_result r = {&e, NULL, NULL, NULL, NULL};
    kr_list list = {.nlocal = 2,
                    .nall = 2,
                    .x = x,
                    .type = type,
                    .inum = 2,
                    .ilist = ilist,
                    .numneigh = numneigh,
                    .firstneigh = firstneigh,
                    .step = 77,
                    .tag = tag};
    f.model->fitting.numb_fparam = 0;
    f.model->fitting.numb_aparam = 0;
    kr_random_model_options options = {.descriptor = "se_e2_a", .ntypes = 1, .plain = 1};
    kr_model *plain;
    kr_potential *p = NULL;
    kr_workspace *w = NULL;
    kr_assert_ok(f.ctx, kr_random_model(f.ctx, &options, &plain));
    kr_potential_options off = KR_POTENTIAL_OPTIONS_INIT;
    off.table = KR_TABLE_OFF;
    kr_assert_ok(f.ctx, kr_potential_create(f.ctx, 1, (const kr_model *const *)&plain, &off, &p));
    kr_assert_ok(f.ctx, kr_workspace_create(f.ctx, p, &w));
    /* two atoms in one place, then no number */
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_NUMERIC, "step 77");
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_NUMERIC, "atom 101");
    x[3] = NAN;
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_NUMERIC, "not finite");
    x[3] = 1;
    kr_assert_ok(f.ctx, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0));
    type[1] = 5;
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_ARGUMENT, "type 5");
    type[1] = 0;
    ilist[1] = 2;
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_ARGUMENT, "centre 1");
    ilist[1] = 1;
    plain->fitting.numb_fparam = 2; /* as if it had them */
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_ARGUMENT, "fparam");
    plain->fitting.numb_fparam = 0;
    plain->fitting.numb_aparam = 1;
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_ARGUMENT, "aparam");
    plain->fitting.numb_aparam = 0;
    expect(&f, kr_potential_compute_list(f.p, w, &list, NULL, NULL, &r, NULL, 0), KR_ERR_ARGUMENT, "workspace");
    expect(&f, kr_potential_compute_list(p, w, &list, NULL, NULL, NULL, NULL, 0), KR_ERR_ARGUMENT, "result");
    kr_workspace_destroy(&w);
    kr_potential_destroy(&p);
    expect(&f, kr_potential_create(f.ctx, 0, NULL, NULL, &p), KR_ERR_ARGUMENT, "0 models");
    const char *missing[] = {"no such file.dp"};
    expect(&f, kr_potential_load(f.ctx, 1, missing, NULL, &p), KR_ERR_IO, "no such file");
    assert_null(p);
    kr_model_destroy(&plain);
    close_case(&f);
}

/* sel = 3 per type overflows: the numbers of the report fit. */
static void test_overflow_report(void **state) {
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        fixture f = open_case(variants[v], 1, KR_TABLE_OFF);
        kr_random_model_options options = {.descriptor = variants[v], .seed = 4, .plain = 1, .ntypes = 2, .sel = 3};
        kr_model *m;
        kr_potential *p;
        kr_workspace *w;
        kr_overflow o;
        static results r;
        kr_assert_ok(f.ctx, kr_random_model(f.ctx, &options, &m));
        kr_assert_ok(f.ctx, kr_potential_create(f.ctx, 1, (const kr_model *const *)&m, NULL, &p));
        kr_assert_ok(f.ctx, kr_workspace_create(f.ctx, p, &w));
        for (int i = 0; i < ATOMS; i++) f.f.type[i] = i % 2;
        frame_results(&f, p, w, &r);
        assert_int_equal(kr_workspace_overflow(w, 0, &o), KR_OK);
        assert_int_equal(o.evaluations, ATOMS);
        assert_true(o.environments > ATOMS / 2 && o.environments <= ATOMS);
        assert_int_equal(o.worst_sel, m->descriptor.sel[0]);
        assert_true(o.worst_count > o.worst_sel && o.worst_center_type >= 0);
        assert_int_equal(o.worst_neighbor_type < 0, m->descriptor.mixed_types);
        frame_results(&f, p, w, &r);
        assert_int_equal(kr_workspace_overflow(w, 0, &o), KR_OK);
        assert_int_equal(o.evaluations, 2 * ATOMS);
        kr_workspace_overflow_reset(w);
        assert_int_equal(kr_workspace_overflow(w, 0, &o), KR_OK);
        assert_true(o.evaluations == 0 && o.environments == 0 && o.worst_count == 0);
        assert_int_equal(kr_workspace_overflow(w, 1, &o), KR_ERR_ARGUMENT);
        kr_workspace_destroy(&w);
        kr_potential_destroy(&p);
        kr_model_destroy(&m);
        close_case(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_is_frame),
        cmocka_unit_test(test_same_bits_for_any_threads),
        cmocka_unit_test(test_saved_model_gives_same_bits),
        cmocka_unit_test(test_ensemble),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_no_memory_after_warm_up),
        cmocka_unit_test(test_virtual_and_no_atoms),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_overflow_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
