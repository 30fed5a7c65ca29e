/* Loads a Deep Potential and computes the energy and forces of a small piece of copper crystal.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * usage: forces MODEL */
#include <kramers/kramers.h>
#include <stdio.h>
#include <stdlib.h>

enum { CELLS = 2, ATOMS = 4 * CELLS * CELLS * CELLS };
static const double edge = 3.64; /* Å */

/* A face-centred cubic crystal with its first atom pushed 0.1 Å along x. */
static void make_crystal(double x[ATOMS][3], int type[ATOMS], double box[9]) {
    static const double basis[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    for (int i = 0; i < ATOMS; i++) {
        int cell[3] = {i / 4 % CELLS, i / 4 / CELLS % CELLS, i / 4 / CELLS / CELLS};
        for (int k = 0; k < 3; k++) x[i][k] = (cell[k] + basis[i % 4][k]) * edge;
        type[i] = 0;
    }
    for (int k = 0; k < 9; k++) box[k] = k % 4 == 0 ? CELLS * edge : 0;
    x[0][0] += 0.1;
}

int main(int argc, char **argv) {
    kr_context *ctx = NULL;
    kr_potential *potential = NULL;
    kr_workspace *workspace = NULL;
    double x[ATOMS][3], box[9], energy, force[ATOMS][3], virial[9];
    int type[ATOMS], failed = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL\n", argv[0]);
        return 2;
    }
    const char *path = argv[1];
    make_crystal(x, type, box);

    /* NULL options: double precision, splines with a force error below 1e-6 eV/Å. */
    if (kr_context_create(&ctx) != KR_OK) goto done;
    if (kr_potential_load(ctx, 1, &path, NULL, &potential) != KR_OK) goto done;
    if (kr_workspace_create(ctx, potential, &workspace) != KR_OK) goto done;

    kr_result result = {.energy = &energy, .force = force[0], .virial = virial};
    if (kr_potential_compute_frame(potential, workspace, ATOMS, x[0], type, box, NULL, NULL, NULL, &result) != KR_OK)
        goto done;

    printf("energy per atom  %.8f eV\n", energy / ATOMS);
    printf("force on atom 1  %.6f %.6f %.6f eV/A\n", force[0][0], force[0][1], force[0][2]);
    printf("pressure         %.6f eV/A^3\n", (virial[0] + virial[4] + virial[8]) / (3 * box[0] * box[4] * box[8]));
    failed = 0;
done:
    if (failed) fprintf(stderr, "%s: %s\n", argv[0], kr_context_message(ctx));
    kr_workspace_destroy(&workspace);
    kr_potential_destroy(&potential);
    kr_context_destroy(&ctx);
    return failed;
}
