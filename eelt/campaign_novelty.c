/* What tells new frames to campaigns of a single model.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include <string.h>

/* A model's novelty lies beside it. */
char *kr_campaign_novelty(kr_context *ctx, const kr_campaign *m, const char *model) {
    if (m->config.examine.method == KR_NOVELTY_DEVIATION) return NULL;
    return kr_strprintf(ctx, "%.*s/" KR_CAMPAIGN_NOVELTY, (int)(strrchr(model, '/') - model), model);
}

static kr_status add_data(kr_context *ctx, const kr_campaign *m, const char *path, kr_dataset *all) {
    kr_dataset *part = NULL;
    kr_status status = kr_dataset_read(ctx, path, NULL, m->config.nelements, m->config.element, &part);
    if (status == KR_OK) status = kr_campaign_move_systems(ctx, &part, all);
    kr_dataset_destroy(&part);
    return status;
}

/* What tells new frames to the single model: of its training data, sized by the validation data where there are any.
 * It follows from files that are there, so that it is simply made again when this was interrupted. */
kr_status kr_campaign_make_novelty(kr_context *ctx, const kr_campaign *m, const kr_data_list *list, int nvalidation,
                                   char *const *validation_paths) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL, *validation = NULL;
    kr_potential *potential = NULL;
    kr_novelty *novelty = NULL;
    char *folder = kr_campaign_path(ctx, m, m->iteration, "00.train"), *path = NULL;
    if (!folder || !(path = kr_path_join(ctx, folder, "model_0.dp"))) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_dataset_create(ctx, &data));
    KR_TRY(kr_dataset_create(ctx, &validation));
    for (int i = 0; i < list->n; i++) KR_TRY(add_data(ctx, m, list->path[i], data));
    for (int i = 0; i < nvalidation; i++) KR_TRY(add_data(ctx, m, validation_paths[i], validation));
    KR_TRY(kr_potential_load(ctx, 1, (const char *const *)&path, NULL, &potential));
    KR_TRY(kr_novelty_train(ctx, potential, (kr_novelty_method)m->config.examine.method, data,
                            validation->nsystems ? validation : data, &novelty));
    KR_TRY(kr_novelty_write(ctx, novelty, folder, KR_CAMPAIGN_NOVELTY));
done:
    kr_novelty_destroy(&novelty);
    kr_potential_destroy(&potential);
    kr_dataset_destroy(&data);
    kr_dataset_destroy(&validation);
    kr_free(folder);
    kr_free(path);
    return status;
}
