/* What a model is, in lines for people.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line under construction; what does not fit is cut. */
typedef struct text {
    char line[512];
    size_t used;
} text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->line + t->used, sizeof t->line - t->used, format, args);
    va_end(args);
    if (n > 0) t->used += (size_t)n;
    if (t->used >= sizeof t->line) t->used = sizeof t->line - 1;
}

typedef struct printer {
    void (*line)(const char *text, void *payload);
    void *payload;
    text t;
} printer;

/* Ends a line and begins the next one. */
static void flush(printer *p) {
    if (p->t.used) p->line(p->t.line, p->payload);
    p->t.used = 0;
    p->t.line[0] = 0;
}

static const char *header_text(const kr_model *model, const char *key) {
    const kr_tree *node = kr_tree_get(model->header, key);
    return node && node->kind == KR_TREE_STRING ? node->string : NULL;
}

static void describe_origin(const kr_model *model, printer *p) {
    const char *software = header_text(model, "software"), *version = header_text(model, "version"),
               *backend = header_text(model, "backend"), *time = header_text(model, "time");
    if (model->path) add(&p->t, "file: %s", model->path);
    flush(p);
    if (software) add(&p->t, "written by: %s%s%s", software, version ? " " : "", version ? version : "");
    if (software && backend) add(&p->t, " (%s)", backend);
    if (software && time) add(&p->t, ", %.19s", time);
    flush(p);
}

static void add_neurons(text *t, int n, const int *neuron, const kr_activation *activation) {
    for (int i = 0; i < n; i++) add(t, "%s%d", i ? "-" : "", neuron[i]);
    add(t, ", %s", activation->name[0] ? activation->name : "linear");
}

static void describe_dpa1(const kr_descriptor *d, printer *p) {
    add(&p->t, "type embedding: %d wide, %s%s%s%s", d->tebd_dim, d->strip ? "strip" : "concat",
        d->smooth_type_embedding ? ", smooth" : "", d->type_one_side ? ", of the neighbour alone" : "",
        d->use_econf_tebd ? ", from electron configurations" : "");
    flush(p);
    if (d->lmax > 1) add(&p->t, "angular moments: up to l = %d%s", d->lmax, d->separate_degrees ? ", apart" : "");
    flush(p);
    if (d->attn_layer)
        add(&p->t, "attention: %d layer%s, %d wide%s", d->attn_layer, d->attn_layer > 1 ? "s" : "", d->attn,
            d->attn_dotr ? ", gated by directions" : "");
    else
        add(&p->t, "attention: none");
    flush(p);
}

static void describe_descriptor(const kr_model *model, printer *p) {
    const kr_descriptor *d = &model->descriptor;
    add(&p->t, "descriptor: %s, length %d%s", d->type, d->dim_out,
        d->mixed_types     ? ""
        : d->type_one_side ? ", one network per neighbour type"
                           : ", one network per pair of types");
    flush(p);
    add(&p->t, "cutoff: %g Å, smooth from %g Å", d->rcut, d->rcut_smth);
    if (d->env_protection > 0) add(&p->t, ", protection %g Å", d->env_protection);
    flush(p);
    add(&p->t, "sel: ");
    for (int i = 0; i < d->nsel; i++)
        add(&p->t, d->mixed_types ? "%s%.0s%d" : "%s%s %d", i ? ", " : "", model->type_map[i], d->sel[i]);
    if (d->nsel > 1) add(&p->t, " (%d in all)", d->nnei);
    flush(p);
    add(&p->t, "embedding: ");
    add_neurons(&p->t, d->nneuron, d->neuron, &d->activation);
    if (d->axis_neuron) add(&p->t, ", axis %d", d->axis_neuron);
    flush(p);
    if (d->mixed_types) describe_dpa1(d, p);
}

static void describe_fitting(const kr_model *model, printer *p) {
    const kr_fitting *f = &model->fitting;
    add(&p->t, "fitting: ");
    add_neurons(&p->t, f->nneuron, f->neuron, &f->activation);
    add(&p->t, f->mixed_types ? ", one network for all types" : ", one network per type");
    flush(p);
    if (f->numb_fparam) {
        add(&p->t, "frame parameters: %d", f->numb_fparam);
        for (int i = 0; f->default_fparam && i < f->numb_fparam; i++)
            add(&p->t, "%s%g", i ? " " : ", default ", f->default_fparam[i]);
        flush(p);
    }
    if (f->numb_aparam)
        add(&p->t, "atomic parameters: %d%s", f->numb_aparam, f->use_aparam_as_mask ? ", used as a mask" : "");
    flush(p);
}

static void describe_exclusions(const kr_model *model, printer *p) {
    int n = 0;
    for (int i = 0; i < model->ntypes; i++)
        if (model->atom_excluded[i] || model->fitting.excluded[i])
            add(&p->t, "%s%s", n++ ? " " : "types without energy: ", model->type_map[i]);
    flush(p);
    for (int i = 0; i < model->npair_exclude; i++)
        add(&p->t, "%s%s-%s", i ? " " : "pairs left out: ", model->type_map[model->pair_exclude[2 * i]],
            model->type_map[model->pair_exclude[2 * i + 1]]);
    flush(p);
    for (int i = 0; i < model->descriptor.nexclude; i++)
        add(&p->t, "%s%s-%s",
            i ? " " : "pairs left out by the descriptor: ", model->type_map[model->descriptor.exclude[2 * i]],
            model->type_map[model->descriptor.exclude[2 * i + 1]]);
    flush(p);
}

void kr_model_describe(const kr_model *model, void (*line)(const char *text, void *payload), void *payload) {
    if (!model || !line) return;
    printer p = {.line = line, .payload = payload};
    const char *precision = model->descriptor.precision_name, *other = model->fitting.precision_name;
    describe_origin(model, &p);
    add(&p.t, "types:");
    for (int i = 0; i < model->ntypes; i++) add(&p.t, " %s", model->type_map[i]);
    flush(&p);
    describe_descriptor(model, &p);
    describe_fitting(model, &p);
    add(&p.t, "precision: %s", precision);
    if (strcmp(precision, other)) add(&p.t, ", fitting %s", other);
    flush(&p);
    add(&p.t, "parameters: %zu", model->ntheta);
    flush(&p);
    add(&p.t, "energy bias:");
    for (int i = 0; i < model->ntypes; i++)
        add(&p.t, "%s %s %.6g eV", i ? "," : "", model->type_map[i],
            model->fitting.bias_atom_e[i] + model->out_bias[i]);
    flush(&p);
    describe_exclusions(model, &p);
    if (model->has_min_nbor_dist) add(&p.t, "smallest distance in the training data: %.4g Å", model->min_nbor_dist);
    flush(&p);
}
