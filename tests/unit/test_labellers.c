/* Labellers on recorded outputs: the right numbers; their inputs and keys.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/structure.h"
#include "eelt/xml.h"
#include "recorded_labels.h"

static void refuse(kr_context *ctx, const char *text, const char *message) {
    kr_tree *tree;
    kr_labeller *labeller;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    assert_int_not_equal(kr_labeller_create(ctx, tree, DATA, &labeller), KR_OK);
    if (!strstr(kr_context_message(ctx), message)) {
        print_error("message: %s\nexpected: %s\n", kr_context_message(ctx), message);
        fail();
    }
    kr_tree_destroy(&tree);
}

static void test_qe(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, QE);
    kr_label_result r = read_from(ctx, labeller, &al_frame, DATA "qe", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy / KR_RYDBERG_EV, -16.74314657, 1e-8, 0);
    const double first[3] = {-0.00905666, 0.00230639, 0.00341269}; /* Ry/bohr */
    for (int c = 0; c < 3; c++) kr_assert_near(force[c] * KR_BOHR_A / KR_RYDBERG_EV, first[c], 1e-8, 0);
    assert_true(r.has_virial);
    double pressure = (r.virial[0] + r.virial[4] + r.virial[8]) / 3 / 64 * KR_EV_PER_A3_GPA * 10; /* kbar */
    kr_assert_near(pressure, -28.45, 0.006, 0);
    r = read_from(ctx, labeller, &al_frame, DATA "qe_unconverged", 2);
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    r = read_from(ctx, labeller, &al_frame, DATA "qe_unconverged", 0); /* a wrapper that loses the status */
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    r = read_from(ctx, labeller, &al_frame, DATA "qe", 1);
    assert_int_equal(r.outcome, KR_OUTCOME_CRASHED);
    r = read_from(ctx, labeller, &al_frame, DATA "xtb", 0); /* no output of pw.x at all */
    assert_int_equal(r.outcome, KR_OUTCOME_CRASHED);
    kr_labeller_destroy(&labeller);
}

static void test_cp2k(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, CP2K);
    kr_label_result r = read_from(ctx, labeller, &water_frame, DATA "cp2k", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy / KR_HARTREE_EV, -5.768829728302029, 1e-13, 0);
    kr_assert_near(force[2] * KR_BOHR_A / KR_HARTREE_EV, -0.00323230, 1e-12, 0);
    kr_assert_near((r.virial[0] + r.virial[4] + r.virial[8]) / 3 / 729 * KR_EV_PER_A3_GPA, 8.15391305674e-3, 1e-12, 0);
    r = read_from(ctx, labeller, &water_frame, DATA "cp2k_unconverged", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    r = read_from(ctx, labeller, &water_frame, DATA "cp2k_abort", 1);
    assert_int_equal(r.outcome, KR_OUTCOME_CRASHED);
    kr_labeller_destroy(&labeller);
}

/* The generation of 2025: other headings, other columns, the unit in brackets. */
static void test_cp2k_2025(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, CP2K);
    static const char text[] = " *** SCF run converged in 10 steps ***\n"
                               " ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]            -5.768829728302029\n"
                               " FORCES| Atomic forces [hartree/bohr]\n"
                               " FORCES|   Atom     x               y               z               |f|\n"
                               " FORCES|      1  0.00000000E+00  0.00000000E+00 -3.23230000E-03  3.23230000E-03\n"
                               " FORCES|      2  0.00000000E+00  2.92973000E-03  1.61615000E-03  3.34590000E-03\n"
                               " FORCES|      3  0.00000000E+00 -2.92973000E-03  1.61615000E-03  3.34590000E-03\n"
                               " FORCES| Sum     0.00000000E+00  0.00000000E+00  0.00000000E+00  0.00000000E+00\n"
                               " STRESS| Analytical stress tensor [bar]\n"
                               " STRESS|                        x                   y                   z\n"
                               " STRESS|      x        5.57659209311E+00  -8.86817921479E-13  -3.80869994076E-13\n"
                               " STRESS|      y       -8.86817921479E-13   5.07562486986E+02  -2.00368201526E-05\n"
                               " STRESS|      z       -3.80869994076E-13  -2.00368201526E-05  -2.68521687377E+02\n";
    write_file("cp2k.out", text, sizeof text - 1);
    kr_label_result r = read_from(ctx, labeller, &water_frame, kr_test_folder, 0), old;
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    double now[9];
    memcpy(now, force, sizeof now);
    old = read_from(ctx, labeller, &water_frame, DATA "cp2k", 0);
    kr_assert_close(9, now, force, 1e-9, 0);
    kr_assert_close(9, r.virial, old.virial, 1e-12, 1e-12);
    kr_labeller_destroy(&labeller);
}

/* Until version 7.1: the unit of the energy in parentheses, a stress without a mark on every line. */
static void test_cp2k_7(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, CP2K);
    static const char text[] =
        " *** SCF run converged in 10 steps ***\n"
        " ENERGY| Total FORCE_EVAL ( QS ) energy (a.u.):               -5.768829728302029\n"
        " ATOMIC FORCES in [a.u.]\n"
        " # Atom   Kind   Element          X              Y              Z\n"
        "      1      1      O           0.00000000     0.00000000    -0.00323230\n"
        "      2      2      H           0.00000000     0.00292973     0.00161615\n"
        "      3      2      H           0.00000000    -0.00292973     0.00161615\n"
        " SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000\n"
        " STRESS TENSOR [GPa]\n\n"
        "            X               Y               Z\n"
        "  X       5.57659209311E-04  -8.86817921479E-17  -3.80869994076E-17\n"
        "  Y      -8.86817921479E-17   5.07562486986E-02  -2.00368201526E-09\n"
        "  Z      -3.80869994076E-17  -2.00368201526E-09  -2.68521687377E-02\n\n"
        "  1/3 Trace(stress tensor):  8.15391305674E-03\n\n"
        " EIGENVECTORS AND EIGENVALUES OF THE STRESS TENSOR\n"
        "  X       1 2 3\n";
    write_file("cp2k.out", text, sizeof text - 1);
    kr_label_result r = read_from(ctx, labeller, &water_frame, kr_test_folder, 0), now;
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    now = read_from(ctx, labeller, &water_frame, DATA "cp2k", 0);
    kr_assert_near(r.energy, now.energy, 1e-12, 0);
    kr_assert_close(9, r.virial, now.virial, 1e-12, 1e-12);
    /* a stress that ends early is none */
    write_file("cp2k.out", text, (size_t)(strstr(text, "  Z      -3") - text));
    r = read_from(ctx, labeller, &water_frame, kr_test_folder, 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
    kr_labeller_destroy(&labeller);
}

static void test_xtb(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, XTB);
    kr_label_result r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy / KR_HARTREE_EV, -5.07037076185, 1e-11, 0);
    kr_assert_near(force[2] * KR_BOHR_A / KR_HARTREE_EV, -2.9402221161206e-3, 1e-15, 0);
    assert_false(r.has_virial);
    r = read_from(ctx, labeller, &molecule_frame, DATA "xtb_unconverged", 1);
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    kr_string command = {0};
    assert_int_equal(kr_labeller_prepare(ctx, labeller, &water_frame, 0, kr_test_folder, &command), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_hint(ctx), "cp2k"));
    kr_free(command.data);
    kr_labeller_destroy(&labeller);
    labeller = make(ctx, "{\"engine\": \"xtb\", \"checks\": {\"stress\": true}}");
    r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT); /* a stress was asked for */
    kr_labeller_destroy(&labeller);
}

/* The checks that hold for all programs. */
static void test_limits(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, "{\"engine\": \"xtb\", \"checks\": {\"f_max_eV_per_A\": 0.2}}");
    kr_label_result r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_non_null(strstr(r.message, "allowed 0.2"));
    kr_labeller_destroy(&labeller);
    labeller = make(ctx, "{\"engine\": \"xtb\", \"checks\": {\"net_force_eV_per_A\": 1e-16}}");
    r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_non_null(strstr(r.message, "sum up"));
    kr_labeller_destroy(&labeller);
}

/* ---- inputs ---- */

static void test_qe_input(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"kspacing_per_A\": 0.4, "
                                      "\"attempts\": [{\"mixing_beta\": 0.3, \"diagonalization\": \"cg\"}]}");
    kr_string command = {0};
    size_t n;
    kr_assert_ok(ctx, kr_labeller_prepare(ctx, labeller, &al_frame, 0, kr_test_folder, &command));
    assert_string_equal(command.data, "pw.x -in pw.in > pw.out");
    char *text = load(ctx, kr_test_folder, "pw.in", &n);
    assert_non_null(strstr(text, "  nat = 4\n  ntyp = 1\n"));
    assert_non_null(strstr(text, "  ecutwfc = 16\n"));
    assert_non_null(strstr(text, "  conv_thr = 1e-8\n"));
    assert_non_null(strstr(text, "K_POINTS automatic\n4 4 4 0 0 0\n")); /* 2π/4 Å = 1.571 = 3.93 · 0.4 */
    assert_null(strstr(text, "mixing_beta"));
    assert_null(strstr(text, "outdir='./out'"));
    kr_free(text);
    command.length = 0;
    kr_assert_ok(ctx, kr_labeller_prepare(ctx, labeller, &al_frame, 1, kr_test_folder, &command));
    text = load(ctx, kr_test_folder, "pw.in", &n);
    assert_non_null(strstr(text, "  mixing_beta = 0.3\n  diagonalization = 'cg'\n"));
    kr_free(text);
    kr_free(command.data);
    kr_labeller_destroy(&labeller);
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"attempts\": [{\"degauss\": 0.1}]}",
           "a retry may change the solver, not the physics");
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"absent.in\"}", "absent.in");
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"cp2k_template.inp\"}", "cp2k_template.inp");
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"kspacing\": 1}", "kspacing");
    refuse(ctx, "{\"engine\": \"vasp\"}", "engine is 'vasp'");
    refuse(ctx, "{\"engine\": \"cp2k\", \"template\": \"qe_template.in\"}", "@INCLUDE cell.inc");
}

/* Two frames of one structure have one key; the smallest change of structure or settings gives another. */
static void test_keys(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, QE), *other = make(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", "
                                                              "\"attempts\": [{\"mixing_beta\": 0.3}]}");
    char key[65], again[65];
    kr_assert_ok(ctx, kr_labeller_key(ctx, labeller, &al_frame, key));
    assert_int_equal(strlen(key), 64);
    /* other order, other images, 1e-11 Å of noise; and the retry ladder does not matter */
    const double moved[12] = {2, 2.02, 4 + 1e-11, 0.05 - 4, 8, -1e-11, 2, 0, -2, 0, 2, 2.03};
    kr_frame same = al;
    same.coord = moved;
    const kr_label_frame same_frame = {&same, al_names};
    kr_assert_ok(ctx, kr_labeller_key(ctx, other, &same_frame, again));
    assert_string_equal(key, again);
    double shifted[12];
    memcpy(shifted, al_coord, sizeof shifted);
    shifted[4] += 1e-6;
    same.coord = shifted;
    kr_assert_ok(ctx, kr_labeller_key(ctx, labeller, &same_frame, again));
    assert_string_not_equal(key, again);
    same.coord = al_coord;
    same.box[8] += 1e-6;
    kr_assert_ok(ctx, kr_labeller_key(ctx, labeller, &same_frame, again));
    assert_string_not_equal(key, again);
    kr_labeller_destroy(&other);
    other = make(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"kspacing_per_A\": 0.4}");
    kr_assert_ok(ctx, kr_labeller_key(ctx, other, &al_frame, again));
    assert_string_not_equal(key, again);
    kr_labeller_destroy(&labeller);
    kr_labeller_destroy(&other);
}

static void test_xml(void **state) {
    kr_context *ctx = *state;
    kr_xml *xml;
    static const char text[] = "<?xml version='1.0'?><a><!-- no --><b size='2'>1 2</b><b>3</b><c><d/>x&lt;y</c></a>";
    kr_assert_ok(ctx, kr_xml_parse(ctx, text, sizeof text - 1, "t", &xml));
    assert_string_equal(kr_xml_find(xml, "a/b"), "1 2");
    assert_string_equal(kr_xml_find(xml, "a/b@size"), "2");
    assert_string_equal(kr_xml_find(xml, "a/c"), "x<y");
    assert_string_equal(kr_xml_find(xml, "a/c/d"), "");
    assert_null(kr_xml_find(xml, "a/e"));
    kr_xml_destroy(&xml);
    for (size_t n = 0; n < sizeof text - 1; n++) assert_int_equal(kr_xml_parse(ctx, text, n, "t", &xml), KR_ERR_FORMAT);
    for (long at = 1;; at++) {
        kr_memory_fail_at(at);
        kr_status status = kr_xml_parse(ctx, text, sizeof text - 1, "t", &xml);
        kr_memory_fail_at(0);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
    kr_xml_destroy(&xml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_qe, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cp2k, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cp2k_7, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cp2k_2025, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_xtb, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_limits, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_qe_input, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_keys, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_xml, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
