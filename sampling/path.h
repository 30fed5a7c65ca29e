/* Paths between states: string method, geometric minimum action, critical points.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The minimum action path of dx = f dt + sqrt(2 ε) σ dW minimises
 *   V[φ] = ½ ∫ (|f| |φ'| − f·φ') ds,   norms and products with a⁻¹,
 * over curves; its minimum is the quasipotential V in this library's convention, U = 2V in that of the literature. For
 * a gradient drift V[φ] is the sum of the climbs of the potential along φ. */
#ifndef KR_SAMPLING_PATH_H
#define KR_SAMPLING_PATH_H

#include "sampling/problem.h"

typedef struct kr_path {
    int n, dim;
    double *x;      /* [n][dim] images, both ends included */
    double *action; /* [n] V along the path: 0 at the first image, growing */
} kr_path;
void kr_path_destroy(kr_path *path);
/* n images equally spaced on the polygon through `points` [npoints][dim]. */
kr_status kr_path_line(kr_context *ctx, int dim, int npoints, const double *points, int n, kr_path *path);
/* The same curve with n images at equal distances. */
kr_status kr_path_resample(kr_context *ctx, int n, kr_path *path);
double kr_path_length(const kr_path *path);

typedef struct kr_gmam_options {
    int images;       /* on the finest level; 400 */
    int rounds;       /* most iterations on every level; 4000 */
    double tolerance; /* relative change of the action over 20 iterations that ends a level; 1e-9 */
} kr_gmam_options;
#define KR_GMAM_OPTIONS_INIT \
    { 400, 4000, 1e-9 }

/* Minimises the action over curves with the ends of `path`, starting from it, on grids of 25, 50 … images. *action: V
 * of the path, extrapolated from the last two grids; *error: the difference of the two grids (where the path winds
 * around its ends, strong rotation, the true error may be a few times larger). KR_NOT_CONVERGED when the iterations ran
 * out. KR_ERR_UNSUPPORTED: noise that does not act on every coordinate. */
kr_status kr_path_gmam(kr_context *ctx, const kr_problem *problem, const kr_gmam_options *options, kr_path *path,
                       double *action, double *error);

/* String method for gradient drifts: relaxes the ends to minima too when `free_ends`. */
kr_status kr_path_string(kr_context *ctx, const kr_problem *problem, int images, int rounds, int free_ends,
                         kr_path *path);

/* A zero of ∇V (positions), or of the drift when the problem is no gradient. */
typedef struct kr_critical {
    double *x;          /* [d] d = positions */
    double v;           /* NaN without potential */
    double *eigenvalue; /* [d] of the Hessian, ascending; NULL without potential */
    int index;          /* negative eigenvalues */
} kr_critical;
void kr_critical_destroy(kr_critical *critical);
/* Downhill from x [positions] to a minimum, then Newton steps. KR_NOT_CONVERGED: none was reached. */
kr_status kr_critical_minimum(kr_context *ctx, const kr_problem *problem, const double *x, kr_critical *minimum);
/* Newton steps (with the signs of a saddle of index 1: uphill along the lowest mode) from x. */
kr_status kr_critical_saddle(kr_context *ctx, const kr_problem *problem, const double *x, kr_critical *saddle);

#endif
