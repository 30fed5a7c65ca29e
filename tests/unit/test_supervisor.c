/* Tasks under supervision: results, limits, kills, takeovers; locks; the database.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "eelt/database.h"
#include "eelt/lock.h"
#include "eelt/spawn.h"
#include "eelt/supervisor.h"
#include "kr_test.h"
#include "test_folder.h"
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *inside(const char *name) {
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", kr_test_folder, name);
    return path;
}

static kr_usage supervise(kr_context *ctx, const char *line, double timeout, double stall, double memory) {
    kr_usage usage;
    kr_command command = {.line = line, .timeout_s = timeout, .stall_s = stall, .memory_MB = memory, .threads = 1};
    kr_assert_ok(ctx, kr_command_write(ctx, &command, kr_test_folder));
    kr_assert_ok(ctx, kr_supervise(ctx, kr_test_folder, &usage));
    return usage;
}

static void expect_file(kr_context *ctx, const char *name, const char *expected) {
    char *text;
    size_t n;
    kr_assert_ok(ctx, kr_file_read(ctx, inside(name), &text, &n));
    assert_string_equal(text, expected);
    kr_free(text);
}

static void test_results(void **state) {
    kr_context *ctx = *state;
    kr_usage usage = supervise(ctx, "echo out $OMP_NUM_THREADS; echo err >&2; exit 3", 20, 0, 0), again;
    assert_int_equal(usage.outcome, KR_OUTCOME_DONE);
    assert_int_equal(usage.exit_status, 3);
    assert_int_equal(usage.signal, 0);
    expect_file(ctx, "stdout", "out 1\n");
    expect_file(ctx, "stderr", "err\n");
    expect_file(ctx, "rc", "3 0 done\n");
    /* what has ended is not run again */
    kr_command other = {.line = "echo second"};
    kr_assert_ok(ctx, kr_command_write(ctx, &other, kr_test_folder));
    kr_assert_ok(ctx, kr_supervise(ctx, kr_test_folder, &again));
    assert_int_equal(again.exit_status, 3);
    expect_file(ctx, "stdout", "out 1\n");
}

static void test_signal(void **state) {
    kr_usage usage = supervise(*state, "kill -SEGV $$", 20, 0, 0);
    assert_int_equal(usage.outcome, KR_OUTCOME_DONE);
    assert_int_equal(usage.exit_status, -1);
    assert_int_equal(usage.signal, SIGSEGV);
}

static void test_limits(void **state) {
    kr_context *ctx = *state;
    kr_usage usage = supervise(ctx, "sleep 50", 0.3, 0, 0);
    assert_int_equal(usage.outcome, KR_OUTCOME_TIMEOUT);
    assert_true(usage.wall_s < 5);
    unlink(inside("rc"));
    unlink(inside("supervisor"));
    usage = supervise(ctx, "echo begins; sleep 50", 0, 0.4, 0);
    assert_int_equal(usage.outcome, KR_OUTCOME_STALLED);
    unlink(inside("rc"));
    unlink(inside("supervisor"));
    /* output that grows is a sign of life: twice the limit in all, never stalled */
    usage = supervise(ctx, "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done", 0, 0.5, 0);
    assert_int_equal(usage.outcome, KR_OUTCOME_DONE);
    unlink(inside("rc"));
    unlink(inside("supervisor"));
    usage = supervise(ctx, "x=$(head -c 40000000 /dev/zero | tr '\\0' a); sleep 20", 15, 0, 30);
    assert_int_equal(usage.outcome, KR_OUTCOME_OUT_OF_MEMORY);
    assert_true(usage.maxrss_kB > 30 * 1024);
}

/* What the shell leaves behind in the background ends with it. */
static void test_left_behind(void **state) {
    kr_context *ctx = *state;
    kr_usage usage = supervise(ctx, "sleep 77.125 & echo $!; exit 0", 20, 0, 0);
    assert_int_equal(usage.outcome, KR_OUTCOME_DONE);
    char *text;
    size_t n;
    kr_assert_ok(ctx, kr_file_read(ctx, inside("stdout"), &text, &n));
    kr_process process;
    kr_process_of(strtoll(text, NULL, 10), &process);
    assert_int_equal(process.start, 0);
    kr_free(text);
}

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* The supervisor is killed: its command dies with it, the folder says "vanished", and the task can run anew. */
static void test_killed_supervisor(void **state) {
    kr_context *ctx = *state;
    kr_command command = {.line = "echo $$ > pid; sleep 55"};
    kr_assert_ok(ctx, kr_command_write(ctx, &command, kr_test_folder));
    kr_task_life life;
    kr_assert_ok(ctx, kr_task_look(ctx, kr_test_folder, &life, NULL));
    assert_int_equal(life, KR_TASK_ABSENT);
    pid_t pid = fork();
    if (pid == 0) {
        kr_usage usage;
        kr_supervise(ctx, kr_test_folder, &usage);
        _exit(0);
    }
    for (int i = 0; i < 500 && !kr_file_exists(inside("pid")); i++) pause_ms(10);
    pause_ms(30);
    kr_assert_ok(ctx, kr_task_look(ctx, kr_test_folder, &life, NULL));
    assert_int_equal(life, KR_TASK_LIVES);
    kr_usage usage;
    assert_int_equal(kr_supervise(ctx, kr_test_folder, &usage), KR_ERR_IO); /* it has a supervisor already */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    kr_assert_ok(ctx, kr_task_look(ctx, kr_test_folder, &life, NULL));
    assert_int_equal(life, KR_TASK_VANISHED);
    char *text;
    size_t n;
    kr_assert_ok(ctx, kr_file_read(ctx, inside("pid"), &text, &n));
    kr_process process = {0};
    for (int i = 0; i < 200; i++) {
        kr_process_of(strtoll(text, NULL, 10), &process);
        if (!process.start || kr_process_life(&process) == KR_PROCESS_DEAD) break;
        pause_ms(10);
    }
    assert_int_equal(kr_process_life(&process), KR_PROCESS_DEAD);
    kr_free(text);
    command.line = "exit 0";
    kr_assert_ok(ctx, kr_command_write(ctx, &command, kr_test_folder));
    kr_assert_ok(ctx, kr_supervise(ctx, kr_test_folder, &usage));
    kr_assert_ok(ctx, kr_task_look(ctx, kr_test_folder, &life, &usage));
    assert_int_equal(life, KR_TASK_ENDED);
    assert_int_equal(usage.exit_status, 0);
}

static void test_cancel(void **state) {
    kr_context *ctx = *state;
    kr_command command = {.line = "trap 'echo told; exit 4' TERM; echo > begun; sleep 50 & wait"};
    kr_assert_ok(ctx, kr_command_write(ctx, &command, kr_test_folder));
    pid_t pid = fork();
    if (pid == 0) {
        kr_usage usage;
        kr_supervise(ctx, kr_test_folder, &usage);
        _exit(0);
    }
    for (int i = 0; i < 500 && !kr_file_exists(inside("begun")); i++) pause_ms(10);
    pause_ms(30);
    kr_assert_ok(ctx, kr_task_kill(ctx, kr_test_folder));
    waitpid(pid, NULL, 0);
    kr_task_life life;
    kr_usage usage;
    kr_assert_ok(ctx, kr_task_look(ctx, kr_test_folder, &life, &usage));
    assert_int_equal(life, KR_TASK_ENDED);
    assert_int_equal(usage.outcome, KR_OUTCOME_CANCELLED);
    expect_file(ctx, "stdout", "told\n");
}

/* Batch systems send TERM to every process of a job: a command that dies of it before its supervisor is told has not
 * failed, whether its shell says so by the signal or by status 143. */
static void test_term_of_all(void **state) {
    kr_context *ctx = *state;
    static const char *const lines[] = {"(sleep 0.03; kill -TERM $PPID) & kill -TERM $$",
                                        "(sleep 0.03; kill -TERM $PPID) & exit 143"};
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        char name[8], *place;
        kr_usage usage;
        kr_task_life life;
        kr_command command = {.line = lines[k]};
        snprintf(name, sizeof name, "term%d", (int)k);
        place = kr_path_join(ctx, kr_test_folder, name);
        assert_int_equal(mkdir(place, 0700), 0);
        kr_assert_ok(ctx, kr_command_write(ctx, &command, place));
        pid_t pid = fork();
        if (pid == 0) {
            kr_supervise(ctx, place, &usage);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        kr_assert_ok(ctx, kr_task_look(ctx, place, &life, &usage));
        assert_int_equal(life, KR_TASK_ENDED);
        assert_int_equal(usage.outcome, KR_OUTCOME_CANCELLED);
        kr_free(place);
    }
}

static void test_capture(void **state) {
    kr_context *ctx = *state;
    char *text, *complaint;
    int exit_status;
    const char *const ok[] = {"sh", "-c", "seq 1 20000; echo no >&2; exit 5", NULL};
    kr_assert_ok(ctx, kr_capture(ctx, ok, 20, &text, &complaint, &exit_status));
    assert_int_equal(exit_status, 5);
    assert_string_equal(complaint, "no\n");
    assert_int_equal(strlen(text), 108894); /* more than a pipe holds */
    kr_free(text);
    kr_free(complaint);
    const char *const slow[] = {"sleep", "30", NULL};
    kr_assert_ok(ctx, kr_capture(ctx, slow, 0.2, &text, &complaint, &exit_status));
    assert_int_equal(exit_status, -1);
    kr_free(text);
    kr_free(complaint);
    const char *const absent[] = {"no-such-program-kr", NULL};
    assert_int_equal(kr_capture(ctx, absent, 1, &text, &complaint, &exit_status), KR_ERR_IO);
    assert_string_equal(kr_context_message(ctx), "the program 'no-such-program-kr' is not in PATH");
}

static void test_lock(void **state) {
    kr_context *ctx = *state;
    kr_lock *lock, *second;
    char text[160];
    kr_assert_ok(ctx, kr_lock_take(ctx, inside("eelt.lock"), 0, &lock));
    assert_int_equal(kr_lock_take(ctx, inside("eelt.lock"), 1, &second), KR_ERR_IO); /* the living are not robbed */
    snprintf(text, sizeof text, "process %d of this host", (int)getpid());
    assert_non_null(strstr(kr_context_message(ctx), text));
    kr_lock_release(&lock);
    assert_false(kr_file_exists(inside("eelt.lock")));
    /* of a dead process of this host: taken over */
    kr_process other;
    kr_process_self(&other);
    other.start++;
    FILE *file = fopen(inside("eelt.lock"), "w");
    fprintf(file, "%s\n", kr_process_format(&other, text));
    fclose(file);
    kr_assert_ok(ctx, kr_lock_take(ctx, inside("eelt.lock"), 0, &lock));
    kr_lock_release(&lock);
    /* of another host: only by force */
    strcpy(other.host, "elsewhere");
    file = fopen(inside("eelt.lock"), "w");
    fprintf(file, "%s\n", kr_process_format(&other, text));
    fclose(file);
    assert_int_equal(kr_lock_take(ctx, inside("eelt.lock"), 0, &lock), KR_ERR_IO);
    assert_non_null(strstr(kr_context_hint(ctx), "--break-lock"));
    kr_assert_ok(ctx, kr_lock_take(ctx, inside("eelt.lock"), 1, &lock));
    kr_lock_release(&lock);
}

static void test_database(void **state) {
    kr_context *ctx = *state;
    kr_db *db, *reader;
    kr_rows *rows;
    int more;
    int64_t n;
    kr_assert_ok(ctx, kr_db_open(ctx, inside("a.sqlite"), 0, &db));
    kr_assert_ok(ctx, kr_db_exec(ctx, db, "create table t(id integer primary key, x real, s text)"));
    kr_assert_ok(ctx, kr_db_begin(ctx, db));
    kr_assert_ok(ctx, kr_db_run(ctx, db, "insert into t(x, s) values(?, ?)", "rs", 0.1, "a'b"));
    kr_assert_ok(ctx, kr_db_run(ctx, db, "insert into t(x, s) values(?, ?)", "rs", NAN, NULL));
    assert_int_equal(kr_db_last_id(db), 2);
    kr_assert_ok(ctx, kr_db_end(ctx, db, KR_OK));
    kr_assert_ok(ctx, kr_db_begin(ctx, db));
    kr_assert_ok(ctx, kr_db_run(ctx, db, "delete from t", NULL));
    assert_int_equal(kr_db_end(ctx, db, KR_ERR_ARGUMENT), KR_ERR_ARGUMENT); /* rolled back */
    kr_assert_ok(ctx, kr_db_open(ctx, inside("a.sqlite"), 1, &reader));
    kr_assert_ok(ctx, kr_db_query(ctx, reader, &rows, "select x, s from t where id <= ? order by id", "i", (int64_t)9));
    kr_assert_ok(ctx, kr_rows_next(ctx, rows, &more));
    assert_true(more && kr_rows_real(rows, 0) == 0.1);
    assert_string_equal(kr_rows_text(rows, 1), "a'b");
    kr_assert_ok(ctx, kr_rows_next(ctx, rows, &more));
    assert_true(more && isnan(kr_rows_real(rows, 0)) && kr_rows_null(rows, 1));
    kr_assert_ok(ctx, kr_rows_next(ctx, rows, &more));
    assert_false(more);
    kr_rows_destroy(&rows);
    assert_int_equal(kr_db_run(ctx, reader, "delete from t", NULL), KR_ERR_IO); /* opened for reading */
    kr_assert_ok(ctx, kr_db_int(ctx, reader, &n, "select count(*) from t", NULL));
    assert_int_equal(n, 2);
    kr_db_close(&reader);
    kr_db_close(&db);
    FILE *file = fopen(inside("b.sqlite"), "w");
    fputs("this is no database, but long enough to be looked at by somebody who expects one\n", file);
    fclose(file);
    assert_int_equal(kr_db_open(ctx, inside("b.sqlite"), 0, &db), KR_ERR_IO);
    assert_null(db);
    assert_string_equal(kr_context_hint(ctx), "the file is damaged or no ledger");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_results, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_signal, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_limits, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_left_behind, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_killed_supervisor, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cancel, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_term_of_all, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_capture, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_lock, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_database, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
