/* The words and sentences of outcome.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/outcome.h"
#include <string.h>

static const struct {
    const char *word, *text;
} outcomes[] = {
#define KR_OUTCOME_ROW(name, word, sentence) {word, sentence},
    KR_OUTCOME_LIST(KR_OUTCOME_ROW)
#undef KR_OUTCOME_ROW
};

const char *kr_outcome_word(kr_outcome outcome) {
    return (unsigned)outcome < KR_OUTCOME_COUNT ? outcomes[outcome].word : "unknown";
}

const char *kr_outcome_text(kr_outcome outcome) {
    return (unsigned)outcome < KR_OUTCOME_COUNT ? outcomes[outcome].text : "unknown outcome";
}

int kr_outcome_find(const char *word) {
    for (int i = 0; i < KR_OUTCOME_COUNT; i++)
        if (!strcmp(outcomes[i].word, word)) return i;
    return -1;
}
