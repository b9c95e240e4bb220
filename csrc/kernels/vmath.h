/* vmath.h -- elementary functions as plain branch-free C that a compiler turns into vector code.
 *
 * No tables, no calls, no errno: every function is a few multiplications, selects and one polynomial, so that a loop over it
 * under `#pragma omp simd` runs in vectors of whatever width the including file targets.  The polynomials are near-minimax fits
 * made for this file (their relative error stands beside them).  Two grades:
 *   f32_*  float, within 1.5 ULP (sigmoid and tanh 2.5); most compute in double and round once, the hot ones stay in float;
 *   f64_*  double: exp and log within 1 ULP; what is named mid_* is only good to about 2^-42, enough to round to float.
 * VM_FMA says that fma() is one instruction; results may differ in the last bit between instruction sets. */
#ifndef RUSHLIGHT_VMATH_H
#define RUSHLIGHT_VMATH_H

#include <math.h>
#include <stdint.h>

#ifdef VM_FMA
#define FMAF(a, b, c) __builtin_fmaf(a, b, c)
#define FMAD(a, b, c) __builtin_fma(a, b, c)
#else
#define FMAF(a, b, c) ((a) * (b) + (c))
#define FMAD(a, b, c) ((a) * (b) + (c))
#endif
#define VM static inline __attribute__((always_inline, unused))

VM int32_t f32_bits(float x) { union { float f; int32_t i; } u = {.f = x}; return u.i; }
VM float f32_from(int32_t i) { union { float f; int32_t i; } u = {.i = i}; return u.f; }
VM int64_t f64_bits(double x) { union { double f; int64_t i; } u = {.f = x}; return u.i; }
VM double f64_from(int64_t i) { union { double f; int64_t i; } u = {.i = i}; return u.f; }
VM float f32_abs(float x) { return f32_from(f32_bits(x) & 0x7fffffff); }
VM double f64_abs(double x) { return f64_from(f64_bits(x) & INT64_MAX); }
VM float f32_sign_of(float size, float sign) { return f32_from(f32_bits(size) | (f32_bits(sign) & INT32_MIN)); }  /* size >= 0 */
VM double f64_sign_of(double size, double sign) { return f64_from(f64_bits(size) | (f64_bits(sign) & INT64_MIN)); }

#define F32_ROUND 0x1.8p23f   /* adding it rounds to an integer, which then sits in the low bits */
#define F64_ROUND 0x1.8p52
#define LN2 0x1.62e42fefa39efp-1
#define PI_2 0x1.921fb54442d18p+0

/* ---- exp: x = n ln2 + r, e^x = 2^n (1 + r + r^2 q(r)) ---------------------------------------------------------- */

VM float f32_exp_q(float r) {   /* (e^r - 1 - r) / r^2 on |r| <= ln2/2, 2^-34 */
    float q = 0x1.a1b48ep-13f;
    q = FMAF(q, r, 0x1.6d9e72p-10f);
    q = FMAF(q, r, 0x1.11080ep-7f);
    q = FMAF(q, r, 0x1.555478p-5f);
    q = FMAF(q, r, 0x1.555556p-3f);
    return FMAF(q, r, 0.5f);
}

VM float f32_exp(float x) {
    float z = x < -104.0f ? 0.0f : x;   /* a product that ends below the subnormals is slow on its way to 0, and masks are full of -inf */
    z = z > 90.0f ? 90.0f : z;
    float t = FMAF(z, 0x1.715476p+0f, F32_ROUND), n = t - F32_ROUND;
    float r = FMAF(n, 0x1.bd0106p-13f, FMAF(n, -0x1.63p-1f, z));
    float e = 1.0f + FMAF(r * r, f32_exp_q(r), r);
    int32_t k = f32_bits(t) - f32_bits(F32_ROUND), half = k >> 1;   /* 2^k in two steps: the result may be subnormal */
    float y = e * f32_from((half + 127) << 23) * f32_from((k - half + 127) << 23);
    return x < -104.0f ? 0.0f : y;
}

VM float f32_exp_small(float x) {   /* for |x| <= 80 or so, and NaN: neither overflow nor subnormal results to think of */
    float t = FMAF(x, 0x1.715476p+0f, F32_ROUND), n = t - F32_ROUND;
    float r = FMAF(n, 0x1.bd0106p-13f, FMAF(n, -0x1.63p-1f, x));
    float s = f32_from((int32_t)(((uint32_t)f32_bits(t) << 23) + (127u << 23)));   /* the low bits of t are n */
    return FMAF(s, FMAF(r * r, f32_exp_q(r), r), s);
}

VM bool f32_exp_beyond(float x) { return !(f32_abs(x) < 87.0f); }   /* what _near forms are not for; where they are, both give the same */
VM float f32_exp_near(float x) { return f32_exp_small(x); }

VM float f32_exp_below(float x) {   /* for x <= 0 and NaN: half of the work, but what would be subnormal is 0 */
    float y = f32_exp_small(x < -87.0f ? 0.0f : x);
    return x < -87.0f ? 0.0f : y;
}

VM float f32_expm1_small(float x) {   /* for 0 <= x <= 25 or so: no overflow to think of */
    float t = FMAF(x, 0x1.715476p+0f, F32_ROUND), n = t - F32_ROUND;
    float r = FMAF(n, 0x1.bd0106p-13f, FMAF(n, -0x1.63p-1f, x));
    float s = f32_from((f32_bits(t) - f32_bits(F32_ROUND) + 127) << 23);
    float p = FMAF(r * r, f32_exp_q(r), r);
    return FMAF(s, p, s - 1.0f);
}

VM double f64_exp_q(double r) {   /* 2^-58 */
    double q = 0x1.af7e874b61334p-26;
    q = FMAD(q, r, 0x1.28b0b462f9049p-22);
    q = FMAD(q, r, 0x1.71dde472d5edep-19);
    q = FMAD(q, r, 0x1.a019961d1516dp-16);
    q = FMAD(q, r, 0x1.a01a01b8ac2e2p-13);
    q = FMAD(q, r, 0x1.6c16c185d5335p-10);
    q = FMAD(q, r, 0x1.111111110dd40p-7);
    q = FMAD(q, r, 0x1.555555554ff49p-5);
    q = FMAD(q, r, 0x1.555555555555fp-3);
    return FMAD(q, r, 0x1.000000000000cp-1);
}

VM double f64_exp(double x) {
    double z = x < -746.0 ? 0.0 : x;
    z = z > 710.0 ? 710.0 : z;
    double t = FMAD(z, 0x1.71547652b82fep+0, F64_ROUND), n = t - F64_ROUND;
    double r = FMAD(n, -0x1.a39ef35793c76p-33, FMAD(n, -0x1.62e42feep-1, z));
    double e = 1.0 + FMAD(r * r, f64_exp_q(r), r);
    int64_t k = f64_bits(t) - f64_bits(F64_ROUND);
    int64_t half = (int64_t)((uint64_t)(k + 4096) >> 1) - 2048;   /* AVX2 has no arithmetic shift of 64 bits */
    double y = e * f64_from((int64_t)((uint64_t)(half + 1023) << 52)) * f64_from((int64_t)((uint64_t)(k - half + 1023) << 52));
    return x < -746.0 ? 0.0 : y;
}

/* Of a double that was a float or little more: one step of scaling is enough, and 2^-39. */
VM double mid_exp(double x) {
    double z = x < -700.0 ? -700.0 : x;
    z = z > 700.0 ? 700.0 : z;
    double t = FMAD(z, 0x1.71547652b82fep+0, F64_ROUND), n = t - F64_ROUND, r = FMAD(n, -LN2, z);
    double q = 0x1.a18b9c01608cap-16;
    q = FMAD(q, r, 0x1.a187b1c55a881p-13);
    q = FMAD(q, r, 0x1.6c16226c7493dp-10);
    q = FMAD(q, r, 0x1.1110a0c9d9a6bp-7);
    q = FMAD(q, r, 0x1.5555558ab2bb8p-5);
    q = FMAD(q, r, 0x1.5555557ed32c1p-3);
    q = FMAD(q, r, 0x1.ffffffffeac64p-2);
    double s = f64_from((int64_t)(((uint64_t)f64_bits(t) << 52) + ((uint64_t)1023 << 52)));   /* the low bits of t are n */
    return FMAD(s, FMAD(r * r, q, r), s);
}

VM float f32_expm1(float x) {
    double d = x, y = mid_exp(d) - 1.0;
    return f64_abs(d) < 0x1p-12 ? FMAF(0.5f * x, x, x) : (float)y;
}

VM float f32_exp2(float x) {   /* the whole part is exact: only the rest is multiplied by ln2, in two parts */
    float z = x < -151.0f ? 0.0f : x;
    z = z > 129.0f ? 129.0f : z;
    float t = z + F32_ROUND, f = z - (t - F32_ROUND), r = FMAF(f, 0x1.62e430p-1f, f * -0x1.05c610p-29f);
    float e = 1.0f + FMAF(r * r, f32_exp_q(r), r);
    int32_t k = f32_bits(t) - f32_bits(F32_ROUND), half = k >> 1;
    float y = e * f32_from((half + 127) << 23) * f32_from((k - half + 127) << 23);
    return x < -151.0f ? 0.0f : y;
}

VM bool f32_exp2_beyond(float x) { return !(f32_abs(x) < 125.0f); }
VM float f32_exp2_near(float x) {
    float t = x + F32_ROUND, f = x - (t - F32_ROUND), r = FMAF(f, 0x1.62e430p-1f, f * -0x1.05c610p-29f);
    float s = f32_from((int32_t)(((uint32_t)f32_bits(t) << 23) + (127u << 23)));
    return FMAF(s, FMAF(r * r, f32_exp_q(r), r), s);
}

/* ---- log: x = 2^e m, m in [sqrt 1/2, sqrt 2] -------------------------------------------------------------------- */

VM float f32_log_q(float f) {   /* (log(1+f) - f + f^2/2) / f^3 on sqrt 1/2 <= 1 + f <= sqrt 2, 2^-30 */
    float q = 0x1.144ea4p-4f;
    q = FMAF(q, f, -0x1.de3534p-4f);
    q = FMAF(q, f, 0x1.e6f0b0p-4f);
    q = FMAF(q, f, -0x1.fc232cp-4f);
    q = FMAF(q, f, 0x1.233776p-3f);
    q = FMAF(q, f, -0x1.555c46p-3f);
    q = FMAF(q, f, 0x1.99a4b4p-3f);
    q = FMAF(q, f, -0x1.000006p-2f);
    return FMAF(q, f, 0x1.555548p-2f);
}

typedef struct VmLog { float e, f; } VmLog;   /* x = 2^e (1 + f) */

VM VmLog f32_split(float x) {
    float up = x < 0x1p-126f ? x * 0x1p23f : x;
    int32_t i = f32_bits(up) - 0x3f3504f3, k = i >> 23;
    return (VmLog){(float)k - (x < 0x1p-126f ? 23.0f : 0.0f), f32_from((i & 0x7fffff) + 0x3f3504f3) - 1.0f};
}

VM bool f32_log_beyond(float x) { return !(x >= 0x1p-126f && x < INFINITY); }
VM VmLog f32_split_near(float x) {
    int32_t i = f32_bits(x) - 0x3f3504f3, k = i >> 23;
    return (VmLog){(float)k, f32_from((i & 0x7fffff) + 0x3f3504f3) - 1.0f};
}

VM float f32_log_ends(float x, float y) {   /* y, but where x is no positive number */
    y = x == 0.0f ? -INFINITY : y;
    y = x < 0.0f ? NAN : y;
    return x < INFINITY ? y : x;   /* inf and NaN */
}

VM float f32_log_of(VmLog a) {
    float f = a.f, s = f * f, y = f * s * f32_log_q(f);
    y = FMAF(a.e, -0x1.bd0106p-13f, y);
    y = FMAF(s, -0.5f, y);
    return FMAF(a.e, 0x1.63p-1f, f + y);
}
VM float f32_log(float x) { return f32_log_ends(x, f32_log_of(f32_split(x))); }
VM float f32_log_near(float x) { return f32_log_of(f32_split_near(x)); }

VM double f64_log(double x) {
    double up = x < 0x1p-1022 ? x * 0x1p54 : x;
    uint64_t i = (uint64_t)f64_bits(up) - 0x3fe6a09e667f3bcdu;
    double f = f64_from((int64_t)((i & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu)) - 1.0;
    double e = f64_from((int64_t)(((i + 0x4000000000000000u) >> 52) | 0x4330000000000000u)) - (0x1p52 + 1024.0);
    e -= x < 0x1p-1022 ? 54.0 : 0.0;
    double s = f / (2.0 + f), z = s * s;
    double q = 0x1.2f0caa5112616p-3;   /* (log(1+f) - 2 s) / s^3, 2^-58 */
    q = FMAD(q, z, 0x1.39a10bcad5c9dp-3);
    q = FMAD(q, z, 0x1.7466454bceadbp-3);
    q = FMAD(q, z, 0x1.c71c51ec2051ep-3);
    q = FMAD(q, z, 0x1.2492494212e4cp-2);
    q = FMAD(q, z, 0x1.999999997fb77p-2);
    q = FMAD(q, z, 0x1.5555555555593p-1);
    double h = 0.5 * f * f;
    double y = e * 0x1.62e42feep-1 - ((h - (s * (h + z * q) + e * 0x1.a39ef35793c76p-33)) - f);
    y = x == 0.0 ? -(double)INFINITY : y;
    y = x < 0.0 ? (double)NAN : y;
    return x < (double)INFINITY ? y : x;
}

/* Of a positive double that was a float or little more, 2^-38. */
VM double mid_log(double x) {
    uint64_t i = (uint64_t)f64_bits(x) - 0x3fe6a09e667f3bcdu;
    double f = f64_from((int64_t)((i & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu)) - 1.0;
    double e = f64_from((int64_t)(((i + 0x4000000000000000u) >> 52) | 0x4330000000000000u)) - (0x1p52 + 1024.0);
    double q = -0x1.8a70ed10ae811p-5;
    q = FMAD(q, f, 0x1.7518a6686cf5fp-4);
    q = FMAD(q, f, -0x1.7c66fe9f75310p-4);
    q = FMAD(q, f, 0x1.725a6a99a5024p-4);
    q = FMAD(q, f, -0x1.9513cba090590p-4);
    q = FMAD(q, f, 0x1.c6dfcf7ca1b51p-4);
    q = FMAD(q, f, -0x1.001dd7c86b2f9p-3);
    q = FMAD(q, f, 0x1.2494c0f97826fp-3);
    q = FMAD(q, f, -0x1.5554a23331057p-3);
    q = FMAD(q, f, 0x1.99998b055d6d1p-3);
    q = FMAD(q, f, -0x1.000000c01fcb2p-2);
    q = FMAD(q, f, 0x1.55555560d8172p-2);
    double s = f * f;
    return FMAD(e, LN2, FMAD(f * s, q, FMAD(s, -0.5, f)));
}

/* The factor is taken in two parts: f times the larger one decides the last bit. */
VM float f32_log2_of(VmLog a) {
    float f = a.f, s = f * f, rest = FMAF(f * s, f32_log_q(f), -0.5f * s);
    return f + FMAF(f, 0x1.c551dap-2f, rest * 0x1.715476p+0f) + a.e;
}
#define f32_log2_beyond f32_log_beyond
VM float f32_log2(float x) { return f32_log_ends(x, f32_log2_of(f32_split(x))); }
VM float f32_log2_near(float x) { return f32_log2_of(f32_split_near(x)); }

#ifdef VM_FMA
VM float f32_log10_of(VmLog a) {
    float f = a.f, s = f * f, rest = FMAF(f * s, f32_log_q(f), -0.5f * s);
    float y = FMAF(a.e, 0x1.3509f8p-18f, FMAF(f, -0x1.09d5b2p-15f, rest * 0x1.bcb7b2p-2f));
    return FMAF(a.e, 0x1.344p-2f, FMAF(f, 0x1.bccp-2f, y));
}
VM float f32_log10(float x) { return f32_log_ends(x, f32_log10_of(f32_split(x))); }
VM float f32_log10_near(float x) { return f32_log10_of(f32_split_near(x)); }
#else    /* the larger product needs more bits than a float has */
VM float f32_log10(float x) { return (float)(f64_log(x) * 0x1.bcb7b1526e50ep-2); }
#define f32_log10_near f32_log10
#endif

#define f32_log10_beyond f32_log_beyond

VM float f32_log1p(float x) {   /* log of 1 + x and what that rounding lost */
    float u = 1.0f + x, b = u - 1.0f, lost = (1.0f - (u - b)) + (x - b);
    VmLog a = f32_split(u);
    bool high = a.e > 24.0f;
    float f = FMAF(high ? 0.0f : lost, f32_from((127 - (int32_t)(high ? 0.0f : a.e)) << 23), a.f), s = f * f, y = f * s * f32_log_q(f);
    y = FMAF(a.e, -0x1.bd0106p-13f, y);
    y = FMAF(s, -0.5f, y);
    y = FMAF(a.e, 0x1.63p-1f, f + y);
    y = f32_log_ends(u, y);
    return f32_abs(x) < 0x1p-20f ? FMAF(-0.5f * x, x, x) : y;
}

VM float f32_log1p_unit(float z) {   /* for 0 <= z <= 1 and NaN: no reduction, 2^-27 */
    float q = -0x1.b174b4p-9f;
    q = FMAF(q, z, 0x1.4a2bf0p-6f);
    q = FMAF(q, z, -0x1.d790aep-5f);
    q = FMAF(q, z, 0x1.b50d30p-4f);
    q = FMAF(q, z, -0x1.3a59dap-3f);
    q = FMAF(q, z, 0x1.93511cp-3f);
    q = FMAF(q, z, -0x1.ff249ep-3f);
    q = FMAF(q, z, 0x1.554dd4p-2f);
    q = FMAF(q, z, -0x1.ffffd2p-2f);
    return FMAF(q, z * z, z);
}

VM float f32_log1pexp(float x) { return (x > 0.0f ? x : 0.0f) + f32_log1p_unit(f32_exp(-f32_abs(x))); }   /* log(1 + e^x) */

/* log(x / (1 - x)): beside the quotient goes what its rounding and that of 1 - x lost. */
VM float f32_log_odds(float x) {
    float d = 1.0f - x, r = 1.0f / d, q = x * r, lost = FMAF(-q, (1.0f - d) - x, FMAF(-q, d, x)) * r;
    VmLog a = f32_split(q);
    bool small = a.e > -60.0f && a.e < 60.0f;
    a.f = FMAF(small ? lost : 0.0f, f32_from((127 - (int32_t)(small ? a.e : 0.0f)) << 23), a.f);
    return f32_log_ends(q, f32_log_of(a));
}

VM bool f32_log_odds_beyond(float x) { return !(x > 0x1p-20f && x < 1.0f - 0x1p-20f); }
VM float f32_log_odds_near(float x) {
    float d = 1.0f - x, r = 1.0f / d, q = x * r, lost = FMAF(-q, (1.0f - d) - x, FMAF(-q, d, x)) * r;
    VmLog a = f32_split_near(q);
    a.f = FMAF(lost, f32_from((127 - (int32_t)a.e) << 23), a.f);
    return f32_log_of(a);
}

/* ---- tanh, sigmoid and their kin -------------------------------------------------------------------------------- */

VM float f32_tanh(float x) {
    float a = f32_abs(x);
    float e = f32_expm1_small(a > 10.0f ? 20.0f : a + a), y = e / (e + 2.0f);
    y = f32_sign_of(f32_abs(y), x);
    return x == x ? (a < 0x1p-13f ? x : y) : x;
}

VM float f32_sigmoid(float x) {
    float z = f32_exp(-f32_abs(x));
    return (x < 0.0f ? z : 1.0f) / (1.0f + z);
}

#define f32_sigmoid_beyond f32_exp_beyond
VM float f32_sigmoid_near(float x) {
    float z = f32_exp_small(-f32_abs(x));
    return (x < 0.0f ? z : 1.0f) / (1.0f + z);
}

VM double f64_sigmoid(double x) {
    double z = f64_exp(-f64_abs(x));
    return (x < 0.0 ? z : 1.0) / (1.0 + z);
}

/* e^x = 2^n (c + s) and e^-x = 2^-n (c - s), where c and s are the cosine and sine of the remainder, by their series. */
typedef struct VmSides { double sum, difference, c, s; } VmSides;   /* (2^n + 2^-n) / 2, (2^n - 2^-n) / 2 */

VM VmSides mid_sides(float x) {
    double d = x > 100.0f ? 100.0f : x < -100.0f ? -100.0f : x;
    double t = FMAD(d, 0x1.71547652b82fep+0, F64_ROUND), n = t - F64_ROUND, r = FMAD(n, -LN2, d), z = r * r;
    uint64_t k = (uint64_t)f64_bits(t) << 52, one = (uint64_t)1022 << 52;
    double up = f64_from((int64_t)(one + k)), down = f64_from((int64_t)(one - k));
    double c = 1.0 / 3628800, s = 1.0 / 39916800;
    c = FMAD(c, z, 1.0 / 40320);
    c = FMAD(c, z, 1.0 / 720);
    c = FMAD(c, z, 1.0 / 24);
    c = FMAD(c, z, 0.5);
    s = FMAD(s, z, 1.0 / 362880);
    s = FMAD(s, z, 1.0 / 5040);
    s = FMAD(s, z, 1.0 / 120);
    s = FMAD(s, z, 1.0 / 6);
    return (VmSides){up + down, up - down, FMAD(c, z, 1.0), FMAD(s, z * r, r)};
}

VM float f32_sinh(float x) {
    VmSides a = mid_sides(x);
    float y = (float)FMAD(a.sum, a.s, a.difference * a.c);
    return f32_abs(x) < 0x1p-13f ? x : y;
}

VM float f32_cosh(float x) {
    VmSides a = mid_sides(x);
    return (float)FMAD(a.sum, a.c, a.difference * a.s);
}

VM float f32_asinh(float x) {
    double a = f64_abs(x), y = mid_log(a + sqrt(FMAD(a, a, 1.0)));
    float f = f32_sign_of((float)y, x);
    return a < 0x1p-12 ? FMAF(x * x, x * -0.16666667f, x) : f32_abs(x) < INFINITY ? f : x;
}

VM float f32_acosh(float x) {
    double d = x, y = mid_log(d + sqrt((d - 1.0) * (d + 1.0)));
    float f = (float)y;
    return x < 1.0f ? NAN : x < INFINITY ? f : x;
}

VM float f32_atanh(float x) {
    double a = f64_abs(x), y = 0.5 * mid_log((1.0 + a) / (1.0 - a));
    float f = f32_sign_of(f32_abs((float)y), x);
    f = f32_abs(x) < 1.0f ? f : f32_abs(x) == 1.0f ? f32_sign_of(INFINITY, x) : NAN;
    return f32_abs(x) < 0x1p-12f ? FMAF(x * x, x * 0.33333333f, x) : f;
}

/* ---- circular functions of float arguments; sizes up to MID_TRIG_LIMIT ------------------------------------------- */

#define MID_TRIG_LIMIT 0x1p17f   /* beyond it the loops over these call libm */

VM double mid_sin_poly(double r) {   /* |r| <= pi/4, 2^-47 */
    double z = r * r, p = -0x1.a965c5d43ac42p-26;
    p = FMAD(p, z, 0x1.71d779f5903dfp-19);
    p = FMAD(p, z, -0x1.a019f954fdae6p-13);
    p = FMAD(p, z, 0x1.1111110c9e847p-7);
    p = FMAD(p, z, -0x1.55555555523c3p-3);
    return FMAD(p * z, r, r);
}

VM double mid_cos_poly(double r) {
    double z = r * r, p = 0x1.1bc6faa054361p-29;
    p = FMAD(p, z, -0x1.27e02821aebe2p-22);
    p = FMAD(p, z, 0x1.a019faa536681p-16);
    p = FMAD(p, z, -0x1.6c16c167671a9p-10);
    p = FMAD(p, z, 0x1.55555555530e7p-5);
    return FMAD(p * z, z, FMAD(-0.5, z, 1.0));
}

typedef struct VmTurnD { double r; int64_t quadrant; } VmTurnD;

VM VmTurnD mid_turn(double x) {   /* pi/2 in three parts of 33 bits: n times the first two is exact */
    double t = x * 0x1.45f306dc9c883p-1 + F64_ROUND, n = t - F64_ROUND;
    double r = ((x - n * 0x1.921fb54400000p+0) - n * 0x1.0b4611a600000p-34) - n * 0x1.3198a2e037073p-69;
    return (VmTurnD){r, f64_bits(t)};
}

VM double mid_sincos(VmTurnD t, int64_t shift) {
    int64_t quadrant = t.quadrant + shift;
    double s = mid_sin_poly(t.r), c = mid_cos_poly(t.r), y = quadrant & 1 ? c : s;
    return f64_from(f64_bits(y) ^ (int64_t)((uint64_t)(quadrant & 2) << 62));
}

VM double mid_atan_unit(double x) {   /* 0 <= x <= 1, 2^-42 */
    double z = x * x, p = 0x1.7e9284f7384d8p-13;
    p = FMAD(p, z, -0x1.96a0b57932300p-10);
    p = FMAD(p, z, 0x1.968637f54c7cap-8);
    p = FMAD(p, z, -0x1.01b37f181d97fp-6);
    p = FMAD(p, z, 0x1.db648ee2057cap-6);
    p = FMAD(p, z, -0x1.5ee19dabb8d34p-5);
    p = FMAD(p, z, 0x1.c197d6a9251b3p-5);
    p = FMAD(p, z, -0x1.0c3c67b6e4995p-4);
    p = FMAD(p, z, 0x1.3a088c796da1ep-4);
    p = FMAD(p, z, -0x1.74350ddd0f5e6p-4);
    p = FMAD(p, z, 0x1.c718840fc221cp-4);
    p = FMAD(p, z, -0x1.24922ba896825p-3);
    p = FMAD(p, z, 0x1.999998b8c8a27p-3);
    p = FMAD(p, z, -0x1.55555554284d1p-2);
    return FMAD(p * z, x, x);
}

#ifdef VM_FMA
/* x - n pi/2 with pi/2 in three floats.  The first step loses nothing: both terms are whole multiples of 2^-24, the rest is below 1. */
typedef struct VmTurn { float r, low; int32_t quadrant; } VmTurn;

VM VmTurn f32_turn(float x) {
    float t = FMAF(x, 0x1.45f306p-1f, F32_ROUND), n = t - F32_ROUND;
    float a = FMAF(-n, 0x1.921fb6p+0f, x), p = n * -0x1.777a5cp-25f, r = a - p;
    return (VmTurn){r, ((a - r) - p) - FMAF(n, -0x1.777a5cp-25f, -p) + n * 0x1.ee59dap-50f, f32_bits(t)};
}

VM float f32_sin_poly(VmTurn t, float z) {   /* 2^-28 */
    float p = -0x1.9918fcp-13f;
    p = FMAF(p, z, 0x1.1106c0p-7f);
    p = FMAF(p, z, -0x1.555544p-3f);
    return t.r + FMAF(p, z * t.r, t.low);
}

VM float f32_cos_poly(VmTurn t, float z) {   /* 2^-33 */
    float p = 0x1.99deecp-16f;
    p = FMAF(p, z, -0x1.6c0c16p-10f);
    p = FMAF(p, z, 0x1.55554ap-5f);
    float half = 0.5f * z, top = 1.0f - half, rest = (1.0f - top) - half;   /* what rounding 1 - z / 2 lost, and z before */
    return top + FMAF(p, z * z, rest - FMAF(t.r, t.low, 0.5f * FMAF(t.r, t.r, -z)));
}

VM float f32_sincos(float x, int32_t shift) {
    VmTurn t = f32_turn(x);
    float z = t.r * t.r, s = f32_sin_poly(t, z), c = f32_cos_poly(t, z);
    int32_t quadrant = t.quadrant + shift;
    return f32_from(f32_bits(quadrant & 1 ? c : s) ^ (int32_t)((uint32_t)(quadrant & 2) << 30));
}

VM float f32_sin(float x) {
    float y = f32_sincos(x, 0);
    return x == 0.0f ? x : y;
}
VM float f32_cos(float x) { return f32_sincos(x, 1); }

VM float f32_tan(float x) {
    VmTurn t = f32_turn(x);
    float r = t.r, z = r * r, p = 0x1.273ddcp-8f;   /* 2^-29 */
    p = FMAF(p, z, -0x1.57a36ap-13f);
    p = FMAF(p, z, 0x1.6961f0p-7f);
    p = FMAF(p, z, 0x1.5b8680p-6f);
    p = FMAF(p, z, 0x1.baf6dap-5f);
    p = FMAF(p, z, 0x1.110d04p-3f);
    p = FMAF(p, z, 0x1.555562p-2f);
    float c = FMAF(p, z * r, FMAF(z, t.low, t.low)), y = r + c, low = (r - y) + c, q = -1.0f / y;
    q = FMAF(q, FMAF(q, low, FMAF(q, y, 1.0f)), q);
    y = t.quadrant & 1 ? q : y;
    return x == 0.0f ? x : y;
}

VM float f32_atan_rest(float u) {   /* atan(u) - u on 0 <= u <= 1, 2^-28 of the result */
    float z = u * u, p = -0x1.d49f72p-10f;
    p = FMAF(p, z, 0x1.64c51cp-7f);
    p = FMAF(p, z, -0x1.fdfe82p-6f);
    p = FMAF(p, z, 0x1.da5faep-5f);
    p = FMAF(p, z, -0x1.581584p-4f);
    p = FMAF(p, z, 0x1.c08f68p-4f);
    p = FMAF(p, z, -0x1.2420b6p-3f);
    p = FMAF(p, z, 0x1.9991e6p-3f);
    p = FMAF(p, z, -0x1.55553ep-2f);
    return p * (z * u);
}

VM float f32_before(float whole, float whole_low, float u, float rest) {   /* whole - (u + rest), whole > u */
    float y = whole - u;
    return y + (((whole - y) - u) + (whole_low - rest));
}

VM float f32_atan(float x) {
    float a = f32_abs(x), u = a > 1.0f ? 1.0f / a : a, rest = f32_atan_rest(u);
    float y = a > 1.0f ? f32_before(0x1.921fb6p+0f, -0x1.777a5cp-25f, u, rest) : u + rest;
    return x == x ? f32_sign_of(f32_abs(y), x) : x;
}

VM float f32_asin_rest(float x, float z) {   /* asin(x) - x on |x| <= 1/2, z its square, 2^-27 of the result */
    float p = 0x1.59da46p-5f;
    p = FMAF(p, z, 0x1.8ba7eep-6f);
    p = FMAF(p, z, 0x1.748b2ep-5f);
    p = FMAF(p, z, 0x1.330164p-4f);
    p = FMAF(p, z, 0x1.5555cap-3f);
    return p * (z * x);
}

VM float f32_asin(float x) {
    float a = f32_abs(x);
    bool far = a > 0.5f;
    float z = far ? FMAF(-0.5f, a, 0.5f) : a * a, u = far ? sqrtf(z) : a, rest = f32_asin_rest(u, z);
    float y = far ? f32_before(0x1.921fb6p+0f, -0x1.777a5cp-25f, u + u, rest + rest) : u + rest;
    return a <= 1.0f ? f32_sign_of(f32_abs(y), x) : NAN;
}

VM float f32_acos(float x) {
    float a = f32_abs(x);
    bool far = a > 0.5f, left = f32_bits(x) < 0;
    float z = far ? FMAF(-0.5f, a, 0.5f) : a * a, u = far ? sqrtf(z) : x, rest = f32_asin_rest(u, z);
    u = far ? u + u : u;
    rest = far ? rest + rest : rest;
    float y = far && !left ? u + rest : f32_before(far ? 0x1.921fb6p+1f : 0x1.921fb6p+0f, far ? -0x1.777a5cp-24f : -0x1.777a5cp-25f, u, rest);
    return a <= 1.0f ? y : NAN;
}
#else   /* without fused multiply-add: in double */
VM float f32_sin(float x) {
    float y = (float)mid_sincos(mid_turn(x), 0);
    return x == 0.0f ? x : y;
}
VM float f32_cos(float x) { return (float)mid_sincos(mid_turn(x), 1); }
VM float f32_tan(float x) {
    VmTurnD t = mid_turn(x);
    float y = (float)(mid_sincos(t, 0) / mid_sincos(t, 1));
    return x == 0.0f ? x : y;
}

VM float f32_atan(float x) {
    double a = f64_abs(x), big = a > 1.0 ? 1.0 : 0.0, y = mid_atan_unit(a > 1.0 ? 1.0 / a : a);
    y = big != 0.0 ? PI_2 - y : y;
    float f = f32_sign_of(f32_abs((float)y), x);
    return x == x ? f : x;
}

VM double mid_asin_half(double x) {   /* |x| <= 1/2, 2^-47 */
    double z = x * x, p = 0x1.028b6f1095eb5p-5;
    p = FMAD(p, z, -0x1.e2e845e9420a1p-8);
    p = FMAD(p, z, 0x1.26078f0b2641ap-6);
    p = FMAD(p, z, 0x1.9b2837c0b6929p-7);
    p = FMAD(p, z, 0x1.1f88f9079c330p-6);
    p = FMAD(p, z, 0x1.6e431ea0885adp-6);
    p = FMAD(p, z, 0x1.f1cb04b6a7091p-6);
    p = FMAD(p, z, 0x1.6db6cc04e3b82p-5);
    p = FMAD(p, z, 0x1.33333351325e3p-4);
    p = FMAD(p, z, 0x1.555555554127cp-3);
    return FMAD(p * z, x, x);
}

VM double mid_asin(double x) {
    double a = f64_abs(x), t = a > 0.5 ? sqrt(0.5 - 0.5 * a) : a, y = mid_asin_half(t);
    y = a > 0.5 ? PI_2 - 2.0 * y : y;
    return f64_sign_of(f64_abs(y), x);
}

VM float f32_asin(float x) { float y = (float)mid_asin(x); return f32_abs(x) <= 1.0f ? y : NAN; }

VM float f32_acos(float x) {
    double a = f64_abs(x), big = 2.0 * mid_asin_half(sqrt(0.5 - 0.5 * a)), y = a > 0.5 ? big : PI_2 - mid_asin_half(a);
    y = f32_bits(x) < 0 ? 2.0 * PI_2 - y : y;
    float f = (float)y;
    return f32_abs(x) <= 1.0f ? f : NAN;
}
#endif

/* sin(pi x) / (pi x), and its derivative: x less the nearest half is exact. */
typedef struct VmSinc { double z, sin, cos; } VmSinc;

VM VmSinc mid_sincpi(double x) {
    double t = FMAD(x, 2.0, F64_ROUND), r = FMAD(t - F64_ROUND, -0.5, x) * (2.0 * PI_2), s = mid_sin_poly(r), c = mid_cos_poly(r);
    int64_t quadrant = f64_bits(t), flip = (int64_t)((uint64_t)(quadrant & 2) << 62), next = (int64_t)((uint64_t)((quadrant + 1) & 2) << 62);
    return (VmSinc){x * (2.0 * PI_2), f64_from(f64_bits(quadrant & 1 ? c : s) ^ flip), f64_from(f64_bits(quadrant & 1 ? s : c) ^ next)};
}

VM float f32_sinc(float x) {
    VmSinc a = mid_sincpi(f32_abs(x) < 0x1p24f ? x : 1.0);   /* all larger ones are whole */
    float y = (float)(a.sin / a.z);
    return x == 0.0f ? 1.0f : f32_abs(x) < INFINITY ? y : NAN;
}

VM float f32_dsinc(float x) {
    bool small = f32_abs(x) < 0x1p-5f;
    VmSinc a = mid_sincpi(f32_abs(x) < 0x1p24f ? small ? 0.5 : x : 1.0);
    double d = x, z = d * (2.0 * PI_2), w = z * z, near = -(1.0 / 3) * z * (2.0 * PI_2) * FMAD(w, FMAD(w, 1.0 / 280, -0.1), 1.0);
    float y = (float)(FMAD(a.z, a.cos, -a.sin) / (a.z * d));
    return small ? (float)near : f32_abs(x) < INFINITY ? y : NAN;
}

VM float f32_atan2(float y, float x) {
    double a = f64_abs(x), b = f64_abs(y), top = a > b ? a : b, low = a > b ? b : a;
    double q = top == 0.0 ? 0.0 : low == top ? 1.0 : low / top, r = mid_atan_unit(q);
    r = b > a ? PI_2 - r : r;
    r = f32_bits(x) < 0 ? 2.0 * PI_2 - r : r;
    float f = f32_sign_of((float)r, y);
    return x == x && y == y ? f : x + y;
}

/* ---- error function ---------------------------------------------------------------------------------------------- */

VM float f32_erf_small(float z) {   /* erf(x) / x - 1 on z = x^2 < 1, 2^-29: without the 1, one rounding less */
    float p = 0x1.4ae4a4p-14f;
    p = FMAF(p, z, -0x1.a485d8p-11f);
    p = FMAF(p, z, 0x1.5419f2p-8f);
    p = FMAF(p, z, -0x1.b7fbb4p-6f);
    p = FMAF(p, z, 0x1.ce2d20p-4f);
    p = FMAF(p, z, -0x1.81273ep-2f);
    return FMAF(p, z, 0x1.06eba8p-3f);
}

VM float f32_erf(float x) {
    float a = f32_abs(x), p = f32_erf_small(x * x);
    float t = a > 4.0f ? 4.0f : a, q = 0x1.6bce54p-16f;     /* -log(erfc(x)) on 1 <= x <= 4, 2^-35 absolute in erf */
    q = FMAF(q, t, -0x1.cebee0p-12f);
    q = FMAF(q, t, 0x1.138a82p-8f);
    q = FMAF(q, t, -0x1.9d0180p-6f);
    q = FMAF(q, t, 0x1.bc147cp-4f);
    q = FMAF(q, t, 0x1.443578p-1f);
    q = FMAF(q, t, 0x1.212c08p+0f);
    q = FMAF(q, t, -0x1.8a3726p-13f);
    float y = a < 1.0f ? FMAF(p, a, a) : 1.0f - f32_exp_small(-q);
    y = f32_sign_of(f32_abs(y), x);
    return x == x ? y : x;
}

/* The normal distribution function is e^(-t q(t)) / 2 at -t: q to 2^-29 absolute in the result, up to where that is all there is. */
VM float f32_normal_tail_near(float z) {
    float q = -0x1.6b6eb8p-22f;
    q = FMAF(q, z, 0x1.ae582ap-18f);
    q = FMAF(q, z, -0x1.aaccb4p-15f);
    q = FMAF(q, z, 0x1.97425ap-13f);
    q = FMAF(q, z, -0x1.95d016p-18f);
    q = FMAF(q, z, -0x1.3b1848p-8f);
    q = FMAF(q, z, 0x1.29c084p-5f);
    q = FMAF(q, z, 0x1.45f274p-2f);
    q = FMAF(q, z, 0x1.988458p-1f);
    return 0.5f * f32_exp_small(-z * q);
}

VM float f32_normal_tail(float t) {
    float y = f32_normal_tail_near(t > 5.8f ? 5.8f : t);
    return t > 5.8f ? 0.0f : y;
}

VM bool f32_gelu_beyond(float x) { return !(f32_abs(x) <= 5.8f); }
VM float f32_gelu_near(float x) {
    float tail = f32_normal_tail_near(f32_abs(x));
    return x * (x > 0.0f ? 1.0f - tail : tail);
}
VM float f32_gelu(float x) {
    float tail = f32_normal_tail(f32_abs(x));
    return x * (x > 0.0f ? 1.0f - tail : tail);
}

VM float f32_dgelu(float x) {
    float tail = f32_normal_tail(f32_abs(x));
    return (x > 0.0f ? 1.0f - tail : tail) + x * (0.3989423f * f32_exp_below(-0.5f * x * x));
}

#ifdef VM_FMA
VM float f32_erfc_poly(float s) {   /* erfc(t) e^(t^2) / s, where s = 1 / (1 + t / 2), 2^-28 */
    float p = -0x1.f754b0p-6f;
    p = FMAF(p, s, 0x1.1889f6p-4f);
    p = FMAF(p, s, 0x1.e9746ap-5f);
    p = FMAF(p, s, -0x1.12ac92p-2f);
    p = FMAF(p, s, 0x1.32709ep-3f);
    p = FMAF(p, s, 0x1.4280d4p-6f);
    p = FMAF(p, s, 0x1.8aa058p-3f);
    p = FMAF(p, s, 0x1.f44c58p-3f);
    p = FMAF(p, s, 0x1.21175ap-2f);
    return FMAF(p, s, 0x1.20db50p-2f);
}

VM float f32_erfc_tail(float t, float square, float lost) {   /* erfc(t), where t^2 is square and lost, 0 <= t <= 10.1 */
    float d = FMAF(0.5f, t, 1.0f), s = 1.0f / d, g = f32_erfc_poly(s) * s, more = FMAF(-s, d, 1.0f) - lost;   /* what s and the square lost */
    float k = FMAF(square, -0x1.715476p+0f, F32_ROUND), n = k - F32_ROUND, r = FMAF(n, 0x1.bd0106p-13f, FMAF(n, -0x1.63p-1f, -square));
    float f = FMAF(r * r, f32_exp_q(r), r);
    int32_t whole = f32_bits(k) - f32_bits(F32_ROUND), half = whole >> 1;      /* goes with the exponential, e^(-t^2) = 2^n (1 + f) */
    return FMAF(FMAF(more, 1.0f + f, f), g, g) * f32_from((half + 127) << 23) * f32_from((whole - half + 127) << 23);
}

VM float f32_erfc_tail_near(float t, float square, float lost) {   /* up to 9, where nothing is subnormal */
    float d = FMAF(0.5f, t, 1.0f), s = 1.0f / d, g = f32_erfc_poly(s) * s, more = FMAF(-s, d, 1.0f) - lost;
    float k = FMAF(square, -0x1.715476p+0f, F32_ROUND), n = k - F32_ROUND, r = FMAF(n, 0x1.bd0106p-13f, FMAF(n, -0x1.63p-1f, -square));
    float f = FMAF(r * r, f32_exp_q(r), r);
    return FMAF(FMAF(more, 1.0f + f, f), g, g) * f32_from((int32_t)(((uint32_t)f32_bits(k) << 23) + (127u << 23)));
}

VM bool f32_erfc_beyond(float x) { return !(f32_abs(x) < 9.0f); }
VM float f32_erfc_near(float x) {
    float t = f32_abs(x), square = t * t, big = f32_erfc_tail_near(t, square, FMAF(t, t, -square));
    return t < 0.75f ? 1.0f - FMAF(f32_erf_small(square), x, x) : x < 0.0f ? 2.0f - big : big;
}

VM float f32_erfc(float x) {
    float a = f32_abs(x), t = a > 10.1f ? 10.1f : a, square = t * t, big = f32_erfc_tail(t, square, FMAF(t, t, -square));
    float y = a < 0.75f ? 1.0f - FMAF(f32_erf_small(x * x), x, x) : x < 0.0f ? 2.0f - big : big;
    return x == x ? y : x;
}
#else   /* the square needs more bits than a float has */
VM double mid_erfc(double x) {
    double a = f64_abs(x), z = a * a, small;
    small = 0x1.4ae4a4e551485p-14;
    small = FMAD(small, z, -0x1.a485d90747840p-11);
    small = FMAD(small, z, 0x1.5419f1804c49ap-8);
    small = FMAD(small, z, -0x1.b7fbb3b08fe78p-6);
    small = FMAD(small, z, 0x1.ce2d1f8507570p-4);
    small = FMAD(small, z, -0x1.81273ec9e531bp-2);
    small = FMAD(small, z, 0x1.20dd74ff15013p+0);
    double t = a > 11.0 ? 11.0 : a, u = (t - 2.0) / (t + 2.0), p = -0x1.04815b408b40fp-19;   /* erfc(x) e^(x^2) x, 2^-41 */
    p = FMAD(p, u, -0x1.18bf9e5e56f68p-16);
    p = FMAD(p, u, 0x1.e6a350634607dp-23);
    p = FMAD(p, u, 0x1.71eefdadd4276p-14);
    p = FMAD(p, u, 0x1.821a5206174d0p-14);
    p = FMAD(p, u, -0x1.49565784113d9p-12);
    p = FMAD(p, u, -0x1.89a2b049ce166p-11);
    p = FMAD(p, u, 0x1.27566f2b6e336p-10);
    p = FMAD(p, u, 0x1.39968e4721fc3p-8);
    p = FMAD(p, u, -0x1.ec8d210e09a07p-8);
    p = FMAD(p, u, -0x1.dac00ba3e02ddp-6);
    p = FMAD(p, u, 0x1.f1b9a3c49a07bp-4);
    p = FMAD(p, u, -0x1.a1791e405d1dbp-3);
    p = FMAD(p, u, 0x1.5672b9ea19bbap-3);
    p = FMAD(p, u, 0x1.058671b52b9efp-1);
    double big = f64_exp(-t * t) * p / t;
    double y = x < 0.0 ? 2.0 - big : big;
    y = a < 0.5 ? FMAD(-small, x, 1.0) : y;
    return x == x ? y : x;
}

VM float f32_erfc(float x) { return (float)mid_erfc(x); }
#define f32_erfc_near f32_erfc
#define f32_erfc_beyond(x) false
#endif

/* ---- powers -------------------------------------------------------------------------------------------------------- */

VM float f32_pow(float x, float y) {   /* one select at a time: && would keep the loop from being vector code */
    double a = f64_abs(x), l = mid_log(a);
    l = a == 0.0 ? -(double)INFINITY : l;
    l = a < (double)INFINITY ? l : a;
    double b = f64_abs(y), c = b < 0x1p24 ? b : 0x1p24, t = c + F64_ROUND;   /* what is larger is even */
    bool whole = t - F64_ROUND == c;
    int odd = whole & (int)(f64_bits(t) & 1);
    float size = (float)mid_exp(y * l), r = f32_from(f32_bits(size) ^ (f32_bits(x) & (odd ? INT32_MIN : 0)));
    float other = x < 0.0f ? NAN : r;
    other = x > -INFINITY ? other : r;
    r = whole ? r : other;
    r = x == 1.0f ? 1.0f : r;
    r = y == 0.0f ? 1.0f : r;
    other = b == (double)INFINITY ? 1.0f : r;
    return x == -1.0f ? other : r;
}

/* x 2^e; e is whole. */
VM float f32_ldexp(float x, float e) {
    float most = e > 400.0f ? 400.0f : e < -400.0f ? -400.0f : e;
    return (float)(x * f64_from((int64_t)((uint64_t)(int64_t)(int32_t)most << 52) + ((int64_t)1023 << 52)));
}

/* erfinv(x) / x is smooth in w = -log(1 - x^2) (Giles, "Approximating the erfinv function", 2010). */
VM float f32_erfinv_middle(float u) {   /* erfinv(x) / x, w = u + 2.5 up to 5, 2^-27 */
    float p = -0x1.2e0f6ap-27f;
    p = FMAF(p, u, 0x1.8f2260p-26f);
    p = FMAF(p, u, 0x1.f48c38p-22f);
    p = FMAF(p, u, -0x1.d0c1a4p-19f);
    p = FMAF(p, u, -0x1.4d15bap-18f);
    p = FMAF(p, u, 0x1.c9e6c8p-13f);
    p = FMAF(p, u, -0x1.486616p-10f);
    p = FMAF(p, u, -0x1.11c4ecp-8f);
    p = FMAF(p, u, 0x1.f91e8ap-3f);
    p = FMAF(p, u, 0x1.805c5ep+0f);
    return p;
}

VM bool f32_erfinv_beyond(float x) { return !(f32_abs(x) < 0.996f); }
VM float f32_erfinv_near(float x) { return f32_erfinv_middle(-f32_log_near((1.0f - x) * (1.0f + x)) - 2.5f) * x; }

VM float f32_erfinv(float x) {
    float square = (1.0f - x) * (1.0f + x), w = -f32_log(square > 0.0f ? square : 1.0f), v = sqrtf(w) - 0x1.90636ap+1f, q;
    q = 0x1.081426p-13f;
    q = FMAF(q, v, -0x1.688a3ep-13f);
    q = FMAF(q, v, -0x1.5217b6p-12f);
    q = FMAF(q, v, 0x1.5660acp-10f);
    q = FMAF(q, v, -0x1.479e4ep-9f);
    q = FMAF(q, v, 0x1.ea8e14p-9f);
    q = FMAF(q, v, -0x1.5863e4p-8f);
    q = FMAF(q, v, 0x1.cad372p-8f);
    q = FMAF(q, v, 0x1.00f680p+0f);
    q = FMAF(q, v, 0x1.7b0e06p+1f);   /* up to the last float before 1, 2^-27 */
    float y = (w < 5.0f ? f32_erfinv_middle(w - 2.5f) : q) * x;
    return f32_abs(x) < 1.0f ? y : x == 1.0f ? INFINITY : x == -1.0f ? -INFINITY : NAN;
}

VM float f32_hypot(float a, float b) {
    double x = a, y = b;
    float r = (float)sqrt(x * x + y * y);
    return (f32_abs(a) == INFINITY) | (f32_abs(b) == INFINITY) ? INFINITY : r;
}

VM float f32_nextafter(float a, float b) {
    int32_t i = f32_bits(a);
    float y = a == 0.0f ? f32_from((f32_bits(b) & INT32_MIN) | 1) : f32_from(i + ((a < b) == (i >= 0) ? 1 : -1));
    return a != a || b != b ? a + b : a == b ? b : y;
}

/* What is left of a / b where the quotient is near enough.  Exact: it has fewer bits than a double, so has its product with b. */
VM bool f32_near(float a, float b) { return f32_abs(a) < f32_abs(b) * 0x1p27f; }
VM float f32_fmod_near(float a, float b) {
    double d = a, q = (double)(int32_t)(d / b);
    return f32_sign_of(f32_abs((float)(q == 0.0 ? d : d - q * b)), a);   /* b may be infinite */
}
VM float f32_fmod(float a, float b) { return f32_near(a, b) ? f32_fmod_near(a, b) : fmodf(a, b); }

#endif
