/* What the commands committor, quasipotential and rate share.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void print_line(const char *text, void *payload) {
    (void)payload;
    puts(text);
}

/* One progress line per kind of work. */
typedef struct progress {
    cli_progress bar;
    char what[64];
    int open;
} progress;

static int on_progress(const char *what, long done, long total, void *payload) {
    progress *p = payload;
    if (!p->open || strcmp(p->what, what) != 0) {
        snprintf(p->what, sizeof p->what, "%s", what);
        cli_progress_begin(&p->bar, p->what, done, total);
        p->open = 1;
    }
    p->bar.total = total;
    cli_progress_at(&p->bar, done);
    if (done >= total) {
        cli_progress_end(&p->bar, done);
        p->open = 0;
    }
    return cli_interrupted();
}

static void *load(const char *library, const char *function, const char **reason, void *payload) {
    (void)payload;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL), *address = handle ? dlsym(handle, function) : NULL;
    if (!address) *reason = dlerror();
    return address; /* stays loaded until the program ends */
}

int cli_sampling_run(const char *name, const cli_sampling_settings *s, const char *path) {
    kr_sampling *run = NULL;
    kr_sampling_options options = {s->output, s->resume, s->force, s->checkpoint, load, NULL};
    progress bar = {0};
    int result = CLI_FAILED;
    kr_context *ctx = cli_context(s->threads);
    if (!ctx) return CLI_FAILED;
    kr_context_set_progress(ctx, on_progress, &bar);
    if (kr_sampling_create(ctx, name, path, &options, &run) < 0) {
        result = cli_library_error(ctx);
        goto done;
    }
    cli_catch_interrupts();
    kr_status status = kr_sampling_run(ctx, run);
    if (status < 0) {
        result = cli_library_error(ctx);
    } else if (status == KR_CANCELLED) {
        cli_note("stopped; kramers %s %s --resume continues", name, path);
        result = CLI_STOPPED;
    } else {
        kr_sampling_report(run, print_line, NULL);
        printf("results: %s/results.json\n", kr_sampling_output(run));
        result = status == KR_OK ? CLI_DONE : CLI_STOPPED;
    }
done:
    kr_sampling_destroy(&run);
    kr_context_destroy(&ctx);
    return result;
}

int cli_sampling_keys(const char *name, const char *topic) {
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    char *mine = cli_strprintf("%s %s", name, strcmp(topic, "all") ? topic : "");
    char *problem = cli_strprintf("problem %s", topic);
    int result = CLI_DONE;
    if (kr_sampling_help(ctx, !strcmp(topic, "problem") ? "problem" : mine, print_line, NULL) < 0 &&
        kr_sampling_help(ctx, problem, print_line, NULL) < 0)
        result = cli_error("--keys all and --keys problem list what there is",
                           "nothing is called '%s' in a file of kramers %s", topic, name);
    free(mine);
    free(problem);
    kr_context_destroy(&ctx);
    return result;
}
