/* Blocks: every block once, ordered results, same bits for any number of threads, lowest failure wins with its message,
 * nesting runs serially; pairwise sums.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "kr_test.h"
#include <omp.h>
#include <sched.h>

static kr_context *ctx;

typedef struct work {
    long n, next;
    int in_order, max_thread, nested_threads;
    double part[64], sum; /* part: one slot per thread */
    long fail[4];
    long ordered_calls;
} work;

static void burn(long block) { /* later blocks finish first when the order is not enforced */
    volatile double x = 0;
    for (long i = 0; i < 200 * (7 - block % 7); i++) x = x + 1e-9 * (double)i;
}

static kr_status compute(void *payload, kr_context *mine, long block, int thread) {
    work *w = payload;
    burn(block);
    for (int i = 0; i < 4; i++)
        if (block == w->fail[i]) return KR_ERROR(mine, KR_ERR_NUMERIC, "block %ld is bad", block);
    w->part[thread] = sin(1.0 + (double)block) * exp(0.1 * (double)(block % 50));
    return KR_OK;
}

static void collect(void *payload, long block, int thread) {
    work *w = payload;
    w->in_order &= block == w->next;
    w->next = block + 1;
    w->ordered_calls++;
    if (thread > w->max_thread) w->max_thread = thread;
    w->sum += w->part[thread];
}

static void test_order(void **state) {
    (void)state;
    const int threads[] = {1, 2, 3, 8};
    double first = 0;
    for (int t = 0; t < 4; t++) {
        work w = {.n = 501, .in_order = 1, .fail = {-1, -1, -1, -1}};
        kr_context_set_threads(ctx, threads[t]);
        assert_int_equal(kr_parallel_threads(ctx), threads[t]);
        kr_assert_ok(ctx, kr_parallel_blocks(ctx, w.n, compute, collect, &w));
        assert_true(w.in_order && w.ordered_calls == w.n && w.max_thread < threads[t]);
        if (t == 0) first = w.sum;
        assert_memory_equal(&first, &w.sum, sizeof first);
        kr_assert_ok(ctx, kr_parallel_blocks(ctx, w.n, compute, NULL, &w));
        kr_assert_ok(ctx, kr_parallel_blocks(ctx, 0, compute, collect, &w));
        kr_assert_ok(NULL, kr_parallel_blocks(NULL, w.n, compute, NULL, &w));
    }
    assert_int_equal(kr_parallel_blocks(ctx, -1, compute, NULL, NULL), KR_ERR_ARGUMENT);
}

static void test_lowest_failure(void **state) {
    (void)state;
    for (int t = 1; t <= 8; t++)
        for (long first = 0; first < 40; first += 13) {
            work w = {.n = 100, .in_order = 1, .fail = {first + 2, first, first + 3, first + 1}};
            char expected[64];
            kr_context_clear(ctx);
            kr_context_set_threads(ctx, t);
            assert_int_equal(kr_parallel_blocks(ctx, w.n, compute, collect, &w), KR_ERR_NUMERIC);
            snprintf(expected, sizeof expected, "block %ld is bad", first);
            assert_string_equal(kr_context_message(ctx), expected);
            assert_int_equal(kr_context_status(ctx), KR_ERR_NUMERIC);
            assert_int_equal(w.ordered_calls, first);
        }
}

/* The same in rooms: one slot per room, lower blocks dearer, so that threads put blocks aside. */
static void test_rooms(void **state) {
    (void)state;
    double first = 0;
    for (int t = 1; t <= 8; t++)
        for (int rooms = 1; rooms <= 3; rooms++) {
            work w = {.n = 501, .in_order = 1, .fail = {-1, -1, -1, -1}};
            kr_context_clear(ctx);
            kr_context_set_threads(ctx, t);
            kr_assert_ok(ctx, kr_parallel_rooms(ctx, w.n, rooms, compute, collect, &w));
            assert_true(w.in_order && w.ordered_calls == w.n && w.max_thread < t * rooms);
            if (t == 1 && rooms == 1) first = w.sum;
            assert_memory_equal(&first, &w.sum, sizeof first);
            for (long bad = 0; bad < 40; bad += 13) {
                work f = {.n = 100, .in_order = 1, .fail = {bad + 2, bad, bad + 3, bad + 1}};
                char expected[64];
                assert_int_equal(kr_parallel_rooms(ctx, f.n, rooms, compute, collect, &f), KR_ERR_NUMERIC);
                snprintf(expected, sizeof expected, "block %ld is bad", bad);
                assert_string_equal(kr_context_message(ctx), expected);
                assert_int_equal(f.ordered_calls, bad);
            }
        }
    assert_int_equal(kr_parallel_rooms(ctx, 3, 0, compute, collect, NULL), KR_ERR_ARGUMENT);
    assert_int_equal(kr_parallel_rooms(ctx, 3, 2, compute, NULL, NULL), KR_ERR_ARGUMENT);
}

/* Block 0 does not end before block 2 was computed: its thread is busy, so the other one goes on while block 1 waits.
 */
static kr_status wait_for_two(void *payload, kr_context *mine, long block, int room) {
    int *seen = payload;
    (void)mine;
    (void)room;
    if (block == 2) __atomic_store_n(seen, 1, __ATOMIC_RELEASE);
    for (long i = 0; block == 0 && !__atomic_load_n(seen, __ATOMIC_ACQUIRE); i++) {
        if (i > 2000000) return KR_ERR_INTERNAL; /* instead of for ever */
        sched_yield();
    }
    return KR_OK;
}
static void nothing(void *payload, long block, int room) {
    (void)payload;
    (void)block;
    (void)room;
}
static void test_put_aside(void **state) {
    (void)state;
    int seen = 0;
    kr_context_set_threads(ctx, 2);
    kr_assert_ok(ctx, kr_parallel_rooms(ctx, 5, 2, wait_for_two, nothing, &seen));
    assert_int_equal(seen, 1);
}

static kr_status inner(void *payload, kr_context *mine, long block, int thread) {
    (void)mine;
    (void)block;
    work *w = payload;
#pragma omp atomic
    w->nested_threads += thread;
    return KR_OK;
}
static kr_status outer(void *payload, kr_context *mine, long block, int thread) {
    (void)block;
    (void)thread;
    if (kr_parallel_threads(mine) != 1) return KR_ERR_INTERNAL;
    return kr_parallel_blocks(mine, 10, inner, NULL, payload);
}
static void test_nested(void **state) {
    (void)state;
    work w = {0};
    kr_context_set_threads(ctx, 4);
    kr_assert_ok(ctx, kr_parallel_blocks(ctx, 20, outer, NULL, &w));
    assert_int_equal(w.nested_threads, 0);
    /* Started by a region of the caller: one context, so nothing else may use it. */
    int bad = 0;
#pragma omp parallel num_threads(2) reduction(+ : bad)
    bad += kr_parallel_threads(NULL) != 1;
    assert_int_equal(bad, 0);
}

static void count_line(kr_log_level level, const char *line, void *payload) {
    (void)level;
    (void)line;
    ++*(long *)payload; /* not atomic: calls must come one at a time */
}
static kr_status talk(void *payload, kr_context *mine, long block, int thread) {
    (void)payload;
    (void)thread;
    for (int i = 0; i < 50; i++) kr_log(mine, KR_LOG_INFO, "block %ld", block);
    return KR_OK;
}
static void test_log(void **state) {
    (void)state;
    long lines = 0;
    kr_context_set_threads(ctx, 4);
    kr_context_set_log(ctx, count_line, &lines);
    kr_assert_ok(ctx, kr_parallel_blocks(ctx, 100, talk, NULL, NULL));
    kr_context_set_log(ctx, NULL, NULL);
    assert_int_equal(lines, 5000);
}

static void test_memory_failures(void **state) {
    (void)state;
    long before = kr_memory_live();
    for (long k = 1;; k++) {
        work w = {.n = 9, .in_order = 1, .fail = {-1, -1, -1, -1}};
        kr_context *own = NULL;
        assert_true(k < 20);
        assert_int_equal(kr_context_create(&own), KR_OK);
        kr_context_set_threads(own, 4);
        kr_memory_fail_at(k);
        kr_status status = kr_parallel_blocks(own, w.n, compute, collect, &w);
        kr_memory_fail_at(0);
        kr_context_destroy(&own);
        assert_int_equal(kr_memory_live(), before);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
}

static void test_sum(void **state) {
    (void)state;
    enum { N = 100003 };
    static double x[N];
    double exact = 0, naive = 0;
    assert_true(kr_sum(0, NULL) == 0);
    for (long i = 0; i < N; i++) x[i] = 0.1;
    for (long i = 0; i < N; i++) naive += x[i];
    exact = 0.1 * N;
    /* Bound of the method: (64 of a leaf + 11 levels of the tree) half units of the last place. */
    kr_assert_near(kr_sum(N, x), exact, 0, 75 * 1.1e-16);
    assert_true(fabs(naive - exact) > 1e-9); /* the plain loop is the thing to avoid */
    for (long n = 1; n < 300; n++) {
        for (long i = 0; i < n; i++) x[i] = (double)(i + 1);
        assert_true(kr_sum(n, x) == (double)(n * (n + 1) / 2));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order),     cmocka_unit_test(test_lowest_failure),
                                       cmocka_unit_test(test_nested),    cmocka_unit_test(test_rooms),
                                       cmocka_unit_test(test_put_aside), cmocka_unit_test(test_log),
                                       cmocka_unit_test(test_sum),       cmocka_unit_test(test_memory_failures)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
