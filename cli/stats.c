/* Collected statistics of labelled structures, and exact duplicates.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "stats.h"
#include "inputs.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void cli_range_add(cli_range *range, double value) {
    if (!range->n || value < range->least) range->least = value;
    if (!range->n || value > range->most) range->most = value;
    range->n++;
    range->sum += value;
    range->square += value * value;
}

int cli_stats_element(cli_stats *stats, const char *name) {
    for (int e = 0; e < stats->nelements; e++)
        if (!strcmp(stats->element[e].name, name)) return e;
    cli_element *grown = cli_calloc((size_t)stats->nelements + 1, sizeof *grown);
    if (stats->nelements) memcpy(grown, stats->element, (size_t)stats->nelements * sizeof *grown);
    free(stats->element);
    stats->element = grown;
    grown[stats->nelements].name = cli_strdup(name);
    return stats->nelements++;
}

int **cli_stats_maps(cli_stats *stats, const kr_dataset *data, const cli_names *names) {
    int **maps = cli_calloc((size_t)data->nsystems, sizeof *maps);
    for (int k = 0; k < data->nsystems; k++) {
        const kr_system *s = data->system[k];
        long n = s->mixed ? (long)s->natoms * s->nframes : s->natoms;
        int types = 0;
        for (long i = 0; i < n; i++) types = s->type[i] >= types ? s->type[i] + 1 : types;
        maps[k] = cli_calloc((size_t)types, sizeof **maps);
        for (int t = 0; t < types; t++) {
            char room[32];
            maps[k][t] = cli_stats_element(stats, cli_type_name(s, names, t, room));
        }
    }
    for (int e = 0; e < stats->nelements; e++)
        stats->element[e].neighbours = cli_calloc((size_t)stats->nelements, sizeof(int));
    return maps;
}

int cli_suggested_sel(const cli_stats *stats, int element) {
    int most = 0;
    for (int c = 0; c < stats->nelements; c++)
        if (stats->element[c].neighbours[element] > most) most = stats->element[c].neighbours[element];
    return ((int)ceil(most * 1.1 - 1e-9) + 3) / 4 * 4;
}

void cli_stats_free(cli_stats *stats, int **maps, int nsystems) {
    for (int e = 0; e < stats->nelements; e++) {
        free(stats->element[e].name);
        free(stats->element[e].neighbours);
    }
    for (int k = 0; k < nsystems; k++) free(maps[k]);
    free(maps);
    free(stats->element);
    *stats = (cli_stats){0};
}

/* ---- duplicates ---- */

typedef struct frame_key {
    uint64_t hash;
    int system, frame;
} frame_key;

/* FNV-1a over the bytes. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ byte[i]) * 1099511628211u;
    return hash;
}

static uint64_t hash_frame(const kr_system *s, int frame) {
    size_t n = (size_t)s->natoms, f = (size_t)frame;
    uint64_t hash = hash_bytes(14695981039346656037u, s->coord + f * n * 3, n * 3 * sizeof *s->coord);
    hash = hash_bytes(hash, s->box + f * 9, 9 * sizeof *s->box);
    const int *type = kr_system_types(s, frame);
    for (size_t i = 0; i < n; i++) {
        const char *name = type[i] >= 0 && type[i] < s->ntypes ? s->type_map[type[i]] : "";
        hash = hash_bytes(hash, name, strlen(name) + 1);
        if (!s->ntypes) hash = hash_bytes(hash, &type[i], sizeof type[i]);
    }
    return hash;
}

static int by_hash(const void *a, const void *b) {
    const frame_key *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->system != y->system ? x->system - y->system : x->frame - y->frame;
}

static int same_structure(const kr_system *s, int f, const kr_system *t, int g) {
    size_t n = (size_t)s->natoms;
    return s->natoms == t->natoms &&
           !memcmp(s->coord + (size_t)f * n * 3, t->coord + (size_t)g * n * 3, n * 3 * sizeof *s->coord) &&
           !memcmp(s->box + (size_t)f * 9, t->box + (size_t)g * 9, 9 * sizeof *s->box);
}

void cli_print_duplicates(const kr_dataset *data) {
    long frames = cli_count_frames(data), n = 0, found = 0;
    frame_key *key = cli_calloc((size_t)frames, sizeof *key);
    for (int k = 0; k < data->nsystems; k++)
        for (int f = 0; f < data->system[k]->nframes; f++) key[n++] = (frame_key){hash_frame(data->system[k], f), k, f};
    qsort(key, (size_t)n, sizeof *key, by_hash);
    printf("\n");
    for (long i = 1; i < n; i++) {
        const frame_key *a = &key[i - 1], *b = &key[i];
        const kr_system *s = data->system[a->system], *t = data->system[b->system];
        if (a->hash != b->hash || !same_structure(s, a->frame, t, b->frame)) continue;
        if (found++ < 10) printf("duplicate: %s frame %d = %s frame %d\n", s->name, a->frame, t->name, b->frame);
    }
    printf("%ld duplicate frame%s\n", found, found == 1 ? "" : "s");
    free(key);
}
