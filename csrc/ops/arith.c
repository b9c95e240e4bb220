/* arith.c -- sums, differences, products, quotients and powers: the operations every gradient is made of. */
#include "pointwise.h"

/* ---- add, sub ------------------------------------------------------------------------------------------------------------ */

static bool is_one(const Arg *a) { return (a->tag == A_INT && a->i == 1) || (a->tag == A_FLOAT && a->f == 1) || (a->tag == A_BOOL && a->b); }

/* alpha may not be of a higher category than the result. */
static bool check_alpha(const Arg *alpha, Dtype dtype) {
    if (alpha->tag == A_BOOL && dtype != RL_BOOL) return rl_fail(RL_RUNTIME_ERROR, "Boolean alpha only supported for Boolean results.");
    if (alpha->tag == A_FLOAT && rl_dtype_is(dtype, CLASS_INTEGRAL))
        return rl_fail(RL_RUNTIME_ERROR, "For integral input tensors, argument alpha must not be a floating point number.");
    if (alpha->tag == A_COMPLEX && !rl_dtype_is(dtype, CLASS_COMPLEX))
        return rl_fail(RL_RUNTIME_ERROR, "For non-complex input tensors, argument alpha must not be a complex number.");
    return true;
}

static Tensor *add_with_alpha(Call *c, Arg a, Arg b, const Arg *alpha, bool minus) {
    double pair[4];
    Dtype dtype = rl_result_type(2, (Arg[]){a, b});
    if (!check_alpha(alpha, dtype)) return NULL;
    if (dtype == RL_BOOL) return rl_binary(c, BINARY_add, a, a_double(alpha) != 0 ? b : a, NULL);
    rl_number_pair(alpha, pair);
    if (rl_dtype_is(dtype, CLASS_HALF)) pair[0] = rl_rounded_to(dtype, alpha);
    if (minus) pair[0] = -pair[0], pair[1] = -pair[1];
    return rl_binary(c, BINARY_add_scaled, a, b, pair);
}

/* alpha is 1 and need not be multiplied with.  For complex infinities that makes a difference: there torch does multiply. */
static inline bool plain_alpha(const Call *c, const Arg *alpha) {
    return alpha->tag == A_INT && alpha->i == 1 && !(c->arg[0].tag == A_TENSOR && rl_dtype_is(c->arg[0].tensor->dtype, CLASS_COMPLEX));
}

static Tensor *add_forward(Call *c) {
    const Arg *alpha = &c->arg[2];
    return RL_LIKELY(plain_alpha(c, alpha)) ? rl_binary_forward(c) : add_with_alpha(c, c->arg[0], c->arg[1], alpha, false);
}

static bool is_bool(const Arg *a) { return a->tag == A_BOOL || (a->tag == A_TENSOR && a->tensor->dtype == RL_BOOL); }

static bool refuse_bool(const Arg *a, const Arg *b) {
    if (!is_bool(a) && !is_bool(b)) return false;
    if (is_bool(a) && is_bool(b))
        rl_fail(RL_RUNTIME_ERROR, "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.");
    else
        rl_fail(RL_RUNTIME_ERROR, "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.");
    return true;
}

static Tensor *sub_forward(Call *c) {
    const Arg *alpha = &c->arg[2];
    if (RL_UNLIKELY(refuse_bool(&c->arg[0], &c->arg[1]))) return NULL;
    return RL_LIKELY(plain_alpha(c, alpha)) ? rl_binary_forward(c) : add_with_alpha(c, c->arg[0], c->arg[1], alpha, true);
}

static Tensor *rsub_forward(Call *c) {
    const Arg *alpha = &c->arg[2];
    if (RL_UNLIKELY(refuse_bool(&c->arg[0], &c->arg[1]))) return NULL;
    return plain_alpha(c, alpha) ? rl_binary(c, BINARY_sub, c->arg[1], c->arg[0], NULL) : add_with_alpha(c, c->arg[1], c->arg[0], alpha, true);
}

static Arg conj_number(Arg a, double room[2]) {
    if (a.tag != A_COMPLEX) return a;
    room[0] = a.complex[0], room[1] = -a.complex[1];
    a.complex = room;
    return a;
}

static Tensor *times_alpha(Tensor *g, Arg alpha) {
    double room[2];
    return is_one(&alpha) ? g : rl_do("mul", a_t(g), conj_number(alpha, room));
}

static void add_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = g[0];
    if (rl_need(c, 1)) dx[1] = times_alpha(g[0], c->arg[2]);
}

static void sub_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = g[0];
    if (rl_need(c, 1)) dx[1] = rl_neg(times_alpha(g[0], c->arg[2]));
}

static void rsub_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_neg(times_alpha(g[0], c->arg[2]));
    if (rl_need(c, 1)) dx[1] = g[0];
}

/* ---- mul, div --------------------------------------------------------------------------------------------------------------- */

/* An argument, conjugated: a tensor or a number. */
static Arg conj_arg(Arg a, double room[2]) { return a.tag == A_TENSOR ? a_t(rl_conj(a.tensor)) : conj_number(a, room); }

static void mul_vjp(Call *c, Tensor **g, Tensor **dx) {
    double room[2];
    if (rl_need(c, 0)) dx[0] = rl_do("mul", a_t(g[0]), conj_arg(c->arg[1], room));
    if (rl_need(c, 1)) dx[1] = rl_do("mul", a_t(g[0]), conj_arg(c->arg[0], room));
}

typedef enum { TRUE_DIVISION, FLOOR, TRUNC, BAD_MODE } Rounding;

static Rounding rounding_of(const Arg *a) {
    if (a->tag == A_NONE) return TRUE_DIVISION;
    if (a->n == 5 && !__builtin_memcmp(a->str, "floor", 5)) return FLOOR;
    if (a->n == 5 && !__builtin_memcmp(a->str, "trunc", 5)) return TRUNC;
    return BAD_MODE;
}

static Tensor *true_quotient(Call *c, Arg a, Arg b) {
    Dtype dtype = rl_float_of(rl_result_type(2, (Arg[]){a, b}));
    if (rl_dtype_is(dtype, CLASS_HALF) && a.tag != A_TENSOR && !c->dest) return rl_do("mul", a_t(rl_do("reciprocal", a_t(b.tensor))), a);      /* two roundings, as in torch */
    if (RL_LIKELY(a.tag == A_TENSOR && a.tensor->dtype == dtype)) return rl_binary(c, BINARY_div, a, b, NULL);
    return rl_pointwise_new(c, rl_kernels->binary[dtype][BINARY_div], dtype, dtype, 2, (Arg[]){a, b}, NULL, 0.7);
}

static Tensor *div_forward(Call *c) {
    Arg a = c->arg[0], b = c->arg[1];
    switch (rounding_of(&c->arg[2])) {
    case FLOOR: return rl_binary(c, BINARY_div_floor, a, b, NULL);
    case TRUNC: return rl_binary(c, BINARY_div_trunc, a, b, NULL);
    case BAD_MODE: return rl_fail(RL_RUNTIME_ERROR, "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '%s'", c->arg[2].str);
    default: return true_quotient(c, a, b);
    }
}

static void div_vjp(Call *c, Tensor **g, Tensor **dx) {
    double room[2];
    Arg a = c->arg[0], b = c->arg[1];
    if (rounding_of(&c->arg[2]) != TRUE_DIVISION) {
        if (rl_need(c, 0)) dx[0] = rl_zeros_like(g[0]);
        if (rl_need(c, 1)) dx[1] = rl_zeros_like(g[0]);
        return;
    }
    if (rl_need(c, 0)) dx[0] = rl_do("div", a_t(g[0]), conj_arg(b, room));
    if (rl_need(c, 1)) dx[1] = rl_mul(rl_neg(g[0]), rl_conj(rl_do("div", a_t(rl_do("div", a, b)), b)));
}

static Tensor *floor_divide_forward(Call *c) { return rl_binary(c, BINARY_div_floor, c->arg[0], c->arg[1], NULL); }

/* ---- powers -------------------------------------------------------------------------------------------------------------------- */

/* A few exponents are cheaper as something else.  -1: no such luck. */
static int special_power(double e, Dtype dtype) {
    bool real = rl_dtype_is(dtype, CLASS_FLOATING);
    if (e == 2 || e == 3) return e == 2 ? UNARY_square : UNARY_cube;
    return e == -2 && real ? UNARY_inverse_square : e == 0.5 && real ? UNARY_sqrt : e == -0.5 && real ? UNARY_rsqrt : e == -1 && real ? UNARY_reciprocal : -1;
}

static Tensor *pow_forward(Call *c) {
    Arg a = c->arg[0], e = c->arg[1];
    Dtype dtype = rl_result_type(2, (Arg[]){a, e});
    if (rl_is_bare(dtype) && a.tag == A_TENSOR && e.tag == A_INT && (e.i == 0 || e.i == 1)) return e.i ? rl_clone(a.tensor) : rl_do("ones_like", a);
    if (e.tag == A_INT && e.i < 0 && rl_dtype_is(dtype, CLASS_INTEGRAL))
        return rl_fail(RL_RUNTIME_ERROR, "Integers to negative integer powers are not allowed. Make the base floating-point: x.float() ** %lld", (long long)e.i);
    if (a_is_number(&e) && e.tag != A_COMPLEX && a.tag == A_TENSOR) {
        int unary = special_power(a_double(&e), dtype);
        LoopFn *fn = unary < 0 ? NULL : rl_kernels->unary[dtype][unary];
        if (fn) return rl_pointwise_new(c, fn, dtype, dtype, 1, &a, NULL, 0.7);
    }
    return rl_binary(c, BINARY_pow, a, e, NULL);
}

/* d/dx x^e = e x^(e-1), and 0 where e is 0 even at x = 0. */
static Tensor *pow_slope(Tensor *g, Arg x, Arg e) {
    double room[2];
    if (a_is_number(&e)) {
        double value = a_double(&e);
        if (e.tag != A_COMPLEX && value == 0) return rl_zeros_like(g);
        if (e.tag != A_COMPLEX && value == 2) return rl_mul(g, rl_conj(rl_mul_number(x.tensor, 2)));
        Arg less = e.tag == A_INT ? a_i(e.i - 1) : e.tag == A_COMPLEX ? (Arg){.tag = A_COMPLEX, .complex = room} : a_f(value - 1);
        if (e.tag == A_COMPLEX) room[0] = e.complex[0] - 1, room[1] = e.complex[1];
        return rl_mul(g, rl_conj(rl_do("mul", a_t(rl_do("pow", x, less)), e)));
    }
    Tensor *slope = rl_mul(g, rl_conj(rl_mul(e.tensor, rl_do("pow", x, a_t(rl_add_number(e.tensor, -1))))));
    return rl_do("where", a_t(rl_do("eq", e, a_i(0))), a_f(0), a_t(slope));
}

/* d/de x^e = x^e log x, and 0 where x = 0 and e >= 0. */
static Tensor *exponent_slope(Tensor *g, Tensor *y, Arg x, Arg e) {
    Tensor *base = x.tag == A_TENSOR ? (y && rl_dtype_is(y->dtype, CLASS_COMPLEX) ? rl_cast(x.tensor, y->dtype) : x.tensor) : rl_scalar(y ? (Dtype)y->dtype : RL_FLOAT32, &x);
    Tensor *slope = rl_mul(g, rl_conj(rl_mul(y, rl_log(base))));
    Tensor *at_zero = rl_do("eq", a_t(base), a_i(0));
    if (!e.tensor) return NULL;
    if (!rl_dtype_is(e.tensor->dtype, CLASS_COMPLEX)) at_zero = rl_do("logical_and", a_t(at_zero), a_t(rl_do("ge", e, a_i(0))));
    return rl_do("where", a_t(at_zero), a_f(0), a_t(slope));
}

static void pow_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = pow_slope(g[0], c->arg[0], c->arg[1]);
    if (rl_need(c, 1)) dx[1] = exponent_slope(g[0], c->out[0], c->arg[0], c->arg[1]);
}

/* As pow, in double precision. */
static Tensor *float_power_forward(Call *c) {
    Arg in[2] = {c->arg[0], c->arg[1]};
    Dtype dtype = rl_dtype_is(rl_result_type(2, in), CLASS_COMPLEX) ? RL_COMPLEX128 : RL_FLOAT64;
    if (c->inplace && in[0].tensor->dtype != dtype)
        return rl_fail(RL_RUNTIME_ERROR, "the base given to float_power_ has dtype %s but the operation's result requires dtype %s", rl_dtypes[in[0].tensor->dtype].word, rl_dtypes[dtype].word);
    for (int k = 0; k < 2; k++)
        if (in[k].tag == A_TENSOR) in[k] = a_t(rl_cast(in[k].tensor, dtype));
    if (in[0].tag != A_TENSOR && in[1].tag != A_TENSOR) in[0] = a_t(rl_scalar(dtype, &in[0]));
    return rl_do("pow", in[0], in[1]);
}

/* Unlike all others, torch's does not promote. */
static Tensor *heaviside_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *values = c->arg[1].tensor;
    if (rl_dtype_is(x->dtype, CLASS_COMPLEX) || rl_dtype_is(values->dtype, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "heaviside is not yet implemented for complex tensors.");
    if (x->dtype != values->dtype || (c->dest && c->dest->dtype != x->dtype))
        return rl_fail(RL_RUNTIME_ERROR, "heaviside is not yet implemented for tensors with different dtypes: got %s and %s", rl_dtypes[x->dtype].name, rl_dtypes[values->dtype].name);
    return rl_binary_forward(c);
}

#define TWO(name) name "(input: Tensor | Number, other: Tensor | Number) -> Tensor"

Op rl_arith_ops[] = {
    {
        .sig = "add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
        .forward = add_forward, .vjp = add_vjp, .flags = TAKES_BARE | NUMBERS_ALONE | ELEMENTWISE, .where = FMIO, .data = BINARY_add,
        .formula = "input: g; other: g * conj(alpha)",
        .samples = "x(3, 4), x(3, 4); x(3, 4), x(4), alpha=2; x(3, 4), 2",
        .doc = "input + alpha other.\n\n>>> rl.add(rl.tensor([1.0, 2.0]), 10)\ntensor([11., 12.])",
    },
    {
        .sig = "sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
        .forward = sub_forward, .vjp = sub_vjp, .flags = TAKES_BARE | NUMBERS_ALONE | ELEMENTWISE, .where = FMIO, .data = BINARY_sub, .aliases = "subtract",
        .formula = "input: g; other: -g * conj(alpha)",
        .samples = "x(3, 4), x(3, 4); x(3, 4), x(4), alpha=2; x(3, 4), 2",
        .doc = "input - alpha other.\n\n>>> rl.sub(rl.tensor([1.0, 2.0]), 10)\ntensor([-9., -8.])",
    },
    {
        .sig = "rsub(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
        .forward = rsub_forward, .vjp = rsub_vjp, .flags = TAKES_BARE | ELEMENTWISE, .where = FUNCTION | METHOD, .data = BINARY_sub,
        .formula = "input: -g * conj(alpha); other: g",
        .samples = "x(3, 4), x(3, 4); x(3, 4), 2",
        .doc = "other - alpha input: subtraction the other way round.\n\n>>> rl.rsub(rl.tensor([1.0, 2.0]), 10)\ntensor([9., 8.])",
    },
    {
        .sig = TWO("mul"), .aliases = "multiply",
        .forward = rl_binary_forward, .vjp = mul_vjp, .saves = SAVE(0) | SAVE(1), .saves_for = {SAVE(1), SAVE(0)},
        .flags = TAKES_BARE | NUMBERS_ALONE | ELEMENTWISE, .where = FMIO, .data = BINARY_mul,
        .formula = "input: g * conj(other); other: g * conj(input)",
        .samples = "x(3, 4), x(3, 4); x(3, 1), x(4); x(3, 4), 2",
        .doc = "Elementwise product.\n\n>>> rl.mul(rl.tensor([1.0, 2.0]), 10)\ntensor([10., 20.])",
    },
    {
        .sig = "div(input: Tensor | Number, other: Tensor | Number, *, rounding_mode: str | None = None) -> Tensor", .aliases = "divide true_divide",
        .forward = div_forward, .vjp = div_vjp, .saves = SAVE(0) | SAVE(1), .saves_for = {SAVE(1), SAVE(0) | SAVE(1)},
        .flags = TAKES_BARE | NUMBERS_ALONE | ELEMENTWISE, .where = FMIO,
        .samples = "x(3, 4), pos(3, 4); x(3, 1), pos(4); x(3, 4), 2",
        .doc = "Elementwise quotient, a float even of integers; rounding_mode 'floor' or 'trunc' rounds it and keeps the dtype.\n\n"
               ">>> rl.div(rl.tensor([7, -7]), 2)\ntensor([ 3.5000, -3.5000])\n>>> rl.div(rl.tensor([7, -7]), 2, rounding_mode='floor')\ntensor([ 3, -4])",
    },
    {
        .sig = TWO("floor_divide"),
        .forward = floor_divide_forward, .formula = "input: _no_derivative(g, 'floor_divide', True); other: _no_derivative(g, 'floor_divide', True)", .flags = TAKES_BARE | NUMBERS_ALONE | ELEMENTWISE, .where = FMIO,
        .samples = "x(3, 4), pos(3, 4); x(3, 4), 2",
        .doc = "The quotient rounded down, as Python's //.\n\n>>> rl.floor_divide(rl.tensor([7, -7]), 2)\ntensor([ 3, -4])",
    },
    {
        .sig = "pow(input: Tensor | Number, exponent: Tensor | Number) -> Tensor",
        .forward = pow_forward, .vjp = pow_vjp, .saves = SAVE(0) | SAVE(1) | SAVE_OUT(0), .saves_for = {SAVE(0) | SAVE(1), SAVE(0) | SAVE(1) | SAVE_OUT(0)},
        .flags = TAKES_BARE | ELEMENTWISE, .where = FMIO,
        .samples = "pos(3, 4), 2; pos(3, 4), pos(3, 4); pos(3, 4), 0.5; x(3, 4), 3",
        .doc = "Each element to the power of the exponent.\n\n>>> rl.pow(rl.tensor([1.0, 2.0, 3.0]), 2)\ntensor([1., 4., 9.])",
    },
    {
        .sig = "float_power(input: Tensor | Number, exponent: Tensor | Number) -> Tensor",
        .forward = float_power_forward, .flags = TAKES_BARE | COMPOSITE | EXACT_OUT, .where = FMIO,
        .samples = "pos(3, 4), 2",
        .doc = "pow in double precision, also of integers.\n\n>>> rl.float_power(rl.tensor([2, 3]), -1).dtype == rl.float64\nTrue",
    },
    {
        .sig = "heaviside(input: Tensor, values: Tensor) -> Tensor",
        .forward = heaviside_forward, .formula = "input: _no_derivative(g, 'heaviside', True); values: _no_derivative(g, 'heaviside', True)", .flags = TAKES_BARE | ELEMENTWISE, .where = FMIO, .data = BINARY_heaviside,
        .samples = "x(3, 4), x(3, 4)",
        .doc = "0 below 0, 1 above, and the given value at 0.\n\n>>> rl.heaviside(rl.tensor([-1.0, 0.0, 1.0]), rl.tensor([0.5]))\ntensor([0.0000, 0.5000, 1.0000])",
    },
    {0},
};
