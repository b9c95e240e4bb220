/* softmax.c -- rows of scores become rows of probabilities, or of their logarithms, and back again. */
#include "rushlight.h"

#include "kernels/kernels.h"

enum { PLAIN = ROW_SOFTMAX, LOG = ROW_LOG_SOFTMAX };

/* ---- one line at a time --------------------------------------------------------------------------------------------- */

/* (input, dim) */
static Tensor *rows_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    Tensor *y = dim < 0 ? NULL : rl_out(c, 0, x->ndim, x->shape, x->dtype);
    if (!y || !y->numel) return y;
    if (!x->ndim) return c->op->data == PLAIN ? rl_fill(y, &(Arg){.tag = A_INT, .i = 1}) : rl_sub(x, x);
    return rl_loop_lines(rl_kernels->row[x->dtype][c->op->data], 2, (Tensor *[]){y, x}, dim, NULL, 2.0 * (double)x->shape[dim]) ? y : NULL;
}

/* y (g - sum g y), or for logarithms g - exp(y) sum g: as operations where the slope itself is recorded. */
static Tensor *slope_by_ops(Tensor *y, Tensor *g, int64_t dim, int kind) {
    if (kind == PLAIN) return rl_mul(y, rl_sub(g, rl_sum_dim(rl_mul(g, y), dim, true)));
    return rl_sub(g, rl_mul(rl_exp(y), rl_sum_dim(g, dim, true)));
}

static void rows_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *y = c->out[0];
    if (!y || !g[0]) return;
    if (!y->ndim) dx[0] = rl_zeros_like(g[0]);
    else if (rl_thread.grad_mode) dx[0] = slope_by_ops(y, g[0], c->arg[1].i, c->op->data);
    else {
        Tensor *d = rl_empty(y->ndim, y->shape, y->dtype);
        LoopFn *fn = rl_kernels->row[y->dtype][c->op->data == PLAIN ? ROW_SOFTMAX_GRAD : ROW_LOG_SOFTMAX_GRAD];
        if (d && (!d->numel || rl_loop_lines(fn, 3, (Tensor *[]){d, g[0], y}, rl_wrap_dim(y->ndim, c->arg[1].i), NULL, (double)rl_size(y, (int)c->arg[1].i)))) dx[0] = d;
    }
}

/* ---- what is called ---------------------------------------------------------------------------------------------------- */

/* (input, dim, dtype): another dtype first if one is given; halves are computed in float. */
static Tensor *softmax_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Dtype d = a_dtype_or(&c->arg[2], x->dtype);
    if (rl_wrap_dim(x->ndim, c->arg[1].i) < 0) return NULL;
    if (!rl_dtype_is(d, CLASS_FLOATING))
        return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_lastdim_kernel_impl\" not implemented for '%s': convert with .float(), or give a dtype", c->op->data == PLAIN ? "softmax" : "log_softmax", rl_dtypes[d].word);
    x = rl_cast(x, rl_dtype_is(d, CLASS_HALF) ? RL_FLOAT32 : d);
    Tensor *y = c->op->data == PLAIN ? rl_do("_softmax", a_t(x), c->arg[1]) : rl_do("_log_softmax", a_t(x), c->arg[1]);
    return rl_cast(y, d);
}

Op rl_softmax_ops[] = {
    {
        .sig = "_softmax(input: Tensor, dim: int) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT, .saves = SAVE_OUT(0), .node = "SoftmaxBackward0", .data = PLAIN,
        .doc = "Exponentials along dim, scaled to sum to one, in float or double.", .forward = rows_forward, .vjp = rows_vjp, .samples = "x(3, 4), 1; x(3, 4, 2), 1; x(), 0",
    },
    {
        .sig = "_log_softmax(input: Tensor, dim: int) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT, .saves = SAVE_OUT(0), .node = "LogSoftmaxBackward0", .data = LOG,
        .doc = "The logarithm of softmax along dim, in float or double.", .forward = rows_forward, .vjp = rows_vjp, .samples = "x(3, 4), 1; x(3, 4, 2), 1; x(), 0",
    },
    {
        .sig = "softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor", .where = FUNCTION | METHOD | SPECIAL | OUT, .flags = COMPOSITE, .data = PLAIN,
        .doc = "Exponentials along dim, scaled to sum to one.\n\n>>> rl.softmax(rl.tensor([0.0, 0.0]), 0)\ntensor([0.5000, 0.5000])",
        .forward = softmax_forward, .samples = "x(3, 4), 1; x(3, 4, 2), 0; x(), 0; x(0, 3), -1",
    },
    {
        .sig = "log_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor", .where = FUNCTION | METHOD | SPECIAL | OUT, .flags = COMPOSITE, .data = LOG,
        .doc = "The logarithm of softmax along dim, without the detour.\n\n>>> rl.log_softmax(rl.tensor([0.0, 0.0]), 0)\ntensor([-0.6931, -0.6931])",
        .forward = softmax_forward, .samples = "x(3, 4), 1; x(3, 4, 2), 0; x(), 0; x(0, 3), -1",
    },
    {0},
};
