/* Random models and frames for property tests.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "random_model.h"
#include "core/error.h"
#include "core/memory.h"
#include "potential/descriptor.h"
#include "potential/econf.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t kr_test_word(kr_test_random *random) {
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double kr_test_uniform(kr_test_random *random, double low, double high) {
    return low + (high - low) * (double)(kr_test_word(random) >> 11) * 0x1p-53;
}

double kr_test_normal(kr_test_random *random) {
    double radius = sqrt(-2 * log(kr_test_uniform(random, 1e-16, 1)));
    return radius * cos(kr_test_uniform(random, 0, 6.283185307179586));
}

int kr_test_below(kr_test_random *random, int n) { return (int)(kr_test_word(random) % (uint64_t)n); }

/* 1 with the given chance in percent; never in a plain model. */
typedef struct maker {
    kr_context *ctx;
    kr_model *m;
    kr_test_random random;
    int plain;
} maker;

static int maybe(maker *k, int percent) {
    int yes = kr_test_below(&k->random, 100) < percent;
    return yes && !k->plain;
}

static double *numbers(maker *k, size_t n, double low, double high) {
    double *out = kr_malloc(k->ctx, n, sizeof *out);
    for (size_t i = 0; out && i < n; i++) out[i] = kr_test_uniform(&k->random, low, high);
    return out;
}

#define KEEP(target, call)          \
    do {                            \
        (target) = (call);          \
        if (!(target)) {            \
            status = KR_ERR_MEMORY; \
            goto done;              \
        }                           \
    } while (0)

static kr_status add_block(maker *k, const char *name, const char *suffix, size_t offset, int rows, int columns) {
    kr_model *m = k->m;
    kr_block *more = kr_realloc(k->ctx, m->block, (size_t)m->nblocks, (size_t)m->nblocks + 1, sizeof *more);
    if (!more) return KR_ERR_MEMORY;
    m->block = more;
    more += m->nblocks++;
    memset(more, 0, sizeof *more);
    snprintf(more->name, sizeof more->name, "%s%s", name, suffix);
    more->offset = offset;
    more->rows = rows;
    more->columns = columns;
    more->count = (size_t)rows * (size_t)columns;
    return KR_OK;
}

/* Room for `count` more parameters at *offset, filled with N(mean, width²). */
static kr_status add_theta(maker *k, size_t count, double mean, double width) {
    kr_model *m = k->m;
    double *more = kr_realloc(k->ctx, m->theta, m->ntheta, m->ntheta + count, sizeof *more);
    if (!more) return KR_ERR_MEMORY;
    m->theta = more;
    for (size_t i = 0; i < count; i++) more[m->ntheta++] = mean + width * kr_test_normal(&k->random);
    return KR_OK;
}

/* W ~ N(0, 1/in), b ~ N(0, 0.3²), idt ~ N(0.5, 0.1²). */
static kr_status make_net(maker *k, const char *name, int nlayers, const int *width, const kr_activation *activation,
                          int resnet, int bias, int idt, int last_linear, kr_net **net) {
    kr_status status = KR_OK;
    size_t offset = k->m->ntheta;
    char block[64];
    KR_TRY(kr_net_create(k->ctx, nlayers, width, activation, resnet, bias, idt, last_linear, &offset, net));
    for (int i = 0; i < nlayers; i++) {
        kr_layer *layer = &(*net)->layer[i];
        if (nlayers == 1 && strstr(name, "_proj"))
            snprintf(block, sizeof block, "%s", name);
        else
            snprintf(block, sizeof block, "%s.layer%d", name, i);
        layer->trainable = 1;
        KR_TRY(add_theta(k, (size_t)layer->in * (size_t)layer->out, 0, 1 / sqrt((double)layer->in)));
        KR_TRY(add_block(k, block, ".w", layer->w, layer->in, layer->out));
        if (layer->b != KR_NO_BLOCK) {
            KR_TRY(add_theta(k, (size_t)layer->out, 0, 0.3));
            KR_TRY(add_block(k, block, ".b", layer->b, 1, layer->out));
        }
        if (layer->idt != KR_NO_BLOCK) {
            KR_TRY(add_theta(k, (size_t)layer->out, 0.5, 0.1));
            KR_TRY(add_block(k, block, ".idt", layer->idt, 1, layer->out));
        }
    }
    if (offset != k->m->ntheta) KR_FAIL(k->ctx, KR_ERR_INTERNAL, "layout of %s is not w, b, idt by layer", name);
done:
    return status;
}

/* Smooth ones only: finite differences are taken across everything. */
static kr_status pick_activation(maker *k, kr_activation *activation) {
    static const char *names[] = {"tanh", "gelu", "gelu_tf", "silu", "softplus", "sigmoid", "silut:10.0"};
    int which = kr_test_below(&k->random, 7);
    return kr_activation_parse(k->ctx, names[k->plain ? 0 : which], activation);
}

static kr_status make_types(maker *k, int ntypes) {
    static const char *names[] = {"O", "H", "Cu", "Na", "Si", "C"};
    kr_status status = KR_OK;
    kr_model *m = k->m;
    KEEP(m->type_map, kr_calloc(k->ctx, (size_t)ntypes, sizeof *m->type_map));
    m->ntypes = ntypes;
    for (int t = 0; t < ntypes; t++) KEEP(m->type_map[t], kr_strdup(k->ctx, names[t % 6]));
    KEEP(m->path, kr_strdup(k->ctx, "random model"));
    KEEP(m->atom_excluded, kr_calloc(k->ctx, (size_t)ntypes, 1));
    KEEP(m->pair_excluded, kr_calloc(k->ctx, (size_t)ntypes * (size_t)ntypes, 1));
    KEEP(m->out_bias, numbers(k, (size_t)ntypes, -3, 3));
    KEEP(m->out_std, numbers(k, (size_t)ntypes, 0.2, 2));
    if (ntypes > 1 && maybe(k, 15)) m->atom_excluded[ntypes - 1] = 1;
done:
    return status;
}

/* One excluded pair of types, symmetric. */
static kr_status exclude(maker *k, int *count, int **pairs, unsigned char *table) {
    int nt = k->m->ntypes, a = kr_test_below(&k->random, nt), b = kr_test_below(&k->random, nt);
    *pairs = kr_malloc(k->ctx, 2, sizeof **pairs);
    if (!*pairs) return KR_ERR_MEMORY;
    (*pairs)[0] = a;
    (*pairs)[1] = b;
    *count = 1;
    table[a * nt + b] = table[b * nt + a] = 1;
    return KR_OK;
}

static kr_status make_statistics(maker *k) {
    kr_status status = KR_OK;
    kr_descriptor *d = &k->m->descriptor;
    size_t nc = (size_t)d->ncolumns, slots = (size_t)d->nnei;
    /* dpa1: statistics by slot make the energy jump when two neighbours of different type swap ranks, as in se_e2_a. */
    int by_slot = maybe(k, 10);
    KEEP(d->davg, kr_calloc(k->ctx, (size_t)k->m->ntypes * slots * nc, sizeof(double)));
    KEEP(d->dstd, kr_calloc(k->ctx, (size_t)k->m->ntypes * slots * nc, sizeof(double)));
    for (size_t t = 0; t < (size_t)k->m->ntypes; t++) {
        double avg = 0, std[2] = {0, 0};
        for (size_t s = 0; s < slots; s++)
            for (size_t c = 0; c < nc; c++) {
                if (c == 0 && (s == 0 || by_slot)) {
                    avg = d->set_davg_zero ? 0 : kr_test_uniform(&k->random, 0.02, 0.12);
                    std[0] = kr_test_uniform(&k->random, 0.1, 0.2);
                    std[1] = kr_test_uniform(&k->random, 0.05, 0.15);
                }
                d->davg[(t * slots + s) * nc + c] = c == 0 ? avg : 0;
                d->dstd[(t * slots + s) * nc + c] = std[c > 0];
            }
    }
done:
    return status;
}

static kr_status make_common(maker *k, const kr_random_model_options *o) {
    kr_status status = KR_OK;
    kr_descriptor *d = &k->m->descriptor;
    int nt = k->m->ntypes;
    d->lmax = kr_random_model_kind(o->descriptor, d->type);
    d->separate_degrees = d->lmax > 1 && strchr(strchr(o->descriptor, '/'), 's') != NULL;
    if (!strcmp(d->type, "se_e2_r")) snprintf(d->type, sizeof d->type, "se_r");
    d->kind = kr_descriptor_find(d->type);
    if (!d->kind) KR_FAIL(k->ctx, KR_ERR_UNSUPPORTED, "no descriptor kind %s", o->descriptor);
    d->rcut = o->rcut > 0 ? o->rcut : kr_test_uniform(&k->random, 3.5, 4.5);
    d->rcut_smth = kr_test_uniform(&k->random, 0.3, 0.6) * d->rcut;
    d->mixed_types = !strcmp(d->kind->name, "dpa1");
    d->nsel = d->mixed_types ? 1 : nt;
    KEEP(d->sel, kr_calloc(k->ctx, (size_t)d->nsel, sizeof(int)));
    for (int t = 0; t < d->nsel; t++)
        d->nnei += d->sel[t] = o->sel > 0 ? o->sel * (d->mixed_types ? nt : 1) : d->mixed_types ? 60 : 50;
    d->nneuron = 2 + kr_test_below(&k->random, 2);
    KEEP(d->neuron, kr_calloc(k->ctx, (size_t)d->nneuron, sizeof(int)));
    for (int i = 0; i < d->nneuron; i++)
        d->neuron[i] = maybe(k, 20) ? 6 : 4 << i; /* doubling, and now and then equal or unrelated widths */
    d->ng = d->neuron[d->nneuron - 1];
    d->axis_neuron = strcmp(d->kind->name, "se_e2_r") ? 2 + kr_test_below(&k->random, 2) : 0;
    if (d->separate_degrees) d->axis_neuron += d->lmax - 1;
    d->ncolumns = d->axis_neuron ? 4 : 1;
    d->nmoment = d->axis_neuron ? (d->lmax + 1) * (d->lmax + 1) : 1;
    d->degree_gain = KR_NO_BLOCK;
    d->dim_out = d->axis_neuron ? d->ng * d->axis_neuron : d->ng;
    d->resnet_dt = maybe(k, 40);
    d->type_one_side = kr_test_below(&k->random, 2) || !d->axis_neuron;
    d->set_davg_zero = maybe(k, 30);
    d->trainable = 1;
    d->env_protection = maybe(k, 30) ? 0.02 : 0;
    d->precision = o->float32 ? KR_FLOAT32 : KR_FLOAT64;
    snprintf(d->precision_name, sizeof d->precision_name, o->float32 ? "float32" : "float64");
    KR_TRY(pick_activation(k, &d->activation));
    KEEP(d->excluded, kr_calloc(k->ctx, (size_t)nt * (size_t)nt, 1));
    if (nt > 1 && maybe(k, 25)) KR_TRY(exclude(k, &d->nexclude, &d->exclude, d->excluded));
    if (nt > 1 && maybe(k, 25)) KR_TRY(exclude(k, &k->m->npair_exclude, &k->m->pair_exclude, k->m->pair_excluded));
done:
    return status;
}

static kr_status make_embeddings(maker *k, int in) {
    kr_status status = KR_OK;
    kr_descriptor *d = &k->m->descriptor;
    int nt = k->m->ntypes, width[8] = {in}, ndim = d->mixed_types ? 0 : d->type_one_side ? 1 : 2;
    char name[64];
    for (int i = 0; i < d->nneuron; i++) width[i + 1] = d->neuron[i];
    int count = ndim == 0 ? 1 : ndim == 1 ? nt : nt * nt;
    KEEP(d->embedding, kr_calloc(k->ctx, (size_t)count, sizeof *d->embedding));
    d->nembedding = count;
    for (int e = 0; e < count; e++) {
        const char *base = "descriptor.embedding";
        if (ndim == 0) snprintf(name, sizeof name, "%s", base);
        if (ndim == 1) snprintf(name, sizeof name, "%s[%d]", base, e);
        if (ndim == 2) snprintf(name, sizeof name, "%s[%d,%d]", base, e % nt, e / nt);
        KR_TRY(make_net(k, name, d->nneuron, width, &d->activation, 1, 1, d->resnet_dt, 0, &d->embedding[e]));
    }
done:
    return status;
}

static kr_status make_attention(maker *k) {
    kr_status status = KR_OK;
    kr_descriptor *d = &k->m->descriptor;
    kr_activation linear;
    char name[64];
    KR_TRY(kr_activation_parse(k->ctx, "none", &linear));
    if (!d->attn_layer) goto done;
    KEEP(d->attention, kr_calloc(k->ctx, (size_t)d->attn_layer, sizeof *d->attention));
    for (int l = 0; l < d->attn_layer; l++) {
        kr_attention *a = &d->attention[l];
        a->num_heads = 1;
        a->hidden = d->attn;
        a->dotr = d->attn_dotr;
        a->normalize = d->normalize;
        a->smooth = d->smooth_type_embedding;
        a->has_temperature = d->has_temperature;
        a->temperature = d->temperature;
        a->scaling_factor = d->scaling_factor;
        a->trainable_ln = 1;
        a->ln_eps = d->ln_eps;
        snprintf(name, sizeof name, "descriptor.attention[%d].in_proj", l);
        KR_TRY(make_net(k, name, 1, (int[]){d->ng, 3 * d->attn}, &linear, 0, 1, 0, 1, &a->in_proj));
        snprintf(name, sizeof name, "descriptor.attention[%d].out_proj", l);
        KR_TRY(make_net(k, name, 1, (int[]){d->attn, d->ng}, &linear, 0, 1, 0, 1, &a->out_proj));
        snprintf(name, sizeof name, "descriptor.attention[%d].ln", l);
        a->ln_w = k->m->ntheta;
        KR_TRY(add_theta(k, (size_t)d->ng, 1, 0.1));
        KR_TRY(add_block(k, name, ".w", a->ln_w, 1, d->ng));
        a->ln_b = k->m->ntheta;
        KR_TRY(add_theta(k, (size_t)d->ng, 0, 0.1));
        KR_TRY(add_block(k, name, ".b", a->ln_b, 1, d->ng));
    }
done:
    return status;
}

int kr_random_model_kind(const char *descriptor, char kind[24]) {
    snprintf(kind, 24, "%.*s", (int)strcspn(descriptor, "/"), descriptor);
    const char *degree = strchr(descriptor, '/');
    return degree ? atoi(degree + 1) : 1;
}

static kr_status make_dpa1(maker *k) {
    kr_status status = KR_OK;
    kr_descriptor *d = &k->m->descriptor;
    kr_activation linear;
    int nt = k->m->ntypes;
    d->tebd_dim = 3 + kr_test_below(&k->random, 3);
    int v2 = !strcmp(d->type, "se_atten_v2"), strip = kr_test_below(&k->random, 2),
        smooth = kr_test_below(&k->random, 2);
    d->strip = v2 || strip;
    d->smooth_type_embedding = v2 || smooth || k->plain;
    d->concat_output_tebd = !maybe(k, 40);
    d->use_tebd_bias = maybe(k, 40);
    d->use_econf_tebd = maybe(k, 25);
    d->attn_layer = k->plain ? 0 : kr_test_below(&k->random, 3);
    d->attn = 5;
    d->attn_dotr = !maybe(k, 30);
    d->normalize = !maybe(k, 30);
    d->has_temperature = maybe(k, 30);
    d->temperature = d->has_temperature ? 0.7 : 0;
    d->scaling_factor = maybe(k, 30) ? 1.7 : 1;
    d->trainable_ln = 1;
    d->ln_eps = 1e-4;
    d->type_padding = 1;
    d->dim_out += d->concat_output_tebd ? d->tebd_dim : 0;
    int sides = d->type_one_side ? 1 : 2;
    KR_TRY(make_embeddings(k, d->strip ? 1 : 1 + sides * d->tebd_dim));
    KR_TRY(kr_activation_parse(k->ctx, "Linear", &linear));
    KR_TRY(make_net(k, "descriptor.type_embedding", 1, (int[]){d->use_econf_tebd ? KR_ECONF_DIM : nt, d->tebd_dim},
                    &linear, 1, d->use_tebd_bias, 0, 0, &d->type_embedding));
    if (d->strip) {
        int width[8] = {sides * d->tebd_dim};
        for (int i = 0; i < d->nneuron; i++) width[i + 1] = d->neuron[i];
        KR_TRY(make_net(k, "descriptor.embedding_strip", d->nneuron, width, &d->activation, 1, 1, d->resnet_dt, 0,
                        &d->embedding_strip));
    }
    KR_TRY(make_attention(k));
    if (d->lmax > 1) {
        d->degree_gain = k->m->ntheta;
        KR_TRY(add_theta(k, (size_t)d->lmax - 1, 0.8, 0.5));
        KR_TRY(add_block(k, "descriptor.degree_gain", "", d->degree_gain, 1, d->lmax - 1));
    }
done:
    return status;
}

static kr_status make_fitting(maker *k, const kr_random_model_options *o) {
    kr_status status = KR_OK;
    kr_fitting *f = &k->m->fitting;
    kr_descriptor *d = &k->m->descriptor;
    int nt = k->m->ntypes, width[8];
    size_t n = (size_t)nt;
    f->dim_descrpt = d->dim_out;
    f->numb_fparam = maybe(k, 30) ? 2 : 0;
    f->numb_aparam = maybe(k, 30) ? 1 : 0;
    f->mixed_types = d->mixed_types;
    f->resnet_dt = maybe(k, 60);
    f->precision = d->precision;
    snprintf(f->precision_name, sizeof f->precision_name, "%s", o->float32 ? "float32" : "float64");
    KR_TRY(pick_activation(k, &f->activation));
    if (f->numb_fparam) {
        KEEP(f->fparam_avg, numbers(k, (size_t)f->numb_fparam, -1, 1));
        KEEP(f->fparam_inv_std, numbers(k, (size_t)f->numb_fparam, 0.5, 2));
        if (maybe(k, 30)) KEEP(f->default_fparam, numbers(k, (size_t)f->numb_fparam, -1, 1));
    }
    if (f->numb_aparam) {
        KEEP(f->aparam_avg, numbers(k, (size_t)f->numb_aparam, -1, 1));
        KEEP(f->aparam_inv_std, numbers(k, (size_t)f->numb_aparam, 0.5, 2));
    }
    KEEP(f->bias_atom_e, numbers(k, n, -5, 5));
    KEEP(f->excluded, kr_calloc(k->ctx, n, 1));
    if (maybe(k, 25)) {
        KEEP(f->atom_ener, kr_calloc(k->ctx, n, sizeof(double)));
        KEEP(f->has_atom_ener, kr_calloc(k->ctx, n, 1));
        f->has_atom_ener[0] = 1;
        f->atom_ener[0] = f->bias_atom_e[0];
    }
    f->nneuron = 2;
    KEEP(f->neuron, kr_calloc(k->ctx, 2, sizeof(int)));
    KEEP(f->trainable, kr_calloc(k->ctx, 3, sizeof(int)));
    f->neuron[0] = 8;
    f->neuron[1] = maybe(k, 30) ? 16 : 8;
    f->trainable[0] = f->trainable[1] = f->trainable[2] = 1;
    width[0] = f->dim_descrpt + f->numb_fparam + f->numb_aparam;
    width[1] = f->neuron[0], width[2] = f->neuron[1], width[3] = 1;
    f->nnets = f->mixed_types ? 1 : nt;
    KEEP(f->net, kr_calloc(k->ctx, (size_t)f->nnets, sizeof *f->net));
    for (int t = 0; t < f->nnets; t++) {
        char name[64];
        snprintf(name, sizeof name, f->mixed_types ? "fitting.net" : "fitting.net[%d]", t);
        KR_TRY(make_net(k, name, 3, width, &f->activation, 1, 1, f->resnet_dt, 1, &f->net[t]));
        /* Descriptors are small numbers: wide first weights give forces of eV/Å. */
        const kr_layer *first = &f->net[t]->layer[0];
        for (size_t i = 0; i < (size_t)first->in * (size_t)first->out; i++) k->m->theta[first->w + i] *= 3;
    }
done:
    return status;
}

kr_status kr_random_model(kr_context *ctx, const kr_random_model_options *options, kr_model **model) {
    kr_status status = KR_OK;
    maker k = {ctx, NULL, {options->seed * 0x2545F4914F6CDD1Du + 99}, options->plain};
    *model = NULL;
    KR_TRY(kr_model_create(ctx, &k.m));
    KR_TRY(make_types(&k, options->ntypes > 0 ? options->ntypes : 1 + kr_test_below(&k.random, 3)));
    KR_TRY(make_common(&k, options));
    if (k.m->descriptor.mixed_types)
        KR_TRY(make_dpa1(&k));
    else
        KR_TRY(make_embeddings(&k, 1));
    KR_TRY(make_statistics(&k));
    KR_TRY(make_fitting(&k, options));
    for (size_t i = 0; options->float32 && i < k.m->ntheta; i++) k.m->theta[i] = (double)(float)k.m->theta[i];
    *model = k.m;
    k.m = NULL;
done:
    kr_model_destroy(&k.m);
    return status;
}

/* Smallest distance of a new place to the atoms so far, over the 27 nearest images. */
static double nearest(const kr_random_frame *f, int n, const double *place) {
    double best = INFINITY;
    for (int j = 0; j < n; j++)
        for (int image = 0; image < 27; image++) {
            double square = 0;
            if (!f->periodic && image) continue;
            for (int a = 0; a < 3; a++) {
                double shift = 0;
                int s[3] = {image % 3 - 1, image / 3 % 3 - 1, image / 9 - 1};
                for (int b = 0; f->periodic && b < 3; b++) shift += s[b] * f->box[3 * b + a];
                double d = place[a] - f->x[3 * j + a] + shift;
                square += d * d;
            }
            if (square < best) best = square;
        }
    return sqrt(best);
}

kr_status kr_random_frame_make(kr_context *ctx, const kr_model *model, int n, int periodic, uint64_t seed,
                               kr_random_frame *frame) {
    kr_status status = KR_OK;
    kr_test_random random = {seed * 77 + 5};
    maker k = {ctx, NULL, random, 0};
    double edge = cbrt(n * 14.0); /* 14 Å^3 per atom */
    *frame = (kr_random_frame){.n = n, .periodic = periodic};
    KEEP(frame->x, kr_calloc(ctx, (size_t)n * 3, sizeof(double)));
    KEEP(frame->type, kr_calloc(ctx, (size_t)n, sizeof(int)));
    for (int i = 0; i < 9; i++)
        frame->box[i] = kr_test_uniform(&k.random, -0.15, 0.15) * edge + (i % 4 == 0 ? edge : 0);
    for (int i = 0; i < n; i++) {
        frame->type[i] = i < model->ntypes ? i : kr_test_below(&k.random, model->ntypes);
        do {
            double s[3];
            for (int a = 0; a < 3; a++) s[a] = kr_test_uniform(&k.random, 0, 1);
            for (int a = 0; a < 3; a++)
                frame->x[3 * i + a] = s[0] * frame->box[a] + s[1] * frame->box[3 + a] + s[2] * frame->box[6 + a];
        } while (nearest(frame, i, frame->x + 3 * (size_t)i) < 0.9);
    }
    if (model->fitting.numb_fparam) KEEP(frame->fparam, numbers(&k, (size_t)model->fitting.numb_fparam, -1, 1));
    if (model->fitting.numb_aparam)
        KEEP(frame->aparam, numbers(&k, (size_t)n * (size_t)model->fitting.numb_aparam, -1, 1));
done:
    if (status < 0) kr_random_frame_free(frame);
    return status;
}

void kr_random_frame_free(kr_random_frame *frame) {
    kr_free(frame->x);
    kr_free(frame->type);
    kr_free(frame->fparam);
    kr_free(frame->aparam);
    *frame = (kr_random_frame){0};
}
