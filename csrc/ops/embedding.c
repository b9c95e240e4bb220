/* embedding.c -- rows of a table, picked by number, and the sum of slopes that flows back into each of them.
 *
 * Rows are copied as bytes, so every dtype will do.  Backwards, rows of the gradient are added up where the numbers say; the
 * table's row padding_idx gets nothing, and with scale_grad_by_freq each row is divided by how often it was picked. */
#include "rushlight.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TABLE, NUMBERS, PADDING, BY_FREQUENCY, SPARSE };

/* ---- numbers of rows --------------------------------------------------------------------------------------------------- */

static bool check_numbers(const Tensor *t) {
    if (t->dtype == RL_INT64 || t->dtype == RL_INT32) return true;
    return rl_fail(RL_RUNTIME_ERROR, "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got %s instead (while checking arguments for embedding)", rl_dtypes[t->dtype].word);
}

/* As contiguous int64, every one of them in 0..rows-1. */
static Tensor *row_numbers(Tensor *t, int64_t rows) {
    if (!check_numbers(t) || !(t = rl_contiguous(rl_cast(t, RL_INT64)))) return NULL;
    const int64_t *at = rl_data(t);
    for (int64_t i = 0; i < t->numel; i++)
        if (at[i] < 0 || at[i] >= rows) return rl_fail(RL_INDEX_ERROR, "index out of range in self: %" PRId64 " is not a row of a table of %" PRId64 " rows", at[i], rows);
    return t;
}

/* ---- forward -------------------------------------------------------------------------------------------------------------- */

typedef struct Copy { const int64_t *at; const char *from; char *to; int64_t line; } Copy;

static void copy_rows(int64_t begin, int64_t end, void *state) {
    const Copy *c = state;
    for (int64_t i = begin; i < end; i++) memcpy(c->to + i * c->line, c->from + c->at[i] * c->line, (size_t)c->line);
}

static Tensor *embedding_forward(Call *c) {
    Tensor *w = c->arg[TABLE].tensor, *at = c->arg[NUMBERS].tensor;
    if (w->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "'weight' must be 2-D, but has shape %s", rl_text_shape(w));
    int64_t shape[RL_MAX_DIMS], rows = w->shape[0], width = w->shape[1];
    if (at->ndim == RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    memcpy(shape, at->shape, (size_t)at->ndim * sizeof *shape);
    shape[at->ndim] = width;
    int ndim = at->ndim + 1;
    Tensor *y = rl_empty(ndim, shape, w->dtype);
    w = rl_contiguous(w);
    at = row_numbers(at, rows);
    if (!y || !w || !at) return NULL;
    Copy k = {rl_data(at), rl_data(w), rl_data(y), width * rl_dtype_bytes(w->dtype)};
    return rl_parallel_for(at->numel, 1 + 65536 / (k.line + 16), copy_rows, &k) ? y : NULL;
}

static void embedding_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, TABLE);
    dx[0] = rl_do("_embedding_backward", a_t(g[0]), c->arg[NUMBERS], a_i(m->shape[0]), c->arg[PADDING], c->arg[BY_FREQUENCY]);
}

/* ---- backward: (grad_output, indices, num_weights, padding_idx, scale_grad_by_freq) ------------------------------------------ */

static void add_row(Dtype d, int64_t n, void *to, const void *from, double factor) {
    if (d == RL_FLOAT32) {
        float *restrict y = to, f = (float)factor;
        const float *restrict x = from;
        for (int64_t i = 0; i < n; i++) y[i] += f * x[i];
    } else {
        double *restrict y = to;
        const double *restrict x = from;
        for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
    }
}

static Tensor *table_backward_forward(Call *c) {
    Tensor *g = c->arg[0].tensor;
    int64_t rows = c->arg[2].i, padding = c->arg[3].i;
    Dtype d = g->dtype, wide = rl_dtype_is(d, CLASS_HALF) ? RL_FLOAT32 : d;
    if (!g->ndim || rows < 0) return rl_fail(RL_RUNTIME_ERROR, "embedding: gradient of shape %s for a table of %" PRId64 " rows", rl_text_shape(g), rows);
    int64_t width = rl_size(g, -1), shape[2] = {rows, width}, line = width * rl_dtype_bytes(wide);
    Tensor *at = row_numbers(c->arg[1].tensor, rows), *x = rl_contiguous(rl_cast(g, wide)), *y = rl_zeros(2, shape, wide);
    if (!at || !x || !y) return NULL;
    if (at->numel * width != x->numel) return rl_fail(RL_RUNTIME_ERROR, "embedding: gradient of shape %s does not fit indices of shape %s", rl_text_shape(g), rl_text_shape(at));
    const int64_t *number = rl_data(at);
    int64_t *often = c->arg[4].b ? rl_scope_bytes((rows + 1) * (int64_t)sizeof *often) : NULL;
    if (rl_failed()) return NULL;
    if (often) memset(often, 0, (size_t)rows * sizeof *often);
    for (int64_t i = 0; often && i < at->numel; i++) often[number[i]]++;
    for (int64_t i = 0; i < at->numel; i++)
        if (number[i] != padding) add_row(wide, width, (char *)rl_data(y) + number[i] * line, (char *)rl_data(x) + i * line, often ? 1.0 / (double)often[number[i]] : 1);
    return rl_cast(y, d);
}

/* Linear in its gradient: the transpose picks rows again, but for padding, and divides them alike. */
static void table_backward_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *at = c->arg[1].tensor, *picked = rl_do("embedding", a_t(g[0]), a_t(at));
    if (!picked || !at) return;
    Tensor *kept = rl_cast(rl_do("ne", a_t(at), c->arg[3]), picked->dtype);
    if (c->arg[4].b) {
        int64_t rows = c->arg[2].i;
        Tensor *flat = rl_reshape(rl_cast(at, RL_INT64), 1, (int64_t[]){-1}), *ones = flat ? rl_full(1, flat->shape, picked->dtype, 1) : NULL;
        Tensor *often = rl_do("index_add", a_t(rl_zeros(1, &rows, picked->dtype)), a_i(0), a_t(flat), a_t(ones));
        kept = rl_div(kept, rl_do("_index", a_t(often), a_ts(1, (Tensor *[]){at})));
    }
    dx[0] = rl_mul(picked, rl_unsqueeze(kept, -1));
}

/* ---- max_norm: (input, indices, max_norm, norm_type), in place ----------------------------------------------------------------- */

static double read_number(Dtype d, const char *p) { return d == RL_FLOAT32 ? *(const float *)p : *(const double *)p; }

static double row_norm(Dtype d, int64_t n, const char *row, double p) {
    double sum = 0, most = 0;
    int64_t step = rl_dtype_bytes(d);
    for (int64_t i = 0; i < n; i++) {
        double x = fabs(read_number(d, row + i * step));
        most = x > most ? x : most;
        sum += p == 2 ? x * x : p == 1 ? x : pow(x, p);
    }
    return isinf(p) ? most : p == 2 ? sqrt(sum) : p == 1 ? sum : pow(sum, 1 / p);
}

static void scale_row(Dtype d, int64_t n, char *row, double factor) {
    for (int64_t i = 0; i < n; i++) {
        if (d == RL_FLOAT32) ((float *)row)[i] *= (float)factor;
        else ((double *)row)[i] *= factor;
    }
}

static Tensor *renorm_forward(Call *c) {
    Tensor *w = c->dest ? c->dest : c->arg[0].tensor;
    if (w->ndim != 2 || !rl_is_contiguous(w)) return rl_fail(RL_RUNTIME_ERROR, "embedding_renorm_: 'weight' must be 2-D and contiguous, but has shape %s", rl_text_shape(w));
    double most = a_double(&c->arg[2]), p = a_double(&c->arg[3]);
    int64_t rows = w->shape[0], width = w->shape[1], line = width * rl_dtype_bytes(w->dtype);
    Tensor *at = row_numbers(c->arg[1].tensor, rows);
    uint8_t *done = rl_scope_bytes(rows + 1);
    if (!at || !done) return NULL;
    memset(done, 0, (size_t)rows);
    const int64_t *number = rl_data(at);
    for (int64_t i = 0; i < at->numel; i++) {
        char *row = (char *)rl_data(w) + number[i] * line;
        if (done[number[i]]++) continue;
        done[number[i]] = 1;
        double norm = row_norm(w->dtype, width, row, p);
        if (norm > most) scale_row(w->dtype, width, row, most / (norm + 1e-7));
    }
    return w;
}

/* ---- bags: (offsets, n) ------------------------------------------------------------------------------------------------------------ */

/* For each of n places the last bag that begins at or before it. */
static Tensor *bag_numbers_forward(Call *c) {
    Tensor *offsets = rl_contiguous(c->arg[0].tensor);
    int64_t n = c->arg[1].i;
    if (!offsets || offsets->dtype != RL_INT64 || offsets->ndim != 1 || n < 0) return rl_fail(RL_RUNTIME_ERROR, "offsets has to be a 1D Tensor of int64");
    Tensor *y = rl_empty(1, &n, RL_INT64);
    if (!y) return NULL;
    const int64_t *starts = rl_data(offsets);
    int64_t bag = -1;
    for (int64_t i = 0; i < n; i++) {
        while (bag + 1 < offsets->numel && starts[bag + 1] <= i) bag++;
        ((int64_t *)rl_data(y))[i] = bag < 0 ? 0 : bag;
    }
    return y;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

Op rl_embedding_ops[] = {
    {
        .sig = "embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor", .where = FUNCTION,
        .saves = SAVE(NUMBERS),
        .doc = "Row i of the weight for every index i: [*] -> [*, width]. The row padding_idx gets no gradient.\n\n"
               ">>> rl.embedding(rl.tensor([[1., 2.], [3., 4.]]), rl.tensor([1]))\ntensor([[3., 4.]])",
        .forward = embedding_forward, .vjp = embedding_vjp, .samples = "x(5, 3), idx(5, 2, 4); x(5, 3), idx(5, 4), 1; x(5, 3), idx(5, 6), -1, True; x(5, 3), idx(5, 0)",
    },
    {
        .sig = "_embedding_backward(grad_output: Tensor, indices: Tensor, num_weights: int, padding_idx: int = -1, scale_grad_by_freq: bool = False) -> Tensor", .where = PRIVATE,
        .dtypes = CLASS_FLOATING, .saves = SAVE(1), .doc = "The gradient of embedding by its weight.", .forward = table_backward_forward, .vjp = table_backward_vjp,
        .samples = "x(2, 4, 3), idx(5, 2, 4), 5; x(4, 3), idx(5, 4), 5, 1; x(6, 3), idx(5, 6), 5, -1, True",
    },
    {
        .sig = "embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor", .where = FUNCTION | METHOD_ONLY_INPLACE, .flags = SELF_WRITES, .dtypes = CLASS_FLOAT,
        .doc = "Scales every row that an index names down to max_norm, in place.\n\n"
               ">>> rl.embedding_renorm_(rl.tensor([[3., 4.], [3., 4.]]), rl.tensor([1]), 1.0, 2.0)\ntensor([[3.0000, 4.0000],\n        [0.6000, 0.8000]])",
        .forward = renorm_forward, .samples = "x(4, 3), idx(4, 2), 1.0, 2.0",
    },
    {
        .sig = "_bag_numbers(offsets: Tensor, n: int) -> Tensor", .where = PRIVATE,
        .doc = "For each of n places the bag it is in, given where bags begin.\n\n>>> rl._C._ops._bag_numbers(rl.tensor([0, 2, 2]), 4)\ntensor([0, 0, 2, 2])",
        .forward = bag_numbers_forward, .samples = "idx(1, 2), 5",
    },
    {0},
};
