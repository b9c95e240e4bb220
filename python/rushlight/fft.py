"""torch.fft: the Fourier transforms of the operation table, and the frequencies that belong to their places."""

import warnings

import rushlight as rl
from rushlight import _C

from .linalg import _give

__all__ = ["fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "irfft", "rfft2", "irfft2", "rfftn", "irfftn", "hfft", "ihfft", "fftfreq", "rfftfreq", "fftshift", "ifftshift", "Tensor"]
Tensor = rl.Tensor
globals().update({name: value for name, value in vars(_C._fft).items() if not name.startswith("_")})


def _settle(name, dtype, out, count):
    """The dtype of the frequencies; out= of another size is resized, with a warning."""
    dtype = dtype or (rl.get_default_dtype() if out is None else out.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name} requires a floating point or complex dtype, not {dtype}")
    if out is not None and out.numel() not in (0, count):
        warnings.warn(f"{name}() gives {count} numbers and out has shape {list(out.shape)}. The out tensor will be resized to a tensor of shape ({count},)", UserWarning, stacklevel=3)
    return dtype


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=rl.strided, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of fft's places for samples d apart."""
    dtype = _settle("fftfreq", dtype, out, n)
    whole = rl.cat([rl.arange((n + 1) // 2), rl.arange(-(n // 2), 0)])
    scale = 1.0 / (n * d) if n else 1.0
    return _give((whole.to(dtype) * scale).requires_grad_(requires_grad), out)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=rl.strided, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of rfft's places for samples d apart."""
    dtype = _settle("rfftfreq", dtype, out, n // 2 + 1)
    half = rl.arange(n // 2 + 1).to(dtype)
    return _give((half * (1.0 / (n * d))).requires_grad_(requires_grad), out)
