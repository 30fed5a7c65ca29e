/* Everything that is known of a campaign before it starts.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/frames.h"
#include "core/memory.h"
#include "eelt/config_training.h"
#include "eelt/lammps_lines.h"
#include "eelt/printer.h"
#include "eelt/spawn.h"
#include "eelt/stage_certify.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- data ---- */

/* Elements of a set against campaign.elements; only those that atoms have. Systems of a file are named, what is made
 * from the input has only the place of its key. */
static kr_status check_elements(kr_context *ctx, const kr_config *c, const kr_dataset *data, const char *where,
                                const char *key, int named, const kr_tree *node) {
    for (int s = 0; s < data->nsystems && c->nelements; s++) {
        const kr_system *system = data->system[s];
        size_t n = (size_t)system->natoms * (size_t)(system->mixed ? system->nframes : 1);
        for (size_t i = 0; i < n && system->ntypes; i++) {
            const char *name = system->type[i] < 0 ? NULL : system->type_map[system->type[i]];
            if (!name || kr_config_element(c, name) >= 0) continue;
            return kr_config_told(ctx, kr_parameter_fail(ctx, where, key, node,
                                                         "%s has the element %s, which is not in campaign.elements",
                                                         named ? system->name : "it", name));
        }
    }
    return KR_OK;
}

static kr_status check_set(kr_context *ctx, const kr_config *c, const kr_tree *list, const char *key, long *frames) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL;
    char *path = NULL;
    *frames = 0;
    for (int i = 0; list && i < list->count; i++) {
        const kr_tree *node = list->child[i];
        path = kr_label_path(ctx, c->base, node->string);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        status = kr_dataset_read(ctx, path, NULL, c->nelements, c->element, &data);
        if (status < 0) {
            char place[48];
            kr_error_prefix(ctx, "data.%s%s", key, kr_tree_place(node, place));
            KR_TRY(kr_config_told(ctx, status));
        } else {
            int labelled = data->nsystems > 0;
            for (int s = 0; s < data->nsystems; s++) {
                *frames += data->system[s]->nframes;
                labelled &= data->system[s]->label[KR_LABEL_ENERGY] && data->system[s]->label[KR_LABEL_FORCE];
            }
            if (!labelled)
                KR_TRY(kr_config_told(
                    ctx, kr_parameter_fail(ctx, "data", key, node, "'%s' has no energies and forces", node->string)));
            KR_TRY(check_elements(ctx, c, data, "data", key, 1, node));
        }
        kr_dataset_destroy(&data);
        kr_free(path);
        path = NULL;
    }
    status = KR_OK;
done:
    kr_dataset_destroy(&data);
    kr_free(path);
    return status;
}

static kr_status check_data(kr_context *ctx, const kr_config *c, const kr_printer *p) {
    kr_status status = KR_OK;
    long frames[3];
    KR_TRY(check_set(ctx, c, c->data.initial, "initial", &frames[0]));
    KR_TRY(check_set(ctx, c, c->data.validation, "validation", &frames[1]));
    KR_TRY(check_set(ctx, c, c->data.test, "test", &frames[2]));
    kr_print(p, "data: %ld frames to begin with, %ld for validation, %ld for tests", frames[0], frames[1], frames[2]);
done:
    return status;
}

/* ---- labels ---- */

typedef struct refusal {
    int count;
    char last[400]; /* what is wrong for all systems is told once */
} refusal;

/* The inputs for a frame, written into a folder that vanishes again. */
static kr_status dry_run(kr_context *ctx, const kr_config *c, const kr_label_frame *label, const char *what,
                         refusal *refused) {
    kr_status status = KR_OK;
    kr_folder_writer folder = {0};
    kr_string command = {0};
    char key[65], *path = kr_path_join(ctx, c->base, "eelt-check");
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_folder_begin(ctx, path, 1, &folder));
    status = kr_labeller_key(ctx, c->labeller, label, key); /* reads all files that determine a label */
    if (status == KR_OK) status = kr_labeller_prepare(ctx, c->labeller, label, 0, folder.temporary, &command);
    if (status < 0) {
        char place[48];
        int again = refused->count++ && !strcmp(refused->last, kr_context_message(ctx));
        snprintf(refused->last, sizeof refused->last, "%s", kr_context_message(ctx));
        kr_error_prefix(ctx, "label%s: %s", kr_tree_place(c->top.label, place), what);
        if (status == KR_ERR_ARGUMENT) status = KR_ERR_FORMAT;
        status = again && status != KR_ERR_MEMORY ? KR_OK : kr_config_told(ctx, status);
    }
done:
    kr_free(command.data);
    kr_folder_abandon(&folder);
    kr_free(path);
    return status;
}

/* The first structure of a system, and the same cell with an atom of each element of the campaign: what the labeller
 * lacks for an element (a pseudopotential) is told even when the first structures do without it. */
static kr_status dry_run_system(kr_context *ctx, const kr_config *c, const kr_config_system *s, int elements,
                                refusal *refused) {
    kr_status status = KR_OK;
    kr_frames frames = {0};
    kr_frame frame;
    double *coord = NULL;
    int *type = NULL;
    char what[160];
    KR_TRY(kr_frames_begin(ctx, s->starts, &frames));
    KR_TRY(kr_frames_get(ctx, &frames, 0, 0, &frame));
    kr_label_frame label = {&frame, (const char *const *)frames.names.name};
    snprintf(what, sizeof what, "system \"%s\"", s->name);
    if (elements) {
        KR_NEW(ctx, coord, 3 * (size_t)c->nelements);
        KR_NEW(ctx, type, (size_t)c->nelements);
        for (int i = 0; i < c->nelements; i++) {
            type[i] = i;
            for (int d = 0; d < 3; d++) coord[3 * i + d] = 3.0 * i + (d ? 0 : 0.1);
        }
        frame.natoms = c->nelements;
        frame.coord = coord;
        frame.type = type;
        label.names = (const char *const *)c->element;
        snprintf(what, sizeof what, "the elements of the campaign");
    }
    KR_TRY(dry_run(ctx, c, &label, what, refused));
done:
    kr_frames_clear(&frames);
    kr_free(coord);
    kr_free(type);
    return status;
}

static int is_local(const kr_config *c, int job) {
    return c->job[job].runner && !strcmp(c->job[job].runner->name, "local");
}

/* The first word of a command must be a program of this machine when tasks run here; a LAMMPS knows its styles. */
static kr_status check_command(kr_context *ctx, const kr_config *c) {
    kr_status status = KR_OK;
    const kr_tree *command = kr_tree_get(c->top.label, "command"), *engine = kr_tree_get(c->top.label, "engine");
    char word[256], script[300], *text = NULL, *complaint = NULL;
    int code;
    if (!command || command->kind != KR_TREE_STRING || !is_local(c, KR_CONFIG_LABEL)) return KR_OK;
    if (sscanf(command->string, "%255[A-Za-z0-9_./+-]", word) != 1) return KR_OK;
    snprintf(script, sizeof script, "command -v '%s'", word);
    const char *const argument[] = {"/bin/sh", "-c", script, NULL};
    KR_TRY(kr_capture(ctx, argument, 10, &text, &complaint, &code));
    if (code != 0)
        KR_TRY(
            kr_config_told(ctx, kr_parameter_fail(ctx, "label", "command", command, "there is no program '%s'", word)));
    else if (engine && engine->kind == KR_TREE_STRING && !strcmp(engine->string, "lammps"))
        KR_TRY(kr_lammps_styles_check(ctx, kr_tree_get(c->top.label, "lines"), command->string));
done:
    kr_free(text);
    kr_free(complaint);
    return status;
}

static int is_explored(const kr_config *c, int system) {
    for (int i = 0; i < c->nstages; i++)
        if (c->stage[i].uses && c->stage[i].uses[system]) return 1;
    return 0;
}

static kr_status check_systems(kr_context *ctx, kr_config *c, const kr_printer *p) {
    kr_status status = KR_OK;
    const kr_config_system *some = NULL;
    refusal refused = {0};
    KR_TRY(kr_config_starts(ctx, c));
    for (int i = 0; i < c->nsystems; i++) {
        const kr_config_system *s = &c->system[i];
        char where[64];
        double gap;
        snprintf(where, sizeof where, "explore.systems[%d]", i);
        if (!s->nstarts) continue; /* was told */
        kr_print(p, "system %s: %ld start structures, %d atoms in the first%s", s->name, s->nstarts,
                 s->starts->system[0]->natoms, is_explored(c, i) ? "" : "; NO STAGE EXPLORES IT");
        KR_TRY(check_elements(ctx, c, s->starts, where, s->generate ? "generate" : "files", !s->generate, s->node));
        KR_TRY(kr_config_starts_check(ctx, c, i));
        KR_TRY(kr_config_starts_gap(ctx, c, i, &gap));
        if (gap > 0)
            kr_print(p,
                     "system %s: AN EMPTY LAYER OF %.3g A is narrower than the models' cutoff: its sides feel each "
                     "other",
                     s->name, gap);
        if (c->labeller) KR_TRY(dry_run_system(ctx, c, s, 0, &refused));
        some = s;
    }
    if (c->labeller && some && !refused.count && c->nelements) KR_TRY(dry_run_system(ctx, c, some, 1, &refused));
    if (c->top.label) KR_TRY(check_command(ctx, c));
done:
    return status;
}

/* ---- numbers ---- */

static void count_runs(const kr_config *c, long *cells, long *runs, double *steps, double *samples) {
    *cells = *runs = 0;
    *steps = *samples = 0;
    for (int i = 0; i < c->nstages; i++) {
        const kr_config_stage *s = &c->stage[i];
        long here = 0;
        for (int k = 0; k < c->nsystems; k++) here += s->uses && s->uses[k] ? (long)s->nT * s->nP : 0;
        *cells += here;
        *runs += here * s->replicas;
        *steps += (double)here * s->replicas * (double)s->steps;
        *samples += (double)here * s->replicas * (double)s->steps / s->sample_every;
    }
}

/* Tasks of this machine that want more processors than it has take turns: told, not refused. */
static void say_jobs(const kr_config *c, const kr_printer *p) {
    const long have = sysconf(_SC_NPROCESSORS_ONLN);
    for (int k = 0; k < KR_CONFIG_JOBS; k++) {
        const kr_queue_options *q = &c->job[k].queue;
        const int each = q->cpus > q->threads ? q->cpus : q->threads;
        if (is_local(c, k) && (long)q->slots * each > have)
            kr_print(p, "jobs.%s: %d SLOTS of %d processor%s, this machine has %ld", kr_config_job_name[k], q->slots,
                     each, each == 1 ? "" : "s", have);
    }
}

static kr_status say_numbers(kr_context *ctx, const kr_config *c, const kr_printer *p) {
    long cells, runs, atoms = 0;
    double steps, samples;
    struct statvfs disk;
    count_runs(c, &cells, &runs, &steps, &samples);
    for (int i = 0; i < c->nsystems; i++)
        for (int s = 0; c->system[i].starts && s < c->system[i].starts->nsystems; s++)
            if (c->system[i].starts->system[s]->natoms > atoms) atoms = c->system[i].starts->system[s]->natoms;
    kr_print(p, "all stages: %ld cells (system, T, P), %ld runs of %.0f steps together, %.0f samples", cells, runs,
             steps, samples);
    kr_print(p, "an iteration: %d models, at most %ld runs, at most %d candidates and %d failed frames labelled",
             c->model.ensemble, runs, c->select.per_iteration, c->select.failed);
    if (c->budget.labels != KR_PARAMETER_NULL)
        kr_print(p, "at most %" PRId64 " labels, and %d for the certificate", c->budget.labels, c->audit.certificate);
    const kr_config_audit *a = &c->audit;
    const double most = a->most == KR_PARAMETER_NULL ? 4.0 * a->certificate : a->most;
    const double needed = kr_certify_frames(0, a->bound, a->confidence);
    if (a->certificate > 0 && most < needed)
        kr_print(p,
                 "certificate: IT CANNOT HOLD: at most %.0f frames; a bound of %g %% at %g %% takes %.0f, even if none "
                 "is wrong",
                 most, 100 * a->bound, 100 * a->confidence, needed);
    const long audited = kr_config_audit_size(c);
    if (audited == 0 || (a->certificate == 0 && (double)audited < needed))
        kr_print(p, "audit: THIS CAMPAIGN CANNOT CONVERGE: per_iteration is %ld, %.0f or more are needed%s", audited,
                 a->certificate == 0 ? needed : 1,
                 a->certificate == 0 ? ": with certificate 0 one audit has to show the bound" : "");
    /* A run leaves about 100 bytes a sample and, of its candidates (a tenth, say), 120 bytes an atom. */
    double need = (samples * (100 + 0.1 * 120 * (double)atoms)) * c->campaign.max_iterations / 1e9;
    if (statvfs(c->base, &disk) == 0) {
        double free_GB = (double)disk.f_bavail * (double)disk.f_frsize / 1e9;
        kr_print(p, "disk: about %.2g GB for %d iterations, %.3g GB are free", need, c->campaign.max_iterations,
                 free_GB);
        if (need + c->campaign.disk_free > free_GB)
            return kr_config_told(ctx,
                                  KR_ERROR(ctx, KR_ERR_IO,
                                           "disk: about %.2g GB are needed and %g GB must stay free, %.3g GB are free",
                                           need, c->campaign.disk_free, free_GB));
    }
    return KR_OK;
}

kr_status kr_config_check(kr_context *ctx, kr_config *c, void (*line)(const char *text, void *payload), void *payload) {
    kr_status status = KR_OK;
    const kr_printer p = {line, payload};
    KR_TRY(kr_config_enough(ctx, c));
    KR_TRY(kr_config_training_check(ctx, c));
    KR_TRY(check_data(ctx, c, &p));
    KR_TRY(check_systems(ctx, c, &p));
    say_jobs(c, &p);
    KR_TRY(say_numbers(ctx, c, &p));
done:
    return status;
}
