/* The fast path against the reference path: every attention-free model, every instruction set, both precisions.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/isa.h"
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
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

static outcome evaluate(kr_context *ctx, const kr_potential *p, const frame *f) {
    outcome o = {0};
    kr_workspace *w = NULL;
    o.atom_energy = calloc((size_t)f->n, sizeof *o.atom_energy);
    o.force = calloc(3 * (size_t)f->n, sizeof *o.force);
    kr_result r = {.energy = &o.energy, .atom_energy = o.atom_energy, .force = o.force, .virial = o.virial};
    kr_assert_ok(ctx, kr_workspace_create(ctx, p, &w));
    kr_assert_ok(ctx, kr_potential_compute_frame(p, w, f->n, f->x, f->type, f->periodic ? f->box : NULL, NULL,
                                                 f->fparam, f->aparam, &r));
    kr_workspace_destroy(&w);
    return o;
}

static void free_outcome(outcome *o) { free(o->atom_energy), free(o->force); }

/* Reference and fast potentials of one model file. */
typedef struct pair {
    kr_context *ctx;
    kr_potential *exact, *fast;
} pair;

static pair open_pair(const char *path, kr_potential_options options) {
    pair p = {0};
    assert_int_equal(kr_context_create(&p.ctx), KR_OK);
    kr_potential_options exact = KR_POTENTIAL_OPTIONS_INIT;
    exact.table = KR_TABLE_OFF;
    kr_assert_ok(p.ctx, kr_potential_load(p.ctx, 1, &path, &exact, &p.exact));
    kr_assert_ok(p.ctx, kr_potential_load(p.ctx, 1, &path, &options, &p.fast));
    return p;
}

static void close_pair(pair *p) {
    kr_potential_destroy(&p->exact);
    kr_potential_destroy(&p->fast);
    kr_context_destroy(&p->ctx);
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
    outcome a = evaluate(p->ctx, p->exact, f), b = evaluate(p->ctx, p->fast, f);
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
    for (int mixed = 0; mixed < 2; mixed++) {
        kr_precision precision = mixed ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
        assert_true(sweep_folder(KR_TEST_DATA "/deepmd", ".expected.json", "tests", precision) >= 4);
        assert_true(sweep_folder(KR_TEST_DATA "/deepmd_kit/models", ".json", "frames", precision) >= 20);
        assert_true(sweep_folder(KR_TEST_DATA "/deepmd_kit/models_tf", ".json", "frames", precision) >= 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(fixtures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
