/* Making and describing potentials and their workspaces.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "potential/potential_impl.h"
#include <stdio.h>
#include <string.h>

static const char *name_of(const kr_model *model) { return model->path ? model->path : "model"; }

/* Equal type maps, and shapes that fit together. */
static kr_status check_model(kr_context *ctx, const kr_model *model, const kr_model *first) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *f = &model->fitting;
    if (!d->kind) KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: descriptor %s cannot be evaluated", name_of(model), d->type);
    if (model->ntypes != first->ntypes)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s has %d types, %s has %d: models of an ensemble need equal type maps",
                name_of(model), model->ntypes, name_of(first), first->ntypes);
    for (int t = 0; t < model->ntypes; t++)
        if (strcmp(model->type_map[t], first->type_map[t]))
            KR_FAIL(ctx, KR_ERR_ARGUMENT,
                    "type %d is %s in %s and %s in %s: models of an ensemble need equal type maps", t,
                    model->type_map[t], name_of(model), first->type_map[t], name_of(first));
    if (f->numb_fparam != first->fitting.numb_fparam || f->numb_aparam != first->fitting.numb_aparam)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s takes %d fparam and %d aparam, %s takes %d and %d", name_of(model),
                f->numb_fparam, f->numb_aparam, name_of(first), first->fitting.numb_fparam, first->fitting.numb_aparam);
    if (f->dim_descrpt != d->dim_out)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the fitting net takes %d descriptor components, the descriptor gives %d",
                name_of(model), f->dim_descrpt, d->dim_out);
    if (d->nsel != (d->mixed_types ? 1 : model->ntypes))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: sel has %d entries for %d types", name_of(model), d->nsel, model->ntypes);
done:
    return status;
}

/* DeePMD-kit's TensorFlow operators hold both cutoffs and their difference in float32. */
static void round_cutoffs(kr_descriptor *d) {
    float rcut = (float)d->rcut, smth = (float)d->rcut_smth, width = rcut - smth;
    d->rcut_smth = (double)smth;
    d->rcut = (double)smth + (double)width;
}

static kr_status fill(kr_context *ctx, int nmodels, const kr_model *const *models, const kr_potential_options *options,
                      kr_potential *p) {
    kr_status status = KR_OK;
    p->options = options ? *options : (kr_potential_options)KR_POTENTIAL_OPTIONS_INIT;
    const double tolerance = p->options.tolerance;
    if (p->options.table == KR_TABLE_SPLINE && !(tolerance >= KR_TOLERANCE_LEAST && tolerance <= KR_TOLERANCE_MOST))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "force tolerance %g eV/Å of the splines, allowed %g to %g", tolerance,
                KR_TOLERANCE_LEAST, KR_TOLERANCE_MOST);
    KR_NEW(ctx, p->model, (size_t)nmodels);
    KR_NEW(ctx, p->view, (size_t)nmodels);
    KR_NEW(ctx, p->fast, (size_t)nmodels);
    KR_NEW(ctx, p->reason, (size_t)nmodels);
    KR_NEW(ctx, p->group, (size_t)nmodels);
    KR_NEW(ctx, p->rule, (size_t)nmodels);
    p->nmodels = nmodels;
    kr_potential_options inner = p->options;
    inner.float32_cutoff = 0;     /* the views have it already */
    p->options.used_types = NULL; /* the caller's, copied by the fast path */
    for (int m = 0; m < nmodels; m++) {
        if (!models[m]) KR_FAIL(ctx, KR_ERR_ARGUMENT, "model %d of %d is missing (NULL)", m, nmodels);
        p->model[m] = models[m];
        p->view[m] = *models[m];
        if (!p->view[m].descriptor.kind) p->view[m].descriptor.kind = kr_descriptor_find(models[m]->descriptor.type);
        KR_TRY(check_model(ctx, &p->view[m], &p->view[0]));
        if (p->options.float32_cutoff) round_cutoffs(&p->view[m].descriptor);
        if (p->view[m].descriptor.rcut > p->rcut) p->rcut = p->view[m].descriptor.rcut;
        kr_gather_rule_set(&p->view[m], p->options.sel_rule, &p->rule[p->ngroups]);
        int g = 0;
        while (!kr_gather_rule_equal(&p->rule[g], &p->rule[p->ngroups])) g++;
        p->group[m] = g;
        if (g == p->ngroups) p->ngroups++;
        if (p->options.table == KR_TABLE_OFF && p->options.precision == KR_PRECISION_DOUBLE)
            p->reason[m] = "the exact network at every pair was asked for";
        else
            KR_TRY(kr_fast_create(ctx, &p->view[m], &inner, &p->fast[m], &p->reason[m]));
    }
done:
    return status;
}

kr_status kr_potential_create(kr_context *ctx, int nmodels, const kr_model *const *models,
                              const kr_potential_options *options, kr_potential **potential) {
    kr_status status = KR_OK;
    kr_potential *p = NULL;
    if (!potential) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the potential (NULL)");
    *potential = NULL;
    if (nmodels < 1 || !models) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%d models were given, at least 1 is needed", nmodels);
    KR_NEW(ctx, p, 1);
    KR_TRY(fill(ctx, nmodels, models, options, p));
    *potential = p;
    p = NULL;
done:
    kr_potential_destroy(&p);
    return status;
}

kr_status kr_potential_load(kr_context *ctx, int nmodels, const char *const *paths, const kr_potential_options *options,
                            kr_potential **potential) {
    kr_status status = KR_OK;
    kr_model **model = NULL;
    if (!potential) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the potential (NULL)");
    *potential = NULL;
    if (nmodels < 1 || !paths)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%d model files were given, at least 1 is needed", nmodels);
    KR_NEW(ctx, model, (size_t)nmodels);
    for (int m = 0; m < nmodels; m++) KR_TRY(kr_model_load(ctx, paths[m], &model[m]));
    KR_TRY(kr_potential_create(ctx, nmodels, (const kr_model *const *)model, options, potential));
    (*potential)->owned = 1;
    memset(model, 0, (size_t)nmodels * sizeof *model); /* the potential owns them now */
done:
    for (int m = 0; model && m < nmodels; m++) kr_model_destroy(&model[m]);
    kr_free(model);
    return status;
}

void kr_potential_destroy(kr_potential **potential) {
    if (!potential || !*potential) return;
    kr_potential *p = *potential;
    for (int m = 0; m < p->nmodels; m++) {
        kr_fast_destroy(&p->fast[m]);
        kr_model *model = (kr_model *)p->model[m];
        if (p->owned) kr_model_destroy(&model);
    }
    kr_free(p->model);
    kr_free(p->view);
    kr_free(p->fast);
    kr_free(p->reason);
    kr_free(p->group);
    kr_free(p->rule);
    kr_free(p);
    *potential = NULL;
}

int kr_potential_nmodels(const kr_potential *potential) { return potential ? potential->nmodels : 0; }

const kr_model *kr_potential_model(const kr_potential *potential, int index) {
    return potential && index >= 0 && index < potential->nmodels ? potential->model[index] : NULL;
}

double kr_potential_rcut(const kr_potential *potential) { return potential ? potential->rcut : 0; }

void kr_potential_describe(const kr_potential *potential, void (*line)(const char *text, void *payload),
                           void *payload) {
    char text[256];
    if (!potential || !line) return;
    for (int m = 0; m < potential->nmodels; m++) {
        const char *reason = potential->reason[m] ? potential->reason[m] : "none";
        snprintf(text, sizeof text, "model %d: %s, %s path%s%s%s", m, potential->view[m].descriptor.kind->name,
                 potential->fast[m] ? "fast" : "reference", potential->fast[m] ? "" : " (",
                 potential->fast[m] ? "" : reason, potential->fast[m] ? "" : ")");
        line(text, payload);
        if (potential->fast[m]) kr_fast_describe(potential->fast[m], line, payload);
    }
}

kr_status kr_workspace_create(kr_context *ctx, const kr_potential *potential, kr_workspace **workspace) {
    kr_status status = KR_OK;
    kr_workspace *w = NULL;
    if (!workspace) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the workspace (NULL)");
    *workspace = NULL;
    if (!potential) KR_FAIL(ctx, KR_ERR_ARGUMENT, "no potential (NULL) for the workspace");
    KR_NEW(ctx, w, 1);
    w->ctx = ctx;
    w->potential = potential;
    size_t nm = (size_t)potential->nmodels;
    KR_NEW(ctx, w->overflow, (size_t)potential->ngroups);
    KR_NEW(ctx, w->energy, nm);
    KR_NEW(ctx, w->energy_error, nm);
    KR_NEW(ctx, w->virial, nm * 9);
    kr_workspace_overflow_reset(w);
    *workspace = w;
    w = NULL;
done:
    kr_workspace_destroy(&w);
    return status;
}

void kr_thread_free(const kr_potential *potential, kr_thread *thread) {
    for (int g = 0; thread->gathered && g < potential->ngroups; g++) kr_gathered_free(&thread->gathered[g]);
    for (int m = 0; thread->fast && m < potential->nmodels; m++) kr_fast_workspace_destroy(&thread->fast[m]);
    for (int m = 0; thread->output && m < potential->nmodels; m++) {
        kr_buffer_free(&thread->output[m].energy);
        kr_buffer_free(&thread->output[m].gr);
        kr_buffer_free(&thread->output[m].center_force);
    }
    kr_free(thread->gathered);
    kr_free(thread->fast);
    kr_free(thread->output);
    kr_buffer_free(&thread->aparam);
    kr_reference_workspace_free(&thread->reference);
    memset(thread, 0, sizeof *thread);
}

void kr_workspace_destroy(kr_workspace **workspace) {
    if (!workspace || !*workspace) return;
    kr_workspace *w = *workspace;
    for (int t = 0; t < w->nthreads; t++) kr_thread_free(w->potential, &w->thread[t]);
    kr_free(w->thread);
    kr_free(w->overflow);
    kr_free(w->energy);
    kr_free(w->energy_error);
    kr_free(w->virial);
    kr_buffer *buffer[] = {&w->center, &w->center_type, &w->block, &w->force, &w->atom_virial};
    for (size_t i = 0; i < sizeof buffer / sizeof buffer[0]; i++) kr_buffer_free(buffer[i]);
    kr_frame_list_free(&w->frame);
    kr_free(w);
    *workspace = NULL;
}

kr_status kr_workspace_overflow(const kr_workspace *workspace, int model, kr_overflow *overflow) {
    if (!workspace || !overflow || model < 0 || model >= workspace->potential->nmodels) return KR_ERR_ARGUMENT;
    *overflow = workspace->overflow[workspace->potential->group[model]];
    return KR_OK;
}

void kr_workspace_overflow_reset(kr_workspace *workspace) {
    if (!workspace) return;
    for (int g = 0; g < workspace->potential->ngroups; g++)
        workspace->overflow[g] = (kr_overflow){.worst_center_type = -1, .worst_neighbor_type = -1};
}

size_t kr_thread_bytes(const kr_potential *potential, const kr_thread *thread) {
    const kr_reference_workspace *r = &thread->reference;
    size_t bytes = thread->aparam.bytes + r->d.bytes + r->gd.bytes + r->descriptor.net.buffer.bytes +
                   r->fitting.index.bytes + r->fitting.input.bytes + r->fitting.output.bytes +
                   r->fitting.gradient.bytes + r->fitting.net.buffer.bytes;
    for (size_t k = 0; k < sizeof r->descriptor.buffer / sizeof r->descriptor.buffer[0]; k++)
        bytes += r->descriptor.buffer[k].bytes;
    for (int g = 0; thread->gathered && g < potential->ngroups; g++) bytes += kr_gathered_bytes(&thread->gathered[g]);
    for (int m = 0; thread->output && m < potential->nmodels; m++) {
        const kr_block_output *o = &thread->output[m];
        bytes += o->energy.bytes + o->gr.bytes + o->center_force.bytes;
        if (thread->fast && thread->fast[m]) bytes += kr_fast_workspace_bytes(thread->fast[m]);
    }
    return bytes;
}

size_t kr_workspace_bytes(const kr_workspace *w) {
    if (!w) return 0;
    size_t bytes = w->center.bytes + w->center_type.bytes + w->block.bytes + w->force.bytes + w->atom_virial.bytes +
                   kr_frame_list_bytes(&w->frame);
    for (int t = 0; t < w->nthreads; t++) bytes += kr_thread_bytes(w->potential, &w->thread[t]);
    return bytes;
}
