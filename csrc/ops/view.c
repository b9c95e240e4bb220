/* view.c -- other ways to look at the same elements: new shapes and strides over one storage, and their gradients.
 *
 * Every view's gradient is a piece written into zeros: _as_strided_backward does it for all that pick elements, given the
 * geometry that the view would have in a row-major tensor. */
#include "rushlight.h"

#include <inttypes.h>
#include <string.h>

static Tensor *input_of(Call *c) { return c->arg[0].tensor; }

/* ---- as_strided and its gradient ----------------------------------------------------------------------------------- */

static bool check_extent(Tensor *x, int n, const int64_t *size, const int64_t *stride, int64_t offset) {
    int64_t last = offset, reach, bytes, numel;
    if (!rl_numel_of(n, size, &numel)) return false;
    if (offset < 0) return rl_fail(RL_RUNTIME_ERROR, "Tensor: invalid storage offset %" PRId64, offset);
    for (int i = 0; i < n; i++) {
        if (stride[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "as_strided: Negative strides are not supported at the moment, got strides: %s", rl_text_sizes(n, stride));
        if (numel && (!rl_mul_size(size[i] - 1, stride[i], &reach) || !rl_add_size(last, reach, &last)))
            return rl_fail(RL_RUNTIME_ERROR, "Storage size calculation overflowed with sizes=%s and strides=%s", rl_text_sizes(n, size), rl_text_sizes(n, stride));
    }
    if (numel && (!rl_mul_size(last + 1, rl_dtypes[x->dtype].bytes, &bytes) || bytes > x->storage->bytes))
        return rl_fail(RL_RUNTIME_ERROR, "setStorage: sizes %s, strides %s, storage offset %" PRId64 ", and itemsize %d requiring a storage size of %" PRId64 " are out of bounds for storage of size %" PRId64,
                       rl_text_sizes(n, size), rl_text_sizes(n, stride), offset, rl_dtypes[x->dtype].bytes, (last + 1) * rl_dtypes[x->dtype].bytes, x->storage->bytes);
    return true;
}

static bool same_length(Call *c, const Arg *size, const Arg *stride) {
    if (size->n == stride->n && size->n <= RL_MAX_DIMS) return true;
    return rl_fail(RL_RUNTIME_ERROR, "%s(): mismatch in length of strides and shape: size %s, stride %s", c->op->parsed->name, rl_text_sizes(size->n, size->ints), rl_text_sizes(stride->n, stride->ints));
}

static Tensor *as_strided_raw_forward(Call *c) {
    Arg *a = c->arg;
    if (!same_length(c, &a[1], &a[2]) || !same_length(c, &a[4], &a[5]) || !check_extent(input_of(c), a[1].n, a[1].ints, a[2].ints, a[3].i)) return NULL;
    return rl_view(input_of(c), a[1].n, a[1].ints, a[2].ints, a[3].i);
}

static Tensor *as_strided_forward(Call *c) {
    Tensor *x = input_of(c);
    Arg *a = c->arg;
    if (a[1].n != a[2].n)
        return rl_fail(RL_RUNTIME_ERROR, "mismatch in length of strides and shape: size has %d entries, stride has %d", a[1].n, a[2].n);
    int64_t offset = a[3].tag == A_INT ? a[3].i : x->offset;
    if (!check_extent(x, a[1].n, a[1].ints, a[2].ints, offset)) return NULL;
    return rl_do("_as_strided", a_t(x), a[1], a[2], a_i(offset), a_ints(x->ndim, x->shape), a_ints(x->ndim, x->stride), a_i(x->offset));
}

static int64_t end_of(const Arg *size, const Arg *stride, int64_t offset) {
    int64_t end = offset + 1;
    for (int i = 0; i < size->n; i++) {
        if (size->ints[i] == 0) return offset;
        end += (size->ints[i] - 1) * stride->ints[i];
    }
    return end;
}

static bool may_overlap(const Arg *size, const Arg *stride) {
    bool used[RL_MAX_DIMS] = {false};
    int64_t reach = 0;
    for (int k = 0; k < size->n; k++) {         /* by growing stride: each must step over all before it */
        int best = -1;
        for (int i = 0; i < size->n; i++)
            if (!used[i] && (best < 0 || stride->ints[i] < stride->ints[best])) best = i;
        used[best] = true;
        if (size->ints[best] <= 1) continue;
        if (stride->ints[best] <= reach) return true;
        reach += (size->ints[best] - 1) * stride->ints[best];
    }
    return false;
}

static bool add_overlapping(Tensor *flat, Tensor *g, const Arg *size, const Arg *stride, int64_t offset) {
    Tensor *index = rl_do("arange", a_i(flat->numel));
    index = index ? rl_view(index, size->n, size->ints, stride->ints, offset) : NULL;
    int64_t all = -1;
    Arg args[RL_MAX_ARGS] = {a_t(flat), a_i(0), a_t(rl_reshape(index, 1, &all)), a_t(rl_reshape(g, 1, &all))};
    Op *add = RL_OP("index_add");
    if (!add) return rl_fail(RL_NOT_IMPLEMENTED, "the gradient of an overlapping view needs index_add");
    for (int k = 4; k < add->parsed->nparams; k++) args[k] = add->parsed->param[k].value;
    return rl_apply_inplace(add, args) != NULL;
}

/* How many places of a geometry lie on each element of a span, but at least 1: they all read one number, so its gradient is theirs together. */
static Tensor *places_on(Tensor *flat, const Arg *size, const Arg *stride, int64_t offset) {
    Tensor *count = rl_zeros(1, flat->shape, flat->dtype), *ones = rl_full(size->n, size->ints, flat->dtype, 1);
    if (!count || !ones || (ones->numel && !add_overlapping(count, ones, size, stride, offset))) return NULL;
    return rl_do("where", a_t(rl_do("eq", a_t(count), a_i(0))), a_i(1), a_t(count));
}

/* Sizes, strides and an offset that reach over a span of memory that can be counted. */
static bool is_geometry(Call *c, const Arg *size, const Arg *stride, int64_t offset) {
    int64_t numel, reach, span = offset;
    bool fits = offset >= 0 && offset < INT64_MAX / 2 && rl_numel_of(size->n, size->ints, &numel);
    for (int i = 0; fits && i < size->n; i++)
        fits = stride->ints[i] >= 0 && (size->ints[i] == 0 || (rl_mul_size(size->ints[i] - 1, stride->ints[i], &reach) && rl_add_size(span, reach, &span)));
    if (fits) return true;
    return rl_fail(RL_RUNTIME_ERROR, "%s(): size %s, stride %s and offset %" PRId64 " are no geometry", c->op->parsed->name, rl_text_sizes(size->n, size->ints), rl_text_sizes(stride->n, stride->ints), offset);
}

/* g at the places that the view (size, stride, offset) had in a tensor of the geometry (in_size, in_stride, in_offset). */
static Tensor *as_strided_backward_forward(Call *c) {
    Tensor *g = input_of(c);
    const Arg *in_size = &c->arg[1], *in_stride = &c->arg[2], *size = &c->arg[4], *stride = &c->arg[5];
    if (!same_length(c, in_size, in_stride) || !same_length(c, size, stride) || !is_geometry(c, in_size, in_stride, c->arg[3].i) || !is_geometry(c, size, stride, c->arg[6].i)) return NULL;
    if (!rl_same_shape(g, &(Tensor){.ndim = size->n, .shape = (int64_t *)size->ints}))
        return rl_fail(RL_RUNTIME_ERROR, "%s(): a gradient of shape %s does not belong to a view of size %s", c->op->parsed->name, rl_text_shape(g), rl_text_sizes(size->n, size->ints));
    int64_t first = c->arg[3].i < c->arg[6].i ? c->arg[3].i : c->arg[6].i;
    int64_t in_offset = c->arg[3].i - first, offset = c->arg[6].i - first;
    int64_t end = end_of(in_size, in_stride, in_offset), end_of_view = end_of(size, stride, offset);
    if (end_of_view > end) end = end_of_view;
    Tensor *flat = rl_zeros(1, &end, g->dtype);
    if (!flat) return NULL;
    if (g->numel && may_overlap(size, stride)) {
        if (!add_overlapping(flat, g, size, stride, offset)) return NULL;
    } else if (!rl_copy_into(rl_view(flat, size->n, size->ints, stride->ints, offset), g)) return NULL;
    if (may_overlap(in_size, in_stride) && !(flat = rl_div(flat, places_on(flat, in_size, in_stride, in_offset)))) return NULL;
    Tensor *whole = rl_alias(flat);     /* not a view of flat: a tensor of its own */
    return whole && rl_set_geometry(whole, in_size->n, in_size->ints, in_stride->ints, in_offset) ? whole : NULL;
}

static void as_strided_backward_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg *a = c->arg;
    int64_t one = 1, first = a[3].i < a[6].i ? a[3].i : a[6].i, end = end_of(&a[1], &a[2], a[3].i - first), end_of_view = end_of(&a[4], &a[5], a[6].i - first);
    if (end_of_view > end) end = end_of_view;
    Tensor *flat = rl_do("_as_strided_backward", a_t(g[0]), a_ints(1, &end), a_ints(1, &one), a_i(0), a[1], a[2], a_i(a[3].i - first));
    if (flat && may_overlap(&a[1], &a[2])) flat = rl_div(flat, places_on(flat, &a[1], &a[2], a[3].i - first));
    dx[0] = rl_do("as_strided", a_t(flat), a[4], a[5], a_i(a[6].i - first));
}

static void as_strided_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg *a = c->arg;
    dx[0] = rl_do("_as_strided_backward", a_t(g[0]), a[4], a[5], a[6], a[1], a[2], a[3]);
}

static Tensor *as_strided_scatter_forward(Call *c) {
    Arg *a = c->arg;
    Tensor *x = input_of(c), *y = rl_is_dense(x) ? rl_clone(x) : rl_do("_restride", a_t(x), a_ints(x->ndim, x->shape), a_ints(x->ndim, x->stride));
    int64_t offset = a[4].tag == A_INT ? a[4].i : 0;
    if (a[2].n != a[3].n) return rl_fail(RL_RUNTIME_ERROR, "mismatch in length of strides and shape");
    if (!y || !check_extent(y, a[2].n, a[2].ints, a[3].ints, offset)) return NULL;
    Tensor *piece = rl_view(y, a[2].n, a[2].ints, a[3].ints, offset);
    if (piece && !rl_same_shape(piece, a[1].tensor))
        return rl_fail(RL_RUNTIME_ERROR, "expected src to have a size equal to the slice of self. src size = %s, slice size = %s", rl_text_shape(a[1].tensor), rl_text_shape(piece));
    return piece && rl_copy_into(piece, a[1].tensor) ? y : NULL;
}

static void as_strided_scatter_vjp(Call *c, Tensor **g, Tensor **dx) {
    Arg *a = c->arg;
    const Meta *m = rl_meta(c, 1);
    Tensor *flat = rl_contiguous(g[0]);
    if (rl_need(c, 0)) dx[0] = rl_do("as_strided_scatter", a_t(flat), a_t(rl_zeros_meta(m)), a[2], a[3], a[4]);
    if (rl_need(c, 1)) dx[1] = rl_clone(rl_do("as_strided", a_t(flat), a[2], a[3], a_i(a[4].tag == A_INT ? a[4].i : 0)));
}

/* ---- gradients of views that pick elements ------------------------------------------------------------------------ */

/* A tensor of the input's shape without memory behind it would do; only its geometry is needed. */
typedef struct Picture { int ndim; int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS], offset; } Picture;

static Picture picture_of(const Meta *m) {
    Picture p = {.ndim = m->ndim};
    for (int i = 0; i < m->ndim; i++) p.shape[i] = m->shape[i];
    rl_strides_of(m->ndim, m->shape, p.stride);
    return p;
}

static void drop_dim(Picture *p, int dim) {
    p->ndim--;
    for (int i = dim; i < p->ndim; i++) p->shape[i] = p->shape[i + 1], p->stride[i] = p->stride[i + 1];
}

static Tensor *write_into_zeros(Tensor *g, const Meta *m, const Picture *p) {
    int64_t stride[RL_MAX_DIMS];
    rl_strides_of(m->ndim, m->shape, stride);
    return rl_do("_as_strided_backward", a_t(g), a_ints(m->ndim, m->shape), a_ints(m->ndim, stride), a_i(0),
                 a_ints(p->ndim, p->shape), a_ints(p->ndim, p->stride), a_i(p->offset));
}

/* ---- select, slice ---------------------------------------------------------------------------------------------------- */

static bool wrap_index(Tensor *x, int dim, int64_t index, int64_t *wrapped) {
    int64_t n = x->shape[dim];
    if (index < -n || index >= n)
        return rl_fail(RL_INDEX_ERROR, "select(): index %" PRId64 " out of range for tensor of size %s at dimension %d", index, rl_text_shape(x), dim);
    *wrapped = index < 0 ? index + n : index;
    return true;
}

static Tensor *alias_forward(Call *c) {
    Tensor *x = input_of(c);
    return rl_view(x, x->ndim, x->shape, x->stride, x->offset);
}

static Tensor *select_forward(Call *c) {
    Tensor *x = input_of(c);
    if (x->ndim == 0) return rl_fail(RL_INDEX_ERROR, "select() cannot be applied to a 0-dim tensor.");
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    int64_t index = 0, shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    if (dim < 0 || !wrap_index(x, dim, c->arg[2].i, &index)) return NULL;
    for (int i = 0, k = 0; i < x->ndim; i++)
        if (i != dim) shape[k] = x->shape[i], stride[k++] = x->stride[i];
    return rl_view(x, x->ndim - 1, shape, stride, x->offset + index * x->stride[dim]);
}

static void select_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    Picture p = picture_of(m);
    int dim = rl_wrap_dim(m->ndim, c->arg[1].i);
    int64_t index = c->arg[2].i;
    p.offset = (index < 0 ? index + m->shape[dim] : index) * p.stride[dim];
    drop_dim(&p, dim);
    dx[0] = write_into_zeros(g[0], m, &p);
}

static int64_t clip(int64_t i, int64_t n) {
    if (i < 0) i += n;
    return i < 0 ? 0 : i > n ? n : i;
}

/* Python's rule for start and stop, steps being positive; false if the step is not. */
static bool slice_range(const Call *c, int64_t n, int64_t *start, int64_t *length, int64_t *step) {
    const Arg *a = c->arg;
    *step = a[4].i;
    if (*step <= 0) return rl_fail(RL_RUNTIME_ERROR, "slice step must be positive, not %" PRId64, *step);
    *start = a[2].tag == A_INT ? clip(a[2].i, n) : 0;
    int64_t stop = a[3].tag == A_INT ? clip(a[3].i, n) : n;
    *length = stop > *start ? (stop - *start - 1) / *step + 1 : 0;
    return true;
}

static Tensor *slice_forward(Call *c) {
    Tensor *x = input_of(c);
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "slice() cannot be applied to a 0-dim tensor.");
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    int64_t start, length, step, shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    if (dim < 0 || !slice_range(c, x->shape[dim], &start, &length, &step)) return NULL;
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i], stride[i] = x->stride[i];
    shape[dim] = length;
    stride[dim] *= step;
    return rl_view(x, x->ndim, shape, stride, x->offset + start * x->stride[dim]);
}

static void slice_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    Picture p = picture_of(m);
    int dim = rl_wrap_dim(m->ndim, c->arg[1].i);
    int64_t start, length, step;
    if (!slice_range(c, m->shape[dim], &start, &length, &step)) return;
    p.offset = start * p.stride[dim];
    p.shape[dim] = length;
    p.stride[dim] *= step;
    dx[0] = write_into_zeros(g[0], m, &p);
}

static Tensor *narrow_forward(Call *c) {
    Tensor *x = input_of(c);
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "narrow() cannot be applied to a 0-dim tensor.");
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i);
    int64_t start, length = c->arg[3].i;
    if (dim < 0) return NULL;
    if (c->arg[2].tag == A_TENSOR) {
        Arg number;
        double store[2];
        if (c->arg[2].tensor->ndim || !rl_dtype_is(c->arg[2].tensor->dtype, CLASS_INT))
            return rl_fail(RL_RUNTIME_ERROR, "start must be an 0-dim integral Tensor.  It is of %s with shape %s", rl_dtypes[c->arg[2].tensor->dtype].name, rl_text_shape(c->arg[2].tensor));
        if (!rl_item(c->arg[2].tensor, &number, store)) return NULL;
        start = a_int(&number);
    } else start = c->arg[2].i;
    int64_t n = x->shape[dim];
    if (length < 0) return rl_fail(RL_RUNTIME_ERROR, "narrow(): length must be non-negative.  It is %" PRId64, length);
    if (start < -n || start > n) return rl_fail(RL_INDEX_ERROR, "start out of range (expected to be in range of [%" PRId64 ", %" PRId64 "], but got %" PRId64 ")", -n, n, start);
    if (start < 0) start += n;
    if (start > n - length)
        return rl_fail(RL_RUNTIME_ERROR, "start (%" PRId64 ") + length (%" PRId64 ") exceeds dimension size (%" PRId64 ").", start, length, n);
    return rl_do("_slice", a_t(x), a_i(dim), a_i(start), a_i(start + length));
}

/* ---- diagonal, unfold ------------------------------------------------------------------------------------------------ */

static bool take_diagonal(Picture *p, int64_t offset, int64_t dim1, int64_t dim2) {
    int d1 = rl_wrap_dim(p->ndim, dim1), d2 = d1 < 0 ? -1 : rl_wrap_dim(p->ndim, dim2);
    if (d2 < 0) return false;
    if (d1 == d2) return rl_fail(RL_RUNTIME_ERROR, "diagonal dimensions cannot be identical %" PRId64 ", %" PRId64, dim1, dim2);
    int64_t rows = p->shape[d1] + (offset < 0 ? offset : 0), cols = p->shape[d2] - (offset > 0 ? offset : 0);
    int64_t length = rows < cols ? rows : cols, stride = p->stride[d1] + p->stride[d2];
    if (length < 0) length = 0;
    if (length) p->offset += offset >= 0 ? offset * p->stride[d2] : -offset * p->stride[d1];
    drop_dim(p, d1 > d2 ? d1 : d2);
    drop_dim(p, d1 > d2 ? d2 : d1);
    p->shape[p->ndim] = length;
    p->stride[p->ndim++] = stride;
    return true;
}

static Picture picture_of_tensor(const Tensor *x) {
    Picture p = {.ndim = x->ndim, .offset = x->offset};
    for (int i = 0; i < x->ndim; i++) p.shape[i] = x->shape[i], p.stride[i] = x->stride[i];
    return p;
}

static Tensor *view_of(Tensor *x, const Picture *p) { return rl_view(x, p->ndim, p->shape, p->stride, p->offset); }

static Tensor *diagonal_forward(Call *c) {
    Picture p = picture_of_tensor(input_of(c));
    return take_diagonal(&p, c->arg[1].i, c->arg[2].i, c->arg[3].i) ? view_of(input_of(c), &p) : NULL;
}

static void diagonal_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    Picture p = picture_of(m);
    if (take_diagonal(&p, c->arg[1].i, c->arg[2].i, c->arg[3].i)) dx[0] = write_into_zeros(g[0], m, &p);
}

static bool take_windows(Picture *p, int64_t dim, int64_t size, int64_t step) {
    int d = rl_wrap_dim(p->ndim, dim);
    if (d < 0) return false;
    int64_t most = p->ndim ? p->shape[d] : 1;
    if (size < 0) return rl_fail(RL_RUNTIME_ERROR, "size is %" PRId64 " but must be >= 0", size);
    if (size > most) return rl_fail(RL_RUNTIME_ERROR, "maximum size for tensor at dimension %d is %" PRId64 " but size is %" PRId64, d, most, size);
    if (step <= 0) return rl_fail(RL_RUNTIME_ERROR, "step is %" PRId64 " but must be > 0", step);
    p->shape[p->ndim] = size;
    p->stride[p->ndim] = p->ndim ? p->stride[d] : 1;
    if (p->ndim++) {
        p->shape[d] = (most - size) / step + 1;
        p->stride[d] *= step;
    }
    return true;
}

static Tensor *unfold_forward(Call *c) {
    Picture p = picture_of_tensor(input_of(c));
    return take_windows(&p, c->arg[1].i, c->arg[2].i, c->arg[3].i) ? view_of(input_of(c), &p) : NULL;
}

static void unfold_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    Picture p = picture_of(m);
    if (take_windows(&p, c->arg[1].i, c->arg[2].i, c->arg[3].i)) dx[0] = write_into_zeros(g[0], m, &p);
}

/* ---- order and number of dims ------------------------------------------------------------------------------------------ */

static Tensor *permuted(Tensor *x, const int64_t *order) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[order[i]], stride[i] = x->stride[order[i]];
    return rl_view(x, x->ndim, shape, stride, x->offset);
}

static bool wrap_order(int ndim, const Arg *dims, int64_t order[RL_MAX_DIMS]) {
    bool seen[RL_MAX_DIMS] = {false};
    if (dims->n != ndim)
        return rl_fail(RL_RUNTIME_ERROR, "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions "
                       "i.e. input.dim() = %d is not equal to len(dims) = %d", ndim, dims->n);
    for (int i = 0; i < ndim; i++) {
        int d = rl_wrap_dim(ndim, dims->ints[i]);
        if (d < 0) return false;
        if (seen[d]) return rl_fail(RL_RUNTIME_ERROR, "permute(): duplicate dims are not allowed: %s", rl_text_sizes(dims->n, dims->ints));
        seen[d] = true;
        order[i] = d;
    }
    return true;
}

static Tensor *permute_forward(Call *c) {
    int64_t order[RL_MAX_DIMS];
    return wrap_order(input_of(c)->ndim, &c->arg[1], order) ? permuted(input_of(c), order) : NULL;
}

static void permute_vjp(Call *c, Tensor **g, Tensor **dx) {
    int64_t order[RL_MAX_DIMS], back[RL_MAX_DIMS];
    int n = rl_meta(c, 0)->ndim;
    if (!wrap_order(n, &c->arg[1], order)) return;
    for (int i = 0; i < n; i++) back[order[i]] = i;
    dx[0] = rl_permute(g[0], n, back);
}

static Tensor *transpose_forward(Call *c) {
    Tensor *x = input_of(c);
    int d0 = rl_wrap_dim(x->ndim, c->arg[1].i), d1 = d0 < 0 ? -1 : rl_wrap_dim(x->ndim, c->arg[2].i);
    if (d1 < 0) return NULL;
    int64_t order[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) order[i] = i;
    if (x->ndim) order[d0] = d1, order[d1] = d0;
    return permuted(x, order);
}

static void transpose_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_transpose(g[0], c->arg[1].i, c->arg[2].i); }

static Tensor *t_forward(Call *c) {
    Tensor *x = input_of(c);
    if (x->ndim > 2) return rl_fail(RL_RUNTIME_ERROR, "t() expects a tensor with <= 2 dimensions, but self is %dD: its shape is %s; use transpose() or mT", x->ndim, rl_text_shape(x));
    int64_t order[2] = {x->ndim - 1, 0};
    return permuted(x, order);
}

static void t_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_do("t", a_t(g[0])); }

static Tensor *unsqueeze_forward(Call *c) {
    Tensor *x = input_of(c);
    int dim = rl_wrap_dim(x->ndim + 1, c->arg[1].i);
    if (dim < 0) return NULL;
    if (x->ndim == RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) shape[i + (i >= dim)] = x->shape[i], stride[i + (i >= dim)] = x->stride[i];
    shape[dim] = 1;
    stride[dim] = dim < x->ndim ? x->shape[dim] * x->stride[dim] : 1;
    return rl_view(x, x->ndim + 1, shape, stride, x->offset);
}

static void unsqueeze_vjp(Call *c, Tensor **g, Tensor **dx) { dx[0] = rl_squeeze(g[0], rl_wrap_dim(rl_meta(c, 0)->ndim + 1, c->arg[1].i)); }

static Tensor *squeeze_where(Tensor *x, const bool *mask) {
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (x->shape[i] != 1 || (mask && !mask[i])) shape[n] = x->shape[i], stride[n++] = x->stride[i];
    return rl_view(x, n, shape, stride, x->offset);
}

static Tensor *squeeze_forward(Call *c) { return squeeze_where(input_of(c), NULL); }

static Tensor *squeeze_dims_forward(Call *c) {
    bool mask[RL_MAX_DIMS];
    return rl_wrap_dims(input_of(c)->ndim, c->arg[1].n, c->arg[1].ints, mask) ? squeeze_where(input_of(c), mask) : NULL;
}

static void reshape_back_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *m = rl_meta(c, 0);
    dx[0] = rl_reshape(g[0], m->ndim, m->shape);
}

static Tensor *expand_forward(Call *c) {
    Tensor *x = input_of(c);
    const Arg *size = &c->arg[1];
    int lead = size->n - x->ndim;
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    if (lead < 0)
        return rl_fail(RL_RUNTIME_ERROR, "expand(%s, size=%s): the number of sizes provided (%d) must be greater or equal to the number of dimensions in the tensor (%d)",
                       rl_text_shape(x), rl_text_sizes(size->n, size->ints), size->n, x->ndim);
    if (size->n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    for (int i = size->n - 1; i >= 0; i--) {
        int64_t want = size->ints[i], have = i >= lead ? x->shape[i - lead] : 1;
        if (want == -1 && i >= lead) want = have;
        if (want < 0)
            return rl_fail(RL_RUNTIME_ERROR, "The expanded size of the tensor (%" PRId64 ") isn't allowed in a leading, non-existing dimension %d", want, i);
        if (want != have && have != 1)
            return rl_fail(RL_RUNTIME_ERROR, "The expanded size of the tensor (%" PRId64 ") must match the existing size (%" PRId64 ") at non-singleton dimension %d.  Target sizes: %s.  Tensor sizes: %s",
                           want, have, i, rl_text_sizes(size->n, size->ints), rl_text_shape(x));
        shape[i] = want;
        if (i >= lead) stride[i] = have == want ? x->stride[i - lead] : 0;
        else stride[i] = want == 1 && i + 1 < size->n ? shape[i + 1] * stride[i + 1] : 0;
    }
    return rl_view(x, size->n, shape, stride, x->offset);
}

/* ---- view and reshape -------------------------------------------------------------------------------------------------- */

static bool fill_in_size(Tensor *x, const Arg *size, int64_t shape[RL_MAX_DIMS]) {
    int64_t known = 1;
    int open = -1;
    if (size->n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    for (int i = 0; i < size->n; i++) {
        shape[i] = size->ints[i];
        if (shape[i] == -1) {
            if (open >= 0) return rl_fail(RL_RUNTIME_ERROR, "only one dimension can be inferred, in shape %s", rl_text_sizes(size->n, size->ints));
            open = i;
        } else if (shape[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "invalid shape dimension %" PRId64 " in %s", shape[i], rl_text_sizes(size->n, size->ints));
        else if (!rl_mul_size(known, shape[i], &known)) known = -1;
    }
    if (open >= 0 && known == 0)
        return rl_fail(RL_RUNTIME_ERROR, "cannot reshape tensor of 0 elements into shape %s because the unspecified dimension size -1 can be any value and is ambiguous", rl_text_sizes(size->n, size->ints));
    if (open >= 0 && known > 0 && x->numel % known == 0) shape[open] = x->numel / known;
    else if (open >= 0 || known != x->numel)
        return rl_fail(RL_RUNTIME_ERROR, "shape '%s' is invalid for input of size %" PRId64 " (its shape is %s)", rl_text_sizes(size->n, size->ints), x->numel, rl_text_shape(x));
    return true;
}

/* Strides under which the elements of x have another shape, if they can: dims that lie together in memory are one chunk,
 * and a new dim may not reach over the end of one. */
static bool view_strides(const Tensor *x, int n, const int64_t *shape, int64_t *stride) {
    if (x->numel == 0) {
        if (x->ndim == n && !memcmp(shape, x->shape, (size_t)n * sizeof *shape)) memcpy(stride, x->stride, (size_t)n * sizeof *shape);
        else {
            int64_t step = 1;
            for (int i = n - 1; i >= 0; i--) {
                stride[i] = step;
                step *= shape[i] > 1 ? shape[i] : 1;
            }
        }
        return true;
    }
    int at = n - 1;
    int64_t base = x->ndim ? x->stride[x->ndim - 1] : 1, have = 1, taken = 1;
    for (int i = x->ndim - 1; i >= 0; i--) {
        have *= x->shape[i];
        if (i > 0 && (x->shape[i - 1] == 1 || x->stride[i - 1] == have * base)) continue;
        while (at >= 0 && (taken < have || shape[at] == 1)) {
            stride[at] = taken * base;
            taken *= shape[at--];
        }
        if (taken != have) return false;
        if (i > 0) {
            base = x->stride[i - 1];
            have = taken = 1;
        }
    }
    for (; at >= 0; at--) stride[at] = taken * base;        /* a 0-d input */
    return true;
}

static Tensor *view_forward(Call *c) {
    Tensor *x = input_of(c);
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    if (!fill_in_size(x, &c->arg[1], shape)) return NULL;
    if (!view_strides(x, c->arg[1].n, shape, stride))
        return rl_fail(RL_RUNTIME_ERROR, "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces): "
                       "size %s, stride %s, wanted %s. Use .reshape(...) instead.", rl_text_shape(x), rl_text_sizes(x->ndim, x->stride), rl_text_sizes(c->arg[1].n, shape));
    return rl_view(x, c->arg[1].n, shape, stride, x->offset);
}

static Tensor *unsafe_view_forward(Call *c) {
    Tensor *y = rl_alias(input_of(c));
    int64_t stride[RL_MAX_DIMS];
    rl_strides_of(c->arg[1].n, c->arg[1].ints, stride);
    return y && rl_set_geometry(y, c->arg[1].n, c->arg[1].ints, stride, y->offset) ? y : NULL;
}

static Tensor *reshape_forward(Call *c) {
    Tensor *x = input_of(c);
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS];
    if (!fill_in_size(x, &c->arg[1], shape)) return NULL;
    Arg size = a_ints(c->arg[1].n, shape);
    if (view_strides(x, size.n, shape, stride)) return rl_do("view", a_t(x), size);
    return rl_do("_unsafe_view", a_t(rl_do("clone", a_t(x), a_i(FORMAT_CONTIGUOUS))), size);
}

static Tensor *like_other(Call *c, const char *name) {
    Tensor *other = c->arg[1].tensor;
    return rl_apply_n(rl_find(name), 2, (Arg[]){c->arg[0], a_ints(other->ndim, other->shape)});
}

static Tensor *view_as_forward(Call *c) { return like_other(c, "view"); }
static Tensor *reshape_as_forward(Call *c) { return like_other(c, "reshape"); }
static Tensor *expand_as_forward(Call *c) { return like_other(c, "expand"); }
static Tensor *broadcast_to_forward(Call *c) { return rl_do("expand", c->arg[0], c->arg[1]); }

static Tensor *flatten_forward(Call *c) {
    Tensor *x = input_of(c);
    int first = rl_wrap_dim(x->ndim, c->arg[1].i), last = first < 0 ? -1 : rl_wrap_dim(x->ndim, c->arg[2].i);
    if (last < 0) return NULL;
    if (first > last) return rl_fail(RL_RUNTIME_ERROR, "flatten() has invalid args: start_dim cannot come after end_dim (%d > %d)", first, last);
    int64_t shape[RL_MAX_DIMS], merged = 1;
    int n = 0;
    if (x->ndim == 0) return rl_reshape(x, 1, &merged);
    if (first == last) return x;
    for (int i = 0; i < first; i++) shape[n++] = x->shape[i];
    for (int i = first; i <= last; i++) merged *= x->shape[i];
    shape[n++] = merged;
    for (int i = last + 1; i < x->ndim; i++) shape[n++] = x->shape[i];
    return rl_reshape(x, n, shape);
}

static Tensor *unflatten_forward(Call *c) {
    Tensor *x = input_of(c);
    const Arg *sizes = &c->arg[2];
    int dim = rl_wrap_dim(x->ndim, c->arg[1].i), n = 0;
    if (dim < 0) return NULL;
    if (sizes->n == 0) return rl_fail(RL_RUNTIME_ERROR, "unflatten: sizes must be non-empty");
    if (x->ndim + sizes->n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    int64_t shape[2 * RL_MAX_DIMS], known = 1;
    int open = -1;
    for (int i = 0; i < dim; i++) shape[n++] = x->shape[i];
    for (int i = 0; i < sizes->n; i++) {
        if (sizes->ints[i] == -1) {
            if (open >= 0) return rl_fail(RL_RUNTIME_ERROR, "only one dimension can be inferred, in sizes %s", rl_text_sizes(sizes->n, sizes->ints));
            open = n;
        } else if (sizes->ints[i] < 0 || !rl_mul_size(known, sizes->ints[i], &known)) known = INT64_MAX;
        shape[n++] = sizes->ints[i];
    }
    if (open >= 0 && known > 0 && x->shape[dim] % known == 0) shape[open] = x->shape[dim] / known, known = x->shape[dim];
    if (known != x->shape[dim])
        return rl_fail(RL_RUNTIME_ERROR, "unflatten: Provided sizes %s don't multiply up to the size of dim %d (%" PRId64 ") in the input tensor", rl_text_sizes(sizes->n, sizes->ints), dim, x->shape[dim]);
    for (int i = dim + 1; i < x->ndim; i++) shape[n++] = x->shape[i];
    return rl_do("view", a_t(x), a_ints(n, shape));
}

/* movedim and the adjoints are permutations. */
static Tensor *movedim_forward(Call *c) {
    Tensor *x = input_of(c);
    const Arg *from = &c->arg[1], *to = &c->arg[2];
    int64_t order[RL_MAX_DIMS];
    bool taken[RL_MAX_DIMS] = {false}, placed[RL_MAX_DIMS] = {false};
    if (from->n != to->n)
        return rl_fail(RL_RUNTIME_ERROR, "movedim: Invalid source or destination dims: source (%s dims) should contain the same number of dims as destination (%s dims)",
                       rl_text_sizes(from->n, from->ints), rl_text_sizes(to->n, to->ints));
    for (int i = 0; i < from->n; i++) {
        int f = rl_wrap_dim(x->ndim, from->ints[i]), t = f < 0 ? -1 : rl_wrap_dim(x->ndim, to->ints[i]);
        if (t < 0) return NULL;
        if (taken[f] || placed[t]) return rl_fail(RL_RUNTIME_ERROR, "movedim: repeated dim in `%s` (%s)", taken[f] ? "source" : "destination", rl_text_sizes(from->n, taken[f] ? from->ints : to->ints));
        taken[f] = placed[t] = true;
        order[t] = f;
    }
    for (int t = 0, f = 0; t < x->ndim; t++) {
        if (placed[t]) continue;
        while (taken[f]) f++;
        order[t] = f++;
    }
    return x->ndim ? rl_permute(x, x->ndim, order) : rl_do("view", a_t(x), a_ints(0, order));
}

static Tensor *reversed_dims_forward(Call *c) {
    Tensor *x = input_of(c);
    int64_t order[RL_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) order[i] = x->ndim - 1 - i;
    return rl_permute(x, x->ndim, order);
}

static Tensor *matrix_transpose_forward(Call *c) {
    Tensor *x = input_of(c);
    const char *name = strchr(c->op->parsed->name, 'H') ? "adjoint" : "mT";
    if (x->ndim == 0) return c->op->data ? rl_conj(x) : x;
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "tensor.%s is only supported on matrices or batches of matrices. Got %d-D tensor of shape %s.", name, x->ndim, rl_text_shape(x));
    Tensor *y = rl_transpose(x, -2, -1);
    return c->op->data ? rl_conj(y) : y;
}

static Tensor *h_forward(Call *c) {
    Tensor *x = input_of(c);
    if (x->ndim != 2 && x->ndim != 0)
        return rl_fail(RL_RUNTIME_ERROR, "tensor.H is only supported on matrices (2-D tensors). Got %d-D tensor of shape %s.%s", x->ndim, rl_text_shape(x), x->ndim > 2 ? " For batches of matrices, consider using tensor.mH" : "");
    return rl_conj(x->ndim ? rl_transpose(x, 0, 1) : x);
}

/* The last dim in units of another size: each other stride, the offset and the last size must come out whole. */
static bool rescale(const Tensor *x, Dtype to, int64_t *shape, int64_t *stride, int64_t *offset) {
    const char *from = rl_dtypes[x->dtype].word, *word = rl_dtypes[to].word;
    int old = rl_dtypes[x->dtype].bytes, new = rl_dtypes[to].bytes, last = x->ndim - 1, ratio = new / (old < new ? old : new);
    if (x->ndim == 0) return rl_fail(RL_RUNTIME_ERROR, "self.dim() cannot be 0 to view %s as %s (different element sizes)", from, word);
    if (x->stride[last] != 1)
        return rl_fail(RL_RUNTIME_ERROR, "self.stride(-1) must be 1 to view %s as %s (different element sizes), but got %lld", from, word, (long long)x->stride[last]);
    if (x->shape[last] % ratio)
        return rl_fail(RL_RUNTIME_ERROR, "self.size(-1) must be divisible by %d to view %s as %s (different element sizes), but got %lld", ratio, from, word, (long long)x->shape[last]);
    if (x->offset % ratio)
        return rl_fail(RL_RUNTIME_ERROR, "self.storage_offset() must be divisible by %d to view %s as %s (different element sizes), but got %lld", ratio, from, word, (long long)x->offset);
    for (int i = 0; i < last; i++) {
        if (x->stride[i] % ratio)
            return rl_fail(RL_RUNTIME_ERROR, "self.stride(%d) must be divisible by %d to view %s as %s (different element sizes), but got %lld", i, ratio, from, word, (long long)x->stride[i]);
        stride[i] = x->stride[i] * old / new;
    }
    shape[last] = x->shape[last] * old / new;
    *offset = x->offset * old / new;
    return true;
}

static Tensor *view_dtype_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    Dtype to = a_dtype_or(&c->arg[1], (Dtype)x->dtype);
    int64_t shape[RL_MAX_DIMS], stride[RL_MAX_DIMS], offset = x->offset;
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i], stride[i] = x->stride[i];
    if (rl_dtypes[to].bytes != rl_dtypes[x->dtype].bytes && !rescale(x, to, shape, stride, &offset)) return NULL;
    return rl_view_dtype(x, to, x->ndim, shape, stride, offset);
}

Op rl_view_ops[] = {
    {
        .sig = "as_strided(input: Tensor, size: list[int], stride: list[int], storage_offset: int | None = None) -> Tensor",
        .where = FUNCTION | METHOD | COPY, .flags = TAKES_BARE | COMPOSITE,
        .doc = "A view of the storage with a shape, strides and an offset of one's own, all in elements.\n\n"
               ">>> rl.arange(6).as_strided((2, 2), (1, 2))\ntensor([[0, 2],\n        [1, 3]])",
        .forward = as_strided_forward, .samples = "x(3, 4), (2, 2), (1, 2); x(6), (2, 3), (1, 1), 1",
    },
    {
        .sig = "_as_strided(input: Tensor, size: list[int], stride: list[int], storage_offset: int, in_size: list[int], in_stride: list[int], in_offset: int) -> Tensor",
        .where = PRIVATE, .flags = VIEW, .node = "AsStridedBackward0",
        .doc = "as_strided, with the geometry of its input, which its gradient needs.\n\n"
               ">>> rl._C._ops._as_strided(rl.arange(3), (2,), (2,), 0, (3,), (1,), 0)\ntensor([0, 2])",
        .forward = as_strided_raw_forward, .vjp = as_strided_vjp, .samples = "x(3, 4), (2, 2), (1, 2), 0, (3, 4), (4, 1), 0",
    },
    {
        .sig = "_as_strided_backward(grad: Tensor, in_size: list[int], in_stride: list[int], in_offset: int, size: list[int], stride: list[int], offset: int) -> Tensor",
        .where = PRIVATE, .node = "AsStridedBackwardBackward0",
        .doc = "The gradient of a view, written into zeros where the view lay; what overlaps is added.\n\n"
               ">>> rl._C._ops._as_strided_backward(rl.ones(2), (3,), (1,), 0, (2,), (2,), 0)\ntensor([1., 0., 1.])",
        .forward = as_strided_backward_forward, .vjp = as_strided_backward_vjp, .samples = "x(2, 2), (3, 4), (4, 1), 0, (2, 2), (1, 2), 0",
    },
    {
        .sig = "as_strided_scatter(input: Tensor, src: Tensor, size: list[int], stride: list[int], storage_offset: int | None = None) -> Tensor",
        .flags = TAKES_BARE, .where = FUNCTION | METHOD | OUT,
        .doc = "A copy of input with src in the place that as_strided would show.\n\n"
               ">>> rl.as_strided_scatter(rl.zeros(3), rl.ones(2), (2,), (2,))\ntensor([1., 0., 1.])",
        .forward = as_strided_scatter_forward, .vjp = as_strided_scatter_vjp, .samples = "x(3, 4), x(2, 2), (2, 2), (1, 2); x(5), x(2), (2,), (2,), 1",
    },
    {
        .sig = "_alias(input: Tensor) -> Tensor", .where = PRIVATE | COPY, .flags = VIEW, .node = "AliasBackward0",
        .doc = "The same elements once more.\n\n>>> rl._C._ops._alias(rl.arange(2))\ntensor([0, 1])",
        .forward = alias_forward, .formula = "input: g", .samples = "x(2, 3)",
    },
    {
        .sig = "select(input: Tensor, dim: int, index: int) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW,
        .doc = "One slice along a dim, which goes away: input[..., index, ...].\n\n>>> rl.tensor([[1, 2], [3, 4]]).select(1, 0)\ntensor([1, 3])",
        .forward = select_forward, .vjp = select_vjp, .samples = "x(3, 4), 0, 1; x(3, 4, 2), -2, -1; x(3), 0, 2",
    },
    {
        .sig = "_slice(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor",
        .where = PRIVATE | COPY, .flags = VIEW, .node = "SliceBackward0",
        .doc = "input[..., start:end:step, ...] along one dim.\n\n>>> rl._C._ops._slice(rl.arange(5), 0, 1, None, 2)\ntensor([1, 3])",
        .forward = slice_forward, .vjp = slice_vjp, .samples = "x(3, 4), 1, 1, None, 2; x(5), 0, -3; x(2, 3), 0, 2, 1",
    },
    {
        .sig = "narrow(input: Tensor, dim: int, start: Tensor | Number, length: int) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = TAKES_BARE | COMPOSITE,
        .doc = "`length` slices along dim, from `start` on.\n\n>>> rl.arange(5).narrow(0, 1, 2)\ntensor([1, 2])",
        .forward = narrow_forward, .samples = "x(3, 4), 1, 1, 2; x(5), 0, -2, 2",
    },
    {
        .sig = "diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW,
        .doc = "The diagonal of two dims as the last dim; offset counts upwards.\n\n>>> rl.tensor([[1, 2], [3, 4]]).diagonal()\ntensor([1, 4])",
        .forward = diagonal_forward, .vjp = diagonal_vjp, .samples = "x(3, 4); x(3, 4), 1; x(2, 3, 4), -1, 0, 2",
    },
    {
        .sig = "unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor", .where = METHOD | COPY, .flags = VIEW,
        .doc = "All windows of `size` elements along a dim, `step` apart; the window is the last dim.\n\n"
               ">>> rl.arange(4).unfold(0, 2, 1)\ntensor([[0, 1],\n        [1, 2],\n        [2, 3]])",
        .forward = unfold_forward, .vjp = unfold_vjp, .samples = "x(5), 0, 3, 1; x(3, 6), 1, 2, 2",
    },
    {
        .sig = "permute(input: Tensor, *dims: int) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW,
        .doc = "The dims in another order.\n\n>>> rl.zeros(2, 3, 4).permute(2, 0, 1).shape\nrushlight.Size([4, 2, 3])",
        .forward = permute_forward, .vjp = permute_vjp, .samples = "x(2, 3, 4), (2, 0, 1); x(2, 3), (-1, 0); x(), ()",
    },
    {
        .sig = "transpose(input: Tensor, dim0: int, dim1: int) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW, .aliases = "swapdims",
        .doc = "Two dims exchanged.\n\n>>> rl.tensor([[1, 2]]).transpose(0, 1)\ntensor([[1],\n        [2]])",
        .forward = transpose_forward, .vjp = transpose_vjp, .samples = "x(2, 3), 0, 1; x(2, 3, 4), -1, 0",
    },
    {
        .sig = "swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor", .where = FUNCTION | METHOD, .flags = VIEW, .node = "TransposeBackward0",
        .doc = "transpose() with NumPy's names.\n\n>>> rl.swapaxes(rl.tensor([[1, 2]]), 0, 1)\ntensor([[1],\n        [2]])",
        .forward = transpose_forward, .vjp = transpose_vjp, .samples = "x(2, 3), 0, 1; x(2, 3, 4), -1, 0",
    },
    {
        .sig = "t(input: Tensor) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW,
        .doc = "A matrix transposed; a vector stays.\n\n>>> rl.tensor([[1, 2]]).t()\ntensor([[1],\n        [2]])",
        .forward = t_forward, .vjp = t_vjp, .samples = "x(2, 3); x(4); x()",
    },
    {
        .sig = "unsqueeze(input: Tensor, dim: int) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW,
        .doc = "A new dim of one element.\n\n>>> rl.tensor([1, 2]).unsqueeze(1)\ntensor([[1],\n        [2]])",
        .forward = unsqueeze_forward, .vjp = unsqueeze_vjp, .samples = "x(2, 3), 0; x(2, 3), -1; x(), 0",
    },
    {
        .sig = "squeeze(input: Tensor) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW,
        .doc = "Without the dims of one element.\n\n>>> rl.zeros(1, 2, 1).squeeze().shape\nrushlight.Size([2])",
        .forward = squeeze_forward, .vjp = reshape_back_vjp, .samples = "x(1, 3, 1); x(2, 3)",
    },
    {
        .sig = "squeeze(input: Tensor, dim: int | list[int]) -> Tensor", .where = FUNCTION | METHOD | COPY, .flags = VIEW, .node = "SqueezeBackward1",
        .doc = "Without those of the given dims that have one element.\n\n>>> rl.zeros(1, 2, 1).squeeze(0).shape\nrushlight.Size([2, 1])",
        .forward = squeeze_dims_forward, .vjp = reshape_back_vjp, .samples = "x(1, 3, 1), 0; x(1, 3, 1), (0, -1); x(2, 3), 1",
    },
    {
        .sig = "expand(input: Tensor, *size: int, implicit: bool = False) -> Tensor", .where = METHOD | COPY, .flags = VIEW,
        .doc = "Dims of one element seen as longer, without a copy; -1 keeps a size.\n\n>>> rl.tensor([[1], [2]]).expand(2, 2)\ntensor([[1, 1],\n        [2, 2]])",
        .forward = expand_forward, .formula = "input: g", .samples = "x(3, 1), (3, 4); x(3), (2, -1); x(), (2,)",
    },
    {
        .sig = "view(input: Tensor, *size: int) -> Tensor", .where = METHOD | COPY, .flags = VIEW,
        .doc = "The same elements in another shape, where that needs no copy; -1 is worked out.\n\n>>> rl.arange(4).view(2, -1)\ntensor([[0, 1],\n        [2, 3]])",
        .forward = view_forward, .vjp = reshape_back_vjp, .samples = "x(2, 6), (3, 4); x(4), (2, -1); x(0, 3), (3, 0)",
    },
    {
        .sig = "view(input: Tensor, dtype: dtype) -> Tensor", .where = METHOD | COPY, .flags = VIEW,
        .doc = "The same bytes read as another dtype; the last dim grows or shrinks where the sizes differ.\n\n"
               ">>> rl.tensor([1.0]).view(rl.int32)\ntensor([1065353216], dtype=rushlight.int32)",
        .forward = view_dtype_forward, .samples = "x(2, 6), rl.int64; x(2, 6), rl.uint8; x(2, 6), rl.complex128",
    },
    {
        .sig = "_unsafe_view(input: Tensor, size: list[int]) -> Tensor", .flags = TAKES_BARE, .where = PRIVATE,
        .doc = "A fresh contiguous tensor in another shape; not a view, since nobody else sees it.\n\n"
               ">>> rl._C._ops._unsafe_view(rl.arange(4), (2, 2))\ntensor([[0, 1],\n        [2, 3]])",
        .forward = unsafe_view_forward, .vjp = reshape_back_vjp, .samples = "x(2, 6), (3, 4)",
    },
    {
        .sig = "reshape(input: Tensor, *shape: int) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The same elements in another shape: a view if possible, else a copy.\n\n>>> rl.reshape(rl.arange(4), (2, 2))\ntensor([[0, 1],\n        [2, 3]])",
        .forward = reshape_forward, .samples = "x(2, 6), (3, 4); x(3, 2).t(), (6,); x(), (1, 1)",
    },
    {
        .sig = "view_as(input: Tensor, other: Tensor) -> Tensor", .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "view() with the shape of another tensor.\n\n>>> rl.arange(2).view_as(rl.zeros(2, 1))\ntensor([[0],\n        [1]])",
        .forward = view_as_forward, .samples = "x(2, 6), x(3, 4)",
    },
    {
        .sig = "reshape_as(input: Tensor, other: Tensor) -> Tensor", .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "reshape() with the shape of another tensor.\n\n>>> rl.arange(2).reshape_as(rl.zeros(2, 1))\ntensor([[0],\n        [1]])",
        .forward = reshape_as_forward, .samples = "x(2, 6), x(3, 4)",
    },
    {
        .sig = "expand_as(input: Tensor, other: Tensor) -> Tensor", .where = METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "expand() to the shape of another tensor.\n\n>>> rl.tensor([1]).expand_as(rl.zeros(2))\ntensor([1, 1])",
        .forward = expand_as_forward, .samples = "x(3, 1), x(3, 4)",
    },
    {
        .sig = "broadcast_to(input: Tensor, *size: int) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "expand() by another name.\n\n>>> rl.broadcast_to(rl.tensor([1]), (2,))\ntensor([1, 1])",
        .forward = broadcast_to_forward, .samples = "x(3, 1), (3, 4)",
    },
    {
        .sig = "flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "A run of dims made one.\n\n>>> rl.zeros(2, 3, 4).flatten(1).shape\nrushlight.Size([2, 12])",
        .forward = flatten_forward, .samples = "x(2, 3, 4); x(2, 3, 4), 1; x(), 0",
    },
    {
        .sig = "unflatten(input: Tensor, dim: int, sizes: list[int]) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE,
        .doc = "One dim made several.\n\n>>> rl.zeros(2, 6).unflatten(1, (3, -1)).shape\nrushlight.Size([2, 3, 2])",
        .forward = unflatten_forward, .samples = "x(2, 6), 1, (3, 2); x(6), 0, (2, -1)",
    },
    {
        .sig = "movedim(input: Tensor, source: int | list[int], destination: int | list[int]) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE, .aliases = "moveaxis",
        .doc = "Dims moved to new places, the others in their order.\n\n>>> rl.zeros(2, 3, 4).movedim(0, -1).shape\nrushlight.Size([3, 4, 2])",
        .forward = movedim_forward, .samples = "x(2, 3, 4), 0, -1; x(2, 3, 4), (0, 1), (1, 2)",
    },
    {
        .sig = "_T(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE,
        .doc = "All dims in reverse: the attribute T.\n\n>>> rl.zeros(2, 3).T.shape\nrushlight.Size([3, 2])",
        .forward = reversed_dims_forward, .samples = "x(2, 3); x(2, 3, 4)",
    },
    {
        .sig = "_mT(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE,
        .doc = "The last two dims exchanged: the attribute mT.\n\n>>> rl.zeros(2, 3, 4).mT.shape\nrushlight.Size([2, 4, 3])",
        .forward = matrix_transpose_forward, .samples = "x(2, 3); x(2, 3, 4)",
    },
    {
        .sig = "_mH(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE, .data = 1,
        .doc = "The last two dims exchanged and conjugated: the attribute mH.\n\n>>> rl.zeros(2, 3, 4).mH.shape\nrushlight.Size([2, 4, 3])",
        .forward = matrix_transpose_forward, .samples = "x(2, 3); x(2, 3, 4)",
    },
    {
        .sig = "adjoint(input: Tensor) -> Tensor", .where = FUNCTION | METHOD, .flags = TAKES_BARE | COMPOSITE, .data = 1,
        .doc = "The last two dims exchanged and conjugated.\n\n>>> rl.adjoint(rl.zeros(2, 3)).shape\nrushlight.Size([3, 2])",
        .forward = matrix_transpose_forward, .samples = "x(2, 3); x(2, 3, 4)",
    },
    {
        .sig = "_H(input: Tensor) -> Tensor", .where = PRIVATE, .flags = TAKES_BARE | COMPOSITE,
        .doc = "A matrix transposed and conjugated: the attribute H.\n\n>>> rl.zeros(2, 3).H.shape\nrushlight.Size([3, 2])",
        .forward = h_forward, .samples = "x(2, 3)",
    },
    {0},
};
