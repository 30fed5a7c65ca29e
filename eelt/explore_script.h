/* The LAMMPS input of an exploration: a template with named fields.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A template is LAMMPS input in which {{name}} stands for what the run needs. docs/exploring.md lists the fields. */
#ifndef KR_EELT_EXPLORE_SCRIPT_H
#define KR_EELT_EXPLORE_SCRIPT_H

#include "eelt/explorer.h"

typedef struct kr_lammps_options {
    const char *command, *plugin, *pair_words, *template_file;
    double tau_t, tau_p; /* ps */
    char *template_text; /* NULL = the built-in one */
} kr_lammps_options;

/* Fields that a template must have; KR_ERR_FORMAT names what is missing or unknown. */
kr_status kr_script_check(kr_context *ctx, const char *template_text, const char *where);
/* restart: file to go on from, NULL = from conf.lmp. models [nmodels]: absolute paths, the driving one first. */
kr_status kr_script_print(kr_context *ctx, const kr_lammps_options *options, const kr_explore_spec *spec,
                          const char *const *models, const char *restart, kr_string *out);

#endif
