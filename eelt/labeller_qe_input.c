/* pw.x inputs: Fortran namelists, then cards.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The template's settings are kept, except what the frame determines (cell, positions, species, their numbers) and
 * what the labeller needs (forces, stress, file names). Entries with a species index, starting_magnetization(2), are
 * renumbered to the species that the frame has. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/labeller_qe.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Entries that are ours: dropped from the template, written by kr_qe_input. */
static const char *const owned[] = {
    "calculation", "prefix", "outdir", "tprnfor", "tstress", "disk_io", "pseudo_dir", "wfcdir", "restart_mode",
    "nat",         "ntyp",   "ibrav",  "a",       "b",       "c",       "cosab",      "cosac",  "cosbc"};
static const char *const dropped_cards[] = {"ATOMIC_POSITIONS", "CELL_PARAMETERS"};
static const char *const refused_cards[] = {"CONSTRAINTS", "ATOMIC_VELOCITIES", "ATOMIC_FORCES", "OCCUPATIONS"};
static const char *const known_cards[] = {"ATOMIC_SPECIES", "K_POINTS", "ADDITIONAL_K_POINTS", "HUBBARD", "SOLVENTS"};
#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

static int among(const char *word, size_t n, const char *const *list, int count) {
    for (int i = 0; i < count; i++)
        if (strlen(list[i]) == n && !strncasecmp(list[i], word, n)) return 1;
    return 0;
}

void kr_qe_template_free(kr_qe_template *t) {
    for (int i = 0; i < t->nentries; i++) {
        kr_free(t->entry[i].list);
        kr_free(t->entry[i].key);
        kr_free(t->entry[i].value);
    }
    for (int i = 0; i < t->ncards; i++) kr_free(t->card[i]);
    for (int i = 0; i < t->nspecies; i++) {
        kr_free(t->species[i]);
        kr_free(t->pseudo[i]);
    }
    kr_free(t->entry);
    kr_free(t->card);
    kr_free(t->species);
    kr_free(t->pseudo);
    kr_free(t->pseudo_dir);
    kr_free(t->mass);
    memset(t, 0, sizeof *t);
}

const char *kr_qe_template_value(const kr_qe_template *t, const char *list, const char *key) {
    for (int i = t->nentries - 1; i >= 0; i--)
        if (!strcmp(t->entry[i].list, list) && !strcmp(t->entry[i].key, key)) return t->entry[i].value;
    return NULL;
}

/* Lower-case copy without blanks. */
static char *lower(kr_context *ctx, const char *text, size_t n) {
    char *copy = kr_malloc(ctx, n + 1, 1);
    size_t used = 0;
    for (size_t i = 0; copy && i < n; i++)
        if (!isspace((unsigned char)text[i])) copy[used++] = (char)tolower((unsigned char)text[i]);
    if (copy) copy[used] = 0;
    return copy;
}

static void *grown(kr_context *ctx, void *list, int n, size_t size) {
    return n & (n - 1) ? list : kr_realloc(ctx, list, (size_t)n, n ? 2 * (size_t)n : 1, size);
}

static kr_status add_entry(kr_context *ctx, kr_qe_template *t, const char *list, char *key, const char *value,
                           size_t n) {
    kr_qe_entry *larger = key ? grown(ctx, t->entry, t->nentries, sizeof *larger) : NULL;
    if (!larger) {
        kr_free(key);
        return KR_ERR_MEMORY;
    }
    t->entry = larger;
    while (n && (isspace((unsigned char)value[n - 1]) || value[n - 1] == ',')) n--;
    kr_qe_entry made = {kr_strdup(ctx, list), key, kr_strprintf(ctx, "%.*s", (int)n, value)};
    t->entry[t->nentries++] = made;
    return made.list && made.value ? KR_OK : KR_ERR_MEMORY;
}

kr_status kr_qe_template_set(kr_context *ctx, kr_qe_template *t, const char *list, const char *key, const char *value) {
    return add_entry(ctx, t, list, kr_strdup(ctx, key), value, strlen(value));
}

/* ---- reading ---- */

/* Namelist text without comments: from '!' or '#' to the end of the line, outside of quotes. */
static void blank_comments(char *text) {
    char quote = 0;
    for (; *text; text++) {
        if (quote) {
            if (*text == quote || *text == '\n') quote = 0;
        } else if (*text == '\'' || *text == '"') {
            quote = *text;
        } else if (*text == '!') {
            while (*text && *text != '\n') *text++ = ' ';
            if (!*text) break;
        }
    }
}

/* "key", "key(1)", "key(1,2)" before an '=' at `equals`; 0 when there is none. */
static size_t key_before(const char *begin, const char *equals, const char **key) {
    const char *end = equals;
    while (end > begin && isspace((unsigned char)end[-1])) end--;
    const char *p = end;
    if (p > begin && p[-1] == ')') {
        while (p > begin && p[-1] != '(') p--;
        if (p > begin) p--;
        while (p > begin && isspace((unsigned char)p[-1])) p--;
    }
    while (p > begin && (isalnum((unsigned char)p[-1]) || p[-1] == '_' || p[-1] == '%')) p--;
    *key = p;
    return (size_t)(end - p);
}

/* The text between the first quotes of a value. */
static kr_status unquoted(kr_context *ctx, const char *value, const char *stop, char **text) {
    const char *open = value;
    while (open < stop && *open != '\'' && *open != '"') open++;
    const char *close = open < stop ? memchr(open + 1, *open, (size_t)(stop - open - 1)) : NULL;
    if (!close || *text) return KR_OK;
    *text = kr_strprintf(ctx, "%.*s", (int)(close - open - 1), open + 1);
    return *text ? KR_OK : KR_ERR_MEMORY;
}

/* One namelist: *text stands after "&name"; on return after its '/'. */
static kr_status read_list(kr_context *ctx, const char *where, const char *name, char **text, kr_qe_template *t) {
    kr_status status = KR_OK;
    char *begin = *text, *p = begin, quote = 0;
    const char *value = NULL, *key = NULL, *next;
    size_t nkey = 0, n;
    for (;; p++) {
        if (quote) {
            if (!*p) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: a quote in &%s is not closed", where, name);
            if (*p == quote) quote = 0;
            continue;
        }
        if (*p == '\'' || *p == '"') quote = *p;
        int end = *p == '/' || !*p;
        if (*p != '=' && !end) continue;
        n = end ? 0 : key_before(value ? value : begin, p, &next);
        if (!end && !n) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: an '=' in &%s has no name before it", where, name);
        if (value) {
            const char *stop = end ? p : next;
            size_t bare = strcspn(key, "( ");
            if (bare > nkey) bare = nkey;
            int ours = among(key, bare, owned, COUNT(owned)) || (bare == 6 && !strncasecmp(key, "celldm", 6));
            if (among(key, bare, (const char *const[]){"pseudo_dir"}, 1))
                KR_TRY(unquoted(ctx, value, stop, &t->pseudo_dir));
            if (!ours) KR_TRY(add_entry(ctx, t, name, lower(ctx, key, nkey), value, (size_t)(stop - value)));
        }
        if (!*p) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the namelist &%s has no end '/'", where, name);
        if (end) break;
        key = next;
        nkey = n;
        value = p + 1;
        while (*value == ' ' || *value == '\t') value++;
    }
    *text = p + 1;
done:
    return status;
}

static kr_status add_card(kr_context *ctx, kr_qe_template *t, kr_word header, const char *end) {
    char **larger = grown(ctx, t->card, t->ncards, sizeof *larger);
    if (!larger) return KR_ERR_MEMORY;
    t->card = larger;
    t->card[t->ncards] = kr_strprintf(ctx, "%.*s", (int)(end - header.text), header.text);
    return t->card[t->ncards] ? (t->ncards++, KR_OK) : KR_ERR_MEMORY;
}

static kr_status add_species(kr_context *ctx, const char *where, kr_qe_template *t, kr_word line) {
    kr_status status = KR_OK;
    kr_word label, mass, pseudo;
    double value;
    if (!kr_word_next(&line, &label) || !kr_word_next(&line, &mass) || !kr_word_real(mass, &value) ||
        !kr_word_next(&line, &pseudo))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: a line of ATOMIC_SPECIES has not the form 'label mass file'", where);
    void *larger;
    if (!(larger = grown(ctx, t->species, t->nspecies, sizeof *t->species))) KR_TRY(KR_ERR_MEMORY);
    t->species = larger;
    if (!(larger = grown(ctx, t->pseudo, t->nspecies, sizeof *t->pseudo))) KR_TRY(KR_ERR_MEMORY);
    t->pseudo = larger;
    if (!(larger = grown(ctx, t->mass, t->nspecies, sizeof *t->mass))) KR_TRY(KR_ERR_MEMORY);
    t->mass = larger;
    t->mass[t->nspecies] = value;
    t->species[t->nspecies] = kr_strprintf(ctx, "%.*s", (int)label.n, label.text);
    t->pseudo[t->nspecies] = kr_strprintf(ctx, "%.*s", (int)pseudo.n, pseudo.text);
    t->nspecies++;
    if (!t->species[t->nspecies - 1] || !t->pseudo[t->nspecies - 1]) status = KR_ERR_MEMORY;
done:
    return status;
}

static kr_status read_cards(kr_context *ctx, const char *where, const char *text, kr_qe_template *t) {
    kr_status status = KR_OK;
    kr_lines lines = kr_lines_of(text, strlen(text));
    kr_word line, header = {NULL, 0}, first, rest;
    int species = 0, kept = 0;
    while (kr_lines_next(&lines, &line)) {
        rest = kr_word_trim(line);
        if (!rest.n || rest.text[0] == '!' || rest.text[0] == '#') continue;
        kr_word_next(&rest, &first);
        char shown[64];
        int known = among(first.text, first.n, known_cards, COUNT(known_cards));
        int dropped = among(first.text, first.n, dropped_cards, COUNT(dropped_cards));
        if (among(first.text, first.n, refused_cards, COUNT(refused_cards)))
            KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: the card %s has no meaning for labels of many structures", where,
                    kr_word_show(first, shown, sizeof shown));
        if (known || dropped) {
            if (kept) KR_TRY(add_card(ctx, t, header, line.text));
            header = line;
            species = kr_word_is_nocase(first, "ATOMIC_SPECIES");
            kept = known && !species;
            t->has_k_points |= kr_word_is_nocase(first, "K_POINTS");
        } else if (species) {
            KR_TRY(add_species(ctx, where, t, line));
        } else if (!header.text) {
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: '%s' stands outside of namelists and cards", where,
                    kr_word_show(first, shown, sizeof shown));
        }
    }
    if (kept) KR_TRY(add_card(ctx, t, header, text + strlen(text)));
    if (!t->nspecies) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: no ATOMIC_SPECIES: the pseudopotentials are not known", where);
done:
    return status;
}

kr_status kr_qe_template_read(kr_context *ctx, const char *text, size_t length, const char *where, kr_qe_template *t) {
    kr_status status = KR_OK;
    char *copy = kr_strprintf(ctx, "%.*s\n", (int)length, text), *p = copy;
    memset(t, 0, sizeof *t);
    if (!copy) return KR_ERR_MEMORY;
    blank_comments(copy);
    for (;;) {
        while (isspace((unsigned char)*p)) p++;
        if (*p != '&') break;
        char name[32] = "";
        size_t n = 0;
        for (p++; isalnum((unsigned char)*p) && n < sizeof name - 1; p++) name[n++] = (char)tolower((unsigned char)*p);
        name[n] = 0;
        KR_TRY(read_list(ctx, where, name, &p, t));
    }
    if (!kr_qe_template_value(t, "system", "ecutwfc"))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: no ecutwfc in &system: this is no input of pw.x", where);
    KR_TRY(read_cards(ctx, where, p, t));
done:
    kr_free(copy);
    if (status != KR_OK) kr_qe_template_free(t);
    return status;
}

/* ---- writing ---- */

/* Place of each species of the template among those that the frame has (from 1), 0 = absent; returns their number. */
static kr_status used_species(kr_context *ctx, const kr_qe_template *t, const kr_label_frame *f, int *place,
                              int *used) {
    for (int i = 0; i < t->nspecies; i++) place[i] = 0;
    *used = 0;
    for (int a = 0; a < f->frame->natoms; a++) {
        const char *name = f->names[f->frame->type[a]];
        int s = 0;
        while (s < t->nspecies && strcasecmp(t->species[s], name)) s++;
        if (s == t->nspecies)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the element %s is not in ATOMIC_SPECIES of the template", name);
        place[s] = 1;
    }
    for (int s = 0; s < t->nspecies; s++)
        if (place[s]) place[s] = ++*used;
    return KR_OK;
}

/* Key of an entry for this frame: species indices renumbered; 0 when its species is absent. */
static int renumber(const kr_qe_template *t, const kr_qe_entry *e, const int *place, char *key, size_t room) {
    const char *open = strchr(e->key, '(');
    char *end;
    snprintf(key, room, "%s", e->key);
    if (!open || strcmp(e->list, "system")) return 1;
    long index = strtol(open + 1, &end, 10);
    if (*end != ')' || index < 1 || index > t->nspecies) return 1;
    if (!place[index - 1]) return 0;
    snprintf(key, room, "%.*s(%d)", (int)(open - e->key), e->key, place[index - 1]);
    return 1;
}

/* "key = value" of a change, as Fortran writes it. */
static kr_status write_change(kr_context *ctx, const char *key, const kr_tree *value, kr_string *out) {
    char number[32];
    if (value->kind == KR_TREE_STRING) return kr_string_printf(ctx, out, "  %s = '%s'\n", key, value->string);
    if (value->kind == KR_TREE_BOOL)
        return kr_string_printf(ctx, out, "  %s = .%s.\n", key, value->integer ? "true" : "false");
    if (value->kind == KR_TREE_INT) return kr_string_printf(ctx, out, "  %s = %lld\n", key, (long long)value->integer);
    return kr_string_printf(ctx, out, "  %s = %s\n", key, kr_format_real(value->real, number));
}

static kr_status write_lists(kr_context *ctx, const kr_qe_template *t, const kr_label_frame *f, const char *pseudo_dir,
                             const int *place, int used, const kr_tree *changes, kr_string *out) {
    static const char *const order[] = {"control", "system", "electrons", "ions", "cell", "fcp", "rism"};
    kr_status status = KR_OK;
    for (int l = 0; l < COUNT(order); l++) {
        int present = l < 3;
        for (int i = 0; i < t->nentries; i++) present |= !strcmp(t->entry[i].list, order[l]);
        if (!present) continue;
        KR_TRY(kr_string_printf(ctx, out, "&%s\n", order[l]));
        if (l == 0)
            KR_TRY(kr_string_puts(ctx, out,
                                  "  calculation = 'scf'\n  prefix = 'kr'\n  outdir = './out'\n"
                                  "  tprnfor = .true.\n  tstress = .true.\n  disk_io = 'low'\n"));
        if (l == 0 && pseudo_dir[0]) KR_TRY(kr_string_printf(ctx, out, "  pseudo_dir = '%s'\n", pseudo_dir));
        if (l == 1)
            KR_TRY(kr_string_printf(ctx, out, "  ibrav = 0\n  nat = %d\n  ntyp = %d\n", f->frame->natoms, used));
        for (int i = 0; i < t->nentries; i++) {
            char key[160];
            const kr_qe_entry *e = &t->entry[i];
            if (strcmp(e->list, order[l]) || (l == 2 && kr_tree_get(changes, e->key))) continue;
            if (renumber(t, e, place, key, sizeof key))
                KR_TRY(kr_string_printf(ctx, out, "  %s = %s\n", key, e->value));
        }
        for (int i = 0; l == 2 && changes && i < changes->count; i++)
            KR_TRY(write_change(ctx, changes->key[i], changes->child[i], out));
        KR_TRY(kr_string_puts(ctx, out, "/\n"));
    }
done:
    return status;
}

/* n_i = max(1, ceil(|b_i| / spacing)), |b_i| = 2π / distance of the faces: cells of different size get meshes of the
 * same density. */
static kr_status write_k_points(kr_context *ctx, const kr_label_frame *f, double kspacing, kr_string *out) {
    const double *box = f->frame->box;
    double volume = kr_box_volume(box);
    int n[3];
    for (int c = 0; c < 3; c++) {
        const double *a = box + 3 * ((c + 1) % 3), *b = box + 3 * ((c + 2) % 3);
        double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2], z = a[0] * b[1] - a[1] * b[0];
        double length = 2 * acos(-1.0) * sqrt(x * x + y * y + z * z) / volume;
        n[c] = f->frame->pbc[c] ? (int)ceil(length / kspacing - 1e-9) : 1;
        if (n[c] < 1) n[c] = 1;
    }
    return kr_string_printf(ctx, out, "K_POINTS automatic\n%d %d %d 0 0 0\n", n[0], n[1], n[2]);
}

kr_status kr_qe_input(kr_context *ctx, const kr_qe_template *t, const kr_label_frame *f, const char *pseudo_dir,
                      double kspacing, const kr_tree *changes, kr_string *out) {
    kr_status status = KR_OK;
    int *place = NULL, used;
    const double *box = f->frame->box;
    KR_NEW(ctx, place, (size_t)t->nspecies + 1);
    if (!f->frame->pbc[0] && !f->frame->pbc[1] && !f->frame->pbc[2])
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "pw.x needs a cell, the frame has none");
    KR_TRY(used_species(ctx, t, f, place, &used));
    KR_TRY(write_lists(ctx, t, f, pseudo_dir, place, used, changes, out));
    KR_TRY(kr_string_puts(ctx, out, "ATOMIC_SPECIES\n"));
    for (int s = 0; s < t->nspecies; s++)
        if (place[s]) KR_TRY(kr_string_printf(ctx, out, "%s %.10g %s\n", t->species[s], t->mass[s], t->pseudo[s]));
    KR_TRY(kr_string_puts(ctx, out, "CELL_PARAMETERS angstrom\n"));
    for (int c = 0; c < 3; c++)
        KR_TRY(kr_string_printf(ctx, out, "%.14f %.14f %.14f\n", box[3 * c], box[3 * c + 1], box[3 * c + 2]));
    KR_TRY(kr_string_puts(ctx, out, "ATOMIC_POSITIONS angstrom\n"));
    for (int a = 0; a < f->frame->natoms; a++) {
        const double *x = f->frame->coord + 3 * a;
        KR_TRY(kr_string_printf(ctx, out, "%s %.14f %.14f %.14f\n", f->names[f->frame->type[a]], x[0], x[1], x[2]));
    }
    if (kspacing > 0) KR_TRY(write_k_points(ctx, f, kspacing, out));
    for (int i = 0; i < t->ncards; i++)
        if (kspacing <= 0 || strncasecmp(t->card[i], "K_POINTS", 8)) KR_TRY(kr_string_puts(ctx, out, t->card[i]));
done:
    kr_free(place);
    return status;
}
