/* Labels by their keys.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * FOLDER/ab/abcdef….h5 is a deepmd/hdf5 data set of one frame, so that other programs can read it, too. */
#include "eelt/label_store.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/structure.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

kr_status kr_label_store_open(kr_context *ctx, const char *own, const char *shared, kr_label_store *store) {
    kr_status status = KR_OK;
    memset(store, 0, sizeof *store);
    store->own = kr_strdup(ctx, own);
    store->shared = shared ? kr_strdup(ctx, shared) : NULL;
    if (!store->own || (shared && !store->shared)) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_is_folder(own)) KR_TRY(kr_folder_make(ctx, own));
    if (shared && !kr_file_is_folder(shared)) KR_FAIL(ctx, KR_ERR_IO, "the label store '%s' is no folder", shared);
done:
    if (status != KR_OK) kr_label_store_close(store);
    return status;
}

void kr_label_store_close(kr_label_store *store) {
    kr_free(store->own);
    kr_free(store->shared);
    memset(store, 0, sizeof *store);
}

/* Path of a label in the folder where it is, or NULL. */
static char *find(kr_context *ctx, const kr_label_store *store, const char *key) {
    const char *folders[2] = {store->shared, store->own};
    for (int i = 0; i < 2; i++) {
        char *path = folders[i] ? kr_strprintf(ctx, "%s/%.2s/%s.h5", folders[i], key, key) : NULL;
        if (path && kr_file_exists(path)) return path;
        kr_free(path);
    }
    return NULL;
}

int kr_label_store_has(kr_context *ctx, const kr_label_store *store, const char *key) {
    char *path = find(ctx, store, key);
    kr_free(path);
    return path != NULL;
}

/* The frame and its label as a data set, atoms sorted. */
static kr_status dataset_of(kr_context *ctx, const kr_label_frame *f, const kr_label_result *r, kr_dataset **dataset) {
    kr_status status = KR_OK;
    int natoms = f->frame->natoms, *order = NULL, *type = NULL;
    double *numbers = NULL;
    kr_builder builder;
    kr_frame frame = {.natoms = natoms};
    KR_TRY(kr_dataset_create(ctx, dataset));
    KR_NEW(ctx, order, (size_t)natoms + 1);
    KR_NEW(ctx, type, (size_t)natoms + 1);
    KR_NEW(ctx, numbers, 6 * (size_t)natoms + 1);
    KR_TRY(kr_structure_order(ctx, f->frame, f->names, order, NULL));
    KR_TRY(kr_builder_begin(ctx, "label", 0, &builder));
    for (int i = 0; i < natoms && status == KR_OK; i++) {
        const char *name = f->names[f->frame->type[order[i]]];
        status = kr_names_add(ctx, &builder.names, name, strlen(name), &type[i]);
        memcpy(numbers + 3 * i, f->frame->coord + 3 * order[i], 3 * sizeof(double));
        memcpy(numbers + 3 * (natoms + i), r->force + 3 * order[i], 3 * sizeof(double));
    }
    frame.type = type;
    frame.coord = numbers;
    memcpy(frame.box, f->frame->box, sizeof frame.box);
    memcpy(frame.pbc, f->frame->pbc, sizeof frame.pbc);
    frame.label[KR_LABEL_ENERGY] = &r->energy;
    frame.label[KR_LABEL_FORCE] = numbers + 3 * natoms;
    frame.width[KR_LABEL_ENERGY] = 1;
    frame.width[KR_LABEL_FORCE] = 3;
    if (r->has_virial) {
        frame.label[KR_LABEL_VIRIAL] = r->virial;
        frame.width[KR_LABEL_VIRIAL] = 9;
    }
    if (status == KR_OK) status = kr_builder_add(ctx, &builder, &frame);
    if (status == KR_OK) status = kr_builder_finish(ctx, &builder, *dataset);
    kr_builder_clear(&builder);
done:
    kr_free(order);
    kr_free(type);
    kr_free(numbers);
    return status;
}

static kr_status put_into(kr_context *ctx, const char *folder, const char *key, const kr_dataset *dataset) {
    kr_status status = KR_OK;
    char *sub = kr_strprintf(ctx, "%s/%.2s", folder, key), *path = NULL;
    if (!sub) return KR_ERR_MEMORY;
    if (mkdir(sub, 0777) != 0 && errno != EEXIST)
        KR_FAIL(ctx, KR_ERR_IO, "cannot make the folder '%s': %s", sub, strerror(errno));
    path = kr_strprintf(ctx, "%s/%s.h5", sub, key);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_dataset_write(ctx, dataset, path, "hdf5", 1));
done:
    kr_free(sub);
    kr_free(path);
    return status;
}

kr_status kr_label_store_put(kr_context *ctx, kr_label_store *store, const char *key, const kr_label_frame *frame,
                             const kr_label_result *result) {
    kr_status status = KR_OK;
    kr_dataset *dataset = NULL;
    KR_TRY(dataset_of(ctx, frame, result, &dataset));
    if (store->shared && access(store->shared, W_OK) == 0) {
        status = put_into(ctx, store->shared, key, dataset);
        if (status == KR_OK) goto done;
    }
    if (store->shared && !store->warned++)
        kr_log(ctx, KR_LOG_WARNING, "the label store '%s' cannot be written: labels are kept in '%s'", store->shared,
               store->own);
    KR_TRY(put_into(ctx, store->own, key, dataset));
done:
    kr_dataset_destroy(&dataset);
    return status;
}

static kr_status fill(kr_context *ctx, const char *path, const kr_frame *stored, const kr_label_frame *frame,
                      kr_label_result *r) {
    kr_status status = KR_OK;
    int natoms = frame->frame->natoms, *order = NULL;
    const double *energy = stored->label[KR_LABEL_ENERGY], *force = stored->label[KR_LABEL_FORCE];
    const double *virial = stored->label[KR_LABEL_VIRIAL];
    if (stored->natoms != natoms || !energy || !force)
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is no label of this frame", path);
    KR_NEW(ctx, order, (size_t)natoms + 1);
    KR_TRY(kr_structure_order(ctx, frame->frame, frame->names, order, NULL));
    r->energy = energy[0];
    for (int i = 0; i < natoms; i++) memcpy(r->force + 3 * order[i], force + 3 * i, 3 * sizeof(double));
    r->has_virial = virial != NULL;
    if (virial) memcpy(r->virial, virial, sizeof r->virial);
    r->outcome = KR_OUTCOME_DONE;
done:
    kr_free(order);
    return status;
}

kr_status kr_label_store_get(kr_context *ctx, const kr_label_store *store, const char *key, const kr_label_frame *frame,
                             kr_label_result *result) {
    kr_status status = KR_OK;
    kr_dataset *dataset = NULL;
    kr_frames frames;
    kr_frame stored;
    char *path = find(ctx, store, key);
    if (!path) return KR_ERROR(ctx, KR_ERR_IO, "the label %.16s… is not in the store", key);
    KR_TRY(kr_dataset_read(ctx, path, "hdf5", 0, NULL, &dataset));
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    status = kr_frames_get(ctx, &frames, 0, 0, &stored);
    if (status == KR_OK) status = fill(ctx, path, &stored, frame, result);
    kr_frames_clear(&frames);
done:
    kr_dataset_destroy(&dataset);
    kr_free(path);
    return status;
}
