/* kramers eelt init: a valid eelt.json to begin with, every choice explained.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *structures;
    int label, engine, force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "FILE", "where it goes; default eelt.json"},
    {"structures", 0, CLI_TEXT, offsetof(settings, structures), "FILES", "start structures; default start/*.xyz"},
    {"label", 0, CLI_CHOICE, offsetof(settings, label), "qe|cp2k|xtb|lammps|command",
     "the labelling program; default qe"},
    {"engine", 0, CLI_CHOICE, offsetof(settings, engine), "builtin|lammps", "what moves the atoms; default builtin"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing file"},
    {0}};

static const char head[] =
    "{\n"
    "  \"_\": \"Keys that begin with _ are comments. kramers eelt check FILE tells what is wrong and what to "
    "expect.\",\n"
    "  \"campaign\": {\n"
    "    \"name\": \"campaign\",\n"
    "    \"_folder\": \"holds everything: ledger, models, runs, labels, report.html\",\n"
    "    \"folder\": \"campaign\",\n"
    "    \"seed\": 1,\n"
    "    \"elements\": [%s],\n"
    "    \"max_iterations\": 20,\n"
    "    \"_budget\": \"null or absent: no limit\",\n"
    "    \"budget\": {\"labels\": 2000, \"core_hours\": null, \"wall_h\": null}\n"
    "  },\n"
    "  \"_data\": \"labelled data that are there already; without any, shaken start structures are labelled first\",\n"
    "  \"data\": {\"initial\": [], \"validation\": [], \"test\": []},\n"
    "  \"model\": {\n"
    "    \"_ensemble\": \"models whose disagreement tells what is new\",\n"
    "    \"ensemble\": 4,\n"
    "    \"_training\": \"an input.json of DeePMD-kit; systems, seeds, type_map are filled in; see docs/training.md, "
    "Recipes\",\n"
    "    \"training\": {\n"
    "      \"model\": {\n"
    "        \"_descriptor\": \"angles by moments up to l = 2; type se_e2_a without attn_layer and lmax "
    "learns less\",\n"
    "        \"descriptor\": {\"type\": \"se_atten\", \"attn_layer\": 0, \"lmax\": 2, \"rcut\": 6.0,\n"
    "                       \"rcut_smth\": 0.5, \"neuron\": [10, 20, 40], \"axis_neuron\": 8,\n"
    "                       %s\"sel\": \"auto:1.5\"},\n"
    "        \"fitting_net\": {\"neuron\": [48, 48], \"activation_function\": \"silu\", \"resnet_dt\": false}\n"
    "      },\n"
    "      \"_learning_rate\": \"high for a fifth of the steps, then down\",\n"
    "      \"learning_rate\": {\"type\": \"wsd\", \"start_lr\": 0.004, \"stop_lr\": 1e-5, \"decay_phase_ratio\": 0.8,\n"
    "                        \"decay_type\": \"cosine\"},\n"
    "      \"_loss\": \"forces first; energies and virials as the rate falls\",\n"
    "      \"loss\": {\"start_pref_e\": 0.2, \"limit_pref_e\": 20, \"start_pref_f\": 1000, \"limit_pref_f\": 1,\n"
    "               \"start_pref_v\": 0.02, \"limit_pref_v\": 2},\n"
    "      \"optimizer\": {\"type\": \"Adam\", \"adam_beta2\": 0.99},\n"
    "      \"training\": {\"numb_steps\": 20000, \"disp_freq\": 1000, \"save_freq\": 5000},\n"
    "      \"_kramers\": \"keys that DeePMD-kit does not have; it reads the models all the same\",\n"
    "      \"kramers\": {\"precision\": \"single\", \"spline_tolerance\": 1e-4, \"embedding_sharpness\": 8,\n"
    "                  \"degree_gain\": 1}\n"
    "    },\n"
    "    \"_warm_start\": \"later iterations: half the steps from a tenth of the rate, new frames drawn more often\",\n"
    "    \"warm_start\": {\"steps\": 0.5, \"start_rate\": 0.1, \"new_weight\": 10}\n"
    "  },\n";

/* Learns several times faster; with several elements energies would depend on the order of the atoms. */
static const char shifted[] = "\"set_davg_zero\": false, ";

static const char explore[] =
    "  \"explore\": {\n"
    "    \"engine\": \"%s\",\n"
    "    \"_options\": \"of the engine, docs/exploring.md; mixed: networks in single precision, faster\",\n"
    "    \"options\": {%s},\n"
    "    \"_systems\": \"start structures: names with * and ?, or { name, files }\",\n"
    "    \"systems\": [{\"name\": \"start\", \"files\": [\"%s\"]}],\n"
    "    \"_stages\": \"a stage opens when the one before has converged; [300, 900] inside T_K is a ramp; with "
    "hydrogen dt_fs 0.5\",\n"
    "    \"stages\": [\n"
    "      {\"systems\": [\"*\"], \"T_K\": [100, 300], \"P_GPa\": [0], \"ensemble\": \"%s\", \"steps\": 2000, "
    "\"dt_fs\": %s,\n"
    "       \"sample_every\": 10, \"replicas\": 2},\n"
    "      {\"systems\": [\"*\"], \"T_K\": [600, 900], \"P_GPa\": [0], \"ensemble\": \"%s\", \"steps\": 5000, "
    "\"dt_fs\": %s,\n"
    "       \"sample_every\": 10, \"replicas\": 2}\n"
    "    ],\n"
    "    \"_bootstrap\": \"labelled first: shaken copies of start structures with elements that no data have\",\n"
    "    \"bootstrap\": {\"frames\": 20, \"rattle_A\": 0.1, \"strain\": 0.03}\n"
    "  },\n"
    "  \"examine\": {\n"
    "    \"_levels\": \"calibrated: trust holds until 40 labelled frames tell better; fixed; dpgen; dpgen2\",\n"
    "    \"levels\": \"calibrated\",\n"
    "    \"trust\": {\"f_lo_eV_per_A\": 0.05, \"f_hi_eV_per_A\": 0.35}\n"
    "  },\n"
    "  \"select\": {\"per_iteration\": 100, \"rule\": \"fps\", \"failed\": 5},\n"
    "  \"audit\": {\n"
    "    \"_\": \"random accurate frames are labelled, too: how often is the force error above the target?\",\n"
    "    \"per_iteration\": 20, \"certificate\": 300, \"e_target_eV_per_A\": 0.15, \"bound\": 0.05\n"
    "  },\n"
    "  \"converge\": {\"candidate\": 0.01, \"failed\": 0.005, \"iterations\": 2, \"rmse_target_eV_per_A\": 0.05},\n";

static const char jobs[] =
    "  \"jobs\": {\n"
    "    \"_\": \"runner local or slurm; slots: tasks at a time; timeout_s, stall_s, memory_MB of one attempt\",\n"
    "    \"train\": {\"runner\": \"local\", \"slots\": 2, \"threads\": 1},\n"
    "    \"explore\": {\"runner\": \"local\", \"slots\": 2, \"threads\": 1},\n"
    "    \"label\": {\"runner\": \"local\", \"slots\": 2, \"threads\": 1, \"timeout_s\": 3600, \"tries\": 3}\n"
    "  }\n"
    "}\n";

/* The section label; list: "\"Al\", \"Mg\""; names: " Al Mg". */
static void put_label(FILE *out, int which, const char *list, const char *names) {
    fputs("  \"_label\": \"see docs/labelling.md; kramers eelt check writes one input of every system\",\n", out);
    switch (which) {
    case 0:
        fputs("  \"label\": {\"engine\": \"qe\", \"command\": \"pw.x\", \"template\": \"pw.in\", \"pseudo_dir\": "
              "\"pseudo\",\n"
              "            \"kspacing_per_A\": 0.25, \"checks\": {\"stress\": true}},\n",
              out);
        break;
    case 1:
        fputs("  \"label\": {\"engine\": \"cp2k\", \"command\": \"cp2k\", \"template\": \"cp2k.inp\"},\n", out);
        break;
    case 2:
        fputs("  \"label\": {\"engine\": \"xtb\", \"gfn\": 2, \"charge\": 0},\n", out);
        break;
    case 3:
        fprintf(out,
                "  \"label\": {\"engine\": \"lammps\", \"command\": \"lmp\", \"elements\": [%s],\n"
                "            \"lines\": [\"pair_style eam/alloy\", \"pair_coeff * * potential.eam.alloy%s\"],\n"
                "            \"files\": [\"potential.eam.alloy\"]},\n",
                list, names);
        break;
    default:
        fputs("  \"label\": {\"engine\": \"command\", \"command\": \"./label.sh\", \"identity\": \"program, version, "
              "settings\"},\n",
              out);
    }
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    cli_names elements = {0};
    cli_output output = {0};
    char list[2000] = "", names[2000] = "";
    const char *path = s->output ? s->output : "eelt.json", *structures = s->structures ? s->structures : "start/*.xyz";
    (void)nargs;
    cli_names_add(&elements, args[0]);
    for (int i = 0; i < elements.n && strlen(list) < sizeof list - 20; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"%.8s\"", i ? ", " : "", elements.name[i]);
        snprintf(names + strlen(names), sizeof names - strlen(names), " %.8s", elements.name[i]);
    }
    const char *dt = "1";
    for (int i = 0; i < elements.n; i++)
        if (!strcmp(elements.name[i], "H")) dt = "0.5"; /* O-H and C-H stretch in 9 to 11 fs */
    int result = cli_output_allowed(path, s->force);
    if (result == CLI_DONE) result = cli_output_open(&output, path);
    if (result == CLI_DONE) {
        const char *ensemble = s->label == 2 ? "nvt" : "npt-iso"; /* xtb labels molecules */
        fprintf(output.file, head, list, elements.n == 1 ? shifted : "");
        const int lammps = s->engine == 1;
        fprintf(output.file, explore, lammps ? "lammps" : "builtin",
                lammps ? "\"plugin\": \"kramersplugin.so\", \"pair_words\": \"precision mixed\""
                       : "\"precision\": \"mixed\"",
                structures, ensemble, dt, ensemble, dt);
        put_label(output.file, s->label < 0 ? 0 : s->label, list, names);
        fputs(jobs, output.file);
        result = cli_output_commit(&output);
    }
    if (result == CLI_DONE) cli_note("written: %s; kramers eelt check %s tells what is missing", path, path);
    cli_output_discard(&output);
    cli_names_free(&elements);
    return result;
}

const cli_command cli_eelt_init = {
    .name = "eelt init",
    .summary = "Write an eelt.json to begin with",
    .usage = "ELEMENTS [-o eelt.json]",
    .text = "ELEMENTS: symbols separated by commas; their order is that of the model's types. The file is valid as it "
            "is but for the names of your structures and of the labelling program's inputs, and explains its choices.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
