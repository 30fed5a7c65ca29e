/* Deep Potential model files.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A kr_model is the content of a DeePMD-kit backend-neutral model file: architecture, parameters, statistics.
 * It is constant after loading and may be shared by threads. Evaluation is in potential.h. */
#ifndef KRAMERS_MODEL_H
#define KRAMERS_MODEL_H

#include <kramers/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_model kr_model;

/* Reads .dp/.hlo (HDF5), .yaml/.yml, or imports a frozen TensorFlow graph .pb. The content decides, not only the
 * suffix. Errors: KR_ERR_IO, KR_ERR_FORMAT (what, where), KR_ERR_UNSUPPORTED (names what is unsupported). */
kr_status kr_model_load(kr_context *ctx, const char *path, kr_model **model);
/* Writes .dp or .yaml by suffix, readable by DeePMD-kit; temporary name, fsync, rename. */
kr_status kr_model_save(kr_context *ctx, const kr_model *model, const char *path);
void kr_model_destroy(kr_model **model);

int kr_model_ntypes(const kr_model *model);
const char *kr_model_type_name(const kr_model *model, int type); /* NULL when out of range */
/* Index of an element name, -1 when the model does not know it. */
int kr_model_type_index(const kr_model *model, const char *name);
double kr_model_rcut(const kr_model *model); /* Å */
int kr_model_dim_fparam(const kr_model *model);
int kr_model_dim_aparam(const kr_model *model);
int kr_model_has_default_fparam(const kr_model *model);
/* "se_e2_a", "se_r", "dpa1", "se_atten_v2" */
const char *kr_model_descriptor_name(const kr_model *model);
long kr_model_nparameters(const kr_model *model);

/* A description for people: one fact a line, each handed to `line`. */
void kr_model_describe(const kr_model *model, void (*line)(const char *text, void *payload), void *payload);

#ifdef __cplusplus
}
#endif
#endif
