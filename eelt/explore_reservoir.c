/* A random sample of the accurate frames of a run (explore_held.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/explore_held.h"
#include <math.h>
#include <string.h>

kr_status kr_reservoir_create(kr_context *ctx, int room, kr_reservoir *r) {
    kr_status status = KR_OK;
    *r = (kr_reservoir){.room = room};
    KR_NEW(ctx, r->frame, (size_t)room + 1);
    KR_NEW(ctx, r->members, (size_t)room + 1);
    kr_reservoir_clear(r);
done:
    if (status != KR_OK) kr_reservoir_free(r);
    return status;
}

void kr_reservoir_clear(kr_reservoir *r) {
    r->n = 0;
    r->threshold = 1;
    r->stretches = 0;
    r->open_number = -1;
    r->open_members = 0;
    r->open_rank = 1;
    r->open_held = 0;
}

void kr_reservoir_free(kr_reservoir *r) {
    for (int i = 0; r->frame && i <= r->room; i++) kr_held_free(&r->frame[i]);
    kr_held_free(&r->open);
    kr_free(r->frame);
    kr_free(r->members);
    *r = (kr_reservoir){0};
}

/* The open stretch is over: its best frame takes its place among the others, the worst one leaves. */
static void close_stretch(kr_reservoir *r) {
    if (r->open_members == 0) return;
    r->stretches++;
    if (!r->open_held) {
        r->threshold = fmin(r->threshold, r->open_rank);
    } else {
        int at = r->n; /* the array has one place more than room */
        kr_held_swap(&r->frame[at], &r->open);
        r->members[at] = r->open_members;
        for (; at > 0 && r->frame[at].info.rank < r->frame[at - 1].info.rank; at--) {
            int64_t members = r->members[at];
            kr_held_swap(&r->frame[at], &r->frame[at - 1]);
            r->members[at] = r->members[at - 1];
            r->members[at - 1] = members;
        }
        if (r->n < r->room)
            r->n++;
        else
            r->threshold = fmin(r->threshold, r->frame[r->room].info.rank);
    }
    r->open_members = 0;
    r->open_rank = 1;
    r->open_held = 0;
}

kr_status kr_reservoir_offer(kr_context *ctx, kr_reservoir *r, int64_t stretch, double rank,
                             const kr_watch_sample *sample, const kr_watch_verdict *verdict) {
    kr_status status = KR_OK;
    if (stretch != r->open_number) close_stretch(r);
    r->open_number = stretch;
    r->open_members++;
    if (rank >= r->open_rank) goto done;
    r->open_rank = rank;
    /* a stretch whose least rank is above that of a full reservoir cannot enter: no copy */
    r->open_held = r->n < r->room || (r->room > 0 && rank < r->frame[r->room - 1].info.rank);
    if (!r->open_held) goto done;
    KR_TRY(kr_held_set(ctx, &r->open, sample, verdict));
    r->open.info.rank = rank;
done:
    return status;
}

/* 1 / probability that one given frame of a stretch with m accurate frames is in the sample. */
static double weight_of(double threshold, int64_t m) {
    double in = threshold < 1 ? -expm1((double)m * log1p(-threshold)) : 1;
    return (double)m / in;
}

kr_status kr_reservoir_print(kr_context *ctx, const kr_reservoir *r, const char *const *names, kr_string *out) {
    kr_status status = KR_OK;
    /* A copy of the pointers in which the open stretch is closed; the frames themselves are shared. */
    kr_reservoir now = *r;
    now.frame = NULL;
    now.members = NULL;
    KR_NEW(ctx, now.frame, (size_t)r->room + 1);
    KR_NEW(ctx, now.members, (size_t)r->room + 1);
    memcpy(now.frame, r->frame, ((size_t)r->n) * sizeof *now.frame);
    memcpy(now.members, r->members, ((size_t)r->n) * sizeof *now.members);
    close_stretch(&now);
    int64_t last = INT64_MIN;
    for (int k = 0; k < now.n; k++) { /* by step: at most `room` frames, so that a search each time will do */
        int next = -1;
        for (int i = 0; i < now.n; i++)
            if (now.frame[i].info.step > last && (next < 0 || now.frame[i].info.step < now.frame[next].info.step))
                next = i;
        last = now.frame[next].info.step;
        now.frame[next].info.weight = weight_of(now.threshold, now.members[next]);
        KR_TRY(kr_held_print(ctx, &now.frame[next], names, out));
    }
done:
    kr_free(now.frame);
    kr_free(now.members);
    return status;
}

kr_status kr_reservoir_pack(kr_context *ctx, const kr_reservoir *r, kr_string *out) {
    kr_status status = KR_OK;
    KR_TRY(kr_bytes_put(ctx, out, &r->room, sizeof r->room));
    KR_TRY(kr_bytes_put(ctx, out, &r->n, sizeof r->n));
    KR_TRY(kr_bytes_put(ctx, out, &r->threshold, sizeof r->threshold));
    KR_TRY(kr_bytes_put(ctx, out, &r->stretches, sizeof r->stretches));
    KR_TRY(kr_bytes_put(ctx, out, &r->open_number, sizeof r->open_number));
    KR_TRY(kr_bytes_put(ctx, out, &r->open_members, sizeof r->open_members));
    KR_TRY(kr_bytes_put(ctx, out, &r->open_rank, sizeof r->open_rank));
    KR_TRY(kr_bytes_put(ctx, out, &r->open_held, sizeof r->open_held));
    for (int i = 0; i < r->n; i++) {
        KR_TRY(kr_bytes_put(ctx, out, &r->members[i], sizeof r->members[i]));
        KR_TRY(kr_held_pack(ctx, &r->frame[i], out));
    }
    if (r->open_held) KR_TRY(kr_held_pack(ctx, &r->open, out));
done:
    return status;
}

kr_status kr_reservoir_unpack(kr_context *ctx, kr_reservoir *r, kr_bytes *bytes) {
    kr_status status = KR_OK;
    int room, n;
    kr_bytes_take(bytes, &room, sizeof room);
    kr_bytes_take(bytes, &n, sizeof n);
    if (!bytes->bad && room != r->room)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "the run was begun with a reservoir of %d frames, now it is %d", room, r->room);
    if (n < 0 || n > r->room) bytes->bad = 1, n = 0;
    kr_bytes_take(bytes, &r->threshold, sizeof r->threshold);
    kr_bytes_take(bytes, &r->stretches, sizeof r->stretches);
    kr_bytes_take(bytes, &r->open_number, sizeof r->open_number);
    kr_bytes_take(bytes, &r->open_members, sizeof r->open_members);
    kr_bytes_take(bytes, &r->open_rank, sizeof r->open_rank);
    kr_bytes_take(bytes, &r->open_held, sizeof r->open_held);
    for (r->n = 0; r->n < n && !bytes->bad; r->n++) {
        kr_bytes_take(bytes, &r->members[r->n], sizeof r->members[r->n]);
        KR_TRY(kr_held_unpack(ctx, &r->frame[r->n], bytes));
    }
    if (r->open_held) KR_TRY(kr_held_unpack(ctx, &r->open, bytes));
done:
    return status;
}
