/* Random models of every descriptor kind and random frames, for property tests.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The same options give the same model. Parameters are of the size that training leaves, so that energies vary by
 * some eV and forces by some eV/Å. */
#ifndef KR_RANDOM_MODEL_H
#define KR_RANDOM_MODEL_H

#include "potential/model.h"
#include <stdint.h>

/* splitmix64 */
typedef struct kr_test_random {
    uint64_t state;
} kr_test_random;
uint64_t kr_test_word(kr_test_random *random);
double kr_test_uniform(kr_test_random *random, double low, double high);
double kr_test_normal(kr_test_random *random);
int kr_test_below(kr_test_random *random, int n);

typedef struct kr_random_model_options {
    const char
        *descriptor; /* "se_e2_a", "se_r", "dpa1", "dpa1/4" (lmax 4), "dpa1/4s" (separate degrees), "se_atten_v2" */
    uint64_t seed;   /* decides everything that is left open */
    int ntypes;      /* 0 = 1 … 3 */
    double rcut;     /* Å; 0 = 3.5 … 4.5 */
    int sel;         /* per type; 0 = enough for a dense frame of some ten atoms */
    int plain;       /* 1: one-size options, no exclusions, parameters or statistics that differ from slot to slot:
                      * what the fast path takes */
    int float32;     /* parameters are rounded to float32 and marked so */
} kr_random_model_options;

/* Options left open: number of types, one or two sides, activations, resnet_dt, widths, axis, env_protection, davg zero
 * or not, statistics per slot, exclude_types, pair and atom exclusion, fparam, aparam, default_fparam, atom_ener, and
 * for dpa1: concat or strip, smooth or not, attention layers, tebd sizes, electron configurations … */
/* Name of the kind, without lmax; returns lmax. */
int kr_random_model_kind(const char *descriptor, char kind[24]);
kr_status kr_random_model(kr_context *ctx, const kr_random_model_options *options, kr_model **model);

typedef struct kr_random_frame {
    int n;
    double *x;      /* [n][3] Å */
    int *type;      /* [n] */
    double box[9];  /* valid when periodic */
    int periodic;   /* 0: open cluster */
    double *fparam; /* [dim_fparam] or NULL */
    double *aparam; /* [n][dim_aparam] or NULL */
} kr_random_frame;

/* n atoms no closer than 0.9 Å in a triclinic cell whose shortest edge may be below the cutoff, or in the open. */
kr_status kr_random_frame_make(kr_context *ctx, const kr_model *model, int n, int periodic, uint64_t seed,
                               kr_random_frame *frame);
void kr_random_frame_free(kr_random_frame *frame);

#endif
