"""Attention: values, gradients and draws beside torch's, whatever the shapes, masks and groups; and what it keeps in memory."""

import numpy
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

MASK = numpy.random.default_rng(1).random((2, 1, 4, 6)) > 0.3
MASK[0, 0, 1] = False  # a query that sees nothing
BIAS = numpy.random.default_rng(2).standard_normal((2, 3, 4, 6))
CASES = {
    "plain": ([(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 2)], None, {}),
    "matrices": ([(7, 5), (9, 5), (9, 5)], None, {}),
    "three": ([(3, 7, 5), (3, 9, 5), (3, 9, 5)], None, {}),
    "five": ([(2, 2, 3, 7, 5), (2, 2, 3, 9, 5), (2, 2, 3, 9, 5)], None, {}),
    "broadcast": ([(2, 4, 7, 5), (1, 4, 9, 5), (2, 1, 9, 5)], None, {}),
    "causal": ([(2, 3, 70, 5), (2, 3, 130, 5), (2, 3, 130, 5)], None, {"is_causal": True}),
    "causal, tiles": ([(1, 2, 150, 4), (1, 2, 600, 4), (1, 2, 600, 4)], None, {"is_causal": True}),
    "tall, tiles": ([(1, 1, 700, 4), (1, 1, 600, 4), (1, 1, 600, 4)], None, {"is_causal": True}),
    "dropout": ([(2, 3, 70, 5), (2, 3, 130, 5), (2, 3, 130, 5)], None, {"dropout_p": 0.3}),
    "dropout, tiles": ([(1, 2, 70, 3), (1, 2, 600, 3), (1, 2, 600, 3)], None, {"dropout_p": 0.3}),
    "dropout of all": ([(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)], None, {"dropout_p": 1.0}),
    "groups": ([(2, 4, 70, 5), (2, 2, 130, 5), (2, 2, 130, 5)], None, {"enable_gqa": True, "is_causal": True}),
    "other groups": ([(2, 4, 7, 5), (2, 2, 13, 5), (2, 1, 13, 5)], None, {"enable_gqa": True}),
    "boolean mask": ([(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)], MASK, {}),
    "bias": ([(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)], BIAS, {"scale": 0.3}),
    "bias for all": ([(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)], BIAS[0, 0], {}),
    "bias and dropout": ([(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)], BIAS, {"dropout_p": 0.5}),
    "bias of three": ([(3, 4, 5), (3, 6, 5), (3, 6, 5)], BIAS[0], {}),
}


def run(library, arrays, mask, dtype, slope, **options):
    """Result and gradients of one call."""
    tensors = [library.tensor(a, dtype=getattr(library, dtype)).requires_grad_() for a in arrays]
    if mask is not None:
        mask = library.tensor(mask) if mask.dtype == bool else library.tensor(mask, dtype=getattr(library, dtype))
    library.manual_seed(3)
    y = library.nn.functional.scaled_dot_product_attention(*tensors, mask, **options)
    return [t.detach().numpy() for t in (y, *library.autograd.grad(y, tensors, library.tensor(slope, dtype=y.dtype)))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_as_torch(name, dtype):
    shapes, mask, options = CASES[name]
    rng = numpy.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    lead = numpy.broadcast_shapes(*(s[:-2] for s in shapes)) if "enable_gqa" not in options else shapes[0][:-2]
    slope = rng.standard_normal((*lead, shapes[0][-2], shapes[2][-1]))
    tolerance = 1e-4 if dtype == "float32" else 1e-9  # sums of up to 700 terms in another order
    for ours, theirs in zip(run(rl, arrays, mask, dtype, slope, **options), run(torch, arrays, mask, dtype, slope, **options)):
        assert ours.shape == theirs.shape
        numpy.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_gradient_of_the_mask():
    shapes, bias, _ = CASES["bias for all"]
    results = []
    for library in (rl, torch):
        tensors = [library.tensor(numpy.random.default_rng(i).standard_normal(s)) for i, s in enumerate(shapes)]
        mask = library.tensor(bias).requires_grad_()
        library.nn.functional.scaled_dot_product_attention(*tensors, mask).square().sum().backward()
        results.append(mask.grad.numpy())
    numpy.testing.assert_allclose(*results, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"dropout_p": 0.4}, {"enable_gqa": True}])
def test_second_order(options):
    groups = 2 if "enable_gqa" in options else 4
    q, k, v = (rl.randn(1, h, n, 3, dtype=rl.float64, requires_grad=True) for h, n in ((4, 5), (groups, 6), (groups, 6)))

    def call(q, k, v):
        rl.manual_seed(0)
        return rl.nn.functional.scaled_dot_product_attention(q, k, v, **options)

    assert rl.autograd.gradcheck(call, (q, k, v))
    assert rl.autograd.gradgradcheck(call, (q, k, v))


def test_no_matrix_of_scores():
    """4,096 queries of 4,096 keys would be 64 MB of scores; what the graph keeps is far less."""
    x = rl.randn(1, 1, 4096, 8, requires_grad=True)
    before = rl._C._memory_stats()["used"]
    y = rl.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    assert rl._C._memory_stats()["used"] - before < 2 << 20
    assert y.grad_fn.name() == "ScaledDotProductFlashAttentionForCpuBackward0"
    y.sum().backward()
    assert x.grad.isfinite().all()


def bad(t):
    ones = t.ones
    return [
        (ones(2, 4, 5, 8), ones(2, 2, 7, 8), ones(2, 2, 7, 8)),
        (ones(8), ones(8), ones(8)),
        (ones(1, 8), ones(1, 8), ones(1, 8, dtype=t.float64)),
        (ones(1, 8), ones(1, 8), ones(1, 8), ones(1, 1, dtype=t.int32)),
        (ones(1, 8), ones(1, 8), ones(1, 8), ones(3, 3)),
        (ones(1, 8), ones(1, 8), ones(1, 8), None, 2.0),
        (ones(3, 8), ones(3, 8), ones(3, 8), ones(3, 3), 0.0, True),
    ]


@pytest.mark.parametrize("k", range(7))
def test_refusals(k):
    with pytest.raises(Exception) as theirs:
        torch.nn.functional.scaled_dot_product_attention(*bad(torch)[k])
    with pytest.raises(type(theirs.value)):
        rl.nn.functional.scaled_dot_product_attention(*bad(rl)[k])
