/* distance.c -- distances of rows: of all pairs of one matrix, of each row of one to each of another.
 *
 * Two rows do the work, by kernels that never make the differences of all pairs; their rules do so only where a graph is made of
 * the gradient itself.  Euclidean distances of many rows are a product of matrices, as in torch. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { FEW_ROWS = 25 /* from torch: more are worth a product of matrices */ };

/* |x|^2 - 2 x y + |y|^2 as one product of matrices; equal rows have slope zero. */
static Tensor *euclidean(Tensor *x, Tensor *y) {
    Tensor *first = rl_narrow(x, -1, 0, 1), *ones = first ? rl_do("ones_like", a_t(first)) : NULL, *second = rl_narrow(y, -1, 0, 1), *others = second ? rl_do("ones_like", a_t(second)) : NULL;
    Tensor *left = rl_cat(3, (Tensor *[]){rl_mul_number(x, -2), rl_sum_dim(rl_mul(x, x), -1, true), ones}, -1);
    Tensor *right = rl_cat(3, (Tensor *[]){y, others, rl_sum_dim(rl_mul(y, y), -1, true)}, -1);
    Tensor *square = rl_do("clamp_min", a_t(rl_matmul(left, rl_transpose(right, -2, -1))), a_i(0));
    Tensor *same = rl_do("eq", a_t(square), a_i(0));
    return rl_do("masked_fill", a_t(rl_sqrt(rl_do("masked_fill", a_t(square), a_t(same), a_i(1)))), a_t(same), a_i(0));
}

/* ---- every row of x against every row of y ------------------------------------------------------------------------------------ */

enum { ROWS_AT_ONCE = 64 };

/* x [batch, n, width] and y [batch, m, width].  pairs: y is x, and what is read or written has one place per pair of rows. */
typedef struct Far {
    bool pairs;
    Dtype dtype;
    int64_t bytes, batch, n, m, width, blocks, panels;       /* panels: bytes of one packed y */
    double p;
    const char *x, *distance, *weight;
    char *packed, *to, *square;                              /* square: room for two blocks of rows per thread, where there are pairs */
} Far;

static int64_t first_pair(int64_t n, int64_t row) { return row * (2 * n - row - 1) / 2; }     /* of those that begin with the row */

/* y in panels: its rows side by side for distances, their numbers side by side for slopes. */
static bool prepare(Far *f, const Tensor *x, const Tensor *y, double p, bool pairs, bool slopes) {
    int64_t lanes = 64 / rl_dtype_bytes(x->dtype);
    *f = (Far){.pairs = pairs, .dtype = x->dtype, .bytes = rl_dtype_bytes(x->dtype), .batch = pairs ? 1 : x->shape[0], .n = rl_size(x, -2), .m = rl_size(y, -2), .width = rl_size(x, -1), .p = p, .x = rl_data(x)};
    int64_t n = slopes ? f->width : f->m, k = slopes ? f->m : f->width;
    f->blocks = (f->n + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    f->panels = (n + lanes - 1) / lanes * lanes * k * f->bytes;
    f->packed = rl_scope_bytes(f->batch * f->panels + 64);
    f->square = pairs ? rl_scope_bytes(2 * rl_threads() * ROWS_AT_ONCE * f->m * f->bytes + 64) : f->packed;
    if (!f->packed || !f->square) return false;
    for (int64_t b = 0; b < f->batch; b++)
        rl_kernels->pack_panels[f->dtype](n, k, (const char *)rl_data(y) + b * f->m * f->width * f->bytes, slopes ? f->width : 1, slopes ? 1 : f->width, f->packed + b * f->panels);
    return true;
}

static bool run_blocks(Far *f, RangeFn *fn) { return rl_parallel_for(f->batch * f->blocks, 1 + 100000 / (1 + ROWS_AT_ONCE * f->m * f->width), fn, f); }

static char *square_of(const Far *f, int which) { return f->square + (2 * rl_thread_number() + which) * ROWS_AT_ONCE * f->m * f->bytes; }

static void distance_blocks(int64_t begin, int64_t end, void *state) {
    const Far *f = state;
    int64_t lanes = 64 / f->bytes;
    for (int64_t k = begin; k < end; k++) {
        int64_t b = k / f->blocks, row = k % f->blocks * ROWS_AT_ONCE, rows = f->n - row < ROWS_AT_ONCE ? f->n - row : ROWS_AT_ONCE;
        int64_t first = f->pairs ? row / lanes * lanes : 0, ld = f->m - first;
        char *to = f->pairs ? square_of(f, 0) : f->to + (b * f->n + row) * f->m * f->bytes;
        rl_kernels->distances[f->dtype](rows, ld, f->width, f->x + (b * f->n + row) * f->width * f->bytes, f->packed + b * f->panels + first * f->width * f->bytes, f->p, to, ld);
        for (int64_t r = row; f->pairs && r < row + rows; r++)
            memcpy(f->to + first_pair(f->n, r) * f->bytes, to + ((r - row) * ld + r + 1 - first) * f->bytes, (size_t)((f->n - 1 - r) * f->bytes));
    }
}

/* Some rows of the square of what there is per pair; nothing lies on the diagonal. */
#define GATHER_ROWS(T, name)                                                                                                       \
    static void name(const Far *f, int64_t row, int64_t rows, const T *pairs, T *square) {                                         \
        for (int64_t r = row; r < row + rows; r++, square += f->n) {                                                               \
            for (int64_t j = 0; j < r; j++) square[j] = pairs[first_pair(f->n, j) + r - j - 1];                                    \
            square[r] = 0;                                                                                                         \
            for (int64_t j = r + 1; j < f->n; j++) square[j] = pairs[first_pair(f->n, r) + j - r - 1];                             \
        }                                                                                                                          \
    }
GATHER_ROWS(float, gather_f32)
GATHER_ROWS(double, gather_f64)

static const char *rows_of(const Far *f, int which, int64_t b, int64_t row, int64_t rows) {
    const char *from = which ? f->distance : f->weight;
    if (!from) return NULL;
    if (!f->pairs) return from + (b * f->n + row) * f->m * f->bytes;
    char *square = square_of(f, which);
    if (f->dtype == RL_FLOAT32) gather_f32(f, row, rows, (const float *)from, (float *)square);
    else gather_f64(f, row, rows, (const double *)from, (double *)square);
    return square;
}

static void slope_blocks(int64_t begin, int64_t end, void *state) {
    const Far *f = state;
    for (int64_t k = begin; k < end; k++) {
        int64_t b = k / f->blocks, row = k % f->blocks * ROWS_AT_ONCE, rows = f->n - row < ROWS_AT_ONCE ? f->n - row : ROWS_AT_ONCE;
        const char *weight = rows_of(f, 0, b, row, rows), *distance = rows_of(f, 1, b, row, rows);
        int64_t at = (b * f->n + row) * f->width * f->bytes;
        rl_kernels->distance_slopes[f->dtype](rows, f->m, f->width, f->x + at, f->packed + b * f->panels, weight, distance ? distance : weight, f->m, f->p, f->to + at);
    }
}

static Tensor *distances(Tensor *x, Tensor *y, double p, bool pairs, int ndim, const int64_t *shape) {
    Far f;
    Tensor *result = rl_empty(ndim, shape, x->dtype), *a = rl_contiguous(x), *b = x == y ? a : rl_contiguous(y);
    if (!result || !a || !b || !prepare(&f, a, b, p, pairs, false)) return NULL;
    f.to = rl_data(result);
    return result->numel == 0 || run_blocks(&f, distance_blocks) ? result : NULL;
}

/* weight and distance are those of rows of x; rows of y have their transposes. */
static Tensor *slopes(Tensor *x, Tensor *y, Tensor *weight, Tensor *distance, double p, bool pairs) {
    Far f;
    Tensor *dx = x ? rl_empty(x->ndim, x->shape, x->dtype) : NULL, *a = rl_contiguous(x), *b = x == y ? a : rl_contiguous(y);
    Tensor *w = rl_contiguous(weight), *d = isinf(p) ? rl_contiguous(distance) : NULL;
    if (!dx || !a || !b || !w || (isinf(p) && !d) || !prepare(&f, a, b, p, pairs, true)) return NULL;
    f.to = rl_data(dx);
    f.weight = rl_data(w);
    f.distance = d ? rl_data(d) : NULL;
    return dx->numel == 0 || run_blocks(&f, slope_blocks) ? dx : NULL;
}

/* ---- rules: dx = sum of weight times rise ----------------------------------------------------------------------------------------- */

/* What is the same for all coordinates of a difference.  Equal rows have the slope zero. */
static Tensor *weight_of(Tensor *g, Tensor *distance, double p) {
    if (p == 1 || isinf(p)) return g;
    Tensor *same = rl_do("eq", a_t(distance), a_i(0)), *apart = rl_do("masked_fill", a_t(distance), a_t(same), a_i(1));
    return rl_do("masked_fill", a_t(rl_div(g, p == 2 ? apart : rl_pow_number(apart, p - 1))), a_t(same), a_i(0));
}

/* What is not: sign(gap) |gap|^(p - 1).  Of several greatest coordinates each has all of the slope, as in torch. */
static Tensor *rise_of(Tensor *gap, Tensor *distance, double p) {
    if (p == 2) return gap;
    Tensor *sign = rl_do("sign", a_t(gap)), *size = rl_do("abs", a_t(gap));
    if (p == 1) return sign;
    if (isinf(p)) return rl_mul(sign, rl_cast(rl_do("eq", a_t(size), a_t(distance)), gap ? gap->dtype : RL_FLOAT32));
    return rl_mul(sign, rl_pow_number(rl_do("masked_fill", a_t(size), a_t(rl_do("eq", a_t(gap), a_i(0))), a_i(1)), p - 1));
}

static Tensor *weighted_rise(Tensor *gap, Tensor *g, Tensor *distance, double p) { return rl_mul(rl_unsqueeze(weight_of(g, distance, p), -1), rise_of(gap, rl_unsqueeze(distance, -1), p)); }

/* (x1, x2, p), of three dims and one dtype */
static Tensor *cdist_kernel_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *y = c->arg[1].tensor;
    if (x->dtype != y->dtype) return rl_fail(RL_RUNTIME_ERROR, "_cdist_forward(): x1 is %s, x2 is %s, and they must be of one dtype", rl_dtypes[x->dtype].name, rl_dtypes[y->dtype].name);
    return distances(x, y, a_double(&c->arg[2]), false, 3, (int64_t[]){x->shape[0], x->shape[1], y->shape[1]});
}

static void cdist_kernel_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *y = c->arg[1].tensor, *distance = c->out[0];
    double p = a_double(&c->arg[2]);
    if (!x || !y || !distance) return;
    if (p == 0) {
        for (int k = 0; k < 2; k++) dx[k] = rl_need(c, k) ? rl_zeros_meta(rl_meta(c, k)) : NULL;
    } else if (rl_thread.grad_mode) {
        Tensor *e = weighted_rise(rl_sub(rl_unsqueeze(x, -2), rl_unsqueeze(y, -3)), g[0], distance, p);
        if (rl_need(c, 0)) dx[0] = rl_sum_dim(e, -2, false);
        if (rl_need(c, 1)) dx[1] = rl_neg(rl_sum_dim(e, -3, false));
    } else {
        Tensor *weight = rl_cast(weight_of(g[0], distance, p), x->dtype);
        if (rl_need(c, 0)) dx[0] = slopes(x, y, weight, distance, p, false);
        if (rl_need(c, 1)) dx[1] = slopes(y, x, rl_transpose(weight, -2, -1), rl_transpose(distance, -2, -1), p, false);
    }
}

/* (input, p), a matrix */
static Tensor *pdist_kernel_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t pairs = x->shape[0] * (x->shape[0] - 1) / 2;
    return distances(x, x, a_double(&c->arg[1]), true, 1, &pairs);
}

static Tensor *recorded_pdist_slopes(Tensor *x, Tensor *g, Tensor *distance, double p) {
    int64_t n = x->shape[0], pairs = n * (n - 1) / 2, k = 0;
    Tensor *i = rl_empty(1, &pairs, RL_INT64), *j = rl_empty(1, &pairs, RL_INT64);
    if (!i || !j) return NULL;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = a + 1; b < n; b++, k++) ((int64_t *)rl_data(i))[k] = a, ((int64_t *)rl_data(j))[k] = b;
    Tensor *e = weighted_rise(rl_sub(rl_do("index_select", a_t(x), a_i(0), a_t(i)), rl_do("index_select", a_t(x), a_i(0), a_t(j))), g, distance, p);
    Tensor *from = rl_do("index_add", a_t(rl_zeros_like(x)), a_i(0), a_t(i), a_t(e));
    return rl_do("index_add", a_t(from), a_i(0), a_t(j), a_t(rl_neg(e)));
}

static void pdist_kernel_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *x = c->arg[0].tensor, *distance = c->out[0];
    double p = a_double(&c->arg[1]);
    if (!x || !distance) return;
    if (p == 0) dx[0] = rl_zeros_like(x);
    else if (rl_thread.grad_mode) dx[0] = recorded_pdist_slopes(x, g[0], distance, p);
    else dx[0] = slopes(x, x, rl_cast(weight_of(g[0], distance, p), x->dtype), distance, p, true);
}

/* ---- what is called --------------------------------------------------------------------------------------------------------------- */

/* Dims before the last two as one, and one of one element where there are none. */
static Tensor *as_batch(Tensor *t, Dtype dtype, int lead, const int64_t *shape) {
    int64_t wide[RL_MAX_DIMS], flat[3] = {1};
    if (!t) return NULL;
    for (int i = 0; i < lead; i++) flat[0] *= wide[i] = shape[i];
    for (int i = 0; i < 2; i++) flat[1 + i] = wide[lead + i] = rl_size(t, i - 2);
    return rl_reshape(rl_expand(rl_cast(t, dtype), lead + 2, wide), 3, flat);
}

/* Of leading dims that broadcast; halves are worked in float. */
static Tensor *each_to_each(Tensor *x, Tensor *y, double p) {
    int64_t shape[RL_MAX_DIMS];
    int lead = 0;
    Tensor *heads[2] = {rl_view(x, x->ndim - 2, x->shape, x->stride, x->offset), rl_view(y, y->ndim - 2, y->shape, y->stride, y->offset)};
    if (!heads[0] || !heads[1] || !rl_broadcast_shapes(&lead, shape, heads[0]) || !rl_broadcast_shapes(&lead, shape, heads[1])) return NULL;
    Dtype dtype = rl_promote(x->dtype, y->dtype), work = rl_dtype_is(dtype, CLASS_HALF) ? RL_FLOAT32 : dtype;
    Tensor *result = rl_do("_cdist_forward", a_t(as_batch(x, work, lead, shape)), a_t(as_batch(y, work, lead, shape)), a_f(p));
    shape[lead] = rl_size(x, -2);
    shape[lead + 1] = rl_size(y, -2);
    return rl_cast(rl_reshape(result, lead + 2, shape), dtype);
}

/* (x1, x2, p, compute_mode) */
static Tensor *cdist_forward(Call *c) {
    static const char *const modes[] = {"use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"};
    Tensor *x = c->arg[0].tensor, *y = c->arg[1].tensor;
    double p = a_double(&c->arg[2]);
    int mode = 0;
    if (x->ndim < 2 || y->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "cdist only supports at least 2D tensors, X%d got: %dD", x->ndim < 2 ? 1 : 2, x->ndim < 2 ? x->ndim : y->ndim);
    if (rl_size(x, -1) != rl_size(y, -1)) return rl_fail(RL_RUNTIME_ERROR, "X1 and X2 must have the same number of columns. X1: %lld X2: %lld", (long long)rl_size(x, -1), (long long)rl_size(y, -1));
    if (p < 0) return rl_fail(RL_RUNTIME_ERROR, "cdist only supports non-negative p values, and %g is negative", p);
    while (mode < RL_COUNT(modes) && c->arg[3].tag == A_STR && strcmp(modes[mode], c->arg[3].str)) mode++;
    if (mode == RL_COUNT(modes)) return rl_fail(RL_VALUE_ERROR, "%s is not a valid value for compute_mode: it is one of %s, %s, %s", c->arg[3].str, modes[0], modes[1], modes[2]);
    bool many = mode == 1 || (mode == 0 && (rl_size(x, -2) > FEW_ROWS || rl_size(y, -2) > FEW_ROWS));
    if (p == 2 && many && x->numel && y->numel) return euclidean(x, y);
    return each_to_each(x, y, p);
}

static Tensor *pdist_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]);
    if (x->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "pdist only supports 2D tensors, got: %dD", x->ndim);
    if (p < 0) return rl_fail(RL_RUNTIME_ERROR, "pdist only supports non-negative p values, and %g is negative", p);
    Dtype work = rl_dtype_is(x->dtype, CLASS_HALF) ? RL_FLOAT32 : x->dtype;
    return rl_cast(rl_do("_pdist_forward", a_t(rl_cast(x, work)), a_f(p)), x->dtype);
}

Op rl_distance_ops[] = {
    {
        .sig = "cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = 'use_mm_for_euclid_dist_if_necessary') -> Tensor", .forward = cdist_forward,
        .dtypes = CLASS_FLOATING, .flags = COMPOSITE, .where = FUNCTION, .samples = "x(4, 4), x(3, 4); x(2, 3, 4), x(5, 4), 1.0; x(3, 2), x(4, 2), inf; x(3, 2), x(4, 2), 2.0, 'use_mm_for_euclid_dist'",
        .doc = "Distances of all rows of x1 [*, P, M] to all rows of x2 [*, R, M].\n\n>>> rl.cdist(rl.tensor([[0.0, 0.0]]), rl.tensor([[3.0, 4.0]]))\ntensor([[5.]])",
    },
    {
        .sig = "pdist(input: Tensor, p: float = 2) -> Tensor", .forward = pdist_forward, .dtypes = CLASS_FLOATING, .flags = COMPOSITE, .where = FUNCTION | NN, .samples = "x(4, 3); x(3, 2), 1.0",
        .doc = "The distances of all pairs of rows, i < j, as one vector.\n\n>>> rl.pdist(rl.tensor([[0.0, 0.0], [3.0, 4.0]]))\ntensor([5.])",
    },
    {
        .sig = "_cdist_forward(x1: Tensor, x2: Tensor, p: float) -> Tensor", .shape = "x1[N,P,M] x2[N,R,M] | p>=0", .forward = cdist_kernel_forward, .vjp = cdist_kernel_vjp, .dtypes = CLASS_FLOAT, .where = PRIVATE,
        .saves = SAVE(0) | SAVE(1) | SAVE_OUT(0), .node = "CdistBackward0", .samples = "x(2, 3, 4), x(2, 5, 4), 2.0; x(1, 4, 3), x(1, 2, 3), 1.0; x(1, 4, 3), x(1, 2, 3), inf; x(1, 4, 3), x(1, 2, 3), 3.0",
        .doc = "Distances of rows, batch by batch.\n\n>>> rl._C._ops._cdist_forward(rl.zeros(1, 1, 2), rl.ones(1, 1, 2), 1.0)\ntensor([[[2.]]])",
    },
    {
        .sig = "_pdist_forward(input: Tensor, p: float) -> Tensor", .shape = "input[N,M] | p>=0", .forward = pdist_kernel_forward, .vjp = pdist_kernel_vjp, .dtypes = CLASS_FLOAT, .where = PRIVATE,
        .saves = SAVE(0) | SAVE_OUT(0), .node = "PdistBackward0", .samples = "x(4, 3), 2.0; x(4, 3), 1.0; x(4, 3), inf; x(4, 3), 3.0; x(4, 3), 0.0",
        .doc = "Distances of all pairs of rows.\n\n>>> rl._C._ops._pdist_forward(rl.tensor([[0.0, 0.0], [3.0, 4.0]]), 2.0)\ntensor([5.])",
    },
    {0},
};
