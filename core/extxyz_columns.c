/* Extended XYZ: which column is what.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Properties=name:type:count:…; type S text, R number, I integer, L flag. Names that other programs use for the same
 * thing have a rank; the lowest rank is taken. */
#include "core/extxyz_columns.h"
#include "core/error.h"
#include <string.h>

static const struct {
    const char *name;
    char type; /* R number, S name, I integer */
    int count; /* 0 = any */
    kr_xyz_role role;
    kr_label label;
    int rank;
    double unit;
} known_columns[] = {
    {"species", 'S', 1, KR_XYZ_SPECIES, 0, 0, 1},
    {"element", 'S', 1, KR_XYZ_SPECIES, 0, 1, 1},
    {"symbols", 'S', 1, KR_XYZ_SPECIES, 0, 1, 1},
    {"Z", 'I', 1, KR_XYZ_NUMBER, 0, 0, 1},
    {"numbers", 'I', 1, KR_XYZ_NUMBER, 0, 1, 1},
    {"atomic_numbers", 'I', 1, KR_XYZ_NUMBER, 0, 1, 1},
    {"pos", 'R', 3, KR_XYZ_POSITION, 0, 0, 1},
    {"positions", 'R', 3, KR_XYZ_POSITION, 0, 1, 1},
    {"forces", 'R', 3, KR_XYZ_LABEL, KR_LABEL_FORCE, 0, 1},
    {"force", 'R', 3, KR_XYZ_LABEL, KR_LABEL_FORCE, 1, 1},
    {"REF_forces", 'R', 3, KR_XYZ_LABEL, KR_LABEL_FORCE, 2, 1},
    {"dft_forces", 'R', 3, KR_XYZ_LABEL, KR_LABEL_FORCE, 3, 1},
    {"energies", 'R', 1, KR_XYZ_LABEL, KR_LABEL_ATOM_ENER, 0, 1},
    {"local_energy", 'R', 1, KR_XYZ_LABEL, KR_LABEL_ATOM_ENER, 1, 1},
    {"atom_virial", 'R', 9, KR_XYZ_LABEL, KR_LABEL_ATOM_VIRIAL, 0, 1},
    {"atom_pref", 'R', 1, KR_XYZ_LABEL, KR_LABEL_ATOM_PREF, 0, 1},
    {"aparam", 'R', 0, KR_XYZ_LABEL, KR_LABEL_APARAM, 0, 1},
    {"velocity", 'R', 3, KR_XYZ_LABEL, KR_LABEL_VELOCITY, 0, 1},
    {"velocities", 'R', 3, KR_XYZ_LABEL, KR_LABEL_VELOCITY, 1, 1},
    {"velo", 'R', 3, KR_XYZ_LABEL, KR_LABEL_VELOCITY, 2, 1000},
    {"vel", 'R', 3, KR_XYZ_LABEL, KR_LABEL_VELOCITY, 3, 1000},
    {"momenta", 'R', 3, KR_XYZ_MOMENTA, 0, 0, 1},
    {"masses", 'R', 1, KR_XYZ_LABEL, KR_LABEL_MASS, 0, 1},
    {"mass", 'R', 1, KR_XYZ_LABEL, KR_LABEL_MASS, 1, 1},
};

static kr_status bad_properties(kr_context *ctx, kr_word item, const char *expected) {
    char show[64];
    return KR_ERROR(ctx, KR_ERR_FORMAT, "Properties has '%s', expected %s", kr_word_show(item, show, sizeof show),
                    expected);
}

/* A new group; an older one with the same meaning and a higher rank is dropped, a lower rank wins over the new one. */
static void add_group(kr_xyz_columns *columns, kr_word name, char type, int count) {
    kr_xyz_group g = {KR_XYZ_SKIP, 0, 0, 1, columns->ncolumns, count};
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
    for (int i = 0; i < columns->ngroups && g.role != KR_XYZ_SKIP; i++) {
        kr_xyz_group *old = &columns->group[i];
        if (old->role != g.role || (g.role == KR_XYZ_LABEL && old->label != g.label)) continue;
        if (old->rank <= g.rank)
            g.role = KR_XYZ_SKIP;
        else
            old->role = KR_XYZ_SKIP;
    }
    columns->group[columns->ngroups++] = g;
    columns->ncolumns += count;
}

static int next_field(kr_word *rest, kr_word *field) {
    if (rest->n == 0) return 0;
    const char *colon = memchr(rest->text, ':', rest->n);
    size_t n = colon ? (size_t)(colon - rest->text) : rest->n;
    *field = (kr_word){rest->text, n};
    *rest = colon ? (kr_word){colon + 1, rest->n - n - 1} : (kr_word){rest->text + n, 0};
    return 1;
}

int kr_xyz_columns_have(const kr_xyz_columns *columns, kr_xyz_role wanted) {
    for (int i = 0; i < columns->ngroups; i++)
        if (columns->group[i].role == wanted) return 1;
    return 0;
}

kr_status kr_xyz_columns_read(kr_context *ctx, const kr_word *properties, kr_xyz_columns *columns) {
    kr_word rest = properties ? *properties : (kr_word){"species:S:1:pos:R:3", 19}, name, type, number;
    int64_t count;
    columns->ngroups = columns->ncolumns = 0;
    while (next_field(&rest, &name)) {
        if (!next_field(&rest, &type) || !next_field(&rest, &number))
            return bad_properties(ctx, name, "name:type:count three by three");
        if (type.n != 1 || !strchr("SRIL", *type.text)) return bad_properties(ctx, type, "a type S, R, I or L");
        if (!kr_word_int(number, &count) || count < 1 || count > KR_XYZ_COLUMNS - columns->ncolumns)
            return bad_properties(ctx, number, "a count from 1, 512 columns in all");
        add_group(columns, name, *type.text, (int)count);
    }
    if (!kr_xyz_columns_have(columns, KR_XYZ_POSITION))
        return KR_ERROR(ctx, KR_ERR_FORMAT, "Properties has no pos:R:3");
    if (!kr_xyz_columns_have(columns, KR_XYZ_SPECIES) && !kr_xyz_columns_have(columns, KR_XYZ_NUMBER))
        return KR_ERROR(ctx, KR_ERR_FORMAT, "Properties has neither species:S:1 nor Z:I:1");
    return KR_OK;
}
