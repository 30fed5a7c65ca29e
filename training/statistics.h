/* What a new model takes from its data before it is trained: davg, dstd, energy bias, parameter statistics.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * davg, dstd (deepmd-kit's rule, per centre type, the same for every slot): mean and standard deviation of the rows of
 * the environment matrix over all nnei slots, empty and excluded ones counting as zero; columns 1–3 pooled, their mean
 * not stored; floor data_stat_protect; 0.1 for a type that does not occur.
 * Energy bias: min |N b − E|² over frames, N [frames][types] the numbers of atoms, minimal norm (SVD). */
#ifndef KR_TRAINING_STATISTICS_H
#define KR_TRAINING_STATISTICS_H

#include "training/data.h"

/* The frames that statistics look at: the first `batches` batches of each system in their first epoch's order.
 * *frames: new array (kr_free) of borrowed frames. */
kr_status kr_statistics_sample(kr_context *ctx, kr_data_set *set, int batches, int *n, kr_training_frame ***frames);
/* Fills davg, dstd of the model, which must be 0 and 1 (a new model). */
kr_status kr_statistics_descriptor(kr_context *ctx, kr_model *model, int n, kr_training_frame *const *frames,
                                   double protect);
/* fparam_avg, fparam_inv_std, aparam_… (floor of the standard deviation 1e-2). */
kr_status kr_statistics_parameters(kr_context *ctx, kr_model *model, int n, kr_training_frame *const *frames);
/* bias [nt] and the spread of what is left; preset [nt], NaN = free (NULL = all free). residual [n] (may be NULL) is
 * fitted instead of the energies (for a change of bias: E − E_model). Types that do not occur get 0. */
kr_status kr_statistics_bias(kr_context *ctx, const kr_model *model, int n, kr_training_frame *const *frames,
                             const double *energy, const double *preset, double rcond, double *bias, double *spread);

/* All of it for a new model, with presets of the input. spread: standard deviation of the energies that the bias
 * leaves, eV. It is not stored as out_std, as DeePMD-kit's PyTorch side does, because TensorFlow would multiply by it.
 */
kr_status kr_statistics_apply(kr_context *ctx, const kr_input *input, kr_data_set *set, kr_model *model,
                              double *spread);

#endif
