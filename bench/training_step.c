/* Time of a training step on the frames of data folders: engine, loss and Adam.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   training_step MODEL single|double ENGINE KNOTS THREADS STEPS FOLDER...
 * Batches of one frame, drawn in order, from the model's parameters made smaller by random numbers (a start, not an end
 * of a training; the work does not depend on them). Prints lines "key value": cpu_ms is the
 * mean over the steps, wall_ms their median, so that what else the machine does for a moment does not count. */
#include "core/error.h"
#include "core/memory.h"
#include "core/optimizer.h"
#include "core/random.h"
#include "training/loss.h"
#include <kramers/kramers.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FRAMES = 512 };

typedef struct job {
    kr_engine *engine;
    kr_batch batch;
    kr_loss_options loss;
    kr_loss_workspace ws;
    kr_loss_report report;
    size_t ntheta;
    double ratio, seconds[2]; /* of Adam's share and of the whole */
} job;

static double clock_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static kr_status objective(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    job *j = payload;
    (void)theta; /* the model's own vector */
    j->ws.set = 1;
    kr_status status =
        kr_loss_gradient(ctx, &j->loss, j->ratio, j->engine, &j->batch, NULL, gradient, &j->report, &j->ws);
    if (loss) *loss = j->report.loss;
    return status;
}

static kr_status run(kr_context *ctx, int argc, char **argv) {
    kr_status status = KR_OK;
    kr_model *model = NULL;
    kr_dataset *data = NULL;
    kr_optimizer *adam = NULL;
    kr_tree *how = NULL, *flag = NULL;
    kr_training_frame **frame = NULL;
    job j = {.ratio = 1};
    int nframes = 0, steps = atoi(argv[6]);
    double shortest = 1e9, *wall = NULL;
    float *distances = NULL;
    const kr_engine_kind *kind = kr_engine_find(argv[3]);
    if (!kind) KR_FAIL(ctx, KR_ERR_ARGUMENT, "no engine \"%s\"", argv[3]);
    kr_context_set_threads(ctx, atoi(argv[5]));
    KR_TRY(kr_model_load(ctx, argv[1], &model));
    KR_NEW(ctx, frame, MAX_FRAMES);
    for (int a = 7; a < argc; a++) {
        KR_TRY(kr_dataset_read(ctx, argv[a], NULL, 0, NULL, &data));
        for (int s = 0; s < data->nsystems; s++)
            for (int k = 0; k < data->system[s]->nframes && nframes < MAX_FRAMES && nframes < steps; k++) {
                KR_TRY(kr_training_frame_create(ctx, model, data->system[s], s, k, 0.3, NULL, &frame[nframes]));
                shortest = fmin(shortest, frame[nframes++]->shortest);
            }
        kr_dataset_destroy(&data);
    }
    if (!nframes) KR_FAIL(ctx, KR_ERR_ARGUMENT, "no frames");
    KR_NEW(ctx, distances, (size_t)model->ntypes * (size_t)model->ntypes * KR_ENGINE_BINS);
    kr_batch_distances(&(kr_batch){.nframes = nframes, .frame = frame}, model->ntypes, distances);
    kr_engine_options options = {
        .single = !strcmp(argv[2], "single"), .knots = atoi(argv[4]), .distances = distances, .r_low = 0.85 * shortest};
    if (!options.knots) options.tolerance = 1e-5; /* what kramers train begins with */
    KR_TRY(kr_engine_create(ctx, kind, model, &options, &j.engine));
    for (int before = -1; options.tolerance > 0 && before != kr_engine_knots(j.engine);) {
        before = kr_engine_knots(j.engine);
        KR_TRY(kr_engine_check(ctx, j.engine, NULL));
    }
    kr_loss_defaults(&j.loss);
    j.loss.start[KR_LOSS_E] = 0.02;
    j.loss.limit[KR_LOSS_E] = 1;
    j.loss.start[KR_LOSS_F] = 1000;
    j.loss.limit[KR_LOSS_F] = 1;
    j.loss.start[KR_LOSS_V] = j.loss.limit[KR_LOSS_V] = 0;
    j.ntheta = model->ntheta;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &how));
    KR_TRY(kr_tree_new_bool(ctx, options.single, &flag)); /* as kramers train has it */
    KR_TRY(kr_tree_set(ctx, how, "single", &flag));
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find("adam"), how, model->ntheta, model->nblocks, model->block, NULL,
                               &adam));
    kr_objective o = {.payload = &j, .evaluate = objective};
    double cpu = 0, begin = 0;
    KR_NEW(ctx, wall, (size_t)steps);
    for (int step = -nframes; step < steps; step++) { /* the first round packs the frames: not timed */
        int k = (step + nframes) % nframes;
        begin = clock_of(CLOCK_MONOTONIC);
        if (step == 0) cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        j.batch =
            (kr_batch){.nframes = 1, .frame = &frame[k], .natoms = frame[k]->natoms, .npairs = frame[k]->env.npairs};
        KR_TRY(kr_optimizer_step(ctx, adam, step + nframes, 1e-5, &o, model->theta, NULL));
        if (step >= 0) wall[step] = clock_of(CLOCK_MONOTONIC) - begin;
    }
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    qsort(wall, (size_t)steps, sizeof *wall, ascending);
    printf("cpu_ms %.4f\nwall_ms %.4f\natoms %d\npairs %d\nframes %d\nrmse_f %.5f\nknots %d\n", 1e3 * cpu / steps,
           1e3 * wall[steps / 2], j.batch.natoms, j.batch.npairs, nframes, j.report.rmse[KR_LOSS_F],
           kr_engine_knots(j.engine));
done:
    kr_free(wall);
    kr_free(distances);
    kr_optimizer_destroy(&adam);
    kr_tree_destroy(&how);
    kr_tree_destroy(&flag);
    kr_engine_destroy(&j.engine);
    kr_loss_workspace_free(&j.ws);
    for (int k = 0; k < nframes; k++) kr_training_frame_destroy(&frame[k]);
    kr_free(frame);
    kr_dataset_destroy(&data);
    kr_model_destroy(&model);
    return status;
}

int main(int argc, char **argv) {
    kr_context *ctx;
    if (argc < 8) {
        fprintf(stderr, "training_step MODEL single|double ENGINE KNOTS THREADS STEPS FOLDER...\n");
        return 2;
    }
    if (kr_context_create(&ctx) < 0) return 1;
    kr_status status = run(ctx, argc, argv);
    if (status < 0) fprintf(stderr, "%s\n", kr_context_message(ctx));
    kr_context_destroy(&ctx);
    return status < 0;
}
