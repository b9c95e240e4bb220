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
#ifdef NARROW_TRIG   /* float: pieces with an argument too large for vmath.h go through the double loop, which is libm's */
#define CIRCULAR(name, f) \
    static void few_##name(int64_t n, float *to, const float *from) { SIMD for (int64_t i = 0; i < n; i++) { const float x = from[i]; to[i] = f; } } \
    static void block_##name##_f32(int64_t n, void *out, const void *in, const double *p) { in_pieces(n, out, in, few_##name, block_##name##_f64); } \
    static void loop_##name##_f32(LOOP_ARGS) { run1(n, p, stride, extra, block_##name##_f32, (Kinds){4, 4, 0, HALF}); }
#define SLOPE_CIRCULAR(name, df) \
    static void few_slope_##name(int64_t n, float *to, const float *g, const float *from) { SIMD for (int64_t i = 0; i < n; i++) { const float x = from[i]; to[i] = g[i] * (df); } } \
    static void slope_##name##_f32(int64_t n, void *out, const void *g, const void *x, const void *y, const double *p) { in_pieces_grad(n, out, g, x, few_slope_##name, slope_##name##_f64); } \
    static void grad_##name##_f32(LOOP_ARGS) { run_grad(n, p, stride, extra, slope_##name##_f32, (Kinds){4, 4, 0, HALF}); }
#else
#define CIRCULAR LOOP
#define SLOPE_CIRCULAR SLOPE
#endif
#include "classes_float.inc.c"
#include "pointwise_loops.inc.c"
