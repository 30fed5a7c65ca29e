/* LAMMPS dump files (text): reader.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Items UNITS, TIME, TIMESTEP, NUMBER OF ATOMS, BOX BOUNDS, ATOMS. Positions x, xu (Å) or xs, xsu (fractions of the
 * box); vx vy vz; fx fy fz; mass; element or type; the atoms of a frame are sorted by id. Other columns are skipped:
 * a name such as c_pe does not say what it holds. BOX BOUNDS of a tilted box are those of its bounding box:
 * xlo_bound = xlo + min(0, xy, xz, xy + xz) and so on. Source: LAMMPS manual, dump and "Triclinic boxes". */
#include "core/error.h"
#include "core/formats.h"
#include "core/lammps_cell.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT "%s:%ld: "
#define HERE(r) (r)->where, (r)->lines.number

enum { COLUMNS = 512 };

/* What a column holds; vectors take three consecutive roles. */
typedef enum column_role {
    ID,
    TYPE,
    ELEMENT,
    MASS,
    X,
    XU = X + 3,
    XS = XU + 3,
    XSU = XS + 3,
    V = XSU + 3,
    F = V + 3,
    ROLES = F + 3,
    NONE
} column_role;

static const char *const role_name[ROLES] = {"id", "type", "element", "mass", "x",  "y",   "z",   "xu",
                                             "yu", "zu",   "xs",      "ys",   "zs", "xsu", "ysu", "zsu",
                                             "vx", "vy",   "vz",      "fx",   "fy", "fz"};

typedef struct dump_reader {
    kr_context *ctx;
    const char *where;
    kr_lines lines;
    const kr_read_options *options;
    kr_builder builder;
    int has_names; /* 1 elements are known, 0 only type numbers; −1 no frame yet */
    int64_t natoms;
    int has_box;
    double box[9], origin[3];
    unsigned char pbc[3];
    kr_lammps_units units;
    column_role column[COLUMNS];
    int ncolumns, position; /* role of the first position column */
    unsigned present;       /* bit per role */
    int *type, *order;      /* [natoms] */
    int64_t *id;
    double *coord, *velocity, *force, *mass; /* in file order, then sorted */
    double *sorted;
    size_t room;
} dump_reader;

static kr_status bad(dump_reader *r, kr_word word, const char *expected) {
    char show[64];
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "'%s', expected %s", HERE(r), kr_word_show(word, show, sizeof show),
                    expected);
}

static kr_status next_line(dump_reader *r, kr_word *line) {
    if (kr_lines_next(&r->lines, line)) return KR_OK;
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "the file ends in a frame", HERE(r));
}

/* The three lines of BOX BOUNDS, `n` numbers each. */
static kr_status read_rows(dump_reader *r, int n, double row[3][4]) {
    kr_status status = KR_OK;
    kr_word line, word;
    for (int k = 0; k < 3; k++) {
        KR_TRY(next_line(r, &line));
        for (int i = 0; i < n; i++)
            if (!kr_word_next(&line, &word) || !kr_word_real(word, &row[k][i]) || !isfinite(row[k][i]))
                return bad(r, word, "a finite number in BOX BOUNDS");
    }
done:
    return status;
}

/* "xy xz yz pp pp pp" behind ITEM: BOX BOUNDS: tilts or general vectors, then the boundary of each direction. */
static kr_status read_box(dump_reader *r, kr_word words) {
    kr_status status = KR_OK;
    kr_word word;
    double row[3][4];
    int tilted = 0, general = 0, axis = 0;
    memset(r->pbc, 1, 3);
    while (kr_word_next(&words, &word)) {
        tilted |= kr_word_is(word, "xy");
        general |= kr_word_is(word, "abc");
        if (word.n == 2 && strchr("pfsm", word.text[0]) && strchr("pfsm", word.text[1]) && axis < 3)
            r->pbc[axis++] = word.text[0] == 'p';
    }
    KR_TRY(read_rows(r, general ? 4 : tilted ? 3 : 2, row));
    memset(r->box, 0, sizeof r->box);
    if (general) { /* rows are a, b, c, each with a component of the origin behind it */
        for (int k = 0; k < 3; k++) {
            memcpy(r->box + 3 * k, row[k], 3 * sizeof(double));
            r->origin[k] = row[k][3];
        }
    } else {
        double xy = tilted ? row[0][2] : 0, xz = tilted ? row[1][2] : 0, yz = tilted ? row[2][2] : 0;
        double low = fmin(fmin(0, xy), fmin(xz, xy + xz)), high = fmax(fmax(0, xy), fmax(xz, xy + xz));
        const double lo[3] = {row[0][0] - low, row[1][0] - fmin(0, yz), row[2][0]};
        const double hi[3] = {row[0][1] - high, row[1][1] - fmax(0, yz), row[2][1]};
        for (int k = 0; k < 3; k++) {
            r->origin[k] = lo[k];
            r->box[4 * k] = hi[k] - lo[k];
        }
        r->box[3] = xy;
        r->box[6] = xz;
        r->box[7] = yz;
    }
    double volume = kr_box_volume(r->box);
    if (!(volume > 0) || !isfinite(volume)) KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "the box has volume %g", HERE(r), volume);
    r->has_box = 1;
done:
    return status;
}

static kr_status read_columns(dump_reader *r, kr_word words) {
    kr_word word;
    r->ncolumns = 0;
    r->present = 0;
    r->position = -1;
    while (kr_word_next(&words, &word)) {
        if (r->ncolumns == COLUMNS) return bad(r, word, "at most 512 columns");
        column_role found = NONE;
        for (int i = 0; i < ROLES && found == NONE; i++)
            if (kr_word_is(word, role_name[i])) found = (column_role)i;
        if (found != NONE && r->present >> found & 1) return bad(r, word, "each column once");
        if (found != NONE) r->present |= 1u << found;
        r->column[r->ncolumns++] = found;
    }
    for (int first = XSU; first >= X; first -= 3)
        if ((r->present >> first & 7) == 7) r->position = first;
    if (r->position < 0)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "no complete positions among the columns: x y z, xu, xs or xsu",
                        HERE(r));
    int elements = r->present >> ELEMENT & 1, types = r->present >> TYPE & 1;
    if (!elements && !types)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "neither type nor element among the columns", HERE(r));
    int named = elements || r->options->nelements > 0;
    if (r->has_names >= 0 && named != r->has_names)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "some frames have an element column and some have none", HERE(r));
    r->has_names = named;
    return KR_OK;
}

static kr_status reserve(dump_reader *r) {
    kr_status status = KR_OK;
    size_t n = (size_t)r->natoms, left = (size_t)(r->lines.end - r->lines.next) + 1;
    if (n > left / (2 * (size_t)r->ncolumns)) /* a column takes a letter and a blank at least */
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "%zu atoms, but only %zu bytes are left in the file", HERE(r), n, left - 1);
    if (n <= r->room) return KR_OK;
    r->room = 0;
#define AGAIN(array, count)           \
    do {                              \
        kr_free(array);               \
        KR_NEW(r->ctx, array, count); \
    } while (0)
    AGAIN(r->type, n);
    AGAIN(r->order, n);
    AGAIN(r->id, n);
    AGAIN(r->coord, 3 * n);
    AGAIN(r->velocity, 3 * n);
    AGAIN(r->force, 3 * n);
    AGAIN(r->mass, n);
    AGAIN(r->sorted, 3 * n);
#undef AGAIN
    r->room = n;
done:
    return status;
}

/* Element or type number; a caller's elements go before the element column, whose default is C for everything. */
static kr_status read_type(dump_reader *r, kr_word word, column_role role, int *type) {
    int64_t number;
    char show[40];
    const int nelements = r->options->nelements;
    if (role == ELEMENT) {
        if (memchr(word.text, 0, word.n) || word.n > 31 || r->builder.names.n >= 1024)
            return bad(r, word, "an element name, at most 1024 of them");
        return kr_names_add(r->ctx, &r->builder.names, word.text, word.n, type);
    }
    int limit = nelements > 0 ? nelements : 10000;
    if (!kr_word_int(word, &number) || number < 1 || number > limit)
        return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "type '%s', allowed 1 to %d%s", HERE(r),
                        kr_word_show(word, show, sizeof show), limit, nelements > 0 ? " (elements named)" : "");
    if (nelements > 0) {
        const char *name = r->options->elements[number - 1];
        return kr_names_add(r->ctx, &r->builder.names, name, strlen(name), type);
    }
    *type = (int)number - 1;
    return KR_OK;
}

static kr_status read_atom(dump_reader *r, kr_word line, size_t i) {
    kr_word word;
    column_role type_role =
        (r->present >> ELEMENT & 1) && !(r->options->nelements > 0 && (r->present >> TYPE & 1)) ? ELEMENT : TYPE;
    r->id[i] = (int64_t)i;
    for (int c = 0; c < r->ncolumns; c++) {
        column_role role = r->column[c];
        double *target = NULL;
        kr_status status = KR_OK;
        if (!kr_word_next(&line, &word)) return bad(r, line, "as many columns as ITEM: ATOMS names");
        if (role == NONE) continue;
        if (role == ID && !kr_word_int(word, &r->id[i])) return bad(r, word, "an integer in column id");
        if (role == type_role) status = read_type(r, word, role, &r->type[i]);
        if (status != KR_OK) return status;
        if (role >= (unsigned)r->position && role < (unsigned)r->position + 3)
            target = &r->coord[3 * i + (size_t)role - (size_t)r->position];
        else if (role >= V && role < V + 3)
            target = &r->velocity[3 * i + role - V];
        else if (role >= F && role < F + 3)
            target = &r->force[3 * i + role - F];
        else if (role == MASS)
            target = &r->mass[i];
        if (target && (!kr_word_real(word, target) || !isfinite(*target)))
            return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "%s is '%.*s', expected a finite number", HERE(r),
                            role_name[role], word.n < 40 ? (int)word.n : 40, word.text);
    }
    return KR_OK;
}

/* Fractions of the box → Å. */
static void unscale(dump_reader *r, double *x) {
    double s[3] = {x[0], x[1], x[2]};
    for (int k = 0; k < 3; k++) x[k] = r->origin[k] + s[0] * r->box[k] + s[1] * r->box[3 + k] + s[2] * r->box[6 + k];
}

typedef struct id_index {
    int64_t id;
    int index;
} id_index;

static int by_id(const void *a, const void *b) {
    const id_index *p = a, *q = b;
    return p->id != q->id ? (p->id > q->id) - (p->id < q->id) : p->index - q->index;
}

/* order[i] = row of the atom with the i-th smallest id. */
static kr_status sort_ids(dump_reader *r) {
    kr_status status = KR_OK;
    size_t n = (size_t)r->natoms;
    id_index *list = NULL;
    KR_NEW(r->ctx, list, n);
    for (size_t i = 0; i < n; i++) list[i] = (id_index){r->id[i], (int)i};
    qsort(list, n, sizeof *list, by_id);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && list[i].id == list[i - 1].id)
            KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "atom %lld occurs twice in this frame", HERE(r), (long long)list[i].id);
        r->order[i] = list[i].index;
    }
done:
    kr_free(list);
    return status;
}

static void reorder(dump_reader *r, double *data, size_t width) {
    size_t n = (size_t)r->natoms;
    for (size_t i = 0; i < n; i++)
        memcpy(r->sorted + i * width, data + (size_t)r->order[i] * width, width * sizeof *data);
    memcpy(data, r->sorted, n * width * sizeof *data);
}

static void scale_label(kr_frame *frame, kr_label label, double *data, int width, double unit) {
    for (int i = 0; i < frame->natoms * width; i++) data[i] *= unit;
    frame->label[label] = data;
    frame->width[label] = width;
}

static kr_status finish_frame(dump_reader *r) {
    kr_status status = KR_OK;
    kr_frame frame = {.natoms = (int)r->natoms, .type = r->type, .coord = r->coord};
    KR_TRY(sort_ids(r));
    reorder(r, r->coord, 3);
    reorder(r, r->velocity, 3);
    reorder(r, r->force, 3);
    reorder(r, r->mass, 1);
    for (size_t i = 0; i < (size_t)r->natoms; i++) r->sorted[i] = r->type[r->order[i]];
    for (size_t i = 0; i < (size_t)r->natoms; i++) r->type[i] = (int)r->sorted[i];
    memcpy(frame.box, r->box, sizeof r->box);
    memcpy(frame.pbc, r->pbc, sizeof r->pbc);
    if ((r->present >> V & 7) == 7) scale_label(&frame, KR_LABEL_VELOCITY, r->velocity, 3, r->units.velocity);
    if ((r->present >> F & 7) == 7) scale_label(&frame, KR_LABEL_FORCE, r->force, 3, r->units.force);
    if (r->present >> MASS & 1) scale_label(&frame, KR_LABEL_MASS, r->mass, 1, 1);
    KR_TRY(kr_builder_add(r->ctx, &r->builder, &frame));
done:
    return status;
}

static kr_status read_atoms(dump_reader *r, kr_word words) {
    kr_status status = KR_OK;
    kr_word line;
    if (r->natoms < 1 || !r->has_box)
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "ATOMS without NUMBER OF ATOMS and BOX BOUNDS before", HERE(r));
    KR_TRY(read_columns(r, words));
    KR_TRY(reserve(r));
    for (size_t i = 0; i < (size_t)r->natoms; i++) {
        KR_TRY(next_line(r, &line));
        KR_TRY(read_atom(r, line, i));
        if (r->position >= XS) unscale(r, r->coord + 3 * i);
    }
    KR_TRY(finish_frame(r));
    r->natoms = r->has_box = 0;
done:
    return status;
}

/* Does the item begin with these words? *rest gets what follows. */
static int item_is(kr_word item, const char *words, kr_word *rest) {
    size_t n = strlen(words);
    if (item.n < n || memcmp(item.text, words, n) != 0) return 0;
    *rest = (kr_word){item.text + n, item.n - n};
    return 1;
}

static kr_status read_item(dump_reader *r, kr_word item) {
    kr_status status = KR_OK;
    kr_word rest, line;
    if (item_is(item, "ITEM: ATOMS", &rest)) return read_atoms(r, rest);
    if (item_is(item, "ITEM: BOX BOUNDS", &rest)) return read_box(r, rest);
    if (item_is(item, "ITEM: NUMBER OF ATOMS", &rest)) {
        KR_TRY(next_line(r, &line));
        line = kr_word_trim(line);
        if (!kr_word_int(line, &r->natoms) || r->natoms < 1 || r->natoms > INT_MAX / 16)
            return bad(r, line, "the number of atoms, 1 and more");
        return KR_OK;
    }
    if (item_is(item, "ITEM: UNITS", &rest)) {
        KR_TRY(next_line(r, &line));
        return kr_lammps_units_of(r->ctx, r->where, kr_word_trim(line), &r->units);
    }
    if (item_is(item, "ITEM: ", &rest)) return next_line(r, &line); /* TIMESTEP, TIME: one line */
    return bad(r, item, "a line that begins with ITEM:");
done:
    return status;
}

kr_status kr_lammps_dump_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                               const kr_read_options *options, kr_dataset *dataset) {
    kr_status status = KR_OK;
    dump_reader *r = NULL;
    kr_word line;
    KR_NEW(ctx, r, 1);
    r->ctx = ctx;
    r->where = where;
    r->options = options;
    r->units = (kr_lammps_units){1, 1};
    r->has_names = -1;
    r->lines = kr_lines_of(text, length);
    KR_TRY(kr_builder_begin(ctx, where, 0, &r->builder));
    while (kr_lines_next(&r->lines, &line)) {
        line = kr_word_trim(line);
        if (line.n > 0) KR_TRY(read_item(r, line));
    }
    if (r->builder.dataset->nsystems == 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: no frame in the file", where);
    if (!r->has_names) kr_log(ctx, KR_LOG_WARNING, "%s: elements of the atom types are not known; name them", where);
    KR_TRY(kr_builder_finish(ctx, &r->builder, dataset));
done:
    if (r) {
        kr_builder_clear(&r->builder);
        kr_free(r->type);
        kr_free(r->order);
        kr_free(r->id);
        kr_free(r->coord);
        kr_free(r->velocity);
        kr_free(r->force);
        kr_free(r->mass);
        kr_free(r->sorted);
    }
    kr_free(r);
    return status;
}

kr_status kr_lammps_dump_read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    return kr_text_read(ctx, path, kr_lammps_dump_parse, options, dataset);
}
