/* deepmd data: all layouts of one data set give the same numbers, round trips between every pair of formats, odd
 * shapes, broken folders, overwriting, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/hdf5.h"
#include "core/memory.h"
#include "core/npy.h"
#include "kr_test.h"
#include "test_folder.h"
#include <unistd.h>

#define FORMATS KR_TEST_DATA "/deepmd_kit/formats/"

static kr_dataset *load(kr_context *ctx, const char *path) {
    kr_dataset *d = NULL;
    kr_assert_ok(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &d));
    return d;
}

/* Frame f of s equals frame g of t: names of atoms, positions, cell, labels (of those in `labels`). */
static void compare_frame(const kr_system *s, int f, const kr_system *t, int g, uint32_t labels) {
    const int *a = kr_system_types(s, f), *b = kr_system_types(t, g);
    size_t n = (size_t)s->natoms;
    assert_int_equal(s->natoms, t->natoms);
    for (size_t i = 0; i < n; i++) assert_string_equal(s->type_map[a[i]], t->type_map[b[i]]);
    kr_assert_close(3 * (long)n, s->coord + 3 * n * (size_t)f, t->coord + 3 * n * (size_t)g, 0, 0);
    kr_assert_close(9, s->box + 9 * (size_t)f, t->box + 9 * (size_t)g, 0, 0);
    assert_int_equal(s->has[f] & labels, t->has[g] & labels);
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        if (!((s->has[f] & labels) >> l & 1)) continue;
        assert_int_equal(s->width[l], t->width[l]);
        size_t row = (size_t)s->width[l] * (kr_label_per_atom(l) ? n : 1);
        kr_assert_close((long)row, s->label[l] + row * (size_t)f, t->label[l] + row * (size_t)g, 0, 0);
    }
}

static void compare(const kr_dataset *a, const kr_dataset *b, uint32_t labels) {
    int s = 0, t = 0, f = 0, g = 0;
    while (s < a->nsystems && t < b->nsystems) { /* frame by frame: systems may be cut differently */
        compare_frame(a->system[s], f, b->system[t], g, labels);
        assert_memory_equal(a->system[s]->pbc, b->system[t]->pbc, 3);
        if (++f == a->system[s]->nframes) s++, f = 0;
        if (++g == b->system[t]->nframes) t++, g = 0;
    }
    assert_int_equal(s, a->nsystems);
    assert_int_equal(t, b->nsystems);
}

#define BIT(name) (1u << KR_LABEL_##name)

static void test_layouts(void **state) {
    kr_context *ctx = *state;
    kr_dataset *npy = load(ctx, FORMATS "npy"), *raw = load(ctx, FORMATS "raw"),
               *h5 = load(ctx, FORMATS "two_systems.hdf5");
    const kr_system *s = npy->system[0];
    assert_int_equal(s->natoms, 16);
    assert_int_equal(s->nframes, 4);
    /* the second set has no virial */
    assert_int_equal(s->has[0], BIT(ENERGY) | BIT(FORCE) | BIT(VIRIAL) | BIT(ATOM_ENER));
    assert_int_equal(s->has[3], BIT(ENERGY) | BIT(FORCE) | BIT(ATOM_ENER));
    double sum = 0;
    for (int i = 0; i < 16; i++) sum += s->label[KR_LABEL_ATOM_ENER][i];
    kr_assert_near(sum, s->label[KR_LABEL_ENERGY][0], 1e-10, 0);
    for (int f = 0; f < 4; f++) compare_frame(s, f, raw->system[0], f, BIT(ENERGY) | BIT(FORCE) | BIT(ATOM_ENER));
    assert_int_equal(h5->nsystems, 2);
    assert_non_null(strstr(h5->system[1]->name, "two_systems.hdf5#/water/npy"));
    for (int f = 0; f < 4; f++) compare_frame(s, f, h5->system[1], f, ~0u);
    kr_dataset *one = load(ctx, FORMATS "two_systems.hdf5#/water/npy");
    compare(one, npy, ~0u);
    kr_dataset_destroy(&one);
    /* the swapped type map names the same atoms */
    kr_dataset *swapped = load(ctx, FORMATS "npy_type_map_swapped");
    for (int f = 0; f < 2; f++) compare_frame(s, f, swapped->system[0], f, ~0u);
    assert_string_not_equal(swapped->system[0]->type_map[0], s->type_map[0]);
    kr_dataset_destroy(&swapped);
    kr_dataset *open = load(ctx, FORMATS "npy_nopbc");
    assert_int_equal(open->system[0]->pbc[0] | open->system[0]->pbc[1] | open->system[0]->pbc[2], 0);
    compare_frame(open->system[0], 0, h5->system[0], 0, ~0u);
    kr_dataset_destroy(&open);
    kr_dataset *mixed = load(ctx, FORMATS "mixed");
    assert_int_equal(mixed->system[0]->mixed, 1);
    int padding = 0;
    for (int i = 0; i < 4 * 16; i++) padding += mixed->system[0]->type[i] == -1;
    assert_int_equal(padding, 2 + 3);
    kr_dataset_destroy(&mixed);
    kr_dataset_destroy(&npy);
    kr_dataset_destroy(&raw);
    kr_dataset_destroy(&h5);
}

/* From every format into every other one and back: the numbers are the same bits. */
static void test_pairs(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *name, *file;
        uint32_t keeps;
    } formats[] = {{"npy", "n", ~0u},
                   {"mixed", "m", ~0u},
                   {"raw", "r", ~0u},
                   {"hdf5", "h.hdf5", ~0u},
                   {"hdf5", "g.hdf5#/a/b", ~0u},
                   {"extxyz", "x.xyz", ~0u},
                   {"lammps-dump", "d.dump", BIT(FORCE) | BIT(VELOCITY) | BIT(MASS)}};
    enum { N = sizeof formats / sizeof *formats };
    kr_dataset *source = load(ctx, FORMATS "npy_type_map_swapped");
    kr_system *s = source->system[0];
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_FPARAM, 2));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_APARAM, 3));
    kr_assert_ok(ctx, kr_system_set_label(ctx, s, KR_LABEL_VELOCITY, 3));
    for (int i = 0; i < 2 * 2; i++) s->label[KR_LABEL_FPARAM][i] = i / 3.0;
    for (int i = 0; i < 2 * 16 * 3; i++) s->label[KR_LABEL_APARAM][i] = s->label[KR_LABEL_VELOCITY][i] = i / 7.0 - 5;
    for (int f = 0; f < 2; f++) s->has[f] |= BIT(FPARAM) | BIT(APARAM) | BIT(VELOCITY);
    for (int i = 0; i < N; i++) {
        char *first = kr_path_join(ctx, kr_test_folder, formats[i].file);
        kr_assert_ok(ctx, kr_dataset_write(ctx, source, first, formats[i].name, 0));
        kr_dataset *a = load(ctx, first);
        compare(source, a, formats[i].keeps);
        for (int j = 0; j < N; j++) {
            char *second = kr_strprintf(ctx, "%s/2%s", kr_test_folder, formats[j].file);
            kr_assert_ok(ctx, kr_dataset_write(ctx, a, second, formats[j].name, 1));
            kr_dataset *b = load(ctx, second);
            compare(source, b, formats[i].keeps & formats[j].keeps);
            kr_dataset_destroy(&b);
            kr_free(second);
        }
        kr_dataset_destroy(&a);
        kr_free(first);
    }
    kr_dataset_destroy(&source);
}

static void test_sets(void **state) {
    kr_context *ctx = *state;
    kr_dataset *a = load(ctx, FORMATS "npy"), *m = load(ctx, FORMATS "mixed"), *b, *d = NULL;
    char *path = kr_path_join(ctx, kr_test_folder, "sets"), *inside = kr_path_join(ctx, path, "set.001");
    kr_assert_ok(ctx, kr_dataset_write(ctx, a, path, NULL, 0));
    assert_true(kr_file_is_folder(inside)); /* labels change: a set of its own */
    b = load(ctx, path);
    compare(a, b, ~0u);
    kr_dataset_destroy(&b);
    assert_int_equal(kr_dataset_write(ctx, a, path, NULL, 0), KR_ERR_IO);
    assert_non_null(strstr(kr_context_message(ctx), "exists already"));
    /* mixed with virtual atoms: written apart by composition, virtual atoms dropped */
    kr_assert_ok(ctx, kr_dataset_write(ctx, m, path, NULL, 1));
    assert_false(kr_file_is_folder(inside));
    b = load(ctx, path);
    int frames = 0;
    for (int s = 0; s < b->nsystems; s++) {
        frames += b->system[s]->nframes;
        for (int i = 0; i < b->system[s]->natoms; i++) assert_true(b->system[s]->type[i] >= 0);
    }
    assert_int_equal(frames, 4);
    assert_true(b->nsystems >= 3);
    kr_dataset_destroy(&b);
    /* a folder with foreign files is not replaced */
    char *foreign = kr_path_join(ctx, path, "thesis.tex");
    fclose(fopen(foreign, "w"));
    assert_int_equal(kr_dataset_write(ctx, a, path, NULL, 1), KR_ERR_IO);
    assert_non_null(strstr(kr_context_message(ctx), "thesis.tex' is no part of a deepmd dataset"));
    assert_true(kr_file_exists(foreign));
    unlink(foreign);
    a->system[0]->pbc[1] = 0;
    assert_int_equal(kr_dataset_write(ctx, a, path, NULL, 1), KR_ERR_UNSUPPORTED);
    assert_int_equal(kr_dataset_write(ctx, a, "x", "npz", 1), KR_ERR_ARGUMENT);
    assert_string_equal(kr_context_hint(ctx), "did you mean 'npy'?");
    assert_int_equal(kr_dataset_write(ctx, a, "x.foo", NULL, 1), KR_ERR_ARGUMENT);
    assert_int_equal(kr_dataset_read(ctx, FORMATS "npy", "mixed", 0, NULL, &d), KR_ERR_FORMAT);
    assert_int_equal(kr_dataset_read(ctx, "/nonexistent", NULL, 0, NULL, &d), KR_ERR_IO);
    kr_dataset_destroy(&a);
    kr_dataset_destroy(&m);
    kr_free(path);
    kr_free(inside);
    kr_free(foreign);
}

/* ---- a small system made by hand: 2 atoms, 3 frames ---- */

static void put_text(const char *base, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static void put_npy(kr_context *ctx, const char *base, const char *name, int ndim, size_t n0, size_t n1, double value) {
    char path[512];
    const size_t shape[2] = {n0, n1};
    double data[64];
    for (int i = 0; i < 64; i++) data[i] = i % 4 == 0 ? value : i;
    snprintf(path, sizeof path, "%s/set.000/%s.npy", base, name);
    kr_assert_ok(ctx, kr_npy_write(ctx, path, KR_FLOAT64, ndim, shape, data));
}

static char *small(kr_context *ctx) {
    static int number;
    char *base = kr_strprintf(ctx, "%s/small%d", kr_test_folder, number++), *set = kr_path_join(ctx, base, "set.000");
    kr_assert_ok(ctx, kr_folder_make(ctx, base));
    kr_assert_ok(ctx, kr_folder_make(ctx, set));
    put_text(base, "type.raw", "0 1\n");
    put_text(base, "type_map.raw", "O\nH\n");
    put_npy(ctx, base, "coord", 2, 3, 6, 1);
    put_npy(ctx, base, "box", 2, 3, 9, 7);
    kr_free(set);
    return base;
}

static void test_odd_shapes(void **state) {
    kr_context *ctx = *state;
    char *base = small(ctx);
    put_npy(ctx, base, "energy", 2, 3, 1, 1);
    put_npy(ctx, base, "fparam", 1, 3, 1, 1);
    put_npy(ctx, base, "aparam", 2, 1, 12, 1); /* all frames in one row */
    put_npy(ctx, base, "force", 2, 3, 6, 1);
    put_npy(ctx, base, "atomic_ener", 2, 3, 2, 1); /* the other spelling */
    kr_dataset *d = load(ctx, base);
    const kr_system *s = d->system[0];
    assert_int_equal(s->nframes, 3);
    assert_int_equal(s->width[KR_LABEL_FPARAM], 1);
    assert_int_equal(s->width[KR_LABEL_APARAM], 2);
    assert_int_equal(s->has[2], BIT(ENERGY) | BIT(FPARAM) | BIT(APARAM) | BIT(FORCE) | BIT(ATOM_ENER));
    kr_dataset_destroy(&d);
    kr_free(base);
    /* 1-D coordinates are one frame; no type map; open system without a box */
    base = small(ctx);
    put_npy(ctx, base, "coord", 1, 6, 0, 1);
    put_text(base, "nopbc", "");
    char *name = kr_path_join(ctx, base, "type_map.raw"), *box = kr_path_join(ctx, base, "set.000/box.npy");
    unlink(name);
    unlink(box);
    d = load(ctx, base);
    assert_int_equal(d->system[0]->nframes, 1);
    assert_int_equal(d->system[0]->ntypes, 0);
    assert_int_equal(d->system[0]->type[1], 1);
    kr_dataset_destroy(&d);
    kr_free(name);
    kr_free(box);
    kr_free(base);
}

static void test_broken(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *name; /* X.npy in set.000 … */
        int ndim;
        size_t n0, n1;
        double value;
        const char *text; /* … or the text of a file of the system */
        const char *fragment;
    } bad[] = {
        {"coord", 2, 3, 5, 1, NULL, "/set.000/coord.npy: shape (3, 5), expected (frames, 6) for 2 atoms"},
        {"coord", 1, 5, 0, 1, NULL, "shape (5,), expected (frames, 6)"},
        {"coord", 2, 0, 6, 1, NULL, "shape (0, 6), expected"},
        {"coord", 2, 3, 6, NAN, NULL, "coord.npy: nan at frame 0, entry 0, expected finite numbers"},
        {"box", 2, 3, 8, 1, NULL, "box.npy: shape (3, 8), expected (3, 9)"},
        {"box", 2, 3, 9, INFINITY, NULL, "box.npy: inf at frame 0"},
        {"energy", 1, 4, 0, 1, NULL, "energy.npy: shape (4,), expected (3, 1)"},
        {"energy", 1, 3, 0, NAN, NULL, "energy.npy: nan at frame 0"},
        {"force", 2, 3, 5, 1, NULL, "force.npy: shape (3, 5), expected (3, 6)"},
        {"force", 2, 6, 3, 1, NULL, "force.npy: shape (6, 3), expected (3, 6)"},
        {"virial", 2, 3, 6, 1, NULL, "virial.npy: shape (3, 6), expected (3, 9)"},
        {"aparam", 2, 3, 3, 1, NULL, "aparam.npy: shape (3, 3), expected (3, a multiple of 2)"},
        {"real_atom_types", 2, 3, 2, 5, NULL, "real_atom_types.npy: type 5 at entry 0, allowed -1 to 1"},
        {"real_atom_types", 2, 2, 2, 0, NULL, "real_atom_types.npy: shape (2, 2), expected (3, 2)"},
        {"type.raw", 0, 0, 0, 0, "0 2\n", "type.raw: type 2 at entry 1, allowed -1 to 1"},
        {"type.raw", 0, 0, 0, 0, "0 0.5\n", "type.raw: type 0.5 at entry 1"},
        {"type.raw", 0, 0, 0, 0, "0 x\n", "type.raw:1: 'x', expected a number"},
        {"type.raw", 0, 0, 0, 0, "", "type.raw: 0 atoms, allowed 1"},
        {"type_map.raw", 0, 0, 0, 0, "O\nO\n", "the name 'O' occurs twice"},
        {"set.000/coord.npy", 0, 0, 0, 0, "hello", "coord.npy: not an npy file"},
        {"set.000/energy.npy", 0, 0, 0, 0, "", "energy.npy: not an npy file"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *base = small(ctx);
        kr_dataset *d = NULL;
        if (bad[i].text)
            put_text(base, bad[i].name, bad[i].text);
        else
            put_npy(ctx, base, bad[i].name, bad[i].ndim, bad[i].n0, bad[i].n1, bad[i].value);
        assert_int_equal(kr_dataset_read(ctx, base, NULL, 0, NULL, &d), KR_ERR_FORMAT);
        assert_null(d);
        if (!strstr(kr_context_message(ctx), bad[i].fragment))
            fail_msg("case %zu: '%s' has no '%s'", i, kr_context_message(ctx), bad[i].fragment);
        kr_free(base);
    }
    char *base = small(ctx), *box = kr_path_join(ctx, base, "set.000/box.npy");
    kr_dataset *d = NULL;
    unlink(box);
    assert_int_equal(kr_dataset_read(ctx, base, NULL, 0, NULL, &d), KR_ERR_FORMAT);
    assert_non_null(strstr(kr_context_message(ctx), "box.npy is missing"));
    assert_non_null(strstr(kr_context_hint(ctx), "nopbc"));
    kr_free(box);
    kr_free(base);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    const char *const paths[] = {FORMATS "npy", FORMATS "mixed", FORMATS "raw"};
    char *target = kr_path_join(ctx, kr_test_folder, "target");
    long before = kr_memory_live();
    for (int p = 0; p < 3; p++)
        for (int writing = 0; writing < 2; writing++) {
            int failed = 0;
            for (long n = 1;; n++, failed++) {
                kr_dataset *d = NULL;
                if (writing) d = load(ctx, paths[p]);
                kr_memory_fail_at(n);
                kr_status status = writing ? kr_dataset_write(ctx, d, target, "npy", 1)
                                           : kr_dataset_read(ctx, paths[p], NULL, 0, NULL, &d);
                kr_memory_fail_at(0);
                kr_dataset_destroy(&d);
                assert_int_equal(kr_memory_live(), before);
                if (status == KR_OK) break;
            }
            assert_true(failed > 30);
        }
    kr_free(target);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layouts), cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_sets),    cmocka_unit_test(test_odd_shapes),
                                       cmocka_unit_test(test_broken),  cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, kr_test_folder_setup, kr_test_folder_teardown);
}
