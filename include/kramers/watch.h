/* Watching a run: the class of every sampled frame, the frames worth keeping, and when the run must end.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * One kr_watch sees the samples of one run in order, from whatever moves the atoms. Class of a sample: failed when it
 * is not finite, atoms are lost, the temperature or the volume leaves its limits, atoms are closer than a fraction of
 * their covalent radii, or a level is at or above its `hi`; else candidate when a level is at or above its `lo`; else
 * accurate. What it writes (docs/exploring.md): every candidate, a random sample of the accurate frames, a few failed
 * ones, the last good one, counts and a histogram. Units: Å, eV, eV/Å, K. */
#ifndef KRAMERS_WATCH_H
#define KRAMERS_WATCH_H

#include <kramers/deviation.h>
#include <kramers/examine.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a sample failed, and how a run ended. X(NAME, "word in files", "sentence") */
#define KR_END_LIST(X)                                                     \
    X(FINISHED, "finished", "all steps were done")                         \
    X(STOPPED, "stopped", "was asked to stop")                             \
    X(RUNNING, "running", "has not ended")                                 \
    X(DEVIATION, "deviation", "the models disagree too much")              \
    X(NAN, "nan", "a number is not finite")                                \
    X(LOST, "lost_atoms", "atoms were lost")                               \
    X(TEMPERATURE, "temperature", "the temperature left its limits")       \
    X(VOLUME, "volume", "the volume per atom left its limits")             \
    X(CLOSE, "close_contact", "two atoms are closer than the radii allow") \
    X(CRASHED, "crashed", "the program that moves the atoms broke off")
typedef enum kr_end {
#define KR_END_ENUM(name, word, sentence) KR_END_##name,
    KR_END_LIST(KR_END_ENUM)
#undef KR_END_ENUM
        KR_END_COUNT
} kr_end;

const char *kr_end_word(kr_end end);
const char *kr_end_text(kr_end end);

/* Histogram of u = max_f: KR_WATCH_DECADE bins per factor ten from KR_WATCH_LEAST on; what lies below falls into the
 * first bin, what lies above into the last. Lower edge of bin b: KR_WATCH_LEAST · 10^(b / KR_WATCH_DECADE). */
#define KR_WATCH_LEAST 1e-4
#define KR_WATCH_DECADE 10
#define KR_WATCH_BINS 60

typedef struct kr_watch_options {
    double f_lo, f_hi;                     /* eV/Å, levels of the largest force deviation; INFINITY = off */
    double v_lo, v_hi;                     /* eV, levels of the largest virial deviation per atom; INFINITY = off */
    int reservoir;                         /* accurate frames that are kept */
    int64_t correlation;                   /* steps; at most one accurate frame is kept of each stretch of so many */
    int stop;                              /* the run ends after so many failed samples in a row; 0 = never */
    int failed_frames;                     /* failed frames that are kept (the first ones of each row of failures) */
    double temperature_lo, temperature_hi; /* K */
    double volume_factor;                  /* largest factor by which the volume per atom may change; 0 = any */
    double closest;     /* least distance of two atoms over the sum of their covalent radii; 0 = any */
    uint64_t seed;      /* of the choice of accurate frames */
    const char *folder; /* where files go */
    const char *candidates, *accurate, *failed, *last_good, *summary; /* file names in it */
} kr_watch_options;
/* Levels off, reservoir 20, correlation 1, stop 5, failed 4, 0 K to infinity, factor 3, closest 0.5, folder ".",
 * candidates.xyz, accurate_sample.xyz, failed.xyz, last_good.xyz, examine.json. */
void kr_watch_defaults(kr_watch_options *options);

typedef struct kr_watch_sample {
    int64_t step;
    int natoms;
    const int *type;          /* [natoms] index into the names given at creation */
    const double *x;          /* [natoms][3] Å, NULL when atoms are lost */
    const double *box;        /* [9] Å, rows; NULL = open */
    const unsigned char *pbc; /* [3]; NULL = periodic everywhere when there is a box */
    kr_deviation deviation;   /* eV, eV/Å */
    double temperature;       /* K */
    int64_t lost;             /* atoms that are missing */
} kr_watch_sample;

typedef struct kr_watch_verdict {
    kr_class sample_class;
    kr_end reason; /* of a failed sample */
    int stop;      /* the run must end now */
} kr_watch_verdict;

typedef struct kr_watch_counts {
    int64_t sampled, by_class[KR_CLASS_COUNT];
    int64_t first_step, last_step; /* of the samples; −1 = none */
    int64_t histogram[KR_WATCH_BINS];
    int64_t in_row; /* failed samples at the end */
} kr_watch_counts;

typedef struct kr_watch kr_watch;

/* names [ntypes]: element symbols. All is copied. */
kr_status kr_watch_create(kr_context *ctx, const kr_watch_options *options, int ntypes, const char *const *names,
                          kr_watch **watch);
void kr_watch_destroy(kr_watch **watch);
/* Forgets everything and removes what an earlier run left in the folder: the run begins. */
kr_status kr_watch_begin(kr_context *ctx, kr_watch *watch);
/* A sample at or before the last one's step is ignored (verdict of an accurate one). */
kr_status kr_watch_take(kr_context *ctx, kr_watch *watch, const kr_watch_sample *sample, kr_watch_verdict *verdict);
void kr_watch_get_counts(const kr_watch *watch, kr_watch_counts *counts);
/* The run ended at `step`: all files under their final names. FINISHED becomes the reason of the last failure when
 * that is what stopped it. */
kr_status kr_watch_end(kr_context *ctx, kr_watch *watch, int64_t step, kr_end end);

/* The state for a restart file: new memory (kr_watch_free_state), `bytes` long. */
kr_status kr_watch_pack(kr_context *ctx, const kr_watch *watch, void **state, size_t *bytes);
void kr_watch_free_state(void *state);
/* Instead of kr_watch_begin: goes on from there; candidates that were written later are removed from the file. */
kr_status kr_watch_unpack(kr_context *ctx, kr_watch *watch, const void *state, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
