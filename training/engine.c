/* The list of engines, and the handle around one of them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/engine.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
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

double kr_engine_bin(double r) {
    double place = 32 * log2(r / 0.25);
    return place > 0 ? place < KR_ENGINE_BINS ? place : KR_ENGINE_BINS : 0;
}

void kr_batch_distances(const kr_batch *batch, int ntypes, float *distances) {
    for (int k = 0; k < batch->nframes; k++) {
        const kr_env *env = &batch->frame[k]->env;
        for (int i = 0; i < env->natoms; i++) {
            const int *first = env->first + (size_t)i * (size_t)env->ntypes;
            for (int t = 0; t < ntypes; t++) {
                float *to = distances + (size_t)(env->center_type[i] * ntypes + t) * KR_ENGINE_BINS;
                for (int p = first[t]; p < first[t + 1]; p++) {
                    int bin = (int)kr_engine_bin(env->r[p]);
                    to[bin < KR_ENGINE_BINS ? bin : KR_ENGINE_BINS - 1] += 1;
                }
            }
        }
    }
}

void kr_batch_forces(const kr_batch *batch, const double *gr, double *force, double *virial) {
    if (force) memset(force, 0, 3 * (size_t)batch->natoms * sizeof *force);
    if (virial) memset(virial, 0, 9 * (size_t)batch->nframes * sizeof *virial);
    for (int k = 0; k < batch->nframes; k++) {
        const kr_env *env = &batch->frame[k]->env;
        for (int i = 0; i < env->natoms; i++)
            for (int p = env->first[i * env->ntypes]; p < env->first[(i + 1) * env->ntypes]; p++) {
                const double *g = gr + 3 * (size_t)p, r[3] = {env->x[p], env->y[p], env->z[p]};
                for (int a = 0; force && a < 3; a++) {
                    force[3 * i + a] += g[a];
                    force[3 * env->neighbor[p] + a] -= g[a];
                }
                for (int a = 0; virial && a < 9; a++) virial[a] -= g[a / 3] * r[a % 3];
            }
        gr += 3 * (size_t)env->npairs;
        if (force) force += 3 * (size_t)env->natoms;
        if (virial) virial += 9;
    }
}

void kr_batch_directions(const kr_batch *batch, const double *fbar, const double *wbar, double *v) {
    for (int k = 0; k < batch->nframes; k++) {
        const kr_env *env = &batch->frame[k]->env;
        for (int i = 0; i < env->natoms; i++)
            for (int p = env->first[i * env->ntypes]; p < env->first[(i + 1) * env->ntypes]; p++) {
                double *to = v + 3 * (size_t)p;
                for (int a = 0; a < 3; a++) {
                    to[a] = fbar ? fbar[3 * i + a] - fbar[3 * env->neighbor[p] + a] : 0;
                    if (wbar)
                        to[a] -= wbar[3 * a] * env->x[p] + wbar[3 * a + 1] * env->y[p] + wbar[3 * a + 2] * env->z[p];
                }
            }
        v += 3 * (size_t)env->npairs;
        if (fbar) fbar += 3 * (size_t)env->natoms;
        if (wbar) wbar += 9;
    }
}

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

kr_status kr_engine_value(kr_context *ctx, kr_engine *engine, const kr_batch *batch, double *energy, double *force,
                          double *virial) {
    return engine->kind->value(ctx, engine->state, batch, energy, force, virial);
}

kr_status kr_engine_gradient(kr_context *ctx, kr_engine *engine, const kr_batch *batch, const double *ebar,
                             const double *fbar, const double *wbar, double *gtheta) {
    return engine->kind->gradient(ctx, engine->state, batch, ebar, fbar, wbar, 0, gtheta);
}

kr_status kr_engine_set_gradient(kr_context *ctx, kr_engine *engine, const kr_batch *batch, const double *ebar,
                                 const double *fbar, const double *wbar, double *gtheta) {
    return engine->kind->gradient(ctx, engine->state, batch, ebar, fbar, wbar, 1, gtheta);
}

kr_status kr_engine_check(kr_context *ctx, kr_engine *engine, double *error) {
    if (error) *error = 0.0;
    return engine->kind->check ? engine->kind->check(ctx, engine->state, error) : KR_OK;
}

int kr_engine_knots(const kr_engine *engine) { return engine->kind->knots ? engine->kind->knots(engine->state) : 0; }
