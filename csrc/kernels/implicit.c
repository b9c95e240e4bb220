/* implicit.c -- how samples of gamma and beta distributions move with their shape parameters.
 *
 * A sample z of a distribution function F(z; a) follows a at a fixed level of F: dz/da = -(dF/da) / p, where p is the density
 * (Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", 2018).  With F = p S, dF/da / p is S dlog p/da + dS/da, so
 * that neither F nor p is ever formed.  S comes from a series or a continued fraction, differentiated term by term beside it;
 * of the lower and the upper tail the one is taken where the two summands hardly cancel.  Gamma distributions of large shape use
 * Temme's uniform expansion, whose error functions drop out of the quotient. */
#include "special.h"

#include <math.h>
#include <stdbool.h>

typedef struct Dual { double v, d; } Dual;         /* a value, and its derivative by the parameter */

/* Modified Lentz: a continued fraction whose next partial is top / (bottom + ...).  convergent is what there is so far. */
typedef struct Fraction { Dual c, d, convergent; } Fraction;

static bool fraction_step(Fraction *f, Dual top, Dual bottom) {
    double low = top.v * f->d.v + bottom.v, low_d = top.d * f->d.v + top.v * f->d.d + bottom.d;
    double high = bottom.v + top.v / f->c.v, high_d = bottom.d + (top.d - top.v * f->c.d / f->c.v) / f->c.v;
    if (fabs(low) < 1e-300) low = 1e-300;
    if (fabs(high) < 1e-300) high = 1e-300;
    f->c = (Dual){high, high_d};
    f->d = (Dual){1 / low, -low_d / (low * low)};
    double by = f->c.v * f->d.v, by_d = f->c.d * f->d.v + f->c.v * f->d.d;
    f->convergent = (Dual){f->convergent.v * by, f->convergent.d * by + f->convergent.v * by_d};
    return fabs(by - 1) < 1e-16 && fabs(by_d * f->convergent.v) <= 1e-16 * (fabs(f->convergent.d) + fabs(f->convergent.v));
}

enum { MOST_STEPS = 20000, LARGE_SHAPE = 10000 };

/* ---- gamma ------------------------------------------------------------------------------------------------------------- */

/* Lower tail: S = x/a (1 + x/(a+1) + x^2/((a+1)(a+2)) + ...).  The pole of digamma at 0 is taken out of both summands. */
static double gamma_by_series(double a, double x) {
    double term = x / a, sum = term, harmonic = 0, weighted = 0;
    for (int n = 1; n < MOST_STEPS; n++) {
        term *= x / (a + n);
        harmonic += 1 / (a + n);
        sum += term;
        weighted += term * harmonic;
        if (term * harmonic < 1e-17 * weighted) break;
    }
    return (special_digamma(a + 1) - log(x)) * sum + weighted;
}

/* Upper tail: R = x / (x+1-a - 1(1-a) / (x+3-a - 2(2-a) / ...)). */
static double gamma_by_fraction(double a, double x) {
    Fraction f = {{1e300, 0}, {1 / (x + 1 - a), 1 / ((x + 1 - a) * (x + 1 - a))}, {1 / (x + 1 - a), 1 / ((x + 1 - a) * (x + 1 - a))}};
    for (int n = 1; n < MOST_STEPS; n++)
        if (fraction_step(&f, (Dual){-n * (n - a), n}, (Dual){x + 2 * n + 1 - a, -1})) break;
    return x * ((log(x) - special_digamma(a)) * f.convergent.v + f.convergent.d);
}

/* A power series and its derivative. */
static Dual power_series(const double *c, int n, double x) {
    Dual s = {0, 0};
    for (int k = n - 1; k >= 0; k--) s = (Dual){s.v * x + c[k], s.d * x + s.v};
    return s;
}

/* Temme's eta with eta^2 / 2 = m - log(1 + m), of the sign of m. */
static double eta_of(double m) {
    if (fabs(m) > 0.1) return copysign(sqrt(2 * (m - log1p(m))), m);
    double sum = 0;
    for (int k = 16; k >= 0; k--) sum = 2.0 / (k + 2) - m * sum;
    return m * sqrt(sum);
}

/* The first two coefficients of Temme's expansion as functions of eta. */
static void temme(double m, double eta, Dual *c0, Dual *c1) {
    static const double first[] = {-0.3333333333333333, 0.08333333333333333, -0.014814814814814815, 0.0011574074074074073, 0.0003527336860670194, -0.0001787551440329218,
                                   3.919263178522438e-05, -2.185448510679992e-06, -1.85406221071516e-06, 8.296711340953087e-07, -1.7665952736826078e-07, 6.707853543401498e-09,
                                   1.0261809784240309e-08, -4.382036018453353e-09, 9.14769958223679e-10, -2.5514193994946248e-11};
    static const double second[] = {-0.001851851851851852, -0.003472222222222222, 0.0026455026455026454, -0.0009902263374485596, 0.00020576131687242798, -4.018775720164609e-07,
                                    -1.8098550334489977e-05, 7.64916091608111e-06, -1.6120900894563446e-06, 4.647127802807434e-09, 1.378633446915721e-07, -5.752545603517705e-08,
                                    1.1951628599778148e-08, -1.7543241719747647e-11, -1.0091543710600413e-09, 4.162792991842583e-10};
    if (fabs(eta) < 0.5) {
        *c0 = power_series(first, 16, eta);
        *c1 = power_series(second, 16, eta);
        return;
    }
    double dm = eta * (1 + m) / m, w = 1 / m, e = 1 / eta;     /* dm/deta */
    *c0 = (Dual){w - e, -w * w * dm + e * e};
    *c1 = (Dual){e * e * e - w * w * w - w * w - w / 12, -3 * e * e * e * e + (3 * w * w + 2 * w + 1.0 / 12) * w * w * dm};
}

static double gamma_by_expansion(double a, double x) {
    double m = (x - a) / a, ratio = x / a, eta = eta_of(m), stirling = 1 + (1.0 / 12 + 1 / (288 * a)) / a;
    Dual c0, c1;
    temme(m, eta, &c0, &c1);
    double c = c0.v + c1.v / a, slope = c0.d + c1.d / a, by_eta = fabs(m) < 1e-300 ? 1 : m / eta;
    return ratio * stirling * (by_eta - eta / 2 + c * (log1p(m) - 0.5 / a) - slope * by_eta / a - c1.v / (a * a));
}

double special_gamma_sample_grad(double a, double x) {
    if (!(a > 0 && x >= 0)) return NAN;
    if (x == 0) return 0;
    if (a >= LARGE_SHAPE) return gamma_by_expansion(a, x);
    return x < 1.5 || x < a ? gamma_by_series(a, x) : gamma_by_fraction(a, x);
}

/* ---- beta -------------------------------------------------------------------------------------------------------------- */

/* Gauss's fraction of the incomplete beta function, I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * fraction, with its derivative by one of
 * the parameters: da and db are 1 and 0, or 0 and 1. */
static Dual beta_fraction(double a, double b, double x, double da, double db) {
    Dual first = {1 - (a + b) * x / (a + 1), -((da + db) - (a + b) * da / (a + 1)) * x / (a + 1)};
    Dual inverse = {1 / first.v, -first.d / (first.v * first.v)};
    Fraction f = {{1, 0}, inverse, inverse};
    for (int n = 1; n < MOST_STEPS; n++) {
        double p = a + 2 * n - 1, q = a + 2 * n, r = a + 2 * n + 1;
        double even = n * (b - n) * x / (p * q), odd = -(a + n) * (a + b + n) * x / (q * r);
        Dual even_dual = {even, n * db * x / (p * q) - even * da * (1 / p + 1 / q)};
        Dual odd_dual = {odd, -(da * (a + b + n) + (a + n) * (da + db)) * x / (q * r) - odd * da * (1 / q + 1 / r)};
        fraction_step(&f, even_dual, (Dual){1, 0});
        if (fraction_step(&f, odd_dual, (Dual){1, 0})) break;
    }
    return f.convergent;
}

/* By a; 1 - x is given beside x, since the difference may have lost its digits. */
double special_beta_sample_grad(double a, double b, double x, double y) {
    if (!(a > 0 && b > 0 && x >= 0 && y >= 0)) return NAN;
    if (x == 0 || y == 0) return 0;
    if (x < (a + 1) / (a + b + 2)) {
        Dual lower = beta_fraction(a, b, x, 1, 0);
        return x * y / a * ((special_digamma(a + 1) - special_digamma(a + b) - log(x)) * lower.v - lower.d);
    }
    Dual upper = beta_fraction(b, a, y, 0, 1);
    return x * y / b * ((log(x) - special_digamma(a) + special_digamma(a + b)) * upper.v + upper.d);
}
