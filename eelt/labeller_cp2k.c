/* Labeller "cp2k": CP2K, energies, forces and stress of one geometry.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * CP2K exits with 0 and prints energy, forces and stress as usual when its SCF did not converge. So the last statement
 * about the SCF before the energy line decides: "SCF run converged" or "outer SCF loop converged" against "SCF run NOT
 * converged", "outer SCF loop FAILED to converge", "Leaving inner SCF loop". Two generations of output are read:
 * "ATOMIC FORCES in [a.u.]" (to 2024) and "FORCES| Atomic forces [hartree/bohr]" (from 2025); units are taken from the
 * brackets. The stress is positive under compression: W = σ V. Output goes to a fresh file (-o would append). */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "eelt/labeller.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct cp2k {
    const char *template_path, *command;
    const kr_tree *attempts;
    kr_tree *complete;
    char *text; /* the template */
    size_t length;
} cp2k;

static const kr_parameter table[] = {
    {.name = "template",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(cp2k, template_path),
     .help = "a valid input with @INCLUDE 'cell.inc' and @INCLUDE 'coord.inc' in &SUBSYS"},
    {.name = "command",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(cp2k, command),
     .initial = "\"cp2k\"",
     .help = "how to start CP2K; ' -i cp2k.inp > cp2k.out' is appended"},
    {.name = "attempts",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(cp2k, attempts),
     .initial = "null",
     .help = "list of maps: changed solver keywords for the first, second … retry"},
    {0}};

/* Only how the solution is found. */
static const char *const ladder[] = {"MAX_SCF",   "MINIMIZER",  "PRECONDITIONER", "ALPHA",
                                     "BETA",      "NBUFFER",    "NBROYDEN",       "SCF_GUESS",
                                     "ALGORITHM", "LINESEARCH", "ENERGY_GAP",     "MAX_SCF_HISTORY"};

static void destroy(void **state) {
    cp2k *c = *state;
    if (!c) return;
    kr_tree_destroy(&c->complete);
    kr_free(c->text);
    kr_free(c);
    *state = NULL;
}

/* Does the template have a line with these first two words (without quotes, case ignored)? */
static int has_line(const cp2k *c, const char *first, const char *second) {
    kr_lines lines = kr_lines_of(c->text, c->length);
    kr_word line, a, b;
    while (kr_lines_next(&lines, &line)) {
        if (!kr_word_next(&line, &a) || !kr_word_is_nocase(a, first)) continue;
        if (!second) return 1;
        if (!kr_word_next(&line, &b)) continue;
        if (b.n > 2 && (b.text[0] == '\'' || b.text[0] == '"')) b.text++, b.n -= 2;
        if (kr_word_is_nocase(b, second)) return 1;
    }
    return 0;
}

static kr_status check_template(kr_context *ctx, const cp2k *c, const char *path) {
    static const char *const needed[][3] = {{"@INCLUDE", "cell.inc", "in &SUBSYS"},
                                            {"@INCLUDE", "coord.inc", "in &SUBSYS"},
                                            {"RUN_TYPE", "ENERGY_FORCE", "in &GLOBAL"},
                                            {"&FORCES", "ON", "in &FORCE_EVAL &PRINT"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!has_line(c, needed[i][0], needed[i][1]))
            return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: the line %s %s is missing (%s)", path, needed[i][0], needed[i][1],
                            needed[i][2]);
    if (has_line(c, "STRESS_TENSOR", NULL) && !has_line(c, "&STRESS_TENSOR", "ON"))
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: the line &STRESS_TENSOR ON is missing (in &FORCE_EVAL &PRINT)", path);
    if (has_line(c, "STRESS_TENSOR", "NUMERICAL"))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED,
                        "%s: STRESS_TENSOR NUMERICAL prints the energies of many cells, only ANALYTICAL can be read",
                        path);
    if (has_line(c, "PRINT_LEVEL", "SILENT"))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "%s: PRINT_LEVEL SILENT hides whether the SCF has converged", path);
    return KR_OK;
}

static kr_status check_attempts(kr_context *ctx, const cp2k *c, const char *path) {
    if (kr_tree_is_null(c->attempts)) return KR_OK;
    if (c->attempts->kind != KR_TREE_LIST)
        return kr_parameter_fail(ctx, "label", "attempts", c->attempts, "expected a list of maps");
    for (int i = 0; i < c->attempts->count; i++) {
        const kr_tree *map = c->attempts->child[i];
        kr_status status = kr_tree_check_keys(ctx, map, (int)(sizeof ladder / sizeof *ladder), ladder);
        if (status != KR_OK) {
            kr_error_prefix(ctx, "label.attempts: a retry may change the solver, not the physics");
            return status;
        }
        for (int k = 0; k < map->count; k++)
            if (!has_line(c, map->key[k], NULL))
                return KR_ERROR(ctx, KR_ERR_FORMAT, "label.attempts: %s is not in '%s', so it cannot be changed",
                                map->key[k], path);
    }
    return KR_OK;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, void **state) {
    kr_status status = KR_OK;
    cp2k *c = NULL;
    char *path = NULL;
    KR_NEW(ctx, c, 1);
    *state = c;
    KR_TRY(kr_parameters_read(ctx, table, options, "label", c, &c->complete));
    path = kr_label_path(ctx, base, c->template_path);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    status = kr_file_read(ctx, path, &c->text, &c->length);
    if (status == KR_OK) status = check_template(ctx, c, path);
    if (status != KR_OK) KR_TRY(kr_label_template_failed(ctx, options, status));
    KR_TRY(check_attempts(ctx, c, path));
done:
    kr_free(path);
    if (status != KR_OK && c) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    (void)ctx;
    kr_digest_text(digest, ((const cp2k *)state)->text);
    return KR_OK;
}

/* The template with the values of changed keywords. */
static kr_status write_input(kr_context *ctx, const cp2k *c, const kr_tree *changes, kr_string *out) {
    kr_status status = KR_OK;
    kr_lines lines = kr_lines_of(c->text, c->length);
    kr_word line, rest, first;
    char number[32];
    while (kr_lines_next(&lines, &line)) {
        const kr_tree *change = NULL;
        rest = line;
        if (kr_word_next(&rest, &first))
            for (int k = 0; changes && k < changes->count; k++)
                if (kr_word_is_nocase(first, changes->key[k])) change = changes->child[k];
        if (!change) {
            KR_TRY(kr_string_append(ctx, out, line.text, line.n));
        } else {
            KR_TRY(kr_string_append(ctx, out, line.text, (size_t)(first.text + first.n - line.text)));
            KR_TRY(kr_string_printf(ctx, out, " %s",
                                    change->kind == KR_TREE_STRING ? change->string
                                                                   : kr_format_real(change->real, number)));
        }
        KR_TRY(kr_string_puts(ctx, out, "\n"));
    }
done:
    return status;
}

static kr_status write_structure(kr_context *ctx, const kr_label_frame *f, const char *folder) {
    kr_status status = KR_OK;
    kr_string cell = {0}, coord = {0};
    const unsigned char *pbc = f->frame->pbc;
    KR_TRY(kr_string_puts(ctx, &cell, "&CELL\n"));
    for (int c = 0; c < 3; c++)
        KR_TRY(kr_string_printf(ctx, &cell, "  %c %.14f %.14f %.14f\n", 'A' + c, f->frame->box[3 * c],
                                f->frame->box[3 * c + 1], f->frame->box[3 * c + 2]));
    char axes[4] = "";
    int naxes = 0;
    for (int c = 0; c < 3; c++)
        if (pbc[c]) axes[naxes++] = "XYZ"[c];
    KR_TRY(kr_string_printf(ctx, &cell, "  PERIODIC %s\n&END CELL\n", axes[0] ? axes : "NONE"));
    KR_TRY(kr_label_write(ctx, folder, "cell.inc", &cell));
    KR_TRY(kr_string_puts(ctx, &coord, "&COORD\n"));
    for (int a = 0; a < f->frame->natoms; a++) {
        const double *x = f->frame->coord + 3 * a;
        KR_TRY(kr_string_printf(ctx, &coord, "%s %.14f %.14f %.14f\n", f->names[f->frame->type[a]], x[0], x[1], x[2]));
    }
    KR_TRY(kr_string_puts(ctx, &coord, "&END COORD\n"));
    KR_TRY(kr_label_write(ctx, folder, "coord.inc", &coord));
done:
    kr_free(cell.data);
    kr_free(coord.data);
    return status;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_label_frame *frame, int tries, const char *folder,
                         kr_string *command) {
    const cp2k *c = state;
    kr_status status = KR_OK;
    kr_string text = {0};
    const kr_tree *changes = NULL;
    if (tries > 0 && !kr_tree_is_null(c->attempts) && c->attempts->count)
        changes = c->attempts->child[tries <= c->attempts->count ? tries - 1 : c->attempts->count - 1];
    if (!(kr_box_volume(frame->frame->box) > 0))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "CP2K needs a cell, also around a molecule; the frame has none");
    KR_TRY(write_input(ctx, c, changes, &text));
    KR_TRY(kr_label_write(ctx, folder, "cp2k.inp", &text));
    KR_TRY(write_structure(ctx, frame, folder));
    KR_TRY(kr_string_printf(ctx, command, "%s -i cp2k.inp > cp2k.out", c->command));
done:
    kr_free(text.data);
    return status;
}

/* ---- reading ---- */

typedef struct reader {
    const kr_label_frame *frame;
    kr_label_result *result;
    int said;         /* the last word about the SCF: 0 none, 1 converged, −1 not */
    int energies;     /* energy lines */
    int forces;       /* rows read; −1 = not in the block */
    int in_forces;    /* 0 no, 1 "ATOMIC FORCES", 2 "FORCES|" */
    int complete;     /* the block ended with its sum */
    int stress;       /* rows read */
    const char *axes; /* how this version names the rows of the stress */
    double force_unit, stress_unit;
    double sigma[9];
} reader;

static int begins(kr_word line, const char *text) {
    size_t n = strlen(text);
    return line.n >= n && !strncmp(line.text, text, n);
}
static int contains(kr_word line, const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= line.n; i++)
        if (!strncmp(line.text + i, text, n)) return 1;
    return 0;
}
static double last_number(kr_word line) {
    kr_word word, last = {"", 0};
    double value;
    while (kr_word_next(&line, &word)) last = word;
    return kr_word_real(last, &value) ? value : (double)NAN;
}

/* Factor of the unit in brackets, 0 when it is unknown. */
static double unit_of(kr_word line, int stress) {
    if (stress) {
        if (contains(line, "[GPa]")) return 1 / KR_EV_PER_A3_GPA;
        if (contains(line, "[bar]")) return 1e-4 / KR_EV_PER_A3_GPA;
        if (contains(line, "[kbar]")) return 0.1 / KR_EV_PER_A3_GPA;
        if (contains(line, "[hartree/bohr^3]") || contains(line, "[a.u.]"))
            return KR_HARTREE_EV / (KR_BOHR_A * KR_BOHR_A * KR_BOHR_A);
        return 0;
    }
    if (contains(line, "[a.u.]") || contains(line, "[hartree/bohr]")) return KR_HARTREE_EV / KR_BOHR_A;
    if (contains(line, "[eV/angstrom]")) return 1;
    return 0;
}

static void read_scf(reader *r, kr_word line) {
    if (contains(line, "SCF run converged") || contains(line, "outer SCF loop converged"))
        r->said = 1;
    else if (contains(line, "SCF run NOT converged") || contains(line, "outer SCF loop FAILED to converge") ||
             contains(line, "Leaving inner SCF loop"))
        r->said = -1;
}

/* A row of forces: "i kind element x y z", or "FORCES| i x y z |f|". */
static void read_force(reader *r, kr_word line) {
    kr_word word[8], rest = line;
    int n = 0, natoms = r->frame->frame->natoms;
    int64_t index;
    while (n < 8 && kr_word_next(&rest, &word[n])) n++;
    int first = r->in_forces == 1 ? 3 : 2, number = r->in_forces == 1 ? 0 : 1;
    if (n != 6 || !kr_word_int(word[number], &index)) return;
    if (index != r->forces + 1 || index > natoms) {
        r->forces = natoms + 1; /* rows out of order: refused at the end */
        return;
    }
    for (int c = 0; c < 3; c++) {
        double value;
        if (!kr_word_real(word[first + c], &value)) value = NAN;
        r->result->force[3 * (index - 1) + c] = value * r->force_unit;
    }
    r->forces++;
}

static void read_forces(reader *r, kr_word line) {
    if (begins(line, "ATOMIC FORCES in") || begins(line, "FORCES| Atomic forces")) {
        r->in_forces = begins(line, "ATOMIC") ? 1 : 2;
        r->forces = 0;
        r->complete = 0;
        r->force_unit = unit_of(line, 0);
    } else if (r->in_forces && (begins(line, "SUM OF ATOMIC FORCES") || begins(line, "FORCES| Sum"))) {
        r->in_forces = 0;
        r->complete = 1;
    } else if (r->in_forces) {
        read_force(r, line);
    }
}

/* "STRESS| x 1 2 3" below "STRESS| Analytical stress tensor [unit]"; until 7.1 "X 1 2 3" below "STRESS TENSOR [unit]".
 */
static void read_stress(reader *r, kr_word line) {
    kr_word word;
    int named = begins(line, "STRESS|");
    if (begins(line, "STRESS TENSOR [") ||
        (named && contains(line, "stress tensor [") && !contains(line, "Eigenvectors"))) {
        r->stress = 0;
        r->stress_unit = unit_of(line, 1);
        r->axes = named ? "xyz" : "XYZ";
        return;
    }
    if (r->stress < 0 || r->stress > 2 || named != (r->axes[0] == 'x')) return;
    if (named) kr_word_next(&line, &word);
    if (!kr_word_next(&line, &word) || word.n != 1 || word.text[0] != r->axes[r->stress] || kr_word_count(line) != 3)
        return;
    for (int c = 0; c < 3; c++)
        if (!kr_word_next(&line, &word) || !kr_word_real(word, &r->sigma[3 * r->stress + c])) {
            if (c == 0) return; /* the heading "x y z" */
            r->sigma[3 * r->stress + c] = NAN;
        }
    r->stress++;
}

static void finish(reader *r, const kr_usage *usage) {
    int natoms = r->frame->frame->natoms;
    kr_label_result *out = r->result;
    if (usage->exit_status != 0)
        kr_label_refuse(out, KR_OUTCOME_CRASHED, "CP2K ended with status %d", usage->exit_status);
    else if (r->said < 0)
        kr_label_refuse(out, KR_OUTCOME_NOT_CONVERGED, "CP2K: the SCF did not converge");
    else if (!r->said)
        kr_label_refuse(out, KR_OUTCOME_BAD_OUTPUT, "cp2k.out has no word about the convergence of the SCF");
    else if (r->energies != 1)
        kr_label_refuse(out, KR_OUTCOME_BAD_OUTPUT, "cp2k.out has %d energies, expected one", r->energies);
    else if (!r->complete || r->forces != natoms)
        kr_label_refuse(out, KR_OUTCOME_BAD_OUTPUT, "cp2k.out has no complete block of forces on %d atoms", natoms);
    else if (r->force_unit == 0)
        kr_label_refuse(out, KR_OUTCOME_BAD_OUTPUT, "cp2k.out: the unit of the forces is unknown");
    else if (r->stress >= 0 && (r->stress < 3 || r->stress_unit == 0))
        kr_label_refuse(out, KR_OUTCOME_BAD_OUTPUT, "cp2k.out: the stress is incomplete or of unknown unit");
    out->has_virial = r->stress == 3;
    double volume = kr_box_volume(r->frame->frame->box);
    for (int c = 0; c < 9 && out->has_virial; c++) out->virial[c] = r->sigma[c] * r->stress_unit * volume;
}

static kr_status read_output(kr_context *ctx, const void *state, const kr_label_frame *frame, const char *folder,
                             const kr_usage *usage, kr_label_result *result) {
    (void)state;
    char *text = NULL;
    size_t n;
    kr_status status = kr_label_text(ctx, folder, "cp2k.out", &text, &n);
    if (status != KR_OK) return status;
    if (!text)
        return kr_label_refuse(result, KR_OUTCOME_CRASHED, "CP2K wrote no output, exit status %d", usage->exit_status);
    reader r = {.frame = frame, .result = result, .stress = -1};
    while (n && text[n - 1] != '\n') n--; /* a number at the end of an unfinished line may be cut */
    kr_lines lines = kr_lines_of(text, n);
    for (kr_word line; kr_lines_next(&lines, &line);) {
        line = kr_word_trim(line);
        if (!r.energies) read_scf(&r, line); /* what is said before the energy decides */
        if (begins(line, "ENERGY| Total FORCE_EVAL")) {
            int known = contains(line, "[a.u.]") || contains(line, "(a.u.)") || contains(line, "[hartree]");
            result->energy = known ? last_number(line) * KR_HARTREE_EV : (double)NAN;
            r.energies++;
        }
        read_forces(&r, line);
        read_stress(&r, line);
    }
    finish(&r, usage);
    kr_free(text);
    return KR_OK;
}

const kr_labeller_kind kr_labeller_cp2k = {
    .name = "cp2k",
    .summary = "CP2K",
    .reference = "T. D. Kuehne et al., J. Chem. Phys. 152, 194103 (2020)",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .read = read_output,
};
