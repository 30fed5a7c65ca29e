/* Frames of a dataset with the types of a model.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_MODEL_FRAMES_H
#define KR_POTENTIAL_MODEL_FRAMES_H

#include "core/frames.h"
#include "potential/model.h"

typedef struct kr_model_frames {
    kr_frames frames;
    int *map; /* [names] type of the model */
    kr_buffer type;
} kr_model_frames;

/* KR_ERR_ARGUMENT names the element that the model does not know. */
kr_status kr_model_frames_begin(kr_context *ctx, const kr_model *model, const kr_dataset *dataset,
                                kr_model_frames *frames);
/* Frame f of system s; frame->type are types of the model. Valid until the next call. */
kr_status kr_model_frames_get(kr_context *ctx, kr_model_frames *frames, int s, int f, kr_frame *frame);
void kr_model_frames_clear(kr_model_frames *frames);

/* Cell and boundaries as kr_potential_compute_frame takes them: NULL for an open frame. */
const double *kr_frame_box(const kr_frame *frame);
const unsigned char *kr_frame_pbc(const kr_frame *frame);

#endif
