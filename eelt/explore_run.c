/* A built-in run: its loop, its checkpoints, its files.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A checkpoint (all of the state, that of the watch too) is written every tenth of the run and every minute; rows of
 * the logs that are younger than a checkpoint are dropped when the run goes on from it, so that files and bits are
 * those of a run that was never interrupted. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/explore_logs.h"
#include "eelt/explore_motion.h"
#include <errno.h>
#include <kramers/devi_file.h>
#include <kramers/eelt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct run {
    const char *folder;
    kr_explore_input input;
    kr_motion motion;
    kr_watch *watch;
    kr_devi_file *deviations;
    FILE *thermo;
    int64_t saved; /* step of the last checkpoint */
    double saved_at;
} run;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- checkpoint ---- */

static const char magic[8] = "krexplr1";

/* The numbers of the state in one order, for writing (out) or reading (in). */
static kr_status transfer(kr_context *ctx, kr_motion *m, kr_string *out, kr_bytes *in) {
    kr_status status = KR_OK;
    size_t vector = 3 * (size_t)m->n * sizeof(double);
    struct {
        void *data;
        size_t bytes;
    } parts[] = {{&m->step, sizeof m->step},
                 {m->x, vector},
                 {m->v, vector},
                 {m->box, sizeof m->box},
                 {m->size, sizeof m->size},
                 {m->tried, sizeof m->tried},
                 {m->accepted, sizeof m->accepted}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (in) kr_bytes_take(in, parts[i].data, parts[i].bytes);
        if (out) KR_TRY(kr_bytes_put(ctx, out, parts[i].data, parts[i].bytes));
    }
done:
    return status;
}

static kr_status save(kr_context *ctx, run *r) {
    kr_status status = KR_OK;
    kr_string out = {0};
    void *state = NULL;
    size_t bytes;
    KR_TRY(kr_bytes_put(ctx, &out, magic, sizeof magic));
    KR_TRY(kr_bytes_put(ctx, &out, r->input.sha, sizeof r->input.sha));
    KR_TRY(transfer(ctx, &r->motion, &out, NULL));
    KR_TRY(kr_watch_pack(ctx, r->watch, &state, &bytes));
    KR_TRY(kr_bytes_put(ctx, &out, &bytes, sizeof bytes));
    KR_TRY(kr_bytes_put(ctx, &out, state, bytes));
    KR_TRY(kr_file_write(ctx, r->folder, KR_EXPLORE_CHECKPOINT, out.data, out.length));
    r->saved = r->motion.step;
    r->saved_at = seconds();
done:
    kr_watch_free_state(state);
    kr_free(out.data);
    return status;
}

/* *found = 0: there is none, or it belongs to another input. */
static kr_status resume(kr_context *ctx, run *r, int *found) {
    kr_status status = KR_OK;
    char *text = NULL, *path = kr_path_join(ctx, r->folder, KR_EXPLORE_CHECKPOINT), head[sizeof magic], sha[65];
    size_t length, bytes;
    *found = 0;
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(path)) goto done;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    kr_bytes in = {(const unsigned char *)text, length, 0, 0};
    kr_bytes_take(&in, head, sizeof head);
    kr_bytes_take(&in, sha, sizeof sha);
    if (in.bad || memcmp(head, magic, sizeof magic) != 0 || memcmp(sha, r->input.sha, sizeof sha) != 0) {
        kr_log(ctx, KR_LOG_WARNING, "'%s' belongs to another run, this one begins anew", path);
        goto done;
    }
    KR_TRY(transfer(ctx, &r->motion, NULL, &in));
    kr_bytes_take(&in, &bytes, sizeof bytes);
    if (in.bad || bytes != in.left) KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is damaged", path);
    KR_TRY(kr_watch_unpack(ctx, r->watch, in.next, in.left));
    *found = 1;
done:
    kr_free(text);
    kr_free(path);
    return status;
}

/* ---- logs ---- */

static kr_status open_logs(kr_context *ctx, run *r, int resumed) {
    kr_status status = KR_OK;
    char *thermo = kr_path_join(ctx, r->folder, KR_EXPLORE_THERMO);
    char *devi = kr_path_join(ctx, r->folder, KR_EXPLORE_DEVIATIONS);
    int64_t last = resumed ? r->motion.step : -1;
    if (!thermo || !devi) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_explore_cut_log(ctx, r->folder, KR_EXPLORE_THERMO, last));
    KR_TRY(kr_explore_cut_log(ctx, r->folder, KR_EXPLORE_DEVIATIONS, last));
    int fresh = !kr_file_exists(thermo);
    r->thermo = fopen(thermo, "ab");
    if (!r->thermo) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s'", thermo);
    if (fresh) fputs("# step T_K E_pot_eV E_kin_eV P_GPa V_A3\n", r->thermo);
    KR_TRY(kr_devi_file_open(ctx, devi, KR_DEVI_LAMMPS, 0, 1, &r->deviations));
done:
    kr_free(thermo);
    kr_free(devi);
    return status;
}

static kr_status log_sample(kr_context *ctx, run *r, const kr_watch_sample *s) {
    kr_motion *m = &r->motion;
    double p[9];
    kr_motion_pressure(m, p);
    fprintf(r->thermo, "%lld %.10g %.10g %.10g %.10g %.10g\n", (long long)m->step, s->temperature, m->energy,
            r->input.options.mode == KR_EXPLORE_MC ? 0 : kr_motion_kinetic(m), (p[0] + p[4] + p[8]) / 3 / KR_GPA,
            m->has_box ? kr_box_volume(m->box) : 0);
    fflush(r->thermo);
    return kr_devi_file_write(ctx, r->deviations, (long)m->step, &s->deviation, 0, NULL);
}

/* ---- the loop ---- */

/* A failure of the evaluation is one of the run's physics when its numbers are absurd. */
static int absurd(kr_status status) { return status == KR_ERR_NUMERIC || status == KR_ERR_ARGUMENT; }

static kr_status examine(kr_context *ctx, run *r, int broken, kr_watch_verdict *verdict) {
    kr_status status = KR_OK;
    kr_motion *m = &r->motion;
    kr_watch_sample s = {.step = m->step,
                         .natoms = m->n,
                         .type = r->input.spec.frame.type,
                         .x = m->x,
                         .box = m->has_box ? m->box : NULL,
                         .pbc = r->input.spec.frame.pbc,
                         .temperature = kr_motion_temperature(m)};
    if (!broken) {
        status = kr_motion_deviation(ctx, m, &s.deviation);
        if (absurd(status)) broken = 1, status = KR_OK;
        KR_TRY(status);
    }
    if (broken)
        s.deviation.max_f = NAN;
    else
        KR_TRY(log_sample(ctx, r, &s));
    KR_TRY(kr_watch_take(ctx, r->watch, &s, verdict));
    if (broken) verdict->stop = 1;
done:
    return status;
}

static kr_status loop(kr_context *ctx, run *r, kr_end *end) {
    kr_status status = KR_OK;
    kr_motion *m = &r->motion;
    const kr_explore_spec *s = &r->input.spec;
    kr_watch_verdict verdict = {0};
    int64_t tenth = s->steps / 10 > 0 ? s->steps / 10 : 1;
    *end = KR_END_FINISHED;
    status = kr_motion_forces(ctx, m);
    if (status != KR_OK) { /* nothing has moved: the start or the models are wrong, not the run */
        kr_error_prefix(ctx, "start of the run");
        goto done;
    }
    if (m->step == 0) KR_TRY(examine(ctx, r, 0, &verdict));
    while (m->step < s->steps && !verdict.stop) {
        status = r->input.options.mode == KR_EXPLORE_MC ? kr_motion_try(ctx, m) : kr_motion_step(ctx, m);
        int broken = absurd(status);
        if (broken) m->step++;
        if (!broken) KR_TRY(status);
        if (broken || m->step % s->sample_every == 0) KR_TRY(examine(ctx, r, broken, &verdict));
        if (broken || verdict.stop) break;
        if (m->step - r->saved >= tenth || seconds() - r->saved_at > 60) KR_TRY(save(ctx, r));
        status = kr_progress(ctx, "steps", (long)m->step, (long)s->steps);
        if (status == KR_CANCELLED) {
            KR_TRY(save(ctx, r));
            status = KR_CANCELLED;
            goto done;
        }
    }
    status = KR_OK;
done:
    return status;
}

/* The run at its start. */
static kr_status begin(kr_context *ctx, run *r) {
    kr_status status = KR_OK;
    kr_watch_options options;
    kr_watch_destroy(&r->watch);
    kr_motion_free(&r->motion);
    KR_TRY(kr_motion_create(ctx, &r->input, &r->motion));
    kr_explore_watch_options(&r->input.spec, &options);
    options.folder = r->folder;
    KR_TRY(kr_watch_create(ctx, &options, r->input.spec.ntypes, r->input.spec.names, &r->watch));
done:
    return status;
}

static kr_status prepare(kr_context *ctx, run *r) {
    kr_status status = KR_OK;
    int resumed;
    KR_TRY(kr_explore_input_read(ctx, r->folder, &r->input));
    KR_TRY(begin(ctx, r));
    status = resume(ctx, r, &resumed);
    if (status == KR_ERR_FORMAT || status == KR_ERR_IO) { /* half of a state is none */
        kr_log(ctx, KR_LOG_WARNING, "%s: the run begins anew", kr_context_message(ctx));
        resumed = 0;
        status = begin(ctx, r);
    }
    KR_TRY(status);
    if (!resumed) KR_TRY(kr_watch_begin(ctx, r->watch));
    KR_TRY(open_logs(ctx, r, resumed));
    r->saved = r->motion.step;
    r->saved_at = seconds();
done:
    return status;
}

/* In the words of pair_style kramers; kr_explorer_read looks for them. */
static void tell_overflow(kr_context *ctx, const run *r) {
    kr_overflow o;
    if (kr_workspace_overflow(r->motion.driver_scratch, 0, &o) < 0 || !o.environments) return;
    kr_log(ctx, KR_LOG_WARNING,
           KR_EXPLORE_OVERFLOW "%ld of %ld environments, the farthest neighbours were left out; worst: %d neighbours, "
                               "sel is %d",
           o.environments, o.evaluations, o.worst_count, o.worst_sel);
}

kr_status kr_explore_execute(kr_context *ctx, const char *folder) {
    kr_status status = KR_OK;
    run r = {.folder = folder};
    kr_end end;
    KR_TRY(prepare(ctx, &r));
    KR_TRY(loop(ctx, &r, &end));
    tell_overflow(ctx, &r);
    if (status == KR_OK) KR_TRY(kr_watch_end(ctx, r.watch, r.motion.step, end));
done:
    if (r.thermo && fclose(r.thermo) != 0 && status == KR_OK)
        status = KR_ERROR(ctx, KR_ERR_IO, "cannot write '%s/%s': %s", folder, KR_EXPLORE_THERMO, strerror(errno));
    kr_devi_file_close(&r.deviations);
    kr_watch_destroy(&r.watch);
    kr_motion_free(&r.motion);
    kr_explore_input_free(&r.input);
    return status;
}
