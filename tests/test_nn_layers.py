"""The layers of nn against torch's: one seed and one set of inputs for both libraries.

Construction must draw the same numbers (the same bits), so states compare exactly; outputs and gradients within the rounding of
single precision, 1e-5 relative to values of order one, 1e-4 where a recursion or a long sum adds up.
"""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

nn = rl.nn
F = rl.nn.functional


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def classes(high, *shape):
    return np.random.default_rng(high).integers(0, high, shape)


def plain(value):
    """Tensors, and whatever holds them, as NumPy arrays."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.detach().numpy() if hasattr(value, "detach") else value


def same(ours, theirs, rtol=1e-5, atol=1e-5):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b, rtol, atol)
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol, atol)
    else:
        assert ours == theirs


def tensors(lib, inputs, wanted=99):
    """Inputs for one library; of the floating ones the first `wanted` want a gradient."""
    return [lib.tensor(x.tolist(), dtype=lib.float32, requires_grad=i < wanted) if x.dtype == np.float32 else lib.tensor(x.tolist())
            for i, x in enumerate(inputs)]


def total(lib, value):
    """A number that depends unevenly on every floating element of a result."""
    values = value if isinstance(value, (tuple, list)) else [value]
    parts = [v for value in values for v in (value if isinstance(value, (tuple, list)) else [value])]
    parts = [p for p in parts if p is not None and p.is_floating_point() and p.requires_grad]
    return sum((p * (1 + lib.arange(p.numel()).view(p.shape) % 7)).sum() for p in parts)


def run(lib, name, args, kwargs, inputs, training=True):
    """Everything observable about a layer: repr, state, result, gradients, state after."""
    lib.manual_seed(3)
    layer = getattr(lib.nn, name)(*args, **kwargs).train(training)
    start = {k: plain(v).copy() for k, v in layer.state_dict().items()}
    given = tensors(lib, inputs, 1 if name.endswith("Loss") else 99)
    result = layer(*given)
    wanted = [t for t in [*given, *layer.parameters()] if t.requires_grad]
    loss = total(lib, result)
    grads = lib.autograd.grad(loss, wanted, allow_unused=True) if hasattr(loss, "backward") else []
    end = {k: plain(v) for k, v in layer.state_dict().items()}
    return repr(layer), start, plain(result), plain(list(grads)), end


LINE, IMAGE, VOLUME = numbers(1, 2, 4, 9), numbers(2, 2, 4, 6, 6), numbers(3, 2, 4, 4, 5, 6)
SEQUENCE = numbers(4, 5, 3, 4)

LAYERS = [
    ("Linear", (4, 3), {}, [numbers(5, 2, 4)]), ("Linear", (4, 3), {"bias": False}, [numbers(5, 2, 3, 4)]),
    ("Bilinear", (4, 3, 2), {}, [numbers(5, 2, 4), numbers(6, 2, 3)]), ("Identity", (54,), {"x": 1}, [LINE]),
    ("Conv1d", (4, 6, 3), {"stride": 2}, [LINE]), ("Conv2d", (4, 6, 3), {"padding": 1}, [IMAGE]),
    ("Conv2d", (4, 6, (3, 1)), {"stride": 2, "groups": 2, "dilation": (1, 2), "bias": False}, [IMAGE]),
    ("Conv2d", (4, 4, 3), {"padding": "same", "padding_mode": "reflect"}, [IMAGE]), ("Conv3d", (4, 2, 2), {}, [VOLUME]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2}, [LINE]), ("ConvTranspose3d", (4, 2, 2), {}, [VOLUME]),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}, [IMAGE]),
    ("MaxPool1d", (2,), {"return_indices": True}, [LINE]), ("MaxPool2d", (3, 2, 1), {"ceil_mode": True}, [IMAGE]), ("MaxPool3d", (2,), {}, [VOLUME]),
    ("AvgPool1d", (3,), {}, [LINE]), ("AvgPool2d", (3, 2), {"padding": 1, "count_include_pad": False}, [IMAGE]), ("AvgPool3d", (2,), {}, [VOLUME]),
    ("LPPool1d", (2, 3), {}, [abs(LINE)]), ("LPPool2d", (3, 2), {}, [abs(IMAGE)]), ("AdaptiveAvgPool1d", (4,), {}, [LINE]),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [IMAGE]), ("AdaptiveMaxPool2d", ((4, 2),), {"return_indices": True}, [IMAGE]),
    ("ReflectionPad1d", (2,), {}, [LINE]), ("ReplicationPad2d", ((1, 2, 0, 3),), {}, [IMAGE]), ("CircularPad2d", ((2, 1, 0, 1),), {}, [IMAGE]),
    ("ConstantPad2d", ((1, -1, 2, 0), 3.5), {}, [IMAGE]), ("ZeroPad3d", (1,), {}, [VOLUME]),
    ("BatchNorm1d", (4,), {}, [LINE]), ("BatchNorm2d", (4,), {"momentum": None}, [IMAGE]), ("BatchNorm3d", (4,), {"affine": False}, [VOLUME]),
    ("BatchNorm2d", (4,), {"track_running_stats": False, "bias": False}, [IMAGE]), ("SyncBatchNorm", (4,), {}, [LINE]),
    ("InstanceNorm1d", (4,), {"affine": True}, [LINE]), ("InstanceNorm2d", (4,), {"track_running_stats": True}, [IMAGE]),
    ("LayerNorm", ((6, 6),), {}, [IMAGE]), ("LayerNorm", (9,), {"bias": False}, [LINE]), ("GroupNorm", (2, 4), {}, [IMAGE]), ("RMSNorm", (9,), {}, [LINE]),
    ("LocalResponseNorm", (3,), {}, [IMAGE]), ("Embedding", (7, 3), {"padding_idx": -2}, [classes(7, 2, 5)]),
    ("EmbeddingBag", (7, 3), {"mode": "sum"}, [classes(7, 2, 5)]), ("EmbeddingBag", (7, 3), {"mode": "max"}, [classes(7, 10), np.array([0, 3, 3, 7])]),
    ("Flatten", (), {}, [IMAGE]), ("Unflatten", (1, (2, 2)), {}, [IMAGE]), ("Unfold", (2,), {"stride": 2}, [IMAGE]), ("Fold", ((5, 5), 2), {}, [numbers(7, 2, 8, 16)]),
    ("PixelShuffle", (2,), {}, [IMAGE]), ("PixelUnshuffle", (3,), {}, [IMAGE]), ("ChannelShuffle", (2,), {}, [IMAGE]),
    ("Upsample", (), {"scale_factor": 2}, [LINE]), ("Upsample", ((9, 4),), {"mode": "bilinear"}, [IMAGE]), ("UpsamplingBilinear2d", (), {"scale_factor": 1.5}, [IMAGE]),
    ("CosineSimilarity", (), {}, [numbers(8, 3, 4), numbers(9, 3, 4)]), ("PairwiseDistance", (1.0,), {}, [numbers(8, 3, 4), numbers(9, 3, 4)]),
    ("RNN", (4, 5, 2), {}, [SEQUENCE]), ("RNN", (4, 5), {"nonlinearity": "relu", "bidirectional": True, "bias": False}, [SEQUENCE]),
    ("LSTM", (4, 5, 2), {"bidirectional": True}, [SEQUENCE]), ("LSTM", (4, 5), {"proj_size": 3, "batch_first": True}, [SEQUENCE]),
    ("LSTM", (4, 5, 3), {"dropout": 0.4}, [SEQUENCE]), ("GRU", (4, 5, 2), {"bidirectional": True, "batch_first": True}, [SEQUENCE]), ("GRU", (4, 5), {}, [SEQUENCE[:, 0]]),
    ("RNNCell", (4, 5), {}, [SEQUENCE[0]]), ("GRUCell", (4, 5), {"bias": False}, [SEQUENCE[0], numbers(9, 3, 5)]), ("LSTMCell", (4, 5), {}, [SEQUENCE[0, 0]]),
    ("TransformerEncoderLayer", (4, 2, 8, 0.2), {}, [SEQUENCE]), ("TransformerEncoderLayer", (4, 2, 8), {"activation": "gelu", "norm_first": True, "batch_first": True}, [SEQUENCE]),
    ("TransformerDecoderLayer", (4, 2, 8), {}, [SEQUENCE, numbers(9, 6, 3, 4)]), ("Transformer", (4, 2, 1, 2, 8), {}, [SEQUENCE, numbers(9, 6, 3, 4)]),
    ("MultiheadAttention", (4, 2, 0.3), {"add_bias_kv": True, "add_zero_attn": True}, [SEQUENCE] * 3),
    ("MultiheadAttention", (4, 2), {"kdim": 3, "vdim": 5, "batch_first": True}, [SEQUENCE, numbers(8, 5, 6, 3), numbers(9, 5, 6, 5)]),
    ("AdaptiveLogSoftmaxWithLoss", (6, 20, [5, 10]), {"div_value": 2.0}, [numbers(8, 9, 6), classes(20, 9)]),
    ("Dropout", (0.3,), {}, [IMAGE]), ("Dropout1d", (0.3,), {}, [LINE]), ("Dropout2d", (0.3,), {}, [IMAGE]), ("Dropout3d", (0.3,), {}, [VOLUME]),
    ("AlphaDropout", (0.3,), {}, [IMAGE]), ("FeatureAlphaDropout", (0.3,), {}, [IMAGE]), ("RReLU", (), {}, [IMAGE]),
]
LAYERS += [(name, args, {}, [IMAGE]) for name, args in [
    ("ReLU", ()), ("ReLU6", ()), ("ELU", (0.7,)), ("SELU", ()), ("CELU", (1.3,)), ("GELU", ()), ("GELU", ("tanh",)), ("GLU", (1,)), ("Hardshrink", ()), ("Hardsigmoid", ()),
    ("Hardswish", ()), ("Hardtanh", (-0.5, 0.8)), ("LeakyReLU", (0.2,)), ("LogSigmoid", ()), ("LogSoftmax", (1,)), ("Mish", ()), ("PReLU", (4,)), ("Sigmoid", ()), ("SiLU", ()),
    ("Softmax", (2,)), ("Softmax2d", ()), ("Softmin", (-1,)), ("Softplus", (2.0, 1.0)), ("Softshrink", ()), ("Softsign", ()), ("Tanh", ()), ("Tanhshrink", ()), ("Threshold", (0.1, 3.0))]]

PAIR = [numbers(8, 6, 5), numbers(9, 6, 5)]
CHANCES = [1 / (1 + np.exp(-PAIR[0])), (PAIR[1] > 0).astype(np.float32)]
SIGNS = np.sign(numbers(10, 6)).astype(np.float32)

LOSSES = [
    ("L1Loss", {}, PAIR), ("MSELoss", {"reduction": "sum"}, PAIR), ("SmoothL1Loss", {"beta": 0.4}, PAIR), ("HuberLoss", {"delta": 0.7, "reduction": "none"}, PAIR),
    ("CrossEntropyLoss", {"ignore_index": 2}, [PAIR[0], classes(5, 6)]), ("CrossEntropyLoss", {"label_smoothing": 0.2, "reduction": "none"}, [PAIR[0], classes(5, 6)]),
    ("CrossEntropyLoss", {}, [numbers(3, 2, 5, 3), classes(5, 2, 3)]), ("NLLLoss", {}, [PAIR[0], classes(5, 6)]),
    ("BCELoss", {}, CHANCES), ("BCEWithLogitsLoss", {"reduction": "sum"}, [PAIR[0], CHANCES[1]]), ("KLDivLoss", {"reduction": "batchmean"}, [PAIR[0], CHANCES[0]]),
    ("PoissonNLLLoss", {"full": True}, [PAIR[0], abs(PAIR[1]) * 3]), ("GaussianNLLLoss", {"full": True}, [*PAIR, abs(PAIR[0]) + 0.1]),
    ("HingeEmbeddingLoss", {}, [PAIR[0][:, 0], SIGNS]), ("CosineEmbeddingLoss", {"margin": 0.1}, [*PAIR, SIGNS]),
    ("MarginRankingLoss", {"margin": 0.2}, [PAIR[0][:, 0], PAIR[1][:, 0], SIGNS]), ("SoftMarginLoss", {}, [PAIR[0][:, 0], SIGNS]),
    ("MultiMarginLoss", {"p": 2}, [PAIR[0], classes(5, 6)]), ("MultiLabelMarginLoss", {}, [PAIR[0], np.array([[3, 0, -1, 1, 1]] * 6)]),
    ("MultiLabelSoftMarginLoss", {}, [PAIR[0], CHANCES[1]]), ("TripletMarginLoss", {"swap": True}, [*PAIR, numbers(11, 6, 5)]),
    ("TripletMarginWithDistanceLoss", {}, [*PAIR, numbers(11, 6, 5)]),
]
LAYERS += [(name, (), kwargs, inputs) for name, kwargs, inputs in LOSSES]
LOOSE = {"LSTM", "GRU", "RNN", "Transformer", "TransformerDecoderLayer", "Conv3d", "AdaptiveLogSoftmaxWithLoss"}


def compare(name, args, kwargs, inputs, training):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (run(lib, name, args, kwargs, inputs, training) for lib in (rl, torch))
    assert ours[0] == theirs[0]
    for k in (1, 4):
        assert list(ours[k]) == list(theirs[k])
        for key in theirs[k]:
            if k == 1:
                assert np.array_equal(ours[k][key], theirs[k][key]), key
            else:
                same(ours[k][key], theirs[k][key])
    tolerance = 1e-4 if name in LOOSE else 1e-5
    same(ours[2], theirs[2], tolerance, tolerance)
    same(ours[3], theirs[3], 10 * tolerance, 10 * tolerance)


@pytest.mark.parametrize("name, args, kwargs, inputs", LAYERS, ids=lambda x: x if isinstance(x, str) else "")
def test_layer_is_torchs(name, args, kwargs, inputs):
    compare(name, args, kwargs, inputs, True)


@pytest.mark.parametrize("name, args, kwargs, inputs", [row for row in LAYERS if "Norm" in row[0] or "ropout" in row[0] or row[0] == "RReLU"],
                         ids=lambda x: x if isinstance(x, str) else "")
def test_layer_in_evaluation_is_torchs(name, args, kwargs, inputs):
    compare(name, args, kwargs, inputs, False)


@pytest.mark.parametrize("name, args, inputs", [("Linear", (3,), [numbers(1, 2, 4)]), ("Conv2d", (5, 3), [IMAGE]), ("ConvTranspose1d", (5, 3), [LINE]),
                                                ("BatchNorm2d", (), [IMAGE]), ("InstanceNorm1d", (), [LINE])])
def test_lazy_layer_becomes_the_plain_one(name, args, inputs):
    layer = getattr(nn, "Lazy" + name)(*args)
    layer(*tensors(rl, inputs))
    assert type(layer) is getattr(nn, name)
    assert not any(isinstance(p, nn.UninitializedParameter) for p in layer.parameters())


def test_lazy_layer_takes_its_shape_from_a_state_dict():
    whole = nn.Linear(4, 3)
    lazy = nn.LazyLinear(3)
    lazy.load_state_dict(whole.state_dict())
    x = rl.ones(1, 4)
    assert lazy(x).tolist() == whole(x).tolist()


@pytest.mark.parametrize("make", [
    lambda n: n.Conv2d(4, 4, 3, groups=3), lambda n: n.Conv2d(4, 4, 3, padding="most"), lambda n: n.Conv2d(4, 4, 3, padding="same", stride=2),
    lambda n: n.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), lambda n: n.Dropout(1.5), lambda n: n.GroupNorm(2, 3), lambda n: n.MultiheadAttention(5, 2),
    lambda n: n.LSTM(3, 4, proj_size=4), lambda n: n.GRU(3, 4, proj_size=2), lambda n: n.RNN(3, 4, nonlinearity="sine"), lambda n: n.LSTM(3, 4.0), lambda n: n.LSTM(3, 4, bias=1),
    lambda n: n.Embedding(3, 3, 5), lambda n: n.MultiMarginLoss(p=3), lambda n: n.TripletMarginLoss(margin=-1), lambda n: n.FractionalMaxPool2d(2),
    lambda n: n.AdaptiveLogSoftmaxWithLoss(8, 20, [10, 5]), lambda n: n.Unflatten(1, 2), lambda n: n.TransformerEncoderLayer(4, 2, activation="sine"), lambda n: n.Hardtanh(1, 0)])
def test_constructor_refuses_what_torch_refuses(make):
    with pytest.raises(Exception) as theirs:
        make(torch.nn)
    with pytest.raises(type(theirs.value)):
        make(nn)


@pytest.mark.parametrize("call", [
    lambda l: l.nn.BatchNorm1d(3)(l.zeros(3)), lambda l: l.nn.BatchNorm2d(3)(l.zeros(2, 3)), lambda l: l.nn.BatchNorm1d(3)(l.zeros(1, 3)),
    lambda l: l.nn.InstanceNorm1d(3, affine=True)(l.zeros(1, 4, 5)), lambda l: l.nn.Softmax2d()(l.zeros(2, 3)), lambda l: l.nn.LSTM(2, 3)(l.zeros(1, 2, 2, 2)),
    lambda l: l.nn.LSTM(2, 3)(l.zeros(2, 1, 3)), lambda l: l.nn.LSTM(2, 3)(l.zeros(2, 1, 2), (l.zeros(1, 2, 3), l.zeros(1, 1, 3))), lambda l: l.nn.GRU(2, 3)(l.zeros(2, 1, 2), l.zeros(1, 3)),
    lambda l: l.nn.LSTM(2, 3)(l.zeros(2, 1, 2, dtype=l.float64)), lambda l: l.nn.LSTMCell(2, 3)(l.zeros(1, 1, 2)), lambda l: l.nn.GRUCell(2, 3)(l.zeros(1, 2), l.zeros(2, 3)),
    lambda l: l.nn.functional.binary_cross_entropy(l.zeros(3), l.zeros(2)), lambda l: l.nn.functional.l1_loss(l.zeros(3), l.zeros(3), reduction="most"),
    lambda l: l.nn.functional.pad(l.zeros(1, 1, 3), (4, 0), "reflect"), lambda l: l.nn.functional.interpolate(l.zeros(1, 1, 3)), lambda l: l.nn.functional.dropout(l.zeros(3), 2.0),
    lambda l: l.nn.functional.one_hot(l.tensor([3]), 2), lambda l: l.nn.functional.pixel_shuffle(l.zeros(1, 3, 2, 2), 2), lambda l: l.nn.ConvTranspose2d(2, 2, 3, 2)(l.zeros(1, 2, 4, 4), output_size=(3, 3))])
def test_call_refuses_what_torch_refuses(call):
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)):
        call(rl)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}])
def test_packed_sequences_are_torchs(name, options):
    results = []
    for lib in (rl, torch):
        lib.manual_seed(5)
        layer = getattr(lib.nn, name)(3, 4, **options)
        lines = [lib.tensor(numbers(n, n, 3).tolist(), requires_grad=True) for n in (2, 5, 4)]
        packed = lib.nn.utils.rnn.pack_sequence(lines, enforce_sorted=False)
        output, state = layer(packed)
        padded, lengths = lib.nn.utils.rnn.pad_packed_sequence(output)
        grads = lib.autograd.grad(total(lib, [padded, state]), [*lines, *layer.parameters()])
        results.append(plain([padded, lengths, state, list(grads)]))
    same(*results, 1e-4, 1e-4)


@pytest.mark.parametrize("name, options", [("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {"bidirectional": True}), ("RNN", {"num_layers": 2})])
def test_second_derivatives_of_recurrent_layers(name, options):
    results = []
    for lib in (rl, torch):
        lib.manual_seed(5)
        layer = getattr(lib.nn, name)(3, 4, **options).double()
        x = lib.tensor(numbers(1, 3, 2, 3).tolist(), dtype=lib.float64, requires_grad=True)
        first = lib.autograd.grad(total(lib, layer(x)), [x, *layer.parameters()], create_graph=True)
        second = lib.autograd.grad(sum((g * g).sum() for g in first), [x, *layer.parameters()])
        results.append(plain([list(first), list(second)]))
    same(*results, 1e-9, 1e-9)


def test_recurrent_layers_follow_assigned_weights():
    layer = nn.GRU(2, 3)
    before = layer(rl.ones(1, 1, 2))[0]
    layer.weight_ih_l0 = nn.Parameter(rl.zeros(9, 2))
    assert layer._flat_weights[0] is layer.weight_ih_l0
    assert layer(rl.ones(1, 1, 2))[0].tolist() != before.tolist()
    twin = pickle.loads(pickle.dumps(copy.deepcopy(layer)))
    assert twin(rl.ones(1, 1, 2))[0].tolist() == layer(rl.ones(1, 1, 2))[0].tolist()


@pytest.mark.parametrize("mask", ["none", "bool", "float", "heads", "causal"])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_attention_masks_are_torchs(mask, padded, need_weights):
    results = []
    hidden = np.triu(np.ones((5, 5), bool), 1)
    for lib in (rl, torch):
        lib.manual_seed(5)
        layer = lib.nn.MultiheadAttention(4, 2)
        x = lib.tensor(SEQUENCE.tolist(), requires_grad=True)
        options = {"need_weights": need_weights}
        if mask in ("bool", "causal"):
            options["attn_mask"] = lib.tensor(hidden.tolist())
            options["is_causal"] = mask == "causal"
        elif mask == "float":
            options["attn_mask"] = lib.tensor(numbers(1, 5, 5).tolist())
        elif mask == "heads":
            options["attn_mask"] = lib.tensor(numbers(1, 6, 5, 5).tolist())
        if padded:
            late = lib.tensor([[False] * 5, [False, False, False, True, True], [False, False, False, False, True]])
            options["key_padding_mask"] = late if mask in ("none", "bool", "causal") else lib.zeros(3, 5).masked_fill(late, -float("inf"))
        output, weights = layer(x, x, x, average_attn_weights=False, **options)
        grads = lib.autograd.grad(total(lib, output), [x, *layer.parameters()])
        results.append(plain([output, weights, list(grads)]))
    same(*results, 1e-4, 1e-4)


def test_encoder_in_evaluation_zeroes_padding_as_torch_does():
    results = []
    for lib in (rl, torch):
        lib.manual_seed(5)
        layer = lib.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        encoder = lib.nn.TransformerEncoder(layer, 2).eval()
        padding = lib.tensor([[False, False, False], [False, True, True]])
        with lib.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(plain(encoder(lib.tensor(numbers(1, 2, 3, 4).tolist()), src_key_padding_mask=padding)))
    same(*results)


RESIZED = [({"size": (9, 4)}, "nearest"), ({"scale_factor": 1.7}, "nearest-exact"), ({"scale_factor": (0.5, 2)}, "bilinear"), ({"size": 11, "align_corners": True}, "bilinear"),
           ({"size": (4, 13)}, "bicubic"), ({"scale_factor": 0.6, "antialias": True}, "bilinear"), ({"size": (3, 5), "antialias": True}, "bicubic"), ({"size": (4, 5)}, "area"),
           ({"scale_factor": 1.3, "recompute_scale_factor": True}, "bilinear")]


@pytest.mark.parametrize("options, mode", RESIZED)
def test_interpolate_is_torchs(options, mode):
    results = []
    for lib in (rl, torch):
        x = lib.tensor(IMAGE.tolist(), requires_grad=True)
        y = lib.nn.functional.interpolate(x, mode=mode, **options)
        results.append(plain([y, *lib.autograd.grad(total(lib, y), x)]))
    same(*results)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_grid_sample_is_torchs(mode, padding_mode, align_corners):
    results = []
    for lib in (rl, torch):
        x, theta = (lib.tensor(v.tolist(), requires_grad=True) for v in (IMAGE, numbers(3, 2, 2, 3)))
        grid = lib.nn.functional.affine_grid(theta, (2, 4, 5, 7), align_corners=align_corners)
        y = lib.nn.functional.grid_sample(x, grid, mode, padding_mode, align_corners)
        results.append(plain([y, *lib.autograd.grad(total(lib, y), [x, theta])]))
    same(*results, 1e-4, 1e-4)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(1, 2, 3, 0), (2, -1, -1, 1)])
def test_pad_is_torchs(mode, pad):
    same(*(plain(lib.nn.functional.pad(lib.tensor(IMAGE.tolist()), pad, mode)) for lib in (rl, torch)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("joined", [False, True])
def test_ctc_loss_is_torchs(reduction, joined):
    results = []
    for lib in (rl, torch):
        x = lib.tensor(numbers(3, 8, 3, 5).tolist(), requires_grad=True)
        targets = lib.tensor([[1, 1, 2], [4, 3, 0], [0, 0, 0]])
        if joined:
            targets = lib.tensor([1, 1, 2, 4, 3])
        y = lib.nn.functional.ctc_loss(lib.log_softmax(x, -1), targets, lib.tensor([8, 6, 4]), lib.tensor([3, 2, 0]), reduction=reduction)
        results.append(plain([y, *lib.autograd.grad(total(lib, y), x)]))
    same(*results, 1e-4, 1e-4)


def test_gumbel_softmax_draws_torchs_numbers():
    results = []
    for lib in (rl, torch):
        lib.manual_seed(2)
        x = lib.tensor(PAIR[0].tolist())
        results.append(plain([lib.nn.functional.gumbel_softmax(x, 0.7), lib.nn.functional.gumbel_softmax(x, hard=True)]))
    same(*results)


def test_every_module_of_torch_nn_is_there():
    absent = [n for n in torch.nn.__all__ if not hasattr(nn, n)] if hasattr(torch.nn, "__all__") else []
    absent += [n for n in torch.nn.modules.__all__ if not hasattr(nn, n)]
    assert not absent


def test_losses_that_bend_at_a_point():
    x, y = rl.tensor([0., 1, 3, 1, -2, math.inf]), rl.tensor([0.5, 1, 1, 0, 5, 0])
    assert rl.nn.functional.smooth_l1_loss(x, y, reduction="none").tolist() == [0.125, 0, 1.5, 0.5, 6.5, math.inf]
    assert rl.nn.functional.smooth_l1_loss(x, y, reduction="none", beta=0.5).tolist() == [0.25, 0, 1.75, 0.75, 6.75, math.inf]
    assert rl.nn.functional.smooth_l1_loss(x, y, reduction="none", beta=0).tolist() == [0.5, 0, 2, 1, 7, math.inf]
    assert rl.nn.functional.huber_loss(x, y, reduction="none", delta=2).tolist() == [0.125, 0, 2, 0.5, 12, math.inf]
    x.requires_grad_()
    for loss, slope in ((rl.nn.functional.smooth_l1_loss(x, y, reduction="sum", beta=2), [-0.25, 0, 1, 0.5, -1, 1]), (rl.nn.functional.huber_loss(x, y, reduction="sum", delta=2), [-0.5, 0, 2, 1, -2, 2])):
        assert rl.autograd.grad(loss, x)[0].tolist() == slope
    assert rl.nn.functional.huber_loss(x.detach(), y.double()).dtype is rl.float32 and rl.nn.functional.smooth_l1_loss(x.detach(), y.double()).dtype is rl.float64
    for call, error in ((lambda: rl.nn.functional.huber_loss(y.long(), y), "can't be cast to the desired output type Long"), (lambda: rl.nn.functional.huber_loss(x, y, delta=0), "non-positive values for delta"),
                        (lambda: rl.nn.functional.smooth_l1_loss(x, y, beta=-1), "negative values for beta")):
        with pytest.raises(RuntimeError, match=error):
            call()
    with pytest.raises(NotImplementedError, match="\"smooth_l1_cpu\" not implemented for 'Long'"):
        rl.nn.functional.smooth_l1_loss(y.long(), y.long())
