/* A learned committor: creation, loading, saving, evaluation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/committor_model.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/network.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static kr_status read_features(kr_context *ctx, const kr_problem *problem, const kr_tree *list,
                               kr_expression **expression) {
    kr_status status = KR_OK;
    if (!list->count)
        return kr_parameter_fail(ctx, "network", "features", list, "none; leave the key out for the coordinates");
    KR_TRY(kr_expression_create(ctx, problem->dim, NULL, expression));
    for (int f = 0; f < list->count; f++)
        KR_TRY(kr_expression_output(ctx, *expression, list->child[f]->string, list->child[f]));
done:
    if (status < 0) kr_error_prefix(ctx, "network.features");
    return status;
}

kr_status kr_committor_model_create(kr_context *ctx, const kr_problem *problem, const kr_tree *section, int members,
                                    uint64_t seed, kr_committor_model *model) {
    kr_status status = KR_OK;
    kr_expression *expression = NULL;
    kr_committor_settings s = {0};
    kr_tree *complete = NULL;
    int nhidden, *hidden = NULL;
    *model = (kr_committor_model){.members = members};
    KR_TRY(kr_parameters_read(ctx, kr_committor_network_table, section, "network", &s, &complete));
    KR_TRY(kr_run_check_layers(ctx, section));
    KR_TRY(kr_parameter_ints(ctx, s.net.hidden, &nhidden, &hidden));
    if (s.net.features) KR_TRY(read_features(ctx, problem, s.net.features, &expression));
    KR_NEW(ctx, model->theta, (size_t)members);
    for (int m = members - 1; m >= 0; m--) {
        /* Each member's start values; the network of member 0 is kept. */
        kr_expression *none = NULL;
        kr_committor_net_destroy(&model->net);
        KR_TRY(kr_committor_net_create(ctx, problem, nhidden, hidden, s.net.activation,
                                       s.net.boundary ? s.net.width : 0, m ? &none : &expression,
                                       (kr_stream){seed, 0xc001 + (uint64_t)m * 0x10000}, &model->net));
        kr_network_sharpen(model->net->net, model->net->theta, s.net.sharpness,
                           (kr_stream){seed, 0xc001 + (uint64_t)m * 0x10000});
        KR_NEW(ctx, model->theta[m], model->net->nparams);
        memcpy(model->theta[m], model->net->theta, model->net->nparams * sizeof(double));
    }
done:
    kr_expression_destroy(&expression);
    kr_tree_destroy(&complete);
    kr_free(hidden);
    if (status < 0) kr_committor_model_free(model);
    return status;
}

void kr_committor_model_free(kr_committor_model *model) {
    for (int m = 0; m < model->members && model->theta; m++) kr_free(model->theta[m]);
    kr_free(model->theta);
    kr_committor_net_destroy(&model->net);
    *model = (kr_committor_model){0};
}

kr_status kr_committor_model_load(kr_context *ctx, const kr_problem *problem, const char *folder,
                                  kr_committor_model *model) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    const kr_tree *section;
    char *path = kr_path_join(ctx, folder, "network.json"), key[32];
    int members;
    *model = (kr_committor_model){0};
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_json_read(ctx, path, &tree));
    KR_TRY(kr_tree_get_int(ctx, tree, "members", 1, 1000, &members));
    KR_TRY(kr_tree_need(ctx, tree, "network", &section));
    KR_TRY(kr_committor_model_create(ctx, problem, section, members, 0, model));
    KR_TRY(kr_run_get_reals(ctx, tree, "mean", model->net->nfeatures, model->net->mean));
    KR_TRY(kr_run_get_reals(ctx, tree, "scale", model->net->nfeatures, model->net->scale));
    for (int m = 0; m < members; m++) {
        snprintf(key, sizeof key, "theta%d", m);
        KR_TRY(kr_run_get_reals(ctx, tree, key, (long)model->net->nparams, model->theta[m]));
    }
done:
    if (status < 0) {
        kr_error_prefix(ctx, "%s", path);
        kr_committor_model_free(model);
    }
    kr_tree_destroy(&tree);
    kr_free(path);
    return status;
}

kr_status kr_committor_model_format(kr_context *ctx, const kr_committor_model *model, const kr_tree *section,
                                    char **text) {
    kr_status status = KR_OK;
    kr_tree *map = NULL, *copy = NULL;
    char key[32];
    *text = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_run_set_reals(ctx, map, "mean", model->net->nfeatures, model->net->mean));
    KR_TRY(kr_run_set_reals(ctx, map, "scale", model->net->nfeatures, model->net->scale));
    KR_TRY(kr_tree_copy(ctx, section, &copy));
    KR_TRY(kr_tree_set(ctx, map, "network", &copy));
    KR_TRY(kr_run_set_int(ctx, map, "members", model->members));
    for (int m = 0; m < model->members; m++) {
        snprintf(key, sizeof key, "theta%d", m);
        KR_TRY(kr_run_set_reals(ctx, map, key, (long)model->net->nparams, model->theta[m]));
    }
    KR_TRY(kr_json_format(ctx, map, 0, text));
done:
    kr_tree_destroy(&map);
    kr_tree_destroy(&copy);
    return status;
}

kr_status kr_committor_model_evaluate(kr_context *ctx, const kr_committor_model *model, int one, long n,
                                      const double *x, double *q, double *grad) {
    kr_status status = KR_OK;
    int members = model->members, dim = model->net->dim;
    double *q1 = NULL, *g1 = NULL;
    if (members == 1 || one >= 0)
        return kr_committor_net_evaluate(ctx, model->net, model->theta[one >= 0 ? one : 0], n, x, q, NULL, grad);
    KR_NEW(ctx, q1, (size_t)n);
    if (grad) KR_NEW(ctx, g1, (size_t)(n * dim));
    for (int m = 0; m < members; m++) {
        KR_TRY(kr_committor_net_evaluate(ctx, model->net, model->theta[m], n, x, q1, NULL, g1));
        for (long i = 0; i < n; i++) q[i] = (m ? q[i] : 0) + q1[i] / members;
        for (long i = 0; i < n * dim && grad; i++) grad[i] = (m ? grad[i] : 0) + g1[i] / members;
    }
done:
    kr_free(q1);
    kr_free(g1);
    return status;
}

kr_status kr_committor_model_logit(kr_context *ctx, const kr_committor_model *model, int n, const double *x,
                                   double *z) {
    int thread = kr_parallel_thread();
    double q[KR_COMMITTOR_ROWS], sum[KR_COMMITTOR_ROWS];
    if (n > KR_COMMITTOR_ROWS)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%d points at once, %d are possible", n, KR_COMMITTOR_ROWS);
    if (model->members == 1)
        return kr_committor_net_rows(ctx, model->net, model->theta[0], thread, n, x, NULL, z, NULL);
    memset(sum, 0, sizeof sum);
    for (int m = 0; m < model->members; m++) {
        kr_status status = kr_committor_net_rows(ctx, model->net, model->theta[m], thread, n, x, q, NULL, NULL);
        if (status != KR_OK) return status;
        for (int i = 0; i < n; i++) sum[i] += q[i] / model->members;
    }
    for (int i = 0; i < n; i++) z[i] = log(fmax(sum[i], 1e-300) / fmax(1 - sum[i], 1e-300));
    return KR_OK;
}
