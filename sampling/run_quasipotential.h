/* The command quasipotential: settings and what its parts share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_RUN_QUASIPOTENTIAL_H
#define KR_SAMPLING_RUN_QUASIPOTENTIAL_H

#include "core/optimizer.h"
#include "sampling/quasipotential.h"
#include "sampling/run.h"

enum { KR_QUASI_NETWORK, KR_QUASI_OLIM, KR_QUASI_LYAPUNOV };
enum { KR_QUASI_LOSS_TRAJECTORIES = 4 }; /* after the kr_quasi_loss ones: normalized with a learned drift */

typedef struct kr_quasi_settings {
    int method, starts;
    const kr_tree *network, *training, *olim, *points;
    kr_tree *owned[3];
    struct {
        const kr_tree *hidden;
        const char *activation;
        double sharpness;
    } net;
    struct {
        int loss, steps, warm_steps, polish, polish_batch, batch, points, trajectories, characteristics, paths,
            drift_steps, degree, drift_polish, walks;
        double weight, residual, drift, gradient, lr_start, lr_stop, clip, average, uniform, enlarge, spread, dt, time,
            hessian, cells, actions;
    } train;
    struct {
        const kr_tree *nodes, *attractor;
        int radius;
    } o;
} kr_quasi_settings;

static inline kr_quasi_loss kr_quasi_loss_of(const kr_quasi_settings *s) {
    return s->train.loss == KR_QUASI_LOSS_TRAJECTORIES ? KR_QUASI_NORMALIZED : (kr_quasi_loss)s->train.loss;
}

kr_status kr_quasi_run_network(kr_context *ctx, kr_sampling *run, const kr_attractors *attractors);
/* Are the keys of the section olim right? Before anything is computed. */
kr_status kr_quasi_check_olim(kr_context *ctx, const kr_sampling *run);
kr_status kr_quasi_run_olim(kr_context *ctx, kr_sampling *run, const kr_attractors *attractors);
/* Learns the drift from pairs of points along trajectories. */
kr_status kr_quasi_learn_drift(kr_context *ctx, kr_sampling *run, kr_drift_net **drift);
/* Points of the settings, map.dat on the first two coordinates, comparison with an exact V where the problem has one
 * (over x [n][dim]; n = 0: the box). Values are counted from attractor `from` [dim]. */
kr_status kr_quasi_report(kr_context *ctx, kr_sampling *run, kr_quasi_function f, const void *payload,
                          const double *from, long n, const double *x);

#endif
