/* Made-up environments on which the splines are judged: the model's own statistics say how dense they are.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With neighbours of number density ρ beyond a core r0,
 *     Σ_j s_j  = 4πρ ∫ r w dr  = nnei·davg            Σ_j s_j² = 4πρ ∫ w² dr = nnei·(dstd² + davg²)
 * (both over [r0, rcut]): the ratio gives r0, either gives ρ. Without davg (dpa1) only the second is known and r0 is
 * guessed. Positions are random beyond r0, in some environments only in a half space; every environment has one
 * neighbour closer than r0, some one down to r_lo; pairs alone are scanned from r_lo to rcut. Types are drawn in
 * proportion to sel. The stream of random numbers is fixed: the same model always gives the same tables. */
#include "core/error.h"
#include "core/random.h"
#include "potential/fast_internal.h"
#include <math.h>
#include <string.h>

enum { NINTEGRAL = 200 };

/* ∫ r w dr and ∫ w² dr over [r0, rcut] */
static void integrals(const kr_descriptor *d, double r0, double *first, double *second) {
    double h = (d->rcut - r0) / NINTEGRAL;
    *first = *second = 0;
    for (int k = 0; k < NINTEGRAL; k++) {
        double r = r0 + (k + 0.5) * h, w = kr_switch(r, d->rcut_smth, d->rcut, NULL);
        *first += r * w * h;
        *second += w * w * h;
    }
}

void kr_fast_density(const kr_model *model, int t, double *r0, double *rho) {
    const kr_descriptor *d = &model->descriptor;
    double s1 = 0, s2 = 0, first, second;
    for (int k = 0; k < d->nnei; k++) {
        size_t at = ((size_t)t * (size_t)d->nnei + (size_t)k) * (size_t)d->ncolumns;
        s1 += d->davg[at];
        s2 += d->dstd[at] * d->dstd[at] + d->davg[at] * d->davg[at];
    }
    double low = 0.4, high = 0.6 * d->rcut;
    *r0 = model->has_min_nbor_dist && model->min_nbor_dist > low ? fmin(model->min_nbor_dist, high) : 1.5;
    if (s1 > 0) {
        for (int step = 0; step < 40; step++) { /* ∫w²/∫rw falls as r0 grows */
            *r0 = 0.5 * (low + high);
            integrals(d, *r0, &first, &second);
            if (second / first > s2 / s1)
                low = *r0;
            else
                high = *r0;
        }
    }
    integrals(d, *r0, &first, &second);
    *rho = (s1 > 0 ? s1 / first : s2 / second) / (4 * M_PI);
}

/* Number of neighbours per type, at most sel; total about n. list [nused]: types in use. */
static void draw_types(const kr_model *model, int nused, const int *list, int n, kr_stream stream, uint64_t env,
                       int *count) {
    const kr_descriptor *d = &model->descriptor;
    int slots = 0;
    memset(count, 0, (size_t)model->ntypes * sizeof *count);
    for (int k = 0; k < nused && !d->mixed_types; k++) slots += d->sel[list[k]];
    if (!d->mixed_types && slots == 0) return;
    for (int k = 0; k < n; k++) {
        int tj = 0;
        if (d->mixed_types) {
            tj = list[kr_random_below(stream, env, 0, (uint64_t)k, (uint64_t)nused)];
        } else {
            int slot = (int)kr_random_below(stream, env, 0, (uint64_t)k, (uint64_t)slots), at = 0;
            while (slot >= d->sel[list[at]]) slot -= d->sel[list[at++]];
            tj = list[at];
        }
        if (d->mixed_types || count[tj] < d->sel[tj]) count[tj]++;
    }
}

/* Places one neighbour: class 0 the bulk, 1 just inside the core, 2 anywhere down to r_lo. */
static void place(const kr_descriptor *d, double r0, double r_lo, int class, int half, kr_stream stream, uint64_t env,
                  uint64_t k, double x[4]) {
    double u = kr_random_uniform(stream, env, 1, k), direction[4];
    double low = class == 2 ? r_lo : 0.7 * r0 > r_lo ? 0.7 * r0 : r_lo, high = class == 2 ? 0.7 * r0 : r0;
    double r =
        class == 0 ? cbrt(r0 * r0 * r0 + u * (pow(d->rcut, 3) - r0 * r0 * r0)) : low * pow(fmax(high, low) / low, u);
    kr_random_normal(stream, env, 2, k, direction);
    if (half) direction[2] = fabs(direction[2]);
    double norm = sqrt(direction[0] * direction[0] + direction[1] * direction[1] + direction[2] * direction[2]);
    for (int c = 0; c < 3; c++) x[c] = r * direction[c] / norm;
    x[3] = r;
}

void kr_fast_probe_free(kr_fast_probe *probe) {
    kr_free(probe->memory);
    kr_free(probe->index);
    kr_free(probe->exact);
    *probe = (kr_fast_probe){0};
}

kr_status kr_fast_probe_create(kr_context *ctx, const kr_model *model, const unsigned char *used, int type, double r_lo,
                               int ncenters, kr_fast_probe *probe) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t nused = 0;
    for (int t = 0; t < model->ntypes; t++) nused += kr_fast_uses(used, t) != 0;
    const size_t nt = (size_t)model->ntypes, ndimers = nused * KR_FAST_DIMERS,
                 room = (size_t)ncenters * (size_t)d->nnei + ndimers;
    const int nbulk = ncenters;
    ncenters += (int)ndimers;
    kr_stream stream = {20260721, (uint64_t)type};
    double r0, rho;
    *probe = (kr_fast_probe){0};
    kr_fast_density(model, type, &r0, &rho);
    KR_NEW(ctx, probe->memory, 4 * room);
    KR_NEW(ctx, probe->index, 2 * room + (size_t)ncenters * (nt + 1) + 1 + nt + nused);
    KR_NEW(ctx, probe->exact, 3 * room + (size_t)ncenters);
    double *x = probe->memory, *y = x + room, *z = y + room, *r = z + room;
    int *slot = probe->index, *neighbor = slot + room, *center = neighbor + room, *first = center + ncenters;
    int *count = first + (size_t)ncenters * nt + 1, *list = count + nt, n = 0;
    for (int t = 0, k = 0; t < model->ntypes; t++)
        if (kr_fast_uses(used, t)) list[k++] = t;
    r0 = fmax(r0, r_lo / 0.8);
    const double volume = 4 * M_PI / 3 * (pow(d->rcut, 3) - r0 * r0 * r0);
    for (int i = 0; i < nbulk; i++) {
        int half = i % 4 == 2, contact = i % 4 == 3;
        double wanted = rho * volume * (half ? 0.5 : 0.9 + 0.05 * (i % 5));
        int total = wanted < 2 ? 2 : wanted > d->nnei ? d->nnei : (int)wanted;
        if (total > d->nnei) total = d->nnei;
        draw_types(model, (int)nused, list, total, stream, (uint64_t)i, count);
        int seen = 0;
        for (size_t tj = 0; tj < nt; tj++) {
            first[(size_t)i * nt + tj] = n;
            for (int k = 0; k < count[tj]; k++, n++, seen++) {
                double at[4];
                int class = seen == i % (total > 1 ? 2 : 1) ? 1 + contact : 0;
                place(d, r0, r_lo, class, half, stream, (uint64_t)i, (uint64_t)seen, at);
                x[n] = at[0], y[n] = at[1], z[n] = at[2], r[n] = at[3];
                slot[n] = d->mixed_types ? seen : kr_fast_slot(d, (int)tj) + k;
            }
        }
        center[i] = type;
    }
    for (size_t i = (size_t)nbulk; i < (size_t)ncenters; i++) { /* one neighbour alone, at all distances */
        size_t partner = (size_t)list[(i - (size_t)nbulk) / KR_FAST_DIMERS], k = (i - (size_t)nbulk) % KR_FAST_DIMERS;
        int here = d->mixed_types || d->sel[partner] > 0;
        for (size_t tj = 0; tj < nt; tj++) first[i * nt + tj] = n + (here && tj > partner);
        center[i] = type;
        if (!here) continue;
        r[n] = r_lo * pow(d->rcut / r_lo, ((double)k + 0.31) / KR_FAST_DIMERS);
        x[n] = 0.6 * r[n], y[n] = 0, z[n] = 0.8 * r[n];
        slot[n++] = kr_fast_slot(d, (int)partner);
    }
    first[(size_t)ncenters * nt] = n;
    probe->env = (kr_env){ncenters, (int)nt, n, center, first, slot, neighbor, x, y, z, r, list[0]};
done:
    if (status < 0) kr_fast_probe_free(probe);
    return status;
}

kr_status kr_fast_probe_exact(kr_context *ctx, const kr_model *model, const double *fparam, const double *aparam,
                              kr_fast_probe *probe) {
    kr_reference_workspace ws;
    memset(&ws, 0, sizeof ws);
    kr_status status = kr_reference_block(ctx, model, &probe->env, fparam, aparam,
                                          probe->exact + 3 * (size_t)probe->env.npairs, probe->exact, &ws);
    kr_reference_workspace_free(&ws);
    return status;
}

/* A centre's own force is −Σ_j g_ij; as a neighbour it gets one term from each of about as many centres, with
 * directions that do not add up. Where forces are far larger than usual the error counts in proportion. */
double kr_fast_probe_error(const kr_fast_probe *probe, const double *gr) {
    const kr_env *env = &probe->env;
    const double ordinary = 10; /* eV/Å */
    double worst = 0;
    for (int i = 0; i < env->natoms; i++) {
        double own[3] = {0, 0, 0}, squares = 0, strongest = 0, here = 0;
        for (int p = env->first[i * env->ntypes]; p < env->first[(i + 1) * env->ntypes]; p++) {
            double size = 0;
            for (int c = 0; c < 3; c++) {
                double g = probe->exact[3 * p + c], error = gr[3 * p + c] - g;
                own[c] += error;
                squares += error * error;
                size += g * g;
            }
            if (size > strongest) strongest = size;
        }
        for (int c = 0; c < 3; c++)
            if (!(fabs(own[c]) <= here)) here = fabs(own[c]);
        here += 2 * sqrt(squares / 3);
        here /= fmax(1, sqrt(strongest) / ordinary);
        if (!(here <= worst)) worst = here;
    }
    return worst;
}
