/* matmul.c -- products of matrices, all through the one door rl_gemm.
 *
 * gemm reads rows or columns, so a transposed operand costs nothing; only one that is neither is copied.  Half precision
 * is computed in float32 and rounded once, integers by a plain loop in int64, which wraps as their own arithmetic does. */
#include "rushlight.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <string.h>

static const double ONE[2] = {1, 0}, ZERO[2] = {0, 0};

/* ---- operands ------------------------------------------------------------------------------------------------------ */

typedef struct Matrix { Tensor *t; bool transposed; int64_t ld; } Matrix;

static bool reads_by_rows(const Tensor *t, int row, int col) {
    int64_t least = t->shape[col] > 1 ? t->shape[col] : 1;
    return (t->stride[col] == 1 || t->shape[col] == 1) && (t->stride[row] >= least || t->shape[row] == 1);
}

/* The last two dims as gemm wants them; a copy where they lie awkwardly. */
static Matrix as_matrix(Tensor *t) {
    if (!t) return (Matrix){0};
    int row = t->ndim - 2, col = t->ndim - 1;
    if (!reads_by_rows(t, row, col)) {
        if (reads_by_rows(t, col, row)) return (Matrix){t, true, t->shape[col] == 1 ? (t->shape[row] > 1 ? t->shape[row] : 1) : t->stride[col]};
        if (!(t = rl_contiguous(t))) return (Matrix){0};
    }
    return (Matrix){t, false, t->shape[row] == 1 ? (t->shape[col] > 1 ? t->shape[col] : 1) : t->stride[row]};
}

static bool same_dtype(Call *c, Tensor *a, Tensor *b) {
    if (a->dtype == b->dtype) return true;
    return rl_fail(RL_RUNTIME_ERROR, "expected m1 and m2 to have the same dtype, but got: %s != %s, in %s() of shapes %s and %s",
                   rl_dtypes[a->dtype].name, rl_dtypes[b->dtype].name, c->op->parsed->name, rl_text_shape(a), rl_text_shape(b));
}

static Tensor *integer_product(Tensor *a, Tensor *b) {
    Tensor *x = rl_contiguous(rl_cast(a, RL_INT64)), *w = rl_contiguous(rl_cast(b, RL_INT64));
    if (!x || !w) return NULL;
    bool batched = x->ndim == 3;
    int64_t batch = batched ? x->shape[0] : 1, m = rl_size(x, -2), k = rl_size(x, -1), n = rl_size(w, -1);
    int64_t shape[3] = {batch, m, n};
    Tensor *y = rl_zeros(batched ? 3 : 2, batched ? shape : shape + 1, RL_INT64);
    if (!y) return NULL;
    uint64_t *out = rl_data(y);
    const uint64_t *left = rl_data(x), *right = rl_data(w);
    for (int64_t s = 0; s < batch; s++, left += m * k, right += k * n, out += m * n)
        for (int64_t i = 0; i < m; i++)
            for (int64_t p = 0; p < k; p++)
                for (int64_t j = 0; j < n; j++) out[i * n + j] += left[i * k + p] * right[p * n + j];
    return rl_cast(y, a->dtype);
}

/* y = alpha a b + beta y for 2-d or 3-d operands of one dtype that gemm knows. */
static Tensor *gemm_into(Tensor *y, Tensor *a, Tensor *b, const double *alpha, const double *beta) {
    Matrix l = as_matrix(a), r = as_matrix(b);
    if (!y || !l.t || !r.t) return NULL;
    int64_t m = rl_size(a, -2), k = rl_size(a, -1), n = rl_size(b, -1);
    if (y->numel == 0) return y;
    int64_t ld = n > 1 ? n : 1;
    if (a->ndim == 2) return rl_gemm(y->dtype, l.transposed, r.transposed, m, n, k, alpha, rl_data(l.t), l.ld, rl_data(r.t), r.ld, beta, rl_data(y), ld) ? y : NULL;
    int bytes = rl_dtypes[y->dtype].bytes;
    if (alpha == ONE && beta == ZERO)
        return rl_gemm_batch(y->dtype, l.transposed, r.transposed, a->shape[0], m, n, k, rl_data(l.t), l.ld, l.t->stride[0], rl_data(r.t), r.ld, r.t->stride[0],
                             rl_data(y), ld, m * n) ? y : NULL;
    for (int64_t s = 0; s < a->shape[0]; s++)
        if (!rl_gemm(y->dtype, l.transposed, r.transposed, m, n, k, alpha, (char *)rl_data(l.t) + s * l.t->stride[0] * bytes, l.ld,
                     (char *)rl_data(r.t) + s * r.t->stride[0] * bytes, r.ld, beta, (char *)rl_data(y) + s * m * n * bytes, ld)) return NULL;
    return y;
}

static Tensor *product(Call *c, Tensor *a, Tensor *b) {
    if (rl_dtype_is(a->dtype, CLASS_BOOL)) return rl_fail(RL_NOT_IMPLEMENTED, "\"addmm_impl_cpu_\" not implemented for 'Bool' (shapes %s and %s); convert with .float()", rl_text_shape(a), rl_text_shape(b));
    if (rl_dtype_is(a->dtype, CLASS_INT)) return integer_product(a, b);
    bool half = rl_dtype_is(a->dtype, CLASS_HALF);
    int64_t shape[3] = {a->shape[0], rl_size(a, -2), rl_size(b, -1)};
    if (!half) {
        Tensor *y = rl_out(c, 0, a->ndim, a->ndim == 3 ? shape : shape + 1, a->dtype);
        if (y && !rl_is_contiguous(y)) y = rl_empty(a->ndim, y->shape, a->dtype);
        return gemm_into(y, a, b, ONE, ZERO);
    }
    Tensor *y = rl_empty(a->ndim, a->ndim == 3 ? shape : shape + 1, RL_FLOAT32);
    return rl_cast(gemm_into(y, rl_cast(a, RL_FLOAT32), rl_cast(b, RL_FLOAT32), ONE, ZERO), a->dtype);
}

/* ---- mm, bmm, mv, dot ---------------------------------------------------------------------------------------------- */

/* One column by one row: nothing is summed. */
static Tensor *each_by_each(Call *c, Tensor *a, Tensor *b) {
    Tensor *y = rl_out(c, 0, 2, (int64_t[]){a->shape[0], b->shape[1]}, a->dtype);
    return y && rl_loop(rl_kernels->binary[a->dtype][BINARY_mul], 3, (Tensor *[]){y, a, b}, NULL, 0.7) ? y : NULL;
}

static Tensor *mm_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    if (a->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "self must be a matrix, but input has shape %s", rl_text_shape(a));
    if (b->ndim != 2) return rl_fail(RL_RUNTIME_ERROR, "mat2 must be a matrix, but it has shape %s", rl_text_shape(b));
    if (a->shape[1] != b->shape[0])
        return rl_fail(RL_RUNTIME_ERROR, "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64 ")", a->shape[0], a->shape[1], b->shape[0], b->shape[1]);
    if (!same_dtype(c, a, b)) return NULL;
    return a->shape[1] == 1 && rl_dtype_is(a->dtype, CLASS_FLOAT) ? each_by_each(c, a, b) : product(c, a, b);
}

static Tensor *hermitian(Tensor *t) { return rl_conj(rl_transpose(t, -2, -1)); }

static void mm_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_mm(g[0], hermitian(c->arg[1].tensor));
    if (rl_need(c, 1)) dx[1] = rl_mm(hermitian(c->arg[0].tensor), g[0]);
}

static Tensor *bmm_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    if (a->ndim != 3) return rl_fail(RL_RUNTIME_ERROR, "batch1 must be a 3D tensor, but input has shape %s", rl_text_shape(a));
    if (b->ndim != 3) return rl_fail(RL_RUNTIME_ERROR, "batch2 must be a 3D tensor, but mat2 has shape %s", rl_text_shape(b));
    if (a->shape[0] != b->shape[0] || a->shape[2] != b->shape[1])
        return rl_fail(RL_RUNTIME_ERROR, "Expected size for first two dimensions of batch2 tensor to be: [%" PRId64 ", %" PRId64 "] but got: [%" PRId64 ", %" PRId64 "].",
                       a->shape[0], a->shape[2], b->shape[0], b->shape[1]);
    return same_dtype(c, a, b) ? product(c, a, b) : NULL;
}

static void bmm_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (rl_need(c, 0)) dx[0] = rl_bmm(g[0], hermitian(c->arg[1].tensor));
    if (rl_need(c, 1)) dx[1] = rl_bmm(hermitian(c->arg[0].tensor), g[0]);
}

static Tensor *mv_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *v = c->arg[1].tensor;
    if (a->ndim != 2 || v->ndim != 1) return rl_fail(RL_RUNTIME_ERROR, "vector + matrix @ vector expected, got %dD and %dD tensors: mv() of shapes %s and %s", a->ndim, v->ndim, rl_text_shape(a), rl_text_shape(v));
    if (a->shape[1] != v->shape[0]) return rl_fail(RL_RUNTIME_ERROR, "size mismatch, got input (%" PRId64 "), mat (%" PRId64 "x%" PRId64 "), vec (%" PRId64 ")", a->shape[0], a->shape[0], a->shape[1], v->shape[0]);
    return same_dtype(c, a, v) ? rl_squeeze(rl_mm(a, rl_unsqueeze(v, 1)), 1) : NULL;
}

static bool dot_shapes(Call *c, Tensor *a, Tensor *b) {
    if (a->ndim != 1 || b->ndim != 1) return rl_fail(RL_RUNTIME_ERROR, "1D tensors expected, but got %dD and %dD tensors, of shapes %s and %s", a->ndim, b->ndim, rl_text_shape(a), rl_text_shape(b));
    if (a->dtype != b->dtype)
        return rl_fail(RL_RUNTIME_ERROR, "dot : expected both vectors to have same dtype, but found %s and %s", rl_dtypes[a->dtype].word, rl_dtypes[b->dtype].word);
    if (a->numel != b->numel)
        return rl_fail(RL_RUNTIME_ERROR, "inconsistent tensor size, expected tensor [%" PRId64 "] and src [%" PRId64 "] to have the same number of elements, but got %" PRId64 " and %" PRId64 " elements respectively", a->numel, b->numel, a->numel, b->numel);
    return true;
}

static Tensor *real_dot_forward(Call *c) {
    if (!dot_shapes(c, c->arg[0].tensor, c->arg[1].tensor)) return NULL;
    Tensor *a = rl_contiguous(c->arg[0].tensor), *b = rl_contiguous(c->arg[1].tensor), *y = rl_out(c, 0, 0, NULL, c->arg[0].tensor->dtype);
    if (a && b && y) rl_kernels->dot[y->dtype](a->numel, rl_data(y), rl_data(a), rl_data(b));
    return y;
}

static Tensor *dot_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    if (!dot_shapes(c, a, b)) return NULL;
    if (rl_dtype_is(a->dtype, CLASS_FLOAT)) return rl_do("_real_dot", a_t(a), a_t(b));
    if (c->op->data) a = rl_conj(a);
    Tensor *y = rl_mm(rl_unsqueeze(a, 0), rl_unsqueeze(b, 1));
    return y ? rl_reshape(y, 0, NULL) : NULL;
}

/* ---- matmul --------------------------------------------------------------------------------------------------------- */

/* Many rows against one matrix are one product: the batch folds into the rows. */
static Tensor *fold_rows(Tensor *a, Tensor *b) {
    int64_t shape[RL_MAX_DIMS], flat[2] = {-1, rl_size(a, -1)};
    memcpy(shape, a->shape, (size_t)a->ndim * sizeof *shape);
    if (a->numel == 0) flat[0] = flat[1] ? 0 : a->numel;
    if (flat[1] == 0) {
        flat[0] = 1;
        for (int i = 0; i < a->ndim - 1; i++) flat[0] *= a->shape[i];
    }
    Tensor *rows = rl_reshape(a, 2, flat);
    if (b->ndim == 1) {
        Tensor *y = rl_do("mv", a_t(rows), a_t(b));
        return y ? rl_do("_unsafe_view", a_t(y), a_ints(a->ndim - 1, shape)) : NULL;
    }
    shape[a->ndim - 1] = b->shape[1];
    Tensor *y = rl_mm(rows, b);
    return y ? rl_do("_unsafe_view", a_t(y), a_ints(a->ndim, shape)) : NULL;
}

static Tensor *stacked(Tensor *t, int nbatch, const int64_t *batch) {
    int64_t shape[RL_MAX_DIMS], all = 1;
    for (int i = 0; i < nbatch; i++) all *= shape[i] = batch[i];
    shape[nbatch] = rl_size(t, -2);
    shape[nbatch + 1] = rl_size(t, -1);
    return rl_reshape(rl_expand(t, nbatch + 2, shape), 3, (int64_t[]){all, shape[nbatch], shape[nbatch + 1]});
}

static Tensor *batched(Tensor *a, Tensor *b) {
    bool vector_left = a->ndim == 1, vector_right = b->ndim == 1;
    if (vector_left) a = rl_unsqueeze(a, 0);
    if (vector_right) b = rl_unsqueeze(b, 1);
    if (!a || !b) return NULL;
    int64_t batch[RL_MAX_DIMS];
    int nbatch = 0;
    Tensor lead = *a, more = *b;        /* only the leading dims count */
    lead.ndim -= 2;
    more.ndim -= 2;
    if (!rl_broadcast_shapes(&nbatch, batch, &lead) || !rl_broadcast_shapes(&nbatch, batch, &more)) return NULL;
    if (nbatch + 2 > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    Tensor *y = rl_bmm(stacked(a, nbatch, batch), stacked(b, nbatch, batch));
    if (!y) return NULL;
    int n = nbatch;
    if (!vector_left) batch[n++] = y->shape[1];
    if (!vector_right) batch[n++] = y->shape[2];
    return rl_do("_unsafe_view", a_t(y), a_ints(n, batch));
}

static Tensor *matmul_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    if (!a->ndim || !b->ndim)
        return rl_fail(RL_RUNTIME_ERROR, "both arguments to matmul need to be at least 1D, but they are %dD and %dD", a->ndim, b->ndim);
    if (a->ndim == 1 && b->ndim == 1) return rl_do("dot", a_t(a), a_t(b));
    if (a->ndim == 2 && b->ndim == 2) return rl_mm(a, b);
    if (a->ndim == 2 && b->ndim == 1) return rl_do("mv", a_t(a), a_t(b));
    if (a->ndim == 1 && b->ndim == 2) return rl_squeeze(rl_mm(rl_unsqueeze(a, 0), b), 0);
    int64_t inner = b->ndim == 1 ? b->shape[0] : rl_size(b, -2);
    if (rl_size(a, -1) != inner)
        return rl_fail(RL_RUNTIME_ERROR, "mat1 and mat2 shapes cannot be multiplied: matmul() of shapes %s and %s (%" PRId64 " != %" PRId64 ")", rl_text_shape(a), rl_text_shape(b), rl_size(a, -1), inner);
    if (a->ndim >= 3 && b->ndim <= 2) return fold_rows(a, b);
    return batched(a, b);
}

/* ---- linear ---------------------------------------------------------------------------------------------------------- */

static bool check_linear(Tensor *x, Tensor *w, Tensor *bias) {
    if (w->ndim > 2 || w->ndim < 1) return rl_fail(RL_RUNTIME_ERROR, "linear(): weight must be 1- or 2-dimensional, not of shape %s", rl_text_shape(w));
    if (!x->ndim) return rl_fail(RL_RUNTIME_ERROR, "both arguments to linear need to be at least 1D, but they are 0D and %dD", w->ndim);
    if (rl_size(x, -1) != rl_size(w, -1)) {
        int64_t rows = rl_size(x, -1) ? x->numel / rl_size(x, -1) : 0;
        return rl_fail(RL_RUNTIME_ERROR, "mat1 and mat2 shapes cannot be multiplied (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64 "): linear() of input %s and weight %s",
                       rows, rl_size(x, -1), rl_size(w, -1), w->ndim == 2 ? w->shape[0] : 1, rl_text_shape(x), rl_text_shape(w));
    }
    if (x->dtype != w->dtype || (bias && bias->dtype != x->dtype))
        return rl_fail(RL_RUNTIME_ERROR, "mat1 and mat2 must have the same dtype, but got %s and %s", rl_dtypes[x->dtype].word, rl_dtypes[x->dtype != w->dtype ? w->dtype : bias->dtype].word);
    return true;
}

/* Everything but the last dim as rows. */
static Matrix as_rows(Tensor *x, int64_t rows, int64_t width) {
    if (x->ndim == 2) return as_matrix(x);
    if (rl_is_row_major(x)) return (Matrix){x, false, width > 1 ? width : 1};
    return as_matrix(rl_reshape(x, 2, (int64_t[]){rows, width}));
}

/* The bias in every row of y, for gemm to add to. */
static bool put_bias(Tensor *y, Tensor *bias, int64_t rows, int64_t width) {
    enum { FEW = 4096 };
    if (RL_LIKELY(y->numel <= FEW && bias->numel == width && rl_is_row_major(bias))) {
        size_t bytes = (size_t)(width * rl_dtypes[y->dtype].bytes);
        char *to = rl_data(y);
        const char *from = rl_data(bias);
        for (int64_t i = 0; i < rows; i++, to += bytes) memcpy(to, from, bytes);
        return true;
    }
    return rl_copy_into(y->ndim == 2 ? y : rl_view(y, 2, (int64_t[]){rows, width}, (int64_t[]){width, 1}, 0), bias) != NULL;
}

/* Rows of x against rows of the weight, with the bias already in place. */
static Tensor *affine_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = c->arg[1].tensor, *bias = rl_arg_tensor(c, 2);
    if (w->ndim != 2 || x->ndim < 1 || rl_size(x, -1) != w->shape[1])
        return rl_fail(RL_RUNTIME_ERROR, "mat1 and mat2 shapes cannot be multiplied: input %s and weight %s of linear()", rl_text_shape(x), rl_text_shape(w));
    if (w->dtype != x->dtype || (bias && bias->dtype != x->dtype))
        return rl_fail(RL_RUNTIME_ERROR, "mat1 and mat2 must have the same dtype, but got %s and %s in linear()", rl_dtypes[x->dtype].word, rl_dtypes[(w->dtype != x->dtype ? w : bias)->dtype].word);
    int64_t shape[RL_MAX_DIMS], rows = 1, in = w->shape[1], out = w->shape[0];
    if (bias && (bias->ndim > 1 || (bias->numel != out && bias->numel != 1)))
        return rl_fail(RL_RUNTIME_ERROR, "The expanded size of the tensor (%" PRId64 ") must match the existing size (%" PRId64 ") at non-singleton dimension 0: linear() bias of shape %s for weight %s",
                       out, bias->numel, rl_text_shape(bias), rl_text_shape(w));
    for (int i = 0; i < x->ndim - 1; i++) rows *= shape[i] = x->shape[i];
    shape[x->ndim - 1] = out;
    Tensor *y = rl_empty(x->ndim, shape, x->dtype);
    Matrix l = as_rows(x, rows, in), r = as_matrix(w);
    if (!y || !l.t || !r.t || (bias && !put_bias(y, bias, rows, out))) return NULL;
    if (y->numel == 0) return y;
    return rl_gemm(y->dtype, l.transposed, !r.transposed, rows, out, in, ONE, rl_data(l.t), l.ld, rl_data(r.t), r.ld, bias ? ONE : ZERO, rl_data(y), out) ? y : NULL;
}

/* g^T x, added to the weight's gradient by the product itself. */
static Tensor *add_weight_slope(Tensor *sum, Tensor *g, Tensor *x) {
    if (!g || !x) return NULL;
    Matrix l = as_matrix(g), r = as_matrix(x);
    if (!l.t || !r.t) return NULL;
    if (!sum->numel || !g->shape[0]) return sum;
    return rl_gemm(sum->dtype, !l.transposed, r.transposed, sum->shape[0], sum->shape[1], g->shape[0], ONE, rl_data(l.t), l.ld, rl_data(r.t), r.ld, ONE, rl_data(sum), sum->shape[1]) ? sum : NULL;
}

static void affine_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *mx = rl_meta(c, 0), *my = rl_out_meta(c, 0);
    int64_t in = mx->shape[mx->ndim - 1], out = my->shape[my->ndim - 1], rows = 1;
    for (int i = 0; i < mx->ndim - 1; i++) rows *= mx->shape[i];
    Tensor *flat_g = my->ndim == 2 ? g[0] : rl_reshape(g[0], 2, (int64_t[]){rows, out});
    if (rl_need(c, 0)) {
        dx[0] = rl_mm(flat_g, rl_conj(c->arg[1].tensor));
        if (mx->ndim != 2) dx[0] = rl_reshape(dx[0], mx->ndim, mx->shape);
    }
    if (rl_need(c, 1)) {
        Tensor *x = mx->ndim == 2 ? c->arg[0].tensor : rl_reshape(c->arg[0].tensor, 2, (int64_t[]){rows, in});
        Tensor *sum = rl_grad_to_add(c, 1);
        dx[1] = sum ? add_weight_slope(sum, flat_g, rl_conj(x)) : rl_mm(rl_transpose(flat_g, 0, 1), rl_conj(x));
    }
    if (rl_need(c, 2)) dx[2] = rl_sum_dim(flat_g, 0, false);
}

static Tensor *linear_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *w = c->arg[1].tensor, *bias = rl_arg_tensor(c, 2);
    if (!check_linear(x, w, bias)) return NULL;
    if (w->ndim == 2 && x->ndim && rl_dtype_is(x->dtype, CLASS_FLOAT | CLASS_COMPLEX)) return rl_do("_affine", c->arg[0], c->arg[1], c->arg[2]);
    if (bias && rl_dtype_is(x->dtype, CLASS_HALF) && w->dtype == x->dtype && bias->dtype == x->dtype)       /* one rounding, after the bias */
        return rl_cast(rl_do("linear", a_t(rl_cast(x, RL_FLOAT32)), a_t(rl_cast(w, RL_FLOAT32)), a_t(rl_cast(bias, RL_FLOAT32))), x->dtype);
    Tensor *y = rl_matmul(x, w->ndim == 2 ? rl_transpose(w, 0, 1) : w);
    return bias ? rl_add(y, bias) : y;
}

/* ---- sums with products: beta * input + alpha * (a @ b) ---------------------------------------------------------------- */

static Tensor *scaled(Tensor *t, const Arg *factor) {
    bool one = (factor->tag == A_INT && factor->i == 1) || (factor->tag == A_FLOAT && factor->f == 1);
    return one ? t : rl_do("mul", a_t(t), *factor);
}

static bool is_zero(const Arg *a) { return a->tag != A_COMPLEX && a_double(a) == 0; }

/* torch converts factors for integers, and takes them as they are elsewhere. */
static Tensor *add_product(Call *c, Tensor *y) {
    Tensor *x = c->arg[0].tensor;
    if (!y) return NULL;
    if (x->dtype != y->dtype) return rl_fail(RL_RUNTIME_ERROR, "%s(): input is %s but the product is %s; they must have one dtype", c->op->parsed->name, rl_dtypes[x->dtype].name, rl_dtypes[y->dtype].name);
    Tensor *wide = rl_expand(x, y->ndim, y->shape);
    if (!wide) return NULL;
    Arg beta = c->arg[3], alpha = c->arg[4];
    if (!rl_number_is_real(x->dtype, &beta) || !rl_number_is_real(x->dtype, &alpha)) return NULL;
    if (rl_dtype_is(x->dtype, CLASS_INTEGRAL)) beta = a_i(a_int(&beta)), alpha = a_i(a_int(&alpha));     /* as a cast to the dtype does */
    y = rl_cast(scaled(y, &alpha), x->dtype);
    return is_zero(&beta) ? y : rl_add(y, rl_cast(scaled(wide, &beta), x->dtype));
}

/* In half precision the product, the scales and the sum are float's, rounded once at the end. */
static bool is_half(Call *c) {
    Dtype d = c->arg[0].tensor->dtype;
    return rl_dtype_is(d, CLASS_HALF) && c->arg[1].tensor->dtype == d && c->arg[2].tensor->dtype == d;
}
static Tensor *rounded_once(Call *c) {
    Arg wide[RL_MAX_ARGS];
    memcpy(wide, c->arg, (size_t)c->nargs * sizeof *wide);
    for (int k = 0; k < 3; k++) wide[k].tensor = rl_cast(c->arg[k].tensor, RL_FLOAT32);
    return rl_cast(rl_apply(c->op, wide), c->arg[0].tensor->dtype);
}

static Tensor *addmm_forward(Call *c) { return is_half(c) ? rounded_once(c) : add_product(c, rl_mm(c->arg[1].tensor, c->arg[2].tensor)); }
static Tensor *addmv_forward(Call *c) { return is_half(c) ? rounded_once(c) : add_product(c, rl_do("mv", c->arg[1], c->arg[2])); }
static Tensor *baddbmm_forward(Call *c) { return is_half(c) ? rounded_once(c) : add_product(c, rl_bmm(c->arg[1].tensor, c->arg[2].tensor)); }
static bool is_one(const Arg *a) { return a->tag != A_COMPLEX && a_double(a) == 1; }
static Tensor *addr_forward(Call *c) {
    Tensor *x = c->arg[0].tensor, *a = c->arg[1].tensor, *b = c->arg[2].tensor;
    bool plain = rl_dtype_is(x->dtype, CLASS_FLOAT) && a->dtype == x->dtype && b->dtype == x->dtype && a->ndim == 1 && b->ndim == 1 && x->ndim == 2 && x->shape[0] == a->shape[0] && x->shape[1] == b->shape[0];
    plain = plain && is_one(&c->arg[3]) && is_one(&c->arg[4]);
    if (plain) return rl_do("_addr", a_t(x), a_t(a), a_t(b));
    Dtype dtype = rl_result_type(3, c->arg);
    if (x->dtype != dtype) c->arg[0] = a_t(rl_cast(x, dtype));
    return c->arg[0].tensor ? add_product(c, rl_cast(rl_do("outer", c->arg[1], c->arg[2]), dtype)) : NULL;
}

static Tensor *plain_addr_forward(Call *c) { return rl_do("addcmul", c->arg[0], a_t(rl_unsqueeze(c->arg[1].tensor, 1)), c->arg[2]); }

static void plain_addr_vjp(Call *c, Tensor **g, Tensor **dx) {
    dx[0] = g[0];
    if (rl_need(c, 1)) dx[1] = rl_do("mv", a_t(g[0]), c->arg[2]);
    if (rl_need(c, 2)) dx[2] = rl_do("mv", a_t(rl_transpose(g[0], 0, 1)), c->arg[1]);
}

static Tensor *addbmm_forward(Call *c) { return is_half(c) ? rounded_once(c) : add_product(c, rl_cast(rl_sum_dim(rl_bmm(c->arg[1].tensor, c->arg[2].tensor), 0, false), c->arg[1].tensor->dtype)); }

static Tensor *outer_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    if (a->ndim != 1) return rl_fail(RL_RUNTIME_ERROR, "outer: Expected 1-D argument self, but got %d-D, of shape %s", a->ndim, rl_text_shape(a));
    if (b->ndim != 1) return rl_fail(RL_RUNTIME_ERROR, "outer: Expected 1-D argument vec2, but got %d-D, of shape %s", b->ndim, rl_text_shape(b));
    return rl_mul(rl_unsqueeze(a, 1), b);
}

static Tensor *inner_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    if (!a->ndim || !b->ndim) return rl_mul(a, b);
    if (rl_size(a, -1) != rl_size(b, -1))
        return rl_fail(RL_RUNTIME_ERROR, "inner() the last dimension must match on both input tensors but got shapes %s and %s", rl_text_shape(a), rl_text_shape(b));
    int64_t last = -1;
    if (a->ndim == 1 && b->ndim == 1 && a->dtype == b->dtype && rl_dtype_is(a->dtype, CLASS_FLOAT)) return rl_do("dot", a_t(a), a_t(b));
    return rl_do("_tensordot", a_t(a), a_t(b), a_ints(1, &last), a_ints(1, &last));
}

/* Contracted dims go last on the left and first on the right; then it is one product. */
static Tensor *tensordot_forward(Call *c) {
    Tensor *a = c->arg[0].tensor, *b = c->arg[1].tensor;
    const Arg *da = &c->arg[2], *db = &c->arg[3];
    bool ma[RL_MAX_DIMS], mb[RL_MAX_DIMS];
    int64_t pa[RL_MAX_DIMS], pb[RL_MAX_DIMS], shape[2 * RL_MAX_DIMS], rows = 1, inner = 1, cols = 1;
    int n = 0, na = 0, nb = 0;
    if (da->n != db->n) return rl_fail(RL_RUNTIME_ERROR, "both dimension lists should have same length, got %s and %s", rl_text_sizes(da->n, da->ints), rl_text_sizes(db->n, db->ints));
    if (!rl_wrap_dims(a->ndim, da->n, da->ints, ma) || !rl_wrap_dims(b->ndim, db->n, db->ints, mb)) return NULL;
    for (int i = 0; i < a->ndim; i++)
        if (!ma[i]) pa[na++] = i, rows *= shape[n++] = a->shape[i];
    for (int i = 0; i < da->n; i++) {
        int x = rl_wrap_dim(a->ndim, da->ints[i]), y = rl_wrap_dim(b->ndim, db->ints[i]);
        if (a->ndim && a->shape[x] != b->shape[y] && a->shape[x] != 1 && b->shape[y] != 1)
            return rl_fail(RL_RUNTIME_ERROR, "contracted dimensions need to match, but first has size %" PRId64 " in dim %d and second has size %" PRId64 " in dim %d", a->shape[x], x, b->shape[y], y);
        if (a->shape[x] != b->shape[y]) {
            Dtype dtype = a->dtype;      /* sums of integers are wider */
            if (a->shape[x] == 1) b = rl_cast(rl_sum_dim(b, y, true), dtype);
            else a = rl_cast(rl_sum_dim(a, x, true), dtype);
            if (!a || !b) return NULL;
        }
        inner *= a->shape[x];
        pa[na++] = x;
        pb[nb++] = y;
    }
    for (int i = 0; i < b->ndim; i++)
        if (!mb[i]) pb[nb++] = i, cols *= shape[n++] = b->shape[i];
    if (n > RL_MAX_DIMS) return rl_fail(RL_RUNTIME_ERROR, "a tensor may have at most %d dimensions", RL_MAX_DIMS);
    Tensor *l = rl_reshape(rl_permute(a, na, pa), 2, (int64_t[]){rows, inner}), *r = rl_reshape(rl_permute(b, nb, pb), 2, (int64_t[]){inner, cols});
    return rl_reshape(rl_mm(l, r), n, shape);
}

Op rl_matmul_ops[] = {
    {
        .sig = "mm(input: Tensor, mat2: Tensor) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .saves_for = {SAVE(1), SAVE(0)},
        .doc = "Product of two matrices, [n, k] and [k, m].\n\n>>> rl.mm(rl.tensor([[1., 2.]]), rl.tensor([[3.], [4.]]))\ntensor([[11.]])",
        .forward = mm_forward, .vjp = mm_vjp, .samples = "x(2, 3), x(3, 4); x(2, 3), x(4, 3).t(); x(0, 3), x(3, 2); x(2, 0), x(0, 3)",
    },
    {
        .sig = "bmm(input: Tensor, mat2: Tensor) -> Tensor", .flags = EXACT_OUT, .where = FUNCTION | METHOD | OUT, .saves_for = {SAVE(1), SAVE(0)},
        .doc = "Products of as many pairs of matrices, [b, n, k] and [b, k, m].\n\n>>> rl.bmm(rl.ones(2, 1, 3), rl.ones(2, 3, 1)).flatten()\ntensor([3., 3.])",
        .forward = bmm_forward, .vjp = bmm_vjp, .samples = "x(2, 3, 4), x(2, 4, 5); x(2, 3, 4), x(2, 5, 4).transpose(1, 2); x(0, 2, 3), x(0, 3, 2)",
    },
    {
        .sig = "mv(input: Tensor, vec: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "A matrix times a vector.\n\n>>> rl.mv(rl.tensor([[1., 2.]]), rl.tensor([3., 4.]))\ntensor([11.])",
        .forward = mv_forward, .samples = "x(2, 3), x(3)",
    },
    {
        .sig = "_real_dot(input: Tensor, tensor: Tensor) -> Tensor", .where = PRIVATE, .shape = "input[N] tensor[N]", .dtypes = CLASS_FLOAT, .node = "DotBackward0",
        .doc = "dot() of float or double vectors.\n\n>>> rl._C._ops._real_dot(rl.ones(2), rl.ones(2))\ntensor(2.)",
        .forward = real_dot_forward, .formula = "input: g * tensor; tensor: g * input", .samples = "x(3), x(3); x(0), x(0); x(100), x(100)",
    },
    {
        .sig = "dot(input: Tensor, tensor: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "Sum of the products of two vectors' elements.\n\n>>> rl.dot(rl.tensor([1., 2.]), rl.tensor([3., 4.]))\ntensor(11.)",
        .forward = dot_forward, .samples = "x(3), x(3); x(0), x(0)",
    },
    {
        .sig = "vdot(input: Tensor, other: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE | EXACT_OUT, .data = 1,
        .doc = "dot() with the first vector conjugated.\n\n>>> rl.vdot(rl.tensor([1., 2.]), rl.tensor([3., 4.]))\ntensor(11.)",
        .forward = dot_forward, .samples = "x(3), x(3)",
    },
    {
        .sig = "matmul(input: Tensor, other: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT | LINALG, .flags = COMPOSITE | EXACT_OUT,
        .doc = "Product of the last two dims, the others broadcast; vectors as rows on the left and columns on the right.\n\n"
               ">>> rl.tensor([1., 2.]) @ rl.tensor([[3.], [4.]])\ntensor([11.])",
        .forward = matmul_forward, .samples = "x(2, 3), x(3, 4); x(3), x(3); x(2, 3), x(3); x(3), x(3, 2); x(4, 2, 3), x(3, 2); x(2, 1, 2, 3), x(4, 3, 2); x(3), x(2, 3, 2)",
    },
    {
        .sig = "_affine(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT | CLASS_COMPLEX, .node = "AddmmBackward0",
        .saves_for = {SAVE(1), SAVE(0)},
        .doc = "input @ weight.T + bias in one product.\n\n>>> rl._C._ops._affine(rl.tensor([[1., 2.]]), rl.tensor([[3., 4.]]), rl.tensor([1.]))\ntensor([[12.]])",
        .forward = affine_forward, .vjp = affine_vjp, .samples = "x(2, 3), x(4, 3), x(4); x(2, 5, 3), x(4, 3); x(3), x(2, 3), x(2)",
    },
    {
        .sig = "linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor", .where = NN | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "input @ weight.T + bias: input [*, in], weight [out, in], bias [out].\n\n"
               ">>> rl.nn.functional.linear(rl.tensor([1., 2.]), rl.tensor([[3., 4.]]), rl.tensor([1.]))\ntensor([12.])",
        .forward = linear_forward, .samples = "x(2, 3), x(4, 3), x(4); x(2, 5, 3), x(4, 3); x(3), x(2, 3), x(2); x(2, 3), x(3)",
    },
    {
        .sig = "addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "beta * input + alpha * (mat1 @ mat2).\n\n>>> rl.addmm(rl.ones(1, 1), rl.ones(1, 2), rl.ones(2, 1))\ntensor([[3.]])",
        .forward = addmm_forward, .samples = "x(2, 4), x(2, 3), x(3, 4); x(4), x(2, 3), x(3, 4)",
    },
    {
        .sig = "addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "beta * input + alpha * (mat @ vec).\n\n>>> rl.addmv(rl.ones(1), rl.ones(1, 2), rl.ones(2))\ntensor([3.])",
        .forward = addmv_forward, .samples = "x(2), x(2, 3), x(3)",
    },
    {
        .sig = "_addr(input: Tensor, vec1: Tensor, vec2: Tensor) -> Tensor", .where = PRIVATE, .dtypes = CLASS_FLOAT, .shape = "input[N,M] vec1[N] vec2[M]", .saves_for = {0, SAVE(2), SAVE(1)}, .node = "AddrBackward0",
        .doc = "input + vec1 vec2^T in one pass.\n\n>>> rl._C._ops._addr(rl.zeros(1, 2), rl.ones(1), rl.tensor([3., 4.]))\ntensor([[3., 4.]])", .forward = plain_addr_forward, .vjp = plain_addr_vjp,
        .samples = "x(3, 4), x(3), x(4)",
    },
    {
        .sig = "addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE,
        .doc = "beta * input + alpha * outer(vec1, vec2).\n\n>>> rl.addr(rl.ones(1, 2), rl.ones(1), rl.ones(2))\ntensor([[2., 2.]])",
        .forward = addr_forward, .samples = "x(2, 3), x(2), x(3)",
    },
    {
        .sig = "baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "beta * input + alpha * bmm(batch1, batch2).\n\n>>> rl.baddbmm(rl.ones(1, 1, 1), rl.ones(1, 1, 2), rl.ones(1, 2, 1))\ntensor([[[3.]]])",
        .forward = baddbmm_forward, .samples = "x(2, 3, 5), x(2, 3, 4), x(2, 4, 5)",
    },
    {
        .sig = "addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor", .where = FUNCTION | METHOD | INPLACE | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "beta * input + alpha * the sum of bmm(batch1, batch2) over the batch.\n\n>>> rl.addbmm(rl.ones(1, 1), rl.ones(2, 1, 2), rl.ones(2, 2, 1))\ntensor([[5.]])",
        .forward = addbmm_forward, .samples = "x(3, 5), x(2, 3, 4), x(2, 4, 5)",
    },
    {
        .sig = "outer(input: Tensor, vec2: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = TAKES_BARE | COMPOSITE, .aliases = "ger",
        .doc = "Every element of one vector times every element of the other.\n\n>>> rl.outer(rl.tensor([1, 2]), rl.tensor([3, 4]))\ntensor([[3, 4],\n        [6, 8]])",
        .forward = outer_forward, .samples = "x(2), x(3)",
    },
    {
        .sig = "inner(input: Tensor, other: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = TAKES_BARE | COMPOSITE | EXACT_OUT,
        .doc = "Sums of products over the last dims.\n\n>>> rl.inner(rl.tensor([1., 2.]), rl.tensor([3., 4.]))\ntensor(11.)",
        .forward = inner_forward, .samples = "x(3), x(3); x(2, 3), x(4, 3); x(), x(2)",
    },
    {
        .sig = "_tensordot(input: Tensor, other: Tensor, dims_self: list[int], dims_other: list[int]) -> Tensor", .where = PRIVATE, .flags = COMPOSITE,
        .doc = "Products summed over pairs of dims.\n\n>>> rl._C._ops._tensordot(rl.ones(2, 3), rl.ones(3, 2), [1], [0])\ntensor([[3., 3.],\n        [3., 3.]])",
        .forward = tensordot_forward, .samples = "x(2, 3, 4), x(4, 3, 2), [1, 2], [1, 0]",
    },
    {0},
};

static void __attribute__((constructor)) offer_own_product(void) {
    rl_kernels_start();
    rl_gemm_offer(rl_kernels->gemm_f32);
}
