/* se_e2_r: smooth two-body embedding of distances alone.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   x_k = (w/(r + p) − davg)/dstd     D = (1/5)(1/nnei) Σ_k net(x_k)  [ng]
 * over all nnei = Σ sel slots: empty ones give net(−davg/dstd), excluded pairs net(0).
 * Source: DeePMD-kit (Wang et al., CPC 228, 178 (2018)), which has the factor 1/5. */
#include "core/error.h"
#include "potential/descriptor_rows.h"
#include <string.h>

static double prefactor(const kr_descriptor *d) { return 0.2 / d->nnei; }

static kr_status value(kr_context *ctx, const kr_model *model, const kr_env *env, double *out,
                       kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nt = (size_t)env->ntypes;
    kr_rows rows;
    KR_TRY(kr_rows_build(ctx, model, env, &rows, ws));
    for (int i = 0; i < env->natoms; i++) {
        double *sum = out + (size_t)i * ng;
        memset(sum, 0, ng * sizeof *sum);
        for (size_t t = 0; t < nt; t++) {
            const int *first = env->first + (size_t)i * nt + t;
            for (int p = first[0]; p < first[1]; p++) {
                const double *g = rows.g + (size_t)rows.row[p - rows.first_pair] * ng;
                for (size_t a = 0; a < ng; a++) sum[a] += g[a];
            }
            const int *run = rows.padding_first + (size_t)env->center_type[i] * nt + t;
            for (int k = run[0]; k < run[1]; k++) {
                const double *g = rows.g + (size_t)rows.padding[k].row * ng;
                double count = kr_padding_count(&rows.padding[k], first[1] - first[0]);
                for (size_t a = 0; count > 0 && a < ng; a++) sum[a] += count * g[a];
            }
        }
        for (size_t a = 0; a < ng; a++) sum[a] *= prefactor(d);
    }
done:
    return status;
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nt = (size_t)env->ntypes;
    kr_rows rows;
    KR_TRY(kr_rows_build(ctx, model, env, &rows, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[5], (size_t)rows.n * (ng + 1), sizeof(double)));
    double *gbar = ws->buffer[5].data, *sbar = gbar + (size_t)rows.n * ng;
    memset(gbar, 0, (size_t)rows.n * ng * sizeof *gbar);
    for (int i = 0; i < env->natoms; i++)
        for (int p = env->first[(size_t)i * nt]; p < env->first[((size_t)i + 1) * nt]; p++) {
            double *g = gbar + (size_t)rows.row[p - rows.first_pair] * ng;
            for (size_t a = 0; a < ng; a++) g[a] = prefactor(d) * gd[(size_t)i * ng + a];
        }
    KR_TRY(kr_rows_adjoint(ctx, model, &rows, gbar, sbar, ws));
    kr_rows_env_adjoint(d, env, &rows, 1, sbar, gr);
done:
    return status;
}

static kr_status tangent(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *dd,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nt = (size_t)env->ntypes;
    kr_rows rows;
    KR_TRY(kr_rows_build(ctx, model, env, &rows, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[5], (size_t)rows.n * (ng + 1), sizeof(double)));
    double *dg = ws->buffer[5].data, *ds = dg + (size_t)rows.n * ng;
    memset(ds, 0, (size_t)rows.n * sizeof *ds);
    kr_rows_env_tangent(d, env, &rows, 1, v, ds);
    KR_TRY(kr_rows_tangent(ctx, model, &rows, ds, dg, ws));
    memset(dd, 0, (size_t)env->natoms * ng * sizeof *dd);
    for (int i = 0; i < env->natoms; i++)
        for (int p = env->first[(size_t)i * nt]; p < env->first[((size_t)i + 1) * nt]; p++)
            for (size_t a = 0; a < ng; a++)
                dd[(size_t)i * ng + a] += prefactor(d) * dg[(size_t)rows.row[p - rows.first_pair] * ng + a];
done:
    return status;
}

const kr_descriptor_kind kr_descriptor_se_e2_r = {
    "se_e2_r", "se_r", "embedding of s(r), distances only", "Wang et al., CPC 228, 178 (2018)", value, adjoint, tangent,
};
