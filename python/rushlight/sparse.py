"""torch.sparse's names: there are no sparse tensors, but its functions take dense ones, as in torch."""

import rushlight as rl


def mm(mat1, mat2, reduce=None):
    """The product of two matrices."""
    if reduce not in (None, "sum"):
        raise NotImplementedError(f"sparse.mm(): reduce={reduce!r} is for sparse tensors, which rushlight does not have")
    return rl.mm(mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1, alpha=1):
    """beta mat + alpha mat1 mat2."""
    return rl.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input, dim=None, dtype=None):
    """The sum of all elements, or along dim."""
    return rl.sum(input, dtype=dtype) if dim is None else rl.sum(input, dim, dtype=dtype)


def softmax(input, dim, *, dtype=None):
    """softmax along dim."""
    return rl.softmax(input, dim, dtype=dtype)


def log_softmax(input, dim, *, dtype=None):
    """log_softmax along dim."""
    return rl.log_softmax(input, dim, dtype=dtype)


def _absent(name):
    def refuse(*args, **kwargs):
        raise NotImplementedError(f"rushlight has no sparse tensors, which sparse.{name}() makes or takes; dense ones do the same work with more memory")
    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Says that there are no sparse tensors."
    return refuse


sampled_addmm, spdiags, spsolve, as_sparse_gradcheck, to_sparse_semi_structured = map(
    _absent, ("sampled_addmm", "spdiags", "spsolve", "as_sparse_gradcheck", "to_sparse_semi_structured"))
