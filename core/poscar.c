/* POSCAR and CONTCAR: reader and writer.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Comment; scale (negative: the volume of the cell); three cell vectors; element symbols (absent in the oldest files,
 * whose comment may name them, else the caller's elements do); numbers of atoms; "Selective dynamics" or not; Direct or
 * Cartesian (C, c, K, k; everything else is direct); positions. What follows (velocities, predictor) is not read.
 * Symbols like Fe_pv and H.5 mean Fe and H. Source: VASP wiki, POSCAR. */
#include "core/elements.h"
#include "core/error.h"
#include "core/file.h"
#include "core/formats.h"
#include "core/frames.h"
#include "core/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KINDS = 256, MOST = 100000000 };

typedef struct poscar_reader {
    kr_context *ctx;
    const char *where;
    kr_lines lines;
    kr_word line, comment;
    int kinds, count[KINDS];
    kr_builder builder;
    kr_buffer type, coord;
} poscar_reader;

#define AT "%s:%ld: "
#define HERE(r) (r)->where, (r)->lines.number

static kr_status next_line(poscar_reader *r, const char *what) {
    if (kr_lines_next(&r->lines, &r->line)) return KR_OK;
    return KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "the file ends where %s should be", HERE(r), what);
}

/* `n` numbers at the beginning of a line. */
static kr_status numbers(poscar_reader *r, const char *what, int n, double *value) {
    kr_status status = next_line(r, what);
    kr_word rest = r->line, word;
    char show[64];
    for (int k = 0; k < n && status == KR_OK; k++)
        if (!kr_word_next(&rest, &word) || !kr_word_real(word, &value[k]) || !isfinite(value[k]))
            status = KR_ERROR(r->ctx, KR_ERR_FORMAT, AT "'%s', expected %d numbers for %s", HERE(r),
                              kr_word_show(r->line, show, sizeof show), n, what);
    return status;
}

static kr_status read_cell(poscar_reader *r, double box[9], double *scale) {
    kr_status status = KR_OK;
    KR_TRY(numbers(r, "the scale", 1, scale));
    for (int k = 0; k < 3; k++) KR_TRY(numbers(r, "a cell vector", 3, box + 3 * k));
    double volume = kr_box_volume(box);
    if (*scale < 0) *scale = cbrt(-*scale / volume);
    if (!(*scale > 0) || !(volume > 0) || !isfinite(*scale))
        KR_FAIL(r->ctx, KR_ERR_FORMAT, "%s: the cell has no volume, or the scale is 0", r->where);
    for (int k = 0; k < 9; k++) box[k] *= *scale;
done:
    return status;
}

/* "Fe_pv" → Fe. */
static kr_word plain_symbol(kr_word word) {
    size_t n = 0;
    while (n < word.n && ((word.text[n] >= 'a' && word.text[n] <= 'z') || (word.text[n] >= 'A' && word.text[n] <= 'Z')))
        n++;
    return n ? (kr_word){word.text, n} : word;
}

/* Names of the kinds from a line of symbols. */
static kr_status take_names(poscar_reader *r, kr_word rest, int index[KINDS], int *n) {
    kr_status status = KR_OK;
    kr_word word;
    for (*n = 0; *n < KINDS && kr_word_next(&rest, &word); (*n)++) {
        kr_word symbol = plain_symbol(word);
        KR_TRY(kr_names_add(r->ctx, &r->builder.names, symbol.text, symbol.n, &index[*n]));
    }
done:
    return status;
}

static int all_symbols(kr_word rest, int wanted) {
    kr_word word;
    int n = 0;
    for (; kr_word_next(&rest, &word); n++) {
        kr_word symbol = plain_symbol(word);
        if (!kr_element_number(symbol.text, symbol.n)) return 0;
    }
    return n == wanted;
}

/* Numbers of atoms, and the name of each kind. */
static kr_status read_kinds(poscar_reader *r, const kr_read_options *options, int index[KINDS], int *natoms) {
    kr_status status = KR_OK;
    kr_word symbols = {NULL, 0}, rest, word;
    int64_t value;
    int n;
    KR_TRY(next_line(r, "the symbols or the numbers of atoms"));
    rest = r->line;
    if (kr_word_next(&rest, &word) && !kr_word_int(word, &value)) {
        symbols = r->line;
        KR_TRY(next_line(r, "the numbers of atoms"));
    }
    *natoms = 0;
    rest = r->line;
    for (r->kinds = 0; kr_word_next(&rest, &word); r->kinds++) {
        if (!kr_word_int(word, &value) || value < 0 || value > MOST - *natoms || r->kinds == KINDS)
            KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "expected up to %d numbers of atoms", HERE(r), KINDS);
        r->count[r->kinds] = (int)value;
        *natoms += (int)value;
    }
    if (symbols.n) {
        KR_TRY(take_names(r, symbols, index, &n));
    } else if (options->nelements >= r->kinds) {
        n = r->kinds;
        for (int k = 0; k < n; k++)
            KR_TRY(
                kr_names_add(r->ctx, &r->builder.names, options->elements[k], strlen(options->elements[k]), &index[k]));
    } else if (all_symbols(r->comment, r->kinds)) {
        KR_TRY(take_names(r, r->comment, index, &n));
    } else {
        KR_ERROR(r->ctx, KR_ERR_FORMAT, "%s: the file names no elements", r->where);
        kr_error_hint(r->ctx, "give their names, or write them into the line before the numbers of atoms");
        KR_TRY(KR_ERR_FORMAT);
    }
    if (n != r->kinds || *natoms == 0)
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "%d numbers of atoms for %d symbols, %d atoms", HERE(r), r->kinds, n,
                *natoms);
done:
    return status;
}

static kr_status read_atoms(poscar_reader *r, int natoms, const int index[KINDS], double scale, kr_frame *frame) {
    kr_status status = KR_OK;
    int at = 0;
    KR_TRY(next_line(r, "Direct or Cartesian"));
    kr_word mode = kr_word_trim(r->line);
    if (mode.n && strchr("sS", mode.text[0])) {
        KR_TRY(next_line(r, "Direct or Cartesian"));
        mode = kr_word_trim(r->line);
    }
    int cartesian = mode.n && strchr("cCkK", mode.text[0]) != NULL;
    /* a position takes six characters at least: numbers that the file cannot hold are refused before memory is asked */
    if ((size_t)(r->lines.end - r->lines.next) / 5 + 1 < (size_t)natoms)
        KR_FAIL(r->ctx, KR_ERR_FORMAT, AT "the file is too short for %d atoms", HERE(r), natoms);
    KR_TRY(kr_buffer_reserve(r->ctx, &r->type, (size_t)natoms, sizeof(int)));
    KR_TRY(kr_buffer_reserve(r->ctx, &r->coord, 3 * (size_t)natoms, sizeof(double)));
    int *type = r->type.data;
    double *coord = r->coord.data;
    for (int k = 0; k < r->kinds; k++)
        for (int i = 0; i < r->count[k]; i++, at++) {
            double s[3];
            type[at] = index[k];
            KR_TRY(numbers(r, "a position", 3, s));
            for (int c = 0; c < 3; c++)
                coord[3 * (size_t)at + (size_t)c] =
                    cartesian ? scale * s[c]
                              : s[0] * frame->box[c] + s[1] * frame->box[3 + c] + s[2] * frame->box[6 + c];
        }
    frame->natoms = natoms;
    frame->type = type;
    frame->coord = coord;
done:
    return status;
}

kr_status kr_poscar_parse(kr_context *ctx, const char *text, size_t length, const char *where,
                          const kr_read_options *options, kr_dataset *dataset) {
    kr_status status = KR_OK;
    poscar_reader r = {.ctx = ctx, .where = where, .lines = kr_lines_of(text, length)};
    kr_frame frame = {.pbc = {1, 1, 1}};
    int index[KINDS], natoms;
    double scale;
    KR_TRY(kr_builder_begin(ctx, where, 0, &r.builder));
    KR_TRY(next_line(&r, "the comment"));
    r.comment = r.line;
    KR_TRY(read_cell(&r, frame.box, &scale));
    KR_TRY(read_kinds(&r, options, index, &natoms));
    KR_TRY(read_atoms(&r, natoms, index, scale, &frame));
    KR_TRY(kr_builder_add(ctx, &r.builder, &frame));
    KR_TRY(kr_builder_finish(ctx, &r.builder, dataset));
done:
    kr_builder_clear(&r.builder);
    kr_buffer_free(&r.type);
    kr_buffer_free(&r.coord);
    return status;
}

kr_status kr_poscar_read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    return kr_text_read(ctx, path, kr_poscar_parse, options, dataset);
}

/* ---- writer ---- */

static void put_row(FILE *stream, const double *value) {
    char text[32];
    for (int c = 0; c < 3; c++) fprintf(stream, " %s", kr_format_real(value[c], text));
    fputc('\n', stream);
}

/* Atoms of one element stand together; their order within an element stays. */
static void put_frame(FILE *stream, const kr_frame *frame, const kr_names *names) {
    fputs("written by Kramers\n1\n", stream);
    for (int k = 0; k < 3; k++) put_row(stream, frame->box + 3 * k);
    for (int pass = 0; pass < 2; pass++) {
        for (int t = 0; t < names->n; t++) {
            int n = 0;
            for (int i = 0; i < frame->natoms; i++) n += frame->type[i] == t;
            if (n && pass == 0) fprintf(stream, " %s", names->name[t]);
            if (n && pass == 1) fprintf(stream, " %d", n);
        }
        fputc('\n', stream);
    }
    fputs("Cartesian\n", stream);
    for (int t = 0; t < names->n; t++)
        for (int i = 0; i < frame->natoms; i++)
            if (frame->type[i] == t) put_row(stream, frame->coord + 3 * (size_t)i);
}

kr_status kr_poscar_write(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    kr_status status = KR_OK;
    kr_frames frames = {NULL};
    kr_file_writer writer = {NULL, NULL, NULL};
    kr_frame frame;
    int n = 0, s = 0;
    for (int i = dataset->nsystems - 1; i >= 0; i--) {
        n += dataset->system[i]->nframes;
        if (dataset->system[i]->nframes > 0) s = i;
    }
    if (n != 1) KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s': a POSCAR holds 1 frame, the dataset has %d", path, n);
    KR_TRY(kr_file_target(ctx, path, overwrite));
    KR_TRY(kr_frames_begin(ctx, dataset, &frames));
    KR_TRY(kr_frames_get(ctx, &frames, s, 0, &frame));
    if (frames.anonymous || !(kr_box_volume(frame.box) > 0))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s': a POSCAR needs elements and a cell", path);
    KR_TRY(kr_file_begin(ctx, path, &writer));
    put_frame(writer.stream, &frame, &frames.names);
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    kr_frames_clear(&frames);
    return status;
}
