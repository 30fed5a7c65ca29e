/* The rate of a learned committor, ε⟨Σ a |∂q|²⟩, from the results of its run.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The functional of any q with the right values on A and B is an upper bound. Error: that of sampling, and the larger
 * of two signs of the bias: half the spread of the flux through isosurfaces (0 for the exact q; measured biases were a
 * third of the spread or less), and ν minus ν between different networks where there are several. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "sampling/rate.h"
#include <math.h>
#include <string.h>

typedef struct functional {
    const char *folder;
} functional;

static const kr_parameter parameters[] = {{.name = "folder",
                                           .type = KR_PARAMETER_TEXT,
                                           .offset = offsetof(functional, folder),
                                           .help = "of a finished run of `kramers committor` on the same problem"},
                                          {0}};

enum { K_AB, K_BA, NU, ERROR, VALIDATED, WIDTH };

static double real_of(const kr_tree *map, const char *key) {
    const kr_tree *node = map ? kr_tree_get(map, key) : NULL;
    return node && (node->kind == KR_TREE_REAL || node->kind == KR_TREE_INT) ? node->real : NAN;
}

int kr_committor_rates(const kr_tree *results, kr_estimate *k_ab, kr_estimate *k_ba, kr_estimate *nu) {
    double value = real_of(results, "nu"), sampling = real_of(results, "nu_error") / value;
    double spread = 0.5 * real_of(kr_tree_get(results, "validation"), "flux_spread");
    double members = 1 - real_of(results, "nu_cross") / value;
    /* Grids have neither: their error is that of the spacing, which one run does not tell. */
    double error = hypot(sampling, isnan(members) ? spread : fmax(spread, fabs(members)));
    *nu = (kr_estimate){value, error * value};
    *k_ab = (kr_estimate){real_of(results, "k_AB"), error * real_of(results, "k_AB")};
    *k_ba = (kr_estimate){real_of(results, "k_BA"), error * real_of(results, "k_BA")};
    return !isnan(k_ab->value);
}

static kr_status piece(kr_context *ctx, kr_rate *rate, int i, double *out) {
    kr_status status = KR_OK;
    const functional *s = rate->state;
    kr_tree *results = NULL;
    char *path = kr_path_join(ctx, s->folder, "results.json");
    kr_estimate k_ab, k_ba, nu;
    (void)i;
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_json_read(ctx, path, &results));
    if (!kr_committor_rates(results, &k_ab, &k_ba, &nu))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s has no \"k_AB\", it is not of a committor", path);
    out[K_AB] = k_ab.value;
    out[K_BA] = k_ba.value;
    out[NU] = nu.value;
    out[ERROR] = k_ab.error / k_ab.value;
    const kr_tree *validated = kr_tree_get(results, "validated");
    out[VALIDATED] = validated && validated->kind == KR_TREE_BOOL ? validated->integer != 0 : isnan(out[ERROR]);
done:
    kr_tree_destroy(&results);
    kr_free(path);
    return status;
}

/* Read once now: other methods may compute for hours before it is its turn. */
static kr_status prepare(kr_context *ctx, kr_rate *rate) {
    double out[WIDTH];
    rate->pieces = 1;
    rate->width = WIDTH;
    kr_status status = piece(ctx, rate, 0, out);
    if (status < 0) kr_error_prefix(ctx, "committor.folder");
    return status;
}

static kr_status combine(kr_context *ctx, kr_rate *rate) {
    const double *out = rate->out;
    (void)ctx;
    rate->k_ab = (kr_estimate){out[K_AB], out[ERROR] * out[K_AB]};
    rate->k_ba = (kr_estimate){out[K_BA], out[ERROR] * out[K_BA]};
    rate->nu = (kr_estimate){out[NU], out[ERROR] * out[NU]};
    rate->error_from = "sampling, and the spread of the flux or of the networks; an upper bound";
    if (!out[VALIDATED]) kr_rate_doubt(rate, "the committor is not validated");
    return KR_OK;
}

const kr_rate_kind kr_rate_committor = {
    .name = "committor",
    .summary = "functional of a learned committor, an upper bound",
    .reference = "Vanden-Eijnden, Lect. Notes Phys. 703, 453 (2006)",
    .parameters = parameters,
    .size = sizeof(functional),
    .prepare = prepare,
    .piece = piece,
    .combine = combine,
};
