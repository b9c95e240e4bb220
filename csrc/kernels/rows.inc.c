/* rows.inc.c -- one line in, one line out: softmax, its logarithm, and their gradients.
 *
 * A contiguous line of float or double is worked in place of its result; any other (strided, half) is fetched in chunks once per
 * pass, and its exponentials are worked out twice rather than kept. */
#define T float
#define TAG f32
#define NAMESPACE f32
#include "rows_float.inc.c"

#define T double
#define TAG f64
#define NAMESPACE f64
#include "rows_float.inc.c"

#define HALF_ROWS(tag, half_kind) \
    static void softmax_##tag(LOOP_ARGS) { softmax_chunks_f32(n, p, stride, (Kinds){2, 2, 1, half_kind}); } \
    static void log_softmax_##tag(LOOP_ARGS) { log_softmax_chunks_f32(n, p, stride, (Kinds){2, 2, 1, half_kind}); } \
    static void softmax_grad_##tag(LOOP_ARGS) { softmax_grad_chunks_f32(n, p, stride, (Kinds){2, 2, 1, half_kind}); } \
    static void log_softmax_grad_##tag(LOOP_ARGS) { log_softmax_grad_chunks_f32(n, p, stride, (Kinds){2, 2, 1, half_kind}); }
HALF_ROWS(f16, HALF)
HALF_ROWS(bf16, BFLOAT)

#define ROW_TABLE(tag) \
    static LoopFn *const row_##tag[ROW_COUNT] = {[ROW_SOFTMAX] = softmax_##tag, [ROW_LOG_SOFTMAX] = log_softmax_##tag, \
        [ROW_SOFTMAX_GRAD] = softmax_grad_##tag, [ROW_LOG_SOFTMAX_GRAD] = log_softmax_grad_##tag};
ROW_TABLE(f32)
ROW_TABLE(f64)
ROW_TABLE(f16)
ROW_TABLE(bf16)
