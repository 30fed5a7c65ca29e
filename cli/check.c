/* The checks of `kramers model check` on one random frame.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Finite differences of a model with single-precision parts are limited by the noise η of its energy, so η is measured
 * (the change of E under a displacement of 1e-9 Å) and the step h and the allowed error follow from it:
 * h = max(1e-3, (η/F)^(1/5)) Å, allowed = 1e-7·F + 20 η/h. */
#include "check.h"
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TYPES = 16 }; /* in the frames of one check */

/* One frame and the results of the exact path. */
typedef struct frame {
    int n, open;
    double *x; /* [n][3] */
    int *type; /* [n] */
    double box[9];
    double *aparam;
    double energy, virial[9], *force, *atom_energy, *atom_virial;
} frame;

/* ---- random frames ---- */

/* splitmix64; in [0, 1). Only the variety of the frames depends on it. */
static double uniform(cli_check *c) {
    uint64_t z = (c->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double shortest2(const frame *f, int i, const double x[3]) {
    double least = INFINITY;
    int images = f->open ? 0 : 1;
    for (int j = 0; j < i; j++)
        for (int k = 0; k < (images ? 27 : 1); k++) {
            int s[3] = {images * (k % 3 - 1), images * (k / 3 % 3 - 1), images * (k / 9 - 1)};
            double r2 = 0;
            for (int a = 0; a < 3; a++) {
                double d = f->x[3 * j + a] - x[a] + s[0] * f->box[a] + s[1] * f->box[3 + a] + s[2] * f->box[6 + a];
                r2 += d * d;
            }
            least = fmin(least, r2);
        }
    return least;
}

/* Atoms at random, `spacing` Å³ of room each, kept apart by half the mean distance (less when they do not fit). */
static void place_atoms(cli_check *c, frame *f, double spacing) {
    double edge = cbrt(f->n * spacing), apart = 0.62 * cbrt(spacing);
    const double shape[9] = {1, 0, 0, 0.18, 1.05, 0, -0.12, 0.21, 0.96};
    for (int k = 0; k < 9; k++) f->box[k] = edge * shape[k];
    for (int i = 0; i < f->n; i++) {
        double x[3];
        for (int attempt = 0;; attempt++) {
            double s[3] = {uniform(c), uniform(c), uniform(c)};
            for (int a = 0; a < 3; a++) x[a] = s[0] * f->box[a] + s[1] * f->box[3 + a] + s[2] * f->box[6 + a];
            if (shortest2(f, i, x) > apart * apart) break;
            if (attempt > 200) apart *= 0.95, attempt = 0;
        }
        memcpy(f->x + 3 * i, x, sizeof x);
        f->type[i] = i % c->ntypes;
    }
}

/* ---- evaluation ---- */

static int compute(cli_check *c, int fast, const frame *f, const kr_result *r) {
    kr_potential *potential = fast ? c->fast : c->exact;
    kr_workspace *space = fast ? c->fast_space : c->exact_space;
    if (kr_potential_compute_frame(potential, space, f->n, f->x, f->type, f->open ? NULL : f->box, NULL, c->fparam,
                                   f->aparam, r) == KR_OK)
        return CLI_DONE;
    return cli_library_error(c->ctx);
}

static int energy_of(cli_check *c, const frame *f, double *energy) {
    return compute(c, 0, f, &(kr_result){.energy = energy});
}

static int results_of(cli_check *c, int fast, frame *f) {
    kr_result r = {&f->energy, f->atom_energy, f->force, f->virial, f->atom_virial};
    return compute(c, fast, f, &r);
}

static void new_frame(cli_check *c, frame *f, int n, int open) {
    int dim = kr_model_dim_aparam(c->model);
    size_t m = (size_t)n;
    *f = (frame){.n = n, .open = open, .x = cli_calloc(3 * m, sizeof(double)), .type = cli_calloc(m, sizeof(int))};
    f->force = cli_calloc(3 * m, sizeof(double));
    f->atom_energy = cli_calloc(m, sizeof(double));
    f->atom_virial = cli_calloc(9 * m, sizeof(double));
    f->aparam = dim ? cli_calloc(m * (size_t)dim, sizeof(double)) : NULL;
    for (int i = 0; i < n * dim; i++) f->aparam[i] = c->aparam[i % (c->natoms * dim)];
}

static void free_frame(frame *f) {
    free(f->x);
    free(f->type);
    free(f->force);
    free(f->atom_energy);
    free(f->atom_virial);
    free(f->aparam);
}

static void copy_frame(cli_check *c, const frame *from, frame *to) {
    new_frame(c, to, from->n, from->open);
    memcpy(to->x, from->x, (size_t)from->n * 3 * sizeof *to->x);
    memcpy(to->type, from->type, (size_t)from->n * sizeof *to->type);
    memcpy(to->box, from->box, sizeof to->box);
}

/* A random frame in which sel does not overflow. */
static int make_frame(cli_check *c, frame *f) {
    double spacing = 12; /* Å³ per atom: condensed matter */
    kr_overflow overflow;
    for (int attempt = 0; attempt < 60; attempt++, spacing *= 1.3) {
        place_atoms(c, f, spacing);
        kr_workspace_overflow_reset(c->exact_space);
        if (results_of(c, 0, f) != CLI_DONE) return CLI_FAILED;
        if (kr_workspace_overflow(c->exact_space, 0, &overflow) < 0) return cli_library_error(c->ctx);
        if (!overflow.environments) return CLI_DONE;
    }
    return cli_error(NULL, "no random frame found in which sel does not overflow");
}

/* ---- the checks ---- */

static void report(cli_check *c, const char *what, double error, double allowed, const char *unit) {
    int good = error <= allowed; /* false for NaN */
    char line[64];
    snprintf(line, sizeof line, "%s, %s", c->open_frame ? "open" : "cell", what);
    printf("  %-34s %12.3g %12.3g %-5s %s\n", line, error, allowed, unit, good ? "ok" : "FAILED");
    c->failures += !good;
}

static double largest(const double *a, const double *b, int n) {
    double most = 0;
    for (int i = 0; i < n; i++) {
        double d = fabs(a[i] - (b ? b[i] : 0));
        if (!(d <= most)) most = d;
    }
    return most;
}

static int check_fast(cli_check *c, const frame *f) {
    frame g;
    if (!c->has_fast) return CLI_DONE; /* said at the top */
    copy_frame(c, f, &g);
    int result = results_of(c, 1, &g);
    report(c, "fast path, force", largest(g.force, f->force, 3 * f->n), c->tolerance, "eV/A");
    report(c, "fast path, energy per atom", fabs(g.energy - f->energy) / f->n, 10 * c->tolerance, "eV");
    free_frame(&g);
    return result;
}

static int check_sums(cli_check *c, const frame *f) {
    double total[3] = {0}, energy = 0, virial[9] = {0}, scale = 1 + largest(f->force, NULL, 3 * f->n);
    for (int i = 0; i < f->n; i++) {
        energy += f->atom_energy[i];
        for (int a = 0; a < 3; a++) total[a] += f->force[3 * i + a];
        for (int k = 0; k < 9; k++) virial[k] += f->atom_virial[9 * i + k];
    }
    report(c, "sum of forces", largest(total, NULL, 3), 1e-11 * scale * f->n, "eV/A");
    report(c, "sum of atomic energies", fabs(energy - f->energy), 1e-12 * (1 + fabs(energy)), "eV");
    report(c, "sum of atomic virials", largest(virial, f->virial, 9), 1e-11 * scale * f->n, "eV");
    double tilt = fmax(fabs(f->virial[1] - f->virial[3]), fabs(f->virial[2] - f->virial[6]));
    report(c, "virial symmetric", fmax(tilt, fabs(f->virial[5] - f->virial[7])), 1e-10 * scale * f->n, "eV");
    return CLI_DONE;
}

/* Energy when r → r + t·(ε r), cell included; component [3a+b] of ε is t, the others 0. */
static int strained_energy(cli_check *c, const frame *f, frame *g, int component, double t, double *energy) {
    int a = component / 3, b = component % 3;
    for (int i = 0; i < f->n; i++) g->x[3 * i + a] = f->x[3 * i + a] + t * f->x[3 * i + b];
    for (int k = 0; k < 3; k++) g->box[3 * k + a] = f->box[3 * k + a] + t * f->box[3 * k + b];
    int result = energy_of(c, g, energy);
    memcpy(g->x, f->x, (size_t)f->n * 3 * sizeof *g->x);
    memcpy(g->box, f->box, sizeof g->box);
    return result;
}

static int moved_energy(cli_check *c, frame *g, int component, double h, double *energy) {
    double keep = g->x[component];
    g->x[component] += h;
    int result = energy_of(c, g, energy);
    g->x[component] = keep;
    return result;
}

/* The noise of the energy, see the head of this file. */
static int measure_noise(cli_check *c, frame *g, double *noise) {
    double e;
    *noise = 1e-15 * (1 + fabs(g->energy));
    for (int k = 0; k < 4; k++) {
        if (moved_energy(c, g, k, 1e-9, &e) != CLI_DONE) return CLI_FAILED;
        *noise = fmax(*noise, fabs(e - g->energy + 1e-9 * g->force[k]));
    }
    return CLI_DONE;
}

static int check_derivatives(cli_check *c, const frame *f) {
    static const double at[4] = {-2, -1, 1, 2}, weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    double scale = fmax(1e-3, largest(f->force, NULL, 3 * f->n)), noise, e, worst = 0, size = 0;
    frame g;
    copy_frame(c, f, &g);
    g.energy = f->energy;
    memcpy(g.force, f->force, (size_t)f->n * 3 * sizeof *g.force);
    int result = measure_noise(c, &g, &noise);
    double h = fmax(1e-3, pow(noise / scale, 0.2));
    for (int k = 0; k < 3 * f->n && result == CLI_DONE; k++) {
        double slope = 0;
        for (int p = 0; p < 4 && result == CLI_DONE; p++) {
            result = moved_energy(c, &g, k, at[p] * h, &e);
            slope += weight[p] * (e - f->energy) / h;
        }
        worst = fmax(worst, fabs(slope + f->force[k]));
    }
    report(c, "force = -dE/dr", worst, 1e-7 * scale + 20 * noise / h, "eV/A");
    for (int i = 0; i < 3 * f->n; i++) size = fmax(size, fabs(f->x[i]));
    double t = h / size, virial_scale = scale * size * f->n;
    worst = 0;
    for (int k = 0; k < 9 && result == CLI_DONE; k++) {
        double slope = 0;
        for (int p = 0; p < 4 && result == CLI_DONE; p++) {
            result = strained_energy(c, f, &g, k, at[p] * t, &e);
            slope += weight[p] * (e - f->energy) / t;
        }
        worst = fmax(worst, fabs(slope + f->virial[k]));
    }
    report(c, "virial = -dE/dstrain", worst, 1e-7 * virial_scale + 20 * noise / t, "eV");
    free_frame(&g);
    return result;
}

/* An orthogonal matrix, rows = images of the axes. */
static void random_rotation(cli_check *c, double q[9]) {
    double w = uniform(c) - 0.5, x = uniform(c) - 0.5, y = uniform(c) - 0.5, z = uniform(c) - 0.5;
    double s = 2 / (w * w + x * x + y * y + z * z);
    const double m[9] = {1 - s * (y * y + z * z), s * (x * y - z * w),     s * (x * z + y * w),
                         s * (x * y + z * w),     1 - s * (x * x + z * z), s * (y * z - x * w),
                         s * (x * z - y * w),     s * (y * z + x * w),     1 - s * (x * x + y * y)};
    memcpy(q, m, sizeof m);
}

static void rotate(const double q[9], const double *from, double *to, int n) {
    for (int i = 0; i < n; i++)
        for (int a = 0; a < 3; a++)
            to[3 * i + a] = q[3 * a] * from[3 * i] + q[3 * a + 1] * from[3 * i + 1] + q[3 * a + 2] * from[3 * i + 2];
}

/* Energy and forces of g must be those of f, with the forces rotated by q and the atoms in the order `from`. */
static int compare_moved(cli_check *c, const char *what, const frame *f, frame *g, const double *q, const int *from,
                         double noise) {
    double *force = cli_calloc((size_t)f->n * 3, sizeof *force), scale = 1 + largest(f->force, NULL, 3 * f->n);
    int result = results_of(c, 0, g);
    for (int i = 0; i < f->n; i++) {
        const double *source = f->force + 3 * (from ? from[i] : i);
        if (q)
            rotate(q, source, force + 3 * i, 1);
        else
            memcpy(force + 3 * i, source, 3 * sizeof *force);
    }
    double error = fmax(largest(g->force, force, 3 * f->n), fabs(g->energy - f->energy) / f->n);
    report(c, what, error, 1e-10 * scale + 100 * noise, "eV/A");
    free(force);
    return result;
}

static int check_symmetries(cli_check *c, const frame *f) {
    double q[9], noise;
    frame g;
    int *order = cli_calloc((size_t)f->n, sizeof *order), result;
    copy_frame(c, f, &g);
    g.energy = f->energy;
    memcpy(g.force, f->force, (size_t)f->n * 3 * sizeof *g.force);
    result = measure_noise(c, &g, &noise);
    noise = noise < 1e-12 * (1 + fabs(f->energy)) ? 0 : noise; /* rounding in double needs no extra room */
    for (int i = 0; i < 3 * f->n; i++) g.x[i] = f->x[i] + (double[]){1.7, -2.3, 0.9}[i % 3];
    if (result == CLI_DONE) result = compare_moved(c, "translation", f, &g, NULL, NULL, noise);
    random_rotation(c, q);
    rotate(q, f->x, g.x, f->n);
    rotate(q, f->box, g.box, 3);
    if (result == CLI_DONE) result = compare_moved(c, "rotation", f, &g, q, NULL, noise);
    for (int a = 0; a < 3; a++) /* turned over: a reflection */
        for (int i = 0; i < f->n; i++) g.x[3 * i + a] = -f->x[3 * i + a];
    for (int k = 0; k < 9; k++) g.box[k] = -f->box[k];
    static const double minus[9] = {-1, 0, 0, 0, -1, 0, 0, 0, -1};
    if (result == CLI_DONE) result = compare_moved(c, "reflection", f, &g, minus, NULL, noise);
    memcpy(g.box, f->box, sizeof g.box);
    for (int i = 0; i < f->n; i++) {
        order[i] = (i * 7 + 3) % f->n;
        if (f->n % 7 == 0) order[i] = f->n - 1 - i;
        g.type[i] = f->type[order[i]];
        memcpy(g.x + 3 * i, f->x + 3 * order[i], 3 * sizeof *g.x);
        int dim = kr_model_dim_aparam(c->model);
        if (dim) memcpy(g.aparam + i * dim, f->aparam + order[i] * dim, (size_t)dim * sizeof *g.aparam);
    }
    if (result == CLI_DONE) result = compare_moved(c, "permutation", f, &g, NULL, order, noise);
    free_frame(&g);
    copy_frame(c, f, &g);
    for (int i = 0; i < f->n; i++)
        for (int a = 0; a < 3; a++) g.x[3 * i + a] += (i % 3 - 1) * f->box[a] + (i % 2) * f->box[6 + a];
    if (result == CLI_DONE && !f->open) result = compare_moved(c, "wrapping", f, &g, NULL, NULL, noise);
    free_frame(&g);
    free(order);
    return result;
}

static int check_doubling(cli_check *c, const frame *f) {
    frame g;
    double e = 0;
    new_frame(c, &g, 2 * f->n, 0);
    for (int i = 0; i < 2 * f->n; i++) {
        g.type[i] = f->type[i % f->n];
        for (int a = 0; a < 3; a++) g.x[3 * i + a] = f->x[3 * (i % f->n) + a] + (i >= f->n) * f->box[3 + a];
    }
    for (int k = 0; k < 9; k++) g.box[k] = f->box[k] * (k / 3 == 1 ? 2 : 1);
    int result = energy_of(c, &g, &e);
    report(c, "doubled cell, energy per atom", fabs(e - 2 * f->energy) / f->n, 1e-10 * (1 + fabs(f->energy)), "eV");
    free_frame(&g);
    return result;
}

static int check_threads(cli_check *c, const frame *f) {
    int threads = kr_context_threads(c->ctx), result;
    frame g;
    copy_frame(c, f, &g);
    kr_context_set_threads(c->ctx, 3);
    result = results_of(c, 0, &g);
    kr_context_set_threads(c->ctx, threads);
    double error = fmax(fabs(g.energy - f->energy), largest(g.force, f->force, 3 * f->n));
    report(c, "three threads, same bits", error, 0, "");
    free_frame(&g);
    return result;
}

int cli_check_frame(cli_check *c) {
    frame f;
    new_frame(c, &f, c->natoms, c->open_frame);
    int result = make_frame(c, &f);
    if (result == CLI_DONE) result = check_fast(c, &f);
    if (result == CLI_DONE) result = check_sums(c, &f);
    if (result == CLI_DONE) result = check_derivatives(c, &f);
    if (result == CLI_DONE) result = check_symmetries(c, &f);
    if (result == CLI_DONE && !f.open) result = check_doubling(c, &f);
    if (result == CLI_DONE) result = check_threads(c, &f);
    free_frame(&f);
    return result;
}

/* Notes from the first line of a description whether there is a fast path, and says so when there is none. */
static void note_path(const char *text, void *check) {
    cli_check *c = check;
    const char *reason = strstr(text, "reference path");
    if (strncmp(text, "model ", 6)) return;
    c->has_fast = !reason;
    if (reason) printf("  no fast path to compare, %s\n", reason);
}

int cli_check_open(cli_check *c) {
    kr_potential_options exact = KR_POTENTIAL_OPTIONS_INIT, fast = KR_POTENTIAL_OPTIONS_INIT;
    unsigned char *used = cli_calloc((size_t)kr_model_ntypes(c->model), 1);
    c->ntypes = kr_model_ntypes(c->model) < MOST_TYPES ? kr_model_ntypes(c->model) : MOST_TYPES;
    if (c->ntypes > c->natoms) c->ntypes = c->natoms;
    memset(used, 1, (size_t)c->ntypes);
    if (c->ntypes < kr_model_ntypes(c->model))
        printf("  frames of the first %d of %d types\n", c->ntypes, kr_model_ntypes(c->model));
    exact.table = KR_TABLE_OFF;
    fast.tolerance = c->tolerance;
    fast.used_types = used; /* the others would take long to prepare and do not occur */
    int nf = kr_model_dim_fparam(c->model), na = kr_model_dim_aparam(c->model) * c->natoms;
    c->fparam = nf ? cli_calloc((size_t)nf, sizeof(double)) : NULL;
    c->aparam = na ? cli_calloc((size_t)na, sizeof(double)) : NULL;
    for (int k = 0; k < nf; k++) c->fparam[k] = uniform(c);
    for (int k = 0; k < na; k++) c->aparam[k] = uniform(c);
    int failed = kr_potential_create(c->ctx, 1, &c->model, &exact, &c->exact) < 0 ||
                 kr_potential_create(c->ctx, 1, &c->model, &fast, &c->fast) < 0 ||
                 kr_workspace_create(c->ctx, c->exact, &c->exact_space) < 0 ||
                 kr_workspace_create(c->ctx, c->fast, &c->fast_space) < 0;
    free(used);
    if (failed) return cli_library_error(c->ctx);
    kr_potential_describe(c->fast, note_path, c);
    return CLI_DONE;
}

void cli_check_close(cli_check *c) {
    kr_workspace_destroy(&c->exact_space);
    kr_workspace_destroy(&c->fast_space);
    kr_potential_destroy(&c->exact);
    kr_potential_destroy(&c->fast);
    free(c->fparam);
    free(c->aparam);
    c->fparam = c->aparam = NULL;
}
