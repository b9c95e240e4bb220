"""torch.masked: reductions and normalisations that leave masked elements out.

An element whose mask is False is replaced by what does not change the result (0 in a sum, minus infinity in a maximum), so
everything here is a `where` and the ordinary operation; gradients follow from theirs. MaskedTensor is not in rushlight.
"""

import math

import rushlight as rl

__all__ = ["amax", "amin", "argmax", "argmin", "as_masked_tensor", "cumprod", "cumsum", "is_masked_tensor", "log_softmax", "logaddexp", "logsumexp",
           "masked_tensor", "MaskedTensor", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var"]


# ---- masks, dims, dtypes ---------------------------------------------------------------------------------------------

def _dims(input, dim):
    """The dims to reduce, counted from the front: all for None."""
    if dim is None:
        return tuple(range(input.dim()))
    found, ndim = [], max(input.dim(), 1)
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
        if d % ndim in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        found.append(d % ndim)
    return tuple(found)


def _check_mask(input, mask):
    """The mask as bool of the input's shape, or None."""
    if mask is None:
        return None
    if not isinstance(mask, rl.Tensor):
        raise TypeError(f"mask must be a Tensor, not {type(mask).__name__}")
    if mask.dim() > input.dim():
        raise IndexError(f"_input_mask expected broadcastable mask (got mask dimensionality higher than of the input): {list(mask.shape)} for {list(input.shape)}")
    return mask.to(rl.bool).expand(input.shape)


def _kept(input, mask, neutral):
    """The input with neutral in place of what is masked."""
    mask = _check_mask(input, mask)
    return input if mask is None else rl.where(mask, input, rl.tensor(neutral, dtype=input.dtype))


def _least(dtype):
    return -math.inf if dtype.is_floating_point else 0 if dtype is rl.bool else rl.iinfo(dtype).min


def _largest(dtype):
    return math.inf if dtype.is_floating_point else 1 if dtype is rl.bool else rl.iinfo(dtype).max


def _integers_widen(input, dtype):
    if dtype is None:
        dtype = input.dtype
        if not (dtype.is_floating_point or dtype.is_complex):
            dtype = rl.int64
    return input.to(dtype)


def _scanned(scan, input, dim, dtype, mask, neutral):
    dtype = input.dtype if dtype is None else dtype
    return scan(_kept(input, mask, neutral).to(dtype), _dims(input, dim)[0], dtype=dtype)


def _count(input, dims, mask):
    """How many elements enter each result; dims are kept."""
    mask = _check_mask(input, mask)
    ones = rl.ones(input.shape, dtype=rl.int64) if mask is None else mask.to(rl.int64)
    return ones.sum(dims, keepdim=True)


# ---- reductions ------------------------------------------------------------------------------------------------------

def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the elements whose mask is True."""
    return _kept(_integers_widen(input, dtype), mask, 0).sum(_dims(input, dim), keepdim=bool(keepdim))


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the elements whose mask is True."""
    result = _kept(_integers_widen(input, dtype), mask, 1)
    for d in sorted(_dims(input, dim), reverse=True):
        result = result.prod(d, keepdim=bool(keepdim))
    return result


def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums along dim, to which masked elements add nothing."""
    return _scanned(rl.cumsum, input, dim, dtype, mask, 0)


def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products along dim, which masked elements leave as they are."""
    return _scanned(rl.cumprod, input, dim, dtype, mask, 1)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest element whose mask is True."""
    input = input if dtype is None else input.to(dtype)
    return _kept(input, mask, _least(input.dtype)).amax(_dims(input, dim), bool(keepdim))


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest element whose mask is True."""
    input = input if dtype is None else input.to(dtype)
    return _kept(input, mask, _largest(input.dtype)).amin(_dims(input, dim), bool(keepdim))


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the largest element stands whose mask is True, as a number of dtype or of the input's."""
    dtype = input.dtype if dtype is None else dtype
    return _kept(input, mask, _least(input.dtype)).argmax(dim, bool(keepdim)).to(dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the smallest element stands whose mask is True, as a number of dtype or of the input's."""
    dtype = input.dtype if dtype is None else dtype
    return _kept(input, mask, _largest(input.dtype)).argmin(dim, bool(keepdim)).to(dtype)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the elements whose mask is True; NaN where there are none."""
    input = input if dtype is None else input.to(dtype)
    dims = _dims(input, dim)
    if mask is None:
        return input.mean(dims, keepdim=bool(keepdim))
    total, count = sum(input, dims, keepdim=keepdim, dtype=input.dtype, mask=mask), _count(input, dims, mask)
    return total / count.reshape(total.shape)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The median, of two the lower, of the elements along dim whose mask is True."""
    dtype = input.dtype if dtype is None else dtype
    floating = input.is_floating_point()
    result = rl.nanmedian(_kept(input if floating else input.float(), mask, math.nan), _dims(input, dim)[0], keepdim).values
    if floating:
        return result
    if bool(result.isnan().any()):
        raise ValueError("masked median expected no fully masked out rows if dtype is not floating point")
    return result.to(dtype)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The logarithm of the sum of exponentials of the elements whose mask is True."""
    dtype = input.dtype if dtype is None else dtype
    least = -math.inf if input.is_complex() else _least(input.dtype)      # of integers the least there is, as in torch
    return _kept(input, mask, least).logsumexp(_dims(input, dim), keepdim).to(dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), to which masked elements add nothing."""
    dtype = input.dtype if dtype is None else dtype
    return rl.logaddexp(_kept(input, input_mask, -math.inf), _kept(other, other_mask, -math.inf)).to(dtype)


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The ord-norm of the elements whose mask is True."""
    input = input if dtype is None else input.to(dtype)
    return rl.linalg.vector_norm(_kept(input, mask, math.inf if ord < 0 else 0), ord, _dims(input, dim), bool(keepdim))


def _spread(input, dim, unbiased, correction, keepdim, dtype, mask, root):
    if unbiased is not None and correction is not None:
        raise RuntimeError("Only one of unbiased and correction may be given")
    correction = 1 if correction is None and unbiased in (None, True) else 0 if correction is None else correction
    dtype = input.dtype if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = rl.float32
    wide = input if input.is_floating_point() or input.is_complex() else input.to(dtype)
    dims = _dims(input, dim)
    count = _count(wide, dims, mask)
    around = wide - sum(wide, dims, keepdim=True, mask=mask) / count
    square = around * around.conj() if wide.is_complex() else around * around
    total = sum(square.real if wide.is_complex() else square, dims, keepdim=keepdim, mask=mask)
    result = total / (count - correction).clamp(min=0).reshape(total.shape)
    return (result.sqrt() if root else result).to(dtype)


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements whose mask is True."""
    return _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask, False)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation of the elements whose mask is True."""
    return _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask, True)


# ---- normalisations --------------------------------------------------------------------------------------------------

def softmax(input, dim, *, dtype=None, mask=None):
    """softmax of the elements along dim whose mask is True; 0 elsewhere."""
    input = input if dtype is None else input.to(dtype)
    return rl.softmax(_kept(input, mask, -math.inf), _dims(input, dim)[0])


def log_softmax(input, dim, *, dtype=None, mask=None):
    """log_softmax of the elements along dim whose mask is True; minus infinity elsewhere."""
    input = input if dtype is None else input.to(dtype)
    return rl.log_softmax(_kept(input, mask, -math.inf), _dims(input, dim)[0])


def softmin(input, dim, *, dtype=None, mask=None):
    """softmax of the negated elements along dim whose mask is True; 0 elsewhere."""
    input = input if dtype is None else input.to(dtype)
    return rl.softmax(-_kept(input, mask, math.inf), _dims(input, dim)[0])


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The elements divided by the ord-norm, along dim, of those whose mask is True; 0 elsewhere."""
    input = input if dtype is None else input.to(dtype)
    size = norm(input, ord, dim, keepdim=True, mask=mask)
    return _kept(input, mask, 0) / rl.maximum(size, rl.tensor(eps, dtype=size.dtype))


# ---- masked tensors --------------------------------------------------------------------------------------------------

class MaskedTensor:
    """Named, so that it can be asked for; making one raises."""

    def __init__(self, data, mask, requires_grad=False):
        raise NotImplementedError("MaskedTensor is not in rushlight; keep the mask beside the tensor and use the functions of rushlight.masked with mask=")


def masked_tensor(data, mask, requires_grad=False):
    """Raises: there are no masked tensors."""
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data, mask):
    """Raises: there are no masked tensors."""
    return MaskedTensor(data, mask)


def is_masked_tensor(obj, /):
    """False: there are no masked tensors."""
    return False
