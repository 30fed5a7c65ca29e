/* The lock of a folder: a file made by link(2), which is atomic on network disks too.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A stale lock is taken over in two steps: the old file is renamed to a name of our own (only one of several processes
 * that find it succeeds), then the new one is linked. */
#include "eelt/lock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct kr_lock {
    char *path;
    char text[160]; /* what we wrote: only our own lock is removed */
};

int kr_lock_holder(const char *path, kr_process *holder) {
    char text[200] = "";
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    if (!fgets(text, sizeof text, file)) text[0] = 0;
    fclose(file);
    if (!kr_process_parse(text, holder)) memset(holder, 0, sizeof *holder);
    return 1;
}

/* Writes the holder's line to `name` and links it to `path`: 1 done, 0 somebody has it. */
static kr_status link_lock(kr_context *ctx, const char *name, const char *path, const char *text, int *done) {
    kr_status status = KR_OK;
    *done = 0;
    FILE *file = fopen(name, "we");
    if (!file) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", name, strerror(errno));
    int bad = fprintf(file, "%s\n", text) < 0;
    bad |= fflush(file) != 0 || fsync(fileno(file)) != 0;
    bad |= fclose(file) != 0;
    if (bad) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", name, strerror(errno));
    if (link(name, path) == 0)
        *done = 1;
    else if (errno != EEXIST)
        KR_FAIL(ctx, KR_ERR_IO, "cannot make '%s': %s", path, strerror(errno));
done:
    unlink(name);
    return status;
}

/* May the lock of this holder be taken over? */
static kr_status judge(kr_context *ctx, const char *path, const kr_process *holder, int force) {
    kr_life life = holder->pid ? kr_process_life(holder) : KR_PROCESS_DEAD;
    if (life == KR_PROCESS_DEAD) return KR_OK;
    if (life == KR_PROCESS_ALIVE) {
        KR_ERROR(ctx, KR_ERR_IO, "'%s': process %" PRId64 " of this host (%s) works here", path, holder->pid,
                 holder->host);
        kr_error_hint(ctx, "wait for it or stop it; two programs would do everything twice");
        return KR_ERR_IO;
    }
    if (force) return KR_OK;
    KR_ERROR(ctx, KR_ERR_IO, "'%s': process %" PRId64 " of host %s works here or was killed", path, holder->pid,
             holder->host);
    kr_error_hint(ctx, "when it is dead for certain: --break-lock");
    return KR_ERR_IO;
}

kr_status kr_lock_take(kr_context *ctx, const char *path, int force, kr_lock **lock) {
    kr_status status = KR_OK;
    kr_process self, holder;
    char *own = NULL, *aside = NULL;
    kr_lock *l = NULL;
    *lock = NULL;
    kr_process_self(&self);
    KR_NEW(ctx, l, 1);
    kr_process_format(&self, l->text);
    own = kr_strprintf(ctx, "%s.%s.%" PRId64, path, self.host, self.pid);
    aside = own ? kr_strprintf(ctx, "%s.old", own) : NULL;
    if (!aside) KR_TRY(KR_ERR_MEMORY);
    int done = 0;
    for (int round = 0; round < 5 && !done; round++) {
        KR_TRY(link_lock(ctx, own, path, l->text, &done));
        if (done || !kr_lock_holder(path, &holder)) continue;
        KR_TRY(judge(ctx, path, &holder, force));
        if (rename(path, aside) != 0) continue;
        /* Another process may have replaced the stale lock since it was judged: then its lock goes back. */
        kr_process moved;
        char judged[160], found[160];
        kr_lock_holder(aside, &moved);
        if (strcmp(kr_process_format(&holder, judged), kr_process_format(&moved, found))) (void)!link(aside, path);
        unlink(aside);
    }
    if (!done) KR_FAIL(ctx, KR_ERR_IO, "cannot take '%s': others take it again and again", path);
    l->path = kr_strdup(ctx, path);
    if (!l->path) {
        unlink(path);
        KR_TRY(KR_ERR_MEMORY);
    }
    *lock = l;
    l = NULL;
done:
    kr_lock_release(&l);
    kr_free(own);
    kr_free(aside);
    return status;
}

void kr_lock_release(kr_lock **lock) {
    if (!lock || !*lock) return;
    kr_process holder;
    char text[160];
    if ((*lock)->path && kr_lock_holder((*lock)->path, &holder) &&
        !strcmp(kr_process_format(&holder, text), (*lock)->text))
        unlink((*lock)->path);
    kr_free((*lock)->path);
    kr_free(*lock);
    *lock = NULL;
}
