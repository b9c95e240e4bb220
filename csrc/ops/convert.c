/* convert.c -- the same numbers in another dtype, another layout, another place. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* ---- raw copies, for everyone ------------------------------------------------------------------------------------ */

typedef struct Axis { int64_t size, to, from; } Axis;    /* of a copy: its strides in both tensors */

typedef struct Turn {          /* matrices transposed in memory, and the dims that count them */
    int n, size_index;
    Axis outer[RL_MAX_DIMS];
    int64_t rows, cols, y_row, x_col, strips;
    int bytes;
    char *to;
    const char *from;
} Turn;

/* The dims of two tensors of one shape, the densest of `to` first; neighbours that form one longer dim are joined. */
static int axes_of(const Tensor *to, const Tensor *from, Axis *axis) {
    int n = 0, last = 0;
    for (int d = to->ndim - 1; d >= 0; d--) {
        if (to->shape[d] == 1) continue;
        int place = n++;
        for (; place > 0 && axis[place - 1].to > to->stride[d]; place--) axis[place] = axis[place - 1];
        axis[place] = (Axis){to->shape[d], to->stride[d], from->stride[d]};
    }
    for (int d = 1; d < n; d++) {
        Axis *a = &axis[last];
        if (axis[d].to == a->size * a->to && axis[d].from == a->size * a->from) a->size *= axis[d].size;
        else axis[++last] = axis[d];
    }
    return n ? last + 1 : 0;
}

enum { STRIP = 1024 };

static void turn_range(int64_t begin, int64_t end, void *state) {
    const Turn *t = state;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % t->strips * STRIP, rows = t->rows - first < STRIP ? t->rows - first : STRIP, rest = i / t->strips, to = first * t->y_row, from = first;
        for (int d = 0; d < t->n; d++) {
            to += rest % t->outer[d].size * t->outer[d].to;
            from += rest % t->outer[d].size * t->outer[d].from;
            rest /= t->outer[d].size;
        }
        rl_kernels->transpose[t->size_index](rows, t->cols, t->to + to * t->bytes, t->y_row * t->bytes, t->from + from * t->bytes, t->x_col * t->bytes);
    }
}

/* Where one tensor is dense along one dim and the other along another, walking either's order misses the cache on every element of
 * the other: such copies go by blocks.  *done: whether this is one. */
static bool copy_transposed(Tensor *to, Tensor *from, bool *done) {
    enum { SHORT = 8, FEW = 256 };
    Axis axis[RL_MAX_DIMS];
    *done = false;
    if (to->numel < FEW || !rl_same_shape(to, from)) return true;
    int n = axes_of(to, from, axis), row = 1;
    while (row < n && axis[row].from != 1) row++;
    if (row >= n || axis[0].to != 1 || axis[0].from == 0 || axis[row].to <= 0 || axis[0].size < SHORT || axis[row].size < SHORT) return true;
    Turn t = {.bytes = rl_dtypes[to->dtype].bytes, .to = rl_data(to), .from = rl_data(from), .rows = axis[row].size, .cols = axis[0].size, .y_row = axis[row].to, .x_col = axis[0].from};
    t.size_index = rl_size_index(t.bytes);
    t.strips = (t.rows + STRIP - 1) / STRIP;
    int64_t items = t.strips;
    for (int d = 1; d < n; d++) {
        if (d == row) continue;
        t.outer[t.n++] = axis[d];
        items *= axis[d].size;
    }
    *done = true;
    Storage *held[] = {to->storage, from->storage};
    rl_storage_keep(held[0]);
    rl_storage_keep(held[1]);
    bool whole = rl_parallel_for(items, 1 + items * 40000 / to->numel, turn_range, &t);
    rl_storage_drop(held[0]);
    rl_storage_drop(held[1]);
    return whole;
}

Tensor *rl_copy_into(Tensor *to, Tensor *from) {
    if (!to || !from) return NULL;
    if (to->numel == 0 && rl_same_shape(to, from)) return to;
    Overlap o = rl_overlap(to, from);
    if (o == OVERLAP_SAME) return to;
    if (o == OVERLAP_PARTIAL) {
        Tensor *apart = rl_copy_into(rl_empty(from->ndim, from->shape, from->dtype), from);
        return rl_copy_into(to, apart);
    }
    bool plain = to->dtype == from->dtype;
    if (plain && rl_same_shape(to, from) && rl_is_contiguous(to) && rl_is_contiguous(from) && to->numel < 1 << 16) {
        memcpy(rl_data(to), rl_data(from), (size_t)(to->numel * rl_dtypes[to->dtype].bytes));
        return to;
    }
    bool turned = false;
    if (plain && !copy_transposed(to, from, &turned)) return NULL;
    if (turned) return to;
    LoopFn *fn = plain ? rl_kernels->copy[rl_size_index(rl_dtypes[to->dtype].bytes)] : rl_kernels->cast[from->dtype][to->dtype];
    return rl_loop(fn, 2, (Tensor *[]){to, from}, NULL, 0.5) ? to : NULL;
}

/* Negative ints wrap to unsigned ones; negative floats do not. */
static bool within(Dtype dtype, double v, bool whole) {
    static const double most[RL_NDTYPES] = {[RL_UINT8] = 255, [RL_INT8] = 127, [RL_INT16] = 32767, [RL_INT32] = 2147483647.0, [RL_INT64] = 0x1p63,
                                            [RL_UINT16] = 65535, [RL_UINT32] = 4294967295.0, [RL_UINT64] = 0x1p64, [RL_FLOAT16] = 65504, [RL_BFLOAT16] = 0x1.fep127, [RL_FLOAT32] = 0x1.fffffep127, [RL_COMPLEX64] = 0x1.fffffep127};
    if (!most[dtype]) return true;                                   /* bool and the doubles take all */
    if (!rl_dtype_is(dtype, CLASS_INT)) return isinf(v) || v != v || fabs(v) <= most[dtype];
    double least = rl_is_signed(dtype) ? -most[dtype] - 1 : whole ? -most[dtype] : 0;
    return v >= least && (rl_dtype_bytes(dtype) == 8 ? v < most[dtype] : v <= most[dtype]);
}

bool rl_number_fits(Dtype dtype, const Arg *number) {
    static const char *const words[RL_NDTYPES] = {"bool", "uint8_t", "int8_t", "int16_t", "int", "int64_t", "at::Half", "at::BFloat16", "float", "double", "c10::complex<float>", "c10::complex<double>",
                                                   "uint16_t", "uint32_t", "uint64_t"};
    bool real = number->tag != A_COMPLEX || dtype == RL_BOOL || rl_dtype_is(dtype, CLASS_COMPLEX) || number->complex[1] == 0;
    bool whole = number->tag == A_INT || number->tag == A_BOOL, exact = (number->tag == A_INT && dtype == RL_INT64) || (a_is_past_int64(number) && dtype == RL_UINT64);
    bool fits = real && (exact || within(dtype, a_double(number), whole));
    if (fits && number->tag == A_COMPLEX && rl_dtype_is(dtype, CLASS_COMPLEX)) fits = within(dtype, number->complex[1], false);
    return fits || rl_fail(RL_RUNTIME_ERROR, "value cannot be converted to type %s without overflow: %g%s", words[dtype], a_double(number), real ? "" : " has an imaginary part");
}

Tensor *rl_fill(Tensor *t, const Arg *number) {
    if (!t) return NULL;
    if (rl_is_contiguous(t) && a_is_number(number) && number->tag != A_COMPLEX && a_double(number) == 0 && !(number->tag == A_FLOAT && 1 / number->f < 0)) {
        if (t->numel) memset(rl_data(t), 0, (size_t)(t->numel * rl_dtypes[t->dtype].bytes));
        return t;
    }
    return rl_copy_into(t, rl_scalar(t->dtype, number));
}

static Dtype signed_dtype(Dtype d) { return d == RL_UINT16 ? RL_INT16 : d == RL_UINT32 ? RL_INT32 : RL_INT64; }

Tensor *rl_as_signed(Tensor *a, bool in_order) {
    if (!a) return NULL;
    Dtype d = signed_dtype(a->dtype);
    Tensor *bits = rl_view_dtype(rl_alias(a), d, a->ndim, a->shape, a->stride, a->offset);
    return in_order ? rl_do("bitwise_xor", a_t(bits), a_i((int64_t)(UINT64_MAX << (8 * rl_dtype_bytes(d) - 1)))) : bits;
}

/* ---- dtype and layout -------------------------------------------------------------------------------------------- */

static Tensor *cast_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    return rl_copy_into(rl_empty_like(x, c->arg[1].dtype), x);
}

/* Row-major in the order N, (D,) H, W, C. */
static Tensor *empty_channels_last(Tensor *x, Dtype dtype, int ndim) {
    if (x->ndim != ndim)
        return rl_fail(RL_RUNTIME_ERROR, "required rank %d tensor to use channels_last%s format, but this one has shape %s", ndim, ndim == 5 ? "_3d" : "", rl_text_shape(x));
    int64_t stride[5], step = x->shape[1];
    stride[1] = 1;
    for (int i = ndim - 1; i >= 2; i--) {
        stride[i] = step;
        step *= x->shape[i];
    }
    stride[0] = step;
    return rl_empty_strided(ndim, x->shape, stride, dtype);
}

Tensor *rl_empty_in_format(Tensor *x, Dtype dtype, const Arg *format) {
    if (!x) return NULL;
    switch (format->tag == A_INT ? format->i : FORMAT_PRESERVE) {
    case FORMAT_CONTIGUOUS: return rl_empty(x->ndim, x->shape, dtype);
    case FORMAT_CHANNELS_LAST: return empty_channels_last(x, dtype, 4);
    case FORMAT_CHANNELS_LAST_3D: return empty_channels_last(x, dtype, 5);
    default: return rl_empty_like(x, dtype);
    }
}

Tensor *rl_channels_last_as(Tensor *y, const Tensor *x) {
    if (!y || y->ndim != x->ndim || !rl_steps_channels_last(x) || rl_steps_channels_last(y)) return y;
    Tensor *z = empty_channels_last(y, y->dtype, y->ndim);
    return z ? rl_copy_into(z, y) : NULL;
}

static bool is_in_format(Tensor *x, const Arg *format) {
    int64_t f = format->tag == A_INT ? format->i : FORMAT_PRESERVE;
    if (f == FORMAT_PRESERVE) return true;
    if (f == FORMAT_CONTIGUOUS) return rl_is_contiguous(x);
    return x->ndim == (f == FORMAT_CHANNELS_LAST ? 4 : 5) && rl_is_channels_last(x);
}

static Tensor *clone_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    return rl_copy_into(rl_empty_in_format(x, x->dtype, &c->arg[1]), x);
}

static Tensor *contiguous_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Arg format = c->arg[1].tag == A_INT ? c->arg[1] : a_i(FORMAT_CONTIGUOUS);
    if (format.i == FORMAT_PRESERVE) return rl_fail(RL_RUNTIME_ERROR, "preserve memory format is unsupported by the contiguous operator");
    return is_in_format(x, &format) ? x : rl_do("clone", a_t(x), format);
}

/* Whether to() leaves a tensor as it is: what is not laid out in channels-last counts as contiguous, gaps or not. */
static bool passes_for(Tensor *x, const Arg *format) {
    int64_t f = format->tag == A_INT ? format->i : FORMAT_PRESERVE;
    if (f == FORMAT_PRESERVE || f == FORMAT_CONTIGUOUS) return f == FORMAT_PRESERVE || !rl_steps_channels_last(x);
    return x->ndim == (f == FORMAT_CHANNELS_LAST ? 4 : 5) && rl_steps_channels_last(x);
}

static Tensor *convert(Tensor *x, Dtype dtype, bool copy, const Arg *format) {
    if (x->dtype == dtype) return !copy && passes_for(x, format) ? x : rl_do("clone", a_t(x), *format);
    Tensor *y = rl_do("_cast", a_t(x), a_dtype(dtype));
    return y && !(is_in_format(y, format) && passes_for(y, format)) ? rl_do("clone", a_t(y), *format) : y;
}

/* to(dtype=None, non_blocking, copy, memory_format) and its kin differ only in where the dtype stands. */
static Tensor *to_dtype_forward(Call *c) {
    Arg *a = c->arg;
    return convert(a[0].tensor, a_dtype_or(&a[1], a[0].tensor->dtype), a[3].b, &a[4]);
}

static Tensor *to_device_forward(Call *c) {
    Arg *a = c->arg;
    return convert(a[0].tensor, a_dtype_or(&a[2], a[0].tensor->dtype), a[4].b, &a[5]);
}

static Tensor *to_other_forward(Call *c) {
    Arg *a = c->arg;
    return convert(a[0].tensor, a[1].tensor->dtype, a[3].b, &a[4]);
}

static Tensor *to_named_forward(Call *c) { return convert(c->arg[0].tensor, c->op->data, false, &c->arg[1]); }
static Tensor *type_as_forward(Call *c) { return convert(c->arg[0].tensor, c->arg[1].tensor->dtype, false, &(Arg){.tag = A_NONE}); }
static Tensor *detach_forward(Call *c) { return rl_detach(c->arg[0].tensor); }

/* ---- copy_ -------------------------------------------------------------------------------------------------------- */

static Tensor *copy_forward(Call *c) {
    Tensor *to = c->arg[0].tensor, *from = rl_arg_tensor(c, 1);
    if (!from) return rl_fill(to, &c->arg[1]);
    int ndim = to->ndim, extra = from->ndim - ndim;
    bool fits = true;
    for (int i = 1; fits && i <= from->ndim; i++) {
        int64_t size = from->shape[from->ndim - i];
        fits = size == 1 || (i <= ndim && size == to->shape[ndim - i]);
    }
    if (!fits)
        return rl_fail(RL_RUNTIME_ERROR, "The size of tensor a %s must match the size of tensor b %s: the source cannot be expanded to the destination",
                       rl_text_shape(to), rl_text_shape(from));
    if (extra > 0) from = rl_view(from, ndim, from->shape + extra, from->stride + extra, from->offset);     /* leading ones go */
    return rl_copy_into(to, from);
}

static void copy_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_zeros_like(g[0]);
    if (rl_need(c, 1)) dx[1] = g[0];
}

#define NAMED(name, e)                                                                                                        \
    {                                                                                                                         \
        .sig = name "(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor", .where = METHOD,          \
        .flags = TAKES_BARE | COMPOSITE, .data = e, .forward = to_named_forward, .samples = "x(2, 3)",                        \
        .doc = "The tensor with dtype " #e "; itself if it has it.\n\n>>> rl.tensor([1]).bool()\ntensor([True])",             \
    }

Op rl_convert_ops[] = {
    {
        .sig = "_cast(input: Tensor, dtype: dtype) -> Tensor", .flags = TAKES_BARE, .where = PRIVATE, .node = "ToCopyBackward0",
        .doc = "A copy in another dtype.\n\n>>> rl._C._ops._cast(rl.tensor([1.5]), rl.int64)\ntensor([1])",
        .forward = cast_forward, .formula = "input: g", .samples = "x(2, 3), rl.float64",
    },
    {
        .sig = "clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | METHOD,
        .doc = "A copy that the gradient flows through.\n\n>>> rl.clone(rl.tensor([1, 2]))\ntensor([1, 2])",
        .forward = clone_forward, .formula = "input: g", .samples = "x(2, 3); x(0, 4); x()",
    },
    {
        .sig = "contiguous(input: Tensor, *, memory_format: memory_format = contiguous_format) -> Tensor", .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The tensor itself if its elements lie row by row without gaps, else a copy in which they do.\n\n"
               ">>> rl.tensor([[1, 2], [3, 4]]).t().contiguous().stride()\n(2, 1)",
        .forward = contiguous_forward, .samples = "x(2, 3); x(3, 2).t()",
    },
    {
        .sig = "to(input: Tensor, dtype: dtype, non_blocking: bool = False, copy: bool = False, *, memory_format: memory_format = preserve_format) -> Tensor",
        .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The tensor in another dtype, layout or, where there were several, device; itself if nothing changes.\n\n"
               ">>> rl.tensor([1.9]).to(rl.int64)\ntensor([1])",
        .forward = to_dtype_forward, .samples = "x(2, 3), rl.float64; x(2, 3), rl.float32, False, True",
    },
    {
        .sig = "to(input: Tensor, device: device | None = None, dtype: dtype | None = None, non_blocking: bool = False, copy: bool = False, *, memory_format: memory_format = preserve_format) -> Tensor",
        .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The tensor on a device, of which there is one.\n\n>>> rl.tensor([1]).to('cpu')\ntensor([1])",
        .forward = to_device_forward, .samples = "x(2, 3), 'cpu'; x(2, 3), 'cpu', rl.float64",
    },
    {
        .sig = "to(input: Tensor, other: Tensor, non_blocking: bool = False, copy: bool = False, *, memory_format: memory_format = preserve_format) -> Tensor",
        .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The tensor with the dtype of another.\n\n>>> rl.tensor([1]).to(rl.tensor([0.5]))\ntensor([1.])",
        .forward = to_other_forward, .samples = "x(2, 3), x(1)",
    },
    {
        .sig = "type_as(input: Tensor, other: Tensor) -> Tensor", .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The tensor with the dtype of another.\n\n>>> rl.tensor([1]).type_as(rl.tensor([0.5]))\ntensor([1.])",
        .forward = type_as_forward, .samples = "x(2, 3), x(1)",
    },
    {
        .sig = "detach(input: Tensor) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The same data, cut from the graph: no gradient flows through the result.\n\n"
               ">>> rl.ones(1, requires_grad=True).detach().requires_grad\nFalse",
        .forward = detach_forward, .samples = "x(2, 3)",
    },
    {
        .sig = "copy_(input: Tensor, other: Tensor | Number, non_blocking: bool = False) -> Tensor", .flags = TAKES_BARE, .where = METHOD | METHOD_ONLY_INPLACE, .node = "CopyBackwards",
        .doc = "Writes the elements of other, broadcast and converted, into the tensor.\n\n>>> rl.zeros(2).copy_(rl.tensor([1, 2]))\ntensor([1., 2.])",
        .forward = copy_forward, .vjp = copy_vjp, .samples = "x(2, 3), x(3); x(2, 3), x(2, 3); x(2, 3), 2",
    },
    NAMED("bool", RL_BOOL), NAMED("byte", RL_UINT8), NAMED("char", RL_INT8), NAMED("short", RL_INT16), NAMED("int", RL_INT32),
    NAMED("long", RL_INT64), NAMED("half", RL_FLOAT16), NAMED("bfloat16", RL_BFLOAT16), NAMED("float", RL_FLOAT32),
    NAMED("double", RL_FLOAT64), NAMED("cfloat", RL_COMPLEX64), NAMED("cdouble", RL_COMPLEX128),
    {0},
};
