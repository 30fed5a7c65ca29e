/* cmocka with a comparison of doubles that tells where and how much.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TEST_H
#define KR_TEST_H

/* cmocka needs its includes in this order. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "core/memory.h"
#include <kramers/kramers.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* |a − b| ≤ absolute + relative·|b| for all n; reports the largest error and its index. */
static inline void kr_assert_close_at(const char *file, int line, const char *what, long n, const double *a,
                                      const double *b, double absolute, double relative) {
    long worst = -1;
    double excess = 0;
    for (long i = 0; i < n; i++) {
        double error = fabs(a[i] - b[i]), allowed = absolute + relative * fabs(b[i]);
        if (!(error <= allowed) && !(error - allowed <= excess)) {
            worst = i;
            excess = error - allowed;
        }
    }
    if (worst >= 0) {
        print_error("%s[%ld]: got %.17g, expected %.17g, difference %.3g, allowed %.3g\n", what, worst, a[worst],
                    b[worst], fabs(a[worst] - b[worst]), absolute + relative * fabs(b[worst]));
        _fail(file, line);
    }
}
#define kr_assert_close(n, a, b, absolute, relative) \
    kr_assert_close_at(__FILE__, __LINE__, #a, (n), (a), (b), (absolute), (relative))
#define kr_assert_near(a, b, absolute, relative)                                               \
    do {                                                                                       \
        double kr_a_ = (a), kr_b_ = (b);                                                       \
        kr_assert_close_at(__FILE__, __LINE__, #a, 1, &kr_a_, &kr_b_, (absolute), (relative)); \
    } while (0)

/* Fails with the message of the context unless the call returned KR_OK. */
#define kr_assert_ok(ctx, call)                                                                       \
    do {                                                                                              \
        kr_status kr_s_ = (call);                                                                     \
        if (kr_s_ != KR_OK) {                                                                         \
            print_error("%s: %s (%s) at %s\n", #call, kr_status_text(kr_s_), kr_context_message(ctx), \
                        kr_context_where(ctx));                                                       \
            _fail(__FILE__, __LINE__);                                                                \
        }                                                                                             \
    } while (0)

/* cmocka's setup and teardown of a test that needs a context: *state is the kr_context; no memory may be left. */
static inline int kr_test_setup(void **state) { return kr_context_create((kr_context **)state) != KR_OK; }
static inline int kr_test_teardown(void **state) {
    kr_context_destroy((kr_context **)state);
    return kr_memory_live() != 0;
}

#endif
