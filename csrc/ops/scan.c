/* scan.c -- running sums, products, extremes and logarithms of sums, along one dim. */
#include "rushlight.h"
#include "kernels/kernels.h"

static Tensor *refuse(Call *c, Dtype d) {
    return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_out_cpu\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[d].word);
}

static bool run_lines(LoopFn *fn, int n, Tensor **operands, int dim) {
    Tensor *x = operands[n - 1];
    if (x->ndim) return rl_loop_lines(fn, n, operands, dim, NULL, 2.0 * (double)x->shape[dim]);
    char *p[3];
    int64_t stride[3] = {0, 0, 0};
    for (int k = 0; k < n; k++) p[k] = rl_data(operands[k]);
    fn(1, p, stride, NULL);
    return true;
}

/* data: Scan; integers become int64 unless another dtype is asked for. */
static Tensor *sum_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    Dtype dtype = a_dtype_or(&c->arg[2], rl_dtype_is(x->dtype, CLASS_INTEGRAL) ? RL_INT64 : x->dtype);
    x = dim < 0 ? NULL : rl_cast(x, dtype);
    Tensor *y = x ? rl_out_like(c, 0, dtype, 1, &x) : NULL;
    return y && run_lines(rl_kernels->scan[dtype][c->op->data], 2, (Tensor *[]){y, x}, dim) ? y : NULL;
}

static Tensor *lse_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    LoopFn *fn = rl_kernels->scan[x->dtype][SCAN_LOGSUMEXP];
    if (dim < 0) return NULL;
    if (!fn) return refuse(c, x->dtype);
    Tensor *y = rl_out_like(c, 0, x->dtype, 1, &x);
    return y && run_lines(fn, 2, (Tensor *[]){y, x}, dim) ? y : NULL;
}

static Tensor *best_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    LoopFn *fn = rl_kernels->scan[x->dtype][c->op->data];
    if (dim < 0 || !out) return NULL;
    if (!fn) return refuse(c, x->dtype);
    out[0] = rl_out_like(c, 0, x->dtype, 1, &x);
    out[1] = rl_out_like(c, 1, RL_INT64, 1, &x);
    return out[0] && out[1] && run_lines(fn, 3, (Tensor *[]){out[0], out[1], x}, dim) ? out[0] : NULL;
}

/* ---- gradients ------------------------------------------------------------------------------------------------------------- */

static Tensor *flip(Tensor *x, int64_t dim) { return rl_do("flip", a_t(x), a_ints(1, &dim)); }

/* Sums from the other end. */
static Tensor *sum_backwards(Tensor *x, int64_t dim) { return x && x->ndim ? flip(rl_do("cumsum", a_t(flip(x, dim)), a_i(dim)), dim) : x; }

static void cumsum_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = sum_backwards(g[0], c->arg[1].i); }

/* Where an element is 0 nothing can be divided by it: each element's gradient from the products without it. */
static Tensor *cumprod_slope_by_parts(Tensor *g, Tensor *x, int64_t dim) {
    int64_t n = rl_size(x, (int)dim);
    Tensor **part = rl_scope_bytes((n ? n : 1) * (int64_t)sizeof *part);
    if (!part) return NULL;
    for (int64_t i = 0; i < n; i++) {
        Tensor *before = i ? rl_do_overload("prod", 1, a_t(rl_narrow(x, dim, 0, i)), a_i(dim), a_b(true)) : NULL, *tail = rl_narrow(g, dim, i, n - i);
        if (i + 1 < n) {
            Tensor *after = rl_do("cumprod", a_t(rl_narrow(x, dim, i + 1, n - i - 1)), a_i(dim));
            Tensor *one = rl_do("ones_like", a_t(rl_narrow(x, dim, i, 1)));
            tail = rl_mul(tail, rl_conj(rl_cat(2, (Tensor *[]){one, after}, dim)));
        }
        part[i] = rl_sum_dim(tail, dim, true);
        if (before) part[i] = rl_mul(part[i], rl_conj(before));
    }
    return rl_cat((int)n, part, dim);
}

static void cumprod_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *y = c->out[0];
    Arg zero = a_none();
    double room[2];
    if (!x || !y) return;
    if (x->ndim == 0 || x->numel == 0) {
        dx[0] = g[0];
        return;
    }
    Tensor *any = rl_do("any", a_t(rl_do("eq", a_t(rl_detach(x)), a_i(0))));
    if (!any || !rl_item(any, &zero, room)) return;
    if (zero.b) dx[0] = cumprod_slope_by_parts(g[0], x, c->arg[1].i);
    else dx[0] = rl_div(sum_backwards(rl_mul(g[0], rl_conj(y)), c->arg[1].i), rl_conj(x));
}

static void best_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    if (!g[0] || !m) return;
    if (m->ndim == 0) dx[0] = g[0];
    else dx[0] = rl_do("scatter_add", a_t(rl_zeros(m->ndim, m->shape, g[0]->dtype)), c->arg[1], a_t(c->out[1]), a_t(g[0]));
}

/* sum over k >= i of g_k exp(x_i - y_k), the signs of g apart, in logarithms. */
static Tensor *lse_half(Tensor *g, Tensor *x, Tensor *y, int64_t dim) {
    Tensor *size = rl_do("where", a_t(rl_do("gt", a_t(g), a_i(0))), a_t(g), a_i(0)), *logs = rl_sub(rl_log(size), y);
    return rl_exp(rl_add(flip(rl_do("logcumsumexp", a_t(flip(logs, dim)), a_i(dim)), dim), x));
}

static void lse_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *y = c->out[0];
    if (!x || !y) return;
    dx[0] = x->ndim == 0 ? g[0] : rl_sub(lse_half(g[0], x, y, c->arg[1].i), lse_half(rl_neg(g[0]), x, y, c->arg[1].i));
}

Op rl_scan_ops[] = {
    {
        .sig = "cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", .forward = sum_forward, .vjp = cumsum_vjp, .data = SCAN_SUM,
        .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .samples = "x(3, 4), 1; x(3, 4), 0",
        .doc = "Running sums along dim.\n\n>>> rl.cumsum(rl.tensor([1, 2, 3]), 0)\ntensor([1, 3, 6])",
    },
    {
        .sig = "cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", .forward = sum_forward, .vjp = cumprod_vjp, .saves = SAVE(0) | SAVE_OUT(0), .data = SCAN_PROD,
        .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .samples = "pos(3, 4), 1; pos(3, 4), 0",
        .doc = "Running products along dim.\n\n>>> rl.cumprod(rl.tensor([1, 2, 3]), 0)\ntensor([1, 2, 6])",
    },
    {
        .sig = "cummax(input: Tensor, dim: int) -> (values: Tensor, indices: Tensor)", .forward = best_forward, .vjp = best_vjp, .saves = SAVE_OUT(1), .data = SCAN_MAX,
        .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 1",
        .doc = "The largest so far along dim, and where it stood.\n\n>>> rl.cummax(rl.tensor([1, 3, 2]), 0).values\ntensor([1, 3, 3])",
    },
    {
        .sig = "cummin(input: Tensor, dim: int) -> (values: Tensor, indices: Tensor)", .forward = best_forward, .vjp = best_vjp, .saves = SAVE_OUT(1), .data = SCAN_MIN,
        .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 1",
        .doc = "The smallest so far along dim, and where it stood.\n\n>>> rl.cummin(rl.tensor([3, 1, 2]), 0).values\ntensor([3, 1, 1])",
    },
    {
        .sig = "logcumsumexp(input: Tensor, dim: int) -> Tensor", .forward = lse_forward, .vjp = lse_vjp, .saves = SAVE(0) | SAVE_OUT(0), .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 1",
        .doc = "Logarithms of running sums of exponentials.\n\n>>> rl.logcumsumexp(rl.tensor([0.0, 0.0]), 0)\ntensor([0.0000, 0.6931])",
    },
    {0},
};
