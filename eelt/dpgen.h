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

/* list: mapped, differs, ignored, refused. */
void kr_dpgen_say(kr_dpgen *d, const char *list, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
kr_status kr_dpgen_put(kr_context *ctx, kr_tree *map, const char *key, const kr_tree *value);
kr_status kr_dpgen_put_real(kr_context *ctx, kr_tree *map, const char *key, double value);
kr_status kr_dpgen_put_text(kr_context *ctx, kr_tree *map, const char *key, const char *value);
kr_status kr_dpgen_section(kr_context *ctx, kr_tree *map, const char *key, kr_tree_kind kind, kr_tree **section);
double kr_dpgen_number(const kr_tree *value, int *same);

/* dpgen_label.c: fp_style and what belongs to it; machine.json; finished iterations. */
kr_status kr_dpgen_label(kr_context *ctx, kr_dpgen *d);
kr_status kr_dpgen_machine(kr_context *ctx, kr_dpgen *d);
kr_status kr_dpgen_iterations(kr_context *ctx, kr_dpgen *d, const char *folder);

#endif
