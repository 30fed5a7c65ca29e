/* Systems and datasets: making, growing, labels, arguments out of range, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"

static const char *const water[] = {"O", "H"};

static void test_labels(void **state) {
    (void)state;
    assert_string_equal(kr_label_name(KR_LABEL_ATOM_VIRIAL), "atom_virial");
    assert_string_equal(kr_label_unit(KR_LABEL_FORCE), "eV/A");
    assert_int_equal(kr_label_per_atom(KR_LABEL_FORCE), 1);
    assert_int_equal(kr_label_per_atom(KR_LABEL_VIRIAL), 0);
    assert_string_equal(kr_label_name((kr_label)99), "unknown");
}

static void test_system(void **state) {
    kr_context *ctx = *state;
    kr_system *s = NULL;
    kr_assert_ok(ctx, kr_system_create(ctx, "here", 3, 2, 2, water, 1, &s));
    assert_string_equal(s->type_map[1], "H");
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FORCE, 3));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FPARAM, 2));
    s->coord[17] = 17;
    s->label[KR_LABEL_FORCE][17] = 18;
    s->label[KR_LABEL_FPARAM][3] = 19;
    s->type[5] = 1;
    s->has[1] = 1u << KR_LABEL_FORCE;
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FORCE, 3)); /* keeps it */
    assert_true(s->label[KR_LABEL_FORCE][17] == 18);
    kr_assert_ok(ctx, kr_system_resize(ctx, s, 50));
    assert_true(s->coord[17] == 17 && s->label[KR_LABEL_FORCE][17] == 18 && s->label[KR_LABEL_FPARAM][3] == 19);
    assert_true(s->coord[50 * 9 - 1] == 0 && s->has[49] == 0 && s->type[149] == 0 && s->box[449] == 0);
    assert_int_equal(kr_system_types(s, 1)[2], 1);
    kr_assert_ok(ctx, kr_system_resize(ctx, s, 1));
    assert_int_equal(s->nframes, 1);
    assert_int_equal(kr_system_set_label(ctx, s, KR_LABEL_FORCE, 2), KR_ERR_ARGUMENT);
    assert_int_equal(kr_system_set_label(ctx, s, KR_LABEL_FPARAM, 3), KR_ERR_ARGUMENT);
    assert_int_equal(kr_system_set_label(ctx, s, KR_LABEL_APARAM, 0), KR_ERR_ARGUMENT);
    assert_int_equal(kr_system_set_label(ctx, s, (kr_label)32, 1), KR_ERR_ARGUMENT);
    assert_int_equal(kr_system_resize(ctx, s, -1), KR_ERR_ARGUMENT);
    kr_system_destroy(&s);
    assert_null(s);
    kr_system_destroy(&s);
    assert_int_equal(kr_system_create(ctx, "x", 0, 1, 0, NULL, 0, &s), KR_ERR_ARGUMENT);
    assert_string_equal(kr_context_message(ctx), "a system of 0 atoms, allowed 1 and more");
    assert_int_equal(kr_system_create(ctx, "x", 1, -1, 0, NULL, 0, &s), KR_ERR_ARGUMENT);
    assert_int_equal(kr_system_create(ctx, "x", INT32_MAX, INT32_MAX, 0, NULL, 1, &s), KR_ERR_MEMORY);
    assert_null(s);
}

static void test_dataset(void **state) {
    kr_context *ctx = *state;
    kr_dataset *d = NULL;
    kr_system *s = NULL;
    kr_assert_ok(ctx, kr_dataset_create(ctx, &d));
    for (int i = 0; i < 20; i++) {
        kr_assert_ok(ctx, kr_system_create(ctx, "x", i + 1, 1, 0, NULL, 0, &s));
        kr_assert_ok(ctx, kr_dataset_append(ctx, d, &s));
        assert_null(s);
    }
    assert_int_equal(d->nsystems, 20);
    assert_int_equal(d->system[19]->natoms, 20);
    assert_int_equal(kr_dataset_append(ctx, d, &s), KR_ERR_ARGUMENT);
    kr_dataset_destroy(&d);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    long before = kr_memory_live();
    for (long n = 1;; n++) {
        kr_system *s = NULL;
        kr_dataset *d = NULL;
        kr_memory_fail_at(n);
        kr_status status = kr_system_create(ctx, "x", 3, 2, 2, water, 1, &s);
        if (status == KR_OK) status = kr_system_set_label(ctx, s, KR_LABEL_ENERGY, 1);
        if (status == KR_OK) status = kr_system_resize(ctx, s, 5);
        if (status == KR_OK) status = kr_system_resize(ctx, s, 1);
        if (status == KR_OK) status = kr_dataset_create(ctx, &d);
        if (status == KR_OK) status = kr_dataset_append(ctx, d, &s);
        kr_memory_fail_at(0);
        kr_system_destroy(&s);
        kr_dataset_destroy(&d);
        assert_int_equal(kr_memory_live(), before);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels), cmocka_unit_test(test_system),
                                       cmocka_unit_test(test_dataset), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, kr_test_setup, kr_test_teardown);
}
