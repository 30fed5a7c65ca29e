/* Labeller "command": any program that reads in.xyz and writes out.xyz.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Both are extended XYZ (Å, eV, eV/Å; the frame's atoms in the frame's order). out.xyz must have energy and forces, it
 * may have virial or stress; the program exits with 0 only when it has converged, and writes out.xyz in one go. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "eelt/labeller.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *line, *identity;
    const kr_tree *files;
    kr_tree *complete;
    char *base;
} command;

static const kr_parameter table[] = {
    {.name = "command",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(command, line),
     .help = "shell command, run where in.xyz is; $KRAMERS_BASE is the folder of the input file"},
    {.name = "identity",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(command, identity),
     .initial = "null",
     .help = "what determines its numbers (program, version, functional); default: the command"},
    {.name = "files",
     .type = KR_PARAMETER_TEXTS,
     .offset = offsetof(command, files),
     .initial = "null",
     .help = "files that determine its numbers (templates, potentials)"},
    {0}};

static void destroy(void **state) {
    command *c = *state;
    if (!c) return;
    kr_tree_destroy(&c->complete);
    kr_free(c->base);
    kr_free(c);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, void **state) {
    kr_status status = KR_OK;
    command *c = NULL;
    KR_NEW(ctx, c, 1);
    *state = c;
    KR_TRY(kr_parameters_read(ctx, table, options, "label", c, &c->complete));
    c->base = kr_strdup(ctx, base);
    if (!c->base) KR_TRY(KR_ERR_MEMORY);
done:
    if (status != KR_OK && c) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    const command *c = state;
    kr_status status = KR_OK;
    kr_digest_text(digest, c->identity ? c->identity : c->line);
    for (int i = 0; c->files && i < c->files->count && status == KR_OK; i++) {
        char *path = kr_label_path(ctx, c->base, c->files->child[i]->string);
        status = path ? kr_digest_file(ctx, digest, path) : KR_ERR_MEMORY;
        kr_free(path);
    }
    return status;
}

/* One frame as a dataset. */
static kr_status dataset_of(kr_context *ctx, const kr_label_frame *f, kr_dataset **dataset) {
    kr_status status = KR_OK;
    kr_builder builder;
    kr_frame frame = *f->frame;
    int *type = NULL;
    KR_TRY(kr_dataset_create(ctx, dataset));
    KR_TRY(kr_builder_begin(ctx, "in.xyz", 0, &builder));
    KR_NEW(ctx, type, (size_t)frame.natoms + 1);
    for (int i = 0; i < frame.natoms && status == KR_OK; i++) {
        const char *name = f->names[frame.type[i]];
        status = kr_names_add(ctx, &builder.names, name, strlen(name), &type[i]);
    }
    frame.type = type;
    for (int l = 0; l < KR_LABEL_COUNT; l++) frame.label[l] = NULL; /* no labels go in */
    if (status == KR_OK) status = kr_builder_add(ctx, &builder, &frame);
    if (status == KR_OK) status = kr_builder_finish(ctx, &builder, *dataset);
    kr_builder_clear(&builder);
done:
    kr_free(type);
    return status;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_label_frame *frame, int tries, const char *folder,
                         kr_string *line) {
    const command *c = state;
    kr_status status = KR_OK;
    kr_dataset *dataset = NULL;
    char *path = kr_path_join(ctx, folder, "in.xyz");
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(dataset_of(ctx, frame, &dataset));
    KR_TRY(kr_dataset_write(ctx, dataset, path, "extxyz", 1));
    KR_TRY(kr_string_puts(ctx, line, "KRAMERS_BASE="));
    KR_TRY(kr_string_quote(ctx, line, c->base));
    KR_TRY(kr_string_printf(ctx, line, " KRAMERS_TRY=%d; export KRAMERS_BASE KRAMERS_TRY; ", tries));
    KR_TRY(kr_string_puts(ctx, line, c->line));
done:
    kr_dataset_destroy(&dataset);
    kr_free(path);
    return status;
}

/* Is it the frame that was asked for: the same atoms in the same places? */
static kr_status same_frame(const kr_label_frame *f, const kr_frame *g, const kr_frames *frames, kr_label_result *r) {
    int natoms = f->frame->natoms;
    if (g->natoms != natoms)
        return kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "out.xyz has %d atoms, expected %d", g->natoms, natoms);
    for (int i = 0; i < natoms; i++) {
        const double *a = f->frame->coord + 3 * i, *b = g->coord + 3 * i;
        double d = fmax(fabs(a[0] - b[0]), fmax(fabs(a[1] - b[1]), fabs(a[2] - b[2])));
        if (strcmp(frames->names.name[g->type[i]], f->names[f->frame->type[i]]) || !(d < 1e-4))
            return kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "out.xyz: atom %d is not that of in.xyz", i);
    }
    return KR_OK;
}

static kr_status read_frame(kr_context *ctx, const kr_label_frame *f, const kr_dataset *dataset, kr_label_result *r) {
    kr_status status = KR_OK;
    kr_frames frames;
    kr_frame g;
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    status = kr_frames_get(ctx, &frames, 0, 0, &g);
    if (status == KR_OK) status = same_frame(f, &g, &frames, r);
    if (status == KR_OK && r->outcome == KR_OUTCOME_DONE) {
        if (!g.label[KR_LABEL_ENERGY] || !g.label[KR_LABEL_FORCE]) {
            kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "out.xyz has no %s",
                            g.label[KR_LABEL_ENERGY] ? "forces" : "energy");
        } else {
            r->energy = g.label[KR_LABEL_ENERGY][0];
            memcpy(r->force, g.label[KR_LABEL_FORCE], 3 * (size_t)g.natoms * sizeof(double));
            r->has_virial = g.label[KR_LABEL_VIRIAL] != NULL;
            if (r->has_virial) memcpy(r->virial, g.label[KR_LABEL_VIRIAL], sizeof r->virial);
        }
    }
    kr_frames_clear(&frames);
done:
    return status;
}

static kr_status read_output(kr_context *ctx, const void *state, const kr_label_frame *frame, const char *folder,
                             const kr_usage *usage, kr_label_result *r) {
    (void)state;
    kr_status status = KR_OK;
    kr_dataset *dataset = NULL;
    char *path = kr_path_join(ctx, folder, "out.xyz");
    if (!path) return KR_ERR_MEMORY;
    if (usage->exit_status != 0) {
        kr_label_refuse(r, KR_OUTCOME_CRASHED, "the command ended with status %d", usage->exit_status);
    } else if (!kr_file_exists(path)) {
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the command left no out.xyz");
    } else {
        status = kr_dataset_read(ctx, path, "extxyz", 0, NULL, &dataset);
        if (status == KR_ERR_FORMAT || status == KR_ERR_UNSUPPORTED)
            status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "%s", kr_context_message(ctx));
        else if (status == KR_OK && (dataset->nsystems != 1 || dataset->system[0]->nframes != 1))
            status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "out.xyz has not exactly one frame");
        else if (status == KR_OK)
            status = read_frame(ctx, frame, dataset, r);
    }
    kr_dataset_destroy(&dataset);
    kr_free(path);
    return status;
}

const kr_labeller_kind kr_labeller_command = {
    .name = "command",
    .summary = "any program that reads in.xyz and writes out.xyz",
    .reference = "",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .read = read_output,
};
