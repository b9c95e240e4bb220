/* autograd.c -- the rows that the engine itself needs: where leaves collect, and how a write to a view reaches its base. */
#include "rushlight.h"

#include <string.h>

/* A gradient laid out as the base lies in memory, so that a view of the base is a view of its gradient. */
static Tensor *restride_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Tensor *y = rl_empty_strided(c->arg[1].n, c->arg[1].ints, c->arg[2].ints, x->dtype);
    return y ? rl_copy_into(y, x) : NULL;
}

/* Where a view lies, in elements of the dtype that it is cut out of: a complex view of real numbers is one of pairs. */
typedef struct Place { int n; int64_t size[RL_MAX_DIMS], stride[RL_MAX_DIMS], offset; } Place;

static Place place_of(const Arg *size, const Arg *stride, int64_t offset, bool of_pairs) {
    Place p = {.n = size->n, .offset = offset};
    int by = of_pairs ? 2 : 1;
    for (int i = 0; i < p.n; i++) p.size[i] = size->ints[i], p.stride[i] = by * stride->ints[i];
    if (of_pairs && p.n < RL_MAX_DIMS) p.size[p.n] = 2, p.stride[p.n++] = 1, p.offset *= 2;
    return p;
}

static Arg sizes(Place *p) { return a_ints(p->n, p->size); }
static Arg strides(Place *p) { return a_ints(p->n, p->stride); }

/* base[view] = value:  d base = g outside the view, d value = g inside it.  Where one is complex and the other real, the real numbers are looked at. */
static void copy_slices_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg *a = c->arg;
    bool base_complex = rl_dtype_is(rl_meta(c, 0)->dtype, CLASS_COMPLEX), view_complex = rl_dtype_is(rl_meta(c, 1)->dtype, CLASS_COMPLEX);
    Place p = place_of(&a[4], &a[5], a[6].i, view_complex && !base_complex);
    Tensor *lying = rl_do("_restride", a_t(g[0]), a[2], a[3]);
    if (base_complex && !view_complex) lying = rl_do("view_as_real", a_t(lying));
    if (!lying) return;
    if (rl_need(c, 0)) {
        Tensor *rest = rl_do("as_strided_scatter", a_t(lying), a_t(rl_zeros(p.n, p.size, lying->dtype)), sizes(&p), strides(&p), a_i(p.offset));
        dx[0] = base_complex && !view_complex ? rl_do("view_as_complex", a_t(rl_contiguous(rest))) : rest;
    }
    if (rl_need(c, 1)) {
        Tensor *piece = rl_clone(rl_do("as_strided", a_t(lying), sizes(&p), strides(&p), a_i(p.offset)));
        dx[1] = view_complex && !base_complex ? rl_do("view_as_complex", a_t(rl_contiguous(piece))) : piece;
    }
}

/* The part of base that a view of another dtype shows, as operations that record themselves. */
static Tensor *reinterpret_forward(Call *c) {
    Tensor *base = c->arg[0].tensor;
    bool complex = rl_dtype_is(base->dtype, CLASS_COMPLEX);
    Place p = place_of(&c->arg[1], &c->arg[2], c->arg[3].i, !complex);
    if (c->arg[1].n != c->arg[2].n || c->arg[1].n >= RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "_reinterpret: as many strides as sizes are needed, fewer than %d", RL_MAX_DIMS);
    if (complex) return rl_do("as_strided", a_t(rl_do("view_as_real", a_t(base))), sizes(&p), strides(&p), a_i(p.offset));
    return rl_do("view_as_complex", a_t(rl_do("as_strided", a_t(base), sizes(&p), strides(&p), a_i(p.offset))));
}

static Tensor *never_called(Call *c) {
    return rl_fail(RL_RUNTIME_ERROR, "%s is made by the engine and cannot be called", c->op->parsed->name);
}

/* In a formula: where no derivative is known, backward says so instead of passing on nothing. */
static Tensor *no_derivative(Call *c) {
    const char *what = c->arg[1].str;
    if (rl_thread.resting)
        return rl_fail(RL_NOT_IMPLEMENTED, "Trying to use forward AD with %.*s that does not support it because it has not been implemented yet.", (int)strcspn(what, ":"), what);
    if (c->arg[2].b) return rl_fail(RL_RUNTIME_ERROR, "derivative for aten::%s is not implemented.  Give it a tensor that does not require grad, or detach() it.", what);
    return rl_fail(RL_NOT_IMPLEMENTED, "the derivative for '%s' is not implemented.  Give it a tensor that does not require grad, or detach() it.", c->arg[1].str);
}

/* A gradient that is right and has no derivative: only a backward through it fails, with this message. */
static Tensor *last_derivative(Call *c) { return rl_alias(c->arg[0].tensor); }
static void refuse_derivative(Call *c, Tensor **g, Tensor **dx) { rl_fail(RL_RUNTIME_ERROR, "%s", c->arg[1].str); }

static void never_run(Call *c, Tensor **g, Tensor **dx) { never_called(c); }

static void tie_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = g[0];
    if (rl_need(c, 1)) dx[1] = rl_meta(c, 1) ? rl_zeros_meta(rl_meta(c, 1)) : rl_zeros_like(g[0]);
}

Op rl_autograd_ops[] = {
    {
        .sig = "_tie(input: Tensor, other: Tensor) -> Tensor", .where = PRIVATE, .node = "TieBackward0",
        .doc = "input, tied to another tensor by a slope of zero.", .forward = never_called, .vjp = tie_vjp, .samples = "-",
    },
    {
        .sig = "_accumulate_grad() -> Tensor", .where = PRIVATE, .node = "AccumulateGrad",
        .doc = "The end of every path of backward: adds the gradient to the leaf's .grad.",
        .forward = never_called, .vjp = never_run, .samples = "-",
    },
    {
        .sig = "_copy_slices(base: Tensor, value: Tensor, base_size: list[int], base_stride: list[int], size: list[int], stride: list[int], offset: int) -> Tensor",
        .where = PRIVATE, .node = "CopySlices",
        .doc = "What an in-place write to a view did to the tensor it looks into.",
        .forward = never_called, .vjp = copy_slices_vjp, .samples = "-",
    },
    {
        .sig = "_reinterpret(base: Tensor, size: list[int], stride: list[int], offset: int) -> Tensor", .where = PRIVATE, .flags = COMPOSITE, .forward = reinterpret_forward, .samples = "-",
        .doc = "Real numbers of a complex tensor, or pairs of a real one as complex numbers, anywhere in its memory.",
    },
    {
        .sig = "_last_derivative(input: Tensor, message: str) -> Tensor", .where = PRIVATE, .node = "Error", .forward = last_derivative, .vjp = refuse_derivative, .samples = "-",
        .doc = "input, through which no gradient goes: backward fails with the message.",
    },
    {
        .sig = "_no_derivative(g: Tensor, argument: str, unknown: bool = False) -> Tensor", .where = PRIVATE, .forward = no_derivative, .samples = "-",
        .doc = "Always an error: the gradient of this argument is not known.",
    },
    {
        .sig = "_restride(input: Tensor, size: list[int], stride: list[int]) -> Tensor", .where = PRIVATE,
        .doc = "A copy with the given strides.\n\n>>> rl._C._ops._restride(rl.tensor([[1., 2.], [3., 4.]]), [2, 2], [1, 2]).stride()\n(1, 2)",
        .forward = restride_forward, .formula = "input: g", .samples = "x(2, 3), [2, 3], [1, 2]",
    },
    {0},
};
