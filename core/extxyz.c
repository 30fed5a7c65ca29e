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
#include "core/extxyz_comment.h"
#include "core/formats.h"
#include "core/frames.h"
#include "core/text.h"
#include <limits.h>
#include <math.h>
#include <string.h>

enum { COLUMNS = 512 };

/* Å/ps per ASE unit of velocity, sqrt(eV/amu) = 98.2269… Å/ps */
static const double ase_velocity = 98.22694788464062;

typedef enum role { SKIP, SPECIES, NUMBER, POSITION, MOMENTA, LABEL } role;

/* What stands in consecutive columns. */
typedef struct column_group {
    role role;
    kr_label label;
    int rank; /* of several names for one label the lowest rank is taken */
    double unit;
    int first, count;
} column_group;

typedef struct xyz_reader {
    kr_context *ctx;
    const char *where;
    kr_lines lines;
    kr_builder builder;
    kr_comment *comment;
    column_group group[COLUMNS];
    int ngroups, ncolumns;
    kr_buffer type, coord, momenta, label[KR_LABEL_COUNT];
    double frame_value[KR_LABEL_COUNT][9]; /* labels per frame with a fixed number of components */
    kr_buffer fparam;
} xyz_reader;

#define AT "%s:%ld: "
#define HERE(r) (r)->where, (r)->lines.number

/* ---- what the columns mean ---- */

static const struct {
    const char *name;
    char type; /* R number, S name, I integer */
    int count; /* 0 = any */
    role role;
    kr_label label;
    int rank;
    double unit;
} known_columns[] = {
    {"species", 'S', 1, SPECIES, 0, 0, 1},
    {"element", 'S', 1, SPECIES, 0, 1, 1},
    {"symbols", 'S', 1, SPECIES, 0, 1, 1},
    {"Z", 'I', 1, NUMBER, 0, 0, 1},
    {"numbers", 'I', 1, NUMBER, 0, 1, 1},
    {"atomic_numbers", 'I', 1, NUMBER, 0, 1, 1},
    {"pos", 'R', 3, POSITION, 0, 0, 1},
    {"positions", 'R', 3, POSITION, 0, 1, 1},
    {"forces", 'R', 3, LABEL, KR_LABEL_FORCE, 0, 1},
    {"force", 'R', 3, LABEL, KR_LABEL_FORCE, 1, 1},
    {"REF_forces", 'R', 3, LABEL, KR_LABEL_FORCE, 2, 1},
    {"dft_forces", 'R', 3, LABEL, KR_LABEL_FORCE, 3, 1},
    {"energies", 'R', 1, LABEL, KR_LABEL_ATOM_ENER, 0, 1},
    {"local_energy", 'R', 1, LABEL, KR_LABEL_ATOM_ENER, 1, 1},
    {"atom_virial", 'R', 9, LABEL, KR_LABEL_ATOM_VIRIAL, 0, 1},
    {"atom_pref", 'R', 1, LABEL, KR_LABEL_ATOM_PREF, 0, 1},
    {"aparam", 'R', 0, LABEL, KR_LABEL_APARAM, 0, 1},
    {"velocity", 'R', 3, LABEL, KR_LABEL_VELOCITY, 0, 1},
    {"velocities", 'R', 3, LABEL, KR_LABEL_VELOCITY, 1, 1},
    {"velo", 'R', 3, LABEL, KR_LABEL_VELOCITY, 2, 1000},
    {"vel", 'R', 3, LABEL, KR_LABEL_VELOCITY, 3, 1000},
    {"momenta", 'R', 3, MOMENTA, 0, 0, 1},
    {"masses", 'R', 1, LABEL, KR_LABEL_MASS, 0, 1},
    {"mass", 'R', 1, LABEL, KR_LABEL_MASS, 1, 1},
};

static kr_status bad_properties(xyz_reader *r, kr_word item, const char *expected) {
    char show[64];
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "Properties has '%s', expected %s", HERE(r),
                    kr_word_show(item, show, sizeof show), expected);
}

/* A new group; an older one with the same meaning and a higher rank is dropped, a lower rank wins over the new one. */
static void add_group(xyz_reader *r, kr_word name, char type, int count) {
    column_group g = {SKIP, 0, 0, 1, r->ncolumns, count};
    for (size_t i = 0; i < sizeof known_columns / sizeof *known_columns; i++) {
        if (!kr_word_is(name, known_columns[i].name)) continue;
        int number = known_columns[i].type != 'S' && (type == 'R' || type == 'I');
        if (!(number || type == known_columns[i].type) || (known_columns[i].count && count != known_columns[i].count))
            continue;
        g.role = known_columns[i].role;
        g.label = known_columns[i].label;
        g.rank = known_columns[i].rank;
        g.unit = known_columns[i].unit;
    }
    for (int i = 0; i < r->ngroups && g.role != SKIP; i++) {
        column_group *old = &r->group[i];
        if (old->role != g.role || (g.role == LABEL && old->label != g.label)) continue;
        if (old->rank <= g.rank)
            g.role = SKIP;
        else
            old->role = SKIP;
    }
    r->group[r->ngroups++] = g;
    r->ncolumns += count;
}

static int next_field(kr_word *rest, kr_word *field) {
    if (rest->n == 0) return 0;
    const char *colon = memchr(rest->text, ':', rest->n);
    size_t n = colon ? (size_t)(colon - rest->text) : rest->n;
    *field = (kr_word){rest->text, n};
    *rest = colon ? (kr_word){colon + 1, rest->n - n - 1} : (kr_word){rest->text + n, 0};
    return 1;
}

static int has_role(const xyz_reader *r, role wanted) {
    for (int i = 0; i < r->ngroups; i++)
        if (r->group[i].role == wanted) return 1;
    return 0;
}

static kr_status read_properties(xyz_reader *r, const kr_word *properties) {
    kr_word rest = properties ? *properties : (kr_word){"species:S:1:pos:R:3", 19}, name, type, number;
    int64_t count;
    r->ngroups = r->ncolumns = 0;
    while (next_field(&rest, &name)) {
        if (!next_field(&rest, &type) || !next_field(&rest, &number))
            return bad_properties(r, name, "name:type:count three by three");
        if (type.n != 1 || !strchr("SRIL", *type.text)) return bad_properties(r, type, "a type S, R, I or L");
        if (!kr_word_int(number, &count) || count < 1 || count > COLUMNS - r->ncolumns)
            return bad_properties(r, number, "a count from 1, 512 columns in all");
        add_group(r, name, *type.text, (int)count);
    }
    if (!has_role(r, POSITION)) return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "Properties has no pos:R:3", HERE(r));
    if (!has_role(r, SPECIES) && !has_role(r, NUMBER))
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "Properties has neither species:S:1 nor Z:I:1", HERE(r));
    return KR_OK;
}

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

static kr_status read_frame_labels(xyz_reader *r, kr_frame *frame) {
    static const char *const virial_keys[] = {"virial", "virials", "REF_virial", "dft_virial", NULL};
    static const char *const stress_keys[] = {"stress", "REF_stress", "dft_stress", NULL};
    static const char *const fparam_keys[] = {"fparam", NULL};
    kr_status status = KR_OK;
    KR_TRY(read_scalars(r, frame));
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
    KR_TRY(read_properties(r, kr_comment_get(r->comment, "Properties")));
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

static double *target_of(xyz_reader *r, const column_group *g, int atom) {
    double *base = g->role == POSITION ? r->coord.data : g->role == MOMENTA ? r->momenta.data : r->label[g->label].data;
    return base + (size_t)atom * (size_t)g->count;
}

static kr_status read_atom(xyz_reader *r, kr_word line, int atom, int by_number) {
    kr_word word;
    char show[40];
    int *type = r->type.data;
    for (int i = 0; i < r->ngroups; i++) {
        const column_group *g = &r->group[i];
        double *target = g->role >= POSITION ? target_of(r, g, atom) : NULL;
        for (int c = 0; c < g->count; c++) {
            if (!kr_word_next(&line, &word))
                return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "%d columns, expected %d", HERE(r), g->first + c,
                                r->ncolumns);
            if (g->role == (by_number ? NUMBER : SPECIES)) {
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
    for (int i = 0; i < r->ngroups; i++)
        if (r->group[i].role == LABEL)
            KR_TRY(
                kr_buffer_reserve(r->ctx, &r->label[r->group[i].label], n, (size_t)r->group[i].count * sizeof(double)));
done:
    return status;
}

/* Velocities from momenta; all zero means that nobody set them. */
static void use_momenta(xyz_reader *r, kr_frame *frame) {
    const double *p = r->momenta.data, *mass = frame->label[KR_LABEL_MASS];
    double *v = r->label[KR_LABEL_VELOCITY].data;
    int any = 0;
    if (!has_role(r, MOMENTA) || !mass || frame->label[KR_LABEL_VELOCITY]) return;
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
    size_t left = (size_t)(r->lines.end - r->lines.next) + 1, least = 2 * (size_t)r->ncolumns;
    if ((size_t)natoms > left / least)
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "%d atoms, but only %zu bytes are left in the file", HERE(r), natoms,
                left - 1);
    KR_TRY(reserve(r, natoms));
    int by_number = !has_role(r, SPECIES);
    for (int i = 0; i < natoms; i++) {
        if (!kr_lines_next(&r->lines, &line))
            KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "the file ends after atom %d of %d", HERE(r), i, natoms);
        KR_TRY(read_atom(r, line, i, by_number));
    }
    frame.type = r->type.data;
    frame.coord = r->coord.data;
    for (int i = 0; i < r->ngroups; i++)
        if (r->group[i].role == LABEL)
            set_label(&frame, r->group[i].label, r->label[r->group[i].label].data, r->group[i].count);
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
