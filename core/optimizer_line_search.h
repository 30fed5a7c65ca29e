/* Line search to the strong Wolfe conditions along a direction of descent.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_OPTIMIZER_LINE_SEARCH_H
#define KR_CORE_OPTIMIZER_LINE_SEARCH_H

#include <kramers/context.h>

/* φ(t) and φ′(t); KR_ERR_NUMERIC counts as "too far": φ = +∞, the search goes back. */
typedef kr_status (*kr_line_fn)(kr_context *ctx, void *payload, double t, double *value, double *slope);

typedef struct kr_line_search {
    double sufficient, curvature; /* 0 < c1 < c2 < 1 */
    int evaluations;              /* at most; on return: how many */
    double t, value, slope;       /* in: first trial t > 0; out: the point that was chosen */
} kr_line_search;

/* φ(0) = value0, φ′(0) = slope0 < 0. KR_OK: strong Wolfe point. KR_NOT_CONVERGED: none found; t is the best point seen
 * with φ(t) < φ(0), or 0 when there was none. The last evaluation need not have been at t: the caller evaluates
 * again when it needs more than the numbers here. */
kr_status kr_line_search_wolfe(kr_context *ctx, kr_line_fn phi, void *payload, double value0, double slope0,
                               kr_line_search *search);

#endif
