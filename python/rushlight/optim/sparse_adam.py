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
        params = [((i, j), p) for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"])]
        sparse = [place for place, p in params if p.is_sparse]
        complex_ = [place for place, p in params if p.is_complex()]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        if complex_:
            raise ValueError(f"Complex params at indices {complex_}: SparseAdam does not support complex parameters")

    def step(self, closure=None):
        """Always refused: gradients are dense."""
        raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
