/* Labellers on recorded outputs: the right numbers, and never a success that is none.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/labeller.h"
#include "eelt/structure.h"
#include "eelt/xml.h"
#include "kr_test.h"
#include "test_folder.h"
#include <sys/stat.h>
#include <unistd.h>

#define DATA KR_TEST_DATA "/labellers/"

/* The structures of the recorded outputs. */
static const int al_type[4] = {0, 0, 0, 0};
static const double al_coord[12] = {0.05, 0, 0, 0, 2, 2.03, 2, 0, 2, 2, 2.02, 0};
static const kr_frame al = {
    .natoms = 4, .type = al_type, .coord = al_coord, .box = {4, 0, 0, 0, 4, 0, 0, 0, 4}, .pbc = {1, 1, 1}};
static const char *const al_names[] = {"Al"};
static const int water_type[3] = {0, 1, 1};
static const double water_coord[9] = {0, 0, 0.1173, 0, 0.7572, -0.4692, 0, -0.7572, -0.4692};
static const kr_frame water = {
    .natoms = 3, .type = water_type, .coord = water_coord, .box = {9, 0, 0, 0, 9, 0, 0, 0, 9}, .pbc = {1, 1, 1}};
static const kr_frame molecule = {.natoms = 3, .type = water_type, .coord = water_coord};
static const char *const water_names[] = {"O", "H"};
static const kr_label_frame al_frame = {&al, al_names}, water_frame = {&water, water_names},
                            molecule_frame = {&molecule, water_names};

static kr_labeller *make(kr_context *ctx, const char *text) {
    kr_tree *tree;
    kr_labeller *labeller;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    kr_assert_ok(ctx, kr_labeller_create(ctx, tree, DATA, &labeller));
    kr_tree_destroy(&tree);
    return labeller;
}

static void refuse(kr_context *ctx, const char *text, const char *message) {
    kr_tree *tree;
    kr_labeller *labeller;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    assert_int_not_equal(kr_labeller_create(ctx, tree, DATA, &labeller), KR_OK);
    if (!strstr(kr_context_message(ctx), message)) {
        print_error("message: %s\nexpected: %s\n", kr_context_message(ctx), message);
        fail();
    }
    kr_tree_destroy(&tree);
}

#define QE "{\"engine\": \"qe\", \"template\": \"qe_template.in\"}"
#define CP2K "{\"engine\": \"cp2k\", \"template\": \"cp2k_template.inp\"}"
#define XTB "{\"engine\": \"xtb\"}"

static double force[12];
static kr_label_result read_from(kr_context *ctx, const kr_labeller *labeller, const kr_label_frame *frame,
                                 const char *place, int exit_status) {
    kr_usage usage = {.exit_status = exit_status};
    kr_label_result result = {.force = force};
    kr_assert_ok(ctx, kr_labeller_read(ctx, labeller, frame, place, &usage, &result));
    return result;
}

static void test_qe(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, QE);
    kr_label_result r = read_from(ctx, labeller, &al_frame, DATA "qe", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy / KR_RYDBERG_EV, -16.74314657, 1e-8, 0);
    const double first[3] = {-0.00905666, 0.00230639, 0.00341269}; /* Ry/bohr */
    for (int c = 0; c < 3; c++) kr_assert_near(force[c] * KR_BOHR_A / KR_RYDBERG_EV, first[c], 1e-8, 0);
    assert_true(r.has_virial);
    double pressure = (r.virial[0] + r.virial[4] + r.virial[8]) / 3 / 64 * KR_EV_PER_A3_GPA * 10; /* kbar */
    kr_assert_near(pressure, -28.45, 0.006, 0);
    r = read_from(ctx, labeller, &al_frame, DATA "qe_unconverged", 2);
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    r = read_from(ctx, labeller, &al_frame, DATA "qe_unconverged", 0); /* a wrapper that loses the status */
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    r = read_from(ctx, labeller, &al_frame, DATA "qe", 1);
    assert_int_equal(r.outcome, KR_OUTCOME_CRASHED);
    r = read_from(ctx, labeller, &al_frame, DATA "xtb", 0); /* no output of pw.x at all */
    assert_int_equal(r.outcome, KR_OUTCOME_CRASHED);
    kr_labeller_destroy(&labeller);
}

static void test_cp2k(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, CP2K);
    kr_label_result r = read_from(ctx, labeller, &water_frame, DATA "cp2k", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy / KR_HARTREE_EV, -5.768829728302029, 1e-13, 0);
    kr_assert_near(force[2] * KR_BOHR_A / KR_HARTREE_EV, -0.00323230, 1e-12, 0);
    kr_assert_near((r.virial[0] + r.virial[4] + r.virial[8]) / 3 / 729 * KR_EV_PER_A3_GPA, 8.15391305674e-3, 1e-12, 0);
    r = read_from(ctx, labeller, &water_frame, DATA "cp2k_unconverged", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    r = read_from(ctx, labeller, &water_frame, DATA "cp2k_abort", 1);
    assert_int_equal(r.outcome, KR_OUTCOME_CRASHED);
    kr_labeller_destroy(&labeller);
}

static void write_file(const char *name, const char *text, size_t n) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", kr_test_folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    fclose(file);
}

/* The generation of 2025: other headings, other columns, the unit in brackets. */
static void test_cp2k_2025(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, CP2K);
    static const char text[] = " *** SCF run converged in 10 steps ***\n"
                               " ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]            -5.768829728302029\n"
                               " FORCES| Atomic forces [hartree/bohr]\n"
                               " FORCES|   Atom     x               y               z               |f|\n"
                               " FORCES|      1  0.00000000E+00  0.00000000E+00 -3.23230000E-03  3.23230000E-03\n"
                               " FORCES|      2  0.00000000E+00  2.92973000E-03  1.61615000E-03  3.34590000E-03\n"
                               " FORCES|      3  0.00000000E+00 -2.92973000E-03  1.61615000E-03  3.34590000E-03\n"
                               " FORCES| Sum     0.00000000E+00  0.00000000E+00  0.00000000E+00  0.00000000E+00\n"
                               " STRESS| Analytical stress tensor [bar]\n"
                               " STRESS|                        x                   y                   z\n"
                               " STRESS|      x        5.57659209311E+00  -8.86817921479E-13  -3.80869994076E-13\n"
                               " STRESS|      y       -8.86817921479E-13   5.07562486986E+02  -2.00368201526E-05\n"
                               " STRESS|      z       -3.80869994076E-13  -2.00368201526E-05  -2.68521687377E+02\n";
    write_file("cp2k.out", text, sizeof text - 1);
    kr_label_result r = read_from(ctx, labeller, &water_frame, kr_test_folder, 0), old;
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    double now[9];
    memcpy(now, force, sizeof now);
    old = read_from(ctx, labeller, &water_frame, DATA "cp2k", 0);
    kr_assert_close(9, now, force, 1e-9, 0);
    kr_assert_close(9, r.virial, old.virial, 1e-12, 1e-12);
    kr_labeller_destroy(&labeller);
}

/* Until version 7.1: the unit of the energy in parentheses, a stress without a mark on every line. */
static void test_cp2k_7(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, CP2K);
    static const char text[] =
        " *** SCF run converged in 10 steps ***\n"
        " ENERGY| Total FORCE_EVAL ( QS ) energy (a.u.):               -5.768829728302029\n"
        " ATOMIC FORCES in [a.u.]\n"
        " # Atom   Kind   Element          X              Y              Z\n"
        "      1      1      O           0.00000000     0.00000000    -0.00323230\n"
        "      2      2      H           0.00000000     0.00292973     0.00161615\n"
        "      3      2      H           0.00000000    -0.00292973     0.00161615\n"
        " SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000\n"
        " STRESS TENSOR [GPa]\n\n"
        "            X               Y               Z\n"
        "  X       5.57659209311E-04  -8.86817921479E-17  -3.80869994076E-17\n"
        "  Y      -8.86817921479E-17   5.07562486986E-02  -2.00368201526E-09\n"
        "  Z      -3.80869994076E-17  -2.00368201526E-09  -2.68521687377E-02\n\n"
        "  1/3 Trace(stress tensor):  8.15391305674E-03\n\n"
        " EIGENVECTORS AND EIGENVALUES OF THE STRESS TENSOR\n"
        "  X       1 2 3\n";
    write_file("cp2k.out", text, sizeof text - 1);
    kr_label_result r = read_from(ctx, labeller, &water_frame, kr_test_folder, 0), now;
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    now = read_from(ctx, labeller, &water_frame, DATA "cp2k", 0);
    kr_assert_near(r.energy, now.energy, 1e-12, 0);
    kr_assert_close(9, r.virial, now.virial, 1e-12, 1e-12);
    /* a stress that ends early is none */
    write_file("cp2k.out", text, (size_t)(strstr(text, "  Z      -3") - text));
    r = read_from(ctx, labeller, &water_frame, kr_test_folder, 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
    kr_labeller_destroy(&labeller);
}

static void test_xtb(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, XTB);
    kr_label_result r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    kr_assert_near(r.energy / KR_HARTREE_EV, -5.07037076185, 1e-11, 0);
    kr_assert_near(force[2] * KR_BOHR_A / KR_HARTREE_EV, -2.9402221161206e-3, 1e-15, 0);
    assert_false(r.has_virial);
    r = read_from(ctx, labeller, &molecule_frame, DATA "xtb_unconverged", 1);
    assert_int_equal(r.outcome, KR_OUTCOME_NOT_CONVERGED);
    kr_string command = {0};
    assert_int_equal(kr_labeller_prepare(ctx, labeller, &water_frame, 0, kr_test_folder, &command), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_hint(ctx), "cp2k"));
    kr_free(command.data);
    kr_labeller_destroy(&labeller);
    labeller = make(ctx, "{\"engine\": \"xtb\", \"checks\": {\"stress\": true}}");
    r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT); /* a stress was asked for */
    kr_labeller_destroy(&labeller);
}

/* ---- damaged outputs ---- */

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

static char *load(kr_context *ctx, const char *place, const char *name, size_t *n) {
    char *path = kr_path_join(ctx, place, name), *text;
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, n));
    kr_free(path);
    return text;
}

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

/* The checks that hold for all programs. */
static void test_limits(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, "{\"engine\": \"xtb\", \"checks\": {\"f_max_eV_per_A\": 0.2}}");
    kr_label_result r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_non_null(strstr(r.message, "allowed 0.2"));
    kr_labeller_destroy(&labeller);
    labeller = make(ctx, "{\"engine\": \"xtb\", \"checks\": {\"net_force_eV_per_A\": 1e-16}}");
    r = read_from(ctx, labeller, &molecule_frame, DATA "xtb", 0);
    assert_int_equal(r.outcome, KR_OUTCOME_BAD_OUTPUT);
    assert_non_null(strstr(r.message, "sum up"));
    kr_labeller_destroy(&labeller);
}

/* ---- inputs ---- */

static void test_qe_input(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"kspacing_per_A\": 0.4, "
                                      "\"attempts\": [{\"mixing_beta\": 0.3, \"diagonalization\": \"cg\"}]}");
    kr_string command = {0};
    size_t n;
    kr_assert_ok(ctx, kr_labeller_prepare(ctx, labeller, &al_frame, 0, kr_test_folder, &command));
    assert_string_equal(command.data, "pw.x -in pw.in > pw.out");
    char *text = load(ctx, kr_test_folder, "pw.in", &n);
    assert_non_null(strstr(text, "  nat = 4\n  ntyp = 1\n"));
    assert_non_null(strstr(text, "  ecutwfc = 16\n"));
    assert_non_null(strstr(text, "  conv_thr = 1e-8\n"));
    assert_non_null(strstr(text, "K_POINTS automatic\n4 4 4 0 0 0\n")); /* 2π/4 Å = 1.571 = 3.93 · 0.4 */
    assert_null(strstr(text, "mixing_beta"));
    assert_null(strstr(text, "outdir='./out'"));
    kr_free(text);
    command.length = 0;
    kr_assert_ok(ctx, kr_labeller_prepare(ctx, labeller, &al_frame, 1, kr_test_folder, &command));
    text = load(ctx, kr_test_folder, "pw.in", &n);
    assert_non_null(strstr(text, "  mixing_beta = 0.3\n  diagonalization = 'cg'\n"));
    kr_free(text);
    kr_free(command.data);
    kr_labeller_destroy(&labeller);
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"attempts\": [{\"degauss\": 0.1}]}",
           "a retry may change the solver, not the physics");
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"absent.in\"}", "absent.in");
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"cp2k_template.inp\"}", "cp2k_template.inp");
    refuse(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"kspacing\": 1}", "kspacing");
    refuse(ctx, "{\"engine\": \"vasp\"}", "engine is 'vasp'");
    refuse(ctx, "{\"engine\": \"cp2k\", \"template\": \"qe_template.in\"}", "@INCLUDE cell.inc");
}

/* Two frames of one structure have one key; the smallest change of structure or settings gives another. */
static void test_keys(void **state) {
    kr_context *ctx = *state;
    kr_labeller *labeller = make(ctx, QE), *other = make(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", "
                                                              "\"attempts\": [{\"mixing_beta\": 0.3}]}");
    char key[65], again[65];
    kr_assert_ok(ctx, kr_labeller_key(ctx, labeller, &al_frame, key));
    assert_int_equal(strlen(key), 64);
    /* other order, other images, 1e-11 Å of noise; and the retry ladder does not matter */
    const double moved[12] = {2, 2.02, 4 + 1e-11, 0.05 - 4, 8, -1e-11, 2, 0, -2, 0, 2, 2.03};
    kr_frame same = al;
    same.coord = moved;
    const kr_label_frame same_frame = {&same, al_names};
    kr_assert_ok(ctx, kr_labeller_key(ctx, other, &same_frame, again));
    assert_string_equal(key, again);
    double shifted[12];
    memcpy(shifted, al_coord, sizeof shifted);
    shifted[4] += 1e-6;
    same.coord = shifted;
    kr_assert_ok(ctx, kr_labeller_key(ctx, labeller, &same_frame, again));
    assert_string_not_equal(key, again);
    same.coord = al_coord;
    same.box[8] += 1e-6;
    kr_assert_ok(ctx, kr_labeller_key(ctx, labeller, &same_frame, again));
    assert_string_not_equal(key, again);
    kr_labeller_destroy(&other);
    other = make(ctx, "{\"engine\": \"qe\", \"template\": \"qe_template.in\", \"kspacing_per_A\": 0.4}");
    kr_assert_ok(ctx, kr_labeller_key(ctx, other, &al_frame, again));
    assert_string_not_equal(key, again);
    kr_labeller_destroy(&labeller);
    kr_labeller_destroy(&other);
}

static void test_xml(void **state) {
    kr_context *ctx = *state;
    kr_xml *xml;
    static const char text[] = "<?xml version='1.0'?><a><!-- no --><b size='2'>1 2</b><b>3</b><c><d/>x&lt;y</c></a>";
    kr_assert_ok(ctx, kr_xml_parse(ctx, text, sizeof text - 1, "t", &xml));
    assert_string_equal(kr_xml_find(xml, "a/b"), "1 2");
    assert_string_equal(kr_xml_find(xml, "a/b@size"), "2");
    assert_string_equal(kr_xml_find(xml, "a/c"), "x<y");
    assert_string_equal(kr_xml_find(xml, "a/c/d"), "");
    assert_null(kr_xml_find(xml, "a/e"));
    kr_xml_destroy(&xml);
    for (size_t n = 0; n < sizeof text - 1; n++) assert_int_equal(kr_xml_parse(ctx, text, n, "t", &xml), KR_ERR_FORMAT);
    for (long at = 1;; at++) {
        kr_memory_fail_at(at);
        kr_status status = kr_xml_parse(ctx, text, sizeof text - 1, "t", &xml);
        kr_memory_fail_at(0);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
    kr_xml_destroy(&xml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_qe, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cp2k, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cp2k_7, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_cp2k_2025, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_xtb, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_truncated, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_stars, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_limits, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_other_versions, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_qe_input, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_keys, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_xml, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
