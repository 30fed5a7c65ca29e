/* Barriers of minimum action paths of the Maier–Stein drift: prints "u_<beta> U" and "seconds".
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/path.h"
#include <stdio.h>
#include <time.h>

int main(void) {
    static const double betas[] = {1, 3, 5, 8, 10};
    kr_context *ctx = NULL;
    int failed = kr_context_create(&ctx) < 0;
    for (int b = 0; b < 5 && !failed; b++) {
        char json[64];
        double best = 1e9;
        kr_problem *p = NULL;
        snprintf(json, sizeof json, "{\"kind\": \"maier_stein\", \"beta\": %g}", betas[b]);
        failed = kr_problem_parse(ctx, json, &p) < 0;
        /* A straight start stays on the axis by symmetry; the bent one finds the lower branch where there is one. */
        for (int bend = 0; bend < 2 && !failed; bend++) {
            double points[6] = {-1, 0, -0.5, 0.3 * bend, 0, 0}, v, error;
            kr_path path = {0};
            failed =
                kr_path_line(ctx, 2, 3, points, 25, &path) < 0 || kr_path_gmam(ctx, p, NULL, &path, &v, &error) < 0;
            if (!failed && v < best) best = v;
            kr_path_destroy(&path);
        }
        if (!failed) printf("u_%g %.7f\n", betas[b], 2 * best);
        kr_problem_destroy(&p);
    }
    if (failed) fprintf(stderr, "%s\n", kr_context_message(ctx));
    printf("seconds %.3f\n", (double)clock() / CLOCKS_PER_SEC);
    kr_context_destroy(&ctx);
    return failed;
}
