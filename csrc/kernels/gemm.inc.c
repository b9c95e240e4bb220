/* gemm.inc.c -- a product of float matrices for training-sized shapes, where a general library spends its time preparing.
 *
 * C is computed in tiles of up to GEMM_ROWS by two vectors, held in registers through the whole of k.  B is laid out once
 * per panel of columns, if several tiles read it; A is read where it lies.  It exists for AVX-512 alone (GEMM_LANES floats in
 * a vector): with fewer and narrower registers OpenBLAS is ahead. */
#ifdef GEMM_LANES
typedef __m512 Vector;
#define V_LOAD(p) _mm512_loadu_ps(p)
#define V_STORE(p, v) _mm512_storeu_ps(p, v)
#define V_ALL(x) _mm512_set1_ps(x)
#define V_MADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_MUL(a, b) _mm512_mul_ps(a, b)
enum { GEMM_ROWS = 14 };
enum { PANEL = 2 * GEMM_LANES, DEPTH = 384 };

typedef struct Tile {
    int64_t k, ai, ap, ldb, ldc;   /* ai, ap: from one row of op(A) to the next, from one column */
    int cols;
    float alpha, beta;
} Tile;

static inline __attribute__((always_inline)) void put_vector(const Tile *t, float *c, Vector v) {
    if (t->alpha != 1) v = V_MUL(v, V_ALL(t->alpha));
    if (t->beta != 0) v = V_MADD(V_LOAD(c), V_ALL(t->beta), v);
    V_STORE(c, v);
}

static void put_some(const Tile *t, float *c, const float *values, int cols) {
    for (int j = 0; j < cols; j++) c[j] = values[j] * t->alpha + (t->beta != 0 ? t->beta * c[j] : 0);
}

/* `rows` and `along` (op(A) lies along k) are constants where this is inlined.  A row's address is one of few bases plus 0, 1
 * or 2 distances, which the processor adds by itself. */
static inline __attribute__((always_inline)) void tile_of(int rows, bool along, const Tile *t, const float *a, const float *b, float *c) {
    Vector left[GEMM_ROWS], right[GEMM_ROWS];
    const int64_t ai = along ? t->ai : 1, ap = along ? 1 : t->ap;
    const float *base[(GEMM_ROWS + 2) / 3];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        left[i] = right[i] = V_ALL(0);
        if (i % 3 == 0) base[i / 3] = a + i * ai;
    }
    for (int64_t p = 0; p < t->k; p++, b += t->ldb) {
        Vector b0 = V_LOAD(b), b1 = V_LOAD(b + GEMM_LANES);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            Vector x = V_ALL(base[i / 3][(i % 3) * ai]);
            left[i] = V_MADD(x, b0, left[i]);
            right[i] = V_MADD(x, b1, right[i]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < rows; i += 3) base[i / 3] += ap;
    }
    for (int i = 0; i < rows; i++, c += t->ldc) {
        if (t->cols == PANEL) {
            put_vector(t, c, left[i]);
            put_vector(t, c + GEMM_LANES, right[i]);
        } else {
            float values[PANEL];
            V_STORE(values, left[i]);
            V_STORE(values + GEMM_LANES, right[i]);
            put_some(t, c, values, t->cols);
        }
    }
}

#define TILE(rows)                                          \
    case rows:                                              \
        if (along) tile_of(rows, true, t, a, b, c);         \
        else tile_of(rows, false, t, a, b, c);              \
        break;

static void tile(int rows, bool along, const Tile *t, const float *a, const float *b, float *c) {
    switch (rows) {
        TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
    }
}

/* Eight rows of eight become eight columns. */
static inline void transpose8(const float *x, int64_t ldx, float *y) {
    __m256 r[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(x + i * ldx);
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(y + i * PANEL, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(y + (i + 4) * PANEL, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

/* panel[p][j] = op(B)[p][j], zeros behind the last column. */
static void lay_out(bool tb, int64_t k, int cols, const float *b, int64_t ldb, float *panel) {
    if (!tb) {
        for (int64_t p = 0; p < k; p++, b += ldb, panel += PANEL) {
            if (cols == PANEL) {
                V_STORE(panel, V_LOAD(b));
                V_STORE(panel + GEMM_LANES, V_LOAD(b + GEMM_LANES));
                continue;
            }
            memcpy(panel, b, (size_t)cols * sizeof *b);
            memset(panel + cols, 0, (size_t)(PANEL - cols) * sizeof *b);
        }
        return;
    }
    for (int j = 0; j < PANEL; j += 8) {
        int64_t p = 0;
        if (j + 8 <= cols)
            for (; p + 8 <= k; p += 8) transpose8(b + j * ldb + p, ldb, panel + p * PANEL + j);
        for (; p < k; p++)
            for (int i = j; i < j + 8; i++) panel[p * PANEL + i] = i < cols ? b[i * ldb + p] : 0;
    }
}

static void gemm_panel(bool along, int64_t m, Tile *t, const float *a, const float *b, float *c) {
    int64_t blocks = (m + GEMM_ROWS - 1) / GEMM_ROWS, rows = (m + blocks - 1) / blocks;
    for (int64_t i = 0; i < m; i += rows) tile((int)(m - i < rows ? m - i : rows), along, t, a + i * t->ai, b, c + i * t->ldc);
}

static void gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
    _Alignas(64) float panel[DEPTH * PANEL];
    int64_t pieces = (k + DEPTH - 1) / DEPTH, depth = (k + pieces - 1) / pieces;
    for (int64_t p = 0; p < k; p += depth) {
        Tile t = {.k = k - p < depth ? k - p : depth, .ai = ta ? 1 : lda, .ap = ta ? lda : 1, .ldc = ldc, .alpha = alpha, .beta = p ? 1 : beta};
        const float *from = a + (ta ? p * lda : p);
        for (int64_t j = 0; j < n; j += PANEL) {
            t.cols = (int)(n - j < PANEL ? n - j : PANEL);
            const float *rows = b + (tb ? j * ldb + p : p * ldb + j);
            bool as_it_lies = !tb && t.cols == PANEL && m <= 2 * GEMM_ROWS;
            if (!as_it_lies) lay_out(tb, t.k, t.cols, rows, ldb, panel);
            t.ldb = as_it_lies ? ldb : PANEL;
            gemm_panel(!ta, m, &t, from, as_it_lies ? rows : panel, c + j);
        }
    }
}
#define GEMM_F32 gemm_f32
#else
#define GEMM_F32 NULL
#endif
