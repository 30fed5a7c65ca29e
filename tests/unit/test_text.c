/* Numbers and words of text: the same bits as strtod, also under another locale; lines; growing strings.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/text.h"
#include "kr_test.h"
#include <locale.h>

static kr_word word_of(const char *text) { return (kr_word){text, strlen(text)}; }

static uint64_t draw(void) { /* xorshift64 */
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static void test_reals(void **state) {
    (void)state;
    char text[64];
    double value;
    for (int i = 0; i < 100000; i++) {
        int kind = i % 4;
        if (kind == 0)
            snprintf(text, sizeof text, "%lld.%llu", (long long)(int64_t)draw() >> (draw() % 63),
                     (unsigned long long)draw() >> (draw() % 60));
        else if (kind == 1)
            snprintf(text, sizeof text, "%llue%d", (unsigned long long)draw() >> (draw() % 63),
                     (int)(draw() % 60) - 30);
        else if (kind == 2)
            snprintf(text, sizeof text, "%.*g", (int)(1 + draw() % 17),
                     ldexp((double)draw(), (int)(draw() % 200) - 160));
        else
            snprintf(text, sizeof text, "-%.8f", (double)(draw() >> 40) / 1000);
        assert_true(kr_word_real(word_of(text), &value));
        double expected = strtod(text, NULL);
        if (memcmp(&value, &expected, sizeof value) != 0) fail_msg("%s: %.17g, strtod %.17g", text, value, expected);
        char again[32];
        double back;
        assert_true(kr_word_real(word_of(kr_format_real(value, again)), &back));
        if (back != value) fail_msg("%s written as %s", text, again);
    }
    const char *good[] = {"1",
                          "+1.",
                          ".5",
                          "-0",
                          "1e5",
                          "1E+05",
                          "1.5D-3",
                          "1d2",
                          "inf",
                          "-NaN",
                          "1e400",
                          "1e-400",
                          "00000000000000000000000000001",
                          "0.1e0000001"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!kr_word_real(word_of(good[i]), &value)) fail_msg("'%s' was refused", good[i]);
    const char *bad[] = {"", ".", "-", "1e", "e5", "1 ", " 1", "1.2.3", "0x10", "1e5x", "1,5", "--1", "1f", "nope"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (kr_word_real(word_of(bad[i]), &value)) fail_msg("'%s' was read as %g", bad[i], value);
    assert_true(kr_word_real(word_of("1.5D-3"), &value) && value == 1.5e-3);
    assert_string_equal(kr_format_real(-0.0, text), "-0");
    const char *range = "0.25, 1e2)", *end;
    assert_true(kr_read_real(range, &end) == 0.25 && end == range + 4);
    assert_true(kr_read_real(end + 1, &end) == 100 && *end == ')');
    assert_true(kr_read_real(range, NULL) == 0.25);
    assert_true(kr_read_real("none", &end) == 0 && *end == 'n');
    assert_true(kr_round_real((float)0.1, 7) == 0.1 && kr_round_real(-123456.0, 2) == -120000.0);
    assert_string_equal(kr_format_real(0.1 + 0.2, text), "0.30000000000000004");
}

static void test_locale(void **state) {
    (void)state;
    const char *names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    char text[32];
    double value;
    int i = 0;
    while (i < 3 && !setlocale(LC_NUMERIC, names[i])) i++;
    if (i == 3) print_message("no locale with a decimal comma on this machine: tried in \"C\" alone\n");
    assert_string_equal(kr_format_real(1.5e-300, text), "1.5e-300");
    assert_true(kr_word_real(word_of("1.5e-300"), &value) && value == 1.5e-300);
    assert_true(kr_word_real(word_of("0.30000000000000004"), &value) && value == 0.1 + 0.2);
    assert_true(kr_read_real("0.30000000000000004", NULL) == 0.1 + 0.2);
    assert_true(kr_round_real((float)5.8, 7) == 5.8);
    setlocale(LC_NUMERIC, "C");
}

static void test_ints(void **state) {
    (void)state;
    int64_t n;
    assert_true(kr_word_int(word_of("-999999999999999999"), &n) && n == -999999999999999999);
    assert_true(kr_word_int(word_of("+7"), &n) && n == 7);
    const char *bad[] = {"", "-", "1.0", "9999999999999999999", "1a", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kr_word_int(word_of(bad[i]), &n));
}

static void test_lines(void **state) {
    (void)state;
    const char text[] = "one two\r\n\n three\tfour \nend";
    kr_lines lines = kr_lines_of(text, sizeof text - 1);
    kr_word line, word;
    char show[8];
    assert_true(kr_lines_next(&lines, &line) && kr_word_is(line, "one two"));
    assert_int_equal(kr_word_count(line), 2);
    assert_true(kr_lines_next(&lines, &line) && line.n == 0);
    assert_true(kr_lines_next(&lines, &line) && kr_word_is(kr_word_trim(line), "three\tfour"));
    assert_true(kr_word_next(&line, &word) && kr_word_is_nocase(word, "THREE"));
    assert_true(kr_word_next(&line, &word) && kr_word_is(word, "four"));
    assert_false(kr_word_next(&line, &word));
    assert_true(kr_lines_next(&lines, &line) && kr_word_is(line, "end"));
    assert_int_equal(lines.number, 4);
    assert_false(kr_lines_next(&lines, &line));
    assert_string_equal(kr_word_show(word_of("a\tb"), show, sizeof show), "a?b");
    assert_string_equal(kr_word_show(word_of("abcdefghij"), show, sizeof show), "abcd...");
}

static void test_string(void **state) {
    (void)state;
    kr_string s = {NULL, 0, 0};
    for (int i = 0; i < 1000; i++) assert_int_equal(kr_string_puts(NULL, &s, "abc"), KR_OK);
    assert_int_equal(s.length, 3000);
    assert_int_equal(strlen(s.data), 3000);
    assert_int_equal(kr_string_append(NULL, &s, "x", SIZE_MAX), KR_ERR_MEMORY);
    kr_free(s.data);
    assert_int_equal(kr_memory_live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reals), cmocka_unit_test(test_locale),
                                       cmocka_unit_test(test_ints), cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_string)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
