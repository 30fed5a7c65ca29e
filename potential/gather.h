/* From a caller's neighbour list to packed environments of a block of centres.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_GATHER_H
#define KR_POTENTIAL_GATHER_H

#include "potential/descriptor.h"
#include <kramers/potential.h>

/* What of a model decides which neighbours it sees. Borrows the model's arrays. */
typedef struct kr_gather_rule {
    int ntypes, nsel, nnei, mixed; /* mixed: one block of slots for all types */
    int sorted;                    /* the order of neighbours matters: slot = rank by distance */
    const int *sel;
    const unsigned char *pair_excluded; /* [ntypes][ntypes] or NULL */
    double rcut;                        /* Å */
    kr_sel_rule sel_rule;
} kr_gather_rule;

void kr_gather_rule_set(const kr_model *model, kr_sel_rule sel_rule, kr_gather_rule *rule);
int kr_gather_rule_equal(const kr_gather_rule *a, const kr_gather_rule *b);

/* The environments of one block, with the scratch to make them. Grow-only. */
typedef struct kr_gathered {
    kr_env env;
    kr_overflow overflow; /* of this block */
    kr_buffer pairs, index, candidate, key;
} kr_gathered;
void kr_gathered_free(kr_gathered *gathered);
size_t kr_gathered_bytes(const kr_gathered *gathered);

/* center [n]: entries of list->x; center_type [n] is borrowed by the env. Equal distances are told apart by index. */
kr_status kr_gather_block(kr_context *ctx, const kr_gather_rule *rule, const kr_list *list, int n, const int *center,
                          const int *center_type, kr_gathered *gathered);

#endif
