/* reflect.c -- orthogonal matrices as products of reflections H_i = I - tau_i v_i v_i^H, as QR leaves them in LAPACK.
 *
 * v_i is column i of a matrix below its diagonal, with a 1 on it and 0 above.  Gradients follow the product factor by factor: with
 * S the factors to the right of H_i applied to the operand, and G the gradient that has come through those to its left,
 * g_tau = -v^H G w and g_v = -(conj(tau) G w + tau S G^H v), where w = S^H v. */
#include "matrices.h"

#include <string.h>

static Tensor *geqrf_forward(Call *c) {
    Tensor *a = arg(c, 0), **out = rl_outputs(c, 2);
    if (!out || !is_matrix(c, a, "input")) return NULL;
    int m = (int)rl_size(a, -2), n = (int)rl_size(a, -1), k = m < n ? m : n, ld = m > 1 ? m : 1, lwork = 64 * (n > 1 ? n : 1), info = 0;
    Tensor *x = columns_of(a), *tau = per_matrix(a, k, a->dtype);
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    if (!x || !tau || !work) return NULL;
    for (int64_t i = 0; k && i < batch_of(a); i++) RL_LAPACK(geqrf, a->dtype)(&m, &n, at(x, i, (int64_t)m * n), &ld, at(tau, i, k), work, &lwork, &info);
    out[1] = tau;
    return out[0] = flip_back(x);
}

/* ---- checks that both products share --------------------------------------------------------------------------------------------- */

static bool same_batch(const Tensor *a, int a_tail, const Tensor *b, int b_tail) {
    if (a->ndim - a_tail != b->ndim - b_tail) return false;
    return !memcmp(a->shape, b->shape, (size_t)(a->ndim - a_tail) * sizeof *a->shape);
}

static bool check_reflectors(const char *name, Tensor *a, Tensor *tau) {
    if (a->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "torch.%s: input must have at least 2 dimensions, but its shape is %s.", name, rl_text_shape(a));
    if (tau->ndim != a->ndim - 1)
        return rl_fail(RL_RUNTIME_ERROR, "torch.%s: Expected tau to have one dimension less than input, but got tau.ndim equal to %d and input.ndim is equal to %d", name, tau->ndim, a->ndim);
    if (!same_batch(a, 2, tau, 1))
        return rl_fail(RL_RUNTIME_ERROR, "torch.%s: Expected batch dimensions of tau to be equal to input.shape[:-2], but got tau of shape %s for input of shape %s", name, rl_text_shape(tau), rl_text_shape(a));
    if (tau->dtype != a->dtype) return rl_fail(RL_RUNTIME_ERROR, "torch.%s: tau dtype %s does not match input dtype %s", name, rl_dtypes[tau->dtype].word, rl_dtypes[a->dtype].word);
    return true;
}

/* ---- the first columns of the product -------------------------------------------------------------------------------------------- */

static Tensor *householder_forward(Call *c) {
    Tensor *a = arg(c, 0), *tau = arg(c, 1);
    const char *name = "linalg.householder_product";
    if (a->ndim >= 2 && rl_size(a, -2) < rl_size(a, -1)) return rl_fail(RL_RUNTIME_ERROR, "torch.%s: input.shape[-2] must be greater than or equal to input.shape[-1]; its shape is %s", name, rl_text_shape(a));
    if (a->ndim >= 2 && tau->ndim && rl_size(a, -1) < rl_size(tau, -1))
        return rl_fail(RL_RUNTIME_ERROR, "torch.%s: input.shape[-1] must be greater than or equal to tau.shape[-1]; the shapes are %s and %s", name, rl_text_shape(a), rl_text_shape(tau));
    if (!check_reflectors(name, a, tau) || !is_matrix(c, a, "input")) return NULL;
    int m = (int)rl_size(a, -2), n = (int)rl_size(a, -1), k = (int)rl_size(tau, -1), ld = m > 1 ? m : 1, lwork = 64 * (n > 1 ? n : 1), info = 0;
    Tensor *q = columns_of(a), *t = rl_contiguous(tau);
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    if (!q || !t || !work) return NULL;
    for (int64_t i = 0; n && i < batch_of(a); i++) {
        if (is_complex(a)) RL_LAPACK_COMPLEX(ungqr, a->dtype)(&m, &n, &k, at(q, i, (int64_t)m * n), &ld, at(t, i, k), work, &lwork, &info);
        else RL_LAPACK_REAL(orgqr, a->dtype)(&m, &n, &k, at(q, i, (int64_t)m * n), &ld, at(t, i, k), work, &lwork, &info);
    }
    return flip_back(q);
}

static Tensor *orgqr_forward(Call *c) { return rl_do("linalg.householder_product", c->arg[0], c->arg[1]); }

static Tensor *column_factor(Tensor *tau, int64_t i) { return rl_unsqueeze(rl_unsqueeze(rl_select(tau, -1, i), -1), -1); }

/* (I - t v v^H) x */
static Tensor *reflect(Tensor *v, Tensor *t, Tensor *x) { return rl_sub(x, rl_mul(t, rl_matmul(v, rl_matmul(hermitian(v), x)))); }

/* Gradients of a and tau for Y = H_1 ... H_k X, or its adjoint's H_k^H ... H_1^H X. */
static void product_vjp(Tensor *a, Tensor *tau, Tensor *x, Tensor *g, bool adjoint, Tensor **ga, Tensor **gtau) {
    int64_t k = rl_size(tau, -1), m = rl_size(a, -2), n = rl_size(a, -1);
    Tensor **after = rl_scope_bytes((k + 1) * (int64_t)sizeof *after), **gv = rl_scope_bytes((k + 1) * (int64_t)sizeof *gv), **gt = rl_scope_bytes((k + 1) * (int64_t)sizeof *gt);
    Tensor *below = tril(slice(a, -1, 0, k), -1), *v = rl_add(below, rl_do("eye", a_i(m), a_i(k), a_dtype(a->dtype))), *t = adjoint ? rl_conj(tau) : tau;
    if (!after || !gv || !gt || !v || !t) return;
    for (int64_t j = k - 1; j >= 0; j--) {
        int64_t i = adjoint ? k - 1 - j : j;
        after[j] = x;
        x = reflect(rl_narrow(v, -1, i, 1), column_factor(t, i), x);
    }
    for (int64_t j = 0; j < k; j++) {
        int64_t i = adjoint ? k - 1 - j : j;
        Tensor *vi = rl_narrow(v, -1, i, 1), *ti = column_factor(t, i), *w = rl_matmul(hermitian(after[j]), vi), *gw = rl_matmul(g, w);
        Tensor *slope = rl_neg(rl_matmul(hermitian(vi), gw));
        gt[i] = rl_squeeze(adjoint ? rl_conj(slope) : slope, -1);
        gv[i] = rl_neg(rl_add(rl_mul(rl_conj(ti), gw), rl_mul(ti, rl_matmul(after[j], rl_matmul(hermitian(g), vi)))));
        g = reflect(vi, rl_conj(ti), g);
    }
    *gtau = rl_cat((int)k, gt, -1);
    *ga = tril(rl_cat((int)k, gv, -1), -1);
    if (n > k) *ga = rl_do("constant_pad_nd", a_t(*ga), a_ints(2, (int64_t[]){0, n - k}));
}

static void householder_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *a = arg(c, 0), *tau = arg(c, 1);
    if (!a->numel || !tau->numel) return;
    Tensor *eye = rl_do("eye", a_i(rl_size(a, -2)), a_i(rl_size(a, -1)), a_dtype(a->dtype));
    product_vjp(a, tau, eye ? rl_expand(eye, a->ndim, a->shape) : NULL, g[0], false, &dx[0], &dx[1]);
}

/* ---- the whole product times a matrix ------------------------------------------------------------------------------------------------ */

static bool check_ormqr(Call *c) {
    Tensor *a = arg(c, 0), *tau = arg(c, 1), *x = arg(c, 2);
    bool left = c->arg[3].b;
    int at = left ? -2 : -1;
    if (a->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: input must have at least 2 dimensions, but its shape is %s.", rl_text_shape(a));
    if (x->ndim < 2) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: other must have at least 2 dimensions, but its shape is %s.", rl_text_shape(x));
    if (tau->ndim && rl_size(x, at) < rl_size(tau, -1)) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: other.shape[%d] must be greater than or equal to tau.shape[-1]; the shapes are %s and %s", at, rl_text_shape(x), rl_text_shape(tau));
    if (rl_size(x, at) != rl_size(a, -2)) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: other.shape[%d] must be equal to input.shape[-2]; the shapes are %s and %s", at, rl_text_shape(x), rl_text_shape(a));
    if (tau->ndim && rl_size(tau, -1) > rl_size(a, -1)) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: tau.shape[-1] must be less than or equal to input.shape[-1]; the shapes are %s and %s", rl_text_shape(tau), rl_text_shape(a));
    if (!check_reflectors("ormqr", a, tau)) return false;
    if (x->ndim != a->ndim) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to %d and input.ndim is equal to %d", x->ndim, a->ndim);
    if (!same_batch(a, 2, x, 2)) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got other of shape %s for input of shape %s", rl_text_shape(x), rl_text_shape(a));
    if (x->dtype != a->dtype) return rl_fail(RL_RUNTIME_ERROR, "torch.ormqr: other dtype %s does not match input dtype %s", rl_dtypes[x->dtype].word, rl_dtypes[a->dtype].word);
    return is_matrix(c, a, "input");
}

static Tensor *ormqr_forward(Call *c) {
    Tensor *a = arg(c, 0), *x = arg(c, 2);
    bool left = c->arg[3].b, adjoint = c->arg[4].b;
    if (!check_ormqr(c)) return NULL;
    int m = (int)rl_size(x, -2), n = (int)rl_size(x, -1), rows = (int)rl_size(a, -2), k = (int)rl_size(arg(c, 1), -1), ld = m > 1 ? m : 1, lda = rows > 1 ? rows : 1, lwork = 65 * 64 + 64 * ((left ? n : m) + 1), info = 0;
    Tensor *y = columns_of(x), *v = columns_of(a), *t = rl_contiguous(arg(c, 1));
    void *work = rl_scope_bytes((int64_t)lwork * 16);
    if (!y || !v || !t || !work) return NULL;
    int64_t step = (int64_t)rows * rl_size(a, -1);
    for (int64_t i = 0; m && n && k && i < batch_of(x); i++) {
        const char *side = left ? "L" : "R";
        if (is_complex(a)) RL_LAPACK_COMPLEX(unmqr, a->dtype)(side, adjoint ? "C" : "N", &m, &n, &k, at(v, i, step), &lda, at(t, i, k), at(y, i, (int64_t)m * n), &ld, work, &lwork, &info);
        else RL_LAPACK_REAL(ormqr, a->dtype)(side, adjoint ? "T" : "N", &m, &n, &k, at(v, i, step), &lda, at(t, i, k), at(y, i, (int64_t)m * n), &ld, work, &lwork, &info);
    }
    return flip_back(y);
}

/* From the right, Y = X Q is Y^H = Q^H X^H from the left. */
static void ormqr_vjp(Call *c, Tensor **g, Tensor **dx) {
    Tensor *a = arg(c, 0), *tau = arg(c, 1), *x = arg(c, 2);
    bool left = c->arg[3].b, adjoint = c->arg[4].b;
    if (rl_need(c, 2)) dx[2] = rl_do("ormqr", a_t(a), a_t(tau), a_t(g[0]), a_b(left), a_b(!adjoint));
    if ((!rl_need(c, 0) && !rl_need(c, 1)) || !a->numel || !tau->numel) return;
    if (left) product_vjp(a, tau, x, g[0], adjoint, &dx[0], &dx[1]);
    else product_vjp(a, tau, hermitian(x), hermitian(g[0]), !adjoint, &dx[0], &dx[1]);
}

Op rl_reflect_ops[] = {
    {
        .sig = "geqrf(input: Tensor) -> (a: Tensor, tau: Tensor)", .where = FUNCTION | METHOD | OUT, .forward = geqrf_forward, .samples = "x(4, 3); x(3, 4)",
        .doc = "The reflectors of a QR factorisation, which linalg.householder_product multiplies.\n\n>>> rl.geqrf(rl.tensor([[2.]])).tau\ntensor([0.])",
    },
    {
        .sig = "linalg.householder_product(A: Tensor, tau: Tensor) -> Tensor", .where = LINALG | OUT, .forward = householder_forward, .vjp = householder_vjp, .saves = SAVE(0) | SAVE(1),
        .samples = "x(4, 3), x(3); x(3, 3), x(2); x(2, 4, 3), x(2, 3)",
        .doc = "The first columns of the product of the reflections I - tau_i v_i v_i^H, v_i being column i of A below its 1.\n\n"
               ">>> rl.linalg.householder_product(rl.tensor([[1.], [0.]]), rl.tensor([2.]))\ntensor([[-1.],\n        [-0.]])",
    },
    {
        .sig = "orgqr(input: Tensor, input2: Tensor) -> Tensor", .where = FUNCTION | METHOD | OUT, .flags = COMPOSITE, .forward = orgqr_forward, .samples = "x(4, 3), x(3)",
        .doc = "linalg.householder_product under its older name.\n\n>>> rl.orgqr(rl.tensor([[1.], [0.]]), rl.tensor([2.]))\ntensor([[-1.],\n        [-0.]])",
    },
    {
        .sig = "ormqr(input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False) -> Tensor", .where = FUNCTION | METHOD | OUT, .forward = ormqr_forward, .vjp = ormqr_vjp,
        .saves = SAVE(0) | SAVE(1) | SAVE(2), .samples = "x(4, 3), x(3), x(4, 2); x(4, 3), x(3), x(2, 4), False; x(4, 3), x(2), x(4, 2), True, True; x(4, 3), x(3), x(2, 4), False, True",
        .doc = "The product of the reflections in input and input2, as geqrf gives them, all its columns, times input3.\n\n>>> rl.ormqr(rl.tensor([[1.], [0.]]), rl.tensor([2.]), rl.tensor([[1.], [1.]]))\ntensor([[-1.],\n        [ 1.]])",
    },
    {0},
};
