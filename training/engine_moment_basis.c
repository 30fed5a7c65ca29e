/* Fewer inputs of the fitting nets: which channels stay, their weights, and the way back to all.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The method is in isa/moment_basis.inl. What is left out is a tenth of the error that splines may have
 * (kr_engine_options.tolerance); without a tolerance all channels stay. Which ones do depends on θ and on the whole
 * batch, so all processes that share it leave out the same. */
#include "core/error.h"
#include "core/parallel.h"
#include "training/engine_moment.h"
#include <string.h>

enum { MOST_ROWS = 1024 }; /* of coefficients; with more types finding the basis takes too long */
static const double SHARE = 0.1;

void kr_moment_basis_free(kr_moment_basis *basis) {
    kr_free(basis->weight.data);
    kr_buffer_free(&basis->memory);
    *basis = (kr_moment_basis){0};
}

static int wanted(const kr_moment *m) {
    return m->options.tolerance > 0 && !m->linear && m->ng >= 8 && m->ng <= KR_MOMENT_MOST_CHANNELS &&
           m->axis * KR_MOMENT_PANEL % m->lanes == 0;
}

static kr_status prepare(kr_context *ctx, kr_moment *m, int index) {
    kr_status status = KR_OK;
    kr_moment_basis *basis = &m->net[index].basis;
    size_t rows = 0, ng = (size_t)m->ng, lanes = (size_t)m->lanes, ld = (ng + lanes - 1) / lanes * lanes,
           word = m->word;
    for (int p = 0; p < m->nt * m->nt; p++)
        if (m->pair[p].seen && (m->nnets == 1 || p / m->nt == index)) rows += (size_t)m->grid.n;
    basis->q = m->ng;
    /* three quarters: beyond, going over to fewer channels costs what it saves */
    basis->most = wanted(m) && rows <= MOST_ROWS && m->net[index].rows >= 16 ? 3 * m->ng / 4 : 0;
    size_t most = (size_t)basis->most, mix = (ng + KR_MOMENT_ROWS) * ng;
    /* odd: rows of one product of channels are `axis` rows apart */
    basis->ldc = kr_round_up(m->layer[0].out, m->lanes) + 1;
    size_t bar =
        ((size_t)m->axis * most + (size_t)(m->nin - m->ncoupled) + KR_MOMENT_ROWS) * (size_t)basis->ldc + lanes;
    size_t reals = most ? 2 * mix + (most + 1) * ld + rows * (ld + 1) + lanes + ld + bar : 0;
    KR_TRY(kr_buffer_reserve(ctx, &basis->memory, reals * word + ng * sizeof(int) + 8 * KR_ALIGN, 1));
    char *at = basis->memory.data;
    void **part[] = {&basis->mix, &basis->mix_t, &basis->r, &basis->bar, &basis->work};
    size_t count[] = {mix, mix, (most + 1) * ld, bar, rows * (ld + 1) + lanes + ld};
    for (size_t k = 0; most && k < sizeof part / sizeof *part; k++) {
        *part[k] = at;
        at += (count[k] * word + KR_ALIGN - 1) / KR_ALIGN * KR_ALIGN;
    }
    basis->channel = (int *)at;
    for (int k = 0; k < m->ng; k++) basis->channel[k] = k;
    if (most && !basis->weight.data)
        KR_TRY(kr_moment_matrix_create(ctx, m, m->nin + KR_MOMENT_ROWS * m->axis, m->layer[0].out, &basis->weight));
done:
    return status;
}

kr_status kr_moment_basis_prepare(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    for (int n = 0; n < m->nnets; n++)
        if (m->net[n].nblocks) KR_TRY(prepare(ctx, m, n));
done:
    return status;
}

static kr_status find_block(void *payload, kr_context *ctx, long n, int thread) {
    kr_moment *m = payload;
    (void)ctx, (void)thread;
    if (m->net[n].nblocks && m->net[n].basis.most)
        m->kernels->basis(m, (int)n, SHARE * m->options.tolerance, &m->net[n].basis);
    return KR_OK;
}

static int panels_of(const kr_moment *m) { return kr_round_up(m->layer[0].out, KR_MOMENT_PANEL) / KR_MOMENT_PANEL; }

static kr_status fold_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_moment *m = payload;
    (void)ctx, (void)thread;
    const kr_moment_net *net = &m->net[block / panels_of(m)];
    if (net->nblocks && net->basis.q < m->ng) m->kernels->fold(m, net, (int)(block % panels_of(m)));
    return KR_OK;
}

kr_status kr_moment_basis_find(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    KR_TRY(kr_parallel_blocks(ctx, m->nnets, find_block, NULL, m));
    KR_TRY(kr_parallel_blocks(ctx, (long)m->nnets * panels_of(m), fold_block, NULL, m));
done:
    return status;
}

static int parts_of(const kr_moment *m) { return (m->ng + KR_MOMENT_ROWS - 1) / KR_MOMENT_ROWS + 1; }

long kr_moment_basis_parts(const kr_moment *m) { return (long)m->nnets * parts_of(m); }

kr_status kr_moment_basis_expand(const kr_moment *m, long block, int set, double *gtheta, int thread) {
    const kr_moment_net *net = &m->net[block / parts_of(m)];
    if (net->nblocks && net->basis.q < m->ng)
        m->kernels->expand(m, net, (int)(block % parts_of(m)) * KR_MOMENT_ROWS, set, gtheta + net->net->layer[0].w,
                           kr_moment_scratch(m, thread));
    return KR_OK;
}
