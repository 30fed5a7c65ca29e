/* The program `kramers`: the table of commands and their dispatch.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Adding a command: a file with a const cli_command at its bottom, its name in the two places below. */
#include "cli.h"
#include <stdlib.h>
#include <string.h>

extern const cli_command cli_command_train, cli_command_eval, cli_command_test, cli_command_model, cli_command_data,
    cli_command_committor, cli_command_quasipotential, cli_command_rate, cli_command_plot, cli_command_eelt,
    cli_command_help;

/* clang-format off */
const cli_command *const cli_commands[] = {
    &cli_command_train,
    &cli_command_eval,
    &cli_command_test,
    &cli_command_model,
    &cli_command_data,
    &cli_command_committor,
    &cli_command_quasipotential,
    &cli_command_rate,
    &cli_command_plot,
    &cli_command_eelt,
    &cli_command_help,
    NULL,
};
/* clang-format on */

static int run_command(const cli_command *command, int argc, char **argv) {
    if (command->sub) {
        if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
            cli_print_help(stdout, command);
            return CLI_DONE;
        }
        if (!argc) {
            cli_print_help(stderr, command);
            return CLI_USAGE;
        }
        const cli_command *sub = cli_find_command(argv[0], command->sub);
        return sub ? run_command(sub, argc - 1, argv + 1) : cli_unknown_command(command->name, argv[0], command->sub);
    }
    void *settings = cli_calloc(1, command->size);
    int help, result, nargs = cli_parse(command, argc, argv, settings, &help);
    if (help) {
        cli_print_help(stdout, command);
        result = CLI_DONE;
    } else if (nargs < 0) {
        result = CLI_USAGE;
    } else if (nargs < command->least || (command->most >= 0 && nargs > command->most)) {
        result = nargs < command->least ? cli_usage_error(command, "an argument is missing: %s", command->usage)
                                        : cli_usage_error(command, "one argument too many: %s", argv[command->most]);
    } else {
        result = command->run(settings, nargs, argv);
    }
    cli_settings_free(command, settings);
    return result;
}

int main(int argc, char **argv) {
    int result;
    if (argc < 2) {
        cli_print_commands(stderr);
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("kramers %s\n%s\n", kr_version(), kr_build_info());
        result = CLI_DONE;
    } else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        cli_print_commands(stdout);
        result = CLI_DONE;
    } else {
        const cli_command *command = cli_find_command(argv[1], cli_commands);
        result = command ? run_command(command, argc - 2, argv + 2) : cli_unknown_command("", argv[1], cli_commands);
    }
    /* A full disk or a closed pipe must not look like success. */
    if (fflush(stdout) != 0 && result == CLI_DONE) result = cli_error(NULL, "standard output could not be written");
    return result;
}
