/* LAMMPS data and dump files: styles, boxes, names, units, round trips, broken files, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/formats.h"
#include "core/lammps_cell.h"
#include "core/memory.h"
#include "kr_test.h"
#include "test_folder.h"
#include <unistd.h>

static kr_status parse(kr_context *ctx, kr_parse_fn reader, const char *text, int nelements,
                       const char *const *elements, kr_dataset **dataset) {
    const kr_read_options options = {nelements, elements};
    kr_status status = kr_dataset_create(ctx, dataset);
    if (status == KR_OK) status = reader(ctx, text, strlen(text), "t.lmp", &options, *dataset);
    if (status != KR_OK) kr_dataset_destroy(dataset);
    return status;
}

#define HEAD "title\n2 atoms # two\n2 atom types\n0 4 xlo xhi\n-1 4 ylo yhi\n0 6 zlo zhi\n"
#define MASSES "Masses\n\n1 15.999 # O\n2 1.008 # H\n\n"

/* H at 1 2 3 with id 1, O at 4 5 6 with id 7. */
static void check_two(const kr_dataset *d, const double box[9]) {
    const double coord[6] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(d->nsystems, 1);
    const kr_system *s = d->system[0];
    assert_int_equal(s->natoms, 2);
    kr_assert_close(6, s->coord, coord, 0, 0);
    kr_assert_close(9, s->box, box, 1e-15, 0);
    assert_string_equal(s->type_map[s->type[0]], "H");
    assert_string_equal(s->type_map[s->type[1]], "O");
}

static void test_data_styles(void **state) {
    kr_context *ctx = *state;
    const double straight[9] = {4, 0, 0, 0, 5, 0, 0, 0, 6}, tilted[9] = {4, 0, 0, 1, 5, 0, -0.5, 2, 6};
    const double general[9] = {4, 1, 0, 0, 5, 1, 1, 0, 6};
    const struct {
        const char *text;
        const double *box;
        int with_velocity;
    } cases[] = {
        {HEAD MASSES "Atoms # atomic\n\n7 1 4 5 6\n1 2 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms\n\n7 1 4 5 6\n1 2 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms\n\n7 1 4 5 6 0 0 1\n1 2 1 2 3 -1 0 0\n", straight, 0},
        {HEAD MASSES "Atoms # charge\n\n7 1 -0.8 4 5 6\n1 2 0.4 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms\n\n7 1 -0.8 4 5 6\n1 2 0.4 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms  # molecular\n\n7 1 1 4 5 6 0 0 0\n1 1 2 1 2 3 0 0 0\n", straight, 0},
        {HEAD MASSES "Atoms\n\n7 1 1 4 5 6\n1 1 2 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms # bond\n\n7 1 1 4 5 6\n1 1 2 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms # angle\n\n7 1 1 4 5 6\n1 1 2 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms # full\n\n7 1 1 -0.8 4 5 6\n1 1 2 0.4 1 2 3\n", straight, 0},
        {HEAD MASSES "Atoms\n\n7 1 1 -0.8 4 5 6\n1 1 2 0.4 1 2 3\n", straight, 0},
        {HEAD "1.0 -0.5 2 xy xz yz\n" MASSES "Atoms # atomic\n\n7 1 4 5 6\n1 2 1 2 3\n", tilted, 0},
        {"t\n0 6 zlo zhi\n-1 4 ylo yhi\n2 atom types\n1 bonds\n1 bond types\n0 4 xlo xhi\n2 atoms\n1 -0.5 2 xy xz "
         "yz\n\n"
         "Pair Coeffs # lj\n\n1 1 1\n2 1 1\n\nAtoms # atomic\n\n7 1 4 5 6\n1 2 1 2 3\n\nBonds\n\n1 1 1 2\n\n" MASSES,
         tilted, 0},
        {"t\r\n2 atoms\r\n2 atom types\r\n4 1 0 avec\r\n0 5 1 bvec\r\n1 0 6 cvec\r\n0 0 0 abc "
         "origin\r\n\r\nMasses\r\n\r\n1 15.999\r\n"
         "2 1.008\r\n\r\nAtoms # atomic\r\n\r\n7 1 4 5 6\r\n1 2 1 2 3\r\n",
         general, 0},
        {HEAD "Atom Type Labels\n\n1 O\n2 H\n\nMasses\n\nO 17\nH 2\n\nAtoms # atomic\n\n7 O 4 5 6\n1 H 1 2 3\n",
         straight, 0},
        {HEAD MASSES "Atoms # atomic\n\n7 1 4 5 6\n1 2 1 2 3\n\nVelocities\n\n1 0.1 0.2 0.3\n7 0.4 0.5 0.6\n", straight,
         1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_dataset *d = NULL;
        kr_status status = parse(ctx, kr_lammps_data_parse, cases[i].text, 0, NULL, &d);
        if (status != KR_OK) fail_msg("case %zu: %s", i, kr_context_message(ctx));
        check_two(d, cases[i].box);
        if (cases[i].with_velocity) {
            const double v[6] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
            kr_assert_close(6, d->system[0]->label[KR_LABEL_VELOCITY], v, 0, 0);
        }
        kr_dataset_destroy(&d);
    }
}

static void test_data_names(void **state) {
    kr_context *ctx = *state;
    kr_dataset *d = NULL;
    const char *bare = HEAD "Atoms # atomic\n\n7 1 4 5 6\n1 2 1 2 3\n";
    const char *const elements[] = {"O", "H"}, *const same[] = {"Cu", "Cu"};
    kr_assert_ok(ctx, parse(ctx, kr_lammps_data_parse, bare, 0, NULL, &d));
    assert_int_equal(d->system[0]->ntypes, 0);
    assert_int_equal(d->system[0]->type[0], 1);
    kr_dataset_destroy(&d);
    kr_assert_ok(ctx, parse(ctx, kr_lammps_data_parse, bare, 2, elements, &d));
    assert_string_equal(d->system[0]->type_map[d->system[0]->type[0]], "H");
    kr_dataset_destroy(&d);
    kr_assert_ok(ctx, parse(ctx, kr_lammps_data_parse, bare, 2, same, &d));
    assert_int_equal(d->system[0]->ntypes, 1);
    kr_dataset_destroy(&d);
    assert_int_equal(parse(ctx, kr_lammps_data_parse, bare, 1, elements, &d), KR_ERR_ARGUMENT);
    /* real units: velocities are Å/fs */
    kr_assert_ok(
        ctx, parse(ctx, kr_lammps_data_parse,
                   "LAMMPS data file via write_data, units = real\n1 atoms\n1 atom types\n0 1 xlo xhi\n0 1 ylo yhi\n"
                   "0 1 zlo zhi\n\nAtoms # atomic\n\n1 1 0 0 0\n\nVelocities\n\n1 0.001 0 0\n",
                   0, NULL, &d));
    kr_assert_near(d->system[0]->label[KR_LABEL_VELOCITY][0], 1, 1e-15, 0);
    kr_dataset_destroy(&d);
}

static void test_data_broken(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *text, *fragment;
    } bad[] = {
        {"", "t.lmp: the file is empty"},
        {"title\n", "no section Atoms"},
        {"t\nAtoms\n\n", "t.lmp:2: the header lacks"},
        {"t\n-5 atoms\n", "t.lmp:2: '-5', expected an integer from 1"},
        {"t\n99999999999 atoms\n", "expected an integer from 1"},
        {"t\n2 atoms\n99999 atom types\n", "t.lmp:3: '99999', expected an integer from 1 to 1024"},
        {"t\n1000000 atoms\n1 atom types\nAtoms\n\n1 1 0 0 0\n", "1000000 atoms, but only"},
        {HEAD "Atoms\n\n1 1 0 0 0.0000000\n", "1 rows in Atoms, expected 2"},
        {HEAD "Atoms\n\n1 1 0 0 0\n2 1 0 0 0\n3 1 0 0 0\n", "no more atoms than the header says"},
        {HEAD "Atoms\n\n1 1 0 0 0\n1 1 0 0 0\n", "atom 1 occurs twice in Atoms"},
        {HEAD "Atoms\n\n1 3 0 0 0\n2 1 0 0 0\n", "t.lmp:9: '3', expected a type from 1"},
        {HEAD "Atoms # atomic\n\n1 X 0 0 0\n2 1 0 0 0\n", "a type number or one of"},
        {HEAD "Atoms # atomic\n\n1 1 0 0\n2 1 0 0 0\n", "t.lmp:9: '', expected one more number"},
        {HEAD "Atoms\n\n1 1 0 0 nan\n2 1 0 0 0\n", "'nan', expected a finite number"},
        {HEAD "Atoms\n\n1 1 0 0\n2 1 0 0\n\n\n", "expected 5 to 10 columns"},
        {HEAD "Atoms # hybrid\n\n1 1 0 0 0\n2 1 0 0 0\n", "atom style 'hybrid', supported"},
        {HEAD "Atoms\n\n1 1 0 0 0\n2 1 0 0 0\n\nVelocities\n\n1 0 0 0\n3 0 0 0\n", "no velocity of atom 2"},
        {HEAD "Atoms\n\n1 1 0 0 0\n2 1 0 0 0\n\nAtoms\n\n1 1 0 0 0\n", "the section occurs twice"},
        {"t\n1 atoms\n1 atom types\n0 1 xlo xhi\n\nAtoms\n\n1 1 0 0 0\n", "lacks one of xlo xhi"},
        {"t\n1 0 xlo xhi\n", "expected lo below hi"},
        {"t units = lj\n", "units 'lj', supported metal and real"},
        {"t\n1 atoms\n1 atom types\n1 0 0 avec\n1 0 0 bvec\n0 0 1 cvec\n\nAtoms\n\n1 1 0 0 0\n",
         "the box has volume 0"},
    };
    kr_dataset *d = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(parse(ctx, kr_lammps_data_parse, bad[i].text, 0, NULL, &d) < 0);
        assert_null(d);
        if (!strstr(kr_context_message(ctx), bad[i].fragment))
            fail_msg("case %zu: '%s' has no '%s'", i, kr_context_message(ctx), bad[i].fragment);
    }
}

#define STEP "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\n"
#define CUBE "ITEM: BOX BOUNDS pp pp pp\n0 4\n-1 4\n0 6\n"

static void test_dump(void **state) {
    kr_context *ctx = *state;
    const double straight[9] = {4, 0, 0, 0, 5, 0, 0, 0, 6}, tilted[9] = {4, 0, 0, 1, 5, 0, -0.5, 2, 6};
    const double general[9] = {4, 1, 0, 0, 5, 1, 1, 0, 6};
    const struct {
        const char *text;
        const double *box;
    } cases[] = {
        {STEP CUBE "ITEM: ATOMS id type element x y z\n7 1 O 4 5 6\n1 2 H 1 2 3\n", straight},
        {STEP CUBE "ITEM: ATOMS element zu xu yu\nH 3 1 2\nO 6 4 5\n", straight},
        {STEP CUBE "ITEM: ATOMS id element xs ys zs\n7 O 1 1.2 1\n1 H 0.25 0.6 0.5\n", straight},
        {STEP CUBE "ITEM: ATOMS id element xsu ysu zsu c_pe\n7 O 1 1.2 1 99\n1 H 0.25 0.6 0.5 nan\n", straight},
        {STEP "ITEM: BOX BOUNDS xy xz yz pp pp pp\n-0.5 5 1\n-1 6 -0.5\n0 6 2\nITEM: ATOMS id element x y z\n7 O 4 5 "
              "6\n1 H 1 2 3\n",
         tilted},
        {STEP "ITEM: BOX BOUNDS abc origin pp pp pp\n4 1 0 0\n0 5 1 0\n1 0 6 0\nITEM: ATOMS id element x y z\n7 O 4 5 "
              "6\n1 H 1 2 3\n",
         general},
        {"ITEM: UNITS\nmetal\nITEM: TIME\n0.5\n" STEP CUBE
         "ITEM: ATOMS id element x y z \r\n7 O 4 5 6\n1 H 1 2 3\n\n\n",
         straight},
    };
    kr_dataset *d = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_status status = parse(ctx, kr_lammps_dump_parse, cases[i].text, 0, NULL, &d);
        if (status != KR_OK) fail_msg("case %zu: %s", i, kr_context_message(ctx));
        check_two(d, cases[i].box);
        kr_dataset_destroy(&d);
    }
    /* a caller's elements go before the element column; boundaries; forces in real units; frames of two kinds */
    const char *const elements[] = {"O", "H"};
    kr_assert_ok(
        ctx,
        parse(
            ctx, kr_lammps_dump_parse,
            "ITEM: UNITS\nreal\n" STEP "ITEM: BOX BOUNDS pp fs mm\n0 4\n-1 4\n0 6\n"
            "ITEM: ATOMS id type element x y z fx fy fz mass\n7 1 C 4 5 6 0 0 23.060548 16\n1 2 C 1 2 3 1 2 3 1\n" STEP
                CUBE "ITEM: ATOMS id type x y z\n7 1 4 5 6\n1 2 1 2 3\n",
            2, elements, &d));
    assert_int_equal(d->nsystems, 2);
    const kr_system *s = d->system[0];
    assert_string_equal(s->type_map[s->type[0]], "H");
    assert_int_equal(s->pbc[0] * 100 + s->pbc[1] * 10 + s->pbc[2], 100);
    kr_assert_near(s->label[KR_LABEL_FORCE][5], 1, 1e-8, 0);
    assert_true(s->label[KR_LABEL_MASS][0] == 1 && s->label[KR_LABEL_MASS][1] == 16);
    kr_dataset_destroy(&d);
}

static void test_dump_broken(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *text, *fragment;
    } bad[] = {
        {"", "t.lmp: no frame"},
        {"hello\n", "t.lmp:1: 'hello', expected a line that begins with ITEM:"},
        {STEP, "no frame"},
        {STEP "ITEM: ATOMS id\n", "ATOMS without NUMBER OF ATOMS and BOX BOUNDS"},
        {"ITEM: NUMBER OF ATOMS\nmany\n", "t.lmp:2: 'many', expected the number of atoms"},
        {"ITEM: NUMBER OF ATOMS\n0\n", "'0', expected"},
        {"ITEM: NUMBER OF ATOMS\n", "the file ends"},
        {STEP "ITEM: BOX BOUNDS pp pp pp\n0 1\n0 x\n", "t.lmp:7: 'x', expected a finite number"},
        {STEP "ITEM: BOX BOUNDS pp pp pp\n0 1\n0 0\n0 1\n", "the box has volume 0"},
        {STEP CUBE "ITEM: ATOMS id type x y\n1 1 0 0\n", "no complete positions"},
        {STEP CUBE "ITEM: ATOMS id x y z\n1 0 0 0\n", "neither type nor element"},
        {STEP CUBE "ITEM: ATOMS id id type x y z\n", "each column once"},
        {STEP CUBE "ITEM: ATOMS id type x y z\n1 1 0 0 0\n1 1 0 0 0\n", "atom 1 occurs twice"},
        {STEP CUBE "ITEM: ATOMS id type x y z\n1 1 0 0 00000000000000000\n", "the file ends in a frame"},
        {STEP CUBE "ITEM: ATOMS id type x y z\n1 1 0 0 inf\n2 1 0 0 0\n", "t.lmp:10: z is 'inf'"},
        {STEP CUBE "ITEM: ATOMS id type x y z\n1 0 0 0 0\n2 1 0 0 0\n", "type '0', allowed 1 to"},
        {STEP CUBE "ITEM: ATOMS id type x y z\n1 1 0 0.000\n2 1 0 0 0\n", "as many columns"},
        {"ITEM: NUMBER OF ATOMS\n100000000\n" CUBE "ITEM: ATOMS id type x y z\n1 1 0 0 0\n",
         "100000000 atoms, but only"},
        {STEP CUBE "ITEM: ATOMS element x y z\nO 0 0 0\nO 0 0 0\n" STEP CUBE
                   "ITEM: ATOMS type x y z\n1 0 0 0\n1 0 0 0\n",
         "some frames have an element"},
        {"ITEM: UNITS\nlj\n", "units 'lj'"},
    };
    kr_dataset *d = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(parse(ctx, kr_lammps_dump_parse, bad[i].text, 0, NULL, &d) < 0);
        assert_null(d);
        if (!strstr(kr_context_message(ctx), bad[i].fragment))
            fail_msg("case %zu: '%s' has no '%s'", i, kr_context_message(ctx), bad[i].fragment);
    }
}

static double distance2(const double *box, const double *a, const double *b) {
    double best = 1e300;
    for (int i = -12; i <= 12; i++)
        for (int j = -12; j <= 12; j++)
            for (int k = -12; k <= 12; k++) {
                double sum = 0;
                for (int c = 0; c < 3; c++) {
                    double x = b[c] - a[c] + i * box[c] + j * box[3 + c] + k * box[6 + c];
                    sum += x * x;
                }
                if (sum < best) best = sum;
            }
    return best;
}

/* Rotated, reflected and reduced: nearest-image distances, lengths of forces and the volume stay. */
static void test_general_cells(void **state) {
    kr_context *ctx = *state;
    const double boxes[4][9] = {{4, 1, 0.5, 0, 5, 1, 1, 0.2, 6},
                                {4, 1, 0.5, 1, 0.2, 6, 0, 5, 1},         /* left-handed */
                                {4, 0, 0, 9, 5, 0, -7, 11, 6},           /* restricted, strongly skewed */
                                {-4, 0.3, 0.1, 0.2, -5, 0.4, 13, 9, 6}}; /* everything at once */
    char *path = kr_path_join(ctx, kr_test_folder, "cell.dump"), *data = kr_path_join(ctx, kr_test_folder, "cell.lmp");
    for (int i = 0; i < 4; i++) {
        const char *names[] = {"O", "H"};
        kr_system *s = NULL;
        kr_dataset *d = NULL, *e = NULL, *g = NULL;
        kr_assert_ok(ctx, kr_dataset_create(ctx, &d));
        kr_assert_ok(ctx, kr_system_create(ctx, "x", 3, 1, 2, names, 0, &s));
        kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FORCE, 3));
        s->has[0] = 1u << KR_LABEL_FORCE;
        s->type[1] = 1;
        memset(s->pbc, 1, 3);
        memcpy(s->box, boxes[i], sizeof boxes[i]);
        for (int k = 0; k < 9; k++) {
            s->coord[k] = 0.1 * k * k - 0.4 * k;
            s->label[KR_LABEL_FORCE][k] = k - 3.5;
        }
        kr_assert_ok(ctx, kr_dataset_append(ctx, d, &s));
        kr_assert_ok(ctx, kr_dataset_write(ctx, d, path, NULL, 1));
        kr_assert_ok(ctx, kr_dataset_write(ctx, d, data, NULL, 1));
        kr_assert_ok(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &e));
        kr_assert_ok(ctx, kr_dataset_read(ctx, data, NULL, 0, NULL, &g));
        const kr_system *a = d->system[0], *b = e->system[0];
        const double *m = b->box;
        assert_true(m[1] == 0 && m[2] == 0 && m[5] == 0 && m[0] > 0 && m[4] > 0 && m[8] > 0);
        assert_true(fabs(m[3]) <= 0.5 * m[0] * (1 + 1e-8) && fabs(m[6]) <= 0.5 * m[0] * (1 + 1e-8));
        assert_true(fabs(m[7]) <= 0.5 * m[4] * (1 + 1e-8));
        kr_assert_near(kr_box_volume(b->box), kr_box_volume(a->box), 1e-10, 0);
        kr_assert_close(9, g->system[0]->box, b->box, 1e-12, 0);
        kr_assert_close(9, g->system[0]->coord, b->coord, 1e-12, 0);
        for (int p = 0; p < 3; p++)
            for (int q = 0; q < 3; q++) {
                const double *f = a->label[KR_LABEL_FORCE] + 3 * p, *h = b->label[KR_LABEL_FORCE] + 3 * p;
                const double *u = a->label[KR_LABEL_FORCE] + 3 * q, *v = b->label[KR_LABEL_FORCE] + 3 * q;
                kr_assert_near(h[0] * v[0] + h[1] * v[1] + h[2] * v[2], f[0] * u[0] + f[1] * u[1] + f[2] * u[2], 1e-10,
                               0);
                if (p == q) continue;
                kr_assert_near(distance2(b->box, b->coord + 3 * p, b->coord + 3 * q),
                               distance2(a->box, a->coord + 3 * p, a->coord + 3 * q), 1e-10, 0);
            }
        kr_dataset_destroy(&d);
        kr_dataset_destroy(&e);
        kr_dataset_destroy(&g);
    }
    kr_free(path);
    kr_free(data);
}

static void test_fixtures(void **state) {
    kr_context *ctx = *state;
    const char *const elements[] = {"O", "H"};
    char *path = kr_path_join(ctx, kr_test_folder, "w.lmp"), *dump = kr_path_join(ctx, kr_test_folder, "w.dump");
    kr_dataset *a = NULL, *b = NULL, *c = NULL;
    kr_assert_ok(ctx, kr_dataset_read(ctx, KR_TEST_DATA "/deepmd_kit/lammps/water_tri.lmp", NULL, 2, elements, &a));
    kr_assert_ok(ctx, kr_dataset_read(ctx, KR_TEST_DATA "/deepmd_kit/lammps/water_tri.dump", NULL, 2, elements, &b));
    long n = 3L * a->system[0]->natoms;
    assert_int_equal(n, 576);
    kr_assert_close(n, b->system[0]->coord, a->system[0]->coord, 1e-9, 0);
    kr_assert_close(9, b->system[0]->box, a->system[0]->box, 1e-9, 0);
    assert_memory_equal(b->system[0]->type, a->system[0]->type, 192 * sizeof(int));
    kr_dataset_destroy(&b);
    kr_assert_ok(ctx, kr_dataset_write(ctx, a, path, NULL, 0));
    kr_assert_ok(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &b));
    kr_assert_close(n, b->system[0]->coord, a->system[0]->coord, 0, 0);
    kr_assert_close(n, b->system[0]->label[KR_LABEL_VELOCITY], a->system[0]->label[KR_LABEL_VELOCITY], 0, 0);
    assert_string_equal(b->system[0]->type_map[1], "H");
    kr_dataset_destroy(&b);
    kr_dataset_destroy(&a);
    kr_assert_ok(ctx,
                 kr_dataset_read(ctx, KR_TEST_DATA "/deepmd_kit/lammps/water_tri_nve.dump", NULL, 2, elements, &a));
    assert_int_equal(a->system[0]->nframes, 2);
    assert_int_equal(kr_dataset_write(ctx, a, path, NULL, 1), KR_ERR_ARGUMENT);
    kr_assert_ok(ctx, kr_dataset_write(ctx, a, dump, NULL, 0));
    kr_assert_ok(ctx, kr_dataset_read(ctx, dump, NULL, 0, NULL, &c));
    kr_assert_close(2 * n, c->system[0]->coord, a->system[0]->coord, 0, 0);
    kr_assert_close(2 * n, c->system[0]->label[KR_LABEL_FORCE], a->system[0]->label[KR_LABEL_FORCE], 0, 0);
    kr_assert_close(18, c->system[0]->box, a->system[0]->box, 1e-14, 0);
    kr_dataset_destroy(&a);
    kr_dataset_destroy(&c);
    kr_free(path);
    kr_free(dump);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    const char *texts[2] = {HEAD MASSES
                            "Atoms # atomic\n\n7 1 4 5 6\n1 2 1 2 3\n\nVelocities\n\n1 0.1 0.2 0.3\n7 0.4 0.5 0.6\n",
                            STEP CUBE "ITEM: ATOMS id element x y z fx fy fz\n7 O 4 5 6 1 1 1\n1 H 1 2 3 1 1 1\n"};
    for (int i = 0; i < 2; i++) {
        long before = kr_memory_live();
        int failed = 0;
        for (long n = 1;; n++, failed++) {
            kr_dataset *d = NULL;
            kr_memory_fail_at(n);
            kr_status status = parse(ctx, i ? kr_lammps_dump_parse : kr_lammps_data_parse, texts[i], 0, NULL, &d);
            kr_memory_fail_at(0);
            kr_dataset_destroy(&d);
            assert_int_equal(kr_memory_live(), before);
            if (status == KR_OK) break;
            assert_int_equal(status, KR_ERR_MEMORY);
        }
        assert_true(failed > 15);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_data_styles), cmocka_unit_test(test_data_names),
                                       cmocka_unit_test(test_data_broken), cmocka_unit_test(test_dump),
                                       cmocka_unit_test(test_dump_broken), cmocka_unit_test(test_general_cells),
                                       cmocka_unit_test(test_fixtures),    cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, kr_test_folder_setup, kr_test_folder_teardown);
}
