/* Few pairs: channels pair by pair, without moments.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a centre has few neighbours of a type, most moments are zero and C·M reads a large table for nothing. Then
 *     G_m = Σ_k B_k C[cell + k][m],   T[m][c] += G_m R_c,
 *     gR_c = Σ_m G_m gT[m][c],        gB·R = Σ_m G'_m Σ_c R_c gT[m][c]
 * with the six rows of C that a pair touches. T and gT are rows [COLUMNS][ldt] here, channels next to each other. */

/* Pairs in the cost of which a coefficient row of moments weighs: both ways cost about 20 (6 + 4 forwards, 12 + 8
 * back) against 8 multiply-adds and channel, at half the speed. */
enum { FEW_PAIRS = 6 };

/* Is type tj of n centres better done this way? `lowest` as lowest_coefficient says. */
static int few_pairs(const kr_fast *fast, const kr_env *env, int first, int n, int tj, int lowest) {
    int pairs = n; /* padding counts as one */
    for (int i = first; i < first + n; i++) {
        const int *range = env->first + (size_t)i * (size_t)env->ntypes + tj;
        pairs += range[1] - range[0];
    }
    return pairs * FEW_PAIRS < n * (fast->grid.ncoef - lowest);
}

/* Rows cell … of packed coefficients in the panel that begins with column `first`. */
KR_INLINE const real *table_rows(const kr_packed *c, int columns, int first, ptrdiff_t cell, int *width) {
    *width = columns - first < c->panel ? columns - first : c->panel;
    return (const real *)c->data + (ptrdiff_t)first * c->k + cell * *width;
}

/* t [ncolumns][ldt] += Σ_k basis[k·stride] C[cell + k] ⊗ row */
KR_INLINE void add_channels(const kr_packed *c, ptrdiff_t cell, const real *basis, ptrdiff_t stride, int ncolumns,
                            const real *row, real *t, ptrdiff_t ldt) {
    const int columns = kr_packed_columns(c);
    for (int first = 0, width; first < columns; first += width) {
        const real *from = table_rows(c, columns, first, cell, &width);
        for (int m = 0; m < width; m += KR_LANES) {
            kr_vec g = kr_splat(0);
#pragma GCC unroll 6
            for (int k = 0; k < 6; k++) g += kr_splat(basis[k * stride]) * kr_load(from + k * width + m);
#pragma GCC unroll 4
            for (int a = 0; a < ncolumns; a++) {
                real *to = t + a * ldt + first + m;
                kr_store(to, kr_load(to) + g * kr_splat(row[a]));
            }
        }
    }
}

/* What add_pairs and add_padding of fast_pairs.inl and the product with C do, for one centre. */
static void few_forward(const kr_fast *fast, const kr_fast_center *center, const kr_env *env, int i, int tj, real *t,
                        ptrdiff_t ldt) {
    const kr_fast_pair *pair = &center->pair[tj];
    const int *range = env->first + (size_t)i * (size_t)env->ntypes + tj;
    pair_run run;
    for (int begin = range[0], n; begin < range[1] && !pair->excluded; begin += n) {
        n = range[1] - begin < RUN ? range[1] - begin : RUN;
        fill_run(fast, pair, env, begin, n, 0, &run);
        for (int j = 0; j < n; j++)
            add_channels(&pair->forward, (ptrdiff_t)run.cell[j], &run.basis[0][j], RUN, COLUMNS, run.row[j], t, ldt);
    }
    const real row = (real)padding_row(fast, pair, env, i, tj);
    const real basis[6] = {0, 1, 26, 66, 26, 1}; /* 120 B_k(1) */
    if (row != 0) add_channels(&pair->forward, padding_cell(fast), basis, 1, 1, &row, t, ldt);
}

/* Sums over lanes of four vectors, as one quad. */
KR_INLINE kr_quad quad_of_sums(const kr_vec v[4]) {
    real lanes[4][KR_VECTOR_BYTES / sizeof(real)], sum[4] = {0, 0, 0, 0};
    for (int a = 0; a < 4; a++) kr_store(lanes[a], v[a]);
    for (int a = 0; a < 4; a++)
        for (int half = KR_LANES / 2; half > 0; half /= 2)
            for (int k = 0; k < half; k++) lanes[a][k] += lanes[a][k + half];
    for (int a = 0; a < 4; a++) sum[a] = lanes[a][0];
    return kr_qload(sum);
}

/* gr [pair][3] from gt [COLUMNS][ldt], ldt and what is stored a multiple of full vectors. */
static void few_gradients(const kr_fast *fast, const kr_fast_pair *pair, const kr_env *env, int begin, int end,
                          const real *gt, ptrdiff_t ldt, double *gr) {
    const kr_packed *c = &pair->forward, *slope = &pair->slope_rows;
    const int columns = kr_packed_columns(c);
    pair_run run;
    for (int n; begin < end; begin += n) {
        n = end - begin < RUN ? end - begin : RUN;
        fill_run(fast, pair, env, begin, n, 1, &run);
        for (int j = 0; j < n; j++) {
            kr_vec g_row[COLUMNS], g_basis[4] = {kr_splat(0), kr_splat(0), kr_splat(0), kr_splat(0)};
            for (int a = 0; a < COLUMNS; a++) g_row[a] = kr_splat(0);
            for (int first = 0, width; first < columns; first += width) {
                const real *from = table_rows(c, columns, first, (ptrdiff_t)run.cell[j], &width);
                const real *from1 =
                    KR_SINGLE ? table_rows(slope, columns, first, (ptrdiff_t)run.cell[j], &width) : from;
                for (int m = 0; m < width; m += KR_LANES) {
                    kr_vec g = kr_splat(0), g1 = kr_splat(0), along = kr_splat(0);
#pragma GCC unroll 6
                    for (int k = 0; k < 6; k++) {
                        kr_vec row = kr_load(from + k * width + m);
                        g += kr_splat(run.basis[k][j]) * row;
                        if (KR_SINGLE && k < 5) row = kr_load(from1 + k * width + m);
                        if (!KR_SINGLE || k < 5) g1 += kr_splat(run.basis1[k][j]) * row;
                    }
#pragma GCC unroll 32
                    for (int a = 0; a < COLUMNS; a++) {
                        kr_vec t = kr_load(gt + a * ldt + first + m);
                        g_row[a] += g * t;
                        along += kr_splat(run.row[j][a]) * t;
                    }
                    g_basis[0] += g1 * along;
                }
            }
            kr_quad row = quad_of_sums(g_row);
            kr_qstore(run.row1[j], row * kr_qload(run.row1[j]) + quad_of_sums(g_basis) * (real)run.slope[j]);
            kr_qstore(run.row[j], row);
            for (int a = 4; a < COLUMNS; a += 4) kr_qstore(run.row[j] + a, quad_of_sums(g_row + a));
        }
        finish_gradients(pair, env, begin, n, &run, gr);
    }
}
