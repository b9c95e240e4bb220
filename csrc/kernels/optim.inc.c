/* optim.inc.c -- optimizer steps in float and double; halves and complex numbers go the way of single operations. */
#define T float
#define TAG f32
#define SQRT __builtin_sqrtf
#define FMA FMAF
#define HUGE_T __builtin_inff()
#include "optim_steps.inc.c"

#define T double
#define TAG f64
#define SQRT __builtin_sqrt
#define FMA FMAD
#define HUGE_T __builtin_inf()
#include "optim_steps.inc.c"
