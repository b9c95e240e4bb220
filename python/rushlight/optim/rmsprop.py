"""RMSprop: steps divided by the root of a running mean of squared gradients (Hinton, 2012; centered: Graves, 2013)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_options, _number

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """v <- alpha v + (1 - alpha) g^2,  p <- p - lr * g / (sqrt(v) + eps).

    centered subtracts the square of the mean gradient from v; with momentum the quotient feeds a buffer, and it makes the step.
    """

    _LATER = {"momentum": 0, "centered": False, "foreach": None, "maximize": False, "differentiable": False,
              "capturable": False}

    def __init__(self, params: ParamsT, lr=1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
                 momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
                 maximize: bool = False, differentiable: bool = False) -> None:
        _check_options(lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
            "capturable": capturable, "foreach": foreach, "maximize": maximize, "differentiable": differentiable})

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        state = {"step": self._count(group), "square_avg": rl.zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = rl.zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = rl.zeros_like(p)
        return state

    def _fused(self, group):
        centered, buffered = group["centered"], group["momentum"] > 0
        keys = ("square_avg", "step", *(("grad_avg",) if centered else ()), *(("momentum_buffer",) if buffered else ()))
        lists = self._lists(group, keys)
        return lists is not None and rl._C._ops._fused_rmsprop_(
            *lists[:3], lists[4] if centered else [], lists[-1] if buffered else [], lists[3], group["lr"], group["alpha"],
            group["eps"], group["weight_decay"], group["momentum"], group["maximize"])

    def _update(self, p, grad, state, group):
        alpha, lr, square = group["alpha"], _number(group["lr"]), state["square_avg"]
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"]
            mean.lerp_(grad, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt() + group["eps"]
        else:
            root = square.sqrt() + group["eps"]
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer.mul_(group["momentum"]).addcdiv_(grad, root)
            p.add_(buffer, alpha=-lr)
        else:
            p.addcdiv_(grad, root, value=-lr)
