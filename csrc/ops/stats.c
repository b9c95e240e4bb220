/* stats.c -- variances, deviations and means; counts in bins. */
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
    dx[0] = rl_do("where", a_t(rl_do("eq", a_t(y), a_i(0))), a_i(0), a_t(rl_div(g[0], rl_conj(rl_mul_number(y, 2)))));
}
static Tensor *deviation_forward(Call *c) { return rl_sqrt(c->arg[0].tensor); }

enum { ROOT = 1, WITH_MEAN = 2, UNBIASED_ALL = 4, UNBIASED_DIM = 8 };

/* data: what is wanted, and which of the overloads this is. */
static Tensor *spread_forward(Call *c) {
    int what = c->op->data;
    Tensor *x = c->arg[0].tensor, *both[2];
    Arg dim = what & UNBIASED_ALL ? a_none() : c->arg[1], correction = a_f(1), keepdim = a_b(false);
    if (!rl_dtype_is(x->dtype, CLASS_INEXACT)) return rl_fail(RL_RUNTIME_ERROR, "std and var only support floating point and complex dtypes, but got %s. Convert first, as in x.float()", rl_dtypes[x->dtype].name);
    if (c->dest && c->dest->dtype != x->dtype && rl_dtype_is(x->dtype, CLASS_HALF)) return rl_fail(RL_RUNTIME_ERROR, "%s(): Unsupported dtype %s for a result of another", c->op->parsed->name, rl_dtypes[x->dtype].word);
    if (what & UNBIASED_ALL) correction = a_f(c->arg[1].b ? 1 : 0);
    else if (what & UNBIASED_DIM) correction = a_f(c->arg[2].b ? 1 : 0), keepdim = c->arg[3];
    else if (c->arg[2].tag != A_NONE) correction = a_f(a_double(&c->arg[2]));
    if (!(what & (UNBIASED_ALL | UNBIASED_DIM))) keepdim = c->arg[3];
    if (dim.tag == A_INTS && dim.n == 0) dim = a_none();
    Dtype dtype = x->dtype;
    bool half = rl_dtype_is(dtype, CLASS_HALF);
    if (half) x = rl_cast(x, RL_FLOAT32);       /* rounded once, at the end */
    if (!x || !rl_apply_many(RL_OP("_var_mean"), 4, (Arg[]){a_t(x), dim, correction, keepdim}, 2, both)) return NULL;
    if (what & ROOT) both[0] = rl_do("_deviation", a_t(both[0]));
    if (half) both[0] = rl_cast(both[0], dtype);
    if (!(what & WITH_MEAN)) return both[0];
    Tensor **out = rl_outputs(c, 2);
    if (!out) return NULL;
    out[1] = half ? rl_cast(both[1], dtype) : both[1];
    return out[0] = both[0];
}

#define SPREAD(name, outs, what, example) \
    { \
        .sig = name "(input: Tensor, dim: int | list[int] | None = None, *, correction: Number | None = 1, keepdim: bool = False) -> " outs, .forward = spread_forward, \
        .flags = COMPOSITE, .where = FUNCTION | METHOD | OUT, .data = what, .samples = "x(3, 4); x(3, 4), 1; x(3, 4), (0, 1), correction=0, keepdim=True", \
        .doc = "Over dims, divided by n - correction (1 by default).\n\n>>> rl." name "(rl.tensor([1.0, 2.0, 3.0]))" example, \
    }, \
    {.sig = name "(input: Tensor, unbiased: bool) -> " outs, .forward = spread_forward, .flags = COMPOSITE, .where = FUNCTION | METHOD, .data = what | UNBIASED_ALL, .samples = "x(3, 4), False"}, \
    {.sig = name "(input: Tensor, dim: int | list[int] | None, unbiased: bool, keepdim: bool = False) -> " outs, .forward = spread_forward, .flags = COMPOSITE, \
     .where = FUNCTION | METHOD | OUT, .data = what | UNBIASED_DIM, .samples = "x(3, 4), 1, False"}

/* ---- how many fall where: bins of equal width, the last with both its ends ----------------------------------------------------------- */

#define COUNT(T, name)                                                                              \
    static void count_##name(int64_t n, const T *x, double from, double to, int64_t bins, T *y) {   \
        T low = (T)from, high = (T)to, width = (T)(to - from), many = (T)bins;                      \
        for (int64_t i = 0; i < n; i++) {                                                           \
            if (!(x[i] >= low && x[i] <= high)) continue;                                           \
            int64_t at = (int64_t)((x[i] - low) * many / width);                                    \
            y[at < bins ? at : bins - 1] += 1;                                                      \
        }                                                                                           \
    }
COUNT(float, f32)
COUNT(double, f64)

static double element(const Tensor *x, int64_t i) { return x->dtype == RL_FLOAT32 ? ((const float *)rl_data(x))[i] : ((const double *)rl_data(x))[i]; }

/* The smallest and the largest of dense elements; NaN if one is. */
static void limits_of(const Tensor *x, double *low, double *high) {
    *low = *high = element(x, 0);
    for (int64_t i = 1; i < x->numel; i++) {
        double v = element(x, i);
        *low = v < *low || v != v ? v : *low;
        *high = v > *high || v != v ? v : *high;
    }
}

static Tensor *histc_forward(Call *c) {
    Dtype dtype = c->arg[0].tensor->dtype;
    Tensor *x = rl_contiguous(rl_cast(c->arg[0].tensor, rl_dtype_is(dtype, CLASS_HALF) ? RL_FLOAT32 : dtype));
    int64_t bins = c->arg[1].i;
    double low = a_double(&c->arg[2]), high = a_double(&c->arg[3]);
    if (!x) return NULL;
    if (bins <= 0) return rl_fail(RL_RUNTIME_ERROR, "torch.histc(): bins must be > 0, but got %lld", (long long)bins);
    if (low == high && x->numel) limits_of(x, &low, &high);
    if (low == high) low -= 1, high += 1;
    if (!isfinite(low) || !isfinite(high)) return rl_fail(RL_RUNTIME_ERROR, "torch.histc: range of [%g, %g] is not finite", low, high);
    if (low > high) return rl_fail(RL_RUNTIME_ERROR, "torch.histc: max must be larger than min, but they are %g and %g", high, low);
    Tensor *y = rl_zeros(1, &bins, x->dtype);
    if (y && x->dtype == RL_FLOAT32) count_f32(x->numel, rl_data(x), low, high, bins, rl_data(y));
    else if (y) count_f64(x->numel, rl_data(x), low, high, bins, rl_data(y));
    return rl_cast(y, dtype);
}

Op rl_stats_ops[] = {
    {
        .sig = "histc(input: Tensor, bins: int = 100, min: Number = 0, max: Number = 0) -> Tensor", .forward = histc_forward, .dtypes = CLASS_FLOATING, .flags = EXACT_OUT,
        .where = FUNCTION | METHOD | OUT, .samples = "x(16), 4; x(3, 4), 5, -1, 1",
        .doc = "How many elements fall into bins of equal width from min to max; both 0: from the smallest to the largest.\n\n>>> rl.histc(rl.tensor([0.0, 1.0, 1.0]), 2)\ntensor([1., 2.])",
    },
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
    {0},
};
