/* Stage train: the ensemble, one task per model, named by what determines it: data, input, seed, start.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/campaign_score.h"
#include "eelt/config_training.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct member {
    char key[65];
    uint64_t seed;
    char *text; /* the training input */
} member;

typedef struct training {
    kr_campaign *m;
    kr_data_list data;
    char **validation, **start; /* [nvalidation] paths; [nstart] models that the members start from */
    int nvalidation, nstart, nmembers, reuse;
    long nold, nnew; /* frames */
    double fit;      /* eV/A: force error on these data */
    member *member;  /* [nmembers] */
    kr_string command;
} training;

static void clear(kr_campaign *m) {
    training *t = m->state;
    if (!t) return;
    for (int k = 0; k < t->nmembers && t->member; k++) kr_free(t->member[k].text);
    kr_free(t->member);
    if (t->validation) kr_names_free(t->nvalidation, t->validation);
    if (t->start) kr_names_free(t->nstart, t->start);
    kr_data_list_free(&t->data);
    kr_free(t->command.data);
    kr_free(t);
    m->state = NULL;
}

/* ---- inputs ---- */

static kr_status validation_paths(kr_context *ctx, training *t) {
    kr_status status = KR_OK;
    const kr_tree *list = t->m->config.data.validation;
    KR_NEW(ctx, t->validation, (size_t)list->count + 1);
    for (int i = 0; i < list->count; i++) {
        char *path = kr_label_path(ctx, t->m->config.base, list->child[i]->string);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        status = kr_path_real(ctx, path, &t->validation[i]);
        kr_free(path);
        KR_TRY(status);
        t->nvalidation++;
    }
done:
    return status;
}

/* Later iterations, not the final models, draw a new frame as often as `new_weight` old ones:
 * part of the old frames = N_old / (N_old + w N_new). */
static kr_status weights(kr_context *ctx, const training *t, kr_string *text) {
    double w = t->m->config.warm.new_weight, old = (double)t->nold, new = w *(double)t->nnew;
    return kr_string_printf(ctx, text, "prob_sys_size;0:%d:%.6f;%d:%d:%.6f", t->data.nold, old / (old + new),
                            t->data.nold, t->data.n, new / (old + new));
}

/* The input of a member with the given names of data. */
static kr_status make_input(kr_context *ctx, const training *t, int k, char *const *systems, char **text) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    kr_string probability = {0};
    const kr_config *c = &t->m->config;
    kr_training_fill fill = {.nsystems = t->data.n,
                             .systems = systems,
                             .nvalidation = t->nvalidation,
                             .validation = t->validation,
                             .seed = t->member[k].seed,
                             .steps = 1,
                             .rate = 1};
    if (t->nstart) {
        fill.steps = c->warm.steps;
        fill.rate = c->warm.start_rate;
        if (t->data.nold && t->data.n > t->data.nold && !t->m->final) {
            KR_TRY(weights(ctx, t, &probability));
            fill.auto_prob = probability.data;
        }
    }
    if (t->m->final) fill.steps = 1; /* at full length, but not at the first rate: it undoes what the others learned */
    KR_TRY(kr_config_training(ctx, c, &fill, &tree));
    KR_TRY(kr_json_format(ctx, tree, 1, text));
done:
    kr_tree_destroy(&tree);
    kr_free(probability.data);
    return status;
}

static kr_status make_key(kr_context *ctx, training *t, int k) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    char **names = NULL, *text = NULL;
    KR_NEW(ctx, names, (size_t)t->data.n + 1);
    for (int i = 0; i < t->data.n; i++) names[i] = t->data.digest[i]; /* what the data are, not where */
    KR_TRY(make_input(ctx, t, k, names, &text));
    KR_TRY(kr_digest_create(ctx, &digest));
    kr_digest_text(digest, "train");
    kr_digest_text(digest, text);
    if (t->nstart) KR_TRY(kr_digest_file(ctx, digest, t->start[k % t->nstart]));
    kr_digest_end(digest, t->member[k].key);
done:
    kr_digest_destroy(&digest);
    kr_free(names);
    kr_free(text);
    return status;
}

static kr_status make_members(kr_context *ctx, training *t) {
    kr_status status = KR_OK;
    kr_campaign *m = t->m;
    uint64_t word[4];
    int n = m->config.model.ensemble;
    KR_NEW(ctx, t->member, (size_t)n);
    t->nmembers = n;
    for (int k = 0; k < n; k++) {
        kr_random_words(kr_campaign_stream(m, KR_RANDOM_TRAIN), (uint64_t)m->iteration, (uint64_t)k, 0, word);
        t->member[k].seed = word[0] & 0x3fffffff;
        KR_TRY(make_input(ctx, t, k, t->data.path, &t->member[k].text));
        KR_TRY(make_key(ctx, t, k));
    }
done:
    return status;
}

/* ---- tasks ---- */

static int find_member(const training *t, const char *key) {
    for (int k = 0; k < t->nmembers; k++)
        if (!strcmp(t->member[k].key, key)) return k;
    return -1;
}

/* The checkpoint of the attempt before, when it left one: training goes on from there, with the same bits. */
static kr_status last_checkpoint(kr_context *ctx, const training *t, const kr_task *task, const char *folder,
                                 char **checkpoint) {
    kr_status status = KR_OK;
    char *previous = NULL, *list = NULL, *text = NULL;
    size_t length;
    *checkpoint = NULL;
    KR_TRY(kr_campaign_previous(ctx, t->m, task, folder, &previous));
    if (!previous) goto done;
    list = kr_path_join(ctx, previous, "checkpoint");
    if (!list) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(list) || kr_file_read(ctx, list, &text, &length) != KR_OK) goto done;
    text[strcspn(text, "\n")] = 0;
    *checkpoint = kr_path_join(ctx, previous, text);
    if (!*checkpoint) KR_TRY(KR_ERR_MEMORY);
    if (!text[0] || !kr_file_exists(*checkpoint)) {
        kr_free(*checkpoint);
        *checkpoint = NULL;
    }
done:
    kr_free(previous);
    kr_free(list);
    kr_free(text);
    return status;
}

static kr_status prepare(kr_context *ctx, void *payload, const kr_task *task, const char *folder, kr_command *command) {
    training *t = payload;
    kr_status status = KR_OK;
    int k = find_member(t, task->key);
    char *checkpoint = NULL;
    if (k < 0) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the model belongs to another iteration or another input");
    KR_TRY(kr_file_write(ctx, folder, "input.json", t->member[k].text, strlen(t->member[k].text)));
    t->command.length = 0;
    KR_TRY(kr_string_puts(ctx, &t->command, "exec "));
    KR_TRY(kr_string_quote(ctx, &t->command, t->m->options->program));
    KR_TRY(kr_string_puts(ctx, &t->command, " train input.json --output model.dp --completed none --force"));
    KR_TRY(last_checkpoint(ctx, t, task, folder, &checkpoint));
    if (checkpoint || t->nstart) {
        KR_TRY(kr_string_puts(ctx, &t->command, checkpoint ? " --restart-from " : " --init-model "));
        KR_TRY(kr_string_quote(ctx, &t->command, checkpoint ? checkpoint : t->start[k % t->nstart]));
    }
    command->line = t->command.data;
done:
    kr_free(checkpoint);
    return status;
}

static kr_status publish(kr_context *ctx, const training *t, int k, const char *folder, const char *from,
                         const char *pattern) {
    kr_status status = KR_OK;
    char name[64], *target = NULL, *source = kr_path_join(ctx, folder, from), *text = NULL;
    size_t length;
    snprintf(name, sizeof name, pattern, k);
    target = kr_campaign_path(ctx, t->m, t->m->iteration, "00.train");
    if (!source || !target) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_campaign_make_folder(ctx, target));
    KR_TRY(kr_file_read(ctx, source, &text, &length));
    KR_TRY(kr_file_write(ctx, target, name, text, length));
done:
    kr_free(source);
    kr_free(target);
    kr_free(text);
    return status;
}

/* The key beside the model; it is taken away while the model is replaced. */
static kr_status publish_key(kr_context *ctx, const training *t, int k, int there) {
    char name[32], *folder = kr_campaign_path(ctx, t->m, t->m->iteration, "00.train"), *path;
    kr_status status = KR_OK;
    snprintf(name, sizeof name, "model_%d.key", k);
    path = folder ? kr_path_join(ctx, folder, name) : NULL;
    if (!path) status = KR_ERR_MEMORY;
    if (path && !there) unlink(path);
    if (path && there) status = kr_file_write(ctx, folder, name, t->member[k].key, strlen(t->member[k].key));
    kr_free(path);
    kr_free(folder);
    return status;
}

static kr_status collect(kr_context *ctx, void *payload, const kr_task *task, const char *folder, const kr_usage *usage,
                         kr_outcome *outcome, char message[256]) {
    training *t = payload;
    kr_status status = KR_OK;
    int k = find_member(t, task->key);
    kr_model *model = NULL;
    char *path = kr_path_join(ctx, folder, "model.dp");
    if (!path) return KR_ERR_MEMORY;
    if (k < 0) {
        *outcome = KR_OUTCOME_BAD_INPUT;
        snprintf(message, 256, "the model belongs to another iteration or another input");
    } else if (usage->exit_status != 0) {
        *outcome = KR_OUTCOME_CRASHED;
        snprintf(message, 256, "kramers train ended with %d, see stderr", usage->exit_status);
    } else if (kr_model_load(ctx, path, &model) < 0) {
        *outcome = KR_OUTCOME_BAD_OUTPUT;
        snprintf(message, 256, "%s", kr_context_message(ctx));
    } else {
        KR_TRY(publish_key(ctx, t, k, 0));
        KR_TRY(publish(ctx, t, k, folder, "model.dp", "model_%d.dp"));
        KR_TRY(publish(ctx, t, k, folder, "lcurve.out", "lcurve_%d.out"));
        KR_TRY(publish_key(ctx, t, k, 1)); /* last: it says that the model is there */
    }
done:
    kr_model_destroy(&model);
    kr_free(path);
    return status;
}

static kr_status note_model(kr_context *ctx, kr_campaign *m, int k, uint64_t seed, const char *relative) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    char hex[65], *path = kr_path_join(ctx, m->folder, relative);
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_digest_create(ctx, &digest));
    KR_TRY(kr_digest_file(ctx, digest, path));
    kr_digest_end(digest, hex);
    KR_TRY(kr_db_run(ctx, m->db, "DELETE FROM model WHERE iteration = ? AND member = ? AND hidden = 0", "ii",
                     (int64_t)m->iteration, (int64_t)k));
    KR_TRY(kr_db_run(ctx, m->db, "INSERT INTO model(iteration, member, seed, sha256, path) VALUES(?, ?, ?, ?, ?)",
                     "iiiss", (int64_t)m->iteration, (int64_t)k, (int64_t)seed, hex, relative));
done:
    kr_digest_destroy(&digest);
    kr_free(path);
    return status;
}

/* ---- the stage ---- */

/* Without new data the models stay what they are. */
static kr_status is_reuse(kr_context *ctx, training *t) {
    kr_status status = KR_OK;
    int64_t models;
    int anew = 0;
    KR_TRY(kr_db_int(ctx, t->m->db, &models, "SELECT count(*) FROM model WHERE iteration = ? AND hidden = 0", "i",
                     (int64_t)t->m->iteration - 1));
    t->reuse = models == t->m->config.model.ensemble && t->nnew == 0;
    if (models && !t->reuse && t->m->config.warm.enabled)
        KR_TRY(kr_campaign_models(ctx, t->m, t->m->iteration - 1, &t->nstart, &t->start));
    if (t->nstart) KR_TRY(kr_campaign_room(ctx, t->m, &t->data, t->start[0], &anew));
    if (!anew) goto done;
    kr_names_free(t->nstart, t->start);
    t->start = NULL;
    t->nstart = 0;
done:
    return status;
}

static kr_status has_model(kr_context *ctx, const training *t, int k, int *there) {
    char folder[64], name[32];
    snprintf(folder, sizeof folder, "iter.%06d/00.train", t->m->iteration);
    snprintf(name, sizeof name, "model_%d.key", k);
    return kr_campaign_has_key(ctx, t->m, folder, name, t->member[k].key, there);
}

/* A task that is done but whose model is gone has to be done again. */
static kr_status add_task(kr_context *ctx, const training *t, int k) {
    kr_status status = KR_OK;
    int64_t id;
    int there;
    KR_TRY(kr_ledger_add_task(ctx, t->m->ledger, "train", t->member[k].key, t->m->iteration, 0, &id, NULL));
    KR_TRY(has_model(ctx, t, k, &there));
    if (!there)
        KR_TRY(kr_db_run(ctx, t->m->db, "UPDATE task SET state = 'new' WHERE id = ? AND state = 'done'", "i", id));
done:
    return status;
}

static kr_status all_there(kr_context *ctx, const training *t) {
    kr_status status = KR_OK;
    int there;
    for (int k = 0; k < t->nmembers; k++) {
        KR_TRY(has_model(ctx, t, k, &there));
        if (there) continue;
        KR_ERROR(ctx, KR_ERR_NUMERIC, "model %d of iteration %d could not be trained, see tasks/%.2s/%s", k,
                 t->m->iteration, t->member[k].key, t->member[k].key);
        kr_error_hint(ctx, "kramers eelt retry FOLDER gives it another chance when the cause is cured");
        return KR_ERR_NUMERIC;
    }
done:
    return status;
}

static kr_status measure_fit(kr_context *ctx, training *t) {
    kr_status status = KR_OK;
    char *path = kr_campaign_path(ctx, t->m, t->m->iteration, "00.train/model_0.dp");
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_campaign_fit(ctx, t->m, &t->data, path, &t->fit));
    if (isfinite(t->fit)) kr_campaign_say(t->m, "    force error on these frames: %.1f meV/A", 1000 * t->fit);
done:
    kr_free(path);
    return status;
}

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    training *t = NULL;
    if (m->bootstrap) return KR_OK;
    KR_NEW(ctx, t, 1);
    m->state = t;
    t->m = m;
    KR_TRY(kr_data_list_make(ctx, m, &t->data));
    for (int i = 0; i < t->data.n; i++) *(i < t->data.nold ? &t->nold : &t->nnew) += t->data.frames[i];
    if (!(t->nold + t->nnew)) KR_FAIL(ctx, KR_ERR_ARGUMENT, "there are no labelled data to train on");
    KR_TRY(is_reuse(ctx, t));
    if (t->reuse) {
        kr_campaign_say(m, "  train: no new data, the models stay");
        goto done;
    }
    KR_TRY(validation_paths(ctx, t));
    KR_TRY(make_members(ctx, t));
    kr_campaign_say(m, "  train: %d models on %ld frames (%ld new)%s", t->nmembers, t->nold + t->nnew, t->nnew,
                    t->nstart ? ", from the models before" : "");
    KR_TRY(kr_ledger_plan(ctx, m->ledger, "train"));
    for (int k = 0; k < t->nmembers; k++) KR_TRY(add_task(ctx, t, k));
    const kr_work queue = {"train", t, prepare, collect, NULL, NULL};
    KR_TRY(kr_campaign_queue(ctx, m, KR_CONFIG_TRAIN, &queue));
    if (status == KR_OK) KR_TRY(all_there(ctx, t));
    if (status == KR_OK) KR_TRY(measure_fit(ctx, t));
    if (status == KR_OK && m->config.examine.method != KR_NOVELTY_DEVIATION)
        KR_TRY(kr_campaign_make_novelty(ctx, m, &t->data, t->nvalidation, t->validation));
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const training *t = m->state;
    char name[64];
    if (!t) return KR_OK;
    if (t->reuse) {
        KR_TRY(kr_db_run(ctx, m->db,
                         "INSERT INTO model(iteration, member, seed, sha256, path) SELECT ?, member, seed, sha256, "
                         "path FROM model WHERE iteration = ? AND hidden = 0",
                         "ii", (int64_t)m->iteration, (int64_t)m->iteration - 1));
        goto done;
    }
    for (int k = 0; k < t->nmembers; k++) {
        snprintf(name, sizeof name, "iter.%06d/00.train/model_%d.dp", m->iteration, k);
        KR_TRY(note_model(ctx, m, k, t->member[k].seed, name));
    }
    KR_TRY(kr_campaign_metric(ctx, m, "train", "frames", (double)(t->nold + t->nnew), NAN, NAN));
    if (isfinite(t->fit)) KR_TRY(kr_campaign_metric(ctx, m, "train", "rmse_f", t->fit, NAN, NAN));
done:
    return status;
}

const kr_stage_kind kr_stage_train = {"train", work, record, NULL, clear};
