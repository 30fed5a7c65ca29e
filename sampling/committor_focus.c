/* Neural committor: which points a batch holds.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Of heated points few lie where the flux is. A share λ of the rows is drawn with the probability w |∇q|²/Σ w |∇q|²
 * that they have by the network of some hundred steps before, the others evenly; a row counts 1/(n p), p its
 * probability of both together, so means over batches stay what they are, with less noise: no row counts more than 1/(1
 * − λ). */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/committor_net.h"
#include <string.h>

enum { CHUNK = 8192 };

kr_status kr_committor_focus_set(kr_context *ctx, kr_committor_trainer *t, const double *theta) {
    kr_status status = KR_OK;
    const kr_committor_data *data = t->data;
    const double *mobility = t->model->problem->mobility;
    int dim = t->model->dim;
    double *grad = NULL, sum = 0;
    if (!t->focus) KR_NEW(ctx, t->focus, (size_t)data->n);
    KR_NEW(ctx, grad, (size_t)CHUNK * (size_t)dim);
    for (long first = 0; first < data->n; first += CHUNK) {
        long n = data->n - first < CHUNK ? data->n - first : CHUNK;
        KR_TRY(kr_committor_net_evaluate(ctx, t->model, theta, n, data->x + first * dim, NULL, NULL, grad));
        for (long i = 0; i < n; i++) {
            double square = 0;
            for (int k = 0; k < dim; k++)
                square += (mobility ? mobility[k] : 1) * grad[i * dim + k] * grad[i * dim + k];
            t->focus[first + i] = sum += data->w[first + i] * square;
        }
    }
    if (t->focus_at != theta) memcpy(t->focus_at, theta, t->model->nparams * sizeof *theta);
done:
    if (status < 0 || !(sum > 0)) {
        kr_free(t->focus);
        t->focus = NULL;
    }
    kr_free(grad);
    return status;
}

/* The first point whose sum is above `value`. */
static long find(const double *sum, long n, double value) {
    long low = 0, high = n - 1;
    while (low < high) {
        long middle = (low + high) / 2;
        if (sum[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void kr_committor_focus_draw(kr_committor_trainer *t, uint64_t step, long n, long *index, double *factor) {
    long from = t->data->n;
    double share = t->focus ? t->how->focus : 0, all = share > 0 ? t->focus[from - 1] : 1;
    for (long i = 0; i < n; i++) {
        double u = share > 0 ? kr_random_uniform(t->how->stream, step, (uint64_t)i, 3) : 1;
        index[i] = u < share ? find(t->focus, from, u / share * all)
                             : (long)kr_random_below(t->how->stream, step, (uint64_t)i, 0, (uint64_t)from);
        factor[i] = 1;
        if (share > 0) {
            double part = t->focus[index[i]] - (index[i] ? t->focus[index[i] - 1] : 0);
            factor[i] = 1 / (1 - share + share * part / all * (double)from);
        }
    }
}
