/* The ledger: opening it, its campaign and its history.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/ledger.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/digest.h"
#include "eelt/ledger_private.h"
#include "eelt/ledger_schema.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

double kr_ledger_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A name that no other campaign has: host, process, boot and time go into it. */
static kr_status make_uid(kr_context *ctx, char uid[9]) {
    kr_digest *digest = NULL;
    kr_process self;
    char text[160], hex[65];
    kr_status status = kr_digest_create(ctx, &digest);
    if (status != KR_OK) return status;
    kr_process_self(&self);
    double now = kr_ledger_time();
    kr_digest_text(digest, kr_process_format(&self, text));
    kr_digest_add(digest, &now, sizeof now);
    snprintf(uid, 9, "%.8s", kr_digest_end(digest, hex));
    kr_digest_destroy(&digest);
    return KR_OK;
}

static kr_status make_tables(kr_context *ctx, kr_ledger *l) {
    kr_status status = KR_OK;
    char uid[9];
    KR_TRY(make_uid(ctx, uid));
    KR_TRY(kr_db_begin(ctx, l->db));
    status = kr_db_exec(ctx, l->db, kr_ledger_schema);
    if (status == KR_OK)
        status = kr_db_run(ctx, l->db, "INSERT INTO campaign(id, uid, version, created) VALUES(1, ?, ?, ?)", "sir", uid,
                           (int64_t)KR_LEDGER_VERSION, kr_ledger_time());
    KR_TRY(kr_db_end(ctx, l->db, status));
done:
    return status;
}

static kr_status read_campaign(kr_context *ctx, kr_ledger *l) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    KR_TRY(kr_db_query(ctx, l->db, &rows, "SELECT uid, version FROM campaign", NULL));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (!more) KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' has no campaign", kr_db_path(l->db));
    snprintf(l->uid, sizeof l->uid, "%s", kr_rows_text(rows, 0));
    if (kr_rows_int(rows, 1) != KR_LEDGER_VERSION)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "'%s' has format version %" PRId64 ", this program knows version %d",
                kr_db_path(l->db), kr_rows_int(rows, 1), KR_LEDGER_VERSION);
done:
    kr_rows_destroy(&rows);
    return status;
}

kr_status kr_ledger_open(kr_context *ctx, const char *folder, kr_ledger_mode mode, kr_ledger **ledger) {
    kr_status status = KR_OK;
    kr_ledger *l = NULL;
    char *path = NULL, *lock = NULL;
    int64_t tables;
    *ledger = NULL;
    KR_NEW(ctx, l, 1);
    l->folder = kr_strdup(ctx, folder);
    path = kr_path_join(ctx, folder, "ledger.sqlite");
    lock = kr_path_join(ctx, folder, "eelt.lock");
    if (!l->folder || !path || !lock) KR_TRY(KR_ERR_MEMORY);
    if (mode == KR_LEDGER_READ) {
        if (!kr_file_exists(path)) {
            KR_ERROR(ctx, KR_ERR_IO, "'%s' is no campaign: there is no ledger.sqlite in it", folder);
            kr_error_hint(ctx, "the folder of a campaign is the one that holds ledger.sqlite");
            KR_TRY(KR_ERR_IO);
        }
    } else {
        if (!kr_file_is_folder(folder)) KR_TRY(kr_folder_make(ctx, folder));
        KR_TRY(kr_lock_take(ctx, lock, mode == KR_LEDGER_BREAK_LOCK, &l->lock));
    }
    KR_TRY(kr_db_open(ctx, path, mode == KR_LEDGER_READ, &l->db));
    KR_TRY(kr_db_int(ctx, l->db, &tables, "SELECT count(*) FROM sqlite_master WHERE name = 'campaign'", NULL));
    if (!tables && mode != KR_LEDGER_READ)
        KR_TRY(make_tables(ctx, l));
    else if (!tables)
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' is no ledger: it has no table campaign", path);
    KR_TRY(read_campaign(ctx, l));
    *ledger = l;
    l = NULL;
done:
    kr_ledger_close(&l);
    kr_free(path);
    kr_free(lock);
    return status;
}

void kr_ledger_close(kr_ledger **ledger) {
    if (!ledger || !*ledger) return;
    kr_db_close(&(*ledger)->db);
    kr_lock_release(&(*ledger)->lock);
    kr_free((*ledger)->folder);
    kr_free(*ledger);
    *ledger = NULL;
}

kr_db *kr_ledger_db(kr_ledger *ledger) { return ledger->db; }

const char *kr_ledger_folder(const kr_ledger *ledger) { return ledger->folder; }

const char *kr_ledger_uid(const kr_ledger *ledger) { return ledger->uid; }

kr_status kr_ledger_add_event(kr_context *ctx, kr_ledger *l, const char *kind, const char *text) {
    return kr_db_run(ctx, l->db, "INSERT INTO event(time, kind, text) VALUES(?, ?, ?)", "rss", kr_ledger_time(), kind,
                     text);
}

kr_status kr_ledger_event(kr_context *ctx, kr_ledger *l, const char *kind, const char *format, ...) {
    char text[1000];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return kr_ledger_add_event(ctx, l, kind, text);
}

kr_status kr_ledger_configure(kr_context *ctx, kr_ledger *l, const char *text, uint64_t seed) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    char hex[65];
    int64_t same;
    KR_TRY(kr_digest_create(ctx, &digest));
    kr_digest_add(digest, text, strlen(text));
    kr_digest_end(digest, hex);
    KR_TRY(kr_db_int(ctx, l->db, &same, "SELECT count(*) FROM campaign WHERE config_sha256 = ?", "s", hex));
    if (same) goto done;
    KR_TRY(kr_db_begin(ctx, l->db));
    status = kr_db_run(ctx, l->db, "UPDATE campaign SET config = ?, config_sha256 = ?, seed = ?", "ssi", text, hex,
                       (int64_t)seed);
    if (status == KR_OK) status = kr_ledger_add_event(ctx, l, "config", text);
    KR_TRY(kr_db_end(ctx, l->db, status));
done:
    kr_digest_destroy(&digest);
    return status;
}
