/* Have the models before room for the neighbours of new data?
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * `sel: "auto"` is counted when a model is made and stays in it. Data of later iterations may be denser, and what is
 * beyond sel is not seen: the farthest neighbours of some atoms would be missing in training and in runs, without any
 * sign in the deviation of the ensemble. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "potential/model.h"
#include "training/data.h"

/* Neighbours of the densest place (of one element, where the model counts them apart), and those that are seen. */
typedef struct room {
    int found, sel;
} room;

static kr_status count(kr_context *ctx, const kr_campaign *m, const kr_model *model, kr_dataset *data, room *r) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_data_set set = {.dataset = data};
    int *most = NULL, total;
    double shortest;
    KR_NEW(ctx, most, (size_t)m->config.nelements);
    KR_TRY(kr_data_neighbors(ctx, &set, m->config.nelements, (const char *const *)m->config.element, d->rcut, most,
                             &total, &shortest));
    *r = (room){total, d->nnei};
    for (int e = 0; !d->mixed_types && e < m->config.nelements; e++) {
        int sel = d->sel[kr_model_type_index(model, m->config.element[e])];
        if (e == 0 || most[e] - sel > r->found - r->sel) *r = (room){most[e], sel};
    }
done:
    kr_free(most);
    return status;
}

static int is_counted(const kr_config *c) {
    const kr_tree *sel = kr_tree_at(c->training, "model.descriptor.sel");
    return !sel || sel->kind == KR_TREE_STRING;
}

kr_status kr_campaign_room(kr_context *ctx, const kr_campaign *m, const kr_data_list *list, const char *path,
                           int *anew) {
    kr_status status = KR_OK;
    const kr_data_list fresh = {.n = list->n - list->nold, .path = list->path + list->nold};
    kr_dataset *data = NULL;
    kr_model *model = NULL;
    room r;
    *anew = 0;
    if (!fresh.n) return KR_OK;
    KR_TRY(kr_model_load(ctx, path, &model));
    KR_TRY(kr_data_list_read(ctx, m, &fresh, &data));
    KR_TRY(count(ctx, m, model, data, &r));
    if (r.found <= r.sel) goto done;
    *anew = is_counted(&m->config);
    if (*anew)
        kr_campaign_say(m, "  train: up to %d neighbours in the new data, the models before see %d: they are no start",
                        r.found, r.sel);
    else
        kr_campaign_say(m, "  train: UP TO %d NEIGHBOURS in the new data, model.training lets models see %d (sel)",
                        r.found, r.sel);
done:
    kr_model_destroy(&model);
    kr_dataset_destroy(&data);
    return status;
}
