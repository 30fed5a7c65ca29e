/* Context: messages, hints, prefixes; memory: overflow, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "kr_test.h"

static void test_message(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    assert_string_equal(kr_context_message(ctx), "");
    assert_int_equal(KR_ERROR(ctx, KR_ERR_IO, "no file '%s'", "a\nb"), KR_ERR_IO);
    kr_error_hint(ctx, "look elsewhere");
    assert_string_equal(kr_context_message(ctx), "no file 'a b'");
    assert_string_equal(kr_context_hint(ctx), "look elsewhere");
    kr_error_prefix(ctx, "model\n%d", 3); /* line ends become spaces */
    assert_string_equal(kr_context_message(ctx), "model 3: no file 'a b'");
    assert_non_null(strstr(kr_context_where(ctx), "test_context.c:"));
    kr_context_clear(ctx);
    assert_string_equal(kr_context_message(ctx), "");
    kr_context_destroy(&ctx);
    assert_null(ctx);
    kr_context_destroy(&ctx);
}

static void test_memory(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    long before = kr_memory_live();
    assert_null(kr_calloc(ctx, (size_t)-1, 8));
    assert_int_equal(kr_context_status(ctx), KR_ERR_MEMORY);
    kr_memory_fail_at(2);
    void *a = kr_calloc(ctx, 3, 8);
    assert_non_null(a);
    assert_int_equal((size_t)a % KR_ALIGN, 0);
    assert_null(kr_calloc(ctx, 3, 8));
    kr_memory_fail_at(0);
    kr_free(a);
    assert_int_equal(kr_memory_live(), before);
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_message), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
