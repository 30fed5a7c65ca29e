/* Stage examine: the class of every sampled frame, fractions by cell, and the frames that can be chosen from.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The runs have counted their samples by class and kept all candidates, a random sample of the accurate and a few of
 * the failed ones. Adaptive levels (DP-GEN's) are found here, from the deviations of all samples. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "eelt/structure.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct run_row {
    int64_t id, count[3]; /* count: accurate, candidate, failed */
    int cell;
    char path[128];
} run_row;

typedef struct frame_row {
    int64_t run;
    char hash[65], file[160];
    int place;
    kr_explored info;
} frame_row;

typedef struct examining {
    kr_campaign *m;
    int nruns;
    run_row *run;
    long nframes;
    size_t room;
    frame_row *frame;
    kr_cell_count *count; /* [ncells + 1] */
    kr_levels levels;
} examining;

static void clear(kr_campaign *m) {
    examining *x = m->state;
    if (!x) return;
    kr_free(x->run);
    kr_free(x->frame);
    kr_free(x->count);
    kr_free(x);
    m->state = NULL;
}

static kr_status read_runs(kr_context *ctx, examining *x) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int64_t n;
    int more = 1;
    KR_TRY(kr_db_int(ctx, x->m->db, &n, "SELECT count(*) FROM run WHERE iteration = ? AND hidden = 0", "i",
                     (int64_t)x->m->iteration));
    KR_NEW(ctx, x->run, (size_t)n + 1);
    KR_TRY(kr_db_query(ctx, x->m->db, &rows,
                       "SELECT id, cell, n_accurate, n_candidate, n_failed, path FROM run WHERE iteration = ? AND "
                       "hidden = 0 ORDER BY path",
                       "i", (int64_t)x->m->iteration));
    while (x->nruns < n) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        run_row *r = &x->run[x->nruns++];
        r->id = kr_rows_int(rows, 0);
        r->cell = (int)kr_rows_int(rows, 1);
        for (int c = 0; c < 3; c++) r->count[c] = kr_rows_int(rows, 2 + c);
        snprintf(r->path, sizeof r->path, "%s", kr_rows_text(rows, 5));
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

/* ---- fractions ---- */

/* Samples as the counts of the runs tell them. */
static kr_status counted_samples(kr_context *ctx, const examining *x, long *n, kr_sample **samples,
                                 kr_class **classes) {
    static const kr_class by_count[3] = {KR_CLASS_ACCURATE, KR_CLASS_CANDIDATE, KR_CLASS_FAILED};
    kr_status status = KR_OK;
    *n = 0;
    for (int r = 0; r < x->nruns; r++)
        for (int c = 0; c < 3; c++) *n += (long)x->run[r].count[c];
    KR_NEW(ctx, *samples, (size_t)*n + 1);
    KR_NEW(ctx, *classes, (size_t)*n + 1);
    long k = 0;
    for (int r = 0; r < x->nruns; r++)
        for (int c = 0; c < 3; c++)
            for (int64_t i = 0; i < x->run[r].count[c]; i++, k++) {
                (*samples)[k].run = r;
                (*samples)[k].cell = x->run[r].cell;
                (*classes)[k] = by_count[c];
            }
done:
    return status;
}

/* Samples with their deviations, from all model_devi.out. */
static kr_status all_samples(kr_context *ctx, const examining *x, long *n, kr_sample **samples) {
    kr_status status = KR_OK;
    kr_sample *part = NULL;
    char *path = NULL;
    long count;
    *n = 0;
    for (int r = 0; r < x->nruns; r++) {
        path = kr_strprintf(ctx, "%s/%s/%s", x->m->folder, x->run[r].path, KR_EXPLORE_DEVIATIONS);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_devi_samples_read(ctx, path, r, x->run[r].cell, &count, &part));
        kr_sample *larger = kr_realloc(ctx, *samples, (size_t)*n, (size_t)(*n + count) + 1, sizeof *larger);
        if (!larger) KR_TRY(KR_ERR_MEMORY);
        *samples = larger;
        memcpy(larger + *n, part, (size_t)count * sizeof *part);
        *n += count;
        kr_devi_samples_free(&part);
        kr_free(path);
        path = NULL;
    }
done:
    kr_devi_samples_free(&part);
    kr_free(path);
    return status;
}

/* Are classes found here, not in the runs? */
static int by_samples(const kr_config_examine *e) {
    return e->levels == KR_LEVELS_DPGEN || e->levels == KR_LEVELS_DPGEN2 || e->rule == KR_CLASS_RULE_DPGEN ||
           e->skip_steps > 0;
}

static kr_status count_cells(kr_context *ctx, examining *x) {
    kr_status status = KR_OK;
    const kr_config_examine *e = &x->m->config.examine;
    kr_sample *samples = NULL;
    kr_class *classes = NULL;
    long n;
    KR_NEW(ctx, x->count, (size_t)x->m->ncells + 1);
    x->levels = x->m->levels;
    if (by_samples(e) && !x->m->bootstrap && !x->m->final) {
        KR_TRY(all_samples(ctx, x, &n, &samples));
        KR_NEW(ctx, classes, (size_t)n + 1);
        if (e->levels == KR_LEVELS_DPGEN || e->levels == KR_LEVELS_DPGEN2)
            KR_TRY(kr_levels_adapt(ctx, e->levels == KR_LEVELS_DPGEN ? &kr_adapt_dpgen : &kr_adapt_dpgen2,
                                   (long)e->skip_steps, n, samples, &x->levels, classes));
        else
            KR_TRY(kr_classify(ctx, (kr_class_rule)e->rule, &x->levels, (long)e->skip_steps, n, samples, classes));
    } else {
        KR_TRY(counted_samples(ctx, x, &n, &samples, &classes));
    }
    KR_TRY(kr_count_classes(ctx, n, samples, classes, x->m->ncells, x->count));
done:
    kr_free(samples);
    kr_free(classes);
    return status;
}

/* ---- frames ---- */

/* The class by the levels found here, where they differ from those of the run. */
static void classify_frame(const examining *x, kr_explored *info) {
    const kr_deviation *d = &info->deviation;
    if (info->frame_class == KR_CLASS_FAILED || x->m->final || x->m->bootstrap || !by_samples(&x->m->config.examine))
        return;
    if (info->step < x->m->config.examine.skip_steps)
        info->frame_class = KR_CLASS_SKIPPED;
    else if (d->max_f >= x->levels.f_lo || d->max_v >= x->levels.v_lo)
        info->frame_class = KR_CLASS_CANDIDATE;
    else
        info->frame_class = KR_CLASS_ACCURATE;
}

static kr_status add_frame(kr_context *ctx, examining *x, const run_row *run, const char *name, int place,
                           const kr_explored *info, const kr_frame *frame, const char *const *names) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    if ((size_t)x->nframes == x->room) {
        frame_row *larger = kr_realloc(ctx, x->frame, x->room, 2 * x->room + 64, sizeof *larger);
        if (!larger) return KR_ERR_MEMORY;
        x->frame = larger;
        x->room = 2 * x->room + 64;
    }
    frame_row *f = &x->frame[x->nframes];
    KR_TRY(kr_digest_create(ctx, &digest));
    KR_TRY(kr_structure_digest(ctx, frame, names, digest));
    *f = (frame_row){.run = run->id, .place = place, .info = *info};
    kr_digest_end(digest, f->hash);
    snprintf(f->file, sizeof f->file, "%s/%s", run->path, name);
    classify_frame(x, &f->info);
    x->nframes++;
done:
    kr_digest_destroy(&digest);
    return status;
}

static kr_status read_frames(kr_context *ctx, examining *x, const run_row *run, const char *name) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL;
    kr_explored *info = NULL;
    kr_frames frames = {0};
    kr_frame frame;
    int n, place = 0;
    char *folder = kr_path_join(ctx, x->m->folder, run->path);
    if (!folder) return KR_ERR_MEMORY;
    KR_TRY(kr_explored_read(ctx, folder, name, &data, &n, &info));
    if (!n) goto done;
    KR_TRY(kr_frames_begin(ctx, data, &frames));
    for (int s = 0; s < data->nsystems; s++)
        for (int k = 0; k < data->system[s]->nframes; k++, place++) {
            KR_TRY(kr_frames_get(ctx, &frames, s, k, &frame));
            KR_TRY(add_frame(ctx, x, run, name, place, &info[place], &frame, (const char *const *)frames.names.name));
        }
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_dataset_destroy(&data);
    kr_free(info);
    kr_free(folder);
    return status;
}

/* ---- the stage ---- */

static void say_fractions(const examining *x) {
    const kr_cell_count *all = &x->count[x->m->ncells];
    if (!all->total) {
        kr_campaign_say(x->m, "  examine: no samples: no run came to its first one");
        return;
    }
    kr_campaign_say(x->m, "  examine: %ld samples: %.2f %% accurate, %.2f %% candidates, %.2f %% failed", all->total,
                    100 * all->fraction[KR_CLASS_ACCURATE], 100 * all->fraction[KR_CLASS_CANDIDATE],
                    100 * all->fraction[KR_CLASS_FAILED]);
}

static kr_status work(kr_context *ctx, kr_campaign *m) {
    static const char *const files[] = {KR_EXPLORE_CANDIDATES, KR_EXPLORE_ACCURATE, KR_EXPLORE_FAILED};
    kr_status status = KR_OK;
    examining *x = NULL;
    KR_NEW(ctx, x, 1);
    m->state = x;
    x->m = m;
    KR_TRY(read_runs(ctx, x));
    KR_TRY(count_cells(ctx, x));
    for (int r = 0; r < x->nruns; r++)
        for (int k = 0; k < 3; k++) KR_TRY(read_frames(ctx, x, &x->run[r], files[k]));
    if (!m->bootstrap) say_fractions(x);
done:
    return status;
}

static kr_status record_cell(kr_context *ctx, kr_campaign *m, const char *scope, const kr_cell_count *c) {
    kr_status status = KR_OK;
    for (int k = 0; k <= KR_CLASS_FAILED; k++)
        KR_TRY(kr_campaign_metric(ctx, m, scope, kr_class_word((kr_class)k), c->fraction[k], c->low[k], c->high[k]));
    KR_TRY(kr_campaign_metric(ctx, m, scope, "samples", (double)c->total, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, scope, "runs", c->runs, NAN, NAN));
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const examining *x = m->state;
    for (long k = 0; k < x->nframes; k++) {
        const frame_row *f = &x->frame[k];
        KR_TRY(kr_db_run(ctx, m->db,
                         "INSERT INTO frame(hash, run, step, dev_f, dev_v, class, file, place, weight) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "siirrssir", f->hash, f->run, f->info.step, f->info.deviation.max_f, f->info.deviation.max_v,
                         kr_class_word(f->info.frame_class), f->file, (int64_t)f->place, f->info.weight));
    }
    for (int k = 0; k < m->ncells; k++)
        if (x->count[k].total) KR_TRY(record_cell(ctx, m, m->cell[k].name, &x->count[k]));
    if (x->count[m->ncells].total) KR_TRY(record_cell(ctx, m, "all", &x->count[m->ncells]));
    for (int k = 0; m->iteration == 0 && k < m->config.nsystems; k++) /* names of the numbers, for the report */
        KR_TRY(kr_campaign_metric(ctx, m, "system", m->config.system[k].name, k, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "levels", "f_lo", x->levels.f_lo, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "levels", "f_hi", x->levels.f_hi, NAN, NAN));
done:
    return status;
}

const kr_stage_kind kr_stage_examine = {"examine", work, record, NULL, clear};
