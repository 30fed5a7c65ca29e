/* Committors on grids: exact solutions in 1-D and between spheres, order of convergence, detailed balance or not.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/committor_grid.h"

static kr_context *ctx;

static void solve(const char *json, const kr_grid_options *options, kr_grid_committor *result) {
    kr_problem *problem = NULL;
    kr_assert_ok(ctx, kr_problem_parse(ctx, json, &problem));
    kr_assert_ok(ctx, kr_grid_committor_solve(ctx, problem, options, result));
    kr_problem_destroy(&problem);
}

/* ν and q(−1/2) of V = (x² − 1)² by quadrature in high precision, over nine decades of the rate. */
static void test_one_dimension(void **unused) {
    (void)unused;
    static const double exact[][3] = {{0.5, 0.048739736, 0.113947},
                                      {0.2, 0.0027409625, 0.025518},
                                      {0.1, 1.9587034e-5, 0.002066},
                                      {0.05, 9.0965142e-10, 0.000018}};
    for (int e = 0; e < 4; e++)
        for (int general = 0; general < 2; general++) {
            char json[128];
            double start = -1, x = -0.5;
            kr_grid_committor r;
            snprintf(json, sizeof json, "{\"kind\":\"double_well\",\"epsilon\":%g,\"low\":[-3],\"high\":[3]}",
                     exact[e][0]);
            solve(json, &(kr_grid_options){.spacing = {0.002}, .general = general, .start = &start}, &r);
            kr_assert_near(r.nu, exact[e][1], 0, general ? 1e-5 : 1e-7);
            kr_assert_near(r.k_ab, 2 * exact[e][1], 0, general ? 1e-5 : 1e-7);
            kr_assert_near(r.k_ba, 2 * exact[e][1], 0, general ? 1e-5 : 1e-7);
            kr_assert_near(kr_grid_interpolate(&r.grid, r.q, &x), exact[e][2], 1e-6, 0);
            /* From −1 all of the way is left but what is in A: 1/k up to the time inside wells. */
            if (exact[e][0] < 0.3) kr_assert_near(r.mfpt * r.k_ab, 1, 0.02, 0);
            assert_int_equal(r.reversible, !general);
            kr_grid_committor_free(&r);
        }
}

/* Between circles at V = 0: q = ln r/ln 2, ν = ε 2π/(Z ln 2), Z the area of the box. Cut edges keep order 2. */
static void test_curved_states(void **unused) {
    (void)unused;
    static const char json[] =
        "{\"kind\":\"spheres\",\"dim\":2,\"stiffness\":0,\"inner\":0.5,\"outer\":1,\"epsilon\":0.7,"
        "\"low\":[-1.2,-1.3],\"high\":[1.2,1.3]}";
    double error[3], nu_error[3];
    for (int level = 0; level < 3; level++) {
        kr_grid_committor r;
        double h = 0.05 / (1 << level), square = 0;
        long n = 0;
        solve(json, &(kr_grid_options){.spacing = {h, h}}, &r);
        for (long i = 0; i < r.grid.count; i++) {
            double x[2];
            kr_grid_node(&r.grid, i, x);
            double radius = sqrt(x[0] * x[0] + x[1] * x[1]), e = r.q[i] - log(2 * radius) / log(2);
            if (radius <= 0.5 || radius >= 1) continue;
            square += e * e;
            n++;
        }
        error[level] = sqrt(square / (double)n);
        nu_error[level] = fabs(r.nu / (0.7 * 2 * M_PI / (2.4 * 2.6 * log(2))) - 1);
        kr_grid_committor_free(&r);
    }
    double order = log2(error[0] / error[2]) / 2;
    print_message("error of q %.1e to %.1e, order %.2f; error of the rate %.1e to %.1e\n", error[0], error[2], order,
                  nu_error[0], nu_error[2]);
    assert_true(order > 1.9 && order < 2.5);
    assert_true(error[2] < 5e-5 && nu_error[2] < 5e-5);
}

/* Radial exact solution in 3-D. */
static void test_three_dimensions(void **unused) {
    (void)unused;
    kr_grid_committor r;
    solve("{\"kind\":\"spheres\",\"dim\":3,\"stiffness\":0,\"inner\":0.5,\"outer\":1,\"low\":[-1.1,-1.1,-1.1],"
          "\"high\":[1.1,1.1,1.1]}",
          &(kr_grid_options){.spacing = {0.055, 0.055, 0.055}}, &r);
    double x[3] = {0.6, 0.3, 0.2}, q = 2 - 1 / sqrt(0.49);
    kr_assert_near(kr_grid_interpolate(&r.grid, r.q, x), q, 2e-3, 0);
    kr_assert_near(r.flux_a, r.nu, 0, 1e-6);
    kr_assert_near(r.flux_b, r.nu, 0, 1e-6);
    kr_grid_committor_free(&r);
}

/* Müller: values of an independent program (grids up to h = 1/400). */
static void test_mueller(void **unused) {
    (void)unused;
    static const double points[8][2] = {{-0.75, 0.55}, {-0.822, 0.624}, {-0.70, 0.80}, {-0.90, 0.60},
                                        {-0.85, 0.70}, {-0.50, 0.50},   {-1.00, 0.70}, {0.212, 0.293}};
    static const double q[8] = {0.56800, 0.29980, 0.17651, 0.22331, 0.17468, 0.86087, 0.04569, 0.97769};
    const double start[2] = {-0.558, 1.441};
    kr_grid_committor r;
    solve("{\"kind\":\"rugged_mueller\"}", &(kr_grid_options){.spacing = {0.01, 0.01}, .start = start}, &r);
    kr_assert_near(r.nu, 0.00460218, 0, 1e-4);
    kr_assert_near(r.k_ab, 0.00472659, 0, 1e-4);
    kr_assert_near(r.k_ba, 0.174842, 0, 1e-4);
    kr_assert_near(r.rho_a, 0.973678, 0, 1e-5);
    kr_assert_near(r.p_react, 2.4470e-4, 0, 2e-4);
    kr_assert_near(r.mfpt, 211.571, 0, 1e-4);
    for (int k = 0; k < 8; k++) kr_assert_near(kr_grid_interpolate(&r.grid, r.q, points[k]), q[k], 5e-4, 0);
    kr_grid_committor_free(&r);
}

/* Underdamped: a hypoelliptic generator, and the time-reversal symmetry q⁻(x, p) = 1 − q⁺(x, −p). */
static void test_duffing(void **unused) {
    (void)unused;
    kr_grid_committor r;
    solve("{\"kind\":\"double_well\",\"height\":0.25,\"dynamics\":\"underdamped\",\"friction\":0.5,\"epsilon\":0.05,"
          "\"A\":{\"ellipsoid\":{\"center\":[-1,0],\"radii\":[0.3,0.4]}},"
          "\"B\":{\"ellipsoid\":{\"center\":[1,0],\"radii\":[0.3,0.4]}},\"low\":[-2,-1.6],\"high\":[2,1.6]}",
          &(kr_grid_options){.spacing = {0.025, 0.025}}, &r);
    kr_assert_near(r.nu, 5.4904e-4, 0, 0.01); /* finite elements; h → 0 gives 5.4896e-4 here */
    kr_assert_near(r.rho_a, 0.5, 1e-3, 0);
    kr_assert_near(r.p_react, 4.073e-3, 0, 0.05);
    for (int i = 0; i < 5; i++) {
        double x[2] = {-0.4 + 0.2 * i, 0.3}, mirror[2] = {x[0], -x[1]};
        kr_assert_near(kr_grid_interpolate(&r.grid, r.backward, x), 1 - kr_grid_interpolate(&r.grid, r.q, mirror), 0.01,
                       0);
    }
    kr_grid_committor_free(&r);
}

/* f = −(1 + J) ∇V keeps e^{−V/ε}: the stationary density is found without being told. */
static void test_stationary(void **unused) {
    (void)unused;
    kr_grid_committor r;
    solve("{\"kind\":\"epr_double_well\",\"A\":{\"ball\":{\"center\":[0.5,1.5],\"radius\":0.2}},"
          "\"B\":{\"ball\":{\"center\":[2.5,1.5],\"radius\":0.2}}}",
          &(kr_grid_options){.spacing = {0.03, 0.03}}, &r);
    double worst = 0, reference = 0;
    for (long i = 0; i < r.grid.count; i++) {
        double x[2];
        kr_grid_node(&r.grid, i, x);
        double u = x[0] - 1.5, w = x[1] - 1.5, v = (u * u - 1) * (u * u - 1) + 0.5 * w * w;
        double log_density = log(r.mass[i]) + v / 0.1;
        if (fabs(u) < 1e-9 && fabs(w) < 1e-9) reference = log_density;
        /* Inside, where reflecting walls do not turn the current. */
        if (v < 1.1 && fabs(w) < 1) worst = fmax(worst, reference == 0 ? 0 : fabs(log_density - reference));
    }
    print_message("largest error of V/epsilon %.3f, rates %.5g %.5g\n", worst, r.k_ab, r.k_ba);
    assert_true(worst < 0.1);
    kr_assert_near(r.k_ab, r.k_ba, 0, 1e-3);
    kr_grid_committor_free(&r);
}

static void test_errors(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_grid_committor r;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"mueller\"}", &problem));
    assert_int_equal(kr_grid_committor_solve(ctx, problem, &(kr_grid_options){.spacing = {-1, 1}}, &r),
                     KR_ERR_ARGUMENT);
    assert_int_equal(kr_grid_committor_solve(ctx, problem, &(kr_grid_options){.spacing = {0.5, 0.5}}, &r),
                     KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "no node of the grid lies in state"));
    long before = kr_memory_live();
    kr_status status = KR_ERR_MEMORY;
    for (long k = 1; status != KR_OK; k++) {
        assert_true(k < 100);
        kr_memory_fail_at(k);
        status = kr_grid_committor_solve(ctx, problem, &(kr_grid_options){.spacing = {0.1, 0.1}}, &r);
        kr_memory_fail_at(0);
        assert_true(status == KR_OK || status == KR_ERR_MEMORY);
        if (status == KR_OK) kr_grid_committor_free(&r);
        assert_int_equal(kr_memory_live(), before);
    }
    kr_problem_destroy(&problem);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_dimension),
                                       cmocka_unit_test(test_curved_states),
                                       cmocka_unit_test(test_three_dimensions),
                                       cmocka_unit_test(test_mueller),
                                       cmocka_unit_test(test_duffing),
                                       cmocka_unit_test(test_stationary),
                                       cmocka_unit_test(test_errors)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
