/* Rows of features (kramers/features.h): the exact path, stopped before the last layer of the fitting net.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   E_i = h_i · w + b + constants of the element:  the row of atom i is h_i [m] (last layer), or D_i (descriptor). */
#include "core/error.h"
#include "core/parallel.h"
#include "potential/model_frames.h"
#include "potential/potential_impl.h"
#include <kramers/features.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 64 }; /* centres gathered at once */

/* Of one thread. */
typedef struct scratch {
    kr_gathered gathered;
    kr_descriptor_workspace descriptor;
    kr_net_workspace net;
    kr_buffer d, input, output;
} scratch;

struct kr_features {
    const kr_potential *potential;
    const kr_model *model; /* with the cutoffs that are used */
    const kr_gather_rule *rule;
    kr_features_kind kind;
    int width;
    kr_net *hidden; /* [nnets] the fitting nets without their last layer; they borrow the layers */
    kr_frame_list frame;
    kr_buffer center, center_type;
    int nthreads;
    scratch *thread;
};

kr_status kr_features_create(kr_context *ctx, const kr_potential *potential, int index, kr_features_kind kind,
                             kr_features **features) {
    kr_status status = KR_OK;
    kr_features *f = NULL;
    if (!features) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the features (NULL)");
    *features = NULL;
    if (!potential || index < 0 || index >= potential->nmodels)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "features of model %d of %d", index, kr_potential_nmodels(potential));
    if (kind != KR_FEATURES_LAST_LAYER && kind != KR_FEATURES_DESCRIPTOR)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "features of kind %d, known are 0 (last layer) and 1 (descriptor)", (int)kind);
    KR_NEW(ctx, f, 1);
    f->potential = potential;
    f->model = &potential->view[index];
    f->rule = &potential->rule[potential->group[index]];
    f->kind = kind;
    const kr_fitting *fitting = &f->model->fitting;
    if (kind == KR_FEATURES_DESCRIPTOR) f->width = fitting->dim_descrpt;
    KR_NEW(ctx, f->hidden, (size_t)fitting->nnets);
    for (int n = 0; n < fitting->nnets; n++) {
        if (!fitting->net[n]) continue;
        f->hidden[n] = *fitting->net[n];
        f->hidden[n].nlayers--;
        f->hidden[n].out = f->hidden[n].nlayers ? f->hidden[n].layer[f->hidden[n].nlayers - 1].out : f->hidden[n].in;
        if (kind == KR_FEATURES_LAST_LAYER && f->hidden[n].out > f->width) f->width = f->hidden[n].out;
    }
    *features = f;
    f = NULL;
done:
    kr_features_destroy(&f);
    return status;
}

void kr_features_destroy(kr_features **features) {
    if (!features || !*features) return;
    kr_features *f = *features;
    for (int t = 0; t < f->nthreads; t++) {
        scratch *s = &f->thread[t];
        kr_gathered_free(&s->gathered);
        kr_descriptor_workspace_free(&s->descriptor);
        kr_net_workspace_free(&s->net);
        kr_buffer_free(&s->d);
        kr_buffer_free(&s->input);
        kr_buffer_free(&s->output);
    }
    kr_free(f->thread);
    kr_free(f->hidden);
    kr_frame_list_free(&f->frame);
    kr_buffer_free(&f->center);
    kr_buffer_free(&f->center_type);
    kr_free(f);
    *features = NULL;
}

int kr_features_width(const kr_features *features) { return features ? features->width : 0; }

/* ---- one frame ---- */

typedef struct call {
    kr_features *f;
    const kr_list *list;
    const double *fparam, *aparam;
    double *rows;
    int ncenters;
} call;

/* Centres of one net, picked from a block of n: D → input → last hidden layer → rows. */
static kr_status hidden_rows(kr_context *ctx, const call *c, int which, int n, const int *center, const int *type,
                             scratch *s) {
    kr_status status = KR_OK;
    const kr_net *net = &c->f->hidden[which];
    const kr_fitting *fitting = &c->f->model->fitting;
    size_t nd = (size_t)fitting->dim_descrpt, na = (size_t)fitting->numb_aparam, in = (size_t)net->in;
    size_t out = (size_t)net->out, width = (size_t)c->f->width;
    int m = 0, at[BLOCK];
    if (!net->layer) return KR_OK; /* no net for this element: zeros */
    KR_TRY(kr_buffer_reserve(ctx, &s->input, (size_t)n * in, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &s->output, (size_t)n * out, sizeof(double)));
    double *x = s->input.data;
    for (int i = 0; i < n; i++) {
        if (!fitting->mixed_types && type[i] != which) continue;
        kr_fitting_input(fitting, (const double *)s->d.data + (size_t)i * nd, c->fparam,
                         c->aparam ? c->aparam + (size_t)center[i] * na : NULL, x + (size_t)m * in);
        at[m++] = center[i];
    }
    const double *h = x; /* a net of one layer is linear in its input */
    if (net->nlayers) {
        KR_TRY(kr_net_value(ctx, net, c->f->model->theta, m, x, s->output.data, &s->net));
        h = s->output.data;
    }
    for (int i = 0; i < m; i++) memcpy(c->rows + (size_t)at[i] * width, h + (size_t)i * out, out * sizeof *h);
done:
    return status;
}

static kr_status run_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    const call *c = payload;
    kr_features *f = c->f;
    scratch *s = &f->thread[thread];
    int begin = (int)block * BLOCK, n = c->ncenters - begin < BLOCK ? c->ncenters - begin : BLOCK;
    const int *center = (const int *)f->center.data + begin, *type = (const int *)f->center_type.data + begin;
    size_t nd = (size_t)f->model->fitting.dim_descrpt, width = (size_t)f->width;
    KR_TRY(kr_gather_block(ctx, f->rule, c->list, n, center, type, &s->gathered));
    KR_TRY(kr_buffer_reserve(ctx, &s->d, (size_t)n * nd, sizeof(double)));
    KR_TRY(f->model->descriptor.kind->value(ctx, f->model, &s->gathered.env, s->d.data, &s->descriptor));
    if (f->kind == KR_FEATURES_DESCRIPTOR)
        for (int i = 0; i < n; i++)
            memcpy(c->rows + (size_t)center[i] * width, (const double *)s->d.data + (size_t)i * nd,
                   nd * sizeof(double));
    else
        for (int k = 0; k < f->model->fitting.nnets; k++) KR_TRY(hidden_rows(ctx, c, k, n, center, type, s));
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            if (!isfinite(c->rows[(size_t)center[i] * width + k]))
                KR_FAIL(ctx, KR_ERR_NUMERIC, "feature %zu of atom %d (%s) is not finite", k, center[i],
                        f->model->type_map[type[i]]);
done:
    return status;
}

static kr_status prepare_threads(kr_context *ctx, kr_features *f) {
    int n = kr_parallel_threads(ctx);
    if (n <= f->nthreads) return KR_OK;
    scratch *more = kr_calloc(ctx, (size_t)n, sizeof *more);
    if (!more) return KR_ERR_MEMORY;
    if (f->nthreads) memcpy(more, f->thread, (size_t)f->nthreads * sizeof *more);
    kr_free(f->thread);
    f->thread = more;
    f->nthreads = n;
    return KR_OK;
}

kr_status kr_features_frame(kr_context *ctx, kr_features *f, int n, const double *x, const int *type, const double *box,
                            const unsigned char *pbc, const double *fparam, const double *aparam, double *rows) {
    kr_status status = KR_OK;
    kr_list list;
    if (!f || (n > 0 && !rows)) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "features or room for %d rows is missing", n);
    const kr_fitting *fitting = &f->model->fitting;
    KR_TRY(kr_fitting_check_parameters(ctx, f->model, fparam, aparam));
    KR_TRY(kr_frame_list_make(ctx, &f->frame, f->potential->rcut, n, x, type, box, pbc, &list));
    KR_TRY(kr_buffer_reserve(ctx, &f->center, (size_t)n, sizeof(int)));
    KR_TRY(kr_buffer_reserve(ctx, &f->center_type, (size_t)n, sizeof(int)));
    KR_TRY(prepare_threads(ctx, f));
    call c = {f, &list, fparam ? fparam : fitting->default_fparam, aparam, rows, 0};
    int *center = f->center.data, *center_type = f->center_type.data;
    for (int i = 0; i < n; i++) {
        if (type[i] >= f->model->ntypes)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "atom %d has type %d, the model has %d types", i, type[i], f->model->ntypes);
        if (type[i] < 0) continue;
        center[c.ncenters] = i;
        center_type[c.ncenters++] = type[i];
    }
    memset(rows, 0, (size_t)n * (size_t)f->width * sizeof *rows);
    KR_TRY(kr_parallel_blocks(ctx, (c.ncenters + BLOCK - 1) / BLOCK, run_block, NULL, &c));
done:
    return status;
}
