"""Adadelta: steps in the units of the parameters, without a learning rate to tune (Zeiler, 2012)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_options, _number

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """v <- rho v + (1 - rho) g^2,  d = sqrt(u + eps) / sqrt(v + eps) * g,  u <- rho u + (1 - rho) d^2,  p <- p - lr * d."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr=1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
                 foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False,
                 differentiable: bool = False) -> None:
        _check_options(lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "capturable": capturable,
            "foreach": foreach, "differentiable": differentiable})

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        return {"step": self._count(group), "square_avg": rl.zeros_like(p), "acc_delta": rl.zeros_like(p)}

    def _fused(self, group):
        lists = self._lists(group, ("square_avg", "acc_delta", "step"))
        return lists is not None and rl._C._ops._fused_adadelta_(
            *lists, group["lr"], group["rho"], group["eps"], group["weight_decay"], group["maximize"])

    def _update(self, p, grad, state, group):
        rho, eps = group["rho"], group["eps"]
        squares, deltas = state["square_avg"], state["acc_delta"]
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        squares.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = deltas.add(eps).sqrt() / squares.add(eps).sqrt() * grad
        deltas.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        p.add_(delta, alpha=-_number(group["lr"]))
