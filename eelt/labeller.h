/* Labellers: programs that compute energy, forces and virial of a frame, and how to know that they did.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Success = the exit status as expected ∧ the program's own mark of convergence ∧ energy, all forces (and the stress
 * when it is asked for) present and finite ∧ |Σ F|/N and |F|max within limits. Nothing less. A kind is one const
 * record at the bottom of labeller_<kind>.c and one line of labeller_kinds.def. Units here: Å, eV, eV/Å; virial eV,
 * positive under compression. */
#ifndef KR_EELT_LABELLER_H
#define KR_EELT_LABELLER_H

#include "core/frames.h"
#include "core/text.h"
#include "core/tree.h"
#include "eelt/digest.h"
#include "eelt/outcome.h"

/* Units of the programs (CODATA 2018). */
#define KR_HARTREE_EV 27.211386245988
#define KR_RYDBERG_EV (KR_HARTREE_EV / 2)
#define KR_BOHR_A 0.529177210903
#define KR_EV_PER_A3_GPA 160.2176634

typedef struct kr_label_frame {
    const kr_frame *frame;    /* types index names */
    const char *const *names; /* element symbols */
} kr_label_frame;

typedef struct kr_label_result {
    double energy, *force; /* force [natoms][3], room by the caller */
    double virial[9];
    int has_virial;
    kr_outcome outcome;
    char message[256]; /* why not, when outcome is not DONE */
} kr_label_result;

typedef struct kr_labeller_kind {
    const char *name, *summary, *reference;
    /* options: JSON object of the labeller, strict. base: folder that relative paths refer to. */
    kr_status (*create)(kr_context *ctx, const kr_tree *options, const char *base, void **state);
    void (*destroy)(void **state);
    /* Everything that determines the numbers: version, input without paths, content of potential files. */
    kr_status (*fingerprint)(kr_context *ctx, const void *state, kr_digest *digest);
    /* Writes the inputs for this frame and the shell command; `tries` failures came before (retry ladder).
     * KR_ERR_ARGUMENT or KR_ERR_UNSUPPORTED: this frame cannot be labelled by this kind. */
    kr_status (*prepare)(kr_context *ctx, const void *state, const kr_label_frame *frame, int tries, const char *folder,
                         kr_string *command);
    /* Sets the result, with outcome and message; an error only when memory runs out. */
    kr_status (*read)(kr_context *ctx, const void *state, const kr_label_frame *frame, const char *folder,
                      const kr_usage *usage, kr_label_result *result);
    const char *bulk; /* folder below the task's that holds only large files nobody needs afterwards; NULL = none */
} kr_labeller_kind;

int kr_labeller_count(void);
const kr_labeller_kind *kr_labeller_at(int index);
const kr_labeller_kind *kr_labeller_find(const char *name);

/* What is checked of every label. */
typedef struct kr_label_limits {
    double net_force; /* eV/Å per atom, default 0.02 */
    double f_max;     /* eV/Å, default 50 */
    int stress;       /* the virial is required */
} kr_label_limits;

typedef struct kr_labeller kr_labeller;

/* `object`: {"engine": name, …options…, "checks": {"net_force_eV_per_A", "f_max_eV_per_A", "stress"}}. */
kr_status kr_labeller_create(kr_context *ctx, const kr_tree *object, const char *base, kr_labeller **labeller);
void kr_labeller_destroy(kr_labeller **labeller);
const kr_labeller_kind *kr_labeller_get_kind(const kr_labeller *labeller);
/* SHA-256 of structure and labeller: one label, wherever and however it is computed. */
kr_status kr_labeller_key(kr_context *ctx, const kr_labeller *labeller, const kr_label_frame *frame, char key[65]);
kr_status kr_labeller_prepare(kr_context *ctx, const kr_labeller *labeller, const kr_label_frame *frame, int tries,
                              const char *folder, kr_string *command);
/* Reads and checks. */
kr_status kr_labeller_read(kr_context *ctx, const kr_labeller *labeller, const kr_label_frame *frame,
                           const char *folder, const kr_usage *usage, kr_label_result *result);

/* ---- for the kinds ---- */

/* Sets outcome and message; returns KR_OK. */
kr_status kr_label_refuse(kr_label_result *result, kr_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A text file of the task's folder; *text NULL when it is absent. */
kr_status kr_label_text(kr_context *ctx, const char *folder, const char *name, char **text, size_t *length);
kr_status kr_label_write(kr_context *ctx, const char *folder, const char *name, const kr_string *text);
/* Puts the place of the key "template" before the message; returns the status. */
kr_status kr_label_template_failed(kr_context *ctx, const kr_tree *options, kr_status status);
/* Relative to base unless absolute; new string. */
char *kr_label_path(kr_context *ctx, const char *base, const char *path);

#endif
