/* Full disks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every write of results is checked and goes through a rename, so that a full disk damages nothing. Here it is only
 * told apart from failures of tasks: what it ended is no try of theirs, and nothing new is started on it. */
#include "eelt/disk.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static const double least_bytes = 1 << 16;

int kr_disk_full(const char *path) {
    struct statvfs disk;
    if (statvfs(path, &disk) != 0) return 0;
    int files = disk.f_files > 0 && disk.f_favail == 0; /* some file systems do not count files */
    return files || (double)disk.f_bavail * (double)disk.f_frsize < least_bytes;
}

int kr_disk_told(const char *text) {
    static const char *const words[] = {"No space left on device", "Disk quota exceeded", "disk is full"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i])) return 1;
    return 0;
}

/* The end of a small file of the folder speaks of it. */
static int file_tells(kr_context *ctx, const char *folder, const char *name) {
    char text[4097], *path = kr_path_join(ctx, folder, name);
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t n = 0;
    if (file) {
        if (fseek(file, -(long)(sizeof text - 1), SEEK_END) != 0) rewind(file); /* shorter than that */
        n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    text[n] = 0;
    kr_free(path);
    return kr_disk_told(text);
}

int kr_disk_ended(kr_context *ctx, const char *folder) {
    return kr_disk_full(folder) || file_tells(ctx, folder, "stderr") || file_tells(ctx, folder, "supervisor.log");
}

kr_status kr_disk_verdict(kr_context *ctx, const char *folder, kr_status status) {
    char cause[200];
    if (status != KR_ERR_IO) return status;
    snprintf(cause, sizeof cause, "%s", kr_context_message(ctx));
    if (!kr_disk_told(cause) && !(folder && kr_disk_full(folder))) return status;
    return KR_ERROR(ctx, KR_NOT_CONVERGED,
                    "the disk is full: %s; nothing that was finished is lost, make room and give the same command "
                    "again",
                    cause);
}
