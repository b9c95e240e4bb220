/* optim.inc.c -- optimizer steps in float and double; halves and complex numbers go the way of single operations. */
#define T float
#define TAG f32
#define SQRT __builtin_sqrtf
#include "optim_steps.inc.c"

#define T double
#define TAG f64
#define SQRT __builtin_sqrt
#include "optim_steps.inc.c"
