/* The loss of type "ener" and its derivatives by energies, forces and virials.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every term is  p/count Σ b φ(a x)  over its residuals x, with φ = x², Huber's function or |x|. For E and V
 * a = 1, b = 1/N (1/N²) in the quadratic loss, a = 1/N, b = 1 in the others. A new term needs a letter in the enum, its
 * count in kr_loss_count and a function like those below; new labels come with the frame. */
#include "training/loss.h"
#include "core/error.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

static const char *const NAMES[KR_LOSS_TERMS] = {"e", "ae", "f", "v", "pf"};
enum { DELTA_E, DELTA_F, DELTA_V };

void kr_loss_defaults(kr_loss_options *options) {
    *options = (kr_loss_options){.relative_f = -1, .huber_delta = {0.01, 0.01, 0.01}};
    options->start[KR_LOSS_E] = 0.02;
    options->limit[KR_LOSS_E] = 1;
    options->start[KR_LOSS_F] = 1000;
    options->limit[KR_LOSS_F] = 1;
}

const char *kr_loss_term_name(int term) { return term >= 0 && term < KR_LOSS_TERMS ? NAMES[term] : ""; }

int kr_loss_term_active(const kr_loss_options *o, int term) { return o->start[term] != 0 || o->limit[term] != 0; }

kr_status kr_loss_check(kr_context *ctx, const kr_loss_options *o) {
    kr_status status = KR_OK;
    int huber = o->huber && !o->mae;
    for (int t = 0; t < KR_LOSS_TERMS; t++)
        if (!(o->start[t] >= 0 && o->limit[t] >= 0 && isfinite(o->start[t] + o->limit[t])))
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "start_pref_%s is %g and limit_pref_%s is %g, finite numbers >= 0 allowed",
                    NAMES[t], o->start[t], NAMES[t], o->limit[t]);
    for (int k = 0; huber && k < 3; k++)
        if (!(o->huber_delta[k] > 0))
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "huber_delta of %s is %g, numbers > 0 allowed",
                    k == DELTA_E   ? "energies"
                    : k == DELTA_F ? "forces"
                                   : "virials",
                    o->huber_delta[k]);
    if (huber && (kr_loss_term_active(o, KR_LOSS_PF) || o->relative_f >= 0))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "use_huber does not go with atom_pref (pf) or relative_f");
    if (o->f_use_norm && !o->mae && !o->huber)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "f_use_norm needs use_huber or loss_func \"mae\"");
    if (isnan(o->relative_f)) KR_FAIL(ctx, KR_ERR_ARGUMENT, "relative_f is not a number");
done:
    return status;
}

void kr_loss_workspace_free(kr_loss_workspace *ws) {
    if (!ws) return;
    kr_buffer_free(&ws->energy);
    kr_buffer_free(&ws->force);
    kr_buffer_free(&ws->virial);
    kr_buffer_free(&ws->ebar);
    kr_buffer_free(&ws->fbar);
    kr_buffer_free(&ws->wbar);
}

/* ---- which labels count ---- */

static int carries(const kr_loss_options *o, const kr_training_frame *f, int term) {
    static const uint32_t label[KR_LOSS_TERMS] = {1u << KR_LABEL_ENERGY, 1u << KR_LABEL_ATOM_ENER, 1u << KR_LABEL_FORCE,
                                                  1u << KR_LABEL_VIRIAL,
                                                  1u << KR_LABEL_FORCE | 1u << KR_LABEL_ATOM_PREF};
    uint32_t wanted = label[term];
    if (term == KR_LOSS_PF && o->use_default_pf) wanted = 1u << KR_LABEL_FORCE;
    return kr_loss_term_active(o, term) && (f->has & wanted) == wanted;
}

static int per_frame(int term) { return term == KR_LOSS_E || term == KR_LOSS_V; }

void kr_loss_count(const kr_loss_options *o, const kr_batch *batch, double *count) {
    for (int k = 0; k < batch->nframes; k++)
        for (int t = 0; t < KR_LOSS_TERMS; t++)
            if (carries(o, batch->frame[k], t)) count[t] += per_frame(t) ? 1 : batch->frame[k]->nincluded;
}

void kr_loss_report_finish(const kr_loss_options *o, const double *count, kr_loss_report *report) {
    for (int t = 0; t < KR_LOSS_TERMS; t++)
        report->rmse[t] = count[t] > 0 ? o->mae ? report->mean[t] : sqrt(report->mean[t]) : NAN;
}

/* ---- the terms of one frame ---- */

/* One frame: what the engine gave, and where derivatives go. */
typedef struct piece {
    const kr_loss_options *o;
    const kr_training_frame *f;
    const double *energy, *force, *virial; /* [natoms], [natoms][3], [9] */
    double *ebar, *fbar, *wbar;            /* the same shapes, zero on entry */
    double weight[KR_LOSS_TERMS];          /* prefactor / count */
    double share[KR_LOSS_TERMS];           /* 1 / count */
    kr_loss_report *report;
} piece;

/* φ(x) and its derivative. */
static double penalty(const kr_loss_options *o, int delta, double x, double *slope) {
    double d = o->huber_delta[delta], size = fabs(x);
    if (o->mae) {
        *slope = (x > 0) - (x < 0);
        return size;
    }
    if (!o->huber) {
        *slope = 2 * x;
        return x * x;
    }
    *slope = size <= d ? x : x > 0 ? d : -d;
    return size <= d ? 0.5 * x * x : d * (size - 0.5 * d);
}

static void add(piece *p, int term, double loss, double mean) {
    p->report->term[term] += p->weight[term] * loss;
    p->report->mean[term] += p->share[term] * mean;
}

static int included(const piece *p, int atom) { return !p->f->excluded || !p->f->excluded[atom]; }

/* A number of the whole frame (E, or one component of W): returns ∂L/∂x; `part` of the mean is this number's. */
static double frame_residual(piece *p, int term, int delta, double x, double part) {
    double n = p->f->nincluded, slope;
    if (!p->f->nincluded) return 0;
    int quadratic = !p->o->mae && !p->o->huber;
    double a = quadratic ? 1 : 1 / n, b = !quadratic ? 1 : p->o->intensive ? 1 / (n * n) : 1 / n;
    double value = penalty(p->o, delta, a * x, &slope), per_atom = x / n;
    add(p, term, part * b * value, part * (p->o->mae ? fabs(per_atom) : per_atom * per_atom));
    return p->weight[term] * part * b * a * slope;
}

static void energy_term(piece *p) {
    double x = kr_sum(p->f->natoms, p->energy) - p->f->energy;
    double bar = frame_residual(p, KR_LOSS_E, DELTA_E, x, 1);
    for (int i = 0; i < p->f->natoms; i++) p->ebar[i] += bar;
}

static void virial_term(piece *p) {
    for (int c = 0; c < 9; c++)
        p->wbar[c] += frame_residual(p, KR_LOSS_V, DELTA_V, p->virial[c] - p->f->virial[c], 1.0 / 9);
}

static void atom_energy_term(piece *p) {
    for (int i = 0; i < p->f->natoms; i++) {
        if (!included(p, i)) continue;
        double slope, x = p->energy[i] - p->f->atom_ener[i], value = penalty(p->o, DELTA_E, x, &slope);
        add(p, KR_LOSS_AE, value, p->o->mae ? fabs(x) : x * x);
        p->ebar[i] += p->weight[KR_LOSS_AE] * slope;
    }
}

/* ΔF of an atom, and the length it is measured with (relative_f). */
static double force_residual(const piece *p, int i, double *x) {
    const double *label = p->f->force + 3 * (size_t)i, *force = p->force + 3 * (size_t)i;
    double unit = 1;
    if (p->o->relative_f >= 0)
        unit = sqrt(label[0] * label[0] + label[1] * label[1] + label[2] * label[2]) + p->o->relative_f;
    for (int a = 0; a < 3; a++) x[a] = (force[a] - label[a]) / unit;
    return unit;
}

static void force_term(piece *p) {
    for (int i = 0; i < p->f->natoms; i++) {
        if (!included(p, i)) continue;
        double x[3], unit = force_residual(p, i, x), value = 0, slope, *bar = p->fbar + 3 * (size_t)i;
        double square = x[0] * x[0] + x[1] * x[1] + x[2] * x[2], norm = sqrt(square);
        if (p->o->f_use_norm) {
            value = penalty(p->o, DELTA_F, norm, &slope);
            double along = norm > 0 ? p->weight[KR_LOSS_F] * slope / (norm * unit) : 0;
            for (int a = 0; a < 3; a++) bar[a] += along * x[a];
        } else {
            for (int a = 0; a < 3; a++) {
                value += penalty(p->o, DELTA_F, x[a], &slope) / 3;
                bar[a] += p->weight[KR_LOSS_F] * slope / (3 * unit);
            }
        }
        add(p, KR_LOSS_F, value, p->o->mae ? value : square / 3);
    }
}

static void weighted_force_term(piece *p) {
    for (int i = 0; i < p->f->natoms; i++) {
        if (!included(p, i)) continue;
        double x[3], unit = force_residual(p, i, x), value = 0, slope, *bar = p->fbar + 3 * (size_t)i;
        double pref = p->f->atom_pref ? p->f->atom_pref[i] : 1;
        for (int a = 0; a < 3; a++) {
            value += pref * penalty(p->o, DELTA_F, x[a], &slope) / 3;
            bar[a] += p->weight[KR_LOSS_PF] * pref * slope / (3 * unit);
        }
        add(p, KR_LOSS_PF, value, value);
    }
}

/* ---- the batch ---- */

static kr_status reserve(kr_context *ctx, const kr_batch *batch, kr_loss_workspace *ws) {
    kr_status status = KR_OK;
    size_t n = (size_t)batch->natoms, nf = (size_t)batch->nframes;
    KR_TRY(kr_buffer_reserve(ctx, &ws->energy, n, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->ebar, n, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->force, 3 * n, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->fbar, 3 * n, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->virial, 9 * nf, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->wbar, 9 * nf, sizeof(double)));
    memset(ws->ebar.data, 0, n * sizeof(double));
    memset(ws->fbar.data, 0, 3 * n * sizeof(double));
    memset(ws->wbar.data, 0, 9 * nf * sizeof(double));
done:
    return status;
}

/* All terms of all frames: report and derivatives. */
static kr_status residuals(kr_context *ctx, const kr_loss_options *o, double ratio, const kr_batch *batch,
                           const double *count, kr_loss_report *report, kr_loss_workspace *ws) {
    static void (*const terms[KR_LOSS_TERMS])(piece *) = {energy_term, atom_energy_term, force_term, virial_term,
                                                          weighted_force_term};
    piece p = {.o = o, .energy = ws->energy.data, .force = ws->force.data, .virial = ws->virial.data};
    p.ebar = ws->ebar.data;
    p.fbar = ws->fbar.data;
    p.wbar = ws->wbar.data;
    p.report = report;
    for (int t = 0; t < KR_LOSS_TERMS; t++) {
        p.share[t] = count[t] > 0 ? 1 / count[t] : 0;
        p.weight[t] = p.share[t] * (o->limit[t] + (o->start[t] - o->limit[t]) * ratio);
    }
    for (int k = 0; k < batch->nframes; k++) {
        p.f = batch->frame[k];
        for (int t = 0; t < KR_LOSS_TERMS; t++)
            if (carries(o, p.f, t)) terms[t](&p);
        for (int t = 0; t < KR_LOSS_TERMS; t++)
            if (!isfinite(report->term[t])) {
                KR_ERROR(ctx, KR_ERR_NUMERIC, "the loss (%s) of system %d, frame %d is not finite", NAMES[t],
                         p.f->system, p.f->index);
                kr_error_hint(ctx, "a smaller learning rate may help");
                return KR_ERR_NUMERIC;
            }
        p.energy += p.f->natoms;
        p.ebar += p.f->natoms;
        p.force += 3 * (size_t)p.f->natoms;
        p.fbar += 3 * (size_t)p.f->natoms;
        p.virial += 9;
        p.wbar += 9;
    }
    for (int t = 0; t < KR_LOSS_TERMS; t++) report->loss += report->term[t];
    return KR_OK;
}

kr_status kr_loss_gradient(kr_context *ctx, const kr_loss_options *o, double ratio, kr_engine *engine,
                           const kr_batch *batch, const double *count, double *gtheta, kr_loss_report *report,
                           kr_loss_workspace *ws) {
    kr_status status = KR_OK;
    double own[KR_LOSS_TERMS] = {0};
    if (!o || !engine || !batch || !report || !ws)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "loss: options, engine, batch, report or workspace missing");
    *report = (kr_loss_report){.nframes = batch->nframes, .natoms = batch->natoms};
    kr_loss_count(o, batch, own);
    if (!count) count = own;
    int forces = own[KR_LOSS_F] > 0 || own[KR_LOSS_PF] > 0, virials = own[KR_LOSS_V] > 0;
    int energies = own[KR_LOSS_E] > 0 || own[KR_LOSS_AE] > 0;
    KR_TRY(reserve(ctx, batch, ws));
    if (batch->natoms > 0)
        KR_TRY(kr_engine_value(ctx, engine, batch, ws->energy.data, forces ? ws->force.data : NULL,
                               virials ? ws->virial.data : NULL));
    KR_TRY(residuals(ctx, o, ratio, batch, count, report, ws));
    kr_loss_report_finish(o, count, report);
    if (!gtheta || batch->natoms == 0 || !(energies || forces || virials)) goto done;
    const double *ebar = energies ? ws->ebar.data : NULL, *fbar = forces ? ws->fbar.data : NULL;
    const double *wbar = virials ? ws->wbar.data : NULL;
    KR_TRY(ws->set ? kr_engine_set_gradient(ctx, engine, batch, ebar, fbar, wbar, gtheta)
                   : kr_engine_gradient(ctx, engine, batch, ebar, fbar, wbar, gtheta));
    ws->set = 0;
done:
    return status;
}
