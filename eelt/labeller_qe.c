/* Labeller "qe": Quantum ESPRESSO's pw.x, one self-consistent calculation.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Converged: exit status 0 and "convergence has been achieved" and the line "!    total energy" and
 * <convergence_achieved>true in data-file-schema.xml. "JOB DONE." means nothing: it is printed by a calculation that
 * did not converge (exit status 2), too; before 6.4 the XML file does not have that element. Numbers are those of the
 * XML file (Hartree, bohr, 16 digits), checked against the printed energy; with smearing etot is F = E − TS, the energy
 * whose derivatives the forces are. The stress is positive under compression: W = σ V. Measured with version 6.7. */
#include "eelt/labeller_qe.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "eelt/xml.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct qe {
    const char *template_path, *pseudo_dir, *command;
    double kspacing;
    const kr_tree *attempts;
    kr_tree *complete; /* owns the texts above */
    kr_qe_template template;
    char *pseudo_folder; /* absolute; "" = none given */
} qe;

static const kr_parameter table[] = {
    {.name = "template",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(qe, template_path),
     .help = "a valid input of pw.x; structure, forces and stress settings are replaced"},
    {.name = "command",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(qe, command),
     .initial = "\"pw.x\"",
     .help = "how to start pw.x; ' -in pw.in > pw.out' is appended"},
    {.name = "pseudo_dir",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(qe, pseudo_dir),
     .initial = "null",
     .help = "folder of the pseudopotentials; default: that of the template, relative to it"},
    {.name = "kspacing_per_A",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(qe, kspacing),
     .initial = "0",
     .unit = "1/A",
     .range = ">= 0",
     .help = "largest distance of k-points (with 2 pi); 0 = the template's K_POINTS"},
    {.name = "attempts",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(qe, attempts),
     .initial = "null",
     .help = "list of maps: changes to &electrons for the first, second … retry"},
    {0}};

/* Only how the solution is found, never what is solved. */
static const char *const ladder[] = {"mixing_beta",      "mixing_mode",      "mixing_ndim",    "diagonalization",
                                     "electron_maxstep", "startingwfc",      "startingpot",    "diago_thr_init",
                                     "diago_cg_maxiter", "diago_david_ndim", "diago_full_acc", "adaptive_thr"};

static void destroy(void **state) {
    qe *q = *state;
    if (!q) return;
    kr_qe_template_free(&q->template);
    kr_tree_destroy(&q->complete);
    kr_free(q->pseudo_folder);
    kr_free(q);
    *state = NULL;
}

static kr_status check_attempts(kr_context *ctx, const kr_tree *attempts) {
    kr_status status = KR_OK;
    if (kr_tree_is_null(attempts)) return KR_OK;
    if (attempts->kind != KR_TREE_LIST)
        return kr_parameter_fail(ctx, "label", "attempts", attempts, "expected a list of maps");
    for (int i = 0; i < attempts->count; i++) {
        status = kr_tree_check_keys(ctx, attempts->child[i], (int)(sizeof ladder / sizeof *ladder), ladder);
        if (status != KR_OK) {
            kr_error_prefix(ctx, "label.attempts: a retry may change the solver, not the physics");
            return status;
        }
    }
    return KR_OK;
}

static kr_status read_template(kr_context *ctx, const char *base, qe *q) {
    kr_status status = KR_OK;
    char *path = kr_label_path(ctx, base, q->template_path), *text = NULL;
    const char *quoted;
    size_t n;
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_file_read(ctx, path, &text, &n));
    KR_TRY(kr_qe_template_read(ctx, text, n, path, &q->template));
    quoted = kr_qe_template_value(&q->template, "control", "verbosity");
    if (quoted && strstr(quoted, "high"))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: verbosity 'high' prints force rows that are no forces", path);
    if (!q->template.has_k_points && q->kspacing <= 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: neither K_POINTS nor kspacing_per_A tells the k-points", path);
done:
    kr_free(text);
    kr_free(path);
    return status;
}

/* The folder of the input, else that of the template, else none: then it is pw.x's own matter. */
static kr_status find_pseudopotentials(kr_context *ctx, const char *base, qe *q) {
    kr_status status = KR_OK;
    char *template = kr_label_path(ctx, base, q->template_path), *path = NULL;
    const char *slash = template ? strrchr(template, '/') : NULL;
    if (!template) return KR_ERR_MEMORY;
    if (q->pseudo_dir) {
        q->pseudo_folder = kr_label_path(ctx, base, q->pseudo_dir);
    } else if (q->template.pseudo_dir) {
        template[slash ? slash - template : 0] = 0;
        q->pseudo_folder = kr_label_path(ctx, slash ? template : ".", q->template.pseudo_dir);
    } else {
        q->pseudo_folder = kr_strdup(ctx, "");
    }
    if (!q->pseudo_folder) KR_TRY(KR_ERR_MEMORY);
    for (int s = 0; s < q->template.nspecies && q->pseudo_folder[0]; s++) {
        kr_free(path);
        path = kr_path_join(ctx, q->pseudo_folder, q->template.pseudo[s]);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        if (!kr_file_exists(path))
            KR_FAIL(ctx, KR_ERR_IO, "'%s' has no %s, the pseudopotential of %s", q->pseudo_folder,
                    q->template.pseudo[s], q->template.species[s]);
    }
done:
    kr_free(path);
    kr_free(template);
    return status;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, void **state) {
    kr_status status = KR_OK;
    qe *q = NULL;
    KR_NEW(ctx, q, 1);
    *state = q;
    KR_TRY(kr_parameters_read(ctx, table, options, "label", q, &q->complete));
    kr_status attempts = check_attempts(ctx, q->attempts);
    if (attempts != KR_OK && !kr_context_mistake(ctx)) KR_TRY(attempts); /* else told, and the template is read, too */
    status = read_template(ctx, base, q);
    if (status == KR_OK) status = find_pseudopotentials(ctx, base, q);
    if (status != KR_OK) KR_TRY(kr_label_template_failed(ctx, options, status));
    KR_TRY(attempts);
done:
    if (status != KR_OK && q) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    const qe *q = state;
    kr_status status = KR_OK;
    char number[32];
    for (int i = 0; i < q->template.nentries; i++) {
        kr_digest_text(digest, q->template.entry[i].list);
        kr_digest_text(digest, q->template.entry[i].key);
        kr_digest_text(digest, q->template.entry[i].value);
    }
    for (int i = 0; i < q->template.ncards; i++) kr_digest_text(digest, q->template.card[i]);
    kr_digest_text(digest, kr_format_real(q->kspacing, number));
    for (int s = 0; s < q->template.nspecies && status == KR_OK; s++) {
        kr_digest_text(digest, q->template.species[s]);
        if (!q->pseudo_folder[0]) {
            kr_digest_text(digest, q->template.pseudo[s]);
            continue;
        }
        char *path = kr_path_join(ctx, q->pseudo_folder, q->template.pseudo[s]);
        status = path ? kr_digest_file(ctx, digest, path) : KR_ERR_MEMORY;
        kr_free(path);
    }
    return status;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_label_frame *frame, int tries, const char *folder,
                         kr_string *command) {
    const qe *q = state;
    kr_status status = KR_OK;
    kr_string text = {0};
    const kr_tree *changes = NULL;
    if (tries > 0 && !kr_tree_is_null(q->attempts) && q->attempts->count)
        changes = q->attempts->child[tries <= q->attempts->count ? tries - 1 : q->attempts->count - 1];
    KR_TRY(kr_qe_input(ctx, &q->template, frame, q->pseudo_folder, q->kspacing, changes, &text));
    KR_TRY(kr_label_write(ctx, folder, "pw.in", &text));
    KR_TRY(kr_string_printf(ctx, command, "%s -in pw.in > pw.out", q->command));
done:
    kr_free(text.data);
    return status;
}

/* n numbers of a text, nothing else in it. */
static int numbers(const char *text, int n, double *values) {
    kr_word rest = {text, strlen(text)}, word;
    kr_lines lines = kr_lines_of(text, strlen(text));
    int count = 0;
    while (kr_lines_next(&lines, &rest))
        while (kr_word_next(&rest, &word)) {
            if (count == n || !kr_word_real(word, &values[count])) return 0;
            count++;
        }
    return count == n;
}

/* What stdout must say. 1 = converged; else the result is set. */
static int read_marks(const char *text, size_t length, kr_label_result *r, double *printed) {
    kr_lines lines = kr_lines_of(text, length);
    kr_word line, word;
    int achieved = 0, energy = 0;
    while (kr_lines_next(&lines, &line)) {
        kr_word rest = kr_word_trim(line);
        if (rest.n > 17 && !strncmp(rest.text, "convergence NOT ac", 18)) {
            kr_label_refuse(r, KR_OUTCOME_NOT_CONVERGED, "pw.x: %.*s", (int)rest.n, rest.text);
            return 0;
        }
        if (rest.n > 28 && !strncmp(rest.text, "convergence has been achieved", 29)) achieved = 1;
        if (rest.n < 2 || rest.text[0] != '!') continue;
        while (kr_word_next(&rest, &word))
            if (kr_word_is(word, "=")) energy = kr_word_next(&rest, &word) && kr_word_real(word, printed);
    }
    if (!achieved || !energy) {
        kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "pw.out ends without %s",
                        achieved ? "a total energy" : "the word that convergence has been achieved");
        return 0;
    }
    return 1;
}

static kr_status read_xml(kr_context *ctx, const char *folder, const kr_label_frame *f, double printed,
                          kr_label_result *r) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t n;
    kr_xml *xml = NULL;
    double stress[9];
    const char *item;
    int natoms = f->frame->natoms;
    KR_TRY(kr_label_text(ctx, folder, "out/kr.save/data-file-schema.xml", &text, &n));
    if (!text) {
        status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "pw.x left no data-file-schema.xml");
        goto done;
    }
    status = kr_xml_parse(ctx, text, n, "data-file-schema.xml", &xml);
    if (status == KR_ERR_FORMAT) {
        status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "%s", kr_context_message(ctx));
        goto done;
    }
    KR_TRY(status);
#define OUTPUT "qes:espresso/output/"
    item = kr_xml_find(xml, OUTPUT "convergence_info/scf_conv/convergence_achieved");
    /* versions before 6.4 write the number of steps and the error alone: there pw.out decides, which was read before */
    int early = !item && kr_xml_find(xml, OUTPUT "convergence_info/scf_conv/n_scf_steps") &&
                kr_xml_find(xml, OUTPUT "convergence_info/scf_conv/scf_error");
    if (!early && (!item || !kr_word_is(kr_word_trim((kr_word){item, strlen(item)}), "true"))) {
        status = kr_label_refuse(r, KR_OUTCOME_NOT_CONVERGED, "data-file-schema.xml: convergence_achieved is not true");
        goto done;
    }
    item = kr_xml_find(xml, OUTPUT "total_energy/etot");
    if (!item || !numbers(item, 1, &r->energy)) r->energy = NAN;
    item = kr_xml_find(xml, OUTPUT "forces");
    if (!item || !numbers(item, 3 * natoms, r->force)) {
        status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "data-file-schema.xml has no forces on %d atoms", natoms);
        goto done;
    }
    item = kr_xml_find(xml, OUTPUT "stress");
    r->has_virial = item && numbers(item, 9, stress);
    r->energy *= KR_HARTREE_EV;
    for (int i = 0; i < 3 * natoms; i++) r->force[i] *= KR_HARTREE_EV / KR_BOHR_A;
    double scale = KR_HARTREE_EV / (KR_BOHR_A * KR_BOHR_A * KR_BOHR_A) * kr_box_volume(f->frame->box);
    for (int c = 0; c < 9 && r->has_virial; c++) r->virial[c] = stress[c] * scale;
    printed *= KR_RYDBERG_EV;
    if (!(fabs(printed - r->energy) < 1e-6 + 1e-9 * fabs(printed))) /* 8 printed decimals */
        status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "pw.out prints %.9f eV, data-file-schema.xml holds %.9f eV",
                                 printed, r->energy);
done:
    kr_xml_destroy(&xml);
    kr_free(text);
    return status;
}

static kr_status read_output(kr_context *ctx, const void *state, const kr_label_frame *frame, const char *folder,
                             const kr_usage *usage, kr_label_result *r) {
    (void)state;
    kr_status status = KR_OK;
    char *text = NULL;
    size_t n;
    double printed = NAN;
    KR_TRY(kr_label_text(ctx, folder, "pw.out", &text, &n));
    if (!text) {
        status = kr_label_refuse(r, KR_OUTCOME_CRASHED, "pw.x wrote no output, exit status %d", usage->exit_status);
        goto done;
    }
    if (!read_marks(text, n, r, &printed)) {
        if (r->outcome == KR_OUTCOME_BAD_OUTPUT && usage->exit_status != 0) {
            const char *error = strstr(text, "Error in routine");
            kr_label_refuse(r, KR_OUTCOME_CRASHED, "pw.x ended with status %d: %.*s", usage->exit_status,
                            error ? (int)strcspn(error, "\n") : 10, error ? error : "no message");
        }
        goto done;
    }
    if (usage->exit_status != 0) {
        status = kr_label_refuse(r, KR_OUTCOME_CRASHED, "pw.x ended with status %d", usage->exit_status);
        goto done;
    }
    KR_TRY(read_xml(ctx, folder, frame, printed, r));
done:
    kr_free(text);
    return status;
}

const kr_labeller_kind kr_labeller_qe = {
    .name = "qe",
    .summary = "Quantum ESPRESSO pw.x",
    .reference = "P. Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017)",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .read = read_output,
    .bulk = "out",
};
