/* math.c -- functions of one or two variables that are more than a row of a list: parameters, several outputs, several dtypes. */
#include "pointwise.h"
#include "kernels/special.h"

#include <math.h>
#include <stdlib.h>

/* ---- rounding, cleaning ---------------------------------------------------------------------------------------------------- */

static Tensor *unary(Call *c, int kernel, Dtype compute, Dtype result, const double *extra) {
    LoopFn *fn = rl_kernels->unary[compute][kernel];
    return fn ? rl_pointwise_new(c, fn, compute, result, 1, c->arg, extra, 1) : rl_refuse_dtype(c, compute);
}

static Tensor *round_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t decimals = c->arg[1].i;
    double extra[4] = {pow(10, (double)llabs(decimals)), 0, 0, 0};
    if (decimals == 0) return unary(c, UNARY_round, x->dtype, x->dtype, NULL);
    if (rl_dtype_is(x->dtype, CLASS_INTEGRAL)) return rl_fail(RL_NOT_IMPLEMENTED, "\"round_cpu\" not implemented for '%s' with decimals", rl_dtypes[x->dtype].word);
    return unary(c, decimals > 0 ? UNARY_round_scaled : UNARY_round_tens, x->dtype, x->dtype, extra);
}

static const double *largest_of(Dtype d) {
    static const double half = 65504, bfloat = 0x1.fep127, single = 0x1.fffffep127, wide = 0x1.fffffffffffffp1023;
    return d == RL_FLOAT16 ? &half : d == RL_BFLOAT16 ? &bfloat : d == RL_FLOAT64 ? &wide : &single;
}

static Tensor *nan_to_num_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const double *largest = largest_of(x->dtype);
    if (c->inplace && !rl_dtype_is(x->dtype, CLASS_INTEGRAL) && !rl_check_inplace(x)) return NULL;
    double extra[4] = {a_double(&c->arg[1]), c->arg[2].tag == A_NONE ? *largest : a_double(&c->arg[2]), c->arg[3].tag == A_NONE ? -*largest : a_double(&c->arg[3]), 0};
    if (rl_dtype_is(x->dtype, CLASS_INTEGRAL)) return c->inplace ? x : rl_copy_into(rl_empty_like(x, x->dtype), x);
    if (rl_dtype_is(x->dtype, CLASS_COMPLEX)) {   /* part by part */
        Tensor *y = rl_copy_into(rl_empty(x->ndim, x->shape, x->dtype), x);
        Dtype real = rl_to_real(x->dtype);
        int64_t bytes = rl_dtype_bytes(real), n = y ? 2 * y->numel : 0;
        largest = largest_of(real);
        if (c->arg[2].tag == A_NONE) extra[1] = *largest;
        if (c->arg[3].tag == A_NONE) extra[2] = -*largest;
        if (y) rl_kernels->unary[real][UNARY_nan_to_num](n, (char *[]){rl_data(y), rl_data(y)}, (int64_t[]){bytes, bytes}, extra);
        return y;
    }
    return unary(c, UNARY_nan_to_num, x->dtype, x->dtype, extra);
}

static Tensor *logit_forward(Call *c) {
    Dtype dtype = rl_float_of(c->arg[0].tensor->dtype);
    double eps = c->arg[1].tag == A_NONE ? -1 : a_double(&c->arg[1]), extra[4] = {eps, 1 - eps, 0, 0};
    return unary(c, eps < 0 ? UNARY_log_odds : UNARY_logit, dtype, dtype, extra);
}

static void logit_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor;
    bool limited = c->arg[1].tag != A_NONE;
    double eps = limited ? a_double(&c->arg[1]) : 0, outside = limited ? 0 : NAN;
    LoopFn *fn = rl_kernels->ternary[g[0]->dtype][TERNARY_logit_slope];
    if (!rl_thread.grad_mode && fn && g[0]->dtype == x->dtype && rl_same_shape(g[0], x)) {
        double extra[4] = {eps, 1 - eps, outside, 0};
        Tensor *d = rl_empty_like(g[0], x->dtype);
        if (d && rl_loop(fn, 4, (Tensor *[]){d, g[0], x, x}, extra, 1)) dx[0] = d;
        return;
    }
    Tensor *slope = rl_div(g[0], rl_mul(x, rl_do("rsub", a_t(x), a_i(1))));
    Tensor *inside = rl_do("logical_and", a_t(rl_do("ge", a_t(x), a_f(eps))), a_t(rl_do("le", a_t(x), a_f(1 - eps))));
    dx[0] = rl_do("where", a_t(inside), a_t(slope), a_f(outside));
}

/* ---- gamma functions of an order --------------------------------------------------------------------------------------------- */

/* Poles of trigamma are where its reflection's sine is only nearly 0: as large as single precision makes it there, which is torch's value. */
static void trigamma_single(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    enum { PIECE = 256 };
    float x[PIECE];
    for (int64_t i = 0, m; i < n; i += m) {
        m = n - i < PIECE ? n - i : PIECE;
        rl_kernels->copy[2](m, (char *[]){(char *)x, p[1] + i * stride[1]}, (int64_t[]){4, stride[1]}, NULL);
        rl_kernels->unary[RL_FLOAT32][UNARY_trigamma](m, (char *[]){p[0] + i * stride[0], (char *)x}, (int64_t[]){stride[0], 4}, extra);
        for (int64_t j = 0; j < m; j++) {
            if (x[j] >= 0 || x[j] != floorf(x[j])) continue;
            float s = sinf(3.14159265f * x[j]);
            if (s != 0) *(float *)(p[0] + (i + j) * stride[0]) = 9.8696044f / (s * s);
        }
    }
}

static Tensor *polygamma_forward(Call *c) {   /* data: which argument is the tensor */
    int at = c->op->data;
    int64_t n = c->arg[1 - at].i;
    double extra[4] = {(double)n, 0, 0, 0};
    Dtype dtype = rl_float_of(c->arg[at].tensor->dtype);
    if (n < 0) return rl_fail(RL_RUNTIME_ERROR, "polygamma(n, x) does not support negative n, but n is %lld", (long long)n);
    LoopFn *fn = n == 1 && dtype == RL_FLOAT32 ? trigamma_single : rl_kernels->unary[dtype][n == 1 ? UNARY_trigamma : UNARY_polygamma];
    return fn ? rl_pointwise_new(c, fn, dtype, dtype, 1, &c->arg[at], extra, 30) : rl_refuse_dtype(c, dtype);
}

static void polygamma_vjp(Call *c, Tensor **g, Tensor **dx) {
    int at = c->op->data;
    dx[at] = rl_mul(g[0], rl_do("polygamma", a_i(c->arg[1 - at].i + 1), c->arg[at]));
}

static Tensor *mvlgamma_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *y = NULL;
    int64_t p = c->arg[1].i;
    if (p < 1) return rl_fail(RL_RUNTIME_ERROR, "p has to be greater than or equal to 1, but is %lld", (long long)p);
    if (p > 1 << 24) return rl_fail_memory(p * 8);     /* torch makes a tensor of p terms per element */
    for (int64_t j = 0; j < p && !rl_thread.failed; j++) {
        Tensor *term = rl_do("lgamma", a_t(rl_add_number(x, -0.5 * (double)j)));
        y = j ? rl_add(y, term) : term;
    }
    return rl_add_number(y, (double)(p * (p - 1)) / 4 * 1.1447298858494002);
}

/* ---- powers of two -------------------------------------------------------------------------------------------------------------- */

static Tensor *ldexp_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *e = c->arg[1].tensor;
    if (!rl_dtype_is(x->dtype, CLASS_FLOATING) || !rl_dtype_is(e->dtype, CLASS_INT)) return rl_do("mul", a_t(x), a_t(rl_do("pow", a_f(2), a_t(e))));
    return rl_do("_ldexp", a_t(x), a_t(e));
}

/* The exponents' own slope: y log 2, which no integer takes. */
static Tensor *ldexp_kernel_forward(Call *c) {
    Dtype d = c->arg[0].tensor->dtype;
    LoopFn *fn = rl_kernels->binary[d][BINARY_ldexp];
    return fn ? rl_pointwise_new(c, fn, d, d, 2, c->arg, NULL, 1) : rl_refuse_dtype(c, d);
}

#define FREXP(T, name, split) \
    static void frexp_##name(int64_t n, char *const *p, const int64_t *stride, const void *extra) { \
        for (int64_t i = 0; i < n; i++) { \
            int32_t e = 0; \
            *(T *)(p[0] + i * stride[0]) = split(*(T *)(p[2] + i * stride[2]), &e); \
            *(int32_t *)(p[1] + i * stride[1]) = e; \
        } \
    }
FREXP(double, f64, frexp)

/* Fraction and exponent by their bits; zeros, infinities and NaN are their own fractions. */
static inline float split_float(float x, int32_t *e) {
    float up = fabsf(x) < 0x1p-126f ? x * 0x1p24f : x;
    union { float f; uint32_t i; } u = {.f = up};
    uint32_t whole = u.i >> 23 & 255;
    if (whole == 255 || !(u.i << 1)) return x;
    *e = (int32_t)whole - 126 - (fabsf(x) < 0x1p-126f ? 24 : 0);
    u.i = (u.i & 0x807fffffu) | 126u << 23;
    return u.f;
}
FREXP(float, f32, split_float)

static Tensor *frexp_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    if (!out) return NULL;
    if (!rl_dtype_is(x->dtype, CLASS_FLOATING)) return rl_fail(RL_RUNTIME_ERROR, "torch.frexp() only supports floating-point dtypes, but got %s", rl_dtypes[x->dtype].word);
    bool half = rl_dtype_bytes(x->dtype) == 2, wide = x->dtype == RL_FLOAT64;
    Tensor *whole = half ? rl_cast(x, RL_FLOAT32) : x, *part = rl_empty_like(x, half ? RL_FLOAT32 : x->dtype);
    out[1] = rl_empty_like(x, RL_INT32);
    if (!whole || !part || !out[1] || !rl_loop(wide ? frexp_f64 : frexp_f32, 3, (Tensor *[]){part, out[1], whole}, NULL, 2)) return NULL;
    return out[0] = half ? rl_copy_into(rl_empty_like(x, x->dtype), part) : part;
}

static void frexp_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (g[0]) dx[0] = rl_do("ldexp", a_t(g[0]), a_t(rl_neg(c->out[1])));
}

/* ---- complex numbers -------------------------------------------------------------------------------------------------------------- */

static Tensor *times_i(Tensor *x, double factor) { return rl_do("mul", a_t(x), (Arg){.tag = A_COMPLEX, .complex = (double[]){0, factor}}); }

static Tensor *angle_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Dtype compute = rl_float_of(x->dtype);
    if (!rl_dtype_is(compute, CLASS_COMPLEX)) return unary(c, UNARY_angle, compute, compute, NULL);
    Tensor *y = rl_out(c, 0, x->ndim, x->shape, rl_to_real(compute));      /* row-major, whatever the input's strides are */
    return y && rl_pointwise(rl_kernels->unary[compute][UNARY_angle], compute, rl_to_real(compute), y, 1, c->arg, NULL, 1) ? y : NULL;
}

static void angle_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor;
    if (!rl_dtype_is(x->dtype, CLASS_COMPLEX)) {
        dx[0] = rl_zeros_like(g[0]);
        return;
    }
    Tensor *size = rl_do("abs", a_t(x)), *slope = rl_mul(g[0], rl_div(times_i(x, 1), rl_mul(size, size)));
    dx[0] = rl_do("where", a_t(rl_do("eq", a_t(x), a_i(0))), a_i(0), a_t(slope));
}

static Tensor *conj_copy_forward(Call *c) { return unary(c, UNARY_conj, c->arg[0].tensor->dtype, c->arg[0].tensor->dtype, NULL); }

static Tensor *conj_forward(Call *c) {
    return rl_dtype_is(c->arg[0].tensor->dtype, CLASS_COMPLEX) ? rl_do("_conj", c->arg[0]) : c->arg[0].tensor;
}

static void conj_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_conj(g[0]); }
static Tensor *same_forward(Call *c) { return c->arg[0].tensor; }

static Tensor *positive_forward(Call *c) {
    if (c->arg[0].tensor->dtype == RL_BOOL) return rl_fail(RL_RUNTIME_ERROR, "The `+` operator, on a bool tensor is not supported.");
    return c->arg[0].tensor;
}

/* d sgn: the part of g across x, divided by |x|.  0 for real numbers. */
static Tensor *sgn_backward_forward(Call *c) {
    Tensor *g = c->arg[0].tensor, *x = c->arg[1].tensor;
    if (!rl_dtype_is(x->dtype, CLASS_COMPLEX)) return rl_do("zeros_like", a_t(g));
    Tensor *size = rl_do("abs", a_t(x)), *s = rl_do("sgn", a_t(x));
    Tensor *along = rl_mul(s, rl_do("real", a_t(rl_mul(rl_conj(g), s))));
    Tensor *slope = rl_div(rl_sub(g, along), size);
    return rl_do("where", a_t(rl_do("eq", a_t(size), a_i(0))), a_i(0), a_t(slope));
}

/* The real and imaginary parts of a complex tensor as real views, for writing. */
static Tensor *part_of(Tensor *z, int which) {
    int64_t stride[RL_MAX_DIMS];
    for (int i = 0; i < z->ndim; i++) stride[i] = 2 * z->stride[i];
    return rl_view_dtype(z, rl_to_real(z->dtype), z->ndim, z->shape, stride, 2 * z->offset + which);
}

static Tensor *complex_forward(Call *c) {
    Tensor *re = c->arg[0].tensor, *im = c->arg[1].tensor;
    if (re->dtype != im->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Expected object of scalar type %s but got scalar type %s for second argument", rl_dtypes[re->dtype].word, rl_dtypes[im->dtype].word);
    if (re->dtype != RL_FLOAT32 && re->dtype != RL_FLOAT64)
        return rl_fail(RL_RUNTIME_ERROR, "Expected both inputs to be Half, Float or Double tensors but got %s and %s", rl_dtypes[re->dtype].word, rl_dtypes[im->dtype].word);
    Tensor *z = rl_out_like(c, 0, rl_to_complex(re->dtype), 2, (Tensor *[]){re, im});
    if (!z) return NULL;
    LoopFn *copy = rl_kernels->copy[rl_size_index(rl_dtype_bytes(re->dtype))];
    Tensor *to_re = part_of(z, 0), *to_im = part_of(z, 1);
    return rl_loop(copy, 2, (Tensor *[]){to_re, re}, NULL, 0.5) && rl_loop(copy, 2, (Tensor *[]){to_im, im}, NULL, 0.5) ? z : NULL;
}

static void complex_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_do("real", a_t(g[0]));
    if (rl_need(c, 1)) dx[1] = rl_do("imag", a_t(g[0]));
}

static Tensor *polar_forward(Call *c) {
    Tensor *size = c->arg[0].tensor, *angle = c->arg[1].tensor;
    if (size->dtype == angle->dtype && !rl_dtype_is(size->dtype, CLASS_FLOAT))
        return rl_fail(RL_RUNTIME_ERROR, "Expected both inputs to be Half, Float or Double tensors but got %s and %s", rl_dtypes[size->dtype].word, rl_dtypes[angle->dtype].word);
    if (size->dtype != angle->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Expected object of scalar type %s but got scalar type %s for second argument", rl_dtypes[size->dtype].word, rl_dtypes[angle->dtype].word);
    return rl_do("complex", a_t(rl_mul(size, rl_do("cos", a_t(angle)))), a_t(rl_mul(size, rl_do("sin", a_t(angle)))));
}

static Tensor *isreal_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (!rl_dtype_is(x->dtype, CLASS_COMPLEX)) return rl_do("ones_like", a_t(x), a_dtype(RL_BOOL));
    return rl_do("eq", a_t(part_of(x, 1)), a_i(0));
}

/* ---- closeness ------------------------------------------------------------------------------------------------------------------------ */

static Tensor *isclose_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    double rtol = a_double(&c->arg[2]), atol = a_double(&c->arg[3]);
    if (a->dtype != b->dtype) return rl_fail(RL_RUNTIME_ERROR, "%s did not match %s", rl_dtypes[a->dtype].word, rl_dtypes[b->dtype].word);
    if (rtol < 0) return rl_fail(RL_RUNTIME_ERROR, "rtol must be greater than or equal to zero, but got %g", rtol);
    if (atol < 0) return rl_fail(RL_RUNTIME_ERROR, "atol must be greater than or equal to zero, but got %g", atol);
    Tensor *close = rl_do("eq", a_t(a), a_t(b));
    if (c->arg[4].b && rl_dtype_is(a->dtype, CLASS_INEXACT))
        close = rl_do("logical_or", a_t(close), a_t(rl_do("logical_and", a_t(rl_do("isnan", a_t(a))), a_t(rl_do("isnan", a_t(b))))));
    if (rtol == 0 && atol == 0) return close;
    if (rl_dtype_is(a->dtype, CLASS_INTEGRAL)) a = rl_cast(a, rl_default_dtype()), b = rl_cast(b, rl_default_dtype());
    Tensor *allowed = rl_add_number(rl_do("abs", a_t(rl_mul_number(b, rtol))), atol), *off = rl_do("abs", a_t(rl_sub(a, b)));
    Tensor *within = rl_do("logical_and", a_t(rl_do("isfinite", a_t(off))), a_t(rl_do("le", a_t(off), a_t(allowed))));
    return rl_do("logical_or", a_t(close), a_t(within));
}

static Tensor *answer(Call *c, Tensor *all) {
    Arg truth = a_b(false);
    double room[2];
    if (all && rl_item(all, &truth, room)) c->result = a_b(truth.b);
    return NULL;
}

static Tensor *allclose_forward(Call *c) { return answer(c, rl_do("all", a_t(rl_do("isclose", c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4])))); }

/* Whether the first thousand elements settle it: tensors that differ mostly do so soon. */
static bool differ_early(Tensor *a, Tensor *b) {
    enum { FIRST = 1024, MANY = 16 * FIRST };
    if (a->numel < MANY || !rl_is_contiguous(a) || !rl_is_contiguous(b)) return false;
    Arg same = a_none();
    double room[2];
    int64_t n = FIRST, one = 1;
    Tensor *parts = rl_do("eq", a_t(rl_view(a, 1, &n, &one, a->offset)), a_t(rl_view(b, 1, &n, &one, b->offset)));
    return !rl_item(rl_do("all", a_t(parts)), &same, room) || !same.b;
}

static Tensor *equal_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    c->result = a_b(false);
    if (rl_same_shape(a, b) && differ_early(a, b)) return NULL;
    return rl_same_shape(a, b) ? answer(c, rl_do("all", a_t(rl_do("eq", a_t(a), a_t(b))))) : NULL;
}

Op rl_math_ops[] = {
    {
        .sig = "round(input: Tensor, *, decimals: int = 0) -> Tensor", .forward = round_forward, .formula = "input: zeros_like(g)", .flags = TAKES_BARE | ELEMENTWISE | EXACT_OUT, .where = FMIO,
        .aliases = "special.round", .samples = "x(3, 4); x(3, 4), decimals=1",
        .doc = "The nearest integer, halves to even; or to so many decimals.\n\n>>> rl.round(rl.tensor([0.5, 1.5, -2.7]))\ntensor([ 0.,  2., -3.])",
    },
    {
        .sig = "nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor", .forward = nan_to_num_forward, .flags = TAKES_BARE | ELEMENTWISE | EXACT_OUT | OVERLAPS, .where = FMIO,
        .formula = "input: where(isfinite(input), g, zeros_like(g))", .samples = "x(3, 4)",
        .doc = "NaN and infinities replaced by numbers.\n\n>>> rl.nan_to_num(rl.tensor([float('nan'), 1.0]), nan=7.0)\ntensor([7., 1.])",
    },
    {
        .sig = "logit(input: Tensor, eps: float | None = None) -> Tensor", .forward = logit_forward, .vjp = logit_vjp, .saves = SAVE(0), .flags = TAKES_BARE | ELEMENTWISE, .where = FMIO,
        .aliases = "special.logit", .samples = "unit(3, 4); unit(3, 4), 0.2",
        .doc = "log(x / (1 - x)), the inverse of sigmoid; eps keeps x away from 0 and 1.\n\n>>> rl.logit(rl.tensor([0.5, 0.9]))\ntensor([0.0000, 2.1972])",
    },
    {
        .sig = "polygamma(n: int, input: Tensor) -> Tensor", .forward = polygamma_forward, .vjp = polygamma_vjp, .saves = SAVE(1), .data = 1, .flags = TAKES_BARE | ELEMENTWISE, .where = FUNCTION | OUT,
        .aliases = "special.polygamma", .samples = "1, pos(3, 4); 2, pos(3)",
        .doc = "The n-th derivative of digamma.\n\n>>> rl.polygamma(1, rl.tensor([1.0]))\ntensor([1.6449])",
    },
    {
        .sig = "polygamma(input: Tensor, n: int) -> Tensor", .forward = polygamma_forward, .vjp = polygamma_vjp, .saves = SAVE(0), .data = 0, .flags = TAKES_BARE | ELEMENTWISE, .where = METHOD | INPLACE,
        .samples = "pos(3, 4), 1",
    },
    {
        .sig = "mvlgamma(input: Tensor, p: int) -> Tensor", .forward = mvlgamma_forward, .flags = COMPOSITE, .where = FMIO, .aliases = "special.multigammaln", .samples = "pos(3, 4) + 2, 3",
        .doc = "Logarithm of the multivariate gamma function of dimension p.\n\n>>> rl.mvlgamma(rl.tensor([2.0]), 2)\ntensor([0.4516])",
    },
    {
        .sig = "_ldexp(input: Tensor, other: Tensor) -> Tensor", .forward = ldexp_kernel_forward, .flags = ELEMENTWISE, .where = PRIVATE, .dtypes = CLASS_FLOATING, .samples = "x(3, 4), idx(4, 3, 4)",
        .formula = "input: ldexp(g, other)", .doc = "ldexp of a floating-point tensor and an integer one.",
    },
    {
        .sig = "ldexp(input: Tensor, other: Tensor) -> Tensor", .forward = ldexp_forward, .flags = TAKES_BARE | COMPOSITE | EXACT_OUT, .where = FMIO, .samples = "x(3, 4), idx(4, 3, 4)",
        .doc = "input times two to the power of other.\n\n>>> rl.ldexp(rl.tensor([1.0]), rl.tensor([3]))\ntensor([8.])",
    },
    {
        .sig = "frexp(input: Tensor) -> (mantissa: Tensor, exponent: Tensor)", .forward = frexp_forward, .vjp = frexp_vjp, .saves = SAVE_OUT(1), .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4)",
        .doc = "Mantissas in [0.5, 1) and exponents of two.\n\n>>> rl.frexp(rl.tensor([8.0])).mantissa\ntensor([0.5000])",
    },
    {
        .sig = "angle(input: Tensor) -> Tensor", .forward = angle_forward, .vjp = angle_vjp, .saves = SAVE(0), .flags = TAKES_BARE | ELEMENTWISE, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4)",
        .doc = "The angle of complex numbers; 0 or pi for real ones.\n\n>>> rl.angle(rl.tensor([1.0, -1.0]))\ntensor([0.0000, 3.1416])",
    },
    {
        .sig = "_conj(input: Tensor) -> Tensor", .forward = conj_copy_forward, .vjp = conj_vjp, .dtypes = CLASS_COMPLEX, .flags = ELEMENTWISE, .where = PRIVATE, .node = "ConjBackward0",
        .samples = "-", .doc = "The complex conjugate of complex numbers.",
    },
    {
        .sig = "conj_physical(input: Tensor) -> Tensor", .forward = conj_forward, .flags = TAKES_BARE | COMPOSITE | EXACT_OUT, .where = FMIO, .samples = "x(3, 4)",
        .doc = "The complex conjugate; a real tensor is returned as it is.\n\n>>> rl.conj_physical(rl.tensor([1 + 2j]))\ntensor([1.-2.j])",
    },
    {
        .sig = "conj(input: Tensor) -> Tensor", .forward = conj_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3, 4)",
        .doc = "The complex conjugate; a real tensor is returned as it is.\n\n>>> rl.conj(rl.tensor([1 + 2j]))\ntensor([1.-2.j])",
    },
    {
        .sig = "resolve_conj(input: Tensor) -> Tensor", .forward = same_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3)",
        .doc = "The tensor itself: conjugation is never put off.\n\n>>> rl.resolve_conj(rl.tensor([1.0]))\ntensor([1.])",
    },
    {
        .sig = "resolve_neg(input: Tensor) -> Tensor", .forward = same_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3)",
        .doc = "The tensor itself: negation is never put off.\n\n>>> rl.resolve_neg(rl.tensor([1.0]))\ntensor([1.])",
    },
    {
        .sig = "positive(input: Tensor) -> Tensor", .forward = positive_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3)",
        .doc = "The tensor itself, as +x.\n\n>>> rl.positive(rl.tensor([-1.0]))\ntensor([-1.])",
    },
    {.sig = "sgn_backward(g: Tensor, x: Tensor) -> Tensor", .forward = sgn_backward_forward, .flags = COMPOSITE, .where = PRIVATE, .samples = "x(3), x(3)", .doc = "The gradient of sgn."},
    {
        .sig = "complex(real: Tensor, imag: Tensor) -> Tensor", .forward = complex_forward, .vjp = complex_vjp, .flags = TAKES_BARE | ELEMENTWISE | EXACT_OUT, .where = FUNCTION | OUT, .samples = "x(3, 4), x(3, 4)",
        .doc = "Complex numbers from their parts.\n\n>>> rl.complex(rl.tensor([1.0]), rl.tensor([2.0]))\ntensor([1.+2.j])",
    },
    {
        .sig = "polar(abs: Tensor, angle: Tensor) -> Tensor", .forward = polar_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | OUT, .samples = "pos(3, 4), x(3, 4)",
        .doc = "Complex numbers from modulus and angle.\n\n>>> rl.polar(rl.tensor([2.0]), rl.tensor([0.0]))\ntensor([2.+0.j])",
    },
    {
        .sig = "isreal(input: Tensor) -> Tensor", .forward = isreal_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3, 4)",
        .doc = "True where the imaginary part is zero.\n\n>>> rl.isreal(rl.tensor([1.0, 1 + 1j]))\ntensor([ True, False])",
    },
    {
        .sig = "isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor", .forward = isclose_forward, .flags = TAKES_BARE | COMPOSITE,
        .where = FUNCTION | METHOD, .samples = "x(3, 4), x(3, 4)",
        .doc = "Whether |input - other| <= atol + rtol |other|.\n\n>>> rl.isclose(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 2.1]))\ntensor([ True, False])",
    },
    {
        .sig = "allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool", .forward = allclose_forward, .flags = TAKES_BARE | COMPOSITE,
        .where = FUNCTION | METHOD, .samples = "x(3, 4), x(3, 4)",
        .doc = "Whether all are close: see isclose.\n\n>>> rl.allclose(rl.tensor([1.0]), rl.tensor([1.0]))\nTrue",
    },
    {
        .sig = "equal(input: Tensor, other: Tensor) -> bool", .forward = equal_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD, .samples = "x(3, 4), x(3, 4)",
        .doc = "Whether of the same shape and with equal elements.\n\n>>> rl.equal(rl.tensor([1, 2]), rl.tensor([1, 2]))\nTrue",
    },
    {0},
};
