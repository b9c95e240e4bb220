"""Schedulers that come round: CyclicLR, OneCycleLR, CosineAnnealingWarmRestarts."""

import math
import types
from functools import partial

from ._schedule import (LRScheduler, _group_values, _per_group, _require_optimizer, _set_group_value)


class _WithMomentum(LRScheduler):
    """A schedule that moves the momentum, or Adam's first beta, against the rate."""

    def _start_momentums(self, base, high, begin):
        """Check that there is a momentum; with `begin`, put it at its height. Returns (bases, heights) of the groups."""
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
                             f"{type(self.optimizer).__name__} has neither: pass cycle_momentum=False")
        self.use_beta1 = "betas" in defaults
        bases = _per_group("base_momentum", self.optimizer, base)
        heights = _per_group("max_momentum", self.optimizer, high)
        if begin:
            for group, low, top in zip(self.optimizer.param_groups, bases, heights):
                self._set_momentum(group, top)
                group["max_momentum"] = top
                group["base_momentum"] = low
        return bases, heights

    def _set_momentum(self, group, value):
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_WithMomentum):
    """Rates rise from base_lr to max_lr in step_size_up steps and fall back in step_size_down, again and again.

    mode "triangular2" halves the height every cycle, "exp_range" multiplies it by gamma every step; scale_fn gives another law,
    of the cycle or of the iteration as scale_mode says. With cycle_momentum the momentum goes the other way.
    """

    def __init__(self, optimizer, base_lr, max_lr, step_size_up: int = 2000, step_size_down: int | None = None,
                 mode="triangular", gamma: float = 1.0, scale_fn=None, scale_mode="cycle", cycle_momentum: bool = True,
                 base_momentum: float = 0.8, max_momentum: float = 0.9, last_epoch: int = -1) -> None:
        _require_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = _per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs):
                _set_group_value(group, "lr", lr)
        self.max_lrs = _per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None: {mode!r} is none of 'triangular', 'triangular2', 'exp_range'")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentums(base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_scale_fn(self):
        if self._scale_fn_custom is not None:
            return
        laws = {"triangular": (_constant, "cycle"), "triangular2": (_halving, "cycle"),
                "exp_range": (partial(_powers, self.gamma), "iterations")}
        self._scale_fn_ref, self.scale_mode = laws[self.mode]

    def scale_fn(self, x) -> float:
        """The height of a cycle, or at an iteration, as a part of the first one's."""
        return (self._scale_fn_ref if self._scale_fn_custom is None else self._scale_fn_custom)(x)

    def get_lr(self):
        if not self._get_lr_called_within_step:
            self._warn_of_direct_call()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, top in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                self._set_momentum(group, top - (top - low) * height * scale)
        return [low + (top - low) * height * scale for low, top in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self):
        """Without the functions; of a callable object given as scale_fn, its attributes."""
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)
        own = state.pop("_scale_fn_custom")
        state["_scale_fn_custom"] = None if own is None or isinstance(own, types.FunctionType) else own.__dict__.copy()
        return state

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() returned."""
        own = state_dict["_scale_fn_custom"]
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if own is not None:
            self._scale_fn_custom.__dict__.update(own)
        self._init_scale_fn()


def _constant(x):
    return 1.0


def _halving(x):
    return 1 / 2.0 ** (x - 1)


def _powers(gamma, x):
    return gamma ** x


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to eta_min in T_0 epochs, then from the top again; each run is T_mult times as long as the last.

    step(epoch) takes fractions of epochs.
    """

    def __init__(self, optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if not self._get_lr_called_within_step:
            self._warn_of_direct_call()
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch=None) -> None:
        """Go to the next epoch, or to the one given, which may be a fraction."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            rates = self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _go_to(self, epoch):
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch >= self.T_0 and self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        elif epoch >= self.T_0:
            runs = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult ** runs - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult ** runs


class OneCycleLR(_WithMomentum):
    """One rise from max_lr / div_factor to max_lr, then one fall to that / final_div_factor, over all steps of a training.

    The rise takes pct_start of the steps; with three_phase the fall back to the start mirrors it, and a third phase goes to the end.
    Step it after every batch. With cycle_momentum the momentum goes the other way.
    """

    def __init__(self, optimizer, max_lr, total_steps: int | None = None, epochs: int | None = None,
                 steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy="cos",
                 cycle_momentum: bool = True, base_momentum=0.85, max_momentum=0.95, div_factor: float = 25.0,
                 final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1) -> None:
        _require_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        tops = _per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentums(base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start, end, part):
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
        return (end - start) * part + start

    def get_lr(self):
        if not self._get_lr_called_within_step:
            self._warn_of_direct_call()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        start = 0.0
        for phase in self._schedule_phases:
            if step <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            start = phase["end_step"]
        part = (step - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal_func(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                self._set_momentum(group, self._anneal_func(group[phase["start_momentum"]], group[phase["end_momentum"]], part))
        return rates


def _count_steps(total, epochs, steps_per_epoch):
    if total is not None:
        given = {"total_steps": total}
    elif epochs is not None and steps_per_epoch is not None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    else:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(given.values())


def _phases(steps, part, three):
    """The phases: where each ends, and between which of the groups' rates and momentums it goes."""
    def phase(end, *names):
        return dict(zip(("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum"), (end, *names)))

    first = phase(float(part * steps) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [first, phase(steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    return [first, phase(float(2 * part * steps) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            phase(steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
