/* Strings, lines, words and numbers.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers: up to 19 digits and a power of ten of at most 22 are converted with one exact multiplication or division
 * (both operands are exact doubles, so the result is correctly rounded; Clinger 1990); everything else goes through
 * strtod in the "C" locale. */
#define _GNU_SOURCE /* strtod_l */
#include "core/text.h"
#include "core/memory.h"
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

kr_status kr_string_append(kr_context *ctx, kr_string *string, const char *text, size_t n) {
    if (n >= SIZE_MAX / 2 - string->length) return KR_ERROR(ctx, KR_ERR_MEMORY, "text of %zu bytes is too long", n);
    if (string->length + n + 1 > string->room) {
        size_t room = 2 * (string->length + n) + 64;
        char *data = kr_realloc(ctx, string->data, string->length, room, 1);
        if (!data) return KR_ERR_MEMORY;
        string->data = data;
        string->room = room;
    }
    memcpy(string->data + string->length, text, n);
    string->length += n;
    string->data[string->length] = 0;
    return KR_OK;
}

kr_status kr_string_puts(kr_context *ctx, kr_string *string, const char *text) {
    return kr_string_append(ctx, string, text, strlen(text));
}

kr_status kr_string_printf(kr_context *ctx, kr_string *string, const char *format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    int n = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (n < 0 || (size_t)n >= sizeof text) return KR_ERROR(ctx, KR_ERR_INTERNAL, "a piece of text is too long");
    return kr_string_append(ctx, string, text, (size_t)n);
}

kr_status kr_string_quote(kr_context *ctx, kr_string *string, const char *text) {
    kr_status status = kr_string_puts(ctx, string, "'");
    for (; *text && status == KR_OK; text++)
        status = *text == '\'' ? kr_string_puts(ctx, string, "'\\''") : kr_string_append(ctx, string, text, 1);
    return status == KR_OK ? kr_string_puts(ctx, string, "'") : status;
}

/* glibc and musl give the object of this locale without allocating. */
double kr_read_real(const char *text, const char **end) {
    char *stop;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = c ? strtod_l(text, &stop, c) : strtod(text, &stop);
    if (c) freelocale(c);
    if (end) *end = stop;
    return value;
}

static double print_digits(double value, int digits, char text[32]) {
    snprintf(text, 32, "%.*g", digits, value);
    for (char *c = text; *c; c++)
        if (*c == ',') *c = '.';
    return kr_read_real(text, NULL);
}

double kr_round_real(double value, int digits) {
    char text[32];
    return print_digits(value, digits, text);
}

const char *kr_format_real(double value, char text[32]) {
    if (isnan(value)) return strcpy(text, "nan");
    if (isinf(value)) return strcpy(text, value < 0 ? "-inf" : "inf");
    for (int digits = 15; digits <= 17; digits++)
        if (print_digits(value, digits, text) == value) break;
    return text;
}

static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Plain decimals that need no rounding twice; 0 when the word is not of that kind. */
static int fast_real(kr_word word, double *value) {
    const char *c = word.text, *end = c + word.n;
    int negative = 0, digits = 0, scale = 0, point = 0;
    uint64_t mantissa = 0;
    if (c < end && (*c == '-' || *c == '+')) negative = *c++ == '-';
    for (; c < end; c++) {
        if (*c == '.' && !point) {
            point = 1;
            continue;
        }
        if (*c < '0' || *c > '9') break;
        if (++digits > 19) return 0;
        mantissa = 10 * mantissa + (uint64_t)(*c - '0');
        scale -= point;
    }
    if (digits == 0) return 0;
    if (c < end && (*c == 'e' || *c == 'E')) {
        int sign = 1, exponent = 0, n = 0;
        c++;
        if (c < end && (*c == '-' || *c == '+')) sign = *c++ == '-' ? -1 : 1;
        for (; c < end && *c >= '0' && *c <= '9' && n < 4; c++, n++) exponent = 10 * exponent + (*c - '0');
        if (n == 0 || n == 4) return 0;
        scale += sign * exponent;
    }
    if (c != end || mantissa > (uint64_t)1 << 53 || scale < -22 || scale > 22) return 0;
    double magnitude = (double)mantissa;
    magnitude = scale < 0 ? magnitude / power_of_ten[-scale] : magnitude * power_of_ten[scale];
    *value = negative ? -magnitude : magnitude;
    return 1;
}

int kr_word_real(kr_word word, double *value) {
    char text[128];
    if (fast_real(word, value)) return 1;
    if (word.n == 0 || word.n >= sizeof text || isspace((unsigned char)word.text[0])) return 0;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.text[i];
        if (c == 'x' || c == 'X' || c == 0) return 0;
        /* Fortran's double precision: the D stands where C has an e. */
        text[i] =
            (c == 'd' || c == 'D') && i > 0 && (isdigit((unsigned char)text[i - 1]) || text[i - 1] == '.') ? 'e' : c;
    }
    text[word.n] = 0;
    const char *end;
    *value = kr_read_real(text, &end);
    return end == text + word.n;
}

int kr_word_int(kr_word word, int64_t *value) {
    size_t i = 0;
    int negative = 0;
    uint64_t magnitude = 0;
    if (word.n > 0 && (word.text[0] == '-' || word.text[0] == '+')) negative = word.text[i++] == '-';
    if (i == word.n || word.n - i > 18) return 0;
    for (; i < word.n; i++) {
        if (word.text[i] < '0' || word.text[i] > '9') return 0;
        magnitude = 10 * magnitude + (uint64_t)(word.text[i] - '0');
    }
    *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return 1;
}

int kr_word_is(kr_word word, const char *text) {
    return strlen(text) == word.n && memcmp(word.text, text, word.n) == 0;
}

int kr_word_is_nocase(kr_word word, const char *text) {
    return strlen(text) == word.n && strncasecmp(word.text, text, word.n) == 0;
}

const char *kr_word_show(kr_word word, char *text, size_t room) {
    size_t n = word.n < room - 1 ? word.n : room - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)word.text[i];
        text[i] = c < 32 || c == 127 ? '?' : (char)c;
    }
    text[n] = 0;
    if (n < word.n && n >= 3) memcpy(text + n - 3, "...", 3);
    return text;
}

kr_lines kr_lines_of(const char *text, size_t length) { return (kr_lines){text, text + length, 0}; }

int kr_lines_next(kr_lines *lines, kr_word *line) {
    if (lines->next >= lines->end) return 0;
    const char *start = lines->next, *newline = memchr(start, '\n', (size_t)(lines->end - start));
    const char *stop = newline ? newline : lines->end;
    lines->next = newline ? newline + 1 : lines->end;
    lines->number++;
    if (stop > start && stop[-1] == '\r') stop--;
    *line = (kr_word){start, (size_t)(stop - start)};
    return 1;
}

static int blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

int kr_word_next(kr_word *rest, kr_word *word) {
    size_t i = 0, start;
    while (i < rest->n && blank(rest->text[i])) i++;
    start = i;
    while (i < rest->n && !blank(rest->text[i])) i++;
    *word = (kr_word){rest->text + start, i - start};
    *rest = (kr_word){rest->text + i, rest->n - i};
    return word->n > 0;
}

int kr_word_count(kr_word line) {
    kr_word word;
    int n = 0;
    while (kr_word_next(&line, &word)) n++;
    return n;
}

kr_word kr_word_trim(kr_word word) {
    while (word.n && blank(word.text[0])) word.text++, word.n--;
    while (word.n && blank(word.text[word.n - 1])) word.n--;
    return word;
}
