"""Averages of a model's weights over a training: stochastic weight averaging, exponential moving averages."""

import itertools
import math
from copy import deepcopy

import rushlight as rl
from rushlight import nn

from ._schedule import LRScheduler, _per_group

__all__ = ["AveragedModel", "update_bn", "SWALR", "get_ema_multi_avg_fn", "get_swa_multi_avg_fn", "get_ema_avg_fn", "get_swa_avg_fn"]


def _check_decay(decay):
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay=0.999):
    """A function (averages, current, count) that moves all averages by 1 - decay towards the current values."""
    _check_decay(decay)

    def ema_update(ema_param_list, current_param_list, _):
        with rl.no_grad():
            for average, current in zip(ema_param_list, current_param_list):
                if average.is_floating_point() or average.is_complex():
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """A function (averages, current, count) that takes the current values into the means of `count` values."""
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        count = int(num_averaged) + 1
        with rl.no_grad():
            for average, current in zip(averaged_param_list, current_param_list):
                if average.is_floating_point() or average.is_complex():
                    average.lerp_(current, 1 / count)
                else:
                    average.copy_(average + (current - average) / count)

    return swa_update


def get_ema_avg_fn(decay=0.999):
    """A function (average, current, count) that returns the average moved by 1 - decay towards the current value."""
    _check_decay(decay)

    def ema_update(ema_param, current_param, num_averaged):
        with rl.no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """A function (average, current, count) that returns the mean of `count` values with the current one taken in."""
    def swa_update(averaged_param, current_param, num_averaged):
        with rl.no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(nn.Module):
    """A copy of a model that holds running averages of its parameters; update_parameters(model) takes in their present values.

    avg_fn(average, current, count) returns a new average; multi_avg_fn(averages, currents, count) updates all in place. Without
    them all values weigh the same. Buffers are copied, or averaged too with use_buffers.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", rl.tensor(0, dtype=rl.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        """The averaged model's result."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model) -> None:
        """Take the model's present values into the averages; the first time, start from them."""
        averages = [p.detach() for p in self._averaged(self.module)]
        currents = [p.detach() for p in self._averaged(model)]
        if self.n_averaged.item() == 0:
            for average, current in zip(averages, currents):
                average.copy_(current)
        elif self.avg_fn is not None:
            for average, current in zip(averages, currents):
                average.copy_(self.avg_fn(average, current, self.n_averaged))
        else:
            by_dtype = {}
            for average, current in zip(averages, currents):
                lists = by_dtype.setdefault(average.dtype, ([], []))
                lists[0].append(average)
                lists[1].append(current)
            for lists in by_dtype.values():
                (self.multi_avg_fn or get_swa_multi_avg_fn())(*lists, self.n_averaged)
        if not self.use_buffers:
            for average, current in zip(self.module.buffers(), model.buffers()):
                average.detach().copy_(current.detach())
        self.n_averaged += 1

    def _averaged(self, model):
        return itertools.chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()


def update_bn(loader, model, device=None) -> None:
    """Measure the statistics of all batch norms anew, over the batches of loader, of which only the first element is used."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    with rl.no_grad():
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        for batch in loader:
            batch = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(batch if device is None else batch.to(device))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to swa_lr in anneal_epochs epochs, along a cosine or a line, and there it stays."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1) -> None:
        for group, rate in zip(optimizer.param_groups, _per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t):
        """How far, from 0 to 1, the rate has come after a part t of the epochs."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _progress(self, step):
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self):
        if not self._get_lr_called_within_step:
            self._warn_of_direct_call()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._progress(step - 1), self._progress(step)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates
