/* Features of a whole dataset, and their standardisation per element (kramers/features.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/frame_table.h"
#include "core/parallel.h"
#include "potential/model_frames.h"
#include <kramers/features.h>
#include <math.h>
#include <string.h>

/* Each thread has its own reader and its own scratch; frames are the blocks. */
typedef struct work {
    const kr_dataset *dataset;
    int *system, *frame; /* [nframes] */
    int nthreads;
    kr_features **features;  /* [nthreads] */
    kr_model_frames *reader; /* [nthreads] */
    kr_feature_rows *rows;
} work;

static kr_status one_frame(void *payload, kr_context *ctx, long k, int thread) {
    kr_status status = KR_OK;
    const work *w = payload;
    kr_feature_rows *r = w->rows;
    long first = r->first[k], n = r->first[k + 1] - first;
    kr_frame f;
    if (!n) return KR_OK;
    KR_TRY(kr_model_frames_get(ctx, &w->reader[thread], w->system[k], w->frame[k], &f));
    KR_TRY(kr_features_frame(ctx, w->features[thread], f.natoms, f.coord, f.type, kr_frame_box(&f), kr_frame_pbc(&f),
                             f.label[KR_LABEL_FPARAM], f.label[KR_LABEL_APARAM],
                             r->row + (size_t)first * (size_t)r->width));
    for (long i = 0; i < n; i++) {
        r->type[first + i] = f.type[i];
        r->atom[first + i] = (int)i;
    }
done:
    if (status < 0) kr_error_prefix(ctx, "%s, frame %d", w->dataset->system[w->system[k]]->name, w->frame[k]);
    return status;
}

/* Where rows of a frame begin; real atoms only. */
static void count_rows(work *w, const unsigned char *keep) {
    kr_feature_rows *r = w->rows;
    long k = 0;
    for (int s = 0; s < w->dataset->nsystems; s++) {
        const kr_system *system = w->dataset->system[s];
        for (int f = 0; f < system->nframes; f++, k++) {
            const int *type = kr_system_types(system, f);
            long n = 0;
            for (int i = 0; i < system->natoms; i++) n += type[i] >= 0;
            r->first[k + 1] = r->first[k] + (!keep || keep[k] ? n : 0);
            w->system[k] = s;
            w->frame[k] = f;
        }
    }
    r->nrows = r->first[r->nframes];
}

static kr_status prepare(kr_context *ctx, work *w, const kr_potential *potential, int index, kr_features_kind kind) {
    kr_status status = KR_OK;
    w->nthreads = kr_parallel_threads(ctx);
    KR_NEW(ctx, w->features, (size_t)w->nthreads);
    KR_NEW(ctx, w->reader, (size_t)w->nthreads);
    for (int t = 0; t < w->nthreads; t++) {
        KR_TRY(kr_features_create(ctx, potential, index, kind, &w->features[t]));
        KR_TRY(kr_model_frames_begin(ctx, kr_potential_model(potential, index), w->dataset, &w->reader[t]));
    }
done:
    return status;
}

kr_status kr_features_dataset(kr_context *ctx, const kr_potential *potential, int index, kr_features_kind kind,
                              const kr_dataset *dataset, const unsigned char *keep, kr_feature_rows **rows) {
    kr_status status = KR_OK;
    work w = {.dataset = dataset};
    if (!rows || !dataset) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "features: dataset or room for the rows is NULL");
    *rows = NULL;
    KR_NEW(ctx, w.rows, 1);
    w.rows->nframes = kr_dataset_frames(dataset);
    size_t nframes = (size_t)w.rows->nframes;
    KR_NEW(ctx, w.rows->first, nframes + 1);
    KR_NEW(ctx, w.system, nframes + 1);
    KR_NEW(ctx, w.frame, nframes + 1);
    KR_TRY(prepare(ctx, &w, potential, index, kind));
    count_rows(&w, keep);
    w.rows->width = kr_features_width(w.features[0]);
    KR_NEW(ctx, w.rows->type, (size_t)w.rows->nrows + 1);
    KR_NEW(ctx, w.rows->atom, (size_t)w.rows->nrows + 1);
    KR_NEW(ctx, w.rows->row, (size_t)w.rows->nrows * (size_t)w.rows->width + 1);
    KR_TRY(kr_parallel_blocks(ctx, w.rows->nframes, one_frame, NULL, &w));
    *rows = w.rows;
    w.rows = NULL;
done:
    for (int t = 0; w.features && t < w.nthreads; t++) kr_features_destroy(&w.features[t]);
    for (int t = 0; w.reader && t < w.nthreads; t++) kr_model_frames_clear(&w.reader[t]);
    kr_free(w.features);
    kr_free(w.reader);
    kr_free(w.system);
    kr_free(w.frame);
    kr_feature_rows_destroy(&w.rows);
    return status;
}

void kr_feature_rows_destroy(kr_feature_rows **rows) {
    if (!rows || !*rows) return;
    kr_free((*rows)->first);
    kr_free((*rows)->type);
    kr_free((*rows)->atom);
    kr_free((*rows)->row);
    kr_free(*rows);
    *rows = NULL;
}

/* ---- standardisation ---- */

/* One pass for the means, one for the spreads: deviations are small against the values. */
kr_status kr_features_statistics(kr_context *ctx, int ntypes, int nsets, const kr_feature_rows *const *sets,
                                 double *mean, double *spread) {
    kr_status status = KR_OK;
    double *count = NULL;
    if (ntypes < 1 || nsets < 1 || !sets || !mean || !spread || !sets[0])
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "statistics of %d sets of features, %d types: an array is missing", nsets,
                        ntypes);
    size_t width = (size_t)sets[0]->width;
    KR_NEW(ctx, count, (size_t)ntypes);
    memset(mean, 0, (size_t)ntypes * width * sizeof *mean);
    memset(spread, 0, (size_t)ntypes * width * sizeof *spread);
    for (int pass = 0; pass < 2; pass++) {
        for (int s = 0; s < nsets; s++)
            for (long i = 0; sets[s] && i < sets[s]->nrows; i++) {
                size_t t = (size_t)sets[s]->type[i] * width;
                const double *row = sets[s]->row + (size_t)i * width;
                for (size_t k = 0; k < width; k++)
                    if (pass)
                        spread[t + k] += (row[k] - mean[t + k]) * (row[k] - mean[t + k]);
                    else
                        mean[t + k] += row[k];
                if (!pass) count[sets[s]->type[i]]++;
            }
        for (int t = 0; t < ntypes; t++)
            for (size_t k = 0; k < width; k++) {
                double *m = &mean[(size_t)t * width + k], *s = &spread[(size_t)t * width + k];
                if (!pass)
                    *m = count[t] > 0 ? *m / count[t] : 0;
                else
                    *s = count[t] > 0 ? sqrt(*s / count[t]) : 0;
                /* below what rounding leaves, a column is constant */
                if (pass && !(*s > 1e-10 * (1 + fabs(*m)))) *s = 1;
            }
    }
done:
    kr_free(count);
    return status;
}

void kr_features_standardise(kr_feature_rows *rows, const double *mean, const double *spread) {
    size_t width = (size_t)rows->width;
    for (long i = 0; i < rows->nrows; i++) {
        double *row = rows->row + (size_t)i * width;
        size_t t = (size_t)rows->type[i] * width;
        for (size_t k = 0; k < width; k++) row[k] = (row[k] - mean[t + k]) / spread[t + k];
    }
}
