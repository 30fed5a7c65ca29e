/* model_devi_jobs of DP-GEN's param.json → explore.stages.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/dpgen.h"
#include <stdio.h>
#include <string.h>

/* Names of the systems of a job. */
static kr_status job_systems(kr_context *ctx, const kr_tree *index, kr_tree *stage) {
    kr_status status = KR_OK;
    kr_tree *list, *item = NULL;
    char name[32];
    if (!index) return KR_OK;
    KR_TRY(kr_dpgen_section(ctx, stage, "systems", KR_TREE_LIST, &list));
    for (int i = 0; i < index->count; i++) {
        snprintf(name, sizeof name, "sys%03d", (int)index->child[i]->integer);
        KR_TRY(kr_tree_new_string(ctx, name, &item));
        KR_TRY(kr_tree_append(ctx, list, &item));
    }
done:
    return status;
}

static kr_status scaled_list(kr_context *ctx, const kr_tree *value, double factor, kr_tree *map, const char *key) {
    kr_status status = KR_OK;
    kr_tree *list, *item = NULL;
    KR_TRY(kr_dpgen_section(ctx, map, key, KR_TREE_LIST, &list));
    for (int i = 0; i < value->count; i++) {
        KR_TRY(kr_tree_new_real(ctx, value->child[i]->real * factor, &item));
        KR_TRY(kr_tree_append(ctx, list, &item));
    }
done:
    return status;
}

/* The words for ensembles, of all versions. */
static const char *ensemble_of(const char *word) {
    if (!strcmp(word, "npt-a") || !strcmp(word, "npt-aniso")) return "npt-aniso";
    if (!strcmp(word, "npt-t") || !strcmp(word, "npt-tri")) return "npt-tri";
    return !strncmp(word, "npt", 3) ? "npt-iso" : word;
}

/* Keys of a job without a counterpart; the others are in job_key. */
static void job_other(kr_dpgen *d, const char *key, const char *where, const kr_tree *value) {
    static const kr_dpgen_other others[] = {
        {"dt", "ignored", "there it is read and then overwritten by model_devi_dt; so it is here"},
        {"neidelay", "ignored", "neighbour lists are renewed when an atom has moved far enough"},
        {"s_t", "ignored", "no program reads it"},
        {"template", "refused", "a LAMMPS template of your own goes into explore.options.template"},
        {"rev_mat", "refused", "a LAMMPS template of your own goes into explore.options.template"},
        {"sys_rev_mat", "refused", "a LAMMPS template of your own goes into explore.options.template"},
        {"model_devi_f_trust_lo", "differs", "examine.trust holds for all stages"},
        {"model_devi_f_trust_hi", "differs", "examine.trust holds for all stages"},
        {"model_devi_v_trust_lo", "differs", "examine.trust holds for all stages"},
        {"model_devi_v_trust_hi", "differs", "examine.trust holds for all stages"},
        {"nbeads", "refused", "path integrals"},
        {0}};
    char place[48];
    if (key[0] == '_') return;
    if (!strcmp(key, "taut") || !strcmp(key, "taup")) {
        kr_dpgen_say(d, "differs", where, "explore.options.tau_%c_ps holds for all stages", key[3]);
        return;
    }
    for (const kr_dpgen_other *p = others; p->key; p++)
        if (!strcmp(p->key, key)) {
            kr_dpgen_say(d, p->list, where, "%s", p->text);
            return;
        }
    kr_dpgen_say(d, "refused", where, "is not known%s", kr_tree_place(value, place));
}

/* Ts, Ps, ens, t_freq: names of early versions. */
static kr_status job_key(kr_context *ctx, kr_dpgen *d, const char *key, const kr_tree *value, kr_tree *stage) {
    static const struct {
        const char *key;
        char kind;
    } keys[] = {{"sys_idx", 'N'},  {"temps", 'N'},  {"Ts", 'N'},     {"press", 'N'},    {"Ps", 'N'},
                {"trj_freq", 'n'}, {"t_freq", 'n'}, {"nsteps", 'n'}, {"ensemble", 's'}, {"ens", 's'}};
    enum { SYSTEMS, TEMPERATURES, TS, PRESSURES, PS, FREQUENCY, T_FREQ, STEPS, ENSEMBLE, ENS, KEYS };
    char where[64];
    int k = 0, right;
    snprintf(where, sizeof where, "model_devi_jobs[].%.30s", key);
    while (k < KEYS && strcmp(keys[k].key, key)) k++;
    if (k == KEYS) {
        job_other(d, key, where, value);
        return KR_OK;
    }
    kr_dpgen_kind(d, where, value, keys[k].kind, &right);
    if (!right) return KR_OK;
    switch (k) {
    case SYSTEMS:
        return job_systems(ctx, value, stage);
    case TEMPERATURES:
    case TS:
        return scaled_list(ctx, value, 1, stage, "T_K");
    case PRESSURES:
    case PS:
        return scaled_list(ctx, value, 1e-4, stage, "P_GPa");
    case STEPS:
        return kr_dpgen_put_real(ctx, stage, "steps", value->real);
    case ENSEMBLE:
    case ENS:
        return kr_dpgen_put_text(ctx, stage, "ensemble", ensemble_of(value->string));
    default:
        return kr_dpgen_put_real(ctx, stage, "sample_every", value->real);
    }
}

kr_status kr_dpgen_jobs(kr_context *ctx, kr_dpgen *d, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *explore, *stages, *stage = NULL;
    const kr_tree *dt = kr_tree_get(d->param, "model_devi_dt");
    KR_TRY(kr_dpgen_section(ctx, d->out, "explore", KR_TREE_MAP, &explore));
    KR_TRY(kr_dpgen_put_text(ctx, explore, "engine", "lammps"));
    KR_TRY(kr_dpgen_put_text(ctx, explore, "schedule", "fixed"));
    KR_TRY(kr_dpgen_put_real(ctx, explore, "first_ps", 1e9)); /* no short first runs there */
    KR_TRY(kr_dpgen_section(ctx, explore, "stages", KR_TREE_LIST, &stages));
    for (int i = 0; i < value->count; i++) {
        const kr_tree *job = value->child[i];
        int right;
        kr_dpgen_kind(d, "model_devi_jobs[]", job, 'm', &right);
        if (!right) continue;
        KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &stage));
        for (int k = 0; k < job->count; k++) KR_TRY(job_key(ctx, d, job->key[k], job->child[k], stage));
        if (dt) KR_TRY(kr_dpgen_put_real(ctx, stage, "dt_fs", dt->real * 1000));
        KR_TRY(kr_tree_append(ctx, stages, &stage));
    }
    kr_tree *campaign;
    KR_TRY(kr_dpgen_section(ctx, d->out, "campaign", KR_TREE_MAP, &campaign));
    KR_TRY(kr_dpgen_put_real(ctx, campaign, "max_iterations", value->count));
    kr_dpgen_say(d, "mapped", "model_devi_jobs", "explore.stages, %d of them, one iteration each", value->count);
done:
    kr_tree_destroy(&stage);
    return status;
}
