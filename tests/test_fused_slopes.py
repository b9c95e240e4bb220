"""Gradients that have a pass of their own while nothing records: what they give is what the recorded way gives, and torch."""

import numpy
import pytest
import rushlight as rl

ORDERS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")]
BOUND = {"float32": 3e-5, "float64": 1e-12}  # sums of hundreds of roundings, taken in another order


def points(n, width, dtype, seed=0):
    """Rows of which one is there twice, and one nearly."""
    x = numpy.random.default_rng(seed).standard_normal((n, width)).astype(dtype)
    if n > 3 and width:
        x[2], x[3, :-1] = x[1], x[1, :-1]
    return x


def near(ours, theirs, dtype):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    scale = numpy.abs(theirs).max() if theirs.size else 1
    numpy.testing.assert_allclose(ours, theirs, rtol=BOUND[dtype], atol=BOUND[dtype] * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", ORDERS)
def test_distances(p, dtype):
    """Rows fewer and more than a block, coordinates fewer and more than a vector, nothing at all."""
    torch = pytest.importorskip("torch")
    for n, m, width in [(1, 3, 2), (4, 3, 3), (17, 70, 33), (70, 5, 300), (130, 131, 1), (3, 0, 2), (0, 2, 2), (5, 5, 0)]:
        got = []
        for t in (rl, torch):
            a, b = t.tensor(points(n, width, dtype), requires_grad=True), t.tensor(points(m, width, dtype, 1), requires_grad=True)
            one, two = t.pdist(a, p), t.cdist(a, b, p, "donot_use_mm_for_euclid_dist")
            weights = [t.linspace(0, 1, y.numel(), dtype=getattr(t, dtype)).reshape(y.shape) for y in (one, two)]
            skip = 0 if n > 1 else 1  # torch's backward of no pairs may end the process
            slopes = t.autograd.grad([one, two][skip:], [a, b], weights[skip:])
            got.append([one, two, *slopes])
        for ours, theirs in zip(*got):
            near(ours, theirs, dtype)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances_of_batches(p):
    """Leading dims broadcast; derivatives of the second order go through the differences of all pairs."""
    a, b = rl.randn(2, 1, 4, 3, dtype=rl.float64, requires_grad=True), rl.randn(3, 5, 3, dtype=rl.float64, requires_grad=True)
    assert rl.cdist(a, b, p).shape == (2, 3, 4, 5)
    for few in (rl.zeros(1, 3, requires_grad=True), rl.zeros(0, 3, requires_grad=True)):
        assert rl.autograd.grad(rl.pdist(few, p).sum(), few)[0].tolist() == few.tolist()
    assert rl.autograd.gradgradcheck(lambda a, b: rl.cdist(a, b, p), (a, b))
    assert rl.autograd.gradgradcheck(lambda a: rl.pdist(a, p), (a.detach()[0, 0].requires_grad_(),))
    with pytest.raises(RuntimeError, match="broadcast|must match"):
        rl.cdist(rl.zeros(2, 4, 3), rl.zeros(3, 5, 3), p)
    half = rl.cdist(a.detach().half(), b.detach().half(), p)
    assert half.dtype == rl.float16
    numpy.testing.assert_allclose(half.numpy(), rl.cdist(a, b, p).detach().numpy(), rtol=5e-3, atol=5e-3)     # halves have 11 bits


def both_ways(f, *inputs):
    """The slopes of f's sum of squares, while nothing records and while it does."""
    return [rl.autograd.grad((f(*inputs) ** 2).sum(), inputs, create_graph=recorded) for recorded in (False, True)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shapes", [((5, 67), (5, 67)), ((5, 67), (67,)), ((1, 3), (4, 1))])
def test_pointwise_pairs(shapes, dtype):
    """atan2 and prelu, zeros and NaN among the numbers, operands that broadcast."""
    rng = numpy.random.default_rng(1)
    x, y = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    x.reshape(-1)[::3] = y.reshape(-1)[::3][: x.reshape(-1)[::3].size] if x.shape == y.shape else 0
    x.reshape(-1)[-1] = numpy.nan
    x.reshape(-1)[0] = y.reshape(-1)[0] = 0
    a, b = rl.tensor(x, requires_grad=True), rl.tensor(y, requires_grad=True)
    bound = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-13}[dtype]      # a formula in halves rounds at every step, squares of few to little
    for f in (rl.atan2, rl._C._ops._prelu_kernel):
        for one, other in zip(*both_ways(f, a, b)):
            numpy.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=bound, atol=bound)


def test_addr():
    x, a, b = (rl.randn(*shape, dtype=rl.float64, requires_grad=True) for shape in [(4, 3), (4,), (3,)])
    assert rl.autograd.gradgradcheck(rl.addr, (x, a, b)) and type(rl.addr(x, a, b).grad_fn).__name__ == "AddrBackward0"
    for slope, want in zip(rl.autograd.grad(rl.addr(x, a, b).sum(), (x, a, b)), (rl.ones(4, 3), b.sum().expand(4), a.sum().expand(3))):
        numpy.testing.assert_allclose(slope.numpy(), want.detach().numpy(), rtol=1e-12)     # sums of four


@pytest.mark.parametrize("shape", [(5000,), (40, 60), (2, 3)])
def test_numbers_checked_on_the_way(shape):
    """Wherever the bad number stands, the error is the same and nothing has changed; in place too."""
    dim, size = len(shape) - 1, shape[-1]
    x, good = rl.randn(*shape), rl.randint(0, size, shape)
    for place in (0, good.numel() // 2, good.numel() - 1):
        for number in (-1, size):
            index = good.clone()
            index.view(-1)[place] = number
            before, to = x.clone(), rl.zeros(*shape)
            for call in (lambda: rl.gather(x, dim, index), lambda: rl.scatter(x, dim, index, 1.0), lambda: rl.scatter(x, dim, index, x.clone()),
                         lambda: rl.scatter_add(x, dim, index, x.clone()), lambda: x.scatter_(dim, index, 1.0), lambda: x.scatter_add_(dim, index, before),
                         lambda: rl.gather(x, dim, index, out=to), lambda: rl.scatter_reduce(x, dim, index, x.clone(), "amax")):
                with pytest.raises(RuntimeError, match=f"index {number} is out of bounds for dimension {dim} with size {size}"):
                    call()
                assert rl.equal(x, before) and not to.any()


def test_slopes_of_gather():
    """A number that comes twice gets both; the order of memory does not matter."""
    x = rl.arange(12.0, dtype=rl.float64).reshape(3, 4).requires_grad_()
    index = rl.tensor([[0, 0, 2], [3, 1, 3], [2, 2, 2]])
    for numbers, g in ((index, rl.ones(3, 3, dtype=rl.float64)), (index.t().contiguous().t(), rl.ones(3, 1, dtype=rl.float64).expand(3, 3))):
        slope, = rl.autograd.grad(rl.gather(x, 1, numbers), x, g)
        assert slope.tolist() == [[2, 0, 1, 0], [0, 1, 0, 2], [0, 0, 3, 0]]
    assert rl.autograd.gradgradcheck(lambda x: rl.gather(x, 1, index), (x,))


def test_sort_of_what_repeats():
    """Lines that are one element seen many times: the places in order, whichever way."""
    x = rl.randn(3, 1).expand(3, 5)
    for dim, descending in ((1, False), (1, True), (0, False)):
        values, places = x.sort(dim, descending=descending)
        want, where = x.clone().contiguous().sort(dim, descending=descending, stable=True)
        assert rl.equal(values, want) and rl.equal(places, where)
