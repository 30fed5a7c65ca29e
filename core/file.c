/* Whole files: reading, writing through a temporary name.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing: temporary name in the same folder (so that rename stays inside one file system), flush, fsync, rename,
 * fsync of the folder. Whatever kills the program, the old or the new file is there, never a part of one. */
#include "core/file.h"
#include "core/error.h"
#include "core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end of a descriptor whose size is not known in advance, or of which `expected` bytes are expected. */
static kr_status read_all(kr_context *ctx, const char *path, int fd, size_t expected, char **text, size_t *length) {
    kr_status status = KR_OK;
    size_t room = expected + 1, used = 0; /* one more byte: room for the zero, and shows that the file grew */
    char *data = kr_malloc(ctx, room, 1), *more;
    if (!data) return KR_ERR_MEMORY;
    for (;;) {
        if (used == room - 1) {
            char extra;
            ssize_t n = read(fd, &extra, 1);
            if (n == 0) break;
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) KR_FAIL(ctx, KR_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
            more = kr_realloc(ctx, data, used, 2 * room + 4096, 1);
            if (!more) {
                status = KR_ERR_MEMORY;
                goto done;
            }
            data = more;
            room = 2 * room + 4096;
            data[used++] = extra;
        }
        size_t want = room - 1 - used;
        ssize_t n = read(fd, data + used, want < (size_t)1 << 30 ? want : (size_t)1 << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) KR_FAIL(ctx, KR_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        if (n == 0) break;
        used += (size_t)n;
    }
    data[used] = 0;
    *text = data;
    *length = used;
    data = NULL;
done:
    kr_free(data);
    return status;
}

kr_status kr_file_read(kr_context *ctx, const char *path, char **text, size_t *length) {
    kr_status status = KR_OK;
    struct stat info;
    *text = NULL;
    *length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) KR_FAIL(ctx, KR_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    if (fstat(fd, &info) != 0) KR_FAIL(ctx, KR_ERR_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) KR_FAIL(ctx, KR_ERR_IO, "'%s' is a folder, expected a file", path);
    size_t expected = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 0;
    KR_TRY(read_all(ctx, path, fd, expected, text, length));
done:
    if (fd >= 0) close(fd);
    return status;
}

int kr_file_exists(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

kr_status kr_file_target(kr_context *ctx, const char *path, int overwrite) {
    if (overwrite || !kr_file_exists(path)) return KR_OK;
    KR_ERROR(ctx, KR_ERR_IO, "'%s' exists already", path);
    kr_error_hint(ctx, "choose another name or ask for overwriting");
    return KR_ERR_IO;
}

int kr_file_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Opens a new file "path.tmp-<process>-<number>" exclusively. */
static kr_status open_temporary(kr_context *ctx, const char *path, char **temporary, int *fd) {
    static atomic_ulong counter;
    for (int attempt = 0; attempt < 100; attempt++) {
        *temporary = kr_strprintf(ctx, "%s.tmp-%ld-%lu", path, (long)getpid(), atomic_fetch_add(&counter, 1));
        if (!*temporary) return KR_ERR_MEMORY;
        *fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0) return KR_OK;
        int reason = errno;
        kr_free(*temporary);
        *temporary = NULL;
        if (reason != EEXIST) return KR_ERROR(ctx, KR_ERR_IO, "cannot write '%s': %s", path, strerror(reason));
    }
    return KR_ERROR(ctx, KR_ERR_IO, "cannot find a free temporary name for '%s'", path);
}

static kr_status begin(kr_context *ctx, const char *path, int with_stream, kr_file_writer *writer) {
    kr_status status = KR_OK;
    int fd = -1;
    *writer = (kr_file_writer){NULL, NULL, NULL};
    if (kr_file_is_folder(path)) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': it is a folder", path);
    writer->path = kr_strdup(ctx, path);
    if (!writer->path) return KR_ERR_MEMORY;
    KR_TRY(open_temporary(ctx, path, &writer->temporary, &fd));
    if (with_stream) {
        writer->stream = fdopen(fd, "wb");
        if (!writer->stream) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
        fd = -1;
    }
done:
    if (fd >= 0) close(fd);
    if (status != KR_OK) kr_file_abandon(writer);
    return status;
}

kr_status kr_file_begin(kr_context *ctx, const char *path, kr_file_writer *writer) {
    return begin(ctx, path, 1, writer);
}

kr_status kr_file_reserve(kr_context *ctx, const char *path, kr_file_writer *writer) {
    return begin(ctx, path, 0, writer);
}

/* The folder that holds `path`, as an open descriptor or -1. */
static int open_parent(kr_context *ctx, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return open(".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (slash == path) return open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    char *folder = kr_strdup(ctx, path);
    if (!folder) return -1;
    folder[slash - path] = 0;
    int fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    kr_free(folder);
    return fd;
}

static kr_status sync_path(kr_context *ctx, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return KR_ERROR(ctx, KR_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    int bad = fsync(fd) != 0, reason = errno;
    close(fd);
    return bad ? KR_ERROR(ctx, KR_ERR_IO, "cannot write '%s' to disk: %s", path, strerror(reason)) : KR_OK;
}

static void (*point_function)(void *payload);
static void *point_payload;

void kr_file_set_point(void (*point)(void *payload), void *payload) {
    point_function = point;
    point_payload = payload;
}

void kr_file_point(void) {
    if (point_function) point_function(point_payload);
}

kr_status kr_file_commit(kr_context *ctx, kr_file_writer *writer) {
    kr_status status = KR_OK;
    if (!writer->temporary) KR_FAIL(ctx, KR_ERR_INTERNAL, "commit of a file that was not begun");
    if (writer->stream) {
        int bad = ferror(writer->stream) || fflush(writer->stream) != 0 || fsync(fileno(writer->stream)) != 0;
        int reason = errno;
        bad |= fclose(writer->stream) != 0;
        writer->stream = NULL;
        if (bad) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", writer->path, strerror(reason));
    } else {
        KR_TRY(sync_path(ctx, writer->temporary));
    }
    kr_file_point();
    if (rename(writer->temporary, writer->path) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "cannot rename to '%s': %s", writer->path, strerror(errno));
    kr_free(writer->temporary);
    writer->temporary = NULL;
    kr_file_point();
    int folder = open_parent(ctx, writer->path);
    if (folder >= 0) { /* some file systems cannot sync a folder: the rename itself has succeeded */
        (void)fsync(folder);
        close(folder);
    }
done:
    kr_file_abandon(writer);
    return status;
}

void kr_file_abandon(kr_file_writer *writer) {
    if (!writer) return;
    if (writer->stream) fclose(writer->stream);
    if (writer->temporary) unlink(writer->temporary);
    kr_free(writer->temporary);
    kr_free(writer->path);
    *writer = (kr_file_writer){NULL, NULL, NULL};
}

kr_status kr_file_write(kr_context *ctx, const char *folder, const char *name, const char *text, size_t length) {
    kr_status status = KR_OK;
    kr_file_writer writer = {0};
    char *path = kr_path_join(ctx, folder, name);
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_file_begin(ctx, path, &writer));
    fwrite(text, 1, length, writer.stream); /* a failure shows at the commit */
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    kr_free(path);
    return status;
}
