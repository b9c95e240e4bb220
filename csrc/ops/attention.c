/* attention.c -- softmax(scale q k^T + mask) v, a block of rows of scores at a time.
 *
 * Neither direction ever holds the matrix of scores: forward keeps each row's logarithm of the sum of exponentials, and backward
 * works the weights out again from it.  Dropout is drawn in the order of the whole matrix; instead of it, the generator's
 * state is kept.  A head of queries reads the head of keys and values whose group it belongs to.  A gradient that is itself to be
 * recorded, or that of the mask, is made of ordinary products. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { QUERY, KEY, VALUE, MASK, DROPOUT, CAUSAL, SCALE };

/* ---- one block ----------------------------------------------------------------------------------------------------------- */

typedef struct Rows { char *data; int64_t batch, head, row; } Rows;      /* strides in elements; rows are dense */

typedef struct Work {
    Dtype dtype;
    int64_t batch, heads, groups, queries, keys, width, value_width, block, blocks, tile;
    Rows q, k, v, out, g, dq, dk, dv, lse;
    const Tensor *mask;
    Tensor *noise;
    Generator *generator;
    double keep, scale;
    bool causal, failed;
    char *scratch;
    int64_t room;              /* elements of scratch per thread */
} Work;

static char *place(const Work *w, const Rows *r, int64_t b, int64_t h, int64_t row) {
    return r->data + (b * r->batch + h * r->head + row * r->row) * rl_dtype_bytes(w->dtype);
}

typedef struct Block { int64_t batch, head, group, first, rows, column, columns; } Block;   /* rows of scores of one head, some columns of them */

static int64_t columns_seen(const Work *w, const Block *at) { return w->causal && at->first + at->rows < w->keys ? at->first + at->rows : w->keys; }

static Attend block_of_scores(const Work *w, const Block *at) {
    int bytes = rl_dtype_bytes(w->dtype);
    Attend a = {.rows = at->rows, .columns = at->columns, .first = at->first - at->column, .causal = w->causal};
    if (w->mask) {
        const int64_t *s = w->mask->stride;
        a.mask = (char *)rl_data(w->mask) + (at->batch * s[0] + at->head * s[1] + at->first * s[2] + at->column * s[3]) * bytes;
        a.mask_row = s[2];
        a.mask_col = s[3];
    }
    if (w->noise) a.noise = (char *)rl_data(w->noise) + at->column * bytes, a.noise_row = w->keys;
    return a;
}

/* The next rows of dropout's matrix: 0 or 1 / (1 - p). */
static bool draw_noise(const Work *w, int64_t rows) {
    if (!w->noise) return true;
    Scope scope = rl_scope_open();
    Tensor *some = rl_narrow(w->noise, 0, 0, rows);
    bool done = some && rl_apply_n(RL_OP("bernoulli_"), 3, (Arg[]){a_t(some), a_f(w->keep), a_generator(w->generator)}) &&
                rl_copy_into(some, rl_mul_number(some, w->keep > 0 ? 1 / w->keep : 0));
    rl_scope_close(scope);
    return done;
}

static char *own_scratch(const Work *w) { return w->scratch + rl_thread_number() * w->room * rl_dtype_bytes(w->dtype); }

static char *query_place(const Work *w, const Rows *r, const Block *at) { return place(w, r, at->batch, at->head, at->first); }
static char *key_place(const Work *w, const Rows *r, const Block *at) { return place(w, r, at->batch, at->group, at->column); }

static void score(const Work *w, const Block *at, char *scores) {
    rl_gemm(w->dtype, false, true, at->rows, at->columns, w->width, (double[2]){w->scale, 0}, query_place(w, &w->q, at), w->q.row, key_place(w, &w->k, at), w->k.row, NULL, scores, at->columns);
}

static void set_all(Dtype dtype, int64_t n, void *row, double value) {
    for (int64_t i = 0; i < n; i++) {
        if (dtype == RL_FLOAT32) ((float *)row)[i] = (float)value;
        else ((double *)row)[i] = value;
    }
}

/* What the rows are to be divided by becomes the factor for it; the logarithm of the sum of exponentials is kept. */
static void settle(Dtype dtype, int64_t n, const void *top, void *sum, void *lse) {
    for (int64_t i = 0; i < n; i++) {
        double t = dtype == RL_FLOAT32 ? (double)((const float *)top)[i] : ((const double *)top)[i];
        double s = dtype == RL_FLOAT32 ? (double)((float *)sum)[i] : ((double *)sum)[i], less = s == 0 ? (double)INFINITY : t + log(s);
        if (dtype == RL_FLOAT32) ((float *)sum)[i] = s == 0 ? 0 : (float)(1 / s), ((float *)lse)[i] = (float)less;
        else ((double *)sum)[i] = s == 0 ? 0 : 1 / s, ((double *)lse)[i] = less;
    }
}

static void forward_rows(const Work *w, Block at) {
    static const double one[2] = {1, 0}, none[2] = {0, 0};
    int64_t bytes = rl_dtype_bytes(w->dtype), line = w->block * bytes, seen = columns_seen(w, &at);
    char *top = own_scratch(w), *sum = top + line, *fade = sum + line, *scores = fade + line, *out = query_place(w, &w->out, &at);
    set_all(w->dtype, at.rows, top, -INFINITY);
    set_all(w->dtype, at.rows, sum, 0);
    for (; at.column < seen; at.column += w->tile) {
        at.columns = seen - at.column < w->tile ? seen - at.column : w->tile;
        Attend a = block_of_scores(w, &at);
        score(w, &at, scores);
        rl_kernels->attend[w->dtype](&a, scores, top, sum, fade);
        if (at.column) rl_kernels->scale_rows[w->dtype](at.rows, w->value_width, out, w->out.row, fade);
        rl_gemm(w->dtype, false, false, at.rows, w->value_width, at.columns, one, scores, at.columns, key_place(w, &w->v, &at), w->v.row, at.column ? one : none, out, w->out.row);
    }
    settle(w->dtype, at.rows, top, sum, query_place(w, &w->lse, &at));
    rl_kernels->scale_rows[w->dtype](at.rows, w->value_width, out, w->out.row, sum);
}

static void backward_tile(const Work *w, const Block *at, const char *delta, char *weights, char *slopes) {
    static const double one[2] = {1, 0}, none[2] = {0, 0};
    double scale[2] = {w->scale, 0};
    Attend a = block_of_scores(w, at);
    int64_t m = at->rows, n = at->columns;
    const char *g = query_place(w, &w->g, at), *q = query_place(w, &w->q, at), *k = key_place(w, &w->k, at), *v = key_place(w, &w->v, at);
    score(w, at, weights);
    rl_gemm(w->dtype, false, true, m, n, w->value_width, NULL, g, w->g.row, v, w->v.row, NULL, slopes, n);
    rl_kernels->attend_grad[w->dtype](&a, weights, slopes, query_place(w, &w->lse, at), delta);
    rl_gemm(w->dtype, true, false, n, w->value_width, m, NULL, weights, n, g, w->g.row, one, key_place(w, &w->dv, at), w->dv.row);
    rl_gemm(w->dtype, false, false, m, w->width, n, scale, slopes, n, k, w->k.row, at->column ? one : none, query_place(w, &w->dq, at), w->dq.row);
    rl_gemm(w->dtype, true, false, n, w->width, m, scale, slopes, n, q, w->q.row, one, key_place(w, &w->dk, at), w->dk.row);
}

static void backward_rows(const Work *w, Block at) {
    int64_t bytes = rl_dtype_bytes(w->dtype), seen = columns_seen(w, &at);
    char *delta = own_scratch(w), *weights = delta + 3 * w->block * bytes, *slopes = weights + w->block * w->tile * bytes;
    const char *g = query_place(w, &w->g, &at), *out = query_place(w, &w->out, &at);
    for (int64_t r = 0; r < at.rows; r++) rl_kernels->dot[w->dtype](w->value_width, delta + r * bytes, g + r * w->g.row * bytes, out + r * w->out.row * bytes);
    for (; at.column < seen; at.column += w->tile) {
        at.columns = seen - at.column < w->tile ? seen - at.column : w->tile;
        backward_tile(w, &at, delta, weights, slopes);
    }
}

/* ---- all blocks ------------------------------------------------------------------------------------------------------------ */

static void run_rows(Work *w, int64_t b, int64_t h, int64_t first, void (*fn)(const Work *w, Block at)) {
    Block at = {.batch = b, .head = h, .group = h * w->groups / w->heads, .first = first, .rows = w->queries - first < w->block ? w->queries - first : w->block};
    if (!draw_noise(w, at.rows)) w->failed = true;
    else fn(w, at);
}

static void forward_range(int64_t begin, int64_t end, void *state) {
    Work *w = state;
    for (; begin < end && !w->failed; begin++) {
        int64_t head = begin / w->blocks;
        run_rows(w, head / w->heads, head % w->heads, begin % w->blocks * w->block, forward_rows);
    }
}

/* One group at a time, since its heads add to the same keys and values. */
static void backward_range(int64_t begin, int64_t end, void *state) {
    Work *w = state;
    int64_t share = w->heads / w->groups;
    for (; begin < end; begin++)
        for (int64_t i = 0; i < share; i++)
            for (int64_t first = 0; first < w->queries && !w->failed; first += w->block)
                run_rows(w, begin / w->groups, begin % w->groups * share + i, first, backward_rows);
}

/* Blocks whose scores stay in the cache; scratch for every thread. */
static bool plan(Work *w, bool backward) {
    enum { ROWS = 64, COLUMNS = 256, WHOLE = 512 };
    w->block = w->queries < ROWS ? w->queries : ROWS;
    w->tile = w->keys <= WHOLE ? w->keys : COLUMNS;
    w->blocks = (w->queries + w->block - 1) / w->block;
    w->room = w->block * (w->tile * (backward ? 2 : 1) + 3);
    w->scratch = rl_scope_bytes(w->room * rl_threads() * rl_dtype_bytes(w->dtype) + 1);
    if (w->generator) w->noise = rl_empty(2, (int64_t[]){w->block, w->keys}, w->dtype);
    return !rl_failed();
}

/* Drawing has an order, so with dropout there is one piece. */
static bool run(Work *w, int64_t n, RangeFn *fn, int64_t heads_each) {
    double cost = (double)heads_each * (double)w->block * (double)w->keys * (double)(w->width + w->value_width + 8) / 10;
    int64_t grain = w->generator ? n : 1 + (int64_t)(50000 / (cost + 1));
    return rl_parallel_for(n, grain, fn, w) && !w->failed;
}

/* ---- operands --------------------------------------------------------------------------------------------------------------- */

/* Rows that a product can read as they lie, or a copy of them. */
static Tensor *dense_rows(Tensor *t, Dtype dtype) {
    if (!t || !(t = rl_cast(t, dtype))) return NULL;
    bool dense = (t->stride[3] == 1 || t->shape[3] == 1) && (t->stride[2] >= (t->shape[3] > 1 ? t->shape[3] : 1) || t->shape[2] == 1);
    return dense ? t : rl_contiguous(t);
}

static Rows rows_of(const Tensor *t) {
    int64_t width = t->shape[3] > 1 ? t->shape[3] : 1;
    return (Rows){rl_data(t), t->stride[0], t->stride[1], t->shape[2] > 1 ? t->stride[2] : width};
}

/* Made the way heads are cut out of one projection: [batch, rows, heads, width] seen as [batch, heads, rows, width]. */
static Tensor *make_by_rows(Tensor *like, bool zero) {
    int64_t shape[4] = {like->shape[0], like->shape[2], like->shape[1], like->shape[3]};
    Tensor *t = zero ? rl_zeros(4, shape, like->dtype) : rl_empty(4, shape, like->dtype);
    return t ? rl_transpose(t, 1, 2) : NULL;
}

static bool start(Call *c, Work *w, Tensor *q, Tensor *k, Tensor *v) {
    Tensor *mask = rl_arg_tensor(c, MASK);
    if (!q || !k || !v) return false;
    *w = (Work){.dtype = q->dtype, .batch = q->shape[0], .heads = q->shape[1], .queries = q->shape[2], .width = q->shape[3], .groups = k->shape[1],
                .keys = k->shape[2], .value_width = v->shape[3], .mask = mask, .scale = c->arg[SCALE].f, .causal = c->arg[CAUSAL].b, .keep = 1 - c->arg[DROPOUT].f};
    if (mask && mask->dtype != q->dtype) return rl_fail(RL_RUNTIME_ERROR, "_attention(): a mask of %s for queries of %s", rl_dtypes[mask->dtype].name, rl_dtypes[q->dtype].name);
    if (w->groups ? w->heads % w->groups != 0 : w->heads != 0)
        return rl_fail(RL_RUNTIME_ERROR, "Number of heads in key and value must divide the number of heads in query, but they are %" PRId64 " and %" PRId64, w->groups, w->heads);
    if (!(c->arg[DROPOUT].f >= 0 && c->arg[DROPOUT].f <= 1)) return rl_fail(RL_RUNTIME_ERROR, "dropout probability has to be between 0 and 1, but got %g", c->arg[DROPOUT].f);
    w->q = rows_of(q);
    w->k = rows_of(k);
    w->v = rows_of(v);
    return true;
}

/* ---- the primitive: (out, logsumexp of every row of scores, the generator's state before dropout) --------------------------------------- */

static Tensor *attention_forward(Call *c) {
    Dtype dtype = c->arg[QUERY].tensor->dtype;
    Tensor *q = dense_rows(c->arg[QUERY].tensor, dtype), *k = dense_rows(c->arg[KEY].tensor, dtype), *v = dense_rows(c->arg[VALUE].tensor, dtype);
    Work w;
    if (!start(c, &w, q, k, v)) return NULL;
    Tensor **out = rl_outputs(c, 3);
    bool drops = w.keep < 1;
    int64_t shape[4] = {w.batch, w.heads, w.queries, w.value_width}, state = drops ? rl_generator_state_bytes() : 0;
    if (!out || !(out[0] = rl_empty(4, shape, dtype)) || !(out[1] = rl_full(3, shape, dtype, INFINITY)) || !(out[2] = rl_empty(1, &state, RL_UINT8))) return NULL;
    if (w.keys == 0 || out[0]->numel == 0) return rl_fill(out[0], &(Arg){.tag = A_INT, .i = 0});
    if (drops) rl_generator_get_state(w.generator = rl_default_generator(), rl_data(out[2]));
    w.out = rows_of(out[0]);
    w.lse = (Rows){rl_data(out[1]), out[1]->stride[0], out[1]->stride[1], 1};
    return plan(&w, false) && run(&w, w.batch * w.heads * w.blocks, forward_range, 1) ? out[0] : NULL;
}

/* A generator in a kept state. */
static Generator *generator_from(const Tensor *state) {
    if (!state->numel) return NULL;
    Generator *g = rl_generator_new();
    if (!g || rl_generator_set_state(g, rl_data(state), state->numel)) return g;
    rl_generator_drop(g);
    return NULL;
}

enum { GRAD = 7, OUT_SAVED, LSE, STATE };

static bool saved_fit(Call *c, const Work *w) {
    const Tensor *g = c->arg[GRAD].tensor, *lse = c->arg[LSE].tensor, *state = c->arg[STATE].tensor;
    bool drops = w->keep < 1;
    if (g->dtype == w->dtype && lse->dtype == w->dtype && c->arg[OUT_SAVED].tensor->dtype == w->dtype && state->dtype == RL_UINT8 && rl_is_contiguous(state) &&
        state->numel == (drops ? rl_generator_state_bytes() : 0)) return true;
    return rl_fail(RL_RUNTIME_ERROR, "_attention_backward(): what was kept of forward does not belong to queries of shape %s", rl_text_shape(c->arg[QUERY].tensor));
}

static Tensor *attention_backward_forward(Call *c) {
    Dtype dtype = c->arg[QUERY].tensor->dtype;
    Tensor *q = dense_rows(c->arg[QUERY].tensor, dtype), *k = dense_rows(c->arg[KEY].tensor, dtype), *v = dense_rows(c->arg[VALUE].tensor, dtype);
    Tensor *g = dense_rows(c->arg[GRAD].tensor, dtype), *y = dense_rows(c->arg[OUT_SAVED].tensor, dtype), **out = rl_outputs(c, 3);
    Work w;
    if (!g || !y || !out || !start(c, &w, q, k, v) || !saved_fit(c, &w)) return NULL;
    if (!(out[0] = make_by_rows(q, w.keys == 0)) || !(out[1] = make_by_rows(k, true)) || !(out[2] = make_by_rows(v, true)) || y->numel == 0 || w.keys == 0) return out[0];
    const Tensor *lse = rl_contiguous(c->arg[LSE].tensor);
    if (!lse) return NULL;
    w.g = rows_of(g);
    w.out = rows_of(y);
    w.dq = rows_of(out[0]);
    w.dk = rows_of(out[1]);
    w.dv = rows_of(out[2]);
    w.lse = (Rows){rl_data(lse), lse->stride[0], lse->stride[1], 1};
    w.generator = generator_from(c->arg[STATE].tensor);
    bool done = !rl_failed() && plan(&w, true) && run(&w, w.batch * w.groups, backward_range, w.heads / w.groups * w.blocks);
    if (w.generator) rl_generator_drop(w.generator);
    return done ? out[0] : NULL;
}

/* ---- gradients that are recorded: ordinary products ------------------------------------------------------------------------------------------- */

/* [*, G, S, E] -> [*, heads, S, E], each group repeated for its heads. */
static Tensor *for_heads(Tensor *t, int64_t heads) {
    int64_t wide[RL_MAX_DIMS], flat[RL_MAX_DIMS];
    if (!t || rl_size(t, -3) == heads) return t;
    int n = t->ndim;
    memcpy(flat, t->shape, (size_t)n * sizeof *flat);
    memcpy(wide, t->shape, (size_t)n * sizeof *wide);
    flat[n - 3] = heads;
    memmove(wide + n - 1, wide + n - 2, 2 * sizeof *wide);
    wide[n - 2] = heads / wide[n - 3];
    t = rl_expand(rl_unsqueeze(t, n - 2), n + 1, wide);
    return t ? rl_reshape(t, n, flat) : NULL;
}

static Tensor *sum_groups(Tensor *t, const Meta *m) {
    if (!t || t->shape[1] == m->shape[1]) return t;
    int64_t shape[5] = {m->shape[0], m->shape[1], t->shape[1] / m->shape[1], m->shape[2], m->shape[3]};
    return rl_sum_dim(rl_reshape(t, 5, shape), 2, false);
}

static Tensor *recorded_noise(Tensor *weights, double p, const Tensor *state) {
    Generator *g = generator_from(state);
    Tensor *noise = g && weights ? rl_empty(weights->ndim, weights->shape, weights->dtype) : NULL;
    if (noise) noise = rl_apply_n(RL_OP("bernoulli_"), 3, (Arg[]){a_t(noise), a_f(1 - p), a_generator(g)});
    if (g) rl_generator_drop(g);
    return rl_mul_number(noise, p < 1 ? 1 / (1 - p) : 0);
}

static void dense_vjp(Call *c, Tensor *g, Tensor **dx) {
    Tensor *q = c->arg[QUERY].tensor, *k, *v, *mask = rl_arg_tensor(c, MASK), *noise = NULL;
    double scale = c->arg[SCALE].f;
    if (!(k = for_heads(c->arg[KEY].tensor, q->shape[1])) || !(v = for_heads(c->arg[VALUE].tensor, q->shape[1]))) return;
    Tensor *scores = rl_mul_number(rl_matmul(q, rl_transpose(k, 2, 3)), scale);
    if (mask) scores = rl_add(scores, mask);
    if (c->arg[CAUSAL].b && scores) {
        Tensor *seen = rl_do("tril", a_t(rl_full(2, scores->shape + 2, RL_BOOL, 1)));
        scores = rl_where(seen, scores, rl_full(0, NULL, scores->dtype, -INFINITY));
    }
    Tensor *none = rl_do("eq", a_t(rl_do("amax", a_t(scores), a_ints(1, (int64_t[]){-1}), a_b(true))), a_f(-INFINITY));
    scores = rl_do("masked_fill", a_t(scores), a_t(none), a_i(0));
    Tensor *weights = rl_do("masked_fill", a_t(rl_do("softmax", a_t(scores), a_i(-1))), a_t(none), a_i(0)), *kept = weights;
    Tensor *dweights = rl_matmul(g, rl_transpose(v, 2, 3));
    if (c->arg[DROPOUT].f > 0) {
        noise = recorded_noise(weights, c->arg[DROPOUT].f, c->out[2]);
        kept = rl_mul(weights, noise);
        dweights = rl_mul(dweights, noise);
    }
    Tensor *dscores = rl_mul(weights, rl_sub(dweights, rl_sum_dim(rl_mul(dweights, weights), -1, true)));
    Tensor *scaled = rl_mul_number(dscores, scale);
    if (rl_need(c, 0)) dx[0] = rl_matmul(scaled, k);
    if (rl_need(c, 1)) dx[1] = sum_groups(rl_matmul(rl_transpose(scaled, 2, 3), q), rl_meta(c, 1));
    if (rl_need(c, 2)) dx[2] = sum_groups(rl_matmul(rl_transpose(kept, 2, 3), g), rl_meta(c, 2));
    if (mask && rl_need(c, 3)) dx[3] = dscores;
}

static void attention_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    bool of_mask = rl_arg_tensor(c, MASK) && rl_need(c, 3);
    if (rl_thread.grad_mode || of_mask) {
        dense_vjp(c, g[0], dx);
        return;
    }
    Tensor *d[3];
    Arg args[11];
    memcpy(args, c->arg, GRAD * sizeof *args);
    args[GRAD] = a_t(g[0]);
    args[OUT_SAVED] = a_t(c->out[0]);
    args[LSE] = a_t(c->out[1]);
    args[STATE] = a_t(c->out[2]);
    if (rl_apply_many(RL_OP("_attention_backward"), 11, args, 3, d)) memcpy(dx, d, sizeof d);
}

/* ---- what users call ----------------------------------------------------------------------------------------------------------------- */

static bool check_operands(Tensor *q, Tensor *k, Tensor *v, Tensor *mask) {
    if (q->ndim < 2 || k->ndim < 2 || v->ndim < 2)
        return rl_fail(RL_RUNTIME_ERROR, "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: %d key.dim: %d and value.dim: %d instead.", q->ndim, k->ndim, v->ndim);
    if (q->dtype != k->dtype || q->dtype != v->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Expected query, key, and value to have the same dtype, but got query.dtype: %s key.dtype: %s and value.dtype: %s instead.",
                       rl_dtypes[q->dtype].name, rl_dtypes[k->dtype].name, rl_dtypes[v->dtype].name);
    if (rl_dtype_is(q->dtype, CLASS_COMPLEX)) return rl_fail(RL_NOT_IMPLEMENTED, "\"softmax_lastdim_kernel_impl\" not implemented for '%s'", rl_dtypes[q->dtype].word);
    if (!rl_dtype_is(q->dtype, CLASS_FLOATING)) return rl_fail(RL_RUNTIME_ERROR, "expected scalar type Float but found %s: scaled_dot_product_attention() works on floating point numbers", rl_dtypes[q->dtype].word);
    if (mask && mask->dtype != RL_BOOL && mask->dtype != RL_FLOAT32 && mask->dtype != q->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: %s and  query.dtype: %s instead.", rl_dtypes[mask->dtype].name, rl_dtypes[q->dtype].name);
    if (rl_size(q, -1) != rl_size(k, -1) || rl_size(k, -2) != rl_size(v, -2))
        return rl_fail(RL_RUNTIME_ERROR, "scaled_dot_product_attention(): the sizes of query %s, key %s and value %s must match: query's and key's last, key's and value's last but one",
                       rl_text_shape(q), rl_text_shape(k), rl_text_shape(v));
    return true;
}

/* Leading dims of all three, but for those of heads where keys and values come in groups. */
static bool leading_shape(Tensor *q, Tensor *k, Tensor *v, int less, int *ndim, int64_t *shape) {
    Tensor *t[3] = {q, k, v};
    *ndim = 0;
    for (int i = 0; i < 3; i++) {
        Tensor lead = *t[i];
        if (lead.ndim < less) return rl_fail(RL_RUNTIME_ERROR, "enable_gqa needs a dimension of heads, but got query %s, key %s and value %s", rl_text_shape(q), rl_text_shape(k), rl_text_shape(v));
        lead.ndim = (uint8_t)(lead.ndim - less);
        if (!rl_broadcast_shapes(ndim, shape, &lead)) return false;
    }
    return true;
}

/* [*lead, heads, n, width] as [batch, heads, n, width]. */
static Tensor *four_dims(Tensor *t, int nlead, const int64_t *lead, int64_t heads) {
    int64_t shape[RL_MAX_DIMS], flat[4] = {1, heads, rl_size(t, -2), rl_size(t, -1)};
    for (int i = 0; i < nlead; i++) flat[0] *= shape[i] = lead[i];
    memcpy(shape + nlead, flat + 1, 3 * sizeof *shape);
    bool fits = t->ndim == 4 && nlead == 1;
    if (fits && !memcmp(t->shape, flat, sizeof flat)) return t;
    if (t->ndim < 3) t = rl_unsqueeze(t, 0);
    t = rl_expand(t, nlead + 3, shape);
    return t && nlead != 1 ? rl_reshape(t, 4, flat) : t;
}

static bool grouped_heads(Tensor *q, Tensor **k, Tensor **v) {
    int64_t h = rl_size(q, -3), hk = rl_size(*k, -3), hv = rl_size(*v, -3);
    if (!hk || !hv || h % hk || h % hv) return rl_fail(RL_RUNTIME_ERROR, "Number of heads in key and value must divide the number of heads in query, but query is %s, key %s and value %s", rl_text_shape(q), rl_text_shape(*k), rl_text_shape(*v));
    if (hk == hv) return true;
    *k = for_heads(*k, h);
    *v = for_heads(*v, h);
    return *k && *v;
}

static Tensor *added_mask(Tensor *mask, Dtype dtype) {
    if (mask->dtype != RL_BOOL) return rl_cast(mask, dtype);
    return rl_where(mask, rl_zeros(0, NULL, dtype), rl_full(0, NULL, dtype, -INFINITY));
}

static Tensor *attend(Tensor *q, Tensor *k, Tensor *v, Tensor *mask, const Arg *a) {
    bool grouped = a[7].b;
    int64_t lead[RL_MAX_DIMS], shape[RL_MAX_DIMS];
    int nlead, none = q->ndim == 2 && k->ndim == 2 && v->ndim == 2;
    double scale = a[6].tag == A_NONE ? 1 / sqrt((double)rl_size(q, -1)) : a_double(&a[6]);
    if (rl_size(q, -1) == 0 && a[6].tag == A_NONE) scale = 1;
    if (!leading_shape(q, k, v, grouped ? 3 : 2, &nlead, lead) || (grouped && !grouped_heads(q, &k, &v))) return NULL;
    int64_t heads = grouped ? rl_size(q, -3) : none ? 1 : lead[--nlead], groups = grouped ? rl_size(k, -3) : heads;
    int ndim = nlead + (none ? 2 : 3);
    memcpy(shape, lead, (size_t)nlead * sizeof *shape);
    if (!none) shape[nlead] = heads;
    shape[ndim - 2] = rl_size(q, -2);
    if (mask) {
        shape[ndim - 1] = rl_size(k, -2);
        mask = rl_expand(added_mask(mask, q->dtype), ndim, shape);
        mask = mask ? four_dims(mask, nlead, lead, heads) : NULL;
        if (!mask) return NULL;
    }
    Tensor *y = rl_do("_attention", a_t(four_dims(q, nlead, lead, heads)), a_t(four_dims(k, nlead, lead, groups)), a_t(four_dims(v, nlead, lead, groups)), a_maybe(mask), a[4], a[5], a_f(scale));
    shape[ndim - 1] = rl_size(v, -1);
    return !y || ndim == 4 ? y : rl_reshape(y, ndim, shape);
}

static Tensor *scaled_dot_product_attention_forward(Call *c) {
    Tensor *q = c->arg[QUERY].tensor, *k = c->arg[KEY].tensor, *v = c->arg[VALUE].tensor, *mask = rl_arg_tensor(c, MASK);
    double p = a_double(&c->arg[4]);
    if (!check_operands(q, k, v, mask)) return NULL;
    if (!(p >= 0 && p <= 1)) return rl_fail(RL_RUNTIME_ERROR, "dropout probability has to be between 0 and 1, but got %g", p);
    if (c->arg[5].b && mask && (q->ndim != 4 || p > 0 || rl_requires_grad(mask)))
        return rl_fail(RL_RUNTIME_ERROR, "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True");
    if (rl_dtype_is(q->dtype, CLASS_FLOAT)) return attend(q, k, v, mask, c->arg);
    if (!(q = rl_cast(q, RL_FLOAT32)) || !(k = rl_cast(k, RL_FLOAT32)) || !(v = rl_cast(v, RL_FLOAT32))) return NULL;
    return rl_cast(attend(q, k, v, mask, c->arg), c->arg[QUERY].tensor->dtype);
}

Op rl_attention_ops[] = {
    {
        .sig = "scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0, is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False) -> Tensor",
        .where = NN, .flags = COMPOSITE, .forward = scaled_dot_product_attention_forward,
        .samples = "x(2, 3, 4, 5), x(2, 3, 6, 5), x(2, 3, 6, 2); x(3, 4), x(5, 4), x(5, 4), mask(3, 5) | True; x(2, 3, 4), x(2, 3, 4), x(2, 3, 4), None, 0.0, True; "
                   "x(1, 4, 3, 2), x(1, 2, 5, 2), x(1, 2, 5, 2), x(3, 5), scale=0.7, enable_gqa=True",
        .doc = "softmax(query key^T * scale + mask) value over (*, L, E), (*, S, E), (*, S, Ev); a boolean mask keeps True.\n\n"
               ">>> rl.nn.functional.scaled_dot_product_attention(rl.ones(1, 2), rl.ones(3, 2), rl.tensor([[0.], [1.], [5.]]))\ntensor([[2.]])",
    },
    {
        .sig = "_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, dropout_p: float, is_causal: bool, scale: float) -> (Tensor, Tensor, Tensor)", .where = PRIVATE,
        .shape = "query[B,H,L,E] key[B,G,S,E] value[B,G,S,F] attn_mask?[B,H,L,S]", .dtypes = CLASS_FLOAT, .node = "ScaledDotProductFlashAttentionForCpuBackward0",
        .forward = attention_forward, .vjp = attention_vjp, .saves = SAVE(QUERY) | SAVE(KEY) | SAVE(VALUE) | SAVE(MASK) | SAVE_OUT(0) | SAVE_OUT(1) | SAVE_OUT(2), .constant_outs = 6,
        .samples = "x(2, 2, 3, 4), x(2, 2, 5, 4), x(2, 2, 5, 2), None, 0.0, False, 0.5; x(1, 4, 5, 2), x(1, 2, 5, 2), x(1, 2, 5, 3), None, 0.0, True, 1.0; x(1, 2, 3, 2), x(1, 1, 3, 2), x(1, 1, 3, 2), x(1, 2, 3, 3), 0.0, False, 0.7",
        .doc = "Attention of heads to groups of heads; its logsumexp; the state that dropout began with.\n\n"
               ">>> rl._C._ops._attention(rl.ones(1, 1, 1, 2), rl.ones(1, 1, 3, 2), rl.ones(1, 1, 3, 1), None, 0.0, False, 1.0)[0].item()\n1.0",
    },
    {
        .sig = "_attention_backward(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, dropout_p: float, is_causal: bool, scale: float, grad: Tensor, output: Tensor, logsumexp: Tensor, state: Tensor) -> (Tensor, Tensor, Tensor)",
        .where = PRIVATE, .dtypes = CLASS_FLOAT, .shape = "query[B,H,L,E] key[B,G,S,E] value[B,G,S,F] attn_mask?[B,H,L,S] grad[B,H,L,F] output[B,H,L,F] logsumexp[B,H,L] state[N]", .forward = attention_backward_forward,
        .samples = "x(1, 2, 3, 4), x(1, 2, 5, 4), x(1, 2, 5, 2), None, 0.0, False, 0.5, x(1, 2, 3, 2), x(1, 2, 3, 2), x(1, 2, 3), rl.empty(0, dtype=rl.uint8)",
        .doc = "Gradients of query, key and value, from what _attention kept.",
    },
    {0},
};
