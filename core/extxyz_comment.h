/* The second line of an extended XYZ frame: key=value pairs.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_EXTXYZ_COMMENT_H
#define KR_CORE_EXTXYZ_COMMENT_H

#include "core/memory.h"
#include "core/text.h"

enum { KR_COMMENT_PAIRS = 256 };

typedef struct kr_pair {
    kr_word key, value; /* without quotes and brackets; escapes inside quotes are left alone */
} kr_pair;

typedef struct kr_comment {
    int n;
    kr_pair pair[KR_COMMENT_PAIRS];
} kr_comment;

/* Splits a comment line. 0 on success; otherwise the 1-based column where it went wrong, and what is expected
 * there in *expected. A key without '=' is a flag whose value is "T". */
int kr_comment_parse(kr_word line, kr_comment *comment, const char **expected);
/* Value of a key, letters compared without case; NULL when absent. */
const kr_word *kr_comment_get(const kr_comment *comment, const char *key);
/* Takes the next number, flag or name off a list: separated by blanks, commas or brackets. */
int kr_comment_item(kr_word *rest, kr_word *item);
/* The list as at most `room` numbers: their count, −1 when an item is no number, room + 1 when there are more. */
int kr_comment_numbers(kr_word list, int room, double *number);

#endif
