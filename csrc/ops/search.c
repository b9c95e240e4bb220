/* search.c -- which elements there are, how many of each, and where others belong among them. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <string.h>

/* ---- unique -----------------------------------------------------------------------------------------------------------------
 *
 * All three kinds end alike: rows of a list, where equal rows are neighbours; `fresh` says which differ from the one before. */

typedef struct Groups { Tensor *first, *counts, *inverse; } Groups;

/* order: where each row of the list stood, or NULL if it stands there still.  What is not asked for stays empty. */
static bool group(const uint8_t *fresh, int64_t n, const int64_t *order, bool inverses, bool counting, Groups *g) {
    int64_t groups = 0, none = 0;
    for (int64_t i = 0; i < n; i++) groups += fresh[i];
    g->first = rl_empty(1, &groups, RL_INT64);
    g->counts = rl_empty(1, counting ? &groups : &none, RL_INT64);
    g->inverse = rl_empty(1, inverses ? &n : &none, RL_INT64);
    if (!g->first || !g->counts || !g->inverse) return false;
    int64_t *first = rl_data(g->first), *counts = rl_data(g->counts), *inverse = rl_data(g->inverse), k = 0;
    for (int64_t i = 0; k < groups; i++) {       /* without a branch on what is a coin toss */
        first[k] = i;
        k += fresh[i];
    }
    for (int64_t i = 0; counting && i < groups; i++) counts[i] = (i + 1 < groups ? first[i + 1] : n) - first[i];
    k = -1;
    if (!inverses) return true;
    if (order) for (int64_t i = 0; i < n; i++) inverse[order[i]] = k += fresh[i];
    else for (int64_t i = 0; i < n; i++) inverse[i] = k += fresh[i];
    return true;
}

/* For each row of a contiguous matrix, whether it differs from the row before. */
static uint8_t *changes(Tensor *rows) {
    if (!rows) return NULL;
    int64_t n = rows->shape[0];
    uint8_t *fresh = rl_scope_bytes(n ? n : 1);
    if (!fresh || n == 0) return fresh;
    fresh[0] = 1;
    if (n == 1) return fresh;
    Tensor *differs = rl_do("ne", a_t(rl_narrow(rows, 0, 1, n - 1)), a_t(rl_narrow(rows, 0, 0, n - 1)));
    if (rows->ndim > 1) differs = rl_do_overload("any", 1, a_t(differs), a_ints(1, (int64_t[]){1}));
    differs = rl_contiguous(differs);
    if (!differs) return NULL;
    memcpy(fresh + 1, rl_data(differs), (size_t)(n - 1));
    return fresh;
}

/* Slices along dim lie together in memory, as in torch. */
static Tensor *slices_together(Tensor *y, int dim) {
    return dim ? rl_alias(rl_movedim(rl_contiguous(rl_movedim(y, dim, 0)), 0, dim)) : y;
}

static Tensor *deliver(Call *c, Tensor *values, const Groups *g) {
    Tensor **out = rl_outputs(c, 3);
    if (!out || !values) return NULL;
    out[1] = g->inverse;
    out[2] = g->counts;
    return out[0] = values;
}

static Tensor *flat(Tensor *x) { return rl_reshape(x, 1, &x->numel); }

static Tensor *unique_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *list = flat(x), *both[2];
    Groups g;
    if (!list || !rl_apply_many(RL_OP("sort"), 1, (Arg[]){a_t(list)}, 2, both)) return NULL;
    uint8_t *fresh = changes(both[0]);
    if (!fresh || !group(fresh, x->numel, rl_data(both[1]), c->arg[2].b, c->arg[3].b, &g)) return NULL;
    if (c->arg[2].b) g.inverse = rl_reshape(g.inverse, x->ndim, x->shape);
    return deliver(c, rl_do("index_select", a_t(both[0]), a_i(0), a_t(g.first)), &g);
}

/* Slices along dim as rows of a matrix. */
static Tensor *as_rows(Tensor *x, int dim) {
    Tensor *front = rl_contiguous(rl_movedim(x, dim, 0));
    int64_t n = x->shape[dim], shape[2] = {n, n ? x->numel / n : 0};
    return rl_reshape(front, 2, shape);
}

static Tensor *consecutive_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    bool all = c->arg[3].tag == A_NONE;
    int dim = all ? 0 : rl_wrap_dim(x->ndim, c->arg[3].i);
    Groups g;
    if (dim < 0) return NULL;
    if (!all && x->ndim && x->shape[dim] && x->numel == 0)
        return rl_fail(RL_RUNTIME_ERROR, "unique_consecutive(): There are 0 sized dimensions, and they aren't selected, so unique cannot be applied: shape %s", rl_text_shape(x));
    Tensor *rows = all || x->ndim == 0 ? flat(x) : as_rows(x, dim);
    uint8_t *fresh = rows ? changes(rl_contiguous(rows)) : NULL;
    if (!fresh || !group(fresh, rows->shape[0], NULL, c->arg[1].b, c->arg[2].b, &g)) return NULL;
    if (all && c->arg[1].b) g.inverse = rl_reshape(g.inverse, x->ndim, x->shape);
    return deliver(c, slices_together(rl_do("index_select", a_t(all ? rows : x), a_i(dim), a_t(g.first)), dim), &g);
}

/* Rows in lexical order: a merge sort of their numbers. */
static bool row_less(const Tensor *rows, int64_t a, int64_t b) {
    int64_t n = rows->shape[1];
    if (rows->dtype == RL_INT64) {
        const int64_t *x = (const int64_t *)rl_data(rows) + a * n, *y = (const int64_t *)rl_data(rows) + b * n;
        for (int64_t i = 0; i < n; i++)
            if (x[i] != y[i]) return x[i] < y[i];
        return false;
    }
    const double *x = (const double *)rl_data(rows) + a * n, *y = (const double *)rl_data(rows) + b * n;
    for (int64_t i = 0; i < n; i++)
        if (x[i] != y[i]) return x[i] < y[i];
    return false;
}

static void sort_rows(const Tensor *rows, int64_t *from, int64_t *to, int64_t n) {
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t first = 0; first < n; first += 2 * width) {
            int64_t middle = first + width < n ? first + width : n, last = first + 2 * width < n ? first + 2 * width : n;
            for (int64_t i = first, j = middle, k = first; k < last; k++)
                to[k] = j >= last || (i < middle && !row_less(rows, from[j], from[i])) ? from[i++] : from[j++];
        }
        memcpy(from, to, (size_t)n * sizeof *from);
    }
}

static Tensor *unique_dim_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    Groups g;
    if (dim < 0) return NULL;
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "unique(): a 0-d tensor has no dim %d", dim);
    int64_t n = x->shape[dim];
    if (n && x->numel == 0) return rl_fail(RL_RUNTIME_ERROR, "unique(): There are 0 sized dimensions, and they aren't selected, so unique cannot be applied: shape %s", rl_text_shape(x));
    Tensor *ordered = x->dtype == RL_UINT64 ? rl_as_signed(x, true) : x;
    if (!ordered) return NULL;
    Tensor *rows = as_rows(rl_cast(ordered, rl_dtype_is(x->dtype, CLASS_INTEGRAL) ? RL_INT64 : RL_FLOAT64), dim), *order = rl_empty(1, &n, RL_INT64), *room = rl_empty(1, &n, RL_INT64);
    if (!rows || !order || !room) return NULL;
    for (int64_t i = 0; i < n; i++) ((int64_t *)rl_data(order))[i] = i;
    sort_rows(rows, rl_data(order), rl_data(room), n);
    uint8_t *fresh = changes(rl_do("index_select", a_t(rows), a_i(0), a_t(order)));
    if (!fresh || !group(fresh, n, rl_data(order), true, true, &g)) return NULL;
    Tensor *chosen = rl_do("index_select", a_t(order), a_i(0), a_t(g.first));
    return deliver(c, slices_together(rl_do("index_select", a_t(x), a_i(dim), a_t(chosen)), dim), &g);
}

/* ---- searchsorted, bucketize ----------------------------------------------------------------------------------------------------- */

/* Halving without branches: which way to go is a coin toss, which no processor guesses.  Several values at a time, so that one need not wait
 * for another's memory; those that have arrived look at the first element and stay. */
enum { TOGETHER = 16 };
#define PLACES_AMONG(T, name, COMES_BEFORE)                                                              \
    static void name(const T *list, int64_t n, const T *x, int64_t many, int64_t *place) {               \
        int64_t left[TOGETHER], at[TOGETHER];                                                            \
        for (int64_t k = 0; k < many; k++) at[k] = 0, left[k] = n;                                       \
        for (int64_t steps = n; steps > 0; steps >>= 1)                                                  \
            for (int64_t k = 0; k < many; k++) {                                                         \
                int64_t half = left[k] >> 1, live = -(int64_t)(left[k] > 0);                             \
                T here = list[(at[k] + half) & live];                                                    \
                int64_t on = -(int64_t)(COMES_BEFORE) & live;    /* all ones or none: NaN goes on */      \
                at[k] += on & (half + 1);                                                                \
                left[k] = half + (on & (left[k] - half - 1 - half));                                     \
            }                                                                                            \
        for (int64_t k = 0; k < many; k++) place[k] = at[k];                                             \
    }
#define PLACES(T, name) PLACES_AMONG(T, left_of_##name, !(here >= x[k])) PLACES_AMONG(T, right_of_##name, !(here > x[k]))
PLACES(int64_t, whole) PLACES(float, float) PLACES(double, double)
#undef PLACES

typedef struct Search { Dtype dtype; bool right; int64_t n, per_row, from; const char *lists, *values; int64_t *y; } Search;   /* from: one list to the next, 0 if shared */

static void search_range(int64_t begin, int64_t end, void *state) {
    const Search *s = state;
    int64_t bytes = rl_dtype_bytes(s->dtype);
    for (int64_t i = begin, many; i < end; i += many) {
        int64_t row = i / s->per_row, left = (row + 1) * s->per_row - i;
        many = end - i < TOGETHER ? end - i : TOGETHER;
        if (left < many) many = left;
        const void *list = s->lists + row * s->from * bytes, *x = s->values + i * bytes;
        if (s->dtype == RL_INT64) (s->right ? right_of_whole : left_of_whole)(list, s->n, x, many, s->y + i);
        else if (s->dtype == RL_FLOAT32) (s->right ? right_of_float : left_of_float)(list, s->n, x, many, s->y + i);
        else (s->right ? right_of_double : left_of_double)(list, s->n, x, many, s->y + i);
    }
}

static bool goes_right(const Arg *side, bool right, bool *result) {
    *result = right;
    if (side->tag != A_STR) return true;
    bool is_left = side->n == 4 && !memcmp(side->str, "left", 4), is_right = side->n == 5 && !memcmp(side->str, "right", 5);
    if (!is_left && !is_right) return rl_fail(RL_RUNTIME_ERROR, "torch.searchsorted(): side can only be 'left' or 'right' but got %s", side->str);
    if (is_left && right) return rl_fail(RL_RUNTIME_ERROR, "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True");
    *result = is_right;
    return true;
}

/* One sorted list for all, or one per row of values. */
static Tensor *search(Call *c, Tensor *list, const Arg *what, bool right, bool narrow) {
    Tensor *x = what->tag == A_TENSOR ? what->tensor : rl_scalar(rl_result_type(1, what), what);
    if (!x || !list) return NULL;
    if (c->dest && c->dest->dtype != (narrow ? RL_INT32 : RL_INT64))
        return rl_fail(RL_RUNTIME_ERROR, "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether out_int32 flag is True, "
                                         "but we got output tensor's dtype %s and out_int32 flag is %s", rl_dtypes[c->dest->dtype].word, narrow ? "True" : "False");
    bool whole = rl_dtype_is(x->dtype, CLASS_INTEGRAL) && rl_dtype_is(list->dtype, CLASS_INTEGRAL), shared = list->ndim == 1;
    if (list->ndim == 0 || (!shared && list->ndim != x->ndim))
        return rl_fail(RL_RUNTIME_ERROR, "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, "
                                         "but we got boundaries tensor %s and input value tensor %s", rl_text_shape(list), rl_text_shape(x));
    for (int i = 0; !shared && i < x->ndim - 1; i++)
        if (x->shape[i] != list->shape[i])
            return rl_fail(RL_RUNTIME_ERROR, "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, "
                                             "but we got boundaries tensor %s and input value tensor %s", rl_text_shape(list), rl_text_shape(x));
    Dtype common = whole ? RL_INT64 : x->dtype == RL_FLOAT32 && list->dtype == RL_FLOAT32 ? RL_FLOAT32 : RL_FLOAT64;
    Tensor *y = rl_empty(x->ndim, x->shape, RL_INT64), *values = rl_contiguous(rl_cast(x, common)), *lists = rl_contiguous(rl_cast(list, common));
    if (!y || !values || !lists) return NULL;
    int64_t n = list->shape[list->ndim - 1];
    Search s = {common, right, n, shared || !x->ndim ? x->numel : x->shape[x->ndim - 1], shared ? 0 : n, rl_data(lists), rl_data(values), rl_data(y)};
    if (x->numel && !rl_parallel_for(x->numel, 1024, search_range, &s)) return NULL;
    return narrow ? rl_cast(y, RL_INT32) : y;
}

static Tensor *searchsorted_forward(Call *c) {
    Tensor *list = c->arg[0].tensor;
    bool right;
    if (!goes_right(&c->arg[4], c->arg[3].b, &right)) return NULL;
    if (c->arg[5].tag == A_TENSOR) {
        if (!rl_same_shape(c->arg[5].tensor, list))
            return rl_fail(RL_RUNTIME_ERROR, "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor %s and got sorter tensor %s", rl_text_shape(list), rl_text_shape(c->arg[5].tensor));
        list = rl_do("gather", a_t(list), a_i(-1), c->arg[5]);
    }
    return search(c, list, &c->arg[1], right, c->arg[2].b);
}

static Tensor *bucketize_forward(Call *c) {
    Tensor *list = c->arg[1].tensor;
    if (list->ndim != 1) return rl_fail(RL_RUNTIME_ERROR, "boundaries tensor must be 1 dimension, but got dim(%d)", list->ndim);
    return search(c, list, &c->arg[0], c->arg[3].b, c->arg[2].b);
}

/* ---- bincount ------------------------------------------------------------------------------------------------------------------------ */

static Tensor *bincount_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = rl_arg_tensor(c, 1);
    int64_t most = c->arg[2].i;
    if (!rl_dtype_is(x->dtype, CLASS_INT)) return rl_fail(RL_NOT_IMPLEMENTED, "\"bincount_cpu\" not implemented for '%s'", rl_dtypes[x->dtype].word);
    if (x->ndim != 1) return rl_fail(RL_RUNTIME_ERROR, "bincount only supports 1-d non-negative integral inputs.");
    if (rl_is_bare(x->dtype)) return rl_fail(RL_NOT_IMPLEMENTED, "\"bincount_cpu\" not implemented for '%s'", rl_dtypes[x->dtype].word);
    if (most < 0) return rl_fail(RL_RUNTIME_ERROR, "minlength should be >= 0, but is %lld", (long long)most);
    if (w && !rl_same_shape(w, x)) return rl_fail(RL_RUNTIME_ERROR, "weights should be 1-d and have the same length as input, but are %s and %s", rl_text_shape(w), rl_text_shape(x));
    Tensor *numbers = rl_contiguous(rl_cast(x, RL_INT64)), *weights = w ? rl_contiguous(rl_cast(w, RL_FLOAT64)) : NULL;
    if (!numbers || (w && !weights)) return NULL;
    const int64_t *at = rl_data(numbers);
    for (int64_t i = 0; i < x->numel; i++) {
        if (at[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "bincount only supports 1-d non-negative integral inputs. Element %lld is %lld", (long long)i, (long long)at[i]);
        if (at[i] >= most) most = at[i] + 1;
    }
    Tensor *y = rl_zeros(1, &most, w ? RL_FLOAT64 : RL_INT64);
    if (!y) return NULL;
    for (int64_t i = 0; i < x->numel; i++) {
        if (w) ((double *)rl_data(y))[at[i]] += ((double *)rl_data(weights))[i];
        else ((int64_t *)rl_data(y))[at[i]]++;
    }
    return w && w->dtype == RL_FLOAT32 ? rl_cast(y, RL_FLOAT32) : y;
}

static void unique_vjp(Call *c, Tensor **g, Tensor **dx) { rl_do("_no_derivative", a_t(g[0]), a_str(c->op->parsed->name + 1)); }
static void bincount_vjp(Call *c, Tensor **g, Tensor **dx) { rl_do("_no_derivative", a_t(g[0]), a_str("bincount"), a_b(true)); }

Op rl_search_ops[] = {
    {
        .sig = "_unique2(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> (Tensor, Tensor, Tensor)", .forward = unique_forward, .vjp = unique_vjp,
        .flags = TAKES_BARE, .where = PRIVATE, .samples = "x(3, 4)", .doc = "The different elements in order, where each went, and how often each occurs.\n\n>>> rl._C._ops._unique2(rl.tensor([3, 1, 3]))[0]\ntensor([1, 3])",
    },
    {
        .sig = "_unique_dim(input: Tensor, dim: int, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> (Tensor, Tensor, Tensor)", .forward = unique_dim_forward, .vjp = unique_vjp,
        .flags = TAKES_BARE, .where = PRIVATE, .samples = "x(3, 4), 0", .doc = "The different slices along dim, in lexical order.",
    },
    {
        .sig = "_unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> (Tensor, Tensor, Tensor)", .forward = consecutive_forward, .vjp = unique_vjp,
        .flags = TAKES_BARE, .where = PRIVATE, .samples = "x(3, 4)", .doc = "Elements, or slices along dim, without repetitions of neighbours.",
    },
    {
        .sig = "searchsorted(sorted_sequence: Tensor, input: Tensor | Number, *, out_int32: bool = False, right: bool = False, side: str | None = None, sorter: Tensor | None = None) -> Tensor",
        .forward = searchsorted_forward, .where = FUNCTION | OUT, .samples = "unit(4), unit(3)",
        .doc = "Where values would be put into a sorted list to keep it sorted.\n\n>>> rl.searchsorted(rl.tensor([1, 3, 5]), rl.tensor([3, 4]))\ntensor([1, 2])",
    },
    {
        .sig = "bucketize(input: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor", .forward = bucketize_forward, .where = FUNCTION | OUT,
        .samples = "unit(3), unit(4)",
        .doc = "The number of the interval between boundaries that each value lies in.\n\n>>> rl.bucketize(rl.tensor([3, 4]), rl.tensor([1, 3, 5]))\ntensor([1, 2])",
    },
    {
        .sig = "bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor", .forward = bincount_forward, .vjp = bincount_vjp, .flags = TAKES_BARE, .where = FUNCTION | METHOD, .samples = "idx(5, 7)",
        .doc = "How often each number from 0 on occurs.\n\n>>> rl.bincount(rl.tensor([0, 2, 2]))\ntensor([1, 0, 2])",
    },
    {0},
};
