/* Elements without data: start structures, shaken and strained, are the first candidates.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Models know nothing of an element that no labelled frame has: runs with it fail at their first step, so nothing would
 * be found. Before such systems are explored, at the beginning of a campaign or when their part of the window opens, an
 * iteration labels them and does nothing else; the next one trains from the beginning.
 * For each of them `explore.bootstrap.frames` copies of its start structures in turn: the cell
 * strained by symmetric normal random numbers of deviation `strain`, x → (1 + ε) x, and every atom moved by normal
 * random numbers of deviation `rattle_A` along each axis. The first copy of a start structure stays as it is. They are
 * written as runs of no length, so that all stages after exploration work as always. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/campaign.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void run_path(const kr_campaign *m, int system, char path[64]) {
    snprintf(path, 64, "iter.%06d/01.explore/run.%03d.000000", m->iteration, system);
}

/* Copy number `copy` of a frame, in place. */
static void shake(const kr_campaign *m, int system, long copy, int periodic, int natoms, double *x, double box[9]) {
    const kr_stream stream = kr_campaign_stream(m, KR_RANDOM_START);
    const uint64_t entity = (uint64_t)system << 32 | (uint64_t)copy;
    double normal[8], deformation[9];
    static const int voigt[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    kr_random_normal(stream, 0, entity, 0, normal);
    kr_random_normal(stream, 0, entity, 1, normal + 4);
    for (int k = 0; k < 9; k++)
        deformation[k] = (k % 4 == 0) + (periodic ? m->config.bootstrap.strain * normal[voigt[k]] : 0);
    for (int row = 0; row < natoms + 3; row++) {
        double *v = row < natoms ? x + 3 * row : box + 3 * (row - natoms), old[3] = {v[0], v[1], v[2]};
        for (int a = 0; a < 3; a++)
            v[a] = deformation[3 * a] * old[0] + deformation[3 * a + 1] * old[1] + deformation[3 * a + 2] * old[2];
    }
    for (int i = 0; i < natoms; i++) {
        kr_random_normal(stream, 1 + (uint64_t)i, entity, 0, normal);
        for (int a = 0; a < 3; a++) x[3 * i + a] += m->config.bootstrap.rattle * normal[a];
    }
}

static kr_status take(kr_context *ctx, kr_watch *watch, const kr_campaign *m, int system, long copy) {
    kr_status status = KR_OK;
    const kr_config_system *s = &m->config.system[system];
    const kr_system *from = NULL;
    kr_frames frames = {0};
    kr_frame frame;
    kr_watch_verdict verdict;
    int *type = NULL, k = 0;
    double *x = NULL;
    long which = copy % s->nstarts;
    while (which >= s->starts->system[k]->nframes) which -= s->starts->system[k++]->nframes;
    from = s->starts->system[k];
    KR_TRY(kr_frames_begin(ctx, s->starts, &frames));
    KR_TRY(kr_frames_get(ctx, &frames, k, (int)which, &frame));
    KR_NEW(ctx, type, (size_t)from->natoms + 1);
    KR_NEW(ctx, x, 3 * (size_t)from->natoms + 1);
    for (int i = 0; i < frame.natoms; i++) type[i] = kr_config_element(&m->config, frames.names.name[frame.type[i]]);
    memcpy(x, frame.coord, 3 * (size_t)frame.natoms * sizeof *x);
    if (copy >= s->nstarts) shake(m, system, copy, kr_box_volume(frame.box) > 0, frame.natoms, x, frame.box);
    const kr_watch_sample sample = {.step = copy,
                                    .natoms = frame.natoms,
                                    .type = type,
                                    .x = x,
                                    .box = kr_box_volume(frame.box) > 0 ? frame.box : NULL,
                                    .pbc = frame.pbc};
    KR_TRY(kr_watch_take(ctx, watch, &sample, &verdict));
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_free(type);
    kr_free(x);
    return status;
}

static kr_status make_run(kr_context *ctx, const kr_campaign *m, int system) {
    kr_status status = KR_OK;
    kr_folder_writer writer = {0};
    kr_watch *watch = NULL;
    kr_watch_options options;
    char name[64], *path = NULL, *above = kr_campaign_path(ctx, m, m->iteration, "01.explore");
    long copies = m->config.bootstrap.frames;
    run_path(m, system, name);
    path = kr_path_join(ctx, m->folder, name);
    if (!path || !above) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_campaign_make_folder(ctx, above));
    KR_TRY(kr_folder_begin(ctx, path, 1, &writer));
    kr_watch_defaults(&options);
    options.folder = writer.temporary;
    options.f_lo = 0; /* everything is a candidate */
    options.stop = 0;
    options.volume_factor = 0;
    KR_TRY(kr_watch_create(ctx, &options, m->config.nelements, m->config.element, &watch));
    KR_TRY(kr_watch_begin(ctx, watch));
    for (long k = 0; k < copies; k++) KR_TRY(take(ctx, watch, m, system, k));
    KR_TRY(kr_watch_end(ctx, watch, copies, KR_END_FINISHED));
    kr_watch_destroy(&watch);
    KR_TRY(kr_folder_commit(ctx, &writer));
done:
    kr_watch_destroy(&watch);
    kr_folder_abandon(&writer);
    kr_free(above);
    kr_free(path);
    return status;
}

/* The first open cell of a system, −1 when there is none. */
static int cell_of(const kr_campaign *m, int system) {
    for (int k = 0; k < m->ncells; k++)
        if (m->cell[k].system == system && m->cell[k].opening == m->opening) return k;
    return -1;
}

/* ---- which systems ---- */

/* Elements that atoms of the data have; known [nelements]. */
static void mark_elements(const kr_config *c, const kr_dataset *data, unsigned char *known) {
    for (int s = 0; s < data->nsystems; s++) {
        const kr_system *system = data->system[s];
        size_t n = (size_t)system->natoms * (size_t)(system->mixed ? system->nframes : 1);
        for (size_t i = 0; i < n && system->ntypes; i++) {
            int e = system->type[i] < 0 ? -1 : kr_config_element(c, system->type_map[system->type[i]]);
            if (e >= 0) known[e] = 1;
        }
    }
}

static kr_status known_elements(kr_context *ctx, const kr_campaign *m, unsigned char *known) {
    kr_status status = KR_OK;
    kr_data_list list = {0};
    kr_dataset *data = NULL;
    KR_TRY(kr_data_list_make(ctx, m, &list));
    KR_TRY(kr_data_list_read(ctx, m, &list, &data));
    mark_elements(&m->config, data, known);
done:
    kr_dataset_destroy(&data);
    kr_data_list_free(&list);
    return status;
}

/* Start structures were labelled in an earlier iteration; in vain perhaps, but not again. */
static kr_status was_shaken(kr_context *ctx, const kr_campaign *m, int system, int *was) {
    int64_t n = 0;
    kr_status status = kr_db_int(
        ctx, m->db, &n, "SELECT count(*) FROM run WHERE key IS NULL AND system = ? AND iteration < ? AND hidden = 0",
        "ii", (int64_t)system, (int64_t)m->iteration);
    *was = n > 0;
    return status;
}

kr_status kr_bootstrap_plan(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_config *c = &m->config;
    unsigned char *known = NULL, *needed = NULL;
    int was;
    m->bootstrap = 0;
    memset(m->shaken, 0, (size_t)c->nsystems);
    if (m->final) return KR_OK;
    KR_NEW(ctx, known, 2 * (size_t)c->nelements + 1);
    needed = known + c->nelements;
    KR_TRY(known_elements(ctx, m, known));
    for (int s = 0; s < c->nsystems; s++) {
        if (cell_of(m, s) < 0) continue;
        memset(needed, 0, (size_t)c->nelements);
        mark_elements(c, c->system[s].starts, needed);
        for (int e = 0; e < c->nelements; e++) m->shaken[s] |= needed[e] && !known[e];
        if (m->shaken[s]) KR_TRY(was_shaken(ctx, m, s, &was));
        if (m->shaken[s] && was) m->shaken[s] = 0;
        m->bootstrap |= m->shaken[s];
    }
done:
    kr_free(known);
    return status;
}

kr_status kr_bootstrap_count(kr_context *ctx, const kr_campaign *m, int iteration, int *n) {
    int64_t count = 0;
    kr_status status = kr_db_int(ctx, m->db, &count,
                                 "SELECT count(DISTINCT iteration) FROM run WHERE key IS NULL AND hidden = 0 AND "
                                 "iteration >= ? AND iteration < ?",
                                 "ii", (int64_t)iteration, (int64_t)m->iteration);
    *n = (int)count;
    return status;
}

/* ---- the stage ---- */

kr_status kr_bootstrap_work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    for (int s = 0; s < m->config.nsystems; s++)
        if (m->shaken[s]) KR_TRY(make_run(ctx, m, s));
done:
    return status;
}

kr_status kr_bootstrap_record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    for (int s = 0; s < m->config.nsystems; s++) {
        char path[64];
        if (!m->shaken[s]) continue;
        run_path(m, s, path);
        KR_TRY(kr_db_run(ctx, m->db,
                         "INSERT INTO run(iteration, cell, system, state, end_reason, steps, step_ps, sampled, "
                         "n_accurate, n_candidate, n_failed, path) VALUES(?, ?, ?, 'done', 'finished', 0, 1, ?, 0, ?, "
                         "0, ?)",
                         "iiiiis", (int64_t)m->iteration, (int64_t)cell_of(m, s), (int64_t)s,
                         (int64_t)m->config.bootstrap.frames, (int64_t)m->config.bootstrap.frames, path));
    }
done:
    return status;
}
