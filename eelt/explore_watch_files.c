/* The files of a watch, and its state for restarts.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Candidates are appended to "candidates.xyz.part", which the end of the run renames; the summary says how many bytes
 * of it belong to the counts, so that a reader (and a restarted run) can cut off what a killed program wrote last. All
 * other files are small and are written whole, to a temporary name, then renamed: during the run without waiting for
 * the disk, at its end with sync. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/explore_watch.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static char *path_of(kr_context *ctx, const kr_watch *w, const char *name, const char *suffix) {
    return kr_strprintf(ctx, "%s/%s%s", w->options.folder, name, suffix);
}

/* ---- candidates ---- */

static void close_candidates(kr_watch *w) {
    if (w->candidates) fclose(w->candidates);
    w->candidates = NULL;
}

kr_status kr_watch_rewind(kr_context *ctx, kr_watch *w, int64_t bytes) {
    kr_status status = KR_OK;
    char *part = path_of(ctx, w, w->options.candidates, ".part"), *whole = path_of(ctx, w, w->options.candidates, "");
    if (!part || !whole) KR_TRY(KR_ERR_MEMORY);
    close_candidates(w);
    w->candidate_bytes = bytes;
    /* a run that had ended is continued */
    if (!kr_file_exists(part) && kr_file_exists(whole)) rename(whole, part);
    if (bytes == 0) {
        unlink(part);
        goto done;
    }
    w->candidates = fopen(part, "r+b");
    int64_t found = -1;
    if (w->candidates && fseek(w->candidates, 0, SEEK_END) == 0) found = ftell(w->candidates);
    if (found < bytes) {
        close_candidates(w);
        KR_FAIL(ctx, KR_ERR_IO, "'%s' has %" PRId64 " bytes, the restarted run had written %" PRId64, part,
                found < 0 ? (int64_t)0 : found, bytes);
    }
    if (ftruncate(fileno(w->candidates), (off_t)bytes) != 0 || fseek(w->candidates, (long)bytes, SEEK_SET) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "cannot cut '%s': %s", part, strerror(errno));
done:
    kr_free(part);
    kr_free(whole);
    return status;
}

kr_status kr_watch_write_candidate(kr_context *ctx, kr_watch *w, const kr_held *frame) {
    kr_status status = KR_OK;
    char *part = NULL;
    w->text.length = 0;
    KR_TRY(kr_held_print(ctx, frame, (const char *const *)w->names.name, &w->text));
    if (!w->candidates && w->candidate_bytes > 0) KR_TRY(kr_watch_rewind(ctx, w, w->candidate_bytes));
    part = path_of(ctx, w, w->options.candidates, ".part");
    if (!part) KR_TRY(KR_ERR_MEMORY);
    if (!w->candidates) w->candidates = fopen(part, "wb");
    if (!w->candidates || fwrite(w->text.data, 1, w->text.length, w->candidates) != w->text.length ||
        fflush(w->candidates) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", part, strerror(errno));
    w->candidate_bytes += (int64_t)w->text.length;
done:
    kr_free(part);
    return status;
}

static kr_status publish_candidates(kr_context *ctx, kr_watch *w) {
    kr_status status = KR_OK;
    char *part = path_of(ctx, w, w->options.candidates, ".part"), *whole = path_of(ctx, w, w->options.candidates, "");
    if (!part || !whole) KR_TRY(KR_ERR_MEMORY);
    if (w->candidates && (fflush(w->candidates) != 0 || fsync(fileno(w->candidates)) != 0))
        KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", part, strerror(errno));
    close_candidates(w);
    kr_file_point();
    if (kr_file_exists(part) && rename(part, whole) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "cannot rename to '%s': %s", whole, strerror(errno));
done:
    kr_free(part);
    kr_free(whole);
    return status;
}

/* ---- small files ---- */

/* w->text under `name`; an empty text removes it. */
static kr_status put(kr_context *ctx, kr_watch *w, const char *name, int durable) {
    kr_status status = KR_OK;
    FILE *stream = NULL;
    char *path = path_of(ctx, w, name, ""), *fresh = path_of(ctx, w, name, ".tmp");
    if (!path || !fresh) KR_TRY(KR_ERR_MEMORY);
    if (w->text.length == 0) {
        unlink(path);
        goto done;
    }
    if (durable) {
        status = kr_file_write(ctx, w->options.folder, name, w->text.data, w->text.length);
        goto done;
    }
    stream = fopen(fresh, "wb");
    int bad = !stream || fwrite(w->text.data, 1, w->text.length, stream) != w->text.length;
    if (stream) bad |= fclose(stream) != 0;
    kr_file_point();
    if (bad || rename(fresh, path) != 0) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
done:
    kr_free(path);
    kr_free(fresh);
    return status;
}

static kr_status put_level(kr_context *ctx, kr_string *out, const char *key, double value) {
    char text[32];
    return kr_string_printf(ctx, out, ", \"%s\": %s", key, isfinite(value) ? kr_format_real(value, text) : "null");
}

static kr_status print_summary(kr_context *ctx, const kr_watch *w, kr_string *out) {
    kr_status status = KR_OK;
    const kr_watch_counts *c = &w->counts;
    const kr_watch_options *o = &w->options;
    KR_TRY(kr_string_printf(ctx, out, "{\n  \"format\": 1,\n  \"end\": \"%s\",\n  \"steps\": %" PRId64 ",\n",
                            kr_end_word(w->end), w->end == KR_END_RUNNING ? c->last_step : w->end_step));
    KR_TRY(kr_string_printf(ctx, out, "  \"sampled\": %" PRId64, c->sampled));
    for (int k = 0; k < KR_CLASS_COUNT; k++)
        KR_TRY(kr_string_printf(ctx, out, ", \"%s\": %" PRId64, kr_class_word((kr_class)k), c->by_class[k]));
    KR_TRY(kr_string_printf(ctx, out,
                            ",\n  \"first_step\": %" PRId64 ", \"last_step\": %" PRId64 ", \"failed_in_row\": %" PRId64
                            ", \"last_failure\": \"%s\",\n  \"candidate_bytes\": %" PRId64 ",\n",
                            c->first_step, c->last_step, c->in_row,
                            c->by_class[KR_CLASS_FAILED] ? kr_end_word(w->last_reason) : "none", w->candidate_bytes));
    KR_TRY(kr_string_printf(ctx, out, "  \"levels\": {\"reservoir\": %d, \"correlation_steps\": %" PRId64, o->reservoir,
                            o->correlation));
    KR_TRY(put_level(ctx, out, "f_lo", o->f_lo));
    KR_TRY(put_level(ctx, out, "f_hi", o->f_hi));
    KR_TRY(put_level(ctx, out, "v_lo", o->v_lo));
    KR_TRY(put_level(ctx, out, "v_hi", o->v_hi));
    KR_TRY(kr_string_printf(ctx, out, "},\n  \"histogram\": {\"least\": %g, \"per_decade\": %d, \"counts\": [",
                            KR_WATCH_LEAST, KR_WATCH_DECADE));
    for (int b = 0; b < KR_WATCH_BINS; b++)
        KR_TRY(kr_string_printf(ctx, out, "%s%" PRId64, b ? ", " : "", c->histogram[b]));
    KR_TRY(kr_string_puts(ctx, out, "]}\n}\n"));
done:
    return status;
}

kr_status kr_watch_write(kr_context *ctx, kr_watch *w, kr_watch_extent extent) {
    kr_status status = KR_OK;
    const char *const *names = (const char *const *)w->names.name;
    int durable = extent == KR_WATCH_LAST;
    if (durable) KR_TRY(publish_candidates(ctx, w));
    if (extent == KR_WATCH_SUMMARY) goto summary;
    w->text.length = 0;
    KR_TRY(kr_reservoir_print(ctx, &w->reservoir, names, &w->text));
    KR_TRY(put(ctx, w, w->options.accurate, durable));
    w->text.length = 0;
    for (int i = 0; i < w->nfailed; i++) KR_TRY(kr_held_print(ctx, &w->failed[i], names, &w->text));
    KR_TRY(put(ctx, w, w->options.failed, durable));
    w->text.length = 0;
    if (w->has_last_good) KR_TRY(kr_held_print(ctx, &w->last_good, names, &w->text));
    KR_TRY(put(ctx, w, w->options.last_good, durable));
summary:
    w->text.length = 0;
    KR_TRY(print_summary(ctx, w, &w->text));
    KR_TRY(put(ctx, w, w->options.summary, durable)); /* last: it vouches for the others */
done:
    return status;
}

kr_status kr_watch_clean(kr_context *ctx, kr_watch *w) {
    kr_status status = KR_OK;
    const char *const names[] = {w->options.summary, w->options.candidates, w->options.accurate, w->options.failed,
                                 w->options.last_good};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_of(ctx, w, names[i], "");
        if (!path) KR_TRY(KR_ERR_MEMORY);
        unlink(path);
        kr_free(path);
    }
    KR_TRY(kr_watch_rewind(ctx, w, 0));
done:
    return status;
}

/* ---- state ---- */

static const char magic[8] = "krwatch1";

kr_status kr_watch_pack(kr_context *ctx, const kr_watch *w, void **state, size_t *bytes) {
    kr_status status = KR_OK;
    kr_string out = {0};
    *state = NULL;
    KR_TRY(kr_bytes_put(ctx, &out, magic, sizeof magic));
    KR_TRY(kr_bytes_put(ctx, &out, &w->counts, sizeof w->counts));
    KR_TRY(kr_bytes_put(ctx, &out, &w->last_reason, sizeof w->last_reason));
    KR_TRY(kr_bytes_put(ctx, &out, &w->volume_per_atom, sizeof w->volume_per_atom));
    KR_TRY(kr_bytes_put(ctx, &out, &w->candidate_bytes, sizeof w->candidate_bytes));
    KR_TRY(kr_bytes_put(ctx, &out, &w->nfailed, sizeof w->nfailed));
    KR_TRY(kr_bytes_put(ctx, &out, &w->has_last_good, sizeof w->has_last_good));
    for (int i = 0; i < w->nfailed; i++) KR_TRY(kr_held_pack(ctx, &w->failed[i], &out));
    if (w->has_last_good) KR_TRY(kr_held_pack(ctx, &w->last_good, &out));
    KR_TRY(kr_reservoir_pack(ctx, &w->reservoir, &out));
    *state = out.data;
    *bytes = out.length;
    out.data = NULL;
done:
    kr_free(out.data);
    return status;
}

void kr_watch_free_state(void *state) { kr_free(state); }

kr_status kr_watch_unpack(kr_context *ctx, kr_watch *w, const void *state, size_t bytes) {
    kr_status status = KR_OK;
    kr_bytes in = {state, bytes, 0, w->names.n};
    char found[sizeof magic];
    int64_t candidate_bytes;
    int nfailed;
    kr_reservoir_clear(&w->reservoir);
    kr_bytes_take(&in, found, sizeof found);
    if (memcmp(found, magic, sizeof magic) != 0) in.bad = 1;
    kr_bytes_take(&in, &w->counts, sizeof w->counts);
    kr_bytes_take(&in, &w->last_reason, sizeof w->last_reason);
    kr_bytes_take(&in, &w->volume_per_atom, sizeof w->volume_per_atom);
    kr_bytes_take(&in, &candidate_bytes, sizeof candidate_bytes);
    kr_bytes_take(&in, &nfailed, sizeof nfailed);
    kr_bytes_take(&in, &w->has_last_good, sizeof w->has_last_good);
    if (nfailed < 0 || nfailed > w->options.failed_frames) in.bad = 1;
    for (w->nfailed = 0; !in.bad && w->nfailed < nfailed; w->nfailed++)
        KR_TRY(kr_held_unpack(ctx, &w->failed[w->nfailed], &in));
    if (w->has_last_good) KR_TRY(kr_held_unpack(ctx, &w->last_good, &in));
    KR_TRY(kr_reservoir_unpack(ctx, &w->reservoir, &in));
    if (in.bad || in.left || candidate_bytes < 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "the state of the examination in the restart file is damaged");
    w->end = KR_END_RUNNING;
    KR_TRY(kr_watch_rewind(ctx, w, candidate_bytes));
done:
    return status;
}
