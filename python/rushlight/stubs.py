"""Writes _C.pyi, the types of the engine's functions, from the operation table: python -m rushlight.stubs [--check]

The file is committed, so that editors see it; a test compares it with the table.
"""

import pathlib
import re
import sys

from rushlight import _C, _documented

PATH = pathlib.Path(__file__).with_name("_C.pyi")
FUNCTION, METHOD, NN, LINALG, FFT, SPECIAL, INPLACE, OUT, PRIVATE, METHOD_ONLY_INPLACE = (1 << i for i in range(10))

HEADER = '''"""The engine's types and functions. Written by `python -m rushlight.stubs`; edit the rows in csrc/ops instead."""

from collections.abc import Sequence
from typing import Any, overload

Number = bool | int | float | complex

class dtype:
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    itemsize: int
    def to_real(self) -> dtype: ...
    def to_complex(self) -> dtype: ...

class layout: ...
class memory_format: ...

class device:
    type: str
    index: int | None
    def __init__(self, type: str | device, index: int = ...) -> None: ...

class Size(tuple[int, ...]):
    def numel(self) -> int: ...

class Generator:
    device: device
    def manual_seed(self, seed: int) -> Generator: ...
    def seed(self) -> int: ...
    def initial_seed(self) -> int: ...
    def get_state(self) -> Tensor: ...
    def set_state(self, state: Tensor) -> Generator: ...
'''
FOOTER = '''
class Parameter(Tensor):
    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None: ...

def tensor(data: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor: ...
def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor: ...
def asarray(obj: Any, *, dtype: dtype | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None) -> Tensor: ...
def from_numpy(ndarray: Any) -> Tensor: ...
def frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor: ...
def result_type(tensor1: Tensor | Number, tensor2: Tensor | Number) -> dtype: ...
'''
MEMBERS = {
    "shape": "Size", "dtype": "dtype", "device": "device", "layout": "layout", "ndim": "int", "requires_grad": "bool", "grad": "Tensor | None",
    "grad_fn": "Any", "is_leaf": "bool", "data": "Tensor", "T": "Tensor", "mT": "Tensor", "H": "Tensor", "mH": "Tensor", "real": "Tensor", "imag": "Tensor",
    "itemsize": "int", "nbytes": "int", "output_nr": "int", "retains_grad": "bool", "_version": "int", "_base": "Tensor | None",
}
TYPES = {"Generator": "Generator", "object": "Any", "list[": "Sequence["}


def parameters(sig):
    """The parameter list of a signature, with types an editor understands."""
    text = sig[sig.index("("):sig.rindex("->")].strip()
    text = text.replace("list[", "Sequence[").replace("object", "Any").replace("device | None", "Any").replace(": device", ": Any")
    text = re.sub(r"= (preserve_format|contiguous_format|channels_last)", "= ...", text)
    return text.replace("memory_format: memory_format", "memory_format: Any")


def result(sig):
    """The result type."""
    text = sig[sig.rindex("->") + 2:].strip()
    names = re.findall(r"Tensor", text)
    if text.startswith("("):
        return f"tuple[{', '.join(names)}]"
    return {"list[Tensor]": "tuple[Tensor, ...]", "object": "Any"}.get(text, text)


def with_out(params, row):
    """The parameters, and out= where the row has it."""
    if not row["where"] & OUT:
        return params
    star = "" if ", *" in params or params.startswith("(*") else "*, "
    kind = "Tensor" if result(row["sig"]) == "Tensor" else "Any"
    return f"{params[:-1]}{', ' if params != '()' else ''}{star}out: {kind} | None = None)"


def as_method(params):
    """The parameters with self in the place of the first."""
    inner = params[1:-1]
    depth = 0
    for i, ch in enumerate(inner):
        depth += ch in "[(" or -(ch in "])")
        if ch == "," and not depth:
            rest = inner[i + 1:].strip()
            return f"(self, {rest})"
    return "(self)"


def define(name, forms, indent):
    """A def per overload."""
    lines = []
    for params, returns in dict.fromkeys(forms):
        if len(dict.fromkeys(forms)) > 1:
            lines.append(f"{indent}@overload")
        lines.append(f"{indent}def {name}{params} -> {returns}: ...")
    return lines


def documented(name, method, rows):
    """The form that torch's documentation gives where it is not the row's, as one more overload."""
    form = _documented.form(name, method)
    if form is None:
        return []
    parts, star = [], False
    for p in form.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not star:
            star = True
            parts.append("*")
        parts.append(p.name if p.name == "self" else f"{p.name}: Any" + ("" if p.default is p.empty else " = ..."))
    return [(f"({', '.join(parts)})", rows[0][1])]


def gather():
    """Functions and methods by name, each a list of (parameters, result)."""
    functions, methods = {}, {}
    for row in _C._op_table():
        params, returns = parameters(row["sig"]), result(row["sig"])
        for name in (row["name"], *(row["aliases"] or "").split()):
            if "." in name:
                continue
            where = row["where"]
            if where & FUNCTION:
                functions.setdefault(name, []).append((with_out(params, row), returns))
            if where & (METHOD | METHOD_ONLY_INPLACE):
                methods.setdefault(name, []).append((as_method(params), "Tensor" if where & METHOD_ONLY_INPLACE else returns))
            if where & INPLACE and where & (METHOD | FUNCTION):
                methods.setdefault(name + "_", []).append((as_method(params), "Tensor"))
    for method, rows in ((False, functions), (True, methods)):
        for name in rows:
            rows[name] += documented(name, method, rows[name])
    return functions, methods


def text():
    """The whole file."""
    functions, methods = gather()
    lines = [HEADER]
    lines += [f"{name}: dtype" for name, value in sorted(vars(_C).items()) if isinstance(value, _C.dtype)]
    lines += ["", "class Tensor:"]
    lines += [f"    {name}: {kind}" for name, kind in MEMBERS.items()]
    known = set(methods) | set(MEMBERS)
    rest = [n for n in sorted(vars(_C.Tensor)) if n not in known and (not n.startswith("_") or (n.startswith("__") and callable(getattr(_C.Tensor, n))))]
    lines += [f"    def {name}(self, *args: Any, **kwargs: Any) -> Any: ..." for name in rest if callable(getattr(_C.Tensor, name, None)) and name not in SKIPPED]
    for name in sorted(methods):
        lines += define(name, methods[name], "    ")
    lines += [""]
    for name in sorted(functions):
        lines += define(name, functions[name], "")
    return "\n".join(lines) + "\n" + FOOTER


SKIPPED = {"__class__", "__init__", "__new__", "__init_subclass__", "__subclasshook__", "__getattribute__", "__doc__", "__dict__"}
SKIPPED |= {"__buffer__", "__release_buffer__"}   # which 3.12 makes of the buffer protocol


def main():
    """Write the file, or with --check say whether it is up to date."""
    new = text()
    if "--check" in sys.argv:
        sys.exit(0 if PATH.exists() and PATH.read_text() == new else f"{PATH.name} is not what the table says: run python -m rushlight.stubs")
    PATH.write_text(new)


if __name__ == "__main__":
    main()
