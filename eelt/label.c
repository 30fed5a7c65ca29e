/* Labelling a data set: keys, tasks, results.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Tasks are named by the key of their label, so that a run needs to remember nothing: it computes the keys of its
 * frames again, and looks which labels are there. */
#include "eelt/label.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/disk.h"
#include "eelt/label_input.h"
#include "eelt/supervisor.h"
#include <inttypes.h>
#include <kramers/eelt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One frame of the data set. */
typedef struct place {
    char key[65];
    int system, frame;
} place;

typedef struct labelling {
    const kr_label_work *work;
    kr_frames frames;
    place *place;         /* [n] in the order of the data set */
    const place **sorted; /* [n] by key, then by place */
    int n;
    kr_string line;
    kr_buffer force;
    kr_label_result last; /* of the last collect, for record */
} labelling;

void kr_label_options_default(kr_label_options *options) {
    memset(options, 0, sizeof *options);
    options->program = "kramers";
}

kr_status kr_task_execute(kr_context *ctx, const char *folder) {
    kr_usage usage;
    return kr_supervise(ctx, folder, &usage);
}

static kr_status frame_at(kr_context *ctx, labelling *l, const place *p, kr_frame *frame, kr_label_frame *out) {
    kr_status status = kr_frames_get(ctx, &l->frames, p->system, p->frame, frame);
    out->frame = frame;
    out->names = (const char *const *)l->frames.names.name;
    return status;
}

static int by_key(const void *a, const void *b) {
    const place *x = *(const place *const *)a, *y = *(const place *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x > y) - (x < y);
}

static kr_status make_places(kr_context *ctx, labelling *l, const kr_dataset *dataset, kr_label_report *report) {
    kr_status status = KR_OK;
    for (int s = 0; s < dataset->nsystems; s++) l->n += dataset->system[s]->nframes;
    if (!l->n) KR_FAIL(ctx, KR_ERR_ARGUMENT, "there is no frame to label");
    KR_NEW(ctx, l->place, (size_t)l->n);
    KR_NEW(ctx, l->sorted, (size_t)l->n);
    int n = 0;
    for (int s = 0; s < dataset->nsystems; s++)
        for (int f = 0; f < dataset->system[s]->nframes; f++, n++) {
            kr_frame frame;
            kr_label_frame label;
            l->place[n].system = s;
            l->place[n].frame = f;
            l->sorted[n] = &l->place[n];
            KR_TRY(frame_at(ctx, l, &l->place[n], &frame, &label));
            status = kr_labeller_key(ctx, l->work->labeller, &label, l->place[n].key);
            if (status != KR_OK) kr_error_prefix(ctx, "%s, frame %d", dataset->system[s]->name, f);
            KR_TRY(status);
        }
    qsort(l->sorted, (size_t)l->n, sizeof *l->sorted, by_key);
    report->frames = l->n;
    for (int i = 0; i < l->n; i++) report->unique += i == 0 || strcmp(l->sorted[i]->key, l->sorted[i - 1]->key) != 0;
done:
    return status;
}

static const place *find_place(const labelling *l, const char *key) {
    int low = 0, high = l->n - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(l->sorted[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return l->n && !strcmp(l->sorted[low]->key, key) ? l->sorted[low] : NULL;
}

/* A label of this frame in the ledger. One that is there keeps its role: a frame of the certificate stays one. */
static kr_status note(kr_context *ctx, const labelling *l, kr_ledger *ledger, const place *p, double energy,
                      double f_max, double net_force) {
    int64_t frame = l->work->frame ? l->work->frame[p - l->place] : -1;
    return kr_db_run(ctx, kr_ledger_db(ledger),
                     "INSERT INTO label(key, frame, labeller, energy, f_max, net_force, path, role, added) "
                     "VALUES(?, nullif(?, -1), ?, ?, ?, ?, ?, ?, ?) "
                     "ON CONFLICT(key) DO UPDATE SET frame = coalesce(frame, excluded.frame), hidden = 0",
                     "sisrrrssr", p->key, frame, kr_labeller_get_kind(l->work->labeller)->name, energy, f_max,
                     net_force, p->key, l->work->role ? l->work->role[p - l->place] : "train", kr_ledger_time());
}

/* ---- the work of one task ---- */

static kr_status prepare(kr_context *ctx, void *payload, const kr_task *task, const char *folder, kr_command *command) {
    labelling *l = payload;
    const place *p = find_place(l, task->key);
    kr_frame frame;
    kr_label_frame label;
    if (!p) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "its frame is not among the frames of this run");
    kr_status status = frame_at(ctx, l, p, &frame, &label);
    if (status == KR_OK) status = kr_labeller_prepare(ctx, l->work->labeller, &label, task->tries, folder, &l->line);
    command->line = l->line.data;
    return status;
}

static kr_status collect(kr_context *ctx, void *payload, const kr_task *task, const char *folder, const kr_usage *usage,
                         kr_outcome *outcome, char message[256]) {
    labelling *l = payload;
    kr_status status = KR_OK;
    const place *p = find_place(l, task->key);
    kr_frame frame;
    kr_label_frame label;
    if (!p) {
        *outcome = KR_OUTCOME_BAD_INPUT;
        snprintf(message, 256, "its frame is not among the frames of this run");
        return KR_OK;
    }
    KR_TRY(frame_at(ctx, l, p, &frame, &label));
    KR_TRY(kr_buffer_reserve(ctx, &l->force, 3 * (size_t)frame.natoms, sizeof(double)));
    l->last.force = l->force.data;
    KR_TRY(kr_labeller_read(ctx, l->work->labeller, &label, folder, usage, &l->last));
    *outcome = l->last.outcome;
    snprintf(message, 256, "%s", l->last.message);
    if (*outcome != KR_OUTCOME_DONE) goto done;
    KR_TRY(kr_label_store_put(ctx, l->work->store, task->key, &label, &l->last));
    double net[3] = {0, 0, 0}, largest = 0;
    for (int i = 0; i < frame.natoms; i++) {
        const double *f = l->last.force + 3 * i;
        for (int c = 0; c < 3; c++) net[c] += f[c] / frame.natoms;
        largest = fmax(largest, sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]));
    }
    l->last.virial[0] = largest; /* what record notes: the virial is on the disk already */
    l->last.virial[1] = sqrt(net[0] * net[0] + net[1] * net[1] + net[2] * net[2]);
done:
    return status;
}

static kr_status record(kr_context *ctx, void *payload, kr_ledger *ledger, const kr_task *task) {
    const labelling *l = payload;
    const place *p = find_place(l, task->key);
    return note(ctx, l, ledger, p, l->last.energy, l->last.virial[0], l->last.virial[1]);
}

/* Wave functions and the like; the texts stay. */
static void clean(kr_context *ctx, void *payload, const char *folder) {
    const labelling *l = payload;
    const char *bulk = kr_labeller_get_kind(l->work->labeller)->bulk;
    kr_folder_writer all = {NULL, bulk ? kr_path_join(ctx, folder, bulk) : NULL};
    kr_folder_abandon(&all); /* removes everything below */
}

/* ---- the campaign ---- */

static kr_status add_tasks(kr_context *ctx, labelling *l, kr_ledger *ledger, kr_label_report *report) {
    kr_status status = KR_OK;
    KR_TRY(kr_db_begin(ctx, kr_ledger_db(ledger)));
    for (int i = 0; i < l->n && status == KR_OK; i++) { /* in the order of the data set: the first of equal frames */
        const char *key = l->place[i].key;
        int64_t id;
        if (find_place(l, key) != &l->place[i]) continue;
        if (kr_label_store_has(ctx, l->work->store, key)) {
            report->known++;
            if (l->work->frame) status = note(ctx, l, ledger, &l->place[i], NAN, NAN, NAN);
        } else {
            status = kr_ledger_add_task(ctx, ledger, "label", key, l->work->iteration, 0, &id, NULL);
        }
    }
    KR_TRY(kr_db_end(ctx, kr_ledger_db(ledger), status));
done:
    return status;
}

/* A task that is done but whose label is gone (somebody emptied the store) has to be done again. */
static kr_status reopen_lost(kr_context *ctx, labelling *l, kr_ledger *ledger) {
    kr_status status = KR_OK;
    kr_task *tasks = NULL;
    int n;
    KR_TRY(kr_ledger_tasks(ctx, ledger, "label", KR_TASK_DONE, INT32_MAX, &n, &tasks));
    for (int i = 0; i < n; i++)
        if (find_place(l, tasks[i].key) && !kr_label_store_has(ctx, l->work->store, tasks[i].key))
            KR_TRY(
                kr_db_run(ctx, kr_ledger_db(ledger), "UPDATE task SET state = 'new' WHERE id = ?", "i", tasks[i].id));
done:
    kr_free(tasks);
    return status;
}

static kr_status run_queue(kr_context *ctx, labelling *l, kr_ledger *ledger, kr_label_report *report,
                           kr_status *verdict) {
    kr_queue_result result;
    const kr_work work = {"label", l, prepare, collect, record, clean};
    *verdict = kr_job_run(ctx, l->work->job, ledger, l->work->program, &work, &result);
    report->attempts = (long)result.attempts;
    size_t used = 0;
    for (int c = 1; c < KR_OUTCOME_COUNT && used < sizeof report->failures; c++)
        if (result.failures[c])
            used += (size_t)snprintf(report->failures + used, sizeof report->failures - used, "%s%s %" PRId64,
                                     used ? ", " : "", kr_outcome_word((kr_outcome)c), result.failures[c]);
    return *verdict < 0 ? *verdict : KR_OK;
}

kr_status kr_label_build(kr_context *ctx, const kr_label_store *store, const char *key, const kr_label_frame *label,
                         kr_builder *builder) {
    kr_status status = KR_OK;
    kr_frame frame = *label->frame;
    kr_label_result r = {0};
    int *type = NULL;
    double *force = NULL;
    KR_NEW(ctx, force, 3 * (size_t)frame.natoms + 1);
    KR_NEW(ctx, type, (size_t)frame.natoms + 1);
    r.force = force;
    KR_TRY(kr_label_store_get(ctx, store, key, label, &r));
    for (int k = 0; k < KR_LABEL_COUNT; k++) /* labels of another origin are not mixed with these */
        if (k != KR_LABEL_FPARAM && k != KR_LABEL_APARAM && k != KR_LABEL_VELOCITY && k != KR_LABEL_MASS)
            frame.label[k] = NULL;
    frame.label[KR_LABEL_ENERGY] = &r.energy;
    frame.label[KR_LABEL_FORCE] = force;
    frame.label[KR_LABEL_VIRIAL] = r.has_virial ? r.virial : NULL;
    frame.width[KR_LABEL_ENERGY] = 1;
    frame.width[KR_LABEL_FORCE] = 3;
    frame.width[KR_LABEL_VIRIAL] = r.has_virial ? 9 : 0;
    for (int a = 0; a < frame.natoms; a++) {
        const char *name = label->names[frame.type[a]];
        KR_TRY(kr_names_add(ctx, &builder->names, name, strlen(name), &type[a]));
    }
    frame.type = type;
    KR_TRY(kr_builder_add(ctx, builder, &frame));
done:
    kr_free(force);
    kr_free(type);
    return status;
}

/* The frames with a label, in their order. */
static kr_status gather(kr_context *ctx, labelling *l, kr_dataset *out, kr_label_report *report) {
    kr_status status = KR_OK;
    kr_builder builder;
    KR_TRY(kr_builder_begin(ctx, "labelled", 1, &builder));
    for (int i = 0; i < l->n && status == KR_OK; i++) {
        kr_frame frame;
        kr_label_frame label;
        const place *p = &l->place[i];
        int first = find_place(l, p->key) == p;
        if (!kr_label_store_has(ctx, l->work->store, p->key)) {
            report->failed += first;
            continue;
        }
        report->labelled += first;
        if (!out) continue;
        status = frame_at(ctx, l, p, &frame, &label);
        if (status == KR_OK) status = kr_label_build(ctx, l->work->store, p->key, &label, &builder);
    }
    if (status == KR_OK && out) status = kr_builder_finish(ctx, &builder, out);
    kr_builder_clear(&builder);
done:
    return status;
}

static kr_status begin(kr_context *ctx, labelling *l, const kr_label_work *work, const kr_dataset *dataset,
                       kr_label_report *report) {
    kr_status status = KR_OK;
    memset(report, 0, sizeof *report);
    l->work = work;
    KR_TRY(kr_frames_begin(ctx, dataset, &l->frames));
    if (l->frames.anonymous)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: the elements of the atoms are not known", dataset->system[0]->name);
    KR_TRY(make_places(ctx, l, dataset, report));
done:
    return status;
}

static void clear(labelling *l) {
    kr_frames_clear(&l->frames);
    kr_buffer_free(&l->force);
    kr_free(l->line.data);
    kr_free(l->place);
    kr_free(l->sorted);
}

kr_status kr_label_frames(kr_context *ctx, kr_ledger *ledger, const kr_label_work *work, const kr_dataset *dataset,
                          char (*keys)[65], kr_dataset *labelled, kr_label_report *report, kr_status *verdict) {
    kr_status status = KR_OK;
    labelling l = {0};
    KR_TRY(begin(ctx, &l, work, dataset, report));
    for (int i = 0; i < l.n && keys; i++) memcpy(keys[i], l.place[i].key, sizeof keys[i]);
    KR_TRY(add_tasks(ctx, &l, ledger, report));
    KR_TRY(reopen_lost(ctx, &l, ledger));
    KR_TRY(run_queue(ctx, &l, ledger, report, verdict));
    KR_TRY(gather(ctx, &l, labelled, report));
done:
    clear(&l);
    return status;
}

kr_status kr_label_dataset(kr_context *ctx, const kr_label_options *options, const kr_dataset *dataset,
                           kr_dataset **labelled, kr_label_report *report) {
    kr_status status = KR_OK, verdict = KR_OK;
    labelling l = {0};
    kr_label_input input = {0};
    kr_label_store store = {0};
    kr_label_work work = {.store = &store, .program = options->program};
    kr_ledger *ledger = NULL;
    char *own = NULL;
    *labelled = NULL;
    if (options->point) kr_file_set_point(options->point, options->payload);
    KR_TRY(kr_label_input_read(ctx, options->input, &input));
    work.labeller = input.labeller;
    work.job = &input.job;
    KR_TRY(begin(ctx, &l, &work, dataset, report));
    if (options->dry) goto done;
    KR_TRY(kr_ledger_open(ctx, input.folder, options->break_lock ? KR_LEDGER_BREAK_LOCK : KR_LEDGER_WRITE, &ledger));
    KR_TRY(kr_ledger_configure(ctx, ledger, input.text, input.seed));
    own = kr_path_join(ctx, input.folder, "labels");
    if (!own) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_label_store_open(ctx, own, input.store, &store));
    KR_TRY(kr_dataset_create(ctx, labelled));
    KR_TRY(kr_label_frames(ctx, ledger, &work, dataset, NULL, *labelled, report, &verdict));
    status = verdict;
done:
    status = kr_disk_verdict(ctx, input.folder, status);
    if (status < 0) kr_dataset_destroy(labelled);
    if (options->point) kr_file_set_point(NULL, NULL);
    clear(&l);
    kr_ledger_close(&ledger);
    kr_label_store_close(&store);
    kr_label_input_free(&input);
    kr_free(own);
    return status;
}
