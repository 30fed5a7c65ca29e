/* Packed pairs of the frames of a batch, and which of them are kept.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed pairs do not depend on θ. They stay with the frame, up to a total that is never exceeded (KEPT_BYTES); the
 * frames beyond are packed anew at every step. */
#include "core/error.h"
#include "core/parallel.h"
#include "training/engine_moment.h"
#include <string.h>

static const size_t KEPT_BYTES = (size_t)2 << 30;
enum { SLACK = 128 }; /* entries beyond the last pair that a run of pairs may read */

/* Lays the arrays of a frame out; returns the bytes needed. */
static size_t layout(const kr_moment *m, const kr_training_frame *frame, void *memory) {
    size_t npairs = (size_t)frame->env.npairs, room = npairs + SLACK, natoms = (size_t)frame->natoms;
    kr_moment_carver c = {memory, 0};
    kr_moment_packed *p = kr_moment_carve(&c, 1, sizeof *p), count;
    if (!p) p = &count;
    *p = (kr_moment_packed){.npairs = frame->env.npairs, .room = (int)room};
    p->cell = kr_moment_carve(&c, room, sizeof(int));
    p->reverse_first = kr_moment_carve(&c, natoms + 1, sizeof(int));
    p->reverse = kr_moment_carve(&c, npairs + 1, sizeof(int));
    void **real[] = {&p->t, &p->slope, &p->dx, &p->dy, &p->dz, &p->s, &p->s1, &p->q, &p->qr, &p->q1r};
    for (size_t k = 0; k < sizeof real / sizeof *real; k++) *real[k] = kr_moment_carve(&c, room, m->word);
    return c.at;
}

static void key_of(const kr_moment *m, kr_moment_packed *key) {
    const kr_descriptor *d = &m->model->descriptor;
    memset(key, 0, sizeof *key);
    key->knots = m->grid.knots;
    key->rcut = d->rcut;
    key->rcut_smth = d->rcut_smth;
    key->protection = d->env_protection;
    key->word = (int)m->word;
}

static int same_segment(const kr_fast_segment *a, const kr_fast_segment *b) {
    return a->r_begin == b->r_begin && a->r_end == b->r_end && a->intervals == b->intervals && a->offset == b->offset;
}

static int is_packed(const kr_moment *m, const kr_training_frame *frame) {
    const kr_moment_packed *p = frame->packed.data;
    kr_moment_packed key;
    if (!p || frame->packed.bytes < layout(m, frame, NULL)) return 0;
    key_of(m, &key);
    if (p->word != key.word || p->rcut != key.rcut || p->rcut_smth != key.rcut_smth) return 0;
    if (p->protection != key.protection || p->knots.nsegments != key.knots.nsegments) return 0;
    for (int s = 0; s < key.knots.nsegments; s++)
        if (!same_segment(&p->knots.segment[s], &key.knots.segment[s])) return 0;
    return p->npairs == frame->env.npairs;
}

/* Pairs by neighbour, in ascending order: counting sort. */
static void reverse_lists(const kr_env *env, kr_moment_packed *p) {
    int *first = p->reverse_first, n = env->natoms;
    memset(first, 0, ((size_t)n + 1) * sizeof *first);
    for (int k = 0; k < env->npairs; k++) first[env->neighbor[k] + 1]++;
    for (int i = 0; i < n; i++) first[i + 1] += first[i];
    for (int k = 0; k < env->npairs; k++) p->reverse[first[env->neighbor[k]]++] = k;
    memmove(first + 1, first, (size_t)n * sizeof *first); /* placing moved every start to the next one */
    first[0] = 0;
}

static void pack_frame(const kr_moment *m, const kr_training_frame *frame, kr_moment_packed *p) {
    kr_moment_packed key;
    key_of(m, &key);
    reverse_lists(&frame->env, p);
    m->kernels->pairs(m, &frame->env, p);
    p->knots = key.knots;
    p->rcut = key.rcut;
    p->rcut_smth = key.rcut_smth;
    p->protection = key.protection;
    p->word = key.word;
}

static kr_status pack_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_moment *m = payload;
    (void)ctx, (void)thread;
    pack_frame(m, m->batch->frame[m->to_pack[block]], m->packed[m->to_pack[block]]);
    return KR_OK;
}

/* Frame k has to be packed, unless the batch holds the same frame twice. */
static void note_frame(kr_moment *m, int k) {
    for (int n = 0; n < m->nto_pack; n++)
        if (m->packed[m->to_pack[n]] == m->packed[k]) return;
    m->to_pack[m->nto_pack++] = k;
}

kr_status kr_moment_pack(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    const kr_batch *batch = m->batch;
    size_t own = 0;
    m->nto_pack = 0;
    for (int k = 0; k < batch->nframes; k++) {
        kr_training_frame *frame = batch->frame[k];
        int fresh = !is_packed(m, frame);
        m->packed[k] = NULL;
        if (fresh) {
            size_t bytes = layout(m, frame, NULL), have = frame->packed.bytes;
            if (bytes > have && m->kept_bytes + bytes - have > KEPT_BYTES) {
                own += bytes;
                continue;
            }
            KR_TRY(kr_buffer_reserve(ctx, &frame->packed, bytes, 1));
            if (frame->packed.bytes > have) m->kept_bytes += frame->packed.bytes - have;
            layout(m, frame, frame->packed.data);
        }
        m->packed[k] = frame->packed.data;
        if (fresh) note_frame(m, k);
    }
    KR_TRY(kr_buffer_reserve(ctx, &m->own, own, 1));
    char *at = m->own.data;
    for (int k = 0; k < batch->nframes; k++) {
        if (m->packed[k]) continue;
        m->packed[k] = (kr_moment_packed *)at;
        at += layout(m, batch->frame[k], at);
        note_frame(m, k);
    }
    KR_TRY(kr_parallel_blocks(ctx, m->nto_pack, pack_block, NULL, m));
done:
    return status;
}
