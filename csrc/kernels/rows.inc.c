/* rows.inc.c -- softmax and its relatives along one line, in float and double. */
#define T float
#define TAG f32
#define EXP f32_exp
#include "rows_softmax.inc.c"

#define T double
#define TAG f64
#define EXP f64_exp
#include "rows_softmax.inc.c"
