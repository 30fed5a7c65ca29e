/* Time of the fast path by stage on blocks of 128 made-up environments, for every instruction set and precision.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * kernels [MODEL.dp ...]   (default: the models of examples/models)
 * µs per atom, CPU time, median of the repeats; gathering and scattering are the drivers work and not in here. "of
 * that" is the rate of the fitting nets products over that of products which stay in the first-level cache (peaks:
 * ceiling.c); on the matrix unit, which those do not use, it is above 100 %. */
#include "core/isa.h"
#include "potential/fast_internal.h"
#include <kramers/kramers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CENTERS = 128, REPEATS = 25 };

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(int n, double *x) {
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

/* Best rate of products that stay in the first-level cache, GFLOP/s. */
static double best_product_rate(const kr_dense *dense) {
    enum { K = 64, ROWS = 16 };
    const int n = dense->panel;
    double *b = calloc((size_t)(K * n), sizeof *b), best = 1e30;
    void *a = calloc(ROWS * K, 8), *c = calloc((size_t)(ROWS * n), 8);
    kr_packed packed = {0};
    if (kr_packed_create(NULL, dense, K, n, b, n, 0, &packed) < 0) return 0;
    kr_product how = {.rows = ROWS, .lda = K, .ldc = n, .k_end = K};
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double start = cpu();
        for (int k = 0; k < 500; k++) dense->product(&packed, &how, a, c);
        double t = (cpu() - start) / 500;
        if (t < best) best = t;
    }
    kr_packed_free(&packed);
    free(a), free(b), free(c);
    return 2.0 * ROWS * K * n / best * 1e-9;
}

/* Multiply-adds per atom in the products of the fitting net, both ways. */
static double network_work(const kr_fast_center *center) {
    double work = 0;
    for (int c = 0; c < center->nchunks; c++) work += (double)center->chunk[c].width * center->layer[0].out;
    for (int l = 1; l < center->nlayers; l++) work += (double)center->layer[l].in * center->layer[l].out;
    return 2 * work;
}

static kr_status one(kr_context *ctx, const kr_model *model, const char *name, int isa, int single, double peak) {
    kr_status status;
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    options.isa = kr_isa_name((kr_isa)isa);
    options.precision = single ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
    kr_fast *fast = NULL;
    kr_fast_workspace *ws = NULL;
    const char *reason = NULL;
    if ((status = kr_fast_create(ctx, model, &options, &fast, &reason)) < 0) return status;
    if (!fast) {
        printf("%-24s no fast path: %s\n", name, reason);
        return KR_OK;
    }
    if ((status = kr_fast_workspace_create(ctx, fast, &ws)) < 0) goto done;
    for (int t = 0; t < fast->ntypes; t++) {
        kr_fast_probe probe;
        double total[REPEATS], stage[KR_STAGE_COUNT][REPEATS], sum[KR_STAGE_COUNT];
        if ((status = kr_fast_probe_create(ctx, model, NULL, t, fast->grid.segment[0].r_begin, CENTERS, &probe)) < 0)
            goto done;
        probe.env.natoms = CENTERS;
        int npairs = probe.env.first[CENTERS * probe.env.ntypes];
        double *energy = calloc(CENTERS, sizeof *energy), *gr = calloc(3 * (size_t)npairs, sizeof *gr);
        double *zero = calloc(CENTERS * 64, sizeof *zero);
        for (int r = 0; r < REPEATS; r++) {
            ws->stage = NULL;
            double start = cpu();
            for (int k = 0; k < 4; k++) kr_fast_block(ctx, fast, &probe.env, zero, zero, energy, gr, ws);
            total[r] = (cpu() - start) / 4 / CENTERS * 1e6;
            memset(sum, 0, sizeof sum);
            ws->stage = sum;
            kr_fast_stage_end(ws, 0);
            memset(sum, 0, sizeof sum);
            kr_fast_block(ctx, fast, &probe.env, zero, zero, energy, gr, ws);
            for (int k = 0; k < KR_STAGE_COUNT; k++) stage[k][r] = sum[k] / CENTERS * 1e6;
        }
        double m[KR_STAGE_COUNT];
        for (int k = 0; k < KR_STAGE_COUNT; k++) m[k] = median(REPEATS, stage[k]);
        double rate = 2 * network_work(&fast->center[t]) / m[KR_STAGE_NETWORK] * 1e-3;
        printf("%-8s %-2s %-8s %-6s %5.0f %4d %4d %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f %7.0f %5.0f%%\n", name,
               kr_model_type_name(model, t), kr_isa_name((kr_isa)isa), single ? "mixed" : "double",
               (double)npairs / CENTERS, fast->grid.ncoef, fast->center[t].rank, m[0], m[1], m[2], m[3], m[4],
               median(REPEATS, total), rate, 100 * rate / peak);
        free(energy), free(gr), free(zero);
        kr_fast_probe_free(&probe);
    }
done:
    kr_fast_workspace_destroy(&ws);
    kr_fast_destroy(&fast);
    return status;
}

int main(int argc, char **argv) {
    static const char *const models[] = {KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp",
                                         KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp",
                                         KR_SOURCE_DIR "/examples/models/copper_dpa1_lmax3.dp"};
    kr_context *ctx = NULL;
    if (kr_context_create(&ctx) < 0) return 1;
    double peak[KR_ISA_COUNT][2];
    for (int isa = 0; isa < KR_ISA_COUNT; isa++)
        for (int single = 0; single < 2 && kr_isa_available((kr_isa)isa); single++) {
            peak[isa][single] = best_product_rate(kr_dense_for((kr_isa)isa, single));
            printf("%-8s %-6s products from the first-level cache: %.0f GFLOP/s\n", kr_isa_name((kr_isa)isa),
                   single ? "single" : "double", peak[isa][single]);
        }
    printf("%-8s %-2s %-8s %-6s %5s %4s %4s %8s %8s %8s %8s %8s %8s %7s %6s\n", "model", "", "isa", "", "pairs", "K",
           "q", "moments", "table", "inputs", "network", "gradient", "all", "GF/s", "of that");
    int failed = 0;
    for (int k = 0; k < (argc > 1 ? argc - 1 : 3); k++) {
        const char *path = argc > 1 ? argv[k + 1] : models[k], *slash = strrchr(path, '/');
        char name[16];
        kr_model *model = NULL;
        snprintf(name, sizeof name, "%.8s", slash ? slash + 1 : path);
        kr_status status = kr_model_load(ctx, path, &model);
        for (int isa = KR_ISA_COUNT - 1; isa >= 0 && status >= 0; isa--)
            for (int single = 0; single < 2 && kr_isa_available((kr_isa)isa) && status >= 0; single++)
                status = one(ctx, model, name, isa, single, peak[isa][single]);
        if (status < 0) fprintf(stderr, "%s: %s\n", path, kr_context_message(ctx));
        failed |= status < 0;
        kr_model_destroy(&model);
    }
    kr_context_destroy(&ctx);
    return failed;
}
