/* scan.inc.c -- running sums, products and extremes along lines of any stride: one, or as many as extra says (see kernels.h).
 *
 * A is what runs along: double for floating point (float for the products' sake too), 64 bits for integers, which wrap. */
#define SCAN_PLAIN(x) (x)
#define SCAN_KEEP(T, x) ((T)(x))
#define SCAN_TO_F16(T, x) half_from_float((float)(x))
#define SCAN_TO_BF16(T, x) bfloat_from_float((float)(x))

/* Lines are taken several at a time, so that one need not wait for another: SCAN_WIDE neighbours in memory, or SCAN_FEW anywhere. */
enum { SCAN_WIDE = 32, SCAN_FEW = 4, SCAN_SOME = 8, SCAN_LOOK = 16 };
#define SERIAL
#define SCAN_LINES(bytes, operands) \
    const int64_t *beside = extra; \
    const int64_t lines = beside ? beside[0] : 1; \
    int64_t l = 0, apart[3] = {0}; \
    bool neighbours = beside; \
    for (int k = 0; beside && k < operands; k++) apart[k] = beside[1 + k], neighbours = neighbours && apart[k] == (bytes)[k]
#define SCAN_RUN(tag, T, A, name, begin, LOAD, STORE, few, HOW, step) \
    static inline __attribute__((always_inline)) void name##_some_##tag(int64_t n, char *const *p, const int64_t *stride, const int64_t *apart, int64_t l, const int lines) { \
        A sum[SCAN_WIDE]; \
        const int64_t y_step = stride[0], x_step = stride[1], y_apart = apart[0], x_apart = apart[1]; \
        char *to = p[0] + l * y_apart; \
        const char *from = p[1] + l * x_apart; \
        for (int k = 0; k < lines; k++) sum[k] = begin; \
        for (int64_t i = 0; i < n; i++, from += x_step, to += y_step) \
            if (lines == SCAN_WIDE) SIMD for (int k = 0; k < SCAN_WIDE; k++) { A a = sum[k]; const A x = (A)LOAD(((const T *)from)[k]); step; sum[k] = a; ((T *)to)[k] = STORE(T, a); } \
            else HOW for (int k = 0; k < lines; k++) { A a = sum[k]; const A x = (A)LOAD(*(const T *)(from + k * x_apart)); step; sum[k] = a; *(T *)(to + k * y_apart) = STORE(T, a); } \
    } \
    static void name##_scan_##tag(LOOP_ARGS) { \
        SCAN_LINES(((int[]){sizeof(T), sizeof(T)}), 2); \
        for (; neighbours && l + SCAN_WIDE <= lines; l += SCAN_WIDE) name##_some_##tag(n, p, stride, apart, l, SCAN_WIDE); \
        for (; l + few <= lines; l += few) name##_some_##tag(n, p, stride, apart, l, few); \
        for (; l < lines; l++) name##_some_##tag(n, p, stride, apart, l, 1); \
    }
/* y, index, x: NaN stays once it has come; of equals the last. */
#define SCAN_STEP(T, A, LOAD, better, X, Y, PLACE) \
    { const T raw = X, held = best[k]; const A x = (A)LOAD(raw), a = (A)LOAD(held); \
      const bool take = (x != x) | ((a == a) & (better)); \
      best[k] = take ? raw : held; at[k] = take ? i : at[k]; Y = best[k]; PLACE = at[k]; }
#define SCAN_BEST(tag, T, A, name, LOAD, better) \
    static inline __attribute__((always_inline)) void name##_some_##tag(int64_t n, char *const *p, const int64_t *stride, const int64_t *apart, int64_t l, const int lines) { \
        T best[SCAN_WIDE]; \
        int64_t at[SCAN_WIDE]; \
        const int64_t y_step = stride[0], i_step = stride[1], x_step = stride[2], y_apart = apart[0], i_apart = apart[1], x_apart = apart[2]; \
        char *to = p[0] + l * y_apart, *place = p[1] + l * i_apart; \
        const char *from = p[2] + l * x_apart; \
        for (int k = 0; n && k < lines; k++) best[k] = *(const T *)(from + k * x_apart), at[k] = 0; \
        for (int64_t i = 0; i < n; i++, from += x_step, to += y_step, place += i_step) \
            if (lines == SCAN_WIDE) SIMD for (int k = 0; k < SCAN_WIDE; k++) SCAN_STEP(T, A, LOAD, better, ((const T *)from)[k], ((T *)to)[k], ((int64_t *)place)[k]) \
            else for (int k = 0; k < lines; k++) SCAN_STEP(T, A, LOAD, better, *(const T *)(from + k * x_apart), *(T *)(to + k * y_apart), *(int64_t *)(place + k * i_apart)) \
    } \
    /* One dense line: most stretches hold nothing better than what came before. */ \
    static void name##_dense_##tag(int64_t n, T *y, int64_t *place, const T *from) { \
        T held = n ? from[0] : 0; \
        int64_t at = 0; \
        for (int64_t i = 0, m; i < n; i += m) { \
            const A a = (A)LOAD(held); \
            int hit = 0; \
            m = n - i < SCAN_LOOK ? n - i : SCAN_LOOK; \
            if (m == SCAN_LOOK) _Pragma("omp simd reduction(| : hit)") for (int k = 0; k < SCAN_LOOK; k++) { const A x = (A)LOAD(from[i + k]); hit |= (x != x) | (better); } \
            if (m == SCAN_LOOK && !hit) { \
                SIMD for (int k = 0; k < SCAN_LOOK; k++) y[i + k] = held; \
                SIMD for (int k = 0; k < SCAN_LOOK; k++) place[i + k] = at; \
                continue; \
            } \
            for (int64_t k = i; k < i + m; k++) { \
                const T raw = from[k]; \
                const A x = (A)LOAD(raw), a = (A)LOAD(held); \
                const bool take = (x != x) | ((a == a) & (better)); \
                held = take ? raw : held; \
                at = take ? k : at; \
                y[k] = held; \
                place[k] = at; \
            } \
        } \
    } \
    static void name##_scan_##tag(LOOP_ARGS) { \
        SCAN_LINES(((int[]){sizeof(T), 8, sizeof(T)}), 3); \
        if (stride[0] == sizeof(T) && stride[1] == 8 && stride[2] == sizeof(T) && n >= 4 * SCAN_LOOK) { \
            for (; l < lines; l++) name##_dense_##tag(n, (T *)(p[0] + l * apart[0]), (int64_t *)(p[1] + l * apart[1]), (const T *)(p[2] + l * apart[2])); \
            return; \
        } \
        for (; neighbours && l + SCAN_WIDE <= lines; l += SCAN_WIDE) name##_some_##tag(n, p, stride, apart, l, SCAN_WIDE); \
        for (; l + SCAN_FEW <= lines; l += SCAN_FEW) name##_some_##tag(n, p, stride, apart, l, SCAN_FEW); \
        for (; l < lines; l++) name##_some_##tag(n, p, stride, apart, l, 1); \
    }
#define SCANS(tag, T, A, LOAD, STORE) \
    SCAN_RUN(tag, T, A, sum, 0, LOAD, STORE, SCAN_FEW, SERIAL, a += x) \
    SCAN_RUN(tag, T, A, prod, 1, LOAD, STORE, SCAN_FEW, SERIAL, a *= x)
#define SCANS_BEST(tag, T, A, LOAD) SCAN_BEST(tag, T, A, max, LOAD, x >= a) SCAN_BEST(tag, T, A, min, LOAD, x <= a)

SCANS(u8, uint8_t, uint64_t, SCAN_PLAIN, SCAN_KEEP)
SCANS(i8, int8_t, uint64_t, SCAN_PLAIN, SCAN_KEEP)
SCANS(i16, int16_t, uint64_t, SCAN_PLAIN, SCAN_KEEP)
SCANS(i32, int32_t, uint64_t, SCAN_PLAIN, SCAN_KEEP)
SCANS(i64, int64_t, uint64_t, SCAN_PLAIN, SCAN_KEEP)
SCANS(f16, uint16_t, double, half_to_float, SCAN_TO_F16)
SCANS(bf16, uint16_t, double, bfloat_to_float, SCAN_TO_BF16)
SCANS(f32, float, double, SCAN_PLAIN, SCAN_KEEP)
SCANS(f64, double, double, SCAN_PLAIN, SCAN_KEEP)
SCANS(c64, float _Complex, double _Complex, SCAN_PLAIN, SCAN_KEEP)
SCANS(c128, double _Complex, double _Complex, SCAN_PLAIN, SCAN_KEEP)
SCANS_BEST(u8, uint8_t, int64_t, SCAN_PLAIN)
SCANS_BEST(i8, int8_t, int64_t, SCAN_PLAIN)
SCANS_BEST(i16, int16_t, int64_t, SCAN_PLAIN)
SCANS_BEST(i32, int32_t, int64_t, SCAN_PLAIN)
SCANS_BEST(i64, int64_t, int64_t, SCAN_PLAIN)
SCANS_BEST(f16, uint16_t, float, half_to_float)
SCANS_BEST(bf16, uint16_t, float, bfloat_to_float)
SCANS_BEST(f32, float, float, SCAN_PLAIN)
SCANS_BEST(f64, double, double, SCAN_PLAIN)

/* log(e^a + e^x) is the larger and log(1 + e^-distance); what 1 + e rounds away is put back. */
VM double scan_logaddexp(double a, double x) {
    double top = a > x ? a : x, low = a > x ? x : a, e = f64_exp(low - top), more = 1 + e;
    double y = top + (f64_log(more) + (e - (more - 1)) / more);
    return a != a || x != x ? a + x : top == low && top - top != 0 ? top : y;
}
SCAN_RUN(f16, uint16_t, double, lse, -(double)INFINITY, half_to_float, SCAN_TO_F16, SCAN_SOME, SIMD, a = scan_logaddexp(a, x))
SCAN_RUN(bf16, uint16_t, double, lse, -(double)INFINITY, bfloat_to_float, SCAN_TO_BF16, SCAN_SOME, SIMD, a = scan_logaddexp(a, x))
SCAN_RUN(f32, float, double, lse, -(double)INFINITY, SCAN_PLAIN, SCAN_KEEP, SCAN_SOME, SIMD, a = scan_logaddexp(a, x))
SCAN_RUN(f64, double, double, lse, -(double)INFINITY, SCAN_PLAIN, SCAN_KEEP, SCAN_SOME, SIMD, a = scan_logaddexp(a, x))

#define SCAN_INT(tag) static LoopFn *const scan_##tag[SCAN_COUNT] = {sum_scan_##tag, prod_scan_##tag, max_scan_##tag, min_scan_##tag, NULL};
#define SCAN_FLOAT(tag) static LoopFn *const scan_##tag[SCAN_COUNT] = {sum_scan_##tag, prod_scan_##tag, max_scan_##tag, min_scan_##tag, lse_scan_##tag};
#define SCAN_COMPLEX(tag) static LoopFn *const scan_##tag[SCAN_COUNT] = {sum_scan_##tag, prod_scan_##tag, NULL, NULL, NULL};
SCAN_INT(u8)
SCAN_INT(i8)
SCAN_INT(i16)
SCAN_INT(i32)
SCAN_INT(i64)
SCAN_FLOAT(f16)
SCAN_FLOAT(bf16)
SCAN_FLOAT(f32)
SCAN_FLOAT(f64)
SCAN_COMPLEX(c64)
SCAN_COMPLEX(c128)
#define scan_b8 scan_u8
