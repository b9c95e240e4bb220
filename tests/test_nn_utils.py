"""nn.utils and nn.parallel, run under rushlight and, where it is installed, under torch: each expectation holds for both."""

import copy
import warnings

import pytest


@pytest.fixture(params=["rushlight", "torch"])
def lib(request):
    return pytest.importorskip(request.param)


def near(tensor, expected, tolerance=1e-6):
    """Single precision, a few roundings."""
    assert tensor.detach().reshape(-1).tolist() == pytest.approx(expected, abs=tolerance, rel=1e-5)


def linear(lib, weight, bias=None):
    rows = lib.tensor(weight)
    layer = lib.nn.Linear(rows.shape[1], rows.shape[0], bias=bias is not None)
    with lib.no_grad():
        layer.weight.copy_(rows)
        if bias is not None:
            layer.bias.copy_(lib.tensor(bias))
    return layer


# ---- packed and padded sequences ----

@pytest.fixture
def rnn(lib):
    return lib.nn.utils.rnn


def test_pack_padded_sequence(lib, rnn):
    packed = rnn.pack_padded_sequence(lib.arange(12.0).view(4, 3), [4, 2, 1])
    assert packed.data.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0] and packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices is None and packed.unsorted_indices is None
    first = rnn.pack_padded_sequence(lib.arange(12.0).view(4, 3).t(), lib.tensor([4, 2, 1]), batch_first=True)
    assert first.data.tolist() == packed.data.tolist()


def test_pack_unsorted_and_back(lib, rnn):
    x = lib.arange(24.0).view(4, 3, 2)
    packed = rnn.pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False)
    assert packed.sorted_indices.tolist() == [1, 0, 2] and packed.unsorted_indices.tolist() == [1, 0, 2]
    assert packed.data[:3].tolist() == [[2.0, 3.0], [0.0, 1.0], [4.0, 5.0]]
    padded, lengths = rnn.pad_packed_sequence(packed, padding_value=-1.0)
    assert lengths.tolist() == [2, 4, 1] and padded.shape == (4, 3, 2)
    assert padded[:, 0].tolist() == [[0.0, 1.0], [6.0, 7.0], [-1.0, -1.0], [-1.0, -1.0]]
    longer, _ = rnn.pad_packed_sequence(packed, batch_first=True, total_length=6)
    assert longer.shape == (3, 6, 2)


def test_packing_passes_gradients(lib, rnn):
    x = lib.ones(3, 2, requires_grad=True)
    packed = rnn.pack_padded_sequence(x, [3, 1])
    padded, _ = rnn.pad_packed_sequence(packed)
    (padded * lib.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
    assert x.grad.tolist() == [[1.0, 2.0], [3.0, 0.0], [5.0, 0.0]]


def test_pad_sequence(lib, rnn):
    a, b = lib.tensor([1.0]), lib.tensor([2.0, 3.0])
    assert rnn.pad_sequence([a, b]).tolist() == [[1.0, 2.0], [0.0, 3.0]]
    assert rnn.pad_sequence((a, b), batch_first=True, padding_value=9.0).tolist() == [[1.0, 9.0], [2.0, 3.0]]
    assert rnn.pad_sequence([a, b], batch_first=True, padding_side="left").tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert rnn.pad_sequence([lib.ones(2, 3, dtype=lib.int64), lib.ones(1, 3)]).dtype == lib.int64
    assert rnn.pad_sequence([lib.ones(0, 2), lib.ones(1, 2)]).shape == (1, 2, 2)


def test_pack_sequence_and_unpack(lib, rnn):
    sequences = [lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0, 5.0])]
    back = rnn.unpack_sequence(rnn.pack_sequence(sequences, enforce_sorted=False))
    assert [s.tolist() for s in back] == [s.tolist() for s in sequences]
    assert [s.tolist() for s in rnn.unpad_sequence(lib.tensor([[1, 2], [3, 4]]), lib.tensor([1, 2]))] == [[1], [2, 4]]


def test_packed_sequence_is_a_tuple(lib, rnn):
    packed = rnn.pack_sequence([lib.ones(2), lib.ones(1)])
    data, sizes, _, _ = packed
    assert data is packed.data and packed.double().data.dtype == lib.float64 and packed.to("cpu") is packed and not packed.is_cuda
    assert rnn.PackedSequence(data, sizes).batch_sizes is sizes
    assert rnn.PackedSequence((data, sizes)).data is data
    assert rnn.PackedSequence(data, sizes, lib.tensor([1, 0])).unsorted_indices.tolist() == [1, 0]
    twin = copy.deepcopy(packed)
    assert type(twin) is rnn.PackedSequence and twin.data.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("lengths, message", [
    ([4, 3], r"Expected `len\(lengths\)` to be equal to batch_size, but got 2 \(batch_size=3\)"),
    ([4, 3, 0], "Length of all samples has to be greater than 0"), ([3, 4, 2], "`lengths` array must be sorted in decreasing order"),
    ([[4, 3, 2]], "'lengths' argument should be a 1D CPU int64 tensor, but got 2D cpu")])
def test_bad_lengths(lib, rnn, lengths, message):
    with pytest.raises(RuntimeError, match=message):
        rnn.pack_padded_sequence(lib.ones(4, 3), lengths)


def test_sequence_errors(lib, rnn):
    with pytest.raises(RuntimeError, match="Cannot pack empty tensors"):
        rnn.pack_padded_sequence(lib.ones(0, 3), [1, 1, 1])
    with pytest.raises(RuntimeError, match="received an empty list of sequences"):
        rnn.pad_sequence([])
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        rnn.pad_sequence([lib.ones(2, 3), lib.ones(2, 2)])
    with pytest.raises(RuntimeError, match="Expected iterable for input sequences, but got arg of type: <class 'int'>"):
        rnn.pad_sequence(3)
    with pytest.raises(RuntimeError, match="Expected padding_side to be one of left or right, but got up"):
        rnn.pad_sequence([lib.ones(1)], padding_side="up")
    with pytest.raises(ValueError, match="Expected total_length to be at least the length of the longest sequence"):
        rnn.pad_packed_sequence(rnn.pack_sequence([lib.ones(3)]), total_length=2)
    with pytest.raises(AssertionError, match="Expected data to be a list or tuple of length 2"):
        rnn.PackedSequence(lib.ones(3))


# ---- clipping ----

def with_grads(lib, *grads):
    parameters = []
    for grad in grads:
        p = lib.nn.Parameter(lib.zeros(len(grad)))
        p.grad = lib.tensor(grad)
        parameters.append(p)
    return parameters


def test_clip_grad_norm_(lib):
    utils = lib.nn.utils
    a, b = with_grads(lib, [3.0, 0.0], [4.0])
    c = lib.nn.Parameter(lib.zeros(1))
    total = utils.clip_grad_norm_([a, b, c], max_norm=1.0)
    near(total, [5.0])
    near(a.grad, [0.6, 0.0])
    near(b.grad, [0.8])
    near(utils.clip_grad_norm_(iter([a, b]), 10.0), [1.0])
    near(a.grad, [0.6, 0.0])
    near(utils.clip_grad_norm_(with_grads(lib, [3.0, -7.0]), 10.0, norm_type="inf"), [7.0])
    near(utils.clip_grad_norm_(with_grads(lib, [3.0, -7.0])[0], 5.0, norm_type=1), [10.0])
    assert utils.clip_grad_norm_([c], 1.0).item() == 0.0


def test_clip_grad_norm_nonfinite(lib):
    parameters = with_grads(lib, [float("inf"), 1.0])
    with pytest.raises(RuntimeError, match="The total norm of order 2.0 for gradients from `parameters` is non-finite, so it cannot be clipped"):
        lib.nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert parameters[0].grad.tolist() == [float("inf"), 1.0]


def test_clip_parts_and_value(lib):
    utils = lib.nn.utils
    (a,) = with_grads(lib, [3.0, -4.0])
    total = utils.get_total_norm([a.grad])
    near(total, [5.0])
    utils.clip_grads_with_norm_(a, 2.5, total)
    near(a.grad, [1.5, -2.0])
    utils.clip_grad_value_([a], 1.75)
    near(a.grad, [1.5, -1.75])
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((p for p in ()), 1.0)
    with pytest.warns(FutureWarning):
        utils.clip_grad_norm(a, 1.0)


# ---- vectors, construction, fusion ----

def test_parameters_as_vector(lib):
    utils, layer = lib.nn.utils, linear(lib, [[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0])
    vector = utils.parameters_to_vector(layer.parameters())
    assert vector.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] and vector.requires_grad
    weight = layer.weight
    utils.vector_to_parameters(vector.detach() * 2, layer.parameters())
    assert layer.weight is weight and layer.bias.tolist() == [10.0, 12.0]
    with pytest.raises(TypeError, match="expected torch.Tensor, but got: "):
        utils.vector_to_parameters([1.0], layer.parameters())


def test_skip_init(lib):
    before = lib.get_rng_state().tolist()
    layer = lib.nn.utils.skip_init(lib.nn.Linear, 3, 2)
    assert layer.weight.shape == (2, 3) and lib.get_rng_state().tolist() == before
    with pytest.raises(RuntimeError, match="Expected a Module; got"):
        lib.nn.utils.skip_init(dict)
    with pytest.raises(RuntimeError, match="Module must support a 'device' arg to skip initialization"):
        lib.nn.utils.skip_init(lib.nn.ReLU)


@pytest.mark.parametrize("kind, shape", [("Conv2d", (2, 3, 5, 5)), ("Conv1d", (2, 3, 5)), ("ConvTranspose2d", (2, 3, 5, 5)), ("Linear", (4, 3))])
def test_fusing_batch_norm(lib, kind, shape):
    lib.manual_seed(0)
    nn = lib.nn
    layer = nn.Linear(3, 4) if kind == "Linear" else getattr(nn, kind)(3, 4, 2)
    bn = nn.BatchNorm2d(4) if len(shape) == 4 else nn.BatchNorm1d(4)
    with lib.no_grad():
        for tensor in (bn.weight, bn.bias, bn.running_mean, bn.running_var):
            tensor.uniform_(0.5, 2.0)
    with pytest.raises(AssertionError, match="Fusion only for eval!"):
        nn.utils.fuse_conv_bn_eval(layer, bn)
    layer.eval(), bn.eval()
    if kind == "Linear":
        fused = nn.utils.fuse_linear_bn_eval(layer, bn)
    else:
        fused = nn.utils.fuse_conv_bn_eval(layer, bn, transpose=kind.startswith("ConvT"))
    x = lib.randn(*shape)
    near(fused(x), bn(layer(x)).detach().reshape(-1).tolist(), 1e-5)
    assert isinstance(fused.weight, nn.Parameter) and fused.weight.requires_grad and layer.weight is not fused.weight


# ---- weight and spectral normalisation by hooks ----

def test_weight_norm_hook(lib):
    nn, layer = lib.nn, linear(lib, [[3.0, 4.0], [0.0, 2.0]], [0.0, 0.0])
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"] and layer.weight_g.shape == (2, 1)
    near(layer.weight_g, [5.0, 2.0])
    with lib.no_grad():
        layer.weight_g.mul_(2)
    near(layer(lib.eye(2)), [6.0, 0.0, 8.0, 4.0])
    layer(lib.eye(2)).sum().backward()
    near(layer.weight_g.grad, [1.4, 1.0])
    with pytest.raises(RuntimeError, match="Cannot register two weight_norm hooks on the same parameter weight"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(layer)
    nn.utils.remove_weight_norm(layer)
    assert isinstance(layer.weight, nn.Parameter) and list(layer.state_dict()) == ["bias", "weight"]
    near(layer.weight, [6.0, 8.0, 0.0, 4.0])
    with pytest.raises(ValueError, match="weight_norm of 'weight' not found in Linear"):
        nn.utils.remove_weight_norm(layer)


def test_spectral_norm_hook(lib):
    lib.manual_seed(1)
    nn, layer = lib.nn, linear(lib, [[3.0, 0.0], [0.0, 1.0]])
    assert nn.utils.spectral_norm(layer) is layer
    for _ in range(30):
        y = layer(lib.eye(2))
    near(y, [1.0, 0.0, 0.0, 1.0 / 3], 1e-4)
    assert list(layer.state_dict()) == ["weight_orig", "weight_u", "weight_v"]
    assert layer.state_dict()._metadata[""]["spectral_norm"] == {"weight.version": 1}
    y.sum().backward()
    assert layer.weight_orig.grad is not None
    u = layer.weight_u.tolist()
    layer.eval()(lib.eye(2))
    assert layer.weight_u.tolist() == u
    nn.utils.remove_spectral_norm(layer)
    near(layer.weight, [1.0, 0.0, 0.0, 1.0 / 3], 1e-4)
    assert list(layer.state_dict()) == ["weight"]
    with pytest.raises(ValueError, match="Expected n_power_iterations to be positive, but got n_power_iterations=0"):
        nn.utils.spectral_norm(layer, n_power_iterations=0)


# ---- parametrizations ----

def symmetric(lib):
    class Symmetric(lib.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(0, 1)

    return Symmetric()


def exponential(lib):
    class Exponential(lib.nn.Module):
        def forward(self, x):
            return x.exp()

        def right_inverse(self, y):
            return y.log()

    return Exponential()


def test_register_parametrization(lib):
    P, layer = lib.nn.utils.parametrize, linear(lib, [[1.0, 2.0], [3.0, 4.0]])
    original = layer.weight
    assert P.register_parametrization(layer, "weight", symmetric(lib)) is layer
    assert layer.weight.tolist() == [[1.0, 2.0], [2.0, 4.0]] and layer.parametrizations.weight.original is original
    assert P.is_parametrized(layer) and P.is_parametrized(layer, "weight") and not P.is_parametrized(layer, "bias")
    assert type(layer).__name__ == "ParametrizedLinear" and P.type_before_parametrizations(layer) is lib.nn.Linear
    assert list(layer.state_dict()) == ["parametrizations.weight.original"]
    layer(lib.ones(1, 2)).sum().backward()
    assert original.grad.tolist() == [[1.0, 2.0], [0.0, 1.0]]
    assert "(parametrizations): ModuleDict" in repr(layer)
    P.remove_parametrizations(layer, "weight")
    assert type(layer) is lib.nn.Linear and layer.weight.tolist() == [[1.0, 2.0], [2.0, 4.0]] and layer.weight is original
    assert list(layer.state_dict()) == ["weight"] and not P.is_parametrized(layer)


def test_right_inverse_and_assignment(lib):
    P, layer = lib.nn.utils.parametrize, linear(lib, [[1.0, 2.0]])
    P.register_parametrization(layer, "weight", exponential(lib))
    near(layer.weight, [1.0, 2.0])
    near(layer.parametrizations.weight.original, [0.0, 0.6931472])
    layer.weight = lib.tensor([[3.0, 4.0]])
    near(layer.weight, [3.0, 4.0])
    P.register_parametrization(layer, "weight", exponential(lib))
    near(layer.weight, [20.085537, 54.59815], 1e-3)
    P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    near(layer.weight, [1.0986123, 1.3862944])


def test_parametrization_errors(lib):
    P, layer = lib.nn.utils.parametrize, linear(lib, [[1.0, 2.0]])

    class Other(lib.nn.Module):
        def __init__(self, answer):
            super().__init__()
            self.answer = answer

        def forward(self, x):
            return self.answer(x)

    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element with name 'nothing'"):
        P.register_parametrization(layer, "nothing", exponential(lib))
    with pytest.raises(ValueError, match="A parametrization must return a tensor. Got int"):
        P.register_parametrization(layer, "weight", Other(lambda x: 3))
    with pytest.raises(ValueError, match="Registering a parametrization may not change the dtype of the tensor"):
        P.register_parametrization(layer, "weight", Other(lambda x: x.double()))
    with pytest.raises(ValueError, match="Registering a parametrization may not change the shape of the tensor"):
        P.register_parametrization(layer, "weight", Other(lambda x: x[0]))
    assert not P.is_parametrized(layer) and isinstance(layer.weight, lib.nn.Parameter)
    P.register_parametrization(layer, "weight", Other(lambda x: x[0]), unsafe=True)
    assert layer.weight.shape == (2,)
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        layer.weight = lib.ones(2)
    with pytest.raises(ValueError, match="does not have a parametrization on bias"):
        P.remove_parametrizations(layer, "bias")


def test_parametrized_copies(lib):
    import pickle
    P, layer = lib.nn.utils.parametrize, linear(lib, [[1.0, 2.0], [3.0, 4.0]])
    P.register_parametrization(layer, "weight", symmetric(lib))
    twin = copy.deepcopy(layer)
    with lib.no_grad():
        twin.parametrizations.weight.original.zero_()
    assert layer.weight.tolist() == [[1.0, 2.0], [2.0, 4.0]] and twin.weight.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(RuntimeError, match="Serialization of parametrized modules is only supported through state_dict"):
        pickle.dumps(layer)


def test_cached_parametrizations(lib):
    P, layer, calls = lib.nn.utils.parametrize, linear(lib, [[1.0]]), []

    class Counting(lib.nn.Module):
        def forward(self, x):
            calls.append(1)
            return x * 2

    P.register_parametrization(layer, "weight", Counting())
    calls.clear()
    layer.weight, layer.weight
    assert len(calls) == 2
    with P.cached():
        assert layer.weight is layer.weight
    assert len(calls) == 3


def test_transfer_parametrizations(lib):
    P, a, b = lib.nn.utils.parametrize, linear(lib, [[1.0, 2.0], [3.0, 4.0]]), linear(lib, [[0.0, 0.0], [0.0, 0.0]])
    P.register_parametrization(a, "weight", symmetric(lib))
    P.transfer_parametrizations_and_params(a, b)
    assert b.weight.tolist() == [[1.0, 2.0], [2.0, 4.0]]


def test_parametrized_weight_norm(lib):
    layer = linear(lib, [[3.0, 4.0], [0.0, 2.0]])
    lib.nn.utils.parametrizations.weight_norm(layer)
    assert list(layer.state_dict()) == ["parametrizations.weight.original0", "parametrizations.weight.original1"]
    near(layer.parametrizations.weight.original0, [5.0, 2.0])
    near(layer.weight, [3.0, 4.0, 0.0, 2.0])
    layer.load_state_dict({"weight_g": lib.tensor([[10.0], [1.0]]), "weight_v": lib.tensor([[3.0, 4.0], [0.0, 2.0]])})
    near(layer.weight, [6.0, 8.0, 0.0, 1.0])
    whole = lib.nn.utils.parametrizations.weight_norm(linear(lib, [[3.0, 4.0]]), dim=None)
    assert whole.parametrizations.weight.original0.shape == ()
    lib.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    near(layer.weight, [6.0, 8.0, 0.0, 1.0])


def test_parametrized_spectral_norm(lib):
    lib.manual_seed(1)
    layer = linear(lib, [[3.0, 0.0], [0.0, 1.0]])
    lib.nn.utils.parametrizations.spectral_norm(layer)
    assert list(layer.state_dict()) == ["parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"]
    for _ in range(20):
        layer.weight
    near(layer.weight, [1.0, 0.0, 0.0, 1.0 / 3], 1e-4)
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'nothing'"):
        lib.nn.utils.parametrizations.spectral_norm(layer, "nothing")
    with pytest.raises(IndexError, match="Dimension out of range"):
        lib.nn.utils.parametrizations.spectral_norm(linear(lib, [[1.0]]), dim=3)


@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_parametrized_orthogonal(lib, orthogonal_map, shape):
    lib.manual_seed(2)
    layer = lib.nn.utils.parametrizations.orthogonal(lib.nn.Linear(shape[1], shape[0]), orthogonal_map=orthogonal_map)
    w = layer.weight
    near(w.t() @ w if shape[0] >= shape[1] else w @ w.t(), lib.eye(min(shape)).reshape(-1).tolist(), 1e-5)
    target = lib.nn.init.orthogonal_(lib.empty(shape))
    layer.weight = target
    near(layer.weight, target.reshape(-1).tolist(), 1e-4)
    layer(lib.ones(1, shape[1])).sum().backward()
    assert layer.parametrizations.weight.original.grad is not None


def test_orthogonal_errors(lib):
    orthogonal = lib.nn.utils.parametrizations.orthogonal
    with pytest.raises(ValueError, match="Expected a matrix or batch of matrices. Got a tensor of 1 dimensions"):
        orthogonal(lib.nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match='orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: qr'):
        orthogonal(lib.nn.Linear(2, 2), orthogonal_map="qr")


# ---- pruning ----

@pytest.fixture
def prune(lib):
    return pytest.importorskip(lib.__name__ + ".nn.utils.prune")


def test_l1_unstructured(lib, prune):
    layer = linear(lib, [[1.0, -5.0], [0.5, 3.0]])
    assert prune.l1_unstructured(layer, "weight", amount=0.5) is layer
    assert layer.weight.tolist() == [[0.0, -5.0], [0.0, 3.0]] and layer.weight_mask.tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert list(layer.state_dict()) == ["weight_orig", "weight_mask"] and prune.is_pruned(layer)
    layer(lib.ones(1, 2)).sum().backward()
    assert layer.weight_orig.grad.tolist() == [[0.0, 1.0], [0.0, 1.0]]
    prune.l1_unstructured(layer, "weight", amount=1)
    assert layer.weight.tolist() == [[0.0, -5.0], [0.0, 0.0]]
    (hook,) = layer._forward_pre_hooks.values()
    assert isinstance(hook, prune.PruningContainer) and len(hook) == 2
    prune.remove(layer, "weight")
    assert list(layer.state_dict()) == ["weight"] and not prune.is_pruned(layer) and layer.weight.tolist() == [[0.0, -5.0], [0.0, 0.0]]


def test_structured_and_custom_pruning(lib, prune):
    layer = linear(lib, [[1.0, -5.0, 0.1], [0.5, 3.0, 0.2]])
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=1)
    assert layer.weight_mask.tolist() == [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
    assert layer.weight.tolist() == [[1.0, -5.0, 0.0], [0.0, 0.0, 0.0]]
    other = linear(lib, [[1.0, 2.0]])
    prune.custom_from_mask(other, "weight", lib.tensor([[0, 1]]))
    assert other.weight.tolist() == [[0.0, 2.0]]
    assert prune.identity(linear(lib, [[1.0, 2.0]]), "weight").weight_mask.tolist() == [[1.0, 1.0]]
    chosen = prune.l1_unstructured(linear(lib, [[1.0, 2.0]]), "weight", 1, importance_scores=lib.tensor([[5.0, 1.0]]))
    assert chosen.weight.tolist() == [[1.0, 0.0]]


def test_random_pruning(lib, prune):
    layer = prune.random_unstructured(lib.nn.Linear(4, 5), "weight", amount=0.3)
    assert layer.weight_mask.sum().item() == 14
    layer = prune.random_structured(lib.nn.Linear(4, 5), "weight", amount=2, dim=0)
    assert sorted(layer.weight_mask.sum(dim=1).tolist()) == [0.0, 0.0, 4.0, 4.0, 4.0]


def test_global_pruning(lib, prune):
    a, b = linear(lib, [[1.0, 2.0]]), linear(lib, [[10.0, 0.5], [20.0, 0.1]])
    prune.global_unstructured([(a, "weight"), (b, "weight")], pruning_method=prune.L1Unstructured, amount=3)
    assert a.weight.tolist() == [[0.0, 2.0]] and b.weight.tolist() == [[10.0, 0.0], [20.0, 0.0]]


def test_pruning_errors(lib, prune):
    layer = linear(lib, [[1.0, 2.0]])
    with pytest.raises(TypeError, match="Invalid type for amount: x. Must be int or float."):
        prune.l1_unstructured(layer, "weight", "x")
    with pytest.raises(ValueError, match="amount=1.5 should either be a float in the range"):
        prune.l1_unstructured(layer, "weight", 1.5)
    with pytest.raises(ValueError, match="amount=3 should be smaller than the number of parameters to prune=2"):
        prune.l1_unstructured(layer, "weight", 3)
    assert list(layer.state_dict()) == ["weight"]
    with pytest.raises(ValueError, match="Parameter 'weight' of module .* has to be pruned before pruning can be removed"):
        prune.remove(layer, "weight")


# ---- calling with other parameters ----

def functional_call(lib, module, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return lib.nn.utils.stateless.functional_call(module, *args, **kwargs)


def test_functional_call(lib):
    layer = linear(lib, [[1.0, 2.0]], [0.5])
    weight = lib.tensor([[10.0, 20.0]], requires_grad=True)
    y = functional_call(lib, layer, {"weight": weight}, lib.ones(2))
    y.sum().backward()
    assert y.tolist() == [30.5] and weight.grad.tolist() == [[1.0, 1.0]]
    assert layer(lib.ones(2)).tolist() == [3.5] and list(layer.state_dict()) == ["weight", "bias"]
    assert functional_call(lib, layer, {}, (), {"input": lib.ones(2)}).tolist() == [3.5]
    with pytest.raises(TypeError, match="3 is not an instance of torch.Tensor"):
        functional_call(lib, layer, {"weight": 3}, lib.ones(2))
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): 'foo'.\s+Missing key\(s\): 'bias'"):
        functional_call(lib, layer, {"weight": weight, "foo": weight}, lib.ones(2), strict=True)
    assert layer.weight.tolist() == [[1.0, 2.0]] and not hasattr(layer, "foo")


def test_functional_call_ties_and_writes_back(lib):
    class Tied(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = lib.nn.Parameter(lib.ones(1))
            self.b = self.a
            self.register_buffer("count", lib.zeros(1))

        def forward(self, x):
            self.count = self.count + 1
            return self.a + self.b * x

    net, five = Tied(), {"a": lib.full((1,), 5.0)}
    assert functional_call(lib, net, five, lib.ones(1)).tolist() == [10.0]
    assert functional_call(lib, net, five, lib.ones(1), tie_weights=False).tolist() == [6.0]
    with pytest.raises(ValueError, match="which are tied"):
        functional_call(lib, net, {"a": lib.ones(1), "b": lib.zeros(1)}, lib.ones(1))
    given, before = {"count": lib.full((1,), 7.0)}, net.count.tolist()
    functional_call(lib, net, given, lib.ones(1))
    assert given["count"].tolist() == [8.0] and net.count.tolist() == before


# ---- parallel ----

def test_data_parallel_passes_on(lib):
    layer = linear(lib, [[1.0, 2.0]])
    wrapped = lib.nn.DataParallel(layer)
    assert wrapped(lib.ones(2)).tolist() == [3.0] and list(wrapped.state_dict()) == ["module.weight"] and wrapped.module is layer
    if lib.__name__ == "rushlight":     # torch's asks for a device that is not the CPU
        assert lib.nn.parallel.data_parallel(layer, lib.ones(2)).tolist() == [3.0]


def test_distributed_data_parallel_of_one_process():
    """rushlight alone: torch's wants a process group."""
    rl = pytest.importorskip("rushlight")
    layer = linear(rl, [[1.0, 2.0]])
    wrapped = rl.nn.parallel.DistributedDataParallel(layer)
    with wrapped.no_sync():
        wrapped(rl.ones(2)).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0, 1.0]] and list(wrapped.state_dict()) == ["module.weight"]
    with wrapped.join():
        assert wrapped(rl.ones(2)).tolist() == [3.0]
    with pytest.raises(RuntimeError, match="doesn't have any parameter that requires a gradient"):
        rl.nn.parallel.DistributedDataParallel(rl.nn.ReLU())


def test_scatter_gather_and_replicate():
    """rushlight alone: every device is the one CPU."""
    rl = pytest.importorskip("rushlight")
    parallel = rl.nn.parallel
    parts = parallel.scatter({"x": rl.arange(4), "n": 3}, [0, 1])
    assert [(p["x"].tolist(), p["n"]) for p in parts] == [([0, 1], 3), ([2, 3], 3)]
    joined = parallel.gather([(rl.ones(1), None), (rl.zeros(2), None)], 0)
    assert joined[0].tolist() == [1.0, 0.0, 0.0] and joined[1] is None
    layer = linear(rl, [[1.0, 2.0]])
    copies = parallel.replicate(layer, [0, 1])
    assert copies[0].weight is layer.weight and copies[0] is not copies[1]
    assert [y.tolist() for y in parallel.parallel_apply(copies, [rl.ones(2), rl.zeros(2)])] == [[3.0], [0.0]]


def test_orthogonal_keeps_a_square_matrix_whose_last_column_needs_no_reflection(lib):
    target = lib.linalg.qr(lib.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])).Q
    layer = lib.nn.utils.parametrizations.orthogonal(lib.nn.Linear(3, 3), orthogonal_map="householder", use_trivialization=False)
    layer.weight = target
    lib.testing.assert_close(layer.weight, target)
