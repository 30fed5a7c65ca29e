/* Collected statistics of labelled structures; elements are identified by name over all systems.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_STATS_H
#define KR_CLI_STATS_H

#include "cli.h"

typedef struct cli_range {
    double n, least, most, sum, square;
} cli_range;

typedef struct cli_element {
    char *name;
    long atoms;
    cli_range force, atom_energy;
    int *neighbours;              /* [nelements] most within the cutoff */
    double radial[2], angular[2]; /* sums of s, s² and of the three s·x/r together, their squares */
} cli_element;

typedef struct cli_stats {
    int nelements;
    cli_element *element;
    cli_range energy, virial; /* per atom */
    double min_distance;      /* 0 = no pair yet */
} cli_stats;

void cli_range_add(cli_range *range, double value);
/* Index of an element; a new name is added. */
int cli_stats_element(cli_stats *stats, const char *name);
/* Element of every type of every system, [nsystems][types], and room for the neighbour counts. */
int **cli_stats_maps(cli_stats *stats, const kr_dataset *data, const cli_names *names);
/* DeePMD-kit's "auto": the most neighbours of this element, times 1.1, up to a multiple of 4. */
int cli_suggested_sel(const cli_stats *stats, int element);
void cli_stats_free(cli_stats *stats, int **maps, int nsystems);
/* Frames that are equal in every bit of atoms, positions and cell. */
void cli_print_duplicates(const kr_dataset *data);

#endif
