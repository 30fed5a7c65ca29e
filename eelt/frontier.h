/* The frame that is farthest from all that is known, while more and more becomes known.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Distance of a frame = largest distance of its rows to the nearest known row of the element, times its weight. It only
 * falls when frames become known, so an old value is an upper bound: only frames at the top of the heap are brought up
 * to date, until one stays at the top. The answers are those of the complete computation. */
#ifndef KR_EELT_FRONTIER_H
#define KR_EELT_FRONTIER_H

#include "eelt/select.h"

typedef struct kr_frontier kr_frontier;

/* Frames with include[frame] ≠ 0 and rows; weight [pool->n] NULL = 1. Starts from pool->gap. */
kr_status kr_frontier_create(kr_context *ctx, const kr_pool *pool, const unsigned char *include, const double *weight,
                             kr_frontier **frontier);
void kr_frontier_destroy(kr_frontier **frontier);
/* The rows of a frame are known from now on. */
kr_status kr_frontier_add(kr_context *ctx, kr_frontier *frontier, long frame);
/* The farthest frame, −1 = none is left; equal ones by deviation, then index. distance without the weight, of row. */
kr_status kr_frontier_top(kr_context *ctx, kr_frontier *frontier, long *frame, double *score, double *distance,
                          long *row);
/* Takes the frame found last off the heap. */
void kr_frontier_pop(kr_frontier *frontier);

#endif
