/* Regions: the states A and B of a problem.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A region is where its level function is ≤ 0 (about the distance to its edge). In files, one of
 *   {"ball": {"center": [c1 … cd], "radius": r}}                        |x − c| − r
 *   {"cylinder": {"center": [c1 … ck], "radius": r}}                    the same in the first k ≤ d coordinates
 *   {"ellipsoid": {"center": [c1 … ck], "radii": [r1 … rk]}}            (|(x − c)/r| − 1) · min r, first k coordinates
 *   {"half_space": {"normal": [n1 … nk], "offset": c}}                  (n·x − c)/|n|, first k coordinates
 *   {"level": "formula"}                                                the formula itself (expression.h)
 *   {"any_of": [region, …]}, {"all_of": [region, …]}                    smallest, largest of the levels
 *   {"outside": region}                                                 the negative of its level
 * Distances take the nearest image in periodic coordinates. */
#ifndef KR_SAMPLING_REGION_H
#define KR_SAMPLING_REGION_H

#include "core/tree.h"

typedef struct kr_region kr_region;

/* period [dim]: 0 where open; NULL = nowhere periodic. `where` names the section in messages ("problem.A"). */
kr_status kr_region_create(kr_context *ctx, const kr_tree *object, int dim, const double *period, const char *where,
                           kr_region **region);
void kr_region_destroy(kr_region **region);

/* ≤ 0 inside; gradient [dim] may be NULL. */
double kr_region_level(const kr_region *region, const double *x, double *gradient);
/* level [n] of points x [n][dim]. */
void kr_region_levels(const kr_region *region, int n, const double *x, double *level);
/* A point inside, near `x` (in: start, out: the point), by Newton steps along the gradient; 0 when none is found. */
int kr_region_project(const kr_region *region, double *x);
/* A point of the region [dim] where the file gives one (a centre; 0 in the other coordinates); 0 when it does not. */
int kr_region_center(const kr_region *region, double *x);

#endif
