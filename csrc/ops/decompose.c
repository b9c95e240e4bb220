/* decompose.c -- factorisations through LAPACK, batch by batch, and their gradients.
 *
 * LAPACK reads columns.  A matrix transposed and made contiguous is its own column-major copy, and the result is handed back as
 * the transpose of what LAPACK wrote, so nothing is copied twice.  Gradients follow M. Giles, "An extended collection of matrix
 * derivative results" (2008) and, for the complex cases, M. Lezcano, "Geometric optimization" (2021). */
#include "matrices.h"

#include <string.h>

/* ---- Cholesky ------------------------------------------------------------------------------------------------------------------ */

/* potrf leaves what it found on the other side of the diagonal. */
static void clear_other_side(char *matrix, int64_t n, int64_t bytes, bool upper) {
    for (int64_t k = 0; k < n; k++) {
        char *column = matrix + k * n * bytes;
        if (upper) memset(column + (k + 1) * bytes, 0, (size_t)((n - 1 - k) * bytes));
        else memset(column, 0, (size_t)(k * bytes));
    }
}

static Tensor *cholesky_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 2);
    bool upper = c->arg[1].b;
    if (!out || !is_square(c, a, "A")) return NULL;
    Tensor *l = columns_of(a), *info = per_matrix(a, -1, RL_INT32);
    int n = (int)rl_size(a, -1), ld = n > 1 ? n : 1;
    for (int64_t i = 0; l && info && n && i < batch_of(a); i++) {
        RL_LAPACK(potrf, a->dtype)(upper ? "U" : "L", &n, at(l, i, (int64_t)n * n), &ld, (int *)at(info, i, 1));
        int *code = (int *)at(info, i, 1);
        for (int k = 0; k < n && !*code; k++)       /* a nan on the diagonal is not less than 0, so potrf goes on */
            if (look_for_infinities(at(l, i * n * n + k * n + k, 1), 1, a->dtype) == SOME_NAN) *code = k + 1;
        clear_other_side(at(l, i, (int64_t)n * n), n, rl_dtype_bytes(a->dtype), upper);
    }
    if (!l || !info) return NULL;
    out[1] = info;
    out[0] = rl_alias(flip_back(l));
    if (c->arg[2].b && !complain_of_info(c, info, "%s: %sThe factorization could not be completed because the input is not positive-definite (the leading minor of order %d is not positive-definite).")) return NULL;
    return out[0];
}

static void cholesky_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    bool upper = c->arg[1].b;
    Tensor *l = upper ? hermitian(c->out[0]) : c->out[0], *gl = upper ? hermitian(g[0]) : g[0];
    Tensor *p = tril(rl_matmul(hermitian(l), gl), 0);
    Tensor *s = rl_mul_number(rl_add(p, hermitian(tril(p, -1))), 0.5);
    dx[0] = triangular(l, triangular(hermitian(l), s, true, true, false), false, false, false);
}

/* ---- triangular systems ---------------------------------------------------------------------------------------------------------- */

static Tensor *solve_triangular_forward(Call *c) {
    Tensor *a = arg(c, 0), *b = arg(c, 1);
    bool upper = c->arg[2].b, left = c->arg[3].b, unit = c->arg[4].b;
    if (!is_square(c, a, "A") || !is_matrix(c, b, "B")) return NULL;
    if (a->dtype != b->dtype) return rl_fail(RL_RUNTIME_ERROR, "linalg.solve_triangular: Expected A and B to have the same dtype, but found A of type %s and B of type %s instead", rl_dtypes[a->dtype].word, rl_dtypes[b->dtype].word);
    if (rl_size(a, -1) != rl_size(b, left ? -2 : -1))
        return rl_fail(RL_RUNTIME_ERROR, "linalg.solve_triangular: Incompatible shapes of A and B for the equation %s = B (%s and %s)", left ? "AX" : "XA", rl_text_shape(a), rl_text_shape(b));
    if (!broadcast_batches(c, &a, &b)) return NULL;
    Tensor *x = columns_of(b), *cols = columns_of(a);
    int m = (int)rl_size(b, -2), n = (int)rl_size(b, -1), ld = (int)rl_size(a, -1), ldb = m > 1 ? m : 1;
    static const double one_d[2] = {1, 0};
    static const float one_f[2] = {1, 0};
    const void *one = rl_to_real(a->dtype) == RL_FLOAT64 ? (const void *)one_d : one_f;
    for (int64_t i = 0; x && cols && m && n && i < batch_of(b); i++)
        RL_LAPACK(trsm, a->dtype)(left ? "L" : "R", upper ? "U" : "L", "N", unit ? "U" : "N", &m, &n, one, at(cols, i, (int64_t)ld * ld), &ld, at(x, i, (int64_t)m * n), &ldb);
    return x && cols ? flip_back(x) : NULL;
}

static void solve_triangular_vjp(Call *c, Tensor **g, Tensor **dx) {
    bool upper = c->arg[2].b, left = c->arg[3].b, unit = c->arg[4].b;
    Tensor *gb = triangular(hermitian(arg(c, 0)), g[0], !upper, left, unit), *x = c->out[0];
    if (rl_need(c, 1)) dx[1] = gb;
    if (!rl_need(c, 0)) return;
    Tensor *ga = rl_neg(left ? rl_matmul(gb, hermitian(x)) : rl_matmul(hermitian(x), gb));
    dx[0] = upper ? triu(ga, unit) : tril(ga, unit ? -1 : 0);
}

/* ---- LU ---------------------------------------------------------------------------------------------------------------------------- */

static Tensor *lu_factor_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 3);
    if (!out || !is_matrix(c, a, "A")) return NULL;
    if (!c->arg[1].b) return rl_fail(RL_RUNTIME_ERROR, "%s: LU without pivoting is not implemented on the CPU", c->op->parsed->name);
    int m = (int)rl_size(a, -2), n = (int)rl_size(a, -1), ld = m > 1 ? m : 1, k = m < n ? m : n;
    Tensor *lu = columns_of(a);
    out[1] = per_matrix(a, k, RL_INT32);
    out[2] = per_matrix(a, -1, RL_INT32);
    if (!lu || !out[1] || !out[2]) return NULL;
    for (int64_t i = 0; m && n && i < batch_of(a); i++) RL_LAPACK(getrf, a->dtype)(&m, &n, at(lu, i, (int64_t)m * n), &ld, at(out[1], i, k), at(out[2], i, 1));
    if (c->arg[2].b && !complain_of_info(c, out[2], "%s: %sU[%d] is zero and using it on lu_solve would result in a division by zero.")) return NULL;
    return out[0] = flip_back(lu);
}

/* Row swaps as a permutation matrix P with A = P L U. */
static Tensor *permutation_of(Tensor *pivots, int64_t m, Dtype dtype) {
    Tensor *dense = rl_contiguous(pivots);
    if (!dense) return NULL;
    int64_t shape[RL_MAX_DIMS], k = rl_size(dense, -1), batch = k ? dense->numel / k : 1, *order = rl_scope_bytes((m + 1) * 8);
    for (int i = 0; i < dense->ndim - 1; i++) shape[i] = dense->shape[i];
    if (!k) for (int i = 0, b = 1; i < dense->ndim - 1; i++) batch = b *= (int)shape[i];
    shape[dense->ndim - 1] = shape[dense->ndim] = m;
    Tensor *p = rl_zeros(dense->ndim + 1, shape, RL_FLOAT64);
    if (!p || !order) return NULL;
    const int32_t *swap = rl_data(dense);
    for (int64_t b = 0; b < batch; b++, swap += k) {
        for (int64_t i = 0; i < m; i++) order[i] = i;
        for (int64_t i = 0; i < k; i++) {
            int64_t j = swap[i] - 1, old = order[i];
            if (j < 0 || j >= m) return rl_fail(RL_RUNTIME_ERROR, "pivots given to lu_unpack must all be greater or equal to 1 and at most %" PRId64 ", but one is %" PRId64, m, j + 1);
            order[i] = order[j];
            order[j] = old;
        }
        double *out = (double *)rl_data(p) + b * m * m;
        for (int64_t i = 0; i < m; i++) out[order[i] * m + i] = 1;
    }
    return rl_cast(p, dtype);
}

static Tensor *permutation_forward(Call *c) {
    if (arg(c, 0)->dtype != RL_INT32) return rl_fail(RL_RUNTIME_ERROR, "lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, not %s", rl_dtypes[arg(c, 0)->dtype].name);
    return permutation_of(arg(c, 0), c->arg[1].i, c->arg[2].dtype);
}

static Tensor *with_unit_diagonal(Tensor *l) { return !l ? NULL : rl_do("add", a_t(tril(l, -1)), a_t(rl_do("eye", a_i(rl_size(l, -2)), a_i(rl_size(l, -1)), a_dtype(l->dtype)))); }

/* A = P L U.  Square: gA = P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H; what sticks out of the square follows. */
static void lu_factor_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0] || !c->out[0] || !c->out[1]) return;
    Tensor *lu = c->out[0], *p = permutation_of(c->out[1], rl_size(lu, -2), lu->dtype);
    int64_t m = rl_size(lu, -2), n = rl_size(lu, -1), k = m < n ? m : n;
    Tensor *l1 = with_unit_diagonal(slice(slice(lu, -2, 0, k), -1, 0, k)), *u1 = triu(slice(slice(lu, -2, 0, k), -1, 0, k), 0);
    Tensor *g1 = slice(slice(g[0], -2, 0, k), -1, 0, k), *gl1 = tril(g1, -1), *gu1 = triu(g1, 0);
    Tensor *lower = rl_matmul(hermitian(l1), gl1), *upper = rl_matmul(gu1, hermitian(u1)), *rest = NULL;
    if (m < n) {
        rest = slice(g[0], -1, k, n);
        lower = rl_sub(lower, rl_matmul(rest, hermitian(slice(lu, -1, k, n))));
    } else if (m > n) {
        rest = slice(g[0], -2, k, m);
        upper = rl_sub(upper, rl_matmul(hermitian(slice(lu, -2, k, m)), rest));
    }
    Tensor *core = rl_add(tril(lower, -1), triu(upper, 0)), *u1h = hermitian(u1);
    Tensor *body = triangular(u1h, core, false, false, false);        /* core U1^-H */
    if (m < n) body = rl_cat(2, (Tensor *[]){body, rest}, -1);
    body = triangular(hermitian(l1), body, true, true, true);
    if (m > n) body = rl_cat(2, (Tensor *[]){body, triangular(u1h, rest, false, false, false)}, -2);
    dx[0] = rl_matmul(p, body);
}

/* ---- solve, inv ------------------------------------------------------------------------------------------------------------------------ */

static bool is_vector_problem(Tensor *a, Tensor *b) {
    if (b->ndim == 1) return true;
    if (b->ndim != a->ndim - 1) return false;
    for (int i = 0; i < b->ndim; i++)
        if (b->shape[i] != a->shape[i]) return false;
    return true;
}

static Tensor *solve_raw_forward(Call *c) {
    Tensor *a = arg(c, 0), *b = arg(c, 1), **out = rl_outputs(c, 2);
    if (!out || !is_square(c, a, "A") || !is_matrix(c, b, "B")) return NULL;
    if (a->dtype != b->dtype || rl_size(a, -1) != rl_size(b, -2))
        return rl_fail(RL_RUNTIME_ERROR, "%s: A of shape %s and B of shape %s do not fit", c->op->parsed->name, rl_text_shape(a), rl_text_shape(b));
    if (!broadcast_batches(c, &a, &b)) return NULL;
    int n = (int)rl_size(a, -1), rhs = (int)rl_size(b, -1), ld = n > 1 ? n : 1;
    Tensor *lu = columns_of(a), *x = columns_of(b), *pivot = per_matrix(a, n, RL_INT32);
    out[1] = per_matrix(a, -1, RL_INT32);
    if (!lu || !x || !pivot || !out[1]) return NULL;
    for (int64_t i = 0; n && i < batch_of(a); i++) RL_LAPACK(gesv, a->dtype)(&n, &rhs, at(lu, i, (int64_t)n * n), &ld, at(pivot, i, n), at(x, i, (int64_t)n * rhs), &ld, at(out[1], i, 1));
    return out[0] = flip_back(x);
}

static void solve_raw_vjp(Call *c, Tensor **g, Tensor **dx) {
    if (!g[0]) return;
    Tensor *gb = rl_do("_solve", a_t(hermitian(arg(c, 0))), a_t(g[0]));
    if (rl_need(c, 1)) dx[1] = gb;
    if (rl_need(c, 0)) dx[0] = rl_neg(rl_matmul(gb, hermitian(c->out[0])));
}

static Tensor *solve_ex_forward(Call *c) {
    Tensor *a = arg(c, 0), *b = arg(c, 1), *pair[2], **out = rl_outputs(c, 2);
    bool left = c->arg[2].b, check = c->arg[3].b;
    if (!out || !is_square(c, a, "A")) return NULL;
    if (a->dtype != b->dtype) return rl_fail(RL_RUNTIME_ERROR, "linalg.solve: Expected A and B to have the same dtype, but found A of type %s and B of type %s instead", rl_dtypes[a->dtype].word, rl_dtypes[b->dtype].word);
    bool vector = is_vector_problem(a, b);
    if (vector) b = rl_unsqueeze(b, -1);
    if (!b || !is_matrix(c, b, "B")) return NULL;
    if (vector && !left) return rl_fail(RL_RUNTIME_ERROR, "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)");
    if (rl_size(a, -1) != rl_size(b, left ? -2 : -1))
        return rl_fail(RL_RUNTIME_ERROR, "linalg.solve: Incompatible shapes of A and B for the equation %s = B (%" PRId64 "x%" PRId64 " and %" PRId64 "x%" PRId64 ")", left ? "AX" : "XA", rl_size(a, -2), rl_size(a, -1), rl_size(b, -2), rl_size(b, -1));
    Arg args[2] = {a_t(left ? a : rl_transpose(a, -2, -1)), a_t(left ? b : rl_transpose(b, -2, -1))};
    if (!rl_apply_many(RL_OP("_solve"), 2, args, 2, pair)) return NULL;
    if (check && !complain_of_info(c, pair[1], "%s: %sThe solver failed because the input matrix is singular (pivot %d is zero).")) return NULL;
    out[1] = pair[1];
    Tensor *x = left ? pair[0] : rl_transpose(pair[0], -2, -1);
    return out[0] = vector ? rl_squeeze(x, -1) : x;
}

static Tensor *solve_forward(Call *c) { return rl_do("linalg.solve_ex", c->arg[0], c->arg[1], c->arg[2], a_b(true)); }

static Tensor *inv_ex_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 2), *pair[2];
    if (!out || !is_square(c, a, "A")) return NULL;
    Tensor *eye = rl_do("eye", a_i(rl_size(a, -1)), a_none(), a_dtype(a->dtype));
    if (!eye || !rl_apply_many(RL_OP("_solve"), 2, (Arg[]){a_t(a), a_t(eye)}, 2, pair)) return NULL;
    if (c->arg[1].b && !complain_of_info(c, pair[1], "%s: %sThe diagonal element %d is zero, the inversion could not be completed because the input matrix is singular.")) return NULL;
    out[1] = pair[1];
    return out[0] = pair[0];
}

static Tensor *inv_forward(Call *c) { return rl_do("linalg.inv_ex", c->arg[0], a_b(true)); }

/* ---- symmetric eigenvalues ----------------------------------------------------------------------------------------------------------------- */

static Tensor *eigh_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 2);
    if (!out || !is_square(c, a, "A")) return NULL;
    const char *uplo = c->arg[1].str;
    if (!strchr("ULul", *uplo) || !*uplo || uplo[1]) return rl_fail(RL_RUNTIME_ERROR, "Expected UPLO argument to be 'L' or 'U', but got %s", uplo);
    const char *half = *uplo == 'U' || *uplo == 'u' ? "U" : "L";
    int n = (int)rl_size(a, -1), ld = n > 1 ? n : 1, lwork = -1, lrwork = -1, liwork = -1, info = 0, iwork1 = 1;
    Tensor *v = columns_of(a), *w = per_matrix(a, n, rl_to_real(a->dtype));
    if (!v || !w) return NULL;
    bool cx = is_complex(a);
    double query[2] = {0}, rquery[1] = {0};
    if (cx) RL_LAPACK_COMPLEX(heevd, a->dtype)("V", half, &n, rl_data(v), &ld, rl_data(w), query, &lwork, rquery, &lrwork, &iwork1, &liwork, &info);
    else RL_LAPACK_REAL(syevd, a->dtype)("V", half, &n, rl_data(v), &ld, rl_data(w), query, &lwork, &iwork1, &liwork, &info);
    lwork = (int)first_number(query, a->dtype) + 1;
    lrwork = cx ? (int)first_number(rquery, a->dtype) + 1 : 1;
    liwork = iwork1;
    void *work = rl_scope_bytes((int64_t)lwork * 16), *rwork = rl_scope_bytes((int64_t)lrwork * 8), *iwork = rl_scope_bytes((int64_t)liwork * 4);
    if (!work || !rwork || !iwork) return NULL;
    for (int64_t i = 0; n && i < batch_of(a); i++) {
        if (cx) RL_LAPACK_COMPLEX(heevd, a->dtype)("V", half, &n, at(v, i, (int64_t)n * n), &ld, at(w, i, n), work, &lwork, rwork, &lrwork, iwork, &liwork, &info);
        else RL_LAPACK_REAL(syevd, a->dtype)("V", half, &n, at(v, i, (int64_t)n * n), &ld, at(w, i, n), work, &lwork, iwork, &liwork, &info);
        if (info) return rl_fail(RL_LINALG_ERROR, "linalg.eigh: (Batch element %" PRId64 "): The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated eigenvalues (error code: %d).", i, info);
    }
    out[1] = flip_back(v);
    return out[0] = w;
}

/* 1 / (w_j - w_i) off the diagonal, 0 on it. */
static Tensor *inverse_gaps(Tensor *w) {
    Tensor *gap = rl_sub(rl_unsqueeze(w, -2), rl_unsqueeze(w, -1));
    Tensor *eye = gap ? rl_do("eye", a_i(rl_size(w, -1)), a_none(), a_dtype(RL_BOOL)) : NULL;
    return rl_do("masked_fill", a_t(rl_do("reciprocal", a_t(rl_do("masked_fill", a_t(gap), a_t(eye), a_i(1))))), a_t(eye), a_i(0));
}

static Tensor *skew(Tensor *t) { return rl_sub(t, hermitian(t)); }

/* Vectors turn by skew matrices; what else their gradient says leads nowhere. */
static void eigh_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *w = c->out[0], *v = c->out[1], *vh = hermitian(v), *inner = NULL;
    if (g[1]) inner = rl_mul(rl_mul_number(skew(rl_matmul(vh, g[1])), 0.5), inverse_gaps(w));
    if (g[0]) inner = inner ? rl_add(inner, as_diagonal(g[0])) : as_diagonal(rl_cast(g[0], v->dtype));
    if (inner) dx[0] = rl_matmul(v, rl_matmul(inner, vh));
}

/* ---- singular values -------------------------------------------------------------------------------------------------------------------------- */

static Tensor *svd_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 3);
    if (!out || !is_matrix(c, a, "A")) return NULL;
    if (c->arg[2].tag == A_STR) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.");
    bool full = c->arg[1].b, cx = is_complex(a);
    int m = (int)rl_size(a, -2), n = (int)rl_size(a, -1), k = m < n ? m : n, ld = m > 1 ? m : 1, cols = full ? m : k, rows = full ? n : k, ldvt = rows > 1 ? rows : 1, lwork = -1, info = 0;
    Tensor *x = columns_of(a), *u = empty_columns(a, m, cols, a->dtype), *vt = empty_columns(a, rows, n, a->dtype);
    out[1] = per_matrix(a, k, rl_to_real(a->dtype));
    if (!x || !u || !vt || !out[1]) return NULL;
    const char *job = full ? "A" : "S";
    double query[2] = {0};
    int64_t big = m > n ? m : n, small = k;
    void *iwork = rl_scope_bytes(8 * (small + 1) * 4), *rwork = rl_scope_bytes((5 * small * small + 7 * small + 2 * big * small + 2 * small * small + small + 16) * 8);
    if (!iwork || !rwork) return NULL;
    if (cx) RL_LAPACK_COMPLEX(gesdd, a->dtype)(job, &m, &n, rl_data(x), &ld, rl_data(out[1]), rl_data(u), &ld, rl_data(vt), &ldvt, query, &lwork, rwork, iwork, &info);
    else RL_LAPACK_REAL(gesdd, a->dtype)(job, &m, &n, rl_data(x), &ld, rl_data(out[1]), rl_data(u), &ld, rl_data(vt), &ldvt, query, &lwork, iwork, &info);
    lwork = (int)first_number(query, a->dtype) + 1;
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    for (int64_t i = 0; work && k && i < batch_of(a); i++) {
        void *xi = at(x, i, (int64_t)m * n), *si = at(out[1], i, k), *ui = at(u, i, (int64_t)m * cols), *vi = at(vt, i, (int64_t)rows * n);
        int found = look_for_infinities(xi, (int64_t)m * n, a->dtype);
        if (found == SOME_NAN) return rl_fail(RL_LINALG_ERROR, "linalg.svd: (Batch element %" PRId64 "): The algorithm failed to converge because the input matrix contained non-finite values.", i);
        if (found) fill_with_nan(si, k, out[1]->dtype), fill_with_nan(ui, (int64_t)m * cols, a->dtype), fill_with_nan(vi, (int64_t)rows * n, a->dtype);
        else if (cx) RL_LAPACK_COMPLEX(gesdd, a->dtype)(job, &m, &n, xi, &ld, si, ui, &ld, vi, &ldvt, work, &lwork, rwork, iwork, &info);
        else RL_LAPACK_REAL(gesdd, a->dtype)(job, &m, &n, xi, &ld, si, ui, &ld, vi, &ldvt, work, &lwork, iwork, &info);
        if (info) return rl_fail(RL_LINALG_ERROR, "linalg.svd: (Batch element %" PRId64 "): The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated singular values (error code: %d).", i, info);
    }
    out[0] = flip_back(u);
    out[2] = flip_back(vt);
    if (!k && full && out[0]) rl_copy_into(out[0], rl_expand(rl_do("eye", a_i(m), a_none(), a_dtype(a->dtype)), out[0]->ndim, out[0]->shape)), rl_copy_into(out[2], rl_expand(rl_do("eye", a_i(n), a_none(), a_dtype(a->dtype)), out[2]->ndim, out[2]->shape));
    return rl_thread.failed ? NULL : out[0];
}

static Tensor *plus(Tensor *a, Tensor *b) { return a && b ? rl_add(a, b) : a ? a : b; }

static void svd_vjp(Call *c, Tensor **g, Tensor **dx) {
    int64_t m = rl_meta(c, 0)->shape[rl_meta(c, 0)->ndim - 2], n = rl_meta(c, 0)->shape[rl_meta(c, 0)->ndim - 1], k = m < n ? m : n;
    if (!g[0] && !g[1] && !g[2]) return;
    Tensor *u = slice(c->out[0], -1, 0, k), *s = c->out[1], *vh = slice(c->out[2], -2, 0, k), *inner = g[1] ? as_diagonal(rl_cast(g[1], u->dtype)) : NULL;
    Tensor *gu = g[0] ? slice(g[0], -1, 0, k) : NULL, *gvh = g[2] ? slice(g[2], -2, 0, k) : NULL, *uu = gu ? rl_matmul(hermitian(u), gu) : NULL, *vv = gvh ? rl_matmul(vh, hermitian(gvh)) : NULL;
    Tensor *gaps = gu || gvh ? inverse_gaps(rl_mul(s, s)) : NULL, *result = NULL;
    if (gu) inner = plus(inner, scale_columns(rl_mul(skew(uu), gaps), s));
    if (gvh) inner = plus(inner, scale_rows(rl_mul(skew(vv), gaps), s));
    if (rl_dtype_is(u->dtype, CLASS_COMPLEX) && (gu || gvh)) {          /* the phase that U and V share */
        Tensor *phase = uu && vv ? rl_sub(diagonal(uu), diagonal(vv)) : uu ? diagonal(uu) : rl_neg(diagonal(vv));
        phase = rl_mul_number(rl_sub(phase, rl_conj(phase)), 0.5);
        inner = plus(inner, as_diagonal(rl_div(phase, rl_mul_number(s, 2))));
    }
    if (inner) result = rl_matmul(u, rl_matmul(inner, vh));
    if (gu && m > k) {
        Tensor *over = rl_div(gu, rl_unsqueeze(s, -2));
        result = plus(result, rl_matmul(rl_sub(over, rl_matmul(u, rl_matmul(hermitian(u), over))), vh));
    }
    if (gvh && n > k) {
        Tensor *over = rl_div(gvh, rl_unsqueeze(s, -1));
        result = plus(result, rl_matmul(u, rl_sub(over, rl_matmul(rl_matmul(over, hermitian(vh)), vh))));
    }
    dx[0] = result;
}

/* ---- QR ------------------------------------------------------------------------------------------------------------------------------------------ */

static bool generate_q(Dtype dtype, int m, int cols, int k, void *q, const void *tau) {
    int ld = m > 1 ? m : 1, lwork = 64 * (cols > 1 ? cols : 1), info = 0;
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    if (!work) return false;
    if (rl_dtype_is(dtype, CLASS_COMPLEX)) RL_LAPACK_COMPLEX(ungqr, dtype)(&m, &cols, &k, q, &ld, tau, work, &lwork, &info);
    else RL_LAPACK_REAL(orgqr, dtype)(&m, &cols, &k, q, &ld, tau, work, &lwork, &info);
    return true;
}

/* The upper triangle of the first rows, column-major too. */
static Tensor *upper_columns(Tensor *x, int64_t rows) {
    Tensor *r = tril(slice(x, -1, 0, rows), 0);
    return r ? flip_back(rl_contiguous(r)) : NULL;
}

static Tensor *qr_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 2);
    const char *mode = c->arg[1].str;
    if (!out || !is_matrix(c, a, "A")) return NULL;
    bool complete = !strcmp(mode, "complete"), only_r = !strcmp(mode, "r");
    if (!complete && !only_r && strcmp(mode, "reduced")) return rl_fail(RL_RUNTIME_ERROR, "qr received unrecognized mode '%s' but expected one of 'reduced' (default), 'r', or 'complete'", mode);
    int m = (int)rl_size(a, -2), n = (int)rl_size(a, -1), k = m < n ? m : n, ld = m > 1 ? m : 1, cols = complete ? m : k, lwork = 64 * (n > 1 ? n : 1), info = 0;
    Tensor *x = columns_of(a), *tau = per_matrix(a, k, a->dtype), *q = only_r ? rl_empty(1, (int64_t[]){0}, a->dtype) : empty_columns(a, m, cols, a->dtype);
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    if (!x || !tau || !q || !work) return NULL;
    int bytes = rl_dtypes[a->dtype].bytes;
    for (int64_t i = 0; i < batch_of(a); i++) {
        if (k) RL_LAPACK(geqrf, a->dtype)(&m, &n, at(x, i, (int64_t)m * n), &ld, at(tau, i, k), work, &lwork, &info);
        if (only_r) continue;
        if (k) memcpy(at(q, i, (int64_t)m * cols), at(x, i, (int64_t)m * n), (size_t)((int64_t)m * k * bytes));
        if (cols && !generate_q(a->dtype, m, cols, k, at(q, i, (int64_t)m * cols), at(tau, i, k))) return NULL;
    }
    out[1] = upper_columns(x, cols);
    return out[0] = only_r ? q : flip_back(q);
}

static Tensor *copy_lower(Tensor *t) {
    Tensor *low = tril(t, -1), *d = diagonal(t);
    if (t && rl_dtype_is(t->dtype, CLASS_COMPLEX)) d = rl_mul_number(rl_add(d, rl_conj(d)), 0.5);
    return rl_add(rl_add(low, hermitian(low)), as_diagonal(d));
}

static void qr_vjp(Call *c, Tensor **g, Tensor **dx) {
    const Meta *meta = rl_meta(c, 0);
    int64_t m = meta->shape[meta->ndim - 2], n = meta->shape[meta->ndim - 1];
    const char *mode = c->arg[1].str;
    if (!g[0] && !g[1]) return;
    if (!strcmp(mode, "r")) {
        rl_fail(RL_RUNTIME_ERROR, "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to require differentiation.");
        return;
    }
    if (!strcmp(mode, "complete") && m > n) {
        rl_fail(RL_RUNTIME_ERROR, "The QR decomposition is not differentiable when mode='complete' and nrows > ncols");
        return;
    }
    Tensor *q = c->out[0], *r = c->out[1], *gq = g[0], *gr = g[1], *right = NULL;
    if (m < n) {               /* A = Q [U V]: what V contributes goes to Q */
        Tensor *v = slice(r, -1, m, n), *gv = gr ? slice(gr, -1, m, n) : NULL;
        r = slice(r, -1, 0, m);
        right = gv ? rl_matmul(q, gv) : NULL;
        if (gv) gq = plus(gq, rl_matmul(rl_matmul(q, v), hermitian(gv)));
        gr = gr ? slice(gr, -1, 0, m) : NULL;
    }
    Tensor *middle = gr ? rl_matmul(r, hermitian(gr)) : NULL;
    if (gq) middle = middle ? rl_sub(middle, rl_matmul(hermitian(gq), q)) : rl_neg(rl_matmul(hermitian(gq), q));
    Tensor *left = triangular(hermitian(r), plus(gq, rl_matmul(q, copy_lower(middle))), false, false, false);
    if (m < n) {
        if (!right && left) right = rl_zeros_like(rl_expand(slice(left, -1, 0, 1), left->ndim, left->shape)), right = slice(right, -1, 0, 0);
        int64_t shape[RL_MAX_DIMS];
        for (int i = 0; i < meta->ndim; i++) shape[i] = meta->shape[i];
        shape[meta->ndim - 1] = n - m;
        if (right && rl_size(right, -1) != n - m) right = rl_zeros(meta->ndim, shape, meta->dtype);
        left = rl_cat(2, (Tensor *[]){left, right}, -1);
    }
    dx[0] = left;
}

/* ---- general eigenvalues ---------------------------------------------------------------------------------------------------------------------------- */

/* Real LAPACK gives pairs of conjugate vectors as real and imaginary parts in neighbouring columns. */
static void unpack_pairs(Dtype dtype, int n, const void *wr, const void *wi, const void *vr, void *w, void *v) {
    bool wide = dtype == RL_FLOAT64;
#define READ(p, i) (wide ? ((const double *)(p))[i] : ((const float *)(p))[i])
#define WRITE(p, i, x) (wide ? (void)(((double *)(p))[i] = (x)) : (void)(((float *)(p))[i] = (float)(x)))
    for (int64_t j = 0; j < n; j++) {
        WRITE(w, 2 * j, READ(wr, j));
        WRITE(w, 2 * j + 1, READ(wi, j));
        double im = READ(wi, j);
        for (int64_t i = 0; i < n; i++) {
            int64_t re_at = im < 0 ? (j - 1) * n + i : j * n + i, im_at = im > 0 ? (j + 1) * n + i : j * n + i;
            WRITE(v, 2 * (j * n + i), READ(vr, re_at));
            WRITE(v, 2 * (j * n + i) + 1, im == 0 ? 0.0 : im > 0 ? READ(vr, im_at) : -READ(vr, j * n + i));
        }
    }
#undef READ
#undef WRITE
}

static Tensor *eig_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 2);
    if (!out || !is_square(c, a, "A")) return NULL;
    bool cx = is_complex(a);
    int n = (int)rl_size(a, -1), ld = n > 1 ? n : 1, one = 1, lwork = 66 * n + 66, info = 0;
    Tensor *x = columns_of(a), *v = empty_columns(a, n, n, rl_to_complex(a->dtype));
    out[0] = per_matrix(a, n, rl_to_complex(a->dtype));
    char *work = rl_scope_bytes((int64_t)lwork * 16), *rwork = rl_scope_bytes(2 * (int64_t)(n + 1) * 8), *parts = rl_scope_bytes(((int64_t)n * n + 2 * n + 4) * 8);
    if (!x || !v || !out[0] || !work || !rwork || !parts) return NULL;
    int bytes = rl_dtypes[rl_to_real(a->dtype)].bytes;
    for (int64_t i = 0; n && i < batch_of(a); i++) {
        char *wr = parts, *wi = parts + n * bytes, *vr = parts + 2 * n * bytes;
        if (look_for_infinities(at(x, i, (int64_t)n * n), (int64_t)n * n, a->dtype)) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.eig: input tensor should not contain infs or NaNs: matrix %" PRId64 " of the batch does", i);
        if (cx) RL_LAPACK_COMPLEX(geev, a->dtype)("N", "V", &n, at(x, i, (int64_t)n * n), &ld, at(out[0], i, n), NULL, &one, at(v, i, (int64_t)n * n), &ld, work, &lwork, rwork, &info);
        else {
            RL_LAPACK_REAL(geev, a->dtype)("N", "V", &n, at(x, i, (int64_t)n * n), &ld, wr, wi, NULL, &one, vr, &ld, work, &lwork, &info);
            unpack_pairs(a->dtype, n, wr, wi, vr, at(out[0], i, n), at(v, i, (int64_t)n * n));
        }
        if (info) return rl_fail(RL_LINALG_ERROR, "linalg.eig: (Batch element %" PRId64 "): The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated eigenvalues (error code: %d).", i, info);
    }
    out[1] = flip_back(v);
    return out[0];
}

static void eig_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *w = c->out[0], *v = c->out[1], *vh = hermitian(v), *inner = NULL;
    if (!g[0] && !g[1]) return;
    if (g[1]) {
        Tensor *p = rl_matmul(vh, g[1]), *d = diagonal(p);
        Tensor *real = rl_mul_number(rl_add(d, rl_conj(d)), 0.5);       /* vectors are of length one: that part leads nowhere */
        inner = rl_mul(rl_sub(p, rl_matmul(vh, scale_columns(v, real))), rl_conj(inverse_gaps(w)));
    }
    if (g[0]) inner = plus(inner, as_diagonal(g[0]));
    dx[0] = solve(vh, rl_matmul(inner, vh));
}

/* ---- determinants ------------------------------------------------------------------------------------------------------------------------------------------ */

/* det = (-1)^swaps * product of U's diagonal. */
static Tensor *sign_of_swaps(Tensor *pivots, Dtype dtype) {
    Tensor *count = rl_do("add", a_t(rl_do("arange", a_i(rl_size(pivots, -1)))), a_i(1));
    Tensor *moved = rl_sum_dim(rl_cast(rl_do("ne", a_t(pivots), a_t(count)), RL_INT64), -1, false);
    Tensor *odd = rl_do("remainder", a_t(moved), a_i(2));
    return rl_cast(rl_do("rsub", a_t(rl_do("mul", a_t(odd), a_i(2))), a_i(1)), dtype);
}

static Tensor *det_forward(Call *c) {
    Tensor *a = arg(c, 0), *lu[3];
    if (!is_square(c, a, "A") || !rl_apply_many(RL_OP("linalg.lu_factor_ex"), 1, (Arg[]){a_t(a)}, 3, lu)) return NULL;
    Tensor *sign = sign_of_swaps(lu[1], a->dtype);
    return rl_mul(sign, rl_do_overload("prod", 1, a_t(diagonal(lu[0])), a_i(-1)));
}

/* d det = det tr(A^-1 dA).  Where the determinant vanishes, products of all other singular values take its place. */
static void det_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *a = arg(c, 0), *det = c->out[0], *zero = rl_do("any", a_t(rl_do("eq", a_t(det), a_i(0)))), *usv[3];
    Arg singular;
    double store[2];
    if (!zero || !rl_item(zero, &singular, store)) return;
    if (!singular.b) {
        Tensor *d = as_diagonal(rl_expand(rl_unsqueeze(rl_mul(g[0], rl_conj(det)), -1), a->ndim - 1, a->shape));
        dx[0] = solve(hermitian(a), d);
        return;
    }
    if (!rl_apply_many(RL_OP("linalg.svd"), 2, (Arg[]){a_t(a), a_b(true)}, 3, usv)) return;
    int64_t n = rl_size(a, -1);
    Tensor *eye = rl_do("eye", a_i(n), a_none(), a_dtype(RL_BOOL));
    Tensor *others = rl_do_overload("prod", 1, a_t(rl_do("masked_fill", a_t(rl_expand(rl_unsqueeze(usv[1], -2), a->ndim, a->shape)), a_t(eye), a_i(1))), a_i(-1));
    Tensor *phase = rl_mul(rl_do("linalg.det", a_t(usv[0])), rl_do("linalg.det", a_t(usv[2])));
    Tensor *factor = rl_mul(g[0], rl_conj(phase));
    dx[0] = rl_mul(rl_unsqueeze(rl_unsqueeze(factor, -1), -1), rl_matmul(scale_columns(usv[0], others), usv[2]));
}

static Tensor *slogdet_forward(Call *c) {
    Tensor *a = arg(c, 0), *lu[3], **out = rl_outputs(c, 2);
    if (!out || !is_square(c, a, "A") || !rl_apply_many(RL_OP("linalg.lu_factor_ex"), 1, (Arg[]){a_t(a)}, 3, lu)) return NULL;
    Tensor *d = diagonal(lu[0]);
    out[1] = rl_sum_dim(rl_log(rl_do("abs", a_t(d))), -1, false);
    return out[0] = rl_mul(sign_of_swaps(lu[1], a->dtype), rl_do_overload("prod", 1, a_t(rl_do("sgn", a_t(d))), a_i(-1)));
}

static void slogdet_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *a = arg(c, 0), *sign = c->out[0], *weight = g[1];
    if (rl_dtype_is(a->dtype, CLASS_COMPLEX)) {
        weight = weight ? rl_cast(weight, a->dtype) : NULL;
        if (g[0]) {
            Tensor *p = rl_mul(rl_conj(g[0]), sign), *turn = rl_mul_number(rl_sub(p, rl_conj(p)), 0.5);
            weight = weight ? rl_sub(weight, turn) : rl_neg(turn);
        }
    }
    if (weight) dx[0] = solve(hermitian(a), as_diagonal(rl_expand(rl_unsqueeze(weight, -1), a->ndim - 1, a->shape)));
}

Op rl_decompose_ops[] = {
    {
        .sig = "linalg.cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> (L: Tensor, info: Tensor)", .where = LINALG | OUT, .saves = SAVE_OUT(0), .node = "LinalgCholeskyExBackward0",
        .doc = "Cholesky factor, and per matrix 0 or the order of the minor that is not positive-definite.\n\n>>> rl.linalg.cholesky_ex(rl.tensor([[4.]])).L\ntensor([[2.]])",
        .forward = cholesky_forward, .vjp = cholesky_vjp, .samples = "spd(3); spd(2), upper=True",
    },
    {
        .sig = "linalg.solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor", .flags = EXACT_OUT, .where = LINALG | OUT, .saves = SAVE(0) | SAVE_OUT(0),
        .doc = "X of A X = B (left) or X A = B for triangular A.\n\n>>> rl.linalg.solve_triangular(rl.tensor([[2.]]), rl.tensor([[4.]]), upper=True)\ntensor([[2.]])",
        .forward = solve_triangular_forward, .vjp = solve_triangular_vjp, .samples = "spd(3), x(3, 2), upper=True; spd(3), x(2, 3), upper=False, left=False; spd(2), x(2, 2), upper=True, unitriangular=True",
    },
    {
        .sig = "linalg.lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> (LU: Tensor, pivots: Tensor, info: Tensor)", .where = LINALG | OUT, .saves = SAVE_OUT(0) | SAVE_OUT(1),
        .doc = "L and U of A = P L U in one matrix, the row swaps, and per matrix 0 or which pivot vanished.\n\n>>> rl.linalg.lu_factor_ex(rl.tensor([[2.]])).pivots\ntensor([1], dtype=rushlight.int32)",
        .forward = lu_factor_forward, .vjp = lu_factor_vjp, .samples = "spd(3); x(3, 4); x(4, 3)",
    },
    {
        .sig = "_permutation_matrix(pivots: Tensor, size: int, dtype: dtype) -> Tensor", .where = PRIVATE,
        .doc = "The matrix P of A = P L U from the row swaps.\n\n>>> rl._C._ops._permutation_matrix(rl.tensor([2, 2], dtype=rl.int32), 2, rl.float32)\ntensor([[0., 1.],\n        [1., 0.]])",
        .forward = permutation_forward, .samples = "-",
    },
    {
        .sig = "_solve(A: Tensor, B: Tensor) -> (Tensor, Tensor)", .where = PRIVATE, .saves = SAVE(0) | SAVE_OUT(0), .node = "LinalgSolveExBackward0",
        .doc = "X of A X = B for matrices, and per matrix 0 or which pivot vanished.\n\n>>> rl._C._ops._solve(rl.tensor([[2.]]), rl.tensor([[4.]]))[0]\ntensor([[2.]])",
        .forward = solve_raw_forward, .vjp = solve_raw_vjp, .samples = "spd(3), x(3, 2)",
    },
    {
        .sig = "linalg.solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> (result: Tensor, info: Tensor)", .where = LINALG | OUT, .flags = COMPOSITE,
        .doc = "linalg.solve with a code per matrix in place of an error.\n\n>>> rl.linalg.solve_ex(rl.tensor([[2.]]), rl.tensor([4.])).result\ntensor([2.])",
        .forward = solve_ex_forward, .samples = "spd(3), x(3, 2); spd(3), x(3)",
    },
    {
        .sig = "linalg.solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor", .where = LINALG | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "X of A X = B; a vector B gives a vector.\n\n>>> rl.linalg.solve(rl.tensor([[2.]]), rl.tensor([4.]))\ntensor([2.])",
        .forward = solve_forward, .samples = "spd(3), x(3, 2); spd(3), x(3); spd(3), x(2, 3), left=False",
    },
    {
        .sig = "linalg.inv_ex(A: Tensor, *, check_errors: bool = False) -> (inverse: Tensor, info: Tensor)", .where = LINALG | OUT, .flags = COMPOSITE,
        .doc = "The inverse, and per matrix 0 or which pivot vanished.\n\n>>> rl.linalg.inv_ex(rl.tensor([[2.]])).inverse\ntensor([[0.5000]])",
        .forward = inv_ex_forward, .samples = "spd(3)",
    },
    {
        .sig = "linalg.inv(A: Tensor) -> Tensor", .where = LINALG | OUT, .flags = COMPOSITE | EXACT_OUT,
        .doc = "The inverse of each matrix.\n\n>>> rl.linalg.inv(rl.tensor([[2.]]))\ntensor([[0.5000]])",
        .forward = inv_forward, .samples = "spd(3)",
    },
    {
        .sig = "linalg.eigh(A: Tensor, UPLO: str = 'L') -> (eigenvalues: Tensor, eigenvectors: Tensor)", .where = LINALG | OUT, .saves = SAVE_OUT(0) | SAVE_OUT(1),
        .doc = "Eigenvalues, rising, and eigenvectors of symmetric or Hermitian matrices.\n\n>>> rl.linalg.eigh(rl.tensor([[2., 0.], [0., 1.]])).eigenvalues\ntensor([1., 2.])",
        .forward = eigh_forward, .vjp = eigh_vjp, .samples = "-",
    },
    {
        .sig = "linalg.svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> (U: Tensor, S: Tensor, Vh: Tensor)", .where = LINALG | OUT, .saves = SAVE_OUT(0) | SAVE_OUT(1) | SAVE_OUT(2),
        .doc = "A = U diag(S) Vh with S falling.\n\n>>> rl.linalg.svd(rl.tensor([[3., 0.], [0., 4.]])).S\ntensor([4., 3.])",
        .forward = svd_forward, .vjp = svd_vjp, .samples = "-",
    },
    {
        .sig = "linalg.qr(A: Tensor, mode: str = 'reduced') -> (Q: Tensor, R: Tensor)", .where = LINALG | OUT, .saves = SAVE_OUT(0) | SAVE_OUT(1),
        .doc = "A = Q R with orthonormal columns of Q; mode is reduced, complete or r.\n\n>>> rl.linalg.qr(rl.tensor([[2.]])).R.abs()\ntensor([[2.]])",
        .forward = qr_forward, .vjp = qr_vjp, .samples = "x(4, 3); x(3, 3); x(3, 4)",
    },
    {
        .sig = "linalg.eig(A: Tensor) -> (eigenvalues: Tensor, eigenvectors: Tensor)", .where = LINALG | OUT, .saves = SAVE_OUT(0) | SAVE_OUT(1),
        .doc = "Eigenvalues and eigenvectors, complex.\n\n>>> rl.linalg.eig(rl.tensor([[2.]])).eigenvalues\ntensor([2.+0.j])",
        .forward = eig_forward, .vjp = eig_vjp, .samples = "-",
    },
    {
        .sig = "linalg.det(A: Tensor) -> Tensor", .flags = EXACT_OUT, .where = LINALG | OUT, .saves = SAVE(0) | SAVE_OUT(0),
        .doc = "Determinant of each matrix.\n\n>>> rl.linalg.det(rl.tensor([[2., 0.], [0., 4.]]))\ntensor(8.)",
        .forward = det_forward, .vjp = det_vjp, .samples = "spd(3); x(2, 3, 3)",
    },
    {
        .sig = "linalg.slogdet(A: Tensor) -> (sign: Tensor, logabsdet: Tensor)", .where = LINALG | OUT, .saves = SAVE(0) | SAVE_OUT(0),
        .doc = "Sign and logarithm of the absolute value of the determinant.\n\n>>> rl.linalg.slogdet(rl.tensor([[-1.]])).sign\ntensor(-1.)",
        .forward = slogdet_forward, .vjp = slogdet_vjp, .samples = "spd(3); x(2, 3, 3)",
    },
    {0},
};
