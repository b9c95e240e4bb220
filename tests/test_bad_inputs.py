"""Calls that are wrong in every way: the answer is a result or a Python exception, never a crash, a hang or a changed operand.

Good calls come from the rows' samples.  Each is spoilt in one to three places: numbers at the edges of their range, tensors of another
dtype, rank or size, indices out of range, None, text, arguments too many or too few.  RUSHLIGHT_BAD_CALLS sets how many
calls are made in all.  Each family runs in a child process; what it did last names the crash.
"""

import ast
import collections
import math
import os
import random
import resource
import signal

import pytest
import rushlight as rl
import samples
from samples import METHOD_ONLY_INPLACE, array, calls, function, rows, tensors
from test_faults import in_child

ROWS = rows()
FAMILIES = sorted({row["family"] for row in ROWS})
CALLS = int(os.environ.get("RUSHLIGHT_BAD_CALLS", "30000"))
SANITIZED = bool(os.environ.get("RUSHLIGHT_SANITIZED"))
SECONDS = 20 if SANITIZED else 5

EDGES = [0, 1, -1, 2, 3, -2, 7, 2**31 - 1, 2**31, 2**31 + 1, 2**32, 2**62, 2**63 - 1, -(2**63), 2**63, -(2**31) - 1, 10**30]
NUMBERS = [0.0, -1.5, math.nan, math.inf, -math.inf, 1e308, 1 + 2j]
OTHERS = [None, "", "mean", "nonsense", True, False, [], [0], [1, 2, 3], [-1], [2**62, 2**62], {}, object(), rl.float32, rl.int64, b"x", slice(0, 1), ...]
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
SHAPES = [(), (0,), (1,), (2,), (3,), (2, 0), (0, 3), (3, 4), (4, 3), (1, 1), (2, 3, 4), (2, 3, 4, 5), (1, 2, 1, 2, 1), (1,) * 12]


def spoilt_tensor(rng, tensor):
    """A tensor that differs in one respect from the one the row wants."""
    kind = rng.randrange(9)
    if kind == 0:
        return tensor.to(getattr(rl, rng.choice(DTYPES)))
    if kind == 1:
        return rl.zeros(rng.choice(SHAPES), dtype=tensor.dtype)
    if kind == 2:
        return rl.full(tensor.shape, rng.choice([-1, 5, 100, -(2**31), 2**31 - 1] if not tensor.dtype.is_floating_point else NUMBERS[:5]), dtype=rl.float64).to(tensor.dtype)
    if kind == 3 and tensor.dim():
        return tensor[:0]
    if kind == 4:
        return tensor.unsqueeze(0)
    if kind == 5 and tensor.numel():
        return tensor.reshape(-1)
    if kind == 6 and tensor.dim() > 1:
        return tensor.transpose(0, -1)
    if kind == 7 and tensor.dim():
        return tensor[:1].expand(tensor.shape) if tensor.shape[0] else tensor
    return rl.full((2, 3), rng.choice([-(2**63), 2**63 - 1, -1, 3]), dtype=rl.int64)


def is_endless(row, args):
    """A recurrence asked for 2^31 steps takes them, here as in torch: slow, but not wrong."""
    return "polynomial" in row["name"] and any(isinstance(value, (int, float, rl.Tensor)) and not _small(value) for value in args)


def _small(value):
    return bool((value.abs() < 1e4).all()) if isinstance(value, rl.Tensor) and value.dtype.is_floating_point else isinstance(value, rl.Tensor) or abs(value) < 1e4


def spoilt_value(rng, value):
    if isinstance(value, rl.Tensor) and rng.random() < 0.75:
        return spoilt_tensor(rng, value)
    if isinstance(value, (list, tuple)) and value and rng.random() < 0.6:
        at = rng.randrange(len(value))
        items = [spoilt_value(rng, item) if i == at else item for i, item in enumerate(value)]
        return items[: rng.randrange(len(items) + 1)] if rng.random() < 0.2 else items * (3 if rng.random() < 0.1 else 1)
    return rng.choice(rng.choice([EDGES, EDGES, NUMBERS, OTHERS]))


def spoilt(rng, args, kwargs, names):
    """The same call, wrong in one to three places."""
    args, kwargs = list(args), dict(kwargs)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.random()
        if kind < 0.8 and args:
            at = rng.randrange(len(args))
            args[at] = spoilt_value(rng, args[at])
        elif kind < 0.86 and names:
            kwargs[rng.choice(names)] = spoilt_value(rng, rng.choice([None, 1, 1.5, [1, 2]]))
        elif kind < 0.92 and args:
            args.pop()
        elif kind < 0.97:
            args.append(spoilt_value(rng, None))
        elif kwargs:
            kwargs[rng.choice(list(kwargs))] = spoilt_value(rng, None)
        else:
            kwargs["no_such_argument"] = 1
    return args, kwargs


def describe(value):
    if isinstance(value, rl.Tensor):
        return f"{str(value.dtype)[10:]}{list(value.shape)}{'' if value.is_contiguous() else list(value.stride())}"
    return f"[{', '.join(map(describe, value))}]" if isinstance(value, (list, tuple)) else repr(value)[:60]


def operands(values):
    """Every small tensor among the arguments, and its bytes."""
    found = [tensor for tensor in tensors([v for v in values]) if tensor.numel() < 1000]
    return [(tensor, array(tensor).tobytes(), tuple(tensor.shape)) for tensor in found]


def attempt(row, args, kwargs, count):
    """One call, and the backward of what it gives."""
    before = operands([*args, *kwargs.values()])
    try:
        results = tensors(function(row)(*args, **kwargs))
        wanted = [y for y in results if y.requires_grad and y.numel() < 100000]
        leaves = [x for x, _, _ in before if x.requires_grad and x.is_leaf]
        if wanted and leaves:
            rl.autograd.grad(wanted, leaves, [rl.ones_like(y) for y in wanted], allow_unused=True)
        count["taken"] += 1
    except SystemError:
        raise
    except Exception as error:
        count[type(error).__name__] += 1
        if not row["where"] & METHOD_ONLY_INPLACE:
            for tensor, data, shape in before:
                assert tuple(tensor.shape) == shape and array(tensor).tobytes() == data, "an operand changed"


def spoil_family(family, most):
    """`most` bad calls on the rows of a family, each announced before it is made."""
    chosen = [row for row in ROWS if row["family"] == family]
    rng, count = random.Random(family), collections.Counter()
    limit = 2 << 30
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while sum(count.values()) < most:
        for row in chosen:
            options = dict(dtype=rng.choice(["float64", "float32", "float64", "int64", "complex64"]), grad=rng.random() < 0.3)
            names = [part.split(":")[0].strip(" *") for part in row["sig"].partition("(")[2].split(",") if ":" in part]
            for text, args, kwargs, _ in calls(row, **options):
                for _ in range(4):
                    bad_args, bad_kwargs = spoilt(rng, args, kwargs, names)
                    if is_endless(row, [*bad_args, *bad_kwargs.values()]):
                        continue
                    words = ", ".join([*map(describe, bad_args), *(f"{k}={describe(v)}" for k, v in bad_kwargs.items())])
                    os.pwrite(LAST, f"{row['name']}({words})"[:2000].ljust(2000).encode(), 0)
                    signal.alarm(SECONDS)
                    attempt(row, bad_args, bad_kwargs, count)
                    signal.alarm(0)
    return count


LAST = -1


@pytest.mark.parametrize("family", FAMILIES)
def test_bad_calls(family, tmp_path, figure):
    global LAST
    LAST = os.open(tmp_path / "last", os.O_RDWR | os.O_CREAT)
    share = sum(row["family"] == family for row in ROWS) / len(ROWS)
    try:
        text, status = in_child(lambda: print(dict(spoil_family(family, max(200, round(CALLS * share))))))
        last = os.pread(LAST, 2000, 0).decode(errors="replace").strip()
    finally:
        os.close(LAST)
    assert status == 0, f"status {status} in {last}\n{text[-3000:]}"
    figure("bad calls survived", sum(ast.literal_eval(text.splitlines()[-1]).values()))
