"""Adagrad: steps divided by the root of the sum of all squared gradients (Duchi, Hazan and Singer, 2011)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_options, _check_ways, _number

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """s <- s + g^2,  p <- p - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(self, params: ParamsT, lr=1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
                 maximize: bool = False, differentiable: bool = False, fused: bool | None = None) -> None:
        _check_options(lr, lr_decay=lr_decay, weight_decay=weight_decay,
                       initial_accumulator_value=initial_accumulator_value, eps=eps)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused})
        _check_ways(fused, foreach, differentiable)
        if fused:
            self._step_supports_amp_scaling = True
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self._fresh(p, group))

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def share_memory(self):
        """Let other processes see the sums."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _fresh(self, p, group):
        start = self.defaults["initial_accumulator_value"]
        return {"step": self._count(group), "sum": rl.full_like(p, complex(start, start) if p.is_complex() else start)}

    def _fused(self, group):
        lists = self._lists(group, ("sum", "step"))
        return lists is not None and rl._C._ops._fused_adagrad_(
            *lists, group["lr"], group["lr_decay"], group["eps"], group["weight_decay"], group["maximize"])

    def _update(self, p, grad, state, group):
        total = state["sum"]
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        rate = _number(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        total.addcmul_(grad, grad, value=1)
        p.addcdiv_(grad, total.sqrt() + group["eps"], value=-rate)
