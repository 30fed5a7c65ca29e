/* Activations: values against independent formulas, σ' and σ'' against differences, names and thresholds.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/activation.h"
#include "kr_test.h"

static kr_context *ctx;

static const char *const NAMES[] = {"tanh",    "relu",  "relu6",     "sigmoid",          "softplus", "silu",  "gelu",
                                    "gelu_tf", "silut", "silut:1.5", "custom_silu:10.0", "none",     "Linear"};
enum { NNAMES = sizeof NAMES / sizeof *NAMES };

/* Written again from the definitions, in the plainest form. */
static double reference(const char *name, double x) {
    double silu = x / (1 + exp(-x));
    if (!strcmp(name, "tanh")) return 1 - 2 / (1 + exp(2 * x));
    if (!strcmp(name, "relu")) return fmax(x, 0);
    if (!strcmp(name, "relu6")) return fmin(fmax(x, 0), 6);
    if (!strcmp(name, "sigmoid")) return 1 / (1 + exp(-x));
    if (!strcmp(name, "softplus")) return log(1 + exp(x));
    if (!strcmp(name, "silu")) return silu;
    if (!strncmp(name, "gelu", 4)) return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    if (strstr(name, "silu")) {
        double t = !strcmp(name, "silut") ? 3 : !strcmp(name, "silut:1.5") ? 1.5 : 10, s = 1 / (1 + exp(-t));
        return x < t ? silu : tanh((s + t * s * (1 - s)) * (x - t)) + t * s;
    }
    return x;
}

static void test_values(void **state) {
    (void)state;
    for (int k = 0; k < NNAMES; k++) {
        kr_activation act;
        kr_assert_ok(ctx, kr_activation_parse(ctx, NAMES[k], &act));
        assert_string_equal(act.name, NAMES[k]);
        for (double x = -20; x < 20; x += 0.37) {
            double y;
            kr_activation_apply(&act, 1, &x, &y, NULL, NULL);
            kr_assert_near(y, reference(NAMES[k], x), 1e-15, 4e-15);
        }
    }
}

static void test_derivatives(void **state) {
    (void)state;
    for (int k = 0; k < NNAMES; k++) {
        kr_activation act;
        kr_assert_ok(ctx, kr_activation_parse(ctx, NAMES[k], &act));
        for (double x = -9.03; x < 12; x += 0.219) {
            const double h = 1e-3;
            double z[5] = {x - 2 * h, x - h, x, x + h, x + 2 * h}, y[5], d1[5], d2[5];
            if (fabs(x) < 3 * h || fabs(x - 6) < 3 * h || fabs(x - act.threshold) < 3 * h) continue;
            kr_activation_apply(&act, 5, z, y, d1, d2);
            kr_assert_near(d1[2], (y[0] - 8 * y[1] + 8 * y[3] - y[4]) / (12 * h), 4e-11, 1e-11);
            kr_assert_near(d2[2], (d1[0] - 8 * d1[1] + 8 * d1[3] - d1[4]) / (12 * h), 4e-11, 1e-11);
        }
    }
}

static void test_extremes(void **state) {
    (void)state;
    const double z[] = {-1e308, -1e200, -745, -41, 41, 745, 1e200, 1e308};
    for (int k = 0; k < NNAMES; k++) {
        kr_activation act;
        kr_assert_ok(ctx, kr_activation_parse(ctx, NAMES[k], &act));
        double y[8], d1[8], d2[8], nan = NAN, out;
        kr_activation_apply(&act, 8, z, y, d1, d2);
        for (int i = 0; i < 8; i++)
            if (!isfinite(y[i]) || !isfinite(d1[i]) || !isfinite(d2[i])) fail_msg("%s at %g", NAMES[k], z[i]);
        kr_activation_apply(&act, 1, &nan, &out, NULL, NULL);
        if (!isnan(out)) fail_msg("%s hides a NaN", NAMES[k]);
        double in_place[8];
        memcpy(in_place, z, sizeof z);
        kr_activation_apply(&act, 8, in_place, in_place, NULL, NULL);
        assert_memory_equal(in_place, y, sizeof y);
    }
}

static void test_parse(void **state) {
    (void)state;
    kr_activation act;
    const struct {
        const char *text;
        double threshold;
    } good[] = {{"silut", 3}, {"SILUT:2", 2}, {"silut:10.0", 10}, {"custom_silu:0.1", 0.1}, {"silut:2.5e1", 25}};
    for (int i = 0; i < 5; i++) {
        kr_assert_ok(ctx, kr_activation_parse(ctx, good[i].text, &act));
        assert_true(act.kind == KR_ACT_SILUT && act.threshold == good[i].threshold);
        assert_string_equal(act.name, good[i].text);
    }
    kr_assert_ok(ctx, kr_activation_parse(ctx, NULL, &act));
    assert_int_equal(act.kind, KR_ACT_LINEAR);
    kr_assert_ok(ctx, kr_activation_parse(ctx, "NONE", &act));
    assert_int_equal(act.kind, KR_ACT_LINEAR);
    assert_int_equal(kr_activation_parse(ctx, "mish", &act), KR_ERR_UNSUPPORTED);
    assert_non_null(strstr(kr_context_message(ctx), "'mish'"));
    assert_int_equal(kr_activation_parse(ctx, "a_name_that_is_longer_than_any_we_keep", &act), KR_ERR_UNSUPPORTED);
    assert_int_equal(kr_activation_parse(ctx, "tanh:3", &act), KR_ERR_UNSUPPORTED);
    const char *bad[] = {"silut:", "silut:x", "silut:1,5", "silut:1e", "silut:nan", "silut:3.0 "};
    for (int i = 0; i < 6; i++) assert_int_equal(kr_activation_parse(ctx, bad[i], &act), KR_ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_derivatives),
                                       cmocka_unit_test(test_extremes), cmocka_unit_test(test_parse)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
