/* A campaign for other programs: data sets and models, on request with the names that DP-GEN gives them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Plain: data/ (deepmd/npy, one folder per composition), models/model_K.dp (the last ones), report*.tsv. DP-GEN's:
 * iter.N/00.train/00K/model.dp, iter.N/01.model_devi/task.SSS.NNNNNN/model_devi.out, iter.N/02.fp/data.SSS and
 * candidate.shuffled.SSS.out ("task step" of every candidate), record.dpgen (iteration and stage 0 … 8). */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "eelt/report.h"
#include <inttypes.h>
#include <kramers/dataset_tools.h>
#include <stdio.h>
#include <string.h>

typedef struct exporting {
    kr_ledger *ledger;
    kr_db *db;
    const char *from;
    char *to;
} exporting;

/* from/source → to/folder/name; an absent source is no mistake. */
static kr_status copy_file(kr_context *ctx, const exporting *x, const char *source, const char *folder,
                           const char *name) {
    kr_status status = KR_OK;
    char *path = kr_path_join(ctx, x->from, source), *target = kr_path_join(ctx, x->to, folder), *text = NULL;
    size_t length;
    if (!path || !target) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(path)) goto done;
    KR_TRY(kr_campaign_make_folder(ctx, target));
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(kr_file_write(ctx, target, name, text, length));
done:
    kr_free(text);
    kr_free(path);
    kr_free(target);
    return status;
}

/* For every row of a query: source, folder, name. */
static kr_status copy_rows(kr_context *ctx, const exporting *x, const char *sql) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    KR_TRY(kr_db_query(ctx, x->db, &rows, sql, NULL));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        KR_TRY(copy_file(ctx, x, kr_rows_text(rows, 0), kr_rows_text(rows, 1), kr_rows_text(rows, 2)));
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

/* The data sets of one iteration: all into `all`, and, where `folder` is given, each to its own place. */
static kr_status read_sets(kr_context *ctx, const exporting *x, int iteration, const char *sub, kr_dataset *all,
                           const char *folder) {
    kr_status status = KR_OK;
    kr_dataset *part = NULL;
    char **names = NULL, *path = kr_strprintf(ctx, "%s/iter.%06d/%s", x->from, iteration, sub), *one = NULL, *to = NULL;
    int n = 0;
    if (!path) return KR_ERR_MEMORY;
    if (!kr_file_is_folder(path)) goto done;
    KR_TRY(kr_folder_list(ctx, path, &n, &names));
    for (int k = 0; k < n; k++) {
        if (strncmp(names[k], "data.", 5)) continue;
        one = kr_path_join(ctx, path, names[k]);
        if (!one) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_dataset_read(ctx, one, NULL, 0, NULL, &part));
        if (folder) {
            char *above = kr_path_join(ctx, x->to, folder);
            to = above ? kr_path_join(ctx, above, names[k]) : NULL;
            status = to ? kr_campaign_make_folder(ctx, above) : KR_ERR_MEMORY;
            kr_free(above);
            if (status == KR_OK) status = kr_dataset_write(ctx, part, to, "npy", 0);
            KR_TRY(status);
        }
        KR_TRY(kr_campaign_move_systems(ctx, &part, all));
        kr_free(one);
        kr_free(to);
        one = to = NULL;
    }
done:
    if (names) kr_names_free(n, names);
    kr_dataset_destroy(&part);
    kr_free(one);
    kr_free(to);
    kr_free(path);
    return status;
}

static kr_status export_data(kr_context *ctx, const exporting *x, int iterations, int dpgen) {
    kr_status status = KR_OK;
    kr_dataset *all = NULL, *merged = NULL;
    char folder[64], *path = kr_path_join(ctx, x->to, "data");
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_dataset_create(ctx, &all));
    for (int k = 0; k < iterations; k++) {
        snprintf(folder, sizeof folder, "iter.%06d/02.fp", k);
        KR_TRY(read_sets(ctx, x, k, "02.label", all, dpgen ? folder : NULL));
        snprintf(folder, sizeof folder, "iter.%06d/03.added", k);
        KR_TRY(read_sets(ctx, x, k, "03.added", all, dpgen ? folder : NULL));
    }
    if (dpgen || !all->nsystems) goto done;
    KR_TRY(kr_dataset_merge(ctx, all, &merged));
    KR_TRY(kr_dataset_write(ctx, merged, path, "npy", 0));
done:
    kr_dataset_destroy(&all);
    kr_dataset_destroy(&merged);
    kr_free(path);
    return status;
}

/* ---- DP-GEN's own files ---- */

static kr_status put_list(kr_context *ctx, const exporting *x, int iteration, int system) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    kr_string out = {0};
    char name[64], folder[64], *target = NULL;
    int more;
    KR_TRY(kr_db_query(ctx, x->db, &rows,
                       "SELECT replace(replace(r.path, '01.explore', '01.model_devi'), '/run.', '/task.'), f.step FROM "
                       "frame f JOIN run r ON r.id = f.run WHERE f.hidden = 0 AND r.iteration = ? AND r.system = ? AND "
                       "f.class = 'candidate' ORDER BY f.decision != 'chosen', f.id",
                       "ii", (int64_t)iteration, (int64_t)system));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        KR_TRY(kr_string_puts(ctx, &out, kr_rows_text(rows, 0)));
        KR_TRY(kr_string_printf(ctx, &out, " %" PRId64 "\n", kr_rows_int(rows, 1)));
    }
    if (!out.length) goto done;
    snprintf(folder, sizeof folder, "iter.%06d/02.fp", iteration);
    snprintf(name, sizeof name, "candidate.shuffled.%03d.out", system);
    target = kr_path_join(ctx, x->to, folder);
    if (!target) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_campaign_make_folder(ctx, target));
    KR_TRY(kr_file_write(ctx, target, name, out.data, out.length));
done:
    kr_rows_destroy(&rows);
    kr_free(out.data);
    kr_free(target);
    return status;
}

static kr_status export_dpgen(kr_context *ctx, const exporting *x, int iterations) {
    kr_status status = KR_OK;
    kr_string record = {0};
    int64_t systems;
    KR_TRY(kr_db_int(ctx, x->db, &systems, "SELECT coalesce(max(system), -1) + 1 FROM run WHERE hidden = 0", NULL));
    KR_TRY(copy_rows(ctx, x,
                     "SELECT path, printf('iter.%06d/00.train/%03d', iteration, member), 'model.dp' FROM model WHERE "
                     "hidden = 0 ORDER BY iteration, member"));
    KR_TRY(copy_rows(ctx, x,
                     "SELECT path || '/model_devi.out', replace(replace(path, '01.explore', '01.model_devi'), '/run.', "
                     "'/task.'), 'model_devi.out' FROM run WHERE hidden = 0 ORDER BY id"));
    for (int k = 0; k < iterations; k++) {
        for (int s = 0; s < systems; s++) KR_TRY(put_list(ctx, x, k, s));
        for (int stage = 0; stage < 9; stage++) KR_TRY(kr_string_printf(ctx, &record, "%d %d\n", k, stage));
    }
    KR_TRY(kr_file_write(ctx, x->to, "record.dpgen", record.data, record.length));
done:
    kr_free(record.data);
    return status;
}

kr_status kr_campaign_export(kr_context *ctx, const kr_campaign_export_options *o) {
    kr_status status = KR_OK;
    exporting x = {.from = o->folder};
    kr_folder_writer writer = {0};
    int64_t iterations;
    KR_TRY(kr_ledger_open(ctx, o->folder, KR_LEDGER_READ, &x.ledger));
    x.db = kr_ledger_db(x.ledger);
    KR_TRY(
        kr_db_int(ctx, x.db, &iterations, "SELECT coalesce(max(iteration), -1) + 1 FROM stage WHERE hidden = 0", NULL));
    KR_TRY(kr_folder_begin(ctx, o->target, o->force, &writer));
    x.to = writer.temporary;
    KR_TRY(export_data(ctx, &x, (int)iterations, o->dpgen));
    if (o->dpgen)
        KR_TRY(export_dpgen(ctx, &x, (int)iterations));
    else
        KR_TRY(copy_rows(ctx, &x,
                         "SELECT path, 'models', printf('model_%d.dp', member) FROM model WHERE hidden = 0 AND "
                         "iteration = (SELECT max(iteration) FROM model WHERE hidden = 0) ORDER BY member"));
    KR_TRY(copy_file(ctx, &x, "certificate.json", "", "certificate.json"));
    KR_TRY(kr_report_write(ctx, x.db, x.to));
    KR_TRY(kr_folder_commit(ctx, &writer));
done:
    kr_folder_abandon(&writer);
    kr_ledger_close(&x.ledger);
    return status;
}
