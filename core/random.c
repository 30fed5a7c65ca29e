/* Counter-based random numbers.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Philox4x64-10 of Random123: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#include "core/random.h"
#include "core/elementary.h"
#include <Random123/philox.h>
#include <math.h>

void kr_random_block(const uint64_t counter[4], const uint64_t key[2], uint64_t word[4]) {
    philox4x64_ctr_t c = {{counter[0], counter[1], counter[2], counter[3]}};
    philox4x64_key_t k = {{key[0], key[1]}};
    philox4x64_ctr_t r = philox4x64(c, k);
    for (int i = 0; i < 4; i++) word[i] = r.v[i];
}

static void words(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t repeat, uint64_t word[4]) {
    const uint64_t counter[4] = {step, entity, draw, repeat}, key[2] = {stream.seed, stream.purpose};
    kr_random_block(counter, key, word);
}

/* Neither 0 nor 1 can occur: with 53 bits the largest midpoint would round to 1. */
static double to_unit(uint64_t word) { return ((double)(word >> 12) + 0.5) * 0x1p-52; }

void kr_random_words(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t word[4]) {
    words(stream, step, entity, draw, 0, word);
}

double kr_random_uniform(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw) {
    uint64_t word[4];
    words(stream, step, entity, draw, 0, word);
    return to_unit(word[0]);
}

void kr_random_normal(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, double normal[4]) {
    uint64_t word[4];
    words(stream, step, entity, draw, 0, word);
    for (int i = 0; i < 4; i += 2) {
        double radius = sqrt(-2 * log(to_unit(word[i]))), angle = 6.283185307179586477 * to_unit(word[i + 1]);
        normal[i] = radius * cos(angle);
        normal[i + 1] = radius * sin(angle);
    }
}

void kr_random_normals(kr_stream stream, int n, const uint64_t (*counter)[4], double *normal) {
    enum { BLOCK = 32 };
    const kr_elementary *functions = kr_elementary_fastest();
    const uint64_t key[2] = {stream.seed, stream.purpose};
    uint64_t a[2 * BLOCK], b[2 * BLOCK], word[4];
    double first[2 * BLOCK], second[2 * BLOCK];
    for (int from = 0; from < n; from += BLOCK) {
        int some = n - from < BLOCK ? n - from : BLOCK;
        for (int i = 0; i < some; i++) {
            kr_random_block(counter[from + i], key, word);
            a[2 * i] = word[0];
            b[2 * i] = word[1];
            a[2 * i + 1] = word[2];
            b[2 * i + 1] = word[3];
        }
        functions->normals(2 * (size_t)some, a, b, first, second);
        for (int i = 0; i < 2 * some; i++) {
            normal[4 * (long)from + 2 * i] = first[i];
            normal[4 * (long)from + 2 * i + 1] = second[i];
        }
    }
}

uint64_t kr_random_below(kr_stream stream, uint64_t step, uint64_t entity, uint64_t draw, uint64_t n) {
    if (n <= 1) return 0;
    /* The largest multiple of n that fits 64 bits; words from there on would favour small results. 2^64 mod n in
     * 64 bits is (2^64 − n) mod n. */
    uint64_t rest = (0 - n) % n, limit = UINT64_MAX - rest;
    for (uint64_t repeat = 0;; repeat++) {
        uint64_t word[4];
        words(stream, step, entity, draw, repeat, word);
        for (int i = 0; i < 4; i++)
            if (word[i] <= limit) return word[i] % n;
    }
}
