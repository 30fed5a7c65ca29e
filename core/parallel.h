/* OpenMP blocks: one level, fixed blocks, ordered sums, so results are the same bits for any number of threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_PARALLEL_H
#define KR_CORE_PARALLEL_H

#include <kramers/context.h>

/* Threads that a parallel region started here may use: the context's number, or OpenMP's; 1 inside a region. Scratch
 * "per thread" needs this many slots. */
int kr_parallel_threads(const kr_context *ctx);
/* Number of the calling thread in the innermost region. */
int kr_parallel_thread(void);

/* Called once per block, possibly concurrently; 0 ≤ thread < kr_parallel_threads(ctx). ctx is the caller's context on
 * its own thread and a private one elsewhere: a block never touches a context that another thread uses. */
typedef kr_status (*kr_block_fn)(void *payload, kr_context *ctx, long block, int thread);
/* Called once per block in ascending order of blocks, one at a time, after its kr_block_fn on the same thread. Not
 * called from the first failed block on. */
typedef void (*kr_ordered_fn)(void *payload, long block, int thread);

/* Runs all blocks. Any status but KR_OK, so also KR_CANCELLED, counts as a failure. Of several the lowest block's
 * status is returned and its message is in ctx; blocks above a failed one may be left out. ordered may be NULL. Called
 * inside a parallel region it runs serially. */
kr_status kr_parallel_blocks(kr_context *ctx, long nblocks, kr_block_fn block, kr_ordered_fn ordered, void *payload);
/* The same for blocks of unequal cost: `thread` becomes a room, in which a block and what it computed stay until its
 * turn comes. A thread that is early puts its block aside and goes on in another of its `rooms` rooms; room / rooms is
 * the thread that computes. ordered may be called on any thread. Needs kr_parallel_threads(ctx) · rooms slots. */
kr_status kr_parallel_rooms(kr_context *ctx, long nblocks, int rooms, kr_block_fn block, kr_ordered_fn ordered,
                            void *payload);
/* Σ value[n], pairwise in fixed blocks: the same bits everywhere. */
double kr_sum(long n, const double *value);

#endif
