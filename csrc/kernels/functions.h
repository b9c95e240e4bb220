/* functions.h -- what M(fn) means in the .def files, for float and double: vector maths where vmath.h has it, libm and
 * special.c elsewhere.  Compound functions, the same for both types, are in functions.inc.c. */
#ifndef RUSHLIGHT_FUNCTIONS_H
#define RUSHLIGHT_FUNCTIONS_H

#include "special.h"
#include "vmath.h"

#define f32_fma FMAF
#define f32_sqrt sqrtf
#define f32_ceil ceilf
#define f32_floor floorf
#define f32_trunc truncf
#define f32_round rintf
#define f32_sin f32_sin_mid
#define f32_cos f32_cos_mid
#define f32_tan f32_tan_mid

#define f64_fma FMAD
#define f64_sqrt sqrt
#define f64_ceil ceil
#define f64_floor floor
#define f64_trunc trunc
#define f64_round rint
#define f64_fmod fmod
#define f64_hypot hypot
#define f64_nextafter nextafter
#define f64_sin sin
#define f64_cos cos
#define f64_tan tan
#define f64_acos acos
#define f64_asin asin
#define f64_atan atan
#define f64_atan2 atan2
#define f64_sinh sinh
#define f64_cosh cosh
#define f64_tanh tanh
#define f64_acosh acosh
#define f64_asinh asinh
#define f64_atanh atanh
#define f64_erf erf
#define f64_erfc erfc
#define f64_exp2 exp2
#define f64_expm1 expm1
#define f64_log10 log10
#define f64_log1p log1p
#define f64_log2 log2
#define f64_pow pow
#define f64_erfinv special_erfinv

#define T float
#define K(c) c##f
#define M(name) f32_##name
#include "functions.inc.c"
#undef T
#undef K
#undef M
#define T double
#define K(c) c
#define M(name) f64_##name
#include "functions.inc.c"
#undef T
#undef K
#undef M

#endif
