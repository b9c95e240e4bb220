"""nn.init: equal seeds give torch's values; bad tensors give torch's errors."""

import math

import pytest

import rushlight as rl

INIT = rl.nn.init

CASES = [
    ("uniform_", (5, 7), {}), ("uniform_", (5, 7), {"a": -2.0, "b": 3.0}), ("normal_", (6, 6), {"mean": 1.0, "std": 0.3}),
    ("normal_", (40, 40), {}), ("trunc_normal_", (30, 30), {}), ("trunc_normal_", (300,), {"std": 0.02}),
    ("trunc_normal_", (40, 9), {"mean": 0.0, "std": 2.0, "a": -0.3, "b": 0.5}), ("trunc_normal_", (20,), {"mean": 5.0, "a": 0.0, "b": 2.0}),
    ("constant_", (3, 4), {"val": 0.7}), ("ones_", (3,), {}), ("zeros_", (3,), {}), ("eye_", (3, 5), {}), ("dirac_", (4, 2, 3), {}),
    ("dirac_", (6, 2, 3, 3), {"groups": 3}), ("dirac_", (2, 2, 3, 4, 5), {}), ("xavier_uniform_", (7, 9), {}),
    ("xavier_uniform_", (7, 9, 3, 3), {"gain": 2.0}), ("xavier_normal_", (7, 9), {}), ("kaiming_uniform_", (7, 9), {"a": math.sqrt(5)}),
    ("kaiming_uniform_", (8, 4, 3, 3), {"mode": "fan_out", "nonlinearity": "relu"}), ("kaiming_normal_", (16, 3, 3, 3), {}),
    ("kaiming_normal_", (8, 8), {"mode": "fan_out", "nonlinearity": "relu"}), ("sparse_", (20, 4), {"sparsity": 0.33}),
]


@pytest.mark.parametrize("name, shape, arguments", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_seeds_give_equal_bits(name, shape, arguments, dtype):
    torch = pytest.importorskip("torch")

    def fill(lib):
        lib.manual_seed(7)
        filled = getattr(lib.nn.init, name)(lib.empty(shape, dtype=getattr(lib, dtype)), **arguments)
        return filled.tolist(), lib.rand(1).item()     # the next draw shows how many were taken

    assert fill(rl) == fill(torch)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3, 3), (4, 4)])
def test_orthogonal(shape):
    torch = pytest.importorskip("torch")
    rl.manual_seed(7)
    ours = INIT.orthogonal_(rl.empty(shape), gain=2.0)
    torch.manual_seed(7)
    theirs = torch.nn.init.orthogonal_(torch.empty(shape), gain=2.0)
    matrix = ours.reshape(shape[0], -1)
    product = matrix @ matrix.t() if matrix.shape[0] <= matrix.shape[1] else matrix.t() @ matrix
    assert rl.allclose(product, 4 * rl.eye(product.shape[0]), atol=1e-5)   # a few roundings of numbers up to 4
    # Two QR factorisations of equal numbers differ by roundings.
    assert ours.reshape(-1).tolist() == pytest.approx(theirs.reshape(-1).tolist(), abs=1e-5)


def test_parameters_are_filled_in_place_without_a_graph():
    p = rl.nn.Parameter(rl.empty(3, 3))
    assert INIT.normal_(p) is p and p.requires_grad and p.is_leaf


def test_generator_is_used():
    a = INIT.normal_(rl.empty(4), generator=rl.Generator().manual_seed(3))
    b = INIT.normal_(rl.empty(4), generator=rl.Generator().manual_seed(3))
    assert a.tolist() == b.tolist()


@pytest.mark.parametrize("name, shape, arguments, message", [
    ("eye_", (3,), {}, "Only tensors with 2 dimensions are supported"),
    ("dirac_", (3, 3), {}, "Only tensors with 3, 4, or 5 dimensions are supported"),
    ("dirac_", (3, 3, 3), {"groups": 2}, "dim 0 must be divisible by groups"),
    ("orthogonal_", (3,), {}, "Only tensors with 2 or more dimensions are supported"),
    ("sparse_", (3,), {"sparsity": 0.1}, "Only tensors with 2 dimensions are supported"),
    ("xavier_uniform_", (3,), {}, "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"),
    ("kaiming_normal_", (3, 3), {"mode": "sideways"}, "Mode sideways not supported"),
    ("kaiming_normal_", (3, 3), {"nonlinearity": "quux"}, "Unsupported nonlinearity quux"),
    ("kaiming_normal_", (3, 3), {"a": True}, "negative_slope True not a valid number"),
])
def test_bad_arguments(name, shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(INIT, name)(rl.empty(shape), **arguments)


def test_gains():
    assert [INIT.calculate_gain(n) for n in ("linear", "conv2d", "sigmoid", "selu")] == [1, 1, 1, 0.75]
    assert INIT.calculate_gain("relu") == math.sqrt(2) and INIT.calculate_gain("leaky_relu", 1) == 1.0


def test_zero_elements_warn_and_far_mean_warns():
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        INIT.kaiming_uniform_(rl.empty(0, 3))
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        INIT.trunc_normal_(rl.empty(3), mean=50.0)


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="`nn.init.xavier_uniform` is now deprecated in favor of `nn.init.xavier_uniform_`"):
        INIT.xavier_uniform(rl.empty(2, 2))
