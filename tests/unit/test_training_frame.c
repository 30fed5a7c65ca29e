/* Frames for training: the same energies and forces as evaluation gives, virtual atoms, names, labels, refusals.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "potential/evaluate.h"
#include "random_model.h"
#include "training/frame.h"

enum { N = 14 };

typedef struct fixture {
    kr_context *ctx;
    kr_model *model;
    kr_random_frame f;
    kr_system *s; /* the random frame, shuffled by type as it comes, with all labels */
} fixture;

static void put(fixture *t, kr_label label, int width, double start) {
    kr_assert_ok(t->ctx, kr_system_set_label(t->ctx, t->s, label, width));
    size_t n = (size_t)width * (kr_label_per_atom(label) ? N : 1);
    for (size_t k = 0; k < n; k++) t->s->label[label][k] = start + (double)k;
    t->s->has[0] |= 1u << label;
}

static fixture open_case(const char *descriptor, uint64_t seed, int ntypes, int periodic) {
    fixture t = {0};
    kr_random_model_options o = {.descriptor = descriptor, .seed = seed, .ntypes = ntypes, .rcut = 4};
    kr_assert_ok(NULL, kr_context_create(&t.ctx));
    kr_assert_ok(t.ctx, kr_random_model(t.ctx, &o, &t.model));
    kr_assert_ok(t.ctx, kr_random_frame_make(t.ctx, t.model, N, periodic, seed, &t.f));
    kr_assert_ok(t.ctx, kr_system_create(t.ctx, "data/x", N, 1, t.model->ntypes, (const char *const *)t.model->type_map,
                                         1, &t.s));
    memcpy(t.s->coord, t.f.x, 3 * N * sizeof(double));
    memcpy(t.s->type, t.f.type, N * sizeof(int));
    memcpy(t.s->box, t.f.box, 9 * sizeof(double));
    for (int a = 0; a < 3; a++) t.s->pbc[a] = (unsigned char)periodic;
    put(&t, KR_LABEL_ENERGY, 1, -5);
    put(&t, KR_LABEL_FORCE, 3, 0.5);
    put(&t, KR_LABEL_VIRIAL, 9, 2);
    put(&t, KR_LABEL_ATOM_ENER, 1, 7);
    put(&t, KR_LABEL_ATOM_PREF, 1, 1);
    put(&t, KR_LABEL_NUMB_COPY, 1, 3);
    if (t.f.fparam) {
        put(&t, KR_LABEL_FPARAM, t.model->fitting.numb_fparam, 0);
        memcpy(t.s->label[KR_LABEL_FPARAM], t.f.fparam, (size_t)t.model->fitting.numb_fparam * sizeof(double));
    }
    if (t.f.aparam) {
        put(&t, KR_LABEL_APARAM, t.model->fitting.numb_aparam, 0);
        memcpy(t.s->label[KR_LABEL_APARAM], t.f.aparam, N * (size_t)t.model->fitting.numb_aparam * sizeof(double));
    }
    return t;
}

static void close_case(fixture *t) {
    kr_system_destroy(&t->s);
    kr_random_frame_free(&t->f);
    kr_model_destroy(&t->model);
    kr_context_destroy(&t->ctx);
}

static kr_status make(fixture *t, kr_training_frame **frame) {
    return kr_training_frame_create(t->ctx, t->model, t->s, 4, 0, 0.5, NULL, frame);
}

/* Energies and forces from the frame's environments, in the order of the file. */
static void evaluate(fixture *t, const kr_training_frame *f, double *energy, double *force) {
    kr_reference_workspace ws = {0};
    double *e = malloc((size_t)f->natoms * sizeof *e), *gr = malloc(((size_t)f->env.npairs + 1) * 3 * sizeof *gr);
    int nt = f->env.ntypes;
    kr_assert_ok(t->ctx, kr_reference_block(t->ctx, t->model, &f->env, f->fparam, f->aparam, e, gr, &ws));
    memset(force, 0, 3 * N * sizeof *force);
    for (int i = 0; i < f->natoms; i++) {
        energy[f->origin[i]] = e[i];
        for (int p = f->env.first[i * nt]; p < f->env.first[(i + 1) * nt]; p++)
            for (int a = 0; a < 3; a++) {
                force[3 * f->origin[i] + a] += gr[3 * p + a];
                force[3 * f->origin[f->env.neighbor[p]] + a] -= gr[3 * p + a];
            }
    }
    free(e), free(gr);
    kr_reference_workspace_free(&ws);
}

/* A frame's environments give what the potential gives; labels follow their atoms; atoms are ordered. */
static void test_same_as_evaluation(void **state) {
    (void)state;
    const char *kinds[] = {"se_e2_a", "se_e2_r", "dpa1", "se_atten_v2"};
    for (uint64_t seed = 1; seed <= 24; seed++) {
        fixture t = open_case(kinds[seed % 4], seed, 0, seed % 3 != 0);
        if (seed % 3 == 1) t.s->type[seed % N] = t.f.type[seed % N] = -1; /* also of atom 0 now and then */
        if (seed % 5 == 1) t.s->type[0] = t.f.type[0] = -1;
        /* Statistics by slot make the order of equal distances matter: an atom's images. */
        int open = kr_descriptor_slot_dependent(&t.model->descriptor, t.model->ntypes);
        for (int a = 0; open && a < 3; a++) t.s->pbc[a] = 0;
        open |= !t.f.periodic;
        kr_potential_options exact = KR_POTENTIAL_OPTIONS_INIT;
        exact.table = KR_TABLE_OFF;
        kr_potential *p;
        kr_workspace *w;
        kr_training_frame *f = NULL;
        double e, ei[N], expected[N], force[3 * N], wanted[3 * N];
        kr_assert_ok(t.ctx, kr_potential_create(t.ctx, 1, (const kr_model *const *)&t.model, &exact, &p));
        kr_assert_ok(t.ctx, kr_workspace_create(t.ctx, p, &w));
        kr_result r = {&e, expected, wanted, NULL, NULL};
        kr_assert_ok(t.ctx, kr_potential_compute_frame(p, w, N, t.f.x, t.f.type, open ? NULL : t.f.box, NULL,
                                                       t.f.fparam, t.f.aparam, &r));
        kr_assert_ok(t.ctx, make(&t, &f));
        memset(ei, 0, sizeof ei);
        evaluate(&t, f, ei, force);
        kr_assert_close(N, ei, expected, 1e-12, 1e-12);
        kr_assert_close(3 * N, force, wanted, 1e-11, 1e-11);
        int real = 0;
        for (int i = 0; i < N; i++) real += t.f.type[i] >= 0;
        assert_int_equal(f->natoms, real);
        assert_int_equal(f->system, 4);
        for (int i = 0; i < real; i++) {
            assert_int_equal(f->type[i], t.f.type[f->origin[i]]);
            if (i)
                assert_true(f->type[i - 1] < f->type[i] ||
                            (f->type[i - 1] == f->type[i] && f->origin[i - 1] < f->origin[i]));
            assert_true(f->atom_ener[i] == 7 + f->origin[i]);
            for (int a = 0; a < 3; a++) assert_true(f->force[3 * i + a] == 0.5 + 3 * f->origin[i] + a);
        }
        assert_true(f->energy == -5 && f->virial[8] == 10 && f->weight == 3);
        assert_true(f->bytes > 40 * (size_t)f->env.npairs && f->bytes < 40 * (size_t)f->env.npairs + 10000);
        kr_training_frame_destroy(&f);
        kr_training_frame_destroy(&f);
        kr_workspace_destroy(&w);
        kr_potential_destroy(&p);
        close_case(&t);
    }
}

/* Names in another order than the model's; a name that nobody has is no harm. */
static void test_names(void **state) {
    (void)state;
    fixture t = open_case("se_e2_a", 3, 2, 1);
    kr_training_frame *f = NULL;
    double ei[N], swapped[N], force[3 * N], force2[3 * N];
    kr_assert_ok(t.ctx, make(&t, &f));
    evaluate(&t, f, ei, force);
    kr_training_frame_destroy(&f);
    const char *names[] = {t.model->type_map[1], "Xx", t.model->type_map[0]};
    kr_system *other, *old = t.s;
    kr_assert_ok(t.ctx, kr_system_create(t.ctx, "data/y", N, 1, 3, names, 0, &other));
    memcpy(other->coord, old->coord, 3 * N * sizeof(double));
    memcpy(other->box, old->box, 9 * sizeof(double));
    memcpy(other->pbc, old->pbc, 3);
    for (int i = 0; i < N; i++) other->type[i] = t.f.type[i] ? 0 : 2;
    for (int l = 0; l < KR_LABEL_COUNT; l++)
        if (old->label[l]) put(&t, (kr_label)l, old->width[l], 0);
    t.s = other;
    if (t.f.fparam) {
        put(&t, KR_LABEL_FPARAM, t.model->fitting.numb_fparam, 0);
        memcpy(other->label[KR_LABEL_FPARAM], t.f.fparam, (size_t)t.model->fitting.numb_fparam * sizeof(double));
    }
    if (t.f.aparam) {
        put(&t, KR_LABEL_APARAM, t.model->fitting.numb_aparam, 0);
        memcpy(other->label[KR_LABEL_APARAM], t.f.aparam, N * (size_t)t.model->fitting.numb_aparam * sizeof(double));
    }
    kr_assert_ok(t.ctx, make(&t, &f));
    assert_null(f->force);
    assert_int_equal(f->has & 1u << KR_LABEL_ENERGY, 0);
    evaluate(&t, f, swapped, force2);
    kr_assert_close(N, swapped, ei, 0, 0);
    kr_assert_close(3 * N, force2, force, 0, 0);
    kr_training_frame_destroy(&f);
    other->type[5] = 1;
    assert_true(make(&t, &f) < 0);
    assert_non_null(strstr(kr_context_message(t.ctx), "system 4 (data/y), frame 0: atom 5 has type 1 (Xx)"));
    kr_system_destroy(&old);
    close_case(&t);
}

/* Each refusal names system, frame and atom. */
static void refused(fixture *t, const char *words) {
    kr_training_frame *f = NULL;
    assert_true(make(t, &f) < 0);
    assert_null(f);
    if (!strstr(kr_context_message(t->ctx), words) ||
        !strstr(kr_context_message(t->ctx), "system 4 (data/x), frame 0: ")) {
        print_error("message: %s\nexpected: %s\n", kr_context_message(t->ctx), words);
        fail();
    }
}

static void test_refusals(void **state) {
    (void)state;
    fixture t = open_case("se_e2_a", 3, 2, 1);
    kr_training_frame *f = NULL;
    double x[3], keep;
    kr_assert_ok(t.ctx, make(&t, &f));
    kr_training_frame_destroy(&f);

    memcpy(x, t.s->coord + 9, sizeof x);
    t.s->coord[10] = NAN;
    refused(&t, "coordinate y of atom 3 (");
    memcpy(t.s->coord + 9, t.s->coord + 18, sizeof x);
    refused(&t, "are 0 A apart, at least 0.5 A allowed");
    t.s->coord[9] += 0.49;
    refused(&t, "are 0.49 A apart");
    assert_non_null(strstr(kr_context_message(t.ctx), "3 ("));
    assert_non_null(strstr(kr_context_message(t.ctx), "6 ("));
    memcpy(t.s->coord + 9, x, sizeof x);

    static const kr_label all[] = {KR_LABEL_ENERGY,    KR_LABEL_FORCE,     KR_LABEL_VIRIAL,
                                   KR_LABEL_ATOM_ENER, KR_LABEL_ATOM_PREF, KR_LABEL_NUMB_COPY};
    for (int k = 0; k < 6; k++) {
        char words[64];
        kr_label label = all[k];
        int atom = kr_label_per_atom(label) ? 4 : 0, at = atom * t.s->width[label];
        snprintf(words, sizeof words, kr_label_per_atom(label) ? "%s[0] of atom 4 (" : "%s[0] is ",
                 kr_label_name(label));
        keep = t.s->label[label][at];
        t.s->label[label][at] = k % 2 ? INFINITY : NAN;
        refused(&t, words);
        t.s->has[0] ^= 1u << label; /* a label that the frame does not have is not looked at */
        kr_assert_ok(t.ctx, make(&t, &f));
        assert_int_equal(f->has & 1u << label, 0);
        kr_training_frame_destroy(&f);
        t.s->has[0] ^= 1u << label;
        t.s->label[label][at] = keep;
    }
    t.s->label[KR_LABEL_NUMB_COPY][0] = -1;
    refused(&t, "numb_copy is -1");
    t.s->label[KR_LABEL_NUMB_COPY][0] = 1;
    t.s->type[2] = 2;
    refused(&t, "atom 2 has type 2 (no name)");
    for (int i = 0; i < N; i++) t.s->type[i] = -1;
    refused(&t, "none of the 14 atoms is real");
    memcpy(t.s->type, t.f.type, N * sizeof(int));
    memset(t.s->box, 0, 3 * sizeof(double));
    refused(&t, "");
    close_case(&t);
}

static void test_parameters(void **state) {
    (void)state;
    int seen = 0;
    for (uint64_t seed = 1; seed < 60 && seen != 3; seed++) {
        fixture t = open_case("se_e2_a", seed, 1, 1);
        if (t.f.fparam && !t.model->fitting.default_fparam) {
            seen |= 1;
            t.s->has[0] ^= 1u << KR_LABEL_FPARAM;
            refused(&t, "fparam is missing");
            t.s->has[0] ^= 1u << KR_LABEL_FPARAM;
            t.model->fitting.numb_fparam++;
            refused(&t, "fparam has ");
            t.model->fitting.numb_fparam--;
        }
        if (t.f.aparam) {
            seen |= 2;
            t.s->has[0] ^= 1u << KR_LABEL_APARAM;
            refused(&t, "aparam is missing");
        }
        close_case(&t);
    }
    assert_int_equal(seen, 3);
}

static void test_overflow(void **state) {
    (void)state;
    fixture t = open_case("se_e2_a", 3, 1, 1);
    kr_overflow o = {0};
    kr_training_frame *f = NULL;
    int all = 0, most = 0;
    kr_assert_ok(t.ctx, kr_training_frame_create(t.ctx, t.model, t.s, 0, 0, 0, &o, &f));
    for (int i = 0; i < N; i++) {
        int count = f->env.first[i + 1] - f->env.first[i];
        all += count > 20;
        if (count > most) most = count;
    }
    assert_true(o.evaluations == N && o.environments == 0 && most > 20);
    kr_training_frame_destroy(&f);
    t.model->descriptor.sel[0] = t.model->descriptor.nnei = 20;
    for (int k = 0; k < 2; k++) {
        kr_assert_ok(t.ctx, kr_training_frame_create(t.ctx, t.model, t.s, 0, 0, 0, &o, &f));
        kr_training_frame_destroy(&f);
    }
    assert_true(o.evaluations == 3 * N && o.environments == 2 * all && o.worst_count == most && o.worst_sel == 20);
    close_case(&t);
}

static void test_allocations(void **state) {
    (void)state;
    fixture t = open_case("dpa1", 5, 2, 1);
    long live = kr_memory_live(), n = 0;
    kr_training_frame *f = NULL;
    for (;;) {
        kr_memory_fail_at(++n);
        kr_status status = make(&t, &f);
        kr_memory_fail_at(0);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_null(f);
        assert_int_equal(kr_memory_live(), live);
    }
    assert_true(n > 5);
    assert_int_equal(kr_memory_live(), live + 1);
    kr_training_frame_destroy(&f);
    close_case(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_evaluation), cmocka_unit_test(test_names),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_parameters),         cmocka_unit_test(test_overflow), cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
