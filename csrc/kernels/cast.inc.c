/* cast.inc.c -- from every dtype to every dtype; copies, fills and choices that look at no values; transposed copies.
 *
 * A half is cast by way of float.  Floats out of an integer's range give what the processor gives, as in torch: uint8 by way of
 * int64, the other small integers by way of int32.  Complex to real drops the imaginary part. */
#define KEEP_PLAIN(from, x) (x)
#define KEEP_COMPLEX(from, x) from##_re(x)

#define TO_b8(x) ((x) != 0)
#define TO_u8(x) ((uint8_t)(int64_t)(x))
#define TO_i8(x) ((int8_t)(int32_t)(x))
#define TO_i16(x) ((int16_t)(int32_t)(x))
#define TO_i32(x) ((int32_t)(x))
#define TO_i64(x) ((int64_t)(x))
#define TO_f32(x) ((float)(x))
#define TO_f64(x) ((double)(x))
#define TO_c64(x) ((float)(x))
#define TO_c128(x) ((double)(x))

#define CAST(F, from, G, to, f) \
    static void cast_##from##_##to(int64_t n, void *out, const void *in, const double *p) { G *y = out; const F *xs = in; SIMD for (int64_t i = 0; i < n; i++) { const F x = xs[i]; y[i] = f; } }
#define CASTS(F, from) \
    CAST(F, from, uint8_t, b8, TO_b8(x)) CAST(F, from, uint8_t, u8, TO_u8(x)) CAST(F, from, int8_t, i8, TO_i8(x)) CAST(F, from, int16_t, i16, TO_i16(x)) \
    CAST(F, from, int32_t, i32, TO_i32(x)) CAST(F, from, int64_t, i64, TO_i64(x)) CAST(F, from, float, f32, TO_f32(x)) CAST(F, from, double, f64, TO_f64(x)) \
    CAST(F, from, float _Complex, c64, TO_c64(x)) CAST(F, from, double _Complex, c128, TO_c128(x))
#define COMPLEX_CASTS(F, from) \
    CAST(F, from, uint8_t, b8, TO_b8(x)) CAST(F, from, uint8_t, u8, TO_u8(from##_re(x))) CAST(F, from, int8_t, i8, TO_i8(from##_re(x))) CAST(F, from, int16_t, i16, TO_i16(from##_re(x))) \
    CAST(F, from, int32_t, i32, TO_i32(from##_re(x))) CAST(F, from, int64_t, i64, TO_i64(from##_re(x))) CAST(F, from, float, f32, TO_f32(from##_re(x))) CAST(F, from, double, f64, TO_f64(from##_re(x))) \
    CAST(F, from, float _Complex, c64, x) CAST(F, from, double _Complex, c128, x)
CASTS(uint8_t, b8)
CASTS(uint8_t, u8)
CASTS(int8_t, i8)
CASTS(int16_t, i16)
CASTS(int32_t, i32)
CASTS(int64_t, i64)
CASTS(float, f32)
CASTS(double, f64)
COMPLEX_CASTS(float _Complex, c64)
COMPLEX_CASTS(double _Complex, c128)

#define CAST_LOOP(from, F, to, G) static void loop_##from##_##to(LOOP_ARGS) { run1(n, p, stride, extra, cast_##from##_##to, (Kinds){sizeof(F), sizeof(G), 0, HALF}); }
#define CAST_LOOPS(from, F) CAST_LOOP(from, F, b8, uint8_t) CAST_LOOP(from, F, u8, uint8_t) CAST_LOOP(from, F, i8, int8_t) CAST_LOOP(from, F, i16, int16_t) \
    CAST_LOOP(from, F, i32, int32_t) CAST_LOOP(from, F, i64, int64_t) CAST_LOOP(from, F, f32, float) CAST_LOOP(from, F, f64, double) \
    CAST_LOOP(from, F, c64, float _Complex) CAST_LOOP(from, F, c128, double _Complex)
CAST_LOOPS(b8, uint8_t)
CAST_LOOPS(u8, uint8_t)
CAST_LOOPS(i8, int8_t)
CAST_LOOPS(i16, int16_t)
CAST_LOOPS(i32, int32_t)
CAST_LOOPS(i64, int64_t)
CAST_LOOPS(f32, float)
CAST_LOOPS(f64, double)
CAST_LOOPS(c64, float _Complex)
CAST_LOOPS(c128, double _Complex)

/* From a half: widen, then as from float. */
static void cast_from_half(int64_t n, char *const *p, const int64_t *stride, Block1 *block, int bytes, HalfKind kind) {
    ROOM(in, CHUNK);
    ROOM(out, CHUNK);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        char *y = p[0] + i * stride[0];
        widen(m, (float *)in, p[1] + i * stride[1], stride[1], kind);
        block(m, stride[0] == bytes ? y : out, in, NULL);
        if (stride[0] != bytes) scatter(m, out, y, stride[0], bytes);
    }
}

/* To a half: to float, then round. */
static void cast_to_half(int64_t n, char *const *p, const int64_t *stride, Block1 *block, int bytes, HalfKind kind) {
    ROOM(in, CHUNK);
    float wide[CHUNK];
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        const char *x = p[1] + i * stride[1];
        if (stride[1] != bytes) gather(m, in, x, stride[1], bytes);
        block(m, wide, stride[1] == bytes ? x : in, NULL);
        narrow(m, wide, p[0] + i * stride[0], stride[0], kind);
    }
}

static void cast_between_halves(int64_t n, char *const *p, const int64_t *stride, HalfKind from, HalfKind to) {
    float wide[CHUNK];
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        widen(m, wide, p[1] + i * stride[1], stride[1], from);
        narrow(m, wide, p[0] + i * stride[0], stride[0], to);
    }
}

#define HALF_CAST(T, name) \
    static void loop_f16_##name(LOOP_ARGS) { cast_from_half(n, p, stride, cast_f32_##name, sizeof(T), HALF); } \
    static void loop_bf16_##name(LOOP_ARGS) { cast_from_half(n, p, stride, cast_f32_##name, sizeof(T), BFLOAT); } \
    static void loop_##name##_f16(LOOP_ARGS) { cast_to_half(n, p, stride, cast_##name##_f32, sizeof(T), HALF); } \
    static void loop_##name##_bf16(LOOP_ARGS) { cast_to_half(n, p, stride, cast_##name##_f32, sizeof(T), BFLOAT); }
HALF_CAST(uint8_t, b8)
HALF_CAST(uint8_t, u8)
HALF_CAST(int8_t, i8)
HALF_CAST(int16_t, i16)
HALF_CAST(int32_t, i32)
HALF_CAST(int64_t, i64)
HALF_CAST(float, f32)
HALF_CAST(double, f64)
HALF_CAST(float _Complex, c64)
HALF_CAST(double _Complex, c128)
static void loop_f16_bf16(LOOP_ARGS) { cast_between_halves(n, p, stride, HALF, BFLOAT); }
static void loop_bf16_f16(LOOP_ARGS) { cast_between_halves(n, p, stride, BFLOAT, HALF); }

/* ---- by size alone ---------------------------------------------------------------------------------------------------- */

#define FILLED(T) do { T *restrict y = (T *)p[0]; const T x = n ? *(const T *)p[1] : 0; SIMD for (int64_t i = 0; i < n; i++) y[i] = x; } while (0)
#define REVERSED(T) do { T *restrict y = (T *)p[0]; const T *restrict x = (const T *)p[1]; SIMD for (int64_t i = 0; i < n; i++) y[i] = x[-i]; } while (0)
static void copy_bytes(int64_t n, char *const *p, const int64_t *stride, int bytes) {
    if (stride[0] == bytes && stride[1] == bytes) {
        __builtin_memmove(p[0], p[1], (size_t)(n * bytes));
        return;
    }
    if (stride[0] == bytes && stride[1] == 0 && bytes == 4) {
        FILLED(uint32_t);
        return;
    }
    if (stride[0] == bytes && stride[1] == 0 && bytes == 8) {
        FILLED(uint64_t);
        return;
    }
    if (stride[0] == bytes && stride[1] == -bytes && bytes == 4) {
        REVERSED(uint32_t);
        return;
    }
    if (stride[0] == bytes && stride[1] == -bytes && bytes == 8) {
        REVERSED(uint64_t);
        return;
    }
    if (stride[0] == bytes && stride[1]) {
        gather(n, p[0], p[1], stride[1], bytes);
        return;
    }
    if (stride[1] == 0) {
        fill(n, p[1], p[0], stride[0], bytes);
        return;
    }
    if (stride[1] == bytes) {
        scatter(n, p[1], p[0], stride[0], bytes);
        return;
    }
    ROOM(room, CHUNK);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        gather(m, room, p[1] + i * stride[1], stride[1], bytes);
        scatter(m, room, p[0] + i * stride[0], stride[0], bytes);
    }
}

static void copy_1(LOOP_ARGS) { copy_bytes(n, p, stride, 1); }
static void copy_2(LOOP_ARGS) { copy_bytes(n, p, stride, 2); }
static void copy_4(LOOP_ARGS) { copy_bytes(n, p, stride, 4); }
static void copy_8(LOOP_ARGS) { copy_bytes(n, p, stride, 8); }
static void copy_16(LOOP_ARGS) { copy_bytes(n, p, stride, 16); }

/* The operands as dense pieces, or as numbers: all combinations of the two for a and b. */
#define WHERE_DENSE(T, A, B) \
    do { T *y = (T *)p[0]; const T *a = (const T *)p[2], *b = (const T *)p[3], a0 = *a, b0 = *b; const uint8_t *c = (const uint8_t *)p[1]; (void)a0, (void)b0; SIMD for (int64_t i = 0; i < n; i++) y[i] = c[i] ? A : B; } while (0)
#define WHERE(T, name) \
    static void where_dense_##name(int64_t n, char *const *p, const int64_t *stride) { \
        if (stride[2] && stride[3]) WHERE_DENSE(T, a[i], b[i]); \
        else if (stride[3]) WHERE_DENSE(T, a0, b[i]); \
        else if (stride[2]) WHERE_DENSE(T, a[i], b0); \
        else WHERE_DENSE(T, a0, b0); \
    } \
    static void where_##name(LOOP_ARGS) { where_by_strides(n, p, stride, sizeof(T), where_dense_##name, copy_##name); }

typedef void WhereFn(int64_t n, char *const *p, const int64_t *stride);

static void where_by_strides(int64_t n, char *const *p, const int64_t *stride, int bytes, WhereFn *dense, LoopFn *copy) {
    if (n < 1) return;
    if (stride[1] == 0) {   /* one answer for all: a copy */
        int chosen = *(const uint8_t *)p[1] ? 2 : 3;
        copy(n, (char *[]){p[0], p[chosen]}, (int64_t[]){stride[0], stride[chosen]}, NULL);
        return;
    }
    if (stride[0] == bytes && stride[1] == 1 && (!stride[2] || stride[2] == bytes) && (!stride[3] || stride[3] == bytes)) {
        dense(n, p, stride);
        return;
    }
    ROOM(room_c, CHUNK / 16);
    ROOM(room_a, CHUNK);
    ROOM(room_b, CHUNK);
    ROOM(out, CHUNK);
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        char *q[4] = {p[0] + i * stride[0], p[1] + i * stride[1], p[2] + i * stride[2], p[3] + i * stride[3]}, *y = q[0];
        if (stride[0] != bytes) q[0] = out;
        if (stride[1] != 1) gather(m, room_c, q[1], stride[1], 1), q[1] = room_c;
        if (stride[2] && stride[2] != bytes) gather(m, room_a, q[2], stride[2], bytes), q[2] = room_a;
        if (stride[3] && stride[3] != bytes) gather(m, room_b, q[3], stride[3], bytes), q[3] = room_b;
        dense(m, q, stride);
        if (stride[0] != bytes) scatter(m, out, y, stride[0], bytes);
    }
}

WHERE(uint8_t, 1)
WHERE(uint16_t, 2)
WHERE(uint32_t, 4)
WHERE(uint64_t, 8)
WHERE(Bytes16, 16)

#define ANY_ZERO(T, name) \
    static bool any_zero_##name(int64_t n, const char *p, int64_t stride) { bool found = false; for (int64_t i = 0; i < n && !found; i++) found = *(const T *)(p + i * stride) == 0; return found; }
ANY_ZERO(uint8_t, u8)
ANY_ZERO(int16_t, i16)
ANY_ZERO(int32_t, i32)
ANY_ZERO(int64_t, i64)

/* y[r][c] = x[c][r] in squares of one cache line by as many, so that every line is read and written whole, once: with the strides of
 * large matrices it would be gone before its next element is wanted.  Squares of 16 bytes are turned in registers.  A strip of rows goes
 * through all columns together, so that a page is entered seldom.  What is too large to stay in the cache is written past it. */
#define TRANSPOSE_ARGS int64_t rows, int64_t cols, char *y, int64_t y_row, const char *x, int64_t x_col
#define TRANSPOSE(T, rows, cols, y, x) \
    for (int64_t r = 0; r < (rows); r++) \
        for (int64_t c = 0; c < (cols); c++) *(T *)((y) + r * y_row + c * (int64_t)sizeof(T)) = *(const T *)((x) + c * x_col + r * (int64_t)sizeof(T))

#ifdef __SSE2__
#include <emmintrin.h>
static inline void turn_4(const char *x, int64_t x_col, __m128i *y, int64_t y_row) {
    __m128 a = _mm_loadu_ps((const float *)x), b = _mm_loadu_ps((const float *)(x + x_col)), c = _mm_loadu_ps((const float *)(x + 2 * x_col)), d = _mm_loadu_ps((const float *)(x + 3 * x_col));
    _MM_TRANSPOSE4_PS(a, b, c, d);
    y[0] = _mm_castps_si128(a), y[y_row] = _mm_castps_si128(b), y[2 * y_row] = _mm_castps_si128(c), y[3 * y_row] = _mm_castps_si128(d);
}

static inline void turn_8(const char *x, int64_t x_col, __m128i *y, int64_t y_row) {
    __m128i a = _mm_loadu_si128((const __m128i *)x), b = _mm_loadu_si128((const __m128i *)(x + x_col));
    y[0] = _mm_unpacklo_epi64(a, b), y[y_row] = _mm_unpackhi_epi64(a, b);
}

/* The same, straight to where it belongs. */
static inline void turn_4_to(const char *x, int64_t x_col, char *y, int64_t y_row) {
    __m128i turned[4];
    turn_4(x, x_col, turned, 1);
    for (int i = 0; i < 4; i++) _mm_storeu_si128((__m128i *)(y + i * y_row), turned[i]);
}

static inline void turn_8_to(const char *x, int64_t x_col, char *y, int64_t y_row) {
    __m128i turned[2];
    turn_8(x, x_col, turned, 1);
    for (int i = 0; i < 2; i++) _mm_storeu_si128((__m128i *)(y + i * y_row), turned[i]);
}

/* Four times 16 bytes leave at once, past the cache if they are to go there (y is then a multiple of 64). */
static inline void put_line(char *y, const __m128i *line, bool past) {
    for (int i = 0; i < 4; i++) {
        if (past) _mm_stream_si128((__m128i *)y + i, line[i]);
        else _mm_storeu_si128((__m128i *)y + i, line[i]);
    }
}

static inline void write_past(void *y, const void *line) {
    __m128i four[4];
    __builtin_memcpy(four, line, sizeof four);
    put_line(y, four, true);
}
static inline void write_past_done(void) { _mm_sfence(); }

#define SQUARES(bytes) \
    enum { SIDE = 64 / bytes, STEP = 16 / bytes, STRIP = 32, BESIDE = 4, FAR = 1 << 22 }; \
    bool past = rows * cols > FAR / bytes && ((uintptr_t)y | (uintptr_t)y_row) % 64 == 0; \
    int64_t whole = cols - cols % SIDE; \
    while (rows >= SIDE) { \
        int64_t strip = rows / SIDE < STRIP ? rows / SIDE : STRIP; \
        for (int64_t c = 0; !past && c < whole; c += BESIDE * SIDE)    /* a few squares side by side, so that lines next to each other are written soon after each other */ \
            for (int64_t k = 0; k < strip; k++) \
                for (int64_t b = c; b < c + BESIDE * SIDE && b < whole; b += SIDE) \
                    for (int i = 0; i < 4; i++) \
                        for (int j = 0; j < 4; j++) turn_##bytes##_to(x + (b + j * STEP) * x_col + k * 64 + i * 16, x_col, y + (k * SIDE + i * STEP) * y_row + b * bytes + j * 16, y_row); \
        for (int64_t c = 0; past && c < whole; c += SIDE) \
            for (int64_t k = 0; k < strip; k++) { \
                __m128i square[SIDE][4]; \
                for (int i = 0; i < 4; i++) \
                    for (int j = 0; j < 4; j++) turn_##bytes(x + (c + j * STEP) * x_col + k * 64 + i * 16, x_col, &square[i * STEP][j], 4); \
                for (int i = 0; i < SIDE; i++) put_line(y + (k * SIDE + i) * y_row + c * bytes, square[i], past); \
            } \
        TRANSPOSE(uint##bytes##_bits, strip * SIDE, cols - whole, y + whole * bytes, x + whole * x_col); \
        rows -= strip * SIDE, y += strip * SIDE * y_row, x += strip * 64; \
    } \
    if (past) _mm_sfence()
typedef uint32_t uint4_bits;
typedef uint64_t uint8_bits;
#else
#define SQUARES(bytes) (void)0
static inline void write_past(void *y, const void *line) { __builtin_memcpy(y, line, 64); }
static inline void write_past_done(void) {}
#endif

enum { TILE = 16 };
#define TILES(T) \
    for (int64_t r_ = 0; r_ < rows; r_ += TILE) \
        for (int64_t c_ = 0; c_ < cols; c_ += TILE) \
            TRANSPOSE(T, (rows - r_ < TILE ? rows - r_ : TILE), (cols - c_ < TILE ? cols - c_ : TILE), y + r_ * y_row + c_ * (int64_t)sizeof(T), x + c_ * x_col + r_ * (int64_t)sizeof(T))
static void transpose_1(TRANSPOSE_ARGS) { TILES(uint8_t); }
static void transpose_2(TRANSPOSE_ARGS) { TILES(uint16_t); }
static void transpose_4(TRANSPOSE_ARGS) {
    SQUARES(4);
    TILES(uint32_t);
}
static void transpose_8(TRANSPOSE_ARGS) {
    SQUARES(8);
    TILES(uint64_t);
}
static void transpose_16(TRANSPOSE_ARGS) { TILES(Bytes16); }
