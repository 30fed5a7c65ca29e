/* A new model from a training input: architecture, random parameters; statistics come later (statistics.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_INIT_H
#define KR_TRAINING_INIT_H

#include "training/input.h"

/* sel [nsel]: nt numbers, or one for se_atten (after "auto" was resolved). Parameters have DeePMD-kit's distribution,
 *   W ~ N(0, 1/(in + out)), b ~ N(0, 1), idt ~ N(0.1, 0.001²), layer norms 1 and 0,
 * from counter-based streams: the same seed gives the same model. seed_shift: for ensembles, added to all seeds. The
 * shift davg is 0, dstd 1, biases 0. */
kr_status kr_training_model(kr_context *ctx, const kr_input *input, int nsel, const int *sel, int64_t seed_shift,
                            kr_model **model);
/* mask [ntheta], 1 = trained: what "trainable" of descriptor, layers and layer norms says. New array (kr_free). */
kr_status kr_training_mask(kr_context *ctx, const kr_model *model, unsigned char **mask);

#endif
