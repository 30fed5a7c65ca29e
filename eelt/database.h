/* SQLite behind one file: connections, statements with bound values, transactions that are on the disk.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * journal_mode=DELETE and synchronous=EXTRA: a commit that returned survives a power cut, also on network disks, where
 * write-ahead logging (shared memory) does not work. One writer; readers open read-only and wait for it. */
#ifndef KR_EELT_DATABASE_H
#define KR_EELT_DATABASE_H

#include <kramers/context.h>
#include <stdint.h>

typedef struct kr_db kr_db;
typedef struct kr_rows kr_rows;

/* read_only: the file must exist. Waits up to 20 s for another connection's lock. */
kr_status kr_db_open(kr_context *ctx, const char *path, int read_only, kr_db **db);
void kr_db_close(kr_db **db);
const char *kr_db_path(const kr_db *db);

/* Statements without values and results, separated by ';'. */
kr_status kr_db_exec(kr_context *ctx, kr_db *db, const char *sql);
/* One statement with values for its ? in order: i = int64_t, r = double, s = const char * (NULL → null). NaN is stored
 * as null. */
kr_status kr_db_run(kr_context *ctx, kr_db *db, const char *sql, const char *kinds, ...);
/* Rows changed by the last kr_db_run, and the id of the row that it inserted. */
int64_t kr_db_changes(const kr_db *db);
int64_t kr_db_last_id(const kr_db *db);

/* A query: *rows stands before its first row. Destroy also after a failure of kr_rows_next. */
kr_status kr_db_query(kr_context *ctx, kr_db *db, kr_rows **rows, const char *sql, const char *kinds, ...);
/* *more = 0 after the last row. */
kr_status kr_rows_next(kr_context *ctx, kr_rows *rows, int *more);
int64_t kr_rows_int(const kr_rows *rows, int column);      /* null → 0 */
double kr_rows_real(const kr_rows *rows, int column);      /* null → NaN */
const char *kr_rows_text(const kr_rows *rows, int column); /* until the next row; null → "" */
int kr_rows_null(const kr_rows *rows, int column);
void kr_rows_destroy(kr_rows **rows);
/* The one integer that a query gives, 0 when it gives no row. */
kr_status kr_db_int(kr_context *ctx, kr_db *db, int64_t *value, const char *sql, const char *kinds, ...);

/* Transactions do not nest. kr_db_end commits when status is KR_OK and rolls back otherwise; it returns the status, or
 * the failure of the commit. So a body ends in `done: return kr_db_end(ctx, db, status);`. */
kr_status kr_db_begin(kr_context *ctx, kr_db *db);
kr_status kr_db_end(kr_context *ctx, kr_db *db, kr_status status);

#endif
