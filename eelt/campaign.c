/* A campaign: iterations, their stages, and the rules that end it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/campaign.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/disk.h"
#include "eelt/report.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const kr_stage_kind *const stages[] = {&kr_stage_train, &kr_stage_explore, &kr_stage_examine, &kr_stage_select,
                                              &kr_stage_label, &kr_stage_collect, &kr_stage_audit,   &kr_stage_report};
enum { STAGES = sizeof stages / sizeof *stages };

/* ---- helpers of the stages ---- */

kr_stream kr_campaign_stream(const kr_campaign *m, int purpose) {
    return (kr_stream){(uint64_t)m->config.campaign.seed, (uint64_t)purpose};
}

void kr_campaign_say(const kr_campaign *m, const char *format, ...) {
    char text[600];
    va_list values;
    if (!m->options->line) return;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    m->options->line(text, m->options->payload);
}

kr_status kr_campaign_metric(kr_context *ctx, kr_campaign *m, const char *scope, const char *name, double value,
                             double lo, double hi) {
    return kr_db_run(ctx, m->db,
                     "INSERT INTO metric(iteration, scope, name, value, lo95, hi95) VALUES(?, ?, ?, ?, ?, ?)", "issrrr",
                     (int64_t)m->iteration, scope, name, value, lo, hi);
}

kr_status kr_campaign_get_metric(kr_context *ctx, kr_campaign *m, int iteration, const char *scope, const char *name,
                                 double *value) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    *value = NAN;
    KR_TRY(kr_db_query(ctx, m->db, &rows,
                       "SELECT value FROM metric WHERE iteration = ? AND scope = ? AND name = ? AND hidden = 0 "
                       "ORDER BY rowid DESC LIMIT 1",
                       "iss", (int64_t)iteration, scope, name));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (more) *value = kr_rows_real(rows, 0);
done:
    kr_rows_destroy(&rows);
    return status;
}

char *kr_campaign_path(kr_context *ctx, const kr_campaign *m, int iteration, const char *sub) {
    return kr_strprintf(ctx, "%s/iter.%06d%s%s", m->folder, iteration, *sub ? "/" : "", sub);
}

kr_status kr_campaign_has_key(kr_context *ctx, const kr_campaign *m, const char *folder, const char *name,
                              const char *key, int *same) {
    kr_status status = KR_OK;
    char *path = kr_strprintf(ctx, "%s/%s/%s", m->folder, folder, name), *text = NULL;
    size_t length;
    *same = 0;
    if (!path) return KR_ERR_MEMORY;
    if (!kr_file_exists(path)) goto done;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    *same = strncmp(text, key, 64) == 0;
done:
    kr_free(text);
    kr_free(path);
    return status;
}

kr_status kr_campaign_make_folder(kr_context *ctx, const char *path) {
    kr_status status = KR_OK;
    char *copy = kr_strdup(ctx, path);
    if (!copy) return KR_ERR_MEMORY;
    for (char *slash = copy + 1;; slash++) {
        slash = strchr(slash, '/');
        if (slash) *slash = 0;
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            KR_FAIL(ctx, KR_ERR_IO, "cannot make the folder '%s': %s", copy, strerror(errno));
        if (!slash) break;
        *slash = '/';
    }
done:
    kr_free(copy);
    return status;
}

kr_status kr_campaign_queue(kr_context *ctx, kr_campaign *m, int job, const kr_work *work) {
    kr_queue_result result;
    kr_status status = kr_job_run(ctx, &m->config.job[job], m->ledger, m->options->program, work, &result);
    if (status == KR_OK && (result.given_up || result.held))
        kr_campaign_say(m, "    %s: %" PRId64 " of %" PRId64 " tasks without a result", work->kind,
                        result.given_up + result.held, result.done + result.given_up + result.held);
    return status;
}

/* ---- stages ---- */

static kr_status stage_state(kr_context *ctx, kr_campaign *m, const char *name, int *begun, int *closed) {
    kr_status status = KR_OK;
    int64_t n;
    static const char sql[] =
        "SELECT count(*) FROM stage WHERE iteration = ? AND name = ? AND hidden = 0 AND state = ?";
    KR_TRY(kr_db_int(ctx, m->db, &n, sql, "iss", (int64_t)m->iteration, name, "done"));
    *closed = n > 0;
    KR_TRY(kr_db_int(ctx, m->db, &n, sql, "iss", (int64_t)m->iteration, name, "running"));
    *begun = *closed || n > 0;
done:
    return status;
}

/* Closes a stage: what it found and the fact that it is done are one commit. */
static kr_status close_stage(kr_context *ctx, kr_campaign *m, const kr_stage_kind *kind) {
    kr_status status = kr_db_begin(ctx, m->db);
    if (status != KR_OK) return status;
    if (kind->record) status = kind->record(ctx, m);
    if (status == KR_OK)
        status = kr_db_run(ctx, m->db,
                           "UPDATE stage SET state = 'done', finished = ? WHERE iteration = ? AND name = ? AND "
                           "hidden = 0",
                           "ris", kr_ledger_time(), (int64_t)m->iteration, kind->name);
    return kr_db_end(ctx, m->db, status);
}

static kr_status run_stage(kr_context *ctx, kr_campaign *m, const kr_stage_kind *kind) {
    kr_status status = KR_OK;
    int begun, closed;
    KR_TRY(stage_state(ctx, m, kind->name, &begun, &closed));
    if (closed) goto done;
    if (!begun)
        KR_TRY(kr_db_run(ctx, m->db, "INSERT INTO stage(iteration, name, state, started) VALUES(?, ?, 'running', ?)",
                         "isr", (int64_t)m->iteration, kind->name, kr_ledger_time()));
    status = kind->work ? kind->work(ctx, m) : KR_OK;
    if (status == KR_OK) status = close_stage(ctx, m, kind);
    if (status == KR_OK && kind->after) status = kind->after(ctx, m);
done:
    if (kind->clear) kind->clear(m);
    m->state = NULL;
    return status;
}

/* ---- when to stop ---- */

static kr_status stop(kr_context *ctx, kr_campaign *m, const char *format, ...) __attribute__((format(printf, 3, 4)));
static kr_status stop(kr_context *ctx, kr_campaign *m, const char *format, ...) {
    char text[300];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    kr_status status = kr_ledger_event(ctx, m->ledger, "stopped", "%s", text);
    return status < 0 ? status : KR_ERROR(ctx, KR_NOT_CONVERGED, "%s", text);
}

/* A bound that nothing but frames is missing for takes only so many of them. */
static kr_status check_certificate(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_config_audit *a = &m->config.audit;
    long most = a->most == KR_PARAMETER_NULL ? 4L * a->certificate : a->most;
    int64_t frames;
    KR_TRY(kr_db_int(ctx, m->db, &frames,
                     "SELECT count(*) FROM frame f JOIN run r ON r.id = f.run WHERE f.decision = 'certificate' AND "
                     "f.hidden = 0 AND r.iteration >= ? AND r.iteration < ?",
                     "ii", (int64_t)m->pool, (int64_t)m->iteration));
    if (frames && frames + m->wanted > most)
        return stop(ctx, m,
                    "the certificate does not hold with %" PRId64 " frames and needs %ld more (audit.certificate_most "
                    "is %ld)",
                    frames, m->wanted, most);
done:
    return status;
}

static kr_status check_budget(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_config *c = &m->config;
    struct statvfs disk;
    int64_t labels, cpu_s, wall_s;
    if (m->iteration >= c->campaign.max_iterations && !m->final)
        return stop(ctx, m, "not converged after %d iterations (campaign.max_iterations)", m->iteration);
    if (m->final) KR_TRY(check_certificate(ctx, m));
    if (status != KR_OK) goto done;
    KR_TRY(
        kr_db_int(ctx, m->db, &labels, "SELECT count(*) FROM label WHERE hidden = 0 AND role != 'certificate'", NULL));
    KR_TRY(kr_db_int(ctx, m->db, &cpu_s, "SELECT CAST(coalesce(sum(cpu_s), 0) AS INTEGER) FROM attempt", NULL));
    KR_TRY(kr_db_int(ctx, m->db, &wall_s, "SELECT CAST(coalesce(sum(finished - started), 0) AS INTEGER) FROM stage",
                     NULL));
    if (c->budget.labels != KR_PARAMETER_NULL && labels >= c->budget.labels && !m->final)
        return stop(ctx, m, "not converged after %" PRId64 " labels (campaign.budget.labels)", labels);
    if ((double)cpu_s > 3600 * c->budget.core_hours)
        return stop(ctx, m, "not converged after %.3g core hours (campaign.budget.core_hours)", (double)cpu_s / 3600);
    if ((double)wall_s > 3600 * c->budget.wall_h)
        return stop(ctx, m, "not converged after %.3g hours (campaign.budget.wall_h)", (double)wall_s / 3600);
    if (statvfs(m->folder, &disk) == 0 && (double)disk.f_bavail * (double)disk.f_frsize < 1e9 * c->campaign.disk_free)
        return stop(ctx, m, "less than %g GB of disk are free (campaign.disk_free_GB)", c->campaign.disk_free);
done:
    return status;
}

/* ---- the loop ---- */

static kr_status next_iteration(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    int64_t n;
    KR_TRY(kr_db_int(ctx, m->db, &n,
                     "SELECT coalesce(max(iteration), -1) FROM stage WHERE name = 'report' AND state = 'done' AND "
                     "hidden = 0",
                     NULL));
    m->iteration = (int)n + 1;
done:
    return status;
}

static kr_status run_iteration(kr_context *ctx, kr_campaign *m, int *converged) {
    kr_status status = KR_OK;
    double value;
    KR_TRY(kr_plan_load(ctx, m));
    KR_TRY(check_budget(ctx, m));
    if (status != KR_OK) goto done;
    kr_campaign_say(m, "iteration %d%s", m->iteration,
                    m->bootstrap ? ": start structures"
                    : m->final   ? ": final models and certificate"
                                 : "");
    for (int k = 0; k < STAGES && status == KR_OK; k++) {
        status = kr_progress(ctx, stages[k]->name, 0, 0);
        if (status == KR_OK) status = run_stage(ctx, m, stages[k]);
    }
    if (status != KR_OK) goto done;
    KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "next", "converged", &value));
    *converged = value == 1;
done:
    return status;
}

kr_status kr_campaign_open(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_campaign_options *o = m->options;
    char room[PATH_MAX], *own = NULL;
    KR_TRY(kr_config_read(ctx, o->input, &m->config));
    KR_TRY(kr_config_starts(ctx, &m->config));
    KR_TRY(kr_plan_cells(ctx, m));
    KR_NEW(ctx, m->shaken, (size_t)m->config.nsystems + 1);
    KR_TRY(kr_explorer_create(ctx, m->config.engine, m->config.base, o->program, &m->explorer));
    KR_TRY(kr_ledger_open(ctx, m->config.folder, o->break_lock ? KR_LEDGER_BREAK_LOCK : KR_LEDGER_WRITE, &m->ledger));
    m->db = kr_ledger_db(m->ledger);
    if (!realpath(m->config.folder, room))
        KR_FAIL(ctx, KR_ERR_IO, "cannot find '%s': %s", m->config.folder, strerror(errno));
    m->folder = kr_strdup(ctx, room);
    own = kr_path_join(ctx, m->folder, "labels");
    if (!m->folder || !own) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_ledger_configure(ctx, m->ledger, m->config.text, (uint64_t)m->config.campaign.seed));
    KR_TRY(kr_label_store_open(ctx, own, m->config.store, &m->store));
done:
    kr_free(own);
    return status;
}

void kr_campaign_close(kr_campaign *m) {
    kr_explorer_destroy(&m->explorer);
    kr_label_store_close(&m->store);
    kr_ledger_close(&m->ledger);
    kr_config_free(&m->config);
    kr_free(m->cell);
    kr_free(m->shaken);
    kr_free(m->folder);
}

void kr_campaign_options_default(kr_campaign_options *options) {
    memset(options, 0, sizeof *options);
    options->program = "kramers";
}

/* Asked to stop by the caller or by a file in the folder. */
typedef struct listening {
    kr_progress_fn outer;
    void *payload;
    char stop[PATH_MAX + 16];
} listening;

static int progress(const char *what, long done, long total, void *payload) {
    const listening *l = payload;
    int asked = l->outer ? l->outer(what, done, total, l->payload) : 0;
    return asked ? asked : access(l->stop, F_OK) == 0;
}

static void listen(kr_context *ctx, const kr_campaign *m, listening *l) {
    l->outer = kr_context_get_progress(ctx, &l->payload);
    snprintf(l->stop, sizeof l->stop, "%s/%s", m->folder, KR_CAMPAIGN_STOP);
    unlink(l->stop); /* meant for the run before */
    kr_context_set_progress(ctx, progress, l);
}

kr_status kr_campaign_run(kr_context *ctx, const kr_campaign_options *options) {
    kr_status status = KR_OK;
    kr_campaign m = {.options = options};
    listening l = {0};
    int converged = 0, done = 0;
    double value;
    if (options->point) kr_file_set_point(options->point, options->payload);
    KR_TRY(kr_campaign_open(ctx, &m));
    listen(ctx, &m, &l);
    KR_TRY(kr_campaign_sweep(ctx, m.folder));
    KR_TRY(next_iteration(ctx, &m));
    if (m.iteration > 0) { /* killed between the commit that ended the last iteration and its report? */
        KR_TRY(kr_report_write(ctx, m.db, m.folder));
        KR_TRY(kr_campaign_get_metric(ctx, &m, m.iteration - 1, "next", "converged", &value));
        converged = value == 1;
    }
    while (!converged && status == KR_OK) {
        if (options->iterations && done++ >= options->iterations) {
            status = KR_ERROR(ctx, KR_NOT_CONVERGED, "stopped after %d iterations, as asked", options->iterations);
            break;
        }
        status = run_iteration(ctx, &m, &converged);
        m.iteration++;
    }
done:
    if (options->point) kr_file_set_point(NULL, NULL);
    if (l.stop[0]) {
        kr_context_set_progress(ctx, l.outer, l.payload);
        unlink(l.stop);
    }
    status = kr_disk_verdict(ctx, m.config.folder, status);
    kr_campaign_close(&m);
    return status;
}
