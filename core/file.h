/* Whole files: reading with a size limit, writing that never leaves a torn file.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_FILE_H
#define KR_CORE_FILE_H

#include <kramers/context.h>
#include <stddef.h>
#include <stdio.h>

/* The whole file plus a terminating zero; *text by kr_free. Pipes and devices are read to their end. */
kr_status kr_file_read(kr_context *ctx, const char *path, char **text, size_t *length);
int kr_file_exists(const char *path);
/* KR_ERR_IO with a hint when `path` exists and overwrite is 0. */
kr_status kr_file_target(kr_context *ctx, const char *path, int overwrite);
int kr_file_is_folder(const char *path);

/* A file being written: temporary name in the same folder; commit = flush, fsync, rename, fsync of the folder. */
typedef struct kr_file_writer {
    FILE *stream; /* NULL for kr_file_reserve_name (another library writes) */
    char *path, *temporary;
} kr_file_writer;
kr_status kr_file_begin(kr_context *ctx, const char *path, kr_file_writer *writer);
/* Only picks and reserves the temporary name; the caller writes the file writer->temporary itself. */
kr_status kr_file_reserve(kr_context *ctx, const char *path, kr_file_writer *writer);
kr_status kr_file_commit(kr_context *ctx, kr_file_writer *writer);
/* Removes the temporary file; does nothing after a commit. */
void kr_file_abandon(kr_file_writer *writer);
/* A whole small file folder/name, begin to commit. */
kr_status kr_file_write(kr_context *ctx, const char *folder, const char *name, const char *text, size_t length);

/* For tests of interrupted programs: `point` is called right before and right after everything that makes a result
 * durable (renames here, commits of databases above). NULL switches it off. */
void kr_file_set_point(void (*point)(void *payload), void *payload);
void kr_file_point(void);

/* A folder being written: a temporary folder beside `path`; commit renames it. An existing target is refused at
 * kr_folder_begin unless overwrite is set; then commit exchanges the two names and removes the old folder. */
typedef struct kr_folder_writer {
    char *path, *temporary;
} kr_folder_writer;
kr_status kr_folder_begin(kr_context *ctx, const char *path, int overwrite, kr_folder_writer *writer);
/* Syncs every file and folder below the temporary one before it renames. */
kr_status kr_folder_commit(kr_context *ctx, kr_folder_writer *writer);
void kr_folder_abandon(kr_folder_writer *writer);

/* Names in a folder without "." and "..", sorted bytewise; to be freed with kr_names_free. */
kr_status kr_folder_list(kr_context *ctx, const char *path, int *count, char ***names);
void kr_names_free(int count, char **names);
kr_status kr_folder_make(kr_context *ctx, const char *path);
/* The same with the folders above it; what is there already stays. */
kr_status kr_folder_make_all(kr_context *ctx, const char *path);
/* "folder/name", new string. */
char *kr_path_join(kr_context *ctx, const char *folder, const char *name);

#endif
