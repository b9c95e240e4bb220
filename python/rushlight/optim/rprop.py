"""Rprop: a step size for each element, which grows while the gradient keeps its sign (Riedmiller and Braun, 1993)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_options, _number

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """p <- p - size * sign(g); size is multiplied by etas[1] where g kept its sign, and by etas[0] where it turned.

    An element that turned stays in place once. step_sizes bounds the sizes.
    """

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable: bool = False,
                 foreach: bool | None = None, maximize: bool = False, differentiable: bool = False) -> None:
        _check_options(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable})

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        lr = _number(group["lr"])
        return {"step": self._count(group), "prev": rl.zeros_like(p),
                "step_size": rl.full_like(p, complex(lr, lr) if p.is_complex() else lr)}

    def _update(self, p, grad, state, group):
        (shrink, grow), previous, size = group["etas"], state["prev"], state["step_size"]
        state["step"].add_(1)
        agreement = grad.mul(previous.clone()).sign()
        turned = agreement.lt(0)
        factor = rl.ones_like(agreement).masked_fill_(agreement.gt(0), grow).masked_fill_(turned, shrink)
        size.mul_(factor).clamp_(*group["step_sizes"])
        grad = grad.masked_fill(turned, 0)
        p.addcmul_(grad.sign(), size, value=-1)
        previous.copy_(grad)
