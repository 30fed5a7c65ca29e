/* Reaction coordinates of a problem, for splitting and forward flux: 0 at the edge of A, 1 at the edge of B.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   null         l_A/(l_A + l_B) from the level functions of the states; below 0 inside A, above 1 inside B
 *   "formula"    a formula in x1 …; any scale, growing from A to B
 *   {"committor": "FOLDER"}  the logit of a learned committor */
#ifndef KR_SAMPLING_COORDINATE_H
#define KR_SAMPLING_COORDINATE_H

#include "sampling/committor_model.h"
#include "sampling/expression.h"
#include "sampling/trials.h"

typedef struct kr_own_coordinate {
    const kr_problem *problem;
    int from_levels;
    kr_expression *expression; /* of a formula, or NULL */
    kr_committor_model model;  /* of a committor: members 0 when there is none */
    kr_coordinate coordinate;  /* what to hand on; its payload is this struct, which must not move */
} kr_own_coordinate;

/* what: a STRING or MAP node, or NULL. */
kr_status kr_coordinate_create(kr_context *ctx, const kr_problem *problem, const kr_tree *what,
                               kr_own_coordinate *coordinate);
void kr_coordinate_destroy(kr_own_coordinate *coordinate);

#endif
