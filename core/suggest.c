/* Edit distance with swaps (optimal string alignment) on three rows of the dynamic-programming table.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/suggest.h"
#include "core/error.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 63 };

static int length(const char *text) {
    size_t n = strlen(text);
    return n > LONGEST ? LONGEST : (int)n;
}

static int same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

static int least(int a, int b) { return a < b ? a : b; }

int kr_edit_distance(const char *a, const char *b) {
    int na = length(a), nb = length(b);
    int row[3][LONGEST + 1]; /* rows i − 2, i − 1, i of d[i][j] = distance of a[0..i) and b[0..j), rotating */
    for (int j = 0; j <= nb; j++) row[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int best = least(before[j], now[j - 1]) + 1;
            best = least(best, before[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                best = least(best, earlier[j - 2] + 1);
            now[j] = best;
        }
    }
    return row[na % 3][nb];
}

const char *kr_suggest(const char *word, int n, const char *const *candidates) {
    const char *nearest = NULL;
    int best = 0, nw = length(word);
    for (int i = 0; i < n; i++) {
        const char *name = candidates[i];
        if (!name) continue;
        int nn = length(name), longer = nw > nn ? nw : nn, shorter = nw < nn ? nw : nn;
        int distance = kr_edit_distance(word, name);
        int prefix = shorter >= 3 && distance == longer - shorter && strncmp(word, name, (size_t)shorter) == 0;
        if (distance > (longer + 2) / 3 && !prefix) continue;
        if (!nearest || distance < best) {
            nearest = name;
            best = distance;
        }
    }
    return nearest;
}

void kr_suggest_hint(kr_context *ctx, const char *word, int n, const char *const *candidates, char quote) {
    const char *near = kr_suggest(word, n, candidates);
    char list[1900] = ""; /* less than the room of a hint; what does not fit is told by "..." */
    size_t used = 0;
    if (near) {
        kr_error_hint(ctx, "did you mean %c%s%c?", quote, near, quote);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (!candidates[i]) continue;
        if (used + strlen(candidates[i]) + 8 > sizeof list) {
            snprintf(list + used, sizeof list - used, ", ...");
            break;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", candidates[i]);
    }
    if (used) kr_error_hint(ctx, "there are %s", list);
}
