/* pad.c -- borders: constants, mirror images, repetitions. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <string.h>

/* pads come in pairs from the last dim backwards; negative ones cut. */
static bool padded_shape(Tensor *x, const Arg *pad, int64_t *shape, int64_t *before) {
    if (pad->n % 2) return rl_fail(RL_RUNTIME_ERROR, "Length of pad must be even but instead it equals %d", pad->n);
    if (pad->n / 2 > x->ndim) return rl_fail(RL_RUNTIME_ERROR, "Length of pad should be no more than twice the number of dimensions of the input. Pad length is %d while the input has %d dimensions.", pad->n, x->ndim);
    for (int d = 0; d < x->ndim; d++) {
        int pair = x->ndim - 1 - d;
        before[d] = 2 * pair < pad->n ? pad->ints[2 * pair] : 0;
        int64_t after = 2 * pair < pad->n ? pad->ints[2 * pair + 1] : 0;
        if (before[d] > INT64_MAX / 4 || after > INT64_MAX / 4 || before[d] < -INT64_MAX / 4 || after < -INT64_MAX / 4) return rl_fail_memory(INT64_MAX);
        shape[d] = x->shape[d] + before[d] + after;
        if (shape[d] < 0)
            return rl_fail(RL_RUNTIME_ERROR, "The input size %" PRId64 ", plus negative padding %" PRId64 " and %" PRId64 ", resulted in a negative output size, which is invalid. Check dimension %d of your input.", x->shape[d], before[d], after, d);
    }
    return true;
}

static Tensor *constant_pad_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t shape[RL_MAX_DIMS], before[RL_MAX_DIMS], part[RL_MAX_DIMS];
    if (!padded_shape(x, &c->arg[1], shape, before)) return NULL;
    Tensor *picture = NULL, *y;
    if (rl_steps_channels_last(x)) {
        int64_t none[RL_MAX_DIMS] = {0};
        picture = rl_view(x, x->ndim, shape, none, 0);
        y = rl_empty_in_format(picture, x->dtype, &(Arg){.tag = A_INT, .i = x->ndim == 4 ? FORMAT_CHANNELS_LAST : FORMAT_CHANNELS_LAST_3D});
    } else y = rl_empty(x->ndim, shape, x->dtype);
    if (!rl_fill(y, &c->arg[2])) return NULL;
    int64_t to = y->offset, from = x->offset;
    for (int d = 0; d < x->ndim; d++) {
        int64_t after = shape[d] - x->shape[d] - before[d], cut_front = before[d] < 0 ? -before[d] : 0, cut_back = after < 0 ? -after : 0;
        part[d] = x->shape[d] - cut_front - cut_back;
        if (part[d] <= 0) return y;
        to += (before[d] > 0 ? before[d] : 0) * y->stride[d];
        from += cut_front * x->stride[d];
    }
    return rl_copy_into(rl_view(y, x->ndim, part, y->stride, to), rl_view(x, x->ndim, part, x->stride, from)) ? y : NULL;
}

static void constant_pad_vjp(Call *c, Tensor **g, Tensor **dx) {
    int64_t *back = rl_scope_bytes((c->arg[1].n + 1) * 8);
    for (int i = 0; back && i < c->arg[1].n; i++) back[i] = -c->arg[1].ints[i];
    if (back) dx[0] = rl_do("constant_pad_nd", a_t(g[0]), a_ints(c->arg[1].n, back), a_i(0));
}

typedef enum { REFLECT, REPLICATE, CIRCULAR } Border;

/* Where in a line of n the padded place i (from -before on) comes from. */
static int64_t source_of(int64_t i, int64_t n, Border border) {
    if (border == REPLICATE) return i < 0 ? 0 : i >= n ? n - 1 : i;
    if (border == CIRCULAR) return i < 0 ? i + n : i >= n ? i - n : i;
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

typedef struct Bordered {
    const char *from;
    char *to;
    int ndim, bytes;
    int64_t shape[RL_MAX_DIMS], length, inside, outside, shift;    /* of the result; along its last dim: where the piece that stays together begins and ends in it, and begins in the input */
    int64_t *source[RL_MAX_DIMS];        /* for every place of a dim how far from the input's start it comes from; of the last dim only places outside the piece */
} Bordered;

static inline void copy_element(char *to, const char *from, int bytes) {
    switch (bytes) {
    case 1: memcpy(to, from, 1); break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    default: memcpy(to, from, 16);
    }
}

static inline void copy_line(const Bordered *b, char *to, const char *from) {
    const int64_t *source = b->source[b->ndim - 1];
    for (int64_t i = 0; i < b->inside; i++) copy_element(to + i * b->bytes, from + source[i], b->bytes);
    if (b->outside > b->inside) memcpy(to + b->inside * b->bytes, from + b->shift, (size_t)((b->outside - b->inside) * b->bytes));
    for (int64_t i = b->outside; i < b->length; i++) copy_element(to + i * b->bytes, from + source[i - b->outside + b->inside], b->bytes);
}

/* Lines of the last dim: what lies inside is one piece, the ends are picked one by one. */
static void border_lines(int64_t begin, int64_t end, void *state) {
    const Bordered *b = state;
    int last = b->ndim - 1;
    int64_t index[RL_MAX_DIMS], rest = begin;
    const char *from = b->from;
    for (int d = last - 1; d >= 0; d--) {
        index[d] = rest % b->shape[d];
        rest /= b->shape[d];
        from += b->source[d][index[d]];
    }
    for (int64_t line = begin; line < end; line++) {
        copy_line(b, b->to + line * b->length * b->bytes, from);
        for (int d = last - 1; d >= 0; d--) {
            from -= b->source[d][index[d]];
            bool more = ++index[d] < b->shape[d];
            if (!more) index[d] = 0;
            from += b->source[d][index[d]];
            if (more) break;
        }
    }
}

/* Where the places of all dims come from; false without memory. */
static bool find_sources(Bordered *b, const Tensor *x, const int64_t *before, Border border) {
    int last = b->ndim - 1;
    for (int d = 0; d <= last; d++) {
        int64_t n = x->shape[d], step = x->stride[d] * b->bytes, skipped = d == last ? b->outside - b->inside : 0, *source = rl_scope_bytes((b->shape[d] - skipped + 1) * (int64_t)sizeof *source);
        if (!source) return false;
        b->source[d] = source;
        for (int64_t i = 0; i < b->shape[d]; i++) {
            if (d == last && i == b->inside) i = b->outside;      /* what stays together is not asked for */
            if (i < b->shape[d]) *source++ = source_of(i - before[d], n, border) * step;
        }
    }
    return true;
}

/* All dims at once, where nothing is recorded. */
static Tensor *border_pad_at_once(Tensor *x, const int64_t *shape, const int64_t *before, Border border) {
    Tensor *y = rl_empty(x->ndim, shape, x->dtype);
    if (!y || !y->numel) return y;
    int last = x->ndim - 1;
    int64_t length = shape[last], front = before[last], end = front + x->shape[last];
    Bordered b = {.from = rl_data(x), .to = rl_data(y), .ndim = x->ndim, .bytes = rl_dtype_bytes(x->dtype), .length = length};
    memcpy(b.shape, shape, (size_t)x->ndim * sizeof *shape);
    b.inside = front > 0 ? front : 0;
    b.outside = end < length ? end : length;
    b.shift = (b.inside - front) * b.bytes;
    if (x->stride[last] != 1 || b.outside <= b.inside) b.inside = b.outside = 0;      /* all are picked one by one */
    if (!find_sources(&b, x, before, border)) return NULL;
    Storage *held[] = {x->storage, y->storage};
    for (int k = 0; k < 2; k++) rl_storage_keep(held[k]);
    bool done = rl_parallel_for(y->numel / length, 1 + 50000 / length, border_lines, &b);
    for (int k = 0; k < 2; k++) rl_storage_drop(held[k]);
    return done ? y : NULL;
}

/* One dim after the other by index_select, whose gradient adds up what was repeated. */
static Tensor *border_pad(Call *c, Tensor *x, const Arg *pad, Border border) {
    int64_t shape[RL_MAX_DIMS], before[RL_MAX_DIMS];
    if (!padded_shape(x, pad, shape, before)) return NULL;
    if (rl_is_bare(x->dtype) && border != CIRCULAR) return rl_fail(RL_NOT_IMPLEMENTED, "\"pad\" not implemented for '%s' in this mode", rl_dtypes[x->dtype].word);
    int around = pad->n / 2 + 1;      /* padded dims and the channels; one more is the batch, which may be empty */
    for (int d = x->ndim == around + 1; border != CIRCULAR && d < x->ndim; d++)
        if (x->shape[d] == 0)
            return rl_fail(RL_RUNTIME_ERROR, "Expected %dD or %dD (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: %s", around, around + 1, rl_text_shape(x));
    for (int d = x->ndim - pad->n / 2; border == CIRCULAR && x && d < x->ndim; d++) {   /* what is cut off does not come round */
        int64_t n = x->shape[d], after = shape[d] - n - before[d], front = before[d] < 0 ? -before[d] : 0, back = after < 0 ? -after : 0;
        if (front || back) x = rl_narrow(x, d, front, n > front + back ? n - front - back : 0);
        if (front) before[d] = 0;
    }
    for (int d = x ? x->ndim - pad->n / 2 : RL_MAX_DIMS; x && d < x->ndim; d++) {
        int64_t n = x->shape[d], after = shape[d] - n - before[d], most = border == REFLECT ? n - 1 : border == CIRCULAR ? n : INT64_MAX;
        if (before[d] > most || after > most)
            return rl_fail(RL_RUNTIME_ERROR, border == REFLECT ? "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (%" PRId64 ", %" PRId64 ") at dimension %d of input %s"
                                                               : "Padding value causes wrapping around more than once: padding (%" PRId64 ", %" PRId64 ") at dimension %d of input %s",
                           before[d], after, d, rl_text_shape(x));
        if (n == 0) return rl_fail(RL_RUNTIME_ERROR, "Expected a tensor without empty dimensions to pad, but got: %s", rl_text_shape(x));
    }
    if (x && x->ndim && !(rl_thread.grad_mode && rl_requires_grad(x))) return border_pad_at_once(x, shape, before, border);
    for (int d = x ? x->ndim - pad->n / 2 : 0; x && d < x->ndim; d++) {
        int64_t n = x->shape[d];
        if (shape[d] == n && before[d] == 0) continue;
        Tensor *number = rl_empty(1, &shape[d], RL_INT64);
        for (int64_t i = 0; number && i < shape[d]; i++) ((int64_t *)rl_data(number))[i] = source_of(i - before[d], n, border);
        x = number ? rl_do("index_select", a_t(x), a_i(d), a_t(number)) : NULL;
    }
    return x == c->arg[0].tensor ? rl_clone(x) : x;
}

/* ---- the way back, line by line ---------------------------------------------------------------------------------------------- */

typedef struct BorderLines {
    int64_t small[3], big[3], before[3], lines;        /* sizes without and with the border; lines: of a padded plane */
    Border border;
    int bytes;
    Dtype dtype;
    char *narrow, *wide;                               /* dense planes */
} BorderLines;

static void set_lines(BorderLines *l, int n, const int64_t *sizes, const Arg *pad, Border border, Dtype dtype) {
    *l = (BorderLines){.border = border, .bytes = rl_dtype_bytes(dtype), .dtype = dtype};
    for (int d = 0; d < 3; d++) {
        int k = d - (3 - n);
        int64_t before = k < 0 ? 0 : pad->ints[2 * (n - 1 - k)], after = k < 0 ? 0 : pad->ints[2 * (n - 1 - k) + 1];
        l->small[d] = k < 0 ? 1 : sizes[k];
        l->before[d] = before;
        l->big[d] = l->small[d] + before + after;
    }
    l->lines = l->big[0] * l->big[1];
}

/* The narrow line that a wide one comes from. */
static char *narrow_line(const BorderLines *l, int64_t i) {
    int64_t plane = i / l->lines, rest = i % l->lines, size = l->small[0] * l->small[1] * l->small[2];
    int64_t d = source_of(rest / l->big[1] - l->before[0], l->small[0], l->border), h = source_of(rest % l->big[1] - l->before[1], l->small[1], l->border);
    return l->narrow + (plane * size + (d * l->small[1] + h) * l->small[2]) * l->bytes;
}

#define ADD_LINES(T)                                                                                                                        \
    for (int64_t i = begin * l->lines; i < end * l->lines; i++) {                                                                           \
        T *x = (T *)narrow_line(l, i);                                                                                                      \
        const T *y = (const T *)l->wide + i * m;                                                                                            \
        for (int64_t k = 0; k < m; k++)                                                                                                     \
            if (k < first || k >= last) x[source_of(k - l->before[2], n, l->border)] += y[k];                                               \
        for (int64_t k = first; k < last; k++) x[k - l->before[2]] += y[k];                                                                 \
    }

/* A plane at a time: its lines share what they are added to. */
static void add_lines(int64_t begin, int64_t end, void *state) {
    const BorderLines *l = state;
    int64_t n = l->small[2], m = l->big[2], first = l->before[2] > 0 ? l->before[2] : 0, last = n + l->before[2] < m ? n + l->before[2] : m;
    if (last < first) last = first;
    switch (l->dtype) {
    case RL_FLOAT32: ADD_LINES(float) break;
    case RL_FLOAT64: ADD_LINES(double) break;
    case RL_COMPLEX64: ADD_LINES(float _Complex) break;
    case RL_COMPLEX128: ADD_LINES(double _Complex) break;
    default: ADD_LINES(uint64_t)
    }
}

/* The adjoint: what was repeated is added up again. */
static Tensor *border_unpad_forward(Call *c) {
    Tensor *g = c->arg[0].tensor;
    const Arg *size = &c->arg[1], *pad = &c->arg[2];
    Border border = c->arg[3].b ? REFLECT : REPLICATE;
    int n = pad->n / 2;
    bool fits = g->ndim == size->n && pad->n % 2 == 0 && n <= g->ndim && n >= 1 && n <= 3;
    for (int d = g->ndim - 1; fits && d >= 0; d--) {
        int64_t m = size->ints[d];
        const int64_t *p = pad->ints + 2 * (g->ndim - 1 - d);
        int64_t most = border == REFLECT ? m - 1 : INT32_MAX;
        bool padded = d >= g->ndim - n;
        fits = m >= 0 && m <= INT32_MAX && (padded ? m > 0 && p[0] <= most && p[1] <= most && p[0] >= -m && p[1] >= -m && g->shape[d] == m + p[0] + p[1] : g->shape[d] == m);
    }
    if (!fits) return rl_fail(RL_RUNTIME_ERROR, "_border_unpad(): a gradient of shape %s does not belong to an input of %s padded by %s", rl_text_shape(g), rl_text_sizes(size->n, size->ints), rl_text_sizes(pad->n, pad->ints));
    Dtype work = rl_dtype_is(g->dtype, CLASS_HALF) ? RL_FLOAT32 : rl_dtype_is(g->dtype, CLASS_INTEGRAL) ? RL_INT64 : g->dtype;
    Tensor *x = rl_zeros(size->n, size->ints, work), *wide = rl_contiguous(rl_cast(g, work));
    if (!x || !wide || g->numel == 0) return rl_cast(x, g->dtype);
    BorderLines l;
    set_lines(&l, n, size->ints + g->ndim - n, pad, border, work);
    l.narrow = rl_data(x);
    l.wide = rl_data(wide);
    int64_t area = l.lines * l.big[2];
    if (!rl_parallel_for(g->numel / area, 1 + 50000 / area, add_lines, &l)) return NULL;
    return n == 2 ? rl_channels_last_as(rl_cast(x, g->dtype), g) : rl_cast(x, g->dtype);
}

static Tensor *padded_by(Tensor *x, const Arg *pad, Border border);

static void border_unpad_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = padded_by(g[0], &c->arg[2], c->arg[3].b ? REFLECT : REPLICATE); }

static void border_pad_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    dx[0] = rl_do("_border_unpad", a_t(g[0]), a_ints(m->ndim, m->shape), c->arg[1], a_b(c->op->data == REFLECT));
}

static Tensor *border_pad_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int n = c->op->data2;
    if (c->arg[1].n != 2 * n) return rl_fail(RL_RUNTIME_ERROR, "padding size is expected to be %d, but got: %d", 2 * n, c->arg[1].n);
    if (x->ndim != n + 1 && x->ndim != n + 2) return rl_fail(RL_RUNTIME_ERROR, "Expected %dD or %dD (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: %s", n + 1, n + 2, rl_text_shape(x));
    Tensor *y = border_pad(c, x, &c->arg[1], c->op->data);
    return n == 2 ? rl_channels_last_as(y, x) : y;
}

static Tensor *pad_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *pad = &c->arg[1];
    const char *mode = c->arg[2].str;
    if (pad->n % 2) return rl_fail(RL_RUNTIME_ERROR, "Padding length must be divisible by 2, but it is %d", pad->n);
    if (pad->n / 2 > x->ndim) return rl_fail(RL_RUNTIME_ERROR, "Padding length should be less than or equal to two times the input dimension but got padding length %d and input of dimension %d", pad->n, x->ndim);
    if (!strcmp(mode, "constant")) return rl_do("constant_pad_nd", a_t(x), *pad, c->arg[3].tag == A_NONE ? a_i(0) : c->arg[3]);
    if (c->arg[3].tag != A_NONE && a_double(&c->arg[3]) != 0) return rl_fail(RL_RUNTIME_ERROR, "Padding mode \"%s\" doesn't take in value argument", mode);
    Border border = !strcmp(mode, "reflect") ? REFLECT : !strcmp(mode, "replicate") ? REPLICATE : CIRCULAR;
    if (border == CIRCULAR && strcmp(mode, "circular")) return rl_fail(RL_NOT_IMPLEMENTED, "Unrecognised padding mode %s; it is one of constant, reflect, replicate, circular", mode);
    int n = pad->n / 2;
    if (n < 1 || n > 3 || (x->ndim != n + 1 && x->ndim != n + 2))
        return rl_fail(RL_NOT_IMPLEMENTED, "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now; got input %s and %d paddings", rl_text_shape(x), pad->n);
    return border == CIRCULAR ? border_pad(c, x, pad, border) : padded_by(x, pad, border);
}

#define BORDER(name, title, kind, n, example)                                                                                                       \
    {                                                                                                                                        \
        .sig = name #n "d(input: Tensor, padding: list[int]) -> Tensor", .where = PRIVATE, .flags = FLAT, .data = kind, .data2 = n, .vjp = border_pad_vjp, .node = title #n "DBackward0", \
        .doc = "Border of " #n " spatial dim(s).\n\n>>> rl._C._ops." name #n "d(rl.ones(" example "), [1, 1" example_pads_##n "]).max()\ntensor(1.)", \
        .forward = border_pad_forward, .samples = "x(" example "), [1, 1" example_pads_##n "]",                                              \
    }
#define example_pads_1 ""
#define example_pads_2 ", 0, 1"
#define example_pads_3 ", 0, 1, 1, 0"

Op rl_pad_ops[] = {
    {
        .sig = "constant_pad_nd(input: Tensor, pad: list[int], value: Number = 0) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION,
        .doc = "A border of one value; pads in pairs from the last dim backwards, negative ones cut.\n\n>>> rl.constant_pad_nd(rl.ones(1), [1, 1])\ntensor([0., 1., 0.])",
        .forward = constant_pad_forward, .vjp = constant_pad_vjp, .samples = "x(2, 3), [1, 2]; x(2, 3), [1, -1, 0, 2], 3; x(0, 3), [1, 0]",
    },
    {
        .sig = "pad(input: Tensor, pad: list[int], mode: str = 'constant', value: float | None = None) -> Tensor", .where = NN, .flags = TAKES_BARE | COMPOSITE,
        .doc = "A border; mode is constant, reflect, replicate or circular.\n\n>>> rl.nn.functional.pad(rl.tensor([[1., 2.]]), (1, 0), 'replicate')\ntensor([[1., 1., 2.]])",
        .forward = pad_forward, .samples = "x(2, 3), [1, 2]; x(2, 3, 4), [1, 2], 'reflect'; x(2, 3, 4), [1, 2], 'replicate'; x(2, 3, 4, 4), [1, 2, 0, 1], 'circular'",
    },
    BORDER("reflection_pad", "ReflectionPad", REFLECT, 1, "2, 3, 4"), BORDER("reflection_pad", "ReflectionPad", REFLECT, 2, "2, 3, 4, 3"), BORDER("reflection_pad", "ReflectionPad", REFLECT, 3, "1, 2, 3, 3, 3"),
    BORDER("replication_pad", "ReplicationPad", REPLICATE, 1, "2, 3, 4"), BORDER("replication_pad", "ReplicationPad", REPLICATE, 2, "2, 3, 4, 3"), BORDER("replication_pad", "ReplicationPad", REPLICATE, 3, "1, 2, 3, 3, 3"),
    {
        .sig = "_border_unpad(grad: Tensor, size: list[int], pad: list[int], reflect: bool) -> Tensor", .where = PRIVATE, .forward = border_unpad_forward, .vjp = border_unpad_vjp,
        .samples = "x(2, 3, 6), [2, 3, 4], [1, 1], True; x(1, 2, 4, 6), [1, 2, 3, 4], [1, 1, 0, 1], False; x(2, 3, 4), [2, 3, 4], [1, -1], False",
        .doc = "The adjoint of a border of mirror images or repetitions.\n\n>>> rl._C._ops._border_unpad(rl.ones(1, 4), [1, 2], [1, 1], False)\ntensor([[2., 2.]])",
    },
    {0},
};

/* Through the row for so many dims, which remembers the call. */
static Tensor *padded_by(Tensor *x, const Arg *pad, Border border) {
    for (Op *op = rl_pad_ops; op->sig; op++)
        if (op->forward == border_pad_forward && op->data == (int)border && op->data2 == pad->n / 2) return rl_apply_n(op, 2, (Arg[]){a_t(x), *pad});
    return rl_fail(RL_RUNTIME_ERROR, "a border of one to three dims, not %s", rl_text_sizes(pad->n, pad->ints));
}
