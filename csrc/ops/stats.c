/* stats.c -- variances, deviations and norms. */
#include "reduce.h"

#include <math.h>

/* ---- variance -------------------------------------------------------------------------------------------------------------------
 *
 * One private row does the work: (input, dim, correction, keepdim) -> variance, mean.  torch's many spellings are compositions of it. */

static Tensor *var_mean_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    bool mask[RL_MAX_DIMS], keepdim = c->arg[3].b;
    int64_t shape[RL_MAX_DIMS];
    int ndim;
    double extra[4] = {a_double(&c->arg[2]), 0, 0, 0};
    if (!out || !rl_dims_mask(&c->arg[1], x->ndim, mask)) return NULL;
    if (extra[0] >= (double)rl_masked_count(x->shape, x->ndim, mask))
        rl_host.warn("var(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel divided by output numel).");
    rl_reduced_shape(x, mask, keepdim, &ndim, shape);
    out[0] = rl_empty(ndim, shape, rl_to_real(x->dtype));
    out[1] = rl_empty(ndim, shape, x->dtype);
    return out[0] && out[1] && !rl_failed() && rl_reduce(REDUCE_var, x, mask, keepdim, out[0], out[1], extra) ? out[0] : NULL;
}

static double count_for(Call *c) {
    const Meta *m = rl_meta(c, 0);
    bool mask[RL_MAX_DIMS];
    return m && rl_dims_mask(&c->arg[1], m->ndim, mask) ? (double)rl_masked_count(m->shape, m->ndim, mask) : 1;
}

static void var_mean_vjp(Call *c, Tensor **g, Tensor **dx) {
    double n = count_for(c);
    bool keepdim = c->arg[3].b;
    if (g[0]) {
        Tensor *mean = rl_restore_dims(c, c->out[1], &c->arg[1], keepdim), *around = rl_sub(c->arg[0].tensor, mean);
        double divisor = n - a_double(&c->arg[2]);
        dx[0] = rl_mul(rl_mul_number(rl_restore_dims(c, g[0], &c->arg[1], keepdim), 2 / (divisor > 0 ? divisor : 0)), around);
    }
    if (g[1]) {
        Tensor *even = rl_spread(c, rl_div_number(g[1], n), &c->arg[1], keepdim);
        dx[0] = dx[0] ? rl_add(dx[0], even) : even;
    }
}

/* Square roots of variances; where those are 0 the slope is taken to be 0. */
static void deviation_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *y = c->out[0];
    dx[0] = rl_do("where", a_t(rl_do("eq", a_t(y), a_i(0))), a_i(0), a_t(rl_div(g[0], rl_mul_number(y, 2))));
}
static Tensor *deviation_forward(Call *c) { return rl_sqrt(c->arg[0].tensor); }

enum { ROOT = 1, WITH_MEAN = 2, UNBIASED_ALL = 4, UNBIASED_DIM = 8 };

/* data: what is wanted, and which of the overloads this is. */
static Tensor *spread_forward(Call *c) {
    int what = c->op->data;
    Tensor *x = c->arg[0].tensor, *both[2];
    Arg dim = what & UNBIASED_ALL ? a_none() : c->arg[1], correction = a_f(1), keepdim = a_b(false);
    if (!rl_dtype_is(x->dtype, CLASS_INEXACT)) return rl_fail(RL_RUNTIME_ERROR, "std and var only support floating point and complex dtypes, but got %s. Convert first, as in x.float()", rl_dtypes[x->dtype].name);
    if (what & UNBIASED_ALL) correction = a_f(c->arg[1].b ? 1 : 0);
    else if (what & UNBIASED_DIM) correction = a_f(c->arg[2].b ? 1 : 0), keepdim = c->arg[3];
    else if (c->arg[2].tag != A_NONE) correction = a_f(a_double(&c->arg[2]));
    if (!(what & (UNBIASED_ALL | UNBIASED_DIM))) keepdim = c->arg[3];
    if (dim.tag == A_INTS && dim.n == 0) dim = a_none();
    if (!rl_apply_many(RL_OP("_var_mean"), 4, (Arg[]){a_t(x), dim, correction, keepdim}, 2, both)) return NULL;
    if (what & ROOT) both[0] = rl_do("_deviation", a_t(both[0]));
    if (!(what & WITH_MEAN)) return both[0];
    Tensor **out = rl_outputs(c, 2);
    if (!out) return NULL;
    out[1] = both[1];
    return out[0] = both[0];
}

/* ---- norms ------------------------------------------------------------------------------------------------------------------------ */

/* (input, ord, dim, keepdim) for floating-point and complex tensors. */
static Tensor *norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]), extra[4] = {p, 0, 0, 0};
    bool mask[RL_MAX_DIMS], keepdim = c->arg[3].b;
    int64_t shape[RL_MAX_DIMS];
    int ndim;
    if (!rl_dims_mask(&c->arg[2], x->ndim, mask)) return NULL;
    rl_reduced_shape(x, mask, keepdim, &ndim, shape);
    Tensor *y = rl_out(c, 0, ndim, shape, rl_to_real(x->dtype));
    if (!y) return NULL;
    if (isinf(p) || p == 0) {
        bool empty = rl_masked_count(x->shape, x->ndim, mask) == 0;
        if (p == 0) {
            Tensor *count = rl_empty(ndim, shape, RL_INT64);
            return count && rl_reduce(REDUCE_count, x, mask, keepdim, count, NULL, NULL) ? rl_copy_into(y, count) : NULL;
        }
        if (empty) return rl_fail(RL_RUNTIME_ERROR, "linalg.vector_norm cannot compute the %g norm on an empty tensor because the operation does not have an identity", p);
        Tensor *size = rl_do("abs", a_t(x));
        return size && rl_reduce(p > 0 ? REDUCE_max : REDUCE_min, size, mask, keepdim, y, NULL, NULL) ? y : NULL;
    }
    if (p < 0 && rl_masked_count(x->shape, x->ndim, mask) == 0)
        return rl_fail(RL_RUNTIME_ERROR, "linalg.vector_norm cannot compute the %g norm on an empty tensor because the operation does not have an identity", p);
    return rl_reduce(p == 1 ? REDUCE_norm1 : p == 2 ? REDUCE_norm2 : REDUCE_normp, x, mask, keepdim, y, NULL, extra) ? y : NULL;
}

static Tensor *zero_where(Tensor *condition, Tensor *x) { return rl_do("where", a_t(condition), a_i(0), a_t(x)); }

static void norm_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]);
    Tensor *up = rl_restore_dims(c, g[0], &c->arg[2], c->arg[3].b), *y = rl_restore_dims(c, c->out[0], &c->arg[2], c->arg[3].b);
    if (!x || !y) return;
    Tensor *flat = rl_do("eq", a_t(y), a_i(0));
    if (p == 0) {
        dx[0] = rl_do("zeros_like", a_t(x));
    } else if (p == 1) {
        dx[0] = rl_mul(rl_do("sgn", a_t(x)), up);
    } else if (p == 2) {
        dx[0] = rl_mul(x, zero_where(flat, rl_div(up, y)));
    } else if (isinf(p)) {
        Tensor *size = rl_do("abs", a_t(x)), *hit = rl_do("eq", a_t(size), a_t(y));
        Tensor *count = c->arg[2].tag == A_INTS && c->arg[2].n ? rl_do_overload("sum", 1, a_t(hit), c->arg[2], a_b(true)) : rl_sum_all(hit);
        dx[0] = rl_mul(rl_mul(rl_do("sgn", a_t(x)), hit), rl_div(up, count));
    } else if (p < 1) {
        Tensor *size = rl_do("abs", a_t(x)), *slope = rl_mul(rl_do("sgn", a_t(x)), zero_where(rl_do("eq", a_t(x), a_i(0)), rl_pow_number(size, p - 1)));
        dx[0] = rl_mul(slope, rl_mul(up, rl_pow_number(y, 1 - p)));
    } else {
        Tensor *size = rl_do("abs", a_t(x)), *slope = p < 2 ? zero_where(rl_do("eq", a_t(x), a_i(0)), rl_mul(rl_do("sgn", a_t(x)), rl_pow_number(size, p - 1)))
                                                            : rl_mul(x, rl_pow_number(size, p - 2));
        dx[0] = rl_mul(slope, zero_where(flat, rl_div(up, rl_pow_number(y, p - 1))));
    }
}

/* torch.norm: p None or 2; the Frobenius norm is that of the vector. */
static Tensor *old_norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = c->arg[1].tag == A_NONE ? 2 : a_double(&c->arg[1]);
    if (c->arg[4].tag == A_DTYPE) x = rl_cast(x, c->arg[4].dtype);
    if (x && !rl_dtype_is(x->dtype, CLASS_INEXACT))
        return rl_fail(RL_RUNTIME_ERROR, "linalg.vector_norm: Expected a floating point or complex tensor as input. Got %s", rl_dtypes[x->dtype].word);
    return rl_do("_norm", a_t(x), a_f(p), c->arg[2].tag == A_INTS && !c->arg[2].n ? a_none() : c->arg[2], c->arg[3]);
}

static Tensor *named_norm_forward(Call *c) {
    const Arg *p = &c->arg[1];
    if (p->n == 3 && !__builtin_memcmp(p->str, "fro", 3)) return rl_do("norm", c->arg[0], a_f(2), c->arg[2], c->arg[3], c->arg[4]);
    if (p->n == 3 && !__builtin_memcmp(p->str, "nuc", 3)) {
        Tensor *x = c->arg[0].tensor;
        if (c->arg[2].tag == A_INTS && c->arg[2].n == 2) x = rl_movedim(rl_movedim(x, c->arg[2].ints[0], -1), c->arg[2].ints[1] < c->arg[2].ints[0] ? c->arg[2].ints[1] : c->arg[2].ints[1] - 1, -1);
        return rl_sum_dim(rl_do("linalg.svdvals", a_t(x)), -1, false);
    }
    return rl_fail(RL_RUNTIME_ERROR, "norm(): unknown norm '%s': it is a number, 'fro' or 'nuc'", p->str);
}

static Tensor *dist_forward(Call *c) { return rl_do("_norm", a_t(rl_sub(c->arg[0].tensor, c->arg[1].tensor)), a_f(a_double(&c->arg[2]))); }

/* Slices along dim whose norm is above the limit, scaled down to it. */
static Tensor *renorm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double limit = a_double(&c->arg[3]);
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    int64_t dims[RL_MAX_DIMS];
    int n = 0;
    if (dim < 0) return NULL;
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "renorm: input needs at least 2 dimensions, got %d dimensions", x->ndim);
    if (a_double(&c->arg[1]) <= 0) return rl_fail(RL_RUNTIME_ERROR, "renorm: non-positive-norm not supported");
    if (limit < 0) return rl_fail(RL_RUNTIME_ERROR, "renorm: expected maxnorm to be >= 0 but got %g", limit);
    for (int i = 0; i < x->ndim; i++)
        if (i != dim) dims[n++] = i;
    Tensor *size = rl_do("_norm", a_t(x), a_f(a_double(&c->arg[1])), a_ints(n, dims), a_b(true));
    Tensor *scale = rl_do("mul", a_t(rl_do("reciprocal", a_t(rl_add_number(size, 1e-7)))), a_f(limit));
    return rl_mul(x, rl_do("where", a_t(rl_do("gt", a_t(size), a_f(limit))), a_t(scale), a_f(1)));
}

#define SPREAD(name, outs, what, example) \
    { \
        .sig = name "(input: Tensor, dim: int | list[int] | None = None, *, correction: Number | None = None, keepdim: bool = False) -> " outs, .forward = spread_forward, \
        .flags = COMPOSITE, .where = FUNCTION | METHOD | OUT, .data = what, .samples = "x(3, 4); x(3, 4), 1; x(3, 4), (0, 1), correction=0, keepdim=True", \
        .doc = "Over dims, divided by n - correction (1 by default).\n\n>>> rl." name "(rl.tensor([1.0, 2.0, 3.0]))" example, \
    }, \
    {.sig = name "(input: Tensor, unbiased: bool) -> " outs, .forward = spread_forward, .flags = COMPOSITE, .where = FUNCTION | METHOD, .data = what | UNBIASED_ALL, .samples = "x(3, 4), False"}, \
    {.sig = name "(input: Tensor, dim: int | list[int] | None, unbiased: bool, keepdim: bool = False) -> " outs, .forward = spread_forward, .flags = COMPOSITE, \
     .where = FUNCTION | METHOD | OUT, .data = what | UNBIASED_DIM, .samples = "x(3, 4), 1, False"}

Op rl_stats_ops[] = {
    {
        .sig = "_var_mean(input: Tensor, dim: list[int] | None, correction: float, keepdim: bool) -> (variance: Tensor, mean: Tensor)", .forward = var_mean_forward, .vjp = var_mean_vjp,
        .saves = SAVE(0) | SAVE_OUT(1), .where = PRIVATE, .node = "VarMeanBackward0", .samples = "x(3, 4), None, 1.0, False", .doc = "Variance and mean.",
    },
    {
        .sig = "_deviation(variance: Tensor) -> Tensor", .forward = deviation_forward, .vjp = deviation_vjp, .saves = SAVE_OUT(0), .where = PRIVATE, .node = "StdBackward0",
        .samples = "pos(3)", .doc = "The square root of a variance.",
    },
    SPREAD("var", "Tensor", 0, "\ntensor(1.)"),
    SPREAD("std", "Tensor", ROOT, "\ntensor(1.)"),
    SPREAD("var_mean", "(Tensor, Tensor)", WITH_MEAN, "\n(tensor(1.), tensor(2.))"),
    SPREAD("std_mean", "(Tensor, Tensor)", ROOT | WITH_MEAN, "\n(tensor(1.), tensor(2.))"),
    {
        .sig = "_norm(input: Tensor, ord: float, dim: list[int] | None = None, keepdim: bool = False) -> Tensor", .forward = norm_forward, .vjp = norm_vjp, .saves = SAVE(0) | SAVE_OUT(0),
        .where = PRIVATE, .node = "LinalgVectorNormBackward0", .samples = "x(3, 4), 2.0; x(3, 4), 3.0, (1,), True", .doc = "The p-norm over dims.",
    },
    {
        .sig = "norm(input: Tensor, p: Number | None = 2, dim: int | list[int] | None = None, keepdim: bool = False, dtype: dtype | None = None) -> Tensor", .forward = old_norm_forward,
        .flags = COMPOSITE, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4); x(3, 4), 1, 1",
        .doc = "The p-norm of the elements over dims.\n\n>>> rl.norm(rl.tensor([3.0, 4.0]))\ntensor(5.)",
    },
    {
        .sig = "norm(input: Tensor, p: str, dim: int | list[int] | None = None, keepdim: bool = False, dtype: dtype | None = None) -> Tensor", .forward = named_norm_forward,
        .flags = COMPOSITE, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 'fro'",
    },
    {
        .sig = "dist(input: Tensor, other: Tensor, p: Number = 2) -> Tensor", .forward = dist_forward, .flags = COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3, 4), x(3, 4)",
        .doc = "The p-norm of the difference.\n\n>>> rl.dist(rl.tensor([3.0, 4.0]), rl.zeros(2))\ntensor(5.)",
    },
    {
        .sig = "renorm(input: Tensor, p: Number, dim: int, maxnorm: Number) -> Tensor", .forward = renorm_forward, .flags = COMPOSITE, .where = FUNCTION | METHOD | INPLACE | OUT,
        .samples = "x(3, 4), 2, 0, 1.0",
        .doc = "Slices along dim scaled down to a norm of at most maxnorm.\n\n>>> rl.renorm(rl.tensor([[3.0, 4.0]]), 2, 0, 5.0)\ntensor([[3., 4.]])",
    },
    {0},
};
