/* Electron configurations of the elements.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The 59 orbitals (n, l, m) with n ≤ 7 and n + l ≤ 8, in the order of n, l, m, have two numbers each: (−1, −1) empty,
 * (−1, 1) one electron, (1, 1) two; the vector of 118 is scaled to length 1. Sub-shells are filled by Madelung's
 * rule with the exceptions of the neutral atoms' ground states (NIST), orbitals of a sub-shell by Hund's rule. */
#include "potential/econf.h"
#include <math.h>
#include <string.h>

static const char symbols[] =
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts "
    "Og ";

/* Electrons that Madelung's rule puts into sub-shell n l and nature into n' l'. */
static const struct {
    unsigned char z, n, l, to_n, to_l, electrons;
} exceptions[] = {{24, 4, 0, 3, 2, 1}, {29, 4, 0, 3, 2, 1}, {41, 5, 0, 4, 2, 1}, {42, 5, 0, 4, 2, 1},
                  {44, 5, 0, 4, 2, 1}, {45, 5, 0, 4, 2, 1}, {46, 5, 0, 4, 2, 2}, {47, 5, 0, 4, 2, 1},
                  {57, 4, 3, 5, 2, 1}, {58, 4, 3, 5, 2, 1}, {64, 4, 3, 5, 2, 1}, {78, 6, 0, 5, 2, 1},
                  {79, 6, 0, 5, 2, 1}, {89, 5, 3, 6, 2, 1}, {90, 5, 3, 6, 2, 2}, {91, 5, 3, 6, 2, 1},
                  {92, 5, 3, 6, 2, 1}, {93, 5, 3, 6, 2, 1}, {96, 5, 3, 6, 2, 1}, {110, 7, 0, 6, 2, 1},
                  {111, 7, 0, 6, 2, 1}};

/* Atomic number by symbol, 0 when unknown. */
static int atomic_number(const char *element) {
    size_t length = strlen(element);
    int z = 1;
    for (const char *at = symbols; *at; at = strchr(at, ' ') + 1, z++)
        if (length && !strncmp(at, element, length) && at[length] == ' ') return z;
    return 0;
}

int kr_econf_row(const char *element, double *row) {
    int electrons[8][4] = {{0}}, z = atomic_number(element), left = z;
    if (!z) return 0;
    for (int sum = 1; sum <= 8; sum++) /* Madelung: by n + l, then by n */
        for (int n = 1; n <= 7; n++) {
            int l = sum - n, room = 2 * (2 * l + 1);
            if (l < 0 || l >= n || l > 3) continue;
            electrons[n][l] = left < room ? left : room;
            left -= electrons[n][l];
        }
    for (size_t k = 0; k < sizeof exceptions / sizeof exceptions[0]; k++)
        if (exceptions[k].z == z) {
            electrons[exceptions[k].n][exceptions[k].l] -= exceptions[k].electrons;
            electrons[exceptions[k].to_n][exceptions[k].to_l] += exceptions[k].electrons;
        }
    double one = 1 / sqrt((double)KR_ECONF_DIM);
    for (int n = 1; n <= 7; n++)
        for (int l = 0; l < n && n + l <= 8; l++)
            for (int m = 0; m < 2 * l + 1; m++) { /* Hund: one electron everywhere first */
                *row++ = electrons[n][l] > m + 2 * l + 1 ? one : -one;
                *row++ = electrons[n][l] > m ? one : -one;
            }
    return 1;
}
