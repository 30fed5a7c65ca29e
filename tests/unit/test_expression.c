/* Formulas: values, exact gradients against finite differences, and each mistake with its place.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/expression.h"

static double value_of(kr_context *ctx, const char *text, const double x[3]) {
    kr_expression *e = NULL;
    double v;
    kr_assert_ok(ctx, kr_expression_create(ctx, 3, NULL, &e));
    kr_assert_ok(ctx, kr_expression_constant(ctx, e, "k", 5, NULL));
    kr_assert_ok(ctx, kr_expression_define(ctx, e, "r2", "x^2 + y^2", NULL));
    kr_assert_ok(ctx, kr_expression_output(ctx, e, text, NULL));
    kr_expression_values(e, x, &v);
    kr_expression_destroy(&e);
    return v;
}

static void test_values(void **state) {
    kr_context *ctx = *state;
    const double x[3] = {0.5, -2, 3};
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1 + 2*3", 7},
        {"-2^2", -4},
        {"2^3^2", 512},
        {"2^-1", 0.5},
        {"(1 + 2) * 3 - 4 / 8", 8.5},
        {"8 / 4 / 2", 1},
        {"1 - 2 - 3", -4},
        {"x1 + x[2] + z", 1.5},
        {"x[1+1]", -2},
        {".5e1 + 1.e-1", 5.1},
        {"k*r2", 21.25},
        {"--x", 0.5},
        {"sum(i, 1, 3, i*x[i])", 5.5},
        {"sum(i, 1, 2, sum(j, i, 3, x[j]))", 1.5 + 1},
        {"sum(i, 3, 2, x[i])", 0},
        {"if(y, 1, 2) + if(x, 1, 2)", 3},
        {"min(x, y) + max(x, z)", 1},
        {"step(x) + step(y) + sign(y) + abs(y)", 2},
        {"hypot(3, 4) + pow(2, 5) + atan2(0, -1) - pi", 37},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        kr_assert_near(value_of(ctx, cases[i].text, x), cases[i].value, 1e-14, 1e-14);
}

static void test_gradients(void **state) {
    kr_context *ctx = *state;
    static const char *const cases[] = {
        "exp(-x^2 - y*z)",       "log(2 + x*y^2)",
        "sqrt(x^2 + y^2 + 1)",   "sin(x*y) + cos(z) * tan(x/3)",
        "asin(x/5) + acos(y/5)", "atan(x*y*z)",
        "sinh(x) * cosh(y)",     "tanh(x - z) + erf(y)",
        "abs(x*y) + sign(z)",    "x^5 - y^-3 + (2 + x)^z",
        "min(x, y) * max(y, z)", "if(x - y, x*z, y/z)",
        "atan2(y, x)",           "hypot(x, y - z)",
        "pow(x^2 + 1, 0.5*y)",   "sum(i, 1, 3, (x[i]^2 - 1)^2) / (1 + r2)",
    };
    const double x[3] = {0.7, -1.3, 2.1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_expression *e = NULL;
        double gradient[3], at[3];
        kr_assert_ok(ctx, kr_expression_create(ctx, 3, NULL, &e));
        kr_assert_ok(ctx, kr_expression_define(ctx, e, "r2", "x^2 + y^2", NULL));
        kr_assert_ok(ctx, kr_expression_output(ctx, e, cases[i], NULL));
        kr_expression_gradient(e, 0, x, gradient);
        for (int k = 0; k < 3; k++) {
            memcpy(at, x, sizeof at);
            at[k] = x[k] + 1e-5;
            double plus = kr_expression_gradient(e, 0, at, NULL);
            at[k] = x[k] - 1e-5;
            double minus = kr_expression_gradient(e, 0, at, NULL);
            double difference = (plus - minus) / 2e-5;
            kr_assert_close_at(__FILE__, __LINE__, cases[i], 1, &gradient[k], &difference, 1e-8, 1e-8);
        }
        kr_expression_destroy(&e);
    }
}

/* Text → message; the formula stands in a JSON file at line 2, its first character in column 7. */
static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *text, *message, *hint;
    } cases[] = {
        {"", "the formula ends where a number or name is expected in \"\" (line 2, column 7)", ""},
        {"x1 + ", "the formula ends where a number or name is expected in \"x1 + \" (line 2, column 12)", ""},
        {"2*sen(x1)", "unknown function 'sen' in \"2*sen(x1)\" (line 2, column 9)", "did you mean 'sin'?"},
        {"x1 + vidth", "unknown name 'vidth' in \"x1 + vidth\" (line 2, column 12)", "did you mean 'width'?"},
        {"x4", "unknown name 'x4' in \"x4\" (line 2, column 7)", NULL},
        {"x[4]", "there is no x[4], allowed x[1] to x[3] in \"x[4]\" (line 2, column 9)", ""},
        {"atan2(x1)", "function atan2 has 2 arguments, 1 given in \"atan2(x1)\" (line 2, column 7)", ""},
        {"sin(x1, x2)", "function sin has 1 argument, 2 given in \"sin(x1, x2)\" (line 2, column 7)", ""},
        {"exp()", "function exp has 1 argument, 0 given in \"exp()\" (line 2, column 7)", ""},
        {"2*(x1 + 1", "parenthesis '(' is never closed in \"2*(x1 + 1\" (line 2, column 9)", ""},
        {"x1 + 1)", "')' without a partner in \"x1 + 1)\" (line 2, column 13)", ""},
        {"x1 x2", "an operator is expected before 'x' in \"x1 x2\" (line 2, column 10)", ""},
        {"2x1", "a number expected (products need a *) in \"2x1\" (line 2, column 7)", ""},
        {"x1**2", "'**' is no operator, use ^ in \"x1**2\" (line 2, column 9)", ""},
        {"x1 & 2", "an operator is expected before '&' in \"x1 & 2\" (line 2, column 10)", ""},
        {"x[x1]", "a whole number expected in \"x[x1]\" (line 2, column 9)", ""},
        {"sum(1, 2, 3, 4)",
         "the name of an index expected: sum(i, first, last, formula) in \"sum(1, 2, 3, 4)\" (line 2, column 11)", ""},
        {"sum(i, 1, 5, x[i])", "there is no x[4], allowed x[1] to x[3] in \"sum(i, 1, 5, x[i])\" (line 2, column 22)",
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[200];
        kr_tree *tree = NULL;
        kr_expression *e = NULL;
        snprintf(json, sizeof json, "{\n\"v\": \"%s\"}", cases[i].text);
        kr_assert_ok(ctx, kr_json_parse(ctx, json, strlen(json), "f", &tree));
        kr_assert_ok(ctx, kr_expression_create(ctx, 3, NULL, &e));
        kr_assert_ok(ctx, kr_expression_constant(ctx, e, "width", 5, NULL));
        const kr_tree *node = kr_tree_get(tree, "v");
        assert_int_equal(kr_expression_output(ctx, e, node->string, node), KR_ERR_FORMAT);
        assert_string_equal(kr_context_message(ctx), cases[i].message);
        if (cases[i].hint) assert_string_equal(kr_context_hint(ctx), cases[i].hint);
        kr_expression_destroy(&e);
        kr_tree_destroy(&tree);
    }
}

static void test_names(void **state) {
    kr_context *ctx = *state;
    kr_expression *e = NULL;
    static const char *const variable[2] = {"phi", "psi"};
    kr_assert_ok(ctx, kr_expression_create(ctx, 2, variable, &e));
    kr_assert_ok(ctx, kr_expression_output(ctx, e, "phi + 10*psi + 100*x2", NULL));
    double v;
    kr_expression_values(e, (double[]){1, 2}, &v);
    kr_assert_near(v, 221, 0, 0);
    assert_int_equal(kr_expression_constant(ctx, e, "phi", 1, NULL), KR_ERR_FORMAT);
    assert_string_equal(kr_context_message(ctx), "the name 'phi' is taken");
    assert_int_equal(kr_expression_constant(ctx, e, "2b", 1, NULL), KR_ERR_FORMAT);
    kr_expression_destroy(&e);
    static const char *const swapped[2] = {"y", "x"};
    kr_assert_ok(ctx, kr_expression_create(ctx, 2, swapped, &e));
    kr_assert_ok(ctx, kr_expression_output(ctx, e, "y + 10*x", NULL));
    kr_expression_values(e, (double[]){1, 2}, &v);
    kr_assert_near(v, 21, 0, 0);
    assert_int_equal(kr_expression_variable(ctx, e, 0, "x", NULL), KR_ERR_FORMAT);
    kr_expression_destroy(&e);
    char deep[500] = "";
    for (int i = 0; i < 300; i++) strcat(deep, "(");
    kr_assert_ok(ctx, kr_expression_create(ctx, 1, NULL, &e));
    assert_int_equal(kr_expression_output(ctx, e, deep, NULL), KR_ERR_FORMAT);
    assert_int_equal(kr_expression_output(ctx, e, "sum(i, 1, 100000, x1)", NULL), KR_ERR_FORMAT);
    kr_expression_destroy(&e);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    for (long n = 1;; n++) {
        kr_expression *e = NULL;
        kr_memory_fail_at(n);
        kr_status status = kr_expression_create(ctx, 2, (const char *const[]){"a", "b"}, &e);
        if (status == KR_OK) status = kr_expression_define(ctx, e, "c", "a*b + sin(a)", NULL);
        if (status == KR_OK) status = kr_expression_output(ctx, e, "c^2 + exp(c) - a/b", NULL);
        kr_memory_fail_at(0);
        kr_expression_destroy(&e);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_true(n < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_gradients, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_names, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_memory, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
