/* Candidates from files, and what an ensemble says of them (kramers/select.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/frame_table.h"
#include "core/memory.h"
#include "eelt/ensemble.h"
#include "eelt/explorer.h"
#include "eelt/novelty.h"
#include "potential/model_frames.h"
#include <kramers/select.h>
#include <math.h>
#include <string.h>

/* Column of max_devi_f in the label MODEL_DEVI. */
enum { MAX_DEVI_F = 3 };

/* Frames of one file; *info only when it is a file of an exploration. */
static kr_status read_one(kr_context *ctx, const char *path, kr_dataset **part, int *n, kr_explored **info) {
    kr_status status = KR_OK;
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    char *folder = NULL;
    *info = NULL;
    *n = 0;
    if (dot && !strcmp(dot, ".xyz")) {
        folder = slash ? kr_strprintf(ctx, "%.*s", (int)(slash - path) + (slash == path), path) : kr_strdup(ctx, ".");
        if (!folder) KR_TRY(KR_ERR_MEMORY);
        /* any other xyz file lacks what an exploration writes into the comments: that is no failure */
        status = kr_explored_read(ctx, folder, slash ? slash + 1 : path, part, n, info);
        if (status == KR_OK && *n) goto done;
        kr_dataset_destroy(part);
        if (status == KR_ERR_MEMORY) goto done;
        kr_context_clear(ctx);
    }
    KR_TRY(kr_dataset_read(ctx, path, NULL, 0, NULL, part));
done:
    kr_free(folder);
    return status;
}

static void fill(const kr_dataset *part, int run, double dt_fs, const kr_explored *info, kr_candidate *meta) {
    long k = 0;
    for (int s = 0; s < part->nsystems; s++) {
        const kr_system *system = part->system[s];
        const double *devi = system->label[KR_LABEL_MODEL_DEVI];
        for (int f = 0; f < system->nframes; f++, k++) {
            kr_candidate *m = &meta[k];
            *m = kr_candidate_unknown;
            m->run = m->system = m->cell = run;
            if (devi && system->has[f] & 1u << KR_LABEL_MODEL_DEVI)
                m->u = devi[(size_t)f * (size_t)system->width[KR_LABEL_MODEL_DEVI] + MAX_DEVI_F];
            if (!info) continue;
            m->u = info[k].deviation.max_f;
            if (dt_fs > 0) m->time_ps = 1e-3 * dt_fs * (double)info[k].step;
        }
    }
}

kr_status kr_candidates_read(kr_context *ctx, int npaths, const char *const *paths, double dt_fs, kr_dataset **dataset,
                             kr_candidate **meta) {
    kr_status status = KR_OK;
    kr_dataset *part = NULL;
    kr_candidate *list = NULL;
    kr_explored *info = NULL;
    long total = 0;
    int n;
    if (npaths < 1 || !paths || !dataset || !meta)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "candidates of %d files: a pointer is NULL", npaths);
    *dataset = NULL;
    *meta = NULL;
    KR_TRY(kr_dataset_create(ctx, dataset));
    for (int p = 0; p < npaths; p++) {
        KR_TRY(read_one(ctx, paths[p], &part, &n, &info));
        long more = kr_dataset_frames(part);
        kr_candidate *grown = kr_realloc(ctx, list, (size_t)total, (size_t)(total + more) + 1, sizeof *list);
        if (!grown) KR_TRY(KR_ERR_MEMORY);
        list = grown;
        fill(part, p, dt_fs, info, list + total);
        total += more;
        for (int s = 0; s < part->nsystems; s++) KR_TRY(kr_dataset_append(ctx, *dataset, &part->system[s]));
        kr_dataset_destroy(&part);
        kr_free(info);
        info = NULL;
    }
    *meta = list;
    list = NULL;
done:
    if (status != KR_OK) kr_dataset_destroy(dataset);
    kr_dataset_destroy(&part);
    kr_free(info);
    kr_free(list);
    return status;
}

void kr_candidates_free(kr_candidate **meta) {
    if (!meta) return;
    kr_free(*meta);
    *meta = NULL;
}

kr_status kr_candidates_evaluate(kr_context *ctx, const kr_potential *potential, const kr_dataset *candidates,
                                 kr_candidate *meta) {
    return kr_novelty_evaluate(ctx, potential, NULL, candidates, meta);
}

kr_status kr_novelty_evaluate(kr_context *ctx, const kr_potential *potential, kr_novelty *novelty,
                              const kr_dataset *candidates, kr_candidate *meta) {
    kr_status status = KR_OK;
    kr_model_frames frames = {.map = NULL};
    kr_ensemble_work work = {.nmodels = 0};
    long k = 0;
    if (!potential || !candidates || !meta)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "potential, candidates and meta must not be NULL");
    long total = kr_dataset_frames(candidates);
    KR_TRY(kr_ensemble_begin(ctx, potential, &work));
    work.novelty = novelty;
    KR_TRY(kr_model_frames_begin(ctx, kr_potential_model(potential, 0), candidates, &frames));
    for (int s = 0; s < candidates->nsystems; s++)
        for (int f = 0; f < candidates->system[s]->nframes; f++, k++) {
            kr_frame frame;
            double f2 = 0;
            KR_TRY(kr_model_frames_get(ctx, &frames, s, f, &frame));
            status = kr_ensemble_frame(ctx, &work, &frame);
            if (status == KR_ERR_NUMERIC || status == KR_ERR_ARGUMENT) { /* a broken frame: the sanity check says why */
                meta[k].f_max = INFINITY;
                kr_context_clear(ctx);
                continue;
            }
            KR_TRY(status);
            for (int i = 0; i < frame.natoms; i++) { /* of the model that drives */
                const double *x = work.force + 3 * i;
                f2 = fmax(f2, x[0] * x[0] + x[1] * x[1] + x[2] * x[2]);
            }
            meta[k].f_max = sqrt(f2);
            if (work.epsilon) {
                meta[k].u = work.u;
                meta[k].atom = work.atom;
            }
            status = kr_progress(ctx, "candidates", k + 1, total);
            if (status != KR_OK) goto done;
        }
    status = KR_OK;
done:
    kr_model_frames_clear(&frames);
    kr_ensemble_end(&work);
    return status;
}
