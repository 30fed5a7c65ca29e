/* Model trees with random parameters, read by the reader of model files.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The tree is that of a .dp file, so that a new model and a loaded one go the same way. */
#include "training/init.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "potential/econf.h"
#include "potential/tree_maker.h"
#include <math.h>
#include <string.h>

/* Purposes of the streams; never change: seeds would mean other models. */
enum { PURPOSE_DESCRIPTOR = 0x6b01, PURPOSE_FITTING = 0x6b02 };
/* Numbers of the networks within a purpose. */
enum { NET_EMBEDDING = 0, NET_STRIP = 1 << 20, NET_TYPE = 1 << 21, NET_ATTENTION = 1 << 22, NET_GAIN = 1 << 23 };

typedef struct maker {
    kr_tree_maker m;
    const kr_input *input;
    int ntypes;
    kr_stream stream;
    int net; /* number of the network being made */
    const char *precision;
} maker;

static const char *precision_name(const char *name) {
    return !strcmp(name, "float32") || !strcmp(name, "single") ? "float32" : "float64";
}

/* N(mean, width²) [n]: element i is number i % 4 of draw (net, i / 4, part). */
static void put_random(maker *k, kr_tree *map, const char *key, int ndim, const size_t *shape, int part, double mean,
                       double width) {
    size_t n = ndim == 2 ? shape[0] * shape[1] : shape[0];
    double *values = kr_malloc(k->m.ctx, n + 4, sizeof *values);
    if (!values) {
        k->m.status = KR_ERR_MEMORY;
        return;
    }
    for (size_t i = 0; i < n; i += 4) {
        double normal[4];
        kr_random_normal(k->stream, (uint64_t)k->net, i / 4, (uint64_t)part, normal);
        for (size_t j = 0; j < 4; j++) values[i + j] = mean + width * normal[j];
    }
    kr_make_array(&k->m, map, key, strcmp(k->precision, "float32") ? KR_FLOAT64 : KR_FLOAT32, ndim, shape, values);
    kr_free(values);
}

/* One layer; resnet = "skip when the shape allows". */
static kr_tree *make_layer(maker *k, int index, int in, int out, int bias, int idt, int resnet, int trainable,
                           const char *activation) {
    kr_tree *map = kr_make_map(&k->m, "Layer", 2), *variables = kr_make_map(&k->m, NULL, 0);
    size_t shape[2] = {(size_t)in, (size_t)out};
    int has_idt = idt && (out == in || out == 2 * in);
    kr_make_bool(&k->m, map, "bias", bias);
    kr_make_bool(&k->m, map, "use_timestep", has_idt);
    kr_make_string(&k->m, map, "activation_function", activation);
    kr_make_bool(&k->m, map, "resnet", resnet);
    kr_make_string(&k->m, map, "precision", k->precision);
    kr_make_bool(&k->m, map, "trainable", trainable);
    put_random(k, variables, "w", 2, shape, 3 * index, 0.0, 1.0 / sqrt((double)in + (double)out));
    if (bias)
        put_random(k, variables, "b", 1, shape + 1, 3 * index + 1, 0.0, 1.0);
    else
        kr_make_null(&k->m, variables, "b");
    if (has_idt)
        put_random(k, variables, "idt", 1, shape + 1, 3 * index + 2, 0.1, 0.001);
    else
        kr_make_null(&k->m, variables, "idt");
    kr_make_set(&k->m, map, "@variables", variables);
    return map;
}

/* Hidden layers of the widths in `neuron`, for a fitting net with a linear layer of width 1 at the end. trainable
 * [layers] or NULL = all `every`. */
static kr_tree *make_net(maker *k, const char *class_name, int version, int in, const kr_tree *neuron,
                         const char *activation, int bias, int idt, int fitting, const kr_tree *trainable, int every) {
    kr_tree *map = kr_make_map(&k->m, class_name, version), *layers = kr_make_list(&k->m), *widths = NULL;
    int width = in, n = neuron->count;
    for (int i = 0; i < n + (fitting != 0); i++) {
        int out = i < n ? (int)neuron->child[i]->integer : 1;
        int train = trainable && trainable->kind == KR_TREE_LIST ? (int)trainable->child[i]->integer : every;
        kr_make_append(&k->m, layers,
                       make_layer(k, i, width, out, bias, i < n && idt, i < n, train, i < n ? activation : "none"));
        width = out;
    }
    if (k->m.status == KR_OK) k->m.status = kr_tree_copy(k->m.ctx, neuron, &widths);
    kr_make_int(&k->m, map, "in_dim", in);
    kr_make_set(&k->m, map, "neuron", widths);
    kr_make_string(&k->m, map, "activation_function", activation);
    kr_make_bool(&k->m, map, "resnet_dt", idt);
    kr_make_string(&k->m, map, "precision", k->precision);
    if (fitting) {
        kr_make_int(&k->m, map, "out_dim", 1);
        kr_make_bool(&k->m, map, "bias_out", 1);
    } else {
        kr_make_bool(&k->m, map, "bias", bias);
    }
    kr_make_set(&k->m, map, "layers", layers);
    return map;
}

static kr_tree *collection(maker *k, const char *type, int ndim, kr_tree *networks) {
    kr_tree *map = kr_make_map(&k->m, "NetworkCollection", 1);
    kr_make_int(&k->m, map, "ndim", ndim);
    kr_make_int(&k->m, map, "ntypes", k->ntypes);
    kr_make_string(&k->m, map, "network_type", type);
    kr_make_set(&k->m, map, "networks", networks);
    return map;
}

static void put_copy(maker *k, kr_tree *map, const char *key, const kr_tree *value) {
    kr_tree *copy = NULL;
    if (k->m.status == KR_OK) k->m.status = kr_tree_copy(k->m.ctx, value, &copy);
    kr_make_set(&k->m, map, key, copy);
}

static kr_tree *make_embeddings(maker *k, int first, int ndim, int in) {
    const kr_input_descriptor *d = &k->input->model.descriptor;
    kr_tree *list = kr_make_list(&k->m);
    int count = ndim == 0 ? 1 : ndim == 1 ? k->ntypes : k->ntypes * k->ntypes;
    for (int e = 0; e < count; e++) {
        k->net = first + e;
        kr_make_append(
            &k->m, list,
            make_net(k, "EmbeddingNetwork", 2, in, d->neuron, d->activation, 1, d->resnet_dt, 0, NULL, d->trainable));
    }
    return collection(k, "embedding_network", ndim, list);
}

static kr_tree *make_attention(maker *k, int layer, int ng) {
    const kr_input_descriptor *d = &k->input->model.descriptor;
    kr_tree *map = kr_make_map(&k->m, NULL, 0), *gate = kr_make_map(&k->m, NULL, 0),
            *norm = kr_make_map(&k->m, "LayerNorm", 1), *variables = kr_make_map(&k->m, NULL, 0);
    size_t shape[1] = {(size_t)ng};
    k->net = NET_ATTENTION + layer;
    kr_make_int(&k->m, gate, "hidden_dim", d->attn);
    kr_make_int(&k->m, gate, "num_heads", 1);
    kr_make_bool(&k->m, gate, "dotr", d->attn_dotr);
    kr_make_bool(&k->m, gate, "normalize", d->normalize);
    kr_make_bool(&k->m, gate, "smooth", d->smooth_type_embedding);
    kr_make_real(&k->m, gate, "scaling_factor", d->scaling_factor);
    if (!isnan(d->temperature)) kr_make_real(&k->m, gate, "temperature", d->temperature);
    kr_make_set(&k->m, gate, "in_proj", make_layer(k, 0, ng, 3 * d->attn, 1, 0, 0, d->trainable, "none"));
    kr_make_set(&k->m, gate, "out_proj", make_layer(k, 1, d->attn, ng, 1, 0, 0, d->trainable, "none"));
    kr_make_set(&k->m, map, "attention_layer", gate);
    kr_make_bool(&k->m, map, "trainable_ln", d->trainable_ln && d->trainable);
    kr_make_real(&k->m, norm, "eps", isnan(d->ln_eps) ? 1e-5 : d->ln_eps);
    put_random(k, variables, "w", 1, shape, 6, 1.0, 0.0);
    put_random(k, variables, "b", 1, shape, 7, 0.0, 0.0);
    kr_make_set(&k->m, norm, "@variables", variables);
    kr_make_set(&k->m, map, "attn_layer_norm", norm);
    return map;
}

/* One layer, one-hot types (or electron configurations) → tebd_dim. */
static kr_tree *make_type_embedding(maker *k) {
    const kr_input_descriptor *d = &k->input->model.descriptor;
    kr_tree *map = kr_make_map(&k->m, "TypeEmbedNet", 2), *neuron = kr_make_list(&k->m);
    int dim = d->tebd_dim;
    kr_tree *width = NULL;
    if (k->m.status == KR_OK) k->m.status = kr_tree_new_int(k->m.ctx, dim, &width);
    kr_make_append(&k->m, neuron, width);
    k->net = NET_TYPE;
    kr_make_bool(&k->m, map, "padding", 1);
    if (k->m.status == KR_OK)
        kr_make_set(&k->m, map, "embedding",
                    make_net(k, "EmbeddingNetwork", 2, d->use_econf_tebd ? KR_ECONF_DIM : k->ntypes, neuron, "Linear",
                             d->use_tebd_bias, 0, 0, NULL, d->trainable));
    kr_tree_destroy(&neuron);
    return map;
}

static void put_dpa1(maker *k, kr_tree *map, int ng) {
    const kr_input_descriptor *d = &k->input->model.descriptor;
    kr_tree *layers = kr_make_map(&k->m, "NeighborGatedAttention", 1), *list = kr_make_list(&k->m);
    int v2 = d->type == KR_INPUT_SE_ATTEN_V2, sides = d->type_one_side ? 1 : 2;
    kr_make_int(&k->m, map, "tebd_dim", d->tebd_dim);
    if (!v2) kr_make_string(&k->m, map, "tebd_input_mode", d->strip ? "strip" : "concat");
    if (!v2) kr_make_bool(&k->m, map, "smooth_type_embedding", d->smooth_type_embedding);
    kr_make_int(&k->m, map, "attn", d->attn);
    kr_make_int(&k->m, map, "attn_layer", d->attn_layer);
    kr_make_bool(&k->m, map, "attn_dotr", d->attn_dotr);
    kr_make_bool(&k->m, map, "attn_mask", 0);
    kr_make_bool(&k->m, map, "normalize", d->normalize);
    kr_make_real(&k->m, map, "scaling_factor", d->scaling_factor);
    if (!isnan(d->temperature)) kr_make_real(&k->m, map, "temperature", d->temperature);
    kr_make_bool(&k->m, map, "trainable_ln", d->trainable_ln && d->trainable);
    kr_make_real(&k->m, map, "ln_eps", isnan(d->ln_eps) ? 1e-5 : d->ln_eps);
    if (d->lmax > 1) kr_make_int(&k->m, map, "lmax", d->lmax);
    if (d->lmax > 1 && k->input->own.separate_degrees) kr_make_bool(&k->m, map, "separate_degrees", 1);
    kr_make_bool(&k->m, map, "concat_output_tebd", d->concat_output_tebd);
    kr_make_bool(&k->m, map, "use_econf_tebd", d->use_econf_tebd);
    kr_make_bool(&k->m, map, "use_tebd_bias", d->use_tebd_bias);
    kr_make_set(&k->m, map, "embeddings", make_embeddings(k, NET_EMBEDDING, 0, d->strip ? 1 : 1 + sides * d->tebd_dim));
    if (d->strip) kr_make_set(&k->m, map, "embeddings_strip", make_embeddings(k, NET_STRIP, 0, sides * d->tebd_dim));
    for (int l = 0; l < d->attn_layer; l++) kr_make_append(&k->m, list, make_attention(k, l, ng));
    kr_make_int(&k->m, layers, "layer_num", d->attn_layer);
    kr_make_set(&k->m, layers, "attention_layers", list);
    kr_make_set(&k->m, map, "attention_layers", layers);
    kr_make_set(&k->m, map, "type_embedding", make_type_embedding(k));
}

/* davg = 0, dstd = 1 [nt][nnei][columns]; gains of angular degrees above 1. */
static void put_statistics(maker *k, kr_tree *map, int nnei, int columns) {
    size_t shape[3] = {(size_t)k->ntypes, (size_t)nnei, (size_t)columns}, n = shape[0] * shape[1] * shape[2];
    kr_tree *variables = kr_make_map(&k->m, NULL, 0);
    double *values = kr_calloc(k->m.ctx, n, sizeof *values);
    if (!values && k->m.status == KR_OK) k->m.status = KR_ERR_MEMORY;
    if (values) kr_make_array(&k->m, variables, "davg", KR_FLOAT64, 3, shape, values);
    for (size_t i = 0; values && i < n; i++) values[i] = 1.0;
    if (values) kr_make_array(&k->m, variables, "dstd", KR_FLOAT64, 3, shape, values);
    kr_free(values);
    if (k->input->model.descriptor.lmax > 1) {
        size_t gains[1] = {(size_t)k->input->model.descriptor.lmax - 1};
        k->net = NET_GAIN;
        put_random(k, variables, "degree_gain_raw", 1, gains, 0, k->input->own.degree_gain, 0.1);
    }
    kr_make_set(&k->m, map, "@variables", variables);
}

static kr_tree *make_descriptor(maker *k, int nsel, const int *sel, int64_t seed) {
    const kr_input_descriptor *d = &k->input->model.descriptor;
    kr_tree *map = kr_make_map(&k->m, "Descriptor", d->lmax > 1 ? 4 : 2);
    int mixed = d->type == KR_INPUT_SE_ATTEN || d->type == KR_INPUT_SE_ATTEN_V2, nnei = 0;
    int ng = (int)d->neuron->child[d->neuron->count - 1]->integer;
    for (int i = 0; i < nsel; i++) nnei += sel[i];
    k->stream = (kr_stream){(uint64_t)seed, PURPOSE_DESCRIPTOR};
    k->precision = precision_name(d->precision);
    kr_make_string(&k->m, map, "type", d->type_name);
    kr_make_real(&k->m, map, "rcut", d->rcut);
    kr_make_real(&k->m, map, "rcut_smth", d->rcut_smth);
    kr_make_ints(&k->m, map, "sel", nsel, sel);
    put_copy(k, map, "neuron", d->neuron);
    if (d->type != KR_INPUT_SE_E2_R) kr_make_int(&k->m, map, "axis_neuron", d->axis_neuron);
    kr_make_bool(&k->m, map, "resnet_dt", d->resnet_dt);
    kr_make_bool(&k->m, map, "trainable", d->trainable);
    kr_make_bool(&k->m, map, "type_one_side", d->type_one_side);
    put_copy(k, map, "exclude_types", d->exclude_types);
    kr_make_real(&k->m, map, "env_protection", d->env_protection);
    kr_make_bool(&k->m, map, "set_davg_zero", d->set_davg_zero);
    kr_make_string(&k->m, map, "activation_function", d->activation);
    kr_make_string(&k->m, map, "precision", k->precision);
    put_statistics(k, map, nnei, d->type == KR_INPUT_SE_E2_R ? 1 : 4);
    if (mixed)
        put_dpa1(k, map, ng);
    else
        kr_make_set(&k->m, map, "embeddings", make_embeddings(k, NET_EMBEDDING, d->type_one_side ? 1 : 2, 1));
    return map;
}

/* Constants [n] of frame or atom parameters, set by the statistics later. */
static void put_constant(maker *k, kr_tree *map, const char *key, int n, double value) {
    size_t shape[1] = {(size_t)n};
    double *values = n ? kr_malloc(k->m.ctx, (size_t)n, sizeof *values) : NULL;
    if (n && !values) k->m.status = KR_ERR_MEMORY;
    for (int i = 0; values && i < n; i++) values[i] = value;
    kr_make_array(&k->m, map, key, KR_FLOAT64, 1, shape, values);
    kr_free(values);
}

static kr_tree *make_fitting(maker *k, int64_t seed) {
    const kr_input_fitting *f = &k->input->model.fitting;
    const kr_input_descriptor *d = &k->input->model.descriptor;
    kr_tree *map = kr_make_map(&k->m, "Fitting", 4), *variables = kr_make_map(&k->m, NULL, 0),
            *list = kr_make_list(&k->m);
    int mixed = d->type == KR_INPUT_SE_ATTEN || d->type == KR_INPUT_SE_ATTEN_V2;
    int ng = (int)d->neuron->child[d->neuron->count - 1]->integer;
    int dim = d->type == KR_INPUT_SE_E2_R ? ng : ng * d->axis_neuron;
    int every = f->trainable->kind != KR_TREE_BOOL || f->trainable->integer;
    size_t bias[2] = {(size_t)k->ntypes, 1};
    double *zero = kr_calloc(k->m.ctx, (size_t)k->ntypes, sizeof *zero);
    if (!zero) k->m.status = KR_ERR_MEMORY;
    if (mixed && d->concat_output_tebd) dim += d->tebd_dim;
    k->stream = (kr_stream){(uint64_t)seed, PURPOSE_FITTING};
    k->precision = precision_name(f->precision);
    kr_make_string(&k->m, map, "type", "ener");
    kr_make_string(&k->m, map, "var_name", "energy");
    kr_make_int(&k->m, map, "ntypes", k->ntypes);
    kr_make_int(&k->m, map, "dim_descrpt", dim);
    put_copy(k, map, "neuron", f->neuron);
    kr_make_bool(&k->m, map, "resnet_dt", f->resnet_dt);
    kr_make_int(&k->m, map, "numb_fparam", f->numb_fparam);
    kr_make_int(&k->m, map, "numb_aparam", f->numb_aparam);
    if (f->default_fparam) put_copy(k, map, "default_fparam", f->default_fparam);
    if (!isnan(f->rcond)) kr_make_real(&k->m, map, "rcond", f->rcond);
    kr_make_string(&k->m, map, "activation_function", f->activation);
    kr_make_string(&k->m, map, "precision", k->precision);
    kr_make_bool(&k->m, map, "mixed_types", mixed);
    for (int t = 0; t < (mixed ? 1 : k->ntypes); t++) {
        k->net = t;
        kr_make_append(&k->m, list,
                       make_net(k, "FittingNetwork", 1, dim + f->numb_fparam + f->numb_aparam, f->neuron, f->activation,
                                1, f->resnet_dt, 1, f->trainable, every));
    }
    kr_make_set(&k->m, map, "nets", collection(k, "fitting_network", mixed ? 0 : 1, list));
    put_copy(k, map, "trainable", f->trainable);
    put_copy(k, map, "atom_ener", f->atom_ener);
    if (zero) kr_make_array(&k->m, variables, "bias_atom_e", KR_FLOAT64, 2, bias, zero);
    put_constant(k, variables, "fparam_avg", f->numb_fparam, 0.0);
    put_constant(k, variables, "fparam_inv_std", f->numb_fparam, 1.0);
    put_constant(k, variables, "aparam_avg", f->numb_aparam, 0.0);
    put_constant(k, variables, "aparam_inv_std", f->numb_aparam, 1.0);
    kr_make_set(&k->m, map, "@variables", variables);
    kr_free(zero);
    return map;
}

/* The first layer of the nets of s(r) is tanh(W s + b) with W ~ N(0, 1/(in + out)): almost linear in s, so that all
 * outputs begin as much the same smooth functions of the distance. Weights times a factor tell more distances apart. */
static void sharpen(const kr_input *input, kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    for (int e = 0; e < d->nembedding; e++) {
        if (!d->embedding[e]) continue;
        const kr_layer *first = &d->embedding[e]->layer[0]; /* row 0 of W [in][out] is that of s */
        for (int k = 0; k < first->out; k++) model->theta[first->w + (size_t)k] *= input->own.embedding_sharpness;
    }
}

kr_status kr_training_model(kr_context *ctx, const kr_input *input, int nsel, const int *sel, int64_t seed_shift,
                            kr_model **model) {
    kr_status status = KR_OK;
    const kr_input_model *in = &input->model;
    maker k = {.m = {.ctx = ctx}, .input = input, .ntypes = in->type_map->count};
    int64_t seed = input->training.seed;
    int64_t descriptor = in->descriptor.seed == KR_PARAMETER_NULL ? seed : in->descriptor.seed;
    int64_t fitting = in->fitting.seed == KR_PARAMETER_NULL ? seed : in->fitting.seed;
    kr_tree *root = kr_make_map(&k.m, NULL, 0), *map = kr_make_map(&k.m, "Model", 2);
    *model = NULL;
    kr_make_string(&k.m, map, "type", "standard");
    put_copy(&k, map, "type_map", in->type_map);
    put_copy(&k, map, "atom_exclude_types", in->atom_exclude_types);
    put_copy(&k, map, "pair_exclude_types", in->pair_exclude_types);
    if (k.m.status == KR_OK)
        kr_make_set(&k.m, map, "descriptor", make_descriptor(&k, nsel, sel, descriptor + seed_shift));
    if (k.m.status == KR_OK) kr_make_set(&k.m, map, "fitting", make_fitting(&k, fitting + seed_shift));
    kr_make_set(&k.m, root, "model", map);
    /* the model section of the input, for tools that look for it there */
    put_copy(&k, root, "model_def_script", kr_tree_get(input->complete, "model"));
    KR_TRY(k.m.status);
    KR_TRY(kr_model_from_tree(ctx, root, "new model", model));
    sharpen(input, *model);
done:
    kr_tree_destroy(&root);
    return status;
}

/* ---- what is trained --------------------------------------------------------------------------------------------- */

static void mark(unsigned char *mask, size_t offset, size_t count, int on) {
    if (offset != KR_NO_BLOCK) memset(mask + offset, on != 0, count);
}

static void mark_net(unsigned char *mask, const kr_net *net, int on) {
    for (int i = 0; net && i < net->nlayers; i++) {
        const kr_layer *l = &net->layer[i];
        int train = on && l->trainable;
        mark(mask, l->w, (size_t)l->in * (size_t)l->out, train);
        mark(mask, l->b, (size_t)l->out, train);
        mark(mask, l->idt, (size_t)l->out, train);
    }
}

kr_status kr_training_mask(kr_context *ctx, const kr_model *model, unsigned char **mask) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *f = &model->fitting;
    *mask = NULL;
    KR_NEW(ctx, *mask, model->ntheta);
    for (int e = 0; e < d->nembedding; e++) mark_net(*mask, d->embedding[e], d->trainable);
    mark_net(*mask, d->embedding_strip, d->trainable);
    mark_net(*mask, d->type_embedding, d->trainable);
    mark(*mask, d->degree_gain, (size_t)d->lmax - 1, d->trainable);
    for (int l = 0; d->attention && l < d->attn_layer; l++) {
        const kr_attention *a = &d->attention[l];
        mark_net(*mask, a->in_proj, d->trainable);
        mark_net(*mask, a->out_proj, d->trainable);
        mark(*mask, a->ln_w, (size_t)d->ng, d->trainable && a->trainable_ln);
        mark(*mask, a->ln_b, (size_t)d->ng, d->trainable && a->trainable_ln);
    }
    for (int t = 0; t < f->nnets; t++)
        for (int i = 0; f->net[t] && i < f->net[t]->nlayers; i++) {
            /* the flags of the section and those of the layers must both say yes */
            const kr_layer *l = &f->net[t]->layer[i];
            int on = l->trainable && (!f->trainable || f->trainable[i]);
            mark(*mask, l->w, (size_t)l->in * (size_t)l->out, on);
            mark(*mask, l->b, (size_t)l->out, on);
            mark(*mask, l->idt, (size_t)l->out, on);
        }
done:
    return status;
}
