/* Model deviation of an ensemble by DeePMD-kit's definitions (population 1/n over the models).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KRAMERS_DEVIATION_H
#define KRAMERS_DEVIATION_H

#include <kramers/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_deviation {
    double max_v, min_v, avg_v; /* virial: over the 9 components; avg = sqrt(mean σ²); eV (per atom, see below) */
    double max_f, min_f, avg_f; /* force: over the atoms; avg = arithmetic mean; eV/Å */
    double devi_e;              /* energy per atom, eV */
} kr_deviation;

/* ε_i = sqrt(<|F_i − <F_i>|²>) for i < n; force: [nmodels] pointers to [n][3] arrays.
 * level ≥ 0: ε_i / (|<F_i>| + level); level < 0: absolute. */
void kr_deviation_force(int nmodels, int n, const double *const *force, double level, double *epsilon /* [n] */);
/* virial: [nmodels][9], already divided by the number of atoms. level as above, by component
 * (LAMMPS' rule: |<W_ab>| + level). */
void kr_deviation_virial(int nmodels, const double *virial, double level, double *sigma /* [9] */);
/* max, min and mean of values [n]; n ≥ 1. */
void kr_deviation_summary(int n, const double *value, double *max, double *min, double *mean);
/* std over the models of energy [nmodels] / natoms. */
double kr_deviation_energy(int nmodels, const double *energy, int natoms);

#ifdef __cplusplus
}
#endif
#endif
