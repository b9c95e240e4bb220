"""NAdam: Adam with Nesterov's momentum (Dozat, 2016)."""

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_betas, _check_options, _number, _step_dtype

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam's averages, and a step that mixes the gradient with the mean that the next step will see.

    The mixture follows mu_t = b1 (1 - 0.96^(t momentum_decay) / 2), whose product so far is the state "mu_product".
    """

    _LATER = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False,
              "decoupled_weight_decay": False}

    def __init__(self, params: ParamsT, lr=2e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False) -> None:
        _check_options(lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        _check_betas(betas)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable})

    def __setstate__(self, state):
        super().__setstate__(state)
        for own in self.state.values():
            if "mu_product" in own and not isinstance(own["mu_product"], rl.Tensor):
                own["mu_product"] = rl.tensor(own["mu_product"], dtype=_step_dtype())

    def step(self, closure=None):
        """One step; with a closure, which evaluates the model again, also its loss."""
        return self._advance(closure)

    def _fresh(self, p, group):
        return {"step": self._count(group), "mu_product": rl.ones((), dtype=_step_dtype()),
                "exp_avg": rl.zeros_like(p), "exp_avg_sq": rl.zeros_like(p)}

    def _fused(self, group):
        lists = self._lists(group, ("exp_avg", "exp_avg_sq", "mu_product", "step"))
        return lists is not None and rl._C._ops._fused_nadam_(
            *lists, group["lr"], *group["betas"], group["eps"], group["weight_decay"], group["decoupled_weight_decay"],
            group["maximize"], group["momentum_decay"])

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
        mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        state["mu_product"].mul_(mu)
        product = state["mu_product"] if group["differentiable"] else state["mu_product"].item()
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2 ** step).sqrt() + group["eps"]
        now, then = -lr * (1.0 - mu) / (1.0 - product), -lr * mu_next / (1.0 - product * mu_next)
        if group["differentiable"]:
            p.addcdiv_(grad * now, root)
            p.addcdiv_(mean * then, root)
        else:
            p.addcdiv_(grad, root, value=now)
            p.addcdiv_(mean, root, value=then)
