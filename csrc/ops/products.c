/* products.c -- products of two tensors that are neither elementwise nor sums over a dim: the vector product, the Kronecker product. */
#include "rushlight.h"

#include <inttypes.h>

/* ---- the vector product --------------------------------------------------------------------------------------------------------- */

static Tensor *rolled(Tensor *x, int64_t by, int64_t dim) { return rl_do("roll", a_t(x), a_ints(1, &by), a_ints(1, &dim)); }

/* Along dim of two tensors of one rank; the texts are linalg.cross's. */
static Tensor *vector_product(Tensor *a, Tensor *b, int64_t dim) {
    int64_t shape[RL_MAX_DIMS];
    int n = 0;
    if (a->ndim != b->ndim) return rl_fail(RL_RUNTIME_ERROR, "linalg.cross: inputs must have the same number of dimensions. Got %d and %d", a->ndim, b->ndim);
    if (a->ndim == 0) return rl_fail(RL_INDEX_ERROR, "Dimension specified as %" PRId64 " but tensor has no dimensions", dim);
    int d = rl_wrap_dim(a->ndim, dim);
    if (d < 0) return NULL;
    if (a->shape[d] != 3 || b->shape[d] != 3)
        return rl_fail(RL_RUNTIME_ERROR, "linalg.cross: inputs dimension %" PRId64 " must have length 3. Got %" PRId64 " and %" PRId64, dim, a->shape[d], b->shape[d]);
    if (!rl_broadcast_shapes(&n, shape, a) || !rl_broadcast_shapes(&n, shape, b)) return NULL;
    if (!rl_same_shape(a, b)) a = rl_expand(a, n, shape), b = rl_expand(b, n, shape);
    return rl_sub(rl_mul(rolled(a, -1, d), rolled(b, -2, d)), rl_mul(rolled(a, -2, d), rolled(b, -1, d)));
}

static Tensor *linalg_cross_forward(Call *c) { return vector_product(c->arg[0].tensor, c->arg[1].tensor, c->arg[2].i); }

/* Without dim along the first of three elements. */
static Tensor *cross_forward(Call *c) {
    int64_t shape[RL_MAX_DIMS], dim = 0;
    int n = 0;
    if (c->arg[2].tag != A_NONE) return vector_product(c->arg[0].tensor, c->arg[1].tensor, c->arg[2].i);
    if (!rl_broadcast_shapes(&n, shape, c->arg[0].tensor) || !rl_broadcast_shapes(&n, shape, c->arg[1].tensor)) return NULL;
    while (dim < n && shape[dim] != 3) dim++;
    return dim == n ? rl_fail(RL_RUNTIME_ERROR, "no dimension of size 3 in input") : vector_product(c->arg[0].tensor, c->arg[1].tensor, dim);
}

/* ---- every element of one times the whole of the other ---------------------------------------------------------------------------- */

static Tensor *kron_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    int n = a->ndim > b->ndim ? a->ndim : b->ndim;
    int64_t outer[RL_MAX_DIMS], inner[RL_MAX_DIMS], shape[RL_MAX_DIMS];
    if (2 * n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "kron: %d dims are more than half of the %d that a tensor may have", n, RL_MAX_DIMS);
    for (int i = 0; i < n; i++) {
        int64_t s = i < n - a->ndim ? 1 : a->shape[i - n + a->ndim], t = i < n - b->ndim ? 1 : b->shape[i - n + b->ndim];
        outer[2 * i] = s, outer[2 * i + 1] = 1;
        inner[2 * i] = 1, inner[2 * i + 1] = t;
        shape[i] = s * t;
    }
    return rl_reshape(rl_mul(rl_reshape(a, 2 * n, outer), rl_reshape(b, 2 * n, inner)), n, shape);
}

Op rl_products_ops[] = {
    {
        .sig = "linalg.cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor", .forward = linalg_cross_forward, .flags = COMPOSITE, .where = LINALG | OUT,
        .samples = "x(4, 3), x(4, 3); x(3, 4), x(3, 1), dim=0",
        .doc = "The vector product along a dim of three elements.\n\n>>> rl.linalg.cross(rl.tensor([1, 0, 0]), rl.tensor([0, 1, 0]))\ntensor([0, 0, 1])",
    },
    {
        .sig = "cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor", .forward = cross_forward, .flags = COMPOSITE, .where = FUNCTION | METHOD | OUT,
        .samples = "x(4, 3), x(4, 3); x(3, 4), x(3, 4)",
        .doc = "linalg.cross; without dim, along the first dim of three elements.\n\n>>> rl.cross(rl.tensor([1, 0, 0]), rl.tensor([0, 1, 0]))\ntensor([0, 0, 1])",
    },
    {
        .sig = "kron(input: Tensor, other: Tensor) -> Tensor", .forward = kron_forward, .flags = COMPOSITE, .where = FUNCTION | METHOD | OUT, .samples = "x(2, 2), x(2, 3); x(3), x(2, 2)",
        .doc = "The Kronecker product: every element of input times the whole of other.\n\n>>> rl.kron(rl.tensor([1, 2]), rl.tensor([1, 1]))\ntensor([1, 1, 2, 2])",
    },
    {0},
};
