/* What the kinds of optimizers share: checked gradients, vectors, the Adam update of a range.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_OPTIMIZER_PARTS_H
#define KR_CORE_OPTIMIZER_PARTS_H

#include "core/error.h"
#include "core/memory.h"
#include "core/optimizer.h"
#include "core/parameters.h"

/* objective->evaluate with checks: it exists, loss and the moving part of the gradient [n] are finite. */
kr_status kr_optimizer_gradient(kr_context *ctx, const kr_optimizer_layout *layout, const kr_objective *objective,
                                const double *theta, double *loss, double *gradient);
/* The same in two parts, for who checks the gradient where it is used and already at hand. */
kr_status kr_optimizer_evaluate(kr_context *ctx, const kr_objective *objective, const double *theta, double *loss,
                                double *gradient);
kr_status kr_optimizer_check_piece(kr_context *ctx, const kr_optimizer_layout *layout, long piece,
                                   const double *gradient);
/* The same for one measurement of a Kalman filter. */
kr_status kr_optimizer_measure(kr_context *ctx, const kr_optimizer_layout *layout, const kr_objective *objective,
                               int group, const double *theta, double *innovation, double *gradient);

/* First line of the kinds' tables of options: the key that chose the kind may stay where it was. */
#define KR_OPTIMIZER_TYPE                                                                                \
    {                                                                                                    \
        .name = "type", .aliases = "opt_type", .type = KR_PARAMETER_TEXT, .offset = KR_PARAMETER_UNUSED, \
        .initial = "", .help = "name of the optimizer"                                                   \
    }

/* ---- vectors [n], moving entries only; the same bits for any number of threads ---- */

/* a·b; partial [layout->npieces] is scratch. */
kr_status kr_optimizer_dot(kr_context *ctx, const kr_optimizer_layout *layout, const double *a, const double *b,
                           double *partial, double *dot);
/* y ← alpha x + beta y; y may be x. With beta 0 y is not read. */
kr_status kr_optimizer_axpby(kr_context *ctx, const kr_optimizer_layout *layout, double alpha, const double *x,
                             double beta, double *y);

/* ---- Adam on a range, used by Adam, AdamW, Muon (vectors) and SOAP ---- */

/* Constants of one step:  g += l2 θ,  m ← β1 m + (1 − β1) g,  v ← β2 v + (1 − β2) g²,
 *   θ ← keep θ − rate m / (√v scale + epsilon). */
typedef struct kr_adam_step {
    double beta1, beta2, l2, keep, rate, scale, epsilon;
} kr_adam_step;

/* m, v [n]: float when single. Chosen for the processor at run time. */
typedef void (*kr_adam_fn)(const kr_adam_step *how, size_t n, double *theta, const double *gradient, void *m, void *v);
kr_adam_fn kr_adam_kernel(int single);
/* The constants at update number t = 1, 2 … in PyTorch's form  √(v/(1 − β2^t)) + ε, or with ε added to √v itself
 * (TensorFlow's "epsilon hat"). */
kr_adam_step kr_adam_at(double beta1, double beta2, double epsilon, int epsilon_hat, int64_t t, double lr);

#endif
