/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_folder.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include <kramers/context.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char kr_test_folder[64];

int kr_test_folder_setup(void **state) {
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(kr_test_folder, sizeof kr_test_folder, "%s/kramers-test-XXXXXX", root);
    return !mkdtemp(kr_test_folder) || kr_context_create((kr_context **)state) != KR_OK;
}

int kr_test_folder_teardown(void **state) {
    kr_folder_writer all = {NULL, kr_strdup(NULL, kr_test_folder)};
    kr_folder_abandon(&all); /* removes everything below */
    kr_context_destroy((kr_context **)state);
    return kr_memory_live() != 0 || kr_file_exists(kr_test_folder);
}
