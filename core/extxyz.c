/* Extended XYZ: reader.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A frame: number of atoms; key=value line; one line per atom with the columns of Properties=name:type:count:….
 * Lattice: rows are cell vectors. Without pbc a frame with Lattice is periodic, one without is open.
 * Units as ASE writes them: Å, eV, eV/Å, eV/Å^3; virial (eV) = −stress · volume; stress with six components in the
 * order xx yy zz yz xz xy, positive under tension. Velocities: velo, vel in Å/fs, velocity in Å/ps, or momenta
 * (ASE: sqrt(eV amu)) over masses. Other keys and columns are skipped. */
#include "core/elements.h"
#include "core/error.h"
#include "core/extxyz_columns.h"
#include "core/extxyz_comment.h"
#include "core/formats.h"
#include "core/frames.h"
#include "core/text.h"
#include <limits.h>
#include <math.h>
#include <string.h>

/* Å/ps per ASE unit of velocity, sqrt(eV/amu) = 98.2269… Å/ps */
static const double ase_velocity = 98.22694788464062;

typedef struct xyz_reader {
    kr_context *ctx;
    const char *where;
    kr_lines lines;
    kr_builder builder;
    kr_comment *comment;
    kr_xyz_columns columns;
    kr_buffer type, coord, momenta, label[KR_LABEL_COUNT];
    double frame_value[KR_LABEL_COUNT][9]; /* labels per frame with a fixed number of components */
    kr_buffer fparam;
} xyz_reader;

#define AT "%s:%ld: "
#define HERE(r) (r)->where, (r)->lines.number

/* ---- the comment line ---- */

static kr_status read_lattice(xyz_reader *r, const kr_word *value, kr_frame *frame) {
    double number[9];
    int n = kr_comment_numbers(*value, 9, number);
    char show[64];
    if (n == 3)
        for (int i = 0; i < 3; i++) frame->box[4 * i] = number[i];
    else if (n == 9)
        memcpy(frame->box, number, sizeof number);
    else
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "Lattice=\"%s\", expected 9 numbers (or 3 edges)", HERE(r),
                        kr_word_show(*value, show, sizeof show));
    for (int i = 0; i < 9; i++)
        if (!isfinite(frame->box[i])) return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "Lattice is not finite", HERE(r));
    return KR_OK;
}

static int read_flag(kr_word word) {
    if (kr_word_is_nocase(word, "T") || kr_word_is_nocase(word, "true") || kr_word_is(word, "1")) return 1;
    if (kr_word_is_nocase(word, "F") || kr_word_is_nocase(word, "false") || kr_word_is(word, "0")) return 0;
    return -1;
}

static kr_status read_pbc(xyz_reader *r, const kr_word *value, kr_frame *frame) {
    kr_word rest = *value, item;
    int n = 0, flag = 0;
    char show[40];
    while (n < 4 && flag >= 0 && kr_comment_item(&rest, &item)) {
        flag = read_flag(item);
        if (n < 3) frame->pbc[n] = flag == 1;
        n++;
    }
    if (n == 1) memset(frame->pbc, frame->pbc[0], 3);
    if (flag < 0 || (n != 3 && n != 1))
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "pbc=\"%s\", expected three of T and F", HERE(r),
                        kr_word_show(*value, show, sizeof show));
    return KR_OK;
}

static kr_status read_cell(xyz_reader *r, kr_frame *frame) {
    kr_status status = KR_OK;
    const kr_word *lattice = kr_comment_get(r->comment, "Lattice"), *pbc = kr_comment_get(r->comment, "pbc");
    if (lattice) KR_TRY(read_lattice(r, lattice, frame));
    memset(frame->pbc, lattice != NULL, 3);
    if (pbc) KR_TRY(read_pbc(r, pbc, frame));
    int periodic = frame->pbc[0] || frame->pbc[1] || frame->pbc[2];
    if (periodic && !lattice) KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "pbc is set, but Lattice is missing", HERE(r));
    if (!periodic) goto done;
    for (int a = 0; a < 3; a++) {
        const double *v = frame->box + 3 * a;
        if (frame->pbc[a] && !(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] > 0))
            KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "cell vector %d is zero along a periodic direction", HERE(r), a + 1);
    }
    if (frame->pbc[0] && frame->pbc[1] && frame->pbc[2] && !(kr_box_volume(frame->box) > 0))
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "Lattice has no volume", HERE(r));
done:
    return status;
}

/* First of the keys that is there; NULL-terminated list. */
static const kr_word *first_of(const kr_comment *comment, const char *const *keys) {
    const kr_word *value = NULL;
    for (; *keys && !value; keys++) value = kr_comment_get(comment, *keys);
    return value;
}

static kr_status bad_value(xyz_reader *r, const char *name, const kr_word *value, const char *expected) {
    char show[64];
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "%s=\"%s\", expected %s", HERE(r), name,
                    kr_word_show(*value, show, sizeof show), expected);
}

/* Six components in Voigt order xx yy zz yz xz xy, or nine. */
static int read_tensor(const kr_word *value, double tensor[9]) {
    static const int voigt[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    double number[9];
    int n = kr_comment_numbers(*value, 9, number);
    if (n != 6 && n != 9) return 0;
    for (int i = 0; i < 9; i++) {
        tensor[i] = n == 9 ? number[i] : number[voigt[i]];
        if (!isfinite(tensor[i])) return 0;
    }
    return 1;
}

static void set_label(kr_frame *frame, kr_label label, const double *data, int width) {
    frame->label[label] = data;
    frame->width[label] = width;
}

static kr_status read_scalars(xyz_reader *r, kr_frame *frame) {
    static const char *const energy_keys[] = {"energy", "free_energy", "REF_energy", "dft_energy", NULL};
    static const char *const copy_keys[] = {"numb_copy", NULL};
    const struct {
        const char *const *keys;
        kr_label label;
    } scalars[] = {{energy_keys, KR_LABEL_ENERGY}, {copy_keys, KR_LABEL_NUMB_COPY}};
    for (int i = 0; i < 2; i++) {
        double *target = r->frame_value[scalars[i].label];
        const kr_word *value = first_of(r->comment, scalars[i].keys);
        if (!value) continue;
        if (kr_comment_numbers(*value, 1, target) != 1 || !isfinite(*target))
            return bad_value(r, scalars[i].keys[0], value, "a finite number");
        set_label(frame, scalars[i].label, target, 1);
    }
    return KR_OK;
}

/* Deviations count when all are there. */
static void read_deviations(xyz_reader *r, kr_frame *frame) {
    double *target = r->frame_value[KR_LABEL_MODEL_DEVI];
    for (int k = 0; k < KR_MODEL_DEVI_KEYS; k++) {
        const kr_word *value = kr_comment_get(r->comment, kr_model_devi_key[k]);
        if (!value || kr_comment_numbers(*value, 1, target + k) != 1 || !isfinite(target[k])) return;
    }
    set_label(frame, KR_LABEL_MODEL_DEVI, target, KR_MODEL_DEVI_KEYS);
}

static kr_status read_frame_labels(xyz_reader *r, kr_frame *frame) {
    static const char *const virial_keys[] = {"virial", "virials", "REF_virial", "dft_virial", NULL};
    static const char *const stress_keys[] = {"stress", "REF_stress", "dft_stress", NULL};
    static const char *const fparam_keys[] = {"fparam", NULL};
    kr_status status = KR_OK;
    KR_TRY(read_scalars(r, frame));
    read_deviations(r, frame);
    double *virial = r->frame_value[KR_LABEL_VIRIAL], volume = kr_box_volume(frame->box);
    const kr_word *value = first_of(r->comment, virial_keys), *stress = first_of(r->comment, stress_keys);
    if (value) {
        if (!read_tensor(value, virial)) return bad_value(r, "virial", value, "6 or 9 finite numbers");
        set_label(frame, KR_LABEL_VIRIAL, virial, 9);
    } else if (stress && frame->pbc[0] && frame->pbc[1] && frame->pbc[2]) {
        if (!read_tensor(stress, virial)) return bad_value(r, "stress", stress, "6 or 9 finite numbers");
        for (int i = 0; i < 9; i++) virial[i] *= -volume;
        set_label(frame, KR_LABEL_VIRIAL, virial, 9);
    }
    value = first_of(r->comment, fparam_keys);
    if (value && value->n > 0) {
        int room = value->n / 2 + 1 < 4096 ? (int)(value->n / 2 + 1) : 4096;
        KR_TRY(kr_buffer_reserve(r->ctx, &r->fparam, (size_t)room, sizeof(double)));
        int n = kr_comment_numbers(*value, room, r->fparam.data);
        if (n < 1 || n > room) return bad_value(r, "fparam", value, "numbers, at most 4096");
        for (int i = 0; i < n; i++)
            if (!isfinite(((double *)r->fparam.data)[i])) return bad_value(r, "fparam", value, "finite numbers");
        set_label(frame, KR_LABEL_FPARAM, r->fparam.data, n);
    }
done:
    return status;
}

/* Does the line claim to be extended XYZ? In plain XYZ it is free text, which need not parse. */
static int is_extended(kr_word line) {
    for (size_t i = 0; i + 8 <= line.n; i++)
        if (kr_word_is_nocase((kr_word){line.text + i, 7}, "Lattice") ||
            (i + 10 <= line.n && kr_word_is_nocase((kr_word){line.text + i, 10}, "Properties")))
            return 1;
    return 0;
}

static kr_status read_comment(xyz_reader *r, kr_word line, kr_frame *frame) {
    kr_status status = KR_OK;
    const char *expected;
    int column = kr_comment_parse(line, r->comment, &expected);
    if (column && is_extended(line))
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s:%ld:%d: expected %s", HERE(r), column, expected);
    if (column) r->comment->n = 0;
    status = kr_xyz_columns_read(r->ctx, kr_comment_get(r->comment, "Properties"), &r->columns);
    if (status < 0) kr_error_prefix(r->ctx, "%s:%ld", HERE(r));
    KR_TRY(status);
    KR_TRY(read_cell(r, frame));
    KR_TRY(read_frame_labels(r, frame));
done:
    return status;
}

/* ---- the atoms ---- */

static kr_status read_species(xyz_reader *r, kr_word word, int by_number, int *type) {
    int64_t z;
    char show[40];
    if (kr_word_int(word, &z)) { /* atomic numbers also stand in species columns */
        const char *symbol = z >= 1 && z <= 118 ? kr_element_symbol((int)z) : NULL;
        if (!symbol)
            return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "atomic number %lld, allowed 1 to 118", HERE(r), (long long)z);
        return kr_names_add(r->ctx, &r->builder.names, symbol, strlen(symbol), type);
    }
    if (by_number || memchr(word.text, 0, word.n) || word.n > 63)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "'%s', expected %s", HERE(r), kr_word_show(word, show, sizeof show),
                        by_number ? "an atomic number" : "an element");
    if (r->builder.names.n >= 1024) return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "more than 1024 elements", HERE(r));
    return kr_names_add(r->ctx, &r->builder.names, word.text, word.n, type);
}

static double *target_of(xyz_reader *r, const kr_xyz_group *g, int atom) {
    double *base = g->role == KR_XYZ_POSITION  ? r->coord.data
                   : g->role == KR_XYZ_MOMENTA ? r->momenta.data
                                               : r->label[g->label].data;
    return base + (size_t)atom * (size_t)g->count;
}

static kr_status read_atom(xyz_reader *r, kr_word line, int atom, int by_number) {
    kr_word word;
    char show[40];
    int *type = r->type.data;
    for (int i = 0; i < r->columns.ngroups; i++) {
        const kr_xyz_group *g = &r->columns.group[i];
        double *target = g->role >= KR_XYZ_POSITION ? target_of(r, g, atom) : NULL;
        for (int c = 0; c < g->count; c++) {
            if (!kr_word_next(&line, &word))
                return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "%d columns, expected %d", HERE(r), g->first + c,
                                r->columns.ncolumns);
            if (g->role == (by_number ? KR_XYZ_NUMBER : KR_XYZ_SPECIES)) {
                kr_status status = read_species(r, word, by_number, &type[atom]);
                if (status != KR_OK) return status;
            } else if (target) {
                if (!kr_word_real(word, &target[c]) || !isfinite(target[c]))
                    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "'%s' in column %d, expected a finite number", HERE(r),
                                    kr_word_show(word, show, sizeof show), g->first + c + 1);
                target[c] *= g->unit;
            }
        }
    }
    return KR_OK;
}

static kr_status reserve(xyz_reader *r, int natoms) {
    kr_status status = KR_OK;
    size_t n = (size_t)natoms;
    KR_TRY(kr_buffer_reserve(r->ctx, &r->type, n, sizeof(int)));
    KR_TRY(kr_buffer_reserve(r->ctx, &r->coord, n, 3 * sizeof(double)));
    KR_TRY(kr_buffer_reserve(r->ctx, &r->momenta, n, 3 * sizeof(double)));
    KR_TRY(kr_buffer_reserve(r->ctx, &r->label[KR_LABEL_VELOCITY], n, 3 * sizeof(double)));
    for (int i = 0; i < r->columns.ngroups; i++)
        if (r->columns.group[i].role == KR_XYZ_LABEL)
            KR_TRY(kr_buffer_reserve(r->ctx, &r->label[r->columns.group[i].label], n,
                                     (size_t)r->columns.group[i].count * sizeof(double)));
done:
    return status;
}

/* Velocities from momenta; all zero means that nobody set them. */
static void use_momenta(xyz_reader *r, kr_frame *frame) {
    const double *p = r->momenta.data, *mass = frame->label[KR_LABEL_MASS];
    double *v = r->label[KR_LABEL_VELOCITY].data;
    int any = 0;
    if (!kr_xyz_columns_have(&r->columns, KR_XYZ_MOMENTA) || !mass || frame->label[KR_LABEL_VELOCITY]) return;
    for (int i = 0; i < 3 * frame->natoms; i++) {
        v[i] = mass[i / 3] > 0 ? p[i] / mass[i / 3] * ase_velocity : 0;
        any |= v[i] != 0;
    }
    if (any) set_label(frame, KR_LABEL_VELOCITY, v, 3);
}

static kr_status read_frame(xyz_reader *r, int natoms) {
    kr_status status = KR_OK;
    kr_frame frame = {.natoms = natoms};
    kr_word line;
    if (!kr_lines_next(&r->lines, &line)) KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "the file ends in a frame", HERE(r));
    KR_TRY(read_comment(r, line, &frame));
    /* every atom needs a line of two letters per column at least (the last one may lack its line end) */
    size_t left = (size_t)(r->lines.end - r->lines.next) + 1, least = 2 * (size_t)r->columns.ncolumns;
    if ((size_t)natoms > left / least)
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "%d atoms, but only %zu bytes are left in the file", HERE(r), natoms,
                left - 1);
    KR_TRY(reserve(r, natoms));
    int by_number = !kr_xyz_columns_have(&r->columns, KR_XYZ_SPECIES);
    for (int i = 0; i < natoms; i++) {
        if (!kr_lines_next(&r->lines, &line))
            KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "the file ends after atom %d of %d", HERE(r), i, natoms);
        KR_TRY(read_atom(r, line, i, by_number));
    }
    frame.type = r->type.data;
    frame.coord = r->coord.data;
    for (int i = 0; i < r->columns.ngroups; i++)
        if (r->columns.group[i].role == KR_XYZ_LABEL)
            set_label(&frame, r->columns.group[i].label, r->label[r->columns.group[i].label].data,
                      r->columns.group[i].count);
    use_momenta(r, &frame);
    KR_TRY(kr_builder_add(r->ctx, &r->builder, &frame));
done:
    return status;
}

kr_status kr_extxyz_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                          const kr_read_options *options, kr_dataset *dataset) {
    kr_status status = KR_OK;
    xyz_reader *r = NULL;
    kr_word line;
    int64_t natoms;
    char show[40];
    (void)options;
    KR_NEW(ctx, r, 1);
    r->ctx = ctx;
    r->where = where;
    r->lines = kr_lines_of(text, length);
    KR_NEW(ctx, r->comment, 1);
    KR_TRY(kr_builder_begin(ctx, where, 0, &r->builder));
    while (kr_lines_next(&r->lines, &line)) {
        line = kr_word_trim(line);
        if (line.n == 0) continue;
        if (!kr_word_int(line, &natoms) || natoms < 1 || natoms > INT_MAX / 16)
            KR_FAIL(ctx, KR_ERR_FORMAT, AT "'%s', expected the number of atoms, 1 to %d", HERE(r),
                    kr_word_show(line, show, sizeof show), INT_MAX / 16);
        KR_TRY(read_frame(r, (int)natoms));
    }
    if (r->builder.dataset->nsystems == 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: no frame in the file", where);
    KR_TRY(kr_builder_finish(ctx, &r->builder, dataset));
done:
    if (r) {
        kr_builder_clear(&r->builder);
        for (int l = 0; l < KR_LABEL_COUNT; l++) kr_buffer_free(&r->label[l]);
        kr_buffer_free(&r->type);
        kr_buffer_free(&r->coord);
        kr_buffer_free(&r->momenta);
        kr_buffer_free(&r->fparam);
        kr_free(r->comment);
    }
    kr_free(r);
    return status;
}

kr_status kr_extxyz_read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    return kr_text_read(ctx, path, kr_extxyz_parse, options, dataset);
}
