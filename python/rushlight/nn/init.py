"""Initial values for parameters.

Equal seeds give the values torch gives: each function draws from the generator in torch's order, and scalars are computed in double
precision in one fixed sequence and rounded when they reach the tensor. Everything works in place, without recording, and returns
its tensor.
"""

import functools
import math
import warnings

import rushlight as rl

_GAIN_ONE = frozenset("linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid".split())


def _quietly(fill):
    """Run without recording: parameters require gradients, and their first values are nobody's derivative."""
    @functools.wraps(fill)
    def wrapped(*args, **kwargs):
        with rl.no_grad():
            return fill(*args, **kwargs)
    return wrapped


def calculate_gain(nonlinearity, param=None):
    """By how much a nonlinearity wants its input's standard deviation raised, so that signals keep their size.

    >>> rl.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in _GAIN_ONE:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


@_quietly
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform on [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@_quietly
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal with this mean and standard deviation."""
    return tensor.normal_(mean, std, generator=generator)


def _normal_cdf(x):
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_outside(tensor, mean, std, a, b, generator):
    """Draw normals; draw a whole tensor again for the elements outside [a, b] until there are none."""
    low, high = (rl.tensor(bound, dtype=tensor.dtype).item() for bound in (a, b))
    tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (tensor < low) | (tensor > high)
        if not outside.any():
            return tensor
        again = rl.empty_like(tensor).normal_(mean, std, generator=generator)
        tensor.copy_(rl.where(outside, again, tensor))


def _reject_by_density(tensor, mean, std, a, b, generator):
    """Draw uniforms on [a, b]; keep each with the probability its density has beside the highest one there."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def draw():
        candidate = rl.empty_like(tensor).uniform_(a, b, generator=generator)
        log_density = candidate.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        refused = rl.empty_like(tensor).uniform_(generator=generator).log_().gt(log_density)
        return candidate, refused

    candidate, pending = draw()
    tensor.copy_(candidate)
    while pending.any():
        candidate, refused = draw()
        tensor.copy_(rl.where(pending, candidate, tensor))
        pending = pending & refused
    return tensor


@_quietly
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal, with what falls outside [a, b] drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
                      stacklevel=3)
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    return (_redraw_outside if inside > 0.3 else _reject_by_density)(tensor, mean, std, a, b, generator)


@_quietly
def constant_(tensor, val):
    """One value everywhere."""
    return tensor.fill_(val)


@_quietly
def ones_(tensor):
    """Ones."""
    return tensor.fill_(1.0)


@_quietly
def zeros_(tensor):
    """Zeros."""
    return tensor.zero_()


@_quietly
def eye_(tensor):
    """The identity: a linear layer that passes on as many inputs as it has outputs."""
    if tensor.dim() != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    return tensor.copy_(rl.eye(*tensor.shape, dtype=tensor.dtype))


@_quietly
def dirac_(tensor, groups=1):
    """The identity of convolutions: in each group, output channel i passes on input channel i."""
    if tensor.dim() not in (3, 4, 5):
        raise ValueError(f"Only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}")
    out_channels, in_channels, *window = tensor.shape
    if out_channels % groups:
        raise ValueError(f"dim 0 must be divisible by groups, got {out_channels} channels and {groups} groups")
    per_group = out_channels // groups
    centre = tuple(size // 2 for size in window)
    tensor.zero_()
    for group in range(groups):
        for d in range(min(per_group, in_channels)):
            tensor[(group * per_group + d, d, *centre)] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor):
    """How many numbers feed one output of a weight, and how many outputs one number feeds."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
                         f"got shape {tuple(tensor.shape)}")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def _xavier_std(tensor, gain):
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


@_quietly
def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform, as wide as keeps variances level both ways through a linear layer (Glorot and Bengio 2010)."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return tensor.uniform_(-bound, bound, generator=generator)


@_quietly
def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal, as wide as keeps variances level both ways through a linear layer (Glorot and Bengio 2010)."""
    return tensor.normal_(0.0, _xavier_std(tensor, gain), generator=generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    """None for a tensor without elements, which takes no draws."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


@_quietly
def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform, as wide as keeps variances level one way through a layer and its nonlinearity (He et al. 2015)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return tensor.uniform_(-bound, bound, generator=generator)


@_quietly
def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal, as wide as keeps variances level one way through a layer and its nonlinearity (He et al. 2015)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else tensor.normal_(0, std, generator=generator)


@_quietly
def orthogonal_(tensor, gain=1, generator=None):
    """A random matrix whose rows or columns, whichever are fewer, are orthonormal, times `gain`."""
    if tensor.dim() < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    draws = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    q, r = rl.linalg.qr(draws.t() if rows < columns else draws)
    q = q * rl.diagonal(r).sign()    # QR leaves signs open; this makes the distribution uniform
    tensor.view(rows, columns).copy_(q.t() if rows < columns else q)
    return tensor.mul_(gain)


@_quietly
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Normal, with this fraction of every column set to zero."""
    if tensor.dim() != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[rl.randperm(rows)[:zeros], column] = 0
    return tensor


def _deprecated(new):
    """The name without underscore, from before in-place functions were marked: warns and does the same."""
    old = new.__name__[:-1]

    def renamed(*args, **kwargs):
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new.__name__}`.", FutureWarning, stacklevel=2)
        return new(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"The old name of `{new.__name__}`."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
