/* What the sub-commands of the program `kramers` share: the table of commands, options, messages, progress, files.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A command is one const record at the bottom of its own file plus one line in the table of main.c. */
#ifndef KR_CLI_H
#define KR_CLI_H

#include <kramers/kramers.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes of the program. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_STOPPED = 3 };

typedef struct cli_names {
    int n;
    char **name;
} cli_names;
typedef struct cli_reals {
    int n;
    double *value;
} cli_reals;

/* What an option stores at its offset in the settings of the command. */
typedef enum cli_kind {
    CLI_FLAG,   /* int: 1 when given */
    CLI_COUNT,  /* int ≥ 0 */
    CLI_REAL,   /* double */
    CLI_TEXT,   /* const char * (points into argv) */
    CLI_CHOICE, /* int: place among the words of `value`, separated by | */
    CLI_NAMES,  /* cli_names: comma separated, may be repeated */
    CLI_REALS   /* cli_reals: comma separated */
} cli_kind;

typedef struct cli_option {
    const char *name; /* long name without -- */
    char letter;      /* short name or 0 */
    cli_kind kind;
    size_t offset;     /* of the field in the settings struct */
    const char *value; /* how the value is called in the help; NULL for a flag */
    const char *help;
} cli_option;

typedef struct cli_command {
    const char *name;          /* "eval", "model check" */
    const char *summary;       /* one line */
    const char *usage;         /* arguments, after the name */
    const char *text;          /* what it does, a paragraph or more; may be NULL */
    int least, most;           /* positional arguments; most < 0 = any number */
    const cli_option *options; /* ends with a NULL name; may be NULL */
    size_t size;               /* bytes of the settings struct */
    const void *defaults;      /* initial settings; NULL = all zero */
    int (*run)(const void *settings, int nargs, char **args);
    const struct cli_command *const *sub; /* sub-commands, NULL at the end; then run is NULL */
} cli_command;

/* The table: NULL at the end. */
extern const cli_command *const cli_commands[];

/* ---- options.c ---- */

/* Fills `settings` from argv[0 … argc−1] (after the command's name) and moves the positional arguments to the front
 * of argv. Returns their number, or −1 after a message (then the program ends with CLI_USAGE). `help` is set when
 * --help was found. */
int cli_parse(const cli_command *command, int argc, char **argv, void *settings, int *help);
void cli_settings_free(const cli_command *command, void *settings);
/* The word nearest to `word`, when near enough to be meant, else NULL. */
const char *cli_nearest(const char *word, int n, const char *const *candidates);
/* Splits at commas; empty parts are kept out. */
void cli_names_add(cli_names *names, const char *text);
void cli_names_free(cli_names *names);

/* ---- help.c ---- */
void cli_print_commands(FILE *out);
void cli_print_help(FILE *out, const cli_command *command);
void cli_print_markdown(FILE *out);
int cli_unknown_command(const char *prefix, const char *word, const cli_command *const *table);
const cli_command *cli_find_command(const char *word, const cli_command *const *table);

/* ---- report.c ---- */

/* One line on stderr and, when hint is not NULL or empty, a second one; returns CLI_FAILED. */
int cli_error(const char *hint, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_usage_error(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The message and hint of the library. */
int cli_library_error(const kr_context *ctx);
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A context that reports warnings on stderr; threads 0 = all. NULL after a message. */
kr_context *cli_context(int threads);

/* Path of this program: CLI_DONE, or CLI_FAILED after a message. */
int cli_program(char *path, size_t room);

/* SIGINT and SIGTERM are caught from here on; a second one ends the program at once. */
void cli_catch_interrupts(void);
/* `most` of them are caught, the next one ends the program. */
void cli_catch_more_interrupts(int most);
/* How many came. */
int cli_interrupted(void);

/* Progress on stderr: rate and time left, rewritten on a terminal, a plain line every ten seconds otherwise, more
 * rarely in long runs. */
typedef struct cli_progress {
    const char *what; /* "frames" */
    long total,
        first; /* first: units that were done before (a restart); < 0: the first call of cli_progress_at tells */
    double started, shown; /* s */
    int terminal, printed;
} cli_progress;
void cli_progress_begin(cli_progress *progress, const char *what, long done, long total);
void cli_progress_at(cli_progress *progress, long done);
void cli_progress_end(cli_progress *progress, long done);
double cli_seconds(void);

/* Zeroed memory; the program ends with a message when there is none. */
void *cli_calloc(size_t count, size_t size);
char *cli_strdup(const char *text);
char *cli_strprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- output.c ---- */

/* A file that appears under its name only when it is complete. */
typedef struct cli_output {
    char *path, *temporary;
    FILE *file;
} cli_output;
/* CLI_DONE, or CLI_FAILED after a message: the path exists and force is 0, or it cannot be written. */
int cli_output_allowed(const char *path, int force);
int cli_output_open(cli_output *output, const char *path);
int cli_output_commit(cli_output *output);
void cli_output_discard(cli_output *output); /* no-op when nothing is open */

#endif
