/* Short forms of keys (core/parameters.h) for tables of one struct of settings; AT(field) says where its fields are.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_RUN_TABLE_H
#define KR_SAMPLING_RUN_TABLE_H

#include "core/parameters.h"

#define INT(key, field, value, limits, text) \
    { .name = key, .type = KR_PARAMETER_INT, AT(field), .initial = value, .range = limits, .help = text }
#define REAL(key, field, value, limits, text) \
    { .name = key, .type = KR_PARAMETER_REAL, AT(field), .initial = value, .range = limits, .help = text }
#define CHOICE(key, field, value, words, text) \
    { .name = key, .type = KR_PARAMETER_CHOICE, AT(field), .initial = value, .allowed = words, .help = text }
#define TREE(key, field, text) \
    { .name = key, .type = KR_PARAMETER_TREE, AT(field), .initial = "", .help = text }

#endif
