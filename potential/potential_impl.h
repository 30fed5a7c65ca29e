/* What a kr_potential and a kr_workspace hold. Private to potential*.c and evaluate*.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_POTENTIAL_IMPL_H
#define KR_POTENTIAL_POTENTIAL_IMPL_H

#include "core/neighbor.h"
#include "potential/evaluate.h"
#include "potential/gather.h"

struct kr_potential {
    int nmodels, owned;     /* owned: the models are destroyed with the potential */
    const kr_model **model; /* [nmodels] as given */
    kr_model *view;         /* [nmodels] shallow copies with the cutoffs that are used (float32_cutoff) */
    kr_fast **fast;         /* [nmodels] NULL = reference path */
    const char **reason;    /* [nmodels] why there is no fast path */
    int *group;             /* [nmodels] models of a group see the same neighbours */
    int ngroups;
    kr_gather_rule *rule; /* [ngroups] */
    double rcut;          /* Å, largest */
    kr_potential_options options;
};

/* One model's results for one block. */
typedef struct kr_block_output {
    kr_buffer energy, gr, center_force; /* [block], [npairs][3], [block][3] */
    double virial[9], energy_sum;
} kr_block_output;

/* Everything that one thread needs, and room for the block it works on; grows only. */
typedef struct kr_thread {
    kr_gathered *gathered; /* [ngroups] */
    kr_reference_workspace reference;
    kr_fast_workspace **fast; /* [nmodels] NULL = no fast path, or room only */
    kr_block_output *output;  /* [nmodels] */
    kr_buffer aparam;
} kr_thread;

/* A frame as a neighbour list, with the room for it. Grow-only. */
typedef struct kr_frame_list {
    kr_neighbors neighbors;
    kr_buffer skip, type, index;
} kr_frame_list;
/* All n atoms are centres, virtual ones (type < 0) without neighbours; ghosts have their owner's type. `list` points
 * into `room`. */
kr_status kr_frame_list_make(kr_context *ctx, kr_frame_list *room, double rcut, int n, const double *x, const int *type,
                             const double *box, const unsigned char *pbc, kr_list *list);
void kr_frame_list_free(kr_frame_list *room);
size_t kr_frame_list_bytes(const kr_frame_list *room);

struct kr_workspace {
    kr_context *ctx;
    const kr_potential *potential;
    int nthreads;
    int down;              /* the last molecule went through its blocks in descending order */
    kr_thread *thread;     /* [nthreads]; with room only where few blocks are held at once */
    kr_overflow *overflow; /* [ngroups] since creation or reset */
    kr_buffer center, center_type, block;
    double *energy, *energy_error; /* [nmodels] compensated sum over blocks */
    double *virial;                /* [nmodels][9] */
    /* frames */
    kr_frame_list frame;
    kr_buffer force, atom_virial;
};

void kr_thread_free(const kr_potential *potential, kr_thread *thread);
size_t kr_thread_bytes(const kr_potential *potential, const kr_thread *thread);

#endif
