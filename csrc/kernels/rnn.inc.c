/* rnn.inc.c -- one time step of a recurrent layer: the product with weights that stay, and what is left after it; in float and double. */
#define T float
#define TAG f32
#define SIGMOID f32_sigmoid
#define TANH f32_tanh
#include "rnn_steps.inc.c"

#define T double
#define TAG f64
#define SIGMOID f64_sigmoid
#define TANH __builtin_tanh
#include "rnn_steps.inc.c"

#define T float
#define TAG f32
#include "panels.inc.c"

#define T double
#define TAG f64
#include "panels.inc.c"
