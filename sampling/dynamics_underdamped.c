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
    int n = m->problem->positions, d = w->dim, rows = 0, at = 0;
    double *q = w->work + first * d, *grad = q + (long)count * n;
    const double *x = w->x + first * d;
    double *force = w->force + first * d;
    unsigned char *fresh = w->fresh + first;
    for (int i = 0; i < count; i++) {
        if (fresh[i]) continue;
        for (int k = 0; k < n; k++) q[rows * n + k] = x[i * d + k];
        rows++;
    }
    if (!rows) return KR_OK;
    KR_TRY(kr_problem_potential(ctx, m->problem, rows, q, NULL, grad));
    for (int i = 0; i < count; i++) {
        if (fresh[i]) continue;
        for (int k = 0; k < n; k++) force[i * d + k] = -grad[at++];
        fresh[i] = 1;
    }
done:
    return status;
}

static kr_status kick(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count, double h) {
    kr_status status = KR_OK;
    int n = m->problem->positions, d = w->dim;
    double *x = w->x + first * d, *force = w->force + first * d;
    if (!m->bias) KR_TRY(forces(ctx, m, w, first, count));
    for (int i = 0; i < count; i++) {
        if (!w->fresh[first + i]) KR_TRY(kr_mover_force(ctx, m, x + i * d, force + i * d, w->work + (first + i) * d));
        w->fresh[first + i] = 1;
        for (int k = 0; k < n; k++) x[i * d + n + k] += h * force[i * d + k];
    }
done:
    return status;
}

static void drift(const kr_mover *m, kr_walkers *w, long first, int count, double h) {
    int n = m->problem->positions, d = w->dim;
    const double *mass = m->problem->mass;
    double *x = w->x + first * d;
    memset(w->fresh + first, 0, (size_t)count);
    for (int i = 0; i < count; i++, x += d)
        for (int k = 0; k < n; k++) x[k] += mass ? h * x[n + k] / mass[k] : h * x[n + k];
}

static void friction(const kr_mover *m, kr_walkers *w, long first, int count, double h, int which) {
    int n = m->problem->positions, d = w->dim;
    double keep = exp(-m->problem->gamma * h), noise = sqrt(-expm1(-2 * m->problem->gamma * h));
    double *p = w->x + first * d + n, *r = w->work + first * d;
    const double *size = m->kick + n;
    kr_walkers_noise(m, w, first, count, which, n, r);
    for (int i = 0; i < count; i++, p += d, r += n)
        for (int k = 0; k < n; k++) p[k] = keep * p[k] + noise * size[k] * r[k];
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
