"""Averaged stochastic gradient descent (Polyak and Juditsky, 1992): the average of all iterates, beside the iterates."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_options, _number, _step_dtype

__all__ = ["ASGD"]


class ASGD(Optimizer):
    """p <- (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr t)^alpha; state "ax" is the average since step t0."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr=1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
                 weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
                 capturable: bool = False) -> None:
        _check_options(lr, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def __setstate__(self, state):
        super().__setstate__(state)
        for own in self.state.values():
            for key in ("eta", "mu"):
                if key in own and not isinstance(own[key], rl.Tensor):
                    own[key] = rl.tensor(own[key], dtype=_step_dtype())

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        return {"step": self._count(group), "eta": rl.tensor(float(_number(group["lr"])), dtype=_step_dtype()),
                "mu": rl.ones((), dtype=_step_dtype()), "ax": rl.zeros_like(p)}

    def _update(self, p, grad, state, group):
        lr, lambd, average, eta = _number(group["lr"]), group["lambd"], state["ax"], state["eta"].item()
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        p.mul_(1 - lambd * eta)
        p.add_(grad, alpha=-eta)
        mu = state["mu"].item()
        if mu != 1:
            average.add_(p.sub(average).mul_(mu))
        else:
            average.copy_(p)
        step = state["step"].item()
        state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1, step - group["t0"]))
