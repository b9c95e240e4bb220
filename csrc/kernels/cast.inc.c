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

static void copy_bytes(int64_t n, char *const *p, const int64_t *stride, int bytes) {
    ROOM(room, CHUNK);
    if (stride[0] == bytes && stride[1] == bytes) {
        __builtin_memmove(p[0], p[1], (size_t)(n * bytes));
        return;
    }
    if (stride[0] == bytes && stride[1]) {
        gather(n, p[0], p[1], stride[1], bytes);
        return;
    }
    if (stride[1] == bytes) {
        scatter(n, p[1], p[0], stride[0], bytes);
        return;
    }
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < CHUNK ? n - i : CHUNK;
        if (stride[1] || i == 0) gather(m, room, p[1] + i * stride[1], stride[1], bytes);
        if (stride[0] == bytes) __builtin_memcpy(p[0] + i * bytes, room, (size_t)(m * bytes));
        else scatter(m, room, p[0] + i * stride[0], stride[0], bytes);
    }
}

static void copy_1(LOOP_ARGS) { copy_bytes(n, p, stride, 1); }
static void copy_2(LOOP_ARGS) { copy_bytes(n, p, stride, 2); }
static void copy_4(LOOP_ARGS) { copy_bytes(n, p, stride, 4); }
static void copy_8(LOOP_ARGS) { copy_bytes(n, p, stride, 8); }
static void copy_16(LOOP_ARGS) { copy_bytes(n, p, stride, 16); }

#define WHERE(T) \
    for (int64_t i = 0; i < n; i++) \
        *(T *)(p[0] + i * stride[0]) = *(uint8_t *)(p[1] + i * stride[1]) ? *(T *)(p[2] + i * stride[2]) : *(T *)(p[3] + i * stride[3])
#define WHERE_DENSE(T) \
    do { T *y = (T *)p[0]; const T *a = (const T *)p[2], *b = (const T *)p[3]; const uint8_t *c = (const uint8_t *)p[1]; SIMD for (int64_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i]; } while (0)
#define DENSE(T) (stride[0] == sizeof(T) && stride[1] == 1 && stride[2] == sizeof(T) && stride[3] == sizeof(T))
static void where_1(LOOP_ARGS) { WHERE(uint8_t); }
static void where_2(LOOP_ARGS) { WHERE(uint16_t); }
static void where_4(LOOP_ARGS) {
    if (DENSE(uint32_t)) WHERE_DENSE(uint32_t);
    else WHERE(uint32_t);
}
static void where_8(LOOP_ARGS) {
    if (DENSE(uint64_t)) WHERE_DENSE(uint64_t);
    else WHERE(uint64_t);
}
static void where_16(LOOP_ARGS) { WHERE(Bytes16); }

#define ANY_ZERO(T, name) \
    static bool any_zero_##name(int64_t n, const char *p, int64_t stride) { bool found = false; for (int64_t i = 0; i < n && !found; i++) found = *(const T *)(p + i * stride) == 0; return found; }
ANY_ZERO(uint8_t, u8)
ANY_ZERO(int16_t, i16)
ANY_ZERO(int32_t, i32)
ANY_ZERO(int64_t, i64)

/* y[r][c] = x[c][r] in tiles that fit the first-level cache whichever way they are walked. */
enum { TILE = 16 };
#define TRANSPOSE(T) \
    for (int64_t r0 = 0; r0 < rows; r0 += TILE) \
        for (int64_t c0 = 0; c0 < cols; c0 += TILE) { \
            int64_t r1 = rows - r0 < TILE ? rows : r0 + TILE, c1 = cols - c0 < TILE ? cols : c0 + TILE; \
            for (int64_t r = r0; r < r1; r++) \
                for (int64_t c = c0; c < c1; c++) *(T *)(y + r * y_row + c * (int64_t)sizeof(T)) = *(const T *)(x + c * x_col + r * (int64_t)sizeof(T)); \
        }
#define TRANSPOSE_ARGS int64_t rows, int64_t cols, char *y, int64_t y_row, const char *x, int64_t x_col
static void transpose_1(TRANSPOSE_ARGS) { TRANSPOSE(uint8_t) }
static void transpose_2(TRANSPOSE_ARGS) { TRANSPOSE(uint16_t) }
static void transpose_4(TRANSPOSE_ARGS) { TRANSPOSE(uint32_t) }
static void transpose_8(TRANSPOSE_ARGS) { TRANSPOSE(uint64_t) }
static void transpose_16(TRANSPOSE_ARGS) { TRANSPOSE(Bytes16) }

#define CAST_ROW(from) \
    static LoopFn *const cast_table_##from[K_DTYPES] = {loop_##from##_b8, loop_##from##_u8, loop_##from##_i8, loop_##from##_i16, loop_##from##_i32, loop_##from##_i64, \
        loop_##from##_f16, loop_##from##_bf16, loop_##from##_f32, loop_##from##_f64, loop_##from##_c64, loop_##from##_c128};
#define loop_f16_f16 copy_2
#define loop_bf16_bf16 copy_2
CAST_ROW(b8)
CAST_ROW(u8)
CAST_ROW(i8)
CAST_ROW(i16)
CAST_ROW(i32)
CAST_ROW(i64)
CAST_ROW(f16)
CAST_ROW(bf16)
CAST_ROW(f32)
CAST_ROW(f64)
CAST_ROW(c64)
CAST_ROW(c128)
