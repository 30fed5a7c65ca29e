/* The lines of a LAMMPS potential, looked at before LAMMPS sees them.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LAMMPS_LINES_H
#define KR_EELT_LAMMPS_LINES_H

#include "core/tree.h"

/* lines, elements (of types 1, 2 …) and files (NULL: none): lists of strings of the section "label"; base: folder that
 * files refer to. A mistake is told to the context's function for mistakes; without one the first is the failure. */
kr_status kr_lammps_lines_check(kr_context *ctx, const kr_tree *lines, const kr_tree *elements, const kr_tree *files,
                                const char *base);
/* The pair_style of the lines beside those that the LAMMPS of `command` says it has ("lmp -h"). Lines that load a
 * plugin and programs that do not answer like a LAMMPS are not judged. */
kr_status kr_lammps_styles_check(kr_context *ctx, const kr_tree *lines, const char *command);

#endif
