/* index.inc.c -- elements found by number: gather, scatter, and scatter with a sum, product, maximum or minimum.
 *
 * Numbers have been checked and may be negative, or are checked here, some before they are used.  The indexed operand has stride 0:
 * IndexSpec says how far apart its elements lie and how many there are. */

/* The sign of number | size - 1 - number tells. */
static bool all_within(int64_t n, const char *p, int64_t stride, int64_t size) {
    int64_t bad = 0;
    if (stride == 8) _Pragma("omp simd reduction(| : bad)") for (int64_t i = 0; i < n; i++) bad |= ((const int64_t *)p)[i] | (size - 1 - ((const int64_t *)p)[i]);
    else for (int64_t i = 0; i < n; i++) { int64_t k = *(const int64_t *)(p + i * stride); bad |= k | (size - 1 - k); }
    return bad >= 0;
}

static void check_in_pieces(int64_t n, char *const *p, const int64_t *s, const IndexSpec *spec, LoopFn *fn) {
    enum { PIECE = 1024 };
    IndexSpec plain = {spec->size, spec->stride, NULL};
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < PIECE ? n - i : PIECE;
        char *at[3] = {p[0] + i * s[0], p[1] + i * s[1], p[2] + i * s[2]};
        if (!all_within(m, at[1], s[1], spec->size)) {
            __atomic_store_n(spec->outside, true, __ATOMIC_RELAXED);
            return;
        }
        fn(m, at, s, &plain);
    }
}
#define CHECKED(fn)                                                                                                       \
    if (((const IndexSpec *)extra)->outside) {                                                                            \
        check_in_pieces(n, p, s, extra, fn);                                                                              \
        return;                                                                                                           \
    }

#define AT(p, k) ((p) + (((k) < 0 ? (k) + size : (k)) * apart))
#define INDEX_SPEC const int64_t size = ((const IndexSpec *)extra)->size, apart = ((const IndexSpec *)extra)->stride, s0 = s[0], s1 = s[1], s2 = s[2]; char *const to = p[0]; const char *const at_ = p[1], *const from = p[2]

#define MOVE(T, bytes)                                                                                                    \
    static void gather_##bytes(int64_t n, char *const *p, const int64_t *s, const void *extra) {                          \
        CHECKED(gather_##bytes);                                                                                          \
        INDEX_SPEC;                                                                                                       \
        if (s0 == sizeof(T) && s1 == 8 && s2 == 0 && apart == sizeof(T)) {                                                \
            T *restrict y = (T *)to;                                                                                      \
            const T *restrict x = (const T *)from;                                                                        \
            const int64_t *restrict number = (const int64_t *)at_;                                                        \
            for (int64_t i = 0; i < n; i++) y[i] = x[number[i] + (number[i] < 0 ? size : 0)];                             \
            return;                                                                                                       \
        }                                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                                 \
            int64_t k = *(const int64_t *)(at_ + i * s1);                                                                 \
            *(T *)(to + i * s0) = *(const T *)AT(from + i * s2, k);                                                       \
        }                                                                                                                 \
    }                                                                                                                     \
    static void scatter_##bytes(int64_t n, char *const *p, const int64_t *s, const void *extra) {                         \
        CHECKED(scatter_##bytes);                                                                                         \
        INDEX_SPEC;                                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                                 \
            int64_t k = *(const int64_t *)(at_ + i * s1);                                                                 \
            *(T *)AT(to + i * s0, k) = *(const T *)(from + i * s2);                                                       \
        }                                                                                                                 \
    }
MOVE(uint8_t, 1) MOVE(uint16_t, 2) MOVE(uint32_t, 4) MOVE(uint64_t, 8) MOVE(Bytes16, 16)

#define PLAIN(x) (x)
#define TRUTH(x) ((x) != 0)
#define REDUCING(name, d, T, C, LOAD, STORE, EXPR)                                                                        \
    static void scatter_##name##_##d(int64_t n, char *const *p, const int64_t *s, const void *extra) {                    \
        CHECKED(scatter_##name##_##d);                                                                                    \
        INDEX_SPEC;                                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                                 \
            int64_t k = *(const int64_t *)(at_ + i * s1);                                                                 \
            T *at = (T *)AT(to + i * s0, k);                                                                              \
            C a = LOAD(*at), b = LOAD(*(const T *)(from + i * s2));                                                       \
            *at = (T)STORE(EXPR);                                                                                         \
        }                                                                                                                 \
    }
#define ARITHMETIC(d, T, C, LOAD, STORE) REDUCING(add, d, T, C, LOAD, STORE, a + b) REDUCING(mul, d, T, C, LOAD, STORE, a *b)
#define ORDERED(d, T, C, LOAD, STORE)                                                                                     \
    REDUCING(max, d, T, C, LOAD, STORE, (b > a || b != b ? b : a)) REDUCING(min, d, T, C, LOAD, STORE, (b < a || b != b ? b : a))
#define REAL(d, T, C, LOAD, STORE) ARITHMETIC(d, T, C, LOAD, STORE) ORDERED(d, T, C, LOAD, STORE)
REDUCING(add, b8, uint8_t, int, PLAIN, TRUTH, a | b) REDUCING(mul, b8, uint8_t, int, PLAIN, TRUTH, a & b) ORDERED(b8, uint8_t, int, PLAIN, PLAIN)
REAL(u8, uint8_t, uint32_t, PLAIN, PLAIN) REAL(i8, int8_t, int32_t, PLAIN, PLAIN) REAL(i16, int16_t, int32_t, PLAIN, PLAIN)
ARITHMETIC(i32, uint32_t, uint32_t, PLAIN, PLAIN) ORDERED(i32, int32_t, int32_t, PLAIN, PLAIN)
ARITHMETIC(i64, uint64_t, uint64_t, PLAIN, PLAIN) ORDERED(i64, int64_t, int64_t, PLAIN, PLAIN)
REAL(f16, uint16_t, float, half_to_float, half_from_float) REAL(bf16, uint16_t, float, bfloat_to_float, bfloat_from_float)
REAL(f32, float, float, PLAIN, PLAIN) REAL(f64, double, double, PLAIN, PLAIN)
ARITHMETIC(c64, float _Complex, float _Complex, PLAIN, PLAIN) ARITHMETIC(c128, double _Complex, double _Complex, PLAIN, PLAIN)

#define SCATTERS(d) {scatter_add_##d, scatter_mul_##d, scatter_max_##d, scatter_min_##d}
#define SCATTER_TABLE                                                                                                     \
    {SCATTERS(b8), SCATTERS(u8), SCATTERS(i8), SCATTERS(i16), SCATTERS(i32), SCATTERS(i64), SCATTERS(f16), SCATTERS(bf16), \
     SCATTERS(f32), SCATTERS(f64), {scatter_add_c64, scatter_mul_c64}, {scatter_add_c128, scatter_mul_c128}}

/* The first number outside -size .. size - 1, or n. */
static int64_t first_outside(int64_t n, const char *p, int64_t stride, int64_t size) {
    enum { BLOCK = 512 };
    int64_t i = 0;
    for (; stride == 8 && i + BLOCK <= n; i += BLOCK) {
        const int64_t *number = (const int64_t *)p + i;
        uint64_t bad = 0;
        _Pragma("omp simd reduction(| : bad)") for (int64_t j = 0; j < BLOCK; j++) bad |= (uint64_t)number[j] + (uint64_t)size >= 2 * (uint64_t)size;
        if (bad) break;
    }
    for (; i < n; i++) {
        int64_t k = *(const int64_t *)(p + i * stride);
        if (k < -size || k >= size) return i;
    }
    return n;
}
#undef MOVE
#undef CHECKED
#undef AT
#undef INDEX_SPEC
#undef PLAIN
#undef TRUTH
#undef REDUCING
#undef ARITHMETIC
#undef ORDERED
#undef REAL
