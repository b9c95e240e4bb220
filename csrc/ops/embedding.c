/* embedding.c -- rows of a table, picked by number, and the sum of slopes that flows back into each of them.
 *
 * Rows are copied as bytes, so every dtype will do.  Backwards, rows of the gradient are added up where the numbers say; the
 * table's row padding_idx gets nothing, and with scale_grad_by_freq each row is divided by how often it was picked. */
#include "rushlight.h"
#include "kernels/kernels.h"

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

/* The same for bags, in torch's words for them. */
static Tensor *bag_row_numbers(Tensor *t, int64_t rows) {
    if (!check_numbers(t) || !(t = rl_contiguous(rl_cast(t, RL_INT64)))) return NULL;
    const int64_t *at = rl_data(t);
    for (int64_t i = 0; i < t->numel; i++)
        if (at[i] < 0 || at[i] >= rows)
            return rl_fail(RL_RUNTIME_ERROR, "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be %" PRId64 ": Index %" PRId64 " of input takes value %" PRId64 " which is not in the valid range [0, %" PRId64 ")", at[i], i, at[i], rows);
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

static void add_row(Dtype d, int64_t n, void *to, const void *from, double factor) {
    int64_t bytes = rl_dtype_bytes(d);
    if (factor == 1) rl_kernels->binary[d][BINARY_add](n, (char *[]){to, to, (char *)from}, (int64_t[]){bytes, bytes, bytes}, NULL);
    else if (d == RL_FLOAT32) {
        float *restrict y = to, f = (float)factor;
        const float *restrict x = from;
        for (int64_t i = 0; i < n; i++) y[i] += f * x[i];
    } else {
        double *restrict y = to;
        const double *restrict x = from;
        for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
    }
}

/* Row i of x is added to row number[i] of y, divided by how often that number occurs if asked; padding's is left out. */
static bool add_rows(Tensor *y, Tensor *at, Tensor *x, int64_t padding, bool by_frequency) {
    if (!x || !y) return false;
    int64_t rows = y->shape[0], width = y->shape[1], line = width * rl_dtype_bytes(y->dtype);
    const int64_t *number = rl_data(at);
    int64_t *often = by_frequency ? rl_scope_bytes((rows + 1) * (int64_t)sizeof *often) : NULL;
    if (rl_failed()) return false;
    if (often) memset(often, 0, (size_t)rows * sizeof *often);
    for (int64_t i = 0; often && i < at->numel; i++) often[number[i]]++;
    for (int64_t i = 0; i < at->numel; i++)
        if (number[i] != padding) add_row(y->dtype, width, (char *)rl_data(y) + number[i] * line, (char *)rl_data(x) + i * line, often ? 1.0 / (double)often[number[i]] : 1);
    return true;
}

static void embedding_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, TABLE);
    Tensor *sum = rl_dtype_is(m->dtype, CLASS_HALF) ? NULL : rl_grad_to_add(c, TABLE), *at = sum ? row_numbers(c->arg[NUMBERS].tensor, m->shape[0]) : NULL;
    if (!sum) dx[0] = rl_do("_embedding_backward", a_t(g[0]), c->arg[NUMBERS], a_i(m->shape[0]), c->arg[PADDING], c->arg[BY_FREQUENCY]);
    else if (at && add_rows(sum, at, rl_contiguous(g[0]), c->arg[PADDING].i, c->arg[BY_FREQUENCY].b)) dx[0] = sum;
}

/* ---- backward: (grad_output, indices, num_weights, padding_idx, scale_grad_by_freq) ------------------------------------------ */

static Tensor *table_backward_forward(Call *c) {
    Tensor *g = c->arg[0].tensor;
    int64_t rows = c->arg[2].i;
    Dtype d = g->dtype, wide = rl_dtype_is(d, CLASS_HALF) ? RL_FLOAT32 : d;
    if (!g->ndim || rows < 0) return rl_fail(RL_RUNTIME_ERROR, "embedding: gradient of shape %s for a table of %" PRId64 " rows", rl_text_shape(g), rows);
    int64_t width = rl_size(g, -1), shape[2] = {rows, width};
    Tensor *at = row_numbers(c->arg[1].tensor, rows), *x = rl_contiguous(rl_cast(g, wide)), *y = rl_zeros(2, shape, wide);
    if (!at || !x || !y) return NULL;
    if (at->numel * width != x->numel) return rl_fail(RL_RUNTIME_ERROR, "embedding: gradient of shape %s does not fit indices of shape %s", rl_text_shape(g), rl_text_shape(at));
    return add_rows(y, at, x, c->arg[3].i, c->arg[4].b) ? rl_cast(y, d) : NULL;
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

/* ---- one row per bag: (weight, indices, offsets, mode, padding_idx, scale_grad_by_freq, per_sample_weights) ---------------------------- */

enum { OFFSETS = 2, BAG_MODE, BAG_PADDING, BAG_FREQUENCY, SAMPLE_WEIGHTS };
typedef enum { BAG_SUM, BAG_MEAN, BAG_MAX } BagMode;

typedef struct Bags { const int64_t *at, *from, n, bags, width, padding; BagMode mode; Dtype dtype; const char *table, *factor; char *out; int64_t *size, *best; } Bags;

static void take_largest(const Bags *k, int64_t bag, int64_t row) {
    int64_t *best = k->best + bag * k->width;
    for (int64_t j = 0; j < k->width; j++) {
        int64_t to = bag * k->width + j, from = row * k->width + j;
        if (k->dtype == RL_FLOAT32) {
            float v = ((const float *)k->table)[from], *y = (float *)k->out + to;
            if (best[j] < 0 || v > *y) *y = v, best[j] = row;
        } else {
            double v = ((const double *)k->table)[from], *y = (double *)k->out + to;
            if (best[j] < 0 || v > *y) *y = v, best[j] = row;
        }
    }
}

static void fill_bags(int64_t begin, int64_t end, void *state) {
    const Bags *k = state;
    int64_t line = k->width * rl_dtype_bytes(k->dtype);
    for (int64_t b = begin; b < end; b++) {
        char *y = k->out + b * line;
        int64_t last = b + 1 < k->bags ? k->from[b + 1] : k->n;
        for (int64_t i = k->from[b]; i < last; i++) {
            if (k->at[i] == k->padding) continue;
            k->size[b]++;
            double f = !k->factor ? 1 : k->dtype == RL_FLOAT32 ? (double)((const float *)k->factor)[i] : ((const double *)k->factor)[i];
            if (k->mode == BAG_MAX) take_largest(k, b, k->at[i]);
            else add_row(k->dtype, k->width, y, k->table + k->at[i] * line, f);
        }
        if (k->mode == BAG_MEAN && k->size[b] > 1) scale_row(k->dtype, k->width, y, 1 / (double)k->size[b]);
    }
}

static bool offsets_fit(const int64_t *from, int64_t bags, int64_t n) {
    for (int64_t b = 0; b < bags; b++)
        if (from[b] < (b ? from[b - 1] : 0) || from[b] > n)
            return rl_fail(RL_RUNTIME_ERROR, "embedding_bag: offsets must rise from 0 to at most %" PRId64 ", the number of indices, but offsets[%" PRId64 "] is %" PRId64, n, b, from[b]);
    return true;
}

/* The bags; how many rows are in each; with mode max the row that each element came from, or -1. */
static Tensor *bag_forward(Call *c) {
    Tensor *w = c->arg[TABLE].tensor, *offsets = c->arg[OFFSETS].tensor, *factor = rl_arg_tensor(c, SAMPLE_WEIGHTS), **out = rl_outputs(c, 3);
    Dtype dtype = w->dtype, work = rl_dtype_is(dtype, CLASS_HALF) ? RL_FLOAT32 : dtype;
    if (c->arg[BAG_MODE].i < BAG_SUM || c->arg[BAG_MODE].i > BAG_MAX) return rl_fail(RL_VALUE_ERROR, "mode has to be one of sum, mean or max");
    if (factor && factor->dtype != dtype) return rl_fail(RL_RUNTIME_ERROR, "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type %s does not equal %s (while checking arguments for embedding_bag)", rl_dtypes[dtype].word, rl_dtypes[factor->dtype].word);
    if (!check_numbers(offsets)) return NULL;
    bool largest = c->arg[BAG_MODE].i == BAG_MAX;
    int64_t bags = offsets->numel, shape[2] = {bags, w->shape[1]}, none[2] = {0, 0};
    Tensor *at = bag_row_numbers(c->arg[NUMBERS].tensor, w->shape[0]), *from = rl_contiguous(rl_cast(offsets, RL_INT64)), *y = rl_zeros(2, shape, work);
    w = rl_contiguous(rl_cast(w, work));
    factor = factor ? rl_contiguous(rl_cast(factor, work)) : NULL;
    if (!out || !at || !from || !y || !w || !(out[1] = rl_zeros(1, shape, RL_INT64)) || !(out[2] = rl_full(2, largest ? shape : none, RL_INT64, -1)) || !offsets_fit(rl_data(from), bags, at->numel)) return NULL;
    Bags k = {rl_data(at), rl_data(from), at->numel, bags, shape[1], c->arg[BAG_PADDING].i, (BagMode)c->arg[BAG_MODE].i, work, rl_data(w), factor ? rl_data(factor) : NULL, rl_data(y), rl_data(out[1]), rl_data(out[2])};
    return rl_parallel_for(bags, 1 + 8192 / (k.width * (bags ? at->numel / bags : 0) + 8), fill_bags, &k) ? rl_cast(y, dtype) : NULL;
}

static void largest_vjp(Call *c, Tensor *g, Tensor **dx) {
    const Meta *m = rl_meta(c, TABLE);
    Tensor *best = c->out[2], *known = rl_do("ge", a_t(best), a_i(0));
    dx[0] = rl_do("scatter_add", a_t(rl_zeros(2, m->shape, g->dtype)), a_i(0), a_t(rl_do("clamp", a_t(best), a_i(0))), a_t(rl_mul(g, rl_cast(known, g->dtype))));
}

static void bag_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *at = c->arg[NUMBERS].tensor, *factor = rl_arg_tensor(c, SAMPLE_WEIGHTS), *slope = g[0];
    if (!slope || !at) return;
    if (c->arg[BAG_MODE].i == BAG_MAX) {
        largest_vjp(c, slope, dx);
        return;
    }
    if (c->arg[BAG_MODE].i == BAG_MEAN) slope = rl_div(slope, rl_unsqueeze(rl_cast(rl_do("clamp", a_t(c->out[1]), a_i(1)), slope->dtype), 1));
    Tensor *bag = rl_do("_bag_numbers", a_t(rl_cast(c->arg[OFFSETS].tensor, RL_INT64)), a_i(at->numel)), *each = rl_do("index_select", a_t(slope), a_i(0), a_t(bag));
    if (rl_need(c, rl_slot(c, TABLE)))
        dx[rl_slot(c, TABLE)] = rl_do("_embedding_backward", a_t(factor ? rl_mul(each, rl_unsqueeze(factor, 1)) : each), a_t(at), a_i(rl_meta(c, TABLE)->shape[0]), c->arg[BAG_PADDING], c->arg[BAG_FREQUENCY]);
    if (factor && rl_need(c, rl_slot(c, SAMPLE_WEIGHTS))) {
        Tensor *picked = rl_do("embedding", c->arg[TABLE], a_t(at)), *kept = picked ? rl_cast(rl_do("ne", a_t(at), c->arg[BAG_PADDING]), picked->dtype) : NULL;
        dx[rl_slot(c, SAMPLE_WEIGHTS)] = rl_mul(rl_sum_dim(rl_mul(picked, each), 1, false), kept);
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

Op rl_embedding_ops[] = {
    {
        .sig = "embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION,
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
    {
        .sig = "_bags(weight: Tensor, indices: Tensor, offsets: Tensor, mode: int, padding_idx: int = -1, scale_grad_by_freq: bool = False, per_sample_weights: Tensor | None = None) -> (Tensor, Tensor, Tensor)",
        .where = PRIVATE, .dtypes = CLASS_FLOATING, .shape = "weight[R,D] indices[I] offsets[B] per_sample_weights?[I]", .node = "EmbeddingBagBackward0",
        .saves = SAVE(TABLE) | SAVE(NUMBERS) | SAVE(OFFSETS) | SAVE(SAMPLE_WEIGHTS) | SAVE_OUT(1) | SAVE_OUT(2), .constant_outs = 6,
        .doc = "Sum (0), mean (1) or largest (2) of the rows in each bag, how many they are, and where the largest came from.\n\n"
               ">>> rl._C._ops._bags(rl.tensor([[1.], [2.], [4.]]), rl.tensor([0, 2, 1]), rl.tensor([0, 2]), 0)[0]\ntensor([[5.],\n        [2.]])",
        .forward = bag_forward, .vjp = bag_vjp, .samples = "x(5, 3), idx(5, 6), rl.tensor([0, 2, 2]), 0; x(5, 3), idx(5, 6), rl.tensor([0, 4]), 1, 2; x(5, 3), idx(5, 6), rl.tensor([0, 4, 6]), 2; x(5, 3), idx(5, 4), rl.tensor([0, 1]), 0, 1, False, x(4)",
    },
    {0},
};
