/* loop.c -- visits strided operands together.
 *
 * Whatever the shapes, a kernel sees one-dimensional runs: pointers and a stride per operand.  Before, dims of one element
 * are dropped, the others sorted by stride (operand 0, the output, decides first), and neighbours that form one longer dim are
 * merged; so contiguous operands of any shape are one run.  Long work is cut into ranges of the linear index and spread over
 * the threads.  This file knows no dtypes beyond their size and does no arithmetic on elements. */
#include "rushlight.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPERANDS = 16 };
static const double LONG_WORK = 20000;       /* ns: from here on threads and unlocking pay */

typedef struct Plan {
    int n, ndim;
    int64_t shape[RL_MAX_DIMS];              /* innermost first */
    int64_t stride[RL_MAX_DIMS][MOST_OPERANDS];
    int64_t line_stride[MOST_OPERANDS], line_length;   /* rl_loop_lines: the dim left whole */
    char *base[MOST_OPERANDS];
    LoopFn *fn;
    const void *extra;
} Plan;

/* ---- planning ---------------------------------------------------------------------------------------------------- */

static bool misfit(const Tensor *a, const Tensor *b) {
    return rl_fail(RL_RUNTIME_ERROR, "output with shape %s doesn't match the broadcast shape: %s cannot be expanded to it", rl_text_shape(a), rl_text_shape(b));
}

/* Whether dim a belongs inside dim b: -1 yes, 1 no, 0 undecided.  A stride of 0 decides nothing. */
static int order_of(int n, const int64_t *a, const int64_t *b, int64_t size_a, int64_t size_b) {
    for (int k = 0; k < n; k++) {
        if (!a[k] || !b[k]) continue;
        int64_t sa = llabs(a[k]), sb = llabs(b[k]);
        if (sa != sb) return sa < sb ? -1 : 1;
        if (size_a > size_b) return 1;
    }
    return 0;
}

static void insert_dim(Plan *p, int64_t size, const int64_t *stride) {
    int place = p->ndim++;
    for (int k = place - 1; k >= 0; k--) {
        int order = order_of(p->n, p->stride[k], stride, p->shape[k], size);
        if (order < 0) break;
        if (order == 0) continue;
        for (int j = place; j > k; j--) {
            p->shape[j] = p->shape[j - 1];
            memcpy(p->stride[j], p->stride[j - 1], sizeof *stride * (size_t)p->n);
        }
        place = k;
    }
    p->shape[place] = size;
    memcpy(p->stride[place], stride, sizeof *stride * (size_t)p->n);
}

static void merge_dims(Plan *p) {
    int last = 0;
    for (int d = 1; d < p->ndim; d++) {
        bool merges = true;
        for (int k = 0; merges && k < p->n; k++) merges = p->stride[d][k] == p->shape[last] * p->stride[last][k];
        if (merges) {
            p->shape[last] *= p->shape[d];
            continue;
        }
        if (++last == d) continue;
        p->shape[last] = p->shape[d];
        memcpy(p->stride[last], p->stride[d], sizeof p->stride[0][0] * (size_t)p->n);
    }
    if (p->ndim) p->ndim = last + 1;
}

/* Runs of two or three elements cost more in calls than in work: a much longer dim goes inside instead. */
static void lengthen_runs(Plan *p) {
    int best = 0;
    for (int d = 1; d < p->ndim; d++)
        if (p->shape[d] > p->shape[best]) best = d;
    if (p->ndim < 2 || p->shape[0] > 8 || p->shape[best] < 16 * p->shape[0]) return;
    int64_t size = p->shape[0], stride[MOST_OPERANDS];
    size_t bytes = sizeof *stride * (size_t)p->n;
    memcpy(stride, p->stride[0], bytes);
    p->shape[0] = p->shape[best];
    memcpy(p->stride[0], p->stride[best], bytes);
    p->shape[best] = size;
    memcpy(p->stride[best], stride, bytes);
}

/* Fills the plan with the dims of operand 0, all but `without`.  False with an error if shapes do not fit. */
static bool plan_dims(Plan *p, Tensor *const *operands, int without) {
    const Tensor *first = operands[0];
    int64_t stride[MOST_OPERANDS];
    p->ndim = 0;
    for (int k = 0; k < p->n; k++) {
        const Tensor *t = operands[k];
        for (int d = 0; d < t->ndim - first->ndim; d++)
            if (t->shape[d] != 1) return misfit(first, t);
        p->base[k] = rl_data(t);
    }
    for (int d = first->ndim - 1; d >= 0; d--) {
        if (d == without) continue;
        for (int k = 0; k < p->n; k++) {
            const Tensor *t = operands[k];
            int own = d - (first->ndim - t->ndim);
            int64_t size = own < 0 ? 1 : t->shape[own];
            if (size != first->shape[d] && size != 1) return misfit(first, t);
            stride[k] = size == 1 ? 0 : t->stride[own] * rl_dtypes[t->dtype].bytes;
        }
        if (first->shape[d] != 1) insert_dim(p, first->shape[d], stride);
    }
    merge_dims(p);
    return true;
}

static bool look_at(int n, Tensor *const *operands) {
    for (int k = 0; k < n; k++)
        if (RL_UNLIKELY(!operands[k])) return false;
    return n > 0 && n <= MOST_OPERANDS;
}

/* ---- walking ------------------------------------------------------------------------------------------------------- */

static inline void step(const Plan *p, int d, int64_t times, char **at) {
    for (int k = 0; k < p->n; k++) at[k] += times * p->stride[d][k];
}

/* Puts `at` and `index` where linear position `begin` of dims first.. is. */
static void place(const Plan *p, int first, int64_t begin, int64_t *index, char **at) {
    for (int k = 0; k < p->n; k++) at[k] = p->base[k];
    for (int d = first; d < p->ndim; d++) {
        index[d] = begin % p->shape[d];
        begin /= p->shape[d];
        if (index[d]) step(p, d, index[d], at);
    }
}

static inline void advance(const Plan *p, int first, int64_t *index, char **at) {
    for (int d = first; d < p->ndim; d++) {
        step(p, d, 1, at);
        if (++index[d] < p->shape[d]) return;
        step(p, d, -p->shape[d], at);
        index[d] = 0;
    }
}

static void walk(int64_t begin, int64_t end, void *state) {
    const Plan *p = state;
    int64_t index[RL_MAX_DIMS], run;
    char *at[MOST_OPERANDS];
    if (p->ndim == 0) {
        static const int64_t still[MOST_OPERANDS];
        p->fn(1, p->base, still, p->extra);
        return;
    }
    place(p, 0, begin, index, at);
    for (int64_t left = end - begin; left > 0; left -= run) {
        run = p->shape[0] - index[0];
        if (run > left) run = left;
        p->fn(run, at, p->stride[0], p->extra);
        if (index[0]) step(p, 0, -index[0], at);
        index[0] = 0;
        advance(p, 1, index, at);
    }
}

static void walk_lines(int64_t begin, int64_t end, void *state) {
    const Plan *p = state;
    int64_t index[RL_MAX_DIMS];
    char *at[MOST_OPERANDS];
    place(p, 0, begin, index, at);
    for (int64_t i = begin; i < end; i++) {
        p->fn(p->line_length, at, p->line_stride, p->extra);
        advance(p, 0, index, at);
    }
}

/* While the host is unlocked others may drop the tensors: what they stand on is held. */
static bool spread(RangeFn *fn, Plan *p, int64_t total, double cost, int n, Tensor *const *operands) {
    if (RL_LIKELY((double)total * cost < LONG_WORK)) {
        fn(0, total, p);
        return true;
    }
    Storage *held[MOST_OPERANDS];
    for (int k = 0; k < n; k++) rl_storage_keep(held[k] = operands[k]->storage);
    double grain = LONG_WORK / (cost > 0 ? cost : 1);
    bool done = rl_parallel_for(total, grain < 1 ? 1 : grain < 64 ? (int64_t)grain : (int64_t)grain & -64, fn, p);
    for (int k = 0; k < n; k++) rl_storage_drop(held[k]);
    return done;
}

/* ---- the doors ------------------------------------------------------------------------------------------------------ */

static inline bool runs_as_one(int n, Tensor *const *operands) {
    const Tensor *first = operands[0];
    if (!rl_is_contiguous(first)) return false;
    for (int k = 1; k < n; k++) {
        const Tensor *t = operands[k];
        if (t->numel == 1 && t->ndim <= first->ndim) continue;
        if (t->numel != first->numel || !rl_same_shape(t, first) || !rl_is_contiguous(t)) return false;
    }
    return true;
}

static bool loop_as_one(LoopFn *fn, int n, Tensor *const *operands, const void *extra, double cost) {
    const int64_t numel = operands[0]->numel;
    if (RL_LIKELY((double)numel * cost < LONG_WORK)) {
        char *at[MOST_OPERANDS];
        int64_t stride[MOST_OPERANDS];
        for (int k = 0; k < n; k++) {
            at[k] = rl_data(operands[k]);
            stride[k] = operands[k]->numel == 1 ? 0 : rl_dtypes[operands[k]->dtype].bytes;
        }
        fn(numel, at, stride, extra);
        return true;
    }
    Plan p;
    p.n = n;
    p.ndim = 1;
    p.shape[0] = numel;
    p.fn = fn;
    p.extra = extra;
    for (int k = 0; k < n; k++) {
        p.base[k] = rl_data(operands[k]);
        p.stride[0][k] = operands[k]->numel == 1 ? 0 : rl_dtypes[operands[k]->dtype].bytes;
    }
    return spread(walk, &p, numel, cost, n, operands);
}

bool rl_loop(LoopFn *fn, int n, Tensor *const *operands, const void *extra, double cost) {
    if (RL_UNLIKELY(!look_at(n, operands))) return false;
    if (RL_LIKELY(operands[0]->numel && runs_as_one(n, operands))) return loop_as_one(fn, n, operands, extra, cost);
    Plan p;
    p.n = n;
    p.fn = fn;
    p.extra = extra;
    if (!plan_dims(&p, operands, -1)) return false;
    if (operands[0]->numel == 0) return true;
    lengthen_runs(&p);
    return spread(walk, &p, operands[0]->numel, cost, n, operands);
}

bool rl_loop_lines(LoopFn *fn, int n, Tensor *const *operands, int dim, const void *extra, double cost_per_line) {
    if (!look_at(n, operands)) return false;
    Plan p;
    p.n = n;
    p.fn = fn;
    p.extra = extra;
    if (!plan_dims(&p, operands, operands[0]->ndim ? dim : -1)) return false;
    const Tensor *last = operands[n - 1];
    p.line_length = last->ndim ? last->shape[dim] : 1;
    for (int k = 0; k < n; k++) {
        const Tensor *t = operands[k];
        p.line_stride[k] = t->ndim ? t->stride[dim] * rl_dtypes[t->dtype].bytes : 0;
    }
    int64_t lines = 1;
    for (int d = 0; d < p.ndim; d++) lines *= p.shape[d];
    return lines == 0 || spread(walk_lines, &p, lines, cost_per_line, n, operands);
}

/* Row-major operands as [outer, length, inner]: lines are numbered by outer, then inner, and handed over many at a time. */
typedef struct Sides { LoopFn *fn; int n; char *base[MOST_OPERANDS]; int64_t bytes[MOST_OPERANDS], length, inner; } Sides;

static void walk_beside(int64_t begin, int64_t end, void *state) {
    const Sides *s = state;
    for (int64_t line = begin, run; line < end; line += run) {
        int64_t outer = line / s->inner, first = line % s->inner, stride[MOST_OPERANDS], beside[1 + MOST_OPERANDS];
        char *at[MOST_OPERANDS];
        run = beside[0] = s->inner == 1 || s->inner - first > end - line ? end - line : s->inner - first;
        for (int k = 0; k < s->n; k++) {
            at[k] = s->base[k] + (outer * s->length * s->inner + first) * s->bytes[k];
            stride[k] = s->inner * s->bytes[k];
            beside[1 + k] = s->inner == 1 ? s->length * s->bytes[k] : s->bytes[k];
        }
        s->fn(s->length, at, stride, beside);
    }
}

bool rl_loop_beside(LoopFn *fn, int n, Tensor *const *operands, int dim, double cost_per_line) {
    if (!look_at(n, operands)) return false;
    const Tensor *first = operands[0];
    Sides s = {.fn = fn, .n = n, .length = first->ndim ? first->shape[dim] : 1, .inner = 1};
    for (int d = dim + 1; d < first->ndim; d++) s.inner *= first->shape[d];
    if (first->numel == 0) return true;
    for (int k = 0; k < n; k++) {
        s.base[k] = rl_data(operands[k]);
        s.bytes[k] = rl_dtypes[operands[k]->dtype].bytes;
    }
    int64_t lines = first->numel / s.length;
    if ((double)lines * cost_per_line < LONG_WORK) {
        walk_beside(0, lines, &s);
        return true;
    }
    Storage *held[MOST_OPERANDS];
    for (int k = 0; k < n; k++) rl_storage_keep(held[k] = operands[k]->storage);
    double grain = LONG_WORK / (cost_per_line > 0 ? cost_per_line : 1);
    bool done = rl_parallel_for(lines, grain < 64 ? 64 : (int64_t)grain & -64, walk_beside, &s);
    for (int k = 0; k < n; k++) rl_storage_drop(held[k]);
    return done;
}

/* ---- strides of results --------------------------------------------------------------------------------------------- */

static bool common_layout(int n, Tensor *const *inputs, int ndim, const int64_t *shape, int64_t *stride) {
    bool contiguous = true, channels_last = ndim == 4, equal = true;
    for (int k = 0; k < n; k++) {
        const Tensor *t = inputs[k];
        if (t->ndim != ndim || !rl_same_shape(t, inputs[0])) return false;
        contiguous = contiguous && rl_is_contiguous(t);
        channels_last = channels_last && rl_is_channels_last(t);
        equal = equal && rl_is_dense(t) && !memcmp(t->stride, inputs[0]->stride, (size_t)ndim * sizeof *stride);
    }
    if (contiguous) rl_strides_of(ndim, shape, stride);
    else if (channels_last) {
        static const int order[] = {1, 3, 2, 0};
        int64_t step = 1;
        for (int i = 0; i < 4; i++) {
            stride[order[i]] = step;
            step *= shape[order[i]] ? shape[order[i]] : 1;
        }
    } else if (equal) memcpy(stride, inputs[0]->stride, (size_t)ndim * sizeof *stride);
    return contiguous || channels_last || equal;
}

static int64_t stride_along(const Tensor *t, int ndim, const int64_t *shape, int d) {
    int own = d - (ndim - t->ndim);
    return own < 0 || (t->shape[own] == 1 && shape[d] != 1) ? 0 : t->stride[own] * rl_dtypes[t->dtype].bytes;
}

static int order_of_dims(int n, Tensor *const *inputs, int ndim, const int64_t *shape, int a, int b) {
    int64_t sa[MOST_OPERANDS], sb[MOST_OPERANDS];
    if (n > MOST_OPERANDS) n = MOST_OPERANDS;
    for (int k = 0; k < n; k++) {
        sa[k] = stride_along(inputs[k], ndim, shape, a);
        sb[k] = stride_along(inputs[k], ndim, shape, b);
    }
    return order_of(n, sa, sb, shape[a], shape[b]);
}

void rl_common_strides(int n, Tensor *const *inputs, int ndim, const int64_t *shape, int64_t *stride) {
    if (n && common_layout(n, inputs, ndim, shape, stride)) return;
    int perm[RL_MAX_DIMS];
    bool plain = true;
    for (int i = 0; i < ndim; i++) perm[i] = ndim - 1 - i;
    for (int i = 1; i < ndim; i++) {
        int moving = i;
        for (int k = i - 1; k >= 0; k--) {
            int order = order_of_dims(n, inputs, ndim, shape, perm[k], perm[moving]);
            if (order < 0) break;
            if (order == 0) continue;
            int other = perm[k];
            perm[k] = perm[moving];
            perm[moving] = other;
            moving = k;
        }
    }
    for (int i = 0; i < ndim; i++) plain = plain && perm[i] == ndim - 1 - i;
    if (plain) {
        rl_strides_of(ndim, shape, stride);
        return;
    }
    int64_t step = 1;
    for (int i = 0; i < ndim; i++) {
        stride[perm[i]] = step;
        step *= shape[perm[i]];
    }
}
