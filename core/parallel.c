/* Blocks over OpenMP threads with ordered results.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Blocks are handed out in ascending order, one at a time, so that cheap and dear blocks balance; what a block computes
 * depends on the block alone, and the ordered callback adds the results up in block order. So no bit depends on the
 * number of threads.
 *
 * A block that is early waits for its turn, and its thread with it, unless that has another room to work in: blocks
 * take nearly but not quite the same time, and without rooms two threads lose 2 to 4 % waiting for each other.
 *
 * Messages: thread 0 works with the caller's context, worker t with child t − 1 of it (core/error.h). After the region
 * the message of the lowest failed block is copied to the caller's context. */
#include "core/parallel.h"
#include "core/error.h"
#include <omp.h>
#include <sched.h>

int kr_parallel_threads(const kr_context *ctx) {
    if (omp_in_parallel()) return 1;
    int n = kr_context_threads(ctx);
    return n > 0 ? n : omp_get_max_threads();
}

int kr_parallel_thread(void) { return omp_get_thread_num(); }

/* A run; `failed`, `status` and `thread` are written by one thread at a time. */
typedef struct run {
    kr_context *ctx;
    kr_block_fn block;
    kr_ordered_fn ordered;
    void *payload;
    int rooms;   /* per thread */
    long failed; /* lowest failed block so far, or nblocks */
    kr_status status;
    int thread; /* whose context has the message */
} run;

static kr_status run_serial(const run *r, long nblocks) {
    for (long b = 0; b < nblocks; b++) {
        kr_status status = r->block(r->payload, r->ctx, b, 0);
        if (status != KR_OK) return status;
        if (r->ordered) r->ordered(r->payload, b, 0);
    }
    return KR_OK;
}

/* A block above a failed one is left out; the thread that failed so keeps its message. */
static kr_status compute(run *r, long b, int room) {
    int thread = room / r->rooms;
    long failed = __atomic_load_n(&r->failed, __ATOMIC_RELAXED);
    return b > failed ? KR_OK : r->block(r->payload, thread ? kr_context_child(r->ctx, thread - 1) : r->ctx, b, room);
}

static void note_failure(run *r, long b, int room, kr_status status) {
    r->status = status;
    r->thread = room / r->rooms;
    __atomic_store_n(&r->failed, b, __ATOMIC_RELAXED);
}

/* In the order of the blocks, one at a time. */
static void settle(run *r, long b, int room, kr_status status) {
    if (status != KR_OK && r->status == KR_OK) note_failure(r, b, room, status);
    if (r->status == KR_OK) r->ordered(r->payload, b, room);
}

/* Without an ordered callback no thread waits for another's turn. A thread takes blocks in ascending order, so its
 * context keeps the message of its lowest failure. */
static void run_unordered(run *r, long nblocks, int nthreads) {
#pragma omp parallel for schedule(monotonic : dynamic, 1) num_threads(nthreads)
    for (long b = 0; b < nblocks; b++) {
        kr_status status = compute(r, b, kr_parallel_thread());
        if (status == KR_OK) continue;
#pragma omp critical(kr_parallel_failure)
        if (b < r->failed) note_failure(r, b, kr_parallel_thread(), status);
    }
}

static void run_ordered(run *r, long nblocks, int nthreads) {
#pragma omp parallel for ordered schedule(monotonic : dynamic, 1) num_threads(nthreads)
    for (long b = 0; b < nblocks; b++) {
        int room = kr_parallel_thread() * r->rooms;
        kr_status status = compute(r, b, room);
#pragma omp ordered
        settle(r, b, room, status);
    }
}

/* One block for each thread, always the same one: what it reads stays in the thread's cache from call to call. */
static void run_ordered_fixed(run *r, long nblocks) {
#pragma omp parallel for ordered schedule(static, 1) num_threads((int)nblocks)
    for (long b = 0; b < nblocks; b++) {
        int room = kr_parallel_thread() * r->rooms;
        kr_status status = compute(r, b, room);
#pragma omp ordered
        settle(r, b, room, status);
    }
}

/* ---- rooms ---- */

enum { PLACES = 512 };

/* Blocks that are computed or wait for their turn: at most one for each room, so block b has place b % nplaces. */
typedef struct places {
    run *run;
    long nblocks, next; /* next: to be handed out */
    long turn;          /* to be settled; changed by the thread that set `settling` */
    int nplaces;
    char settling;
    char taken[PLACES]; /* by room */
    struct {
        int room; /* + 1 when the block is computed, 0 before */
        kr_status status;
    } place[PLACES];
} places;

static int ready(places *p, long turn) {
    return __atomic_load_n(&p->place[turn % p->nplaces].room, __ATOMIC_SEQ_CST) - 1;
}

/* Settles what is computed and has its turn, unless another thread is at it: that one looks again when it has ended. */
static void settle_ready(places *p) {
    while (ready(p, __atomic_load_n(&p->turn, __ATOMIC_SEQ_CST)) >= 0) {
        if (__atomic_test_and_set(&p->settling, __ATOMIC_SEQ_CST)) return;
        for (int room; (room = ready(p, p->turn)) >= 0;) {
            int place = (int)(p->turn % p->nplaces);
            settle(p->run, p->turn, room, p->place[place].status);
            __atomic_store_n(&p->place[place].room, 0, __ATOMIC_SEQ_CST);
            __atomic_store_n(&p->turn, p->turn + 1, __ATOMIC_SEQ_CST);
            __atomic_store_n(&p->taken[room], 0, __ATOMIC_RELEASE);
        }
        __atomic_clear(&p->settling, __ATOMIC_SEQ_CST);
    }
}

/* A free room of this thread, the same one whenever possible: what is in it is in the cache. Without one it waits: the
 * lowest block that is not settled is being computed by a thread that has a room for it. */
static int take_room(places *p, int thread) {
    for (long spins = 0;; spins++) {
        for (int room = thread * p->run->rooms; room < (thread + 1) * p->run->rooms; room++) {
            if (__atomic_load_n(&p->taken[room], __ATOMIC_ACQUIRE)) continue;
            __atomic_store_n(&p->taken[room], 1, __ATOMIC_RELAXED);
            return room;
        }
        settle_ready(p);
        if (spins > 1000) sched_yield();
    }
}

static void work_in_rooms(places *p) {
    run *r = p->run;
    int failed = 0, thread = kr_parallel_thread();
    for (;;) {
        int room = take_room(p, thread);
        /* Acquire, release: the block that had this place before was settled before some room was taken anew. */
        long b = __atomic_fetch_add(&p->next, 1, __ATOMIC_ACQ_REL);
        if (b >= p->nblocks) return;
        /* After a failure of its own a thread has only higher blocks, and its context keeps the message. */
        kr_status status = failed ? KR_OK : compute(r, b, room);
        failed |= status != KR_OK;
        p->place[b % p->nplaces].status = status;
        __atomic_store_n(&p->place[b % p->nplaces].room, room + 1, __ATOMIC_SEQ_CST);
        settle_ready(p);
    }
}

static void run_in_rooms(run *r, long nblocks, int nthreads) {
    places p = {.run = r, .nblocks = nblocks, .nplaces = nthreads * r->rooms};
#pragma omp parallel num_threads(nthreads)
    work_in_rooms(&p);
}

static kr_status run_blocks(kr_context *ctx, run *r, long nblocks) {
    int nthreads = kr_parallel_threads(ctx);
    if (nthreads > nblocks) nthreads = (int)nblocks;
    if (nthreads <= 1) return run_serial(r, nblocks);
    kr_status reserved = kr_context_reserve_children(ctx, nthreads - 1);
    if (reserved < 0) return reserved;
    if (!r->ordered)
        run_unordered(r, nblocks, nthreads);
    else if (nblocks == nthreads)
        run_ordered_fixed(r, nblocks);
    else if (r->rooms > 1 && r->rooms <= PLACES / nthreads)
        run_in_rooms(r, nblocks, nthreads);
    else
        run_ordered(r, nblocks, nthreads);
    if (r->status != KR_OK && r->thread > 0) kr_context_take_message(ctx, kr_context_child(ctx, r->thread - 1));
    return r->status;
}

kr_status kr_parallel_blocks(kr_context *ctx, long nblocks, kr_block_fn block, kr_ordered_fn ordered, void *payload) {
    if (nblocks < 0 || !block) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld blocks, or no function to run them", nblocks);
    run r = {ctx, block, ordered, payload, 1, nblocks, KR_OK, 0};
    return run_blocks(ctx, &r, nblocks);
}

kr_status kr_parallel_rooms(kr_context *ctx, long nblocks, int rooms, kr_block_fn block, kr_ordered_fn ordered,
                            void *payload) {
    if (nblocks < 0 || rooms < 1 || !block || !ordered)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld blocks, %d rooms, or a function is missing", nblocks, rooms);
    run r = {ctx, block, ordered, payload, rooms, nblocks, KR_OK, 0};
    return run_blocks(ctx, &r, nblocks);
}

double kr_sum(long n, const double *value) {
    enum { LEAF = 64 };
    if (n <= LEAF) {
        double sum = 0;
        for (long i = 0; i < n; i++) sum += value[i];
        return sum;
    }
    /* Left part: a power of two of leaves, so that the tree depends on n alone. */
    long left = LEAF;
    while (left < n - left) left *= 2;
    return kr_sum(left, value) + kr_sum(n - left, value + left);
}
