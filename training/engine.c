/* The list of engines, and the handle around one of them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/engine.h"
#include "core/error.h"
#include "core/memory.h"
#include <string.h>

#define KR_ENGINE_KIND(name) extern const kr_engine_kind kr_engine_##name;
#include "training/engine_kinds.def"
#undef KR_ENGINE_KIND

static const kr_engine_kind *const kinds[] = {
#define KR_ENGINE_KIND(name) &kr_engine_##name,
#include "training/engine_kinds.def"
#undef KR_ENGINE_KIND
    NULL};

struct kr_engine {
    const kr_engine_kind *kind;
    void *state;
};

int kr_engine_count(void) { return (int)(sizeof kinds / sizeof *kinds) - 1; }

const kr_engine_kind *kr_engine_at(int index) { return index >= 0 && index < kr_engine_count() ? kinds[index] : NULL; }

const kr_engine_kind *kr_engine_find(const char *name) {
    for (int k = 0; k < kr_engine_count(); k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}

kr_status kr_engine_create(kr_context *ctx, const kr_engine_kind *kind, const kr_model *model,
                           const kr_engine_options *options, kr_engine **engine) {
    kr_status status = KR_OK;
    kr_engine *e = NULL;
    *engine = NULL;
    const char *reason = kind->refuses ? kind->refuses(model) : NULL;
    if (reason) KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "the engine \"%s\" cannot train this model: %s", kind->name, reason);
    KR_NEW(ctx, e, 1);
    e->kind = kind;
    KR_TRY(kind->create(ctx, model, options, &e->state));
    *engine = e;
    e = NULL;
done:
    kr_engine_destroy(&e);
    return status;
}

void kr_engine_destroy(kr_engine **engine) {
    if (!engine || !*engine) return;
    (*engine)->kind->destroy(&(*engine)->state);
    kr_free(*engine);
    *engine = NULL;
}

const kr_engine_kind *kr_engine_get_kind(const kr_engine *engine) { return engine->kind; }

kr_status kr_engine_value(kr_context *ctx, kr_engine *engine, const kr_batch *batch, double *energy, double *gr) {
    return engine->kind->value(ctx, engine->state, batch, energy, gr);
}

kr_status kr_engine_gradient(kr_context *ctx, kr_engine *engine, const kr_batch *batch, const double *ebar,
                             const double *v, double *gtheta) {
    return engine->kind->gradient(ctx, engine->state, batch, ebar, v, gtheta);
}

kr_status kr_engine_check(kr_context *ctx, kr_engine *engine, double *error) {
    if (error) *error = 0.0;
    return engine->kind->check ? engine->kind->check(ctx, engine->state, error) : KR_OK;
}
