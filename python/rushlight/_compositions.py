"""Functions of torch that are short compositions of operations: differences and integrals, quantiles, covariance, distances, histograms,
short-time Fourier transforms, window functions.  Their gradients are those of what they are made of."""

import functools
import itertools
import math
import warnings

import numpy as np

import rushlight as rl

from ._asking import ask_first
from ._keywords import along, also_called
from .linalg import _give
from .return_types import structure


# ---- differences and integrals ----------------------------------------------------------------------------------------

@along
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The n-th difference of neighbours along dim."""
    if n == 1 and prepend is append is out is None and input.dim() and input.shape[dim] > 1 and input.dtype is not rl.bool:
        size = input.shape[dim] - 1
        return input.narrow(dim, 1, size) - input.narrow(dim, 0, size)
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    for t in (prepend, append):
        if t is not None and t.dim() != input.dim():
            raise RuntimeError(f"diff expects prepend or append to be the same dimension as input: shapes {list(t.shape)} and {list(input.shape)}")
        for i in range(input.dim()):
            if t is not None and i != dim % input.dim() and t.shape[i] != input.shape[i]:
                raise RuntimeError("diff expects the shape of tensor to prepend or append to match that of input except along the differencing dimension; "
                                   f"input.size({i}) = {input.shape[i]}, but got tensor.size({i}) = {t.shape[i]}")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = rl.cat(parts, dim) if len(parts) > 1 else input
    if n == 0:
        if out is not None and out.dtype != x.dtype:
            raise RuntimeError(f"diff(): expected scalar_type {x.dtype} but found {out.dtype}")
        return _give(x.clone(), out)
    for _ in range(min(n, x.shape[dim])):
        size = x.shape[dim]
        left, right = x.narrow(dim, 0, max(size - 1, 0)), x.narrow(dim, min(1, size), max(size - 1, 0))
        x = right.logical_xor(left) if x.dtype is rl.bool else right - left
    return _give(x, out)


def _spacing(x, dim, size):
    """Distances of neighbours along dim, shaped to multiply differences."""
    steps = x.diff(dim=-1 if x.dim() == 1 else dim)
    if x.dim() == 1:
        steps = steps.reshape([-1 if i == dim % size else 1 for i in range(size)])
    return steps


@along
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral along dim by the trapezoidal rule, over the places x or with the step dx."""
    if y.dtype is rl.bool:
        raise RuntimeError("trapezoid: received a bool input for `y`, but bool is not supported")
    size = y.shape[dim]
    if size == 0:
        return y.sum(dim, dtype=y.dtype)
    if x is None:
        return (y.sum(dim) - (y.select(dim, 0) + y.select(dim, -1)) * 0.5) * (1 if dx is None else dx)
    pairs = y.narrow(dim, 1, size - 1) + y.narrow(dim, 0, size - 1)
    return (pairs * _spacing(_places(x, size, y, dim), dim, y.dim())).sum(dim) / 2


def _places(x, size, y, dim):
    if x.dim() == 1 and x.shape[0] != size:
        raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
    return x if x.dim() <= 1 or x.dim() == y.dim() else x.reshape((1,) * (y.dim() - x.dim()) + tuple(x.shape))


@along
def trapz(y, x=None, *, dx=None, dim=-1):
    """trapezoid under its older name."""
    return trapezoid(y, x, dx=dx, dim=dim)


@along
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral up to each place along dim but the first."""
    size = y.shape[dim]
    if size == 0:
        return y.clone()
    pairs = y.narrow(dim, 1, size - 1) + y.narrow(dim, 0, size - 1)
    if x is not None:
        return (pairs * _spacing(_places(x, size, y, dim), dim, y.dim())).cumsum(dim) / 2
    return pairs.cumsum(dim) * ((1 if dx is None else dx) / 2)


@along
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """Central differences along dims, one-sided at the borders; one tensor per dim."""
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    spacing = 1 if spacing is None else spacing
    if len({d % max(input.dim(), 1) for d in dims}) != len(dims):
        raise RuntimeError(f"dim {max(dims, key=dims.count)} appears multiple times in the list of dims")
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(steps) != len(dims):
        raise RuntimeError(f"torch.gradient expected spacing to be unspecified, a scalar or a list of length {len(dims)}, one per dim, but got a list of length {len(steps)}")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    return tuple(_slope(input, d, s, edge_order) for d, s in zip(dims, steps))


def _slope(y, dim, step, edge_order):
    n = y.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    at = lambda i, length=1: y.narrow(dim, i % n, length)
    if isinstance(step, rl.Tensor) and step.dim() == 1:
        shape = [-1 if i == dim % y.dim() else 1 for i in range(y.dim())]
        h = step.diff().to(y.dtype).reshape(shape)
        gap = lambda i, length=1: h.narrow(dim, i % (n - 1), length)
        a, b = gap(0, n - 2), gap(1, n - 2)
        middle = (at(2, n - 2) * (a / b) + at(1, n - 2) * (b / a - a / b) - at(0, n - 2) * (b / a)) / (a + b)
        if edge_order == 1:
            first, last = (at(1) - at(0)) / gap(0), (at(-1) - at(-2)) / gap(-1)
        else:
            p, q = gap(0), gap(1)
            first = -(2 * p + q) / (p * (p + q)) * at(0) + (p + q) / (p * q) * at(1) - p / (q * (p + q)) * at(2)
            p, q = gap(-2), gap(-1)
            last = q / (p * (p + q)) * at(-3) - (p + q) / (p * q) * at(-2) + (2 * q + p) / (q * (p + q)) * at(-1)
    else:
        middle = (at(2, n - 2) - at(0, n - 2)) / (2 * step)
        if edge_order == 1:
            first, last = (at(1) - at(0)) / step, (at(-1) - at(-2)) / step
        else:
            first = (-3 * at(0) + 4 * at(1) - at(2)) / (2 * step)
            last = (3 * at(-1) - 4 * at(-2) + at(-3)) / (2 * step)
    return rl.cat([first, middle, last], dim)


# ---- statistics --------------------------------------------------------------------------------------------------------

def cov(input, *, correction=1, fweights=None, aweights=None):
    """Covariance of the rows of input; weights count or weigh the columns."""
    if input.dim() > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions")
    x = input if input.dim() == 2 else input.reshape(1, -1)
    if not (x.is_floating_point() or x.is_complex()):
        x = x.to(rl.get_default_dtype())
    w = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None and weights.dim() > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()} dimensions")
        if weights is not None and weights.numel() != x.shape[1]:
            raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input but got {weights.numel()} != {x.shape[1]}")
    if fweights is not None:
        if fweights.is_floating_point() or fweights.is_complex():
            raise RuntimeError("cov(): expected fweights to have integral dtype but got fweights with " + str(fweights.dtype))
        w = fweights
    if aweights is not None:
        w = aweights if w is None else w * aweights
    total = x.shape[1] if w is None else w.sum()
    if w is None:
        mean = x.mean(1, keepdim=True)
        norm = total - correction
    else:
        mean = (x * w).sum(1, keepdim=True) / total
        norm = total - correction * ((w * aweights).sum() / total if aweights is not None else 1)
    centred = x - mean
    result = (centred if w is None else centred * w) @ centred.mH
    norm = norm.clamp(min=0) if isinstance(norm, rl.Tensor) else max(norm, 0)
    result = result / norm
    return result.squeeze()


def corrcoef(input):
    """Correlation of the rows of input."""
    if input.dim() > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions")
    c = cov(input)
    if c.dim() == 0:
        return c / c
    d = c.diag()
    s = (d.real if d.is_complex() else d).sqrt()
    c = c / s.unsqueeze(1) / s.unsqueeze(0)
    return rl.complex(c.real.clip(-1, 1), c.imag.clip(-1, 1)) if c.is_complex() else c.clip(-1, 1)


def _quantile(name, input, q, dim, keepdim, interpolation, skip_nan):
    if isinstance(q, float):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = rl.tensor(q, dtype=input.dtype)
    if not input.is_floating_point() or input.dtype in (rl.float16, rl.bfloat16):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if q.dtype != input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}")
    if bool(((q < 0) | (q > 1)).any()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    original = input.dim()
    if dim is None:
        x = input.flatten().unsqueeze(0)
    else:
        x = (input.reshape(1) if original == 0 else input.movedim(dim, -1))
        x = x.unsqueeze(0) if x.dim() == 1 else x
    values = x.sort(-1)[0]
    n = values.shape[-1]
    if skip_nan:
        rank = q.reshape(-1) * ((~values.isnan()).sum(-1, keepdim=True) - 1)
        rank = rank.clamp(min=0)
    else:
        last = values[..., -1:]
        rank = (q.reshape(-1) * (n - 1)).expand(*values.shape[:-1], q.numel())
        rank = rl.where(last.isnan(), rl.full_like(rank, n - 1), rank)
    if interpolation == "lower":
        rank = rank.floor()
    elif interpolation == "higher":
        rank = rank.ceil()
    elif interpolation == "nearest":
        rank = rank.round()
    below = rank.long()
    result = values.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weight = rank - below if interpolation == "linear" else rl.full_like(rank, 0.5)
        above = rank.ceil().long()
        result = rl.lerp(result, values.gather(-1, above), weight)
    if dim is None:
        result = result.squeeze(0)
        shape = (1,) * original if keepdim else ()
        result = result.movedim(-1, 0).reshape(q.shape + shape)
    else:
        if original <= 1:
            result = result.squeeze(0)
        result = result.movedim(-1, 0)
        if keepdim and original:
            result = result.unsqueeze(dim if dim < 0 else dim + 1)
        result = result.squeeze(0) if q.dim() == 0 else result
    return result


@along
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The values below which a share q of the elements lies; q in [0, 1], a number or a vector."""
    return _give(_quantile("quantile", input, q, dim, keepdim, interpolation, False), out)


@along
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """quantile() that leaves NaN out."""
    return _give(_quantile("nanquantile", input, q, dim, keepdim, interpolation, True), out)


# ---- distances -----------------------------------------------------------------------------------------------------------

def dist(input, other, p=2):
    """The p-norm of the difference of two tensors."""
    return rl.norm(input - other, p)


# ---- counting --------------------------------------------------------------------------------------------------------------

def combinations(input, r=2, with_replacement=False):
    """All choices of r elements of a vector, one row each."""
    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    n = input.shape[0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = rl.empty((math.comb(n + r - 1 if with_replacement and n else n, r), r), dtype=rl.int64)   # too many of them are refused here
    flat, numbers = places.view(-1).numpy(), itertools.chain.from_iterable(choose(range(n), r))
    for start in range(0, len(flat), 1 << 20):
        part = flat[start:start + (1 << 20)]
        part[:] = np.fromiter(numbers, np.int64, len(part))
    return input[places]


def _occurs(a, list):
    if list.numel() < 16 or a.is_complex() or list.is_complex():
        return (a.unsqueeze(-1) == list).any(-1)
    list = list.sort()[0]
    place = rl.searchsorted(list, a.contiguous()).clamp(max=list.numel() - 1)
    return list[place] == a


@also_called(element="elements", test_element="test_elements")
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """True where an element occurs among the test elements."""
    a, b = rl.as_tensor(elements), rl.as_tensor(test_elements)
    found = _occurs(a, b.reshape(-1)) if b.numel() else rl.zeros(a.shape, dtype=rl.bool)
    return _give(~found if invert else found, out)


def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """How many elements, or how much weight, fall between neighbouring edges; bins is a number or the edges."""
    if input.dtype not in (rl.float32, rl.float64):
        raise NotImplementedError(f'"histogram_cpu" not implemented for \'{input.dtype}\': x.float() converts')
    x = input.detach().reshape(-1)
    _check_histogram([bins], input, input.shape, weight)
    if out is not None:
        for name, into in zip(("hist", "bin_edges"), out):
            if into.dtype != input.dtype:
                raise RuntimeError(f"torch.histogram: input tensor and {name} tensor should have the same dtype, but got input {input.dtype} and {name} {into.dtype}")
    edges = bins.clone() if isinstance(bins, rl.Tensor) else _edges(x, bins, range)
    w = None if weight is None else weight.reshape(-1)
    hist = _count([x], [edges], w, density)
    return _give(structure("histogram", ("hist", "bin_edges"), (hist, edges)), out)


def _check_histogram(bins, input, shape, weight):
    """bins: one entry per dim, numbers or edges; shape: that of the weights."""
    for i, b in enumerate(bins):
        if isinstance(b, rl.Tensor):
            if b.dtype != input.dtype:
                raise RuntimeError(f"torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {input.dtype} and bins for dimension {i} with dtype {b.dtype}")
            if b.dim() != 1 or not b.numel():
                raise RuntimeError(f"torch.histogramdd: bins tensor should have one dimension, but got {b.dim()} dimensions in the bins tensor for dimension {i}; its shape is {list(b.shape)}")
        elif b <= 0:
            raise RuntimeError(f"torch.histogramdd(): bins must be > 0, but got {b} for dimension {i}")
    if weight is not None and weight.shape != shape:
        raise RuntimeError(f"torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, {list(shape)}, but got {list(weight.shape)}")
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(f"torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input({input.dtype}), and weight({weight.dtype})")


def _edges(x, bins, limits):
    if limits is None:
        low, high = (float(x.min()), float(x.max())) if x.numel() else (0.0, 1.0)
    else:
        low, high = limits
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histogramdd: dimension's range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histogramdd: min should not exceed max, but got min {low} max {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return rl.linspace(low, high, bins + 1, dtype=x.dtype)


def _count(columns, edges, weight, density):
    flat, inside = None, None
    for x, e in zip(columns, edges):
        place = rl.searchsorted(e, x.contiguous(), right=True) - 1
        place = rl.where(x == e[-1], rl.full_like(place, e.numel() - 2), place)
        fits = (x >= e[0]) & (x <= e[-1])
        flat = place if flat is None else flat * (e.numel() - 1) + place
        inside = fits if inside is None else inside & fits
    shape = [e.numel() - 1 for e in edges]
    w = rl.ones_like(columns[0]) if weight is None else weight
    hist = rl.zeros(math.prod(shape), dtype=columns[0].dtype).index_add(0, flat[inside], w[inside]).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for i, e in enumerate(edges):
            hist = hist / e.diff().reshape([-1 if k == i else 1 for k in range(len(edges))])
    return hist


def histogramdd(input, bins, *, range=None, weight=None, density=False, out=None):
    """histogram over several dims: input [*, D], bins a number, a list of numbers or a list of edges."""
    D = input.shape[-1]
    x = input.detach().reshape(math.prod(input.shape[:-1]), D)
    columns = [x[:, i] for i in _count_up(D)]
    if isinstance(bins, int):
        bins = [bins] * D
    if len(bins) != D:
        raise RuntimeError(f"histogramdd: The size of bins must be equal to the innermost dimension of the input, but got {len(bins)} and {D}")
    if D == 0:
        return structure("histogramdd", ("hist", "bin_edges"), (rl.zeros((), dtype=input.dtype), ()))
    _check_histogram(bins, input, input.shape[:-1], weight)
    limits = [None] * D if range is None else [range[2 * i:2 * i + 2] for i in _count_up(D)]
    edges = [b if isinstance(b, rl.Tensor) else _edges(c, b, l) for b, c, l in zip(bins, columns, limits)]
    hist = _count(columns, edges, None if weight is None else weight.reshape(-1), density)
    return structure("histogramdd", ("hist", "bin_edges"), (hist, tuple(edges)))


_count_up = range           # histogram's argument of that name hides the built-in


# ---- short-time Fourier transform ------------------------------------------------------------------------------------------

def stft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False, onesided=None,
         return_complex=None, align_to_window=None):
    """Fourier transforms of overlapping windows of a signal [*, time] -> [*, frequency, frame]."""
    is_complex = input.is_complex() or (window is not None and window.is_complex())
    if window is None:
        warnings.warn("A window was not provided. stft applies a rectangular one, whose edges leak into other frequencies: pass window=hann_window(win_length), or ones(win_length) to mean it", UserWarning, stacklevel=2)
    onesided = not is_complex if onesided is None else onesided
    if return_complex is None:
        if not is_complex:
            raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True in a future PyTorch release.")
        return_complex = True
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex: the other half of the frequencies is no mirror image then")
    if not return_complex:
        warnings.warn("stft with return_complex=False is deprecated: view_as_real(stft(..., return_complex=True)) gives the same", UserWarning, stacklevel=2)
    hop, width = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    x = input if input.dim() == 2 else input.reshape(1, -1) if input.dim() == 1 else None
    if x is None:
        raise RuntimeError(f"stft(): expected a tensor with shape [time] or [batch, time], but got {list(input.shape)}")
    if center:
        x = rl.nn.functional.pad(x.unsqueeze(1), (n_fft // 2, n_fft // 2), pad_mode).squeeze(1)
    if not 0 < n_fft <= x.shape[-1]:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= n_fft:
        raise RuntimeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and (window.dim() != 1 or window.shape[0] != width):
        raise RuntimeError(f"stft: expected a 1D window tensor of size equal to win_length={width}, but got window with size {list(window.shape)}")
    frames = x.unfold(-1, n_fft, hop)
    w = _centred_window(window, width, n_fft, x.dtype)
    if w is not None:
        frames = frames * w
    transform = rl.fft.rfft if onesided else rl.fft.fft
    result = transform(frames, norm="ortho" if normalized else None).transpose(1, 2)
    result = result.squeeze(0) if input.dim() == 1 else result
    return result if return_complex else rl.view_as_real(result)


def _centred_window(window, width, n_fft, dtype):
    if window is None:
        if width == n_fft:
            return None
        window = rl.ones(width, dtype=rl.empty(0, dtype=dtype).abs().dtype)
    left = (n_fft - width) // 2
    return rl.nn.functional.pad(window, (left, n_fft - width - left)) if width < n_fft else window


def istft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None, length=None, return_complex=False):
    """The signal whose stft is nearest to input: overlapping windows added and divided by the sum of their squares."""
    if not input.is_complex():
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with return_complex=True.")
    if input.numel() == 0:
        raise RuntimeError(f"istft(input{list(input.shape)}): input tensor cannot be empty.")
    if window is None:
        warnings.warn("A window was not provided. istft applies a rectangular one; the signal comes back only if stft had none either", UserWarning, stacklevel=2)
    x = input.unsqueeze(0) if input.dim() == 2 else input
    onesided = x.shape[1] != n_fft if onesided is None else onesided
    hop, width = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    if onesided and x.shape[1] != n_fft // 2 + 1:
        raise RuntimeError(f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when onesided=True, but got {x.shape[1]}")
    spectrum, norm = x.transpose(1, 2), "ortho" if normalized else None
    if return_complex:
        frames = rl.fft.ifft(spectrum, norm=norm)
    else:
        frames = rl.fft.irfft(spectrum if onesided else spectrum[..., :n_fft // 2 + 1], n_fft, norm=norm)
    w = _centred_window(window, width, n_fft, frames.dtype)
    w = rl.ones(n_fft, dtype=frames.abs().dtype) if w is None else w
    frames = frames * w
    total = n_fft + hop * (frames.shape[1] - 1)
    places = (rl.arange(frames.shape[1]).unsqueeze(1) * hop + rl.arange(n_fft)).reshape(-1)
    signal = rl.zeros(frames.shape[0], total, dtype=frames.dtype).index_add(1, places, frames.reshape(frames.shape[0], -1))
    envelope = rl.zeros(total, dtype=w.dtype).index_add(0, places, (w * w).repeat(frames.shape[1]))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    signal, envelope = signal[:, start:end], envelope[start:end]
    if envelope.numel() and float(envelope.abs().min()) < 1e-11:
        raise RuntimeError(f"istft: window overlap add min: {float(envelope.abs().min())}, but it must not vanish")
    signal = signal / envelope
    if length is not None and signal.shape[1] < length:
        warnings.warn(f"The length of signal is shorter than the length parameter. Zeros follow its {signal.shape[1]} places up to {length}. See center and hop_length", UserWarning, stacklevel=2)
        signal = rl.nn.functional.pad(signal, (0, length - signal.shape[1]))
    return signal.squeeze(0) if input.dim() == 2 else signal


# ---- windows -------------------------------------------------------------------------------------------------------------

def vander(x, N=None, increasing=False):
    """Powers of each element of a vector, falling unless increasing."""
    if x.dim() != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor, but its shape is {list(x.shape)}.")
    N = x.shape[-1] if N is None else N
    if N < 0:
        raise RuntimeError(f"N must be non-negative. It is {N}.")
    x = x if x.is_floating_point() or x.is_complex() else x.long()
    column = x.unsqueeze(-1)
    powers = rl.cat([rl.ones_like(column), column.expand(-1, N - 1).cumprod(-1)], -1) if N else x.new_empty(x.shape[0], 0)
    return powers if increasing else powers.flip(-1)


def _window_dtype(name, length, dtype):
    dtype = rl.get_default_dtype() if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name}_window expects floating point dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(f"{name}_window requires non-negative window_length, got window_length={length}")
    return dtype


def _cosine_window(name, length, periodic, coefficients, dtype, requires_grad):
    dtype = _window_dtype(name, length, dtype)
    if length < 2:
        return rl.ones(length, dtype=dtype, requires_grad=requires_grad)
    t = rl.arange(length, dtype=rl.float64) * (2 * math.pi / (length if periodic else length - 1))
    total = sum((-1) ** k * c * rl.cos(k * t) for k, c in enumerate(coefficients))
    return total.to(dtype).requires_grad_(requires_grad)


def hann_window(window_length, periodic=True, *, dtype=None, layout=rl.strided, device=None, pin_memory=False, requires_grad=False):
    """0.5 - 0.5 cos."""
    return _cosine_window("hann", window_length, periodic, (0.5, 0.5), dtype, requires_grad)


def hamming_window(window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """alpha - beta cos."""
    return _cosine_window("hamming", window_length, periodic, (alpha, beta), dtype, requires_grad)


def blackman_window(window_length, periodic=True, *, dtype=None, layout=rl.strided, device=None, pin_memory=False, requires_grad=False):
    """0.42 - 0.5 cos + 0.08 cos of twice the angle."""
    return _cosine_window("blackman", window_length, periodic, (0.42, 0.5, 0.08), dtype, requires_grad)


def bartlett_window(window_length, periodic=True, *, dtype=None, layout=rl.strided, device=None, pin_memory=False, requires_grad=False):
    """A triangle that begins, and unless periodic ends, at 0."""
    dtype = _window_dtype("bartlett", window_length, dtype)
    if window_length < 2:
        return rl.ones(window_length, dtype=dtype, requires_grad=requires_grad)
    last = window_length if periodic else window_length - 1
    t = rl.arange(window_length, dtype=rl.float64) * (2 / last)
    return rl.where(t > 1, 2 - t, t).to(dtype).requires_grad_(requires_grad)


@functools.lru_cache(maxsize=64)
def _i0_of(x):
    return rl.i0(rl.tensor(x, dtype=rl.float64)).item()


def kaiser_window(window_length, periodic=True, beta=12.0, *, dtype=None, layout=rl.strided, device=None, pin_memory=False, requires_grad=False):
    """The Kaiser window: Bessel's i0 over a half circle."""
    dtype = _window_dtype("kaiser", window_length, dtype)
    if window_length < 2:
        return rl.ones(window_length, dtype=dtype, requires_grad=requires_grad)
    last = window_length if periodic else window_length - 1
    t = rl.arange(window_length, dtype=rl.float64) * (2 / last) - 1
    value = rl.i0((1 - t * t).clamp_(min=0).sqrt_().mul_(beta)).div_(_i0_of(float(beta))).to(dtype)
    return value.requires_grad_() if requires_grad else value


ask_first(globals())
