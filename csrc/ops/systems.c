/* systems.c -- equations solved through a factorisation that is given, least squares, and symmetric matrices that are not definite. */
#include "matrices.h"

#include <string.h>

/* ---- from a Cholesky factor ------------------------------------------------------------------------------------------------------ */

static Tensor *cholesky_solve_forward(Call *c) {
    Tensor *b = arg(c, 0), *l = arg(c, 1);
    if (b->ndim < 2 || l->ndim < 2)
        return rl_fail(RL_RUNTIME_ERROR, "%s should have at least 2 dimensions, but has %d dimensions instead: its shape is %s", b->ndim < 2 ? "b" : "u", b->ndim < 2 ? b->ndim : l->ndim, rl_text_shape(b->ndim < 2 ? b : l));
    if (!is_square(c, l, "A") || !is_matrix(c, b, "b")) return NULL;
    if (b->dtype != l->dtype) return rl_fail(RL_RUNTIME_ERROR, "Expected b and A to have the same dtype, but found b of type %s and A of type %s instead.", rl_dtypes[b->dtype].word, rl_dtypes[l->dtype].word);
    if (rl_size(b, -2) != rl_size(l, -1))
        return rl_fail(RL_RUNTIME_ERROR, "Incompatible matrix sizes for cholesky_solve: each A matrix is %" PRId64 " by %" PRId64 " but each b matrix is %" PRId64 " by %" PRId64, rl_size(l, -1), rl_size(l, -1), rl_size(b, -2), rl_size(b, -1));
    if (!broadcast_batches(c, &l, &b)) return NULL;
    int n = (int)rl_size(b, -2), rhs = (int)rl_size(b, -1), ld = n > 1 ? n : 1, info = 0;
    Tensor *x = columns_of(b), *factor = columns_of(l);
    for (int64_t i = 0; x && factor && n && rhs && i < batch_of(b); i++)
        RL_LAPACK(potrs, b->dtype)(c->arg[2].b ? "U" : "L", &n, &rhs, at(factor, i, (int64_t)n * n), &ld, at(x, i, (int64_t)n * rhs), &ld, &info);
    return x && factor ? flip_back(x) : NULL;
}

/* Of all of L, as if the solver read the other triangle too: torch's. */
static void cholesky_solve_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *l = arg(c, 1), *gb = rl_do("cholesky_solve", a_t(g[0]), a_t(l), c->arg[2]);
    if (rl_need(c, 0)) dx[0] = gb;
    if (!rl_need(c, 1)) return;
    Tensor *both = rl_matmul(gb, hermitian(c->out[0]));
    both = rl_add(both, hermitian(both));
    dx[1] = rl_neg(c->arg[2].b ? rl_matmul(l, both) : rl_matmul(both, l));
}

static Tensor *cholesky_inverse_forward(Call *c) {
    Tensor *l = arg(c, 0);
    if (!is_square(c, l, "A")) return NULL;
    int n = (int)rl_size(l, -1), ld = n > 1 ? n : 1, info = 0;
    Tensor *x = columns_of(l);
    const char *half = c->arg[1].b ? "U" : "L";
    for (int64_t i = 0; x && n && i < batch_of(l); i++) RL_LAPACK(potri, l->dtype)(half, &n, at(x, i, (int64_t)n * n), &ld, &info);
    Tensor *y = x ? rl_transpose(x, -2, -1) : NULL, *other = y ? hermitian(y) : NULL;
    if (y) rl_copy_into(y, c->arg[1].b ? rl_add(triu(y, 0), tril(other, -1)) : rl_add(tril(y, 0), triu(other, 1)));
    return y ? rl_alias(y) : NULL;
}

static void cholesky_inverse_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *l = arg(c, 0), *inverse = c->out[0], *both = rl_matmul(inverse, rl_matmul(rl_add(g[0], hermitian(g[0])), inverse));
    dx[0] = rl_neg(c->arg[1].b ? rl_matmul(l, both) : rl_matmul(both, l));
}

/* ---- symmetric matrices: A = L D L^T with blocks of one or two in D ---------------------------------------------------------------- */

static Tensor *ldl_factor_ex_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 3);
    if (!out || !is_square(c, a, "A")) return NULL;
    bool adjoint = c->arg[1].b && is_complex(a);
    int n = (int)rl_size(a, -1), ld = n > 1 ? n : 1, lwork = 64 * ld;
    Tensor *x = columns_of(tril(a, 0));
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    out[1] = per_matrix(a, n, RL_INT32);
    out[2] = per_matrix(a, -1, RL_INT32);
    if (!x || !work || !out[1] || !out[2]) return NULL;
    for (int64_t i = 0; n && i < batch_of(a); i++) {
        if (adjoint) RL_LAPACK_COMPLEX(hetrf, a->dtype)("L", &n, at(x, i, (int64_t)n * n), &ld, at(out[1], i, n), work, &lwork, at(out[2], i, 1));
        else RL_LAPACK(sytrf, a->dtype)("L", &n, at(x, i, (int64_t)n * n), &ld, at(out[1], i, n), work, &lwork, at(out[2], i, 1));
    }
    if (c->arg[2].b && !complain_of_info(c, out[2], "%s: %sThe factorization has been completed, but the factor D is exactly singular: its element %d is zero.")) return NULL;
    return out[0] = flip_back(x);
}

static Tensor *ldl_factor_forward(Call *c) {
    Tensor *three[3], **out = rl_outputs(c, 2);
    if (!out || !rl_apply_many(RL_OP("linalg.ldl_factor_ex"), 3, (Arg[]){c->arg[0], c->arg[1], a_b(true)}, 3, three)) return NULL;
    out[1] = three[1];
    return out[0] = three[0];
}

static bool check_ldl(Call *c) {
    Tensor *ld = arg(c, 0), *pivots = arg(c, 1), *b = arg(c, 2);
    if (!is_square(c, ld, "LD")) return false;
    if (b->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has %d dimensions instead: its shape is %s", b->ndim, rl_text_shape(b));
    if (b->dtype != ld->dtype) return rl_fail(RL_RUNTIME_ERROR, "Expected b and A to have the same dtype, but found b of type %s and A of type %s instead.", rl_dtypes[b->dtype].word, rl_dtypes[ld->dtype].word);
    if (rl_size(b, -2) != rl_size(ld, -1))
        return rl_fail(RL_RUNTIME_ERROR, "Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is %" PRId64 " by %" PRId64 " but each b matrix is %" PRId64 " by %" PRId64, rl_size(ld, -1), rl_size(ld, -1), rl_size(b, -2), rl_size(b, -1));
    if (pivots->ndim != ld->ndim - 1 || memcmp(pivots->shape, ld->shape, (size_t)pivots->ndim * sizeof *pivots->shape))
        return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape %s instead", rl_text_shape(pivots));
    if (!rl_dtype_is(pivots->dtype, CLASS_INTEGRAL)) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.ldl_solve: Expected pivots to be integers. Got %s", rl_dtypes[pivots->dtype].word);
    return true;
}

/* LAPACK follows the pivots blindly: each names a row, or, negated and twice, the rows of a block of two. */
static bool pivots_in_range(Tensor *pivots, int n) {
    const int32_t *p = rl_data(pivots);
    for (int64_t i = 0; i < pivots->numel; i++) {
        int64_t row = p[i] < 0 ? -(int64_t)p[i] : p[i];
        bool alone = p[i] < 0 && !(i % n + 1 < n && p[i + 1] == p[i]) && !(i % n && p[i - 1] == p[i]);
        if (row < 1 || row > n || alone) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.ldl_solve: pivots must be those of ldl_factor, between 1 and %d, but one is %d", n, (int)p[i]);
    }
    return true;
}

static Tensor *ldl_solve_forward(Call *c) {
    if (!check_ldl(c)) return NULL;
    Tensor *a = arg(c, 0), *b = arg(c, 2), *pivots = rl_unsqueeze(rl_cast(arg(c, 1), RL_INT32), -1);
    bool adjoint = c->arg[3].b && is_complex(a);
    if (!pivots || !broadcast_batches(c, &a, &b) || !broadcast_batches(c, &pivots, &b)) return NULL;
    int n = (int)rl_size(a, -1), rhs = (int)rl_size(b, -1), ld = n > 1 ? n : 1, info = 0;
    Tensor *x = columns_of(b), *factor = columns_of(a);
    pivots = rl_contiguous(pivots);
    if (!x || !factor || !pivots || (n && !pivots_in_range(pivots, n))) return NULL;
    for (int64_t i = 0; n && rhs && i < batch_of(b); i++) {
        if (adjoint) RL_LAPACK_COMPLEX(hetrs, a->dtype)("L", &n, &rhs, at(factor, i, (int64_t)n * n), &ld, at(pivots, i, n), at(x, i, (int64_t)n * rhs), &ld, &info);
        else RL_LAPACK(sytrs, a->dtype)("L", &n, &rhs, at(factor, i, (int64_t)n * n), &ld, at(pivots, i, n), at(x, i, (int64_t)n * rhs), &ld, &info);
    }
    return flip_back(x);
}

/* ---- least squares ------------------------------------------------------------------------------------------------------------------ */

enum { GELS, GELSY, GELSD, GELSS };

typedef struct Least { Dtype dtype; int driver, m, n, rhs, ld, ldb, lwork, rank, info; void *work, *rwork, *iwork; double rcond; float rcond_f; } Least;

/* One system; lwork -1 asks for the room needed. */
static void least_squares(Least *s, void *a, void *b, void *values) {
    Dtype d = s->dtype;
    const void *rcond = rl_to_real(d) == RL_FLOAT64 ? (const void *)&s->rcond : (const void *)&s->rcond_f;
    bool cx = rl_dtype_is(d, CLASS_COMPLEX);
    switch (s->driver) {
    case GELS: RL_LAPACK(gels, d)("N", &s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, s->work, &s->lwork, &s->info); break;
    case GELSY:
        if (s->lwork > 0) memset(s->iwork, 0, (size_t)s->n * sizeof(int));
        if (cx) RL_LAPACK_COMPLEX(gelsy, d)(&s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, s->iwork, rcond, &s->rank, s->work, &s->lwork, s->rwork, &s->info);
        else RL_LAPACK_REAL(gelsy, d)(&s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, s->iwork, rcond, &s->rank, s->work, &s->lwork, &s->info);
        break;
    case GELSD:
        if (cx) RL_LAPACK_COMPLEX(gelsd, d)(&s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, values, rcond, &s->rank, s->work, &s->lwork, s->rwork, s->iwork, &s->info);
        else RL_LAPACK_REAL(gelsd, d)(&s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, values, rcond, &s->rank, s->work, &s->lwork, s->iwork, &s->info);
        break;
    default:
        if (cx) RL_LAPACK_COMPLEX(gelss, d)(&s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, values, rcond, &s->rank, s->work, &s->lwork, s->rwork, &s->info);
        else RL_LAPACK_REAL(gelss, d)(&s->m, &s->n, &s->rhs, a, &s->ld, b, &s->ldb, values, rcond, &s->rank, s->work, &s->lwork, &s->info);
    }
}

static bool room_for(Least *s, void *a, void *b, void *values) {
    double work[4] = {0}, rwork[4] = {0};
    int iwork[4] = {0}, small = s->m < s->n ? s->m : s->n;
    s->lwork = -1;
    s->work = work, s->rwork = rwork, s->iwork = iwork;
    least_squares(s, a, b, values);
    s->lwork = (int)first_number(work, s->dtype) + 1;
    int64_t reals = s->driver == GELSD ? (int64_t)first_number(rwork, s->dtype) + 1 : 5 * (int64_t)small + 2 * (int64_t)s->n + 1;
    int64_t ints = s->driver == GELSD ? (int64_t)iwork[0] + 1 : (int64_t)s->n + 1;
    s->work = rl_scope_bytes((int64_t)s->lwork * 16);
    s->rwork = rl_scope_bytes(reals * 8);
    s->iwork = rl_scope_bytes(ints * 4);
    return s->work && s->rwork && s->iwork;
}

/* B's room holds max(m, n) rows: LAPACK writes the solution over it. */
static Tensor *tall_columns(Tensor *b, int64_t rows) {
    Tensor *x = empty_columns(b, rows, rl_size(b, -1), b->dtype), *y = x ? rl_transpose(x, -2, -1) : NULL;
    return y && rl_copy_into(rl_narrow(y, -2, 0, rl_size(b, -2)), b) ? x : NULL;
}

static int driver_of(const char *name) {
    static const char *const names[] = {"gels", "gelsy", "gelsd", "gelss"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

static Tensor *lstsq_forward(Call *c) {
    Tensor *a = arg(c, 0), *b = arg(c, 1), **out = rl_outputs(c, 3);
    Least s = {.dtype = a->dtype, .driver = driver_of(c->arg[3].str), .rcond = a_double(&c->arg[2]), .rcond_f = (float)a_double(&c->arg[2])};
    if (!out || !is_matrix(c, a, "input") || !is_matrix(c, b, "other")) return NULL;
    if (s.driver < 0) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but is '%s'", c->arg[3].str);
    if (a->dtype != b->dtype || rl_size(a, -2) != rl_size(b, -2)) return rl_fail(RL_RUNTIME_ERROR, "torch.linalg.lstsq: input.size(-2) should match other.size(-2), and the dtypes: %s %s and %s %s", rl_dtypes[a->dtype].name, rl_text_shape(a), rl_dtypes[b->dtype].name, rl_text_shape(b));
    if (!broadcast_batches(c, &a, &b)) return NULL;
    s.m = (int)rl_size(a, -2), s.n = (int)rl_size(a, -1), s.rhs = (int)rl_size(b, -1);
    s.ld = s.m > 1 ? s.m : 1, s.ldb = s.m > s.n ? s.m : s.n;
    int small = s.m < s.n ? s.m : s.n;
    Tensor *factor = columns_of(a), *x = tall_columns(b, s.ldb);
    s.ldb = s.ldb > 1 ? s.ldb : 1;
    out[1] = per_matrix(a, -1, RL_INT64);
    out[2] = per_matrix(a, small, rl_to_real(a->dtype));
    if (!factor || !x || !out[1] || !out[2]) return NULL;
    bool work = s.m && s.n && s.rhs && batch_of(a);
    if (work && !room_for(&s, rl_data(factor), rl_data(x), rl_data(out[2]))) return NULL;
    for (int64_t i = 0; work && i < batch_of(a); i++) {
        int64_t size = (int64_t)s.m * s.n, sides = (int64_t)s.ldb * s.rhs;
        int found = s.driver < GELSD ? ALL_FINITE : look_for_infinities(at(factor, i, size), size, a->dtype);
        for (int k = 0; k < s.rhs && s.driver >= GELSD; k++) found |= look_for_infinities(at(x, i * s.rhs + k, s.ldb), s.m, a->dtype);
        if (found) {
            fill_with_nan(at(x, i, sides), sides, a->dtype);
            fill_with_nan(at(out[2], i, small), small, out[2]->dtype);
            s.rank = 0;
        } else {
            least_squares(&s, at(factor, i, size), at(x, i, sides), at(out[2], i, small));
        }
        *(int64_t *)at(out[1], i, 1) = s.rank;
        if (s.info) return rl_fail(RL_LINALG_ERROR, "torch.linalg.lstsq: (Batch element %" PRId64 "): The least squares solution could not be computed because the input matrix does not have full rank (error code: %d).", i, s.info);
    }
    return out[0] = flip_back(x);
}

Op rl_systems_ops[] = {
    {
        .sig = "cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor", .where = FUNCTION | METHOD | OUT, .forward = cholesky_solve_forward, .vjp = cholesky_solve_vjp,
        .saves = SAVE(1) | SAVE_OUT(0), .samples = "x(3, 2), spd(3); x(3, 2), spd(3), True",
        .doc = "X of A X = input, A being given by its Cholesky factor input2.\n\n>>> rl.cholesky_solve(rl.tensor([[8.]]), rl.tensor([[2.]]))\ntensor([[2.]])",
    },
    {
        .sig = "cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor", .where = FUNCTION | METHOD | OUT, .forward = cholesky_inverse_forward, .vjp = cholesky_inverse_vjp,
        .saves = SAVE(0) | SAVE_OUT(0), .samples = "spd(3); spd(3), True",
        .doc = "The inverse of A, given by its Cholesky factor input.\n\n>>> rl.cholesky_inverse(rl.tensor([[2.]]))\ntensor([[0.2500]])",
    },
    {
        .sig = "linalg.ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> (LD: Tensor, pivots: Tensor, info: Tensor)", .where = LINALG | OUT, .forward = ldl_factor_ex_forward,
        .samples = "spd(3)", .doc = "linalg.ldl_factor with a code per matrix in place of an error.\n\n>>> rl.linalg.ldl_factor_ex(rl.tensor([[2.]])).info\ntensor(0, dtype=rushlight.int32)",
    },
    {
        .sig = "linalg.ldl_factor(A: Tensor, *, hermitian: bool = False) -> (LD: Tensor, pivots: Tensor)", .where = LINALG | OUT, .flags = COMPOSITE, .forward = ldl_factor_forward, .samples = "spd(3)",
        .doc = "L and D of A = L D L^T (L^H) in one matrix, and the row swaps, for symmetric (Hermitian) A.\n\n>>> rl.linalg.ldl_factor(rl.tensor([[2.]])).LD\ntensor([[2.]])",
    },
    {
        .sig = "linalg.ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor", .where = LINALG | OUT, .forward = ldl_solve_forward,
        .samples = "spd(2), rl.tensor([1, 2], dtype=rl.int32), x(2, 3)",
        .doc = "X of A X = B from ldl_factor's results.\n\n>>> rl.linalg.ldl_solve(rl.tensor([[2.]]), rl.tensor([1], dtype=rl.int32), rl.tensor([[4.]]))\ntensor([[2.]])",
    },
    {
        .sig = "_lstsq(A: Tensor, B: Tensor, rcond: float, driver: str) -> (Tensor, Tensor, Tensor)", .where = PRIVATE, .forward = lstsq_forward, .samples = "x(4, 3), x(4, 2), 1e-8, 'gelsd'; x(2, 3), x(2, 2), 1e-8, 'gelsy'",
        .doc = "X of least |A X - B| with max(m, n) rows, of which those below the n-th hold the residuals; rank; singular values.",
    },
    {0},
};
