/* {"campaign": {…}, "label": {"engine": …}, "jobs": {"label": {…}}}: the part of eelt.json that labelling needs.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/label_input.h"
#include "core/error.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/config.h"
#include <string.h>

void kr_label_input_free(kr_label_input *input) {
    kr_free(input->base);
    kr_free(input->folder);
    kr_free(input->store);
    kr_free(input->text);
    kr_labeller_destroy(&input->labeller);
    kr_job_input_free(&input->job);
    memset(input, 0, sizeof *input);
}

static kr_status read_campaign(kr_context *ctx, const kr_tree *root, kr_label_input *input) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    kr_config_campaign c;
    KR_TRY(kr_parameters_read(ctx, kr_config_campaign_table, kr_tree_get(root, "campaign"), "campaign", &c, &complete));
    input->folder = kr_label_path(ctx, input->base, c.folder);
    input->store = c.store ? kr_label_path(ctx, input->base, c.store) : NULL;
    input->seed = (uint64_t)c.seed;
    if (!input->folder || (c.store && !input->store)) status = KR_ERR_MEMORY;
done:
    kr_tree_destroy(&complete);
    return status;
}

static kr_status read_sections(kr_context *ctx, const kr_tree *root, kr_label_input *input) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL, *jobs = NULL;
    const kr_tree *label;
    kr_config_top top;
    KR_TRY(kr_parameters_read(ctx, kr_config_top_table, root, "top level", &top, &complete));
    KR_TRY(kr_tree_need(ctx, root, "label", &label));
    KR_TRY(read_campaign(ctx, root, input));
    KR_TRY(kr_labeller_create(ctx, label, input->base, &input->labeller));
    KR_TRY(kr_parameters_read(ctx, kr_config_jobs_table, top.jobs, "jobs", NULL, &jobs));
    KR_TRY(kr_job_input_read(ctx, top.jobs, "label", &input->job));
    KR_TRY(kr_json_format(ctx, root, 1, &input->text));
done:
    kr_tree_destroy(&complete);
    kr_tree_destroy(&jobs);
    return status;
}

kr_status kr_label_input_read(kr_context *ctx, const char *path, kr_label_input *input) {
    kr_status status = KR_OK;
    kr_tree *root = NULL;
    memset(input, 0, sizeof *input);
    KR_TRY(kr_json_read(ctx, path, &root));
    input->base = kr_config_base(ctx, path);
    if (!input->base) KR_TRY(KR_ERR_MEMORY);
    status = read_sections(ctx, root, input);
    if (status != KR_OK) kr_error_prefix(ctx, "%s", path);
    KR_TRY(status);
done:
    kr_tree_destroy(&root);
    if (status != KR_OK) kr_label_input_free(input);
    return status;
}
