/* Start structures: the list of kinds, and what all of them go through.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/generate.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "eelt/explore_watch.h"
#include <kramers/eelt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define KR_GENERATE_KIND(name) extern const kr_generate_kind kr_generate_##name;
#include "eelt/generate_kinds.def"
#undef KR_GENERATE_KIND

static const kr_generate_kind *const kinds[] = {
#define KR_GENERATE_KIND(name) &kr_generate_##name,
#include "eelt/generate_kinds.def"
#undef KR_GENERATE_KIND
};

int kr_generate_count(void) { return (int)(sizeof kinds / sizeof *kinds); }
const kr_generate_kind *kr_generate_at(int index) {
    return index >= 0 && index < kr_generate_count() ? kinds[index] : NULL;
}

kr_status kr_maker_add(kr_context *ctx, kr_maker *maker, int n, kr_shape **shape) {
    if (maker->n == maker->room) {
        int room = 2 * maker->room + 8;
        kr_shape *more = kr_realloc(ctx, maker->shape, (size_t)maker->room, (size_t)room, sizeof *more);
        if (!more) return KR_ERR_MEMORY;
        maker->shape = more;
        maker->room = room;
    }
    *shape = &maker->shape[maker->n];
    **shape = (kr_shape){0};
    kr_status status = kr_shape_resize(ctx, *shape, n);
    maker->n++; /* also what is half made is freed */
    if (status != KR_OK) (*shape)->n = 0;
    return status;
}

static void drop_shapes(kr_maker *maker) {
    for (int k = 0; k < maker->n; k++) kr_shape_free(&maker->shape[k]);
    maker->n = 0;
}

/* ---- ladders ---- */

static const kr_generate_kind *find_kind(const char *name, const char **near) {
    const char *names[16];
    int n = kr_generate_count() < 16 ? kr_generate_count() : 16;
    for (int k = 0; k < n; k++) names[k] = kinds[k]->name;
    *near = kr_suggest(name, n, names);
    for (int k = 0; k < n; k++)
        if (!strcmp(names[k], name)) return kinds[k];
    return NULL;
}

/* All strains of one copy: [*n][6], one of zeros when none is asked for. */
static kr_status make_strains(kr_context *ctx, const kr_maker *maker, const kr_generate_common *c, int *n,
                              double **strain) {
    kr_status status = KR_OK;
    int given = c->strains && c->strains->kind == KR_TREE_LIST ? c->strains->count : 0, at = 0;
    if (c->strains && !given)
        KR_TRY(kr_parameter_fail(ctx, maker->where, "strains", c->strains, "expected a list of six numbers each"));
    KR_NEW(ctx, *strain, 6 * ((size_t)given + (size_t)c->strain_count + 1));
    for (; at < given; at++) {
        const kr_tree *row = c->strains->child[at];
        int good = row->kind == KR_TREE_LIST && row->count == 6;
        for (int k = 0; good && k < 6; k++) {
            const kr_tree *v = row->child[k];
            good = (v->kind == KR_TREE_INT || v->kind == KR_TREE_REAL) && fabs(v->real) < 0.9;
            (*strain)[6 * at + k] = v->real;
        }
        if (!good)
            KR_TRY(
                kr_parameter_fail(ctx, maker->where, "strains", row, "expected [xx, yy, zz, yz, xz, xy], each < 0.9"));
    }
    for (int i = 0; i < c->strain_count; i++, at++)
        for (int k = 0; k < 6; k++)
            (*strain)[6 * at + k] =
                c->strain_max *
                (2 * kr_random_uniform(maker->stream, maker->copy, 6 * (uint64_t)i + (uint64_t)k, 50) - 1);
    *n = at ? at : 1;
done:
    return status;
}

static kr_status put_frame(kr_context *ctx, const kr_maker *maker, const kr_shape *s, kr_builder *builder) {
    kr_status status = KR_OK;
    kr_frame frame = {.natoms = s->n, .coord = s->x};
    int *type = NULL;
    KR_NEW(ctx, type, (size_t)s->n + 1);
    for (int i = 0; i < s->n; i++) {
        const char *name = maker->names.name[s->type[i]];
        KR_TRY(kr_names_add(ctx, &builder->names, name, strlen(name), &type[i]));
    }
    frame.type = type;
    memcpy(frame.box, s->box, sizeof frame.box);
    memcpy(frame.pbc, s->pbc, sizeof frame.pbc);
    KR_TRY(kr_builder_add(ctx, builder, &frame));
done:
    kr_free(type);
    return status;
}

/* One frame for each volume and each strain of a shape. */
static kr_status climb(kr_context *ctx, const kr_maker *maker, const kr_generate_common *c, const kr_shape *s,
                       uint64_t *which, kr_builder *builder) {
    kr_status status = KR_OK;
    double *volume = NULL, *strain = NULL;
    kr_shape now = {0};
    int nvolumes = 0, nstrains = 0;
    KR_TRY(kr_generate_numbers(ctx, maker, "volumes", c->volumes, 1e-3, &nvolumes, &volume));
    KR_TRY(make_strains(ctx, maker, c, &nstrains, &strain));
    for (int v = 0; v < (nvolumes ? nvolumes : 1); v++)
        for (int e = 0; e < nstrains; e++) {
            double scale = nvolumes ? cbrt(volume[v]) - 1 : 0;
            const double even[6] = {scale, scale, scale, 0, 0, 0};
            KR_TRY(kr_shape_copy(ctx, s, &now));
            kr_shape_strain(&now, even);
            kr_shape_strain(&now, strain + 6 * e);
            kr_shape_rattle(maker, &now, c->rattle, (*which)++);
            KR_TRY(put_frame(ctx, maker, &now, builder));
            kr_shape_free(&now);
        }
done:
    kr_shape_free(&now);
    kr_free(volume);
    kr_free(strain);
    return status;
}

static kr_status change(kr_context *ctx, kr_maker *maker, const kr_generate_common *c, kr_shape *s) {
    kr_status status = KR_OK;
    int n, *times = NULL;
    if (c->supercell) {
        KR_TRY(kr_parameter_ints(ctx, c->supercell, &n, &times));
        if (n != 3) KR_TRY(kr_parameter_fail(ctx, maker->where, "supercell", c->supercell, "expected three numbers"));
        KR_TRY(kr_shape_repeat(ctx, s, times));
    }
    if (c->composition) KR_TRY(kr_shape_alloy(ctx, maker, s, c->composition));
    if (c->vacancies) KR_TRY(kr_shape_vacancies(ctx, maker, s, c->vacancies));
    if (c->interstitials) KR_TRY(kr_shape_interstitials(ctx, maker, s, c->interstitials, c->interstitial));
done:
    kr_free(times);
    return status;
}

static kr_status make_copies(kr_context *ctx, const kr_generate_kind *kind, const void *settings, kr_maker *maker,
                             kr_builder *builder) {
    kr_status status = KR_OK;
    const kr_generate_common *c = settings;
    int random = kind->random || c->composition || c->vacancies || c->interstitials || c->strain_count || c->rattle > 0;
    if (c->replicas > 1 && !random)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: %d replicas would be the same, nothing in them is random", maker->where,
                c->replicas);
    maker->stream = (kr_stream){(uint64_t)c->seed, KR_EXPLORE_GENERATE};
    for (int r = 0; r < c->replicas; r++) {
        uint64_t which = 0;
        maker->copy = (uint64_t)r;
        KR_TRY(kind->make(ctx, settings, maker));
        int made = maker->n; /* each shape has random numbers of its own */
        for (int k = 0; k < made; k++) {
            maker->copy = (uint64_t)r * (uint64_t)made + (uint64_t)k;
            KR_TRY(change(ctx, maker, c, &maker->shape[k]));
            KR_TRY(climb(ctx, maker, c, &maker->shape[k], &which, builder));
        }
        drop_shapes(maker);
    }
done:
    return status;
}

/* Values that do not go together are a mistake of the input: the failure with its place. */
static kr_status misfit(kr_context *ctx, const char *where, const kr_tree *object) {
    char text[500], hint[300] = "", place[48];
    snprintf(text, sizeof text, "%s", kr_context_message(ctx));
    if (kr_context_hint(ctx)) snprintf(hint, sizeof hint, "%s", kr_context_hint(ctx));
    const int told = !strncmp(text, where, strlen(where));
    kr_status status = KR_ERROR(ctx, KR_ERR_FORMAT, "%s%s%s%s", told ? "" : where, told ? "" : ": ", text,
                                kr_tree_place(object, place));
    if (*hint) kr_error_hint(ctx, "%s", hint);
    return status;
}

static kr_status make_one(kr_context *ctx, const kr_tree *object, const char *base, const char *where,
                          kr_builder *builder) {
    kr_status status = KR_OK;
    kr_maker maker = {.base = base, .where = where};
    kr_tree *complete = NULL;
    void *settings = NULL;
    const char *name, *near;
    if (object->kind != KR_TREE_MAP) KR_TRY(kr_parameter_fail(ctx, where, "", object, "expected {\"kind\": ...}"));
    status = kr_tree_get_string(ctx, object, "kind", &name);
    if (status != KR_OK) kr_error_prefix(ctx, "%s", where);
    KR_TRY(status);
    const kr_generate_kind *kind = find_kind(name, &near);
    if (!kind) {
        status = kr_parameter_fail(ctx, where, "kind", kr_tree_get(object, "kind"),
                                   "\"%s\" is none of bulk, slab, liquid, dimer and files", name);
        if (near) kr_error_hint(ctx, "did you mean '%s'?", near);
        goto done;
    }
    settings = kr_calloc(ctx, 1, kind->size);
    if (!settings) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_parameters_read(ctx, kind->table, object, where, settings, &complete));
    status = make_copies(ctx, kind, settings, &maker, builder);
    if (status == KR_ERR_ARGUMENT) status = misfit(ctx, where, object);
done:
    drop_shapes(&maker);
    kr_free(maker.shape);
    kr_names_clear(&maker.names);
    kr_tree_destroy(&complete);
    kr_free(settings);
    return status;
}

kr_status kr_generate(kr_context *ctx, const kr_tree *object, const char *base, const char *where,
                      kr_dataset *dataset) {
    kr_status status = KR_OK, wrong = KR_OK;
    kr_builder builder = {0};
    char place[128];
    KR_TRY(kr_builder_begin(ctx, where, 0, &builder));
    if (object->kind != KR_TREE_LIST) {
        KR_TRY(make_one(ctx, object, base, where, &builder));
    } else {
        for (int i = 0; i < object->count; i++) {
            snprintf(place, sizeof place, "%s[%d]", where, i);
            kr_status made = make_one(ctx, object->child[i], base, place, &builder);
            if (made != KR_ERR_FORMAT || !kr_context_mistake(ctx)) KR_TRY(made); /* a check looks at the others, too */
            if (made != KR_OK) wrong = made;
        }
        KR_TRY(wrong);
    }
    KR_TRY(kr_builder_finish(ctx, &builder, dataset));
done:
    kr_builder_clear(&builder);
    return status;
}

kr_status kr_structures_make(kr_context *ctx, const char *path, kr_dataset **dataset) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    char *base = NULL;
    const char *slash = strrchr(path, '/');
    *dataset = NULL;
    KR_TRY(kr_json_read(ctx, path, &tree));
    base = slash ? kr_strprintf(ctx, "%.*s", (int)(slash - path) + (slash == path), path) : kr_strdup(ctx, ".");
    if (!base) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_dataset_create(ctx, dataset));
    status = kr_generate(ctx, tree, base, "structures", *dataset);
    if (status != KR_OK) kr_error_prefix(ctx, "%s", path);
    KR_TRY(status);
done:
    if (status != KR_OK) kr_dataset_destroy(dataset);
    kr_tree_destroy(&tree);
    kr_free(base);
    return status;
}
