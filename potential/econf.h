/* Electron configurations of the elements, the input of DPA-1's type embedding with use_econf_tebd.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_ECONF_H
#define KR_POTENTIAL_ECONF_H

enum { KR_ECONF_DIM = 118 };

/* row [KR_ECONF_DIM], length 1. Returns 0 when the element is not known. */
int kr_econf_row(const char *element, double *row);

#endif
