/* What a stranger does first with the library: outside MODEL
 * SPDX-License-Identifier: BSD-3-Clause */
#include <kramers/kramers.h>
#include <stdio.h>

int main(int argc, char **argv) {
    kr_context *ctx = NULL;
    if (argc != 2 || kr_context_create(&ctx) < 0) return 2;
    printf("kramers %s (%s), model %s\n", kr_version(), kr_build_info(), argv[1]);
    kr_context_destroy(&ctx);
    return 0;
}
