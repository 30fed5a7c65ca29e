/* DP-GEN's machine.json → jobs, commands of the programs.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Two generations of names: steps train, model_devi, fp with machine.batch_type and resources.cpu_per_node, and before
 * them train_machine, train_resources (or train[].machine.machine_type) with resources.task_per_node. */
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "eelt/dpgen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct step {
    const char *key, *name; /* fp, label */
    char where[48];         /* "machine.json fp" */
    const kr_tree *map, *machine, *resources, *command;
    kr_tree *job;
    int slurm;
} step;

static const kr_dpgen_other of_machine[] = {{"local_root", "ignored", "everything is in the campaign's folder"},
                                            {"remote_root", "ignored", "tasks run in the campaign's folder"},
                                            {"work_path", "ignored", "tasks run in the campaign's folder"},
                                            {"remote_profile", "ignored", "no other host is asked"},
                                            {"port", "ignored", "no other host is asked"},
                                            {"username", "ignored", "no other host is asked"},
                                            {"password", "ignored", "no other host is asked"},
                                            {"timeout", "ignored", "no other host is asked"},
                                            {"clean_asynchronously", "ignored", "nothing is copied from other hosts"},
                                            {0}};

static const kr_dpgen_other of_resources[] = {
    {"batch_type", "ignored", "machine.batch_type decides"},
    {"group_size", "ignored", "every task is its own, Slurm gets arrays of them"},
    {"para_deg", "differs", "jobs.*.slots: how many tasks run at a time"},
    {"strategy", "ignored", "graphics processors are not divided among tasks"},
    {"cuda_multi_tasks", "ignored", "graphics processors are not divided among tasks"},
    {"wait_time", "ignored", "a pause between submissions; here arrays"},
    {"append_script", "differs", "goes into the command"},
    {"kwargs", "differs", "goes into jobs.*.slurm.lines"},
    {"exclude_list", "differs", "#SBATCH --exclude goes into jobs.*.slurm.lines"},
    {"constraint_list", "differs", "#SBATCH --constraint goes into jobs.*.slurm.lines"},
    {"license_list", "differs", "#SBATCH --licenses goes into jobs.*.slurm.lines"},
    {"with_mpi", "differs", "mpirun or srun is part of the command"},
    {0}};

static const kr_dpgen_other of_step[] = {
    {"user_forward_files", "differs", "files that a program needs are named in label or explore.options"},
    {"user_backward_files", "ignored", "all files of a task stay in the campaign's folder"},
    {"group_size", "ignored", "every task is its own, Slurm gets arrays of them"},
    {"deepmd_path", "ignored", "models are trained by kramers"},
    {"python_path", "ignored", "models are trained by kramers"},
    {0}};

static const kr_dpgen_other of_file[] = {{"api_version", "ignored", "both generations of names are read"},
                                         {"deepmd_version", "ignored", "models are trained by kramers"},
                                         {"deepmd_path", "ignored", "models are trained by kramers"},
                                         {"python_path", "ignored", "models are trained by kramers"},
                                         {0}};

static int empty(const kr_tree *value) {
    return value->kind == KR_TREE_NULL || (value->kind == KR_TREE_STRING && !value->string[0]) ||
           ((value->kind == KR_TREE_LIST || value->kind == KR_TREE_MAP) && !value->count) ||
           (value->kind == KR_TREE_BOOL && !value->integer);
}

/* A key with a line in the table, or unknown. */
static void tell_other(kr_dpgen *d, const char *where, const kr_dpgen_other *table, const char *key,
                       const kr_tree *value) {
    char place[48];
    if (key[0] == '_') return;
    for (const kr_dpgen_other *o = table; o->key; o++)
        if (!strcmp(o->key, key)) {
            int off = empty(value) && strcmp(o->list, "ignored");
            kr_dpgen_say(d, off ? "mapped" : o->list, where, "%s: %s", key, off ? "off" : o->text);
            return;
        }
    kr_dpgen_say(d, "refused", where, "%.60s is not known%s", key, kr_tree_place(value, place));
}

static kr_status add_line(kr_context *ctx, const step *s, const char *before, const char *text) {
    kr_status status = KR_OK;
    kr_tree *slurm, *lines, *item = NULL;
    char *line = kr_strprintf(ctx, "%s%s", before, text);
    if (!line) return KR_ERR_MEMORY;
    KR_TRY(kr_dpgen_section(ctx, s->job, "slurm", KR_TREE_MAP, &slurm));
    KR_TRY(kr_dpgen_section(ctx, slurm, "lines", KR_TREE_LIST, &lines));
    KR_TRY(kr_tree_new_string(ctx, line, &item));
    KR_TRY(kr_tree_append(ctx, lines, &item));
done:
    kr_free(line);
    return status;
}

/* Lines of the job script from a list of strings, a string, or a map of variables; the runner local has no script. */
static kr_status script_lines(kr_context *ctx, kr_dpgen *d, const step *s, const char *key, const char *before,
                              const kr_tree *value) {
    kr_status status = KR_OK;
    char number[32], *text = NULL;
    if (empty(value)) return KR_OK;
    if (!s->slurm) {
        kr_dpgen_say(d, "differs", s->where, "%s: goes into the command", key);
        return KR_OK;
    }
    if (value->kind == KR_TREE_BOOL) KR_TRY(add_line(ctx, s, before, ""));
    if (value->kind == KR_TREE_STRING) KR_TRY(add_line(ctx, s, before, value->string));
    for (int i = 0; i < value->count; i++) {
        const kr_tree *item = value->child[i];
        const char *word = item->kind == KR_TREE_STRING ? item->string
                           : item->kind == KR_TREE_INT || item->kind == KR_TREE_REAL
                               ? kr_format_real(item->real, number)
                               : "";
        text = kr_strprintf(ctx, "%s%s%s", value->key ? value->key[i] : "", value->key ? "=" : "", word);
        if (!text) KR_TRY(KR_ERR_MEMORY);
        if (word[0]) KR_TRY(add_line(ctx, s, before, text));
        kr_free(text);
        text = NULL;
    }
    kr_dpgen_say(d, "mapped", s->where, "%s: jobs.%s.slurm.lines", key, s->name);
done:
    kr_free(text);
    return status;
}

/* "23:0:0", "1-0:00:00", "90" (minutes) → s; 0 = not understood. */
static double seconds_of(const char *text) {
    double days = 0, parts[3] = {0};
    int n = 0;
    const char *dash = strchr(text, '-');
    if (dash) days = kr_read_real(text, NULL), text = dash + 1;
    for (const char *end; n < 3; text = end + 1) {
        parts[n] = kr_read_real(text, &end);
        if (end == text) return 0;
        n++;
        if (*end != ':') break;
    }
    if (dash) return 3600 * (24 * days + parts[0]) + 60 * parts[1] + parts[2];
    return n == 3 ? 3600 * parts[0] + 60 * parts[1] + parts[2] : 60 * parts[0] + (n == 2 ? parts[1] : 0);
}

static kr_status put_slurm(kr_context *ctx, kr_dpgen *d, const step *s, const char *key, const char *to,
                           const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *slurm;
    if (empty(value) || value->kind != KR_TREE_STRING) return KR_OK;
    if (!s->slurm) {
        kr_dpgen_say(d, "ignored", s->where, "%s: the runner local has no queue", key);
        return KR_OK;
    }
    KR_TRY(kr_dpgen_section(ctx, s->job, "slurm", KR_TREE_MAP, &slurm));
    KR_TRY(kr_dpgen_put(ctx, slurm, to, value));
    kr_dpgen_say(d, "mapped", s->where, "%s: jobs.%s.slurm.%s", key, s->name, to);
done:
    return status;
}

/* Numbers: processors, graphics processors, nodes, limits. *found = 0: none of them. */
static kr_status put_number(kr_context *ctx, kr_dpgen *d, const step *s, const char *key, const kr_tree *value,
                            int *found) {
    kr_status status = KR_OK;
    char text[32];
    int whole = value->kind == KR_TREE_INT, n = whole ? (int)value->integer : 0;
    *found = 1;
    if (!strcmp(key, "cpu_per_node") || !strcmp(key, "task_per_node")) {
        if (n > 0) KR_TRY(kr_dpgen_put_real(ctx, s->job, "cpus", n));
        kr_dpgen_say(d, whole ? "mapped" : "refused", s->where, whole ? "%s: jobs.%s.cpus" : "%s: expected a number",
                     key, s->name);
    } else if (!strcmp(key, "number_node") || !strcmp(key, "numb_node")) {
        kr_dpgen_say(d, n <= 1 ? "mapped" : "differs", s->where,
                     n <= 1 ? "%s: one" : "%s: #SBATCH --nodes goes into jobs.*.slurm.lines", key);
    } else if (!strcmp(key, "gpu_per_node") || !strcmp(key, "numb_gpu")) {
        int needed = n > 0 && s->slurm && !strcmp(s->name, "label");
        snprintf(text, sizeof text, "%d", n);
        if (needed) KR_TRY(add_line(ctx, s, "#SBATCH --gres=gpu:", text));
        kr_dpgen_say(d, needed || !n ? "mapped" : "ignored", s->where, "%s: %s", key,
                     needed ? "jobs.label.slurm.lines"
                     : n    ? "models are trained and run on processors"
                            : "none");
    } else if (!strcmp(key, "time_limit") && value->kind == KR_TREE_STRING && seconds_of(value->string) > 0) {
        KR_TRY(kr_dpgen_put_real(ctx, s->job, "timeout_s", seconds_of(value->string)));
        kr_dpgen_say(d, "mapped", s->where, "%s: jobs.%s.timeout_s", key, s->name);
    } else if (!strcmp(key, "mem_limit") && n > 0) {
        KR_TRY(kr_dpgen_put_real(ctx, s->job, "memory_MB", 1000 * n));
        kr_dpgen_say(d, "mapped", s->where, "%s: jobs.%s.memory_MB", key, s->name);
    } else {
        *found = 0;
    }
done:
    return status;
}

static kr_status put_resource(kr_context *ctx, kr_dpgen *d, const step *s, const char *key, const kr_tree *value) {
    static const struct {
        const char *key, *before;
    } scripts[] = {{"custom_flags", ""},
                   {"module_purge", "module purge"},
                   {"module_unload_list", "module unload "},
                   {"module_list", "module load "},
                   {"source_list", "source "},
                   {"envs", "export "},
                   {"prepend_script", ""}};
    static const struct {
        const char *key, *to;
    } queues[] = {{"queue_name", "partition"}, {"partition", "partition"}, {"account", "account"}, {"qos", "qos"}};
    kr_status status = KR_OK;
    int found;
    for (size_t k = 0; k < sizeof scripts / sizeof *scripts; k++)
        if (!strcmp(key, scripts[k].key)) return script_lines(ctx, d, s, key, scripts[k].before, value);
    for (size_t k = 0; k < sizeof queues / sizeof *queues; k++)
        if (!strcmp(key, queues[k].key)) return put_slurm(ctx, d, s, key, queues[k].to, value);
    KR_TRY(put_number(ctx, d, s, key, value, &found));
    if (!found) tell_other(d, s->where, of_resources, key, value);
done:
    return status;
}

static kr_status put_resources(kr_context *ctx, kr_dpgen *d, const step *s) {
    kr_status status = KR_OK;
    /* "#SBATCH" after the first command of a script has no effect: those lines come first */
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; s->resources && i < s->resources->count; i++) {
            const char *key = s->resources->key[i];
            int flags = !strcmp(key, "custom_flags") || !strcmp(key, "gpu_per_node") || !strcmp(key, "numb_gpu");
            if (flags == !pass) KR_TRY(put_resource(ctx, d, s, key, s->resources->child[i]));
        }
done:
    return status;
}

/* The program without what the runner adds itself: "mpirun -n 8 pw.x < in" → "mpirun -n 8 pw.x". */
static char *program_of(kr_context *ctx, const char *command) {
    static const char *const ends[] = {" <",    " >",     " 1>",      " 2>",  " |",   " ||",   " -i ",
                                       " -in ", " -inp ", " -input ", " -v ", " -o ", " -log "};
    size_t n = strlen(command);
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        const char *end = strstr(command, ends[k]);
        if (end && (size_t)(end - command) < n) n = (size_t)(end - command);
    }
    return kr_strprintf(ctx, "%.*s", (int)n, command);
}

static kr_status put_command(kr_context *ctx, kr_dpgen *d, const step *s) {
    kr_status status = KR_OK;
    kr_tree *section, *options;
    char *program = NULL;
    const char *to = NULL;
    if (!s->command || s->command->kind != KR_TREE_STRING) return KR_OK;
    program = program_of(ctx, s->command->string);
    if (!program) return KR_ERR_MEMORY;
    if (!strcmp(s->name, "label")) {
        KR_TRY(kr_dpgen_section(ctx, d->out, "label", KR_TREE_MAP, &section));
        const kr_tree *engine = kr_tree_get(section, "engine");
        if (engine && strcmp(engine->string, "command")) to = "label.command";
        if (to) KR_TRY(kr_dpgen_put_text(ctx, section, "command", program));
        if (!to) kr_dpgen_say(d, "differs", s->where, "command '%.100s': goes into label.sh", s->command->string);
    } else if (!strcmp(s->name, "explore")) {
        KR_TRY(kr_dpgen_section(ctx, d->out, "explore", KR_TREE_MAP, &section));
        KR_TRY(kr_dpgen_section(ctx, section, "options", KR_TREE_MAP, &options));
        KR_TRY(kr_dpgen_put_text(ctx, options, "command", program));
        to = "explore.options.command";
        kr_dpgen_say(d, "differs", s->where, "explore.options.plugin: a LAMMPS without kramers' styles needs its path");
    } else {
        kr_dpgen_say(d, "ignored", s->where, "command '%.100s': models are trained by kramers", s->command->string);
    }
    if (to) kr_dpgen_say(d, "mapped", s->where, "command: %s '%.150s'", to, program);
done:
    kr_free(program);
    return status;
}

/* Where the step runs; *here = 0 when it cannot. */
static void find_runner(kr_dpgen *d, step *s, int *here) {
    const kr_tree *batch = kr_tree_get(s->machine, "batch_type"), *context = kr_tree_get(s->machine, "context_type");
    const kr_tree *host = kr_tree_get(s->machine, "hostname");
    if (!batch) batch = kr_tree_get(s->machine, "machine_type");
    const char *type = batch && batch->kind == KR_TREE_STRING ? batch->string : "";
    s->slurm = !strcasecmp(type, "slurm") || !strcasecmp(type, "slurmjobarray");
    *here = s->slurm || !strcasecmp(type, "shell") || !strcasecmp(type, "local");
    if (!*here) {
        kr_dpgen_say(d, "refused", s->where,
                     "batch_type '%.60s': local and slurm are there; its other keys are not looked at", type);
        return;
    }
    if (context && context->kind == KR_TREE_STRING && !strstr(context->string, "ocal"))
        kr_dpgen_say(d, "refused", s->where, "context_type '%.60s': tasks run where the campaign runs",
                     context->string);
    if (host && host->kind == KR_TREE_STRING && strcmp(host->string, "localhost") && strcmp(host->string, "127.0.0.1"))
        kr_dpgen_say(d, "refused", s->where, "hostname '%.60s': tasks run where the campaign runs", host->string);
}

static kr_status import_step(kr_context *ctx, kr_dpgen *d, step *s) {
    static const char *const places[] = {"batch_type", "context_type", "machine_type", "hostname"};
    static const char *const parts[] = {"machine", "resources", "command"};
    kr_status status = KR_OK;
    kr_tree *jobs;
    int here;
    KR_TRY(kr_dpgen_section(ctx, d->out, "jobs", KR_TREE_MAP, &jobs));
    KR_TRY(kr_dpgen_section(ctx, jobs, s->name, KR_TREE_MAP, &s->job));
    find_runner(d, s, &here);
    if (!here) goto done;
    KR_TRY(kr_dpgen_put_text(ctx, s->job, "runner", s->slurm ? "slurm" : "local"));
    kr_dpgen_say(d, "mapped", s->where, "jobs.%s, runner %s", s->name, s->slurm ? "slurm" : "local");
    KR_TRY(put_command(ctx, d, s));
    for (int i = 0; s->map && i < s->map->count; i++) {
        int known = 0;
        for (int k = 0; k < 3; k++) known |= !strcmp(s->map->key[i], parts[k]);
        if (!known) tell_other(d, s->where, of_step, s->map->key[i], s->map->child[i]);
    }
    for (int i = 0; s->machine && i < s->machine->count; i++) {
        int known = 0;
        for (int k = 0; k < 4; k++) known |= !strcmp(s->machine->key[i], places[k]);
        if (!strcmp(s->machine->key[i], "retry_count") && s->machine->child[i]->kind == KR_TREE_INT) {
            KR_TRY(kr_dpgen_put_real(ctx, s->job, "tries", s->machine->child[i]->real + 1));
            kr_dpgen_say(d, "mapped", s->where, "retry_count: jobs.%s.tries", s->name);
        } else if (!known) {
            tell_other(d, s->where, of_machine, s->machine->key[i], s->machine->child[i]);
        }
    }
    KR_TRY(put_resources(ctx, d, s));
done:
    return status;
}

/* A part of a step, NULL when it is no map. */
static const kr_tree *map_or_null(kr_dpgen *d, const step *s, const kr_tree *part, const char *name) {
    char place[48];
    if (!part || part->kind == KR_TREE_MAP) return part;
    kr_dpgen_say(d, "refused", s->where, "%s: expected { ... }%s", name, kr_tree_place(part, place));
    return NULL;
}

/* A step's parts under today's key, or under the early ones: train_machine, train_resources, train_command. */
static kr_status read_step(kr_dpgen *d, const char *key, const char *name, step *s) {
    char early[48];
    const kr_tree *map = kr_tree_get(d->machine, key);
    memset(s, 0, sizeof *s);
    s->key = key;
    s->name = name;
    snprintf(s->where, sizeof s->where, "machine.json %s", key);
    if (map && map->kind == KR_TREE_LIST) {
        if (map->count > 1) kr_dpgen_say(d, "differs", s->where, "the first of %d environments is taken", map->count);
        map = map->count ? map->child[0] : NULL;
    }
    s->map = map;
    s->machine = kr_tree_get(map, "machine");
    s->resources = kr_tree_get(map, "resources");
    s->command = kr_tree_get(map, "command");
    snprintf(early, sizeof early, "%s_machine", key);
    if (!s->machine) s->machine = kr_tree_get(d->machine, early);
    snprintf(early, sizeof early, "%s_resources", key);
    if (!s->resources) s->resources = kr_tree_get(d->machine, early);
    snprintf(early, sizeof early, "%s_command", key);
    if (!s->command) s->command = kr_tree_get(d->machine, early);
    if (!s->command && !strcmp(key, "model_devi")) s->command = kr_tree_get(d->machine, "lmp_command");
    s->machine = map_or_null(d, s, s->machine, "machine");
    s->resources = map_or_null(d, s, s->resources, "resources");
    return s->machine ? KR_OK : KR_ERR_FORMAT;
}

/* Is the key at the top one of a step: fp, fp_machine, fp_group_size? */
static int of_a_step(const char *key) {
    static const char *const steps[] = {"train", "model_devi", "fp"};
    static const char *const ends[] = {"", "_machine", "_resources", "_command", "_group_size"};
    for (int k = 0; k < 3; k++) {
        size_t n = strlen(steps[k]);
        for (int e = 0; !strncmp(key, steps[k], n) && e < 5; e++)
            if (!strcmp(key + n, ends[e])) return 1;
    }
    return !strcmp(key, "lmp_command");
}

kr_status kr_dpgen_machine(kr_context *ctx, kr_dpgen *d) {
    static const char *const steps[][2] = {{"train", "train"}, {"model_devi", "explore"}, {"fp", "label"}};
    kr_status status = KR_OK;
    step s;
    if (d->machine->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "machine.json: expected { ... }");
    for (int k = 0; k < 3; k++) {
        if (read_step(d, steps[k][0], steps[k][1], &s) == KR_OK)
            KR_TRY(import_step(ctx, d, &s));
        else
            kr_dpgen_say(d, "refused", s.where, "it has no machine { ... }");
    }
    for (int i = 0; i < d->machine->count; i++)
        if (!of_a_step(d->machine->key[i]))
            tell_other(d, "machine.json", of_file, d->machine->key[i], d->machine->child[i]);
done:
    return status;
}
