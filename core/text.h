/* Text in and out: growing strings, lines and words of a text in memory, numbers that do not depend on the locale.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_TEXT_H
#define KR_CORE_TEXT_H

#include "core/error.h"
#include <stddef.h>
#include <stdint.h>

/* A growing string, zero-terminated after the first append. Free with kr_free(data). */
typedef struct kr_string {
    char *data;
    size_t length, room;
} kr_string;
kr_status kr_string_append(kr_context *ctx, kr_string *string, const char *text, size_t n);
kr_status kr_string_puts(kr_context *ctx, kr_string *string, const char *text);
/* Pieces of up to 1000 characters. */
kr_status kr_string_printf(kr_context *ctx, kr_string *string, const char *format, ...) KR_PRINTF(3, 4);
/* '…' for the shell. */
kr_status kr_string_quote(kr_context *ctx, kr_string *string, const char *text);

/* The shortest of 15, 16 and 17 digits that reads back to the same bits, always with '.' as decimal sign;
 * "nan", "inf", "-inf" for what is not finite. Returns text. */
const char *kr_format_real(double value, char text[32]);
/* strtod in the "C" locale: the number at the beginning of a zero-terminated text, *end (may be NULL) behind it. */
double kr_read_real(const char *text, const char **end);
/* value rounded to so many significant decimal digits, at most 17. */
double kr_round_real(double value, int digits);

/* A word or a line: [n] characters, not zero-terminated. */
typedef struct kr_word {
    const char *text;
    size_t n;
} kr_word;

/* The whole word as a number; 0 when it is none. Fortran exponents (1.0D-3) are read; nan and inf are numbers here:
 * callers that want finite values test for it. Hexadecimal numbers are refused. */
int kr_word_real(kr_word word, double *value);
int kr_word_int(kr_word word, int64_t *value);
int kr_word_is(kr_word word, const char *text);
int kr_word_is_nocase(kr_word word, const char *text);
/* Copy for messages: cut to room, unprintable characters become '?'. Returns text. */
const char *kr_word_show(kr_word word, char *text, size_t room);

/* Walks the lines of a text; a line ends with \n, \r\n or the end of the text. */
typedef struct kr_lines {
    const char *next, *end;
    long number; /* of the line returned last, from 1 */
} kr_lines;
kr_lines kr_lines_of(const char *text, size_t length);
/* 0 at the end. The line ending is not part of the line. */
int kr_lines_next(kr_lines *lines, kr_word *line);
/* Takes the next word (blank- or tab-separated) off *rest; 0 when there is none. */
int kr_word_next(kr_word *rest, kr_word *word);
/* Number of words. */
int kr_word_count(kr_word line);
/* Without leading and trailing white space. */
kr_word kr_word_trim(kr_word word);

#endif
