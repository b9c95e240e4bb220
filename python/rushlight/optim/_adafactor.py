"""Adafactor: Adam's mean square kept as one row and one column for each matrix (Shazeer and Stern, 2018)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_one_element, _number

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """v = r c / mean(r), from running means r over the rows and c over the columns of g^2; vectors keep v itself.

    The update u = g / max(sqrt(v), eps[0]) is clipped where its root mean square exceeds d, and scaled by
    min(lr, 1 / sqrt(t)) * max(eps[1], rms(p)). The running means take in a new square with weight t^beta2_decay.
    """

    _LATER = {"foreach": None}

    def __init__(self, params: ParamsT, lr=1e-2, beta2_decay: float = -0.8, eps=(None, 1e-3), d: float = 1.0,
                 weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False) -> None:
        _check_one_element(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for i, epsilon in enumerate(eps):
            if not (i == 0 and epsilon is None) and not 0.0 <= epsilon:
                raise ValueError(f"epsilon{i + 1} should be >= 0 but is: {epsilon}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize})

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        if p.dim() < 2:
            return {"step": self._count(group), "variance": rl.zeros_like(p)}
        *rest, rows, columns = p.shape
        return {"step": self._count(group), "row_var": p.new_zeros((*rest, rows, 1)),
                "col_var": p.new_zeros((*rest, 1, columns))}

    def _update(self, p, grad, state, group):
        lr, (low, scale) = _number(group["lr"]), group["eps"]
        low = rl.finfo(p.dtype).eps if low is None else low
        state["step"].add_(1)
        step = state["step"].item()
        size = max(scale, p.norm(2).item() / p.numel() ** 0.5) * min(lr, 1 / step ** 0.5)
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        update = self._mean_square(grad, state, step ** group["beta2_decay"], low).clamp_(min=low * low).rsqrt_().mul_(grad)
        excess = max(1.0, update.norm(2).item() / (update.numel() ** 0.5 * group["d"]))
        p.add_(update, alpha=-size / excess)

    @staticmethod
    def _mean_square(grad, state, weight, low):
        """The estimate v, after its means have taken in grad."""
        if grad.dim() < 2:
            return state["variance"].lerp_(grad * grad, weight).clone()
        rows, columns = state["row_var"], state["col_var"]
        rows.lerp_(rl.norm(grad, dim=-1, keepdim=True).square_().div_(grad.size(-1)), weight)
        columns.lerp_(rl.norm(grad, dim=-2, keepdim=True).square_().div_(grad.size(-2)), weight)
        return (rows @ columns).div_(rows.mean(dim=-2, keepdim=True).clamp_(min=low))
