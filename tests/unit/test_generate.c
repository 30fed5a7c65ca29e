/* Start structures: distances and numbers of neighbours, surfaces, compositions, defects, ladders.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "core/neighbor.h"
#include "eelt/generate.h"
#include "kr_test.h"

typedef struct made {
    kr_dataset *data;
    kr_frames frames;
    int n;
} made;

static made make(kr_context *ctx, const char *text) {
    made m = {0};
    kr_tree *tree;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    kr_assert_ok(ctx, kr_dataset_create(ctx, &m.data));
    kr_assert_ok(ctx, kr_generate(ctx, tree, KR_TEST_DATA, "test", m.data));
    kr_assert_ok(ctx, kr_frames_begin(ctx, m.data, &m.frames));
    for (int s = 0; s < m.data->nsystems; s++) m.n += m.data->system[s]->nframes;
    kr_tree_destroy(&tree);
    return m;
}
static void drop(made *m) {
    kr_frames_clear(&m->frames);
    kr_dataset_destroy(&m->data);
}
/* Frame k of all. */
static kr_frame frame_of(kr_context *ctx, made *m, int k) {
    kr_frame f;
    int s = 0;
    for (; k >= m->data->system[s]->nframes; s++) k -= m->data->system[s]->nframes;
    kr_assert_ok(ctx, kr_frames_get(ctx, &m->frames, s, k, &f));
    return f;
}
static int count(const made *m, const kr_frame *f, const char *name) {
    int n = 0, type = kr_names_find(&m->frames.names, name, strlen(name));
    for (int i = 0; i < f->natoms; i++) n += f->type[i] == type;
    return n;
}

/* Every atom has `neighbours` others at `distance`, none nearer. */
static void shell(kr_context *ctx, const kr_frame *f, double distance, int neighbours) {
    kr_cell cell;
    kr_neighbors list = {0};
    kr_assert_ok(ctx, kr_cell_set(ctx, f->box, f->pbc, &cell));
    kr_assert_ok(ctx, kr_neighbors_build(ctx, &cell, distance * 1.01, f->natoms, f->coord, NULL, &list));
    for (int i = 0; i < f->natoms; i++) {
        assert_int_equal(list.numneigh[i], neighbours);
        for (int k = 0; k < neighbours; k++) {
            const double *x = list.x + 3 * list.firstneigh[i][k], *y = list.x + 3 * i;
            kr_assert_near(
                sqrt((x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]) + (x[2] - y[2]) * (x[2] - y[2])),
                distance, 1e-9, 0);
        }
    }
    kr_neighbors_free(&list);
}

static double nearest(kr_context *ctx, const kr_frame *f, double within) {
    kr_cell cell;
    kr_neighbors list = {0};
    double best = INFINITY;
    kr_assert_ok(ctx, kr_cell_set(ctx, f->box, f->pbc, &cell));
    kr_assert_ok(ctx, kr_neighbors_build(ctx, &cell, within, f->natoms, f->coord, NULL, &list));
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < list.numneigh[i]; k++) {
            const double *x = list.x + 3 * list.firstneigh[i][k], *y = list.x + 3 * i;
            best = fmin(best,
                        (x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]) + (x[2] - y[2]) * (x[2] - y[2]));
        }
    kr_neighbors_free(&list);
    return sqrt(best);
}

static const struct {
    const char *name;
    int conventional, primitive, neighbours;
    double nearest, volume; /* in a, a³ per atom */
} lattices[] = {{"fcc", 4, 1, 12, 0.70710678118654752, 0.25},
                {"bcc", 2, 1, 8, 0.86602540378443865, 0.5},
                {"hcp", 2, 2, 12, 1, 0.70710678118654752},
                {"sc", 1, 1, 6, 1, 1},
                {"diamond", 8, 2, 4, 0.43301270189221932, 0.125}};

static void test_bulk(void **state) {
    kr_context *ctx = *state;
    char text[256];
    for (size_t l = 0; l < sizeof lattices / sizeof *lattices; l++)
        for (int primitive = 0; primitive < 2; primitive++) {
            snprintf(
                text, sizeof text,
                "{\"kind\": \"bulk\", \"lattice\": \"%s\", \"element\": \"Al\", \"a_A\": [4, 4.1], \"cell\": \"%s\", "
                "\"supercell\": [2, 1, 3]}",
                lattices[l].name, primitive ? "primitive" : "conventional");
            made m = make(ctx, text);
            assert_int_equal(m.n, 2);
            for (int k = 0; k < 2; k++) {
                double a = k ? 4.1 : 4;
                kr_frame f = frame_of(ctx, &m, k);
                assert_int_equal(f.natoms, 6 * (primitive ? lattices[l].primitive : lattices[l].conventional));
                kr_assert_near(kr_box_volume(f.box), f.natoms * lattices[l].volume * a * a * a, 1e-9, 0);
                shell(ctx, &f, lattices[l].nearest * a, lattices[l].neighbours);
            }
            drop(&m);
        }
}

/* Surfaces: area of a surface atom's cell in a² (per primitive plane), spacing of planes in a. */
static const struct {
    const char *lattice, *miller;
    double area, spacing;
    int basis;
} surfaces[] = {{"fcc", "[1, 0, 0]", 0.5, 0.5, 1},
                {"fcc", "[1, 1, 0]", 0.70710678118654752, 0.35355339059327376, 1},
                {"fcc", "[1, 1, 1]", 0.43301270189221932, 0.57735026918962576, 1},
                {"fcc", "[2, 1, 1]", 1.2247448713915890, 0.20412414523193151, 1},
                {"bcc", "[1, 0, 0]", 1, 0.5, 1},
                {"bcc", "[1, 1, 0]", 0.70710678118654752, 0.70710678118654752, 1},
                {"sc", "[2, 1, 0]", 2.2360679774997897, 0.44721359549995794, 1},
                {"hcp", "[0, 0, 1]", 0.86602540378443865, 1.632993161855452, 2},
                {"hcp", "[0, 0, 0, 1]", 0.86602540378443865, 1.632993161855452, 2},
                {"hcp", "[1, 0, -1, 0]", 1.632993161855452, 0.86602540378443865, 2},
                {"diamond", "[1, 1, 1]", 0.43301270189221932, 0.57735026918962576, 2}};

static void test_slab(void **state) {
    kr_context *ctx = *state;
    char text[256];
    for (size_t k = 0; k < sizeof surfaces / sizeof *surfaces; k++) {
        snprintf(
            text, sizeof text,
            "{\"kind\": \"slab\", \"lattice\": \"%s\", \"element\": \"Al\", \"a_A\": 4, \"miller\": %s, \"layers\": 5, "
            "\"vacuum_A\": [8, 12]}",
            surfaces[k].lattice, surfaces[k].miller);
        made m = make(ctx, text);
        assert_int_equal(m.n, 2);
        for (int v = 0; v < 2; v++) {
            kr_frame f = frame_of(ctx, &m, v);
            const double *b = f.box;
            double low = INFINITY, high = -INFINITY;
            assert_int_equal(f.natoms, 5 * surfaces[k].basis);
            kr_assert_near(b[0] * b[4], 16 * surfaces[k].area, 1e-9, 0);
            for (int i = 0; i < f.natoms; i++) {
                low = fmin(low, f.coord[3 * i + 2]);
                high = fmax(high, f.coord[3 * i + 2]);
            }
            kr_assert_near(b[8] - (high - low), v ? 12 : 8, 1e-9, 0);
            kr_assert_near(low, v ? 6 : 4, 1e-9, 0);
            for (int i = 0; i + surfaces[k].basis < f.natoms; i++)
                kr_assert_near(f.coord[3 * (i + surfaces[k].basis) + 2] - f.coord[3 * i + 2], 4 * surfaces[k].spacing,
                               1e-9, 0);
            /* it is the same crystal: the nearest distance is that of the bulk */
            for (size_t l = 0; l < sizeof lattices / sizeof *lattices; l++)
                if (!strcmp(lattices[l].name, surfaces[k].lattice))
                    kr_assert_near(nearest(ctx, &f, 4.5), 4 * lattices[l].nearest, 1e-9, 0);
            assert_true(b[1] == 0 && b[2] == 0 && b[5] == 0 && b[6] == 0 && b[7] == 0 && b[4] > 0);
        }
        drop(&m);
    }
}

/* An atom in the middle of a thick slab has the neighbours of the bulk. */
static void test_slab_inside(void **state) {
    kr_context *ctx = *state;
    made m =
        make(ctx, "{\"kind\": \"slab\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, \"miller\": [2, 1, 1], "
                  "\"layers\": 30, \"supercell\": [2, 2, 1]}");
    kr_frame f = frame_of(ctx, &m, 0);
    kr_cell cell;
    kr_neighbors list = {0};
    int found = 0;
    assert_int_equal(f.natoms, 120);
    kr_assert_ok(ctx, kr_cell_set(ctx, f.box, f.pbc, &cell));
    kr_assert_ok(ctx, kr_neighbors_build(ctx, &cell, 2.9, f.natoms, f.coord, NULL, &list));
    for (int i = 0; i < f.natoms; i++) {
        double depth = fabs(f.coord[3 * i + 2] - f.box[8] / 2);
        if (depth < 10) found += list.numneigh[i] == 12 ? 1 : -1000;
    }
    assert_true(found > 20);
    kr_neighbors_free(&list);
    drop(&m);
}

static void test_alloy(void **state) {
    kr_context *ctx = *state;
    static const char text[] =
        "{\"kind\": \"bulk\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, \"supercell\": "
        "[2, 2, 2], \"composition\": {\"Al\": 0.5, \"Mg\": 0.3, \"Cu\": 0.2}, \"replicas\": 3, "
        "\"seed\": 4}";
    made m = make(ctx, text), again = make(ctx, text);
    assert_int_equal(m.n, 3);
    int differ = 0;
    int first[32];
    for (int k = 0; k < 3; k++) {
        kr_frame f = frame_of(ctx, &m, k), g = frame_of(ctx, &again, k);
        assert_int_equal(count(&m, &f, "Al"), 16); /* 16, 9.6, 6.4 */
        assert_int_equal(count(&m, &f, "Mg"), 10);
        assert_int_equal(count(&m, &f, "Cu"), 6);
        assert_memory_equal(f.type, g.type, sizeof first);
        if (k) differ += memcmp(first, f.type, sizeof first) != 0;
        memcpy(first, f.type, sizeof first);
    }
    assert_int_equal(differ, 2);
    drop(&m);
    drop(&again);
}

static void test_defects(void **state) {
    kr_context *ctx = *state;
    made m = make(ctx, "{\"kind\": \"bulk\", \"lattice\": \"bcc\", \"element\": \"Fe\", \"a_A\": 2.87, \"supercell\": "
                       "[3, 3, 3], \"vacancies\": 2, \"interstitials\": 1, \"interstitial\": \"C\", \"replicas\": 4}");
    assert_int_equal(m.n, 4);
    for (int k = 0; k < 4; k++) {
        kr_frame f = frame_of(ctx, &m, k);
        assert_int_equal(count(&m, &f, "Fe"), 52);
        assert_int_equal(count(&m, &f, "C"), 1);
        assert_true(nearest(ctx, &f, 3) > 1.2); /* a hole of bcc is a/√5 = 1.28 Å wide, a vacancy wider */
    }
    drop(&m);
}

static void test_ladders(void **state) {
    kr_context *ctx = *state;
    made m = make(
        ctx, "{\"kind\": \"bulk\", \"lattice\": \"sc\", \"element\": \"Po\", \"a_A\": 3, \"supercell\": [2, 2, 2], "
             "\"volumes\": [0.9, 1.1], \"strains\": [[0, 0, 0, 0, 0, 0], [0.02, 0, 0, 0, 0, 0.04]], "
             "\"strain_count\": 3, \"strain_max\": 0.05, \"rattle_A\": 0.1}");
    assert_int_equal(m.n, 10);
    kr_frame f = frame_of(ctx, &m, 0);
    kr_assert_near(kr_box_volume(f.box), 0.9 * 216, 1e-9, 0);
    double square = 0;
    for (int i = 0; i < 24; i++) {
        double site = f.coord[i] / (3 * cbrt(0.9));
        square += (site - round(site)) * (site - round(site)) * 9 / 24;
    }
    assert_true(sqrt(square) > 0.05 && sqrt(square) < 0.2);
    f = frame_of(ctx, &m, 6); /* second volume, second strain */
    double edge = 6 * cbrt(1.1);
    const double expected[9] = {1.02 * edge, 0.02 * edge, 0, 0.02 * edge, edge, 0, 0, 0, edge};
    kr_assert_close(9, f.box, expected, 1e-9, 0);
    for (int k = 2; k < 5; k++) {
        f = frame_of(ctx, &m, k);
        double e = f.box[4] / (6 * cbrt(0.9)) - 1;
        assert_true(fabs(e) <= 0.05 + 1e-12 && e != 0);
    }
    drop(&m);
}

static void test_liquid(void **state) {
    kr_context *ctx = *state;
    made m = make(ctx, "{\"kind\": \"liquid\", \"atoms\": {\"Al\": 60, \"Mg\": 48}, \"density_g_per_cm3\": 2.2, "
                       "\"min_distance_A\": 2.2, \"replicas\": 2}");
    double x0 = 0;
    assert_int_equal(m.n, 2);
    for (int k = 0; k < 2; k++) {
        kr_frame f = frame_of(ctx, &m, k);
        assert_int_equal(f.natoms, 108);
        assert_int_equal(count(&m, &f, "Mg"), 48);
        double grams = (60 * 26.982 + 48 * 24.305) / 6.02214076e23;
        kr_assert_near(grams / (kr_box_volume(f.box) * 1e-24), 2.2, 0, 1e-6);
        assert_true(nearest(ctx, &f, 3) >= 2.2);
        assert_true(k == 0 || x0 != f.coord[0]);
        x0 = f.coord[0];
    }
    drop(&m);
}

static void test_dimer_and_files(void **state) {
    kr_context *ctx = *state;
    made m = make(ctx, "[{\"kind\": \"dimer\", \"elements\": [\"O\", \"H\"], \"distances_A\": [0.8, 1.2]}, {\"kind\": "
                       "\"files\", \"files\": [\"deepmd_kit/lammps/water_tri.lmp\"], \"elements\": [\"O\", \"H\"], "
                       "\"rattle_A\": 0.05, \"replicas\": 2}]");
    assert_int_equal(m.n, 4);
    kr_frame f = frame_of(ctx, &m, 1);
    assert_int_equal(f.natoms, 2);
    kr_assert_near(nearest(ctx, &f, 3), 1.2, 1e-12, 0);
    f = frame_of(ctx, &m, 3);
    assert_int_equal(f.natoms, 192);
    assert_int_equal(count(&m, &f, "O"), 64);
    drop(&m);
}

static void refuse(kr_context *ctx, const char *text, const char *message) {
    kr_tree *tree;
    kr_dataset *data;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    kr_assert_ok(ctx, kr_dataset_create(ctx, &data));
    assert_true(kr_generate(ctx, tree, ".", "structures", data) < 0);
    if (!strstr(kr_context_message(ctx), message) && !strstr(kr_context_hint(ctx), message)) {
        print_error("message: %s (%s)\nexpected: %s\n", kr_context_message(ctx), kr_context_hint(ctx), message);
        fail();
    }
    kr_tree_destroy(&tree);
    kr_dataset_destroy(&data);
}

static void test_errors(void **state) {
    kr_context *ctx = *state;
    refuse(ctx, "{\"kind\": \"bluk\"}", "did you mean 'bulk'");
    refuse(ctx, "{\n \"kind\": \"bulk\", \"latice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4}", "line 2");
    refuse(ctx, "[{\"kind\": \"bulk\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, \"replicas\": 2}]",
           "nothing in them is random");
    refuse(ctx,
           "{\"kind\": \"slab\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, \"layers\": 3, \"miller\": [1, "
           "0]}",
           "[h, k, l]");
    refuse(ctx, "{\"kind\": \"liquid\", \"atoms\": {\"Al\": 60}, \"volume_per_atom_A3\": 5}", "do not fit");
    refuse(ctx, "{\"kind\": \"liquid\", \"atoms\": {\"Al\": 60}}", "one of density_g_per_cm3");
    refuse(ctx, "{\"kind\": \"bulk\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, \"vacancies\": 4}",
           "4 vacancies in a cell of 4 atoms");
    refuse(ctx, "{\"kind\": \"bulk\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, \"strains\": [[1, 2]]}",
           "expected [xx, yy, zz, yz, xz, xy]");
}

/* The n-th allocation fails, for every n: nothing leaks (the teardown looks), nothing crashes. */
static void test_memory(void **state) {
    kr_context *ctx = *state;
    static const char text[] = "[{\"kind\": \"slab\", \"lattice\": \"fcc\", \"element\": \"Al\", \"a_A\": 4, "
                               "\"layers\": 2, \"miller\": [1, 0, 0], "
                               "\"composition\": {\"Al\": 1, \"Mg\": 1}, \"strain_count\": 1, \"interstitials\": 1, "
                               "\"vacancies\": 1}, {\"kind\": "
                               "\"liquid\", \"atoms\": {\"Al\": 4}, \"volume_per_atom_A3\": 20}]";
    kr_tree *tree;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    for (long n = 1;; n++) {
        kr_dataset *data = NULL;
        kr_memory_fail_at(n);
        kr_status status = kr_dataset_create(ctx, &data);
        if (status == KR_OK) status = kr_generate(ctx, tree, ".", "test", data);
        kr_memory_fail_at(0);
        kr_dataset_destroy(&data);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_true(n < 5000);
    }
    kr_tree_destroy(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bulk, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_slab, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_slab_inside, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_alloy, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_defects, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_ladders, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_liquid, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_dimer_and_files, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_errors, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_memory, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
