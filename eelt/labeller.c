/* The list of labellers, the checks of every label, and small helpers of the kinds.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/labeller.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "core/suggest.h"
#include "eelt/structure.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KR_LABELLER_KIND(name) extern const kr_labeller_kind kr_labeller_##name;
#include "eelt/labeller_kinds.def"
#undef KR_LABELLER_KIND

static const kr_labeller_kind *const kinds[] = {
#define KR_LABELLER_KIND(name) &kr_labeller_##name,
#include "eelt/labeller_kinds.def"
#undef KR_LABELLER_KIND
};

int kr_labeller_count(void) { return (int)(sizeof kinds / sizeof *kinds); }

const kr_labeller_kind *kr_labeller_at(int index) {
    return index >= 0 && index < kr_labeller_count() ? kinds[index] : NULL;
}

const kr_labeller_kind *kr_labeller_find(const char *name) {
    for (int k = 0; k < kr_labeller_count(); k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}

struct kr_labeller {
    const kr_labeller_kind *kind;
    void *state;
    kr_label_limits limits;
};

static const kr_parameter limit_table[] = {{.name = "net_force_eV_per_A",
                                            .type = KR_PARAMETER_REAL,
                                            .offset = offsetof(kr_label_limits, net_force),
                                            .initial = "0.02",
                                            .unit = "eV/A",
                                            .range = "> 0",
                                            .help = "largest |sum of forces| per atom"},
                                           {.name = "f_max_eV_per_A",
                                            .type = KR_PARAMETER_REAL,
                                            .offset = offsetof(kr_label_limits, f_max),
                                            .initial = "50",
                                            .unit = "eV/A",
                                            .range = "> 0",
                                            .help = "largest force on an atom"},
                                           {.name = "stress",
                                            .type = KR_PARAMETER_FLAG,
                                            .offset = offsetof(kr_label_limits, stress),
                                            .initial = "false",
                                            .help = "refuse a label without stress"},
                                           {0}};

kr_status kr_labeller_create(kr_context *ctx, const kr_tree *object, const char *base, kr_labeller **labeller) {
    kr_status status = KR_OK;
    kr_labeller *l = NULL;
    kr_tree *options = NULL, *complete = NULL;
    const char *engine, *names[16];
    char place[48];
    *labeller = NULL;
    KR_NEW(ctx, l, 1);
    KR_TRY(kr_tree_get_string(ctx, object, "engine", &engine));
    l->kind = kr_labeller_find(engine);
    if (!l->kind) {
        int n = kr_labeller_count() < 16 ? kr_labeller_count() : 16;
        for (int k = 0; k < n; k++) names[k] = kinds[k]->name;
        const char *near = kr_suggest(engine, n, names);
        KR_ERROR(ctx, KR_ERR_FORMAT, "engine is '%s', expected qe, cp2k, xtb, lammps or command%s", engine,
                 kr_tree_place(kr_tree_get(object, "engine"), place));
        if (near) kr_error_hint(ctx, "did you mean '%s'?", near);
        KR_TRY(KR_ERR_FORMAT);
    }
    kr_status checks =
        kr_parameters_read(ctx, limit_table, kr_tree_get(object, "checks"), "label.checks", &l->limits, &complete);
    if (checks != KR_OK && !kr_context_mistake(ctx)) KR_TRY(checks); /* else told, and the rest is read, too */
    KR_TRY(kr_tree_without(ctx, object, 2, (const char *const[]){"engine", "checks"}, &options));
    KR_TRY(l->kind->create(ctx, options, base, &l->state));
    KR_TRY(checks);
    *labeller = l;
    l = NULL;
done:
    kr_tree_destroy(&options);
    kr_tree_destroy(&complete);
    kr_labeller_destroy(&l);
    return status;
}

void kr_labeller_destroy(kr_labeller **labeller) {
    if (!labeller || !*labeller) return;
    if ((*labeller)->state) (*labeller)->kind->destroy(&(*labeller)->state);
    kr_free(*labeller);
    *labeller = NULL;
}

const kr_labeller_kind *kr_labeller_get_kind(const kr_labeller *labeller) { return labeller->kind; }

kr_status kr_labeller_key(kr_context *ctx, const kr_labeller *l, const kr_label_frame *frame, char key[65]) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    KR_TRY(kr_digest_create(ctx, &digest));
    kr_digest_text(digest, l->kind->name);
    KR_TRY(l->kind->fingerprint(ctx, l->state, digest));
    KR_TRY(kr_structure_digest(ctx, frame->frame, frame->names, digest));
    kr_digest_end(digest, key);
done:
    kr_digest_destroy(&digest);
    return status;
}

kr_status kr_labeller_prepare(kr_context *ctx, const kr_labeller *l, const kr_label_frame *frame, int tries,
                              const char *folder, kr_string *command) {
    command->length = 0;
    return l->kind->prepare(ctx, l->state, frame, tries, folder, command);
}

/* The checks that hold for every program. */
static void judge(const kr_label_limits *limits, int natoms, kr_label_result *r) {
    double net[3] = {0, 0, 0}, largest = 0;
    int worst = 0;
    if (!isfinite(r->energy)) {
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the energy is not a finite number");
        return;
    }
    for (int i = 0; i < natoms; i++) {
        double size = 0;
        for (int c = 0; c < 3; c++) {
            net[c] += r->force[3 * i + c];
            size += r->force[3 * i + c] * r->force[3 * i + c];
        }
        if (!(size <= largest)) largest = size, worst = i; /* also catches NaN */
        if (!isfinite(size)) break;
    }
    largest = sqrt(largest);
    double sum = sqrt(net[0] * net[0] + net[1] * net[1] + net[2] * net[2]) / natoms;
    int virial_finite = 1;
    for (int c = 0; c < 9 && r->has_virial; c++) virial_finite &= isfinite(r->virial[c]) != 0;
    if (!isfinite(largest))
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the force on atom %d is not a finite number", worst);
    else if (largest > limits->f_max)
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the force on atom %d is %.4g eV/A, allowed %g", worst, largest,
                        limits->f_max);
    else if (sum > limits->net_force)
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the forces sum up to %.4g eV/A per atom, allowed %g", sum,
                        limits->net_force);
    else if (!virial_finite)
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the stress is not finite");
    else if (limits->stress && !r->has_virial)
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the output has no stress");
}

kr_status kr_labeller_read(kr_context *ctx, const kr_labeller *l, const kr_label_frame *frame, const char *folder,
                           const kr_usage *usage, kr_label_result *result) {
    double *force = result->force;
    memset(result, 0, sizeof *result);
    result->force = force;
    for (int i = 0; i < 3 * frame->frame->natoms; i++) force[i] = NAN; /* what is not read is not accepted */
    result->energy = NAN;
    kr_status status = l->kind->read(ctx, l->state, frame, folder, usage, result);
    if (status == KR_OK && result->outcome == KR_OUTCOME_DONE) judge(&l->limits, frame->frame->natoms, result);
    return status;
}

/* ---- helpers ---- */

kr_status kr_label_refuse(kr_label_result *result, kr_outcome outcome, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(result->message, sizeof result->message, format, values);
    va_end(values);
    result->outcome = outcome;
    return KR_OK;
}

kr_status kr_label_text(kr_context *ctx, const char *folder, const char *name, char **text, size_t *length) {
    kr_status status = KR_OK;
    char *path = kr_path_join(ctx, folder, name);
    *text = NULL;
    *length = 0;
    if (!path) return KR_ERR_MEMORY;
    if (kr_file_exists(path)) status = kr_file_read(ctx, path, text, length);
    kr_free(path);
    return status;
}

kr_status kr_label_write(kr_context *ctx, const char *folder, const char *name, const kr_string *text) {
    return kr_file_write(ctx, folder, name, text->data, text->length);
}

char *kr_label_path(kr_context *ctx, const char *base, const char *path) {
    return path[0] == '/' ? kr_strdup(ctx, path) : kr_path_join(ctx, base, path);
}

kr_status kr_label_template_failed(kr_context *ctx, const kr_tree *options, kr_status status) {
    char place[48];
    if (status != KR_ERR_MEMORY)
        kr_error_prefix(ctx, "label.template%s", kr_tree_place(kr_tree_get(options, "template"), place));
    return status;
}
