"""Tensors in print: known texts, and agreement with torch to the character on random ones."""

import math
import random

import numpy
import pytest
import rushlight as rl

NAN, INF = math.nan, math.inf


@pytest.fixture(autouse=True)
def default_options():
    rl.set_printoptions(profile="default")
    yield
    rl.set_printoptions(profile="default")


TEXTS = [
    (lambda: rl.tensor(1.0), "tensor(1.)"),
    (lambda: rl.tensor(7), "tensor(7)"),
    (lambda: rl.tensor(True), "tensor(True)"),
    (lambda: rl.tensor([]), "tensor([])"),
    (lambda: rl.empty(0, 3), "tensor([], size=(0, 3))"),
    (lambda: rl.empty(2, 0, dtype=rl.int64), "tensor([], size=(2, 0), dtype=rushlight.int64)"),
    (lambda: rl.tensor([1.5, NAN, INF]), "tensor([1.5000,    nan,    inf])"),
    (lambda: rl.tensor([-0.0, 0.0]), "tensor([-0., 0.])"),
    (lambda: rl.tensor([1e10, 1.0]), "tensor([1.0000e+10, 1.0000e+00])"),
    (lambda: rl.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
    (lambda: rl.tensor([1, -100]), "tensor([   1, -100])"),
    (lambda: rl.tensor([1, 2], dtype=rl.int32), "tensor([1, 2], dtype=rushlight.int32)"),
    (lambda: rl.tensor([1.0], dtype=rl.float64), "tensor([1.], dtype=rushlight.float64)"),
    (lambda: rl.tensor([1 + 2j, 3.5 - 1j]), "tensor([1.0000+2.j, 3.5000-1.j])"),
    (lambda: rl.ones(2, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
    (lambda: rl.ones(2, requires_grad=True) + 1, "tensor([2., 2.], grad_fn=<AddBackward0>)"),
    (lambda: rl.nn.Parameter(rl.ones(2)), "Parameter containing:\ntensor([1., 1.], requires_grad=True)"),
    (lambda: rl.tensor([[True, False]]), "tensor([[ True, False]])"),
    (lambda: rl.zeros(2, 1, 2), "tensor([[[0., 0.]],\n\n        [[0., 0.]]])"),
    (lambda: rl.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
]


@pytest.mark.parametrize("make, text", TEXTS, ids=[text[:40] for _, text in TEXTS])
def test_texts(make, text):
    assert repr(make()) == text
    assert str(make()) == text


def test_format_of_a_number():
    assert f"{rl.tensor(3.14159):.2f}" == "3.14"
    assert f"{rl.tensor([1.0])}" == "tensor([1.])"


def test_options_hold_and_return():
    with rl._printing.printoptions(precision=2):
        assert repr(rl.tensor([1.2345])) == "tensor([1.23])"
    assert repr(rl.tensor([1.2345])) == "tensor([1.2345])"
    rl.set_printoptions(sci_mode=True)
    assert repr(rl.tensor([1.5])) == "tensor([1.5000e+00])"
    rl.set_printoptions(profile="full")
    assert "..." not in repr(rl.arange(3000))
    with pytest.raises(ValueError, match="default, short, full"):
        rl.set_printoptions(profile="loud")


def test_a_subclass_shows_its_name():
    class Mine(rl.Tensor):
        pass

    assert repr(rl.ones(2).as_subclass(Mine)).startswith("Mine([1., 1.]")


DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
ODD = [0.0, -0.0, NAN, INF, -INF, 1e-5, 1e8, 1e8 + 1, 0.1, 1000.0, 1001.0, 1e-4, -3.0, 1e-30, 1e30]


def random_values(rng, shape):
    values = rng.standard_normal(shape)
    kind = rng.integers(6)
    values = [values, values.round(), (values * 100).round(), 10 ** (values * 5), values * 10.0 ** rng.integers(-12, 12), values * 0 + rng.choice(ODD)][kind]
    if values.size and rng.random() < 0.3:
        values.reshape(-1)[rng.integers(values.size)] = rng.choice(ODD)
    return values


def random_tensor(rng, name):
    """NumPy values, and what to do with the tensor made of them."""
    shape = [int(n) for n in rng.choice([0, 1, 2, 3, 5, 8, 20, 50], rng.integers(0, 4))]
    if name == "bool":
        return rng.random(shape) > 0.5
    if "int" in name:
        info = numpy.iinfo(name)
        top = min(int(rng.choice([2, 10, 100, info.max])), info.max)
        return rng.integers(max(-top, info.min), top, shape).astype(name)
    values = random_values(rng, shape)
    return (values + 1j * random_values(rng, shape)).astype(name) if "complex" in name else values


@pytest.mark.parametrize("seed", range(8))
def test_as_torch(seed):
    torch = pytest.importorskip("torch")
    rng, choose = numpy.random.default_rng(seed), random.Random(seed)
    try:
        for _ in range(150):
            if choose.random() < 0.2:
                options = dict(
                    precision=choose.choice([None, 2, 6, 0]),
                    threshold=choose.choice([None, 10, 1000, INF]),
                    edgeitems=choose.choice([None, 0, 1, 2, 5]),
                    linewidth=choose.choice([None, 20, 40, 120]),
                    profile=choose.choice([None, "default", "short", "full"]),
                    sci_mode=choose.choice([None, True, False]),
                )
                torch.set_printoptions(**options)
                rl.set_printoptions(**options)
            name, wants_grad = choose.choice(DTYPES), choose.random() < 0.3
            values = numpy.asarray(random_tensor(rng, name))
            ours, theirs = (library.from_numpy(values.copy()).to(getattr(library, name)) for library in (rl, torch))
            if wants_grad and theirs.dtype.is_floating_point:
                ours.requires_grad_()
                theirs.requires_grad_()
            # the longer name of a dtype may break the line elsewhere
            assert repr(ours).split() == repr(theirs).replace("torch.", "rushlight.").split()
    finally:
        torch.set_printoptions(profile="default")
