/* The file formats of datasets: one reader and one writer each, listed in formats.def.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_FORMATS_H
#define KR_CORE_FORMATS_H

#include <kramers/system.h>

typedef struct kr_read_options {
    int nelements;
    const char *const *elements; /* names of LAMMPS types 1 … nelements */
} kr_read_options;

/* Appends what `path` holds to the dataset. */
typedef kr_status (*kr_read_fn)(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset);
typedef kr_status (*kr_write_fn)(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite);
/* The same from a text in memory; `where` names it in messages. */
typedef kr_status (*kr_parse_fn)(kr_context *ctx, const char *text, size_t length, const char *where,
                                 const kr_read_options *options, kr_dataset *dataset);

#define KR_FORMAT(id, name, suffixes, read, write)                                                          \
    kr_status read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset); \
    kr_status write(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite);
#include "core/formats.def"
#undef KR_FORMAT

kr_status kr_extxyz_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                          const kr_read_options *options, kr_dataset *dataset);
kr_status kr_lammps_data_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                               const kr_read_options *options, kr_dataset *dataset);
kr_status kr_lammps_dump_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                               const kr_read_options *options, kr_dataset *dataset);
kr_status kr_poscar_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                          const kr_read_options *options, kr_dataset *dataset);
/* A whole text file through one of the four. */
kr_status kr_text_read(kr_context *ctx, const char *path, kr_parse_fn parse, const kr_read_options *options,
                       kr_dataset *dataset);
/* "file.hdf5#/group" → file and group (new strings); group "" without one. */
kr_status kr_hdf5_split(kr_context *ctx, const char *path, char **file, char **group);

#endif
