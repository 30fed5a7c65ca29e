/* Mean absolute and root mean square errors, collected over frames and systems.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_ERRORS_H
#define KR_CLI_ERRORS_H

#include <stdio.h>

/* X(NAME, text of the MAE line, text of the RMSE line, unit): the lines of `dp test` in their order. */
#define CLI_ERROR_LIST(X)                                       \
    X(E, "Energy MAE         ", "Energy RMSE        ", "eV")    \
    X(EA, "Energy MAE/Natoms  ", "Energy RMSE/Natoms ", "eV")   \
    X(F, "Force  MAE         ", "Force  RMSE        ", "eV/Å")  \
    X(FW, "Force weighted MAE ", "Force weighted RMSE", "eV/Å") \
    X(V, "Virial MAE         ", "Virial RMSE        ", "eV")    \
    X(VA, "Virial MAE/Natoms  ", "Virial RMSE/Natoms ", "eV")   \
    X(S, "Stress MAE         ", "Stress RMSE        ", "eV/Å³") \
    X(AE, "Atomic ener MAE    ", "Atomic ener RMSE   ", "eV")

typedef enum cli_error_kind {
#define CLI_ERROR_ENUM(name, mae, rmse, unit) CLI_ERROR_##name,
    CLI_ERROR_LIST(CLI_ERROR_ENUM)
#undef CLI_ERROR_ENUM
        CLI_ERROR_KINDS
} cli_error_kind;

typedef struct cli_errors {
    double count[CLI_ERROR_KINDS]; /* values, or the sum of their weights */
    double absolute[CLI_ERROR_KINDS], square[CLI_ERROR_KINDS];
} cli_errors;

/* Adds factor·|made − data| of n values. */
void cli_errors_add(cli_errors *errors, cli_error_kind kind, int n, const double *data, const double *made,
                    double factor);
/* Weight [n] for every group of `width` values. */
void cli_errors_add_weighted(cli_errors *errors, cli_error_kind kind, int n, int width, const double *data,
                             const double *made, const double *weight);
void cli_errors_merge(cli_errors *into, const cli_errors *from);
/* Two lines for every kind that has values. */
void cli_errors_print(FILE *out, const cli_errors *errors);

#endif
