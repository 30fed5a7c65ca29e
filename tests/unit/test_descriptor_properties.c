/* What must hold for every descriptor kind, with random options, parameters and frames.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Invariance under rotation, reflection, translation, wrapping and permutation; forces and virial are derivatives of
 * the energy; ΣF = 0; no jump at the cutoff; a doubled cell has twice the energy; tangent and adjoint are transposes.
 */
#include "core/grad_check.h"
#include "core/memory.h"
#include "core/neighbor.h"
#include "kr_test.h"
#include "potential/descriptor_dpa1.h"
#include "potential/gather.h"
#include "random_model.h"

enum { SEEDS = 5, ATOMS = 9, VARIANTS = 6 };
static const char *const variants[VARIANTS] = {"se_e2_a", "se_e2_r", "dpa1", "dpa1/3", "dpa1/2s", "se_atten_v2"};

/* A random model, its potential and a random frame with results. */
typedef struct fixture {
    kr_context *ctx;
    kr_model *model;
    kr_potential *p;
    kr_workspace *w;
    kr_random_frame f;
    double e, ei[2 * ATOMS], force[6 * ATOMS], virial[9], wi[18 * ATOMS];
} fixture;

static kr_result result_of(fixture *f) { return (kr_result){&f->e, f->ei, f->force, f->virial, f->wi}; }

static void compute(fixture *f, const double *x, const int *type, const double *box, const double *aparam, int n,
                    const kr_result *r) {
    kr_assert_ok(f->ctx, kr_potential_compute_frame(f->p, f->w, n, x, type, f->f.periodic ? box : NULL, NULL,
                                                    f->f.fparam, aparam, r));
}

static fixture open_case(const char *descriptor, uint64_t seed, int periodic) {
    fixture f = {0};
    kr_random_model_options options = {.descriptor = descriptor, .seed = seed};
    kr_potential_options exact = KR_POTENTIAL_OPTIONS_INIT;
    exact.table = KR_TABLE_OFF;
    assert_int_equal(kr_context_create(&f.ctx), KR_OK);
    kr_assert_ok(f.ctx, kr_random_model(f.ctx, &options, &f.model));
    kr_descriptor *d = &f.model->descriptor; /* TensorFlow's form takes the statistics of slot 0 for all */
    d->tensorflow = d->mixed_types && d->lmax == 1 && seed % 2 && !kr_descriptor_slot_dependent(d, f.model->ntypes);
    for (int k = 0; d->tensorflow && k < d->attn_layer; k++) d->attention[k].shortest = 1e-6;
    kr_assert_ok(f.ctx, kr_potential_create(f.ctx, 1, (const kr_model *const *)&f.model, &exact, &f.p));
    kr_assert_ok(f.ctx, kr_workspace_create(f.ctx, f.p, &f.w));
    /* An atom's own images are at equal distances: with statistics by slot their order would matter. */
    if (kr_descriptor_slot_dependent(&f.model->descriptor, f.model->ntypes)) periodic = 0;
    kr_assert_ok(f.ctx, kr_random_frame_make(f.ctx, f.model, ATOMS, periodic, seed, &f.f));
    kr_result r = result_of(&f);
    compute(&f, f.f.x, f.f.type, f.f.box, f.f.aparam, ATOMS, &r);
    return f;
}

static void close_case(fixture *f) {
    kr_random_frame_free(&f->f);
    kr_workspace_destroy(&f->w);
    kr_potential_destroy(&f->p);
    kr_model_destroy(&f->model);
    kr_context_destroy(&f->ctx);
}

/* Runs a check over kinds × seeds, periodic and open in turn. */
static void for_all(void (*check)(fixture *f, uint64_t seed)) {
    for (int v = 0; v < VARIANTS; v++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            fixture f = open_case(variants[v], seed, seed % 3 != 0);
            check(&f, seed);
            close_case(&f);
        }
}

/* Every kind of the registry is among the variants. */
static void test_registry(void **state) {
    (void)state;
    for (int k = 0; k < kr_descriptor_count(); k++) {
        int found = 0;
        for (int v = 0; v < VARIANTS; v++) found |= kr_descriptor_find(variants[v]) == kr_descriptor_at(k);
        assert_true(found);
    }
    assert_null(kr_descriptor_find("se_e3"));
    assert_null(kr_descriptor_find("se"));
    assert_null(kr_descriptor_at(kr_descriptor_count()));
}

/* Separate degrees: D of column b has the products of moments of degree b mod (lmax + 1), times the square of the gain,
 * and a column of each degree is there. Without them all degrees are in every column. */
static void test_degrees(void **state) {
    (void)state;
    static const int first[] = {0, 1, 4, 9, 16, 25};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fixture f = open_case("dpa1/3s", seed, 0);
        kr_descriptor *d = &f.model->descriptor;
        const double *gain = f.model->theta + d->degree_gain;
        double m[16 * 16], part[4] = {0}, apart[16 * 8], together[16 * 8];
        assert_true(d->ng <= 16 && d->axis_neuron <= 8 && d->axis_neuron >= 4);
        for (int k = 0; k < 16 * d->ng; k++) m[k] = sin(1.7 * k + (double)seed);
        kr_dpa1_square(f.model, m, NULL, apart);
        d->separate_degrees = 0;
        kr_dpa1_square(f.model, m, NULL, together);
        for (int a = 0; a < d->ng; a++)
            for (int b = 0; b < d->axis_neuron; b++) {
                for (int l = 0; l < 4; l++) {
                    part[l] = 0;
                    for (int c = first[l]; c < first[l + 1]; c++) part[l] += m[16 * a + c] * m[16 * b + c];
                    if (l > 1) part[l] *= gain[l - 2] * gain[l - 2];
                }
                assert_float_equal(apart[a * d->axis_neuron + b], part[b % 4], 1e-12);
                assert_float_equal(together[a * d->axis_neuron + b], part[0] + part[1] + part[2] + part[3], 1e-12);
            }
        close_case(&f);
    }
}

static void apply(const double *m, int n, const double *x, double *y) { /* y = x Mᵀ for rows */
    for (int i = 0; i < n; i++)
        for (int a = 0; a < 3; a++)
            y[3 * i + a] = m[3 * a] * x[3 * i] + m[3 * a + 1] * x[3 * i + 1] + m[3 * a + 2] * x[3 * i + 2];
}

/* A random orthogonal matrix with determinant `sign` (Gram-Schmidt). */
static void orthogonal(kr_test_random *random, int sign, double *m) {
    for (int a = 0; a < 3; a++) {
        for (int k = 0; k < 3; k++) m[3 * a + k] = kr_test_normal(random);
        for (int b = 0; b < a; b++) {
            double along = m[3 * a] * m[3 * b] + m[3 * a + 1] * m[3 * b + 1] + m[3 * a + 2] * m[3 * b + 2];
            for (int k = 0; k < 3; k++) m[3 * a + k] -= along * m[3 * b + k];
        }
        double length = sqrt(m[3 * a] * m[3 * a] + m[3 * a + 1] * m[3 * a + 1] + m[3 * a + 2] * m[3 * a + 2]);
        for (int k = 0; k < 3; k++) m[3 * a + k] /= length;
    }
    double det =
        m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
    for (int k = 0; det * sign < 0 && k < 3; k++) m[k] = -m[k];
}

static void check_rotation(fixture *f, uint64_t seed) {
    kr_test_random random = {seed};
    double m[9], x[3 * ATOMS], box[9], e, force[3 * ATOMS], virial[9], expected[3 * ATOMS], half[9], turned[9],
        ei[ATOMS];
    for (int sign = -1; sign <= 1; sign += 2) {
        orthogonal(&random, sign, m);
        apply(m, ATOMS, f->f.x, x);
        apply(m, 3, f->f.box, box);
        kr_result r = {&e, ei, force, virial, NULL};
        compute(f, x, f->f.type, box, f->f.aparam, ATOMS, &r);
        kr_assert_close(ATOMS, ei, f->ei, 1e-10, 1e-11);
        apply(m, ATOMS, f->force, expected);
        kr_assert_close(3 * ATOMS, force, expected, 1e-9, 1e-9);
        apply(m, 3, f->virial, half); /* W Mᵀ, then M W Mᵀ through the transpose */
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) turned[3 * b + a] = half[3 * a + b];
        apply(m, 3, turned, half);
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) turned[3 * b + a] = half[3 * a + b];
        kr_assert_close(9, virial, turned, 1e-9, 1e-9);
    }
}
static void test_rotation(void **state) {
    (void)state;
    for_all(check_rotation);
}

static void check_translation(fixture *f, uint64_t seed) {
    kr_test_random random = {seed};
    double x[3 * ATOMS], e, force[3 * ATOMS], shift[3];
    for (int a = 0; a < 3; a++) shift[a] = kr_test_uniform(&random, -20, 20);
    for (int i = 0; i < ATOMS; i++) {
        int cell[3] = {kr_test_below(&random, 5) - 2, kr_test_below(&random, 5) - 2, kr_test_below(&random, 5) - 2};
        for (int a = 0; a < 3; a++) {
            x[3 * i + a] = f->f.x[3 * i + a] + shift[a];
            for (int b = 0; f->f.periodic && b < 3; b++) x[3 * i + a] += cell[b] * f->f.box[3 * b + a];
        }
    }
    kr_result r = {&e, NULL, force, NULL, NULL};
    compute(f, x, f->f.type, f->f.box, f->f.aparam, ATOMS, &r);
    kr_assert_near(e, f->e, 1e-10, 1e-10);
    kr_assert_close(3 * ATOMS, force, f->force, 1e-9, 1e-9);
}
static void test_translation_and_wrapping(void **state) {
    (void)state;
    for_all(check_translation);
}

/* Atom 0 keeps its place: its type is what DPA-1 takes for empty slots. */
static void check_permutation(fixture *f, uint64_t seed) {
    kr_test_random random = {seed};
    int order[ATOMS], type[ATOMS], na = f->model->fitting.numb_aparam;
    double x[3 * ATOMS], aparam[ATOMS * 4], e, force[3 * ATOMS], expected[3 * ATOMS];
    for (int i = 0; i < ATOMS; i++) order[i] = i;
    for (int i = ATOMS - 1; i > 1; i--) {
        int j = 1 + kr_test_below(&random, i), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (int i = 0; i < ATOMS; i++) {
        type[i] = f->f.type[order[i]];
        memcpy(x + 3 * (long)i, f->f.x + 3 * (long)order[i], 3 * sizeof *x);
        memcpy(expected + 3 * (long)i, f->force + 3 * (long)order[i], 3 * sizeof *x);
        for (int k = 0; k < na; k++) aparam[i * na + k] = f->f.aparam[order[i] * na + k];
    }
    kr_result r = {&e, NULL, force, NULL, NULL};
    compute(f, x, type, f->f.box, na ? aparam : NULL, ATOMS, &r);
    kr_assert_near(e, f->e, 1e-11, 1e-11);
    kr_assert_close(3 * ATOMS, force, expected, 1e-10, 1e-10);
}
static void test_permutation(void **state) {
    (void)state;
    for_all(check_permutation);
}

static kr_status energy_of(void *payload, const double *x, double *value) {
    fixture *f = payload;
    kr_result r = {value, NULL, NULL, NULL, NULL};
    return kr_potential_compute_frame(f->p, f->w, ATOMS, x, f->f.type, f->f.periodic ? f->f.box : NULL, NULL,
                                      f->f.fparam, f->f.aparam, &r);
}

/* strain [9]: r_a += Σ_b ε_ab r_b of positions and cell. */
static kr_status strained_energy(void *payload, const double *strain, double *value) {
    fixture *f = payload;
    double m[9], x[3 * ATOMS], box[9];
    for (int k = 0; k < 9; k++) m[k] = strain[k] + (k % 4 == 0);
    apply(m, ATOMS, f->f.x, x);
    apply(m, 3, f->f.box, box);
    kr_result r = {value, NULL, NULL, NULL, NULL};
    return kr_potential_compute_frame(f->p, f->w, ATOMS, x, f->f.type, f->f.periodic ? box : NULL, NULL, f->f.fparam,
                                      f->f.aparam, &r);
}

static void check_derivatives(fixture *f, uint64_t seed) {
    double gradient[3 * ATOMS], strain[9] = {0}, minus_w[9];
    int which[4];
    kr_test_random random = {seed};
    kr_grad_report report;
    for (int i = 0; i < 3 * ATOMS; i++) gradient[i] = -f->force[i];
    for (int i = 0; i < 9; i++) minus_w[i] = -f->virial[i];
    for (int i = 0; i < 4; i++) which[i] = kr_test_below(&random, 3 * ATOMS);
    kr_assert_ok(f->ctx, kr_grad_check(f->ctx, energy_of, f, 3 * ATOMS, f->f.x, gradient, 4, which, 1e-4, 1, &report));
    if (report.worst > 2e-8) {
        print_error("%s seed %d: dE/dx[%d] analytic %.12g difference %.12g\n", f->model->descriptor.type, (int)seed,
                    report.index, report.analytic, report.difference);
        fail();
    }
    /* The open cluster is strained as well: its virial is defined by the same pairs. */
    kr_assert_ok(f->ctx,
                 kr_grad_check(f->ctx, strained_energy, f, 9, strain, minus_w, 3, (int[]){0, 5, 7}, 1e-5, 1, &report));
    if (report.worst > 2e-7) {
        print_error("%s seed %d: virial[%d] analytic %.12g difference %.12g\n", f->model->descriptor.type, (int)seed,
                    report.index, report.analytic, report.difference);
        fail();
    }
}
static void test_derivatives(void **state) {
    (void)state;
    for_all(check_derivatives);
}

static void check_sums(fixture *f, uint64_t seed) {
    (void)seed;
    double sum[3] = {0}, zero[3] = {0}, energy = 0, w[9] = {0}, wt[9];
    for (int i = 0; i < ATOMS; i++) {
        energy += f->ei[i];
        for (int a = 0; a < 3; a++) sum[a] += f->force[3 * i + a];
        for (int k = 0; k < 9; k++) w[k] += f->wi[9 * i + k];
    }
    kr_assert_close(3, sum, zero, 1e-11, 0);
    kr_assert_near(f->e, energy, 1e-12, 1e-12);
    kr_assert_close(9, w, f->virial, 1e-10, 1e-10);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) wt[3 * a + b] = f->virial[3 * b + a];
    kr_assert_close(9, wt, f->virial, 1e-10, 1e-10); /* no torque */
}
static void test_sums(void **state) {
    (void)state;
    for_all(check_sums);
}

/* Two cells side by side along one vector. */
static void check_doubled(fixture *f, uint64_t seed) {
    if (!f->f.periodic) return;
    int na = f->model->fitting.numb_aparam, axis = (int)(seed % 3), type[2 * ATOMS];
    double x[6 * ATOMS], box[9], aparam[8 * ATOMS], e, force[6 * ATOMS];
    memcpy(box, f->f.box, sizeof box);
    for (int i = 0; i < 2 * ATOMS; i++) {
        type[i] = f->f.type[i % ATOMS];
        for (int a = 0; a < 3; a++)
            x[3 * i + a] = f->f.x[3 * (i % ATOMS) + a] + (i >= ATOMS ? f->f.box[3 * axis + a] : 0);
        for (int k = 0; k < na; k++) aparam[i * na + k] = f->f.aparam[i % ATOMS * na + k];
    }
    for (int a = 0; a < 3; a++) box[3 * axis + a] *= 2;
    kr_result r = {&e, NULL, force, NULL, NULL};
    compute(f, x, type, box, na ? aparam : NULL, 2 * ATOMS, &r);
    kr_assert_near(e, 2 * f->e, 1e-10, 1e-11);
    kr_assert_close(3 * ATOMS, force, f->force, 1e-9, 1e-9);
    kr_assert_close(3 * ATOMS, force + 3 * (long)ATOMS, f->force, 1e-9, 1e-9);
}
static void test_doubled_cell(void **state) {
    (void)state;
    for_all(check_doubled);
}

/* Three atoms of type 0, the third crosses the cutoff of the first. Attention that is not smooth jumps by design, and
 * so do excluded pairs with davg ≠ 0, whose rows are 0 while an empty slot's are −davg/dstd. */
static void check_cutoff(fixture *f, uint64_t seed) {
    (void)seed;
    const kr_descriptor *d = &f->model->descriptor;
    if ((d->attn_layer && !d->smooth_type_embedding) || d->excluded[0]) return;
    const int type[3] = {0, 0, 0};
    const double aparam[12] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2}, step = 1e-5;
    double energy[2], force[2][9];
    for (int side = 0; side < 2; side++) {
        double x[9] = {0, 0, 0, 1.1, 0.9, 0, d->rcut + (side ? step : -step), 0, 0};
        kr_result r = {&energy[side], NULL, force[side], NULL, NULL};
        kr_assert_ok(f->ctx, kr_potential_compute_frame(f->p, f->w, 3, x, type, NULL, NULL, f->f.fparam, aparam, &r));
    }
    kr_assert_near(energy[0] - 2 * step * force[1][6], energy[1], 1e-8, 1e-11);
    kr_assert_close(9, force[0], force[1], 2e-4, 2e-4);
}
static void test_cutoff(void **state) {
    (void)state;
    for_all(check_cutoff);
}

static double dot(long n, const double *a, const double *b) {
    double sum = 0;
    for (long i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* gd·(∂D/∂r v) = (gd ∂D/∂r)·v, and the tangent is the difference quotient of the value. */
static void check_transpose(fixture *f, uint64_t seed) {
    const kr_model *m = f->model;
    const kr_descriptor *d = &m->descriptor;
    kr_test_random random = {seed};
    kr_neighbors nb = {0};
    kr_cell cell;
    kr_gather_rule rule;
    kr_gathered g = {0};
    kr_descriptor_workspace ws = {0};
    int center[ATOMS];
    kr_assert_ok(f->ctx, kr_cell_set(f->ctx, f->f.periodic ? f->f.box : NULL, NULL, &cell));
    kr_assert_ok(f->ctx, kr_neighbors_build(f->ctx, &cell, d->rcut, ATOMS, f->f.x, NULL, &nb));
    int *type = malloc((size_t)nb.nall * sizeof *type);
    for (int i = 0; i < nb.nall; i++) type[i] = f->f.type[nb.owner[i]];
    for (int i = 0; i < ATOMS; i++) center[i] = i;
    kr_list list = {.nlocal = ATOMS,
                    .nall = nb.nall,
                    .x = nb.x,
                    .type = type,
                    .inum = ATOMS,
                    .ilist = center,
                    .numneigh = nb.numneigh,
                    .firstneigh = nb.firstneigh};
    kr_gather_rule_set(m, KR_SEL_NEAREST_PER_TYPE, &rule);
    kr_assert_ok(f->ctx, kr_gather_block(f->ctx, &rule, &list, ATOMS, center, type, &g)); /* all types in one block */
    long np = 3 * (long)g.env.npairs, nd = (long)ATOMS * d->dim_out;
    double *v = malloc((size_t)(2 * np + 4 * nd + 1) * sizeof *v), *gr = v + np, *gd = gr + np, *dd = gd + nd;
    double *plus = dd + nd, *minus = plus + nd, h = 1e-5;
    for (long i = 0; i < np; i++) v[i] = kr_test_normal(&random);
    for (long i = 0; i < nd; i++) gd[i] = kr_test_normal(&random);
    kr_assert_ok(f->ctx, d->kind->adjoint(f->ctx, m, &g.env, gd, gr, &ws));
    kr_assert_ok(f->ctx, d->kind->tangent(f->ctx, m, &g.env, v, dd, &ws));
    kr_assert_near(dot(nd, gd, dd), dot(np, gr, v), 1e-10, 1e-11);
    for (int sign = -1; sign <= 1; sign += 2) {
        double *x[3] = {(double *)g.env.x, (double *)g.env.y, (double *)g.env.z}, *r = (double *)g.env.r;
        for (int p = 0; p < g.env.npairs; p++) {
            for (int a = 0; a < 3; a++) x[a][p] += (sign < 0 ? -h : 2 * h) * v[3 * p + a];
            r[p] = sqrt(x[0][p] * x[0][p] + x[1][p] * x[1][p] + x[2][p] * x[2][p]);
        }
        kr_assert_ok(f->ctx, d->kind->value(f->ctx, m, &g.env, sign < 0 ? minus : plus, &ws));
    }
    for (long i = 0; i < nd; i++) plus[i] = (plus[i] - minus[i]) / (2 * h);
    kr_assert_close(nd, dd, plus, 1e-6, 1e-6);
    free(v), free(type);
    kr_descriptor_workspace_free(&ws);
    kr_gathered_free(&g);
    kr_neighbors_free(&nb);
}
static void test_transpose(void **state) {
    (void)state;
    for_all(check_transpose);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),     cmocka_unit_test(test_degrees),
        cmocka_unit_test(test_rotation),     cmocka_unit_test(test_translation_and_wrapping),
        cmocka_unit_test(test_permutation),  cmocka_unit_test(test_sums),
        cmocka_unit_test(test_derivatives),  cmocka_unit_test(test_cutoff),
        cmocka_unit_test(test_doubled_cell), cmocka_unit_test(test_transpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
