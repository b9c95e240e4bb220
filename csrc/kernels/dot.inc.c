/* dot.inc.c -- the inner product of two dense vectors, in float and double.
 *
 * The order of the additions is part of the result.  It is that of the library behind torch on machines with AVX-512, so that the
 * numbers agree to the last bit: four sums of 64 bytes each, what is left over into the first two and the first, then
 * (0 + 1) + (2 + 3), halves onto halves down to 16 bytes, neighbours onto neighbours. */
#define DOT_T float
#define DOT_LANES 16
#define DOT_NAME dot_f32
#define DOT_FMA FMAF
#include "dot_sums.inc.c"

#define DOT_T double
#define DOT_LANES 8
#define DOT_NAME dot_f64
#define DOT_FMA FMAD
#include "dot_sums.inc.c"
