/* lcurve.out as DeePMD-kit (PyTorch) writes it.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Columns in alphabetical order of their names; row k: loss of the forward pass of update k with its learning rate,
 * validation with the parameters after it. Disabled or unlabelled quantities are nan. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include "training/training_impl.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* DeePMD-kit's PyTorch side shows a term when both prefactors are non-zero; ours also when one is. */
int kr_lcurve_columns(const kr_loss_options *loss, const char *names[KR_TRAINING_TERMS], int term[KR_TRAINING_TERMS]) {
    static const struct {
        const char *square, *absolute;
        int term;
    } columns[] = {{"rmse_ae", "mae_ae", KR_LOSS_AE},
                   {"rmse_e", "mae_e", KR_LOSS_E},
                   {"rmse_f", "mae_f", KR_LOSS_F},
                   {"rmse_pf", "mae_pf", KR_LOSS_PF},
                   {"rmse_v", "mae_v", KR_LOSS_V}};
    int n = 0;
    if (!loss->mae) {
        names[n] = "rmse";
        term[n++] = -1;
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (!kr_loss_term_active(loss, columns[i].term)) continue;
        names[n] = loss->mae ? columns[i].absolute : columns[i].square;
        term[n++] = columns[i].term;
    }
    if (loss->mae) { /* "mae_…" sorts before "rmse" */
        names[n] = "rmse";
        term[n++] = -1;
    }
    return n;
}

static const char *const NOTE = "# If there is no available reference data, rmse_*_{val,trn} will print nan\n";

static void print_header(const kr_training *t, FILE *out) {
    const char *names[KR_TRAINING_TERMS];
    char text[64];
    int term[KR_TRAINING_TERMS], n = kr_lcurve_columns(&t->input->loss, names, term);
    fprintf(out, "# %-5s", "step");
    for (int i = 0; i < n; i++) {
        if (t->validation) {
            snprintf(text, sizeof text, "%s_val", names[i]);
            fprintf(out, "   %11s", text);
        }
        snprintf(text, sizeof text, "%s_trn", names[i]);
        fprintf(out, t->validation ? " %11s" : "   %11s", text);
    }
    fprintf(out, "   %-8s\n%s", "lr", NOTE);
}

/* printf writes -nan for some NaNs; the file has one spelling. */
static void print_number(FILE *out, const char *blanks, double value) {
    if (isnan(value))
        fprintf(out, "%s%11s", blanks, "nan");
    else
        fprintf(out, "%s%11.2e", blanks, value);
}

/* Comments and rows up to `step` of the file that is there. */
static kr_status keep_rows(kr_context *ctx, const char *path, int64_t step, FILE *out, int *kept) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length;
    kr_word line, rest, word;
    *kept = 0;
    if (!kr_file_exists(path)) return KR_OK;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    kr_lines lines = kr_lines_of(text, length);
    while (kr_lines_next(&lines, &line)) {
        int64_t row = 0;
        rest = line;
        if (!kr_word_next(&rest, &word)) continue;
        if (*word.text != '#' && (!kr_word_int(word, &row) || row > step)) continue;
        fprintf(out, "%.*s\n", (int)line.n, line.text);
        (*kept)++;
    }
done:
    kr_free(text);
    return status;
}

kr_status kr_lcurve_begin(kr_context *ctx, const kr_training *t, const char *path, int64_t step) {
    kr_status status = KR_OK;
    kr_file_writer writer = {0};
    int kept = 0;
    KR_TRY(kr_file_begin(ctx, path, &writer));
    if (step > 0) KR_TRY(keep_rows(ctx, path, step, writer.stream, &kept));
    if (!kept) print_header(t, writer.stream);
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    return status;
}

kr_status kr_lcurve_append(kr_context *ctx, const kr_training *t, const char *path, const kr_training_row *row) {
    FILE *out = fopen(path, "a");
    if (!out) return KR_ERROR(ctx, KR_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    fprintf(out, "%7lld", (long long)row->step);
    for (int i = 0; i < row->nterms; i++) {
        if (t->validation) print_number(out, "   ", row->validation[i]);
        print_number(out, t->validation ? " " : "   ", row->training[i]);
    }
    fprintf(out, "   %8.1e\n", row->rate);
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) return KR_ERROR(ctx, KR_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    return KR_OK;
}
