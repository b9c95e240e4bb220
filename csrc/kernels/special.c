/* special.c -- special functions of double arguments, from their definitions: series where they converge fast, asymptotic
 * expansions where those do, trapezoidal sums of integral representations (exact to rounding, since the integrands are analytic and
 * decay doubly exponentially) and Newton's method for inverses. */
#include "special.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static const double pi = 3.141592653589793, euler = 0.5772156649015329, sqrt_half = 0.7071067811865476, root_pi = 1.772453850905516;

double special_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* ---- digamma, polygamma, zeta ------------------------------------------------------------------------------------------ */

/* Bernoulli numbers B2, B4, ... */
static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};

double special_digamma(double x) {
    if (x == 0) return copysign(INFINITY, -x);
    if (x < 0) {   /* reflection; the fraction first, so that large arguments keep their accuracy */
        double whole, part = modf(x, &whole);
        return part == 0 ? (double)NAN : special_digamma(1 - x) - pi / tan(pi * part);
    }
    double y = 0;
    for (; x < 10; x += 1) y -= 1 / x;
    double z = 1 / (x * x), term = z, sum = 0;
    for (int k = 0; k < 8 && x < 1e17; k++, term *= z) sum += bernoulli[k] / (2 * k + 2) * term;
    return y + log(x) - 0.5 / x - sum;
}

/* Euler-Maclaurin after a few terms of the sum itself. */
double special_zeta(double s, double q) {
    if (s == 1) return INFINITY;
    if (!(s > 1) || q != q) return NAN;
    if (q <= 0) {
        if (q == floor(q)) return INFINITY;
        if (s != floor(s)) return NAN;
    }
    double sum = 0;
    int n = 0;
    for (; n < 10 || q < 10; n++, q += 1) {
        double term = pow(q, -s);
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) return sum;
    }
    double power = pow(q, -s), factor = s / q;
    sum += q * power / (s - 1) + 0.5 * power;
    for (int k = 0; k < 12; k++) {   /* B2k / (2k)! * s (s+1) ... (s+2k-2) * q^(-s-2k+1) */
        double term = bernoulli[k] * power * factor / ((2 * k + 2) * 1.0);
        for (int j = 2; j <= 2 * k + 1; j++) term /= j;
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
    return special_zeta(2, x);
}

double special_polygamma(int n, double x) {
    if (n == 0) return special_digamma(x);
    if (n == 1) return trigamma(x);
    return (n % 2 ? 1 : -1) * exp(special_lgamma(n + 1.0)) * special_zeta(n + 1, x);
}

/* ---- the error function's kin ----------------------------------------------------------------------------------------------- */

/* A rough closed form, then Halley's steps, each of which triples the digits. */
double special_erfinv(double x) {
    if (!(fabs(x) < 1)) return fabs(x) == 1 ? copysign(INFINITY, x) : (double)NAN;
    double a = fabs(x), low = log1p(-a) + log1p(a), t = 2 / (pi * 0.147) + low / 2;
    double y = sqrt(sqrt(t * t - low / 0.147) - t);
    for (int i = 0; i < 3; i++) {
        double miss = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y), step = miss / (2 / root_pi * exp(-y * y));
        y -= step / (1 + y * step);
    }
    return copysign(a == 0 ? 0 : y, x);
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

double special_log_ndtr(double x) {
    double t = x * sqrt_half;
    return x < -1 ? log(special_erfcx(-t) / 2) - t * t : log1p(-erfc(t) / 2);
}

double special_ndtri(double p) {
    if (!(p > 0 && p < 1)) return p == 0 ? -(double)INFINITY : p == 1 ? INFINITY : (double)NAN;
    if (p > 0.1 && p < 0.9) return special_erfinv(2 * p - 1) / sqrt_half;
    if (p >= 0.9) return -special_ndtri(1 - p);
    double target = log(p), x = -sqrt(-2 * target - log(-4 * pi * target));   /* Newton on log_ndtr, which is nearly a parabola here */
    for (int i = 0; i < 6; i++) {
        double slope = 2 * 0.3989422804014327 / special_erfcx(-x * sqrt_half);
        x -= (special_log_ndtr(x) - target) / slope;
    }
    return x;
}

/* ---- modified Bessel functions ------------------------------------------------------------------------------------------------ */

/* I_n(x) e^-x for n = 0, 1 and x >= 0: a series of positive terms, or the expansion for large x. */
static double bessel_i_scaled(int n, double x) {
    if (x <= 25) {
        double z = x * x / 4, term = n ? x / 2 : 1, sum = term;
        for (int k = 1; term > 1e-17 * sum; k++) sum += term *= z / (k * (k + n));
        return sum * exp(-x);
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

static double bessel_k_small(int n, double x) {   /* 0 < x <= 1 */
    double z = x * x / 4, term = 1, harmonic = 0, sum = 0, log_half = log(x / 2);
    for (int k = 0; k < 20; k++) {
        if (n == 0) sum += term * (harmonic - euler - log_half);
        else sum += term / (k + 1) * (log_half + euler - harmonic - 0.5 / (k + 1));
        harmonic += 1.0 / (k + 1);
        term *= z / ((k + 1.0) * (k + 1));
    }
    return n == 0 ? sum : 1 / x + x / 2 * sum;
}

static double bessel_k(int n, double x, bool scaled) {
    if (!(x > 0)) return x == 0 ? INFINITY : (double)NAN;
    if (x == (double)INFINITY) return 0;
    if (x <= 1) return bessel_k_small(n, x) * (scaled ? exp(x) : 1);
    return bessel_k_scaled(n, x) * (scaled ? 1 : exp(-x));
}

double special_k0(double x) { return bessel_k(0, x, false); }
double special_k0e(double x) { return bessel_k(0, x, true); }
double special_k1(double x) { return bessel_k(1, x, false); }
double special_k1e(double x) { return bessel_k(1, x, true); }
double special_y0(double x) { return x < 0 || x == (double)INFINITY ? (double)NAN : x == 0 ? -(double)INFINITY : y0(x); }
double special_y1(double x) { return x < 0 || x == (double)INFINITY ? (double)NAN : x == 0 ? -(double)INFINITY : y1(x); }

/* Ai: the series near 0, K_1/3 to the right, the oscillating expansion to the left. */
double special_airy_ai(double x) {
    if (!(fabs(x) < (double)INFINITY)) return NAN;
    double zeta = 2.0 / 3 * fabs(x) * sqrt(fabs(x));
    if (x > 2) return x > 200 ? 0 : sqrt(x / 3) / pi * bessel_k_scaled(1.0 / 3, zeta) * exp(-zeta);
    if (x >= -8) {
        long double cube = (long double)x * x * x, f = 1, g = x, sum_f = 1, sum_g = x;
        for (int k = 1; k < 80; k++) {
            sum_f += f *= cube / ((3 * k - 1) * (3 * k));
            sum_g += g *= cube / ((3 * k) * (3 * k + 1));
        }
        return (double)(0.355028053887817239260L * sum_f - 0.258819403792806798405L * sum_g);
    }
    double even = 1, odd = 0, term = 1;
    for (int k = 1; k < 14; k++) {   /* u_k = u_k-1 (6k-5)(6k-3)(6k-1) / (216 k (2k-1)) */
        term *= (6 * k - 5.0) * (6 * k - 3.0) * (6 * k - 1.0) / (216.0 * k * (2 * k - 1)) / zeta;
        if (k % 2) odd += k % 4 == 1 ? term : -term;
        else even += k % 4 == 2 ? -term : term;
    }
    return (cos(zeta - pi / 4) * even + sin(zeta - pi / 4) * odd) / (root_pi * sqrt(sqrt(-x)));
}

/* ---- incomplete gamma functions ------------------------------------------------------------------------------------------------ */

static double gamma_front(double a, double x) { return exp(a * log(x) - x - special_lgamma(a)); }

static double gamma_series(double a, double x) {   /* P, for x < a + 1 */
    double term = 1 / a, sum = term;
    for (double k = a + 1; term > 1e-17 * sum; k += 1) sum += term *= x / k;
    return sum * gamma_front(a, x);
}

static double gamma_fraction(double a, double x) {   /* Q, for x >= a + 1: a continued fraction, evaluated forwards */
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int k = 1; k < 100000; k++) {
        double an = -k * (k - a), step;
        b += 2;
        d = an * d + b;
        c = b + an / c;
        d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
        c = fabs(c) < 1e-300 ? 1e-300 : c;
        h *= step = d * c;
        if (fabs(step - 1) < 1e-16) break;
    }
    return h * gamma_front(a, x);
}

static bool gamma_edge(double a, double x, double *p) {
    if (a < 0 || x < 0) return *p = NAN, true;
    if (a == 0) return *p = x > 0 ? 1 : (double)NAN, true;
    if (x == 0) return *p = 0, true;
    if (a == (double)INFINITY) return *p = x == (double)INFINITY ? (double)NAN : 0, true;
    if (x == (double)INFINITY) return *p = 1, true;
    return *p = NAN, a != a || x != x;
}

double special_igamma(double a, double x) {
    double p;
    if (gamma_edge(a, x, &p)) return p;
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double special_igammac(double a, double x) {
    double p;
    if (gamma_edge(a, x, &p)) return 1 - p;
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

/* ---- orthogonal polynomials, by their recurrences ---------------------------------------------------------------------------------- */

static bool degree(double n, int64_t *k) {
    *k = n != n ? -1 : (int64_t)n;
    return *k >= 0;
}

double special_chebyshev(double x, double n, int kind) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    double before = 1, now = kind == 't' ? x : kind == 'u' ? 2 * x : kind == 'v' ? 2 * x - 1 : 2 * x + 1;
    if (k == 0) return before;
    if (fabs(x) < 1 && k > 64) {
        double angle = acos(x);
        if (kind == 't') return cos(k * angle);
        if (kind == 'u') return sin((k + 1) * angle) / sin(angle);
        return kind == 'v' ? cos((k + 0.5) * angle) / cos(angle / 2) : sin((k + 0.5) * angle) / sin(angle / 2);
    }
    for (int64_t i = 1; i < k && now == now; i++) {
        double next = 2 * x * now - before;
        before = now;
        now = next;
    }
    return now;
}

double special_hermite(double x, double n, double factor) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    double before = 1, now = factor * x;
    if (k == 0) return before;
    for (int64_t i = 1; i < k && now == now; i++) {
        double next = factor * (x * now - i * before);
        before = now;
        now = next;
    }
    return now;
}

double special_laguerre(double x, double n) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    double before = 1, now = 1 - x;
    if (k == 0 || x == 0) return before;
    for (int64_t i = 1; i < k && now == now; i++) {
        double next = ((2 * i + 1 - x) * now - i * before) / (i + 1);
        before = now;
        now = next;
    }
    return now;
}

double special_legendre(double x, double n) {
    int64_t k;
    if (!degree(n, &k)) return 0;
    double before = 1, now = x;
    if (k == 0) return before;
    if (fabs(x) == 1) return x > 0 || k % 2 == 0 ? 1 : -1;
    for (int64_t i = 1; i < k && now == now; i++) {
        double next = ((2 * i + 1) * x * now - i * before) / (i + 1);
        before = now;
        now = next;
    }
    return now;
}
