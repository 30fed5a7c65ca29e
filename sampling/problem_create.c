/* Problems: from the "problem" object of a run file. The common keys are here, those of a kind in its table.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "sampling/problem.h"
#include <math.h>
#include <string.h>

/* What every problem has in common; the state of the kind follows it in memory. */
typedef struct common {
    const char *kind;
    const kr_tree *a, *b, *low, *high, *periodic, *mobility, *mass;
    double epsilon, friction;
    int dynamics;
} common;

#define ENTRY(field) .offset = offsetof(common, field)
static const kr_parameter common_table[] = {
    {.name = "kind", .type = KR_PARAMETER_TEXT, ENTRY(kind), .help = "which problem"},
    {.name = "epsilon",
     .type = KR_PARAMETER_REAL,
     ENTRY(epsilon),
     .initial = "null",
     .range = "> 0",
     .help = "noise: dx = f dt + sqrt(2 epsilon) dW, epsilon = kT; null: the kind's"},
    {.name = "A", .type = KR_PARAMETER_TREE, ENTRY(a), .initial = "", .help = "state A, a region; null: the kind's"},
    {.name = "B", .type = KR_PARAMETER_TREE, ENTRY(b), .initial = "", .help = "state B"},
    {.name = "low",
     .type = KR_PARAMETER_REALS,
     ENTRY(low),
     .initial = "",
     .help = "lower corner of the box of grids and uniform samples; null: the kind's"},
    {.name = "high", .type = KR_PARAMETER_REALS, ENTRY(high), .initial = "", .help = "upper corner"},
    {.name = "periodic",
     .type = KR_PARAMETER_INTS,
     ENTRY(periodic),
     .initial = "",
     .range = ">= 1",
     .help = "numbers of the coordinates that are periodic, with period high - low"},
    {.name = "dynamics",
     .type = KR_PARAMETER_CHOICE,
     ENTRY(dynamics),
     .initial = "\"default\"",
     .allowed = "default|overdamped|underdamped",
     .help = "underdamped doubles the dimension: positions, then momenta"},
    {.name = "friction",
     .type = KR_PARAMETER_REAL,
     ENTRY(friction),
     .initial = "null",
     .range = "> 0",
     .unit = "1/time",
     .help = "of underdamped dynamics; null: the kind's"},
    {.name = "mass",
     .type = KR_PARAMETER_REALS,
     ENTRY(mass),
     .initial = "",
     .range = "> 0",
     .help = "of every position, underdamped; null: 1"},
    {.name = "mobility",
     .type = KR_PARAMETER_REALS,
     ENTRY(mobility),
     .initial = "",
     .range = ">= 0",
     .help = "diagonal of a, overdamped; null: 1"},
    {0}};
enum {
    NCOMMON = sizeof common_table / sizeof *common_table - 1,
    MOST = 64,
    STATE_AT = (sizeof(common) + 63) / 64 * 64
};

kr_status kr_problem_resize(kr_context *ctx, kr_problem *p, int d) {
    kr_status status = KR_OK;
    p->dim = p->positions = d;
    KR_NEW(ctx, p->low, (size_t)d);
    KR_NEW(ctx, p->high, (size_t)d);
    for (int i = 0; i < d; i++) {
        p->low[i] = -INFINITY;
        p->high[i] = INFINITY;
    }
done:
    return status;
}

/* array [old] → [n], the rest filled. */
static kr_status extend(kr_context *ctx, double **array, int old, int n, double fill) {
    double *grown = kr_realloc(ctx, *array, (size_t)old, (size_t)n, sizeof *grown);
    if (!grown) return KR_ERR_MEMORY;
    for (int i = old; i < n; i++) grown[i] = fill;
    *array = grown;
    return KR_OK;
}

/* A list of n numbers over the default; NULL list: nothing happens. */
static kr_status override(kr_context *ctx, const kr_tree *list, int n, const char *key, double **target) {
    kr_status status = KR_OK;
    double *values = NULL;
    int given;
    if (!list) return KR_OK;
    KR_TRY(kr_parameter_reals(ctx, list, &given, &values));
    if (given != n) KR_TRY(kr_parameter_fail(ctx, "problem", key, list, "%d numbers, %d expected", given, n));
    kr_free(*target);
    *target = values;
    values = NULL;
done:
    kr_free(values);
    return status;
}

/* Positions and momenta: a = γ m on momenta. The box of momenta is 6 thermal widths unless the kind has set it. */
static kr_status make_underdamped(kr_context *ctx, const kr_tree *where, kr_problem *p, const common *c) {
    kr_status status = KR_OK;
    int m = p->positions;
    if (!kr_problem_has_potential(p))
        return kr_parameter_fail(ctx, "problem", "dynamics", kr_tree_get(where, "dynamics"),
                                 "underdamped dynamics needs a potential, '%s' has none", p->kind->name);
    p->dynamics = KR_UNDERDAMPED;
    if (c->friction > 0) p->gamma = c->friction;
    if (!(p->gamma > 0)) p->gamma = 1;
    KR_TRY(override(ctx, c->mass, m, "mass", &p->mass));
    if (p->dim == m) {
        KR_TRY(extend(ctx, &p->low, m, 2 * m, 0));
        KR_TRY(extend(ctx, &p->high, m, 2 * m, 0));
        p->dim = 2 * m;
        for (int i = 0; i < m; i++) {
            p->high[m + i] = 6 * sqrt(p->epsilon * (p->mass ? p->mass[i] : 1));
            p->low[m + i] = -p->high[m + i];
        }
    }
    kr_free(p->mobility);
    KR_NEW(ctx, p->mobility, (size_t)p->dim);
    for (int i = 0; i < m; i++) p->mobility[m + i] = p->gamma * (p->mass ? p->mass[i] : 1);
done:
    return status;
}

static kr_status read_periodic(kr_context *ctx, const kr_tree *list, kr_problem *p) {
    kr_status status = KR_OK;
    int n, *which = NULL;
    if (!list) return KR_OK;
    KR_TRY(kr_parameter_ints(ctx, list, &n, &which));
    kr_free(p->wrap);
    KR_NEW(ctx, p->wrap, (size_t)p->dim);
    for (int i = 0; i < n; i++) {
        int k = which[i] - 1;
        if (k >= p->positions)
            KR_TRY(kr_parameter_fail(ctx, "problem", "periodic", list, "there is no coordinate %d, the last is %d",
                                     which[i], p->positions));
        if (!(p->high[k] < INFINITY && p->low[k] > -INFINITY))
            KR_TRY(kr_parameter_fail(ctx, "problem", "periodic", list, "coordinate %d has no finite low and high",
                                     which[i]));
        p->wrap[k] = 1;
    }
done:
    kr_free(which);
    return status;
}

static kr_status read_state(kr_context *ctx, const kr_tree *given, const char *initial, const char *where,
                            const kr_problem *p, const double *period, kr_region **region) {
    kr_status status = KR_OK;
    kr_tree *parsed = NULL;
    if (!given && !initial) return KR_OK;
    if (!given) KR_TRY(kr_json_parse(ctx, initial, strlen(initial), where, &parsed));
    KR_TRY(kr_region_create(ctx, given ? given : parsed, p->dim, period, where, region));
done:
    kr_tree_destroy(&parsed);
    return status;
}

static kr_status read_states(kr_context *ctx, const common *c, kr_problem *p) {
    kr_status status = KR_OK;
    double *period = NULL;
    if (p->wrap) {
        KR_NEW(ctx, period, (size_t)p->dim);
        for (int i = 0; i < p->dim; i++) period[i] = p->wrap[i] ? p->high[i] - p->low[i] : 0;
    }
    KR_TRY(read_state(ctx, c->a, p->default_a, "problem.A", p, period, &p->a));
    KR_TRY(read_state(ctx, c->b, p->default_b, "problem.B", p, period, &p->b));
done:
    kr_free(period);
    return status;
}

/* Dynamics, box and so on over what the kind has set. */
static kr_status read_common(kr_context *ctx, const kr_tree *where, const common *c, kr_problem *p) {
    kr_status status = KR_OK;
    static const char *const of_underdamped[] = {"friction", "mass"};
    if (c->epsilon > 0) p->epsilon = c->epsilon;
    if (c->dynamics == 2 || (c->dynamics == 0 && p->dynamics == KR_UNDERDAMPED)) {
        KR_TRY(make_underdamped(ctx, where, p, c));
        if (c->mobility)
            KR_TRY(kr_parameter_fail(ctx, "problem", "mobility", c->mobility,
                                     "underdamped dynamics has friction and mass, no mobility"));
    } else {
        for (int i = 0; i < 2; i++)
            if (!kr_tree_is_null(kr_tree_get(where, of_underdamped[i])))
                KR_TRY(kr_parameter_fail(ctx, "problem", of_underdamped[i], kr_tree_get(where, of_underdamped[i]),
                                         "only underdamped dynamics has it"));
        if (p->dynamics == KR_UNDERDAMPED) p->dynamics = KR_OVERDAMPED;
        KR_TRY(override(ctx, c->mobility, p->dim, "mobility", &p->mobility));
    }
    KR_TRY(override(ctx, c->low, p->dim, "low", &p->low));
    KR_TRY(override(ctx, c->high, p->dim, "high", &p->high));
    for (int i = 0; i < p->dim; i++)
        if (!(p->low[i] < p->high[i]))
            KR_TRY(kr_parameter_fail(ctx, "problem", "low", c->low ? c->low : where,
                                     "%g is not below high, %g, in coordinate %d", p->low[i], p->high[i], i + 1));
    KR_TRY(read_periodic(ctx, c->periodic, p));
    KR_TRY(read_states(ctx, c, p));
done:
    return status;
}

static kr_status find_kind(kr_context *ctx, const kr_tree *object, const kr_problem_kind **kind) {
    const char *name, *names[128];
    char place[48];
    kr_status status = kr_tree_get_string(ctx, object, "kind", &name);
    if (status != KR_OK) {
        kr_error_prefix(ctx, "problem");
        return status;
    }
    *kind = kr_problem_find(name);
    if (*kind) return KR_OK;
    int n = kr_problem_count();
    for (int k = 0; k < n && k < 128; k++) names[k] = kr_problem_at(k)->name;
    KR_ERROR(ctx, KR_ERR_FORMAT, "problem.kind: there is no problem '%.60s'%s", name,
             kr_tree_place(kr_tree_get(object, "kind"), place));
    kr_suggest_hint(ctx, name, n < 128 ? n : 128, names, '\'');
    return KR_ERR_FORMAT;
}

/* One table of the common keys and those of the kind, whose offsets move behind the common part. */
static kr_status merge_tables(kr_context *ctx, const kr_problem_kind *kind, kr_parameter table[MOST]) {
    memset(table, 0, MOST * sizeof *table);
    memcpy(table, common_table, sizeof common_table);
    int n = NCOMMON;
    for (const kr_parameter *k = kind->parameters; k && k->name; k++) {
        if (n == MOST - 1) return KR_ERROR(ctx, KR_ERR_INTERNAL, "'%s' has too many parameters", kind->name);
        table[n] = *k;
        if (k->offset != KR_PARAMETER_UNUSED) table[n].offset += STATE_AT;
        n++;
    }
    return KR_OK;
}

void kr_problem_describe(const kr_problem_kind *kind, void (*line)(const char *text, void *payload), void *payload) {
    if (!kind || kind->parameters) kr_parameters_describe(kind ? kind->parameters : common_table, line, payload);
}

kr_status kr_problem_create(kr_context *ctx, const kr_tree *object, const char *where, kr_problem **problem) {
    return kr_problem_create_with(ctx, object, where, NULL, NULL, problem);
}

kr_status kr_problem_create_with(kr_context *ctx, const kr_tree *object, const char *where, kr_loader_fn load,
                                 void *payload, kr_problem **problem) {
    kr_status status = KR_OK;
    kr_problem *p = NULL;
    const kr_problem_kind *kind = NULL;
    kr_parameter table[MOST];
    char *block = NULL;
    *problem = NULL;
    KR_TRY(find_kind(ctx, object, &kind));
    KR_TRY(merge_tables(ctx, kind, table));
    KR_NEW(ctx, p, 1);
    KR_NEW(ctx, block, STATE_AT + kind->size);
    p->block = block;
    p->state = block + STATE_AT;
    p->load = load;
    p->load_payload = payload;
    p->epsilon = 1;
    p->dynamics = kind->drift ? KR_DIFFUSION : KR_OVERDAMPED;
    p->where = kr_strdup(ctx, where ? where : "");
    if (!p->where) return kr_problem_destroy(&p), KR_ERR_MEMORY;
    kr_tree_place(object, p->place);
    KR_TRY(kr_parameters_read(ctx, table, object, "problem", block, &p->complete));
    p->kind = kind; /* from here on destroy calls the kind's */
    KR_TRY(kind->create(ctx, p, object));
    KR_TRY(read_common(ctx, object, (const common *)(const void *)block, p));
    *problem = p;
    p = NULL;
done:
    kr_problem_destroy(&p);
    return status;
}

kr_status kr_problem_parse(kr_context *ctx, const char *json, kr_problem **problem) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    *problem = NULL;
    KR_TRY(kr_json_parse(ctx, json, strlen(json), "problem", &tree));
    KR_TRY(kr_problem_create(ctx, tree, "problem", problem));
done:
    kr_tree_destroy(&tree);
    return status;
}

void kr_problem_destroy(kr_problem **problem) {
    if (!problem || !*problem) return;
    kr_problem *p = *problem;
    if (p->kind && p->kind->destroy) p->kind->destroy(p);
    kr_region_destroy(&p->a);
    kr_region_destroy(&p->b);
    kr_free(p->mass);
    kr_free(p->mobility);
    kr_free(p->low);
    kr_free(p->high);
    kr_free(p->wrap);
    kr_free(p->samples);
    kr_free(p->weights);
    kr_free(p->where);
    kr_free(p->places);
    kr_tree_destroy(&p->complete);
    kr_free(p->block);
    kr_free(p);
    *problem = NULL;
}

int kr_problem_inner_point(const kr_problem *p, int in_b, double *x) {
    const kr_region *region = in_b ? p->b : p->a;
    if (kr_region_center(region, x) && kr_region_level(region, x, NULL) <= 0) return 1;
    for (int i = 0; i < p->dim; i++) {
        double middle = 0.5 * (p->low[i] + p->high[i]);
        x[i] = isfinite(middle) ? middle : 0;
    }
    if (kr_region_project(region, x)) return 1;
    for (int i = 0; i < p->dim; i++) x[i] = 0.1 + 0.01 * i; /* the middle may be a stationary point of the level */
    return kr_region_project(region, x);
}

kr_status kr_problem_need_states(kr_context *ctx, const kr_problem *p) {
    kr_status status = KR_OK;
    enum { POINTS = 400 };
    double *xa = NULL, *xb, *x;
    if (!p->a || !p->b) {
        KR_ERROR(ctx, KR_ERR_FORMAT, "%s: problem.%s is missing, this needs states A and B%s", p->where,
                 p->a ? "B" : "A", p->place);
        kr_error_hint(ctx, "for instance \"%s\": {\"ball\": {\"center\": [...], \"radius\": 0.1}}", p->a ? "B" : "A");
        return KR_ERR_FORMAT;
    }
    KR_NEW(ctx, xa, 3 * (size_t)p->dim);
    xb = xa + p->dim;
    x = xb + p->dim;
    int has_a = kr_problem_inner_point(p, 0, xa), has_b = kr_problem_inner_point(p, 1, xb);
    if (!has_a || !has_b)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: no point of state %s was found, it may be empty%s", p->where,
                has_a ? "B" : "A", p->place);
    for (int k = 0; k <= POINTS; k++) {
        for (int i = 0; i < p->dim; i++) x[i] = xa[i] + (xb[i] - xa[i]) * k / POINTS;
        if (kr_region_level(p->a, x, NULL) <= 0 && kr_region_level(p->b, x, NULL) <= 0)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: states A and B overlap, a point in both has x1 = %.9g%s%s", p->where,
                    x[0], p->dim > 1 ? " ..." : "", p->place);
    }
done:
    kr_free(xa);
    return status;
}
