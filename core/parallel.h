/* OpenMP blocks: one level, fixed blocks, ordered sums, so results are the same bits for any number of threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_PARALLEL_H
#define KR_CORE_PARALLEL_H

#include <kramers/context.h>

/* Called once per block, possibly concurrently; thread < number of threads. */
typedef kr_status (*kr_block_fn)(void *payload, long block, int thread);
/* Called once per block in ascending order of blocks, one at a time, after its kr_block_fn on the same thread. */
typedef void (*kr_ordered_fn)(void *payload, long block, int thread);

/* Runs all blocks; of several failures the lowest block's status is returned. ordered may be NULL. */
kr_status kr_parallel_blocks(kr_context *ctx, long nblocks, kr_block_fn block, kr_ordered_fn ordered, void *payload);
/* Σ value[n], pairwise in fixed blocks: the same bits everywhere. */
double kr_sum(long n, const double *value);

#endif
