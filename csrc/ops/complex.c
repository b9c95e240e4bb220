/* complex.c -- complex numbers seen as pairs of real ones, and back. */
#include "rushlight.h"

#include <string.h>

static bool is_complex(const Tensor *t) { return rl_dtype_is(t->dtype, CLASS_COMPLEX); }

/* One part of every number: a view with twice the strides. */
static Tensor *part_of(Tensor *x, int part) {
    int64_t stride[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) stride[i] = 2 * x->stride[i];
    return rl_view_dtype(x, rl_to_real(x->dtype), x->ndim, x->shape, stride, 2 * x->offset + part);
}

static Tensor *part_forward(Call *c) { return part_of(c->arg[0].tensor, c->op->data); }

static void real_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_cast(g[0], rl_meta(c, 0)->dtype); }
static void imag_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("complex", a_t(rl_do("zeros_like", a_t(g[0]))), a_t(g[0])); }

static Tensor *real_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    return is_complex(x) ? rl_do("_real_view", a_t(x)) : x;
}

static Tensor *imag_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (is_complex(x)) return rl_do("_imag_view", a_t(x));
    return rl_fail(RL_RUNTIME_ERROR, "imag is not implemented for tensors with non-complex dtypes; this one is of dtype %s", rl_dtypes[x->dtype].name);
}

static Tensor *view_as_real_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    if (!is_complex(x)) return rl_fail(RL_RUNTIME_ERROR, "view_as_real is only supported for complex tensors; this one is of dtype %s", rl_dtypes[x->dtype].name);
    if (x->ndim == RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i], stride[i] = 2 * x->stride[i];
    shape[x->ndim] = 2;
    stride[x->ndim] = 1;
    return rl_view_dtype(x, rl_to_real(x->dtype), x->ndim + 1, shape, stride, 2 * x->offset);
}

static Tensor *view_as_complex_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t stride[RL_MAX_DIMS];
    int n = x->ndim - 1;
    if (x->dtype != RL_FLOAT32 && x->dtype != RL_FLOAT64) return rl_fail(RL_RUNTIME_ERROR, "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: %s", rl_dtypes[x->dtype].word);
    if (n < 0) return rl_fail(RL_RUNTIME_ERROR, "Input tensor must have one or more dimensions");
    if (x->shape[n] != 2) return rl_fail(RL_RUNTIME_ERROR, "Tensor must have a last dimension of size 2; its shape is %s", rl_text_shape(x));
    if (x->stride[n] != 1) return rl_fail(RL_RUNTIME_ERROR, "Tensor must have a last dimension with stride 1");
    for (int i = 0; i < n; i++) {
        if (x->stride[i] % 2 && x->shape[i] > 1) return rl_fail(RL_RUNTIME_ERROR, "Tensor must have a stride divisible by 2 for all but last dimension; its strides are %s", rl_text_sizes(x->ndim, x->stride));
        stride[i] = x->stride[i] / 2;
    }
    if (x->offset % 2) return rl_fail(RL_RUNTIME_ERROR, "Tensor must have a storage_offset divisible by 2");
    return rl_view_dtype(x, rl_to_complex(x->dtype), n, x->shape, stride, x->offset / 2);
}

static void view_as_complex_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("view_as_real", a_t(g[0])); }

static void view_as_real_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("view_as_complex", a_t(rl_contiguous(g[0]))); }

Op rl_complex_ops[] = {
    {
        .sig = "_real_view(input: Tensor) -> Tensor", .where = PRIVATE, .flags = VIEW, .data = 0, .node = "RealBackward0",
        .doc = "The real parts of a complex tensor, as a view.\n\n>>> rl._C._ops._real_view(rl.tensor([1 + 2j]))\ntensor([1.])",
        .forward = part_forward, .vjp = real_vjp, .samples = "-",
    },
    {
        .sig = "_imag_view(input: Tensor) -> Tensor", .where = PRIVATE, .flags = VIEW, .data = 1, .node = "ImagBackward0",
        .doc = "The imaginary parts of a complex tensor, as a view.\n\n>>> rl._C._ops._imag_view(rl.tensor([1 + 2j]))\ntensor([2.])",
        .forward = part_forward, .vjp = imag_vjp, .samples = "-",
    },
    {
        .sig = "real(input: Tensor) -> Tensor", .where = FUNCTION, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The real parts, as a view; real tensors come back as they are.\n\n>>> rl.real(rl.tensor([1 + 2j]))\ntensor([1.])",
        .forward = real_forward, .samples = "x(2, 3)",
    },
    {
        .sig = "imag(input: Tensor) -> Tensor", .where = FUNCTION, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The imaginary parts of a complex tensor, as a view.\n\n>>> rl.imag(rl.tensor([1 + 2j]))\ntensor([2.])",
        .forward = imag_forward, .samples = "-",
    },
    {
        .sig = "view_as_real(input: Tensor) -> Tensor", .where = FUNCTION | COPY, .flags = TAKES_BARE | VIEW,
        .doc = "Complex numbers as pairs along a new last dim.\n\n>>> rl.view_as_real(rl.tensor([1 + 2j]))\ntensor([[1., 2.]])",
        .forward = view_as_real_forward, .vjp = view_as_real_vjp, .samples = "-",
    },
    {
        .sig = "view_as_complex(input: Tensor) -> Tensor", .where = FUNCTION | COPY, .flags = TAKES_BARE | VIEW,
        .doc = "Pairs along the last dim as complex numbers.\n\n>>> rl.view_as_complex(rl.tensor([[1., 2.]]))\ntensor([1.+2.j])",
        .forward = view_as_complex_forward, .vjp = view_as_complex_vjp, .samples = "-",
    },
    {0},
};
