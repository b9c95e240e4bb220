"""Random sequences of assignments, registrations, look-ups and loads on a Module: rushlight and torch stay in the same state."""

import random

import pytest

import rushlight

NAMES = ["a", "b", "c", "forward", "x.y", "", "0", "a.a"]
VALUES = {
    "parameter": lambda lib: lib.nn.Parameter(lib.ones(2)),
    "product": lambda lib: lib.nn.Parameter(lib.ones(1)) * 2,
    "tensor": lambda lib: lib.ones(2),
    "buffer": lambda lib: lib.nn.Buffer(lib.ones(2)),
    "unsaved": lambda lib: lib.nn.Buffer(lib.ones(2), persistent=False),
    "module": lambda lib: lib.nn.Module(),
    "sequence": lambda lib: lib.nn.Sequential(lib.nn.Module()),
    "none": lambda lib: None,
    "number": lambda lib: 3,
}
OPERATIONS = {
    "set": lambda m, lib, name, value, flag: setattr(m, name, value),
    "delete": lambda m, lib, name, value, flag: delattr(m, name),
    "parameter": lambda m, lib, name, value, flag: m.register_parameter(name, value),
    "buffer": lambda m, lib, name, value, flag: m.register_buffer(name, value, persistent=flag),
    "module": lambda m, lib, name, value, flag: m.add_module(name, value),
    "get": lambda m, lib, name, value, flag: type(getattr(m, name)).__name__,
    "submodule": lambda m, lib, name, value, flag: type(m.get_submodule(name)).__name__,
    "get parameter": lambda m, lib, name, value, flag: type(m.get_parameter(name)).__name__,
    "get buffer": lambda m, lib, name, value, flag: type(m.get_buffer(name)).__name__,
    "replace": lambda m, lib, name, value, flag: m.set_submodule(name, value, strict=flag),
    "load": lambda m, lib, name, value, flag: repr(m.load_state_dict({name: lib.zeros(2)}, strict=flag)),
    "double": lambda m, lib, name, value, flag: m.double() is m,
    "names": lambda m, lib, name, value, flag: [n for n, _ in m.named_parameters(remove_duplicate=flag)],
    "call": lambda m, lib, name, value, flag: m(1),
}


def attempt(lib, module, operation, name, value, flag):
    """The result, or the exception with its text."""
    try:
        return OPERATIONS[operation](module, lib, name, VALUES[value](lib), flag)
    except Exception as error:
        return type(error).__name__, str(error).replace("rushlight", "torch")


def state(module):
    return (list(module.__dict__), list(module._parameters), list(module._buffers), list(module._modules),
            sorted(module._non_persistent_buffers_set), list(module.state_dict()), repr(module),
            [str(p.dtype).split(".")[1] for p in module.parameters()])


@pytest.mark.parametrize("seed", range(20))
def test_random_operations(seed):
    torch = pytest.importorskip("torch")
    draw = random.Random(seed)
    for _ in range(25):
        ours, theirs, history = rushlight.nn.Module(), torch.nn.Module(), []
        for _ in range(12):
            operation = draw.choice(["set"] * 6 + list(OPERATIONS))
            name = draw.choice(NAMES[:3] if draw.random() < 0.8 or operation in ("set", "delete") else NAMES)
            step = operation, name, draw.choice(list(VALUES)), draw.random() < 0.5
            history.append(step)
            assert attempt(rushlight, ours, *step) == attempt(torch, theirs, *step), history
            assert state(ours) == state(theirs), history
