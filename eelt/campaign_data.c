/* The data of a campaign: labelled sets, models, frames that the ledger knows.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/frames.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "eelt/structure.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- labelled sets ---- */

static kr_status digest_set(kr_context *ctx, const kr_dataset *data, long *count, char hex[65]) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    kr_frames frames = {0};
    *count = 0;
    KR_TRY(kr_digest_create(ctx, &digest));
    KR_TRY(kr_frames_begin(ctx, data, &frames));
    for (int s = 0; s < data->nsystems; s++)
        for (int f = 0; f < data->system[s]->nframes; f++, (*count)++) {
            kr_frame frame;
            KR_TRY(kr_frames_get(ctx, &frames, s, f, &frame));
            for (int i = 0; i < frame.natoms; i++) kr_digest_text(digest, frames.names.name[frame.type[i]]);
            kr_digest_add(digest, frame.coord, 3 * (size_t)frame.natoms * sizeof(double));
            kr_digest_add(digest, frame.box, sizeof frame.box);
            for (int k = 0; k < KR_LABEL_COUNT; k++) {
                size_t n = (size_t)frame.width[k] * (size_t)(kr_label_per_atom((kr_label)k) ? frame.natoms : 1);
                if (frame.label[k]) kr_digest_add(digest, frame.label[k], n * sizeof(double));
            }
        }
    kr_digest_end(digest, hex);
done:
    kr_frames_clear(&frames);
    kr_digest_destroy(&digest);
    return status;
}

static kr_status add_set(kr_context *ctx, const kr_campaign *m, kr_data_list *list, const char *path) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL;
    size_t n = (size_t)list->n;
    char **paths = kr_realloc(ctx, list->path, n, n + 1, sizeof *paths);
    if (!paths) return KR_ERR_MEMORY;
    list->path = paths;
    long *frames = kr_realloc(ctx, list->frames, n, n + 1, sizeof *frames);
    if (!frames) return KR_ERR_MEMORY;
    list->frames = frames;
    void *digests = kr_realloc(ctx, list->digest, n, n + 1, sizeof *list->digest);
    if (!digests) return KR_ERR_MEMORY;
    list->digest = digests;
    KR_TRY(kr_dataset_read(ctx, path, NULL, m->config.nelements, m->config.element, &data));
    KR_TRY(digest_set(ctx, data, &list->frames[n], list->digest[n]));
    list->path[n] = kr_strdup(ctx, path);
    if (!list->path[n]) KR_TRY(KR_ERR_MEMORY);
    list->n++;
done:
    kr_dataset_destroy(&data);
    return status;
}

kr_status kr_path_real(kr_context *ctx, const char *path, char **full) {
    char room[PATH_MAX];
    *full = NULL;
    if (!realpath(path, room)) return KR_ERROR(ctx, KR_ERR_IO, "cannot find '%s': %s", path, strerror(errno));
    *full = kr_strdup(ctx, room);
    return *full ? KR_OK : KR_ERR_MEMORY;
}

/* The folders data.* of iter.N/sub. */
static kr_status add_iteration(kr_context *ctx, const kr_campaign *m, kr_data_list *list, int iteration,
                               const char *sub) {
    kr_status status = KR_OK;
    char **names = NULL, *folder = kr_campaign_path(ctx, m, iteration, sub), *path = NULL;
    int n = 0;
    if (!folder) return KR_ERR_MEMORY;
    if (!kr_file_is_folder(folder)) goto done;
    KR_TRY(kr_folder_list(ctx, folder, &n, &names));
    for (int i = 0; i < n; i++) {
        if (strncmp(names[i], "data.", 5)) continue;
        path = kr_path_join(ctx, folder, names[i]);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(add_set(ctx, m, list, path));
        kr_free(path);
        path = NULL;
    }
done:
    if (names) kr_names_free(n, names);
    kr_free(path);
    kr_free(folder);
    return status;
}

kr_status kr_data_list_make(kr_context *ctx, const kr_campaign *m, kr_data_list *list) {
    kr_status status = KR_OK;
    const kr_tree *initial = m->config.data.initial;
    char *path = NULL, *full = NULL;
    memset(list, 0, sizeof *list);
    for (int i = 0; i < initial->count; i++) {
        path = kr_label_path(ctx, m->config.base, initial->child[i]->string);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_path_real(ctx, path, &full));
        KR_TRY(add_set(ctx, m, list, full));
        kr_free(path);
        kr_free(full);
        path = full = NULL;
    }
    for (int k = 0; k < m->iteration; k++) {
        if (k == m->iteration - 1) list->nold = list->n;
        KR_TRY(add_iteration(ctx, m, list, k, "02.label"));
        KR_TRY(add_iteration(ctx, m, list, k, "03.added"));
    }
    if (!m->iteration) list->nold = list->n;
done:
    kr_free(path);
    kr_free(full);
    if (status < 0) kr_data_list_free(list);
    return status;
}

void kr_data_list_free(kr_data_list *list) {
    for (int i = 0; i < list->n; i++) kr_free(list->path[i]);
    kr_free(list->path);
    kr_free(list->frames);
    kr_free(list->digest);
    memset(list, 0, sizeof *list);
}

kr_status kr_campaign_move_systems(kr_context *ctx, kr_dataset **from, kr_dataset *to) {
    kr_status status = KR_OK;
    int k = 0;
    for (; k < (*from)->nsystems; k++) KR_TRY(kr_dataset_append(ctx, to, &(*from)->system[k]));
done:
    if (status == KR_OK) (*from)->nsystems = 0;
    kr_dataset_destroy(from);
    return status;
}

kr_status kr_campaign_write_sets(kr_context *ctx, kr_dataset *merged, const char *folder, const char *base) {
    kr_status status = KR_OK;
    kr_dataset *one = NULL;
    char *path = NULL;
    for (int k = 0; k < merged->nsystems; k++) {
        path = k ? kr_strprintf(ctx, "%s/%s.%d", folder, base, k) : kr_path_join(ctx, folder, base);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_dataset_create(ctx, &one));
        KR_TRY(kr_dataset_append(ctx, one, &merged->system[k]));
        status = kr_dataset_write(ctx, one, path, "npy", 0);
        merged->system[k] = one->system[0]; /* given back: the list is destroyed as a whole */
        one->nsystems = 0;
        KR_TRY(status);
        kr_dataset_destroy(&one);
        kr_free(path);
        path = NULL;
    }
done:
    kr_dataset_destroy(&one);
    kr_free(path);
    return status;
}

kr_status kr_data_list_read(kr_context *ctx, const kr_campaign *m, const kr_data_list *list, kr_dataset **data) {
    kr_status status = KR_OK;
    kr_dataset *part = NULL;
    KR_TRY(kr_dataset_create(ctx, data));
    for (int i = 0; i < list->n; i++) {
        KR_TRY(kr_dataset_read(ctx, list->path[i], NULL, m->config.nelements, m->config.element, &part));
        KR_TRY(kr_campaign_move_systems(ctx, &part, *data));
    }
done:
    kr_dataset_destroy(&part);
    if (status < 0) kr_dataset_destroy(data);
    return status;
}

/* ---- models ---- */

kr_status kr_campaign_models(kr_context *ctx, kr_campaign *m, int iteration, int *n, char ***paths) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more, room = m->config.model.ensemble;
    *n = 0;
    KR_NEW(ctx, *paths, (size_t)room);
    KR_TRY(kr_db_query(ctx, m->db, &rows,
                       "SELECT path FROM model WHERE iteration = ? AND hidden = 0 ORDER BY member LIMIT ?", "ii",
                       (int64_t)iteration, (int64_t)room));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        (*paths)[*n] = kr_path_join(ctx, m->folder, kr_rows_text(rows, 0));
        if (!(*paths)[*n]) KR_TRY(KR_ERR_MEMORY);
        (*n)++;
    }
    if (!*n) KR_FAIL(ctx, KR_ERR_FORMAT, "iteration %d has no models", iteration);
done:
    kr_rows_destroy(&rows);
    if (status < 0 && *paths) {
        kr_names_free(*n, *paths);
        *paths = NULL;
        *n = 0;
    }
    return status;
}

kr_status kr_campaign_potential(kr_context *ctx, kr_campaign *m, int most, kr_potential **potential,
                                kr_novelty **novelty) {
    char **paths = NULL, *path = NULL;
    int n;
    kr_status status = kr_campaign_models(ctx, m, m->iteration, &n, &paths);
    if (novelty) *novelty = NULL;
    if (status == KR_OK)
        status = kr_potential_load(ctx, n < most ? n : most, (const char *const *)paths, NULL, potential);
    if (status == KR_OK && novelty) path = kr_campaign_novelty(ctx, m, paths[0]);
    if (path) status = kr_novelty_read(ctx, path, *potential, novelty);
    kr_free(path);
    if (paths) kr_names_free(n, paths);
    return status;
}

/* ---- frames ---- */

/* The file that was read last: frames of one file follow each other. */
typedef struct reader {
    char path[256];
    kr_dataset *data;
    kr_frames frames;
    int *system, *frame, n; /* [n] place of the k-th frame of the file */
} reader;

static void reader_close(reader *r) {
    if (r->data) kr_frames_clear(&r->frames);
    kr_dataset_destroy(&r->data);
    kr_free(r->system);
    kr_free(r->frame);
    memset(r, 0, sizeof *r);
}

static kr_status reader_open(kr_context *ctx, const kr_campaign *m, reader *r, const char *path) {
    kr_status status = KR_OK;
    char *full = NULL;
    int k = 0;
    if (r->data && !strcmp(r->path, path)) return KR_OK;
    reader_close(r);
    snprintf(r->path, sizeof r->path, "%s", path);
    full = kr_path_join(ctx, m->folder, path);
    if (!full) return KR_ERR_MEMORY;
    KR_TRY(kr_dataset_read(ctx, full, "extxyz", 0, NULL, &r->data));
    KR_TRY(kr_frames_begin(ctx, r->data, &r->frames));
    for (int s = 0; s < r->data->nsystems; s++) r->n += r->data->system[s]->nframes;
    KR_NEW(ctx, r->system, (size_t)r->n + 1);
    KR_NEW(ctx, r->frame, (size_t)r->n + 1);
    for (int s = 0; s < r->data->nsystems; s++)
        for (int f = 0; f < r->data->system[s]->nframes; f++, k++) r->system[k] = s, r->frame[k] = f;
done:
    kr_free(full);
    return status;
}

/* Structure only: what the file says about deviations and the like is in the ledger. */
static kr_status take_frame(kr_context *ctx, reader *r, int place, kr_builder *builder) {
    kr_status status = KR_OK;
    kr_frame frame;
    int *type = NULL;
    if (place < 0 || place >= r->n)
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' has %d frames, the ledger names frame %d", r->path, r->n, place);
    KR_TRY(kr_frames_get(ctx, &r->frames, r->system[place], r->frame[place], &frame));
    KR_NEW(ctx, type, (size_t)frame.natoms + 1);
    for (int i = 0; i < frame.natoms; i++) {
        const char *name = r->frames.names.name[frame.type[i]];
        KR_TRY(kr_names_add(ctx, &builder->names, name, strlen(name), &type[i]));
    }
    frame.type = type;
    for (int k = 0; k < KR_LABEL_COUNT; k++) frame.label[k] = NULL, frame.width[k] = 0;
    KR_TRY(kr_builder_add(ctx, builder, &frame));
done:
    kr_free(type);
    return status;
}

static void read_row(const kr_rows *rows, kr_frame_row *row) {
    row->id = kr_rows_int(rows, 0);
    row->run = kr_rows_int(rows, 1);
    row->step = kr_rows_int(rows, 2);
    row->dev_f = kr_rows_real(rows, 3);
    row->dev_v = kr_rows_real(rows, 4);
    snprintf(row->frame_class, sizeof row->frame_class, "%s", kr_rows_text(rows, 5));
    snprintf(row->decision, sizeof row->decision, "%s", kr_rows_text(rows, 6));
    row->cell = (int)kr_rows_int(rows, 9);
    row->system = (int)kr_rows_int(rows, 10);
    row->time_ps = (double)row->step * kr_rows_real(rows, 11);
    row->iteration = (int)kr_rows_int(rows, 12);
    row->weight = kr_rows_real(rows, 13);
}

static kr_status read_rows(kr_context *ctx, kr_campaign *m, kr_rows *rows, kr_frame_set *set, kr_builder *builder) {
    kr_status status = KR_OK;
    reader r = {0};
    size_t room = 0;
    int more;
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        if ((size_t)set->n == room) {
            kr_frame_row *larger = kr_realloc(ctx, set->row, room, 2 * room + 64, sizeof *larger);
            if (!larger) KR_TRY(KR_ERR_MEMORY);
            set->row = larger;
            room = 2 * room + 64;
        }
        read_row(rows, &set->row[set->n]);
        KR_TRY(reader_open(ctx, m, &r, kr_rows_text(rows, 7)));
        KR_TRY(take_frame(ctx, &r, (int)kr_rows_int(rows, 8), builder));
        set->n++;
    }
done:
    reader_close(&r);
    return status;
}

kr_status kr_frame_set_read(kr_context *ctx, kr_campaign *m, const char *where, kr_frame_set *set) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    kr_builder builder = {0};
    char sql[1200];
    memset(set, 0, sizeof *set);
    snprintf(sql, sizeof sql,
             "SELECT f.id, f.run, f.step, f.dev_f, f.dev_v, f.class, f.decision, f.file, f.place, r.cell, r.system, "
             "r.step_ps, r.iteration, coalesce(f.weight, 1) FROM frame f JOIN run r ON r.id = f.run "
             "WHERE f.hidden = 0 AND (%s) ORDER BY f.id",
             where);
    KR_TRY(kr_dataset_create(ctx, &set->data));
    KR_TRY(kr_builder_begin(ctx, "frames", 0, &builder));
    KR_TRY(kr_db_query(ctx, m->db, &rows, sql, NULL));
    KR_TRY(read_rows(ctx, m, rows, set, &builder));
    KR_TRY(kr_builder_finish(ctx, &builder, set->data));
done:
    kr_builder_clear(&builder);
    kr_rows_destroy(&rows);
    if (status < 0) kr_frame_set_free(set);
    return status;
}

void kr_frame_set_free(kr_frame_set *set) {
    kr_free(set->row);
    kr_dataset_destroy(&set->data);
    memset(set, 0, sizeof *set);
}
