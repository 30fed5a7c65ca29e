/* Structure files as the commands take them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include <math.h>

int cli_read_systems(kr_context *ctx, int npaths, char *const *paths, const char *format, const cli_names *elements,
                     kr_dataset **dataset) {
    kr_dataset *all = NULL, *part = NULL;
    const char *const *names = elements && elements->n ? (const char *const *)elements->name : NULL;
    if (kr_dataset_create(ctx, &all) < 0) goto failed;
    for (int p = 0; p < npaths; p++) {
        if (kr_dataset_read(ctx, paths[p], format, names ? elements->n : 0, names, &part) < 0) goto failed;
        for (int s = 0; s < part->nsystems; s++)
            if (kr_dataset_append(ctx, all, &part->system[s]) < 0) goto failed;
        kr_dataset_destroy(&part);
    }
    *dataset = all;
    return CLI_DONE;
failed:
    cli_library_error(ctx);
    kr_dataset_destroy(&part);
    kr_dataset_destroy(&all);
    return CLI_FAILED;
}

long cli_count_frames(const kr_dataset *dataset) {
    long n = 0;
    for (int s = 0; s < dataset->nsystems; s++) n += dataset->system[s]->nframes;
    return n;
}

const char *cli_type_name(const kr_system *system, const cli_names *names, int type, char room[32]) {
    if (type < 0) return "virtual";
    if (type < system->ntypes) return system->type_map[type];
    if (!system->ntypes && names && type < names->n) return names->name[type];
    snprintf(room, 32, "type %d", type + 1);
    return room;
}

int cli_is_periodic(const kr_system *system) { return system->pbc[0] || system->pbc[1] || system->pbc[2]; }

double cli_volume(const double b[9]) {
    return fabs(b[0] * (b[4] * b[8] - b[5] * b[7]) - b[1] * (b[3] * b[8] - b[5] * b[6]) +
                b[2] * (b[3] * b[7] - b[4] * b[6]));
}
