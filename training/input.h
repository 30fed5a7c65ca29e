/* The training input, input.json of DeePMD-kit: read strictly, completed with its defaults.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys, aliases and defaults are those of DeePMD-kit 3.2 (its argcheck); keys that begin with '_' are comments. What is
 * known there but not done here is refused by name. Keys of our own are in the section "kramers". */
#ifndef KR_TRAINING_INPUT_H
#define KR_TRAINING_INPUT_H

#include "core/parameters.h"
#include "training/loss.h"

/* "model.descriptor" */
typedef struct kr_input_descriptor {
    int type;               /* kr_input_descriptor_type */
    const char *type_name;  /* in model files: se_e2_a, se_r, dpa1, se_atten_v2 */
    const kr_tree *sel;     /* list, integer, "auto" or "auto:factor" */
    double rcut, rcut_smth; /* Å */
    const kr_tree *neuron;
    int axis_neuron, resnet_dt, type_one_side, trainable, set_davg_zero;
    const char *activation, *precision;
    int64_t seed; /* KR_PARAMETER_NULL: that of the training */
    const kr_tree *exclude_types;
    double env_protection; /* Å */
    /* se_atten, se_atten_v2 */
    int attn, attn_layer, attn_dotr, attn_mask, smooth_type_embedding, strip, tebd_dim, use_econf_tebd, use_tebd_bias;
    int normalize, concat_output_tebd, trainable_ln, stripped_type_embedding, lmax;
    double scaling_factor, temperature, ln_eps; /* the last two NaN: absent */
} kr_input_descriptor;
enum { KR_INPUT_SE_E2_A, KR_INPUT_SE_E2_R, KR_INPUT_SE_ATTEN, KR_INPUT_SE_ATTEN_V2 };

/* "model.fitting_net" */
typedef struct kr_input_fitting {
    int numb_fparam, numb_aparam, resnet_dt, use_aparam_as_mask;
    const kr_tree *neuron, *trainable, *atom_ener, *default_fparam;
    const char *activation, *precision;
    double rcond; /* NaN: absent */
    int64_t seed;
} kr_input_fitting;

typedef struct kr_input_model {
    const kr_tree *type_map, *pair_exclude_types, *atom_exclude_types, *preset_out_bias;
    int data_stat_nbatch, data_bias_nsample;
    double data_stat_protect;
    const kr_tree *descriptor_map, *fitting_map, *type_embedding; /* raw sections */
    kr_input_descriptor descriptor;
    kr_input_fitting fitting;
} kr_input_model;

typedef struct kr_input_rate {
    int type, smooth; /* type: kr_input_rate_type */
    double start_lr, stop_lr, stop_lr_ratio, decay_rate, warmup_ratio, warmup_start_factor;
    double decay_phase_ratio;
    int64_t decay_steps, warmup_steps;
    int decay_type; /* of wsd: inverse_linear, cosine, linear */
} kr_input_rate;
enum { KR_RATE_EXP, KR_RATE_COSINE, KR_RATE_WSD };

/* "training.training_data", "training.validation_data" */
typedef struct kr_input_data {
    int present;
    const kr_tree *systems, *rglob_patterns, *batch_size, *sys_probs;
    const char *auto_prob;
    double min_pair_dist; /* Å; frames below it are left out; 0 = off */
    int numb_btch;
} kr_input_data;

typedef struct kr_input_training {
    const kr_tree *training_data_map, *validation_data_map;
    kr_input_data data, validation;
    int64_t numb_steps; /* KR_PARAMETER_NULL: by epochs */
    double numb_epoch;  /* NaN: by steps */
    int64_t seed;
    const char *disp_file, *save_ckpt, *save_dir, *stat_file;
    int64_t disp_freq, save_freq;
    int max_ckpt_keep, enable_ema, change_bias_after_training, disp_training, disp_avg;
    double ema_decay, gradient_max_norm; /* the latter NaN: absent */
} kr_input_training;

/* "kramers": what DeePMD-kit has no key for. */
typedef struct kr_input_own {
    int engine;              /* 0 auto, 1 moment, 2 exact */
    int precision;           /* 0 auto (as the model's), 1 double, 2 single */
    double spline_tolerance; /* of the moment form */
    int spline_knots, spline_check_freq;
    double embedding_sharpness; /* of first parameters: factor of the weights of s(r) in embedding nets */
    double degree_gain;         /* of first parameters: mean of the gains of angular degrees above 1 */
    int separate_degrees;       /* lmax: every column of the second factor knows one degree */
    int order;                  /* 0 shuffled epochs, 1 random with replacement, 2 as given */
    double min_distance;        /* Å; frames with closer atoms are refused */
    int64_t patience;           /* validations without improvement before the run stops; 0 = never */
    int64_t valid_freq;         /* steps between validations on the whole validation data; 0 = disp_freq */
    double average_tail;        /* part of the steps at the end whose weights are averaged; 0 = none */
    double memory_gb;           /* warn above */
} kr_input_own;

typedef struct kr_input {
    kr_tree *complete; /* the completed input; owns strings and lists of all sections */
    kr_input_model model;
    kr_input_rate rate;
    kr_loss_options loss;
    kr_input_training training;
    kr_input_own own;
    const char *optimizer;            /* name of the kind */
    const kr_tree *optimizer_options; /* its keys without "type" */
    kr_tree *optimizer_map;           /* owned: the former */
} kr_input;

/* `where` names the text in messages ("input.json"). */
kr_status kr_input_from_tree(kr_context *ctx, const kr_tree *tree, const char *where, kr_input **input);
kr_status kr_input_read(kr_context *ctx, const char *path, kr_input **input);
void kr_input_destroy(kr_input **input);
/* The reference of all keys, section by section, one line each. */
void kr_input_describe(void (*line)(const char *text, void *payload), void *payload);

/* Tables, input_table.c. */
extern const kr_parameter kr_input_top[], kr_input_model_table[], kr_input_fitting_table[], kr_input_exp[],
    kr_input_cosine[], kr_input_wsd[], kr_input_loss[], kr_input_training_table[], kr_input_training_data[],
    kr_input_validation_data[], kr_input_own_table[], kr_input_type_embedding[];
/* By kr_input_descriptor_type. */
extern const kr_parameter *const kr_input_descriptors[4];
/* What the loss table stores; → kr_loss_options. */
typedef struct kr_input_loss_values {
    double start[KR_LOSS_TERMS], limit[KR_LOSS_TERMS], relative_f;
    int huber, loss_func, f_use_norm, intensive, use_default_pf;
    const kr_tree *huber_delta;
} kr_input_loss_values;

#endif
