/* Changes of a campaign by its user: frames that must go, data that come from elsewhere.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign_score.h"
#include <inttypes.h>
#include <kramers/dataset_tools.h>
#include <stdio.h>
#include <string.h>

/* ---- drop ---- */

/* The iterations whose data sets hold a frame that goes: −1 at the end. */
static kr_status hide_frames(kr_context *ctx, kr_campaign *m, int n, const long *frames, long *count,
                             unsigned char *touched, int room) {
    kr_status status = KR_OK;
    for (int k = 0; k < n; k++) {
        int64_t known, collected;
        KR_TRY(kr_db_int(ctx, m->db, &known, "SELECT count(*) FROM frame WHERE id = ? AND hidden = 0", "i",
                         (int64_t)frames[k]));
        if (!known) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the campaign has no frame %ld", frames[k]);
        KR_TRY(kr_db_int(ctx, m->db, &collected,
                         "SELECT coalesce(max(collected), -1) FROM label WHERE frame = ? AND hidden = 0", "i",
                         (int64_t)frames[k]));
        KR_TRY(kr_db_run(ctx, m->db,
                         "UPDATE frame SET decision = 'dropped', reason = 'by the user' WHERE id = ? AND "
                         "coalesce(decision, '') != 'dropped'",
                         "i", (int64_t)frames[k]));
        *count += kr_db_changes(m->db) > 0;
        if (collected >= 0 && collected < room) touched[collected] = 1;
    }
    KR_TRY(kr_ledger_event(ctx, m->ledger, "drop", "%ld frames", *count));
done:
    return status;
}

/* The data set of an iteration, without what was dropped. */
static kr_status rewrite(kr_context *ctx, kr_campaign *m, int iteration) {
    kr_status status = KR_OK;
    kr_scored_set set = {0};
    char where[200];
    m->iteration = iteration;
    snprintf(where, sizeof where,
             "f.decision != 'dropped' AND EXISTS (SELECT 1 FROM label c WHERE c.frame = f.id AND c.hidden = 0 AND "
             "c.collected = %d)",
             iteration);
    KR_TRY(kr_scored_set_read(ctx, m, where, 0, &set));
    KR_TRY(kr_collect_write(ctx, m, &set));
done:
    kr_scored_set_free(&set);
    return status;
}

kr_status kr_campaign_drop(kr_context *ctx, const char *input, int n, const long *frames, long *count) {
    kr_status status = KR_OK;
    kr_campaign_options options;
    kr_campaign m = {.options = &options};
    unsigned char *touched = NULL;
    int64_t last;
    kr_campaign_options_default(&options);
    options.input = input;
    *count = 0;
    KR_TRY(kr_campaign_open(ctx, &m));
    KR_TRY(kr_db_int(ctx, m.db, &last, "SELECT coalesce(max(iteration), 0) FROM stage", NULL));
    KR_NEW(ctx, touched, (size_t)last + 1);
    KR_TRY(kr_db_begin(ctx, m.db));
    status = hide_frames(ctx, &m, n, frames, count, touched, (int)last + 1);
    KR_TRY(kr_db_end(ctx, m.db, status));
    for (int k = 0; k <= last; k++)
        if (touched[k]) KR_TRY(rewrite(ctx, &m, k));
done:
    kr_free(touched);
    kr_campaign_close(&m);
    return status;
}

/* ---- add ---- */

/* Data belong to the last iteration before the next training. */
static kr_status target_iteration(kr_context *ctx, kr_campaign *m, int *iteration) {
    kr_status status = KR_OK;
    int64_t trained;
    KR_TRY(kr_db_int(ctx, m->db, &trained,
                     "SELECT coalesce(max(iteration), -1) FROM stage WHERE name = 'train' AND state = 'done' AND "
                     "hidden = 0",
                     NULL));
    if (trained < 0)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "no model has been trained yet: such data go into data.initial of the input");
    *iteration = (int)trained;
done:
    return status;
}

static kr_status write_added(kr_context *ctx, const kr_campaign *m, const char *path, long *count) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL, *merged = NULL;
    char *folder = kr_campaign_path(ctx, m, m->iteration, "03.added"), base[32], **names = NULL;
    int n = 0;
    if (!folder) return KR_ERR_MEMORY;
    KR_TRY(kr_dataset_read(ctx, path, NULL, m->config.nelements, m->config.element, &data));
    for (int s = 0; s < data->nsystems; s++)
        if (!data->system[s]->label[KR_LABEL_ENERGY] || !data->system[s]->label[KR_LABEL_FORCE])
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s' has no energies and forces", path);
    KR_TRY(kr_dataset_merge(ctx, data, &merged));
    KR_TRY(kr_campaign_make_folder(ctx, folder));
    KR_TRY(kr_folder_list(ctx, folder, &n, &names));
    snprintf(base, sizeof base, "data.%03d", n);
    KR_TRY(kr_campaign_write_sets(ctx, merged, folder, base));
    for (int s = 0; s < merged->nsystems; s++) *count += merged->system[s]->nframes;
done:
    if (names) kr_names_free(n, names);
    kr_dataset_destroy(&merged);
    kr_dataset_destroy(&data);
    kr_free(folder);
    return status;
}

kr_status kr_campaign_add(kr_context *ctx, const char *input, int n, const char *const *paths, long *count) {
    kr_status status = KR_OK;
    kr_campaign_options options;
    kr_campaign m = {.options = &options};
    kr_campaign_options_default(&options);
    options.input = input;
    *count = 0;
    KR_TRY(kr_campaign_open(ctx, &m));
    KR_TRY(target_iteration(ctx, &m, &m.iteration));
    for (int k = 0; k < n; k++) KR_TRY(write_added(ctx, &m, paths[k], count));
    KR_TRY(kr_ledger_event(ctx, m.ledger, "add", "%ld labelled frames after iteration %d", *count, m.iteration));
done:
    kr_campaign_close(&m);
    return status;
}
