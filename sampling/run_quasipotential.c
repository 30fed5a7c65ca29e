/* The command quasipotential: keys of its file, attractors, dispatch, what every method reports.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/run_quasipotential.h"
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define AT(field) .offset = offsetof(kr_quasi_settings, field)

static const kr_parameter top_table[] = {
    CHOICE("method", method, "\"network\"", "network|olim|lyapunov",
           "network: any dimension; olim: ordered line integrals on a grid in 2-D and 3-D; lyapunov: at the "
           "attractors alone"),
    INT("starts", starts, "50", "[1, 100000]", "random points from which attractors are searched"),
    TREE("network", network, "the network: `--keys network`"),
    TREE("training", training, "its points, losses and schedule: `--keys training`"),
    TREE("olim", olim, "the grid method: `--keys olim`"),
    TREE("points", points, "list of points where V and U = 2V are printed, saddles for example"),
    {0}};

static const kr_parameter network_table[] = {
    {.name = "hidden",
     .type = KR_PARAMETER_INTS,
     AT(net.hidden),
     .initial = "[40, 40]",
     .range = "[1, 4096]",
     .help = "widths of the hidden layers"},
    {.name = "activation", .type = KR_PARAMETER_TEXT, AT(net.activation), .initial = "\"tanh\"", .help = "of them"},
    REAL("sharpness", net.sharpness, "0", ">= 0",
         "factor of the first weights, units spread over the points; 0: all begin at their mean"),
    {0}};

static const kr_parameter training_table[] = {
    CHOICE("loss", train.loss, "\"normalized\"", "cosine|normalized|hj|epr|trajectories",
           "normalized, cosine (not where g vanishes): known drift, small noise; epr: at the noise of the problem; "
           "trajectories: drift from "
           "data; hj collapses, for comparison"),
    REAL("weight", train.weight, "0.3", "(0, 1]", "of obtuse angles between grad V and g; 1 collapses"),
    INT("degree", train.degree, "3", "[1, 8]", "of the polynomial under the network for the drift, trajectories only"),
    INT("drift_steps", train.drift_steps, "2000", "[0, 100000000]", "of Adam for the drift, trajectories only"),
    INT("drift_polish", train.drift_polish, "1500", "[0, 100000000]", "of L-BFGS for it, not with noise"),
    REAL("drift", train.drift, "0.05", "> 0",
         "allowed relative error of the drift on pairs not trained on, trajectories only"),
    REAL("residual", train.residual, "100", ">= 0",
         "epr: weight of the stationary equation at uniform points, a share \"uniform\" of a batch"),
    INT("steps", train.steps, "null", "[1, 100000000]",
        "after the warm-up, none when epr goes on from characteristics; null: 1000, in four dimensions and more 3000"),
    INT("warm_steps", train.warm_steps, "1000", "[0, 100000000]", "that fit the best gradient to the drift first"),
    INT("polish", train.polish, "1500", "[0, 100000000]", "steps of L-BFGS after those of Adam, on one large batch"),
    INT("polish_batch", train.polish_batch, "null", "[1, 10000000]", "its points; null: twice the batch"),
    INT("batch", train.batch, "null", "[1, 1000000]", "points of a step; null: 1024, in four dimensions and more 2048"),
    REAL("learning_rate", train.lr_start, "5e-3", "> 0", "of Adam, at first"),
    REAL("learning_rate_stop", train.lr_stop, "2e-5", "> 0", "at last"),
    REAL("clip", train.clip, "10", ">= 0", "largest norm of the gradient; 0: none"),
    REAL("average", train.average, "0.1", "[0, 1]", "share of the steps whose parameters are averaged"),
    REAL("uniform", train.uniform, "null", "[0, 1]",
         "share of points uniform in the box, the rest along paths; null: 0.5, in four dimensions and more 0.8"),
    REAL("enlarge", train.enlarge, "1.1", ">= 1",
         "of the box for them: V at its edge comes along paths that leave it; 1 where the drift ends at the edge"),
    INT("characteristics", train.characteristics, "20000", "[0, 100000000]",
        "points with exact gradients along paths from the attractors; 0: points along trajectories of the drift "
        "instead"),
    INT("paths", train.paths, "null", "[0, 1000000]",
        "minimum action paths to points of the box, for V in its corners; null: none, in four dimensions and more 400"),
    INT("trajectories", train.trajectories, "5000", "[1, 10000000]", "of the drift, from uniform points"),
    REAL("time", train.time, "5", "> 0", "their length"),
    REAL("dt", train.dt, "0.01", "> 0", "their time step; epr: of the stochastic dynamics"),
    INT("points", train.points, "50", "[1, 100000]", "kept of each"),
    REAL("spread", train.spread, "0.05", ">= 0", "noise added to them, in units of the sides of the box (the tube)"),
    REAL("gradient", train.gradient, "0.1", "> 0", "allowed relative error of grad V along other characteristics"),
    REAL("actions", train.actions, "0.002", "[0, 1]",
         "allowed share of the box where V differs from the actions of paths by more than \"gradient\""),
    REAL("cells", train.cells, "0.03", "> 0",
         "epr: allowed relative error of V on the cells of a grid (one and two dimensions) or of walks (three)"),
    INT("walks", train.walks, "20000000", "[100000, 2000000000]",
        "epr, three dimensions: steps of walks that V is compared with; of others it is learned without a fixed point"),
    REAL("hessian", train.hessian, "0.1", "> 0", "allowed relative error of the Hessian at attractors"),
    {0}};

static const kr_parameter olim_table[] = {
    {.name = "nodes",
     .type = KR_PARAMETER_INTS,
     AT(o.nodes),
     .initial = "",
     .range = "[9, 8193]",
     .help = "of the grid over the box, in each dimension; null: 513 in 2-D, 65 in 3-D"},
    INT("radius", o.radius, "0", "[0, 200]", "reach of updates in nodes; 0: by the number of nodes"),
    {.name = "attractor",
     .type = KR_PARAMETER_REALS,
     AT(o.attractor),
     .initial = "",
     .help = "a point near the one that V is measured from; null: the first that is found"},
    {0}};

static const kr_run_section sections[] = {
    {"network", network_table, offsetof(kr_quasi_settings, network), offsetof(kr_quasi_settings, owned[0])},
    {"training", training_table, offsetof(kr_quasi_settings, training), offsetof(kr_quasi_settings, owned[1])},
    {"olim", olim_table, offsetof(kr_quasi_settings, olim), offsetof(kr_quasi_settings, owned[2])}};
enum { SECTIONS = sizeof sections / sizeof *sections, MAP_POINTS = 200 };

/* Paths from the attractors leave more of a box aside the more dimensions it has. Finite noise has no such corners. */
static void complete(kr_quasi_settings *s, int dim) {
    int many = dim > 3 && s->train.loss != KR_QUASI_EPR;
    if (isnan(s->train.uniform)) s->train.uniform = many ? 0.8 : 0.5;
    if (s->train.paths == KR_PARAMETER_NULL) s->train.paths = many ? 400 : 0;
    if (s->train.steps == KR_PARAMETER_NULL) s->train.steps = many ? 3000 : 1000;
    if (s->train.batch == KR_PARAMETER_NULL) s->train.batch = many ? 2048 : 1024;
    if (s->train.polish_batch == KR_PARAMETER_NULL) s->train.polish_batch = 2 * s->train.batch;
}

static kr_status prepare(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    kr_quasi_settings *s = run->state;
    int npoints;
    if (!run->problem) KR_FAIL(ctx, KR_ERR_FORMAT, "the file has no \"problem\"");
    KR_TRY(kr_run_sections_read(ctx, run, SECTIONS, sections));
    complete(s, run->problem->dim);
    KR_TRY(kr_run_points(ctx, s->points, run->problem->dim, &npoints, NULL));
    KR_TRY(kr_run_check_layers(ctx, s->owned[0]));
    if (run->problem->dynamics == KR_UNDERDAMPED && s->method != KR_QUASI_LYAPUNOV)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "underdamped dynamics have V = H: the energy over the minimum");
    if (s->method == KR_QUASI_OLIM && (run->problem->dim < 2 || run->problem->dim > 3))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "olim works in 2 and 3 dimensions, the problem has %d", run->problem->dim);
    if (s->method == KR_QUASI_OLIM) KR_TRY(kr_quasi_check_olim(ctx, run));
    for (int k = 0; run->problem->mobility && s->method != KR_QUASI_LYAPUNOV && k < run->problem->dim; k++)
        if (!(run->problem->mobility[k] > 0)) {
            KR_ERROR(ctx, KR_ERR_UNSUPPORTED,
                     "problem.mobility: quasipotentials need noise on every coordinate, x%d has %g", k + 1,
                     run->problem->mobility[k]);
            kr_error_hint(ctx, "with \"method\": \"lyapunov\" some may be without");
            status = KR_ERR_UNSUPPORTED;
            goto done;
        }
done:
    return status;
}

static void destroy(kr_sampling *run) { kr_run_sections_free(run, SECTIONS, sections); }

static int help(const char *word, void (*line)(const char *text, void *payload), void *payload) {
    return kr_run_sections_help(word, SECTIONS, sections, line, payload);
}

/* ---- reports ---- */

/* At the noise of the problem: needs no attractors. */
static int at_noise(const kr_quasi_settings *s) {
    return s->method == KR_QUASI_NETWORK && s->train.loss == KR_QUASI_EPR;
}

static kr_status report_points(kr_context *ctx, kr_sampling *run, kr_quasi_function f, const void *payload,
                               double zero) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = run->state;
    int dim = run->problem->dim, n;
    double *x = NULL, *v = NULL;
    KR_TRY(kr_run_points(ctx, s->points, dim, &n, &x));
    if (!n) goto done;
    KR_NEW(ctx, v, (size_t)n);
    KR_TRY(f(ctx, payload, n, x, v));
    for (int i = 0; i < n; i++) {
        v[i] -= zero;
        KR_TRY(
            kr_run_line(ctx, run, "V(%g%s) = %.6f, U = 2V = %.6f", x[i * dim], dim > 1 ? ", ..." : "", v[i], 2 * v[i]));
    }
    KR_TRY(kr_run_set_reals(ctx, run->results, "V_points", n, v));
done:
    kr_free(x);
    kr_free(v);
    return status;
}

static kr_status write_map(kr_context *ctx, kr_sampling *run, kr_quasi_function f, const void *payload, double zero,
                           const double *from) {
    kr_status status = KR_OK;
    const kr_problem *p = run->problem;
    kr_string text = {0};
    double *x = NULL, *v = NULL;
    int columns = p->dim > 1 ? MAP_POINTS + 1 : 1, rows = MAP_POINTS + 1;
    size_t dim = (size_t)p->dim;
    KR_NEW(ctx, x, (size_t)(rows * columns) * dim);
    KR_NEW(ctx, v, (size_t)(rows * columns));
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            double *at = x + (size_t)(i * columns + j) * dim;
            memcpy(at, from, dim * sizeof *at);
            at[0] = p->low[0] + (p->high[0] - p->low[0]) * i / MAP_POINTS;
            if (p->dim > 1) at[1] = p->low[1] + (p->high[1] - p->low[1]) * j / MAP_POINTS;
        }
    KR_TRY(f(ctx, payload, (long)rows * columns, x, v));
    KR_TRY(kr_string_puts(ctx, &text, p->dim > 1 ? "# x1 x2 V\n" : "# x1 V\n"));
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            char row[96];
            long k = (long)i * columns + j;
            const double *at = x + (size_t)k * dim;
            if (p->dim > 1)
                snprintf(row, sizeof row, "%.6g %.6g %.6g\n", at[0], at[1], v[k] - zero);
            else
                snprintf(row, sizeof row, "%.8g %.8g\n", at[0], v[k] - zero);
            KR_TRY(kr_string_puts(ctx, &text, row));
        }
        if (p->dim > 1) KR_TRY(kr_string_puts(ctx, &text, "\n"));
    }
    KR_TRY(kr_run_write_text(ctx, run, "map.dat", text.data));
done:
    kr_free(text.data);
    kr_free(x);
    kr_free(v);
    return status;
}

/* |V − V_exact − mean difference|/|V_exact − its mean| over the points where V_exact is at most `most`. */
static kr_status compare_exact(kr_context *ctx, kr_sampling *run, kr_quasi_function f, const void *payload, long n,
                               const double *x, double most) {
    kr_status status = KR_OK;
    const kr_problem *p = run->problem;
    double *v = NULL, shift = 0, mean = 0, square = 0, norm = 0, largest = 0;
    if (!p->kind->exact || n < 2) return KR_OK;
    KR_NEW(ctx, v, (size_t)n);
    KR_TRY(f(ctx, payload, n, x, v));
    long used = 0;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < n; i++) {
            double e = p->kind->exact(p, x + i * p->dim);
            if (!(e <= most) || !isfinite(v[i])) continue;
            if (!pass) {
                shift += v[i] - e;
                mean += e;
                used++;
                continue;
            }
            double miss = v[i] - e - shift / (double)used;
            square += miss * miss;
            norm += pow(e - mean / (double)used, 2);
            largest = fmax(largest, fabs(miss));
        }
    KR_TRY(kr_run_line(ctx, run, "against the exact V over %ld points: relative L2 error %.5f, largest error %.5f",
                       used, sqrt(square / norm), largest));
    KR_TRY(kr_run_set_real(ctx, run->results, "relative_error", sqrt(square / norm)));
    KR_TRY(kr_run_set_real(ctx, run->results, "largest_error", largest));
done:
    kr_free(v);
    return status;
}

kr_status kr_quasi_report(kr_context *ctx, kr_sampling *run, kr_quasi_function f, const void *payload,
                          const double *from, long n, const double *x) {
    kr_status status = KR_OK;
    const kr_problem *p = run->problem;
    const kr_quasi_settings *s = run->state;
    /* At finite noise a density of e^-20 is as good as none. */
    double zero, *box = NULL, most = at_noise(s) ? 20 * p->epsilon : 1e300;
    KR_TRY(f(ctx, payload, 1, from, &zero));
    KR_TRY(report_points(ctx, run, f, payload, zero));
    KR_TRY(write_map(ctx, run, f, payload, zero, from));
    if (!n && p->kind->exact) {
        n = 20000;
        KR_NEW(ctx, box, (size_t)(n * p->dim));
        for (long i = 0; i < n * p->dim; i++) {
            long k = i % p->dim;
            box[i] = p->low[k] +
                     (p->high[k] - p->low[k]) * kr_random_uniform((kr_stream){run->seed, 0x9b0}, 0, (uint64_t)i, 0);
        }
        x = box;
    }
    KR_TRY(compare_exact(ctx, run, f, payload, n, x, most));
done:
    kr_free(box);
    return status;
}

static kr_status report_attractors(kr_context *ctx, kr_sampling *run, const kr_attractors *found) {
    kr_status status = KR_OK;
    long d = found->dim;
    if (!found->n) {
        KR_ERROR(ctx, KR_ERR_NUMERIC,
                 "%s: no stable fixed point in the box; a quasipotential is found from points, not from limit cycles",
                 run->problem->where);
        kr_error_hint(
            ctx, "\"low\" and \"high\" of the problem are the box; \"loss\": \"epr\", at the noise of the problem, "
                 "needs no fixed point, and its checks tell whether V was found");
        return KR_ERR_NUMERIC;
    }
    for (int a = 0; a < found->n; a++) {
        char text[256];
        size_t at = 0;
        for (int k = 0; k < found->dim && k < 6 && at < sizeof text; k++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%.6g", k ? ", " : "", found->x[a * d + k]);
        KR_TRY(kr_run_line(ctx, run, "attractor %d: (%s%s)", a + 1, text, found->dim > 6 ? ", ..." : ""));
    }
    KR_TRY(kr_run_set_reals(ctx, run->results, "attractors", found->n * d, found->x));
    KR_TRY(kr_run_set_reals(ctx, run->results, "hessians", found->n * d * d, found->hessian));
done:
    return status;
}

static kr_status execute(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    kr_quasi_settings *s = run->state;
    kr_attractors found = {0};
    kr_drift_net *learned = NULL;
    kr_problem *original = run->problem;
    if (s->method == KR_QUASI_NETWORK && s->train.loss == KR_QUASI_LOSS_TRAJECTORIES) {
        KR_TRY(kr_quasi_learn_drift(ctx, run, &learned));
        run->problem = &learned->problem; /* nothing below sees the true drift */
    }
    KR_TRY(kr_attractors_find(ctx, run->problem, s->starts, (kr_stream){run->seed, 0x9a0}, &found));
    if (!found.n && at_noise(s)) {
        KR_TRY(kr_run_line(ctx, run,
                           "no stable fixed point in the box: V is counted from its lowest value on the samples"));
        s->train.characteristics = 0; /* they begin at fixed points */
    } else {
        KR_TRY(report_attractors(ctx, run, &found));
    }
    if (s->method == KR_QUASI_OLIM) {
        KR_TRY(kr_quasi_run_olim(ctx, run, &found));
    } else if (s->method == KR_QUASI_NETWORK) {
        KR_TRY(kr_quasi_run_network(ctx, run, &found));
    } else if (found.dim <= 12) {
        for (int i = 0; i < found.n * found.dim * found.dim; i += found.dim) {
            char text[512] = "";
            size_t at = 0;
            for (int k = 0; k < found.dim && at < sizeof text; k++)
                at += (size_t)snprintf(text + at, sizeof text - at, " %12.8g", found.hessian[i + k]);
            KR_TRY(kr_run_line(ctx, run, "  Hessian of V %s", text));
        }
    }
done:
    run->problem = original;
    kr_drift_net_destroy(&learned);
    kr_attractors_free(&found);
    return status;
}

const kr_run_kind kr_run_quasipotential = {.name = "quasipotential",
                                           .summary = "landscape of drifts without detailed balance",
                                           .parameters = top_table,
                                           .size = sizeof(kr_quasi_settings),
                                           .prepare = prepare,
                                           .execute = execute,
                                           .destroy = destroy,
                                           .help = help};
