/* Grouping pairs and empty slots by embedding net, and running the nets over them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/descriptor_rows.h"
#include "core/error.h"
#include <string.h>

int kr_embedding_index(const kr_descriptor *d, int ntypes, int center_type, int neighbor_type) {
    int two_sided = !d->type_one_side && d->nembedding == ntypes * ntypes;
    return two_sided ? center_type + ntypes * neighbor_type : neighbor_type;
}

/* Splits every block of slots of the centre types that occur into runs of equal statistics. */
static kr_status find_padding(kr_context *ctx, const kr_model *model, const kr_env *env, kr_rows *rows,
                              kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    int nt = env->ntypes, nrun = 0;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[0], (size_t)nt * (size_t)d->nsel + 1 + (size_t)nt, sizeof(int)));
    int *first = ws->buffer[0].data, *occurs = first + (size_t)nt * (size_t)d->nsel + 1;
    memset(occurs, 0, (size_t)nt * sizeof *occurs);
    for (int i = 0; i < env->natoms; i++) occurs[env->center_type[i]] = 1;
    int ntypes_here = 0;
    for (int t = 0; t < nt; t++) ntypes_here += occurs[t];
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[1], (size_t)ntypes_here * (size_t)d->nnei, sizeof(kr_padding)));
    kr_padding *run = ws->buffer[1].data;
    first[0] = 0;
    for (int ti = 0; ti < nt; ti++) {
        for (int b = 0, slot = 0; b < d->nsel; slot += d->sel[b], b++) {
            for (int k = 0; occurs[ti] && k < d->sel[b]; k++) {
                if (k && kr_env_same_slots(d, ti, slot + k - 1, slot + k))
                    run[nrun - 1].end = k + 1;
                else
                    run[nrun++] = (kr_padding){k, k + 1, -1};
            }
            first[ti * d->nsel + b + 1] = nrun;
        }
    }
    rows->padding = run;
    rows->padding_first = first;
done:
    return status;
}

/* Counting sort of pairs and padding rows by net: fills row[], padding[].row and net_first. */
static void sort_by_net(const kr_descriptor *d, const kr_env *env, kr_rows *rows, int *row, int *net_first) {
    int nt = env->ntypes;
    kr_padding *padding = (kr_padding *)rows->padding;
    memset(net_first, 0, ((size_t)d->nembedding + 1) * sizeof *net_first);
    for (int pass = 0; pass < 2; pass++) { /* count, then place */
        for (int i = 0; i < env->natoms; i++)
            for (int t = 0; t < nt; t++) {
                int net = kr_embedding_index(d, nt, env->center_type[i], t);
                const int *first = env->first + (size_t)i * (size_t)nt + t;
                if (!pass)
                    net_first[net + 1] += first[1] - first[0];
                else
                    for (int p = first[0]; p < first[1]; p++) row[p - rows->first_pair] = net_first[net]++;
            }
        for (int ti = 0; ti < nt; ti++)
            for (int t = 0; t < d->nsel; t++) {
                int net = kr_embedding_index(d, nt, ti, t);
                for (int k = rows->padding_first[ti * d->nsel + t]; k < rows->padding_first[ti * d->nsel + t + 1]; k++)
                    if (!pass)
                        net_first[net + 1]++;
                    else
                        padding[k].row = net_first[net]++;
            }
        if (!pass)
            for (int e = 0; e < d->nembedding; e++) net_first[e + 1] += net_first[e];
    }
    /* Placing moved every start to the next net's start. */
    memmove(net_first + 1, net_first, (size_t)d->nembedding * sizeof *net_first);
    net_first[0] = 0;
    rows->n = net_first[d->nembedding];
}

static void fill_rows(const kr_descriptor *d, const kr_env *env, kr_rows *rows) {
    int nt = env->ntypes, nc = d->ncolumns;
    for (int i = 0; i < env->natoms; i++) {
        int ti = env->center_type[i];
        for (int t = 0; t < nt; t++) {
            const int *first = env->first + (size_t)i * (size_t)nt + t;
            /* An excluded pair keeps its slot but its row is multiplied by 0. */
            int excluded = d->excluded && d->excluded[ti * nt + t];
            for (int p = first[0]; p < first[1]; p++) {
                double *row = rows->t + (size_t)rows->row[p - rows->first_pair] * (size_t)nc;
                if (excluded)
                    memset(row, 0, (size_t)nc * sizeof *row);
                else
                    kr_env_row(d, env, ti, p, row);
            }
        }
    }
    for (int ti = 0; ti < nt; ti++)
        for (int b = 0, slot = 0; b < d->nsel; slot += d->sel[b], b++)
            for (int k = rows->padding_first[ti * d->nsel + b]; k < rows->padding_first[ti * d->nsel + b + 1]; k++)
                kr_env_padding(d, ti, slot + rows->padding[k].begin,
                               rows->t + (size_t)rows->padding[k].row * (size_t)nc);
    for (int k = 0; k < rows->n; k++) rows->s[k] = rows->t[(size_t)k * (size_t)nc];
}

kr_status kr_rows_place(kr_context *ctx, const kr_model *model, const kr_env *env, kr_rows *rows,
                        kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t nt = (size_t)env->ntypes, ng = (size_t)d->ng, nc = (size_t)d->ncolumns;
    KR_TRY(find_padding(ctx, model, env, rows, ws));
    rows->first_pair = env->first[0];
    size_t npairs = (size_t)(env->first[(size_t)env->natoms * nt] - env->first[0]);
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[2], npairs + (size_t)d->nembedding + 1, sizeof(int)));
    int *net_first = ws->buffer[2].data, *row = net_first + d->nembedding + 1;
    sort_by_net(d, env, rows, row, net_first);
    rows->row = row;
    rows->net_first = net_first;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[3], (size_t)rows->n * (nc + 1 + ng), sizeof(double)));
    rows->t = ws->buffer[3].data;
    rows->s = rows->t + (size_t)rows->n * nc;
    rows->g = rows->s + rows->n;
    fill_rows(d, env, rows);
done:
    return status;
}

kr_status kr_rows_build(kr_context *ctx, const kr_model *model, const kr_env *env, kr_rows *rows,
                        kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng;
    KR_TRY(kr_rows_place(ctx, model, env, rows, ws));
    for (int e = 0; e < d->nembedding; e++) {
        size_t first = (size_t)rows->net_first[e];
        int n = rows->net_first[e + 1] - rows->net_first[e];
        if (!n) continue;
        if (d->embedding[e])
            KR_TRY(
                kr_net_value(ctx, d->embedding[e], model->theta, n, rows->s + first, rows->g + first * ng, &ws->net));
        else
            memset(rows->g + first * ng, 0, (size_t)n * ng * sizeof(double)); /* a net that the file left out */
    }
done:
    return status;
}

kr_status kr_rows_adjoint(kr_context *ctx, const kr_model *model, const kr_rows *rows, const double *gbar, double *sbar,
                          kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    memset(sbar, 0, (size_t)rows->n * sizeof *sbar);
    for (int e = 0; e < d->nembedding; e++) {
        size_t first = (size_t)rows->net_first[e];
        int n = rows->net_first[e + 1] - rows->net_first[e];
        if (n && d->embedding[e])
            KR_TRY(kr_net_gradient(ctx, d->embedding[e], model->theta, n, rows->s + first, gbar + first * (size_t)d->ng,
                                   NULL, sbar + first, &ws->net));
    }
done:
    return status;
}

kr_status kr_rows_tangent(kr_context *ctx, const kr_model *model, const kr_rows *rows, const double *ds, double *dg,
                          kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    memset(dg, 0, (size_t)rows->n * (size_t)d->ng * sizeof *dg);
    for (int e = 0; e < d->nembedding; e++) {
        size_t first = (size_t)rows->net_first[e];
        int n = rows->net_first[e + 1] - rows->net_first[e];
        if (n && d->embedding[e])
            KR_TRY(kr_net_tangent(ctx, d->embedding[e], model->theta, n, 1, rows->s + first, ds + first, NULL,
                                  dg + first * (size_t)d->ng, &ws->net));
    }
done:
    return status;
}

static int is_excluded(const kr_descriptor *d, const kr_env *env, int i, int t) {
    return d->excluded && d->excluded[(size_t)env->center_type[i] * (size_t)env->ntypes + (size_t)t];
}

void kr_rows_env_adjoint(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, size_t width,
                         const double *bar, double *gr) {
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++) {
            const int *first = env->first + (size_t)i * (size_t)env->ntypes + t;
            for (int p = first[0]; p < first[1]; p++)
                if (is_excluded(d, env, i, t))
                    memset(gr + (size_t)p * 3, 0, 3 * sizeof *gr);
                else
                    kr_env_row_adjoint(d, env, env->center_type[i], p,
                                       bar + (size_t)rows->row[p - rows->first_pair] * width, 0, gr + (size_t)p * 3);
        }
}

void kr_rows_env_tangent(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, size_t width, const double *v,
                         double *dt) {
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++) {
            const int *first = env->first + (size_t)i * (size_t)env->ntypes + t;
            for (int p = first[0]; p < first[1] && !is_excluded(d, env, i, t); p++)
                kr_env_row_tangent(d, env, env->center_type[i], p, v + (size_t)p * 3,
                                   dt + (size_t)rows->row[p - rows->first_pair] * width);
        }
}
