/* A folder of its own for a test of whole trainings, and an input of two systems with all averages.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_RUN_CASE_H
#define KR_RUN_CASE_H

#include "kr_test.h"

typedef struct kr_run_case {
    kr_context *ctx;
    char folder[64];
} kr_run_case;

/* For cmocka_unit_test_setup_teardown: *state is a kr_run_case. The folder goes away; a leak fails the test. */
int kr_run_case_setup(void **state);
int kr_run_case_teardown(void **state);

void kr_run_case_write(const char *path, const char *text);
/* folder/name, or name when folder is ""; for kr_free. */
char *kr_run_case_read(kr_context *ctx, const char *folder, const char *name);
/* text (of malloc, given up) with every `from` replaced; for free. */
char *kr_run_case_replaced(char *text, const char *from, const char *to);

/* Two systems with probabilities, validation, 40 steps: as much state as a run can have. `extra` goes into "training",
 * `own` into "kramers", both begin with a comma. path: the file, folder/run.json. */
void kr_run_case_input(const kr_run_case *f, const char *engine, const char *extra, const char *own, char path[256]);
/* One training; stop >= 0: cancelled after that many steps. */
kr_status kr_run_case_train(kr_run_case *f, const char *input, const char *folder, const char *restart, long stop,
                            int ensemble);
/* Parameters of model files (names, then NULL) in two folders, bit by bit, and the text of lcurve.out. */
void kr_run_case_same(kr_run_case *f, const char *a, const char *b, const char *const *models);
/* A run in one piece with one thread in `whole`, and one with three threads, cancelled after 7 and 26 steps and
 * restarted, in `parts`: they must end the same. */
void kr_run_case_restarts(kr_run_case *f, const char *input, const char *whole, const char *parts,
                          const char *const *models);

#endif
