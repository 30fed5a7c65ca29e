/* Pictures through gnuplot as a child process.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * gnuplot runs in the folder of the picture, so that script and data name no folder and can be moved. It draws under a
 * temporary name that is renamed when it succeeds. No display is needed. */
#include "picture.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *cli_colour(int index) {
    static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
    return colours[index % (int)(sizeof colours / sizeof *colours)];
}

static void write_preamble(const cli_picture *p, int is_svg, int width, int height) {
    FILE *out = p->script.file;
    fprintf(out, "# gnuplot %s.gp draws %s\n", p->stem, p->name);
    fprintf(out, "if (!exists(\"picture\")) picture = '%s'\ndata = '%s.dat'\n", p->name, p->stem);
    if (is_svg)
        fprintf(out, "set terminal svg size %d,%d dynamic enhanced background 'white' font 'DejaVu Sans,14'\n", width,
                height);
    else
        fprintf(out, "set terminal pngcairo size %d,%d enhanced font 'DejaVu Sans,12' linewidth 1.6\n", width, height);
    fputs("set output picture\nset encoding utf8\nset border linewidth 0.8 linecolor '#555555'\n"
          "set tics nomirror out scale 0.6\nset grid linecolor '#e4e4e4' linewidth 0.7\n"
          "set key top right samplen 2 spacing 1.1\n",
          out);
}

int cli_picture_allowed(const cli_command *command, const char *path, int force) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    if (!dot || dot == name || (strcmp(dot, ".svg") != 0 && strcmp(dot, ".png") != 0))
        return cli_usage_error(command, "%s: a picture is called .png or .svg", path);
    if (strpbrk(name, "'\\\n")) return cli_usage_error(command, "%s: quotes in the name of a picture", path);
    return cli_output_allowed(path, force);
}

int cli_picture_open(cli_picture *p, const cli_command *command, const char *path, int force, int width, int height) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    *p = (cli_picture){0};
    int result = cli_picture_allowed(command, path, force);
    if (result != CLI_DONE) return result;
    p->path = cli_strdup(path);
    p->folder = slash ? cli_strprintf("%.*s/", (int)(slash - path), path) : cli_strdup("./");
    p->name = cli_strdup(name);
    p->stem = cli_strprintf("%.*s", (int)(dot - name), name);
    char *data = cli_strprintf("%s%s.dat", p->folder, p->stem), *script = cli_strprintf("%s%s.gp", p->folder, p->stem);
    result = cli_output_open(&p->data, data);
    if (result == CLI_DONE) result = cli_output_open(&p->script, script);
    free(data);
    free(script);
    if (result == CLI_DONE)
        write_preamble(p, !strcmp(dot, ".svg"), width, height);
    else
        cli_picture_close(p);
    return result;
}

/* Runs gnuplot; its exit status, 127 when it is not there. */
static int run_gnuplot(const cli_picture *p, const char *temporary) {
    char *picture = cli_strprintf("picture='%s'", temporary), *script = cli_strprintf("%s.gp", p->stem);
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (chdir(p->folder) != 0) _exit(126);
        execlp("gnuplot", "gnuplot", "-e", picture, script, (char *)NULL);
        _exit(errno == ENOENT ? 127 : 126);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    free(picture);
    free(script);
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

int cli_picture_draw(cli_picture *p) {
    if (cli_output_commit(&p->data) != CLI_DONE || cli_output_commit(&p->script) != CLI_DONE) return CLI_FAILED;
    char *temporary = cli_strprintf("%s.part-%ld", p->name, (long)getpid());
    char *made = cli_strprintf("%s%s", p->folder, temporary);
    int status = run_gnuplot(p, temporary), result = CLI_DONE;
    struct stat info;
    if (status == 127)
        result = cli_error("apt-get install gnuplot-nox, then: gnuplot that script",
                           "gnuplot is not installed; the data and the script %s%s.gp are written", p->folder, p->stem);
    else if (status || stat(made, &info) != 0 || !info.st_size)
        result = cli_error(NULL, "gnuplot failed (exit code %d) on %s%s.gp", status, p->folder, p->stem);
    else if (rename(made, p->path) != 0)
        result = cli_error(NULL, "%s cannot be written: %s", p->path, strerror(errno));
    if (result != CLI_DONE) unlink(made);
    free(temporary);
    free(made);
    return result;
}

void cli_picture_close(cli_picture *p) {
    cli_output_discard(&p->data);
    cli_output_discard(&p->script);
    free(p->path);
    free(p->folder);
    free(p->name);
    free(p->stem);
    *p = (cli_picture){0};
}
