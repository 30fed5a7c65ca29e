/* The list of optimizers, the handle around one of them, and the pieces of θ that move.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/optimizer.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/optimizer_state.h"
#include "core/text.h"
#include <math.h>
#include <string.h>

#define KR_OPTIMIZER_KIND(name) extern const kr_optimizer_kind kr_optimizer_##name;
#include "core/optimizer_kinds.def"
#undef KR_OPTIMIZER_KIND

static const kr_optimizer_kind *const kinds[] = {
#define KR_OPTIMIZER_KIND(name) &kr_optimizer_##name,
#include "core/optimizer_kinds.def"
#undef KR_OPTIMIZER_KIND
    NULL};

struct kr_optimizer {
    const kr_optimizer_kind *kind;
    kr_optimizer_layout layout;
    void *state;
};

int kr_optimizer_count(void) { return (int)(sizeof kinds / sizeof *kinds) - 1; }

const kr_optimizer_kind *kr_optimizer_at(int index) {
    return index >= 0 && index < kr_optimizer_count() ? kinds[index] : NULL;
}

const kr_optimizer_kind *kr_optimizer_find(const char *name) {
    for (int k = 0; name && k < kr_optimizer_count(); k++) {
        kr_word word = {kinds[k]->name, strlen(kinds[k]->name)};
        kr_word rest = {kinds[k]->aliases, strlen(kinds[k]->aliases)};
        do
            if (kr_word_is_nocase(word, name)) return kinds[k];
        while (kr_word_next(&rest, &word));
    }
    return NULL;
}

/* Moving ranges, cut into pieces; only counts them when pieces is NULL. */
static int cut(const kr_optimizer_layout *layout, kr_span *pieces) {
    int count = 0;
    for (size_t i = 0; i < layout->n;) {
        size_t end = i;
        while (end < layout->n && end - i < KR_OPTIMIZER_PIECE && (!layout->mask || layout->mask[end])) end++;
        if (end == i) {
            i++;
            continue;
        }
        if (pieces) pieces[count] = (kr_span){i, end - i};
        count++;
        i = end;
    }
    return count;
}

static kr_status make_layout(kr_context *ctx, size_t n, int nblocks, const kr_block *block, const unsigned char *mask,
                             kr_optimizer_layout *layout) {
    kr_status status = KR_OK;
    layout->n = n;
    KR_NEW(ctx, layout->block, (size_t)nblocks + 1);
    if (nblocks) memcpy(layout->block, block, (size_t)nblocks * sizeof *block);
    layout->nblocks = nblocks;
    for (int b = 0; b < nblocks; b++)
        if (block[b].offset > n || block[b].count > n - block[b].offset)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "block %d (%s) has the entries %zu to %zu of %zu parameters", b,
                    block[b].name, block[b].offset, block[b].offset + block[b].count, n);
    if (mask) {
        KR_NEW(ctx, layout->mask, n);
        memcpy(layout->mask, mask, n);
    }
    layout->npieces = cut(layout, NULL);
    KR_NEW(ctx, layout->piece, (size_t)layout->npieces);
    cut(layout, layout->piece);
    for (int p = 0; p < layout->npieces; p++) layout->moving += layout->piece[p].count;
done:
    return status;
}

kr_status kr_optimizer_create(kr_context *ctx, const kr_optimizer_kind *kind, const kr_tree *options, size_t n,
                              int nblocks, const kr_block *block, const unsigned char *mask, kr_optimizer **optimizer) {
    kr_status status = KR_OK;
    kr_optimizer *o = NULL;
    if (!optimizer) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the optimizer");
    *optimizer = NULL;
    if (!kind || nblocks < 0 || (nblocks && !block))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "an optimizer needs its kind and a table of %d blocks", nblocks);
    if (options && options->kind != KR_TREE_MAP)
        KR_FAIL(ctx, KR_ERR_FORMAT, "the options of %s are no map of keys and values", kind->name);
    KR_NEW(ctx, o, 1);
    o->kind = kind;
    KR_TRY(make_layout(ctx, n, nblocks, block, mask, &o->layout));
    KR_TRY(kr_optimizer_state_create(ctx, kind, options, &o->layout, &o->state));
    *optimizer = o;
    o = NULL;
done:
    kr_optimizer_destroy(&o);
    return status;
}

void kr_optimizer_destroy(kr_optimizer **optimizer) {
    if (!optimizer || !*optimizer) return;
    kr_optimizer *o = *optimizer;
    kr_optimizer_state_destroy(o->kind, &o->state);
    kr_free(o->layout.block);
    kr_free(o->layout.mask);
    kr_free(o->layout.piece);
    kr_free(o);
    *optimizer = NULL;
}

const kr_optimizer_kind *kr_optimizer_get_kind(const kr_optimizer *optimizer) { return optimizer->kind; }

kr_status kr_optimizer_step(kr_context *ctx, kr_optimizer *optimizer, int64_t step, double lr,
                            const kr_objective *objective, double *theta, double *loss) {
    double unused;
    if (!optimizer || !objective || (!theta && optimizer->layout.n))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "a step needs an optimizer, an objective and parameters");
    if (!(lr >= 0) || !isfinite(lr) || step < 0)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "learning rate %g at step %lld: both must be finite and not negative", lr,
                        (long long)step);
    return optimizer->kind->step(ctx, optimizer->state, step, lr, objective, theta, loss ? loss : &unused);
}

kr_status kr_optimizer_save(kr_context *ctx, const kr_optimizer *optimizer, kr_tree **tree) {
    kr_status status = KR_OK;
    kr_tree *map = NULL, *child = NULL;
    *tree = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_tree_new_string(ctx, optimizer->kind->name, &child));
    KR_TRY(kr_tree_set(ctx, map, "kind", &child));
    KR_TRY(kr_optimizer_put_counter(ctx, map, "parameters", (int64_t)optimizer->layout.n));
    KR_TRY(kr_optimizer_put_counter(ctx, map, "moving", (int64_t)optimizer->layout.moving));
    KR_TRY(kr_optimizer_state_save(ctx, optimizer->kind, optimizer->state, &child));
    KR_TRY(kr_tree_set(ctx, map, "state", &child));
    *tree = map;
    map = NULL;
done:
    kr_tree_destroy(&child);
    kr_tree_destroy(&map);
    return status;
}

kr_status kr_optimizer_load(kr_context *ctx, kr_optimizer *optimizer, const kr_tree *tree) {
    kr_status status = KR_OK;
    const char *kind;
    const kr_tree *state;
    int64_t n, moving;
    KR_TRY(kr_tree_get_string(ctx, tree, "kind", &kind));
    if (strcmp(kind, optimizer->kind->name) != 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "the saved state belongs to the optimizer %s, this one is %s", kind,
                optimizer->kind->name);
    KR_TRY(kr_optimizer_take_counter(ctx, tree, "parameters", INT64_MAX, &n));
    KR_TRY(kr_optimizer_take_counter(ctx, tree, "moving", INT64_MAX, &moving));
    if ((size_t)n != optimizer->layout.n || (size_t)moving != optimizer->layout.moving)
        KR_FAIL(ctx, KR_ERR_FORMAT,
                "the saved state of %s has %lld parameters of which %lld move, the network has %zu and %zu", kind,
                (long long)n, (long long)moving, optimizer->layout.n, optimizer->layout.moving);
    KR_TRY(kr_tree_need(ctx, tree, "state", &state));
    KR_TRY(kr_optimizer_state_load(ctx, optimizer->kind, optimizer->state, state));
done:
    if (status < 0) kr_error_prefix(ctx, "state of the optimizer");
    return status;
}
