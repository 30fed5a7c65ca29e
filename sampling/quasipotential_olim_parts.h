/* Ordered line integrals: what the front (quasipotential_olim.c) and the updates (…_update.c) share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_QUASIPOTENTIAL_OLIM_PARTS_H
#define KR_SAMPLING_QUASIPOTENTIAL_OLIM_PARTS_H

#include "sampling/quasipotential.h"

enum { KR_OLIM_UNKNOWN, KR_OLIM_CONSIDERED, KR_OLIM_FRONT, KR_OLIM_ACCEPTED };

/* Where a value came from: corners of a simplex of known nodes, `count` of them, with their weights. */
typedef struct kr_olim_base {
    int count;
    long node[3];
    double weight[3];
} kr_olim_base;

typedef struct kr_olim_front {
    const kr_problem *problem;
    kr_olim *r;
    int dim;
    long n, stride[3];
    long fstride[3];         /* of the grid of midpoints, 2 n_k − 1 nodes */
    double h[3], inverse[3]; /* steps and 1/√a: everything is in the coordinates x_k/√a_k */
    double *f;               /* [midpoints][dim] drift */
    unsigned char *state;    /* [n] */
    double *one;             /* [n] best value by a single node … */
    long *best;              /* … and which one, −1: none */
    kr_olim_base *base;      /* [n] */
    long *heap, heap_size, *place;
} kr_olim_front;

/* A front on its way, with the nodes that updates reach. */
/* Nodes within the radius, relative to one: the shift of node and midpoint, and the segment from there to it. */
typedef struct kr_olim_reach {
    int p[3];
    long shift, fshift;
    double d[3], length;
} kr_olim_reach;

typedef struct kr_olim_work {
    kr_olim_front o;
    long nreach;
    kr_olim_reach *reach;
    int naround;
    int around[26][3];
    const double *from;    /* the attractor */
    const double *hessian; /* of V there */
    const double *covariance;
    const kr_olim *inner; /* solution in a smaller box, NULL: there is none */
} kr_olim_work;

/* Lowers the value of a node that is not known yet and puts it into the heap. Values without a base are final. */
void kr_olim_lower(kr_olim_front *o, long node, double u, const kr_olim_base *base);
/* Accepts nodes in order of U until none is left; *edge: the least U on the edge of the box. */
kr_status kr_olim_march(kr_context *ctx, kr_olim_work *w, double *edge);
/* Value of node x by the straight segment from a point of the simplex of the nodes y [count], the best point inside;
 * INFINITY when the best point is on its boundary. count = 1: the node itself. */
double kr_olim_update(const kr_olim_front *o, long x, int count, const long *y, kr_olim_base *base);
/* The value of x from its base along a curved path (a cubic through both ends, of least action), by Boole's rule. */
kr_status kr_olim_refine(kr_context *ctx, const kr_olim_front *o, long x, double *value);
/* Index of node x in dimension k. */
static inline long kr_olim_index(const kr_olim_front *o, long x, int k) { return x / o->stride[k] % o->r->n[k]; }

#endif
