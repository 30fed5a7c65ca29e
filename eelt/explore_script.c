/* The LAMMPS input of an exploration (explore_script.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Units metal: time in ps, pressure in bar (1 GPa = 10⁴ bar). Seeds of LAMMPS are integers below 9e8, drawn from the
 * seed of the run. The numbers of steps are absolute ("upto", "start", "stop"), so that ramps go on where a restarted
 * run left them. */
#include "eelt/explore_script.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/suggest.h"
#include "eelt/explore_watch.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char standard[] = "# made by kramers\n"
                               "units metal\n"
                               "atom_style atomic\n"
                               "atom_modify map yes\n"
                               "boundary {{boundary}}\n"
                               "box tilt large\n"
                               "{{read}}\n"
                               "{{pair}}\n"
                               "timestep {{dt_ps}}\n"
                               "{{velocity}}\n"
                               "{{ensemble}}\n"
                               "{{swap}}\n"
                               "{{examine}}\n"
                               "thermo {{every}}\n"
                               "thermo_style custom step temp pe ke press vol\n"
                               "thermo_modify flush yes lost ignore\n"
                               "{{restart}}\n"
                               "{{run}}\n";

typedef struct script {
    kr_context *ctx;
    const kr_lammps_options *options;
    const kr_explore_spec *spec;
    const char *const *models;
    const char *restart;
    kr_string *out;
} script;

static unsigned seed_of(const script *s, uint64_t which) {
    const kr_stream stream = {s->spec->seed, KR_EXPLORE_LAMMPS};
    return 1 + (unsigned)kr_random_below(stream, 0, which, 0, 899999999);
}

/* ---- fields ---- */

static kr_status put_boundary(script *s) {
    const kr_frame *f = &s->spec->frame;
    const char *word[3];
    for (int c = 0; c < 3; c++) {
        double edge = fabs(f->box[3 * c]) + fabs(f->box[3 * c + 1]) + fabs(f->box[3 * c + 2]);
        word[c] = f->pbc[c] ? "p" : edge > 0 ? "f" : "s"; /* an edge along an open direction is vacuum that stays */
    }
    return kr_string_printf(s->ctx, s->out, "%s %s %s", word[0], word[1], word[2]);
}

static kr_status put_read(script *s) {
    kr_status status = KR_OK;
    if (s->options->plugin[0]) KR_TRY(kr_string_printf(s->ctx, s->out, "plugin load \"%s\"\n", s->options->plugin));
    if (s->restart)
        KR_TRY(kr_string_printf(s->ctx, s->out, "read_restart %s", s->restart));
    else
        KR_TRY(kr_string_puts(s->ctx, s->out, "read_data conf.lmp"));
    if (!s->restart && s->spec->ensemble == KR_ENSEMBLE_NPT_TRI)
        KR_TRY(kr_string_puts(s->ctx, s->out, "\nchange_box all triclinic"));
done:
    return status;
}

static kr_status put_pair(script *s) {
    kr_status status = KR_OK;
    KR_TRY(kr_string_puts(s->ctx, s->out, "pair_style kramers"));
    for (int m = 0; m < s->spec->nmodels; m++) KR_TRY(kr_string_printf(s->ctx, s->out, " \"%s\"", s->models[m]));
    KR_TRY(kr_string_printf(s->ctx, s->out, " out_freq %d out_file %s", s->spec->sample_every, KR_EXPLORE_DEVIATIONS));
    if (s->options->pair_words[0]) KR_TRY(kr_string_printf(s->ctx, s->out, " %s", s->options->pair_words));
    KR_TRY(kr_string_puts(s->ctx, s->out, "\npair_coeff * *"));
    for (int t = 0; t < s->spec->ntypes; t++) KR_TRY(kr_string_printf(s->ctx, s->out, " %s", s->spec->names[t]));
done:
    return status;
}

static kr_status put_velocity(script *s) {
    if (s->restart || s->spec->frame.label[KR_LABEL_VELOCITY])
        return kr_string_puts(s->ctx, s->out, "# velocities come with the atoms");
    return kr_string_printf(s->ctx, s->out, "velocity all create %.10g %u mom yes rot no dist gaussian",
                            s->spec->T_K[0], seed_of(s, 0));
}

static kr_status put_ensemble(script *s) {
    kr_status status = KR_OK;
    const kr_explore_spec *e = s->spec;
    static const char *const coupling[] = {"", "", "iso", "aniso", "tri"};
    if (e->ensemble == KR_ENSEMBLE_NVE) return kr_string_puts(s->ctx, s->out, "fix ensemble all nve");
    KR_TRY(kr_string_printf(s->ctx, s->out, "fix ensemble all %s temp %.10g %.10g %.10g",
                            e->ensemble == KR_ENSEMBLE_NVT ? "nvt" : "npt", e->T_K[0], e->T_K[1], s->options->tau_t));
    if (e->ensemble != KR_ENSEMBLE_NVT)
        KR_TRY(kr_string_printf(s->ctx, s->out, " %s %.10g %.10g %.10g", coupling[e->ensemble], 1e4 * e->P_GPa[0],
                                1e4 * e->P_GPa[1], s->options->tau_p));
done:
    return status;
}

/* One fix for each pair of elements that are there. */
static kr_status put_swap(script *s) {
    kr_status status = KR_OK;
    const kr_explore_spec *e = s->spec;
    const kr_frame *f = &e->frame;
    int pairs = 0, which = 0;
    char *there = NULL;
    if (!(e->mc_swap > 0)) return kr_string_puts(s->ctx, s->out, "# no exchanges");
    KR_NEW(s->ctx, there, (size_t)e->ntypes + 1);
    for (int i = 0; i < f->natoms; i++) there[f->type[i]] = 1;
    for (int a = 0; a < e->ntypes; a++)
        for (int b = a + 1; b < e->ntypes; b++) pairs += there[a] && there[b];
    if (!pairs) KR_TRY(kr_string_puts(s->ctx, s->out, "# one element: no exchanges"));
    double rate = e->mc_swap / (pairs ? pairs : 1);
    long every = rate >= 1 ? 1 : lround(1 / rate), tries = rate >= 1 ? lround(rate) : 1;
    for (int a = 0; a < e->ntypes; a++)
        for (int b = a + 1; b < e->ntypes; b++) {
            if (!there[a] || !there[b]) continue;
            KR_TRY(kr_string_printf(s->ctx, s->out, "%sfix swap%d all atom/swap %ld %ld %u %.10g types %d %d",
                                    which ? "\n" : "", which, every, tries, seed_of(s, 1 + (uint64_t)which), e->T_K[0],
                                    a + 1, b + 1));
            which++;
        }
done:
    kr_free(there);
    return status;
}

static kr_status put_level(script *s, double value) {
    char text[32];
    return kr_string_printf(s->ctx, s->out, " %s", isfinite(value) ? kr_format_real(value, text) : "off");
}

static kr_status put_examine(script *s) {
    kr_status status = KR_OK;
    const kr_explore_spec *e = s->spec;
    kr_watch_options o;
    kr_explore_watch_options(e, &o);
    KR_TRY(kr_string_printf(s->ctx, s->out, "fix examine all kramers/examine %d trust", e->sample_every));
    const double levels[] = {o.f_lo, o.f_hi, o.v_lo, o.v_hi};
    for (int k = 0; k < 4; k++) KR_TRY(put_level(s, levels[k]));
    KR_TRY(kr_string_printf(s->ctx, s->out,
                            " file %s reservoir %d stop %d correlation %" PRId64 " seed %" PRIu64
                            " temp %.10g %.10g volume %.10g closest %.10g",
                            KR_EXPLORE_CANDIDATES, o.reservoir, o.stop, o.correlation, o.seed >> 1, o.temperature_lo,
                            o.temperature_hi, o.volume_factor, o.closest));
done:
    return status;
}

static kr_status put_restart(script *s) {
    int64_t tenth = s->spec->steps / 10;
    return kr_string_printf(s->ctx, s->out, "restart %" PRId64 " restart.*", tenth > 0 ? tenth : 1);
}

static kr_status put_run(script *s) {
    return kr_string_printf(s->ctx, s->out, "run %" PRId64 " upto start 0 stop %" PRId64, s->spec->steps,
                            s->spec->steps);
}

#define NUMBER(name, value) \
    static kr_status put_##name(script *s) { return kr_string_printf(s->ctx, s->out, "%.10g", (value)); }
NUMBER(dt_ps, 1e-3 * s->spec->dt_fs)
NUMBER(every, (double)s->spec->sample_every)
NUMBER(steps, (double)s->spec->steps)
NUMBER(T_start, s->spec->T_K[0])
NUMBER(T_end, s->spec->T_K[1])
NUMBER(P_start_bar, 1e4 * s->spec->P_GPa[0])
NUMBER(P_end_bar, 1e4 * s->spec->P_GPa[1])
NUMBER(tau_t, s->options->tau_t)
NUMBER(tau_p, s->options->tau_p)
NUMBER(seed, (double)seed_of(s, 1000))

static const struct {
    const char *name;
    kr_status (*put)(script *s);
    int required;
} fields[] = {{"boundary", put_boundary, 0},
              {"read", put_read, 1},
              {"pair", put_pair, 1},
              {"velocity", put_velocity, 0},
              {"ensemble", put_ensemble, 0},
              {"swap", put_swap, 0},
              {"examine", put_examine, 1},
              {"restart", put_restart, 0},
              {"run", put_run, 1},
              {"dt_ps", put_dt_ps, 0},
              {"every", put_every, 0},
              {"steps", put_steps, 0},
              {"T_start", put_T_start, 0},
              {"T_end", put_T_end, 0},
              {"P_start_bar", put_P_start_bar, 0},
              {"P_end_bar", put_P_end_bar, 0},
              {"tau_t", put_tau_t, 0},
              {"tau_p", put_tau_p, 0},
              {"seed", put_seed, 0}};
enum { NFIELDS = sizeof fields / sizeof *fields };

static int field_of(const char *name, size_t n) {
    for (int k = 0; k < NFIELDS; k++)
        if (strlen(fields[k].name) == n && !memcmp(fields[k].name, name, n)) return k;
    return -1;
}

kr_status kr_script_check(kr_context *ctx, const char *text, const char *where) {
    int found[NFIELDS] = {0}, line = 1;
    for (const char *c = text; *c; c++) {
        line += *c == '\n';
        if (c[0] != '{' || c[1] != '{') continue;
        const char *end = strstr(c, "}}");
        int k = end ? field_of(c + 2, (size_t)(end - c - 2)) : -1;
        if (k < 0) {
            const char *names[NFIELDS];
            char word[64];
            int n = end && end - c - 2 < 60 ? (int)(end - c - 2) : 0;
            for (int i = 0; i < NFIELDS; i++) names[i] = fields[i].name;
            memcpy(word, c + 2, (size_t)n);
            word[n] = 0;
            const char *near = kr_suggest(word, NFIELDS, names);
            KR_ERROR(ctx, KR_ERR_FORMAT, "%s:%d: {{%s}} is no field of a template", where, line, word);
            if (near) kr_error_hint(ctx, "did you mean {{%s}}?", near);
            return KR_ERR_FORMAT;
        }
        found[k] = 1;
        c = end + 1;
    }
    for (int k = 0; k < NFIELDS; k++)
        if (fields[k].required && !found[k])
            return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: the template has no {{%s}}", where, fields[k].name);
    return KR_OK;
}

kr_status kr_script_print(kr_context *ctx, const kr_lammps_options *options, const kr_explore_spec *spec,
                          const char *const *models, const char *restart, kr_string *out) {
    kr_status status = KR_OK;
    script s = {ctx, options, spec, models, restart, out};
    const char *c = options->template_text ? options->template_text : standard;
    for (const char *next; (next = strstr(c, "{{")); c = strstr(next, "}}") + 2) {
        KR_TRY(kr_string_append(ctx, out, c, (size_t)(next - c)));
        int k = field_of(next + 2, (size_t)(strstr(next, "}}") - next - 2));
        KR_TRY(fields[k].put(&s));
    }
    KR_TRY(kr_string_puts(ctx, out, c));
done:
    return status;
}
