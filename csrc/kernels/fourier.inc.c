/* fourier.inc.c -- discrete Fourier transforms of lines that lie side by side, in one direction and with any scale.
 *
 * Real and imaginary parts live in planes of their own while they are worked on: place p of line l is at p * lines + l, so that every
 * loop runs over neighbours, whatever the radix.  A pass takes one factor of the size (Stockham's ordering: no reversal of digits), fours
 * first, then 2, 3, 5, 7 and any other prime.  One long line alone is cut in two: its columns are neighbours in the first half of the passes
 * and its rows, turned round, in the second.  A size with a large prime factor becomes a convolution of a smoother size (Bluestein).
 * The inverse is the transform with the two planes exchanged, before and after; real lines of even size are complex ones of half of it.
 *
 * The roots of unity are made for each call, by octants; they cost a tenth of it, and nothing is kept. */

/* sin and cos on [0, pi/4]: the first terms of their series, below a quarter of a unit in the last place. */
VM double octant_sin(double x) {
    double t = x * x;
    return x - x * t * (1.0 / 6 - t * (1.0 / 120 - t * (1.0 / 5040 - t * (1.0 / 362880 - t * (1.0 / 39916800 - t * (1.0 / 6227020800 - t / 1307674368000))))));
}
VM double octant_cos(double x) {
    double t = x * x;
    return 1 - t * (0.5 - t * (1.0 / 24 - t * (1.0 / 720 - t * (1.0 / 40320 - t * (1.0 / 3628800 - t * (1.0 / 479001600 - t * (1.0 / 87178291200 - t / 20922789888000)))))));
}

/* e^(-2 pi i k / n) for k <= n / 2, by octants. */
VM void root_of_unity(int64_t k, int64_t n, double *re, double *im) {
    double places = 4.0 * (double)k, size = (double)n, quarter = (double)(int)(places / size), rest = places - quarter * size;
    bool flip = 2 * rest > size;
    double angle = (flip ? size - rest : rest) * 1.57079632679489661923 / size, s = octant_sin(angle), c = octant_cos(angle);
    double sine = flip ? c : s, cosine = flip ? s : c;
    *re = quarter == 1 ? -sine : quarter == 2 ? -cosine : cosine;
    *im = quarter == 1 ? -cosine : quarter == 2 ? sine : -sine;
}

enum { FOURIER_LONG = 256 /* places of a line that is worth cutting */, FOURIER_TILE = 16 };

#define T float
#define TAG f32
#include "fourier_passes.inc.c"

#define T double
#define TAG f64
#include "fourier_passes.inc.c"
