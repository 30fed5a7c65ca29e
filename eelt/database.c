/* SQLite behind one file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/database.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>

struct kr_db {
    sqlite3 *connection;
    char *path;
};

struct kr_rows {
    kr_db *db;
    sqlite3_stmt *statement;
};

/* The failure of a call as a sentence with the file and, where it helps, what to do. */
static kr_status fail(kr_context *ctx, const kr_db *db, int code, const char *what) {
    int primary = code & 0xff;
    KR_ERROR(ctx, primary == SQLITE_NOMEM ? KR_ERR_MEMORY : KR_ERR_IO, "'%s': %s: %s", db->path, what,
             db->connection ? sqlite3_errmsg(db->connection) : sqlite3_errstr(code));
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
        kr_error_hint(ctx, "another program has the ledger open for writing");
    else if (primary == SQLITE_FULL)
        kr_error_hint(ctx, "the disk is full; nothing that was committed is lost, free some space and go on");
    else if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT)
        kr_error_hint(ctx, "the file is damaged or no ledger");
    else if (primary == SQLITE_READONLY)
        kr_error_hint(ctx, "the file or its folder may not be written");
    return kr_context_status(ctx);
}

kr_status kr_db_open(kr_context *ctx, const char *path, int read_only, kr_db **db) {
    kr_status status = KR_OK;
    kr_db *d = NULL;
    *db = NULL;
    KR_NEW(ctx, d, 1);
    d->path = kr_strdup(ctx, path);
    if (!d->path) KR_TRY(KR_ERR_MEMORY);
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &d->connection, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) KR_TRY(fail(ctx, d, code, "cannot be opened"));
    sqlite3_extended_result_codes(d->connection, 1);
    sqlite3_busy_timeout(d->connection, 20000);
    if (!read_only) KR_TRY(kr_db_exec(ctx, d, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA"));
    KR_TRY(kr_db_exec(ctx, d, "PRAGMA foreign_keys=ON"));
    *db = d;
    d = NULL;
done:
    kr_db_close(&d);
    return status;
}

void kr_db_close(kr_db **db) {
    if (!db || !*db) return;
    sqlite3_close_v2((*db)->connection);
    kr_free((*db)->path);
    kr_free(*db);
    *db = NULL;
}

const char *kr_db_path(const kr_db *db) { return db->path; }

kr_status kr_db_exec(kr_context *ctx, kr_db *db, const char *sql) {
    int code = sqlite3_exec(db->connection, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? KR_OK : fail(ctx, db, code, "statement failed");
}

static kr_status prepare(kr_context *ctx, kr_db *db, const char *sql, const char *kinds, va_list values,
                         sqlite3_stmt **statement) {
    int code = sqlite3_prepare_v2(db->connection, sql, -1, statement, NULL);
    for (int i = 1; code == SQLITE_OK && kinds && kinds[i - 1]; i++) {
        char kind = kinds[i - 1];
        if (kind == 'i') {
            code = sqlite3_bind_int64(*statement, i, va_arg(values, int64_t));
        } else if (kind == 'r') {
            double value = va_arg(values, double);
            code = isnan(value) ? sqlite3_bind_null(*statement, i) : sqlite3_bind_double(*statement, i, value);
        } else if (kind == 's') {
            code = sqlite3_bind_text(*statement, i, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        } else {
            return KR_ERROR(ctx, KR_ERR_INTERNAL, "kind '%c' of a bound value is none of i, r, s", kind);
        }
    }
    return code == SQLITE_OK ? KR_OK : fail(ctx, db, code, sql);
}

/* One step; the first value of the first row when `value` is not NULL, unchanged without a row. */
static kr_status run_once(kr_context *ctx, kr_db *db, const char *sql, const char *kinds, va_list values,
                          int64_t *value) {
    sqlite3_stmt *statement = NULL;
    kr_status status = prepare(ctx, db, sql, kinds, values, &statement);
    if (status == KR_OK) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_ROW && value)
            *value = sqlite3_column_int64(statement, 0);
        else if (code != SQLITE_ROW && code != SQLITE_DONE)
            status = fail(ctx, db, code, sql);
    }
    sqlite3_finalize(statement);
    return status;
}

kr_status kr_db_run(kr_context *ctx, kr_db *db, const char *sql, const char *kinds, ...) {
    va_list values;
    va_start(values, kinds);
    kr_status status = run_once(ctx, db, sql, kinds, values, NULL);
    va_end(values);
    return status;
}

int64_t kr_db_changes(const kr_db *db) { return sqlite3_changes(db->connection); }

int64_t kr_db_last_id(const kr_db *db) { return sqlite3_last_insert_rowid(db->connection); }

kr_status kr_db_query(kr_context *ctx, kr_db *db, kr_rows **rows, const char *sql, const char *kinds, ...) {
    kr_status status = KR_OK;
    kr_rows *r = NULL;
    va_list values;
    *rows = NULL;
    KR_NEW(ctx, r, 1);
    r->db = db;
    va_start(values, kinds);
    status = prepare(ctx, db, sql, kinds, values, &r->statement);
    va_end(values);
    KR_TRY(status);
    *rows = r;
    r = NULL;
done:
    kr_rows_destroy(&r);
    return status;
}

kr_status kr_rows_next(kr_context *ctx, kr_rows *rows, int *more) {
    int code = sqlite3_step(rows->statement);
    *more = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE) return KR_OK;
    return fail(ctx, rows->db, code, sqlite3_sql(rows->statement));
}

int64_t kr_rows_int(const kr_rows *rows, int column) { return sqlite3_column_int64(rows->statement, column); }

double kr_rows_real(const kr_rows *rows, int column) {
    return kr_rows_null(rows, column) ? (double)NAN : sqlite3_column_double(rows->statement, column);
}

const char *kr_rows_text(const kr_rows *rows, int column) {
    const char *text = (const char *)sqlite3_column_text(rows->statement, column);
    return text ? text : "";
}

int kr_rows_null(const kr_rows *rows, int column) {
    return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

void kr_rows_destroy(kr_rows **rows) {
    if (!rows || !*rows) return;
    sqlite3_finalize((*rows)->statement);
    kr_free(*rows);
    *rows = NULL;
}

kr_status kr_db_int(kr_context *ctx, kr_db *db, int64_t *value, const char *sql, const char *kinds, ...) {
    va_list values;
    *value = 0;
    va_start(values, kinds);
    kr_status status = run_once(ctx, db, sql, kinds, values, value);
    va_end(values);
    return status;
}

kr_status kr_db_begin(kr_context *ctx, kr_db *db) { return kr_db_exec(ctx, db, "BEGIN IMMEDIATE"); }

kr_status kr_db_end(kr_context *ctx, kr_db *db, kr_status status) {
    if (status >= KR_OK) {
        kr_file_point(); /* the moment before and the moment after are where a kill would hurt most */
        kr_status commit = kr_db_exec(ctx, db, "COMMIT");
        if (commit == KR_OK) {
            kr_file_point();
            return status;
        }
        status = commit;
    }
    /* A failed statement may have rolled back by itself (full disk): then there is nothing left to undo, and the
     * message of the first failure stays. */
    if (!sqlite3_get_autocommit(db->connection)) sqlite3_exec(db->connection, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
