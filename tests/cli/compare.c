/* compare ABSOLUTE RELATIVE A B: two text files have the same words and numbers within |a − b| ≤ ABSOLUTE +
 * RELATIVE·|b|. Prints the first difference and the largest error.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int next_word(FILE *file, char word[256]) { return fscanf(file, "%255s", word) == 1; }

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    double absolute = atof(argv[1]), relative = atof(argv[2]), largest = 0;
    FILE *a = fopen(argv[3], "r"), *b = fopen(argv[4], "r");
    char u[256], v[256];
    if (!a || !b) {
        printf("%s cannot be read\n", a ? argv[4] : argv[3]);
        return 1;
    }
    for (long n = 1;; n++) {
        int more = next_word(a, u), other = next_word(b, v);
        if (!more && !other) {
            if (n == 1) printf("%s is empty\n", argv[3]);
            fclose(a);
            fclose(b);
            return n == 1;
        }
        char *end_u = u, *end_v = v;
        double x = more ? strtod(u, &end_u) : 0, y = other ? strtod(v, &end_v) : 0, error = fabs(x - y);
        int numbers = more && other && end_u != u && end_v != v && !*end_u && !*end_v;
        if (numbers && error > largest) largest = error;
        if (numbers ? error <= absolute + relative * fabs(y) : more && other && !strcmp(u, v)) continue;
        printf("%s, word %ld: '%s', in %s '%s'; largest error so far %.3g\n", argv[3], n, more ? u : "(end)", argv[4],
               other ? v : "(end)", largest);
        return 1;
    }
}
