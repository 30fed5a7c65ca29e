/* Worst errors of the reference path over every model with a reference in tests/data: prints "key value" lines.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Energies: |ΔE| / max(|E|, 1 eV). Forces (eV/Å) and virials (eV): absolute. Models with float32 parameters count
 * under *_32 (their references carry single precision), the trained ones under trained_*. */
#include "core/json.h"
#include "core/npy.h"
#include "core/yaml.h"
#include "measure.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENERGY, ATOM_ENERGY, FORCE, VIRIAL, ATOM_VIRIAL, KINDS };
static worst w64[KINDS] = {
    {.name = "energy"}, {.name = "atom_energy"}, {.name = "force"}, {.name = "virial"}, {.name = "atom_virial"}};
static worst w32[KINDS] = {{.name = "energy_32"},
                           {.name = "atom_energy_32"},
                           {.name = "force_32"},
                           {.name = "virial_32"},
                           {.name = "atom_virial_32"}};
static worst wtrained[KINDS] = {{.name = "trained_energy"},
                                {.name = "trained_atom_energy"},
                                {.name = "trained_force"},
                                {.name = "trained_virial"},
                                {.name = "trained_atom_virial"}};
static worst wsel[KINDS] = {{.name = "overflow_energy"},
                            {.name = "overflow_atom_energy"},
                            {.name = "overflow_force"},
                            {.name = "overflow_virial"},
                            {.name = "overflow_atom_virial"}};
static int models;

static void compare(worst *w, const frame *f, const result *r, const char *where) {
    long n = f->n;
    if (f->energy) worst_add(&w[ENERGY], max_relative(1, &r->energy, f->energy, 1), where);
    if (f->atom_energy) worst_add(&w[ATOM_ENERGY], max_relative(n, r->atom_energy, f->atom_energy, 1), where);
    if (f->force) worst_add(&w[FORCE], max_difference(3 * n, r->force, f->force), where);
    if (f->virial) worst_add(&w[VIRIAL], max_difference(9, r->virial, f->virial), where);
    if (f->atom_virial) worst_add(&w[ATOM_VIRIAL], max_difference(9 * n, r->atom_virial, f->atom_virial), where);
}

/* Evaluates frames of one model file with the exact network. */
static void run(kr_context *ctx, const char *model, kr_sel_rule rule, int n, const frame *frames, worst *w) {
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    kr_potential *potential = NULL;
    kr_workspace *workspace = NULL;
    options.table = KR_TABLE_OFF;
    options.sel_rule = rule;
    must(ctx, kr_potential_load(ctx, 1, &model, &options, &potential), model);
    must(ctx, kr_workspace_create(ctx, potential, &workspace), model);
    for (int i = 0; i < n; i++) {
        result r = {0};
        char where[200];
        snprintf(where, sizeof where, "%s[%d]", strrchr(model, '/') + 1, i);
        evaluate(ctx, potential, workspace, &frames[i], &r);
        compare(w, &frames[i], &r, where);
        result_free(&r);
    }
    models++;
    kr_workspace_destroy(&workspace);
    kr_potential_destroy(&potential);
}

/* A reference file with a list of frames under `key`, for one model file. */
static void run_json(kr_context *ctx, const char *json, const char *key, const char *model, worst *w) {
    kr_tree *tree = NULL;
    must(ctx, kr_json_read(ctx, json, &tree), json);
    const kr_tree *list = kr_tree_get(tree, key);
    double tolerance = 0;
    must(ctx, kr_tree_get_real_or(ctx, tree, "tolerance", 1e-10, &tolerance), json);
    int n = list ? list->count : 0;
    frame *frames = must_allocate((size_t)n, sizeof *frames);
    for (int i = 0; i < n; i++) frame_read(list->child[i], list->child[i], &frames[i]);
    run(ctx, model, KR_SEL_NEAREST_PER_TYPE, n, frames, w ? w : tolerance > 1e-9 ? w32 : w64);
    for (int i = 0; i < n; i++) frame_free(&frames[i]);
    free(frames);
    kr_tree_destroy(&tree);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Calls `each` with the stem of every file of `folder` that ends in `suffix`, sorted. */
static void for_files(kr_context *ctx, const char *folder, const char *suffix,
                      void (*each)(kr_context *ctx, const char *folder, const char *stem)) {
    DIR *d = opendir(folder);
    char *names[200];
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d)) && n < 200;) {
        size_t length = strlen(e->d_name), end = strlen(suffix);
        if (length > end && !strcmp(e->d_name + length - end, suffix)) names[n++] = strndup(e->d_name, length - end);
    }
    if (d) closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) {
        each(ctx, folder, names[i]);
        free(names[i]);
    }
}

static void each_random(kr_context *ctx, const char *folder, const char *stem) {
    char json[500], model[500];
    const char *kinds[] = {"dp", "yaml"};
    snprintf(json, sizeof json, "%s/%s.expected.json", folder, stem);
    for (int k = 0; k < 2; k++) {
        snprintf(model, sizeof model, "%s/%s.%s", folder, stem, kinds[k]);
        run_json(ctx, json, "tests", model, NULL);
    }
}

static void each_kit(kr_context *ctx, const char *folder, const char *stem) {
    char json[500], model[500];
    /* the reference programs disagree among themselves on these two (tests/data/deepmd_kit/README.md, models_tf) */
    if (!strcmp(stem, "tf_se_atten_concat_attn2") || !strcmp(stem, "tf_se_a_one_rs18_excl")) {
        printf("left_out %s\n", stem);
        return;
    }
    snprintf(json, sizeof json, "%s/%s.json", folder, stem);
    /* the same references hold for the frozen graph that a model was converted from */
    static const char *const suffixes[] = {"dp", "pb"};
    for (int k = 0; k < 2; k++) {
        snprintf(model, sizeof model, "%s/%s.%s", folder, stem, suffixes[k]);
        if (!access(model, R_OK)) run_json(ctx, json, "frames", model, strstr(stem, "_f32") ? w32 : NULL);
    }
}

/* More neighbours than sel: both truncation rules. */
static void each_overflow(kr_context *ctx, const char *folder, const char *stem) {
    static const struct {
        kr_sel_rule rule;
        const char *reference;
    } cases[] = {{KR_SEL_NEAREST_PER_TYPE, "results.tensorflow_python"},
                 {KR_SEL_NEAREST_TOTAL, "results.pytorch_python"}};
    char json[500], model[500];
    snprintf(json, sizeof json, "%s/%s.json", folder, stem);
    snprintf(model, sizeof model, "%s/%s.dp", folder, stem);
    kr_tree *tree = NULL;
    must(ctx, kr_json_read(ctx, json, &tree), json);
    for (int k = 0; k < 2; k++) {
        const kr_tree *reference = kr_tree_at(tree, cases[k].reference);
        frame f;
        if (!reference) continue;
        frame_read(tree, reference, &f);
        run(ctx, model, cases[k].rule, 1, &f, wsel);
        frame_free(&f);
    }
    kr_tree_destroy(&tree);
}

/* DeePMD-kit's own test case: model and numbers in YAML. */
static void deeppot_sea(kr_context *ctx) {
    const char *model = KR_SOURCE_DIR "/tests/data/deeppot_sea/deeppot_sea.yaml",
               *path = KR_SOURCE_DIR "/tests/data/deeppot_sea/deeppot-testcase.yaml";
    kr_tree *tree = NULL;
    must(ctx, kr_yaml_read(ctx, path, &tree), path);
    const kr_tree *results = kr_tree_get(tree, "results");
    for (int k = 0; results && k < results->count; k++) {
        frame f;
        frame_read(results->child[k], results->child[k], &f);
        run(ctx, model, KR_SEL_NEAREST_PER_TYPE, 1, &f, w64);
        frame_free(&f);
    }
    kr_tree_destroy(&tree);
}

static void water(kr_context *ctx) {
    const char *folder = KR_SOURCE_DIR "/tests/data/deepmd_kit/water",
               *model = KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp";
    static const char *const names[] = {"frames", "energy", "atomic_energy", "force", "virial", "atomic_virial"};
    kr_tree *a[6] = {NULL};
    kr_model *m = NULL;
    frame *all = NULL;
    char path[500];
    must(ctx, kr_model_load(ctx, model, &m), model);
    int n = frames_load(ctx, KR_SOURCE_DIR "/tests/data/water/data_3", m, 1, &all);
    for (int k = 0; k < 6; k++) {
        snprintf(path, sizeof path, "%s/%s.npy", folder, names[k]);
        must(ctx, kr_npy_read(ctx, path, &a[k]), path);
    }
    for (size_t i = 0; i < kr_tree_array_size(a[0]); i++) {
        int index = (int)a[0]->data[i];
        if (index >= n) continue;
        frame f = all[index]; /* borrows the structure; the references point into the arrays */
        f.energy = a[1]->data + i;
        f.atom_energy = a[2]->data + i * (size_t)f.n;
        f.force = a[3]->data + i * (size_t)f.n * 3;
        f.virial = a[4]->data + i * 9;
        /* atomic virials are kept for the first of these frames */
        if ((i + 1) * (size_t)f.n * 9 <= kr_tree_array_size(a[5])) f.atom_virial = a[5]->data + i * (size_t)f.n * 9;
        run(ctx, model, KR_SEL_NEAREST_PER_TYPE, 1, &f, wtrained);
    }
    for (int i = 0; i < n; i++) frame_free(&all[i]);
    free(all);
    for (int k = 0; k < 6; k++) kr_tree_destroy(&a[k]);
    kr_model_destroy(&m);
}

int main(void) {
    kr_context *ctx = NULL;
    if (kr_context_create(&ctx) < 0) return 1;
    for_files(ctx, KR_SOURCE_DIR "/tests/data/deepmd", ".expected.json", each_random);
    for_files(ctx, KR_SOURCE_DIR "/tests/data/deepmd_kit/models", ".json", each_kit);
    for_files(ctx, KR_SOURCE_DIR "/tests/data/deepmd_kit/models_tf", ".json", each_kit);
    for_files(ctx, KR_SOURCE_DIR "/tests/data/deepmd_kit/overflow", ".json", each_overflow);
    run_json(ctx, KR_SOURCE_DIR "/tests/data/deepmd_kit/copper/copper.json", "frames",
             KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp", wtrained);
    water(ctx);
    deeppot_sea(ctx);
    for (int k = 0; k < KINDS; k++) {
        worst_print(&w64[k]);
        worst_print(&w32[k]);
        worst_print(&wtrained[k]);
        worst_print(&wsel[k]);
    }
    printf("models %d\n", models);
    kr_context_destroy(&ctx);
    return 0;
}
