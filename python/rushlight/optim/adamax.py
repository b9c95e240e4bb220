"""Adamax: Adam with the largest gradient in place of the mean square (Kingma and Ba, 2015, section 7)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_betas, _check_options, _number

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """m <- b1 m + (1 - b1) g,  u <- max(b2 u, |g| + eps),  p <- p - lr / (1 - b1^t) * m / u."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr=2e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
                 capturable: bool = False) -> None:
        _check_options(lr, eps=eps, weight_decay=weight_decay)
        _check_betas(betas)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable})

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        return {"step": self._count(group), "exp_avg": rl.zeros_like(p), "exp_inf": rl.zeros_like(p)}

    def _fused(self, group):
        lists = self._lists(group, ("exp_avg", "exp_inf", "step"))
        return lists is not None and rl._C._ops._fused_adamax_(
            *lists, group["lr"], *group["betas"], group["eps"], group["weight_decay"], False, group["maximize"])

    def _update(self, p, grad, state, group):
        (beta1, beta2), mean, largest = group["betas"], state["exp_avg"], state["exp_inf"]
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        mean.lerp_(grad, 1 - beta1)
        largest.copy_(rl.maximum(largest * beta2, grad.abs().add_(group["eps"])))
        p.addcdiv_(mean, largest, value=-(_number(group["lr"]) / (1 - beta1 ** state["step"].item())))
