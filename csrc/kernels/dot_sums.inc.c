/* dot_sums.inc.c -- dot.inc.c for the dtype at hand: DOT_T, DOT_LANES of them in 64 bytes, DOT_FMA, DOT_NAME. */
static void DOT_NAME(int64_t n, void *y, const void *pa, const void *pb) {
    const DOT_T *a = pa, *b = pb;
    DOT_T sum[4][DOT_LANES] = {{0}};
    int64_t i = 0;
    for (; i + 4 * DOT_LANES <= n; i += 4 * DOT_LANES)
        for (int k = 0; k < 4; k++)
            _Pragma("omp simd") for (int j = 0; j < DOT_LANES; j++) sum[k][j] = DOT_FMA(a[i + k * DOT_LANES + j], b[i + k * DOT_LANES + j], sum[k][j]);
    if (n - i >= 2 * DOT_LANES)
        for (int k = 0; k < 2; k++, i += DOT_LANES)
            _Pragma("omp simd") for (int j = 0; j < DOT_LANES; j++) sum[k][j] = DOT_FMA(a[i + j], b[i + j], sum[k][j]);
    for (; i < n; i += DOT_LANES)
        for (int j = 0; j < DOT_LANES && i + j < n; j++) sum[0][j] = DOT_FMA(a[i + j], b[i + j], sum[0][j]);
    for (int j = 0; j < DOT_LANES; j++) sum[0][j] = (sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]);
    for (int half = DOT_LANES / 2; half * sizeof(DOT_T) >= 16; half /= 2)
        for (int j = 0; j < half; j++) sum[0][j] += sum[0][j + half];
    for (int left = 16 / (int)sizeof(DOT_T); left > 1; left /= 2)
        for (int j = 0; j < left / 2; j++) sum[0][j] = sum[0][2 * j] + sum[0][2 * j + 1];
    *(DOT_T *)y = sum[0][0];
}
#undef DOT_T
#undef DOT_LANES
#undef DOT_NAME
#undef DOT_FMA
