/* A context and an empty folder for a test; nothing of either may be left over.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TEST_FOLDER_H
#define KR_TEST_FOLDER_H

/* In memory where there is such a file system: tests sync a lot. */
extern char kr_test_folder[64];
/* cmocka's setup and teardown: *state is the kr_context. */
int kr_test_folder_setup(void **state);
int kr_test_folder_teardown(void **state);

#endif
