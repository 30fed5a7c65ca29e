/* Frames that a watch keeps: in memory, as text, as bytes of a restart file.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_EXPLORE_HELD_H
#define KR_EELT_EXPLORE_HELD_H

#include "core/frames.h"
#include "core/text.h"
#include "eelt/explorer.h"

/* A copy of a sample. Arrays grow only. */
typedef struct kr_held {
    kr_explored info;
    int natoms, has_box;
    double box[9];
    unsigned char pbc[3];
    kr_buffer type, x; /* int [natoms], double [natoms][3] */
} kr_held;
kr_status kr_held_set(kr_context *ctx, kr_held *held, const kr_watch_sample *sample, const kr_watch_verdict *verdict);
/* Swaps contents: a frame changes its place without a copy. */
void kr_held_swap(kr_held *a, kr_held *b);
void kr_held_free(kr_held *held);
/* One frame of extended XYZ. */
kr_status kr_held_print(kr_context *ctx, const kr_held *held, const char *const *names, kr_string *out);

/* Bytes out and in. kr_bytes_take gives zeros and sets bad when there are too few. */
typedef struct kr_bytes {
    const unsigned char *next;
    size_t left;
    int bad;
    int ntypes; /* of the frames */
} kr_bytes;
kr_status kr_bytes_put(kr_context *ctx, kr_string *out, const void *data, size_t n);
void kr_bytes_take(kr_bytes *bytes, void *data, size_t n);
kr_status kr_held_pack(kr_context *ctx, const kr_held *held, kr_string *out);
kr_status kr_held_unpack(kr_context *ctx, kr_held *held, kr_bytes *bytes);

/* A random sample of K frames of a run, at most one of each stretch of steps.
 *
 * Every accurate frame gets a random rank in (0, 1), a function of seed and step alone. A stretch is represented by its
 * frame of least rank, and the K stretches of least rank stay. With τ the (K+1)-th least rank of a stretch, a stretch
 * with m accurate frames is in with probability 1 − (1 − τ)^m and each of its frames with 1/m of that: the weight of a
 * frame is the inverse (τ = 1 and weight m while there are no more than K stretches). So weighted means over the sample
 * are means over all accurate frames. (Bottom-k sketches: Cohen, Kaplan, PODC 2007.) */
typedef struct kr_reservoir {
    int room, n;
    kr_held *frame;    /* [room], the first n in use, by rank */
    int64_t *members;  /* [room] accurate frames of its stretch */
    double threshold;  /* τ */
    int64_t stretches; /* that are closed */
    kr_held open;      /* best of the stretch that is open */
    int64_t open_number, open_members;
    double open_rank; /* 1 = none */
    int open_held;    /* the frame is there (it need not be when its rank is too large anyway) */
} kr_reservoir;
kr_status kr_reservoir_create(kr_context *ctx, int room, kr_reservoir *reservoir);
void kr_reservoir_clear(kr_reservoir *reservoir); /* empty, as created */
void kr_reservoir_free(kr_reservoir *reservoir);
kr_status kr_reservoir_offer(kr_context *ctx, kr_reservoir *reservoir, int64_t stretch, double rank,
                             const kr_watch_sample *sample, const kr_watch_verdict *verdict);
/* The frames as they would be if the run ended now, with rank and weight, in the order of steps. */
kr_status kr_reservoir_print(kr_context *ctx, const kr_reservoir *reservoir, const char *const *names, kr_string *out);
kr_status kr_reservoir_pack(kr_context *ctx, const kr_reservoir *reservoir, kr_string *out);
kr_status kr_reservoir_unpack(kr_context *ctx, kr_reservoir *reservoir, kr_bytes *bytes);

#endif
