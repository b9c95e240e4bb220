"""A module as the root of a tree: finding what is in it, and doing something to all of it.

Iteration is in registration order, depth first, and by default names an object once however often it is reachable.
"""

import rushlight as rl
from rushlight import __future__ as _future
from rushlight._C import _set_walker, _walk
from rushlight.nn.parameter import Parameter
from rushlight.utils import swap_tensors


def _parse_to(args, kwargs):
    """The arguments of `to`: (device, dtype, non_blocking), (dtype, non_blocking) or (tensor, non_blocking)."""
    known = {"device", "dtype", "non_blocking", "copy", "memory_format", "tensor", "other"}
    for name in kwargs:
        if name not in known:
            raise TypeError(f"to() received an invalid combination of arguments: unexpected keyword '{name}'")
    args = list(args)
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    example = kwargs.get("tensor", kwargs.get("other"))
    if args and isinstance(args[0], rl.Tensor):
        example = args.pop(0)
    elif args and isinstance(args[0], rl.dtype):
        dtype = args.pop(0)
    elif args and (args[0] is None or isinstance(args[0], (str, int, rl.device))):
        device = args.pop(0)
        if args and (args[0] is None or isinstance(args[0], rl.dtype)):
            dtype = args.pop(0)
    if example is not None:
        device, dtype = example.device, example.dtype
    non_blocking = args.pop(0) if args else kwargs.get("non_blocking", False)
    if kwargs.get("copy") or (args and args[0] is True):
        raise RuntimeError(".to() does not accept copy argument: a module is converted in place")
    if not isinstance(non_blocking, bool) or len(args) > 1:
        raise TypeError("to() received an invalid combination of arguments - got "
                        f"({', '.join(type(a).__name__ for a in [non_blocking, *args])}), but expected (device, dtype, non_blocking), "
                        "(dtype, non_blocking) or (tensor, non_blocking)")
    return None if device is None else rl.device(device), dtype, non_blocking, kwargs.get("memory_format")


rl._C._nn._parse_to = lambda *args, **kwargs: _parse_to(args, kwargs)       # under the name by which torch's module asks its engine


def _refusing(error):
    """What `_apply` is given for a device that is not there: a module without tensors moves anywhere."""
    def move(tensor):
        raise error
    return move


def _convert_parameter(module, name, param, fn):
    """Parameter and gradient become `fn` of them: in the same objects, or in new ones where rushlight.__future__ has been told so."""
    swap, gradient = _future.get_swap_module_params_on_conversion(), param.grad
    overwrite = _future.get_overwrite_module_params_on_conversion() and not swap
    with rl.no_grad():
        changed = fn(param)
        changed_gradient = None if gradient is None else fn(gradient)
    if swap:
        _swap_parameter(module, name, param, changed)
    elif not overwrite:
        param.data = changed
    else:
        param = module._parameters[name] = Parameter(changed, param.requires_grad)
    if gradient is None:
        return
    if overwrite:
        param.grad = changed_gradient.requires_grad_(gradient.requires_grad)
        return
    if not swap:
        gradient.data = changed_gradient
    elif changed_gradient is not gradient:
        swap_tensors(gradient, changed_gradient.requires_grad_(gradient.requires_grad))
    param.grad = gradient


def _swap_parameter(module, name, param, changed):
    try:
        swap_tensors(param, Parameter(changed, requires_grad=param.requires_grad))
    except Exception as error:
        raise RuntimeError(f"_apply(): Couldn't swap {module._get_name()}.{name}") from error


class ModuleTree:
    """The part of Module that knows about children."""

    def get_submodule(self, target):
        """The module at a dotted path; the module itself at ""."""
        module = self
        for step in target.split(".") if target else ():
            if not hasattr(module, step):
                raise AttributeError(f"{module._get_name()} has no attribute `{step}`")
            module = getattr(module, step)
            if not isinstance(module, ModuleTree):
                raise AttributeError(f"`{step}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put `module` at a dotted path, in place of the one there; `strict` demands that there is one."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, ModuleTree):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), ModuleTree):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        found = getattr(module, name)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target):
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def parameters(self, recurse=True):
        """The parameters, each once: what an optimizer takes."""
        own = type(self).named_parameters is not ModuleTree.named_parameters
        return (not own and _walk(self, "_parameters", False, "", recurse, True, None)) or _without_names(self.named_parameters(recurse=recurse))

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """The parameters with their dotted paths."""
        return (_walk(self, "_parameters", True, prefix, recurse, remove_duplicate, None)
                or self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate))

    def buffers(self, recurse=True):
        """The buffers, each once."""
        own = type(self).named_buffers is not ModuleTree.named_buffers
        return (not own and _walk(self, "_buffers", False, "", recurse, True, None)) or _without_names(self.named_buffers(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """The buffers with their dotted paths."""
        return (_walk(self, "_buffers", True, prefix, recurse, remove_duplicate, None)
                or self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate))

    def children(self):
        """The modules registered directly in this one, each once."""
        if type(self).named_children is not ModuleTree.named_children:
            return _without_names(self.named_children())
        return _walk(self, "_modules", False, "", False, True, None)

    def named_children(self):
        """The modules registered directly in this one, with their names."""
        return _walk(self, "_modules", True, "", False, True, None)

    def modules(self, remove_duplicate=True):
        """This module and all below it, each once."""
        return _walk(self, None, False, "", True, remove_duplicate, None) or _without_names(self.named_modules(remove_duplicate=remove_duplicate))

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """This module and all below it, with their dotted paths; its own is `prefix`."""
        return _walk(self, None, True, prefix, True, remove_duplicate, memo)

    def apply(self, fn):
        """Call `fn(module)` for every module below this one, then for this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        """Replace every parameter's data and gradient and every buffer by `fn` of it; the parameter objects stay."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is not None:
                _convert_parameter(self, name, param, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def _convert_floating(self, dtype):
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self):
        """Floating-point parameters and buffers become float32."""
        return self._convert_floating(rl.float32)

    def double(self):
        """Floating-point parameters and buffers become float64."""
        return self._convert_floating(rl.float64)

    def half(self):
        """Floating-point parameters and buffers become float16."""
        return self._convert_floating(rl.float16)

    def bfloat16(self):
        """Floating-point parameters and buffers become bfloat16."""
        return self._convert_floating(rl.bfloat16)

    def type(self, dst_type):
        """All parameters and buffers become `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self):
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device=None):
        return self._apply(_refusing(AssertionError("Torch not compiled with XPU enabled (rushlight runs on the CPU)")))

    def mtia(self, device=None):
        return self._apply(_refusing(AssertionError("Torch not compiled with MTIA enabled (rushlight runs on the CPU)")))

    def ipu(self, device=None):
        return self._apply(_refusing(RuntimeError("PyTorch is not linked with support for ipu devices (rushlight runs on the CPU)")))

    def to(self, *args, **kwargs):
        """Move and convert in place: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`; integers keep their dtype."""
        device, dtype, non_blocking, memory_format = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")

        def convert(t):
            to_dtype = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device=device, dtype=to_dtype, non_blocking=non_blocking, memory_format=memory_format)
            return t.to(device=device, dtype=to_dtype, non_blocking=non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Move to `device` with new, unset memory."""
        return self._apply(lambda t: rl.empty_like(t, device=device), recurse=recurse)

    def share_memory(self):
        """Move parameters and buffers to memory that other processes can map."""
        return self._apply(lambda t: t.share_memory_())

    def train(self, mode=True):
        """Set training mode, here and below: dropout and batch normalisation look at it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """`train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Have gradients computed for all parameters, or not."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the parameters' gradients, or fill them with zeros."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                if param.grad.grad_fn is not None:
                    param.grad.detach_()
                else:
                    param.grad.requires_grad_(False)
                param.grad.zero_()


def _without_names(pairs):
    for _, found in pairs:
        yield found


_set_walker(ModuleTree.named_modules)
