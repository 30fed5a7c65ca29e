/* The atoms of a built-in run (explore_motion.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/explore_motion.h"
#include "core/elements.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/novelty.h"
#include <math.h>
#include <string.h>

static kr_status load_models(kr_context *ctx, kr_motion *m) {
    kr_status status = KR_OK;
    const kr_explore_spec *s = &m->input->spec;
    const char **rest = NULL;
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    kr_model *probe = NULL;
    unsigned char *used = NULL;
    int *type = NULL;
    o.precision = (kr_precision)m->input->options.precision;
    o.tolerance = m->input->options.tolerance;
    if (o.tolerance <= 0) o.table = KR_TABLE_OFF, o.tolerance = 1e-6;
    KR_TRY(kr_model_load(ctx, s->models[s->driver], &probe));
    KR_NEW(ctx, used, (size_t)kr_model_ntypes(probe) + 1);
    KR_NEW(ctx, type, (size_t)s->ntypes + 1);
    for (int t = 0; t < s->ntypes; t++) type[t] = kr_model_type_index(probe, s->names[t]);
    for (int i = 0; i < m->n; i++) {
        m->model_type[i] = type[s->frame.type[i]];
        if (m->model_type[i] < 0)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "the element %s is not in the model '%s'", s->names[s->frame.type[i]],
                    s->models[s->driver]);
        used[m->model_type[i]] = 1;
    }
    o.used_types = used;
    KR_TRY(kr_potential_load(ctx, 1, &s->models[s->driver], &o, &m->driver));
    KR_TRY(kr_workspace_create(ctx, m->driver, &m->driver_scratch));
    if (s->nmodels == 1) {
        if (s->novelty) KR_TRY(kr_novelty_read(ctx, s->novelty, m->driver, &m->novelty));
        goto done;
    }
    KR_NEW(ctx, rest, (size_t)s->nmodels);
    for (int k = 0, at = 0; k < s->nmodels; k++)
        if (k != s->driver) rest[at++] = s->models[k];
    KR_TRY(kr_potential_load(ctx, s->nmodels - 1, rest, &o, &m->others));
    KR_TRY(kr_workspace_create(ctx, m->others, &m->others_scratch));
    for (int t = 0; t < kr_model_ntypes(probe); t++)
        if (kr_model_type_index(kr_potential_model(m->others, 0), kr_model_type_name(probe, t)) != t)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "the models '%s' and '%s' differ in their elements", s->models[s->driver],
                    rest[0]);
done:
    kr_model_destroy(&probe);
    kr_free(rest);
    kr_free(used);
    kr_free(type);
    return status;
}

kr_status kr_motion_create(kr_context *ctx, const kr_explore_input *input, kr_motion *m) {
    kr_status status = KR_OK;
    const kr_explore_spec *s = &input->spec;
    size_t n = (size_t)s->frame.natoms, models = (size_t)s->nmodels;
    *m = (kr_motion){.input = input, .n = s->frame.natoms};
    KR_NEW(ctx, m->x, 3 * n + 1);
    KR_NEW(ctx, m->v, 3 * n + 1);
    KR_NEW(ctx, m->f, 3 * n + 1);
    KR_NEW(ctx, m->x_new, 3 * n + 1);
    KR_NEW(ctx, m->f_new, 3 * n + 1);
    KR_NEW(ctx, m->mass, n + 1);
    KR_NEW(ctx, m->model_type, n + 1);
    KR_NEW(ctx, m->epsilon, n + 1);
    KR_NEW(ctx, m->all_force, 3 * n * models + 1);
    KR_NEW(ctx, m->all_energy, models);
    KR_NEW(ctx, m->all_virial, 9 * models);
    KR_NEW(ctx, m->force_of, models);
    for (size_t i = 0; i < n; i++) {
        const char *name = s->names[s->frame.type[i]];
        double mass = s->masses ? s->masses[s->frame.type[i]] : kr_element_mass(kr_element_number(name, strlen(name)));
        if (!(mass > 0)) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the mass of %s is not known", name);
        m->mass[i] = mass * KR_AMU;
    }
    for (int c = 0; c < 3; c++) m->has_box |= s->frame.pbc[c] != 0;
    KR_TRY(load_models(ctx, m));
    kr_motion_begin(m);
done:
    if (status != KR_OK) kr_motion_free(m);
    return status;
}

void kr_motion_free(kr_motion *m) {
    kr_novelty_destroy(&m->novelty);
    kr_workspace_destroy(&m->driver_scratch);
    kr_workspace_destroy(&m->others_scratch);
    kr_potential_destroy(&m->driver);
    kr_potential_destroy(&m->others);
    void *arrays[] = {m->x,          m->v,       m->f,         m->x_new,      m->f_new,      m->mass,
                      m->model_type, m->epsilon, m->all_force, m->all_energy, m->all_virial, m->force_of};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) kr_free(arrays[i]);
    *m = (kr_motion){0};
}

kr_stream kr_motion_stream(const kr_motion *m, uint64_t purpose) { return (kr_stream){m->input->spec.seed, purpose}; }

void kr_motion_begin(kr_motion *m) {
    const kr_frame *frame = &m->input->spec.frame;
    const double *given = frame->label[KR_LABEL_VELOCITY];
    double momentum[3] = {0, 0, 0}, total = 0, normal[4];
    const kr_stream stream = kr_motion_stream(m, KR_EXPLORE_VELOCITY);
    m->step = 0;
    memcpy(m->x, frame->coord, 3 * (size_t)m->n * sizeof *m->x);
    memcpy(m->box, frame->box, sizeof m->box);
    for (int k = 0; k < KR_MOVES; k++) {
        m->size[k] = k == KR_MOVE_CELL ? 0.01 : 0.02; /* strain; Å */
        m->tried[k] = m->accepted[k] = 0;
    }
    for (int i = 0; i < m->n; i++) {
        kr_random_normal(stream, 0, (uint64_t)i, 0, normal);
        double width = sqrt(KR_BOLTZMANN * m->input->spec.T_K[0] / m->mass[i]);
        for (int c = 0; c < 3; c++) {
            m->v[3 * i + c] = given ? given[3 * i + c] : width * normal[c];
            momentum[c] += m->mass[i] * m->v[3 * i + c];
        }
        total += m->mass[i];
    }
    for (int i = 0; i < 3 * m->n && !given && m->n > 1; i++) m->v[i] -= momentum[i % 3] / total;
}

/* ---- evaluation ---- */

static kr_status evaluate(kr_context *ctx, kr_motion *m, const kr_potential *potential, kr_workspace *scratch,
                          const double *x, const double *box, const kr_result *result) {
    (void)ctx; /* a workspace has its own */
    return kr_potential_compute_frame(potential, scratch, m->n, x, m->model_type, m->has_box ? box : NULL,
                                      m->input->spec.frame.pbc, NULL, NULL, result);
}

kr_status kr_motion_evaluate(kr_context *ctx, kr_motion *m, const double *x, const double *box, double *energy,
                             double *force, double *virial) {
    const kr_result result = {.energy = energy, .force = force, .virial = virial};
    return evaluate(ctx, m, m->driver, m->driver_scratch, x, box, &result);
}

kr_status kr_motion_forces(kr_context *ctx, kr_motion *m) {
    return kr_motion_evaluate(ctx, m, m->x, m->box, &m->energy, m->f, m->virial);
}

/* The first of the models is the one that drives, as in LAMMPS. */
kr_status kr_motion_deviation(kr_context *ctx, kr_motion *m, kr_deviation *d) {
    kr_status status = KR_OK;
    int models = m->input->spec.nmodels;
    double sigma[9], mean, square = 0;
    *d = (kr_deviation){0};
    if (m->n == 0 || (models == 1 && !m->novelty)) return KR_OK;
    if (models == 1) {
        KR_TRY(kr_novelty_frame(ctx, m->novelty, m->n, m->x, m->model_type, m->has_box ? m->box : NULL,
                                m->input->spec.frame.pbc, NULL, NULL, m->epsilon));
        kr_deviation_summary(m->n, m->epsilon, &d->max_f, &d->min_f, &d->avg_f);
        goto done;
    }
    const kr_result rest = {.energy = m->all_energy + 1, .force = m->all_force, .virial = m->all_virial + 9};
    KR_TRY(evaluate(ctx, m, m->others, m->others_scratch, m->x, m->box, &rest));
    m->all_energy[0] = m->energy;
    memcpy(m->all_virial, m->virial, sizeof m->virial);
    m->force_of[0] = m->f;
    for (int k = 1; k < models; k++) m->force_of[k] = m->all_force + 3 * (size_t)m->n * (size_t)(k - 1);
    kr_deviation_force(models, m->n, m->force_of, -1, m->epsilon);
    kr_deviation_summary(m->n, m->epsilon, &d->max_f, &d->min_f, &d->avg_f);
    for (int k = 0; k < 9 * models; k++) m->all_virial[k] /= m->n;
    kr_deviation_virial(models, m->all_virial, -1, sigma);
    kr_deviation_summary(9, sigma, &d->max_v, &d->min_v, &mean);
    for (int k = 0; k < 9; k++) square += sigma[k] * sigma[k];
    d->avg_v = sqrt(square / 9);
    d->devi_e = kr_deviation_energy(models, m->all_energy, m->n);
done:
    return status;
}

/* ---- observables ---- */

double kr_motion_target(const kr_motion *m, const double ends[2]) {
    double done = m->input->spec.steps > 0 ? (double)m->step / (double)m->input->spec.steps : 0;
    return ends[0] + fmin(done, 1) * (ends[1] - ends[0]);
}

double kr_motion_kinetic(const kr_motion *m) {
    double sum = 0;
    for (int i = 0; i < m->n; i++)
        for (int c = 0; c < 3; c++) sum += 0.5 * m->mass[i] * m->v[3 * i + c] * m->v[3 * i + c];
    return sum;
}

/* Total momentum is conserved in NVE only; Monte Carlo has no velocities, its temperature is the one that is set. */
double kr_motion_temperature(const kr_motion *m) {
    if (m->input->options.mode == KR_EXPLORE_MC) return kr_motion_target(m, m->input->spec.T_K);
    int freedom = 3 * m->n - (m->input->spec.ensemble == KR_ENSEMBLE_NVE && m->n > 1 ? 3 : 0);
    return freedom > 0 ? 2 * kr_motion_kinetic(m) / (freedom * KR_BOLTZMANN) : 0;
}

void kr_motion_pressure(const kr_motion *m, double p[9]) {
    double volume = kr_box_volume(m->box), kinetic[9] = {0};
    for (int i = 0; i < m->n && m->input->options.mode == KR_EXPLORE_MD; i++)
        for (int k = 0; k < 9; k++) kinetic[k] += m->mass[i] * m->v[3 * i + k / 3] * m->v[3 * i + k % 3];
    for (int k = 0; k < 9 && m->input->options.mode == KR_EXPLORE_MC; k++)
        kinetic[k] = k % 4 == 0 ? m->n * KR_BOLTZMANN * kr_motion_temperature(m) : 0;
    for (int k = 0; k < 9; k++) {
        int transposed = 3 * (k % 3) + k / 3;
        p[k] = volume > 0 ? (kinetic[k] + (m->virial[k] + m->virial[transposed]) / 2) / volume : 0;
    }
}
