/* pointwise_half.inc.c -- the rows that take floating-point numbers, for a half type: the float block between widening and rounding. */
#define HALF1(name, bytes) static void FN(loop_##name)(LOOP_ARGS) { run1(n, p, stride, extra, block_##name##_f32, (Kinds){2, bytes, 1, KIND}); }
#define HALF2(name, bytes) static void FN(loop2_##name)(LOOP_ARGS) { run2(n, p, stride, extra, block2_##name##_f32, (Kinds){2, bytes, 1, KIND}); }
#define LOOP(name, f) HALF1(name, 2)
#define PREDICATE(name, f) HALF1(name, 1)
#define CIRCULAR LOOP
#define POSITIVE LOOP
#define RIGHT LOOP
#define SPAN LOOP
#define WAVE LOOP
#define WAVE_POSITIVE LOOP
#define PAIR(name, f) HALF2(name, 2)
#define MODULAR PAIR
#define RECURRENCE PAIR
#define COMPARE(name, f) HALF2(name, 1)
#define TRIPLE(name, f) static void FN(loop3_##name)(LOOP_ARGS) { run3(n, p, stride, extra, block3_##name##_f32, (Kinds){2, 2, 1, KIND}); }
#define SLOPE(name, df) static void FN(grad_##name)(LOOP_ARGS) { run_grad(n, p, stride, extra, slope_##name##_f32, (Kinds){2, 2, 1, KIND}); }
#define SLOPE_GATE SLOPE
#define SLOPE_CIRCULAR SLOPE
#define SLOPE_POSITIVE SLOPE
#include "classes_float.inc.c"
#include "pointwise_loops.inc.c"
