/* The fast path against the reference path: every attention-free model, every instruction set, both precisions.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/isa.h"
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include "potential/fast_internal.h"
#include "potential/potential_impl.h"

/* A frame of the test: positions, types and cell. */
typedef struct frame {
    int n;
    double *x, box[9];
    int *type;
    int periodic;
    double *fparam, *aparam;
} frame;

typedef struct outcome {
    double energy, *atom_energy, *force, virial[9];
} outcome;

static void free_frame(frame *f) { free(f->x), free(f->type), free(f->fparam), free(f->aparam); }

static size_t flatten(const kr_tree *tree, double *out) {
    if (!tree) return 0;
    if (tree->kind == KR_TREE_LIST) {
        size_t n = 0;
        for (int i = 0; i < tree->count; i++) n += flatten(tree->child[i], out ? out + n : NULL);
        return n;
    }
    if (out) *out = tree->real;
    return 1;
}

static double *numbers(const kr_tree *map, const char *key, size_t *count) {
    const kr_tree *tree = kr_tree_get(map, key);
    *count = kr_tree_is_null(tree) ? 0 : flatten(tree, NULL);
    if (!*count) return NULL;
    double *out = malloc(*count * sizeof *out);
    flatten(tree, out);
    return out;
}

static frame frame_of(const kr_tree *tree) {
    frame f = {0};
    size_t count, n;
    f.x = numbers(tree, "coord", &count);
    f.n = (int)(count / 3);
    double *box = numbers(tree, "box", &n), *types;
    f.periodic = box != NULL;
    if (box) memcpy(f.box, box, sizeof f.box);
    free(box);
    types = numbers(tree, "atype", &n);
    f.type = calloc((size_t)f.n, sizeof *f.type);
    for (size_t i = 0; types && i < n; i++) f.type[i] = (int)types[i];
    free(types);
    f.fparam = numbers(tree, "fparam", &n);
    f.aparam = numbers(tree, "aparam", &n);
    return f;
}

static void free_outcome(outcome *o) { free(o->atom_energy), free(o->force); }

/* Reference and fast potentials of one model file. */
typedef struct pair {
    kr_context *ctx;
    kr_potential *exact, *fast;
    kr_workspace *exact_workspace, *fast_workspace;
} pair;

static pair open_pair(const char *path, kr_potential_options options) {
    pair p = {0};
    assert_int_equal(kr_context_create(&p.ctx), KR_OK);
    kr_potential_options exact = KR_POTENTIAL_OPTIONS_INIT;
    exact.table = KR_TABLE_OFF;
    kr_assert_ok(p.ctx, kr_potential_load(p.ctx, 1, &path, &exact, &p.exact));
    kr_assert_ok(p.ctx, kr_potential_load(p.ctx, 1, &path, &options, &p.fast));
    kr_assert_ok(p.ctx, kr_workspace_create(p.ctx, p.exact, &p.exact_workspace));
    kr_assert_ok(p.ctx, kr_workspace_create(p.ctx, p.fast, &p.fast_workspace));
    return p;
}

static void close_pair(pair *p) {
    kr_workspace_destroy(&p->exact_workspace);
    kr_workspace_destroy(&p->fast_workspace);
    kr_potential_destroy(&p->exact);
    kr_potential_destroy(&p->fast);
    kr_context_destroy(&p->ctx);
}

static outcome evaluate(const pair *p, kr_workspace *w, const frame *f) {
    outcome o = {0};
    o.atom_energy = calloc((size_t)f->n, sizeof *o.atom_energy);
    o.force = calloc(3 * (size_t)f->n, sizeof *o.force);
    kr_result r = {.energy = &o.energy, .atom_energy = o.atom_energy, .force = o.force, .virial = o.virial};
    kr_assert_ok(p->ctx,
                 kr_potential_compute_frame(w == p->exact_workspace ? p->exact : p->fast, w, f->n, f->x, f->type,
                                            f->periodic ? f->box : NULL, NULL, f->fparam, f->aparam, &r));
    return o;
}

static double largest(int n, const double *a, const double *b) {
    double most = 0;
    for (int i = 0; i < n; i++) {
        double error = fabs(a[i] - b[i]);
        if (!(error <= most)) most = error;
    }
    return most;
}

/* Returns the largest force error; checks energies and virial to `relative` beside it. */
static double compare(const pair *p, const frame *f, double force, double energy) {
    outcome a = evaluate(p, p->exact_workspace, f), b = evaluate(p, p->fast_workspace, f);
    double error = largest(3 * f->n, a.force, b.force);
    assert_true(error <= force);
    kr_assert_close(f->n, b.atom_energy, a.atom_energy, energy, 0);
    kr_assert_near(b.energy, a.energy, energy * f->n, 1e-12);
    kr_assert_close(9, b.virial, a.virial, force * 10 * f->n, 0);
    free_outcome(&a);
    free_outcome(&b);
    return error;
}

/* Every model of a folder that has a fast path; returns how many there were. */
static int sweep_folder(const char *folder, const char *suffix, const char *list_key, kr_precision precision) {
    int count, checked = 0;
    char **names, path[1024];
    assert_int_equal(kr_folder_list(NULL, folder, &count, &names), KR_OK);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(names[i]), s = strlen(suffix);
        if (length <= s || strcmp(names[i] + length - s, suffix)) continue;
        snprintf(path, sizeof path, "%s/%.*s.dp", folder, (int)(length - s), names[i]);
        if (!kr_file_exists(path)) continue; /* only a frozen graph */
        kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
        options.precision = precision;
        pair p = open_pair(path, options);
        if (p.fast->fast[0]) {
            kr_tree *tree = NULL;
            snprintf(path, sizeof path, "%s/%s", folder, names[i]);
            kr_assert_ok(p.ctx, kr_json_read(p.ctx, path, &tree));
            const kr_tree *frames = kr_tree_get(tree, list_key);
            double most = 0;
            for (int k = 0; k < frames->count; k++) {
                frame f = frame_of(frames->child[k]);
                double error = compare(&p, &f, precision ? 5e-5 : 1e-6, precision ? 1e-4 : 1e-6);
                if (error > most) most = error;
                free_frame(&f);
            }
            print_message("%-36s %.1e eV/A\n", names[i], most);
            kr_tree_destroy(&tree);
            checked++;
        } else {
            print_message("%-36s reference: %s\n", names[i], p.fast->reason[0]);
        }
        close_pair(&p);
    }
    kr_names_free(count, names);
    return checked;
}

static void fixtures(void **state) {
    (void)state;
    assert_true(sweep_folder(KR_TEST_DATA "/deepmd", ".expected.json", "tests", KR_PRECISION_MIXED) >= 4);
    assert_true(sweep_folder(KR_TEST_DATA "/deepmd", ".expected.json", "tests", KR_PRECISION_DOUBLE) >= 4);
    assert_true(sweep_folder(KR_TEST_DATA "/deepmd_kit/models", ".json", "frames", KR_PRECISION_DOUBLE) >= 20);
    assert_true(sweep_folder(KR_TEST_DATA "/deepmd_kit/models_tf", ".json", "frames", KR_PRECISION_MIXED) >= 4);
}

/* Frame `index` of the held-out water data. */
static frame water_frame(int index) {
    kr_context *ctx = NULL;
    kr_dataset *data = NULL;
    frame f = {0};
    const char *path = KR_TEST_DATA "/water/data_3";
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_assert_ok(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &data));
    const kr_system *s = data->system[0];
    f.n = s->natoms;
    f.periodic = 1;
    f.x = malloc(3 * (size_t)f.n * sizeof *f.x);
    f.type = malloc((size_t)f.n * sizeof *f.type);
    memcpy(f.x, s->coord + (size_t)index * 3 * (size_t)f.n, 3 * (size_t)f.n * sizeof *f.x);
    memcpy(f.box, s->box + 9 * (size_t)index, sizeof f.box);
    memcpy(f.type, kr_system_types(s, index), (size_t)f.n * sizeof *f.type);
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return f;
}

static frame copper_frame(int index) {
    kr_tree *tree = NULL;
    assert_int_equal(kr_json_read(NULL, KR_TEST_DATA "/deepmd_kit/copper/copper.json", &tree), KR_OK);
    frame f = frame_of(kr_tree_get(tree, "frames")->child[index]);
    kr_tree_destroy(&tree);
    return f;
}

static const char *const WATER = KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp";
static const char *const COPPER = KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp";
static const char *const MOMENTS = KR_SOURCE_DIR "/examples/models/copper_dpa1_lmax3.dp";
static const char *const APART = KR_SOURCE_DIR "/examples/models/copper_dpa1_apart.dp";

static void check_trained(const char *model, kr_precision precision, const char *isa) {
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    options.precision = precision;
    options.isa = isa;
    pair p = open_pair(model, options);
    assert_non_null(p.fast->fast[0]);
    if (model == APART) assert_true(p.fast->fast[0]->center[0].apart && p.fast->fast[0]->center[0].rank > 0);
    frame f = model == WATER ? water_frame(7) : copper_frame(2);
    double error = compare(&p, &f, precision ? 5e-5 : 1e-6, precision ? 5e-5 : 1e-6);
    print_message("%s %s %s: %.1e eV/A\n", strrchr(model, '/') + 1, precision ? "mixed" : "double", isa ? isa : "best",
                  error);
    free_frame(&f);
    close_pair(&p);
}

static void trained(void **state) {
    (void)state;
    for (int mixed = 0; mixed < 2; mixed++) {
        kr_precision precision = mixed ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
        check_trained(WATER, precision, NULL);
        for (int isa = 0; isa < KR_ISA_COUNT; isa++)
            if (kr_isa_available((kr_isa)isa)) {
                check_trained(COPPER, precision, kr_isa_name((kr_isa)isa));
                check_trained(MOMENTS, precision, kr_isa_name((kr_isa)isa));
                check_trained(APART, precision, kr_isa_name((kr_isa)isa));
            }
    }
}

/* A pair, alone and with a third atom beside, from the cutoff to a collision. */
static void collisions(void **state) {
    (void)state;
    for (int run = 0; run < 6; run++) {
        const int mixed = run % 2;
        kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
        options.precision = mixed ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
        pair p = open_pair(run < 2 ? COPPER : run < 4 ? MOMENTS : APART, options);
        for (double r = 1e-3; r < 8.2; r *= 1.1)
            for (int extra = 0; extra < 2; extra++) {
                int type[3] = {0, 0, 0};
                double x[9] = {0, 0, 0, 0.36 * r, 0.48 * r, 0.8 * r, 1.9, -1.3, 0.4};
                frame f = {.n = 2 + extra, .x = x, .type = type};
                outcome a = evaluate(&p, p.exact_workspace, &f), b = evaluate(&p, p.fast_workspace, &f);
                double most = 1;
                for (int k = 0; k < 3 * f.n; k++) most = fmax(most, fabs(a.force[k]));
                assert_true(largest(3 * f.n, a.force, b.force) <= (mixed ? 5e-5 : 1e-6) * most);
                free_outcome(&a);
                free_outcome(&b);
            }
        close_pair(&p);
    }
}

/* Forces of a potential are the derivative of its own energy: central differences of order four. */
static void check_gradient(const char *path, kr_potential_options options, const frame *f, double tolerance) {
    static const double weight[4] = {1, -8, 8, -1}, at[4] = {-2, -1, 1, 2};
    const double h = 2e-3;
    pair p = open_pair(path, options);
    outcome o = evaluate(&p, p.fast_workspace, f);
    assert_non_null(p.fast->fast[0]);
    for (int k = 1; k < 3 * f->n; k += 3 * f->n / 5 + 1) {
        double difference = 0, x = f->x[k];
        for (int q = 0; q < 4; q++) {
            f->x[k] = x + at[q] * h;
            outcome moved = evaluate(&p, p.fast_workspace, f);
            difference += weight[q] * moved.energy / (12 * h);
            free_outcome(&moved);
        }
        f->x[k] = x;
        kr_assert_near(o.force[k], -difference, tolerance, tolerance);
    }
    free_outcome(&o);
    close_pair(&p);
}

static void own_gradient(void **state) {
    (void)state;
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    frame f = copper_frame(1);
    check_gradient(COPPER, options, &f, 1e-7);
    check_gradient(MOMENTS, options, &f, 1e-7);
    check_gradient(APART, options, &f, 1e-7);
    free_frame(&f);
}

/* DeePMD-kit's tables: coarser than the splines, but close to the exact network, and their own gradient. */
static void deepmd_tables(void **state) {
    (void)state;
    static const char *const names[] = {"tf_se_a_two", "tf_se_a_one_rs18_excl", "tf_se_atten_strip"};
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    options.table = KR_TABLE_DEEPMD;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        kr_tree *tree = NULL;
        snprintf(path, sizeof path, KR_TEST_DATA "/deepmd_kit/models_tf/%s.json", names[i]);
        assert_int_equal(kr_json_read(NULL, path, &tree), KR_OK);
        frame f = frame_of(kr_tree_get(tree, "frames")->child[0]);
        snprintf(path, sizeof path, KR_TEST_DATA "/deepmd_kit/models_tf/%s.dp", names[i]);
        pair p = open_pair(path, options);
        assert_non_null(p.fast->fast[0]);
        print_message("tables, %s: %.1e eV/A\n", names[i], compare(&p, &f, 1e-7, 1e-9));
        close_pair(&p);
        check_gradient(path, options, &f, 1e-7);
        free_frame(&f);
        kr_tree_destroy(&tree);
    }
}

static void wrong_isa(void **state) {
    (void)state;
    kr_context *ctx = NULL;
    kr_potential *p = NULL;
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    options.isa = "mmx";
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    assert_int_equal(kr_potential_load(ctx, 1, &COPPER, &options, &p), KR_ERR_ARGUMENT);
    assert_null(p);
    assert_non_null(strstr(kr_context_message(ctx), "mmx"));
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(fixtures),      cmocka_unit_test(trained),
                                       cmocka_unit_test(collisions),    cmocka_unit_test(own_gradient),
                                       cmocka_unit_test(deepmd_tables), cmocka_unit_test(wrong_isa)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
