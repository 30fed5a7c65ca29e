/* What the tests of labellers share: the structures of the recorded outputs, and reading them.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TESTS_RECORDED_LABELS_H
#define KR_TESTS_RECORDED_LABELS_H

#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/labeller.h"
#include "kr_test.h"
#include "test_folder.h"

#define DATA KR_TEST_DATA "/labellers/"

/* The structures of the recorded outputs. */
static const int al_type[4] = {0, 0, 0, 0};
static const double al_coord[12] = {0.05, 0, 0, 0, 2, 2.03, 2, 0, 2, 2, 2.02, 0};
static const kr_frame al = {
    .natoms = 4, .type = al_type, .coord = al_coord, .box = {4, 0, 0, 0, 4, 0, 0, 0, 4}, .pbc = {1, 1, 1}};
static const char *const al_names[] = {"Al"};
static const int water_type[3] = {0, 1, 1};
static const double water_coord[9] = {0, 0, 0.1173, 0, 0.7572, -0.4692, 0, -0.7572, -0.4692};
static const kr_frame water = {
    .natoms = 3, .type = water_type, .coord = water_coord, .box = {9, 0, 0, 0, 9, 0, 0, 0, 9}, .pbc = {1, 1, 1}};
static const kr_frame molecule = {.natoms = 3, .type = water_type, .coord = water_coord};
static const char *const water_names[] = {"O", "H"};
static const kr_label_frame al_frame = {&al, al_names}, water_frame = {&water, water_names},
                            molecule_frame = {&molecule, water_names};

static kr_labeller *make(kr_context *ctx, const char *text) {
    kr_tree *tree;
    kr_labeller *labeller;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    kr_assert_ok(ctx, kr_labeller_create(ctx, tree, DATA, &labeller));
    kr_tree_destroy(&tree);
    return labeller;
}

#define QE "{\"engine\": \"qe\", \"template\": \"qe_template.in\"}"
#define CP2K "{\"engine\": \"cp2k\", \"template\": \"cp2k_template.inp\"}"
#define XTB "{\"engine\": \"xtb\"}"

static double force[12];
static kr_label_result read_from(kr_context *ctx, const kr_labeller *labeller, const kr_label_frame *frame,
                                 const char *place, int exit_status) {
    kr_usage usage = {.exit_status = exit_status};
    kr_label_result result = {.force = force};
    kr_assert_ok(ctx, kr_labeller_read(ctx, labeller, frame, place, &usage, &result));
    return result;
}

static void write_file(const char *name, const char *text, size_t n) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", kr_test_folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    fclose(file);
}

static char *load(kr_context *ctx, const char *place, const char *name, size_t *n) {
    char *path = kr_path_join(ctx, place, name), *text;
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, n));
    kr_free(path);
    return text;
}

#endif
