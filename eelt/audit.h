/* Inside the audit: frames grouped by cell and run, their likeness, sums that means are resampled from.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_AUDIT_H
#define KR_EELT_AUDIT_H

#include <kramers/audit.h>

/* Quantities that means are taken of: Σ of squares and of absolute values, and how many numbers they are sums of. */
enum { KR_AUDIT_F, KR_AUDIT_E, KR_AUDIT_V, KR_AUDIT_SUMS };

/* Frames of one run in one cell. */
typedef struct kr_audit_run {
    int run, cell;
    double n, above; /* frames, of them above e_target */
    double y, y2;    /* Σ and Σ² of log e */
    double count[KR_AUDIT_SUMS], square[KR_AUDIT_SUMS], absolute[KR_AUDIT_SUMS];
} kr_audit_run;

/* Sorted by cell, then run; *first [ncells + 1]. Both by kr_free. */
kr_status kr_audit_group(kr_context *ctx, double e_target, int ncells, long n, const kr_scored *scored, int *nruns,
                         kr_audit_run **runs, int **first);
/* Likeness of the frames of a run within their cell, over all cells, 0 … 1: of log e (1 when no cell has two runs while
 * some run has two frames), and of the event e > e_target (0 then). */
typedef struct kr_likeness {
    double error, event;
    double rate; /* of the event over all frames: what a cell's own rate is drawn towards */
} kr_likeness;
kr_likeness kr_audit_likeness(int ncells, const kr_audit_run *runs, const int *first);
/* Frames of runs [nruns] that count as independent. */
double kr_audit_independent(int nruns, const kr_audit_run *runs, kr_likeness likeness);
/* Fills the six means of a rate with intervals: cells [ncells] with weights, resampled by run. */
kr_status kr_audit_means(kr_context *ctx, const kr_audit_options *options, int ncells, const double *weight,
                         const kr_audit_run *runs, const int *first, uint64_t entity, kr_audit_rate *rate);

#endif
