/* Start structures: lattices, slabs, liquids, dimers and files, with alloys, defects, strain and rattling.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * An object {"kind": …} makes one or more structures. The kind makes a shape; what all kinds share changes it, in this
 * order: supercell, composition, vacancies, interstitials, then one frame for each volume and each strain, rattled.
 * All random numbers are functions of `seed` and of the number of the copy. A kind is one const record at the bottom of
 * generate_<kind>.c and one line of generate_kinds.def. docs/exploring.md has all keys. */
#ifndef KR_EELT_GENERATE_H
#define KR_EELT_GENERATE_H

#include "core/frames.h"
#include "core/parameters.h"
#include "core/random.h"
#include "core/tree.h"

/* Appends to the dataset. object: one map, or a list of them; base: folder that file names refer to; where: how the
 * object is called in messages ("explore.systems[0].generate"). */
kr_status kr_generate(kr_context *ctx, const kr_tree *object, const char *base, const char *where, kr_dataset *dataset);

/* ---- for the kinds ---- */

/* One structure. */
typedef struct kr_shape {
    int n;
    int *type;     /* [n] index into the names of the maker */
    double *x;     /* [n][3] Å */
    double box[9]; /* rows; 0 = open */
    unsigned char pbc[3];
} kr_shape;
void kr_shape_free(kr_shape *shape);
/* Room for n atoms, the first ones kept. */
kr_status kr_shape_resize(kr_context *ctx, kr_shape *shape, int n);
kr_status kr_shape_copy(kr_context *ctx, const kr_shape *from, kr_shape *to);

/* Where a kind puts its shapes. */
typedef struct kr_maker {
    kr_names names;
    const char *base, *where;
    kr_stream stream;
    uint64_t copy; /* number of the copy: the "step" of its random numbers */
    int n, room;
    kr_shape *shape; /* [n] */
} kr_maker;
/* A new shape of n atoms at the end; valid until the next call. */
kr_status kr_maker_add(kr_context *ctx, kr_maker *maker, int n, kr_shape **shape);

/* What every kind takes; the first member of its settings. */
typedef struct kr_generate_common {
    const char *kind;
    int64_t seed;
    int replicas, vacancies, interstitials, strain_count;
    const char *interstitial;
    const kr_tree *supercell, *composition, *volumes, *strains;
    double strain_max, rattle;
} kr_generate_common;

/* Rows of the table of a kind whose settings begin with `kr_generate_common common`. */
#define KR_GENERATE_ROW(settings, key, kind_, field, ...) \
    { .name = key, .type = KR_PARAMETER_##kind_, .offset = offsetof(settings, common.field), __VA_ARGS__ }
#define KR_GENERATE_COMMON(settings)                                                                      \
    KR_GENERATE_ROW(settings, "kind", TEXT, kind, .help = "bulk, slab, liquid, dimer or files"),          \
        KR_GENERATE_ROW(settings, "seed", LONG, seed, .initial = "0", .range = ">= 0",                    \
                        .help = "of all that is random"),                                                 \
        KR_GENERATE_ROW(settings, "replicas", INT, replicas, .initial = "1", .range = ">= 1",             \
                        .help = "copies with other random numbers"),                                      \
        KR_GENERATE_ROW(settings, "supercell", INTS, supercell, .initial = "null", .range = ">= 1",       \
                        .help = "repetitions along the three edges"),                                     \
        KR_GENERATE_ROW(settings, "composition", TREE, composition, .initial = "null",                    \
                        .help = "{element: fraction}: elements are put on the sites at random"),          \
        KR_GENERATE_ROW(settings, "vacancies", INT, vacancies, .initial = "0", .range = ">= 0",           \
                        .help = "atoms that are taken out at random"),                                    \
        KR_GENERATE_ROW(settings, "interstitials", INT, interstitials, .initial = "0", .range = ">= 0",   \
                        .help = "atoms that are put into holes"),                                         \
        KR_GENERATE_ROW(settings, "interstitial", TEXT, interstitial, .initial = "null",                  \
                        .help = "their element; default: that of the first atom"),                        \
        KR_GENERATE_ROW(settings, "volumes", TREE, volumes, .initial = "null",                            \
                        .help = "factors of the volume, one frame for each"),                             \
        KR_GENERATE_ROW(settings, "strains", TREE, strains, .initial = "null",                            \
                        .help = "list of [xx, yy, zz, yz, xz, xy], one frame for each"),                  \
        KR_GENERATE_ROW(settings, "strain_max", REAL, strain_max, .initial = "0.03", .range = "[0, 0.5]", \
                        .help = "largest component of random strains"),                                   \
        KR_GENERATE_ROW(settings, "strain_count", INT, strain_count, .initial = "0", .range = ">= 0",     \
                        .help = "number of random strains, one frame for each"),                          \
        KR_GENERATE_ROW(settings, "rattle_A", REAL, rattle, .initial = "0", .range = ">= 0", .unit = "A", \
                        .help = "standard deviation of random displacements, each component")

typedef struct kr_generate_kind {
    const char *name, *summary;
    const kr_parameter *table;
    size_t size; /* of the settings */
    int random;  /* its shapes differ from copy to copy */
    kr_status (*make)(kr_context *ctx, const void *settings, kr_maker *maker);
} kr_generate_kind;
int kr_generate_count(void);
const kr_generate_kind *kr_generate_at(int index);

/* Changes (generate_modify.c). */
kr_status kr_shape_repeat(kr_context *ctx, kr_shape *shape, const int times[3]);
kr_status kr_shape_alloy(kr_context *ctx, kr_maker *maker, kr_shape *shape, const kr_tree *composition);
kr_status kr_shape_vacancies(kr_context *ctx, const kr_maker *maker, kr_shape *shape, int count);
kr_status kr_shape_interstitials(kr_context *ctx, kr_maker *maker, kr_shape *shape, int count, const char *element);
/* x → (1 + e) x of atoms and cell; e in Voigt order xx yy zz yz xz xy, shears are e_ab + e_ba. */
void kr_shape_strain(kr_shape *shape, const double voigt[6]);
void kr_shape_rattle(const kr_maker *maker, kr_shape *shape, double sigma, uint64_t which);
/* Numbers of atoms that come nearest to the fractions {element: fraction}, [*n] with names in the maker. */
kr_status kr_generate_counts(kr_context *ctx, kr_maker *maker, const kr_tree *composition, int natoms, int *n,
                             int **type, int **count);

/* A number or a list of them, all >= least; *values by kr_free, *n = 0 for an absent one. */
kr_status kr_generate_numbers(kr_context *ctx, const kr_maker *maker, const char *key, const kr_tree *given,
                              double least, int *n, double **values);

/* Lattices (generate_lattice.c). */
typedef struct kr_lattice {
    double primitive[9], conventional[9]; /* rows, Å */
    int nbasis;
    double basis[2][3]; /* Å, of the primitive cell */
} kr_lattice;
#define KR_LATTICE_WORDS "fcc|bcc|hcp|sc|diamond"
kr_status kr_lattice_set(kr_context *ctx, int which, double a, double c_over_a, kr_lattice *lattice);

#endif
