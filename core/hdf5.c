/* HDF5 behind a small interface: arrays as tree nodes, strings, groups, root attributes.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The library lives inside other programs that may use HDF5 themselves. So every entry point takes `guard_enter`:
 * it stops the automatic printing of error stacks and puts the caller's setting back on the way out, and it holds a
 * mutex, because HDF5 may have been built without thread safety.
 * Files are what h5py makes by default: superblock 0, symbol-table groups, contiguous little-endian datasets.
 *
 * Such files carry no checksums and the library trusts them, so they are read by hdf5_classic.c, which does not. The
 * library reads what that file does not know: chunks, and newer layouts, whose metadata have checksums. */
#include "core/hdf5.h"
#include "core/error.h"
#include "core/hdf5_classic.h"
#include "core/memory.h"
#include <errno.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct kr_h5 {
    hid_t id;        /* the library's file; −1: not opened yet */
    kr_h5c *classic; /* our own reader; NULL while writing */
    int writing;
    uint64_t bytes; /* size of the file when it was opened, the bound of every allocation */
    char *path;
    FILE *out; /* while writing */
};

typedef struct guard {
    unsigned is_v2;
    H5E_auto1_t print1;
    H5E_auto2_t print2;
    void *payload;
} guard;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void guard_enter(guard *g) {
    pthread_mutex_lock(&mutex);
    memset(g, 0, sizeof *g);
    g->is_v2 = 1;
    H5Eauto_is_v2(H5E_DEFAULT, &g->is_v2);
    if (g->is_v2) {
        H5Eget_auto2(H5E_DEFAULT, &g->print2, &g->payload);
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    } else {
        H5Eget_auto1(&g->print1, &g->payload);
        H5Eset_auto1(NULL, NULL);
    }
}

static void guard_leave(guard *g) {
    H5Eclear2(H5E_DEFAULT);
    if (g->is_v2)
        H5Eset_auto2(H5E_DEFAULT, g->print2, g->payload);
    else
        H5Eset_auto1(g->print1, g->payload);
    pthread_mutex_unlock(&mutex);
}

static herr_t innermost(unsigned n, const H5E_error2_t *error, void *payload) {
    if (n == 0 && error->desc) *(const char **)payload = error->desc;
    return 0;
}

/* "PATH: what (HDF5's innermost sentence)". */
static kr_status fail(kr_context *ctx, const kr_h5 *file, kr_status code, const char *what, const char *name) {
    const char *reason = "no reason given";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &reason);
    return KR_ERROR(ctx, code, "%s: %s %s (HDF5: %s)", file->path, what, name, reason);
}

int kr_h5_is_hdf5(const char *path) {
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    FILE *stream = path ? fopen(path, "rb") : NULL;
    if (!stream) return 0;
    int found = 0;
    unsigned char head[8];
    for (long at = 0; !found && at < (1L << 40); at = at ? 2 * at : 512) {
        if (fseek(stream, at, SEEK_SET) || fread(head, 1, 8, stream) != 8) break;
        found = !memcmp(head, signature, 8);
    }
    fclose(stream);
    return found;
}

/* The file is opened by the library when our own reader cannot go on. Inside the guard. */
static kr_status need_library(kr_context *ctx, kr_h5 *file) {
    if (file->id >= 0) return KR_OK;
    kr_status status = KR_OK;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 0, 1); /* read-only and network file systems refuse locks */
#endif
    file->id = H5Fopen(file->path, H5F_ACC_RDONLY, access);
    if (file->id < 0) KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "is no readable HDF5", "file"));
done:
    if (access >= 0) H5Pclose(access);
    return status;
}

static int is_classic(const kr_h5 *file) { return file->classic && file->classic->known; }

kr_status kr_h5_open(kr_context *ctx, const char *path, kr_h5 **out) {
    if (!path || !out) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_h5_open: path and file must not be NULL");
    kr_status status = KR_OK;
    kr_h5 *file = NULL;
    struct stat info;
    guard g;
    *out = NULL;
    guard_enter(&g);
    KR_NEW(ctx, file, 1);
    file->id = -1;
    file->path = kr_strdup(ctx, path);
    if (!file->path) KR_TRY(KR_ERR_MEMORY);
    if (stat(path, &info) || S_ISDIR(info.st_mode)) KR_FAIL(ctx, KR_ERR_IO, "%s: no such file", path);
    file->bytes = (uint64_t)info.st_size;
    KR_TRY(kr_h5c_open(ctx, file->path, &file->classic));
    if (!is_classic(file)) KR_TRY(need_library(ctx, file));
    *out = file;
    file = NULL;
done:
    guard_leave(&g);
    if (file) {
        kr_h5c_close(&file->classic);
        kr_free(file->path);
    }
    kr_free(file);
    return status;
}

/* Files are made in memory and written in one piece when they are closed: after a write that failed (a full disk) the
 * HDF5 library crashes when it closes the file or when the program ends. */
kr_status kr_h5_create(kr_context *ctx, const char *path, kr_h5 **out) {
    if (!path || !out) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_h5_create: path and file must not be NULL");
    kr_status status = KR_OK;
    kr_h5 *file = NULL;
    hid_t access = -1;
    guard g;
    *out = NULL;
    guard_enter(&g);
    KR_NEW(ctx, file, 1);
    file->writing = 1;
    file->path = kr_strdup(ctx, path);
    if (!file->path) KR_TRY(KR_ERR_MEMORY);
    file->out = fopen(path, "wb");
    if (!file->out) KR_FAIL(ctx, KR_ERR_IO, "%s: cannot create the HDF5 file: %s", path, strerror(errno));
    access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, 0);
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST); /* the layout that every reader knows */
    file->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (file->id < 0) KR_TRY(fail(ctx, file, KR_ERR_IO, "cannot create the HDF5", "file"));
    *out = file;
    file = NULL;
done:
    if (access >= 0) H5Pclose(access);
    guard_leave(&g);
    if (file && file->out) fclose(file->out);
    if (file) kr_free(file->path);
    kr_free(file);
    return status;
}

static kr_status write_image(kr_context *ctx, kr_h5 *file) {
    kr_status status = KR_OK;
    void *image = NULL;
    if (H5Fflush(file->id, H5F_SCOPE_LOCAL) < 0) KR_TRY(fail(ctx, file, KR_ERR_IO, "cannot flush", "the file"));
    ssize_t size = H5Fget_file_image(file->id, NULL, 0);
    if (size < 0) KR_TRY(fail(ctx, file, KR_ERR_IO, "cannot make", "the file"));
    image = kr_malloc(ctx, (size_t)size, 1);
    if (!image) KR_TRY(KR_ERR_MEMORY);
    if (H5Fget_file_image(file->id, image, (size_t)size) != size)
        KR_TRY(fail(ctx, file, KR_ERR_IO, "cannot make", "the file"));
    if (fwrite(image, 1, (size_t)size, file->out) != (size_t)size || fflush(file->out) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "%s: cannot write %zd bytes: %s", file->path, size, strerror(errno));
done:
    kr_free(image);
    return status;
}

kr_status kr_h5_close(kr_context *ctx, kr_h5 **file) {
    if (!file || !*file) return KR_OK;
    kr_status status = KR_OK;
    guard g;
    guard_enter(&g);
    if ((*file)->writing) status = write_image(ctx, *file);
    if ((*file)->out && fclose((*file)->out) != 0 && status == KR_OK)
        status = KR_ERROR(ctx, KR_ERR_IO, "%s: cannot be written: %s", (*file)->path, strerror(errno));
    if ((*file)->id >= 0 && H5Fclose((*file)->id) < 0 && status == KR_OK)
        status = fail(ctx, *file, KR_ERR_IO, "cannot close", "the file");
    guard_leave(&g);
    kr_h5c_close(&(*file)->classic);
    kr_free((*file)->path);
    kr_free(*file);
    *file = NULL;
    return status;
}

/* H5Oexists_by_name fails, and says so only in its silenced error stack, when a folder on the way is missing. */
static int exists(const kr_h5 *file, const char *name) {
    return !strcmp(name, "/") || H5Oexists_by_name(file->id, name, H5P_DEFAULT) > 0;
}

int kr_h5_exists(kr_h5 *file, const char *name) {
    uint64_t address;
    int found = 0;
    kr_status status =
        is_classic(file) ? kr_h5c_find_object(NULL, file->classic, name, &address, &found) : KR_ERR_UNSUPPORTED;
    /* what could not be looked at counts as present: reading it will say why */
    if (status != KR_ERR_UNSUPPORTED) return found || status < 0;
    guard g;
    guard_enter(&g);
    found = need_library(NULL, file) == KR_OK && exists(file, name);
    guard_leave(&g);
    return found;
}

int kr_h5_is_group(kr_h5 *file, const char *name) {
    kr_h5c_group *members = NULL;
    kr_status status = is_classic(file) ? kr_h5c_find_group(NULL, file->classic, name, &members) : KR_ERR_UNSUPPORTED;
    if (status != KR_ERR_UNSUPPORTED) return members || status < 0;
    guard g;
    guard_enter(&g);
    hid_t group = need_library(NULL, file) < 0 ? -1 : H5Gopen2(file->id, name, H5P_DEFAULT);
    if (group >= 0) H5Gclose(group);
    guard_leave(&g);
    return group >= 0;
}

void kr_h5_free_names(int count, char **names) {
    if (!names) return;
    for (int i = 0; i < count; i++) kr_free(names[i]);
    kr_free(names);
}

static kr_status list_classic(kr_context *ctx, kr_h5 *file, const char *name, int *count, char ***names) {
    kr_status status = KR_OK;
    kr_h5c_group *group;
    char **list = NULL;
    int n = 0;
    KR_TRY(kr_h5c_find_group(ctx, file->classic, name, &group));
    if (!group) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the HDF5 file has no group %s", file->path, name);
    KR_NEW(ctx, list, group->count);
    for (; n < (int)group->count; n++) {
        list[n] = kr_strdup(ctx, group->member[n].name);
        if (!list[n]) KR_TRY(KR_ERR_MEMORY);
    }
    *count = n;
    *names = list;
    list = NULL;
done:
    kr_h5_free_names(n, list);
    return status;
}

typedef struct name_list {
    kr_context *ctx;
    char **name;
    int count, room;
} name_list;

/* The native order of the library needs no table of its own, whose release crashes on damaged groups. */
static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *payload) {
    name_list *list = payload;
    (void)group;
    (void)info;
    if (list->count == list->room) return -1; /* more members than the group told */
    list->name[list->count] = kr_strdup(list->ctx, name);
    return list->name[list->count++] ? 0 : -1;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

kr_status kr_h5_list(kr_context *ctx, kr_h5 *file, const char *group, int *count, char ***names) {
    kr_status status = KR_ERR_UNSUPPORTED;
    name_list list = {ctx, NULL, 0, 0};
    hid_t id = -1;
    H5G_info_t info;
    guard g;
    *count = 0;
    *names = NULL;
    if (is_classic(file)) status = list_classic(ctx, file, group, count, names);
    if (status != KR_ERR_UNSUPPORTED) return status;
    guard_enter(&g);
    KR_TRY(need_library(ctx, file));
    id = H5Gopen2(file->id, group, H5P_DEFAULT);
    if (id < 0 || H5Gget_info(id, &info) < 0) KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot open the group", group));
    if (info.nlinks > file->bytes + 65536 || info.nlinks > INT32_MAX)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: group %s claims %llu members, more than the file can hold", file->path, group,
                (unsigned long long)info.nlinks);
    list.room = (int)info.nlinks;
    KR_NEW(ctx, list.name, (size_t)list.room);
    if (H5Literate(id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_name, &list) < 0) {
        if (list.count && !list.name[list.count - 1]) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot list the group", group));
    }
    qsort(list.name, (size_t)list.count, sizeof *list.name, compare_names);
    *count = list.count;
    *names = list.name;
    list.name = NULL;
done:
    if (id >= 0) H5Gclose(id);
    guard_leave(&g);
    kr_h5_free_names(list.count, list.name);
    return status;
}

/* Property list that makes the groups on the way to a new object. */
static hid_t with_parents(void) {
    hid_t list = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(list, 1);
    return list;
}

kr_status kr_h5_make_group(kr_context *ctx, kr_h5 *file, const char *name) {
    kr_status status = KR_OK;
    guard g;
    guard_enter(&g);
    if (!exists(file, name)) {
        hid_t links = with_parents();
        hid_t group = H5Gcreate2(file->id, name, links, H5P_DEFAULT, H5P_DEFAULT);
        if (group < 0) status = fail(ctx, file, KR_ERR_IO, "cannot make the group", name);
        if (group >= 0) H5Gclose(group);
        H5Pclose(links);
    }
    guard_leave(&g);
    return status;
}

/* Number of elements of a dataspace after checking that a file of this size can hold them: contiguous data need
 * their bytes in the file, filtered chunks can shrink by about a thousand (deflate). */
static kr_status checked_extent(kr_context *ctx, const kr_h5 *file, const char *name, hid_t dataset, size_t width,
                                int *ndim, size_t shape[8], size_t *count) {
    kr_status status = KR_OK;
    hsize_t dims[8] = {0};
    hid_t space = H5Dget_space(dataset), plist = H5Dget_create_plist(dataset);
    int chunked = plist >= 0 && H5Pget_layout(plist) == H5D_CHUNKED;
    uint64_t limit = chunked ? (file->bytes < UINT64_MAX / 1100 ? file->bytes * 1100 : UINT64_MAX) : file->bytes;
    if (file->writing) limit = UINT64_MAX;
    *ndim = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (*ndim < 0 || *ndim > 8 || H5Sget_simple_extent_type(space) == H5S_NULL)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: dataset %s has %d dimensions; 0 to 8 are allowed", file->path, name, *ndim);
    if (*ndim > 0) H5Sget_simple_extent_dims(space, dims, NULL);
    uint64_t n = 1;
    for (int i = 0; i < *ndim; i++) {
        shape[i] = (size_t)dims[i];
        if (dims[i] && n > limit / width / dims[i])
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: dataset %s claims more elements than the file of %llu bytes can hold",
                    file->path, name, (unsigned long long)file->bytes);
        n *= dims[i];
    }
    *count = (size_t)n;
done:
    if (plist >= 0) H5Pclose(plist);
    if (space >= 0) H5Sclose(space);
    return status;
}

/* Our name of a numeric type; *opaque16: two opaque bytes, which is how h5py stores ml_dtypes' bfloat16. */
static int dtype_of(hid_t type, kr_dtype *dtype, int *opaque16) {
    size_t size = H5Tget_size(type), spos, epos, esize, mpos, msize;
    *opaque16 = 0;
    switch (H5Tget_class(type)) {
    case H5T_FLOAT:
        *dtype = size >= 8 ? KR_FLOAT64 : size > 2 ? KR_FLOAT32 : KR_FLOAT16;
        if (size == 2 && H5Tget_fields(type, &spos, &epos, &esize, &mpos, &msize) >= 0 && esize == 8)
            *dtype = KR_BFLOAT16;
        return 1;
    case H5T_INTEGER:
        *dtype = size < 4 || (size == 4 && H5Tget_sign(type) != H5T_SGN_NONE) ? KR_INT32 : KR_INT64;
        return 1;
    case H5T_ENUM: /* h5py's booleans */
        *dtype = KR_INT32;
        return 1;
    case H5T_OPAQUE:
        *dtype = KR_BFLOAT16;
        *opaque16 = size == 2;
        return size == 2;
    default:
        return 0;
    }
}

/* Widens n bfloat16 (the upper half of a float32, little-endian) stored at the start of `data` in place. */
static void widen_bfloat16(size_t n, double *data) {
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t i = n; i-- > 0;) { /* backwards: element i lies at bytes 2i, its double at 8i */
        uint32_t bits = (uint32_t)bytes[2 * i] << 16 | (uint32_t)bytes[2 * i + 1] << 24;
        float value;
        memcpy(&value, &bits, sizeof value);
        data[i] = value;
    }
}

kr_status kr_h5_read_array(kr_context *ctx, kr_h5 *file, const char *name, kr_tree **array) {
    kr_status status = is_classic(file) ? kr_h5c_read_array(ctx, file->classic, name, array) : KR_ERR_UNSUPPORTED;
    if (status != KR_ERR_UNSUPPORTED) return status;
    hid_t dataset = -1, type = -1, memory_type = -1;
    kr_tree *node = NULL;
    kr_dtype dtype;
    int opaque16, ndim;
    size_t shape[8] = {0}, count = 0;
    guard g;
    *array = NULL;
    guard_enter(&g);
    KR_TRY(need_library(ctx, file));
    dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (dataset < 0) KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot open the dataset", name));
    type = H5Dget_type(dataset);
    if (type < 0 || !dtype_of(type, &dtype, &opaque16))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: dataset %s holds no numbers", file->path, name);
    KR_TRY(checked_extent(ctx, file, name, dataset, H5Tget_size(type), &ndim, shape, &count));
    KR_TRY(kr_tree_new(ctx, KR_TREE_ARRAY, &node));
    node->dtype = dtype;
    node->ndim = ndim;
    memcpy(node->shape, shape, sizeof shape);
    KR_NEW(ctx, node->data, count);
    memory_type = opaque16 ? H5Tcopy(type) : H5Tcopy(H5T_NATIVE_DOUBLE);
    if (count && H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, node->data) < 0)
        KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot read the dataset", name));
    if (opaque16) widen_bfloat16(count, node->data);
    *array = node;
    node = NULL;
done:
    if (memory_type >= 0) H5Tclose(memory_type);
    if (type >= 0) H5Tclose(type);
    if (dataset >= 0) H5Dclose(dataset);
    guard_leave(&g);
    kr_tree_destroy(&node);
    return status;
}

/* A new type for the file. bfloat16 is written as float32, exactly, since h5py reads two-byte bfloat16 as bytes. */
static hid_t file_type(kr_dtype dtype) {
    hid_t half;
    switch (dtype) {
    case KR_FLOAT64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case KR_FLOAT16: /* IEEE 754 binary16, as h5py builds it: HDF5 1.10 has no name for it */
        half = H5Tcopy(H5T_IEEE_F32LE);
        H5Tset_fields(half, 15, 10, 5, 0, 10);
        H5Tset_size(half, 2);
        H5Tset_ebias(half, 15);
        return half;
    case KR_INT64:
        return H5Tcopy(H5T_STD_I64LE);
    case KR_INT32:
        return H5Tcopy(H5T_STD_I32LE);
    case KR_FLOAT32:
    case KR_BFLOAT16:
        break;
    }
    return H5Tcopy(H5T_IEEE_F32LE);
}

/* A new dataset without time stamps: the same content makes the same bytes. */
static hid_t create_dataset(const kr_h5 *file, const char *name, hid_t type, hid_t space) {
    hid_t links = with_parents(), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, 0);
    hid_t dataset = H5Dcreate2(file->id, name, type, space, links, creation, H5P_DEFAULT);
    H5Pclose(creation);
    H5Pclose(links);
    return dataset;
}

kr_status kr_h5_write_array(kr_context *ctx, kr_h5 *file, const char *name, const kr_tree *array) {
    if (!array || array->kind != KR_TREE_ARRAY)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_h5_write_array: %s is no array", name);
    kr_status status = KR_OK;
    hid_t type = -1, space = -1, dataset = -1;
    hsize_t dims[8];
    guard g;
    guard_enter(&g);
    for (int i = 0; i < array->ndim; i++) dims[i] = array->shape[i];
    type = file_type(array->dtype);
    space = array->ndim ? H5Screate_simple(array->ndim, dims, NULL) : H5Screate(H5S_SCALAR);
    dataset = create_dataset(file, name, type, space);
    if (dataset < 0) KR_TRY(fail(ctx, file, KR_ERR_IO, "cannot create the dataset", name));
    if (kr_tree_array_size(array) &&
        H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data) < 0)
        KR_TRY(fail(ctx, file, KR_ERR_IO, "cannot write the dataset", name));
done:
    if (dataset >= 0) H5Dclose(dataset);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    guard_leave(&g);
    return status;
}

/* Copies the i-th of the fixed-length strings at `text`, without null or space padding. */
static char *fixed_string(kr_context *ctx, const char *text, size_t width, H5T_str_t padding) {
    size_t length = strnlen(text, width);
    while (padding == H5T_STR_SPACEPAD && length && text[length - 1] == ' ') length--;
    char *copy = kr_malloc(ctx, length + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

/* Strings of variable length of a contiguous dataset without the library, which trusts the references to them. */
static kr_status read_references(kr_context *ctx, const kr_h5 *file, const char *name, hid_t dataset, size_t n,
                                 char **list, int *filled) {
    kr_status status = KR_OK;
    if (!file->classic) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s: cannot be read while it is written", file->path);
    haddr_t offset = n ? H5Dget_offset(dataset) : file->classic->base;
    unsigned char reference[16];
    if (offset == HADDR_UNDEF || offset < file->classic->base)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: dataset %s: strings of variable length in chunks cannot be read", file->path,
                name);
    for (; *filled < (int)n; ++*filled) {
        uint64_t address = offset - file->classic->base + 16 * (uint64_t)*filled;
        KR_TRY(kr_h5c_read(ctx, file->classic, address, sizeof reference, reference, "the data of a dataset"));
        KR_TRY(kr_h5c_string(ctx, file->classic, name, reference, &list[*filled]));
    }
done:
    return status;
}

kr_status kr_h5_read_strings(kr_context *ctx, kr_h5 *file, const char *name, int *count, char ***strings) {
    kr_status status =
        is_classic(file) ? kr_h5c_read_strings(ctx, file->classic, name, count, strings) : KR_ERR_UNSUPPORTED;
    if (status != KR_ERR_UNSUPPORTED) return status;
    hid_t dataset = -1, type = -1;
    char **list = NULL, *fixed = NULL;
    int ndim, filled = 0;
    size_t shape[8], n = 0;
    guard g;
    *count = 0;
    *strings = NULL;
    guard_enter(&g);
    KR_TRY(need_library(ctx, file));
    dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (dataset < 0) KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot open the dataset", name));
    type = H5Dget_type(dataset);
    if (type < 0 || H5Tget_class(type) != H5T_STRING)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: dataset %s holds no strings", file->path, name);
    size_t width = H5Tget_size(type);
    KR_TRY(checked_extent(ctx, file, name, dataset, width ? width : 1, &ndim, shape, &n));
    if (ndim > 1 || n > INT32_MAX)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: dataset %s has %d dimensions; strings need 0 or 1", file->path, name, ndim);
    KR_NEW(ctx, list, n);
    if (H5Tis_variable_str(type) > 0) {
        KR_TRY(read_references(ctx, file, name, dataset, n, list, &filled));
    } else {
        fixed = kr_malloc(ctx, n, width);
        if (!fixed) KR_TRY(KR_ERR_MEMORY);
        if (n && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, fixed) < 0)
            KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot read the dataset", name));
    }
    for (; filled < (int)n; filled++) {
        list[filled] = fixed_string(ctx, fixed + (size_t)filled * width, width, H5Tget_strpad(type));
        if (!list[filled]) KR_TRY(KR_ERR_MEMORY);
    }
    *count = filled;
    *strings = list;
    list = NULL;
done:
    if (type >= 0) H5Tclose(type);
    if (dataset >= 0) H5Dclose(dataset);
    guard_leave(&g);
    kr_free(fixed);
    kr_h5_free_names(filled, list);
    return status;
}

/* Variable-length UTF-8, h5py's type of a Python str. */
static hid_t text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

kr_status kr_h5_write_strings(kr_context *ctx, kr_h5 *file, const char *name, int count, const char *const *strings) {
    kr_status status = KR_OK;
    hsize_t n = (hsize_t)count;
    guard g;
    guard_enter(&g);
    hid_t type = text_type(), space = H5Screate_simple(1, &n, NULL);
    hid_t dataset = create_dataset(file, name, type, space);
    if (dataset < 0)
        status = fail(ctx, file, KR_ERR_IO, "cannot create the dataset", name);
    else if (count && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, strings) < 0)
        status = fail(ctx, file, KR_ERR_IO, "cannot write the dataset", name);
    if (dataset >= 0) H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
    guard_leave(&g);
    return status;
}

kr_status kr_h5_read_attribute(kr_context *ctx, kr_h5 *file, const char *name, char **text) {
    kr_status status = is_classic(file) ? kr_h5c_read_attribute(ctx, file->classic, name, text) : KR_ERR_UNSUPPORTED;
    if (status != KR_ERR_UNSUPPORTED) return status;
    hid_t attribute = -1, type = -1, space = -1;
    char *fixed = NULL, *variable = NULL;
    guard g;
    *text = NULL;
    guard_enter(&g);
    KR_TRY(need_library(ctx, file));
    if (H5Aexists(file->id, name) <= 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the HDF5 file has no root attribute '%s'", file->path, name);
    attribute = H5Aopen(file->id, name, H5P_DEFAULT);
    if (attribute < 0) KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot open the attribute", name));
    type = H5Aget_type(attribute);
    space = H5Aget_space(attribute);
    if (type < 0 || H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the root attribute '%s' is not one string", file->path, name);
    size_t width = H5Tget_size(type);
    int is_variable = H5Tis_variable_str(type) > 0;
    if (!is_variable) {
        if (width > file->bytes)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the root attribute '%s' claims %zu bytes, more than the file has",
                    file->path, name, width);
        KR_NEW(ctx, fixed, width);
    } else if (file->classic) {
        KR_TRY(kr_h5c_heaps_check(ctx, file->classic));
    }
    if (H5Aread(attribute, type, is_variable ? (void *)&variable : (void *)fixed) < 0)
        KR_TRY(fail(ctx, file, KR_ERR_FORMAT, "cannot read the attribute", name));
    *text =
        is_variable ? kr_strdup(ctx, variable ? variable : "") : fixed_string(ctx, fixed, width, H5Tget_strpad(type));
    if (!*text) KR_TRY(KR_ERR_MEMORY);
done:
    if (variable) H5Dvlen_reclaim(type, space, H5P_DEFAULT, &variable);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (attribute >= 0) H5Aclose(attribute);
    guard_leave(&g);
    kr_free(fixed);
    return status;
}

kr_status kr_h5_write_attribute(kr_context *ctx, kr_h5 *file, const char *name, const char *text) {
    kr_status status = KR_OK;
    guard g;
    guard_enter(&g);
    hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file->id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, &text) < 0)
        status = fail(ctx, file, KR_ERR_IO, "cannot write the attribute", name);
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    guard_leave(&g);
    return status;
}
