/* Layer-blocked extended Kalman filter (LKF; RLEKF with one frame, FEKF with several frames reduced to one
 * measurement). SPDX-License-Identifier: BSD-3-Clause
 *
 * For every scalar measurement with innovation ε ≥ 0 and gradient h of the signed prediction, over the blocks l:
 *   a = 1/Σ_l (λ + h_lᵀ P_l h_l),   k_l = P_l h_l,   θ_l ← θ_l + a ε k_l,   P_l ← (P_l − a k_l k_lᵀ)/λ
 *   λ ← ν λ + 1 − ν,   P_l = p0·1 and λ = λ0 at the start.
 * Blocks: the named blocks of θ one after the other, as many as fit into blocksize together; a larger one is cut. The
 * update of P waits for the next gradient, so that P is read and written once per measurement. P is stored as a packed
 * triangle: it is symmetric by construction. The learning rate multiplies the step: 1 is the filter itself.
 * Sources: Hu et al. 2023, arXiv 2212.06989 (blocks); Hu et al. 2024, doi 10.1145/3627535.3638505 (reduction). */
#include "core/isa.h"
#include "core/optimizer_kalman.h"
#include "core/optimizer_parts.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

/* Positions [begin, begin + n) of the moving entries; its triangle at `at` of P. */
typedef struct kalman_block {
    size_t begin, at;
    int n;
} kalman_block;

typedef struct lkf {
    const kr_optimizer_layout *layout;
    int blocksize, single; /* options */
    double lambda0, nu, p0;
    int nblocks;
    kalman_block *block;
    size_t triangles; /* length of P */
    size_t *index;    /* [moving] entry of θ */
    kr_kalman_fn sweep;
    double lambda, pending; /* of the next update; a of the last one, which P still lacks */
    double pending_lambda;
    double *gradient;  /* [n] */
    double *part;      /* [nblocks] h·P h */
    void *p;           /* [triangles] */
    void *h, *k, *old; /* [moving]: present gradient, P h, the k that P still lacks */
    double *theta, step;
} lkf;

static const kr_parameter parameters[] = {KR_OPTIMIZER_TYPE,
                                          {.name = "kf_blocksize",
                                           .aliases = "blocksize",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(lkf, blocksize),
                                           .initial = "512",
                                           .range = "[1, 46340]",
                                           .help = "parameters with a common covariance; time and memory grow with it"},
                                          {.name = "kf_lambda",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(lkf, lambda0),
                                           .initial = "0.98",
                                           .range = "(0, 1]",
                                           .help = "forgetting at the start"},
                                          {.name = "kf_nue",
                                           .aliases = "kf_nu",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(lkf, nu),
                                           .initial = "0.9987",
                                           .range = "[0, 1]",
                                           .help = "how slowly forgetting ends: lambda becomes nue lambda + 1 - nue"},
                                          {.name = "kf_p0",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(lkf, p0),
                                           .initial = "1.0",
                                           .range = "> 0",
                                           .help = "variance of every parameter at the start"},
                                          {.name = "single",
                                           .type = KR_PARAMETER_FLAG,
                                           .offset = offsetof(lkf, single),
                                           .initial = "false",
                                           .help = "covariance in single precision"},
                                          {0}};

static void destroy(void **state) {
    lkf *s = *state;
    kr_free(s->block);
    kr_free(s->index);
    kr_free(s->gradient);
    kr_free(s->part);
    kr_free(s->p);
    kr_free(s->h);
    kr_free(s->k);
    kr_free(s->old);
    kr_free(s);
    *state = NULL;
}

/* Where the named block, or the gap between two, that holds `from` ends. */
static size_t next_border(const kr_optimizer_layout *layout, size_t from) {
    size_t border = layout->n;
    for (int b = 0; b < layout->nblocks; b++) {
        size_t begin = layout->block[b].offset, end = begin + layout->block[b].count;
        if (begin > from && begin < border) border = begin;
        if (end > from && end < border) border = end;
    }
    return border;
}

/* Cuts the moving entries into blocks; only counts them when s->block is NULL. */
static int cut(lkf *s) {
    size_t done = 0, size = (size_t)s->blocksize; /* moving entries that lie in closed or open blocks */
    size_t open = 0, triangles = 0;               /* those of the open block */
    int count = 0;
#define CLOSE()                                                                                    \
    do {                                                                                           \
        if (open && s->block) s->block[count] = (kalman_block){done - open, triangles, (int)open}; \
        triangles += open * (open + 1) / 2;                                                        \
        count += open > 0;                                                                         \
        open = 0;                                                                                  \
    } while (0)
    for (size_t from = 0; from < s->layout->n;) {
        size_t end = next_border(s->layout, from), moving = 0;
        for (size_t i = from; i < end; i++) moving += !s->layout->mask || s->layout->mask[i];
        if (open + moving > size) CLOSE();
        while (moving) {
            size_t take = moving < size ? moving : size;
            done += take;
            moving -= take;
            open += take;
            if (open == size) CLOSE();
        }
        from = end;
    }
    CLOSE();
#undef CLOSE
    s->triangles = triangles;
    return count;
}

static kr_kalman_fn choose(int single) {
#if defined(__x86_64__)
    if (kr_isa_available(KR_ISA_AVX512)) return single ? kr_kalman_f32_avx512 : kr_kalman_f64_avx512;
    if (kr_isa_available(KR_ISA_AVX2)) return single ? kr_kalman_f32_avx2 : kr_kalman_f64_avx2;
#endif
    return single ? kr_kalman_f32_baseline : kr_kalman_f64_baseline;
}

static void set(const lkf *s, void *array, size_t i, double value) {
    if (s->single)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const kr_optimizer_layout *layout, void **state) {
    kr_status status = KR_OK;
    void *made = NULL;
    lkf *s = NULL;
    KR_NEW(ctx, s, 1);
    made = s;
    s->layout = layout;
    KR_TRY(kr_optimizer_options(ctx, parameters, options, s));
    s->lambda = s->lambda0;
    s->pending_lambda = 1;
    s->sweep = choose(s->single);
    s->nblocks = cut(s);
    KR_NEW(ctx, s->block, (size_t)s->nblocks);
    cut(s);
    KR_NEW(ctx, s->index, layout->moving);
    for (size_t i = 0, m = 0; i < layout->n; i++)
        if (!layout->mask || layout->mask[i]) s->index[m++] = i;
    KR_NEW(ctx, s->gradient, layout->n);
    KR_NEW(ctx, s->part, (size_t)s->nblocks);
    size_t size = s->single ? sizeof(float) : sizeof(double);
    s->h = kr_calloc(ctx, layout->moving, size);
    s->k = s->h ? kr_calloc(ctx, layout->moving, size) : NULL;
    s->old = s->k ? kr_calloc(ctx, layout->moving, size) : NULL;
    s->p = s->old ? kr_calloc(ctx, s->triangles, size) : NULL;
    if (!s->p) {
        status = KR_ERR_MEMORY;
        kr_error_hint(ctx, "the covariance of %zu parameters in blocks of %d takes %.2g GB; a smaller kf_blocksize",
                      layout->moving, s->blocksize, 1e-9 * (double)s->triangles * (double)size);
        goto done;
    }
    for (int b = 0; b < s->nblocks; b++)
        for (size_t i = 0; i < (size_t)s->block[b].n; i++) set(s, s->p, s->block[b].at + i * (i + 3) / 2, s->p0);
done:
    if (status < 0 && made) destroy(&made);
    *state = made;
    return status;
}

static kr_status sweep_block(void *payload, kr_context *ctx, long b, int thread) {
    (void)thread;
    lkf *s = payload;
    const kalman_block *block = &s->block[b];
    size_t size = s->single ? sizeof(float) : sizeof(double), n = (size_t)block->n, at = block->begin * size;
    const size_t *index = s->index + block->begin;
    for (size_t i = 0; i < n; i++) set(s, s->h, block->begin + i, s->gradient[index[i]]);
    char *h = (char *)s->h + at, *k = (char *)s->k + at, *old = (char *)s->old + at;
    s->sweep(block->n, (char *)s->p + block->at * size, old, s->pending, s->pending_lambda, h, k);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s->single ? (double)((float *)h)[i] * (double)((float *)k)[i] : ((double *)h)[i] * ((double *)k)[i];
    s->part[b] = sum;
    if (sum >= 0) return KR_OK;
    KR_ERROR(ctx, KR_ERR_NUMERIC, "the covariance of block %ld of %d is not positive any more (%g)", b, s->nblocks,
             sum);
    kr_error_hint(ctx, s->single ? "double precision, or a kf_lambda nearer to 1" : "a kf_lambda nearer to 1");
    return KR_ERR_NUMERIC;
}

static kr_status move_block(void *payload, kr_context *ctx, long b, int thread) {
    (void)ctx;
    (void)thread;
    lkf *s = payload;
    size_t begin = s->block[b].begin, end = begin + (size_t)s->block[b].n;
    for (size_t i = begin; i < end; i++)
        s->theta[s->index[i]] += s->step * (s->single ? (double)((float *)s->k)[i] : ((double *)s->k)[i]);
    return KR_OK;
}

static kr_status update(kr_context *ctx, lkf *s, double lr, double innovation) {
    kr_status status = KR_OK;
    KR_TRY(kr_parallel_blocks(ctx, s->nblocks, sweep_block, NULL, s));
    double a = 1.0 / (s->nblocks * s->lambda + kr_sum(s->nblocks, s->part));
    s->step = lr * a * innovation;
    KR_TRY(kr_parallel_blocks(ctx, s->nblocks, move_block, NULL, s));
    void *swap = s->old;
    s->old = s->k;
    s->k = swap;
    s->pending = a;
    s->pending_lambda = s->lambda;
    s->lambda = s->nu * s->lambda + 1 - s->nu;
done:
    return status;
}

static kr_status step(kr_context *ctx, void *state, int64_t number, double lr, const kr_objective *objective,
                      double *theta, double *loss) {
    (void)number;
    kr_status status = KR_OK;
    lkf *s = state;
    double innovation = 0;
    *loss = 0;
    s->theta = theta;
    if (!objective->measure || objective->ngroups < 1)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "a Kalman filter needs measurements, the loss has none");
    for (int group = 0; group < objective->ngroups; group++) {
        KR_TRY(kr_optimizer_measure(ctx, s->layout, objective, group, theta, &innovation, s->gradient));
        if (status != KR_OK) goto done;
        *loss += innovation;
        if (s->nblocks) KR_TRY(update(ctx, s, lr, innovation));
    }
done:
    return status;
}

static kr_status save(kr_context *ctx, const void *state, kr_tree **tree) {
    kr_status status = KR_OK;
    const lkf *s = state;
    const double scalars[3] = {s->lambda, s->pending, s->pending_lambda};
    kr_tree *map = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_optimizer_put(ctx, map, "lambda", 0, 3, scalars));
    KR_TRY(kr_optimizer_put(ctx, map, "gain", s->single, s->layout->moving, s->old));
    KR_TRY(kr_optimizer_put(ctx, map, "covariance", s->single, s->triangles, s->p));
    *tree = map;
    map = NULL;
done:
    kr_tree_destroy(&map);
    return status;
}

static kr_status load(kr_context *ctx, void *state, const kr_tree *tree) {
    kr_status status = KR_OK;
    lkf *s = state;
    double scalars[3];
    KR_TRY(kr_optimizer_take(ctx, tree, "lambda", 0, 3, scalars));
    KR_TRY(kr_optimizer_take(ctx, tree, "gain", s->single, s->layout->moving, s->old));
    KR_TRY(kr_optimizer_take(ctx, tree, "covariance", s->single, s->triangles, s->p));
    s->lambda = scalars[0];
    s->pending = scalars[1];
    s->pending_lambda = scalars[2];
done:
    return status;
}

extern const kr_optimizer_kind kr_optimizer_lkf;
const kr_optimizer_kind kr_optimizer_lkf = {
    .name = "LKF",
    .aliases = "RLEKF FEKF kalman",
    .summary = "extended Kalman filter with one covariance per block of parameters",
    .reference = "Hu et al. 2023, arXiv 2212.06989",
    .parameters = parameters,
    .measurements = 1,
    .create = create,
    .destroy = destroy,
    .step = step,
    .save = save,
    .load = load,
};
