/* Batch sizes, probabilities of systems, order of frames.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Each system has an endless row of its frames, one shuffled pass after the other (Fisher–Yates with numbers of the
 * stream {seed, system, pass}); its batches are consecutive pieces of that row, so that every frame comes equally
 * often, also when the batch does not divide their number. Which system gives the batch of a step:
 *   by size       passes through all systems: system s occurs nbatches_s times in each, shuffled
 *   by probability (prob_uniform, blocks, sys_probs)   drawn independently at every step
 * How many batches a system gave before follows from the step alone: pass · nbatches_s plus those earlier in the pass,
 * or, drawn by probability, by counting the draws again. */
#include "training/sampler.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Draws of the data stream. */
enum { DRAW_FRAMES, DRAW_PASS, DRAW_SYSTEM, DRAW_RANDOM };
enum { PURPOSE_DATA = 0x6b10 };
enum { ORDER_EPOCH, ORDER_RANDOM, ORDER_GIVEN };

/* ---- batch sizes ------------------------------------------------------------------------------------------------- */

static int at_least_one(int x) { return x > 0 ? x : 1; }

/* "max:128" → max, 128; a word without number gives `number` = 0. */
static int split(const char *text, char word[16], int *number) {
    char *end;
    size_t n = strcspn(text, ":");
    if (n >= 16) return 0;
    memcpy(word, text, n);
    word[n] = 0;
    *number = 0;
    if (!text[n]) return 1;
    long value = strtol(text + n + 1, &end, 10);
    *number = (int)value;
    return end != text + n + 1 && !*end && value > 0 && value < 1 << 30;
}

int kr_sampler_word(const char *text) {
    char word[16];
    int number, good = split(text, word, &number);
    if (good && !strcmp(word, "auto")) return 1;
    return good && number > 0 && (!strcmp(word, "max") || !strcmp(word, "filter") || !strcmp(word, "mixed"));
}

/* All frames of all systems as one, for mixed:N. */
static kr_status merge_systems(kr_context *ctx, kr_data_set *d) {
    kr_status status = KR_OK;
    int total = 0, *entry = NULL;
    for (int s = 0; s < d->nsystems; s++) total += d->system[s].nframes;
    KR_NEW(ctx, entry, (size_t)total);
    total = 0;
    for (int s = 0; s < d->nsystems; s++) {
        memcpy(entry + total, d->system[s].entry, (size_t)d->system[s].nframes * sizeof *entry);
        total += d->system[s].nframes;
        d->system[s].nframes = 0;
    }
    kr_free(d->system[0].entry);
    d->system[0].entry = entry;
    d->system[0].nframes = total;
done:
    return status;
}

static kr_status word_sizes(kr_context *ctx, kr_data_set *d, const kr_tree *given, const char *where) {
    char word[16];
    int number = 0;
    if (!kr_sampler_word(given->string))
        return kr_parameter_fail(ctx, where, "batch_size", given,
                                 "found \"%.30s\", expected a number, a list, auto, auto:N, max:N, filter:N or mixed:N",
                                 given->string);
    split(given->string, word, &number);
    int automatic = !strcmp(word, "auto"), filter = !strcmp(word, "filter");
    if (!strcmp(word, "mixed")) {
        kr_status status = merge_systems(ctx, d);
        d->system[0].batch = number;
        return status;
    }
    for (int s = 0; s < d->nsystems; s++) {
        kr_data_system *y = &d->system[s];
        int n = number ? number : 32;
        y->batch = automatic ? (n + y->natoms - 1) / y->natoms : n / y->natoms;
        if (filter && y->natoms > n) y->nframes = 0;
    }
    return KR_OK;
}

static kr_status set_sizes(kr_context *ctx, kr_data_set *d, const kr_tree *given, const kr_tree *systems,
                           const char *where) {
    kr_status status = KR_OK;
    int entries = systems->kind == KR_TREE_LIST ? systems->count : 1;
    if (given->kind == KR_TREE_STRING) {
        KR_TRY(word_sizes(ctx, d, given, where));
    } else if (given->kind == KR_TREE_INT && given->integer > 0 && given->integer < 1 << 30) {
        for (int s = 0; s < d->nsystems; s++) d->system[s].batch = (int)given->integer;
    } else if (given->kind == KR_TREE_LIST && given->count == d->nsystems) {
        for (int s = 0; s < d->nsystems; s++) {
            const kr_tree *size = given->child[s];
            if (size->kind != KR_TREE_INT || size->integer < 1 || size->integer >= 1 << 30)
                KR_TRY(kr_parameter_fail(ctx, where, "batch_size", size, "expected positive numbers"));
            d->system[s].batch = (int)size->integer;
        }
    } else {
        KR_TRY(kr_parameter_fail(ctx, where, "batch_size", given,
                                 "expected a positive number, a word, or a list with one number for each of the %d "
                                 "systems (%d entries in systems)",
                                 d->nsystems, entries));
    }
    for (int s = 0; s < d->nsystems; s++) {
        kr_data_system *y = &d->system[s];
        y->batch = at_least_one(y->batch);
        if (y->nframes && y->batch > y->nframes) y->batch = y->nframes;
        y->nbatches = y->nframes ? at_least_one(y->nframes / y->batch) : 0;
        d->npass += y->nbatches;
    }
    if (d->npass == 0)
        KR_TRY(kr_parameter_fail(ctx, where, "systems", systems,
                                 "no frame is left (min_pair_dist, filter:N or numb_copy leave all out)"));
done:
    return status;
}

/* ---- probabilities ----------------------------------------------------------------------------------------------- */

/* Shares `total` among systems [a, b) by their number of batches. */
static int share(kr_data_set *d, int a, int b, double total) {
    double sum = 0;
    for (int s = a; s < b; s++) sum += d->system[s].nbatches;
    for (int s = a; s < b; s++) d->system[s].probability = sum > 0 ? total * d->system[s].nbatches / sum : 0;
    return sum > 0;
}

/* "prob_sys_size;0:2:0.3;2:5:0.7" */
static kr_status set_blocks(kr_context *ctx, kr_data_set *d, const char *text, const char *where) {
    double sum = 0;
    for (const char *c = strchr(text, ';'); c && c[1]; c = strchr(c + 1, ';')) {
        int a, b, used = 0;
        const char *end = NULL;
        const double w = sscanf(c + 1, "%d:%d:%n", &a, &b, &used) == 2 && used ? kr_read_real(c + 1 + used, &end) : 0;
        if (!end || end == c + 1 + used || (*end && *end != ';') || a < 0 || b <= a || b > d->nsystems || !(w >= 0))
            return kr_parameter_fail(ctx, where, "auto_prob", NULL,
                                     "found \"%.60s\", expected blocks first:last+1:weight of the %d systems", text,
                                     d->nsystems);
        if (!share(d, a, b, w))
            return kr_parameter_fail(ctx, where, "auto_prob", NULL, "block %d:%d has no frames", a, b);
        sum += w;
    }
    if (!(sum > 0)) return kr_parameter_fail(ctx, where, "auto_prob", NULL, "the weights of \"%.60s\" are all 0", text);
    for (int s = 0; s < d->nsystems; s++) d->system[s].probability /= sum;
    return KR_OK;
}

/* Negative entries share what the others leave. */
static kr_status set_given(kr_context *ctx, kr_data_set *d, const kr_tree *probs, const char *where) {
    double sum = 0, open = 0;
    if (probs->count != d->nsystems)
        return kr_parameter_fail(ctx, where, "sys_probs", probs, "found %d numbers for %d systems", probs->count,
                                 d->nsystems);
    for (int s = 0; s < d->nsystems; s++) {
        double p = probs->child[s]->real;
        if (p >= 0)
            sum += p;
        else
            open += d->system[s].nbatches;
    }
    if (sum > 1 + 1e-10 || (open == 0 && fabs(sum - 1) > 1e-3))
        return kr_parameter_fail(ctx, where, "sys_probs", probs, "the probabilities add up to %g, expected %s", sum,
                                 open > 0 ? "at most 1" : "1");
    for (int s = 0; s < d->nsystems; s++) {
        double p = probs->child[s]->real;
        d->system[s].probability = p >= 0 ? p : (1 - sum) * d->system[s].nbatches / open;
        if (d->system[s].probability > 0 && !d->system[s].nbatches)
            return kr_parameter_fail(ctx, where, "sys_probs", probs->child[s], "system %s has no frames to draw",
                                     d->system[s].name);
    }
    return KR_OK;
}

static kr_status set_probabilities(kr_context *ctx, kr_data_set *d, const kr_input_data *options, const char *where) {
    const char *style = options->auto_prob;
    int usable = 0;
    d->by_probability = 1;
    if (options->sys_probs) return set_given(ctx, d, options->sys_probs, where);
    if (!strncmp(style, "prob_sys_size;", 14)) return set_blocks(ctx, d, style, where);
    for (int s = 0; s < d->nsystems; s++) usable += d->system[s].nbatches > 0;
    if (!strcmp(style, "prob_uniform")) {
        for (int s = 0; s < d->nsystems; s++) d->system[s].probability = d->system[s].nbatches ? 1.0 / usable : 0;
        return KR_OK;
    }
    if (strcmp(style, "prob_sys_size"))
        return kr_parameter_fail(ctx, where, "auto_prob", NULL,
                                 "found \"%.60s\", expected prob_uniform, prob_sys_size or prob_sys_size;a:b:w;...",
                                 style);
    d->by_probability = 0;
    share(d, 0, d->nsystems, 1);
    return KR_OK;
}

kr_status kr_sampler_set(kr_context *ctx, kr_data_set *d, const kr_input_data *options, const char *where, int order,
                         uint64_t seed) {
    kr_status status = KR_OK;
    d->order = order;
    d->stream = (kr_stream){seed, PURPOSE_DATA};
    KR_TRY(set_sizes(ctx, d, options->batch_size, options->systems, where));
    KR_TRY(set_probabilities(ctx, d, options, where));
    KR_NEW(ctx, d->plan, (size_t)d->npass);
    KR_NEW(ctx, d->drawn, (size_t)d->nsystems);
    for (int s = 0; s < d->nsystems; s++) {
        KR_NEW(ctx, d->system[s].row, (size_t)d->system[s].nframes);
        d->system[s].row_epoch = -1;
    }
    d->pass = -1;
done:
    return status;
}

int kr_data_largest_batch(const kr_data_set *d) {
    int most = 1;
    for (int s = 0; s < d->nsystems; s++)
        if (d->system[s].nframes && d->system[s].batch > most) most = d->system[s].batch;
    return most;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* list [n] in a random order; (step, draw) names the shuffle. */
static void shuffle(kr_stream stream, uint64_t step, uint64_t draw, int n, int *list) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)kr_random_below(stream, step, (uint64_t)i, draw, (uint64_t)i + 1), keep = list[i];
        list[i] = list[j];
        list[j] = keep;
    }
}

/* The systems of one pass, in order. */
static void make_plan(kr_data_set *d, int64_t pass) {
    int n = 0;
    if (d->pass == pass) return;
    for (int s = 0; s < d->nsystems; s++)
        for (int b = 0; b < d->system[s].nbatches; b++) d->plan[n++] = s;
    if (d->order != ORDER_GIVEN) shuffle(d->stream, (uint64_t)pass, DRAW_PASS, n, d->plan);
    d->pass = pass;
}

static int draw_system(const kr_data_set *d, int64_t step) {
    double u = kr_random_uniform(d->stream, (uint64_t)step, 0, DRAW_SYSTEM), sum = 0;
    int last = 0;
    for (int s = 0; s < d->nsystems; s++) {
        if (!(d->system[s].probability > 0)) continue;
        sum += d->system[s].probability;
        last = s;
        if (u < sum) return s;
    }
    return last;
}

/* System of the step, and the number of batches that it gave before. */
static int choose(kr_data_set *d, int64_t step, int64_t *before) {
    if (d->by_probability) {
        if (step < d->at) {
            memset(d->drawn, 0, (size_t)d->nsystems * sizeof *d->drawn);
            d->at = 0;
        }
        for (; d->at < step; d->at++) d->drawn[draw_system(d, d->at)]++;
        int s = draw_system(d, step);
        *before = d->drawn[s];
        return s;
    }
    int64_t pass = step / d->npass;
    int k = (int)(step % d->npass);
    make_plan(d, pass);
    int s = d->plan[k];
    *before = pass * d->system[s].nbatches;
    for (int i = 0; i < k; i++) *before += d->plan[i] == s;
    return s;
}

int kr_data_entry(kr_data_set *d, int s, int64_t position) {
    kr_data_system *y = &d->system[s];
    int64_t epoch = position / y->nframes;
    int k = (int)(position % y->nframes);
    if (d->order == ORDER_GIVEN) return y->entry[k];
    if (d->order == ORDER_RANDOM) {
        uint64_t drawn = kr_random_below(d->stream, (uint64_t)position, (uint64_t)s, DRAW_RANDOM, (uint64_t)y->nframes);
        return y->entry[drawn];
    }
    if (y->row_epoch != epoch) {
        kr_stream own = {d->stream.seed, d->stream.purpose + 1 + (uint64_t)s};
        memcpy(y->row, y->entry, (size_t)y->nframes * sizeof *y->row);
        shuffle(own, (uint64_t)epoch, DRAW_FRAMES, y->nframes, y->row);
        y->row_epoch = epoch;
    }
    return y->row[k];
}

kr_status kr_data_batch(kr_context *ctx, kr_data_set *d, int64_t step, kr_training_frame **frames, kr_batch *batch) {
    int64_t before;
    if (step < 0) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_data_batch: step is %lld", (long long)step);
    int s = choose(d, step, &before), n = d->system[s].batch;
    for (int i = 0; i < n; i++) frames[i] = d->frame[kr_data_entry(d, s, before * n + i)];
    kr_batch_set(batch, n, frames);
    return KR_OK;
}
