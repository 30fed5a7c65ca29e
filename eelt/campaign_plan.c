/* The plan of a campaign: cells, the order in which they open, and what an iteration says about the next.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_range(char *text, size_t room, const kr_range *r, const char *unit) {
    if (r->value[0] == r->value[1])
        snprintf(text, room, "%g %s", r->value[0], unit);
    else
        snprintf(text, room, "%g-%g %s", r->value[0], r->value[1], unit);
}

static void name_cell(const kr_config *c, kr_cell *cell) {
    char T[40], P[40];
    put_range(T, sizeof T, &cell->T, "K");
    put_range(P, sizeof P, &cell->P, "GPa");
    snprintf(cell->name, sizeof cell->name, "%.40s %s", c->system[cell->system].name, T);
    if (c->stage[cell->stage].ensemble >= KR_ENSEMBLE_NPT_ISO)
        snprintf(cell->name + strlen(cell->name), sizeof cell->name - strlen(cell->name), " %s", P);
}

static int same_name(const kr_campaign *m, const kr_cell *cell) {
    for (int k = 0; k < m->ncells; k++)
        if (!strcmp(m->cell[k].name, cell->name)) return 1;
    return 0;
}

/* Cells in the order stage, temperature, pressure, system. A fixed schedule opens by iterations, see kr_plan_load. */
kr_status kr_plan_cells(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_config *c = &m->config;
    size_t room = 0;
    int opening = 0;
    for (int s = 0; s < c->nstages; s++) room += (size_t)c->stage[s].nT * (size_t)c->stage[s].nP * (size_t)c->nsystems;
    KR_NEW(ctx, m->cell, room + 1);
    for (int s = 0; s < c->nstages; s++) {
        const kr_config_stage *stage = &c->stage[s];
        for (int t = 0; t < stage->nT; t++) {
            for (int p = 0; p < stage->nP; p++)
                for (int k = 0; k < c->nsystems; k++) {
                    kr_cell *cell = &m->cell[m->ncells];
                    if (!stage->uses[k]) continue;
                    *cell = (kr_cell){.stage = s, .system = k, .opening = opening};
                    cell->T = stage->T_K[t];
                    cell->P = stage->P_GPa[p];
                    name_cell(c, cell);
                    if (same_name(m, cell)) /* the same system, T and P in two stages: told apart by the stage */
                        snprintf(cell->name + strlen(cell->name), sizeof cell->name - strlen(cell->name), " stage %d",
                                 s);
                    m->ncells++;
                }
            if (stage->one_by_one && t + 1 < stage->nT) opening++;
        }
        opening++;
    }
    m->nopenings = opening;
done:
    return status;
}

/* The opening of an iteration when every stage has its number of them. */
static int fixed_opening(const kr_campaign *m, int iteration) {
    int opening = 0, passed = 0;
    for (int s = 0; s < m->config.nstages; s++) {
        const kr_config_stage *stage = &m->config.stage[s];
        int n = stage->one_by_one ? stage->nT : 1;
        for (int i = 0; i < n; i++, opening++) {
            passed += stage->iterations;
            if (iteration < passed) return opening;
        }
    }
    return m->nopenings - 1;
}

kr_status kr_plan_load(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_config *c = &m->config;
    double opening = NAN, final = NAN, value;
    int before = m->iteration - 1, shaken;
    int grade = c->examine.method == KR_NOVELTY_MAXVOL; /* one indicator, in the place of the force deviation */
    struct {
        const char *name;
        double *level, initial;
    } levels[] = {{"f_lo", &m->levels.f_lo, grade ? c->trust.gamma_lo : c->trust.f_lo},
                  {"f_hi", &m->levels.f_hi, grade ? c->trust.gamma_hi : c->trust.f_hi},
                  {"v_lo", &m->levels.v_lo, c->trust.v_lo},
                  {"v_hi", &m->levels.v_hi, c->trust.v_hi}};
    KR_TRY(kr_campaign_get_metric(ctx, m, before, "next", "opening", &opening));
    KR_TRY(kr_campaign_get_metric(ctx, m, before, "next", "final", &final));
    m->opening = isnan(opening) ? 0 : (int)opening;
    if (m->opening >= m->nopenings) m->opening = m->nopenings - 1;
    KR_TRY(kr_bootstrap_count(ctx, m, 0, &shaken));
    if (c->explore.schedule == 1) m->opening = fixed_opening(m, m->iteration - shaken);
    m->final = final == 1;
    KR_TRY(kr_campaign_get_metric(ctx, m, before, "next", "pool", &value));
    m->pool = isnan(value) ? m->iteration : (int)value;
    KR_TRY(kr_campaign_get_metric(ctx, m, before, "next", "wanted", &value));
    m->wanted = isnan(value) ? c->audit.certificate : (long)value;
    KR_TRY(kr_bootstrap_plan(ctx, m));
    KR_TRY(kr_bootstrap_count(ctx, m, before, &shaken));
    m->first = !m->bootstrap && (m->iteration == 0 || shaken);
    m->levels = kr_levels_off;
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
        KR_TRY(kr_campaign_get_metric(ctx, m, before, "next", levels[k].name, &value));
        if (isnan(value) || c->examine.levels == KR_LEVELS_FIXED) value = levels[k].initial;
        if (!isnan(value)) *levels[k].level = value;
    }
done:
    return status;
}

/* In turn over replicas, over the system's cells and over iterations: an iteration uses as many of the n starts as the
 * runs of all cells can, and a cell meets all of them in n / replicas iterations. */
long kr_plan_start(const kr_campaign *m, int cell, int replica) {
    const kr_cell *own = &m->cell[cell];
    int before = 0; /* cells of the same system and stage */
    for (int k = 0; k < cell; k++) before += m->cell[k].system == own->system && m->cell[k].stage == own->stage;
    long turn = ((long)m->iteration + before) * m->config.stage[own->stage].replicas + replica;
    return turn % m->config.system[own->system].nstarts;
}

kr_status kr_campaign_populations(kr_context *ctx, kr_campaign *m, double **weight) {
    kr_status status = KR_OK;
    double share, samples;
    KR_NEW(ctx, *weight, (size_t)m->ncells + 1);
    for (int k = 0; k < m->ncells; k++) {
        KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, m->cell[k].name, "accurate", &share));
        KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, m->cell[k].name, "samples", &samples));
        (*weight)[k] = isnan(share) || isnan(samples) ? 0 : share * samples;
    }
done:
    return status;
}
