/* Splitting integrators of underdamped Langevin dynamics: a word of the letters
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   A  q ← q + h p/m      B  p ← p − h ∇V(q)      O  p ← e^{−γh} p + sqrt(ε m (1 − e^{−2γh})) R
 * where h is the time step over how often the letter occurs. Symmetric words are of second order; verlet has no O and
 * conserves energy. One force per step: the last force of a step is the first of the next one. */
#include "core/error.h"
#include "sampling/dynamics.h"
#include <math.h>
#include <string.h>

/* Forces of the walkers first … first + count − 1 that have none, in one call of the potential: scratch [2][rows][n].
 */
static kr_status forces(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count) {
    kr_status status = KR_OK;
    int n = m->problem->positions, rows = 0, at = 0;
    double *q = w->work + first * w->dim, *grad = q + (long)count * n;
    for (long i = first; i < first + count; i++)
        if (!w->fresh[i]) memcpy(q + (long)rows++ * n, w->x + i * w->dim, (size_t)n * sizeof *q);
    KR_TRY(kr_problem_potential(ctx, m->problem, rows, q, NULL, grad));
    for (long i = first; i < first + count; i++) {
        if (w->fresh[i]) continue;
        for (int k = 0; k < n; k++) w->force[i * w->dim + k] = -grad[at++];
        w->fresh[i] = 1;
    }
done:
    return status;
}

static kr_status kick(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count, double h) {
    kr_status status = KR_OK;
    int n = m->problem->positions;
    if (!m->bias) KR_TRY(forces(ctx, m, w, first, count));
    for (long i = first; i < first + count; i++) {
        double *x = w->x + i * w->dim, *force = w->force + i * w->dim;
        if (!w->fresh[i]) KR_TRY(kr_mover_force(ctx, m, x, force, w->work + i * w->dim));
        w->fresh[i] = 1;
        for (int k = 0; k < n; k++) x[n + k] += h * force[k];
    }
done:
    return status;
}

static void drift(const kr_mover *m, kr_walkers *w, long first, int count, double h) {
    int n = m->problem->positions;
    for (long i = first; i < first + count; i++) {
        double *x = w->x + i * w->dim;
        for (int k = 0; k < n; k++) x[k] += h * x[n + k] / (m->problem->mass ? m->problem->mass[k] : 1);
        w->fresh[i] = 0;
    }
}

static void friction(const kr_mover *m, kr_walkers *w, long first, int count, double h, int which) {
    int n = m->problem->positions;
    double keep = exp(-m->problem->gamma * h), noise = sqrt(-expm1(-2 * m->problem->gamma * h));
    for (long i = first; i < first + count; i++) {
        double *p = w->x + i * w->dim + n, *r = w->work + i * w->dim;
        kr_walkers_noise(m, w, i, which, n, r);
        for (int k = 0; k < n; k++) p[k] = keep * p[k] + noise * m->kick[n + k] * r[k];
    }
}

static int occurrences(const char *word, char letter) {
    int n = 0;
    for (; *word; word++) n += *word == letter;
    return n;
}

static kr_status split(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count, const char *word) {
    kr_status status = KR_OK;
    double ha = m->dt / occurrences(word, 'A'), hb = m->dt / occurrences(word, 'B');
    double ho = m->dt / fmax(1, occurrences(word, 'O'));
    int which = 0;
    for (const char *letter = word; *letter; letter++) {
        if (*letter == 'A')
            drift(m, w, first, count, ha);
        else if (*letter == 'B')
            KR_TRY(kick(ctx, m, w, first, count, hb));
        else
            friction(m, w, first, count, ho, which++);
    }
    memcpy(w->observed + first * w->dim, w->x + first * w->dim, (size_t)count * (size_t)w->dim * sizeof *w->x);
done:
    return status;
}

#define SPLITTING(id, word, oh, text, source)                                                       \
    static kr_status id(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count) { \
        return split(ctx, m, w, first, count, word);                                                \
    }                                                                                               \
    const kr_integrator kr_integrator_##id = {                                                      \
        .name = #id, .summary = text, .reference = source, .underdamped = 1, .noises = oh, .step = id}

SPLITTING(baoab, "BAOAB", 1, "Langevin, best averages of positions",
          "Leimkuhler, Matthews, J. Chem. Phys. 138, 174102");
SPLITTING(obabo, "OBABO", 2, "Langevin, Verlet between two halves of friction", "Bussi, Parrinello, PRE 75, 056707");
SPLITTING(aboba, "ABOBA", 1, "Langevin, one force per step at the middle", "Leimkuhler, Matthews, 2013");
SPLITTING(verlet, "BAB", 0, "velocity Verlet, constant energy", "Swope et al., J. Chem. Phys. 76, 637");
