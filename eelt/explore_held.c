/* Frames that a watch keeps.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/explore_held.h"
#include "core/error.h"
#include "core/memory.h"
#include <string.h>

kr_status kr_held_set(kr_context *ctx, kr_held *h, const kr_watch_sample *s, const kr_watch_verdict *verdict) {
    kr_status status = KR_OK;
    size_t n = (size_t)s->natoms;
    KR_TRY(kr_buffer_reserve(ctx, &h->type, n + 1, sizeof(int)));
    KR_TRY(kr_buffer_reserve(ctx, &h->x, 3 * n + 1, sizeof(double)));
    h->natoms = s->natoms;
    if (n) memcpy(h->type.data, s->type, n * sizeof(int));
    if (n) memcpy(h->x.data, s->x, 3 * n * sizeof(double));
    h->has_box = s->box != NULL;
    memset(h->box, 0, sizeof h->box);
    if (s->box) memcpy(h->box, s->box, sizeof h->box);
    for (int c = 0; c < 3; c++) h->pbc[c] = s->box ? (s->pbc ? s->pbc[c] != 0 : 1) : 0;
    h->info = (kr_explored){.step = s->step,
                            .frame_class = verdict->sample_class,
                            .reason = verdict->reason,
                            .deviation = s->deviation,
                            .rank = -1,
                            .weight = 1};
done:
    return status;
}

void kr_held_swap(kr_held *a, kr_held *b) {
    kr_held c = *a;
    *a = *b;
    *b = c;
}

void kr_held_free(kr_held *h) {
    kr_buffer_free(&h->type);
    kr_buffer_free(&h->x);
}

static kr_status put_real(kr_context *ctx, kr_string *out, const char *before, double value) {
    char text[32];
    kr_status status = kr_string_puts(ctx, out, before);
    return status == KR_OK ? kr_string_puts(ctx, out, kr_format_real(value, text)) : status;
}

kr_status kr_held_print(kr_context *ctx, const kr_held *h, const char *const *names, kr_string *out) {
    kr_status status = KR_OK;
    const kr_explored *e = &h->info;
    const double devi[KR_MODEL_DEVI_KEYS] = {e->deviation.max_v, e->deviation.min_v, e->deviation.avg_v,
                                             e->deviation.max_f, e->deviation.min_f, e->deviation.avg_f,
                                             e->deviation.devi_e};
    const double *x = h->x.data;
    const int *type = h->type.data;
    KR_TRY(kr_string_printf(ctx, out, "%d\n", h->natoms));
    for (int c = 0; c < 9 && h->has_box; c++) KR_TRY(put_real(ctx, out, c ? " " : "Lattice=\"", h->box[c]));
    KR_TRY(kr_string_printf(ctx, out, "%sProperties=species:S:1:pos:R:3 step=%lld class=%s", h->has_box ? "\" " : "",
                            (long long)e->step, kr_class_word(e->frame_class)));
    if (e->frame_class == KR_CLASS_FAILED) KR_TRY(kr_string_printf(ctx, out, " reason=%s", kr_end_word(e->reason)));
    if (e->rank >= 0) {
        KR_TRY(put_real(ctx, out, " rank=", e->rank));
        KR_TRY(put_real(ctx, out, " weight=", e->weight));
    }
    for (int k = 0; k < KR_MODEL_DEVI_KEYS; k++) {
        KR_TRY(kr_string_printf(ctx, out, " %s", kr_model_devi_key[k]));
        KR_TRY(put_real(ctx, out, "=", devi[k]));
    }
    KR_TRY(kr_string_printf(ctx, out, " pbc=\"%c %c %c\"\n", "FT"[h->pbc[0]], "FT"[h->pbc[1]], "FT"[h->pbc[2]]));
    for (int i = 0; i < h->natoms; i++) {
        KR_TRY(kr_string_puts(ctx, out, names[type[i]]));
        for (int c = 0; c < 3; c++) KR_TRY(put_real(ctx, out, " ", x[3 * (size_t)i + c]));
        KR_TRY(kr_string_puts(ctx, out, "\n"));
    }
done:
    return status;
}

/* ---- bytes ---- */

kr_status kr_bytes_put(kr_context *ctx, kr_string *out, const void *data, size_t n) {
    return kr_string_append(ctx, out, data, n);
}

void kr_bytes_take(kr_bytes *bytes, void *data, size_t n) {
    if (bytes->bad || bytes->left < n) {
        bytes->bad = 1;
        memset(data, 0, n);
        return;
    }
    memcpy(data, bytes->next, n);
    bytes->next += n;
    bytes->left -= n;
}

kr_status kr_held_pack(kr_context *ctx, const kr_held *h, kr_string *out) {
    kr_status status = KR_OK;
    size_t n = (size_t)h->natoms;
    KR_TRY(kr_bytes_put(ctx, out, &h->info, sizeof h->info));
    KR_TRY(kr_bytes_put(ctx, out, &h->natoms, sizeof h->natoms));
    KR_TRY(kr_bytes_put(ctx, out, &h->has_box, sizeof h->has_box));
    KR_TRY(kr_bytes_put(ctx, out, h->box, sizeof h->box));
    KR_TRY(kr_bytes_put(ctx, out, h->pbc, sizeof h->pbc));
    if (n) KR_TRY(kr_bytes_put(ctx, out, h->type.data, n * sizeof(int)));
    if (n) KR_TRY(kr_bytes_put(ctx, out, h->x.data, 3 * n * sizeof(double)));
done:
    return status;
}

kr_status kr_held_unpack(kr_context *ctx, kr_held *h, kr_bytes *bytes) {
    kr_status status = KR_OK;
    kr_bytes_take(bytes, &h->info, sizeof h->info);
    kr_bytes_take(bytes, &h->natoms, sizeof h->natoms);
    kr_bytes_take(bytes, &h->has_box, sizeof h->has_box);
    kr_bytes_take(bytes, h->box, sizeof h->box);
    kr_bytes_take(bytes, h->pbc, sizeof h->pbc);
    if (bytes->bad || h->natoms < 0 || (size_t)h->natoms > bytes->left / (3 * sizeof(double))) {
        bytes->bad = 1;
        h->natoms = 0;
        return KR_OK;
    }
    size_t n = (size_t)h->natoms;
    KR_TRY(kr_buffer_reserve(ctx, &h->type, n + 1, sizeof(int)));
    KR_TRY(kr_buffer_reserve(ctx, &h->x, 3 * n + 1, sizeof(double)));
    kr_bytes_take(bytes, h->type.data, n * sizeof(int));
    kr_bytes_take(bytes, h->x.data, 3 * n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        const int *type = h->type.data;
        if (type[i] < 0 || type[i] >= bytes->ntypes) bytes->bad = 1;
    }
done:
    return status;
}
