/* Making a run: input, data, sel, model, statistics, engine, optimizer.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * 1. input.json, completed                    2. systems read, neighbours counted where sel is "auto"
 * 3. models: new, loaded, or from checkpoints  4. frames prepared, batch rules
 * 5. statistics (new models), bias (finetune)  6. schedule, engine, optimizers, state of a restart */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/text.h"
#include "training/init.h"
#include "training/statistics.h"
#include "training/training_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sel --------------------------------------------------------------------------------------------------------- */

/* ×factor, rounded up to a multiple of 4. */
static int padded(int most, double factor) {
    int n = (int)ceil(most * factor);
    return n > 0 ? (n + 3) / 4 * 4 : 4;
}

static kr_status replace_sel(kr_context *ctx, kr_training *t) {
    kr_status status = KR_OK;
    kr_tree *descriptor = (kr_tree *)kr_tree_at(t->input->complete, "model.descriptor"), *list = NULL, *number = NULL;
    int mixed = t->input->model.descriptor.type >= KR_INPUT_SE_ATTEN;
    if (mixed) {
        KR_TRY(kr_tree_new_int(ctx, t->sel[0], &list));
    } else {
        KR_TRY(kr_tree_new(ctx, KR_TREE_LIST, &list));
        for (int i = 0; i < t->nsel; i++) {
            KR_TRY(kr_tree_new_int(ctx, t->sel[i], &number));
            KR_TRY(kr_tree_append(ctx, list, &number));
        }
    }
    KR_TRY(kr_tree_set(ctx, descriptor, "sel", &list));
    t->input->model.descriptor.sel = kr_tree_get(descriptor, "sel");
done:
    kr_tree_destroy(&list);
    return status;
}

static kr_status count_sel(kr_context *ctx, kr_training *t) {
    kr_status status = KR_OK;
    const kr_input_model *in = &t->input->model;
    const char **names = NULL;
    int *most = NULL, *total = NULL, nt = in->type_map->count, mixed = in->descriptor.type >= KR_INPUT_SE_ATTEN,
        all = 0;
    double factor = 1.1, shortest;
    const char *colon = strchr(in->descriptor.sel->string, ':');
    if (colon) factor = kr_read_real(colon + 1, NULL);
    KR_NEW(ctx, names, (size_t)nt);
    KR_NEW(ctx, most, 2 * (size_t)nt);
    total = most + nt;
    for (int i = 0; i < nt; i++) names[i] = in->type_map->child[i]->string;
    for (int k = 0; k < 2; k++) {
        kr_data_set *set = k ? t->validation : t->data;
        int sum;
        if (!set) continue;
        KR_TRY(kr_data_neighbors(ctx, set, nt, names, in->descriptor.rcut, total, &sum, &shortest));
        for (int i = 0; i < nt; i++)
            if (total[i] > most[i]) most[i] = total[i];
        if (sum > all) all = sum;
    }
    t->nsel = mixed ? 1 : nt;
    KR_NEW(ctx, t->sel, (size_t)t->nsel);
    for (int i = 0; i < t->nsel; i++) t->sel[i] = padded(mixed ? all : most[i], factor);
    KR_TRY(replace_sel(ctx, t));
done:
    kr_free(names);
    kr_free(most);
    return status;
}

static kr_status choose_sel(kr_context *ctx, kr_training *t) {
    const kr_tree *sel = t->input->model.descriptor.sel;
    int mixed = t->input->model.descriptor.type >= KR_INPUT_SE_ATTEN;
    if (sel->kind == KR_TREE_STRING) return count_sel(ctx, t);
    kr_status status = kr_parameter_ints(ctx, sel, &t->nsel, &t->sel);
    if (status < 0) return status;
    for (int i = 1; mixed && i < t->nsel; i++) t->sel[0] += t->sel[i];
    if (mixed) t->nsel = 1;
    return KR_OK;
}

/* ---- models ------------------------------------------------------------------------------------------------------ */

static kr_status differs(kr_context *ctx, const char *path, const char *what, double found, double wanted) {
    KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s has %s %g, the input asks for %g", path, what, found, wanted);
    kr_error_hint(ctx, "the model section of the input must describe the model that is loaded");
    return KR_ERR_ARGUMENT;
}

/* A loaded model must be what the input describes. */
static kr_status check_same(kr_context *ctx, const kr_training *t, const kr_model *model, const char *path) {
    kr_status status = KR_OK;
    const kr_input_model *in = &t->input->model;
    const kr_input_descriptor *d = &in->descriptor;
    if (strcmp(model->descriptor.type, d->type_name))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s has the descriptor %s, the input asks for %s", path, model->descriptor.type,
                d->type_name);
    if (model->descriptor.rcut != d->rcut) return differs(ctx, path, "rcut", model->descriptor.rcut, d->rcut);
    if (model->descriptor.rcut_smth != d->rcut_smth)
        return differs(ctx, path, "rcut_smth", model->descriptor.rcut_smth, d->rcut_smth);
    if (model->descriptor.nneuron != d->neuron->count)
        return differs(ctx, path, "embedding layers", model->descriptor.nneuron, d->neuron->count);
    for (int i = 0; i < d->neuron->count; i++)
        if (model->descriptor.neuron[i] != d->neuron->child[i]->integer)
            return differs(ctx, path, "an embedding width of", model->descriptor.neuron[i], d->neuron->child[i]->real);
    if (model->fitting.nneuron != in->fitting.neuron->count)
        return differs(ctx, path, "fitting layers", model->fitting.nneuron, in->fitting.neuron->count);
    for (int i = 0; i < in->fitting.neuron->count; i++)
        if (model->fitting.neuron[i] != in->fitting.neuron->child[i]->integer)
            return differs(ctx, path, "a fitting width of", model->fitting.neuron[i],
                           in->fitting.neuron->child[i]->real);
    for (int i = 0; i < in->type_map->count; i++)
        if (kr_model_type_index(model, in->type_map->child[i]->string) < 0)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s does not know the element %s of type_map", path,
                    in->type_map->child[i]->string);
done:
    return status;
}

static kr_status load_model(kr_context *ctx, kr_training *t, kr_member *m, const char *path) {
    kr_status status = KR_OK;
    KR_TRY(kr_model_load(ctx, path, &m->model));
    KR_TRY(check_same(ctx, t, m->model, path));
done:
    return status;
}

static kr_status make_models(kr_context *ctx, kr_training *t) {
    kr_status status = KR_OK;
    const char *from = t->options.finetune ? t->options.finetune : t->options.init_model;
    char *path = NULL, *folder = NULL;
    KR_NEW(ctx, t->member, (size_t)t->nmembers);
    for (int i = 0; i < t->nmembers; i++) {
        kr_member *m = &t->member[i];
        m->index = i;
        m->best_error = INFINITY;
        if (t->restart) {
            folder = t->nmembers > 1 ? kr_training_path(ctx, t, m, "") : t->folder ? kr_strdup(ctx, t->folder) : NULL;
            if (folder && *folder && folder[strlen(folder) - 1] == '/') folder[strlen(folder) - 1] = 0;
            KR_TRY(kr_checkpoint_find(ctx, folder, t->restart, &path));
            KR_TRY(load_model(ctx, t, m, path));
            kr_free(folder);
            kr_free(path);
            path = folder = NULL;
        } else if (from) {
            KR_TRY(load_model(ctx, t, m, from));
        } else {
            KR_TRY(kr_training_model(ctx, t->input, t->nsel, t->sel, i, &m->model));
            t->fresh = 1;
        }
        KR_TRY(kr_training_mask(ctx, m->model, &m->mask));
    }
done:
    kr_free(folder);
    kr_free(path);
    return status;
}

/* ---- the rest of a member ---------------------------------------------------------------------------------------- */

static kr_status choose_engine(kr_context *ctx, kr_training *t) {
    static const char *const names[] = {NULL, "moment", "exact"};
    const kr_input_own *own = &t->input->own;
    const kr_model *model = t->member[0].model;
    if (own->engine) {
        t->engine_kind = kr_engine_find(names[own->engine]);
        if (!t->engine_kind)
            return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "kramers.engine: there is no engine \"%s\"", names[own->engine]);
    } else {
        t->engine_kind = kr_engine_find("moment");
        if (!t->engine_kind || (t->engine_kind->refuses && t->engine_kind->refuses(model)))
            t->engine_kind = kr_engine_find("exact");
        if (!t->engine_kind) return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "there is no engine for this model");
    }
    t->single = own->precision == 0
                    ? model->fitting.precision == KR_FLOAT32 && model->descriptor.precision == KR_FLOAT32
                    : own->precision == 2;
    return KR_OK;
}

void kr_member_place(kr_member *m, const double *theta) {
    if (theta != m->model->theta) memcpy(m->model->theta, theta, m->model->ntheta * sizeof *theta);
}

kr_status kr_member_engine(kr_context *ctx, const kr_training *t, kr_member *m, int knots) {
    kr_status status = KR_OK;
    int nt = m->model->ntypes;
    float *distances = NULL;
    KR_NEW(ctx, distances, (size_t)nt * (size_t)nt * KR_ENGINE_BINS);
    for (int k = 0; k < 2; k++) {
        const kr_data_set *set = k ? t->validation : t->data;
        if (set) kr_batch_distances(&(kr_batch){.nframes = set->nframes, .frame = set->frame}, nt, distances);
    }
    kr_engine_options o = {.single = t->single,
                           .knots = knots,
                           .tolerance = t->input->own.spline_tolerance,
                           .distances = distances,
                           .r_low = isfinite(t->data->shortest) ? 0.85 * t->data->shortest : 0.5};
    kr_engine_destroy(&m->engine);
    KR_TRY(kr_engine_create(ctx, t->engine_kind, m->model, &o, &m->engine));
done:
    kr_free(distances);
    return status;
}

static kr_status equip(kr_context *ctx, kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    const kr_input *in = t->input;
    const kr_optimizer_kind *kind = kr_optimizer_find(in->optimizer);
    size_t n = m->model->ntheta;
    if (!kind) {
        KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "optimizer.type: there is no optimizer \"%.40s\"", in->optimizer);
        kr_error_hint(ctx, "the first ones are %s", kr_optimizer_count() ? kr_optimizer_at(0)->name : "");
        KR_TRY(KR_ERR_UNSUPPORTED);
    }
    KR_TRY(kr_member_engine(ctx, t, m, in->own.spline_knots));
    KR_TRY(kr_member_optimizer(ctx, t, m, kind));
    /* Line searches look at trial points and need θ to stay; other optimizers work in the model's own array. */
    if (kind->full_batch) {
        KR_NEW(ctx, m->theta, n);
        memcpy(m->theta, m->model->theta, n * sizeof *m->theta);
    } else {
        m->theta = m->model->theta;
    }
    if (in->training.enable_ema) {
        KR_NEW(ctx, m->ema, n);
        memcpy(m->ema, m->theta, n * sizeof *m->theta);
    }
    if (in->own.average_tail > 0) KR_NEW(ctx, m->tail, n);
    if (in->own.patience > 0) KR_NEW(ctx, m->best, n);
done:
    if (status < 0) kr_error_prefix(ctx, "%s", t->input_path);
    return status;
}

static kr_status set_steps(kr_context *ctx, kr_training *t) {
    const kr_input_training *o = &t->input->training;
    if (o->numb_steps != KR_PARAMETER_NULL)
        t->last = o->numb_steps;
    else
        t->last = (int64_t)ceil(o->numb_epoch * t->data->npass);
    kr_status status = kr_schedule_set(ctx, &t->input->rate, t->last, &t->schedule);
    if (status < 0) kr_error_prefix(ctx, "%s", t->input_path);
    return status;
}

static kr_status write_completed(kr_context *ctx, kr_training *t) {
    kr_status status = KR_OK;
    const char *name = t->options.completed ? t->options.completed : "out.json";
    char *text = NULL, *path = NULL;
    kr_file_writer out = {0};
    if (!*name || t->options.rank != 0) return KR_OK;
    path = t->folder && *name != '/' ? kr_path_join(ctx, t->folder, name) : kr_strdup(ctx, name);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_json_format(ctx, t->input->complete, 4, &text));
    KR_TRY(kr_file_begin(ctx, path, &out));
    fprintf(out.stream, "%s\n", text);
    KR_TRY(kr_file_commit(ctx, &out));
done:
    kr_file_abandon(&out);
    kr_free(text);
    kr_free(path);
    return status;
}

static kr_status copy_options(kr_context *ctx, const char *input, const kr_training_options *options, kr_training *t) {
    kr_status status = KR_OK;
    static const kr_training_options none = KR_TRAINING_OPTIONS_DEFAULT;
    t->options = options ? *options : none;
    t->nmembers = t->options.ensemble > 1 ? t->options.ensemble : 1;
    t->input_path = kr_strdup(ctx, input);
    t->output = kr_strdup(ctx, t->options.output ? t->options.output : "model.dp");
    if (!t->input_path || !t->output) KR_TRY(KR_ERR_MEMORY);
    if (t->options.folder && !(t->folder = kr_strdup(ctx, t->options.folder))) KR_TRY(KR_ERR_MEMORY);
    if (t->options.restart && !(t->restart = kr_strdup(ctx, t->options.restart))) KR_TRY(KR_ERR_MEMORY);
    if ((t->options.restart != NULL) + (t->options.init_model != NULL) + (t->options.finetune != NULL) > 1)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "only one of restart, init_model and finetune can be given");
    if (t->nmembers > 1 && t->restart && *t->restart)
        KR_FAIL(ctx, KR_ERR_ARGUMENT,
                "an ensemble is restarted from the checkpoints that its folders name, not from %s", t->restart);
    if (t->options.nranks > 1 && !t->options.sum)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%d processes need a function that sums over them", t->options.nranks);
    if (t->options.rank < 0 || t->options.rank >= (t->options.nranks > 1 ? t->options.nranks : 1))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "rank is %d of %d", t->options.rank, t->options.nranks);
done:
    return status;
}

static kr_status make_folders(kr_context *ctx, kr_training *t) {
    kr_status status = KR_OK;
    char *path = NULL;
    if (t->options.rank != 0) return KR_OK;
    if (t->folder) KR_TRY(kr_folder_make_all(ctx, t->folder));
    for (int i = 0; i < t->nmembers; i++) {
        kr_member member = {.index = i};
        path = kr_training_path(ctx, t, &member, t->input->training.save_dir ? t->input->training.save_dir : "");
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_folder_make_all(ctx, path));
        kr_free(path);
        path = NULL;
    }
done:
    kr_free(path);
    return status;
}

kr_status kr_training_create(kr_context *ctx, const char *input, const kr_training_options *options,
                             kr_training **training) {
    if (!input || !training) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_training_create: input and training are needed");
    kr_status status = KR_OK;
    kr_training *t = NULL;
    const kr_input_training *o;
    uint64_t seed;
    *training = NULL;
    KR_NEW(ctx, t, 1);
    KR_TRY(copy_options(ctx, input, options, t));
    KR_TRY(kr_input_read(ctx, input, &t->input));
    o = &t->input->training;
    seed = (uint64_t)o->seed;
    KR_TRY(kr_loss_check(ctx, &t->input->loss));
    KR_TRY(kr_data_read(ctx, &o->data, "training.training_data", &t->data));
    if (o->validation.present) KR_TRY(kr_data_read(ctx, &o->validation, "training.validation_data", &t->validation));
    KR_TRY(choose_sel(ctx, t));
    KR_TRY(make_folders(ctx, t));
    KR_TRY(make_models(ctx, t));
    KR_TRY(kr_data_prepare(ctx, t->data, t->member[0].model, &o->data, "training.training_data", &t->input->own, seed));
    if (t->validation)
        KR_TRY(kr_data_prepare(ctx, t->validation, t->member[0].model, &o->validation, "training.validation_data",
                               &t->input->own, seed + 1));
    KR_TRY(set_steps(ctx, t));
    KR_TRY(choose_engine(ctx, t));
    t->frames_room = kr_data_largest_batch(t->data);
    if (t->validation && kr_data_largest_batch(t->validation) > t->frames_room)
        t->frames_room = kr_data_largest_batch(t->validation);
    KR_NEW(ctx, t->frames, (size_t)t->frames_room);
    if (t->options.nranks > 1) KR_NEW(ctx, t->sums, t->member[0].model->ntheta + 2 * KR_LOSS_TERMS + 8);
    for (int i = 0; i < t->nmembers; i++) {
        kr_member *m = &t->member[i];
        if (t->fresh) KR_TRY(kr_statistics_apply(ctx, t->input, t->data, m->model, &t->spread));
        for (int k = 0; k < m->model->ntypes; k++) m->model->out_std[k] = 1; /* TensorFlow multiplies by it */
        if (isfinite(t->data->shortest)) {
            m->model->has_min_nbor_dist = 1;
            m->model->min_nbor_dist = t->data->shortest;
        }
        KR_TRY(equip(ctx, t, m));
        if (t->options.finetune) KR_TRY(kr_member_change_bias(ctx, t, m));
    }
    KR_TRY(write_completed(ctx, t));
    *training = t;
    t = NULL;
done:
    kr_training_destroy(&t);
    return status;
}

void kr_training_destroy(kr_training **training) {
    if (!training || !*training) return;
    kr_training *t = *training;
    for (int i = 0; t->member && i < t->nmembers; i++) {
        kr_member *m = &t->member[i];
        kr_engine_destroy(&m->engine);
        kr_optimizer_destroy(&m->optimizer);
        if (m->model && m->theta != m->model->theta) kr_free(m->theta);
        kr_model_destroy(&m->model);
        kr_free(m->mask);
        kr_free(m->ema);
        kr_free(m->tail);
        kr_free(m->best);
    }
    kr_free(t->member);
    kr_data_destroy(&t->data);
    kr_data_destroy(&t->validation);
    kr_input_destroy(&t->input);
    kr_loss_workspace_free(&t->loss);
    kr_free(t->frames);
    kr_free(t->sums);
    kr_free(t->sel);
    kr_free(t->input_path);
    kr_free(t->output);
    kr_free(t->folder);
    kr_free(t->restart);
    kr_free(t->checkpoint);
    kr_free(t);
    *training = NULL;
}

int64_t kr_training_step(const kr_training *t) { return t->member[t->current].step; }
int64_t kr_training_last(const kr_training *t) { return t->last; }
const char *kr_training_checkpoint(const kr_training *t) { return t->checkpoint ? t->checkpoint : ""; }
void kr_training_describe_input(void (*line)(const char *text, void *payload), void *payload) {
    kr_input_describe(line, payload);
}
