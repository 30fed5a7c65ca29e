/* SHA-256 by libmd.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/digest.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include <sha2.h>
#include <stdio.h>
#include <string.h>

struct kr_digest {
    SHA2_CTX state;
};

kr_status kr_digest_create(kr_context *ctx, kr_digest **digest) {
    kr_status status = KR_OK;
    KR_NEW(ctx, *digest, 1);
    SHA256Init(&(*digest)->state);
done:
    return status;
}

void kr_digest_destroy(kr_digest **digest) {
    if (!digest) return;
    kr_free(*digest);
    *digest = NULL;
}

void kr_digest_add(kr_digest *digest, const void *data, size_t n) { SHA256Update(&digest->state, data, n); }

void kr_digest_text(kr_digest *digest, const char *text) {
    char length[24];
    size_t n = strlen(text);
    kr_digest_add(digest, length, (size_t)snprintf(length, sizeof length, "%zu:", n));
    kr_digest_add(digest, text, n);
}

kr_status kr_digest_file(kr_context *ctx, kr_digest *digest, const char *path) {
    char *text = NULL;
    size_t n = 0;
    kr_status status = kr_file_read(ctx, path, &text, &n);
    if (status == KR_OK) kr_digest_add(digest, text, n);
    kr_free(text);
    return status;
}

const char *kr_digest_end(kr_digest *digest, char hex[65]) {
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    SHA256Final(bytes, &digest->state);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    SHA256Init(&digest->state);
    return hex;
}
