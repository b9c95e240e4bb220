/* special.c -- special functions of double arguments, from their definitions: series where they converge fast, asymptotic
 * expansions where those do, trapezoidal sums of integral representations (exact to rounding, since the integrands are analytic and
 * decay doubly exponentially) and, where those are slow, quotients of polynomials fitted to 40 digits of the function: each says
 * between which bounds.  tests/test_special.py compares them with mpmath. */
#include "special.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static const double pi = 3.141592653589793, euler = 0.5772156649015329, sqrt_half = 0.7071067811865476, root_pi = 1.772453850905516;

/* Polynomials from the lowest power on. */
#define POLYNOMIAL_OF(c, x) polynomial(c, (int)(sizeof(c) / sizeof(c[0])), x)
static inline double polynomial(const double *c, int n, double x) {
    double y = c[n - 1];
    for (int i = n - 2; i >= 0; i--) y = y * x + c[i];
    return y;
}

double special_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* ---- digamma, polygamma, zeta ------------------------------------------------------------------------------------------ */

/* Bernoulli numbers B2, B4, ... */
static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330,
                                  854513.0 / 138, -236364091.0 / 2730};

/* 1 <= x <= 2: the root taken out, in two parts. */
static double digamma_middle(double x) {
    static const double c[] = {
        0.9510558760318328, -0.2118137106407303, 0.060135621060196744, -0.018550615381735115, 0.005936795278305649,
        -0.0019350666648590097, 0.0006368880303257201, -0.00021074841140458636, 6.995018873950506e-05, -2.325824239445257e-05,
        7.741232223504057e-06, -2.57809436305308e-06, 8.589127353033379e-07, -2.86315275846934e-07, 9.542050972688906e-08,
        -3.163020268955334e-08, 1.0542687624027994e-08, -3.7075072647122386e-09, 1.2358072433984831e-09, -2.7619635330317715e-10,
        9.206434499177992e-11, -8.498137230186096e-11, 2.832706668021759e-11};
    return ((x - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54) * POLYNOMIAL_OF(c, 2 * x - 3);
}

double special_digamma(double x) {
    if (x == 0) return copysign(INFINITY, -x);
    if (x < 0) {   /* reflection; the fraction first, so that large arguments keep their accuracy */
        double whole, part = modf(x, &whole);
        return part == 0 ? (double)NAN : special_digamma(1 - x) - pi / tan(pi * part);
    }
    if (x < 1) return digamma_middle(x + 1) - 1 / x;
    if (x < 10) {
        double sum = 0;
        for (; x > 2; x -= 1) sum += 1 / (x - 1);
        return sum + digamma_middle(x);
    }
    double z = 1 / (x * x), term = z, sum = 0;
    for (int k = 0; k < 8 && x < 1e17; k++, term *= z) sum += bernoulli[k] / (2 * k + 2) * term;
    return log(x) - 0.5 / x - sum;
}

/* Euler-Maclaurin after a few terms of the sum itself. */
double special_zeta(double s, double q) {
    if (s == 1) return INFINITY;
    if (s < 1 || q != q) return NAN;
    if (q <= 0) {
        if (q == floor(q)) return INFINITY;
        if (s != floor(s)) return NAN;
    }
    if (s != s) return NAN;
    double sum = 0;
    int n = 0;
    for (; n < 10 || q < 10; n++, q += 1) {
        double term = pow(q, -s);
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) return sum;
    }
    double power = pow(q, -s), factor = s / q;
    sum += q * power / (s - 1) + 0.5 * power;
        static const double ratio[] = {0.083333333333333333, -0.0013888888888888889, 3.3068783068783069e-5, -8.2671957671957672e-7, 2.0876756987868099e-8,
                                  -5.2841901386874932e-10, 1.3382536530684679e-11, -3.3896802963225829e-13, 8.5860620562778446e-15, -2.1748686985580619e-16,
                                  5.5090028283602295e-18, -1.3954464685812523e-19};     /* B2k / (2k)! */
    for (int k = 0; k < 12; k++) {   /* ... * s (s+1) ... (s+2k-2) * q^(-s-2k+1) */
        double term = ratio[k] * power * factor;
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) break;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q);
    }
    return sum;
}

static double trigamma(double x) {
    if (x < 0.5) {
        double s = sin(pi * x);
        return pi * pi / (s * s) - trigamma(1 - x);
    }
    double sum = 0;
    for (; x < 8; x += 1) sum += 1 / (x * x);
    double z = 1 / (x * x);
    return sum + 1 / x + z / 2 + z / x * POLYNOMIAL_OF(bernoulli, z);
}

double special_polygamma(int n, double x) {
    if (n == 0) return special_digamma(x);
    if (n == 1) return x == (double)INFINITY ? 0 : trigamma(x);
    return (n % 2 ? 1 : -1) * exp(special_lgamma(n + 1.0)) * special_zeta(n + 1, x);
}

/* ---- the error function's kin ----------------------------------------------------------------------------------------------- */

/* The x > 0 beyond which a share `tail` < 0.1 of the normal distribution lies, by the root r of -log(tail). */
static double far_quantile(double tail) {
        static const double middle_top[] = {1.2513729290570323, 4.385649553352741, 5.7825814974712777, 3.8753953139297383, 1.4708921390611643,
                                  0.32742403413323152, 0.041581415256613913, 0.0026494091803272113, 5.9136026940942804e-5};
        static const double middle_bottom[] = {1.0, 2.1188716370570926, 1.7977856263242862, 0.79092150344039709, 0.19514842174884187, 0.026807746793911563,
                                  0.0018109822224912945, 4.1813798611637468e-5};      /* 1.517 < r < 5, of r - 1.5 */
        static const double far_top[] = {6.6579046435011035, 5.5695120265414289, 1.8691396094468155, 0.32310585436400379, 0.030733759093343018,
                                  0.0015944687875740184, 4.2113460367304934e-5, 4.8579712565832833e-7, 1.7049400839350419e-9};
        static const double far_bottom[] = {1.0, 0.61571214492065595, 0.14608697073943646, 0.016861102223325322, 0.00098800609038954664, 2.8095974709992447e-5,
                                  3.3748369506278303e-7, 1.2055739260859346e-9};         /* 5 < r < 27.5, of r - 5 */
    double r = sqrt(-log(tail));
    if (r > 5) return POLYNOMIAL_OF(far_top, r - 5) / POLYNOMIAL_OF(far_bottom, r - 5);
    return POLYNOMIAL_OF(middle_top, r - 1.5) / POLYNOMIAL_OF(middle_bottom, r - 1.5);
}

/* The x up to which a share of 1/2 + q lies, |q| <= 0.4: odd in q, fitted in 0.16 - q^2. */
static double central_quantile(double q) {
        static const double top[] = {3.2038789138615012, 101.04600846671249, 1211.1944646420935, 6906.1254953424757, 19182.920156668345, 23762.393592502774,
                                  10205.167577283503, 678.20339467186717};
        static const double bottom[] = {1.0, 33.971422403127028, 446.72293586599424, 2870.2299515176672, 9366.6483234053255, 14649.445478152818,
                                  9224.8136370793716, 1480.6035735738839};
    double z = 0.16 - q * q;
    return q * POLYNOMIAL_OF(top, z) / POLYNOMIAL_OF(bottom, z);
}

double special_erfinv(double x) {
    double a = fabs(x);
    if (!(a < 1)) return a == 1 ? copysign(INFINITY, x) : (double)NAN;
    return a <= 0.8 ? central_quantile(x / 2) * sqrt_half : copysign(far_quantile((1 - a) / 2), x) * sqrt_half;
}

double special_erfcx(double x) {
    if (x < 25) {
        double square = x * x, rest = fma(x, x, -square);
        return x < -26.7 ? INFINITY : exp(square) * (1 + rest) * erfc(x);
    }
    double z = 0.5 / (x * x), sum = 1, term = 1;
    for (int k = 1; k < 8; k++) sum += term *= -(2 * k - 1) * z;
    return x > 1e150 ? 1 / (root_pi * x) : x != x ? x : sum / (root_pi * x);
}

/* In the tail exp(-x^2 / 2) with the square in two parts: its own rounding would be magnified by it. */
double special_ndtr(double x) {
    if (x >= -1 || x != x) return erfc(-x * sqrt_half) / 2;
    double square = x * x, rest = fma(x, x, -square);
    return x < -40 ? 0 : special_erfcx(-x * sqrt_half) / 2 * exp(-square / 2) * (1 - rest / 2);
}

double special_log_ndtr(double x) {
    double t = x * sqrt_half;
    return x < -1 ? log(special_erfcx(-t) / 2) - t * t : log1p(-erfc(t) / 2);
}

double special_ndtri(double p) {
    if (!(p > 0 && p < 1)) return p == 0 ? -(double)INFINITY : p == 1 ? INFINITY : (double)NAN;
    return p < 0.1 ? -far_quantile(p) : p > 0.9 ? far_quantile(1 - p) : central_quantile(p - 0.5);
}

/* ---- modified Bessel functions ------------------------------------------------------------------------------------------------ */

/* I_n(x) e^-x for n = 0, 1 and x >= 0: a series of positive terms, or the expansion for large x. */
static double bessel_i_scaled(int n, double x) {
    if (x <= 25) {
        long double z = (long double)x * x / 4, term = n ? x / 2 : 1, sum = term;
        for (int k = 1; term > 1e-18L * sum; k++) sum += term *= z / (k * (k + n));
        return (double)(sum * (long double)exp(-x));
    }
    double sum = 1, term = 1;
    for (int k = 1; k < 40; k++) {
        double next = term * -(4.0 * n * n - (2 * k - 1.0) * (2 * k - 1)) / (8 * k * x);
        if (fabs(next) > fabs(term) || fabs(next) < 1e-17) break;
        sum += term = next;
    }
    return x == (double)INFINITY ? 0 : sum / sqrt(2 * pi * x);
}

double special_i0e(double x) { return x != x ? x : bessel_i_scaled(0, fabs(x)); }
double special_i1e(double x) { return x != x ? x : copysign(bessel_i_scaled(1, fabs(x)), x); }
/* e^x in two factors: the result may be finite where e^x is not. */
double special_i0(double x) { return x != x ? x : exp(fabs(x) / 2) * (bessel_i_scaled(0, fabs(x)) * exp(fabs(x) / 2)); }
double special_i1(double x) { return x != x ? x : copysign(exp(fabs(x) / 2) * (bessel_i_scaled(1, fabs(x)) * exp(fabs(x) / 2)), x); }

/* K_nu(x) e^x = integral over t >= 0 of exp(-x (cosh t - 1)) cosh(nu t), as a trapezoidal sum. */
static double bessel_k_scaled(double nu, double x) {
    double h = fmin(0.125, 0.6 / sqrt(x)), sum = 0.5;
    for (int k = 1;; k++) {
        double t = k * h, s = sinh(t / 2), term = exp(-2 * x * s * s) * cosh(nu * t);
        sum += term;
        if (term < 1e-18 * sum) return sum * h;
    }
}

/* 0 < x <= 1: the series, K_0 = sum z^k / k!^2 (H_k - euler - log(x / 2)) and its like for K_1. */
static double bessel_k_small(int n, double x) {
        static const double i0[] = {1.0, 1.0, 0.25, 0.027777777777777778, 0.0017361111111111111, 6.9444444444444444e-5, 1.9290123456790123e-6,
                                  3.9367598891408415e-8, 6.1511873267825649e-10, 7.5940584281266233e-12, 7.5940584281266233e-14};
        static const double h0[] = {0.0, 1.0, 0.375, 0.050925925925925926, 0.0036168981481481481, 0.00015856481481481481, 4.7260802469135802e-6,
                                  1.0207455998272325e-7, 1.6718048413148328e-9, 2.1483350211950277e-11, 2.2242756054762939e-13};
        static const double i1[] = {1.0, 0.5, 0.083333333333333333, 0.0069444444444444444, 0.00034722222222222222, 1.1574074074074074e-5, 2.7557319223985891e-7,
                                  4.9209498614260519e-9, 6.834652585313961e-11, 7.5940584281266233e-13, 6.9036894801151121e-15};
        static const double h1[] = {0.5, 0.625, 0.13888888888888889, 0.013599537037037037, 0.00075810185185185185, 2.7391975308641975e-5, 6.9483812043335853e-7,
                                  1.3066879364179534e-8, 1.8955312269348918e-10, 2.1863053133356608e-12, 2.0534491389789722e-14};
    double z = x * x / 4, l = log(x / 2) + euler;
    return n == 0 ? POLYNOMIAL_OF(h0, z) - l * POLYNOMIAL_OF(i0, z) : 1 / x + x / 2 * (l * POLYNOMIAL_OF(i1, z) - POLYNOMIAL_OF(h1, z));
}

/* x >= 1: sqrt(x) e^x K_n(x) is smooth in 1 / x. */
static double bessel_k_large(int n, double x) {
        static const double top0[] = {1.2533141373155003, 22.8697421259901, 159.05856837816104, 542.81953914388546, 976.72403086546108, 928.12088174220323,
                                  442.52600868786928, 93.909826658578636, 6.8323368345889721, 0.078756267317751618};
        static const double bottom0[] = {1.0, 18.372414151870398, 129.13661524132563, 448.03083830761091, 827.47044462674554, 820.08981063633305,
                                  419.3462203145127, 100.5804582581861, 9.2912152341986894, 0.20352433209982457};
        static const double top1[] = {1.2533141373155003, 22.558774903263235, 155.80376497889452, 534.62513352986363, 988.66374471764791, 1002.074238303159,
                                  542.0133916935002, 144.59666018457711, 15.957629393752461, 0.46653975326595699};
        static const double bottom1[] = {1.0, 17.624298205940889, 117.82149426438984, 384.34888789506304, 656.8529276722677, 588.44306455623393,
                                  262.13598036211598, 51.323483416001854, 3.3609576934999938, 0.03113611526077603};
    double z = 1 / x, y = n ? POLYNOMIAL_OF(top1, z) / POLYNOMIAL_OF(bottom1, z) : POLYNOMIAL_OF(top0, z) / POLYNOMIAL_OF(bottom0, z);
    return y / sqrt(x);
}

static double bessel_k(int n, double x, bool scaled) {
    if (!(x > 0)) return x == 0 ? INFINITY : (double)NAN;
    if (x == (double)INFINITY) return 0;
    if (x <= 1) return bessel_k_small(n, x) * (scaled ? exp(x) : 1);
    return bessel_k_large(n, x) * (scaled ? 1 : exp(-x));
}

double special_k0(double x) { return bessel_k(0, x, false); }
double special_k0e(double x) { return bessel_k(0, x, true); }
double special_k1(double x) { return bessel_k(1, x, false); }
double special_k1e(double x) { return bessel_k(1, x, true); }
double special_y0(double x) { return x < 0 || x == (double)INFINITY ? (double)NAN : x == 0 ? -(double)INFINITY : y0(x); }
double special_y1(double x) { return x < 0 || x == (double)INFINITY ? (double)NAN : x == 0 ? -(double)INFINITY : y1(x); }

/* Ai from its value and slope at a whole number c, by the Taylor series that y'' = x y gives. */
static double airy_around(int c, long double value, long double slope, double x) {
    long double h = (long double)x - c, before = value, a = slope, next = c * value / 2, sum = value + slope * h, power = h * h;
    for (int k = 2; k < 40; k++, power *= h) {
        long double term = next * power;
        sum += term;
        if (fabsl(term) < 1e-21L && k > 6) break;
        long double after = (c * a + before) / ((k + 1) * k);   /* of h^(k + 1) */
        before = a, a = next, next = after;
    }
    return (double)sum;
}

/* Ai: the series near 0, K_1/3 to the right; to the left Taylor series, and far there the oscillating expansion. */
double special_airy_ai(double x) {
    static const long double value[] = {0.171510439370537044631582L, -0.0665551750543731294741897L, -0.00875958925570238128996609L, 0.0402412384864431906894303L, -0.0221337215473414036741692L,
                                        -0.0527050503563862026220827L, 0.184280835250505637279942L, -0.329145173629823105231449L, 0.350761009024114319788016L, -0.0702655329492895150990843L};
    static const long double slope[] = {-0.871519677879953366722462L, 1.02311045336797072989598L, -1.02732787366457942146119L, 0.996265044132790055904573L, -0.97566398092633159471266L,
                                        0.935560938198306551025522L, -0.771008168410126547731252L, 0.345935487281342894929779L, 0.327192818554443136794879L, -0.790628575368581380296454L};
    if (!(fabs(x) < (double)INFINITY)) return NAN;
    double zeta = 2.0 / 3 * fabs(x) * sqrt(fabs(x));
    if (x > 2) return x > 200 ? 0 : sqrt(x / 3) / pi * bessel_k_scaled(1.0 / 3, zeta) * exp(-zeta);
    if (x >= -3.5) {
        long double cube = (long double)x * x * x, f = 1, g = x, sum_f = 1, sum_g = x;
        for (int k = 1; k < 80 && fabsl(f) + fabsl(g) > 1e-22L; k++) {
            sum_f += f *= cube / ((3 * k - 1) * (3 * k));
            sum_g += g *= cube / ((3 * k) * (3 * k + 1));
        }
        return (double)(0.355028053887817239260L * sum_f - 0.258819403792806798405L * sum_g);
    }
    if (x > -13.5) {
        int c = (int)rint(x);
        return airy_around(c, value[c + 13], slope[c + 13], x);
    }
    long double angle = 2.0L / 3 * -x * sqrtl(-(long double)x) - 0.785398163397448309616L;      /* the phase needs more digits than zeta */
    double even = 1, odd = 0, term = 1;
    for (int k = 1; k < 16; k++) {   /* u_k = u_k-1 (6k-5)(6k-3)(6k-1) / (216 k (2k-1)) */
        term *= (6 * k - 5.0) * (6 * k - 3.0) * (6 * k - 1.0) / (216.0 * k * (2 * k - 1)) / zeta;
        if (k % 2) odd += k % 4 == 1 ? term : -term;
        else even += k % 4 == 2 ? -term : term;
    }
    return ((double)cosl(angle) * even + (double)sinl(angle) * odd) / (root_pi * sqrt(sqrt(-x)));
}

/* ---- incomplete gamma functions ------------------------------------------------------------------------------------------------ */

/* mu - log(1 + mu), and its square root's double with the sign of mu. */
static double bulge_of(double mu) {
    if (fabs(mu) > 0.1) return mu - log1p(mu);
    double sum = 0;
    for (int k = 18; k >= 2; k--) sum = (k % 2 ? -1.0 : 1.0) / k + mu * sum;
    return sum * mu * mu;
}

/* x^a e^-x / gamma(a): by powers while they are tame, by Stirling's formula beyond, where only what a and x differ by is magnified. */
static double gamma_front(double a, double x) {
    if (a < 20 && x < 100) return pow(x, a) * exp(-x) / tgamma(a);
    if (a < 20) return exp(a * log(x) - x - special_lgamma(a));
    double z = 1 / (a * a), rest = 0;
    for (int k = 7; k >= 0; k--) rest = bernoulli[k] / ((2 * k + 2) * (2 * k + 1)) + z * rest;
    return sqrt(a / (2 * pi)) * exp(-a * bulge_of((x - a) / a)) * exp(-rest / a);
}

static double gamma_series(double a, double x) {   /* P, for x < a + 1 */
    long double term = 1 / (long double)a, sum = term;
    for (long double k = (long double)a + 1; term > 1e-19L * sum; k += 1) sum += term *= x / k;
    return (double)(sum * gamma_front(a, x));
}

/* Q, for x >= a + 1: a continued fraction as a quotient of two recurrences, so that no step divides. */
static double gamma_fraction(double a, double x) {
    long double front = gamma_front(a, x), b = (long double)x + 1 - a, top = 1, top_before = 0, bottom = b, bottom_before = 1;
    for (int k = 1; k < 100000 && front != 0; k++) {
        long double an = -k * (k - (long double)a);
        b += 2;
        long double t = b * top + an * top_before, u = b * bottom + an * bottom_before;
        top_before = top, bottom_before = bottom;
        top = t, bottom = u;
        if (fabsl(bottom) > 1e100L) top *= 1e-100L, bottom *= 1e-100L, top_before *= 1e-100L, bottom_before *= 1e-100L;
        if (!(fabsl(top * bottom_before - top_before * bottom) > 1e-18L * fabsl(top * bottom_before))) break;
    }
    return front == 0 ? 0 : (double)(top / bottom * front);
}

/* log gamma(1 + a) on 0 <= a <= 1: both zeros taken out. */
static double lgamma1p(double a) {
    static const double c[] = {
        0.4831289505409809, -0.07297994795715304, 0.015727850268641097, -0.003913560937626331, 0.001049818664454635,
        -0.0002945507015164312, 8.510090373634476e-05, -2.5094328700900636e-05, 7.511391846837954e-06, -2.2742472358027586e-06,
        6.948428393704062e-07, -2.138638060528023e-07, 6.623870571642316e-08, -2.0619851263731666e-08, 6.430366506216791e-09,
        -2.0184741279133343e-09, 6.5655031582108e-10, -2.075322954216366e-10, 5.030067090605482e-11, -1.5936042537298723e-11,
        1.1577613910649688e-11, -3.700571132904742e-12};
    return a > 1 ? special_lgamma(1 + a) : a * (a - 1) * POLYNOMIAL_OF(c, 2 * a - 1);
}

/* Q for small x and a, where 1 - P would cancel. */
static double gamma_small(double a, double x) {
    double factor = 1, sum = 0, power = a * log(x) - lgamma1p(a);
    for (int k = 1; k < 60; k++) {
        double term = (factor *= -x / k) / (a + k);
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) break;
    }
    return -expm1(power) - exp(power) * a * sum;
}

/* Q for large a: Temme 1979, the normal distribution and the first terms of its correction. */
static double gamma_large(double a, double x) {
    static const double first[] = {-1.0 / 3, 1.0 / 12, -2.0 / 135, 1.0 / 864, 1.0 / 2835, -139.0 / 777600, 1.0 / 25515};
    static const double second[] = {-1.0 / 540, -1.0 / 288, 1.0 / 378, -77.0 / 77760};
    double mu = (x - a) / a, bulge = bulge_of(mu), rest = 0, next = 0;
    double eta = copysign(sqrt(2 * bulge), mu);
    for (int k = 6; k >= 0; k--) rest = rest * eta + first[k];
    for (int k = 3; k >= 0; k--) next = next * eta + second[k];
    return 0.5 * erfc(eta * sqrt(a / 2)) + exp(-a * bulge) / sqrt(2 * pi * a) * (fabs(eta) < 0.5 ? rest + next / a : 0);
}

/* The same for results in single precision: fewer digits, no long doubles. */
static double short_front(double a, double x) { return exp(a * log(x) - x - special_lgamma(a)); }

static double short_series(double a, double x) {
    double term = 1 / a, sum = term;
    for (double k = a + 1; term > 1e-10 * sum; k += 1) sum += term *= x / k;
    return sum * short_front(a, x);
}

static double short_fraction(double a, double x) {
    double front = short_front(a, x), b = x + 1 - a, top = 1, top_before = 0, bottom = b, bottom_before = 1;
    for (int k = 1; k < 100000 && front != 0; k++) {
        double an = -k * (k - a);
        b += 2;
        double t = b * top + an * top_before, u = b * bottom + an * bottom_before;
        top_before = top, bottom_before = bottom;
        top = t, bottom = u;
        if (fabs(bottom) > 1e100) top *= 1e-100, bottom *= 1e-100, top_before *= 1e-100, bottom_before *= 1e-100;
        if (!(fabs(top * bottom_before - top_before * bottom) > 1e-10 * fabs(top * bottom_before))) break;
    }
    return front == 0 ? 0 : top / bottom * front;
}

enum { LARGE = 100000 };

static bool gamma_edge(double a, double x, double *p) {
    if (a < 0 || x < 0) return *p = NAN, true;
    if (a == 0) return *p = x > 0 ? 1 : (double)NAN, true;
    if (x == 0) return *p = 0, true;
    if (a == (double)INFINITY) return *p = x == (double)INFINITY ? (double)NAN : 0, true;
    if (x == (double)INFINITY) return *p = 1, true;
    return *p = NAN, a != a || x != x;
}

static double lower_share(double a, double x, bool single) {
    double p;
    if (gamma_edge(a, x, &p)) return p;
    if (a > LARGE) return 1 - gamma_large(a, x);
    if (single) return x < a + 1 ? short_series(a, x) : 1 - short_fraction(a, x);
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

static double upper_share(double a, double x, bool single) {
    double p;
    if (gamma_edge(a, x, &p)) return 1 - p;
    if (a > LARGE) return gamma_large(a, x);
    if (x <= 1.1 && a < (x <= 0.5 ? -0.4 / log(x) : 0.75 * x)) return gamma_small(a, x);
    if (single) return x < a + 1 ? 1 - short_series(a, x) : short_fraction(a, x);
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

double special_igamma(double a, double x) { return lower_share(a, x, false); }
double special_igammac(double a, double x) { return upper_share(a, x, false); }
double special_igamma_single(double a, double x) { return lower_share(a, x, true); }
double special_igammac_single(double a, double x) { return upper_share(a, x, true); }

/* ---- orthogonal polynomials, by their recurrences ---------------------------------------------------------------------------------- */

static bool degree(double n, int64_t *k) {
    *k = n != n ? -1 : (int64_t)n;
    return *k >= 0;
}

double special_chebyshev(double x, double n, int kind) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    long double before = 1, now = kind == 't' ? x : kind == 'u' ? 2 * x : kind == 'v' ? 2 * (long double)x - 1 : 2 * (long double)x + 1;
    if (k == 0) return 1;
    if (fabs(x) == 1) {
        double sign = x < 0 && k & 1 ? -1 : 1, one = x < 0 ? 'w' : 'v';       /* which of v and w stays at 1 */
        return kind == 't' || kind == one ? sign : sign * (kind == 'u' ? (double)k + 1 : 2 * (double)k + 1);
    }
    if (fabs(x) < 1 && k > 64) {
        long double angle = acosl(x);      /* many times it keeps the digits of a double */
        if (kind == 't') return (double)cosl(k * angle);
        if (kind == 'u') return (double)(sinl((k + 1) * angle) / sinl(angle));
        return (double)(kind == 'v' ? cosl((k + 0.5L) * angle) / cosl(angle / 2) : sinl((k + 0.5L) * angle) / sinl(angle / 2));
    }
    for (int64_t i = 1; i < k && now == now; i++) {
        long double next = 2 * x * now - before;
        before = now;
        now = next;
    }
    return (double)now;
}

double special_hermite(double x, double n, double factor) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    long double before = 1, now = factor * x;
    if (k == 0) return 1;
    for (int64_t i = 1; i < k && now == now; i++) {
        long double next = factor * (x * now - i * before);
        before = now;
        now = next;
    }
    return (double)now;
}

double special_laguerre(double x, double n) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    long double before = 1, now = 1 - (long double)x;
    if (k == 0 || x == 0) return 1;
    for (int64_t i = 1; i < k && now == now; i++) {
        long double next = ((2 * i + 1 - (long double)x) * now - i * before) / (i + 1);
        before = now;
        now = next;
    }
    return (double)now;
}

double special_legendre(double x, double n) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    long double before = 1, now = x;
    if (k == 0) return 1;
    if (fabs(x) == 1) return x > 0 || k % 2 == 0 ? 1 : -1;
    for (int64_t i = 1; i < k && now == now; i++) {
        long double next = ((2 * i + 1) * (long double)x * now - i * before) / (i + 1);
        before = now;
        now = next;
    }
    return (double)now;
}
