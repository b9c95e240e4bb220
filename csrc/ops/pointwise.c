/* pointwise.c -- one output element from the input elements at its place: how all such functions run, and the elementary ones.
 *
 * Kernels take operands of one dtype.  Where the operands' dtypes differ, or some are numbers, the loop below stands between:
 * it casts a few hundred elements at a time into buffers that stay in the first-level cache, so that mixtures cost no
 * temporaries.  The rows themselves are the lists in kernels/unary.def and its neighbours; this file gives them one forward and one backward. */
#include "pointwise.h"

#include <string.h>

enum { PIECE = 256, MOST_INPUTS = 4, SMALL = 4096 };

/* ---- mixtures ----------------------------------------------------------------------------------------------------------- */

typedef struct Mixed {
    LoopFn *fn, *cast[MOST_INPUTS], *cast_out;
    const void *extra;
    int n, bytes, result_bytes;
    bool casts;
    bool number[MOST_INPUTS];
    char value[MOST_INPUTS][16] __attribute__((aligned(16)));
} Mixed;

static void mixed_loop(int64_t n, char *const *p, const int64_t *stride, const void *state) {
    const Mixed *m = state;
    char room[MOST_INPUTS + 1][PIECE * 16] __attribute__((aligned(64)));
    for (int64_t i = 0, step; i < n; i += step) {
        step = m->casts && n - i > PIECE ? PIECE : n - i;
        char *q[MOST_INPUTS + 1] = {m->cast_out ? room[MOST_INPUTS] : p[0] + i * stride[0]};
        int64_t by[MOST_INPUTS + 1] = {m->cast_out ? m->result_bytes : stride[0]};
        for (int k = 0, from = 1; k < m->n; k++) {
            if (m->number[k]) {
                q[k + 1] = (char *)m->value[k];
                by[k + 1] = 0;
                continue;
            }
            char *x = p[from] + i * stride[from];
            q[k + 1] = m->cast[k] ? room[k] : x;
            by[k + 1] = !stride[from] ? 0 : m->cast[k] ? m->bytes : stride[from];
            if (m->cast[k]) m->cast[k](stride[from] ? step : 1, (char *[]){room[k], x}, (int64_t[]){m->bytes, stride[from]}, NULL);
            from++;
        }
        m->fn(step, q, by, m->extra);
        if (m->cast_out) m->cast_out(step, (char *[]){p[0] + i * stride[0], q[0]}, (int64_t[]){stride[0], m->result_bytes}, NULL);
    }
}

void rl_write_number(Dtype dtype, const Arg *number, void *element) {
    double pair[2] = {a_double(number), number->tag == A_COMPLEX ? number->complex[1] : 0};
    int64_t whole = number->tag == A_FLOAT || number->tag == A_COMPLEX ? 0 : a_int(number);
    bool exact = number->tag == A_INT || number->tag == A_BOOL;
    if (dtype == RL_FLOAT32) {
        *(float *)element = exact ? (float)whole : (float)pair[0];
        return;
    }
    if (dtype == RL_UINT64) {
        *(uint64_t *)element = a_uint(number);
        return;
    }
    Dtype from = exact ? RL_INT64 : rl_dtype_is(dtype, CLASS_COMPLEX) ? RL_COMPLEX128 : RL_FLOAT64;
    rl_kernels->cast[from][dtype](1, (char *[]){element, exact ? (char *)&whole : (char *)pair}, (int64_t[]){16, 16}, NULL);
}

bool rl_pointwise(LoopFn *fn, Dtype compute, Dtype result, Tensor *out, int n, const Arg *in, const void *extra, double cost) {
    Mixed m;
    Tensor *operands[MOST_INPUTS + 1] = {out};
    int count = 1;
    bool numbers = false;
    if (!out || rl_thread.failed) return false;
    m.casts = out->dtype != result;
    m.cast_out = m.casts ? rl_kernels->cast[result][out->dtype] : NULL;
    for (int k = 0; k < n; k++) {
        m.cast[k] = NULL;
        m.number[k] = in[k].tag != A_TENSOR;
        numbers |= m.number[k];
        if (m.number[k]) {
            rl_write_number(compute, &in[k], m.value[k]);
            continue;
        }
        Tensor *t = operands[count++] = in[k].tensor;
        if (!t) return false;
        if (t->dtype == compute) continue;
        m.cast[k] = rl_kernels->cast[t->dtype][compute];
        m.casts = true;
    }
    if (!m.casts && !numbers) return rl_loop(fn, count, operands, extra, cost);
    m.fn = fn;
    m.extra = extra;
    m.n = n;
    m.bytes = rl_dtype_bytes(compute);
    m.result_bytes = rl_dtype_bytes(result);
    return rl_loop(mixed_loop, count, operands, &m, cost);
}

static Tensor *new_as(Call *c, LoopFn *fn, Dtype compute, Dtype result, Dtype written, int n, const Arg *in, const void *extra, double cost) {
    Tensor *tensors[MOST_INPUTS];
    int count = 0;
    for (int k = 0; k < n; k++)
        if (in[k].tag == A_TENSOR && !(tensors[count++] = in[k].tensor)) return NULL;
    Tensor *out = count ? rl_out_like(c, 0, written, count, tensors) : rl_out(c, 0, 0, NULL, written);
    return rl_pointwise(fn, compute, result, out, n, in, extra, cost) ? out : NULL;
}

Tensor *rl_pointwise_new(Call *c, LoopFn *fn, Dtype compute, Dtype result, int n, const Arg *in, const void *extra, double cost) {
    return new_as(c, fn, compute, result, result, n, in, extra, cost);
}

Tensor *rl_pointwise_once(Call *c, LoopFn *single, Dtype half, int n, const Arg *in, double cost) {
    return new_as(c, single, RL_FLOAT32, RL_FLOAT32, half, n, in, NULL, cost);
}

/* ---- dtypes ----------------------------------------------------------------------------------------------------------------- */

Dtype rl_float_of(Dtype dtype) { return rl_dtype_is(dtype, CLASS_INTEGRAL) ? rl_default_dtype() : dtype; }

Tensor *rl_refuse_dtype(Call *c, Dtype dtype) {
    const char *name = c->op->parsed->name;
    bool orders = !strcmp(name, "maximum") || !strcmp(name, "minimum") || !strcmp(name, "fmax") || !strcmp(name, "fmin");
    if (orders && rl_dtype_is(dtype, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "%s not implemented for complex tensors.", name);
    return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for '%s'", name, rl_dtypes[dtype].word);
}

void rl_number_pair(const Arg *number, double pair[4]) {
    memset(pair, 0, 4 * sizeof *pair);
    pair[0] = a_double(number);
    if (number->tag == A_COMPLEX) pair[1] = number->complex[1];
}

static Dtype written_dtype(const Op *op, Dtype compute) {
    return op->data2 == WRITES_BOOL ? RL_BOOL : op->data2 == WRITES_REAL ? rl_to_real(compute) : compute;
}

double rl_rounded_to(Dtype half, const Arg *number) {
    double element[2], back;       /* room for a number of any dtype */
    rl_write_number(half, number, element);
    rl_kernels->cast[half][RL_FLOAT64](1, (char *[]){(char *)&back, (char *)element}, (int64_t[]){8, 2}, NULL);
    return back;
}

/* ---- functions of one variable ------------------------------------------------------------------------------------------------ */

/* The number arguments after the first, as doubles; NULL if there are none. */
static const double *parameters(const Call *c, double room[4]) {
    if (RL_LIKELY(c->nargs < 2)) return NULL;
    for (int k = 0; k < 4; k++) room[k] = k + 1 < c->nargs ? a_double(&c->arg[k + 1]) : 0;
    if (RL_UNLIKELY(c->op->data == UNARY_hardshrink) && c->arg[0].tensor && rl_dtype_is(c->arg[0].tensor->dtype, CLASS_HALF)) room[0] = rl_rounded_to(c->arg[0].tensor->dtype, &c->arg[1]);
    return room;
}

/* Those that keep the dtype and whose out= torch does not cast for. */
static bool is_strict(int kernel) { return kernel == UNARY_neg || kernel == UNARY_sign || kernel == UNARY_frac || kernel == UNARY_hardshrink; }

Tensor *rl_unary_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Op *op = c->op;
    Dtype compute = op->flags & TO_FLOAT ? rl_float_of(x->dtype) : x->dtype, result = written_dtype(op, compute);
    if (RL_UNLIKELY(compute == RL_BOOL && op->data == UNARY_square)) compute = result = RL_INT64;   /* as pow(x, 2), with an int */
    LoopFn *fn = rl_kernels->unary[compute][op->data];
    double room[4];
    const double *extra = parameters(c, room);
    for (int k = 1; k < c->nargs; k++)
        if (!rl_number_is_real(x->dtype, &c->arg[k])) return NULL;
    if (RL_UNLIKELY(op->data == UNARY_softshrink) && !(extra[0] >= 0))
        return rl_fail(RL_RUNTIME_ERROR, "lambda must be in range [0, 3.40282e+38] for input dtype %s, but found %g", rl_dtypes[c->arg[0].tensor->dtype].word, extra[0]);
    if (RL_UNLIKELY(!fn && compute == RL_BOOL && op->data == UNARY_neg))
        return rl_fail(RL_RUNTIME_ERROR, "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.");
    if (RL_UNLIKELY(!fn)) return rl_refuse_dtype(c, compute);
    if (RL_UNLIKELY(c->dest && c->dest->dtype != result && is_strict(op->data)))
        return rl_fail(RL_RUNTIME_ERROR, "Found dtype %s but expected %s: %s() keeps the dtype", rl_dtypes[c->dest->dtype].word, rl_dtypes[result].word, op->parsed->name);
    if (RL_UNLIKELY(c->inplace && result != compute && op->data == UNARY_abs)) return rl_fail(RL_RUNTIME_ERROR, "In-place abs is not supported for complex tensors.");
    if (x->numel <= SMALL && !c->dest && compute == x->dtype && rl_is_row_major(x)) {
        Tensor *y = rl_empty_as(x, result);
        if (y) fn(x->numel, (char *[]){rl_data(y), rl_data(x)}, (int64_t[]){rl_dtype_bytes(result), rl_dtype_bytes(compute)}, extra);
        return y;
    }
    return rl_pointwise_new(c, fn, compute, result, 1, c->arg, extra, 1.5);
}

/* While nothing records, one fused pass; else the formula, which derivatives of any order can follow. */
void rl_unary_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *y = c->out[0], *either = x ? x : y;
    LoopFn *fn = either ? rl_kernels->unary_grad[g[0]->dtype][c->op->data] : NULL;
    if (rl_thread.grad_mode || !fn || either->dtype != g[0]->dtype || !rl_same_shape(either, g[0])) {
        rl_formula_vjp(c, g, dx);
        return;
    }
    double room[4];
    Tensor *d = rl_empty_like(g[0], g[0]->dtype);
    const double *extra = parameters(c, room);
    if (d && rl_loop(fn, 4, (Tensor *[]){d, g[0], x ? x : y, y ? y : x}, extra, 1.5)) dx[0] = d;
}

/* ---- functions of two variables -------------------------------------------------------------------------------------------------- */

static bool divides(int kernel) { return kernel == BINARY_div_floor || kernel == BINARY_div_trunc || kernel == BINARY_remainder || kernel == BINARY_fmod; }

/* Integers have no infinity: a zero divisor is an error, found before anything is written. */
static bool refuse_zero(const Arg *b) {
    bool zero = false;
    if (b->tag == A_TENSOR) {
        Tensor *t = rl_dtype_is(b->tensor->dtype, CLASS_INT) ? b->tensor : rl_cast(b->tensor, RL_INT64);
        if (t && !rl_is_contiguous(t)) t = rl_copy_into(rl_empty(t->ndim, t->shape, t->dtype), t);
        if (!t) return true;
        zero = rl_kernels->any_zero[t->dtype](t->numel, rl_data(t), rl_dtype_bytes(t->dtype));
    } else {
        zero = a_int(b) == 0;
    }
    if (zero) rl_fail(RL_RUNTIME_ERROR, "ZeroDivisionError: an integer was divided by 0");
    return zero;
}

/* One contiguous tensor of few elements and a number: nothing to plan either.  left: the number comes first. */
static Tensor *number_directly(LoopFn *fn, Dtype result, Tensor *t, const Arg *number, bool left, const double *extra) {
    char value[16] __attribute__((aligned(16)));
    Tensor *y = rl_empty_as(t, result);
    int64_t bytes = rl_dtype_bytes(t->dtype);
    if (!y) return NULL;
    rl_write_number(t->dtype, number, value);
    fn(t->numel, (char *[]){rl_data(y), left ? value : rl_data(t), left ? rl_data(t) : value},
       (int64_t[]){rl_dtype_bytes(result), left ? 0 : bytes, left ? bytes : 0}, extra);
    return y;
}

/* A factor or divisor that is a number, or as good as one, is not rounded to half precision before it is used. */
static bool keeps_its_places(int kernel, Dtype compute, const Arg *a, const Arg *b) {
    if (!rl_dtype_is(compute, CLASS_HALF) || (kernel != BINARY_mul && kernel != BINARY_div && kernel != BINARY_div_floor && kernel != BINARY_div_trunc) || a->tag != A_TENSOR || a->tensor->dtype != compute) return false;
    return b->tag == A_TENSOR ? b->tensor->ndim == 0 && b->tensor->dtype != compute : true;
}

/* nextafter of half dtypes, whose steps are not those of the floats that others are computed in.  extra: what infinity looks like. */
static void next_half(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    const int infinity = (int)*(const double *)extra;
    for (int64_t i = 0; i < n; i++) {
        uint16_t a = *(uint16_t *)(p[1] + i * stride[1]), b = *(uint16_t *)(p[2] + i * stride[2]);
        int x = a & 0x8000 ? -(a & 0x7fff) : a, y = b & 0x8000 ? -(b & 0x7fff) : b;       /* in the order of the numbers */
        uint16_t next = (uint16_t)((y > x) == (x > 0) ? a + 1 : a - 1);
        if (x == 0) next = (uint16_t)((b & 0x8000) | 1);
        *(uint16_t *)(p[0] + i * stride[0]) = (a & 0x7fff) > infinity ? a : (b & 0x7fff) > infinity || x == y ? b : next;
    }
}

Tensor *rl_binary(Call *c, int kernel, Arg a, Arg b, const double *extra) {
    Arg in[2] = {a, b};
    Op *op = c->op;
    Dtype compute = rl_result_type(2, in);
    if (op->flags & TO_FLOAT) compute = rl_float_of(compute);
    LoopFn *fn = rl_kernels->binary[compute][kernel];
    if (RL_UNLIKELY(!fn || rl_thread.failed)) return rl_refuse_dtype(c, compute);
    if (RL_UNLIKELY(kernel == BINARY_nextafter) && rl_dtype_is(compute, CLASS_HALF))
        return rl_pointwise_new(c, next_half, compute, compute, 2, in, (double[4]){compute == RL_FLOAT16 ? 0x7c00 : 0x7f80}, 0.7);
    if (divides(kernel) && rl_dtype_is(compute, CLASS_INTEGRAL) && refuse_zero(&b)) return NULL;
    if (RL_UNLIKELY(keeps_its_places(kernel, compute, &a, &b))) return rl_pointwise_once(c, rl_kernels->binary[RL_FLOAT32][kernel], compute, 2, in, 0.7);
    Tensor *t = a.tag == A_TENSOR ? (b.tag == A_TENSOR ? NULL : a.tensor) : b.tag == A_TENSOR ? b.tensor : NULL;
    if (t && !c->dest && t->dtype == compute && t->numel <= SMALL && rl_is_row_major(t))
        return number_directly(fn, written_dtype(op, compute), t, a.tag == A_TENSOR ? &b : &a, a.tag != A_TENSOR, extra);
    return rl_pointwise_new(c, fn, compute, written_dtype(op, compute), 2, in, extra, 0.7);
}

/* Two contiguous tensors of one shape and dtype, and few elements: nothing to plan. */
static Tensor *binary_directly(Call *c, LoopFn *fn, Tensor *a, Tensor *b) {
    Dtype result = c->op->data2 == WRITES_BOOL ? RL_BOOL : a->dtype;
    Tensor *y = rl_empty_as(a, result);
    int64_t bytes = rl_dtype_bytes(a->dtype);
    if (y) fn(a->numel, (char *[]){rl_data(y), rl_data(a), rl_data(b)}, (int64_t[]){rl_dtype_bytes(result), bytes, bytes}, NULL);
    return y;
}

/* Both row-major, to the letter: strides of dims of one element count too, and few tensors fail for that. */
static inline bool same_and_plain(const Tensor *a, const Tensor *b) {
    if (a->ndim != b->ndim || a->dtype != b->dtype || a->numel > SMALL) return false;
    int64_t step = 1;
    for (int i = a->ndim - 1; i >= 0; i--) {
        int64_t n = a->shape[i];
        if (n != b->shape[i] || a->stride[i] != step || b->stride[i] != step) return false;
        step *= n;
    }
    return true;
}

/* One value throughout, of a shape that leaves t's as it is: gradients of sums, factors of one element. */
static bool is_uniform_beside(const Tensor *one, const Tensor *t) {
    if (one->ndim > t->ndim || t->numel > SMALL) return false;
    for (int i = 0; i < one->ndim; i++)
        if (one->shape[i] != 1 && one->stride[i] != 0) return false;
    return (one->numel == 1 || rl_same_shape(one, t)) && rl_is_row_major(t);
}

static Tensor *beside_uniform(Call *c, LoopFn *fn, Tensor *a, Tensor *b, bool left) {
    Dtype result = c->op->data2 == WRITES_BOOL ? RL_BOOL : a->dtype;
    Tensor *y = rl_empty_as(left ? b : a, result);
    int64_t bytes = rl_dtype_bytes(a->dtype);
    if (y) fn(y->numel, (char *[]){rl_data(y), rl_data(a), rl_data(b)}, (int64_t[]){rl_dtype_bytes(result), left ? 0 : bytes, left ? bytes : 0}, NULL);
    return y;
}

/* A row, a column or a block in between that repeats along the other dims of t: t is [outer, mid, inner] and the block is [mid]. */
typedef struct Block { int64_t outer, mid, inner; } Block;

static bool is_block_of(const Tensor *small, const Tensor *t, Block *b) {
    enum { MOST_RUNS = 256 };
    int lead = t->ndim - small->ndim, first = 0, last = small->ndim;
    if (lead < 0 || t->numel > SMALL || !t->numel || !rl_is_row_major(t) || !rl_is_row_major(small)) return false;
    while (first < last && small->shape[first] == 1) first++;
    while (last > first && small->shape[last - 1] == 1) last--;
    *b = (Block){1, small->numel, 1};
    for (int i = first; i < last; i++)
        if (small->shape[i] != t->shape[lead + i]) return false;
    for (int i = 0; i < lead + first; i++) b->outer *= t->shape[i];
    for (int i = lead + last; i < t->ndim; i++) b->inner *= t->shape[i];
    return (b->inner == 1 ? b->outer : b->outer * b->mid) <= MOST_RUNS;
}

static Tensor *beside_block(Call *c, LoopFn *fn, Tensor *a, Tensor *b, bool left, Block block) {
    Dtype result = c->op->data2 == WRITES_BOOL ? RL_BOOL : a->dtype;
    Tensor *t = left ? b : a, *y = rl_empty_as(t, result);
    if (!y) return NULL;
    int64_t bytes = rl_dtype_bytes(a->dtype), wide = rl_dtype_bytes(result), run = block.inner == 1 ? block.mid : block.inner;
    int64_t by[3] = {wide, bytes, bytes}, runs = t->numel / run, along = block.inner == 1 ? 0 : bytes;
    if (along) by[left ? 1 : 2] = 0;
    char *to = rl_data(y), *x = rl_data(t), *first = rl_data(left ? a : b), *small = first;
    for (int64_t i = 0, m = 0; i < runs; i++, to += run * wide, x += run * bytes, small += along) {
        if (m++ == block.mid) small = first, m = 1;
        fn(run, left ? (char *[]){to, small, x} : (char *[]){to, x, small}, by, NULL);
    }
    return y;
}

Tensor *rl_binary_forward(Call *c) {
    Arg *in = c->arg;
    int kernel = c->op->data;
    if (in[0].tag == A_TENSOR && in[1].tag == A_TENSOR && !c->dest) {
        Tensor *a = in[0].tensor, *b = in[1].tensor;
        LoopFn *fn = rl_kernels->binary[a->dtype][kernel];
        if (RL_LIKELY(fn && rl_dtype_is(a->dtype, CLASS_FLOATING | CLASS_COMPLEX) && kernel != BINARY_nextafter)) {
            if (RL_LIKELY(same_and_plain(a, b))) return binary_directly(c, fn, a, b);
            Block block;
            if (a->dtype == b->dtype) {
                if (is_uniform_beside(a, b)) return beside_uniform(c, fn, a, b, true);
                if (is_uniform_beside(b, a)) return beside_uniform(c, fn, a, b, false);
                if (is_block_of(b, a, &block)) return beside_block(c, fn, a, b, false, block);
                if (is_block_of(a, b, &block)) return beside_block(c, fn, a, b, true, block);
            }
        }
    }
    return rl_binary(c, kernel, in[0], in[1], NULL);
}

/* While nothing records, one pass for each argument; else the formula. */
void rl_atan2_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *side[2] = {c->arg[0].tensor, c->arg[1].tensor};
    Dtype d = (Dtype)g[0]->dtype;
    LoopFn *fn = rl_kernels->ternary[d][TERNARY_atan2_slope];
    if (rl_thread.grad_mode || !fn || !side[0] || !side[1] || side[0]->dtype != d || side[1]->dtype != d) {
        rl_formula_vjp(c, g, dx);
        return;
    }
    for (int k = 0; k < 2; k++) {
        Tensor *slope = rl_need(c, k) ? rl_empty_like(g[0], d) : NULL;
        if (slope && rl_loop(fn, 4, (Tensor *[]){slope, g[0], side[1 - k], side[k]}, (double[4]){k ? -1 : 1}, 1)) dx[k] = slope;
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------------- */

#define ROWS_ONLY
#define U UNARY_ROW
Op rl_pointwise_ops[] = {
#include "kernels/unary.def"
    {0},
};

Op rl_activation_ops[] = {
#include "kernels/activation.def"
    {0},
};

Op rl_bessel_ops[] = {
#include "kernels/special.def"
    {0},
};
#undef U

#define B BINARY_ROW
Op rl_compare_ops[] = {
#include "kernels/binary.def"
    {0},
};
#undef B
