/* grid.c -- an image read at the places that a grid names, and the grids of affine maps.
 *
 * Along each dim a place reads a few neighbours with weights that are polynomials of the place (kernels/grid.inc.c).  Two primitives do everything:
 * read, and its adjoint write, each with the weights differentiated so many times along each dim.  The derivative of either
 * by the grid is a read with one order more, so that they are differentiable without end. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { INPUT, GRID, MODE, PADDING, ALIGN, ORDERS, SIZE };

typedef struct Work {
    GridSpec spec;
    int64_t batch;
    Dtype dtype;
    char *picture, *values;     /* [N, C, area] and [N, C, places], dense */
    const char *grid;           /* [N, places, n], dense, x first */
} Work;

/* Places [from, to) of one picture. */
static void some_places(const Work *w, int64_t batch, int64_t from, int64_t to, void (*fn)(const GridSpec *g, int64_t count, const void *grid, void *picture, void *values)) {
    const GridSpec *g = &w->spec;
    int64_t bytes = rl_dtype_bytes(w->dtype);
    fn(g, to - from, w->grid + (batch * g->places + from) * g->n * bytes, w->picture + batch * g->channels * g->area * bytes, w->values + (batch * g->channels * g->places + from) * bytes);
}

static void read_range(int64_t begin, int64_t end, void *state) {
    const Work *w = state;
    int64_t places = w->spec.places;
    while (begin < end) {
        int64_t batch = begin / places, from = begin % places, to = places < from + end - begin ? places : from + end - begin;
        some_places(w, batch, from, to, rl_kernels->grid_read[w->dtype]);
        begin += to - from;
    }
}

static void write_range(int64_t begin, int64_t end, void *state) {
    const Work *w = state;
    for (; begin < end; begin++) some_places(w, begin, 0, w->spec.places, rl_kernels->grid_write[w->dtype]);
}

/* ---- primitives ----------------------------------------------------------------------------------------------------------------------- */

static bool start(Call *c, Work *w, const Tensor *grid, const int64_t *in, int n) {
    const Arg *a = c->arg;
    if (n < 2 || n > 3 || grid->ndim != n + 2 || rl_size(grid, -1) != n || a[ORDERS].n != n || a[MODE].i < GRID_BILINEAR || a[MODE].i > GRID_BICUBIC || (n == 3 && a[MODE].i == GRID_BICUBIC) || a[PADDING].i < GRID_ZEROS || a[PADDING].i > GRID_REFLECTION)
        return rl_fail(RL_RUNTIME_ERROR, "%s(): a grid of shape %s for an image of %d dims", c->op->parsed->name, rl_text_shape(grid), n);
    *w = (Work){.batch = grid->shape[0], .dtype = grid->dtype, .grid = rl_data(grid)};
    GridSpec *g = &w->spec;
    *g = (GridSpec){.n = n, .area = 1, .places = 1, .mode = (GridMode)a[MODE].i, .padding = (GridPadding)a[PADDING].i, .align = a[ALIGN].b, .single = grid->dtype == RL_FLOAT32};
    for (int d = 0; d < n; d++) {
        if (in[d] <= 0 || in[d] > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "%s(): expected input to have non-empty spatial dimensions, but input has sizes %s", c->op->parsed->name, rl_text_sizes(n, in));
        g->area *= g->in[d] = in[d];
        g->places *= grid->shape[1 + d];
        g->order[d] = (int)(a[ORDERS].ints[d] < 0 ? 0 : a[ORDERS].ints[d] > 4 ? 4 : a[ORDERS].ints[d]);
    }
    return true;
}

static Tensor *read_forward(Call *c) {
    Tensor *x = rl_contiguous(c->arg[INPUT].tensor), *grid = rl_contiguous(c->arg[GRID].tensor);
    int n = x ? x->ndim - 2 : 0;
    Work w;
    if (!x || !grid || !start(c, &w, grid, x->shape + 2, n)) return NULL;
    if (x->shape[0] != w.batch || x->dtype != grid->dtype) return rl_fail(RL_RUNTIME_ERROR, "_grid_read(): image of %s and shape %s, grid of %s and shape %s", rl_dtypes[x->dtype].name, rl_text_shape(x), rl_dtypes[grid->dtype].name, rl_text_shape(grid));
    int64_t shape[5] = {w.batch, x->shape[1]};
    memcpy(shape + 2, grid->shape + 1, (size_t)n * sizeof *shape);
    Tensor *y = rl_empty(n + 2, shape, x->dtype);
    if (!y || y->numel == 0) return y;
    w.spec.channels = x->shape[1];
    w.picture = rl_data(x);
    w.values = rl_data(y);
    return rl_parallel_for(w.batch * w.spec.places, 1 + 5000 / (w.spec.channels + 8), read_range, &w) ? y : NULL;
}

static Tensor *write_forward(Call *c) {
    Tensor *y = rl_contiguous(c->arg[INPUT].tensor), *grid = rl_contiguous(c->arg[GRID].tensor);
    int n = c->arg[SIZE].n;
    Work w;
    if (!y || !grid || !start(c, &w, grid, c->arg[SIZE].ints, n)) return NULL;
    bool fits = y->ndim == n + 2 && y->shape[0] == w.batch && y->dtype == grid->dtype;
    for (int d = 0; fits && d < n; d++) fits = y->shape[2 + d] == grid->shape[1 + d];
    if (!fits) return rl_fail(RL_RUNTIME_ERROR, "_grid_write(): a gradient of %s and shape %s for a grid of %s and shape %s", rl_dtypes[y->dtype].name, rl_text_shape(y), rl_dtypes[grid->dtype].name, rl_text_shape(grid));
    int64_t shape[5] = {w.batch, y->shape[1]};
    memcpy(shape + 2, c->arg[SIZE].ints, (size_t)n * sizeof *shape);
    Tensor *x = rl_zeros(n + 2, shape, y->dtype);
    if (!x || y->numel == 0) return x;
    w.spec.channels = y->shape[1];
    w.picture = rl_data(x);
    w.values = rl_data(y);
    return rl_parallel_for(w.batch, 1, write_range, &w) ? x : NULL;
}

/* d/d grid: for each dim the sum over channels of g times the picture read with one order more. */
static Tensor *slope_of_grid(Call *c, Tensor *g, Tensor *picture) {
    int n = c->arg[ORDERS].n;
    Tensor *part[3];
    if (c->arg[MODE].i == GRID_NEAREST) return rl_mul_number(rl_do("sign", c->arg[GRID]), 0);    /* zeros that depend on the grid alone */
    for (int d = 0; d < n; d++) {
        int64_t orders[3];
        memcpy(orders, c->arg[ORDERS].ints, (size_t)n * sizeof *orders);
        orders[n - 1 - d]++;
        Tensor *read = rl_do("_grid_read", a_t(picture), c->arg[GRID], c->arg[MODE], c->arg[PADDING], c->arg[ALIGN], a_ints(n, orders));
        part[d] = rl_unsqueeze(rl_sum_dim(rl_mul(g, read), 1, false), -1);
        if (!part[d]) return NULL;
    }
    return rl_cat(n, part, -1);
}

static void read_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, INPUT);
    if (rl_need(c, 0)) dx[0] = rl_do("_grid_write", a_t(g[0]), c->arg[GRID], c->arg[MODE], c->arg[PADDING], c->arg[ALIGN], c->arg[ORDERS], a_ints(m->ndim - 2, m->shape + 2));
    if (rl_need(c, 1)) dx[1] = slope_of_grid(c, g[0], c->arg[INPUT].tensor);
}

static void write_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_do("_grid_read", a_t(g[0]), c->arg[GRID], c->arg[MODE], c->arg[PADDING], c->arg[ALIGN], c->arg[ORDERS]);
    if (rl_need(c, 1)) dx[1] = slope_of_grid(c, c->arg[INPUT].tensor, g[0]);
}

/* ---- what users call ----------------------------------------------------------------------------------------------------------------------- */

static bool grid_fits(const Tensor *x, const Tensor *grid, int64_t mode) {
    int n = x->ndim - 2;
    if (x->dtype != grid->dtype) return rl_fail(RL_RUNTIME_ERROR, "grid_sampler(): expected input and grid to have same dtype, but input has %s and grid has %s", rl_dtypes[x->dtype].name, rl_dtypes[grid->dtype].name);
    if ((n != 2 && n != 3) || grid->ndim != x->ndim)
        return rl_fail(RL_RUNTIME_ERROR, "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes %s and grid with sizes %s", rl_text_shape(x), rl_text_shape(grid));
    if (x->shape[0] != grid->shape[0])
        return rl_fail(RL_RUNTIME_ERROR, "grid_sampler(): expected grid and input to have same batch size, but got input with sizes %s and grid with sizes %s", rl_text_shape(x), rl_text_shape(grid));
    if (rl_size(grid, -1) != n) return rl_fail(RL_RUNTIME_ERROR, "grid_sampler(): expected grid to have size %d in last dimension, but got grid with sizes %s", n, rl_text_shape(grid));
    for (int d = 2; d < x->ndim; d++)
        if (x->shape[d] == 0) return rl_fail(RL_RUNTIME_ERROR, "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes %s with dimension %d being empty", rl_text_shape(x), d);
    if (mode == GRID_BICUBIC && n == 3) return rl_fail(RL_RUNTIME_ERROR, "grid_sampler(): bicubic interpolation only supports 4D input");
    return true;
}

static Tensor *grid_sampler_forward(Call *c) {
    Tensor *x = c->arg[INPUT].tensor, *grid = c->arg[GRID].tensor;
    static const int64_t none[3] = {0, 0, 0};
    if (!grid_fits(x, grid, c->arg[MODE].i)) return NULL;
    if (!rl_dtype_is(x->dtype, CLASS_FLOATING)) return rl_fail(RL_NOT_IMPLEMENTED, "\"grid_sampler_%dd_cpu\" not implemented for '%s'", x->ndim - 2, rl_dtypes[x->dtype].word);
    bool half = rl_dtype_is(x->dtype, CLASS_HALF);
    Tensor *y = rl_do("_grid_read", a_t(half ? rl_cast(x, RL_FLOAT32) : x), a_t(half ? rl_cast(grid, RL_FLOAT32) : grid), c->arg[MODE], c->arg[PADDING], c->arg[ALIGN], a_ints(x->ndim - 2, none));
    return rl_cast(y, x->dtype);
}

/* Homogeneous coordinates (x, y, .., 1) of every place, from -1 to 1: of corner pixels' centres if aligned, else of their edges. */
static Tensor *base_grid(int n, const int64_t *size, bool align, Dtype dtype) {
    int64_t places = 1, shape[3] = {1, 1, n + 1};
    for (int d = 0; d < n; d++)
        if (!rl_mul_size(places, size[d], &places)) return rl_fail_memory(INT64_MAX);
    shape[1] = places;
    Tensor *base = rl_empty(3, shape, RL_FLOAT64);
    double *at = base ? rl_data(base) : NULL;
    for (int64_t p = 0; at && p < places; p++, at += n + 1) {
        int64_t rest = p;
        at[n] = 1;
        for (int d = n - 1; d >= 0; d--) {
            int64_t i = rest % size[d], m = size[d];
            rest /= size[d];
            double v = m > 1 ? -1 + 2.0 * (double)i / (double)(m - 1) : 0;
            at[n - 1 - d] = align ? v : v * (double)(m - 1) / (double)m;
        }
    }
    return rl_cast(base, dtype);
}

/* The places of the grid with a 1 behind each, once for every map: [N, places, n + 1]. */
static Tensor *all_places(Call *c, Dtype dtype) {
    const Arg *size = &c->arg[1];
    int n = size->n - 2;
    Tensor *base = base_grid(n, size->ints + 2, c->arg[2].b, dtype);
    return base ? rl_expand(base, 3, (int64_t[]){size->ints[0], base->shape[1], n + 1}) : NULL;
}

static Tensor *affine_grid_forward(Call *c) {
    Tensor *theta = c->arg[0].tensor;
    const Arg *size = &c->arg[1];
    int n = size->n - 2;
    if (n != 2 && n != 3) return rl_fail(RL_RUNTIME_ERROR, "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs, but got size %s", rl_text_sizes(size->n, size->ints));
    if (theta->ndim != 3 || theta->shape[1] != n || theta->shape[2] != n + 1 || theta->shape[0] != size->ints[0])
        return rl_fail(RL_RUNTIME_ERROR, "Expected a batch of %dD affine matrices of shape Nx%dx%d for size %s. Got %s.", n, n, n + 1, rl_text_sizes(size->n, size->ints), rl_text_shape(theta));
    for (int d = 0; d < size->n; d++)
        if (size->ints[d] <= 0) return rl_fail(RL_RUNTIME_ERROR, "Expected non-zero, positive output size. Got %s", rl_text_sizes(size->n, size->ints));
    int64_t shape[5] = {size->ints[0]};
    memcpy(shape + 1, size->ints + 2, (size_t)n * sizeof *shape);
    shape[n + 1] = n;
    return rl_reshape(rl_bmm(all_places(c, theta->dtype), rl_transpose(theta, 1, 2)), n + 2, shape);
}

/* The map is linear: nothing of it need be kept, and a second time backward is as good as the first. */
static void affine_grid_vjp(Call *c, Tensor **g, Tensor **dx) {
    int n = c->arg[1].n - 2;
    if (!g[0]) return;
    Tensor *flat = rl_reshape(g[0], 3, (int64_t[]){c->arg[1].ints[0], -1, n});
    dx[0] = rl_bmm(rl_transpose(flat, 1, 2), all_places(c, flat ? flat->dtype : RL_FLOAT32));
}

Op rl_grid_ops[] = {
    {
        .sig = "grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Tensor", .where = FUNCTION, .aliases = "grid_sampler_2d grid_sampler_3d", .flags = COMPOSITE,
        .forward = grid_sampler_forward, .samples = "x(2, 3, 4, 5), x(2, 3, 2, 2), 0, 0, False; x(1, 2, 4, 5), x(1, 3, 2, 2), 2, 2, True; x(1, 2, 4, 5), x(1, 3, 2, 2), 1, 1, True; x(1, 2, 3, 4, 2), x(1, 2, 2, 2, 3), 0, 1, False",
        .doc = "An image read at the places of a grid, x first, -1 and 1 at its edges.\n\n>>> rl.grid_sampler(rl.tensor([[[[1., 3.]]]]), rl.zeros(1, 1, 1, 2), 0, 0, True)\ntensor([[[[2.]]]])",
    },
    {
        .sig = "affine_grid_generator(theta: Tensor, size: list[int], align_corners: bool) -> Tensor", .where = FUNCTION, .dtypes = CLASS_FLOATING, .vjp = affine_grid_vjp,
        .forward = affine_grid_forward, .samples = "x(2, 2, 3), [2, 3, 4, 5], False; x(1, 3, 4), [1, 2, 2, 3, 4], True",
        .doc = "Where the places of an image of that size come from under affine maps.\n\n>>> rl.affine_grid_generator(rl.eye(2, 3).unsqueeze(0), [1, 1, 1, 2], True)\ntensor([[[[-1.,  0.],\n          [ 1.,  0.]]]])",
    },
    {
        .sig = "_grid_read(input: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool, orders: list[int]) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT,
        .forward = read_forward, .vjp = read_vjp, .saves = SAVE(INPUT) | SAVE(GRID), .saves_for = {SAVE(GRID), SAVE(INPUT) | SAVE(GRID)}, .node = "GridSampler2DBackward0",
        .samples = "x(2, 3, 4, 5), x(2, 3, 2, 2), 0, 0, False, [0, 0]; x(1, 2, 4, 5), x(1, 3, 2, 2), 2, 2, True, [1, 0]; x(1, 2, 3, 4, 2), x(1, 2, 2, 2, 3), 0, 1, False, [0, 0, 1]",
        .doc = "An image read at places, with weights differentiated so many times along each dim.\n\n>>> rl._C._ops._grid_read(rl.tensor([[[[1., 3.]]]]), rl.zeros(1, 1, 1, 2), 0, 0, True, [0, 0]).item()\n2.0",
    },
    {
        .sig = "_grid_write(grad: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool, orders: list[int], size: list[int]) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT,
        .forward = write_forward, .vjp = write_vjp, .saves = SAVE(INPUT) | SAVE(GRID), .saves_for = {SAVE(GRID), SAVE(INPUT) | SAVE(GRID)}, .node = "GridSampler2DBackwardBackward0",
        .samples = "x(2, 3, 3, 2), x(2, 3, 2, 2), 0, 0, False, [0, 0], [4, 5]; x(1, 2, 3, 2), x(1, 3, 2, 2), 2, 2, True, [1, 0], [4, 5]; x(1, 2, 2, 2, 2), x(1, 2, 2, 2, 3), 0, 1, False, [0, 0, 1], [3, 4, 2]",
        .doc = "The adjoint of _grid_read.\n\n>>> rl._C._ops._grid_write(rl.ones(1, 1, 1, 1), rl.zeros(1, 1, 1, 2), 0, 0, True, [0, 0], [1, 2]).flatten().tolist()\n[0.5, 0.5]",
    },
    {0},
};
