/* loss.inc.c -- rows of scores: their log-sum-exp, and the softmax scaled as a gradient; in float and double. */
#define T float
#define TAG f32
#define EXP f32_exp
#define EXP_BELOW f32_exp_below
#include "loss_rows.inc.c"

#define T double
#define TAG f64
#define EXP f64_exp
#define EXP_BELOW f64_exp
#include "loss_rows.inc.c"
