/* A ledger of many tasks and frames: how long `status` takes and how much memory it needs.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * accept_ledger FOLDER TASKS FRAMES */
#include "core/error.h"
#include "eelt/ledger.h"
#include <kramers/eelt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static kr_status fill(kr_context *ctx, const char *folder, long tasks, long frames) {
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_WRITE, &ledger));
    kr_db *db = kr_ledger_db(ledger);
    KR_TRY(kr_db_begin(ctx, db));
    for (long k = 0; k < tasks && status == KR_OK; k++) {
        char key[65];
        snprintf(key, sizeof key, "%064lx", (unsigned long)k * 2654435761u);
        status =
            kr_db_run(ctx, db, "INSERT INTO task(key, kind, iteration, state, attempts) VALUES(?, 'label', ?, ?, 1)",
                      "sis", key, (int64_t)(k / 1000), k % 100 ? "done" : "given_up");
        if (status == KR_OK)
            status = kr_db_run(ctx, db,
                               "INSERT INTO attempt(task, n, job, state, class, message, cpu_s, dir) VALUES(?, 1, ?, "
                               "'ended', ?, '', 1, ?)",
                               "isss", (int64_t)k + 1, key, k % 100 ? "done" : "crashed", key);
    }
    for (long k = 0; k < frames && status == KR_OK; k += 100)
        status = kr_db_run(ctx, db, "INSERT INTO run(iteration, cell, system, steps) VALUES(?, 0, 0, 100)", "i",
                           (int64_t)(k / 10000));
    for (long k = 0; k < frames && status == KR_OK; k++)
        status = kr_db_run(ctx, db,
                           "INSERT INTO frame(hash, run, step, dev_f, class, file, place) VALUES(?, ?, ?, 0.1, "
                           "'candidate', 'iter.000000/01.explore/run.000.000000/candidates.xyz', ?)",
                           "siii", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                           (int64_t)(k / 100) + 1, (int64_t)k, (int64_t)(k % 100));
    KR_TRY(kr_db_end(ctx, db, status));
done:
    kr_ledger_close(&ledger);
    return status;
}

static void count_line(const char *text, void *payload) {
    (void)text;
    ++*(int *)payload;
}

int main(int argc, char **argv) {
    kr_context *ctx;
    struct rusage usage;
    int lines = 0;
    if (argc < 4 || kr_context_create(&ctx) != KR_OK) return 2;
    kr_status status = fill(ctx, argv[1], atol(argv[2]), atol(argv[3]));
    double start = seconds();
    if (status == KR_OK) status = kr_campaign_status(ctx, argv[1], count_line, &lines);
    printf("status_seconds %.3f\n", seconds() - start);
    getrusage(RUSAGE_SELF, &usage);
    printf("status_megabytes %.1f\nstatus_lines %d\n", (double)usage.ru_maxrss / 1024, lines);
    if (status != KR_OK) fprintf(stderr, "%s\n", kr_context_message(ctx));
    kr_context_destroy(&ctx);
    return status != KR_OK;
}
