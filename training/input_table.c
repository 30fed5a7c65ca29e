/* The keys of input.json with DeePMD-kit's defaults (3.2, its argcheck), section by section.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows with a refusal are known for the sake of inputs that name them with their default value. */
#include "training/input.h"

#define FLAG(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_FLAG, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define INT(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_INT, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define LONG(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_LONG, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define REAL(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_REAL, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define TEXT(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_TEXT, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define CHOICE(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_CHOICE, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define INTS(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_INTS, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define REALS(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_REALS, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define TEXTS(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_TEXTS, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
#define TREE(S, key, field, init, ...) \
    { .name = key, .type = KR_PARAMETER_TREE, .offset = offsetof(S, field), .initial = init, __VA_ARGS__ }
/* Checked for its kind by nobody: refused, or warned about, unless it has the default value. */
#define NONE(key, init, why) \
    { .name = key, .type = KR_PARAMETER_TREE, .offset = KR_PARAMETER_UNUSED, .initial = init, .refusal = why }
#define KEPT(key, init, text) \
    { .name = key, .type = KR_PARAMETER_TREE, .offset = KR_PARAMETER_UNUSED, .initial = init, .help = text }

#define T struct top
struct top {
    const kr_tree *model;
};
const kr_parameter kr_input_top[] = {
    KEPT("model", NULL, "the model, see below"),
    KEPT("learning_rate", "{\"start_lr\": 0.001}", "learning rate, see below"),
    KEPT("loss", "{}", "loss, see below"),
    KEPT("training", NULL, "data, steps, files, see below"),
    KEPT("optimizer", "{\"type\": \"Adam\"}", "optimizer: type and its own keys"),
    NONE("validating", "{}", "~there is no separate validation of checkpoints, see kramers.patience"),
    NONE("nvnmd", "", "NVNMD models are not supported"),
    KEPT("kramers", "{}", "keys that DeePMD-kit does not have, see below"),
    {0}};
#undef T

#define T kr_input_model
const kr_parameter kr_input_model_table[] = {
    TEXTS(T, "type_map", type_map, NULL, .help = "element names, in the order of types"),
    TREE(T, "descriptor", descriptor_map, NULL, .help = "descriptor, see below"),
    TREE(T, "fitting_net", fitting_map, "{}", .help = "fitting net, see below"),
    TREE(T, "type_embedding", type_embedding, "", .help = "size of the type embedding of se_atten (or its tebd_dim)"),
    INT(T, "data_stat_nbatch", data_stat_nbatch, "10", .range = ">= 1",
        .help = "batches of each system for statistics"),
    REAL(T, "data_stat_protect", data_stat_protect, "0.01", .range = "> 0", .help = "floor of standard deviations"),
    INT(T, "data_bias_nsample", data_bias_nsample, "10", .range = ">= 1",
        .help = "batches of each system for a change of bias"),
    TREE(T, "pair_exclude_types", pair_exclude_types, "[]", .help = "pairs of types that do not interact"),
    INTS(T, "atom_exclude_types", atom_exclude_types, "[]", .range = ">= 0",
         .help = "types without energy of their own"),
    TREE(T, "preset_out_bias", preset_out_bias, "null",
         .help = "{\"energy\": [null, -3.1]}: biases that are known, eV"),
    NONE("srtab_add_bias", "true", "short-range tables are not supported"),
    NONE("use_srtab", "", "short-range tables are not supported"),
    NONE("smin_alpha", "", "short-range tables are not supported"),
    NONE("sw_rmin", "", "short-range tables are not supported"),
    NONE("sw_rmax", "", "short-range tables are not supported"),
    NONE("spin", "", "spin models are not supported"),
    NONE("modifier", "", "dipole-charge modifiers are not supported"),
    NONE("compress", "", "models are not compressed while they are trained; tables are made when a model is loaded"),
    NONE("shared_dict", "", "multi-task training is not supported"),
    NONE("model_dict", "", "multi-task training is not supported"),
    NONE("type", "\"standard\"",
         "only standard energy models are trained (no linear, frozen, pair table or spin models)"),
    NONE("model_branch_alias", "[]", "multi-task training is not supported"),
    KEPT("info", "{}", "notes of the user"),
    NONE("bridging_method", "\"None\"", "short-range bridging is not supported"),
    KEPT("bridging_r_inner", "0.5", "without effect"),
    KEPT("bridging_r_outer", "0.8", "without effect"),
    NONE("hessian_mode", "", "Hessians are not trained"),
    NONE("finetune_head", "", "multi-task training is not supported"),
    {0}};
#undef T

#define T kr_input_descriptor
#define SE_HEAD(types)                                                                                             \
    CHOICE(T, "type", type, NULL, .allowed = types, .help = "kind"),                                               \
        TREE(T, "sel", sel, "\"auto\"",                                                                            \
             .help = "most neighbours: one number per type (se_atten: one number), \"auto\" or \"auto:factor\" = " \
                     "counted in the data"),                                                                       \
        REAL(T, "rcut", rcut, "6.0", .unit = "A", .range = "> 0", .help = "cutoff"),                               \
        REAL(T, "rcut_smth", rcut_smth, "0.5", .unit = "A", .range = ">= 0", .help = "where smoothing begins"),    \
        INTS(T, "neuron", neuron, "[10, 20, 40]", .range = "[1, 65536]", .help = "widths of the embedding net")
#define SE_TAIL(davg_zero)                                                                                        \
    TEXT(T, "activation_function", activation, "\"tanh\"", .help = "of the embedding net"),                       \
        FLAG(T, "resnet_dt", resnet_dt, "false", .help = "time steps in the embedding net"),                      \
        FLAG(T, "type_one_side", type_one_side, "false",                                                          \
             .help = "one net per neighbour type instead of one per pair"),                                       \
        TEXT(T, "precision", precision, "\"default\"", .help = "default = float64, or float32"),                  \
        FLAG(T, "trainable", trainable, "true", .help = "false: the descriptor keeps its parameters"),            \
        LONG(T, "seed", seed, "", .help = "of its first parameters"),                                             \
        TREE(T, "exclude_types", exclude_types, "[]", .help = "pairs of types that the descriptor does not see"), \
        REAL(T, "env_protection", env_protection, "0.0", .unit = "A", .range = ">= 0",                            \
             .help = "added to distances in 1/r"),                                                                \
        FLAG(T, "set_davg_zero", set_davg_zero, davg_zero, .help = "no shift of the environment matrix")
#define SE_AXIS                                                                          \
    INT(T, "axis_neuron", axis_neuron, "4", .aliases = "n_axis_neuron", .range = ">= 1", \
        .help = "width of the second factor")
#define SE_ATTEN                                                                                                 \
    SE_AXIS, INT(T, "attn", attn, "128", .range = ">= 1", .help = "width of attention"),                         \
        INT(T, "attn_layer", attn_layer, "2", .range = "[0, 64]", .help = "attention layers"),                   \
        FLAG(T, "attn_dotr", attn_dotr, "true", .help = "attention times cosine of the angle"),                  \
        FLAG(T, "attn_mask", attn_mask, "false", .help = "without effect (as in DeePMD-kit)"),                   \
        FLAG(T, "trainable_ln", trainable_ln, "true", .help = "layer norms are trained"),                        \
        REAL(T, "ln_eps", ln_eps, "null", .range = "> 0",                                                        \
             .help = "floor of the variance in layer norms; null = 1e-5"),                                       \
        INT(T, "tebd_dim", tebd_dim, "8", .range = ">= 1", .help = "length of type vectors"),                    \
        FLAG(T, "use_econf_tebd", use_econf_tebd, "false", .help = "type vectors from electron configurations"), \
        FLAG(T, "use_tebd_bias", use_tebd_bias, "false", .help = "bias in the type embedding"),                  \
        REAL(T, "scaling_factor", scaling_factor, "1.0", .range = "> 0", .help = "of attention scores"),         \
        FLAG(T, "normalize", normalize, "true", .help = "q, k, v of length one"),                                \
        REAL(T, "temperature", temperature, "", .range = "> 0",                                                  \
             .help = "factor of attention scores instead of 1/sqrt(d)"),                                         \
        FLAG(T, "concat_output_tebd", concat_output_tebd, "true", .help = "type vector of the centre at the end of D")
static const kr_parameter se_e2_a[] = {SE_HEAD("se_e2_a=se_a"), SE_AXIS, SE_TAIL("false"), {0}};
static const kr_parameter se_e2_r[] = {SE_HEAD("se_e2_r=se_r"), SE_TAIL("false"), {0}};
static const kr_parameter se_atten[] = {
    SE_HEAD("se_atten=dpa1"),
    SE_ATTEN,
    TREE(T, "stripped_type_embedding", stripped_type_embedding, "null", .help = "old name of tebd_input_mode: strip",
         .refusal = "tebd_input_mode: \"strip\" is today's spelling of it"),
    FLAG(T, "smooth_type_embedding", smooth_type_embedding, "false", .aliases = "smooth_type_embdding",
         .help = "attention and type factors go to zero at rcut"),
    CHOICE(T, "tebd_input_mode", strip, "\"concat\"", .allowed = "concat|strip",
           .help = "how types enter the embedding net"),
    INT(T, "lmax", lmax, "1", .range = "[1, 4]", .help = "degree of the angular moments (DeePMD-kit: PyTorch alone)"),
    SE_TAIL("true"),
    {0}};
static const kr_parameter se_atten_v2[] = {SE_HEAD("se_atten_v2"), SE_ATTEN, SE_TAIL("false"), {0}};
#undef T
const kr_parameter *const kr_input_descriptors[4] = {se_e2_a, se_e2_r, se_atten, se_atten_v2};

#define T kr_input_fitting
const kr_parameter kr_input_fitting_table[] = {
    NONE("type", "\"ener\"",
         "only energies are fitted (no dipoles, polarizabilities, densities of states, properties)"),
    INT(T, "numb_fparam", numb_fparam, "0", .range = "[0, 4096]", .help = "frame parameters"),
    INT(T, "numb_aparam", numb_aparam, "0", .range = "[0, 4096]", .help = "atom parameters"),
    TREE(T, "default_fparam", default_fparam, "null", .help = "frame parameters of frames without their own"),
    NONE("dim_case_embd", "0", "case embeddings belong to multi-task training, which is not supported"),
    INTS(T, "neuron", neuron, "[120, 120, 120]", .aliases = "n_neuron", .range = "[1, 65536]", .help = "widths"),
    TEXT(T, "activation_function", activation, "\"tanh\"", .help = "of the hidden layers"),
    TEXT(T, "precision", precision, "\"default\"", .help = "default = float64, or float32"),
    FLAG(T, "resnet_dt", resnet_dt, "true", .help = "time steps"),
    TREE(T, "trainable", trainable, "true", .help = "false, or one flag per layer"),
    REAL(T, "rcond", rcond, "null", .range = "> 0", .help = "cut of small singular values in the energy bias"),
    LONG(T, "seed", seed, "", .help = "of its first parameters"),
    TREE(T, "atom_ener", atom_ener, "[]", .unit = "eV", .help = "energies of isolated atoms, null where unknown"),
    NONE("layer_name", "", "shared layers are not supported"),
    FLAG(T, "use_aparam_as_mask", use_aparam_as_mask, "false", .help = "atom parameters are a mask only",
         .refusal = "masks are not trained"),
    {0}};
#undef T

struct embedding {
    const kr_tree *neuron;
};
#define T struct embedding
const kr_parameter kr_input_type_embedding[] = {
    INTS(T, "neuron", neuron, "[8]", .range = ">= 1", .help = "one number: the length of type vectors"),
    KEPT("activation_function", "\"tanh\"", "without effect"),
    NONE("resnet_dt", "false", "the type embedding has no time steps"),
    KEPT("precision", "\"default\"", "as the descriptor"),
    NONE("trainable", "true", "the type embedding is trained with the descriptor"),
    KEPT("seed", "null", "as the descriptor"),
    NONE("use_econf_tebd", "false", "use_econf_tebd stands in the descriptor"),
    NONE("use_tebd_bias", "false", "use_tebd_bias stands in the descriptor"),
    {0}};
#undef T

#define T kr_input_rate
#define RATE_HEAD(types)                                                                                             \
    CHOICE(T, "type", type, "\"exp\"", .allowed = types, .help = "shape"),                                           \
        REAL(T, "start_lr", start_lr, NULL, .range = "> 0", .help = "rate after the warm-up"),                       \
        REAL(T, "stop_lr", stop_lr, "", .range = ">= 0",                                                             \
             .help = "rate at the end; 5e-8 when neither it nor stop_lr_ratio is given"),                            \
        REAL(T, "stop_lr_ratio", stop_lr_ratio, "null", .range = "> 0", .help = "stop_lr / start_lr"),               \
        LONG(T, "warmup_steps", warmup_steps, "0", .range = ">= 0", .help = "steps of linear rise"),                 \
        REAL(T, "warmup_ratio", warmup_ratio, "null", .range = "[0, 1)", .help = "the same as a part of all steps"), \
        REAL(T, "warmup_start_factor", warmup_start_factor, "0.0", .range = "[0, 1]",                                \
             .help = "of start_lr at step 0"),                                                                       \
        KEPT("scale_by_worker", "\"linear\"", "without effect: the batch is that of all MPI processes together")
const kr_parameter kr_input_exp[] = {
    RATE_HEAD("exp"),
    LONG(T, "decay_steps", decay_steps, "5000", .range = ">= 1", .help = "steps between two reductions"),
    REAL(T, "decay_rate", decay_rate, "null", .range = "> 0",
         .help = "factor of a reduction; null = from start_lr to stop_lr"),
    FLAG(T, "smooth", smooth, "false", .help = "reduce at every step"),
    {0}};
const kr_parameter kr_input_cosine[] = {RATE_HEAD("cosine"), {0}};
const kr_parameter kr_input_wsd[] = {RATE_HEAD("wsd"),
                                     REAL(T, "decay_phase_ratio", decay_phase_ratio, "0.1", .range = "(0, 1]",
                                          .help = "part of the steps in which the rate falls"),
                                     CHOICE(T, "decay_type", decay_type, "\"inverse_linear\"",
                                            .allowed = "inverse_linear|cosine|linear", .help = "how it falls"),
                                     {0}};
#undef T

#define T kr_input_loss_values
#define PREFACTOR(x, term, first, last, what)                                                                        \
    REAL(T, "start_pref_" x, start[term], first, .range = ">= 0", .help = "prefactor of " what " at the beginning"), \
        REAL(T, "limit_pref_" x, limit[term], last, .range = ">= 0", .help = "the same when the rate is zero")
const kr_parameter kr_input_loss[] = {
    {.name = "type",
     .type = KR_PARAMETER_CHOICE,
     .offset = KR_PARAMETER_UNUSED,
     .initial = "\"ener\"",
     .allowed = "ener",
     .help = "kind"},
    PREFACTOR("e", KR_LOSS_E, "0.02", "1.0", "energies"),
    PREFACTOR("f", KR_LOSS_F, "1000", "1.0", "forces"),
    PREFACTOR("v", KR_LOSS_V, "0.0", "0.0", "virials"),
    NONE("start_pref_h", "0.0", "Hessians are not trained"),
    NONE("limit_pref_h", "0.0", "Hessians are not trained"),
    PREFACTOR("ae", KR_LOSS_AE, "0.0", "0.0", "atomic energies"),
    PREFACTOR("pf", KR_LOSS_PF, "0.0", "0.0", "forces weighted by atom_pref"),
    FLAG(T, "use_default_pf", use_default_pf, "false", .help = "atom_pref is 1 where it is missing"),
    REAL(T, "relative_f", relative_f, "", .unit = "eV/A", .range = "> 0",
         .help = "divide force errors by |F| + relative_f"),
    NONE("enable_atom_ener_coeff", "false", "coefficients of atomic energies are not supported"),
    NONE("start_pref_gf", "0.0", "generalized forces are not trained"),
    NONE("limit_pref_gf", "0.0", "generalized forces are not trained"),
    NONE("numb_generalized_coord", "0", "generalized forces are not trained"),
    FLAG(T, "use_huber", huber, "false", .help = "Huber loss"),
    CHOICE(T, "loss_func", loss_func, "\"mse\"", .allowed = "mse|mae", .help = "squares or absolute values"),
    FLAG(T, "f_use_norm", f_use_norm, "false", .help = "norm of a force instead of its components"),
    TREE(T, "huber_delta", huber_delta, "0.01",
         .help = "where Huber's loss becomes linear: one number or three (e, f, v)"),
    FLAG(T, "intensive_ener_virial", intensive, "false", .help = "1/N^2 instead of 1/N for energies and virials"),
    {0}};
#undef T

#define T kr_input_data
#define DATA(text)                                                                                         \
    TREE(T, "systems", systems, "\".\"", .help = "folders, files, or one folder that is searched; " text), \
        TREE(T, "rglob_patterns", rglob_patterns, "null",                                                  \
             .help = "folders found in the search must match one of these"),                               \
        TREE(T, "batch_size", batch_size, "\"auto\"",                                                      \
             .help = "number, list (one per system), auto, auto:N, max:N, filter:N or mixed:N"),           \
        TEXT(T, "auto_prob", auto_prob, "\"prob_sys_size\"", .aliases = "auto_prob_style",                 \
             .help = "prob_uniform, prob_sys_size or prob_sys_size;a:b:w;..."),                            \
        REALS(T, "sys_probs", sys_probs, "null", .aliases = "sys_weights",                                 \
              .help = "probability of each system; negative = share the rest")
const kr_parameter kr_input_training_data[] = {DATA("npy, mixed, raw, hdf5, extended XYZ"),
                                               REAL(T, "min_pair_dist", min_pair_dist, "0.0", .unit = "A",
                                                    .range = ">= 0", .help = "frames with closer atoms are left out"),
                                               NONE("set_prefix", "", "~sets are called set.*"),
                                               {0}};
const kr_parameter kr_input_validation_data[] = {DATA("as for training"),
                                                 INT(T, "numb_btch", numb_btch, "1", .aliases = "numb_batch",
                                                     .range = ">= 1", .help = "batches for a row of lcurve.out"),
                                                 NONE("set_prefix", "", "~sets are called set.*"),
                                                 {0}};
#undef T

#define T kr_input_training
const kr_parameter kr_input_training_table[] = {
    TREE(T, "training_data", training_data_map, NULL, .help = "see below"),
    TREE(T, "validation_data", validation_data_map, "", .help = "see below"),
    TEXT(T, "stat_file", stat_file, "", .help = "never written: statistics are always computed"),
    KEPT("stat_file_mode", "\"update\"", "without effect"),
    NONE("mixed_precision", "", "kramers.precision chooses the precision of a run"),
    LONG(T, "numb_steps", numb_steps, "", .aliases = "stop_batch num_step num_steps numb_step", .range = ">= 1",
         .help = "number of steps"),
    REAL(T, "numb_epoch", numb_epoch, "", .aliases = "num_epochs num_epoch numb_epochs", .range = "> 0",
         .help = "number of passes through the data"),
    LONG(T, "seed", seed, "", .help = "of everything that is drawn; default 0"),
    TEXT(T, "disp_file", disp_file, "\"lcurve.out\"", .help = "learning curve"),
    LONG(T, "disp_freq", disp_freq, "1000", .range = ">= 1", .help = "steps between its rows"),
    LONG(T, "save_freq", save_freq, "1000", .range = ">= 1", .help = "steps between checkpoints"),
    TEXT(T, "save_dir", save_dir, "null", .help = "folder of checkpoints"),
    TEXT(T, "save_ckpt", save_ckpt, "\"model.ckpt\"", .help = "their name"),
    INT(T, "max_ckpt_keep", max_ckpt_keep, "5", .range = ">= 1", .help = "how many are kept"),
    NONE("ckpt_keep_ratio", "null", "max_ckpt_keep says how many checkpoints are kept"),
    FLAG(T, "enable_ema", enable_ema, "false", .help = "exponential average of the weights, as a model of its own"),
    REAL(T, "ema_decay", ema_decay, "0.999", .range = "(0, 1)", .help = "its factor per step"),
    NONE("ema_ckpt_keep", "null", "one averaged model is kept"),
    FLAG(T, "change_bias_after_training", change_bias_after_training, "false",
         .help = "fit the energy bias again at the end"),
    FLAG(T, "disp_training", disp_training, "true", .help = "write the learning curve"),
    KEPT("time_training", "true", "without effect: the time is always shown"),
    FLAG(T, "disp_avg", disp_avg, "false", .help = "rows of lcurve.out show the mean since the last row"),
    NONE("profiling", "false", "~there is no profiler"),
    KEPT("profiling_file", "\"timeline.json\"", "without effect"),
    NONE("enable_profiler", "false", "~there is no profiler"),
    NONE("tensorboard", "false", "~lcurve.out is the only record"),
    KEPT("tensorboard_log_dir", "\"log\"", "without effect"),
    KEPT("tensorboard_freq", "1", "without effect"),
    REAL(T, "gradient_max_norm", gradient_max_norm, "", .range = "> 0", .help = "gradients are cut to this norm"),
    NONE("acc_freq", "1", "gradients are not accumulated over steps: use a larger batch_size"),
    NONE("zero_stage", "0", "~memory is not distributed"),
    KEPT("neighbor_graph_method", "\"auto\"", "without effect"),
    NONE("enable_compile", "false", "~there is nothing to compile"),
    NONE("enable_tf32", "false", "~there is no TF32"),
    {0}};
#undef T

#define T kr_input_own
const kr_parameter kr_input_own_table[] = {
    CHOICE(T, "engine", engine, "\"auto\"", .allowed = "auto|moment|exact",
           .help = "moment: embedding nets at spline nodes only; exact: at every pair; auto: moment where it can"),
    CHOICE(T, "precision", precision, "\"auto\"", .allowed = "auto|double|single",
           .help = "of networks during training; auto: the model's"),
    REAL(T, "spline_tolerance", spline_tolerance, "1e-5", .range = "> 0",
         .help = "moment: largest relative error between spline nodes"),
    INT(T, "spline_knots", spline_knots, "0", .range = ">= 0", .help = "moment: nodes to begin with; 0 = chosen"),
    INT(T, "spline_check_freq", spline_check_freq, "500", .range = ">= 1",
        .help = "moment: steps between checks of the error"),
    REAL(T, "embedding_sharpness", embedding_sharpness, "1", .range = "> 0",
         .help = "factor of the first weights of s(r) in embedding nets; DeePMD-kit has 1"),
    REAL(T, "degree_gain", degree_gain, "0", .range = "[0, 100]",
         .help = "lmax: mean of the first gains of angular degrees, +- 0.1; DeePMD-kit has 0"),
    FLAG(T, "separate_degrees", separate_degrees, "false",
         .help =
             "lmax: column b of axis_neuron sums degree b mod (lmax + 1) alone; DeePMD-kit cannot read such models"),
    CHOICE(T, "order", order, "\"epoch\"", .allowed = "epoch|random|given",
           .help = "frames: every one once per epoch, shuffled; drawn with replacement; or as they stand"),
    REAL(T, "min_distance", min_distance, "0.4", .unit = "A", .range = ">= 0",
         .help = "frames with closer atoms are refused as broken"),
    LONG(T, "patience", patience, "0", .range = ">= 0",
         .help = "stop after so many validations without a better error; 0 = never"),
    LONG(T, "valid_freq", valid_freq, "0", .range = ">= 0",
         .help = "steps between validations on all validation data; 0 = disp_freq"),
    REAL(T, "average_tail", average_tail, "0", .range = "[0, 1]",
         .help = "the final model is the mean of the weights of this last part of the steps"),
    REAL(T, "memory_gb", memory_gb, "4", .unit = "GB", .range = "> 0", .help = "warn when prepared frames need more"),
    {0}};
#undef T
