/* stats.c -- variances, deviations and means. */
#include "reduce.h"

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
    if (!rl_apply_many(RL_OP("_var_mean"), 4, (Arg[]){a_t(x), dim, correction, keepdim}, 2, both)) return NULL;
    if (what & ROOT) both[0] = rl_do("_deviation", a_t(both[0]));
    if (!(what & WITH_MEAN)) return both[0];
    Tensor **out = rl_outputs(c, 2);
    if (!out) return NULL;
    out[1] = both[1];
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
    {0},
};
