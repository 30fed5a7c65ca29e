/* library MODEL DATA FOLDER: evaluates every frame through the library, without the program, and writes energy.raw,
 * force.raw, virial.raw, atom_ener.raw (one frame a line) into FOLDER. Elements of data and model must be in the same
 * order.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <kramers/kramers.h>
#include <stdio.h>
#include <stdlib.h>

static void write_line(const char *folder, const char *name, int n, const double *value) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.raw", folder, name);
    FILE *out = fopen(path, "a");
    if (!out) exit(1);
    for (int i = 0; i < n; i++) fprintf(out, "%.17g%c", value[i], i + 1 < n ? ' ' : '\n');
    fclose(out);
}

int main(int argc, char **argv) {
    kr_context *ctx = NULL;
    kr_potential *potential = NULL;
    kr_workspace *workspace = NULL;
    kr_dataset *data = NULL;
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    if (argc != 4) return 2;
    const char *path = argv[1];
    options.table = KR_TABLE_OFF;
    if (kr_context_create(&ctx) != KR_OK || kr_potential_load(ctx, 1, &path, &options, &potential) != KR_OK ||
        kr_workspace_create(ctx, potential, &workspace) != KR_OK ||
        kr_dataset_read(ctx, argv[2], NULL, 0, NULL, &data) != KR_OK)
        goto failed;
    const kr_system *s = data->system[0];
    int n = s->natoms;
    double energy, virial[9], *force = calloc((size_t)n * 4, sizeof *force), *atom_energy = force + 3 * n;
    for (int f = 0; f < s->nframes; f++) {
        kr_result result = {.energy = &energy, .virial = virial, .force = force, .atom_energy = atom_energy};
        if (kr_potential_compute_frame(potential, workspace, n, s->coord + (long)f * 3 * n, kr_system_types(s, f),
                                       s->pbc[0] ? s->box + f * 9 : NULL, s->pbc, NULL, NULL, &result) != KR_OK)
            goto failed;
        write_line(argv[3], "energy", 1, &energy);
        write_line(argv[3], "force", 3 * n, force);
        write_line(argv[3], "virial", 9, virial);
        write_line(argv[3], "atom_ener", n, atom_energy);
    }
    free(force);
    kr_dataset_destroy(&data);
    kr_workspace_destroy(&workspace);
    kr_potential_destroy(&potential);
    kr_context_destroy(&ctx);
    return 0;
failed:
    printf("%s\n", kr_context_message(ctx));
    return 1;
}
