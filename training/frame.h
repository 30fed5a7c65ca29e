/* Frames as training uses them: real atoms only, packed environments, labels. Made once, used every epoch.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Virtual atoms are dropped and atoms are ordered stably by type; ghosts are folded back: env.neighbor is an index of
 * the same frame. Units: Å, eV, eV/Å; virial as in <kramers/system.h>.
 *
 * A frame is one piece of memory: 40 bytes per pair (x, y, z, r double; slot, neighbor int) and, with force labels,
 * 32 + 4 ntypes bytes per atom. 192 atoms of water at rcut 6 Å have 17,000 pairs: 0.7 MB, 320 frames 220 MB. */
#ifndef KR_TRAINING_FRAME_H
#define KR_TRAINING_FRAME_H

#include "potential/descriptor.h"
#include "potential/gather.h"
#include <kramers/system.h>

typedef struct kr_training_frame {
    int natoms;  /* real atoms */
    int system;  /* index into the data set, for messages and reports */
    int index;   /* frame of that system */
    int *type;   /* [natoms] types of the model, ascending */
    int *origin; /* [natoms] place of the atom in the file */
    /* Atoms of types that the model excludes (atom_exclude_types) have neighbours and no energy: no part of the loss.
     */
    int nincluded;           /* the others */
    unsigned char *excluded; /* [natoms] 1 = excluded; NULL = none */
    double box[9];
    kr_env env;   /* all natoms centres */
    size_t bytes; /* of this frame, without `packed` */
    uint32_t has; /* bit 1u << label where the frame carries that label */
    double energy, virial[9];
    double *force, *atom_ener, *atom_pref; /* [natoms][3], [natoms], [natoms]; NULL = absent */
    double *fparam, *aparam;               /* [numb_fparam], [natoms][numb_aparam]; NULL = absent */
    double weight;                         /* numb_copy, 1 when absent: how often it is drawn */
    double shortest;                       /* Å, smallest distance between two atoms; INFINITY when none is in rcut */
    /* What an engine packs once and keeps with the frame (it begins with a key of what it depends on, so engines of the
     * same options share it); freed with the frame. Not to be used by two threads at a time. */
    kr_buffer packed;
} kr_training_frame;

/* type_map names of the system are mapped to the model's by name (ids unchanged when the system has no names).
 * `overflow` (may be NULL) adds up where sel was exceeded. Errors name system, frame and atom (counted from 0 as in
 * the file): a type that the model does not know, a position or label that is not finite, two atoms closer than
 * min_distance Å or at the same place, a missing fparam or aparam, a singular cell. */
kr_status kr_training_frame_create(kr_context *ctx, const kr_model *model, const kr_system *system, int system_index,
                                   int frame_index, double min_distance, kr_overflow *overflow,
                                   kr_training_frame **frame);
void kr_training_frame_destroy(kr_training_frame **frame);

#endif
