/* DP-GEN's labelling programs and finished iterations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/text.h"
#include "eelt/dpgen.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- fp_style ---- */

static kr_status put_value(kr_context *ctx, kr_string *out, const kr_tree *value) {
    char number[32];
    switch (value->kind) {
    case KR_TREE_BOOL:
        return kr_string_puts(ctx, out, value->integer ? ".true." : ".false.");
    case KR_TREE_INT:
        return kr_string_printf(ctx, out, "%lld", (long long)value->integer);
    case KR_TREE_REAL:
        return kr_string_puts(ctx, out, kr_format_real(value->real, number));
    case KR_TREE_STRING:
        return kr_string_printf(ctx, out, "'%.200s'", value->string);
    default:
        return kr_string_puts(ctx, out, "");
    }
}

/* One namelist of pw.x from user_fp_params. */
static kr_status put_namelist(kr_context *ctx, kr_string *out, const kr_tree *params, const char *name) {
    kr_status status = KR_OK;
    const kr_tree *list = kr_tree_get(params, name);
    KR_TRY(kr_string_printf(ctx, out, "&%s\n", name));
    for (int i = 0; list && list->kind == KR_TREE_MAP && i < list->count; i++) {
        if (list->key[i][0] == '_') continue;
        KR_TRY(kr_string_printf(ctx, out, "  %.60s = ", list->key[i]));
        KR_TRY(put_value(ctx, out, list->child[i]));
        KR_TRY(kr_string_puts(ctx, out, "\n"));
    }
    KR_TRY(kr_string_puts(ctx, out, "/\n"));
done:
    return status;
}

/* The namelists that DP-GEN makes of a few numbers (fp_params); its fixed ones are among them. */
static kr_status put_few(kr_context *ctx, kr_dpgen *d, kr_string *out, const kr_tree *few) {
    static const struct {
        const char *from, *to;
    } keys[] = {{"ecut", "ecutwfc"}, {"ediff", "ts_vdw_econv_thr"}, {"smearing", "smearing"}, {"sigma", "degauss"}};
    kr_status status = KR_OK;
    const kr_tree *threshold = kr_tree_get(few, "ediff");
    KR_TRY(kr_string_puts(ctx, out, "&control\n/\n&system\n  vdw_corr = 'TS'\n  nosym = .true.\n"));
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const kr_tree *value = kr_tree_get(few, keys[k].from);
        if (!value) continue;
        KR_TRY(kr_string_printf(ctx, out, "  %s = ", keys[k].to));
        if (value->kind == KR_TREE_STRING && !strncasecmp(value->string, "mp:", 3)) /* its order is not passed on */
            KR_TRY(kr_string_puts(ctx, out, "'mp'"));
        else
            KR_TRY(put_value(ctx, out, value));
        KR_TRY(kr_string_puts(ctx, out, "\n"));
    }
    KR_TRY(kr_string_puts(ctx, out, "/\n&electrons\n"));
    if (threshold) {
        KR_TRY(kr_string_puts(ctx, out, "  conv_thr = "));
        KR_TRY(put_value(ctx, out, threshold));
        KR_TRY(kr_string_puts(ctx, out, "\n"));
    }
    KR_TRY(kr_string_puts(ctx, out, "/\n"));
    kr_dpgen_say(d, "differs", "fp_params", "pw.in: vdw_corr 'TS' and nosym are what DP-GEN adds to these numbers");
done:
    return status;
}

/* Does the name of a file begin with this element: C.pbe, c_oncv, but not Ca.pbe? */
static int begins(const char *file, const char *element) {
    size_t n = strlen(element);
    return !strncasecmp(file, element, n) && !isalpha((unsigned char)file[n]);
}

/* The pseudopotential of element i. The rule is the order of type_map; where all files name their elements and the
 * order is another one, the names are right. */
static const char *pseudo_of(const kr_tree *map, const kr_tree *files, int i, int *by_name) {
    const char *found = NULL;
    *by_name = 0;
    for (int k = 0; files && k < files->count && map->count == files->count; k++) {
        const char *file = files->child[k]->kind == KR_TREE_STRING ? files->child[k]->string : "";
        if (!begins(file, map->child[i]->string)) continue;
        if (k == i) return file;
        found = file;
    }
    *by_name = found != NULL;
    if (found) return found;
    return files && i < files->count && files->child[i]->kind == KR_TREE_STRING ? files->child[i]->string
                                                                                : "PSEUDOPOTENTIAL.UPF";
}

/* pw.in from user_fp_params (namelists by name) or fp_params (a few numbers). */
static kr_status write_pw(kr_context *ctx, kr_dpgen *d, const kr_tree *files) {
    static const char *const names[] = {"control", "system", "electrons"};
    kr_status status = KR_OK;
    kr_string out = {0};
    const kr_tree *params = kr_tree_get(d->param, "user_fp_params"), *map = kr_tree_get(d->param, "type_map");
    const kr_tree *few = kr_tree_get(d->param, "fp_params");
    int named = 0, by_name;
    for (int i = 0; map && i < map->count; i++) /* was told */
        if (map->child[i]->kind != KR_TREE_STRING) return KR_OK;
    if (!params && few) KR_TRY(put_few(ctx, d, &out, few));
    for (int k = 0; k < 3 && (params || !few); k++) KR_TRY(put_namelist(ctx, &out, params, names[k]));
    KR_TRY(kr_string_puts(ctx, &out, "ATOMIC_SPECIES\n"));
    for (int i = 0; map && i < map->count; i++) {
        KR_TRY(kr_string_printf(ctx, &out, "%.8s 1.0 %.200s\n", map->child[i]->string,
                                pseudo_of(map, files, i, &by_name)));
        named += by_name;
    }
    if (named)
        kr_dpgen_say(d, "differs", "fp_pp_files",
                     "pw.in: each element has the file that begins with its name; the order is not that of type_map");
    KR_TRY(kr_string_puts(ctx, &out, "K_POINTS gamma\n"));
    KR_TRY(kr_file_write(ctx, d->folder, "pw.in", out.data, out.length));
done:
    kr_free(out.data);
    return status;
}

static kr_status label_pw(kr_context *ctx, kr_dpgen *d, kr_tree *label) {
    kr_status status = KR_OK;
    const kr_tree *params = kr_tree_get(d->param, "user_fp_params"), *path = kr_tree_get(d->param, "fp_pp_path");
    const kr_tree *spacing;
    if (!params) params = kr_tree_get(d->param, "fp_params");
    spacing = kr_tree_get(params, "kspacing");
    KR_TRY(kr_dpgen_put_text(ctx, label, "engine", "qe"));
    KR_TRY(kr_dpgen_put_text(ctx, label, "template", "pw.in"));
    if (path) KR_TRY(kr_dpgen_put(ctx, label, "pseudo_dir", path));
    KR_TRY(write_pw(ctx, d, kr_tree_get(d->param, "fp_pp_files")));
    kr_dpgen_say(d, "mapped", "fp_style", "label.engine qe; template pw.in written");
    if (spacing && (spacing->kind == KR_TREE_INT || spacing->kind == KR_TREE_REAL)) {
        KR_TRY(kr_dpgen_put_real(ctx, label, "kspacing_per_A", spacing->real));
        kr_dpgen_say(d, "differs", "kspacing", "label.kspacing_per_A; meshes are not shifted, there even ones are");
    } else {
        kr_dpgen_say(d, "differs", "kspacing", "none is given: K_POINTS gamma in pw.in");
    }
done:
    return status;
}

/* A program that has no labeller of its own: a script to be completed. */
static kr_status write_stub(kr_context *ctx, kr_dpgen *d, const char *style) {
    kr_status status = KR_OK;
    kr_string out = {0};
    KR_TRY(
        kr_string_printf(ctx, &out,
                         "#!/bin/sh\n"
                         "# Labels in.xyz (extended XYZ, Å) with %.20s: write out.xyz with energy (eV), forces (eV/Å)\n"
                         "# and, where there is one, virial (eV); end with 0 only when the program has converged.\n"
                         "# docs/labelling.md has examples for VASP and ASE.\n"
                         "echo 'complete label.sh first' >&2\n"
                         "exit 1\n",
                         style));
    KR_TRY(kr_file_write(ctx, d->folder, "label.sh", out.data, out.length));
done:
    kr_free(out.data);
    return status;
}

kr_status kr_dpgen_label(kr_context *ctx, kr_dpgen *d) {
    kr_status status = KR_OK;
    kr_tree *label;
    const kr_tree *style = kr_tree_get(d->param, "fp_style"), *input = kr_tree_get(d->param, "external_input_path");
    const kr_tree *params = kr_tree_get(d->param, "user_fp_params");
    const char *name = style->kind == KR_TREE_STRING ? style->string : "";
    if (!params) params = kr_tree_get(d->param, "fp_params");
    KR_TRY(kr_dpgen_section(ctx, d->out, "label", KR_TREE_MAP, &label));
    if (!strcmp(name, "pwscf")) {
        KR_TRY(label_pw(ctx, d, label));
    } else if (!strcmp(name, "cp2k") && (input || (params && params->kind == KR_TREE_MAP))) {
        KR_TRY(kr_dpgen_put_text(ctx, label, "engine", "cp2k"));
        if (input)
            KR_TRY(kr_dpgen_put(ctx, label, "template", input));
        else
            KR_TRY(kr_dpgen_put_text(ctx, label, "template", "cp2k.inp"));
        if (!input) KR_TRY(kr_dpgen_cp2k(ctx, d, params));
        kr_dpgen_say(d, "mapped", "fp_style",
                     input ? "label.engine cp2k; the template needs the two @INCLUDE lines"
                           : "label.engine cp2k; template cp2k.inp written, with DP-GEN's defaults");
    } else {
        KR_TRY(kr_dpgen_put_text(ctx, label, "engine", "command"));
        KR_TRY(kr_dpgen_put_text(ctx, label, "command", "sh \"$PWD/../../../../../label.sh\""));
        KR_TRY(kr_dpgen_put_text(ctx, label, "identity", name));
        KR_TRY(write_stub(ctx, d, name));
        kr_dpgen_say(d, "differs", "fp_style", "%.20s: label.engine command; label.sh is written, to be completed",
                     name);
    }
done:
    return status;
}

/* ---- finished iterations ---- */

kr_status kr_dpgen_iterations(kr_context *ctx, kr_dpgen *d, const char *folder) {
    kr_status status = KR_OK;
    kr_tree *data, *list, *item = NULL;
    char **iterations = NULL, **sets = NULL, *path = NULL, *one = NULL;
    int n = 0, m = 0, found = 0;
    KR_TRY(kr_dpgen_section(ctx, d->out, "data", KR_TREE_MAP, &data));
    KR_TRY(kr_dpgen_section(ctx, data, "initial", KR_TREE_LIST, &list));
    KR_TRY(kr_folder_list(ctx, folder, &n, &iterations));
    for (int i = 0; i < n; i++) {
        if (strncmp(iterations[i], "iter.", 5)) continue;
        path = kr_strprintf(ctx, "%s/%s/02.fp", folder, iterations[i]);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        if (kr_file_is_folder(path)) KR_TRY(kr_folder_list(ctx, path, &m, &sets));
        for (int k = 0; k < m; k++) {
            if (strncmp(sets[k], "data.", 5)) continue;
            one = kr_path_join(ctx, path, sets[k]);
            if (!one) KR_TRY(KR_ERR_MEMORY);
            KR_TRY(kr_tree_new_string(ctx, one, &item));
            KR_TRY(kr_tree_append(ctx, list, &item));
            kr_free(one);
            one = NULL;
            found++;
        }
        if (sets) kr_names_free(m, sets);
        sets = NULL;
        m = 0;
        kr_free(path);
        path = NULL;
    }
    kr_dpgen_say(d, "mapped", "iter.*/02.fp/data.*", "%d data sets of finished iterations into data.initial", found);
done:
    if (sets) kr_names_free(m, sets);
    if (iterations) kr_names_free(n, iterations);
    kr_tree_destroy(&item);
    kr_free(one);
    kr_free(path);
    return status;
}
