/* pointwise_float.inc.c -- the rows that take floating-point numbers, for float and for double. */
#define NUMBER T
#define PC(k) p##k
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) ((a) * (b))
#define DIV(a, b) ((a) / (b))
#define MULADD(a, b, c) M(fma)(a, b, c)   /* fused where torch fuses, so that the last bits agree */
#define NEG(a) (-(a))

#define LOOP(name, f) ONE_TO(T, name, f)
#define PREDICATE(name, f) ONE_TO(uint8_t, name, f)
#define PAIR(name, f) TWO_TO(T, name, f)
#define COMPARE(name, f) TWO_TO(uint8_t, name, f)
#define TRIPLE(name, f) THREE_TO(T, name, f)
#define SLOPE(name, df) SLOPE_TO(T, name, df, g * slope)
#define SLOPE_GATE(name, df) SLOPE_TO(T, name, df, slope != 0 ? g * slope : 0)
#ifdef NARROW_TRIG   /* float: what vmath.h and vspecial.h do not take goes through the double block, one by one */
#define PIECES(name, f, near, beyond, hard) \
    static void few_##name(int64_t n, float *to, const float *from) { SIMD for (int64_t i = 0; i < n; i++) { const float x = from[i]; to[i] = f; } } \
    static void block_##name##_f32(int64_t n, void *out, const void *in, const double *p) { in_pieces(n, out, in, few_##name, near, beyond, block_##name##_f64, hard); } \
    static void loop_##name##_f32(LOOP_ARGS) { run1(n, p, stride, extra, block_##name##_f32, (Kinds){4, 4, 0, HALF}); }
#define NEAR(name) \
    static void near_##name(int64_t n, float *to, const float *from) { SIMD for (int64_t i = 0; i < n; i++) to[i] = f32_##name##_near(from[i]); } \
    static bool beyond_##name(int64_t n, const float *x) { int found = 0; _Pragma("omp simd reduction(| : found)") for (int64_t i = 0; i < n; i++) found |= f32_##name##_beyond(x[i]); return found; }
#define SPAN(name, f) NEAR(name) PIECES(name, f, near_##name, beyond_##name, NOTHING)
#define CIRCULAR(name, f) PIECES(name, f, NULL, NULL, LARGE)
#define POSITIVE(name, f) PIECES(name, f, NULL, NULL, LEFT)
#define RIGHT(name, f) PIECES(name, f, NULL, NULL, FAR_LEFT)
#define WAVE(name, f) NEAR(name) PIECES(name, f, near_##name, beyond_##name, LARGE)
#define WAVE_POSITIVE(name, f) NEAR(name) PIECES(name, f, near_##name, beyond_##name, LARGE_OR_LEFT)
#define SLOPE_PIECES(name, df, hard) \
    static void few_slope_##name(int64_t n, float *to, const float *g, const float *from) { SIMD for (int64_t i = 0; i < n; i++) { const float x = from[i]; to[i] = g[i] * (df); } } \
    static void slope_##name##_f32(int64_t n, void *out, const void *g, const void *x, const void *y, const double *p) { in_pieces_grad(n, out, g, x, few_slope_##name, slope_##name##_f64, hard); } \
    static void grad_##name##_f32(LOOP_ARGS) { run_grad(n, p, stride, extra, slope_##name##_f32, (Kinds){4, 4, 0, HALF}); }
#define SLOPE_CIRCULAR(name, df) SLOPE_PIECES(name, df, LARGE)
#define SLOPE_POSITIVE(name, df) SLOPE_PIECES(name, df, LEFT)
/* One degree for all, as it mostly is: elements side by side, in double. */
#define RECURRENCE(name, f) \
    static void recur_##name(int64_t n, float *to, const float *as, int degree) { \
        double before[CHUNK], now[CHUNK], xs[CHUNK]; \
        SIMD for (int64_t j = 0; j < n; j++) { const float a = as[j]; const double x = xs[j] = (double)VARIABLE_##name; now[j] = degree ? FIRST_##name : 1.0; before[j] = 1.0; } \
        for (int k = 1; k < degree; k++) SIMD for (int64_t j = 0; j < n; j++) { const double x = xs[j], y = now[j], z = before[j]; (void)x; before[j] = y; now[j] = NEXT_##name; } \
        SIMD for (int64_t j = 0; j < n; j++) to[j] = (float)now[j]; \
    } \
    static float one_##name(float a, float b) { return f; } \
    static void block2_##name##_f32(int64_t n, void *out, const void *in, const void *in2, const double *p) { by_degree(n, out, in, in2, recur_##name, one_##name); } \
    static void loop2_##name##_f32(LOOP_ARGS) { run2(n, p, stride, extra, block2_##name##_f32, (Kinds){4, 4, 0, HALF}); }
#define MODULAR(name, f) \
    static void far_##name(int64_t n, float *to, const float *as, const float *bs) { for (int64_t i = 0; i < n; i++) { const float a = as[i], b = bs[i]; to[i] = f; } } \
    static void near_##name(int64_t n, float *to, const float *as, const float *bs) { SIMD for (int64_t i = 0; i < n; i++) to[i] = f32_##name##_near(as[i], bs[i]); } \
    static void block2_##name##_f32(int64_t n, void *out, const void *a, const void *b, const double *p) { by_quotient(n, out, a, b, near_##name, far_##name); } \
    static void loop2_##name##_f32(LOOP_ARGS) { run2(n, p, stride, extra, block2_##name##_f32, (Kinds){4, 4, 0, HALF}); }
#else
#define MODULAR PAIR
#define RECURRENCE PAIR
#define CIRCULAR LOOP
#define POSITIVE LOOP
#define RIGHT LOOP
#define SPAN LOOP
#define WAVE LOOP
#define WAVE_POSITIVE LOOP
#define SLOPE_CIRCULAR SLOPE
#define SLOPE_POSITIVE SLOPE
#endif
#include "classes_float.inc.c"
#include "pointwise_loops.inc.c"
