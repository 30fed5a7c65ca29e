/* kramers data check: what is wrong, or strange, with frames and labels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include <math.h>
#include <stdlib.h>

typedef struct settings {
    const char *format;
    cli_names type_map;
    kr_check_options limits;
    int strict;
} settings;

static const cli_option options[] = {
    {"min-distance", 0, CLI_REAL, offsetof(settings, limits.min_distance), "A",
     "atoms nearer than this are an error; default 0.5"},
    {"energy-sigma", 0, CLI_REAL, offsetof(settings, limits.energy_sigma), "X",
     "energies that many deviations from the median of their composition; default 12"},
    {"energy-least", 0, CLI_REAL, offsetof(settings, limits.energy_least), "EV",
     "and at least that far, per atom; default 0.05"},
    {"force-ratio", 0, CLI_REAL, offsetof(settings, limits.force_ratio), "X",
     "forces that many times the median of their element; default 60"},
    {"net-force", 0, CLI_REAL, offsetof(settings, limits.net_force), "EV/A",
     "net force of a frame per atom; default 0.01"},
    {"tolerance", 0, CLI_REAL, offsetof(settings, limits.tolerance), "X",
     "fingerprints of equal structures differ by less; 0 = do not look; default 1e-4"},
    {"conflict", 0, CLI_REAL, offsetof(settings, limits.conflict), "EV",
     "energies of equal structures may differ by that per atom; default 0.005"},
    {"most", 'n', CLI_COUNT, offsetof(settings, limits.most), "N", "findings of each kind that are listed; default 10"},
    {"strict", 0, CLI_FLAG, offsetof(settings, strict), NULL, "warnings make the program end with code 1, too"},
    {"format", 0, CLI_TEXT, offsetof(settings, format), "FORMAT",
     "npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...", "elements of numeric types"},
    {0}};

static void print_work(const kr_work_check *w) {
    if (isnan(w->explained)) {
        printf("energy against work of forces: %d pairs of near frames, too few to tell\n", w->pairs);
        return;
    }
    printf("energy against work over %d pairs of near frames:", w->pairs);
    if (!isnan(w->force_slope)) printf(" forces %.3f", w->force_slope);
    if (!isnan(w->virial_slope)) printf(" virials %.3f", w->virial_slope);
    printf(" (1 = consistent), %.1f %% explained%s\n", 100 * w->explained,
           w->explained > 0.9 ? "" : ", too little to tell");
}

static int print_report(const kr_check_report *r, const kr_dataset *data, const settings *s) {
    static const char *const level[] = {"remark", "warning", "error"};
    int worst = 0, shown = -1;
    printf("%d system%s, %ld frames\n", data->nsystems, data->nsystems == 1 ? "" : "s", cli_count_frames(data));
    print_work(&r->work);
    for (int k = 0; k < r->nfindings; k++) {
        const kr_finding *f = &r->finding[k];
        int severity = kr_finding_severity(f->kind);
        if ((int)f->kind != shown)
            printf("%s: %s: %d\n", level[severity], kr_finding_title(f->kind), r->count[f->kind]);
        shown = (int)f->kind;
        if (severity > worst) worst = severity;
        if (f->frame < 0) {
            printf("  %s\n", f->text);
        } else if (f->other_frame < 0) {
            printf("  %s frame %d: %s\n", data->system[f->system]->name, f->frame, f->text);
        } else {
            printf("  %s frame %d and %s frame %d: %s\n", data->system[f->system]->name, f->frame,
                   data->system[f->other_system]->name, f->other_frame, f->text);
        }
        int last = k + 1 == r->nfindings || r->finding[k + 1].kind != f->kind;
        if (last && r->count[f->kind] > s->limits.most) printf("  ... %d more\n", r->count[f->kind] - s->limits.most);
    }
    if (!r->nfindings) puts("nothing found");
    return worst > 1 || (worst > 0 && s->strict) ? CLI_FAILED : CLI_DONE;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    kr_dataset *data = NULL;
    kr_check_report *report = NULL;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = cli_read_systems(ctx, nargs, args, s->format, &s->type_map, &data);
    if (result == CLI_DONE) {
        if (kr_dataset_check(ctx, data, &s->limits, &report) < 0)
            result = cli_library_error(ctx);
        else
            result = print_report(report, data, s);
    }
    kr_check_report_destroy(&report);
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

/* kr_check_defaults, written again because it is no constant expression. */
static const settings defaults = {.limits = {.min_distance = 0.5,
                                             .energy_sigma = 12,
                                             .energy_least = 0.05,
                                             .force_ratio = 60,
                                             .net_force = 0.01,
                                             .tolerance = 1e-4,
                                             .conflict = 0.005,
                                             .asymmetry = 1e-3,
                                             .most = 10}};

extern const cli_command cli_command_data_check;
const cli_command cli_command_data_check = {
    .name = "data check",
    .summary = "Find broken frames, outliers, duplicates, wrong signs and units",
    .usage = "PATH... [options]",
    .text = "Looks for numbers that are not finite, atoms too close, energies and forces far from the others, net "
            "forces, frames that occur twice or are the same structure with another orientation or labels. Energies "
            "of frames near to each other are compared with the work of their forces and virials, which finds wrong "
            "units and signs without a model. Ends with code 1 when there are errors.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
