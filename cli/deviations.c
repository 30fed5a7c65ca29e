/* Deviations of several models, frame by frame, into model_devi.out.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Relative virial deviations follow `dp model-devi`: all components are divided by the Frobenius norm of the mean
 * virial per atom + level, while LAMMPS divides by component. */
#include "deviations.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_deviation_open(cli_deviation_file *file, kr_context *ctx, int nmodels, const char *beside,
                       const cli_deviation_settings *settings, int atomic, int force) {
    const char *slash = strrchr(beside, '/');
    *file = (cli_deviation_file){.ctx = ctx, .settings = *settings, .nmodels = nmodels};
    file->path = cli_strprintf("%.*smodel_devi.out", slash ? (int)(slash - beside) + 1 : 0, beside);
    file->temporary = cli_strprintf("%s.part-%ld", file->path, (long)getpid());
    if (cli_output_allowed(file->path, force) != CLI_DONE) return CLI_FAILED;
    if (kr_devi_file_open(ctx, file->temporary, KR_DEVI_CLI, atomic, 0, &file->file) == KR_OK) return CLI_DONE;
    return cli_library_error(ctx);
}

int cli_deviation_system(cli_deviation_file *file, const char *system) {
    return kr_devi_file_system(file->ctx, file->file, system) == KR_OK ? CLI_DONE : cli_library_error(file->ctx);
}

/* σ over the models of W/N and its maximum, minimum and root mean square over the nine components. */
static void virial_deviation(const cli_deviation_file *file, int n, const double *virial, kr_deviation *d) {
    double *per_atom = cli_calloc((size_t)file->nmodels * 9, sizeof *per_atom), sigma[9], norm = 0, square = 0;
    for (int k = 0; k < 9 * file->nmodels; k++) per_atom[k] = virial[k] / n;
    kr_deviation_virial(file->nmodels, per_atom, -1, sigma);
    for (int k = 0; k < 9; k++) {
        double mean = 0;
        for (int m = 0; m < file->nmodels; m++) mean += per_atom[9 * m + k] / file->nmodels;
        norm += mean * mean;
    }
    double divisor = file->settings.relative_v < 0 ? 1 : sqrt(norm) + file->settings.relative_v, average;
    for (int k = 0; k < 9; k++) {
        sigma[k] /= divisor;
        square += sigma[k] * sigma[k];
    }
    kr_deviation_summary(9, sigma, &d->max_v, &d->min_v, &average);
    d->avg_v = sqrt(square / 9);
    free(per_atom);
}

int cli_deviation_row(cli_deviation_file *file, int frame, int natoms, const int *type, const kr_result *result,
                      double *summary) {
    kr_deviation d = {0};
    int n = 0;
    const double **force = cli_calloc((size_t)file->nmodels, sizeof *force);
    double *epsilon = cli_calloc((size_t)natoms, sizeof *epsilon);
    for (int m = 0; m < file->nmodels; m++) force[m] = result->force + (size_t)m * (size_t)natoms * 3;
    kr_deviation_force(file->nmodels, natoms, force, file->settings.relative, epsilon);
    for (int i = 0; i < natoms; i++)
        if (type[i] >= 0) epsilon[n++] = epsilon[i];
    if (n) {
        kr_deviation_summary(n, epsilon, &d.max_f, &d.min_f, &d.avg_f);
        d.devi_e = kr_deviation_energy(file->nmodels, result->energy, n);
        virial_deviation(file, n, result->virial, &d);
    }
    const double all[7] = {d.max_v, d.min_v, d.avg_v, d.max_f, d.min_f, d.avg_f, d.devi_e};
    memcpy(summary, all, sizeof all);
    kr_status status = kr_devi_file_write(file->ctx, file->file, frame, &d, n, epsilon);
    free(epsilon);
    free(force);
    return status == KR_OK ? CLI_DONE : cli_library_error(file->ctx);
}

static void release(cli_deviation_file *file) {
    kr_devi_file_close(&file->file);
    free(file->path);
    free(file->temporary);
    *file = (cli_deviation_file){0};
}

int cli_deviation_close(cli_deviation_file *file) {
    kr_devi_file_close(&file->file);
    int result = CLI_DONE;
    if (rename(file->temporary, file->path) != 0)
        result = cli_error(NULL, "%s cannot be written: %s", file->path, strerror(errno));
    release(file);
    return result;
}

void cli_deviation_discard(cli_deviation_file *file) {
    if (file->file) unlink(file->temporary);
    release(file);
}
