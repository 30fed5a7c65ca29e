/* The inside of a kr_watch.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_EXPLORE_WATCH_H
#define KR_EELT_EXPLORE_WATCH_H

#include "core/frames.h"
#include "core/neighbor.h"
#include "eelt/explore_held.h"
#include <stdio.h>

/* Purposes of the random streams of explorations (core/random.h). */
enum {
    KR_EXPLORE_RANK = 0x6578706c00,
    KR_EXPLORE_VELOCITY,
    KR_EXPLORE_NOISE,
    KR_EXPLORE_CELL,
    KR_EXPLORE_MONTE_CARLO,
    KR_EXPLORE_GENERATE,
    KR_EXPLORE_LAMMPS
};

struct kr_watch {
    kr_watch_options options; /* strings are copies */
    kr_names names;
    double *radius; /* [names.n] Å, 0 = unknown */
    kr_watch_counts counts;
    kr_end end;
    kr_end last_reason; /* of the last failed sample */
    int64_t end_step;
    double volume_per_atom;  /* of the first sample; 0 = none */
    int64_t candidate_bytes; /* of the file of candidates */
    FILE *candidates;        /* open "….part"; NULL = not */
    kr_reservoir reservoir;
    kr_held *failed; /* [failed_frames] */
    int nfailed;
    kr_held last_good;
    int has_last_good;
    double written; /* time of the last summary, s */
    kr_neighbors neighbors;
    kr_string text; /* scratch */
};

/* Files (explore_watch_files.c). */
kr_status kr_watch_write_candidate(kr_context *ctx, kr_watch *watch, const kr_held *frame);
/* The summary; all small files too; all of them with sync and the candidates under their final name. */
typedef enum kr_watch_extent { KR_WATCH_SUMMARY, KR_WATCH_FRAMES, KR_WATCH_LAST } kr_watch_extent;
kr_status kr_watch_write(kr_context *ctx, kr_watch *watch, kr_watch_extent extent);
kr_status kr_watch_clean(kr_context *ctx, kr_watch *watch);
/* The file of candidates as it was when it had so many bytes, open for more. */
kr_status kr_watch_rewind(kr_context *ctx, kr_watch *watch, int64_t bytes);

#endif
