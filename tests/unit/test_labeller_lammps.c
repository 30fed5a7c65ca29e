/* Labeller "lammps" on what a run leaves: numbers in both units, cut at every byte, damaged; lines that are refused.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/labeller.h"
#include "kr_test.h"
#include "test_folder.h"
#include <unistd.h>

/* Two atoms in a cell that LAMMPS takes as it is. */
static const int type[2] = {0, 1};
static const double coord[6] = {0, 0, 0, 1.5, 1.25, 1};
static const kr_frame frame = {
    .natoms = 2, .type = type, .coord = coord, .box = {4, 0, 0, 0, 4, 0, 0, 0, 5}, .pbc = {1, 1, 1}};
static const char *const names[] = {"Al", "Mg"};
static const kr_label_frame label = {&frame, names};

static const char result_text[] =
    "energy -2.6899715095845917 pressure 1000.5 2000.25 3000.125 10.5 20.25 30.125 volume "
    "80.000000000000014\n";
static const char forces_text[] =
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 5\n"
    "ITEM: ATOMS id fx fy fz\n1 0.25 -0.125 0.0625\n2 -0.25 0.125 -0.062512345\n";

static kr_labeller *make(kr_context *ctx, const char *more) {
    kr_tree *tree;
    kr_labeller *labeller;
    char text[500];
    snprintf(text, sizeof text,
             "{\"engine\": \"lammps\", \"elements\": [\"Al\", \"Mg\"], \"lines\": [\"pair_style zero 6\", "
             "\"pair_coeff * *\"]%s}",
             more);
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    kr_assert_ok(ctx, kr_labeller_create(ctx, tree, ".", &labeller));
    kr_tree_destroy(&tree);
    return labeller;
}

static double force[6];
static kr_label_result read_with(kr_context *ctx, const kr_labeller *l, const char *result, size_t nr,
                                 const char *forces, size_t nf, int exit_status) {
    kr_usage usage = {.exit_status = exit_status};
    kr_label_result r = {.force = force};
    kr_assert_ok(ctx, kr_file_write(ctx, kr_test_folder, "result.txt", result, nr));
    kr_assert_ok(ctx, kr_file_write(ctx, kr_test_folder, "forces.txt", forces, nf));
    kr_assert_ok(ctx, kr_labeller_read(ctx, l, &label, kr_test_folder, &usage, &r));
    return r;
}
#define WHOLE(text) (text), sizeof(text) - 1

static void test_values(void **state) {
    kr_context *ctx = *state;
    kr_labeller *metal = make(ctx, ""), *real = make(ctx, ", \"units\": \"real\"");
    const double kcal = 4184 / (6.02214076e23 * 1.602176634e-19),
                 gas = 101325 / 1e30 / 1.602176634e-19; /* eV; atm Å³ */
    kr_label_result r = read_with(ctx, metal, WHOLE(result_text), WHOLE(forces_text), 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy, -2.6899715095845917, 0, 0);
    kr_assert_near(force[5], -0.062512345, 0, 0);
    assert_true(r.has_virial);
    kr_assert_near(r.virial[0], 1000.5 * 1e5 / 1e30 / 1.602176634e-19 * 80, 0, 1e-6); /* bar */
    kr_assert_near(r.virial[5], 30.125 * 1e5 / 1e30 / 1.602176634e-19 * 80, 0, 1e-6);
    r = read_with(ctx, real, WHOLE(result_text), WHOLE(forces_text), 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy, -2.6899715095845917 * kcal, 0, 1e-8);
    kr_assert_near(force[5], -0.062512345 * kcal, 0, 1e-8);
    kr_assert_near(r.virial[8], 3000.125 * gas * 80, 0, 1e-6);
    char key[65], other[65];
    kr_assert_ok(ctx, kr_labeller_key(ctx, metal, &label, key));
    kr_assert_ok(ctx, kr_labeller_key(ctx, real, &label, other));
    assert_string_not_equal(key, other);
    kr_labeller_destroy(&metal);
    kr_labeller_destroy(&real);
}

/* Cut at every byte: refused. */
static void test_cut(void **state) {
    kr_context *ctx = *state;
    kr_labeller *l = make(ctx, "");
    for (size_t n = 0; n < sizeof result_text - 1; n++)
        assert_int_equal(read_with(ctx, l, result_text, n, WHOLE(forces_text), 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    for (size_t n = 0; n < sizeof forces_text - 1; n++)
        assert_int_equal(read_with(ctx, l, WHOLE(result_text), forces_text, n, 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    kr_labeller_destroy(&l);
}

static void test_damaged(void **state) {
    kr_context *ctx = *state;
    kr_labeller *l = make(ctx, "");
    static const char nan_energy[] = "energy nan pressure 1 2 3 4 5 6 volume 80\n";
    static const char stars[] = "energy -2.5 pressure 1 2 ****** 4 5 6 volume 80\n";
    static const char nan_force[] = "ITEM: ATOMS id fx fy fz\n1 0.25 -0.125 nan\n2 -0.25 0.125 0\n";
    static const char lost_atom[] = "ITEM: ATOMS id fx fy fz\n1 0.25 -0.125 0\n";
    static const char disorder[] = "ITEM: ATOMS id fx fy fz\n2 0.25 0 0\n1 -0.25 0 0\n";
    static const char error[] = "ERROR on proc 0: Lost atoms\n";
    assert_int_equal(read_with(ctx, l, WHOLE(nan_energy), WHOLE(forces_text), 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_int_equal(read_with(ctx, l, WHOLE(stars), WHOLE(forces_text), 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_int_equal(read_with(ctx, l, WHOLE(result_text), WHOLE(nan_force), 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_int_equal(read_with(ctx, l, WHOLE(result_text), WHOLE(lost_atom), 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_int_equal(read_with(ctx, l, WHOLE(result_text), WHOLE(disorder), 0).outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_int_equal(read_with(ctx, l, WHOLE(result_text), WHOLE(forces_text), 1).outcome, KR_OUTCOME_CRASHED);
    kr_assert_ok(ctx, kr_file_write(ctx, kr_test_folder, "log.lammps", error, sizeof error - 1));
    assert_int_equal(read_with(ctx, l, WHOLE(result_text), WHOLE(forces_text), 0).outcome, KR_OUTCOME_CRASHED);
    kr_labeller_destroy(&l);
}

/* Lines that would label another structure, or forces that are no derivatives. */
static void test_refused(void **state) {
    kr_context *ctx = *state;
    static const char *const bad[] = {"displace_atoms all random 0.1 0.1 0.1 3",
                                      "fix 1 all setforce 0 0 0",
                                      "change_box all x scale 1.1 remap",
                                      "delete_atoms group all",
                                      "units real",
                                      "include other.txt"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        kr_tree *tree;
        kr_labeller *labeller = NULL;
        char text[300];
        snprintf(text, sizeof text,
                 "{\"engine\": \"lammps\", \"elements\": [\"Al\"], \"lines\": [\"pair_style zero 6\",\n\"%s\"]}",
                 bad[k]);
        kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
        assert_int_equal(kr_labeller_create(ctx, tree, ".", &labeller), KR_ERR_FORMAT);
        assert_non_null(strstr(kr_context_message(ctx), "line 2"));
        kr_tree_destroy(&tree);
    }
}

/* pair_coeff lines that fit the types Al, Mg, and others. */
static void test_coefficients(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *lines, *message; /* NULL: fine */
    } cases[] = {
        {"\"pair_style eam/fs\", \"pair_coeff * * a.fs Al Mg # both\"", NULL},
        {"\"pair_style eam/fs\", \"pair_coeff * * /far/b.fs Al NULL\"", NULL},
        {"\"pair_style meam\", \"pair_coeff * * a.fs Al Mg a.fs Al Mg\"", NULL},
        {"\"pair_style lj/cut 9\", \"pair_coeff 1 1 0.1 3.0\", \"pair_coeff 2* 2* 0.2 3.0\"", NULL},
        {"\"pair_style lj/cut 9\", \"pair_coeff ${i} 1 0.1 3.0\"", NULL},
        {"\"pair_style none\"", NULL},
        {"\"# pair_style none\"", "there is no pair_style"},
        {"\"pair_style eam/fs\", \"pair_coeff * * a.fs Mg Al\"", "type 1 is Mg here and Al in label.elements"},
        {"\"pair_style eam/fs\", \"pair_coeff * * a.fs Al\"", "names 1 element, expected 2"},
        {"\"pair_style eam/fs\", \"pair_coeff * * a.fs Al Mg Mg\"", "names 3 elements, expected 2"},
        {"\"pair_style eam/fs\", \"pair_coeff * * a.fs\"", "names 0 elements, expected 2"},
        {"\"pair_style eam/fs\", \"pair_coeff * * aa.fs Al Mg\"", "'aa.fs' is not in label.files"},
        {"\"pair_style lj/cut 9\", \"pair_coeff 1 1 0.1 3.0\"", "no pair_coeff is for type 2, Mg"},
        {"\"pair_style lj/cut 9\", \"pair_coeff *3 1 0.1 3.0\"", "type *3, expected 1 to 2"},
        {"\"pair_style lj/cut 9\", \"pair_coeff 0 1 0.1 3.0\"", "type 0, expected 1 to 2"},
        {"\"pair_style lj/cut 9\", \"pair_coeff 1\"", "expected pair_coeff TYPE TYPE"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        kr_tree *tree;
        kr_labeller *labeller = NULL;
        char text[300];
        snprintf(text, sizeof text,
                 "{\"engine\": \"lammps\", \"elements\": [\"Al\", \"Mg\"], \"files\": [\"x/a.fs\"], \"lines\": [%s]}",
                 cases[k].lines);
        kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
        kr_status status = kr_labeller_create(ctx, tree, ".", &labeller);
        if (status != (cases[k].message ? KR_ERR_FORMAT : KR_OK)) print_message("%s\n", cases[k].lines);
        assert_int_equal(status, cases[k].message ? KR_ERR_FORMAT : KR_OK);
        if (cases[k].message && !strstr(kr_context_message(ctx), cases[k].message))
            fail_msg("%s instead of %s", kr_context_message(ctx), cases[k].message);
        kr_labeller_destroy(&labeller);
        kr_tree_destroy(&tree);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_coefficients, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cut, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_refused, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
