/* Novelty of frames to one model (novelty.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/novelty.h"
#include "core/error.h"
#include "core/file.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "eelt/ensemble.h"
#include "eelt/explore_held.h"
#include "eelt/grades.h"
#include "eelt/maxvol.h"
#include "eelt/posterior.h"
#include "potential/model_frames.h"
#include <kramers/features.h>
#include <math.h>
#include <string.h>

enum { MOST_RESIDUALS = 2000 };          /* atoms that decide about α and ς */
static const double nothing_known = 1e6; /* u of an element that no training atom has: beyond every level */

struct kr_novelty {
    const kr_potential *potential;
    kr_features *features;
    int method, m, ntypes;
    unsigned char *known;  /* [ntypes] had training atoms */
    double *matrix;        /* [ntypes][m][m]: 3 P_z, or A_z⁻¹ */
    kr_buffer rows, block; /* scratch: [n][m], [2][n][m] */
};

static kr_status create(kr_context *ctx, const kr_potential *potential, int method, kr_novelty **novelty) {
    kr_status status = KR_OK;
    kr_novelty *v = NULL;
    *novelty = NULL;
    KR_NEW(ctx, v, 1);
    v->potential = potential;
    v->method = method;
    KR_TRY(kr_features_create(ctx, potential, 0, KR_FEATURES_LAST_LAYER, &v->features));
    v->m = kr_features_width(v->features);
    v->ntypes = kr_model_ntypes(kr_potential_model(potential, 0));
    KR_NEW(ctx, v->known, (size_t)v->ntypes);
    KR_NEW(ctx, v->matrix, (size_t)v->ntypes * (size_t)v->m * (size_t)v->m);
    *novelty = v;
    v = NULL;
done:
    kr_novelty_destroy(&v);
    return status;
}

void kr_novelty_destroy(kr_novelty **novelty) {
    if (!novelty || !*novelty) return;
    kr_novelty *v = *novelty;
    kr_features_destroy(&v->features);
    kr_buffer_free(&v->rows);
    kr_buffer_free(&v->block);
    kr_free(v->known);
    kr_free(v->matrix);
    kr_free(v);
    *novelty = NULL;
}

/* ---- training ---- */

/* Force errors of every `stride`-th atom of labelled frames, over sqrt(3), beside its features in the place of its
 * element: residual [*n], place [*n][ntypes][m]. */
static kr_status residuals_of(kr_context *ctx, const kr_novelty *v, const kr_dataset *data, long *n, double **place,
                              double **residual) {
    kr_status status = KR_OK;
    kr_feature_rows *rows = NULL;
    kr_model_frames frames = {.map = NULL};
    kr_ensemble_work work = {.nmodels = 0};
    kr_frame frame;
    size_t m = (size_t)v->m, width = (size_t)v->ntypes * m;
    long at = 0;
    *n = 0;
    KR_TRY(kr_features_dataset(ctx, v->potential, 0, KR_FEATURES_LAST_LAYER, data, NULL, &rows));
    long stride = rows->nrows / MOST_RESIDUALS + 1;
    KR_NEW(ctx, *place, (size_t)(rows->nrows / stride + 1) * width);
    KR_NEW(ctx, *residual, (size_t)(rows->nrows / stride + 1));
    KR_TRY(kr_ensemble_begin(ctx, v->potential, &work));
    KR_TRY(kr_model_frames_begin(ctx, kr_potential_model(v->potential, 0), data, &frames));
    for (int s = 0; s < data->nsystems; s++)
        for (int f = 0; f < data->system[s]->nframes; f++, at++) {
            KR_TRY(kr_model_frames_get(ctx, &frames, s, f, &frame));
            const double *label = frame.label[KR_LABEL_FORCE];
            if (!label) continue;
            KR_TRY(kr_ensemble_frame(ctx, &work, &frame));
            for (long i = rows->first[at]; i < rows->first[at + 1]; i++) {
                if (i % stride) continue;
                double e2 = 0;
                for (int c = 0; c < 3; c++) {
                    double d = work.force[3 * rows->atom[i] + c] - label[3 * rows->atom[i] + c];
                    e2 += d * d;
                }
                (*residual)[*n] = sqrt(e2 / 3);
                memcpy(*place + (size_t)*n * width + (size_t)rows->type[i] * m, rows->row + (size_t)i * m,
                       m * sizeof(double));
                ++*n;
            }
        }
done:
    kr_feature_rows_destroy(&rows);
    kr_model_frames_clear(&frames);
    kr_ensemble_end(&work);
    return status;
}

static kr_status train_posterior(kr_context *ctx, kr_novelty *v, const kr_feature_rows *rows,
                                 const kr_dataset *residuals) {
    kr_status status = KR_OK;
    kr_posterior *posterior = NULL;
    double *place = NULL, *residual = NULL, alpha, sigma;
    size_t size = (size_t)v->m * (size_t)v->m;
    long n;
    KR_TRY(kr_posterior_create(ctx, v->m, v->ntypes, rows->nrows, rows->type, rows->row, &posterior));
    KR_TRY(residuals_of(ctx, v, residuals, &n, &place, &residual));
    KR_TRY(kr_posterior_fit(ctx, posterior, n, place, residual, &alpha, &sigma));
    for (int z = 0; z < v->ntypes; z++) {
        kr_posterior_matrix(posterior, z, v->matrix + (size_t)z * size);
        for (size_t k = 0; k < size; k++) v->matrix[(size_t)z * size + k] *= 3; /* three components */
    }
done:
    kr_posterior_destroy(&posterior);
    kr_free(place);
    kr_free(residual);
    return status;
}

static kr_status train_maxvol(kr_context *ctx, kr_novelty *v, const kr_feature_rows *rows) {
    kr_status status = KR_OK;
    kr_maxvol *maxvol = NULL;
    double *own = NULL;
    long *frame = NULL, n;
    size_t size = (size_t)v->m * (size_t)v->m;
    for (int z = 0; z < v->ntypes; z++) {
        if (!v->known[z]) continue;
        KR_TRY(kr_element_rows(ctx, rows, NULL, z, &n, &own, &frame));
        KR_TRY(kr_maxvol_of(ctx, v->m, n, own, &maxvol));
        if (!maxvol) KR_FAIL(ctx, KR_ERR_NUMERIC, "the features of element %d are all zero", z);
        memcpy(v->matrix + (size_t)z * size, kr_maxvol_inverse(maxvol), size * sizeof(double));
        kr_maxvol_destroy(&maxvol);
        kr_free(own);
        kr_free(frame);
        own = NULL;
        frame = NULL;
    }
done:
    kr_maxvol_destroy(&maxvol);
    kr_free(own);
    kr_free(frame);
    return status;
}

kr_status kr_novelty_train(kr_context *ctx, const kr_potential *potential, kr_novelty_method method,
                           const kr_dataset *training, const kr_dataset *residuals, kr_novelty **novelty) {
    kr_status status = KR_OK;
    kr_novelty *v = NULL;
    kr_feature_rows *rows = NULL;
    *novelty = NULL;
    if (method != KR_NOVELTY_POSTERIOR && method != KR_NOVELTY_MAXVOL)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "novelty by method %d, expected posterior or maxvol", (int)method);
    KR_TRY(create(ctx, potential, method, &v));
    KR_TRY(kr_features_dataset(ctx, potential, 0, KR_FEATURES_LAST_LAYER, training, NULL, &rows));
    for (long i = 0; i < rows->nrows; i++) v->known[rows->type[i]] = 1;
    KR_TRY(method == KR_NOVELTY_POSTERIOR ? train_posterior(ctx, v, rows, residuals) : train_maxvol(ctx, v, rows));
    *novelty = v;
    v = NULL;
done:
    kr_feature_rows_destroy(&rows);
    kr_novelty_destroy(&v);
    return status;
}

/* ---- files ---- */

static const char magic[8] = "krnovel1";

kr_status kr_novelty_write(kr_context *ctx, const kr_novelty *v, const char *folder, const char *name) {
    kr_status status = KR_OK;
    kr_string out = {0};
    const int head[3] = {v->method, v->m, v->ntypes};
    KR_TRY(kr_bytes_put(ctx, &out, magic, sizeof magic));
    KR_TRY(kr_bytes_put(ctx, &out, head, sizeof head));
    KR_TRY(kr_bytes_put(ctx, &out, v->known, (size_t)v->ntypes));
    KR_TRY(kr_bytes_put(ctx, &out, v->matrix, (size_t)v->ntypes * (size_t)v->m * (size_t)v->m * sizeof(double)));
    KR_TRY(kr_file_write(ctx, folder, name, out.data, out.length));
done:
    kr_free(out.data);
    return status;
}

kr_status kr_novelty_read(kr_context *ctx, const char *path, const kr_potential *potential, kr_novelty **novelty) {
    kr_status status = KR_OK;
    kr_novelty *v = NULL;
    char *text = NULL, start[sizeof magic];
    int head[3];
    size_t length;
    *novelty = NULL;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    kr_bytes in = {(const unsigned char *)text, length, 0, 0};
    kr_bytes_take(&in, start, sizeof start);
    kr_bytes_take(&in, head, sizeof head);
    if (in.bad || memcmp(start, magic, sizeof magic) != 0 ||
        (head[0] != KR_NOVELTY_POSTERIOR && head[0] != KR_NOVELTY_MAXVOL))
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is no novelty file", path);
    KR_TRY(create(ctx, potential, head[0], &v));
    if (head[1] != v->m || head[2] != v->ntypes)
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is of a model with %d features of %d elements, this one has %d of %d", path,
                head[1], head[2], v->m, v->ntypes);
    kr_bytes_take(&in, v->known, (size_t)v->ntypes);
    kr_bytes_take(&in, v->matrix, (size_t)v->ntypes * (size_t)v->m * (size_t)v->m * sizeof(double));
    if (in.bad || in.left) KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is damaged", path);
    *novelty = v;
    v = NULL;
done:
    kr_novelty_destroy(&v);
    kr_free(text);
    return status;
}

/* ---- a frame ---- */

/* u of one atom from b [m] and c = b M_z. */
static double size_of(const kr_novelty *v, const double *b, const double *c) {
    double u = 0;
    for (int j = 0; j < v->m; j++)
        if (v->method == KR_NOVELTY_MAXVOL)
            u = fmax(u, fabs(c[j]));
        else
            u += b[j] * c[j];
    return v->method == KR_NOVELTY_MAXVOL ? u : sqrt(fmax(u, 0));
}

kr_status kr_novelty_frame(kr_context *ctx, kr_novelty *v, int n, const double *x, const int *type, const double *box,
                           const unsigned char *pbc, const double *fparam, const double *aparam, double *u) {
    kr_status status = KR_OK;
    size_t m = (size_t)v->m;
    KR_TRY(kr_buffer_reserve(ctx, &v->rows, (size_t)n * m, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &v->block, 2 * (size_t)n * m, sizeof(double)));
    double *rows = v->rows.data, *b = v->block.data, *c = b + (size_t)n * m;
    KR_TRY(kr_features_frame(ctx, v->features, n, x, type, box, pbc, fparam, aparam, rows));
    for (int i = 0; i < n; i++) u[i] = type[i] < 0 ? 0 : nothing_known;
    for (int z = 0; z < v->ntypes; z++) { /* one product for the atoms of an element */
        int count = 0;
        for (int i = 0; i < n && v->known[z]; i++)
            if (type[i] == z) memcpy(b + m * (size_t)count++, rows + m * (size_t)i, m * sizeof *b);
        if (!count) continue;
        kr_gemm(0, 0, count, v->m, v->m, 1, b, v->m, v->matrix + (size_t)z * m * m, v->m, 0, c, v->m);
        for (int i = 0, k = 0; i < n; i++)
            if (type[i] == z) u[i] = size_of(v, b + m * (size_t)k, c + m * (size_t)k), k++;
    }
done:
    return status;
}
