"""Images resized, sampled and folded, CTC and bags of embeddings: values and gradients beside torch's."""

import numpy
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")


def compare(call, arrays, tolerance=1e-9):
    """call(library, *tensors) under both libraries: result and gradients of the floating inputs."""
    found = []
    for library in (rl, torch):
        tensors = [library.tensor(a).requires_grad_() if a.dtype.kind == "f" else library.tensor(a) for a in arrays]
        y = call(library, *tensors)
        slope = library.tensor(numpy.random.default_rng(7).standard_normal(tuple(y.shape)))
        found.append([y.detach().numpy(), *(g.numpy() for g in library.autograd.grad(y, [t for t in tensors if t.requires_grad], slope.to(y.dtype)))])
    for ours, theirs in zip(*found):
        assert ours.shape == theirs.shape
        numpy.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def image(*shape):
    return numpy.random.default_rng(0).standard_normal(shape)


RESIZES = [("nearest", 3), ("nearest", 4), ("nearest", 5), ("nearest-exact", 3), ("nearest-exact", 4), ("nearest-exact", 5), ("linear", 3), ("bilinear", 4), ("trilinear", 5), ("bicubic", 4), ("area", 4)]


@pytest.mark.parametrize("target", [{"size": 9}, {"size": 3}, {"scale_factor": 1.7}, {"scale_factor": 0.6, "recompute_scale_factor": True}], ids=str)
@pytest.mark.parametrize("mode, dims", RESIZES)
def test_interpolate(mode, dims, target):
    x = image(2, 3, *(5, 6, 4)[: dims - 2])
    for align in (None, False, True) if mode in ("linear", "bilinear", "trilinear", "bicubic") else (None,):
        compare(lambda t, x: t.nn.functional.interpolate(x, mode=mode, align_corners=align, **target), [x])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 9), (7, 4), (2, 2), (8, 12)])
def test_bytes_and_filters(mode, size):
    """Images of bytes agree to the last bit: torch's fixed point is ours."""
    pixels = numpy.random.default_rng(1).integers(0, 256, (1, 2, 5, 6)).astype("uint8")
    for align in (False, True):
        for antialias in (False, True):
            options = {"size": size, "mode": mode, "align_corners": align, "antialias": antialias}
            ours, theirs = (t.nn.functional.interpolate(t.tensor(pixels), **options).numpy() for t in (rl, torch))
            numpy.testing.assert_array_equal(ours, theirs)
    compare(lambda t, x: t.nn.functional.interpolate(x, size=size, mode=mode, antialias=True), [image(2, 3, 5, 6)])


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode, padding, align):
    options = {"mode": mode, "padding_mode": padding, "align_corners": align}
    grid = numpy.random.default_rng(2).uniform(-1.6, 1.6, (2, 9, 11, 2))
    compare(lambda t, x, g: t.nn.functional.grid_sample(x, g, **options), [image(2, 3, 5, 6), grid])
    if mode != "bicubic":
        grid = numpy.random.default_rng(3).uniform(-1.6, 1.6, (2, 3, 4, 5, 3))
        compare(lambda t, x, g: t.nn.functional.grid_sample(x, g, **options), [image(2, 3, 4, 5, 6), grid])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_second_order_of_grids(mode):
    x, g = rl.randn(1, 2, 4, 5, dtype=rl.float64, requires_grad=True), rl.tensor(numpy.random.default_rng(4).uniform(-0.8, 0.8, (1, 2, 2, 2)), requires_grad=True)
    assert rl.autograd.gradgradcheck(lambda x, g: rl.nn.functional.grid_sample(x, g, mode=mode, align_corners=False), (x, g))


@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 3, 4, 5, 2)])
def test_affine_grid(size):
    n = len(size) - 2
    for align in (False, True):
        compare(lambda t, m: t.nn.functional.affine_grid(m, size, align_corners=align), [image(2, n, n + 1)])


@pytest.mark.parametrize("options", [(2,), ((2, 3), 1, 1, (2, 1)), (2, 2, 1, 3)], ids=str)
def test_fold(options):
    compare(lambda t, x: t.nn.functional.unfold(x, *options), [image(2, 3, 6, 7)])
    compare(lambda t, x: t.nn.functional.fold(t.nn.functional.unfold(x, *options).square(), (6, 7), *options), [image(2, 3, 6, 7)])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc(reduction, zero_infinity):
    labels = numpy.random.default_rng(5).integers(1, 5, (3, 4))
    labels[0, 1] = labels[0, 0]  # a repeated label cannot be skipped to
    shortest = 2 if zero_infinity else 8  # of a line that does not fit the loss is infinite

    def loss(t, scores, targets):
        log_probs = scores.log_softmax(-1)
        return t.nn.functional.ctc_loss(log_probs, targets, (12, 10, shortest), (4, 2, 3), 0, reduction, zero_infinity)

    compare(loss, [image(12, 3, 5), labels])
    flat = numpy.concatenate([labels[0, :4], labels[1, :2], labels[2, :3]])
    compare(loss, [image(12, 3, 5), flat])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(mode):
    numbers, offsets = numpy.array([1, 4, 2, 2, 0, 3, 4]), numpy.array([0, 3, 3, 5])
    for options in ({}, {"padding_idx": 2}, {"include_last_offset": True}):
        ends = numpy.append(offsets, len(numbers)) if "include_last_offset" in options else offsets
        compare(lambda t, w, i, o: t.nn.functional.embedding_bag(i, w, o, mode=mode, **options), [image(5, 3), numbers, ends])
    if mode == "sum":
        compare(lambda t, w, f, i, o: t.nn.functional.embedding_bag(i, w, o, mode=mode, per_sample_weights=f), [image(5, 3), image(7), numbers, offsets])


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize("shape, pads", [((2, 3, 7), (2, 1)), ((2, 3, 7), (-2, 1)), ((2, 3, 5, 6), (1, 2, 3, 0)), ((2, 3, 5, 6), (-1, 2, 0, -2)), ((1, 2, 4, 5, 3), (1, 1, 2, 0, 1, 2))])
def test_borders(mode, shape, pads):
    compare(lambda t, x: t.nn.functional.pad(x, pads, mode), [image(*shape)])
    x = rl.tensor(image(*shape), requires_grad=True)
    y = rl.nn.functional.pad(x, pads, mode)
    first, = rl.autograd.grad(y, x, rl.ones_like(y), create_graph=True)
    second, = rl.autograd.grad(first.sum(), x)
    assert first.requires_grad and (second == 0).all()  # zeros, not nothing


@pytest.mark.parametrize("sizes, scale", [((8, 3), 1.3), ((5, 5), 2.1), ((3,), 1.3), ((5,), 2.1), ((3, 3, 3), 1.3)])
def test_nearest_by_a_scale_that_is_not_the_sizes(sizes, scale):
    """Images go by whether the sizes stay or double, lines and volumes by the scale."""
    torch = pytest.importorskip("torch")
    x = image(2, 3, *sizes)
    ours, theirs = (t.nn.functional.interpolate(t.tensor(x), scale_factor=scale).numpy() for t in (rl, torch))
    numpy.testing.assert_array_equal(ours, theirs)
