/* pointwise_complex.inc.c -- the rows that take complex numbers.  Products are the schoolbook's, as torch's are. */
#define NUMBER REAL
#define PC(k) M(make)(p0, p1)
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) M(mul)(a, b)
#define DIV(a, b) M(div)(a, b)
#define MULADD(a, b, c) ADD(c, MUL(a, b))
#define NEG(a) (-(a))
#define LOOP(name, f) ONE_TO(T, name, f)
#define MODULUS(name, f) ONE_TO(REAL, name, f)
#define PREDICATE(name, f) ONE_TO(uint8_t, name, f)
#define PAIR(name, f) TWO_TO(T, name, f)
#define COMPARE(name, f) TWO_TO(uint8_t, name, f)
#define TRIPLE(name, f) THREE_TO(T, name, f)
#include "classes_complex.inc.c"
#include "pointwise_loops.inc.c"
