/* user_fp_params of DP-GEN's fp_style cp2k → cp2k.inp.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * There sections are maps, keywords their values; the key "_" is the parameter of the section; lists stand for
 * sections that are repeated, the i-th made of the i-th entries. What the user gives goes over a set of defaults (one
 * functional, one cutoff). CELL and COORD become the two files that the labeller writes. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/text.h"
#include "eelt/dpgen.h"
#include <string.h>
#include <strings.h>

/* The values that DP-GEN fills in; files from CP2K's own folder instead of one beside the input. */
static const char defaults[] =
    "{\"GLOBAL\": {\"PROJECT\": \"DPGEN\", \"RUN_TYPE\": \"ENERGY_FORCE\"},"
    " \"FORCE_EVAL\": {\"METHOD\": \"QS\", \"STRESS_TENSOR\": \"ANALYTICAL\","
    "  \"DFT\": {\"BASIS_SET_FILE_NAME\": \"BASIS_MOLOPT\", \"POTENTIAL_FILE_NAME\": \"GTH_POTENTIALS\","
    "   \"CHARGE\": 0, \"UKS\": \"F\", \"MULTIPLICITY\": 1,"
    "   \"MGRID\": {\"CUTOFF\": 400, \"REL_CUTOFF\": 50, \"NGRIDS\": 4}, \"QS\": {\"EPS_DEFAULT\": \"1.0E-12\"},"
    "   \"SCF\": {\"SCF_GUESS\": \"ATOMIC\", \"EPS_SCF\": \"1.0E-6\", \"MAX_SCF\": 50},"
    "   \"XC\": {\"XC_FUNCTIONAL\": {\"_\": \"PBE\"}}},"
    "  \"SUBSYS\": {},"
    "  \"PRINT\": {\"FORCES\": {\"_\": \"ON\"}, \"STRESS_TENSOR\": {\"_\": \"ON\"}}}}";

/* What is in `over` replaces what is in `tree`, section by section. */
static kr_status merge(kr_context *ctx, kr_tree *tree, const kr_tree *over) {
    kr_status status = KR_OK;
    for (int i = 0; i < over->count; i++) {
        kr_tree *mine = (kr_tree *)kr_tree_get(tree, over->key[i]);
        if (mine && mine->kind == KR_TREE_MAP && over->child[i]->kind == KR_TREE_MAP)
            KR_TRY(merge(ctx, mine, over->child[i]));
        else
            KR_TRY(kr_dpgen_put(ctx, tree, over->key[i], over->child[i]));
    }
done:
    return status;
}

static kr_status put_scalar(kr_context *ctx, kr_string *out, const kr_tree *value) {
    char number[32];
    switch (value->kind) {
    case KR_TREE_STRING:
        return kr_string_puts(ctx, out, value->string);
    case KR_TREE_BOOL:
        return kr_string_puts(ctx, out, value->integer ? "T" : "F");
    case KR_TREE_INT:
        return kr_string_printf(ctx, out, "%lld", (long long)value->integer);
    case KR_TREE_REAL:
        return kr_string_puts(ctx, out, kr_format_real(value->real, number));
    default:
        return KR_OK;
    }
}

/* Number of repetitions that a section stands for: the length of its lists, 1 without. */
static int repetitions(const kr_tree *section) {
    int n = 0;
    for (int i = 0; i < section->count; i++)
        if (section->child[i]->kind == KR_TREE_LIST && (!n || section->child[i]->count < n))
            n = section->child[i]->count;
    return n ? n : 1;
}

static kr_status put_section(kr_context *ctx, kr_string *out, const char *name, const kr_tree *section, int depth);

static kr_status put_key(kr_context *ctx, kr_string *out, const char *key, const kr_tree *value, int repetition,
                         int depth) {
    kr_status status = KR_OK;
    if (value->kind == KR_TREE_MAP) return put_section(ctx, out, key, value, depth);
    if (value->kind == KR_TREE_LIST && repetition >= value->count) return KR_OK;
    if (value->kind == KR_TREE_LIST) value = value->child[repetition];
    if (value->kind == KR_TREE_MAP) return put_section(ctx, out, key, value, depth);
    KR_TRY(kr_string_printf(ctx, out, "%*s%.80s ", 2 * depth, "", key));
    KR_TRY(put_scalar(ctx, out, value));
    KR_TRY(kr_string_puts(ctx, out, "\n"));
done:
    return status;
}

static kr_status put_section(kr_context *ctx, kr_string *out, const char *name, const kr_tree *section, int depth) {
    kr_status status = KR_OK;
    const kr_tree *parameters = kr_tree_get(section, "_"), *parameter;
    for (int r = 0; r < repetitions(section); r++) {
        int listed = parameters && parameters->kind == KR_TREE_LIST;
        parameter = !listed ? parameters : r < parameters->count ? parameters->child[r] : NULL;
        KR_TRY(kr_string_printf(ctx, out, "%*s&%.80s%s", 2 * depth, "", name, parameter ? " " : ""));
        if (parameter) KR_TRY(put_scalar(ctx, out, parameter));
        KR_TRY(kr_string_puts(ctx, out, "\n"));
        for (int i = 0; i < section->count; i++) {
            const char *key = section->key[i];
            int ours =
                depth == 1 && !strcasecmp(name, "SUBSYS") && (!strcasecmp(key, "CELL") || !strcasecmp(key, "COORD"));
            if (key[0] != '_' && !ours) KR_TRY(put_key(ctx, out, key, section->child[i], r, depth + 1));
        }
        if (depth == 1 && !strcasecmp(name, "SUBSYS"))
            KR_TRY(kr_string_puts(ctx, out, "    @INCLUDE 'cell.inc'\n    @INCLUDE 'coord.inc'\n"));
        KR_TRY(kr_string_printf(ctx, out, "%*s&END %.80s\n", 2 * depth, "", name));
    }
done:
    return status;
}

kr_status kr_dpgen_cp2k(kr_context *ctx, kr_dpgen *d, const kr_tree *params) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    kr_string out = {0};
    KR_TRY(kr_json_parse(ctx, defaults, strlen(defaults), "defaults", &tree));
    KR_TRY(merge(ctx, tree, params));
    for (int i = 0; i < tree->count; i++)
        if (tree->child[i]->kind == KR_TREE_MAP)
            KR_TRY(put_section(ctx, &out, tree->key[i], tree->child[i], 0));
        else if (tree->key[i][0] != '_')
            KR_TRY(put_key(ctx, &out, tree->key[i], tree->child[i], 0, 0));
    if (!kr_tree_at(tree, "FORCE_EVAL.SUBSYS.KIND"))
        kr_dpgen_say(d, "refused", "user_fp_params",
                     "no FORCE_EVAL.SUBSYS.KIND: basis sets and potentials are not known");
    if (!kr_tree_at(params, "FORCE_EVAL.DFT.MULTIPLICITY"))
        kr_dpgen_say(d, "differs", "user_fp_params",
                     "cp2k.inp: MULTIPLICITY 1 for all; later versions count electrons");
    KR_TRY(kr_file_write(ctx, d->folder, "cp2k.inp", out.data, out.length));
done:
    kr_free(out.data);
    kr_tree_destroy(&tree);
    return status;
}
