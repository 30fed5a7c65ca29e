/* "Did you mean …?" for unknown names.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_SUGGEST_H
#define KR_CORE_SUGGEST_H

#include <kramers/context.h>

/* Insertions, deletions, substitutions and swaps of neighbours that turn a into b, letters compared without case;
 * names longer than 63 characters are compared by their first 63. */
int kr_edit_distance(const char *a, const char *b);
/* The candidate nearest to `word` (borrowed), NULL when none is near enough to be a slip of the pen:
 * at most a third of the letters, or one a beginning of the other. NULL entries are skipped. */
const char *kr_suggest(const char *word, int n, const char *const *candidates);
/* The hint to a word that none of the n candidates is: "did you mean "NAME"?" when one is near, all of them otherwise,
 * "there are A, B, C". The quote, \' or ", is that of the message. NULL entries are skipped. */
void kr_suggest_hint(kr_context *ctx, const char *word, int n, const char *const *candidates, char quote);

#endif
