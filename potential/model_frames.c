/* Frames of a dataset with the types of a model.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model_frames.h"
#include "core/error.h"

kr_status kr_model_frames_begin(kr_context *ctx, const kr_model *model, const kr_dataset *dataset,
                                kr_model_frames *frames) {
    kr_status status = KR_OK;
    *frames = (kr_model_frames){.map = NULL};
    KR_TRY(kr_frames_begin(ctx, dataset, &frames->frames));
    const kr_names *names = &frames->frames.names;
    KR_NEW(ctx, frames->map, (size_t)names->n + 1);
    for (int t = 0; t < names->n; t++) {
        frames->map[t] = kr_model_type_index(model, names->name[t]);
        if (frames->map[t] >= 0) continue;
        KR_ERROR(ctx, KR_ERR_ARGUMENT, "the frames have atoms of type %s, %s does not know it", names->name[t],
                 model->path ? model->path : "the model");
        if (frames->frames.anonymous) kr_error_hint(ctx, "the frames do not name their elements; give a type map");
        status = KR_ERR_ARGUMENT;
        goto done;
    }
done:
    if (status < 0) kr_model_frames_clear(frames);
    return status;
}

kr_status kr_model_frames_get(kr_context *ctx, kr_model_frames *frames, int s, int f, kr_frame *frame) {
    kr_status status = KR_OK;
    KR_TRY(kr_frames_get(ctx, &frames->frames, s, f, frame));
    KR_TRY(kr_buffer_reserve(ctx, &frames->type, (size_t)frame->natoms, sizeof(int)));
    int *type = frames->type.data;
    for (int i = 0; i < frame->natoms; i++) type[i] = frames->map[frame->type[i]];
    frame->type = type;
done:
    return status;
}

void kr_model_frames_clear(kr_model_frames *frames) {
    kr_frames_clear(&frames->frames);
    kr_free(frames->map);
    kr_buffer_free(&frames->type);
    *frames = (kr_model_frames){.map = NULL};
}

static int periodic(const kr_frame *frame) { return frame->pbc[0] || frame->pbc[1] || frame->pbc[2]; }
const double *kr_frame_box(const kr_frame *frame) { return periodic(frame) ? frame->box : NULL; }
const unsigned char *kr_frame_pbc(const kr_frame *frame) { return periodic(frame) ? frame->pbc : NULL; }
