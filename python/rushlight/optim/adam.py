"""Adam: steps scaled by running averages of the gradient and of its square (Kingma and Ba, 2015)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_betas, _check_options, _check_ways, _number, _to_scalar

__all__ = ["Adam"]

_PLAIN = ("exp_avg", "exp_avg_sq", "step")
_AMSGRAD = (*_PLAIN, "max_exp_avg_sq")


def _check_beta_kinds(betas, foreach, capturable):
    """Both numbers, or both one-element tensors."""
    if type(betas[0]) is float is type(betas[1]):
        return
    tensors = [isinstance(beta, rl.Tensor) for beta in betas]
    if tensors[0] != tensors[1] or not all(t or isinstance(b, float) for t, b in zip(tensors, betas)):
        raise ValueError(f"betas must be either both floats or both Tensors, got {betas}")
    for i, beta in enumerate(betas):
        if tensors[i] and foreach and not capturable:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if tensors[i] and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")


class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  p <- p - lr * m' / (sqrt(v') + eps).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) undo the pull towards the zeros the averages start from. amsgrad divides by the
    largest v' so far. weight_decay adds weight_decay * p to g; with decoupled_weight_decay it shrinks p itself (AdamW).
    """

    _LATER = {"amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
              "decoupled_weight_decay": False, "fused": None}

    def __init__(self, params: ParamsT, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False) -> None:
        if isinstance(lr, rl.Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        _check_options(lr, eps=eps, weight_decay=weight_decay)
        _check_betas(betas)
        _check_beta_kinds(betas, foreach, capturable)
        super().__init__(params, {
            "lr": lr, "betas": tuple(map(_to_scalar, betas)), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay})
        _check_ways(fused, foreach, differentiable)
        if fused:
            self._step_supports_amp_scaling = True

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        state = {"step": self._count(group), "exp_avg": rl.zeros_like(p), "exp_avg_sq": rl.zeros_like(p)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = rl.zeros_like(p)
        return state

    def _check_group(self, group, state):
        if group["foreach"] and isinstance(group["lr"], rl.Tensor) and not group["capturable"]:
            raise RuntimeError("lr as a Tensor is not supported for capturable=False and foreach=True")
        super()._check_group(group, state)

    def _fused(self, group):
        amsgrad = group["amsgrad"]
        lists = self._lists(group, _AMSGRAD if amsgrad else _PLAIN)
        if lists is None:
            return False
        params, grads, means, squares, steps = lists[:5]
        beta1, beta2 = group["betas"]
        return rl._C._ops._fused_adam_(params, grads, means, squares, lists[5] if amsgrad else [], steps, group["lr"], beta1, beta2,
                                       group["eps"], group["weight_decay"], group["decoupled_weight_decay"], group["maximize"])

    def _update(self, p, grad, state, group):
        state["step"].add_(1)
        if group["differentiable"]:
            return self._update_differentiably(p, grad, state, group)
        lr, (beta1, beta2), decay = _number(group["lr"]), map(_number, group["betas"]), group["weight_decay"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            largest.copy_(rl.maximum(largest, square))
            square = largest
        step = state["step"].item()
        root = (square.sqrt() / (1 - beta2 ** step) ** 0.5).add_(group["eps"])
        p.addcdiv_(mean, root, value=-(lr / (1 - beta1 ** step)))

    def _update_differentiably(self, p, grad, state, group):
        """The same, with options that may be tensors and nothing overwritten that the graph needs."""
        lr, (beta1, beta2), decay = _to_scalar(group["lr"]), group["betas"], group["weight_decay"]
        mean, square, step = state["exp_avg"], state["exp_avg_sq"], state["step"].clone()
        if group["decoupled_weight_decay"]:
            p.mul_(1 - lr * decay)
        elif isinstance(decay, rl.Tensor):
            grad = grad.addcmul(p.clone(), decay)
        elif decay != 0:
            grad = grad.add(p, alpha=decay)
        mean.lerp_(grad, 1 - beta1)
        if isinstance(beta2, rl.Tensor):
            square.lerp_(rl.square(grad), 1 - beta2)
        else:
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            state["max_exp_avg_sq"].copy_(rl.maximum(state["max_exp_avg_sq"].clone(), square))
            square = state["max_exp_avg_sq"]
        size = -(lr / (1 - beta1 ** step))
        root = (square.sqrt() / ((1 - beta2 ** step).sqrt() * size)).add_(group["eps"] / size)
        p.addcdiv_(mean.clone(), root)
