"""torch.fft over NumPy's transforms.

Three linear maps are enough: complex to complex, real to half a spectrum, half a spectrum to real.  The gradient of each is another
of them with the opposite sign and the opposite scaling, so derivatives of any order are Fourier transforms too.
"""

import numpy as np

import rushlight as rl

from ._keywords import along
from .linalg import _give

_NORMS = ("forward", "ortho", "backward")
_OPPOSITE = {"forward": "backward", "backward": "forward", "ortho": "ortho"}


_SINGLE = {np.fft.fftn: np.fft.fft, np.fft.ifftn: np.fft.ifft, np.fft.rfftn: np.fft.rfft, np.fft.irfftn: np.fft.irfft}


def _tensor_of(result, wide):
    kind = ("complex128" if wide else "complex64") if result.dtype.kind == "c" else ("float64" if wide else "float32")
    return rl.from_numpy(np.ascontiguousarray(result, dtype=kind))


def _run(transform, x, dims, norm, n=None):
    """The transform over dims; n: the size of the result along the only one. The result lies as torch's: the dims transformed innermost, the
    others in the input's order."""
    array, wide, count = x.detach().numpy(), x.dtype in (rl.float64, rl.complex128), len(dims)
    if count == 1 and dims[0] == x.dim() - 1 and x.is_contiguous():
        return _tensor_of(_SINGLE[transform](array, n, norm=norm), wide)
    strides = x.stride()
    order = sorted((d for d in range(x.dim()) if d not in dims), key=lambda d: -strides[d]) + list(dims)
    array = array.transpose(order)
    result = _SINGLE[transform](array, n, norm=norm) if count == 1 else transform(array, axes=tuple(range(-count, 0)), norm=norm)
    back = sorted(range(len(order)), key=order.__getitem__)
    return _tensor_of(result, wide).permute(back)


def _by_stride(x, dims):
    """Dims in the order in which they lie in memory: it does not matter to a transform over all of them."""
    strides = x.stride()
    return tuple(sorted(dims, key=lambda d: -strides[d])) if len(dims) > 1 else tuple(dims)


class _Complex(rl.autograd.Function):
    derives_jvp = True

    @staticmethod
    def forward(ctx, x, dims, norm, inverse):
        ctx.how = dims, norm, inverse
        return _run(np.fft.ifftn if inverse else np.fft.fftn, x, _by_stride(x, dims), norm)

    @staticmethod
    def backward(ctx, g):
        dims, norm, inverse = ctx.how
        return _Complex.apply(g, dims, _OPPOSITE[norm], not inverse), None, None, None


class _Real(rl.autograd.Function):
    """Real input, the half of the spectrum that the other half mirrors; the last of dims is halved."""

    derives_jvp = True

    @staticmethod
    def forward(ctx, x, dims, norm):
        ctx.how = dims, norm, x.shape[dims[-1]]
        return _run(np.fft.rfftn, x, (*_by_stride(x, dims[:-1]), dims[-1]), norm)

    @staticmethod
    def backward(ctx, g):
        dims, norm, n = ctx.how
        g = _pad_end(g, dims[-1], n)
        return _Complex.apply(g, dims, _OPPOSITE[norm], True).real, None, None


class _HalfToReal(rl.autograd.Function):
    derives_jvp = True

    @staticmethod
    def forward(ctx, x, dims, norm, n):
        ctx.how = dims, norm, n, x.shape[dims[-1]]
        if len(dims) > 1:
            x = _run(np.fft.ifftn, x, _by_stride(x, dims[:-1]), norm)
        return _run(np.fft.irfftn, x, dims[-1:], norm, n)

    @staticmethod
    def backward(ctx, g):
        dims, norm, n, half = ctx.how
        g = _Real.apply(g, dims, _OPPOSITE[norm])
        twice = rl.ones(half, dtype=g.real.dtype)
        twice[1:(n + 1) // 2] = 2                       # places that stand for their mirror image as well
        return g * twice.reshape([-1 if i == dims[-1] % g.dim() else 1 for i in range(g.dim())]), None, None, None


def _pad_end(x, dim, n):
    """x cut or padded with zeros to n along dim."""
    size = x.shape[dim]
    if size == n:
        return x
    if size > n:
        return x.narrow(dim, 0, n)
    pads = [0, 0] * (x.dim() - dim % x.dim() - 1) + [0, n - size]
    return rl.constant_pad_nd(x, pads)


def _check_dims(x, dims):
    for d in dims:
        if x.dim() == 0:
            raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
        if not -x.dim() <= d < x.dim():
            raise IndexError(f"Dimension out of range (expected to be in range of [{-x.dim()}, {x.dim() - 1}], but got {d})")


def _norm_of(norm):
    norm = "backward" if norm is None else norm
    if norm not in _NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm


def _inexact(x, name, real=False):
    if real and x.is_complex():
        raise RuntimeError(f"{name} expects a real input tensor, but got {x.dtype}")
    if x.dtype in (rl.float16, rl.bfloat16):
        raise RuntimeError(f"Unsupported dtype {x.dtype} in {name}: convert to float32")
    return x if x.is_floating_point() or x.is_complex() else x.to(rl.get_default_dtype())


def _complex(x):
    return x if x.is_complex() else x.to(rl.complex128 if x.dtype is rl.float64 else rl.complex64)


def _one(x, n, dim, name):
    _check_dims(x, (dim,))
    n = x.shape[dim] if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return _pad_end(x, dim, n), (dim % x.dim(),)


def _many(x, s, dim, name):
    """The input brought to sizes s along dims, and the dims."""
    if isinstance(s, int):
        s = (s,)
    if isinstance(dim, int):
        dim = (dim,)
    if dim is None:
        count = x.dim() if s is None else len(s)
        if count > x.dim():
            raise RuntimeError(f"Got shape with {count} values but input tensor only has {x.dim()} dimensions.")
        dim = tuple(range(x.dim() - count, x.dim()))
    _check_dims(x, dim)
    dims = tuple(d % x.dim() for d in dim)
    if len(set(dims)) != len(dims):
        raise RuntimeError("FFT dims must be unique")
    if s is not None:
        if len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
        for d, n in zip(dims, s):
            if n != -1:
                if n < 1:
                    raise RuntimeError(f"Invalid number of data points ({n}) specified")
                x = _pad_end(x, d, n)
    if any(x.shape[d] < 1 for d in dims):
        raise RuntimeError(f"Invalid number of data points ({min(x.shape[d] for d in dims)}) specified")
    return x, dims


@along
def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """The discrete Fourier transform along dim; norm is backward (no scaling here), ortho (1/sqrt n) or forward (1/n)."""
    x, dims = _one(_complex(_inexact(input, "fft")), n, dim, "fft")
    return _give(_Complex.apply(x, dims, _norm_of(norm), False), out)


@along
def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of fft."""
    x, dims = _one(_complex(_inexact(input, "ifft")), n, dim, "ifft")
    return _give(_Complex.apply(x, dims, _norm_of(norm), True), out)


@along
def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """fft of real input: the first n // 2 + 1 places, which the others mirror."""
    x, dims = _one(_inexact(input, "rfft", True), n, dim, "rfft")
    return _give(_Real.apply(x, dims, _norm_of(norm)), out)


@along
def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of rfft; n is the size of the result, 2 (m - 1) if not given."""
    x = _complex(_inexact(input, "irfft"))
    _check_dims(x, (dim,))
    n = 2 * (x.shape[dim] - 1) if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return _give(_HalfToReal.apply(_pad_end(x, dim, n // 2 + 1), (dim % x.dim(),), _norm_of(norm), n), out)


@along
def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """fft of a signal that is Hermitian in time, so real in frequency."""
    return irfft(_complex(_inexact(input, "hfft")).conj(), n, dim, _OPPOSITE[_norm_of(norm)], out=out)


@along
def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of hfft."""
    return _give(rfft(_inexact(input, "ihfft", True), n, dim, _OPPOSITE[_norm_of(norm)]).conj().resolve_conj(), out)


@along
def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The discrete Fourier transform over several dims."""
    x, dims = _many(_complex(_inexact(input, "fftn")), s, dim, "fftn")
    return _give(_Complex.apply(x, dims, _norm_of(norm), False) if dims else x.clone(), out)


@along
def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of fftn."""
    x, dims = _many(_complex(_inexact(input, "ifftn")), s, dim, "ifftn")
    return _give(_Complex.apply(x, dims, _norm_of(norm), True) if dims else x.clone(), out)


@along
def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """fftn of real input; the last dim is halved."""
    x, dims = _many(_inexact(input, "rfftn", True), s, dim, "rfftn")
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    return _give(_Real.apply(x, dims, _norm_of(norm)), out)


def _half_input(input, s, dim, name):
    x = _complex(_inexact(input, name))
    if s is None or (not isinstance(s, int) and s[-1] == -1):
        _, dims = _many(x, None, dim if dim is not None or s is None else tuple(range(-len(s), 0)), name)
        if not dims:
            raise RuntimeError(f"{name} must transform at least one axis")
        last = 2 * (x.shape[dims[-1]] - 1)
        s = None if s is None else [*s[:-1], -1]
    else:
        s = [s] if isinstance(s, int) else list(s)
        last = s[-1]
        s[-1] = -1
    if last < 1:
        raise RuntimeError(f"Invalid number of data points ({last}) specified")
    x, dims = _many(x, s, dim, name)
    return _pad_end(x, dims[-1], last // 2 + 1), dims, last


@along
def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of rfftn."""
    x, dims, last = _half_input(input, s, dim, "irfftn")
    return _give(_HalfToReal.apply(x, dims, _norm_of(norm), last), out)


@along
def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """hfft over several dims: fftn over all but the last, then hfft."""
    x, dims, last = _half_input(input, s, dim, "hfftn")
    norm = _norm_of(norm)
    if len(dims) > 1:
        x = _Complex.apply(x, dims[:-1], norm, False)
    return _give(hfft(x, last, dims[-1], norm), out)


@along
def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of hfftn."""
    x, dims = _many(_inexact(input, "ihfftn", True), s, dim, "ihfftn")
    if not dims:
        raise RuntimeError("ihfftn must transform at least one axis")
    norm = _norm_of(norm)
    half = ihfft(x, None, dims[-1], norm)
    return _give(_Complex.apply(half, dims[:-1], norm, True) if len(dims) > 1 else half, out)


def _two(function):
    @along
    def transform(input, s=None, dim=(-2, -1), norm=None, *, out=None):
        return function(input, s, dim, norm, out=out)
    name = function.__name__[:-1] + "2"
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"{function.__name__} over the last two dims, or dim."
    return transform


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = map(_two, (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn))


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=rl.strided, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of fft's places for samples d apart."""
    whole = rl.cat([rl.arange((n + 1) // 2), rl.arange(-(n // 2), 0)])
    return _give((whole.to(rl.get_default_dtype() if dtype is None else dtype) * (1.0 / (n * d))).requires_grad_(requires_grad), out)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=rl.strided, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of rfft's places for samples d apart."""
    half = rl.arange(n // 2 + 1).to(rl.get_default_dtype() if dtype is None else dtype)
    return _give((half * (1.0 / (n * d))).requires_grad_(requires_grad), out)


def _shift(input, dim, sign):
    dims = tuple(range(input.dim())) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    shifts = [input.shape[d] // 2 if sign > 0 else (input.shape[d] + 1) // 2 for d in dims]
    return input.roll(shifts, dims) if dims else input.clone()


@along
def fftshift(input, dim=None):
    """Places moved so that frequency zero is in the middle."""
    return _shift(input, dim, 1)


@along
def ifftshift(input, dim=None):
    """The inverse of fftshift."""
    return _shift(input, dim, -1)
