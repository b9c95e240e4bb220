"""Stochastic gradient descent, with momentum and Nesterov's look ahead."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_options, _check_ways, _number

__all__ = ["SGD"]


class SGD(Optimizer):
    """p <- p - lr * g, or with momentum b <- momentum * b + (1 - dampening) * g and p <- p - lr * b.

    The first gradient starts the buffer b undampened. With nesterov the step is g + momentum * b; weight_decay adds
    weight_decay * p to g; maximize climbs instead.
    """

    _LATER = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": False}
    _COMPLEX_AS_REAL = False

    def __init__(self, params: ParamsT, lr=1e-3, momentum: float = 0, dampening: float = 0, weight_decay=0,
                 nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None,
                 differentiable: bool = False, fused: bool | None = None) -> None:
        _check_options(lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused})
        _check_ways(fused, foreach, differentiable)
        if fused:
            self._step_supports_amp_scaling = True

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _state_of(self, p, group):
        return self.state[p] if group["momentum"] != 0 else {}

    def _fused(self, group):
        lists = self._lists(group, ("momentum_buffer",) if group["momentum"] != 0 else ())
        if lists is None:
            return False
        buffers = lists[2] if len(lists) == 3 else []
        return rl._C._ops._fused_sgd_(lists[0], lists[1], buffers, group["lr"], group["momentum"], group["dampening"],
                                      group["weight_decay"], group["nesterov"], group["maximize"])

    def _update(self, p, grad, state, group):
        lr, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
        if isinstance(decay, rl.Tensor) and decay.requires_grad:
            grad = grad.addcmul(p.clone(), decay)
        elif decay != 0:
            grad = grad.add(p, alpha=_number(decay))
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        if isinstance(lr, rl.Tensor) and lr.requires_grad:
            p.addcmul_(grad, lr, value=-1)
        else:
            p.add_(grad, alpha=-_number(lr))
