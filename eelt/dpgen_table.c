/* Keys of DP-GEN's param.json with one place in eelt.json, or with none.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/dpgen.h"

/* Keys whose value goes to one place, times a factor. */
const kr_dpgen_place kr_dpgen_places[] = {
    {"numb_models", "model", "ensemble", 1, NULL},
    {"model_devi_skip", "examine", "skip_steps", 1, NULL},
    {"fp_task_max", "select", "per_system", 1, NULL},
    {"fp_task_min", "select", "least", 1, "counts all systems together, not each of them"},
    {"fp_accurate_soft_threshold", "select", "accurate_soft", 1, NULL},
    {"fp_accurate_threshold", "select", "accurate_hard", 1, NULL},
    {0}};

/* examine.trust */
const kr_dpgen_place kr_dpgen_levels[] = {{"model_devi_f_trust_lo", "trust", "f_lo_eV_per_A", 1, NULL},
                                          {"model_devi_f_trust_hi", "trust", "f_hi_eV_per_A", 1, NULL},
                                          {"model_devi_v_trust_lo", "trust", "v_lo_eV", 1, NULL},
                                          {"model_devi_v_trust_hi", "trust", "v_hi_eV", 1, NULL},
                                          {0}};

/* What has no place and why; refused when leaving it out would change the campaign. */
const kr_dpgen_other kr_dpgen_others[] = {
    {"mass_map", "differs", "standard atomic weights are used; explore.options of LAMMPS can set others"},
    {"init_data_prefix", "mapped", "with init_data_sys"},
    {"sys_configs_prefix", "mapped", "with sys_configs"},
    {"init_batch_size", "ignored", "model.training.training.training_data.batch_size holds for all"},
    {"sys_batch_size", "ignored", "model.training.training.training_data.batch_size holds for all"},
    {"sys_format", "ignored", "structure files are recognised"},
    {"model_devi_dt", "mapped", "explore.stages[].dt_fs"},
    {"model_devi_clean_traj", "ignored", "trajectories are not kept"},
    {"model_devi_nopbc", "ignored", "boundaries are those of the structures"},
    {"model_devi_plumed", "refused", "biased exploration"},
    {"shuffle_poscar", "ignored", "atoms are not shuffled"},
    {"training_iter0_model_path", "refused", "the first models are trained here"},
    {"training_init_model", "mapped", "model.warm_start: later models always begin with those before"},
    {"training_reuse_iter", "mapped", "model.warm_start begins in iteration 1"},
    {"training_reuse_old_ratio", "differs", "model.warm_start.new_weight, default 10"},
    {"training_reuse_start_lr", "differs", "model.warm_start.start_rate is relative, default 0.1"},
    {"training_reuse_numb_steps", "differs", "model.warm_start.steps is relative, default 0.5"},
    {"training_reuse_start_pref_e", "ignored", "prefactors stay those of the input"},
    {"training_reuse_start_pref_f", "ignored", "prefactors stay those of the input"},
    {"dp_compress", "ignored", "models are made fast when they are loaded"},
    {"fp_pp_path", "mapped", "with fp_style"},
    {"fp_pp_files", "mapped", "with fp_style"},
    {"fp_incar", "mapped", "with fp_style"},
    {"user_fp_params", "mapped", "with fp_style"},
    {"fp_params", "mapped", "with fp_style"},
    {"external_input_path", "mapped", "with fp_style"},
    {"fp_skip_bad_box", "differs", "select.distance and the checks of geometry"},
    {"fp_aniso_kspacing", "ignored", "label.kspacing_per_A"},
    {"fp_cluster_vacuum", "refused", "clusters cut out of the cell"},
    {"use_clusters", "refused", "clusters cut out of the cell"},
    {"ratio_failed", "differs", "jobs.label.failure_limit: more than half of one class of failure stops the campaign"},
    {"model_devi_engine", "mapped", "explore.engine"},
    {"use_relative", "refused", "relative deviations"},
    {"use_relative_v", "refused", "relative deviations"},
    {"use_ele_temp", "refused", "electronic temperatures"},
    {"model_devi_adapt_trust_lo", "mapped", "examine.levels"},
    {"model_devi_numb_candi_f", "differs", "examine.levels dpgen takes 10"},
    {"model_devi_numb_candi_v", "differs", "examine.levels dpgen takes 0"},
    {"model_devi_perc_candi_f", "differs", "examine.levels dpgen takes 0 %"},
    {"model_devi_perc_candi_v", "differs", "examine.levels dpgen takes 0 %"},
    {0}};
