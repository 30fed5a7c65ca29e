/* Measures of the selection: seconds to choose 500 of 1e5 rows of 240 features by farthest points, on rows without any
 * structure and on rows like those of trajectories; MaxVol at the width of a fitting net; planted duplicates in the
 * eyes of the copper model. Prints lines "key value". SPDX-License-Identifier: BSD-3-Clause */
#include "core/linalg.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/cover.h"
#include "eelt/maxvol.h"
#include "eelt/select.h"
#include "measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 240 };

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Rows of length about sqrt(WIDTH): white noise, or runs that wander in twelve directions with a little noise. */
static void fill(long n, int wander, double *row) {
    double at[12] = {0}, r[4];
    for (long i = 0; i < n; i++) {
        for (int k = 0; k < 12 && wander; k += 4) {
            kr_random_normal((kr_stream){1, 1}, (uint64_t)i, (uint64_t)k, 0, r);
            for (int c = 0; c < 4; c++) at[k + c] = i % 500 ? 0.97 * at[k + c] + 0.24 * r[c] : 2 * r[c];
        }
        for (int k = 0; k < WIDTH; k += 4) {
            kr_random_normal((kr_stream){2, 2}, (uint64_t)i, (uint64_t)k, 0, r);
            for (int c = 0; c < 4; c++) {
                double sum = wander ? 0.1 * r[c] : r[c];
                for (int d = 0; d < 12 && wander; d++) sum += at[d] * cos(1.7 * d + 0.37 * (k + c) * (d + 1)) * 0.4;
                row[i * WIDTH + k + c] = sum;
            }
        }
    }
}

/* A pool of n frames of one row each, as the pipeline would hand it to the rule. */
static void farthest(kr_context *ctx, const kr_model *model, long n, long most, int wander, const char *name) {
    kr_select_options o = kr_select_defaults;
    kr_pool pool = {.options = &o, .n = n, .model = model};
    kr_candidate *meta = must_allocate((size_t)n, sizeof *meta);
    kr_feature_rows rows = {.nframes = n, .nrows = n, .width = WIDTH};
    rows.first = must_allocate((size_t)n + 1, sizeof *rows.first);
    rows.type = must_allocate((size_t)n, sizeof *rows.type);
    rows.atom = must_allocate((size_t)n, sizeof *rows.atom);
    rows.row = must_allocate((size_t)n * WIDTH, sizeof *rows.row);
    pool.alive = must_allocate((size_t)n, 1);
    pool.gap = must_allocate((size_t)n, sizeof *pool.gap);
    fill(n, wander, rows.row);
    memset(pool.alive, 1, (size_t)n);
    for (long i = 0; i < n; i++) {
        rows.first[i + 1] = i + 1;
        meta[i] = kr_candidate_unknown;
        meta[i].u = 0.1 + 0.1 * kr_random_uniform((kr_stream){3, 3}, 0, (uint64_t)i, 0);
        pool.gap[i] = INFINITY;
    }
    pool.meta = meta;
    pool.rows = &rows;
    const kr_select_kind *kind = kr_select_find("fps");
    void *state = NULL;
    kr_offer offer;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), last = 0;
    must(ctx, kind->begin(ctx, &pool, &state), "begin");
    for (long k = 0; k < most; k++) {
        must(ctx, kind->next(ctx, state, &offer), "next");
        must(ctx, kind->take(ctx, state, offer.frame), "take");
        last = offer.score;
    }
    kind->end(&state);
    printf("fps_%s_seconds %.2f\nfps_%s_cpu_seconds %.2f\nfps_%s_last_score %.6f\n", name,
           seconds(CLOCK_MONOTONIC) - wall, name, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, name, last);
    free(meta);
    free(rows.first);
    free(rows.type);
    free(rows.atom);
    free(rows.row);
    free(pool.alive);
    free(pool.gap);
}

/* Volume, grades and inverse at the width of a fitting net, after at least 1e4 swaps. */
static void volume(kr_context *ctx, int quick) {
    int m = quick ? 40 : WIDTH;
    long n = 4L * m, total = 0, falls = 0;
    double *rows = must_allocate((size_t)n * (size_t)m, sizeof *rows), *grade = must_allocate((size_t)n, sizeof *grade);
    double *product = must_allocate((size_t)m * (size_t)m, sizeof *product), largest = 0, off = 0;
    kr_maxvol *v = NULL;
    must(ctx, kr_maxvol_create(ctx, m, 1e-2, &v), "maxvol");
    for (int round = 0; total < 10000; round++) {
        double before = kr_maxvol_log_volume(v), r[4];
        long swaps;
        for (long i = 0; i < n * m; i++) {
            kr_random_normal((kr_stream){4, 4}, (uint64_t)round, (uint64_t)i, 0, r);
            rows[i] = r[0] * pow(1.1, round);
        }
        must(ctx, kr_maxvol_extend(ctx, v, n, rows, 0, 1.001, &swaps), "extend");
        falls += kr_maxvol_log_volume(v) < before;
        total += swaps;
    }
    must(ctx, kr_maxvol_grades(ctx, v, n, rows, grade), "grades");
    for (long i = 0; i < n; i++) largest = fmax(largest, grade[i]);
    kr_gemm(0, 0, m, m, m, 1, kr_maxvol_rows(v), m, kr_maxvol_inverse(v), m, 0, product, m);
    for (long i = 0; i < (long)m * m; i++) off = fmax(off, fabs(product[i] - (i % (m + 1) == 0)));
    printf("maxvol_swaps %ld\nmaxvol_falls %ld\nmaxvol_worst_grade %.8f\nmaxvol_inverse_error %.3g\n", total, falls,
           largest, off);
    kr_maxvol_destroy(&v);
    free(rows);
    free(grade);
    free(product);
}

/* ---- duplicates: copper, 32 atoms, thermal displacements ---- */

enum { ATOMS = 32, KINDS = 6 };

static void thermal(uint64_t seed, double amplitude, double *x, double *box) {
    double r[4];
    const double a = 3.62, site[4][3] = {{0, 0, 0}, {0, .5, .5}, {.5, 0, .5}, {.5, .5, 0}};
    for (int c = 0; c < 9; c++) box[c] = c % 4 ? 0 : 2 * a * (1 + 0.01 * (double)(seed % 3));
    for (int i = 0; i < ATOMS; i++)
        for (int c = 0; c < 3; c++) {
            kr_random_normal((kr_stream){5, seed}, 0, (uint64_t)i, (uint64_t)c, r);
            x[3 * i + c] = a * (site[i % 4][c] + ((i / 4) >> c & 1)) + amplitude * r[0];
        }
}

static void disguise(int kind, double *x, double *box) {
    const double r[9] = {0.36, 0.48, -0.8, -0.8, 0.6, 0, 0.48, 0.64, 0.6};
    double v[3 * ATOMS + 9], n[4];
    memcpy(v, x, 3 * ATOMS * sizeof *v);
    memcpy(v + 3 * ATOMS, box, 9 * sizeof *v);
    for (int i = 0; i < ATOMS; i++)
        for (int c = 0; c < 3; c++) {
            double *y = &x[3 * i + c];
            kr_random_normal((kr_stream){6, 6}, 0, (uint64_t)i, (uint64_t)c, n);
            if (kind == 0) *y += i % 2 ? box[c] - 2 * box[6 + c] : 0; /* wrapped */
            if (kind == 1) *y = v[3 * (ATOMS - 1 - i) + c];           /* permuted */
            if (kind == 3) *y += 0.7 * (c + 1);                       /* shifted */
            if (kind == 4) *y += box[3 + c];                          /* by a lattice vector */
            if (kind == 5) *y += 1e-9 * n[0];                         /* noise */
        }
    for (int i = 0; i < ATOMS + 3 && kind == 2; i++) /* rotated */
        for (int a = 0; a < 3; a++)
            (i < ATOMS ? x + 3 * i : box + 3 * (i - ATOMS))[a] =
                r[3 * a] * v[3 * i] + r[3 * a + 1] * v[3 * i + 1] + r[3 * a + 2] * v[3 * i + 2];
}

static kr_dataset *copper(kr_context *ctx, int nframes) {
    kr_dataset *d = NULL;
    kr_system *s = NULL;
    const char *name = "Cu";
    must(ctx, kr_dataset_create(ctx, &d), "dataset");
    must(ctx, kr_system_create(ctx, "copper", ATOMS, nframes, 1, &name, 0, &s), "system");
    memset(s->pbc, 1, 3);
    must(ctx, kr_dataset_append(ctx, d, &s), "append");
    return d;
}

/* `base` frames; a disguise of each and of training frames; a neighbour at 0.05 Å of each (one atom or all). */
static void duplicates(kr_context *ctx, const kr_potential *potential, int base) {
    kr_dataset *d = copper(ctx, 4 * base), *known = copper(ctx, 2 * base);
    double *x = d->system[0]->coord, *box = d->system[0]->box, *kx = known->system[0]->coord,
           *kbox = known->system[0]->box;
    int found = 0, merged = 0;
    for (int f = 0; f < 2 * base; f++) thermal((uint64_t)(1000 + f), 0.1, kx + 96 * f, kbox + 9 * f);
    for (int f = 0; f < base; f++) {
        thermal((uint64_t)f, 0.1, x + 96 * f, box + 9 * f);
        for (int g = 1; g < 4; g++) {
            int to = g * base + f;
            memcpy(x + 96 * to, g == 2 ? kx + 96 * f : x + 96 * f, 96 * sizeof *x);
            memcpy(box + 9 * to, g == 2 ? kbox + 9 * f : box + 9 * f, 9 * sizeof *box);
            if (g < 3) disguise(f % KINDS, x + 96 * to, box + 9 * to);
        }
        for (int i = 0; i < (f % 2 ? 1 : ATOMS); i++) {
            double e[4], *y = x + 96 * (3 * base + f) + 3 * i;
            kr_random_normal((kr_stream){7, 7}, (uint64_t)f, (uint64_t)i, 0, e);
            double length = sqrt(e[0] * e[0] + e[1] * e[1] + e[2] * e[2]);
            for (int c = 0; c < 3; c++) y[c] += 0.05 * e[c] / length;
        }
    }
    kr_selection *s = NULL;
    must(ctx, kr_select(ctx, NULL, potential, d, NULL, known, &s), "select");
    for (int f = 0; f < 4 * base; f++) {
        kr_decision decision = s->choice[f].decision;
        int dropped = decision == KR_DECISION_DUPLICATE || decision == KR_DECISION_KNOWN, planted = f / base % 3 != 0;
        found += planted && dropped;
        merged += !planted && dropped;
    }
    printf("duplicates_planted %d\nduplicates_found %d\nfalse_merges %d\nnear_distance %.4g\n", 2 * base, found, merged,
           s->near_distance);
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&known);
}

int main(int argc, char **argv) {
    int quick = argc > 1 && !strcmp(argv[1], "quick");
    const char *path = KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp";
    kr_context *ctx = NULL;
    kr_potential *potential = NULL;
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    o.table = KR_TABLE_OFF;
    must(NULL, kr_context_create(&ctx), "context");
    kr_context_set_threads(ctx, 2);
    must(ctx, kr_potential_load(ctx, 1, &path, &o, &potential), path);
    const kr_model *model = kr_potential_model(potential, 0);
    long rows = quick ? 20000 : 100000, chosen = quick ? 100 : 500;
    printf("fps_rows %ld\nfps_chosen %ld\n", rows, chosen);
    farthest(ctx, model, rows, chosen, 0, "noise");
    farthest(ctx, model, rows, chosen, 1, "runs");
    volume(ctx, quick);
    duplicates(ctx, potential, quick ? 12 : 60);
    kr_potential_destroy(&potential);
    kr_context_destroy(&ctx);
    return 0;
}
