/* Structures as such: the same atoms in the same places, whatever their order and the periodic image they are given in.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_STRUCTURE_H
#define KR_EELT_STRUCTURE_H

#include "core/frames.h"
#include "eelt/digest.h"

/* order [natoms]: the atoms sorted by species name, then by wrapped position on a grid of 1e-8 Å. place (may be NULL)
 * [natoms][3]: those positions in units of 1e-8 Å, in that order. Open directions are measured from the smallest
 * coordinate, so that a translation of a molecule does not matter there. */
kr_status kr_structure_order(kr_context *ctx, const kr_frame *frame, const char *const *names, int *order,
                             int64_t *place);
/* Adds cell, boundaries, species and positions in canonical order. */
kr_status kr_structure_digest(kr_context *ctx, const kr_frame *frame, const char *const *names, kr_digest *digest);

#endif
