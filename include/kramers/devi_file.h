/* The file model_devi.out, in the two layouts that scripts for DeePMD-kit parse.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A row: step, max/min/avg of the virial deviation, max/min/avg of the force deviation [, devi_e] [, ε of every atom].
 * Numbers are those of kr_deviation; their units are the caller's. */
#ifndef KRAMERS_DEVI_FILE_H
#define KRAMERS_DEVI_FILE_H

#include <kramers/deviation.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_devi_file kr_devi_file;

typedef enum kr_devi_layout {
    KR_DEVI_LAMMPS = 0, /* as pair_style deepmd writes: one header, no devi_e */
    KR_DEVI_CLI = 1     /* as `dp model-devi` writes: a header per system, devi_e after the forces */
} kr_devi_layout;

/* atomic: rows end with one value per atom. append: an existing file is continued, otherwise it is replaced.
 * The LAMMPS header is written at once unless the file that is continued has content. */
kr_status kr_devi_file_open(kr_context *ctx, const char *path, kr_devi_layout layout, int atomic, int append,
                            kr_devi_file **file);
/* CLI layout: the name of the system whose rows follow, and the column names. */
kr_status kr_devi_file_system(kr_context *ctx, kr_devi_file *file, const char *name);
/* One row, flushed: a killed run leaves whole rows. epsilon [n] is used when the file is atomic; may be NULL else. */
kr_status kr_devi_file_write(kr_context *ctx, kr_devi_file *file, long step, const kr_deviation *deviation, int n,
                             const double *epsilon);
void kr_devi_file_close(kr_devi_file **file);

#ifdef __cplusplus
}
#endif
#endif
