/* softmax.c -- rows of scores become rows of probabilities, or of their logarithms, and back again. */
#include "rushlight.h"
#include "kernels/kernels.h"

/* Whether lines lie side by side with their elements far apart: then rows of many lines are faster than a line at a time. */
static bool by_planes(const Tensor *t, int dim) {
    enum { SIDE_BY_SIDE = 16 };
    int64_t beside = 1;
    for (int d = dim + 1; d < t->ndim; d++) beside *= t->shape[d];
    return beside >= SIDE_BY_SIDE && t->numel > 0 && rl_is_contiguous(t);
}

/* Rows of neighbours; halves in float32, rounded once. */
static Tensor *softmax_beside(Tensor *x, int dim, Row kind) {
    Dtype dtype = x->dtype;
    if (rl_dtype_is(dtype, CLASS_HALF)) x = rl_cast(x, RL_FLOAT32);
    Tensor *y = x ? rl_empty(x->ndim, x->shape, x->dtype) : NULL;
    return y && rl_loop_beside(rl_kernels->row[x->dtype][kind], 2, (Tensor *[]){y, x}, dim, 2.0 * (double)x->shape[dim]) ? rl_cast(y, dtype) : NULL;
}

static Tensor *softmax_slope_beside(Tensor *g, Tensor *y, int dim, Row kind) {
    Dtype dtype = y->dtype;
    if (rl_dtype_is(dtype, CLASS_HALF)) g = rl_cast(g, RL_FLOAT32), y = rl_cast(y, RL_FLOAT32);
    g = rl_contiguous(g);
    Tensor *dx = g && y ? rl_empty(y->ndim, y->shape, y->dtype) : NULL;
    return dx && rl_loop_beside(rl_kernels->row[y->dtype][kind], 3, (Tensor *[]){dx, g, y}, dim, 2.0 * (double)y->shape[dim]) ? rl_cast(dx, dtype) : NULL;
}

/* y_i = exp(x_i - max x) / sum_j exp(x_j - max x).  Subtracting the maximum changes nothing on paper and keeps exp() from
 * overflowing in practice.  Op.data: which row kernel. */
static Tensor *softmax_forward(Call *c) {
    Tensor *x = rl_cast(c->arg[0].tensor, a_dtype_or(&c->arg[2], c->arg[0].tensor->dtype));
    if (!x) return NULL;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    if (dim < 0) return NULL;
    if (x->ndim && x->stride[dim] != 1) x = rl_contiguous(x);
    if (!x) return NULL;
    if (!rl_kernels->row[x->dtype])
        return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_lastdim_kernel_impl\" not implemented for '%s'. Convert first, as in x.float()", c->op->parsed->name, rl_dtypes[x->dtype].word);
    if (by_planes(x, dim)) return softmax_beside(x, dim, c->op->data);
    Tensor *y = rl_out(c, 0, x->ndim, x->shape, x->dtype);
    LoopFn *fn = rl_kernels->row[x->dtype][c->op->data];
    int64_t one = rl_dtype_bytes(x->dtype);
    if (!y) return NULL;
    if (x->ndim == 0) {
        fn(1, (char *[]){rl_data(y), rl_data(x)}, (int64_t[]){one, one}, NULL);
        return y;
    }
    return rl_loop_lines(fn, 2, (Tensor *[]){y, x}, dim, NULL, 2.0 * (double)x->shape[dim]) ? y : NULL;
}

/* The backward as a row of its own: one pass over each line, and recordable through its vjp. */
static Tensor *backward_forward(Call *c) {
    Tensor *g = c->arg[0].tensor, *y = c->arg[1].tensor;
    if (!rl_same_shape(g, y)) return rl_fail(RL_RUNTIME_ERROR, "%s(): a gradient of shape %s for an output of shape %s", c->op->parsed->name, rl_text_shape(g), rl_text_shape(y));
    if (!rl_kernels->row[y->dtype] || !rl_kernels->row[y->dtype][c->op->data]) return rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[y->dtype].word);
    if (g->dtype != y->dtype) g = rl_cast(g, y->dtype);
    int dim = rl_wrap_dim(y->ndim, c->arg[2].i);
    if (dim < 0 || !(g = rl_contiguous(g)) || !(y = rl_contiguous(y))) return NULL;
    if (by_planes(y, dim)) return softmax_slope_beside(g, y, dim, c->op->data);
    Tensor *dx = rl_empty(y->ndim, y->shape, y->dtype);
    LoopFn *fn = rl_kernels->row[y->dtype][c->op->data];
    int64_t one = rl_dtype_bytes(y->dtype);
    if (!dx) return NULL;
    if (y->ndim == 0) {
        fn(1, (char *[]){rl_data(dx), rl_data(g), rl_data(y)}, (int64_t[]){one, one, one}, NULL);
        return dx;
    }
    return rl_loop_lines(fn, 3, (Tensor *[]){dx, g, y}, dim, NULL, 2.0 * (double)y->shape[dim]) ? dx : NULL;
}

static void softmax_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("_softmax_backward", a_t(g[0]), a_t(c->out[0]), c->arg[1]); }
static void log_softmax_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("_log_softmax_backward", a_t(g[0]), a_t(c->out[0]), c->arg[1]); }

Op rl_softmax_ops[] = {
    {
        .sig = "softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor", .forward = softmax_forward, .vjp = softmax_vjp, .saves = SAVE_OUT(0),
        .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | SPECIAL | OUT, .data = ROW_SOFTMAX, .formula = "input: y * (g - sum(g * y, dim, True))",
        .samples = "x(3, 4), 1; x(2, 3, 4), 0",
        .doc = "Exponentials along dim, scaled to sum to one.\n\n>>> rl.softmax(rl.tensor([0.0, 0.0]), 0)\ntensor([0.5000, 0.5000])",
    },
    {
        .sig = "log_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor", .forward = softmax_forward, .vjp = log_softmax_vjp, .saves = SAVE_OUT(0),
        .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | SPECIAL | OUT, .data = ROW_LOG_SOFTMAX, .formula = "input: g - exp(y) * sum(g, dim, True)",
        .samples = "x(3, 4), 1; x(2, 3, 4), 0",
        .doc = "The logarithm of softmax, without the detour.\n\n>>> rl.log_softmax(rl.tensor([0.0, 0.0]), 0)\ntensor([-0.6931, -0.6931])",
    },
    {
        .sig = "_softmax_backward(grad_output: Tensor, output: Tensor, dim: int) -> Tensor", .forward = backward_forward, .where = PRIVATE, .data = ROW_SOFTMAX_GRAD,
        .formula = "grad_output: output * (g - sum(output * g, dim, True)); "
                   "output: g * (grad_output - sum(output * grad_output, dim, True)) - grad_output * sum(g * output, dim, True)",
        .samples = "x(3, 4), unit(3, 4), 1", .doc = "The gradient of softmax from its output.",
    },
    {
        .sig = "_log_softmax_backward(grad_output: Tensor, output: Tensor, dim: int) -> Tensor", .forward = backward_forward, .where = PRIVATE, .data = ROW_LOG_SOFTMAX_GRAD,
        .formula = "grad_output: g - sum(exp(output) * g, dim, True); output: -g * exp(output) * sum(grad_output, dim, True)",
        .samples = "x(3, 4), x(3, 4), 1", .doc = "The gradient of log_softmax from its output.",
    },
    {0},
};
