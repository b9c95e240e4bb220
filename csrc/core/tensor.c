/* tensor.c -- what a tensor is: a shape and strides over a counted storage.
 *
 * It knows memory and geometry.  It does not know operations, and of graphs only what must be given up when a tensor
 * dies.  Every maker returns a tensor that belongs to the innermost scope. */
#include "rushlight.h"

#include <inttypes.h>
#include <string.h>

/* ---- storage ------------------------------------------------------------------------------------------------- */

enum { STORAGE_HEADER = 64 };   /* the data follows in the same block, on the next cache line */
_Static_assert(sizeof(Storage) <= STORAGE_HEADER, "a storage header must fit in front of its data");

static Storage *storage_init(Storage *s, void *data, int64_t bytes) {
    *s = (Storage){.refs = 1, .data = data, .bytes = bytes};
    return s;
}

Storage *rl_storage_new(int64_t bytes) {
    int64_t whole;
    if (bytes < 0 || !rl_add_size(bytes, STORAGE_HEADER, &whole)) return rl_fail_memory(bytes);
    Storage *s = rl_alloc(whole);
    return s ? storage_init(s, (char *)s + STORAGE_HEADER, bytes) : NULL;
}

void rl_storage_keep(Storage *s) { s->refs++; }

static bool data_is_inline(const Storage *s) { return s->data == (const char *)s + STORAGE_HEADER; }

void rl_storage_drop(Storage *s) {
    if (!s || --s->refs) return;
    if (s->foreign) rl_host.foreign_drop(s->foreign);
    else if (s->parent) rl_storage_drop(s->parent);
    else if (!data_is_inline(s)) rl_free(s->data);
    if (RL_UNLIKELY(s->writers != NULL)) rl_writers_drop(s);
    rl_free(s);
}

/* Room for at least `bytes`; what was there stays. */
static bool storage_grow(Storage *s, int64_t bytes) {
    if (bytes <= s->bytes) return true;
    if (s->flags & STORAGE_FIXED || s->foreign)
        return rl_fail(RL_RUNTIME_ERROR, "Trying to resize storage that is not resizable: it has %" PRId64 " bytes, and %" PRId64 " are needed", s->bytes, bytes);
    if (s->parent) {
        if (!storage_grow(s->parent, bytes)) return false;
        s->data = s->parent->data;
        s->bytes = s->parent->bytes;
        return true;
    }
    void *data = rl_alloc(bytes);
    if (!data) return false;
    if (s->bytes) memcpy(data, s->data, (size_t)s->bytes);
    if (!data_is_inline(s)) rl_free(s->data);
    s->data = data;
    s->bytes = bytes;
    return true;
}

void rl_bump_version(Tensor *t) { t->storage->version++; }
uint32_t rl_version(const Tensor *t) { return t->storage->version; }

/* ---- geometry ------------------------------------------------------------------------------------------------ */

bool rl_numel_of(int ndim, const int64_t *shape, int64_t *numel) {
    int64_t n = 1;
    bool empty = false, fits = true;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0) {
            rl_fail(RL_RUNTIME_ERROR, "Trying to create tensor with negative dimension %" PRId64 ": %s", shape[i], rl_text_sizes(ndim, shape));
            return false;
        }
        empty |= shape[i] == 0;
        fits = fits && rl_mul_size(n, shape[i] ? shape[i] : 1, &n);
    }
    if (!fits && !empty) {
        rl_fail(RL_RUNTIME_ERROR, "Storage size calculation overflowed with sizes=%s", rl_text_sizes(ndim, shape));
        return false;
    }
    *numel = empty ? 0 : n;
    return true;
}

void rl_strides_of(int ndim, const int64_t *shape, int64_t *stride) {
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        stride[i] = step;
        if (shape[i] > 1) step *= shape[i];
    }
}

bool rl_is_contiguous(const Tensor *t) {
    if (t->numel == 0) return true;
    int64_t step = 1;
    for (int i = t->ndim - 1; i >= 0; i--) {
        if (t->shape[i] == 1) continue;
        if (t->stride[i] != step) return false;
        step *= t->shape[i];
    }
    return true;
}

bool rl_is_channels_last(const Tensor *t) {
    static const int order4[] = {1, 3, 2, 0}, order5[] = {1, 4, 3, 2, 0};
    if (t->ndim != 4 && t->ndim != 5) return false;
    const int *order = t->ndim == 4 ? order4 : order5;
    int64_t step = 1;
    for (int k = 0; k < t->ndim; k++) {
        int i = order[k];
        if (t->shape[i] == 1) continue;
        if (t->stride[i] != step) return false;
        step *= t->shape[i];
    }
    return true;
}

bool rl_steps_channels_last(const Tensor *t) {
    static const int order4[] = {1, 3, 2, 0}, order5[] = {1, 4, 3, 2, 0};
    if ((t->ndim != 4 && t->ndim != 5) || t->stride[1] == 0) return false;
    int64_t least = 0;
    for (int k = 0; k < t->ndim; k++) {
        int d = t->ndim == 4 ? order4[k] : order5[k];
        if (t->shape[d] == 0 || t->stride[d] < least || (d == 0 && least == t->stride[1])) return false;
        least = t->stride[d] * t->shape[d];
    }
    return true;
}

/* Dims of more than one element, by growing stride. */
static int dims_by_stride(const Tensor *t, int order[RL_MAX_DIMS]) {
    int n = 0;
    for (int i = 0; i < t->ndim; i++) {
        if (t->shape[i] == 1) continue;
        int k = n++;
        for (; k > 0 && t->stride[order[k - 1]] > t->stride[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
    return n;
}

bool rl_is_dense(const Tensor *t) {
    if (t->numel < 2) return true;
    int order[RL_MAX_DIMS], n = dims_by_stride(t, order);
    int64_t step = 1;
    for (int k = 0; k < n; k++) {
        if (t->stride[order[k]] != step) return false;
        step *= t->shape[order[k]];
    }
    return true;
}

/* As torch: certain only about stride 0; strides made by hand are taken on trust. */
bool rl_self_overlaps(const Tensor *t) {
    if (t->numel < 2) return false;
    for (int i = 0; i < t->ndim; i++)
        if (t->shape[i] > 1 && t->stride[i] == 0) return true;
    return false;
}

static void byte_range(const Tensor *t, const char **begin, const char **end) {
    int64_t low = 0, high = 0;
    for (int i = 0; i < t->ndim; i++) {
        int64_t reach = (t->shape[i] - 1) * t->stride[i];
        if (reach < 0) low += reach;
        else high += reach;
    }
    int bytes = rl_dtypes[t->dtype].bytes;
    const char *p = rl_data(t);
    *begin = p + low * bytes;
    *end = p + (high + 1) * bytes;
}

Overlap rl_overlap(const Tensor *a, const Tensor *b) {
    if (a->numel == 0 || b->numel == 0) return OVERLAP_NONE;
    if (a == b) return OVERLAP_SAME;
    const char *a0, *a1, *b0, *b1;
    byte_range(a, &a0, &a1);
    byte_range(b, &b0, &b1);
    if (a1 <= b0 || b1 <= a0) return OVERLAP_NONE;
    bool same = a0 == b0 && a->dtype == b->dtype && rl_same_shape(a, b);
    for (int i = 0; same && i < a->ndim; i++) same = a->shape[i] == 1 || a->stride[i] == b->stride[i];
    return same ? OVERLAP_SAME : OVERLAP_PARTIAL;
}

bool rl_same_shape(const Tensor *a, const Tensor *b) {
    return a->ndim == b->ndim && (a->ndim == 0 || !memcmp(a->shape, b->shape, a->ndim * sizeof *a->shape));
}

int rl_wrap_dim(int ndim, int64_t dim) {
    int64_t n = ndim ? ndim : 1;
    if (dim < -n || dim >= n) {
        rl_fail(RL_INDEX_ERROR, "Dimension out of range (expected to be in range of [%" PRId64 ", %" PRId64 "], but got %" PRId64 ")", -n, n - 1, dim);
        return -1;
    }
    return (int)(dim < 0 ? dim + n : dim);
}

bool rl_wrap_dims(int ndim, int n, const int64_t *dims, bool mask[RL_MAX_DIMS]) {
    memset(mask, 0, RL_MAX_DIMS);
    for (int i = 0; i < n; i++) {
        int d = rl_wrap_dim(ndim, dims[i]);
        if (d < 0) return false;
        if (mask[d]) return rl_fail(RL_RUNTIME_ERROR, "dim %d appears multiple times in the list of dims %s", d, rl_text_sizes(n, dims));
        mask[d] = true;
    }
    return true;
}

bool rl_broadcast_shapes(int *ndim, int64_t shape[RL_MAX_DIMS], const Tensor *t) {
    if (!t) return false;
    int n = *ndim > t->ndim ? *ndim : t->ndim;
    int64_t wide[RL_MAX_DIMS];
    for (int i = 1; i <= n; i++) {
        int64_t a = i <= *ndim ? shape[*ndim - i] : 1, b = i <= t->ndim ? t->shape[t->ndim - i] : 1;
        if (a != b && a != 1 && b != 1)
            return rl_fail(RL_RUNTIME_ERROR,
                           "The size of tensor a (%" PRId64 ") must match the size of tensor b (%" PRId64 ") at non-singleton dimension %d; the shapes are %s and %s",
                           a, b, n - i, rl_text_sizes(*ndim, shape), rl_text_shape(t));
        wide[n - i] = a == 1 ? b : a;
    }
    *ndim = n;
    memcpy(shape, wide, n * sizeof *shape);
    return true;
}

/* ---- making -------------------------------------------------------------------------------------------------- */

static bool dims_are_inline(const Tensor *t) { return t->shape == t->dims; }

static bool make_room_for_dims(Tensor *t, int ndim) {
    if (RL_LIKELY(ndim <= RL_INLINE_DIMS)) {
        t->shape = t->dims;
        t->stride = t->dims + RL_INLINE_DIMS;
        return true;
    }
    if (ndim > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions, not %d", RL_MAX_DIMS, ndim);
    int64_t *block = rl_alloc(2 * ndim * (int64_t)sizeof *block);
    if (!block) return false;
    t->shape = block;
    t->stride = block + ndim;
    return true;
}

/* Takes over the reference to s. */
static Tensor *tensor_new(Storage *s, int ndim, Dtype dtype) {
    if (RL_UNLIKELY(!s)) return NULL;
    Tensor *t = rl_host.make(KIND_TENSOR);
    if (RL_UNLIKELY(!t)) {
        rl_storage_drop(s);
        return NULL;
    }
    t->storage = s;
    t->dtype = dtype;
    if (rl_thread.inference) t->flags = T_INFERENCE;
    if (RL_LIKELY(make_room_for_dims(t, ndim))) {
        t->ndim = ndim;
        return rl_scope_own(t);
    }
    t->shape = t->dims;
    Error keep;
    rl_error_put_aside(&keep);
    rl_drop(t);
    rl_error_put_back(&keep);
    return NULL;
}

/* NULL on overflow: sizes that no memory can hold. */
static void *too_large(int ndim, const int64_t *shape) { return rl_fail(RL_RUNTIME_ERROR, "Storage size calculation overflowed with sizes=%s", rl_text_sizes(ndim, shape)); }

static Storage *storage_for(int ndim, const int64_t *shape, int64_t numel, Dtype dtype) {
    int64_t bytes;
    return rl_mul_size(numel, rl_dtypes[dtype].bytes, &bytes) ? rl_storage_new(bytes) : too_large(ndim, shape);
}

Tensor *rl_empty(int ndim, const int64_t *shape, Dtype dtype) {
    int64_t numel;
    if (!rl_numel_of(ndim, shape, &numel)) return NULL;
    Tensor *t = tensor_new(storage_for(ndim, shape, numel, dtype), ndim, dtype);
    if (RL_UNLIKELY(!t)) return NULL;
    t->numel = numel;
    for (int i = 0; i < ndim; i++) t->shape[i] = shape[i];
    rl_strides_of(ndim, shape, t->stride);
    return t;
}

Tensor *rl_empty_as(const Tensor *t, Dtype dtype) {
    if (RL_UNLIKELY(!dims_are_inline(t))) return rl_empty(t->ndim, t->shape, dtype);
    int64_t bytes = t->numel * rl_dtypes[dtype].bytes;
    Storage *s = rl_alloc(bytes + STORAGE_HEADER);
    if (RL_UNLIKELY(!s)) return NULL;
    Tensor *y = rl_host.make(KIND_TENSOR);
    storage_init(s, (char *)s + STORAGE_HEADER, bytes);
    if (RL_UNLIKELY(!y)) {
        rl_storage_drop(s);
        return NULL;
    }
    y->storage = s;
    y->numel = t->numel;
    y->shape = y->dims;
    y->stride = y->dims + RL_INLINE_DIMS;
    y->dtype = dtype;
    y->ndim = t->ndim;
    if (RL_UNLIKELY(rl_thread.inference)) y->flags = T_INFERENCE;
    memcpy(y->dims, t->dims, sizeof y->dims);
    return rl_scope_own(y);
}

/* Elements that a storage must have for this geometry at offset 0; strides must not be negative. */
static bool extent_of(int ndim, const int64_t *shape, const int64_t *stride, int64_t *extent) {
    int64_t n = 1, reach;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0) {
            *extent = 0;
            return true;
        }
        if (stride[i] < 0) return rl_fail(RL_RUNTIME_ERROR, "as_strided: Negative strides are not supported at the moment, got strides: %s", rl_text_sizes(ndim, stride));
        if (!rl_mul_size(shape[i] - 1, stride[i], &reach) || !rl_add_size(n, reach, &n))
            return rl_fail(RL_RUNTIME_ERROR, "Storage size calculation overflowed with sizes=%s and strides=%s", rl_text_sizes(ndim, shape), rl_text_sizes(ndim, stride));
    }
    *extent = n;
    return true;
}

Tensor *rl_empty_strided(int ndim, const int64_t *shape, const int64_t *stride, Dtype dtype) {
    int64_t numel, extent;
    if (!rl_numel_of(ndim, shape, &numel) || !extent_of(ndim, shape, stride, &extent)) return NULL;
    Tensor *t = tensor_new(storage_for(ndim, shape, extent, dtype), ndim, dtype);
    if (!t) return NULL;
    t->numel = numel;
    for (int i = 0; i < ndim; i++) t->shape[i] = shape[i], t->stride[i] = stride[i];
    return t;
}

Tensor *rl_empty_like(Tensor *t, Dtype dtype) {
    if (!t) return NULL;
    if (rl_is_contiguous(t)) return rl_empty(t->ndim, t->shape, dtype);
    if (rl_is_dense(t)) return rl_empty_strided(t->ndim, t->shape, t->stride, dtype);
    int order[RL_MAX_DIMS], n = 0;      /* not dense: keep the order of the dims, close the gaps */
    int64_t stride[RL_MAX_DIMS], step = 1;
    for (int i = t->ndim - 1; i >= 0; i--) {
        int k = n++;
        for (; k > 0 && t->stride[i] && t->stride[order[k - 1]] > t->stride[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
    for (int k = 0; k < n; k++) {
        stride[order[k]] = step;
        if (t->shape[order[k]] > 1) step *= t->shape[order[k]];
    }
    return rl_empty_strided(t->ndim, t->shape, stride, dtype);
}

Tensor *rl_zeros(int ndim, const int64_t *shape, Dtype dtype) {
    Tensor *t = rl_empty(ndim, shape, dtype);
    if (t) memset(t->storage->data, 0, (size_t)t->storage->bytes);
    return t;
}

Tensor *rl_zeros_like(Tensor *t) {
    Tensor *z = t ? rl_empty_like(t, t->dtype) : NULL;
    if (z) memset(z->storage->data, 0, (size_t)z->storage->bytes);
    return z;
}

Tensor *rl_full(int ndim, const int64_t *shape, Dtype dtype, double value) {
    return rl_fill(rl_empty(ndim, shape, dtype), &(Arg){.tag = A_FLOAT, .f = value});
}

Tensor *rl_scalar(Dtype dtype, const Arg *number) {
    Tensor *t = rl_empty(0, NULL, dtype);
    return t && rl_set_item(t, number) ? t : NULL;
}

Tensor *rl_from_data(void *data, int64_t bytes, void *foreign, int ndim, const int64_t *shape, const int64_t *stride, Dtype dtype, bool readonly) {
    int64_t numel;
    if (!rl_numel_of(ndim, shape, &numel)) return NULL;
    Storage *s = rl_alloc(STORAGE_HEADER);
    if (!s) return NULL;
    storage_init(s, data, bytes);
    s->flags = STORAGE_FIXED | (readonly ? STORAGE_READONLY : 0);
    s->foreign = foreign;
    if (foreign) rl_host.foreign_keep(foreign);
    Tensor *t = tensor_new(s, ndim, dtype);
    if (!t) return NULL;
    t->numel = numel;
    for (int i = 0; i < ndim; i++) t->shape[i] = shape[i], t->stride[i] = stride[i];
    return t;
}

static Tensor *same_storage(Tensor *t, Dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset) {
    if (RL_UNLIKELY(!t)) return NULL;
    int64_t numel;
    if (!rl_numel_of(ndim, shape, &numel)) return NULL;
    rl_storage_keep(t->storage);
    Tensor *v = tensor_new(t->storage, ndim, dtype);
    if (!v) return NULL;
    v->offset = offset;
    v->numel = numel;
    for (int i = 0; i < ndim; i++) v->shape[i] = shape[i], v->stride[i] = stride[i];
    return v;
}

static void note_link(Tensor *t) {
    if (t->flags & T_LINKED) return;
    t->flags |= T_LINKED;
    rl_host.linked(t);
}

Tensor *rl_view_dtype(Tensor *t, Dtype dtype, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset) {
    Tensor *v = same_storage(t, dtype, ndim, shape, stride, offset);
    if (!v) return NULL;
    if (RL_UNLIKELY(t->flags & T_INFERENCE)) {
        v->flags |= T_INFERENCE;
        return v;
    }
    Tensor *base = t->base ? t->base : t;
    v->base = rl_keep(base);
    v->flags = (uint16_t)((v->flags & ~T_INFERENCE) | T_VIEW | (t->flags & T_UNWRITABLE) | (rl_thread.inference ? T_INFERENCE_VIEW : 0));
    v->view_version = t->storage->version;
    note_link(v);
    return v;
}

Tensor *rl_view(Tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset) {
    return t ? rl_view_dtype(t, t->dtype, ndim, shape, stride, offset) : NULL;
}

Tensor *rl_alias(Tensor *t) {
    return t ? same_storage(t, t->dtype, t->ndim, t->shape, t->stride, t->offset) : NULL;
}

Tensor *rl_data_alias(Tensor *t) {
    Tensor *alias = rl_alias(t);
    if (!alias) return NULL;
    Storage *s = rl_alloc(STORAGE_HEADER);
    if (!s) return NULL;
    storage_init(s, t->storage->data, t->storage->bytes);
    s->flags = t->storage->flags;
    s->parent = alias->storage;         /* the reference moves */
    alias->storage = s;
    return alias;
}

/* ---- changing in place ----------------------------------------------------------------------------------------- */

bool rl_set_geometry(Tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset) {
    int64_t numel, copy[2 * RL_MAX_DIMS];
    if (ndim > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions, not %d", RL_MAX_DIMS, ndim);
    if (!rl_numel_of(ndim, shape, &numel)) return false;
    if (ndim) {     /* shape and stride may be t's own */
        memcpy(copy, shape, ndim * sizeof *shape);
        memcpy(copy + ndim, stride, ndim * sizeof *stride);
    }
    int64_t *old = dims_are_inline(t) ? NULL : t->shape, *old_stride = t->stride;
    if (ndim > RL_INLINE_DIMS || old) {
        if (!make_room_for_dims(t, ndim)) {
            t->shape = old ? old : t->dims;
            t->stride = old_stride;
            return false;
        }
        rl_free(old);
    }
    for (int i = 0; i < ndim; i++) t->shape[i] = copy[i], t->stride[i] = copy[ndim + i];
    t->ndim = ndim;
    t->offset = offset;
    t->numel = numel;
    return true;
}

static void own_dims(Tensor *t, ptrdiff_t stride_at) {
    t->shape = t->dims;
    t->stride = t->dims + stride_at;
}

static void own_accumulator(Tensor *t) {
    if (!t->acc) return;
    Tensor *other = t->acc->leaf;
    t->acc->leaf = rl_keep(t);
    rl_drop(other);
}

void rl_swap_contents(Tensor *a, Tensor *b) {
    bool inline_a = dims_are_inline(a), inline_b = dims_are_inline(b);
    ptrdiff_t stride_a = a->stride - a->shape, stride_b = b->stride - b->shape;
    Tensor kept = *a;
    *a = *b;
    *b = kept;
    if (inline_b) own_dims(a, stride_b);
    if (inline_a) own_dims(b, stride_a);
    own_accumulator(a);
    own_accumulator(b);
}

bool rl_resize_out(Tensor *t, int ndim, const int64_t *shape) {
    int64_t numel, stride[RL_MAX_DIMS], bytes, last;
    if (ndim > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions, not %d", RL_MAX_DIMS, ndim);
    if (!rl_numel_of(ndim, shape, &numel)) return false;
    rl_strides_of(ndim, shape, stride);
    if (!rl_add_size(numel, t->offset, &last) || !rl_mul_size(last, rl_dtypes[t->dtype].bytes, &bytes)) return too_large(ndim, shape);
    if (numel && !storage_grow(t->storage, bytes)) return false;
    return rl_set_geometry(t, ndim, shape, stride, t->offset);
}

bool rl_storage_resize(Storage *s, int64_t bytes) {
    if (bytes <= s->bytes) {
        if (s->flags & STORAGE_FIXED) return rl_fail(RL_RUNTIME_ERROR, "Trying to resize storage that is not resizable");
        s->bytes = bytes;
        return true;
    }
    return storage_grow(s, bytes);
}

/* ---- dying --------------------------------------------------------------------------------------------------- */

void rl_tensor_clear_edges(Tensor *t) {
    void *hooks = t->hooks;
    Tensor *grad = t->grad, *base = t->base;
    Node *node = t->node;
    t->hooks = NULL;
    t->grad = t->base = NULL;
    t->node = NULL;
    if (hooks) rl_host.foreign_drop(hooks);
    rl_drop(grad);
    rl_drop(base);
    rl_drop(node);
}

/* x.grad.grad.grad... may be long: while nobody else holds the next one, empty it here instead of recursing. */
static void release_grads(Tensor *grad) {
    while (grad && rl_host.count(grad) == 1) {
        Tensor *next = grad->grad;
        grad->grad = NULL;
        rl_drop(grad);
        grad = next;
    }
    rl_drop(grad);
}

static __attribute__((noinline)) void release_edges(Tensor *t) {
    if (t->flags & T_RETAINS_GRAD) rl_forget_retained(t);
    if (t->flags & T_DUAL) rl_forget_tangent(t);
    Tensor *grad = t->grad;
    t->grad = NULL;
    rl_tensor_clear_edges(t);
    release_grads(grad);
}

void rl_tensor_release(Tensor *t) {
    if (RL_UNLIKELY(t->base || t->hooks || t->grad || t->flags & (T_RETAINS_GRAD | T_DUAL))) release_edges(t);
    else if (t->node) {
        Node *node = t->node;
        t->node = NULL;
        rl_host.drop(node);
    }
    if (RL_UNLIKELY(!dims_are_inline(t))) rl_free(t->shape);
    Storage *s = t->storage;
    t->storage = NULL;
    rl_storage_drop(s);
}

/* ---- one element ------------------------------------------------------------------------------------------------ */

static double half_value(uint16_t h) {
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31, mantissa = h & 1023, bits;
    if (exponent == 0) return (sign ? -1.0 : 1.0) * mantissa * 0x1p-24;
    bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint16_t half_bits(double value) {
    union { float f; uint32_t u; } v = {(float)value}, limit;
    uint32_t sign = v.u >> 16 & 0x8000;
    v.u &= 0x7fffffff;
    if (v.u > 0x7f800000) return sign | 0x7e00;
    if (v.u >= 0x477ff000) return sign | 0x7c00;             /* rounds to infinity */
    if (v.u < 0x38800000) {                                  /* subnormal: let the float adder round */
        limit.u = 0x3f000000;
        v.f += limit.f;
        return sign | (v.u - limit.u);
    }
    return sign | ((v.u + 0xc8000fff + (v.u >> 13 & 1)) >> 13);
}

static uint16_t bfloat_bits(double value) {
    union { float f; uint32_t u; } v = {(float)value};
    if ((v.u & 0x7fffffff) > 0x7f800000) return v.u >> 16 | 64;
    return (v.u + 0x7fff + (v.u >> 16 & 1)) >> 16;
}

static double bfloat_value(uint16_t b) {
    union { uint32_t u; float f; } v = {(uint32_t)b << 16};
    return v.f;
}

enum { PAST_INT64 = 1 << 16 };     /* in Arg.n, plus what the double lacks to the int: some 1024 at most */

/* Doubles from 2^63 on, as the kernels cast them. */
static uint64_t uint64_of(double d) {
    if (d >= 0x1p64) return 0;
    if (d >= 0x1p63) return (uint64_t)(int64_t)(d - 0x1p63) ^ UINT64_C(1) << 63;
    return d >= -0x1p63 ? (uint64_t)(int64_t)d : UINT64_C(1) << 63;
}

Arg a_u(uint64_t u) {
    if (u <= INT64_MAX) return a_i((int64_t)u);
    return (Arg){.tag = A_FLOAT, .f = (double)u, .n = PAST_INT64 + (int32_t)(int64_t)(u - uint64_of((double)u))};
}

uint64_t a_uint(const Arg *a) {
    if (a->tag == A_INT || a->tag == A_BOOL) return (uint64_t)a_int(a);
    return uint64_of(a_double(a)) + (a_is_past_int64(a) ? (uint64_t)(int64_t)(a->n - PAST_INT64) : 0);
}

bool rl_item(const Tensor *t, Arg *number, double complex_store[2]) {
    if (!t) return false;
    if (t->numel != 1) return rl_fail(RL_RUNTIME_ERROR, "a Tensor with %" PRId64 " elements cannot be converted to Scalar; its shape is %s", t->numel, rl_text_shape(t));
    const void *p = rl_data(t);
    switch ((Dtype)t->dtype) {
    case RL_BOOL: *number = a_b(*(const uint8_t *)p != 0); break;
    case RL_UINT8: *number = a_i(*(const uint8_t *)p); break;
    case RL_INT8: *number = a_i(*(const int8_t *)p); break;
    case RL_INT16: *number = a_i(*(const int16_t *)p); break;
    case RL_INT32: *number = a_i(*(const int32_t *)p); break;
    case RL_INT64: *number = a_i(*(const int64_t *)p); break;
    case RL_UINT16: *number = a_i(*(const uint16_t *)p); break;
    case RL_UINT32: *number = a_i(*(const uint32_t *)p); break;
    case RL_UINT64: *number = a_u(*(const uint64_t *)p); break;
    case RL_FLOAT16: *number = a_f(half_value(*(const uint16_t *)p)); break;
    case RL_BFLOAT16: *number = a_f(bfloat_value(*(const uint16_t *)p)); break;
    case RL_FLOAT32: *number = a_f(*(const float *)p); break;
    case RL_FLOAT64: *number = a_f(*(const double *)p); break;
    case RL_COMPLEX64: complex_store[0] = ((const float *)p)[0], complex_store[1] = ((const float *)p)[1]; break;
    case RL_COMPLEX128: memcpy(complex_store, p, 2 * sizeof *complex_store); break;
    default: return false;
    }
    if (rl_dtype_is(t->dtype, CLASS_COMPLEX)) *number = (Arg){.tag = A_COMPLEX, .complex = complex_store};
    return true;
}

static int64_t whole_number(const Arg *a) {
    if (a->tag == A_INT || a->tag == A_BOOL) return a_int(a);
    double d = a_double(a);
    return d >= -0x1p63 && d < 0x1p63 ? (int64_t)d : INT64_MIN;
}

bool rl_set_item(Tensor *t, const Arg *a) {
    if (!t) return false;
    void *p = rl_data(t);
    double re = a_double(a), im = a->tag == A_COMPLEX ? a->complex[1] : 0;
    int64_t i = whole_number(a);
    switch ((Dtype)t->dtype) {
    case RL_BOOL: *(uint8_t *)p = a->tag == A_INT ? a->i != 0 : re != 0 || im != 0; break;
    case RL_UINT8: *(uint8_t *)p = (uint8_t)i; break;
    case RL_INT8: *(int8_t *)p = (int8_t)i; break;
    case RL_INT16: *(int16_t *)p = (int16_t)i; break;
    case RL_INT32: *(int32_t *)p = (int32_t)i; break;
    case RL_INT64: *(int64_t *)p = i; break;
    case RL_UINT16: *(uint16_t *)p = (uint16_t)i; break;
    case RL_UINT32: *(uint32_t *)p = (uint32_t)i; break;
    case RL_UINT64: *(uint64_t *)p = a_uint(a); break;
    case RL_FLOAT16: *(uint16_t *)p = half_bits(re); break;
    case RL_BFLOAT16: *(uint16_t *)p = bfloat_bits(re); break;
    case RL_FLOAT32: *(float *)p = (float)re; break;
    case RL_FLOAT64: *(double *)p = re; break;
    case RL_COMPLEX64: ((float *)p)[0] = (float)re, ((float *)p)[1] = (float)im; break;
    case RL_COMPLEX128: ((double *)p)[0] = re, ((double *)p)[1] = im; break;
    default: return false;
    }
    return true;
}
