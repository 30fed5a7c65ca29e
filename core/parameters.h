/* Tables of parameters: one table gives strict parsing, completed inputs with defaults, and help text.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A section of an input file is a MAP; its table lists every key. Reading checks kind, range and spelling of each key
 * (unknown keys are refused with the nearest valid one, line and column), drops keys that begin with '_' (comments),
 * resolves aliases and fills in defaults:
 *
 *     static const kr_parameter table[] = {
 *         {.name = "dt_fs", .type = KR_PARAMETER_REAL, .offset = offsetof(settings, dt), .initial = "0.5", .unit =
 * "fs", .range = "> 0", .help = "time step"}, {0}}; KR_TRY(kr_parameters_read(ctx, table, given, "dynamics", &settings,
 * &complete)); … kr_tree_destroy(&complete);       after the last use of strings and lists in settings, which it owns
 *
 * A section inside a section is a KR_PARAMETER_TREE, read by a second call with its own table. */
#ifndef KR_CORE_PARAMETERS_H
#define KR_CORE_PARAMETERS_H

#include "core/tree.h"

/* What is accepted, and what is stored at the offset. */
typedef enum kr_parameter_type {
    KR_PARAMETER_FLAG,   /* true, false          int */
    KR_PARAMETER_INT,    /* integer              int; null: KR_PARAMETER_NULL */
    KR_PARAMETER_LONG,   /* integer              int64_t; null: KR_PARAMETER_NULL */
    KR_PARAMETER_REAL,   /* finite number        double; null: NaN */
    KR_PARAMETER_TEXT,   /* string               const char *; null: NULL */
    KR_PARAMETER_CHOICE, /* a word of `allowed`  int: its place there */
    KR_PARAMETER_INTS,   /* list of integers     const kr_tree *; null: NULL. See kr_parameter_ints */
    KR_PARAMETER_REALS,  /* list of numbers      const kr_tree *; null: NULL. See kr_parameter_reals */
    KR_PARAMETER_TEXTS,  /* list of strings      const kr_tree *; null: NULL */
    KR_PARAMETER_TREE    /* anything             const kr_tree *; null: NULL. The caller looks closer */
} kr_parameter_type;
#define KR_PARAMETER_NULL INT32_MIN

typedef struct kr_parameter {
    const char *name;    /* NULL ends the table */
    const char *aliases; /* other spellings, separated by blanks; NULL = none */
    kr_parameter_type type;
    size_t offset;       /* of the field in the target; KR_PARAMETER_UNUSED: checked and completed, not stored */
    const char *initial; /* default as JSON; "" = absent (stored as null); NULL = the key is required */
    const char *unit;    /* "A", "eV/A"; NULL = none */
    const char *range;   /* of numbers and list elements: "> 0", ">= 1", "[0, 1)"; NULL = any */
    const char *allowed; /* CHOICE: "exp|cosine|wsd"; the first spelling is the one that is kept in "a=b" pairs */
    const char *help;    /* one line */
    /* A sentence that refuses every value but the default ("tensor fitting is not supported"), or, when it begins
     * with '~', a warning ("~there is no profiler"). NULL = every value is fine. */
    const char *refusal;
} kr_parameter;
#define KR_PARAMETER_UNUSED ((size_t)-1)

/* `given` (NULL = an empty map) is checked against the table and stored in `target`; what is absent or null where null
 * is no value takes its default. `where` names the section in messages ("model.descriptor"). *complete: the section
 * with canonical names and defaults, in the order of the input, then of the table; it owns what target points to. */
kr_status kr_parameters_read(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                             void *target, kr_tree **complete);
/* With a function for mistakes in the context (kr_context_set_mistake), all mistakes of the section are told before
 * kr_parameters_read fails. This one does not fail then: what does not fit takes its default, what is missing is null,
 * *mistakes counts them. Without such a function it fails at the first, as the other does. */
kr_status kr_parameters_survey(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                               void *target, kr_tree **complete, int *mistakes);
/* Puts a completed section in the place of the raw one: complete[key] ← *child (taken). */
kr_status kr_parameters_nest(kr_context *ctx, kr_tree *complete, const char *key, kr_tree **child);

/* Elements of a list that was checked (or of a single number); new array by kr_free, NULL for a NULL list. */
kr_status kr_parameter_ints(kr_context *ctx, const kr_tree *list, int *n, int **values);
kr_status kr_parameter_reals(kr_context *ctx, const kr_tree *list, int *n, double **values);

/* One line per parameter, "  name (alias)  type, unit, range, default: help", each handed to `line`. */
void kr_parameters_describe(const kr_parameter *table, void (*line)(const char *text, void *payload), void *payload);

/* KR_ERR_FORMAT with "where.key: message (line, column)": for what the table cannot know. */
kr_status kr_parameter_fail(kr_context *ctx, const char *where, const char *key, const kr_tree *value,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
