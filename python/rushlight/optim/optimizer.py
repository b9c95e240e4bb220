"""What every optimizer shares: parameter groups, per-parameter state, checkpoints and hooks, and the loop over parameters.

An optimizer of the package says three things: `_fresh(p, group)`, the state of a parameter that has seen no step; `_update(p, grad,
state, group)`, one step of one parameter written in tensor operations; and, where there is one, `_fused(group)`, the same step of a
whole group as one call into the engine, which declines (returns False) whatever it does not know. A user's own optimizer says none of
them and writes `step`.
"""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain
from types import MappingProxyType
from typing import Any

import rushlight as rl
from rushlight.utils.hooks import RemovableHandle

__all__ = ["Optimizer", "register_optimizer_step_pre_hook", "register_optimizer_step_post_hook"]

ParamsT = Iterable[Any]
StateDict = dict[str, Any]

_global_optimizer_pre_hooks = OrderedDict()
_global_optimizer_post_hooks = OrderedDict()

_CAPTURE_DEVICES = ["cuda", "xpu", "hpu", "xla"]
_HOOK_TABLES = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_optimizer_state_dict_pre_hooks",
                "_optimizer_state_dict_post_hooks", "_optimizer_load_state_dict_pre_hooks",
                "_optimizer_load_state_dict_post_hooks")


class _RequiredParameter:
    """The default of an option that every parameter group must give."""

    def __repr__(self):
        return "<required parameter>"


required = _RequiredParameter()


def _attach(table, hook, prepend=False):
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Call hook(optimizer, args, kwargs) before every step of every optimizer; the handle returned removes it."""
    return _attach(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call hook(optimizer, args, kwargs) after every step of every optimizer; the handle returned removes it."""
    return _attach(_global_optimizer_post_hooks, hook)


def _kind(value):
    """A value's type, as error messages name it."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _number(value):
    """A one-element tensor as a Python number; a number as it is."""
    return value.item() if isinstance(value, rl.Tensor) else value


def _to_scalar(value):
    """A one-element tensor without dimensions; anything else as it is."""
    return value.squeeze() if isinstance(value, rl.Tensor) and value.dim() else value


def _step_dtype(fused=None):
    """The dtype in which an optimizer counts its steps."""
    return rl.float64 if rl.get_default_dtype() == rl.float64 and not fused else rl.float32


def _check_one_element(lr):
    if isinstance(lr, rl.Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, but it has shape {tuple(lr.shape)}")


def _check_options(lr, **options):
    """lr a number or a one-element tensor, and it and all options at least zero."""
    _check_one_element(lr)
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")
    for name, value in options.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")


def _check_betas(betas):
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def _check_fused(p):
    if not p.is_floating_point():
        raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of supported devices: "
                           f"['cpu'] but {p.dtype} and {p.device.type}")


def _check_ways(fused, foreach, differentiable):
    """The three ways of computing a step exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def _as_real(state):
    """The state of a complex parameter, its tensors seen as pairs of real numbers."""
    return {k: rl.view_as_real(v) if isinstance(v, rl.Tensor) and v.is_complex() else v for k, v in state.items()}


class Optimizer:
    """Base class of all optimizers: holds the parameters in groups, the options of each group and a state per parameter.

    params is an iterable of tensors, of (name, tensor) pairs, or of dicts with the key "params" and options of their own; defaults
    are the options of groups that do not give them.
    """

    _step_supports_amp_scaling = False
    locals().update(dict.fromkeys(_HOOK_TABLES, MappingProxyType({})))      # of wrappers that do not call __init__
    _LATER = {}                  # options that old checkpoints lack, and their values then
    _COMPLEX_AS_REAL = True      # a complex parameter is stepped as pairs of real numbers

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__ and not getattr(cls.step, "hooked", False):
            cls.step = Optimizer.profile_hook_step(cls.step)

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for table in _HOOK_TABLES:
            setattr(self, table, OrderedDict())
        if isinstance(params, rl.Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                            f"{_kind(params)}; put the tensor in a list: [param]")
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list: is `model.parameters()` a generator that was used before?")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        for table in _HOOK_TABLES:
            self.__dict__.setdefault(table, OrderedDict())
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for option, value in self._LATER.items():
                group.setdefault(option, value)
            self._count_in_tensors(group)

    def _count_in_tensors(self, group):
        """Step counts of old checkpoints are Python numbers."""
        for p in group["params"]:
            state = self.state.get(p)
            if state and "step" in state and not isinstance(state["step"], rl.Tensor) and self._LATER:
                state["step"] = rl.tensor(float(state["step"]), dtype=_step_dtype(group.get("fused")))

    def __repr__(self):
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            options = "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
            text += f"\nParameter Group {i}\n{options}"
        return text + ")"

    # ---- hooks

    @staticmethod
    def profile_hook_step(func):
        """func, a `step`, with the hooks around it. An override's super().step() does not call them a second time."""
        @functools.wraps(func)
        def step(self, *args, **kwargs):
            if not (self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
                    or _global_optimizer_pre_hooks or _global_optimizer_post_hooks) or type(self).step is not step:
                return func(self, *args, **kwargs)
            args = (self, *args)
            for hook in chain(_global_optimizer_pre_hooks.values(), self._optimizer_step_pre_hooks.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(f"{func} must return None or a tuple of (new_args, new_kwargs), but got {changed}.")
                    args, kwargs = changed
            out = func(*args, **kwargs)
            for hook in chain(self._optimizer_step_post_hooks.values(), _global_optimizer_post_hooks.values()):
                hook(self, args, kwargs)
            return out

        step.hooked = True
        return step

    def _patch_step_function(self):
        """Hooks around this class's step, where a wrapper that does not call __init__ asks for them."""
        if not getattr(type(self).step, "hooked", False):
            type(self).step = self.profile_hook_step(type(self).step)

    def register_step_pre_hook(self, hook) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step; it may return new (args, kwargs)."""
        return _attach(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return _attach(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before state_dict()."""
        return _attach(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after state_dict(); it may return another."""
        return _attach(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before load_state_dict(); it may return another to load."""
        return _attach(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) after load_state_dict()."""
        return _attach(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- checkpoints

    def state_dict(self) -> StateDict:
        """{"state": per-parameter state by number, "param_groups": options and parameter numbers}; tensors are not copied."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers, groups = {}, []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, rl.Tensor) else k: v for k, v in self.state.items()}
        saved = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, saved)
            saved = saved if changed is None else changed
        return saved

    @staticmethod
    def _process_value_according_to_param_policy(param, value, param_id, param_groups, key=None):
        """A loaded state tensor as its parameter needs it; step counts keep their own dtype."""
        if key == "step":
            own = next((g for g in param_groups or () if param_id in g["params"]), {})
            return value.to(dtype=rl.float32, device=param.device) if own.get("capturable") or own.get("fused") else value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Go on from what state_dict() returned, here or in torch: options and states, in the order of the parameters."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
        self._check_fits(saved)
        own = dict(zip(chain.from_iterable(g["params"] for g in saved),
                       chain.from_iterable(g["params"] for g in self.param_groups)))
        state = defaultdict(dict)
        for k, v in state_dict["state"].items():
            if k in own:
                state[own[k]] = self._adapt(own[k], v, k, state_dict["param_groups"])
            else:
                state[k] = v
        for group, loaded in zip(self.param_groups, saved):
            loaded["params"] = group["params"]
            if "param_names" in group:
                loaded.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_fits(self, saved):
        if len(self.param_groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups: "
                             f"{len(saved)}, and the optimizer has {len(self.param_groups)}")
        for i, (group, loaded) in enumerate(zip(self.param_groups, saved)):
            if len(group["params"]) != len(loaded["params"]):
                raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                                 f"group {i} has {len(loaded['params'])} parameters there and {len(group['params'])} here")

    def _adapt(self, param, value, number, groups, key=None):
        """A loaded value: tensors in the parameter's dtype, containers rebuilt."""
        if isinstance(value, rl.Tensor):
            return self._process_value_according_to_param_policy(param, value, number, groups, key)
        if isinstance(value, dict):
            return {k: self._adapt(param, v, number, groups, k) for k, v in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, str):
            return type(value)(self._adapt(param, v, number, groups) for v in value)
        return value

    # ---- parameter groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize further parameters: a dict with "params" and, where they differ from the defaults, options."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        self._unpack_params(param_group)
        followed = self.defaults.get("differentiable", None)
        for p in param_group["params"]:
            if not isinstance(p, rl.Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_kind(p)}")
            if not (p.is_leaf or followed or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor: it is the result of an operation; "
                                 "optimize what it was computed from, or its .detach().requires_grad_()")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_new_group(param_group)
        self.param_groups.append(param_group)

    @staticmethod
    def _unpack_params(group):
        """group["params"] becomes a list of tensors, and names given with them group["param_names"]."""
        params = group["params"]
        if isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                            "will change between runs. Please use a list instead.")
        params = [params] if isinstance(params, rl.Tensor) else list(params)
        group["params"] = params
        if tuple in map(type, params):
            names = [p[0] for p in params if isinstance(p, tuple)]
            group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            group["param_names"] = names

    def _check_new_group(self, group):
        own = set(map(id, group["params"]))
        if len(own) != len(group["params"]):
            warnings.warn("optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                          "see github.com/pytorch/pytorch/issues/40967 for more information", stacklevel=4)
        if not self.param_groups:
            return
        named = "param_names" in group
        for other in self.param_groups:
            if named != ("param_names" in other):
                raise ValueError("all optimizer param groups should be with/without names. cannot add param group "
                                 f"{'with' if named else 'without'} names to the optimizer")
        if any(id(p) in own for other in self.param_groups for p in other["params"]):
            raise ValueError("some parameters appear in more than one parameter group")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or fill them with zeros where set_to_none is False."""
        if set_to_none:
            for group in self.param_groups:
                rl._C._drop_grads(group["params"])
            return
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    # ---- the step

    def step(self, closure=None):
        """Update the parameters once; closure, where given, evaluates the model again and returns the loss."""
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def _advance(self, closure=None):
        """One step of all groups, by `_fused` where it will, else parameter by parameter."""
        loss = None
        if closure is not None:
            with rl.enable_grad():
                loss = closure()
        if self._step_supports_amp_scaling and not self._unscale():
            return loss
        for group in self.param_groups:
            if not self._fused(group):
                self._one_by_one(group)
        return loss

    def _unscale(self):
        """What a gradient scaler leaves to fused steps: False if a gradient overflowed, else divide gradients by the scale."""
        overflow, scale = self.__dict__.get("found_inf"), self.__dict__.get("grad_scale")
        if overflow is not None and overflow.item():
            return False
        if scale is not None:
            with rl.no_grad():
                for p in (p for group in self.param_groups for p in group["params"] if p.grad is not None):
                    p.grad.div_(scale)
        return True

    def _fused(self, group):
        """Step the whole group by one call into the engine; False where that cannot be, and nothing is done."""
        return False

    def _lists(self, group, keys):
        """What a fused step takes: lists of parameters, gradients and the states called keys; None where single steps are needed."""
        if group["foreach"] and isinstance(group["lr"], rl.Tensor) or group["differentiable"] or group.get("capturable"):
            return None
        lists = rl._C._optim_lists(group["params"], self.state, keys)
        if lists is None:                                # a first step, or parameters of a kind that needs single steps
            for p in group["params"]:
                if p.grad is not None:
                    self._state_of(p, group)
            lists = rl._C._optim_lists(group["params"], self.state, keys)
        return lists

    def _one_by_one(self, group):
        with rl.set_grad_enabled(self.defaults.get("differentiable", False)):
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                if group.get("fused"):
                    _check_fused(p)
                state = self._state_of(p, group)
                self._check_group(group, state)
                if group.get("maximize"):
                    grad = -grad
                if self._COMPLEX_AS_REAL and p.is_complex():
                    self._update(rl.view_as_real(p), rl.view_as_real(grad), _as_real(state), group)
                else:
                    self._update(p, grad, state, group)

    def _check_group(self, group, state):
        if group.get("capturable"):
            raise AssertionError("If capturable=True, params and state_steps must be on supported devices: "
                                 f"{_CAPTURE_DEVICES}; rushlight computes on the CPU: use capturable=False")
        if group.get("differentiable") and "step" in state and state["step"].requires_grad:
            raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")

    def _state_of(self, p, group):
        """The state of a parameter, begun if this is its first step."""
        state = self.state[p]
        if not state:
            state.update(self._fresh(p, group))
        return state

    def _fresh(self, p, group):
        return {}

    def _count(self, group):
        """A step count of zero."""
        return rl.zeros((), dtype=_step_dtype(group.get("fused")))

    def _update(self, p, grad, state, group):
        raise NotImplementedError(f"{type(self).__name__} does not say how to update a parameter")
