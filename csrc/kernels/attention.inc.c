/* attention.inc.c -- scores on their way to weights and back: the running largest score, sum and correction of each row. */
#define T float
#define TAG f32
#define NAMESPACE f32
#include "attention_float.inc.c"

#define T double
#define TAG f64
#define NAMESPACE f64
#include "attention_float.inc.c"
