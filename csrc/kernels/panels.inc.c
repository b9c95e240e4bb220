/* panels.inc.c -- products with a matrix that is packed once and used many times; for T, named TAG.
 *
 * A recurrent layer multiplies by the same weights at every step, and a general product would repack them every time.  Here the right
 * side lies in panels of PANEL columns, row after row; a few rows of the left side meet a panel at a time and keep their sums in
 * registers.  Scalar loops do not stay in registers with any compiler tried, hence the vector type; sums may be fused. */

#define PANEL_PASTE2(name, tag) name##_##tag
#define PANEL_PASTE(name, tag) PANEL_PASTE2(name, tag)
#define PANEL_FN(name) PANEL_PASTE(name, TAG)
#define PANEL ((int64_t)(64 / sizeof(T)))

typedef T PANEL_FN(Lane) __attribute__((vector_size(64)));
#ifndef PANEL_ROWS
#ifdef __AVX512F__
enum { PANEL_ROWS = 14 };      /* of 32 registers */
#elif defined(__AVX2__)
enum { PANEL_ROWS = 6 };       /* two of 16 registers each */
#else
enum { PANEL_ROWS = 3 };
#endif
#define PANEL_ROWS PANEL_ROWS
#endif

/* w[p * step_k + j * step_n] to panels; columns beyond n are zero. */
static void PANEL_FN(pack_panels)(int64_t n, int64_t k, const void *w, int64_t step_k, int64_t step_n, void *packed) {
    const T *from = w;
    T *to = packed;
    for (int64_t j = 0; j < n; j += PANEL)
        for (int64_t p = 0; p < k; p++)
            for (int64_t i = 0; i < PANEL; i++) *to++ = j + i < n ? from[p * step_k + (j + i) * step_n] : 0;
}

#ifdef __clang__
#define PANEL_FUSED _Pragma("clang fp contract(fast)")
#else
#define PANEL_FUSED
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

/* `rows` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void PANEL_FN(panel_rows)(const int rows, int64_t left, int64_t k, const T *a, int64_t lda, const T *packed, T *c, int64_t ldc, bool add) {
    PANEL_FUSED
    PANEL_FN(Lane) sum[PANEL_ROWS] = {0}, b;
    for (int64_t p = 0; p < k; p++) {
        memcpy(&b, packed + p * PANEL, sizeof b);
        _Pragma("GCC unroll 16") for (int r = 0; r < rows; r++) sum[r] += a[r * lda + p] * b;
    }
    _Pragma("GCC unroll 16") for (int r = 0; r < rows; r++) {
        T *y = c + r * ldc;
        if (left >= PANEL) {
            if (add) {
                memcpy(&b, y, sizeof b);
                sum[r] += b;
            }
            memcpy(y, &sum[r], sizeof b);
        } else for (int64_t i = 0; i < left; i++) y[i] = add ? y[i] + sum[r][i] : sum[r][i];
    }
}

/* c[m, n] = a[m, k] b, or += with add; b packed, [k, n]. */
static void PANEL_FN(panel_product)(int64_t m, int64_t n, int64_t k, const void *left, int64_t lda, const void *packed, void *result, int64_t ldc, bool add) {
    for (int64_t j = 0; j < n; j += PANEL) {
        const T *b = (const T *)packed + j * k, *a = left;
        T *c = (T *)result + j;
        int64_t i = 0;
        for (; i + PANEL_ROWS <= m; i += PANEL_ROWS) PANEL_FN(panel_rows)(PANEL_ROWS, n - j, k, a + i * lda, lda, b, c + i * ldc, ldc, add);
        for (; PANEL_ROWS > 4 && i + 4 <= m; i += 4) PANEL_FN(panel_rows)(PANEL_ROWS > 4 ? 4 : 1, n - j, k, a + i * lda, lda, b, c + i * ldc, ldc, add);
        for (; i + 2 <= m; i += 2) PANEL_FN(panel_rows)(2, n - j, k, a + i * lda, lda, b, c + i * ldc, ldc, add);
        for (; i < m; i++) PANEL_FN(panel_rows)(1, n - j, k, a + i * lda, lda, b, c + i * ldc, ldc, add);
    }
}

#ifndef __clang__
#pragma GCC pop_options
#endif

#undef T
#undef TAG
#undef PANEL_PASTE2
#undef PANEL_PASTE
#undef PANEL_FN
#undef PANEL
#undef PANEL_FUSED
