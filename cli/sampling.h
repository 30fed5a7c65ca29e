/* What the commands committor, quasipotential and rate share: options, running, help on the keys of their files.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_SAMPLING_H
#define KR_CLI_SAMPLING_H

#include "cli.h"

typedef struct cli_sampling_settings {
    const char *output, *keys;
    int resume, force, threads;
    double checkpoint;
} cli_sampling_settings;

/* Entries of an option table for a field `m` of the settings struct `s`. */
#define CLI_SAMPLING_OPTIONS(s, m)                                                                                   \
    {"output", 'o', CLI_TEXT, offsetof(s, m.output), "FOLDER", "for results, instead of the file's \"output\""},     \
        {"resume", 'r', CLI_FLAG, offsetof(s, m.resume), NULL, "continue from the checkpoint in the output folder"}, \
        {"force", 0, CLI_FLAG, offsetof(s, m.force), NULL, "replace existing results"},                              \
        {"checkpoint", 0, CLI_REAL, offsetof(s, m.checkpoint), "SECONDS", "between checkpoints (60)"},               \
        {"threads", 't', CLI_COUNT, offsetof(s, m.threads), "N", "threads, 0 = all (default)"}, {                    \
        "keys", 'k', CLI_TEXT, offsetof(s, m.keys), "TOPIC",                                                         \
            "explain keys of the file: \"all\", \"problem\", a problem or a method"                                  \
    }

/* Reads `path`, runs `name`, prints the report. CLI_STOPPED: stopped with a checkpoint, or not converged. */
int cli_sampling_run(const char *name, const cli_sampling_settings *settings, const char *path);
int cli_sampling_keys(const char *name, const char *topic);

#endif
