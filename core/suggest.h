/* "Did you mean …?" for unknown names.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_SUGGEST_H
#define KR_CORE_SUGGEST_H

/* Insertions, deletions, substitutions and swaps of neighbours that turn a into b, letters compared without case;
 * names longer than 63 characters are compared by their first 63. */
int kr_edit_distance(const char *a, const char *b);
/* The candidate nearest to `word` (borrowed), NULL when none is near enough to be a slip of the pen:
 * at most a third of the letters, or one a beginning of the other. NULL entries are skipped. */
const char *kr_suggest(const char *word, int n, const char *const *candidates);

#endif
