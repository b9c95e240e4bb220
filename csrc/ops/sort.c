/* sort.c -- lines in order: all of them, the first few, or the one at a place. */
#include "rushlight.h"
#include "kernels/kernels.h"
#include "reduce.h"

typedef struct Job { LoopFn *fn; SortSpec spec; char *scratch; int64_t bytes; } Job;

static void run_line(int64_t n, char *const *p, const int64_t *stride, const void *state) {
    const Job *j = state;
    SortSpec spec = j->spec;
    spec.scratch = j->scratch + rl_thread_number() * j->bytes;
    j->fn(n, p, stride, &spec);
}

/* values and indices may be shorter than x along dim. */
static bool run(LoopFn *fn, SortSpec spec, Tensor *values, Tensor *indices, Tensor *x, int dim) {
    int64_t n = x->ndim ? x->shape[dim] : 1;
    Job j = {.fn = fn, .spec = spec, .bytes = rl_kernels->sort_scratch(n)};
    if (!values || !indices) return false;
    if (indices->numel == 0) return true;
    j.scratch = rl_scope_bytes((rl_threads() + 1) * j.bytes);
    if (!j.scratch) return false;
    if (x->ndim) return rl_loop_lines(run_line, 3, (Tensor *[]){values, indices, x}, dim, &j, 20.0 * (double)n);
    run_line(1, (char *[]){rl_data(values), rl_data(indices), rl_data(x)}, (int64_t[]){0, 0, 0}, &j);
    return true;
}

static Tensor *refuse(Call *c, Dtype d) {
    if (rl_dtype_is(d, CLASS_COMPLEX)) return rl_fail(RL_RUNTIME_ERROR, "Sort does not support complex dtypes on CPU: order by abs() or real");
    return rl_fail(RL_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[d].word);
}

/* ---- sort, argsort, topk ------------------------------------------------------------------------------------------------------ */

/* Through signed numbers that compare as the unsigned ones do. */
static bool sort_bare(Tensor *x, int dim, bool descending, Tensor **out) {
    Tensor *both[2];
    if (!rl_apply_many(RL_OP("sort"), 3, (Arg[]){a_t(rl_as_signed(x, true)), a_i(dim), a_b(descending)}, 2, both)) return false;
    out[0] = rl_copy_into(rl_empty_like(both[0], x->dtype), rl_do("bitwise_xor", a_t(both[0]), a_i((int64_t)(UINT64_MAX << (8 * rl_dtype_bytes(x->dtype) - 1)))));
    out[1] = both[1];
    return out[0];
}

/* Lines of one element, seen again and again. */
static bool sort_repeated(Tensor *x, int dim, Tensor **out) {
    int64_t stride[RL_MAX_DIMS] = {0}, n = x->shape[dim];
    Tensor *number = rl_empty(1, &n, RL_INT64);
    if (!number) return false;
    for (int64_t i = 0; i < n; i++) ((int64_t *)rl_data(number))[i] = i;
    stride[dim] = 1;
    return rl_copy_into(out[0], x) && rl_copy_into(out[1], rl_view(number, x->ndim, x->shape, stride, 0));
}

static bool sort_into(Call *c, Tensor *x, int64_t dim_arg, bool descending) {
    Tensor **out = rl_outputs(c, 2);
    int dim = rl_wrap_dim(x->ndim, dim_arg);
    if (!out || dim < 0) return false;
    if (rl_is_bare(x->dtype)) return sort_bare(x, dim, descending, out);
    if (!rl_kernels->sort[x->dtype]) return refuse(c, x->dtype) != NULL;
    out[0] = rl_out_like(c, 0, x->dtype, 1, &x);
    out[1] = rl_out_like(c, 1, RL_INT64, 1, &x);
    if (x->ndim && x->shape[dim] > 1 && !x->stride[dim]) return sort_repeated(x, dim, out);
    return run(rl_kernels->sort[x->dtype], (SortSpec){.descending = descending, .stable = true}, out[0], out[1], x, dim);
}

static Tensor *sort_forward(Call *c) { return sort_into(c, c->arg[0].tensor, c->arg[1].i, c->arg[2].b) ? c->out[0] : NULL; }

static Tensor *argsort_forward(Call *c) {
    Tensor *both[2];
    return rl_apply_many(RL_OP("sort"), 3, (Arg[]){a_t(rl_detach(c->arg[0].tensor)), c->arg[1], c->arg[2]}, 2, both) ? both[1] : NULL;
}

static Tensor *msort_forward(Call *c) { return rl_do("sort", c->arg[0], a_i(0)); }

static void shape_along(const Tensor *x, int dim, int64_t size, int64_t *shape) {
    for (int i = 0; i < x->ndim; i++) shape[i] = i == dim ? size : x->shape[i];
}

static Tensor *topk_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, **out = rl_outputs(c, 2);
    int64_t k = c->arg[1].i, shape[RL_MAX_DIMS];
    int dim = rl_wrap_dim(x->ndim, c->arg[2].i);
    if (!out || dim < 0) return NULL;
    if (k < 0 || k > (x->ndim ? x->shape[dim] : 1))
        return rl_fail(RL_RUNTIME_ERROR, "selected index k out of range: k is %lld, and dim %d of shape %s has fewer elements", (long long)k, dim, rl_text_shape(x));
    if (!rl_kernels->topk[x->dtype] || x->dtype == RL_BOOL) return rl_fail(RL_NOT_IMPLEMENTED, "\"topk_impl_loop\" not implemented for '%s'", rl_dtypes[x->dtype].word);
    shape_along(x, dim, k, shape);
    out[0] = rl_out(c, 0, x->ndim, shape, x->dtype);
    out[1] = rl_out(c, 1, x->ndim, shape, RL_INT64);
    SortSpec spec = {.k = k, .largest = c->arg[3].b, .sorted = c->arg[4].b};
    return run(rl_kernels->topk[x->dtype], spec, out[0], out[1], x, dim) ? out[0] : NULL;
}

/* Each gradient goes back to where its value came from.  The dim is argument 1 of sort and 2 of topk (Op.data2). */
static void scatter_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    if (!g[0] || !m) return;
    if (m->ndim == 0) dx[0] = g[0];
    else dx[0] = rl_do("scatter", a_t(rl_zeros(m->ndim, m->shape, g[0]->dtype)), c->arg[c->op->data2], a_t(c->out[1]), a_t(g[0]));
}

/* ---- kthvalue, median, nanmedian, mode -------------------------------------------------------------------------------------------- */

static Tensor *pick(Call *c, Tensor *x, int64_t dim_arg, bool keepdim, LoopFn *fn, int64_t k) {
    Tensor **out = rl_outputs(c, 2);
    int dim = rl_wrap_dim(x->ndim, dim_arg);
    int64_t shape[RL_MAX_DIMS];
    if (!out || dim < 0) return NULL;
    if (!fn || x->dtype == RL_BOOL) return rl_fail(RL_NOT_IMPLEMENTED, "\"%s_cpu\" not implemented for '%s'", c->op->parsed->name, rl_dtypes[x->dtype].word);
    if (x->ndim && x->shape[dim] == 0)
        return rl_fail(RL_INDEX_ERROR, "%s(): Expected reduction dim %d to have non-zero size. The input has shape %s", c->op->parsed->name, dim, rl_text_shape(x));
    if (k > (x->ndim ? x->shape[dim] : 1)) return rl_fail(RL_RUNTIME_ERROR, "selected number k out of range for dimension %d: k is %lld, the shape %s", dim, (long long)k, rl_text_shape(x));
    shape_along(x, dim, 1, shape);
    out[0] = rl_out(c, 0, x->ndim, shape, x->dtype);
    out[1] = rl_out(c, 1, x->ndim, shape, RL_INT64);
    if (!run(fn, (SortSpec){.k = k}, out[0], out[1], x, dim)) return NULL;
    if (keepdim || !x->ndim) return out[0];
    int64_t stride[2][RL_MAX_DIMS], less[RL_MAX_DIMS];
    for (int i = 0, j = 0; i < x->ndim; i++) {
        if (i == dim) continue;
        less[j] = shape[i];
        for (int o = 0; o < 2; o++) stride[o][j] = out[o]->stride[i];
        j++;
    }
    for (int o = 0; o < 2; o++)
        if (!rl_set_geometry(out[o], x->ndim - 1, less, stride[o], out[o]->offset)) return NULL;
    return out[0];
}

static Tensor *kthvalue_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    if (c->arg[1].i < 1) return rl_fail(RL_RUNTIME_ERROR, "selected number k out of range for dimension %lld: k is %lld and counts from 1", (long long)c->arg[2].i, (long long)c->arg[1].i);
    return pick(c, x, c->arg[2].i, c->arg[3].b, rl_kernels->kth[x->dtype], c->arg[1].i);
}

static Tensor *median_dim_forward(Call *c) { return pick(c, c->arg[0].tensor, c->arg[1].i, c->arg[2].b, rl_kernels->kth[c->arg[0].tensor->dtype], c->op->data); }

/* Over all elements: of the flattened tensor. */
static Tensor *median_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *both[2];
    int64_t n = x->numel;
    if (n == 0) {
        if (!rl_dtype_is(x->dtype, CLASS_FLOATING)) return rl_fail(RL_INDEX_ERROR, "%s(): the median of no integers does not exist", c->op->parsed->name);
        return rl_full(0, NULL, x->dtype, __builtin_nan(""));
    }
    Op *along = c->op->data ? RL_OVERLOAD("nanmedian", 1) : RL_OVERLOAD("median", 1);
    return rl_apply_many(along, 3, (Arg[]){a_t(rl_reshape(x, 1, &n)), a_i(0), a_b(false)}, 2, both) ? both[0] : NULL;
}

/* The most frequent value, the smallest of several; its last place.  Values sort first; then equal ones stand together. */
static void mode_line(int64_t n, char *const *p, const int64_t *stride, const void *extra) {
    const char *sorted = p[2], *order = p[3];
    int64_t best = 0, best_end = 0;
    for (int64_t first = 0, last; first < n; first = last) {
        double value = *(double *)(sorted + first * stride[2]);
        for (last = first + 1; last < n && *(double *)(sorted + last * stride[2]) == value; last++) {}
        if (last - first > best) best = last - first, best_end = last;
    }
    *(int64_t *)p[1] = *(int64_t *)(order + (best_end - 1) * stride[3]);
    *(double *)p[0] = *(double *)(sorted + (best_end - 1) * stride[2]);
}

static Tensor *mode_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *both[2], **out = rl_outputs(c, 2);
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    int64_t shape[RL_MAX_DIMS];
    if (dim < 0 || !out) return NULL;
    if (x->ndim && x->shape[dim] == 0)
        return rl_fail(RL_INDEX_ERROR, "mode(): Expected reduction dim %d to have non-zero size. The input has shape %s", dim, rl_text_shape(x));
    if (!rl_apply_many(RL_OP("sort"), 2, (Arg[]){a_t(x), a_i(dim)}, 2, both)) return NULL;
    shape_along(x, dim, 1, shape);
    Tensor *value = rl_empty(x->ndim, shape, RL_FLOAT64), *index = rl_empty(x->ndim, shape, RL_INT64), *sorted = rl_cast(both[0], RL_FLOAT64);
    if (!value || !index || !sorted) return NULL;
    if (x->ndim && !rl_loop_lines(mode_line, 4, (Tensor *[]){value, index, sorted, both[1]}, dim, NULL, 5.0 * (double)x->shape[dim])) return NULL;
    if (!x->ndim) rl_copy_into(value, x), rl_fill(index, &(Arg){.tag = A_INT});
    bool keep = c->arg[2].b || !x->ndim;
    out[0] = rl_cast(keep ? value : rl_squeeze(value, dim), x->dtype);
    out[1] = keep ? index : rl_contiguous(rl_squeeze(index, dim));
    out[0] = out[0] && out[0]->base ? rl_clone(out[0]) : out[0];
    return out[1] && out[1]->base ? (out[1] = rl_clone(out[1]), out[0]) : out[0];
}

static void pick_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    if (!g[0] || !m) return;
    if (m->ndim == 0) {
        dx[0] = g[0];
        return;
    }
    int at = c->op->data2;
    int64_t dim = rl_wrap_dim(m->ndim, c->arg[at].i);
    bool keepdim = c->arg[at + 1].b;
    Tensor *index = keepdim ? c->out[1] : rl_unsqueeze(c->out[1], dim), *from = keepdim ? g[0] : rl_unsqueeze(g[0], dim);
    dx[0] = rl_do("scatter", a_t(rl_zeros(m->ndim, m->shape, g[0]->dtype)), a_i(dim), a_t(index), a_t(from));
}

Op rl_sort_ops[] = {
    {
        .sig = "sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None) -> (values: Tensor, indices: Tensor)", .forward = sort_forward, .vjp = scatter_vjp, .flags = TAKES_BARE | EXACT_OUT,
        .saves = SAVE_OUT(1), .data2 = 1, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4); x(3, 4), 0, True",
        .doc = "Values in order along dim, and where they stood.  Always stable.\n\n>>> rl.sort(rl.tensor([3, 1, 2])).values\ntensor([1, 2, 3])",
    },
    {
        .sig = "argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor", .forward = argsort_forward, .flags = TAKES_BARE | COMPOSITE, .where = FUNCTION | METHOD,
        .samples = "x(3, 4); x(3, 4), 0, True",
        .doc = "The indices that sort along dim.\n\n>>> rl.argsort(rl.tensor([3, 1, 2]))\ntensor([1, 2, 0])",
    },
    {
        .sig = "msort(input: Tensor) -> Tensor", .forward = msort_forward, .flags = TAKES_BARE | COMPOSITE | EXACT_OUT, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4)",
        .doc = "Sorted along the first dim.\n\n>>> rl.msort(rl.tensor([3, 1, 2]))\ntensor([1, 2, 3])",
    },
    {
        .sig = "topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> (values: Tensor, indices: Tensor)", .forward = topk_forward, .vjp = scatter_vjp, .flags = EXACT_OUT,
        .saves = SAVE_OUT(1), .data2 = 2, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 2; x(3, 4), 1, 0, False",
        .doc = "The k largest (or smallest) along dim, in order.\n\n>>> rl.topk(rl.tensor([3, 1, 2]), 2).values\ntensor([3, 2])",
    },
    {
        .sig = "kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> (values: Tensor, indices: Tensor)", .forward = kthvalue_forward, .vjp = pick_vjp, .flags = EXACT_OUT | NO_OVERLAP,
        .saves = SAVE_OUT(1), .data2 = 2, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 2; x(3, 4), 1, 0, True",
        .doc = "The k-th smallest along dim, counted from 1.\n\n>>> rl.kthvalue(rl.tensor([3, 1, 2]), 2).values\ntensor(2)",
    },
    {
        .sig = "median(input: Tensor) -> Tensor", .forward = median_forward, .vjp = rl_share_of_all, .saves = SAVE(0) | SAVE_OUT(0), .where = FUNCTION | METHOD, .samples = "x(3, 4)",
        .doc = "The lower of the middle values; NaN if there is one.\n\n>>> rl.median(rl.tensor([4, 1, 2, 3]))\ntensor(2)",
    },
    {
        .sig = "median(input: Tensor, dim: int, keepdim: bool = False) -> (values: Tensor, indices: Tensor)", .forward = median_dim_forward, .vjp = pick_vjp, .flags = EXACT_OUT, .saves = SAVE_OUT(1),
        .data = 0, .data2 = 1, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 1; x(3, 4), 0, True",
    },
    {
        .sig = "nanmedian(input: Tensor) -> Tensor", .forward = median_forward, .vjp = rl_share_of_all, .saves = SAVE(0) | SAVE_OUT(0), .data = -1, .where = FUNCTION | METHOD, .samples = "x(3, 4)",
        .doc = "The lower of the middle values of what is a number.\n\n>>> rl.nanmedian(rl.tensor([4.0, float('nan'), 2.0]))\ntensor(2.)",
    },
    {
        .sig = "nanmedian(input: Tensor, dim: int, keepdim: bool = False) -> (values: Tensor, indices: Tensor)", .forward = median_dim_forward, .vjp = pick_vjp, .flags = EXACT_OUT, .saves = SAVE_OUT(1),
        .data = -1, .data2 = 1, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4), 1; x(3, 4), 0, True",
    },
    {
        .sig = "mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> (values: Tensor, indices: Tensor)", .forward = mode_forward, .vjp = pick_vjp, .flags = EXACT_OUT, .saves = SAVE_OUT(1),
        .data2 = 1, .where = FUNCTION | METHOD | OUT, .samples = "x(3, 4); x(3, 4), 0, True",
        .doc = "The most frequent value along dim, the smallest of several.\n\n>>> rl.mode(rl.tensor([1, 2, 2, 3])).values\ntensor(2)",
    },
    {0},
};
