/* gates.c -- activations that are more than a function of one number: GELU in its two forms, GLU, and PReLU with its weight. */
#include "pointwise.h"

#include <inttypes.h>
#include <string.h>

/* ---- gelu: (input, approximate) ----------------------------------------------------------------------------------------- */

static int form_of(const char *approximate) {
    if (!strcmp(approximate, "none")) return UNARY_gelu;
    if (!strcmp(approximate, "tanh")) return UNARY_gelu_tanh;
    rl_fail(RL_RUNTIME_ERROR, "approximate argument must be either none or tanh, got '%s'", approximate);
    return -1;
}

static Tensor *gelu_forward(Call *c) {
    int form = form_of(c->arg[1].str);
    Dtype d = c->arg[0].tensor->dtype;
    if (c->dest && c->dest->dtype != d) return rl_fail(RL_RUNTIME_ERROR, "Found dtype %s but expected %s: gelu() keeps the dtype", rl_dtypes[c->dest->dtype].word, rl_dtypes[d].word);
    return form < 0 ? NULL : rl_pointwise_new(c, rl_kernels->unary[d][form], d, d, 1, c->arg, NULL, 4);
}

static Tensor *op(const char *name, Tensor *t) { return rl_apply_n(rl_find(name), 1, (Arg[]){a_t(t)}); }

/* The derivative as operations: Phi(x) + x phi(x), or that of the tanh form. */
static Tensor *gelu_slope(Tensor *x, bool tanh_form) {
    if (!tanh_form) {
        Tensor *below = rl_mul_number(rl_add_number(op("erf", rl_mul_number(x, 0.7071067811865476)), 1), 0.5);
        Tensor *density = rl_mul_number(rl_exp(rl_mul_number(rl_mul(x, x), -0.5)), 0.3989422804014327);
        return rl_add(below, rl_mul(x, density));
    }
    const double k = 0.7978845608028654, cube = 0.044715;
    Tensor *square = rl_mul(x, x);
    Tensor *t = op("tanh", rl_mul_number(rl_mul(x, rl_add_number(rl_mul_number(square, cube), 1)), k));
    Tensor *inner = rl_mul_number(rl_add_number(rl_mul_number(square, 3 * cube), 1), k);
    Tensor *rest = rl_do("rsub", a_t(rl_mul(t, t)), a_i(1));
    return rl_mul_number(rl_add(rl_add_number(t, 1), rl_mul(x, rl_mul(rest, inner))), 0.5);
}

static void gelu_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor;
    int form = form_of(c->arg[1].str);
    if (!x || form < 0) return;
    LoopFn *fn = rl_kernels->unary_grad[x->dtype][form];
    if (rl_thread.grad_mode || !fn || g[0]->dtype != x->dtype || !rl_same_shape(g[0], x)) {
        dx[0] = rl_mul(g[0], gelu_slope(x, form == UNARY_gelu_tanh));
        return;
    }
    Tensor *d = rl_empty_like(g[0], g[0]->dtype);
    if (d && rl_loop(fn, 4, (Tensor *[]){d, g[0], x, x}, NULL, 5)) dx[0] = d;
}

/* ---- glu, prelu ----------------------------------------------------------------------------------------------------------- */

/* The halves of x along dim.  False with an error if there are none. */
static bool halves(Tensor *x, int64_t dim, Tensor *half[2]) {
    if (!x->ndim) return rl_fail(RL_RUNTIME_ERROR, "glu does not support 0-dimensional tensors");
    int d = rl_wrap_dim(x->ndim, dim);
    if (d < 0) return false;
    int64_t n = x->shape[d];
    if (n % 2) return rl_fail(RL_RUNTIME_ERROR, "Halving dimension must be even, but dimension %d is size %" PRId64, d, n);
    for (int k = 0; k < 2; k++) half[k] = rl_narrow(x, d, k * n / 2, n / 2);
    return half[0] && half[1];
}

static Tensor *glu_forward(Call *c) {
    Tensor *half[2];
    Dtype d = c->arg[0].tensor->dtype;
    if (!halves(c->arg[0].tensor, c->arg[1].i, half)) return NULL;
    if (!rl_kernels->binary[d][BINARY_glu]) return rl_refuse_dtype(c, d);
    return rl_pointwise_new(c, rl_kernels->binary[d][BINARY_glu], d, d, 2, (Arg[]){a_t(half[0]), a_t(half[1])}, NULL, 2);
}

static void glu_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *half[2], *slope[2];
    if (!halves(x, c->arg[1].i, half)) return;
    if (rl_thread.grad_mode || g[0]->dtype != x->dtype) {
        Tensor *s = rl_do("sigmoid", a_t(half[1])), *rise = rl_mul(s, rl_do("rsub", a_t(s), a_i(1)));
        Tensor *parts[2] = {rl_mul(g[0], s), rl_mul(rl_mul(g[0], half[0]), rise)};
        dx[0] = rl_cat(2, parts, c->arg[1].i);
        return;
    }
    Tensor *d = rl_empty(x->ndim, x->shape, x->dtype);
    if (d && halves(d, c->arg[1].i, slope) && rl_loop(rl_kernels->binary[x->dtype][BINARY_glu], 3, (Tensor *[]){slope[0], g[0], half[1]}, NULL, 2) &&
        rl_loop(rl_kernels->ternary[x->dtype][TERNARY_glu_slope], 4, (Tensor *[]){slope[1], g[0], half[0], half[1]}, NULL, 2))
        dx[0] = d;
}

static Tensor *prelu_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = c->arg[1].tensor;
    if (x->dtype != w->dtype) return rl_fail(RL_RUNTIME_ERROR, "prelu: Type promoting not supported. Got %s and %s", rl_dtypes[x->dtype].name, rl_dtypes[w->dtype].name);
    if (w->ndim > 1) return rl_fail(RL_RUNTIME_ERROR, "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = %d", w->ndim);
    int64_t channels = x->ndim > 1 ? x->shape[1] : 1, shape[RL_MAX_DIMS];
    if (w->numel != 1) {
        if (!x->ndim) return rl_fail(RL_RUNTIME_ERROR, "Not allow zero-dim input tensor.");
        if (w->numel != channels) return rl_fail(RL_RUNTIME_ERROR, "Mismatch of parameter numbers and input channel size. Found parameter numbers = %" PRId64 " and channel size = %" PRId64 ".", w->numel, channels);
        for (int i = 0; i < x->ndim; i++) shape[i] = i == 1 ? channels : 1;
        w = rl_reshape(w, x->ndim, shape);
    } else if (w->ndim != 0 && !x->ndim) w = rl_reshape(w, 0, NULL);
    return rl_do("_prelu_kernel", a_t(x), a_t(w));
}

static Tensor *prelu_kernel_forward(Call *c) {
    Dtype d = c->arg[0].tensor->dtype;
    return rl_pointwise_new(c, rl_kernels->binary[d][BINARY_prelu], d, d, 2, c->arg, NULL, 1);
}

/* While nothing records, one pass for each; else the formula. */
static void prelu_kernel_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *w = c->arg[1].tensor;
    Dtype d = (Dtype)g[0]->dtype;
    if (rl_thread.grad_mode || !x || !w || x->dtype != d || w->dtype != d) {
        rl_formula_vjp(c, g, dx);
        return;
    }
    Tensor *slope[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++)
        if (rl_need(c, k) && !(slope[k] = rl_empty_like(g[0], d))) return;
    if (slope[0] && rl_loop(rl_kernels->ternary[d][TERNARY_prelu_slope], 4, (Tensor *[]){slope[0], g[0], x, w}, NULL, 1)) dx[0] = slope[0];
    if (slope[1] && rl_loop(rl_kernels->binary[d][BINARY_prelu_weight], 3, (Tensor *[]){slope[1], x, g[0]}, NULL, 1)) dx[1] = slope[1];
}

Op rl_gates_ops[] = {
    {
        .sig = "gelu(input: Tensor, approximate: str = 'none') -> Tensor", .where = NN | INPLACE | OUT, .flags = ELEMENTWISE | EXACT_OUT, .dtypes = CLASS_FLOATING, .saves = SAVE(0),
        .doc = "x times the normal distribution function of x, or with approximate='tanh' nearly that.\n\n>>> rl.nn.functional.gelu(rl.tensor([0., 1.]))\ntensor([0.0000, 0.8413])",
        .forward = gelu_forward, .vjp = gelu_vjp, .samples = "x(3, 4); x(3, 4), approximate='tanh'",
    },
    {
        .sig = "glu(input: Tensor, dim: int = -1) -> Tensor", .where = NN | OUT, .dtypes = CLASS_FLOATING, .saves = SAVE(0), .vjp = glu_vjp,
        .doc = "a sigmoid(b), a and b the halves of x along dim.\n\n>>> rl.nn.functional.glu(rl.tensor([2., 0.]))\ntensor([1.])", .forward = glu_forward, .samples = "x(3, 4); x(4, 3), 0",
    },
    {
        .sig = "prelu(input: Tensor, weight: Tensor) -> Tensor", .where = FUNCTION | METHOD | NN, .flags = COMPOSITE, .dtypes = CLASS_FLOATING,
        .doc = "x, or weight * x where x is negative; one weight, or one per channel.\n\n>>> rl.prelu(rl.tensor([-2., 1.]), rl.tensor([0.5]))\ntensor([-1.,  1.])", .forward = prelu_forward,
        .samples = "x(3, 4), x(1); x(2, 3, 4), x(3); x(), x()",
    },
    {
        .sig = "_prelu_kernel(input: Tensor, weight: Tensor) -> Tensor", .where = PRIVATE, .flags = FLAT, .dtypes = CLASS_FLOATING, .node = "PreluKernelBackward0", .forward = prelu_kernel_forward, .vjp = prelu_kernel_vjp, .saves = SAVE(0) | SAVE(1),
        .formula = "input: where(input > 0, g, weight * g); weight: where(input > 0, zeros_like(input), input * g)", .samples = "x(3, 4), x(1, 4); x(2, 3, 4), x(1, 3, 1)",
        .doc = "prelu of a weight that broadcasts.\n\n>>> rl._C._ops._prelu_kernel(rl.tensor([-2., 1.]), rl.tensor(0.5))\ntensor([-1.,  1.])",
    },
    {0},
};
