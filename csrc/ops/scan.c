/* scan.c -- running sums, products, extremes and logarithms of sums, along one dim. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <complex.h>
#include <math.h>

static Tensor *refuse(Call *c, Dtype d) {
    return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_out_cpu\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[d].word);
}

/* Tensors that lie alike in another order of dims than theirs, seen in that order; false if they do not. */
static bool in_their_order(int n, Tensor **operands, int *dim) {
    const Tensor *x = operands[n - 1];
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    int order[RL_MAX_DIMS], place = 0;
    for (int i = 0; i < x->ndim; i++) {
        int k = i;
        for (; k > 0 && x->stride[order[k - 1]] < x->stride[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
    for (int k = 0; k < n; k++) {
        Tensor *t = operands[k], *seen;
        for (int i = 0; i < t->ndim; i++) {
            shape[i] = t->shape[order[i]], stride[i] = t->stride[order[i]];
            if (order[i] == *dim) place = i;
        }
        seen = rl_view(t, t->ndim, shape, stride, t->offset);
        if (!seen || !rl_is_contiguous(seen)) return false;
        operands[k] = seen;
    }
    *dim = place;
    return true;
}

/* Results first, then the input. */
static bool run_lines(LoopFn *fn, int n, Tensor **operands, int dim) {
    Tensor *seen[3];
    for (int k = 0; k < n; k++) seen[k] = operands[k];
    if (operands[n - 1]->ndim > 1 && !rl_is_contiguous(operands[n - 1]) && in_their_order(n, seen, &dim))
        return rl_loop_beside(fn, n, seen, dim, 2.0 * (double)seen[0]->shape[dim]);
    if (rl_failed()) return false;
    Tensor *x = rl_contiguous(operands[n - 1]), *dense[3];
    if (!x) return false;
    for (int k = 0; k < n; k++) {
        Tensor *t = operands[k];
        dense[k] = k == n - 1 ? x : rl_is_contiguous(t) ? t : rl_empty(t->ndim, t->shape, t->dtype);
    }
    bool done = rl_loop_beside(fn, n, dense, dim, 2.0 * (double)(x->ndim ? x->shape[dim] : 1));
    for (int k = 0; done && k < n - 1; k++) done = dense[k] == operands[k] || rl_copy_into(operands[k], dense[k]);
    return done;
}

/* data: Scan; integers become int64 unless another dtype is asked for. */
static Tensor *sum_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    Dtype dtype = a_dtype_or(&c->arg[2], c->dest ? (Dtype)c->dest->dtype : rl_dtype_is(x->dtype, CLASS_INTEGRAL) ? RL_INT64 : x->dtype);
    LoopFn *fn = rl_kernels->scan[dtype][c->op->data];
    if (!fn) return refuse(c, dtype);
    x = dim < 0 ? NULL : rl_cast(x, dtype);
    Tensor *y = x ? rl_out_like(c, 0, dtype, 1, &x) : NULL;
    return y && run_lines(fn, 2, (Tensor *[]){y, x}, dim) ? y : NULL;
}

/* log(e^a + e^b) of complex numbers: the larger real part comes out of the logarithm. */
static double _Complex add_complex_logs(double _Complex a, double _Complex b) {
    double _Complex top = creal(a) >= creal(b) ? a : b, low = creal(a) >= creal(b) ? b : a;
    if (creal(a) != creal(a) || creal(b) != creal(b) || cimag(a) != cimag(a) || cimag(b) != cimag(b)) return CMPLX(NAN, NAN);
    if (creal(top) == creal(low) && isinf(creal(top))) return creal(top) < 0 ? CMPLX(-INFINITY, 0) : clog(cexp(low) + cexp(top));
    return top + clog(1 + cexp(low - top));
}

static void complex_lse(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    double _Complex sum = -INFINITY;
    (void)extra;
    for (int64_t i = 0; i < n; i++) *(double _Complex *)(p[0] + i * stride[0]) = sum = add_complex_logs(sum, *(double _Complex *)(p[1] + i * stride[1]));
}

static Tensor *complex_lse_forward(Tensor *x, int dim) {
    Tensor *wide = rl_cast(x, RL_COMPLEX128), *y = wide ? rl_empty(wide->ndim, wide->shape, RL_COMPLEX128) : NULL;
    if (!y) return NULL;
    if (y->ndim == 0) complex_lse(1, (char *[]){rl_data(y), rl_data(wide)}, (int64_t[]){0, 0}, NULL);
    else if (!rl_loop_lines(complex_lse, 2, (Tensor *[]){y, wide}, dim, NULL, 100.0 * (double)x->shape[dim])) return NULL;
    return rl_cast(y, x->dtype);
}

static Tensor *lse_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    if (dim >= 0 && rl_dtype_is(x->dtype, CLASS_COMPLEX)) return complex_lse_forward(x, dim);
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
    if (x->ndim == 0 || x->numel == 0 || rl_size(x, (int)c->arg[1].i) == 1) {
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

/* dx_i = sum over k >= i of g_k exp(x_i - y_k), conjugated. */
static void lse_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = rl_conj(c->arg[0].tensor), *y = rl_conj(c->out[0]);
    if (x && y) dx[0] = x->ndim == 0 ? g[0] : rl_do("_exp_sums", a_t(g[0]), a_t(x), a_t(rl_neg(y)), c->arg[1], a_b(true));
}

/* ---- sums of exponentials with weights: y_i = sum of v_k exp(s_i + t_k) over k <= i, or k >= i -----------------------------------------
 *
 * The gradient of logcumsumexp, of which every derivative is again such a sum.  What has been added up is kept relative to the largest
 * t so far, so that nothing overflows while s_i + t_k is not large. */

static void exp_sums_real(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    double sum = 0, top = -INFINITY;
    bool backwards = *(const bool *)extra;
    for (int64_t j = 0; j < n; j++) {
        int64_t i = backwards ? n - 1 - j : j;
        double v = *(double *)(p[1] + i * stride[1]), s = *(double *)(p[2] + i * stride[2]), t = *(double *)(p[3] + i * stride[3]);
        if (t > top) sum = sum == 0 ? 0 : sum * exp(top - t), top = t;
        sum += t == top ? v : v * exp(t - top);
        *(double *)(p[0] + i * stride[0]) = sum == 0 ? 0 : sum * exp(s + top);
    }
}

static void exp_sums_complex(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    double _Complex sum = 0, top = -INFINITY;
    bool backwards = *(const bool *)extra;
    for (int64_t j = 0; j < n; j++) {
        int64_t i = backwards ? n - 1 - j : j;
        double _Complex v = *(double _Complex *)(p[1] + i * stride[1]), s = *(double _Complex *)(p[2] + i * stride[2]), t = *(double _Complex *)(p[3] + i * stride[3]);
        if (creal(t) > creal(top)) sum = sum == 0 ? 0 : sum * cexp(top - t), top = t;
        sum += t == top ? v : v * cexp(t - top);
        *(double _Complex *)(p[0] + i * stride[0]) = sum == 0 ? 0 : sum * cexp(s + top);
    }
}

static Tensor *exp_sums_forward(Call *c) {
    Dtype dtype = rl_common_dtype(c), wide = rl_dtype_is(dtype, CLASS_COMPLEX) ? RL_COMPLEX128 : RL_FLOAT64;
    int dim = rl_wrap_dim(c->arg[0].tensor->ndim, c->arg[3].i);
    Tensor *in[4] = {NULL};
    bool same = dim >= 0 && rl_same_shape(c->arg[0].tensor, c->arg[1].tensor) && rl_same_shape(c->arg[0].tensor, c->arg[2].tensor) && c->arg[0].tensor->ndim;
    if (!same) return rl_fail(RL_RUNTIME_ERROR, "_exp_sums: three tensors of one shape with dims are needed");
    for (int k = 0; k < 3; k++) in[k + 1] = rl_cast(c->arg[k].tensor, wide);
    in[0] = in[1] ? rl_empty(in[1]->ndim, in[1]->shape, wide) : NULL;
    if (!in[0] || !in[2] || !in[3]) return NULL;
    double cost = 30.0 * (double)in[0]->shape[dim];
    return rl_loop_lines(wide == RL_FLOAT64 ? exp_sums_real : exp_sums_complex, 4, in, dim, &c->arg[4].b, cost) ? rl_cast(in[0], dtype) : NULL;
}

/* With w arriving: dv_k = exp(t_k) times the sum of w_i exp(s_i) from the other side; ds = w y; dt = v dv. */
static void exp_sums_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *v = c->arg[0].tensor, *s = rl_conj(c->arg[1].tensor), *t = rl_conj(c->arg[2].tensor), *dv = NULL;
    if (rl_need(c, 0) || rl_need(c, 2)) dx[0] = dv = rl_do("_exp_sums", a_t(g[0]), a_t(t), a_t(s), c->arg[3], a_b(!c->arg[4].b));
    if (rl_need(c, 1)) dx[1] = rl_mul(g[0], rl_conj(c->out[0]));
    if (rl_need(c, 2)) dx[2] = rl_mul(dv, rl_conj(v));
}

Op rl_scan_ops[] = {
    {
        .sig = "cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", .forward = sum_forward, .vjp = cumsum_vjp, .data = SCAN_SUM,
        .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .samples = "x(3, 4), 1; x(3, 4), 0",
        .doc = "Running sums along dim.\n\n>>> rl.cumsum(rl.tensor([1, 2, 3]), 0)\ntensor([1, 3, 6])",
    },
    {
        .sig = "cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", .forward = sum_forward, .vjp = cumprod_vjp, .saves = SAVE(0) | SAVE_OUT(0), .data = SCAN_PROD,
        .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .samples = "pos(3, 4), 1; pos(3, 4), 0",
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
    {
        .sig = "_exp_sums(weights: Tensor, outer: Tensor, inner: Tensor, dim: int, backwards: bool) -> Tensor", .forward = exp_sums_forward, .vjp = exp_sums_vjp,
        .saves = SAVE(0) | SAVE(1) | SAVE(2) | SAVE_OUT(0), .dtypes = CLASS_INEXACT, .where = PRIVATE, .samples = "x(3, 4), x(3, 4), x(3, 4), 1, True; x(3, 4), x(3, 4), x(3, 4), 0, False",
        .doc = "Running sums of weights * exp(outer[i] + inner[k]), from the front or from the back.",
    },
    {0},
};
