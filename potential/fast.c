/* The fast path: not built in yet, so that every model is evaluated by the reference path.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "potential/evaluate.h"

kr_status kr_fast_create(kr_context *ctx, const kr_model *model, const kr_potential_options *options, kr_fast **fast,
                         const char **reason) {
    (void)ctx, (void)model, (void)options;
    *fast = NULL;
    *reason = "this build has no fast path";
    return KR_OK;
}

void kr_fast_destroy(kr_fast **fast) { *fast = NULL; }

void kr_fast_describe(const kr_fast *fast, void (*line)(const char *text, void *payload), void *payload) {
    (void)fast, (void)line, (void)payload;
}

kr_status kr_fast_workspace_create(kr_context *ctx, const kr_fast *fast, kr_fast_workspace **ws) {
    (void)fast, (void)ws;
    return KR_ERROR(ctx, KR_ERR_INTERNAL, "this build has no fast path");
}

void kr_fast_workspace_destroy(kr_fast_workspace **ws) { *ws = NULL; }

size_t kr_fast_workspace_bytes(const kr_fast_workspace *ws) {
    (void)ws;
    return 0;
}

kr_status kr_fast_block(kr_context *ctx, const kr_fast *fast, const kr_env *env, const double *fparam,
                        const double *aparam, double *energy, double *gr, kr_fast_workspace *ws) {
    (void)fast, (void)env, (void)fparam, (void)aparam, (void)energy, (void)gr, (void)ws;
    return KR_ERROR(ctx, KR_ERR_INTERNAL, "this build has no fast path");
}
