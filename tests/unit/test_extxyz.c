/* Extended XYZ: dialects, units and signs, round trips, broken files, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/formats.h"
#include "core/frames.h"
#include "core/memory.h"
#include "kr_test.h"
#include <unistd.h>

static kr_status parse(kr_context *ctx, const char *text, kr_dataset **dataset) {
    const kr_read_options options = {0, NULL};
    kr_status status = kr_dataset_create(ctx, dataset);
    if (status == KR_OK) status = kr_extxyz_parse(ctx, text, strlen(text), "t.xyz", &options, *dataset);
    if (status != KR_OK) kr_dataset_destroy(dataset);
    return status;
}

#define CELL "Lattice=\"4 0 0 1 5 0 0 0 6\""
#define PLAIN "Properties=species:S:1:pos:R:3"
#define ATOMS "Cu 1 2 3\nO 4 5 6\n"

/* Two atoms Cu, O at 1 2 3 and 4 5 6; cell and flags as given. */
static void test_dialects(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *comment, *atoms;
        int has_box, pbc[3];
    } cases[] = {
        {CELL " " PLAIN, ATOMS, 1, {1, 1, 1}},
        {PLAIN " energy=1 " CELL, ATOMS, 1, {1, 1, 1}},
        {"pbc=[T, T, T] " CELL " " PLAIN, ATOMS, 1, {1, 1, 1}},
        {"pbc=[True, False, True] " CELL " " PLAIN, ATOMS, 1, {1, 0, 1}},
        {CELL " pbc=\"T T F\" " PLAIN, ATOMS, 1, {1, 1, 0}},
        {CELL " pbc={1 1 0} " PLAIN, ATOMS, 1, {1, 1, 0}},
        {CELL " pbc=\"F F F\" " PLAIN, ATOMS, 1, {0, 0, 0}},
        {CELL " pbc=T " PLAIN, ATOMS, 1, {1, 1, 1}},
        {"Lattice = \" 4.0 0.0  0.0 1 5 0 0 0 6 \" " PLAIN, ATOMS, 1, {1, 1, 1}},
        {"Lattice=[[4,0,0],[1,5,0],[0,0,6]] " PLAIN, ATOMS, 1, {1, 1, 1}},
        {"lattice='4 0 0 1 5 0 0 0 6' properties=species:S:1:pos:R:3", ATOMS, 1, {1, 1, 1}},
        {"", ATOMS, 0, {0, 0, 0}},
        {"it's \"free text", ATOMS, 0, {0, 0, 0}},
        {"key=\"with \\\" quote = and more\" flag " PLAIN " x=\"\"", ATOMS, 0, {0, 0, 0}},
        {"Properties=pos:R:3:species:S:1", "1 2 3 Cu\n4 5 6 O\n", 0, {0, 0, 0}},
        {"Properties=Z:I:1:pos:R:3", "29 1 2 3\n8 4 5 6\n", 0, {0, 0, 0}},
        {"Properties=Z:I:1:pos:R:3:species:S:1", "1 1 2 3 Cu\n1 4 5 6 O\n", 0, {0, 0, 0}},
        {"", "29 1 2 3\n8 4 5 6\n", 0, {0, 0, 0}},
        {"Properties=species:S:1:tags:I:1:pos:R:3:fixed:L:1:more:R:2",
         "Cu 0 1 2 3 T 7 8\n  O\t1 4e0 5.0 0.6D1 F 9 1\n",
         0,
         {0, 0, 0}},
        {CELL " " PLAIN "\r", "Cu 1 2 3\r\nO 4 5 6\r\n\r\n  \n", 1, {1, 1, 1}},
        {CELL " " PLAIN, "Cu 1 2 3\nO 4 5 6", 1, {1, 1, 1}},
    };
    const double box[9] = {4, 0, 0, 1, 5, 0, 0, 0, 6}, coord[6] = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        kr_dataset *d = NULL;
        snprintf(text, sizeof text, "2\n%s\n%s", cases[i].comment, cases[i].atoms);
        kr_status status = parse(ctx, text, &d);
        if (status != KR_OK) fail_msg("case %zu: %s", i, kr_context_message(ctx));
        assert_int_equal(d->nsystems, 1);
        const kr_system *s = d->system[0];
        assert_int_equal(s->ntypes, 2);
        assert_string_equal(s->type_map[s->type[0]], "Cu");
        assert_string_equal(s->type_map[s->type[1]], "O");
        kr_assert_close(6, s->coord, coord, 0, 0);
        for (int k = 0; k < 3; k++) assert_int_equal(s->pbc[k], cases[i].pbc[k]);
        if (cases[i].has_box) kr_assert_close(9, s->box, box, 0, 0);
        kr_dataset_destroy(&d);
    }
}

static void test_labels(void **state) {
    kr_context *ctx = *state;
    kr_dataset *d = NULL;
    const char *text =
        "1\n" CELL " Properties=species:S:1:pos:R:3:force:R:3:forces:R:3:velo:R:3:masses:R:1:energies:R:1 "
        "free_energy=7 energy=-2.5 stress=\"1 2 3 4 5 6\"\nH 0 0 0 9 9 9 1 2 3 0.001 0 0 1.008 -1\n"
        "1\n" CELL " Properties=species:S:1:pos:R:3:force:R:3:momenta:R:3:masses:R:1 free_energy=7 "
        "virial=\"1 2 3 4 5 6 7 8 9\" stress=\"0 0 0 0 0 0\"\nH 0 0 0 1 2 3 1 0 0 2\n"
        "1\n" CELL " " PLAIN " virial=[1,2,3,4,5,6] fparam=\"0.5 1.5\"\nH 0 0 0\n"
        "1\n" PLAIN " stress=\"1 2 3 4 5 6\" config_type=isolated_atom pbc=\"F F F\" energy=3\nH 0 0 0\n";
    kr_assert_ok(ctx, parse(ctx, text, &d));
    assert_int_equal(d->nsystems, 2);
    const kr_system *s = d->system[0];
    assert_int_equal(s->nframes, 3);
#define BIT(name) (1u << KR_LABEL_##name)
    assert_int_equal(s->has[0], BIT(ENERGY) | BIT(FORCE) | BIT(VIRIAL) | BIT(VELOCITY) | BIT(MASS) | BIT(ATOM_ENER));
    assert_int_equal(s->has[1], BIT(ENERGY) | BIT(FORCE) | BIT(VIRIAL) | BIT(VELOCITY) | BIT(MASS));
    assert_int_equal(s->has[2], BIT(VIRIAL) | BIT(FPARAM));
    assert_int_equal(d->system[1]->has[0], BIT(ENERGY));
    const double energy[2] = {-2.5, 7}, force[6] = {1, 2, 3, 1, 2, 3};
    kr_assert_close(2, s->label[KR_LABEL_ENERGY], energy, 0, 0);
    kr_assert_close(6, s->label[KR_LABEL_FORCE], force, 0, 0);
    /* volume 120 Å^3; Voigt order xx yy zz yz xz xy */
    const double virial[27] = {-120, -720, -600, -720, -240, -480, -600, -480, -360, 1, 2, 3, 4, 5,
                               6,    7,    8,    9,    1,    6,    5,    6,    2,    4, 5, 4, 3};
    kr_assert_close(27, s->label[KR_LABEL_VIRIAL], virial, 1e-12, 0);
    const double velocity[6] = {1, 0, 0, 98.22694788464062 / 2, 0, 0};
    kr_assert_close(6, s->label[KR_LABEL_VELOCITY], velocity, 1e-12, 0);
    const double fparam[6] = {0, 0, 0, 0, 0.5, 1.5};
    kr_assert_close(6, s->label[KR_LABEL_FPARAM], fparam, 0, 0);
    kr_dataset_destroy(&d);
}

static void test_grouping(void **state) {
    kr_context *ctx = *state;
    kr_dataset *d = NULL;
    /* H H | H O, O H (other order) | H H again: order is kept, consecutive equal ones share a system */
    kr_assert_ok(ctx,
                 parse(ctx,
                       "2\n\nH 0 0 0\nH 0 0 1\n2\n\nH 0 0 0\nH 0 0 2\n\n2\n\nH 0 0 0\nO 0 0 3\n2\n\nO 0 0 0\nH 0 0 4\n"
                       "2\n\nH 0 0 0\nH 0 0 5\n",
                       &d));
    assert_int_equal(d->nsystems, 4);
    assert_int_equal(d->system[0]->nframes, 2);
    assert_true(d->system[0]->coord[11] == 2 && d->system[3]->coord[5] == 5);
    for (int i = 0; i < 4; i++) assert_int_equal(d->system[i]->ntypes, 2);
    kr_dataset_destroy(&d);
}

static void test_broken(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *text, *fragment;
    } bad[] = {
        {"", "t.xyz: no frame"},
        {"abc\n", "t.xyz:1: 'abc', expected the number of atoms"},
        {"-1\n\n", "t.xyz:1: '-1'"},
        {"0\n\n", "t.xyz:1: '0'"},
        {"99999999999\n\n", "expected the number of atoms"},
        {"1\n", "t.xyz:1: the file ends"},
        {"1000000\n\nH 0 0 0\n", "t.xyz:2: 1000000 atoms, but only 8 bytes are left"},
        {"2\n\nH 0 0 0\n\n\n\n\n\n\n\n", "t.xyz:4: 0 columns, expected 4"},
        {"2\n\nH 0.00000000000 0 0\n", "t.xyz:3: the file ends after atom 1 of 2"},
        {"1\n\nH 0 0\n        ", "t.xyz:3: 3 columns, expected 4"},
        {"1\n\nH 0 x 0\n", "t.xyz:3: 'x' in column 3, expected a finite number"},
        {"1\n\nH 0 nan 0\n", "'nan' in column 3"},
        {"1\n\n200 0 0 0\n", "atomic number 200, allowed 1 to 118"},
        {"1\nLattice=\"1 2 3 4\"\nH 0 0 0\n", "t.xyz:2: Lattice=\"1 2 3 4\", expected 9 numbers"},
        {"1\nLattice=\"1 0 0 0 1 0 0 0 inf\"\nH 0 0 0\n", "not finite"},
        {"1\nLattice=\"1 0 0 0 1 0 0 0 1\nH 0 0 0\n", "t.xyz:2:9: expected a closing quote"},
        {"1\nLattice=[1 0 0 0 1 0 0 0 1\nH 0 0 0\n", "t.xyz:2:9: expected a closing bracket"},
        {"1\nLattice=\"1 0 0 2 0 0 0 0 1\"\nH 0 0 0\n", "Lattice has no volume"},
        {"1\nLattice=\"0 0 0 0 1 0 0 0 1\" pbc=\"T F F\"\nH 0 0 0\n", "cell vector 1 is zero"},
        {"1\npbc=\"T T T\"\nH 0 0 0\n", "pbc is set, but Lattice is missing"},
        {"1\n" CELL " pbc=\"T T\"\nH 0 0 0\n", "pbc=\"T T\", expected three"},
        {"1\n" CELL " pbc=\"T T x\"\nH 0 0 0\n", "expected three of T and F"},
        {"1\nProperties=species:S:1\nH\n", "Properties has no pos:R:3"},
        {"1\nProperties=pos:R:3\n0 0 0\n", "neither species:S:1 nor Z:I:1"},
        {"1\nProperties=species:S:1:pos:R\nH 0 0 0\n", "three by three"},
        {"1\nProperties=species:S:1:pos:X:3\nH 0 0 0\n", "has 'X', expected a type"},
        {"1\nProperties=species:S:1:pos:R:3:a:R:1000\nH 0 0 0\n", "has '1000', expected a count"},
        {"1\nProperties=species:S:1:pos:R:3:a:R:0\nH 0 0 0\n", "has '0', expected a count"},
        {"1\nenergy=low\nH 0 0 0\n", "energy=\"low\", expected a finite number"},
        {"1\nenergy=nan\nH 0 0 0\n", "energy=\"nan\""},
        {"1\nvirial=\"1 2 3\"\nH 0 0 0\n", "virial=\"1 2 3\", expected 6 or 9"},
    };
    kr_dataset *d = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse(ctx, bad[i].text, &d), KR_ERR_FORMAT);
        assert_null(d);
        if (!strstr(kr_context_message(ctx), bad[i].fragment))
            fail_msg("'%s' has no '%s'", kr_context_message(ctx), bad[i].fragment);
    }
}

static void compare(const kr_dataset *a, const kr_dataset *b) {
    assert_int_equal(a->nsystems, b->nsystems);
    for (int i = 0; i < a->nsystems; i++) {
        const kr_system *s = a->system[i], *t = b->system[i];
        assert_int_equal(s->natoms, t->natoms);
        assert_int_equal(s->nframes, t->nframes);
        long n = (long)s->nframes * s->natoms;
        kr_assert_close(3 * n, s->coord, t->coord, 0, 0);
        kr_assert_close(9L * s->nframes, s->box, t->box, 0, 0);
        assert_memory_equal(s->has, t->has, (size_t)s->nframes * sizeof *s->has);
        assert_memory_equal(s->pbc, t->pbc, 3);
        for (int k = 0; k < s->natoms; k++) assert_string_equal(s->type_map[s->type[k]], t->type_map[t->type[k]]);
        for (int l = 0; l < KR_LABEL_COUNT; l++)
            if (s->label[l])
                kr_assert_close((kr_label_per_atom(l) ? n : s->nframes) * s->width[l], s->label[l], t->label[l], 0, 0);
    }
}

static void test_round_trip(void **state) {
    kr_context *ctx = *state;
    char folder[] = "/tmp/kr_test_extxyz_XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = kr_path_join(ctx, folder, "out.xyz");
    const char *sources[] = {KR_TEST_DATA "/zuo2020/Cu_test.xyz", KR_TEST_DATA "/acac/isolated_atoms.xyz",
                             KR_TEST_DATA "/acac/test_MD_300K_10.xyz", KR_TEST_DATA "/deepmd_kit/formats/npy",
                             KR_TEST_DATA "/deepmd_kit/formats/npy_nopbc"};
    const int frames[] = {31, 3, 10, 4, 1};
    for (int i = 0; i < 5; i++) {
        kr_dataset *a = NULL, *b = NULL;
        int n = 0;
        kr_assert_ok(ctx, kr_dataset_read(ctx, sources[i], NULL, 0, NULL, &a));
        for (int s = 0; s < a->nsystems; s++) n += a->system[s]->nframes;
        assert_int_equal(n, frames[i]);
        kr_assert_ok(ctx, kr_dataset_write(ctx, a, path, NULL, i > 0));
        assert_int_equal(kr_dataset_write(ctx, a, path, NULL, 0), KR_ERR_IO);
        kr_assert_ok(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &b));
        compare(a, b);
        kr_dataset_destroy(&a);
        kr_dataset_destroy(&b);
    }
    unlink(path);
    rmdir(folder);
    kr_free(path);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    const char *text =
        "1\n" CELL " Properties=species:S:1:pos:R:3:forces:R:3:aparam:R:2 energy=1 fparam=\"1 2\"\nH 0 0 0 1 2 3 4 5\n"
        "1\n" CELL " Properties=species:S:1:pos:R:3:forces:R:3:aparam:R:2 energy=1\nH 0 0 0 1 2 3 4 5\n1\n\nO 0 0 0\n";
    long before = kr_memory_live();
    int failed = 0;
    for (long n = 1;; n++, failed++) {
        kr_dataset *d = NULL;
        kr_memory_fail_at(n);
        kr_status status = parse(ctx, text, &d);
        kr_memory_fail_at(0);
        kr_dataset_destroy(&d);
        assert_int_equal(kr_memory_live(), before);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
    assert_true(failed > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dialects),   cmocka_unit_test(test_labels),
                                       cmocka_unit_test(test_grouping),   cmocka_unit_test(test_broken),
                                       cmocka_unit_test(test_round_trip), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, kr_test_setup, kr_test_teardown);
}
