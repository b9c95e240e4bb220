/* functions.inc.c -- compound functions of float (T, M, K are float's) and of double. */
VM T M(sgn)(T x) { return (T)(x > 0) - (T)(x < 0); }   /* 0 of NaN */
VM bool M(isnan)(T x) { return x != x; }
VM bool M(isinf)(T x) { return M(abs)(x) == (T)INFINITY; }
VM bool M(isfinite)(T x) { return M(abs)(x) < (T)INFINITY; }
VM bool M(signbit)(T x) { return M(bits)(x) < 0; }
VM T M(copysign)(T x, T sign) { return M(sign_of)(M(abs)(x), sign); }
VM T M(clamp)(T x, T low, T high) {
    T y = x < low || low != low ? low : x;
    y = y > high || high != high ? high : y;
    return x == x ? y : x;
}
VM T M(angle)(T x) { return x != x ? x : x < 0 ? K(3.141592653589793) : 0; }
VM T M(log1pexp)(T x) { return (x > 0 ? x : 0) + M(log1p)(M(exp)(-M(abs)(x))); }   /* log(1 + e^x) */
VM T M(silu)(T x) { return x / (1 + M(exp)(-x)); }
VM T M(dsilu)(T x) {
    T s = M(sigmoid)(x);
    return s * (1 + x * (1 - s));
}
VM T M(mish)(T x) { return x * M(tanh)(M(log1pexp)(x)); }
VM T M(dmish)(T x) {
    T t = M(tanh)(M(log1pexp)(x));
    return t + x * M(sigmoid)(x) * (1 - t * t);
}
VM T M(gelu_tanh)(T x) { return K(0.5) * x * (1 + M(tanh)(K(0.7978845608028654) * (x + K(0.044715) * x * x * x))); }
VM T M(dgelu_tanh)(T x) {
    T t = M(tanh)(K(0.7978845608028654) * (x + K(0.044715) * x * x * x));
    return K(0.5) * (1 + t) + K(0.5) * x * (1 - t * t) * K(0.7978845608028654) * (1 + K(0.134145) * x * x);
}
VM T M(logit)(T x, T low, T high) {   /* low < 0: no clamping */
    T z = low < 0 ? x : x < low ? low : x > high ? high : x;
    T far = M(log)(z / (1 - z)), near = M(log1p)((2 * z - 1) / (1 - z));
    return z > K(0.25) && z < K(0.75) ? near : far;      /* near 1/2 the quotient is near 1, and log magnifies its rounding */
}
VM T M(div_trunc)(T a, T b) { return M(trunc)(a / b); }
VM T M(div_floor)(T a, T b) {   /* Python's: exact where the quotient is whole */
    if (b == 0) return a / b;
    T mod = M(fmod)(a, b), q = (a - mod) / b;
    if (mod != 0 && (b < 0) != (mod < 0)) q -= 1;
    if (q == 0) return M(copysign)(0, a / b);
    T whole = M(floor)(q);
    return q - whole > K(0.5) ? whole + 1 : whole;
}
VM T M(remainder)(T a, T b) {
    T mod = M(fmod)(a, b);
    return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;
}
VM T M(logaddexp)(T a, T b) {
    T top = a > b ? a : b, low = a > b ? b : a;
    T y = top + M(log1p)(M(exp)(low - top));
    return a == b && M(isinf)(a) ? a : a != a || b != b ? a + b : y;
}
VM T M(logaddexp2)(T a, T b) {
    T top = a > b ? a : b, low = a > b ? b : a;
    T y = top + M(log1p)(M(exp2)(low - top)) * K(1.4426950408889634);
    return a == b && M(isinf)(a) ? a : a != a || b != b ? a + b : y;
}
VM T M(sinc)(T x) {
    T z = x * K(3.141592653589793), y = (T)sin((double)x * 3.141592653589793) / z;
    return x == 0 ? 1 : y;
}
VM T M(dsinc)(T x) {   /* near 0 the two terms of the numerator cancel: the series there */
    double z = (double)x * 3.141592653589793, t = z * z;
    double series = z * (-1.0 / 3 + t * (1.0 / 30 - t * (1.0 / 840 - t * (1.0 / 45360 - t * (1.0 / 3991680 - t / 518918400)))));
    return (T)(3.141592653589793 * (t < 0.0625 ? series : (z * cos(z) - sin(z)) / t));
}
VM T M(entr)(T x) { return x == 0 ? 0 : x < 0 ? -(T)INFINITY : -x * M(log)(x); }
VM T M(ndtr)(T x) { return (T)special_ndtr((double)x); }
VM T M(dlog_ndtr)(T x) { return (T)(0.7978845608028654 / special_erfcx((double)x * -0.7071067811865476)); }
VM T M(di1)(T x, T y) { return M(abs)(x) < K(1e-7) ? K(0.5) : (T)special_i0((double)x) - y / x; }
VM T M(di1e)(T x, T y) { return M(abs)(x) < K(1e-7) ? K(0.5) : (T)special_i0e((double)x) - y * (M(sgn)(x) + 1 / x); }

VM T M(digamma)(T x) { return (T)special_digamma((double)x); }
VM T M(trigamma)(T x) { return (T)special_polygamma(1, (double)x); }
VM T M(polygamma)(T x, T n) { return (T)special_polygamma((int)n, (double)x); }
VM T M(lgamma)(T x) { return (T)special_lgamma((double)x); }
VM T M(erfcx)(T x) { return (T)special_erfcx((double)x); }
VM T M(ndtri)(T x) { return (T)special_ndtri((double)x); }
VM T M(log_ndtr)(T x) { return (T)special_log_ndtr((double)x); }
VM T M(i0)(T x) { return (T)special_i0((double)x); }
VM T M(i0e)(T x) { return (T)special_i0e((double)x); }
VM T M(i1)(T x) { return (T)special_i1((double)x); }
VM T M(i1e)(T x) { return (T)special_i1e((double)x); }
VM T M(k0)(T x) { return (T)special_k0((double)x); }
VM T M(k0e)(T x) { return (T)special_k0e((double)x); }
VM T M(k1)(T x) { return (T)special_k1((double)x); }
VM T M(k1e)(T x) { return (T)special_k1e((double)x); }
VM T M(bessel_j0)(T x) { return M(isinf)(x) ? (T)NAN : (T)j0((double)x); }   /* torch: NaN at infinity */
VM T M(bessel_j1)(T x) { return M(isinf)(x) ? (T)NAN : (T)j1((double)x); }
VM T M(bessel_y0)(T x) { return (T)special_y0((double)x); }
VM T M(bessel_y1)(T x) { return (T)special_y1((double)x); }
VM T M(spherical_j0)(T x) { return M(isinf)(x) ? 0 : x == 0 ? 1 : (T)(sin((double)x) / (double)x); }
VM T M(airy_ai)(T x) { return (T)special_airy_ai((double)x); }
VM T M(igamma)(T a, T b) { return (T)special_igamma((double)a, (double)b); }
VM T M(igammac)(T a, T b) { return (T)special_igammac((double)a, (double)b); }
VM T M(zeta)(T a, T b) { return (T)special_zeta((double)a, (double)b); }
VM T M(chebyshev_t)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 't'); }
VM T M(chebyshev_u)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 'u'); }
VM T M(chebyshev_v)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 'v'); }
VM T M(chebyshev_w)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 'w'); }
VM T M(hermite_h)(T x, T n) { return (T)special_hermite((double)x, (double)n, 2); }
VM T M(hermite_he)(T x, T n) { return (T)special_hermite((double)x, (double)n, 1); }
VM T M(laguerre)(T x, T n) { return (T)special_laguerre((double)x, (double)n); }
VM T M(legendre)(T x, T n) { return (T)special_legendre((double)x, (double)n); }
