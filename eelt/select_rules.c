/* The table of selection rules, and what rules share that give every frame one number.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "eelt/select.h"
#include <stdlib.h>
#include <string.h>

#define KR_SELECT_KIND(name) extern const kr_select_kind kr_select_kind_##name;
#include "eelt/select_kinds.def"
#undef KR_SELECT_KIND

static const kr_select_kind *const kinds[] = {
#define KR_SELECT_KIND(name) &kr_select_kind_##name,
#include "eelt/select_kinds.def"
#undef KR_SELECT_KIND
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const kr_select_kind *kr_select_find(const char *name) {
    for (int k = 0; name && k < KINDS; k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}

const char *kr_select_rule_name(int index) { return index >= 0 && index < KINDS ? kinds[index]->name : NULL; }
const char *kr_select_rule_summary(int index) { return index >= 0 && index < KINDS ? kinds[index]->summary : NULL; }

/* ---- rankings ---- */

struct kr_ranked {
    double key;
    long frame;
};

static int descending(const void *a, const void *b) {
    const struct kr_ranked *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

kr_status kr_ranking_begin(kr_context *ctx, const kr_pool *pool, kr_select_key key, const void *payload, void **state) {
    kr_status status = KR_OK;
    kr_ranking *made = NULL;
    KR_NEW(ctx, made, 1);
    *state = made; /* the caller ends it, also after a failure */
    KR_NEW(ctx, made->list, (size_t)pool->n + 1);
    made->pool = pool;
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i]) made->list[made->n++] = (struct kr_ranked){key(pool, payload, i), i};
    qsort(made->list, (size_t)made->n, sizeof *made->list, descending);
done:
    return status;
}

void kr_ranking_next(kr_ranking *r, kr_offer *offer) {
    *offer = (kr_offer){.frame = -1, .atom = -1};
    if (r->at == r->n) return;
    offer->frame = r->list[r->at].frame;
    offer->score = r->list[r->at++].key;
    offer->atom = r->pool->meta[offer->frame].atom;
}

void kr_ranking_end(void **state) {
    kr_ranking *ranking = *state;
    if (!ranking) return;
    kr_free(ranking->list);
    kr_free(ranking);
    *state = NULL;
}
