/* Are the results the same bits for 1, 2, 3 and 8 threads? For every model in tests/data and every way of evaluation:
 * prints "cases N", "different N" and the first offender.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "measure.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long cases, different;

/* One model, one set of options: a frame of random atoms evaluated with each number of threads. */
static void run(const char *model, const kr_potential_options *options, const char *label) {
    static const int threads[] = {1, 2, 3, 8};
    result first = {0};
    for (int k = 0; k < 4; k++) {
        kr_context *ctx = NULL;
        kr_potential *potential = NULL;
        kr_workspace *workspace = NULL;
        if (kr_context_create(&ctx) < 0) exit(1);
        kr_context_set_threads(ctx, threads[k]);
        must(ctx, kr_potential_load(ctx, 1, &model, options, &potential), model);
        must(ctx, kr_workspace_create(ctx, potential, &workspace), model);
        const kr_model *m = kr_potential_model(potential, 0);
        enum { N = 150 };
        int type[N], ntypes = kr_model_ntypes(m);
        double x[3 * N], box[9] = {11, 0, 0, 1.5, 12, 0, -0.5, 1, 10}, parameters[16 + N * 8] = {0.3, 0.2};
        unsigned long seed = 12345;
        for (int i = 0; i < 3 * N; i++) {
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            x[i] = 12 * ((double)(seed >> 11) / 9007199254740992.0);
        }
        for (int i = 0; i < N; i++) type[i] = i % ntypes;
        frame f = {.n = N, .type = type, .x = x, .box = box};
        if (kr_model_dim_fparam(m)) f.fparam = parameters;
        if (kr_model_dim_aparam(m)) f.aparam = parameters;
        result r = {0};
        evaluate(ctx, potential, workspace, &f, &r);
        if (k == 0) {
            first = r;
        } else {
            cases++;
            if (memcmp(&first.energy, &r.energy, sizeof r.energy) || memcmp(first.virial, r.virial, sizeof r.virial) ||
                memcmp(first.atom_energy, r.atom_energy, N * sizeof(double)) ||
                memcmp(first.force, r.force, 3 * N * sizeof(double)) ||
                memcmp(first.atom_virial, r.atom_virial, 9 * N * sizeof(double))) {
                if (!different++) printf("first %s,%s,threads=%d\n", strrchr(model, '/') + 1, label, threads[k]);
            }
            result_free(&r);
        }
        kr_workspace_destroy(&workspace);
        kr_potential_destroy(&potential);
        kr_context_destroy(&ctx);
    }
    result_free(&first);
}

static void run_folder(const char *folder) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *end = strrchr(e->d_name, '.');
        if (!end || strcmp(end, ".dp")) continue;
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
        run(path, &options, "spline");
        options.precision = KR_PRECISION_MIXED;
        run(path, &options, "mixed");
        options.precision = KR_PRECISION_DOUBLE;
        options.table = KR_TABLE_OFF;
        run(path, &options, "exact");
    }
    if (d) closedir(d);
}

int main(void) {
    run_folder(KR_SOURCE_DIR "/tests/data/deepmd");
    run_folder(KR_SOURCE_DIR "/tests/data/deepmd_kit/models");
    run_folder(KR_SOURCE_DIR "/tests/data/deepmd_kit/models_tf");
    run_folder(KR_SOURCE_DIR "/examples/models");
    printf("cases %ld\ndifferent %ld\n", cases, different);
    return 0;
}
