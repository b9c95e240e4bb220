/* ternary.c -- functions of three variables: choices, limits, products added, mixtures. */
#include "pointwise.h"

#include <math.h>

/* ---- where --------------------------------------------------------------------------------------------------------------- */

static Tensor *condition_of(const Arg *a) {
    Tensor *t = a->tensor;
    if (t->dtype == RL_BOOL) return t;
    if (t->dtype == RL_UINT8) return rl_cast(t, RL_BOOL);
    return rl_fail(RL_RUNTIME_ERROR, "where expected condition to be a boolean tensor, but got a tensor with dtype %s. Compare it first, as in x > 0", rl_dtypes[t->dtype].word);
}

/* A choice as a tensor of dtype: numbers become 0-d. */
static Tensor *choice(const Arg *a, Dtype dtype) { return a->tag == A_TENSOR ? rl_cast(a->tensor, dtype) : !rl_dtype_is(dtype, CLASS_INT) || rl_number_fits(dtype, a) ? rl_scalar(dtype, a) : NULL; }

static Tensor *where_forward(Call *c) {
    Dtype dtype = rl_result_type(2, c->arg + 1);
    if (rl_thread.failed) return NULL;
    Tensor *operands[4] = {NULL, condition_of(&c->arg[0]), choice(&c->arg[1], dtype), choice(&c->arg[2], dtype)};
    if (!operands[1] || !operands[2] || !operands[3]) return NULL;
    Tensor *y = operands[0] = rl_out_like(c, 0, dtype, 3, operands + 1);
    return y && rl_loop(rl_kernels->where[rl_size_index(rl_dtype_bytes(dtype))], 4, operands, NULL, 1) ? y : NULL;
}

static void where_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg zero = a_i(0);
    if (rl_need(c, 1)) dx[1] = rl_do("where", c->arg[0], a_t(g[0]), zero);
    if (rl_need(c, 2)) dx[2] = rl_do("where", c->arg[0], zero, a_t(g[0]));
}

/* ---- clamp ------------------------------------------------------------------------------------------------------------------- */

static bool is_whole_or_float(const Arg *a, double *value) {
    *value = a_double(a);
    return a->tag != A_INT || (a->i < (INT64_C(1) << 53) && a->i > -(INT64_C(1) << 53));
}

/* Both limits numbers that a double holds, and a floating-point input: one pass with the limits as parameters. */
static Tensor *clamp_floats(Call *c, Tensor *x, const Arg *low, const Arg *high) {
    double limits[4] = {-INFINITY, INFINITY, 0, 0};
    if (!rl_dtype_is(x->dtype, CLASS_FLOATING) || low->tag == A_TENSOR || high->tag == A_TENSOR) return NULL;
    if (low->tag != A_NONE && !is_whole_or_float(low, &limits[0])) return NULL;
    if (high->tag != A_NONE && !is_whole_or_float(high, &limits[1])) return NULL;
    Arg in = a_t(x);
    return rl_pointwise_new(c, rl_kernels->unary[x->dtype][UNARY_clamp], x->dtype, x->dtype, 1, &in, limits, 0.7);
}

static Tensor *clamp_any(Call *c, const Arg *x, const Arg *low, const Arg *high) {
    Arg in[3] = {*x, *low, *high};
    if (low->tag == A_NONE && high->tag == A_NONE)
        return rl_fail(RL_RUNTIME_ERROR, "torch.clamp: At least one of 'min' or 'max' must not be None");
    Dtype dtype = rl_result_type(3, in);
    if (rl_dtype_is(dtype, CLASS_COMPLEX)) return rl_fail(RL_NOT_IMPLEMENTED, "clamp is not supported for complex types");
    if (rl_is_bare(dtype)) return rl_refuse_dtype(c, dtype);
    for (int k = 1; k < 3; k++)
        if (a_is_number(&in[k]) && !rl_number_fits(dtype, &in[k])) return NULL;
    if (dtype == x->tensor->dtype) {
        Tensor *y = clamp_floats(c, x->tensor, low, high);
        if (y || rl_failed()) return y;
    }
    if (low->tag != A_NONE && high->tag != A_NONE && dtype != RL_BOOL)
        return rl_pointwise_new(c, rl_kernels->ternary[dtype][TERNARY_clamp], dtype, dtype, 3, in, NULL, 1);
    if (low->tag != A_NONE) in[0] = a_t(rl_do("maximum", in[0], low->tag == A_TENSOR ? *low : a_t(rl_scalar(dtype, low))));
    return high->tag == A_NONE ? in[0].tensor : rl_do("minimum", in[0], high->tag == A_TENSOR ? *high : a_t(rl_scalar(dtype, high)));
}

static Tensor *clamp_forward(Call *c) { return clamp_any(c, &c->arg[0], &c->arg[1], &c->arg[2]); }
static Tensor *clamp_min_forward(Call *c) { return clamp_any(c, &c->arg[0], &c->arg[1], &(Arg){.tag = A_NONE}); }
static Tensor *clamp_max_forward(Call *c) { return clamp_any(c, &c->arg[0], &(Arg){.tag = A_NONE}, &c->arg[1]); }

/* Where x lies within both limits the gradient is x's; a limit that is a tensor gets it where it decided, the upper one first. */
static void clamp_slopes(Tensor *g, Tensor **dx, Arg x, Arg low, Arg high, const bool need[3]) {
    Tensor *inside = NULL, *above_low = low.tag == A_NONE ? NULL : rl_do("ge", x, low), *below_high = high.tag == A_NONE ? NULL : rl_do("le", x, high);
    inside = above_low && below_high ? rl_do("logical_and", a_t(above_low), a_t(below_high)) : above_low ? above_low : below_high;
    if (need[0]) dx[0] = rl_do("where", a_t(inside), a_t(g), a_i(0));
    if (need[1]) {
        Tensor *decides = rl_do("lt", x, low);
        if (high.tag != A_NONE) decides = rl_do("logical_and", a_t(decides), a_t(high.tag == A_TENSOR ? rl_do("lt", low, high) : rl_do("lt", low, high)));
        dx[1] = rl_do("where", a_t(decides), a_t(g), a_i(0));
    }
    if (need[2]) {
        Tensor *decides = rl_do("gt", x, high);
        if (low.tag == A_TENSOR) decides = rl_do("logical_or", a_t(decides), a_t(rl_do("gt", low, high)));
        else if (low.tag != A_NONE) decides = rl_do("logical_or", a_t(decides), a_t(rl_do("lt", high, low)));
        dx[2] = rl_do("where", a_t(decides), a_t(g), a_i(0));
    }
}

static void clamp_vjp(Call *c, Tensor **g, Tensor **dx) {
    bool need[3] = {rl_need(c, 0), c->arg[1].tag == A_TENSOR && rl_need(c, 1), c->arg[2].tag == A_TENSOR && rl_need(c, 2)};
    clamp_slopes(g[0], dx, c->arg[0], c->arg[1], c->arg[2], need);
}

static void clamp_min_vjp(Call *c, Tensor **g, Tensor **dx) {
    bool need[3] = {rl_need(c, 0), c->arg[1].tag == A_TENSOR && rl_need(c, 1), false};
    clamp_slopes(g[0], dx, c->arg[0], c->arg[1], a_none(), need);
}

static void clamp_max_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *d[3] = {NULL, NULL, NULL};
    bool need[3] = {rl_need(c, 0), false, c->arg[1].tag == A_TENSOR && rl_need(c, 1)};
    clamp_slopes(g[0], d, c->arg[0], a_none(), c->arg[1], need);
    dx[0] = d[0];
    if (need[2]) dx[1] = d[2];
}

/* ---- products and quotients added, mixtures --------------------------------------------------------------------------------------- */

static Tensor *add_product(Call *c, int kernel) {
    double pair[4];
    Dtype dtype = rl_result_type(3, c->arg);
    LoopFn *fn = rl_kernels->ternary[dtype][kernel];
    if (kernel == TERNARY_addcdiv && rl_dtype_is(dtype, CLASS_INTEGRAL))
        return rl_fail(RL_RUNTIME_ERROR, "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division of tensor1 and tensor2. "
                                         "Cast one of the inputs to a floating-point dtype first");
    if (!fn) return rl_refuse_dtype(c, dtype);
    if (!rl_number_is_real(dtype, &c->arg[3])) return NULL;
    rl_number_pair(&c->arg[3], pair);
    return rl_pointwise_new(c, fn, dtype, dtype, 3, c->arg, pair, 1);
}

static Tensor *addcmul_forward(Call *c) { return add_product(c, TERNARY_addcmul); }
static Tensor *addcdiv_forward(Call *c) { return add_product(c, TERNARY_addcdiv); }

static Tensor *lerp_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *end = c->arg[1].tensor;
    LoopFn *fn = rl_kernels->ternary[x->dtype][TERNARY_lerp];
    if (x->dtype != end->dtype) return rl_fail(RL_RUNTIME_ERROR, "expected dtype %s for `end` but got dtype %s", rl_dtypes[x->dtype].name, rl_dtypes[end->dtype].name);
    if (c->arg[2].tag == A_TENSOR && c->arg[2].tensor->dtype != x->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "expected dtype %s for `weight` but got dtype %s", rl_dtypes[x->dtype].name, rl_dtypes[c->arg[2].tensor->dtype].name);
    if (!fn) return rl_refuse_dtype(c, x->dtype);
    if (!rl_number_is_real(x->dtype, &c->arg[2])) return NULL;
    if (rl_dtype_is(x->dtype, CLASS_HALF) && c->arg[2].tag != A_TENSOR) return rl_pointwise_once(c, rl_kernels->ternary[RL_FLOAT32][TERNARY_lerp], x->dtype, 3, c->arg, 1);
    return rl_pointwise_new(c, fn, x->dtype, x->dtype, 3, c->arg, NULL, 1);
}

#define LIMITS "input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None"

Op rl_ternary_ops[] = {
    {
        .sig = "where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor",
        .forward = where_forward, .vjp = where_vjp, .saves = SAVE(0), .flags = TAKES_BARE | ELEMENTWISE | EXACT_OUT, .where = FUNCTION | OUT,
        .formula = "input: where(condition, g, 0); other: where(condition, 0, g)",
        .samples = "mask(3, 4), x(3, 4), x(3, 4); mask(3, 4), x(4), 2.0",
        .doc = "input where the condition holds, other elsewhere.\n\n>>> rl.where(rl.tensor([True, False]), rl.tensor([1, 2]), 9)\ntensor([1, 9])",
    },
    {
        .sig = "clamp(" LIMITS ") -> Tensor", .aliases = "clip",
        .forward = clamp_forward, .vjp = clamp_vjp, .saves = SAVE(0) | SAVE(1) | SAVE(2), .flags = TAKES_BARE | ELEMENTWISE, .where = FMIO,
        .samples = "x(3, 4), -0.5, 0.5; x(3, 4), 0.1; x(3, 4), None, 0.2; x(3, 4), x(3, 4), x(3, 4)",
        .doc = "input limited to [min, max].\n\n>>> rl.clamp(rl.tensor([-3, 0, 7]), min=-1, max=5)\ntensor([-1,  0,  5])",
    },
    {
        .sig = "clamp_min(input: Tensor, min: Tensor | Number) -> Tensor",
        .forward = clamp_min_forward, .vjp = clamp_min_vjp, .saves = SAVE(0) | SAVE(1), .flags = TAKES_BARE | ELEMENTWISE, .where = FMIO,
        .samples = "x(3, 4), 0.1; x(3, 4), x(4)",
        .doc = "input, but at least min.\n\n>>> rl.clamp_min(rl.tensor([-3, 7]), 0)\ntensor([0, 7])",
    },
    {
        .sig = "clamp_max(input: Tensor, max: Tensor | Number) -> Tensor",
        .forward = clamp_max_forward, .vjp = clamp_max_vjp, .saves = SAVE(0) | SAVE(1), .flags = TAKES_BARE | ELEMENTWISE, .where = FMIO,
        .samples = "x(3, 4), 0.1; x(3, 4), x(4)",
        .doc = "input, but at most max.\n\n>>> rl.clamp_max(rl.tensor([-3, 7]), 0)\ntensor([-3,  0])",
    },
    {
        .sig = "addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor",
        .forward = addcmul_forward, .flags = ELEMENTWISE, .where = FMIO,
        .formula = "input: g; tensor1: g * conj(tensor2 * value); tensor2: g * conj(tensor1 * value)",
        .samples = "x(3, 4), x(3, 4), x(3, 4); x(3, 4), x(4), x(3, 1), value=2",
        .doc = "input + value tensor1 tensor2.\n\n>>> rl.addcmul(rl.ones(2), rl.tensor([1.0, 2.0]), rl.tensor([3.0, 4.0]), value=2)\ntensor([ 7., 17.])",
    },
    {
        .sig = "addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor",
        .forward = addcdiv_forward, .flags = ELEMENTWISE, .where = FMIO,
        .formula = "input: g; tensor1: g * conj(value / tensor2); tensor2: -g * conj(value * tensor1 / (tensor2 * tensor2))",
        .samples = "x(3, 4), x(3, 4), pos(3, 4); x(3, 4), x(4), pos(3, 1), value=2",
        .doc = "input + value tensor1 / tensor2.\n\n>>> rl.addcdiv(rl.ones(2), rl.tensor([1.0, 2.0]), rl.tensor([2.0, 4.0]))\ntensor([1.5000, 1.5000])",
    },
    {
        .sig = "lerp(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor",
        .forward = lerp_forward, .flags = ELEMENTWISE | EXACT_OUT, .where = FMIO,
        .formula = "input: g * (1 - conj(weight)); end: g * conj(weight); weight: g * conj(end - input)",
        .samples = "x(3, 4), x(3, 4), 0.3; x(3, 4), x(3, 4), unit(3, 4)",
        .doc = "The point a given part of the way from input to end.\n\n>>> rl.lerp(rl.tensor([0.0]), rl.tensor([10.0]), 0.3)\ntensor([3.])",
    },
    {0},
};
