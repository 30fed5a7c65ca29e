/* Help: the list of commands, the page of one command, the reference page (docs/cli.md is made of it).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include <string.h>

enum { COLUMN = 30, WIDTH = 100 };

/* Prints `text` from `column` on, wrapped at WIDTH, further lines indented to the same column. */
static void print_wrapped(FILE *out, const char *text, int column) {
    int at = column;
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (at > column && at + 1 + (int)length > WIDTH) {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        if (at > column) at += fprintf(out, " ");
        at += fprintf(out, "%.*s", (int)length, text);
        text += length;
        if (*text == '\n') {
            fprintf(out, "\n%*s", text[1] ? column : 0, "");
            at = column;
        }
        if (*text) text++;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const cli_option *option) {
    char head[128];
    int n = option->letter ? snprintf(head, sizeof head, "  -%c, --%s", option->letter, option->name)
                           : snprintf(head, sizeof head, "      --%s", option->name);
    if (option->value && n >= 0 && (size_t)n < sizeof head)
        snprintf(head + n, sizeof head - (size_t)n, " %s", option->value);
    if ((int)strlen(head) + 2 > COLUMN)
        fprintf(out, "%s\n%*s", head, COLUMN, "");
    else
        fprintf(out, "%-*s", COLUMN, head);
    print_wrapped(out, option->help, COLUMN);
}

static void print_table(FILE *out, const cli_command *const *table) {
    for (; *table; table++) {
        fprintf(out, "  %-16s", (*table)->name);
        print_wrapped(out, (*table)->summary, 18);
    }
}

void cli_print_commands(FILE *out) {
    fputs("usage: kramers COMMAND [arguments]\n\nLearned potentials and rare events: train, evaluate, label; "
          "committors, rates.\n\n",
          out);
    print_table(out, cli_commands);
    fputs("\n`kramers help COMMAND` or `kramers COMMAND --help` explains one; `kramers --version` tells the build.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stopped before the end.\n",
          out);
}

void cli_print_help(FILE *out, const cli_command *command) {
    fprintf(out, "usage: kramers %s %s\n\n", command->name, command->usage);
    print_wrapped(out, command->text ? command->text : command->summary, 0);
    if (command->sub) {
        fputc('\n', out);
        print_table(out, command->sub);
        return;
    }
    fputs("\noptions:\n", out);
    for (const cli_option *o = command->options; o && o->name; o++) print_option(out, o);
    print_option(out, &(cli_option){"help", 'h', CLI_FLAG, 0, NULL, "this page"});
}

static void print_markdown_of(FILE *out, const cli_command *command, int level) {
    fprintf(out, "%.*s kramers %s\n\n%s.\n\n```\n", level, "####", command->name, command->summary);
    cli_print_help(out, command);
    fputs("```\n\n", out);
    for (const cli_command *const *sub = command->sub; sub && *sub; sub++) print_markdown_of(out, *sub, level + 1);
}

void cli_print_markdown(FILE *out) {
    for (const cli_command *const *command = cli_commands; *command; command++) print_markdown_of(out, *command, 2);
}

const cli_command *cli_find_command(const char *word, const cli_command *const *table) {
    for (; *table; table++) {
        const char *last = strrchr((*table)->name, ' '); /* "model check" is found as "check" */
        if (!strcmp(last ? last + 1 : (*table)->name, word)) return *table;
    }
    return NULL;
}

int cli_unknown_command(const char *prefix, const char *word, const cli_command *const *table) {
    const char *names[32];
    int n = 0;
    for (; table[n] && n < 32; n++) {
        const char *last = strrchr(table[n]->name, ' ');
        names[n] = last ? last + 1 : table[n]->name;
    }
    const char *nearest = cli_nearest(word, n, names), *gap = *prefix ? " " : "";
    if (nearest)
        fprintf(stderr, "kramers: unknown command %s%s%s, did you mean %s?\n", prefix, gap, word, nearest);
    else
        fprintf(stderr, "kramers: unknown command %s%s%s\n", prefix, gap, word);
    fprintf(stderr, "  hint: kramers help%s%s lists the commands\n", gap, prefix);
    return CLI_USAGE;
}

/* ---- kramers help [command] ---- */

typedef struct settings {
    int markdown;
} settings;

static const cli_option options[] = {
    {"markdown", 0, CLI_FLAG, offsetof(settings, markdown), NULL, "the page of every command, as in docs/cli.md"}, {0}};

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    const cli_command *const *table = cli_commands;
    const cli_command *command = NULL;
    if (s->markdown) {
        cli_print_markdown(stdout);
        return CLI_DONE;
    }
    for (int i = 0; i < nargs && table; i++) {
        const char *prefix = command ? command->name : "";
        const cli_command *found = cli_find_command(args[i], table);
        if (!found) return cli_unknown_command(prefix, args[i], table);
        command = found;
        table = command->sub;
    }
    if (command)
        cli_print_help(stdout, command);
    else
        cli_print_commands(stdout);
    return CLI_DONE;
}

const cli_command cli_command_help = {
    .name = "help",
    .summary = "Explain a command",
    .usage = "[COMMAND [SUB-COMMAND]]",
    .most = 2,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
