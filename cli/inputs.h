/* Structure files and models as the commands take them: reading, mapping of elements, evaluation of one frame.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_INPUTS_H
#define KR_CLI_INPUTS_H

#include "cli.h"

/* ---- structures ---- */

/* All systems of all paths in one dataset. CLI_DONE, or CLI_FAILED after a message. */
int cli_read_systems(kr_context *ctx, int npaths, char *const *paths, const char *format, const cli_names *elements,
                     kr_dataset **dataset);
long cli_count_frames(const kr_dataset *dataset);
/* Element name of a type of a system: its own, else of `names`, else "type 1" … in the given room. */
const char *cli_type_name(const kr_system *system, const cli_names *names, int type, char room[32]);
int cli_is_periodic(const kr_system *system);
/* Volume of a frame's cell, Å³; 0 for open systems. */
double cli_volume(const double box[9]);

/* ---- models ---- */

/* Options that every command with models has. */
typedef struct cli_model_settings {
    cli_names model;
    int precision, sel_rule, float32_cutoff, isa, threads;
    const char *table, *format;
    cli_names type_map;
    cli_reals fparam, aparam;
} cli_model_settings;

/* clang-format off */
#define CLI_MODEL_OPTION(settings, field, value) \
    {"model", 'm', CLI_NAMES, offsetof(settings, field.model), value, "model files: .dp, .yaml or .pb"}

#define CLI_EVALUATION_OPTIONS(settings, field) \
    {"format", 0, CLI_TEXT, offsetof(settings, field.format), "FORMAT", \
     "of the input: npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"}, \
    {"type-map", 0, CLI_NAMES, offsetof(settings, field.type_map), "El,...", \
     "elements of the numeric types of the input: type 1 (LAMMPS) or 0 (deepmd) is the first"}, \
    {"fparam", 0, CLI_REALS, offsetof(settings, field.fparam), "X,...", \
     "frame parameters, when the input has none of its own"}, \
    {"aparam", 0, CLI_REALS, offsetof(settings, field.aparam), "X,...", \
     "atom parameters, the same for every atom, when the input has none of its own"}, \
    {"precision", 0, CLI_CHOICE, offsetof(settings, field.precision), "double|mixed", \
     "mixed: the network in single precision; default double"}, \
    {"table", 0, CLI_TEXT, offsetof(settings, field.table), "off|deepmd|TOL", \
     "off (default): the exact network; a number: splines of that force tolerance in eV/A, several times " \
     "faster; deepmd: DeePMD-kit's own tables"}, \
    {"sel-rule", 0, CLI_CHOICE, offsetof(settings, field.sel_rule), "type|total", \
     "which neighbours stay when there are more than sel: the nearest of each type (default, as TensorFlow and " \
     "LAMMPS) or the nearest of all first (as PyTorch)"}, \
    {"float32-cutoff", 0, CLI_FLAG, offsetof(settings, field.float32_cutoff), NULL, \
     "round rcut and rcut_smth to single precision, as DeePMD-kit's TensorFlow operators do"}, \
    {"isa", 0, CLI_CHOICE, offsetof(settings, field.isa), "best|baseline|avx2|avx512|amx", \
     "instruction set; default best: what this processor has"}, \
    {"threads", 0, CLI_COUNT, offsetof(settings, field.threads), "N", \
     "number of threads; default all; the results are the same for any number"}
/* clang-format on */

/* Models ready to evaluate frames. */
typedef struct cli_predictor {
    kr_context *ctx;
    kr_model **models; /* [nmodels] */
    kr_potential *potential;
    kr_workspace *workspace;
    const kr_model *model; /* the first */
    int nmodels;
    kr_potential_options options;
    const cli_model_settings *settings;
    int *map, *type; /* [types of the current system], [natoms] */
    double *aparam;  /* [natoms][dim_aparam] from the command line, or NULL */
    int natoms_room;
    const kr_system *system; /* the current one */
} cli_predictor;

/* Reads the models. CLI_DONE, CLI_FAILED or CLI_USAGE after a message. */
int cli_predictor_open(cli_predictor *predictor, const cli_command *command, const cli_model_settings *settings);
/* Makes the models ready for the elements of these structures; before the first system. */
int cli_predictor_prepare(cli_predictor *predictor, const kr_dataset *input);
/* Checks elements and parameters of a system; called before its frames are evaluated. */
int cli_predictor_system(cli_predictor *predictor, const kr_system *system);
int cli_predictor_frame(cli_predictor *predictor, int frame, const kr_result *result);
/* Model types of the last frame evaluated, [natoms]; −1 = virtual atom. */
const int *cli_predictor_types(const cli_predictor *predictor);
/* Says how often sel overflowed, if it did. */
void cli_predictor_report_overflow(const cli_predictor *predictor);
void cli_predictor_close(cli_predictor *predictor);

#endif
