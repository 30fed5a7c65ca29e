/* LAMMPS data files: reader.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Title; header lines that end in a keyword, in any order; sections. Atom styles atomic, charge, bond, angle,
 * molecular, full from "Atoms # style", else from the number of columns. Names of types: the caller's elements,
 * Atom Type Labels, comments of Masses ("1 15.999 # O"), the mass itself; without any the system has no type map.
 * Image flags do not matter for a periodic frame. Source: LAMMPS manual, read_data. */
#include "core/elements.h"
#include "core/error.h"
#include "core/formats.h"
#include "core/lammps_cell.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT "%s:%ld: "
#define HERE(r) (r)->where, (r)->lines.number

enum { TYPES = 1024, NAME = 32 };

typedef enum section { HEADER, ATOMS, VELOCITIES, MASSES, LABELS, OTHER } section;

typedef struct atom_row {
    int64_t id;
    int type; /* from 1 */
    double value[3];
} atom_row;

typedef struct data_reader {
    kr_context *ctx;
    const char *where;
    kr_lines lines;
    int64_t natoms, ntypes;
    double lo[3], hi[3], tilt[3], general[9];
    int seen_bounds, seen_vectors; /* bit per axis */
    kr_lammps_units units;
    char style[16];
    int id_columns; /* columns before x, 0 = not known yet */
    int type_column;
    atom_row *atom, *velocity;
    int64_t natom_rows, nvelocity_rows;
    double mass[TYPES];
    char mass_name[TYPES][NAME], label[TYPES][NAME];
} data_reader;

static kr_status bad(data_reader *r, kr_word word, const char *expected) {
    char show[64];
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "'%s', expected %s", HERE(r), kr_word_show(word, show, sizeof show),
                    expected);
}

/* Splits "values # comment"; both trimmed. */
static kr_word cut_comment(kr_word line, kr_word *comment) {
    const char *mark = memchr(line.text, '#', line.n);
    *comment = (kr_word){line.text + line.n, 0};
    if (mark) {
        *comment = kr_word_trim((kr_word){mark + 1, (size_t)(line.text + line.n - mark - 1)});
        line.n = (size_t)(mark - line.text);
    }
    return kr_word_trim(line);
}

static kr_status take_real(data_reader *r, kr_word *rest, double *value) {
    kr_word word;
    if (!kr_word_next(rest, &word)) return bad(r, word, "one more number");
    if (!kr_word_real(word, value) || !isfinite(*value)) return bad(r, word, "a finite number");
    return KR_OK;
}

static kr_status take_int(data_reader *r, kr_word *rest, int64_t low, int64_t high, int64_t *value) {
    kr_word word;
    char expected[64];
    if (kr_word_next(rest, &word) && kr_word_int(word, value) && *value >= low && *value <= high) return KR_OK;
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)low, (long long)high);
    return bad(r, word, expected);
}

/* ---- header ---- */

static int ends_with(kr_word line, const char *words) {
    size_t n = strlen(words);
    return line.n > n && memcmp(line.text + line.n - n, words, n) == 0 &&
           (line.text[line.n - n - 1] == ' ' || line.text[line.n - n - 1] == '\t');
}

static kr_status read_reals(data_reader *r, kr_word line, int n, double *value) {
    kr_status status = KR_OK;
    for (int i = 0; i < n; i++) KR_TRY(take_real(r, &line, &value[i]));
done:
    return status;
}

static kr_status read_bounds(data_reader *r, kr_word line, int axis) {
    kr_status status = KR_OK;
    double bound[2];
    KR_TRY(read_reals(r, line, 2, bound));
    if (!(bound[1] > bound[0])) return bad(r, line, "lo below hi");
    r->lo[axis] = bound[0];
    r->hi[axis] = bound[1];
    r->seen_bounds |= 1 << axis;
done:
    return status;
}

static kr_status read_header_line(data_reader *r, kr_word line) {
    static const char *const bounds[3] = {"xlo xhi", "ylo yhi", "zlo zhi"}, *const vectors[3] = {"avec", "bvec",
                                                                                                 "cvec"};
    kr_word rest = line;
    for (int k = 0; k < 3; k++) {
        if (ends_with(line, bounds[k])) return read_bounds(r, line, k);
        if (!ends_with(line, vectors[k])) continue;
        r->seen_vectors |= 1 << k;
        return read_reals(r, line, 3, r->general + 3 * k);
    }
    if (ends_with(line, "xy xz yz")) return read_reals(r, line, 3, r->tilt);
    if (ends_with(line, "atom types")) return take_int(r, &rest, 1, TYPES, &r->ntypes);
    if (ends_with(line, "atoms")) return take_int(r, &rest, 1, INT_MAX / 16, &r->natoms);
    return KR_OK; /* bonds, angles, extra room … */
}

/* ---- sections ---- */

static const struct {
    const char *name;
    int before; /* columns before x */
    int type;   /* column of the type */
} styles[] = {{"atomic", 2, 1}, {"charge", 3, 1}, {"bond", 3, 2}, {"angle", 3, 2}, {"molecular", 3, 2}, {"full", 4, 2}};
enum { NSTYLES = sizeof styles / sizeof *styles };

static kr_status set_style(data_reader *r, kr_word name) {
    for (int i = 0; i < NSTYLES; i++)
        if (kr_word_is(name, styles[i].name)) {
            r->id_columns = styles[i].before;
            r->type_column = styles[i].type;
            return KR_OK;
        }
    char show[32];
    return KR_ERROR(r->ctx, KR_ERR_UNSUPPORTED,
                    AT "atom style '%s', supported atomic, charge, bond, angle, molecular, full", HERE(r),
                    kr_word_show(name, show, sizeof show));
}

/* Without a style comment: 5 columns (8 with image flags) are atomic, 7 (10) full; 6 (9) are charge or molecular,
 * told apart by the third column: a type is an integer from 1 to ntypes, a charge hardly ever. */
static kr_status guess_style(data_reader *r, kr_word line) {
    int n = kr_word_count(line);
    kr_word word = {NULL, 0}, rest = line;
    int64_t third;
    if (n == 5 || n == 8) return set_style(r, (kr_word){"atomic", 6});
    if (n == 7 || n == 10) return set_style(r, (kr_word){"full", 4});
    if (n != 6 && n != 9) {
        kr_status status = bad(r, line, "5 to 10 columns of an atom");
        kr_error_hint(r->ctx, "name the atom style: 'Atoms # full'");
        return status;
    }
    for (int i = 0; i < 3; i++) kr_word_next(&rest, &word);
    int is_type = kr_word_int(word, &third) && third >= 1 && third <= r->ntypes;
    return set_style(r, is_type ? (kr_word){"molecular", 9} : (kr_word){"charge", 6});
}

/* The type with this label, 0 when there is none. */
static int labelled(const data_reader *r, kr_word word) {
    for (int t = 0; t < r->ntypes; t++)
        if (*r->label[t] && kr_word_is(word, r->label[t])) return t + 1;
    return 0;
}

static kr_status find_type(data_reader *r, kr_word word, int *type) {
    int64_t number;
    *type = labelled(r, word);
    if (*type) return KR_OK;
    if (!kr_word_int(word, &number)) return bad(r, word, "a type number or one of the Atom Type Labels");
    if (number < 1 || number > r->ntypes) return bad(r, word, "a type from 1 to the number of atom types");
    *type = (int)number;
    return KR_OK;
}

static kr_status read_atom(data_reader *r, kr_word line) {
    kr_status status = KR_OK;
    kr_word rest = line, word;
    if (r->id_columns == 0) KR_TRY(guess_style(r, line));
    if (r->natom_rows == r->natoms) return bad(r, line, "no more atoms than the header says");
    atom_row *row = &r->atom[r->natom_rows];
    KR_TRY(take_int(r, &rest, 0, INT64_MAX / 2, &row->id));
    for (int c = 1; c < r->id_columns; c++) {
        if (!kr_word_next(&rest, &word)) return bad(r, line, "more columns");
        if (c == r->type_column) KR_TRY(find_type(r, word, &row->type));
    }
    KR_TRY(read_reals(r, rest, 3, row->value));
    r->natom_rows++;
done:
    return status;
}

static kr_status read_velocity(data_reader *r, kr_word line) {
    kr_status status = KR_OK;
    if (r->nvelocity_rows == r->natoms) return bad(r, line, "no more velocities than atoms");
    atom_row *row = &r->velocity[r->nvelocity_rows];
    KR_TRY(take_int(r, &line, 0, INT64_MAX / 2, &row->id));
    KR_TRY(read_reals(r, line, 3, row->value));
    r->nvelocity_rows++;
done:
    return status;
}

static void copy_name(char name[NAME], kr_word word) { kr_word_show(word, name, NAME); }

static kr_status read_mass(data_reader *r, kr_word line, kr_word comment) {
    kr_status status = KR_OK;
    kr_word word;
    int type;
    double mass;
    if (!kr_word_next(&line, &word)) return KR_OK;
    KR_TRY(find_type(r, word, &type));
    KR_TRY(take_real(r, &line, &mass));
    r->mass[type - 1] = mass;
    if (kr_word_next(&comment, &word)) copy_name(r->mass_name[type - 1], word);
done:
    return status;
}

static kr_status read_label(data_reader *r, kr_word line) {
    kr_status status = KR_OK;
    kr_word word;
    int64_t type;
    KR_TRY(take_int(r, &line, 1, r->ntypes, &type));
    if (!kr_word_next(&line, &word)) return bad(r, word, "a type label");
    copy_name(r->label[type - 1], word);
done:
    return status;
}

/* Room for the rows of a section, once the header is known. */
static kr_status make_rows(data_reader *r, atom_row **rows) {
    if (*rows) return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "the section occurs twice", HERE(r));
    if (r->natoms < 1 || r->ntypes < 1)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "the header lacks 'N atoms' or 'N atom types'", HERE(r));
    size_t left = (size_t)(r->lines.end - r->lines.next) + 1;
    if ((size_t)r->natoms > left / 8) /* a row has four columns of one letter at least */
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "%lld atoms, but only %zu bytes are left in the file", HERE(r),
                        (long long)r->natoms, left - 1);
    *rows = kr_calloc(r->ctx, (size_t)r->natoms, sizeof **rows);
    return *rows ? KR_OK : KR_ERR_MEMORY;
}

/* A line that begins with a letter opens a section. */
static kr_status open_section(data_reader *r, kr_word line, kr_word comment, section *now) {
    kr_status status = KR_OK;
    kr_word style;
    *now = OTHER;
    if (kr_word_is(line, "Atoms")) {
        *now = ATOMS;
        KR_TRY(make_rows(r, &r->atom));
        if (kr_word_next(&comment, &style)) KR_TRY(set_style(r, style));
    } else if (kr_word_is(line, "Velocities")) {
        *now = VELOCITIES;
        KR_TRY(make_rows(r, &r->velocity));
    } else if (kr_word_is(line, "Masses")) {
        *now = MASSES;
    } else if (kr_word_is(line, "Atom Type Labels")) {
        *now = LABELS;
    }
done:
    return status;
}

static kr_status read_line(data_reader *r, kr_word raw, section *now) {
    kr_word comment, line = cut_comment(raw, &comment);
    if (line.n == 0) return KR_OK;
    char c = line.text[0];
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        kr_word rest = line, first;
        kr_word_next(&rest, &first);
        /* a row of Masses may begin with a type label */
        if (*now != MASSES || !labelled(r, first)) return open_section(r, line, comment, now);
    }
    switch (*now) {
    case HEADER:
        return read_header_line(r, line);
    case ATOMS:
        return read_atom(r, line);
    case VELOCITIES:
        return read_velocity(r, line);
    case MASSES:
        return read_mass(r, line, comment);
    case LABELS:
        return read_label(r, line);
    case OTHER:
        break;
    }
    return KR_OK;
}

/* ---- the system ---- */

static int by_id(const void *a, const void *b) {
    int64_t i = ((const atom_row *)a)->id, j = ((const atom_row *)b)->id;
    return (i > j) - (i < j);
}

static kr_status check_rows(data_reader *r, atom_row *rows, int64_t n, const char *what) {
    if (n != r->natoms)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: %lld rows in %s, expected %lld as the header says", r->where,
                        (long long)n, what, (long long)r->natoms);
    qsort(rows, (size_t)n, sizeof *rows, by_id);
    for (int64_t i = 1; i < n; i++)
        if (rows[i].id == rows[i - 1].id)
            return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: atom %lld occurs twice in %s", r->where, (long long)rows[i].id,
                            what);
    return KR_OK;
}

static kr_status find_box(data_reader *r, double box[9]) {
    if (r->seen_vectors == 7) {
        memcpy(box, r->general, sizeof r->general);
    } else {
        if (r->seen_bounds != 7)
            return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: the header lacks one of xlo xhi, ylo yhi, zlo zhi", r->where);
        const double cell[9] = {r->hi[0] - r->lo[0], 0, 0, r->tilt[0], r->hi[1] - r->lo[1], 0, r->tilt[1], r->tilt[2],
                                r->hi[2] - r->lo[2]};
        memcpy(box, cell, sizeof cell);
    }
    double volume = kr_box_volume(box);
    if (!(volume > 0) || !isfinite(volume))
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: the box has volume %g", r->where, volume);
    return KR_OK;
}

static const char *name_of(const data_reader *r, const kr_read_options *options, int64_t t) {
    if (t < options->nelements) return options->elements[t];
    if (*r->label[t]) return r->label[t];
    if (*r->mass_name[t]) return r->mass_name[t];
    return kr_element_symbol(r->mass[t] > 0 ? kr_element_of_mass(r->mass[t], 0.02) : 0);
}

/* map [ntypes]: index into names. Types with the same name become one; one unknown name leaves all without. */
static kr_status find_names(data_reader *r, const kr_read_options *options, kr_names *names, int *map) {
    kr_status status = KR_OK;
    int known = 1;
    if (options->nelements > 0 && options->nelements < r->ntypes)
        return KR_ERROR(r->ctx, KR_ERR_ARGUMENT, "%s: %lld atom types, but %d elements were named", r->where,
                        (long long)r->ntypes, options->nelements);
    for (int64_t t = 0; t < r->ntypes; t++) known &= name_of(r, options, t) != NULL;
    for (int64_t t = 0; t < r->ntypes; t++) {
        const char *name = name_of(r, options, t);
        map[t] = (int)t;
        if (known) KR_TRY(kr_names_add(r->ctx, names, name, strlen(name), &map[t]));
    }
    if (!known) kr_log(r->ctx, KR_LOG_WARNING, "%s: elements of the atom types are not known; name them", r->where);
done:
    return status;
}

static kr_status fill_velocities(data_reader *r, kr_system *system) {
    kr_status status = KR_OK;
    KR_TRY(check_rows(r, r->velocity, r->nvelocity_rows, "Velocities"));
    KR_TRY(kr_system_set_label(r->ctx, system, KR_LABEL_VELOCITY, 3));
    system->has[0] |= 1u << KR_LABEL_VELOCITY;
    for (int64_t i = 0; i < r->natoms; i++) {
        if (r->velocity[i].id != r->atom[i].id)
            KR_FAIL(r->ctx, KR_ERR_FORMAT, "%s: no velocity of atom %lld", r->where, (long long)r->atom[i].id);
        for (int k = 0; k < 3; k++)
            system->label[KR_LABEL_VELOCITY][3 * i + k] = r->velocity[i].value[k] * r->units.velocity;
    }
done:
    return status;
}

static kr_status make_system(data_reader *r, const kr_read_options *options, kr_dataset *dataset) {
    kr_status status = KR_OK;
    kr_system *system = NULL;
    kr_names names = {0, NULL};
    int *map = NULL;
    if (!r->atom) KR_FAIL(r->ctx, KR_ERR_FORMAT, "%s: no section Atoms", r->where);
    KR_TRY(check_rows(r, r->atom, r->natom_rows, "Atoms"));
    KR_NEW(r->ctx, map, (size_t)r->ntypes);
    KR_TRY(find_names(r, options, &names, map));
    KR_TRY(kr_system_create(r->ctx, r->where, (int)r->natoms, 1, names.n, (const char *const *)names.name, 0, &system));
    KR_TRY(find_box(r, system->box));
    memset(system->pbc, 1, 3);
    for (int64_t i = 0; i < r->natoms; i++) {
        system->type[i] = map[r->atom[i].type - 1];
        memcpy(system->coord + 3 * i, r->atom[i].value, sizeof r->atom[i].value);
    }
    if (r->velocity) KR_TRY(fill_velocities(r, system));
    KR_TRY(kr_dataset_append(r->ctx, dataset, &system));
done:
    kr_free(map);
    kr_names_clear(&names);
    kr_system_destroy(&system);
    return status;
}

/* write_data puts "units = real" into the title. */
static kr_status read_title(data_reader *r, kr_word title) {
    kr_word word, next;
    r->units = (kr_lammps_units){1, 1};
    while (kr_word_next(&title, &word))
        if (kr_word_is(word, "units") && kr_word_next(&title, &next) && kr_word_is(next, "=") &&
            kr_word_next(&title, &next))
            return kr_lammps_units_of(r->ctx, r->where, next, &r->units);
    return KR_OK;
}

kr_status kr_lammps_data_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                               const kr_read_options *options, kr_dataset *dataset) {
    kr_status status = KR_OK;
    data_reader *r = NULL;
    section now = HEADER;
    kr_word line;
    KR_NEW(ctx, r, 1);
    r->ctx = ctx;
    r->where = where;
    r->lines = kr_lines_of(text, length);
    if (!kr_lines_next(&r->lines, &line)) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the file is empty", where);
    KR_TRY(read_title(r, line));
    while (kr_lines_next(&r->lines, &line)) KR_TRY(read_line(r, line, &now));
    KR_TRY(make_system(r, options, dataset));
done:
    if (r) {
        kr_free(r->atom);
        kr_free(r->velocity);
    }
    kr_free(r);
    return status;
}

kr_status kr_lammps_data_read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    return kr_text_read(ctx, path, kr_lammps_data_parse, options, dataset);
}
