"""SparseAdam: refused. It needs sparse gradients, and this library has dense tensors alone."""

from .optimizer import Optimizer, ParamsT, _check_betas, _check_one_element

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Checks its arguments as torch does, then refuses every step."""

    def __init__(self, params: ParamsT, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, maximize: bool = False) -> None:
        _check_one_element(lr)
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [[(i, j) for j, p in enumerate(group["params"]) if bad(p)] for bad in (_is_sparse, _is_complex)
                  for i, group in enumerate(self.param_groups)]
        groups = len(self.param_groups)
        sparse, complex_ = sum(places[:groups], []), sum(places[groups:], [])
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        if complex_:
            raise ValueError(f"Complex params at indices {complex_}: SparseAdam does not support complex parameters")

    def step(self, closure=None):
        """Always refused: gradients are dense."""
        raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")


def _is_sparse(p):
    return p.is_sparse


def _is_complex(p):
    return p.is_complex()
