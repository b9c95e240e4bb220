/* special.h -- special functions of double arguments, one at a time: compiled once, for any machine. */
#ifndef RUSHLIGHT_SPECIAL_H
#define RUSHLIGHT_SPECIAL_H

double special_lgamma(double x);               /* log |gamma(x)| */
double special_digamma(double x);
double special_polygamma(int n, double x);     /* n-th derivative of digamma */
double special_zeta(double s, double q);       /* Hurwitz */
double special_erfinv(double x);
double special_erfcx(double x);
double special_ndtri(double p);
double special_ndtr(double x);
double special_log_ndtr(double x);
double special_i0(double x);
double special_i0e(double x);
double special_i1(double x);
double special_i1e(double x);
double special_k0(double x);
double special_k0e(double x);
double special_k1(double x);
double special_k1e(double x);
double special_y0(double x);
double special_y1(double x);
double special_airy_ai(double x);
double special_igamma(double a, double x);
double special_igammac(double a, double x);
double special_igamma_single(double a, double x);    /* for results that are rounded to single precision */
double special_igammac_single(double a, double x);
double special_gamma_sample_grad(double a, double x);                            /* dx/da at a fixed level of the distribution function */
double special_beta_sample_grad(double a, double b, double x, double y /* 1 - x */);   /* the same of a beta distribution */
double special_chebyshev(double x, double n, int kind /* 't' 'u' 'v' 'w' */);
double special_hermite(double x, double n, double factor /* 2: physicist's, 1: probabilist's */);
double special_laguerre(double x, double n);
double special_legendre(double x, double n);

#endif
