/* The audit: how often frames called accurate are not, with limits that hold; the certificate of a finished potential.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames of the accurate class are drawn at random from every cell, labelled, and scored with the models that called
 * them accurate. Rates of cells are weighted by the populations of their accurate classes. Frames of one run are alike:
 * limits count as many independent frames as the likeness within the runs leaves, means are resampled by run. */
#ifndef KRAMERS_AUDIT_H
#define KRAMERS_AUDIT_H

#include <kramers/examine.h>
#include <kramers/potential.h>
#include <kramers/system.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A frame that may be drawn: member of a run's sample of accurate frames. */
typedef struct kr_audit_offer {
    int run, cell;
    double time_ps; /* within the run; NaN = unknown */
    double weight;  /* frames that it stands for (1 / its chance to be in the sample), > 0 */
} kr_audit_offer;

/* Draws `most` of offers [n]: shares of cells in proportion to weight [ncells] (≥ 0: accurate frames sampled there; at
 * least one where the weight is not 0, as far as `most` allows), within a cell without replacement in proportion to the
 * offers' weights, frames of a run at least correlation_ps apart. What a cell lacks goes to the others. *chosen
 * [*nchosen] ascending, by kr_audit_free. */
kr_status kr_audit_sample(kr_context *ctx, uint64_t seed, uint64_t step, long most, double correlation_ps, int ncells,
                          const double *weight, long n, const kr_audit_offer *offers, long *nchosen, long **chosen);
void kr_audit_free(long **chosen);

/* One labelled frame, scored. Errors are model 0 (or any one model) minus label. */
typedef struct kr_scored {
    int run, cell;
    int natoms;
    double u;      /* largest force deviation, eV/Å; NaN = one model */
    double e;      /* largest |ΔF| over the atoms, eV/Å */
    double de;     /* energy error per atom, eV; NaN = no label */
    double f2, f1; /* Σ over the components of ΔF² and |ΔF|, 3 natoms of them */
    double w2, w1; /* the same of the virial per atom, 9 of them, eV; NaN = no label */
} kr_scored;

/* scored [frames of labelled]; deviations from all models of the potential, errors of model `index` (−1 = mean). run
 * and cell [frames] (NULL = frame number, 0). */
kr_status kr_audit_score(kr_context *ctx, const kr_potential *potential, int index, const kr_dataset *labelled,
                         const int *run, const int *cell, kr_scored *scored);

typedef struct kr_interval {
    double value, low, high;
} kr_interval;

typedef struct kr_audit_rate {
    long frames, above;        /* with a label; with e > e_target */
    double independent;        /* frames that count as independent */
    kr_interval rate;          /* of frames above e_target: weighted over the cells, two-sided */
    double bound;              /* one-sided upper limit at the confidence */
    const char *method;        /* "Clopper-Pearson" or "stratified Wilson" */
    kr_interval rmse_f, mae_f; /* eV/Å, bootstrap by run */
    kr_interval rmse_e, mae_e; /* eV per atom */
    kr_interval rmse_v, mae_v; /* eV per atom */
} kr_audit_rate;

typedef struct kr_audit_options {
    double e_target;   /* eV/Å, 0.15 */
    double confidence; /* 0.95 */
    int resamples;     /* 1000 */
    uint64_t seed;
    double bound_confidence; /* of `bound` alone, when it is looked at more than once; 0 = confidence */
} kr_audit_options;
extern const kr_audit_options kr_audit_defaults;

typedef struct kr_audit_report {
    int ncells;
    kr_audit_rate *cell; /* [ncells] */
    kr_audit_rate all;   /* weighted by the populations */
    double likeness;     /* of frames of one run, 0 … 1 (intraclass correlation of log e) */
} kr_audit_report;

/* weight [ncells]: population of every cell's audited class (NULL = equal). */
kr_status kr_audit_evaluate(kr_context *ctx, const kr_audit_options *options, int ncells, const double *weight, long n,
                            const kr_scored *scored, kr_audit_report **report);
void kr_audit_report_destroy(kr_audit_report **report);

/* ---- certificate ---- */

typedef struct kr_certificate_options {
    const char *campaign, *window, *date; /* "T 50-1000 K, P 0-5 GPa, systems …"; date "2026-01-31" */
    const char *const *cell_name;         /* [ncells] or NULL */
    int nmodels;
    const char *const *model_path;        /* [nmodels]: hashed */
    double e_target, confidence, allowed; /* eV/Å, of the statement, allowed share above e_target (0.05) */
    int look;                             /* 1, 2 …: bounds that were computed before are paid for; 0 = 1 */
    double look_confidence;               /* of the bound of this look, as the report has it; 0 = confidence */
} kr_certificate_options;

/* The record as JSON text, *text by kr_audit_text_free; *holds: bound ≤ allowed. */
kr_status kr_certificate_make(kr_context *ctx, const kr_certificate_options *options, const kr_audit_report *report,
                              char **text, int *holds);
void kr_audit_text_free(char **text);
/* Adds the record to a model file under the key "kramers_certificate" (other programs ignore it); by rename. */
kr_status kr_certificate_attach(kr_context *ctx, const char *text, const char *model_path);

#ifdef __cplusplus
}
#endif
#endif
