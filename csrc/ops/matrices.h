/* matrices.h -- batches of matrices as LAPACK sees them, for the families that call it.
 *
 * LAPACK reads columns.  A matrix transposed and made contiguous is its own column-major copy, and the result is handed back as
 * the transpose of what LAPACK wrote, so nothing is copied twice. */
#ifndef RUSHLIGHT_OPS_MATRICES_H
#define RUSHLIGHT_OPS_MATRICES_H

#include <math.h>
#include "rushlight.h"
#include "core/lapack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static inline Tensor *arg(Call *c, int k) { return c->arg[k].tensor; }

static inline bool is_matrix(Call *c, Tensor *t, const char *what) {
    const char *name = c->op->parsed->name;
    if (t->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "%s: The input tensor %s must have at least 2 dimensions, but its shape is %s.", name, what, rl_text_shape(t));
    if (!rl_dtype_is(t->dtype, CLASS_FLOAT | CLASS_COMPLEX))
        return rl_fail(RL_RUNTIME_ERROR, "%s: Expected a floating point or complex tensor as input. Got %s", name, rl_dtypes[t->dtype].word);
    if (rl_size(t, -1) > INT32_MAX || rl_size(t, -2) > INT32_MAX) return rl_fail(RL_RUNTIME_ERROR, "%s: matrices larger than 2^31 rows are not supported", name);
    return true;
}

static inline bool is_square(Call *c, Tensor *t, const char *what) {
    if (!is_matrix(c, t, what)) return false;
    if (rl_size(t, -1) == rl_size(t, -2)) return true;
    return rl_fail(RL_RUNTIME_ERROR, "%s: %s must be batches of square matrices, but they are %" PRId64 " by %" PRId64 " matrices", c->op->parsed->name, what, rl_size(t, -2), rl_size(t, -1));
}

/* A fresh column-major copy: a row-major tensor of the transposed shape. */
static inline Tensor *columns_of(Tensor *t) {
    Tensor *flipped = rl_transpose(t, -2, -1);
    return flipped ? rl_copy_into(rl_empty(flipped->ndim, flipped->shape, flipped->dtype), flipped) : NULL;
}

static inline Tensor *empty_columns(Tensor *like, int64_t m, int64_t n, Dtype dtype) {
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; i < like->ndim - 2; i++) shape[i] = like->shape[i];
    shape[like->ndim - 2] = n;
    shape[like->ndim - 1] = m;
    return rl_zeros(like->ndim, shape, dtype);
}

static inline Tensor *flip_back(Tensor *columns) { return rl_alias(rl_transpose(columns, -2, -1)); }

static inline int64_t batch_of(Tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->ndim - 2; i++) n *= t->shape[i];
    return n;
}

static inline Tensor *per_matrix(Tensor *like, int64_t n, Dtype dtype) {      /* [batch.., n], or [batch..] for n < 0 */
    int64_t shape[RL_MAX_DIMS];
    for (int i = 0; i < like->ndim - 2; i++) shape[i] = like->shape[i];
    shape[like->ndim - 2] = n;
    return rl_zeros(like->ndim - (n < 0 ? 2 : 1), shape, dtype);
}

/* Matrix number i of a batch of dense blocks. */
static inline void *at(Tensor *t, int64_t i, int64_t size) { return (char *)rl_data(t) + i * size * rl_dtypes[t->dtype].bytes; }

static inline double first_number(const void *work, Dtype dtype) {
    return rl_to_real(dtype) == RL_FLOAT64 ? *(const double *)work : *(const float *)work;
}

/* What the `count` numbers (of dtype, complex ones in pairs) hold besides finite ones: LAPACK may search for ever among infinities. */
enum { ALL_FINITE, SOME_INFINITE, SOME_NAN };

static inline int look_for_infinities(const void *numbers, int64_t count, Dtype dtype) {
    bool wide = rl_to_real(dtype) == RL_FLOAT64, infinite = false;
    count *= rl_dtype_is(dtype, CLASS_COMPLEX) ? 2 : 1;
    for (int64_t i = 0; i < count; i++) {
        double x = wide ? ((const double *)numbers)[i] : ((const float *)numbers)[i];
        if (isnan(x)) return SOME_NAN;
        infinite |= isinf(x) != 0;
    }
    return infinite ? SOME_INFINITE : ALL_FINITE;
}

static inline void fill_with_nan(void *numbers, int64_t count, Dtype dtype) {
    bool wide = rl_to_real(dtype) == RL_FLOAT64;
    count *= rl_dtype_is(dtype, CLASS_COMPLEX) ? 2 : 1;
    for (int64_t i = 0; i < count; i++) wide ? (void)(((double *)numbers)[i] = NAN) : (void)(((float *)numbers)[i] = NAN);
}

static inline bool complain_of_info(Call *c, const Tensor *info, const char *format) {
    const int32_t *code = rl_data(info);
    for (int64_t i = 0; i < info->numel; i++) {
        if (!code[i]) continue;
        char place[48] = "", name[64];
        const char *own = c->op->parsed->name, *ex = strstr(own, "_ex");      /* inv is inv_ex that complains */
        snprintf(name, sizeof name, "%.*s", ex ? (int)(ex - own) : (int)strlen(own), own);
        if (info->ndim) snprintf(place, sizeof place, "(Batch element %" PRId64 "): ", i);
        return rl_fail(RL_LINALG_ERROR, format, name, place, code[i]);
    }
    return true;
}

static inline bool is_complex(const Tensor *t) { return rl_dtype_is(t->dtype, CLASS_COMPLEX); }
static inline Tensor *hermitian(Tensor *t) { return rl_conj(rl_transpose(t, -2, -1)); }
static inline Tensor *tril(Tensor *t, int64_t k) { return rl_do("tril", a_t(t), a_i(k)); }
static inline Tensor *triu(Tensor *t, int64_t k) { return rl_do("triu", a_t(t), a_i(k)); }
static inline Tensor *diagonal(Tensor *t) { return rl_do("diagonal", a_t(t), a_i(0), a_i(-2), a_i(-1)); }
static inline Tensor *as_diagonal(Tensor *t) { return rl_do("diag_embed", a_t(t)); }
static inline Tensor *scale_columns(Tensor *t, Tensor *v) { return rl_mul(t, rl_unsqueeze(v, -2)); }
static inline Tensor *scale_rows(Tensor *t, Tensor *v) { return rl_mul(t, rl_unsqueeze(v, -1)); }
static inline Tensor *solve(Tensor *a, Tensor *b) { return rl_do("linalg.solve", a_t(a), a_t(b)); }
static inline Tensor *triangular(Tensor *a, Tensor *b, bool upper, bool left, bool unit) { return rl_do("linalg.solve_triangular", a_t(a), a_t(b), a_b(upper), a_b(left), a_b(unit)); }
static inline Tensor *slice(Tensor *t, int64_t dim, int64_t from, int64_t to) { return rl_do("_slice", a_t(t), a_i(dim), a_i(from), a_i(to)); }

/* Both operands with the batch dims that they have in common. */
static inline bool broadcast_batches(Call *c, Tensor **a, Tensor **b) {
    int64_t batch[RL_MAX_DIMS];
    int n = 0;
    Tensor x = **a, y = **b;
    x.ndim -= 2;
    y.ndim -= 2;
    if (!rl_broadcast_shapes(&n, batch, &x) || !rl_broadcast_shapes(&n, batch, &y)) return false;
    for (int k = 0; k < 2; k++) {
        Tensor **t = k ? b : a;
        batch[n] = rl_size(*t, -2);
        batch[n + 1] = rl_size(*t, -1);
        if (!(*t = rl_expand(*t, n + 2, batch))) return false;
    }
    return true;
}

#endif
