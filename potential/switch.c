/* The switching function of Deep Potentials.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * w = 1 for r ≤ rs, 0 for r ≥ rc, v³(6v² − 15v + 10) between with v = (rc − r)/(rc − rs): the same polynomial as
 * 1 + u³(−6u² + 15u − 10), u = 1 − v, without its cancellation just inside the cutoff. C² at both ends.
 * Source: DeePMD-kit's descriptors (Zhang et al., NeurIPS 2018). */
#include "potential/descriptor.h"

double kr_switch(double r, double rcut_smth, double rcut, double *derivative) {
    if (r <= rcut_smth || r >= rcut) {
        if (derivative) *derivative = 0;
        return r <= rcut_smth ? 1 : 0;
    }
    double scale = 1 / (rcut - rcut_smth), v = (rcut - r) * scale;
    if (derivative) *derivative = -30 * v * v * (v * v - 2 * v + 1) * scale;
    return v * v * v * ((6 * v - 15) * v + 10);
}
