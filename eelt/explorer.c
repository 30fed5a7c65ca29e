/* The list of explorers, keys of runs, and what a run left.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/explorer.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "eelt/labeller.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KR_EXPLORER_KIND(name) extern const kr_explorer_kind kr_explorer_##name;
#include "eelt/explorer_kinds.def"
#undef KR_EXPLORER_KIND

static const kr_explorer_kind *const kinds[] = {
#define KR_EXPLORER_KIND(name) &kr_explorer_##name,
#include "eelt/explorer_kinds.def"
#undef KR_EXPLORER_KIND
};

static const char *const ensembles[] = {
#define KR_ENSEMBLE_WORD(name, word) word,
    KR_ENSEMBLE_LIST(KR_ENSEMBLE_WORD)
#undef KR_ENSEMBLE_WORD
};

const char *kr_ensemble_word(kr_ensemble e) { return e >= 0 && e < KR_ENSEMBLE_COUNT ? ensembles[e] : "unknown"; }

int kr_ensemble_find(const char *word) {
    for (int e = 0; e < KR_ENSEMBLE_COUNT; e++)
        if (!strcmp(ensembles[e], word)) return e;
    return -1;
}

int kr_explorer_count(void) { return (int)(sizeof kinds / sizeof *kinds); }

const kr_explorer_kind *kr_explorer_at(int index) {
    return index >= 0 && index < kr_explorer_count() ? kinds[index] : NULL;
}

const kr_explorer_kind *kr_explorer_find(const char *name) {
    for (int k = 0; k < kr_explorer_count(); k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}

void kr_explore_defaults(kr_explore_spec *spec) {
    *spec = (kr_explore_spec){.ensemble = KR_ENSEMBLE_NVT,
                              .T_K = {300, 300},
                              .steps = 1000,
                              .dt_fs = 1,
                              .sample_every = 10,
                              .f_lo = INFINITY,
                              .f_hi = INFINITY,
                              .v_lo = INFINITY,
                              .v_hi = INFINITY,
                              .reservoir = 20,
                              .correlation_ps = 0.1,
                              .stop = 5,
                              .volume_factor = 3,
                              .closest = 0.5};
}

void kr_explore_watch_options(const kr_explore_spec *s, kr_watch_options *o) {
    kr_watch_defaults(o);
    o->f_lo = s->f_lo;
    o->f_hi = s->f_hi;
    o->v_lo = s->v_lo;
    o->v_hi = s->v_hi;
    o->reservoir = s->reservoir;
    double apart = ceil(s->correlation_ps * 1000 / s->dt_fs - 1e-9);
    o->correlation = apart > 1 ? (int64_t)apart : 1;
    o->stop = s->stop;
    o->temperature_hi = s->temperature_hi > 0 ? s->temperature_hi : fmax(3000, 10 * fmax(s->T_K[0], s->T_K[1]));
    o->volume_factor = s->volume_factor;
    o->closest = s->closest;
    o->seed = s->seed;
}

/* ---- one explorer ---- */

struct kr_explorer {
    const kr_explorer_kind *kind;
    void *state;
};

kr_status kr_explorer_create(kr_context *ctx, const kr_tree *object, const char *base, const char *program,
                             kr_explorer **explorer) {
    kr_status status = KR_OK;
    kr_explorer *e = NULL;
    kr_tree *options = NULL;
    const char *engine, *names[8];
    char place[48];
    *explorer = NULL;
    KR_NEW(ctx, e, 1);
    KR_TRY(kr_tree_get_string(ctx, object, "engine", &engine));
    e->kind = kr_explorer_find(engine);
    if (!e->kind) {
        int n = kr_explorer_count() < 8 ? kr_explorer_count() : 8;
        for (int k = 0; k < n; k++) names[k] = kinds[k]->name;
        const char *near = kr_suggest(engine, n, names);
        KR_ERROR(ctx, KR_ERR_FORMAT, "engine is '%s', expected lammps or builtin%s", engine,
                 kr_tree_place(kr_tree_get(object, "engine"), place));
        if (near) kr_error_hint(ctx, "did you mean '%s'?", near);
        KR_TRY(KR_ERR_FORMAT);
    }
    KR_TRY(kr_tree_without(ctx, object, 1, (const char *const[]){"engine"}, &options));
    KR_TRY(e->kind->create(ctx, options, base, program, &e->state));
    *explorer = e;
    e = NULL;
done:
    kr_tree_destroy(&options);
    kr_explorer_destroy(&e);
    return status;
}

void kr_explorer_destroy(kr_explorer **explorer) {
    if (!explorer || !*explorer) return;
    if ((*explorer)->state) (*explorer)->kind->destroy(&(*explorer)->state);
    kr_free(*explorer);
    *explorer = NULL;
}

const kr_explorer_kind *kr_explorer_get_kind(const kr_explorer *explorer) { return explorer->kind; }

static void add_frame(const kr_explore_spec *s, kr_digest *digest) {
    const kr_frame *f = &s->frame;
    size_t n = (size_t)f->natoms;
    const double *velocity = f->label[KR_LABEL_VELOCITY];
    kr_digest_add(digest, &f->natoms, sizeof f->natoms);
    for (size_t i = 0; i < n; i++) kr_digest_text(digest, s->names[f->type[i]]);
    kr_digest_add(digest, f->coord, 3 * n * sizeof *f->coord);
    kr_digest_add(digest, f->box, sizeof f->box);
    kr_digest_add(digest, f->pbc, sizeof f->pbc);
    if (velocity) kr_digest_add(digest, velocity, 3 * n * sizeof *velocity);
}

kr_status kr_explorer_key(kr_context *ctx, const kr_explorer *e, const kr_explore_spec *s, char key[65]) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    KR_TRY(kr_digest_create(ctx, &digest));
    kr_digest_text(digest, "exploration");
    kr_digest_text(digest, e->kind->name);
    KR_TRY(e->kind->fingerprint(ctx, e->state, digest));
    for (int m = 0; m < s->nmodels; m++) KR_TRY(kr_digest_file(ctx, digest, s->models[m]));
    if (s->novelty) KR_TRY(kr_digest_file(ctx, digest, s->novelty));
    add_frame(s, digest);
    for (int t = 0; s->masses && t < s->ntypes; t++) kr_digest_add(digest, &s->masses[t], sizeof s->masses[t]);
    const int64_t integers[] = {s->driver,        s->ensemble,  s->steps, s->sample_every,
                                (int64_t)s->seed, s->reservoir, s->stop};
    const double reals[] = {s->T_K[0],         s->T_K[1],         s->P_GPa[0],      s->P_GPa[1], s->dt_fs,
                            s->f_lo,           s->f_hi,           s->v_lo,          s->v_hi,     s->mc_swap,
                            s->correlation_ps, s->temperature_hi, s->volume_factor, s->closest};
    kr_digest_add(digest, integers, sizeof integers);
    kr_digest_add(digest, reals, sizeof reals);
    kr_digest_end(digest, key);
done:
    kr_digest_destroy(&digest);
    return status;
}

static kr_status check_spec(kr_context *ctx, const kr_explore_spec *s) {
    if (s->nmodels < 1 || s->driver < 0 || s->driver >= s->nmodels)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "driver %d of %d models, expected 0 to %d", s->driver, s->nmodels,
                        s->nmodels - 1);
    if (s->frame.natoms < 1) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the start has no atoms");
    if (s->steps < 0 || s->sample_every < 1 || !(s->dt_fs > 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%lld steps of %g fs, a sample every %d: expected >= 0, > 0, >= 1",
                        (long long)s->steps, s->dt_fs, s->sample_every);
    for (int k = 0; k < 2; k++)
        if (!(s->T_K[k] >= 0) || !isfinite(s->P_GPa[k]))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "temperature %g K, pressure %g GPa: expected >= 0, finite", s->T_K[k],
                            s->P_GPa[k]);
    int periodic = s->frame.pbc[0] && s->frame.pbc[1] && s->frame.pbc[2];
    if (s->ensemble >= KR_ENSEMBLE_NPT_ISO && !periodic)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s needs a start that is periodic in all directions",
                        kr_ensemble_word(s->ensemble));
    return KR_OK;
}

kr_status kr_explorer_prepare(kr_context *ctx, const kr_explorer *e, const kr_explore_spec *spec, const char *folder,
                              kr_string *command) {
    kr_status status = check_spec(ctx, spec);
    command->length = 0;
    return status == KR_OK ? e->kind->prepare(ctx, e->state, spec, folder, command) : status;
}

/* ---- what a run left ---- */

static kr_status find_end(kr_context *ctx, const kr_tree *tree, const char *key, kr_end *end) {
    const char *word;
    kr_status status = kr_tree_get_string(ctx, tree, key, &word);
    if (status != KR_OK) return status;
    for (int e = 0; e < KR_END_COUNT; e++)
        if (!strcmp(kr_end_word((kr_end)e), word)) {
            *end = (kr_end)e;
            return KR_OK;
        }
    return KR_ERROR(ctx, KR_ERR_FORMAT, "%s is '%s', which is no way to end", key, word);
}

static kr_status get_count(kr_context *ctx, const kr_tree *tree, const char *key, int64_t *value) {
    const kr_tree *child;
    kr_status status = kr_tree_need(ctx, tree, key, &child);
    if (status != KR_OK) return status;
    if (child->kind != KR_TREE_INT) return KR_ERROR(ctx, KR_ERR_FORMAT, "%s is no integer", key);
    *value = child->integer;
    return KR_OK;
}

/* The summary: *bytes = length of the file of candidates that belongs to it. */
static kr_status read_summary(kr_context *ctx, const char *path, kr_explore_result *r, int64_t *bytes) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    const kr_tree *bins;
    kr_watch_counts *c = &r->counts;
    KR_TRY(kr_json_read(ctx, path, &tree));
    KR_TRY(find_end(ctx, tree, "end", &r->end));
    KR_TRY(get_count(ctx, tree, "steps", &r->steps));
    KR_TRY(get_count(ctx, tree, "sampled", &c->sampled));
    for (int k = 0; k < KR_CLASS_COUNT; k++) KR_TRY(get_count(ctx, tree, kr_class_word((kr_class)k), &c->by_class[k]));
    KR_TRY(get_count(ctx, tree, "first_step", &c->first_step));
    KR_TRY(get_count(ctx, tree, "last_step", &c->last_step));
    KR_TRY(get_count(ctx, tree, "failed_in_row", &c->in_row));
    KR_TRY(get_count(ctx, tree, "candidate_bytes", bytes));
    bins = kr_tree_at(tree, "histogram.counts");
    if (!bins || bins->kind != KR_TREE_LIST || bins->count != KR_WATCH_BINS)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: histogram.counts has not %d numbers", path, KR_WATCH_BINS);
    for (int b = 0; b < KR_WATCH_BINS; b++) c->histogram[b] = bins->child[b]->integer;
done:
    kr_tree_destroy(&tree);
    return status;
}

/* A run that broke off leaves its candidates under a temporary name, possibly with a torn frame at the end. */
static kr_status rescue_candidates(kr_context *ctx, const char *folder, int64_t bytes) {
    kr_status status = KR_OK;
    char *part = kr_path_join(ctx, folder, KR_EXPLORE_CANDIDATES ".part");
    char *whole = kr_path_join(ctx, folder, KR_EXPLORE_CANDIDATES);
    if (!part || !whole) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(part)) goto done;
    if (bytes == 0) {
        unlink(part);
    } else if (truncate(part, (off_t)bytes) != 0 || rename(part, whole) != 0) {
        KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", whole, strerror(errno));
    }
done:
    kr_free(part);
    kr_free(whole);
    return status;
}

/* Where a run met more neighbours than its models see, its engine has said so: the last sentence of it goes behind the
 * message. */
static kr_status note_overflow(kr_context *ctx, const char *folder, kr_explore_result *r) {
    static const char *const files[] = {"stderr", "log.lammps"};
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length, used = strlen(r->message);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *last = NULL;
        KR_TRY(kr_label_text(ctx, folder, files[i], &text, &length));
        for (const char *at = text; at && (at = strstr(at, KR_EXPLORE_OVERFLOW)); at++) last = at;
        if (last) snprintf(r->message + used, sizeof r->message - used, "; %.*s", (int)strcspn(last, "\n("), last);
        kr_free(text);
        text = NULL;
    }
done:
    kr_free(text);
    return status;
}

kr_status kr_explorer_read(kr_context *ctx, const kr_explorer *e, const char *folder, const kr_usage *usage,
                           kr_explore_result *r) {
    kr_status status = KR_OK;
    int64_t bytes = 0;
    char *path = kr_path_join(ctx, folder, KR_EXPLORE_SUMMARY);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    memset(r, 0, sizeof *r);
    r->counts.first_step = r->counts.last_step = -1;
    r->end = KR_END_RUNNING;
    if (kr_file_exists(path)) {
        status = read_summary(ctx, path, r, &bytes);
        if (status == KR_ERR_FORMAT) {
            r->outcome = KR_OUTCOME_BAD_OUTPUT;
            snprintf(r->message, sizeof r->message, "%s", kr_context_message(ctx));
            status = KR_OK;
            goto done;
        }
        KR_TRY(status);
    }
    if (r->end == KR_END_RUNNING || usage->exit_status != 0) {
        r->end = KR_END_CRASHED;
        KR_TRY(e->kind->judge(ctx, e->state, folder, usage, r));
        if (r->outcome != KR_OUTCOME_DONE) goto done;
        KR_TRY(rescue_candidates(ctx, folder, bytes));
    }
    if (!r->message[0]) snprintf(r->message, sizeof r->message, "%s", kr_end_text(r->end));
    KR_TRY(note_overflow(ctx, folder, r));
done:
    kr_free(path);
    return status;
}
