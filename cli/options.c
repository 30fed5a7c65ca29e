/* The option parser: fills a settings struct from a table, and "did you mean".
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Accepted: --name value, --name=value, --flag, -x value, -xvalue, and -- before positional arguments that start
 * with a minus sign. Options and positional arguments may come in any order. */
#include "cli.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- nearest word ---- */

/* Edit distance with insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
static int distance(const char *a, const char *b) {
    enum { ROOM = 48 };
    int d[ROOM + 1][ROOM + 1], na = (int)strlen(a), nb = (int)strlen(b);
    if (na > ROOM || nb > ROOM) return INT_MAX;
    for (int i = 0; i <= na; i++) d[i][0] = i;
    for (int j = 0; j <= nb; j++) d[0][j] = j;
    for (int i = 1; i <= na; i++) {
        for (int j = 1; j <= nb; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            int swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[na][nb];
}

const char *cli_nearest(const char *word, int n, const char *const *candidates) {
    const char *nearest = NULL;
    int least = 1 + (int)strlen(word) / 3; /* one slip in short words, a third of the letters in long ones */
    for (int i = 0; i < n; i++) {
        int d = distance(word, candidates[i]);
        if (d <= least) {
            nearest = candidates[i];
            least = d - 1;
        }
    }
    return nearest;
}

/* ---- values ---- */

void cli_names_add(cli_names *names, const char *text) {
    char *copy = cli_strdup(text), *rest = copy;
    for (char *part = strsep(&rest, ","); part; part = strsep(&rest, ",")) {
        if (!*part) continue;
        char **grown = cli_calloc((size_t)names->n + 1, sizeof *grown);
        if (names->n) memcpy(grown, names->name, (size_t)names->n * sizeof *grown);
        free(names->name);
        names->name = grown;
        names->name[names->n++] = cli_strdup(part);
    }
    free(copy);
}

void cli_names_free(cli_names *names) {
    for (int i = 0; i < names->n; i++) free(names->name[i]);
    free(names->name);
    *names = (cli_names){0};
}

static int read_real(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}

static int read_reals(cli_reals *reals, const char *text) {
    cli_names parts = {0};
    cli_names_add(&parts, text);
    int good = parts.n > 0;
    free(reals->value);
    *reals = (cli_reals){parts.n, cli_calloc((size_t)parts.n, sizeof(double))};
    for (int i = 0; i < parts.n && good; i++) good = read_real(parts.name[i], &reals->value[i]);
    cli_names_free(&parts);
    return good;
}

static int read_count(const char *text, int *value) {
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    *value = (int)n;
    return end != text && !*end && !errno && n >= 0 && n <= INT_MAX;
}

/* Place of `text` among the words of "a|b|c", −1 when it is none. */
static int read_choice(const char *words, const char *text) {
    size_t length = strlen(text);
    int place = 0;
    for (const char *word = words;; place++) {
        const char *end = strchrnul(word, '|');
        if ((size_t)(end - word) == length && !strncmp(word, text, length)) return place;
        if (!*end) return -1;
        word = end + 1;
    }
}

/* Stores a value; 0 after a message. */
static int store(const cli_command *command, const cli_option *option, const char *text, void *settings) {
    void *target = (char *)settings + option->offset;
    switch (option->kind) {
    case CLI_FLAG:
        *(int *)target = 1;
        return 1;
    case CLI_TEXT:
        *(const char **)target = text;
        return 1;
    case CLI_NAMES:
        cli_names_add(target, text);
        return 1;
    case CLI_COUNT:
        if (read_count(text, target)) return 1;
        break;
    case CLI_REAL:
        if (read_real(text, target)) return 1;
        break;
    case CLI_REALS:
        if (read_reals(target, text)) return 1;
        break;
    case CLI_CHOICE:
        *(int *)target = read_choice(option->value, text);
        if (*(int *)target >= 0) return 1;
        break;
    }
    const char *allowed = option->kind == CLI_COUNT    ? "a whole number, 0 or more"
                          : option->kind == CLI_REAL   ? "a number"
                          : option->kind == CLI_CHOICE ? option->value
                                                       : "numbers separated by commas";
    cli_usage_error(command, "--%s %s: %s expected", option->name, text, allowed);
    return 0;
}

/* ---- parsing ---- */

static const cli_option *find_long(const cli_command *command, const char *name, size_t length) {
    for (const cli_option *o = command->options; o && o->name; o++)
        if (strlen(o->name) == length && !strncmp(o->name, name, length)) return o;
    return NULL;
}

static const cli_option *find_letter(const cli_command *command, char letter) {
    for (const cli_option *o = command->options; o && o->name; o++)
        if (o->letter == letter) return o;
    return NULL;
}

static void unknown_option(const cli_command *command, const char *word) {
    const char *names[64];
    int n = 0;
    for (const cli_option *o = command->options; o && o->name && n < 64; o++) names[n++] = o->name;
    char *bare = cli_strdup(word + strspn(word, "-"));
    *strchrnul(bare, '=') = 0;
    const char *nearest = cli_nearest(bare, n, names);
    if (nearest)
        cli_usage_error(command, "unknown option %s, did you mean --%s?", word, nearest);
    else
        cli_usage_error(command, "unknown option %s", word);
    free(bare);
}

int cli_parse(const cli_command *command, int argc, char **argv, void *settings, int *help) {
    int nargs = 0, only_arguments = 0;
    if (command->defaults) memcpy(settings, command->defaults, command->size);
    *help = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (only_arguments || word[0] != '-' || !word[1]) {
            argv[nargs++] = argv[i];
            continue;
        }
        if (!strcmp(word, "--")) {
            only_arguments = 1;
            continue;
        }
        if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
            *help = 1;
            return 0;
        }
        int is_long = word[1] == '-';
        const char *equals = is_long ? strchr(word, '=') : NULL;
        const cli_option *option = is_long ? find_long(command, word + 2, (size_t)(strchrnul(word, '=') - word) - 2)
                                           : find_letter(command, word[1]);
        const char *text = is_long ? (equals ? equals + 1 : NULL) : (word[2] ? word + 2 : NULL);
        if (!option) {
            unknown_option(command, word);
            return -1;
        }
        if (option->kind == CLI_FLAG && text) {
            cli_usage_error(command, "--%s takes no value, found %s", option->name, word);
            return -1;
        }
        if (option->kind != CLI_FLAG && !text) {
            if (i + 1 >= argc) {
                cli_usage_error(command, "--%s needs a value: %s", option->name, option->value);
                return -1;
            }
            text = argv[++i];
        }
        if (!store(command, option, text, settings)) return -1;
    }
    return nargs;
}

void cli_settings_free(const cli_command *command, void *settings) {
    for (const cli_option *o = command->options; o && o->name; o++) {
        void *target = (char *)settings + o->offset;
        if (o->kind == CLI_NAMES) cli_names_free(target);
        if (o->kind == CLI_REALS) {
            free(((cli_reals *)target)->value);
            *(cli_reals *)target = (cli_reals){0};
        }
    }
    free(settings);
}
