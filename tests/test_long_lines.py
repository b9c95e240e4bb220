"""Kernels take lines in lanes, blocks and several at a time; the table's samples are too small to fill one.  Here they are filled, and overrun by a few."""

import numpy
import pytest
import rushlight as rl

SHAPES = [(37, 101), (5, 70, 33), (3, 1000), (1000, 3), (2, 5, 2500), (9, 64), (130, 2, 129)]
CASES = [(shape, dim) for shape in SHAPES for dim in range(len(shape))]
DTYPES = ["float32", "float64", "int64"]


def values(shape, dtype, odd=False):
    """Numbers of which some are equal; `odd` puts NaN and infinities among them."""
    rng = numpy.random.default_rng(len(shape) * 1000 + shape[-1])
    x = rng.normal(size=shape) * 3
    x = numpy.where(rng.random(shape) < 0.2, numpy.round(x), x)
    x = x.astype(dtype) if dtype != "int64" else (x * 10).astype(dtype)
    if odd:
        x.reshape(-1)[::61] = numpy.inf
        x.reshape(-1)[7::97] = -numpy.inf
        x.reshape(-1)[13::211] = numpy.nan
    return x


def close(got, want, dtype="float64", many=1):
    """To the rounding of `many` additions in this dtype."""
    step = {"float32": 1.2e-7, "float64": 2.3e-16}.get(dtype, 0)
    numpy.testing.assert_allclose(got.numpy() if isinstance(got, rl.Tensor) else got, want, rtol=8 * step * many**0.5 + (0 if step else 0), atol=8 * step * many, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape,dim", CASES)
def test_reductions(shape, dim, dtype):
    a = values(shape, dtype)
    x, wide = rl.from_numpy(a), a.astype("float64")
    n = shape[dim]
    close(x.sum(dim), a.sum(dim, dtype="float64" if dtype != "int64" else "int64"), dtype, n)
    numpy.testing.assert_array_equal(x.amax(dim).numpy(), a.max(dim))
    numpy.testing.assert_array_equal(x.amin(dim).numpy(), a.min(dim))
    numpy.testing.assert_array_equal(x.argmax(dim).numpy(), a.argmax(dim))
    numpy.testing.assert_array_equal(x.min(dim).indices.numpy(), a.argmin(dim))
    numpy.testing.assert_array_equal(x.count_nonzero(dim).numpy(), (a != 0).sum(dim))
    if dtype == "int64":
        return
    close(x.var(dim), wide.var(dim, ddof=1), dtype, n)
    top = wide.max(dim, keepdims=True)
    close(x.logsumexp(dim), numpy.log(numpy.exp(wide - top).sum(dim)) + top.squeeze(dim), dtype, 4)
    small = (1 + a / 50).astype(dtype)
    numpy.testing.assert_allclose(rl.from_numpy(small).prod(dim).numpy(), small.astype("float64").prod(dim), rtol=2e-7 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("shape,dim", CASES)
def test_reductions_of_odd_numbers(shape, dim):
    a = values(shape, "float32", odd=True)
    x = rl.from_numpy(a)
    with numpy.errstate(all="ignore"):
        numpy.testing.assert_array_equal(x.amax(dim).numpy(), a.max(dim))
        numpy.testing.assert_array_equal(x.amin(dim).numpy(), a.min(dim))
        numpy.testing.assert_array_equal(x.argmax(dim).numpy(), a.argmax(dim))
        assert numpy.array_equal(numpy.isnan(x.sum(dim).numpy()), numpy.isnan(a.sum(dim)))
        lse = numpy.logaddexp.reduce(a.astype("float64"), axis=dim)
    close(x.logsumexp(dim), lse, "float32", 4)


def test_all_elements_expanded_and_turned():
    a = values((40, 50, 60), "float32")
    x = rl.from_numpy(a)
    close(x[:, :1].expand(-1, 50, -1).sum(), numpy.broadcast_to(a[:, :1], a.shape).sum(dtype="float64"), "float32", 1000)
    close(x.permute(2, 0, 1).sum((0, 2)), a.transpose(2, 0, 1).sum((0, 2), dtype="float64"), "float32", 1000)
    close(x.permute(2, 0, 1).amax((0, 2)), a.transpose(2, 0, 1).max((0, 2)))
    close(x[:, ::2].mean(1), a[:, ::2].mean(1, dtype="float64"), "float32", 25)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape,dim", CASES)
def test_scans(shape, dim, dtype):
    a = values(shape, dtype)
    x = rl.from_numpy(a)
    wide = a.astype("float64") if dtype != "int64" else a
    close(x.cumsum(dim), wide.cumsum(dim), dtype, 8)
    numpy.testing.assert_array_equal(x.cummax(dim).values.numpy(), numpy.maximum.accumulate(a, dim))
    least = x.cummin(dim)
    numpy.testing.assert_array_equal(least.values.numpy(), numpy.minimum.accumulate(a, dim))
    numpy.testing.assert_array_equal(numpy.take_along_axis(a, least.indices.numpy(), dim), least.values.numpy())
    turned = rl.from_numpy(numpy.ascontiguousarray(a.T)).permute(*range(len(shape) - 1, -1, -1))
    numpy.testing.assert_array_equal(turned.cumsum(dim).numpy(), x.cumsum(dim).numpy())
    if dtype != "int64":
        close(x.logcumsumexp(dim), numpy.logaddexp.accumulate(wide, dim), dtype, 16)


def test_scans_of_odd_numbers():
    a = values((6, 500), "float32", odd=True)
    x = rl.from_numpy(a)
    for dim in (0, 1):
        best = x.cummax(dim)
        numpy.testing.assert_array_equal(best.values.numpy(), numpy.maximum.accumulate(a, dim))
        at = best.indices.numpy()
        numpy.testing.assert_array_equal(numpy.take_along_axis(a, at, dim), best.values.numpy())
        # of equals, NaN among them, the last
        later = numpy.where(numpy.isnan(a) | (a == numpy.maximum.accumulate(a, dim)), numpy.arange(a.shape[dim]).reshape((-1, 1) if dim == 0 else (1, -1)), -1)
        later = numpy.where(numpy.isnan(best.values.numpy()) & ~numpy.isnan(a), -1, later)
        numpy.testing.assert_array_equal(at, numpy.maximum.accumulate(later, dim))


@pytest.mark.parametrize("shape,dim", CASES)
def test_softmax(shape, dim):
    a = values(shape, "float32")
    wide, g = a.astype("float64"), values(shape, "float32")[::-1].copy()
    e = numpy.exp(wide - wide.max(dim, keepdims=True))
    y = e / e.sum(dim, keepdims=True)
    for source in (rl.from_numpy(a), rl.from_numpy(numpy.ascontiguousarray(a.T)).permute(*range(len(shape) - 1, -1, -1))):
        x = source.requires_grad_()
        close(rl.softmax(x, dim).detach(), y, "float32", 8)
        close(rl.log_softmax(x, dim).detach(), numpy.log(y), "float32", 16)
        (dx,) = rl.autograd.grad(rl.softmax(x, dim), x, rl.from_numpy(g))
        close(dx, y * (g - (g * y).sum(dim, keepdims=True)), "float32", 32)
        (dx,) = rl.autograd.grad(rl.log_softmax(x, dim), x, rl.from_numpy(g))
        close(dx, g - y * g.astype("float64").sum(dim, keepdims=True), "float32", shape[dim])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape,dim", CASES)
def test_order(shape, dim, dtype):
    a = values(shape, dtype, odd=dtype != "int64")
    x = rl.from_numpy(a)
    order = numpy.argsort(a, dim, kind="stable")
    numpy.testing.assert_array_equal(x.sort(dim, stable=True).indices.numpy(), order)
    k = min(3, shape[dim])
    least = x.topk(k, dim, largest=False)
    numpy.testing.assert_array_equal(least.values.numpy(), numpy.take(numpy.sort(a, dim), range(k), dim))
    numpy.testing.assert_array_equal(numpy.take_along_axis(a, least.indices.numpy(), dim), least.values.numpy())
    largest = numpy.take(numpy.sort(a, dim), range(shape[dim] - k, shape[dim]), dim)
    numpy.testing.assert_array_equal(x.topk(k, dim).values.numpy(), numpy.flip(largest, dim))
    for rank in (1, shape[dim] // 2 + 1, shape[dim]):
        numpy.testing.assert_array_equal(x.kthvalue(rank, dim).values.numpy(), numpy.take(numpy.sort(a, dim), rank - 1, dim))
    middle = numpy.take(numpy.sort(a, dim), (shape[dim] - 1) // 2, dim)
    if dtype != "int64":
        middle = numpy.where(numpy.isnan(a).any(dim), numpy.nan, middle)
        numbers = (~numpy.isnan(a)).sum(dim, keepdims=True)
        among = numpy.take_along_axis(numpy.sort(a, dim), numpy.maximum(numbers - 1, 0) // 2, dim).squeeze(dim)
        numpy.testing.assert_array_equal(x.nanmedian(dim).values.numpy(), among)
    numpy.testing.assert_array_equal(x.median(dim).values.numpy(), middle)


def test_masks_and_numbers():
    a = values((70, 90), "float32")
    x, mask = rl.from_numpy(a), a > 0.3
    m = rl.from_numpy(mask)
    numpy.testing.assert_array_equal(x[m].numpy(), a[mask])
    numpy.testing.assert_array_equal(rl.nonzero(m).numpy(), numpy.argwhere(mask))
    numpy.testing.assert_array_equal(rl.nonzero(m.reshape(7, 10, 90)).numpy(), numpy.argwhere(mask.reshape(7, 10, 90)))
    for none in (numpy.zeros_like(mask), numpy.ones_like(mask)):
        numpy.testing.assert_array_equal(x[rl.from_numpy(none)].numpy(), a[none])
    written, want = x.clone(), a.copy()
    written[m] = rl.arange(int(mask.sum()), dtype=rl.float32)
    want[mask] = numpy.arange(mask.sum())
    numpy.testing.assert_array_equal(written.numpy(), want)
    z = x.clone().requires_grad_()
    (z[m] * 2).sum().backward()
    numpy.testing.assert_array_equal(z.grad.numpy(), 2.0 * mask)


@pytest.mark.parametrize("dim", [0, 1])
def test_one_number_for_a_slice(dim):
    a, n = values((40, 30, 20), "float32"), 25
    at = numpy.random.default_rng(3).integers(0, a.shape[dim], n)
    shape = list(a.shape)
    shape[dim] = n
    wide = rl.from_numpy(at).reshape(*(n if d == dim else 1 for d in range(3))).expand(*shape)
    x, source = rl.from_numpy(a), rl.from_numpy(values(tuple(shape), "float32"))
    assert rl.equal(x.gather(dim, wide), x.index_select(dim, rl.from_numpy(at)))
    assert rl.equal(x.gather(dim, wide), x.gather(dim, wide.contiguous()))
    for how in ("sum", "prod", "amax", "amin", "mean"):
        for own in (True, False):
            assert rl.equal(x.scatter_reduce(dim, wide, source, how, include_self=own), x.scatter_reduce(dim, wide.contiguous(), source, how, include_self=own)), how
    assert rl.equal(x.scatter(dim, wide, source), x.scatter(dim, wide.contiguous(), source))
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.gather(dim, wide + a.shape[dim])
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.gather(dim, wide - a.shape[dim] - 1)


def test_joined():
    parts = [values((7, n, 30), "float32") for n in (3, 1, 8)]
    for dim, many in ((1, parts), (0, parts[:1] * 3), (2, parts[:1] * 2)):
        numpy.testing.assert_array_equal(rl.cat([rl.from_numpy(p) for p in many], dim).numpy(), numpy.concatenate(many, dim))
    for dim in range(4):
        numpy.testing.assert_array_equal(rl.stack([rl.from_numpy(parts[2])] * 3, dim).numpy(), numpy.stack([parts[2]] * 3, dim))
    turned = rl.from_numpy(parts[0]).transpose(1, 2)
    numpy.testing.assert_array_equal(rl.cat([turned, turned], 1).numpy(), numpy.concatenate([parts[0].transpose(0, 2, 1)] * 2, 1))


@pytest.mark.parametrize("bytes_", ["int8", "int16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(100, 203), (33, 50), (17, 300), (1100, 70)])
def test_copies_turned_and_reversed(shape, bytes_):
    a = (numpy.arange(numpy.prod(shape)).reshape(shape) % 113).astype(bytes_)
    x = rl.from_numpy(a)
    numpy.testing.assert_array_equal(x.t().contiguous().numpy(), a.T)
    numpy.testing.assert_array_equal(x.flip(1).numpy(), a[:, ::-1])
    numpy.testing.assert_array_equal(x.flip(0, 1).numpy(), a[::-1, ::-1])
    numpy.testing.assert_array_equal(rl.full(shape, 3).to(x.dtype).numpy(), numpy.full(shape, 3, bytes_))


def normalized(x, dims, eps=1e-5):
    return (x - x.mean(dims, keepdims=True)) / numpy.sqrt(x.var(dims, keepdims=True) + eps)


@pytest.mark.parametrize("shape", [(40, 70), (6, 8, 37), (4, 6, 5, 9)])
def test_norms(shape):
    a = values(shape, "float32") + 5
    x, wide = rl.from_numpy(a), a.astype("float64")
    c = shape[1]
    w, b = numpy.linspace(0.5, 2, c).astype("float32"), numpy.linspace(-1, 1, c).astype("float32")
    line = (1, c) + (1,) * (len(shape) - 2)
    others = tuple(d for d in range(len(shape)) if d != 1)
    affine = [rl.from_numpy(w), rl.from_numpy(b)]
    close(rl.nn.functional.batch_norm(x, None, None, *affine, training=True), normalized(wide, others) * w.reshape(line) + b.reshape(line), "float32", 64)
    groups = normalized(wide.reshape(shape[0], 2, -1), (2,)).reshape(shape)
    close(rl.group_norm(x, 2, *affine), groups * w.reshape(line) + b.reshape(line), "float32", 64)
    if len(shape) > 2:
        close(rl.nn.functional.instance_norm(x, weight=affine[0], bias=affine[1]), normalized(wide, tuple(range(2, len(shape)))) * w.reshape(line) + b.reshape(line), "float32", 64)


def test_pools_and_searches():
    a = values((3, 4, 83), "float32")
    x = rl.from_numpy(a)
    for size, step in ((2, 2), (3, 1), (5, 3)):
        count = (83 - size) // step + 1
        windows = numpy.stack([a[..., i * step:i * step + size] for i in range(count)], 2)
        numpy.testing.assert_array_equal(rl.max_pool1d(x, size, step).numpy(), windows.max(-1))
        numpy.testing.assert_array_equal(rl.max_pool1d(x.clone().requires_grad_(), size, step).detach().numpy(), windows.max(-1))
        close(rl.avg_pool1d(x, size, step), windows.mean(-1, dtype="float64"), "float32", size)
    sorted_ = numpy.sort(a.reshape(-1))
    for right in (False, True):
        got = rl.searchsorted(rl.from_numpy(sorted_), x, right=right)
        numpy.testing.assert_array_equal(got.numpy(), numpy.searchsorted(sorted_, a, side="right" if right else "left"))
    numpy.testing.assert_array_equal(rl.histc(x, 20, -3, 4).numpy(), numpy.histogram(a, 20, (-3, 4))[0])
    rounded = numpy.sort(numpy.round(a.reshape(-1)))
    got = rl.unique_consecutive(rl.from_numpy(rounded), return_inverse=True, return_counts=True)
    for mine, theirs in zip(got, numpy.unique(rounded, return_inverse=True, return_counts=True)):
        numpy.testing.assert_array_equal(mine.numpy(), theirs)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads):
    """Pieces are cut by shape alone."""
    x = rl.from_numpy(values((700, 900), "float32"))
    before = rl.get_num_threads()
    try:
        rl.set_num_threads(2)
        want = [x.sum(), x.sum(0), x.sum(1), x.var(1), x.logsumexp(0), x.logsumexp(1), rl.softmax(x, 0), x.cumsum(0), x.cumsum(1), x.cummax(1)[1], rl.group_norm(x, 30)]
        rl.set_num_threads(threads)
        got = [x.sum(), x.sum(0), x.sum(1), x.var(1), x.logsumexp(0), x.logsumexp(1), rl.softmax(x, 0), x.cumsum(0), x.cumsum(1), x.cummax(1)[1], rl.group_norm(x, 30)]
    finally:
        rl.set_num_threads(before)
    assert all(rl.equal(a, b) for a, b in zip(want, got))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool", "complex64"])
def test_dims_that_repeat(dtype):
    """What an expanded dim says again is not read again: sums are multiplied, the others stay."""
    x = rl.tensor(values((4, 1, 5), "float64")).to(getattr(rl, dtype))
    wide, plain = x.expand(4, 3, 5), x.expand(4, 3, 5).contiguous()
    for dims in (1, (0, 1), (1, 2), (0, 1, 2), 0):
        for name in ("sum", "mean", "amax", "amin", "all", "any"):
            if (name == "mean" and dtype in ("int64", "bool")) or (name[:2] == "am" and dtype == "complex64"):
                continue
            ours, want = (getattr(t, name)(dims) for t in (wide, plain))
            assert ours.dtype == want.dtype
            numpy.testing.assert_allclose(ours.numpy(), want.numpy(), rtol={"float16": 2e-3, "float32": 1e-5, "complex64": 1e-5}.get(dtype, 1e-12))     # another order of additions, some of which cancel
    if dtype not in ("bool", "complex64"):
        for dim in (0, 1, 2):
            for ours, want in zip(wide.max(dim), plain.max(dim)):
                assert ours.tolist() == want.tolist() and ours.stride() == want.stride()
        assert wide.argmin().item() == plain.argmin().item() and wide.sum(2, keepdim=True).tolist() == plain.sum(2, keepdim=True).tolist()
