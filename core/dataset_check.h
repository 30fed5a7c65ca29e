/* Inside of the checks of data: the growing report and the one check that has a file of its own.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_DATASET_CHECK_H
#define KR_CORE_DATASET_CHECK_H

#include "core/error.h"
#include "core/frame_table.h"
#include <kramers/dataset_tools.h>

typedef struct kr_check {
    const kr_dataset *dataset;
    const kr_frame_table *table;
    const kr_check_options *options;
    kr_check_report *report;
    int room;
} kr_check;

/* Counts a finding and keeps it while there are fewer than `most` of its kind. row < 0: of no frame. */
kr_status kr_check_add(kr_context *ctx, kr_check *check, kr_finding_kind kind, int row, int atom, int other,
                       const char *format, ...) KR_PRINTF(7, 8);
/* Energies against the work of forces and virials (dataset_check_work.c). */
kr_status kr_check_work(kr_context *ctx, kr_check *check);

/* Label of a frame, NULL when it has none. */
const double *kr_check_label(const kr_check *check, int row, kr_label label);
/* 0·Σ x is 0: all numbers are finite. */
int kr_check_finite(const double *x, size_t n);

#endif
