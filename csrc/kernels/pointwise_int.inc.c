/* pointwise_int.inc.c -- the rows that take integers.  Arithmetic wraps: it is done in WIDE, an unsigned type. */
#define NAMESPACE int
#define NUMBER T
#define K(c) c
#define PC(k) p##k
#define ADD(a, b) ((T)((WIDE)(a) + (WIDE)(b)))
#define SUB(a, b) ((T)((WIDE)(a) - (WIDE)(b)))
#define MUL(a, b) ((T)((WIDE)(a) * (WIDE)(b)))
#define DIV(a, b) int_div_trunc(a, b)
#define MULADD(a, b, c) ADD(c, MUL(a, b))
#define NEG(a) ((T)(0 - (WIDE)(a)))
#define LOOP(name, f) ONE_TO(T, name, f)
#define PREDICATE(name, f) ONE_TO(uint8_t, name, f)
#define PAIR(name, f) TWO_TO(T, name, f)
#define COMPARE(name, f) TWO_TO(uint8_t, name, f)
#define TRIPLE(name, f) THREE_TO(T, name, f)
#include "classes_int.inc.c"
#include "pointwise_loops.inc.c"
