/* The user's own drift or potential as a C function in a shared object.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   {"kind": "plugin", "library": "./mine.so", "function": "my_drift", "gives": "drift", "dim": 3}
 * The types of the functions are in <kramers/sampling.h>. The library opens no shared objects by itself: the program
 * that runs it hands over a loader (kr_sampling_options). */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct plugin {
    const char *library, *function;
    int dim, gives;
    union {
        void *address;
        kr_plugin_drift_fn drift;
        kr_plugin_potential_fn potential;
    } call;
} plugin;

static const kr_parameter parameters[] = {
    {.name = "library",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(plugin, library),
     .help = "shared object; with a slash in its name unless it is in the system's path"},
    {.name = "function", .type = KR_PARAMETER_TEXT, .offset = offsetof(plugin, function), .help = "its function"},
    {.name = "gives",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(plugin, gives),
     .initial = "\"drift\"",
     .allowed = "drift|potential",
     .help = "what the function computes"},
    {.name = "dim",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(plugin, dim),
     .range = "[1, 100000]",
     .help = "dimensions"},
    {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    kr_status status = KR_OK;
    plugin *s = problem->state;
    const char *reason = "";
    if (!problem->load)
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "problem 'plugin': this program gives no loader of shared objects");
    s->call.address = problem->load(s->library, s->function, &reason, problem->load_payload);
    if (!s->call.address)
        return kr_parameter_fail(ctx, "problem", "library", kr_tree_get(where, "library"), "%s: %s", s->library,
                                 reason && *reason ? reason : "cannot be loaded");
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    problem->no_potential = !s->gives;
    problem->dynamics = s->gives ? KR_OVERDAMPED : KR_DIFFUSION;
done:
    return status;
}

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    const plugin *s = problem->state;
    for (long i = 0; i < n; i++) {
        int code = s->call.potential(s->dim, x + i * s->dim, v ? v + i : NULL, grad ? grad + i * s->dim : NULL);
        if (code) return KR_ERROR(ctx, KR_ERR_CALLBACK, "%s of %s returned %d", s->function, s->library, code);
    }
    return KR_OK;
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    const plugin *s = problem->state;
    long d = s->dim;
    if (s->gives) {
        kr_status status = potential(ctx, problem, n, x, NULL, f);
        for (long k = 0; k < n * d; k++) f[k] *= problem->mobility ? -problem->mobility[k % d] : -1;
        return status;
    }
    for (long i = 0; i < n; i++) {
        int code = s->call.drift(s->dim, x + i * d, f + i * d);
        if (code) return KR_ERROR(ctx, KR_ERR_CALLBACK, "%s of %s returned %d", s->function, s->library, code);
    }
    return KR_OK;
}

const kr_problem_kind kr_problem_plugin = {
    .name = "plugin",
    .summary = "your own drift or potential as a C function",
    .reference = "the shared object",
    .parameters = parameters,
    .size = sizeof(plugin),
    .create = create,
    .potential = potential,
    .drift = drift,
};
