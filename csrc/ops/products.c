/* products.c -- products of two tensors that are neither elementwise nor sums over a dim: the vector product, the Kronecker product. */
#include "rushlight.h"

#include <complex.h>
#include <inttypes.h>

/* ---- the vector product --------------------------------------------------------------------------------------------------------- */

/* y0 y1 y2 of a0 a1 a2 and b0 b1 b2. */
#define CROSS(T, name)                                                                                                                         \
    static void cross_##name(int64_t n, char *const *p, const int64_t *stride, const void *extra) {                                             \
        (void)extra;                                                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                                                                      \
            T a[3], b[3];                                                                                                                      \
            for (int k = 0; k < 3; k++) a[k] = *(const T *)(p[3 + k] + i * stride[3 + k]), b[k] = *(const T *)(p[6 + k] + i * stride[6 + k]);    \
            for (int k = 0; k < 3; k++) *(T *)(p[k] + i * stride[k]) = (T)(a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3]);  \
        }                                                                                                                                      \
    }
CROSS(int64_t, i64)
CROSS(float, f32)
CROSS(double, f64)
CROSS(float _Complex, c64)
CROSS(double _Complex, c128)

static LoopFn *const cross_of[RL_NDTYPES] = {[RL_INT64] = cross_i64, [RL_FLOAT32] = cross_f32, [RL_FLOAT64] = cross_f64, [RL_COMPLEX64] = cross_c64, [RL_COMPLEX128] = cross_c128};

/* The slice at place k along dim, without a record. */
static Tensor *slice(Tensor *x, int dim, int k) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0, at = 0; i < x->ndim; i++)
        if (i != dim) shape[at] = x->shape[i], stride[at++] = x->stride[i];
    return rl_view(x, x->ndim - 1, shape, stride, x->offset + k * x->stride[dim]);
}

/* (input, other, dim) of one shape and dtype; small integers and halves take a wider one meanwhile. */
static Tensor *three_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor, *part[9];
    Dtype dtype = a->dtype, wide = cross_of[dtype] ? dtype : rl_dtype_is(dtype, CLASS_HALF) ? RL_FLOAT32 : RL_INT64;
    int dim = rl_wrap_dim(a->ndim, c->arg[2].i);
    if (dim < 0) return NULL;
    if (!a->ndim || !rl_same_shape(a, b) || a->shape[dim] != 3 || a->dtype != b->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "_cross: two tensors of one shape and dtype with three elements along dim %d are needed, not %s and %s", dim, rl_text_shape(a), rl_text_shape(b));
    a = rl_cast(a, wide);
    b = rl_cast(b, wide);
    Tensor *y = a && b ? rl_out_like(c, 0, wide, 2, (Tensor *[]){a, b}) : NULL;
    if (!y) return NULL;
    for (int k = 0; k < 9; k++)
        if (!(part[k] = slice(k < 3 ? y : k < 6 ? a : b, dim, k % 3))) return NULL;
    return rl_loop(cross_of[wide], 9, part, NULL, 5) ? rl_cast(y, dtype) : NULL;
}

static void three_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_do("_cross", a_t(rl_conj(c->arg[1].tensor)), a_t(g[0]), c->arg[2]);
    if (rl_need(c, 1)) dx[1] = rl_do("_cross", a_t(g[0]), a_t(rl_conj(c->arg[0].tensor)), c->arg[2]);
}

/* Along dim of two tensors of one rank; the texts are linalg.cross's. */
static Tensor *vector_product(Tensor *a, Tensor *b, int64_t dim) {
    int64_t shape[RL_MAX_DIMS];
    Arg both[2] = {a_t(a), a_t(b)};
    int n = 0;
    if (a->ndim != b->ndim) return rl_fail(RL_RUNTIME_ERROR, "linalg.cross: inputs must have the same number of dimensions. Got %d and %d", a->ndim, b->ndim);
    if (a->ndim == 0) return rl_fail(RL_INDEX_ERROR, "Dimension specified as %" PRId64 " but tensor has no dimensions", dim);
    int d = rl_wrap_dim(a->ndim, dim);
    if (d < 0) return NULL;
    if (a->shape[d] != 3 || b->shape[d] != 3)
        return rl_fail(RL_RUNTIME_ERROR, "linalg.cross: inputs dimension %" PRId64 " must have length 3. Got %" PRId64 " and %" PRId64, dim, a->shape[d], b->shape[d]);
    if (!rl_broadcast_shapes(&n, shape, a) || !rl_broadcast_shapes(&n, shape, b)) return NULL;
    if (!rl_same_shape(a, b)) a = rl_expand(a, n, shape), b = rl_expand(b, n, shape);
    Dtype dtype = rl_result_type(2, both);
    return rl_do("_cross", a_t(rl_cast(a, dtype)), a_t(rl_cast(b, dtype)), a_i(d));
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
        .sig = "_cross(input: Tensor, other: Tensor, dim: int) -> Tensor", .forward = three_forward, .vjp = three_vjp, .saves = SAVE(0) | SAVE(1),
        .saves_for = {[0] = SAVE(1), [1] = SAVE(0)}, .dtypes = CLASS_INT | CLASS_INEXACT, .where = PRIVATE, .node = "LinalgCrossBackward0", .samples = "x(4, 3), x(4, 3), 1; x(3, 4), x(3, 4), 0",
        .doc = "The vector product along a dim of three elements of two tensors of one shape and dtype.",
    },
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
        .sig = "kron(input: Tensor, other: Tensor) -> Tensor", .forward = kron_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD | OUT, .samples = "x(2, 2), x(2, 3); x(3), x(2, 2)",
        .doc = "The Kronecker product: every element of input times the whole of other.\n\n>>> rl.kron(rl.tensor([1, 2]), rl.tensor([1, 1]))\ntensor([1, 1, 2, 2])",
    },
    {0},
};
