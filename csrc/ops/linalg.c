/* linalg.c -- how long a tensor is: the p-norms of its elements over any dims.
 *
 * The kernels know sums of absolute values, of squares and of powers. Infinite orders are extremes, order 0 counts. Complex numbers
 * enter by their absolute values. */
#include "reduce.h"

#include <math.h>

static Arg dims_of(const Call *c) { return c->arg[2].tag == A_NONE ? a_ints(0, NULL) : c->arg[2]; }

static Tensor *reduced(Call *c, Reduce kind, Tensor *x, double p) {
    bool mask[RL_MAX_DIMS];
    int64_t shape[RL_MAX_DIMS];
    int ndim;
    Arg dim = dims_of(c);
    if (!x || !rl_dims_mask(&dim, x->ndim, mask)) return NULL;
    rl_reduced_shape(x, mask, c->arg[3].b, &ndim, shape);
    Tensor *out = rl_out(c, 0, ndim, shape, x->dtype);
    return rl_reduce(kind, x, mask, c->arg[3].b, out, NULL, &p) ? out : NULL;
}

static bool check_dtypes(Call *c, Dtype have, Dtype want) {
    if (!rl_dtype_is(have, CLASS_INEXACT)) {
        rl_fail(RL_RUNTIME_ERROR, "linalg.vector_norm: Expected a floating point or complex tensor as input. Got %s. Convert it first, as in x.float()", rl_dtypes[have].word);
        return false;
    }
    if (!rl_dtype_is(want, CLASS_INEXACT) || rl_dtype_is(want, CLASS_COMPLEX) != rl_dtype_is(have, CLASS_COMPLEX)) {
        rl_fail(RL_RUNTIME_ERROR, "linalg.vector_norm: dtype should be %s, but got %s", rl_dtype_is(have, CLASS_COMPLEX) ? "complex for complex inputs" : "floating-point for real inputs",
                rl_dtypes[want].name);
        return false;
    }
    return true;
}

/* Of no elements there is no largest, no smallest, and no sum of powers below 0. */
static bool has_smallest(Call *c, Tensor *x, double p) {
    bool mask[RL_MAX_DIMS];
    Arg dim = dims_of(c);
    if (x->numel || (p >= 0 && !isinf(p))) return true;
    if (!rl_dims_mask(&dim, x->ndim, mask)) return false;
    for (int i = 0; i < x->ndim; i++)
        if (mask[i] && x->shape[i] == 0)
            return rl_fail(RL_RUNTIME_ERROR, "linalg.vector_norm cannot compute the %g norm on the dimension %d because this dimension is empty and the operation does not have an identity; the shape is %s", p, i, rl_text_shape(x));
    return true;
}

static Tensor *norm_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]);
    Dtype dtype = a_dtype_or(&c->arg[4], x->dtype);
    if (!check_dtypes(c, x->dtype, dtype)) return NULL;
    if (!has_smallest(c, x, p)) return NULL;
    x = rl_cast(x, dtype);
    if (x && rl_dtype_is(x->dtype, CLASS_COMPLEX)) x = rl_do("abs", a_t(x));
    if (isinf(p)) {
        Tensor *size = rl_do("abs", a_t(x));
        return p > 0 ? rl_do("amax", a_t(size), dims_of(c), c->arg[3]) : rl_do("amin", a_t(size), dims_of(c), c->arg[3]);
    }
    if (p == 0) return x ? rl_do_overload("sum", 1, a_t(rl_do("ne", a_t(x), a_i(0))), dims_of(c), c->arg[3], a_dtype(x->dtype)) : NULL;
    return reduced(c, p == 1 ? REDUCE_norm1 : p == 2 ? REDUCE_norm2 : REDUCE_normp, x, p);
}

/* d|x|_p / dx = sgn(x) (|x| / |x|_p)^(p-1), and 0 where that is 0/0: the subgradient torch takes. */
static void norm_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]);
    Arg dim = dims_of(c);
    if (!x || !c->out[0] || !g[0] || p == 0) return;     /* a count has no slope */
    Dtype dtype = a_dtype_or(&c->arg[4], x->dtype), own = x->dtype;
    bool keepdim = c->arg[3].b;
    Tensor *slope = rl_restore_dims(c, g[0], &dim, keepdim), *y = rl_restore_dims(c, c->out[0], &dim, keepdim), *d;
    x = rl_cast(x, dtype);
    if (p == 2) {
        d = rl_mul(slope, rl_do("masked_fill", a_t(rl_div(x, y)), a_t(rl_do("eq", a_t(y), a_i(0))), a_i(0)));
    } else if (p == 1) {
        d = rl_mul(rl_do("sgn", a_t(x)), slope);
    } else if (isinf(p)) {
        Tensor *same = rl_do("eq", a_t(rl_do("abs", a_t(x))), a_t(y));
        Tensor *count = rl_do_overload("sum", 1, a_t(same), dim, a_b(true));
        d = rl_mul(rl_do("sgn", a_t(x)), rl_do("where", a_t(same), a_t(rl_div(slope, count)), a_i(0)));
    } else {
        Tensor *zero = rl_do("eq", a_t(x), a_i(0)), *nothing = rl_do("eq", a_t(y), a_i(0));
        Tensor *size = rl_do("where", a_t(zero), a_i(1), a_t(rl_do("abs", a_t(x))));
        Tensor *whole = rl_do("where", a_t(nothing), a_i(1), a_t(y));
        slope = rl_do("where", a_t(nothing), a_i(0), a_t(slope));
        d = rl_mul(rl_mul(rl_do("sgn", a_t(x)), rl_do("pow", a_t(rl_div(size, whole)), a_f(p - 1))), slope);
    }
    dx[0] = rl_cast(d, own);
}

Op rl_linalg_ops[] = {
    {
        .sig = "linalg.vector_norm(x: Tensor, ord: Number = 2, dim: int | list[int] | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor",
        .forward = norm_forward, .vjp = norm_vjp, .saves = SAVE(0) | SAVE_OUT(0), .flags = EXACT_OUT, .where = LINALG | OUT,
        .samples = "x(3, 4); x(3, 4), 1, 1; x(2, 3, 4), 3.5, (0, 2), True; x(3, 4), float('inf'), 0; x(3, 4), -float('inf'); x(3, 4), 0, 1; pos(3, 4), 0.5",
        .doc = "The p-norm of the elements, over all dims or some.\n\n>>> rl.linalg.vector_norm(rl.tensor([3.0, 4.0]))\ntensor(5.)",
    },
    {0},
};
