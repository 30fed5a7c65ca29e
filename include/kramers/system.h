/* Systems: frames of one composition with their labels, and the file formats they live in.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Units: Å, eV, eV/Å; virial in eV, component [3a+b] = force component a times coordinate b (W = Σ f_a r_b,
 * positive trace = repulsive). Cell vectors are the rows of `box`. */
#ifndef KRAMERS_SYSTEM_H
#define KRAMERS_SYSTEM_H

#include <kramers/context.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, "file stem", per_atom, components (0 = given by the data), "unit")
 * model_devi: max, min and average of devi_v, the same of devi_f, devi_e. */
#define KR_LABEL_LIST(X)                      \
    X(ENERGY, "energy", 0, 1, "eV")           \
    X(FORCE, "force", 1, 3, "eV/A")           \
    X(VIRIAL, "virial", 0, 9, "eV")           \
    X(ATOM_ENER, "atom_ener", 1, 1, "eV")     \
    X(ATOM_VIRIAL, "atom_virial", 1, 9, "eV") \
    X(ATOM_PREF, "atom_pref", 1, 1, "1")      \
    X(FPARAM, "fparam", 0, 0, "user")         \
    X(APARAM, "aparam", 1, 0, "user")         \
    X(VELOCITY, "velocity", 1, 3, "A/ps")     \
    X(MASS, "mass", 1, 1, "amu")              \
    X(NUMB_COPY, "numb_copy", 0, 1, "1")      \
    X(MODEL_DEVI, "model_devi", 0, 7, "eV, eV/A")

typedef enum kr_label {
#define KR_LABEL_ENUM(name, stem, per_atom, components, unit) KR_LABEL_##name,
    KR_LABEL_LIST(KR_LABEL_ENUM)
#undef KR_LABEL_ENUM
        KR_LABEL_COUNT
} kr_label;

const char *kr_label_name(kr_label label); /* the file stem, "energy" … */
int kr_label_per_atom(kr_label label);
const char *kr_label_unit(kr_label label);

/* Frames with one atom count, one type map and one kind of boundary. Plain data: readers fill it, users may too
 * (memory through kr_system_create / kr_system_set_label, released by kr_system_destroy). */
typedef struct kr_system {
    char *name;                    /* where it came from: "path", "file.hdf5#/group" */
    int natoms, nframes;           /* atoms per frame (padding included when mixed) */
    int ntypes;                    /* entries of type_map; 0 when the names are unknown */
    char **type_map;               /* [ntypes] element names */
    int mixed;                     /* 0: type[natoms]; 1: type[nframes][natoms] */
    int *type;                     /* index into type_map; -1 = virtual atom (mixed padding) */
    unsigned char pbc[3];          /* periodic along each cell vector; all 0 = open (box may be 0) */
    double *coord;                 /* [nframes][natoms][3] Å */
    double *box;                   /* [nframes][9] Å, rows are cell vectors; zero for open systems */
    int width[KR_LABEL_COUNT];     /* components per frame or per atom of a present label */
    double *label[KR_LABEL_COUNT]; /* [nframes][width] or [nframes][natoms][width]; NULL = absent everywhere */
    uint32_t *has;                 /* [nframes] bit (1u << label) set where the frame carries that label */
} kr_system;

/* A list of systems in file order. */
typedef struct kr_dataset {
    int nsystems;
    kr_system **system; /* [nsystems] owned */
} kr_dataset;

/* All arrays zero, no labels. type_map may be NULL (names unknown) and is copied. */
kr_status kr_system_create(kr_context *ctx, const char *name, int natoms, int nframes, int ntypes,
                           const char *const *type_map, int mixed, kr_system **system);
void kr_system_destroy(kr_system **system);
/* Makes room for a label (zeroed, has-bits cleared) with `width` components; keeps it when it is there already. */
kr_status kr_system_set_label(kr_context *ctx, kr_system *system, kr_label label, int width);
/* Changes the number of frames; new ones are zero. */
kr_status kr_system_resize(kr_context *ctx, kr_system *system, int nframes);
/* Types of one frame: [natoms]. */
const int *kr_system_types(const kr_system *system, int frame);

kr_status kr_dataset_create(kr_context *ctx, kr_dataset **dataset);
void kr_dataset_destroy(kr_dataset **dataset);
/* Takes the system (also on failure it stays the caller's); *system is nulled on success. */
kr_status kr_dataset_append(kr_context *ctx, kr_dataset *dataset, kr_system **system);

/* Reads what `path` names and finds the format by itself:
 *   folder with type.raw      deepmd/npy, npy/mixed (real_atom_types.npy) or raw (coord.raw)
 *   folder without            every system below it (recursive search for type.raw, sorted)
 *   file.hdf5#/group | .h5    deepmd/hdf5 (without # every system in the file)
 *   .xyz .extxyz              extended XYZ        .data .lmp .lammps   LAMMPS data
 *   .dump .lammpstrj          LAMMPS dump (text)      .poscar .vasp POSCAR* CONTCAR*   POSCAR
 * `format` overrides: "npy", "mixed", "raw", "hdf5", "extxyz", "lammps-data", "lammps-dump", "poscar"; NULL = find out.
 * `elements` [nelements] names the numeric types of LAMMPS files (type 1 = elements[0]); NULL when not needed. */
kr_status kr_dataset_read(kr_context *ctx, const char *path, const char *format, int nelements,
                          const char *const *elements, kr_dataset **dataset);
/* Writes to a temporary name, syncs, renames. The format follows from `format` or the suffix; a path without a
 * suffix is a deepmd/npy folder. An existing target is replaced only when `overwrite` is non-zero. */
kr_status kr_dataset_write(kr_context *ctx, const kr_dataset *dataset, const char *path, const char *format,
                           int overwrite);

/* Fails as kr_dataset_write would when no format belongs to the name; to ask before long work. */
kr_status kr_dataset_writable(kr_context *ctx, const char *path, const char *format);

#ifdef __cplusplus
}
#endif
#endif
