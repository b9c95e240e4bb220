/* call.c -- operations by name, for forwards and vjps: one line each over the rows, so that what calls them is recorded
 * whenever recording is on. */
#include "rushlight.h"

#include <string.h>

Tensor *rl_add(Tensor *a, Tensor *b) { return rl_do("add", a_t(a), a_t(b)); }
Tensor *rl_sub(Tensor *a, Tensor *b) { return rl_do("sub", a_t(a), a_t(b)); }
Tensor *rl_mul(Tensor *a, Tensor *b) { return rl_do("mul", a_t(a), a_t(b)); }
Tensor *rl_div(Tensor *a, Tensor *b) { return rl_do("div", a_t(a), a_t(b)); }
Tensor *rl_add_number(Tensor *a, double b) { return rl_do("add", a_t(a), a_f(b)); }
Tensor *rl_mul_number(Tensor *a, double b) { return rl_do("mul", a_t(a), a_f(b)); }
Tensor *rl_div_number(Tensor *a, double b) { return rl_do("div", a_t(a), a_f(b)); }
Tensor *rl_pow_number(Tensor *a, double b) { return rl_do("pow", a_t(a), a_f(b)); }
Tensor *rl_neg(Tensor *a) { return rl_do("neg", a_t(a)); }
Tensor *rl_conj(Tensor *a) { return !a || !rl_dtype_is(a->dtype, CLASS_COMPLEX) ? a : rl_do("conj", a_t(a)); }
Tensor *rl_exp(Tensor *a) { return rl_do("exp", a_t(a)); }
Tensor *rl_log(Tensor *a) { return rl_do("log", a_t(a)); }
Tensor *rl_sqrt(Tensor *a) { return rl_do("sqrt", a_t(a)); }
Tensor *rl_where(Tensor *condition, Tensor *a, Tensor *b) { return rl_do("where", a_t(condition), a_t(a), a_t(b)); }
Tensor *rl_sum_all(Tensor *a) { return rl_do("sum", a_t(a)); }
Tensor *rl_sum(Tensor *a, int n, const int64_t *dims, bool keepdim) { return n || !a ? rl_do_overload("sum", 1, a_t(a), a_ints(n, dims), a_b(keepdim)) : a; }
Tensor *rl_sum_dim(Tensor *a, int64_t dim, bool keepdim) { return rl_sum(a, 1, &dim, keepdim); }
Tensor *rl_mean_dim(Tensor *a, int64_t dim, bool keepdim) { return rl_do_overload("mean", 1, a_t(a), a_ints(1, &dim), a_b(keepdim)); }
Tensor *rl_expand(Tensor *a, int ndim, const int64_t *shape) { return rl_do("expand", a_t(a), a_ints(ndim, shape)); }
Tensor *rl_reshape(Tensor *a, int ndim, const int64_t *shape) { return rl_do("reshape", a_t(a), a_ints(ndim, shape)); }
Tensor *rl_permute(Tensor *a, int n, const int64_t *dims) { return rl_do("permute", a_t(a), a_ints(n, dims)); }
Tensor *rl_transpose(Tensor *a, int64_t d0, int64_t d1) { return rl_do("transpose", a_t(a), a_i(d0), a_i(d1)); }
Tensor *rl_unsqueeze(Tensor *a, int64_t dim) { return rl_do("unsqueeze", a_t(a), a_i(dim)); }
Tensor *rl_squeeze(Tensor *a, int64_t dim) { return rl_do_overload("squeeze", 1, a_t(a), a_ints(1, &dim)); }
Tensor *rl_select(Tensor *a, int64_t dim, int64_t index) { return rl_do("select", a_t(a), a_i(dim), a_i(index)); }
Tensor *rl_narrow(Tensor *a, int64_t dim, int64_t start, int64_t length) { return rl_do("narrow", a_t(a), a_i(dim), a_i(start), a_i(length)); }
Tensor *rl_cat(int n, Tensor **t, int64_t dim) { return rl_do("cat", a_ts(n, t), a_i(dim)); }
Tensor *rl_matmul(Tensor *a, Tensor *b) { return rl_do("matmul", a_t(a), a_t(b)); }
Tensor *rl_mm(Tensor *a, Tensor *b) { return rl_do("mm", a_t(a), a_t(b)); }
Tensor *rl_bmm(Tensor *a, Tensor *b) { return rl_do("bmm", a_t(a), a_t(b)); }
Tensor *rl_clone(Tensor *a) { return rl_do("clone", a_t(a)); }
Tensor *rl_contiguous(Tensor *a) { return !a || rl_is_contiguous(a) ? a : rl_do("clone", a_t(a), a_i(FORMAT_CONTIGUOUS)); }
Tensor *rl_cast(Tensor *a, Dtype dtype) { return !a || a->dtype == dtype ? a : rl_do("_cast", a_t(a), a_dtype(dtype)); }

Tensor *rl_movedim(Tensor *a, int64_t from, int64_t to) {
    if (!a) return NULL;
    int f = rl_wrap_dim(a->ndim, from), t = rl_wrap_dim(a->ndim, to);
    if (f < 0 || t < 0) return NULL;
    if (f == t) return a;
    int64_t order[RL_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < a->ndim; i++) {
        if (i != f) order[n++] = i;
    }
    memmove(order + t + 1, order + t, (size_t)(n - t) * sizeof *order);
    order[t] = f;
    return rl_permute(a, a->ndim, order);
}

/* Undoes broadcasting: sums over the dims that were added or stretched. */
Tensor *rl_sum_to(Tensor *a, int ndim, const int64_t *shape) {
    if (!a) return NULL;
    int64_t dims[RL_MAX_DIMS];
    int n = 0, lead = a->ndim - ndim;
    for (int i = 0; i < lead; i++) dims[n++] = i;
    for (int i = 0; i < ndim; i++)
        if (shape[i] == 1 && a->shape[lead + i] != 1) dims[n++] = lead + i;
    Tensor *y = rl_sum(a, n, dims, true);
    return y && y->ndim != ndim ? rl_reshape(y, ndim, shape) : y;
}
