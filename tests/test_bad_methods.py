"""Methods, attributes, indices and functions of the binding that are no rows, called with whatever there is: a result or an exception.

A crash ends the child process; an exception set beside a result is a SystemError, which fails too.
"""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl

CALLS = int(os.environ.get("RUSHLIGHT_BAD_CALLS", "30000")) // 6
LEFT_OUT = {"_memory_fail_after", "set_num_threads", "_torch_function_off", "set_default_dtype", "_push_saved_tensors_hooks", "_saved_tensors_hooks_disable",
            "_set_autocast", "ModuleBase", "_set_inference_mode", "_set_anomaly_enabled"}
SHAPES = [(), (0,), (1,), (3,), (2, 3), (0, 3), (2, 3, 4), (1, 2, 1, 2)]
DTYPES = [rl.float32, rl.float64, rl.int64, rl.bool, rl.complex64, rl.float16, rl.bfloat16, rl.uint8, rl.int32]
PLAIN = [0, 1, -1, 2, 7, 2**31, 2**63 - 1, -2**63, 2**70, 0.0, 1.5, float("nan"), float("inf"), True, None, "a", "mean", b"x", 1j, [], (), {}, slice(None), slice(1, None, 2),
         slice(None, None, -1), ..., rl.float32, float, rl.contiguous_format, rl.strided, rl.device("cpu"), np.float32(2), np.ones((2, 3)), np.arange(3)[::-1], [1, [2]], [0, 1],
         (1, -1), (2**40, 2**40), object(), print]


def a_tensor(rng):
    t = rl.ones(rng.choice(SHAPES)).to(rng.choice(DTYPES))
    change = rng.randrange(6)
    if change == 0 and t.dim() > 1:
        return t.transpose(0, 1)
    if change == 1 and t.dim():
        return t[::2]
    if change == 2:
        return t.expand(2, *t.shape)
    return t.requires_grad_() if change == 3 and t.is_floating_point() else t


def a_value(rng):
    kind = rng.random()
    return a_tensor(rng) if kind < 0.4 else [a_value(rng) for _ in range(rng.randrange(3))] if kind < 0.5 else rng.choice(PLAIN)


def an_action(rng):
    """A name and a thunk."""
    t, args, kind = a_tensor(rng), [a_value(rng) for _ in range(rng.randrange(5))], rng.random()
    kwargs = {rng.choice(["dtype", "device", "size", "copy", "dim", "memory_format", "requires_grad", "gradient", "inputs", "out"]): a_value(rng)} if rng.random() < 0.2 else {}
    if kind < 0.5:
        name = rng.choice(METHODS)
        return name, lambda: getattr(t, name)(*args, **kwargs)
    if kind < 0.75:
        function = rng.choice(FUNCTIONS)
        return str(function), lambda: function(*args, **kwargs)
    if kind < 0.85:
        name = rng.choice(ATTRIBUTES)
        return f"set {name}", lambda: setattr(t, name, a_value(rng))
    key = a_value(rng) if rng.random() < 0.5 else tuple(args)
    return "index", lambda: t.__setitem__(key, a_value(rng)) if kind < 0.93 else t[key]


METHODS = [n for n, f in vars(rl.Tensor).items() if callable(f) and n not in ("__new__", "__init__", "__reduce__", "__setstate__", "__setattr__", "__delattr__", "__getattribute__")]
ATTRIBUTES = [n for n, f in vars(rl.Tensor).items() if not callable(f) and not n.startswith("__")]
FUNCTIONS = [f for n, f in vars(rl._C).items() if callable(f) and n not in LEFT_OUT]


def try_all(seed, n):
    rng = random.Random(seed)
    for _ in range(n):
        name, action = an_action(rng)
        try:
            action()
        except SystemError as error:
            raise AssertionError(f"{name}: {error}") from error
        except Exception:
            pass
        rl._C._set_grad_enabled(True)


@pytest.mark.parametrize("seed", range(3))
def test_no_call_crashes(seed):
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_bad_methods as t; t.try_all({seed}, {CALLS}); print('survived')"
    done = subprocess.run([sys.executable, "-W", "ignore", "-X", "faulthandler", "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip().endswith("survived"), done.stderr[-3000:]
