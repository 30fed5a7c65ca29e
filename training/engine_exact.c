/* The engine "exact": embedding nets at every pair, in double precision. What the others are compared with.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With g = ∂E/∂D and Ḋ = ∂D/∂r · v, v from f̄ and w̄ (engine.h):
 *   S = Σ ē_i E_i + Σ v · ∂E/∂r = Σ_i ( ē_i E(D_i) + g_i · Ḋ_i )
 *   1. D, Ḋ                                              descriptor, forward
 *   2. θ̄ of the fitting net, D̄ = ∂S/∂D and g = ∂S/∂Ḋ     kr_fitting_backprop
 *   3. θ̄ of Σ ( D̄ · D + g · Ḋ )                          descriptor, back-propagation
 *
 * A batch is cut into a few chunks of centres whatever the number of threads; a chunk fills a θ̄ of its own, and the
 * chunks' sums are added in order: the same bits for any number of threads, and memory for one θ̄ per thread. Within
 * a chunk, parts of one frame go through the three steps together, so that scratch stays small. */
#include "core/error.h"
#include "core/parallel.h"
#include "training/descriptor_gradient.h"
#include "training/engine.h"
#include "training/fitting_gradient.h"
#include <string.h>

enum { CHUNKS = 6, CHUNK_LEAST = 16, PART_MOST = 32 };
/* Small batches keep what descriptors made for the value until the gradient wants it: at most so many numbers. */
static const size_t KEEP_MOST = (size_t)1 << 24;

/* Centres begin … end − 1 of one frame. */
typedef struct part {
    int frame, begin, end;
    size_t atom, pair; /* of the frame's first one in the arrays of the batch */
    int chunk;
} part;

/* A stretch of θ: that of fitting net `owner`, or of everything else (−1). */
typedef struct zone {
    size_t begin, end;
    int owner;
} zone;

typedef struct worker {
    kr_descriptor_tape tape;
    kr_fitting_workspace fitting;
    kr_fitting_gradient_workspace fitting_gradient;
    kr_buffer d, dd, dbar, gd;
    kr_buffer gtheta;  /* [ntheta] */
    kr_buffer touched; /* [nnets] */
} worker;

typedef struct exact {
    const kr_model *model;
    const kr_descriptor_gradient *descriptor;
    int nzones;
    zone *zone;
    int nworkers;
    worker *worker;
    kr_buffer part, first_part; /* of the present batch; first_part [nchunks + 1] */
    int nchunks;
    kr_batch seen; /* whose value was last; its frames are looked at no more */
    int keeps;     /* the present batch is small enough to keep the tapes of its parts */
    int ntapes;    /* [ntapes] by part */
    kr_descriptor_tape *tape;
    kr_buffer pairs; /* [npairs][3]: ∂E/∂r or v */
} exact;

/* One call. */
typedef struct job {
    exact *e;
    const kr_batch *batch;
    double *energy, *gr;    /* of a value; gr may be NULL */
    const double *ebar, *v; /* of a gradient */
    double *gtheta;
} job;

static const char *refuses(const kr_model *model) {
    return kr_descriptor_gradient_find(model->descriptor.kind) ? NULL : "its descriptor has no θ-gradient";
}

/* ---- life ---- */

static void worker_free(worker *w) {
    kr_descriptor_tape_free(&w->tape);
    kr_fitting_workspace_free(&w->fitting);
    kr_fitting_gradient_workspace_free(&w->fitting_gradient);
    kr_buffer_free(&w->d);
    kr_buffer_free(&w->dd);
    kr_buffer_free(&w->dbar);
    kr_buffer_free(&w->gd);
    kr_buffer_free(&w->gtheta);
    kr_buffer_free(&w->touched);
}

static void destroy(void **state) {
    exact *e = *state;
    if (!e) return;
    for (int t = 0; t < e->nworkers; t++) worker_free(&e->worker[t]);
    for (int k = 0; k < e->ntapes; k++) kr_descriptor_tape_free(&e->tape[k]);
    kr_free(e->tape);
    kr_free(e->worker);
    kr_free(e->zone);
    kr_buffer_free(&e->part);
    kr_buffer_free(&e->first_part);
    kr_buffer_free(&e->pairs);
    kr_free(e);
    *state = NULL;
}

/* Nets lie in θ one after the other, without gaps inside. */
static zone net_zone(const kr_net *net, int owner) {
    const kr_layer *last = &net->layer[net->nlayers - 1];
    size_t end = last->w + (size_t)last->in * (size_t)last->out;
    if (last->b != KR_NO_BLOCK) end = last->b + (size_t)last->out;
    if (last->idt != KR_NO_BLOCK) end = last->idt + (size_t)last->out;
    return (zone){net->layer[0].w, end, owner};
}

/* The fitting nets in the order of their places, and what is between and around them. */
static kr_status make_zones(kr_context *ctx, exact *e) {
    kr_status status = KR_OK;
    const kr_fitting *f = &e->model->fitting;
    KR_NEW(ctx, e->zone, 2 * (size_t)f->nnets + 1);
    for (size_t at = 0; at < e->model->ntheta;) {
        zone next = {e->model->ntheta, e->model->ntheta, -1};
        for (int net = 0; net < f->nnets; net++) {
            if (!f->net[net]) continue;
            zone z = net_zone(f->net[net], net);
            if (z.begin >= at && z.begin < next.begin) next = z;
        }
        if (next.begin > at) e->zone[e->nzones++] = (zone){at, next.begin, -1};
        if (next.owner >= 0) e->zone[e->nzones++] = next;
        at = next.end;
    }
done:
    return status;
}

static kr_status create(kr_context *ctx, const kr_model *model, const kr_engine_options *options, void **state) {
    kr_status status = KR_OK;
    (void)options; /* single, knots, tolerance: this one is always exact */
    exact *e = NULL;
    KR_NEW(ctx, e, 1);
    e->model = model;
    e->descriptor = kr_descriptor_gradient_find(model->descriptor.kind);
    KR_TRY(make_zones(ctx, e));
    *state = e;
    e = NULL;
done:
    destroy((void **)&e);
    return status;
}

static kr_status reserve_workers(kr_context *ctx, exact *e) {
    int n = kr_parallel_threads(ctx);
    if (n <= e->nworkers) return KR_OK;
    worker *more = kr_realloc(ctx, e->worker, (size_t)e->nworkers, (size_t)n, sizeof *more);
    if (!more) return KR_ERR_MEMORY;
    memset(more + e->nworkers, 0, (size_t)(n - e->nworkers) * sizeof *more);
    e->worker = more;
    e->nworkers = n;
    return KR_OK;
}

/* Tapes for the parts of a batch that is small enough; none is fresh. */
static kr_status reserve_tapes(kr_context *ctx, exact *e, const kr_batch *batch) {
    const kr_descriptor *d = &e->model->descriptor;
    int nparts = e->nchunks ? ((const int *)e->first_part.data)[e->nchunks] : 0;
    e->keeps = e->descriptor->keeps && (size_t)batch->npairs * (2 * (size_t)d->ng + 8) <= KEEP_MOST;
    for (int k = 0; k < e->ntapes; k++) e->tape[k].fresh = 0;
    if (!e->keeps || nparts <= e->ntapes) return KR_OK;
    kr_descriptor_tape *more = kr_realloc(ctx, e->tape, (size_t)e->ntapes, (size_t)nparts, sizeof *more);
    if (!more) return KR_ERR_MEMORY;
    memset(more + e->ntapes, 0, (size_t)(nparts - e->ntapes) * sizeof *more);
    e->tape = more;
    e->ntapes = nparts;
    return KR_OK;
}

static kr_descriptor_tape *tape_of(const exact *e, const part *p, worker *w) {
    return e->keeps ? &e->tape[p - (const part *)e->part.data] : &w->tape;
}

/* ---- the batch in chunks and parts ---- */

static kr_status plan(kr_context *ctx, exact *e, const kr_batch *batch) {
    kr_status status = KR_OK;
    int size = (batch->natoms + CHUNKS - 1) / CHUNKS, nparts = 0, chunk = 0, filled = 0;
    if (size < CHUNK_LEAST) size = CHUNK_LEAST;
    size_t most = (size_t)(batch->natoms / PART_MOST + batch->nframes + CHUNKS + 1), atom = 0, pair = 0;
    KR_TRY(kr_buffer_reserve(ctx, &e->part, most, sizeof(part)));
    KR_TRY(kr_buffer_reserve(ctx, &e->first_part, CHUNKS + 2, sizeof(int)));
    part *parts = e->part.data;
    int *first = e->first_part.data;
    first[0] = 0;
    for (int k = 0; k < batch->nframes; k++) {
        const kr_training_frame *f = batch->frame[k];
        for (int begin = 0; begin < f->natoms;) {
            if (filled == size) {
                first[++chunk] = nparts;
                filled = 0;
            }
            int n = f->natoms - begin;
            if (n > PART_MOST) n = PART_MOST;
            if (n > size - filled) n = size - filled;
            parts[nparts++] = (part){k, begin, begin + n, atom, pair, chunk};
            begin += n;
            filled += n;
        }
        atom += (size_t)f->natoms;
        pair += (size_t)f->env.npairs;
    }
    e->nchunks = nparts ? chunk + 1 : 0;
    first[e->nchunks] = nparts;
done:
    return status;
}

static kr_env env_of(const kr_batch *batch, const part *p) {
    kr_env env = batch->frame[p->frame]->env;
    env.natoms = p->end - p->begin;
    env.center_type += p->begin;
    env.first += (size_t)p->begin * (size_t)env.ntypes;
    return env;
}

static const double *aparam_of(const exact *e, const kr_batch *batch, const part *p) {
    const double *aparam = batch->frame[p->frame]->aparam;
    return aparam ? aparam + (size_t)p->begin * (size_t)e->model->fitting.numb_aparam : NULL;
}

/* ---- value ---- */

static kr_status value_part(kr_context *ctx, const job *j, const part *p, worker *w) {
    kr_status status = KR_OK;
    const exact *e = j->e;
    kr_env env = env_of(j->batch, p);
    kr_descriptor_tape *tape = tape_of(e, p, w);
    size_t count = (size_t)env.natoms * (size_t)e->model->descriptor.dim_out;
    KR_TRY(kr_buffer_reserve(ctx, &w->d, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &w->gd, count, sizeof(double)));
    KR_TRY(e->descriptor->forward(ctx, e->model, &env, NULL, w->d.data, NULL, tape));
    tape->fresh = e->keeps;
    KR_TRY(kr_fitting_energy(ctx, e->model, env.natoms, env.center_type, w->d.data, j->batch->frame[p->frame]->fparam,
                             aparam_of(e, j->batch, p), j->energy + p->atom + p->begin, j->gr ? w->gd.data : NULL,
                             &w->fitting));
    if (j->gr) KR_TRY(e->descriptor->adjoint(ctx, e->model, &env, w->gd.data, j->gr + 3 * p->pair, tape));
done:
    return status;
}

static kr_status value_chunk(void *payload, kr_context *ctx, long chunk, int thread) {
    const job *j = payload;
    const int *first = j->e->first_part.data;
    for (int k = first[chunk]; k < first[chunk + 1]; k++) {
        kr_status status = value_part(ctx, j, (const part *)j->e->part.data + k, &j->e->worker[thread]);
        if (status < 0) return status;
    }
    return KR_OK;
}

static kr_status value(kr_context *ctx, void *state, const kr_batch *batch, double *energy, double *force,
                       double *virial) {
    kr_status status = KR_OK;
    exact *e = state;
    job j = {.e = e, .batch = batch, .energy = energy};
    KR_TRY(plan(ctx, e, batch));
    KR_TRY(reserve_tapes(ctx, e, batch));
    KR_TRY(reserve_workers(ctx, e));
    if (force || virial) {
        KR_TRY(kr_buffer_reserve(ctx, &e->pairs, 3 * (size_t)batch->npairs, sizeof(double)));
        j.gr = e->pairs.data;
    }
    KR_TRY(kr_parallel_blocks(ctx, e->nchunks, value_chunk, NULL, &j));
    if (j.gr) kr_batch_forces(batch, j.gr, force, virial);
    e->seen = *batch;
done:
    return status;
}

/* ---- gradient ---- */

static kr_status gradient_part(kr_context *ctx, const job *j, const part *p, worker *w) {
    kr_status status = KR_OK;
    const exact *e = j->e;
    kr_env env = env_of(j->batch, p);
    kr_descriptor_tape *tape = tape_of(e, p, w);
    const double *v = j->v ? j->v + 3 * p->pair : NULL;
    size_t count = (size_t)env.natoms * (size_t)e->model->descriptor.dim_out;
    KR_TRY(kr_buffer_reserve(ctx, &w->d, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &w->dd, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &w->dbar, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &w->gd, count, sizeof(double)));
    KR_TRY(e->descriptor->forward(ctx, e->model, &env, v, w->d.data, w->dd.data, tape));
    KR_TRY(kr_fitting_backprop(ctx, e->model, env.natoms, env.center_type, w->d.data, v ? w->dd.data : NULL,
                               j->batch->frame[p->frame]->fparam, aparam_of(e, j->batch, p),
                               j->ebar ? j->ebar + p->atom + p->begin : NULL, w->gtheta.data, w->dbar.data, w->gd.data,
                               w->touched.data, &w->fitting_gradient));
    KR_TRY(e->descriptor->backprop(ctx, e->model, &env, v, w->dbar.data, w->gd.data, w->gtheta.data, tape));
done:
    return status;
}

/* A slot is zero before a chunk: all of it at first, afterwards what add_chunk has read. */
static kr_status reserve_slot(kr_context *ctx, const exact *e, worker *w) {
    kr_status status = KR_OK;
    size_t bytes = e->model->ntheta * sizeof(double), nets = (size_t)e->model->fitting.nnets;
    if (w->gtheta.bytes >= bytes && w->touched.bytes >= nets) return KR_OK;
    KR_TRY(kr_buffer_reserve(ctx, &w->gtheta, bytes, 1));
    KR_TRY(kr_buffer_reserve(ctx, &w->touched, nets, 1));
    memset(w->gtheta.data, 0, bytes);
    memset(w->touched.data, 0, nets);
done:
    return status;
}

static kr_status gradient_chunk(void *payload, kr_context *ctx, long chunk, int thread) {
    kr_status status = KR_OK;
    const job *j = payload;
    const int *first = j->e->first_part.data;
    worker *w = &j->e->worker[thread];
    KR_TRY(reserve_slot(ctx, j->e, w));
    for (int k = first[chunk]; k < first[chunk + 1]; k++)
        KR_TRY(gradient_part(ctx, j, (const part *)j->e->part.data + k, w));
done:
    return status;
}

/* In the order of chunks, one at a time. */
static void add_chunk(void *payload, long chunk, int thread) {
    (void)chunk;
    const job *j = payload;
    worker *w = &j->e->worker[thread];
    double *slot = w->gtheta.data;
    unsigned char *touched = w->touched.data;
    for (int z = 0; z < j->e->nzones; z++) {
        const zone *at = &j->e->zone[z];
        if (at->owner >= 0 && !touched[at->owner]) continue;
        for (size_t k = at->begin; k < at->end; k++) {
            j->gtheta[k] += slot[k];
            slot[k] = 0;
        }
    }
    memset(touched, 0, (size_t)j->e->model->fitting.nnets);
}

static kr_status gradient(kr_context *ctx, void *state, const kr_batch *batch, const double *ebar, const double *fbar,
                          const double *wbar, int set, double *gtheta) {
    kr_status status = KR_OK;
    exact *e = state;
    job j = {.e = e, .batch = batch, .ebar = ebar, .gtheta = gtheta};
    if (batch->nframes != e->seen.nframes || batch->natoms != e->seen.natoms || batch->npairs != e->seen.npairs)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "gradient of a batch of %d frames, %d atoms without its value before",
                batch->nframes, batch->natoms);
    KR_TRY(plan(ctx, e, batch));
    KR_TRY(reserve_workers(ctx, e));
    if (fbar || wbar) {
        KR_TRY(kr_buffer_reserve(ctx, &e->pairs, 3 * (size_t)batch->npairs, sizeof(double)));
        kr_batch_directions(batch, fbar, wbar, e->pairs.data);
        j.v = e->pairs.data;
    }
    if (set) memset(gtheta, 0, e->model->ntheta * sizeof *gtheta);
    KR_TRY(kr_parallel_blocks(ctx, e->nchunks, gradient_chunk, add_chunk, &j));
done:
    if (status < 0) /* a chunk that failed may leave something behind */
        for (int t = 0; t < e->nworkers; t++) kr_buffer_free(&e->worker[t].gtheta);
    return status;
}

const kr_engine_kind kr_engine_exact = {
    "exact", "embedding nets at every pair, double precision", refuses, create, destroy, value, gradient, NULL, NULL,
};
