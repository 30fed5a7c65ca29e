/* Extended XYZ: the columns of the atoms.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_EXTXYZ_COLUMNS_H
#define KR_CORE_EXTXYZ_COLUMNS_H

#include "core/text.h"
#include <kramers/system.h>

enum { KR_XYZ_COLUMNS = 512 }; /* at most */

/* From KR_XYZ_POSITION on they are numbers to be kept. */
typedef enum kr_xyz_role {
    KR_XYZ_SKIP,
    KR_XYZ_SPECIES,
    KR_XYZ_NUMBER,
    KR_XYZ_POSITION,
    KR_XYZ_MOMENTA,
    KR_XYZ_LABEL
} kr_xyz_role;

/* What stands in consecutive columns. */
typedef struct kr_xyz_group {
    kr_xyz_role role;
    kr_label label; /* of KR_XYZ_LABEL */
    int rank;       /* of several names for one label the lowest rank is taken */
    double unit;    /* factor to our unit */
    int first, count;
} kr_xyz_group;

typedef struct kr_xyz_columns {
    kr_xyz_group group[KR_XYZ_COLUMNS];
    int ngroups, ncolumns;
} kr_xyz_columns;

/* `properties` NULL: species and positions. Messages do not name the place. */
kr_status kr_xyz_columns_read(kr_context *ctx, const kr_word *properties, kr_xyz_columns *columns);
int kr_xyz_columns_have(const kr_xyz_columns *columns, kr_xyz_role wanted);

#endif
