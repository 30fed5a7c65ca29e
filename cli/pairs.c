/* Pairs of atoms within a distance by a cell list in lattice coordinates.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The cell is divided along its vectors into slabs at least rmax/m thick; the atoms of a bin meet those of the bins up
 * to m away, through the periodic boundary as often as needed. A direction without periodicity is cut to the extent of
 * the atoms. */
#include "pairs.h"
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct lattice {
    double a[9], inverse[9];  /* rows of a = vectors; s = x·inverse */
    double low[3], extent[3]; /* range of s without periodicity; 0, 1 with */
    int bins[3], reach[3];
    unsigned char pbc[3];
} lattice;

static double invert(const double a[9], double inverse[9]) {
    double det = 0;
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        for (int c = 0; c < 3; c++) {
            int d = (c + 1) % 3, e = (c + 2) % 3;
            inverse[3 * c + i] = a[3 * j + d] * a[3 * k + e] - a[3 * j + e] * a[3 * k + d];
        }
    }
    for (int c = 0; c < 3; c++) det += a[c] * inverse[3 * c];
    for (int c = 0; c < 9; c++) inverse[c] /= det;
    return det;
}

static void set_lattice(lattice *l, int n, const double *x, const double *box, const unsigned char pbc[3],
                        double rmax) {
    static const double unit[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    int usable = box && (pbc[0] || pbc[1] || pbc[2]) && invert(box, l->inverse) != 0;
    memcpy(l->pbc, usable ? pbc : (const unsigned char[3]){0, 0, 0}, 3);
    memcpy(l->a, usable ? box : unit, sizeof l->a);
    invert(l->a, l->inverse);
    for (int k = 0; k < 3; k++) {
        double low = INFINITY, high = -INFINITY, column = 0;
        for (int i = 0; i < n && !l->pbc[k]; i++) {
            double s = x[3 * i] * l->inverse[k] + x[3 * i + 1] * l->inverse[3 + k] + x[3 * i + 2] * l->inverse[6 + k];
            low = fmin(low, s);
            high = fmax(high, s);
        }
        l->low[k] = l->pbc[k] || !n ? 0 : low;
        l->extent[k] = l->pbc[k] || !(high > low) ? 1 : (high - low) * (1 + 1e-12);
        for (int c = 0; c < 3; c++) column += l->inverse[3 * c + k] * l->inverse[3 * c + k];
        double height = l->extent[k] / sqrt(column); /* distance of the two faces, Å */
        int most = 1 + (int)cbrt(4.0 * n);           /* no more bins than atoms need */
        l->bins[k] = height / rmax > most ? most : height < rmax ? 1 : (int)(height / rmax);
        l->reach[k] = (int)ceil(rmax * l->bins[k] / height * (1 + 1e-12));
        if (!l->pbc[k] && l->reach[k] > l->bins[k] - 1) l->reach[k] = l->bins[k] - 1;
    }
}

/* Bins, a linked list through the atoms of each, and positions moved into the cell. */
typedef struct bins {
    lattice l;
    int *head, *next, *bin; /* [bins], [n], [n][3] */
    double *x;              /* [n][3] */
} bins;

static void fill_bins(bins *b, int n, const double *x) {
    const lattice *l = &b->l;
    size_t count = (size_t)l->bins[0] * (size_t)l->bins[1] * (size_t)l->bins[2];
    b->head = cli_calloc(count, sizeof *b->head);
    b->next = cli_calloc((size_t)n, sizeof *b->next);
    b->bin = cli_calloc((size_t)n * 3, sizeof *b->bin);
    b->x = cli_calloc((size_t)n * 3, sizeof *b->x);
    memset(b->head, 0xff, count * sizeof *b->head);
    for (int i = n - 1; i >= 0; i--) {
        double s[3];
        int *at = b->bin + 3 * i;
        for (int k = 0; k < 3; k++) {
            s[k] = x[3 * i] * l->inverse[k] + x[3 * i + 1] * l->inverse[3 + k] + x[3 * i + 2] * l->inverse[6 + k];
            if (l->pbc[k]) s[k] -= floor(s[k]);
            at[k] = (int)((s[k] - l->low[k]) / l->extent[k] * l->bins[k]);
            if (at[k] >= l->bins[k]) at[k] = l->bins[k] - 1;
            if (at[k] < 0) at[k] = 0;
        }
        for (int c = 0; c < 3; c++) b->x[3 * i + c] = s[0] * l->a[c] + s[1] * l->a[3 + c] + s[2] * l->a[6 + c];
        int *first =
            &b->head[((size_t)at[0] * (size_t)l->bins[1] + (size_t)at[1]) * (size_t)l->bins[2] + (size_t)at[2]];
        b->next[i] = *first;
        *first = i;
    }
}

/* The bin `offset` away along direction k and the number of cells crossed; 0 when there is none. */
static int step_bin(const lattice *l, int k, int from, int offset, int *to, int *image) {
    int at = from + offset, n = l->bins[k];
    *image = at >= 0 ? at / n : -((n - 1 - at) / n);
    *to = at - *image * n;
    return l->pbc[k] || !*image;
}

static void visit_atom(const bins *b, int i, double rmax2, cli_pair_fn fn, void *payload) {
    const lattice *l = &b->l;
    const int *bin = b->bin + 3 * i;
    int o[3], at[3], image[3];
    for (o[0] = -l->reach[0]; o[0] <= l->reach[0]; o[0]++) {
        if (!step_bin(l, 0, bin[0], o[0], &at[0], &image[0])) continue;
        for (o[1] = -l->reach[1]; o[1] <= l->reach[1]; o[1]++) {
            if (!step_bin(l, 1, bin[1], o[1], &at[1], &image[1])) continue;
            for (o[2] = -l->reach[2]; o[2] <= l->reach[2]; o[2]++) {
                if (!step_bin(l, 2, bin[2], o[2], &at[2], &image[2])) continue;
                double origin[3];
                for (int c = 0; c < 3; c++)
                    origin[c] = image[0] * l->a[c] + image[1] * l->a[3 + c] + image[2] * l->a[6 + c] - b->x[3 * i + c];
                int same = !image[0] && !image[1] && !image[2];
                int j =
                    b->head[((size_t)at[0] * (size_t)l->bins[1] + (size_t)at[1]) * (size_t)l->bins[2] + (size_t)at[2]];
                for (; j >= 0; j = b->next[j]) {
                    double r[3] = {b->x[3 * j] + origin[0], b->x[3 * j + 1] + origin[1], b->x[3 * j + 2] + origin[2]};
                    double r2 = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
                    if (r2 < rmax2 && !(same && j == i)) fn(i, j, r2, r, payload);
                }
            }
        }
    }
}

void cli_pairs(int n, const double *x, const double *box, const unsigned char pbc[3], double rmax, cli_pair_fn fn,
               void *payload) {
    bins b = {0};
    if (n < 1) return;
    set_lattice(&b.l, n, x, box, pbc, rmax);
    fill_bins(&b, n, x);
    for (int i = 0; i < n; i++) visit_atom(&b, i, rmax * rmax, fn, payload);
    free(b.head);
    free(b.next);
    free(b.bin);
    free(b.x);
}

static void keep_least(int i, int j, double r2, const double r[3], void *payload) {
    double *least = payload;
    (void)i;
    (void)j;
    (void)r;
    if (r2 < *least) *least = r2;
}

double cli_shortest_distance(int n, const double *x, const double *box, const unsigned char pbc[3], double guess) {
    double least = INFINITY;
    int periodic = pbc[0] || pbc[1] || pbc[2];
    if (n < 2 && !periodic) return 0;
    for (double r = guess > 0 ? guess * 1.05 : 1.5; !isfinite(least) && r < 1e5; r *= 1.6)
        cli_pairs(n, x, box, pbc, r, keep_least, &least);
    return isfinite(least) ? sqrt(least) : 0;
}
