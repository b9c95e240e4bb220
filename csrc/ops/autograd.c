/* autograd.c -- the rows that the engine itself needs: where leaves collect, and how a write to a view reaches its base. */
#include "rushlight.h"

/* A gradient laid out as the base lies in memory, so that a view of the base is a view of its gradient. */
static Tensor *restride_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Tensor *y = rl_empty_strided(c->arg[1].n, c->arg[1].ints, c->arg[2].ints, x->dtype);
    return y ? rl_copy_into(y, x) : NULL;
}

static Tensor *piece_of(Tensor *g, const Arg *size, const Arg *stride, int64_t offset) {
    return rl_do("as_strided", a_t(g), *size, *stride, a_i(offset));
}

/* base[view] = value:  d base = g outside the view, d value = g inside it. */
static void copy_slices_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg *a = c->arg;
    Tensor *lying = rl_do("_restride", a_t(g[0]), a[2], a[3]);
    if (rl_need(c, 0)) {
        Tensor *zeros = rl_zeros(a[4].n, a[4].ints, g[0]->dtype);
        dx[0] = rl_do("as_strided_scatter", a_t(lying), a_t(zeros), a[4], a[5], a[6]);
    }
    if (rl_need(c, 1)) dx[1] = rl_clone(piece_of(lying, &a[4], &a[5], a[6].i));
}

static Tensor *never_called(Call *c) {
    return rl_fail(RL_RUNTIME_ERROR, "%s is made by the engine and cannot be called", c->op->parsed->name);
}

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
        .sig = "_restride(input: Tensor, size: list[int], stride: list[int]) -> Tensor", .where = PRIVATE,
        .doc = "A copy with the given strides.\n\n>>> rl._C._ops._restride(rl.tensor([[1., 2.], [3., 4.]]), [2, 2], [1, 2]).stride()\n(1, 2)",
        .forward = restride_forward, .formula = "input: g", .samples = "x(2, 3), [2, 3], [1, 2]",
    },
    {0},
};
