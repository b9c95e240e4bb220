"""RAdam: Adam that holds back while its mean square is still too uncertain (Liu and others, 2020)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_betas, _check_options, _number

__all__ = ["RAdam"]


class RAdam(Optimizer):
    """Adam's averages. In the first steps (rho <= 5) the mean alone makes the step; then Adam's step, times a rectification.

    rho = rho_inf - 2 t b2^t / (1 - b2^t), with rho_inf = 2 / (1 - b2) - 1, counts the steps that the mean square has seen.
    """

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "decoupled_weight_decay": False,
              "capturable": False}

    def __init__(self, params: ParamsT, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False) -> None:
        _check_options(lr, eps=eps, weight_decay=weight_decay)
        _check_betas(betas)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable})

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        return {"step": self._count(group), "exp_avg": rl.zeros_like(p), "exp_avg_sq": rl.zeros_like(p)}

    def _fused(self, group):
        lists = self._lists(group, ("exp_avg", "exp_avg_sq", "step"))
        return lists is not None and rl._C._ops._fused_radam_(
            *lists, group["lr"], *group["betas"], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
            group["maximize"])

    def _update(self, p, grad, state, group):
        lr, (beta1, beta2), decay = _number(group["lr"]), group["betas"], group["weight_decay"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        state["step"].add_(1)
        step = state["step"].item()
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        left = 1 - beta2 ** step
        whole = 2 / (1 - beta2) - 1
        rho = whole - 2 * step * beta2 ** step / left
        update = mean / (1 - beta1 ** step) * lr
        if rho > 5.0:
            rectified = ((rho - 4) * (rho - 2) * whole / ((whole - 4) * (whole - 2) * rho)) ** 0.5
            update = update * (left ** 0.5 / (square.sqrt() + group["eps"])) * rectified
        p.add_(update, alpha=-1.0)
