"""lobpcg: a few eigenpairs of a large symmetric matrix, by locally optimal block conjugate gradients.

Each step looks for the best pairs in the space of the present ones (X), the last directions (P) and the residuals (W), which lie
side by side in S.  "basic" takes them as they are, as Knyazev did in 2001; "ortho" makes them orthonormal first, as Stathopoulos
and Wu, and Duersch and others, do, and bears much worse matrices.  Pairs that have converged leave the search, the outer ones first.
"""

import rushlight as rl

from ._asking import ask_first

_SMALLEST = {rl.float32: 1.2e-07, rl.float64: 2.23e-16}


def _times(matrix, x):
    return x if matrix is None else matrix @ x


def _ritz(matrix, largest=False):
    """Eigenpairs of a small symmetric matrix, in the order in which they are wanted."""
    values, vectors = rl.linalg.eigh(matrix, UPLO="U")
    return (values.flip(-1), vectors.flip(-1)) if largest else (values, vectors)


class LOBPCG:
    """The state of one run, which a tracker is shown after each step: A, B, iK as given; E, X, R, S; and dicts of parameters
    (iparams, fparams, bparams) and of what changes (ivars, fvars, bvars, tvars)."""

    def __init__(self, A, B, X, iK, iparams, fparams, bparams, method, tracker):
        self.A, self.B, self.iK, self.X = A, B, iK, X
        self.iparams, self.fparams, self.bparams, self.method, self.tracker = iparams, fparams, bparams, method, tracker
        m, n = X.shape
        self.E, self.R, self.S = X.new_zeros(n), X.new_zeros(m, n), X.new_zeros(m, 3 * n)
        self.ivars, self.fvars, self.bvars, self.tvars = {"istep": 0, "iterations_left": iparams["niter"], "converged_count": 0, "converged_end": 0}, {}, {}, {}

    def run(self):
        """Steps until all pairs have converged, none are left, or the tracker sets bvars["force_stop"]."""
        size = float(self.X.norm())
        self.fvars.update(X_norm=size, A_norm=float((self.A @ self.X).norm()) / size, B_norm=float(_times(self.B, self.X).norm()) / size)
        while True:
            self.update()
            if self.tracker is not None:
                self.tracker(self)
            if self.bvars.get("force_stop") or self.ivars["iterations_left"] <= 0 or self.ivars["converged_count"] >= self.iparams["k"]:
                return self

    def update(self):
        """One step."""
        first, n, done = self.ivars["istep"] == 0, self.iparams["n"], self.ivars["converged_count"]
        space = self.X if first else self.S[:, done:self.ivars["converged_end"]]
        values, best = self._best_in(space, whitened=first or self.method != "ortho")
        if first:
            self.X, self.E = space @ best, values
            directions = self.X[:, :0]
        else:
            self.X, self.E = self.X.clone(), self.E.clone()
            self.X[:, done:], self.E[done:] = space @ best[:, :n - done], values[:n - done]
            directions = space @ self._directions(best, n, done)
        self.R = self.A @ self.X - _times(self.B, self.X) * self.E
        self._count_converged()
        self._put_beside(directions)
        self.ivars["istep"] += 1
        self.ivars["iterations_left"] -= 1

    def _directions(self, best, n, done):
        """Coefficients of what was left of the last step: all but the part along the pairs themselves."""
        if self.method != "ortho":
            return best[:, n:2 * n - done]
        rest = best[:, n - done:]
        return rest @ rl.linalg.qr(best[:n - done, n - done:].mT).Q

    def _put_beside(self, directions):
        """S = [X, P, W]."""
        n, done = self.iparams["n"], self.ivars["converged_count"] if self.ivars["istep"] else 0
        residuals = _times(self.iK, self.R[:, done:])
        old = rl.cat([self.X, directions], 1)
        if self.method == "ortho":
            residuals = self._orthogonal(residuals, old)
        new = rl.cat([old, residuals], 1)[:, :3 * n]
        self.S[:, :new.shape[1]] = new
        self.ivars["converged_end"] = new.shape[1]

    def _best_in(self, space, whitened):
        """Ritz values in a space, and the coefficients of their vectors; unless its basis is orthonormal already, it is whitened."""
        inner = space.mT @ (self.A @ space)
        if not whitened:
            return _ritz(inner, self.bparams["largest"])
        gram = space.mT @ _times(self.B, space)
        scale = gram.diagonal() ** -0.5
        factor = rl.linalg.cholesky(gram * scale * scale[:, None], upper=True)
        transform = rl.linalg.solve_triangular(factor, scale.diag_embed(), upper=True, left=False)
        values, vectors = _ritz(transform.mT @ inner @ transform, self.bparams["largest"])
        return values, transform @ vectors

    def _count_converged(self):
        """How many pairs from the first on are good enough; that they were so once is enough."""
        scale = self.X.norm(dim=0) * (self.fvars["A_norm"] + self.E.abs() * self.fvars["B_norm"])
        self.tvars["rerr"] = self.R.norm(dim=0) / scale
        good = (self.tvars["rerr"] < self.fparams["tol"]).tolist()
        count = good.index(False) if False in good else len(good)
        self.ivars["converged_count"] = max(count, self.ivars["converged_count"])

    def _orthonormal(self, U, drop, least):
        """U with orthonormal columns in the product of B, by the eigenvectors of its Gram matrix; weak columns are dropped, or kept at a floor."""
        gram = U.mT @ _times(self.B, U)
        strong = gram.diagonal() != 0
        if not bool(strong.all()):
            U = U[:, strong]
            gram = U.mT @ _times(self.B, U)
        if not U.numel():
            return U
        scale = gram.diagonal() ** -0.5
        values, vectors = _ritz(gram * scale * scale[:, None])
        floor = least * values.abs().max()
        if drop:
            kept = values > floor
            values, vectors = values[kept], vectors[:, kept]
        else:
            values = values.clamp(min=floor)
        return (U * scale) @ (vectors * values ** -0.5)

    def _orthogonal(self, U, V):
        """U made orthonormal, and orthogonal to V, in the product of B; it may lose columns, and all of them where V spans it."""
        tolerance, dropping = self.fparams["ortho_tol"], self.bparams["ortho_use_drop"]
        V_norm = float(_times(self.B, V).norm())
        overlap = V.mT @ _times(self.B, U)
        for _ in range(self.iparams["ortho_i_max"]):
            U = U - V @ overlap
            for j in range(self.iparams["ortho_j_max"]):
                least = self.fparams["ortho_tol_drop" if dropping and not j else "ortho_tol_replace"]
                U = self._orthonormal(U, dropping and j > 0, least)
                if not U.numel():
                    return U
                BU = _times(self.B, U)
                gram = U.mT @ BU
                error = float((gram - rl.eye(len(gram), dtype=U.dtype)).norm())
                if error < tolerance * float(BU.norm() * U.norm()):
                    break
            overlap = V.mT @ BU
            if float(overlap.norm()) < tolerance * V_norm * float(U.norm()):
                break
            if len(V) < U.shape[1] + V.shape[1]:
                raise ValueError(f"Overdetermined shape of U: {len(V)} rows cannot hold {U.shape[1]} + {V.shape[1]} orthogonal columns")
        return U


class _Differentiable(rl.autograd.Function):
    """lobpcg of one symmetric A, or a batch: the gradient is that of the same pairs out of a full decomposition."""

    @staticmethod
    def forward(ctx, A, B, largest, run):
        values, vectors = run(A.detach())
        ctx.save_for_backward(A, vectors)
        ctx.largest, ctx.general = largest, B is not None
        return values, vectors

    @staticmethod
    def backward(ctx, values_grad, vectors_grad):
        if ctx.general:
            raise ValueError("lobpcg: backward with a B other than the identity is not supported; linalg.eigh of the whitened matrix has a gradient")
        A, vectors = ctx.saved_tensors
        all_values, basis = _ritz(A, ctx.largest)
        k = vectors.shape[-1]
        gap = all_values[..., :k].unsqueeze(-2) - all_values.unsqueeze(-1)         # of each wanted pair (column) to each pair (row)
        gap.diagonal(dim1=-2, dim2=-1).fill_(float("inf"))
        turned = basis @ (basis.mT @ vectors_grad / gap)
        return (vectors * values_grad.unsqueeze(-2) + turned) @ vectors.mT, None, None, None


def _parameters(A, k, X, n, niter, tol, largest, method, ortho):
    m = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    if m < 3 * n:
        raise ValueError(f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of requested eigenpairs (={n})")
    tol = _SMALLEST[A.dtype] ** 0.5 if tol is None else tol
    iparams, fparams, bparams = {"m": m, "n": n, "k": k, "niter": 1000 if niter is None else niter}, {"tol": tol}, {"largest": True if largest is None else largest}
    if method == "ortho":
        iparams |= {"ortho_i_max": 3, "ortho_j_max": 3} | (ortho[0] or {})
        fparams |= {"ortho_tol": tol, "ortho_tol_drop": tol, "ortho_tol_replace": tol} | (ortho[1] or {})
        bparams |= {"ortho_use_drop": False} | (ortho[2] or {})
    return iparams, fparams, bparams


def _check(A, B, dtypes=tuple(_SMALLEST)):
    if A.dim() < 2 or A.shape[-2] != A.shape[-1]:
        raise AssertionError(f"A must be square, got shape {list(A.shape)}")
    if B is not None and A.shape != B.shape:
        raise AssertionError(f"A and B must have same shape, got {list(A.shape)} vs {list(B.shape)}")
    if A.dtype not in dtypes:
        raise NotImplementedError(f"lobpcg: A must be float32 or float64, but got {A.dtype}")


def lobpcg(A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None, ortho_iparams=None, ortho_fparams=None, ortho_bparams=None):
    """The k largest, or smallest, eigenvalues E and eigenvectors X of A X = B X E, A symmetric, B positive definite or the identity.

    X: where to start, with as many columns as pairs are followed; else n random ones, k by default.  iK: an approximation of A's inverse,
    which residuals are multiplied by.  method: "ortho" or "basic".  tracker: a function called with the state after each step.

    >>> rl.lobpcg(rl.arange(1., 10.).diag(), k=1, X=rl.ones(9, 1))[0]
    tensor([9.0000])
    """
    _check(A, B)
    method = "ortho" if method is None else method
    iparams, fparams, bparams = _parameters(A, k, X, n, niter, tol, largest, method, (ortho_iparams, ortho_fparams, ortho_bparams))
    m, n, k = iparams["m"], iparams["n"], iparams["k"]
    batch = A.shape[:-2]

    def one(i, A, B, X):
        X = rl.randn(m, n, dtype=A.dtype) if X is None else X
        if X.shape != (m, n):
            raise AssertionError(f"X shape mismatch: got {list(X.shape)}, expected {[m, n]}")
        worker = LOBPCG(A, B, X, iK, iparams | ({"batch_index": i} if batch else {}), fparams, bparams, method, tracker).run()
        return worker.E[:k], worker.X[:, :k]

    def run(A):
        with rl.no_grad():
            flat = [None if t is None else t.reshape(-1, *t.shape[-2:]) for t in (A, B, X)]
            found = [one(i, *(None if t is None else t[i] for t in flat)) for i in range(batch.numel())]
            values, vectors = (rl.stack(part) if part else A.new_empty(0, *rest) for part, rest in zip(zip(*found) if found else ((), ()), ((k,), (m, k))))
        return values.reshape(*batch, k), vectors.reshape(*batch, m, k)

    if rl.is_grad_enabled() and (A.requires_grad or B is not None and B.requires_grad):
        return _Differentiable.apply((A + A.mT) / 2, B, bparams["largest"], run)
    return run(A)


ask_first(globals())
