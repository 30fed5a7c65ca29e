/* Counter-based random streams (Random123 Philox4x64-10): key = {seed, purpose}, counter = {step, entity, draw}.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The same four numbers give the same draw anywhere: restart is exact, results do not depend on threads or order. */
#ifndef KR_CORE_RANDOM_H
#define KR_CORE_RANDOM_H

#include <stdint.h>

typedef struct kr_stream {
    uint64_t seed, purpose;
} kr_stream;

/* Four uniform 64-bit words. */
void kr_random_words(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t word[4]);
/* Uniform in the open interval (0, 1). */
double kr_random_uniform(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw);
/* Four standard normals (Box–Muller). */
void kr_random_normal(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, double normal[4]);
/* Uniform integer in [0, n), without modulo bias. n ≥ 1. */
uint64_t kr_random_below(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t n);

#endif
