"""Every row of the table: values against torch, every layout against the contiguous one, gradients to order two.

The rows' own samples drive all of it (samples.py); a row without a sample fails.
"""

import doctest
import inspect

import numpy
import pytest
import rushlight as rl
import samples
from samples import ELEMENTWISE, INPLACE, METHOD_ONLY_INPLACE, OUT, PRIVATE, RANDOM, SPECIAL, LINALG, NN, array, calls, function, row_ids, rows, tensors

ROWS = rows()
IDS = list(row_ids(ROWS))
every_row = pytest.mark.parametrize("row", ROWS, ids=IDS)
UNDERIVED = {"floor_divide", "heaviside", "_unique2", "_unique_dim", "_unique_consecutive", "bincount"}      # recorded, so that backward says that it knows no derivative
DIFFERENTIABLE = [(row, name) for row, name in zip(ROWS, IDS) if row["differentiable"] and row["name"] not in UNDERIVED and not row["flags"] & RANDOM and not row["where"] & METHOD_ONLY_INPLACE]
every_derivative = pytest.mark.parametrize("row", [row for row, _ in DIFFERENTIABLE], ids=[name for _, name in DIFFERENTIABLE])

# float32 results of the same formula may differ by some units in the last place, sums by the order of their terms
TOLERANCE = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-10, "complex128": 1e-10, "float16": 4e-3, "bfloat16": 3e-2}


def test_every_row_has_samples():
    missing = [row["name"] for row in samples.without_samples()]
    assert not missing, f"rows without samples: {', '.join(missing)}"


def test_table_is_large():
    names = {row["name"] for row in rl._C._op_table()}
    print(f"{len(rl._C._op_table())} rows, {len(names)} names, {len(DIFFERENTIABLE)} differentiable with samples")
    assert len(names) >= 150


@every_row
def test_doc(row):
    """The doc has an example, and the example is right.  Overloads may leave it to the first of their name."""
    text = row["doc"] or ""
    if not text and any(other["name"] == row["name"] and other["doc"] for other in ROWS):
        return
    assert len(text.split("\n")[0]) > 10, "the first line says what the operation does"
    examples = doctest.DocTestParser().get_doctest(text, {"rl": rl, "rushlight": rl}, row["name"], None, 0)
    if row["where"] & PRIVATE or row["name"].endswith("_cell"):
        return  # reached through a layer, which has the example
    assert examples.examples, f"{row['name']} has no doctest"
    report = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(examples, out=report.append)
    assert runner.failures == 0, "".join(report)


# Layouts


def fortran(a):
    return numpy.asfortranarray(a) if a.ndim else a


def stepped(a):
    if a.ndim == 0:
        return a
    wide = numpy.zeros((*a.shape[:-1], a.shape[-1] * 2 + 1), a.dtype)
    wide[..., 1::2] = a
    return wide[..., 1::2]


def offset(a):
    store = numpy.zeros(a.size + 3, a.dtype)
    store[3:] = a.reshape(-1)
    return store[3:].reshape(a.shape)


ABOUT_LAYOUT = {"embedding_renorm_", "as_strided", "as_strided_copy", "view_copy", "_as_strided", "as_strided_scatter", "_as_strided_backward", "view", "view_as", "_unsafe_view"}
LAYOUTS = {"fortran": fortran, "stepped": stepped, "offset": offset}


@every_row
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(row, layout):
    """Where the elements lie does not change a result; bits may change where sums run in another order."""
    if row["flags"] & RANDOM or row["name"] in ABOUT_LAYOUT:
        pytest.skip("random, or about the layout itself")
    for (text, args, kwargs, _), (_, other_args, other_kwargs, _) in zip(calls(row), calls(row, arrange=LAYOUTS[layout])):
        expected, found = tensors(function(row)(*args, **kwargs)), tensors(function(row)(*other_args, **other_kwargs))
        assert len(expected) == len(found), text
        for e, f in zip(expected, found):
            assert e.shape == f.shape and e.dtype == f.dtype, text
            if row["name"] not in ("empty_like", "empty", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted"):
                numpy.testing.assert_allclose(array(f), array(e), rtol=1e-12, atol=1e-12, err_msg=text)


# Torch


def theirs(row, torch):
    """torch's function of this name, or None."""
    name = row["name"]
    places = [torch, torch.nn.functional, torch._C._nn, torch.Tensor, torch._C._VariableFunctions]
    if row["where"] & (SPECIAL | LINALG) or "." in name:
        places = [getattr(torch, name.split(".")[0], None)] + places
        name = name.split(".")[-1]
    if row["where"] & NN and not row["where"] & 1:
        places = [torch.nn.functional, torch._C._nn] + places
    for place in places:
        if place is not None and callable(getattr(place, name, None)):
            return getattr(place, name)
    return None


def by_name(row, args, kwargs):
    """Arguments after the first by the names in our signature: torch's Python wrappers have older ones between."""
    names = list(inspect.signature(function(row)).parameters)
    return args[:1], {**dict(zip(names[1:], args[1:])), **kwargs}


# Dtypes that torch takes in a row and ours refuses: said here, so that one more is noticed, and one less.
NARROWER = {
    "mm": "bool", "bmm": "bool", "embedding_renorm_": "float16 bfloat16 complex64 complex128", "lstm_cell": "complex64 complex128", "gru_cell": "complex64 complex128",
    "rnn_tanh_cell": "uint8 int32 int64 complex64 complex128", "rnn_relu_cell": "uint8 int32 int64", "affine_grid_generator": "uint8 int32 int64 complex64 complex128",
}  # fmt: skip
# Ours agree with mpmath where torch's series stop early.
TORCH_IS_COARSE = {"special.airy_ai": 1e-4, "polygamma": 1e-8, "special.polygamma": 1e-8}
# (row, dtype): torch orders equal elements or rounds every step of halves otherwise, or has complex numbers of halves
OTHERWISE = {
    ("grid_sampler", "float16"): AssertionError, ("grid_sampler", "bfloat16"): AssertionError, ("kthvalue", "uint8"): AssertionError, ("complex", "float16"): RuntimeError,
}  # fmt: skip

# signatures of ours that torch's function of the same name does not have
OWN_SIGNATURE = {"native_batch_norm", "native_layer_norm", "native_group_norm", "lstm", "gru", "rnn_tanh", "rnn_relu", "logsigmoid"}


@every_row
@pytest.mark.parametrize("dtype", ["float64", "float32", "bool", "uint8", "int32", "int64", "float16", "bfloat16", "complex64", "complex128"])
def test_as_torch(request, row, dtype):
    """Values, shapes, dtypes; and both refuse or neither."""
    torch = pytest.importorskip("torch")
    reference = theirs(row, torch)
    if reference is None or row["where"] & PRIVATE or row["name"] in OWN_SIGNATURE or row["name"].startswith("empty") or "new_empty" in row["name"]:
        pytest.skip("torch has no public function of this name and signature")
    if (row["name"], dtype) in OTHERWISE:
        request.applymarker(pytest.mark.xfail(reason="differs from torch", strict=True, raises=OTHERWISE[row["name"], dtype]))
    if dtype in NARROWER.get(row["name"], "").split():
        request.applymarker(pytest.mark.xfail(reason="fewer dtypes than torch", strict=True, raises=NotImplementedError))
    for (text, args, kwargs, _), (_, torch_args, torch_kwargs, _) in zip(calls(row, dtype=dtype), calls(row, torch, dtype=dtype)):
        try:
            rl.manual_seed(1)
            torch.manual_seed(1)
            if row["where"] & NN and hasattr(torch.nn.functional, row["name"]):
                reference = getattr(torch.nn.functional, row["name"])
                torch_args, torch_kwargs = by_name(row, torch_args, torch_kwargs)
            expected = tensors(reference(*torch_args, **torch_kwargs), torch)
        except Exception:
            continue  # what torch refuses we may take, and tests/test_bad_inputs.py says that it does no harm
        found = tensors(function(row)(*args, **kwargs))
        assert len(found) == len(expected), text
        for f, e in zip(found, expected):
            assert tuple(f.shape) == tuple(e.shape), text
            assert str(f.dtype).split(".")[1] == str(e.dtype).split(".")[1], text
            tolerance = max(TOLERANCE.get(str(e.dtype).split(".")[1], 0), TORCH_IS_COARSE.get(row["name"], 0))
            with numpy.errstate(all="ignore"):
                numpy.testing.assert_allclose(array(f), array(e), rtol=tolerance, atol=tolerance, err_msg=text)


# Derivatives


def differentiable_function(row, args, kwargs):
    """f(*inputs) -> the differentiable results, for the tensors of args that want a gradient."""
    places = []

    def find(value, path):
        if isinstance(value, rl.Tensor) and value.requires_grad:
            places.append(path)
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                find(item, (*path, i))
        elif isinstance(value, dict):
            for key, item in value.items():
                find(item, (*path, key))

    find([list(args), kwargs], ())

    def replaced(value, path, inputs):
        if path in places:
            return inputs[places.index(path)]
        if isinstance(value, (list, tuple)):
            return type(value)(replaced(item, (*path, i), inputs) for i, item in enumerate(value))
        if isinstance(value, dict):
            return {key: replaced(item, (*path, key), inputs) for key, item in value.items()}
        return value

    def call(*inputs):
        new_args, new_kwargs = replaced([list(args), kwargs], (), inputs)
        return tuple(y for y in tensors(function(row)(*new_args, **new_kwargs)) if y.requires_grad)

    def pick(path):
        value = [list(args), kwargs]
        for step in path:
            value = value[step]
        return value

    return call, tuple(pick(path) for path in places)


# Rows whose numerical derivative says something else, and why.
NUMERICAL_DIFFERS = {
    "igamma": "not differentiable in its first argument, as in torch",
    "igammac": "not differentiable in its first argument, as in torch",
    "special.zeta": "not differentiable in its first argument, as in torch",
    "cholesky_solve": "the factor's gradient goes to both triangles, as in torch",
    "cholesky_inverse": "the factor's gradient goes to both triangles, as in torch",
    "linalg.cholesky_ex": "the derivative is that over symmetric matrices",
    "native_batch_norm": "running statistics have no gradient",
    "_ctc_loss": "the slope presumes that probabilities sum to one, as torch's does, and there is no second order",
    "_nll_loss": "class weights have no gradient, as in torch",
    "_cross_entropy": "its second and third results are saved values",
    "binary_cross_entropy": "weights have no gradient, as in torch",
    "binary_cross_entropy_with_logits": "weights have no gradient, as in torch",
    "_rnn_layer": "its last results are saved values",
    "embedding": "the row of padding_idx has no gradient, and max_norm writes to the weight",
}


@every_derivative
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients(row, dtype):
    """Numerical derivatives of first and second order."""
    if row["name"] in NUMERICAL_DIFFERS:
        pytest.skip(NUMERICAL_DIFFERS[row["name"]])
    tried = 0
    for text, args, kwargs, made in calls(row, dtype=dtype, grad=True):
        if dtype == "complex128":
            try:
                if not tensors(function(row)(*args, **kwargs)):
                    continue
            except (RuntimeError, NotImplementedError, TypeError, ValueError):
                pytest.skip("not for complex numbers")
        call, inputs = differentiable_function(row, args, kwargs)
        if not inputs or not call(*inputs):
            continue
        tried += 1
        assert rl.autograd.gradcheck(call, inputs, check_undefined_grad=False), text
        assert rl.autograd.gradgradcheck(call, inputs, check_undefined_grad=False), text
    if not tried:
        pytest.skip("no sample is differentiable")


# Forms that are derived


@every_row
def test_inplace(row):
    """x.name_() writes into x what name() returns, and returns x."""
    if not row["where"] & INPLACE or row["flags"] & RANDOM:
        pytest.skip("no in-place form")
    inplace = function({**row, "name": row["name"] + "_"})
    for (text, args, kwargs, _), (_, fresh, fresh_kwargs, _) in zip(calls(row), calls(row)):
        expected = tensors(function(row)(*args, **kwargs))[0]
        target, version = fresh[0], fresh[0]._version
        if expected.shape != target.shape or not isinstance(target, rl.Tensor):
            continue
        if expected.dtype != target.dtype and not rl.can_cast(expected.dtype, target.dtype):
            with pytest.raises(RuntimeError, match="can't be cast"):
                inplace(*fresh, **fresh_kwargs)
            continue
        assert inplace(*fresh, **fresh_kwargs) is target, text
        numpy.testing.assert_array_equal(array(target), array(expected.to(target.dtype)), err_msg=text)
        assert target._version > version, text


@every_row
def test_out(row):
    """out= receives the result whether it fits, is empty, or lies otherwise in memory."""
    if not row["where"] & OUT or row["flags"] & RANDOM:
        pytest.skip("no out= form")
    for text, args, kwargs, _ in calls(row):
        expected = function(row)(*args, **kwargs)
        if not isinstance(expected, rl.Tensor):
            continue
        shape, dtype = expected.shape, expected.dtype
        spread = rl.empty([*shape, 2], dtype=dtype)[..., 0] if expected.dim() else rl.empty([], dtype=dtype)
        for out in (rl.empty(shape, dtype=dtype), rl.empty(0, dtype=dtype), spread):
            assert function(row)(*args, **kwargs, out=out) is out, text
            numpy.testing.assert_array_equal(array(out), array(expected), err_msg=text)


@every_row
def test_elementwise_rows_broadcast(row):
    """A 0-d, an expanded and an empty first argument."""
    if not row["flags"] & ELEMENTWISE or row["flags"] & RANDOM:
        pytest.skip("not elementwise")
    for text, args, kwargs, _ in calls(row):
        if not isinstance(args[0], rl.Tensor) or args[0].dim() == 0:
            continue
        rest = args[1:]
        wide = args[0].reshape(-1)[:1].reshape([1] * args[0].dim()).expand(args[0].shape) if args[0].numel() else args[0]
        results = tensors(function(row)(wide, *rest, **kwargs)), tensors(function(row)(wide.clone(memory_format=rl.contiguous_format), *rest, **kwargs))
        for a, b in zip(*results):
            numpy.testing.assert_array_equal(array(a), array(b), err_msg=text)
        if all(not isinstance(item, rl.Tensor) for item in rest):
            assert all(y.numel() == 0 for y in tensors(function(row)(args[0][:0], *rest, **kwargs))), text
