"""Draws the arguments that rows of the table name as samples: "x(3, 4), 1; x(0, 4), dim=-1".

A sample is the inside of a Python call.  x(...) is a tensor of normal values, pos of positive ones, unit of values between 0
and 1, spd positive definite matrices,
idx(n, ...) of integers below n, mask of booleans; rl is the library.  Values come from NumPy and a seed, so that another library
can be given the same.
"""

import zlib

import numpy
import rushlight as rl

FUNCTION, METHOD, NN, LINALG, FFT, SPECIAL, INPLACE, OUT, PRIVATE, METHOD_ONLY_INPLACE = (1 << bit for bit in range(10))
COMPOSITE, ELEMENTWISE, VIEW, PROMOTES, TO_FLOAT, RANDOM = (1 << bit for bit in range(6))


def rows():
    """Every row that the tests can call, as a dict; overloads are rows of their own."""
    return [row for row in rl._C._op_table() if row["samples"] not in (None, "-")]


def without_samples():
    return [row for row in rl._C._op_table() if row["samples"] is None]


def row_ids(chosen):
    """Names for parametrize, overloads numbered."""
    seen = {}
    for row in chosen:
        seen[row["name"]] = seen.get(row["name"], -1) + 1
        yield row["name"] + (f"#{seen[row['name']]}" if seen[row["name"]] else "")


def function(row):
    """The callable of a row, whatever its place."""
    prefix, _, name = row["name"].rpartition(".")
    return getattr(getattr(rl._C, f"_{prefix or 'ops'}"), name)


class Maker:
    """Makes the tensors of one sample, in one library and dtype.

    arrange(array) may lay a value out otherwise in memory; it returns an array or a tensor.
    """

    def __init__(self, library, dtype="float64", seed=0, arrange=None, grad=False):
        self.library, self.dtype, self.arrange, self.grad = library, dtype, arrange or (lambda array: array), grad
        self.rng = numpy.random.default_rng(seed)
        self.made = []

    def tensor(self, array, dtype, floating):
        array = numpy.array(array)
        tensor = self.library.from_numpy(self.arrange(array.copy())) if isinstance(array, numpy.ndarray) else array
        if dtype:
            tensor = tensor.to(getattr(self.library, dtype))
        if floating and self.grad and (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
            tensor = tensor.detach().requires_grad_()
        if floating:
            self.made.append(tensor)
        return tensor

    def values(self, shape, positive=False):
        array = self.rng.standard_normal(shape)
        if "complex" in self.dtype:
            array = array + 1j * self.rng.standard_normal(shape)
        if "int" in self.dtype:
            array = self.rng.integers(1 if positive else 0 if self.dtype == "uint8" else -5, 6, shape)
        if self.dtype == "bool":
            array = self.rng.random(shape) > 0.5
        if positive and array.dtype.kind == "f":
            array = abs(array) + 0.5
        return array

    def x(self, *shape):
        return self.tensor(self.values(shape), self.dtype, True)

    def pos(self, *shape):
        return self.tensor(self.values(shape, positive=True), self.dtype, True)

    def unit(self, *shape):
        array = self.values(shape)
        return self.tensor(0.5 + 0.45 * numpy.tanh(array) if array.dtype.kind in "fc" else array, self.dtype, True)

    def spd(self, n, *batch):
        """Symmetric (Hermitian) positive definite matrices of n rows."""
        shape = (*batch, n, n)
        root = self.values(shape)
        square = root @ root.swapaxes(-1, -2).conj() + shape[-1] * numpy.eye(shape[-1], dtype=root.dtype)
        return self.tensor(square, self.dtype, True)

    def idx(self, n, *shape):
        return self.tensor(self.rng.integers(0, n, shape), "int64", False)

    def mask(self, *shape):
        return self.tensor(self.rng.random(shape) > 0.5, "bool", False)


def calls(row, library=rl, make=Maker, **options):
    """(text, args, kwargs, differentiable tensors) of each sample of a row."""
    for text in row["samples"].split(";"):
        text = text.strip()
        maker = make(library, seed=zlib.crc32((row["name"] + text).encode()), **options)
        names = {name: getattr(maker, name) for name in ("x", "pos", "unit", "spd", "idx", "mask")}
        args, kwargs = eval(f"_capture({text})", {"_capture": lambda *a, **k: (a, k), "rl": library, "inf": numpy.inf, "nan": numpy.nan, **names})
        yield text, args, kwargs, maker.made


def tensors(result, library=rl):
    """The tensors in a result, in order."""
    if isinstance(result, library.Tensor):
        return [result]
    if isinstance(result, (list, tuple)):
        return [tensor for item in result for tensor in tensors(item, library)]
    return []


def array(tensor):
    """Values in NumPy; bfloat16, which NumPy lacks, as float32."""
    tensor = tensor.detach()
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()
    return (tensor.resolve_conj().resolve_neg() if hasattr(tensor, "resolve_neg") else tensor).numpy()
