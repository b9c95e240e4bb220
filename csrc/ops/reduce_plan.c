/* reduce_plan.c -- how a reduction walks a tensor.
 *
 * Dims are sorted into kept and reduced ones and merged where they lie one behind the other.  Then either the reduced dim with the
 * smallest stride is a line, and every result is the work of one walk along lines, a block of results at a time; or kept columns lie
 * closer together, and a block of them is carried down the rows.  Results are spread over the threads; where there are few results made of many elements each, the
 * elements are cut into pieces of fixed length and these are joined in order. */
#include "reduce.h"

enum { BLOCK = 256, PIECE = 32768, MOST_ACC = 64, SHORT_LINE = 24 };

typedef struct Dims { int n; int64_t size[RL_MAX_DIMS], in[RL_MAX_DIMS], out[2][RL_MAX_DIMS]; } Dims;

typedef struct Job {
    const Reduction *r;
    const double *extra;
    Dims kept, reduced;
    char *in, *out[2];
    int64_t count, block, blocks;   /* elements per result; results per block, and blocks, along the first kept dim */
    bool columns;
    int64_t pieces, piece_length;
    char *store;               /* accumulators of pieces */
} Job;

/* ---- shapes ----------------------------------------------------------------------------------------------------------------- */

bool rl_dims_mask(const Arg *dim, int ndim, bool mask[RL_MAX_DIMS]) {
    if (dim && dim->tag == A_INTS && dim->n) return rl_wrap_dims(ndim, dim->n, dim->ints, mask);
    if (dim && dim->tag == A_INT) return rl_wrap_dims(ndim, 1, &dim->i, mask);
    for (int i = 0; i < RL_MAX_DIMS; i++) mask[i] = i < ndim;
    return true;
}

void rl_reduced_shape(const Tensor *x, const bool *mask, bool keepdim, int *ndim, int64_t *shape) {
    *ndim = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!mask[i] || keepdim) shape[(*ndim)++] = mask[i] ? 1 : x->shape[i];
}

int64_t rl_masked_count(const int64_t *shape, int ndim, const bool *mask) {
    int64_t n = 1;
    for (int i = 0; i < ndim; i++) n *= mask[i] ? shape[i] : 1;
    return n;
}

/* ---- planning ----------------------------------------------------------------------------------------------------------------- */

/* Appends a dim, innermost first, merging it with the one before where it continues it in all operands. */
static void append(Dims *d, int64_t size, int64_t in, int64_t out0, int64_t out1) {
    int k = d->n - 1;
    if (size == 1) return;
    if (k >= 0 && in == d->in[k] * d->size[k] && out0 == d->out[0][k] * d->size[k] && out1 == d->out[1][k] * d->size[k]) {
        d->size[k] *= size;
        return;
    }
    d->size[++k] = size, d->in[k] = in, d->out[0][k] = out0, d->out[1][k] = out1;
    d->n = k + 1;
}

static int64_t size_of_stride(int64_t s) { return s < 0 ? -s : s; }

/* Brings the dim with the smallest stride to the front; one that does not move only where the others would miss the cache at every step. */
static void nearest_first(Dims *d) {
    enum { LINE = 64 };
    int best = 0, still = -1;
    for (int i = 0; i < d->n; i++) {
        if (!d->in[i]) still = i;
        else if (!d->in[best] || size_of_stride(d->in[i]) < size_of_stride(d->in[best])) best = i;
    }
    if (still >= 0 && size_of_stride(d->in[best]) >= LINE) best = still;
    if (best == 0) return;
    int64_t size = d->size[0], in = d->in[0], o0 = d->out[0][0], o1 = d->out[1][0];
    d->size[0] = d->size[best], d->in[0] = d->in[best], d->out[0][0] = d->out[0][best], d->out[1][0] = d->out[1][best];
    d->size[best] = size, d->in[best] = in, d->out[0][best] = o0, d->out[1][best] = o1;
}

static int64_t out_stride(const Tensor *out, int d) { return out ? out->stride[d] * rl_dtype_bytes(out->dtype) : 0; }

static void sort_dims(Job *j, Tensor *x, const bool *mask, bool keepdim, Tensor *out, Tensor *out2) {
    const Tensor *some = out ? out : out2;
    int64_t bytes = rl_dtype_bytes(x->dtype);
    int place = some->ndim;
    for (int d = x->ndim - 1; d >= 0; d--) {
        if (!mask[d] || keepdim) place--;
        if (mask[d]) append(&j->reduced, x->shape[d], x->stride[d] * bytes, 0, 0);
        else append(&j->kept, x->shape[d], x->stride[d] * bytes, out_stride(out, place), out_stride(out2, place));
    }
}

static void choose_walk(Job *j) {
    nearest_first(&j->kept);
    nearest_first(&j->reduced);
    j->block = j->blocks = 1;
    if (j->kept.n == 0) return;
    int64_t width = j->kept.size[0], lines = PIECE / (j->count ? j->count : 1);
    j->columns = j->reduced.n == 0 || size_of_stride(j->kept.in[0]) < size_of_stride(j->reduced.in[0]) || (j->reduced.size[0] < SHORT_LINE && width > SHORT_LINE);
    j->block = j->columns || lines > BLOCK ? BLOCK : lines > 0 ? lines : 1;
    j->blocks = (width + j->block - 1) / j->block;
}

/* Results to work out: blocks along the first kept dim, times the others. */
static int64_t count_tasks(const Job *j) {
    int64_t n = j->blocks;
    for (int i = 1; i < j->kept.n; i++) n *= j->kept.size[i];
    return n;
}

static void choose_pieces(Job *j, int64_t tasks) {
    int64_t width = j->kept.n ? j->kept.size[0] / j->blocks : 1, length = PIECE / (width > 0 ? width : 1);
    j->pieces = 1;
    j->piece_length = j->reduced.n ? j->reduced.size[0] : 1;
    if (tasks >= 16 || j->reduced.n != 1 || j->piece_length < 2 * length) return;
    j->piece_length = length;
    j->pieces = (j->reduced.size[0] + length - 1) / length;
}

/* ---- working --------------------------------------------------------------------------------------------------------------------- */

typedef struct Place { char *in, *out[2]; int64_t width; } Place;

static Place place_of(const Job *j, int64_t task) {
    Place p = {j->in, {j->out[0], j->out[1]}, 1};
    if (j->kept.n) {
        int64_t first = task % j->blocks * j->block;
        task /= j->blocks;
        p.width = j->kept.size[0] - first < j->block ? j->kept.size[0] - first : j->block;
        p.in += first * j->kept.in[0];
        for (int k = 0; k < 2; k++)
            if (p.out[k]) p.out[k] += first * j->kept.out[k][0];
    }
    for (int d = 1; d < j->kept.n; d++) {
        int64_t i = task % j->kept.size[d];
        task /= j->kept.size[d];
        p.in += i * j->kept.in[d];
        for (int k = 0; k < 2; k++)
            if (p.out[k]) p.out[k] += i * j->kept.out[k][d];
    }
    return p;
}

/* All reduced elements of one block of results into acc; of the innermost reduced dim only those from first to last. */
static void accumulate(const Job *j, const Place *p, int64_t first, int64_t last, void *acc) {
    const Dims *d = &j->reduced;
    int64_t index[RL_MAX_DIMS] = {0}, column = j->kept.n ? j->kept.in[0] : 0, row = d->n ? d->in[0] : 0;
    const char *in = p->in + first * row;
    for (;;) {
        if (j->columns) j->r->add(j->r, p->width, last - first, in, column, row, acc, first, j->extra);
        else for (int64_t l = 0; l < p->width; l++) j->r->add(j->r, 1, last - first, in + l * column, column, row, (char *)acc + l * j->r->acc_bytes, first, j->extra);
        int k = 1;
        for (; k < d->n; k++) {
            in += d->in[k];
            if (++index[k] < d->size[k]) break;
            in -= d->in[k] * d->size[k];
            index[k] = 0;
        }
        if (k >= d->n) return;
    }
}

static void finish(const Job *j, const Place *p, const void *acc) {
    int64_t stride[2] = {j->kept.n ? j->kept.out[0][0] : 0, j->kept.n ? j->kept.out[1][0] : 0};
    j->r->finish(j->r, p->width, acc, p->out, stride, j->count, j->extra);
}

static void work_tasks(int64_t begin, int64_t end, void *state) {
    const Job *j = state;
    char acc[BLOCK * MOST_ACC] __attribute__((aligned(64)));
    for (int64_t task = begin; task < end; task++) {
        Place p = place_of(j, task);
        if (j->r->lines && j->kept.n && j->reduced.n == 1) {
            const int64_t to[2] = {j->kept.out[0][0], j->kept.out[1][0]};
            if (j->r->lines(j->r, p.width, j->count, p.in, j->kept.in[0], j->reduced.in[0], p.out, to, j->extra)) continue;
        }
        j->r->init(j->r, p.width, acc, j->extra);
        if (j->count) accumulate(j, &p, 0, j->piece_length, acc);
        finish(j, &p, acc);
    }
}

static void work_pieces(int64_t begin, int64_t end, void *state) {
    const Job *j = state;
    for (int64_t i = begin; i < end; i++) {
        Place p = place_of(j, i / j->pieces);
        int64_t first = i % j->pieces * j->piece_length, last = first + j->piece_length;
        char *acc = j->store + i * BLOCK * MOST_ACC;
        j->r->init(j->r, p.width, acc, j->extra);
        accumulate(j, &p, first, last < j->reduced.size[0] ? last : j->reduced.size[0], acc);
    }
}

static bool run_in_pieces(Job *j, int64_t tasks) {
    j->store = rl_scope_bytes(tasks * j->pieces * BLOCK * MOST_ACC);
    if (!j->store || !rl_parallel_for(tasks * j->pieces, 1, work_pieces, j)) return false;
    for (int64_t t = 0; t < tasks; t++) {
        Place p = place_of(j, t);
        char *acc = j->store + t * j->pieces * BLOCK * MOST_ACC;
        for (int64_t k = 1; k < j->pieces; k++) j->r->merge(j->r, p.width, acc, acc + k * BLOCK * MOST_ACC, j->extra);
        finish(j, &p, acc);
    }
    return true;
}

/* Everything into one result, and few elements: no plan. */
static bool reduce_small(const Reduction *r, Tensor *x, Tensor *out, Tensor *out2, const double *extra) {
    char acc[MOST_ACC] __attribute__((aligned(16)));
    int64_t bytes = rl_dtype_bytes(x->dtype);
    r->init(r, 1, acc, extra);
    if (x->numel) r->add(r, 1, x->numel, rl_data(x), bytes, bytes, acc, 0, extra);
    r->finish(r, 1, acc, (char *[]){out ? rl_data(out) : NULL, out2 ? rl_data(out2) : NULL}, (int64_t[]){0, 0}, x->numel, extra);
    return true;
}

/* x without the reduced dims that say the same again and again, where that makes no difference but for a factor; `shape` becomes its own. */
static Tensor without_repeats(Reduce kind, const Tensor *x, const bool *mask, const Tensor *out2, int64_t *shape, int64_t *factor) {
    Tensor once = *x;
    *factor = 1;
    bool fits = kind == REDUCE_mean || kind == REDUCE_any || kind == REDUCE_all || (kind == REDUCE_sum && !rl_dtype_is(x->dtype, CLASS_HALF)) || ((kind == REDUCE_max || kind == REDUCE_min) && !out2);
    for (int d = 0; fits && d < x->ndim; d++) {
        bool repeats = mask[d] && !x->stride[d] && x->shape[d] > 1;
        shape[d] = repeats ? 1 : x->shape[d];
        if (repeats) *factor *= x->shape[d];
    }
    if (*factor > 1) once.shape = shape, once.numel /= *factor;
    return once;
}

/* The same for kept dims: results that repeat are worked out once and copied. */
static bool keeps_repeats(const Tensor *x, const bool *mask) {
    for (int d = 0; d < x->ndim; d++)
        if (!mask[d] && !x->stride[d] && x->shape[d] > 1) return true;
    return false;
}

static bool reduce_once(Reduce kind, const Tensor *x, const bool *mask, bool keepdim, Tensor *out, Tensor *out2, const double *extra) {
    Tensor once = *x, *to[2] = {out, out2}, *few[2] = {NULL, NULL};
    int64_t shape[RL_MAX_DIMS], kept[RL_MAX_DIMS];
    int n = 0;
    for (int d = 0; d < x->ndim; d++) {
        bool repeats = !mask[d] && !x->stride[d] && x->shape[d] > 1;
        shape[d] = repeats ? 1 : x->shape[d];
        if (repeats) once.numel /= x->shape[d];
        if (!mask[d] || keepdim) kept[n++] = mask[d] ? 1 : shape[d];
    }
    once.shape = shape;
    for (int k = 0; k < 2; k++)
        if (to[k] && !(few[k] = rl_empty(n, kept, (Dtype)to[k]->dtype))) return false;
    if (!rl_reduce(kind, &once, mask, keepdim, few[0], few[1], extra)) return false;
    for (int k = 0; k < 2; k++)
        if (to[k] && !rl_copy_into(to[k], few[k])) return false;
    return true;
}

static bool times(Tensor *t, int64_t factor) {
    Arg number = a_i(factor);
    Tensor *by = rl_scalar(t->dtype, &number);
    return by && rl_loop(rl_kernels->binary[t->dtype][BINARY_mul], 3, (Tensor *[]){t, t, by}, NULL, 1);
}

bool rl_reduce(Reduce kind, Tensor *x, const bool *mask, bool keepdim, Tensor *out, Tensor *out2, const double *extra) {
    if (!x || (!out && !out2)) return false;
    const Reduction *r = &rl_kernels->reduce[x->dtype][kind];
    if (!r->acc_bytes) return rl_fail(RL_NOT_IMPLEMENTED, "this reduction is not implemented for '%s'", rl_dtypes[x->dtype].word);
    int64_t results = (out ? out : out2)->numel, shape[RL_MAX_DIMS], factor;
    Tensor once = without_repeats(kind, x, mask, out2, shape, &factor);
    if (results > 1 && keeps_repeats(x, mask)) return reduce_once(kind, x, mask, keepdim, out, out2, extra);
    if (factor > 1) return rl_reduce(kind, &once, mask, keepdim, out, out2, extra) && (kind != REDUCE_sum || times(out, factor));
    static const double no_places[] = {1};
    if ((kind == REDUCE_max || kind == REDUCE_min) && !out2) extra = no_places;
    if (results == 1 && x->numel <= PIECE && rl_is_contiguous(x)) return reduce_small(r, x, out, out2, extra);
    Job j = {.r = r, .extra = extra, .in = rl_data(x), .out = {out ? rl_data(out) : NULL, out2 ? rl_data(out2) : NULL},
             .count = rl_masked_count(x->shape, x->ndim, mask)};
    if (results == 0) return true;
    j.kept.n = j.reduced.n = 0;
    sort_dims(&j, x, mask, keepdim, out, out2);
    choose_walk(&j);
    int64_t tasks = count_tasks(&j), each = j.count * j.block;
    choose_pieces(&j, tasks);
    if (j.pieces > 1) return run_in_pieces(&j, tasks);
    return rl_parallel_for(tasks, each >= PIECE ? 1 : PIECE / (each ? each : 1), work_tasks, &j);
}
