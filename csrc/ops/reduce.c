/* reduce.c -- sums, means, products, extremes and truths over dims. */
#include "reduce.h"

#include <math.h>
#include <string.h>

/* ---- shared ---------------------------------------------------------------------------------------------------------------- */

static Tensor *refuse(Call *c, Dtype d) {
    return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[d].word);
}

/* Output k of a reduction over the mask. */
static Tensor *out_for(Call *c, int k, Tensor *x, const bool *mask, bool keepdim, Dtype dtype) {
    int64_t shape[RL_MAX_DIMS];
    int ndim;
    rl_reduced_shape(x, mask, keepdim, &ndim, shape);
    return rl_out(c, k, ndim, shape, dtype);
}

static Tensor *reduce_to(Call *c, Reduce kind, Tensor *x, const Arg *dim, bool keepdim, Dtype dtype, const double *extra) {
    bool mask[RL_MAX_DIMS];
    if (!x || !rl_dims_mask(dim, x->ndim, mask)) return NULL;
    if (!rl_kernels->reduce[x->dtype][kind].acc_bytes) return refuse(c, x->dtype);
    Tensor *out = out_for(c, 0, x, mask, keepdim, dtype);
    return rl_reduce(kind, x, mask, keepdim, out, NULL, extra) ? out : NULL;
}

Tensor *rl_restore_dims(Call *c, Tensor *g, const Arg *dim, bool keepdim) {
    const Meta *m = rl_meta(c, 0);
    bool mask[RL_MAX_DIMS];
    int64_t shape[RL_MAX_DIMS];
    if (!g || !m || keepdim || m->ndim == 0) return g;
    if (!rl_dims_mask(dim, m->ndim, mask)) return NULL;
    for (int i = 0; i < m->ndim; i++) shape[i] = mask[i] ? 1 : m->shape[i];
    return rl_reshape(g, m->ndim, shape);
}

Tensor *rl_spread(Call *c, Tensor *g, const Arg *dim, bool keepdim) {
    const Meta *m = rl_meta(c, 0);
    return m ? rl_expand(rl_restore_dims(c, g, dim, keepdim), m->ndim, m->shape) : NULL;
}

static int64_t count_of(Call *c, const Arg *dim) {
    const Meta *m = rl_meta(c, 0);
    bool mask[RL_MAX_DIMS];
    return m && rl_dims_mask(dim, m->ndim, mask) ? rl_masked_count(m->shape, m->ndim, mask) : 1;
}

/* The dim argument and keepdim of both kinds of overload: those over everything have neither. */
static const Arg *dim_arg(const Call *c) { return c->op->data2 ? &c->arg[1] : NULL; }
static bool keepdim_arg(const Call *c) { return c->op->data2 && c->arg[2].b; }
static const Arg *dtype_arg(const Call *c) { return &c->arg[c->op->data2 ? 3 : 1]; }

/* ---- sum, mean, nansum, prod --------------------------------------------------------------------------------------------------- */

/* Rows over everything have data2 0; those with dims 1. */
static Tensor *sum_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Dtype dtype = a_dtype_or(dtype_arg(c), rl_dtype_is(x->dtype, CLASS_INTEGRAL) ? RL_INT64 : x->dtype);
    if (c->op->data == REDUCE_nansum && rl_dtype_is(x->dtype, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "nansum on CPU does not support complex inputs");
    if (c->op->data == REDUCE_nansum && rl_dtype_is(dtype, CLASS_COMPLEX)) return rl_fail(RL_NOT_IMPLEMENTED, "\"nansum_cpu\" not implemented for '%s'", rl_dtypes[dtype].word);
    if (c->dest && dtype_arg(c)->tag == A_DTYPE && c->dest->dtype != dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Expected out tensor to have dtype %s, but got %s instead", rl_dtypes[dtype].name, rl_dtypes[c->dest->dtype].name);
    if (rl_is_bare(dtype) || (c->dest && rl_is_bare(c->dest->dtype))) return refuse(c, rl_is_bare(dtype) ? dtype : (Dtype)c->dest->dtype);
    if (dtype != x->dtype && !(dtype == RL_INT64 && rl_dtype_is(x->dtype, CLASS_INTEGRAL) && !rl_is_bare(x->dtype))) x = rl_cast(x, dtype);
    if (!x) return NULL;
    if (c->op->data == REDUCE_nansum && c->dest && rl_dtype_is(x->dtype, CLASS_INEXACT) && !rl_dtype_is(c->dest->dtype, CLASS_INEXACT))
        return rl_fail(RL_NOT_IMPLEMENTED, "\"nansum_cpu\" not implemented for '%s': the result is %s", rl_dtypes[c->dest->dtype].word, rl_dtypes[x->dtype].name);
    if (rl_dtype_is(x->dtype, CLASS_INTEGRAL) && dtype == x->dtype && dtype != RL_INT64) {   /* sums are made in 64 bits */
        bool mask[RL_MAX_DIMS];
        int64_t shape[RL_MAX_DIMS];
        int ndim;
        if (!rl_dims_mask(dim_arg(c), x->ndim, mask)) return NULL;
        rl_reduced_shape(x, mask, keepdim_arg(c), &ndim, shape);
        Tensor *wide = rl_empty(ndim, shape, RL_INT64);
        return wide && rl_reduce(c->op->data, x, mask, keepdim_arg(c), wide, NULL, NULL) ? rl_cast(wide, dtype) : NULL;
    }
    return reduce_to(c, c->op->data, x, dim_arg(c), keepdim_arg(c), dtype, NULL);
}

/* out= of another floating dtype has the sum made in that one. */
static Dtype wanted_dtype(const Call *c, Dtype dtype) {
    return c->dest && rl_dtype_is(c->dest->dtype, CLASS_INEXACT) && rl_can_cast(dtype, c->dest->dtype) ? (Dtype)c->dest->dtype : dtype;
}

static Tensor *mean_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Dtype dtype = a_dtype_or(dtype_arg(c), x->dtype);
    if (dtype_arg(c)->tag != A_DTYPE && rl_dtype_is(dtype, CLASS_INEXACT)) dtype = wanted_dtype(c, dtype);
    if (!rl_dtype_is(dtype, CLASS_INEXACT))
        return rl_fail(RL_RUNTIME_ERROR, "mean(): could not infer output dtype. %s must be either a floating point or complex dtype. Got: %s. Convert first, as in x.float().mean()",
                       dtype_arg(c)->tag == A_DTYPE ? "Optional dtype" : "Input dtype", rl_dtypes[dtype].word);
    return reduce_to(c, REDUCE_mean, rl_cast(x, dtype), dim_arg(c), keepdim_arg(c), dtype, NULL);
}

static void sum_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_spread(c, g[0], dim_arg(c), keepdim_arg(c)); }

static void mean_vjp(Call *c, Tensor **g, Tensor **dx) {
    dx[0] = rl_spread(c, rl_div_number(g[0], (double)count_of(c, dim_arg(c))), dim_arg(c), keepdim_arg(c));
}

static void nansum_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *spread = rl_spread(c, g[0], dim_arg(c), keepdim_arg(c));
    dx[0] = rl_do("where", a_t(rl_do("isnan", c->arg[0])), a_i(0), a_t(spread));
}

static Tensor *nanmean_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (!rl_dtype_is(x->dtype, CLASS_INEXACT)) return rl_fail(RL_RUNTIME_ERROR, "nanmean(): expected input to have floating point or complex dtype but got %s", rl_dtypes[x->dtype].word);
    Tensor *numbers = rl_do("logical_not", a_t(rl_do("isnan", a_t(x))));
    Arg dim = c->arg[1].tag == A_NONE ? a_ints(0, NULL) : c->arg[1];
    Tensor *count = rl_do_overload("sum", 1, a_t(numbers), dim, c->arg[2]);
    if (c->dest && !rl_dtype_is(c->dest->dtype, CLASS_INEXACT)) return rl_fail(RL_NOT_IMPLEMENTED, "\"nansum_cpu\" not implemented for '%s': the result is %s", rl_dtypes[c->dest->dtype].word, rl_dtypes[x->dtype].name);
    return rl_div(rl_do_overload("nansum", 1, a_t(x), dim, c->arg[2], c->arg[3]), count);
}

static void nanmean_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *numbers = rl_do("logical_not", a_t(rl_do("isnan", c->arg[0])));
    Arg dim = c->arg[1].tag == A_NONE ? a_ints(0, NULL) : c->arg[1];
    Tensor *share = rl_div(g[0], rl_do_overload("sum", 1, a_t(numbers), dim, c->arg[2]));
    dx[0] = rl_do("where", a_t(numbers), a_t(rl_spread(c, share, c->arg[1].tag == A_NONE ? NULL : &c->arg[1], c->arg[2].b)), a_i(0));
}

/* Ones whose derivative is zero, not missing. */
static Tensor *constant_one(Tensor *x) {
    Tensor *one = rl_do("ones_like", a_t(x));
    if (!rl_thread.grad_mode || rl_dtype_is(x->dtype, CLASS_COMPLEX)) return one;
    return rl_add(one, rl_mul_number(rl_do("sign", a_t(x)), 0));
}

/* The product of all the others, without division: exclusive products from both ends. */
static Tensor *others(Tensor *x, int64_t dim) {
    int64_t n = rl_size(x, (int)dim);
    if (n <= 1) return constant_one(x);
    Tensor *one = rl_do("ones_like", a_t(rl_narrow(x, dim, 0, 1)));
    Tensor *left = rl_cat(2, (Tensor *[]){one, rl_do("cumprod", a_t(rl_narrow(x, dim, 0, n - 1)), a_i(dim))}, dim);
    Tensor *back = rl_do("flip", a_t(rl_narrow(x, dim, 1, n - 1)), a_ints(1, &dim));
    Tensor *right = rl_cat(2, (Tensor *[]){one, rl_do("cumprod", a_t(back), a_i(dim))}, dim);
    return rl_mul(left, rl_do("flip", a_t(right), a_ints(1, &dim)));
}

static void prod_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *y = c->out[0];
    Arg zero = a_none();
    double pair[2];
    if (!x || !y) return;
    Tensor *spread = rl_spread(c, g[0], dim_arg(c), keepdim_arg(c));
    Tensor *any_zero = rl_do("any", a_t(rl_do("eq", a_t(rl_detach(x)), a_i(0))));
    if (!any_zero || !rl_item(any_zero, &zero, pair)) return;
    if (x->numel && !zero.b) {
        dx[0] = rl_div(rl_mul(spread, rl_conj(rl_restore_dims(c, y, dim_arg(c), keepdim_arg(c)))), rl_conj(x));
    } else if (dim_arg(c) || x->ndim < 2) {
        int64_t dim = dim_arg(c) ? rl_wrap_dim(x->ndim, dim_arg(c)->i) : 0;
        dx[0] = rl_mul(spread, x->ndim ? rl_conj(others(x, dim)) : constant_one(x));
    } else {
        int64_t flat = x->numel;
        dx[0] = rl_mul(spread, rl_conj(rl_reshape(others(rl_reshape(x, 1, &flat), 0), x->ndim, x->shape)));
    }
}

/* ---- any, all, count_nonzero ------------------------------------------------------------------------------------------------------ */

static Tensor *truth_forward(Call *c) {
    Tensor *x = rl_is_bare(c->arg[0].tensor->dtype) ? rl_as_signed(c->arg[0].tensor, false) : c->arg[0].tensor;
    if (!x) return NULL;
    Dtype dtype = c->dest ? (Dtype)c->dest->dtype : x->dtype == RL_UINT8 ? RL_UINT8 : RL_BOOL;   /* torch keeps uint8 here */
    if (dtype != RL_BOOL && dtype != RL_UINT8) return rl_fail(RL_RUNTIME_ERROR, "%s only supports bool tensor for result, got: %s", c->op->parsed->name, rl_dtypes[dtype].word);
    if (c->op->data2 && c->arg[1].tag == A_INTS && c->arg[1].n == 0) return rl_copy_into(rl_out(c, 0, x->ndim, x->shape, dtype), rl_do("ne", a_t(x), a_i(0)));   /* of each element */
    return reduce_to(c, c->op->data, x, dim_arg(c), keepdim_arg(c), dtype, NULL);
}

static Tensor *count_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (rl_is_bare(x->dtype)) x = c->arg[1].tag == A_NONE ? refuse(c, x->dtype) : rl_as_signed(x, false);     /* torch's two ways differ here */
    return x ? reduce_to(c, REDUCE_count, x, &c->arg[1], false, RL_INT64, NULL) : NULL;
}

/* ---- max, min, amax, amin, argmax, argmin, aminmax ------------------------------------------------------------------------------------ */

/* Extremes of nothing do not exist. */
static bool refuse_empty(Call *c, Tensor *x, const Arg *dim) {
    bool mask[RL_MAX_DIMS];
    if (x->numel || !rl_dims_mask(dim, x->ndim, mask)) return rl_failed();
    for (int i = 0; i < x->ndim; i++) {
        if (!mask[i] || x->shape[i]) continue;
        if (dim && dim->tag != A_NONE && !(dim->tag == A_INTS && dim->n == 0))
            rl_fail(RL_INDEX_ERROR, "%s(): Expected reduction dim %d to have non-zero size. The input has shape %s", c->op->parsed->name, i, rl_text_shape(x));
        else
            rl_fail(strncmp(c->op->parsed->name, "arg", 3) ? RL_RUNTIME_ERROR : RL_INDEX_ERROR, "%s(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument. The input has shape %s", c->op->parsed->name, rl_text_shape(x));
        return true;
    }
    return false;
}

static Tensor *extreme_forward(Call *c) {   /* max(x), amax(x, dims) */
    Tensor *x = c->arg[0].tensor;
    return refuse_empty(c, x, dim_arg(c)) ? NULL : reduce_to(c, c->op->data, x, dim_arg(c), keepdim_arg(c), x->dtype, NULL);
}

static Tensor *extreme_dim_forward(Call *c) {   /* values, indices */
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    bool mask[RL_MAX_DIMS];
    Arg dim = c->arg[1];
    if (!out || refuse_empty(c, x, &dim) || !rl_dims_mask(&dim, x->ndim, mask)) return NULL;
    if (!rl_kernels->reduce[x->dtype][c->op->data].acc_bytes) return refuse(c, x->dtype);
    out[0] = out_for(c, 0, x, mask, c->arg[2].b, x->dtype);
    out[1] = out_for(c, 1, x, mask, c->arg[2].b, RL_INT64);
    return out[0] && out[1] && rl_reduce(c->op->data, x, mask, c->arg[2].b, out[0], out[1], NULL) ? out[0] : NULL;
}

static Tensor *arg_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    bool mask[RL_MAX_DIMS];
    if (refuse_empty(c, x, &c->arg[1]) || !rl_dims_mask(&c->arg[1], x->ndim, mask)) return NULL;
    if (!rl_kernels->reduce[x->dtype][c->op->data].acc_bytes || x->dtype == RL_BOOL) return refuse(c, x->dtype);
    Tensor *out = out_for(c, 0, x, mask, c->arg[2].b, RL_INT64);
    if (c->arg[1].tag == A_NONE) x = rl_contiguous(x);
    return x && rl_reduce(c->op->data, x, mask, c->arg[2].b, NULL, out, NULL) ? out : NULL;
}

static Tensor *aminmax_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    bool mask[RL_MAX_DIMS];
    if (!out || refuse_empty(c, x, &c->arg[1]) || !rl_dims_mask(&c->arg[1], x->ndim, mask)) return NULL;
    if (!rl_kernels->reduce[x->dtype][REDUCE_max].acc_bytes) return refuse(c, x->dtype);
    out[0] = out_for(c, 0, x, mask, c->arg[2].b, x->dtype);
    out[1] = out_for(c, 1, x, mask, c->arg[2].b, x->dtype);
    if (!out[0] || !out[1]) return NULL;
    return rl_reduce(REDUCE_min, x, mask, c->arg[2].b, out[0], NULL, NULL) && rl_reduce(REDUCE_max, x, mask, c->arg[2].b, out[1], NULL, NULL) ? out[0] : NULL;
}

static bool is_nan(const Tensor *t) {
    double store[2];
    Arg number;
    return rl_item(t, &number, store) && isnan(a_double(&number));
}

/* All places of the extreme share its gradient; of all elements NaN is the extreme if there is one. */
static Tensor *share_evenly(Call *c, Tensor *g, Tensor *y, const Arg *dim, bool keepdim) {
    Tensor *x = c->arg[0].tensor, *same = rl_do("eq", a_t(x), a_t(rl_restore_dims(c, y, dim, keepdim)));
    bool all = !dim || dim->tag == A_NONE || (dim->tag == A_INTS && !dim->n);
    if (!dim && is_nan(y)) same = rl_do("isnan", a_t(x));
    Tensor *count = all ? rl_sum_all(same) : rl_do_overload("sum", 1, a_t(same), dim->tag == A_INT ? a_ints(1, &dim->i) : *dim, a_b(true));
    return rl_div(rl_do("where", a_t(same), a_t(rl_restore_dims(c, g, dim, keepdim)), a_i(0)), count);        /* of NaN none is the same: NaN */
}

/* The same for one value of all elements; those that are NaN share the gradient of NaN. */
void rl_share_of_all(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *y = c->out[0];
    Tensor *same = rl_do("eq", a_t(x), a_t(y)), *both = rl_do("logical_and", a_t(rl_do("isnan", a_t(x))), a_t(rl_do("isnan", a_t(y))));
    same = rl_do("logical_or", a_t(same), a_t(both));
    dx[0] = rl_do("where", a_t(same), a_t(rl_div(g[0], rl_sum_all(same))), a_i(0));
}

static void extreme_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = share_evenly(c, g[0], c->out[0], dim_arg(c), keepdim_arg(c)); }

static void aminmax_vjp(Call *c, Tensor **g, Tensor **dx) {
    for (int k = 0; k < 2; k++) {
        Tensor *d = g[k] ? share_evenly(c, g[k], c->out[k], &c->arg[1], c->arg[2].b) : NULL;
        dx[0] = dx[0] && d ? rl_add(dx[0], d) : d ? d : dx[0];
    }
}

/* The gradient goes to the one place that was chosen. */
static void chosen_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *index = c->out[1];
    const Meta *m = rl_meta(c, 0);
    if (!g[0] || !index || !m) return;
    if (m->ndim == 0) {
        dx[0] = g[0];
        return;
    }
    int64_t dim = rl_wrap_dim(m->ndim, c->arg[1].i);
    bool keepdim = c->arg[2].b;
    Tensor *at = keepdim ? index : rl_unsqueeze(index, dim), *from = keepdim ? g[0] : rl_unsqueeze(g[0], dim);
    dx[0] = rl_do("scatter", a_t(rl_zeros(m->ndim, m->shape, g[0]->dtype)), a_i(dim), a_t(at), a_t(from));
}

static Tensor *maximum_forward(Call *c) { return rl_do("maximum", c->arg[0], c->arg[1]); }
static Tensor *minimum_forward(Call *c) { return rl_do("minimum", c->arg[0], c->arg[1]); }

/* ---- logsumexp ---------------------------------------------------------------------------------------------------------------------- */

/* Of complex numbers: the largest real part comes out of the logarithm. */
static Tensor *complex_logsumexp(Call *c, Tensor *x) {
    if (!x->numel) return rl_log(rl_do_overload("sum", 1, a_t(rl_exp(x)), c->arg[1], c->arg[2]));
    Tensor *top = rl_do("amax", a_t(rl_do("real", a_t(x))), c->arg[1], a_b(true));
    top = rl_do("where", a_t(rl_do("isinf", a_t(top))), a_i(0), a_t(top));
    Tensor *logs = rl_log(rl_do_overload("sum", 1, a_t(rl_exp(rl_sub(x, top))), c->arg[1], a_b(true)));
    Tensor *y = rl_add(logs, top);
    return c->arg[2].b || !y || y->ndim == 0 ? y : rl_do_overload("squeeze", 1, a_t(y), c->arg[1]);
}

static Tensor *logsumexp_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (rl_dtype_is(x->dtype, CLASS_COMPLEX)) return complex_logsumexp(c, x);
    Dtype dtype = wanted_dtype(c, rl_dtype_is(x->dtype, CLASS_INTEGRAL) ? rl_default_dtype() : x->dtype);
    return reduce_to(c, REDUCE_logsumexp, rl_cast(x, dtype), &c->arg[1], c->arg[2].b, dtype, NULL);
}

static void logsumexp_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *y = rl_restore_dims(c, c->out[0], &c->arg[1], c->arg[2].b);
    dx[0] = rl_mul(rl_restore_dims(c, g[0], &c->arg[1], c->arg[2].b), rl_conj(rl_exp(rl_sub(c->arg[0].tensor, y))));
}

#define ALL(name) name "(input: Tensor, *, dtype: dtype | None = None) -> Tensor"
#define DIMS(name) name "(input: Tensor, dim: int | list[int] | None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor"
#define EXTREME(name, kind, example) \
    { \
        .sig = name "(input: Tensor) -> Tensor", .forward = extreme_forward, .vjp = rl_share_of_all, .saves = SAVE(0) | SAVE_OUT(0), .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, \
        .data = kind, .samples = "x(3, 4); x(5)", \
        .doc = "Over all elements; along dim, with the indices; or elementwise, of two tensors.\n\n>>> rl." name "(rl.tensor([1, 5, 3]))\n" example, \
    }
#define EXTREME_ALONG(name, kind) \
    { \
        .sig = name "(input: Tensor, dim: int, keepdim: bool = False) -> (values: Tensor, indices: Tensor)", .forward = extreme_dim_forward, .vjp = chosen_vjp, .saves = SAVE_OUT(1), \
        .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .data = kind, .samples = "x(3, 4), 1; x(3, 4), 0, True", \
    }
#define AMONG(name, kind, example) \
    { \
        .sig = name "(input: Tensor, dim: int | list[int] | None = None, keepdim: bool = False) -> Tensor", .forward = extreme_forward, .vjp = extreme_vjp, \
        .saves = SAVE(0) | SAVE_OUT(0), .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .data = kind, .data2 = 1, .samples = "x(3, 4); x(3, 4), 1; x(2, 3, 4), (0, 2), True", \
        .doc = "The extreme over dims; ties share the gradient.\n\n>>> rl." name "(rl.tensor([[1, 5], [7, 3]]), 1)\n" example, \
    }
#define TRUTH(name, kind, example) \
    { \
        .sig = name "(input: Tensor) -> Tensor", .forward = truth_forward, .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | OUT, .data = kind, .samples = "mask(3, 4)", \
        .doc = "Whether " name " of the elements are nonzero.\n\n>>> rl." name "(rl.tensor([0, 5]))\n" example, \
    }, \
    { \
        .sig = name "(input: Tensor, dim: int | list[int] | None = None, keepdim: bool = False) -> Tensor", .forward = truth_forward, .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | OUT, \
        .data = kind, .data2 = 1, .samples = "mask(3, 4), 1; mask(3, 4), 0, True", \
    }
#define WHICH(name, kind, example) \
    { \
        .sig = name "(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor", .forward = arg_forward, .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .data = kind, \
        .samples = "x(3, 4); x(3, 4), 1; x(3, 4), 0, True", \
        .doc = "The index of the extreme: of the flattened tensor, or along dim.\n\n>>> rl." name "(rl.tensor([1, 5, 3]))\n" example, \
    }

Op rl_reduce_ops[] = {
    {
        .sig = ALL("sum"), .forward = sum_forward, .flags = TAKES_BARE, .vjp = sum_vjp, .where = FUNCTION | METHOD | OUT, .data = REDUCE_sum, .samples = "x(3, 4); x()",
        .doc = "The sum of all elements, or over dims.\n\n>>> rl.sum(rl.tensor([[1, 2], [3, 4]]), 0)\ntensor([4, 6])",
    },
    {.sig = DIMS("sum"), .forward = sum_forward, .flags = TAKES_BARE, .vjp = sum_vjp, .where = FUNCTION | METHOD | OUT, .data = REDUCE_sum, .data2 = 1, .samples = "x(3, 4), 1; x(2, 3, 4), (0, 2), True"},
    {
        .sig = ALL("mean"), .forward = mean_forward, .flags = TAKES_BARE, .vjp = mean_vjp, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4); x(2)",
        .doc = "The mean of all elements, or over dims.\n\n>>> rl.mean(rl.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)\ntensor([2., 3.])",
    },
    {.sig = DIMS("mean"), .forward = mean_forward, .flags = TAKES_BARE, .vjp = mean_vjp, .where = FUNCTION | METHOD | OUT, .data2 = 1, .samples = "x(3, 4), 1; x(2, 3, 4), (0, 2), True"},
    {
        .sig = ALL("nansum"), .forward = sum_forward, .flags = TAKES_BARE, .vjp = nansum_vjp, .saves = SAVE(0), .where = FUNCTION | METHOD | OUT, .data = REDUCE_nansum, .samples = "x(3, 4)",
        .doc = "The sum, NaN counting as 0.\n\n>>> rl.nansum(rl.tensor([1.0, float('nan')]))\ntensor(1.)",
    },
    {.sig = "nansum(input: Tensor, dim: int | list[int] | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor", .forward = sum_forward, .flags = TAKES_BARE, .vjp = nansum_vjp, .saves = SAVE(0), .where = FUNCTION | METHOD | OUT, .data = REDUCE_nansum, .data2 = 1, .samples = "x(3, 4), 1"},
    {
        .sig = "nanmean(input: Tensor, dim: int | list[int] | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor", .vjp = nanmean_vjp, .saves = SAVE(0),
        .forward = nanmean_forward, .flags = TAKES_BARE, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4); x(3, 4), 1",
        .doc = "The mean of what is a number.\n\n>>> rl.nanmean(rl.tensor([1.0, float('nan'), 3.0]))\ntensor(2.)",
    },
    {
        .sig = ALL("prod"), .forward = sum_forward, .vjp = prod_vjp, .saves = SAVE(0) | SAVE_OUT(0), .flags = TAKES_BARE, .where = FUNCTION | METHOD | OUT, .data = REDUCE_prod, .samples = "pos(3, 2)",
        .doc = "The product of all elements, or along dim.\n\n>>> rl.prod(rl.tensor([2, 3, 4]))\ntensor(24)",
    },
    {
        .sig = "prod(input: Tensor, dim: int, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor", .forward = sum_forward, .vjp = prod_vjp, .saves = SAVE(0) | SAVE_OUT(0),
        .flags = TAKES_BARE, .where = FUNCTION | METHOD | OUT, .data = REDUCE_prod, .data2 = 1, .samples = "pos(3, 4), 1; pos(3, 4), 0, True",
    },
    TRUTH("any", REDUCE_any, "tensor(True)"),
    TRUTH("all", REDUCE_all, "tensor(False)"),
    {
        .sig = "count_nonzero(input: Tensor, dim: int | list[int] | None = None) -> Tensor", .forward = count_forward, .flags = TAKES_BARE, .where = FUNCTION | METHOD, .samples = "x(3, 4); x(3, 4), 1",
        .doc = "How many elements are not zero.\n\n>>> rl.count_nonzero(rl.tensor([0, 5, 6]))\ntensor(2)",
    },
    EXTREME("max", REDUCE_max, "tensor(5)"),
    {.sig = "max(input: Tensor, other: Tensor) -> Tensor", .flags = COMPOSITE, .forward = maximum_forward, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), x(4)"},
    EXTREME_ALONG("max", REDUCE_max),
    EXTREME("min", REDUCE_min, "tensor(1)"),
    {.sig = "min(input: Tensor, other: Tensor) -> Tensor", .flags = COMPOSITE, .forward = minimum_forward, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), x(4)"},
    EXTREME_ALONG("min", REDUCE_min),
    AMONG("amax", REDUCE_max, "tensor([5, 7])"),
    AMONG("amin", REDUCE_min, "tensor([1, 3])"),
    WHICH("argmax", REDUCE_max, "tensor(1)"),
    WHICH("argmin", REDUCE_min, "tensor(0)"),
    {
        .sig = "aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> (min: Tensor, max: Tensor)", .forward = aminmax_forward, .vjp = aminmax_vjp,
        .saves = SAVE(0) | SAVE_OUT(0) | SAVE_OUT(1), .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4); x(3, 4), dim=1",
        .doc = "Smallest and largest in one call.\n\n>>> rl.aminmax(rl.tensor([1, 5, 3])).max\ntensor(5)",
    },
    {
        .sig = "logsumexp(input: Tensor, dim: int | list[int], keepdim: bool = False) -> Tensor", .forward = logsumexp_forward, .vjp = logsumexp_vjp, .saves = SAVE(0) | SAVE_OUT(0),
        .flags = TAKES_BARE, .where = FUNCTION | METHOD | OUT, .aliases = "special.logsumexp", .samples = "x(3, 4), 1; x(2, 3, 4), (0, 2), True",
        .doc = "The logarithm of the sum of exponentials, without overflow.\n\n>>> rl.logsumexp(rl.tensor([0.0, 0.0]), 0)\ntensor(0.6931)",
    },
    {0},
};
