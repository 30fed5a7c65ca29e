/* Monte Carlo of a built-in run: moves of all atoms along their forces, exchanges, changes of the cell.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every move is accepted with the Metropolis probability of exp(−(U + P V)/kT) V^N, so the averages are those of the
 * ensemble whatever the sizes of the moves are; these follow the acceptance with a gain that falls as 1/k.
 *   atoms  x' = x + (δ²/2kT) F + δ ξ for all atoms at once, corrected for the bias (Rossky, Doll, Friedman, J. Chem.
 *          Phys. 69, 4628 (1978)): one evaluation moves everything, at an acceptance near 0.57
 *   swap   two atoms of different elements change places
 *   cell   iso: ln V; aniso: ln of one edge; tri: one component of the symmetric logarithmic strain */
#include "core/error.h"
#include "core/random.h"
#include "eelt/explore_motion.h"
#include <math.h>
#include <string.h>

/* draws of a step: 0 choice, 1 … numbers of a move, 1000 … exchanges; entities: atoms, or 0 */
enum { DRAW_CHOICE, DRAW_ACCEPT, DRAW_CELL, DRAW_NORMAL, DRAW_SWAP = 1000 };

static double uniform(const kr_motion *m, uint64_t draw) {
    return kr_random_uniform(kr_motion_stream(m, KR_EXPLORE_MONTE_CARLO), (uint64_t)m->step, 1, draw);
}

static int metropolis(const kr_motion *m, double exponent, uint64_t draw) {
    return exponent >= 0 || uniform(m, draw) < exp(exponent);
}

/* Sizes drift to the wanted acceptance; ever less, so that detailed balance holds in the long run. */
static void learn(kr_motion *m, int move, int accepted, double wanted) {
    double gain = fmin(0.3, 3 / (1 + 0.05 * (double)m->tried[move]));
    m->tried[move]++;
    m->accepted[move] += accepted;
    m->size[move] *= exp(gain * (accepted - wanted));
}

static void take(kr_motion *m, double energy, const double *virial) {
    double *x = m->x, *f = m->f;
    m->x = m->x_new;
    m->f = m->f_new;
    m->x_new = x;
    m->f_new = f;
    m->energy = energy;
    memcpy(m->virial, virial, sizeof m->virial);
}

/* An evaluation that fails because the trial place is absurd is a move that is refused. */
static kr_status trial(kr_context *ctx, kr_motion *m, const double *box, double *energy, double *virial, int *absurd) {
    kr_status status = kr_motion_evaluate(ctx, m, m->x_new, box, energy, m->f_new, virial);
    *absurd = status == KR_ERR_NUMERIC || status == KR_ERR_ARGUMENT;
    return *absurd ? KR_OK : status;
}

static kr_status move_atoms(kr_context *ctx, kr_motion *m, double kT) {
    kr_status status = KR_OK;
    const kr_stream stream = kr_motion_stream(m, KR_EXPLORE_MONTE_CARLO);
    double size = m->size[KR_MOVE_ATOMS], a = size * size / (2 * kT), energy, virial[9], forth = 0, back = 0, normal[4];
    int absurd;
    for (int i = 0; i < m->n; i++) {
        kr_random_normal(stream, (uint64_t)m->step, 2 + (uint64_t)i, DRAW_NORMAL, normal);
        for (int c = 0; c < 3; c++) {
            m->x_new[3 * i + c] = m->x[3 * i + c] + a * m->f[3 * i + c] + size * normal[c];
            forth += normal[c] * normal[c] / 2;
        }
    }
    KR_TRY(trial(ctx, m, m->box, &energy, virial, &absurd));
    for (int i = 0; i < 3 * m->n; i++) {
        double r = (m->x[i] - m->x_new[i] - a * m->f_new[i]) / size;
        back += r * r / 2;
    }
    int accepted = !absurd && metropolis(m, (m->energy - energy) / kT + forth - back, DRAW_ACCEPT);
    if (accepted) take(m, energy, virial);
    learn(m, KR_MOVE_ATOMS, accepted, 0.57);
done:
    return status;
}

static kr_status move_cell(kr_context *ctx, kr_motion *m, double kT) {
    kr_status status = KR_OK;
    const kr_explore_spec *s = &m->input->spec;
    double e[9] = {0}, scale[9], box[9], energy, virial[9];
    double change = m->size[KR_MOVE_CELL] * (2 * uniform(m, DRAW_CELL) - 1);
    int absurd, parts = s->ensemble == KR_ENSEMBLE_NPT_ANISO ? 3 : 6;
    uint64_t part =
        kr_random_below(kr_motion_stream(m, KR_EXPLORE_MONTE_CARLO), (uint64_t)m->step, 0, DRAW_CELL, (uint64_t)parts);
    if (s->ensemble == KR_ENSEMBLE_NPT_ISO) {
        for (int a = 0; a < 3; a++) e[4 * a] = change / 3;
    } else if (part < 3) {
        e[4 * part] = change;
    } else {
        static const int upper[3] = {1, 2, 5}, lower[3] = {3, 6, 7};
        e[upper[part - 3]] = e[lower[part - 3]] = change / 2;
    }
    kr_strain_exp(e, scale);
    kr_strain_apply(scale, m->n, m->x, m->x_new);
    kr_strain_apply(scale, 3, m->box, box);
    KR_TRY(trial(ctx, m, box, &energy, virial, &absurd));
    double before = kr_box_volume(m->box), after = kr_box_volume(box);
    double pressure = kr_motion_target(m, s->P_GPa) * KR_GPA;
    /* one power of V for the measure dV (dL), N for the scaled coordinates */
    double exponent = (m->energy - energy + pressure * (before - after)) / kT + (m->n + 1) * log(after / before);
    int accepted = !absurd && metropolis(m, exponent, DRAW_ACCEPT);
    if (accepted) {
        take(m, energy, virial);
        memcpy(m->box, box, sizeof box);
    }
    learn(m, KR_MOVE_CELL, accepted, 0.4);
done:
    return status;
}

kr_status kr_motion_swap(kr_context *ctx, kr_motion *m, uint64_t draw) {
    kr_status status = KR_OK;
    const kr_stream stream = kr_motion_stream(m, KR_EXPLORE_MONTE_CARLO);
    const int *type = m->input->spec.frame.type;
    double energy, virial[9], kT = KR_BOLTZMANN * kr_motion_target(m, m->input->spec.T_K);
    int absurd;
    uint64_t base = DRAW_SWAP + 4 * draw;
    int i = (int)kr_random_below(stream, (uint64_t)m->step, 1, base, (uint64_t)m->n), others = 0, j = -1;
    for (int k = 0; k < m->n; k++) others += type[k] != type[i];
    if (others == 0) return KR_OK;
    /* elements stay with the numbers of atoms, positions change: the way back has the same probability */
    uint64_t which = kr_random_below(stream, (uint64_t)m->step, 1, base + 1, (uint64_t)others);
    for (j = 0; j < m->n; j++)
        if (type[j] != type[i] && which-- == 0) break;
    memcpy(m->x_new, m->x, 3 * (size_t)m->n * sizeof *m->x);
    for (int c = 0; c < 3; c++) {
        m->x_new[3 * i + c] = m->x[3 * j + c];
        m->x_new[3 * j + c] = m->x[3 * i + c];
    }
    KR_TRY(trial(ctx, m, m->box, &energy, virial, &absurd));
    int accepted = !absurd && kT > 0 && metropolis(m, (m->energy - energy) / kT, base + 2);
    if (accepted) take(m, energy, virial);
    m->tried[KR_MOVE_SWAP]++;
    m->accepted[KR_MOVE_SWAP] += accepted;
done:
    return status;
}

/* One move: an exchange with probability mc_swap (at most one half), the cell with 0.1 at constant pressure. */
kr_status kr_motion_try(kr_context *ctx, kr_motion *m) {
    const kr_explore_spec *s = &m->input->spec;
    kr_status status;
    double choice = uniform(m, DRAW_CHOICE), swap = fmin(s->mc_swap, 0.5);
    double kT = KR_BOLTZMANN * fmax(kr_motion_target(m, s->T_K), 1e-3);
    if (choice < swap)
        status = kr_motion_swap(ctx, m, 0);
    else if (s->ensemble >= KR_ENSEMBLE_NPT_ISO && choice < swap + 0.1)
        status = move_cell(ctx, m, kT);
    else
        status = move_atoms(ctx, m, kT);
    m->step++;
    return status;
}
