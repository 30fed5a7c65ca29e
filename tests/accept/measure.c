/* What the programs of scripts/accept share (measure.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must(kr_context *ctx, kr_status status, const char *what) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s (%s)\n", what, kr_context_message(ctx), kr_context_hint(ctx));
    exit(1);
}

void *must_allocate(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size);
    if (!p) {
        fprintf(stderr, "memory ran out\n");
        exit(1);
    }
    return p;
}

static long count_numbers(const kr_tree *node) {
    if (node->kind == KR_TREE_ARRAY) return (long)kr_tree_array_size(node);
    if (node->kind != KR_TREE_LIST) return 1;
    long total = 0;
    for (int i = 0; i < node->count; i++) total += count_numbers(node->child[i]);
    return total;
}

static double *copy_numbers(const kr_tree *node, double *to) {
    if (node->kind == KR_TREE_ARRAY) {
        memcpy(to, node->data, kr_tree_array_size(node) * sizeof *to);
        return to + kr_tree_array_size(node);
    }
    if (node->kind == KR_TREE_LIST) {
        for (int i = 0; i < node->count; i++) to = copy_numbers(node->child[i], to);
        return to;
    }
    *to = node->kind == KR_TREE_NULL ? NAN : node->real;
    return to + 1;
}

double *numbers(const kr_tree *node, long *count) {
    if (count) *count = 0;
    if (kr_tree_is_null(node)) return NULL;
    long n = count_numbers(node);
    double *out = must_allocate((size_t)n, sizeof *out);
    copy_numbers(node, out);
    if (count) *count = n;
    return out;
}

void frame_read(const kr_tree *where, const kr_tree *reference, frame *f) {
    long n = 0;
    memset(f, 0, sizeof *f);
    double *type = numbers(kr_tree_get(where, "atype"), &n);
    f->x = numbers(kr_tree_get(where, "coord"), &n);
    f->n = (int)(n / 3);
    f->type = must_allocate((size_t)f->n, sizeof *f->type);
    for (int i = 0; type && i < f->n; i++) f->type[i] = (int)type[i];
    free(type);
    f->box = numbers(kr_tree_get(where, "box"), NULL);
    f->fparam = numbers(kr_tree_get(where, "fparam"), NULL);
    f->aparam = numbers(kr_tree_get(where, "aparam"), NULL);
    f->energy = numbers(kr_tree_get(reference, "energy"), NULL);
    f->atom_energy = numbers(kr_tree_get(reference, "atomic_energy"), NULL);
    f->force = numbers(kr_tree_get(reference, "force"), NULL);
    f->virial = numbers(kr_tree_get(reference, "virial"), NULL);
    f->atom_virial = numbers(kr_tree_get(reference, "atomic_virial"), NULL);
}

void frame_free(frame *f) {
    void *all[] = {f->type,   f->x,           f->box,   f->fparam, f->aparam,
                   f->energy, f->atom_energy, f->force, f->virial, f->atom_virial};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    memset(f, 0, sizeof *f);
}

void evaluate(kr_context *ctx, const kr_potential *potential, kr_workspace *workspace, const frame *f, result *r) {
    r->atom_energy = must_allocate((size_t)f->n, sizeof(double));
    r->force = must_allocate((size_t)f->n * 3, sizeof(double));
    r->atom_virial = must_allocate((size_t)f->n * 9, sizeof(double));
    kr_result out = {&r->energy, r->atom_energy, r->force, r->virial, r->atom_virial};
    must(
        ctx,
        kr_potential_compute_frame(potential, workspace, f->n, f->x, f->type, f->box, NULL, f->fparam, f->aparam, &out),
        "evaluation");
}

void result_free(result *r) {
    free(r->atom_energy);
    free(r->force);
    free(r->atom_virial);
}

void worst_add(worst *w, double value, const char *where) {
    w->count++;
    if (!(value <= w->value)) {
        w->value = value;
        snprintf(w->where, sizeof w->where, "%s", where);
    }
}

void worst_print(const worst *w) {
    printf("%s %.3g\n%s.at %s\n%s.count %ld\n", w->name, w->count ? w->value : NAN, w->name, w->count ? w->where : "-",
           w->name, w->count);
}

double max_difference(long n, const double *a, const double *b) { return max_relative(n, a, b, INFINITY); }

double max_relative(long n, const double *a, const double *b, double floor_) {
    double most = 0;
    for (long i = 0; i < n; i++) {
        if (isnan(b[i])) continue;
        double scale = isinf(floor_) ? 1 : fmax(fabs(b[i]), floor_), d = fabs(a[i] - b[i]) / scale;
        if (!(d <= most)) most = isnan(d) ? INFINITY : d;
    }
    return most;
}

int frames_load(kr_context *ctx, const char *path, const kr_model *model, int stride, frame **frames) {
    kr_dataset *data = NULL;
    must(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &data), path);
    int total = 0, seen = 0;
    for (int s = 0; s < data->nsystems; s++) total += data->system[s]->nframes;
    *frames = must_allocate((size_t)total, sizeof **frames);
    total = 0;
    for (int s = 0; s < data->nsystems; s++) {
        const kr_system *system = data->system[s];
        size_t n = (size_t)system->natoms;
        for (int k = 0; k < system->nframes; k++) {
            if (seen++ % stride) continue;
            frame *f = &(*frames)[total++];
            f->n = (int)n;
            f->type = must_allocate(n, sizeof *f->type);
            f->x = must_allocate(n * 3, sizeof *f->x);
            f->box = must_allocate(9, sizeof *f->box);
            memcpy(f->x, system->coord + (size_t)k * n * 3, n * 3 * sizeof *f->x);
            memcpy(f->box, system->box + (size_t)k * 9, 9 * sizeof *f->box);
            const int *type = kr_system_types(system, k);
            for (size_t i = 0; i < n; i++)
                f->type[i] = type[i] < 0 ? -1 : kr_model_type_index(model, system->type_map[type[i]]);
        }
    }
    kr_dataset_destroy(&data);
    return total;
}
