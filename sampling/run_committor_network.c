/* The command committor with a network: rounds of sampling and training, checkpoints, result.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A round draws weighted points with the bias of the network so far and trains every member on them. A run is resumed
 * from {round, member, parameters of all members, state of the training}: points are drawn again from the seed and the
 * saved parameters, so nothing but the checkpoint is needed for the same bits.
 *
 * The functional of a network is too large by Σ ρ|∇δ|². Of M independent members with errors δ_m the mean has less of
 * it, and ν_cross = ε⟨∇q_m·∇q_n⟩, m ≠ n, has no more than their common error: (M² I[mean] − Σ I[q_m])/(M(M − 1)). */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct network_run {
    kr_sampling *run;
    const kr_committor_settings *s;
    kr_committor_model q;
    double *started; /* [nparams] member 0 when the round began: the bias */
    double *xa, *xb; /* [boundary_count][dim] */
    kr_committor_set set;
    kr_tree *resume;
    int round, member;
} network_run;

/* For kr_committor_function: q and ∇q of the mean of all members. */
static kr_status evaluate_mean(kr_context *ctx, const void *payload, long n, const double *x, double *q, double *grad) {
    return kr_committor_model_evaluate(ctx, payload, -1, n, x, q, grad);
}

static kr_status save(kr_context *ctx, network_run *r, const kr_committor_trainer *trainer) {
    kr_status status = KR_OK;
    kr_tree *map = NULL, *part;
    long n = (long)r->q.net->nparams, nf = r->q.net->nfeatures;
    char key[32];
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_run_set_int(ctx, map, "round", r->round));
    KR_TRY(kr_run_set_int(ctx, map, "member", r->member));
    KR_TRY(kr_run_set_reals(ctx, map, "started", n, r->started));
    KR_TRY(kr_run_set_reals(ctx, map, "mean", nf, r->q.net->mean));
    KR_TRY(kr_run_set_reals(ctx, map, "scale", nf, r->q.net->scale));
    for (int m = 0; m < r->q.members; m++) {
        snprintf(key, sizeof key, "theta%d", m);
        KR_TRY(kr_run_set_reals(ctx, map, key, n, r->q.theta[m]));
    }
    KR_TRY(kr_run_set_map(ctx, map, "training", &part));
    KR_TRY(kr_committor_trainer_save(ctx, trainer, part));
    KR_TRY(kr_run_checkpoint_write(ctx, r->run, map));
done:
    kr_tree_destroy(&map);
    return status;
}

static kr_status load(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    long n = (long)r->q.net->nparams, nf = r->q.net->nfeatures;
    char key[32];
    KR_TRY(kr_tree_get_int(ctx, r->resume, "round", 0, r->s->sample.rounds, &r->round));
    KR_TRY(kr_tree_get_int(ctx, r->resume, "member", 0, r->q.members, &r->member));
    KR_TRY(kr_run_get_reals(ctx, r->resume, "started", n, r->started));
    KR_TRY(kr_run_get_reals(ctx, r->resume, "mean", nf, r->q.net->mean));
    KR_TRY(kr_run_get_reals(ctx, r->resume, "scale", nf, r->q.net->scale));
    for (int m = 0; m < r->q.members; m++) {
        snprintf(key, sizeof key, "theta%d", m);
        KR_TRY(kr_run_get_reals(ctx, r->resume, key, n, r->q.theta[m]));
    }
done:
    return status;
}

static kr_status train_member(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = r->s;
    long count = s->sample.boundary_count;
    kr_committor_data data = {r->set.outside, r->set.x, r->set.w, (double)r->set.outside / (double)r->set.n,
                              count,          count,    r->xa,    r->xb};
    kr_committor_training how = {.steps = s->train.steps,
                                 .boundary_steps = r->round == 0 ? s->train.boundary_steps : 0,
                                 .batch = s->train.batch,
                                 .boundary_batch = s->train.boundary_batch,
                                 .optimizer = s->train.optimizer ? "adam" : "soap",
                                 .lr_start = s->train.lr_start,
                                 .lr_stop = s->train.lr_stop,
                                 .clip = s->train.clip,
                                 .average = s->train.average,
                                 .loss = {s->net.boundary ? 0 : s->train.penalty,
                                          r->round && s->train.fade > 0 ? 0 : s->train.hinge, s->train.margin, 0, 0},
                                 .fade = s->train.fade,
                                 .focus = s->train.focus,
                                 .stream = {r->run->seed, 0xc002 + (uint64_t)r->member * 0x10000},
                                 .round = (uint64_t)r->round};
    kr_committor_trainer *trainer = NULL;
    memcpy(r->q.net->theta, r->q.theta[r->member], r->q.net->nparams * sizeof(double));
    KR_TRY(kr_committor_trainer_create(ctx, r->q.net, &how, &data, &trainer));
    if (r->resume) {
        const kr_tree *part;
        KR_TRY(kr_tree_need(ctx, r->resume, "training", &part));
        KR_TRY(kr_committor_trainer_load(ctx, trainer, part));
        kr_tree_destroy(&r->resume);
    }
    long total = kr_committor_trainer_total(&how);
    while (trainer->step < total) {
        KR_TRY(kr_committor_trainer_step(ctx, trainer));
        int stop = trainer->step % 10 == 0 && kr_progress(ctx, "training steps", trainer->step, total) != KR_OK;
        if (stop || kr_run_checkpoint_due(r->run)) KR_TRY(save(ctx, r, trainer));
        if (stop) KR_FAIL(ctx, KR_CANCELLED, "stopped at step %ld of round %d", trainer->step, r->round + 1);
    }
    memcpy(r->q.theta[r->member], r->q.net->theta, r->q.net->nparams * sizeof(double));
    KR_TRY(kr_run_line(ctx, r->run, "round %d, network %d: functional %.5g, boundary %.2e, hinge %.2e", r->round + 1,
                       r->member + 1, trainer->terms.functional * r->run->problem->epsilon, trainer->terms.boundary,
                       trainer->terms.hinge));
done:
    kr_committor_trainer_destroy(&trainer);
    return status;
}

/* rms change of member 0 in this round over the points drawn. */
static kr_status report_change(kr_context *ctx, network_run *r, double *change) {
    kr_status status = KR_OK;
    double *q = NULL, *old = NULL, square = 0;
    KR_NEW(ctx, q, (size_t)r->set.outside);
    KR_NEW(ctx, old, (size_t)r->set.outside);
    KR_TRY(kr_committor_net_evaluate(ctx, r->q.net, r->q.theta[0], r->set.outside, r->set.x, q, NULL, NULL));
    KR_TRY(kr_committor_net_evaluate(ctx, r->q.net, r->started, r->set.outside, r->set.x, old, NULL, NULL));
    for (long i = 0; i < r->set.outside; i++) square += (q[i] - old[i]) * (q[i] - old[i]);
    *change = sqrt(square / (double)r->set.outside);
    KR_TRY(kr_run_line(ctx, r->run, "round %d: %ld points, %.0f effective, acceptance %.2f, rms change of q %.4f",
                       r->round + 1, r->set.n, r->set.effective, r->set.acceptance, *change));
done:
    kr_free(q);
    kr_free(old);
    return status;
}

static kr_status run_rounds(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    double change = NAN;
    for (; r->round < r->s->sample.rounds; r->round++, r->member = 0) {
        if (!r->resume) memcpy(r->started, r->q.theta[0], r->q.net->nparams * sizeof(double));
        kr_committor_set_free(&r->set);
        memcpy(r->q.net->theta, r->started, r->q.net->nparams * sizeof(double));
        KR_TRY(kr_committor_draw(ctx, r->run, r->round ? r->q.net : NULL, r->s->sample.count, KR_COMMITTOR_DATA,
                                 r->round, &r->set));
        if (r->set.outside < 10) KR_FAIL(ctx, KR_ERR_NUMERIC, "%ld points outside of A and B", r->set.outside);
        if (!r->round && !r->resume) kr_committor_net_standardize(r->q.net, r->set.outside, r->set.x);
        for (; r->member < r->q.members; r->member++) {
            KR_TRY(train_member(ctx, r));
        }
        KR_TRY(report_change(ctx, r, &change));
    }
    if (r->s->sample.rounds > 1) KR_TRY(kr_run_set_real(ctx, r->run->results, "last_change", change));
done:
    return status;
}

/* ε⟨|∇q|²⟩ of one member (−1: of their mean) over a set. */
static kr_status functional(kr_context *ctx, const network_run *r, int one, const kr_committor_set *points,
                            double *nu) {
    kr_status status = KR_OK;
    const kr_problem *p = r->run->problem;
    double *q = NULL, *grad = NULL;
    *nu = 0;
    KR_NEW(ctx, q, (size_t)points->outside);
    KR_NEW(ctx, grad, (size_t)(points->outside * p->dim));
    KR_TRY(kr_committor_model_evaluate(ctx, &r->q, one, points->outside, points->x, q, grad));
    for (long i = 0; i < points->outside; i++)
        for (int k = 0; k < p->dim; k++)
            *nu += p->epsilon * (p->mobility ? p->mobility[k] : 1) * points->w[i] / (double)points->n *
                   grad[i * p->dim + k] * grad[i * p->dim + k];
done:
    kr_free(q);
    kr_free(grad);
    return status;
}

static kr_status cross_estimate(kr_context *ctx, network_run *r, const kr_committor_set *test) {
    kr_status status = KR_OK;
    double sum = 0, one, mean;
    int members = r->q.members;
    if (members < 2) return KR_OK;
    for (int m = 0; m < members; m++) {
        KR_TRY(functional(ctx, r, m, test, &one));
        sum += one;
    }
    KR_TRY(functional(ctx, r, -1, test, &mean));
    double cross = (members * members * mean - sum) / (members * (members - 1.0));
    KR_TRY(kr_run_line(ctx, r->run, "nu of single networks %.6g, of their mean %.6g, between different ones %.6g",
                       sum / members, mean, cross));
    KR_TRY(kr_run_set_real(ctx, r->run->results, "nu_cross", cross));
done:
    return status;
}

/* nu of the points that were trained on: far below that of others when these points are known by heart. */
static kr_status compare_training(kr_context *ctx, network_run *r, int passed) {
    kr_status status = KR_OK;
    double trained, nu;
    if (!r->set.n) return KR_OK; /* a loaded network */
    KR_TRY(functional(ctx, r, -1, &r->set, &trained));
    KR_TRY(kr_run_set_real(ctx, r->run->results, "nu_training", trained));
    KR_TRY(kr_tree_get_real(ctx, r->run->results, "nu", &nu));
    if (!passed && trained < 0.9 * nu)
        KR_TRY(kr_run_line(ctx, r->run,
                           "nu of the points of the training is %.4g, %.0f %% less: they are known by heart, more of "
                           "them (sampling.count above %d) cure that",
                           trained, 100 * (1 - trained / nu), r->s->sample.count));
done:
    return status;
}

static kr_status write_network(kr_context *ctx, network_run *r) {
    char *text = NULL;
    kr_status status = kr_committor_model_format(ctx, &r->q, r->s->owned[1], &text);
    if (status == KR_OK) status = kr_run_write_text(ctx, r->run, "network.json", text);
    kr_free(text);
    return status;
}

/* A new model, or the one that is to be validated. */
static kr_status begin(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    if (r->s->load) return kr_committor_model_load(ctx, r->run->problem, r->s->load, &r->q);
    KR_TRY(kr_committor_model_create(ctx, r->run->problem, r->s->owned[1], r->s->train.members, r->run->seed, &r->q));
    KR_NEW(ctx, r->started, r->q.net->nparams);
    memcpy(r->started, r->q.theta[0], r->q.net->nparams * sizeof(double));
    KR_TRY(kr_run_checkpoint_read(ctx, r->run, &r->resume));
    if (r->resume) KR_TRY(load(ctx, r));
done:
    return status;
}

kr_status kr_committor_run_network(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    network_run r = {.run = run, .s = run->state};
    kr_committor_set test = {0};
    int passed = 0;
    kr_committor_function f = {evaluate_mean, &r.q, NULL};
    KR_TRY(begin(ctx, &r));
    KR_TRY(kr_committor_draw_state(ctx, run, 0, r.s->sample.boundary_count, &r.xa));
    KR_TRY(kr_committor_draw_state(ctx, run, 1, r.s->sample.boundary_count, &r.xb));
    if (!r.s->load) KR_TRY(run_rounds(ctx, &r));
    if (!r.s->load) KR_TRY(write_network(ctx, &r));
    memcpy(r.q.net->theta, r.q.theta[0], r.q.net->nparams * sizeof(double));
    KR_TRY(kr_committor_draw(ctx, run, r.q.net, r.s->sample.test_count, KR_COMMITTOR_TEST, r.round, &test));
    f.net = r.q.net;
    KR_TRY(kr_committor_validate(ctx, run, &f, &test, r.xa, r.xb, r.s->sample.boundary_count, &passed));
    KR_TRY(compare_training(ctx, &r, passed));
    KR_TRY(cross_estimate(ctx, &r, &test));
    KR_TRY(kr_committor_print_points(ctx, run, &f));
    KR_TRY(kr_committor_write_map(ctx, run, &f));
    if (!passed) status = KR_NOT_CONVERGED;
done:
    kr_free(r.started);
    kr_free(r.xa);
    kr_free(r.xb);
    kr_committor_set_free(&r.set);
    kr_committor_set_free(&test);
    kr_tree_destroy(&r.resume);
    kr_committor_model_free(&r.q);
    return status;
}
