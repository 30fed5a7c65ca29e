/* Pairs of atoms within a distance, for statistics and pictures (models bring their own neighbour lists).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_PAIRS_H
#define KR_CLI_PAIRS_H

#include <kramers/system.h>

/* r = x_j + image − x_i, Å; r2 = |r|². Every pair comes twice, from i and from j; images of one atom are pairs too. */
typedef void (*cli_pair_fn)(int i, int j, double r2, const double r[3], void *payload);

/* All pairs nearer than rmax in a frame, also when the cell is smaller than rmax; any cell shape, mixed boundaries. */
void cli_pairs(int n, const double *x /* [n][3] */, const double *box /* [9] */, const unsigned char pbc[3],
               double rmax, cli_pair_fn fn, void *payload);
/* Shortest distance in a frame; `guess` > 0 is where to begin (any value gives the same result). 0 = no pair. */
double cli_shortest_distance(int n, const double *x, const double *box, const unsigned char pbc[3], double guess);

#endif
