/* The checks of `kramers model check` on one random frame.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_CHECK_H
#define KR_CLI_CHECK_H

#include <kramers/kramers.h>
#include <stdint.h>

typedef struct cli_check {
    kr_context *ctx;
    const kr_model *model;
    int natoms;
    int ntypes;       /* types in the frames, the first of the model's */
    int has_fast;     /* 0: there is no fast path to compare */
    double tolerance; /* of the fast path, eV/Å */
    uint64_t random;  /* state of the generator */
    int open_frame;   /* 0: triclinic cell, 1: open cluster */
    int failures;
    kr_potential *exact, *fast;
    kr_workspace *exact_space, *fast_space;
    double *fparam, *aparam; /* random values, or NULL */
} cli_check;

int cli_check_open(cli_check *check);
/* Runs every check on a new frame and prints their lines. CLI_FAILED only when an evaluation fails. */
int cli_check_frame(cli_check *check);
void cli_check_close(cli_check *check);

#endif
