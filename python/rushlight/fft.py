"""torch.fft: the Fourier transforms of the operation table, and the frequencies that belong to their places."""

import rushlight as rl
from rushlight import _C

from .linalg import _give

__all__ = ["fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "irfft", "rfft2", "irfft2", "rfftn", "irfftn", "hfft", "ihfft", "fftfreq", "rfftfreq", "fftshift", "ifftshift", "Tensor"]
Tensor = rl.Tensor
globals().update({name: value for name, value in vars(_C._fft).items() if not name.startswith("_")})


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=rl.strided, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of fft's places for samples d apart."""
    whole = rl.cat([rl.arange((n + 1) // 2), rl.arange(-(n // 2), 0)])
    scale = 1.0 / (n * d) if n else 1.0
    return _give((whole.to(rl.get_default_dtype() if dtype is None else dtype) * scale).requires_grad_(requires_grad), out)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=rl.strided, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of rfft's places for samples d apart."""
    half = rl.arange(n // 2 + 1).to(rl.get_default_dtype() if dtype is None else dtype)
    return _give((half * (1.0 / (n * d))).requires_grad_(requires_grad), out)
