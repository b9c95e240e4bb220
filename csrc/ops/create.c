/* create.c -- tensors out of nothing: constants, ranges, grids of indices, and others' shapes and dtypes taken over.
 *
 * All end in the same options, in the same order: dtype, layout, device, requires_grad, pin_memory.  Random ones are in
 * sample.c; those made of the host's data (tensor, from_numpy) are the binding's. */
#include "rushlight.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- options ------------------------------------------------------------------------------------------------------- */

#define OPTIONS "dtype: dtype | None = None, layout: layout | None = None, device: device | None = None, requires_grad: bool = False, pin_memory: bool = False"
#define FORMAT "memory_format: memory_format | None = None"
enum { O_DTYPE, O_LAYOUT, O_DEVICE, O_GRAD, O_PIN, O_COUNT };

/* The dtype asked for, or that of the destination, or `otherwise`. */
static Dtype dtype_for(const Call *c, int options, Dtype otherwise) {
    const Arg *asked = &c->arg[options + O_DTYPE];
    if (c->dest && asked->tag == A_DTYPE && asked->dtype != c->dest->dtype)
        rl_fail(RL_RUNTIME_ERROR, "dtype %s does not match dtype of out parameter (%s)", rl_dtypes[asked->dtype].word, rl_dtypes[c->dest->dtype].word);
    return a_dtype_or(asked, c->dest ? (Dtype)c->dest->dtype : otherwise);
}

static bool options_fit(const Call *c, int options) {
    if (!c->arg[options + O_PIN].b) return true;
    return rl_fail(RL_RUNTIME_ERROR, "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on this system.");
}

static Tensor *with_options(Call *c, int options, Tensor *t) {
    if (!t || !options_fit(c, options)) return NULL;
    return !c->arg[options + O_GRAD].b || rl_require_grad_new(t) ? t : NULL;
}

static bool sizes_fit(const Call *c, const Arg *size) {
    for (int i = 0; i < size->n; i++)
        if (size->ints[i] < 0)
            return rl_fail(RL_RUNTIME_ERROR, "%s: Dimension size must be non-negative. The size asked for is %s (Trying to create tensor with negative dimension %" PRId64 ")",
                           c->op->parsed->name, rl_text_sizes(size->n, size->ints), size->ints[i]);
    return true;
}

/* ---- constants ----------------------------------------------------------------------------------------------------- */

static Tensor *new_filled(Call *c, const Arg *size, Dtype dtype, const Arg *value) {
    if (!sizes_fit(c, size) || !rl_number_fits(dtype, value)) return NULL;
    bool zero = value->tag == A_INT && value->i == 0;
    Tensor *d = c->dest;
    if (zero && !d) return rl_zeros(size->n, size->ints, dtype);
    return rl_fill(rl_out(c, 0, size->n, size->ints, dtype), value);
}

/* zeros, ones: the row's data is the value. */
static Tensor *constant_forward(Call *c) {
    return with_options(c, 1, new_filled(c, &c->arg[0], dtype_for(c, 1, rl_default_dtype()), &(Arg){.tag = A_INT, .i = c->op->data}));
}

static Dtype dtype_of_number(const Arg *a) {
    return a->tag == A_BOOL ? RL_BOOL : a->tag == A_INT ? RL_INT64 : a->tag == A_COMPLEX ? rl_default_complex() : rl_default_dtype();
}

static Tensor *full_forward(Call *c) {
    return with_options(c, 2, new_filled(c, &c->arg[0], dtype_for(c, 2, dtype_of_number(&c->arg[1])), &c->arg[1]));
}

static Tensor *scalar_forward(Call *c) { return with_options(c, 1, rl_scalar(dtype_for(c, 1, rl_default_dtype()), &c->arg[0])); }

static Tensor *empty_in(const Arg *size, Dtype dtype, const Arg *format) {
    static const int order[2][5] = {{1, 3, 2, 0}, {1, 4, 3, 2, 0}};
    int64_t stride[5], step = 1, f = format->tag == A_INT ? format->i : FORMAT_CONTIGUOUS;
    if (f == FORMAT_PRESERVE) return rl_fail(RL_RUNTIME_ERROR, "unsupported memory format Preserve: there is no tensor whose format could be preserved");
    if (f == FORMAT_CONTIGUOUS) return rl_empty(size->n, size->ints, dtype);
    int rank = f == FORMAT_CHANNELS_LAST ? 4 : 5;
    if (size->n != rank)
        return rl_fail(RL_RUNTIME_ERROR, "required rank %d tensor to use %s format, but the size is %s", rank, rank == 4 ? "channels_last" : "channels_last_3d", rl_text_sizes(size->n, size->ints));
    for (int i = 0; i < rank; i++) {
        int d = order[rank - 4][i];
        stride[d] = step;
        step *= size->ints[d] > 0 ? size->ints[d] : 1;
    }
    return rl_empty_strided(rank, size->ints, stride, dtype);
}

static Tensor *empty_forward(Call *c) {
    Dtype dtype = dtype_for(c, 1, rl_default_dtype());
    if (!sizes_fit(c, &c->arg[0])) return NULL;
    Tensor *t = c->dest ? rl_out(c, 0, c->arg[0].n, c->arg[0].ints, dtype) : empty_in(&c->arg[0], dtype, &c->arg[1 + O_COUNT]);
    return with_options(c, 1, t);
}

static bool strides_fit(const Arg *size, const Arg *stride) {
    if (size->n != stride->n)
        return rl_fail(RL_RUNTIME_ERROR, "dimensionality of sizes (%d) must match dimensionality of strides (%d)", size->n, stride->n);
    for (int i = 0; i < stride->n; i++)
        if (stride->ints[i] < 0)
            return rl_fail(RL_RUNTIME_ERROR, "Storage size calculation overflowed with sizes=%s and strides=%s: strides may not be negative",
                           rl_text_sizes(size->n, size->ints), rl_text_sizes(stride->n, stride->ints));
    return true;
}

static Tensor *empty_strided_forward(Call *c) {
    Arg *a = c->arg;
    if (!strides_fit(&a[0], &a[1])) return NULL;
    return with_options(c, 2, rl_empty_strided(a[0].n, a[0].ints, a[1].ints, dtype_for(c, 2, rl_default_dtype())));
}

static Tensor *empty_permuted_forward(Call *c) {
    Arg *a = c->arg;
    int64_t stride[RL_MAX_DIMS], step = 1;
    bool mask[RL_MAX_DIMS] = {false};
    if (!sizes_fit(c, &a[0])) return NULL;
    if (a[0].n != a[1].n || a[0].n > RL_MAX_DIMS)
        return rl_fail(RL_RUNTIME_ERROR, "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = %d is not equal to len(physical_layout) = %d", a[0].n, a[1].n);
    for (int i = a[0].n - 1; i >= 0; i--) {
        int64_t d = a[1].ints[i];
        if (d < 0 || d >= a[0].n)
            return rl_fail(RL_RUNTIME_ERROR, "Dimension out of range (expected to be between 0 and %d, but got %" PRId64 " at index %d).  NB: negative dims not currently supported; file an issue if you want it.", a[0].n - 1, d, i);
        if (mask[d]) return rl_fail(RL_RUNTIME_ERROR, "Duplicate dim not allowed: %s", rl_text_sizes(a[1].n, a[1].ints));
        mask[d] = true;
        stride[d] = step;
        step *= a[0].ints[d] > 1 ? a[0].ints[d] : 1;
    }
    return with_options(c, 2, rl_empty_strided(a[0].n, a[0].ints, stride, dtype_for(c, 2, rl_default_dtype())));
}

/* ---- like another -------------------------------------------------------------------------------------------------- */

static Tensor *empty_like_this(Call *c, int options) {
    Tensor *x = c->arg[0].tensor;
    return rl_empty_in_format(x, dtype_for(c, options, x->dtype), &c->arg[options + O_COUNT]);
}

static Tensor *empty_like_forward(Call *c) { return with_options(c, 1, empty_like_this(c, 1)); }

static Tensor *constant_like_forward(Call *c) {
    return with_options(c, 1, rl_fill(empty_like_this(c, 1), &(Arg){.tag = A_INT, .i = c->op->data}));
}

static Tensor *full_like_forward(Call *c) {
    Tensor *y = empty_like_this(c, 2);
    return y && rl_number_fits((Dtype)y->dtype, &c->arg[1]) ? with_options(c, 2, rl_fill(y, &c->arg[1])) : NULL;
}

static Tensor *new_constant_forward(Call *c) {
    return with_options(c, 2, new_filled(c, &c->arg[1], dtype_for(c, 2, c->arg[0].tensor->dtype), &(Arg){.tag = A_INT, .i = c->op->data}));
}

static Tensor *new_full_forward(Call *c) {
    return with_options(c, 3, new_filled(c, &c->arg[1], dtype_for(c, 3, c->arg[0].tensor->dtype), &c->arg[2]));
}

static Tensor *new_empty_forward(Call *c) {
    if (!sizes_fit(c, &c->arg[1])) return NULL;
    return with_options(c, 2, rl_empty(c->arg[1].n, c->arg[1].ints, dtype_for(c, 2, c->arg[0].tensor->dtype)));
}

static Tensor *new_empty_strided_forward(Call *c) {
    Arg *a = c->arg;
    if (!strides_fit(&a[1], &a[2])) return NULL;
    return with_options(c, 3, rl_empty_strided(a[1].n, a[1].ints, a[2].ints, dtype_for(c, 3, a[0].tensor->dtype)));
}

static Tensor *output_like_input(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (c->dest) return rl_out(c, 0, x->ndim, x->shape, x->dtype);
    return rl_empty_like(x, x->dtype);
}

static Tensor *fill_forward(Call *c) { return rl_number_fits((Dtype)c->arg[0].tensor->dtype, &c->arg[1]) ? rl_fill(output_like_input(c), &c->arg[1]) : NULL; }
static Tensor *zero_forward(Call *c) { return rl_fill(output_like_input(c), &(Arg){.tag = A_INT}); }

static Tensor *fill_tensor_forward(Call *c) {
    Tensor *value = c->arg[1].tensor;
    Arg number;
    double store[2];
    if (value->ndim)
        return rl_fail(RL_RUNTIME_ERROR, "fill_ only supports 0-dimension value tensor but got tensor with %d dimensions. Its shape is %s.", value->ndim, rl_text_shape(value));
    return rl_item(value, &number, store) ? rl_fill(output_like_input(c), &number) : NULL;
}

/* ---- ranges -------------------------------------------------------------------------------------------------------- */

/* Ranges are computed in one of three dtypes and converted. */
static Dtype working_dtype(Dtype dtype) {
    return rl_dtype_is(dtype, CLASS_COMPLEX) ? RL_COMPLEX128 : rl_dtype_is(dtype, CLASS_INTEGRAL) ? RL_INT64 : dtype == RL_FLOAT32 ? RL_FLOAT32 : RL_FLOAT64;
}

static Tensor *working_tensor(Tensor *y, Dtype work) {
    return !y ? NULL : y->dtype == work && rl_is_contiguous(y) ? y : rl_empty(y->ndim, y->shape, work);
}

static Tensor *delivered(Tensor *y, Tensor *t) { return y == t ? y : rl_copy_into(y, t); }

static bool refuse_dtype(const char *name, Dtype dtype, int allowed) {
    return (rl_dtype_is(dtype, allowed) && !rl_is_bare(dtype)) || rl_fail(RL_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for '%s'", name, rl_dtypes[dtype].word);
}

static bool range_is_sound(double start, double end, double step) {
    if (!(step > 0 || step < 0)) return rl_fail(RL_RUNTIME_ERROR, "step must be nonzero");
    if (!isfinite(start) || !isfinite(end)) return rl_fail(RL_RUNTIME_ERROR, "unsupported range: %g -> %g", start, end);
    if ((step > 0 && end < start) || (step < 0 && end > start))
        return rl_fail(RL_RUNTIME_ERROR, "upper bound and lower bound inconsistent with step sign: from %g to %g by %g", start, end, step);
    return true;
}

static bool whole(const Arg *a) { return a->tag == A_INT || a->tag == A_BOOL; }

/* The number of elements of [start, end); exact where all are integers. */
static int64_t range_count(const Arg *start, const Arg *end, const Arg *step) {
    if (whole(start) && whole(end) && whole(step)) {
        __int128 span = (__int128)a_int(end) - a_int(start), s = a_int(step);
        return (int64_t)((span + s - (s > 0 ? 1 : -1)) / s);
    }
    double n = ceil((a_double(end) - a_double(start)) / a_double(step));
    if (!(n < 0x1p62)) return rl_fail(RL_RUNTIME_ERROR, "invalid size, possible overflow?"), -1;
    return (int64_t)n;
}

static void fill_range(Tensor *t, const Arg *start, const Arg *step) {
    double from = a_double(start), by = a_double(step);
    int64_t ifrom = a_int(start), iby = a_int(step);
    void *p = rl_data(t);
    if (t->dtype == RL_INT64)
        for (int64_t i = 0; i < t->numel; i++) ((int64_t *)p)[i] = (int64_t)((uint64_t)ifrom + (uint64_t)iby * (uint64_t)i);
    else if (t->dtype == RL_FLOAT32)
        for (int64_t i = 0; i < t->numel; i++) ((float *)p)[i] = (float)(from + by * (double)i);
    else
        for (int64_t i = 0; i < t->numel; i++) ((double *)p)[i] = from + by * (double)i;
}

static Tensor *range(Call *c, int options, const Arg *start, const Arg *end, const Arg *step, bool inclusive) {
    if (!rl_number_is_real(RL_FLOAT64, start) || !rl_number_is_real(RL_FLOAT64, end) || !rl_number_is_real(RL_FLOAT64, step)) return NULL;
    bool integers = whole(start) && whole(end) && whole(step) && !inclusive;
    Dtype dtype = dtype_for(c, options, integers ? RL_INT64 : rl_default_dtype());
    if (!refuse_dtype(inclusive ? "range" : "arange", dtype, CLASS_INT | CLASS_FLOATING)) return NULL;
    Arg parts[3] = {*start, *end, *step};
    const Arg *asked = step;
    for (int k = 0; k < 3 && dtype == RL_INT64 && !inclusive; k++)       /* here alone the limits are truncated first */
        if (parts[k].tag == A_FLOAT && fabs(parts[k].f) < 0x1p62) parts[k] = a_i((int64_t)parts[k].f);
    start = &parts[0], end = &parts[1], step = &parts[2];
    if (dtype == RL_INT64 && a_int(step) == 0 && a_double(asked) != 0) return rl_fail(RL_VALUE_ERROR, "step must be nonzero: %g becomes 0 as %s", a_double(asked), rl_dtypes[dtype].name);
    if (!range_is_sound(a_double(start), a_double(end), a_double(step))) return NULL;
    int64_t n = inclusive ? (int64_t)((a_double(end) - a_double(start)) / a_double(step)) + 1 : range_count(start, end, step);
    if (rl_thread.failed) return NULL;
    Tensor *y = rl_out(c, 0, 1, &n, dtype), *t = working_tensor(y, working_dtype(dtype));
    if (!t) return NULL;
    fill_range(t, start, step);
    return with_options(c, options, delivered(y, t));
}

static Tensor *arange_end_forward(Call *c) {
    static const Arg zero = {.tag = A_INT, .i = 0}, one = {.tag = A_INT, .i = 1};
    return range(c, 1, &zero, &c->arg[0], &one, false);
}

static Tensor *arange_forward(Call *c) { return range(c, 3, &c->arg[0], &c->arg[1], &c->arg[2], false); }
static Tensor *range_forward(Call *c) { return range(c, 3, &c->arg[0], &c->arg[1], &c->arg[2], true); }

/* ---- steps between two numbers ------------------------------------------------------------------------------------- */

static double imaginary(const Arg *a) { return a->tag == A_COMPLEX ? a->complex[1] : 0; }

/* From both ends to the middle, so that both ends are exact. */
static void fill_steps(double *p, int64_t n, int stride, double start, double end) {
    double step = n > 1 ? (end - start) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) p[i * stride] = i < n / 2 || n == 1 ? start + step * (double)i : end - step * (double)(n - 1 - i);
}

static void fill_steps_float(float *p, int64_t n, float start, float end) {
    float step = n > 1 ? (end - start) / (float)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++) p[i] = i < n / 2 || n == 1 ? start + step * (float)i : end - step * (float)(n - 1 - i);
}

static Tensor *steps(Call *c, int options, const Arg *start, const Arg *end, const char *name) {
    int64_t n = c->arg[2].i;
    bool complex = start->tag == A_COMPLEX || end->tag == A_COMPLEX;
    Dtype dtype = dtype_for(c, options, complex ? rl_default_complex() : rl_default_dtype());
    if (n < 0) return rl_fail(RL_RUNTIME_ERROR, "number of steps must be non-negative, not %" PRId64, n);
    if (!refuse_dtype(name, dtype, CLASS_ANY & ~CLASS_BOOL)) return NULL;
    if (complex && !rl_dtype_is(dtype, CLASS_COMPLEX))
        return rl_fail(RL_RUNTIME_ERROR, "torch.%s(): inferred dtype %s can't be safely cast to passed dtype %s", name, rl_dtypes[rl_default_complex()].name, rl_dtypes[dtype].name);
    double from = a_double(start), to = a_double(end);
    if (rl_dtype_is(dtype, CLASS_INT)) {
        if (!rl_number_fits(dtype, start) || !rl_number_fits(dtype, end)) return NULL;
        from = dtype == RL_UINT8 ? (uint8_t)(int64_t)from : trunc(from);      /* a negative start wraps */
        to = dtype == RL_UINT8 ? (uint8_t)(int64_t)to : trunc(to);
    }
    Dtype work = rl_dtype_is(dtype, CLASS_COMPLEX) ? RL_COMPLEX128 : dtype == RL_FLOAT32 && *name == 'l' && name[1] == 'i' ? RL_FLOAT32 : RL_FLOAT64;
    Tensor *t = rl_empty(1, &n, work);
    if (!t) return NULL;
    void *p = rl_data(t);
    if (work == RL_FLOAT32) fill_steps_float(p, n, (float)from, (float)to);
    else fill_steps(p, n, work == RL_COMPLEX128 ? 2 : 1, from, to);
    if (work == RL_COMPLEX128) fill_steps((double *)p + 1, n, 2, imaginary(start), imaginary(end));
    return t;
}

static Tensor *as_asked(Call *c, int options, Tensor *t) {
    if (!t) return NULL;
    Dtype dtype = dtype_for(c, options, t->dtype == RL_COMPLEX128 ? rl_default_complex() : rl_default_dtype());
    if (!c->dest && t->dtype == dtype) return with_options(c, options, t);
    return with_options(c, options, rl_copy_into(rl_out(c, 0, 1, t->shape, dtype), t));
}

static bool number_of(const Arg *a, Arg *number, double store[2]) {
    if (a->tag == A_TENSOR) {
        if (a->tensor->ndim)
            return rl_fail(RL_RUNTIME_ERROR, "linspace only supports 0-dimensional start and end tensors, but got one with %d dimension(s): its shape is %s", a->tensor->ndim, rl_text_shape(a->tensor));
        return rl_item(a->tensor, number, store);
    }
    *number = *a;
    return true;
}

static Tensor *linspace_forward(Call *c) {
    Arg start, end;
    double store[4];
    if (!number_of(&c->arg[0], &start, store) || !number_of(&c->arg[1], &end, store + 2)) return NULL;
    return as_asked(c, 3, steps(c, 3, &start, &end, "linspace"));
}

static Tensor *logspace_forward(Call *c) {
    Arg start, end;
    double store[4], base = c->arg[3].f;
    if (!number_of(&c->arg[0], &start, store) || !number_of(&c->arg[1], &end, store + 2)) return NULL;
    Tensor *t = steps(c, 4, &start, &end, "logspace");
    if (!t) return NULL;
    if (t->dtype == RL_COMPLEX128) return as_asked(c, 4, rl_do("pow", a_f(base), a_t(t)));
    double *p = rl_data(t);
    for (int64_t i = 0; i < t->numel; i++) p[i] = pow(base, p[i]);
    return as_asked(c, 4, t);
}

/* ---- matrices and indices ------------------------------------------------------------------------------------------- */

static Tensor *eye_forward(Call *c) {
    int64_t shape[2] = {c->arg[0].i, c->arg[1].tag == A_INT ? c->arg[1].i : c->arg[0].i};
    for (int i = 0; i < 2; i++)
        if (shape[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "%s must be greater or equal to 0, got %" PRId64, i ? "m" : "n", shape[i]);
    Tensor *y = rl_fill(rl_out(c, 0, 2, shape, dtype_for(c, 2, rl_default_dtype())), &(Arg){.tag = A_INT});
    if (!y) return NULL;
    int64_t n = shape[0] < shape[1] ? shape[0] : shape[1], along = y->stride[0] + y->stride[1];
    Scope scope = rl_scope_open();
    bool done = rl_fill(rl_view(y, 1, &n, &along, y->offset), &(Arg){.tag = A_INT, .i = 1});
    rl_scope_close(scope);
    return done ? with_options(c, 2, y) : NULL;
}

/* How many columns of row i the triangle has, and the first of them. */
static int64_t triangle_row(bool lower, int64_t i, int64_t cols, int64_t offset, int64_t *first) {
    int64_t edge = i + offset + (lower ? 1 : 0);
    edge = edge < 0 ? 0 : edge > cols ? cols : edge;
    *first = lower ? 0 : edge;
    return lower ? edge : cols - edge;
}

static Tensor *triangle_forward(Call *c) {
    bool lower = c->op->data;
    int64_t rows = c->arg[0].i, cols = c->arg[1].i, offset = c->arg[2].i, shape[2] = {2, 0}, first;
    Dtype dtype = a_dtype_or(&c->arg[3], RL_INT64);
    if (rows < 0 || cols < 0) return rl_fail(RL_RUNTIME_ERROR, "%s must be non-negative, got%" PRId64, rows < 0 ? "row" : "col", rows < 0 ? rows : cols);
    if (!rl_dtype_is(dtype, CLASS_INT)) return rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[dtype].word);
    if (cols == 0) rows = 0;
    offset = offset > cols ? cols : offset < -rows ? -rows : offset;
    int64_t last;      /* the first row above the diagonal's end: later ones are empty */
    if (!lower && !__builtin_sub_overflow(cols, offset, &last) && last < rows) rows = last > 0 ? last : 0;
    if (rows > 1 << 28) return rl_fail_memory(INT64_MAX);      /* each has an element: 4 GB at least */
    for (int64_t i = 0; i < rows; i++)
        if (!rl_add_size(shape[1], triangle_row(lower, i, cols, offset, &first), &shape[1])) return rl_fail_memory(INT64_MAX);
    Tensor *t = rl_empty(2, shape, RL_INT64);
    if (!t) return NULL;
    int64_t *p = rl_data(t), at = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t n = triangle_row(lower, i, cols, offset, &first);
        for (int64_t j = 0; j < n; j++, at++) {
            p[at] = i;
            p[shape[1] + at] = first + j;
        }
    }
    return with_options(c, 3, dtype == RL_INT64 ? t : rl_cast(t, dtype));
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

Op rl_create_ops[] = {
    {
        .sig = "empty(*size: int, " OPTIONS ", " FORMAT ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | OUT, .forward = empty_forward, .samples = "-",
        .doc = "A tensor whose elements are whatever the memory held.\n\n>>> rl.empty(2, 3).shape\ntorch.Size([2, 3])",
    },
    {
        .sig = "zeros(*size: int, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | OUT, .forward = constant_forward, .data = 0,
        .doc = "A tensor of zeros.\n\n>>> rl.zeros(2)\ntensor([0., 0.])", .samples = "2, 3; (2, 0); (); 4, dtype=rl.int64",
    },
    {
        .sig = "ones(*size: int, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | OUT, .forward = constant_forward, .data = 1,
        .doc = "A tensor of ones.\n\n>>> rl.ones(2)\ntensor([1., 1.])", .samples = "2, 3; (2, 0); (); 4, dtype=rl.bool",
    },
    {
        .sig = "full(size: int | list[int], fill_value: Number, *, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | OUT, .forward = full_forward,
        .doc = "A tensor of one number, whose dtype is that of the number if none is given.\n\n>>> rl.full((2,), 7)\ntensor([7, 7])",
        .samples = "(2, 3), 7; (2,), 1.5; (), True; (0, 2), 1, dtype=rl.float64",
    },
    {
        .sig = "scalar_tensor(s: Number, *, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = scalar_forward,
        .doc = "A tensor without dims, of the default dtype.\n\n>>> rl.scalar_tensor(3)\ntensor(3.)", .samples = "3; 2.5, dtype=rl.float64",
    },
    {
        .sig = "empty_strided(size: int | list[int], stride: int | list[int], *, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = empty_strided_forward,
        .doc = "An uninitialised tensor with the strides given.\n\n>>> rl.empty_strided((2, 3), (1, 2)).stride()\n(1, 2)", .samples = "-",
    },
    {
        .sig = "empty_permuted(size: int | list[int], physical_layout: list[int], *, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = empty_permuted_forward,
        .doc = "An uninitialised tensor whose dims lie in memory in the order given, outermost first.\n\n>>> rl.empty_permuted((2, 3), (1, 0)).stride()\n(1, 2)", .samples = "-",
    },
    {
        .sig = "empty_like(input: Tensor, *, " OPTIONS ", " FORMAT ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = empty_like_forward, .samples = "-",
        .doc = "An uninitialised tensor of the same shape, dtype and order of dims.\n\n>>> rl.empty_like(rl.zeros(2, 3)).shape\ntorch.Size([2, 3])",
    },
    {
        .sig = "zeros_like(input: Tensor, *, " OPTIONS ", " FORMAT ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = constant_like_forward, .data = 0,
        .doc = "Zeros in the shape and dtype of another tensor.\n\n>>> rl.zeros_like(rl.tensor([1, 2]))\ntensor([0, 0])", .samples = "x(2, 3); x(3, 2).t(); x(2), dtype=rl.int64",
    },
    {
        .sig = "ones_like(input: Tensor, *, " OPTIONS ", " FORMAT ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = constant_like_forward, .data = 1,
        .doc = "Ones in the shape and dtype of another tensor.\n\n>>> rl.ones_like(rl.tensor([3, 2]))\ntensor([1, 1])", .samples = "x(2, 3); x(3, 2).t(); x(2), dtype=rl.int64",
    },
    {
        .sig = "full_like(input: Tensor, fill_value: Number, *, " OPTIONS ", " FORMAT ") -> Tensor", .flags = TAKES_BARE, .where = FUNCTION, .forward = full_like_forward,
        .doc = "One number in the shape and dtype of another tensor.\n\n>>> rl.full_like(rl.tensor([1, 2]), 7)\ntensor([7, 7])", .samples = "x(2, 3), 2; x(3, 2).t(), 1.5",
    },
    {
        .sig = "new_empty(input: Tensor, *size: int, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = METHOD, .forward = new_empty_forward, .samples = "-",
        .doc = "An uninitialised tensor of the same dtype.\n\n>>> rl.tensor([1]).new_empty(2).dtype\ntorch.int64",
    },
    {
        .sig = "new_zeros(input: Tensor, *size: int, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = METHOD, .forward = new_constant_forward, .data = 0,
        .doc = "Zeros of the same dtype.\n\n>>> rl.tensor([1]).new_zeros(2)\ntensor([0, 0])", .samples = "x(2), 3; x(2), (2, 3)",
    },
    {
        .sig = "new_ones(input: Tensor, *size: int, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = METHOD, .forward = new_constant_forward, .data = 1,
        .doc = "Ones of the same dtype.\n\n>>> rl.tensor([5]).new_ones(2)\ntensor([1, 1])", .samples = "x(2), 3; x(2), (2, 3)",
    },
    {
        .sig = "new_full(input: Tensor, size: int | list[int], fill_value: Number, *, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = METHOD, .forward = new_full_forward,
        .doc = "One number, in the dtype of the tensor.\n\n>>> rl.tensor([1]).new_full((2,), 7)\ntensor([7, 7])", .samples = "x(2), (3,), 7; x(2), (), 1",
    },
    {
        .sig = "new_empty_strided(input: Tensor, size: int | list[int], stride: int | list[int], *, " OPTIONS ") -> Tensor", .flags = TAKES_BARE, .where = METHOD, .forward = new_empty_strided_forward,
        .doc = "An uninitialised tensor of the same dtype with the strides given.\n\n>>> rl.tensor([1]).new_empty_strided((2, 3), (1, 2)).stride()\n(1, 2)", .samples = "-",
    },
    {
        .sig = "fill(input: Tensor, value: Number) -> Tensor", .where = FUNCTION | INPLACE, .flags = TAKES_BARE | ELEMENTWISE | OVERLAPS, .forward = fill_forward, .formula = "input: zeros_like(g)",
        .doc = "One number in every element.\n\n>>> rl.zeros(2).fill_(3)\ntensor([3., 3.])", .samples = "x(2, 3), 2; x(), 1.5",
    },
    {
        .sig = "fill(input: Tensor, value: Tensor) -> Tensor", .where = FUNCTION | INPLACE, .flags = TAKES_BARE | OVERLAPS, .forward = fill_tensor_forward, .formula = "input: zeros_like(g); value: g",
        .doc = "The number in a tensor without dims, in every element.\n\n>>> rl.zeros(2).fill_(rl.tensor(3.))\ntensor([3., 3.])", .samples = "x(2, 3), x()",
    },
    {
        .sig = "zero(input: Tensor) -> Tensor", .where = FUNCTION | INPLACE, .flags = TAKES_BARE | ELEMENTWISE | OVERLAPS, .forward = zero_forward, .formula = "input: zeros_like(g)",
        .doc = "Zero in every element.\n\n>>> rl.ones(2).zero_()\ntensor([0., 0.])", .samples = "x(2, 3)",
    },
    {
        .sig = "arange(end: Number, *, " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | KEEPS_OUT, .forward = arange_end_forward,
        .doc = "The numbers from 0 up to end, which is left out.\n\n>>> rl.arange(4)\ntensor([0, 1, 2, 3])", .samples = "5; 2.5; 0; 4, dtype=rl.float32",
    },
    {
        .sig = "arange(start: Number, end: Number, step: Number = 1, *, " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | KEEPS_OUT, .forward = arange_forward,
        .doc = "The numbers from start up to end, which is left out, at a distance of step.\n\n>>> rl.arange(1, 2, 0.5)\ntensor([1.0000, 1.5000])", .samples = "1, 5; 5, 1, -2; 0, 1, 0.25",
    },
    {
        .sig = "range(start: Number, end: Number, step: Number = 1, *, " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | KEEPS_OUT, .forward = range_forward,
        .doc = "As arange, but with the end and in the default dtype.\n\n>>> rl.range(1, 3)\ntensor([1., 2., 3.])", .samples = "1, 4; 1, 4, 0.5",
    },
    {
        .sig = "linspace(start: Tensor | Number, end: Tensor | Number, steps: int, *, " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | KEEPS_OUT, .forward = linspace_forward,
        .doc = "Numbers at equal distances from start to end, both included.\n\n>>> rl.linspace(0, 1, 3)\ntensor([0.0000, 0.5000, 1.0000])", .samples = "0, 1, 5; 3, -2, 4; 0, 10, 5, dtype=rl.int64; 2, 2, 1; 0, 1, 0",
    },
    {
        .sig = "logspace(start: Tensor | Number, end: Tensor | Number, steps: int, base: float = 10.0, *, " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | KEEPS_OUT, .forward = logspace_forward,
        .doc = "Powers of base, whose exponents lie at equal distances.\n\n>>> rl.logspace(0, 2, 3)\ntensor([  1.,  10., 100.])", .samples = "0, 2, 3; 0, 3, 4, 2.0",
    },
    {
        .sig = "eye(n: int, m: int | None = None, *, " OPTIONS ") -> Tensor", .where = FUNCTION | OUT, .forward = eye_forward,
        .doc = "Ones on the diagonal, zeros elsewhere.\n\n>>> rl.eye(2)\ntensor([[1., 0.],\n        [0., 1.]])", .samples = "3; 2, 4; 0",
    },
    {
        .sig = "tril_indices(row: int, col: int, offset: int = 0, *, " OPTIONS ") -> Tensor", .where = FUNCTION, .forward = triangle_forward, .data = 1,
        .doc = "Rows and columns of the elements on and below a diagonal.\n\n>>> rl.tril_indices(2, 2)\ntensor([[0, 1, 1],\n        [0, 0, 1]])", .samples = "3, 3; 3, 4, -1; 3, 4, 1",
    },
    {
        .sig = "triu_indices(row: int, col: int, offset: int = 0, *, " OPTIONS ") -> Tensor", .where = FUNCTION, .forward = triangle_forward, .data = 0,
        .doc = "Rows and columns of the elements on and above a diagonal.\n\n>>> rl.triu_indices(2, 2)\ntensor([[0, 0, 1],\n        [0, 1, 1]])", .samples = "3, 3; 3, 4, -1; 3, 4, 1",
    },
    {0},
};
