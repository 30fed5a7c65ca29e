/* Examining what was explored: classes of sampled frames, trust levels, fractions by cell.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every sampled frame has deviations of the ensemble (deviation.h) and perhaps an extrapolation grade. Levels lo < hi
 * divide them: below lo nothing new (accurate), between worth a label (candidate), above hi not to be trusted at all
 * (failed). A level that is not used is INFINITY. docs/selecting.md has the rules and their sources. */
#ifndef KRAMERS_EXAMINE_H
#define KRAMERS_EXAMINE_H

#include <kramers/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, "word"); SKIPPED: before skip_steps, or (rule dpgen) a NaN that no comparison catches. */
#define KR_CLASS_LIST(X)      \
    X(ACCURATE, "accurate")   \
    X(CANDIDATE, "candidate") \
    X(FAILED, "failed")       \
    X(SKIPPED, "skipped")

typedef enum kr_class {
#define KR_CLASS_ENUM(name, word) KR_CLASS_##name,
    KR_CLASS_LIST(KR_CLASS_ENUM)
#undef KR_CLASS_ENUM
        KR_CLASS_COUNT
} kr_class;
const char *kr_class_word(kr_class frame_class);

/* One sampled frame. */
typedef struct kr_sample {
    long step;           /* time step */
    double dev_f, dev_v; /* largest force deviation eV/Å, largest virial deviation eV; 0 = not taken, NaN = broken */
    double gamma;        /* extrapolation grade; 0 = not taken */
    int run, cell;       /* numbers of the trajectory and of the cell (system × T × P), from 0 */
    int insane;          /* lost atoms, or a geometry that no calculation can take */
} kr_sample;

typedef struct kr_levels {
    double f_lo, f_hi; /* eV/Å */
    double v_lo, v_hi; /* eV per atom */
    double gamma_lo, gamma_hi;
} kr_levels;
extern const kr_levels kr_levels_off; /* all INFINITY */

typedef enum kr_class_rule {
    KR_CLASS_RULE_DEFAULT = 0, /* NaN, insane → failed; any ≥ hi → failed; any ≥ lo → candidate; else accurate */
    KR_CLASS_RULE_DPGEN = 1 /* DP-GEN's order: any in [lo, hi) → candidate; any ≥ hi → failed; all < lo → accurate */
} kr_class_rule;

/* classes [n]. Frames with step < skip_steps are skipped. */
kr_status kr_classify(kr_context *ctx, kr_class_rule rule, const kr_levels *levels, long skip_steps, long n,
                      const kr_sample *samples, kr_class *classes);

/* The file model_devi.out, of pair_style deepmd, `dp model-devi` or ours: *samples [n] by kr_devi_samples_free; run and
 * cell are those given. NaN and inf are read as such. KR_ERR_FORMAT names the line. */
kr_status kr_devi_samples_read(kr_context *ctx, const char *path, int run, int cell, long *n, kr_sample **samples);
void kr_devi_samples_free(kr_sample **samples);

/* ---- fractions ---- */

/* Frames of one cell by class, and the share of every class with its 95 % interval (Wilson). Frames of a run are alike:
 * the interval uses the number of independent frames that the spread between the runs shows, for each class. */
typedef struct kr_cell_count {
    long n[KR_CLASS_COUNT], total; /* total: without the skipped */
    int runs;
    double fraction[KR_CLASS_COUNT], low[KR_CLASS_COUNT], high[KR_CLASS_COUNT]; /* NaN, 0, 1 for an empty cell */
} kr_cell_count;
/* counts [ncells + 1]: the last one is all cells together. */
kr_status kr_count_classes(kr_context *ctx, long n, const kr_sample *samples, const kr_class *classes, int ncells,
                           kr_cell_count *counts);

/* ---- adaptive levels ---- */

/* The `count_f` frames (at least; else `percent_f` % of those that did not fail) of largest force deviation and the
 * same by virial are candidates, the smallest deviation among them is the new lo. Failed first: NaN, insane, deviation
 * > hi. */
typedef struct kr_adapt_options {
    long count_f, count_v;
    double percent_f, percent_v;
} kr_adapt_options;
extern const kr_adapt_options kr_adapt_dpgen;  /* 10, 0, 0 %, 0 % */
extern const kr_adapt_options kr_adapt_dpgen2; /* 200, 0, 1 %, 0 %; its hi is 0.5 eV/Å */
/* Sets f_lo and v_lo (to hi where none is wanted) and classes [n]. */
kr_status kr_levels_adapt(kr_context *ctx, const kr_adapt_options *options, long skip_steps, long n,
                          const kr_sample *samples, kr_levels *levels, kr_class *classes);
/* DP-GEN2's end: lo of the last `checked` iterations (of f_lo [n]) changed by less than the tolerance each time. */
int kr_levels_settled(long n, const double *f_lo, int checked, double tolerance);

/* ---- calibrated levels ---- */

/* A labelled frame: what the ensemble said and what was true. */
typedef struct kr_error_pair {
    double u, e; /* eV/Å: largest force deviation; largest |F − F_label| over the atoms. e NaN: the labeller failed */
    int run, cell;
} kr_error_pair;

typedef struct kr_calibrate_options {
    double e_target;   /* eV/Å, 0.15 */
    double alpha;      /* 0.05: share of frames above e_target that is accepted at lo */
    double confidence; /* 0.95 */
    long least_pairs;  /* 40 */
    int unit_free;     /* u is a number (a grade), not a deviation in eV/Å: what the note says of it has no unit */
} kr_calibrate_options;
extern const kr_calibrate_options kr_calibrate_defaults;

/* A step of the curve P(e > e_target | u), at u ascending. */
typedef struct kr_calibration_point {
    double u, rate, high; /* isotonic fit; upper limit of the share of all pairs up to u */
} kr_calibration_point;

typedef struct kr_calibration {
    long pairs, failures; /* labelled frames with an error, without a label */
    int lo_changed, hi_changed;
    double scale;      /* s = sqrt(mean e²/mean u²): s·u is the size of the errors */
    double spearman;   /* of u and e */
    double coverage;   /* share of the pairs with e ≤ s·u */
    double rate_below; /* share of pairs below the new lo with e > e_target, and its upper limit */
    double high_below;
    char note[200]; /* why the levels are what they are */
    long npoints;
    kr_calibration_point *point; /* [npoints], kr_calibration_clear */
} kr_calibration;

/* lo = largest u such that, at the confidence, at most alpha of the frames below it exceed e_target (by counting; where
 * too few labelled frames lie below any level, by the law of e/u of all); hi = u above which more than half of the
 * labels fail. Levels keep their values where the pairs do not suffice; note says so. levels f_lo, f_hi are read and
 * set. */
kr_status kr_levels_calibrate(kr_context *ctx, const kr_calibrate_options *options, long n, const kr_error_pair *pairs,
                              kr_levels *levels, kr_calibration *calibration);
void kr_calibration_clear(kr_calibration *calibration);

#ifdef __cplusplus
}
#endif
#endif
