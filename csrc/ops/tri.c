/* tri.c -- triangles and diagonals of matrices. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <string.h>

/* ---- tril, triu ------------------------------------------------------------------------------------------------------------ */

typedef struct Triangle { char *y; const char *x; int64_t rows, cols, k; int bytes; bool lower; } Triangle;

static void triangle_range(int64_t begin, int64_t end, void *state) {
    const Triangle *t = state;
    for (int64_t i = begin; i < end; i++) {
        int64_t edge = i % t->rows + t->k + (t->lower ? 1 : 0);     /* lower keeps columns below edge, upper those from it on */
        edge = edge < 0 ? 0 : edge > t->cols ? t->cols : edge;
        size_t left = (size_t)(edge * t->bytes), whole = (size_t)(t->cols * t->bytes);
        char *y = t->y + (size_t)i * whole;
        const char *x = t->x + (size_t)i * whole;
        if (t->lower) memmove(y, x, left), memset(y + left, 0, whole - left);
        else memset(y, 0, left), memmove(y + left, x + left, whole - left);
    }
}

static Tensor *triangle_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *dense = rl_contiguous(x);
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "%s: input tensor must have at least 2 dimensions, but its shape is %s", c->op->parsed->name, rl_text_shape(x));
    Tensor *y = rl_empty(x->ndim, x->shape, x->dtype);
    if (!y || !dense || x->numel == 0) return y;
    int64_t rows = rl_size(x, -2), cols = rl_size(x, -1), k = c->arg[1].i;
    k = k > cols ? cols : k < -rows ? -rows - 1 : k;
    Triangle t = {rl_data(y), rl_data(dense), rows, cols, k, rl_dtypes[x->dtype].bytes, c->op->data};
    return rl_parallel_for(x->numel / cols, 1 + 60000 / cols, triangle_range, &t) ? y : NULL;
}

/* ---- diagonals -------------------------------------------------------------------------------------------------------------- */

static Tensor *diag_embed_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t offset = c->arg[1].i, shape[RL_MAX_DIMS];
    int n = x->ndim + 1, d1 = rl_wrap_dim(n, c->arg[2].i), d2 = d1 < 0 ? -1 : rl_wrap_dim(n, c->arg[3].i);
    if (d2 < 0) return NULL;
    if (!x->ndim) return rl_fail(RL_RUNTIME_ERROR, "diag_embed() expects a tensor of at least one dimension");
    if (d1 == d2) return rl_fail(RL_RUNTIME_ERROR, "diagonal dimensions cannot be identical %" PRId64 ", %" PRId64, c->arg[2].i, c->arg[3].i);
    int64_t side = rl_size(x, -1) + (offset < 0 ? -offset : offset);
    for (int i = 0, k = 0; i < n; i++) shape[i] = i == d1 || i == d2 ? side : x->shape[k++];
    Tensor *y = rl_zeros(n, shape, x->dtype);
    Tensor *line = y ? rl_do("diagonal", a_t(y), c->arg[1], a_i(d1), a_i(d2)) : NULL;
    return rl_copy_into(line, x) ? y : NULL;
}

static void diag_embed_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("diagonal", a_t(g[0]), c->arg[1], c->arg[2], c->arg[3]); }

static Tensor *diag_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (x->ndim == 1) return rl_do("diag_embed", a_t(x), c->arg[1]);
    if (x->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "diag(): Supports 1D or 2D tensors. Got %dD, of shape %s", x->ndim, rl_text_shape(x));
    return rl_clone(rl_do("diagonal", a_t(x), c->arg[1]));
}

static Tensor *diagflat_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    return rl_do("diag_embed", a_t(rl_reshape(x, 1, (int64_t[]){x->numel})), c->arg[1]);
}

static Tensor *trace_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (x->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "trace: expected a matrix, but got tensor with dim %d and shape %s", x->ndim, rl_text_shape(x));
    int64_t n = x->shape[0] < x->shape[1] ? x->shape[0] : x->shape[1], step = x->stride[0] + x->stride[1];
    return rl_sum_all(rl_view(x, 1, &n, &step, x->offset));
}

static void trace_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    dx[0] = rl_mul(g[0], rl_do("eye", a_i(m->shape[0]), a_i(m->shape[1]), a_dtype(m->dtype)));
}

/* A copy with src where a view of it lies: the scatter forms of diagonal, select and slice. */
static Tensor *write_view(Tensor *x, Tensor *src, Tensor *(*view)(Tensor *, const Arg *), const Arg *a) {
    Tensor *y = rl_copy_into(rl_empty_like(x, x->dtype), x), *piece = y ? view(y, a) : NULL;
    if (!piece) return NULL;
    if (!rl_same_shape(piece, src)) return rl_fail(RL_RUNTIME_ERROR, "expected src to have a size equal to the slice of self. src size = %s, slice size = %s", rl_text_shape(src), rl_text_shape(piece));
    return rl_copy_into(piece, src) ? y : NULL;
}

static Tensor *diagonal_of(Tensor *t, const Arg *a) { return rl_do("diagonal", a_t(t), a[2], a[3], a[4]); }
static Tensor *select_of(Tensor *t, const Arg *a) { return rl_do("select", a_t(t), a[2], a[3]); }
static Tensor *slice_of(Tensor *t, const Arg *a) { return rl_do("_slice", a_t(t), a[2], a[3], a[4], a[5]); }

typedef Tensor *ViewFn(Tensor *, const Arg *);
static ViewFn *const views[] = {diagonal_of, select_of, slice_of};

static Tensor *write_view_forward(Call *c) { return write_view(c->arg[0].tensor, c->arg[1].tensor, views[c->op->data], c->arg); }

static void write_view_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg full[6] = {a_t(g[0]), a_t(rl_zeros_meta(rl_meta(c, 1)))};
    int n = c->op->parsed->nparams;
    for (int k = 2; k < n; k++) full[k] = c->arg[k];
    if (rl_need(c, 0)) dx[0] = rl_apply_n(c->op, n, full);
    if (rl_need(c, 1)) dx[1] = views[c->op->data](g[0], full);
}

Op rl_tri_ops[] = {
    {
        .sig = "tril(input: Tensor, diagonal: int = 0) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .data = 1,
        .doc = "The lower triangle of the last two dims, zeros elsewhere.\n\n>>> rl.tril(rl.ones(2, 2))\ntensor([[1., 0.],\n        [1., 1.]])",
        .forward = triangle_forward, .formula = "input: tril(g, diagonal)", .samples = "x(3, 4); x(2, 3, 3), -1; x(3, 4), 2",
    },
    {
        .sig = "triu(input: Tensor, diagonal: int = 0) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT,
        .doc = "The upper triangle of the last two dims, zeros elsewhere.\n\n>>> rl.triu(rl.ones(2, 2))\ntensor([[1., 1.],\n        [0., 1.]])",
        .forward = triangle_forward, .formula = "input: triu(g, diagonal)", .samples = "x(3, 4); x(2, 3, 3), -1; x(3, 4), 2",
    },
    {
        .sig = "diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | METHOD,
        .doc = "The last dim as the diagonal of two new ones.\n\n>>> rl.diag_embed(rl.tensor([1, 2]))\ntensor([[1, 0],\n        [0, 2]])",
        .forward = diag_embed_forward, .vjp = diag_embed_vjp, .samples = "x(3); x(2, 3), 1; x(2, 3), 0, 0, 2",
    },
    {
        .sig = "diag(input: Tensor, diagonal: int = 0) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = TAKES_BARE | COMPOSITE | EXACT_OUT,
        .doc = "A vector as a diagonal matrix, or the diagonal of a matrix.\n\n>>> rl.diag(rl.tensor([[1, 2], [3, 4]]))\ntensor([1, 4])",
        .forward = diag_forward, .samples = "x(3); x(3, 4), 1",
    },
    {
        .sig = "diagflat(input: Tensor, offset: int = 0) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "All elements as the diagonal of a matrix.\n\n>>> rl.diagflat(rl.tensor([1, 2]))\ntensor([[1, 0],\n        [0, 2]])",
        .forward = diagflat_forward, .samples = "x(3); x(2, 2), -1",
    },
    {
        .sig = "trace(input: Tensor) -> Tensor", .where = FUNCTION | METHOD,
        .doc = "Sum of a matrix's diagonal.\n\n>>> rl.trace(rl.tensor([[1, 2], [3, 4]]))\ntensor(5)",
        .forward = trace_forward, .vjp = trace_vjp, .samples = "x(3, 4)",
    },
    {
        .sig = "diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | METHOD, .data = 0,
        .doc = "A copy with src on a diagonal.\n\n>>> rl.diagonal_scatter(rl.zeros(2, 2), rl.ones(2))\ntensor([[1., 0.],\n        [0., 1.]])",
        .forward = write_view_forward, .vjp = write_view_vjp, .samples = "x(3, 3), x(3); x(3, 4), x(3), 1",
    },
    {
        .sig = "select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | METHOD, .data = 1,
        .doc = "A copy with src as one slice.\n\n>>> rl.select_scatter(rl.zeros(2), rl.tensor(1.), 0, 1)\ntensor([0., 1.])",
        .forward = write_view_forward, .vjp = write_view_vjp, .samples = "x(3, 4), x(4), 0, 1; x(3, 4), x(3), 1, -1",
    },
    {
        .sig = "slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor",
        .where = FUNCTION | METHOD | OUT, .flags = TAKES_BARE | EXACT_OUT, .data = 2,
        .doc = "A copy with src as a range of slices.\n\n>>> rl.slice_scatter(rl.zeros(3), rl.ones(2), 0, 1)\ntensor([0., 1., 1.])",
        .forward = write_view_forward, .vjp = write_view_vjp, .samples = "x(3, 4), x(2, 4), 0, 1; x(3, 4), x(3, 2), 1, 0, 4, 2",
    },
    {0},
};
