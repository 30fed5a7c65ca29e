/* Labeller "lammps": a LAMMPS potential, for oracles and tests.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * One run 0 in units metal or real. LAMMPS wants a restricted triclinic cell: positions are turned in (lammps_cell.h),
 * forces and virial are turned back, W_ij = Σ_ab e_a,i W'_ab e_b,j. The pressure without kinetic part is P = tr W / (3
 * V); LAMMPS' own constants (1.6021765e6 bar Å³/eV; 68568.415 atm Å³ mol/kcal) turn pressures into energies. Success:
 * exit status 0 and the line that the script writes last. */
#include "core/elements.h"
#include "core/error.h"
#include "core/lammps_cell.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "eelt/labeller.h"
#include "eelt/lammps_lines.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* pressure·volume per energy (LAMMPS' nktv2p) */
static const struct {
    const char *name;
    double pressure;
} units[] = {{"metal", 1.6021765e6}, {"real", 68568.415}};

typedef struct lammps {
    const char *command;
    int units;
    const kr_tree *elements, *lines, *files;
    kr_tree *complete;
    char *base;
} lammps;

static const kr_parameter table[] = {{.name = "command",
                                      .type = KR_PARAMETER_TEXT,
                                      .offset = offsetof(lammps, command),
                                      .initial = "\"lmp\"",
                                      .help = "how to start LAMMPS; ' -in in.lammps -log log.lammps' is appended"},
                                     {.name = "elements",
                                      .type = KR_PARAMETER_TEXTS,
                                      .offset = offsetof(lammps, elements),
                                      .help = "element of LAMMPS type 1, 2 …"},
                                     {.name = "lines",
                                      .type = KR_PARAMETER_TEXTS,
                                      .offset = offsetof(lammps, lines),
                                      .help = "pair_style, pair_coeff and other lines of the potential"},
                                     {.name = "units",
                                      .type = KR_PARAMETER_CHOICE,
                                      .offset = offsetof(lammps, units),
                                      .initial = "\"metal\"",
                                      .allowed = "metal|real",
                                      .help = "of the lines and the potential's files; labels are in eV and A"},
                                     {.name = "files",
                                      .type = KR_PARAMETER_TEXTS,
                                      .offset = offsetof(lammps, files),
                                      .initial = "null",
                                      .help = "potential files; where the lines name one (with or without its "
                                              "folder), its full path is put"},
                                     {0}};

static void destroy(void **state) {
    lammps *l = *state;
    if (!l) return;
    kr_tree_destroy(&l->complete);
    kr_free(l->base);
    kr_free(l);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, void **state) {
    kr_status status = KR_OK;
    lammps *l = NULL;
    KR_NEW(ctx, l, 1);
    *state = l;
    KR_TRY(kr_parameters_read(ctx, table, options, "label", l, &l->complete));
    l->base = kr_strdup(ctx, base);
    if (!l->base) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_lammps_lines_check(ctx, l->lines, l->elements, l->files, base));
done:
    if (status != KR_OK && l) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    const lammps *l = state;
    kr_status status = KR_OK;
    if (l->units) kr_digest_text(digest, units[l->units].name);
    for (int i = 0; i < l->elements->count; i++) kr_digest_text(digest, l->elements->child[i]->string);
    for (int i = 0; i < l->lines->count; i++) kr_digest_text(digest, l->lines->child[i]->string);
    for (int i = 0; l->files && i < l->files->count && status == KR_OK; i++) {
        char *path = kr_label_path(ctx, l->base, l->files->child[i]->string);
        status = path ? kr_digest_file(ctx, digest, path) : KR_ERR_MEMORY;
        kr_free(path);
    }
    return status;
}

/* LAMMPS type of each atom. */
static kr_status find_type(kr_context *ctx, const lammps *l, const char *name, int *type) {
    for (int i = 0; i < l->elements->count; i++)
        if (!strcmp(l->elements->child[i]->string, name)) {
            *type = i + 1;
            return KR_OK;
        }
    return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the element %s is not in label.elements", name);
}

/* Is this word the file, with its folder or without? */
static int names(kr_word word, const char *file) {
    const char *slash = strrchr(file, '/');
    return kr_word_is(word, file) || (slash && kr_word_is(word, slash + 1));
}

/* A line with the names of files replaced by their full paths. */
static kr_status put_line(kr_context *ctx, const lammps *l, const char *line, kr_string *out) {
    kr_status status = KR_OK;
    kr_word rest = {line, strlen(line)}, word;
    while (kr_word_next(&rest, &word)) {
        const char *file = NULL;
        for (int i = 0; l->files && i < l->files->count; i++)
            if (names(word, l->files->child[i]->string)) file = l->files->child[i]->string;
        char *path = file ? kr_label_path(ctx, l->base, file) : NULL;
        status = file ? (path ? kr_string_puts(ctx, out, path) : KR_ERR_MEMORY)
                      : kr_string_append(ctx, out, word.text, word.n);
        kr_free(path);
        KR_TRY(status);
        KR_TRY(kr_string_puts(ctx, out, " "));
    }
    KR_TRY(kr_string_puts(ctx, out, "\n"));
done:
    return status;
}

static kr_status write_data(kr_context *ctx, const lammps *l, const kr_label_frame *f, const kr_lammps_cell *cell,
                            const char *folder) {
    kr_status status = KR_OK;
    kr_string out = {0};
    static const char *const axes[] = {"xlo xhi", "ylo yhi", "zlo zhi"};
    KR_TRY(kr_string_printf(ctx, &out, "frame to label\n\n%d atoms\n%d atom types\n", f->frame->natoms,
                            l->elements->count));
    for (int c = 0; c < 3; c++)
        KR_TRY(kr_string_printf(ctx, &out, "%.16g %.16g %s\n", cell->lo[c], cell->hi[c], axes[c]));
    if (cell->tilt[0] != 0 || cell->tilt[1] != 0 || cell->tilt[2] != 0)
        KR_TRY(
            kr_string_printf(ctx, &out, "%.16g %.16g %.16g xy xz yz\n", cell->tilt[0], cell->tilt[1], cell->tilt[2]));
    KR_TRY(kr_string_puts(ctx, &out, "\nMasses\n\n"));
    for (int i = 0; i < l->elements->count; i++) {
        const char *name = l->elements->child[i]->string;
        double mass = kr_element_mass(kr_element_number(name, strlen(name)));
        KR_TRY(kr_string_printf(ctx, &out, "%d %.10g\n", i + 1, mass > 0 ? mass : 1));
    }
    KR_TRY(kr_string_puts(ctx, &out, "\nAtoms # atomic\n\n"));
    for (int i = 0; i < f->frame->natoms; i++) {
        double x[3];
        int type = 0;
        KR_TRY(find_type(ctx, l, f->names[f->frame->type[i]], &type));
        kr_lammps_rotate(cell, f->frame->coord + 3 * i, x);
        KR_TRY(kr_string_printf(ctx, &out, "%d %d %.16g %.16g %.16g\n", i + 1, type, x[0], x[1], x[2]));
    }
    KR_TRY(kr_label_write(ctx, folder, "frame.lmp", &out));
done:
    kr_free(out.data);
    return status;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_label_frame *f, int tries, const char *folder,
                         kr_string *command) {
    (void)tries;
    const lammps *l = state;
    kr_status status = KR_OK;
    kr_string out = {0};
    kr_lammps_cell cell;
    const unsigned char *pbc = f->frame->pbc;
    KR_TRY(kr_lammps_cell_of(ctx, f->frame, &cell));
    KR_TRY(write_data(ctx, l, f, &cell, folder));
    KR_TRY(kr_string_printf(ctx, &out, "units %s\natom_style atomic\natom_modify map yes\nboundary %c %c %c\n",
                            units[l->units].name, pbc[0] ? 'p' : 's', pbc[1] ? 'p' : 's', pbc[2] ? 'p' : 's'));
    KR_TRY(kr_string_puts(ctx, &out, "box tilt large\nread_data frame.lmp\n"));
    for (int i = 0; i < l->lines->count; i++) KR_TRY(put_line(ctx, l, l->lines->child[i]->string, &out));
    KR_TRY(kr_string_puts(ctx, &out,
                          "compute kr_p all pressure NULL virial\n"
                          "thermo_style custom step pe c_kr_p[1] c_kr_p[2] c_kr_p[3] c_kr_p[4] c_kr_p[5] c_kr_p[6]\n"
                          "run 0 post no\n"
                          "write_dump all custom forces.txt id fx fy fz modify sort id format float %.17g\n"
                          "print \"energy $(pe:%.17g) pressure $(c_kr_p[1]:%.17g) $(c_kr_p[2]:%.17g) "
                          "$(c_kr_p[3]:%.17g) $(c_kr_p[4]:%.17g) $(c_kr_p[5]:%.17g) $(c_kr_p[6]:%.17g) "
                          "volume $(vol:%.17g)\" file result.txt\n"));
    KR_TRY(kr_label_write(ctx, folder, "in.lammps", &out));
    KR_TRY(kr_string_printf(ctx, command, "%s -in in.lammps -log log.lammps", l->command));
done:
    kr_free(out.data);
    return status;
}

/* Rows "id fx fy fz" after "ITEM: ATOMS", turned back. */
static int read_forces(double energy, const kr_label_frame *f, const kr_lammps_cell *cell, const char *text,
                       size_t length, kr_label_result *r) {
    kr_lines lines = kr_lines_of(text, length);
    kr_word line, word;
    int natoms = f->frame->natoms, row = -1;
    while (kr_lines_next(&lines, &line)) {
        if (row < 0) {
            if (line.n > 11 && !strncmp(line.text, "ITEM: ATOMS", 11)) row = 0;
            continue;
        }
        int64_t id;
        double turned[3];
        if (row == natoms || !kr_word_next(&line, &word) || !kr_word_int(word, &id) || id != row + 1) return 0;
        for (int c = 0; c < 3; c++) {
            if (!kr_word_next(&line, &word) || !kr_word_real(word, &turned[c])) return 0;
            turned[c] *= energy;
        }
        for (int c = 0; c < 3; c++)
            r->force[3 * row + c] =
                turned[0] * cell->axis[c] + turned[1] * cell->axis[3 + c] + turned[2] * cell->axis[6 + c];
        row++;
    }
    return row == natoms;
}

/* "energy E pressure xx yy zz xy xz yz volume V". */
static int read_numbers(int unit, double energy, const kr_lammps_cell *cell, const char *text, kr_label_result *r) {
    static const int place[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
    double p[6], volume;
    kr_word rest = {text, strlen(text)}, word;
    if (!kr_word_next(&rest, &word) || !kr_word_is(word, "energy")) return 0;
    if (!kr_word_next(&rest, &word) || !kr_word_real(word, &r->energy)) return 0;
    r->energy *= energy;
    if (!kr_word_next(&rest, &word) || !kr_word_is(word, "pressure")) return 0;
    for (int c = 0; c < 6; c++)
        if (!kr_word_next(&rest, &word) || !kr_word_real(word, &p[c])) return 0;
    if (!kr_word_next(&rest, &word) || !kr_word_is(word, "volume")) return 0;
    if (!kr_word_next(&rest, &word) || !kr_word_real(kr_word_trim(word), &volume)) return 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double sum = 0;
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++) sum += cell->axis[3 * a + i] * p[place[3 * a + b]] * cell->axis[3 * b + j];
            r->virial[3 * i + j] = sum * volume / units[unit].pressure * energy;
        }
    return 1;
}

static kr_status read_output(kr_context *ctx, const void *state, const kr_label_frame *f, const char *folder,
                             const kr_usage *usage, kr_label_result *r) {
    const int unit = ((const lammps *)state)->units;
    const kr_word name = {units[unit].name, strlen(units[unit].name)};
    kr_status status = KR_OK;
    char *forces = NULL, *result = NULL, *log = NULL;
    size_t n, m, length;
    kr_lammps_cell cell;
    kr_lammps_units scale; /* Å is Å: force has the factor of energy */
    KR_TRY(kr_label_text(ctx, folder, "forces.txt", &forces, &n));
    KR_TRY(kr_label_text(ctx, folder, "result.txt", &result, &m));
    KR_TRY(kr_label_text(ctx, folder, "log.lammps", &log, &length));
    KR_TRY(kr_lammps_cell_of(ctx, f->frame, &cell));
    KR_TRY(kr_lammps_units_of(ctx, "label", name, &scale));
    const char *error = log ? strstr(log, "ERROR") : NULL;
    if (usage->exit_status != 0 || error) {
        kr_label_refuse(r, KR_OUTCOME_CRASHED, "LAMMPS ended with status %d: %.*s", usage->exit_status,
                        error ? (int)strcspn(error, "\n") : 10, error ? error : "no message");
        goto done;
    }
    char *end = result ? strchr(result, '\n') : NULL; /* without it the last number may be cut */
    if (end) *end = 0;
    if (!end || !forces || !n || forces[n - 1] != '\n' || !read_numbers(unit, scale.force, &cell, result, r) ||
        !read_forces(scale.force, f, &cell, forces, n, r))
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "LAMMPS left no complete result.txt and forces.txt");
    else
        r->has_virial = f->frame->pbc[0] && f->frame->pbc[1] && f->frame->pbc[2];
done:
    kr_free(forces);
    kr_free(result);
    kr_free(log);
    return status;
}

const kr_labeller_kind kr_labeller_lammps = {
    .name = "lammps",
    .summary = "a LAMMPS potential",
    .reference = "A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022)",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .read = read_output,
};
