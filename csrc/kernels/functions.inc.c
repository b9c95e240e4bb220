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
VM T M(silu)(T x) { return x / (1 + M(exp)(-x)); }
VM T M(dsilu)(T x) {
    T s = M(sigmoid)(x);
    return s * (1 + x * (1 - s));
}
/* tanh(log(1 + e^x)) is n / (n + rest), with n = 1 + 2 e^-x and rest = 2 e^-2x; for x < 0 both times e^2x. */
VM T M(mish)(T x) {
    T e = M(exp)(-M(abs)(x)), n = x < 0 ? e * (e + 2) : 1 + 2 * e, rest = x < 0 ? 2 : 2 * e * e;
    return x * (n / (n + rest));
}
VM T M(dmish)(T x) {
    T e = M(exp)(-M(abs)(x)), n = x < 0 ? e * (e + 2) : 1 + 2 * e, rest = x < 0 ? 2 : 2 * e * e, inverse = 1 / (n + rest);
    return n * inverse + x * ((x < 0 ? e : 1) / (1 + e)) * (rest * inverse) * ((n + n + rest) * inverse);   /* tanh, and 1 - tanh^2 */
}
VM T M(gelu_tanh)(T x) { return K(0.5) * x * (1 + M(tanh)(K(0.7978845608028654) * (x + K(0.044715) * x * x * x))); }
VM T M(dgelu_tanh)(T x) {
    T t = M(tanh)(K(0.7978845608028654) * (x + K(0.044715) * x * x * x));
    return K(0.5) * (1 + t) + K(0.5) * x * (1 - t * t) * K(0.7978845608028654) * (1 + K(0.134145) * x * x);
}
VM T M(logit)(T x, T low, T high) {   /* low < 0: no clamping */
    T z = low < 0 ? x : x < low ? low : x > high ? high : x;
    return M(log_odds)(z);
}
VM T M(div_trunc)(T a, T b) { return M(trunc)(a / b); }
VM T M(div_floor_of)(T a, T b, T mod) {   /* Python's: exact where the quotient is whole; mod is what fmod leaves */
    T q = (a - mod) / b;
    q -= (mod != 0) & ((b < 0) != (mod < 0)) ? 1 : 0;
    T whole = M(floor)(q), y = whole + (q - whole > K(0.5) ? 1 : 0);
    return q == 0 ? M(copysign)(0, a / b) : y;
}
VM T M(div_floor)(T a, T b) { return b == 0 ? a / b : M(div_floor_of)(a, b, M(fmod)(a, b)); }
VM T M(remainder_of)(T b, T mod) { return (mod != 0) & ((b < 0) != (mod < 0)) ? mod + b : mod; }
VM T M(remainder)(T a, T b) { return M(remainder_of)(b, M(fmod)(a, b)); }
VM T M(logaddexp)(T a, T b) {
    T top = a > b ? a : b, low = a > b ? b : a;
    T y = top + M(log1p_unit)(M(exp)(low - top));
    return a == b && M(isinf)(a) ? a : a != a || b != b ? a + b : y;
}
VM T M(logaddexp2)(T a, T b) {
    T top = a > b ? a : b, low = a > b ? b : a;
    T y = top + M(log1p_unit)(M(exp2)(low - top)) * K(1.4426950408889634);
    return a == b && M(isinf)(a) ? a : a != a || b != b ? a + b : y;
}
VM T M(entr)(T x) { return x == 0 ? 0 : x < 0 ? -(T)INFINITY : -x * M(log)(x); }
VM T M(di1)(T x, T y) { return M(abs)(x) < K(1e-7) ? K(0.5) : M(i0)(x) - y / x; }
VM T M(di1e)(T x, T y) { return M(abs)(x) < K(1e-7) ? K(0.5) : M(i0e)(x) - y * (M(sgn)(x) + 1 / x); }

VM T M(polygamma)(T x, T n) { return (T)special_polygamma((int)n, (double)x); }
VM T M(ndtri)(T x) { return (T)special_ndtri((double)x); }
VM T M(k0)(T x) { return (T)special_k0((double)x); }
VM T M(k0e)(T x) { return (T)special_k0e((double)x); }
VM T M(k1)(T x) { return (T)special_k1((double)x); }
VM T M(k1e)(T x) { return (T)special_k1e((double)x); }
VM T M(spherical_j0)(T x) { return M(isinf)(x) ? 0 : x == 0 ? 1 : M(sin)(x) / x; }
VM T M(igamma)(T a, T b) { return (T)(sizeof(T) == 4 ? special_igamma_single((double)a, (double)b) : special_igamma((double)a, (double)b)); }
VM T M(igammac)(T a, T b) { return (T)(sizeof(T) == 4 ? special_igammac_single((double)a, (double)b) : special_igammac((double)a, (double)b)); }
VM T M(zeta)(T a, T b) { return (T)special_zeta((double)a, (double)b); }
VM T M(chebyshev_t)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 't'); }
VM T M(chebyshev_u)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 'u'); }
VM T M(chebyshev_v)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 'v'); }
VM T M(chebyshev_w)(T x, T n) { return (T)special_chebyshev((double)x, (double)n, 'w'); }
VM T M(hermite_h)(T x, T n) { return (T)special_hermite((double)x, (double)n, 2); }
VM T M(hermite_he)(T x, T n) { return (T)special_hermite((double)x, (double)n, 1); }
VM T M(laguerre)(T x, T n) { return (T)special_laguerre((double)x, (double)n); }
VM T M(legendre)(T x, T n) { return (T)special_legendre((double)x, (double)n); }
