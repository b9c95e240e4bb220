"""Convolutions of floats, read where they lie (csrc/ops/conv_direct.c), against the same in double, which goes by columns.

Shapes are drawn from a fixed seed; the tests run in the table of kernels that RUSHLIGHT_ISA names."""

import random

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F


def draw(seed):
    """A convolution: (spatial dims, sizes of input and weight, options)."""
    rng = random.Random(seed)
    n, groups = rng.choice([1, 2, 2, 2, 3]), rng.choice([1, 1, 1, 2, 3])
    kernel, dilation, padding = ([rng.choice(of) for _ in range(n)] for of in ([1, 2, 3, 5], [1, 1, 2], [0, 1, 2, 7]))
    stride = [rng.choice([1, 1, 1, 2, 3]) for _ in range(n)]
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding)]
    size = [low + rng.choice([0, 1, 7, 15, 20] if n < 3 else [0, 3, 6]) for low in least]
    x = (rng.choice([1, 2, 3, 18]), rng.choice([1, 2, 3, 6, 16]) * groups, *size)
    w = (rng.choice([1, 2, 5, 6, 14, 16, 17, 33]) * groups, x[1] // groups, *kernel)
    return n, x, w, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def results(n, x, w, b, g, options, dtype):
    x, w, b = (rl.tensor(a, dtype=dtype, requires_grad=True) for a in (x, w, b))
    y = getattr(F, f"conv{n}d")(x, w, b, **options)
    y.backward(rl.tensor(g(y.shape), dtype=dtype))
    return [t.detach().numpy() for t in (y, x.grad, w.grad, b.grad)]


@pytest.mark.parametrize("seed", range(60))
def test_floats_agree_with_doubles(seed):
    n, x, w, options = draw(seed)
    numbers = np.random.default_rng(seed)
    x, w, b = (numbers.standard_normal(shape).astype("f4") for shape in (x, w, w[0]))

    def slope(shape):
        return np.random.default_rng(seed + 1).standard_normal(shape).astype("f4")

    for ours, exact in zip(results(n, x, w, b, slope, options, rl.float32), results(n, x, w, b, slope, options, rl.float64)):
        # some hundred to ten thousand products are summed, each rounded to 2^-24
        assert ours.shape == exact.shape
        assert abs(ours - exact).max(initial=0) <= 2e-5 * abs(exact).max(initial=1)


SMALL = [  # input, weight, options: images of which padding is much, many channels or one to a group, batches that do not divide
    ((33, 64, 2, 2), (40, 64, 3, 3), {"padding": 1}),
    ((9, 32, 4, 4), (64, 32, 3, 3), {"padding": 1}),
    ((35, 48, 3, 3), (130, 48, 3, 3), {"padding": 1, "stride": 2}),
    ((3, 40, 7, 7), (129, 40, 3, 3), {"padding": 1}),
    ((5, 66, 1, 1), (33, 66, 3, 3), {"padding": 1}),
    ((20, 34, 4, 4), (70, 34, 4, 4), {}),
    ((6, 128, 4, 4), (64, 64, 3, 3), {"padding": 2, "dilation": 2, "groups": 2}),
    ((4, 64, 14, 14), (130, 64, 3, 3), {"padding": 1}),
    ((2, 32, 3, 4, 2), (48, 32, 3, 3, 3), {"padding": 1}),
    ((40, 64, 3), (64, 64, 5), {"padding": 2}),
    ((3, 10, 9, 33), (10, 1, 3, 3), {"padding": 1, "groups": 10}),
    ((2, 6, 11, 8), (24, 1, 5, 5), {"padding": 2, "stride": 2, "groups": 6}),
]


@pytest.mark.parametrize("x, w, options", SMALL)
def test_small_images_and_many_channels(x, w, options):
    options = {"stride": 1, **options}
    numbers = np.random.default_rng(0)
    n, x, w, b = len(x) - 2, *(numbers.standard_normal(shape).astype("f4") for shape in (x, w, w[0]))

    def slope(shape):
        return np.random.default_rng(1).standard_normal(shape).astype("f4")

    for ours, exact in zip(results(n, x, w, b, slope, options, rl.float32), results(n, x, w, b, slope, options, rl.float64)):
        # up to a thousand products are summed, each rounded to 2^-24
        assert ours.shape == exact.shape and abs(ours - exact).max() <= 2e-5 * abs(exact).max()


def test_what_lies_between_lines_is_never_summed():
    """Vectors run on past the end of a line; what they meet there (here infinity) must not reach the result."""
    x = rl.zeros(1, 1, 9, 9)
    x[0, 0, :, 8] = float("inf")
    w = rl.ones(3, 1, 2, 2, requires_grad=True)
    y = F.conv2d(x, w)
    assert rl.isfinite(y[..., :7]).all() and rl.isinf(y[..., 7]).all()
    gradient = rl.zeros(y.shape)
    gradient[..., :7] = 1
    y.backward(gradient)
    assert (w.grad[..., 0] == 0).all()


def test_the_last_output_may_be_left_out():
    """A transposed convolution with output_padding is the gradient of a convolution that stops short of its last place."""
    numbers = np.random.default_rng(0)
    x, w = numbers.standard_normal((2, 6, 9, 8)).astype("f4"), numbers.standard_normal((6, 4, 3, 3)).astype("f4")
    options = {"stride": 2, "padding": 1, "output_padding": 1}
    ours, exact = (F.conv_transpose2d(rl.tensor(x, dtype=d), rl.tensor(w, dtype=d), **options).numpy() for d in (rl.float32, rl.float64))
    assert ours.shape == (2, 4, 18, 16)
    assert abs(ours - exact).max() < 1e-5


def test_a_padded_output_of_one_place_windows():
    """With windows of one place the output is as long as the input, but for what output_padding adds: there is the bias alone."""
    numbers = np.random.default_rng(0)
    x, w, b = (rl.tensor(numbers.standard_normal(s)) for s in ((2, 6, 5), (6, 2, 1), (6,)))
    y = F.conv_transpose1d(x, w, b, output_padding=1, dilation=2, groups=3)
    assert y.shape == (2, 6, 6) and rl.equal(y[..., 5], b.expand(2, 6))
    rl.testing.assert_close(y[..., :5], F.conv_transpose1d(x, w, b, groups=3))


def test_gradients_as_functions_have_gradients_themselves():
    x, w, g = (rl.rand(*shape, dtype=rl.float64, requires_grad=True) for shape in ((2, 3, 5, 5), (4, 3, 3, 3), (2, 4, 3, 3)))
    assert rl.autograd.gradcheck(lambda x, g: rl.nn.grad.conv2d_weight(x, w.shape, g), (x, g))
    assert rl.autograd.gradcheck(lambda w, g: rl.nn.grad.conv2d_input(x.shape, w, g), (w, g))
    assert not rl.nn.grad.conv2d_input(x.shape, w.detach(), g.detach()).requires_grad
