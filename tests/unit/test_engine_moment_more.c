/* ctest: full
 * The tests of the moment engine with more random models.
 * SPDX-License-Identifier: BSD-3-Clause */
#define SEEDS 12
#include "test_engine_moment.c"
