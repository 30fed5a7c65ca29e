/* Folders: listing, and writing a whole folder that appears at once.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * An existing folder is replaced by exchanging two names in one system call (renameat2), so at every moment `path`
 * names either the old or the new folder. Where the file system cannot exchange, the old one is moved aside first:
 * then there is an instant without `path`, but never a mixture. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

char *kr_path_join(kr_context *ctx, const char *folder, const char *name) {
    size_t n = strlen(folder);
    return kr_strprintf(ctx, "%s%s%s", folder, n > 0 && folder[n - 1] == '/' ? "" : "/", name);
}

void kr_names_free(int count, char **names) {
    for (int i = 0; names && i < count; i++) kr_free(names[i]);
    kr_free(names);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

kr_status kr_folder_list(kr_context *ctx, const char *path, int *count, char ***names) {
    kr_status status = KR_OK;
    char **list = NULL;
    int n = 0, room = 0;
    *count = 0;
    *names = NULL;
    DIR *folder = opendir(path);
    if (!folder) KR_FAIL(ctx, KR_ERR_IO, "cannot list folder '%s': %s", path, strerror(errno));
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry && errno) KR_FAIL(ctx, KR_ERR_IO, "cannot list folder '%s': %s", path, strerror(errno));
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (n == room) {
            char **more = kr_realloc(ctx, list, (size_t)n, 2 * (size_t)room + 16, sizeof *more);
            if (!more) {
                status = KR_ERR_MEMORY;
                goto done;
            }
            list = more;
            room = 2 * room + 16;
        }
        list[n] = kr_strdup(ctx, entry->d_name);
        if (!list[n]) {
            status = KR_ERR_MEMORY;
            goto done;
        }
        n++;
    }
    if (n > 0) qsort(list, (size_t)n, sizeof *list, compare_names);
    *count = n;
    *names = list;
    list = NULL;
done:
    kr_names_free(n, list);
    if (folder) closedir(folder);
    return status;
}

kr_status kr_folder_make(kr_context *ctx, const char *path) {
    if (mkdir(path, 0777) == 0) return KR_OK;
    return KR_ERROR(ctx, KR_ERR_IO, "cannot make folder '%s': %s", path, strerror(errno));
}

kr_status kr_folder_make_all(kr_context *ctx, const char *path) {
    kr_status status = KR_OK;
    char *part = kr_strdup(ctx, path);
    if (!part) return KR_ERR_MEMORY;
    for (char *end = part; *end && status == KR_OK; *end = path[end - part]) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        *end = 0;
        if (!kr_file_is_folder(part)) status = kr_folder_make(ctx, part);
    }
    kr_free(part);
    return status;
}

enum { DEEPEST = 32 }; /* datasets are three levels deep; links are not followed */

/* Removes or syncs everything below `path` and itself. */
static kr_status walk(kr_context *ctx, const char *path, int remove_it, int depth) {
    kr_status status = KR_OK;
    struct stat info;
    char **names = NULL, *child = NULL;
    int n = 0;
    if (lstat(path, &info) != 0) KR_FAIL(ctx, KR_ERR_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        if (depth > DEEPEST) KR_FAIL(ctx, KR_ERR_IO, "folder '%s' is more than %d levels deep", path, DEEPEST);
        KR_TRY(kr_folder_list(ctx, path, &n, &names));
        for (int i = 0; i < n; i++) {
            child = kr_path_join(ctx, path, names[i]);
            if (!child) {
                status = KR_ERR_MEMORY;
                goto done;
            }
            KR_TRY(walk(ctx, child, remove_it, depth + 1));
            kr_free(child);
            child = NULL;
        }
    }
    if (remove_it) {
        if (remove(path) != 0) KR_FAIL(ctx, KR_ERR_IO, "cannot remove '%s': %s", path, strerror(errno));
    } else if (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode)) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int bad = fd < 0 || (fsync(fd) != 0 && !S_ISDIR(info.st_mode)), reason = errno;
        if (fd >= 0) close(fd);
        if (bad) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s' to disk: %s", path, strerror(reason));
    }
done:
    kr_free(child);
    kr_names_free(n, names);
    return status;
}

static char *without_slashes(kr_context *ctx, const char *path) {
    char *copy = kr_strdup(ctx, path);
    for (size_t n = copy ? strlen(copy) : 0; n > 1 && copy[n - 1] == '/'; n--) copy[n - 1] = 0;
    return copy;
}

kr_status kr_folder_begin(kr_context *ctx, const char *path, int overwrite, kr_folder_writer *writer) {
    static atomic_ulong counter;
    kr_status status = KR_OK;
    *writer = (kr_folder_writer){NULL, NULL};
    writer->path = without_slashes(ctx, path);
    if (!writer->path) return KR_ERR_MEMORY;
    KR_TRY(kr_file_target(ctx, writer->path, overwrite));
    for (int attempt = 0; attempt < 100; attempt++) {
        char *name = kr_strprintf(ctx, "%s.tmp-%ld-%lu", writer->path, (long)getpid(), atomic_fetch_add(&counter, 1));
        if (!name) {
            status = KR_ERR_MEMORY;
            goto done;
        }
        if (mkdir(name, 0777) == 0) {
            writer->temporary = name;
            goto done;
        }
        int reason = errno;
        kr_free(name);
        if (reason != EEXIST) KR_FAIL(ctx, KR_ERR_IO, "cannot write folder '%s': %s", path, strerror(reason));
    }
    KR_FAIL(ctx, KR_ERR_IO, "cannot find a free temporary name for '%s'", path);
done:
    if (status != KR_OK) kr_folder_abandon(writer);
    return status;
}

/* 0 on success: afterwards `a` has the content of b and the other way round. */
static int exchange(const char *a, const char *b) {
#if defined(SYS_renameat2)
    return (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2u /* RENAME_EXCHANGE */);
#else
    (void)a, (void)b;
    return -1;
#endif
}

/* Puts the new content to `path`; the old content is then under the temporary name. */
static kr_status replace(kr_context *ctx, kr_folder_writer *writer) {
    kr_status status = KR_OK;
    if (exchange(writer->temporary, writer->path) == 0) return KR_OK;
    char *aside = kr_strprintf(ctx, "%s.old", writer->temporary);
    if (!aside) return KR_ERR_MEMORY;
    if (rename(writer->path, aside) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "cannot move '%s' aside: %s", writer->path, strerror(errno));
    if (rename(writer->temporary, writer->path) != 0) {
        int reason = errno;
        (void)rename(aside, writer->path);
        KR_FAIL(ctx, KR_ERR_IO, "cannot rename to '%s': %s", writer->path, strerror(reason));
    }
    kr_free(writer->temporary);
    writer->temporary = aside;
    return KR_OK;
done:
    kr_free(aside);
    return status;
}

kr_status kr_folder_commit(kr_context *ctx, kr_folder_writer *writer) {
    kr_status status = KR_OK;
    if (!writer->temporary) KR_FAIL(ctx, KR_ERR_INTERNAL, "commit of a folder that was not begun");
    KR_TRY(walk(ctx, writer->temporary, 0, 0));
    kr_file_point();
    if (kr_file_exists(writer->path)) {
        KR_TRY(replace(ctx, writer));
    } else {
        if (rename(writer->temporary, writer->path) != 0)
            KR_FAIL(ctx, KR_ERR_IO, "cannot rename to '%s': %s", writer->path, strerror(errno));
        kr_free(writer->temporary);
        writer->temporary = NULL;
    }
    kr_file_point();
done:
    kr_folder_abandon(writer); /* removes what the temporary name holds: an unfinished or the replaced folder */
    return status;
}

void kr_folder_abandon(kr_folder_writer *writer) {
    if (!writer) return;
    if (writer->temporary) (void)walk(NULL, writer->temporary, 1, 0);
    kr_free(writer->temporary);
    kr_free(writer->path);
    *writer = (kr_folder_writer){NULL, NULL};
}
