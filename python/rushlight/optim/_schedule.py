"""What every learning rate scheduler shares: counting epochs, asking for the new rates, writing them into the groups.

A scheduler is chainable where `get_lr` computes the new rates from the present ones (two schedulers over one optimizer then
multiply), and may besides have `_get_closed_form_lr`, which computes them from the initial rates for `step(epoch)`.
"""

import types
import warnings
from contextlib import contextmanager
from functools import wraps
from weakref import ref

import rushlight as rl

from .optimizer import Optimizer, _to_scalar

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form is used "
    "instead of the new chainable form, where available.")
_ORDER = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def _copied(value):
    return value.clone() if isinstance(value, rl.Tensor) else value


def _per_group(name, optimizer, value):
    """One value per parameter group: a list as it is, if it has their number; anything else repeated."""
    groups = optimizer.param_groups
    if not isinstance(value, (list, tuple)):
        value = [value] * len(groups)
    elif len(value) != len(groups):
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. "
                         f"{name} has {len(value)} values, param_groups has {len(groups)}.")
    return [_copied(v) for v in value]


def _group_values(optimizer, key):
    values = [group[key] for group in optimizer.param_groups]
    return [v.clone() if isinstance(v, rl.Tensor) else v for v in values]


def _set_group_value(group, key, value):
    """Tensors keep their identity, so that a captured rate follows the schedule."""
    if isinstance(group[key], rl.Tensor):
        group[key].fill_(_to_scalar(value))
    else:
        group[key] = value


def _require_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def _watch_steps(optimizer):
    """Have the optimizer remember that it has stepped; once per optimizer."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    function, owner = optimizer.step.__func__, ref(optimizer)

    @wraps(function)
    def step(*args, **kwargs):
        self = owner()
        self._opt_called = True
        return function(self, *args, **kwargs)

    step._wrapped_by_lr_sched = True
    optimizer.step = step


def _saved_callables(functions):
    """Callable objects by their attributes; plain functions, which have none to save, as None."""
    return [None if isinstance(f, types.FunctionType) else f.__dict__.copy() for f in functions]


def _restore_callables(functions, saved):
    for function, attributes in zip(functions, saved):
        if attributes is not None:
            function.__dict__.update(attributes)


class LRScheduler:
    """Base class of schedulers: subclasses define get_lr(), the rates of the epoch self.last_epoch."""

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch: int = -1) -> None:
        _require_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                               "last_epoch >= 0: load the optimizer's state first, or begin anew with last_epoch=-1")
        self.base_lrs = _group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self):
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self):
        """The rates that the last step set, a list with one for each group."""
        return self._last_lr

    def get_lr(self):
        """The rates of the present epoch; `step` alone calls it."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def step(self, epoch=None) -> None:
        """Go to the next epoch, or to the one given, and set its rates."""
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _warn_of_order(self):
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn("Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, "
                          "make sure to call `optimizer.step()` before `lr_scheduler.step()`. " + _ORDER, UserWarning, stacklevel=3)
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn("Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should "
                          "call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this "
                          "will result in PyTorch skipping the first value of the learning rate schedule. " + _ORDER,
                          UserWarning, stacklevel=3)

    def _update_lr(self, epoch=None):
        self._get_lr_called_within_step = True      # keeps get_lr from warning
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        finally:
            self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _set_rates(self, rates):
        groups = self.optimizer.param_groups
        if len(rates) != len(groups):
            raise ValueError(f"{type(self).__name__} computed {len(rates)} learning rates for {len(groups)} parameter groups")
        plain = True
        for group, rate in zip(groups, rates):
            if type(rate) is float is type(group["lr"]):
                group["lr"] = rate
            else:
                _set_group_value(group, "lr", rate)
                plain = False
        self._last_lr = list(rates) if plain else self._present()

    def _warn_of_direct_call(self):
        warnings.warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", UserWarning, stacklevel=3)

    def _present(self):
        return [rate if type(rate := group["lr"]) is float else _copied(rate) for group in self.optimizer.param_groups]

    def _scaled(self, factor):
        """The present rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]


class _LRScheduler(LRScheduler):
    """The name LRScheduler had before."""


@contextmanager
def _enable_get_lr_call(scheduler):
    scheduler._get_lr_called_within_step = True
    try:
        yield scheduler
    finally:
        scheduler._get_lr_called_within_step = False
