/* Checkpoints: a .dp model with the state of the run beside it, written whole or not at all.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * folder/save_ckpt-STEP.dp for the last max_ckpt_keep steps; the file `checkpoint` holds the name of the last one. The
 * model in it has the parameters of the run in the precision of the model; the state has them in double, with those of
 * the optimizer and the averages. Which frames come next follows from the step. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include "potential/tree_maker.h"
#include "training/training_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_absolute(const char *name) { return name[0] == '/'; }

char *kr_training_path(kr_context *ctx, const kr_training *t, const kr_member *m, const char *name) {
    if (is_absolute(name) && t->nmembers == 1) return kr_strdup(ctx, name);
    const char *folder = t->folder ? t->folder : "";
    const char *slash = *folder ? "/" : "";
    if (t->nmembers == 1) return kr_strprintf(ctx, "%s%s%s", folder, slash, name);
    const char *base = is_absolute(name) ? strrchr(name, '/') + 1 : name;
    return kr_strprintf(ctx, "%s%s%d/%s", folder, slash, m->index, base);
}

/* "save_dir/save_ckpt" */
static char *stem_of(kr_context *ctx, const kr_training *t, const kr_member *m) {
    const kr_input_training *o = &t->input->training;
    char *name = o->save_dir ? kr_path_join(ctx, o->save_dir, o->save_ckpt) : kr_strdup(ctx, o->save_ckpt);
    char *path = name ? kr_training_path(ctx, t, m, name) : NULL;
    kr_free(name);
    return path;
}

static void put_vector(kr_tree_maker *k, kr_tree *map, const char *key, size_t n, const double *values) {
    size_t shape[1] = {n};
    if (values) kr_make_array(k, map, key, KR_FLOAT64, 1, shape, values);
}

static kr_status make_state(kr_context *ctx, const kr_training *t, const kr_member *m, kr_tree **state) {
    kr_status status = KR_OK;
    kr_tree_maker k = {.ctx = ctx};
    kr_tree *optimizer = NULL;
    size_t n = m->model->ntheta;
    *state = kr_make_map(&k, NULL, 0);
    kr_make_string(&k, *state, "version", kr_version());
    kr_make_int(&k, *state, "step", m->step);
    kr_make_int(&k, *state, "last", t->last);
    kr_make_int(&k, *state, "seed", t->input->training.seed);
    kr_make_int(&k, *state, "member", m->index);
    kr_make_string(&k, *state, "engine", t->engine_kind->name);
    kr_make_int(&k, *state, "knots", kr_engine_knots(m->engine));
    kr_make_bool(&k, *state, "single", t->single);
    put_vector(&k, *state, "theta", n, m->theta);
    put_vector(&k, *state, "ema", n, m->ema);
    put_vector(&k, *state, "tail", n, m->tail);
    kr_make_int(&k, *state, "tail_count", m->tail_count);
    put_vector(&k, *state, "best", n, m->best);
    if (isfinite(m->best_error)) kr_make_real(&k, *state, "best_error", m->best_error);
    kr_make_int(&k, *state, "best_step", m->best_step);
    kr_make_int(&k, *state, "worse", m->worse);
    put_vector(&k, *state, "average", 1 + KR_LOSS_TERMS, m->average);
    put_vector(&k, *state, "average_count", 1 + KR_LOSS_TERMS, m->average_count);
    KR_TRY(k.status);
    KR_TRY(kr_optimizer_save(ctx, m->optimizer, &optimizer));
    KR_TRY(kr_tree_set(ctx, *state, "optimizer", &optimizer));
done:
    kr_tree_destroy(&optimizer);
    if (status < 0) kr_tree_destroy(state);
    return status;
}

/* ---- which ones are kept ----------------------------------------------------------------------------------------- */

/* Step of "stem-STEP.dp" in a folder, −1 = another file. */
static int64_t step_of(const char *name, const char *stem) {
    size_t n = strlen(stem);
    char *end;
    if (strncmp(name, stem, n) || name[n] != '-' || name[n + 1] < '0' || name[n + 1] > '9') return -1;
    long long step = strtoll(name + n + 1, &end, 10);
    return strcmp(end, ".dp") ? -1 : step;
}

/* Removes the oldest beyond max_ckpt_keep; what cannot be removed is left. Those above `step` are of another run. */
static kr_status remove_old(kr_context *ctx, const char *stem, int keep, int64_t step) {
    kr_status status = KR_OK;
    int count = 0;
    char **names = NULL, *folder = kr_strdup(ctx, stem), *path = NULL;
    if (!folder) return KR_ERR_MEMORY;
    char *slash = strrchr(folder, '/');
    const char *base = slash ? strrchr(stem, '/') + 1 : stem;
    if (slash) *slash = 0;
    KR_TRY(kr_folder_list(ctx, slash ? folder : ".", &count, &names));
    for (int i = 0; i < count; i++) {
        int64_t s = step_of(names[i], base), newer = 0;
        if (s < 0 || s > step) continue;
        for (int k = 0; k < count; k++) newer += step_of(names[k], base) > s && step_of(names[k], base) <= step;
        if (newer < keep) continue;
        path = slash ? kr_path_join(ctx, folder, names[i]) : kr_strdup(ctx, names[i]);
        if (path) unlink(path);
        kr_free(path);
    }
done:
    kr_names_free(count, names);
    kr_free(folder);
    return status;
}

kr_status kr_checkpoint_write(kr_context *ctx, kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    kr_tree *state = NULL;
    kr_file_writer note = {0};
    char *stem = NULL, *path = NULL, *list = NULL;
    if (t->options.rank != 0) return KR_OK;
    stem = stem_of(ctx, t, m);
    list = kr_training_path(ctx, t, m, "checkpoint");
    path = stem ? kr_strprintf(ctx, "%s-%lld.dp", stem, (long long)m->step) : NULL;
    if (!path || !list) KR_TRY(KR_ERR_MEMORY);
    kr_member_place(m, m->theta);
    KR_TRY(make_state(ctx, t, m, &state));
    KR_TRY(kr_model_save_state(ctx, m->model, state, path));
    KR_TRY(kr_file_begin(ctx, list, &note));
    fprintf(note.stream, "%s\n", path);
    KR_TRY(kr_file_commit(ctx, &note));
    KR_TRY(remove_old(ctx, stem, t->input->training.max_ckpt_keep, m->step));
    kr_free(t->checkpoint);
    t->checkpoint = path;
    path = NULL;
done:
    kr_file_abandon(&note);
    kr_tree_destroy(&state);
    kr_free(stem);
    kr_free(path);
    kr_free(list);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

kr_status kr_checkpoint_find(kr_context *ctx, const char *folder, const char *given, char **path) {
    kr_status status = KR_OK;
    char *list = NULL, *text = NULL, *beside = NULL;
    size_t length;
    *path = NULL;
    if (*given) {
        *path = kr_strdup(ctx, given);
        return *path ? KR_OK : KR_ERR_MEMORY;
    }
    list = folder ? kr_path_join(ctx, folder, "checkpoint") : kr_strdup(ctx, "checkpoint");
    if (!list) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(list)) {
        KR_ERROR(ctx, KR_ERR_IO, "%s: no such file, so there is no checkpoint to go on from", list);
        kr_error_hint(ctx, "name the checkpoint, as in --restart-from model.ckpt-1000.dp");
        KR_TRY(KR_ERR_IO);
    }
    KR_TRY(kr_file_read(ctx, list, &text, &length));
    text[strcspn(text, "\r\n")] = 0;
    *path = kr_strdup(ctx, text);
    if (!*path) KR_TRY(KR_ERR_MEMORY);
    /* The folder was moved, or the run began in another one: beside the list, or in save_dir there. */
    for (const char *rest = text; !kr_file_exists(*path) && rest; rest = strchr(rest, '/')) {
        rest += strspn(rest, "/");
        beside = kr_path_join(ctx, folder ? folder : ".", rest);
        if (!beside) KR_TRY(KR_ERR_MEMORY);
        if (kr_file_exists(beside)) {
            kr_free(*path);
            *path = beside;
        } else {
            kr_free(beside);
        }
        beside = NULL;
    }
done:
    kr_free(beside);
    kr_free(list);
    kr_free(text);
    return status;
}

/* map[key] [n] → to; absent leaves it as it is. */
static kr_status take_vector(kr_context *ctx, const kr_tree *map, const char *key, size_t n, double *to) {
    const kr_tree *array = kr_tree_get(map, key);
    if (!array || !to) return KR_OK;
    if (array->kind != KR_TREE_ARRAY || kr_tree_array_size(array) != n)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s of the checkpoint has %zu numbers, %zu are needed", key,
                        kr_tree_array_size(array), n);
    memcpy(to, array->data, n * sizeof *to);
    return KR_OK;
}

static int64_t integer_of(const kr_tree *map, const char *key) {
    const kr_tree *node = kr_tree_get(map, key);
    return node && node->kind == KR_TREE_INT ? node->integer : 0;
}

kr_status kr_checkpoint_read(kr_context *ctx, kr_training *t, kr_member *m, const char *path) {
    kr_status status = KR_OK;
    kr_tree *state = NULL;
    const kr_tree *error, *engine;
    size_t n = m->model->ntheta;
    KR_TRY(kr_model_load_state(ctx, path, &state));
    if (!kr_tree_get(state, "theta") || !kr_tree_get(state, "optimizer"))
        KR_FAIL(ctx, KR_ERR_FORMAT, "the state of the run is not complete");
    KR_TRY(take_vector(ctx, state, "theta", n, m->theta));
    KR_TRY(take_vector(ctx, state, "ema", n, m->ema));
    KR_TRY(take_vector(ctx, state, "tail", n, m->tail));
    KR_TRY(take_vector(ctx, state, "best", n, m->best));
    KR_TRY(take_vector(ctx, state, "average", 1 + KR_LOSS_TERMS, m->average));
    KR_TRY(take_vector(ctx, state, "average_count", 1 + KR_LOSS_TERMS, m->average_count));
    KR_TRY(kr_optimizer_load(ctx, m->optimizer, kr_tree_get(state, "optimizer")));
    m->step = integer_of(state, "step");
    m->tail_count = integer_of(state, "tail_count");
    m->best_step = integer_of(state, "best_step");
    m->worse = integer_of(state, "worse");
    error = kr_tree_get(state, "best_error");
    if (error) m->best_error = error->real;
    engine = kr_tree_get(state, "engine");
    if (engine && engine->kind == KR_TREE_STRING && strcmp(engine->string, t->engine_kind->name))
        kr_log(ctx, KR_LOG_WARNING, "the checkpoint was written with the engine %s, this run uses %s", engine->string,
               t->engine_kind->name);
    else if (kr_tree_get(state, "knots") && integer_of(state, "knots") != kr_engine_knots(m->engine))
        KR_TRY(kr_member_engine(ctx, t, m, (int)integer_of(state, "knots"))); /* splines that were refined on the way */
    if (integer_of(state, "last") != t->last)
        kr_log(ctx, KR_LOG_WARNING, "the run had %lld steps when the checkpoint was written, now it has %lld",
               (long long)integer_of(state, "last"), (long long)t->last);
    kr_member_place(m, m->theta);
done:
    if (status < 0) kr_error_prefix(ctx, "%s", path);
    kr_tree_destroy(&state);
    return status;
}
