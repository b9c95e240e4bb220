/* scatter.c -- elements found by number along one dim: gather, scatter and their kin, index_select and its kin, nonzero. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static Tensor *tensor(Call *c, int k) { return c->arg[k].tensor; }

/* ---- gather and scatter ------------------------------------------------------------------------------------------------ */

/* Each number once, however often it is repeated by strides of 0. */
static Tensor *told_once(Tensor *t) {
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; i < t->ndim; i++) shape[i] = t->stride[i] || !t->shape[i] ? t->shape[i] : 1;
    return rl_view(t, t->ndim, shape, t->stride, t->offset);
}

static bool check_numbers(Call *c, Tensor *index, const Tensor *x, int dim) {
    int64_t size = x->ndim ? x->shape[dim] : 1;
    Tensor *flat = rl_contiguous(told_once(index));
    if (!flat) return false;
    const int64_t *number = rl_data(flat);
    if (rl_kernels->all_within(flat->numel, rl_data(flat), 8, size)) return true;
    for (int64_t i = 0; i < flat->numel; i++)
        if (RL_UNLIKELY(number[i] < 0 || number[i] >= size))
            return rl_fail(strncmp(c->op->parsed->name, "index_", 6) ? RL_RUNTIME_ERROR : RL_INDEX_ERROR, "index %" PRId64 " is out of bounds for dimension %d with size %" PRId64 ": %s() on shape %s", number[i], dim, size, c->op->parsed->name, rl_text_shape(x));
    return true;
}

static bool is_long(Call *c, const Tensor *index) {
    if (rl_dtype_is(index->dtype, CLASS_INT) && !rl_is_bare(index->dtype)) return true;
    return rl_fail(RL_RUNTIME_ERROR, "%s(): Expected dtype int32/int64 for index, but got %s", c->op->parsed->name, rl_dtypes[index->dtype].name);
}

/* The index may be smaller than the others, but not larger; along dim it is free where numbers are looked up. */
static bool index_fits(Call *c, const Tensor *index, const Tensor *t, int dim, bool free_dim, const char *role) {
    int a = index->ndim ? index->ndim : 1, b = t->ndim ? t->ndim : 1;
    if (a != b) return rl_fail(RL_RUNTIME_ERROR, "Index tensor must have the same number of dimensions as %s tensor: %s() got index %s and %s %s", role, c->op->parsed->name, rl_text_shape(index), role, rl_text_shape(t));
    for (int i = 0; i < index->ndim && t->ndim; i++)
        if (!(free_dim && i == dim) && index->shape[i] > t->shape[i])
            return rl_fail(RL_RUNTIME_ERROR, "Size does not match at dimension %d expected index %s to be no larger than %s %s apart from dimension %d", i, rl_text_shape(index), role, rl_text_shape(t), dim);
    return true;
}

/* What is written in place may not be read meanwhile. */
static bool apart(Call *c, const Tensor *x, const Tensor *read) {
    if (!c->inplace || !read || rl_overlap(x, read) == OVERLAP_NONE) return true;
    return rl_fail(RL_RUNTIME_ERROR, "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
                   "Please clone() the tensor before performing the operation: %s_()", c->op->parsed->name);
}

/* t seen with the index's shape: dim has stride 0, since the numbers say where to go along it. */
static Tensor *along_numbers(Tensor *t, const Tensor *index, int dim, IndexSpec *spec) {
    int64_t stride[RL_MAX_DIMS];
    if (!t) return NULL;
    spec->outside = NULL;
    spec->size = t->ndim ? t->shape[dim] : 1;
    spec->stride = t->ndim ? t->stride[dim] * rl_dtypes[t->dtype].bytes : 0;
    for (int i = 0; i < index->ndim; i++) stride[i] = i == dim || !t->ndim ? 0 : t->stride[i];
    return rl_view(t, index->ndim, index->shape, stride, t->offset);
}

/* Slices by number from one row-major tensor into another: runs of blocks. */
typedef struct Pick { char *to; const char *from; const int64_t *number; int64_t n, apart, size, bytes; } Pick;

static void pick_range(int64_t begin, int64_t end, void *state) {
    const Pick *p = state;
    const char *from = p->from + begin / p->n * p->size * p->bytes;
    for (int64_t k = begin, i = begin % p->n; k < end; k++) {
        memcpy(p->to + k * p->bytes, from + p->number[i * p->apart] * p->bytes, (size_t)p->bytes);
        if (++i == p->n) i = 0, from += p->size * p->bytes;
    }
}

/* *done: whether it was worth it. */
static bool pick_blocks(Tensor *y, Tensor *x, int dim, const int64_t *number, int64_t apart, bool *done) {
    enum { WORTH = 32 };
    Pick p = {.n = y->shape[dim], .apart = apart, .size = x->shape[dim], .bytes = rl_dtypes[x->dtype].bytes, .number = number};
    for (int d = dim + 1; d < x->ndim; d++) p.bytes *= x->shape[d];
    *done = p.bytes >= WORTH && rl_is_contiguous(x) && rl_is_contiguous(y);
    if (!*done) return true;
    p.to = rl_data(y), p.from = rl_data(x);
    return rl_parallel_for(y->numel * rl_dtypes[x->dtype].bytes / p.bytes, 1 + 100000 / p.bytes, pick_range, &p);
}

/* Whether one number serves a whole slice of t, of the index's shape but for dim. */
static bool is_one_line(const Tensor *index, int dim, const Tensor *t) {
    if (index->ndim != t->ndim || !t->ndim) return false;
    for (int i = 0; i < t->ndim; i++)
        if (i != dim && (index->shape[i] != t->shape[i] || (index->stride[i] && index->shape[i] > 1))) return false;
    return true;
}

/* Whether numbers can be checked while they are used: what is written is nobody's yet, and goes with the error.  Few numbers for whole slices come first. */
static bool checks_later(const Call *c, const Tensor *index, int dim, const Tensor *t) { return !c->inplace && !c->dest && !is_one_line(index, dim, t); }

static Tensor *gather_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2);
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    if (dim < 0 || !is_long(c, index) || !(index = rl_cast(index, RL_INT64))) return NULL;
    if (index->numel && !index_fits(c, index, x, dim, true, "input")) return NULL;
    bool done = false, outside = false, later = checks_later(c, index, dim, x);
    if (!later && !check_numbers(c, index, x, dim)) return NULL;
    Tensor *y = rl_out(c, 0, index->ndim, index->shape, x->dtype);
    if (!y || y->numel == 0) return y;
    if (is_one_line(index, dim, x) && !pick_blocks(y, x, dim, rl_data(index), index->stride[dim], &done)) return NULL;
    if (done) return y;
    IndexSpec spec;
    Tensor *from = along_numbers(x, index, dim, &spec);
    if (later) spec.outside = &outside;
    if (!from || !rl_loop(rl_kernels->gather[rl_size_index(rl_dtypes[x->dtype].bytes)], 3, (Tensor *[]){y, index, from}, &spec, 2)) return NULL;
    return !outside || check_numbers(c, index, x, dim) ? y : NULL;
}

static Tensor *working_copy(Call *c, Tensor *x) { return c->inplace ? x : rl_copy_into(rl_empty_like(x, x->dtype), x); }

/* Row-major tensors: the slices are runs of blocks, written one after the other.  add: NULL copies.  A source without dims is one value for all. */
static void write_blocks(Tensor *y, int dim, int64_t n, const int64_t *number, int64_t apart, const Tensor *source, LoopFn *add) {
    int64_t outer = 1, block = 1, size = y->shape[dim], bytes = rl_dtypes[y->dtype].bytes, step = source->ndim ? bytes : 0;
    for (int i = 0; i < dim; i++) outer *= y->shape[i];
    for (int i = dim + 1; i < y->ndim; i++) block *= y->shape[i];
    LoopFn *copy = rl_kernels->copy[rl_size_index((int)bytes)];
    char *from = rl_data(source);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++, from += block * step) {
            char *to = (char *)rl_data(y) + (o * size + number[i * apart]) * block * bytes;
            if (add) add(block, (char *[]){to, to, from}, (int64_t[]){bytes, bytes, step}, NULL);
            else copy(block, (char *[]){to, from}, (int64_t[]){bytes, step}, NULL);
        }
}

static bool in_blocks(const Tensor *y, const Tensor *source) {
    return y && source && y->ndim && rl_is_contiguous(y) && (source->ndim == 0 || (source->ndim == y->ndim && rl_is_contiguous(source)));
}

/* Whether one number serves a whole slice, as where an index was expanded, so that slices can be moved as blocks. */
static bool by_slices(const Tensor *y, int dim, const Tensor *index, const Tensor *source) {
    enum { WORTH = 8 };
    int64_t block = 1;
    if (!in_blocks(y, source) || !is_one_line(index, dim, y) || !rl_same_shape(index, source)) return false;
    for (int i = dim + 1; i < y->ndim; i++) block *= y->shape[i];
    return block >= WORTH;
}

/* Lines along dim are done by one thread each, in order, since two numbers in one may be equal.  blocks: fn for whole slices, NULL to copy. */
static Tensor *scatter_into(Call *c, Tensor *y, int dim, Tensor *index, Tensor *src, LoopFn *fn, LoopFn *blocks) {
    if (!y || !index || !src || index->numel == 0) return y;
    IndexSpec spec;
    if (fn && (blocks || fn == rl_kernels->scatter[rl_size_index(rl_dtypes[y->dtype].bytes)]) && by_slices(y, dim, index, src)) return write_blocks(y, dim, index->shape[dim], rl_data(index), index->stride[dim], src, blocks), y;
    Tensor *to = along_numbers(y, index, dim, &spec);
    Tensor *from = src->ndim == index->ndim ? rl_view(src, index->ndim, index->shape, src->stride, src->offset) : rl_expand(src, index->ndim, index->shape);
    bool outside = false;
    if (!to || !from) return NULL;
    if (checks_later(c, index, dim, y)) spec.outside = &outside;
    if (!fn) return rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[y->dtype].word);
    Tensor *operands[3] = {to, index, from};
    bool done = index->ndim ? rl_loop_lines(fn, 3, operands, dim, &spec, 2.0 * (double)index->shape[dim]) : rl_loop(fn, 3, operands, &spec, 2);
    return done && (!outside || check_numbers(c, index, y, dim)) ? y : NULL;
}

/* What scatter_reduce's kernels do to elements, for blocks. */
static LoopFn *block_kernel(Dtype dtype, Scatter how) {
    static const Binary of[] = {[SCATTER_ADD] = BINARY_add, [SCATTER_MUL] = BINARY_mul, [SCATTER_MAX] = BINARY_maximum, [SCATTER_MIN] = BINARY_minimum};
    LoopFn *const *row = rl_kernels->binary[dtype];
    return row ? row[of[how]] : NULL;
}

static Tensor *scatter_reduced(Call *c, Tensor *y, int dim, Tensor *index, Tensor *src, Scatter how) {
    return y ? scatter_into(c, y, dim, index, src, rl_kernels->scatter_reduce[y->dtype][how], block_kernel(y->dtype, how)) : NULL;
}

static bool prepare_scatter(Call *c, Tensor *x, int *dim, Tensor **index, Tensor *src) {
    *dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    if (*dim < 0 || !is_long(c, *index) || !(*index = rl_cast(*index, RL_INT64))) return false;
    if ((*index)->numel == 0) return true;
    if (!index_fits(c, *index, x, *dim, true, "self")) return false;
    if (src && src->ndim && !index_fits(c, *index, src, *dim, false, "src")) return false;
    if (src && src->dtype != x->dtype) return rl_fail(RL_RUNTIME_ERROR, "%s(): Expected self.dtype to be equal to src.dtype, but they are %s and %s", c->op->parsed->name, rl_dtypes[x->dtype].name, rl_dtypes[src->dtype].name);
    return apart(c, x, src) && (checks_later(c, *index, *dim, x) || check_numbers(c, *index, x, *dim));
}

static void gather_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *zeros = rl_zeros_meta(rl_meta(c, 0)), *index = tensor(c, 2);
    int dim;
    if (rl_thread.grad_mode) dx[0] = rl_do("scatter_add", a_t(zeros), c->arg[1], c->arg[2], a_t(g[0]));
    else if (zeros && index && prepare_scatter(c, zeros, &dim, &index, g[0])) dx[0] = scatter_reduced(c, zeros, dim, index, g[0], SCATTER_ADD);
}

static LoopFn *scatter_kernel(Dtype dtype) { return rl_kernels->scatter[rl_size_index(rl_dtypes[dtype].bytes)]; }

static Tensor *scatter_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *src = c->arg[3].tag == A_TENSOR ? c->arg[3].tensor : NULL;
    int dim;
    if (!prepare_scatter(c, x, &dim, &index, src)) return NULL;
    if (!src && !rl_number_fits((Dtype)x->dtype, &c->arg[3])) return NULL;
    if (!src) src = rl_expand(rl_scalar(x->dtype, &c->arg[3]), index->ndim, index->shape);
    return scatter_into(c, working_copy(c, x), dim, index, src, scatter_kernel(x->dtype), NULL);
}

static void scatter_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_do("scatter", a_t(g[0]), c->arg[1], c->arg[2], a_i(0));
    if (rl_need(c, 3)) dx[3] = rl_do("gather", a_t(g[0]), c->arg[1], c->arg[2]);
}

static Tensor *scatter_with_reduce_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *src = c->arg[3].tag == A_TENSOR ? c->arg[3].tensor : NULL;
    const char *how = c->arg[4].str;
    int dim;
    if (strcmp(how, "add") && strcmp(how, "multiply")) return rl_fail(RL_RUNTIME_ERROR, "reduce argument must be either add or multiply, not %s", how);
    if (!prepare_scatter(c, x, &dim, &index, src)) return NULL;
    if (!src && !rl_number_fits((Dtype)x->dtype, &c->arg[3])) return NULL;
    if (!src) src = rl_expand(rl_scalar(x->dtype, &c->arg[3]), index->ndim, index->shape);
    return scatter_reduced(c, working_copy(c, x), dim, index, src, strcmp(how, "add") ? SCATTER_MUL : SCATTER_ADD);
}

static Tensor *scatter_add_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *src = tensor(c, 3);
    int dim;
    if (!prepare_scatter(c, x, &dim, &index, src)) return NULL;
    return scatter_reduced(c, working_copy(c, x), dim, index, src, SCATTER_ADD);
}

static void scatter_add_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = g[0];
    if (rl_need(c, 3)) dx[3] = rl_do("gather", a_t(g[0]), c->arg[1], c->arg[2]);
}

/* ---- scatter_reduce ---------------------------------------------------------------------------------------------------------- */

typedef enum { SUM, PROD, MEAN, AMAX, AMIN, UNKNOWN } How;

static How how_of(const char *text) {
    static const char *const names[] = {"sum", "prod", "mean", "amax", "amin"};
    for (int i = 0; i < RL_COUNT(names); i++)
        if (!strcmp(text, names[i])) return i;
    rl_fail(RL_RUNTIME_ERROR, "reduce argument must be either sum, prod, mean, amax or amin, got %s", text);
    return UNKNOWN;
}

static const Scatter kernel_of[] = {SCATTER_ADD, SCATTER_MUL, SCATTER_ADD, SCATTER_MAX, SCATTER_MIN};

/* What leaves the others as they are, for places that do not count themselves. */
static Tensor *neutral(Dtype dtype, How how) {
    bool inexact = rl_dtype_is(dtype, CLASS_INEXACT), top = how == AMIN;
    static const int64_t most[RL_NDTYPES] = {[RL_BOOL] = 1, [RL_UINT8] = UINT8_MAX, [RL_INT8] = INT8_MAX, [RL_INT16] = INT16_MAX, [RL_INT32] = INT32_MAX, [RL_INT64] = INT64_MAX};
    Arg number = how == PROD ? a_i(1) : how == SUM || how == MEAN ? a_i(0) : inexact ? a_f(top ? 1.0 / 0.0 : -1.0 / 0.0) : top ? a_i(most[dtype])
                 : a_i(dtype == RL_BOOL || dtype == RL_UINT8 ? 0 : -most[dtype] - 1);
    return rl_scalar(dtype, &number);
}

static Tensor *scatter_reduce_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *src = tensor(c, 3);
    How how = how_of(c->arg[4].str);
    bool include = c->arg[5].b;
    int dim;
    if (how == UNKNOWN || !prepare_scatter(c, x, &dim, &index, src)) return NULL;
    Tensor *y = working_copy(c, x), *start = include ? NULL : rl_expand(neutral(x->dtype, how), index->ndim, index->shape);
    if (!include) y = scatter_into(c, y, dim, index, start, scatter_kernel(x->dtype), NULL);
    y = scatter_reduced(c, y, dim, index, src, kernel_of[how]);
    if (how != MEAN || !y || index->numel == 0) return y;
    Tensor *count = include ? rl_full(x->ndim, x->shape, RL_INT64, 1) : rl_zeros(x->ndim, x->shape, RL_INT64);
    Tensor *ones = rl_expand(rl_full(0, NULL, RL_INT64, 1), index->ndim, index->shape);
    count = scatter_reduced(c, count, dim, index, ones, SCATTER_ADD);
    if (!include) count = rl_do("clamp", a_t(count), a_i(1));
    Tensor *mean = rl_dtype_is(x->dtype, CLASS_INEXACT) ? rl_div(y, rl_cast(count, x->dtype)) : rl_do("floor_divide", a_t(y), a_t(count));
    return mean ? rl_copy_into(y, mean) : NULL;
}

static Tensor *gathered(Call *c, Tensor *t) { return rl_do("gather", a_t(t), c->arg[1], c->arg[2]); }
static Tensor *spread(Call *c, Tensor *to, Tensor *t) { return rl_do("scatter_add", a_t(to), c->arg[1], c->arg[2], a_t(t)); }
static Tensor *unindexed(Call *c, Tensor *g) { return rl_do("scatter", a_t(g), c->arg[1], c->arg[2], a_i(0)); }

static void mean_reduce_vjp(Call *c, Tensor *g, Tensor **dx) {
    bool include = c->arg[5].b;
    Tensor *x = tensor(c, 0), *ones = rl_do("ones_like", a_t(tensor(c, 3)));
    Tensor *count = spread(c, include ? rl_do("ones_like", a_t(x)) : rl_do("zeros_like", a_t(x)), ones);
    count = rl_do("masked_fill", a_t(count), a_t(rl_do("eq", a_t(count), a_i(0))), a_i(1));
    Tensor *share = rl_div(g, count);
    if (rl_need(c, 0)) dx[0] = include ? share : unindexed(c, share);
    if (rl_need(c, 3)) dx[3] = gathered(c, share);
}

/* Everyone who holds the extreme gets an equal share. */
static void extreme_reduce_vjp(Call *c, Tensor *g, Tensor **dx) {
    bool include = c->arg[5].b;
    Tensor *x = tensor(c, 0), *src = tensor(c, 3), *y = c->out[0];
    Tensor *mine = rl_cast(rl_do("eq", a_t(x), a_t(y)), g->dtype);
    if (!include) mine = unindexed(c, mine);
    Tensor *theirs = rl_cast(rl_do("eq", a_t(src), a_t(gathered(c, y))), g->dtype);
    Tensor *touched = spread(c, rl_do("zeros_like", a_t(x)), rl_do("ones_like", a_t(src)));
    Tensor *holders = spread(c, mine, theirs);
    if (!include) holders = rl_where(rl_do("eq", a_t(touched), a_i(0)), rl_do("ones_like", a_t(x)), holders);
    Tensor *share = rl_div(g, holders);
    if (rl_need(c, 0)) dx[0] = include ? rl_mul(mine, share) : unindexed(c, g);
    if (rl_need(c, 3)) dx[3] = rl_mul(theirs, gathered(c, share));
}

static bool any(Tensor *t) {
    Arg found;
    double store[2];
    t = rl_do("any", a_t(t));
    return t && rl_item(t, &found, store) && found.b;
}

/* A product without one of its factors: by division where no factor is zero, and by leaving the only zero out. */
static void product_reduce_vjp(Call *c, Tensor *g, Tensor **dx) {
    bool include = c->arg[5].b;
    Tensor *x = tensor(c, 0), *src = tensor(c, 3), *y = c->out[0];
    Tensor *src_zero = rl_do("eq", a_t(src), a_i(0)), *zeros = spread(c, rl_do("zeros_like", a_t(x)), rl_cast(src_zero, x->dtype));
    Tensor *filled_src = rl_do("masked_fill", a_t(src), a_t(src_zero), a_i(1));
    Tensor *x_zero = rl_do("eq", a_t(x), a_i(0));
    if (include) zeros = rl_add(zeros, rl_cast(x_zero, x->dtype));
    Tensor *one_zero = rl_do("scatter_reduce", a_t(include ? rl_do("masked_fill", a_t(x), a_t(x_zero), a_i(1)) : x), c->arg[1], c->arg[2], a_t(filled_src), a_str("prod"), a_b(include));
    Tensor *without = rl_where(rl_do("eq", a_t(gathered(c, zeros)), a_i(1)), rl_div(gathered(c, rl_mul(g, one_zero)), filled_src), rl_do("zeros_like", a_t(src)));
    if (rl_need(c, 3)) {
        dx[3] = rl_where(src_zero, without, rl_div(gathered(c, rl_mul(g, y)), filled_src));
        if (rl_thread.grad_mode && any(rl_do("gt", a_t(zeros), a_i(1))))
            dx[3] = rl_do("_last_derivative", a_t(dx[3]), a_str("scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are scattered to the same position in self"));
    }
    if (rl_need(c, 0)) {
        Tensor *others = rl_do("scatter_reduce", a_t(rl_do("ones_like", a_t(x))), c->arg[1], c->arg[2], a_t(src), a_str("prod"), a_b(true));
        dx[0] = include ? rl_mul(g, others) : unindexed(c, g);
    }
}

static void scatter_reduce_vjp(Call *c, Tensor **g, Tensor **dx) {
    switch (how_of(c->arg[4].str)) {
    case SUM:
        if (rl_need(c, 0)) dx[0] = c->arg[5].b ? g[0] : unindexed(c, g[0]);
        if (rl_need(c, 3)) dx[3] = gathered(c, g[0]);
        return;
    case PROD: product_reduce_vjp(c, g[0], dx); return;
    case MEAN: mean_reduce_vjp(c, g[0], dx); return;
    default: extreme_reduce_vjp(c, g[0], dx);
    }
}

/* ---- slices by number: index_select, index_add, index_copy, index_fill ------------------------------------------------------------ */

static bool check_line(Call *c, Tensor **index) {
    Tensor *t = *index;
    if (t->ndim > 1) return rl_fail(RL_INDEX_ERROR, "%s(): Index is supposed to be a vector, but got dim: %d with shape %s", c->op->parsed->name, t->ndim, rl_text_shape(t));
    if (t->dtype != RL_INT64 && t->dtype != RL_INT32) return rl_fail(RL_RUNTIME_ERROR, "%s(): Expected dtype int32 or int64 for index, but got %s", c->op->parsed->name, rl_dtypes[t->dtype].name);
    *index = rl_contiguous(rl_cast(t, RL_INT64));
    return *index != NULL;
}

/* Slice k of t along dim, as a view. */
static Tensor *slice_at(Tensor *t, int dim, int64_t k) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < t->ndim; i++)
        if (i != dim) shape[n] = t->shape[i], stride[n++] = t->stride[i];
    return rl_view(t, n, shape, stride, t->offset + (t->ndim ? k * t->stride[dim] : 0));
}

static Tensor *index_select_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2);
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    if (dim < 0 || !check_line(c, &index)) return NULL;
    if (x->ndim > 1 && !x->shape[dim] && index->numel) return rl_fail(RL_RUNTIME_ERROR, "index_select(): self indexing axis dim should be positive: dimension %d of a tensor of shape %s", dim, rl_text_shape(x));
    if (!check_numbers(c, index, x, dim)) return NULL;
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i];
    if (x->ndim) shape[dim] = index->numel;
    Tensor *y = rl_out(c, 0, x->ndim, shape, x->dtype);
    if (!y || y->numel == 0) return y;
    if (x->ndim == 0) return index->numel == 1 ? rl_copy_into(y, x) : rl_fail(RL_RUNTIME_ERROR, "index_select(): Index to scalar can have only 1 value, got %" PRId64 " value(s)", index->numel);
    const int64_t *number = rl_data(index);
    bool done, repeats = false;
    for (int i = 0; i < x->ndim; i++) repeats = repeats || (i != dim && x->shape[i] > 1 && x->stride[i] == 0);
    if (repeats && !c->dest) {             /* what is seen many times is chosen once */
        int64_t once[RL_MAX_DIMS];
        for (int i = 0; i < x->ndim; i++) once[i] = i != dim && x->stride[i] == 0 ? 1 : x->shape[i];
        Tensor *few = rl_do("index_select", a_t(rl_view(x, x->ndim, once, x->stride, x->offset)), a_i(dim), a_t(index));
        return few ? rl_copy_into(y, rl_expand(few, x->ndim, shape)) : NULL;
    }
    if (!pick_blocks(y, x, dim, number, 1, &done)) return NULL;
    if (done) return y;
    int64_t line[RL_MAX_DIMS] = {0};
    line[dim] = 1;
    Tensor *wide = rl_view(index, x->ndim, shape, line, 0);
    IndexSpec spec;
    Tensor *from = wide ? along_numbers(x, wide, dim, &spec) : NULL;
    return from && rl_loop(rl_kernels->gather[rl_size_index(rl_dtypes[x->dtype].bytes)], 3, (Tensor *[]){y, wide, from}, &spec, 2) ? y : NULL;
}

static void index_select_vjp(Call *c, Tensor **g, Tensor **dx) {
    dx[0] = rl_do("index_add", a_t(rl_zeros_meta(rl_meta(c, 0))), c->arg[1], c->arg[2], a_t(g[0]));
}

static bool source_fits(Call *c, Tensor *x, int dim, Tensor *index, Tensor *source) {
    int64_t n = source->ndim ? source->shape[dim < source->ndim ? dim : 0] : 1;
    if (index->numel != n)
        return rl_fail(c->op->data ? RL_RUNTIME_ERROR : RL_INDEX_ERROR, "%s(): Number of indices (%" PRId64 ") should be equal to the size of source in dimension %d (%" PRId64 "), its shape being %s",
                       c->op->parsed->name, index->numel, dim, n, rl_text_shape(source));
    bool same = source->ndim == x->ndim || (source->ndim <= 1 && x->ndim <= 1);
    for (int i = 0; same && i < x->ndim && x->ndim == source->ndim; i++) same = i == dim || x->shape[i] == source->shape[i];
    if (!same) return rl_fail(RL_RUNTIME_ERROR, "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = %s source.shape = %s", rl_text_shape(x), rl_text_shape(source));
    if (x->dtype != source->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "%s(): self and source expected to have the same dtype, but got (self) %s and (source) %s", c->op->parsed->name, rl_dtypes[x->dtype].word, rl_dtypes[source->dtype].word);
    return true;
}

static bool prepare_slices(Call *c, Tensor *x, int *dim, Tensor **index, Tensor *source) {
    *dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    return *dim >= 0 && apart(c, x, source) && check_line(c, index) && (!source || source_fits(c, x, *dim, *index, source)) && check_numbers(c, *index, x, *dim);
}

static Tensor *index_add_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *source = tensor(c, 3);
    int dim;
    if (!prepare_slices(c, x, &dim, &index, source)) return NULL;
    const Arg *alpha = &c->arg[4];
    if (!rl_number_is_real(x->dtype, alpha)) return NULL;
    if (alpha->tag != A_INT || alpha->i != 1) source = rl_cast(rl_do("mul", a_t(source), *alpha), x->dtype);
    Tensor *y = working_copy(c, x);
    if (!y || !source) return NULL;
    LoopFn *add = rl_kernels->binary[x->dtype][BINARY_add];
    if (y->ndim == 1 && source->ndim == 1 && index->ndim == 1) return scatter_reduced(c, y, 0, index, source, SCATTER_ADD);
    if (in_blocks(y, source) && source->ndim) return write_blocks(y, dim, index->numel, rl_data(index), 1, source, add), y;
    const int64_t *number = rl_data(index);
    for (int64_t i = 0; i < index->numel; i++) {
        Scope s = rl_scope_open();
        Tensor *to = slice_at(y, dim, number[i]), *from = slice_at(source, dim < source->ndim ? dim : 0, i);
        bool ok = to && from && rl_loop(add, 3, (Tensor *[]){to, to, from}, NULL, 1);
        rl_scope_close(s);
        if (!ok) return NULL;
    }
    return y;
}

static void index_add_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = g[0];
    if (rl_need(c, 3)) {
        const Meta *m = rl_meta(c, 3);
        Tensor *picked = rl_do("mul", a_t(rl_do("index_select", a_t(g[0]), c->arg[1], c->arg[2])), c->arg[4]);
        dx[3] = picked && picked->ndim != m->ndim ? rl_reshape(picked, m->ndim, m->shape) : picked;
    }
}

static Tensor *index_copy_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *source = tensor(c, 3);
    int dim;
    if (!prepare_slices(c, x, &dim, &index, source)) return NULL;
    Tensor *y = working_copy(c, x);
    if (in_blocks(y, source) && source->ndim) return write_blocks(y, dim, index->numel, rl_data(index), 1, source, NULL), y;
    const int64_t *number = rl_data(index);
    for (int64_t i = 0; y && i < index->numel; i++) {
        Scope s = rl_scope_open();
        bool ok = rl_copy_into(slice_at(y, dim, number[i]), slice_at(source, dim < source->ndim ? dim : 0, i));
        rl_scope_close(s);
        if (!ok) return NULL;
    }
    return y;
}

static void index_copy_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_do("index_fill", a_t(g[0]), c->arg[1], c->arg[2], a_i(0));
    if (rl_need(c, 3)) {
        const Meta *m = rl_meta(c, 3);
        Tensor *picked = rl_do("index_select", a_t(g[0]), c->arg[1], c->arg[2]);
        dx[3] = picked && picked->ndim != m->ndim ? rl_reshape(picked, m->ndim, m->shape) : picked;
    }
}

static Tensor *index_fill_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *value = c->arg[3].tag == A_TENSOR ? c->arg[3].tensor : rl_scalar(x->dtype, &c->arg[3]);
    int dim;
    if (!prepare_slices(c, x, &dim, &index, NULL) || !value) return NULL;
    if (value->ndim) return rl_fail(RL_RUNTIME_ERROR, "index_fill_ only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).", value->ndim);
    if (c->arg[3].tag != A_TENSOR && c->arg[3].tag != A_COMPLEX && !rl_number_fits((Dtype)x->dtype, &c->arg[3])) return NULL;
    if (c->arg[3].tag == A_COMPLEX && !rl_dtype_is(x->dtype, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "index_fill_(): Converting complex Scalar to non-complex type is not supported");
    bool shared = c->inplace && c->dest == x && rl_self_overlaps(x);
    if (shared && rl_requires_grad(x) && !rl_check_inplace(x)) return NULL;
    if (shared)
        rl_host.warn("Use of index_fill_ on expanded tensors is deprecated. Please clone() the tensor before performing this operation: what is written shows in all elements that share memory.");
    Tensor *y = rl_thread.failed ? NULL : working_copy(c, x);
    value = rl_cast(value, x->dtype);
    if (in_blocks(y, value)) return write_blocks(y, dim, index->numel, rl_data(index), 1, value, NULL), y;
    const int64_t *number = rl_data(index);
    for (int64_t i = 0; y && i < index->numel; i++) {
        Scope s = rl_scope_open();
        bool ok = rl_copy_into(slice_at(y, dim, number[i]), value);
        rl_scope_close(s);
        if (!ok) return NULL;
    }
    return y;
}

static void index_fill_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_do("index_fill", a_t(g[0]), c->arg[1], c->arg[2], a_i(0));
    if (rl_need(c, 3)) {       /* each written slice counts once, however often it was named */
        Tensor *written = rl_do("index_fill", a_t(rl_zeros_like(g[0])), c->arg[1], c->arg[2], a_i(1));
        dx[3] = rl_sum_all(rl_mul(g[0], written));
    }
}

/* index_reduce is scatter_reduce with one number for a whole slice. */
static Tensor *index_reduce_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 2), *source = tensor(c, 3);
    int dim;
    if (how_of(c->arg[4].str) == SUM) return rl_fail(RL_RUNTIME_ERROR, "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got sum; index_add() sums.");
    if (!prepare_slices(c, x, &dim, &index, source)) return NULL;
    int64_t line[RL_MAX_DIMS];
    for (int i = 0; i < source->ndim; i++) line[i] = i == dim ? index->numel : 1;
    Tensor *wide = source->ndim ? rl_expand(rl_reshape(index, source->ndim, line), source->ndim, source->shape) : rl_reshape(index, 0, NULL);
    return rl_do("scatter_reduce", a_t(x), a_i(dim), a_t(wide), a_t(source), c->arg[4], c->arg[5]);
}

/* ---- take, put: numbers into the flattened tensor ------------------------------------------------------------------------------------ */

static Tensor *flat_of(Tensor *x) { return rl_reshape(x, 1, (int64_t[]){x->numel}); }

static bool check_flat(Call *c, Tensor *x, Tensor *index) {
    if (index->dtype != RL_INT64) return rl_fail(RL_RUNTIME_ERROR, "%s(): Expected a long tensor for index, but got %s", strcmp(c->op->parsed->name, "put") ? c->op->parsed->name : "put_", rl_dtypes[index->dtype].word);
    if (x->numel == 0 && index->numel) return rl_fail(RL_INDEX_ERROR, "%s(): tried to take from an empty tensor", c->op->parsed->name);
    Tensor *flat = rl_contiguous(index);
    int64_t bad = flat ? rl_kernels->first_outside(flat->numel, rl_data(flat), 8, x->numel) : 0;
    if (!flat) return false;
    if (bad == flat->numel) return true;
    return rl_fail(RL_INDEX_ERROR, "out of range: tried to access index %" PRId64 " on a tensor of %" PRId64 " elements.", ((int64_t *)rl_data(flat))[bad], x->numel);
}

static Tensor *take_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 1);
    if (!check_flat(c, x, index)) return NULL;
    if (!rl_is_followed(x) && rl_is_contiguous(x)) {
        Tensor *y = rl_empty(index->ndim, index->shape, x->dtype);
        int bytes = rl_dtypes[x->dtype].bytes;
        const IndexSpec spec = {x->numel, bytes, NULL};
        Tensor *from = y ? rl_view(x, index->ndim, index->shape, (const int64_t[RL_MAX_DIMS]){0}, x->offset) : NULL;
        return from && rl_loop(rl_kernels->gather[rl_size_index(bytes)], 3, (Tensor *[]){y, index, from}, &spec, 2) ? y : NULL;
    }
    Tensor *flat = flat_of(x), *y = flat ? rl_do("_index", a_t(flat), a_ts(1, &index)) : NULL;
    return y;
}

static Tensor *put_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 1), *source = tensor(c, 2);
    if (!check_flat(c, x, index)) return NULL;
    if (index->numel != source->numel) return rl_fail(RL_RUNTIME_ERROR, "put_(): Expected source and index to have the same number of elements, but got source.numel() = %" PRId64 ", index.numel() = %" PRId64, source->numel, index->numel);
    if (x->dtype != source->dtype) return rl_fail(RL_RUNTIME_ERROR, "put_(): self and source expected to have the same dtype, but got self.dtype = %s and source.dtype = %s", rl_dtypes[x->dtype].word, rl_dtypes[source->dtype].word);
    Tensor *numbers = flat_of(index), *y = numbers ? rl_do("index_put", a_t(flat_of(x)), a_ts(1, &numbers), a_t(flat_of(source)), c->arg[3]) : NULL;
    return y ? rl_reshape(y, x->ndim, x->shape) : NULL;
}

static Tensor *take_along_dim_forward(Call *c) {
    Tensor *x = tensor(c, 0), *index = tensor(c, 1);
    if (index->dtype != RL_INT64) return rl_fail(RL_RUNTIME_ERROR, "torch.take_along_dim(): dtype of indices should be Long but got %s", rl_dtypes[index->dtype].word);
    if (c->arg[2].tag != A_INT) return rl_do("gather", a_t(flat_of(x)), a_i(0), a_t(flat_of(index)));
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    if (dim < 0) return NULL;
    if (x->ndim != index->ndim) return rl_fail(RL_RUNTIME_ERROR, "torch.take_along_dim(): input and indices should have the same number of dimensions, but got %d dimensions for input, and %d dimensions for indices", x->ndim, index->ndim);
    int64_t a[RL_MAX_DIMS], b[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) {
        if (x->shape[i] != index->shape[i] && x->shape[i] != 1 && index->shape[i] != 1 && i != dim)
            return rl_fail(RL_RUNTIME_ERROR, "The size of tensor a (%" PRId64 ") must match the size of tensor b (%" PRId64 ") at non-singleton dimension %d", x->shape[i], index->shape[i], i);
        a[i] = b[i] = x->shape[i] == 1 ? index->shape[i] : x->shape[i];
    }
    a[dim] = x->shape[dim];
    b[dim] = index->shape[dim];
    Tensor *negative = rl_do("lt", a_t(index), a_i(0));
    index = rl_where(negative, rl_do("add", a_t(index), a_i(x->shape[dim])), index);
    return rl_do("gather", a_t(rl_expand(x, x->ndim, a)), a_i(dim), a_t(rl_expand(index, x->ndim, b)));
}

/* ---- nonzero --------------------------------------------------------------------------------------------------------------------------- */

static Tensor *nonzero_forward(Call *c) {
    Tensor *x = tensor(c, 0), *mask = x->dtype == RL_BOOL ? x : rl_cast(x, RL_BOOL), *flat = rl_contiguous(mask);
    if (!flat) return NULL;
    const uint8_t *set = rl_data(flat);
    int64_t n = 0, at[RL_MAX_DIMS] = {0};
    for (int64_t i = 0; i < flat->numel; i++) n += set[i] != 0;
    int64_t shape[2] = {n, x->ndim}, stride[2] = {1, n}, found = 0;      /* one list per dim */
    Tensor *y = rl_empty_strided(2, shape, stride, RL_INT64);
    if (!y || !x->ndim) return y;
    int64_t *out = rl_data(y), length = x->shape[x->ndim - 1];
    for (int last = x->ndim - 1; found < n; set += length) {              /* a line of the last dim at a time, without a branch on what is a coin toss */
        int64_t before = found;
        for (int64_t j = 0; j < length && found < n; j++) {
            out[last * n + found] = j;
            found += set[j] != 0;
        }
        for (int d = 0; d < last; d++)
            for (int64_t k = before; k < found; k++) out[d * n + k] = at[d];
        for (int d = last - 1; d >= 0 && ++at[d] == x->shape[d]; d--) at[d] = 0;
    }
    return y;
}

static Tensor *argwhere_forward(Call *c) { return rl_do("nonzero", c->arg[0]); }

static Tensor *nonzero_tuple_forward(Call *c) {
    Tensor *x = tensor(c, 0), *places = rl_do("nonzero", a_t(x->ndim ? x : rl_unsqueeze(x, 0)));
    int n = x->ndim ? x->ndim : 1;
    Tensor **out = places ? rl_outputs(c, n) : NULL;
    for (int d = 0; out && d < n; d++)
        if (!(out[d] = rl_select(places, 1, d))) return NULL;
    return out ? out[0] : NULL;
}

static Tensor *nonzero_static_forward(Call *c) {
    Tensor *places = rl_do("nonzero", c->arg[0]);
    int64_t size = c->arg[1].i;
    if (!places) return NULL;
    if (size < 0) return rl_fail(RL_RUNTIME_ERROR, "nonzero_static: 'size' must be an non-negative integer, not %" PRId64, size);
    Tensor *y = rl_fill(rl_empty(2, (int64_t[]){size, places->shape[1]}, RL_INT64), &c->arg[2]);
    int64_t n = size < places->shape[0] ? size : places->shape[0];
    return y && (n == 0 || rl_copy_into(rl_narrow(y, 0, 0, n), rl_narrow(places, 0, 0, n))) ? y : NULL;
}

Op rl_scatter_ops[] = {
    {
        .sig = "gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor", .flags = EXACT_OUT | NO_OVERLAP, .where = FUNCTION | METHOD | OUT, .saves = SAVE(2),
        .doc = "Elements chosen along dim by numbers: out[i][j] = input[index[i][j]][j] for dim 0.\n\n"
               ">>> rl.gather(rl.tensor([[1, 2], [3, 4]]), 1, rl.tensor([[0], [1]]))\ntensor([[1],\n        [4]])",
        .forward = gather_forward, .vjp = gather_vjp, .samples = "x(3, 4), 1, idx(4, 3, 2); x(3, 4), 0, idx(3, 2, 4); x(5), 0, idx(5, 3)",
    },
    {
        .sig = "scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Number) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .saves = SAVE(2),
        .doc = "A copy of input with src written along dim at the numbers.\n\n>>> rl.scatter(rl.zeros(3), 0, rl.tensor([2]), 5.0)\ntensor([0., 0., 5.])",
        .forward = scatter_forward, .vjp = scatter_vjp, .samples = "x(3, 4), 1, idx(4, 3, 1), x(3, 1); x(3, 4), 0, idx(3, 1, 4), 2",
    },
    {
        .sig = "scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Number, *, reduce: str) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT,
        .doc = "A copy of input with src added to, or multiplied with, what lies at the numbers; reduce is 'add' or 'multiply'. Not differentiable: see scatter_reduce.\n\n"
               ">>> rl.scatter(rl.ones(2), 0, rl.tensor([1, 1]), 2.0, reduce='add')\ntensor([1., 5.])",
        .forward = scatter_with_reduce_forward, .samples = "x(3, 4), 1, idx(4, 3, 2), x(3, 2), reduce='add'",
    },
    {
        .sig = "scatter(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .saves = SAVE(2),
        .doc = "scatter with its number called value.\n\n>>> rl.scatter(rl.zeros(3), 0, rl.tensor([2]), value=5.0)\ntensor([0., 0., 5.])",
        .forward = scatter_forward, .vjp = scatter_vjp, .samples = "x(3, 4), 0, idx(3, 1, 4), 2",
    },
    {
        .sig = "scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .saves = SAVE(2),
        .doc = "A copy of input with src added along dim at the numbers.\n\n>>> rl.scatter_add(rl.zeros(2), 0, rl.tensor([1, 1]), rl.ones(2))\ntensor([0., 2.])",
        .forward = scatter_add_forward, .vjp = scatter_add_vjp, .samples = "x(3, 4), 1, idx(4, 3, 2), x(3, 2); x(3, 4), 0, idx(3, 5, 4), x(5, 4)",
    },
    {
        .sig = "scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT,
        .saves = SAVE(0) | SAVE(2) | SAVE(3) | SAVE_OUT(0),
        .doc = "A copy of input reduced with src along dim at the numbers: sum, prod, mean, amax or amin; include_self=False leaves input's own element out where src comes.\n\n"
               ">>> rl.scatter_reduce(rl.zeros(2), 0, rl.tensor([1, 1]), rl.tensor([3., 4.]), 'amax')\ntensor([0., 4.])",
        .forward = scatter_reduce_forward, .vjp = scatter_reduce_vjp,
        .samples = "x(3, 4), 1, idx(4, 3, 2), x(3, 2), 'sum'; x(3, 4), 1, idx(4, 3, 2), x(3, 2), 'amax'; x(3, 4), 1, idx(4, 3, 2), x(3, 2), 'mean', include_self=False; x(3, 4), 1, idx(4, 3, 2), x(3, 2), 'prod'",
    },
    {
        .sig = "index_select(input: Tensor, dim: int, index: Tensor) -> Tensor", .flags = TAKES_BARE | EXACT_OUT, .where = FUNCTION | METHOD | OUT, .saves = SAVE(2),
        .doc = "Slices along dim, by number.\n\n>>> rl.index_select(rl.tensor([5, 6, 7]), 0, rl.tensor([2, 0]))\ntensor([7, 5])",
        .forward = index_select_forward, .vjp = index_select_vjp, .samples = "x(3, 4), 0, idx(3, 2); x(3, 4), 1, idx(4, 5); x(3, 4), 1, idx(4, 0)",
    },
    {
        .sig = "index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .saves = SAVE(2), .data = 1,
        .doc = "A copy with alpha times the slices of source added at the numbers.\n\n>>> rl.index_add(rl.zeros(2), 0, rl.tensor([1, 1]), rl.ones(2))\ntensor([0., 2.])",
        .forward = index_add_forward, .vjp = index_add_vjp, .samples = "x(3, 4), 0, idx(3, 2), x(2, 4); x(3, 4), 1, idx(4, 5), x(3, 5), alpha=2",
    },
    {
        .sig = "index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | INPLACE | OUT, .saves = SAVE(2),
        .doc = "A copy with the slices of source written at the numbers.\n\n>>> rl.index_copy(rl.zeros(2), 0, rl.tensor([1]), rl.ones(1))\ntensor([0., 1.])",
        .forward = index_copy_forward, .vjp = index_copy_vjp, .samples = "x(3, 4), 0, idx(3, 1), x(1, 4)",
    },
    {
        .sig = "index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor", .where = FUNCTION | METHOD | INPLACE, .saves = SAVE(2), .flags = OVERLAPS,
        .doc = "A copy with a value written to the slices at the numbers.\n\n>>> rl.index_fill(rl.zeros(2), 0, rl.tensor([1]), 3)\ntensor([0., 3.])",
        .forward = index_fill_forward, .vjp = index_fill_vjp, .samples = "x(3, 4), 0, idx(3, 1), 2; x(3, 4), 1, idx(4, 2), x()",
    },
    {
        .sig = "index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE | EXACT_OUT, .data = 1,
        .doc = "A copy reduced with the slices of source at the numbers: prod, mean, amax or amin.\n\n"
               ">>> rl.index_reduce(rl.ones(2), 0, rl.tensor([1, 1]), rl.tensor([2., 3.]), 'prod')\ntensor([1., 6.])",
        .forward = index_reduce_forward, .samples = "x(3, 4), 0, idx(3, 2), x(2, 4), 'amax'",
    },
    {
        .sig = "take(input: Tensor, index: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT | NO_OVERLAP,
        .doc = "Elements by number in reading order.\n\n>>> rl.take(rl.tensor([[1, 2], [3, 4]]), rl.tensor([0, 3]))\ntensor([1, 4])",
        .forward = take_forward, .samples = "x(3, 4), idx(12, 2, 2)",
    },
    {
        .sig = "put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor", .where = FUNCTION | METHOD | INPLACE, .flags = COMPOSITE,
        .doc = "A copy with source written, or added, by number in reading order.\n\n>>> rl.put(rl.zeros(2), rl.tensor([1]), rl.ones(1))\ntensor([0., 1.])",
        .forward = put_forward, .samples = "x(3, 4), idx(12, 2), x(2), True",
    },
    {
        .sig = "take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "gather() that broadcasts; without dim, over the flattened tensor.\n\n>>> rl.take_along_dim(rl.tensor([[1, 2]]), rl.tensor([[1]]), 1)\ntensor([[2]])",
        .forward = take_along_dim_forward, .samples = "x(3, 4), idx(4, 3, 2), 1; x(3, 4), idx(12, 5)",
    },
    {
        .sig = "nonzero(input: Tensor) -> Tensor", .where = PRIVATE | OUT, .flags = EXACT_OUT,
        .doc = "Positions of the elements that are not zero, one row each; rl.nonzero adds as_tuple.\n\n>>> rl.nonzero(rl.tensor([0, 5, 6]))\ntensor([[1],\n        [2]])",
        .forward = nonzero_forward, .samples = "mask(3, 4); x(0, 2)",
    },
    {
        .sig = "argwhere(input: Tensor) -> Tensor", .where = FUNCTION | METHOD, .flags = COMPOSITE,
        .doc = "Positions of the elements that are not zero, one row each.\n\n>>> rl.argwhere(rl.tensor([0, 5]))\ntensor([[1]])",
        .forward = argwhere_forward, .samples = "mask(3, 4); x(0, 2)",
    },
    {
        .sig = "_nonzero_tuple(input: Tensor) -> tuple[Tensor, ...]", .where = PRIVATE, .flags = COMPOSITE,
        .doc = "The same as one tensor per dim, fit for indexing.\n\n>>> rl._C._ops._nonzero_tuple(rl.tensor([0, 5]))\n(tensor([1]),)",
        .forward = nonzero_tuple_forward, .samples = "mask(3, 4)",
    },
    {
        .sig = "nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "nonzero() cut or padded to `size` rows.\n\n>>> rl.nonzero_static(rl.tensor([0, 5]), size=2)\ntensor([[ 1],\n        [-1]])",
        .forward = nonzero_static_forward, .samples = "mask(3, 4), size=5",
    },
    {0},
};
