/* All frames of a dataset in one table: elements by name, compositions, fingerprints, shortest distances.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_FRAME_TABLE_H
#define KR_CORE_FRAME_TABLE_H

#include <kramers/system.h>

enum { KR_FINGERPRINT = 84 }; /* numbers per frame */

typedef struct kr_frame_row {
    int system, frame;
    int natoms;         /* real atoms */
    int composition;    /* frames with the same ratio of elements have the same number */
    int finite;         /* positions and cell are finite numbers and the cell has a volume: what follows is valid */
    double shortest;    /* Å, up to the cutoff of the fingerprint; INFINITY when farther */
    int closest[2];     /* atoms of that pair */
    double norm, place; /* length of the fingerprint, mean of its numbers */
} kr_frame_row;

typedef struct kr_frame_table {
    int nframes, nelements, ncompositions;
    char **element;      /* [nelements] names, in order of first appearance */
    int **type;          /* [nsystems][types of the system] → element */
    int *count;          /* [nframes][nelements] */
    kr_frame_row *row;   /* [nframes] */
    double *fingerprint; /* [nframes][KR_FINGERPRINT]; NULL when not asked for */
    int nsystems;
} kr_frame_table;

/* Total number of frames. */
int kr_dataset_frames(const kr_dataset *dataset);
/* With fingerprints also the shortest distances; over threads, the same bits for any number. */
kr_status kr_frame_table_create(kr_context *ctx, const kr_dataset *dataset, int fingerprints, kr_frame_table **table);
void kr_frame_table_destroy(kr_frame_table **table);
/* |a − b| / √((|a|² + |b|²)/2) of two frames' fingerprints. */
double kr_frame_table_difference(const kr_frame_table *table, int a, int b);
/* group[i] = smallest index of the frames connected to i by differences below the tolerance. Calls near (may be NULL)
 * once for every such pair a < b, in ascending order of b for each a … of the sorted sweep. */
kr_status kr_frame_table_group(kr_context *ctx, const kr_frame_table *table, double tolerance, int *group,
                               kr_status (*near)(kr_context *ctx, void *payload, int a, int b), void *payload);
/* Disjoint sets, the smallest member is the name. */
int kr_group_find(int *parent, int i);
void kr_group_unite(int *parent, int a, int b);

#endif
