/* pointwise_bool.inc.c -- the rows that take bool: bytes that are 0 or 1. */
#define T uint8_t
#define TAG b8
#define NAMESPACE truth
#define NUMBER T
#define K(c) c
#define PC(k) p##k
#define ADD(a, b) ((a) | (b))
#define SUB(a, b) ((a) ^ (b))
#define MUL(a, b) ((a) & (b))
#define DIV(a, b) ((a) & (b))
#define MULADD(a, b, c) ADD(c, MUL(a, b))
#define NEG(a) (a)
#define LOOP(name, f) ONE_TO(T, name, f)
#define PREDICATE(name, f) ONE_TO(uint8_t, name, f)
#define PAIR(name, f) TWO_TO(T, name, f)
#define COMPARE(name, f) TWO_TO(uint8_t, name, f)
#define TRIPLE(name, f) THREE_TO(T, name, f)
#include "classes_bool.inc.c"
#include "pointwise_loops.inc.c"
