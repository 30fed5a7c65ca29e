/* The reference path: exact networks in double precision at every pair, written to be read and to be trusted.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   E_i = fitting(D_i),   ∂E_i/∂r_ij = Σ (∂E_i/∂D_i) ∂D_i/∂r_ij */
#include "core/error.h"
#include "potential/evaluate.h"

/* Pairs handled at once, so that what the nets leave behind stays in the cache. */
enum { PAIRS_AT_ONCE = 1024 };

void kr_reference_workspace_free(kr_reference_workspace *ws) {
    if (!ws) return;
    kr_descriptor_workspace_free(&ws->descriptor);
    kr_fitting_workspace_free(&ws->fitting);
    kr_buffer_free(&ws->d);
    kr_buffer_free(&ws->gd);
}

/* Number of centres from `begin` on whose pairs fit into PAIRS_AT_ONCE; at least one. */
static int take_centers(const kr_env *env, int begin) {
    size_t nt = (size_t)env->ntypes;
    int n = 1;
    while (begin + n < env->natoms &&
           env->first[((size_t)begin + (size_t)n + 1) * nt] - env->first[(size_t)begin * nt] <= PAIRS_AT_ONCE)
        n++;
    return n;
}

kr_status kr_reference_block(kr_context *ctx, const kr_model *model, const kr_env *env, const double *fparam,
                             const double *aparam, double *energy, double *gr, kr_reference_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *descriptor = &model->descriptor;
    size_t nd = (size_t)descriptor->dim_out, na = (size_t)model->fitting.numb_aparam;
    for (int begin = 0, n; begin < env->natoms; begin += n) {
        n = take_centers(env, begin);
        kr_env part = *env;
        part.natoms = n;
        part.center_type += begin;
        part.first += (size_t)begin * (size_t)env->ntypes;
        KR_TRY(kr_buffer_reserve(ctx, &ws->d, (size_t)n * nd, sizeof(double)));
        KR_TRY(kr_buffer_reserve(ctx, &ws->gd, (size_t)n * nd, sizeof(double)));
        KR_TRY(descriptor->kind->value(ctx, model, &part, ws->d.data, &ws->descriptor));
        KR_TRY(kr_fitting_energy(ctx, model, n, part.center_type, ws->d.data, fparam,
                                 aparam ? aparam + (size_t)begin * na : NULL, energy + begin, gr ? ws->gd.data : NULL,
                                 &ws->fitting));
        if (gr) KR_TRY(descriptor->kind->adjoint(ctx, model, &part, ws->gd.data, gr, &ws->descriptor));
    }
done:
    return status;
}
