/* Checks of frames and labels before training.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/dataset_check.h"
#include "core/memory.h"
#include "core/statistics.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const kr_check_options kr_check_defaults = {.min_distance = 0.5,
                                            .energy_sigma = 12,
                                            .energy_least = 0.05,
                                            .force_ratio = 60,
                                            .net_force = 0.01,
                                            .tolerance = 1e-4,
                                            .conflict = 0.005,
                                            .asymmetry = 1e-3,
                                            .most = 10};

static const struct {
    int severity;
    const char *title;
} KINDS[] = {
#define ROW(name, level, text) {level, text},
    KR_FINDING_LIST(ROW)
#undef ROW
};

const char *kr_finding_title(kr_finding_kind kind) {
    return (unsigned)kind < KR_FINDING_KINDS ? KINDS[kind].title : "unknown";
}
int kr_finding_severity(kr_finding_kind kind) { return (unsigned)kind < KR_FINDING_KINDS ? KINDS[kind].severity : 0; }

kr_status kr_check_add(kr_context *ctx, kr_check *c, kr_finding_kind kind, int row, int atom, int other,
                       const char *format, ...) {
    kr_check_report *r = c->report;
    if (r->count[kind]++ >= c->options->most) return KR_OK;
    if (r->nfindings == c->room) {
        int room = c->room ? 2 * c->room : 16;
        kr_finding *grown = kr_realloc(ctx, r->finding, (size_t)c->room, (size_t)room, sizeof *grown);
        if (!grown) return KR_ERR_MEMORY;
        r->finding = grown;
        c->room = room;
    }
    kr_finding *f = &r->finding[r->nfindings++];
    *f = (kr_finding){.kind = kind, .system = -1, .frame = -1, .atom = atom, .other_system = -1, .other_frame = -1};
    if (row >= 0) {
        f->system = c->table->row[row].system;
        f->frame = c->table->row[row].frame;
    }
    if (other >= 0) {
        f->other_system = c->table->row[other].system;
        f->other_frame = c->table->row[other].frame;
    }
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
    return KR_OK;
}

const double *kr_check_label(const kr_check *c, int row, kr_label label) {
    const kr_frame_row *r = &c->table->row[row];
    const kr_system *s = c->dataset->system[r->system];
    if (!s->label[label] || !((s->has[r->frame] >> label) & 1)) return NULL;
    size_t size = (size_t)s->width[label] * (kr_label_per_atom(label) ? (size_t)s->natoms : 1);
    return s->label[label] + (size_t)r->frame * size;
}

int kr_check_finite(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

static const int *types_of(const kr_check *c, int row) {
    return kr_system_types(c->dataset->system[c->table->row[row].system], c->table->row[row].frame);
}

/* Energy per atom; NaN when absent or not finite. */
static double energy_of(const kr_check *c, int row) {
    const double *e = kr_check_label(c, row, KR_LABEL_ENERGY);
    return e && c->table->row[row].natoms && isfinite(*e) ? *e / c->table->row[row].natoms : NAN;
}

/* ---- one frame at a time ---- */

static kr_status check_numbers(kr_context *ctx, kr_check *c, int row) {
    kr_status status = KR_OK;
    const kr_frame_row *r = &c->table->row[row];
    const kr_system *s = c->dataset->system[r->system];
    const int *type = types_of(c, row);
    size_t n = (size_t)s->natoms;
    const double *x = s->coord + (size_t)r->frame * n * 3, *box = s->box + (size_t)r->frame * 9;
    int bad = 0;
    for (int i = 0; i < s->natoms; i++) {
        if (type[i] < 0 || kr_check_finite(x + 3 * i, 3)) continue;
        bad = 1;
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_NOT_FINITE, row, i, -1, "position of atom %d is %g %g %g", i, x[3 * i],
                            x[3 * i + 1], x[3 * i + 2]));
        break;
    }
    if (!kr_check_finite(box, 9)) {
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_NOT_FINITE, row, -1, -1, "the cell has a number that is not finite"));
    } else if (!r->finite && !bad) {
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_BAD_CELL, row, -1, -1, "cell %g %g %g, %g %g %g, %g %g %g A", box[0],
                            box[1], box[2], box[3], box[4], box[5], box[6], box[7], box[8]));
    }
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        const double *value = kr_check_label(c, row, (kr_label)l);
        if (!value) continue;
        int per_atom = kr_label_per_atom((kr_label)l);
        size_t width = (size_t)s->width[l], count = per_atom ? n : 1;
        for (size_t i = 0; i < count; i++) {
            if ((per_atom && type[i] < 0) || kr_check_finite(value + i * width, width)) continue;
            if (per_atom)
                KR_TRY(kr_check_add(ctx, c, KR_FINDING_NOT_FINITE, row, (int)i, -1, "%s of atom %zu is %g",
                                    kr_label_name((kr_label)l), i, value[i * width]));
            else
                KR_TRY(kr_check_add(ctx, c, KR_FINDING_NOT_FINITE, row, -1, -1, "%s has a number that is not finite",
                                    kr_label_name((kr_label)l)));
            break;
        }
    }
done:
    return status;
}

static kr_status check_frame(kr_context *ctx, kr_check *c, int row) {
    kr_status status = KR_OK;
    const kr_check_options *o = c->options;
    const kr_frame_row *r = &c->table->row[row];
    KR_TRY(check_numbers(ctx, c, row));
    if (r->finite && o->min_distance > 0 && r->shortest < o->min_distance)
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_TOO_CLOSE, row, r->closest[0], -1, "%.4g A between atoms %d and %d%s",
                            r->shortest, r->closest[0], r->closest[1],
                            r->closest[0] == r->closest[1] ? " (its own image)" : ""));
    const double *force = kr_check_label(c, row, KR_LABEL_FORCE), *virial = kr_check_label(c, row, KR_LABEL_VIRIAL);
    if (force && o->net_force > 0 && r->natoms) {
        const int *type = types_of(c, row);
        double sum[3] = {0}, size;
        for (int i = 0; i < c->dataset->system[r->system]->natoms; i++)
            for (int k = 0; k < 3; k++)
                if (type[i] >= 0) sum[k] += force[3 * i + k];
        size = sqrt(sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]);
        if (size > o->net_force * r->natoms && isfinite(size))
            KR_TRY(kr_check_add(ctx, c, KR_FINDING_NET_FORCE, row, -1, -1,
                                "the forces of %d atoms add up to %.4g eV/A, %.3g per atom", r->natoms, size,
                                size / r->natoms));
    }
    if (virial && o->asymmetry > 0) {
        double odd = 0, all = 0;
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) {
                odd = fmax(odd, fabs(virial[3 * a + b] - virial[3 * b + a]));
                all = fmax(all, fabs(virial[3 * a + b]));
            }
        if (odd > o->asymmetry * all && odd > 1e-3)
            KR_TRY(kr_check_add(ctx, c, KR_FINDING_VIRIAL_ASYMMETRY, row, -1, -1,
                                "components differ from their transposed ones by up to %.3g of %.3g eV", odd, all));
    }
done:
    return status;
}

/* ---- against the other frames ---- */

static kr_status check_energies(kr_context *ctx, kr_check *c, double *scratch) {
    kr_status status = KR_OK;
    const kr_frame_table *t = c->table;
    for (int k = 0; k < t->ncompositions && c->options->energy_sigma > 0; k++) {
        int n = 0;
        for (int i = 0; i < t->nframes; i++)
            if (t->row[i].composition == k && isfinite(energy_of(c, i))) scratch[n++] = energy_of(c, i);
        if (n < 5) continue; /* no saying what is usual */
        double middle, sigma;
        KR_TRY(kr_median_mad(ctx, n, scratch, &middle, &sigma));
        for (int i = 0; i < t->nframes; i++) {
            double off = t->row[i].composition == k ? energy_of(c, i) - middle : 0;
            if (!(fabs(off) > c->options->energy_sigma * sigma && fabs(off) > c->options->energy_least)) continue;
            KR_TRY(kr_check_add(ctx, c, KR_FINDING_ENERGY_OUTLIER, i, -1, -1,
                                "%.6g eV per atom, %+.4g from the median of %d frames, whose deviation is %.3g",
                                middle + off, off, n, sigma));
        }
    }
done:
    return status;
}

static double force_size(const double *f) { return sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]); }

static kr_status check_forces(kr_context *ctx, kr_check *c) {
    kr_status status = KR_OK;
    const kr_frame_table *t = c->table;
    double *size = NULL;
    size_t total = 0;
    if (!(c->options->force_ratio > 0)) return KR_OK;
    for (int i = 0; i < t->nframes; i++) total += (size_t)t->row[i].natoms;
    KR_NEW(ctx, size, total);
    for (int e = 0; e < t->nelements; e++) {
        double middle = 0, spread;
        for (int pass = 0; pass < 2; pass++) { /* the median first, then the comparison */
            int n = 0;
            for (int i = 0; i < t->nframes; i++) {
                const double *f = kr_check_label(c, i, KR_LABEL_FORCE);
                const int *type = types_of(c, i), *element = t->type[t->row[i].system];
                for (int a = 0; f && a < c->dataset->system[t->row[i].system]->natoms; a++) {
                    double s = type[a] >= 0 && element[type[a]] == e ? force_size(f + 3 * a) : NAN;
                    if (!isfinite(s)) continue;
                    if (pass == 0) size[n++] = s;
                    if (pass == 1 && s > c->options->force_ratio * fmax(middle, 0.02))
                        KR_TRY(kr_check_add(ctx, c, KR_FINDING_FORCE_OUTLIER, i, a, -1,
                                            "%.4g eV/A on atom %d (%s), the median is %.3g", s, a, t->element[e],
                                            middle));
                }
            }
            if (!n && pass == 0) break;
            if (pass == 0) KR_TRY(kr_median_mad(ctx, n, size, &middle, &spread));
        }
    }
done:
    kr_free(size);
    return status;
}

/* Energies that all are floats, of a size where a float says too little about one atom. */
static kr_status check_rounding(kr_context *ctx, kr_check *c) {
    kr_status status = KR_OK;
    for (int k = 0, row = 0; k < c->dataset->nsystems; row += c->dataset->system[k++]->nframes) {
        const kr_system *s = c->dataset->system[k];
        int n = 0, rounded = 0;
        double step = 0;
        for (int f = 0; f < s->nframes; f++) {
            const double *e = kr_check_label(c, row + f, KR_LABEL_ENERGY);
            if (!e || !isfinite(*e)) continue;
            n++;
            rounded += (double)(float)*e == *e;
            if (c->table->row[row + f].natoms)
                step = fmax(step, ldexp(1, ilogb(*e != 0 ? *e : 1) - 23) / c->table->row[row + f].natoms);
        }
        if (n > 2 && rounded == n && step > 5e-5)
            KR_TRY(kr_check_add(ctx, c, KR_FINDING_ROUNDED_ENERGY, row, -1, -1,
                                "%d energies of this system are single precision numbers, %.2g meV per atom apart", n,
                                1e3 * step));
    }
done:
    return status;
}

static kr_status compare_equal(kr_context *ctx, void *payload, int a, int b) {
    kr_status status = KR_OK;
    kr_check *c = payload;
    const kr_frame_row *x = &c->table->row[a], *y = &c->table->row[b];
    const kr_system *s = c->dataset->system[x->system], *u = c->dataset->system[y->system];
    double ea = energy_of(c, a), eb = energy_of(c, b);
    int same = s->natoms == u->natoms && s->natoms > 0;
    size_t n = (size_t)s->natoms;
    if (same)
        same =
            !memcmp(s->coord + (size_t)x->frame * n * 3, u->coord + (size_t)y->frame * n * 3, n * 3 * sizeof(double)) &&
            !memcmp(s->box + (size_t)x->frame * 9, u->box + (size_t)y->frame * 9, 9 * sizeof(double));
    if (c->options->conflict > 0 && fabs(ea - eb) > c->options->conflict)
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_CONFLICT, b, -1, a,
                            "energies %.8g and %.8g eV per atom of the same structure", eb, ea));
    if (same)
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_DUPLICATE, b, -1, a, "equal in every digit"));
    else
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_NEAR_DUPLICATE, b, -1, a, "fingerprints differ by %.1e",
                            kr_frame_table_difference(c->table, a, b)));
done:
    return status;
}

static int by_kind(const void *a, const void *b) {
    const kr_finding *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->system != y->system) return x->system < y->system ? -1 : 1;
    return x->frame != y->frame ? (x->frame < y->frame ? -1 : 1) : x->atom - y->atom;
}

kr_status kr_dataset_check(kr_context *ctx, const kr_dataset *dataset, const kr_check_options *options,
                           kr_check_report **report) {
    kr_status status = KR_OK;
    kr_frame_table *t = NULL;
    kr_check c = {.dataset = dataset, .options = options ? options : &kr_check_defaults};
    double *scratch = NULL;
    int *group = NULL;
    if (!dataset || !report) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no dataset or no place for the report");
    *report = NULL;
    KR_NEW(ctx, c.report, 1);
    KR_TRY(kr_frame_table_create(ctx, dataset, 1, &t));
    c.table = t;
    KR_NEW(ctx, scratch, (size_t)t->nframes);
    KR_NEW(ctx, group, (size_t)t->nframes);
    for (int i = 0; i < t->nframes; i++) KR_TRY(check_frame(ctx, &c, i));
    KR_TRY(check_energies(ctx, &c, scratch));
    KR_TRY(check_forces(ctx, &c));
    KR_TRY(check_rounding(ctx, &c));
    if (c.options->tolerance > 0) KR_TRY(kr_frame_table_group(ctx, t, c.options->tolerance, group, compare_equal, &c));
    KR_TRY(kr_check_work(ctx, &c));
    if (c.report->nfindings) qsort(c.report->finding, (size_t)c.report->nfindings, sizeof(kr_finding), by_kind);
    *report = c.report;
    c.report = NULL;
done:
    kr_check_report_destroy(&c.report);
    kr_frame_table_destroy(&t);
    kr_free(scratch);
    kr_free(group);
    return status;
}

void kr_check_report_destroy(kr_check_report **report) {
    if (!report || !*report) return;
    kr_free((*report)->finding);
    kr_free(*report);
    *report = NULL;
}
