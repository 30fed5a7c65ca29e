/* Molecular dynamics of a built-in run.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * NVE: velocity Verlet. NVT: Langevin by the splitting BAOAB (Leimkuhler, Matthews, Appl. Math. Res. eXpress 2013, 34):
 * with friction γ = 1/τ_t, v ← e^{−γ dt} v + sqrt((1 − e^{−2γ dt}) kT/m) ξ between two half drifts.
 * NPT: NVT and stochastic cell rescaling (Bernetti, Bussi, J. Chem. Phys. 153, 114107 (2020); Del Tatto et al., Appl.
 * Sci. 12, 1139 (2022)). In logarithmic strain, with compressibility β and P_int the kinetic and virial pressure:
 *   iso     d ln V  = (β/τ_p) (P_int − P) dt + sqrt(2 β kT / (V τ_p)) dW
 *   aniso   d ln L_a = (β/3τ_p) (P_aa − P) dt + sqrt(2 β kT / (3 V τ_p)) dW_a
 *   tri     the same for the six components of the symmetric strain, off the diagonal with half the noise's variance
 * whose stationary distribution is exp(−(H + P V)/kT) dV (dL_1 dL_2 dL_3). x ← e^E x, v ← e^{−E} v. E is made from the
 * state at the beginning of the step, between the half drifts, so that a step costs one evaluation. */
#include "core/error.h"
#include "eelt/explore_motion.h"
#include <math.h>
#include <string.h>

void kr_strain_apply(const double m[9], int n, const double *r, double *out) {
    for (int i = 0; i < n; i++) {
        const double v[3] = {r[3 * i], r[3 * i + 1], r[3 * i + 2]};
        for (int c = 0; c < 3; c++) out[3 * i + c] = m[3 * c] * v[0] + m[3 * c + 1] * v[1] + m[3 * c + 2] * v[2];
    }
}

/* Taylor series: strains of a step are far below 1. */
void kr_strain_exp(const double e[9], double out[9]) {
    double term[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, next[9];
    memcpy(out, term, sizeof term);
    for (int k = 1; k <= 12; k++) {
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) {
                next[3 * a + b] = 0;
                for (int c = 0; c < 3; c++) next[3 * a + b] += term[3 * a + c] * e[3 * c + b] / k;
            }
        memcpy(term, next, sizeof term);
        for (int i = 0; i < 9; i++) out[i] += term[i];
    }
}

/* Strain of the cell in this step. Limited: a wild start must not make one step fatal. */
static void cell_strain(const kr_motion *m, double dt, double e[9]) {
    const kr_explore_input *in = m->input;
    double p[9], volume = kr_box_volume(m->box), target = kr_motion_target(m, in->spec.P_GPa) * KR_GPA;
    double kT = KR_BOLTZMANN * kr_motion_target(m, in->spec.T_K), beta = in->options.compressibility / KR_GPA;
    double rate = beta * dt / in->options.tau_p, noise = sqrt(2 * rate * kT / volume), normal[2][4];
    const kr_stream stream = kr_motion_stream(m, KR_EXPLORE_CELL);
    for (int k = 0; k < 2; k++) kr_random_normal(stream, (uint64_t)m->step, 0, (uint64_t)k, normal[k]);
    memset(e, 0, 9 * sizeof *e);
    kr_motion_pressure(m, p);
    if (in->spec.ensemble == KR_ENSEMBLE_NPT_ISO) {
        double d = rate * ((p[0] + p[4] + p[8]) / 3 - target) + noise * normal[0][0];
        for (int a = 0; a < 3; a++) e[4 * a] = d / 3;
    } else {
        for (int a = 0; a < 3; a++) e[4 * a] = rate / 3 * (p[4 * a] - target) + noise * sqrt(1. / 3) * normal[0][a];
    }
    if (in->spec.ensemble == KR_ENSEMBLE_NPT_TRI) {
        static const int upper[3] = {1, 2, 5}, lower[3] = {3, 6, 7};
        for (int k = 0; k < 3; k++)
            e[upper[k]] = e[lower[k]] = rate / 3 * p[upper[k]] + noise * sqrt(1. / 6) * normal[1][k];
    }
    for (int i = 0; i < 9; i++) e[i] = fmax(-0.02, fmin(0.02, e[i]));
}

static void rescale(kr_motion *m, const double e[9]) {
    double forth[9], back[9], minus[9];
    for (int i = 0; i < 9; i++) minus[i] = -e[i];
    kr_strain_exp(e, forth);
    kr_strain_exp(minus, back);
    kr_strain_apply(forth, m->n, m->x, m->x);
    kr_strain_apply(forth, 3, m->box, m->box);
    kr_strain_apply(back, m->n, m->v, m->v);
}

static void kick(kr_motion *m, double dt) {
    for (int i = 0; i < m->n; i++)
        for (int c = 0; c < 3; c++) m->v[3 * i + c] += dt * m->f[3 * i + c] / m->mass[i];
}

static void drift(kr_motion *m, double dt) {
    for (int i = 0; i < 3 * m->n; i++) m->x[i] += dt * m->v[i];
}

static void bath(kr_motion *m, double dt) {
    const kr_stream stream = kr_motion_stream(m, KR_EXPLORE_NOISE);
    double keep = exp(-dt / m->input->options.tau_t), kT = KR_BOLTZMANN * kr_motion_target(m, m->input->spec.T_K);
    double normal[4];
    for (int i = 0; i < m->n; i++) {
        double width = sqrt((1 - keep * keep) * kT / m->mass[i]);
        kr_random_normal(stream, (uint64_t)m->step, (uint64_t)i, 0, normal);
        for (int c = 0; c < 3; c++) m->v[3 * i + c] = keep * m->v[3 * i + c] + width * normal[c];
    }
}

kr_status kr_motion_step(kr_context *ctx, kr_motion *m) {
    kr_status status = KR_OK;
    const kr_explore_spec *s = &m->input->spec;
    double dt = 1e-3 * s->dt_fs, strain[9];
    int cell = s->ensemble >= KR_ENSEMBLE_NPT_ISO;
    if (cell) cell_strain(m, dt, strain);
    kick(m, dt / 2);
    drift(m, dt / 2);
    if (s->ensemble != KR_ENSEMBLE_NVE) bath(m, dt);
    if (cell) rescale(m, strain);
    drift(m, dt / 2);
    KR_TRY(kr_motion_forces(ctx, m));
    kick(m, dt / 2);
    m->step++;
    if (s->mc_swap > 0) {
        double whole = floor(s->mc_swap);
        const kr_stream stream = kr_motion_stream(m, KR_EXPLORE_MONTE_CARLO);
        if (kr_random_uniform(stream, (uint64_t)m->step, 0, 0) < s->mc_swap - whole) whole += 1;
        for (uint64_t k = 0; k < (uint64_t)whole; k++) KR_TRY(kr_motion_swap(ctx, m, k));
    }
done:
    return status;
}
