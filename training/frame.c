/* From a frame of a system to packed environments and labels.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * 1. order: real atoms, stably by model type            2. neighbours, as evaluation finds them (core/neighbor.c)
 * 3. distances, and environments cut to sel (gather.c)  4. one piece of memory, everything copied in */
#include "training/frame.h"
#include "core/error.h"
#include "core/neighbor.h"
#include <math.h>
#include <string.h>

/* What one call needs until the frame is made. */
typedef struct maker {
    kr_context *ctx;
    const kr_model *model;
    const kr_system *s;
    int frame;
    int natoms;    /* real ones */
    int *origin;   /* [natoms] place in the file */
    int *type;     /* [natoms] ascending */
    int first;     /* model type of the file's first atom, −1 = virtual */
    double *x;     /* [natoms][3] Å */
    int *all_type; /* [nall] types of atoms and ghosts */
    double shortest;
    kr_neighbors neighbors;
    kr_gathered gathered;
} maker;

static void maker_free(maker *m) {
    kr_free(m->origin);
    kr_free(m->x);
    kr_free(m->all_type);
    kr_neighbors_free(&m->neighbors);
    kr_gathered_free(&m->gathered);
}

/* Name of a type of the system for messages. */
static const char *name_of(const maker *m, int atom) {
    int t = kr_system_types(m->s, m->frame)[atom];
    return t >= 0 && t < m->s->ntypes ? m->s->type_map[t] : "no name";
}

/* ---- atoms ---- */

/* Model type of one atom of the file: −1 = virtual, −2 = unknown. */
static int model_type(const maker *m, int atom) {
    int t = kr_system_types(m->s, m->frame)[atom];
    if (t < 0) return -1;
    if (!m->s->ntypes) return t < m->model->ntypes ? t : -2;
    int mapped = t < m->s->ntypes ? kr_model_type_index(m->model, m->s->type_map[t]) : -1;
    return mapped < 0 ? -2 : mapped;
}

static kr_status unknown_type(const maker *m, int atom) {
    int t = kr_system_types(m->s, m->frame)[atom];
    KR_ERROR(m->ctx, KR_ERR_ARGUMENT, "atom %d has type %d (%s), which is none of the %d types of the model", atom, t,
             name_of(m, atom), m->model->ntypes);
    kr_error_hint(m->ctx, "the model's type_map begins with %s%s%s%s", m->model->type_map[0],
                  m->model->ntypes > 1 ? ", " : "", m->model->ntypes > 1 ? m->model->type_map[1] : "",
                  m->s->ntypes ? "" : "; type_map.raw would name the types of the data");
    return KR_ERR_ARGUMENT;
}

/* Counting sort of the real atoms by type: origin, type, x. */
static kr_status order_atoms(maker *m) {
    kr_status status = KR_OK;
    int n = m->s->natoms, nt = m->model->ntypes;
    const double *x = m->s->coord + (size_t)m->frame * (size_t)n * 3;
    KR_NEW(m->ctx, m->origin, 3 * (size_t)n + (size_t)nt + 1);
    KR_NEW(m->ctx, m->x, 3 * (size_t)n);
    m->type = m->origin + n;
    int *of = m->type + n, *at = of + n;
    for (int i = 0; i < n; i++) {
        of[i] = model_type(m, i);
        if (of[i] == -2) {
            status = unknown_type(m, i);
            goto done;
        }
        if (of[i] < 0) continue;
        at[of[i] + 1]++;
        for (int a = 0; a < 3; a++)
            if (!isfinite(x[3 * i + a]))
                KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "coordinate %c of atom %d (%s) is %g, finite numbers are allowed",
                        "xyz"[a], i, name_of(m, i), x[3 * i + a]);
    }
    m->first = n ? of[0] : -1;
    for (int t = 0; t < nt; t++) at[t + 1] += at[t];
    m->natoms = at[nt];
    if (!m->natoms) KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "none of the %d atoms is real, all types are negative", n);
    for (int i = 0; i < n; i++) {
        if (of[i] < 0) continue;
        int to = at[of[i]]++;
        m->origin[to] = i;
        m->type[to] = of[i];
        memcpy(m->x + 3 * (size_t)to, x + 3 * (size_t)i, 3 * sizeof *x);
    }
done:
    return status;
}

/* ---- environments ---- */

/* The smallest distance, of all pairs and not only of those that the model sees. */
static kr_status check_distances(maker *m, double min_distance) {
    const kr_neighbors *nb = &m->neighbors;
    double shortest = INFINITY;
    int between[2] = {0, 0};
    for (int i = 0; i < nb->nlocal; i++)
        for (long p = nb->first[i]; p < nb->first[i + 1]; p++) {
            const double *a = nb->x + 3 * (size_t)i, *b = nb->x + 3 * (size_t)nb->neighbor[p];
            double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
            double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            if (r2 >= shortest) continue;
            shortest = r2;
            between[0] = i;
            between[1] = nb->owner[nb->neighbor[p]];
        }
    m->shortest = sqrt(shortest);
    if (m->shortest > 0 && !(m->shortest < min_distance)) return KR_OK;
    int a = m->origin[between[0]], b = m->origin[between[1]];
    KR_ERROR(m->ctx, KR_ERR_ARGUMENT, "atoms %d (%s) and %d (%s) are %.4g A apart, at least %.4g A allowed", a,
             name_of(m, a), b, name_of(m, b), m->shortest, min_distance);
    kr_error_hint(m->ctx, "the positions, the unit of length or the cell may be wrong");
    return KR_ERR_ARGUMENT;
}

static kr_status gather(maker *m, double min_distance) {
    kr_status status = KR_OK;
    kr_neighbors *nb = &m->neighbors;
    kr_cell cell;
    kr_gather_rule rule;
    int *index = NULL, periodic = m->s->pbc[0] || m->s->pbc[1] || m->s->pbc[2];
    KR_TRY(kr_cell_set(m->ctx, periodic ? m->s->box + (size_t)m->frame * 9 : NULL, m->s->pbc, &cell));
    KR_TRY(kr_neighbors_build(m->ctx, &cell, m->model->descriptor.rcut, m->natoms, m->x, NULL, nb));
    KR_TRY(check_distances(m, min_distance));
    KR_NEW(m->ctx, m->all_type, (size_t)nb->nall);
    for (int i = 0; i < nb->nall; i++) m->all_type[i] = m->type[nb->owner[i]];
    KR_NEW(m->ctx, index, (size_t)m->natoms);
    for (int i = 0; i < m->natoms; i++) index[i] = i;
    /* DPA-1 takes the type of the frame's first atom for empty slots: the first one in the file. */
    kr_list list = {.nlocal = m->natoms,
                    .nall = nb->nall,
                    .x = nb->x,
                    .type = m->all_type,
                    .inum = m->natoms,
                    .ilist = index,
                    .numneigh = nb->numneigh,
                    .firstneigh = nb->firstneigh,
                    .pad_type = &m->first};
    kr_gather_rule_set(m->model, KR_SEL_NEAREST_PER_TYPE, &rule);
    KR_TRY(kr_gather_block(m->ctx, &rule, &list, m->natoms, index, m->type, &m->gathered));
done:
    kr_free(index);
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

/* ---- labels ---- */

static int has(const maker *m, kr_label label) {
    return m->s->label[label] && (m->s->has[m->frame] & 1u << label) && m->s->width[label] > 0;
}

/* Number of the model's components, 0 when it takes none of this label. */
static int wanted_width(const kr_model *model, kr_label label) {
    switch (label) {
    case KR_LABEL_ENERGY:
    case KR_LABEL_ATOM_ENER:
    case KR_LABEL_ATOM_PREF:
    case KR_LABEL_NUMB_COPY:
        return 1;
    case KR_LABEL_FORCE:
        return 3;
    case KR_LABEL_VIRIAL:
        return 9;
    case KR_LABEL_FPARAM:
        return model->fitting.numb_fparam;
    case KR_LABEL_APARAM:
        return model->fitting.use_aparam_as_mask ? 0 : model->fitting.numb_aparam;
    default:
        return 0;
    }
}

/* Numbers of a label that the frame will hold, 0 = absent or not used. */
static size_t label_count(const maker *m, kr_label label) {
    size_t width = (size_t)wanted_width(m->model, label);
    if (!width || !has(m, label)) return 0;
    return kr_label_per_atom(label) ? width * (size_t)m->natoms : width;
}

/* Copies a label in the order of the frame's atoms; every number must be finite. */
static kr_status copy_label(const maker *m, kr_label label, double *to) {
    kr_status status = KR_OK;
    size_t width = (size_t)m->s->width[label], rows = kr_label_per_atom(label) ? (size_t)m->natoms : 1;
    const double *from =
        m->s->label[label] + (size_t)m->frame * width * (kr_label_per_atom(label) ? (size_t)m->s->natoms : 1);
    if ((int)width != wanted_width(m->model, label))
        KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "%s has %zu components, the model takes %d", kr_label_name(label), width,
                wanted_width(m->model, label));
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < width; k++) {
            int atom = kr_label_per_atom(label) ? m->origin[i] : 0;
            double value = from[(size_t)atom * width + k];
            to[i * width + k] = value;
            if (isfinite(value)) continue;
            if (kr_label_per_atom(label))
                KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "%s[%zu] of atom %d (%s) is %g, finite numbers are allowed",
                        kr_label_name(label), k, atom, name_of(m, atom), value);
            KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "%s[%zu] is %g, finite numbers are allowed", kr_label_name(label), k,
                    value);
        }
done:
    return status;
}

static kr_status copy_labels(const maker *m, double *place[KR_LABEL_COUNT], kr_training_frame *f) {
    kr_status status = KR_OK;
    const kr_fitting *fitting = &m->model->fitting;
    place[KR_LABEL_ENERGY] = &f->energy;
    place[KR_LABEL_VIRIAL] = f->virial;
    place[KR_LABEL_NUMB_COPY] = &f->weight;
    f->weight = 1;
    for (int label = 0; label < KR_LABEL_COUNT; label++) {
        if (!label_count(m, (kr_label)label)) continue;
        KR_TRY(copy_label(m, (kr_label)label, place[label]));
        f->has |= 1u << label;
    }
    if (!(f->weight >= 0)) KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "numb_copy is %g, 0 and more allowed", f->weight);
    if (fitting->numb_fparam && !f->fparam && !fitting->default_fparam)
        KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "fparam is missing, the model takes %d numbers per frame",
                fitting->numb_fparam);
    if (wanted_width(m->model, KR_LABEL_APARAM) && !f->aparam)
        KR_FAIL(m->ctx, KR_ERR_ARGUMENT, "aparam is missing, the model takes %d numbers per atom",
                fitting->numb_aparam);
done:
    return status;
}

/* ---- the frame ---- */

/* Hands out pieces of one allocation; with base NULL it only measures. Pieces begin on cache lines, and vector kernels
 * may read a little beyond the end of one. */
typedef struct pieces {
    char *base;
    size_t used;
} pieces;

static void *piece(pieces *p, size_t count, size_t size) {
    void *at = p->base ? p->base + p->used : NULL;
    p->used += (count * size / KR_ALIGN + 2) * KR_ALIGN;
    return at;
}

static int is_excluded(const maker *m, int i) { return m->model->atom_excluded && m->model->atom_excluded[m->type[i]]; }

/* Where everything is; the frame itself comes first. */
static void lay_out(const maker *m, pieces *p, double *place[KR_LABEL_COUNT], kr_training_frame *f) {
    const kr_env *env = &m->gathered.env;
    size_t n = (size_t)m->natoms, np = (size_t)env->npairs, nfirst = n * (size_t)env->ntypes + 1;
    piece(p, 1, sizeof *f);
    memset(f, 0, sizeof *f);
    f->env = *env;
    f->env.x = piece(p, np, sizeof(double));
    f->env.y = piece(p, np, sizeof(double));
    f->env.z = piece(p, np, sizeof(double));
    f->env.r = piece(p, np, sizeof(double));
    f->env.slot = piece(p, np, sizeof(int));
    f->env.neighbor = piece(p, np, sizeof(int));
    f->env.first = piece(p, nfirst, sizeof(int));
    f->env.center_type = f->type = piece(p, n, sizeof(int));
    f->origin = piece(p, n, sizeof(int));
    f->nincluded = m->natoms;
    for (int i = 0; i < m->natoms; i++) f->nincluded -= is_excluded(m, i);
    f->excluded = f->nincluded < m->natoms ? piece(p, n, 1) : NULL;
    for (int label = 0; label < KR_LABEL_COUNT; label++) {
        size_t count = label_count(m, (kr_label)label);
        place[label] = count ? piece(p, count, sizeof(double)) : NULL;
    }
    f->force = place[KR_LABEL_FORCE];
    f->atom_ener = place[KR_LABEL_ATOM_ENER];
    f->atom_pref = place[KR_LABEL_ATOM_PREF];
    f->fparam = place[KR_LABEL_FPARAM];
    f->aparam = place[KR_LABEL_APARAM];
}

static kr_status pack(const maker *m, int system_index, kr_training_frame **frame) {
    kr_status status = KR_OK;
    const kr_env *env = &m->gathered.env;
    size_t n = (size_t)m->natoms, np = (size_t)env->npairs;
    double *place[KR_LABEL_COUNT];
    pieces p = {NULL, 0};
    kr_training_frame layout, *f;
    lay_out(m, &p, place, &layout);
    size_t bytes = p.used;
    p = (pieces){kr_malloc(m->ctx, bytes, 1), 0};
    if (!p.base) return KR_ERR_MEMORY;
    lay_out(m, &p, place, &layout);
    f = (kr_training_frame *)(void *)p.base;
    *f = layout;
    f->natoms = m->natoms;
    f->system = system_index;
    f->index = m->frame;
    f->bytes = bytes;
    f->shortest = m->shortest;
    memcpy(f->box, m->s->box + (size_t)m->frame * 9, sizeof f->box);
    memcpy(f->type, m->type, n * sizeof *f->type);
    memcpy(f->origin, m->origin, n * sizeof *f->origin);
    for (int i = 0; f->excluded && i < m->natoms; i++) f->excluded[i] = (unsigned char)is_excluded(m, i);
    memcpy((double *)f->env.x, env->x, np * sizeof(double));
    memcpy((double *)f->env.y, env->y, np * sizeof(double));
    memcpy((double *)f->env.z, env->z, np * sizeof(double));
    memcpy((double *)f->env.r, env->r, np * sizeof(double));
    memcpy((int *)f->env.slot, env->slot, np * sizeof(int));
    memcpy((int *)f->env.first, env->first, (n * (size_t)env->ntypes + 1) * sizeof(int));
    for (size_t k = 0; k < np; k++) ((int *)f->env.neighbor)[k] = m->neighbors.owner[env->neighbor[k]];
    KR_TRY(copy_labels(m, place, f));
    *frame = f;
    f = NULL;
done:
    kr_free(f);
    return status;
}

kr_status kr_training_frame_create(kr_context *ctx, const kr_model *model, const kr_system *system, int system_index,
                                   int frame_index, double min_distance, kr_overflow *overflow,
                                   kr_training_frame **frame) {
    kr_status status = KR_OK;
    if (!frame) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "training frame: frame is NULL");
    *frame = NULL;
    if (!model || !system || frame_index < 0 || frame_index >= system->nframes)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "training frame %d of %d, or model or system missing", frame_index,
                        system ? system->nframes : 0);
    maker m = {.ctx = ctx, .model = model, .s = system, .frame = frame_index};
    KR_TRY(order_atoms(&m));
    KR_TRY(gather(&m, min_distance));
    KR_TRY(pack(&m, system_index, frame));
    if (overflow) add_overflow(overflow, &m.gathered.overflow);
done:
    if (status < 0) kr_error_prefix(ctx, "system %d (%s), frame %d", system_index, system->name, frame_index);
    maker_free(&m);
    return status;
}

void kr_training_frame_destroy(kr_training_frame **frame) {
    if (!frame || !*frame) return;
    kr_buffer_free(&(*frame)->packed);
    kr_free(*frame);
    *frame = NULL;
}
