"""Parametrizations: a parameter computed from others each time it is read.

The module's class is replaced by one made for it alone, on which the parameter is a property; the tensors it is computed from, and
the modules that compute it, live in `module.parametrizations[name]`.
"""

import collections
import contextlib
import copy

import rushlight as rl
from rushlight.nn.modules.container import ModuleDict, ModuleList
from rushlight.nn.modules.module import Module
from rushlight.nn.parameter import Parameter

__all__ = ["cached", "ParametrizationList", "register_parametrization", "is_parametrized", "remove_parametrizations",
           "type_before_parametrizations", "transfer_parametrizations_and_params"]

_caching = 0
_cache = {}


@contextlib.contextmanager
def cached():
    """Within the block every parametrized tensor is computed once."""
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


def _register(module, name, tensor):
    (module.register_parameter if isinstance(tensor, Parameter) else module.register_buffer)(name, tensor)


def _same(what, before, after, attribute, first, second):
    """Raise unless the two tensors agree in an attribute."""
    a, b = getattr(before, attribute), getattr(after, attribute)
    if a != b:
        raise ValueError(f"{what}\n{first}.{attribute}: {a}\n{second}.{attribute}: {b}")


def _may_not_change(attribute):
    return f"Registering a parametrization may not change the {attribute} of the tensor, unless `unsafe` flag is enabled."


class ParametrizationList(ModuleList):
    """The original tensors of one parametrized tensor (`original`, or `original0`, `original1`, ...) and the chain of modules
    that makes it from them."""

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = self._invert(original)
        self.is_tensor = isinstance(new, rl.Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            _same("When `right_inverse` outputs one tensor, it may not change the dtype.", original, new, "dtype", "original",
                  "right_inverse(original)")
            with rl.no_grad():
                _set_data(original, new)
            _register(self, "original", original)
        else:
            self._register_originals(original, new)
        if not unsafe:
            self._check_result(shape, dtype)

    def _invert(self, original):
        new = original
        with rl.no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass
        if not isinstance(new, (rl.Tensor, collections.abc.Sequence)):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                             f"Got {type(new).__name__}")
        return new

    def _register_originals(self, original, parts):
        for i, part in enumerate(parts):
            if not isinstance(part, rl.Tensor):
                raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                                 f"{i} of the sequence with type {type(part).__name__}.")
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            part.requires_grad_(original.requires_grad)
            _register(self, f"original{i}", part)

    def _check_result(self, shape, dtype):
        result = self()
        if not isinstance(result, rl.Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        if result.dtype != dtype:
            raise ValueError(f"{_may_not_change('dtype')}\nunparametrized dtype: {dtype}\nparametrized dtype: {result.dtype}")
        if result.shape != shape:
            raise ValueError(f"{_may_not_change('shape')}\nunparametrized shape: {shape}\nparametrized shape: {result.shape}")

    def right_inverse(self, value):
        """Set the originals so that the parametrized tensor becomes `value`: what assigning to it does."""
        with rl.no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, rl.Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
                _same("The tensor returned by `right_inverse` has another dtype.", self.original, value, "dtype", "original",
                      "right_inverse(value)")
                _set_data(self.original, value)
                return
            if not isinstance(value, collections.abc.Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
            if len(value) != self.ntensors:
                raise ValueError("'right_inverse' must return a sequence of tensors of length "
                                 f"{self.ntensors}. Got a sequence of length {len(value)}.")
            for i, part in enumerate(value):
                original = getattr(self, f"original{i}")
                if not isinstance(part, rl.Tensor):
                    raise ValueError(f"`right_inverse` must return a sequence of tensors. Got element {i} of type {type(part).__name__}")
                if original.dtype != part.dtype:
                    raise ValueError(f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while `original{i}` has dtype "
                                     f"{original.dtype}")
                _set_data(original, part)

    def forward(self):
        modules = iter(self._modules.values())
        first = next(modules)
        x = first(self.original) if self.is_tensor else first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in modules:
            x = module(x)
        return x


def _set_data(target, value):
    """Let `target` have these values without becoming another object; a changed shape is taken over."""
    if target is value:
        return
    if target.shape == value.shape:
        target.data.copy_(value)
    else:
        target.data = value.detach().clone()


def _deepcopy(self, memo):
    """A module whose class is its own alone cannot be rebuilt by its class's name: copy attribute by attribute."""
    if id(self) in memo:
        return memo[id(self)]
    twin = self.__new__(type(self))
    memo[id(self)] = twin
    twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return twin


def _refuse_pickling(self):
    raise RuntimeError("Serialization of parametrized modules is only supported through state_dict(). Save the state_dict, make the "
                       "module anew, register the parametrizations and load it.")


def _give_own_class(module):
    base = type(module)
    members = {"__getstate__": _refuse_pickling}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def _add_property(module, name):
    def get(self):
        if not _caching:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def set(self, value):
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, set))


def _check_appended(module, name, parametrization):
    """A further parametrization must map the tensor to one like it, and back."""
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, rl.Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for attribute in ("dtype", "shape"):
        _same(_may_not_change(attribute), before, after, attribute, f"module.{name}", f"parametrization(module.{name})")
    if hasattr(parametrization, "right_inverse"):
        back = parametrization.right_inverse(after)
        if not isinstance(back, rl.Tensor):
            raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
        for attribute in ("dtype", "shape"):
            _same(f"The tensor returned by parametrization.right_inverse must have the same {attribute} as module.{name}, unless the "
                  "`unsafe` flag is enabled.", before, back, attribute, f"module.{name}", "returned")


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """From now on `module.<tensor_name>` is `parametrization` of the tensor it was; several make a chain.

    A parametrization with a `right_inverse` can be assigned to, and starts from the value the tensor had. `unsafe` lets it change dtype
    and shape.

    >>> class Symmetric(rl.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = rl.nn.utils.parametrize.register_parametrization(rl.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            _check_appended(module, tensor_name, parametrization)
        chain.append(parametrization)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        chain = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module)
            module.parametrizations = ModuleDict()
        _add_property(module, tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'")
    return module


def is_parametrized(module, tensor_name=None):
    """Whether the module, or this tensor of it, is parametrized."""
    chains = getattr(module, "parametrizations", None)
    if not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Make the tensor an ordinary one again, with its parametrized value or, if there is one, its original."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            with rl.no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
                         "sequence of tensors.")
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module):
    """The module's class, without the one made for its parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give another module the parametrizations and parameters of this one."""
    if not is_parametrized(from_module):
        return to_module
    if tensor_name is not None and not is_parametrized(from_module, tensor_name):
        raise AssertionError(f"{tensor_name} is not parametrized in {from_module._get_name()}")
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        chain = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            value = getattr(from_module, name)
            setattr(to_module, name, Parameter(value.detach()) if value.requires_grad else value)
        for step in chain:
            register_parametrization(to_module, name, step)
        target = to_module.parametrizations[name]
        for original in ["original"] if chain.is_tensor else [f"original{i}" for i in range(chain.ntensors)]:
            setattr(target, original, getattr(chain, original))
    return to_module
