/* Output files of the program: never torn, never replaced without --force.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file needs the folder that it goes into; said before the work, not after it. Folders are made with their parents.
 */
static int check_folder(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!slash || slash == path || !dot || dot < slash || strchr(path, '#')) return CLI_DONE;
    char *folder = cli_strprintf("%.*s", (int)(slash - path), path);
    int missing = access(folder, W_OK | X_OK) != 0, error = errno;
    free(folder);
    return missing ? cli_error(NULL, "%s cannot be written: %s", path, strerror(error)) : CLI_DONE;
}

int cli_output_allowed(const char *path, int force) {
    struct stat info;
    if (force || stat(path, &info) != 0) return check_folder(path);
    return cli_error("--force replaces it", "%s exists already", path);
}

int cli_output_open(cli_output *output, const char *path) {
    *output = (cli_output){cli_strdup(path), cli_strprintf("%s.part-%ld", path, (long)getpid()), NULL};
    output->file = fopen(output->temporary, "w");
    if (output->file) return CLI_DONE;
    int error = errno;
    cli_error(NULL, "%s cannot be written: %s", path, strerror(error));
    cli_output_discard(output);
    return CLI_FAILED;
}

int cli_output_commit(cli_output *output) {
    int failed = ferror(output->file) || fflush(output->file) != 0 || fsync(fileno(output->file)) != 0;
    int error = errno;
    if (fclose(output->file) != 0 && !failed) {
        failed = 1;
        error = errno;
    }
    output->file = NULL;
    if (!failed && rename(output->temporary, output->path) != 0) {
        failed = 1;
        error = errno;
    }
    if (failed) {
        cli_error(NULL, "%s cannot be written: %s", output->path, strerror(error));
        unlink(output->temporary);
    }
    free(output->path);
    free(output->temporary);
    *output = (cli_output){0};
    return failed ? CLI_FAILED : CLI_DONE;
}

void cli_output_discard(cli_output *output) {
    if (output->file) fclose(output->file);
    if (output->temporary) unlink(output->temporary);
    free(output->path);
    free(output->temporary);
    *output = (cli_output){0};
}
