"""Parameters and buffers: tensors that a Module takes note of when they are assigned to it.

Parameter itself belongs to the engine, a second exact tensor type, so that operations on parameters cost what operations on
tensors cost. Here are its lazy forms, which wait for a shape, and Buffer, which is a tensor with a mark on it.
"""

import rushlight as rl
from rushlight import _C

__all__ = ["Parameter", "UninitializedParameter", "is_lazy", "Buffer", "UninitializedBuffer", "UninitializedTensorMixin"]

Parameter = _C.Parameter

_UNKNOWN_SHAPE = ("Can't access the shape of an uninitialized parameter or buffer. This happens in `load_state_dict` when an "
                  "uninitialized parameter is loaded into an initialized one. Call `forward` with a batch first: it fixes the shapes.")


class UninitializedTensorMixin:
    """What a lazy parameter and a lazy buffer share: no shape, no arithmetic, and `materialize`."""

    # Names of the functions that need no shape; every other one is refused.
    _allowed_names = frozenset("""__hash__ __get__ __set__ size copy_ is_complex is_floating_point half float double bfloat16 char
        short int long cuda cpu to type get_device detach requires_grad_ _has_compatible_shallow_copy_type""".split())

    def materialize(self, shape, device=None, dtype=None):
        """Take memory of this shape and become an ordinary parameter or tensor; the object stays the same."""
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.data = rl.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(_UNKNOWN_SHAPE)

    def share_memory_(self):
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
                           "parameters before calling `module.share_memory()`.")

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, proto):
        return type(self), (self.requires_grad, self.data.device, self.data.dtype)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", None) in cls._allowed_names:
            return super().__torch_function__(func, types, args, kwargs or {})
        raise ValueError(f"Attempted to use an uninitialized parameter in {func}. A lazy module fixes its parameters' shapes at the "
                         f"first `forward`: call it with a batch before using this {cls.__name__}.")


def is_lazy(param):
    """Whether `param` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape the first `forward` of its lazy module will fix."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        data = rl.empty(0, device=device, dtype=dtype)
        return _C.Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class _BufferMeta(type(_C.Tensor)):
    """A buffer is an exact tensor with `_is_buffer` set, so that operations on it stay fast; `isinstance` looks for the mark."""

    def __instancecheck__(cls, instance):
        if cls is Buffer and isinstance(instance, _C.Tensor) and getattr(instance, "_is_buffer", False):
            return True
        return super().__instancecheck__(instance)


class Buffer(_C.Tensor, metaclass=_BufferMeta):
    """A tensor that becomes a module's buffer when assigned to an attribute; `persistent` buffers go into the state_dict."""

    def __new__(cls, data=None, *, persistent=True):
        data = rl.empty(0) if data is None else data
        buffer = data.detach().requires_grad_(data.requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


class UninitializedBuffer(UninitializedTensorMixin, _C.Tensor):
    """A buffer whose shape the first `forward` of its lazy module will fix."""

    cls_to_become = _C.Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        data = rl.empty(0, device=device, dtype=dtype)
        buffer = _C.Tensor._make_subclass(cls, data, requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer
