/* Stage explore: runs of the current models, one task each.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/campaign.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct run {
    char key[65], folder[64]; /* relative to the campaign's: iter.000000/01.explore/run.SSS.NNNNNN */
    int cell, replica;
    uint64_t seed;
} run;

typedef struct exploring {
    kr_campaign *m;
    int nmodels, nruns;
    char **models, *novelty;
    run *run; /* [nruns] */
    kr_string command;
    kr_explore_result last; /* of collect, for record */
} exploring;

static void clear(kr_campaign *m) {
    exploring *e = m->state;
    if (!e) return;
    if (e->models) kr_names_free(e->nmodels, e->models);
    kr_free(e->run);
    kr_free(e->novelty);
    kr_free(e->command.data);
    kr_free(e);
    m->state = NULL;
}

/* ---- one run ---- */

/* What a spec borrows. */
typedef struct start {
    kr_dataset *last; /* owned: of the run before */
    kr_frames frames;
    int *type;
} start;

static void start_clear(start *s) {
    if (s->frames.dataset) kr_frames_clear(&s->frames);
    kr_dataset_destroy(&s->last);
    kr_free(s->type);
    memset(s, 0, sizeof *s);
}

/* The last good frame of the same cell and replica in the iteration before, in s->last; NULL: there is none. */
static kr_status read_last(kr_context *ctx, const kr_campaign *m, const run *r, start *s) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    char *path = NULL;
    int more;
    if (!m->config.explore.from_last || m->final) return KR_OK;
    KR_TRY(kr_db_query(ctx, m->db, &rows,
                       "SELECT path FROM run WHERE iteration = ? AND cell = ? AND replica = ? AND hidden = 0", "iii",
                       (int64_t)m->iteration - 1, (int64_t)r->cell, (int64_t)r->replica));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (!more) goto done;
    path = kr_strprintf(ctx, "%s/%s/%s", m->folder, kr_rows_text(rows, 0), KR_EXPLORE_LAST_GOOD);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (kr_file_exists(path)) KR_TRY(kr_dataset_read(ctx, path, "extxyz", 0, NULL, &s->last));
done:
    kr_rows_destroy(&rows);
    kr_free(path);
    return status;
}

/* Types become those of the models. */
static kr_status start_frame(kr_context *ctx, const kr_campaign *m, const run *r, start *s, kr_frame *frame) {
    kr_status status = KR_OK;
    const kr_config *c = &m->config;
    const kr_config_system *system = &c->system[m->cell[r->cell].system];
    long which = kr_plan_start(m, r->cell, r->replica);
    int k = 0;
    memset(s, 0, sizeof *s);
    KR_TRY(read_last(ctx, m, r, s));
    if (s->last) which = 0;
    while (!s->last && which >= system->starts->system[k]->nframes) which -= system->starts->system[k++]->nframes;
    KR_TRY(kr_frames_begin(ctx, s->last ? s->last : system->starts, &s->frames));
    KR_TRY(kr_frames_get(ctx, &s->frames, k, (int)which, frame));
    KR_NEW(ctx, s->type, (size_t)frame->natoms + 1);
    for (int i = 0; i < frame->natoms; i++) {
        const char *name = s->frames.names.name[frame->type[i]];
        int t = kr_config_element(c, name);
        if (t < 0)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "explore.systems, %s: the element %s is not in campaign.elements",
                    system->name, name);
        s->type[i] = t;
    }
    frame->type = s->type;
done:
    if (status < 0) start_clear(s);
    return status;
}

/* The levels inside a run decide what it writes. Adaptive levels are found afterwards, so the run keeps more; for a
 * certificate all frames are alike. */
static void run_levels(const kr_campaign *m, kr_explore_spec *spec) {
    int adaptive = m->config.examine.levels == KR_LEVELS_DPGEN || m->config.examine.levels == KR_LEVELS_DPGEN2;
    spec->f_lo = m->levels.f_lo;
    spec->f_hi = m->levels.f_hi;
    spec->v_lo = m->levels.v_lo;
    spec->v_hi = m->levels.v_hi;
    if (adaptive) spec->f_lo = m->iteration ? 0.5 * spec->f_lo : 0;
    if (m->final) spec->f_lo = spec->f_hi = spec->v_lo = spec->v_hi = INFINITY;
}

static kr_status make_spec(kr_context *ctx, const exploring *e, const run *r, start *s, kr_explore_spec *spec) {
    kr_status status = KR_OK;
    const kr_campaign *m = e->m;
    const kr_config_explore *o = &m->config.explore;
    const kr_cell *cell = &m->cell[r->cell];
    const kr_config_stage *stage = &m->config.stage[cell->stage];
    kr_explore_defaults(spec);
    KR_TRY(start_frame(ctx, m, r, s, &spec->frame));
    spec->nmodels = e->nmodels;
    spec->models = (const char *const *)e->models;
    spec->novelty = e->novelty;
    spec->driver = o->driver ? r->replica % e->nmodels : 0;
    spec->ntypes = m->config.nelements;
    spec->names = m->config.element;
    spec->ensemble = (kr_ensemble)stage->ensemble;
    memcpy(spec->T_K, cell->T.value, sizeof spec->T_K);
    memcpy(spec->P_GPa, cell->P.value, sizeof spec->P_GPa);
    spec->dt_fs = stage->dt_fs;
    spec->steps = stage->steps;
    double first = 1000 * o->first_ps / stage->dt_fs; /* the first models are bad: short runs */
    if (m->first && (double)spec->steps > first) spec->steps = (int64_t)fmax(first, stage->sample_every);
    spec->sample_every = stage->sample_every;
    spec->seed = r->seed;
    run_levels(m, spec);
    spec->reservoir = o->reservoir;
    spec->correlation_ps = o->correlation_ps;
    spec->stop = o->stop;
    spec->closest = m->config.select.distance; /* what the selection would refuse is no candidate */
    spec->mc_swap = stage->mc_swap;
done:
    return status;
}

static kr_status make_run(kr_context *ctx, exploring *e, int cell, int replica) {
    kr_status status = KR_OK;
    kr_campaign *m = e->m;
    run *r = &e->run[e->nruns];
    uint64_t word[4];
    start s = {0};
    kr_explore_spec spec;
    *r = (run){.cell = cell, .replica = replica};
    kr_random_words(kr_campaign_stream(m, KR_RANDOM_EXPLORE), (uint64_t)m->iteration, (uint64_t)cell, (uint64_t)replica,
                    word);
    r->seed = word[0] & 0x3fffffff;
    snprintf(r->folder, sizeof r->folder, "iter.%06d/01.explore/run.%03d.%06d", m->iteration, m->cell[cell].system,
             e->nruns);
    KR_TRY(make_spec(ctx, e, r, &s, &spec));
    KR_TRY(kr_explorer_key(ctx, m->explorer, &spec, r->key));
    e->nruns++;
done:
    start_clear(&s);
    return status;
}

/* Frames of one run are alike: for a certificate there are enough runs that each gives about two frames, or one where
 * it is shorter than two correlation times. */
static int runs_of(const kr_campaign *m, int cell) {
    const kr_config_stage *stage = &m->config.stage[m->cell[cell].stage];
    double ps = (double)stage->steps * stage->dt_fs / 1000;
    long share = (ps >= 2 * m->config.explore.correlation_ps ? 2L : 1L) * m->ncells;
    long wanted = m->final ? (m->wanted + share - 1) / share : 0;
    return wanted > stage->replicas ? (int)wanted : stage->replicas;
}

static kr_status make_runs(kr_context *ctx, exploring *e) {
    kr_status status = KR_OK;
    kr_campaign *m = e->m;
    size_t room = 0;
    for (int k = 0; k < m->ncells; k++) room += (size_t)runs_of(m, k);
    KR_NEW(ctx, e->run, room + 1);
    for (int k = 0; k < m->ncells; k++) {
        if (!m->final && m->cell[k].opening != m->opening) continue;
        for (int r = 0; r < runs_of(m, k); r++) KR_TRY(make_run(ctx, e, k, r));
    }
done:
    return status;
}

/* ---- tasks ---- */

static run *find_run(const exploring *e, const char *key) {
    for (int k = 0; k < e->nruns; k++)
        if (!strcmp(e->run[k].key, key)) return &e->run[k];
    return NULL;
}

static kr_status prepare(kr_context *ctx, void *payload, const kr_task *task, const char *folder, kr_command *command) {
    exploring *e = payload;
    kr_status status = KR_OK;
    const run *r = find_run(e, task->key);
    char *previous = NULL;
    start s = {0};
    kr_explore_spec spec;
    if (!r) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the run belongs to another iteration or another input");
    KR_TRY(make_spec(ctx, e, r, &s, &spec));
    KR_TRY(kr_campaign_previous(ctx, e->m, task, folder, &previous));
    spec.previous = previous;
    e->command.length = 0;
    KR_TRY(kr_explorer_prepare(ctx, e->m->explorer, &spec, folder, &e->command));
    command->line = e->command.data;
done:
    start_clear(&s);
    kr_free(previous);
    return status;
}

/* The files of a run under its name in the iteration, by one rename. */
static kr_status publish(kr_context *ctx, const exploring *e, const run *r, const char *folder) {
    static const char *const kept[] = {KR_EXPLORE_CANDIDATES, KR_EXPLORE_ACCURATE, KR_EXPLORE_FAILED,
                                       KR_EXPLORE_LAST_GOOD,  KR_EXPLORE_SUMMARY,  KR_EXPLORE_DEVIATIONS,
                                       "in.lammps",           "conf.lmp",          "log.lammps"};
    kr_status status = KR_OK;
    kr_folder_writer writer = {0};
    char *target = kr_path_join(ctx, e->m->folder, r->folder), *above = NULL, *source = NULL, *text = NULL;
    size_t length;
    if (!target) return KR_ERR_MEMORY;
    above = kr_strprintf(ctx, "%.*s", (int)(strrchr(target, '/') - target), target);
    if (!above) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_campaign_make_folder(ctx, above));
    KR_TRY(kr_folder_begin(ctx, target, 1, &writer));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        source = kr_path_join(ctx, folder, kept[i]);
        if (!source) KR_TRY(KR_ERR_MEMORY);
        if (kr_file_exists(source)) {
            KR_TRY(kr_file_read(ctx, source, &text, &length));
            KR_TRY(kr_file_write(ctx, writer.temporary, kept[i], text, length));
        }
        kr_free(text);
        kr_free(source);
        text = source = NULL;
    }
    KR_TRY(kr_file_write(ctx, writer.temporary, "key", r->key, strlen(r->key)));
    KR_TRY(kr_folder_commit(ctx, &writer));
done:
    kr_folder_abandon(&writer);
    kr_free(text);
    kr_free(source);
    kr_free(above);
    kr_free(target);
    return status;
}

static kr_status collect(kr_context *ctx, void *payload, const kr_task *task, const char *folder, const kr_usage *usage,
                         kr_outcome *outcome, char message[256]) {
    exploring *e = payload;
    kr_status status = KR_OK;
    const run *r = find_run(e, task->key);
    if (!r) {
        *outcome = KR_OUTCOME_BAD_INPUT;
        snprintf(message, 256, "the run belongs to another iteration or another input");
        return KR_OK;
    }
    KR_TRY(kr_explorer_read(ctx, e->m->explorer, folder, usage, &e->last));
    *outcome = e->last.outcome;
    snprintf(message, 256, "%s", e->last.message);
    if (*outcome == KR_OUTCOME_DONE) KR_TRY(publish(ctx, e, r, folder));
done:
    return status;
}

static kr_status put_histogram(kr_context *ctx, const kr_watch_counts *counts, kr_string *text) {
    kr_status status = kr_string_puts(ctx, text, "[");
    for (int b = 0; b < KR_WATCH_BINS && status == KR_OK; b++)
        status = kr_string_printf(ctx, text, "%s%lld", b ? "," : "", (long long)counts->histogram[b]);
    return status == KR_OK ? kr_string_puts(ctx, text, "]") : status;
}

static kr_status record_run(kr_context *ctx, void *payload, kr_ledger *ledger, const kr_task *task) {
    const exploring *e = payload;
    const run *r = find_run(e, task->key);
    const kr_cell *cell = &e->m->cell[r->cell];
    const kr_explore_result *x = &e->last;
    const kr_config_stage *stage = &e->m->config.stage[cell->stage];
    kr_string histogram = {0};
    kr_status status = KR_OK;
    KR_TRY(put_histogram(ctx, &x->counts, &histogram));
    KR_TRY(kr_db_run(ctx, kr_ledger_db(ledger), "DELETE FROM run WHERE key = ? AND iteration = ?", "si", r->key,
                     (int64_t)e->m->iteration));
    KR_TRY(kr_db_run(ctx, kr_ledger_db(ledger),
                     "INSERT INTO run(key, iteration, cell, system, T_K, P_GPa, replica, state, end_reason, steps, "
                     "step_ps, sampled, n_accurate, n_candidate, n_failed, histogram, path) "
                     "VALUES(?, ?, ?, ?, ?, ?, ?, 'done', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     "siiirrisiriiiiss", r->key, (int64_t)e->m->iteration, (int64_t)r->cell, (int64_t)cell->system,
                     cell->T.value[1], cell->P.value[1], (int64_t)r->replica, kr_end_word(x->end), x->steps,
                     stage->dt_fs / 1000, x->counts.sampled, x->counts.by_class[KR_CLASS_ACCURATE],
                     x->counts.by_class[KR_CLASS_CANDIDATE], x->counts.by_class[KR_CLASS_FAILED], histogram.data,
                     r->folder));
done:
    kr_free(histogram.data);
    return status;
}

/* Neighbours that the models do not see are no matter of new data alone: told before the fractions. */
static kr_status tell_overflow(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    KR_TRY(kr_db_query(
        ctx, m->db, &rows,
        "SELECT count(DISTINCT t.id), a.message FROM attempt a JOIN task t ON t.id = a.task WHERE t.kind "
        "= 'explore' AND t.iteration = ? AND a.class = 'done' AND a.message LIKE '%" KR_EXPLORE_OVERFLOW "%'",
        "i", (int64_t)m->iteration));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (!more || !kr_rows_int(rows, 0)) goto done;
    const char *text = strstr(kr_rows_text(rows, 1), KR_EXPLORE_OVERFLOW);
    kr_campaign_say(m, "    in %" PRId64 " runs, in one of them %s", kr_rows_int(rows, 0), text);
    KR_TRY(kr_ledger_event(ctx, m->ledger, "sel", "iteration %d: in %" PRId64 " runs, in one of them %s", m->iteration,
                           kr_rows_int(rows, 0), text));
done:
    kr_rows_destroy(&rows);
    return status;
}

/* ---- the stage ---- */

/* All runs of the iteration are hidden when the plan is made. One that is in it and was done, before a rollback
 * perhaps, counts again when its folder still holds it; otherwise it is done again. */
static kr_status add_task(kr_context *ctx, const exploring *e, const run *r) {
    kr_status status = KR_OK;
    kr_db *db = e->m->db;
    int64_t id, row;
    int same;
    KR_TRY(kr_ledger_add_task(ctx, e->m->ledger, "explore", r->key, e->m->iteration, 0, &id, NULL));
    KR_TRY(kr_db_int(ctx, db, &row, "SELECT max(id) FROM run WHERE key = ? AND path = ?", "ss", r->key, r->folder));
    KR_TRY(kr_campaign_has_key(ctx, e->m, r->folder, "key", r->key, &same));
    if (row && same)
        KR_TRY(kr_db_run(ctx, db, "UPDATE run SET hidden = 0 WHERE id = ?", "i", row));
    else
        KR_TRY(kr_db_run(ctx, db, "UPDATE task SET state = 'new' WHERE id = ? AND state = 'done'", "i", id));
done:
    return status;
}

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    exploring *e = NULL;
    if (m->bootstrap) return kr_bootstrap_work(ctx, m);
    KR_NEW(ctx, e, 1);
    m->state = e;
    e->m = m;
    KR_TRY(kr_campaign_models(ctx, m, m->iteration, &e->nmodels, &e->models));
    e->novelty = kr_campaign_novelty(ctx, m, e->models[0]);
    KR_TRY(make_runs(ctx, e));
    kr_campaign_say(m, "  explore: %d runs, levels %.4g and %.4g%s", e->nruns, m->levels.f_lo, m->levels.f_hi,
                    m->config.examine.method == KR_NOVELTY_MAXVOL ? "" : " eV/A");
    KR_TRY(kr_db_begin(ctx, m->db));
    status = kr_ledger_plan(ctx, m->ledger, "explore");
    if (status == KR_OK) /* the input may be another one than when they were done */
        status = kr_db_run(ctx, m->db, "UPDATE run SET hidden = 1 WHERE iteration = ?", "i", (int64_t)m->iteration);
    for (int k = 0; k < e->nruns && status == KR_OK; k++) status = add_task(ctx, e, &e->run[k]);
    KR_TRY(kr_db_end(ctx, m->db, status));
    const kr_work queue = {"explore", e, prepare, collect, record_run, NULL};
    KR_TRY(kr_campaign_queue(ctx, m, KR_CONFIG_EXPLORE, &queue));
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    return m->bootstrap ? kr_bootstrap_record(ctx, m) : tell_overflow(ctx, m);
}

const kr_stage_kind kr_stage_explore = {"explore", work, record, NULL, clear};
