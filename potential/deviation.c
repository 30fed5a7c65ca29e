/* Model deviation by DeePMD-kit's definitions.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   ε_i = sqrt(<|F_i − <F_i>|²>),  σ_ab = sqrt(<(W_ab − <W_ab>)²>),  <·> = 1/n over the models;
 *   relative: ε_i/(|<F_i>| + level), σ_ab/(|<W_ab>| + level).
 * Source: Zhang et al., Phys. Rev. Materials 3, 023804 (2019); DeePMD-kit's pair_style. */
#include <kramers/deviation.h>
#include <math.h>

/* Mean and variance (population) of n values that lie `stride` apart. */
static double variance(int n, const double *value, long stride, double *mean) {
    double sum = 0, square = 0;
    for (int m = 0; m < n; m++) sum += value[m * stride];
    *mean = sum / n;
    for (int m = 0; m < n; m++) {
        double difference = value[m * stride] - *mean;
        square += difference * difference;
    }
    return square / n;
}

void kr_deviation_force(int nmodels, int n, const double *const *force, double level, double *epsilon) {
    for (int i = 0; i < n; i++) {
        double mean[3] = {0, 0, 0}, square = 0;
        for (int m = 0; m < nmodels; m++)
            for (int a = 0; a < 3; a++) mean[a] += force[m][3 * (long)i + a];
        for (int a = 0; a < 3; a++) mean[a] /= nmodels;
        for (int m = 0; m < nmodels; m++)
            for (int a = 0; a < 3; a++) {
                double difference = force[m][3 * (long)i + a] - mean[a];
                square += difference * difference;
            }
        epsilon[i] = sqrt(square / nmodels);
        if (level >= 0) epsilon[i] /= sqrt(mean[0] * mean[0] + mean[1] * mean[1] + mean[2] * mean[2]) + level;
    }
}

void kr_deviation_virial(int nmodels, const double *virial, double level, double *sigma) {
    for (int k = 0; k < 9; k++) {
        double mean;
        sigma[k] = sqrt(variance(nmodels, virial + k, 9, &mean));
        if (level >= 0) sigma[k] /= fabs(mean) + level;
    }
}

void kr_deviation_summary(int n, const double *value, double *max, double *min, double *mean) {
    double sum = 0;
    *max = *min = value[0];
    for (int i = 0; i < n; i++) {
        if (value[i] > *max) *max = value[i];
        if (value[i] < *min) *min = value[i];
        sum += value[i];
    }
    *mean = sum / n;
}

double kr_deviation_energy(int nmodels, const double *energy, int natoms) {
    double mean;
    return natoms > 0 ? sqrt(variance(nmodels, energy, 1, &mean)) / natoms : 0;
}
