/* Frames one at a time: what readers put into a dataset and writers take out of it.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_FRAMES_H
#define KR_CORE_FRAMES_H

#include "core/memory.h"
#include <kramers/system.h>

/* One frame without virtual atoms; everything borrowed. */
typedef struct kr_frame {
    int natoms;
    const int *type;     /* [natoms] index into the names of the builder (or of the dataset, kr_frames_get) */
    const double *coord; /* [natoms][3] Å */
    double box[9];       /* Å */
    unsigned char pbc[3];
    const double *label[KR_LABEL_COUNT]; /* [width] or [natoms][width]; NULL = absent */
    int width[KR_LABEL_COUNT];
} kr_frame;

/* Keys of the components of KR_LABEL_MODEL_DEVI, as model_devi.out names its columns. */
enum { KR_MODEL_DEVI_KEYS = 7 };
extern const char *const kr_model_devi_key[KR_MODEL_DEVI_KEYS];

/* A list of type names. */
typedef struct kr_names {
    int n;
    char **name;
} kr_names;
/* Index of the name; adds it when it is new. */
kr_status kr_names_add(kr_context *ctx, kr_names *names, const char *name, size_t length, int *index);
int kr_names_find(const kr_names *names, const char *name, size_t length); /* -1 = absent */
void kr_names_clear(kr_names *names);

/* Collects frames into systems. Frames of equal natoms, types (in order), pbc and label widths share a system:
 * consecutive ones, or with merge set all of them. */
typedef struct kr_builder {
    kr_names names;
    kr_dataset *dataset;
    int *used; /* [room] frames in use of each system; systems have spare frames until kr_builder_finish */
    int room;
    int merge;
    char *where; /* name of the systems */
} kr_builder;
kr_status kr_builder_begin(kr_context *ctx, const char *where, int merge, kr_builder *builder);
kr_status kr_builder_add(kr_context *ctx, kr_builder *builder, const kr_frame *frame);
/* Moves the systems to the end of `dataset`; every system gets all names as type map. The builder is empty after. */
kr_status kr_builder_finish(kr_context *ctx, kr_builder *builder, kr_dataset *dataset);
void kr_builder_clear(kr_builder *builder);

/* Reads frames back out of a dataset with one type map for all systems (union in order of appearance). Systems
 * without names get Type_0, Type_1 …; `anonymous` tells that no system has names. */
typedef struct kr_frames {
    const kr_dataset *dataset;
    kr_names names;
    int anonymous;
    int **map; /* [nsystems][ntypes of the system] index into names */
    kr_buffer type, coord, label[KR_LABEL_COUNT];
} kr_frames;
kr_status kr_frames_begin(kr_context *ctx, const kr_dataset *dataset, kr_frames *frames);
/* Frame f of system s; valid until the next call. */
kr_status kr_frames_get(kr_context *ctx, kr_frames *frames, int s, int f, kr_frame *frame);
void kr_frames_clear(kr_frames *frames);

/* |a · (b × c)| of a cell, Å^3. */
double kr_box_volume(const double box[9]);

#endif
