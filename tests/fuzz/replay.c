/* Sound files and simple damages of them through every reader: replay TARGET SEED…
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Damages: cut at many lengths; single bytes set to 0, 0xff, a digit or a minus; numbers made huge; runs of bytes
 * swapped. Deterministic. What is found by real fuzzing (preset fuzz) is kept in tests/fuzz/found and replayed too. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;
static uint64_t next(void) { /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static long replay(const kr_fuzz_target *target, const uint8_t *seed, size_t size, int damages) {
    static const uint8_t values[] = {0, 0xff, '9', '-', 'e', ' ', '\n', 0x80};
    uint8_t *data = malloc(size + 32);
    long count = 1;
    if (!data) return 0;
    kr_fuzz_one(target, seed, size);
    for (int k = 0; k < damages; k++, count++) {
        size_t length = size;
        memcpy(data, seed, size);
        if (size < 4) break;
        switch (k % 4) {
        case 0:
            length = next() % size;
            break;
        case 1:
            data[next() % size] = values[next() % sizeof values];
            break;
        case 2: { /* a huge number in place of a digit */
            size_t at = next() % size;
            while (at < size && (data[at] < '0' || data[at] > '9')) at++;
            if (at < size) {
                memmove(data + at + 18, data + at, size - at);
                memcpy(data + at, "999999999999999999", 18);
                length = size + 18;
            }
            break;
        }
        default: {
            size_t run = 1 + next() % (size / 2), a = next() % (size - run), b = next() % (size - run);
            memmove(data + a, seed + b, run);
        }
        }
        kr_fuzz_one(target, data, length);
    }
    free(data);
    return count;
}

int main(int argc, char **argv) {
    const kr_fuzz_target *target = kr_fuzz_targets;
    long count = 0;
    while (argc > 1 && target->name && strcmp(target->name, argv[1])) target++;
    if (argc < 3 || !target->name) {
        fprintf(stderr, "usage: replay TARGET SEED…\n");
        return 2;
    }
    for (int k = 2; k < argc; k++) {
        size_t size = 0;
        char *seed = kr_fuzz_load(argv[k], &size);
        if (!seed) {
            fprintf(stderr, "%s cannot be read\n", argv[k]);
            return 1;
        }
        count += replay(target, (const uint8_t *)seed, size, strstr(argv[k], "/found/") ? 0 : 60);
        free(seed);
    }
    printf("%s: %ld inputs\n", target->name, count);
    return 0;
}
