/* The exact engine's θ-gradients against finite differences: every term of the loss with many more random models.
 * ctest: full
 * SPDX-License-Identifier: BSD-3-Clause */
#include "kr_test.h"
#include "training/descriptor_gradient.h"
#include "training_case.h"

static void check(const char *variant, uint64_t seed, int term) {
    kr_context *ctx;
    kr_training_case c;
    kr_engine *engine;
    kr_loss_options o;
    char what[80];
    kr_random_model_options options = {.descriptor = variant, .seed = seed, .rcut = 3.5};
    kr_assert_ok(NULL, kr_context_create(&ctx));
    kr_context_set_threads(ctx, 1);
    kr_assert_ok(ctx, kr_training_case_make(ctx, &options, 4 + (int)(seed % 4), 2, &c));
    kr_assert_ok(ctx, kr_engine_create(ctx, kr_engine_find("exact"), c.model, NULL, &engine));
    kr_loss_defaults(&o);
    for (int k = 0; k < KR_LOSS_TERMS; k++) o.start[k] = o.limit[k] = term == k || term == KR_LOSS_TERMS;
    snprintf(what, sizeof what, "%s, seed %d, term %s", variant, (int)seed,
             term < KR_LOSS_TERMS ? kr_loss_term_name(term) : "all");
    kr_training_case_check(ctx, &c, engine, &o, 20, seed, 1e-6, what);
    kr_engine_destroy(&engine);
    kr_training_case_free(&c);
    kr_context_destroy(&ctx);
}

static void test_gradients(void **state) {
    (void)state;
    static const char *const variants[] = {"se_e2_a", "se_e2_r", "dpa1", "se_atten_v2"};
    for (int v = 0; v < 4; v++)
        for (uint64_t seed = 100; seed < 136; seed++)
            for (int term = 0; term <= KR_LOSS_TERMS; term++)
                if (kr_descriptor_gradient_find(kr_descriptor_find(variants[v]))) check(variants[v], seed, term);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
