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

/* State of a run; written by one thread at a time, inside the ordered section. */
typedef struct run {
    long failed; /* lowest failed block so far, or nblocks */
    kr_status status;
    int thread; /* whose context has the message */
} run;

static kr_status run_serial(kr_context *ctx, long nblocks, kr_block_fn block, kr_ordered_fn ordered, void *payload) {
    for (long b = 0; b < nblocks; b++) {
        kr_status status = block(payload, ctx, b, 0);
        if (status != KR_OK) return status;
        if (ordered) ordered(payload, b, 0);
    }
    return KR_OK;
}

/* Without an ordered callback no thread waits for another's turn. A thread takes blocks in ascending order and leaves
 * out those above a failed one, so its context keeps the message of its lowest failure. */
static void run_unordered(kr_context *ctx, long nblocks, int nthreads, kr_block_fn block, void *payload, run *shared) {
#pragma omp parallel for schedule(monotonic : dynamic, 1) num_threads(nthreads)
    for (long b = 0; b < nblocks; b++) {
        int thread = kr_parallel_thread();
        kr_context *mine = thread == 0 ? ctx : kr_context_child(ctx, thread - 1);
        long failed;
#pragma omp atomic read
        failed = shared->failed;
        kr_status status = b > failed ? KR_OK : block(payload, mine, b, thread);
        if (status == KR_OK) continue;
#pragma omp critical(kr_parallel_failure)
        if (b < shared->failed) {
            shared->status = status;
            shared->thread = thread;
#pragma omp atomic write
            shared->failed = b;
        }
    }
}

kr_status kr_parallel_blocks(kr_context *ctx, long nblocks, kr_block_fn block, kr_ordered_fn ordered, void *payload) {
    if (nblocks < 0 || !block) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld blocks, or no function to run them", nblocks);
    int nthreads = kr_parallel_threads(ctx);
    if (nthreads > nblocks) nthreads = (int)nblocks;
    if (nthreads <= 1) return run_serial(ctx, nblocks, block, ordered, payload);
    kr_status reserved = kr_context_reserve_children(ctx, nthreads - 1);
    if (reserved < 0) return reserved;

    run shared = {nblocks, KR_OK, 0};
    if (!ordered) {
        run_unordered(ctx, nblocks, nthreads, block, payload, &shared);
        goto finish;
    }
#pragma omp parallel for ordered schedule(monotonic : dynamic, 1) num_threads(nthreads)
    for (long b = 0; b < nblocks; b++) {
        int thread = kr_parallel_thread();
        kr_context *mine = thread == 0 ? ctx : kr_context_child(ctx, thread - 1);
        long failed;
#pragma omp atomic read
        failed = shared.failed;
        /* A block above a failed one is left out; the thread that failed so keeps its message. */
        kr_status status = b > failed ? KR_OK : block(payload, mine, b, thread);
#pragma omp ordered
        {
            if (status != KR_OK && shared.status == KR_OK) {
                shared.status = status;
                shared.thread = thread;
#pragma omp atomic write
                shared.failed = b;
            }
            if (shared.status == KR_OK) ordered(payload, b, thread);
        }
    }
finish:
    if (shared.status != KR_OK && shared.thread > 0)
        kr_context_take_message(ctx, kr_context_child(ctx, shared.thread - 1));
    return shared.status;
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
