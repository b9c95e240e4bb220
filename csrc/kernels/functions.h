/* functions.h -- what M(fn) means in the .def files, for float and double: vector maths where vmath.h has it, libm and
 * special.c elsewhere.  Compound functions, the same for both types, are in functions.inc.c. */
#ifndef RUSHLIGHT_FUNCTIONS_H
#define RUSHLIGHT_FUNCTIONS_H

#include "special.h"
#include "vmath.h"
#include "vspecial.h"

#define f32_fma FMAF
#define f32_sqrt sqrtf
#define f32_ceil ceilf
#define f32_floor floorf
#define f32_trunc truncf
#define f32_round rintf

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
#define f64_log1p_unit log1p
#define f64_lgamma special_lgamma
#define f64_digamma special_digamma
#define f64_trigamma(x) special_polygamma(1, x)
#define f64_ndtr special_ndtr
#define f64_log_ndtr special_log_ndtr
#define f64_erfcx special_erfcx
#define f64_dlog_ndtr(x) (0.7978845608028654 / special_erfcx((x) * -0.7071067811865476))
#define f64_i0 special_i0
#define f64_i0e special_i0e
#define f64_i1 special_i1
#define f64_i1e special_i1e
#define f64_bessel_j0(x) (f64_abs(x) == (double)INFINITY ? (double)NAN : j0(x))   /* torch: NaN at infinity */
#define f64_bessel_j1(x) (f64_abs(x) == (double)INFINITY ? (double)NAN : j1(x))
#define f64_airy_ai special_airy_ai
#define f64_bessel_y0 special_y0
#define f64_bessel_y1 special_y1

VM double f64_log1pexp(double x) { return (x > 0 ? x : 0) + log1p(f64_exp(-f64_abs(x))); }
VM double f64_log_odds(double x) {   /* near 1/2 the quotient is near 1, and log magnifies its rounding */
    return x > 0.25 && x < 0.75 ? log1p((2 * x - 1) / (1 - x)) : f64_log(x / (1 - x));
}
VM double f64_ldexp(double x, double e) { return ldexp(x, (int)(e > 3000 ? 3000 : e < -3000 ? -3000 : e)); }
VM double f64_gelu(double x) { return 0.5 * x * (1 + erf(x * 0.7071067811865476)); }
VM double f64_dgelu(double x) { return 0.5 * (1 + erf(x * 0.7071067811865476)) + x * (0.3989422804014327 * f64_exp(-0.5 * x * x)); }
VM double f64_sinc(double x) { return x == 0 ? 1 : sin(x * 3.141592653589793) / (x * 3.141592653589793); }
VM double f64_dsinc(double x) {   /* near 0 the two terms of the numerator cancel: the series there */
    double z = x * 3.141592653589793, t = z * z;
    double series = z * (-1.0 / 3 + t * (1.0 / 30 - t * (1.0 / 840 - t * (1.0 / 45360 - t * (1.0 / 3991680 - t / 518918400)))));
    return 3.141592653589793 * (t < 0.0625 ? series : (z * cos(z) - sin(z)) / t);
}

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

VM float f32_remainder_near(float a, float b) { return f32_remainder_of(b, f32_fmod_near(a, b)); }
VM float f32_div_floor_near(float a, float b) { return f32_div_floor_of(a, b, f32_fmod_near(a, b)); }

/* Polynomials by their recurrences: the variable, the polynomial of degree 1, and the next after y of degree k and z before it. */
#define VARIABLE_chebyshev_polynomial_t a
#define FIRST_chebyshev_polynomial_t x
#define NEXT_chebyshev_polynomial_t 2 * x * y - z
#define VARIABLE_chebyshev_polynomial_u a
#define FIRST_chebyshev_polynomial_u 2 * x
#define NEXT_chebyshev_polynomial_u 2 * x * y - z
#define VARIABLE_chebyshev_polynomial_v a
#define FIRST_chebyshev_polynomial_v 2 * x - 1
#define NEXT_chebyshev_polynomial_v 2 * x * y - z
#define VARIABLE_chebyshev_polynomial_w a
#define FIRST_chebyshev_polynomial_w 2 * x + 1
#define NEXT_chebyshev_polynomial_w 2 * x * y - z
#define VARIABLE_shifted_chebyshev_polynomial_t (2 * a - 1)
#define FIRST_shifted_chebyshev_polynomial_t x
#define NEXT_shifted_chebyshev_polynomial_t 2 * x * y - z
#define VARIABLE_shifted_chebyshev_polynomial_u (2 * a - 1)
#define FIRST_shifted_chebyshev_polynomial_u 2 * x
#define NEXT_shifted_chebyshev_polynomial_u 2 * x * y - z
#define VARIABLE_shifted_chebyshev_polynomial_v (2 * a - 1)
#define FIRST_shifted_chebyshev_polynomial_v 2 * x - 1
#define NEXT_shifted_chebyshev_polynomial_v 2 * x * y - z
#define VARIABLE_shifted_chebyshev_polynomial_w (2 * a - 1)
#define FIRST_shifted_chebyshev_polynomial_w 2 * x + 1
#define NEXT_shifted_chebyshev_polynomial_w 2 * x * y - z
#define VARIABLE_hermite_polynomial_h a
#define FIRST_hermite_polynomial_h 2 * x
#define NEXT_hermite_polynomial_h 2 * (x * y - k * z)
#define VARIABLE_hermite_polynomial_he a
#define FIRST_hermite_polynomial_he x
#define NEXT_hermite_polynomial_he x * y - k * z
#define VARIABLE_laguerre_polynomial_l a
#define FIRST_laguerre_polynomial_l 1 - x
#define NEXT_laguerre_polynomial_l ((2 * k + 1 - x) * y - k * z) / (k + 1)
#define VARIABLE_legendre_polynomial_p a
#define FIRST_legendre_polynomial_p x
#define NEXT_legendre_polynomial_p ((2 * k + 1) * x * y - k * z) / (k + 1)

#endif
