/* Work on sets of frames before training: merging, splitting without leaks, checking.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames of all systems are numbered through in file order ("flat" index). Two frames count as the same structure when
 * their fingerprints agree: sums over smooth functions of the distances around each atom, weighted by element, per
 * atom. They do not change under rotation, reflection, translation, exchange of like atoms, another choice of cell, or
 * repetition of the cell, so symmetry-equivalent strains and supercells are found too. */
#ifndef KRAMERS_DATASET_TOOLS_H
#define KRAMERS_DATASET_TOOLS_H

#include <kramers/system.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies the frames with keep[flat] ≠ 0; systems without any are left out. */
kr_status kr_dataset_select(kr_context *ctx, const kr_dataset *dataset, const unsigned char *keep, kr_dataset **result);

/* One system for all frames with the same elements, numbers of atoms and boundaries; atoms are ordered by element (the
 * order of the elements' first appearance, within an element as before), all systems share one type map. Frames keep
 * their order. Labels that a frame lacks stay absent for it. KR_ERR_ARGUMENT when some systems name their elements and
 * others do not, or when a label has another number of components. */
kr_status kr_dataset_merge(kr_context *ctx, const kr_dataset *dataset, kr_dataset **result);

/* group[flat]: the smallest flat index of the frames that are the same structure (fingerprints differ by less than
 * `tolerance`, relative; 1e-4 is good), itself when there is none. Frames connected through others are one group. */
kr_status kr_dataset_group(kr_context *ctx, const kr_dataset *dataset, double tolerance, int *group /* [frames] */);

typedef struct kr_split_options {
    double fraction[3]; /* training, validation, test; scaled to the sum 1 */
    uint64_t seed;
    double tolerance; /* of fingerprints; 0 = do not look for equal structures */
    int block;        /* frames: consecutive ones stay together in runs of this length; 1 = every frame for itself */
    int gap;          /* frames left out where two runs of different parts meet in a trajectory (block > 1) */
} kr_split_options;
extern const kr_split_options kr_split_defaults;

/* part[flat]: 0 training, 1 validation, 2 test, −1 left out (gap). Equal structures and the frames of a run are in the
 * same part. Every composition is divided by itself, so that all parts have all of them as far as their numbers allow;
 * the same seed gives the same parts. */
kr_status kr_dataset_split(kr_context *ctx, const kr_dataset *dataset, const kr_split_options *options,
                           int *part /* [frames] */);

/* ---- checking ---- */

/* X(NAME, severity: 2 error, 1 warning, 0 remark, "title") */
#define KR_FINDING_LIST(X)                                             \
    X(NOT_FINITE, 2, "numbers that are not finite")                    \
    X(BAD_CELL, 2, "cells without volume")                             \
    X(TOO_CLOSE, 2, "atoms too close to each other")                   \
    X(CONFLICT, 2, "equal structures with different labels")           \
    X(WORK_UNITS, 2, "energies and forces that do not fit together")   \
    X(STRESS_SIGN, 2, "energies and virials that do not fit together") \
    X(ENERGY_OUTLIER, 1, "energies far from those of the composition") \
    X(FORCE_OUTLIER, 1, "forces far above those of the element")       \
    X(NET_FORCE, 1, "frames with a net force")                         \
    X(ROUNDED_ENERGY, 1, "energies rounded to single precision")       \
    X(VIRIAL_ASYMMETRY, 1, "virials that are not symmetric")           \
    X(DUPLICATE, 1, "frames that occur more than once")                \
    X(NEAR_DUPLICATE, 0, "frames that are the same structure as another one")

typedef enum kr_finding_kind {
#define KR_FINDING_ENUM(name, severity, title) KR_FINDING_##name,
    KR_FINDING_LIST(KR_FINDING_ENUM)
#undef KR_FINDING_ENUM
        KR_FINDING_KINDS
} kr_finding_kind;

const char *kr_finding_title(kr_finding_kind kind);
int kr_finding_severity(kr_finding_kind kind);

typedef struct kr_finding {
    kr_finding_kind kind;
    int system, frame, atom;       /* −1 = not of one frame, of no atom */
    int other_system, other_frame; /* the frame it is compared with, −1 = none */
    char text[160];                /* "0.31 A between atoms 4 and 17", one line, values and limits */
} kr_finding;

/* Limits; a value ≤ 0 switches that check off. */
typedef struct kr_check_options {
    double min_distance; /* Å */
    double energy_sigma; /* robust standard deviations (1.4826 · median deviation) of the composition … */
    double energy_least; /* … and at least that far from its median, eV per atom */
    double force_ratio;  /* largest force over the element's median force */
    double net_force;    /* eV/Å per atom */
    double tolerance;    /* of fingerprints (duplicates) */
    double conflict;     /* eV per atom by which energies of equal structures may differ */
    double asymmetry;    /* of the virial, relative to its size */
    int most;            /* findings of one kind that are kept; all are counted */
} kr_check_options;
extern const kr_check_options kr_check_defaults;

/* ΔE against the work of forces and virials between neighbouring frames of a system: least squares
 *   ΔE = force_slope · (−Σ F̄·Δu) + virial_slope · (−W̄:Δε);  both are 1 when signs and units are right. NaN: too few
 * frames that are near enough to each other, or too little said by them. */
typedef struct kr_work_check {
    int pairs;
    double force_slope, virial_slope, explained; /* explained: share of the variance of ΔE, 1 = all */
} kr_work_check;

typedef struct kr_check_report {
    int count[KR_FINDING_KINDS]; /* all that were found */
    int nfindings;
    kr_finding *finding; /* [nfindings], by kind, then in file order; at most `most` of each kind */
    kr_work_check work;
} kr_check_report;

kr_status kr_dataset_check(kr_context *ctx, const kr_dataset *dataset, const kr_check_options *options,
                           kr_check_report **report);
void kr_check_report_destroy(kr_check_report **report);

#ifdef __cplusplus
}
#endif
#endif
