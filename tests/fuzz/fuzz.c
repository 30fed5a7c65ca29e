/* Feeds bytes to the readers of files: a reader may refuse them, it may not crash, hang or use memory without bound.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every reader is one row of the table: its name is also the file name (the suffix matters) under which the bytes are
 * stored for it, in a folder of this process on /dev/shm. Two users:
 *   preset fuzz    one libFuzzer program per row, built with -DKR_FUZZ_TARGET="name"
 *   elsewhere      tests/fuzz/replay.c: the seeds and simple damages of them, a test of label short
 * What a reader let pass is used: models are described, every number of a dataset is looked at, JSON is written and
 * read again. A failure needs a message of one line, and nothing may stay in memory. */
#include "fuzz.h"
#include "core/formats.h"
#include "core/hdf5.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/npy.h"
#include "core/raw.h"
#include "core/yaml.h"
#include <kramers/kramers.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[100];

static void remove_folder(void) {
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command)) perror(command);
}

static void make_folder(void) {
    if (folder[0]) return;
    snprintf(folder, sizeof folder, "/dev/shm/kramers-fuzz-%d", (int)getpid());
    mkdir(folder, 0700);
    atexit(remove_folder);
}

/* Writes the bytes below the folder and gives the path back (static). */
static const char *store(const char *name, const uint8_t *data, size_t size) {
    static char path[300];
    make_folder();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) exit(2);
    return path;
}

static void ignore_line(const char *text, void *payload) {
    (void)payload;
    if (!text) abort();
}

static void read_model(kr_context *ctx, const char *name, const uint8_t *data, size_t size) {
    const char *path = store(name, data, size);
    kr_model *model = NULL;
    if (kr_model_load(ctx, path, &model) >= 0) {
        if (kr_model_ntypes(model) < 1) abort();
        kr_model_describe(model, ignore_line, NULL);
    }
    kr_model_destroy(&model);
}

/* A sound HDF5 file with the arrays of a reference model and the bytes as its description: what stands behind HDF5. */
static void read_described_model(kr_context *ctx, const char *name, const uint8_t *data, size_t size) {
    static const char seed[] = KR_SOURCE_DIR "/tests/data/deepmd/se_e2_r_oneside.dp";
    const char *path = store(name, data, size);
    char *text = calloc(size + 1, 1), **names = NULL;
    kr_h5 *from = NULL, *to = NULL;
    int count = 0, sound = 0;
    if (text) memcpy(text, data, size);
    if (text && kr_h5_open(ctx, seed, &from) >= 0 && kr_h5_create(ctx, path, &to) >= 0 &&
        kr_h5_list(ctx, from, "/", &count, &names) >= 0) {
        sound = kr_h5_write_attribute(ctx, to, "json", text) >= 0;
        for (int k = 0; k < count && sound; k++) {
            kr_tree *array = NULL;
            sound =
                kr_h5_read_array(ctx, from, names[k], &array) >= 0 && kr_h5_write_array(ctx, to, names[k], array) >= 0;
            kr_tree_destroy(&array);
        }
    }
    kr_h5_free_names(count, names);
    (void)kr_h5_close(ctx, &to);
    (void)kr_h5_close(ctx, &from);
    free(text);
    kr_context_clear(ctx);
    kr_model *model = NULL;
    if (sound && kr_model_load(ctx, path, &model) >= 0) kr_model_describe(model, ignore_line, NULL);
    kr_model_destroy(&model);
}

/* Every number, so that a memory checker sees what was not written; a label may be NaN, a coordinate may not. */
static void look_at_system(const kr_system *s) {
    volatile double sum = 0;
    for (int f = 0; f < s->nframes; f++)
        for (int k = 0; k < s->natoms; k++) {
            int type = kr_system_types(s, f)[k];
            if (type < -1 || (s->ntypes && type >= s->ntypes)) abort();
            for (int c = 0; c < 3; c++) {
                double x = s->coord[3 * ((size_t)f * (size_t)s->natoms + (size_t)k) + (size_t)c];
                if (!isfinite(x)) abort();
                sum += x;
            }
        }
    for (int l = 0; l < KR_LABEL_COUNT; l++) {
        size_t n = (size_t)s->nframes * (size_t)s->width[l] * (kr_label_per_atom(l) ? (size_t)s->natoms : 1);
        for (size_t k = 0; s->label[l] && k < n; k++) sum += s->label[l][k];
    }
    (void)sum;
}

static void look_at(const kr_dataset *dataset) {
    for (int i = 0; i < dataset->nsystems; i++) look_at_system(dataset->system[i]);
}

static void read_dataset(kr_context *ctx, const char *name, const uint8_t *data, size_t size) {
    const char *path = store(name, data, size);
    kr_dataset *dataset = NULL;
    if (kr_dataset_read(ctx, path, NULL, 0, NULL, &dataset) >= 0) look_at(dataset);
    kr_dataset_destroy(&dataset);
}

/* Text formats parse from memory. The first byte says whether types have names. */
static void parse_frames(kr_context *ctx, const char *name, const uint8_t *data, size_t size) {
    static const char *const elements[] = {"O", "H", "C"};
    const kr_read_options options = {size && data[0] % 2 ? 3 : 0, elements};
    kr_parse_fn parse = !strcmp(name, "frames.xyz")         ? kr_extxyz_parse
                        : !strcmp(name, "frames.lammpstrj") ? kr_lammps_dump_parse
                        : !strcmp(name, "structure.poscar") ? kr_poscar_parse
                                                            : kr_lammps_data_parse;
    kr_dataset *dataset = NULL;
    char *text = malloc(size + 1); /* its own block, so that reading beyond the end is seen; parsers get a final zero */
    if (!text) return;
    memcpy(text, data, size);
    text[size] = 0;
    if (kr_dataset_create(ctx, &dataset) >= 0 && parse(ctx, text, size, name, &options, dataset) >= 0) look_at(dataset);
    kr_dataset_destroy(&dataset);
    free(text);
}

/* A deepmd/npy folder: the first byte says which of its files the bytes are, the others are sound. */
static void read_folder(kr_context *ctx, const char *name, const uint8_t *data, size_t size) {
    static const char *const files[] = {"type.raw",           "type_map.raw",          "set.000/coord.npy",
                                        "set.000/box.npy",    "set.000/energy.npy",    "set.000/force.npy",
                                        "set.000/virial.npy", "set.000/atom_ener.npy", "set.000/real_atom_types.npy"};
    const int count = (int)(sizeof files / sizeof *files), which = size ? data[0] % count : 0;
    char path[400], seed[400];
    kr_dataset *dataset = NULL;
    (void)name;
    if (!size) return;
    make_folder();
    snprintf(path, sizeof path, "%s/npy", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/npy/set.000", folder);
    mkdir(path, 0700);
    for (int k = 0; k < count; k++) {
        snprintf(path, sizeof path, "npy/%s", files[k]);
        snprintf(seed, sizeof seed, KR_SOURCE_DIR "/tests/data/deepmd_kit/formats/npy/%s", files[k]);
        char *text = NULL;
        size_t length = 0;
        if (k == which) {
            store(path, data + 1, size - 1);
        } else if ((text = kr_fuzz_load(seed, &length))) {
            store(path, (const uint8_t *)text, length);
            free(text);
        } else {
            snprintf(seed, sizeof seed, "%s/%s", folder, path);
            unlink(seed);
        }
    }
    snprintf(path, sizeof path, "%s/npy", folder);
    if (kr_dataset_read(ctx, path, NULL, 0, NULL, &dataset) >= 0) look_at(dataset);
    kr_dataset_destroy(&dataset);
}

/* What was read as JSON comes back the same after it was written. */
static void round_trip(kr_context *ctx, const kr_tree *tree) {
    char *text = NULL, *second = NULL;
    kr_tree *again = NULL;
    if (kr_json_format(ctx, tree, 1, &text) < 0 || kr_json_parse(ctx, text, strlen(text), "again", &again) < 0 ||
        kr_json_format(ctx, again, 1, &second) < 0 || strcmp(text, second))
        abort();
    kr_tree_destroy(&again);
    kr_free(text);
    kr_free(second);
}

static void parse_tree(kr_context *ctx, const char *name, const uint8_t *data, size_t size) {
    kr_tree *tree = NULL;
    char *text = malloc(size + 1);
    if (!text) return;
    memcpy(text, data, size);
    text[size] = 0;
    kr_status status = !strcmp(name, "tree.json")   ? kr_json_parse(ctx, text, size, name, &tree)
                       : !strcmp(name, "tree.yaml") ? kr_yaml_parse(ctx, text, size, name, &tree)
                       : !strcmp(name, "table.raw") ? kr_raw_parse(ctx, text, size, name, &tree)
                                                    : kr_npy_parse(ctx, text, size, name, &tree);
    if (status < 0 && tree) abort();
    if (status >= 0 && !strcmp(name, "tree.json")) round_trip(ctx, tree);
    kr_tree_destroy(&tree);
    free(text);
}

const kr_fuzz_target kr_fuzz_targets[] = {
    {"model.dp", read_model},
    {"model.yaml", read_model},
    {"model.pb", read_model},
    {"described.dp", read_described_model},
    {"frames.xyz", parse_frames},
    {"frames.lammpstrj", parse_frames},
    {"structure.data", parse_frames},
    {"structure.poscar", parse_frames},
    {"systems.hdf5", read_dataset},
    {"npy_folder", read_folder},
    {"array.npy", parse_tree},
    {"table.raw", parse_tree},
    {"tree.json", parse_tree},
    {"tree.yaml", parse_tree},
    {NULL, NULL},
};

char *kr_fuzz_load(const char *path, size_t *length) {
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    if (!f) return NULL;
    if (!fseek(f, 0, SEEK_END) && (*length = (size_t)ftell(f)) < ((size_t)1 << 26) && (text = malloc(*length + 1))) {
        rewind(f);
        *length = fread(text, 1, *length, f);
    }
    fclose(f);
    return text;
}

/* One input for one target. */
void kr_fuzz_one(const kr_fuzz_target *target, const uint8_t *data, size_t size) {
    kr_context *ctx = NULL;
    if (kr_context_create(&ctx) < 0) abort();
    kr_context_set_threads(ctx, 1);
    target->run(ctx, target->name, data, size);
    if (kr_context_status(ctx) < 0 && !kr_context_message(ctx)[0]) abort();
    if (strpbrk(kr_context_message(ctx), "\r\n")) abort();
    kr_context_destroy(&ctx);
    if (kr_memory_live() != 0) abort();
}

#ifdef KR_FUZZ_TARGET
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const kr_fuzz_target *target = kr_fuzz_targets;
    while (strcmp(target->name, KR_FUZZ_TARGET)) target++;
    kr_fuzz_one(target, data, size);
    return 0;
}
#endif
