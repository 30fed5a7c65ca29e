/* Harmonic polynomials of degree 2 to 4 and their gradients, for one type of number: HARMONIC_NUMBER with
 * HARMONIC_CONSTANT(x), HARMONIC_NAME and HARMONIC_QUALIFIER set by the file that includes this one.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With q = x² + y² + z², f_l^m = q^((l−m)/2) P_l^(m)(z/√q) (derivatives of Legendre polynomials) and
 * (x + iy)^m = A_m + iB_m the polynomials of degree l are
 *     Y_l^m = N f_l^m A_m,   Y_l^−m = N f_l^m B_m,   N² = (2 − δ_m0)(l − m)!/(l + m)!
 * so that Σ_m Y_l^m(a) Y_l^m(b) = |a|^l |b|^l P_l(cos). Recurrences:
 *     f_m^m = (2m − 1)!!,   (l − m) f_l^m = (2l − 1) z f_(l−1)^m − (l + m − 1) q f_(l−2)^m
 *     ∂f_l^m/∂z = (l + m) f_(l−1)^m,   ∂f_l^m/∂x = −x f_(l−1)^(m+1)
 * Source: Varshalovich et al., Quantum Theory of Angular Momentum (1988), 5.1; solid harmonics. */

/* y [(lmax + 1)² − 4] of (u0, u1, u2), by degree, m = −l … l; dy [..][3] their gradients unless NULL. */
HARMONIC_QUALIFIER void HARMONIC_NAME(int lmax, const HARMONIC_NUMBER *u, HARMONIC_NUMBER *y,
                                      HARMONIC_NUMBER (*dy)[3]) {
    /* N_l^m by degree */
    static const double norm[5][5] = {{1},
                                      {1, 1},
                                      {1, 0.57735026918962576451, 0.28867513459481288225},
                                      {1, 0.40824829046386301637, 0.12909944487358056284, 0.05270462766947298649},
                                      {1, 0.31622776601683793320, 0.07453559924999299084, 0.01992047682223989393,
                                       0.00704295212273763876}};
    HARMONIC_NUMBER f[5][6], a[5], b[5];
    const HARMONIC_NUMBER zero = HARMONIC_CONSTANT(0), q = u[0] * u[0] + u[1] * u[1] + u[2] * u[2];
    a[0] = HARMONIC_CONSTANT(1);
    b[0] = zero;
    for (int m = 1; m <= lmax; m++) {
        a[m] = u[0] * a[m - 1] - u[1] * b[m - 1];
        b[m] = u[1] * a[m - 1] + u[0] * b[m - 1];
    }
    double factorial = 1;
    for (int m = 0; m <= lmax; m++, factorial *= 2 * m - 1) {
        for (int l = 0; l < m; l++) f[l][m] = zero;
        f[m][m] = HARMONIC_CONSTANT(factorial);
        for (int l = m + 1; l <= lmax; l++)
            f[l][m] = HARMONIC_CONSTANT((2.0 * l - 1) / (l - m)) * u[2] * f[l - 1][m] -
                      HARMONIC_CONSTANT((l + m - 1.0) / (l - m)) * q * (l >= 2 ? f[l - 2][m] : zero);
    }
    for (int l = 2; l <= lmax; l++) {
        const int at = l * l + l - 4;
        for (int m = 0; m <= l; m++) {
            const HARMONIC_NUMBER n = HARMONIC_CONSTANT(norm[l][m]), value = n * f[l][m];
            y[at + m] = value * a[m];
            if (m) y[at - m] = value * b[m];
            if (!dy) continue;
            const HARMONIC_NUMBER side = m < l ? n * f[l - 1][m + 1] : zero, up = HARMONIC_CONSTANT(l + m) * n,
                                  turn = HARMONIC_CONSTANT(m) * value, back = m < l ? up * f[l - 1][m] : zero;
            dy[at + m][0] = (m ? turn * a[m ? m - 1 : 0] : zero) - u[0] * side * a[m];
            dy[at + m][1] = (m ? -turn * b[m ? m - 1 : 0] : zero) - u[1] * side * a[m];
            dy[at + m][2] = back * a[m];
            if (!m) continue;
            dy[at - m][0] = turn * b[m - 1] - u[0] * side * b[m];
            dy[at - m][1] = turn * a[m - 1] - u[1] * side * b[m];
            dy[at - m][2] = back * b[m];
        }
    }
}
