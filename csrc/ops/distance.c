/* distance.c -- distances of rows: of all pairs of one matrix, of each row of one to each of another. */
#include "rushlight.h"

#include <math.h>
#include <string.h>

enum { FEW_ROWS = 25 /* from torch: more are worth a product of matrices */ };

/* The p-norm of the last dim.  Order 0 counts, and has the slope zero rather than none. */
static Tensor *norm_of(Tensor *gap, double p) {
    int64_t last = -1;
    if (!gap) return NULL;
    if (p == 0) {
        Tensor *count = rl_sum_dim(rl_cast(rl_do("ne", a_t(gap), a_i(0)), gap->dtype), -1, false);
        return rl_add(count, rl_sum_dim(rl_mul_number(gap, 0), -1, false));
    }
    if (p == 1 || (isinf(p) && gap->shape[gap->ndim - 1] == 0)) return rl_sum_dim(rl_do("abs", a_t(gap)), -1, false);
    if (isinf(p)) return rl_do("amax", a_t(rl_do("abs", a_t(gap))), a_ints(1, &last));
    return rl_do("linalg.vector_norm", a_t(gap), a_f(p), a_ints(1, &last));
}

/* |x|^2 - 2 x y + |y|^2 as one product of matrices; equal rows have slope zero. */
static Tensor *euclidean(Tensor *x, Tensor *y) {
    Tensor *first = rl_narrow(x, -1, 0, 1), *ones = first ? rl_do("ones_like", a_t(first)) : NULL, *second = rl_narrow(y, -1, 0, 1), *others = second ? rl_do("ones_like", a_t(second)) : NULL;
    Tensor *left = rl_cat(3, (Tensor *[]){rl_mul_number(x, -2), rl_sum_dim(rl_mul(x, x), -1, true), ones}, -1);
    Tensor *right = rl_cat(3, (Tensor *[]){y, others, rl_sum_dim(rl_mul(y, y), -1, true)}, -1);
    Tensor *square = rl_do("clamp_min", a_t(rl_matmul(left, rl_transpose(right, -2, -1))), a_i(0));
    Tensor *same = rl_do("eq", a_t(square), a_i(0));
    return rl_do("masked_fill", a_t(rl_sqrt(rl_do("masked_fill", a_t(square), a_t(same), a_i(1)))), a_t(same), a_i(0));
}

/* (x1, x2, p, compute_mode) */
static Tensor *cdist_forward(Call *c) {
    static const char *const modes[] = {"use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"};
    Tensor *x = c->arg[0].tensor, *y = c->arg[1].tensor;
    double p = a_double(&c->arg[2]);
    int mode = 0;
    if (x->ndim < 2 || y->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "cdist only supports at least 2D tensors, X%d got: %dD", x->ndim < 2 ? 1 : 2, x->ndim < 2 ? x->ndim : y->ndim);
    if (rl_size(x, -1) != rl_size(y, -1)) return rl_fail(RL_RUNTIME_ERROR, "X1 and X2 must have the same number of columns. X1: %lld X2: %lld", (long long)rl_size(x, -1), (long long)rl_size(y, -1));
    if (p < 0) return rl_fail(RL_RUNTIME_ERROR, "cdist only supports non-negative p values, and %g is negative", p);
    while (mode < RL_COUNT(modes) && c->arg[3].tag == A_STR && strcmp(modes[mode], c->arg[3].str)) mode++;
    if (mode == RL_COUNT(modes)) return rl_fail(RL_VALUE_ERROR, "%s is not a valid value for compute_mode: it is one of %s, %s, %s", c->arg[3].str, modes[0], modes[1], modes[2]);
    bool many = mode == 1 || (mode == 0 && (rl_size(x, -2) > FEW_ROWS || rl_size(y, -2) > FEW_ROWS));
    if (p == 2 && many && x->numel && y->numel) return euclidean(x, y);
    return norm_of(rl_sub(rl_unsqueeze(x, -2), rl_unsqueeze(y, -3)), p);
}

/* The same for one row against `n` that follow it, all of them side by side: places[k][0] is the row's own, those behind it are the others'. */
#define GAPS(T, name, absolute, power)                                                                                             \
    static void name(int64_t n, int64_t width, int64_t step, const T *places, double p, T *y) {                                    \
        for (int64_t i = 0; i < n; i++) y[i] = 0;                                                                                  \
        for (int64_t k = 0; k < width; k++, places += step) {                                                                      \
            const T own = places[0], *other = places + 1;                                                                          \
            if (p == 2) for (int64_t i = 0; i < n; i++) y[i] += (other[i] - own) * (other[i] - own);                               \
            else if (p == 1) for (int64_t i = 0; i < n; i++) y[i] += absolute(other[i] - own);                                     \
            else if (p == 0) for (int64_t i = 0; i < n; i++) { T gap = other[i] - own; y[i] += gap != gap ? gap : gap != 0; }      \
            else if (isinf(p)) for (int64_t i = 0; i < n; i++) { T gap = absolute(other[i] - own); y[i] = gap > y[i] || gap != gap ? gap : y[i]; } \
            else for (int64_t i = 0; i < n; i++) y[i] += power(absolute(other[i] - own), (T)p);                                    \
        }                                                                                                                          \
        if (p == 2) for (int64_t i = 0; i < n; i++) y[i] = (T)sqrt(y[i]);                                                          \
        else if (p != 1 && p != 0 && !isinf(p)) for (int64_t i = 0; i < n; i++) y[i] = power(y[i], (T)(1 / p));                    \
    }
GAPS(float, gaps_f32, fabsf, powf)
GAPS(double, gaps_f64, fabs, pow)

/* Nobody follows a derivative: one loop over rows. */
static Tensor *plain_pdist(Tensor *x, double p) {
    int64_t n = x->shape[0], width = x->shape[1], pairs = n * (n - 1) / 2, at = 0;
    Tensor *places = rl_contiguous(rl_transpose(x, 0, 1)), *y = rl_empty(1, &pairs, x->dtype);
    if (!places || !y) return NULL;
    for (int64_t a = 0; a < n; at += n - ++a)
        if (x->dtype == RL_FLOAT32) gaps_f32(n - 1 - a, width, n, (const float *)rl_data(places) + a, p, (float *)rl_data(y) + at);
        else gaps_f64(n - 1 - a, width, n, (const double *)rl_data(places) + a, p, (double *)rl_data(y) + at);
    return y;
}

static Tensor *pdist_forward(Call *c) {
    Tensor *x = c->arg[0].tensor;
    double p = a_double(&c->arg[1]);
    if (x->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "pdist only supports 2D tensors, got: %dD", x->ndim);
    if (p < 0) return rl_fail(RL_RUNTIME_ERROR, "pdist only supports non-negative p values, and %g is negative", p);
    if (!rl_is_followed(x) && rl_dtype_is(x->dtype, CLASS_FLOAT)) return plain_pdist(x, p);
    int64_t n = x->shape[0], pairs = n * (n - 1) / 2, k = 0;
    Tensor *i = rl_empty(1, &pairs, RL_INT64), *j = rl_empty(1, &pairs, RL_INT64);
    if (!i || !j) return NULL;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = a + 1; b < n; b++, k++) ((int64_t *)rl_data(i))[k] = a, ((int64_t *)rl_data(j))[k] = b;
    return norm_of(rl_sub(rl_do("index_select", a_t(x), a_i(0), a_t(i)), rl_do("index_select", a_t(x), a_i(0), a_t(j))), p);
}

Op rl_distance_ops[] = {
    {
        .sig = "cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = 'use_mm_for_euclid_dist_if_necessary') -> Tensor", .forward = cdist_forward,
        .dtypes = CLASS_FLOATING, .flags = COMPOSITE, .where = FUNCTION, .samples = "x(4, 4), x(3, 4); x(2, 3, 4), x(5, 4), 1.0; x(3, 2), x(4, 2), inf; x(3, 2), x(4, 2), 2.0, 'use_mm_for_euclid_dist'",
        .doc = "Distances of all rows of x1 [*, P, M] to all rows of x2 [*, R, M].\n\n>>> rl.cdist(rl.tensor([[0.0, 0.0]]), rl.tensor([[3.0, 4.0]]))\ntensor([[5.]])",
    },
    {
        .sig = "pdist(input: Tensor, p: float = 2) -> Tensor", .forward = pdist_forward, .dtypes = CLASS_FLOATING, .flags = COMPOSITE, .where = FUNCTION | NN, .samples = "x(4, 3); x(3, 2), 1.0",
        .doc = "The distances of all pairs of rows, i < j, as one vector.\n\n>>> rl.pdist(rl.tensor([[0.0, 0.0], [3.0, 4.0]]))\ntensor([5.])",
    },
    {0},
};
