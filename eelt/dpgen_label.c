/* DP-GEN's labelling programs, machine.json, finished iterations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/text.h"
#include "eelt/dpgen.h"
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
        KR_TRY(kr_string_printf(ctx, out, "  %.60s = ", list->key[i]));
        KR_TRY(put_value(ctx, out, list->child[i]));
        KR_TRY(kr_string_puts(ctx, out, "\n"));
    }
    KR_TRY(kr_string_puts(ctx, out, "/\n"));
done:
    return status;
}

/* pw.in from user_fp_params (namelists by name) or fp_params (a few numbers). */
static kr_status write_pw(kr_context *ctx, kr_dpgen *d, const kr_tree *files) {
    static const char *const names[] = {"control", "system", "electrons"};
    kr_status status = KR_OK;
    kr_string out = {0};
    const kr_tree *params = kr_tree_get(d->param, "user_fp_params"), *map = kr_tree_get(d->param, "type_map");
    const kr_tree *few = kr_tree_get(d->param, "fp_params"), *cutoff = kr_tree_get(few, "ecut");
    for (int k = 0; k < 3; k++) {
        if (params || k != 1 || !cutoff) {
            KR_TRY(put_namelist(ctx, &out, params, names[k]));
            continue;
        }
        KR_TRY(kr_string_printf(ctx, &out, "&system\n  ecutwfc = %g\n/\n", cutoff->real));
    }
    KR_TRY(kr_string_puts(ctx, &out, "ATOMIC_SPECIES\n"));
    for (int i = 0; map && i < map->count; i++)
        KR_TRY(kr_string_printf(ctx, &out, "%.8s 1.0 %.200s\n", map->child[i]->string,
                                files && i < files->count && files->child[i]->kind == KR_TREE_STRING
                                    ? files->child[i]->string
                                    : "PSEUDOPOTENTIAL.UPF"));
    KR_TRY(kr_string_puts(ctx, &out, "K_POINTS gamma\n"));
    KR_TRY(kr_file_write(ctx, d->folder, "pw.in", out.data, out.length));
done:
    kr_free(out.data);
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
    const kr_tree *style = kr_tree_get(d->param, "fp_style"), *path = kr_tree_get(d->param, "fp_pp_path");
    const kr_tree *input = kr_tree_get(d->param, "external_input_path");
    const char *name = style->kind == KR_TREE_STRING ? style->string : "";
    KR_TRY(kr_dpgen_section(ctx, d->out, "label", KR_TREE_MAP, &label));
    if (!strcmp(name, "pwscf")) {
        KR_TRY(kr_dpgen_put_text(ctx, label, "engine", "qe"));
        KR_TRY(kr_dpgen_put_text(ctx, label, "template", "pw.in"));
        if (path) KR_TRY(kr_dpgen_put(ctx, label, "pseudo_dir", path));
        KR_TRY(write_pw(ctx, d, kr_tree_get(d->param, "fp_pp_files")));
        kr_dpgen_say(d, "mapped", "fp_style", "label.engine qe; template pw.in written: look at masses and K_POINTS");
    } else if (!strcmp(name, "cp2k") && input) {
        KR_TRY(kr_dpgen_put_text(ctx, label, "engine", "cp2k"));
        KR_TRY(kr_dpgen_put(ctx, label, "template", input));
        kr_dpgen_say(d, "mapped", "fp_style", "label.engine cp2k; the template needs the two @INCLUDE lines");
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

/* ---- machine.json ---- */

/* The first environment of a step: {…} or [{…}]. */
static const kr_tree *step_of(const kr_tree *machine, const char *key) {
    const kr_tree *step = kr_tree_get(machine, key);
    return step && step->kind == KR_TREE_LIST && step->count ? step->child[0] : step;
}

static kr_status slurm_options(kr_context *ctx, kr_dpgen *d, const kr_tree *resources, kr_tree *job,
                               const char *where) {
    kr_status status = KR_OK;
    kr_tree *slurm, *lines, *copy = NULL;
    const kr_tree *queue = kr_tree_get(resources, "queue_name"), *flags = kr_tree_get(resources, "custom_flags");
    KR_TRY(kr_dpgen_section(ctx, job, "slurm", KR_TREE_MAP, &slurm));
    if (queue && queue->kind == KR_TREE_STRING && queue->string[0])
        KR_TRY(kr_dpgen_put(ctx, slurm, "partition", queue));
    for (int i = 0; flags && i < flags->count; i++) {
        KR_TRY(kr_dpgen_section(ctx, slurm, "lines", KR_TREE_LIST, &lines));
        KR_TRY(kr_tree_copy(ctx, flags->child[i], &copy));
        KR_TRY(kr_tree_append(ctx, lines, &copy));
    }
    for (int i = 0; i < resources->count; i++) {
        const char *key = resources->key[i];
        if (!strcmp(key, "module_list") || !strcmp(key, "source_list") || !strcmp(key, "envs") ||
            !strcmp(key, "prepend_script") || !strcmp(key, "append_script"))
            kr_dpgen_say(d, "differs", where, "%s goes into the command or into jobs.*.slurm.lines", key);
    }
done:
    kr_tree_destroy(&copy);
    return status;
}

static kr_status import_step(kr_context *ctx, kr_dpgen *d, const char *key, const char *name) {
    kr_status status = KR_OK;
    kr_tree *jobs, *job, *label;
    const kr_tree *step = step_of(d->machine, key), *machine = kr_tree_get(step, "machine");
    const kr_tree *resources = kr_tree_get(step, "resources"), *command = kr_tree_get(step, "command");
    const kr_tree *batch = kr_tree_get(machine, "batch_type"), *context = kr_tree_get(machine, "context_type");
    const kr_tree *cpus = kr_tree_get(resources, "cpu_per_node");
    const char *type = batch && batch->kind == KR_TREE_STRING ? batch->string : "";
    char where[64];
    snprintf(where, sizeof where, "machine.json %s", key);
    if (!step) return KR_OK;
    KR_TRY(kr_dpgen_section(ctx, d->out, "jobs", KR_TREE_MAP, &jobs));
    KR_TRY(kr_dpgen_section(ctx, jobs, name, KR_TREE_MAP, &job));
    int slurm = !strcasecmp(type, "slurm") || !strcasecmp(type, "slurmjobarray");
    if (!slurm && strcasecmp(type, "shell")) {
        kr_dpgen_say(d, "refused", where, "batch_type '%s': local and slurm are there", type);
        goto done;
    }
    if (context && context->kind == KR_TREE_STRING && !strstr(context->string, "ocal"))
        kr_dpgen_say(d, "refused", where, "context_type '%s': tasks run where the campaign runs", context->string);
    KR_TRY(kr_dpgen_put_text(ctx, job, "runner", slurm ? "slurm" : "local"));
    if (cpus && cpus->kind == KR_TREE_INT && cpus->integer > 0) KR_TRY(kr_dpgen_put(ctx, job, "cpus", cpus));
    if (slurm && resources) KR_TRY(slurm_options(ctx, d, resources, job, where));
    if (command && command->kind == KR_TREE_STRING && !strcmp(key, "fp")) {
        KR_TRY(kr_dpgen_section(ctx, d->out, "label", KR_TREE_MAP, &label));
        const kr_tree *engine = kr_tree_get(label, "engine");
        if (engine && strcmp(engine->string, "command")) KR_TRY(kr_dpgen_put(ctx, label, "command", command));
        kr_dpgen_say(d, "differs", where, "command '%.100s': without redirections and arguments for files",
                     command->string);
    }
    kr_dpgen_say(d, "mapped", where, "jobs.%s, runner %s", name, slurm ? "slurm" : "local");
done:
    return status;
}

kr_status kr_dpgen_machine(kr_context *ctx, kr_dpgen *d) {
    kr_status status = KR_OK;
    KR_TRY(import_step(ctx, d, "train", "train"));
    KR_TRY(import_step(ctx, d, "model_devi", "explore"));
    KR_TRY(import_step(ctx, d, "fp", "label"));
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
