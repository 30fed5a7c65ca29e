/* Electron configurations: numbers of electrons, the order of orbitals, Hund's rule, known exceptions.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "kr_test.h"
#include "potential/econf.h"

static const char *const elements[] = {"H",  "He", "C",  "N",  "O",  "Na", "Cr", "Fe", "Cu", "Pd",
                                       "La", "Gd", "Au", "Pb", "Th", "U",  "Cm", "Lr", "Ds", "Og"};
static const int numbers[] = {1, 2, 6, 7, 8, 11, 24, 26, 29, 46, 57, 64, 79, 82, 90, 92, 96, 103, 110, 118};

static void test_number_of_electrons(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        double row[KR_ECONF_DIM], square = 0;
        int electrons = 0;
        assert_true(kr_econf_row(elements[k], row));
        for (int i = 0; i < KR_ECONF_DIM; i++) {
            electrons += row[i] > 0;
            square += row[i] * row[i];
        }
        assert_int_equal(electrons, numbers[k]);
        kr_assert_near(square, 1, 0, 1e-14);
    }
}

/* '0', '1', '2' electrons of the first orbitals: 1s, 2s, three 2p, 3s, three 3p, five 3d, 4s … */
static void expect(const char *element, const char *orbitals) {
    double row[KR_ECONF_DIM];
    assert_true(kr_econf_row(element, row));
    for (int k = 0; orbitals[k]; k++) {
        if ((row[2 * k] > 0) + (row[2 * k + 1] > 0) == orbitals[k] - '0') continue;
        print_error("%s: orbital %d\n", element, k);
        fail();
    }
}

static void test_orbitals(void **state) {
    (void)state;
    expect("O", "22211000000000");
    expect("Fe", "222222222211112");
    expect("Cr", "222222222111111");
    expect("Cu", "222222222222221");
    assert_false(kr_econf_row("X", (double[KR_ECONF_DIM]){0}));
    assert_false(kr_econf_row("", (double[KR_ECONF_DIM]){0}));
    assert_false(kr_econf_row("Hee", (double[KR_ECONF_DIM]){0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_number_of_electrons), cmocka_unit_test(test_orbitals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
