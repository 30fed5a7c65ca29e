/* Atoms with a Deep Potential as the energy, open or periodic.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   {"kind": "atoms", "model": "m.dp", "structure": "start.xyz", "T_K": 300}
 * x = all coordinates in Å (not wrapped), V in eV, time in ps, ε = k_B T in eV; momenta in eV ps/Å, masses in
 * eV ps²/Å² (1 amu = 1.0364269e-4). Underdamped by default, friction in 1/ps. Types, cell and start come from the
 * structure's first frame, masses from it or from the element names. */
#include "core/elements.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/problem.h"
#include <kramers/potential.h>
#include <kramers/system.h>
#include <string.h>

enum { MOST_THREADS = 256 };
#define EV_PER_K 8.617333262e-5
#define AMU 1.0364269656e-4 /* eV ps²/Å² */

typedef struct atoms {
    const char *model, *structure;
    double temperature;
    int natoms, *type;
    unsigned char pbc[3];
    double box[9], *start;
    kr_potential *potential;
    kr_workspace *workspace[MOST_THREADS]; /* each made and used by one thread of a run */
} atoms;

static const kr_parameter parameters[] = {
    {.name = "model", .type = KR_PARAMETER_TEXT, .offset = offsetof(atoms, model), .help = "model file (.dp)"},
    {.name = "structure",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(atoms, structure),
     .help = "structure file: types, cell, start"},
    {.name = "T_K",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(atoms, temperature),
     .initial = "300",
     .range = "> 0",
     .unit = "K",
     .help = "temperature"},
    {0}};

/* Types of the model and masses, by element names. */
static kr_status assign(kr_context *ctx, kr_problem *problem, const kr_system *s, const kr_tree *where) {
    kr_status status = KR_OK;
    atoms *a = problem->state;
    const kr_model *model = kr_potential_model(a->potential, 0);
    const int *type = kr_system_types(s, 0);
    for (int i = 0; i < a->natoms; i++) {
        const char *name = type[i] >= 0 && type[i] < s->ntypes ? s->type_map[type[i]] : "?";
        a->type[i] = -1;
        for (int t = 0; t < kr_model_ntypes(model); t++)
            if (!strcmp(name, kr_model_type_name(model, t))) a->type[i] = t;
        if (a->type[i] < 0)
            KR_TRY(kr_parameter_fail(ctx, "problem", "structure", kr_tree_get(where, "structure"),
                                     "atom %d of %s is %s, which %s does not know", i + 1, a->structure, name,
                                     a->model));
        double mass = s->label[KR_LABEL_MASS] ? s->label[KR_LABEL_MASS][i]
                                              : kr_element_mass(kr_element_number(name, strlen(name)));
        if (!(mass > 0))
            KR_TRY(kr_parameter_fail(ctx, "problem", "structure", kr_tree_get(where, "structure"),
                                     "the mass of %s is not known", name));
        for (int k = 0; k < 3; k++) problem->mass[3 * i + k] = mass * AMU;
    }
done:
    return status;
}

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    kr_status status = KR_OK;
    atoms *a = problem->state;
    kr_dataset *data = NULL;
    KR_TRY(kr_potential_load(ctx, 1, &a->model, NULL, &a->potential));
    KR_TRY(kr_dataset_read(ctx, a->structure, NULL, 0, NULL, &data));
    if (!data->nsystems || !data->system[0]->nframes || data->system[0]->natoms < 1)
        KR_TRY(kr_parameter_fail(ctx, "problem", "structure", kr_tree_get(where, "structure"), "%s has no atoms",
                                 a->structure));
    const kr_system *s = data->system[0];
    a->natoms = s->natoms;
    memcpy(a->pbc, s->pbc, sizeof a->pbc);
    memcpy(a->box, s->box, sizeof a->box);
    KR_TRY(kr_problem_resize(ctx, problem, 3 * a->natoms));
    problem->epsilon = EV_PER_K * a->temperature;
    problem->dynamics = KR_UNDERDAMPED;
    KR_NEW(ctx, a->type, (size_t)a->natoms);
    KR_NEW(ctx, a->start, 3 * (size_t)a->natoms);
    KR_NEW(ctx, problem->mass, 3 * (size_t)a->natoms);
    memcpy(a->start, s->coord, 3 * (size_t)a->natoms * sizeof *a->start);
    KR_TRY(assign(ctx, problem, s, where));
done:
    kr_dataset_destroy(&data);
    return status;
}

static void destroy(kr_problem *problem) {
    atoms *a = problem->state;
    for (int t = 0; t < MOST_THREADS; t++) kr_workspace_destroy(&a->workspace[t]);
    kr_potential_destroy(&a->potential);
    kr_free(a->type);
    kr_free(a->start);
}

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    kr_status status = KR_OK;
    atoms *a = problem->state;
    long d = problem->positions;
    int thread = kr_parallel_thread(), cell = a->pbc[0] || a->pbc[1] || a->pbc[2];
    if (thread >= MOST_THREADS) KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "more than %d threads", MOST_THREADS);
    if (!a->workspace[thread]) KR_TRY(kr_workspace_create(ctx, a->potential, &a->workspace[thread]));
    for (long i = 0; i < n; i++) {
        kr_result result = {.energy = v ? v + i : NULL, .force = grad ? grad + i * d : NULL};
        KR_TRY(kr_potential_compute_frame(a->potential, a->workspace[thread], a->natoms, x + i * d, a->type,
                                          cell ? a->box : NULL, cell ? a->pbc : NULL, NULL, NULL, &result));
        for (long k = 0; grad && k < d; k++) grad[i * d + k] = -grad[i * d + k];
    }
done:
    return status;
}

const kr_problem_kind kr_problem_atoms = {
    .name = "atoms",
    .summary = "atoms with a Deep Potential as the energy (A, eV, ps)",
    .reference = "the model file",
    .parameters = parameters,
    .size = sizeof(atoms),
    .create = create,
    .destroy = destroy,
    .potential = potential,
};
