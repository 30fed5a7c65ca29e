/* Chemical elements: symbols, standard atomic weights, covalent radii.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_ELEMENTS_H
#define KR_CORE_ELEMENTS_H

#include <stddef.h>

/* Symbol of atomic number z = 1 … 118, NULL outside. */
const char *kr_element_symbol(int z);
/* Atomic number of a symbol of n letters, 0 when it is none. */
int kr_element_number(const char *symbol, size_t n);
/* Atomic weight in amu (of the longest-lived isotope where there is no standard), 0 when unknown. */
double kr_element_mass(int z);
/* Covalent radius in Å (Cordero et al. 2008; of the low-spin state where there are two), 0 when unknown (z > 96). */
double kr_element_radius(int z);
/* The element whose weight is within `tolerance` amu of mass; 0 when none or several are. */
int kr_element_of_mass(double mass, double tolerance);

#endif
