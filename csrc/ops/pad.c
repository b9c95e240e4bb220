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
    if (x->ndim == 4 && rl_is_channels_last(x) && !rl_is_contiguous(x)) {
        int64_t none[RL_MAX_DIMS] = {0};
        picture = rl_view(x, x->ndim, shape, none, 0);
        y = rl_empty_in_format(picture, x->dtype, &(Arg){.tag = A_INT, .i = FORMAT_CHANNELS_LAST});
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

/* One dim after the other by index_select, whose gradient adds up what was repeated. */
static Tensor *border_pad(Call *c, Tensor *x, const Arg *pad, Border border) {
    int64_t shape[RL_MAX_DIMS], before[RL_MAX_DIMS];
    if (!padded_shape(x, pad, shape, before)) return NULL;
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
    for (int d = x->ndim - pad->n / 2; x && d < x->ndim; d++) {
        int64_t n = x->shape[d];
        if (shape[d] == n && before[d] == 0) continue;
        Tensor *number = rl_empty(1, &shape[d], RL_INT64);
        for (int64_t i = 0; number && i < shape[d]; i++) ((int64_t *)rl_data(number))[i] = source_of(i - before[d], n, border);
        x = number ? rl_do("index_select", a_t(x), a_i(d), a_t(number)) : NULL;
    }
    return x == c->arg[0].tensor ? rl_clone(x) : x;
}

static Tensor *border_pad_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int n = c->op->data2;
    if (c->arg[1].n != 2 * n) return rl_fail(RL_RUNTIME_ERROR, "padding size is expected to be %d, but got: %d", 2 * n, c->arg[1].n);
    if (x->ndim != n + 1 && x->ndim != n + 2) return rl_fail(RL_RUNTIME_ERROR, "Expected %dD or %dD (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: %s", n + 1, n + 2, rl_text_shape(x));
    return border_pad(c, x, &c->arg[1], c->op->data);
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
    return border_pad(c, x, pad, border);
}

#define BORDER(name, kind, n, example)                                                                                                       \
    {                                                                                                                                        \
        .sig = name #n "d(input: Tensor, padding: list[int]) -> Tensor", .where = PRIVATE, .flags = COMPOSITE, .data = kind, .data2 = n,     \
        .doc = "Border of " #n " spatial dim(s).\n\n>>> rl._C._ops." name #n "d(rl.ones(" example "), [1, 1" example_pads_##n "]).max()\ntensor(1.)", \
        .forward = border_pad_forward, .samples = "x(" example "), [1, 1" example_pads_##n "]",                                              \
    }
#define example_pads_1 ""
#define example_pads_2 ", 0, 1"
#define example_pads_3 ", 0, 1, 1, 0"

Op rl_pad_ops[] = {
    {
        .sig = "constant_pad_nd(input: Tensor, pad: list[int], value: Number = 0) -> Tensor", .where = FUNCTION,
        .doc = "A border of one value; pads in pairs from the last dim backwards, negative ones cut.\n\n>>> rl.constant_pad_nd(rl.ones(1), [1, 1])\ntensor([0., 1., 0.])",
        .forward = constant_pad_forward, .vjp = constant_pad_vjp, .samples = "x(2, 3), [1, 2]; x(2, 3), [1, -1, 0, 2], 3; x(0, 3), [1, 0]",
    },
    {
        .sig = "pad(input: Tensor, pad: list[int], mode: str = 'constant', value: float | None = None) -> Tensor", .where = NN, .flags = COMPOSITE,
        .doc = "A border; mode is constant, reflect, replicate or circular.\n\n>>> rl.nn.functional.pad(rl.tensor([[1., 2.]]), (1, 0), 'replicate')\ntensor([[1., 1., 2.]])",
        .forward = pad_forward, .samples = "x(2, 3), [1, 2]; x(2, 3, 4), [1, 2], 'reflect'; x(2, 3, 4), [1, 2], 'replicate'; x(2, 3, 4, 4), [1, 2, 0, 1], 'circular'",
    },
    BORDER("reflection_pad", REFLECT, 1, "2, 3, 4"), BORDER("reflection_pad", REFLECT, 2, "2, 3, 4, 3"), BORDER("reflection_pad", REFLECT, 3, "1, 2, 3, 3, 3"),
    BORDER("replication_pad", REPLICATE, 1, "2, 3, 4"), BORDER("replication_pad", REPLICATE, 2, "2, 3, 4, 3"), BORDER("replication_pad", REPLICATE, 3, "1, 2, 3, 3, 3"),
    {0},
};
