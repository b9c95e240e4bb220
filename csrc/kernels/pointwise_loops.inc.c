/* pointwise_loops.inc.c -- the rows of the .def files as loops, and the tables of these, for the dtype at hand.
 *
 * The including file says what LOOP, PAIR, TRIPLE, ... make of a row, and (classes_*.inc.c) which of them a class of rows gets.  For the
 * tables the same words are redefined to name what was made. */
#define U(name, classes, reads, f, df, ...) U_##classes(name, f)
#include "unary.def"
#include "activation.def"
#include "special.def"
#undef U

#define GRAD_LINEAR SKIP
#define GRAD_ZERO SKIP
#define GRAD_ZEROX SKIP
#define GRAD_NONE SKIP
#define U(name, classes, reads, f, df, ...) GRAD_##reads(name, df)
#include "unary.def"
#include "activation.def"
#include "special.def"
#undef U

#define B(name, classes, f, ...) B_##classes(name, f)
#include "binary.def"
#undef B

#define TERNARY(name, classes, f) TERNARY_##classes(name, f)
#include "ternary.def"
#undef TERNARY

#undef LOOP
#undef PREDICATE
#undef CIRCULAR
#undef POSITIVE
#undef RIGHT
#undef SPAN
#undef WAVE
#undef WAVE_POSITIVE
#undef PAIR
#undef MODULAR
#undef RECURRENCE
#undef COMPARE
#undef TRIPLE
#undef SLOPE
#undef SLOPE_GATE
#undef SLOPE_CIRCULAR
#undef SLOPE_POSITIVE
#undef MODULUS
#define LOOP(name, f) [UNARY_##name] = FN(loop_##name),
#define PREDICATE LOOP
#define CIRCULAR LOOP
#define POSITIVE LOOP
#define RIGHT LOOP
#define SPAN LOOP
#define WAVE LOOP
#define WAVE_POSITIVE LOOP
#define MODULUS LOOP
#define PAIR(name, f) [BINARY_##name] = FN(loop2_##name),
#define COMPARE PAIR
#define MODULAR PAIR
#define RECURRENCE PAIR
#define TRIPLE(name, f) [TERNARY_##name] = FN(loop3_##name),
#define SLOPE(name, df) [UNARY_##name] = FN(grad_##name),
#define SLOPE_GATE SLOPE
#define SLOPE_CIRCULAR SLOPE
#define SLOPE_POSITIVE SLOPE

static LoopFn *const FN(unary_table)[UNARY_COUNT] = {
#define U(name, classes, reads, f, df, ...) U_##classes(name, f)
#include "unary.def"
#include "activation.def"
#include "special.def"
#undef U
};

static LoopFn *const FN(grad_table)[UNARY_COUNT] = {
#define U(name, classes, reads, f, df, ...) GRAD_##reads(name, df)
#include "unary.def"
#include "activation.def"
#include "special.def"
#undef U
};

static LoopFn *const FN(binary_table)[BINARY_COUNT] = {
#define B(name, classes, f, ...) B_##classes(name, f)
#include "binary.def"
#undef B
};

static LoopFn *const FN(ternary_table)[TERNARY_COUNT] = {
#define TERNARY(name, classes, f) TERNARY_##classes(name, f)
#include "ternary.def"
#undef TERNARY
};

#undef LOOP
#undef PREDICATE
#undef CIRCULAR
#undef POSITIVE
#undef RIGHT
#undef SPAN
#undef WAVE
#undef WAVE_POSITIVE
#undef PAIR
#undef MODULAR
#undef RECURRENCE
#undef COMPARE
#undef TRIPLE
#undef SLOPE
#undef SLOPE_GATE
#undef SLOPE_CIRCULAR
#undef SLOPE_POSITIVE
#undef MODULUS
#undef U_F
#undef U_FC
#undef U_TRIG
#undef U_FTRIG
#undef U_POS
#undef U_RIGHT
#undef U_SPAN
#undef U_CSPAN
#undef U_WAVE
#undef U_WAVEPOS
#undef U_FI
#undef U_FIC
#undef U_FIB
#undef U_ALL
#undef U_RFIC
#undef U_RFC
#undef U_PALL
#undef U_PFIB
#undef U_IB
#undef U_C
#undef B_F
#undef B_FC
#undef B_FI
#undef B_MOD
#undef B_POLY
#undef B_FIC
#undef B_FIB
#undef B_ALL
#undef B_CALL
#undef B_CREAL
#undef B_I
#undef B_IB
#undef TERNARY_F
#undef TERNARY_FIC
#undef TERNARY_FC
#undef TERNARY_FI
#undef GRAD_X
#undef GRAD_Y
#undef GRAD_XGATE
#undef GRAD_YGATE
#undef GRAD_XY
#undef GRAD_XTRIG
#undef GRAD_XPOS
#undef GRAD_LINEAR
#undef GRAD_ZERO
#undef GRAD_ZEROX
#undef GRAD_NONE
#undef T
#undef TAG
#undef NAMESPACE
#undef K
#undef KIND
#undef REAL
#undef WIDE
#undef BITS
#undef NUMBER
#undef PC
#undef ADD
#undef SUB
#undef MUL
#undef DIV
#undef MULADD
#undef NEG
#undef NARROW_TRIG
#undef HALF1
#undef HALF2
