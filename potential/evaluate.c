/* Streaming evaluation of a neighbour list: blocks of centres of one type, each gathered, evaluated by every model
 * and scattered in the order of the blocks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With g = ∂E_i/∂r_ij:  F_i += Σ_j g,  F_j −= g,  W[3a+b] −= Σ g_a r_b (atomic: on the neighbour j).
 * Blocks depend on the number of centres only and sums are formed in their order, so the bits do not depend on the
 * number of threads. Nothing is stored per atom and neighbour: a thread holds the pairs of one block.
 *
 * A molecule on one thread is another matter: most of its time goes into reading weights, which just do not fit into
 * the second-level cache for two types. Its few blocks are all held until the sums, and computed in alternate order
 * from call to call, so that a call begins with the weights that the last one ended with. */
#include "core/error.h"
#include "core/parallel.h"
#include "potential/potential_impl.h"
#include <math.h>
#include <string.h>

/* Largest block; small systems have smaller ones, so that several threads have work. Sizes are multiples of the rows
 * that matrix kernels take at once. */
enum { BLOCK = 128, BLOCK_STEP = 8, BLOCKS_WANTED = 6, LAST_BLOCK = 64 };
enum { FEW_CENTERS = 32 };     /* at most so many are held at once */
enum { ROOMS_PER_THREAD = 2 }; /* blocks that a thread computed or computes, see core/parallel.h */

typedef struct block_range {
    int begin, end; /* in the sorted centres */
} block_range;

/* One call. */
typedef struct evaluation {
    const kr_potential *p;
    kr_workspace *w;
    const kr_list *list;
    const double *fparam, *aparam; /* [nlocal][dim] */
    const kr_result *result;
    double *accumulate, scale;
    int want_gradient;
    const int *center, *center_type; /* sorted by type */
    const block_range *block;
    long nblocks;
    int held; /* block b is computed into room b, not into one of its thread's */
} evaluation;

static int model_type(const kr_list *list, int atom) {
    int t = list->type[atom];
    return list->type_map && t >= 0 ? list->type_map[t] : t;
}

static long name_of(const kr_list *list, int atom) { return list->tag ? list->tag[atom] : atom; }

/* Types in range, centres local: what a wrong caller gets wrong first. */
static kr_status check_list(kr_context *ctx, const kr_potential *p, const kr_list *list) {
    kr_status status = KR_OK;
    int nt = p->model[0]->ntypes;
    if (!list || list->nlocal < 0 || list->nall < list->nlocal || list->inum < 0 || list->inum > list->nall)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "neighbour list: nlocal %d, nall %d, inum %d do not fit together",
                list ? list->nlocal : -1, list ? list->nall : -1, list ? list->inum : -1);
    if (list->nall > 0 && (!list->x || !list->type))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "neighbour list of %d atoms without positions or types", list->nall);
    if (list->inum > 0 && (!list->ilist || !list->numneigh || !list->firstneigh))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "neighbour list of %d centres without ilist, numneigh or firstneigh", list->inum);
    for (int i = 0; i < list->nall; i++)
        if (model_type(list, i) >= nt)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "step %ld: atom %ld has type %d, the model has %d types", list->step,
                    name_of(list, i), model_type(list, i), nt);
    for (int k = 0; k < list->inum; k++)
        if (list->ilist[k] < 0 || list->ilist[k] >= list->nlocal)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "centre %d of the list is atom %d, only 0 … %d are local", k, list->ilist[k],
                    list->nlocal - 1);
done:
    return status;
}

static int round_up(int n) { return (n + BLOCK_STEP - 1) / BLOCK_STEP * BLOCK_STEP; }

static int block_size(int ncenters) {
    int size = round_up(ncenters / BLOCKS_WANTED);
    return size < BLOCK_STEP ? BLOCK_STEP : size > BLOCK ? BLOCK : size;
}

/* Blocks of the centres begin … end − 1, of nearly equal size; at the end of the list half of what is left, so that
 * threads end at about the same time. Much smaller ones would cost more than that gains. Only counts when `block` is
 * NULL; returns their number. */
static size_t cut_blocks(int begin, int end, int size, int last, block_range *block) {
    size_t n = 0;
    int parts = (end - begin + size - 1) / size, even = parts ? round_up((end - begin + parts - 1) / parts) : size;
    for (int at = begin; at < end; n++) {
        int half = round_up((end - at) / 2), least = LAST_BLOCK < size ? LAST_BLOCK : size;
        int step = !last || half > even ? even : half < least ? least : half;
        if (step > end - at) step = end - at;
        if (block) block[n] = (block_range){at, at + step};
        at += step;
    }
    return n;
}

/* Counting sort of the centres by type (stable), then blocks within each type, those of the commonest type last. */
static kr_status make_blocks(kr_context *ctx, evaluation *e) {
    kr_status status = KR_OK;
    kr_workspace *w = e->w;
    const kr_list *list = e->list;
    int nt = e->p->model[0]->ntypes, size = block_size(list->inum), common = 0;
    KR_TRY(kr_buffer_reserve(ctx, &w->center, (size_t)list->inum, sizeof(int)));
    KR_TRY(kr_buffer_reserve(ctx, &w->center_type, (size_t)size * (size_t)nt + (size_t)nt + 1, sizeof(int)));
    int *center = w->center.data, *start = w->center_type.data, *types = start + nt + 1;
    memset(start, 0, ((size_t)nt + 1) * sizeof *start);
    for (int k = 0; k < list->inum; k++) {
        int t = model_type(list, list->ilist[k]);
        if (t >= 0) start[t + 1]++;
    }
    for (int t = 1; t < nt; t++)
        if (start[t + 1] > start[common + 1]) common = t;
    size_t nblocks = 0;
    for (int t = 0; t < nt; t++) {
        nblocks += cut_blocks(0, start[t + 1], size, t == common, NULL);
        start[t + 1] += start[t];
    }
    KR_TRY(kr_buffer_reserve(ctx, &w->block, nblocks, sizeof(block_range)));
    block_range *block = w->block.data;
    for (int t = 0; t < nt; t++) {
        if (t != common) block += cut_blocks(start[t], start[t + 1], size, 0, block);
        for (int k = 0; k < size; k++) types[t * size + k] = t; /* the centre types of any block of type t */
    }
    cut_blocks(start[common], start[common + 1], size, 1, block);
    for (int k = 0; k < list->inum; k++) {
        int t = model_type(list, list->ilist[k]);
        if (t >= 0) center[start[t]++] = list->ilist[k];
    }
    e->center = center;
    e->block = w->block.data;
    e->nblocks = (long)nblocks;
    e->center_type = types;
done:
    return status;
}

/* Room for a block, and what a thread computes with. */
static kr_status prepare_thread(kr_context *ctx, const kr_potential *p, int computes, kr_thread *t) {
    kr_status status = KR_OK;
    if (!t->gathered) KR_NEW(ctx, t->gathered, (size_t)p->ngroups);
    if (!t->output) KR_NEW(ctx, t->output, (size_t)p->nmodels);
    if (!t->fast) KR_NEW(ctx, t->fast, (size_t)p->nmodels);
    for (int m = 0; m < p->nmodels && computes; m++)
        if (p->fast[m] && !t->fast[m]) KR_TRY(kr_fast_workspace_create(ctx, p->fast[m], &t->fast[m]));
done:
    return status;
}

static kr_status prepare_threads(kr_context *ctx, kr_workspace *w, const evaluation *e) {
    kr_status status = KR_OK;
    const int nthreads = kr_parallel_threads(ctx);
    const int n = e->held ? (int)e->nblocks : nthreads > 1 ? nthreads * ROOMS_PER_THREAD : 1;
    if (n > w->nthreads) {
        kr_thread *more = kr_calloc(ctx, (size_t)n, sizeof *more);
        if (!more) return KR_ERR_MEMORY;
        if (w->nthreads) memcpy(more, w->thread, (size_t)w->nthreads * sizeof *more);
        kr_free(w->thread);
        w->thread = more;
        w->nthreads = n;
    }
    for (int t = 0; t < n; t++) KR_TRY(prepare_thread(ctx, w->potential, t < nthreads, &w->thread[t]));
done:
    return status;
}

/* Centre forces, virial and energy of a block from its pair gradients; notices what is not finite. */
static kr_status sum_block(kr_context *ctx, const evaluation *e, kr_block_output *o, const kr_env *env,
                           const int *center) {
    kr_status status = KR_OK;
    const double *energy = o->energy.data, *gr = o->gr.data;
    double *fc = o->center_force.data, w[9] = {0}, sum = 0;
    for (int i = 0; i < env->natoms; i++) {
        double f[3] = {0, 0, 0}, nearest = INFINITY;
        int begin = env->first[(size_t)i * (size_t)env->ntypes];
        int end = env->first[((size_t)i + 1) * (size_t)env->ntypes];
        for (int p = begin; e->want_gradient && p < end; p++) {
            const double *g = gr + (size_t)p * 3, r[3] = {env->x[p], env->y[p], env->z[p]};
            for (int a = 0; a < 3; a++) {
                f[a] += g[a];
                for (int b = 0; b < 3; b++) w[3 * a + b] -= g[a] * r[b];
            }
        }
        if (e->want_gradient) memcpy(fc + (size_t)i * 3, f, sizeof f);
        sum += energy[i];
        if (isfinite(energy[i]) && isfinite(f[0] + f[1] + f[2])) continue;
        for (int p = begin; p < end; p++)
            if (env->r[p] < nearest) nearest = env->r[p];
        KR_ERROR(ctx, KR_ERR_NUMERIC, "step %ld: %s of atom %ld (%s) is not finite; nearest neighbour at %.4g A",
                 e->list->step, isfinite(energy[i]) ? "force" : "energy", name_of(e->list, center[i]),
                 e->p->model[0]->type_map[env->center_type[i]], nearest);
        kr_error_hint(ctx, "atoms too close to each other, or positions that are not numbers, do this");
        return KR_ERR_NUMERIC;
    }
    memcpy(o->virial, w, sizeof w);
    o->energy_sum = sum;
    return status;
}

/* aparam rows of the block's centres. */
static kr_status pick_aparam(kr_context *ctx, const evaluation *e, kr_thread *t, int n, const int *center,
                             const double **aparam) {
    kr_status status = KR_OK;
    size_t dim = (size_t)e->p->model[0]->fitting.numb_aparam;
    *aparam = NULL;
    if (!dim || !e->aparam) return KR_OK;
    KR_TRY(kr_buffer_reserve(ctx, &t->aparam, (size_t)n * dim, sizeof(double)));
    double *row = t->aparam.data;
    for (int i = 0; i < n; i++) memcpy(row + (size_t)i * dim, e->aparam + (size_t)center[i] * dim, dim * sizeof *row);
    *aparam = row;
done:
    return status;
}

static kr_status evaluate_models(kr_context *ctx, const evaluation *e, kr_thread *t, kr_thread *room, int n,
                                 const int *center) {
    kr_status status = KR_OK;
    const double *aparam;
    KR_TRY(pick_aparam(ctx, e, t, n, center, &aparam));
    for (int m = 0; m < e->p->nmodels; m++) {
        kr_block_output *o = &room->output[m];
        const kr_env *env = &room->gathered[e->p->group[m]].env;
        KR_TRY(kr_buffer_reserve(ctx, &o->energy, (size_t)n, sizeof(double)));
        if (e->want_gradient) {
            KR_TRY(kr_buffer_reserve(ctx, &o->gr, (size_t)env->npairs * 3, sizeof(double)));
            KR_TRY(kr_buffer_reserve(ctx, &o->center_force, (size_t)n * 3, sizeof(double)));
        }
        double *gr = e->want_gradient ? o->gr.data : NULL;
        if (e->p->fast[m])
            KR_TRY(kr_fast_block(ctx, e->p->fast[m], env, e->fparam, aparam, o->energy.data, gr, t->fast[m]));
        else
            KR_TRY(kr_reference_block(ctx, &e->p->view[m], env, e->fparam, aparam, o->energy.data, gr, &t->reference));
        KR_TRY(sum_block(ctx, e, o, env, center));
        if (e->result->atom_energy) {
            double *out = e->result->atom_energy + (size_t)m * (size_t)e->list->nlocal;
            for (int i = 0; i < n; i++) out[center[i]] = ((const double *)o->energy.data)[i];
        }
    }
done:
    return status;
}

static kr_status run_block(void *payload, kr_context *ctx, long block, int number) {
    kr_status status = KR_OK;
    const evaluation *e = payload;
    kr_thread *room = &e->w->thread[e->held ? block : number];
    const int *center = e->center + e->block[block].begin;
    int n = e->block[block].end - e->block[block].begin, type = model_type(e->list, center[0]);
    const int *types = e->center_type + (size_t)type * (size_t)block_size(e->list->inum);
    for (int g = 0; g < e->p->ngroups; g++)
        KR_TRY(kr_gather_block(ctx, &e->p->rule[g], e->list, n, center, types, &room->gathered[g]));
    KR_TRY(evaluate_models(ctx, e, &e->w->thread[number / ROOMS_PER_THREAD], room, n, center));
done:
    return status;
}

static void add_overflow(kr_overflow *sum, const kr_overflow *o) {
    sum->evaluations += o->evaluations;
    sum->environments += o->environments;
    if (o->worst_count - o->worst_sel <= sum->worst_count - sum->worst_sel) return;
    sum->worst_count = o->worst_count;
    sum->worst_sel = o->worst_sel;
    sum->worst_center_type = o->worst_center_type;
    sum->worst_neighbor_type = o->worst_neighbor_type;
}

static void scatter_force(double *force, double scale, const kr_env *env, const int *center, const kr_block_output *o) {
    const double *gr = o->gr.data, *fc = o->center_force.data;
    for (int i = 0; i < env->natoms; i++)
        for (size_t a = 0; a < 3; a++) force[3 * (size_t)center[i] + a] += scale * fc[(size_t)i * 3 + a];
    for (int p = 0; p < env->npairs; p++) {
        double *f = force + 3 * (size_t)env->neighbor[p];
        f[0] -= scale * gr[(size_t)p * 3];
        f[1] -= scale * gr[(size_t)p * 3 + 1];
        f[2] -= scale * gr[(size_t)p * 3 + 2];
    }
}

static void scatter_atom_virial(double *virial, const kr_env *env, const kr_block_output *o) {
    const double *gr = o->gr.data;
    for (int p = 0; p < env->npairs; p++) {
        double *w = virial + 9 * (size_t)env->neighbor[p], r[3] = {env->x[p], env->y[p], env->z[p]};
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) w[3 * a + b] -= gr[(size_t)p * 3 + (size_t)a] * r[b];
    }
}

/* Called in the order of the blocks, one at a time. */
static void scatter_block(void *payload, long block, int number) {
    const evaluation *e = payload;
    kr_thread *t = &e->w->thread[number];
    kr_workspace *w = e->w;
    const int *center = e->center + e->block[block].begin;
    size_t nall = (size_t)e->list->nall;
    for (int g = 0; g < e->p->ngroups; g++) add_overflow(&w->overflow[g], &t->gathered[g].overflow);
    for (int m = 0; m < e->p->nmodels; m++) {
        const kr_block_output *o = &t->output[m];
        const kr_env *env = &t->gathered[e->p->group[m]].env;
        double add = o->energy_sum - w->energy_error[m], sum = w->energy[m] + add; /* Kahan */
        w->energy_error[m] = (sum - w->energy[m]) - add;
        w->energy[m] = sum;
        if (!e->want_gradient) continue;
        for (int k = 0; k < 9; k++) w->virial[9 * m + k] += o->virial[k];
        if (e->result->force) scatter_force(e->result->force + 3 * nall * (size_t)m, 1, env, center, o);
        if (e->accumulate && m == 0) scatter_force(e->accumulate, e->scale, env, center, o);
        if (e->result->atom_virial) scatter_atom_virial(e->result->atom_virial + 9 * nall * (size_t)m, env, o);
    }
}

/* The few blocks of a molecule on one thread. Of several failures the lowest block's is told, as elsewhere. */
static kr_status run_held(kr_context *ctx, evaluation *e) {
    kr_status status = KR_OK;
    const int down = e->w->down = !e->w->down;
    for (long k = 0; k < e->nblocks && (down || status == KR_OK); k++) {
        kr_status told = run_block(e, ctx, down ? e->nblocks - 1 - k : k, 0);
        if (told != KR_OK) status = told;
    }
    for (long b = 0; b < e->nblocks && status == KR_OK; b++) scatter_block(e, b, (int)b);
    return status;
}

static void zero(double *array, size_t count) {
    if (array) memset(array, 0, count * sizeof *array);
}

kr_status kr_potential_compute_list(const kr_potential *potential, kr_workspace *workspace, const kr_list *list,
                                    const double *fparam, const double *aparam, const kr_result *result,
                                    double *accumulate_force, double scale) {
    kr_status status = KR_OK;
    if (!workspace || !potential || workspace->potential != potential || !result)
        return KR_ERROR(workspace ? workspace->ctx : NULL, KR_ERR_ARGUMENT,
                        "potential, workspace of this potential and result are all needed");
    kr_context *ctx = workspace->ctx;
    size_t nm = (size_t)potential->nmodels;
    evaluation e = {potential, workspace, list, fparam, aparam, result, accumulate_force,
                    scale,     0,         NULL, NULL,   NULL,   0,      0};
    e.want_gradient = result->force || result->virial || result->atom_virial || accumulate_force;
    KR_TRY(check_list(ctx, potential, list));
    for (int m = 0; m < potential->nmodels && list->inum > 0; m++)
        KR_TRY(kr_fitting_check_parameters(ctx, potential->model[m], fparam, aparam));
    zero(result->atom_energy, nm * (size_t)list->nlocal);
    zero(result->force, nm * (size_t)list->nall * 3);
    zero(result->atom_virial, nm * (size_t)list->nall * 9);
    zero(workspace->energy, nm);
    zero(workspace->energy_error, nm);
    zero(workspace->virial, nm * 9);
    KR_TRY(make_blocks(ctx, &e));
    e.held = list->inum <= FEW_CENTERS && e.nblocks > 1 && kr_parallel_threads(ctx) == 1;
    KR_TRY(prepare_threads(ctx, workspace, &e));
    KR_TRY(e.held ? run_held(ctx, &e)
                  : kr_parallel_rooms(ctx, e.nblocks, ROOMS_PER_THREAD, run_block, scatter_block, &e));
    if (result->energy) memcpy(result->energy, workspace->energy, nm * sizeof(double));
    if (result->virial) memcpy(result->virial, workspace->virial, nm * 9 * sizeof(double));
done:
    return status;
}
