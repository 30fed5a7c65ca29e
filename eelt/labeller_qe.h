/* Inputs of pw.x: a template's namelists and cards, and the frame's.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LABELLER_QE_H
#define KR_EELT_LABELLER_QE_H

#include "eelt/labeller.h"

typedef struct kr_qe_entry {
    char *list, *key, *value; /* "system", "starting_magnetization(1)", "0.3"; lower case but the value */
} kr_qe_entry;

typedef struct kr_qe_template {
    int nentries, ncards, nspecies;
    kr_qe_entry *entry;
    char **card;    /* texts of the cards that are kept, header line included */
    char **species; /* of ATOMIC_SPECIES: label, */
    double *mass;
    char **pseudo; /* file */
    int has_k_points;
    char *pseudo_dir; /* of &control, as it stands there; NULL = none */
} kr_qe_template;

/* Parses a pw.x input; removes what the frame determines, refuses what would change the meaning of labels. */
kr_status kr_qe_template_read(kr_context *ctx, const char *text, size_t length, const char *where, kr_qe_template *t);
void kr_qe_template_free(kr_qe_template *t);
const char *kr_qe_template_value(const kr_qe_template *t, const char *list, const char *key);
/* Adds or replaces an entry. */
kr_status kr_qe_template_set(kr_context *ctx, kr_qe_template *t, const char *list, const char *key, const char *value);
/* The input text for a frame. pseudo_dir "" leaves the line out; kspacing 1/Å, 0 = the template's K_POINTS. `changes`
 * (may be NULL): MAP of entries of &electrons that replace those of the template. */
kr_status kr_qe_input(kr_context *ctx, const kr_qe_template *t, const kr_label_frame *frame, const char *pseudo_dir,
                      double kspacing, const kr_tree *changes, kr_string *out);

#endif
