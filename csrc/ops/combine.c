/* combine.c -- tensors put together and taken apart: cat and stack, split and unbind, repetition, flips and rolls. */
#include "rushlight.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- cat, stack --------------------------------------------------------------------------------------------------------- */

static bool is_legacy_empty(const Tensor *t) { return t->ndim == 1 && t->shape[0] == 0; }     /* torch lets shape [0] join anything */

static Tensor *first_real(const Arg *list) {
    for (int i = 0; i < list->n; i++)
        if (!is_legacy_empty(list->tensors[i])) return list->tensors[i];
    return list->tensors[0];
}

static bool check_cat(const Arg *list, const Tensor *like, int dim) {
    for (int i = 0; i < list->n; i++) {
        const Tensor *t = list->tensors[i];
        if (is_legacy_empty(t)) continue;
        if (t->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "zero-dimensional tensor (at position %d) cannot be concatenated", i);
        if (t->ndim != like->ndim)
            return rl_fail(RL_RUNTIME_ERROR, "Tensors must have same number of dimensions: got %d and %d (tensor %d has shape %s, the first %s)", like->ndim, t->ndim, i, rl_text_shape(t), rl_text_shape(like));
        for (int d = 0; d < t->ndim; d++)
            if (d != dim && t->shape[d] != like->shape[d])
                return rl_fail(RL_RUNTIME_ERROR, "Sizes of tensors must match except in dimension %d. Expected size %" PRId64 " but got size %" PRId64 " for tensor number %d in the list (shapes %s and %s).",
                               dim, like->shape[d], t->shape[d], i, rl_text_shape(like), rl_text_shape(t));
    }
    return true;
}

/* All in the same channels-last layout: so is the result. */
static bool all_channels_last(const Arg *list) {
    for (int i = 0; i < list->n; i++)
        if (list->tensors[i]->ndim != list->tensors[0]->ndim || !rl_steps_channels_last(list->tensors[i])) return false;
    return list->n > 0;
}

/* Row-major tensors of one dtype whose parts alternate in the result: for each place of the dims before, one run of each. */
typedef struct Join { int n; Tensor *const *list; char *to; int64_t outer, bytes, row; } Join;

static void join_range(int64_t begin, int64_t end, void *state) {
    const Join *j = state;
    char *to = j->to + begin * j->row;
    for (int64_t o = begin; o < end; o++)
        for (int i = 0; i < j->n; i++) {
            size_t run = (size_t)(j->list[i]->numel / j->outer * j->bytes);
            memcpy(to, (const char *)rl_data(j->list[i]) + (size_t)o * run, run);
            to += run;
        }
}

/* *done: whether the result has been filled; what does not alternate, or by too little at a time, is left to copies of the parts. */
static bool join_rows(Tensor *y, int dim, int n, Tensor *const *list, bool *done) {
    enum { WORTH = 64 };
    Join j = {n, list, NULL, 1, rl_dtype_bytes(y->dtype), 0};
    for (int d = 0; d < dim; d++) j.outer *= y->shape[d];
    *done = false;
    if (j.outer < 2 || y->numel == 0 || !rl_is_contiguous(y)) return true;
    j.row = y->numel / j.outer * j.bytes;
    for (int i = 0; i < n; i++)
        if (list[i]->dtype != y->dtype || !rl_is_contiguous(list[i]) || (list[i]->numel && list[i]->numel / j.outer * j.bytes < WORTH) || rl_overlap(y, list[i]) != OVERLAP_NONE) return true;
    j.to = rl_data(y);
    *done = true;
    return rl_parallel_for(j.outer, 1 + 200000 / j.row, join_range, &j);
}

static Tensor *cat_forward(Call *c) {
    const Arg *list = &c->arg[0];
    if (list->n == 0) return rl_fail(RL_VALUE_ERROR, "expected a non-empty list of Tensors");
    Tensor *like = first_real(list);
    for (int i = 0; i < list->n; i++)
        if (list->tensors[i]->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "zero-dimensional tensor (at position %d) cannot be concatenated", i);
    int dim = is_legacy_empty(like) ? 0 : rl_wrap_dim(like->ndim, c->arg[1].i);
    if (dim < 0 || !check_cat(list, like, dim)) return NULL;
    int64_t shape[RL_MAX_DIMS], at = 0;
    memcpy(shape, like->shape, (size_t)like->ndim * sizeof *shape);
    shape[dim] = 0;
    for (int i = 0; i < list->n; i++)
        if (!is_legacy_empty(list->tensors[i])) shape[dim] += list->tensors[i]->shape[dim];
    Dtype dtype = rl_result_type(1, c->arg);
    if (rl_thread.failed) return NULL;
    Tensor *y = rl_out(c, 0, like->ndim, shape, dtype);
    if (y && !c->dest && all_channels_last(list)) {
        Tensor picture = *y;
        y = c->out[0] = rl_empty_in_format(&picture, dtype, &(Arg){.tag = A_INT, .i = like->ndim == 4 ? FORMAT_CHANNELS_LAST : FORMAT_CHANNELS_LAST_3D});
    }
    bool done = false;
    if (!y || !join_rows(y, dim, list->n, list->tensors, &done)) return NULL;
    for (int i = 0; !done && i < list->n; i++) {
        Tensor *t = list->tensors[i];
        if (is_legacy_empty(t)) continue;
        Scope s = rl_scope_open();
        shape[dim] = t->shape[dim];
        bool ok = t->numel == 0 || rl_copy_into(rl_view(y, y->ndim, shape, y->stride, y->offset + at * y->stride[dim]), t);
        rl_scope_close(s);
        if (!ok) return NULL;
        at += t->shape[dim];
    }
    return y;
}

static void cat_vjp(Call *c, Tensor **g, Tensor **dx) {
    int dim = is_legacy_empty(g[0]) ? 0 : rl_wrap_dim(g[0]->ndim, c->arg[1].i);
    int64_t at = 0;
    for (int i = 0; i < c->arg[0].n; i++) {
        const Meta *m = rl_meta(c, i);
        if (m->ndim == 1 && m->shape[0] == 0) {
            if (rl_need(c, i)) dx[i] = rl_zeros_meta(m);
            continue;
        }
        if (rl_need(c, i)) dx[i] = rl_narrow(g[0], dim, at, m->shape[dim]);
        at += m->shape[dim];
    }
}

static bool check_stack(const Arg *list) {
    if (list->n == 0) return rl_fail(RL_RUNTIME_ERROR, "stack expects a non-empty TensorList");
    for (int i = 1; i < list->n; i++)
        if (!rl_same_shape(list->tensors[0], list->tensors[i]))
            return rl_fail(RL_RUNTIME_ERROR, "stack expects each tensor to be equal size, but got %s at entry 0 and %s at entry %d", rl_text_shape(list->tensors[0]), rl_text_shape(list->tensors[i]), i);
    return true;
}

static Tensor *stack_forward(Call *c) {
    const Arg *list = &c->arg[0];
    if (!check_stack(list)) return NULL;
    Tensor *like = list->tensors[0];
    int dim = rl_wrap_dim(like->ndim + 1, c->arg[1].i);
    if (dim < 0) return NULL;
    int64_t shape[RL_MAX_DIMS + 1], stride[RL_MAX_DIMS];
    for (int i = 0; i < like->ndim; i++) shape[i + (i >= dim)] = like->shape[i];
    shape[dim] = list->n;
    Dtype dtype = rl_result_type(1, c->arg);
    Tensor *y = rl_thread.failed ? NULL : rl_out(c, 0, like->ndim + 1, shape, dtype);
    bool done = false;
    if (!y || !join_rows(y, dim, list->n, list->tensors, &done)) return NULL;
    for (int i = 0; i < like->ndim; i++) stride[i] = y->stride[i + (i >= dim)];
    for (int i = 0; !done && i < list->n; i++) {
        Scope s = rl_scope_open();
        bool ok = rl_copy_into(rl_view(y, like->ndim, like->shape, stride, y->offset + i * y->stride[dim]), list->tensors[i]);
        rl_scope_close(s);
        if (!ok) return NULL;
    }
    return y;
}

static void stack_vjp(Call *c, Tensor **g, Tensor **dx) {
    for (int i = 0; i < c->arg[0].n; i++)
        if (rl_need(c, i)) dx[i] = rl_select(g[0], c->arg[1].i, i);
}

/* hstack, vstack, dstack: each tensor gets at least data dims, then cat along data2. */
static Tensor *at_least(Tensor *t, int dims) {
    if (!t || t->ndim >= dims) return t;
    if (t->ndim == 0) return rl_reshape(t, dims, (int64_t[]){1, 1, 1});
    if (dims == 2) return rl_unsqueeze(t, 0);
    return rl_unsqueeze(t->ndim == 1 ? rl_unsqueeze(t, 0) : t, -1);
}

static Tensor *cat_along_forward(Call *c) {
    const Arg *list = &c->arg[0];
    if (list->n == 0) return rl_fail(RL_RUNTIME_ERROR, "%s expects a non-empty TensorList", c->op->parsed->name);
    Tensor **wide = rl_scope_bytes(list->n * (int64_t)sizeof *wide);
    if (!wide) return NULL;
    for (int i = 0; i < list->n; i++)
        if (!(wide[i] = at_least(list->tensors[i], c->op->data))) return NULL;
    int dim = c->op->data2;
    if (dim == 1 && wide[0]->ndim == 1) dim = 0;        /* hstack of vectors */
    return rl_cat(list->n, wide, dim);
}

static Tensor *column_stack_forward(Call *c) {
    const Arg *list = &c->arg[0];
    if (list->n == 0) return rl_fail(RL_RUNTIME_ERROR, "column_stack expects a non-empty TensorList");
    Tensor **wide = rl_scope_bytes(list->n * (int64_t)sizeof *wide);
    for (int i = 0; wide && i < list->n; i++) {
        Tensor *t = list->tensors[i];
        wide[i] = t->ndim <= 1 ? rl_reshape(t, 2, (int64_t[]){t->numel, 1}) : t;
    }
    return wide ? rl_cat(list->n, wide, 1) : NULL;
}

static Tensor *at_least_forward(Call *c) {
    Tensor *t = c->arg[0].tensor;
    return c->op->data == 1 ? (t->ndim ? t : rl_reshape(t, 1, (int64_t[]){1})) : at_least(t, c->op->data);
}

/* ---- split ----------------------------------------------------------------------------------------------------------------- */

/* n pieces of the given lengths along dim: one node, several views. */
static bool cut(Call *c, Tensor *x, int dim, int n, const int64_t *length) {
    Tensor **out = rl_outputs(c, n);
    int64_t shape[RL_MAX_DIMS], at = 0;
    if (!out) return false;
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    for (int i = 0; i < n; i++) {
        shape[dim] = length[i];
        out[i] = rl_view(x, x->ndim, shape, x->stride, x->offset + at * x->stride[dim]);
        if (!out[i]) return false;
        at += length[i];
    }
    return true;
}

static void cut_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    int dim = rl_wrap_dim(m->ndim, c->arg[2].i);
    Tensor **piece = rl_scope_bytes((c->nout ? c->nout : 1) * (int64_t)sizeof *piece);
    for (int i = 0; piece && i < c->nout; i++) piece[i] = g[i] ? g[i] : rl_zeros_meta(rl_out_meta(c, i));
    if (piece) dx[0] = c->nout ? rl_cat(c->nout, piece, dim) : rl_zeros_meta(m);
}

static Tensor *split_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t size = c->arg[1].i;
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "split expects at least a 1-dimensional tensor");
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    if (dim < 0) return NULL;
    if (size < 0) return rl_fail(RL_RUNTIME_ERROR, "split expects split_size be non-negative, but got split_size=%" PRId64, size);
    int64_t all = x->shape[dim];
    if (size == 0 && all) return rl_fail(RL_RUNTIME_ERROR, "split_size can only be 0 if dimension size is 0, but got dimension size of %" PRId64, all);
    int64_t n = size && all ? (all - 1) / size + 1 : 1, *length = rl_scope_bytes(n * 8);
    if (!length) return NULL;
    for (int64_t i = 0; i < n; i++) length[i] = i + 1 < n ? size : all - (n - 1) * size;
    return cut(c, x, dim, (int)n, length) ? c->out[0] : NULL;
}

static Tensor *split_with_sizes_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *sizes = &c->arg[1];
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "split_with_sizes expects at least a 1-dimensional tensor");
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    int64_t sum = 0;
    if (dim < 0) return NULL;
    for (int i = 0; i < sizes->n; i++) {
        if (sizes->ints[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=%s", rl_text_sizes(sizes->n, sizes->ints));
        if (!rl_add_size(sum, sizes->ints[i], &sum)) sum = INT64_MAX;
    }
    if (sum != x->shape[dim])
        return rl_fail(RL_RUNTIME_ERROR, "split_with_sizes expects split_sizes to sum exactly to %" PRId64 " (input tensor's size at dimension %d), but got split_sizes=%s", x->shape[dim], dim, rl_text_sizes(sizes->n, sizes->ints));
    return cut(c, x, dim, sizes->n, sizes->ints) ? c->out[0] : NULL;
}

/* Rows that only choose the lengths hand their list on. */
static Tensor *hand_over(Call *c, Op *op, int n, const Arg *args) {
    Arg full[RL_MAX_ARGS];
    Call inner = {.op = op, .arg = full};
    memcpy(full, args, (size_t)n * sizeof *args);
    for (int k = n; k < op->parsed->nparams; k++) full[k] = op->parsed->param[k].value;
    if (!rl_call(&inner)) return NULL;
    Tensor **out = rl_outputs(c, inner.nout);
    if (!out) return NULL;
    memcpy(out, inner.out, (size_t)inner.nout * sizeof *out);
    return inner.nout ? out[0] : NULL;
}

/* Views that may be written to although one call made them all. */
static Tensor *unsafe_forward(Call *c) {
    hand_over(c, rl_find(c->op->parsed->name + strlen("unsafe_")), 3, c->arg);
    for (int k = 0; k < c->nout; k++)
        if (c->out[k]) c->out[k]->flags &= (uint16_t)~T_MULTI_VIEW;
    return c->out[0];
}

static Tensor *split_list_forward(Call *c) { return hand_over(c, RL_OP("split_with_sizes"), 3, c->arg); }

enum { MOST_PARTS = 1 << 28 };    /* a list of more tensors does not fit into memory */

static Tensor *chunk_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t chunks = c->arg[1].i;
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "chunk expects at least a 1-dimensional tensor");
    if (chunks <= 0) return rl_fail(RL_RUNTIME_ERROR, "chunk expects `chunks` to be greater than 0, got: %" PRId64, chunks);
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    if (dim < 0) return NULL;
    int64_t all = x->shape[dim], size = all / chunks + (all % chunks != 0);
    if (all) return hand_over(c, RL_OP("split"), 3, (Arg[]){c->arg[0], a_i(size), a_i(dim)});
    if (chunks > MOST_PARTS) return rl_fail_memory(INT64_MAX);
    int64_t *zeros = rl_scope_bytes(chunks * 8);
    if (!zeros) return NULL;
    memset(zeros, 0, (size_t)chunks * 8);
    return hand_over(c, RL_OP("split_with_sizes"), 3, (Arg[]){c->arg[0], a_ints((int)chunks, zeros), a_i(dim)});
}

static Tensor *split_at(Call *c, const Arg *input, int n, const int64_t *at, int dim) {
    int64_t all = input->tensor->shape[dim], *start = rl_scope_bytes((n + 2) * 8), from = 0;
    Tensor **out = rl_outputs(c, n + 1);
    if (!start || !out) return NULL;
    for (int i = 0; i <= n; i++) {
        int64_t to = i < n ? at[i] : all;
        out[i] = rl_do("_slice", *input, a_i(dim), a_i(from), a_i(to));
        if (!out[i]) return NULL;
        from = to;
    }
    return out[0];
}

static Tensor *sections(Call *c, int64_t n, int64_t dim64) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, dim64);
    if (dim < 0) return NULL;
    if (n <= 0) return rl_fail(RL_RUNTIME_ERROR, "number of sections must be larger than 0, got %" PRId64, n);
    if (n > MOST_PARTS) return rl_fail_memory(INT64_MAX);
    int64_t all = x->shape[dim], *at = rl_scope_bytes(n * 8), sum = 0;
    if (!at) return NULL;
    for (int64_t i = 0; i < n - 1; i++) at[i] = sum += all / n + (i < all % n);
    return split_at(c, &c->arg[0], (int)n - 1, at, dim);
}

static Tensor *tensor_split_forward(Call *c) {
    if (!c->arg[0].tensor->ndim) return rl_fail(RL_RUNTIME_ERROR, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
    return sections(c, c->arg[1].i, c->arg[2].i);
}

static Tensor *tensor_split_by_tensor_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *at = c->arg[1].tensor;
    if (at->dtype != RL_INT64) return rl_fail(RL_RUNTIME_ERROR, "tensor_split expected tensor_indices_or_sections to have dtype of long, but got %s", rl_dtypes[at->dtype].word);
    if (at->ndim > 1) return rl_fail(RL_RUNTIME_ERROR, "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with %d dims", at->ndim);
    if (!x->ndim) return rl_fail(RL_RUNTIME_ERROR, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    if (dim < 0 || !(at = rl_contiguous(at))) return NULL;
    const int64_t *number = rl_data(at);
    return at->ndim ? split_at(c, &c->arg[0], (int)at->numel, number, dim) : sections(c, number[0], dim);
}

static Tensor *tensor_split_at_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (!x->ndim) return rl_fail(RL_RUNTIME_ERROR, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    return dim < 0 ? NULL : split_at(c, &c->arg[0], c->arg[1].n, c->arg[1].ints, dim);
}

/* hsplit, vsplit, dsplit: data is the dim, data2 the dims that the input must have. */
static int split_dim(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (x->ndim < c->op->data2) {
        rl_fail(RL_RUNTIME_ERROR, "torch.%s requires a tensor with at least %d dimension%s, but got a tensor with %d dimensions!", c->op->parsed->name, c->op->data2, c->op->data2 > 1 ? "s" : "", x->ndim);
        return -1;
    }
    return c->op->data == 1 && x->ndim == 1 ? 0 : c->op->data;
}

static Tensor *split_sections_forward(Call *c) {
    int dim = split_dim(c);
    int64_t n = c->arg[1].i;
    if (dim < 0) return NULL;
    if (n <= 0 || c->arg[0].tensor->shape[dim] % n)
        return rl_fail(RL_RUNTIME_ERROR, "torch.%s attempted to split along dimension %d, but the size of the dimension %" PRId64 " is not divisible by the split_size %" PRId64 "!", c->op->parsed->name, dim, c->arg[0].tensor->shape[dim], n);
    return sections(c, n, dim);
}

static Tensor *split_indices_forward(Call *c) {
    int dim = split_dim(c);
    return dim < 0 ? NULL : split_at(c, &c->arg[0], c->arg[1].n, c->arg[1].ints, dim);
}

static Tensor *unbind_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (!x->ndim) return rl_fail(RL_INDEX_ERROR, "Dimension specified as %" PRId64 " but tensor has no dimensions", c->arg[1].i);
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i), n = 0;
    if (dim < 0) return NULL;
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++)
        if (i != dim) shape[n] = x->shape[i], stride[n++] = x->stride[i];
    Tensor **out = rl_outputs(c, (int)x->shape[dim]);
    for (int64_t i = 0; out && i < x->shape[dim]; i++)
        if (!(out[i] = rl_view(x, n, shape, stride, x->offset + i * x->stride[dim]))) return NULL;
    return out && x->shape[dim] ? out[0] : NULL;
}

static void unbind_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor **piece = rl_scope_bytes((c->nout ? c->nout : 1) * (int64_t)sizeof *piece);
    for (int i = 0; piece && i < c->nout; i++) piece[i] = g[i] ? g[i] : rl_zeros_meta(rl_out_meta(c, i));
    if (piece) dx[0] = rl_do("stack", a_ts(c->nout, piece), c->arg[1]);
}

/* ---- repeat, tile, flip, roll ------------------------------------------------------------------------------------------------ */

static Tensor *repeat_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *times = &c->arg[1];
    int lead = times->n - x->ndim, n = times->n;
    int64_t shape[RL_MAX_DIMS], wide_shape[2 * RL_MAX_DIMS], wide_stride[2 * RL_MAX_DIMS];
    if (lead < 0)
        return rl_fail(RL_RUNTIME_ERROR, "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: repeats %s, shape %s", rl_text_sizes(times->n, times->ints), rl_text_shape(x));
    if (2 * n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "repeat(): at most %d dimensions", RL_MAX_DIMS / 2);
    for (int i = 0; i < n; i++) {
        int64_t size = i < lead ? 1 : x->shape[i - lead];
        if (times->ints[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "Trying to create tensor with negative dimension %" PRId64 ": repeats are %s", times->ints[i] * size, rl_text_sizes(n, times->ints));
        if (!rl_mul_size(size, times->ints[i], &shape[i])) return rl_fail_memory(INT64_MAX);
        wide_shape[2 * i] = times->ints[i];
        wide_stride[2 * i] = 0;
        wide_shape[2 * i + 1] = size;
        wide_stride[2 * i + 1] = i < lead ? 0 : x->stride[i - lead];
    }
    Tensor *y = rl_empty(n, shape, x->dtype);
    if (!y || y->numel == 0) return y;
    int64_t y_stride[2 * RL_MAX_DIMS];
    for (int i = 0; i < n; i++) y_stride[2 * i + 1] = y->stride[i], y_stride[2 * i] = y->stride[i] * wide_shape[2 * i + 1];
    return rl_copy_into(rl_view(y, 2 * n, wide_shape, y_stride, 0), rl_view(x, 2 * n, wide_shape, wide_stride, x->offset)) ? y : NULL;
}

static void repeat_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    const Arg *times = &c->arg[1];
    int64_t shape[2 * RL_MAX_DIMS], dims[RL_MAX_DIMS];
    int lead = times->n - m->ndim;
    if (g[0]->numel == 0) {
        dx[0] = rl_zeros_meta(m);
        return;
    }
    for (int i = 0; i < times->n; i++) {
        shape[2 * i] = times->ints[i];
        shape[2 * i + 1] = i < lead ? 1 : m->shape[i - lead];
        dims[i] = 2 * i;
    }
    bool pairs = true;             /* two halves are added at once, without the bookkeeping of longer sums */
    for (int i = 0; i < times->n; i++) pairs = pairs && (times->ints[i] == 1 || times->ints[i] == 2);
    Tensor *sum = times->n ? rl_reshape(g[0], 2 * times->n, shape) : g[0];
    if (!pairs) sum = rl_sum(sum, times->n, dims, false);
    for (int i = times->n - 1; pairs && i >= 0; i--)
        if (times->ints[i] == 2) sum = rl_add(rl_select(sum, 2 * i, 0), rl_select(sum, 2 * i, 1));
    dx[0] = rl_reshape(sum, m->ndim, m->shape);
}

static Tensor *tile_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int64_t times[RL_MAX_DIMS];
    int n = c->arg[1].n > x->ndim ? c->arg[1].n : x->ndim;
    if (n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    for (int i = 0; i < n; i++) times[i] = i < n - c->arg[1].n ? 1 : c->arg[1].ints[i - (n - c->arg[1].n)];
    return rl_do("repeat", a_t(x), a_ints(n, times));
}

/* A view with negative strides does not exist for anyone else; here it lasts for one copy. */
static Tensor *flip_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    bool mask[RL_MAX_DIMS];
    if (!rl_wrap_dims(x->ndim, c->arg[1].n, c->arg[1].ints, mask)) return NULL;
    if (rl_is_bare(x->dtype) && x->numel > 1 && mask[x->ndim - 1])      /* the others torch moves as whole lines */
        return rl_fail(RL_NOT_IMPLEMENTED, "\"flip_cpu\" not implemented for '%s' along the last dim", rl_dtypes[x->dtype].word);
    Tensor *y = rl_empty_like(x, x->dtype);
    if (!y || x->numel == 0) return y;
    int64_t stride[RL_MAX_DIMS], offset = x->offset;
    for (int i = 0; i < x->ndim; i++) {
        stride[i] = mask[i] ? -x->stride[i] : x->stride[i];
        if (mask[i]) offset += (x->shape[i] - 1) * x->stride[i];
    }
    return rl_copy_into(y, rl_view(x, x->ndim, x->shape, stride, offset));
}

static void flip_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("flip", a_t(g[0]), c->arg[1]); }

static Tensor *flip_one_forward(Call *c) {
    int64_t dim = c->op->data;
    if (c->arg[0].tensor->ndim <= dim) return rl_fail(RL_RUNTIME_ERROR, "Input must be >= %d-d.", (int)dim + 1);
    return rl_do("flip", c->arg[0], a_ints(1, &dim));
}

static int64_t modulo(int64_t a, int64_t n) { return (a % n + n) % n; }

static bool copy_rolled(Tensor *y, Tensor *x, int dim, int64_t shift) {
    int64_t n = x->shape[dim], shape[RL_MAX_DIMS], from[2] = {0, n - shift}, to[2] = {shift, 0}, length[2] = {n - shift, shift};
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    for (int k = 0; k < 2; k++) {
        if (!length[k]) continue;
        shape[dim] = length[k];
        if (!rl_copy_into(rl_view(y, y->ndim, shape, y->stride, y->offset + to[k] * y->stride[dim]), rl_view(x, x->ndim, shape, x->stride, x->offset + from[k] * x->stride[dim]))) return false;
    }
    return true;
}

static Tensor *roll_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *shifts = &c->arg[1], *dims = &c->arg[2];
    if (shifts->n == 0) return rl_fail(RL_RUNTIME_ERROR, "`shifts` required");
    if (dims->n == 0 && shifts->n == 1) {
        Tensor *flat = rl_contiguous(rl_reshape(x, 1, (int64_t[]){x->numel})), *y = rl_empty(x->ndim, x->shape, x->dtype);
        if (!flat || !y || x->numel == 0) return y;
        Tensor *flat_y = rl_view(y, 1, &x->numel, (int64_t[]){1}, 0);
        return flat_y && copy_rolled(flat_y, flat, 0, modulo(shifts->ints[0], x->numel)) ? y : NULL;
    }
    if (dims->n != shifts->n)
        return rl_fail(RL_RUNTIME_ERROR, "shifts and dimensions must align. shifts: %d, dims:%d", shifts->n, dims->n);
    for (int i = 0; i < dims->n; i++) {
        if (!x->ndim) return rl_fail(RL_INDEX_ERROR, "Dimension specified as %" PRId64 " but tensor has no dimensions", dims->ints[i]);
        int dim = rl_wrap_dim(x->ndim, dims->ints[i]);
        if (dim < 0) return NULL;
        Tensor *y = rl_empty(x->ndim, x->shape, x->dtype);
        if (!y) return NULL;
        if (x->numel && !copy_rolled(y, x, dim, modulo(shifts->ints[i], x->shape[dim]))) return NULL;
        x = y;
    }
    return rl_channels_last_as(x, c->arg[0].tensor);
}

static void roll_vjp(Call *c, Tensor **g, Tensor **dx) {
    int64_t *back = rl_scope_bytes((c->arg[1].n + 1) * 8);
    for (int i = 0; back && i < c->arg[1].n; i++) back[i] = -c->arg[1].ints[i];
    if (back) dx[0] = rl_do("roll", a_t(g[0]), a_ints(c->arg[1].n, back), c->arg[2]);
}

static Tensor *rot90_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    const Arg *dims = &c->arg[2];
    if (dims->n != 2) return rl_fail(RL_RUNTIME_ERROR, "expected total rotation dims == 2, but got dims = %d", dims->n);
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "expected total dims >= 2, but got total dims = %d", x->ndim);
    if (dims->ints[0] == dims->ints[1] || llabs(dims->ints[0] - dims->ints[1]) == x->ndim)
        return rl_fail(RL_RUNTIME_ERROR, "expected rotation dims to be different, but got dim0 = %" PRId64 " and dim1 = %" PRId64, dims->ints[0], dims->ints[1]);
    for (int i = 0; i < 2; i++)
        if (dims->ints[i] >= x->ndim || dims->ints[i] < -x->ndim) return rl_fail(RL_RUNTIME_ERROR, "Rotation dim%d out of range, dim%d = %" PRId64, i, i, dims->ints[i]);
    int64_t first = dims->ints[0], second = dims->ints[1];
    switch (modulo(c->arg[1].i, 4)) {
    case 1: return rl_transpose(rl_do("flip", a_t(x), a_ints(1, &second)), first, second);
    case 2: return rl_do("flip", a_t(x), a_ints(2, dims->ints));
    case 3: return rl_transpose(rl_do("flip", a_t(x), a_ints(1, &first)), first, second);
    default: return rl_clone(x);
    }
}

/* ---- broadcast_tensors, meshgrid, block_diag ------------------------------------------------------------------------------------ */

static Tensor *broadcast_tensors_forward(Call *c) {
    const Arg *list = &c->arg[0];
    int64_t shape[RL_MAX_DIMS];
    int ndim = 0;
    for (int i = 0; i < list->n; i++)
        if (!rl_broadcast_shapes(&ndim, shape, list->tensors[i])) return NULL;
    Tensor **out = rl_outputs(c, list->n);
    for (int i = 0; out && i < list->n; i++) {
        Tensor *t = list->tensors[i];
        bool fits = t->ndim == ndim && !memcmp(t->shape, shape, (size_t)ndim * sizeof *shape);
        if (!(out[i] = fits ? t : rl_expand(t, ndim, shape))) return NULL;
    }
    return out && list->n ? out[0] : NULL;
}

static Tensor *meshgrid_forward(Call *c) {
    const Arg *list = &c->arg[0];
    bool swap = c->arg[1].tag == A_STR && !strcmp(c->arg[1].str, "xy") && list->n >= 2;
    if (c->arg[1].tag == A_STR && strcmp(c->arg[1].str, "xy") && strcmp(c->arg[1].str, "ij"))
        return rl_fail(RL_RUNTIME_ERROR, "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: %s", c->arg[1].str);
    if (list->n == 0) return rl_fail(RL_RUNTIME_ERROR, "meshgrid expects a non-empty TensorList");
    if (list->n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; i < list->n; i++) {
        Tensor *t = list->tensors[i];
        if (t->ndim > 1) return rl_fail(RL_RUNTIME_ERROR, "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape %s", rl_text_shape(t));
        if (t->dtype != list->tensors[0]->dtype) return rl_fail(RL_RUNTIME_ERROR, "torch.meshgrid expects all tensors to have the same dtype");
        shape[swap && i < 2 ? 1 - i : i] = t->numel;
    }
    Tensor **out = rl_outputs(c, list->n);
    for (int i = 0; out && i < list->n; i++) {
        int64_t line[RL_MAX_DIMS];
        for (int k = 0; k < list->n; k++) line[k] = 1;
        line[swap && i < 2 ? 1 - i : i] = list->tensors[i]->numel;
        out[i] = rl_expand(rl_do("view", a_t(list->tensors[i]), a_ints(list->n, line)), list->n, shape);
        if (!out[i]) return NULL;
    }
    return out ? out[0] : NULL;
}

/* Of matrices: zeros, and the blocks written into them. */
static Tensor *blocks_forward(Call *c) {
    const Arg *list = &c->arg[0];
    int64_t rows = 0, cols = 0, row = 0, col = 0;
    if (list->n == 0) return rl_fail(RL_RUNTIME_ERROR, "_block_diag(): expected a non-empty list of Tensors");
    for (int i = 0; i < list->n; i++) rows += list->tensors[i]->shape[0], cols += list->tensors[i]->shape[1];
    Tensor *y = rl_zeros(2, (int64_t[]){rows, cols}, rl_common_dtype(c));
    for (int i = 0; y && i < list->n; i++) {
        Tensor *b = list->tensors[i], *place = rl_view(y, 2, b->shape, y->stride, y->offset + row * cols + col);
        if (b->numel && !rl_copy_into(place, b)) return NULL;
        row += b->shape[0];
        col += b->shape[1];
    }
    return y;
}

static void blocks_vjp(Call *c, Tensor **g, Tensor **dx) {
    for (int64_t i = 0, row = 0, col = 0; i < c->arg[0].n; i++) {
        const Meta *m = rl_meta(c, (int)i);
        if (rl_need(c, (int)i)) dx[i] = rl_narrow(rl_narrow(g[0], 0, row, m->shape[0]), 1, col, m->shape[1]);
        row += m->shape[0];
        col += m->shape[1];
    }
}

static Tensor *block_diag_forward(Call *c) {
    const Arg *list = &c->arg[0];
    Tensor **block = rl_scope_bytes((list->n ? list->n : 1) * (int64_t)sizeof *block);
    if (!block) return NULL;
    if (list->n == 0) return rl_empty(2, (int64_t[]){1, 0}, rl_default_dtype());
    for (int i = 0; i < list->n; i++) {
        Tensor *t = list->tensors[i];
        if (t->ndim > 2) return rl_fail(RL_RUNTIME_ERROR, "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input %d has %d dimensions", i, t->ndim);
        block[i] = t->ndim == 2 ? t : rl_reshape(t, 2, (int64_t[]){1, t->numel});
        if (!block[i]) return NULL;
    }
    return rl_do("_block_diag", a_ts(list->n, block));
}

#define SPLITS(name, d, least)                                                                                                            \
    {                                                                                                                                     \
        .sig = name "(input: Tensor, sections: int) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE, .data = d, .data2 = least, \
        .doc = "Equal pieces along dim " #d ".\n\n>>> len(rl." name "(rl.zeros(2, 2, 2), 2))\n2", .forward = split_sections_forward, .samples = "x(2, 4, 2), 2", \
    },                                                                                                                                    \
    {                                                                                                                                     \
        .sig = name "(input: Tensor, indices: list[int]) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE, .data = d, .data2 = least, \
        .doc = "Pieces along dim " #d ", cut at the given places.\n\n>>> len(rl." name "(rl.zeros(2, 2, 2), [1]))\n2", .forward = split_indices_forward, .samples = "x(2, 4, 2), [1]", \
    }

Op rl_combine_ops[] = {
    {
        .sig = "cat(tensors: list[Tensor], dim: int = 0) -> Tensor", .flags = TAKES_BARE | NO_OVERLAP, .where = FUNCTION | OUT, .aliases = "concat concatenate",
        .doc = "Tensors joined along a dim in which they may differ.\n\n>>> rl.cat([rl.tensor([1]), rl.tensor([2, 3])])\ntensor([1, 2, 3])",
        .forward = cat_forward, .vjp = cat_vjp, .samples = "[x(2, 3), x(1, 3)]; [x(2, 3), x(2, 1)], -1; [x(2, 3)], 0; [x(0), x(2, 3)], 0",
    },
    {
        .sig = "stack(tensors: list[Tensor], dim: int = 0) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | OUT,
        .doc = "Tensors of one shape joined along a new dim.\n\n>>> rl.stack([rl.tensor([1, 2]), rl.tensor([3, 4])])\ntensor([[1, 2],\n        [3, 4]])",
        .forward = stack_forward, .vjp = stack_vjp, .samples = "[x(2, 3), x(2, 3)]; [x(2, 3), x(2, 3)], -1; [x(), x()]",
    },
    {
        .sig = "hstack(tensors: list[Tensor]) -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | COMPOSITE, .data = 1, .data2 = 1,
        .doc = "Joined along the columns; vectors end to end.\n\n>>> rl.hstack([rl.tensor([1]), rl.tensor([2])])\ntensor([1, 2])",
        .forward = cat_along_forward, .samples = "[x(2, 3), x(2, 1)]; [x(2), x(3)]; [x(), x()]",
    },
    {
        .sig = "vstack(tensors: list[Tensor]) -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | COMPOSITE, .data = 2, .aliases = "row_stack",
        .doc = "Joined along the rows; vectors are rows.\n\n>>> rl.vstack([rl.tensor([1]), rl.tensor([2])])\ntensor([[1],\n        [2]])",
        .forward = cat_along_forward, .samples = "[x(2, 3), x(1, 3)]; [x(3), x(3)]",
    },
    {
        .sig = "dstack(tensors: list[Tensor]) -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | COMPOSITE, .data = 3, .data2 = 2,
        .doc = "Joined along the third dim.\n\n>>> rl.dstack([rl.tensor([1]), rl.tensor([2])])\ntensor([[[1, 2]]])",
        .forward = cat_along_forward, .samples = "[x(2, 3), x(2, 3)]; [x(3), x(3)]",
    },
    {
        .sig = "column_stack(tensors: list[Tensor]) -> Tensor", .where = FUNCTION | OUT, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Joined along the columns; vectors are columns.\n\n>>> rl.column_stack([rl.tensor([1, 2]), rl.tensor([3, 4])])\ntensor([[1, 3],\n        [2, 4]])",
        .forward = column_stack_forward, .samples = "[x(2, 3), x(2, 1)]; [x(3), x(3)]",
    },
    {
        .sig = "_atleast_1d(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE, .data = 1,
        .doc = "With at least one dim.\n\n>>> rl._C._ops._atleast_1d(rl.tensor(1))\ntensor([1])", .forward = at_least_forward, .samples = "x(); x(2)",
    },
    {
        .sig = "_atleast_2d(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE, .data = 2,
        .doc = "With at least two dims.\n\n>>> rl._C._ops._atleast_2d(rl.tensor(1))\ntensor([[1]])", .forward = at_least_forward, .samples = "x(); x(2)",
    },
    {
        .sig = "_atleast_3d(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE, .data = 3,
        .doc = "With at least three dims.\n\n>>> rl._C._ops._atleast_3d(rl.tensor(1))\ntensor([[[1]]])", .forward = at_least_forward, .samples = "x(); x(2); x(2, 3)",
    },
    {
        .sig = "split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD | COPY, .flags = TAKES_BARE | VIEW,
        .doc = "Pieces of split_size along dim; the last may be shorter.\n\n>>> rl.arange(3).split(2)\n(tensor([0, 1]), tensor([2]))",
        .forward = split_forward, .vjp = cut_vjp, .samples = "x(5, 2), 2; x(2, 6), 3, 1",
    },
    {
        .sig = "split(input: Tensor, split_size: list[int], dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Pieces of the given lengths along dim.\n\n>>> rl.arange(3).split([1, 2])\n(tensor([0]), tensor([1, 2]))",
        .forward = split_list_forward, .samples = "x(5, 2), [2, 3]",
    },
    {
        .sig = "split_with_sizes(input: Tensor, split_sizes: list[int], dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD | COPY, .flags = TAKES_BARE | VIEW,
        .doc = "Pieces of the given lengths along dim.\n\n>>> rl.split_with_sizes(rl.arange(3), [1, 2])\n(tensor([0]), tensor([1, 2]))",
        .forward = split_with_sizes_forward, .vjp = cut_vjp, .samples = "x(5, 2), [2, 3]; x(2, 4), [4, 0], 1",
    },
    {
        .sig = "chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "At most `chunks` pieces of equal length along dim; the last may be shorter.\n\n>>> rl.arange(3).chunk(2)\n(tensor([0, 1]), tensor([2]))",
        .forward = chunk_forward, .samples = "x(5, 2), 3; x(2, 6), 2, 1",
    },
    {
        .sig = "unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "As split(), with pieces that may each be written to.\n\n>>> rl.unsafe_split(rl.arange(3), 2)\n(tensor([0, 1]), tensor([2]))",
        .forward = unsafe_forward, .samples = "x(5, 2), 2; x(2, 6), 3, 1",
    },
    {
        .sig = "unsafe_split_with_sizes(input: Tensor, split_sizes: list[int], dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "As split_with_sizes(), with pieces that may each be written to.\n\n>>> rl.unsafe_split_with_sizes(rl.arange(3), [1, 2])\n(tensor([0]), tensor([1, 2]))",
        .forward = unsafe_forward, .samples = "x(5, 2), [2, 3]; x(2, 4), [4, 0], 1",
    },
    {
        .sig = "unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "As chunk(), with pieces that may each be written to.\n\n>>> rl.unsafe_chunk(rl.arange(3), 2)\n(tensor([0, 1]), tensor([2]))",
        .forward = unsafe_forward, .samples = "x(5, 2), 3; x(2, 6), 2, 1",
    },
    {
        .sig = "tensor_split(input: Tensor, sections: int, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Exactly `sections` pieces along dim, the first ones longer by one if need be.\n\n>>> rl.arange(3).tensor_split(2)\n(tensor([0, 1]), tensor([2]))",
        .forward = tensor_split_forward, .samples = "x(5, 2), 3; x(2, 6), 4, 1",
    },
    {
        .sig = "tensor_split(input: Tensor, indices: list[int], dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Pieces along dim, cut at the given places.\n\n>>> rl.arange(3).tensor_split([1])\n(tensor([0]), tensor([1, 2]))",
        .forward = tensor_split_at_forward, .samples = "x(5, 2), [1, 3]; x(2, 6), [2], 1",
    },
    {
        .sig = "tensor_split(input: Tensor, tensor_indices_or_sections: Tensor, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The same with the number or the places in a tensor.\n\n>>> rl.arange(3).tensor_split(rl.tensor([1]))\n(tensor([0]), tensor([1, 2]))",
        .forward = tensor_split_by_tensor_forward, .samples = "x(5, 2), rl.tensor([1, 3])",
    },
    SPLITS("hsplit", 1, 1), SPLITS("vsplit", 0, 2), SPLITS("dsplit", 2, 3),
    {
        .sig = "unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]", .where = FUNCTION | METHOD | COPY, .flags = TAKES_BARE | VIEW,
        .doc = "All slices along a dim.\n\n>>> rl.tensor([[1, 2], [3, 4]]).unbind()\n(tensor([1, 2]), tensor([3, 4]))",
        .forward = unbind_forward, .vjp = unbind_vjp, .samples = "x(2, 3); x(2, 3), 1",
    },
    {
        .sig = "repeat(input: Tensor, *repeats: int) -> Tensor", .flags = TAKES_BARE, .where = METHOD,
        .doc = "The tensor laid side by side as often as asked along each dim.\n\n>>> rl.tensor([1, 2]).repeat(2)\ntensor([1, 2, 1, 2])",
        .forward = repeat_forward, .vjp = repeat_vjp, .samples = "x(2, 3), (2, 1); x(3), (2, 2); x(), (3,)",
    },
    {
        .sig = "tile(input: Tensor, *dims: int) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "repeat() in which missing counts are 1.\n\n>>> rl.tile(rl.tensor([1, 2]), (2,))\ntensor([1, 2, 1, 2])",
        .forward = tile_forward, .samples = "x(2, 3), (2,); x(3), (2, 2)",
    },
    {
        .sig = "flip(input: Tensor, *dims: int) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | METHOD,
        .doc = "Elements in reverse along the dims.\n\n>>> rl.flip(rl.tensor([1, 2]), (0,))\ntensor([2, 1])",
        .forward = flip_forward, .vjp = flip_vjp, .samples = "x(2, 3), (0,); x(2, 3), (0, -1)",
    },
    {
        .sig = "fliplr(input: Tensor) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE, .data = 1,
        .doc = "Columns in reverse.\n\n>>> rl.fliplr(rl.tensor([[1, 2]]))\ntensor([[2, 1]])", .forward = flip_one_forward, .samples = "x(2, 3)",
    },
    {
        .sig = "flipud(input: Tensor) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE, .data = 0,
        .doc = "Rows in reverse.\n\n>>> rl.flipud(rl.tensor([1, 2]))\ntensor([2, 1])", .forward = flip_one_forward, .samples = "x(2, 3)",
    },
    {
        .sig = "roll(input: Tensor, shifts: int | list[int], dims: int | list[int] | None = None) -> Tensor", .flags = TAKES_BARE, .where = FUNCTION | METHOD,
        .doc = "Elements moved along dims, those that fall off the end coming in at the start.\n\n>>> rl.roll(rl.tensor([1, 2, 3]), 1)\ntensor([3, 1, 2])",
        .forward = roll_forward, .vjp = roll_vjp, .samples = "x(2, 3), 2; x(2, 3), (1, -1), (0, 1)",
    },
    {
        .sig = "rot90(input: Tensor, k: int = 1, dims: list[int] = [0, 1]) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Turned k times by a right angle, from the first dim towards the second.\n\n>>> rl.rot90(rl.tensor([[1, 2]]))\ntensor([[2],\n        [1]])",
        .forward = rot90_forward, .samples = "x(2, 3); x(2, 3), 3",
    },
    {
        .sig = "broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]", .where = FUNCTION, .flags = TAKES_BARE | COMPOSITE,
        .doc = "All expanded to the shape they have in common; what has it already is returned itself.\n\n>>> rl.broadcast_tensors(rl.zeros(2, 1), rl.zeros(3))[1].shape\nrushlight.Size([2, 3])",
        .forward = broadcast_tensors_forward, .samples = "x(2, 1), x(3)",
    },
    {
        .sig = "meshgrid(*tensors: Tensor, indexing: str | None = None) -> tuple[Tensor, ...]", .where = FUNCTION, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Coordinates of a grid from those of its axes; indexing 'ij' (default) or 'xy'.\n\n"
               ">>> rl.meshgrid(rl.tensor([1, 2]), rl.tensor([3]), indexing='ij')[0]\ntensor([[1],\n        [2]])",
        .forward = meshgrid_forward, .samples = "x(2), x(3)",
    },
    {
        .sig = "_block_diag(tensors: list[Tensor]) -> Tensor", .shape = "tensors[_,_]", .where = PRIVATE, .flags = TAKES_BARE, .node = "BlockDiagBackward0",
        .doc = "Matrices along the diagonal of a larger one.\n\n>>> rl._C._ops._block_diag([rl.tensor([[1]]), rl.tensor([[2]])])\ntensor([[1, 0],\n        [0, 2]])",
        .forward = blocks_forward, .vjp = blocks_vjp, .samples = "[x(2, 3), x(1, 2)]; [x(2, 0), x(2, 2)]",
    },
    {
        .sig = "block_diag(*tensors: Tensor) -> Tensor", .where = FUNCTION, .flags = TAKES_BARE | COMPOSITE,
        .doc = "Matrices along the diagonal of a larger one.\n\n>>> rl.block_diag(rl.tensor([[1]]), rl.tensor([[2]]))\ntensor([[1, 0],\n        [0, 2]])",
        .forward = block_diag_forward, .samples = "x(2, 3), x(1, 2); x(2), x()",
    },
    {0},
};
