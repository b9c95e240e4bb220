"""Lending an optimizer other parameters and another state for the length of a `with` block."""

from collections import defaultdict
from contextlib import contextmanager

import rushlight as rl

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state requires"


def _checked_state(state):
    if not isinstance(state, dict):
        raise RuntimeError(f"{_NAME} swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state "
                           f"dicts, got {type(state).__name__}.")
    if any(isinstance(key, rl.Tensor) for key in state):
        raise RuntimeError(f"{_NAME} optimizer.state_dict()-style state keyed by packed parameter ids.")
    if any(isinstance(key, int) and not isinstance(own, dict) for key, own in state.items()):
        raise RuntimeError(f"{_NAME} per-parameter optimizer state entries to be dictionaries.")
    return state


def _checked_numbers(index, group, lent):
    """The parameter numbers of a lent group, which must fit the group that it replaces."""
    if not isinstance(lent, dict):
        raise RuntimeError(f"{_NAME} each optimizer param group to be a dictionary.")
    numbers = lent.get("params")
    if not isinstance(numbers, list) or not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(f"{_NAME} optimizer.state_dict()-style param_groups[*]['params'] entries keyed by packed parameter ids.")
    if len(group["params"]) != len(numbers):
        raise RuntimeError(f"swapin_optim_state param group {index} has a different number of params than the live optimizer "
                           "param group.")
    if group.keys() != lent.keys():
        raise RuntimeError(f"{_NAME} optimizer.state_dict()-style param group keys to exactly match the live optimizer group keys "
                           f"for group {index}. Keys only in swap-in: {[k for k in lent if k not in group]}. "
                           f"Keys only in live: {[k for k in group if k not in lent]}.")
    return numbers


def _checked_groups(optimizer, groups):
    if not isinstance(groups, list):
        raise RuntimeError(f"{_NAME} swapin_optim_state['param_groups'] to be a list of param-group dicts, "
                           f"got {type(groups).__name__}.")
    if len(optimizer.param_groups) != len(groups):
        raise RuntimeError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    return [_checked_numbers(i, group, lent) for i, (group, lent) in enumerate(zip(optimizer.param_groups, groups))]


@contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """Within the block the optimizer has these parameters, {name: tensor} in its own order, and this state_dict()-like state.

    In-place changes of the lent tensors stay; everything else is as before afterwards.
    """
    if not optimizer.state:
        raise RuntimeError(f"{_NAME} initialized optimizer state.")
    if not isinstance(swapin_optim_state, dict):
        raise RuntimeError(f"{_NAME} a DCP-style optimizer state_dict.")
    state = _checked_state(swapin_optim_state.get("state"))
    groups = swapin_optim_state.get("param_groups")
    numbers = _checked_groups(optimizer, groups)
    parameters = list(swapin_parameters.values())
    if sum(map(len, numbers)) > len(parameters):
        raise RuntimeError(f"{_NAME} the explicit parameter state to match optimizer.param_groups ordering.")
    known = {n for group in numbers for n in group}
    extra = [key for key in state if key not in known]
    if extra:
        raise RuntimeError(f"{_NAME} swapin_optim_state['state'] to be keyed only by packed parameter ids from "
                           f"param_groups[*]['params']; got extra keys {extra!r}.")
    own_state, own_groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    try:
        lent, rest = defaultdict(dict), iter(parameters)
        for group, new, ids in zip(optimizer.param_groups, groups, numbers):
            group.update(new, params=[next(rest) for _ in ids])
            for p, number in zip(group["params"], ids):
                lent[p] = dict(state.get(number, {}))
        optimizer.state = lent
        yield
    finally:
        for group, before in zip(optimizer.param_groups, own_groups):
            group.clear()
            group.update(before)
        optimizer.state = own_state
