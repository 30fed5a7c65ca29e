/* The keys of eelt.json.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/config.h"

/* clang-format off */
#define TREE(S, key, field, init, text, ...) \
    {.name = key, .type = KR_PARAMETER_TREE, .offset = offsetof(S, field), .initial = init, .help = text, __VA_ARGS__}
#define INT(S, key, field, init, limits, text) \
    {.name = key, .type = KR_PARAMETER_INT, .offset = offsetof(S, field), .initial = init, .range = limits, \
     .help = text}
#define LONG(S, key, field, init, limits, text) \
    {.name = key, .type = KR_PARAMETER_LONG, .offset = offsetof(S, field), .initial = init, .range = limits, \
     .help = text}
#define REAL(S, key, field, init, limits, text, ...) \
    {.name = key, .type = KR_PARAMETER_REAL, .offset = offsetof(S, field), .initial = init, .range = limits, \
     .help = text, __VA_ARGS__}
#define TEXT(S, key, field, init, text) \
    {.name = key, .type = KR_PARAMETER_TEXT, .offset = offsetof(S, field), .initial = init, .help = text}
#define TEXTS(S, key, field, init, text) \
    {.name = key, .type = KR_PARAMETER_TEXTS, .offset = offsetof(S, field), .initial = init, .help = text}
#define FLAG(S, key, field, init, text) \
    {.name = key, .type = KR_PARAMETER_FLAG, .offset = offsetof(S, field), .initial = init, .help = text}
/* clang-format on */

const kr_parameter kr_config_top_table[] = {
    TREE(kr_config_top, "campaign", campaign, "null", "name, elements, limits"),
    TREE(kr_config_top, "data", data, "null", "labelled data that are there already"),
    TREE(kr_config_top, "model", model, "null", "the ensemble and its training"),
    TREE(kr_config_top, "explore", explore, "null", "where to look for new structures"),
    TREE(kr_config_top, "examine", examine, "null", "which structures are new"),
    TREE(kr_config_top, "select", select, "null", "which of them are labelled"),
    TREE(kr_config_top, "label", label, "null", "by which program"),
    TREE(kr_config_top, "audit", audit, "null", "what is asked of the structures that seem known"),
    TREE(kr_config_top, "converge", converge, "null", "when to stop"),
    TREE(kr_config_top, "jobs", jobs, "null", "where tasks run"),
    {0}};

#define C kr_config_campaign
const kr_parameter kr_config_campaign_table[] = {
    TEXT(C, "name", name, "\"campaign\"", "for people"),
    TEXT(C, "folder", folder, "\"campaign\"", "where everything is kept; made when absent"),
    TEXT(C, "label_store", store, "null", "folder of labels that several campaigns share"),
    LONG(C, "seed", seed, "1", ">= 0", "of all random choices"),
    TEXTS(C, "elements", elements, "null", "symbols; their order is that of the model's types"),
    INT(C, "max_iterations", max_iterations, "20", ">= 1", "iterations before the campaign stops"),
    TREE(C, "budget", budget, "null", "other limits"),
    REAL(C, "disk_free_GB", disk_free, "1", ">= 0", "stop when less than this is free", .unit = "GB"),
    {0}};

const kr_parameter kr_config_budget_table[] = {
    LONG(kr_config_budget, "labels", labels, "null", ">= 1", "labels, without those of the certificate"),
    REAL(kr_config_budget, "core_hours", core_hours, "null", "> 0", "CPU time of all tasks", .unit = "h"),
    REAL(kr_config_budget, "wall_h", wall_h, "null", "> 0", "time of all runs of this program", .unit = "h"),
    {0}};

const kr_parameter kr_config_data_table[] = {
    TEXTS(kr_config_data, "initial", initial, "[]", "folders or files that the first models are trained on"),
    TEXTS(kr_config_data, "validation", validation, "[]", "for the learning curves"),
    TEXTS(kr_config_data, "test", test, "[]", "every iteration's models are tested on them, none is trained on them"),
    {0}};

const kr_parameter kr_config_model_table[] = {
    INT(kr_config_model, "ensemble", ensemble, "4", "[1, 32]",
        "models that differ in their seeds; 1: examine.method tells what is new"),
    TREE(kr_config_model, "training", training, NULL,
         "input.json of DeePMD-kit or its path; systems, seeds and type_map are filled in"),
    TREE(kr_config_model, "warm_start", warm_start, "null", "how later iterations go on from the models before"),
    {0}};

#define W kr_config_warm
const kr_parameter kr_config_warm_table[] = {
    FLAG(W, "enabled", enabled, "true", "false: every iteration trains from the beginning"),
    REAL(W, "steps", steps, "0.5", "(0, 1]", "steps, relative to the first iteration"),
    REAL(W, "start_rate", start_rate, "0.1", "(0, 1]", "first learning rate, relative to the first iteration"),
    REAL(W, "new_weight", new_weight, "10", "> 0", "a new frame is drawn as often as so many old ones"),
    {0}};

#define A kr_config_audit
const kr_parameter kr_config_audit_table[] = {
    INT(A, "per_iteration", per_iteration, "null", ">= 0",
        "accurate frames labelled per iteration; default a twentieth of select.per_iteration, at least 10"),
    INT(A, "certificate", certificate, "300", "[0, 100000]",
        "fresh frames labelled at the end, never trained on; 0 = no certificate"),
    INT(A, "certificate_most", most, "null", ">= 1",
        "of them, when the first ones are too few for the bound; default four times as many"),
    REAL(A, "e_target_eV_per_A", e_target, "0.15", "(0, 10]", "largest force error that is accurate", .unit = "eV/A"),
    REAL(A, "bound", bound, "0.05", "(0, 1)", "part of the accurate frames that may exceed it"),
    REAL(A, "confidence", confidence, "0.95", "(0, 1)", "of that bound"),
    {0}};

#define V kr_config_converge
const kr_parameter kr_config_converge_table[] = {
    REAL(V, "candidate", candidate, "0.01", "[0, 1]", "largest fraction of candidates in a cell"),
    REAL(V, "failed", failed, "0.005", "[0, 1]", "largest fraction of failed frames in a cell"),
    INT(V, "iterations", iterations, "2", ">= 1", "iterations in a row that must hold"),
    REAL(V, "rmse_target_eV_per_A", rmse, "0.05", "(0, 10]", "force error on the audit frames", .unit = "eV/A"),
    {0}};

const kr_parameter kr_config_jobs_table[] = {
    {.name = "train", .type = KR_PARAMETER_TREE, .offset = KR_PARAMETER_UNUSED, .initial = "null", .help = "training"},
    {.name = "explore",
     .type = KR_PARAMETER_TREE,
     .offset = KR_PARAMETER_UNUSED,
     .initial = "null",
     .help = "exploration"},
    {.name = "label",
     .type = KR_PARAMETER_TREE,
     .offset = KR_PARAMETER_UNUSED,
     .initial = "null",
     .help = "labelling programs"},
    {0}};

#define E kr_config_explore
const kr_parameter kr_config_explore_table[] = {
    TEXT(E, "engine", engine, "\"lammps\"", "what moves the atoms: lammps or builtin"),
    TREE(E, "options", options, "null", "of the engine"),
    TREE(E, "systems", systems, NULL, "start structures: a list of files or { ... }"),
    TREE(E, "stages", stages, NULL, "a list of { ... }: which systems, temperatures, pressures"),
    {.name = "schedule",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(E, schedule),
     .initial = "\"adaptive\"",
     .allowed = "adaptive|fixed",
     .help = "adaptive: a stage opens when the one before has converged; fixed: after its iterations"},
    {.name = "from",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(E, from_last),
     .initial = "\"start\"",
     .allowed = "start|last",
     .help = "start: every run begins with a start structure; last: with the last good frame of the iteration before"},
    REAL(E, "first_ps", first_ps, "1", "> 0", "runs of the first iteration are no longer", .unit = "ps"),
    INT(E, "reservoir", reservoir, "20", ">= 1", "accurate frames that a run keeps"),
    REAL(E, "correlation_ps", correlation_ps, "0.1", ">= 0", "at most one of them in so long", .unit = "ps"),
    INT(E, "stop", stop, "5", ">= 0", "failed samples in a row that end a run; 0 = never"),
    {.name = "driver",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(E, driver),
     .initial = "\"first\"",
     .allowed = "first|rotate",
     .help = "the model that moves the atoms: the first, or another one for each replica"},
    TREE(E, "bootstrap", bootstrap, "null", "the first labels of systems whose elements have no data { ... }"),
    {0}};

#define B kr_config_bootstrap
const kr_parameter kr_config_bootstrap_table[] = {
    INT(B, "frames", frames, "10", ">= 1", "copies of each system's start structures"),
    REAL(B, "rattle_A", rattle, "0.1", "[0, 2]", "deviation of the atoms' random displacements", .unit = "A"),
    REAL(B, "strain", strain, "0.03", "[0, 0.3]", "deviation of the cells' random strains"),
    {0}};

#define S kr_config_stage
const kr_parameter kr_config_stage_table[] = {
    TEXTS(S, "systems", systems, "[\"*\"]", "names of systems; * and ? are allowed"),
    {.name = "ensemble",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(S, ensemble),
     .initial = "\"npt-iso\"",
     .allowed = "nve|nvt|npt-iso=npt|npt-aniso=npt-a|npt-tri=npt-t",
     .help = "what is kept constant"},
    TREE(S, "T_K", T, NULL, "temperatures; a pair inside the list is a ramp", .unit = "K"),
    TREE(S, "P_GPa", P, "[0]", "pressures, likewise", .unit = "GPa"),
    LONG(S, "steps", steps, NULL, ">= 1", "of a run"),
    REAL(S, "dt_fs", dt_fs, "2", "[0.01, 20]", "time step", .unit = "fs"),
    INT(S, "sample_every", sample_every, "10", ">= 1", "steps"),
    INT(S, "replicas", replicas, "1", ">= 1", "runs of each system, temperature and pressure"),
    REAL(S, "mc_swap", mc_swap, "0", ">= 0", "tried exchanges of two atoms of different elements per step"),
    {.name = "open",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(S, one_by_one),
     .initial = "\"all\"",
     .allowed = "all|one_by_one",
     .help = "all temperatures at once, or the next when the one before has converged"},
    INT(S, "iterations", iterations, "1", ">= 1", "of a fixed schedule"),
    {0}};

const kr_parameter kr_config_system_table[] = {
    TEXT(kr_config_system, "name", name, "null", "default: the name of the first file, the kind of lattice"),
    TEXTS(kr_config_system, "files", files, "null", "structure files; * and ? are allowed"),
    TEXT(kr_config_system, "format", format, "null", "of the files, when their names do not tell"),
    TREE(kr_config_system, "generate", generate, "null", "a structure that is made: { ... }"),
    {0}};

#define X kr_config_examine
const kr_parameter kr_config_examine_table[] = {
    {.name = "method",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(X, method),
     .initial = "\"deviation\"",
     .allowed = "deviation|posterior|maxvol",
     .help = "what tells a new frame: the ensemble's disagreement, or the last layer of a single model"},
    {.name = "levels",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(X, levels),
     .initial = "\"calibrated\"",
     .allowed = "fixed|calibrated|dpgen|dpgen2",
     .help = "calibrated: trust is used until the audit has measured better levels"},
    TREE(X, "trust", trust, "null", "the levels { ... }"),
    {.name = "rule",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(X, rule),
     .initial = "\"default\"",
     .allowed = "default|dpgen",
     .help = "order of the comparisons; dpgen: as that program does"},
    LONG(X, "skip_steps", skip_steps, "0", ">= 0", "samples of earlier time steps are not looked at"),
    {0}};

#define T kr_config_trust
const kr_parameter kr_config_trust_table[] = {
    REAL(T, "f_lo_eV_per_A", f_lo, "0.05", ">= 0", "largest force deviation: candidates from here", .unit = "eV/A"),
    REAL(T, "f_hi_eV_per_A", f_hi, "0.35", "> 0", "failed from here", .unit = "eV/A"),
    REAL(T, "v_lo_eV", v_lo, "null", ">= 0", "virial deviation per atom; null = not used", .unit = "eV"),
    REAL(T, "v_hi_eV", v_hi, "null", "> 0", "failed from here", .unit = "eV"),
    REAL(T, "gamma_lo", gamma_lo, "2", ">= 0", "examine.method maxvol: candidates from this grade"),
    REAL(T, "gamma_hi", gamma_hi, "10", "> 0", "failed from here"),
    {0}};

#define L kr_config_select
const kr_parameter kr_config_select_table[] = {
    INT(L, "per_iteration", per_iteration, "100", ">= 1", "candidates labelled, at most"),
    INT(L, "per_system", per_system, "0", ">= 0", "of one system; 0 = any number"),
    INT(L, "per_cell", per_cell, "0", ">= 0", "of one system, temperature and pressure; 0 = any number"),
    INT(L, "per_element", per_element, "0", ">= 0",
        "whose atom of largest deviation is of one element; 0 = any number"),
    TEXT(L, "rule", rule, "\"fps\"", "fps, maxvol, random, topdev or inverse_population"),
    INT(L, "failed", failed, "5", ">= 0", "sane frames of the failed class labelled besides"),
    INT(L, "least", least, "0", ">= 0", "nothing is labelled when there are fewer candidates"),
    FLAG(L, "dedup", dedup, "true", "no structure twice"),
    REAL(L, "near_distance", near_distance, "0.05", ">= 0", "near duplicates, relative to the training set's spacing"),
    REAL(L, "correlation_ps", correlation_ps, "0.1", ">= 0", "at most one candidate of a run in so long", .unit = "ps"),
    REAL(L, "u_power", u_power, "1", ">= 0", "how much fps prefers large deviations"),
    REAL(L, "accurate_soft", accurate_soft, "1", "[0, 1]", "accurate fraction from which fewer are labelled"),
    REAL(L, "accurate_hard", accurate_hard, "1", "[0, 1]", "and from which none"),
    REAL(L, "distance", distance, "0.6", ">= 0", "closest atoms, relative to covalent radii"),
    {0}};
