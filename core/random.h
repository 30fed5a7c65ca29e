/* Counter-based random streams (Random123 Philox4x64-10): key = {seed, purpose}, counter = {step, entity, draw}.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The same numbers give the same draw anywhere: restart is exact, results do not depend on threads or order.
 *
 * seed     chosen by the user of a run          step    time step, batch, iteration
 * purpose  one fixed number for each use        entity  atom, frame, walker, parameter
 *          (initial velocities, noise, shuffle)  draw    which of several calls for the same entity and step
 * The fourth word of the counter is the library's own, 0 except when a draw must be repeated (kr_random_below). Two
 * calls with the same five numbers are the same draw, also of different functions: give each its own `draw`. */
#ifndef KR_CORE_RANDOM_H
#define KR_CORE_RANDOM_H

#include <stdint.h>

typedef struct kr_stream {
    uint64_t seed, purpose;
} kr_stream;

/* The bare generator: ten rounds of Philox on a 256-bit counter with a 128-bit key. */
void kr_random_block(const uint64_t counter[4], const uint64_t key[2], uint64_t word[4]);
/* Four uniform 64-bit words. */
void kr_random_words(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t word[4]);
/* Uniform in the open interval (0, 1): the midpoints of 2^52 equal intervals. */
double kr_random_uniform(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw);
/* Four standard normals (Box–Muller; none beyond 8.6). */
void kr_random_normal(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, double normal[4]);
/* The same for n draws at once, several times faster: normal [n][4] for counter [n] = {step, entity, draw, 0}. To the
 * last digits as kr_random_normal; its own bits are those of any n, order, machine. */
void kr_random_normals(kr_stream stream, int n, const uint64_t (*counter)[4], double *normal);
/* Uniform integer in [0, n), without modulo bias. n = 0 gives 0. */
uint64_t kr_random_below(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t n);

#endif
