"""Methods of Tensor that are written in Python: printing, copying, pickling, and what is rarely called.

They are set on the engine's type, so that `Tensor` stays one C type and every operation's result is an instance of it.
"""

import copy
from importlib import import_module

import rushlight as rl
from rushlight import _C, _absent

from ._keywords import along, also_called

Tensor, Parameter = _C.Tensor, _C.Parameter


def is_tensor(obj):
    """Whether obj is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj):
    """Whether obj is a storage."""
    return type(obj).__name__ in ("UntypedStorage", "TypedStorage")


def typename(obj):
    """The name of an object's type: "torch.FloatTensor" for tensors, module and name for others."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = getattr(kind, "__module__", None)
    return kind.__qualname__ if module in (None, "builtins") else f"{module}.{kind.__qualname__}"


# ---- gradients -----------------------------------------------------------------------------------------------------------


def _backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    rl.autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def _reinforce(self, reward):
    raise RuntimeError("reinforce() was removed: torch.distributions gives log_prob, whose backward does the same")


# ---- printing ------------------------------------------------------------------------------------------------------------


def __repr__(self, *, tensor_contents=None):
    from ._printing import parameter_repr, tensor_repr
    with _disabled():
        return parameter_repr(self) if isinstance(self, Parameter) else tensor_repr(self)


def __format__(self, spec):
    if self.dim() == 0 and type(self) is Tensor:
        return format(self.item(), spec)
    return object.__format__(self, spec)


class _disabled:
    """A block in which __torch_function__ of subclasses is not asked."""

    def __enter__(self):
        _C._torch_function_off(1)

    def __exit__(self, *args):
        _C._torch_function_off(-1)


# ---- copying and pickling ------------------------------------------------------------------------------------------------


def _rebuild(kind, data, requires_grad, state):
    """A tensor, from what __reduce_ex__ gave."""
    tensor = data if kind is Tensor else Tensor._make_subclass(kind, data)
    if requires_grad:
        tensor.requires_grad_(True)
    if state:
        _set_state(tensor, state)
    return tensor


def _set_state(tensor, state):
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    tensor.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(tensor, name, value)


def _rebuild_data(storage, dtype, size, stride, offset):
    return _C._from_storage(storage, dtype, size, stride, offset)


class _Bytes:
    """The bytes of a storage; pickle writes one object however many tensors share it."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return _bytes_tensor, (bytes(memoryview(self.tensor)),)


def _bytes_tensor(data):
    return rl.frombuffer(bytearray(data), dtype=rl.uint8) if data else rl.empty(0, dtype=rl.uint8)


def _state_of(self):
    """What else an object carries: its attributes, and the slots of its class."""
    slots = {name: getattr(self, name) for kind in type(self).__mro__ for name in kind.__dict__.get("__slots__", ())
             if name not in ("__dict__", "__weakref__") and hasattr(self, name)}
    return (self.__dict__, slots) if slots else self.__dict__ or None


def __reduce_ex__(self, protocol):
    from .utils.hooks import warn_if_has_hooks
    with _disabled():
        warn_if_has_hooks(self)
        state = _state_of(self)
        if type(self) is Parameter and self._backward_hooks is None:
            state = self.__dict__ or None
        plain = self.detach()
        data = _SharedView(plain)
        return _rebuild, (type(self), data, self.requires_grad, state)


class _SharedView:
    """The geometry of a tensor over its storage, for pickle."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        t = self.tensor
        return _rebuild_data, (_Bytes(_C._storage_bytes(t)), t.dtype, tuple(t.shape), t.stride(), t.storage_offset())


def __setstate__(self, state):
    _set_state(self, state)


def __deepcopy__(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
                           "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
                           "see https://github.com/pytorch/pytorch/pull/103001. detach() gives a tensor that can be copied.")
    with _disabled(), rl.no_grad():
        key = ("rushlight storage", self.untyped_storage()._cdata)
        if key not in memo:
            memo[key] = _C._storage_bytes(self.detach()).clone()
            memo[id(memo)] = [*memo.get(id(memo), ()), self.untyped_storage()]      # keeps the address taken
        new = _C._from_storage(memo[key], self.dtype, tuple(self.shape), self.stride(), self.storage_offset())
        if type(self) is not Tensor:
            new = Tensor._make_subclass(type(self), new)
        new.requires_grad_(self.requires_grad)
        if self.grad is not None:
            new.grad = copy.deepcopy(self.grad, memo)
        memo[id(self)] = new
        if type(self) is not Parameter and (state := _state_of(self)):
            _set_state(new, copy.deepcopy(state, memo))
    return new


def _copy(self):
    """copy.copy: another tensor object over the same storage."""
    with _disabled():
        new = Tensor._make_subclass(type(self), self.detach()) if type(self) is not Tensor else self.detach()
        new.requires_grad_(self.requires_grad)
        if state := _state_of(self):
            _set_state(new, state)
    return new


# ---- NumPy ---------------------------------------------------------------------------------------------------------------


def __array_wrap__(self, array, context=None, return_scalar=False):
    return rl.from_numpy(array) if getattr(array, "shape", None) is not None and hasattr(array, "ctypes") else rl.tensor(array)


# ---- the rest ------------------------------------------------------------------------------------------------------------


def __reversed__(self):
    return self if self.dim() == 0 else self.flip(0)


def __dir__(self):
    return sorted({*dir(type(self)), *self.__dict__})


def __div__(self, other):
    return rl.div(self, other)


def new(self, *args, **kwargs):
    """A tensor of this dtype: of these sizes, or of this data."""
    made = Tensor(*args, **kwargs)
    return made.to(self.dtype)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=_C.strided, pin_memory=False):
    """A copy of data in this dtype unless another is given."""
    if isinstance(data, Tensor):
        return data.detach().clone().to(self.dtype if dtype is None else dtype).requires_grad_(requires_grad)
    return rl.tensor(data, dtype=self.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad)


def storage(self):
    """The memory as elements of this dtype."""
    from .storage import typed_storage
    return typed_storage(self)


def _outer_first(self, strict):
    """The dims by falling strides; of two alike the longer one is outside, and strict refuses them."""
    order = []                                           # the innermost first
    for new in reversed(range(self.dim())):
        at = len(order)
        for i in reversed(range(at)):
            ours, theirs = self.stride(order[i]), self.stride(new)
            if strict and (ours == theirs or not ours or not theirs):
                raise RuntimeError("The tensor does not have unique dim order.")
            if not ours or not theirs:
                continue                                 # an expanded dim stays where it is
            if ours < theirs or (ours == theirs and self.size(order[i]) <= self.size(new)):
                break
            at = i
        order.insert(at, new)
    return tuple(reversed(order))


def dim_order(self, ambiguity_check=False):
    """The dims from the one with the largest stride to the one with the smallest.

    ambiguity_check=True refuses tensors whose sizes of 1 or equal strides leave it open; a list of memory formats
    does so unless the tensor is laid out in exactly one of them.
    """
    if not isinstance(ambiguity_check, bool):
        if not isinstance(ambiguity_check, list) or not all(isinstance(f, rl.memory_format) for f in ambiguity_check):
            raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    if ambiguity_check is False:
        return _outer_first(self, False)
    formats = [] if ambiguity_check is True else ambiguity_check
    if 1 in self.shape and sum(self.is_contiguous(memory_format=f) for f in formats) != 1:
        raise RuntimeError("The tensor does not have unique dim order, or cannot map to exact one of the given memory formats.")
    return _outer_first(self, True)


def apply_(self, callable):
    """Replace each element by callable(element), in place; slow."""
    flat = [callable(x) for x in self.detach().reshape(-1).tolist()]
    with rl.no_grad():
        self.copy_(rl.tensor(flat, dtype=self.dtype).reshape(self.shape))
    return self


def map_(self, tensor, callable):
    """Replace each element by callable(element, other element), in place; slow."""
    other = tensor.expand_as(self).reshape(-1).tolist()
    flat = [callable(x, y) for x, y in zip(self.detach().reshape(-1).tolist(), other)]
    with rl.no_grad():
        self.copy_(rl.tensor(flat, dtype=self.dtype).reshape(self.shape))
    return self


def nonzero(self, *, as_tuple=False):
    """Where the elements are not zero: one row of indices each, or one tensor per dim."""
    return rl.nonzero(self, as_tuple=as_tuple)


@also_called(other="y")
def where(self, condition, y):
    """Elements of self where condition holds, of y elsewhere."""
    return rl.where(condition, self, y)


@along
def tensor_split(self, indices_or_sections=None, dim=0, *, sections=None, indices=None, tensor_indices_or_sections=None):
    """rushlight.tensor_split"""
    return rl.tensor_split(self, indices_or_sections, dim, sections=sections, indices=indices, tensor_indices_or_sections=tensor_indices_or_sections)


def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
    """rushlight.norm"""
    return rl.norm(self, p, dim, keepdim, dtype=dtype)


def unique(self, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """rushlight.unique"""
    return rl.unique(self, sorted=sorted, return_inverse=return_inverse, return_counts=return_counts, dim=dim)


def unique_consecutive(self, return_inverse=False, return_counts=False, dim=None):
    """rushlight.unique_consecutive"""
    return rl.unique_consecutive(self, return_inverse=return_inverse, return_counts=return_counts, dim=dim)


def module_load(self, other, assign=False):
    """What load_state_dict puts into the place of self when it is given other."""
    if not assign:
        return self.copy_(other).detach()
    return other.detach()


def is_nonzero(self):
    """Whether the only element is not zero."""
    return bool(self)


def sum_to_size(self, *sizes, size=None):
    """The sum over dims that would have to be broadcast to get from size to this shape."""
    size = sizes if size is None else (size,)
    size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if not size:
        return self.sum()
    lead = self.dim() - len(size)
    if lead < 0 or any(n not in (1, m) for n, m in zip(size, self.shape[lead:])):
        raise RuntimeError(f"size {list(size)} is not expandable to size {list(self.shape)}")
    dims = [*range(lead), *(lead + i for i, n in enumerate(size) if n == 1 and self.shape[lead + i] != 1)]
    summed = self.sum(dims, keepdim=True) if dims else self
    return summed.reshape(size) if lead else summed


def to_dense(self, dtype=None, *, masked_grad=True):
    """Itself: every tensor is dense."""
    return self if dtype is None else self.to(dtype)


def record_stream(self, stream):
    """There are no streams: nothing to record."""


_METHODS = ("__repr__ __format__ __reduce_ex__ __setstate__ __deepcopy__ __array_wrap__ __reversed__ __dir__ __div__ new new_tensor storage "
            "dim_order apply_ map_ nonzero where tensor_split norm unique unique_consecutive module_load is_nonzero sum_to_size to_dense record_stream conj_physical_").split()


_conjugate = Tensor.conj_physical_


def conj_physical_(self):
    """The complex conjugate, in place; real numbers stay as they are."""
    return _conjugate(self) if self.is_complex() else self


def _attach():
    for name in _METHODS:
        function = globals()[name]
        function.__qualname__ = f"Tensor.{name}"
        setattr(Tensor, name, function if name.startswith("_") else _C._asking(function))
    Tensor.__copy__ = _copy
    Tensor.__array_priority__ = 1000
    Tensor.__str__ = object.__str__
    Tensor.__rdiv__ = lambda self, other: rl.div(other, self) if isinstance(other, Tensor) else other / self
    Tensor.reinforce = _reinforce
    Tensor.__idiv__, Tensor.__nonzero__, Tensor.__long__ = Tensor.__itruediv__, Tensor.__bool__, Tensor.__int__
    Tensor.const_data_ptr, Tensor.volatile = Tensor.data_ptr, property(_volatile, _set_volatile)
    Tensor.__module__, Tensor.__cuda_array_interface__ = "rushlight", property(_no_cuda_array)
    Parameter.__deepcopy__, Parameter.__repr__, Parameter.__reduce_ex__ = __deepcopy__, __repr__, __reduce_ex__


def _late(module, name):
    """A method that is a function of a module that few scripts need: the module is imported at the first call."""
    function = None

    def method(self, *args, **kwargs):
        nonlocal function
        function = function or getattr(import_module(f"rushlight.{module}"), name)
        return function(self, *args, **kwargs)
    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    return _C._asking(method)


_LATE = {
    "_linear": "cholesky det inverse logdet lu lu_solve matrix_exp matrix_power pinverse qr slogdet svd "
               "triangular_solve",
    "_older": "fill_diagonal_ index map2_ resize resize_as storage_type",
    "_compositions": "corrcoef cov diff dist histogram quantile nanquantile istft stft",
}


def _attach_late():
    for module, names in _LATE.items():
        for name in names.split():
            if not hasattr(Tensor, name):
                setattr(Tensor, name, _late(module, name))


def _volatile(self):
    import warnings
    warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
    return False


def _set_volatile(self, value):
    import warnings
    warnings.warn("volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2)


def _no_cuda_array(self):
    raise AttributeError("Can't get __cuda_array_interface__ on non-CUDA tensor type: " + self.type())


class _TypeMeta(type):
    """FloatTensor and its kin: isinstance asks for the dtype, calling makes a tensor of it."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args, **kwargs):
        if len(args) == 1 and not isinstance(args[0], (int, Tensor, rl.Size)):
            return rl.tensor(args[0], dtype=cls.dtype)
        return Tensor(*args, **kwargs).to(cls.dtype)

    def __repr__(cls):
        return f"<class 'rushlight.{cls.__name__}'>"


def _tensor_type(name, dtype):
    return _TypeMeta(name, (), {"dtype": dtype, "__module__": "rushlight", "is_cuda": False, "layout": _C.strided,
                                "__doc__": f"The old name of tensors of {dtype}."})


FloatTensor, DoubleTensor, HalfTensor = (_tensor_type(n, d) for n, d in (("FloatTensor", _C.float32), ("DoubleTensor", _C.float64), ("HalfTensor", _C.float16)))
BFloat16Tensor, LongTensor, IntTensor = (_tensor_type(n, d) for n, d in (("BFloat16Tensor", _C.bfloat16), ("LongTensor", _C.int64), ("IntTensor", _C.int32)))
ShortTensor, CharTensor, ByteTensor, BoolTensor = (_tensor_type(n, d) for n, d in (("ShortTensor", _C.int16), ("CharTensor", _C.int8), ("ByteTensor", _C.uint8), ("BoolTensor", _C.bool)))


def set_default_tensor_type(t):
    """The old way to set_default_dtype: a type such as FloatTensor, or its name."""
    if isinstance(t, str):
        t = getattr(rl, t.rsplit(".", 1)[-1], None)
    if not isinstance(t, _TypeMeta):
        raise TypeError(f"invalid type object: expected a tensor type such as rushlight.DoubleTensor, not {t!r}")
    _C.set_default_dtype(t.dtype)


def _storage_from_file(cls, filename, shared=False, nbytes=0):
    """The bytes of a file, mapped into memory: writes reach the file with shared, and nobody without."""
    import mmap
    with open(filename, "r+b" if shared else "rb") as file:
        if shared:
            file.seek(0, 2)
            if file.tell() < nbytes:
                file.truncate(nbytes)
        mapped = mmap.mmap(file.fileno(), nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    return rl.frombuffer(mapped, dtype=rl.uint8).untyped_storage()


def _storage_item(self, index, _at=_C.UntypedStorage.__getitem__):
    """A byte, or for a slice a storage over the same bytes."""
    if not isinstance(index, slice):
        return _at(self, index)
    start, stop, step = index.indices(len(self))
    if step != 1:
        raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
    part = memoryview(self)[start:stop]
    return rl.frombuffer(part, dtype=rl.uint8).untyped_storage() if len(part) else _C.UntypedStorage(0)


_C.UntypedStorage.from_file, _C.UntypedStorage.__getitem__, _C.UntypedStorage.untyped = classmethod(_storage_from_file), _storage_item, lambda self: self

_attach()

_attach_late()
_absent.attach()
