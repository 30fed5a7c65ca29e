/* Do energies, forces and virials fit together? Energy differences of near frames against work.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Two frames of a system with fractional displacements Δs and cells h_0, h_1 (rows), both smoothly connected:
 *   ΔE = −Σ_i F̄_i · (Δs_i h̄) − Σ_ab W̄_ab ε_ab + third order,   ε = h̄⁻¹ Δh, bars = means of both ends
 * (W_ab = Σ f_a r_b), the second frame turned so that ε is symmetric. Least squares of ΔE on the two sums over each
 * frame and its nearest earlier frame gives two slopes, which are 1. A slope of −1 is a sign, 27.2 a Hartree, and so
 * on. Needs no model. */
#include "core/cell.h"
#include "core/dataset_check.h"
#include "core/linalg.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

enum { WINDOW = 100, LEAST_PAIRS = 6 };
static const double FARTHEST = 0.35, MOST_STRAIN = 0.06; /* Å: largest displacement of an atom */

typedef struct step {
    double largest;     /* Å, of an atom, without the strain */
    double strain;      /* largest component */
    double force_work;  /* −Σ F̄ Δu */
    double virial_work; /* −W̄:ε, NaN without virials */
    double energy;      /* ΔE */
} step;

static int is_periodic(const kr_system *s) { return s->pbc[0] && s->pbc[1] && s->pbc[2]; }

static void product(const double *a, const double *b, int transpose_b, double *c) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            c[3 * i + j] = 0;
            for (int k = 0; k < 3; k++) c[3 * i + j] += a[3 * i + k] * b[transpose_b ? 3 * j + k : 3 * k + j];
        }
}

/* The rotation in  h1 = h0 S R  with symmetric S: a cell written down in another orientation does no work. Newton's
 * iteration for the polar factor, R ← (R + R⁻ᵀ)/2; 0 when it has no volume. */
static int rotation_between(const kr_cell *h0, const double *h1, double r[9]) {
    product(h0->inverse, h1, 0, r);
    for (int round = 0; round < 8; round++) {
        double c[9], det;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) {
                const double *u = r + 3 * ((i + 1) % 3), *v = r + 3 * ((i + 2) % 3);
                c[3 * i + j] = u[(j + 1) % 3] * v[(j + 2) % 3] - u[(j + 2) % 3] * v[(j + 1) % 3];
            }
        det = r[0] * c[0] + r[1] * c[1] + r[2] * c[2];
        if (!(fabs(det) > 0.1)) return 0;
        for (int k = 0; k < 9; k++) r[k] = 0.5 * (r[k] + c[k] / det);
    }
    return 1;
}

/* ε = h̄⁻¹ (h1 − h0); its largest component. */
static double strain_of(const double *b0, const double *b1, const kr_cell *mean, double strain[9]) {
    double largest = 0, difference[9];
    for (int k = 0; k < 9; k++) difference[k] = b1[k] - b0[k];
    product(mean->inverse, difference, 0, strain);
    for (int k = 0; k < 9; k++) largest = fmax(largest, fabs(strain[k]));
    return largest;
}

/* From row a to row b of the same system; 0 when they are too far from each other. */
static int make_step(const kr_check *c, int a, int b, step *out) {
    const kr_frame_row *ra = &c->table->row[a], *rb = &c->table->row[b];
    const kr_system *s = c->dataset->system[ra->system];
    size_t n = (size_t)s->natoms;
    const double *xa = s->coord + (size_t)ra->frame * n * 3, *xb = s->coord + (size_t)rb->frame * n * 3;
    const double *ba = s->box + (size_t)ra->frame * 9, *bb = s->box + (size_t)rb->frame * 9;
    const double *fa = kr_check_label(c, a, KR_LABEL_FORCE), *fb = kr_check_label(c, b, KR_LABEL_FORCE);
    const double *wa = kr_check_label(c, a, KR_LABEL_VIRIAL), *wb = kr_check_label(c, b, KR_LABEL_VIRIAL);
    const double *ea = kr_check_label(c, a, KR_LABEL_ENERGY), *eb = kr_check_label(c, b, KR_LABEL_ENERGY);
    const int *type = kr_system_types(s, ra->frame);
    kr_cell ca, cb, mean;
    double strain[9] = {0}, middle[9], turned[9], r[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    if (!fa || !fb || !ea || !eb || !ra->finite || !rb->finite) return 0;
    if (s->mixed && memcmp(type, kr_system_types(s, rb->frame), n * sizeof *type) != 0) return 0;
    *out = (step){.energy = *eb - *ea};
    int periodic = is_periodic(s);
    if (periodic) {
        if (kr_cell_set(NULL, ba, s->pbc, &ca) < 0 || kr_cell_set(NULL, bb, s->pbc, &cb) < 0) return 0;
        if (!rotation_between(&ca, bb, r)) return 0;
        product(bb, r, 1, turned); /* h0 S: from here on b is looked at in the orientation of a */
        for (int k = 0; k < 9; k++) middle[k] = 0.5 * (ba[k] + turned[k]);
        if (kr_cell_set(NULL, middle, s->pbc, &mean) < 0) return 0;
        out->strain = strain_of(ba, turned, &mean, strain);
        if (out->strain > MOST_STRAIN) return 0;
    } else if (memcmp(ba, bb, 9 * sizeof *ba) != 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        double d[3], sa[3], sb[3];
        if (type[i] < 0) continue;
        if (periodic) {
            kr_cell_to_fractional(&ca, xa + 3 * i, sa);
            kr_cell_to_fractional(&cb, xb + 3 * i, sb);
            for (int k = 0; k < 3; k++) sb[k] -= sa[k] + nearbyint(sb[k] - sa[k]);
            kr_cell_to_cartesian(&mean, sb, d);
        } else {
            for (size_t k = 0; k < 3; k++) d[k] = xb[3 * i + k] - xa[3 * i + k];
        }
        double size = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
        if (!(size < FARTHEST)) return 0;
        out->largest = fmax(out->largest, size);
        for (size_t k = 0; k < 3; k++) {
            double f = fb[3 * i] * r[3 * k] + fb[3 * i + 1] * r[3 * k + 1] + fb[3 * i + 2] * r[3 * k + 2];
            out->force_work -= 0.5 * (fa[3 * i + k] + f) * d[k];
        }
    }
    if (wa && wb) {
        double half[9], w[9];
        product(wb, r, 1, half);
        product(r, half, 0, w); /* R W Rᵀ */
        for (int k = 0; k < 9; k++) out->virial_work -= 0.5 * (wa[k] + w[k]) * strain[k];
    } else if (out->strain > 1e-9) {
        return 0;
    }
    return isfinite(out->force_work) && isfinite(out->virial_work) && isfinite(out->energy);
}

/* The step from the nearest earlier frame within the window. */
static int nearest_step(const kr_check *c, int row, step *best) {
    int found = 0;
    for (int a = row - 1; a >= 0 && row - a <= WINDOW && c->table->row[a].system == c->table->row[row].system; a--) {
        step s;
        if (!make_step(c, a, row, &s)) continue;
        if (found && s.largest + 3 * s.strain >= best->largest + 3 * best->strain) continue;
        *best = s;
        found = 1;
    }
    return found && best->largest + best->strain > 1e-6; /* not of equal frames */
}

/* Where a wrong slope usually comes from. */
static const char *likely(double slope) {
    static const struct {
        double factor;
        const char *cause;
    } known[] = {{-1, "the sign is turned"},
                 {51.42207, "forces in Hartree/bohr"},
                 {25.71104, "forces in Rydberg/bohr"},
                 {0.043364, "forces in kcal/mol/A"},
                 {0.0103643, "forces in kJ/mol/A"},
                 {1 / 27.211386, "energies in Hartree"},
                 {1 / 13.605693, "energies in Rydberg"},
                 {23.060548, "energies in kcal/mol"},
                 {96.485332, "energies in kJ/mol"},
                 {0.529177, "positions in bohr"},
                 {2, "a factor of two"},
                 {0.5, "a factor of two"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        for (int sign = 1; sign >= -1; sign -= 2)
            if (fabs(sign * slope / known[k].factor - 1) < 0.06)
                return sign < 0 && known[k].factor > 0 ? "the sign is turned, and units differ" : known[k].cause;
    return "units or signs differ, or frames of several calculations are mixed";
}

/* Slopes of energy on the two works: the virial's only when it says something. */
static kr_status fit(kr_context *ctx, const step *list, int n, kr_work_check *w) {
    kr_status status = KR_OK;
    double ff = 0, fv = 0, vv = 0, fe = 0, ve = 0, ee = 0;
    (void)ctx;
    for (int k = 0; k < n; k++) {
        /* Frames near to each other say more: the error of the rule is of third order in the displacement. */
        double scale = 1 / (1e-3 + list[k].largest + 3 * list[k].strain), weight = scale * scale;
        double f = list[k].force_work, v = list[k].virial_work, e = list[k].energy;
        ff += weight * f * f;
        fv += weight * f * v;
        vv += weight * v * v;
        fe += weight * f * e;
        ve += weight * v * e;
        ee += weight * e * e;
    }
    w->pairs = n;
    w->force_slope = w->virial_slope = w->explained = NAN;
    double determinant = ff * vv - fv * fv;
    if (vv > 1e-12 && determinant > 1e-3 * ff * vv) {
        w->force_slope = (fe * vv - ve * fv) / determinant;
        w->virial_slope = (ve * ff - fe * fv) / determinant;
        w->explained = (w->force_slope * fe + w->virial_slope * ve) / ee;
    } else if (ff > 0) {
        w->force_slope = fe / ff;
        w->explained = w->force_slope * fe / ee;
    } else if (vv > 0) { /* crystals under strain have no forces */
        w->virial_slope = ve / vv;
        w->explained = w->virial_slope * ve / ee;
    }
    return status;
}

kr_status kr_check_work(kr_context *ctx, kr_check *c) {
    kr_status status = KR_OK;
    kr_work_check *w = &c->report->work;
    step *list = NULL;
    int n = 0;
    w->force_slope = w->virial_slope = w->explained = NAN;
    KR_NEW(ctx, list, (size_t)c->table->nframes);
    for (int i = 1; i < c->table->nframes; i++) n += nearest_step(c, i, &list[n]);
    if (n < LEAST_PAIRS) {
        w->pairs = n;
        goto done;
    }
    KR_TRY(fit(ctx, list, n, w));
    if (!(w->explained > 0.9)) goto done; /* the frames are too far from each other to tell */
    if (fabs(w->force_slope - 1) > 0.1)
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_WORK_UNITS, -1, -1, -1,
                            "energy differences are %.4g times the work of the forces over %d pairs: %s",
                            w->force_slope, n, likely(w->force_slope)));
    if (fabs(w->virial_slope - 1) > 0.2)
        KR_TRY(kr_check_add(ctx, c, KR_FINDING_STRESS_SIGN, -1, -1, -1,
                            "energy differences are %.4g times the work of the virials over %d pairs: %s",
                            w->virial_slope, n, likely(w->virial_slope)));
done:
    kr_free(list);
    return status;
}
