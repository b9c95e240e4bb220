"""How a tensor looks in print, to the character what torch shows.

Values arrive as nested Python lists (one tolist, or a few where the middle is left out), so nothing here runs an operation
per element.  The steps: cut the value down to its edges, choose one notation and one width for all numbers, lay the
numbers out in lines and brackets, hang the suffixes (size, dtype, grad_fn) behind.
"""

import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import rushlight as rl

__all__ = ["set_printoptions", "get_printoptions", "printoptions", "tensor_repr", "parameter_repr", "format_tensor"]

_CUT = object()  # stands where items were left out


@dataclass
class PrintOptions:
    """What set_printoptions sets.  sci_mode None means: where the numbers call for it."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors print.  What is None stays as it is, except sci_mode, where None means automatic.

    precision: digits behind the point.  threshold: more elements than this are shown in part.  edgeitems: how many are then
    shown at each end of a dimension.  linewidth: characters in a line.  profile: "default", "short" or "full", a
    base that the other arguments change.  sci_mode: True or False for scientific notation always or never.
    """
    global _options
    options = _options
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, not {profile!r}")
        base = _PROFILES[profile]
        options = replace(base, sci_mode=options.sci_mode)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    options = replace(options, **{name: value for name, value in given.items() if value is not None})
    _options = replace(options, sci_mode=sci_mode)


def get_printoptions():
    """The present options as a dict."""
    return asdict(_options)


@contextmanager
def printoptions(**kwargs):
    """Set options for the length of a with statement."""
    global _options
    before = _options
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        _options = before


# Numbers


class _Plain:
    """Integers and booleans: str, right-aligned."""

    def __init__(self, values):
        self.width = max((len(str(value)) for value in values), default=1)

    def __call__(self, value):
        return str(value).rjust(self.width)


class _Float:
    """One notation for all numbers of a tensor: '1.', '1.5000' or '1.5000e+00'.

    Zeros, infinities and NaN have no say in the choice, nor in the width.
    """

    def __init__(self, values):
        counted = [value for value in values if value and math.isfinite(value)]
        self.width = 1
        whole, scientific = True, False
        if counted:
            sizes = [abs(value) for value in counted]
            top, bottom = max(sizes), min(sizes)
            whole = all(value.is_integer() for value in counted)
            scientific = top / bottom > 1000.0 or top > 1.0e8 or (not whole and bottom < 1.0e-4)
            if _options.sci_mode is not None:
                scientific = _options.sci_mode
        self.point = "." if whole and not scientific else ""
        self.spec = f".{0 if self.point else _options.precision}{'e' if scientific else 'f'}"
        self.width = max((len(self.bare(value)) for value in counted), default=1)

    def bare(self, value):
        text = format(value, self.spec)
        return text + self.point if self.point and math.isfinite(value) else text

    def __call__(self, value):
        return self.bare(value).rjust(self.width)


class _Complex:
    """Real and imaginary parts choose their notation apart."""

    def __init__(self, values):
        self.real = _Float([value.real for value in values])
        self.imag = _Float([value.imag for value in values])
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value):
        imag = self.imag(value.imag).lstrip()
        sign = "" if imag.startswith("-") else "+"
        return f"{self.real(value.real)}{sign}{imag}j"


# Layout


def _edges(tensor):
    """The tensor as nested lists, with _CUT where more than edgeitems at each end were left out."""
    size, edge = tensor.shape[0], _options.edgeitems
    if tensor.dim() == 1:
        if size <= 2 * edge:
            return tensor.tolist()
        return tensor[:edge].tolist() + [_CUT] + tensor[size - edge :].tolist()
    if size <= 2 * edge:
        return [_edges(tensor[i]) for i in range(size)]
    shown = [*range(edge), *range(size - edge, size)]
    rows = [_edges(tensor[i]) for i in shown]
    return rows[:edge] + [_CUT] + rows[edge:]


def _flatten(rows, depth):
    for _ in range(depth - 1):
        rows = [item for row in rows if row is not _CUT for item in row]
    return [item for item in rows if item is not _CUT]


def _line(row, number, indent):
    """A list of numbers between brackets, broken into lines of equally many."""
    per_line = max(1, (_options.linewidth - indent) // (number.width + 2))
    words = [" ..." if item is _CUT else number(item) for item in row]
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _block(rows, depth, number, indent):
    if depth == 1:
        return _line(rows, number, indent)
    parts = ["..." if row is _CUT else _block(row, depth - 1, number, indent + 1) for row in rows]
    return "[" + ("," + "\n" * (depth - 1) + " " * (indent + 1)).join(parts) + "]"


def _values(tensor, indent):
    """The numbers of a tensor that has some, with brackets."""
    dtype, depth = tensor.dtype, tensor.dim()
    kind = _Complex if dtype.is_complex else _Float if dtype.is_floating_point else _Plain
    if depth == 0:
        value = tensor.item()
        return kind([value])(value)
    long = tensor.numel() > _options.threshold
    if long and not _options.edgeitems:
        return "[...]"
    rows = _edges(tensor) if long else tensor.tolist()
    return _block(rows, depth, kind(_flatten(rows, depth)), indent)


def _hang(text, suffixes, indent):
    """text, then each suffix on the same line if it fits, else on a new one."""
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


# Tensors


def _history(tensor):
    """grad_fn=<...> for a result, requires_grad=True for a leaf, nothing for a constant."""
    if not tensor.requires_grad:
        return []
    try:
        node = tensor.grad_fn
    except RuntimeError:
        return ["grad_fn=<Invalid>"]
    if node is None:
        return ["requires_grad=True"]
    name = node.name() if hasattr(node, "name") else type(node).__name__
    return [f"grad_fn=<{name.rpartition('::')[2]}>"]


def _shows_dtype(dtype, empty):
    """A dtype is left out where reading the text back would give it."""
    default = rl.get_default_dtype()
    if empty:
        return dtype != default
    if dtype.is_complex:
        return dtype != (rl.complex128 if default == rl.float64 else rl.complex64)
    return dtype not in (default, rl.int64, rl.bool)


def tensor_repr(tensor):
    """What repr(tensor) and str(tensor) return."""
    plain = type(tensor) in (rl.Tensor, rl.nn.Parameter)
    prefix = "tensor(" if plain else f"{type(tensor).__name__}("
    value, suffixes = tensor.detach(), []
    empty = not tensor.numel()
    if tensor.is_meta:
        shown = ["device='meta'", f"size={tuple(tensor.shape)}", *([f"dtype={tensor.dtype}"] if tensor.dtype != rl.get_default_dtype() else []), *_history(tensor)]
        return _hang(prefix + "...", shown, len(prefix))
    if (empty and tensor.dim() != 1) or (not empty and not _options.edgeitems):
        suffixes.append(f"size={tuple(tensor.shape)}")
    text = "[]" if empty else _values(value, len(prefix))
    if _shows_dtype(tensor.dtype, empty):
        suffixes.append(f"dtype={tensor.dtype}")
    suffixes += _history(tensor)
    if rl._C._has_tangent(tensor):
        suffixes.append(f"tangent={rl._C._unpack_dual(tensor)[1]}")
    return _hang(prefix + text, suffixes, len(prefix))


def parameter_repr(parameter):
    """What repr(parameter) returns."""
    return "Parameter containing:\n" + tensor_repr(parameter)


def format_tensor(tensor, spec):
    """What format(tensor, spec) returns: a 0-d tensor formats as its number."""
    if tensor.dim() == 0 and type(tensor) is rl.Tensor:
        return format(tensor.item(), spec)
    return object.__format__(tensor, spec)
