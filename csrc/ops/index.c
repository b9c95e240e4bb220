/* index.c -- elements chosen by tensors: x[i, mask, :, j], and writing there.
 *
 * Masks become numbers first.  The dims that are indexed come to the front, their numbers become one offset per place, and what
 * remains of the tensor is a block that is copied, or added, whole. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <string.h>

/* ---- what to index -------------------------------------------------------------------------------------------------- */

typedef struct Plan {
    int n;                     /* indexed dims */
    int dim[RL_MAX_DIMS];
    Tensor *number[RL_MAX_DIMS];   /* int64, expanded to one shape */
    int nshape;                /* that shape */
    int64_t shape[RL_MAX_DIMS], count;
    int nrest;                 /* dims that stay whole */
    int rest[RL_MAX_DIMS];
    int place;                 /* where in the result the indexed dims go */
    int64_t *offset;           /* of each place, in bytes, where a mask over all dims has told them already */
} Plan;

static bool is_mask(const Tensor *t) { return t->dtype == RL_BOOL || t->dtype == RL_UINT8; }

/* Masks become one tensor of numbers per dim of theirs. */
static int spread_masks(Tensor *x, const Arg *list, Tensor **index) {
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        Tensor *t = list->tensors[i];
        if (!t || !is_mask(t)) {
            if (t && !rl_dtype_is(t->dtype, CLASS_INT)) {
                rl_fail(RL_INDEX_ERROR, "tensors used as indices must be long, int, byte or bool tensors, not %s", rl_dtypes[t->dtype].name);
                return -1;
            }
            if (n >= x->ndim) return n + (t ? 1 : 0) > x->ndim ? x->ndim + 1 : n;
            index[n++] = t;
            continue;
        }
        if (n + t->ndim > x->ndim) return x->ndim + 1;
        for (int d = 0; d < t->ndim; d++)
            if (t->shape[d] != x->shape[n + d]) {
                rl_fail(RL_INDEX_ERROR, "The shape of the mask %s at index %d does not match the shape of the indexed tensor %s at index %d", rl_text_shape(t), d, rl_text_shape(x), n + d);
                return -1;
            }
        Tensor *places = rl_do("nonzero", a_t(t));
        if (t->ndim == 0) {         /* x[True]: a new dim of one or no element, over which nothing is indexed */
            rl_fail(RL_INDEX_ERROR, "a mask without dims must be applied to a tensor that has been given a dim for it");
            return -1;
        }
        for (int d = 0; d < t->ndim; d++)
            if (!places || !(index[n++] = rl_select(places, 1, d))) return -1;
    }
    return n;
}

/* One mask over everything, both row-major: its places in order, written without a branch on what is a coin toss. */
static bool plan_mask(Tensor *x, Tensor *mask, Plan *p) {
    const uint8_t *set = rl_data(mask);
    int64_t count = 0, found = 0, bytes = rl_dtypes[x->dtype].bytes;
    for (int64_t i = 0; i < mask->numel; i++) count += set[i] != 0;
    p->n = p->nrest = p->place = 0;
    p->nshape = 1;
    p->shape[0] = p->count = count;
    p->offset = rl_scope_bytes((count + 1) * 8);
    if (!p->offset) return false;
    for (int64_t i = 0; found < count; i++) {
        p->offset[found] = i * bytes;
        found += set[i] != 0;
    }
    return true;
}

static bool plan_index(Tensor *x, const Arg *list, Plan *p) {
    Tensor *index[RL_MAX_DIMS + 1], *mask = list->n == 1 ? list->tensors[0] : NULL;
    p->offset = NULL;
    if (mask && is_mask(mask) && mask->ndim && rl_same_shape(mask, x) && rl_is_contiguous(mask) && rl_is_contiguous(x)) return plan_mask(x, mask, p);
    int n = spread_masks(x, list, index);
    if (n < 0) return false;
    if (n > x->ndim) return rl_fail(RL_INDEX_ERROR, "too many indices for tensor of dimension %d (got %d)", x->ndim, list->n);
    memset(p, 0, offsetof(Plan, dim));
    p->nshape = p->nrest = 0;
    for (int i = 0; i < x->ndim; i++) {
        if (i >= n || !index[i]) {
            p->rest[p->nrest++] = i;
            continue;
        }
        p->dim[p->n] = i;
        p->number[p->n++] = index[i];
        int ndim = p->nshape;
        if (!rl_broadcast_shapes(&ndim, p->shape, index[i])) {
            rl_error_clear();
            return rl_fail(RL_INDEX_ERROR, "shape mismatch: indexing tensors could not be broadcast together with shapes %s, %s", rl_text_sizes(p->nshape, p->shape), rl_text_shape(index[i]));
        }
        p->nshape = ndim;
    }
    p->count = 1;
    for (int i = 0; i < p->nshape; i++) p->count *= p->shape[i];
    for (int k = 0; k < p->n; k++)
        if (!(p->number[k] = rl_expand(rl_cast(p->number[k], RL_INT64), p->nshape, p->shape))) return false;
    bool together = true;
    for (int k = 1; k < p->n; k++) together = together && p->dim[k] == p->dim[k - 1] + 1;
    p->place = together && p->n ? p->dim[0] : 0;
    return true;
}

/* One offset into x, in bytes, per place. */
static int64_t *offsets_of(Tensor *x, Plan *p) {
    if (p->offset) return p->offset;
    int64_t *offset = rl_scope_bytes((p->count ? p->count : 1) * 8);
    if (!offset) return NULL;
    memset(offset, 0, (size_t)p->count * 8);
    for (int k = 0; k < p->n; k++) {
        int64_t size = x->shape[p->dim[k]], step = x->stride[p->dim[k]] * rl_dtypes[x->dtype].bytes;
        Tensor *flat = rl_contiguous(p->number[k]);
        if (!flat) return NULL;
        const int64_t *number = rl_data(flat);
        for (int64_t i = 0; i < p->count; i++) {
            int64_t at = number[i];
            if (RL_UNLIKELY(!size)) return rl_fail(RL_INDEX_ERROR, "index is out of bounds for dimension with size 0: dimension %d of a tensor of shape %s", p->dim[k], rl_text_shape(x));
            if (RL_UNLIKELY(at < -size || at >= size))
                return rl_fail(RL_INDEX_ERROR, "index %" PRId64 " is out of bounds for dimension %d with size %" PRId64 " (the tensor has shape %s)", at, p->dim[k], size, rl_text_shape(x));
            offset[i] += (at < 0 ? at + size : at) * step;
        }
    }
    return offset;
}

static int result_shape(Tensor *x, const Plan *p, int64_t *shape) {
    int n = 0;
    for (int i = 0; i < p->place; i++) shape[n++] = x->shape[p->rest[i]];
    for (int i = 0; i < p->nshape; i++) shape[n++] = p->shape[i];
    for (int i = p->place; i < p->nrest; i++) shape[n++] = x->shape[p->rest[i]];
    return n;
}

/* ---- moving blocks ----------------------------------------------------------------------------------------------------- */

/* A block: the dims that are not indexed, in x and in a dense buffer of places x blocks. */
typedef struct Block { int n; int64_t size[RL_MAX_DIMS], step[RL_MAX_DIMS]; int64_t count; bool dense; } Block;

static Block block_of(const Tensor *x, const Plan *p) {
    Block b = {.count = 1, .dense = true};
    int bytes = rl_dtypes[x->dtype].bytes;
    for (int i = 0; i < p->nrest; i++) {
        b.size[b.n] = x->shape[p->rest[i]];
        b.step[b.n++] = x->stride[p->rest[i]] * bytes;
        b.count *= x->shape[p->rest[i]];
    }
    int64_t step = bytes;
    for (int i = b.n - 1; i >= 0; i--) {
        if (b.size[i] == 1) continue;
        b.dense = b.dense && b.step[i] == step;
        step *= b.size[i];
    }
    return b;
}

/* count places for each of the leads: the dims before the indexed ones, where they are walked over first. */
typedef struct Move { char *x, *flat; const int64_t *offset, *lead; int64_t count; const Block *block; int bytes; bool to_x; LoopFn *add, *add_each; } Move;

/* Lines of the block: its last dim whole, the others by odometer. */
static void move_block(const Move *m, char *x, char *flat) {
    const Block *b = m->block;
    int64_t line = b->n ? b->size[b->n - 1] : 1, step = b->n ? b->step[b->n - 1] : m->bytes, at[RL_MAX_DIMS] = {0};
    if (b->dense) line = b->count, step = m->bytes;
    for (int64_t done = 0; done < b->count; done += line, flat += line * m->bytes) {
        if (m->add) m->add(line, (char *[]){x, x, flat}, (int64_t[]){step, step, m->bytes}, NULL);
        else if (m->to_x) rl_kernels->copy[rl_size_index(m->bytes)](line, (char *[]){x, flat}, (int64_t[]){step, m->bytes}, NULL);
        else rl_kernels->copy[rl_size_index(m->bytes)](line, (char *[]){flat, x}, (int64_t[]){m->bytes, step}, NULL);
        if (b->dense) continue;
        for (int d = b->n - 2; d >= 0; d--) {
            x += b->step[d];
            if (++at[d] < b->size[d]) break;
            x -= at[d] * b->step[d];
            at[d] = 0;
        }
    }
}

/* Blocks of one element: offsets are numbers of bytes. */
static void move_elements(const Move *m, int64_t begin, int64_t end) {
    const IndexSpec spec = {0, 1, NULL};
    int k = rl_size_index(m->bytes);
    char *flat = m->flat + begin * m->bytes, *numbers = (char *)(m->offset + begin);
    if (m->to_x) (m->add ? m->add_each : rl_kernels->scatter[k])(end - begin, (char *[]){m->x, numbers, flat}, (int64_t[]){0, 8, m->bytes}, &spec);
    else rl_kernels->gather[k](end - begin, (char *[]){flat, numbers, m->x}, (int64_t[]){m->bytes, 8, 0}, &spec);
}

static void move_range(int64_t begin, int64_t end, void *state) {
    const Move *m = state;
    int64_t bytes = m->block->count * m->bytes;
    if (m->block->count == 1 && (!m->add || m->add_each)) {
        move_elements(m, begin, end);
        return;
    }
    if (!m->add && m->block->dense && bytes <= 64) {
        for (int64_t i = begin; i < end; i++) {
            char *a = m->x + m->offset[i], *b = m->flat + i * bytes;
            memcpy(m->to_x ? a : b, m->to_x ? b : a, (size_t)bytes);
        }
        return;
    }
    for (int64_t i = begin; i < end; i++) move_block(m, m->x + m->offset[i], m->flat + i * bytes);
}

static void move_leads(int64_t begin, int64_t end, void *state) {
    const Move *m = state;
    int64_t bytes = m->block->count * m->bytes;
    for (int64_t i = begin; i < end; i++) {
        Move one = *m;
        int64_t lead = i / m->count, place = i % m->count, last = end - i < m->count - place ? place + end - i : m->count;
        one.x += m->lead[lead];
        one.flat += lead * m->count * bytes;
        one.lead = NULL;
        move_range(place, last, &one);
        i += last - place - 1;
    }
}

static bool move_all(Tensor *x, Tensor *flat, const Plan *p, const int64_t *offset, bool to_x, LoopFn *add) {
    Block b = block_of(x, p);
    if (!b.count || !p->count) return true;
    Move m = {rl_data(x), rl_data(flat), offset, NULL, p->count, &b, rl_dtypes[x->dtype].bytes, to_x, add, rl_kernels->scatter_reduce[x->dtype][SCATTER_ADD]};
    if (to_x) {                /* two places may be one: in order */
        move_range(0, p->count, &m);
        return true;
    }
    return rl_parallel_for(p->count, 1 + 32768 / b.count, move_range, &m);
}

/* The places' dims first, then the rest: a permutation of the result. */
static Tensor *places_first(Tensor *t, const Plan *p) {
    int64_t order[RL_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < p->nshape; i++) order[n++] = p->place + i;
    for (int i = 0; i < t->ndim; i++)
        if (i < p->place || i >= p->place + p->nshape) order[n++] = i;
    return p->place ? rl_permute(t, n, order) : t;
}

/* ---- index ---------------------------------------------------------------------------------------------------------------- */

/* The strides torch gives the result: those of a loop over x, whose indexed dims do not move it, and the numbers. */
static void result_strides(const Tensor *x, const Plan *p, int n, const int64_t *shape, int64_t *stride) {
    Tensor views[RL_MAX_DIMS + 1], *operands[RL_MAX_DIMS + 1];
    int64_t room[RL_MAX_DIMS + 1][RL_MAX_DIMS];
    for (int k = 0; k <= p->n; k++) {
        views[k] = k ? *p->number[k - 1] : *x;
        views[k].ndim = (uint8_t)n;
        views[k].shape = (int64_t *)shape;
        views[k].stride = room[k];
        operands[k] = &views[k];
        for (int i = 0, rest = 0; i < n; i++) {
            bool place = i >= p->place && i < p->place + p->nshape;
            int d = place ? 0 : p->rest[rest++];
            room[k][i] = shape[i] == 1 ? 0 : k ? (place ? p->number[k - 1]->stride[i - p->place] : 0) : place ? 0 : x->stride[d];
        }
    }
    rl_common_strides(p->n + 1, operands, n, shape, stride);
}

/* Row-major results are filled place by place; dims before the indexed ones are walked over outside. */
static bool fill_rows(Tensor *x, Tensor *y, Plan *p, const int64_t *offset) {
    int64_t leads = 1, at[RL_MAX_DIMS] = {0}, from = 0;
    for (int i = 0; i < p->place; i++) leads *= x->shape[p->rest[i]];
    if (!y->numel) return true;
    int64_t *lead = rl_scope_bytes(leads * 8);
    if (!lead) return false;
    int bytes = rl_dtypes[x->dtype].bytes;
    for (int64_t k = 0; k < leads; k++) {
        lead[k] = from * bytes;
        for (int i = p->place - 1; i >= 0; i--) {
            from += x->stride[p->rest[i]];
            if (++at[i] < x->shape[p->rest[i]]) break;
            from -= at[i] * x->stride[p->rest[i]];
            at[i] = 0;
        }
    }
    Plan inner = *p;
    inner.nrest -= p->place;
    memmove(inner.rest, p->rest + p->place, (size_t)inner.nrest * sizeof *inner.rest);
    Block b = block_of(x, &inner);
    Move m = {rl_data(x), rl_data(y), offset, lead, p->count, &b, bytes, false, NULL, NULL};
    return rl_parallel_for(leads * p->count, 1 + 32768 / b.count, move_leads, &m);
}

static Tensor *index_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Plan p;
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS], dense[RL_MAX_DIMS];
    if (!plan_index(x, &c->arg[1], &p)) return NULL;
    if (p.nshape + p.nrest > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    int64_t *offset = offsets_of(x, &p);
    if (!offset) return NULL;
    int n = result_shape(x, &p, shape);
    Tensor *rows = rl_empty(n, shape, x->dtype);
    if (!rows || !(p.place ? fill_rows(x, rows, &p, offset) : move_all(x, rows, &p, offset, false, NULL))) return NULL;
    if (rows->numel == 0 || p.offset) return rows;
    result_strides(x, &p, n, shape, stride);
    rl_strides_of(n, shape, dense);
    for (int i = 0; i < n; i++)
        if (shape[i] > 1 && stride[i] != dense[i]) return rl_copy_into(rl_empty_strided(n, shape, stride, x->dtype), rows);
    return rows;
}

static void index_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!rl_need(c, 0)) return;
    Tensor *zeros = rl_zeros_meta(rl_meta(c, 0));
    dx[0] = rl_do("index_put", a_t(zeros), c->arg[1], a_t(g[0]), a_b(true));
}

/* ---- index_put -------------------------------------------------------------------------------------------------------------- */

static Tensor *put(Tensor *y, const Arg *list, Tensor *value, bool accumulate) {
    Plan p;
    int64_t shape[RL_MAX_DIMS];
    if (!y || !plan_index(y, list, &p)) return NULL;
    int n = result_shape(y, &p, shape);
    int lead = value->ndim - n;
    for (int i = 0; i < value->ndim; i++) {
        int64_t want = i < lead ? 1 : shape[i - lead];
        if (value->shape[i] != want && value->shape[i] != 1)
            return rl_fail(RL_RUNTIME_ERROR, "shape mismatch: value tensor of shape %s cannot be broadcast to indexing result of shape %s", rl_text_shape(value), rl_text_sizes(n, shape));
    }
    if (value->dtype != y->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "Index put requires the source and destination dtypes match, got %s for the destination and %s for the source.", rl_dtypes[y->dtype].word, rl_dtypes[value->dtype].word);
    if (lead > 0) value = rl_view(value, n, value->shape + lead, value->stride + lead, value->offset);
    if (rl_overlap(y, value) != OVERLAP_NONE) value = rl_clone(value);
    Tensor *flat = rl_contiguous(places_first(rl_expand(value, n, shape), &p));
    int64_t *offset = flat ? offsets_of(y, &p) : NULL;
    LoopFn *add = accumulate ? rl_kernels->binary[y->dtype][BINARY_add] : NULL;
    return offset && move_all(y, flat, &p, offset, true, add) ? y : NULL;
}

static Tensor *index_put_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Tensor *y = c->inplace ? x : rl_copy_into(rl_empty_like(x, x->dtype), x);
    return put(y, &c->arg[1], c->arg[2].tensor, c->arg[3].b);
}

/* Values may begin with more dims than the places have, of one element each. */
static Tensor *with_leading_dims(Tensor *g, const Meta *m) {
    int lead = g ? m->ndim - g->ndim : 0;
    return lead > 0 ? rl_reshape(rl_sum_to(g, g->ndim, m->shape + lead), m->ndim, m->shape) : g;
}

static void index_put_vjp(Call *c, Tensor **g, Tensor **dx) {
    int value = rl_slot(c, 2);
    const Meta *m = rl_meta(c, value);
    if (rl_need(c, 0)) {
        dx[0] = c->arg[3].b ? g[0] : rl_do("index_put", a_t(g[0]), c->arg[1], a_t(rl_zeros(0, NULL, m->dtype)));
    }
    if (rl_need(c, value)) dx[value] = with_leading_dims(rl_do("_index", a_t(g[0]), c->arg[1]), m);
}

/* ---- masks ------------------------------------------------------------------------------------------------------------------- */

/* In place on an expanded tensor: an element in memory is written if the mask is True for any of the elements that it stands for. */
static Tensor *fill_shared(Tensor *self, Tensor *mask, Tensor *value) {
    if (rl_requires_grad(self) && !rl_check_inplace(self)) return NULL;
    rl_host.warn("Use of masked_fill_ on expanded tensors is deprecated. Please clone() the tensor before performing this operation: what is written shows in all elements that share memory.");
    Tensor *x = self;
    mask = rl_expand(mask, x->ndim, x->shape);
    for (int d = 0; mask && x && d < self->ndim; d++) {
        if (x->stride[d] || x->shape[d] < 2) continue;
        x = rl_narrow(x, d, 0, 1);
        mask = rl_do_overload("any", 1, a_t(mask), a_i(d), a_b(true));
    }
    if (!x || !mask || rl_thread.failed || (rl_self_overlaps(x) && !rl_check_inplace(x))) return NULL;
    return rl_loop(rl_kernels->where[rl_size_index(rl_dtypes[x->dtype].bytes)], 4, (Tensor *[]){x, mask, value, x}, NULL, 0.5) ? self : NULL;
}

static Tensor *masked_fill_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *mask = c->arg[1].tensor;
    if (mask->dtype != RL_BOOL) return rl_fail(RL_RUNTIME_ERROR, "masked_fill_ only supports boolean masks, but got mask with dtype %s", rl_dtypes[mask->dtype].name);
    Tensor *value = c->arg[2].tag == A_TENSOR ? c->arg[2].tensor : NULL;
    if (value && value->ndim) return rl_fail(RL_RUNTIME_ERROR, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).", value->ndim);
    Arg number = c->arg[2];
    double store[2];
    Dtype dtype = x->dtype;
    if ((value && !rl_item(value, &number, store)) || !rl_number_fits(dtype, &number)) return NULL;
    value = value ? rl_cast(value, dtype) : rl_scalar(dtype, &c->arg[2]);
    if (!value) return NULL;
    if (c->inplace && c->dest == x && rl_self_overlaps(x)) return fill_shared(x, mask, value);
    Tensor *y = rl_out_like(c, 0, dtype, 2, (Tensor *[]){x, mask});
    return y && rl_loop(rl_kernels->where[rl_size_index(rl_dtypes[dtype].bytes)], 4, (Tensor *[]){y, mask, value, x}, NULL, 0.5) ? y : NULL;
}

static void masked_fill_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *mask = c->arg[1].tensor;
    if (rl_need(c, 0)) dx[0] = rl_do("masked_fill", a_t(g[0]), a_t(mask), a_i(0));
    if (rl_need(c, 2)) dx[2] = rl_sum_all(rl_do("masked_fill", a_t(g[0]), a_t(rl_do("logical_not", a_t(mask))), a_i(0)));
}

static Tensor *masked_select_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *mask = c->arg[1].tensor;
    int64_t shape[RL_MAX_DIMS];
    int ndim = 0;
    if (mask->dtype != RL_BOOL) return rl_fail(RL_RUNTIME_ERROR, "masked_select: expected BoolTensor for mask, but got %s", rl_dtypes[mask->dtype].name);
    if (!rl_broadcast_shapes(&ndim, shape, x) || !rl_broadcast_shapes(&ndim, shape, mask)) return NULL;
    Tensor *wide = rl_expand(x, ndim, shape), *chosen = rl_expand(mask, ndim, shape);
    if (!ndim) {
        wide = rl_unsqueeze(wide, 0);
        chosen = rl_unsqueeze(chosen, 0);
    }
    return chosen ? rl_do("_index", a_t(wide), a_ts(1, &chosen)) : NULL;
}

static int64_t count_true(Tensor *mask) {
    Tensor *dense = rl_contiguous(mask);
    const uint8_t *p = dense ? rl_data(dense) : NULL;
    int64_t n = 0;
    for (int64_t i = 0; dense && i < dense->numel; i++) n += p[i] != 0;
    return dense ? n : -1;
}

static Tensor *widened(Tensor *t, int ndim, const int64_t *shape) {
    return t->ndim == ndim && !memcmp(t->shape, shape, (size_t)ndim * sizeof *shape) ? t : rl_expand(t, ndim, shape);
}

static Tensor *masked_scatter_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *mask = c->arg[1].tensor, *source = c->arg[2].tensor;
    int64_t shape[RL_MAX_DIMS], all = -1;
    int ndim = 0;
    if (mask->dtype != RL_BOOL) return rl_fail(RL_RUNTIME_ERROR, "masked_scatter_ only supports boolean masks, but got mask with dtype %s", rl_dtypes[mask->dtype].name);
    if (x->dtype != source->dtype) return rl_fail(RL_RUNTIME_ERROR, "masked_scatter: expected self and source to have same dtypes but got %s and %s", rl_dtypes[x->dtype].word, rl_dtypes[source->dtype].word);
    if (!rl_broadcast_shapes(&ndim, shape, x) || !rl_broadcast_shapes(&ndim, shape, mask)) return NULL;
    if (!ndim) ndim = 1, shape[0] = 1;
    Tensor *y = widened(x, ndim, shape), *chosen = widened(mask, ndim, shape);
    int64_t n = y && chosen ? count_true(chosen) : -1;
    if (n < 0) return NULL;
    if (n > source->numel)
        return rl_fail(RL_RUNTIME_ERROR, "masked_scatter: expected the number of elements in source (%" PRId64 ") to be at least the number of ones in mask (%" PRId64 ")", source->numel, n);
    Tensor *flat = source->numel == 0 ? rl_reshape(source, 1, (int64_t[]){0}) : rl_reshape(source, 1, &all);
    y = rl_do("index_put", a_t(y), a_ts(1, &chosen), a_t(rl_narrow(flat, 0, 0, n)));
    return x->ndim == 0 && mask->ndim == 0 && y ? rl_reshape(y, 0, NULL) : y;
}

Op rl_index_ops[] = {
    {
        .sig = "_index(input: Tensor, indices: list[Tensor | None]) -> Tensor", .flags = TAKES_BARE, .where = PRIVATE, .node = "IndexBackward0", .saves_for = {SAVE(1)},
        .doc = "input[indices], one entry per dim; None keeps a dim whole.\n\n>>> rl._C._ops._index(rl.tensor([5, 6, 7]), [rl.tensor([2, 0])])\ntensor([7, 5])",
        .forward = index_forward, .vjp = index_vjp, .samples = "x(3, 4), [idx(3, 2)]; x(3, 4), [None, idx(4, 2, 2)]; x(3, 4, 2), [idx(3, 2), None, idx(2, 2)]; x(3, 4), [mask(3, 4)]; x(3, 4), [idx(3, 0)]",
    },
    {
        .sig = "index_put(input: Tensor, indices: list[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor", .where = FUNCTION | METHOD | INPLACE,
        .saves_for = {SAVE(1), 0, SAVE(1)},
        .doc = "A copy with values written, or added, at the indices.\n\n>>> rl.index_put(rl.zeros(3), [rl.tensor([2, 0])], rl.tensor([1., 2.]))\ntensor([2., 0., 1.])",
        .forward = index_put_forward, .vjp = index_put_vjp, .samples = "x(3, 4), [idx(3, 1)], x(4), True; x(3, 4), [None, idx(4, 2)], x(3, 2), True; x(3, 4), [mask(3, 4)], x()",
    },
    {
        .sig = "masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor", .where = FUNCTION | METHOD | INPLACE, .flags = ELEMENTWISE | OVERLAPS, .saves = SAVE(1),
        .doc = "A copy with value where the mask, broadcast, is True.\n\n>>> rl.masked_fill(rl.tensor([1, 2]), rl.tensor([True, False]), 0)\ntensor([0, 2])",
        .forward = masked_fill_forward, .vjp = masked_fill_vjp, .samples = "x(3, 4), mask(3, 4), 2; x(3, 4), mask(4), x()",
    },
    {
        .sig = "masked_select(input: Tensor, mask: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT | NO_OVERLAP,
        .doc = "The elements where the mask, broadcast, is True, in one dim.\n\n>>> rl.masked_select(rl.tensor([1, 2]), rl.tensor([False, True]))\ntensor([2])",
        .forward = masked_select_forward, .samples = "x(3, 4), mask(3, 4); x(3, 4), mask(4)",
    },
    {
        .sig = "masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor", .where = FUNCTION | METHOD | INPLACE, .flags = COMPOSITE,
        .doc = "A copy with the elements of source, in order, where the mask is True.\n\n"
               ">>> rl.masked_scatter(rl.zeros(3), rl.tensor([True, False, True]), rl.tensor([1., 2.]))\ntensor([1., 0., 2.])",
        .forward = masked_scatter_forward, .samples = "x(3, 4), mask(3, 4), x(12)",
    },
    {0},
};
