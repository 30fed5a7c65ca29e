/* Inside the import of DP-GEN's inputs.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_DPGEN_H
#define KR_EELT_DPGEN_H

#include "core/tree.h"
#include <kramers/campaign.h>

typedef struct kr_dpgen {
    const kr_tree *param, *machine;
    kr_tree *out; /* eelt.json */
    kr_campaign_line_fn line;
    void *payload;
    const char *folder; /* where templates are written */
    int refused;
} kr_dpgen;

typedef struct kr_dpgen_place {
    const char *key, *section, *name;
    double factor;
    const char *note; /* what differs; NULL = mapped */
} kr_dpgen_place;
typedef struct kr_dpgen_other {
    const char *key, *list, *text;
} kr_dpgen_other;
/* dpgen_table.c; a NULL key ends them */
extern const kr_dpgen_place kr_dpgen_places[], kr_dpgen_levels[];
extern const kr_dpgen_other kr_dpgen_others[];

/* list: mapped, differs, ignored, refused, missing (a file). */
void kr_dpgen_say(kr_dpgen *d, const char *list, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
kr_status kr_dpgen_put(kr_context *ctx, kr_tree *map, const char *key, const kr_tree *value);
kr_status kr_dpgen_put_real(kr_context *ctx, kr_tree *map, const char *key, double value);
kr_status kr_dpgen_put_text(kr_context *ctx, kr_tree *map, const char *key, const char *value);
kr_status kr_dpgen_section(kr_context *ctx, kr_tree *map, const char *key, kr_tree_kind kind, kr_tree **section);
/* Is it n a number, s a string, N a list of numbers, S of strings, L of lists of strings, m a map? Refused with its
 * place when not. */
void kr_dpgen_kind(kr_dpgen *d, const char *key, const kr_tree *value, char kind, int *right);
double kr_dpgen_number(const kr_tree *value, int *same);

/* dpgen_jobs.c */
kr_status kr_dpgen_jobs(kr_context *ctx, kr_dpgen *d, const kr_tree *value);
/* dpgen_training.c: default_training_param → model.training */
kr_status kr_dpgen_training(kr_context *ctx, kr_dpgen *d, const kr_tree *value);
/* dpgen_machine.c: machine.json → jobs */
kr_status kr_dpgen_machine(kr_context *ctx, kr_dpgen *d);
/* dpgen_cp2k.c: user_fp_params → cp2k.inp */
kr_status kr_dpgen_cp2k(kr_context *ctx, kr_dpgen *d, const kr_tree *params);
/* dpgen_label.c: fp_style and what belongs to it; finished iterations. */
kr_status kr_dpgen_label(kr_context *ctx, kr_dpgen *d);
kr_status kr_dpgen_iterations(kr_context *ctx, kr_dpgen *d, const char *folder);

#endif
