/* The command committor: keys of its file, dispatch, training in rounds with checkpoints.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/run_committor.h"
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_table.h"
#include <math.h>
#include <string.h>

#define AT(field) .offset = offsetof(kr_committor_settings, field)

static const kr_parameter top_table[] = {
    CHOICE("method", method, "\"network\"", "network|grid|random_features",
           "network: variational, any dimension; grid: finite volumes in 1 to 3 dimensions; random_features: linear"),
    TREE("grid", grid, "settings of the grid: `--keys grid`"),
    TREE("network", network, "the network: `--keys network`"),
    TREE("features", features, "random features: `--keys features`"),
    TREE("sampling", sampling, "how points are drawn: `--keys sampling`"),
    TREE("training", training, "how the network is trained: `--keys training`"),
    TREE("validation", validation, "the checks: `--keys validation`"),
    {.name = "load",
     .type = KR_PARAMETER_TEXT,
     AT(load),
     .initial = "",
     .help = "folder of a finished run: its network is validated, nothing is trained"},
    TREE("points", points, "list of points where q is printed"),
    {0}};

static const kr_parameter grid_table[] = {
    {.name = "spacing",
     .type = KR_PARAMETER_REALS,
     AT(g.spacing),
     .initial = "",
     .range = "> 0",
     .help = "of the nodes in each dimension; null: side/200 (2-D), /4000 (1-D), /60 (3-D)"},
    {.name = "start",
     .type = KR_PARAMETER_REALS,
     AT(g.start),
     .initial = "",
     .help = "mean first passage time to B from here"},
    {.name = "general",
     .type = KR_PARAMETER_FLAG,
     AT(g.general),
     .initial = "false",
     .help = "use the discretisation of general drifts for gradient dynamics, too"},
    CHOICE("advection", g.advection, "\"central\"", "central|upwind",
           "where there is no noise: second order, or first order and monotone"),
    CHOICE("face", g.face, "\"automatic\"", "automatic|harmonic|midpoint", "weights of edges, gradient dynamics"),
    {0}};

const kr_parameter kr_committor_network_table[] = {
    {.name = "hidden",
     .type = KR_PARAMETER_INTS,
     AT(net.hidden),
     .initial = "[50, 50]",
     .range = "[1, 4096]",
     .help = "widths of the hidden layers"},
    {.name = "activation", .type = KR_PARAMETER_TEXT, AT(net.activation), .initial = "\"tanh\"", .help = "of them"},
    REAL("sharpness", net.sharpness, "2", ">= 0",
         "factor of the first weights, units spread over the points; 0: all begin at their mean"),
    {.name = "features",
     .type = KR_PARAMETER_TEXTS,
     AT(net.features),
     .initial = "",
     .help = "formulas of x1, x2, ...: inputs of the network; null: the coordinates, cos and sin of periodic ones"},
    CHOICE("boundary", net.boundary, "\"penalty\"", "penalty|construction", "how q = 0 in A, 1 in B is reached"),
    REAL("width", net.width, "0.02", "> 0", "of the smooth edge of A and B, by construction"),
    {0}};

static const kr_parameter sampling_table[] = {
    CHOICE("method", sample.method, "\"temperature\"", "temperature|kolmogorov|stretch|umbrella",
           "bias of later rounds, on top of the heating"),
    REAL("epsilon", sample.epsilon, "0", ">= 0", "raised noise of the heated coordinates; 0: no heating"),
    {.name = "coordinates",
     .type = KR_PARAMETER_INTS,
     AT(sample.coordinates),
     .initial = "",
     .range = ">= 1",
     .help = "numbers of the heated coordinates; null: all"},
    INT("count", sample.count, "200000", "[100, 100000000]", "training points of a round"),
    INT("test_count", sample.test_count, "400000", "[100, 100000000]", "points of the final test, independent"),
    INT("boundary_count", sample.boundary_count, "4000", "[10, 10000000]", "points in each of A and B"),
    INT("walkers", sample.walkers, "128", "[4, 100000]", "even"),
    INT("stride", sample.stride, "20", "[1, 1000000]", "steps between points of a walker"),
    INT("burn", sample.burn, "2000", "[1, 100000000]", "steps before"),
    INT("rounds", sample.rounds, "1", "[1, 1000]", "sampling and training"),
    REAL("strength", sample.strength, "1", "> 0", "lambda of kolmogorov and stretch"),
    INT("windows", sample.windows, "11", "[1, 1000]", "umbrella"),
    REAL("stiffness", sample.stiffness, "1", "> 0", "umbrella, of the logit, in units of epsilon"),
    {0}};

static const kr_parameter training_table[] = {
    INT("steps", train.steps, "8000", "[1, 100000000]", "of a round"),
    INT("boundary_steps", train.boundary_steps, "1500", "[0, 100000000]", "before the first, on A and B alone"),
    INT("batch", train.batch, "1024", "[1, 1000000]", "points of a step"),
    INT("boundary_batch", train.boundary_batch, "128", "[1, 1000000]", "points of each of A and B"),
    INT("members", train.members, "1", "[1, 64]",
        "networks; q is their mean, two or more remove part of the bias of nu"),
    CHOICE("optimizer", train.optimizer, "\"soap\"", "soap|adam",
           "soap: Adam in the eigenbasis of the gradients; steep and rippled states need fewer steps"),
    REAL("learning_rate", train.lr_start, "3e-3", "> 0", "at first; adam alone bears 1e-2"),
    REAL("learning_rate_stop", train.lr_stop, "5e-5", "> 0", "at last"),
    REAL("clip", train.clip, "10", ">= 0", "largest norm of the gradient; 0: none"),
    REAL("average", train.average, "0.1", "[0, 1]", "share of the steps whose parameters are averaged"),
    REAL("penalty", train.penalty, "1000", ">= 0", "of q^2 in A and (1 - q)^2 in B, against the log of the functional"),
    REAL("hinge", train.hinge, "10", ">= 0", "of logits above -margin in A, below margin in B"),
    REAL("margin", train.margin, "7", "> 0", "of the hinge"),
    REAL("focus", train.focus, "0.75", "[0, 1)",
         "share of the points of a step that are drawn with their part of the functional"),
    REAL("fade", train.fade, "0.5", "[0, 1]", "share of the steps over which the hinge fades away; 0: it stays"),
    {0}};

static const kr_parameter validation_table[] = {
    REAL("dt", check.dt, "null", "> 0", "time step of shots; needed"),
    INT("points", check.points, "50", "[1, 100000]", "of the histogram test, with q near 1/2"),
    INT("shots", check.shots, "400", "[2, 10000000]", "from each"),
    INT("flux_count", check.flux, "200000", "[0, 100000000]", "points on isosurfaces, for their flux; 0: the test set"),
    INT("direct", check.direct, "100", "[0, 1000000]", "passage times simulated where affordable; 0: none"),
    REAL("hit_mean", check.mean, "0.03", "> 0", "allowed deviation of the mean from 1/2"),
    REAL("hit_sd", check.intrinsic, "0.06", "> 0", "allowed spread beyond the binomial one"),
    REAL("flux_spread", check.spread, "0.15", "> 0", "allowed spread of the flux over isosurfaces"),
    REAL("boundary", check.boundary, "0.02", "> 0", "allowed rms of q in A, 1 - q in B"),
    REAL("rate_error", check.error, "0.1", "> 0", "allowed relative sampling error of the rate"),
    {0}};

static const kr_parameter features_table[] = {
    INT("count", random.count, "400", "[2, 20000]", "cosines of random directions"),
    REAL("scale", random.scale, "1", "> 0",
         "standard deviation of their wave vectors, in units of 1/std of the inputs"),
    REAL("ridge", random.ridge, "1e-10", ">= 0", "regularisation, relative"),
    {0}};

static const kr_run_section sections[] = {
    {"grid", grid_table, offsetof(kr_committor_settings, grid), offsetof(kr_committor_settings, owned[0])},
    {"network", kr_committor_network_table, offsetof(kr_committor_settings, network),
     offsetof(kr_committor_settings, owned[1])},
    {"features", features_table, offsetof(kr_committor_settings, features), offsetof(kr_committor_settings, owned[2])},
    {"sampling", sampling_table, offsetof(kr_committor_settings, sampling), offsetof(kr_committor_settings, owned[3])},
    {"training", training_table, offsetof(kr_committor_settings, training), offsetof(kr_committor_settings, owned[4])},
    {"validation", validation_table, offsetof(kr_committor_settings, validation),
     offsetof(kr_committor_settings, owned[5])}};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* What the variational method needs. Points of a file bring no dynamics: nothing can be shot from them. */
static kr_status check_dynamics(kr_context *ctx, const kr_sampling *run) {
    const kr_committor_settings *s = run->state;
    if (run->problem->nsamples) {
        if (run->problem->epsilon > 0 && s->sample.rounds == 1) return KR_OK;
        return KR_ERROR(ctx, KR_ERR_FORMAT,
                        "points of a file need problem.epsilon, kT times the mobility, for the rate, and allow one "
                        "round");
    }
    if (run->problem->dynamics != KR_OVERDAMPED || !kr_problem_has_potential(run->problem)) {
        KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "the variational method needs overdamped dynamics with a potential");
        kr_error_hint(ctx, "\"method\": \"grid\" solves any drift in up to 3 dimensions");
        return KR_ERR_UNSUPPORTED;
    }
    if (!(s->check.dt > 0)) {
        KR_ERROR(ctx, KR_ERR_FORMAT, "validation.dt is missing: shots need a time step");
        kr_error_hint(ctx, "a result that is not validated is none; halve dt until the histogram test stays the same");
        return KR_ERR_FORMAT;
    }
    return KR_OK;
}

static kr_status prepare(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    kr_committor_settings *s = run->state;
    kr_committor_model model = {0};
    kr_sample_options o;
    int npoints, *coordinates = NULL;
    if (!run->problem) KR_FAIL(ctx, KR_ERR_FORMAT, "the file has no \"problem\"");
    KR_TRY(kr_problem_need_states(ctx, run->problem));
    KR_TRY(kr_run_sections_read(ctx, run, SECTIONS, sections));
    KR_TRY(kr_run_points(ctx, s->points, run->problem->dim, &npoints, NULL));
    if (s->method == KR_COMMITTOR_GRID) goto done;
    KR_TRY(check_dynamics(ctx, run));
    if (s->sample.walkers % 2) s->sample.walkers++;
    if (!run->problem->nsamples) KR_TRY(kr_committor_sample_options(ctx, run, &coordinates, &o));
    /* Made and thrown away: hours of sampling come before it is needed. */
    if (s->method == KR_COMMITTOR_NETWORK && s->load)
        KR_TRY(kr_committor_model_load(ctx, run->problem, s->load, &model));
    else if (s->method == KR_COMMITTOR_NETWORK)
        KR_TRY(kr_committor_model_create(ctx, run->problem, s->owned[1], 1, run->seed, &model));
done:
    kr_free(coordinates);
    kr_committor_model_free(&model);
    return status;
}

static void destroy(kr_sampling *run) { kr_run_sections_free(run, SECTIONS, sections); }

static int help(const char *word, void (*line)(const char *text, void *payload), void *payload) {
    return kr_run_sections_help(word, SECTIONS, sections, line, payload);
}

static kr_status execute(kr_context *ctx, kr_sampling *run) {
    const kr_committor_settings *s = run->state;
    if (s->method == KR_COMMITTOR_GRID) return kr_committor_run_grid(ctx, run);
    if (s->method == KR_COMMITTOR_FEATURES) return kr_committor_run_features(ctx, run);
    return kr_committor_run_network(ctx, run);
}

const kr_run_kind kr_run_committor = {.name = "committor",
                                      .summary = "probability to reach B before A, rates, validation",
                                      .parameters = top_table,
                                      .size = sizeof(kr_committor_settings),
                                      .prepare = prepare,
                                      .execute = execute,
                                      .destroy = destroy,
                                      .help = help};
