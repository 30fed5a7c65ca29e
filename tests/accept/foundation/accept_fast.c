/* Force error of the fast path against the exact network on held-out frames and down to collisions, for every
 * instruction set: prints "key value" lines. accept_fast [quick]
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * frames_*     test frames that the models were not trained on, max |F_fast − F_exact|, eV/Å
 * scan_*       a pair of atoms from the cutoff down to 0.3 Å, and the same with a spectator atom, eV/Å
 * collision_*  a test frame in which two neighbours are moved towards each other down to 0.5 Å, eV/Å
 * scan_*_relative and collision_*_relative: the same over max(1 eV/Å, largest force of the frame)
 * setup_ms     CPU time to load the slowest model and to prepare its fast path */
#include "core/isa.h"
#include "core/json.h"
#include "measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct trained {
    const char *name, *model, *data;
    double rcut;
} trained[] = {
    {"water", "examples/models/water_se_e2_a.dp", "tests/data/water/data_3", 6},
    {"copper", "examples/models/copper_se_e2_a.dp", "tests/data/zuo2020/Cu_test.xyz", 8},
    {"moments", "examples/models/copper_dpa1_lmax3.dp", "tests/data/zuo2020/Cu_test.xyz", 7},
    {"apart", "examples/models/copper_dpa1_apart.dp", "tests/data/zuo2020/Cu_test.xyz", 6},
    {"m0", "tests/data/deepmd_kit/model_devi/m0.dp", "tests/data/water/data_3", 4},
    {"m1", "tests/data/deepmd_kit/model_devi/m1.dp", "tests/data/water/data_3", 4},
};

typedef struct pair {
    kr_potential *exact, *fast;
    kr_workspace *exact_workspace, *fast_workspace;
} pair;

static double milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Adds the force error of a frame to the absolute and, when given, the relative worst. */
static void compare(kr_context *ctx, const pair *p, const frame *f, worst *absolute, worst *relative, const char *at) {
    result a = {0}, b = {0};
    evaluate(ctx, p->exact, p->exact_workspace, f, &a);
    evaluate(ctx, p->fast, p->fast_workspace, f, &b);
    double d = max_difference(3 * f->n, b.force, a.force), largest = 1;
    for (int i = 0; i < 3 * f->n; i++) largest = fmax(largest, fabs(a.force[i]));
    worst_add(absolute, d, at);
    if (relative) worst_add(relative, d / largest, at);
    result_free(&a);
    result_free(&b);
}

/* Two atoms, and two with a third one beside, for every pair of types. */
static void scan(kr_context *ctx, const pair *p, const struct trained *t, int ntypes, double step, worst *absolute,
                 worst *relative) {
    for (int ti = 0; ti < ntypes; ti++)
        for (int tj = 0; tj < ntypes; tj++)
            for (int extra = 0; extra < 2; extra++)
                for (double r = 0.3; r < t->rcut; r += step) {
                    int type[3] = {ti, tj, ti};
                    double x[9] = {0, 0, 0, 0.36 * r, 0.48 * r, 0.8 * r, 1.5, -1.1, 0.4};
                    frame f = {.n = 2 + extra, .type = type, .x = x};
                    char at[200];
                    snprintf(at, sizeof at, "%s,types=%d-%d,atoms=%d,r=%.3f", t->name, ti, tj, f.n, r);
                    compare(ctx, p, &f, absolute, relative, at);
                }
}

/* Atom 0 moves towards its nearest neighbour. */
static void collide(kr_context *ctx, const pair *p, const frame *source, const char *name, worst *absolute,
                    worst *relative) {
    int near = -1;
    double best = 1e30, d[3] = {0};
    for (int j = 1; j < source->n; j++) {
        double v[3], r = 0;
        for (int k = 0; k < 3; k++) {
            v[k] = source->x[3 * j + k] - source->x[k];
            r += v[k] * v[k];
        }
        if (r < best) {
            best = r;
            near = j;
            memcpy(d, v, sizeof d);
        }
    }
    double length = sqrt(best), *x = must_allocate((size_t)source->n * 3, sizeof *x);
    for (double r = 0.5; near > 0 && r < length; r += 0.1) {
        frame f = *source;
        char at[200];
        memcpy(x, source->x, (size_t)source->n * 3 * sizeof *x);
        for (int k = 0; k < 3; k++) x[k] = source->x[3 * near + k] - d[k] / length * r;
        f.x = x;
        snprintf(at, sizeof at, "%s,r=%.2f", name, r);
        compare(ctx, p, &f, absolute, relative, at);
    }
    free(x);
}

/* One instruction set and precision over all trained models. */
static void run(kr_context *ctx, const char *isa, kr_precision precision, int quick) {
    const char *label = precision == KR_PRECISION_MIXED ? "mixed" : "double";
    char key[5][80];
    const char *stems[5] = {"frames", "scan", "scan_relative", "collision", "collision_relative"};
    worst w[5] = {{0}};
    double slowest = 0;
    for (int k = 0; k < 5; k++) {
        snprintf(key[k], sizeof key[k], "%s_%s_%s", stems[k], label, isa);
        w[k].name = key[k];
    }
    for (size_t i = 0; i < sizeof trained / sizeof *trained; i++) {
        const struct trained *t = &trained[i];
        char model[500], data[500];
        const char *paths[1] = {model};
        kr_potential_options exact = KR_POTENTIAL_OPTIONS_INIT, fast = KR_POTENTIAL_OPTIONS_INIT;
        pair p = {0};
        frame *frames = NULL;
        snprintf(model, sizeof model, "%s/%s", KR_SOURCE_DIR, t->model);
        snprintf(data, sizeof data, "%s/%s", KR_SOURCE_DIR, t->data);
        exact.table = KR_TABLE_OFF;
        fast.precision = precision;
        fast.isa = isa;
        must(ctx, kr_potential_load(ctx, 1, paths, &exact, &p.exact), model);
        double start = milliseconds();
        must(ctx, kr_potential_load(ctx, 1, paths, &fast, &p.fast), model);
        slowest = fmax(slowest, milliseconds() - start);
        must(ctx, kr_workspace_create(ctx, p.exact, &p.exact_workspace), model);
        must(ctx, kr_workspace_create(ctx, p.fast, &p.fast_workspace), model);
        const kr_model *m = kr_potential_model(p.exact, 0);
        int n = frames_load(ctx, data, m, quick ? 40 : 5, &frames);
        for (int k = 0; k < n; k++) {
            char at[200];
            snprintf(at, sizeof at, "%s[%d]", t->name, k);
            compare(ctx, &p, &frames[k], &w[0], NULL, at);
            if (k == 0) collide(ctx, &p, &frames[k], t->name, &w[3], &w[4]);
        }
        scan(ctx, &p, t, kr_model_ntypes(m), quick ? 0.1 : 0.003, &w[1], &w[2]);
        for (int k = 0; k < n; k++) frame_free(&frames[k]);
        free(frames);
        kr_workspace_destroy(&p.fast_workspace);
        kr_workspace_destroy(&p.exact_workspace);
        kr_potential_destroy(&p.fast);
        kr_potential_destroy(&p.exact);
    }
    for (int k = 0; k < 5; k++) worst_print(&w[k]);
    printf("setup_ms_%s_%s %.1f\n", label, isa, slowest);
}

int main(int argc, char **argv) {
    const int quick = argc > 1 && !strcmp(argv[1], "quick");
    kr_context *ctx = NULL;
    if (kr_context_create(&ctx) < 0) return 1;
    for (int k = 0; k < KR_ISA_COUNT; k++) {
        const char *isa = kr_isa_name((kr_isa)k);
        if (!kr_isa_available((kr_isa)k)) {
            printf("missing %s\n", isa);
            continue;
        }
        run(ctx, isa, KR_PRECISION_DOUBLE, quick);
        run(ctx, isa, KR_PRECISION_MIXED, quick);
    }
    kr_context_destroy(&ctx);
    return 0;
}
