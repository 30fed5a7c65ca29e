/* Systems in deepmd layout, in a folder or in an HDF5 group.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_DEEPMD_H
#define KR_CORE_DEEPMD_H

#include "core/file.h"
#include "core/store.h"

typedef enum kr_layout { KR_LAYOUT_NPY, KR_LAYOUT_MIXED, KR_LAYOUT_RAW, KR_LAYOUT_ANY } kr_layout;

/* Reads the system at the root of the store; wanted KR_LAYOUT_ANY takes what is there. */
kr_status kr_deepmd_load(kr_context *ctx, const kr_store *store, kr_layout wanted, kr_system **system);
/* Writes one system. names = type map (n = 0: none); type indices of the system refer to it. */
kr_status kr_deepmd_save(kr_context *ctx, const kr_store *store, kr_layout layout, const kr_system *system,
                         const kr_names *names);

/* The systems that a file in this layout holds for a dataset: equal compositions merged, virtual atoms dropped;
 * for mixed: one system per number of atoms. Type indices refer to names. */
kr_status kr_deepmd_arrange(kr_context *ctx, const kr_dataset *dataset, kr_layout layout, kr_dataset **arranged,
                            kr_names *names);
/* Name of a system's sub-folder among `taken` ones: formula ("O64H128"), number of atoms when mixed. */
kr_status kr_deepmd_folder_name(kr_context *ctx, const kr_system *system, const kr_names *names, kr_names *taken,
                                const char **name);
/* Name of a label in files, and the other spelling that is read too (NULL = none). */
const char *kr_deepmd_other_name(kr_label label);

#endif
