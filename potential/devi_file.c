/* Writer of model_devi.out (kramers/devi_file.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Layout, by the byte: the step takes 12 columns, every number 19 with six digits ("%19.6e"). The LAMMPS layout puts
 * column names flush right behind a '#', the other one flush left behind "# ". */
#include "core/error.h"
#include "core/frames.h"
#include "core/memory.h"
#include <errno.h>
#include <kramers/devi_file.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 6 /* of kr_model_devi_key */
#define PER_ATOM "atm_devi_f(N)"

struct kr_devi_file {
    FILE *stream;
    char *path; /* for messages */
    kr_devi_layout layout;
    int atomic;
};

/* stdio keeps the first error of a stream, so one check after the row is enough. */
static kr_status flush(kr_context *ctx, kr_devi_file *file) {
    if (fflush(file->stream) == 0 && !ferror(file->stream)) return KR_OK;
    return KR_ERROR(ctx, KR_ERR_IO, "deviation file %s: %s", file->path, strerror(errno));
}

static void lammps_header(const kr_devi_file *file) {
    fprintf(file->stream, "#%11s", "step");
    for (int k = 0; k < COLUMNS; k++) fprintf(file->stream, "%19s", kr_model_devi_key[k]);
    fprintf(file->stream, file->atomic ? "%19s\n" : "%s\n", file->atomic ? PER_ATOM : "");
}

kr_status kr_devi_file_open(kr_context *ctx, const char *path, kr_devi_layout layout, int atomic, int append,
                            kr_devi_file **file) {
    kr_status status = KR_OK;
    kr_devi_file *made = NULL;
    if (!file) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "file is NULL");
    *file = NULL;
    if (!path || !*path) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the deviation file has no name");
    KR_NEW(ctx, made, 1);
    made->layout = layout;
    made->atomic = atomic;
    made->path = kr_strdup(ctx, path);
    if (!made->path) {
        status = KR_ERR_MEMORY;
        goto done;
    }
    made->stream = fopen(path, append ? "a" : "w");
    if (!made->stream) KR_FAIL(ctx, KR_ERR_IO, "deviation file %s: %s", path, strerror(errno));
    /* The position of a stream opened for appending is only defined after a seek. */
    if (append && fseek(made->stream, 0, SEEK_END) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "deviation file %s: %s", path, strerror(errno));
    if (layout == KR_DEVI_LAMMPS && ftell(made->stream) <= 0) lammps_header(made);
    KR_TRY(flush(ctx, made));
    *file = made;
    made = NULL;
done:
    kr_devi_file_close(&made);
    return status;
}

kr_status kr_devi_file_system(kr_context *ctx, kr_devi_file *file, const char *name) {
    if (!file || !name) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "file or name is NULL");
    fprintf(file->stream, "# %s\n# %-10s", name, "step");
    for (int k = 0; k < COLUMNS; k++) fprintf(file->stream, "%-19s", kr_model_devi_key[k]);
    fprintf(file->stream, "%-19s", "devi_e");
    fprintf(file->stream, file->atomic ? "%-19s\n" : "%s\n", file->atomic ? PER_ATOM : "");
    return flush(ctx, file);
}

kr_status kr_devi_file_write(kr_context *ctx, kr_devi_file *file, long step, const kr_deviation *deviation, int n,
                             const double *epsilon) {
    if (!file || !deviation) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "file or deviation is NULL");
    if (file->atomic && n > 0 && !epsilon)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "epsilon is NULL, %d values wanted", n);
    const double value[COLUMNS] = {deviation->max_v, deviation->min_v, deviation->avg_v,
                                   deviation->max_f, deviation->min_f, deviation->avg_f};
    fprintf(file->stream, "%12ld", step);
    for (int k = 0; k < COLUMNS; k++) fprintf(file->stream, "%19.6e", value[k]);
    if (file->layout == KR_DEVI_CLI) fprintf(file->stream, "%19.6e", deviation->devi_e);
    if (file->atomic)
        for (int i = 0; i < n; i++) fprintf(file->stream, "%19.6e", epsilon[i]);
    fputc('\n', file->stream);
    return flush(ctx, file);
}

void kr_devi_file_close(kr_devi_file **file) {
    if (!file || !*file) return;
    if ((*file)->stream) fclose((*file)->stream);
    kr_free((*file)->path);
    kr_free(*file);
    *file = NULL;
}
