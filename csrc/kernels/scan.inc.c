/* scan.inc.c -- running sums, products and extremes along one line, of any stride.
 *
 * A is what runs along: double for floating point (float for the products' sake too), 64 bits for integers, which wrap. */
#define SCAN_PLAIN(x) (x)
#define SCAN_KEEP(T, x) ((T)(x))
#define SCAN_TO_F16(T, x) half_from_float((float)(x))
#define SCAN_TO_BF16(T, x) bfloat_from_float((float)(x))

#define SCAN_RUN(tag, T, A, name, begin, LOAD, STORE, step) \
    static void name##_scan_##tag(LOOP_ARGS) { \
        A a = begin; \
        for (int64_t i = 0; i < n; i++) { const A x = (A)LOAD(*(const T *)(p[1] + i * stride[1])); step; *(T *)(p[0] + i * stride[0]) = STORE(T, a); } \
    }
/* y, index, x: NaN stays once it has come; of equals the last. */
#define SCAN_BEST(tag, T, A, name, LOAD, better) \
    static void name##_scan_##tag(LOOP_ARGS) { \
        T best = 0; \
        int64_t at = 0; \
        for (int64_t i = 0; i < n; i++) { \
            const T raw = *(const T *)(p[2] + i * stride[2]); \
            const A x = (A)LOAD(raw), a = (A)LOAD(best); \
            if (i == 0 || x != x || (a == a && better)) best = raw, at = i; \
            *(T *)(p[0] + i * stride[0]) = best; \
            *(int64_t *)(p[1] + i * stride[1]) = at; \
        } \
    }
#define SCANS(tag, T, A, LOAD, STORE) \
    SCAN_RUN(tag, T, A, sum, 0, LOAD, STORE, a += x) \
    SCAN_RUN(tag, T, A, prod, 1, LOAD, STORE, a *= x)
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

VM double scan_logaddexp(double a, double x) {
    double top = a > x ? a : x, low = a > x ? x : a;
    return a != a || x != x ? a + x : top == low && top - top != 0 ? top : top + log1p(exp(low - top));
}
SCAN_RUN(f16, uint16_t, double, lse, -(double)INFINITY, half_to_float, SCAN_TO_F16, a = scan_logaddexp(a, x))
SCAN_RUN(bf16, uint16_t, double, lse, -(double)INFINITY, bfloat_to_float, SCAN_TO_BF16, a = scan_logaddexp(a, x))
SCAN_RUN(f32, float, double, lse, -(double)INFINITY, SCAN_PLAIN, SCAN_KEEP, a = scan_logaddexp(a, x))
SCAN_RUN(f64, double, double, lse, -(double)INFINITY, SCAN_PLAIN, SCAN_KEEP, a = scan_logaddexp(a, x))

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
