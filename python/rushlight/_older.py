"""Names of torch that few scripts use and that other names of it express: older functions, control flow, files as tensors, switches."""

import math

import rushlight as rl
from rushlight import _C

from ._asking import ask_first

_F = rl.nn.functional
_GRID_MODES, _GRID_PADDING = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


# Under numbers what nn.functional takes under names


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """nn.functional.grid_sample with numbers for the modes: bilinear, nearest, bicubic; zeros, border, reflection."""
    return _F.grid_sample(input, grid, _GRID_MODES[interpolation_mode], _GRID_PADDING[padding_mode], align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler


def affine_grid_generator(theta, size, align_corners):
    """nn.functional.affine_grid."""
    return _F.affine_grid(theta, size, align_corners)


def conv_tbc(input, weight, bias, pad=0):
    """nn.functional.conv_tbc."""
    return _F.conv_tbc(input, weight, bias, pad)


def max_pool1d_with_indices(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """nn.functional.max_pool1d with return_indices=True."""
    return _F.max_pool1d(input, kernel_size, stride or None, padding, dilation, ceil_mode, return_indices=True)


def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """A convolution, or its transpose, over as many dims as the weight has beyond two."""
    n = weight.dim() - 2
    if n not in (1, 2, 3):
        raise RuntimeError(f"convolution: expected a weight of 3 to 5 dims, but got shape {list(weight.shape)}")
    if transposed:
        return getattr(_F, f"conv_transpose{n}d")(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return getattr(_F, f"conv{n}d")(input, weight, bias, stride, padding, dilation, groups)


# Norms by their older names


def frobenius_norm(input, dim=None, keepdim=False):
    """The root of the sum of squares."""
    return rl.linalg.vector_norm(input, 2, dim, keepdim)


def nuclear_norm(input, dim=(-2, -1), keepdim=False):
    """The sum of the singular values."""
    return rl.linalg.matrix_norm(input, "nuc", tuple(dim), keepdim)


def native_norm(input, p=2):
    """The p-norm of all elements."""
    return rl.linalg.vector_norm(input, p)


def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dims but one."""
    if dim == -1:
        return v.norm(pow)
    return rl.linalg.vector_norm(v, pow, [d for d in range(v.dim()) if d != dim % v.dim()], keepdim=True)


# Segments


class _Extreme(rl.autograd.Function):
    """The largest or smallest of each segment; those of its elements that equal it share its gradient, nan among nan, and the initial value takes no share."""

    @staticmethod
    def forward(ctx, data, base, where, axis, how):
        result = base.scatter_reduce(axis, where, data, how)
        ctx.save_for_backward(data, result, where)
        ctx.axis = axis
        return result

    @staticmethod
    def backward(ctx, grad):
        data, result, where = ctx.saved_tensors
        found = result.gather(ctx.axis, where)
        chosen = ((data == found) | (data.isnan() & found.isnan())).to(data.dtype)
        count = rl.zeros_like(result).scatter_add(ctx.axis, where, chosen)
        return (grad / count.clamp(min=1)).gather(ctx.axis, where) * chosen if data.numel() else rl.zeros_like(data), None, None, None, None


class _ProductWithNan(rl.autograd.Function):
    """The product of each segment of rows; the gradient of a nan is the product of the others, as that of a 0 is."""

    @staticmethod
    def forward(ctx, data, base, where):
        result = base.scatter_reduce(0, where, data, "prod")
        ctx.save_for_backward(data, base, result, where)
        return result

    @staticmethod
    def backward(ctx, grad):
        data, base, result, where = ctx.saved_tensors
        special = data.isnan() | (data == 0)
        slope = rl.where(special, 0, result.gather(0, where) / data)
        rows = where.flatten(1)[:, 0] if where.dim() > 1 else where
        for i in special.flatten(1).any(1).nonzero().flatten().tolist() if data.dim() > 1 else special.nonzero().flatten().tolist():
            others = (rows == rows[i]) & (rl.arange(len(rows)) != i)
            slope[i] = rl.where(special[i], base[rows[i]] * data[others].prod(0), slope[i])
        return grad.gather(0, where) * slope, None, None


def _segment_lengths(data, lengths, offsets, axis, unsafe):
    """The lengths, once it is clear that they fit the data along axis."""
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    given = offsets if lengths is None else lengths
    if given.dtype not in (rl.int32, rl.int64):
        raise NotImplementedError(f"segment_reduce() is not implemented for lengths of {given.dtype}: they are int64 or int32")
    if axis != given.dim() - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {'lengths' if offsets is None else 'offsets'} but got {axis}.")
    lengths = given if offsets is None else given.diff(dim=-1)
    if not unsafe and lengths.numel() and int(lengths.min()) < 0:
        raise RuntimeError(f"lengths contains negative value! The smallest is {int(lengths.min())}")
    sums = lengths.sum(-1)
    if not unsafe and offsets is None and (sums != data.shape[axis]).any():
        raise RuntimeError(f"segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe: they sum to {sums.tolist()}, not {data.shape[axis]}")
    return lengths


def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    """Runs of slices along axis put together: sum, mean, max, min or prod of each; lengths or offsets say where they end."""
    how = {"sum": "sum", "mean": "sum", "max": "amax", "min": "amin", "prod": "prod", "amax": "amax", "amin": "amin"}.get(reduce)
    if how is None:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    axis = axis + data.dim() if axis < 0 else axis
    lengths = _segment_lengths(data, lengths, offsets, axis, unsafe)
    if not data.dtype.is_floating_point:
        raise NotImplementedError(f"segment_reduce() is not implemented for {data.dtype}: it takes floating-point numbers")
    if axis:
        pieces = [segment_reduce(d, reduce, lengths=n, axis=axis - 1, unsafe=unsafe, initial=initial) for d, n in zip(data, lengths)]
        return rl.stack(pieces)
    start = {"sum": 0.0, "prod": 1.0, "amax": -math.inf, "amin": math.inf}[how] if initial is None else float(initial)
    data = data[:int(lengths.sum())]
    where = rl.repeat_interleave(rl.arange(lengths.numel()), lengths).reshape(-1, *[1] * (data.dim() - 1)).expand(data.shape)
    base = rl.full((lengths.numel(), *data.shape[1:]), start, dtype=data.dtype)
    if how in ("amax", "amin"):
        return _Extreme.apply(data, base, where, 0, how)
    if how == "prod" and data.requires_grad and data.isnan().any():
        return _ProductWithNan.apply(data, base, where)
    result = base.scatter_reduce(0, where, data, how)
    if reduce != "mean":
        return result
    count = lengths.to(data.dtype).reshape(-1, *[1] * (data.dim() - 1))
    return rl.where(count > 0, result / count, rl.full_like(base, math.nan if initial is None else start))


# Tensors


def fill_diagonal_(self, fill_value, wrap=False):
    """Writes a number on the main diagonal; with wrap the diagonal of a tall matrix begins anew below."""
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError(f"all dimensions of input must be of equal length: the shape is {list(self.shape)}")
    size, step, start = min(self.shape), sum(self.stride()), self.storage_offset()
    self.as_strided((size,), (step,), start).fill_(fill_value)
    if wrap and self.dim() == 2 and self.shape[0] > self.shape[1] + 1:
        period = self.shape[1] + 1
        self.as_strided((-(-self.numel() // period) - size,), (step,), start + self.stride(0) * period).fill_(fill_value)
    return self


def resize(self, *sizes):
    """view() by an older name."""
    return self.view(*sizes)


def resize_as(self, other):
    """view_as() by an older name."""
    return self.view(other.size())


def index(self, indices):
    """self[indices]: a tensor, or a tuple with one entry per dim."""
    return self[indices]


def map2_(self, x, y, callable):
    """Writes callable(a, b, c) of each element and those of x and y in its place: slow, for trying things."""
    x, y = x.expand_as(self), y.expand_as(self)
    values = [callable(*three) for three in zip(self.reshape(-1).tolist(), x.reshape(-1).tolist(), y.reshape(-1).tolist())]
    return self.copy_(rl.tensor(values, dtype=self.dtype).reshape(self.shape))


def storage_type(self):
    """The class of self.storage() for this dtype."""
    from .storage import legacy_type
    return legacy_type(self.dtype)


def from_file(filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor over `size` elements of a file; shared=True writes changes back."""
    import numpy
    dtype = rl.get_default_dtype() if dtype is None else dtype
    word = rl.empty(0, dtype=dtype).view(rl.int16).numpy().dtype if dtype is rl.bfloat16 else rl.empty(0, dtype=dtype).numpy().dtype
    if shared:
        with open(filename, "ab") as file:
            file.truncate(max(file.tell(), size * word.itemsize))
    array = numpy.memmap(filename, dtype=word, mode="r+" if shared else "c", shape=(size,))
    result = rl.from_numpy(array)
    return (result.view(dtype) if dtype is rl.bfloat16 else result).requires_grad_(requires_grad)


# Control flow, which compilers look into and eager code just runs


def cond(pred, true_fn, false_fn, operands=()):
    """true_fn(*operands) if pred holds, else false_fn(*operands)."""
    if isinstance(pred, rl.Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got shape {list(pred.shape)}.")
    return (true_fn if pred else false_fn)(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """body_fn(*values) as long as cond_fn(*values) holds; the last values."""
    values = carried_inputs
    while cond_fn(*values):
        values = body_fn(*values)
        values = values if isinstance(values, (tuple, list)) else (values,)
    return tuple(values)


def sym_int(a):
    """int(a): sizes are plain numbers."""
    return math.floor(a) if a >= 0 else math.ceil(a)


def sym_float(a):
    """float(a)."""
    return float(a)


def sym_not(a):
    """not a."""
    return not a


def sym_ite(b, t, f):
    """t if b else f."""
    return t if b else f


def sym_max(a, b):
    """The larger of two numbers; a float if either is one."""
    return float(max(a, b)) if isinstance(a, float) or isinstance(b, float) else max(a, b)


def sym_min(a, b):
    """The smaller of two numbers; a float if either is one."""
    return float(min(a, b)) if isinstance(a, float) or isinstance(b, float) else min(a, b)


def sym_sqrt(a):
    """The square root of a number."""
    return math.sqrt(a)


def sym_sum(args):
    """The sum of numbers."""
    return sum(args)


# Switches and errors


class FatalError(Exception):
    """Never raised: errors of the engine are Python's own exceptions."""


class AcceleratorError(RuntimeError):
    """Never raised: there is no accelerator."""


OutOfMemoryError = _C.OutOfMemoryError


class JITException(Exception):
    """Never raised: nothing is compiled."""


class DisableTorchFunctionSubclass:
    """A context in which operations on tensor subclasses run as on tensors."""

    def __enter__(self):
        _C._torch_function_off(1)
        return self

    def __exit__(self, *error):
        _C._torch_function_off(-1)


DisableTorchFunction = DisableTorchFunctionSubclass


def init_num_threads():
    """Nothing to prepare: threads belong to the process."""


def set_anomaly_enabled(enabled, check_nan=True):
    """Whether backward names the forward call behind an error, and looks for NaN."""
    _C._set_anomaly_enabled(enabled, check_nan)


def thread_safe_generator():
    """None, the default generator: workers of a DataLoader are processes."""


has_lapack, has_mkl, has_openmp, has_spectral = True, False, False, True

__all__ = [name for name, value in list(globals().items()) if not name.startswith("_") and name not in ("ask_first", "math", "rl") and getattr(value, "__module__", __name__) == __name__]
ask_first(globals())
