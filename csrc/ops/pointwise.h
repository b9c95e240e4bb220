/* pointwise.h -- how the pointwise families run their kernels: any mixture of dtypes and numbers, in one pass over memory. */
#ifndef RUSHLIGHT_OPS_POINTWISE_H
#define RUSHLIGHT_OPS_POINTWISE_H

#include "rushlight.h"
#include "kernels/kernels.h"

/* Runs fn over out and the n inputs, tensors or numbers, which broadcast to out's shape.  fn takes `compute` and writes `result`; operands
 * of other dtypes are cast piece by piece.  extra: NULL or at least four doubles. */
bool rl_pointwise(LoopFn *fn, Dtype compute, Dtype result, Tensor *out, int n, const Arg *in, const void *extra, double cost);

/* The same with out made by rl_out_like: all tensors among the inputs broadcast together. */
Tensor *rl_pointwise_new(Call *c, LoopFn *fn, Dtype compute, Dtype result, int n, const Arg *in, const void *extra, double cost);
Tensor *rl_pointwise_once(Call *c, LoopFn *single, Dtype half, int n, const Arg *in, double cost);     /* in float, rounded once to a half dtype */

void rl_write_number(Dtype dtype, const Arg *number, void *element);   /* one element of dtype, converted as a cast does */
double rl_rounded_to(Dtype half, const Arg *number);                   /* a number as a half dtype has it */
Tensor *rl_refuse_dtype(Call *c, Dtype dtype);                         /* "... not implemented for 'Long'": always NULL */
Dtype rl_float_of(Dtype dtype);                                        /* integers become the default float */
void rl_number_pair(const Arg *number, double pair[4]);                /* a real or complex number as extra of a kernel */

Tensor *rl_unary_forward(Call *c);       /* op->data: Unary; number arguments are the kernel's parameters */
void rl_unary_vjp(Call *c, Tensor **g, Tensor **dx);
Tensor *rl_binary_forward(Call *c);      /* op->data: Binary */
void rl_atan2_vjp(Call *c, Tensor **g, Tensor **dx);
Tensor *rl_binary(Call *c, int kernel, Arg a, Arg b, const double *extra);

/* What the words in the .def files mean in rows. */
#define ONE(name) name "(input: Tensor) -> Tensor"
#define NNONE(name) name "(input: Tensor) -> Tensor"
#define BOOLEAN(name) name "(input: Tensor) -> Tensor"
#define POLYNOMIAL(name) "special." name "(input: Tensor | Number, n: Tensor | Number) -> Tensor"
#define DOC(text, example, result) text "\n\n>>> " example "\n" result
#define FMIO (FUNCTION | METHOD | INPLACE | OUT)

#define SAVES_X SAVE(0)
#define SAVES_XTRIG SAVE(0)
#define SAVES_XPOS SAVE(0)
#define SAVES_ZEROX SAVE(0)
#define SAVES_XGATE SAVE(0)
#define SAVES_YGATE SAVE_OUT(0)
#define SAVES_Y SAVE_OUT(0)
#define SAVES_XY (SAVE(0) | SAVE_OUT(0))
#define SAVES_LINEAR 0
#define SAVES_ZERO 0
#define SAVES_NONE 0

#define VJP_X rl_unary_vjp
#define VJP_XTRIG rl_unary_vjp
#define VJP_XPOS rl_unary_vjp
#define VJP_ZEROX rl_unary_vjp
#define VJP_XGATE rl_unary_vjp
#define VJP_YGATE rl_unary_vjp
#define VJP_Y rl_unary_vjp
#define VJP_XY rl_unary_vjp
#define VJP_LINEAR rl_unary_vjp
#define VJP_ZERO rl_unary_vjp
#define VJP_NONE NULL

/* Op.data2 of unary and binary rows: what the kernel writes. */
enum { WRITES_SAME, WRITES_BOOL, WRITES_REAL };
#define WRITES_F WRITES_SAME
#define WRITES_C WRITES_SAME
#define WRITES_I WRITES_SAME
#define WRITES_FC WRITES_SAME
#define WRITES_TRIG WRITES_SAME
#define WRITES_FTRIG WRITES_SAME
#define WRITES_POS WRITES_SAME
#define WRITES_RIGHT WRITES_SAME
#define WRITES_SPAN WRITES_SAME
#define WRITES_CSPAN WRITES_SAME
#define WRITES_WAVE WRITES_SAME
#define WRITES_WAVEPOS WRITES_SAME
#define WRITES_POLY WRITES_SAME
#define WRITES_MOD WRITES_SAME
#define WRITES_FI WRITES_SAME
#define WRITES_FIC WRITES_SAME
#define WRITES_FIB WRITES_SAME
#define WRITES_ALL WRITES_SAME
#define WRITES_IB WRITES_SAME
#define WRITES_PALL WRITES_BOOL
#define WRITES_PFIB WRITES_BOOL
#define WRITES_CALL WRITES_BOOL
#define WRITES_CREAL WRITES_BOOL
#define WRITES_RFIC WRITES_REAL
#define WRITES_RFC WRITES_REAL

/* One row of a .def file as a row of a table; rows without a signature are empty and are skipped. */
#define UNARY_ROW(name, classes, reads, f, df, signature, flag_bits, places, formula_text, more_names, sample_text, doc_text) \
    {.sig = signature, .flags = (flag_bits) | ELEMENTWISE | TAKES_BARE, .where = places, .saves = SAVES_##reads, .forward = rl_unary_forward, .vjp = VJP_##reads, \
     .formula = formula_text, .doc = doc_text, .samples = sample_text, .aliases = more_names, .data = UNARY_##name, .data2 = WRITES_##classes},
#define BINARY_ROW(name, classes, f, signature, flag_bits, places, formula_text, more_names, sample_text, doc_text) \
    {.sig = signature, .flags = (flag_bits) | ELEMENTWISE | TAKES_BARE, .where = places, .forward = rl_binary_forward, .formula = formula_text, \
     .vjp = BINARY_##name == BINARY_atan2 ? rl_atan2_vjp : NULL, .saves = BINARY_##name == BINARY_atan2 ? SAVE(0) | SAVE(1) : 0, \
     .doc = doc_text, .samples = sample_text, .aliases = more_names, .data = BINARY_##name, .data2 = WRITES_##classes},

#endif
