/* Labeller "xtb": GFN-xTB of molecules.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Success: exit status 0 and "normal termination of xtb" on stderr. Energy and gradient are read from the Turbomole
 * file `gradient` (hartree, hartree/bohr; force = −gradient), which an earlier call would be appended to: so every
 * attempt has a folder of its own. Measured with version 6.5.1. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "eelt/labeller.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct xtb {
    const char *command;
    int method, charge, unpaired, iterations;
    double accuracy, temperature;
    kr_tree *complete;
} xtb;

static const kr_parameter table[] = {{.name = "command",
                                      .type = KR_PARAMETER_TEXT,
                                      .offset = offsetof(xtb, command),
                                      .initial = "\"xtb\"",
                                      .help = "how to start xtb"},
                                     {.name = "gfn",
                                      .type = KR_PARAMETER_INT,
                                      .offset = offsetof(xtb, method),
                                      .initial = "2",
                                      .range = "[0, 2]",
                                      .help = "parametrisation: GFN0, GFN1 or GFN2"},
                                     {.name = "charge",
                                      .type = KR_PARAMETER_INT,
                                      .offset = offsetof(xtb, charge),
                                      .initial = "0",
                                      .unit = "e",
                                      .help = "total charge"},
                                     {.name = "unpaired",
                                      .aliases = "uhf",
                                      .type = KR_PARAMETER_INT,
                                      .offset = offsetof(xtb, unpaired),
                                      .initial = "0",
                                      .range = ">= 0",
                                      .help = "number of unpaired electrons"},
                                     {.name = "etemp_K",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(xtb, temperature),
                                      .initial = "300",
                                      .unit = "K",
                                      .range = "> 0",
                                      .help = "electronic temperature; part of the label"},
                                     {.name = "accuracy",
                                      .aliases = "acc",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(xtb, accuracy),
                                      .initial = "0.01",
                                      .range = "> 0",
                                      .help = "xtb's accuracy; smaller = tighter"},
                                     {.name = "iterations",
                                      .type = KR_PARAMETER_INT,
                                      .offset = offsetof(xtb, iterations),
                                      .initial = "250",
                                      .range = ">= 1",
                                      .help = "of the self-consistent charges; doubled at every retry"},
                                     {0}};

static void destroy(void **state) {
    xtb *x = *state;
    if (!x) return;
    kr_tree_destroy(&x->complete);
    kr_free(x);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *base, void **state) {
    (void)base;
    kr_status status = KR_OK;
    xtb *x = NULL;
    KR_NEW(ctx, x, 1);
    *state = x;
    KR_TRY(kr_parameters_read(ctx, table, options, "label", x, &x->complete));
done:
    if (status != KR_OK && x) destroy(state);
    return status;
}

static kr_status fingerprint(kr_context *ctx, const void *state, kr_digest *digest) {
    (void)ctx;
    const xtb *x = state;
    char text[160], a[32], b[32];
    snprintf(text, sizeof text, "gfn %d charge %d unpaired %d etemp %s acc %s", x->method, x->charge, x->unpaired,
             kr_format_real(x->temperature, a), kr_format_real(x->accuracy, b));
    kr_digest_text(digest, text);
    return KR_OK;
}

static kr_status prepare(kr_context *ctx, const void *state, const kr_label_frame *f, int tries, const char *folder,
                         kr_string *command) {
    const xtb *x = state;
    kr_status status = KR_OK;
    kr_string text = {0};
    char a[32], b[32];
    if (f->frame->pbc[0] || f->frame->pbc[1] || f->frame->pbc[2]) {
        KR_ERROR(ctx, KR_ERR_ARGUMENT, "xtb labels molecules, this frame is periodic");
        kr_error_hint(ctx, "CP2K has GFN1-xTB for periodic systems (engine cp2k)");
        KR_TRY(KR_ERR_ARGUMENT);
    }
    KR_TRY(kr_string_printf(ctx, &text, "%d\n\n", f->frame->natoms));
    for (int i = 0; i < f->frame->natoms; i++) {
        const double *r = f->frame->coord + 3 * i;
        KR_TRY(kr_string_printf(ctx, &text, "%s %.14f %.14f %.14f\n", f->names[f->frame->type[i]], r[0], r[1], r[2]));
    }
    KR_TRY(kr_label_write(ctx, folder, "in.xyz", &text));
    int iterations = tries < 10 ? x->iterations << tries : x->iterations;
    KR_TRY(kr_string_printf(
        ctx, command, "%s in.xyz --gfn %d --grad --chrg %d --uhf %d --etemp %s --acc %s --iterations %d > xtb.out",
        x->command, x->method, x->charge, x->unpaired, kr_format_real(x->temperature, a),
        kr_format_real(x->accuracy, b), iterations));
done:
    kr_free(text.data);
    return status;
}

/* "$grad", "cycle = 1 SCF energy = E |dE/dxyz| = g", natoms lines of positions, natoms of gradients, "$end". */
static kr_status read_gradient(const kr_label_frame *f, const char *text, size_t length, kr_label_result *r) {
    kr_lines lines = kr_lines_of(text, length);
    kr_word line, word;
    int natoms = f->frame->natoms, row = -1, cycles = 0, ended = 0;
    while (kr_lines_next(&lines, &line)) {
        line = kr_word_trim(line);
        if (line.n >= 5 && !strncmp(line.text, "cycle", 5)) {
            const char *energy = NULL;
            for (size_t i = 0; i + 12 < line.n && !energy; i++)
                if (!strncmp(line.text + i, "SCF energy =", 12)) energy = line.text + i + 12;
            kr_word rest = {energy, energy ? (size_t)(line.text + line.n - energy) : 0};
            if (!energy || !kr_word_next(&rest, &word) || !kr_word_real(word, &r->energy)) r->energy = NAN;
            r->energy *= KR_HARTREE_EV;
            row = 0;
            cycles++;
        } else if (line.n >= 4 && !strncmp(line.text, "$end", 4)) {
            ended = 1;
        } else if (row >= 0 && row < 2 * natoms) {
            for (int c = 0; c < 3 && row >= natoms; c++) {
                double value;
                if (!kr_word_next(&line, &word) || !kr_word_real(word, &value)) value = NAN;
                r->force[3 * (row - natoms) + c] = -value * KR_HARTREE_EV / KR_BOHR_A;
            }
            row++;
        }
    }
    if (cycles != 1 || !ended || row != 2 * natoms)
        return kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "the file gradient is incomplete or holds %d calculations",
                               cycles);
    return KR_OK;
}

/* Which of the two streams has the word depends on the version. */
static int unconverged(const char *text) {
    return text && (strstr(text, "convergence criteria cannot be satisfied") ||
                    strstr(text, "Self consistent charge iterator did not converge"));
}

static kr_status read_output(kr_context *ctx, const void *state, const kr_label_frame *frame, const char *folder,
                             const kr_usage *usage, kr_label_result *r) {
    (void)state;
    kr_status status = KR_OK;
    char *out = NULL, *error = NULL, *gradient = NULL;
    size_t n, m, length;
    KR_TRY(kr_label_text(ctx, folder, "xtb.out", &out, &n));
    KR_TRY(kr_label_text(ctx, folder, "stderr", &error, &m));
    KR_TRY(kr_label_text(ctx, folder, "gradient", &gradient, &length));
    if (unconverged(out) || unconverged(error))
        status = kr_label_refuse(r, KR_OUTCOME_NOT_CONVERGED, "xtb: the charges did not converge");
    else if (usage->exit_status != 0 || !error || strstr(error, "abnormal termination of xtb") ||
             !strstr(error, "normal termination of xtb"))
        status = kr_label_refuse(r, KR_OUTCOME_CRASHED, "xtb ended with status %d, without its word of success",
                                 usage->exit_status);
    else if (!gradient)
        status = kr_label_refuse(r, KR_OUTCOME_BAD_OUTPUT, "xtb left no file gradient");
    else
        status = read_gradient(frame, gradient, length, r);
done:
    kr_free(out);
    kr_free(error);
    kr_free(gradient);
    return status;
}

const kr_labeller_kind kr_labeller_xtb = {
    .name = "xtb",
    .summary = "GFN-xTB of molecules",
    .reference = "C. Bannwarth et al., WIREs Comput. Mol. Sci. 11, e1493 (2021)",
    .create = create,
    .destroy = destroy,
    .fingerprint = fingerprint,
    .prepare = prepare,
    .read = read_output,
};
