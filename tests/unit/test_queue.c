/* The ledger and the queue: tasks come to their ends, also when the program or a supervisor is killed.
 * SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
 *
 * The program that runs tasks ("kramers eelt exec FOLDER") is this test itself, started with those arguments. */
#include "core/file.h"
#include "core/memory.h"
#include "eelt/queue.h"
#include "kr_test.h"
#include "test_folder.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char self[512];

/* Work whose command depends on the first letter of the key; results are files named by the key. Every command adds a
 * line to `ran`, so that repeated work is seen. */
static kr_status prepare(kr_context *ctx, void *payload, const kr_task *task, const char *place, kr_command *command) {
    (void)place, (void)payload;
    static char line[400];
    const char *what = "echo 42 > result";
    if (task->key[0] == 'b' && task->tries == 0) what = "exit 7";           /* works the second time */
    if (task->key[0] == 'c') what = "exit 7";                               /* never works */
    if (task->key[0] == 'd') return kr_context_clear(ctx), KR_ERR_ARGUMENT; /* cannot be prepared */
    if (task->key[0] == 's') what = "sleep 0.3; echo 42 > result";
    snprintf(line, sizeof line, "echo %s >> %s/ran; %s", task->key, kr_test_folder, what);
    command->line = line;
    return KR_OK;
}
static kr_status collect(kr_context *ctx, void *payload, const kr_task *task, const char *place, const kr_usage *usage,
                         kr_outcome *outcome, char message[256]) {
    (void)payload;
    char from[600], to[600];
    if (usage->exit_status != 0) {
        *outcome = KR_OUTCOME_CRASHED;
        snprintf(message, 256, "exit status %d", usage->exit_status);
        return KR_OK;
    }
    snprintf(from, sizeof from, "%s/result", place);
    snprintf(to, sizeof to, "%s/%s.result", kr_test_folder, task->key);
    kr_file_writer writer;
    kr_status status = kr_file_begin(ctx, to, &writer);
    if (status != KR_OK) return status;
    fputs("42\n", writer.stream);
    *outcome = access(from, R_OK) == 0 ? KR_OUTCOME_DONE : KR_OUTCOME_BAD_OUTPUT;
    return kr_file_commit(ctx, &writer);
}
static kr_status record(kr_context *ctx, void *payload, kr_ledger *ledger, const kr_task *task) {
    (void)payload;
    return kr_db_run(ctx, kr_ledger_db(ledger), "INSERT INTO label(key, path) VALUES(?, ?)", "ss", task->key,
                     task->key);
}
static const kr_work work = {"label", NULL, prepare, collect, record, NULL};

static void add(kr_context *ctx, kr_ledger *ledger, const char *key) {
    int64_t id;
    kr_assert_ok(ctx, kr_ledger_add_task(ctx, ledger, "label", key, 0, 0, &id, NULL));
}

static kr_status run(kr_context *ctx, kr_ledger *ledger, int slots, kr_queue_result *result) {
    kr_queue_options options;
    void *state;
    kr_queue_defaults(&options);
    options.slots = slots;
    options.timeout_s = 60;
    kr_assert_ok(ctx, kr_runner_find("local")->create(ctx, NULL, self, &state));
    kr_status status = kr_queue_run(ctx, ledger, kr_runner_find("local"), state, &work, &options, result);
    kr_runner_find("local")->destroy(&state);
    return status;
}

static int64_t number(kr_context *ctx, kr_ledger *ledger, const char *sql) {
    int64_t n;
    kr_assert_ok(ctx, kr_db_int(ctx, kr_ledger_db(ledger), &n, sql, NULL));
    return n;
}

static int lines_of(const char *key) {
    char path[128], line[100];
    int n = 0;
    snprintf(path, sizeof path, "%s/ran", kr_test_folder);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) n += !key || !strncmp(line, key, strlen(key));
    if (file) fclose(file);
    return n;
}

static void test_outcomes(void **state) {
    kr_context *ctx = *state;
    kr_ledger *ledger, *second;
    kr_queue_result result;
    kr_assert_ok(ctx, kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_WRITE, &ledger));
    assert_int_equal(kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_WRITE, &second), KR_ERR_IO); /* one writer */
    kr_assert_ok(ctx, kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_READ, &second));
    assert_string_equal(kr_ledger_uid(second), kr_ledger_uid(ledger));
    kr_ledger_close(&second);
    const char *keys[] = {"a1", "a2", "b1", "c1", "d1"};
    for (int i = 0; i < 5; i++) add(ctx, ledger, keys[i]);
    add(ctx, ledger, "a1"); /* the same work once */
    kr_assert_ok(ctx, run(ctx, ledger, 2, &result));
    assert_int_equal(result.done, 3);
    assert_int_equal(result.given_up, 2);
    assert_int_equal(result.failures[KR_OUTCOME_CRASHED], 1 + 3);
    assert_int_equal(result.failures[KR_OUTCOME_BAD_INPUT], 1);
    assert_int_equal(number(ctx, ledger, "SELECT count(*) FROM label"), 3);
    assert_int_equal(number(ctx, ledger, "SELECT count(*) FROM attempt"), 2 + 2 + 3 + 1);
    assert_int_equal(number(ctx, ledger, "SELECT exit_status FROM attempt WHERE class = 'crashed' LIMIT 1"), 7);
    assert_int_equal(number(ctx, ledger, "SELECT count(*) FROM event WHERE kind = 'given_up'"), 2);
    /* nothing is left to do */
    kr_assert_ok(ctx, run(ctx, ledger, 2, &result));
    assert_int_equal(result.attempts, 0);
    assert_int_equal(lines_of(NULL), 2 + 2 + 3);
    kr_ledger_close(&ledger);
}

/* More than half of the tasks fail in one way: the queue stops and says so, finished work stays. */
/* Tasks of an earlier plan that have not begun are left alone, until a plan has them again. */
static void test_plan(void **state) {
    kr_context *ctx = *state;
    kr_ledger *ledger;
    kr_queue_result result;
    kr_assert_ok(ctx, kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_WRITE, &ledger));
    add(ctx, ledger, "a1");
    add(ctx, ledger, "a2");
    kr_assert_ok(ctx, kr_ledger_plan(ctx, ledger, "train")); /* of another kind */
    kr_assert_ok(ctx, kr_ledger_plan(ctx, ledger, "label"));
    add(ctx, ledger, "a2");
    add(ctx, ledger, "a3");
    kr_assert_ok(ctx, run(ctx, ledger, 2, &result));
    assert_int_equal(result.done, 2);
    assert_int_equal(number(ctx, ledger, "SELECT count(*) FROM task WHERE key = 'a1' AND state = 'new'"), 1);
    add(ctx, ledger, "a1");
    kr_assert_ok(ctx, run(ctx, ledger, 2, &result));
    assert_int_equal(result.done, 1);
    kr_ledger_close(&ledger);
}

static void test_class_limit(void **state) {
    kr_context *ctx = *state;
    kr_ledger *ledger;
    kr_queue_result result;
    char key[16];
    kr_assert_ok(ctx, kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_WRITE, &ledger));
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof key, "d%d", i);
        add(ctx, ledger, key);
    }
    assert_int_equal(run(ctx, ledger, 4, &result), KR_NOT_CONVERGED);
    assert_non_null(strstr(kr_context_message(ctx), "'bad_input'"));
    assert_in_range(result.given_up, 20, 30);
    kr_ledger_close(&ledger);
}

static int kill_at, points;
static void point(void *payload) {
    (void)payload;
    if (++points == kill_at) kill(getpid(), SIGKILL);
}

/* kill -9 right before and right after every commit and rename: the next run ends in the same place, and no command
 * that came to its end runs twice. */
static void test_killed_everywhere(void **state) {
    kr_context *ctx = *state;
    int complete = 0, killed = 0;
    kill_at = 0;
    while (!complete) {
        kill_at++;
        pid_t pid = fork();
        if (pid == 0) {
            kr_ledger *ledger;
            kr_queue_result result;
            char key[16];
            points = 0;
            kr_file_set_point(point, NULL);
            kr_assert_ok(ctx, kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_WRITE, &ledger));
            for (int i = 0; i < 3; i++) {
                snprintf(key, sizeof key, "s%d.%d", kill_at, i);
                add(ctx, ledger, key);
            }
            kr_assert_ok(ctx, run(ctx, ledger, 3, &result));
            kr_ledger_close(&ledger);
            _exit(0);
        }
        int wait_status;
        waitpid(pid, &wait_status, 0);
        if (WIFSIGNALED(wait_status))
            killed++;
        else
            assert_int_equal(WEXITSTATUS(wait_status), 0);
        complete = !WIFSIGNALED(wait_status);
    }
    assert_in_range(killed, 15, 200);
    kr_ledger *ledger;
    kr_queue_result result;
    kr_assert_ok(ctx, kr_ledger_open(ctx, kr_test_folder, KR_LEDGER_WRITE, &ledger));
    kr_assert_ok(ctx, run(ctx, ledger, 3, &result));
    int64_t tasks = number(ctx, ledger, "SELECT count(*) FROM task");
    assert_int_equal(number(ctx, ledger, "SELECT count(*) FROM task WHERE state = 'done'"), tasks);
    assert_int_equal(number(ctx, ledger, "SELECT count(*) FROM label"), tasks);
    assert_int_equal(lines_of(NULL), tasks);
    kr_ledger_close(&ledger);
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "eelt")) { /* "eelt exec FOLDER" */
        kr_context *ctx;
        kr_usage usage;
        if (kr_context_create(&ctx) != KR_OK) return 1;
        kr_status status = kr_supervise(ctx, argv[3], &usage);
        if (status != KR_OK) fprintf(stderr, "%s\n", kr_context_message(ctx));
        kr_context_destroy(&ctx);
        return status != KR_OK;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outcomes, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_plan, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_class_limit, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_killed_everywhere, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
