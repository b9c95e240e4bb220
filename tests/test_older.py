"""Names of torch that few use: older functions, storages by dtype, and those that stand for what is left out."""

import inspect
import warnings

import numpy
import pytest
import rushlight as rl
from rushlight import _absent, _older

torch = pytest.importorskip("torch")


def both(values, dtype="float32"):
    array = numpy.asarray(values, dtype)
    return rl.from_numpy(array.copy()), torch.from_numpy(array.copy())


@pytest.mark.parametrize("shape", [(3, 3), (7, 3), (3, 5), (2, 2, 2)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape, wrap):
    ours, theirs = both(numpy.zeros(shape))
    assert ours.fill_diagonal_(5, wrap=wrap).tolist() == theirs.fill_diagonal_(5, wrap=wrap).tolist()


def test_fill_diagonal_refuses_what_torch_refuses():
    with pytest.raises(RuntimeError, match="dimensions must larger than 1"):
        rl.zeros(3).fill_diagonal_(1)
    with pytest.raises(RuntimeError, match="all dimensions of input must be of equal length"):
        rl.zeros(3, 3, 2).fill_diagonal_(1)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_segment_reduce(reduce):
    ours, theirs = both(numpy.arange(12).reshape(4, 3) + 1.0)
    for initial in (None, 2.0):
        if reduce == "mean" and initial is not None:
            continue  # torch adds it before it divides, and says so nowhere
        expected = torch.segment_reduce(theirs, reduce, lengths=torch.tensor([1, 3]), axis=0, initial=initial)
        assert rl.segment_reduce(ours, reduce, lengths=rl.tensor([1, 3]), axis=0, initial=initial).tolist() == expected.tolist()


def test_grid_samplers_take_numbers():
    ours, theirs = both(numpy.arange(16).reshape(1, 1, 4, 4))
    grid, their_grid = both([[[[-0.5, 0.25], [2.0, 0.0]]]])
    for mode in (0, 1, 2):
        for padding in (0, 1, 2):
            expected = torch.grid_sampler_2d(theirs, their_grid, mode, padding, False)
            numpy.testing.assert_allclose(rl.grid_sampler_2d(ours, grid, mode, padding, False).numpy(), expected.numpy(), rtol=1e-5)


def test_kl_div_takes_a_number_for_the_reduction():
    ours, theirs = both([[-1.0, -0.5]])
    for reduction in (0, 1, 2):
        expected = torch.kl_div(theirs, theirs.exp(), reduction)
        numpy.testing.assert_allclose(rl.kl_div(ours, ours.exp(), reduction).numpy(), expected.numpy(), atol=1e-6)


def test_norms_by_older_names():
    ours, theirs = both([[3.0, 4.0], [1.0, 2.0]])
    assert rl.frobenius_norm(ours, [0, 1]).item() == pytest.approx(torch.frobenius_norm(theirs, [0, 1]).item())
    assert rl.nuclear_norm(ours).item() == pytest.approx(torch.nuclear_norm(theirs).item())
    numpy.testing.assert_allclose(rl.norm_except_dim(ours, 2, 0).numpy(), torch.norm_except_dim(theirs, 2, 0).numpy(), rtol=1e-6)


def test_convolution():
    ours, theirs = both(numpy.arange(16).reshape(1, 1, 4, 4))
    kernel, their_kernel = both(numpy.ones((1, 1, 2, 2)))
    for transposed in (False, True):
        arguments = ([1, 1], [0, 0], [1, 1], transposed, [0, 0], 1)
        assert rl.convolution(ours, kernel, None, *arguments).tolist() == torch.convolution(theirs, their_kernel, None, *arguments).tolist()


def test_from_file(tmp_path):
    path = tmp_path / "numbers"
    shared = rl.from_file(str(path), shared=True, size=3)
    shared.copy_(rl.tensor([1.0, 2.0, 3.0]))
    del shared
    assert rl.from_file(str(path), size=3).tolist() == [1, 2, 3]


def test_storages_by_dtype():
    storage = rl.FloatStorage([1, 2])
    assert storage.tolist() == [1, 2] and isinstance(storage, rl.FloatStorage) and not isinstance(storage, rl.LongStorage)
    assert rl.zeros(2, dtype=rl.int64).storage_type() is rl.LongStorage


def test_control_flow_runs():
    assert rl.cond(rl.tensor(False), lambda x: x, lambda x: -x, (rl.tensor(2),)).item() == -2
    assert rl.while_loop(lambda n: n < 5, lambda n: (n + 2,), (rl.tensor(0),))[0].item() == 6


@pytest.mark.parametrize("name", sorted(_absent._TEXTS))
def test_what_is_left_out_says_so(name):
    """One clear error, and torch's parameters for whoever looks."""
    function = getattr(rl, name)
    with pytest.raises((NotImplementedError, RuntimeError), match=f"{name.split('_')[0]}|removed"):
        function()
    assert inspect.signature(function) is not None


def test_methods_left_out_say_so():
    for call in (lambda x: x.to_sparse(), lambda x: x.values(), lambda x: x.dequantize(), lambda x: x.to_padded_tensor(0)):
        with pytest.raises(NotImplementedError, match="rushlight has no"):
            call(rl.ones(2))


def test_older_names_are_reached():
    assert all(hasattr(rl, name) for name in ("grid_sampler", "sym_int", "init_num_threads", "OutOfMemoryError")) and _older.sym_max(1, 2.0) == 2.0


def test_sparse_functions_take_dense_tensors():
    ours, theirs = both([[1.0, 2.0], [3.0, 4.0]])
    assert rl.sparse.mm(ours, ours).tolist() == torch.sparse.mm(theirs, theirs).tolist()
    with pytest.raises(NotImplementedError, match="no sparse tensors"):
        rl.sparse.spdiags(ours, rl.tensor([0]), (2, 2))
    with pytest.raises(NotImplementedError, match="no nested tensors"):
        rl.nested.nested_tensor([ours])


OLDER_FORMS = {
    "add_": lambda lib, x, y: x.clone().add_(-0.5, y), "add": lambda lib, x, y: lib.add(x, 2, y), "sub": lambda lib, x, y: x.sub(2, y),
    "addcmul_": lambda lib, x, y: x.clone().addcmul_(0.5, y, y), "addcdiv": lambda lib, x, y: lib.addcdiv(x, -0.5, y, y),
    "addmm": lambda lib, x, y: lib.addmm(2, x, 3, y, y), "addmm with beta": lambda lib, x, y: lib.addmm(2, x, y, y), "addmm_": lambda lib, x, y: x.clone().addmm_(2, 3, y, y),
    "addmv": lambda lib, x, y: lib.addmv(2, x[0], 3, y, y[0]), "addr": lambda lib, x, y: lib.addr(2, x, 3, y[0], y[1]),
    "baddbmm": lambda lib, x, y: lib.baddbmm(2, x[None], 3, y[None], y[None]), "addbmm": lambda lib, x, y: lib.addbmm(2, x, 3, y[None], y[None]),
    "out": lambda lib, x, y: lib.add(x, 2, y, out=lib.empty(2, 2)),
}


@pytest.mark.parametrize("name", OLDER_FORMS)
def test_numbers_between_the_tensors(name):
    torch = pytest.importorskip("torch")
    results = []
    for lib in (torch, rl):
        x, y = lib.arange(4.0).reshape(2, 2), lib.tensor([[3.0, 1.0], [2.0, 5.0]])
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            results.append(OLDER_FORMS[name](lib, x, y).tolist())
        assert lib is torch or any("deprecated" in str(w.message) for w in seen)     # torch warns once for each
    assert results[0] == results[1]


def test_what_is_no_older_form_keeps_its_error():
    x = rl.ones(2)
    for call in (lambda: x.add_(1, x, 2), lambda: rl.add(x, 2, x, x), lambda: x.addcmul_(0.5, x), lambda: rl.addmm(1, 2, 3, x, x), lambda: x.mul(2, x)):
        with pytest.raises(TypeError):
            call()
    assert rl.add(1, 2, 3).item() == 7


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_gradients_of_segments(reduce):
    """Ties share, nan has the gradient of what is nan for it, initial values take none; empty segments; offsets; rows of lengths."""
    torch = pytest.importorskip("torch")
    nan = float("nan")
    for initial in (None, 1, 2.5):
        for data, lengths, axis in (([[1, 1], [nan, 1], [3, nan], [2, 1], [3, 2], [2, 3.0]], [1, 2, 3, 0], 0), ([1, 2, nan, 4, 5, 5.0], [0, 3, 3], 0), ([[1, 1], [nan, 1]], [[0, 2], [1, 1]], 1)):
            both = []
            for library in (rl, torch):
                x = library.tensor(data, dtype=library.float64, requires_grad=True)
                y = library.segment_reduce(x, reduce, lengths=library.tensor(lengths), axis=axis, initial=initial)
                (y * library.arange(1, y.numel() + 1).reshape(y.shape)).sum().backward()
                both.append((str(y.tolist()), str(x.grad.tolist())))
            assert both[0] == both[1]
    ends = rl.segment_reduce(rl.arange(6.0), "max", offsets=rl.tensor([0, 2, 6]))
    assert ends.tolist() == [1, 5]


def test_bad_segments():
    x = rl.ones(6, 3)
    for error, text, options in (
            (RuntimeError, "negative", {"lengths": rl.tensor([3, -2, 5])}), (RuntimeError, "sum to", {"lengths": rl.tensor([3, 2])}), (NotImplementedError, "lengths of", {"lengths": rl.tensor([3.0, 3.0])}),
            (RuntimeError, "last dimension of lengths", {"lengths": rl.tensor([3, 3]), "axis": 1}), (RuntimeError, "Either lengths or offsets", {})):
        with pytest.raises(error, match=text):
            rl.segment_reduce(x, "max", **options)
    with pytest.raises(NotImplementedError, match="int64"):
        rl.segment_reduce(x.long(), "max", lengths=rl.tensor([3, 3]))
