/* What the library says about one frame, for comparison with LAMMPS.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * usage: frame_eval MODEL off|spline|mixed < FRAME > RESULT
 * FRAME: n, nine box numbers (rows, Å), then n lines "type x y z". RESULT: energy (eV), nine virial numbers (eV), then
 * n lines "e fx fy fz w[9]" (eV, eV/Å, eV). */
#include <kramers/kramers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what) {
    fprintf(stderr, "frame_eval: %s\n", what);
    exit(1);
}

static void print(int n, const double *value, const char *end) {
    for (int i = 0; i < n; i++) printf("%.17g%s", value[i], i + 1 < n ? " " : end);
}

int main(int argc, char **argv) {
    kr_context *ctx;
    kr_potential *potential;
    kr_workspace *workspace;
    int n;
    double box[9];
    if (argc != 3) die("two arguments wanted");
    if (scanf("%d", &n) != 1 || n < 1) die("no number of atoms");
    for (int k = 0; k < 9; k++)
        if (scanf("%lf", &box[k]) != 1) die("no box");
    double *x = malloc(sizeof *x * 3 * n), *e = malloc(sizeof *e * n), *f = malloc(sizeof *f * 3 * n),
           *w = malloc(sizeof *w * 9 * n);
    int *type = malloc(sizeof *type * n);
    if (!x || !e || !f || !w || !type) die("out of memory");
    for (int i = 0; i < n; i++)
        if (scanf("%d %lf %lf %lf", &type[i], &x[3 * i], &x[3 * i + 1], &x[3 * i + 2]) != 4) die("no atom");

    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    if (strcmp(argv[2], "off") == 0) options.table = KR_TABLE_OFF;
    if (strcmp(argv[2], "mixed") == 0) options.precision = KR_PRECISION_MIXED;
    double energy, virial[9];
    const kr_result result = {&energy, e, f, virial, w};
    const char *path = argv[1];
    if (kr_context_create(&ctx)) die("no context");
    kr_context_set_threads(ctx, 1);
    if (kr_potential_load(ctx, 1, &path, &options, &potential) || kr_workspace_create(ctx, potential, &workspace) ||
        kr_potential_compute_frame(potential, workspace, n, x, type, box, NULL, NULL, NULL, &result))
        die(kr_context_message(ctx));
    print(1, &energy, "\n");
    print(9, virial, "\n");
    for (int i = 0; i < n; i++) {
        print(1, &e[i], " ");
        print(3, &f[3 * i], " ");
        print(9, &w[9 * i], "\n");
    }
    kr_workspace_destroy(&workspace);
    kr_potential_destroy(&potential);
    kr_context_destroy(&ctx);
    free(x), free(e), free(f), free(w), free(type);
    return 0;
}
