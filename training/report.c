/* What a run has to tell: data and model before it, errors by system and element, outliers and curvature after it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "training/training_impl.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SYSTEMS = 12, MOST_FRAMES = 1000, OUTLIERS = 3, CURVATURE_FRAMES = 8, CURVATURE_STEPS = 12 };
enum { PURPOSE_CURVATURE = 0x6b20 };

typedef struct printer {
    void (*line)(const char *text, void *payload);
    void *payload;
} printer;

static void say(const printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const printer *p, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    p->line(text, p->payload);
}

/* ---- before ------------------------------------------------------------------------------------------------------ */

static void describe_set(const printer *p, const kr_data_set *d, const kr_model *model, const char *what) {
    long atoms = 0, pairs = 0;
    for (int i = 0; i < d->nframes; i++) {
        atoms += d->frame[i]->natoms;
        pairs += d->frame[i]->env.npairs;
    }
    say(p, "%s: %d system%s, %d frames, %ld atoms, %.1f neighbours each, shortest distance %.3f A, %.0f MB", what,
        d->nsystems, d->nsystems == 1 ? "" : "s", d->nframes, atoms, atoms ? (double)pairs / (double)atoms : 0,
        d->shortest, (double)d->bytes * 1e-6);
    for (int s = 0; s < d->nsystems && s < MOST_SYSTEMS; s++)
        say(p, "  %-40s %-16s %6d frames, batch %d, probability %.4f", d->system[s].name, d->system[s].formula,
            d->system[s].nframes, d->system[s].batch, d->system[s].probability);
    if (d->nsystems > MOST_SYSTEMS) say(p, "  and %d systems more", d->nsystems - MOST_SYSTEMS);
    if (d->left_out) say(p, "  %d frames are left out, their atoms are closer than min_pair_dist", d->left_out);
    const kr_overflow *o = &d->overflow;
    if (o->environments)
        say(p, "  sel is too small for %ld of %ld atoms (up to %d neighbours, sel %d): the farthest are not seen",
            o->environments, o->evaluations, o->worst_count, o->worst_sel);
    (void)model;
}

void kr_training_describe(const kr_training *t, void (*line)(const char *text, void *payload), void *payload) {
    printer p = {line, payload};
    const kr_model *m = t->member[0].model;
    const kr_descriptor *d = &m->descriptor;
    char types[128] = "", sel[128] = "";
    size_t used = 0, moving = 0;
    for (int i = 0; i < m->ntypes && used < sizeof types - 8; i++)
        used += (size_t)snprintf(types + used, sizeof types - used, " %s", m->type_map[i]);
    used = 0;
    for (int i = 0; i < d->nsel && used < sizeof sel - 8; i++)
        used += (size_t)snprintf(sel + used, sizeof sel - used, " %d", d->sel[i]);
    for (size_t i = 0; i < m->ntheta; i++) moving += t->member[0].mask[i];
    describe_set(&p, t->data, m, "training data");
    if (t->validation) describe_set(&p, t->validation, m, "validation data");
    say(&p, "model: %s for%s, rcut %g A, sel%s, %zu parameters%s", d->type, types, d->rcut, sel, m->ntheta,
        moving == m->ntheta ? "" : ", not all trained");
    if (moving != m->ntheta) say(&p, "  trained: %zu of them", moving);
    say(&p, "run: %lld steps, engine %s in %s precision, optimizer %s, seed %lld%s", (long long)t->last,
        t->engine_kind->name, t->single ? "single" : "double", kr_optimizer_get_kind(t->member[0].optimizer)->name,
        (long long)t->input->training.seed, t->nmembers > 1 ? " and the next ones" : "");
    if (t->fresh) say(&p, "  energies scatter by %.4g eV around their bias", t->spread);
    if (t->nmembers > 1) say(&p, "  an ensemble of %d models", t->nmembers);
}

/* ---- after ------------------------------------------------------------------------------------------------------- */

/* Sums of one kind of error. */
typedef struct tally {
    double n, square, absolute, most;
} tally;

static void count(tally *s, double error) {
    s->n++;
    s->square += error * error;
    s->absolute += fabs(error);
    if (fabs(error) > s->most) s->most = fabs(error);
}

static double rmse(const tally *s) { return s->n > 0 ? sqrt(s->square / s->n) : NAN; }
static double mae(const tally *s) { return s->n > 0 ? s->absolute / s->n : NAN; }

typedef struct outlier {
    double energy, force; /* |ΔE|/N, rmse of the frame's forces */
    const kr_training_frame *frame;
} outlier;

typedef struct audit {
    tally energy, force, virial;
    tally *system_energy, *system_force; /* [nsystems] */
    tally *type_force;                   /* [ntypes] */
    outlier *frame;                      /* [nframes seen] */
    int nframes;
} audit;

static void audit_free(audit *a) {
    kr_free(a->system_energy);
    kr_free(a->system_force);
    kr_free(a->type_force);
    kr_free(a->frame);
}

static void add_frame(audit *a, const kr_training_frame *f, const double *energy, const double *force,
                      const double *virial) {
    outlier *o = &a->frame[a->nframes++];
    *o = (outlier){.energy = NAN, .force = NAN, .frame = f};
    if (f->has & 1u << KR_LABEL_ENERGY) {
        double sum = 0;
        for (int i = 0; i < f->natoms; i++) sum += energy[i];
        o->energy = fabs(sum - f->energy) / f->natoms;
        count(&a->energy, (sum - f->energy) / f->natoms);
        count(&a->system_energy[f->system], (sum - f->energy) / f->natoms);
    }
    if (f->has & 1u << KR_LABEL_FORCE) {
        double square = 0;
        for (int i = 0; i < 3 * f->natoms; i++) {
            double error = force[i] - f->force[i];
            square += error * error;
            count(&a->force, error);
            count(&a->system_force[f->system], error);
            count(&a->type_force[f->type[i / 3]], error);
        }
        o->force = sqrt(square / (3 * f->natoms));
    }
    if (f->has & 1u << KR_LABEL_VIRIAL)
        for (int c = 0; c < 9; c++) count(&a->virial, (virial[c] - f->virial[c]) / f->natoms);
}

static kr_status run_audit(kr_context *ctx, const kr_member *m, const kr_data_set *set, audit *a) {
    kr_status status = KR_OK;
    int stride = set->nframes > MOST_FRAMES ? (set->nframes + MOST_FRAMES - 1) / MOST_FRAMES : 1, room = 0;
    double *work = NULL;
    for (int i = 0; i < set->nframes; i++)
        if (set->frame[i]->natoms > room) room = set->frame[i]->natoms;
    KR_NEW(ctx, a->system_energy, (size_t)set->nsystems);
    KR_NEW(ctx, a->system_force, (size_t)set->nsystems);
    KR_NEW(ctx, a->type_force, (size_t)m->model->ntypes);
    KR_NEW(ctx, a->frame, (size_t)set->nframes);
    KR_NEW(ctx, work, 4 * (size_t)room + 9);
    for (int i = 0; i < set->nframes; i += stride) {
        kr_batch batch;
        kr_batch_set(&batch, 1, &set->frame[i]);
        KR_TRY(kr_engine_value(ctx, m->engine, &batch, work, work + room, work + 4 * (size_t)room));
        add_frame(a, set->frame[i], work, work + room, work + 4 * (size_t)room);
    }
done:
    kr_free(work);
    return status;
}

static int by_force(const void *a, const void *b) {
    double x = ((const outlier *)a)->force, y = ((const outlier *)b)->force;
    return isnan(x) ? !isnan(y) : isnan(y) ? -1 : (x < y) - (x > y);
}

static int by_energy(const void *a, const void *b) {
    double x = ((const outlier *)a)->energy, y = ((const outlier *)b)->energy;
    return isnan(x) ? !isnan(y) : isnan(y) ? -1 : (x < y) - (x > y);
}

static void print_outliers(const printer *p, const kr_data_set *set, audit *a) {
    char name[256];
    if (a->nframes < 3 * OUTLIERS) return;
    qsort(a->frame, (size_t)a->nframes, sizeof *a->frame, by_force);
    for (int i = 0; i < OUTLIERS && a->frame[i].force > 2 * rmse(&a->force); i++)
        say(p, "  large force errors: %s, %.3g eV/A", kr_data_name(set, a->frame[i].frame, name, sizeof name),
            a->frame[i].force);
    qsort(a->frame, (size_t)a->nframes, sizeof *a->frame, by_energy);
    for (int i = 0; i < OUTLIERS && a->frame[i].energy > 3 * rmse(&a->energy); i++)
        say(p, "  large energy error: %s, %.3g meV/atom", kr_data_name(set, a->frame[i].frame, name, sizeof name),
            1e3 * a->frame[i].energy);
}

static void print_audit(const printer *p, const kr_model *model, const kr_data_set *set, audit *a, const char *what) {
    say(p, "%s (%d frames): energy RMSE %.3g MAE %.3g meV/atom, force RMSE %.4g MAE %.4g max %.3g eV/A%s", what,
        a->nframes, 1e3 * rmse(&a->energy), 1e3 * mae(&a->energy), rmse(&a->force), mae(&a->force), a->force.most,
        a->nframes < set->nframes ? ", of a sample" : "");
    if (a->virial.n > 0) say(p, "  virial RMSE %.3g MAE %.3g meV/atom", 1e3 * rmse(&a->virial), 1e3 * mae(&a->virial));
    for (int s = 0; set->nsystems > 1 && s < set->nsystems && s < MOST_SYSTEMS; s++)
        say(p, "  %-40s energy RMSE %.3g meV/atom, force RMSE %.4g eV/A", set->system[s].name,
            1e3 * rmse(&a->system_energy[s]), rmse(&a->system_force[s]));
    for (int t = 0; t < model->ntypes; t++)
        if (a->type_force[t].n > 0)
            say(p, "  %-4s force RMSE %.4g MAE %.4g max %.3g eV/A", model->type_map[t], rmse(&a->type_force[t]),
                mae(&a->type_force[t]), a->type_force[t].most);
    print_outliers(p, set, a);
}

/* Largest curvature of the loss, λ = max eigenvalue of ∂²L/∂θ², by power iteration with differences of gradients
 *   H v ≈ (g(θ + h v) − g(θ − h v)) / 2h
 * on a few frames and with the prefactors of the end. Gradient descent with a rate above 2/λ does not settle. */
static kr_status curvature(kr_context *ctx, kr_training *t, kr_member *m, double *lambda) {
    kr_status status = KR_OK;
    size_t n = m->model->ntheta;
    kr_training_frame *frames[CURVATURE_FRAMES];
    kr_batch batch;
    kr_loss_report report;
    kr_stream stream = {(uint64_t)t->input->training.seed, PURPOSE_CURVATURE};
    double *v = NULL, *g = NULL, *keep = NULL, scale = 0;
    int used = 0;
    for (int i = 0; i < CURVATURE_FRAMES && i < t->data->nframes; i++)
        frames[used++] = t->data->frame[(long)i * t->data->nframes / CURVATURE_FRAMES];
    kr_batch_set(&batch, used, frames);
    KR_NEW(ctx, v, n);
    KR_NEW(ctx, g, 2 * n);
    KR_NEW(ctx, keep, n);
    memcpy(keep, m->model->theta, n * sizeof *keep);
    for (size_t i = 0; i < n; i++) {
        double normal[4];
        kr_random_normal(stream, 0, i / 4, 0, normal);
        v[i] = m->mask[i] ? normal[i % 4] : 0;
        scale += keep[i] * keep[i];
    }
    double h = 1e-4 * sqrt(scale / (double)n) * sqrt((double)n);
    for (int k = 0; k < CURVATURE_STEPS; k++) {
        double norm = 0;
        for (size_t i = 0; i < n; i++) norm += v[i] * v[i];
        norm = sqrt(norm);
        if (k) *lambda = norm;
        if (!(norm > 0)) break;
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < n; i++) m->model->theta[i] = keep[i] + (side ? -h : h) * v[i] / norm;
            KR_TRY(kr_member_loss(ctx, t, m, &batch, 0, g + (size_t)side * n, &report, NULL));
        }
        for (size_t i = 0; i < n; i++) v[i] = m->mask[i] ? (g[i] - g[n + i]) / (2 * h) : 0;
    }
done:
    if (keep) memcpy(m->model->theta, keep, n * sizeof *keep);
    kr_free(v);
    kr_free(g);
    kr_free(keep);
    return status;
}

kr_status kr_training_report(kr_context *ctx, kr_training *t, void (*line)(const char *text, void *payload),
                             void *payload) {
    if (!t || !line) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_training_report: training and line are needed");
    kr_status status = KR_OK;
    printer p = {line, payload};
    audit a = {0};
    for (int i = 0; i < t->nmembers; i++) {
        kr_member *m = &t->member[i];
        double lambda = NAN;
        if (!m->finished) continue;
        if (t->nmembers > 1) say(&p, "model %d", i);
        for (int k = 0; k < 2; k++) {
            const kr_data_set *set = k ? t->validation : t->data;
            if (!set) continue;
            KR_TRY(run_audit(ctx, m, set, &a));
            print_audit(&p, m->model, set, &a, k ? "validation errors" : "training errors");
            audit_free(&a);
            a = (audit){0};
        }
        KR_TRY(curvature(ctx, t, m, &lambda));
        say(&p, "sharpness: largest curvature of the loss %.3g", lambda);
    }
done:
    audit_free(&a);
    return status;
}
