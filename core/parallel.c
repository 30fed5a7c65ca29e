/* Blocks over OpenMP threads with ordered results.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Blocks are handed out in ascending order, one at a time, so that cheap and dear blocks balance; what a block computes
 * depends on the block alone, and the ordered callback adds the results up in block order. So no bit depends on the
 * number of threads.
 *
 * Messages: thread 0 works with the caller's context, worker t with child t − 1 of it (core/error.h). After the region
 * the message of the lowest failed block is copied to the caller's context. */
#include "core/parallel.h"
#include "core/error.h"
#include <omp.h>

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
static kr_status compute(run *r, long b) {
    int thread = kr_parallel_thread();
    long failed = __atomic_load_n(&r->failed, __ATOMIC_RELAXED);
    return b > failed ? KR_OK : r->block(r->payload, thread ? kr_context_child(r->ctx, thread - 1) : r->ctx, b, thread);
}

static void note_failure(run *r, long b, kr_status status) {
    r->status = status;
    r->thread = kr_parallel_thread();
    __atomic_store_n(&r->failed, b, __ATOMIC_RELAXED);
}

/* In the order of the blocks, one at a time. */
static void settle(run *r, long b, kr_status status) {
    if (status != KR_OK && r->status == KR_OK) note_failure(r, b, status);
    if (r->status == KR_OK) r->ordered(r->payload, b, kr_parallel_thread());
}

/* Without an ordered callback no thread waits for another's turn. A thread takes blocks in ascending order, so its
 * context keeps the message of its lowest failure. */
static void run_unordered(run *r, long nblocks, int nthreads) {
#pragma omp parallel for schedule(monotonic : dynamic, 1) num_threads(nthreads)
    for (long b = 0; b < nblocks; b++) {
        kr_status status = compute(r, b);
        if (status == KR_OK) continue;
#pragma omp critical(kr_parallel_failure)
        if (b < r->failed) note_failure(r, b, status);
    }
}

static void run_ordered(run *r, long nblocks, int nthreads) {
#pragma omp parallel for ordered schedule(monotonic : dynamic, 1) num_threads(nthreads)
    for (long b = 0; b < nblocks; b++) {
        kr_status status = compute(r, b);
#pragma omp ordered
        settle(r, b, status);
    }
}

/* One block for each thread, always the same one: what it reads stays in the thread's cache from call to call. */
static void run_ordered_fixed(run *r, long nblocks) {
#pragma omp parallel for ordered schedule(static, 1) num_threads((int)nblocks)
    for (long b = 0; b < nblocks; b++) {
        kr_status status = compute(r, b);
#pragma omp ordered
        settle(r, b, status);
    }
}

kr_status kr_parallel_blocks(kr_context *ctx, long nblocks, kr_block_fn block, kr_ordered_fn ordered, void *payload) {
    if (nblocks < 0 || !block) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld blocks, or no function to run them", nblocks);
    run r = {ctx, block, ordered, payload, nblocks, KR_OK, 0};
    int nthreads = kr_parallel_threads(ctx);
    if (nthreads > nblocks) nthreads = (int)nblocks;
    if (nthreads <= 1) return run_serial(&r, nblocks);
    kr_status reserved = kr_context_reserve_children(ctx, nthreads - 1);
    if (reserved < 0) return reserved;
    if (!ordered)
        run_unordered(&r, nblocks, nthreads);
    else if (nblocks == nthreads)
        run_ordered_fixed(&r, nblocks);
    else
        run_ordered(&r, nblocks, nthreads);
    if (r.status != KR_OK && r.thread > 0) kr_context_take_message(ctx, kr_context_child(ctx, r.thread - 1));
    return r.status;
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
