/* Labellers on damaged outputs and on those of other versions: never a success that is none.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "recorded_labels.h"
#include <sys/stat.h>

/* One recorded calculation, of which one file is damaged. */
typedef struct recorded {
    const char *labeller, *place, *file;
    const char *others[3];
    const kr_label_frame *frame;
    int is_complete_only; /* the file says nothing when it is cut */
} recorded;

static const recorded cases[] = {
    {QE, DATA "qe/", "pw.out", {"out/kr.save/data-file-schema.xml"}, &al_frame, 0},
    {QE, DATA "qe/", "out/kr.save/data-file-schema.xml", {"pw.out"}, &al_frame, 1},
    {CP2K, DATA "cp2k/", "cp2k.out", {NULL}, &water_frame, 0},
    {XTB, DATA "xtb/", "gradient", {"xtb.out", "stderr"}, &molecule_frame, 1},
    {XTB, DATA "xtb/", "stderr", {"xtb.out", "gradient"}, &molecule_frame, 0},
};

static void lay_out(kr_context *ctx, const recorded *c) {
    char path[128];
    snprintf(path, sizeof path, "%s/out", kr_test_folder);
    mkdir(path, 0777);
    strcat(path, "/kr.save");
    mkdir(path, 0777);
    for (int i = 0; i < 3 && c->others[i]; i++) {
        size_t n;
        char *text = load(ctx, c->place, c->others[i], &n);
        write_file(c->others[i], text, n);
        kr_free(text);
    }
}

/* Cut after every line and in the middle of every line: success only with the numbers of the whole file. */
static void test_truncated(void **state) {
    kr_context *ctx = *state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const recorded *c = &cases[k];
        kr_labeller *labeller = make(ctx, c->labeller);
        double whole[12], energy, virial[9];
        size_t n;
        int refused = 0;
        char *text = load(ctx, c->place, c->file, &n);
        lay_out(ctx, c);
        write_file(c->file, text, n);
        kr_label_result r = read_from(ctx, labeller, c->frame, kr_test_folder, 0);
        assert_int_equal(r.outcome, KR_OUTCOME_DONE);
        int natoms = c->frame->frame->natoms;
        memcpy(whole, force, sizeof whole);
        memcpy(virial, r.virial, sizeof virial);
        energy = r.energy;
        for (size_t cut = 0; cut < n; cut++) {
            int line_end = text[cut] == '\n', middle = cut % 37 == 0 || n - cut < 400;
            if (!line_end && !middle) continue;
            write_file(c->file, text, cut);
            r = read_from(ctx, labeller, c->frame, kr_test_folder, 0);
            refused += r.outcome != KR_OUTCOME_DONE;
            if (r.outcome != KR_OUTCOME_DONE) continue;
            assert_false(c->is_complete_only && cut + 10 < n);
            assert_true(r.energy == energy && !memcmp(force, whole, 3 * (size_t)natoms * sizeof(double)));
            if (r.has_virial) assert_memory_equal(r.virial, virial, sizeof virial);
        }
        assert_true(refused > 0);
        kr_free(text);
        kr_labeller_destroy(&labeller);
    }
}

/* A new string with the first `from` replaced. */
static char *replaced(kr_context *ctx, const char *text, const char *from, const char *to) {
    size_t n = strlen(from), at = 0;
    while (text[at] && strncmp(text + at, from, n)) at++;
    if (!text[at]) print_error("'%s' is not there\n", from);
    assert_true(text[at] != 0);
    return kr_strprintf(ctx, "%.*s%s%s", (int)at, text, to, text + at + n);
}

/* Fortran's stars and NaN in the place of any number of the blocks that are read: refused. */
static void test_stars(void **state) {
    kr_context *ctx = *state;
    static const struct {
        int where;
        const char *from, *to;
    } damage[] = {
        {0, "!    total energy              =     -16.74314657", "!    total energy              =     ************"},
        {1, "-4.528327747467253e-3", "NaN"},
        {1, "<etot>-8.371573282626604e0", "<etot>********"},
        {1, "<etot>-8.371573282626604e0", "<etot>-8.371574282626604e0"}, /* disagrees with the printed one */
        {1, "1.708472907126236e-3", ""},                                 /* a number too few */
        {2, "energy [a.u.]:               -5.768829728302029", "energy [a.u.]:               ******************"},
        {2, "0.00161615", "**********"},
        {2, "energy [a.u.]:", "energy [miles]:"},
        {2, "[GPa]", "[psi]"},
        {2, "     3      2      H", "     2      2      H"},
        {3, "-4.4262812903951E-03", "NaN"},
        {3, "-5.07037076185", "*************"},
    };
    for (size_t k = 0; k < sizeof damage / sizeof *damage; k++) {
        const recorded *c = &cases[damage[k].where];
        kr_labeller *labeller = make(ctx, c->labeller);
        size_t n;
        char *text = load(ctx, c->place, c->file, &n);
        char *damaged = replaced(ctx, text, damage[k].from, damage[k].to);
        lay_out(ctx, c);
        write_file(c->file, damaged, strlen(damaged));
        kr_label_result r = read_from(ctx, labeller, c->frame, kr_test_folder, 0);
        if (r.outcome != KR_OUTCOME_BAD_OUTPUT) print_error("'%s' → '%s'\n", damage[k].from, damage[k].to);
        assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
        kr_free(damaged);
        kr_free(text);
        kr_labeller_destroy(&labeller);
    }
}

/* The same calculation as other versions write it. */
static void test_other_versions(void **state) {
    kr_context *ctx = *state;
    static const char mark[] = "<convergence_achieved>true</convergence_achieved>";
    static const struct {
        int where;
        const char *from, *to;
        kr_outcome outcome;
    } versions[] = {
        {1, mark, "", KR_OUTCOME_DONE}, /* pw.x 6.2 and 6.3 */
        {1, mark, "<convergence_achieved>false</convergence_achieved>", KR_OUTCOME_NOT_CONVERGED},
        {1, mark, "<convergence_achieved> true </convergence_achieved>", KR_OUTCOME_DONE},
        {2, "energy [a.u.]:", "energy (a.u.):", KR_OUTCOME_DONE},             /* CP2K to 6.1 */
        {2, "energy [a.u.]:", "energy [hartree]:", KR_OUTCOME_DONE},          /* from 2024.2 */
        {3, "-4.4262812903951E-03", "-4.4262812903951D-03", KR_OUTCOME_DONE}, /* xtb 6.2 */
        {4, "normal termination of xtb", "-1- scf: Self consistent charge iterator did not converge",
         KR_OUTCOME_NOT_CONVERGED}, /* told in the other stream */
    };
    for (size_t k = 0; k < sizeof versions / sizeof *versions; k++) {
        const recorded *c = &cases[versions[k].where];
        kr_labeller *labeller = make(ctx, c->labeller);
        size_t n;
        char *text = load(ctx, c->place, c->file, &n), *other = replaced(ctx, text, versions[k].from, versions[k].to);
        lay_out(ctx, c);
        write_file(c->file, text, n);
        kr_label_result r = read_from(ctx, labeller, c->frame, kr_test_folder, 0), now;
        double first = force[0];
        write_file(c->file, other, strlen(other));
        now = read_from(ctx, labeller, c->frame, kr_test_folder, 0);
        if (now.outcome != versions[k].outcome) print_error("'%s': %s\n", versions[k].to, now.message);
        assert_int_equal(now.outcome, versions[k].outcome);
        if (now.outcome == KR_OUTCOME_DONE) assert_true(now.energy == r.energy && force[0] == first);
        kr_free(other);
        kr_free(text);
        kr_labeller_destroy(&labeller);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_truncated, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_stars, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_other_versions, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
