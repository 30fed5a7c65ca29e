/* The network kernel against finite differences, for every activation × skip × idt × last layer; tangent and adjoint
 * are transposes; layout; failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/grad_check.h"
#include "core/net.h"
#include "kr_test.h"

static kr_context *ctx;
static const char *const NAMES[] = {"tanh", "relu", "relu6", "sigmoid",   "softplus",
                                    "silu", "gelu", "silut", "silut:0.2", "linear"};
enum { NNAMES = sizeof NAMES / sizeof *NAMES };

static uint64_t state = 1;
static double uniform(void) { /* (−1, 1); the random streams have tests of their own */
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * (2.0 / 9007199254740992.0) - 1;
}
static void randomize(size_t n, double *x, double scale) {
    for (size_t i = 0; i < n; i++) x[i] = scale * uniform();
}

/* Everything a case needs; θ and x lie in one vector p = [θ, x]. */
typedef struct sample {
    kr_net *net;
    size_t ntheta;
    int nb;
    double p[4096], ybar[256], v[256], gy[256];
    const double *use_ybar, *use_v, *use_gy;
    kr_net_workspace ws;
} sample;

/* Σ ( ybar·y + ∂(gy·y)/∂x · v ) from value and tangent. */
static kr_status scalar(void *payload, const double *p, double *value) {
    sample *s = payload;
    double y[256], dy[256];
    int n = s->nb * s->net->out;
    kr_status status = KR_OK;
    if (s->use_v)
        KR_TRY(kr_net_tangent(ctx, s->net, p, s->nb, 1, p + s->ntheta, s->use_v, y, dy, &s->ws));
    else
        KR_TRY(kr_net_value(ctx, s->net, p, s->nb, p + s->ntheta, y, &s->ws));
    *value = 0;
    for (int i = 0; i < n; i++) {
        if (s->use_ybar) *value += s->use_ybar[i] * y[i];
        if (s->use_v) *value += (s->use_gy ? s->use_gy[i] : 1) * dy[i];
    }
done:
    return status;
}

static void make(sample *s, int nlayers, const int *width, const char *name, int resnet, int bias, int idt, int last,
                 int nb) {
    kr_activation act;
    memset(s, 0, sizeof *s);
    kr_assert_ok(ctx, kr_activation_parse(ctx, name, &act));
    kr_assert_ok(ctx, kr_net_create(ctx, nlayers, width, &act, resnet, bias, idt, last, &s->ntheta, &s->net));
    s->nb = nb;
    assert_true(s->ntheta + (size_t)(nb * s->net->in) < 4096 && nb * s->net->out < 256 && nb * s->net->in < 256);
    randomize(4096, s->p, 0.7);
    randomize(256, s->ybar, 1);
    randomize(256, s->v, 1);
    randomize(256, s->gy, 1);
}

static void drop(sample *s) {
    kr_net_destroy(&s->net);
    kr_net_workspace_free(&s->ws);
}

static double worst;

/* With a kink (of σ or, for silut, of σ') a difference is meaningless when the kink lies inside its steps: small
 * steps make that rare, and another draw decides. A wrong derivative fails every draw. */
static void check_backprop(sample *s, const char *what) {
    kr_activation_kind kind = s->net->layer[0].activation.kind;
    int kink = kind == KR_ACT_RELU || kind == KR_ACT_RELU6 ? 2 : kind == KR_ACT_SILUT;
    static const double step[] = {2e-3, 3e-4, 2e-5};
    int n = (int)s->ntheta + s->nb * s->net->in;
    static double g[4096];
    kr_grad_report report;
    for (int draw = 0; draw < (kink ? 4 : 1); draw++) {
        for (int i = 0; i < n; i++) g[i] = 2; /* must be added to, not overwritten */
        kr_assert_ok(ctx, kr_net_backprop(ctx, s->net, s->p, s->nb, s->p + s->ntheta, s->use_ybar, s->use_v, s->use_gy,
                                          g, g + s->ntheta, &s->ws));
        for (int i = 0; i < n; i++) g[i] -= 2;
        kr_assert_ok(ctx, kr_grad_check(ctx, scalar, s, n, s->p, g, 0, NULL, step[kink], 1, &report));
        if (report.worst < 1e-9) {
            if (report.worst > worst) worst = report.worst;
            return;
        }
        randomize(4096, s->p, 0.7);
    }
    fail_msg("%s: component %d of %zu + %d: analytic %.15g, difference %.15g, error %.2g", what, report.index,
             s->ntheta, n - (int)s->ntheta, report.analytic, report.difference, report.worst);
}

/* Shapes with no skip, identity skip, doubling, doubling of the first width 1, and a wide last layer. */
static const int WIDTHS[][5] = {{3, 4, 4, 8, 2}, {1, 2, 4, 4, 4}, {1, 1, 5, 10, 1}, {4, 4, 3, 3, 6}};

static void test_all_kinds(void **unused) {
    (void)unused;
    sample s;
    for (int k = 0; k < NNAMES; k++)
        for (int w = 0; w < 4; w++)
            for (int flags = 0; flags < 16; flags++) {
                char what[128];
                int resnet = flags & 1, bias = !(flags & 2), idt = (flags & 4) != 0, last = (flags & 8) != 0;
                snprintf(what, sizeof what, "%s, widths %d, resnet %d, bias %d, idt %d, last linear %d", NAMES[k], w,
                         resnet, bias, idt, last);
                make(&s, 4, WIDTHS[w], NAMES[k], resnet, bias, idt, last, 2);
                s.use_ybar = s.ybar;
                check_backprop(&s, what); /* value only */
                s.use_v = s.v;
                check_backprop(&s, what); /* value and gradient, gy = ones */
                s.use_ybar = NULL;
                s.use_gy = s.gy;
                check_backprop(&s, what); /* gradient only */
                drop(&s);
            }
    print_message("largest relative error of back-propagation %.2g\n", worst);
}

/* gradient = ybar back-propagated; tangent and gradient are transposes; many directions; several pieces of rows. */
static void test_sweeps_agree(void **unused) {
    (void)unused;
    enum { NB = 301, IN = 3, OUT = 4, NDIR = 3 };
    const int width[] = {IN, 6, 6, 12, OUT};
    static double x[NB * IN], gy[NB * OUT], v[NB * NDIR * IN], y[3][NB * OUT], gx[2][NB * IN], dy[NB * NDIR * OUT];
    static double theta[2048];
    kr_activation act;
    kr_net *net = NULL;
    kr_net_workspace ws = {0};
    size_t n = 0;
    kr_assert_ok(ctx, kr_activation_parse(ctx, "tanh", &act));
    kr_assert_ok(ctx, kr_net_create(ctx, 4, width, &act, 1, 1, 1, 1, &n, &net));
    randomize(2048, theta, 0.5);
    randomize(NB * IN, x, 1);
    randomize(NB * OUT, gy, 1);
    randomize(NB * NDIR * IN, v, 1);
    kr_assert_ok(ctx, kr_net_value(ctx, net, theta, NB, x, y[0], &ws));
    kr_assert_ok(ctx, kr_net_gradient(ctx, net, theta, NB, x, gy, y[1], gx[0], &ws));
    kr_assert_ok(ctx, kr_net_tangent(ctx, net, theta, NB, NDIR, x, v, y[2], dy, &ws));
    kr_assert_ok(ctx, kr_net_backprop(ctx, net, theta, NB, x, gy, NULL, NULL, NULL, gx[1], &ws));
    kr_assert_close(NB * OUT, y[1], y[0], 1e-15, 1e-14);
    kr_assert_close(NB * OUT, y[2], y[0], 1e-15, 1e-14);
    kr_assert_close(NB * IN, gx[1], gx[0], 1e-15, 1e-14);
    for (int b = 0; b < NB; b++)
        for (int d = 0; d < NDIR; d++) {
            double left = 0, right = 0;
            for (int o = 0; o < OUT; o++) left += gy[b * OUT + o] * dy[(b * NDIR + d) * OUT + o];
            for (int i = 0; i < IN; i++) right += gx[0][b * IN + i] * v[(b * NDIR + d) * IN + i];
            kr_assert_near(left, right, 1e-14, 1e-13);
        }
    /* One row at a time is the same function. */
    for (int b = 0; b < NB; b += 37) {
        double one[OUT];
        kr_assert_ok(ctx, kr_net_value(ctx, net, theta, 1, x + b * IN, one, &ws));
        kr_assert_close(OUT, one, y[0] + b * OUT, 1e-15, 1e-14);
    }
    /* Default directions: gy = ones, y not wanted, nothing asked, no rows. */
    for (int i = 0; i < NB * OUT; i++) gy[i] = 1;
    kr_assert_ok(ctx, kr_net_gradient(ctx, net, theta, NB, x, NULL, NULL, gx[0], &ws));
    kr_assert_ok(ctx, kr_net_gradient(ctx, net, theta, NB, x, gy, NULL, gx[1], &ws));
    assert_memory_equal(gx[0], gx[1], sizeof gx[0]);
    kr_assert_ok(ctx, kr_net_backprop(ctx, net, theta, NB, x, NULL, NULL, NULL, theta, NULL, &ws));
    kr_assert_ok(ctx, kr_net_value(ctx, net, theta, 0, NULL, NULL, &ws));
    assert_int_equal(kr_net_value(ctx, net, NULL, 1, x, y[0], &ws), KR_ERR_ARGUMENT);
    kr_net_destroy(&net);
    kr_net_workspace_free(&ws);
}

/* y = (τ tanh(x w + b) + [x, x]) by hand. */
static void test_definition(void **unused) {
    (void)unused;
    const int width[] = {1, 2};
    const double theta[] = {0.3, -0.8, 0.1, 0.2, 0.5, 0.7}, x = 1.3; /* w, b, idt */
    double y[2], expected[] = {0.5 * tanh(1.3 * 0.3 + 0.1) + 1.3, 0.7 * tanh(1.3 * -0.8 + 0.2) + 1.3};
    kr_activation act;
    kr_net *net = NULL;
    kr_net_workspace ws = {0};
    size_t n = 0;
    kr_assert_ok(ctx, kr_activation_parse(ctx, "tanh", &act));
    kr_assert_ok(ctx, kr_net_create(ctx, 1, width, &act, 1, 1, 1, 0, &n, &net));
    assert_int_equal(n, 6);
    kr_assert_ok(ctx, kr_net_value(ctx, net, theta, 1, &x, y, &ws));
    kr_assert_close(2, y, expected, 0, 1e-15);
    kr_net_destroy(&net);
    kr_net_workspace_free(&ws);
}

static void test_layers(void **unused) {
    (void)unused;
    kr_layer layer[2] = {{.in = 2, .out = 4, .resnet = 1, .b = KR_NO_BLOCK, .idt = 0, .trainable = 1},
                         {.in = 4, .out = 4, .resnet = 0, .b = 0, .idt = KR_NO_BLOCK, .trainable = 1}};
    kr_net *net = NULL;
    size_t n = 5;
    kr_assert_ok(ctx, kr_net_create_layers(ctx, 2, layer, &n, &net));
    assert_true(net->layer[0].w == 5 && net->layer[0].b == KR_NO_BLOCK && net->layer[0].idt == 13);
    assert_true(net->layer[1].w == 17 && net->layer[1].b == 33 && net->layer[1].idt == KR_NO_BLOCK && n == 37);
    assert_int_equal(kr_layer_skip(&net->layer[0]), 2);
    assert_int_equal(kr_layer_skip(&net->layer[1]), 0);
    kr_net_destroy(&net);
    layer[1].in = 3;
    assert_int_equal(kr_net_create_layers(ctx, 2, layer, &n, &net), KR_ERR_ARGUMENT);
    assert_null(net);
    layer[1].in = 0;
    assert_int_equal(kr_net_create_layers(ctx, 2, layer, &n, &net), KR_ERR_ARGUMENT);
    assert_int_equal(kr_net_create_layers(ctx, 0, layer, &n, &net), KR_ERR_ARGUMENT);
    assert_int_equal(n, 37);
}

static void test_memory_failures(void **unused) {
    (void)unused;
    const int width[] = {1, 2, 4};
    const double x = 1;
    double theta[32] = {0}, y[4], gx, v = 1;
    kr_activation act;
    long before = kr_memory_live();
    kr_assert_ok(ctx, kr_activation_parse(ctx, "tanh", &act));
    kr_status status = KR_ERR_MEMORY;
    for (long k = 1; status != KR_OK; k++) {
        kr_net *net = NULL;
        kr_net_workspace ws = {0};
        size_t n = 0;
        assert_true(k < 20);
        kr_memory_fail_at(k);
        KR_TRY(kr_net_create(ctx, 2, width, &act, 1, 1, 1, 0, &n, &net));
        KR_TRY(kr_net_value(ctx, net, theta, 1, &x, y, &ws));
        KR_TRY(kr_net_backprop(ctx, net, theta, 1, &x, y, &v, NULL, theta, &gx, &ws));
    done:
        kr_memory_fail_at(0);
        assert_true(status == KR_OK || status == KR_ERR_MEMORY);
        kr_net_destroy(&net);
        kr_net_workspace_free(&ws);
        assert_int_equal(kr_memory_live(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_sweeps_agree), cmocka_unit_test(test_all_kinds),
                                       cmocka_unit_test(test_memory_failures)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
