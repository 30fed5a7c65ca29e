/* Extrapolation grades of frames against a training set (kramers/select.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/grades.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/maxvol.h"
#include <kramers/select.h>
#include <math.h>
#include <string.h>

#define THRESHOLD 1.001
#define START 1e-3 /* of the typical length of a row: what MaxVol begins with */

kr_status kr_element_rows(kr_context *ctx, const kr_feature_rows *r, const unsigned char *keep, int element, long *n,
                          double **rows, long **frame) {
    kr_status status = KR_OK;
    size_t width = (size_t)r->width;
    *n = 0;
    KR_NEW(ctx, *rows, (size_t)r->nrows * width + 1);
    KR_NEW(ctx, *frame, (size_t)r->nrows + 1);
    for (long f = 0; f < r->nframes; f++)
        for (long i = r->first[f]; i < r->first[f + 1]; i++) {
            if (r->type[i] != element || (keep && !keep[f])) continue;
            memcpy(*rows + (size_t)*n * width, r->row + (size_t)i * width, width * sizeof **rows);
            (*frame)[(*n)++] = f;
        }
done:
    return status;
}

/* Root mean square of the lengths of rows [n][width]. */
static double typical_length(long n, int width, const double *rows) {
    double sum = 0;
    for (long k = 0; k < n * width; k++) sum += rows[k] * rows[k];
    return n ? sqrt(sum / (double)n) : 0;
}

kr_status kr_maxvol_of(kr_context *ctx, int width, long n, const double *rows, kr_maxvol **maxvol) {
    double length = typical_length(n, width, rows);
    *maxvol = NULL;
    if (!(length > 0)) return KR_OK;
    kr_status status = kr_maxvol_create(ctx, width, START * length, maxvol);
    if (status == KR_OK) status = kr_maxvol_extend(ctx, *maxvol, n, rows, 0, THRESHOLD, NULL);
    if (status != KR_OK) kr_maxvol_destroy(maxvol);
    return status;
}

static kr_status one_element(kr_context *ctx, int element, const kr_feature_rows *known, const kr_feature_rows *rows,
                             double *grade) {
    kr_status status = KR_OK;
    kr_maxvol *maxvol = NULL;
    double *a = NULL, *b = NULL, *g = NULL;
    long *from = NULL, *frame = NULL, nknown, n;
    KR_TRY(kr_element_rows(ctx, known, NULL, element, &nknown, &a, &from));
    KR_TRY(kr_element_rows(ctx, rows, NULL, element, &n, &b, &frame));
    KR_NEW(ctx, g, (size_t)n + 1);
    KR_TRY(kr_maxvol_of(ctx, rows->width, nknown, a, &maxvol));
    if (maxvol) {
        KR_TRY(kr_maxvol_grades(ctx, maxvol, n, b, g));
    } else {
        for (long i = 0; i < n; i++) g[i] = INFINITY;
    }
    for (long i = 0; i < n; i++) grade[frame[i]] = fmax(grade[frame[i]], g[i]);
done:
    kr_maxvol_destroy(&maxvol);
    kr_free(a);
    kr_free(b);
    kr_free(g);
    kr_free(from);
    kr_free(frame);
    return status;
}

kr_status kr_candidates_grades(kr_context *ctx, const kr_potential *potential, kr_features_kind kind,
                               const kr_dataset *training, const kr_dataset *candidates, double *grade) {
    kr_status status = KR_OK;
    kr_feature_rows *known = NULL, *rows = NULL;
    if (!potential || !training || !candidates || !grade)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "grades: potential, training set, candidates or room for them is NULL");
    KR_TRY(kr_features_dataset(ctx, potential, 0, kind, training, NULL, &known));
    KR_TRY(kr_features_dataset(ctx, potential, 0, kind, candidates, NULL, &rows));
    memset(grade, 0, (size_t)rows->nframes * sizeof *grade);
    for (int e = 0; e < kr_model_ntypes(kr_potential_model(potential, 0)); e++)
        KR_TRY(one_element(ctx, e, known, rows, grade));
done:
    kr_feature_rows_destroy(&known);
    kr_feature_rows_destroy(&rows);
    return status;
}
