"""torch.signal.windows: window functions of M places, symmetric (sym=True) or as one period of a longer signal."""

import math

import rushlight as rl

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser", "nuttall"]


def _check(name, M, dtype, layout):
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and layout is not rl.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    dtype = rl.get_default_dtype() if dtype is None else dtype
    if dtype not in (rl.float32, rl.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return dtype


def _made(values, dtype, requires_grad):
    return values.to(dtype).requires_grad_(requires_grad)


def _places(M, sym):
    """0 to M - 1, and the length over which the window runs."""
    return rl.arange(M, dtype=rl.float64), M - 1 if sym else M


def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """exp(-|n - center| / tau)."""
    dtype = _check("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M < 2:
        return rl.ones(M, dtype=dtype, requires_grad=requires_grad)
    n, last = _places(M, sym)
    center = last / 2 if center is None else center
    return _made(rl.exp(-(n - center).abs() / tau), dtype, requires_grad)


def cosine(M, *, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """Half a period of the sine."""
    dtype = _check("cosine", M, dtype, layout)
    if M < 2:
        return rl.ones(M, dtype=dtype, requires_grad=requires_grad)
    n, last = _places(M, sym)
    return _made(rl.sin((n + 0.5) * (math.pi / (M if sym else M + 1))), dtype, requires_grad)


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """exp(-(n / std)^2 / 2), centred."""
    dtype = _check("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M < 2:
        return rl.ones(M, dtype=dtype, requires_grad=requires_grad)
    n, last = _places(M, sym)
    return _made(rl.exp(-(((n - last / 2) / std) ** 2) / 2), dtype, requires_grad)


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """Bessel's i0 over a half circle."""
    dtype = _check("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return rl.ones(M, dtype=dtype, requires_grad=requires_grad)
    n, last = _places(M, sym)
    t = n * (2 / last) - 1
    return _made(rl.i0(beta * (1 - t * t).clamp(min=0).sqrt()) / rl.i0(rl.tensor(float(beta), dtype=rl.float64)), dtype, requires_grad)


def general_cosine(M, *, a, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """The sum of (-1)^k a_k cos(2 pi k n / length)."""
    dtype = _check("general_cosine", M, dtype, layout)
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    if M < 2:
        return rl.ones(M, dtype=dtype, requires_grad=requires_grad)
    n, last = _places(M, sym)
    angle = n * (2 * math.pi / last)
    return _made(sum((-1) ** k * c * rl.cos(k * angle) for k, c in enumerate(a)), dtype, requires_grad)


def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """alpha - (1 - alpha) cos."""
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, dtype=dtype, layout=layout, requires_grad=requires_grad)


def hamming(M, *, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """general_hamming with alpha 0.54."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, requires_grad=requires_grad)


def hann(M, *, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """general_hamming with alpha 0.5."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, requires_grad=requires_grad)


def blackman(M, *, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """general_cosine with 0.42, 0.5, 0.08."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, requires_grad=requires_grad)


def nuttall(M, *, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """general_cosine with Nuttall's four coefficients (1981)."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout, requires_grad=requires_grad)


def bartlett(M, *, sym=True, dtype=None, layout=rl.strided, device=None, requires_grad=False):
    """A triangle."""
    dtype = _check("bartlett", M, dtype, layout)
    if M < 2:
        return rl.ones(M, dtype=dtype, requires_grad=requires_grad)
    n, last = _places(M, sym)
    return _made(1 - (n * (2 / last) - 1).abs(), dtype, requires_grad)
