/* The command committor: settings and what its parts share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_RUN_COMMITTOR_H
#define KR_SAMPLING_RUN_COMMITTOR_H

#include "sampling/committor_check.h"
#include "sampling/committor_grid.h"
#include "sampling/committor_model.h"
#include "sampling/run.h"

enum { KR_COMMITTOR_NETWORK, KR_COMMITTOR_GRID, KR_COMMITTOR_FEATURES };
enum { KR_BIAS_TEMPERATURE, KR_BIAS_KOLMOGOROV, KR_BIAS_STRETCH, KR_BIAS_UMBRELLA };

typedef struct kr_committor_settings {
    int method;
    const kr_tree *grid, *network, *sampling, *training, *validation, *features;
    const kr_tree *points; /* where q is printed */
    const char *load;      /* folder of a network that is only validated, or NULL */
    kr_tree *owned[8];     /* completed sections */
    struct {
        const kr_tree *spacing, *start;
        int general, advection, face;
    } g;
    struct {
        const kr_tree *hidden, *features;
        const char *activation;
        int boundary;
        double width, sharpness;
    } net;
    struct {
        int method, walkers, stride, count, test_count, boundary_count, burn, rounds, windows;
        double epsilon, strength, stiffness;
        const kr_tree *coordinates;
    } sample;
    struct {
        int steps, boundary_steps, batch, boundary_batch, members, optimizer;
        double lr_start, lr_stop, clip, average, penalty, hinge, margin, fade, focus;
    } train;
    struct {
        int points, shots, direct, flux;
        double dt, mean, intrinsic, spread, boundary, error;
    } check;
    struct {
        int count;
        double scale, ridge;
    } random;
} kr_committor_settings;

extern const kr_parameter kr_committor_network_table[];

/* Weighted data of a run: rows [n][dim] drawn so far. */
typedef struct kr_committor_set {
    long n, outside; /* all; outside of A and B, first */
    double *x, *w;   /* sorted: outside points first; w mean 1 over all */
    int *group;      /* walker */
    int groups;
    double effective, from_a, from_b; /* (Σw)²/Σw²; share of B seen by walkers that began in A, in B */
    double acceptance;
} kr_committor_set;
void kr_committor_set_free(kr_committor_set *set);
/* From samples of so many walkers: points outside of A and B to the front, weights to mean 1, ensemble quality. */
kr_status kr_committor_set_make(kr_context *ctx, const kr_sampling *run, const kr_samples *samples, int walkers,
                                kr_committor_set *set);

/* A committor that can be evaluated, whatever made it: values and gradients. */
typedef struct kr_committor_function {
    kr_status (*evaluate)(kr_context *ctx, const void *payload, long n, const double *x, double *q, double *grad);
    const void *payload;
    const kr_committor_net *net; /* q near enough, for points on isosurfaces; NULL: those of the test set do */
} kr_committor_function;

kr_status kr_committor_run_grid(kr_context *ctx, kr_sampling *run);
kr_status kr_committor_run_network(kr_context *ctx, kr_sampling *run);
enum {
    KR_COMMITTOR_DATA = 0xc003,
    KR_COMMITTOR_TEST = 0xc004,
    KR_COMMITTOR_SURFACES = 0xc006
}; /* purposes of random streams */
/* Draws a set with the bias of this round (model NULL: raised temperature). */
kr_status kr_committor_draw(kr_context *ctx, kr_sampling *run, kr_committor_net *model, long count, uint64_t purpose,
                            int round, kr_committor_set *set);
/* A point of A and one of B [2][dim], new array: where walkers start. */
kr_status kr_committor_starts(kr_context *ctx, const kr_sampling *run, double **start);
/* Walkers and heating of the settings; the numbers of the heated coordinates, which the options borrow. */
kr_status kr_committor_sample_options(kr_context *ctx, const kr_sampling *run, int **coordinates,
                                      kr_sample_options *options);
/* Points of one state [n][dim], new array, in three parts: inside, on the edge, almost uniform inside. A part begins at
 * kr_committor_state_part. Points of a file (kind samples) are not moved onto edges. */
enum { KR_COMMITTOR_EDGE = 1 };
static inline long kr_committor_state_part(int part, long n) { return part * n / 3; }
kr_status kr_committor_draw_state(kr_context *ctx, kr_sampling *run, int state, long n, double **x);
/* All checks on `function`; lines of the report, results; *passed = 0 when one fails. */
kr_status kr_committor_validate(kr_context *ctx, kr_sampling *run, const kr_committor_function *function,
                                const kr_committor_set *test, const double *xa, const double *xb, long nedge,
                                int *passed);
/* Replaces the shape of the flux of the test set (q [outside], grad [outside][dim] there) by that of points on the
 * isosurfaces. No change when f has no network or the test set does not reach from A to B. */
kr_status kr_committor_isosurfaces(kr_context *ctx, kr_sampling *run, const kr_committor_function *f,
                                   const kr_committor_set *test, const double *q, const double *grad,
                                   kr_flux_test *flux);
/* Random features and linear least squares; fills the report like the network does. */
kr_status kr_committor_run_features(kr_context *ctx, kr_sampling *run);
/* map.dat: q on the first one or two coordinates (others 0), for plots; points of the settings into the results. */
kr_status kr_committor_write_map(kr_context *ctx, kr_sampling *run, const kr_committor_function *function);
kr_status kr_committor_print_points(kr_context *ctx, kr_sampling *run, const kr_committor_function *function);

#endif
