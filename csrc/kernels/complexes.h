/* complexes.h -- what M(fn) means in the .def files for complex numbers: C99's functions, and a few of our own. */
#ifndef RUSHLIGHT_COMPLEXES_H
#define RUSHLIGHT_COMPLEXES_H

#include <complex.h>
#undef I

#define T float _Complex
#define REAL float
#define C(name) c64_##name
#define LIBM(name) name##f
#include "complexes.inc.c"
#undef T
#undef REAL
#undef C
#undef LIBM
#define T double _Complex
#define REAL double
#define C(name) c128_##name
#define LIBM(name) name
#include "complexes.inc.c"
#undef T
#undef REAL
#undef C
#undef LIBM

#endif
