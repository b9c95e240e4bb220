"""L-BFGS: Newton's method with the curvature read off the last steps, and a line search (Liu and Nocedal, 1989).

The state belongs to the first parameter; all parameters together are one vector x, and d is the direction it moves in.
"""

from typing import Any, NamedTuple

import rushlight as rl

from .optimizer import Optimizer, ParamsT, _check_one_element, _to_scalar

__all__ = ["LBFGS"]


class Point(NamedTuple):
    """x + t d, and what the function does there; the slope is grad . d."""

    t: Any
    loss: Any
    grad: Any
    slope: Any


def _cubic_minimum(a, b, bounds=None):
    """The minimum, within bounds, of the cubic through two points' losses and slopes; the middle if it has none."""
    low, high = bounds if bounds is not None else (a.t, b.t) if a.t <= b.t else (b.t, a.t)
    theta = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = theta ** 2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = square.sqrt()
    left, right = (a, b) if a.t <= b.t else (b, a)
    best = right.t - (right.t - left.t) * ((right.slope + root - theta) / (right.slope - left.slope + 2 * root))
    return min(max(best, low), high)


def _strong_wolfe(evaluate, start, t, longest, tolerance, most, decrease=1e-4, curvature=0.9):
    """A point where the loss has fallen enough and the slope is flat enough, and the number of evaluations.

    First steps grow until a bracket holds such a point, then the bracket shrinks (Nocedal and Wright, 2006, algorithms 3.5, 3.6).
    longest is the largest element of the direction; most bounds the evaluations.
    """
    bracket, done, tried = _bracket(evaluate, start, t, most, decrease, curvature)
    evaluations = tried + 1
    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    while not done and tried < most and abs(bracket[1].t - bracket[0].t) * longest >= tolerance:
        t = _cubic_minimum(*bracket)
        t, stuck = _away_from_ends(t, bracket, stuck)
        new = evaluate(t)
        evaluations += 1
        tried += 1
        if new.loss > start.loss + decrease * t * start.slope or new.loss >= bracket[low].loss:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if abs(new.slope) <= -curvature * start.slope:
            done = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], evaluations


def _bracket(evaluate, start, t, most, decrease, curvature):
    """([one good point] or two that hold one between them, whether it is good, evaluations after the first)."""
    last, new, tried = start, evaluate(t), 0
    while tried < most:
        if new.loss > start.loss + decrease * new.t * start.slope or (tried > 1 and new.loss >= last.loss):
            return [last, new], False, tried
        if abs(new.slope) <= -curvature * start.slope:
            return [new], True, tried
        if new.slope >= 0:
            return [last, new], False, tried
        t = _cubic_minimum(last, new, (new.t + 0.01 * (new.t - last.t), new.t * 10))
        last, new = new, evaluate(t)
        tried += 1
    return [start, new], False, tried


def _away_from_ends(t, bracket, stuck):
    """t, moved off an end of the bracket that the last trial too came close to; and whether this one did."""
    low, high = min(p.t for p in bracket), max(p.t for p in bracket)
    margin = 0.1 * (high - low)
    if min(high - t, t - low) >= margin:
        return t, False
    if not stuck and low < t < high:
        return t, True
    return (high - margin if abs(t - high) < abs(t - low) else low + margin), False


class LBFGS(Optimizer):
    """Up to max_iter quasi-Newton steps for each step(closure); the closure evaluates the model and its gradients anew.

    history_size steps are remembered. Without line_search_fn="strong_wolfe" each step has length lr. It takes one parameter group.
    """

    def __init__(self, params: ParamsT, lr=1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
                 tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None) -> None:
        _check_one_element(lr)
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self):
        return self.param_groups[0]["params"]

    def _flat_grad(self):
        parts = []
        for p in self._params:
            grad = rl.zeros_like(p) if p.grad is None else p.grad
            parts.append((rl.view_as_real(grad) if grad.is_complex() else grad).reshape(-1))
        return rl.cat(parts, 0)

    def _move(self, t, direction):
        """x <- x + t d."""
        offset = 0
        for p in self._params:
            p = rl.view_as_real(p) if p.is_complex() else p
            p.add_(direction[offset:offset + p.numel()].view_as(p), alpha=float(t))
            offset += p.numel()

    def step(self, closure):
        """Minimize for up to max_iter iterations; returns the loss before them."""
        with rl.no_grad():
            return self._minimize(closure)

    def _minimize(self, closure):
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = _evaluate(closure)
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        memory = {key: state.get(key) for key in ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")}
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._remember(memory, grad, state, group["history_size"])
            d, last_loss = memory["d"], loss
            memory["prev_flat_grad"], memory["prev_loss"] = grad.clone(), loss
            lr = _to_scalar(group["lr"])
            t = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(d)
            memory["t"] = t
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            loss, grad, memory["t"], used = self._go(closure, Point(0, loss, grad, slope), t, d, evaluations, last)
            evaluations += used
            state["func_evals"] += used
            if last or evaluations >= group["max_eval"] or self._converged(memory, grad, loss - last_loss):
                break
        state.update(memory)
        return first_loss

    def _converged(self, memory, grad, change):
        group = self.param_groups[0]
        return (grad.abs().max() <= group["tolerance_grad"]
                or memory["d"].mul(memory["t"]).abs().max() <= group["tolerance_change"]
                or abs(change) < group["tolerance_change"])

    @staticmethod
    def _remember(memory, grad, state, size):
        """Take in the last step's curvature, and set the next direction: minus the inverse Hessian times grad."""
        if state["n_iter"] == 1:
            memory.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        changes, steps, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
        change, step = grad.sub(memory["prev_flat_grad"]), memory["d"].mul(memory["t"])
        product = change.dot(step)
        if product > 1e-10:
            if len(changes) == size:
                for past in (changes, steps, ro):
                    past.pop(0)
            changes.append(change)
            steps.append(step)
            ro.append(1.0 / product)
            memory["H_diag"] = product / change.dot(change)
        weights = state.setdefault("al", [None] * size)
        d = grad.neg()
        for i in reversed(range(len(changes))):
            weights[i] = steps[i].dot(d) * ro[i]
            d.add_(changes[i], alpha=-weights[i].item())
        d = d.mul(memory["H_diag"])
        for i in range(len(changes)):
            d.add_(steps[i], alpha=(weights[i] - changes[i].dot(d) * ro[i]).item())
        memory["d"] = d

    def _go(self, closure, start, t, d, evaluations, last):
        """Move along d, by t or where the line search says: (loss there, gradient, t, evaluations used)."""
        group = self.param_groups[0]
        if group["line_search_fn"] is None:
            self._move(t, d)
            if last:                                     # nobody will look at what the closure would say
                return start.loss, start.grad, t, 0
            return float(_evaluate(closure)), self._flat_grad(), t, 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError(f"only 'strong_wolfe' is supported, but line_search_fn is {group['line_search_fn']!r}")
        origin = [p.clone() for p in self._params]

        def evaluate(t):
            self._move(t, d)
            loss = float(_evaluate(closure))
            grad = self._flat_grad()
            for p, value in zip(self._params, origin):
                p.copy_(value)
            return Point(t, loss, grad, grad.dot(d))

        point, used = _strong_wolfe(evaluate, start, t, d.abs().max(), group["tolerance_change"],
                                    group["max_eval"] - evaluations)
        self._move(point.t, d)
        return point.loss, point.grad, point.t, used


def _evaluate(closure):
    with rl.enable_grad():
        return closure()
