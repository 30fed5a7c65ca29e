/* SHA-256 (FIPS 180-4) of texts and files: names of tasks and labels.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_DIGEST_H
#define KR_EELT_DIGEST_H

#include <kramers/context.h>
#include <stddef.h>

typedef struct kr_digest kr_digest;

kr_status kr_digest_create(kr_context *ctx, kr_digest **digest);
void kr_digest_destroy(kr_digest **digest);
void kr_digest_add(kr_digest *digest, const void *data, size_t n);
/* Length and text, so that ("ab", "c") and ("a", "bc") differ. */
void kr_digest_text(kr_digest *digest, const char *text);
kr_status kr_digest_file(kr_context *ctx, kr_digest *digest, const char *path);
/* Lower-case hexadecimal. The digest is empty again. */
const char *kr_digest_end(kr_digest *digest, char hex[65]);

#endif
