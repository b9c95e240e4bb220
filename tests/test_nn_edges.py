"""Layers and losses at their edges: halves with float weights, empty batches, equal numbers, arguments that do not fit; each asked of both libraries.

An answer must be the same: dtype, shape and numbers, or the class of the error and its first words.
"""

import copy
import io
import pickle
import warnings

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")


def said(call, lib):
    """What a call answers: dtypes, shapes and numbers of its tensors, or its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = call(lib, lib.nn.functional)
        except Exception as error:
            return type(error).__name__, str(error)
    tensors = answer if isinstance(answer, (tuple, list)) else (answer,)
    return [(str(t.dtype).split(".")[-1], tuple(t.shape), t.detach().double().flatten().tolist()) for t in tensors]


def agree(call, words=None, tolerance=1e-6):
    ours, theirs = said(call, rl), said(call, torch)
    if words is not None:
        assert ours[0] == theirs[0] and words in ours[1] and words in theirs[1], (ours, theirs)
        return
    assert isinstance(ours, list) and isinstance(theirs, list), (ours, theirs)
    for (dtype, shape, numbers), (their_dtype, their_shape, their_numbers) in zip(ours, theirs, strict=True):
        assert (dtype, shape) == (their_dtype, their_shape)
        assert numbers == pytest.approx(their_numbers, rel=tolerance, abs=tolerance, nan_ok=True)


def ramp(t, dtype, *shape):
    count = 1
    for n in shape:
        count *= n
    return (t.arange(float(count)) / count - 0.4).reshape(shape).to(getattr(t, dtype))


# ---- normalisation ----

@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("call", [
    lambda t, x, w: t.nn.functional.group_norm(x, 2, w, w),
    lambda t, x, w: t.nn.functional.group_norm(x, 2, w),
    lambda t, x, w: t.nn.functional.instance_norm(x, None, None, w, w),
    lambda t, x, w: t.nn.functional.batch_norm(x, None, None, w, w, training=True),
])
def test_halves_with_float_weights_stay_halves(dtype, call):
    def both(t, F):
        x = ramp(t, dtype, 2, 4, 3).requires_grad_()
        w = (t.arange(4.0) + 0.5).requires_grad_()
        y = call(t, x, w)
        (y.float() * ramp(t, "float32", 2, 4, 3)).sum().backward()
        return y, x.grad, w.grad
    agree(both, tolerance={"bfloat16": 8e-3, "float16": 1e-3}[dtype])      # a half is rounded twice


@pytest.mark.parametrize("x, w, words", [("float32", "float64", "expect parameter to have scalar type of Float"), ("float32", "bfloat16", "expect parameter to have scalar type of Float"),
                                         ("float64", "float32", "all inputs must share same datatype"), ("bfloat16", "float64", "expect parameter to have scalar type of Float")])
def test_dtypes_that_norms_do_not_mix(x, w, words):
    agree(lambda t, F: F.group_norm(ramp(t, x, 2, 4, 3), 2, ramp(t, w, 4)), words)
    agree(lambda t, F: F.instance_norm(ramp(t, x, 2, 4, 3), None, None, ramp(t, w, 4), ramp(t, w, 4)), words)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_epsilon_of_rms_norm_is_of_the_dtype_it_is_computed_in(dtype):
    agree(lambda t, F: F.rms_norm((ramp(t, "float64", 3, 4) * 0.01).to(getattr(t, dtype)), (4,)), tolerance=1e-6)


def test_group_norm_of_single_values_is_refused():
    agree(lambda t, F: F.group_norm(t.ones(1, 4), 4), "Expected more than 1 value per channel when training, got input size [1, 4]")
    agree(lambda t, F: F.group_norm(t.ones(1, 4), 2))


@pytest.mark.parametrize("n", [110, 1000, 40_000])
@pytest.mark.parametrize("value", [1 / 3, 1e-8, 123.456, 1e10])
def test_equal_numbers_have_no_variance(n, value):
    x = rl.full((n,), value)
    for spread in (x.var(), x.std(), x.repeat(2, 1).std(1).max(), rl.std_mean(x)[0]):
        assert 0 <= spread.item() <= 1e-6 * value ** 2 + 1e-6 * value


@pytest.mark.parametrize("normalise", [lambda F, x: F.layer_norm(x, x.shape[1:]), lambda F, x: F.group_norm(x, 1), lambda F, x: F.batch_norm(x.transpose(0, 1), None, None, training=True)])
def test_long_rows_are_normalised_as_exactly_as_short_ones(normalise):
    x = rl.rand(1, 2, 1_500_000, generator=rl.Generator().manual_seed(0))
    difference = normalise(rl.nn.functional, x).double() - normalise(rl.nn.functional, x.double())
    assert difference.abs().max().item() < 5e-7      # four units in the last place of numbers up to 1.8


# ---- nothing to do ----

@pytest.mark.parametrize("shape", [(0, 5, 8), (5, 0, 8)])
@pytest.mark.parametrize("training", [False, True])
def test_attention_over_empty_batches(shape, training):
    agree(lambda t, F: t.nn.MultiheadAttention(8, 2).train(training)(*[t.ones(shape)] * 3)[0])
    agree(lambda t, F: t.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).train(training)(t.ones(shape)))
    agree(lambda t, F: t.nn.Transformer(8, 2, 1, 1, 16, batch_first=True).train(training)(t.ones(shape), t.ones(shape)))


def test_shuffled_channels_of_nothing():
    agree(lambda t, F: F.channel_shuffle(t.ones(0, 6, 2), 3))
    agree(lambda t, F: F.channel_shuffle(t.ones(2, 6, 0, 2), 2))


@pytest.mark.parametrize("shape", [(1, 0), (5, 0, 2), (0, 3)])
def test_cross_entropy_without_classes_or_samples(shape):
    agree(lambda t, F: F.cross_entropy(t.zeros(shape), t.zeros(shape)))
    agree(lambda t, F: F.cross_entropy(t.zeros(shape), t.zeros(shape), label_smoothing=0.1))
    agree(lambda t, F: F.cross_entropy(t.zeros(shape), t.zeros(shape), reduction="sum"))


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_borders_around_nothing(mode, n):
    words = f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
    agree(lambda t, F: F.pad(t.ones(0, 1, *[3] * n), (1, 1) * n, mode))
    for shape in ((1, 0, *[3] * n), (0, *[3] * n), (2, *[3] * (n - 1), 0), (1, 1, 0, *[3] * (n - 1))):
        agree(lambda t, F: F.pad(t.ones(shape), (1, 1) * n, mode), words + str(list(shape)))


# ---- embeddings ----

@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "bfloat16"])
def test_embedding_of_a_frozen_table_of_any_dtype(dtype):
    agree(lambda t, F: t.nn.Embedding.from_pretrained(t.ones(3, 2).to(getattr(t, dtype)))(t.tensor([0, 2])))


def test_integers_train_nothing():
    words = "Only Tensors of floating point and complex dtype can require gradients"
    agree(lambda t, F: t.nn.Embedding.from_pretrained(t.ones(3, 2, dtype=t.int64), freeze=False)(t.tensor([0])), words)
    agree(lambda t, F: t.nn.Parameter(t.ones(2, dtype=t.int32)), words)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_rows_are_scaled_to_max_norm(dtype, p):
    def both(t, F):
        table = t.tensor([[3.0, 3], [0.1, 0.2], [5, 1]], dtype=getattr(t, dtype))
        return F.embedding(t.tensor([0, 1, 0]), table, max_norm=1.0, norm_type=p), table, F.embedding_bag(t.tensor([[2, 1]]), table, max_norm=1.0, norm_type=p), table
    agree(both, tolerance={"float16": 1e-3, "bfloat16": 8e-3}.get(dtype, 1e-6))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("index", [-1, 4, 100])
def test_bags_of_rows_that_are_not_there(mode, index):
    words = f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {index}"
    agree(lambda t, F: F.embedding_bag(t.tensor([[0, index]]), t.ones(4, 2), mode=mode, padding_idx=0), words)
    plain = words if mode == "max" else f"Index 1 of input takes value {index} which is not in the valid range [0, 4)"
    agree(lambda t, F: F.embedding_bag(t.tensor([[0, index]]), t.ones(4, 2), mode=mode), plain)


@pytest.mark.parametrize("words, options", [
    ("offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got 1", lambda t: {"offsets": t.tensor([1, 2])}),
    ("offsets[-1] can not be greater than input's length 3 but got offsets[-1] of 5", lambda t: {"offsets": t.tensor([0, 5])}),
    ("padding_idx must be within the number of embeddings, -4 through 3, but got 4", lambda t: {"offsets": t.tensor([0]), "padding_idx": 4}),
    ("max mode does not support scaling the gradient by the frequency", lambda t: {"offsets": t.tensor([0]), "mode": "max", "scale_grad_by_freq": True}),
    ("max mode does not support sparse weights", lambda t: {"offsets": t.tensor([0]), "mode": "max", "sparse": True}),
    ("to have the same type as tensor for argument #1 'per_sample_weights'", lambda t: {"offsets": t.tensor([0]), "mode": "sum", "per_sample_weights": t.ones(3, dtype=t.float64)}),
])
def test_arguments_that_bags_refuse(words, options):
    agree(lambda t, F: F.embedding_bag(t.tensor([0, 1, 2]), t.ones(4, 2, requires_grad=True), **options(t)), words)


# ---- losses and the rest ----

def test_ctc_loss_refuses_what_counts_nothing():
    def loss(t, F, steps, labels, **more):
        return F.ctc_loss(t.zeros(30, 3, 5).log_softmax(-1), t.ones(3, 10, dtype=t.int64), t.tensor(steps), t.tensor(labels), **more)
    agree(lambda t, F: loss(t, F, [30.0] * 3, [10] * 3), "input_lengths must be integral")
    agree(lambda t, F: loss(t, F, [30] * 3, [10.0] * 3), "target_lengths must be integral")
    agree(lambda t, F: loss(t, F, [30] * 3, [10] * 3, reduction="most"), "most is not a valid value for reduction")


def test_multi_margin_loss_of_one_sample_has_the_targets_shape():
    for target in (1, [1]):
        agree(lambda t, F: F.multi_margin_loss(t.tensor([1.0, 2, 3]), t.tensor(target), reduction="none"))


def test_ratios_of_fractional_pooling():
    agree(lambda t, F: F.fractional_max_pool2d(t.ones(1, 2, 8, 8), 2, output_ratio=(0.5, 0.5, 0.5)), "fractional_max_pool2d requires output_ratio to either be a single Int or tuple of Ints")


@pytest.mark.parametrize("n, options, words", [
    (2, {"kernel_size": (2,), "output_size": 3}, "fractional_max_pool2d: kernel_size must either be a single Int or tuple of Ints"),
    (3, {"kernel_size": 2, "output_size": (3, 3)}, "fractional_max_pool3d: output_size must either be a single Int or tuple of three Ints"),
    (2, {"kernel_size": 2, "output_size": 3, "_random_samples": (1, 2)}, "Expect _random_samples to have 3 dimensions, got 2"),
    (2, {"kernel_size": 2, "output_size": 3, "_random_samples": (1, 2, 3)}, "Expect _random_samples.size(2) equals to 2; got 3"),
    (2, {"kernel_size": 2, "output_size": 3, "_random_samples": (0, 2, 2)}, "Expect _random_samples.size(0) no less then input batch size"),
])
def test_arguments_that_fractional_pooling_refuses(n, options, words):
    def call(t, F):
        given = {name: t.zeros(value) if name == "_random_samples" else value for name, value in options.items()}
        return getattr(F, f"fractional_max_pool{n}d")(t.ones(1, 2, *[8] * n), **given)
    agree(call, words)


def test_fractional_pooling_to_nothing_and_of_nothing():
    agree(lambda t, F: F.fractional_max_pool2d(t.ones(2, 3, 8, 8), 2, output_size=(0, 1)))
    agree(lambda t, F: F.fractional_max_pool2d(t.ones(1, 0, 8, 8), 2, output_size=3), "Expected input to have non-zero size for non-batch dimensions")


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_adaptive_pooling_of_nothing(kind, n):
    def pool(*shape):
        return lambda t, F: getattr(F, f"adaptive_{kind}_pool{n}d")(t.ones(*shape, *[4] * (n - 1)), 2)
    agree(pool(0, 4))
    agree(pool(0, 3, 4))
    words = "Expected input to have non-zero size for non-batch dimensions, but input has sizes"
    agree(pool(2, 3, 0), words)
    agree(pool(2, 0, 4), None if kind == "avg" and n < 3 else words)


def test_modules_are_converted_in_place():
    agree(lambda t, F: t.nn.Linear(2, 2).to("cpu", t.float32, True, True).weight, ".to() does not accept copy argument")


def test_a_register_buffer_of_ones_own_may_take_two_arguments():
    def both(t, F):
        class Own(t.nn.Module):
            def register_buffer(self, name, tensor):
                super().register_buffer(name, tensor)
        module = Own()
        module.kept = t.nn.Buffer(t.ones(2))
        return list(module.state_dict().values())
    agree(both)


def test_a_prefix_leaves_the_metadata_too():
    for lib in (rl, torch):
        state = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2)).state_dict(prefix="foo.")
        lib.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "foo.")
        assert list(state._metadata) == ["", "0", "1"] and list(state)[:2] == ["0.weight", "0.bias"]


def test_the_engines_functions_by_their_other_name():
    x, h = rl.ones(2, 3), rl.zeros(2, 4)
    cell = rl.nn.GRUCell(3, 4)
    weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    assert rl._VF.gru_cell(x, h, *weights).tolist() == cell(x, h).tolist()
    with pytest.raises(AttributeError, match="no_such_function"):
        rl._VF.no_such_function


# ---- functions in files ----

FUNCTIONS = ["nn.functional.gelu", "nn.functional.relu", "nn.functional.logsigmoid", "nn.functional.elu_", "nn.functional.one_hot", "nn.functional.avg_pool2d", "relu", "sigmoid",
             "special.erf", "linalg.det", "fft.fft", "norm"]


def found(lib, path):
    for part in path.split("."):
        lib = getattr(lib, part)
    return lib


@pytest.mark.parametrize("path", FUNCTIONS)
@pytest.mark.parametrize("writer, reader", [(rl, rl), (rl, torch), (torch, rl)])
def test_functions_go_through_files(path, writer, reader):
    file = io.BytesIO()
    writer.save({"activation": found(writer, path)}, file)
    file.seek(0)
    read = reader.load(file, weights_only=False)["activation"]
    assert read is found(reader, path) or read == found(reader, path)


@pytest.mark.parametrize("writer, reader", [(rl, rl), (rl, torch), (torch, rl)])
def test_a_function_that_is_allowed_by_name(writer, reader):
    file = io.BytesIO()
    writer.save([writer.nn.functional.gelu], file)
    file.seek(0)
    with reader.serialization.safe_globals([reader.nn.functional.gelu]):
        assert reader.load(file) == [reader.nn.functional.gelu]


def test_an_encoder_with_gelu_is_copied_and_saved():
    layer, file = rl.nn.TransformerEncoderLayer(4, 2, 8, activation="gelu").eval(), io.BytesIO()
    rl.save(layer, file)
    file.seek(0)
    x = rl.ones(1, 3, 4)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), rl.load(file, weights_only=False)):
        assert other.activation is rl.nn.functional.gelu and other(x).tolist() == layer(x).tolist()


def test_cells_without_state():
    for cell in (rl.nn.RNNCell(3, 0), rl.nn.GRUCell(3, 0), rl.nn.LSTMCell(3, 0)):
        out = cell(rl.ones(2, 3))
        assert [t.shape for t in (out if isinstance(out, tuple) else (out,))] == [(2, 0)] * (2 if isinstance(out, tuple) else 1)


def test_cosine_similarity_of_integers():
    x, y = rl.ones(2, 3), rl.ones(2, 3, dtype=rl.int64)
    assert rl.nn.functional.cosine_similarity(x, y).dtype == rl.float32 and rl.nn.functional.cosine_similarity(y.bool(), x.double()).dtype == rl.float64
    for a, b in ((y, y), (y.to(rl.int8), y), (x.to(rl.complex64), x)):
        with pytest.raises(RuntimeError, match="expected common dtype to be floating point"):
            rl.nn.functional.cosine_similarity(a, b)


def test_affine_grids_go_back_twice():
    theta = rl.rand(1, 2, 3, dtype=rl.float64, requires_grad=True)
    grid = rl.nn.functional.affine_grid(theta, (1, 1, 2, 2), align_corners=False)
    for times in (1, 2):
        grid.sum().backward()
        assert theta.grad.tolist() == [[[0, 0, 4.0 * times]] * 2]
    assert rl.autograd.gradcheck(lambda t: rl.nn.functional.affine_grid(t, (1, 1, 2, 3, 2), align_corners=True), rl.rand(1, 3, 4, dtype=rl.float64, requires_grad=True))


def test_hardshrink_compares_in_the_dtype_of_its_input():
    for dtype in (rl.float16, rl.bfloat16):
        x = rl.tensor([0.3, -0.3, 0.5], dtype=dtype, requires_grad=True)
        y = rl.nn.functional.hardshrink(x, 0.3)
        y.sum().backward()
        assert y.tolist() == [0, 0, 0.5] and x.grad.tolist() == [0, 0, 1]


def test_spectral_norm_reads_states_of_before_it_kept_v():
    rl.manual_seed(0)
    module = rl.nn.utils.spectral_norm(rl.nn.Linear(5, 7))
    for _ in range(3):
        module(rl.randn(2, 5))
    module.eval()
    x = rl.randn(4, 5)
    expected = module(x)
    old = module.state_dict()
    old["weight"] = module.weight.detach().clone()
    del old["weight_v"], old._metadata[""]["spectral_norm"]
    fresh = rl.nn.utils.spectral_norm(rl.nn.Linear(5, 7)).eval()
    fresh.load_state_dict(old)
    rl.testing.assert_close(fresh(x), expected)
    del old["weight_u"]
    with pytest.raises(RuntimeError, match="weight_u"):
        fresh.load_state_dict(old)
    plain = rl.nn.utils.remove_spectral_norm(fresh)
    assert not plain._load_state_dict_pre_hooks and not plain._state_dict_hooks
