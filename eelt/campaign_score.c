/* Labelled frames and their errors.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/campaign_score.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/label.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static kr_status read_keys(kr_context *ctx, kr_campaign *m, kr_scored_set *s) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    KR_NEW(ctx, s->key, (size_t)s->set.n + 1);
    KR_NEW(ctx, s->certificate, (size_t)s->set.n + 1);
    for (long k = 0; k < s->set.n; k++) {
        KR_TRY(kr_db_query(ctx, m->db, &rows, "SELECT key, role FROM label WHERE frame = ? AND hidden = 0", "i",
                           s->set.row[k].id));
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) KR_FAIL(ctx, KR_ERR_FORMAT, "frame %" PRId64 " has no label", s->set.row[k].id);
        snprintf(s->key[k], sizeof s->key[k], "%s", kr_rows_text(rows, 0));
        s->certificate[k] = strcmp(kr_rows_text(rows, 1), "certificate") == 0;
        kr_rows_destroy(&rows);
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

static kr_status attach_labels(kr_context *ctx, kr_campaign *m, kr_scored_set *s) {
    kr_status status = KR_OK;
    kr_frames frames = {0};
    kr_builder builder = {0};
    kr_frame frame;
    long n = 0;
    int index;
    KR_TRY(kr_dataset_create(ctx, &s->labelled));
    KR_TRY(kr_builder_begin(ctx, "labelled", 0, &builder));
    for (int i = 0; i < m->config.nelements; i++) /* the same type map everywhere */
        KR_TRY(kr_names_add(ctx, &builder.names, m->config.element[i], strlen(m->config.element[i]), &index));
    KR_TRY(kr_frames_begin(ctx, s->set.data, &frames));
    const kr_label_frame label = {&frame, (const char *const *)frames.names.name};
    for (int k = 0; k < s->set.data->nsystems; k++)
        for (int f = 0; f < s->set.data->system[k]->nframes; f++) {
            KR_TRY(kr_frames_get(ctx, &frames, k, f, &frame));
            KR_TRY(kr_label_build(ctx, &m->store, s->key[n++], &label, &builder));
        }
    KR_TRY(kr_builder_finish(ctx, &builder, s->labelled));
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_builder_clear(&builder);
    return status;
}

static kr_status score_frames(kr_context *ctx, kr_campaign *m, kr_scored_set *s) {
    kr_status status = KR_OK;
    kr_potential *potential = NULL;
    kr_novelty *novelty = NULL;
    int *run = NULL, *cell = NULL;
    KR_NEW(ctx, s->scored, (size_t)s->set.n + 1);
    KR_NEW(ctx, run, (size_t)s->set.n + 1);
    KR_NEW(ctx, cell, (size_t)s->set.n + 1);
    for (long k = 0; k < s->set.n; k++) {
        run[k] = (int)s->set.row[k].run;
        cell[k] = s->set.row[k].cell;
    }
    KR_TRY(kr_campaign_potential(ctx, m, KR_ALL_MODELS, &potential, &novelty));
    KR_TRY(kr_novelty_score(ctx, potential, novelty, 0, s->labelled, run, cell, s->scored));
done:
    kr_novelty_destroy(&novelty);
    kr_potential_destroy(&potential);
    kr_free(run);
    kr_free(cell);
    return status;
}

kr_status kr_scored_set_read(kr_context *ctx, kr_campaign *m, const char *where, int score, kr_scored_set *s) {
    kr_status status = KR_OK;
    char condition[600];
    memset(s, 0, sizeof *s);
    snprintf(condition, sizeof condition,
             "(%s) AND EXISTS (SELECT 1 FROM label l WHERE l.frame = f.id AND l.hidden = 0)", where);
    KR_TRY(kr_frame_set_read(ctx, m, condition, &s->set));
    KR_TRY(read_keys(ctx, m, s));
    KR_TRY(attach_labels(ctx, m, s));
    if (score && s->set.n && !m->bootstrap) KR_TRY(score_frames(ctx, m, s));
done:
    if (status != KR_OK) kr_scored_set_free(s);
    return status;
}

void kr_scored_set_free(kr_scored_set *s) {
    kr_frame_set_free(&s->set);
    kr_dataset_destroy(&s->labelled);
    kr_free(s->key);
    kr_free(s->certificate);
    kr_free(s->scored);
    memset(s, 0, sizeof *s);
}

double kr_scored_rmse(long n, const kr_scored *scored) {
    double sum = 0, count = 0;
    for (long k = 0; k < n; k++) {
        sum += scored[k].f2;
        count += 3.0 * scored[k].natoms;
    }
    return count > 0 ? sqrt(sum / count) : NAN;
}
