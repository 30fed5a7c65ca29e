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
    double filter[3];  /* LAMBDA …: of the next update; a of the last one, which P still lacks; its λ */
    double *gradient;  /* [n] */
    double *part;      /* [nblocks] h·P h */
    void *p;           /* [triangles] */
    void *h, *k, *old; /* [moving]: present gradient, P h, the k that P still lacks */
    double *theta, step;
} lkf;
enum { LAMBDA, PENDING, PENDING_LAMBDA };

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

static void release(void *state) {
    lkf *s = state;
    kr_free(s->block);
    kr_free(s->index);
    kr_free(s->p);
}

static kr_status prepare(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    kr_status status = KR_OK;
    lkf *s = state;
    const size_t size = s->single ? sizeof(float) : sizeof(double);
    s->layout = layout;
    s->sweep = choose(s->single);
    s->nblocks = cut(s);
    KR_NEW(ctx, s->block, (size_t)s->nblocks);
    cut(s);
    KR_NEW(ctx, s->index, layout->moving);
    for (size_t i = 0, m = 0; i < layout->n; i++)
        if (!layout->mask || layout->mask[i]) s->index[m++] = i;
    s->p = kr_calloc(ctx, s->triangles, size);
    if (!s->p) {
        status = KR_ERR_MEMORY;
        kr_error_hint(ctx, "the covariance of %zu parameters in blocks of %d takes %.2g GB; a smaller kf_blocksize",
                      layout->moving, s->blocksize, 1e-9 * (double)s->triangles * (double)size);
    }
done:
    return status;
}

static int items(void *state, kr_optimizer_item *list) {
    lkf *s = state;
    const size_t n = s->layout ? s->layout->n : 0, moving = s->layout ? s->layout->moving : 0;
    const int type = s->single ? KR_ITEM_F32 : KR_ITEM_F64;
    const kr_optimizer_item all[] = {
        {"lambda", KR_ITEM_F64, 3, s->filter, .inside = 1},
        {"gain", type, moving, .place = &s->old},
        {"covariance", type, s->triangles, s->p, .inside = 1}, /* made by prepare */
        {NULL, type, moving, .place = &s->h},
        {NULL, type, moving, .place = &s->k},
        {NULL, KR_ITEM_F64, n, .place = &s->gradient},
        {NULL, KR_ITEM_F64, (size_t)s->nblocks, .place = &s->part},
    };
    memcpy(list, all, sizeof all);
    return sizeof all / sizeof *all;
}

static void start(void *state) {
    lkf *s = state;
    s->filter[LAMBDA] = s->lambda0;
    s->filter[PENDING_LAMBDA] = 1;
    for (int b = 0; b < s->nblocks; b++)
        for (size_t i = 0; i < (size_t)s->block[b].n; i++) set(s, s->p, s->block[b].at + i * (i + 3) / 2, s->p0);
}

static kr_status sweep_block(void *payload, kr_context *ctx, long b, int thread) {
    (void)thread;
    lkf *s = payload;
    const kalman_block *block = &s->block[b];
    size_t size = s->single ? sizeof(float) : sizeof(double), n = (size_t)block->n, at = block->begin * size;
    const size_t *index = s->index + block->begin;
    for (size_t i = 0; i < n; i++) set(s, s->h, block->begin + i, s->gradient[index[i]]);
    char *h = (char *)s->h + at, *k = (char *)s->k + at, *old = (char *)s->old + at;
    s->sweep(block->n, (char *)s->p + block->at * size, old, s->filter[PENDING], s->filter[PENDING_LAMBDA], h, k);
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
    double a = 1.0 / (s->nblocks * s->filter[LAMBDA] + kr_sum(s->nblocks, s->part));
    s->step = lr * a * innovation;
    KR_TRY(kr_parallel_blocks(ctx, s->nblocks, move_block, NULL, s));
    void *swap = s->old;
    s->old = s->k;
    s->k = swap;
    s->filter[PENDING] = a;
    s->filter[PENDING_LAMBDA] = s->filter[LAMBDA];
    s->filter[LAMBDA] = s->nu * s->filter[LAMBDA] + 1 - s->nu;
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

extern const kr_optimizer_kind kr_optimizer_lkf;
const kr_optimizer_kind kr_optimizer_lkf = {
    .name = "LKF",
    .aliases = "RLEKF FEKF kalman",
    .summary = "extended Kalman filter with one covariance per block of parameters",
    .reference = "Hu et al. 2023, arXiv 2212.06989",
    .parameters = parameters,
    .measurements = 1,
    .size = sizeof(lkf),
    .prepare = prepare,
    .items = items,
    .start = start,
    .release = release,
    .step = step,
};
