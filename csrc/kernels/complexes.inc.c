/* complexes.inc.c -- functions of complex numbers of one precision: T, REAL, C(name) ours, LIBM(name) the library's. */
VM T C(make)(REAL re, REAL im) { union { REAL part[2]; T z; } u = {.part = {re, im}}; return u.z; }
VM REAL C(re)(T x) { union { T z; REAL part[2]; } u = {.z = x}; return u.part[0]; }
VM REAL C(im)(T x) { union { T z; REAL part[2]; } u = {.z = x}; return u.part[1]; }
VM T C(mul)(T a, T b) {
    REAL ar = C(re)(a), ai = C(im)(a), br = C(re)(b), bi = C(im)(b);
    return C(make)(ar * br - ai * bi, ar * bi + ai * br);
}
VM T C(div)(T a, T b) {   /* scaled by the larger part of the divisor: no needless overflow */
    REAL ar = C(re)(a), ai = C(im)(a), br = C(re)(b), bi = C(im)(b), wide = LIBM(fabs)(br), high = LIBM(fabs)(bi);
    if (wide == 0 && high == 0) return C(make)(ar / wide, ai / wide);
    if (wide >= high) {
        REAL r = bi / br, d = 1 / (br + bi * r);
        return C(make)((ar + ai * r) * d, (ai - ar * r) * d);
    }
    REAL r = br / bi, d = 1 / (br * r + bi);
    return C(make)((ar * r + ai) * d, (ai * r - ar) * d);
}
VM T C(scale)(T a, REAL b) { return C(make)(C(re)(a) * b, C(im)(a) * b); }
VM REAL C(abs)(T x) { return LIBM(hypot)(C(re)(x), C(im)(x)); }
VM REAL C(angle)(T x) { return C(re)(x) != C(re)(x) || C(im)(x) != C(im)(x) ? (REAL)NAN : LIBM(atan2)(C(im)(x), C(re)(x)); }
VM T C(conj)(T x) { return C(make)(C(re)(x), -C(im)(x)); }
VM T C(sgn)(T x) {
    REAL size = C(abs)(x);
    return size == 0 ? C(make)(0, 0) : C(make)(C(re)(x) / size, C(im)(x) / size);
}
VM bool C(isnan)(T x) { return C(re)(x) != C(re)(x) || C(im)(x) != C(im)(x); }
VM bool C(isinf)(T x) { return LIBM(fabs)(C(re)(x)) == (REAL)INFINITY || LIBM(fabs)(C(im)(x)) == (REAL)INFINITY; }
VM bool C(isfinite)(T x) { return LIBM(fabs)(C(re)(x)) < (REAL)INFINITY && LIBM(fabs)(C(im)(x)) < (REAL)INFINITY; }
VM T C(exp)(T x) { return LIBM(cexp)(x); }
VM T C(log)(T x) { return LIBM(clog)(x); }
VM T C(log2)(T x) { return C(scale)(LIBM(clog)(x), (REAL)1.4426950408889634); }
VM T C(log10)(T x) { return C(scale)(LIBM(clog)(x), (REAL)0.4342944819032518); }
VM T C(exp2)(T x) { return LIBM(cexp)(C(scale)(x, (REAL)0.6931471805599453)); }
VM T C(expm1)(T x) {   /* e^a cos b - 1 = (e^a - 1) cos b - 2 sin^2(b/2) */
    REAL a = C(re)(x), b = C(im)(x), s = LIBM(sin)(b / 2);
    return C(make)(LIBM(expm1)(a) * LIBM(cos)(b) - 2 * s * s, LIBM(exp)(a) * LIBM(sin)(b));
}
VM T C(log1p)(T x) {   /* log |1 + z| = log1p(2 a + a^2 + b^2) / 2 */
    REAL a = C(re)(x), b = C(im)(x);
    REAL size = LIBM(hypot)(1 + a, b), near = LIBM(log1p)(a * (2 + a) + b * b) / 2;
    return C(make)(size > (REAL)0.5 && size < 2 ? near : LIBM(log)(size), LIBM(atan2)(b, 1 + a));
}
VM T C(sqrt)(T x) { return LIBM(csqrt)(x); }
VM T C(sin)(T x) { return LIBM(csin)(x); }
VM T C(cos)(T x) { return LIBM(ccos)(x); }
VM T C(tan)(T x) { return LIBM(ctan)(x); }
VM T C(sinh)(T x) { return LIBM(csinh)(x); }
VM T C(cosh)(T x) { return LIBM(ccosh)(x); }
VM T C(tanh)(T x) { return LIBM(ctanh)(x); }
VM T C(asin)(T x) { return LIBM(casin)(x); }
VM T C(acos)(T x) { return LIBM(cacos)(x); }
VM T C(atan)(T x) { return LIBM(catan)(x); }
VM T C(asinh)(T x) { return LIBM(casinh)(x); }
VM T C(acosh)(T x) { return LIBM(cacosh)(x); }
VM T C(atanh)(T x) { return LIBM(catanh)(x); }
VM T C(sigmoid)(T x) { return C(div)(C(make)(1, 0), 1 + LIBM(cexp)(-x)); }
VM T C(silu)(T x) { return C(div)(x, 1 + LIBM(cexp)(-x)); }
VM T C(sinc)(T x) {
    T z = C(scale)(x, (REAL)3.141592653589793);
    return C(re)(x) == 0 && C(im)(x) == 0 ? C(make)(1, 0) : C(div)(LIBM(csin)(z), z);
}
VM T C(logaddexp)(T a, T b) {   /* the larger real part comes out of the logarithm */
    T top = C(re)(a) >= C(re)(b) ? a : b, low = C(re)(a) >= C(re)(b) ? b : a;
    if (C(isnan)(a) || C(isnan)(b)) return C(make)((REAL)NAN, (REAL)NAN);
    if (C(re)(top) == C(re)(low) && LIBM(fabs)(C(re)(top)) == (REAL)INFINITY) return C(re)(top) < 0 ? low : LIBM(clog)(LIBM(cexp)(low) + LIBM(cexp)(top));
    return top + C(log1p)(LIBM(cexp)(low - top));
}
VM T C(pow)(T a, T b) {
    if (C(im)(b) == 0 && C(re)(b) == 2) return C(mul)(a, a);
    if (C(im)(b) == 0 && C(re)(b) == 0) return C(make)(1, 0);
    if (C(im)(b) == 0 && C(re)(b) == 1) return a;
    if (C(re)(a) == 0 && C(im)(a) == 0 && C(re)(b) > 0 && C(im)(b) == 0) return C(make)(0, 0);
    return LIBM(cpow)(a, b);
}
